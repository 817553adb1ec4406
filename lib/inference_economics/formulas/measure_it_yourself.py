"""A step by a machine's own kernels, and many cores against one: `measure_it_yourself`."""

from __future__ import annotations

from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    FlopPerSecond,
    Ratio,
    Seconds,
    TokensPerSecond,
)
from reckoner.declare.numeric import maximum


@formula(gives="roofline_time", source="williams2009roofline; austin2025scaling, inference chapter")
def roofline_step(
    weight_bytes: Bytes,
    read_bandwidth: BytesPerSecond,
    batch_size: Count,
    parameters: Count,
    product_rate: FlopPerSecond,
    kv_cache_batch: Bytes,
) -> Seconds:
    """Time of a decoding step: weights are read while they are multiplied, caches read besides."""
    return (
        maximum(weight_bytes / read_bandwidth, 2 * batch_size * parameters / product_rate)
        + kv_cache_batch / read_bandwidth
    )


@formula(gives="whole_step", source="follows: each layer takes as long as the others")
def whole_step(timed_step: Seconds, layers: Count, timed_layers: Count) -> Seconds:
    """Time of a step through all layers of a model, of which some were timed."""
    return timed_step * layers / timed_layers


@formula(gives="card_throughput", source="definition")
def throughput_of_card(batch_size: Count, whole_step: Seconds, cards: Count) -> TokensPerSecond:
    """Output tokens per second of each of the cards that share a model, without its exchanges."""
    return batch_size / (whole_step * cards)


@formula(gives="speed_up", source="definition")
def speed_up(rate_together: BytesPerSecond, rate_alone: BytesPerSecond) -> Ratio:
    """How many times as fast several read as one."""
    return rate_together / rate_alone
