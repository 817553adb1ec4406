"""What a user's own rows show of a chip: shares of its bandwidth and its compute.

Products are told from the projections of a layer over batches, or where there are none from steps
without context, which do more than multiply; the cache from how much longer a step takes with a
context than without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from inference_economics.catalog import Chip
from inference_economics.measure.rows import PROJECTIONS, STEP, Machine, read_measured
from inference_economics.serving import kernels
from inference_economics.serving.engines import peak
from reckoner.declare.tables import DataError

FEW = 3
"""Batches below which the rows of a format tell nothing of its products."""


def with_own_kernels(chip: Chip, path: Path) -> Chip:
    """A chip whose constants are those that a file of rows shows of it.

    Args:
        chip: of the catalog, or one's own; what its datasheet says is what shares are of.
        path: a file that `spacetime measure` wrote on it.

    Raises:
        DataError: the file is wrong, or tells nothing of the chip.
        MissingConstantError: the chip lacks a quantity.
    """
    found = own_kernels(read_measured(path), chip)
    if not found:
        raise DataError(
            f"{path}: no format with {FEW} batches of steps without context; measure without "
            "--quick, or for longer"
        )
    high = {name: share for name, share in found.items() if share > kernels.LARGEST}
    for name, share in high.items():
        raise DataError(
            f"{path}: {name} would be {share:.3g} of what the datasheet of {chip.key} says; is it "
            "this chip that was measured?"
        )
    return replace(chip, values={**chip.values, **found})


def formats(path: Path) -> set[str]:
    """The formats of numbers whose products a file of rows tells of."""
    rows = _by_form(read_measured(path))
    return {form for form, found in rows if len(_products(found, _alone(found)))}


def own_kernels(measured: Machine, chip: Chip) -> dict[str, float]:
    """The constants that rows show, by `kernels.own_name`.

    Args:
        measured: the rows.
        chip: which chip they are of.
    """
    found: dict[str, float] = {}
    for form, rows in _by_form(measured):
        steps, alone = rows[rows["what"] == STEP], _alone(rows)
        products = _products(rows, alone)
        if len(products) and form in kernels.GEMM.values():
            shares = kernels.shares(
                products["bytes"].to_numpy(float) / chip.memory_bandwidth,
                products["operations"].to_numpy(float) / peak(chip, form),
                products["value"].to_numpy(float) / 1e3,
            )
            for name, share in zip(("bandwidth_share", "compute_share"), shares, strict=True):
                found[kernels.own_name(name, form)] = float(share)
        if share := _cache_share(steps, alone, chip):
            found[kernels.own_name("cache_share", form)] = share
    return found


def _by_form(measured: Machine) -> Iterator[tuple[str, pd.DataFrame]]:
    """Steps of whole layers and their projections, by the format of their numbers."""
    whole = measured.frame["what"].isin([STEP, PROJECTIONS])
    timed = measured.frame[whole & (measured.frame["bytes"] > 0) & (measured.frame["value"] > 0)]
    for form, rows in timed.groupby("precision"):
        yield str(form), rows


def _alone(rows: pd.DataFrame) -> pd.DataFrame:
    """Steps without context."""
    return rows[(rows["what"] == STEP) & (rows["context"] == 0)]


def _products(rows: pd.DataFrame, alone: pd.DataFrame) -> pd.DataFrame:
    """The rows that tell of products: of projections, else of steps without context; or none."""
    for found in (rows[rows["what"] == PROJECTIONS], alone):
        if found["batch"].nunique() >= FEW:
            return found
    return rows[:0]


def _cache_share(steps: pd.DataFrame, alone: pd.DataFrame, chip: Chip) -> float:
    """Share of the bandwidth at which the cache is read; nothing where no row tells it."""
    keys = ["batch", "layers", "shards"]
    both = steps[steps["context"] > 0].merge(alone, on=keys, suffixes=("", "_alone"))
    longer = (both["value"] - both["value_alone"]) / 1e3
    read = both["bytes"] - both["bytes_alone"]
    clear = longer > CLEAR * both["value_alone"] / 1e3
    if not clear.any():
        return 0.0
    return float(np.median((read / longer / chip.memory_bandwidth)[clear]))


CLEAR = 0.2
"""How much longer a step has to take with its context, or the difference is that of repeats."""
