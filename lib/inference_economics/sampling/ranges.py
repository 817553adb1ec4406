"""What each uncertain input of the comparison at equal speed may be, and how likely."""

from __future__ import annotations

from functools import cache
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator

from inference_economics import catalog
from inference_economics.quantities import DATA
from inference_economics.worksheets import equal_speed
from reckoner.declare.parameters import Parameter
from reckoner.declare.tables import Text, UnitName, read_rows
from reckoner.declare.units import si

SHEET = equal_speed.conclude
"""The worksheet whose inputs are drawn."""
Vector = npt.NDArray[np.float64]
Distribution = Literal["triangular", "logtriangular", "uniform", "loguniform"]


class Range(BaseModel):
    """A row of ranges.csv: what an input of `equal_speed` may be, and why.

    Attributes:
        parameter: its name there.
        label: what it is, in few words.
        low: its least value: a number in `unit`, a catalog address, or "default".
        likely: its most likely value; "default" is that of the declaration.
        high: its largest value.
        unit: the unit of numbers.
        distribution: how likely the values between are; the logarithmic ones are triangular or
            uniform in the logarithm, the uniform ones take no notice of `likely`.
        reason: why from there to there.
        source: who says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameter: Text
    label: Text
    low: Text
    likely: Text
    high: Text
    unit: UnitName
    distribution: Distribution
    reason: Text
    source: Text

    @model_validator(mode="after")
    def _within_the_declaration(self) -> Self:
        if self.parameter not in SHEET.parameters.defaults:
            raise ValueError(f"parameter: equal_speed has no parameter {self.parameter!r}")
        try:
            low, likely, high = self.values
        except (KeyError, ValueError) as error:
            raise ValueError(f"low, likely or high: {error}") from None
        declared = self.declared
        bounds = (declared.base(declared.low), declared.base(declared.high))
        if not bounds[0] <= low <= likely <= high <= bounds[1] or low == high:
            raise ValueError(
                f"low: {self.low}, {self.likely}, {self.high} do not rise within the bounds of "
                f"{self.parameter}"
            )
        if self.distribution.startswith("log") and low <= 0:
            raise ValueError(f"low: {self.low} has no logarithm")
        return self

    @property
    def declared(self) -> Parameter:
        """The parameter's declaration."""
        return SHEET.parameters[self.parameter]

    @property
    def values(self) -> tuple[float, float, float]:
        """Least, most likely and largest value in base units."""
        return self._value(self.low), self._value(self.likely), self._value(self.high)

    def _value(self, cell: str) -> float:
        if cell == "default":
            return float(self.declared.base(self.declared.default))
        if cell in catalog.constants():
            return catalog.value(cell)
        return float(si(float(cell), self.unit))

    def at(self, share: Vector) -> Vector:
        """The values below which given shares of the distribution lie."""
        ends = np.array(self.values)
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


@cache
def ranges() -> tuple[Range, ...]:
    """The ranges, each checked.

    Raises:
        DataError: a row is wrong, or a parameter stands twice.
    """
    return tuple(read_rows(DATA / "ranges.csv", Range, unique=("parameter",)))


def likely() -> dict[str, float]:
    """The most likely value of every input with a range."""
    return {row.parameter: row.values[1] for row in ranges()}
