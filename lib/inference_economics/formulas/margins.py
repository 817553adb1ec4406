"""What is left when chips are paid at cost, and electricity's part of it: the chapter `margins`."""

from __future__ import annotations

from inference_economics import catalog
from inference_economics.quantities import formula
from inference_economics.units import (
    Count,
    Dollars,
    DollarsPerJoule,
    DollarsPerThroughput,
    DollarsPerToken,
    Ratio,
    Seconds,
    Share,
    TokensPerJoule,
    TokensPerSecond,
    Watts,
)


@formula(gives="gross_margin", source="definition")
def gross_margin(card_cost: Dollars, card_price: Dollars) -> Share:
    """Share of a card's price that its maker keeps after building it."""
    return 1 - card_cost / card_price


@formula(gives="electricity", source="definition")
def electricity_of_card(
    power: Watts,
    load: Share,
    overhead: Ratio,
    lifetime: Seconds,
    electricity_price: DollarsPerJoule,
) -> Dollars:
    """Electricity that one card uses in its life, with the data centre's overhead, in dollars."""
    return power * load * overhead * lifetime * electricity_price


@formula(gives="electricity_share", source="definition")
def share_of_electricity(electricity: Dollars, card_price: Dollars) -> Share:
    """Electricity as a share of what a card costs in its life, bought and run."""
    return electricity / (card_price + electricity)


@formula(gives="break_even_time", source="electricity of the card set equal to its price")
def break_even_time(
    card_price: Dollars,
    power: Watts,
    load: Share,
    overhead: Ratio,
    electricity_price: DollarsPerJoule,
) -> Seconds:
    """Time after which a card has used as much money in electricity as it cost to buy."""
    return card_price / (power * load * overhead * electricity_price)


@formula(gives="lifetime_price", source="definition")
def price_with_electricity(card_price: Dollars, electricity: Dollars) -> Dollars:
    """What a card costs in its life, bought and run."""
    return card_price + electricity


@formula(gives="token_cost", source="definition")
def cost_per_token_of_life(
    capital_cost: DollarsPerThroughput, lifetime: Seconds
) -> DollarsPerToken:
    """Cost of a token if the hardware runs at its full throughput for its whole life."""
    return capital_cost / lifetime


@formula(gives="tokens_per_joule", source="definition")
def energy_efficiency(
    throughput: TokensPerSecond, cards: Count, power: Watts, load: Share
) -> TokensPerJoule:
    """Tokens for each joule that the cards draw, before the data centre's overhead."""
    return throughput / (cards * power * load)


@formula(gives="net_margin", source="definition")
def net_margin(net_income: Dollars, revenue: Dollars) -> Share:
    """Share of a company's revenue that is left as net income."""
    return net_income / revenue


def margin_of(period: str) -> Share:
    """NVIDIA's net margin in a period of the catalog, such as "q3_fy2024"."""
    key = f"nvidia_{period}"
    return net_margin(catalog.value(f"{key}.net_income"), catalog.value(f"{key}.revenue"))
