"""What the page of `measure_it_yourself` measured on named machines: the files page_*.csv."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from inference_economics.quantities import DATA, formulary
from inference_economics.serving.timed import plain
from inference_economics.units import Bytes, BytesPerSecond, Count
from reckoner.declare.given import read_table
from reckoner.declare.tables import DataError
from reckoner.declare.trace import read
from reckoner.declare.units import si
from reckoner.show.own_machine import COLUMNS, speed_ups


@cache
def in_pages() -> pd.DataFrame:
    """What the chapter's page measured on named machines, from the files page_*.csv.

    Raises:
        DataError: a column is missing, or a cell is no number; it names the file.
    """
    tables = []
    for file in sorted((DATA / "measured").glob("page_*.csv")):
        table = read_table(file)
        if table.columns != COLUMNS:
            raise DataError(f"{file.name}, header: expected {','.join(COLUMNS)}")
        frame = pd.DataFrame([row.cells for row in table.rows])
        for column in COLUMNS[1:]:
            frame[column] = pd.to_numeric(frame[column], errors="coerce")
            wrong = frame.index[~(frame[column] > 0) | ~np.isfinite(frame[column])]
            for place in wrong:
                raise DataError(
                    f"{file.name}, line {table.rows[place].line}, column {column!r}: "
                    "expected a number above 0"
                )
        tables.append(frame)
    return pd.concat(tables, ignore_index=True)


def first_page() -> tuple[str, pd.DataFrame]:
    """The first of these machines, and its rows."""
    rows = in_pages()
    name = str(rows["machine"].iloc[0])
    return name, rows[rows["machine"] == name].reset_index(drop=True)


@formulary.procedure
def page_rate(workers: Count, size: Bytes) -> BytesPerSecond:
    """What some workers together read of so many bytes, in the page, on the first machine."""
    rows = first_page()[1]
    found = rows[(rows["workers"] == plain(workers)) & (rows["bytes"] == plain(size))]
    return read("page.rate", si(float(found["gb_per_s"].iloc[0]), "GB/s"))


@formulary.procedure
def page_size(kind: str) -> Bytes:
    """How many bytes one worker read fastest, how many at most, and where sharing gained most."""
    rows = first_page()[1]
    alone = rows[rows["workers"] == 1].sort_values("gb_per_s")
    found = {
        "fast": alone["bytes"].iloc[-1],
        "slow": alone["bytes"].max(),
        "shared": _most_gained(rows)["bytes"],
    }
    return read("page.size", float(found[kind]))


@formulary.procedure
def page_workers() -> Count:
    """How many workers gained most, as the quartiles tell."""
    return read("page.workers", float(_most_gained(first_page()[1])["workers"]))


def _most_gained(rows: pd.DataFrame) -> pd.Series:
    return speed_ups(rows).sort_values("sure").iloc[-1]
