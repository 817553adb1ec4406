"""The values of a sweep as a person writes them: `1,2,8`, `0:1:11`, `1:4096:log2`."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reckoner.declare.parameters import Parameter, ParameterError

SYNTAX = """\
    128               one value
    1,2,8  or  a,b    several values, or names; a path with a comma in double quotes
    0:1:11            from 0 to 1 in 11 even points
    1:4096:log2       1, 2, 4, ... 4096: doubled until the end is reached
    1:1e6:log10       1, 10, 100, ...; log10/4 has four points for each factor of ten

A parameter that is a whole number takes a range's points rounded."""
MOST = 10_000_000
"""Most values of a range."""
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

    def __len__(self) -> int:
        return len(self.values)


def axis(parameter: Parameter, text: str) -> Axis:
    """The values that `text` means for a parameter; the syntax is `SYNTAX`.

    Raises:
        ParameterError: the text is malformed, or a value is not allowed.
    """
    if ":" in text and not parameter.by_name:
        return _range(parameter, text)
    values = [parameter.read(item) for item in _items(parameter, text)]
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise ParameterError(f"{parameter.name}: {twice!r} stands twice")
    if parameter.by_name:
        return Axis(parameter, text, values)
    log = len(values) > 2 and min(values) > 0 and max(values) / min(values) > 10
    return Axis(parameter, text, np.array(values, float), log)


def _items(parameter: Parameter, text: str) -> list[str]:
    """The values between commas; a path that has one stands alone, or in double quotes."""
    if parameter.is_file(text.strip()) and Path(text.strip()).exists():
        return [text.strip()]
    if not parameter.by_name:
        return [item.strip() for item in text.split(",")]
    try:
        return [
            each.strip() for each in next(csv.reader([text], skipinitialspace=True, strict=True))
        ]
    except (csv.Error, StopIteration):
        raise ParameterError(f"{parameter.name}: {text[:80]!r}: a quote is not closed") from None


def _range(parameter: Parameter, text: str) -> Axis:
    def malformed(why: str) -> ParameterError:
        words = f"{parameter.name}: {text[:80]!r}: {why}. Write values so:\n{SYNTAX}"
        return ParameterError(words)

    parts = [part.strip() for part in text.split(":")]
    if len(parts) != 3:
        raise malformed("a range has three parts")
    start, stop = (float(parameter.read(part)) for part in parts[:2])
    if not start < stop:
        raise malformed("the first value must be below the last")
    log = _LOG.fullmatch(parts[2])
    if log:
        if start <= 0:
            raise malformed("a logarithmic range begins above 0")
        base, each = int(log[1]), int(log[2] or 1)
        steps = math.log(stop / start) / math.log(base) * each
        if not steps < MOST:
            raise malformed("too many points")
        points = start * np.power(float(base), np.arange(int(steps + 1e-9) + 1) / each)
        points = np.minimum(points, stop)
    else:
        count = parts[2]
        if not re.fullmatch(r"\d{1,9}", count, re.ASCII) or not 2 <= int(count) <= MOST:
            raise malformed(f"{count!r} is no number of points from 2 to {MOST:,}")
        points = np.linspace(start, stop, int(count))
    if isinstance(parameter.default, int):
        points = np.unique(np.round(points))
    if parameter.power_of:
        for value in points:
            parameter.check(float(value))
    return Axis(parameter, text, points, log is not None)
