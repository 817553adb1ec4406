"""What is left when chips are paid at cost, and electricity's part of it: the chapter `margins`."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.formulas.batching import capital_cost, cluster_for
from inference_economics.formulas.capacity import price_of_cluster, weights
from inference_economics.formulas.kv_cache import model_kv_cache, name_parameters
from inference_economics.formulas.margins import (
    break_even_time,
    cost_per_token_of_life,
    electricity_of_card,
    energy_efficiency,
    gross_margin,
    margin_of,
    price_with_electricity,
    share_of_electricity,
)
from inference_economics.inputs import ARTICLE, chip_choice
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
from inference_economics.worksheets import batching as batching_sheet
from reckoner.declare.parameters import Parameter, Parameters


def _cost(name: str, default: float, label: str) -> Parameter:
    return Parameter(
        name=name,
        default=default,
        unit="USD",
        label=label,
        help="The article's guess of what making it costs, without research and software.",
        source=ARTICLE,
        low=1.0,
        high=1e7,
    )


_SHARED = {parameter.name: parameter for parameter in batching_sheet.PARAMETERS}


PARAMETERS = Parameters(
    (
        _SHARED["model"],
        _SHARED["chip"],
        chip_choice("gpu", "h100_96gb", "the GPU to compare with", "memory", "power"),
        _SHARED["bytes_per_parameter"],
        _SHARED["bytes_per_element"],
        _SHARED["context_length"],
        _SHARED["batch_size"],
        _SHARED["speed"],
        _SHARED["gpu_throughput"],
        _SHARED["card_price"],
        _cost("card_cost", 1000.0, "cost price of one SRAM card"),
        _SHARED["gpu_price"],
        _cost("gpu_cost", 2000.0, "cost price of one GPU"),
        Parameter(
            name="electricity_price",
            default=0.0806,
            unit="USD/kWh",
            label="price of electricity",
            help="US industry, mean of 2023; the article names no price.",
            source=catalog.constant("electricity.us_industrial_2023").source,
            low=0.001,
            high=2.0,
        ),
        Parameter(
            name="overhead",
            default=1.58,
            unit="ratio",
            label="energy of the data centre per energy of its cards (PUE)",
            help="Mean of a survey of 2023; the large clouds report less.",
            source=catalog.constant("data_centre.pue_2023").source,
            low=1.0,
            high=5.0,
        ),
        Parameter(
            name="lifetime",
            default=5.0,
            unit="year",
            label="years that a card is used",
            help="The large clouds write servers off over five to six years.",
            source=catalog.constant("server_life.amazon").source,
            low=0.1,
            high=50.0,
        ),
        Parameter(
            name="chip_power",
            default=215.0,
            unit="W",
            label="power of one SRAM card (TDP)",
            help="Set it when you choose another chip; no document of the maker was seen for it.",
            source=ARTICLE,
            low=0.1,
            high=100_000.0,
        ),
        Parameter(
            name="load",
            default=1.0,
            unit="share",
            label="share of its TDP that a card draws on average",
            help="The article reckons with the full TDP.",
            source=ARTICLE,
            low=0.01,
            high=1.0,
        ),
    )
)


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays.

    Attributes:
        cards: SRAM cards that hold the weights and the batch's KV cache.
        cluster_at_cost: their cost price together.
        throughput: what they give at this batch size.
        cost_at_cost: capital cost per token/s of the cluster at cost price.
        gpu_cost_at_list: that of the GPU at list price.
        list_gpu_vs_cost_chip: how many times dearer the GPU at list price is.
        gpu_cost_fraction: the GPU's cost price as a fraction of its list price.
        gpu_cost_at_cost: capital cost per token/s of the GPU at cost price.
        cost_gpu_vs_cost_chip: the GPU against the cluster, both at cost price.
        chip_margin: share of the SRAM card's list price that is not its cost price.
        gpu_margin: the same for the GPU.
        electricity: electricity of one SRAM card in its life.
        gpu_electricity: the same for the GPU.
        electricity_share: electricity's share of a SRAM card's cost price plus electricity.
        gpu_electricity_share: the same for the GPU.
        break_even: time after which electricity has cost as much as the SRAM card at cost price.
        gpu_break_even: the same for the GPU.
        break_even_at_list: the same for the SRAM card at list price.
        gpu_break_even_at_list: the same for the GPU at list price.
        lifetime: time of use.
        with_electricity: `cost_at_cost` with the electricity of a life.
        gpu_with_electricity: the same for the GPU.
        gpu_vs_chip_with_electricity: the GPU against the cluster, at cost and with electricity.
        token_cost: cost of a token from the cluster at cost price with electricity.
        gpu_token_cost: the same from the GPU.
        tokens_per_joule: tokens for each joule that the cluster's cards draw.
        gpu_tokens_per_joule: the same for the GPU.
        measured_tokens_per_joule: measured at the wall on a system of eight H200.
        nvidia_margin: NVIDIA's net margin in the quarter that ended in January 2024.
        nvidia_margin_before: in the quarter before, the last one known until 21 February 2024.
        nvidia_margin_year: in the whole fiscal year 2024.
        nvidia_gross_margin: its gross margin in the quarter that ended in January 2024.
        nvidia_vs_alibaba: NVIDIA's revenue in that quarter against Alibaba's to December 2023.
        nvidia_vs_alibaba_before: NVIDIA's revenue in the quarter before against the same.
        consumer_power: board power of the RTX 4090.
        consumer_vs_chip_power: that power against the SRAM card's.
        venture_low: lower end of the sum reported for the chip venture.
        venture_high: upper end of it.
    """

    cards: Count
    cluster_at_cost: Dollars
    throughput: TokensPerSecond
    cost_at_cost: DollarsPerThroughput
    gpu_cost_at_list: DollarsPerThroughput
    list_gpu_vs_cost_chip: Ratio
    gpu_cost_fraction: Ratio
    gpu_cost_at_cost: DollarsPerThroughput
    cost_gpu_vs_cost_chip: Ratio
    chip_margin: Share
    gpu_margin: Share
    electricity: Dollars
    gpu_electricity: Dollars
    electricity_share: Share
    gpu_electricity_share: Share
    break_even: Seconds
    gpu_break_even: Seconds
    break_even_at_list: Seconds
    gpu_break_even_at_list: Seconds
    lifetime: Seconds
    with_electricity: DollarsPerThroughput
    gpu_with_electricity: DollarsPerThroughput
    gpu_vs_chip_with_electricity: Ratio
    token_cost: DollarsPerToken
    gpu_token_cost: DollarsPerToken
    tokens_per_joule: TokensPerJoule
    gpu_tokens_per_joule: TokensPerJoule
    measured_tokens_per_joule: TokensPerJoule
    nvidia_margin: Share
    nvidia_margin_before: Share
    nvidia_margin_year: Share
    nvidia_gross_margin: Share
    nvidia_vs_alibaba: Ratio
    nvidia_vs_alibaba_before: Ratio
    consumer_power: Watts
    consumer_vs_chip_power: Ratio
    venture_low: Dollars
    venture_high: Dollars


def conclude(
    model: Model,
    chip: Chip,
    gpu: Chip,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    batch_size: Count,
    speed: TokensPerSecond,
    gpu_throughput: TokensPerSecond,
    card_price: Dollars,
    card_cost: Dollars,
    gpu_price: Dollars,
    gpu_cost: Dollars,
    electricity_price: DollarsPerJoule,
    overhead: Ratio,
    lifetime: Seconds,
    chip_power: Watts,
    load: Share,
) -> Conclusions:
    """What two machines cost at cost price, and how soon electricity costs more.

    Args:
        model: the model served; its nominal parameter count is used where it has one.
        chip: the SRAM chip, whose memory sets the number of cards.
        gpu: the chip it is compared with; its power is the catalog's.
        bytes_per_parameter: bytes a weight takes.
        bytes_per_element: bytes an element of the KV cache takes.
        context_length: tokens of each request, prompt and output.
        batch_size: requests served at once by the cluster.
        speed: output speed of each of them.
        gpu_throughput: throughput of one GPU.
        card_price: list price of one SRAM card.
        card_cost: its cost price.
        gpu_price: list price of one GPU.
        gpu_cost: its cost price.
        electricity_price: price of a joule.
        overhead: energy of the data centre per energy of its cards.
        lifetime: time that a card is used.
        chip_power: power of one SRAM card.
        load: share of that power, and of the GPU's, which is drawn on average.
    """
    weight_bytes = weights(name_parameters(model), bytes_per_parameter)
    request = model_kv_cache(model, context_length, bytes_per_element)
    cluster = cluster_for(batch_size, weight_bytes, request, chip.memory, card_cost, speed)
    gpu_cost_at_list = capital_cost(gpu_price, gpu_throughput)
    gpu_cost_at_cost = capital_cost(gpu_cost, gpu_throughput)

    running = {"load": load, "overhead": overhead, "electricity_price": electricity_price}
    electricity = electricity_of_card(power=chip_power, lifetime=lifetime, **running)
    gpu_electricity = electricity_of_card(power=gpu.power, lifetime=lifetime, **running)
    card_in_life = price_with_electricity(card_cost, electricity)
    with_electricity = capital_cost(
        price_of_cluster(cluster.cards, card_in_life), cluster.throughput
    )
    gpu_in_life = price_with_electricity(gpu_cost, gpu_electricity)
    gpu_with_electricity = capital_cost(gpu_in_life, gpu_throughput)

    alibaba = catalog.value("alibaba_q4_2023.revenue")
    consumer_power = catalog.value("rtx_4090.power")
    return Conclusions(
        cards=cluster.cards,
        cluster_at_cost=cluster.price,
        throughput=cluster.throughput,
        cost_at_cost=cluster.cost,
        gpu_cost_at_list=gpu_cost_at_list,
        list_gpu_vs_cost_chip=gpu_cost_at_list / cluster.cost,
        gpu_cost_fraction=gpu_cost / gpu_price,
        gpu_cost_at_cost=gpu_cost_at_cost,
        cost_gpu_vs_cost_chip=gpu_cost_at_cost / cluster.cost,
        chip_margin=gross_margin(card_cost, card_price),
        gpu_margin=gross_margin(gpu_cost, gpu_price),
        electricity=electricity,
        gpu_electricity=gpu_electricity,
        electricity_share=share_of_electricity(electricity, card_cost),
        gpu_electricity_share=share_of_electricity(gpu_electricity, gpu_cost),
        break_even=break_even_time(card_cost, chip_power, **running),
        gpu_break_even=break_even_time(gpu_cost, gpu.power, **running),
        break_even_at_list=break_even_time(card_price, chip_power, **running),
        gpu_break_even_at_list=break_even_time(gpu_price, gpu.power, **running),
        lifetime=lifetime,
        with_electricity=with_electricity,
        gpu_with_electricity=gpu_with_electricity,
        gpu_vs_chip_with_electricity=gpu_with_electricity / with_electricity,
        token_cost=cost_per_token_of_life(with_electricity, lifetime),
        gpu_token_cost=cost_per_token_of_life(gpu_with_electricity, lifetime),
        tokens_per_joule=energy_efficiency(cluster.throughput, cluster.cards, chip_power, load),
        gpu_tokens_per_joule=energy_efficiency(gpu_throughput, 1, gpu.power, load),
        measured_tokens_per_joule=catalog.value("mlperf_v4_1_8xh200_maxq.energy_efficiency"),
        nvidia_margin=margin_of("q4_fy2024"),
        nvidia_margin_before=margin_of("q3_fy2024"),
        nvidia_margin_year=margin_of("fy2024"),
        nvidia_gross_margin=catalog.value("nvidia_q4_fy2024.gross_margin"),
        nvidia_vs_alibaba=catalog.value("nvidia_q4_fy2024.revenue") / alibaba,
        nvidia_vs_alibaba_before=catalog.value("nvidia_q3_fy2024.revenue") / alibaba,
        consumer_power=consumer_power,
        consumer_vs_chip_power=consumer_power / chip_power,
        venture_low=catalog.value("altman_chip_venture.raise_low"),
        venture_high=catalog.value("altman_chip_venture.raise_high"),
    )
