"""Any chips side by side, the reader's own among them: the chapter `comparison`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.formulas.batching import memory_of_batch
from inference_economics.formulas.capacity import (
    weights,
)
from inference_economics.formulas.kv_cache import (
    NEEDS,
    kv_cache_of_batch,
    model_kv_cache,
    name_parameters,
)
from inference_economics.inputs import ARTICLE, BYTES_PER_PARAMETER, model_choice
from inference_economics.machines.datasheet import NUMBERS, SLOTS, STARTING, offer, offered, serve
from inference_economics.units import (
    Bytes,
    Count,
    Dollars,
    DollarsPerThroughput,
    Ratio,
    Tokens,
    TokensPerSecond,
)
from inference_economics.worksheets.kv_cache import BATCH_SIZE, BYTES_PER_ELEMENT, CONTEXT_LENGTH
from reckoner.declare.parameters import Parameter, Parameters
from reckoner.show.live import Curve, Live

OFFERED = offered()


def _choice(slot: int) -> Parameter:
    return Parameter(
        name=f"chip_{slot}",
        default=STARTING[slot],
        unit="name",
        label=f"chip {slot}",
        help="A chip of the catalog, or your own; its numbers can be changed below.",
        source=ARTICLE,
        choices=OFFERED,
        resolve=offer,
        aliases=catalog.chip_aliases(),
    )


def _number(slot: int, quantity: str) -> Parameter:
    unit, label, low, high = NUMBERS[quantity]
    declared = Parameter(
        name=f"{quantity}_{slot}",
        default=low,
        unit=unit,
        label=f"{label}, chip {slot}",
        help="As the catalog or the article has it, unless given.",
        source="the catalog; for Groq's card and the H100, the article",
        low=low,
        high=high,
        follows=(f"chip_{slot}", quantity),
    )
    starting = declared.of(offer(STARTING[slot]))
    assert starting is not None, f"{STARTING[slot]} has no {quantity}"
    return replace(declared, default=starting)


PARAMETERS = Parameters(
    (
        model_choice("llama2_70b", *NEEDS),
        BYTES_PER_PARAMETER,
        BYTES_PER_ELEMENT,
        CONTEXT_LENGTH,
        BATCH_SIZE,
        *(
            declared
            for slot in SLOTS
            for declared in (_choice(slot), *(_number(slot, quantity) for quantity in NUMBERS))
        ),
    )
)


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays."""

    needed: Bytes
    cards_1: Count
    cards_2: Count
    cards_3: Count
    cluster_price_1: Dollars
    cluster_price_2: Dollars
    cluster_price_3: Dollars
    speed_1: TokensPerSecond
    speed_2: TokensPerSecond
    speed_3: TokensPerSecond
    cost_1: DollarsPerThroughput
    cost_2: DollarsPerThroughput
    cost_3: DollarsPerThroughput
    cost_1_to_2: Ratio
    cost_1_to_3: Ratio
    speed_1_to_2: Ratio
    speed_1_to_3: Ratio


def conclude(
    model: Model,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    batch_size: Count,
    chip_1: Chip,
    chip_2: Chip,
    chip_3: Chip,
) -> Conclusions:
    """What a token per second costs on three chips, each holding model and KV cache in its memory.

    Args:
        model: its nominal parameter count is used where it has one, as in the article.
        bytes_per_parameter: bytes a weight takes.
        bytes_per_element: bytes an element of the KV cache takes.
        context_length: tokens for which each request's KV cache has room.
        batch_size: requests decoded together.
        chip_1: as `offer` gives it, with the numbers of this run.
        chip_2: the same.
        chip_3: the same.
    """
    cache = model_kv_cache(model, context_length, bytes_per_element)
    needed = memory_of_batch(
        weights(name_parameters(model), bytes_per_parameter), kv_cache_of_batch(cache, batch_size)
    )
    first, second, third = (
        serve(model, chip, batch_size, needed) for chip in (chip_1, chip_2, chip_3)
    )
    return Conclusions(
        needed=needed,
        cards_1=first.cards,
        cards_2=second.cards,
        cards_3=third.cards,
        cluster_price_1=first.price,
        cluster_price_2=second.price,
        cluster_price_3=third.price,
        speed_1=first.speed,
        speed_2=second.speed,
        speed_3=third.speed,
        cost_1=first.cost,
        cost_2=second.cost,
        cost_3=third.cost,
        cost_1_to_2=first.cost / second.cost,
        cost_1_to_3=first.cost / third.cost,
        speed_1_to_2=first.speed / second.speed,
        speed_1_to_3=first.speed / third.speed,
    )


LIVE = Live(
    chapter="comparison",
    title="What a token per second costs",
    description=(
        "Capital cost per token/s against batch size for three chips, each with as many cards "
        "as hold the model and the KV cache of the batch."
    ),
    across="batch_size",
    span=(1.0, 10000.0),
    across_title="Batch size (requests)",
    curves=(
        Curve("cost_1", "1: {chip_1}", "1"),
        Curve("cost_2", "2: {chip_2}", "2"),
        Curve("cost_3", "3: {chip_3}", "3"),
    ),
    unit="USD/(token/s)",
    unit_title="Capital cost (USD per token/s)",
    sliders=(
        "context_length",
        "bytes_per_parameter",
        "bytes_per_element",
        *(f"{quantity}_{slot}" for slot in SLOTS for quantity in NUMBERS),
    ),
    choices=("model",),
    presets=tuple(f"chip_{slot}" for slot in SLOTS),
    sentence=(
        "Batch {batch_size}: {chip_1} costs {cost_1} on {cards_1} cards. That is {cost_1_to_2} "
        "times {chip_2} with {cost_2} on {cards_2}, and {cost_1_to_3} times {chip_3} with "
        "{cost_3} on {cards_3}. A request advances at {speed_1}, {speed_2} and {speed_3}."
    ),
    constants=(
        *(
            f"{{chip_{slot}}}.{quantity}"
            for slot in SLOTS
            for quantity in ("memory", "memory_bandwidth", "fp16_compute", "price")
        ),
        "article.groq_card_price",
        "article.groq_output_speed",
        "article.h100_price",
        "perplexity_h100.throughput_per_gpu",
    ),
)
