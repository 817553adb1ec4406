"""Rows of what a machine reached: those that the kit writes, and those of the stored files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from inference_economics import catalog
from inference_economics.measure.counts import Counts
from inference_economics.quantities import DATA
from reckoner.declare.given import read_table
from reckoner.declare.tables import DataError, Text, UnitName, read_rows

STORED = {
    "h100_sxm": DATA / "measured" / "gpu_h100_sxm.csv",
    "h200_sxm": DATA / "measured" / "gpu_h200_sxm.csv",
    "epyc_2_cores": DATA / "measured" / "cpu_epyc_2_cores.csv",
}
"""The machines whose rows the book has: GPUs by their catalog keys, and a CPU."""

SHAPE, FORMAT = "llama2_70b", "fp8"
"""The model and the format of the stored files of cards."""

STEP, PROJECTIONS = "decode step", "projections of a layer"
"""The rows of whole steps, and of their products alone."""
SWEEP, ON_CHIP = "sweep of a model", "on chip"
"""The rows of a model that multiprocessors share, and the note of one that they keep."""
IN_CACHE = "in cache"
"""Marks a bandwidth of data that fit a cache: not the memory's."""
NO_LIMIT = "no limit known"
"""Marks a bandwidth of a machine that does not tell what its memory can do."""
ABOVE = "above the limit"
"""Marks a bandwidth above what the memory can do: something else was measured."""
UNSTEADY = "unsteady"
"""Marks a median whose repeats lie further apart than `STEADY`."""
STEADY = 1.1
"""The largest repeat over the smallest up to which a row counts as steady."""
BUSY = "busy before the start"
"""The row that says which share of the cores was at work before anything was measured."""
QUIET = 0.1
"""The largest such share of a machine that counts as doing nothing else."""


def _blank(cell: object) -> object:
    return None if cell == "" else cell


Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MaybeSize = Annotated[Size | None, BeforeValidator(_blank)]


class Measured(BaseModel):
    """A row of a file of a machine: one thing that was measured.

    Attributes:
        what: its name.
        batch: sequences at once.
        context: tokens that a sequence has before the step, or tokens of a prefill.
        layers: of the model.
        shards: cards that would share the layers; the share of one was measured.
        value: median of the repeats, in `unit`.
        unit: of value, low and high; blank for what is no quantity.
        low: the smallest repeat.
        high: the largest.
        repeats: how many there were.
        note: what else a reader must know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Text
    batch: MaybeSize = None
    context: MaybeSize = None
    layers: MaybeSize = None
    shards: MaybeSize = None
    value: Size
    unit: UnitName | Annotated[str, Field(max_length=0)]
    low: Size
    high: Size
    repeats: Annotated[int, Field(ge=1)]
    note: str = ""


class OfKit(Measured):
    """A row that the kit wrote: the same, with what was counted and the machine.

    Attributes:
        precision: of the numbers; blank where it does not matter.
        cores: cores, or multiprocessors of a card, that worked.
        size: bytes that were worked on, all cores together.
        bytes: that one run reads, by the formulas.
        operations: of one run, by the formulas.
        mark: blank, or some of `IN_CACHE`, `NO_LIMIT`, `ABOVE` and `UNSTEADY`.
        machine: the processor or card.
        device: cpu or cuda.
        memory: bytes in all.
        limit: byte/s that the memory can do by its clock; blank if the machine does not tell.
        cache: bytes of the cache that all cores share.
        core_cache: bytes of the cache, or the shared memory, of one core.
        software: versions.
        taken: the day.
    """

    precision: str = ""
    cores: MaybeSize = None
    size: MaybeSize = None
    bytes: MaybeSize = None
    operations: MaybeSize = None
    mark: str = ""
    machine: Text
    device: Text
    memory: Size
    limit: MaybeSize = None
    cache: Size
    core_cache: Size
    software: str
    taken: str


PLAIN, WHOLE = tuple(Measured.model_fields), tuple(OfKit.model_fields)


@dataclass(frozen=True)
class Machine:
    """What was measured of one machine.

    Attributes:
        machine: its name.
        device: cpu or cuda.
        frame: the rows, with the columns `WHOLE`; blank numbers are NaN.
    """

    machine: str
    device: str
    frame: pd.DataFrame

    def of(self, what: str, **equal: Any) -> pd.DataFrame:
        """The rows of one name, with columns equal to what is given."""
        rows = self.frame[self.frame["what"] == what]
        for column, wanted in equal.items():
            rows = rows[rows[column] == wanted]
        return rows


def read_measured(path: Path) -> Machine:
    """The rows of a file of a machine.

    Args:
        path: a file that `spacetime measure` wrote, or one of the stored ones.

    Raises:
        DataError: the columns are others, or a cell is wrong.
        OSError: it cannot be read.
    """
    columns = read_table(path).columns
    if columns not in (PLAIN, WHOLE):
        missing = [name for name in WHOLE if name not in columns]
        said = f"no column {missing[0]!r}" if missing else "columns that it has not, or their order"
        raise DataError(
            f"{path}, header: {said}; give a file that `spacetime measure` wrote, unchanged"
        )
    rows = read_rows(path, Measured if columns == PLAIN else OfKit)
    frame = pd.DataFrame([row.model_dump() for row in rows]).reindex(columns=[*WHOLE])
    texts = ["precision", "mark", "machine", "device", "software", "taken"]
    frame[texts] = frame[texts].astype(object).where(frame[texts].notna(), "")
    numbers = ["batch", "context", "layers", "shards", "cores", "size", "bytes", "operations",
               "memory", "limit", "cache", "core_cache"]  # fmt: skip
    frame[numbers] = frame[numbers].astype(float)
    if columns == PLAIN:
        _fill(frame)
        return Machine(_named_in_note(path, frame), "cuda", frame)
    names = frame["machine"].unique()
    if len(names) > 1:
        raise DataError(
            f"{path}, column 'machine': {', '.join(names)}; a file holds one machine: split it"
        )
    return Machine(str(names[0]), str(frame["device"].iloc[0]), frame)


def _fill(frame: pd.DataFrame) -> None:
    """What goes without saying in the stored files of cards: the shape, and 8 bits a number."""
    counts = Counts(catalog.model(SHAPE), 1, 1, catalog.value(f"{FORMAT}.bytes_per_parameter"))
    steps = frame["what"].isin([STEP, PROJECTIONS])
    frame.loc[steps | frame["what"].str.startswith("prefill"), "precision"] = FORMAT
    products = frame["what"] == PROJECTIONS
    frame.loc[products, "bytes"] = counts.weight_bytes
    frame.loc[products, "operations"] = 2 * counts.parameters * frame.loc[products, "batch"]


def _named_in_note(path: Path, frame: pd.DataFrame) -> str:
    """The card's name, with which the note of the first row begins in the stored files."""
    notes = frame.loc[frame["what"] == "machine", "note"]
    if notes.empty:
        raise DataError(f"{path}, column 'what': no row 'machine'; it names the card")
    return str(notes.iloc[0]).split(",")[0]


@cache
def stored(key: str) -> Machine:
    """The stored rows of a machine of `STORED`."""
    return read_measured(STORED[key])


def text_of(rows: Iterable[OfKit], header: bool = True) -> str:
    """Rows as they stand in a file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(WHOLE)
    for row in rows:
        writer.writerow([_cell(value) for value in row.model_dump().values()])
    return out.getvalue()


def _cell(value: Any) -> Any:
    return "" if value is None else f"{value:.12g}" if isinstance(value, float) else value
