"""The measured serving runs: how their rows are read, and which part a fit never sees."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Container, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from inference_economics import catalog
from inference_economics.quantities import DATA
from inference_economics.serving.engines import BLANK_PRECISION
from inference_economics.serving.levels import MAKER, PUBLIC, SERIES
from reckoner.declare.given import read_table
from reckoner.declare.tables import DataError, Text, read_rows

RUNS = DATA / "measured" / "serving_h100_h200.csv"
LATER_RUNS = DATA / "measured" / "serving_2026.csv"
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
    return read_measured(Path(path), TEXTS_OF_RUNS, numbers, blank)


def read_measured(
    path: Path, texts: Sequence[str], numbers: Sequence[str], blank: Container[str] = ()
) -> pd.DataFrame:
    """A table of measurements, its numbers as numbers.

    Args:
        path: a CSV file.
        texts: columns of text that it must have.
        numbers: columns of numbers that it must have, none of them negative.
        blank: those of both in which a cell may be empty.

    Raises:
        DataError: a column is missing or a cell is wrong; the message names file, line and column.
    """
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


def layout(frame: pd.DataFrame) -> pd.DataFrame:
    """How the chips of each row share the work: tensor- and data-parallel size of attention.

    Some rows give the product of two equal sizes of the experts' layout as the number of chips:
    the same run stands there a second time with the single number, and no such run used more than
    eight chips. A product above eight is read so; one of four only in InferenceMAX's files.

    Args:
        frame: rows with `tp`, and perhaps `attention_dp`, `moe_tp`, `moe_ep` and `provenance`.
    """
    sizes = {
        name: pd.to_numeric(frame[name], errors="coerce").fillna(1.0).clip(lower=1.0)
        if name in frame
        else pd.Series(1.0, index=frame.index)
        for name in ("tp", "attention_dp", "moe_tp", "moe_ep")
    }
    tp, groups, split, ep = sizes.values()
    experts = split * ep
    public = of_inferencemax(frame)
    square = (split == ep) & (ep > 1) & (public | (experts > 8))
    tp = tp.mask(square & (tp == experts), tp / ep)
    groups = groups.mask(square & (groups == experts), groups / ep)
    blank = ~public & (groups == 1) & (frame["backend"] == "vllm") & (experts > tp)
    groups = groups.mask(blank, experts / tp)
    tp = tp.mask((groups > 1) & (tp == groups), 1.0)
    return pd.DataFrame(
        {"tensor_parallel": tp, "data_parallel": groups, "chips": tp * groups}, index=frame.index
    )


def of_inferencemax(frame: pd.DataFrame) -> pd.Series:
    """Whether each row comes from InferenceMAX's collection; where nothing says so, it does."""
    if "provenance" not in frame:
        return pd.Series(True, index=frame.index)
    named = frame["provenance"].astype(str).str.partition(";")[0]
    return ~(named.str.startswith("source_file=") & named.str.contains("/"))


def harness_of(frame: pd.DataFrame) -> Any:
    """Whose harness ran each row, of `levels.PUBLIC` and `levels.MAKER`."""
    return np.where(of_inferencemax(frame), PUBLIC, MAKER)


def settings(frame: pd.DataFrame) -> pd.DataFrame:
    """What each run was told and its columns do not say, as the public scripts set it.

    Columns: `drafted`, tokens guessed ahead in a step; `batch_wait`, steps that the engine waits
    for newcomers; `poll_interval`, steps after which it looks for them; `waves`, requests sent for
    each one in flight. A column of the table itself goes before: `speculation` for the first, the
    others by their names.

    Args:
        frame: rows with `tensor_parallel` and `data_parallel`.
    """
    keys = frame["model"].map(key_of)
    latent = keys.isin([k for k in catalog.model_names() if catalog.model(k).has("kv_rank")])
    mixed = keys.isin([k for k in catalog.model_names() if catalog.model(k).has("experts")])
    public = of_inferencemax(frame)
    release = frame.get("backend_version", pd.Series("", index=frame.index))
    guessing = (release == GUESSING) & latent
    square = (frame["isl"] == 1024) & (frame["osl"] == 1024) & (frame["tensor_parallel"] < 8)
    waits = np.where(~mixed & square, catalog.value("serving_model.batch_wait"), 0.0)
    balanced = latent & (frame["data_parallel"] > 1)
    waits = np.where(balanced, catalog.value("serving_model.balance_wait"), waits)
    polled = public & latent & (frame["backend"] == "sglang") & (frame["system"] == POLLED)
    found = pd.DataFrame(
        {
            "drafted": np.where(guessing, np.where(frame["data_parallel"] > 1, 1.0, 3.0), 0.0),
            "batch_wait": np.where(public & (frame["backend"] == "trtllm"), waits, 0.0),
            "poll_interval": np.where(polled, _poll_interval(frame), 0.0),
            "waves": np.where(
                ~public & (frame["backend"] == "sglang"), 1.0, catalog.value("serving_model.waves")
            ),
        },
        index=frame.index,
    )
    for name in SETTINGS:
        column = "speculation" if name == "drafted" else name
        if column in frame:
            own = pd.to_numeric(frame[column], errors="coerce")
            found[name] = own.fillna(found[name])
    return found


def _poll_interval(frame: pd.DataFrame) -> Any:
    """Steps between looks for newcomers, in the scripts that set them."""
    requests = frame["requests"] if "requests" in frame else frame["concurrency"]
    return np.where(
        requests >= catalog.value("serving_model.poll_many"),
        catalog.value("serving_model.poll_interval"),
        catalog.value("serving_model.poll_interval_few"),
    )


POLLED = "b200_sxm"
"""The chip on which SGLang's scripts for DeepSeek look for newcomers only every so many steps."""

SETTINGS = ("drafted", "batch_wait", "poll_interval", "waves")
"""The columns of `settings`."""

GUESSING = "1.2.0rc6.post3"
"""The release of TensorRT-LLM that guesses tokens ahead in these runs (InferenceX, PR 392)."""


def key_of(name: str) -> str:
    """The catalog key of a model by its name in the measurements; another name is its own."""
    known = models_of_runs().get(name)
    return known.key if known else name


def _is_number(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell)) and math.isfinite(float(cell))


def measured_runs() -> list[pd.DataFrame]:
    """The runs as they stand in their two files.

    Raises:
        DataError: a file is damaged, or a model has no row in serving_models.csv.
    """
    tables = [read_runs(str(path)) for path in (RUNS, LATER_RUNS)]
    for name in sorted({name for table in tables for name in table["model"]} - {*models_of_runs()}):
        raise DataError(f"serving_models.csv: no row {name!r}, a model of the measured runs")
    return tables


@cache
def _runs() -> pd.DataFrame:
    tables = measured_runs()
    frame = pd.concat(tables, ignore_index=True)
    frame = frame.assign(**layout(frame).astype(int))
    frame["requests"] = frame["concurrency"].fillna(frame["batch_size"])
    frame = frame.assign(**settings(frame))
    frame["key"] = frame["model"].map(key_of)
    frame["experts"] = [catalog.model(key).has("experts") for key in frame["key"]]
    frame["release"] = frame["backend_version"]
    frame["harness"] = harness_of(frame)
    frame["configuration"] = frame[list(CONFIGURATION)].astype(str).agg("|".join, axis=1)
    frame["precision"] = frame["precision"].replace("", BLANK_PRECISION)
    frame["series"] = frame[list(SERIES)].astype(str).agg("|".join, axis=1)
    repeats = ["configuration", "release", "requests", *MEASURED]
    frame["repeated"] = frame.duplicated(repeats)
    unseen = frame["configuration"].isin(unseen_configurations(frame.iloc[: len(tables[0])]))
    frame["part"] = np.where(unseen & (frame.index < len(tables[0])), "unseen", "fit")
    return frame


def runs() -> pd.DataFrame:
    """Every measured run, with what follows from its columns.

    Columns added: those of `layout` and `settings`; `requests` (in flight: `concurrency`, else
    `batch_size`), `key` (the model's), `experts`, `release`, `configuration`, `series`,
    `repeated` (the same run again) and `part` ("fit" or "unseen").
    """
    return _runs().copy()


def rows_of(part: str) -> pd.DataFrame:
    """The measured rows of a part, none twice.

    Args:
        part: "fit" or "unseen".
    """
    table = runs()
    return table[(table["part"] == part) & ~table["repeated"]]


def lifetime(rows: pd.DataFrame) -> pd.Series:
    """Measured time of a request, from its start to its last token, in seconds."""
    return (rows["ttft_ms"] + rows["tpot_ms"] * (rows["osl"] - 1)) / 1e3


def static_runs() -> pd.DataFrame:
    """Static batches on A100 with an engine that is not among the serving runs.

    Rows of more than one output token, of models that the catalog has, with column `key`.
    """
    table = read_measured(STATIC_RUNS, ("model", "gpu", "dtype", "framework"), NUMBERS_OF_STATIC)
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
