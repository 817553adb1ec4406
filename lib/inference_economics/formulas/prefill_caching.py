"""A prefix kept as KV cache, and where it is kept: the chapter `prefill_caching`."""

from __future__ import annotations

from inference_economics.catalog import Model
from inference_economics.formulas.kv_cache import (
    name_parameters,
)
from inference_economics.formulas.layers import attention_layers
from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    BytesPerToken,
    Count,
    Dollars,
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


@formula(
    gives="decode_operations", source="pope2022scaling; austin2025scaling, transformers chapter"
)
def decode_operations(
    active_parameters: Count,
    layers: Count,
    attention_width: Count,
    context_length: Tokens,
    batch_size: Count,
) -> Flop:
    """Multiplications and additions of one decoding step.

    Two for each weight and sequence, and four for each token attended to, layer and unit of width.
    """
    return batch_size * (2 * active_parameters + 4 * layers * attention_width * context_length)


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
    """Query heads times the mean dimension of a head's key and value, averaged over the layers.

    In most models both are `head_dim`, and the product is the hidden size; under MLA a key has a
    position part that a value lacks. A layer with a state attends to nothing.
    """
    known = model.values.get
    if model.has("nope_dim", "rope_dim", "v_head_dim"):
        width = model.heads * (model.nope_dim + model.rope_dim + model.v_head_dim) / 2
    else:
        width = model.heads * model.head_dim
    if model.has("windowed_head_dim"):
        share = model.windowed_layers / attention_layers(model)
        width = (1 - share) * width + share * model.heads * known("windowed_head_dim")
    if model.has("attention_layers"):
        return width * model.attention_layers / model.layers
    return width


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
