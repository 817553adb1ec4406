"""What happened after the article, and its formulas on the new chip: the chapter `hindsight`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from inference_economics import catalog
from inference_economics.quantities import DATA, formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    Dollars,
    DollarsPerThroughput,
    DollarsPerToken,
    Seconds,
    Share,
    TokensPerSecond,
)
from reckoner.declare.numeric import ceil
from reckoner.declare.tables import Constant, Text, read_rows


@formula(gives="busy_time", source="definition")
def busy_time(lifetime: Seconds, busy_share: Share) -> Seconds:
    """Time for which hardware is busy in its life."""
    return lifetime * busy_share


@formula(gives="busy_share_needed", source="the cost of a token set equal to its price")
def busy_share_needed(
    capital_cost: DollarsPerThroughput, lifetime: Seconds, token_price: DollarsPerToken
) -> Share:
    """Share of its life in which hardware must be busy for a price of tokens to pay for it.

    Above one, the price does not pay for it even when it is busy day and night.
    """
    return capital_cost / (lifetime * token_price)


@formula(gives="sweep_time", source="williams2009roofline")
def sweep_time(memory: Bytes, memory_bandwidth: BytesPerSecond) -> Seconds:
    """Time to read a whole memory once; no step that uses all of it is shorter."""
    return memory / memory_bandwidth


@formula(gives="racks", source="definition")
def racks_for(cards: Count, rack_cards: Count) -> Count:
    """Whole racks that a number of cards fills."""
    return ceil(cards / rack_cards)


@formula(gives="affordable_price", source="the capital cost, solved for the price of a card")
def affordable_price(
    target_cost: DollarsPerThroughput, throughput: TokensPerSecond, cards: Count
) -> Dollars:
    """Price of a card at which a cluster costs as much per token/s as another machine."""
    return target_cost * throughput / cards


class Event(BaseModel):
    """A row of timeline.csv: the day of a fact that a chart of this chapter shows.

    Attributes:
        id: its name.
        chart: the chart.
        date: year and month, and the day where it is known.
        date_seen: whether the date was seen with the fact; a recalled one is marked on the page.
        fact: address of the catalog row.
        maker: whose chip or service.
        model: what it runs, for readers.
        kind: measured by others, the vendor's own figure, or a price asked.
        note: doubts about the date.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text
    chart: Text
    date: str = Field(pattern=r"^\d{4}-\d{2}(-\d{2})?$")
    date_seen: bool
    fact: Text
    maker: Text
    model: str
    kind: str
    note: str

    @property
    def row(self) -> Constant:
        """The fact."""
        return catalog.constant(self.fact)


def timeline(chart: str) -> list[Event]:
    """The dated facts of a chart, oldest first."""
    rows = read_rows(DATA / "timeline.csv", Event, unique=("id", "fact"))
    return sorted((row for row in rows if row.chart == chart), key=lambda row: row.date)


LARGE = "gpt4_rumour"

"""The model that stands for what the article calls GPT-4: its size is a rumour."""
