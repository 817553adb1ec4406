"""The fit of the serving model's constants, and what it is worth on rows that it never saw.

`python -m inference_economics.serving.fit` fits again and stores the constants and residuals.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import least_squares
from scipy.stats import norm

from inference_economics.quantities import DATA
from inference_economics.serving.accuracy import book_rows, has_experts
from inference_economics.serving.bound import lifetime, rows_of
from inference_economics.serving.constants import (
    OF_ENGINE,
    OF_HARDWARE,
    Constants,
    ServingConstant,
    fitted,
    fitted_rows,
)
from inference_economics.serving.engines import ENGINES
from inference_economics.serving.intervals import Residual, intervals, residuals
from inference_economics.serving.model import serve
from inference_economics.serving.predict import PREDICTED
from inference_economics.serving.rows import run_of
from inference_economics.serving.runs import models_of_runs

Vector = npt.NDArray[np.float64]

START = {
    "bandwidth_share": 0.85,
    "compute_share": 0.8,
    "expert_compute_share": 0.5,
    "stage_floor": 15e-6,
    "all_reduce_latency": 4e-6,
    "host_per_request": 30e-6,
    "prefill_after_first": 0.8,
}
"""Where the search begins; the result does not depend on it."""

SHARES = ("bandwidth_share", "compute_share", "expert_compute_share", "prefill_after_first")
"""The constants that cannot exceed one."""

SCALE = 0.15
"""Errors beyond this part of the measured time count less and less (a Cauchy loss)."""

EXPERT_WEIGHT = 0.5
"""What a row of a mixture of experts counts in the fit; of a dense model, one.

Routing and the kernels of experts are described less well, and should not bend the rest.
"""

FOLDS = 5
NAMES = [(name, "") for name in OF_HARDWARE] + [(n, e) for e in ENGINES for n in OF_ENGINE]

MEANING = {
    "bandwidth_share": "share of peak bandwidth that transfers reach, from memory and over links",
    "compute_share": "share of peak 16-bit compute that matrix products reach, whatever the format",
    "expert_compute_share": "share of that which the products with experts reach",
    "stage_floor": "least time of a stage: kernels' launch and synchronization",
    "all_reduce_latency": "least time of one exchange of an all-reduce",
    "host_per_request": "the engine's own time for each request in each step",
    "prefill_after_first": "share of newcomers' prefill that falls after a request's first token",
}
UNITS = {"stage_floor": "us", "all_reduce_latency": "us", "host_per_request": "us"}


@dataclass(frozen=True)
class Fit:
    """A fit.

    Attributes:
        values: the constants of each engine.
        logs: logarithms of the constants, in the order of `NAMES`.
        deviations: standard deviations of the logarithms, with rows of one configuration taken
            to err together.
    """

    values: dict[str, Constants]
    logs: Vector
    deviations: Vector


def _constants(logs: Vector) -> dict[str, Constants]:
    known = {name: float(np.exp(log)) for name, log in zip(NAMES, logs, strict=True)}
    return {
        engine: Constants(
            *(known[name, ""] for name in OF_HARDWARE), *(known[name, engine] for name in OF_ENGINE)
        )
        for engine in ENGINES
    }


def _of_rows(logs: Vector, engines: npt.NDArray[Any]) -> Constants:
    shared = np.exp(logs[: len(OF_HARDWARE)])
    own = np.exp(logs[len(OF_HARDWARE) :]).reshape(len(ENGINES), len(OF_ENGINE))[engines]
    return Constants(*shared, *own.T)


def fit(rows: pd.DataFrame) -> Fit:
    """The constants that bring the predicted time per output token nearest to the measured one.

    Args:
        rows: measured runs.
    """
    run = run_of(rows)
    engines = rows["backend"].map({name: i for i, name in enumerate(ENGINES)}).to_numpy(int)
    measured = np.log(rows["tpot_ms"].to_numpy(float) / 1e3)

    counts = np.sqrt(np.where(has_experts(rows), EXPERT_WEIGHT, 1.0))

    def errors(logs: Vector) -> Vector:
        served = serve(run, _of_rows(logs, engines))
        return np.asarray(np.log(served.output_time) - measured)

    def damped(logs: Vector) -> Vector:
        found = errors(logs)
        return np.asarray(counts * SCALE * np.sign(found) * np.sqrt(np.log1p((found / SCALE) ** 2)))

    start = np.log([START[name] for name, _ in NAMES])
    most = np.array([0.0 if name in SHARES else np.log(START[name]) + 4 for name, _ in NAMES])
    found = least_squares(damped, start, bounds=(start - 5, most + 1e-9))
    return Fit(_constants(found.x), found.x, _deviations(found.jac, damped(found.x), rows))


def _deviations(slopes: Vector, errors: Vector, rows: pd.DataFrame) -> Vector:
    """Standard deviations by the sandwich estimate, clustered by configuration."""
    bread = np.linalg.pinv(slopes.T @ slopes)
    scores = pd.DataFrame(slopes * np.asarray(errors)[:, None])
    clusters = scores.groupby(rows["configuration"].to_numpy()).sum().to_numpy()
    return np.asarray(np.sqrt(np.diag(bread @ (clusters.T @ clusters) @ bread)))


@cache
def fit_of_book() -> Fit:
    """The fit on the fit part."""
    return fit(rows_of("fit"))


def predicted(rows: pd.DataFrame, values: dict[str, Constants]) -> pd.DataFrame:
    """Predicted times of measured rows, in seconds, beside the logarithms of the errors.

    Args:
        rows: measured runs.
        values: constants of each engine.
    """
    logs = np.array([np.log(getattr(values[engine or ENGINES[0]], name)) for name, engine in NAMES])
    engines = rows["backend"].map({name: i for i, name in enumerate(ENGINES)}).to_numpy(int)
    served = serve(run_of(rows), _of_rows(logs, engines))
    table = pd.DataFrame(
        {
            "output_time": served.output_time,
            "first_token_time": served.first_token_time,
            "request_time": served.request_time,
        },
        index=rows.index,
    )
    measured = {
        "output_time": rows["tpot_ms"] / 1e3,
        "first_token_time": rows["ttft_ms"] / 1e3,
        "request_time": lifetime(rows),
    }
    for name, seconds in measured.items():
        table[f"{name}_error"] = table[name] / seconds - 1
        table[f"{name}_log"] = np.log(seconds / table[name])
    return table


def cross_validated(rows: pd.DataFrame) -> pd.DataFrame:
    """Residuals of rows, each from a fit on the other configurations.

    Configurations go to the folds in the order of their texts.
    """
    order = {text: i % FOLDS for i, text in enumerate(sorted(set(rows["configuration"])))}
    fold = rows["configuration"].map(order)
    tables = [
        predicted(rows[fold == k], fit(rows[fold != k]).values).assign(
            engine=rows["backend"], experts=has_experts(rows)
        )
        for k in range(FOLDS)
    ]
    return pd.concat(tables).loc[rows.index]


def leave_out(column: str, name: str) -> pd.DataFrame:
    """Errors on all counted rows of one chip or model, of a fit on the fit part without it.

    Args:
        column: "system" or "key", the catalog key of the model.
        name: the chip or model that is left out.
    """
    keys = {known: row.key for known, row in models_of_runs().items()}
    tables = {part: rows_of(part) for part in ("fit", "unseen")}
    tables = {part: table.assign(key=table["model"].map(keys)) for part, table in tables.items()}
    rest = tables["fit"][tables["fit"][column] != name]
    left = pd.concat([table[table[column] == name] for table in tables.values()])
    table = predicted(left, fit(rest).values)
    return table.assign(experts=has_experts(left), engine=left["backend"], part=left["part"])


@cache
def left_out() -> pd.DataFrame:
    """What each chip and each model costs when the fit does not know it.

    One row for each, with `dense` and `experts`, the mean absolute errors on its rows of either
    kind, counted in both parts; and for dense ones the same without those of SGLang.
    """
    keys = list(dict.fromkeys(row.key for row in models_of_runs().values()))
    rows = []
    for column, names in (("system", ("h100_sxm", "h200_sxm")), ("key", tuple(keys))):
        for name in names:
            table = leave_out(column, name)
            size = table["output_time_error"].abs()
            mixed = table["experts"].astype(bool)
            others = ~mixed & (table["engine"] != "sglang")
            rows.append(
                {
                    "left_out": name,
                    "rows": len(table),
                    "dense": float(size[~mixed].mean()),
                    "dense_without_sglang": float(size[others].mean()),
                    "experts": float(size[mixed].mean()),
                }
            )
    return pd.DataFrame(rows)


def constant_rows(of: Fit) -> list[ServingConstant]:
    """The constants of a fit with their 90% intervals, as they are stored."""
    width = float(norm.ppf(0.95))
    rows = []
    for (name, engine), log, deviation in zip(NAMES, of.logs, of.deviations, strict=True):
        scale = 1e6 if name in UNITS else 1.0
        ends = [float(f"{np.exp(log + k * width * deviation) * scale:.4g}") for k in (0, -1, 1)]
        rows.append(
            ServingConstant(
                name=name,
                engine=engine,
                value=ends[0],
                low=ends[1],
                high=min(ends[2], 1.0) if name in SHARES else ends[2],
                unit=UNITS.get(name, "share"),
                meaning=MEANING[name],
            )
        )
    return rows


def residual_rows(rows: pd.DataFrame) -> list[Residual]:
    """The cross-validated residuals of rows, as they are stored."""
    table = cross_validated(rows)
    names = ("output_time", "first_token_time", "request_time")
    return [
        Residual(
            engine=row["engine"],
            experts=bool(row["experts"]),
            **{name: float(f"{row[f'{name}_log']:.5g}") for name in names},
        )
        for row in table.to_dict("records")
    ]


def _write(path: Path, rows: Sequence[ServingConstant] | Sequence[Residual]) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(type(rows[0]).model_fields)
        writer.writerows(row.model_dump().values() for row in rows)
    os.replace(fresh, path)


def main() -> None:
    """Fit, and store the constants and the residuals."""
    _write(DATA / "serving_constants.csv", constant_rows(fit_of_book()))
    _write(DATA / "serving_residuals.csv", residual_rows(rows_of("fit")))
    fitted_rows.cache_clear()
    fitted.cache_clear()
    residuals.cache_clear()
    intervals.cache_clear()
    table = book_rows()[list(PUBLISHED)]
    table.to_csv(ROWS_OF_BOOK, index=False, float_format="%.4g", lineterminator="\n")


ROWS_OF_BOOK = Path("book/_static/serving_rows.csv")
"""Where a reader finds every row, from the root of the repository."""

PUBLISHED = (
    "id",
    "model",
    "system",
    "backend",
    "backend_version",
    "precision",
    "isl",
    "osl",
    "requests",
    "tensor_parallel",
    "data_parallel",
    "part",
    "repeated",
    "set_aside",
    "ttft_ms",
    "tpot_ms",
    *(f"{name}{end}" for name in PREDICTED for end in ("", "_low", "_high")),
    "error",
    "inside",
    "datasheet_tpot_ms",
    "least_step_ms",
    "step_ratio",
    "work_ratio",
    "limit",
    "outside",
)
"""The columns of that table."""


if __name__ == "__main__":
    main()
