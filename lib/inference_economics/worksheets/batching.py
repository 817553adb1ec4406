"""What a token per second costs on a cluster of SRAM cards, and on GPUs: the chapter `batching`."""

from __future__ import annotations

from inference_economics import inputs
from inference_economics.catalog import Chip, Model, value
from inference_economics.formulas import batching, capacity
from inference_economics.formulas import kv_cache as cache_of
from inference_economics.formulas.comparison import bandwidth_speed
from inference_economics.formulas.occupancy import compute_for
from inference_economics.units import (
    Bytes,
    Count,
    Dollars,
    DollarsPerThroughput,
    Ratio,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.numeric import maximum
from reckoner.declare.units import si
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live


@worksheet
def conclude(
    model: Model = inputs.model("llama2_70b", *cache_of.NEEDS),
    chip: Chip = inputs.chip("groq_lpu", "the chip of the cluster", "memory"),
    gpu: Chip = inputs.chip("h100_96gb", "the GPU to compare with", *inputs.PROPERTIES),
    consumer: Chip = inputs.chip("rtx_4090", "the consumer card", *inputs.PROPERTIES, "price"),
    bytes_per_parameter: Bytes = inputs.MODEL_BYTES,
    bytes_per_element: Bytes = inputs.CACHE_BYTES,
    context_length: Tokens = inputs.CONTEXT,
    batch_size: Count = inputs.BATCH,
    card_price: Dollars = inputs.CARD_PRICE,
    speed: TokensPerSecond = inputs.SPEED,
    gpu_price: Dollars = inputs.GPU_PRICE,
    gpu_throughput: TokensPerSecond = inputs.GPU_THROUGHPUT,
    cluster_cards: Count = inputs.given(
        "article.cluster_cards",
        "cards of the cluster called cost-effective",
        "The article's choice; it follows from nothing else.",
        low=1,
        high=1e7,
        whole=True,
    ),
    consumer_share: Ratio = inputs.given(
        "article.consumer_cost_share",
        "cost of consumer cards as a share of the GPU's, at most",
        "The article's bound for a cluster of RTX 4090.",
        low=0.001,
        high=10.0,
    ),
) -> Lines:
    """What a token per second costs on a cluster of SRAM cards, and on GPUs.

    `misread_kv_cache` takes the KV cache's binary gigabytes for decimal ones, as the article does;
    the results that end in `_gib` follow from it.
    """
    # one request
    weights: Bytes = capacity.weights(cache_of.name_parameters(model), bytes_per_parameter)
    weight_cards: Count = capacity.cards_to_hold(weights, chip.memory)
    batch1_price: Dollars = capacity.price_of_cluster(weight_cards, card_price)
    batch1_throughput = batching.cluster_throughput(1, speed)
    batch1_cost: DollarsPerThroughput = batching.capital_cost(batch1_price, batch1_throughput)
    gpu_cost: DollarsPerThroughput = batching.capital_cost(gpu_price, gpu_throughput)
    batch1_ratio: Ratio = batch1_cost / gpu_cost
    gpu_batch: Count = value("article.batch_size")
    gpu_machine: Count = value("article.gpu_machine_gpus")
    gpu_request_speed: TokensPerSecond = gpu_throughput * gpu_machine / gpu_batch
    cluster_vs_gpu: Ratio = batch1_throughput / gpu_throughput
    machine_ratio: Ratio = batch1_price / value("article.h100_machine_price")
    machine_gpus_price: Dollars = value("article.gpu_machine_gpus") * gpu_price

    # the batch
    kv_cache: Bytes = cache_of.model_kv_cache(model, context_length, bytes_per_element)
    misread_kv_cache: Bytes = kv_cache / si(1.0, "GiB") * si(1.0, "GB")
    kv_cache_batch: Bytes = cache_of.kv_cache_of_batch(kv_cache, batch_size)
    needed: Bytes = batching.memory_of_batch(weights, kv_cache_batch)
    cards: Count = capacity.cards_to_hold(needed, chip.memory)
    cluster_price: Dollars = capacity.price_of_cluster(cards, card_price)
    price_growth: Ratio = cluster_price / batch1_price
    throughput: TokensPerSecond = batching.cluster_throughput(batch_size, speed)
    cost: DollarsPerThroughput = batching.capital_cost(cluster_price, throughput)
    cost_ratio: Ratio = cost / gpu_cost

    # one request on each machine, its cache counted; the GPU by its bandwidth alone
    alone_needed: Bytes = batching.memory_of_batch(weights, kv_cache)
    alone_cards: Count = capacity.cards_to_hold(alone_needed, chip.memory)
    alone_price: Dollars = capacity.price_of_cluster(alone_cards, card_price)
    alone_cost: DollarsPerThroughput = batching.capital_cost(alone_price, batch1_throughput)
    alone_gpus: Count = capacity.cards_to_hold(alone_needed, gpu.memory)
    alone_gpu_price: Dollars = capacity.price_of_cluster(alone_gpus, gpu_price)
    alone_gpu_speed: TokensPerSecond = bandwidth_speed(
        alone_gpus, gpu.memory_bandwidth, alone_needed
    )
    alone_gpu_cost: DollarsPerThroughput = batching.capital_cost(alone_gpu_price, alone_gpu_speed)
    alone_ratio: Ratio = alone_cost / alone_gpu_cost
    cost_drop: Ratio = alone_cost / cost
    # what the comparison leaves out: other limits than memory, other speeds
    requests_beside_weights: Count = batching.requests_held(
        weight_cards, chip.memory, weights, kv_cache
    )
    memory_vs_other_limits: Ratio | None = (
        cards
        / maximum(
            throughput * weights / chip.memory_bandwidth,
            compute_for(cache_of.name_parameters(model), throughput) / chip.fp16_compute,
        )
        if chip.has("memory_bandwidth") and chip.has("fp16_compute")
        else None
    )
    speed_vs_gpus: Ratio = value("llmperf_groq.output_speed") / value(
        "inferencemax_8xh100_llama31_70b.output_speed"
    )

    # the floor, and what is below it
    cards_filled: Ratio = kv_cache / chip.memory
    cards_per_request: Count = capacity.cards_to_hold(kv_cache, chip.memory)
    price_per_request: Dollars = capacity.price_of_cluster(cards_per_request, card_price)
    floor: DollarsPerThroughput = batching.capital_cost(price_per_request, batch1_throughput)
    cost_limit: DollarsPerThroughput = batching.cost_limit(card_price, kv_cache, chip.memory, speed)
    cost_limit_gib: DollarsPerThroughput = batching.cost_limit(
        card_price, misread_kv_cache, chip.memory, speed
    )

    def batch_at(target: DollarsPerThroughput, cache: Bytes) -> Count:
        return batching.break_even_batch(card_price, weights, target, speed, chip.memory, cache)

    floor_breaking_batch: Count = batch_at(floor, kv_cache)
    floor_breaking_batch_gib: Count = batch_at(floor, misread_kv_cache)

    # the consumer card
    price_ratio = consumer.price / gpu_price
    memory_ratio = consumer.memory / gpu.memory
    bandwidth_ratio = consumer.memory_bandwidth / gpu.memory_bandwidth
    compute_ratio = consumer.fp16_compute / gpu.fp16_compute
    consumer_ratio: Ratio = batching.dearest_ratio(
        price_ratio, memory_ratio, bandwidth_ratio, compute_ratio
    )
    consumer_cost: DollarsPerThroughput = consumer_share * gpu_cost
    consumer_batch: Count = batch_at(consumer_cost, kv_cache)
    consumer_dearest_cost: DollarsPerThroughput = consumer_ratio * gpu_cost
    consumer_dearest_batch: Count = batch_at(consumer_dearest_cost, kv_cache)
    limit_vs_gpu: Ratio = cost_limit / gpu_cost
    limit_vs_consumer: Ratio = limit_vs_gpu / consumer_ratio

    # a cluster of a given size, and parity
    effective_cards: Count = cluster_cards
    effective_price: Dollars = capacity.price_of_cluster(cluster_cards, card_price)
    effective_batch: Count = batching.requests_held(cluster_cards, chip.memory, weights, kv_cache)
    effective_throughput = batching.cluster_throughput(effective_batch, speed)
    effective_cost: DollarsPerThroughput = batching.capital_cost(
        effective_price, effective_throughput
    )
    parity_batch: Count = batch_at(gpu_cost, kv_cache)
    parity_needed = batching.memory_of_batch(
        weights, cache_of.kv_cache_of_batch(kv_cache, parity_batch)
    )
    parity_cards: Count = capacity.cards_to_hold(parity_needed, chip.memory)

    # published speeds of one request of LLaMA-2 70B
    mlperf_speed: TokensPerSecond = 1 / value("mlperf_v4_0_dgx_h100_server.time_per_output_token")
    own_speed_ratio: Ratio = value("groq_llama2_70b.output_speed") / mlperf_speed
    return locals()


LIVE = Live(
    chapter="batching",
    title="Capital cost against batch size",
    description=(
        "Capital cost per token/s of the SRAM cluster falls with the batch size towards "
        "the cost of the KV cache alone; the article's one figure for the GPU, at one batch, and "
        "its bound for consumer cards are level lines."
    ),
    across="batch_size",
    span=(1.0, 10000.0),
    across_title="Batch size (requests)",
    curves=(
        Curve("cost", "SRAM cluster", "1"),
        Curve("gpu_cost", "GPU, the article's one figure", "2"),
        Curve("consumer_cost", "consumer card, the article's bound", "3"),
    ),
    unit="USD/(token/s)",
    unit_title="Capital cost (USD per token/s)",
    sliders=(
        *("context_length", "bytes_per_parameter", "bytes_per_element"),
        *("card_price", "speed", "gpu_price", "gpu_throughput"),
    ),
    choices=("model",),
    sentence=(
        "At batch {batch_size} the cluster has {cards cards} and costs {cost}. That is "
        "{cost_ratio:times as much as|times cheaper than} the GPU at {gpu_cost}."
    ),
    constants=(
        "groq_lpu.memory",
        "article.groq_card_price",
        "article.groq_output_speed",
        "h100_sxm.price",
        "perplexity_h100.throughput_per_gpu",
    ),
)
