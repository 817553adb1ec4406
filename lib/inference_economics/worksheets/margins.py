"""What is left when chips are paid at cost, and electricity's part of it: the chapter `margins`."""

from __future__ import annotations

from inference_economics import inputs
from inference_economics.catalog import Chip, Model, value
from inference_economics.formulas import batching, capacity, kv_cache, margins
from inference_economics.units import (
    Bytes,
    Count,
    Dollars,
    DollarsPerJoule,
    DollarsPerThroughput,
    DollarsPerToken,
    Ratio,
    Seconds,
    Share,
    Tokens,
    TokensPerJoule,
    TokensPerSecond,
    Watts,
)
from reckoner.declare.numeric import maximum
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live


@worksheet
def conclude(
    model: Model = inputs.model("llama2_70b", *kv_cache.NEEDS),
    chip: Chip = inputs.chip("groq_lpu", "the chip of the cluster", "memory"),
    gpu: Chip = inputs.chip("h100_96gb", "the GPU to compare with", "memory", "power"),
    bytes_per_parameter: Bytes = inputs.MODEL_BYTES,
    bytes_per_element: Bytes = inputs.CACHE_BYTES,
    context_length: Tokens = inputs.CONTEXT,
    batch_size: Count = inputs.BATCH,
    speed: TokensPerSecond = inputs.SPEED,
    gpu_throughput: TokensPerSecond = inputs.GPU_THROUGHPUT,
    card_price: Dollars = inputs.CARD_PRICE,
    card_cost: Dollars = inputs.CARD_COST,
    gpu_price: Dollars = inputs.GPU_PRICE,
    gpu_cost: Dollars = inputs.GPU_COST,
    electricity_price: DollarsPerJoule = inputs.ELECTRICITY_PRICE,
    overhead: Ratio = inputs.OVERHEAD,
    lifetime: Seconds = inputs.LIFETIME,
    chip_power: Watts = inputs.CARD_POWER,
    load: Share = inputs.LOAD,
) -> Lines:
    """What two machines cost at cost price, and how soon electricity costs more.

    The power of the GPU is the catalog's; `load` is the share drawn of both powers.
    """
    weights = capacity.weights(kv_cache.name_parameters(model), bytes_per_parameter)
    request = kv_cache.model_kv_cache(model, context_length, bytes_per_element)
    needed = batching.memory_of_batch(weights, kv_cache.kv_cache_of_batch(request, batch_size))
    cards: Count = capacity.cards_to_hold(needed, chip.memory)
    cluster_at_cost: Dollars = capacity.price_of_cluster(cards, card_cost)
    throughput: TokensPerSecond = batching.cluster_throughput(batch_size, speed)

    gpu_batch: Count = value("article.batch_size")

    # cost price against list price
    cost_at_cost: DollarsPerThroughput = batching.capital_cost(cluster_at_cost, throughput)
    gpu_cost_at_list: DollarsPerThroughput = batching.capital_cost(gpu_price, gpu_throughput)
    list_gpu_vs_cost_chip: Ratio = gpu_cost_at_list / cost_at_cost
    gpu_cost_fraction: Ratio = gpu_cost / gpu_price
    gpu_cost_at_cost: DollarsPerThroughput = batching.capital_cost(gpu_cost, gpu_throughput)
    cost_gpu_vs_cost_chip: Ratio = gpu_cost_at_cost / cost_at_cost
    chip_margin: Share = margins.gross_margin(card_cost, card_price)
    gpu_margin: Share = margins.gross_margin(gpu_cost, gpu_price)

    # electricity of a life
    def electricity_of(power: Watts) -> Dollars:
        return margins.electricity_of_card(power, load, overhead, lifetime, electricity_price)

    def break_even_of(price: Dollars, power: Watts, overhead: Ratio = overhead) -> Seconds:
        return margins.break_even_time(price, power, load, overhead, electricity_price)

    electricity: Dollars = electricity_of(chip_power)
    gpu_electricity: Dollars = electricity_of(gpu.power)
    electricity_share: Share = margins.share_of_electricity(electricity, card_cost)
    gpu_electricity_share: Share = margins.share_of_electricity(gpu_electricity, gpu_cost)
    break_even: Seconds = break_even_of(card_cost, chip_power)
    gpu_break_even: Seconds = break_even_of(gpu_cost, gpu.power)
    break_even_at_list: Seconds = break_even_of(card_price, chip_power)
    gpu_break_even_at_list: Seconds = break_even_of(gpu_price, gpu.power)

    # both together, on the clusters and on a token
    card_in_life = margins.price_with_electricity(card_cost, electricity)
    gpu_in_life = margins.price_with_electricity(gpu_cost, gpu_electricity)
    with_electricity: DollarsPerThroughput = batching.capital_cost(
        capacity.price_of_cluster(cards, card_in_life), throughput
    )
    gpu_with_electricity: DollarsPerThroughput = batching.capital_cost(gpu_in_life, gpu_throughput)
    gpu_vs_chip_with_electricity: Ratio = gpu_with_electricity / with_electricity
    token_cost: DollarsPerToken = margins.cost_per_token_of_life(with_electricity, lifetime)
    gpu_token_cost: DollarsPerToken = margins.cost_per_token_of_life(gpu_with_electricity, lifetime)
    tokens_per_joule: TokensPerJoule = margins.energy_efficiency(
        throughput, cards, chip_power, load
    )
    gpu_tokens_per_joule: TokensPerJoule = margins.energy_efficiency(
        gpu_throughput, 1, gpu.power, load
    )
    most_tokens_per_joule: TokensPerJoule = margins.energy_efficiency(
        speed, request / chip.memory, chip_power, load
    )
    board_tokens_per_joule: TokensPerJoule = margins.energy_efficiency(
        throughput, cards, value("groq_card.power"), load
    )
    tokens_per_joule_ratio: Ratio = tokens_per_joule / gpu_tokens_per_joule
    measured_tokens_per_joule: TokensPerJoule = value("mlperf_v4_1_8xh200_maxq.energy_efficiency")
    measured_vs_paper: Ratio = measured_tokens_per_joule / maximum(
        tokens_per_joule, gpu_tokens_per_joule
    )

    # the companies; the article could know NVIDIA's third quarter, from 21 February its fourth
    nvidia_margin: Share = margins.margin_of("q4_fy2024")
    nvidia_margin_before: Share = margins.margin_of("q3_fy2024")
    nvidia_margin_year: Share = margins.margin_of("fy2024")
    nvidia_gross_margin: Share = value("nvidia_q4_fy2024.gross_margin")
    alibaba = value("alibaba_q4_2023.revenue")
    nvidia_vs_alibaba: Ratio = value("nvidia_q4_fy2024.revenue") / alibaba
    nvidia_vs_alibaba_before: Ratio = value("nvidia_q3_fy2024.revenue") / alibaba
    consumer_power: Watts = value("rtx_4090.power")
    consumer_vs_chip_power: Ratio = consumer_power / chip_power
    venture_low: Dollars = value("altman_chip_venture.raise_low")
    venture_high: Dollars = value("altman_chip_venture.raise_high")

    # prices that services asked early in 2024, and what the cards cost to make
    groq_asked = value("groq_llama2_70b.output_price")
    asked_vs_anyscale: Ratio = groq_asked / value("anyscale_llama2_70b.output_price")
    asked_vs_together: Ratio = groq_asked / value("together_70b_tier.output_price")
    guessed_cost_ratio: Ratio = gpu_cost / card_cost
    making_ratio: Ratio = value("h100_sxm.manufacturing_cost") / value(
        "groq_card.manufacturing_cost"
    )

    # other estimates of the GPU's cost price and of the overhead
    reported_margin: Share = margins.gross_margin(
        value("h100_sxm.manufacturing_cost"), value("h100_sxm.price")
    )
    break_even_in_cloud: Seconds = break_even_of(
        card_cost, chip_power, value("data_centre.pue_hyperscale_low")
    )
    return locals()


LIVE = Live(
    chapter="margins",
    title="Cost per token/s at cost price, with the electricity of a life",
    description=(
        "What a token per second costs at cost price on the SRAM cluster and on one GPU, the cards "
        "alone as level lines, and with the electricity of the years in use as rising ones."
    ),
    across="lifetime",
    span=(0.5, 12.0),
    across_title="Years in use (years)",
    curves=(
        Curve("with_electricity", "SRAM cluster with electricity", "1"),
        Curve("cost_at_cost", "its cards alone", "4"),
        Curve("gpu_with_electricity", "GPU with electricity", "2"),
        Curve("gpu_cost_at_cost", "its card alone", "5"),
    ),
    unit="USD/(token/s)",
    unit_title="Cost (USD per token/s)",
    sliders=(
        *("card_cost", "gpu_cost", "speed", "gpu_throughput", "batch_size"),
        *("electricity_price", "overhead", "load", "chip_power"),
    ),
    sentence=(
        "Over {lifetime} a token per second costs {with_electricity} on the SRAM cluster and "
        "{gpu_with_electricity} on the GPU. Electricity is {electricity_share} and "
        "{gpu_electricity_share} of that; it overtakes the cards after {break_even} and "
        "{gpu_break_even}."
    ),
    constants=(
        "electricity.us_industrial_2023",
        "data_centre.pue_2023",
        "groq_lpu.power",
        "h100_sxm.power",
        "perplexity_h100.throughput_per_gpu",
    ),
)
