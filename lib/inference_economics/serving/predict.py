"""What the model of serving predicts for each row of a table of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from inference_economics.catalog import Chip, Model
from inference_economics.serving.bound import rows_of
from inference_economics.serving.constants import Constants
from inference_economics.serving.engines import BLANK_PRECISION
from inference_economics.serving.intervals import intervals
from inference_economics.serving.model import Run, Served, serve
from inference_economics.serving.rows import constants_of, model_of, run_of
from inference_economics.serving.runs import models_of_runs

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
    """What takes most of a token's time in each row; "memory" where requests wait for it."""
    weights = np.where(served.weights_time >= served.product_time, served.weights_time, 0.0)
    products = np.where(served.weights_time < served.product_time, served.product_time, 0.0)
    parts = {"weights_time": weights, "product_time": products}
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
    keys = {name: row.key for name, row in models_of_runs().items()}
    ends = {
        column: (float(table[name].min()), float(table[name].max()))
        for column, name in NUMBERS.items()
    }
    return {
        "chip": {*table["system"]},
        "model": {keys[name] for name in table["model"]},
        "precision": {*table["precision"].replace("", BLANK_PRECISION)},
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
    seen = _seen()
    keys = {name: row.key for name, row in models_of_runs().items()}
    found = {
        "chip": ~rows["system"].isin(seen["chip"]).to_numpy(),
        "model": ~rows["model"]
        .map(lambda name: keys.get(name, name))
        .isin(seen["model"])
        .to_numpy(),
        "precision": ~rows["precision"]
        .replace("", BLANK_PRECISION)
        .isin(seen["precision"])
        .to_numpy(),
    }
    numbers = {
        "isl": run.input_tokens,
        "osl": run.output_tokens,
        "concurrency": run.concurrency,
        "tp": run.tensor_parallel,
    }
    for name, values in numbers.items():
        low, high = seen[name]
        found[name] = (values < low) | (values > high)
    found["attention_dp"] = run.data_parallel > 1
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
"""Predicted columns: the time whose residuals bound them, how they follow, and if upside down."""


def predict(
    rows: pd.DataFrame,
    level: float = 0.9,
    chips: Mapping[str, Chip] | None = None,
    models: Mapping[str, Model] | None = None,
    constants: Mapping[str, Constants] | None = None,
) -> pd.DataFrame:
    """The rows with what the model predicts for them.

    Args:
        rows: runs with the columns of the measurements; measured ones may be missing. `system` is
            a chip and `model` a model by the measurements' name, by its catalog key, or one of
            the next two arguments. A blank `precision` is 16 bits.
        level: the share of measurements that the intervals are to hold.
        chips: one's own chips by name.
        models: one's own models by name.
        constants: constants of each engine, if not the fitted ones.

    Returns:
        The rows with columns `predicted_ttft_ms`, `predicted_tpot_ms`, `predicted_tok_s_user` and
        `predicted_tok_s_chip`, each with `_low` and `_high`; `limit`, what takes most of a token's
        time, with "memory" before it where requests wait for memory; and `outside`, in what the
        row leaves the range that the constants were fitted on.

    Raises:
        KeyError: a chip, a model, a precision or an engine is not known.
        MissingConstantError: a chip or model lacks a quantity.
    """
    rows = rows.assign(precision=rows["precision"].fillna(""))
    of_engine = constants_of(rows["backend"], constants)
    run = run_of(rows, chips, models)
    with np.errstate(divide="ignore", invalid="ignore"):
        served = serve(run, of_engine)
        fits = served.requests_in_memory >= run.data_parallel
        around = intervals(level)
        group = [around[key] for key in zip(rows["backend"], run.shape.experts > 1, strict=True)]
        out = rows.copy()
        for column, (residual, value, inverted) in PREDICTED.items():
            values = np.where(fits, value(served), np.nan)
            low, high = (
                np.array([factors[f"{residual}_{end}"] for factors in group])
                for end in ("low", "high")
            )
            if inverted:
                low, high = 1 / high, 1 / low
            out[column] = values
            out[f"{column}_low"] = values * low
            out[f"{column}_high"] = values * high
    waits = fits & (served.running < run.concurrency)
    named = limits(served)
    named = np.where(waits, np.char.add("memory, then ", named), named)
    out["limit"] = np.where(fits, named, DOES_NOT_FIT)
    out["outside"] = outside(rows, run, models or {})
    return out
