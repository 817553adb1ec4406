"""What a chip's own limits allow a spatial pipeline to serve: the chapter `occupancy`."""

from __future__ import annotations

from inference_economics import catalog, inputs
from inference_economics.catalog import Chip, Model
from inference_economics.choices import sram_with_compute
from inference_economics.formulas import occupancy as allowed
from inference_economics.formulas.batching import cluster_throughput
from inference_economics.formulas.capacity import parameter_count
from inference_economics.formulas.capacity import weights as weights_of
from inference_economics.formulas.gpt4_scale import mixture, time_of_token
from inference_economics.formulas.kv_cache import NEEDS, model_kv_cache
from inference_economics.machines.pipeline import (
    Pipeline,
    cards_for,
    peak_compute,
    spatial_pipeline,
)
from inference_economics.serving.accuracy import lost_in_layer
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
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live


@worksheet
def conclude(
    model: Model = inputs.model("llama2_70b", *NEEDS, "hidden_size"),
    chip: Chip = inputs.chip(
        "groq_lpu", "the SRAM chip", "memory", "memory_bandwidth", only=sram_with_compute
    ),
    bytes_per_parameter: Bytes = inputs.MODEL_BYTES,
    bytes_per_element: Bytes = inputs.CACHE_BYTES,
    context_length: Tokens = inputs.CONTEXT,
    batch_size: Count = inputs.BATCH,
    asked_speed: TokensPerSecond = inputs.given(
        "article.groq_output_speed", "output speed asked for every request",
        "The article keeps it for every batch size.",
        low=1.0, high=1e6, track=(10.0, 5000.0),
    ),
    tensor_parallel: Count = inputs.given(
        "groq_node.fully_connected_cards", "cards that share each layer (one stage)",
        "As many as a Groq node connects with each other directly.",
        source="row", low=1, high=10000, track=(1, 512), whole=True,
    ),
    node_cards: Count = inputs.NODE_CARDS,
    hop_latency: Seconds = inputs.HOP_LATENCY,
    link_bandwidth: BytesPerSecond = inputs.LINK_BANDWIDTH,
    bytes_per_activation: Bytes = inputs.BYTES_PER_ACTIVATION,
    bandwidth_share: Share = inputs.BANDWIDTH_SHARE,
    compute_share: Share = inputs.COMPUTE_SHARE,
    layer_floor: Seconds = inputs.LAYER_FLOOR,
) -> Lines:  # fmt: skip
    """What the chips' own limits allow a batch on the smallest cluster that holds it.

    The results with `asked` are what the asked speed takes; the ceilings are throughputs.
    """
    # the cluster, and the batch on its way through it
    weights: Bytes = weights_of(parameter_count(model), bytes_per_parameter)
    kv_cache: Bytes = model_kv_cache(model, context_length, bytes_per_element)
    sizes = (bytes_per_parameter, bytes_per_element, context_length)
    cards_needed: Count = cards_for(model, chip, batch_size, *sizes)
    wires = (node_cards, hop_latency, link_bandwidth, bytes_per_activation)
    reached = (bandwidth_share, compute_share)
    pipeline = spatial_pipeline(
        model, chip, batch_size, cards_needed, tensor_parallel, *sizes, *wires, *reached,
        layer_floor,
    )  # fmt: skip
    cards: Count = pipeline.cards
    stages: Count = pipeline.stages
    micro_batch: Tokens = pipeline.micro_batch
    occupancy: Share = pipeline.occupancy

    # one card
    peak, bandwidth = peak_compute(chip), chip.memory_bandwidth
    critical_micro_batch: Tokens = allowed.critical_micro_batch(
        peak, bytes_per_parameter, bandwidth
    )
    card_read_time: Seconds = chip.memory / bandwidth

    # one token
    read_time: Seconds = pipeline.read_time
    compute_time: Seconds = pipeline.layer_compute_time
    kv_time: Seconds = pipeline.layer_kv_time
    all_reduce_time: Seconds = pipeline.all_reduce_time
    layer_time: Seconds = pipeline.layer_time
    hand_over_time: Seconds = pipeline.hand_over_time
    time_per_token: Seconds = pipeline.time_per_token
    speed: TokensPerSecond = pipeline.speed
    throughput: TokensPerSecond = pipeline.throughput

    # the ceilings, and what the asked speed takes
    active = mixture(model)[2]
    compute_ceiling: TokensPerSecond = allowed.compute_ceiling(cards, peak, active)
    read_bytes = read_time * model.layers * tensor_parallel * bandwidth_share * bandwidth
    read_ceiling: TokensPerSecond = allowed.read_ceiling(cards, bandwidth, micro_batch, read_bytes)
    asked_time: Seconds = time_of_token(asked_speed)
    asked_throughput: TokensPerSecond = cluster_throughput(batch_size, asked_speed)
    asked_compute: FlopPerSecond = allowed.compute_for(active, asked_throughput)
    asked_utilization: Share = allowed.utilization_for(asked_compute, cards, peak)
    time_left_in_layer: Seconds = allowed.unexplained_in_layer(
        asked_time, time_per_token, model.layers
    )
    may_lose: Seconds = time_left_in_layer + layer_floor
    asked_in_int8: Share | None = (
        allowed.utilization_for(asked_compute, cards, chip.int8_compute)
        if chip.has("int8_compute")
        else None
    )
    gpu = catalog.chip("h100_sxm")
    gpu_critical_micro_batch: Tokens = allowed.critical_micro_batch(
        gpu.fp16_compute, bytes_per_parameter, gpu.memory_bandwidth
    )

    # other clusters: of one request, of one card a stage, of one node
    def smallest(batch: Count, width: Count) -> Pipeline:
        cards = cards_for(model, chip, batch, *sizes)
        return spatial_pipeline(
            model, chip, batch, cards, width, *sizes, *wires, *reached, layer_floor
        )

    alone = smallest(1, tensor_parallel)
    alone_speed: TokensPerSecond = alone.speed
    alone_occupancy: Share = alone.occupancy
    narrow_stages = smallest(batch_size, 1).stages
    narrow_hand_overs: Count = narrow_stages - 1
    node: Count = catalog.value("groq_node.fully_connected_cards")
    node_wires = (node, *wires[1:])
    of_node = spatial_pipeline(model, chip, 1, node, node, *sizes, *node_wires)
    node_all_reduce: Seconds = of_node.all_reduce_time

    # what our own GPUs lose, as a published speed loses it
    lost_on_h100: Seconds = lost_in_layer("h100_sxm")
    lost_on_h200: Seconds = lost_in_layer("h200_sxm")

    # the chips on which Groq ran LLaMA-2 70B
    groq_cards: Count = catalog.value("groq_deployment.chips_llama2_70b")
    groq_memory: Bytes = groq_cards * catalog.value("groq_lpu.memory")
    groq_two_bytes: Bytes = weights_of(
        catalog.value("llama2_70b.total_parameters"), catalog.value("bf16.bytes_per_parameter")
    )
    return locals()


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
        "At batch {batch_size} the cluster has {cards cards} in {stages stages}, and a token "
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
