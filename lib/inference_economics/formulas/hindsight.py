"""What happened after the article, and its formulas on the new chip: the chapter `hindsight`."""

from __future__ import annotations

from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    Dollars,
    DollarsPerSecond,
    DollarsPerThroughput,
    DollarsPerToken,
    Seconds,
    Share,
    TokensPerSecond,
)
from reckoner.declare.numeric import ceil


@formula(gives="busy_time", source="definition")
def busy_time(lifetime: Seconds, busy_share: Share) -> Seconds:
    """Time for which hardware is busy in its life."""
    return lifetime * busy_share


@formula(gives="card_second", source="definition")
def cost_of_busy_second(lifetime_price: Dollars, busy_time: Seconds) -> DollarsPerSecond:
    """What a card costs for each second in which it is busy, bought and run."""
    return lifetime_price / busy_time


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
