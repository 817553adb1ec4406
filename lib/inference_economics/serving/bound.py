"""The most that hardware is known to reach, and the measured runs that claim to beat it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from inference_economics import catalog
from inference_economics.serving.constants import IDEAL, Constants
from inference_economics.serving.model import serve
from inference_economics.serving.rows import run_of
from inference_economics.serving.runs import runs
from inference_economics.units import Share


def attained() -> Constants:
    """The most that is known to be reached: the bandwidth that a benchmark sustained."""
    measured = catalog.value("gb200.memory_bandwidth_measured")
    return replace(IDEAL, bandwidth_share=measured / catalog.value("gb200.memory_bandwidth"))


def attained_fp8() -> Share:
    """The share of the 8-bit peak that the best measured product reaches."""
    best = catalog.value("h800_sxm.fp8_product_best")
    return best / catalog.value("h100_sxm.fp8_compute")


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
        compute=run.compute * np.where(eight_bit, attained_fp8(), 1.0),
        concurrency=np.maximum(decoding.to_numpy(float), 1.0),
        memory_share=np.full(len(rows), np.inf),
    )
    served = serve(run, attained())
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
