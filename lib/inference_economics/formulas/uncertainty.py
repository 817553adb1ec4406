"""How sure the comparison at equal speed is, and what decides it: the chapter `uncertainty`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from inference_economics.quantities import formula
from inference_economics.units import (
    DollarsPerToken,
    Share,
)

Vector = npt.NDArray[np.float64]

Distribution = Literal["triangular", "logtriangular", "uniform", "loguniform"]


GROWTH = 1.3

"""From one batch size to the next in the samples: coarser than in the chapter `equal_speed`."""


@formula(gives="cost_part", source="definition")
def sram_part_of_cost(token_cost: DollarsPerToken, gpu_token_cost: DollarsPerToken) -> Share:
    """SRAM's part of the sum of both costs: below one half SRAM is the cheaper.

    Written so that it is one where only GPUs give the speed, and zero where only SRAM does.
    """
    return 1 / (1 + gpu_token_cost / token_cost)


def part_of_cost(cost: Vector, gpu_cost: Vector) -> Vector:
    """The same for arrays, and one half where neither gives the speed: no one is the cheaper."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array(np.nan_to_num(sram_part_of_cost(cost, gpu_cost), nan=0.5))


def quantiles_of_ratio(cost: Vector, gpu_cost: Vector, shares: Sequence[float]) -> Vector:
    """Ratios of the costs that given shares of the samples stay below; without interpolation.

    Infinite where only GPUs give the speed. Samples in which neither does are left out; NaN if
    that is all of them.
    """
    possible = np.isfinite(cost) | np.isfinite(gpu_cost)
    if not possible.any():
        return np.full(len(shares), np.nan)
    with np.errstate(divide="ignore"):
        ratio = cost[possible] / gpu_cost[possible]
    return np.array(np.quantile(ratio, shares, method="nearest"))


# Break-even
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


POINTS = 200

ROUNDS = 2


def _turns(values: Vector, cheaper: Vector) -> list[tuple[float, float]]:
    """The pairs of neighbouring values between which the cheaper chip changes."""
    known = np.flatnonzero(~np.isnan(cheaper))
    places = np.flatnonzero(np.diff(cheaper[known]))
    return [(float(values[known[i]]), float(values[known[i + 1]])) for i in places]
