"""A prefix kept as KV cache, and where it is kept: the chapter `prefill_caching`."""

from __future__ import annotations

from inference_economics import catalog, inputs
from inference_economics.catalog import Chip, Model
from inference_economics.catalog.own import is_sram
from inference_economics.choices import in_hbm, keeps_all
from inference_economics.formulas import kv_cache as kv
from inference_economics.formulas import prefill_caching as caching
from inference_economics.formulas.batching import capital_cost, cluster_throughput
from inference_economics.formulas.capacity import cards_to_hold, price_of_cluster, weights
from inference_economics.formulas.prefill_caching import PATHS
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    BytesPerToken,
    Count,
    Dollars,
    DollarsPerThroughput,
    DollarsPerToken,
    Flop,
    Ratio,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.numeric import maximum
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live

LATENT, GROUPED = "deepseek_v3", "llama2_70b"
"""A model with MLA, and one without."""


@worksheet
def conclude(
    model: Model = inputs.model("llama2_70b", *kv.NEEDS, only=keeps_all),
    gpu: Chip = inputs.chip(
        "h100_sxm", "the GPU that prefills, and whose memory holds the prefix",
        "memory", "memory_bandwidth", "fp16_compute",
        only=in_hbm,
    ),
    chips: Count = inputs.given(
        "article.gpu_machine_gpus", "GPUs that share the prefill",
        "One server of the kind that the article compares with.",
        low=1, high=1e5, track=(1, 64), whole=True,
    ),
    utilization: Share = inputs.given(
        0.5, "share of the GPUs' peak fp16 compute that a prefill reaches",
        "An assumption, between two measurements of this model; large batches reach more.",
        source="assumption; NVIDIA TensorRT-LLM performance overviews; pope2022scaling",
        unit="share", low=0.01, high=1.0,
    ),
    prefix_tokens: Tokens = inputs.given(
        "article.prefix_tokens", "tokens of the prefix that is kept",
        "The lower end of what the article has in mind.", low=1, high=1e8, whole=True,
    ),
    bytes_per_element: Bytes = inputs.CACHE_BYTES,
    bytes_per_parameter: Bytes = inputs.MODEL_BYTES,
    input_tokens: Tokens = inputs.given(
        "article.input_tokens", "input tokens of one call",
        "The lower end of what the article names.", low=1, high=1e8, whole=True,
    ),
    output_tokens: Tokens = inputs.given(
        "article.output_tokens", "output tokens of one call",
        "The upper end of what the article names.", low=1, high=1e8, whole=True,
    ),
    input_price: DollarsPerToken = inputs.given(
        "openai_gpt_4_turbo.input_price", "price of input tokens",
        "That of GPT-4 Turbo when the article appeared.",
        source="tokencost, February 2024", low=1e-3, high=1e7,
    ),
    output_price: DollarsPerToken = inputs.given(
        "openai_gpt_4_turbo.output_price", "price of output tokens",
        "That of GPT-4 Turbo when the article appeared.",
        source="tokencost, February 2024", low=1e-3, high=1e7,
    ),
    hit_rate: Share = inputs.HIT_RATE,
    cached_price_ratio: Ratio = inputs.CACHED_PRICE_RATIO,
    chip: Chip = inputs.chip(
        "groq_lpu", "the SRAM chip that holds the weights", "memory", only=is_sram
    ),
    card_price: Dollars = inputs.given(
        "article.groq_card_price", "price of one SRAM card",
        "The article's, by compute and rounded.", low=1e-3, high=1e7,
    ),
    memory_price: Dollars = inputs.given(
        "article.h100_price", "price of one GPU's memory",
        "An upper bound: the article's price of a whole H100.", low=1e-3, high=1e7,
    ),
    speed: TokensPerSecond = inputs.given(
        "article.groq_output_speed", "output speed of each request",
        "The speed that Groq is known for.", low=0.1, high=1e6,
    ),
    batch_size: Count = inputs.BATCH,
    context_length: Tokens = inputs.CONTEXT,
) -> Lines:  # fmt: skip
    """What keeping a prefix saves, what input costs, and what HBM beside SRAM would cost.

    The GPU computes the prefix, holds it, and lends its memory to the hybrid, whose SRAM cards hold
    nothing but weights.
    """
    # how large a prefix is
    kv_bytes_per_token: BytesPerToken = kv.model_kv_bytes_per_token(model, bytes_per_element)
    prefix_bytes: Bytes = kv.kv_cache(kv_bytes_per_token, prefix_tokens)
    tokens_in_hbm: Tokens = caching.tokens_in_memory(gpu.memory, kv_bytes_per_token)
    weight_bytes = weights(kv.name_parameters(model), bytes_per_parameter)
    tokens_beside_weights: Tokens = maximum(
        0.0, caching.tokens_in_memory(chips * gpu.memory - weight_bytes, kv_bytes_per_token)
    )
    other = catalog.model(GROUPED if model.key == LATENT else LATENT)
    other_bytes_per_token = kv.model_kv_bytes_per_token(other, bytes_per_element)
    other_tokens_in_hbm: Tokens = caching.tokens_in_memory(gpu.memory, other_bytes_per_token)

    # load it, or compute it again
    prefill_operations: Flop = caching.model_prefill_operations(model, prefix_tokens)
    recompute_time: Seconds = caching.prefill_time(
        prefill_operations, chips, gpu.fp16_compute, utilization
    )
    load_time: Seconds = caching.load_time(prefix_bytes, gpu.memory_bandwidth)
    load_time_network: Seconds = caching.load_time(prefix_bytes, catalog.value(PATHS["network"]))
    load_time_host: Seconds = caching.load_time(prefix_bytes, catalog.value(PATHS["host memory"]))
    load_time_disk: Seconds = caching.load_time(prefix_bytes, catalog.value(PATHS["disk"]))
    load_speedup: Ratio = recompute_time / load_time
    break_even_bandwidth: BytesPerSecond = caching.break_even_bandwidth(
        prefix_bytes, recompute_time
    )
    latent = catalog.model(LATENT)
    latent_bytes_per_token = kv.model_kv_bytes_per_token(latent, bytes_per_element)
    latent_operations = caching.model_prefill_operations(latent, prefix_tokens)
    latent_time = caching.prefill_time(latent_operations, chips, gpu.fp16_compute, utilization)
    latent_bandwidth: BytesPerSecond = caching.break_even_bandwidth(
        kv.kv_cache(latent_bytes_per_token, prefix_tokens), latent_time
    )

    # what input and output cost
    input_cost: Dollars = caching.cost_of_tokens(input_tokens, input_price)
    output_cost: Dollars = caching.cost_of_tokens(output_tokens, output_price)
    price_ratio: Ratio = input_price / output_price
    input_output_ratio: Ratio = input_cost / output_cost
    break_even_input_tokens: Tokens = caching.break_even_input(
        output_tokens, output_price, input_price
    )
    mean_input_price: DollarsPerToken = caching.mean_input_price(
        input_price, hit_rate, cached_price_ratio
    )
    saved = input_cost - caching.cost_of_tokens(input_tokens, mean_input_price)
    input_saving: Share = saved / input_cost
    call_saving: Share = saved / (input_cost + output_cost)

    # the same for one day of a service
    day_input = catalog.value("deepseek_production.input_tokens")
    day_output = catalog.value("deepseek_production.output_tokens")
    day_hit_rate = catalog.value("deepseek_production.cache_hit_rate")
    day_price = catalog.value("deepseek_r1.input_price")
    day_cached_price = catalog.value("deepseek_r1.cached_input_price")
    day_mean_price = caching.mean_input_price(day_price, day_hit_rate, day_cached_price / day_price)
    day_output_cost = caching.cost_of_tokens(day_output, catalog.value("deepseek_r1.output_price"))
    turbo_price = catalog.value("openai_gpt_4_turbo.input_price")
    turbo_output_price = catalog.value("openai_gpt_4_turbo.output_price")
    day_tokens_ratio: Ratio = day_input / day_output
    day_ratio: Ratio = caching.cost_of_tokens(day_input, day_mean_price) / day_output_cost
    day_ratio_uncached: Ratio = caching.cost_of_tokens(day_input, day_price) / day_output_cost
    day_ratio_at_turbo: Ratio = day_tokens_ratio * turbo_price / turbo_output_price

    # weights in SRAM, KV cache in HBM
    request_cache = kv.kv_cache(kv_bytes_per_token, context_length)
    batch_cache = kv.kv_cache_of_batch(request_cache, batch_size)
    throughput = cluster_throughput(batch_size, speed)
    sram_cards: Count = cards_to_hold(weight_bytes + batch_cache, chip.memory)
    sram_cost: DollarsPerThroughput = capital_cost(
        price_of_cluster(sram_cards, card_price), throughput
    )
    hybrid_cards: Count = cards_to_hold(weight_bytes, chip.memory)
    hybrid_bandwidth: BytesPerSecond = caching.kv_bandwidth(batch_cache, speed)
    hybrid_bandwidth_per_request: BytesPerSecond = caching.kv_bandwidth(request_cache, speed)
    hybrid_bandwidth_per_card: BytesPerSecond = hybrid_bandwidth / hybrid_cards
    hybrid_memories: Count = caching.memories_needed(
        batch_cache, gpu.memory, hybrid_bandwidth, gpu.memory_bandwidth
    )
    hybrid_price: Dollars = caching.hybrid_price(
        hybrid_cards, card_price, hybrid_memories, memory_price
    )
    hybrid_cost: DollarsPerThroughput = capital_cost(hybrid_price, throughput)
    hybrid_saving: DollarsPerThroughput = sram_cost - hybrid_cost
    hbm_cost = catalog.value("h100_sxm.hbm_cost")
    hybrid_cost_at_hbm_cost: DollarsPerThroughput = capital_cost(
        caching.hybrid_price(hybrid_cards, card_price, hybrid_memories, hbm_cost), throughput
    )
    break_even_speed: TokensPerSecond = caching.break_even_speed(
        card_price, chip.memory, memory_price, gpu.memory_bandwidth
    )
    context_at_speed: Tokens = caching.context_at_speed(
        gpu.memory_bandwidth, kv_bytes_per_token, speed
    )
    gpus_to_read_prefix: Ratio = prefix_tokens / context_at_speed
    return locals()


LIVE = Live(
    chapter="prefill_caching",
    title="Loading a prefix and computing it again, against its length",
    description=(
        "Time to compute the KV cache of a prefix again, and to load it from HBM, host "
        "memory and disk, against the length of the prefix."
    ),
    across="prefix_tokens",
    span=(1000.0, 1000000.0),
    across_title="Length of the prefix (tokens)",
    curves=(
        Curve("recompute_time", "compute again", "2"),
        Curve("load_time_disk", "load from disk", "5"),
        Curve("load_time_host", "load from host memory", "4"),
        Curve("load_time", "read from HBM", "3"),
    ),
    unit="s",
    unit_title="Time (s)",
    sliders=("chips", "utilization", "bytes_per_element"),
    choices=("model",),
    sentence=(
        "A prefix of {prefix_tokens} takes {prefix_bytes}. Computing it again takes "
        "{recompute_time}, reading it from HBM {load_time}; they are equal at "
        "{break_even_bandwidth}."
    ),
    constants=("h100_sxm.memory_bandwidth", "h100_sxm.fp16_compute"),
)
