"""Formulas: written once as a function, shown everywhere from that function.

A formula is a pure function of named quantities. Its annotations carry the units, one table
gives each name its symbol and meaning, and the LaTeX is derived from the function's source in
the order in which its author wrote it.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast, get_type_hints

import numpy as np

from reckoner.declare.latex import NoLatexError, latex, return_of
from reckoner.declare.trace import running
from reckoner.declare.units import shown, unit_of

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Symbol:
    """How a named quantity is written (LaTeX) and what it means."""

    latex: str
    meaning: str


@dataclass(frozen=True)
class Formula:
    """A formula of the book, with what a reader needs to follow it.

    Attributes:
        function: the function itself.
        gives: name of the quantity it computes.
        source: where it comes from, as a sentence or a citation.
        inputs: unit of each argument, by name.
        unit: unit of the result.
    """

    function: Callable[..., Any]
    gives: str
    source: str
    inputs: Mapping[str, str]
    unit: str

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def module(self) -> str:
        return self.function.__module__

    @property
    def label(self) -> str:
        return f"eq-{self.name.replace('_', '-')}"

    @property
    def anchor(self) -> str:
        """The target on the page of formulas."""
        return f"formula-{self.name.replace('_', '-')}"

    @property
    def meaning(self) -> str:
        return inspect.getdoc(self.function) or ""

    @property
    def code(self) -> str:
        """The source without its decorator and docstring."""
        source = textwrap.dedent(inspect.getsource(self.function))
        source = re.sub(r'[ \t]*"""[\s\S]*?"""\n', "", source, count=1)
        return source[source.index("def ") :].rstrip()

    @property
    def line(self) -> int:
        """The line of its module's file on which it begins."""
        return inspect.getsourcelines(self.function)[1]


@dataclass
class Formulary:
    """The formulas of a book and the symbols they are written with.

    Args:
        symbols: the quantity table, by name.
    """

    symbols: Mapping[str, Symbol]
    formulas: dict[str, Formula] = field(default_factory=dict)
    procedures: dict[str, str] = field(default_factory=dict)

    def formula(self, *, gives: str, source: str) -> Callable[[F], F]:
        """Register a function as a formula of the book; a trace notes its calls.

        Args:
            gives: the quantity it computes, a name in the quantity table.
            source: where the formula comes from.

        Raises:
            ValueError: a name is not in the quantity table, or the function's name is taken.
            TypeError: an argument or the result carries no unit.
        """

        def register(function: F) -> F:
            hints = get_type_hints(function, include_extras=True)
            unit = unit_of(hints.pop("return", None))
            inputs = {name: unit_of(hint) for name, hint in hints.items()}
            unknown = [name for name in (gives, *inputs) if name not in self.symbols]
            if unknown:
                raise ValueError(
                    f"{function.__name__}: no symbol for {', '.join(unknown)}; "
                    "add a row to the quantity table"
                )
            taken = self.formulas.get(function.__name__)
            if taken and taken.module != function.__module__:
                raise ValueError(f"{function.__name__} is already a formula of {taken.module}")
            self.formulas[function.__name__] = Formula(function, gives, source, inputs, unit)
            return _noted(function, deep=True)

        return register

    def procedure(self, function: F) -> F:
        """Register a computation that is more than a formula, such as a search or a fit.

        Where a number comes from it is named by the first line of its docstring; the formulas
        that it calls are not told apart.
        """
        self.procedures[function.__name__] = (inspect.getdoc(function) or "").split("\n")[0]
        return _noted(function, deep=False)

    def __getitem__(self, formula: str | Callable[..., Any]) -> Formula:
        name = formula if isinstance(formula, str) else formula.__name__
        return self.formulas[name]

    def equation(self, formula: str | Callable[..., Any]) -> str:
        """The formula in symbols, as LaTeX."""
        known = self[formula]
        symbols = {name: self.symbols[name].latex for name in known.inputs}
        return f"{self.symbols[known.gives].latex} = {_body(known, symbols)}"

    def worked(
        self, formula: str | Callable[..., Any], values: Mapping[str, Any], digits: int = 4
    ) -> tuple[str, str, str]:
        """Symbols, then numbers, then the result, each as LaTeX.

        Args:
            formula: a formula of the book.
            values: one number for each argument, in base units.
            digits: significant digits of the numbers.

        Raises:
            TypeError: an argument is missing or is not one of the formula's.
        """
        known = self[formula]
        inspect.signature(known.function).bind(**values)
        numbers = {
            name: shown(values[name], unit, digits).latex for name, unit in known.inputs.items()
        }
        with np.errstate(divide="ignore", invalid="ignore"):
            result = shown(known.function(**values), known.unit, digits).latex
        return self.equation(formula), _body(known, numbers, numeric=True), result


def _noted(function: F, deep: bool) -> F:
    """The same function, whose calls a trace notes."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def noted(*args: Any, **kwargs: Any) -> Any:
        trace = running()
        if trace is None:
            return function(*args, **kwargs)
        arguments = signature.bind(*args, **kwargs)
        return trace.call(function.__name__, function, arguments, deep)

    return cast(F, noted)


def _body(known: Formula, names: Mapping[str, str], numeric: bool = False) -> str:
    """The right-hand side as LaTeX, with `names` in place of the arguments."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(known.function)))
        return latex(return_of(tree), names.__getitem__, numeric)
    except NoLatexError as error:
        raise ValueError(f"{known.module}.{known.name}: {error}") from error
