"""What the model of serving predicts for each row of a table of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from inference_economics.catalog import Chip, Model
from inference_economics.serving.constants import OF_CHIP, spread_name
from inference_economics.serving.engines import BLANK_PRECISION
from inference_economics.serving.levels import (
    QUANTITIES,
    SERIES,
    drawn,
    factor,
    known_levels,
    seen,
)
from inference_economics.serving.model import Run, Served, serve
from inference_economics.serving.rows import constants_of, model_of, run_of
from inference_economics.serving.runs import harness_of, key_of, rows_of

LIMITS = {
    "bandwidth": ("weights_time", "kv_time"),
    "compute": ("product_time",),
    "all-reduce": ("reduce_time",),
    "overhead": ("floor_time", "host_time"),
    "prefill": ("prefill_per_token",),
}
"""What can bind, and the parts of a token's time that count for it."""

DOES_NOT_FIT = "memory: does not fit"


def limits(served: Served) -> np.ndarray[Any, Any]:
    """What takes most of a token's time in each row."""
    reads = served.weights_time >= served.product_time
    matrices = served.matrix_time + served.expert_time
    parts = {"weights_time": np.where(reads, matrices, 0.0),
             "product_time": np.where(reads, 0.0, matrices)}  # fmt: skip
    sums = np.stack(
        [
            sum(parts.get(name, np.asarray(getattr(served, name))) for name in names)
            for names in LIMITS.values()
        ]
    )
    named: np.ndarray[Any, Any] = np.array(list(LIMITS))[np.argmax(np.nan_to_num(sums), axis=0)]
    return named


@cache
def _seen() -> dict[str, Any]:
    """What the fit part holds: names, and the ends of each number."""
    table = rows_of("fit")
    ends = {
        column: (float(table[name].min()), float(table[name].max()))
        for column, name in NUMBERS.items()
    }
    return {
        "chip": {*table["system"]},
        "model": {*table["key"]},
        "precision": {*table["precision"]},
        **ends,
    }


NUMBERS = {
    "isl": "isl",
    "osl": "osl",
    "concurrency": "requests",
    "tp": "tensor_parallel",
}
"""Numbers of a row by what they are called in a file, and in the table of measured runs."""


def outside(rows: pd.DataFrame, run: Run, models: Mapping[str, Model]) -> pd.Series:
    """In what each row leaves the range of the rows that the constants were fitted on.

    Args:
        rows: the rows.
        run: the same as arrays.
        models: one's own models by name.
    """
    known = _seen()
    found = {
        "chip": ~rows["system"].isin(known["chip"]).to_numpy(),
        "model": ~rows["model"].map(key_of).isin(known["model"]).to_numpy(),
        "precision": ~rows["precision"]
        .replace("", BLANK_PRECISION)
        .isin(known["precision"])
        .to_numpy(),
    }
    numbers = {
        "isl": run.input_tokens,
        "osl": run.output_tokens,
        "concurrency": run.concurrency,
        "tp": run.tensor_parallel,
    }
    for name, values in numbers.items():
        low, high = known[name]
        found[name] = (values < low) | (values > high)
    longest = {name: model_of(name, models).values.get("context_length", np.inf)
               for name in rows["model"].unique()}  # fmt: skip
    found["context of the model"] = run.input_tokens + run.output_tokens > rows["model"].map(
        longest
    ).to_numpy(float)
    named = [[name for name, flags in found.items() if flags[i]] for i in range(len(rows))]
    return pd.Series(["; ".join(names) for names in named], index=rows.index, dtype=object)


PREDICTED: dict[str, tuple[str, Callable[[Served], Any], bool]] = {
    "predicted_ttft_ms": ("first_token_time", lambda served: served.first_token_time * 1e3, False),
    "predicted_tpot_ms": ("output_time", lambda served: served.output_time * 1e3, False),
    "predicted_tok_s_user": ("output_time", lambda served: 1 / served.output_time, True),
    "predicted_tok_s_chip": ("request_time", lambda served: served.throughput, True),
}
"""Predicted columns: the time whose levels bound them, how they follow, and if upside down."""


def computed(
    rows: pd.DataFrame,
    chips: Mapping[str, Chip] | None = None,
    models: Mapping[str, Model] | None = None,
    values: Mapping[str, Mapping[str, float]] | None = None,
) -> tuple[Run, Served]:
    """How rows go by the formulas alone, without the level of their series."""
    run, chip = run_of(rows, chips, models)
    return run, _served(run, rows, chip, values)


def _served(
    run: Run,
    rows: pd.DataFrame,
    chip: Mapping[str, Any],
    values: Mapping[str, Mapping[str, float]] | None,
) -> Served:
    with np.errstate(divide="ignore", invalid="ignore"):
        return serve(run, constants_of(rows["backend"], chip, values))


def named_series(rows: pd.DataFrame, models: Mapping[str, Model]) -> pd.DataFrame:
    """The columns that name each row's series, and `experts`."""
    release = rows.get("backend_version", "")
    found = rows[["system", "backend"]].assign(
        harness=harness_of(rows),
        key=rows["model"].map(key_of),
        release=release,
        precision=rows["precision"].replace("", BLANK_PRECISION),
    )
    found["release"] = found["release"].fillna("").astype(str)
    mixed = {name: model_of(name, models).has("experts") for name in rows["model"].unique()}
    return found.assign(experts=rows["model"].map(mixed).astype(bool))


def calibrated(
    rows: pd.DataFrame,
    chips: Mapping[str, Chip] | None = None,
    models: Mapping[str, Model] | None = None,
) -> pd.DataFrame:
    """The series of the book with those of one's own runs, for `predict`.

    Args:
        rows: runs with `tpot_ms` and perhaps `ttft_ms`.
        chips: one's own chips by name.
        models: one's own models by name.
    """
    rows = rows.assign(precision=rows["precision"].fillna(""))
    _, served = computed(rows, chips, models)
    first = rows["ttft_ms"] if "ttft_ms" in rows else float("nan")
    table = named_series(rows, models or {}).assign(
        output_time=np.log(rows["tpot_ms"] / 1e3 / served.output_time),
        first_token_time=np.log(first / 1e3 / served.first_token_time),
        rows=1,
    )
    table["request_time"] = table["output_time"]
    groups = table.groupby([*SERIES, "experts"])
    own = groups[[*QUANTITIES]].median().join(groups["rows"].sum()).reset_index()
    own["configurations"] = own["rows"]
    known = known_levels()
    same = known[[*SERIES]].apply(tuple, axis=1).isin(own[[*SERIES]].apply(tuple, axis=1))
    return pd.concat([known[~same], own], ignore_index=True)


def predict(
    rows: pd.DataFrame,
    level: float = 0.9,
    chips: Mapping[str, Chip] | None = None,
    models: Mapping[str, Model] | None = None,
    values: Mapping[str, Mapping[str, float]] | None = None,
    known: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The rows with what the model predicts for them.

    Args:
        rows: runs with the columns of the measurements; measured ones may be missing. `system` is
            a chip and `model` a model by the measurements' name, by its catalog key, or one of
            the next two arguments. A blank `precision` is 16 bits.
        level: the share of measurements that the intervals are to hold.
        chips: one's own chips by name.
        models: one's own models by name.
        values: constants of each engine, if not the fitted ones.
        known: series to tell levels from, if not those of the book; see `calibrated`.

    Returns:
        The rows with columns `predicted_ttft_ms`, `predicted_tpot_ms`, `predicted_tok_s_user` and
        `predicted_tok_s_chip`, each with `_low` and `_high`; `limit`, what takes most of a token's
        time, with "memory" before it where requests wait for memory; `seen`, which parts of the
        row's level a known series shares; and `outside`, in what the row leaves the range that
        the constants were fitted on.

    Raises:
        KeyError: a chip, a model, a precision or an engine is not known.
        MissingConstantError: a chip or model lacks a quantity.
    """
    rows = rows.assign(precision=rows["precision"].fillna(""))
    run, chip = run_of(rows, chips, models)
    served = _served(run, rows, chip, values)
    series = named_series(rows, models or {})
    fits = _weights(run) < run.memory * run.tensor_parallel * run.data_parallel
    out, faster = rows.copy(), _if_guessing(rows, run, chips, models, values, served)
    factors, unknown = {}, unknown_kernels(rows, run, chip, values)
    for quantity in QUANTITIES:
        middle, width = drawn(series, quantity, known)
        width = np.hypot(width, unknown[quantity])
        bound = factor(width, level)
        low = np.exp(middle) * np.minimum(1 / bound, faster / factor(width, _BELOW))
        factors[quantity] = (np.exp(middle), low, np.exp(middle) * bound)
    for column, (quantity, value, inverted) in PREDICTED.items():
        values_of_rows = np.where(fits, value(served), np.nan)
        middle, low, high = (1 / f if inverted else f for f in factors[quantity])
        out[column] = values_of_rows * middle
        out[f"{column}_low"] = values_of_rows * np.minimum(low, high)
        out[f"{column}_high"] = values_of_rows * np.maximum(low, high)
    waits = served.running < run.concurrency
    named = limits(served)
    named = np.where(waits, np.char.add("memory, then ", named), named)
    out["limit"] = np.where(fits, named, DOES_NOT_FIT)
    out["seen"] = seen(series, known)
    out["outside"] = outside(rows, run, models or {})
    return out


def unknown_kernels(
    rows: pd.DataFrame,
    run: Run,
    chip: Mapping[str, Any],
    values: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, np.ndarray[Any, Any]]:
    """What each row's times gain in width, by quantity, where nobody measured its chip's kernels.

    Each constant is moved by its spread, and the changes of the logarithm add up as variances. A
    chip with tables gains nothing, nor one whose user measured it.

    Args:
        rows: runs, as `predict` takes them.
        run: the same as arrays.
        chip: what their chips reach, and how far that may lie off; both of `run_of`.
        values: constants of each engine, if not the fitted ones.
    """
    found = {quantity: np.zeros(len(rows)) for quantity in QUANTITIES}
    moved = [name for name in OF_CHIP if chip[spread_name(name)].any()]
    middle = _served(run, rows, chip, values) if moved else None
    for name in moved:
        further = {**chip, name: chip[name] * np.exp(chip[spread_name(name)])}
        other = _served(run, rows, further, values)
        for quantity, width in found.items():
            change = np.log(getattr(other, quantity) / getattr(middle, quantity))
            found[quantity] = np.hypot(width, np.nan_to_num(change))
    return found


_BELOW = 0.5
"""Where tokens may be guessed ahead, the level of the interval around the faster prediction: its
lower end has a quarter of a fifth below, which is what the low end of nine tenths leaves out."""


def _weights(run: Run) -> Any:
    shape = run.shape
    return shape.common_bytes * run.data_parallel + shape.experts * shape.expert_bytes


def _if_guessing(
    rows: pd.DataFrame,
    run: Run,
    chips: Mapping[str, Chip] | None,
    models: Mapping[str, Model] | None,
    values: Mapping[str, Mapping[str, float]] | None,
    served: Served,
) -> np.ndarray[Any, Any]:
    """Time with tokens guessed ahead over time without, where nothing says whether they are."""
    release = rows.get("backend_version", pd.Series("", index=rows.index)).fillna("").astype(str)
    known = release.isin({*known_levels()["release"]} - {""})
    said = pd.to_numeric(
        rows.get("speculation", pd.Series(np.nan, index=rows.index)), errors="coerce"
    ).notna()
    able = (run.shape.latent_layers > 0) & (rows["backend"] == "trtllm") & ~known & ~said
    able, found = able.to_numpy(bool), np.full(len(rows), np.inf)
    if able.any():
        guessing = rows[able].assign(speculation=np.where(run.data_parallel[able] > 1, 1, 3))
        guessing = guessing.drop(columns=["drafted"], errors="ignore")
        faster = computed(guessing, chips, models, values)[1]
        found[able] = faster.output_time / served.output_time[able]
    return found
