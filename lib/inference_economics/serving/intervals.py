"""How far measurements lie from predictions that had not seen them: residuals and intervals."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from inference_economics.quantities import DATA
from inference_economics.serving.engines import ENGINES
from reckoner.declare.tables import Number, read_rows


class Residual(BaseModel):
    """A row of serving_residuals.csv: logarithms of measured over predicted, never fitted on.

    Each comes from a fit that left out a fifth of the configurations, this one among them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["trtllm", "vllm", "sglang"]
    experts: bool
    output_time: Number
    first_token_time: Number
    request_time: Number


@cache
def residuals() -> pd.DataFrame:
    """The residuals of the fit part, by engine and whether the model has experts."""
    rows = read_rows(DATA / "serving_residuals.csv", Residual)
    return pd.DataFrame([row.model_dump() for row in rows])


@cache
def intervals(level: float = 0.9) -> Mapping[tuple[str, bool], Mapping[str, float]]:
    """Factors around a prediction between which a share of the residuals lies.

    By engine and whether the model has experts; the inner keys are a quantity's name and `_low`
    or `_high`. Where an engine has fewer residuals of a kind than `ENOUGH`, those of all engines
    are taken. A prediction always lies in its interval.

    Args:
        level: the share, between 0 and 1.
    """
    table = residuals()
    found = {}
    for engine in ENGINES:
        for experts in (False, True):
            group = table[table["experts"] == experts]
            own = group[group["engine"] == engine]
            group = own if len(own) >= ENOUGH else group
            ends = {}
            for name in ("output_time", "first_token_time", "request_time"):
                low, high = (_quantile(group[name], (1 + side * level) / 2) for side in (-1, 1))
                ends[f"{name}_low"] = min(float(np.exp(low)), 1.0)
                ends[f"{name}_high"] = max(float(np.exp(high)), 1.0)
            found[engine, experts] = ends
    return found


ENOUGH = 40
"""Residuals that give a group intervals of its own."""


def _quantile(values: pd.Series, share: float) -> float:
    """A quantile that counts the row to come, as split-conformal intervals do."""
    count = len(values)
    rank = share * (count + 1)
    rank = np.floor(rank) if share < 0.5 else np.ceil(rank)
    return float(np.sort(values.to_numpy())[int(np.clip(rank, 1, count)) - 1])
