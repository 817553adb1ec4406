"""Costs of a token for drawn inputs, and what of their spread each input decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from SALib.analyze import sobol as sobol_analysis
from SALib.sample import sobol as sobol_sample

from inference_economics.catalog import Model
from inference_economics.formulas.uncertainty import sram_part_of_cost
from inference_economics.machines.clusters import machines
from inference_economics.quantities import formulary
from inference_economics.sampling.ranges import SHEET, Vector, ranges
from inference_economics.units import Count

GROWTH = 1.3
"""From one batch size to the next in the samples: coarser than in the chapter `equal_speed`."""


def _problem() -> dict[str, Any]:
    names = [row.parameter for row in ranges()]
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


@formulary.procedure
def draw(samples: Count, seed: Count) -> dict[str, Vector]:
    """Values of every input, by Saltelli's scheme: each sample, then each input changed alone.

    Every row follows the ranges' distributions, so that all of them count for a share.

    Args:
        samples: a power of two; the scheme makes as many rows for each input and two more.
        seed: of the scrambled sequence.
    """
    shares = sobol_sample.sample(_problem(), int(samples), calc_second_order=False, seed=int(seed))
    return {row.parameter: row.at(column) for row, column in zip(ranges(), shares.T, strict=True)}


def _inputs(model: Model, values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `equal_speed.machines`."""
    return {**SHEET.parameters.base({}), "model": model, **values}


@formulary.procedure
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
    sram, hbm = machines(growth=growth, **_inputs(model, values))
    found = [np.broadcast_arrays(sram.cost(speed), hbm.cost(speed)) for speed in target_speeds]
    return np.array([pair[0] for pair in found]), np.array([pair[1] for pair in found])


def part_of_cost(cost: Vector, gpu_cost: Vector) -> Vector:
    """The same for arrays, and one half where neither gives the speed: no one is the cheaper."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array(np.nan_to_num(sram_part_of_cost(cost, gpu_cost), nan=0.5))


@formulary.procedure
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


@formulary.procedure
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
