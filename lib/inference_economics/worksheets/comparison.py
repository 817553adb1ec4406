"""Any chips side by side, the reader's own among them: the chapter `comparison`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from inference_economics import catalog, inputs
from inference_economics.catalog import Chip, Model
from inference_economics.formulas import comparison as limit_of
from inference_economics.formulas.batching import capital_cost, cluster_throughput, memory_of_batch
from inference_economics.formulas.capacity import cards_to_hold, price_of_cluster
from inference_economics.formulas.capacity import weights as weights_of
from inference_economics.formulas.kv_cache import (
    NEEDS,
    kv_cache_of_batch,
    model_kv_cache,
    name_parameters,
)
from inference_economics.formulas.prefill_caching import active_parameters
from inference_economics.machines import datasheet
from inference_economics.units import (
    Bytes,
    Count,
    Dollars,
    DollarsPerThroughput,
    Ratio,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.parameters import Parameter
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live

SLOTS = (1, 2, 3)


def offered(default: str) -> Any:
    """One of the chips side by side, with the numbers that follow the choice."""

    def declared(name: str) -> Parameter:
        choice = Parameter(
            name=name,
            default=default,
            unit="name",
            label=name.replace("_", " "),
            help="A chip of the catalog, or your own; its numbers can be changed below.",
            source=inputs.ARTICLE,
            choices=datasheet.offered(),
            resolve=datasheet.offer,
            aliases=catalog.chip_aliases(),
        )
        return replace(choice, numbers=tuple(_number(choice, q) for q in datasheet.NUMBERS))

    return declared


def _number(choice: Parameter, quantity: str) -> Parameter:
    unit, label, low, high, track = datasheet.NUMBERS[quantity]
    declared = Parameter(
        name=choice.name.replace("chip", quantity),
        default=low,
        unit=unit,
        label=f"{label}, {choice.label}",
        help="As the catalog or the article has it, unless given.",
        source="the catalog; for Groq's card and the H100, the article",
        low=low,
        high=high,
        track=track,
        follows=(choice.name, quantity),
        compute=lambda: datasheet.number(str(choice.default), quantity),
    )
    starting = declared.of(choice.base(choice.default))
    assert starting is not None, f"{choice.default} has no {quantity}"
    return replace(declared, default=starting)


GROQ, H100, RTX_4090 = map(offered, ("groq_lpu", "h100_96gb", "rtx_4090"))


@worksheet
def conclude(
    model: Model = inputs.model("llama2_70b", *NEEDS),
    bytes_per_parameter: Bytes = inputs.MODEL_BYTES,
    bytes_per_element: Bytes = inputs.CACHE_BYTES,
    context_length: Tokens = inputs.CONTEXT,
    batch_size: Count = inputs.BATCH,
    chip_1: Chip = GROQ,
    chip_2: Chip = H100,
    chip_3: Chip = RTX_4090,
) -> Lines:
    """What a token per second costs on three chips, each holding model and KV cache in its memory.

    The chips are as `datasheet.offer` gives them, with the numbers of this run.
    """
    weights = weights_of(name_parameters(model), bytes_per_parameter)
    kv_cache = model_kv_cache(model, context_length, bytes_per_element)
    needed: Bytes = memory_of_batch(weights, kv_cache_of_batch(kv_cache, batch_size))

    # the smallest cluster of each chip
    cards_1: Count = cards_to_hold(needed, chip_1.memory)
    cards_2: Count = cards_to_hold(needed, chip_2.memory)
    cards_3: Count = cards_to_hold(needed, chip_3.memory)
    cluster_price_1: Dollars = price_of_cluster(cards_1, chip_1.price)
    cluster_price_2: Dollars = price_of_cluster(cards_2, chip_2.price)
    cluster_price_3: Dollars = price_of_cluster(cards_3, chip_3.price)

    # the lowest of three limits is the speed of a request
    bandwidth_speed_1 = limit_of.bandwidth_speed(cards_1, chip_1.memory_bandwidth, needed)
    bandwidth_speed_2 = limit_of.bandwidth_speed(cards_2, chip_2.memory_bandwidth, needed)
    bandwidth_speed_3 = limit_of.bandwidth_speed(cards_3, chip_3.memory_bandwidth, needed)
    active = active_parameters(model)
    compute_speed_1 = limit_of.compute_speed(cards_1, chip_1.compute_reached, active, batch_size)
    compute_speed_2 = limit_of.compute_speed(cards_2, chip_2.compute_reached, active, batch_size)
    compute_speed_3 = limit_of.compute_speed(cards_3, chip_3.compute_reached, active, batch_size)
    speed_1: TokensPerSecond = limit_of.request_speed(
        chip_1.speed_limit, bandwidth_speed_1, compute_speed_1
    )
    speed_2: TokensPerSecond = limit_of.request_speed(
        chip_2.speed_limit, bandwidth_speed_2, compute_speed_2
    )
    speed_3: TokensPerSecond = limit_of.request_speed(
        chip_3.speed_limit, bandwidth_speed_3, compute_speed_3
    )

    # what it costs
    throughput_1 = cluster_throughput(batch_size, speed_1)
    throughput_2 = cluster_throughput(batch_size, speed_2)
    throughput_3 = cluster_throughput(batch_size, speed_3)
    cost_1: DollarsPerThroughput = capital_cost(cluster_price_1, throughput_1)
    cost_2: DollarsPerThroughput = capital_cost(cluster_price_2, throughput_2)
    cost_3: DollarsPerThroughput = capital_cost(cluster_price_3, throughput_3)
    cost_1_to_2: Ratio = cost_1 / cost_2
    cost_1_to_3: Ratio = cost_1 / cost_3
    speed_1_to_2: Ratio = speed_1 / speed_2
    speed_1_to_3: Ratio = speed_1 / speed_3

    # the share of its peak that a GPU is taken to reach
    compute_reached = datasheet.reached_on_h100()
    reached_share = compute_reached / catalog.chip("h100_sxm").fp16_compute
    return locals()


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
        *(f"{quantity}_{slot}" for slot in SLOTS for quantity in datasheet.NUMBERS),
    ),
    choices=("model",),
    presets=tuple(f"chip_{slot}" for slot in SLOTS),
    sentence=(
        "Batch {batch_size}: {chip_1} costs {cost_1} on {cards_1 cards}. That is "
        "{cost_1_to_2:times as much as|times cheaper than} {chip_2} with {cost_2} on {cards_2}, "
        "and {cost_1_to_3:times as much as|times cheaper than} {chip_3} with {cost_3} on "
        "{cards_3}. A request advances at {speed_1}, {speed_2} and {speed_3}."
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
