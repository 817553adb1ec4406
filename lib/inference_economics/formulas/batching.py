"""Dollars per token/s against batch size: the chapter `batching`."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics.formulas.capacity import cards_to_hold, price_of_cluster
from inference_economics.formulas.kv_cache import (
    kv_cache_of_batch,
)
from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    Count,
    Dollars,
    DollarsPerThroughput,
    Ratio,
    TokensPerSecond,
)
from reckoner.declare.numeric import ceil, maximum, minimum


@formula(gives="needed", source="Li 2024, section 'KV cache dilemma'")
def memory_of_batch(weight_bytes: Bytes, kv_cache_batch: Bytes) -> Bytes:
    """Memory for one copy of the weights and the KV cache of every request in the batch."""
    return weight_bytes + kv_cache_batch


@formula(gives="throughput", source="definition")
def cluster_throughput(batch_size: Count, speed: TokensPerSecond) -> TokensPerSecond:
    """Tokens per second of a batch in which every request runs at the same speed."""
    return batch_size * speed


@formula(gives="capital_cost", source="Li 2024, section 'KV cache dilemma'")
def capital_cost(cluster_price: Dollars, throughput: TokensPerSecond) -> DollarsPerThroughput:
    """Price of the hardware for each token per second that it gives."""
    return cluster_price / throughput


@formula(gives="cost_limit", source="limit of the capital cost as the batch grows")
def cost_limit(
    card_price: Dollars, kv_cache: Bytes, memory: Bytes, speed: TokensPerSecond
) -> DollarsPerThroughput:
    """Cost that a cluster tends to when the batch is so large that the weights cost nothing.

    Requests then pay for the part of a card that their KV cache fills, since cards are shared.
    """
    return card_price * kv_cache / (memory * speed)


@formula(gives="break_even_batch", source="the capital cost, solved for the batch size")
def break_even_batch(
    card_price: Dollars,
    weight_bytes: Bytes,
    target_cost: DollarsPerThroughput,
    speed: TokensPerSecond,
    memory: Bytes,
    kv_cache: Bytes,
) -> Count:
    """Smallest batch at which a cluster of just enough memory costs no more than a target.

    Infinite when no batch does. Cards are counted in fractions; whole ones can cost more, by
    less than the price of one card.
    """
    return ceil(
        card_price * weight_bytes / maximum(target_cost * speed * memory - card_price * kv_cache, 0)
    )


@formula(gives="requests_held", source="definition")
def requests_held(cards: Count, memory: Bytes, weight_bytes: Bytes, kv_cache: Bytes) -> Count:
    """Whole requests whose KV cache fits on a number of cards beside the weights.

    The two minus signs turn rounding up into rounding down.
    """
    return maximum(-ceil((weight_bytes - cards * memory) / kv_cache), 0)


@formula(gives="dearest_ratio", source="definition")
def dearest_ratio(
    price_ratio: Ratio, memory_ratio: Ratio, bandwidth_ratio: Ratio, compute_ratio: Ratio
) -> Ratio:
    """Price of a card against another's, for that of three properties of which it buys least."""
    return price_ratio / minimum(memory_ratio, minimum(bandwidth_ratio, compute_ratio))


@dataclass(frozen=True)
class Cluster:
    """The cluster that serves a batch; one number each, or arrays."""

    needed: Bytes
    cards: Count
    price: Dollars
    throughput: TokensPerSecond
    cost: DollarsPerThroughput


def cluster_for(
    batch_size: Count,
    weight_bytes: Bytes,
    kv_cache: Bytes,
    memory: Bytes,
    card_price: Dollars,
    speed: TokensPerSecond,
) -> Cluster:
    """The smallest cluster that serves a batch from its own memory, and what it costs.

    Args:
        batch_size: requests decoded together.
        weight_bytes: memory of the weights.
        kv_cache: KV cache of one request.
        memory: memory of one card.
        card_price: price of one card.
        speed: output speed of every request.
    """
    needed = memory_of_batch(weight_bytes, kv_cache_of_batch(kv_cache, batch_size))
    cards = cards_to_hold(needed, memory)
    price = price_of_cluster(cards, card_price)
    throughput = cluster_throughput(batch_size, speed)
    return Cluster(needed, cards, price, throughput, capital_cost(price, throughput))
