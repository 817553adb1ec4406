"""What a token costs at equal speed, on SRAM chips and on GPUs: the chapter `equal_speed`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.catalog.own import is_sram
from inference_economics.choices import NEEDS_OF_GPU as _NEEDS_OF_GPU
from inference_economics.choices import has_shape as _can_be_served
from inference_economics.formulas.batching import cluster_for, cluster_throughput
from inference_economics.formulas.capacity import weights
from inference_economics.formulas.equal_speed import (
    card_price_at_cost,
    card_seconds_per_token,
    cost_of_output_token,
    price_with_input,
)
from inference_economics.formulas.kv_cache import model_kv_cache, name_parameters
from inference_economics.inputs import ARTICLE, BUSY_SHARE, among, chip_choice
from inference_economics.machines.clusters import ENGINE, interval, machines, sram_machine
from inference_economics.machines.frontier import crossover
from inference_economics.machines.published import ASKED, Point, measured_points
from inference_economics.serving import engines as serving
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
from inference_economics.worksheets import batching as batching_sheet
from inference_economics.worksheets import margins as margins_sheet
from inference_economics.worksheets import occupancy as occupancy_sheet
from reckoner.declare.parameters import Parameter, Parameters
from reckoner.declare.units import si

_HOST = catalog.value("dgx_h100.price") / (
    catalog.value("dgx_h100.gpus") * catalog.value("article.h100_price")
)

_ARTICLE_GPU_SPEED = (
    catalog.value("perplexity_h100.throughput_per_gpu")
    * catalog.value("dgx_h100.gpus")
    / float(batching_sheet.PARAMETERS.defaults["batch_size"])
)

_DECLARED = {
    parameter.name: parameter
    for module in (occupancy_sheet, margins_sheet, batching_sheet)
    for parameter in module.PARAMETERS
}


def _published_floor() -> float:
    """What Groq's own speed of the article's model leaves unexplained in a layer, in us."""
    own = next(
        row for row in occupancy_sheet.published() if row.source == "groq_llama2_70b.output_speed"
    )
    return float(f"{own.unexplained / si(1.0, 'us'):.3g}")


PARAMETERS = Parameters(
    (
        among(_can_be_served, occupancy_sheet.PARAMETERS["model"]),
        occupancy_sheet.PARAMETERS["chip"],
        among(
            lambda key: not is_sram(key),
            replace(
                chip_choice("gpu", "h100_sxm", "the GPU", *_NEEDS_OF_GPU),
                help="The H100 that was sold and measured; the article writes of another memory.",
            ),
        ),
        Parameter(
            name="engine",
            default=ENGINE,
            unit="name",
            label="the GPU's serving engine",
            help="The one whose runs of a model of this size on an H100 the book has.",
            source="the chapter serving",
            choices=serving.ENGINES,
        ),
        _DECLARED["bytes_per_parameter"],
        _DECLARED["bytes_per_element"],
        replace(_DECLARED["context_length"], low=2),
        Parameter(
            name="output_tokens",
            default=1024,
            unit="token",
            label="output tokens of a request; the rest is its input",
            help="The article: the output is rarely longer.",
            source=ARTICLE,
            low=1,
            high=1_000_000,
        ),
        Parameter(
            name="target_speed",
            default=float(f"{_ARTICLE_GPU_SPEED:.3g}"),
            unit="token/s",
            label="output speed that every user gets",
            help="What each request gets from the H100s that the article compares with.",
            source=ARTICLE,
            low=0.1,
            high=100_000.0,
        ),
        replace(
            _DECLARED["layer_floor"],
            default=_published_floor(),
            help="What Groq's own speed leaves unexplained in each layer; zero is the bound.",
            source=catalog.constant("groq_llama2_70b.output_speed").source,
        ),
        *(
            _DECLARED[name]
            for name in (
                "node_cards", "hop_latency", "link_bandwidth", "bytes_per_activation",
                "bandwidth_share", "compute_share",
            )
        ),
        Parameter(
            name="gpu_time_ratio",
            default=1.0,
            unit="ratio",
            label="the GPU's true times over the predicted ones",
            help="One takes the model of serving at its word.",
            source="the chapter serving",
            low=0.1,
            high=10.0,
        ),
        _DECLARED["card_price"],
        _DECLARED["gpu_price"],
        Parameter(
            name="host_share",
            default=float(f"{_HOST - 1:.3g}"),
            unit="ratio",
            label="price of host and network for each dollar of SRAM cards",
            help="As for the GPU: no price of such a machine was seen.",
            source=catalog.constant("dgx_h100.price").source,
            low=0.0,
            high=10.0,
        ),
        Parameter(
            name="gpu_host_share",
            default=float(f"{_HOST - 1:.3g}"),
            unit="ratio",
            label="the same for each dollar of GPUs",
            help="The price of a DGX H100 over that of its GPUs at the article's price.",
            source=catalog.constant("dgx_h100.price").source,
            low=0.0,
            high=10.0,
        ),
        _DECLARED["chip_power"],
        _DECLARED["load"],
        BUSY_SHARE,
        _DECLARED["lifetime"],
        _DECLARED["electricity_price"],
        _DECLARED["overhead"],
    )
)  # fmt: skip


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays.

    Attributes:
        card_rate: what an SRAM card costs for each hour of work.
        gpu_rate: the same for a GPU.
        card_seconds: least work of SRAM cards for a token at the target speed.
        gpu_seconds: the same for GPUs.
        cost: what such a token costs on SRAM cards.
        gpu_cost: the same on GPUs.
        gpu_cost_low: the same at the lower end of the interval of serving's predictions.
        gpu_cost_high: the same at its upper end.
        cost_ratio: SRAM against GPU.
        bound_cost: cost on SRAM cards if their own limits were all that takes time.
        bound_ratio: that against the GPU.
        top_speed: the highest speed that SRAM cards give one request.
        gpu_top_speed: the highest that GPUs give.
        bound_top_speed: the highest that the SRAM cards' own limits allow.
        crossover_speed: the speed from which on SRAM costs no more than GPUs.
        bound_crossover: the same with their own limits alone.
        break_even_price: price of an SRAM card at which the two cost the same at the target speed.
        article_cost: cost of a token at the article's speed and batch, by its rule for cards.
        article_gpu_cost: the same for the throughput of the article's GPU.
        article_ratio: the two against each other: the article's comparison on this scale.
        article_speed: speed of each request on the article's cluster.
        article_gpu_speed: speed of each request on its GPUs.
        article_speed_ratio: the two speeds against each other.
        full_throughput: the article's batch with every request at the top speed.
        capital_cost: price of SRAM cards per throughput at the target speed, as the article counts.
        gpu_throughput: throughput of one GPU at the target speed.
        gpu_capital_cost: price of GPUs per throughput at the target speed.
    """

    card_rate: DollarsPerSecond
    gpu_rate: DollarsPerSecond
    card_seconds: SecondsPerToken
    gpu_seconds: SecondsPerToken
    cost: DollarsPerToken
    gpu_cost: DollarsPerToken
    gpu_cost_low: DollarsPerToken
    gpu_cost_high: DollarsPerToken
    cost_ratio: Ratio
    bound_cost: DollarsPerToken
    bound_ratio: Ratio
    top_speed: TokensPerSecond
    gpu_top_speed: TokensPerSecond
    bound_top_speed: TokensPerSecond
    crossover_speed: TokensPerSecond
    bound_crossover: TokensPerSecond
    break_even_price: Dollars
    article_cost: DollarsPerToken
    article_gpu_cost: DollarsPerToken
    article_ratio: Ratio
    article_speed: TokensPerSecond
    article_gpu_speed: TokensPerSecond
    article_speed_ratio: Ratio
    full_throughput: TokensPerSecond
    capital_cost: DollarsPerThroughput
    gpu_throughput: TokensPerSecond
    gpu_capital_cost: DollarsPerThroughput


def article_card_seconds(
    model: Model,
    chip: Chip,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
) -> tuple[SecondsPerToken, SecondsPerToken]:
    """Work of an SRAM card and of a GPU for a token, as the article has it at its batch."""
    weight_bytes = weights(name_parameters(model), bytes_per_parameter)
    cache = model_kv_cache(model, context_length, bytes_per_element)
    cluster = cluster_for(
        batching_sheet.PARAMETERS.defaults["batch_size"], weight_bytes, cache, chip.memory, 1.0,
        catalog.value("article.groq_output_speed"),
    )  # fmt: skip
    return (
        card_seconds_per_token(cluster.cards, cluster.throughput),
        card_seconds_per_token(1, catalog.value("perplexity_h100.throughput_per_gpu")),
    )


def conclude(
    model: Model,
    chip: Chip,
    gpu: Chip,
    engine: str,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    output_tokens: Tokens,
    target_speed: TokensPerSecond,
    layer_floor: Seconds,
    node_cards: Count,
    hop_latency: Seconds,
    link_bandwidth: BytesPerSecond,
    bytes_per_activation: Bytes,
    bandwidth_share: Share,
    compute_share: Share,
    gpu_time_ratio: Ratio,
    card_price: Dollars,
    gpu_price: Dollars,
    host_share: Ratio,
    gpu_host_share: Ratio,
    chip_power: Watts,
    load: Share,
    busy_share: Share,
    lifetime: Seconds,
    electricity_price: DollarsPerJoule,
    overhead: Ratio,
) -> Conclusions:
    """What a token costs on two chips that give every user the same speed.

    The target speed and what a card costs may be expressions; the other numbers or arrays.

    Args:
        model: the model.
        chip: the SRAM chip.
        gpu: the GPU; its power is the catalog's.
        engine: the GPU's serving engine.
        bytes_per_parameter: bytes a weight takes.
        bytes_per_element: bytes an element of the KV cache takes.
        context_length: tokens of each request, input and output.
        output_tokens: its output.
        target_speed: output speed that every user gets.
        layer_floor: further time in each layer on SRAM chips.
        node_cards: SRAM cards that are connected directly with each other.
        hop_latency: time to cross one of their links.
        link_bandwidth: bandwidth of all links of one SRAM card, each way.
        bytes_per_activation: bytes of a number in their messages.
        bandwidth_share: share of the SRAM's bandwidth that is reached.
        compute_share: share of the SRAM chip's peak compute that is reached.
        gpu_time_ratio: the GPU's true times over the predicted ones.
        card_price: price of one SRAM card.
        gpu_price: price of one GPU.
        host_share: price of host and network for each dollar of SRAM cards.
        gpu_host_share: the same for each dollar of GPUs.
        chip_power: power of one SRAM card.
        load: share of that power, and of the GPU's, which is drawn at work.
        busy_share: share of the lifetime in which the hardware works at full load.
        lifetime: time that a card is used.
        electricity_price: price of a joule.
        overhead: energy of the data centre per energy of its cards.
    """
    inputs = dict(locals())
    sram, hbm = machines(**inputs)
    bound = sram_machine(**{**inputs, "layer_floor": 0.0})
    low, high = (
        replace(hbm, time_ratio=gpu_time_ratio * end).cost(target_speed)
        for end in interval(engine, model)
    )
    cost, gpu_cost, bound_cost = (each.cost(target_speed) for each in (sram, hbm, bound))
    article, article_gpu = article_card_seconds(
        model, chip, bytes_per_parameter, bytes_per_element, context_length
    )
    article_cost = cost_of_output_token(sram.card_rate, article)
    article_gpu_cost = cost_of_output_token(hbm.card_rate, article_gpu)
    speed = catalog.value("article.groq_output_speed")
    with np.errstate(divide="ignore", invalid="ignore"):
        return Conclusions(
            card_rate=sram.card_rate,
            gpu_rate=hbm.card_rate,
            card_seconds=sram.card_seconds(target_speed),
            gpu_seconds=hbm.card_seconds(target_speed),
            cost=cost,
            gpu_cost=gpu_cost,
            gpu_cost_low=low,
            gpu_cost_high=high,
            cost_ratio=cost / gpu_cost,
            bound_cost=bound_cost,
            bound_ratio=bound_cost / gpu_cost,
            top_speed=sram.top_speed,
            gpu_top_speed=hbm.top_speed,
            bound_top_speed=bound.top_speed,
            crossover_speed=crossover(sram, hbm),
            bound_crossover=crossover(bound, hbm),
            break_even_price=card_price_at_cost(
                gpu_cost,
                sram.card_seconds(target_speed),
                power=chip_power,
                host_share=host_share,
                load=load,
                overhead=overhead,
                electricity_price=electricity_price,
                lifetime=lifetime,
                busy_share=busy_share,
            ),
            article_cost=article_cost,
            article_gpu_cost=article_gpu_cost,
            article_ratio=article_cost / article_gpu_cost,
            article_speed=speed,
            article_gpu_speed=_ARTICLE_GPU_SPEED,
            article_speed_ratio=speed / _ARTICLE_GPU_SPEED,
            full_throughput=cluster_throughput(
                batching_sheet.PARAMETERS.defaults["batch_size"], sram.top_speed
            ),
            capital_cost=card_price * sram.card_seconds(target_speed),
            gpu_throughput=1 / hbm.card_seconds(target_speed),
            gpu_capital_cost=gpu_price * hbm.card_seconds(target_speed),
        )


def published_points(
    model: Model, gpu: Chip, input_tokens: float, output_tokens: float, results: Conclusions
) -> list[Point]:
    """The article's two points, what was measured, and what services asked for the article's model.

    Args:
        model: the model.
        gpu: the GPU.
        input_tokens: input tokens of a request.
        output_tokens: its output tokens.
        results: what the chapter concludes for them.
    """
    found = [
        Point(
            "the article's Groq", "article", "article.groq_output_speed",
            results.article_speed, results.article_cost,
        ),
        Point(
            "the article's H100", "article", "perplexity_h100.throughput_per_gpu",
            results.article_gpu_speed, results.article_gpu_cost,
        ),
        *measured_points(model, gpu, output_tokens, results.gpu_rate),
    ]  # fmt: skip
    if model.key != batching_sheet.PARAMETERS.defaults["model"]:
        return found
    mlperf = "mlperf_v4_0_dgx_h100_server"
    seconds = card_seconds_per_token(1, catalog.value(f"{mlperf}.throughput_per_gpu"))
    found.append(
        Point(
            "MLPerf", "measured", f"{mlperf}.time_per_output_token",
            1 / catalog.value(f"{mlperf}.time_per_output_token"),
            cost_of_output_token(results.gpu_rate, seconds),
        )
    )  # fmt: skip
    for label, (speed, price) in ASKED.items():
        asked = price_with_input(
            catalog.value(f"{price}.output_price"),
            catalog.value(f"{price}.input_price"),
            input_tokens,
            output_tokens,
        )
        address = f"{speed}.output_speed"
        found.append(Point(label, "price asked", address, catalog.value(address), asked))
    return found


def price_scenarios() -> dict[str, dict[str, float]]:
    """Other prices of cards, by name; each row changes `conclude`'s arguments.

    Hosts stay as dear for each card as they are by default. A DGX H100 is a machine with its host.
    """
    value = catalog.value
    given = PARAMETERS.base({})

    def card(price: float) -> dict[str, float]:
        host = given["host_share"] * given["card_price"]
        return {"card_price": price, "host_share": host / price}

    def gpu(price: float) -> dict[str, float]:
        host = given["gpu_host_share"] * given["gpu_price"]
        return {"gpu_price": price, "gpu_host_share": host / price}

    machine = value("dgx_h100.price") / value("dgx_h100.gpus")
    at_cost = card(value("article.groq_card_cost"))
    return {
        "the article's prices": {},
        "list prices": {
            **card(value("groq_card.price")),
            "gpu_price": machine,
            "gpu_host_share": 0.0,
        },
        "Groq's cards at cost": at_cost,
        "both at cost": {**at_cost, **gpu(value("article.h100_cost"))},
    }
