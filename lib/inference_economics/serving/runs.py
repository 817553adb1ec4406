"""The measured serving runs: how their rows are read, and which part a fit never sees."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from inference_economics import catalog
from inference_economics.quantities import DATA
from reckoner.declare.tables import Text, read_rows

RUNS = DATA / "measured" / "serving_h100_h200.csv"
STATIC_RUNS = DATA / "measured" / "lmdeploy_a100_static.csv"
INPUTS = (
    "model",
    "system",
    "backend",
    "precision",
    "isl",
    "osl",
    "concurrency",
    "tp",
    "attention_dp",
    "moe_tp",
    "moe_ep",
)
"""The columns that say what was run."""

MEASURED = ("ttft_ms", "tpot_ms")
CONFIGURATION = ("model", "system", "backend", "precision", "chips", "isl", "osl")
"""What a configuration is: its runs, which differ in concurrency, stay in one part."""

PARTS = 3
"""One configuration in so many is kept from the fit."""


class ModelOfRuns(BaseModel):
    """A row of serving_models.csv: a model's name in the measurements, and its catalog key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    key: Text
    expert_precision: str
    source: Text
    note: str


@cache
def models_of_runs() -> Mapping[str, ModelOfRuns]:
    """The models of the measurements by their names there."""
    rows = read_rows(DATA / "serving_models.csv", ModelOfRuns, unique=("name",))
    return {row.name: row for row in rows}


def read_runs(path: str) -> pd.DataFrame:
    """Rows of runs as they stand in a file; a blank precision stays blank, a blank number is NaN.

    Args:
        path: a CSV file with the columns of the measurements.
    """
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    numbers = [c for c in frame.columns if c in {*INPUTS[4:], *MEASURED, "batch_size", "pp"}]
    for column in numbers:
        frame[column] = pd.to_numeric(frame[column].replace("", None))
    return frame


@cache
def _runs() -> pd.DataFrame:
    frame = read_runs(str(RUNS))
    expert_parallel = np.maximum(frame["moe_ep"], 1).astype(int)
    product = (
        frame["provenance"].str.startswith("source_file=20")
        & (expert_parallel > 1)
        & (frame["moe_tp"] == frame["moe_ep"])
    )
    replicated = frame["attention_dp"] > 1
    frame["tensor_parallel"] = np.where(
        product & ~replicated, frame["tp"] // expert_parallel, frame["tp"]
    )
    frame["data_parallel"] = np.where(
        product & replicated, frame["attention_dp"] // expert_parallel, frame["attention_dp"]
    )
    frame["chips"] = frame["tensor_parallel"] * frame["data_parallel"]
    frame["requests"] = frame["concurrency"].fillna(frame["batch_size"])
    frame["configuration"] = frame[list(CONFIGURATION)].astype(str).agg("|".join, axis=1)
    repeats = ["configuration", "requests", "moe_ep", *MEASURED]
    frame["repeated"] = frame.duplicated(repeats)
    frame["part"] = np.where(
        frame["configuration"].isin(unseen_configurations(frame)), "unseen", "fit"
    )
    return frame


def runs() -> pd.DataFrame:
    """Every measured run, with what follows from its columns.

    Some rows of InferenceMAX give the product of tensor and expert parallelism as `tp`: the same
    run stands there a second time with the single number, and no run used more than eight chips.
    Columns added: `tensor_parallel` and `data_parallel` (of attention), `chips`, `requests` (in
    flight: `concurrency`, else `batch_size`), `configuration`, `repeated` (the same run again)
    and `part` ("fit" or "unseen").
    """
    return _runs().copy()


def static_runs() -> pd.DataFrame:
    """Static batches on A100 with an engine that is not among the serving runs.

    Rows of more than one output token, of models that the catalog has, with column `key`.
    """
    table = pd.read_csv(STATIC_RUNS)
    table = table.assign(key=table["model"].str.replace("-", "_"))
    return table[table["key"].isin(catalog.model_names()) & (table["osl"] > 1)]


def unseen_configurations(frame: pd.DataFrame) -> set[str]:
    """The configurations that no fit may see, by a rule made before the fit.

    Within each model, chip and engine, configurations are sorted by the SHA-256 of their text;
    every third is unseen.
    """
    known = frame.drop_duplicates("configuration")
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in known["configuration"]]
    known = known.assign(digest=digests).sort_values("digest")
    place = known.groupby(["model", "system", "backend"]).cumcount()
    return set(known.loc[place % PARTS == PARTS - 1, "configuration"])
