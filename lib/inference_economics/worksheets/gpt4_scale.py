"""What a 1.8-trillion-parameter model asks of cards and of their network: `gpt4_scale`."""

from __future__ import annotations

from inference_economics import catalog, inputs
from inference_economics.catalog import Chip, Model
from inference_economics.catalog.own import is_sram
from inference_economics.choices import has_kv_heads
from inference_economics.formulas import gpt4_scale as scale
from inference_economics.formulas.capacity import cards_to_hold, parameter_count
from inference_economics.formulas.capacity import weights as weights_of
from inference_economics.formulas.kv_cache import kv_cache as cache_of
from inference_economics.formulas.kv_cache import (
    kv_cache_of_batch,
    model_kv_bytes_per_token,
    model_kv_cache,
)
from inference_economics.formulas.occupancy import micro_batch_of
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    Ratio,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.numeric import maximum
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live

SOFTWARE = ("tensorrt_llm", "sglang", "vllm", "nccl")
"""What an all-reduce was measured with, on the same GPUs."""


@worksheet
def conclude(
    model: Model = inputs.changed(
        inputs.model("gpt4_rumour", "layers", "kv_heads", only=has_kv_heads),
        help="A model of the catalog whose KV cache goes by heads.",
        source="a rumour of July 2023, unconfirmed; only the total is the article's",
    ),
    chip: Chip = inputs.chip(
        "groq_lpu", "the SRAM chip", "memory", "memory_bandwidth", only=is_sram
    ),
    bytes_per_parameter: Bytes = inputs.MODEL_BYTES,
    layers: Count = inputs.given(
        "article.gpt4_layers", "layers, each a pipeline stage",
        "The article assumes as many as LLaMA-2 70B has; the rumour says 120.",
        low=1, high=1000, track=(10, 200), whole=True,
    ),
    speed: TokensPerSecond = inputs.given(
        "article.groq_output_speed", "output speed of one request",
        "The speed that the article asks of the larger model.",
        low=1.0, high=1e5, track=(10.0, 5000.0),
    ),
    hidden_size: Count = inputs.given(
        "gpt3_175b.hidden_size",
        "hidden size of a model that has none in the catalog (GPT-3's, an assumption)",
        "No hidden size of GPT-4 was published or rumoured; other models have their own.",
        source="assumption, unverified: that of GPT-3", low=64, high=1e6, whole=True,
    ),
    head_dim: Count = inputs.given(
        "gpt3_175b.head_dim",
        "dimension of a head where the catalog has none (GPT-3's, an assumption)",
        "None was published or rumoured for GPT-4; other models have their own.",
        source="assumption, unverified: that of GPT-3", low=16, high=1024, whole=True,
    ),
    batch_size: Count = inputs.given(
        "article.batch_size", "requests in decode at once",
        "The batch that the article takes for the smaller model.",
        low=1, high=1e6, whole=True,
    ),
    micro_batch: Tokens = inputs.given(
        1, "tokens that pass through a stage together",
        "One is the best case for the network.",
        unit="token", source="assumption: the lightest message", whole=True,
        low=1, high=1e6, track=(1, 256),
    ),
    hop_latency: Seconds = inputs.HOP_LATENCY,
    link_bandwidth: BytesPerSecond = inputs.LINK_BANDWIDTH,
    bytes_per_activation: Bytes = inputs.BYTES_PER_ACTIVATION,
    bytes_per_element: Bytes = inputs.CACHE_BYTES,
    context_length: Tokens = inputs.given(
        "gpt4_rumour.context_length", "tokens in one sequence",
        "The rumoured context of the model's training.",
        unit="token", source="a rumour of July 2023, unconfirmed", low=1, high=1e7, whole=True,
    ),
) -> Lines:  # fmt: skip
    """What the model takes in cards, and what it leaves to their network.

    `layers` cut the cluster into stages; for the KV cache the model's own layers count. "Direct"
    means two crossings of the whole network. In a torus and in a dragonfly the cards pass on what
    others send. On a dragonfly each byte is charged the links of the longest route.
    """
    # the cards
    parameters = parameter_count(model)
    weights: Bytes = weights_of(parameters, bytes_per_parameter)
    cards: Count = cards_to_hold(weights, chip.memory)
    shortfall: Bytes = scale.bytes_on_last_card(weights, cards, chip.memory)
    cards_per_stage: Count = scale.cards_in_stage(cards, layers)
    cards_in_stages: Count = cards_per_stage * layers

    # the time
    time_per_token: Seconds = scale.time_of_token(speed)
    time_per_layer: Seconds = scale.time_of_layer(time_per_token, layers)
    read_time: Seconds = scale.layer_read_time(
        weights, layers, cards_per_stage, chip.memory_bandwidth
    )
    time_per_all_reduce: Seconds = scale.time_of_all_reduce(time_per_layer)
    time_left_per_all_reduce: Seconds = scale.time_of_all_reduce(
        maximum(time_per_layer - read_time, 0)
    )
    hops_in_budget: Count = time_per_all_reduce / hop_latency

    # the network
    sized = scale.shaped(model, hidden_size, head_dim)
    link_vs_catapult: Ratio = link_bandwidth / catalog.value("clicknp.line_rate")
    message: Bytes = scale.message_bytes(micro_batch, sized.hidden_size, bytes_per_activation)
    wires = (hop_latency, message, link_bandwidth)
    own_link = 1  # where switches pass a byte on, it takes up its sender's link alone
    switch_ports = catalog.value("infiniband.switch_ports")
    fat_tree_levels = scale.fat_tree_levels(cards_per_stage, switch_ports)
    fat_tree_hops: Count = scale.fat_tree_hops(fat_tree_levels)
    dragonfly_hops = catalog.value("dragonfly.hops")
    published_hop: Seconds = catalog.value("groq_scale_out.latency_high") / dragonfly_hops
    hops_2d = scale.torus_hops(cards_per_stage, 2)
    hops_3d = scale.torus_hops(cards_per_stage, 3)
    links_2d = scale.torus_links_taken(hops_2d)
    links_3d = scale.torus_links_taken(hops_3d)
    all_reduce_ring: Seconds = scale.all_reduce_on_ring(cards_per_stage, *wires)
    all_reduce_torus_2d: Seconds = scale.all_reduce_on_torus(cards_per_stage, 2, *wires)
    all_reduce_torus_3d: Seconds = scale.all_reduce_on_torus(cards_per_stage, 3, *wires)
    all_reduce_fat_tree: Seconds = scale.all_reduce_by_halving(
        cards_per_stage, fat_tree_hops, own_link, *wires
    )
    all_reduce_dragonfly: Seconds = scale.all_reduce_by_halving(
        cards_per_stage, dragonfly_hops, dragonfly_hops, *wires
    )
    all_reduce_direct: Seconds = scale.all_reduce_direct(
        cards_per_stage, dragonfly_hops, dragonfly_hops, *wires
    )
    token_message: Bytes = scale.message_bytes(1, sized.hidden_size, bytes_per_activation)
    tokens_in_time: Tokens = scale.tokens_in_time(
        time_left_per_all_reduce,
        cards_per_stage,
        dragonfly_hops,
        dragonfly_hops,
        hop_latency,
        token_message,
        link_bandwidth,
    )
    all_reduce_fat_tree_direct: Seconds = scale.all_reduce_direct(
        cards_per_stage, fat_tree_hops, own_link, *wires
    )
    all_reduce_torus_2d_direct: Seconds = scale.all_reduce_direct(
        cards_per_stage, hops_2d, links_2d, *wires
    )
    all_reduce_torus_3d_direct: Seconds = scale.all_reduce_direct(
        cards_per_stage, hops_3d, links_3d, *wires
    )

    # the cache
    kv_cache: Bytes = model_kv_cache(sized, context_length, bytes_per_element)
    kv_cache_batch: Bytes = kv_cache_of_batch(kv_cache, batch_size)
    kv_cards: Count = cards_to_hold(weights + kv_cache_batch, chip.memory) - cards
    kv_cards_share: Share = kv_cards / cards
    kv_copies: Count = scale.copies_of_kv(cards_per_stage, model.kv_heads)
    kv_of_token = model_kv_bytes_per_token(sized, bytes_per_element) / sized.layers
    kv_batch_per_layer: Bytes = kv_cache_of_batch(cache_of(kv_of_token, context_length), batch_size)

    # the experts
    experts, experts_per_token, active, expert_size = scale.mixture(model)
    active_share: Share = active / parameters
    experts_touched: Count = scale.experts_of_batch(experts, experts_per_token, batch_size)
    read = scale.parameters_of_batch(active, experts_touched, experts_per_token, expert_size)
    read_share: Share = read / parameters
    active_bytes = weights_of(active, bytes_per_parameter)
    read_time_active: Seconds = scale.layer_read_time(
        active_bytes, layers, cards_per_stage, chip.memory_bandwidth
    )

    # the batch spread over all stages, and a measured machine: GPUs behind one switch
    spread_micro_batch: Tokens = micro_batch_of(batch_size, layers)
    gpu = catalog.chip("h100_sxm")
    gpus = catalog.value("dgx_h100.gpus")
    gpu_message: Bytes = scale.message_bytes(
        1, catalog.value("llama2_70b.hidden_size"), catalog.value("bf16.bytes_per_parameter")
    )
    gpu_all_reduce: Seconds = scale.all_reduce_direct(
        gpus, scale.fat_tree_hops(1), own_link, hop_latency, gpu_message, gpu.link_bandwidth
    )
    measured = [gpu.values[f"all_reduce_16kib_{name}"] for name in SOFTWARE]
    gpu_fastest: Seconds = min(measured)
    gpu_slowest: Seconds = max(measured)
    software_ratio: Ratio = gpu_slowest / gpu_fastest
    return locals()


LIVE = Live(
    chapter="gpt4_scale",
    title="Time of one all-reduce against the time to cross a link",
    description=(
        "Time of one all-reduce on a ring, a torus and, in two ways, a dragonfly, against the time "
        "to cross one link, beside the time that reading the weights leaves for it."
    ),
    across="hop_latency",
    span=(0.05, 20.0),
    across_title="Time to cross one link (µs)",
    curves=(
        Curve("all_reduce_ring", "ring", "2"),
        Curve("all_reduce_torus_2d", "2-D torus", "3"),
        Curve("all_reduce_dragonfly", "dragonfly by halving", "5"),
        Curve("all_reduce_direct", "dragonfly in two crossings", "1"),
        Curve("time_left_per_all_reduce", "time left", "6"),
    ),
    unit="us",
    unit_title="Time of one all-reduce (µs)",
    sliders=("speed", "layers", "micro_batch", "link_bandwidth", "bytes_per_parameter"),
    sentence=(
        "At {hop_latency} a link the 2-D torus takes {all_reduce_torus_2d} and the dragonfly "
        "{all_reduce_direct} in two crossings, {all_reduce_dragonfly} by halving; reading the "
        "weights leaves {time_left_per_all_reduce}."
    ),
    constants=("groq_lpu.memory", "groq_scale_out.latency_high", "groq_lpu.link_bandwidth_cabled"),
    ending=("time_left_per_all_reduce",),
)
