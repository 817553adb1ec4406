"""A chapter's function on whole arrays of points."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa

from reckoner.book import Book
from reckoner.sweep.axes import axis
from reckoner.sweep.points import Columns, Task, Vector, columns

BLOCK = 8_192
"""How many points are evaluated at once: arrays that stay in a processor's cache."""


def evaluate(task: Task) -> pa.RecordBatch:
    """What the chapter's function gives at each point of a chunk: every result, and `error`.

    A point at which it fails, or gives something that is not a number, has its error; the others
    keep their results. A result that the chapter lets be missing is empty without an error. An
    infinite result says that there is none, such as no batch at parity.
    """
    book, size = book_at(task.book), len(task.points)
    results = {name: np.empty(size) for name in book.units(task.chapter)}
    errors: dict[int, str] = {}
    for start, stop, fixed, numbers in _blocks(task):
        rows = {name: column[start:stop] for name, column in results.items()}
        _fill(partial(book.results, task.chapter), fixed, numbers, rows, errors, start)
    gaps = {name: np.isnan(column) for name, column in results.items()}
    optional = book.worksheet(task.chapter).optional
    for name in (name for name in results if name not in optional):
        for place in np.flatnonzero(gaps[name]).tolist():
            errors.setdefault(place, f"{name} is not a number")
    arrays = [
        pa.array(column, mask=gaps[name] if gaps[name].any() else None)
        for name, column in results.items()
    ]
    texts = [errors.get(place) for place in range(size)] if errors else [None] * size
    return pa.record_batch([*arrays, pa.array(texts, pa.string())], [*results, "error"])


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


def _blocks(task: Task) -> Iterator[tuple[int, int, dict[str, Any], Columns]]:
    """Blocks of one combination of names: where in the chunk, what does not vary, and what does."""
    axes = {n: _values(task.book, task.chapter, n, text) for n, text in task.numbers.items()}
    each, origin = math.prod(map(len, axes.values())), task.points.start
    start = origin
    while start < task.points.stop:
        combination = start // each
        stop = min(start + BLOCK, (combination + 1) * each, task.points.stop)
        fixed = task.fixed[combination - origin // each]
        yield start - origin, stop - origin, fixed, columns(axes, range(start, stop))
        start = stop


def _fill(
    conclude: Any, fixed: Mapping[str, Any], numbers: Columns, rows: Columns,
    errors: dict[int, str], start: int,
) -> None:  # fmt: skip
    """Fill in the results of some points; where they fail together, of each half alone."""
    size = len(next(iter(rows.values())))
    try:
        with np.errstate(all="ignore"):
            found = conclude({**fixed, **numbers})
        for name, row in rows.items():
            row[:] = _one_each(name, getattr(found, name), size)
    except MemoryError:
        raise  # it is no point's
    except Exception as error:  # whatever a formula raises belongs to its point
        if size == 1:
            errors[start] = f"{type(error).__name__}: {error}"
            for row in rows.values():
                row[:] = math.nan
            return
        half = size // 2
        for part in (slice(0, half), slice(half, size)):
            some, own = ({n: c[part] for n, c in taken.items()} for taken in (numbers, rows))
            _fill(conclude, fixed, some, own, errors, start + part.start)


def _one_each(name: str, value: Any, size: int) -> Any:
    if np.ndim(value) and np.shape(value) != (size,):
        raise ValueError(f"{name} has the shape {np.shape(value)}, not one value a point")
    return value
