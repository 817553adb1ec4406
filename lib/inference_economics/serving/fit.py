"""The fit of the serving model on servers: its constants, and the levels of the series.

`python -m inference_economics.serving.fit` fits again and stores constants, levels and spreads.
What chips reach comes from kernels and is not fitted here, but for a factor that all chips share.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel
from scipy.optimize import least_squares, minimize
from scipy.stats import norm

from inference_economics.quantities import DATA
from inference_economics.serving import levels
from inference_economics.serving.constants import ServingConstant, combined
from inference_economics.serving.engines import ENGINES
from inference_economics.serving.model import Served, serve
from inference_economics.serving.rows import run_of
from inference_economics.serving.runs import lifetime, of_inferencemax, rows_of

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sought:
    """A constant that is sought on servers.

    Attributes:
        start: where the search begins, and the middle of what is expected.
        width: standard deviation of the logarithm of what is expected.
        each: whether every engine has its own.
        unit: in which it is stored.
        meaning: what it is.
    """

    start: float
    width: float
    each: bool
    unit: str
    meaning: str


SOUGHT = {
    "bandwidth_factor": Sought(1.08, 0.06, False, "ratio",
        "bandwidth of weights on servers over that of single kernels"),
    "compute_factor": Sought(1.0, 0.1, False, "ratio",
        "products with weights on servers over single kernels"),
    "expert_compute_factor": Sought(1.0, 0.5, False, "ratio",
        "products with experts on servers over single kernels"),
    "expert_floor_share": Sought(0.7, 0.4, False, "share",
        "share of a single expert kernel's floor that servers see"),
    "new_chip_floor": Sought(0.9, 0.3, False, "ratio",
        "a layer's overhead on chips that multiply 4-bit numbers over that on others"),
    "latent_overhead": Sought(20e-6, 0.5, False, "us",
        "further overhead of a layer with latent attention"),
    "routing_spread": Sought(0.7, 0.4, False, "share",
        "share of a batch's tokens that choose their experts independently"),
    "acceptance": Sought(0.6, 0.15, False, "share", "share of guessed tokens that are right"),
    "cache_factor": Sought(1.0, 0.15, True, "ratio",
        "bandwidth of the KV cache on servers over that of single kernels"),
    "layer_overhead": Sought(35e-6, 0.5, True, "us",
        "least time of a dense layer: launch and synchronization of kernels"),
    "mixture_overhead": Sought(30e-6, 0.5, True, "us",
        "the same beside the experts of a layer"),
    "step_overhead": Sought(500e-6, 0.5, True, "us", "the engine's own time in each step"),
    "host_per_request": Sought(8e-6, 0.6, True, "us",
        "the engine's own time for each request in each step"),
    "prefill_after_first": Sought(0.7, 0.2, True, "share",
        "share of newcomers' prefill that falls after a request's first token"),
    "first_overhead": Sought(25e-3, 0.4, True, "ms",
        "time from a request to the start of its prefill, and back to the client"),
    "prefill_floor": Sought(1e-3, 0.7, True, "us",
        "least time of a layer with latent attention in a prefill; its cause is not known"),
}  # fmt: skip
"""What is sought. Expectations are loose where only servers can tell, tight where kernels do."""

NAMES = [
    (name, engine) for name, of in SOUGHT.items() for engine in (ENGINES if of.each else ("",))
]
START = np.log([SOUGHT[name].start for name, _ in NAMES])
WIDTHS = np.array([SOUGHT[name].width for name, _ in NAMES])
SHARES = {name for name, of in SOUGHT.items() if of.unit == "share"}

SCATTER = {False: 0.08, True: 0.12}
"""Deviation within a series that the fit expects, of dense models and of mixtures."""

BETWEEN = {False: 0.07, True: 0.12}
"""Deviation of the levels of series while the constants are sought: small, so that constants
explain what they can."""

COUNTED = 20.0
"""Rows that a series counts for at most: many rows of one series know one level."""

FIRST_WEIGHT = 0.5
"""What a time to the first token counts; of a time per output token, one."""

FAR = 1.5
"""Deviations beyond which a row counts less and less."""


@dataclass(frozen=True)
class Fit:
    """A fit.

    Attributes:
        values: the constants of each engine, by name.
        logs: logarithms of the constants, in the order of `NAMES`.
        deviations: standard deviations of the logarithms.
    """

    values: dict[str, dict[str, float]]
    logs: Vector
    deviations: Vector


def _constants(logs: Vector) -> dict[str, dict[str, float]]:
    known = {name: float(np.exp(log)) for name, log in zip(NAMES, logs, strict=True)}
    return {
        engine: {name: known[name, engine if of.each else ""] for name, of in SOUGHT.items()}
        for engine in ENGINES
    }


def fit(rows: pd.DataFrame, start: Vector | None = None) -> Fit:
    """The constants that bring both predicted times nearest to the measured ones.

    Each series has a level of its own, which is expected to be near none.

    Args:
        rows: measured runs.
        start: logarithms at which the search begins.
    """
    run, chip = run_of(rows)
    engines = rows["backend"].map({name: i for i, name in enumerate(ENGINES)}).to_numpy(int)
    measured = np.log(rows[["tpot_ms", "ttft_ms"]].to_numpy(float) / 1e3)
    mixed = rows["experts"].to_numpy(bool)
    codes, names = pd.factorize(rows["series"])
    counts = np.bincount(codes)
    expected = np.array([BETWEEN[mixed[codes == place][0]] for place in range(len(names))])
    scatter = np.where(mixed, SCATTER[True], SCATTER[False])
    weight = 1 / np.sqrt(np.maximum(counts[codes] / COUNTED, 1.0))
    first_weight = weight * FIRST_WEIGHT * of_inferencemax(rows).to_numpy(float)

    def errors(sought: Vector) -> Vector:
        logs, own = np.split(sought, [len(NAMES)])
        served = serve(run, combined(chip, _of_rows(logs, engines), mixed))
        step = (np.log(served.output_time) + own[codes] - measured[:, 0]) / scatter
        first = (np.log(served.first_token_time) - measured[:, 1]) / (3 * scatter)
        return np.concatenate([_damped(step) * weight, _damped(first) * first_weight,
                               (logs - START) / WIDTHS, own / expected])  # fmt: skip

    begin = np.concatenate([START if start is None else start, np.zeros(len(names))])
    found = least_squares(errors, begin, x_scale=np.concatenate([WIDTHS, expected]), ftol=1e-7)
    inverse = np.linalg.pinv(found.jac.T @ found.jac)
    logs = found.x[: len(NAMES)]
    return Fit(_constants(logs), logs, np.sqrt(np.diag(inverse)[: len(NAMES)]))


def _damped(errors: Vector) -> Vector:
    return np.asarray(np.sign(errors) * FAR * np.sqrt(np.log1p((errors / FAR) ** 2)))


def _of_rows(logs: Vector, engines: npt.NDArray[Any]) -> dict[str, Any]:
    known = dict(zip(NAMES, np.exp(logs), strict=True))
    return {
        name: np.array([known[name, engine] for engine in ENGINES])[engines]
        if of.each
        else known[name, ""]
        for name, of in SOUGHT.items()
    }


@cache
def fit_of_book() -> Fit:
    """The fit on the fit part."""
    return fit(rows_of("fit"))


def served_of(rows: pd.DataFrame, values: Mapping[str, Mapping[str, float]]) -> Served:
    """How measured rows go by constants of each engine, without levels."""
    run, chip = run_of(rows)
    columns = {
        name: rows["backend"].map({e: of[name] for e, of in values.items()}).to_numpy(float)
        for name in SOUGHT
    }
    return serve(run, combined(chip, columns, chip["mixed"] > 0))


def logarithms(rows: pd.DataFrame, served: Served) -> pd.DataFrame:
    """Logarithms of measured over computed times of rows, by quantity."""
    measured = {
        "output_time": rows["tpot_ms"] / 1e3,
        "first_token_time": rows["ttft_ms"] / 1e3,
        "request_time": lifetime(rows),
    }
    return pd.DataFrame(
        {name: np.log(time / getattr(served, name)) for name, time in measured.items()},
        index=rows.index,
    )


def series_of(rows: pd.DataFrame, logs: pd.DataFrame) -> pd.DataFrame:
    """The series among rows, with the medians of their logarithms: rows of serving_levels.csv."""
    table = rows[[*levels.SERIES, "experts", "configuration"]].join(logs)
    groups = table.groupby([*levels.SERIES, "experts"], sort=True)
    medians = groups[[*levels.QUANTITIES]].median()
    sizes = groups["configuration"].agg(rows="size", configurations="nunique")
    joined: pd.DataFrame = sizes.join(medians).reset_index()[list(levels.Level.model_fields)]
    return joined


def spread_of(known: pd.DataFrame, logs: pd.DataFrame, rows: pd.DataFrame) -> list[levels.Spread]:
    """The deviations of the parts of the levels, by the likelihood of the series' medians.

    Args:
        known: the series.
        logs: logarithms of rows.
        rows: the rows, with the columns of `known`'s keys.
    """
    found = []
    for experts in (False, True):
        series = known[known["experts"] == experts]
        of_kind = rows["experts"] == experts
        for quantity in levels.QUANTITIES:
            inner = logs[quantity] - logs[quantity].groupby(rows["series"]).transform("median")
            size = inner[of_kind].abs().groupby(rows["series"]).mean()
            within = float(1.25 * size[size > 0].mean())
            parts = _likeliest(series, quantity, within)
            parts["within"] = within
            found += [
                levels.Spread(experts=experts, quantity=quantity, part=part,
                              deviation=float(f"{value:.4g}"))
                for part, value in parts.items()
            ]  # fmt: skip
    return found


EXPECTED = {"kind": 0.05, "engine": 0.05, "release": 0.08, "model": 0.08,
            "model on engine": 0.06, "chip": 0.06, "series": 0.06, "harness": 0.15}  # fmt: skip
"""Deviations of the parts where the search begins; few series say much about each of them, so
that the logarithm is held by a deviation of `HELD`."""

HELD = 0.7


def _likeliest(series: pd.DataFrame, quantity: str, within: float) -> dict[str, float]:
    values = series[quantity].to_numpy(float)
    scale = max(within / SCATTER[False], 1.0)
    begin = np.log([EXPECTED[part] * scale for part in levels.PARTS])
    noise = within**2 / np.maximum(series["configurations"].to_numpy(float), 1.0)

    def cost(logs: Vector) -> float:
        deviations = dict(zip(levels.PARTS, np.exp(logs), strict=True))
        full = levels.covariance(series, series, deviations) + np.diag(noise)
        low = np.linalg.cholesky(full)
        scaled = np.linalg.solve(low, values)
        far = (levels.FREEDOM + 1) / 2 * np.log1p(scaled**2 / (levels.FREEDOM - 2)).sum()
        held = ((logs - begin) / HELD) ** 2
        return float(far + np.log(np.diag(low)).sum() + held.sum() / 2)

    found = minimize(cost, begin, method="Powell", options={"maxiter": 4000, "xtol": 1e-3})
    return dict(zip(levels.PARTS, np.exp(found.x), strict=True))


def constant_rows(of: Fit) -> list[ServingConstant]:
    """The constants of a fit with their 90% intervals, as they are stored."""
    width = float(norm.ppf(0.95))
    scales = {"us": 1e6, "ms": 1e3}
    rows = []
    for (name, engine), log, deviation in zip(NAMES, of.logs, of.deviations, strict=True):
        sought = SOUGHT[name]
        ends = [
            float(f"{np.exp(log + k * width * deviation) * scales.get(sought.unit, 1.0):.4g}")
            for k in (0, -1, 1)
        ]
        rows.append(
            ServingConstant(
                name=name, engine=engine, value=ends[0], low=ends[1], high=ends[2],
                unit=sought.unit, meaning=sought.meaning,
            )
        )  # fmt: skip
    return rows


def _write(path: Path, rows: Sequence[BaseModel]) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(type(rows[0]).model_fields)
        writer.writerows(row.model_dump().values() for row in rows)
    os.replace(fresh, path)


def level_rows(table: pd.DataFrame) -> list[levels.Level]:
    """Series as they are stored."""
    rounded = table.round(dict.fromkeys(levels.QUANTITIES, 4))
    return [levels.Level.model_validate(row) for row in rounded.to_dict("records")]


def main() -> None:
    """Fit, and store the constants, the levels and their spreads."""
    rows, found = rows_of("fit"), fit_of_book()
    logs = logarithms(rows, served_of(rows, found.values))
    known = series_of(rows, logs)
    _write(DATA / "serving_constants.csv", constant_rows(found))
    _write(DATA / "serving_levels.csv", level_rows(known))
    _write(DATA / "serving_spreads.csv", spread_of(known, logs, rows))


if __name__ == "__main__":
    main()
