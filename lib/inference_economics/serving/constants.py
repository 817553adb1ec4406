"""The fitted constants of the serving model, and their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from inference_economics.quantities import DATA
from inference_economics.serving.engines import ENGINES
from inference_economics.units import Seconds, Share
from reckoner.declare.tables import DataError, Number, Text, UnitName, read_rows
from reckoner.declare.trace import read
from reckoner.declare.units import same_dimension, si


class ServingConstant(BaseModel):
    """A row of serving_constants.csv: a fitted constant and its interval.

    Attributes:
        name: which one.
        engine: of which engine; blank for one of the hardware.
        value: as fitted, in `unit`.
        low: lower end of its 90% interval.
        high: upper end.
        unit: of the three.
        meaning: what it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    engine: str
    value: Number
    low: Number
    high: Number
    unit: UnitName
    meaning: Text

    @property
    def id(self) -> tuple[str, str]:
        """What stands once in the file."""
        return self.name, self.engine

    @model_validator(mode="after")
    def _within(self) -> Self:
        unit = "s" if self.name in TIMES else "share"
        if not same_dimension(self.unit, unit):
            raise ValueError(f"unit: {self.unit!r} is no unit of {self.name}; write {unit!r}")
        if not 0 <= self.low <= self.value <= self.high:
            raise ValueError("value: does not lie between low and high, which are not negative")
        return self


@dataclass(frozen=True)
class Constants:
    """The fitted constants: five of the hardware, two of the engine; numbers or arrays."""

    bandwidth_share: Share
    compute_share: Share
    expert_compute_share: Share
    stage_floor: Seconds
    all_reduce_latency: Seconds
    host_per_request: Seconds
    prefill_after_first: Share


OF_HARDWARE = tuple(field.name for field in fields(Constants))[:5]

OF_ENGINE = tuple(field.name for field in fields(Constants))[5:]

IDEAL = Constants(1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
"""The datasheet's chip: full bandwidth and compute, no latency, and no newcomers."""


TIMES = ("stage_floor", "all_reduce_latency", "host_per_request")
"""The constants that are times; the others are shares."""


@cache
def fitted_rows() -> tuple[ServingConstant, ...]:
    """The fitted constants with their intervals, as `fit` stored them."""
    return tuple(read_rows(DATA / "serving_constants.csv", ServingConstant, unique=("id",)))


@cache
def fitted() -> Mapping[str, Constants]:
    """The fitted constants of each engine.

    Raises:
        DataError: one has no row.
    """
    values = {(row.name, row.engine): float(si(row.value, row.unit)) for row in fitted_rows()}
    for name in (*OF_HARDWARE, *OF_ENGINE):
        for engine in ENGINES if name in OF_ENGINE else ("",):
            if (name, engine) not in values:
                raise DataError(f"serving_constants.csv: no row {name!r}, engine {engine!r}")
    return {
        engine: Constants(
            *(values[name, ""] for name in OF_HARDWARE),
            *(values[name, engine] for name in OF_ENGINE),
        )
        for engine in ENGINES
    }


def constants_of(engine: str) -> Constants:
    """The fitted constants of an engine; a trace notes which were read."""
    known = fitted()[engine]
    return Constants(
        *(read(f"serving_fit.{name}", getattr(known, name)) for name in OF_HARDWARE),
        *(read(f"{engine}.{name}", getattr(known, name)) for name in OF_ENGINE),
    )


def ideal(constants: Constants) -> Constants:
    """`IDEAL`, with zeros that carry the units of some constants."""
    zeros = {name: 0.0 * getattr(constants, name) for name in TIMES}
    return replace(IDEAL, **zeros)
