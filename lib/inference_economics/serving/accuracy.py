"""What the model of serving is worth: its predictions against measured runs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from inference_economics import catalog
from inference_economics.formulas.capacity import parameter_count, weights
from inference_economics.formulas.occupancy import unexplained_in_layer
from inference_economics.formulas.serving import product_time
from inference_economics.measure.rows import STEP, read_measured
from inference_economics.quantities import DATA, formulary
from inference_economics.serving.constants import IDEAL
from inference_economics.serving.model import serve
from inference_economics.serving.predict import computed, predict
from inference_economics.serving.rows import run_of
from inference_economics.serving.runs import lifetime, runs, static_runs
from inference_economics.units import Seconds
from reckoner.declare.trace import read

LEVEL = 0.9
"""The share of measurements that an interval is to hold."""


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """Predicted rows with their errors.

    Columns: `error` and `ttft_error`, predicted over measured time less one; `inside` and
    `ttft_inside`, whether the interval holds the measured time; `width`, the logarithm of its
    ends' ratio; `score`, the interval score of the logarithm (Gneiting and Raftery 2007), which
    is the width and what a row outside adds.
    """
    low, high, time = (
        np.log(table[f"{name}tpot_ms{end}"])
        for name, end in (("predicted_", "_low"), ("predicted_", "_high"), ("", ""))
    )
    beyond = np.maximum(low - time, 0) + np.maximum(time - high, 0)
    return table.assign(
        error=table["predicted_tpot_ms"] / table["tpot_ms"] - 1,
        inside=beyond == 0,
        width=high - low,
        score=high - low + 2 / (1 - LEVEL) * beyond,
        ttft_error=table["predicted_ttft_ms"] / table["ttft_ms"] - 1,
        ttft_inside=table["ttft_ms"].between(
            table["predicted_ttft_ms_low"], table["predicted_ttft_ms_high"]
        ),
    )


@cache
def _book_rows() -> pd.DataFrame:
    table = runs()
    table = judged(predict(table[~table["repeated"]]))
    with np.errstate(divide="ignore", invalid="ignore"):
        at_datasheet = serve(run_of(table)[0], IDEAL)
    return table.assign(datasheet_tpot_ms=at_datasheet.decode_time * 1e3)


def book_rows() -> pd.DataFrame:
    """Every measured row, none twice, with its prediction and error.

    Beside the columns of `runs.runs`, `predict` and `judged`: `datasheet_tpot_ms`, the time of
    one step at the datasheet's bandwidth and compute.
    """
    return _book_rows().copy()


def summary(rows: pd.DataFrame) -> dict[str, float]:
    """Errors of some rows.

    Returns:
        Number of rows, mean and median absolute error and mean error of the time per output
        token, the share of rows in their interval, the interval score, and of the first token
        the median absolute error and the share in its interval.
    """
    size = rows["error"].abs()
    return {
        "rows": float(len(rows)),
        "mean": float(size.mean()),
        "median": float(size.median()),
        "bias": float(rows["error"].mean()),
        "coverage": float(rows["inside"].mean()),
        "score": float(rows["score"].mean()),
        "first": float(rows["ttft_error"].abs().median()),
        "first_coverage": float(rows["ttft_inside"].mean()),
    }


@cache
def on_a100() -> pd.DataFrame:
    """A chip, models and an engine that no fit saw: static batches on A100, in milliseconds.

    A static batch has no newcomers, so that its time per token is that of a step. The engine,
    LMDeploy, is taken for vLLM. Rows that the memory does not hold are left out.
    """
    table = static_runs().reset_index(drop=True)
    rows = pd.DataFrame(
        {
            "model": table["key"], "system": "a100_sxm_80gb", "backend": "vllm",
            "precision": "bf16", "isl": table["isl"], "osl": table["osl"],
            "concurrency": table["batch"].astype(float), "tp": table["tp"],
        }
    )  # fmt: skip
    served = computed(rows)[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ideal = serve(run_of(rows)[0], IDEAL)
    table = table.assign(
        measured_ms=1e3 * table["tok_p50_s"],
        predicted_ms=1e3 * served.decode_time,
        datasheet_ms=1e3 * ideal.decode_time,
    )
    held: pd.DataFrame = table[served.running == table["batch"]]
    return held.assign(error=held["predicted_ms"] / held["measured_ms"] - 1)


@cache
def steps_of(system: str) -> pd.DataFrame:
    """The decoding steps that were timed on one of our own GPUs, through nearest to all layers."""
    steps = read_measured(DATA / "measured" / f"gpu_{system}.csv").of(STEP)
    missing = (steps["layers"] - catalog.model(TIMED).layers).abs()
    nearest: pd.DataFrame = steps[missing == missing.min()]
    return nearest


TIMED = "llama2_70b"
"""The model whose shape was timed."""


@formulary.procedure
def lost_in_layer(system: str) -> Seconds:
    """Time of each layer of a step that we timed on a GPU, beyond reading the weights.

    At the datasheet's bandwidth, with one request on the card's share of the model: what launch,
    synchronization and small kernels leave, as a published speed leaves it of a cluster. The steps
    are in `measured/gpu_SYSTEM.csv`.
    """
    steps = steps_of(system)
    alone = steps[(steps["batch"] == 1) & (steps["shards"] > 1)]
    step = alone.sort_values("context").iloc[0]
    model, chip = catalog.model(TIMED), catalog.chip(system)
    held = weights(parameter_count(model), catalog.value("fp8.bytes_per_parameter"))
    read_time = held / step["shards"] / chip.memory_bandwidth
    step_time = read(f"{system}.decode_step", step["value"] / 1e3)
    return unexplained_in_layer(step_time, read_time, step["layers"])


@cache
def on_own_gpus() -> pd.DataFrame:
    """Decoding steps that we timed ourselves, without engine and network, in milliseconds.

    The article's 70B model with 8-bit weights and cache, whole on one card or its share of eight.
    Nothing was fitted on them; the engine is taken for vLLM, its own time and exchanges for none.
    """
    tables = [steps_of(system).assign(system=system) for system in OWN_GPUS]
    table = pd.concat(tables, ignore_index=True)
    rows = pd.DataFrame(
        {
            "model": TIMED, "system": table["system"], "backend": "vllm",
            "precision": "fp8", "isl": table["context"] - 1, "osl": 2.0,
            "concurrency": table["batch"], "tp": table["shards"], "kv_cache": "fp8",
            "memory_share": 1e6,
        }
    )  # fmt: skip
    served = computed(rows)[1]
    table["predicted_ms"] = 1e3 * (served.matrix_time + served.kv_time + served.floor_time)
    table["error"] = table["predicted_ms"] / table["value"] - 1
    return table


OWN_GPUS = ("h100_sxm", "h200_sxm")


def prompts_of_peak(rows: pd.DataFrame) -> pd.Series:
    """Share of their chips' peak that the prompts of runs took, if all were computed.

    Products with weights alone; a request takes as long as it was measured to.

    Args:
        rows: measured runs, of `runs.runs`.
    """
    run, _ = run_of(rows)
    shape, tokens = run.shape, run.input_tokens
    chosen = shape.experts_per_token * shape.expert_parameters
    seconds = product_time(tokens, shape.common_parameters, 1.0, 1.0, run.compute) + product_time(
        tokens, chosen, 1.0, 1.0, run.expert_compute
    )
    return pd.Series(run.concurrency * seconds / rows["chips"] / lifetime(rows), index=rows.index)
