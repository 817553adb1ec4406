"""What a chip's own limits allow a spatial pipeline to serve: the chapter `occupancy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference_economics import catalog
from inference_economics.catalog import Chip, Model, own
from inference_economics.formulas.batching import cluster_throughput, memory_of_batch
from inference_economics.formulas.capacity import cards_to_hold, parameter_count, weights
from inference_economics.formulas.gpt4_scale import (
    DRAGONFLY_HOPS,
    all_reduce_direct,
    experts_of_batch,
    layer_read_time,
    message_bytes,
    mixture,
    parameters_of_batch,
)
from inference_economics.formulas.kv_cache import kv_cache_of_batch, model_kv_cache
from inference_economics.inputs import (
    is_sram,
)
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
from reckoner.declare.numeric import ceil, maximum, minimum


@formula(gives="stages", source="definition")
def stages_of(cards: Count, cards_per_stage: Count) -> Count:
    """Stages that a cluster makes; the last one is filled up with cards."""
    return ceil(cards / cards_per_stage)


@formula(gives="micro_batch", source="little1961; huang2019gpipe")
def micro_batch_of(batch_size: Count, stages: Count) -> Tokens:
    """Smallest micro-batch with which the batch makes no more micro-batches than stages.

    Fewer tokens would queue before a stage, more would leave stages without work.
    """
    return ceil(batch_size / stages)


@formula(gives="occupancy", source="little1961")
def occupancy_of(batch_size: Count, micro_batch: Tokens, stages: Count) -> Share:
    """Share of the stages that have a micro-batch to work on, at any moment."""
    return batch_size / (micro_batch * stages)


@formula(gives="critical_micro_batch", source="austin2025scaling, inference chapter")
def critical_micro_batch(
    compute: FlopPerSecond, bytes_per_parameter: Bytes, memory_bandwidth: BytesPerSecond
) -> Tokens:
    """Tokens for which a card computes as long as it reads its weights; two operations each."""
    return compute * bytes_per_parameter / (2 * memory_bandwidth)


@formula(gives="layer_compute_time", source="austin2025scaling, inference chapter")
def layer_compute_time(
    active_parameters: Count,
    micro_batch: Tokens,
    layers: Count,
    cards_per_stage: Count,
    compute: FlopPerSecond,
) -> Seconds:
    """Least time of a layer's arithmetic: a multiplication and an addition for each weight."""
    return 2 * active_parameters * micro_batch / (layers * cards_per_stage * compute)


@formula(gives="layer_kv_time", source="austin2025scaling, inference chapter")
def layer_kv_time(
    kv_cache: Bytes,
    micro_batch: Tokens,
    layers: Count,
    cards_per_stage: Count,
    memory_bandwidth: BytesPerSecond,
) -> Seconds:
    """Least time to read one layer's KV cache of a micro-batch, each card an equal share."""
    return kv_cache * micro_batch / (layers * cards_per_stage * memory_bandwidth)


@formula(gives="hops", source="kim2008dragonfly")
def hops_in_stage(cards_per_stage: Count, node_cards: Count, network_hops: Count) -> Count:
    """Links between the cards of a stage: none, one within a node, else the whole network's."""
    return minimum(cards_per_stage - 1, 1) + (network_hops - 1) * minimum(
        maximum(cards_per_stage - node_cards, 0), 1
    )


@formula(gives="all_reduce_time", source="follows: one all-gather of the partial sums")
def all_reduce_at_once(
    cards_per_stage: Count,
    hops: Count,
    links_taken: Count,
    hop_latency: Seconds,
    message: Bytes,
    link_bandwidth: BytesPerSecond,
) -> Seconds:
    """All-reduce in one crossing: everyone sends everything to everyone, and all add it up.

    For short messages it beats two crossings, which send each piece only where it is summed.
    """
    return hops * hop_latency + (cards_per_stage - 1) * links_taken * message / link_bandwidth


@formula(gives="layer_time", source="austin2025scaling; shoeybi2019megatron")
def time_in_layer(
    read_time: Seconds,
    layer_compute_time: Seconds,
    layer_kv_time: Seconds,
    all_reduce_time: Seconds,
    layer_floor: Seconds,
) -> Seconds:
    """Time of a micro-batch in one layer: weights, then caches, two all-reduces, a floor.

    Weights are read while the arithmetic runs; the slower of the two counts.
    """
    return (
        maximum(read_time, layer_compute_time) + layer_kv_time + 2 * all_reduce_time + layer_floor
    )


@formula(gives="hand_over_time", source="follows: latency and bytes of one link")
def time_of_hand_over(
    hop_latency: Seconds, message: Bytes, link_bandwidth: BytesPerSecond
) -> Seconds:
    """Time to pass a micro-batch on to the next stage, over one link."""
    return hop_latency + message / link_bandwidth


@formula(gives="time_per_token", source="follows: a token passes every layer and every stage")
def time_through_pipeline(
    layers: Count, layer_time: Seconds, stages: Count, hand_over_time: Seconds
) -> Seconds:
    """Time of a token through all layers and from each stage to the next."""
    return layers * layer_time + (stages - 1) * hand_over_time


@formula(gives="speed", source="definition")
def speed_of_request(time_per_token: Seconds) -> TokensPerSecond:
    """Output speed of one request: its next token starts when the last one is done."""
    return 1 / time_per_token


@formula(gives="throughput", source="follows: every card computes all the time")
def compute_ceiling(
    cards: Count, compute: FlopPerSecond, active_parameters: Count
) -> TokensPerSecond:
    """Throughput at which every card's arithmetic is busy."""
    return cards * compute / (2 * active_parameters)


@formula(gives="throughput", source="follows: every card reads its weights all the time")
def read_ceiling(
    cards: Count, memory_bandwidth: BytesPerSecond, micro_batch: Tokens, weight_bytes: Bytes
) -> TokensPerSecond:
    """Throughput at which every card's memory is busy, each reading serving a micro-batch."""
    return cards * memory_bandwidth * micro_batch / weight_bytes


@formula(gives="compute_asked", source="austin2025scaling, inference chapter")
def compute_for(active_parameters: Count, throughput: TokensPerSecond) -> FlopPerSecond:
    """Arithmetic that a throughput takes: two operations for each active weight and token."""
    return 2 * active_parameters * throughput


@formula(gives="utilization", source="definition")
def utilization_for(compute_asked: FlopPerSecond, cards: Count, compute: FlopPerSecond) -> Share:
    """Share of the cards' peak compute that is asked for."""
    return compute_asked / (cards * compute)


@formula(gives="unexplained", source="definition")
def unexplained_in_layer(measured_time: Seconds, time_per_token: Seconds, layers: Count) -> Seconds:
    """Time in each layer that a measured speed takes beyond what the limits explain."""
    return (measured_time - time_per_token) / layers


COMPUTE = ("fp16_compute", "fp8_compute", "fp16_compute_sparse")

"""Where a chip's peak compute is looked for; the vendor's sparse peak only if there is no other."""


def peak_compute(chip: Chip) -> FlopPerSecond:
    """A chip's peak compute, in fp16 where it is known."""
    return next(chip.values[name] for name in COMPUTE if chip.has(name))


def _computes(key: str) -> bool:
    return is_sram(key) and any(own.chip(key).has(name) for name in COMPUTE)


_NODE = catalog.constant("groq_node.fully_connected_cards")


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
    hops = hops_in_stage(tensor_parallel, node_cards, DRAGONFLY_HOPS)
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


@dataclass(frozen=True)
class Published:
    """A published speed of one request, and what the chips' limits allow there.

    Attributes:
        label: what was measured, for readers.
        source: address of the speed in the catalog.
        cards: cards of the deployment, where published, else the fewest that hold the model.
        tensor_parallel: the width of a stage at which the limits allow most.
        speed: the published speed.
        bound: the speed that the limits allow one request alone.
        unexplained: time in each layer that the limits do not explain.
    """

    label: str
    source: str
    cards: int
    tensor_parallel: int
    speed: float
    bound: float
    unexplained: float


NETWORK_ARGUMENTS = ("node_cards", "hop_latency", "link_bandwidth", "bytes_per_activation")

GROQ_CARDS = {
    "llama2_70b": "groq_deployment.chips_llama2_70b",
    "llama2_7b": "groq_rack.cards_llama2_7b",
}

SPEEDS = (
    ("Groq 70B, Aug 2023", "llama2_70b", "groq_lpu", "groq_early.llama2_70b_speed_aug_2023"),
    ("Groq 70B, overall", "llama2_70b", "groq_lpu", "llmperf_groq.output_speed"),
    ("Groq 70B, decode", "llama2_70b", "groq_lpu", "llmperf_groq.decode_speed"),
    ("Groq 70B, its own", "llama2_70b", "groq_lpu", "groq_llama2_70b.output_speed"),
    ("Groq 8x7B", "mixtral_8x7b", "groq_lpu", "groq_mixtral_8x7b.output_speed"),
    ("Groq 7B", "llama2_7b", "groq_lpu", "groq_llama2_7b.output_speed"),
    ("Cerebras 8B", "llama31_8b", "wse_3", "cerebras_llama31_8b.output_speed"),
    ("Cerebras 70B", "llama31_70b", "wse_3", "cerebras_llama31_70b.output_speed"),
    ("Cerebras 405B", "llama31_405b", "wse_3", "cerebras_llama31_405b.output_speed"),
)

"""Published speeds: label, model, chip and address; overall and decode are one measurement."""


PUBLISHED_BYTES: Mapping[str, float] = {"groq_lpu": 1.0, "wse_3": 2.0}

"""Bytes of a weight and of an element of the cache: Cerebras prints 16 bits; for Groq one byte is
assumed, as in the article."""
