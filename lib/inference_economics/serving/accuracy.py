"""What the model of serving is worth: its predictions against every measured run."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import numpy as np
import pandas as pd

from inference_economics import catalog
from inference_economics.serving.bound import bound, set_aside
from inference_economics.serving.constants import IDEAL, Constants, fitted
from inference_economics.serving.engines import bytes_of
from inference_economics.serving.model import run_on, serve
from inference_economics.serving.predict import predict
from inference_economics.serving.rows import run_of
from inference_economics.serving.runs import models_of_runs, runs, static_runs


def has_experts(rows: pd.DataFrame) -> pd.Series:
    """Whether each row's model is a mixture of experts."""
    keys = {name: row.key for name, row in models_of_runs().items()}
    mixed = {name: catalog.model(key).has("experts") for name, key in keys.items()}
    return rows["model"].map(mixed)


@cache
def _book_rows() -> pd.DataFrame:
    table = predict(runs())
    at_datasheet = serve(run_of(table, ideal=True), IDEAL)
    return table.assign(
        key=table["model"].map({name: row.key for name, row in models_of_runs().items()}),
        experts=has_experts(table),
        set_aside=set_aside(),
        error=table["predicted_tpot_ms"] / table["tpot_ms"] - 1,
        inside=table["tpot_ms"].between(
            table["predicted_tpot_ms_low"], table["predicted_tpot_ms_high"]
        ),
        ttft_error=table["predicted_ttft_ms"] / table["ttft_ms"] - 1,
        datasheet_tpot_ms=at_datasheet.decode_time * 1e3,
        **bound(table),
    )


def book_rows() -> pd.DataFrame:
    """Every measured row with its prediction, its error, and the bound on it.

    Beside the columns of `runs.runs` and `predict`: `key`, the model's catalog key;
    `experts`; `set_aside`, why a row is not counted; `error`, predicted over measured time per
    output token less one; `inside`, whether the interval holds the measured time; `ttft_error`;
    `datasheet_tpot_ms`, the time of one step at the datasheet's bandwidth and compute; and the
    columns of `bound`.
    """
    return _book_rows().copy()


def counted(table: pd.DataFrame, part: str) -> pd.DataFrame:
    """The rows of a part that count: none twice, and none set aside."""
    return table[(table["part"] == part) & ~table["repeated"] & (table["set_aside"] == "")]


def summary(rows: pd.DataFrame) -> dict[str, float]:
    """Errors of the time per output token over some of the rows of the book.

    Returns:
        Number of rows, mean and median absolute error, mean error, and the share of the rows
        whose measured time lies in its interval.
    """
    size = rows["error"].abs()
    return {
        "rows": float(len(rows)),
        "mean": float(size.mean()),
        "median": float(size.median()),
        "bias": float(rows["error"].mean()),
        "coverage": float(rows["inside"].mean()),
    }


@cache
def on_a100() -> pd.DataFrame:
    """A chip, models and an engine that no fit saw: static batches on A100, in milliseconds.

    A static batch has no newcomers, so that its time per token is that of a step. The engine is
    given the middle of the fitted engines' constants. Rows that the memory does not hold are left
    out.
    """
    middle = Constants(
        *(
            float(np.median([getattr(known, field.name) for known in fitted().values()]))
            for field in fields(Constants)
        )
    )
    chip = catalog.chip("a100_sxm_80gb")
    wide = bytes_of("bf16")
    rows = []
    for row in static_runs().to_dict("records"):
        run = run_on(
            catalog.model(row["key"]), chip, row["tp"], float(row["batch"]), row["isl"],
            row["osl"], wide, wide, "vllm",
        )  # fmt: skip
        served = serve(run, middle)
        if served.running == row["batch"]:
            ideal = serve(run, IDEAL).decode_time
            times = {
                "measured_ms": 1e3 * row["tok_p50_s"],
                "predicted_ms": 1e3 * float(served.decode_time),
                "datasheet_ms": 1e3 * float(ideal),
            }
            rows.append({name: row[name] for name in ("key", "tp", "batch", "isl", "osl")} | times)
    table = pd.DataFrame(rows)
    return table.assign(error=table["predicted_ms"] / table["measured_ms"] - 1)
