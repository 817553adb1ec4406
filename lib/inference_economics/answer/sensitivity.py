"""Which of the uncertain numbers decides, and where each would turn the answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from SALib.analyze import sobol

from inference_economics.answer.odds import answers
from inference_economics.answer.question import Question
from inference_economics.answer.ranges import Range, Vector
from inference_economics.machines.clusters import GROWTH
from inference_economics.quantities import formulary
from inference_economics.units import Count, TokensPerSecond

POINTS = 200
"""Values tried at once between two ends."""
ROUNDS = 2
"""How often the ends are brought closer."""


@formulary.procedure
def indices(question: Question, part: Vector, seed: Count) -> pd.DataFrame:
    """Sobol indices of what is uncertain for SRAM's part of the cost, the largest first.

    `first` is the share of the variance that goes when an input alone becomes known, `total` the
    share that stays when all others do; each with the half width of its 95% interval. All are
    zero where nothing varies.

    Args:
        question: what was asked.
        part: one value for each row of `draw`.
        seed: of the resampling for the intervals.
    """
    names = list(question.ranges)
    found = {key: np.zeros(len(names)) for key in ("S1", "S1_conf", "ST", "ST_conf")}
    if np.ptp(part):
        found = sobol.analyze(question.design, part, calc_second_order=False, seed=int(seed))
    table = pd.DataFrame(
        {
            "name": names,
            "label": [row.label for row in question.ranges.values()],
            "first": found["S1"],
            "first_width": found["S1_conf"],
            "total": found["ST"],
            "total_width": found["ST_conf"],
        }
    )
    return table.sort_values("total", ascending=False, ignore_index=True, kind="stable")


@dataclass(frozen=True)
class BreakEven:
    """The value of one number at which both kinds cost the same, the others at their most likely.

    Attributes:
        name: what is varied.
        speed: the speed that every user gets.
        value: the value in base units; None if the cheaper one is so at every value.
        likely_cheaper: whether SRAM is cheaper at the most likely value.
    """

    name: str
    speed: TokensPerSecond
    value: float | None
    likely_cheaper: bool


@formulary.procedure
def break_evens(
    question: Question, speeds: Sequence[TokensPerSecond], only: Collection[str] = ()
) -> list[BreakEven]:
    """For each number and speed, the value at which SRAM costs what the GPU costs.

    Of several it is the one nearest to the most likely value. The batch sizes tried are those of
    the chapter `equal_speed`.

    Args:
        question: what is asked.
        speeds: output speeds that every user gets.
        only: names of the numbers, if not all.
    """
    found = []
    for name, row in question.ranges.items():
        if only and name not in only:
            continue
        values = _domain(row)
        cheaper = _cheaper(question, speeds, row, values)
        for speed, one in zip(speeds, cheaper, strict=True):
            found.append(_break_even(question, row, speed, values, one))
    return found


def _domain(row: Range) -> Vector:
    """The values that are tried: all that may be, of a price a thousandth to a thousandfold."""
    low, likely, high = row.bounds[0], row.values[1], row.bounds[1]
    if row.chip:
        low, high = likely / 1e3, likely * 1e3
    return np.unique(np.append(np.geomspace(max(low, high / 1e8), high, POINTS), [low, likely]))


def _cheaper(
    question: Question, speeds: Sequence[float], row: Range, values: Vector
) -> list[Vector]:
    """One where SRAM is the cheaper, zero where the GPU is, NaN where neither gives the speed."""
    varied = {**{n: np.full(len(values), v) for n, v in question.likely.items()}, row.name: values}
    return [
        np.where(one.able, one.sram < one.gpu, np.nan)
        for one in answers(question, speeds, varied, GROWTH)
    ]


def _turns(values: Vector, cheaper: Vector) -> list[tuple[float, float]]:
    """The pairs of neighbouring values between which the cheaper chip changes."""
    known = np.flatnonzero(~np.isnan(cheaper))
    places = np.flatnonzero(np.diff(cheaper[known]))
    return [(float(values[known[i]]), float(values[known[i + 1]])) for i in places]


def _break_even(
    question: Question, row: Range, speed: float, values: Vector, cheaper: Vector
) -> BreakEven:
    centre = row.values[1]
    likely_cheaper = bool(cheaper[np.searchsorted(values, centre)] == 1)
    turns = _turns(values, cheaper)
    if not turns:
        return BreakEven(row.name, speed, None, likely_cheaper)
    low, high = min(turns, key=lambda ends: abs(np.log(ends[1] / centre)))
    for _ in range(ROUNDS):
        inner = np.linspace(low, high, POINTS)
        low, high = _turns(inner, _cheaper(question, [speed], row, inner)[0])[0]
    return BreakEven(row.name, speed, (low + high) / 2, likely_cheaper)
