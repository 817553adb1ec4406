"""What series of runs add to the formulas, and how far a new series may lie from them.

The logarithm of a measured time over the computed one is a level of its series and a scatter
within it. Levels share parts: of the engine, its release, the model, the model on that engine,
the chip. Each part is drawn from a normal distribution whose width the fit found; a prediction
is conditioned on all series that are known, and its interval holds what it has not seen.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict

from inference_economics.quantities import DATA
from reckoner.declare.tables import Number, Text, read_rows

Vector = npt.NDArray[np.float64]

QUANTITIES = ("output_time", "first_token_time", "request_time")
SERIES = ("key", "system", "backend", "release", "precision", "harness")
"""What makes a series: model, chip, engine, its release, format of the weights, and who ran it."""

PUBLIC, MAKER = "public", "maker"
"""Whose harness: one whose scripts are public, or a maker's own."""

PARTS = {
    "kind": (),
    "engine": ("backend",),
    "release": ("backend", "release"),
    "model": ("key",),
    "model on engine": ("key", "backend"),
    "chip": ("system",),
    "series": SERIES,
    "harness": SERIES,
}
"""The parts of a level, and the columns whose sharers have it in common; the last is only in
series that a maker ran, as nobody knows what these were told."""

FREEDOM = 4
"""Degrees of freedom of the t distribution of what is drawn: a few series lie far away."""

FARTHEST = 2.5
"""Deviations at which a series' level is cut before others are told from it."""

QUEUED = "first_token_time"
"""The time that a queue which nobody described may multiply in a few series."""

ROUNDS = 20
"""How often the variances of series that lie far away are told again."""


class Level(BaseModel):
    """A row of serving_levels.csv: a series, and the medians of its logarithms.

    Attributes:
        key: the model's catalog key.
        system: the chip's.
        backend: the engine.
        release: its version; blank where the runs do not say.
        precision: of the weights.
        harness: whose, of `PUBLIC` and `MAKER`.
        experts: whether the model has experts.
        rows: measured runs.
        configurations: lengths and layouts among them.
        output_time: median logarithm of measured over computed time per output token.
        first_token_time: the same for the first token.
        request_time: the same for a request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Text
    system: Text
    backend: Literal["trtllm", "vllm", "sglang"]
    release: str
    precision: Text
    harness: Text
    experts: bool
    rows: int
    configurations: int
    output_time: Number
    first_token_time: float
    request_time: float


class Spread(BaseModel):
    """A row of serving_spreads.csv: the standard deviation of a part of the levels.

    Attributes:
        experts: whether of models with experts.
        quantity: of which time.
        part: of `PARTS`, or "within" for the scatter inside a series.
        deviation: of the logarithm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    experts: bool
    quantity: Text
    part: Text
    deviation: Number


@cache
def known_levels() -> pd.DataFrame:
    """The series of the book."""
    rows = read_rows(DATA / "serving_levels.csv", Level)
    return pd.DataFrame([row.model_dump() for row in rows])


@cache
def spreads() -> dict[tuple[bool, str], dict[str, float]]:
    """The deviations by kind and quantity, and in them by part."""
    found: dict[tuple[bool, str], dict[str, float]] = {}
    for row in read_rows(DATA / "serving_spreads.csv", Spread):
        found.setdefault((row.experts, row.quantity), {})[row.part] = row.deviation
    return found


def covariance(rows: pd.DataFrame, others: pd.DataFrame, deviations: dict[str, float]) -> Vector:
    """Covariance of the levels of some series with those of others."""
    total = np.zeros((len(rows), len(others)))
    for part, columns in PARTS.items():
        same = np.ones_like(total, dtype=bool)
        for column in columns:
            same &= rows[column].to_numpy(str)[:, None] == others[column].to_numpy(str)[None, :]
        if part == "harness":
            same &= (rows["harness"] == MAKER).to_numpy()[:, None]
        total += deviations[part] ** 2 * same
    return total


def conditioned(
    rows: pd.DataFrame, known: pd.DataFrame, quantity: str, deviations: dict[str, float]
) -> tuple[Vector, Vector]:
    """Mean and variance of the levels of rows, given those of known series of their kind."""
    noise = deviations["within"] ** 2 / np.maximum(known["configurations"].to_numpy(float), 1)
    inner = covariance(known, known, deviations) + np.diag(noise)
    across = covariance(rows, known, deviations)
    most = FARTHEST * np.sqrt(_alone(known, deviations))
    values = known[quantity].to_numpy(float)
    if quantity == QUEUED:
        inner = _doubted(inner, noise + deviations["series"] ** 2, values)
    else:
        values = values.clip(-most, most)
    weights = np.linalg.solve(inner, across.T).T if len(known) else across
    return weights @ values, _alone(rows, deviations) - (weights * across).sum(axis=1)


def _doubted(inner: Vector, own: Vector, values: Vector) -> Vector:
    """Covariance of known levels when those that lie far away have a larger variance.

    What a series has for itself is drawn from a t distribution, of which a level far from those
    of its kin tells less; the variances are found by expectation maximization.

    Args:
        inner: covariance of the known levels.
        own: variance of what each has for itself.
        values: the levels.
    """
    wider, full = np.ones(len(values)), inner
    for _ in range(ROUNDS if len(values) else 0):
        apart = own * wider * np.linalg.solve(full, values)
        wider = np.maximum((FREEDOM - 2 + apart**2 / own) / (FREEDOM + 1), 1)
        full = inner + np.diag(own * (wider - 1))
    return full


def _alone(rows: pd.DataFrame, deviations: dict[str, float]) -> Vector:
    """Variance of the level of each series while nothing is known of it."""
    parts = sum(deviations[part] ** 2 for part in PARTS if part != "harness")
    own = (rows["harness"] == MAKER).to_numpy(float) * deviations["harness"] ** 2
    return np.asarray(parts + own)


def drawn(
    rows: pd.DataFrame, quantity: str, known: pd.DataFrame | None = None
) -> tuple[Vector, Vector]:
    """The level of each row and the deviation around it, in logarithms.

    Args:
        rows: with the columns `SERIES` and `experts`.
        quantity: one of `QUANTITIES`.
        known: series to condition on, if not those of the book.
    """
    known = known_levels() if known is None else known
    middle, width = np.zeros(len(rows)), np.zeros(len(rows))
    for experts in (False, True):
        own = rows["experts"].to_numpy(bool) == experts
        if own.any():
            deviations = spreads()[experts, quantity]
            series = rows.loc[own, [*SERIES]].drop_duplicates()
            of_kind = known[(known["experts"] == experts) & known[quantity].notna()]
            mean, variance = conditioned(series, of_kind, quantity, deviations)
            found = series.assign(mean=mean, width=np.sqrt(
                np.maximum(variance, 0.0) + deviations["within"] ** 2))  # fmt: skip
            joined = rows.loc[own, [*SERIES]].merge(found, on=[*SERIES], how="left")
            middle[own], width[own] = joined["mean"], joined["width"]
    return middle, width


def factor(width: Vector, level: float) -> Vector:
    """What a time is divided and multiplied by to hold a share of what may be drawn."""
    return np.asarray(np.exp(width * _quantile((1 + level) / 2) * _SCALE))


def spread_between(low: float, high: float, share: Vector) -> Vector:
    """Values below which given shares lie of what is drawn, nine in ten of it between two ends."""
    middle, half = np.log(low * high) / 2, np.log(high / low) / 2
    return np.asarray(np.exp(middle + half * _quantile(share) / _quantile(0.95)))


def _quantile(share: Vector | float) -> Vector:
    """Below what a share of what Student's distribution gives lies."""
    from scipy.special import stdtrit  # half a second that a sweep of another chapter saves

    return np.where(np.equal(share, 0.0), -np.inf, stdtrit(FREEDOM, share))


_SCALE = float(np.sqrt((FREEDOM - 2) / FREEDOM))
"""The deviation of a t distribution is larger than its unit."""


@cache
def around(
    key: str, system: str, backend: str, precision: str, experts: bool, level: float
) -> dict[str, tuple[float, float, float]]:
    """The level of one series whose release is not said, and the ends of its interval over it.

    Args:
        key: the model's catalog key.
        system: the chip's.
        backend: the engine.
        precision: of the weights.
        experts: whether the model has experts.
        level: the share of measurements that the interval is to hold.

    Returns:
        By quantity: the factor on the computed time, and the two factors on the product.
    """
    row = pd.DataFrame(
        [(key, system, backend, "", precision, PUBLIC, experts)], columns=[*SERIES, "experts"]
    )
    found = {}
    for quantity in QUANTITIES:
        (middle,), width = drawn(row, quantity)
        (bound,) = factor(width, level)
        found[quantity] = (float(np.exp(middle)), 1 / float(bound), float(bound))
    return found


def seen(rows: pd.DataFrame, known: pd.DataFrame | None = None) -> pd.Series:
    """Which parts of each row's level are those of a known series of its kind; else "none"."""
    known = known_levels() if known is None else known
    columns = [*SERIES, "experts"]
    shared: dict[str, set[tuple[str, ...]]] = {
        part: {*known[["experts", *names]].astype(str).itertuples(index=False, name=None)}
        for part, names in PARTS.items()
        if names and part != "harness"
    }
    named: dict[tuple[str, ...], str] = {}
    keys = [*rows[columns].astype(str).itertuples(index=False, name=None)]
    for key in {*keys}:
        own = dict(zip(columns, key, strict=True))
        parts = [
            part
            for part, found in shared.items()
            if tuple(own[name] for name in ("experts", *PARTS[part])) in found
        ]
        named[key] = "; ".join(parts) or "none"
    return pd.Series([named[key] for key in keys], index=rows.index, dtype=object)


def is_known(key: str, system: str, backend: str, precision: str) -> bool:
    """Whether runs of one model, chip, engine and format of weights were measured."""
    own = pd.Series({"key": key, "system": system, "backend": backend, "precision": precision})
    return bool((known_levels()[[*own.index]] == own).all(axis=1).any())
