"""Tables of serving runs: what the chapter `serving` predicts for each row, and what bounds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.formulas.kv_cache import model_kv_cache
from inference_economics.formulas.serving import (
    IDEAL,
    Constants,
    Run,
    Served,
    Shape,
    bytes_of,
    fitted,
    intervals,
    kv_bytes_of,
    serve,
    shape_of,
)
from inference_economics.measurements import BLANK_PRECISION, models_of_runs, runs

# Rows of runs

NEEDED = ("model", "system", "backend", "precision", "isl", "osl", "concurrency", "tp")
"""The columns that a row to predict must have; `attention_dp` is one where it is missing."""


def chip_of(name: str, own: Mapping[str, Chip]) -> Chip:
    """A chip by its name in the measurements, which is its catalog key, or one's own."""
    return own[name] if name in own else catalog.chip(name)


def model_of(name: str, own: Mapping[str, Model]) -> Model:
    """A model by its name in the measurements, by its catalog key, or one's own."""
    if name in own:
        return own[name]
    known = models_of_runs().get(name)
    return catalog.model(known.key if known else name)


def _precision_of_experts(model: str, precision: str) -> str:
    known = models_of_runs().get(model)
    return known.expert_precision or precision if known else precision


def run_of(
    rows: pd.DataFrame,
    chips: Mapping[str, Chip] | None = None,
    models: Mapping[str, Model] | None = None,
    ideal: bool = False,
) -> Run:
    """The rows of a table of runs as arrays that the formulas take.

    Args:
        rows: with the columns `NEEDED`, or with those that `measurements.runs` adds.
        chips: one's own chips by name.
        models: one's own models by name.
        ideal: whether 8-bit weights may use the chip's 8-bit peak, which no run was seen to do.

    Raises:
        KeyError: a chip, model, precision or engine is not known.
        MissingConstantError: a chip or model lacks a quantity.
    """
    own_chips, own_models = chips or {}, models or {}
    key = [rows[name].astype(str) for name in ("model", "system", "backend", "precision")]
    keys = list(zip(*key, strict=True))
    distinct = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    place = np.array([distinct[key] for key in keys], dtype=int)
    table: list[dict[str, float]] = []
    known = []
    for name, system, engine, precision in distinct:
        chip, model = chip_of(system, own_chips), model_of(name, own_models)
        shape = shape_of(model, bytes_of(_precision_of_experts(name, precision)))
        peak = chip.fp16_compute
        if ideal and precision == "fp8":
            peak = chip.values.get("fp8_compute", chip.values.get("int8_compute", peak))
        known.append((model, kv_bytes_of(engine, precision)))
        table.append(
            {field.name: float(getattr(shape, field.name)) for field in fields(Shape)}
            | {
                "memory": chip.memory,
                "memory_bandwidth": chip.memory_bandwidth,
                "compute": peak,
                "link_bandwidth": chip.values.get("link_bandwidth", float("nan")),
                "memory_share": catalog.value(f"{engine}.memory_share"),
                "reserved_output": catalog.value(f"{engine}.reserved_output"),
            }
        )
    column = {name: np.array([row[name] for row in table])[place] for name in table[0]}
    inputs = rows["isl"].to_numpy(float)
    outputs = rows["osl"].to_numpy(float)
    half_way = np.empty(len(rows))
    reserved = np.empty(len(rows))
    for index, (model, kv_bytes) in enumerate(known):
        of_key = place == index
        length = inputs[of_key]
        written = outputs[of_key]
        half_way[of_key] = model_kv_cache(model, length + written / 2, kv_bytes)
        reserved[of_key] = model_kv_cache(
            model, length + written * table[index]["reserved_output"], kv_bytes
        )
    first = rows["tensor_parallel"] if "tensor_parallel" in rows else rows["tp"]
    if "data_parallel" in rows:
        groups = rows["data_parallel"].to_numpy(float)
    elif "attention_dp" in rows:
        groups = rows["attention_dp"].fillna(1).clip(lower=1).to_numpy(float)
    else:
        groups = np.ones(len(rows))
    if "requests" in rows:
        concurrency = rows["requests"]
    elif "batch_size" in rows:
        concurrency = rows["concurrency"].fillna(rows["batch_size"])
    else:
        concurrency = rows["concurrency"]
    split = first.to_numpy(float)
    links = np.where(split > 1, column["link_bandwidth"], 1.0)
    if np.isnan(links).any():
        lacking = sorted({k[1] for k, bad in zip(keys, np.isnan(links), strict=True) if bad})
        raise catalog.MissingConstantError(
            f"{', '.join(lacking)} has no 'link_bandwidth', which more than one chip needs"
        )
    return Run(
        shape=Shape(**{field.name: column[field.name] for field in fields(Shape)}),
        memory=column["memory"],
        memory_bandwidth=column["memory_bandwidth"],
        compute=column["compute"],
        link_bandwidth=links,
        tensor_parallel=split,
        data_parallel=groups,
        concurrency=concurrency.to_numpy(float),
        input_tokens=inputs,
        output_tokens=outputs,
        kv_cache=half_way,
        kv_reserved=reserved,
        memory_share=column["memory_share"],
    )


def constants_of(engines: pd.Series, known: Mapping[str, Constants] | None = None) -> Constants:
    """The constants of each row's engine, as arrays.

    Raises:
        KeyError: an engine was not fitted; the message lists those that were.
    """
    known = known or fitted()
    missing = sorted({*engines} - {*known})
    if missing:
        raise KeyError(f"engine {missing[0]!r} was not fitted; known: {', '.join(known)}")
    return Constants(
        *(
            engines.map({engine: getattr(of, field.name) for engine, of in known.items()})
            .to_numpy(float)
            for field in fields(Constants)
        )
    )  # fmt: skip


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


ATTAINED = replace(
    IDEAL,
    bandwidth_share=catalog.value("gb200.memory_bandwidth_measured")
    / catalog.value("gb200.memory_bandwidth"),
)
"""The most that is known to be reached: the bandwidth that a benchmark sustained."""

ATTAINED_FP8 = catalog.value("h800_sxm.fp8_product_best") / catalog.value("h100_sxm.fp8_compute")
"""The share of the 8-bit peak that the best measured product reaches."""

SERIES = ("model", "system", "backend", "precision", "backend_version", "measured")
"""Rows that were measured together."""


def lifetime(rows: pd.DataFrame) -> pd.Series:
    """Measured time of a request, from its start to its last token, in seconds."""
    return (rows["ttft_ms"] + rows["tpot_ms"] * (rows["osl"] - 1)) / 1e3


def bound(rows: pd.DataFrame) -> pd.DataFrame:
    """How long the measured work takes at least, with the most that hardware is known to reach.

    For each row: the requests that were decoding together, by Little's law; the least time of one
    of their steps, which reads weights and KV cache once, and the measured time over it
    (`step_ratio`); and the least time of a request's life, in which every request in flight is
    prefilled once and every step reads the cache, and the measured one over it (`work_ratio`).
    A ratio below one beats the bound.
    """
    alive = lifetime(rows)
    decoding = rows["requests"] * rows["osl"] * rows["tpot_ms"] / 1e3 / alive
    run = run_of(rows, ideal=True)
    eight_bit = run.compute > run_of(rows).compute
    run = replace(
        run,
        compute=run.compute * np.where(eight_bit, ATTAINED_FP8, 1.0),
        concurrency=np.maximum(decoding.to_numpy(float), 1.0),
        memory_share=np.full(len(rows), np.inf),
    )
    served = serve(run, ATTAINED)
    step = np.maximum(served.weights_time, served.product_time) + served.kv_time
    in_flight = rows["requests"].to_numpy(float) / run.data_parallel
    work = in_flight * served.prefill_products + run.output_tokens * served.kv_time
    return pd.DataFrame(
        {
            "decoding": decoding,
            "least_step_ms": step * 1e3,
            "step_ratio": rows["tpot_ms"] / 1e3 / step,
            "work_ratio": alive / work,
        },
        index=rows.index,
    )


@cache
def _set_aside() -> pd.Series:
    table = runs()
    ratios = bound(table)
    beats = (ratios["step_ratio"] < 1) | (ratios["work_ratio"] < 1)
    series = table[list(SERIES)].astype(str).agg("|".join, axis=1)
    impossible = set(series[beats & (table["part"] == "fit")])
    reason = pd.Series("", index=table.index)
    reason[series.isin(impossible)] = "a row of its series beats the bound"
    reason[table["concurrency"].isna()] = "concurrency is blank"
    return reason


def set_aside() -> pd.Series:
    """Why a measured row is predicted and listed, but neither fitted nor counted; else blank.

    The number of requests in flight is not known where the file has none, nor where a run of the
    same series did more than the hardware can do with the number that the file has. Which series
    these are is told from the fit part alone.
    """
    return _set_aside().copy()


def rows_of(part: str) -> pd.DataFrame:
    """The measured rows of a part that count: none twice, and none set aside.

    Args:
        part: "fit" or "unseen".
    """
    table = runs()
    return table[(table["part"] == part) & ~table["repeated"] & (set_aside() == "")]


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


def outside(rows: pd.DataFrame, run: Run) -> pd.Series:
    """In what each row leaves the range of the rows that the constants were fitted on.

    Args:
        rows: the rows.
        run: the same as arrays.
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
    out["outside"] = outside(rows, run)
    return out
