"""One card as many chips: a small model that few of its multiprocessors stream, and many keep.

The rows `sweep of a model` of the files in data/measured: a matrix is split among some programs,
each on a multiprocessor of its own, and multiplied by one vector after another. A share that is too
large for a multiprocessor's registers is read from the card's memory for each vector; one that fits
is read once.
"""

from __future__ import annotations

from functools import cache

import pandas as pd

from inference_economics.measure.rows import ON_CHIP, SWEEP
from inference_economics.quantities import formulary
from inference_economics.serving import timed
from inference_economics.serving.timed import Timed, plain
from inference_economics.units import Bytes, BytesPerSecond, Count
from reckoner.declare.tables import DataError
from reckoner.declare.trace import read
from reckoner.declare.units import si


@cache
def cards() -> dict[str, pd.DataFrame]:
    """By the key of each card that was measured so, its rows at rising numbers of multiprocessors.

    Columns: `cores`, the multiprocessors that worked; `rate`, byte/s of the model that all of them
    together passed over; `size`, its bytes; `kept`, whether each kept its share.
    """
    found = {key: _rows(timed.machine_of(key)) for key in timed.paths()}
    return {key: rows for key, rows in found.items() if len(rows)}


def _rows(machine: Timed) -> pd.DataFrame:
    rows = machine.of(SWEEP).sort_values("cores")
    rates = [float(si(*pair)) for pair in zip(rows["value"], rows["unit"], strict=True)]
    found = rows[["cores", "size"]].assign(rate=rates, kept=rows["note"] == ON_CHIP)
    return found.reset_index(drop=True)


def first() -> tuple[str, pd.DataFrame]:
    """The key of the first of these cards, and its rows.

    Raises:
        DataError: no card was measured so.
    """
    for card in cards().items():
        return card
    raise DataError(f"data/measured: no file gpu_*.csv has rows {SWEEP!r}; measure a card")


@formulary.procedure
def keepers() -> Count:
    """How many multiprocessors of the first card it takes to keep the model, each its share."""
    _, rows = first()
    return read("card.keepers", float(rows.loc[rows["kept"], "cores"].min()))


@formulary.procedure
def model_size() -> Bytes:
    """Bytes of the model that the first card streamed and kept."""
    return read("card.model_size", float(first()[1]["size"].iloc[0]))


@formulary.procedure
def swept_rate(multiprocessors: Count) -> BytesPerSecond:
    """Bytes of the model that so many multiprocessors of the first card pass over in a second."""
    _, rows = first()
    found = rows[rows["cores"] == plain(multiprocessors)]
    return read("card.swept_rate", float(found["rate"].iloc[0]))


@formulary.procedure
def memory_rate() -> BytesPerSecond:
    """What the first card, all of it together, reads from its memory in a second."""
    return read("card.memory_rate", timed.read_rate(timed.machine_of(first()[0])))
