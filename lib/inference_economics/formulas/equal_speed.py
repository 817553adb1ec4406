"""What a token costs at equal speed, on SRAM chips and on GPUs: the chapter `equal_speed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference_economics import catalog
from inference_economics.catalog import Chip, MissingConstantError, Model, own
from inference_economics.formulas import batching, occupancy, serving
from inference_economics.formulas.occupancy import peak_compute, spatial_frontier, spatial_pipeline
from inference_economics.formulas.prefill_caching import attention_width
from inference_economics.formulas.serving import attention_time, fitted, run_on, serve
from inference_economics.measurements import RUNS, models_of_runs, runs
from inference_economics.quantities import formula
from inference_economics.serving_rows import lifetime as lifetime_of_request
from inference_economics.units import (
    Bytes,
    Count,
    Dollars,
    DollarsPerJoule,
    DollarsPerSecond,
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


def _can_be_served(key: str) -> bool:
    """Whether enough is known of a model for both ways to serve it."""
    try:
        serving.shape_of(own.model(key), 1.0)
    except MissingConstantError:
        return False
    return True


_NEEDS_OF_GPU = (*serving.NEEDS_OF_CHIP, "link_bandwidth", "power")


def interval(engine: str, model: Model) -> tuple[float, float]:
    """True times of an output token over predicted ones: the ends of serving's 90% interval."""
    ends = serving.intervals(LEVEL)[engine, model.has("experts")]
    return ends["output_time_low"], ends["output_time_high"]


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
