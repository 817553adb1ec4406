"""What the steps of a GPU server take, and how its requests wait: the chapter `serving`."""

from __future__ import annotations

from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    FlopPerSecond,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.numeric import maximum, minimum


# One decoding step
@formula(gives="weights_read", source="follows from tensor and expert parallelism")
def weights_read(
    common_bytes: Bytes,
    tensor_parallel: Count,
    experts_touched: Count,
    expert_bytes: Bytes,
    chips: Count,
) -> Bytes:
    """Weights that each chip reads in one step: its part of the common ones and of the experts."""
    return common_bytes / tensor_parallel + experts_touched * expert_bytes / chips


@formula(gives="kv_read", source="follows from attention, which reads all of the cache")
def kv_read(kv_cache: Bytes, running: Count, kv_splits: Count) -> Bytes:
    """KV cache that each chip reads in one step."""
    return running * kv_cache / kv_splits


@formula(gives="transfer_time", source="definition of the share")
def transfer_time(
    read_bytes: Bytes, bandwidth_share: Share, memory_bandwidth: BytesPerSecond
) -> Seconds:
    """Time to read bytes from memory."""
    return read_bytes / (bandwidth_share * memory_bandwidth)


@formula(gives="product_time", source="austin2025scaling, transformers chapter; the shares defined")
def product_time(
    tokens: Tokens,
    common_parameters: Count,
    experts_per_token: Count,
    expert_parameters: Count,
    expert_compute_share: Share,
    tensor_parallel: Count,
    compute_share: Share,
    compute: FlopPerSecond,
) -> Seconds:
    """Time of the products of tokens with weights: two operations for each weight and token."""
    return (
        2
        * tokens
        * (common_parameters + experts_per_token * expert_parameters / expert_compute_share)
        / (tensor_parallel * compute_share * compute)
    )


@formula(gives="floor_time", source="launch and synchronization of kernels")
def floor_time(stages_of_model: Count, stage_floor: Seconds) -> Seconds:
    """Time that the stages of all layers take even when they have nothing to do."""
    return stages_of_model * stage_floor


@formula(gives="all_reduce_time", source="thakur2005collectives; one exchange, or two")
def all_reduce_in_node(
    tensor_parallel: Count,
    all_reduce_latency: Seconds,
    message: Bytes,
    bandwidth_share: Share,
    link_bandwidth: BytesPerSecond,
) -> Seconds:
    """All-reduce between chips of one switch, by the faster of two methods.

    All send the whole message to all, or each sums one part and then sends it to all.
    """
    return minimum(
        minimum(tensor_parallel - 1, 1) * all_reduce_latency
        + (tensor_parallel - 1) * message / (bandwidth_share * link_bandwidth),
        2 * minimum(tensor_parallel - 1, 1) * all_reduce_latency
        + 2
        * (tensor_parallel - 1)
        * message
        / (tensor_parallel * bandwidth_share * link_bandwidth),
    )


@formula(gives="reduce_time", source="shoeybi2019megatron")
def reduce_time(layers: Count, all_reduce_time: Seconds) -> Seconds:
    """Time of two all-reduces in every layer."""
    return 2 * layers * all_reduce_time


@formula(gives="host_time", source="scheduling, sampling and detokenizing, request by request")
def host_time(running: Count, host_per_request: Seconds) -> Seconds:
    """The engine's own time in one step."""
    return running * host_per_request


@formula(gives="decode_time", source="austin2025scaling, inference chapter; floors added")
def decode_time(
    weights_time: Seconds,
    product_time: Seconds,
    kv_time: Seconds,
    floor_time: Seconds,
    reduce_time: Seconds,
    host_time: Seconds,
) -> Seconds:
    """Time of one decoding step; products go on while weights are read, the rest does not."""
    return maximum(weights_time, product_time) + kv_time + floor_time + reduce_time + host_time


# Prefill, and what it takes from everyone
@formula(gives="attention_time", source="pope2022scaling; austin2025scaling, transformers chapter")
def attention_time(
    layers: Count,
    attention_width: Count,
    input_tokens: Tokens,
    tensor_parallel: Count,
    compute_share: Share,
    compute: FlopPerSecond,
) -> Seconds:
    """Time of attention's own products in a prefill, of which the causal mask leaves half."""
    return (
        2 * layers * attention_width * input_tokens**2 / (tensor_parallel * compute_share * compute)
    )


@formula(gives="activation_time", source="follows: every result is written once and read once")
def activation_time(
    tokens: Tokens,
    results_width: Count,
    bytes_per_activation: Bytes,
    bandwidth_share: Share,
    memory_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time to write to memory, and read again, what the layers compute for some tokens."""
    return 2 * tokens * results_width * bytes_per_activation / (bandwidth_share * memory_bandwidth)


@formula(gives="prefill_time", source="follows: the parts of a prefill one after the other")
def time_of_prefill(
    product_time: Seconds,
    attention_time: Seconds,
    activation_time: Seconds,
    floor_time: Seconds,
    reduce_time: Seconds,
) -> Seconds:
    """Time of one request's prefill, a pass through all stages."""
    return product_time + attention_time + activation_time + floor_time + reduce_time


@formula(gives="output_time", source="follows: each request brings one prefill for all its tokens")
def time_per_output_token(
    decode_time: Seconds,
    prefill_after_first: Share,
    running: Count,
    prefill_time: Seconds,
    output_tokens: Tokens,
) -> Seconds:
    """Mean time from one output token to the next.

    While a request writes its tokens, each of the others is replaced once, on average; its
    newcomer's prefill holds everyone up.
    """
    return decode_time + prefill_after_first * running * prefill_time / output_tokens


# Memory and queues
@formula(gives="requests_in_memory", source="definition")
def requests_in_memory(
    memory_share: Share,
    memory: Bytes,
    chips: Count,
    weight_bytes: Bytes,
    kv_reserved: Bytes,
) -> Count:
    """Requests whose KV cache fits beside the weights."""
    return (memory_share * memory * chips - weight_bytes) / kv_reserved


@formula(gives="running", source="definition")
def requests_running(concurrency: Count, requests_in_memory: Count) -> Count:
    """Requests that run together; the others wait for memory."""
    return maximum(minimum(concurrency, requests_in_memory), 0)


@formula(
    gives="first_token_time", source="follows: own prefill, a step, part of the others', the queue"
)
def time_to_first_token(
    prefill_time: Seconds,
    output_time: Seconds,
    prefill_after_first: Share,
    waves: Count,
    running: Count,
    concurrency: Count,
    output_tokens: Tokens,
) -> Seconds:
    """Mean time to the first token, in a closed loop with a fixed number of requests in flight.

    The first wave starts all at once, so that each waits for half of the others' prefill. Those
    that find no memory wait until those before them have finished.
    """
    return (
        prefill_time
        + output_time
        + (1 - prefill_after_first + 1 / (2 * waves)) * maximum(running - 1, 0) * prefill_time
    ) * concurrency / running + (concurrency / running - 1) * output_time * output_tokens


@formula(gives="request_time", source="definition")
def time_of_request(
    first_token_time: Seconds, output_time: Seconds, output_tokens: Tokens
) -> Seconds:
    """Time from a request to its last token."""
    return first_token_time + output_time * (output_tokens - 1)


@formula(gives="served_throughput", source="Little's law")
def throughput_of_chip(
    concurrency: Count, output_tokens: Tokens, request_time: Seconds, chips: Count
) -> TokensPerSecond:
    """Output tokens per second of each chip, with a fixed number of requests in flight."""
    return concurrency * output_tokens / (request_time * chips)
