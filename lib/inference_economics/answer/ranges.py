"""What each uncertain number may be, and how likely each value is."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator

from inference_economics import catalog
from inference_economics.quantities import DATA
from inference_economics.serving.levels import spread_between
from inference_economics.worksheets import equal_speed
from reckoner.declare.parameters import Parameter
from reckoner.declare.tables import Text, UnitName, Year, read_rows
from reckoner.declare.units import same_dimension, si

SHEET = equal_speed.conclude
"""The worksheet whose inputs are drawn."""

Vector = npt.NDArray[np.float64]
Distribution = Literal["triangular", "logtriangular", "uniform", "loguniform", "logstudent"]
Costs = Literal["maker", "buyer", "tenant"]
COSTS: dict[Costs, str] = {
    "maker": "at cost, for a maker that uses its own",
    "buyer": "at the price that a buyer pays",
    "tenant": "at the rent that a tenant pays",
}
"""Whose costs are counted, the same for all who compete."""

PRICES = {
    "price": ("card_price", "gpu_price"),
    "host_share": ("host_share", "gpu_host_share"),
    "host": ("", ""),
    "rent": ("", ""),
}
"""What a chip costs, and the inputs of `equal_speed` that take it: of an SRAM chip, of a GPU.

A host is a card's part of it in dollars; a rent takes the place of all others.
"""


class Range(BaseModel):
    """A row of ranges.csv: what a number may be, and why.

    Attributes:
        name: an input of `equal_speed`, or the key of a chip and one of `PRICES`.
        costs: whose costs these are, for a price.
        year: the first year for which a price holds, until a later row.
        label: what it is, in few words.
        low: its least value: a number in `unit`, a catalog address, or "default".
        likely: its most likely value; "default" is that of the input's declaration.
        high: its largest value.
        unit: the unit of numbers.
        distribution: how likely the values between are; the logarithmic ones are triangular or
            uniform in the logarithm, the uniform ones take no notice of `likely`. "logstudent" is
            the distribution of the model of speed: `low` and `high` hold nine in ten, not all.
        reason: why from there to there.
        source: who says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    costs: Costs | Literal[""]
    year: Year
    label: Text
    low: Text
    likely: Text
    high: Text
    unit: UnitName
    distribution: Distribution
    reason: Text
    source: Text

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.chip:
            if self.chip not in catalog.chips() or self.quantity not in PRICES:
                raise ValueError(f"name: expected a chip and one of {', '.join(PRICES)}")
            if not self.costs or not self.year.isdigit():
                raise ValueError("costs: a price says whose it is and from which year on")
        elif self.name not in SHEET.parameters.defaults:
            raise ValueError(f"name: equal_speed has no input {self.name!r}")
        try:
            low, likely, high = self.values
        except (KeyError, ValueError) as error:
            raise ValueError(f"low, likely or high: {error}") from None
        units = {"host_share": "share", "rent": "USD/hour"}
        unit = units.get(self.quantity, "USD") if self.chip else SHEET.parameters[self.name].unit
        if not same_dimension(self.unit, unit):
            raise ValueError(f"unit: {self.unit!r} is no unit of {self.name}; write {unit!r}")
        least, most = self.bounds
        if not least <= low <= likely <= high <= most or low == high or math.isinf(high):
            raise ValueError(
                f"low: {self.low}, {self.likely}, {self.high} do not rise within the bounds of "
                f"{self.name}"
            )
        if self.distribution.startswith("log") and low <= 0:
            raise ValueError(f"low: {self.low} has no logarithm")
        return self

    @property
    def id(self) -> tuple[str, str, str]:
        """What stands once in the file."""
        return self.name, self.costs, self.year

    @property
    def chip(self) -> str:
        """The chip of which this is a price; empty for an input of the machines."""
        return self.name.rpartition(".")[0]

    @property
    def quantity(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which values it may lie at all, in base units."""
        if self.chip:
            return 0.0, np.inf
        declared = SHEET.parameters[self.name]
        return declared.base(declared.low), declared.base(declared.high)

    @property
    def values(self) -> tuple[float, float, float]:
        """Least, most likely and largest value in base units."""
        return self._value(self.low), self._value(self.likely), self._value(self.high)

    def _value(self, cell: str) -> float:
        if cell == "default" and not self.chip:
            return float(SHEET.parameters.base({})[self.name])
        if cell in catalog.constants():
            return catalog.value(cell)
        if not cell.removeprefix("-")[:1].isdigit():
            raise ValueError(f"no constant {cell!r} in the data files")
        return float(si(float(cell), self.unit))

    def at(self, share: Vector) -> Vector:
        """The values below which given shares of the distribution lie."""
        ends = np.array(self.values)
        if self.distribution == "logstudent":
            return np.clip(spread_between(ends[0], ends[2], share), *self.bounds)
        if self.distribution.startswith("log"):
            return np.array(np.exp(self._between(np.log(ends), share)))
        return self._between(ends, share)

    def _between(self, ends: Vector, share: Vector) -> Vector:
        low, likely, high = ends
        if self.distribution.endswith("uniform"):
            return np.array(low + share * (high - low))
        rising = low + np.sqrt(share * (high - low) * (likely - low))
        falling = high - np.sqrt((1 - share) * (high - low) * (high - likely))
        return np.array(np.where(share * (high - low) < likely - low, rising, falling))


def usual() -> dict[str, Any]:
    """The inputs of `equal_speed` by default; a trace notes the rows that they come from."""
    return {declared.name: _usual(declared) for declared in SHEET.parameters}


def _usual(declared: Parameter) -> Any:
    if declared.address:
        return catalog.value(declared.address)
    return declared.base(declared.compute() if declared.compute else declared.default)


@cache
def rows() -> tuple[Range, ...]:
    """The rows of ranges.csv, each checked.

    Raises:
        DataError: a row is wrong, or a name has two for the same costs and year.
    """
    return tuple(read_rows(DATA / "ranges.csv", Range, unique=("id",)))


def ranges(costs: Costs, year: int) -> dict[str, Range]:
    """The ranges that count, by name: of the machines, and of the prices in a year.

    Args:
        costs: whose costs are counted.
        year: the year; a price holds until a later one was seen.
    """
    counted = [row for row in rows() if not row.chip or row.costs == costs]
    known = sorted(counted, key=lambda row: int(row.year or 0))
    return {row.name: row for row in known if int(row.year or 0) <= year}
