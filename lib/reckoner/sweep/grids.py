"""The values of a sweep as a person writes them: `1,2,8`, `0:1:11`, `1:4096:log2`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reckoner.declare.parameters import Parameter, ParameterError

SYNTAX = """\
    128               one value
    1,2,8  or  a,b    several values, or names
    0:1:11            from 0 to 1 in 11 even points
    1:4096:log2       1, 2, 4, ... 4096: doubled until the end is reached
    1:1e6:log10       1, 10, 100, ...; log10/4 has four points for each factor of ten

A parameter that is a whole number takes a range's points rounded."""
MOST = 10_000_000
"""Most values of a range."""
CHUNK = 262_144
"""How many points make a chunk: a file, and a row group of the table."""
BLOCK = 8_192
"""How many of them are evaluated at once: arrays that stay in a processor's cache."""
_LOG = re.compile(r"log(2|10)(?:/([1-9]\d{0,3}))?", re.ASCII)


@dataclass(frozen=True)
class Axis:
    """The values that one parameter takes in a sweep.

    Attributes:
        parameter: which parameter.
        text: the values as written.
        values: names, or numbers in the unit of the declaration.
        log: whether they are spaced evenly on a logarithmic scale.
    """

    parameter: Parameter
    text: str
    values: Sequence[str] | npt.NDArray[np.float64]
    log: bool = False

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def swept(self) -> bool:
        return len(self.values) > 1

    def __len__(self) -> int:
        return len(self.values)

    def first(self) -> Any:
        """The first value, as the declaration's check takes it."""
        return self.values[0] if self.parameter.by_name else float(self.values[0])


def axis(parameter: Parameter, text: str) -> Axis:
    """The values that `text` means for a parameter; the syntax is `SYNTAX`.

    Raises:
        ParameterError: the text is malformed, or a value is not allowed.
    """
    if parameter.by_name:
        names = [parameter.read(name.strip()) for name in text.split(",")]
        return Axis(parameter, text, _once(parameter, names))
    if ":" in text:
        return _range(parameter, text)
    values = [float(parameter.read(item)) for item in text.split(",")]
    return Axis(parameter, text, np.array(_once(parameter, values)), _is_log(values))


def _range(parameter: Parameter, text: str) -> Axis:
    parts = text.split(":")
    if len(parts) != 3:
        raise _malformed(parameter, text, "a range has three parts")
    start, stop = (float(parameter.read(part)) for part in parts[:2])
    if not start < stop:
        raise _malformed(parameter, text, "the first value must be below the last")
    log = _LOG.fullmatch(parts[2].strip())
    if log:
        points = _logarithmic(parameter, text, (start, stop), int(log[1]), int(log[2] or 1))
    else:
        points = _even(parameter, text, (start, stop), parts[2].strip())
    if isinstance(parameter.default, int):
        points = np.unique(np.round(points))
    return Axis(parameter, text, points, log is not None)


def _even(
    parameter: Parameter, text: str, span: tuple[float, float], count: str
) -> npt.NDArray[np.float64]:
    if not re.fullmatch(r"\d{1,9}", count, re.ASCII) or not 2 <= int(count) <= MOST:
        raise _malformed(parameter, text, f"{count!r} is no number of points from 2 to {MOST:,}")
    return np.linspace(*span, int(count))


def _logarithmic(
    parameter: Parameter, text: str, span: tuple[float, float], base: int, each: int
) -> npt.NDArray[np.float64]:
    start, stop = span
    if start <= 0:
        raise _malformed(parameter, text, "a logarithmic range begins above 0")
    steps = np.log(stop / start) / np.log(base) * each
    if not steps < MOST:
        raise _malformed(parameter, text, "too many points")
    points = start * np.power(float(base), np.arange(int(steps + 1e-9) + 1) / each)
    return np.minimum(points, stop)


def _is_log(values: list[float]) -> bool:
    """Whether a list reads better on a logarithmic axis: it spans more than a factor of ten."""
    return len(values) > 2 and min(values) > 0 and max(values) / min(values) > 10


def _once(parameter: Parameter, values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise ParameterError(f"{parameter.name}: {twice!r} stands twice")
    return values


@dataclass(frozen=True)
class Grid:
    """Consecutive points of the product of several axes, the last axis running fastest.

    Attributes:
        values: for each axis its values, from `firsts` on, as far as the points need them.
        sizes: for each axis how many values it has.
        firsts: for each axis the place of the first of `values`.
        start: number of the first point.
        stop: number after the last point.
    """

    values: Mapping[str, npt.NDArray[np.float64]]
    sizes: tuple[int, ...]
    firsts: tuple[int, ...]
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def places(self) -> dict[str, npt.NDArray[np.int64]]:
        """For each axis the place in `values` of each point's value."""
        points = np.arange(self.start, self.stop)
        parts = zip(self.values, _strides(self.sizes), self.sizes, self.firsts, strict=True)
        found = {}
        for name, stride, size, first in parts:
            turns = points // stride
            found[name] = turns - turns // size * size - first  # faster than a remainder
        return found

    def columns(self) -> dict[str, npt.NDArray[np.float64]]:
        """For each axis the value of each point."""
        return {name: self.values[name][places] for name, places in self.places().items()}

    def blocks(self, size: int) -> Iterator[Grid]:
        """The same points in pieces of at most so many."""
        for start in range(self.start, self.stop, size):
            yield replace(self, start=start, stop=min(start + size, self.stop))


def grid(axes: Mapping[str, npt.NDArray[np.float64]], start: int, stop: int) -> Grid:
    """The points `start` to `stop` of a product of axes, with the values that they need."""
    sizes = tuple(len(values) for values in axes.values())
    kept, firsts = {}, []
    for (name, values), stride in zip(axes.items(), _strides(sizes), strict=True):
        low, high = start // stride, (stop - 1) // stride
        whole = low // len(values) != high // len(values)
        first, last = (0, len(values) - 1) if whole else (low % len(values), high % len(values))
        kept[name] = values[first : last + 1]
        firsts.append(first)
    return Grid(kept, sizes, tuple(firsts), start, stop)


def _strides(sizes: Sequence[int]) -> list[int]:
    return [math.prod(sizes[number + 1 :]) for number in range(len(sizes))]


def _malformed(parameter: Parameter, text: str, why: str) -> ParameterError:
    return ParameterError(f"{parameter.name}: {text[:80]!r}: {why}. Write values so:\n{SYNTAX}")
