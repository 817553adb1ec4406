"""The measured serving runs: how their rows are read, and which part a fit never sees."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Container, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from inference_economics import catalog
from inference_economics.quantities import DATA
from reckoner.declare.given import read_table
from reckoner.declare.tables import DataError, Text, read_rows

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

TEXTS_OF_RUNS = ("id", "model", "system", "backend", "precision", "provenance")
NUMBERS_OF_STATIC = (
    "batch", "tp", "isl", "osl", "out_tok_s", "mem_gb", "ftl_ave_s", "ftl_min_s", "ftl_max_s",
    "tok_p50_s", "tok_p75_s", "tok_p95_s", "tok_p99_s",
)  # fmt: skip
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", re.IGNORECASE)

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
    for row in rows:
        if row.key not in catalog.model_names():
            raise DataError(
                f"serving_models.csv, row {row.name!r}, column 'key': no model {row.key!r} in "
                "model_names.csv"
            )
    return {row.name: row for row in rows}


def read_runs(path: str) -> pd.DataFrame:
    """Rows of runs as they stand in a file; a blank precision stays blank, a blank number is NaN.

    Args:
        path: a CSV file with the columns of the measurements.

    Raises:
        DataError: a column is missing or a cell is wrong; the message names file, line and column.
    """
    numbers = (*INPUTS[4:], *MEASURED, "batch_size", "pp")
    blank = {"precision", "concurrency", "batch_size", "pp", *INPUTS[8:], *MEASURED}
    return _read(Path(path), TEXTS_OF_RUNS, numbers, blank)


def _read(
    path: Path, texts: Sequence[str], numbers: Sequence[str], blank: Container[str] = ()
) -> pd.DataFrame:
    """A table of which some columns are text and some are numbers, none of them negative."""
    table = read_table(path)
    if not table.rows:
        raise DataError(f"{path.name}: it has a header and no row")
    for column in (*texts, *numbers):
        if column not in table.columns:
            raise DataError(f"{path.name}, line 1, column {column!r}: it is missing")
        for row in table.rows:
            cell, where = row.cells[column], f"{path.name}, line {row.line}, column {column!r}"
            if not cell and column not in blank:
                raise DataError(f"{where}: it is empty")
            if column in numbers and cell and not _is_number(cell):
                raise DataError(f"{where}: expected a number from 0; found {cell!r}")
            if not (cell.isascii() and cell.isprintable()):
                raise DataError(f"{where}: it has a character that is not plain; found {cell!a}")
    frame = pd.DataFrame([row.cells for row in table.rows], columns=list(table.columns))
    for column in numbers:
        frame[column] = pd.to_numeric(frame[column].replace("", None))
    return frame


def _is_number(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell)) and math.isfinite(float(cell))


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
    table = _read(STATIC_RUNS, ("model", "gpu", "dtype", "framework"), NUMBERS_OF_STATIC)
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
