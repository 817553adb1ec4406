"""What a token costs at equal speed, on SRAM chips and on GPUs: the chapter `equal_speed`."""

from __future__ import annotations

from inference_economics.quantities import formula
from inference_economics.units import (
    Count,
    Dollars,
    DollarsPerJoule,
    DollarsPerSecond,
    DollarsPerToken,
    Ratio,
    Seconds,
    SecondsPerToken,
    Share,
    Tokens,
    TokensPerSecond,
    Watts,
)
from reckoner.declare.numeric import maximum


# What a card costs while it works
@formula(
    gives="card_rate", source="follows: written off over the busy hours, and their electricity"
)
def cost_of_card_second(
    card_price: Dollars,
    host_share: Ratio,
    lifetime: Seconds,
    busy_share: Share,
    power: Watts,
    load: Share,
    overhead: Ratio,
    electricity_price: DollarsPerJoule,
) -> DollarsPerSecond:
    """What a card costs for each second of work: its price with host, and its electricity.

    The price is spread over the seconds in which it works at full load; the idle ones earn nothing.
    """
    return (
        card_price * (1 + host_share) / (lifetime * busy_share)
        + power * load * overhead * electricity_price
    )


@formula(gives="rented_rate", source="follows: idle hours are paid for, too")
def cost_of_rented_second(rent: DollarsPerSecond, busy_share: Share) -> DollarsPerSecond:
    """What a rented card costs for each second of work, its host and electricity included."""
    return rent / busy_share


@formula(gives="card_seconds", source="definition")
def card_seconds_per_token(cards: Count, throughput: TokensPerSecond) -> SecondsPerToken:
    """Seconds of work of one card that one output token takes."""
    return cards / throughput


@formula(gives="token_cost", source="definition")
def cost_of_output_token(
    card_rate: DollarsPerSecond, card_seconds: SecondsPerToken
) -> DollarsPerToken:
    """Cost of an output token, its share of the prefill included."""
    return card_rate * card_seconds


@formula(gives="card_price", source="the cost of a token, solved for the price of a card")
def card_price_at_cost(
    token_cost: DollarsPerToken,
    card_seconds: SecondsPerToken,
    power: Watts,
    load: Share,
    overhead: Ratio,
    electricity_price: DollarsPerJoule,
    lifetime: Seconds,
    busy_share: Share,
    host_share: Ratio,
) -> Dollars:
    """Price of a card at which a token costs so much; negative if electricity alone costs more."""
    return (
        (token_cost / card_seconds - power * load * overhead * electricity_price)
        * lifetime
        * busy_share
        / (1 + host_share)
    )


@formula(gives="token_price", source="definition")
def price_with_input(
    output_price: DollarsPerToken,
    input_price: DollarsPerToken,
    input_tokens: Tokens,
    output_tokens: Tokens,
) -> DollarsPerToken:
    """What a customer pays for each output token, the input that came before it included."""
    return output_price + input_price * input_tokens / output_tokens


# Prefill in a pipeline
@formula(gives="prefill_work", source="follows: the layers of a prompt, spread over the stages")
def work_of_prefill(
    layers: Count, layer_time: Seconds, stages: Count, attention_time: Seconds
) -> Seconds:
    """Mean time for which the prefill of one request keeps each stage busy."""
    return layers * layer_time / stages + attention_time


@formula(gives="output_time", source="follows: a stage does one thing at a time")
def output_time_with_newcomers(
    time_per_token: Seconds,
    occupancy: Share,
    batch_size: Count,
    prefill_work: Seconds,
    output_tokens: Tokens,
) -> Seconds:
    """Time per output token if stages use their idle time for the prefill of newcomers.

    Each request brings one prefill for all its output; what idle time does not hold delays all.
    """
    return maximum(
        time_per_token, occupancy * time_per_token + batch_size * prefill_work / output_tokens
    )
