"""Any chips side by side, the reader's own among them: the chapter `comparison`."""

from __future__ import annotations

from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    FlopPerSecond,
    TokensPerSecond,
)
from reckoner.declare.numeric import minimum


@formula(gives="compute_reached", source="austin2025scaling, inference chapter")
def compute_reached(active_parameters: Count, throughput: TokensPerSecond) -> FlopPerSecond:
    """Compute that a card spends on a throughput: two operations a weight and token."""
    return 2 * active_parameters * throughput


@formula(gives="bandwidth_speed", source="austin2025scaling, inference chapter")
def bandwidth_speed(
    cards: Count, memory_bandwidth: BytesPerSecond, needed: Bytes
) -> TokensPerSecond:
    """Output speed of a request when every step reads all weights and all KV caches once."""
    return cards * memory_bandwidth / needed


@formula(gives="compute_speed", source="austin2025scaling, inference chapter")
def compute_speed(
    cards: Count, compute_reached: FlopPerSecond, active_parameters: Count, batch_size: Count
) -> TokensPerSecond:
    """Output speed of a request when a step's time is that of its operations."""
    return cards * compute_reached / (2 * active_parameters * batch_size)


@formula(gives="speed", source="the slowest of three")
def request_speed(
    speed_limit: TokensPerSecond, bandwidth_speed: TokensPerSecond, compute_speed: TokensPerSecond
) -> TokensPerSecond:
    """Output speed of a request: what memory and compute allow, up to a limit."""
    return minimum(speed_limit, minimum(bandwidth_speed, compute_speed))
