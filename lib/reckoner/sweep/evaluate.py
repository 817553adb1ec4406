"""A sweep: a chapter's function on whole arrays of points, piece by piece.

Names (of chips, of models) are taken one combination after another; the numbers that vary make a
grid, which is cut into chunks. A number that does not vary stays one number: what a chunk gives
does not depend on where it was cut.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from reckoner.book import Book
from reckoner.declare.parameters import ParameterError, Parameters
from reckoner.sweep.grids import BLOCK, CHUNK, Axis, Grid, axis, grid

MOST_POINTS = 1_000_000_000
Column = float | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """One chunk, with all that another process needs to evaluate it.

    Attributes:
        number: which chunk.
        module: name of the chapter's module.
        code: hash of the code and data that must evaluate it.
        fixed: arguments of the chapter's function that are the same at all points.
        points: those that vary, in base units.
    """

    number: int
    module: str
    code: str
    fixed: Mapping[str, Any]
    points: Grid


@dataclass(frozen=True)
class Evaluated:
    """What a chunk gives.

    Attributes:
        results: for each result one number, or one for each point.
        errors: what went wrong, by the point's place in the chunk.
    """

    results: dict[str, Column]
    errors: dict[int, str]


@dataclass(frozen=True)
class Sweep:
    """The points of a sweep over a chapter.

    Args:
        book: the book.
        chapter: name of the chapter.
        given: what to vary and what to fix, as written: see `grids.SYNTAX`.
        chunk: how many points are evaluated at once.

    Raises:
        ParameterError: a name or a value is not allowed, or there are too many points.
    """

    book: Book
    chapter: str
    given: Mapping[str, str]
    chunk: int = CHUNK

    def __post_init__(self) -> None:
        if self.count > MOST_POINTS:
            raise ParameterError(f"{self.count:,} points are more than {MOST_POINTS:,}")

    @property
    def module(self) -> ModuleType:
        return self.book.module(self.chapter)

    @cached_property
    def parameters(self) -> Parameters:
        return self.book.parameters(self.chapter)

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """The values of each given parameter, in the order of the declarations."""
        for name in self.given:
            self.parameters[name]
        return {
            p.name: axis(p, self.given[p.name]) for p in self.parameters if p.name in self.given
        }

    @property
    def swept(self) -> list[Axis]:
        """The axes with more than one value."""
        return [found for found in self.axes.values() if found.swept]

    @property
    def names(self) -> list[Axis]:
        return [found for found in self.swept if found.parameter.by_name]

    @property
    def numbers(self) -> list[Axis]:
        return [found for found in self.swept if not found.parameter.by_name]

    @cached_property
    def grid_size(self) -> int:
        """Points of each combination of names."""
        return math.prod(len(found) for found in self.numbers)

    @cached_property
    def count(self) -> int:
        """All points."""
        return self.grid_size * math.prod(len(found) for found in self.names)

    @cached_property
    def units(self) -> dict[str, str]:
        """The unit of each result."""
        return self.book.units(self.chapter)

    @cached_property
    def combinations(self) -> list[dict[str, Any]]:
        """For each combination of names one checked value of every parameter.

        A number that is swept stands there with its first value.
        """
        first = {name: found.first() for name, found in self.axes.items()}
        chosen = itertools.product(*(found.values for found in self.names))
        keys = [found.name for found in self.names]
        return [
            self.parameters.check({**first, **dict(zip(keys, names, strict=True))})
            for names in chosen
        ]

    @property
    def chunks(self) -> int:
        return len(self.combinations) * self._chunks_each

    @property
    def _chunks_each(self) -> int:
        return math.ceil(self.grid_size / self.chunk)

    def span(self, number: int) -> tuple[dict[str, Any], int, int]:
        """A chunk's combination of names, and which points of its grid it has."""
        combination, part = divmod(number, self._chunks_each)
        start = part * self.chunk
        return self.combinations[combination], start, min(start + self.chunk, self.grid_size)

    def grid(self, number: int) -> Grid:
        """A chunk's points, in the units of the declarations."""
        _, start, stop = self.span(number)
        return grid({found.name: np.asarray(found.values) for found in self.numbers}, start, stop)

    def task(self, number: int, code: str) -> Task:
        """A chunk as another process evaluates it."""
        values, start, stop = self.span(number)
        axes = {found.name: found.parameter.base(found.values) for found in self.numbers}
        fixed = {p.name: p.base(values[p.name]) for p in self.parameters if p.name not in axes}
        return Task(number, self.module.__name__, code, fixed, grid(axes, start, stop))

    def points(self) -> Iterator[dict[str, Any]]:
        """Each point's parameters, checked, one after another."""
        for number in range(self.chunks):
            values, start, stop = self.span(number)
            columns = self.grid(number).columns()
            for place in range(stop - start):
                own = {name: float(column[place]) for name, column in columns.items()}
                yield self.parameters.check({**values, **own})


def evaluate(task: Task) -> Evaluated:
    """What the chapter's function gives at each point of a chunk.

    A point at which it fails, or gives something that is not a number, has its error; the others
    keep their results. An infinite result says that there is none, such as no batch at parity.
    """
    module = importlib.import_module(task.module)
    names = [field.name for field in dataclasses.fields(module.Conclusions)]
    return _pieces(_function(module), names, task.fixed, task.points, BLOCK)


def _function(module: ModuleType) -> Callable[..., Any]:
    """A chapter's function of all its declared parameters in base units."""
    declared: Parameters = module.PARAMETERS
    return lambda **values: module.conclude(**declared.joined(values))


def _pieces(
    conclude: Any, names: list[str], fixed: Mapping[str, Any], points: Grid, size: int
) -> Evaluated:
    """The points piece by piece, each evaluated while its arrays are in the processor's cache."""
    results: dict[str, Column] = {}
    errors: dict[int, str] = {}
    for piece in points.blocks(size):
        found, start = _evaluate(conclude, names, fixed, piece), piece.start - points.start
        for name, column in found.results.items():
            whole = results.get(name)
            results[name] = _placed(whole, column, start, start + len(piece), len(points))
        errors |= {start + place: text for place, text in found.errors.items()}
    return Evaluated(results, errors)


def _placed(whole: Column | None, column: Column, start: int, stop: int, size: int) -> Column:
    """The results so far with those of a further piece; one number stays one while it can."""
    if isinstance(column, float) and (
        whole is None or (isinstance(whole, float) and whole == column)
    ):
        return column
    if not isinstance(whole, np.ndarray):
        whole = np.empty(size) if whole is None else np.full(size, whole)
    whole[start:stop] = column
    return whole


def _evaluate(conclude: Any, names: list[str], fixed: Mapping[str, Any], points: Grid) -> Evaluated:
    try:
        with np.errstate(all="ignore"):
            concluded = conclude(**fixed, **points.columns())
            results = {name: _column(concluded, name, points) for name in names}
    except Exception as error:  # whatever a formula raises belongs to its point
        if len(points) == 1:
            message = f"{type(error).__name__}: {error}"
            return Evaluated(dict.fromkeys(names, math.nan), {0: message})
    else:
        return Evaluated(results, _not_numbers(results, len(points)))
    return _pieces(conclude, names, fixed, points, math.ceil(len(points) / 2))


def _column(concluded: Any, name: str, points: Grid) -> Column:
    value = np.asarray(getattr(concluded, name), dtype=np.float64)
    if value.ndim == 0:
        return float(value)
    if value.shape != (len(points),):
        raise ValueError(f"{name} has the shape {value.shape}, not one value a point")
    return value


def _not_numbers(results: dict[str, Column], size: int) -> dict[int, str]:
    errors: dict[int, str] = {}
    for name, column in results.items():
        wrong = np.isnan(column)
        if np.any(wrong):
            for place in np.flatnonzero(np.broadcast_to(wrong, size)):
                errors.setdefault(int(place), f"{name} is not a number")
    return errors
