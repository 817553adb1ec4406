"""A chapter's function on whole arrays of points."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa

from reckoner.book import Book
from reckoner.sweep.axes import axis
from reckoner.sweep.points import Task, Vector, columns

BLOCK = 8_192
"""How many points are evaluated at once: arrays that stay in a processor's cache."""


def evaluate(task: Task) -> pa.RecordBatch:
    """What the chapter's function gives at each point of a chunk: every result, and `error`.

    A point at which it fails, or gives something that is not a number, has its error; the others
    keep their results. A result that the chapter lets be missing is empty without an error. An
    infinite result says that there is none, such as no batch at parity.
    """
    book = book_at(task.book)
    names = list(book.units(task.chapter))
    found = _Found(
        partial(book.results, task.chapter), names, book.may_be_missing(task.chapter),
        np.empty((len(names), len(task.points))),
    )  # fmt: skip
    for points, fixed, numbers in _blocks(task):
        found.fill(points.start - task.points.start, len(points), fixed, numbers)
    return found.batch()


def book_at(module: str) -> Book:
    """The book that a module describes."""
    book: Book = importlib.import_module(module).BOOK
    return book


@lru_cache(maxsize=64)
def _values(module: str, chapter: str, name: str, text: str) -> Vector:
    """The values of a number in base units."""
    parameter = book_at(module).parameters(chapter)[name]
    values: Vector = parameter.base(axis(parameter, text).values)
    return values


def _blocks(task: Task) -> Iterator[tuple[range, dict[str, Any], dict[str, Vector]]]:
    """The points in blocks of one combination of names, with what does not vary, and what does."""
    axes = {n: _values(task.book, task.chapter, n, text) for n, text in task.numbers.items()}
    each = math.prod(map(len, axes.values()))
    start, first = task.points.start, task.points.start // each
    while start < task.points.stop:
        combination = start // each
        points = range(start, min(start + BLOCK, (combination + 1) * each, task.points.stop))
        yield points, task.fixed[combination - first], columns(axes, points)
        start = points.stop


@dataclass(frozen=True)
class _Found:
    """What the points of a chunk give.

    Attributes:
        conclude: the chapter's function of one mapping.
        names: its results.
        missing: those that may be missing.
        results: a row for each.
        errors: what went wrong, by the point's place in the chunk.
    """

    conclude: Callable[[Mapping[str, Any]], Any]
    names: list[str]
    missing: frozenset[str]
    results: Vector
    errors: dict[int, str] = field(default_factory=dict)

    def fill(
        self, start: int, size: int, fixed: dict[str, Any], numbers: dict[str, Vector]
    ) -> None:
        """Fill in the results of some points; where all fail together, of each half alone."""
        try:
            with np.errstate(all="ignore"):
                found = self.conclude({**fixed, **numbers})
                for name, row in zip(self.names, self.results, strict=True):
                    row[start : start + size] = _one_each(name, getattr(found, name), size)
        except Exception as error:  # whatever a formula raises belongs to its point
            if size == 1:
                self.results[:, start] = math.nan
                self.errors[start] = f"{type(error).__name__}: {error}"
                return
            half = size // 2
            self.fill(start, half, fixed, {n: column[:half] for n, column in numbers.items()})
            rest = {n: column[half:] for n, column in numbers.items()}
            self.fill(start + half, size - half, fixed, rest)

    def batch(self) -> pa.RecordBatch:
        """Every result, empty where it is not a number, and the errors."""
        columns = []
        for name, row in zip(self.names, self.results, strict=True):
            gaps = np.isnan(row)
            if not gaps.any():
                columns.append(pa.array(row))
                continue
            columns.append(pa.array(row, mask=gaps))
            if name not in self.missing:
                for place in np.flatnonzero(gaps).tolist():
                    self.errors.setdefault(place, f"{name} is not a number")
        size = self.results.shape[1]
        errors = [self.errors.get(place) for place in range(size)] if self.errors else [None] * size
        return pa.record_batch([*columns, pa.array(errors, pa.string())], [*self.names, "error"])


def _one_each(name: str, value: Any, size: int) -> Any:
    if np.ndim(value) and np.shape(value) != (size,):
        raise ValueError(f"{name} has the shape {np.shape(value)}, not one value a point")
    return value
