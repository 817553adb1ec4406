"""Dollars per token/s against batch size: the chapter `batching`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference_economics.catalog import Chip, Model
from inference_economics.formulas.batching import (
    PROPERTIES,
    break_even_batch,
    capital_cost,
    cluster_for,
    cluster_throughput,
    cost_limit,
    dearest_ratio,
    memory_of_batch,
    requests_held,
)
from inference_economics.formulas.capacity import cards_to_hold, price_of_cluster, weights
from inference_economics.formulas.kv_cache import (
    NEEDS,
    kv_cache_of_batch,
    model_kv_cache,
    name_parameters,
)
from inference_economics.inputs import (
    ARTICLE,
    BYTES_PER_PARAMETER,
    chip_choice,
    model_choice,
)
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
from reckoner.declare.units import si


def _price(name: str, default: float, label: str, about: str) -> Parameter:
    return Parameter(
        name=name,
        default=default,
        unit="USD",
        label=label,
        help=about,
        source=ARTICLE,
        low=1.0,
        high=1e7,
    )


def _speed(name: str, default: float, label: str, about: str) -> Parameter:
    return Parameter(
        name=name,
        default=default,
        unit="token/s",
        label=label,
        help=about,
        source=ARTICLE,
        low=0.1,
        high=1e6,
    )


PARAMETERS = Parameters(
    (
        model_choice("llama2_70b", *NEEDS),
        chip_choice("chip", "groq_lpu", "the chip of the cluster", "memory"),
        chip_choice("gpu", "h100_96gb", "the GPU to compare with", *PROPERTIES),
        chip_choice("consumer", "rtx_4090", "the consumer card", *PROPERTIES, "price"),
        BYTES_PER_PARAMETER,
        BYTES_PER_ELEMENT,
        CONTEXT_LENGTH,
        BATCH_SIZE,
        _price("card_price", 6000.0, "price of one SRAM card", "The article's rounded estimate."),
        _speed(
            "speed",
            500.0,
            "output speed of every request on the cluster",
            "The article keeps it for every batch size.",
        ),
        _price("gpu_price", 30000.0, "price of one GPU", "The article's price of an H100."),
        _speed(
            "gpu_throughput",
            425.0,
            "throughput of one GPU",
            "Read by the article from a chart of Perplexity's: eight H100s at the same batch size.",
        ),
        Parameter(
            name="cluster_cards",
            default=1000,
            unit="count",
            label="cards of the cluster called cost-effective",
            help="The article's choice; it follows from nothing else.",
            source=ARTICLE,
            low=1,
            high=1e7,
        ),
        Parameter(
            name="consumer_share",
            default=0.5,
            unit="ratio",
            label="cost of consumer cards as a share of the GPU's, at most",
            help="The article's bound for a cluster of RTX 4090.",
            source=ARTICLE,
            low=0.001,
            high=10.0,
        ),
    )
)


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays.

    `misread_kv_cache` takes the KV cache's binary gigabytes for decimal ones, as the article does;
    the fields that end in `_gib` follow from it.
    """

    weights: Bytes
    weight_cards: Count
    batch1_price: Dollars
    batch1_cost: DollarsPerThroughput
    gpu_cost: DollarsPerThroughput
    batch1_ratio: Ratio
    kv_cache: Bytes
    misread_kv_cache: Bytes
    kv_cache_batch: Bytes
    needed: Bytes
    cards: Count
    cluster_price: Dollars
    price_growth: Ratio
    throughput: TokensPerSecond
    cost: DollarsPerThroughput
    cost_ratio: Ratio
    cards_per_request: Count
    price_per_request: Dollars
    floor: DollarsPerThroughput
    cost_limit: DollarsPerThroughput
    cost_limit_gib: DollarsPerThroughput
    floor_breaking_batch: Count
    floor_breaking_batch_gib: Count
    consumer_ratio: Ratio
    consumer_cost: DollarsPerThroughput
    consumer_batch: Count
    effective_cards: Count
    effective_price: Dollars
    effective_batch: Count
    effective_cost: DollarsPerThroughput
    parity_batch: Count
    parity_cards: Count


def conclude(
    model: Model,
    chip: Chip,
    gpu: Chip,
    consumer: Chip,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    batch_size: Count,
    card_price: Dollars,
    speed: TokensPerSecond,
    gpu_price: Dollars,
    gpu_throughput: TokensPerSecond,
    cluster_cards: Count,
    consumer_share: Ratio,
) -> Conclusions:
    """What a token per second costs on a cluster of SRAM cards, and on GPUs.

    Args:
        model: its nominal parameter count is used where it has one, as in the article.
        chip: the chip that holds weights and KV cache in its own memory.
        gpu: the chip it is compared with.
        consumer: the consumer card, compared with `gpu` by what its price buys.
        bytes_per_parameter: bytes a weight takes.
        bytes_per_element: bytes an element of the KV cache takes.
        context_length: tokens for which each request's KV cache has room.
        batch_size: requests decoded together.
        card_price: price of one card with `chip`.
        speed: output speed of every request on the cluster.
        gpu_price: price of one GPU.
        gpu_throughput: measured throughput of one GPU.
        cluster_cards: cards of a cluster whose batch fills its memory.
        consumer_share: cost of consumer cards as a share of the GPU's, at most.
    """
    weight_bytes = weights(name_parameters(model), bytes_per_parameter)
    cache = model_kv_cache(model, context_length, bytes_per_element)
    misread_cache = cache / si(1.0, "GiB") * si(1.0, "GB")
    cluster = cluster_for(batch_size, weight_bytes, cache, chip.memory, card_price, speed)

    weight_cards = cards_to_hold(weight_bytes, chip.memory)
    batch1_price = price_of_cluster(weight_cards, card_price)
    batch1_cost = capital_cost(batch1_price, cluster_throughput(1, speed))
    gpu_cost = capital_cost(gpu_price, gpu_throughput)
    consumer_cost = consumer_share * gpu_cost

    request_cards = cards_to_hold(cache, chip.memory)
    request_price = price_of_cluster(request_cards, card_price)
    floor = capital_cost(request_price, cluster_throughput(1, speed))

    def batch_that_costs(target_cost: DollarsPerThroughput, kv_cache: Bytes) -> Count:
        return break_even_batch(card_price, weight_bytes, target_cost, speed, chip.memory, kv_cache)

    with np.errstate(divide="ignore", invalid="ignore"):
        parity_batch = batch_that_costs(gpu_cost, cache)
        consumer_batch = batch_that_costs(consumer_cost, cache)
        floor_breaking_batch = batch_that_costs(floor, cache)
        floor_breaking_batch_gib = batch_that_costs(floor, misread_cache)
        effective_price = price_of_cluster(cluster_cards, card_price)
        effective_batch = requests_held(cluster_cards, chip.memory, weight_bytes, cache)
        effective_cost = capital_cost(effective_price, cluster_throughput(effective_batch, speed))

    return Conclusions(
        weights=weight_bytes,
        weight_cards=weight_cards,
        batch1_price=batch1_price,
        batch1_cost=batch1_cost,
        gpu_cost=gpu_cost,
        batch1_ratio=batch1_cost / gpu_cost,
        kv_cache=cache,
        misread_kv_cache=misread_cache,
        kv_cache_batch=kv_cache_of_batch(cache, batch_size),
        needed=cluster.needed,
        cards=cluster.cards,
        cluster_price=cluster.price,
        price_growth=cluster.price / batch1_price,
        throughput=cluster.throughput,
        cost=cluster.cost,
        cost_ratio=cluster.cost / gpu_cost,
        cards_per_request=request_cards,
        price_per_request=request_price,
        floor=floor,
        cost_limit=cost_limit(card_price, cache, chip.memory, speed),
        cost_limit_gib=cost_limit(card_price, misread_cache, chip.memory, speed),
        floor_breaking_batch=floor_breaking_batch,
        floor_breaking_batch_gib=floor_breaking_batch_gib,
        consumer_ratio=dearest_ratio(
            consumer.price / gpu_price,
            consumer.memory / gpu.memory,
            consumer.memory_bandwidth / gpu.memory_bandwidth,
            consumer.fp16_compute / gpu.fp16_compute,
        ),
        consumer_cost=consumer_cost,
        consumer_batch=consumer_batch,
        effective_cards=cluster_cards,
        effective_price=effective_price,
        effective_batch=effective_batch,
        effective_cost=effective_cost,
        parity_batch=parity_batch,
        parity_cards=cards_to_hold(
            memory_of_batch(weight_bytes, kv_cache_of_batch(cache, parity_batch)), chip.memory
        ),
    )
