"""What a 1.8-trillion-parameter model asks of cards and of their network: `gpt4_scale`."""

from __future__ import annotations

from dataclasses import replace

from inference_economics.catalog import Model
from inference_economics.formulas.capacity import parameter_count
from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    Seconds,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.numeric import ceil, log2, maximum, root


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


@formula(gives="micro_batch", source="the time of two crossings, solved for the message")
def tokens_in_time(
    time_per_all_reduce: Seconds,
    cards_per_stage: Count,
    hops: Count,
    links_taken: Count,
    hop_latency: Seconds,
    message: Bytes,
    link_bandwidth: BytesPerSecond,
) -> Tokens:
    """Whole tokens whose sums cross the network twice in a time; the message is that of one token.

    The two minus signs turn rounding up into rounding down.
    """
    return maximum(
        -ceil(
            (2 * hops * hop_latency - time_per_all_reduce)
            * (cards_per_stage * link_bandwidth)
            / maximum(2 * (cards_per_stage - 1) * links_taken * message, 0)
        ),
        0,
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
