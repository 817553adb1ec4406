"""Dated facts: what happened when, after the article."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from inference_economics import catalog
from inference_economics.quantities import DATA
from reckoner.declare.tables import Constant, Text, read_rows


class Event(BaseModel):
    """A row of timeline.csv: the day of a fact, and the chart or table that shows it.

    Attributes:
        id: its name.
        chart: the chart or table; rents, `rental`, are for whoever asks.
        date: year and month, and the day where it is known.
        date_seen: whether the date was seen with the fact; a recalled one is marked on the page.
        fact: address of the catalog row.
        maker: whose chip or service.
        model: what it runs, for readers.
        kind: measured by others, the vendor's own figure, a price asked, how hardware is let, or
            what a sum is for.
        note: doubts about the date.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text
    chart: Literal["speed", "price", "cache", "rental", "company"]
    date: str = Field(pattern=r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$")
    date_seen: bool
    fact: Text
    maker: Text
    model: str
    kind: Text
    note: str

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.fact not in catalog.constants():
            raise ValueError(f"fact: no constant {self.fact!r} in the data files")
        return self

    @property
    def row(self) -> Constant:
        """The fact."""
        return catalog.constant(self.fact)


def timeline(chart: str) -> list[Event]:
    """The dated facts of a chart, oldest first."""
    rows = read_rows(DATA / "timeline.csv", Event, unique=("id", "fact"))
    return sorted((row for row in rows if row.chart == chart), key=lambda row: row.date)
