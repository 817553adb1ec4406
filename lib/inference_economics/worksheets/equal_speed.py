"""What a token costs at equal speed, on SRAM chips and on GPUs: the chapter `equal_speed`."""

from __future__ import annotations

from dataclasses import replace

from inference_economics import inputs
from inference_economics.catalog import Chip, Model, value
from inference_economics.choices import NEEDS_OF_GPU, has_shape, in_hbm, sram_with_compute
from inference_economics.formulas import equal_speed as cost_of
from inference_economics.formulas.batching import cluster_throughput, memory_of_batch
from inference_economics.formulas.capacity import cards_to_hold
from inference_economics.formulas.capacity import weights as weights_of
from inference_economics.formulas.kv_cache import (
    NEEDS,
    kv_cache_of_batch,
    model_kv_cache,
    name_parameters,
)
from inference_economics.machines.clusters import ENGINE, gpu_options, interval, sram_options
from inference_economics.machines.frontier import Machine, crossover
from inference_economics.machines.published import unexplained_by
from inference_economics.serving import engines
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    Dollars,
    DollarsPerJoule,
    DollarsPerSecond,
    DollarsPerThroughput,
    DollarsPerToken,
    Ratio,
    Seconds,
    SecondsPerToken,
    Share,
    Tokens,
    TokensPerSecond,
    Watts,
)
from reckoner.declare.units import si
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live


def article_gpu_speed() -> TokensPerSecond:
    """Output speed of each request on the GPUs that the article compares with."""
    machine = value("perplexity_h100.throughput_per_gpu") * value("dgx_h100.gpus")
    return machine / value("article.batch_size")


def dgx_host_share() -> Ratio:
    """Price of a GPU's part of host and network for each dollar of the article's price of it."""
    host = value("dgx_h100.price") / (value("dgx_h100.gpus") * value("article.h100_price"))
    return float(f"{host - 1:.3g}")


def groq_floor() -> float:
    """What Groq's own speed of the article's model leaves unexplained in a layer, in us."""
    return float(f"{unexplained_by('groq_llama2_70b.output_speed') / si(1.0, 'us'):.3g}")


@worksheet
def conclude(
    model: Model = inputs.model("llama2_70b", *NEEDS, "hidden_size", only=has_shape),
    chip: Chip = inputs.chip(
        "groq_lpu", "the SRAM chip", "memory", "memory_bandwidth", only=sram_with_compute
    ),
    gpu: Chip = inputs.chip(
        "h100_sxm",
        "the GPU",
        *NEEDS_OF_GPU,
        only=in_hbm,
        help="The H100 that was sold and measured; the article writes of another memory.",
    ),
    engine: str = inputs.one_of(
        engines.ENGINES,
        ENGINE,
        "the GPU's serving engine",
        "The one whose runs of a model of this size on an H100 the book has.",
        source="the chapter serving",
    ),
    bytes_per_parameter: Bytes = inputs.MODEL_BYTES,
    bytes_per_element: Bytes = inputs.CACHE_BYTES,
    context_length: Tokens = inputs.changed(inputs.CONTEXT, low=2),
    output_tokens: Tokens = inputs.given(
        1024,
        "output tokens of a request; the rest is its input",
        "The article: the output is rarely longer.",
        unit="token",
        whole=True,
        low=1,
        high=1_000_000,
    ),
    target_speed: TokensPerSecond = inputs.given(
        lambda: float(f"{article_gpu_speed():.3g}"),
        "output speed that every user gets",
        "What each request gets from the H100s that the article compares with.",
        unit="token/s",
        low=0.1,
        high=1e5,
    ),
    layer_floor: Seconds = inputs.given(
        groq_floor,
        "further time in each layer that no limit here explains",
        "What Groq's own speed leaves unexplained in each layer; zero is the bound.",
        unit="us",
        low=0.0,
        high=1000.0,
        source="groq_llama2_70b.output_speed",
    ),
    node_cards: Count = inputs.NODE_CARDS,
    hop_latency: Seconds = inputs.HOP_LATENCY,
    link_bandwidth: BytesPerSecond = inputs.LINK_BANDWIDTH,
    bytes_per_activation: Bytes = inputs.BYTES_PER_ACTIVATION,
    bandwidth_share: Share = inputs.BANDWIDTH_SHARE,
    compute_share: Share = inputs.COMPUTE_SHARE,
    gpu_time_ratio: Ratio = inputs.given(
        1.0,
        "the GPU's true times over the predicted ones",
        "One takes the model of serving at its word.",
        unit="ratio",
        low=0.1,
        high=10.0,
        source="the chapter serving",
    ),
    card_price: Dollars = inputs.CARD_PRICE,
    gpu_price: Dollars = inputs.GPU_PRICE,
    host_share: Ratio = inputs.given(
        dgx_host_share,
        "price of host and network for each dollar of SRAM cards",
        "As for the GPU: no price of such a machine was seen.",
        unit="ratio",
        low=0.0,
        high=10.0,
        track=(0.0, 2.0),
        source="dgx_h100.price",
    ),
    gpu_host_share: Ratio = inputs.given(
        dgx_host_share,
        "the same for each dollar of GPUs",
        "The price of a DGX H100 over that of its GPUs at the article's price.",
        unit="ratio",
        low=0.0,
        high=10.0,
        track=(0.0, 2.0),
        source="dgx_h100.price",
    ),
    chip_power: Watts = inputs.CARD_POWER,
    load: Share = inputs.LOAD,
    busy_share: Share = inputs.BUSY,
    lifetime: Seconds = inputs.LIFETIME,
    electricity_price: DollarsPerJoule = inputs.ELECTRICITY_PRICE,
    overhead: Ratio = inputs.OVERHEAD,
) -> Lines:
    """What a token costs on two chips that give every user the same speed.

    The target speed and what a card costs may be expressions; the other inputs numbers or arrays.
    `capital_cost` and its fellows count as the article does: the price of cards alone.
    """
    # what a second of a card costs
    running = {"load": load, "overhead": overhead, "electricity_price": electricity_price}
    life = {"lifetime": lifetime, "busy_share": busy_share}
    card_rate: DollarsPerSecond = cost_of.cost_of_card_second(
        card_price, host_share, power=chip_power, **running, **life
    )
    gpu_rate: DollarsPerSecond = cost_of.cost_of_card_second(
        gpu_price, gpu_host_share, power=gpu.power, **running, **life
    )

    # the ways to run each chip
    request = {
        "bytes_per_parameter": bytes_per_parameter,
        "bytes_per_element": bytes_per_element,
        "context_length": context_length,
        "output_tokens": output_tokens,
    }
    network = {
        "node_cards": node_cards,
        "hop_latency": hop_latency,
        "link_bandwidth": link_bandwidth,
        "bytes_per_activation": bytes_per_activation,
        "bandwidth_share": bandwidth_share,
        "compute_share": compute_share,
    }
    sram = Machine(
        sram_options(model, chip, **request, **network, layer_floor=layer_floor), card_rate
    )
    bound = Machine(sram_options(model, chip, **request, **network, layer_floor=0.0), card_rate)
    hbm = Machine(gpu_options(model, gpu, engine, **request), gpu_rate, gpu_time_ratio)

    # at the target speed
    card_seconds: SecondsPerToken = sram.card_seconds(target_speed)
    gpu_seconds: SecondsPerToken = hbm.card_seconds(target_speed)
    cost: DollarsPerToken = cost_of.cost_of_output_token(card_rate, card_seconds)
    gpu_cost: DollarsPerToken = cost_of.cost_of_output_token(gpu_rate, gpu_seconds)
    low, high = (
        replace(hbm, time_ratio=gpu_time_ratio * end)
        for end in interval(engine, model, gpu, bytes_per_parameter)
    )
    gpu_cost_low: DollarsPerToken = low.cost(target_speed)
    gpu_cost_high: DollarsPerToken = high.cost(target_speed)
    cost_ratio: Ratio = cost / gpu_cost
    bound_cost: DollarsPerToken = bound.cost(target_speed)
    bound_ratio: Ratio = bound_cost / gpu_cost
    top_speed: TokensPerSecond = sram.top_speed
    gpu_top_speed: TokensPerSecond = hbm.top_speed
    bound_top_speed: TokensPerSecond = bound.top_speed
    crossover_speed: TokensPerSecond = crossover(sram, hbm)
    bound_crossover: TokensPerSecond = crossover(bound, hbm)
    break_even_price: Dollars = cost_of.card_price_at_cost(
        gpu_cost, card_seconds, power=chip_power, host_share=host_share, **running, **life
    )

    # the article's comparison on this scale
    article_batch = value("article.batch_size")
    article_weights = weights_of(name_parameters(model), bytes_per_parameter)
    article_cache = model_kv_cache(model, context_length, bytes_per_element)
    article_needed = memory_of_batch(
        article_weights, kv_cache_of_batch(article_cache, article_batch)
    )
    article_cards = cards_to_hold(article_needed, chip.memory)
    groq_speed = value("article.groq_output_speed")
    article_throughput = cluster_throughput(article_batch, groq_speed)
    article_card_seconds = cost_of.card_seconds_per_token(article_cards, article_throughput)
    article_cost: DollarsPerToken = cost_of.cost_of_output_token(card_rate, article_card_seconds)
    article_gpu_seconds = cost_of.card_seconds_per_token(
        1, value("perplexity_h100.throughput_per_gpu")
    )
    article_gpu_cost: DollarsPerToken = cost_of.cost_of_output_token(gpu_rate, article_gpu_seconds)
    article_ratio: Ratio = article_cost / article_gpu_cost
    article_speed: TokensPerSecond = groq_speed
    article_gpu_speed: TokensPerSecond = (
        value("perplexity_h100.throughput_per_gpu") * value("dgx_h100.gpus") / article_batch
    )
    article_speed_ratio: Ratio = article_speed / article_gpu_speed
    full_throughput: TokensPerSecond = cluster_throughput(article_batch, top_speed)

    # as the article counts
    capital_cost: DollarsPerThroughput = card_price * card_seconds
    gpu_throughput: TokensPerSecond = 1 / gpu_seconds
    gpu_capital_cost: DollarsPerThroughput = gpu_price * gpu_seconds
    return locals()


LIVE = Live(
    chapter="equal_speed",
    title="Cost of a token against the speed that every user gets",
    description=(
        "Cost of a million output tokens on SRAM cards, on SRAM cards at their own limits and "
        "on GPUs, against the speed of every user. The GPUs are cheapest at low speed; their "
        "cost rises steeply and ends where they cannot go faster."
    ),
    across="target_speed",
    span=(5.0, 3000.0),
    across_title="Speed of every user (token/s)",
    curves=(
        Curve("cost", "SRAM as published", "1"),
        Curve("bound_cost", "SRAM at its limits", "3"),
        Curve("gpu_cost", "GPU", "2"),
    ),
    unit="USD/Mtoken",
    unit_title="Cost (USD per million output tokens)",
    sliders=(
        "card_price",
        "gpu_price",
        "host_share",
        "gpu_host_share",
        "busy_share",
        "lifetime",
        "electricity_price",
        "overhead",
        "load",
        "chip_power",
    ),
    sentence=(
        "With these values a token at {target_speed} for every user costs {cost} on SRAM cards and "
        "{gpu_cost} on GPUs. The lines cross at {crossover_speed}, and GPUs give up at "
        "{gpu_top_speed}; at {target_speed} the two cost the same with SRAM cards at "
        "{break_even_price}."
    ),
    constants=(
        "article.groq_card_price",
        "article.h100_price",
        "groq_card.price",
        "dgx_h100.price",
        "groq_llama2_70b.output_speed",
        "groq_lpu.power",
        "electricity.us_industrial_2023",
        "data_centre.pue_2023",
        "server_life.amazon",
    ),
    ending=("cost", "bound_cost", "gpu_cost"),
)
