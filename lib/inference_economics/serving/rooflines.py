"""What single products of matrices reach, against the bytes that they move: measured rooflines.

`python -m inference_economics.serving.rooflines FOLDER` condenses gemm.parquet of a folder to
serving_products.csv.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from inference_economics import catalog
from inference_economics.catalog import Chip
from inference_economics.formulas.serving import matrix_time
from inference_economics.quantities import DATA, formulary
from inference_economics.serving import kernels
from inference_economics.serving.engines import peak
from inference_economics.units import FlopPerSecond
from reckoner.declare.tables import Number, Text, read_rows

STORED = DATA / "serving_products.csv"

STEPS = 2
"""Steps of the axis in each doubling of the operations for a byte."""

LARGE = 2**27
"""Weights of a product from which on its least time hardly counts."""

FEW = 3
"""Timings below which a step is left out."""


class Product(BaseModel):
    """A row of serving_products.csv: products of a chip with about as much work for each byte.

    Attributes:
        system: the chip's catalog key.
        format: of the weights.
        operations_per_byte: middle of the step.
        reached: median operations per second, in TFLOP/s, over shapes and engines.
        low: the quarter that reaches least.
        high: the quarter that reaches most.
        rows: timings behind it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: Text
    format: Text
    operations_per_byte: Number
    reached: Number
    low: Number
    high: Number
    rows: int


@cache
def products() -> pd.DataFrame:
    """The stored steps, `reached`, `low` and `high` in operations per second."""
    table = pd.DataFrame([row.model_dump() for row in read_rows(STORED, Product)])
    return table.assign(**{name: 1e12 * table[name] for name in ("reached", "low", "high")})


@formulary.procedure
def reachable(chip: Chip, form: str, operations_per_byte: kernels.Vector) -> FlopPerSecond:
    """Operations per second by what kernels show of a chip, without their least time.

    Args:
        chip: of the catalog.
        form: format of the weights.
        operations_per_byte: of a product.
    """
    reading = kernels.constant("bandwidth_share", chip, form=form) * chip.memory_bandwidth
    multiplying = kernels.constant("compute_share", chip, form=form) * peak(chip, form)
    return 1 / matrix_time(
        1 / (operations_per_byte * reading), 1 / multiplying,
        catalog.value("serving_model.sharpness"),
    )  # fmt: skip


def condensed(table: pd.DataFrame) -> Iterator[Product]:
    """The timings of products in steps of their work for each byte.

    Args:
        table: of gemm.parquet.
    """
    table = kernels.products(table)
    large = table[table["n"] * table["k"] >= LARGE]
    for (system, form), rows in kernels.groups(large, "system", "form"):
        if form == "fp4" and not catalog.chip(system).has("fp4_compute"):
            continue
        moved, done = kernels.work(rows, form)
        step = np.round(STEPS * np.log2(done / moved))
        speed = pd.Series(done / (rows["latency_ms"].to_numpy(float) / 1e3) / 1e12)
        for place in np.unique(step):
            speeds = speed[step == place]
            if len(speeds) >= FEW:
                low, middle, high = speeds.quantile([0.25, 0.5, 0.75])
                yield Product(
                    system=system, format=form, operations_per_byte=2 ** (place / STEPS),
                    reached=middle, low=low, high=high, rows=len(speeds),
                )  # fmt: skip


if __name__ == "__main__":
    found = condensed(kernels.table_of(Path(sys.argv[1]), "gemm"))
    pd.DataFrame([row.model_dump() for row in found]).to_csv(
        STORED, index=False, float_format="%.4g", lineterminator="\n"
    )
