"""What a chip's own limits allow a spatial pipeline to serve: the chapter `occupancy`."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.choices import sram_with_compute as _computes
from inference_economics.formulas.batching import cluster_throughput
from inference_economics.formulas.capacity import parameter_count, weights
from inference_economics.formulas.gpt4_scale import (
    mixture,
    time_of_token,
)
from inference_economics.formulas.kv_cache import NEEDS, model_kv_cache
from inference_economics.formulas.occupancy import (
    compute_ceiling,
    compute_for,
    critical_micro_batch,
    read_ceiling,
    unexplained_in_layer,
    utilization_for,
)
from inference_economics.inputs import (
    ARTICLE,
    BYTES_PER_PARAMETER,
    among,
    chip_choice,
    model_choice,
)
from inference_economics.machines.pipeline import (
    peak_compute,
    spatial_frontier,
)
from inference_economics.machines.published import published as published
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
from inference_economics.worksheets import gpt4_scale as gpt4_scale_sheet
from inference_economics.worksheets.kv_cache import BATCH_SIZE, BYTES_PER_ELEMENT, CONTEXT_LENGTH
from reckoner.declare.parameters import Parameter, Parameters
from reckoner.show.live import Curve, Live

_NODE = catalog.constant("groq_node.fully_connected_cards")


def _share(name: str, label: str) -> Parameter:
    return Parameter(
        name=name,
        default=1.0,
        unit="share",
        label=label,
        help="All of it is the chip's limit; no chip reaches that.",
        source="assumption: the chip's own limit",
        low=0.01,
        high=1.0,
    )


_NETWORK = gpt4_scale_sheet.PARAMETERS


PARAMETERS = Parameters(
    (
        model_choice("llama2_70b", *NEEDS, "hidden_size"),
        among(
            _computes,
            chip_choice("chip", "groq_lpu", "the SRAM chip", "memory", "memory_bandwidth"),
        ),
        BYTES_PER_PARAMETER,
        BYTES_PER_ELEMENT,
        CONTEXT_LENGTH,
        BATCH_SIZE,
        Parameter(
            name="asked_speed",
            default=500.0,
            unit="token/s",
            label="output speed asked for every request",
            help="The article keeps it for every batch size.",
            source=ARTICLE,
            low=1.0,
            high=1e6,
        ),
        Parameter(
            name="tensor_parallel",
            default=int(_NODE.si),
            unit="count",
            label="cards that share each layer (one stage)",
            help="As many as a Groq node connects with each other directly.",
            source=_NODE.source,
            low=1,
            high=10000,
        ),
        Parameter(
            name="node_cards",
            default=int(_NODE.si),
            unit="count",
            label="cards that one link connects with each other",
            help="A stage of more cards crosses the whole dragonfly in each all-reduce.",
            source=_NODE.source,
            low=1,
            high=10000,
        ),
        _NETWORK["hop_latency"],
        _NETWORK["link_bandwidth"],
        _NETWORK["bytes_per_activation"],
        _share("bandwidth_share", "share of the SRAM's bandwidth that is reached"),
        _share("compute_share", "share of the peak compute that is reached"),
        Parameter(
            name="layer_floor",
            default=0.0,
            unit="us",
            label="further time in each layer that no limit here explains",
            help="Zero for the limits alone. The chapter shows what published speeds leave for it.",
            source="assumption: the chip's own limits alone",
            low=0.0,
            high=1000.0,
        ),
    )
)


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays.

    The fields with `asked` are what the asked speed takes; the ceilings are throughputs.
    """

    weights: Bytes
    kv_cache: Bytes
    cards: Count
    stages: Count
    micro_batch: Tokens
    occupancy: Share
    critical_micro_batch: Tokens
    card_read_time: Seconds
    read_time: Seconds
    compute_time: Seconds
    kv_time: Seconds
    all_reduce_time: Seconds
    layer_time: Seconds
    hand_over_time: Seconds
    time_per_token: Seconds
    speed: TokensPerSecond
    throughput: TokensPerSecond
    compute_ceiling: TokensPerSecond
    read_ceiling: TokensPerSecond
    asked_time: Seconds
    asked_speed: TokensPerSecond
    asked_throughput: TokensPerSecond
    asked_compute: FlopPerSecond
    asked_utilization: Share
    time_left_in_layer: Seconds


def conclude(
    model: Model,
    chip: Chip,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    batch_size: Count,
    asked_speed: TokensPerSecond,
    tensor_parallel: Count,
    node_cards: Count,
    hop_latency: Seconds,
    link_bandwidth: BytesPerSecond,
    bytes_per_activation: Bytes,
    bandwidth_share: Share,
    compute_share: Share,
    layer_floor: Seconds,
) -> Conclusions:
    """What the chips' own limits allow a batch on the smallest cluster that holds it.

    Args:
        model: its weights, shape and experts.
        chip: its memory, memory bandwidth and peak compute.
        bytes_per_parameter: bytes a weight takes.
        bytes_per_element: bytes an element of the KV cache takes.
        context_length: tokens for which each request's KV cache has room.
        batch_size: requests in decode.
        asked_speed: output speed asked for every request.
        tensor_parallel: cards of each stage.
        node_cards: cards that are connected directly with each other.
        hop_latency: time to cross one link.
        link_bandwidth: bandwidth of all links of one card, each way.
        bytes_per_activation: bytes of a number in a message.
        bandwidth_share: share of the memory bandwidth that is reached.
        compute_share: share of the peak compute that is reached.
        layer_floor: further time in each layer.
    """
    found = spatial_frontier(
        model,
        chip,
        batch_size,
        tensor_parallel,
        bytes_per_parameter,
        bytes_per_element,
        context_length,
        node_cards=node_cards,
        hop_latency=hop_latency,
        link_bandwidth=link_bandwidth,
        bytes_per_activation=bytes_per_activation,
        bandwidth_share=bandwidth_share,
        compute_share=compute_share,
        layer_floor=layer_floor,
    )
    _, _, active, _ = mixture(model)
    compute, bandwidth = peak_compute(chip), chip.memory_bandwidth
    asked_time = time_of_token(asked_speed)
    asked_throughput = cluster_throughput(batch_size, asked_speed)
    asked_compute = compute_for(active, asked_throughput)
    read_bytes = found.read_time * model.layers * tensor_parallel * bandwidth_share * bandwidth
    return Conclusions(
        weights=weights(parameter_count(model), bytes_per_parameter),
        kv_cache=model_kv_cache(model, context_length, bytes_per_element),
        cards=found.cards,
        stages=found.stages,
        micro_batch=found.micro_batch,
        occupancy=found.occupancy,
        critical_micro_batch=critical_micro_batch(compute, bytes_per_parameter, bandwidth),
        card_read_time=chip.memory / bandwidth,
        read_time=found.read_time,
        compute_time=found.layer_compute_time,
        kv_time=found.layer_kv_time,
        all_reduce_time=found.all_reduce_time,
        layer_time=found.layer_time,
        hand_over_time=found.hand_over_time,
        time_per_token=found.time_per_token,
        speed=found.speed,
        throughput=found.throughput,
        compute_ceiling=compute_ceiling(found.cards, compute, active),
        read_ceiling=read_ceiling(found.cards, bandwidth, found.micro_batch, read_bytes),
        asked_time=asked_time,
        asked_speed=asked_speed,
        asked_throughput=asked_throughput,
        asked_compute=asked_compute,
        asked_utilization=utilization_for(asked_compute, found.cards, compute),
        time_left_in_layer=unexplained_in_layer(asked_time, found.time_per_token, model.layers),
    )


LIVE = Live(
    chapter="occupancy",
    title="Speed and throughput that the limits allow, against batch size",
    description=(
        "The speed that the chips' limits allow one request falls slowly with the batch size "
        "while the throughput of the cluster rises; the speed asked is a level line."
    ),
    across="batch_size",
    span=(1.0, 10000.0),
    across_title="Batch size (requests)",
    curves=(
        Curve("speed", "one request", "1"),
        Curve("asked_speed", "one request, as asked", "2"),
        Curve("throughput", "whole cluster", "3"),
    ),
    unit="token/s",
    unit_title="Speed (token/s)",
    sliders=(
        "tensor_parallel",
        "hop_latency",
        "layer_floor",
        "context_length",
        "bytes_per_parameter",
        "compute_share",
        "bandwidth_share",
        "asked_speed",
    ),
    choices=("model",),
    sentence=(
        "At batch {batch_size} the cluster has {cards} cards in {stages} stages, and a token "
        "takes {time_per_token}: {speed} for each request, {throughput} for all."
    ),
    constants=(
        "groq_lpu.memory",
        "groq_lpu.memory_bandwidth",
        "groq_lpu.fp16_compute",
        "groq_lpu.link_bandwidth_cabled",
        "tpu_ici.hop_latency",
        "groq_node.fully_connected_cards",
    ),
)
