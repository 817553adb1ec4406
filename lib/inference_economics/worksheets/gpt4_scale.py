"""What a 1.8-trillion-parameter model asks of cards and of their network: `gpt4_scale`."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog
from inference_economics.catalog import Chip, Model, own
from inference_economics.catalog.own import is_sram
from inference_economics.choices import has_kv_heads as _goes_by_heads
from inference_economics.choices import models_with_kv_heads as _heads_known
from inference_economics.formulas.capacity import cards_to_hold, parameter_count, weights
from inference_economics.formulas.gpt4_scale import (
    bytes_on_last_card,
    cards_in_stage,
    copies_of_kv,
    experts_of_batch,
    fat_tree_hops,
    fat_tree_levels,
    layer_read_time,
    message_bytes,
    mixture,
    parameters_of_batch,
    shaped,
    time_of_all_reduce,
    time_of_layer,
    time_of_token,
)
from inference_economics.formulas.kv_cache import (
    kv_cache,
    kv_cache_of_batch,
    model_kv_bytes_per_token,
    model_kv_cache,
)
from inference_economics.inputs import (
    ARTICLE,
    BYTES_PER_PARAMETER,
    among,
    chip_choice,
    model_choice,
)
from inference_economics.machines.network import all_reduce_times
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
)
from inference_economics.worksheets.kv_cache import BYTES_PER_ELEMENT
from reckoner.declare.numeric import maximum
from reckoner.declare.parameters import Parameter, Parameters
from reckoner.show.live import Curve, Live

SWITCH_PORTS = catalog.value("infiniband.switch_ports")

_LINKS = catalog.constant("groq_lpu.link_bandwidth_cabled")

_LATENCY = catalog.constant("tpu_ici.hop_latency")

PARAMETERS = Parameters(
    (
        Parameter(
            name="model",
            default="gpt4_rumour",
            unit="name",
            label="the model",
            help="A model of the catalog whose KV cache goes by heads.",
            source="a rumour of July 2023, unconfirmed; only the total is the article's",
            choices=_heads_known(),
            resolve=own.model,
            own=among(_goes_by_heads, model_choice("gpt4_rumour", "layers", "kv_heads")).own,
        ),
        among(
            is_sram,
            chip_choice("chip", "groq_lpu", "the SRAM chip", "memory", "memory_bandwidth"),
        ),
        BYTES_PER_PARAMETER,
        Parameter(
            name="layers",
            default=80,
            unit="count",
            label="layers, each a pipeline stage",
            help="The article assumes as many as LLaMA-2 70B has; the rumour says 120.",
            source=ARTICLE,
            low=1,
            high=1000,
        ),
        Parameter(
            name="speed",
            default=500.0,
            unit="token/s",
            label="output speed of one request",
            help="The speed that the article asks of the larger model.",
            source=ARTICLE,
            low=1.0,
            high=1e5,
        ),
        Parameter(
            name="hidden_size",
            default=int(catalog.value("gpt3_175b.hidden_size")),
            unit="count",
            label="hidden size of a model that has none in the catalog (GPT-3's, an assumption)",
            help="No hidden size of GPT-4 was published or rumoured; other models have their own.",
            source="assumption, unverified: that of GPT-3",
            low=64,
            high=1e6,
        ),
        Parameter(
            name="head_dim",
            default=int(catalog.value("gpt3_175b.head_dim")),
            unit="count",
            label="dimension of a head where the catalog has none (GPT-3's, an assumption)",
            help="None was published or rumoured for GPT-4; other models have their own.",
            source="assumption, unverified: that of GPT-3",
            low=16,
            high=1024,
        ),
        Parameter(
            name="batch_size",
            default=128,
            unit="count",
            label="requests in decode at once",
            help="The batch that the article takes for the smaller model.",
            source=ARTICLE,
            low=1,
            high=1e6,
        ),
        Parameter(
            name="micro_batch",
            default=1,
            unit="token",
            label="tokens that pass through a stage together",
            help="One is the best case for the network.",
            source="assumption: the lightest message",
            low=1,
            high=1e6,
        ),
        Parameter(
            name="hop_latency",
            default=float(_LATENCY.value),
            unit="us",
            label="time to cross one link",
            help="That of a TPU's link. For Groq no time of one hop was seen.",
            source=_LATENCY.source,
            low=0.001,
            high=1000.0,
        ),
        Parameter(
            name="link_bandwidth",
            default=float(_LINKS.value),
            unit="GB/s",
            label="bandwidth of all links of one card, each way",
            help="That of the first Groq chip over cables; set it together with the chip.",
            source=_LINKS.source,
            low=0.1,
            high=1e5,
        ),
        Parameter(
            name="bytes_per_activation",
            default=2.0,
            unit="B",
            label="bytes that one number of a message takes",
            help="Half precision, as in the measured all-reduces of the catalog.",
            source="assumption: fp16",
            low=0.5,
            high=8.0,
        ),
        BYTES_PER_ELEMENT,
        Parameter(
            name="context_length",
            default=int(catalog.value("gpt4_rumour.context_length")),
            unit="token",
            label="tokens in one sequence",
            help="The rumoured context of the model's training.",
            source="a rumour of July 2023, unconfirmed",
            low=1,
            high=1e7,
        ),
    )
)


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays."""

    weights: Bytes
    cards: Count
    shortfall: Bytes
    cards_per_stage: Count
    cards_in_stages: Count
    time_per_token: Seconds
    time_per_layer: Seconds
    read_time: Seconds
    time_per_all_reduce: Seconds
    time_left_per_all_reduce: Seconds
    hops_in_budget: Count
    message: Bytes
    fat_tree_hops: Count
    all_reduce_ring: Seconds
    all_reduce_torus_2d: Seconds
    all_reduce_torus_3d: Seconds
    all_reduce_fat_tree: Seconds
    all_reduce_dragonfly: Seconds
    all_reduce_direct: Seconds
    all_reduce_fat_tree_direct: Seconds
    all_reduce_torus_2d_direct: Seconds
    all_reduce_torus_3d_direct: Seconds
    kv_cache: Bytes
    kv_cache_batch: Bytes
    kv_cards: Count
    kv_copies: Count
    kv_batch_per_layer: Bytes
    active_share: Share
    experts_touched: Count
    read_share: Share
    read_time_active: Seconds


def conclude(
    model: Model,
    chip: Chip,
    bytes_per_parameter: Bytes,
    layers: Count,
    speed: TokensPerSecond,
    hidden_size: Count,
    head_dim: Count,
    batch_size: Count,
    micro_batch: Tokens,
    hop_latency: Seconds,
    link_bandwidth: BytesPerSecond,
    bytes_per_activation: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
) -> Conclusions:
    """What the model takes in cards, and what it leaves to their network.

    Args:
        model: its weights, experts and shape; its own layers count for the KV cache.
        chip: its memory and memory bandwidth.
        bytes_per_parameter: bytes a weight takes.
        layers: pipeline stages, one a layer.
        speed: output speed of one request.
        hidden_size: numbers in a token's hidden vector, for a model that has none of its own.
        head_dim: dimension of a KV head, for a model that has none of its own.
        batch_size: requests in decode.
        micro_batch: tokens that pass through a stage together.
        hop_latency: time to cross one link.
        link_bandwidth: bandwidth of all links of one card, each way.
        bytes_per_activation: bytes of a number in a message.
        bytes_per_element: bytes of an element of the KV cache.
        context_length: tokens in one sequence.
    """
    parameters = parameter_count(model)
    weight_bytes = weights(parameters, bytes_per_parameter)
    cards = cards_to_hold(weight_bytes, chip.memory)
    stage = cards_in_stage(cards, layers)
    token_time = time_of_token(speed)
    layer_time = time_of_layer(token_time, layers)
    read_time = layer_read_time(weight_bytes, layers, stage, chip.memory_bandwidth)
    budget = time_of_all_reduce(layer_time)
    model = shaped(model, hidden_size, head_dim)
    message = message_bytes(micro_batch, model.hidden_size, bytes_per_activation)
    times = all_reduce_times(stage, hop_latency, message, link_bandwidth)

    kv_sequence = model_kv_cache(model, context_length, bytes_per_element)
    kv_batch = kv_cache_of_batch(kv_sequence, batch_size)
    kv_token = model_kv_bytes_per_token(model, bytes_per_element)
    kv_layer = kv_cache(kv_token / model.layers, context_length)

    experts, per_token, active, size = mixture(model)
    touched = experts_of_batch(experts, per_token, batch_size)
    read = parameters_of_batch(active, touched, per_token, size)
    active_bytes = weights(active, bytes_per_parameter)
    return Conclusions(
        weights=weight_bytes,
        cards=cards,
        shortfall=bytes_on_last_card(weight_bytes, cards, chip.memory),
        cards_per_stage=stage,
        cards_in_stages=stage * layers,
        time_per_token=token_time,
        time_per_layer=layer_time,
        read_time=read_time,
        time_per_all_reduce=budget,
        time_left_per_all_reduce=time_of_all_reduce(maximum(layer_time - read_time, 0)),
        hops_in_budget=budget / hop_latency,
        message=message,
        fat_tree_hops=fat_tree_hops(fat_tree_levels(stage, SWITCH_PORTS)),
        **{f"all_reduce_{name}": time for name, time in times.items()},
        kv_cache=kv_sequence,
        kv_cache_batch=kv_batch,
        kv_cards=cards_to_hold(weight_bytes + kv_batch, chip.memory) - cards,
        kv_copies=copies_of_kv(stage, model.kv_heads),
        kv_batch_per_layer=kv_cache_of_batch(kv_layer, batch_size),
        active_share=active / parameters,
        experts_touched=touched,
        read_share=read / parameters,
        read_time_active=layer_read_time(active_bytes, layers, stage, chip.memory_bandwidth),
    )


LIVE = Live(
    chapter="gpt4_scale",
    title="Time of one all-reduce against the time to cross a link",
    description=(
        "Time of one all-reduce on a ring, a torus and a dragonfly, against the time to cross "
        "one link, beside the time that a layer leaves for it."
    ),
    across="hop_latency",
    span=(0.05, 20.0),
    across_title="Time to cross one link (µs)",
    curves=(
        Curve("all_reduce_ring", "ring", "3"),
        Curve("all_reduce_torus_2d", "2-D torus", "4"),
        Curve("all_reduce_dragonfly", "dragonfly", "1"),
        Curve("time_per_all_reduce", "time available", "2"),
    ),
    unit="us",
    unit_title="Time of one all-reduce (µs)",
    sliders=("speed", "layers", "batch_size", "context_length", "bytes_per_parameter"),
    sentence=(
        "At {hop_latency} a link the 2-D torus takes {all_reduce_torus_2d} and the dragonfly "
        "{all_reduce_dragonfly}; the layer leaves {time_per_all_reduce}."
    ),
    constants=("groq_lpu.memory", "groq_scale_out.latency_high"),
)
