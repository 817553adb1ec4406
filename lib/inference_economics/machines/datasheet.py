"""Chips side by side by their datasheets, and the smallest cluster of each for a batch."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.catalog.own import is_sram
from inference_economics.formulas.batching import capital_cost, cluster_throughput
from inference_economics.formulas.capacity import (
    cards_to_hold,
    price_by_compute,
    price_of_cluster,
)
from inference_economics.formulas.comparison import (
    bandwidth_speed,
    compute_reached,
    compute_speed,
    request_speed,
)
from inference_economics.formulas.prefill_caching import active_parameters
from inference_economics.units import (
    Bytes,
    Count,
    Dollars,
    DollarsPerThroughput,
    TokensPerSecond,
)

OWN = "own"
"""The choice that stands for a chip whose numbers the reader types in."""

FASTEST = 100_000.0
"""Upper bound of a speed limit, in token/s; it stands for none, as memory or compute then binds."""


def peak(key: str) -> str | None:
    """The quantity that holds a chip's peak compute: at fp16, else at fp8, if one is known."""
    known = (name for name in ("fp16_compute", "fp8_compute") if catalog.chip(key).has(name))
    return next(known, None)


def offer(key: str) -> Chip:
    """A chip as it is offered here: with a price, a speed limit and the compute that it reaches.

    Price: the article's, else the catalog's, else by compute as the article prices Groq's card.
    Compute: an SRAM chip's peak; of a GPU the share of its peak that gives the article's
    throughput on an H100.
    """
    if key == OWN:
        return Chip(OWN, "your own chip", {})
    chip, reference = catalog.chip(key), catalog.chip("h100_sxm")
    compute = peak(key)
    assert compute is not None, f"{key} has no peak compute"
    reached = compute_reached(
        catalog.model("llama2_70b").nominal_parameters,
        catalog.value("perplexity_h100.throughput_per_gpu"),
    )
    share = 1.0 if is_sram(key) else reached / reference.fp16_compute
    by_compute = price_by_compute(
        catalog.value("article.h100_price"), chip.values[compute], reference.values[compute]
    )
    offered = {
        "price": chip.values.get("price", by_compute),
        "compute_reached": share * chip.values[compute],
        "speed_limit": FASTEST,
    }
    if key == "groq_lpu":
        offered["price"] = catalog.value("article.groq_card_price")
        offered["speed_limit"] = catalog.value("article.groq_output_speed")
    return Chip(key, chip.name, {**chip.values, **offered})


SLOTS = (1, 2, 3)


def offered() -> tuple[str, ...]:
    """The chips that can be chosen: those with a known peak, and one's own."""
    return (*filter(peak, catalog.chips("memory", "memory_bandwidth")), OWN)


STARTING = {1: "groq_lpu", 2: "h100_96gb", 3: "rtx_4090"}

NUMBERS = {
    "memory": ("GB", "memory of one card", 1e-3, 1e5),
    "memory_bandwidth": ("TB/s", "memory bandwidth of one card", 1e-3, 1e5),
    "compute_reached": ("TFLOP/s", "compute that one card reaches", 1e-2, 1e6),
    "price": ("USD", "price of one card", 1.0, 1e7),
    "speed_limit": ("token/s", "output speed of a request, at most", 0.1, FASTEST),
}


@dataclass(frozen=True)
class Served:
    """The smallest cluster of one chip that serves a batch; one number each, or arrays."""

    cards: Count
    price: Dollars
    bandwidth_speed: TokensPerSecond
    compute_speed: TokensPerSecond
    speed: TokensPerSecond
    cost: DollarsPerThroughput


def serve(model: Model, chip: Chip, batch_size: Count, needed: Bytes) -> Served:
    """The smallest cluster of one chip that serves a batch, how fast, and what it costs.

    Args:
        model: tells how many weights a token uses.
        chip: has memory, memory_bandwidth, compute_reached, price and speed_limit.
        batch_size: requests decoded together.
        needed: memory of the weights and of the batch's KV cache.
    """
    cards = cards_to_hold(needed, chip.memory)
    by_bandwidth = bandwidth_speed(cards, chip.memory_bandwidth, needed)
    by_compute = compute_speed(cards, chip.compute_reached, active_parameters(model), batch_size)
    speed = request_speed(chip.speed_limit, by_bandwidth, by_compute)
    price = price_of_cluster(cards, chip.price)
    cost = capital_cost(price, cluster_throughput(batch_size, speed))
    return Served(cards, price, by_bandwidth, by_compute, speed, cost)
