"""What chips reach, fitted on timings of single kernels, and kept as a few constants for each.

`python -m inference_economics.serving.kernels FOLDER` fits the tables of a folder (gemm.parquet,
moe.parquet, attention_decode.parquet, attention_prefill.parquet, allreduce.parquet) and writes
serving_chips.csv.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict

from inference_economics import catalog
from inference_economics.catalog import Chip
from inference_economics.quantities import DATA
from inference_economics.serving.engines import ENGINES, peak
from reckoner.declare.tables import Number, Text, UnitName, read_rows
from reckoner.declare.trace import read
from reckoner.declare.units import si

Vector = npt.NDArray[np.float64]

STORED = DATA / "serving_chips.csv"

SYSTEMS = {"a100_sxm": "a100_sxm_80gb"}
"""Chips that the tables call otherwise than the catalog."""

GEMM = {"bfloat16": "bf16", "fp8": "fp8", "nvfp4": "fp4"}
EXPERTS = {"bfloat16": "bf16", "fp8": "fp8", "fp8_block": "fp8", "nvfp4": "fp4",
           "int4_wo": "int4", "w4a16_mxfp4": "mxfp4", "w4a8_mxfp4_mxfp8": "mxfp4"}  # fmt: skip
"""The tables' names of formats, and the book's."""

WIDE = 2
"""Bytes of an activation."""


class Reached(BaseModel):
    """A row of serving_chips.csv: a constant of a chip, as its kernels show it.

    Attributes:
        system: the chip's catalog key.
        engine: whose kernels; blank where those of all engines are pooled.
        format: of the weights or the cache; blank where it does not matter.
        quantity: which constant.
        value: as fitted, in `unit`; of several engines the median.
        spread: standard deviation of its logarithm between engines, or zero.
        unit: of the value.
        rows: timings behind it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: Text
    engine: str
    format: str
    quantity: Text
    value: Number
    spread: Number
    unit: UnitName
    rows: int


@cache
def reached() -> tuple[dict[str, Any], ...]:
    """The stored constants in SI units, with `new`: whether the chip multiplies 4-bit numbers."""
    return tuple(
        row.model_dump()
        | {
            "value": si(row.value, row.unit),
            "new": catalog.chip(row.system).has("fp4_compute"),
        }
        for row in read_rows(STORED, Reached)
    )


def constant(quantity: str, chip: Chip, engine: str = "", form: str = "") -> float:
    """A constant of a chip; of one without tables, the mean of those of its generation.

    What a user measured of a chip, `own_name` among its values, comes before all others.

    Args:
        quantity: which one.
        chip: of the catalog, or one's own.
        engine: whose kernels, where that matters.
        form: format of the weights or the cache, where it matters.
    """
    if own_name(quantity, form) in chip.values:
        return float(chip.values[own_name(quantity, form)])
    value = _constant(quantity, chip.key, "fp4_compute" in chip.values, engine, form)
    found: float = read(f"{chip.key}.{quantity}", value)
    return found


def own_name(quantity: str, form: str) -> str:
    """What a constant is called among the values of a chip whose user measured it."""
    return f"{quantity} {form}"


def spread(quantity: str, chip: Chip, engine: str = "", form: str = "") -> float:
    """How far a constant of a chip may lie from what is taken for it, as a logarithm's deviation.

    A chip with tables, or one that its user measured, is known; any other one takes the spread of
    those that have tables.

    Args:
        quantity: which one.
        chip: of the catalog, or one's own.
        engine: whose kernels, where that matters.
        form: format of the weights or the cache, where it matters.
    """
    if own_name(quantity, form) in chip.values:
        return 0.0
    return _spread(quantity, chip.key, engine, form)


@cache
def _spread(quantity: str, key: str, engine: str, form: str) -> float:
    rows = _rows_of(quantity, engine, form)
    chips = {row["system"] for row in rows}
    if key in chips:
        return 0.0
    means = [np.mean([np.log(r["value"]) for r in rows if r["system"] == name]) for name in chips]
    return float(np.std(means, ddof=1)) if len(means) > 1 else 0.0


@cache
def _constant(quantity: str, key: str, new: bool, engine: str, form: str) -> float:
    rows = _rows_of(quantity, engine, form)
    kin = [row for row in rows if row["system"] in SERVED]
    own = [row for row in rows if row["system"] == key]
    found = own or [row for row in kin if row["new"] == new] or kin
    return float(np.exp(np.mean([np.log(row["value"]) for row in found])))


def _rows_of(quantity: str, engine: str, form: str) -> list[dict[str, Any]]:
    """The stored rows of a constant; of all formats where none is of the one asked for."""
    rows = [
        row for row in reached() if row["quantity"] == quantity and row["engine"] in ("", engine)
    ]
    return [row for row in rows if row["format"] == form] or rows


SERVED = ("h100_sxm", "h200_sxm", "b200_sxm")
"""The chips of large servers, from which one without tables is told."""


def _fitted(times: Vector, start: list[float], of: Callable[[Vector], Vector]) -> Vector:
    """The positive constants that bring `of` nearest to measured times, in the logarithm."""
    from scipy.optimize import least_squares

    def errors(logs: Vector) -> Vector:
        return np.asarray(np.log(of(np.exp(logs)) / times))

    return np.asarray(np.exp(least_squares(errors, np.log(start), loss="soft_l1", f_scale=0.1).x))


def roofline(read_time: Vector, compute_time: Vector, times: Vector) -> Vector:
    """Share of bandwidth, share of compute and floor of a kernel."""
    both = partial(_overlapped, read_time, compute_time)
    return _fitted(times, [0.8, 0.5, 1e-5], lambda sought: both(sought) + sought[2])


def shares(read_time: Vector, compute_time: Vector, times: Vector) -> Vector:
    """Share of bandwidth and share of compute where all read the same bytes.

    Nothing tells the floor of such kernels from their reading, so it counts as reading.
    """
    return _fitted(times, [0.8, 0.5], partial(_overlapped, read_time, compute_time))


def _overlapped(read_time: Vector, compute_time: Vector, sought: Vector) -> Vector:
    """Time of a kernel that reads while it multiplies, from the shares that are sought."""
    return np.asarray(((read_time / sought[0]) ** 4 + (compute_time / sought[1]) ** 4) ** 0.25)


def products(table: pd.DataFrame) -> pd.DataFrame:
    """The products that are large enough to tell what a chip reaches, with the book's formats."""
    sizes = table[["n", "k"]]
    table = table[(sizes >= 1024).all(axis=1) & (sizes <= 16384).all(axis=1)]
    table = table[table["gemm_dtype"].isin(GEMM) & (table["n"] * table["k"] >= 2**23)]
    return table.assign(form=table["gemm_dtype"].map(GEMM))


def work(rows: pd.DataFrame, form: str) -> tuple[Vector, Vector]:
    """Bytes moved and operations done by each product."""
    m, n, k = (rows[name].to_numpy(float) for name in "mnk")
    size = catalog.value(f"{form}.bytes_per_parameter")
    return (n * k + m * k) * size + m * n * WIDE, 2 * m * n * k


Found = Iterator[tuple[str, str, str, dict[str, float], int]]


def _gemm(table: pd.DataFrame) -> Found:
    for (system, form, engine), rows in groups(products(table), "system", "form", "engine"):
        chip = catalog.chip(system)
        if form == "fp4" and not chip.has("fp4_compute"):
            continue
        moved, done = work(rows, form)
        found = roofline(moved / chip.memory_bandwidth, done / peak(chip, form), _seconds(rows))
        names = ("bandwidth_share", "compute_share")
        yield system, engine, form, dict(zip(names, found[:2], strict=True)), len(rows)


def _experts(table: pd.DataFrame) -> Found:
    table = table[table["moe_dtype"].isin(EXPERTS) & (table["num_tokens"] <= 16384)]
    table = table[table["distribution"].str.startswith("power_law")]
    table = table[~table["kernel"].str.contains("situ|nongated")]
    table = table.assign(form=table["moe_dtype"].map(EXPERTS))
    for (system, form, engine), rows in groups(table, "system", "form", "engine"):
        chip = catalog.chip(system)
        if form == "mxfp4" and chip.has("fp4_compute"):
            rows = rows[rows["moe_dtype"] == "w4a8_mxfp4_mxfp8"]
        if rows.empty:
            continue
        tokens, chosen, experts = (
            rows[name].to_numpy(float) for name in ("num_tokens", "topk", "num_experts")
        )
        one = 3 * (rows["hidden_size"] * rows["inter_size"] / rows["moe_tp_size"]).to_numpy(float)
        split = rows["moe_ep_size"].to_numpy(float)
        touched = experts / split * (1 - (1 - chosen / experts) ** tokens)
        size = catalog.value(f"{form}.bytes_per_parameter")
        found = roofline(
            touched * one * size / chip.memory_bandwidth,
            2 * tokens * chosen * one / split / peak(chip, form),
            _seconds(rows),
        )
        names = ("expert_bandwidth_share", "expert_compute_share", "expert_floor")
        yield system, engine, form, dict(zip(names, found, strict=True)), len(rows)


def _decode(table: pd.DataFrame) -> Found:
    sharing = table["num_heads"] / table["num_key_value_heads"]
    plain = (table["window_size"].fillna(0) == 0) & (table["head_dim"] == 128) & (sharing >= 4)
    for (system, form, engine), rows in groups(table[plain], "system", "kv_cache_dtype", "engine"):
        size = 1 if form == "fp8" else WIDE
        elements = 2 * rows["batch_size"] * (rows["step"] + 1) * rows["num_key_value_heads"] * 128
        moved = elements.to_numpy(float) * size / catalog.chip(system).memory_bandwidth
        share, _ = _fitted(_seconds(rows), [0.8, 1e-5], partial(_read, moved))
        yield system, engine, "fp8" if size == 1 else "bf16", {"cache_share": share}, len(rows)


def _prefill(table: pd.DataFrame) -> Found:
    plain = (table["window_size"].fillna(0) == 0) & (table["head_dim"] == 128)
    table = table[plain & (table["isl"] >= 2048) & (table["attn_dtype"] == "bfloat16")]
    for (system, engine), rows in groups(table, "system", "engine"):
        pairs = rows["batch_size"] * rows["isl"].astype(float) ** 2 * rows["num_heads"] * 128
        ideal = 2 * pairs.to_numpy(float) / catalog.chip(system).fp16_compute
        share = float(np.median(ideal / _seconds(rows)))
        yield system, engine, "", {"attention_share": share}, len(rows)


def _exchange(table: pd.DataFrame) -> Found:
    table = table[~table["kernel"].str.contains("eager")]
    table = table[table["message_size"].between(2**10, 2**26)]
    for (system, engine), rows in groups(table, "system", "engine"):
        if not catalog.chip(system).has("link_bandwidth"):
            continue
        n, size = (rows[name].to_numpy(float) for name in ("num_gpus", "message_size"))
        sent = size * WIDE / catalog.chip(system).link_bandwidth
        found = _fitted(_seconds(rows), [4e-6, 1e-5, 0.7], partial(_faster_exchange, n, sent))
        found[1] += found[0]
        names = ("all_reduce_latency", "all_reduce_in_two", "link_share")
        yield system, engine, "", dict(zip(names, found, strict=True)), len(rows)


def _read(ideal: Vector, sought: Vector) -> Vector:
    """Time of a read, from the share of bandwidth and the floor that are sought."""
    return np.asarray(ideal / sought[0] + sought[1])


def _faster_exchange(chips: Vector, sent: Vector, sought: Vector) -> Vector:
    """Time of an all-reduce, from both latencies and the share of the links that are sought."""
    at_once = sought[0] + (chips - 1) * sent / sought[2]
    in_two = sought[0] + sought[1] + 2 * (chips - 1) / chips * sent / sought[2]
    return np.asarray(np.minimum(at_once, in_two))


def groups(table: pd.DataFrame, *names: str) -> Iterator[tuple[list[str], pd.DataFrame]]:
    """The rows that share some columns, by their values there."""
    for key, rows in table.groupby([*names]):
        assert isinstance(key, tuple)
        yield [str(part) for part in key], rows


def _seconds(rows: pd.DataFrame) -> Vector:
    return rows["latency_ms"].to_numpy(float) / 1e3


TABLES: dict[str, Callable[[pd.DataFrame], Found]] = {
    "gemm": _gemm, "moe": _experts, "attention_decode": _decode,
    "attention_prefill": _prefill, "allreduce": _exchange,
}  # fmt: skip

OF_ENGINE = {"expert_floor", "cache_share", "all_reduce_latency", "all_reduce_in_two", "link_share"}
"""Constants that depend on whose kernels they are; of the others, engines are pooled."""

TIMES = {"expert_floor", "all_reduce_latency", "all_reduce_in_two"}

LARGEST = 1.05
"""A share above this is no measurement of the chip: the kernel found its data in a cache."""


def table_of(folder: Path, name: str) -> pd.DataFrame:
    """A table of timings, of chips of the catalog and by their keys there."""
    table = pd.read_parquet(folder / f"{name}.parquet")
    table = table.assign(system=table["system"].replace(SYSTEMS))
    return table[table["system"].isin([*catalog.chip_names()])]


def fit(folder: Path) -> pd.DataFrame:
    """The constants of every chip with tables in a folder, as they are stored."""
    found: list[dict[str, Any]] = []
    for name, of in TABLES.items():
        for system, engine, form, constants, rows in of(table_of(folder, name)):
            for quantity, value in constants.items():
                if quantity in TIMES or value <= LARGEST:
                    whose = engine if quantity in OF_ENGINE and engine in ENGINES else ""
                    found.append({"system": system, "engine": whose, "format": form,
                                  "quantity": quantity, "value": value, "rows": rows})  # fmt: skip
    table = pd.DataFrame(found)
    table["log"] = np.log(table["value"])
    keys = ["system", "engine", "format", "quantity"]
    pooled = table.groupby(keys, sort=False).agg(
        value=("log", "median"), spread=("log", "std"), rows=("rows", "sum")
    )
    pooled = pooled.reset_index()
    scale = np.where(pooled["quantity"].isin(TIMES), 1e6, 1.0)
    pooled["value"] = np.exp(pooled["value"]) * scale
    pooled["spread"] = pooled["spread"].fillna(0.0)
    pooled["unit"] = np.where(pooled["quantity"].isin(TIMES), "us", "share")
    return pooled[list(Reached.model_fields)].sort_values(["quantity", *keys[:3]])


if __name__ == "__main__":
    fit(Path(sys.argv[1])).to_csv(STORED, index=False, float_format="%.4g", lineterminator="\n")
