"""A cluster of SRAM chips as a pipeline: how fast its own limits let a batch run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.formulas.batching import cluster_throughput, memory_of_batch
from inference_economics.formulas.capacity import cards_to_hold, parameter_count, weights
from inference_economics.formulas.gpt4_scale import (
    all_reduce_direct,
    experts_of_batch,
    layer_read_time,
    message_bytes,
    mixture,
    parameters_of_batch,
)
from inference_economics.formulas.kv_cache import kv_cache_of_batch, model_kv_cache
from inference_economics.formulas.occupancy import (
    all_reduce_at_once,
    hops_in_stage,
    layer_compute_time,
    layer_kv_time,
    micro_batch_of,
    occupancy_of,
    speed_of_request,
    stages_of,
    time_in_layer,
    time_of_hand_over,
    time_through_pipeline,
)
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

COMPUTE = ("fp16_compute", "fp8_compute", "fp16_compute_sparse")
"""Where a chip's peak compute is looked for; the vendor's sparse peak only if there is no other."""


def peak_compute(chip: Chip) -> FlopPerSecond:
    """A chip's peak compute, in fp16 where it is known."""
    return next(chip.values[name] for name in COMPUTE if chip.has(name))


NETWORK_ARGUMENTS = ("node_cards", "hop_latency", "link_bandwidth", "bytes_per_activation")


@dataclass(frozen=True)
class Pipeline:
    """A cluster cut into stages and its batch; one number each, or arrays.

    `read_time` to `layer_time` are of one layer and micro-batch. `all_reduce_latency` is the part
    of the all-reduce that does not depend on its bytes.
    """

    cards: Count
    stages: Count
    micro_batch: Tokens
    occupancy: Share
    read_time: Seconds
    layer_compute_time: Seconds
    layer_kv_time: Seconds
    all_reduce_time: Seconds
    all_reduce_latency: Seconds
    layer_floor: Seconds
    layer_time: Seconds
    hop_latency: Seconds
    hand_over_time: Seconds
    layers: Count
    time_per_token: Seconds
    speed: TokensPerSecond
    throughput: TokensPerSecond


def cards_for(
    model: Model,
    chip: Chip,
    batch_size: Count,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
) -> Count:
    """Cards whose memory holds the weights and the batch's KV cache: the article's rule."""
    cache = model_kv_cache(model, context_length, bytes_per_element)
    weight_bytes = weights(parameter_count(model), bytes_per_parameter)
    return cards_to_hold(
        memory_of_batch(weight_bytes, kv_cache_of_batch(cache, batch_size)), chip.memory
    )


def spatial_pipeline(
    model: Model,
    chip: Chip,
    batch_size: Count,
    cards: Count,
    tensor_parallel: Count,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    node_cards: Count,
    hop_latency: Seconds,
    link_bandwidth: BytesPerSecond,
    bytes_per_activation: Bytes,
    bandwidth_share: Share = 1.0,
    compute_share: Share = 1.0,
    layer_floor: Seconds = 0.0,
) -> Pipeline:
    """How fast a batch runs through cards that are cut into stages of equal work.

    A stage works on one micro-batch at a time, and a layer may be cut across stages. For one
    request alone the speed is a bound. An all-reduce takes one crossing of the network or two,
    whichever is faster. KV caches are spread evenly over a stage's cards, beyond the
    number of KV heads along the tokens. Prefill, sampling and embedding take no time.

    Args:
        model: its layers, hidden size, weights and experts.
        chip: its memory bandwidth and peak compute.
        batch_size: requests in decode.
        cards: cards that there are; the last stage is filled up.
        tensor_parallel: cards of each stage.
        bytes_per_parameter: bytes a weight takes.
        bytes_per_element: bytes an element of the KV cache takes.
        context_length: tokens of each request's KV cache.
        node_cards: cards that are connected directly with each other.
        hop_latency: time to cross one link.
        link_bandwidth: bandwidth of all links of one card, each way.
        bytes_per_activation: bytes of a number in a message.
        bandwidth_share: share of the memory bandwidth that is reached.
        compute_share: share of the peak compute that is reached.
        layer_floor: further time in each layer.
    """
    stages = stages_of(cards, tensor_parallel)
    tokens = micro_batch_of(batch_size, stages)
    bandwidth = bandwidth_share * chip.memory_bandwidth

    experts, per_token, active, size = mixture(model)
    touched = experts_of_batch(experts, per_token, tokens)
    read_bytes = weights(parameters_of_batch(active, touched, per_token, size), bytes_per_parameter)
    read_time = layer_read_time(read_bytes, model.layers, tensor_parallel, bandwidth)
    compute = compute_share * peak_compute(chip)
    compute_time = layer_compute_time(active, tokens, model.layers, tensor_parallel, compute)
    cache = model_kv_cache(model, context_length, bytes_per_element)
    kv_time = layer_kv_time(cache, tokens, model.layers, tensor_parallel, bandwidth)

    message = message_bytes(tokens, model.hidden_size, bytes_per_activation)
    hops = hops_in_stage(tensor_parallel, node_cards, catalog.value("dragonfly.hops"))
    wires = (tensor_parallel, hops, hops, hop_latency, message, link_bandwidth)
    in_one, in_two = all_reduce_at_once(*wires), all_reduce_direct(*wires)
    all_reduce_time = minimum(in_one, in_two)
    layer = time_in_layer(read_time, compute_time, kv_time, all_reduce_time, layer_floor)
    hand_over = time_of_hand_over(hop_latency, message, link_bandwidth)
    time = time_through_pipeline(model.layers, layer, stages, hand_over)
    speed = speed_of_request(time)
    return Pipeline(
        cards=stages * tensor_parallel,
        stages=stages,
        micro_batch=tokens,
        occupancy=occupancy_of(batch_size, tokens, stages),
        read_time=read_time,
        layer_compute_time=compute_time,
        layer_kv_time=kv_time,
        all_reduce_time=all_reduce_time,
        all_reduce_latency=(2 - (in_one < in_two)) * hops * hop_latency,
        layer_floor=layer_floor,
        layer_time=layer,
        hop_latency=hop_latency,
        hand_over_time=hand_over,
        layers=model.layers,
        time_per_token=time,
        speed=speed,
        throughput=cluster_throughput(batch_size, speed),
    )


def spatial_frontier(
    model: Model,
    chip: Chip,
    batch_size: Count,
    tensor_parallel: Count,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    **network: Any,
) -> Pipeline:
    """The pipeline of the fewest cards that hold weights and caches; takes arrays.

    Args:
        model: see `spatial_pipeline`, also for what is not listed here.
        chip: its memory decides the number of cards.
        batch_size: requests in decode.
        tensor_parallel: cards of each stage.
        bytes_per_parameter: bytes a weight takes.
        bytes_per_element: bytes an element of the KV cache takes.
        context_length: tokens for which each request's KV cache has room.
        **network: the other arguments of `spatial_pipeline`.
    """
    sizes = (bytes_per_parameter, bytes_per_element, context_length)
    cards = cards_for(model, chip, batch_size, *sizes)
    return spatial_pipeline(model, chip, batch_size, cards, tensor_parallel, *sizes, **network)


def largest_batch(asked_speed: TokensPerSecond, most: int, **frontier: Any) -> int:
    """The largest batch up to which the limits allow every batch a speed; zero if none.

    Args:
        asked_speed: output speed of every request.
        most: the largest batch that is tried.
        **frontier: the arguments of `spatial_frontier` except the batch size.
    """
    batches = np.arange(1.0, most + 1)
    enough = spatial_frontier(batch_size=batches, **frontier).speed >= asked_speed
    return most if enough.all() else int(np.argmin(enough))


LIMITS = (
    "reading weights", "arithmetic", "reading caches", "latency of links", "bytes over links",
    "unexplained",
)  # fmt: skip


def token_times(found: Pipeline) -> dict[str, Any]:
    """Where the time of a token goes, by limit; the parts add up to `time_per_token`.

    Reading and arithmetic run at the same time: the time counts for the longer of the two.
    """
    reads = found.read_time >= found.layer_compute_time
    longer = maximum(found.read_time, found.layer_compute_time)
    handed_on = found.stages - 1
    latency = 2 * found.layers * found.all_reduce_latency + handed_on * found.hop_latency
    network = 2 * found.layers * found.all_reduce_time + handed_on * found.hand_over_time
    times = (
        found.layers * longer * reads,
        found.layers * longer * np.logical_not(reads),
        found.layers * found.layer_kv_time,
        latency,
        network - latency,
        found.layers * found.layer_floor,
    )
    return dict(zip(LIMITS, times, strict=True))


def limits(found: Pipeline) -> Any:
    """The name of the limit that takes most of a token's time, one for each point."""
    parts = np.broadcast_arrays(*token_times(found).values())
    return np.array(LIMITS)[np.argmax(np.stack(parts), axis=0)]
