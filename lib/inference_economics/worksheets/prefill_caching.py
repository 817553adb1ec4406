"""A prefix kept as KV cache, and where it is kept: the chapter `prefill_caching`."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog
from inference_economics.catalog import Chip, Model, own
from inference_economics.catalog.own import is_sram
from inference_economics.formulas.batching import capital_cost, cluster_throughput
from inference_economics.formulas.capacity import cards_to_hold, price_of_cluster, weights
from inference_economics.formulas.kv_cache import (
    NEEDS,
    kv_cache,
    kv_cache_of_batch,
    model_kv_bytes_per_token,
    name_parameters,
)
from inference_economics.formulas.prefill_caching import (
    PATHS,
    break_even_bandwidth,
    break_even_input,
    break_even_speed,
    context_at_speed,
    cost_of_tokens,
    hybrid_price,
    kv_bandwidth,
    load_time,
    mean_input_price,
    memories_needed,
    model_prefill_operations,
    prefill_time,
    tokens_in_memory,
)
from inference_economics.inputs import (
    ARTICLE,
    BYTES_PER_PARAMETER,
    among,
    chip_choice,
    model_choice,
)
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
from inference_economics.worksheets.kv_cache import BATCH_SIZE, BYTES_PER_ELEMENT, CONTEXT_LENGTH
from reckoner.declare.numeric import maximum
from reckoner.declare.parameters import Parameter, Parameters


def _tokens(name: str, default: int, label: str, help: str, source: str = ARTICLE) -> Parameter:
    return Parameter(name, default, "token", label, help, source, low=1, high=1e8)


def _price(name: str, default: float, unit: str, label: str, help: str, source: str) -> Parameter:
    return Parameter(name, default, unit, label, help, source, low=1e-3, high=1e7)


PARAMETERS = Parameters(
    (
        among(
            lambda key: not own.model(key).has("windowed_layers"),
            model_choice("llama2_70b", *NEEDS),
        ),
        among(
            lambda key: not is_sram(key),
            chip_choice(
                "gpu", "h100_sxm", "the GPU that prefills, and whose memory holds the prefix",
                "memory", "memory_bandwidth", "fp16_compute",
            ),
        ),
        Parameter(
            name="chips",
            default=8,
            unit="count",
            label="GPUs that share the prefill",
            help="One server of the kind that the article compares with.",
            source=ARTICLE,
            low=1,
            high=1e5,
        ),
        Parameter(
            name="utilization",
            default=0.5,
            unit="share",
            label="share of the GPUs' peak fp16 compute that a prefill reaches",
            help="An assumption, between two measurements of this model; large batches reach more.",
            source="assumption; NVIDIA TensorRT-LLM performance overviews; pope2022scaling",
            low=0.01,
            high=2.0,
        ),
        _tokens("prefix_tokens", 100000, "tokens of the prefix that is kept",
                "The lower end of what the article has in mind."),
        BYTES_PER_ELEMENT,
        BYTES_PER_PARAMETER,
        _tokens("input_tokens", 10000, "input tokens of one call",
                "The lower end of what the article names."),
        _tokens("output_tokens", 1000, "output tokens of one call",
                "The upper end of what the article names."),
        _price("input_price", 10.0, "USD/Mtoken", "price of input tokens",
               "That of GPT-4 Turbo when the article appeared.", "tokencost, February 2024"),
        _price("output_price", 30.0, "USD/Mtoken", "price of output tokens",
               "That of GPT-4 Turbo when the article appeared.", "tokencost, February 2024"),
        Parameter(
            name="hit_rate",
            default=0.563,
            unit="share",
            label="share of input tokens that are found in the cache",
            help="DeepSeek's, over one day of production.",
            source="deepseek2025infra",
            high=1.0,
        ),
        Parameter(
            name="cached_price_ratio",
            default=0.5,
            unit="ratio",
            label="price of a cached input token as a share of the full price",
            help="The smallest discount in the catalog.",
            source="OpenRouter, prompt caching",
            high=1.0,
        ),
        among(
            is_sram,
            chip_choice("chip", "groq_lpu", "the SRAM chip that holds the weights", "memory"),
        ),
        _price("card_price", 6000.0, "USD", "price of one SRAM card",
               "The article's, by compute and rounded.", ARTICLE),
        _price("memory_price", 30000.0, "USD", "price of one GPU's memory",
               "An upper bound: the article's price of a whole H100.", ARTICLE),
        Parameter(
            name="speed",
            default=500.0,
            unit="token/s",
            label="output speed of each request",
            help="The speed that Groq is known for.",
            source=ARTICLE,
            low=0.1,
            high=1e6,
        ),
        BATCH_SIZE,
        CONTEXT_LENGTH,
    )
)  # fmt: skip


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays."""

    kv_bytes_per_token: BytesPerToken
    prefix_bytes: Bytes
    tokens_in_hbm: Tokens
    tokens_beside_weights: Tokens
    prefill_operations: Flop
    recompute_time: Seconds
    load_time: Seconds
    load_time_network: Seconds
    load_time_host: Seconds
    load_time_disk: Seconds
    load_speedup: Ratio
    disk_speedup: Ratio
    break_even_bandwidth: BytesPerSecond
    input_cost: Dollars
    output_cost: Dollars
    input_output_ratio: Ratio
    break_even_input_tokens: Tokens
    mean_input_price: DollarsPerToken
    saved_per_cached_token: DollarsPerToken
    input_saving: Share
    call_saving: Share
    sram_cards: Count
    sram_cost: DollarsPerThroughput
    hybrid_cards: Count
    hybrid_cards_saved: Count
    hybrid_bandwidth: BytesPerSecond
    hybrid_bandwidth_per_request: BytesPerSecond
    hybrid_bandwidth_per_card: BytesPerSecond
    hybrid_memories: Count
    hybrid_price: Dollars
    hybrid_cost: DollarsPerThroughput
    break_even_speed: TokensPerSecond
    context_at_speed: Tokens


def conclude(
    model: Model,
    gpu: Chip,
    chips: Count,
    utilization: Share,
    prefix_tokens: Tokens,
    bytes_per_element: Bytes,
    bytes_per_parameter: Bytes,
    input_tokens: Tokens,
    output_tokens: Tokens,
    input_price: DollarsPerToken,
    output_price: DollarsPerToken,
    hit_rate: Share,
    cached_price_ratio: Ratio,
    chip: Chip,
    card_price: Dollars,
    memory_price: Dollars,
    speed: TokensPerSecond,
    batch_size: Count,
    context_length: Tokens,
) -> Conclusions:
    """What keeping a prefix saves, what input costs, and what HBM beside SRAM would cost.

    Args:
        model: the model; without sliding windows.
        gpu: computes the prefix, holds it, and lends its memory to the hybrid.
        chips: GPUs that share the prefill.
        utilization: share of their peak fp16 compute that it reaches.
        prefix_tokens: tokens of the prefix.
        bytes_per_element: bytes an element of the KV cache takes.
        bytes_per_parameter: bytes a weight takes.
        input_tokens: input tokens of one call.
        output_tokens: output tokens of one call.
        input_price: price of an input token.
        output_price: price of an output token.
        hit_rate: share of input tokens found in the cache.
        cached_price_ratio: what such a token costs as a share of the full price.
        chip: the SRAM chip of the hybrid.
        card_price: price of one of its cards.
        memory_price: price of one GPU's memory.
        speed: output speed of each request of the hybrid.
        batch_size: requests that the hybrid decodes together.
        context_length: tokens of each of them.
    """
    per_token = model_kv_bytes_per_token(model, bytes_per_element)
    weight_bytes = weights(name_parameters(model), bytes_per_parameter)
    prefix = kv_cache(per_token, prefix_tokens)
    operations = model_prefill_operations(model, prefix_tokens)
    recompute = prefill_time(operations, chips, gpu.fp16_compute, utilization)
    network, host, disk = (load_time(prefix, catalog.value(address)) for address in PATHS.values())
    loaded = load_time(prefix, gpu.memory_bandwidth)

    paid_in = cost_of_tokens(input_tokens, input_price)
    paid_out = cost_of_tokens(output_tokens, output_price)
    mean_price = mean_input_price(input_price, hit_rate, cached_price_ratio)
    saved = paid_in - cost_of_tokens(input_tokens, mean_price)

    request_cache = kv_cache(per_token, context_length)
    batch_cache = kv_cache_of_batch(request_cache, batch_size)
    throughput = cluster_throughput(batch_size, speed)
    sram_cards = cards_to_hold(weight_bytes + batch_cache, chip.memory)
    cards = cards_to_hold(weight_bytes, chip.memory)
    reads = kv_bandwidth(batch_cache, speed)
    memories = memories_needed(batch_cache, gpu.memory, reads, gpu.memory_bandwidth)
    price = hybrid_price(cards, card_price, memories, memory_price)
    return Conclusions(
        kv_bytes_per_token=per_token,
        prefix_bytes=prefix,
        tokens_in_hbm=tokens_in_memory(gpu.memory, per_token),
        tokens_beside_weights=maximum(
            0.0, tokens_in_memory(chips * gpu.memory - weight_bytes, per_token)
        ),
        prefill_operations=operations,
        recompute_time=recompute,
        load_time=loaded,
        load_time_network=network,
        load_time_host=host,
        load_time_disk=disk,
        load_speedup=recompute / loaded,
        disk_speedup=recompute / disk,
        break_even_bandwidth=break_even_bandwidth(prefix, recompute),
        input_cost=paid_in,
        output_cost=paid_out,
        input_output_ratio=paid_in / paid_out,
        break_even_input_tokens=break_even_input(output_tokens, output_price, input_price),
        mean_input_price=mean_price,
        saved_per_cached_token=input_price * (1 - cached_price_ratio),
        input_saving=saved / paid_in,
        call_saving=saved / (paid_in + paid_out),
        sram_cards=sram_cards,
        sram_cost=capital_cost(price_of_cluster(sram_cards, card_price), throughput),
        hybrid_cards=cards,
        hybrid_cards_saved=sram_cards - cards,
        hybrid_bandwidth=reads,
        hybrid_bandwidth_per_request=kv_bandwidth(request_cache, speed),
        hybrid_bandwidth_per_card=reads / cards,
        hybrid_memories=memories,
        hybrid_price=price,
        hybrid_cost=capital_cost(price, throughput),
        break_even_speed=break_even_speed(
            card_price, chip.memory, memory_price, gpu.memory_bandwidth
        ),
        context_at_speed=context_at_speed(gpu.memory_bandwidth, per_token, speed),
    )
