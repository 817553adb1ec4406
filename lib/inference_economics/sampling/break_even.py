"""The value of one input at which both chips cost the same, the others at their most likely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference_economics.catalog import Model
from inference_economics.machines.clusters import GROWTH
from inference_economics.quantities import formulary
from inference_economics.sampling.outcomes import costs
from inference_economics.sampling.ranges import Range, Vector, likely, ranges

POINTS = 200
"""Values tried at once between two ends."""
ROUNDS = 2
"""How often the ends are brought closer."""


@dataclass(frozen=True)
class BreakEven:
    """The value of one input at which both chips cost the same, the others at their most likely.

    Attributes:
        parameter: the input.
        target_speed: the speed that every user gets.
        value: the value in base units; None if the cheaper one is so at every value.
        likely_cheaper: whether SRAM is cheaper at the most likely value.
    """

    parameter: str
    target_speed: float
    value: float | None
    likely_cheaper: bool


def _domain(row: Range) -> Vector:
    """The values that are tried: all that the declaration allows, and a request needs an input."""
    low, high = (row.declared.base(end) for end in (row.declared.low, row.declared.high))
    if row.parameter == "context_length":
        low = likely()["output_tokens"] + 1
    if row.parameter == "output_tokens":
        high = likely()["context_length"] - 1
    steps = np.geomspace(max(low, high / 1e8), high, POINTS)
    return np.unique(np.append(steps, [low, row.values[1]]))


@formulary.procedure
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
    cost, gpu_cost = costs(model, speeds, varied, GROWTH)
    neither = np.isinf(cost) & np.isinf(gpu_cost)
    return np.array(np.where(neither, np.nan, cost < gpu_cost))


def _turns(values: Vector, cheaper: Vector) -> list[tuple[float, float]]:
    """The pairs of neighbouring values between which the cheaper chip changes."""
    known = np.flatnonzero(~np.isnan(cheaper))
    places = np.flatnonzero(np.diff(cheaper[known]))
    return [(float(values[known[i]]), float(values[known[i + 1]])) for i in places]


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
