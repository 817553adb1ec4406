"""What a token costs at equal speed, on SRAM chips and on GPUs: the chapter `equal_speed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inference_economics import batching, catalog, margins, occupancy, own, serving
from inference_economics.batching import cluster_for, cluster_throughput
from inference_economics.capacity import weights
from inference_economics.catalog import Chip, MissingConstantError, Model
from inference_economics.choices import ARTICLE, BUSY_SHARE, among, chip_choice, is_sram
from inference_economics.kv_cache import model_kv_cache, name_parameters
from inference_economics.measurements import RUNS, models_of_runs, runs
from inference_economics.occupancy import peak_compute, spatial_frontier, spatial_pipeline
from inference_economics.prefill_caching import attention_width
from inference_economics.quantities import formula
from inference_economics.serving import attention_time, fitted, run_on, serve
from inference_economics.serving_rows import lifetime as lifetime_of_request
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
from reckoner.declare.numeric import maximum, minimum, where
from reckoner.declare.parameters import Parameter, Parameters
from reckoner.declare.units import si

# What a card costs while it works


@formula(
    gives="card_rate", source="follows: written off over the busy hours, and their electricity"
)
def cost_of_card_second(
    card_price: Dollars,
    host_share: Ratio,
    lifetime: Seconds,
    busy_share: Share,
    power: Watts,
    load: Share,
    overhead: Ratio,
    electricity_price: DollarsPerJoule,
) -> DollarsPerSecond:
    """What a card costs for each second of work: its price with host, and its electricity.

    The price is spread over the seconds in which it works at full load; the idle ones earn nothing.
    """
    return (
        card_price * (1 + host_share) / (lifetime * busy_share)
        + power * load * overhead * electricity_price
    )


@formula(gives="card_seconds", source="definition")
def card_seconds_per_token(cards: Count, throughput: TokensPerSecond) -> SecondsPerToken:
    """Seconds of work of one card that one output token takes."""
    return cards / throughput


@formula(gives="token_cost", source="definition")
def cost_of_output_token(
    card_rate: DollarsPerSecond, card_seconds: SecondsPerToken
) -> DollarsPerToken:
    """Cost of an output token, its share of the prefill included."""
    return card_rate * card_seconds


@formula(gives="card_price", source="the cost of a token, solved for the price of a card")
def card_price_at_cost(
    token_cost: DollarsPerToken,
    card_seconds: SecondsPerToken,
    power: Watts,
    load: Share,
    overhead: Ratio,
    electricity_price: DollarsPerJoule,
    lifetime: Seconds,
    busy_share: Share,
    host_share: Ratio,
) -> Dollars:
    """Price of a card at which a token costs so much; negative if electricity alone costs more."""
    return (
        (token_cost / card_seconds - power * load * overhead * electricity_price)
        * lifetime
        * busy_share
        / (1 + host_share)
    )


@formula(gives="token_price", source="definition")
def price_with_input(
    output_price: DollarsPerToken,
    input_price: DollarsPerToken,
    input_tokens: Tokens,
    output_tokens: Tokens,
) -> DollarsPerToken:
    """What a customer pays for each output token, the input that came before it included."""
    return output_price + input_price * input_tokens / output_tokens


# Prefill in a pipeline


@formula(gives="prefill_work", source="follows: the layers of a prompt, spread over the stages")
def work_of_prefill(
    layers: Count, layer_time: Seconds, stages: Count, attention_time: Seconds
) -> Seconds:
    """Mean time for which the prefill of one request keeps each stage busy."""
    return layers * layer_time / stages + attention_time


@formula(gives="output_time", source="follows: a stage does one thing at a time")
def output_time_with_newcomers(
    time_per_token: Seconds,
    occupancy: Share,
    batch_size: Count,
    prefill_work: Seconds,
    output_tokens: Tokens,
) -> Seconds:
    """Time per output token if stages use their idle time for the prefill of newcomers.

    Each request brings one prefill for all its output; what idle time does not hold delays all.
    """
    return maximum(
        time_per_token, occupancy * time_per_token + batch_size * prefill_work / output_tokens
    )


# The ways to run a chip


@dataclass(frozen=True)
class Options:
    """Ways to run a chip, one for each width and batch; the first axis runs over them.

    Attributes:
        tensor_parallel: cards that share each layer.
        batch_size: requests in flight on the cluster.
        cards: cards of the cluster.
        speed: output speed of each request.
        card_seconds: work of one card for one output token.
    """

    tensor_parallel: Count
    batch_size: Count
    cards: Count
    speed: TokensPerSecond
    card_seconds: SecondsPerToken


GROWTH = 1.1
"""From one batch size that is tried to the next."""

WIDTHS = (1, 2, 4, 8, 16, 32, 64)
"""Cards of a pipeline stage that are tried."""
GPU_WIDTHS = (1, 2, 4, 8)
"""GPUs of a group that are tried: those of one machine."""
LARGEST_BATCH = 16384
GPU_LARGEST_BATCH = 1024
"""The largest batches that are tried; at these, requests wait for memory or for each other."""


def _grid(
    widths: tuple[int, ...], largest: int, growth: float, given: Mapping[str, Any]
) -> tuple[Any, Any]:
    """Every width with every batch, along an axis before those of the given arrays."""
    steps = int(np.ceil(np.log(largest) / np.log(growth)))
    batches = np.unique(np.round(np.geomspace(1, largest, steps + 1)))
    wide, many = (axis.ravel() for axis in np.meshgrid(np.array(widths, float), batches))
    numbers = [
        number
        for value in given.values()
        for number in (value.values.values() if hasattr(value, "values") else (value,))
    ]
    shape = (-1, *(1,) * max(np.ndim(number) for number in numbers))
    return wide.reshape(shape), many.reshape(shape)


def sram_options(
    model: Model,
    chip: Chip,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    output_tokens: Tokens,
    growth: float = GROWTH,
    **network: Any,
) -> Options:
    """Ways to run SRAM chips: the smallest cluster for each batch, cut into stages of each width.

    Newcomers' prefill is added to the chapter `occupancy`'s pipeline, as one micro-batch; the wait
    for the first token is left out.

    Args:
        model: the model.
        chip: the SRAM chip.
        bytes_per_parameter: bytes a weight takes.
        bytes_per_element: bytes an element of the KV cache takes.
        context_length: tokens of each request, input and output.
        output_tokens: its output.
        growth: from one batch size that is tried to the next.
        **network: the other arguments of `occupancy.spatial_pipeline`.
    """
    sizes = {"bytes_per_parameter": bytes_per_parameter, "bytes_per_element": bytes_per_element}
    given = {"model": model, "chip": chip, **sizes, "context_length": context_length}
    given |= {"output_tokens": output_tokens, **network}
    width, batch = _grid(WIDTHS, LARGEST_BATCH, growth, given)
    decode = spatial_frontier(
        model, chip, batch, width, context_length=context_length, **sizes, **network
    )
    input_tokens = context_length - output_tokens
    prompt = spatial_pipeline(
        model, chip, input_tokens, width, width, context_length=0, **sizes, **network
    )
    compute = network["compute_share"] * peak_compute(chip)
    own = attention_time(
        model.layers, attention_width(model), input_tokens, decode.cards, 1.0, compute
    )
    time = output_time_with_newcomers(
        decode.time_per_token,
        decode.occupancy,
        batch,
        work_of_prefill(model.layers, prompt.layer_time, decode.stages, own),
        output_tokens,
    )
    speed = occupancy.speed_of_request(time)
    throughput = batching.cluster_throughput(batch, speed)
    return Options(
        width, batch, decode.cards, speed, card_seconds_per_token(decode.cards, throughput)
    )


def gpu_options(
    model: Model,
    gpu: Chip,
    engine: str,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    output_tokens: Tokens,
    growth: float = GROWTH,
) -> Options:
    """Ways to run GPUs: groups of each width with each number of requests, by `serving`.

    Where not one request fits in memory, the speed is zero.

    Args:
        model: the model.
        gpu: the GPU.
        engine: the serving engine.
        bytes_per_parameter: bytes a weight takes.
        bytes_per_element: bytes an element of the KV cache takes.
        context_length: tokens of each request, input and output.
        output_tokens: its output.
        growth: from one batch size that is tried to the next.
    """
    lengths = {"context_length": context_length, "output_tokens": output_tokens}
    sizes = {"bytes_per_parameter": bytes_per_parameter, "bytes_per_element": bytes_per_element}
    given = {"model": model, "gpu": gpu, **sizes, **lengths}
    width, batch = _grid(GPU_WIDTHS, GPU_LARGEST_BATCH, growth, given)
    run = run_on(
        model, gpu, width, batch, context_length - output_tokens, output_tokens, **sizes,
        engine=engine,
    )  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        served = serve(run, fitted()[engine])
        fits = served.requests_in_memory >= 1
        speed = np.where(fits, 1 / served.output_time, 0.0)
        seconds = np.where(fits, card_seconds_per_token(1, served.throughput), np.inf)
    return Options(width, batch, width, speed, seconds)


def frontier(options: Options) -> Options:
    """The options to which no other is both as fast and as cheap, slowest first."""
    order = np.lexsort((options.card_seconds, -options.speed))
    least = np.minimum.accumulate(options.card_seconds[order])
    best = order[np.append(True, least[1:] < least[:-1])][::-1]
    best = best[options.speed[best] > 0]
    return Options(*(np.broadcast_to(x, options.speed.shape)[best] for x in vars(options).values()))


@dataclass(frozen=True)
class Machine:
    """A chip's ways to run, and what a second of one card costs.

    Attributes:
        options: the ways to run it.
        card_rate: cost of a second of one card.
        time_ratio: true times over those of the options.
    """

    options: Options
    card_rate: DollarsPerSecond
    time_ratio: Ratio = 1.0

    @property
    def top_speed(self) -> TokensPerSecond:
        """The highest speed that any of the options gives."""
        return np.max(self.options.speed, axis=0) / self.time_ratio

    def card_seconds(self, target_speed: TokensPerSecond) -> SecondsPerToken:
        """The least work for a token at a speed or faster; infinite above the top speed.

        Args:
            target_speed: output speed of each request; a single one if the options are arrays.
        """
        asked = target_speed * self.time_ratio
        if np.ndim(self.options.speed) > 1:
            enough = self.options.speed >= asked
            seconds = np.min(np.where(enough, self.options.card_seconds, np.inf), axis=0)
            return self.time_ratio * seconds
        known = frontier(self.options)
        least = where(asked <= 0, 0.0, np.inf)
        steps = zip(known.speed.tolist(), known.card_seconds.tolist(), strict=True)
        for speed, seconds in reversed(list(steps)):
            least = where(asked <= speed, seconds, least)
        return self.time_ratio * least

    def cost(self, target_speed: TokensPerSecond) -> DollarsPerToken:
        """The least cost of a token at a speed or faster."""
        return cost_of_output_token(self.card_rate, self.card_seconds(target_speed))


SPEEDS = tuple(float(f"{speed:.3g}") for speed in np.geomspace(2, 1000, 128))
"""The speeds at which the crossover is looked for, about a twentieth apart."""


def crossover(sram: Machine, hbm: Machine) -> TokensPerSecond:
    """The lowest of `SPEEDS`, or the GPU's top speed, from which on SRAM costs no more.

    Infinite if there is none. The frontiers depend on no price: what a price decides is which
    ratio of their card-seconds is low enough.
    """
    gpu_top = hbm.top_speed
    alone = where(sram.top_speed > gpu_top, gpu_top, np.inf)
    found: list[tuple[float, Any]] = []
    lowest: Any = np.inf
    with np.errstate(invalid="ignore"):
        for speed in SPEEDS:
            ratio = sram.card_seconds(speed) / hbm.card_seconds(speed)
            if np.ndim(ratio) or ratio < lowest:
                found.append((speed, ratio))
                lowest = ratio
    best: Any = np.inf
    for speed, ratio in reversed(found):
        best = where(ratio * sram.card_rate <= hbm.card_rate, speed, best)
    return minimum(best, alone)


# The chapter

ENGINE = "vllm"
LEVEL = 0.9
"""Share of measurements that the interval of the GPU's predictions is to hold."""
_HOST = catalog.value("dgx_h100.price") / (
    catalog.value("dgx_h100.gpus") * catalog.value("article.h100_price")
)
_ARTICLE_GPU_SPEED = (
    catalog.value("perplexity_h100.throughput_per_gpu")
    * catalog.value("dgx_h100.gpus")
    / float(batching.PARAMETERS.defaults["batch_size"])
)
_DECLARED = {
    parameter.name: parameter
    for module in (occupancy, margins, batching)
    for parameter in module.PARAMETERS
}


def _can_be_served(key: str) -> bool:
    """Whether enough is known of a model for both ways to serve it."""
    try:
        serving.shape_of(own.model(key), 1.0)
    except MissingConstantError:
        return False
    return True


def _published_floor() -> float:
    """What Groq's own speed of the article's model leaves unexplained in a layer, in us."""
    own = next(row for row in occupancy.published() if row.source == "groq_llama2_70b.output_speed")
    return float(f"{own.unexplained / si(1.0, 'us'):.3g}")


_NEEDS_OF_GPU = (*serving.NEEDS_OF_CHIP, "link_bandwidth", "power")

PARAMETERS = Parameters(
    (
        among(_can_be_served, occupancy.PARAMETERS["model"]),
        occupancy.PARAMETERS["chip"],
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


def interval(engine: str, model: Model) -> tuple[float, float]:
    """True times of an output token over predicted ones: the ends of serving's 90% interval."""
    ends = serving.intervals(LEVEL)[engine, model.has("experts")]
    return ends["output_time_low"], ends["output_time_high"]


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
        batching.PARAMETERS.defaults["batch_size"], weight_bytes, cache, chip.memory, 1.0,
        catalog.value("article.groq_output_speed"),
    )  # fmt: skip
    return (
        card_seconds_per_token(cluster.cards, cluster.throughput),
        card_seconds_per_token(1, catalog.value("perplexity_h100.throughput_per_gpu")),
    )


REQUEST = ("bytes_per_parameter", "bytes_per_element", "context_length", "output_tokens")
NETWORK = (*occupancy.NETWORK_ARGUMENTS, "bandwidth_share", "compute_share", "layer_floor")
USED = ("load", "overhead", "electricity_price", "lifetime", "busy_share")


def machines(growth: float = GROWTH, **inputs: Any) -> tuple[Machine, Machine]:
    """The SRAM cluster and the GPU of `conclude`, to be asked at many speeds.

    Args:
        growth: from one batch size that is tried to the next.
        **inputs: the arguments of `conclude`; all but what a card costs are numbers or arrays.
    """
    return sram_machine(growth, **inputs), gpu_machine(growth, **inputs)


def sram_machine(growth: float = GROWTH, **inputs: Any) -> Machine:
    """The SRAM cluster alone; see `machines`."""
    options = sram_options(
        inputs["model"], inputs["chip"], growth=growth, **_some(inputs, *REQUEST, *NETWORK)
    )
    rate = cost_of_card_second(
        inputs["card_price"], inputs["host_share"], power=inputs["chip_power"],
        **_some(inputs, *USED),
    )  # fmt: skip
    return Machine(options, rate)


def gpu_machine(growth: float = GROWTH, **inputs: Any) -> Machine:
    """The GPU alone; see `machines`."""
    gpu = inputs["gpu"]
    options = gpu_options(
        inputs["model"], gpu, inputs["engine"], growth=growth, **_some(inputs, *REQUEST)
    )
    rate = cost_of_card_second(
        inputs["gpu_price"], inputs["gpu_host_share"], power=gpu.power, **_some(inputs, *USED)
    )
    return Machine(options, rate, inputs["gpu_time_ratio"])


def _some(inputs: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: inputs[name] for name in names}


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
                batching.PARAMETERS.defaults["batch_size"], sram.top_speed
            ),
            capital_cost=card_price * sram.card_seconds(target_speed),
            gpu_throughput=1 / hbm.card_seconds(target_speed),
            gpu_capital_cost=gpu_price * hbm.card_seconds(target_speed),
        )


# What was published


@dataclass(frozen=True)
class Point:
    """A published point on the chart of cost against speed.

    Attributes:
        label: what it is, for readers.
        kind: "article", "measured" or "price asked".
        source: its address in the catalog, or the measurements' file.
        speed: output speed of a request.
        cost: cost of an output token, or the price asked for it with its input.
    """

    label: str
    kind: str
    source: str
    speed: float
    cost: float


ASKED = {
    "Groq": ("llmperf_groq", "groq_llama2_70b"),
    "Anyscale": ("llmperf_anyscale", "anyscale_llama2_70b"),
    "Perplexity": ("llmperf_perplexity", "perplexity_llama2_70b"),
    "Together": ("llmperf_together", "together_70b_tier"),
    "Bedrock": ("llmperf_bedrock", "bedrock_llama2_70b"),
}
"""Services of early 2024 whose speed was measured and whose price is known: catalog keys."""

SAME_SHAPE = ("layers", "hidden_size", "heads", "kv_heads", "ffn_size")


def measured_points(model: Model, gpu: Chip, output_tokens: float, rate: float) -> list[Point]:
    """The measured runs of a model of the same shape on a GPU, with the same length of output.

    Args:
        model: the model.
        gpu: the GPU.
        output_tokens: output tokens of a request.
        rate: cost of a second of one GPU.
    """
    rows = runs()
    keys = rows["model"].map({name: row.key for name, row in models_of_runs().items()})
    alike = {
        key
        for key in set(keys)
        if all(catalog.model(key).values.get(name) == model.values.get(name) for name in SAME_SHAPE)
    }
    rows = rows[
        keys.isin(alike)
        & (rows["system"] == gpu.key)
        & (rows["osl"] == output_tokens)
        & ~rows["repeated"]
    ]
    seconds = rows["chips"] * lifetime_of_request(rows) / (rows["requests"] * rows["osl"])
    speeds = 1e3 / rows["tpot_ms"]
    return [
        Point(f"input of {length:,.0f}", "measured", RUNS.name, float(speed), float(cost))
        for length, speed, cost in zip(rows["isl"], speeds, rate * seconds, strict=True)
    ]


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
    if model.key != batching.PARAMETERS.defaults["model"]:
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
