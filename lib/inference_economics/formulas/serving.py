"""What the steps of a GPU server take, and how its requests wait: the chapter `serving`."""

from __future__ import annotations

from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    FlopPerSecond,
    Ratio,
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


@formula(gives="product_time", source="austin2025scaling, transformers chapter; the share defined")
def product_time(
    tokens: Tokens,
    parameters: Count,
    chips: Count,
    compute_share: Share,
    compute: FlopPerSecond,
) -> Seconds:
    """Time of the products of tokens with weights: two operations for each weight and token."""
    return 2 * tokens * parameters / (chips * compute_share * compute)


@formula(gives="matrix_time", source="fits the measured kernels; a maximum with a rounded corner")
def matrix_time(weights_time: Seconds, product_time: Seconds, sharpness: Count) -> Seconds:
    """Time of a matrix product, which multiplies while it reads."""
    return (weights_time**sharpness + product_time**sharpness) ** (1 / sharpness)


@formula(gives="tokens_that_choose", source="assumption: tokens of a batch choose alike")
def tokens_that_choose(tokens: Tokens, routing_spread: Share) -> Tokens:
    """Tokens that would touch as many experts as a batch does, did they choose independently."""
    return maximum(tokens * routing_spread, 1)


@formula(gives="floor_time", source="launch and synchronization of kernels")
def floor_time(
    layers: Count,
    layer_overhead: Seconds,
    expert_layers: Count,
    expert_overhead: Seconds,
    latent_layers: Count,
    latent_overhead: Seconds,
) -> Seconds:
    """Time that all layers take even when they have nothing to do."""
    return (
        layers * layer_overhead + expert_layers * expert_overhead + latent_layers * latent_overhead
    )


@formula(gives="all_reduce_time", source="thakur2005collectives; one exchange, or two")
def all_reduce_in_node(
    chips: Count,
    all_reduce_latency: Seconds,
    all_reduce_in_two: Seconds,
    message: Bytes,
    link_share: Share,
    link_bandwidth: BytesPerSecond,
) -> Seconds:
    """All-reduce between chips of one switch, by the faster of two methods.

    All send the whole message to all, or each sums one part and then sends it to all.
    """
    return minimum(
        minimum(chips - 1, 1) * all_reduce_latency
        + (chips - 1) * message / (link_share * link_bandwidth),
        minimum(chips - 1, 1) * all_reduce_in_two
        + 2 * (chips - 1) * message / (chips * link_share * link_bandwidth),
    )


@formula(gives="reduce_time", source="shoeybi2019megatron")
def reduce_time(layers: Count, all_reduce_time: Seconds) -> Seconds:
    """Time of two all-reduces in every layer."""
    return 2 * layers * all_reduce_time


@formula(gives="host_time", source="scheduling, sampling and detokenizing, request by request")
def host_time(step_overhead: Seconds, running: Count, host_per_request: Seconds) -> Seconds:
    """The engine's own time in one step."""
    return step_overhead + running * host_per_request


@formula(gives="accepted", source="follows: each guess right as often as the last")
def accepted_tokens(drafted: Count, acceptance: Share) -> Tokens:
    """Tokens that a step gives a request when some are guessed ahead, and checked together."""
    return (1 - acceptance ** (drafted + 1)) / (1 - acceptance)


@formula(gives="decode_time", source="austin2025scaling, inference chapter; floors added")
def decode_time(
    matrix_time: Seconds,
    expert_time: Seconds,
    kv_time: Seconds,
    floor_time: Seconds,
    reduce_time: Seconds,
    host_time: Seconds,
    accepted: Tokens,
) -> Seconds:
    """Time of one decoding step for each token that it gives a request."""
    return (matrix_time + expert_time + kv_time + floor_time + reduce_time + host_time) / accepted


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
    matrix_time: Seconds,
    expert_time: Seconds,
    attention_time: Seconds,
    activation_time: Seconds,
    floor_time: Seconds,
    reduce_time: Seconds,
) -> Seconds:
    """Time of one request's prefill, a pass through all stages."""
    return matrix_time + expert_time + attention_time + activation_time + floor_time + reduce_time


@formula(gives="output_time", source="follows: each request brings one prefill for all its tokens")
def time_per_output_token(
    series_level: Ratio,
    decode_time: Seconds,
    prefill_after_first: Share,
    running: Count,
    prefill_time: Seconds,
    output_tokens: Tokens,
) -> Seconds:
    """Mean time from one output token to the next.

    While a request writes its tokens, each of the others is replaced once, on average; its
    newcomer's prefill holds everyone up. The level is what servers of a series add to all of it.
    """
    return series_level * (
        decode_time + prefill_after_first * running * prefill_time / output_tokens
    )


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
    """Requests that run together, at least one; the others wait for memory."""
    return maximum(minimum(concurrency, requests_in_memory), 1)


@formula(gives="least_prefill", source="seen in measurements; why it is so long is not known")
def least_prefill(latent_layers: Count, prefill_floor: Seconds) -> Seconds:
    """Time that a short prompt takes at least, where attention is latent."""
    return latent_layers * prefill_floor


@formula(gives="own_prefill", source="follows: what takes the floor runs beside what multiplies")
def prefill_at_least(prefill_time: Seconds, least_prefill: Seconds) -> Seconds:
    """Time from a request's first kernel to its last: what it multiplies, or the least."""
    return maximum(prefill_time, least_prefill)


@formula(gives="poll_time", source="follows: half an interval, and those that came in it")
def time_to_be_polled(
    poll_interval: Count,
    output_time: Seconds,
    accepted: Tokens,
    running: Count,
    prefill_time: Seconds,
    output_tokens: Tokens,
) -> Seconds:
    """Time that requests wait where an engine looks for new ones only every so many steps.

    On average half of the steps remain. Each running request is replaced once in as many steps as
    it has tokens, and those that came within one interval are prefilled together.
    """
    return poll_interval * accepted * (output_time / 2 + running * prefill_time / output_tokens)


@formula(gives="first_token_time", source="follows: own prefill, a step, the first wave, the queue")
def time_to_first_token(
    first_level: Ratio,
    first_overhead: Seconds,
    own_prefill: Seconds,
    prefill_time: Seconds,
    poll_time: Seconds,
    batch_wait: Count,
    output_time: Seconds,
    accepted: Tokens,
    running: Count,
    waves: Count,
    concurrency: Count,
    output_tokens: Tokens,
) -> Seconds:
    """Mean time to the first token, in a closed loop with a fixed number of requests in flight.

    The first wave starts all at once, so that each waits for half of the others' prefill. Some
    engines wait some steps for more newcomers. Those that find no memory wait until those before
    them have finished.
    """
    return (
        first_level
        * (
            first_overhead
            + own_prefill
            + poll_time
            + (1 + batch_wait) * output_time * accepted
            + maximum(running - 1, 0) * prefill_time / (2 * waves)
        )
        + (concurrency / running - 1) * output_time * output_tokens
    )


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
