"""What a chip's own limits allow a spatial pipeline to serve: the chapter `occupancy`."""

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


@formula(
    gives="time_with_cuts", source="follows: a layer that is cut runs in several stages in turn"
)
def time_with_cuts(
    time_per_token: Seconds, stages: Count, layers: Count, cut_share: Ratio, layer_floor: Seconds
) -> Seconds:
    """Time of a token where layers are cut: each stage beyond as many as layers loses its own."""
    return time_per_token + maximum(stages - layers, 0) * cut_share * layer_floor


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
