"""A prefix kept as KV cache, and where it is kept: the chapter `prefill_caching`."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog, own
from inference_economics.batching import capital_cost, cluster_throughput
from inference_economics.capacity import cards_to_hold, price_of_cluster, weights
from inference_economics.catalog import Chip, Model
from inference_economics.choices import (
    ARTICLE,
    BYTES_PER_PARAMETER,
    among,
    chip_choice,
    is_sram,
    model_choice,
)
from inference_economics.kv_cache import (
    BATCH_SIZE,
    BYTES_PER_ELEMENT,
    CONTEXT_LENGTH,
    NEEDS,
    kv_cache,
    kv_cache_of_batch,
    model_kv_bytes_per_token,
    name_parameters,
)
from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    BytesPerToken,
    Count,
    Dollars,
    DollarsPerThroughput,
    DollarsPerToken,
    Flop,
    FlopPerSecond,
    Ratio,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.numeric import ceil, maximum
from reckoner.declare.parameters import Parameter, Parameters


@formula(gives="tokens_in_memory", source="definition")
def tokens_in_memory(gpu_memory: Bytes, kv_bytes_per_token: BytesPerToken) -> Tokens:
    """Tokens whose KV cache fills a memory that holds nothing else."""
    return gpu_memory / kv_bytes_per_token


@formula(
    gives="prefill_operations", source="pope2022scaling; austin2025scaling, transformers chapter"
)
def prefill_operations(
    active_parameters: Count, layers: Count, attention_width: Count, prefix_tokens: Tokens
) -> Flop:
    """Multiplications and additions of a prefill with causal attention.

    Two for each weight and token, and four for each pair of tokens, layer and unit of width, of
    which the causal mask leaves half.
    """
    return 2 * active_parameters * prefix_tokens + 2 * layers * attention_width * prefix_tokens**2


@formula(gives="recompute_time", source="definition of utilization; pope2022scaling")
def prefill_time(
    prefill_operations: Flop, chips: Count, compute: FlopPerSecond, utilization: Share
) -> Seconds:
    """Time of a prefill shared evenly by several GPUs."""
    return prefill_operations / (chips * compute * utilization)


@formula(gives="load_time", source="definition")
def load_time(prefix_bytes: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Time to move the KV cache of a prefix over a path."""
    return prefix_bytes / bandwidth


@formula(gives="break_even_bandwidth", source="follows from the two times")
def break_even_bandwidth(prefix_bytes: Bytes, recompute_time: Seconds) -> BytesPerSecond:
    """Bandwidth above which loading a prefix is faster than computing it again."""
    return prefix_bytes / recompute_time


@formula(gives="call_cost", source="definition")
def cost_of_tokens(tokens: Tokens, token_price: DollarsPerToken) -> Dollars:
    """Price of the input, or of the output, of one call."""
    return tokens * token_price


@formula(gives="break_even_input_tokens", source="follows from the two costs")
def break_even_input(
    output_tokens: Tokens, output_price: DollarsPerToken, input_price: DollarsPerToken
) -> Tokens:
    """Input length at which the input of a call costs as much as its output."""
    return output_tokens * output_price / input_price


@formula(gives="mean_input_price", source="definition")
def mean_input_price(
    input_price: DollarsPerToken, hit_rate: Share, cached_price_ratio: Ratio
) -> DollarsPerToken:
    """Mean price of an input token when a share of them is found in the cache."""
    return input_price * (1 - hit_rate * (1 - cached_price_ratio))


@formula(gives="kv_bandwidth", source="follows from decoding, which reads the cache at each token")
def kv_bandwidth(kv_cache_batch: Bytes, speed: TokensPerSecond) -> BytesPerSecond:
    """Bandwidth at which a batch reads its KV cache when every output token reads all of it."""
    return kv_cache_batch * speed


@formula(gives="context_at_speed", source="follows from the bandwidth of the reads")
def context_at_speed(
    gpu_bandwidth: BytesPerSecond, kv_bytes_per_token: BytesPerToken, speed: TokensPerSecond
) -> Tokens:
    """Longest context of one request that one GPU's memory can read at every output token."""
    return gpu_bandwidth / (kv_bytes_per_token * speed)


@formula(gives="memories", source="follows from capacity and bandwidth")
def memories_needed(
    kv_cache_batch: Bytes,
    gpu_memory: Bytes,
    kv_bandwidth: BytesPerSecond,
    gpu_bandwidth: BytesPerSecond,
) -> Count:
    """Whole GPU memories that both hold a batch's KV cache and read it fast enough."""
    return ceil(maximum(kv_cache_batch / gpu_memory, kv_bandwidth / gpu_bandwidth))


@formula(gives="hybrid_price", source="definition")
def hybrid_price(
    cards: Count, card_price: Dollars, memories: Count, memory_price: Dollars
) -> Dollars:
    """Price of SRAM cards for the weights and GPU memories for the KV cache."""
    return cards * card_price + memories * memory_price


@formula(gives="break_even_speed", source="follows from the price of a byte in either memory")
def break_even_speed(
    card_price: Dollars, memory: Bytes, memory_price: Dollars, gpu_bandwidth: BytesPerSecond
) -> TokensPerSecond:
    """Speed below which a byte of KV cache is cheaper in HBM than in SRAM.

    SRAM is paid by the byte; HBM, when its bandwidth is the limit, by the byte per second.
    """
    return card_price * gpu_bandwidth / (memory * memory_price)


def attention_width(model: Model) -> Count:
    """Query heads times the mean dimension of a head's key and value.

    In most models both are `head_dim`, and the product is the hidden size; under MLA a key has a
    position part that a value lacks.
    """
    if model.has("nope_dim", "rope_dim", "v_head_dim"):
        return model.heads * (model.nope_dim + model.rope_dim + model.v_head_dim) / 2
    return model.heads * model.head_dim


def active_parameters(model: Model) -> Count:
    """Parameters that one token uses: as published for a mixture of experts, else all."""
    active: Count = model.values.get("active_parameters")
    return name_parameters(model) if active is None else active


def model_prefill_operations(model: Model, prefix_tokens: Tokens) -> Flop:
    """Operations that a model's prefill takes."""
    return prefill_operations(
        active_parameters(model), model.layers, attention_width(model), prefix_tokens
    )


PATHS = {
    "network": "connectx_7.bandwidth",
    "host memory": "pcie5_x16.host_to_device_bandwidth",
    "disk": "nvme_ssd.read_bandwidth_pcie4",
}
"""Where a prefix can come from, and the bandwidth: another server, over PCIe, an NVMe disk."""


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
