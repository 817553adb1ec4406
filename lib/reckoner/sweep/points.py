"""The points of a sweep: every combination of the values given, numbered, and cut into chunks.

Names (of chips, of models) vary slowest and numbers fastest, each in the order of the declarations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reckoner.book import Book
from reckoner.declare.parameters import ParameterError, Parameters
from reckoner.sweep.axes import Axis, axis

MOST_POINTS = 1_000_000_000
CHUNK = 262_144
"""How many points make a chunk: a file, and a row group of the table."""
Vector = npt.NDArray[np.float64]
Columns = dict[str, Vector]


@dataclass(frozen=True)
class Task:
    """One chunk, with all that another process needs to evaluate it.

    Attributes:
        number: which chunk.
        book: name of the module that has the book.
        chapter: name of the chapter.
        code: hash of the code and data that must evaluate it.
        points: numbers of the points.
        numbers: the numbers that vary, as written.
        fixed: what does not vary, in base units, for each combination of names that is met.
    """

    number: int
    book: str
    chapter: str
    code: str
    points: range
    numbers: Mapping[str, str]
    fixed: list[dict[str, Any]]


@dataclass(frozen=True)
class Sweep:
    """The points of a sweep over a chapter.

    Args:
        book: the book.
        chapter: name of the chapter.
        given: what to vary and what to fix, as written: see `axes.SYNTAX`.
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

    @cached_property
    def parameters(self) -> Parameters:
        return self.book.parameters(self.chapter)

    @cached_property
    def units(self) -> dict[str, str]:
        """The unit of each result."""
        return self.book.units(self.chapter)

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """The values of each given parameter, in the order of the declarations."""
        for name in self.given:
            self.parameters[name]
        return {
            p.name: axis(p, self.given[p.name]) for p in self.parameters if p.name in self.given
        }

    @cached_property
    def swept(self) -> list[Axis]:
        """The axes with more than one value."""
        return [found for found in self.axes.values() if len(found) > 1]

    @cached_property
    def names(self) -> list[Axis]:
        return [found for found in self.swept if found.parameter.by_name]

    @cached_property
    def numbers(self) -> list[Axis]:
        return [found for found in self.swept if not found.parameter.by_name]

    @cached_property
    def combinations(self) -> list[dict[str, Any]]:
        """For each combination of names one checked value of every parameter.

        A number that is swept stands there with its first value.
        """
        first = {name: found.values[0] for name, found in self.axes.items()}
        keys = [found.name for found in self.names]
        return [
            self.parameters.check({**first, **dict(zip(keys, chosen, strict=True))})
            for chosen in itertools.product(*(found.values for found in self.names))
        ]

    @cached_property
    def each(self) -> int:
        """Points of each combination of names."""
        return math.prod(len(found) for found in self.numbers)

    @cached_property
    def count(self) -> int:
        """All points."""
        return self.each * math.prod(len(found) for found in self.names)

    @property
    def chunks(self) -> int:
        return math.ceil(self.count / self.chunk)

    def span(self, number: int) -> range:
        """The points of a chunk."""
        start = number * self.chunk
        return range(start, min(start + self.chunk, self.count))

    def columns(self, points: range) -> Columns:
        """The numbers that vary, in the units of the declarations."""
        return columns({found.name: np.asarray(found.values) for found in self.numbers}, points)

    def checked(self, points: range) -> Iterator[dict[str, Any]]:
        """Each point's parameters, one point after another."""
        numbers = self.columns(points)
        for place, point in enumerate(points):
            own = {name: float(column[place]) for name, column in numbers.items()}
            yield self.parameters.check({**self.combinations[point // self.each], **own})

    def task(self, number: int, code: str) -> Task:
        """A chunk as another process evaluates it."""
        points = self.span(number)
        numbers = {found.name: found.text for found in self.numbers}
        met = self.combinations[points.start // self.each : (points.stop - 1) // self.each + 1]
        fixed = [
            {p.name: p.base(values[p.name]) for p in self.parameters if p.name not in numbers}
            for values in met
        ]
        return Task(number, self.book.home, self.chapter, code, points, numbers, fixed)


def columns(axes: Columns, points: range) -> Columns:
    """The value of each axis at some points of the axes' product, through it again and again."""
    if not axes:
        return {}
    sizes = [len(values) for values in axes.values()]
    within = np.arange(points.start, points.stop) % math.prod(sizes)
    places = np.unravel_index(within, sizes)
    return {name: axes[name][place] for name, place in zip(axes, places, strict=True)}
