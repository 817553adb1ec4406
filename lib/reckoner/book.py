"""A book: its formulas, constants, claims and chapters, tied together."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from reckoner.claims import Again, Claim
from reckoner.declare.formulas import Formulary
from reckoner.declare.parameters import Parameters
from reckoner.declare.tables import Constant
from reckoner.declare.worksheet import Run, Worksheet
from reckoner.ledger import Conclusions, Ledger


@dataclass(frozen=True)
class Book:
    """What the machinery needs to know of a book.

    A chapter is a module of `package` with a worksheet named `conclude` and, where it has one, the
    declaration of its live figure, `LIVE`.

    Attributes:
        package: name of the package with the chapters' worksheets.
        chapters: their names in reading order.
        formulary: the formulas and symbols.
        constants: the catalog's rows by address.
        claims: the rows of the claims file.
        again: what decides claims a second time.
        pages: name of a module whose `extras` gives what else the book's pages may name;
            "subjects" among it lists the groups of keys whose constants have a table each.
        cover: chapter and name of the figure that stands for the book.
        data: the folder of the data files.
        distribution: the name under which the packages are installed, which has a version.
        home: name of the module that has the book as `BOOK`, for the workers of a sweep.
    """

    package: str
    chapters: tuple[str, ...]
    formulary: Formulary
    constants: Mapping[str, Constant]
    claims: tuple[Claim, ...]
    again: tuple[Again, ...] = ()
    pages: str = ""
    cover: tuple[str, str] | None = None
    data: Path | None = None
    distribution: str = ""
    home: str = ""

    @cached_property
    def extras(self) -> dict[str, Any]:
        """What the book's pages may name besides; no chapter depends on it."""
        found: dict[str, Any] = importlib.import_module(self.pages).extras() if self.pages else {}
        return found

    def module(self, chapter: str) -> ModuleType:
        """The module of a chapter.

        Raises:
            ValueError: there is no such chapter.
        """
        if chapter not in self.chapters:
            raise ValueError(f"no chapter {chapter!r}; there are {', '.join(self.chapters)}")
        return importlib.import_module(f"{self.package}.{chapter}")

    def worksheet(self, chapter: str) -> Worksheet:
        """The worksheet of a chapter."""
        sheet: Worksheet = self.module(chapter).conclude
        return sheet

    def live(self, chapter: str) -> Any:
        """The declaration of a chapter's live figure; None where it has none."""
        return getattr(self.module(chapter), "LIVE", None)

    def parameters(self, chapter: str) -> Parameters:
        """The declared parameters of a chapter."""
        return self.worksheet(chapter).parameters

    def units(self, chapter: str) -> dict[str, str]:
        """The unit of each result of a chapter, by its name."""
        return self.worksheet(chapter).units

    def results(self, chapter: str, values: Mapping[str, Any]) -> Any:
        """A chapter's results, as attributes, for values in base units or arrays of them."""
        return self.worksheet(chapter)(**self.parameters(chapter).joined(values))

    def run(self, chapter: str, values: Mapping[str, Any]) -> Run:
        """A chapter's run for checked values in the units of its declarations, with its trace."""
        return self.worksheet(chapter).run(**self.parameters(chapter).assemble(values))

    def conclude(self, chapter: str, values: Mapping[str, Any]) -> Conclusions:
        """What a chapter concludes from `values`, given in the units of its declarations."""
        parameters = self.parameters(chapter)
        checked = parameters.check(values)
        results = self.worksheet(chapter)(**parameters.assemble(checked))
        return self.concluded(chapter, checked, results)

    def concluded(self, chapter: str, checked: Mapping[str, Any], results: Any) -> Conclusions:
        """A chapter's results with their units and the checked values that they follow from."""
        given = {p.name: p.words(checked[p.name]) for p in self.parameters(chapter)}
        return Conclusions(results, self.units(chapter), given)

    @cached_property
    def _by_default(self) -> dict[str, Run]:
        return {}

    def run_by_default(self, chapter: str) -> Run:
        """A chapter's run from its defaults."""
        if chapter not in self._by_default:
            self._by_default[chapter] = self.run(chapter, self.parameters(chapter).check({}))
        return self._by_default[chapter]

    def conclude_by_default(self, chapter: str) -> Conclusions:
        """What a chapter concludes from its defaults."""
        results = self.run_by_default(chapter).results
        return self.concluded(chapter, self.parameters(chapter).defaults, results)

    @cached_property
    def ledger(self) -> Ledger:
        """The judge of the book's claims."""
        return Ledger(
            self.claims,
            self.conclude_by_default,
            self._revise,
            self._formula,
            self._fact,
            self.again,
        )

    def load(self) -> None:
        """Import every chapter, so that every formula is known."""
        for chapter in self.chapters:
            self.module(chapter)

    def _revise(self, chapter: str, changes: Mapping[str, Any]) -> Conclusions:
        """What a chapter concludes with some inputs changed: numbers in base units, or names."""
        names = {name: value for name, value in changes.items() if isinstance(value, str)}
        numbers = {name: value for name, value in changes.items() if name not in names}
        inputs = {**self.parameters(chapter).base(names), **numbers}
        return Conclusions(self.worksheet(chapter)(**inputs), self.units(chapter))

    def _formula(self, name: str) -> Callable[..., Any]:
        if name not in self.formulary.formulas:
            self.load()
        return self.formulary[name].function

    def _fact(self, address: str) -> Constant:
        return self.constants[address]
