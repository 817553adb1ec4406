"""What measured machines reached, beside the roofline that their own kernels give; nothing fitted.

A machine is a file of rows in data/measured that `spacetime measure` wrote, or one of the book's
own; whoever adds `cpu_NAME.csv` or `gpu_NAME.csv` there finds NAME among the machines. All of them
timed the article's 70B shape, or as many of its layers as they hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inference_economics import catalog
from inference_economics.catalog import Model
from inference_economics.formulas.kv_cache import model_kv_read
from inference_economics.formulas.measure_it_yourself import roofline_step
from inference_economics.measure.rows import (
    BUSY,
    IN_CACHE,
    QUIET,
    STEP,
    UNSTEADY,
    Machine,
    read_measured,
)
from inference_economics.quantities import DATA, formulary
from inference_economics.serving.accuracy import TIMED
from inference_economics.serving.shape import shape_of
from inference_economics.units import Count, Ratio, Share, Tokens, Watts
from reckoner.declare.tables import DataError
from reckoner.declare.trace import read
from reckoner.declare.units import si

FOLDER = DATA / "measured"
PREFILL, KEPT = re.compile(r"prefill of \d+ layers"), "prefix from disk"
OF_HOST = "host to card, pinned"
GROUP = ["layers", "shards", "context"]
"""What is equal in a series of steps."""
MISSING = float("nan")
"""What a machine did not tell."""


@dataclass(frozen=True)
class Timed(Machine):
    """A measured machine of the book.

    Attributes:
        key: its name in code, a chip's of the catalog where it is one.
        name: its name for readers.
    """

    key: str
    name: str

    @property
    def precision(self) -> str:
        """The format of the weights in its steps; the book's own GPUs have eight bits."""
        return str(self.of(STEP)["precision"].iloc[0]) or "fp8"

    @property
    def card(self) -> str:
        """What a card calls itself, without its maker."""
        return self.machine.removeprefix("NVIDIA ")

    @property
    def element(self) -> float:
        """Bytes of a number of that format, by the bits in its name."""
        return float(re.sub(r"\D", "", self.precision)) / 8


def paths() -> dict[str, Path]:
    """The files of measured machines by their keys."""
    files = [*sorted(FOLDER.glob("gpu_*.csv")), *sorted(FOLDER.glob("cpu_*.csv"))]
    return {path.stem[4:]: path for path in files}


@cache
def machine_of(key: str) -> Timed:
    """A measured machine by its key.

    Raises:
        DataError: its file is wrong, or holds no decoding step.
    """
    found = read_measured(paths()[key])
    if not (found.frame["what"] == STEP).any():
        raise DataError(f"{paths()[key].name}, column 'what': no row {STEP!r} to draw")
    timed = Timed(found.machine, found.device, found.frame, key, found.machine)
    return replace(timed, name=_name(timed))


def _name(machine: Timed) -> str:
    """A chip's name in the catalog; what another card calls itself, and the format of its steps."""
    if machine.key in catalog.chip_names():
        return str(catalog.chip_names()[machine.key].name)
    if machine.device == "cpu":
        return machine.machine
    return f"{machine.card}, {8 * machine.element:g} bits"


def machines(steady: bool = True) -> list[Timed]:
    """The measured machines whose steps tell something, or those that were disturbed in all."""
    found = [machine_of(key) for key in paths()]
    return [machine for machine in found if bool(len(_steady(machine))) == steady]


def _steady(machine: Timed) -> pd.DataFrame:
    """All steps of a machine that says it did nothing else; of others, those that were steady."""
    rows, busy = machine.of(STEP), machine.of(BUSY)["value"]
    if len(busy) and (busy <= QUIET).all():
        return rows
    return rows[~rows["mark"].str.contains(UNSTEADY)]


def model() -> Model:
    """The model whose shape was timed."""
    return catalog.model(TIMED)


# ---- steps ----


@formulary.procedure
def steps(machine: Timed) -> pd.DataFrame:
    """The decoding steps of a machine, undisturbed ones if any, beside what its kernels allow.

    Columns beside those of its rows, in SI: `seconds`; `weight_bytes`, `parameters` and
    `cache_bytes` of the share that was timed; `roofline`, the time by the machine's own kernels,
    and its `error`; `whole`, the time for all layers of the model, and `output`, the tokens per
    second that one card then gives; `output_roofline`, the same by the kernels.
    """
    steady = _steady(machine)
    rows = (steady if len(steady) else machine.of(STEP)).reset_index(drop=True)
    whole, element = plain(model().layers), told(machine, "element")
    share = rows["layers"] / whole / rows["shards"]
    kept = plain(model_kv_read(model(), 1.0, element))
    rows["cache_bytes"] = rows["batch"] * rows["context"] * kept * share
    known = rows["bytes"].astype(float) - rows["cache_bytes"]
    with_output = plain(shape_of(model(), element).common_parameters) * machine.element * share
    rows["weight_bytes"] = known.fillna(with_output)
    rows["parameters"] = rows["weight_bytes"] / machine.element
    rows["seconds"] = si(1.0, "ms") * rows["value"]
    rows["roofline"] = roofline_step(
        rows["weight_bytes"], read_rate(machine), rows["batch"], rows["parameters"],
        product_rate(machine), rows["cache_bytes"],
    )  # fmt: skip
    rows["error"] = rows["roofline"] / rows["seconds"] - 1
    rows["whole"] = rows["seconds"] * whole / rows["layers"]
    rows["output"] = rows["batch"] / rows["whole"] / rows["shards"]
    rows["output_roofline"] = rows["output"] / (1 + rows["error"])
    return rows


def series(rows: pd.DataFrame) -> pd.DataFrame:
    """Steps at rising batch and all else equal: those that reach the largest batch from one."""
    groups = [group for _, group in rows.groupby(GROUP)]

    def reach(group: pd.DataFrame) -> tuple[float, int, float]:
        most, least = group["batch"].max(), group["batch"].min()
        return float(most / least), len(group), float(group["context"].iloc[0])

    return max(groups, key=reach).sort_values("batch")


def contexts(rows: pd.DataFrame) -> pd.DataFrame:
    """Steps of one request at rising context and all else equal: the most different ones."""
    alone = rows[rows["batch"] == 1]
    groups = [group for _, group in alone.groupby(["layers", "shards"])]
    return max(groups, key=len, default=alone).sort_values("context")


def nearest(rows: pd.DataFrame, column: str, most: float) -> pd.Series:
    """The row with the largest number in a column that is not above some, or else the smallest."""
    rising = rows.sort_values(column)
    below = rising[rising[column] <= most]
    return below.iloc[-1] if len(below) else rising.iloc[0]


def plain(value: Any) -> Any:
    """A value without its unit."""
    return getattr(value, "magnitude", value)


def _told(name: str, values: Any) -> Any:
    """Numbers of a machine's file, as they are read from rows of the data."""
    return read(f"machine.{name}", values.item() if np.size(values) == 1 else values)


@formulary.procedure
def at_batch(rows: pd.DataFrame, column: str, batch: Count) -> Any:
    """A column of the step at the largest measured batch that is not above some batch."""
    measured = series(rows)
    return _told(column, np.vectorize(lambda most: float(nearest(measured, "batch", most)[column]))(
        plain(batch)
    ))  # fmt: skip


@formulary.procedure
def mean_error(rows: pd.DataFrame) -> Share:
    """By how much the roofline misses a machine's steps, in the mean of absolute errors."""
    return float(rows["error"].abs().mean())


@formulary.procedure
def growth(rows: pd.DataFrame, column: str) -> Ratio:
    """A step of one request at the longest measured context against that at the shortest."""
    at = contexts(rows)[column].to_numpy(float)
    return float(at[-1] / at[0])


@formulary.procedure
def of_contexts(rows: pd.DataFrame, place: int) -> Tokens:
    """The shortest context of a step of one request, or the longest."""
    return _told("context", contexts(rows)["context"].to_numpy()[place])


# ---- what its kernels reach, and what else it told ----


def read_rate(machine: Timed) -> float:
    """Bytes per second that it reads from memory."""
    rows = machine.of("read")
    rows = rows[~rows["mark"].str.contains(IN_CACHE)]
    largest = rows[rows["size"].isna() | (rows["size"] == rows["size"].max())]
    return float(max(map(_in_si, largest["value"], largest["unit"]), default=MISSING))


def product_rate(machine: Timed) -> float:
    """Operations per second of its products, in the format of its weights."""
    return _first(machine.of(f"matrix product {machine.precision}"))


def _in_si(value: float, unit: str) -> float:
    return float(si(value, unit))


def _first(rows: pd.DataFrame) -> float:
    return MISSING if rows.empty else _in_si(rows["value"].iloc[0], rows["unit"].iloc[0])


def _held(machine: Timed) -> float:
    return _first(machine.frame[machine.frame["what"].str.startswith("sequences of")])


def _path(machine: Timed) -> float:
    rows = machine.of(KEPT).sort_values("size")
    if len(machine.of(OF_HOST)) or rows.empty:
        return _first(machine.of(OF_HOST))
    return float(rows["size"].iloc[-1] / _in_si(rows["value"].iloc[-1], rows["unit"].iloc[-1]))


KNOWN = {
    "bandwidth": read_rate,
    "product_rate": product_rate,
    "memory": lambda machine: _first(machine.of("memory in all")),
    "element": lambda machine: machine.element,
    "held": _held,
    "path": _path,
}
"""What a machine told of itself: `held`, the sequences that fitted beside the whole model, and
`path`, the bandwidth over which it loads a kept prefix, from host memory or else from a disk."""


@formulary.procedure
def told(machine: Timed, what: str) -> Any:
    """What a machine told of itself."""
    return _told(what, np.float64(KNOWN[what](machine)))


def kept_in(machine: Timed) -> str:
    """Where that path begins."""
    return "host memory" if len(machine.of(OF_HOST)) else "disk"


@formulary.procedure
def power(machine: Timed, rows: pd.DataFrame, batch: Count) -> Watts:
    """The power in the step that `at_batch` finds, where it was measured."""
    measured = series(rows)

    def of_step(most: float) -> float:
        step = nearest(measured, "batch", most)
        return _first(machine.of("power of decode", **{n: step[n] for n in ("batch", *GROUP)}))

    return _told("power", np.vectorize(of_step)(plain(batch)))


@formulary.procedure
def prefill(machine: Timed, column: str, tokens: Tokens) -> Any:
    """A column of the longest measured prefill that is not longer than some tokens, if any."""
    rows = machine.frame[machine.frame["what"].str.fullmatch(PREFILL)]
    if rows.empty:
        return _told(column, np.full(np.shape(plain(tokens)), MISSING))
    rows = rows.assign(seconds=[*map(_in_si, rows["value"], rows["unit"])])
    return _told(column, np.vectorize(lambda most: float(nearest(rows, "context", most)[column]))(
        plain(tokens)
    ))  # fmt: skip
