"""Chips as they are offered side by side: their datasheets, a price and the compute reached."""

from __future__ import annotations

import numpy as np

from inference_economics import catalog
from inference_economics.catalog import Chip
from inference_economics.catalog.own import is_sram
from inference_economics.formulas import comparison
from inference_economics.formulas.capacity import price_by_compute
from inference_economics.units import FlopPerSecond

OWN = "own"
"""The choice that stands for a chip whose numbers the reader types in."""

GROQ, REFERENCE = "groq_lpu", "h100_sxm"
"""The chip whose price and speed the article gives, and the GPU by which others are priced."""

SPEED_GIVEN = (GROQ, REFERENCE, "h100_96gb")
"""The chips whose speed the article gives; that of others is taken from them."""

FASTEST = 100_000.0
"""Upper bound of a speed limit, in token/s; it stands for none, as memory or compute then binds."""


def peak(key: str) -> str | None:
    """The quantity that holds a chip's peak compute: at fp16, else at fp8, if one is known."""
    known = (name for name in ("fp16_compute", "fp8_compute") if catalog.chip(key).has(name))
    return next(known, None)


def reached_on_h100() -> FlopPerSecond:
    """Compute that the article's throughput takes of an H100."""
    return comparison.compute_reached(
        catalog.model("llama2_70b").nominal_parameters,
        catalog.value("perplexity_h100.throughput_per_gpu"),
    )


def price_seen(key: str) -> float | None:
    """The price of a chip that a source gives, or the middle between two."""
    chip = catalog.chip(key)
    seen = ("price",) if chip.has("price") else ("price_low", "price_high")
    return float(np.mean([chip.values[name] for name in seen])) if chip.has(*seen) else None


def assumed(key: str) -> str:
    """What of a chip's numbers no source gives: a reader must see it wherever the chip stands."""
    price = not (key == GROQ or price_seen(key))
    speed = key not in SPEED_GIVEN
    return " and ".join(name for name, so in (("price", price), ("speed", speed)) if so)


def offer(key: str) -> Chip:
    """A chip as it is offered here: with a price, a speed limit and the compute that it reaches.

    Its name says which of them is assumed.
    """
    if key == OWN:
        return Chip(OWN, "your own chip", {})
    chip = catalog.chip(key)
    numbers = {name: number(key, name) for name in ("price", "compute_reached", "speed_limit")}
    name = f"{chip.name} ({what} assumed)" if (what := assumed(key)) else chip.name
    return Chip(key, name, {**chip.values, **numbers})


def number(key: str, quantity: str) -> float:
    """One of the numbers with which a chip of the catalog is offered.

    Price: the article's, else the catalog's or the middle of its two, else by compute as the
    article prices Groq's card.
    Compute: an SRAM chip's peak; of a GPU the share of its peak that gives the article's
    throughput on an H100. Speed limit: the article's for Groq's card, else none.
    """
    chip, compute = catalog.chip(key), peak(key)
    assert compute is not None, f"{key} has no peak compute"
    found: float
    if quantity == "speed_limit":
        found = catalog.value("article.groq_output_speed") if key == GROQ else FASTEST
    elif quantity == "price" and key == GROQ:
        found = catalog.value("article.groq_card_price")
    elif quantity == "price" and (seen := price_seen(key)):
        found = seen
    elif quantity == "price":
        reference = catalog.chip(REFERENCE).values[compute]
        price = catalog.value("article.h100_price")
        found = price_by_compute(price, chip.values[compute], reference)
    elif quantity == "compute_reached":
        share = 1.0 if is_sram(key) else reached_on_h100() / catalog.chip(REFERENCE).fp16_compute
        found = share * chip.values[compute]
    else:
        found = chip.values[quantity]
    return found


def offered() -> tuple[str, ...]:
    """The chips that can be chosen: those with a known peak, and one's own."""
    return (*filter(peak, catalog.chips("memory", "memory_bandwidth")), OWN)


NUMBERS = {
    "memory": ("GB", "memory of one card", 1e-3, 1e5, (0.1, 1000.0)),
    "memory_bandwidth": ("TB/s", "memory bandwidth of one card", 1e-3, 1e5, (0.1, 200.0)),
    "compute_reached": ("TFLOP/s", "compute that one card reaches", 1e-2, 1e6, (1.0, 10_000.0)),
    "price": ("USD", "price of one card", 1.0, 1e7, (100.0, 200_000.0)),
    "speed_limit": ("token/s", "output speed of a request, at most", 0.1, FASTEST, (1.0, FASTEST)),
}
