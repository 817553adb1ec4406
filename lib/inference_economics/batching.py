"""Dollars per token/s against batch size: the chapter `batching`."""

from __future__ import annotations

from inference_economics.quantities import formula
from inference_economics.units import Count, Dollars, DollarsPerThroughput, TokensPerSecond


@formula(gives="throughput", source="definition")
def cluster_throughput(batch_size: Count, speed: TokensPerSecond) -> TokensPerSecond:
    """Tokens per second of a batch in which every request runs at the same speed."""
    return batch_size * speed


@formula(gives="capital_cost", source="Li 2024, section 'KV cache dilemma'")
def capital_cost(cluster_price: Dollars, throughput: TokensPerSecond) -> DollarsPerThroughput:
    """Price of the hardware for each token per second that it gives."""
    return cluster_price / throughput
