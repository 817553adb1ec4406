"""What a 1.8-trillion-parameter model asks of cards and of their network: `gpt4_scale`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inference_economics import catalog, own
from inference_economics.capacity import cards_to_hold, parameter_count, weights
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
    BYTES_PER_ELEMENT,
    kv_cache,
    kv_cache_of_batch,
    model_kv_bytes_per_token,
    model_kv_cache,
)
from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.numeric import ceil, log2, maximum, root
from reckoner.declare.parameters import Parameter, Parameters


@formula(gives="shortfall", source="definition")
def bytes_on_last_card(needed: Bytes, cards: Count, memory: Bytes) -> Bytes:
    """Bytes on the last card: what one card fewer would leave without a place."""
    return needed - (cards - 1) * memory


@formula(gives="cards_per_stage", source="Li 2024, section 'The larger the model'")
def cards_in_stage(cards: Count, layers: Count) -> Count:
    """Whole cards in each pipeline stage when every layer is a stage of its own."""
    return ceil(cards / layers)


@formula(gives="time_per_token", source="definition")
def time_of_token(speed: TokensPerSecond) -> Seconds:
    """Time from one output token of a request to the next."""
    return 1 / speed


@formula(gives="time_per_layer", source="Li 2024, section 'The larger the model'")
def time_of_layer(time_per_token: Seconds, layers: Count) -> Seconds:
    """Time that each layer may take: a token passes through the layers one after another."""
    return time_per_token / layers


@formula(gives="time_per_all_reduce", source="shoeybi2019megatron; epoch2025inference")
def time_of_all_reduce(time_per_layer: Seconds) -> Seconds:
    """Time for each all-reduce of a layer: one follows attention, one the feed-forward block."""
    return time_per_layer / 2


@formula(gives="read_time", source="williams2009roofline")
def layer_read_time(
    weight_bytes: Bytes, layers: Count, cards_per_stage: Count, memory_bandwidth: BytesPerSecond
) -> Seconds:
    """Least time that a stage takes to read its layer once, each card its own share."""
    return weight_bytes / (layers * cards_per_stage * memory_bandwidth)


@formula(gives="message", source="shoeybi2019megatron")
def message_bytes(micro_batch: Tokens, hidden_size: Count, bytes_per_activation: Bytes) -> Bytes:
    """Bytes that an all-reduce sums: one hidden vector for each token in flight together."""
    return micro_batch * hidden_size * bytes_per_activation


@formula(gives="all_reduce_time", source="thakur2005collectives")
def all_reduce_on_ring(
    cards_per_stage: Count,
    hop_latency: Seconds,
    message: Bytes,
    link_bandwidth: BytesPerSecond,
) -> Seconds:
    """All-reduce around a ring: every step passes a piece on to the neighbour."""
    return 2 * (cards_per_stage - 1) * hop_latency + 2 * (cards_per_stage - 1) * message / (
        cards_per_stage * link_bandwidth
    )


@formula(gives="all_reduce_time", source="thakur2005collectives, ring by ring")
def all_reduce_on_torus(
    cards_per_stage: Count,
    dimensions: Count,
    hop_latency: Seconds,
    message: Bytes,
    link_bandwidth: BytesPerSecond,
) -> Seconds:
    """All-reduce on a torus with equal sides: rings along one dimension after another.

    Each dimension has its share of a card's links. The pieces shrink from ring to ring.
    """
    return 2 * dimensions * (root(cards_per_stage, dimensions) - 1) * hop_latency + 2 * (
        cards_per_stage - 1
    ) * dimensions * message / (cards_per_stage * link_bandwidth)


@formula(gives="hops", source="dally2004principles")
def torus_hops(cards_per_stage: Count, dimensions: Count) -> Count:
    """Links on the longest route through a torus: half-way round along each dimension."""
    return dimensions * root(cards_per_stage, dimensions) / 2


@formula(gives="links_taken", source="dally2004principles")
def torus_links_taken(hops: Count) -> Count:
    """Links on the mean route through a torus: half as many as on the longest."""
    return maximum(hops / 2, 1)


@formula(gives="levels", source="dally2004principles")
def fat_tree_levels(cards_per_stage: Count, switch_ports: Count) -> Count:
    """Levels of switches in the smallest full fat tree with room for the cards."""
    return maximum(ceil(log2(cards_per_stage / 2) / log2(switch_ports / 2)), 1)


@formula(gives="hops", source="dally2004principles")
def fat_tree_hops(levels: Count) -> Count:
    """Links on the longest route through a fat tree: up to the top and down again."""
    return 2 * levels


@formula(gives="all_reduce_time", source="thakur2005collectives, Rabenseifner's algorithm")
def all_reduce_by_halving(
    cards_per_stage: Count,
    hops: Count,
    links_taken: Count,
    hop_latency: Seconds,
    message: Bytes,
    link_bandwidth: BytesPerSecond,
) -> Seconds:
    """All-reduce by halving and doubling, every step charged the longest route."""
    return 2 * ceil(log2(cards_per_stage)) * hops * hop_latency + 2 * (
        cards_per_stage - 1
    ) * links_taken * message / (cards_per_stage * link_bandwidth)


@formula(gives="all_reduce_time", source="follows: one reduce-scatter and one all-gather")
def all_reduce_direct(
    cards_per_stage: Count,
    hops: Count,
    links_taken: Count,
    hop_latency: Seconds,
    message: Bytes,
    link_bandwidth: BytesPerSecond,
) -> Seconds:
    """All-reduce in two crossings: all send to all at once, then all send the sums back.

    Where cards pass on each other's messages, every byte takes up several of their links.
    """
    return 2 * hops * hop_latency + 2 * (cards_per_stage - 1) * links_taken * message / (
        cards_per_stage * link_bandwidth
    )


@formula(gives="kv_copies", source="llm-analysis; pope2022scaling")
def copies_of_kv(cards_per_stage: Count, kv_heads: Count) -> Count:
    """Copies of each KV head when the cards of a stage split attention by heads."""
    return maximum(cards_per_stage / kv_heads, 1)


@formula(gives="expert_parameters", source="follows: what the idle experts hold")
def expert_size(
    parameters: Count, active_parameters: Count, experts: Count, experts_per_token: Count
) -> Count:
    """Weights of one expert in all layers, from the total and the active parameters."""
    return (parameters - active_parameters) / (experts - experts_per_token)


@formula(gives="experts_touched", source="BLIS (inference-sim), roofline for experts")
def experts_of_batch(experts: Count, experts_per_token: Count, batch_size: Count) -> Count:
    """Experts of a layer that a batch uses, if every token chooses evenly and on its own."""
    return experts * (1 - maximum(1 - experts_per_token / experts, 0) ** batch_size)


@formula(gives="parameters_read", source="follows: active parameters and the further experts")
def parameters_of_batch(
    active_parameters: Count,
    experts_touched: Count,
    experts_per_token: Count,
    expert_parameters: Count,
) -> Count:
    """Weights that a step reads: those of one token, then each further expert once."""
    return active_parameters + (experts_touched - experts_per_token) * expert_parameters


DRAGONFLY_HOPS = catalog.value("dragonfly.hops")
SWITCH_PORTS = catalog.value("infiniband.switch_ports")
OWN_LINK = 1
"""Links of cards that a byte takes where switches pass it on: only its sender's."""
_LINKS = catalog.constant("groq_lpu.link_bandwidth_cabled")
_LATENCY = catalog.constant("tpu_ici.hop_latency")


def _goes_by_heads(key: str) -> bool:
    return not own.model(key).has("kv_rank")


def _heads_known() -> tuple[str, ...]:
    """Models whose KV cache goes by heads."""
    names = catalog.model_names()
    known = catalog.models("layers", "kv_heads")
    return tuple(key for key in known if names[key].attention != "MLA")


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


def shaped(model: Model, hidden_size: Count, head_dim: Count) -> Model:
    """The model with its own shape, and with the given sizes where its own is not known."""
    return replace(model, values={"hidden_size": hidden_size, "head_dim": head_dim, **model.values})


def mixture(model: Model) -> tuple[Count, Count, Count, Count]:
    """Experts, experts a token uses, active parameters, parameters of an expert.

    A dense model is a mixture of one expert that every token uses.
    """
    total = parameter_count(model)
    if not model.has("experts", "experts_per_token", "active_parameters"):
        return 1, 1, total, 0
    size = expert_size(total, model.active_parameters, model.experts, model.experts_per_token)
    return model.experts, model.experts_per_token, model.active_parameters, size


def all_reduce_times(
    cards_per_stage: Count, hop_latency: Seconds, message: Bytes, link_bandwidth: BytesPerSecond
) -> dict[str, Seconds]:
    """Time of one all-reduce by network and method.

    "Direct" means two crossings of the whole network. In a torus and in a dragonfly the cards
    pass on what others send. On a dragonfly each byte is charged the links of the longest route.
    """
    wires = (hop_latency, message, link_bandwidth)
    in_2d, in_3d = torus_hops(cards_per_stage, 2), torus_hops(cards_per_stage, 3)
    tree = fat_tree_hops(fat_tree_levels(cards_per_stage, SWITCH_PORTS)), OWN_LINK
    dragonfly = DRAGONFLY_HOPS, DRAGONFLY_HOPS
    return {
        "ring": all_reduce_on_ring(cards_per_stage, *wires),
        "torus_2d": all_reduce_on_torus(cards_per_stage, 2, *wires),
        "torus_3d": all_reduce_on_torus(cards_per_stage, 3, *wires),
        "fat_tree": all_reduce_by_halving(cards_per_stage, *tree, *wires),
        "dragonfly": all_reduce_by_halving(cards_per_stage, *dragonfly, *wires),
        "direct": all_reduce_direct(cards_per_stage, *dragonfly, *wires),
        "fat_tree_direct": all_reduce_direct(cards_per_stage, *tree, *wires),
        "torus_2d_direct": all_reduce_direct(
            cards_per_stage, in_2d, torus_links_taken(in_2d), *wires
        ),
        "torus_3d_direct": all_reduce_direct(
            cards_per_stage, in_3d, torus_links_taken(in_3d), *wires
        ),
    }


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
