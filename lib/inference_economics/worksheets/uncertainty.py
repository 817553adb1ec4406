"""How sure the comparison at equal speed is, and what decides it: the chapter `uncertainty`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, model_validator
from SALib.analyze import sobol as sobol_analysis
from SALib.sample import sobol as sobol_sample

from inference_economics import catalog
from inference_economics.catalog import Model
from inference_economics.formulas.uncertainty import (
    GROWTH,
    POINTS,
    ROUNDS,
    BreakEven,
    Distribution,
    Vector,
    _turns,
    part_of_cost,
    quantiles_of_ratio,
)
from inference_economics.machines import clusters as equal_speed
from inference_economics.quantities import DATA
from inference_economics.units import (
    Count,
    Dollars,
    Ratio,
    Seconds,
    Share,
    TokensPerSecond,
)
from inference_economics.worksheets import equal_speed as equal_speed_sheet
from reckoner.declare.parameters import Parameter, Parameters
from reckoner.declare.tables import Text, UnitName, read_rows
from reckoner.declare.units import si

_DECLARED: dict[str, Parameter] = {p.name: p for p in equal_speed_sheet.PARAMETERS}


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
        if self.parameter not in _DECLARED:
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
        return _DECLARED[self.parameter]

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


def _problem() -> dict[str, Any]:
    names = [row.parameter for row in ranges()]
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def draw(samples: Count, seed: Count) -> dict[str, Vector]:
    """Values of every input, by Saltelli's scheme: each sample, then each input changed alone.

    Every row follows the ranges' distributions, so that all of them count for a share.

    Args:
        samples: a power of two; the scheme makes as many rows for each input and two more.
        seed: of the scrambled sequence.
    """
    shares = sobol_sample.sample(_problem(), int(samples), calc_second_order=False, seed=int(seed))
    return {row.parameter: row.at(column) for row, column in zip(ranges(), shares.T, strict=True)}


def likely() -> dict[str, float]:
    """The most likely value of every input with a range."""
    return {row.parameter: row.values[1] for row in ranges()}


def _inputs(model: Model, values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `equal_speed.machines`."""
    return {**equal_speed_sheet.PARAMETERS.base({}), "model": model, **values}


def costs(
    model: Model, target_speeds: Sequence[float], values: Mapping[str, Any], growth: float = GROWTH
) -> tuple[Vector, Vector]:
    """Cost of a token on SRAM and on GPUs; one row for each speed, one column for each sample.

    Args:
        model: the model served.
        target_speeds: output speeds that every user gets.
        values: of the inputs with a range.
        growth: from one batch size that is tried to the next.
    """
    sram, hbm = equal_speed.machines(growth=growth, **_inputs(model, values))
    found = [np.broadcast_arrays(sram.cost(speed), hbm.cost(speed)) for speed in target_speeds]
    return np.array([pair[0] for pair in found]), np.array([pair[1] for pair in found])


def indices(part: Vector, seed: Count) -> pd.DataFrame:
    """Sobol indices of the inputs for SRAM's part of the cost, the largest first.

    `first` is the share of the variance that goes when an input alone becomes known, `total` the
    share that stays when all others do; each with the half width of its 95% interval. All are
    zero where nothing varies.

    Args:
        part: one value for each row of `draw`.
        seed: of the resampling for the intervals.
    """
    if np.ptp(part) == 0:
        return _without_spread()
    found = sobol_analysis.analyze(_problem(), part, calc_second_order=False, seed=int(seed))
    table = pd.DataFrame(
        {
            "parameter": [row.parameter for row in ranges()],
            "label": [row.label for row in ranges()],
            "first": found["S1"],
            "first_width": found["S1_conf"],
            "total": found["ST"],
            "total_width": found["ST_conf"],
        }
    )
    return table.sort_values("total", ascending=False, ignore_index=True)


def _without_spread() -> pd.DataFrame:
    names = [(row.parameter, row.label) for row in ranges()]
    numbers = dict.fromkeys(("first", "first_width", "total", "total_width"), 0.0)
    return pd.DataFrame(names, columns=["parameter", "label"]).assign(**numbers)


def _domain(row: Range) -> Vector:
    """The values that are tried: all that the declaration allows, and a request needs an input."""
    low, high = (row.declared.base(end) for end in (row.declared.low, row.declared.high))
    if row.parameter == "context_length":
        low = likely()["output_tokens"] + 1
    if row.parameter == "output_tokens":
        high = likely()["context_length"] - 1
    steps = np.geomspace(max(low, high / 1e8), high, POINTS)
    return np.unique(np.append(steps, [low, row.values[1]]))


def break_evens(model: Model, target_speeds: Sequence[float]) -> list[BreakEven]:
    """For each input and speed, the value at which SRAM costs what the GPU costs.

    Of several it is the one nearest to the most likely value.

    Args:
        model: the model served.
        target_speeds: output speeds that every user gets.
    """
    found = []
    for row in ranges():
        values = _domain(row)
        cheaper = _cheaper(model, target_speeds, row, values)
        for speed, one in zip(target_speeds, cheaper, strict=True):
            found.append(_break_even(model, row, speed, values, one))
    return found


def _cheaper(model: Model, speeds: Sequence[float], row: Range, values: Vector) -> Vector:
    """One where SRAM is the cheaper, zero where the GPU is, NaN where neither gives the speed."""
    varied = {**likely(), row.parameter: values}
    cost, gpu_cost = costs(model, speeds, varied, equal_speed.GROWTH)
    neither = np.isinf(cost) & np.isinf(gpu_cost)
    return np.array(np.where(neither, np.nan, cost < gpu_cost))


def _break_even(
    model: Model, row: Range, speed: float, values: Vector, cheaper: Vector
) -> BreakEven:
    centre = row.values[1]
    likely_cheaper = bool(cheaper[np.searchsorted(values, centre)] == 1)
    turns = _turns(values, cheaper)
    if not turns:
        return BreakEven(row.parameter, speed, None, likely_cheaper)
    low, high = min(turns, key=lambda ends: abs(np.log(ends[1] / centre)))
    for _ in range(ROUNDS):
        inner = np.linspace(low, high, POINTS)
        low, high = _turns(inner, _cheaper(model, [speed], row, inner)[0])[0]
    return BreakEven(row.parameter, speed, (low + high) / 2, likely_cheaper)


# The chapter
_SPEED = _DECLARED["target_speed"]


PARAMETERS = Parameters(
    (
        _DECLARED["model"],
        replace(_SPEED, low=1.0, high=10_000.0),
        Parameter(
            name="samples",
            default=512,
            unit="count",
            label="samples; each is drawn anew for every input",
            help="A power of two: four times as many halve the error of a share.",
            source="this book",
            low=8,
            high=2048,
        ),
        Parameter(
            name="seed",
            default=2024,
            unit="count",
            label="seed of the random numbers",
            help="The same seed gives the same samples.",
            source="this book",
            low=0,
            high=2**31 - 1,
        ),
    )
)


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes for one set of parameters.

    Attributes:
        rows: sampled sets of inputs.
        inputs: inputs with a range.
        share_cheaper: share of them in which SRAM costs less than the GPU at the target speed.
        share_neither: share in which neither gives the speed.
        median_ratio: median cost on SRAM against the GPU.
        low_ratio: ratio that a twentieth of the samples stay below.
        high_ratio: ratio that a twentieth exceed.
        likely_ratio: ratio at the most likely values; NaN if neither gives the speed.
        top_first: first-order index of the input that decides most.
        top_total: its total index.
        sum_first: sum of all first-order indices.
        break_even_floor: time in each layer at which both cost the same; NaN if at none.
        break_even_price: price of an SRAM card at which both cost the same; NaN if at none.
    """

    rows: Count
    inputs: Count
    share_cheaper: Share
    share_neither: Share
    median_ratio: Ratio
    low_ratio: Ratio
    high_ratio: Ratio
    likely_ratio: Ratio
    top_first: Share
    top_total: Share
    sum_first: Share
    break_even_floor: Seconds
    break_even_price: Dollars


def conclude(
    model: Model, target_speed: TokensPerSecond, samples: Count, seed: Count
) -> Conclusions:
    """How often SRAM is the cheaper at a speed, and what decides it.

    Args:
        model: the model served.
        target_speed: output speed that every user gets.
        samples: samples of the inputs; a power of two.
        seed: of the random numbers.
    """
    target_speed = np.asarray(target_speed).item()  # one point at a time: samples fill the arrays
    samples, seed = int(np.asarray(samples).item()), int(np.asarray(seed).item())
    values = draw(samples, seed)
    cost, gpu_cost = (array[0] for array in costs(model, [target_speed], values))
    part = part_of_cost(cost, gpu_cost)
    low, median, high = quantiles_of_ratio(cost, gpu_cost, (0.05, 0.5, 0.95))
    table = indices(part, seed)
    even = {each.parameter: each.value for each in break_evens(model, [target_speed])}
    at_likely = costs(model, [target_speed], likely(), equal_speed.GROWTH)
    return Conclusions(
        rows=len(part),
        inputs=len(values),
        share_cheaper=float(np.mean(part < 0.5)),
        share_neither=float(np.mean(np.isinf(cost) & np.isinf(gpu_cost))),
        median_ratio=float(median),
        low_ratio=float(low),
        high_ratio=float(high),
        likely_ratio=float(quantiles_of_ratio(*at_likely, (0.5,))[0]),
        top_first=float(table["first"][0]),
        top_total=float(table["total"][0]),
        sum_first=float(table["first"].sum()),
        break_even_floor=even["layer_floor"] or float("nan"),
        break_even_price=even["card_price"] or float("nan"),
    )
