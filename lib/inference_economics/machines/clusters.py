"""The ways to run SRAM chips and GPUs, by width and batch, and what a second of a card costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inference_economics.catalog import Chip, Model
from inference_economics.formulas.batching import cluster_throughput
from inference_economics.formulas.equal_speed import (
    card_seconds_per_token,
    cost_of_card_second,
    output_time_with_newcomers,
    work_of_prefill,
)
from inference_economics.formulas.occupancy import speed_of_request, time_with_cuts
from inference_economics.formulas.prefill_caching import attention_width
from inference_economics.formulas.serving import attention_time
from inference_economics.machines.frontier import Machine, Options
from inference_economics.machines.pipeline import (
    NETWORK_ARGUMENTS,
    Pipeline,
    peak_compute,
    spatial_frontier,
    spatial_pipeline,
)
from inference_economics.quantities import formulary
from inference_economics.serving import constants
from inference_economics.serving.constants import constants_of
from inference_economics.serving.constants import interval as interval_of
from inference_economics.serving.engines import precision_of
from inference_economics.serving.model import run_on, serve
from inference_economics.units import (
    Bytes,
    Count,
    Ratio,
    Seconds,
    Share,
    Tokens,
)
from reckoner.declare.numeric import where

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


def time_of_prompts(
    model: Model,
    chip: Chip,
    decode: Pipeline,
    width: Count,
    input_tokens: Tokens,
    **sizes: Any,
) -> Seconds:
    """Mean time for which a newcomer's prompt, as one micro-batch, keeps each stage busy.

    Args:
        model: the model.
        chip: the SRAM chip.
        decode: the pipeline that the newcomer joins.
        width: cards of each stage.
        input_tokens: of the prompt.
        **sizes: bytes of weights and caches, and the network, as `spatial_pipeline` takes them.
    """
    prompt = spatial_pipeline(model, chip, input_tokens, width, width, context_length=0, **sizes)
    compute = sizes["compute_share"] * peak_compute(chip)
    own = attention_time(
        model.layers, attention_width(model), input_tokens, decode.cards, 1.0, compute
    )
    return work_of_prefill(model.layers, prompt.layer_time, decode.stages, own)


@formulary.procedure
def sram_options(
    model: Model,
    chip: Chip,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    output_tokens: Tokens,
    growth: float = GROWTH,
    reserved_output: Share = 1.0,
    most_cards: Count = np.inf,
    cut_share: Ratio = 0.0,
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
        reserved_output: share of its output for which a request's KV cache has room.
        most_cards: cards of the largest cluster that is tried.
        cut_share: time lost in each stage beyond as many as there are layers, over `layer_floor`.
        **network: the other arguments of `occupancy.spatial_pipeline`.
    """
    kept = context_length - (1 - reserved_output) * output_tokens
    sizes = {"bytes_per_parameter": bytes_per_parameter, "bytes_per_element": bytes_per_element}
    given = {"model": model, "chip": chip, **sizes, "context_length": context_length}
    given |= {"output_tokens": output_tokens, **network}
    width, batch = _grid(WIDTHS, LARGEST_BATCH, growth, given)
    decode = spatial_frontier(model, chip, batch, width, context_length=kept, **sizes, **network)
    prompts = time_of_prompts(
        model, chip, decode, width, context_length - output_tokens, **sizes, **network
    )
    alone = decode.time_per_token
    if cut_share:
        alone = time_with_cuts(alone, decode.stages, model.layers, cut_share, decode.layer_floor)
    time = output_time_with_newcomers(alone, decode.occupancy, batch, prompts, output_tokens)
    speed = speed_of_request(time)
    throughput = cluster_throughput(batch, speed)
    seconds = card_seconds_per_token(decode.cards, throughput)
    built = decode.cards <= most_cards
    speed, seconds = where(built, speed, 0.0), where(built, seconds, np.inf)
    return Options(width, batch, decode.cards, speed, seconds)


@formulary.procedure
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

    Where not one request fits in memory, the speed is zero. What a chip reaches depends on the
    formats of weights and cache, so that each pair of sizes among arrays has its own constants.

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
    pairs = _pairs(bytes_per_parameter, bytes_per_element)
    ways = [_of_format(model, gpu, engine, *sizes, growth, **lengths) for sizes, _ in pairs]
    speed, seconds = _joined(pairs, [(way.speed, way.card_seconds) for way in ways])
    first = ways[0]
    return Options(first.tensor_parallel, first.batch_size, first.cards, speed, seconds)


def _pairs(weight: Any, element: Any) -> list[tuple[tuple[Any, Any], Any]]:
    """The different sizes of a weight with those of an element, and where each pair stands."""
    if not any(isinstance(size, np.ndarray) for size in (weight, element)):
        return [((weight, element), True)]
    weights, elements = np.broadcast_arrays(weight, element)
    pairs = dict.fromkeys(zip(weights.ravel(), elements.ravel(), strict=True))
    return [((one, other), (weights == one) & (elements == other)) for one, other in pairs]


def _joined(pairs: list[tuple[tuple[Any, Any], Any]], found: Sequence[tuple[Any, Any]]) -> Any:
    """Both numbers that were found for each pair of sizes, each where its pair stands."""
    if len(pairs) == 1:
        return found[0]
    masks = [mask for _, mask in pairs]
    return tuple(np.select(masks, list(numbers)) for numbers in zip(*found, strict=True))


def _of_format(
    model: Model,
    gpu: Chip,
    engine: str,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    growth: float,
    context_length: Tokens,
    output_tokens: Tokens,
) -> Options:
    sizes = {"bytes_per_parameter": bytes_per_parameter, "bytes_per_element": bytes_per_element}
    lengths = {"context_length": context_length, "output_tokens": output_tokens}
    given = {"model": model, "gpu": gpu, **sizes, **lengths}
    width, batch = _grid(GPU_WIDTHS, GPU_LARGEST_BATCH, growth, given)
    run = run_on(
        model, gpu, width, batch, context_length - output_tokens, output_tokens, **sizes,
        engine=engine,
    )  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        served = serve(run, constants_of(engine, model, gpu, precision_of(bytes_per_parameter, gpu),
            bytes_per_element))  # fmt: skip
        fits = served.requests_in_memory >= 1
        speed = where(fits, 1 / served.output_time, 0.0)
        seconds = where(fits, card_seconds_per_token(1, served.throughput), np.inf)
    return Options(width, np.floor(served.running), width, speed, seconds)


ENGINE = "vllm"

LEVEL = constants.LEVEL
"""The share of measurements that an interval of the GPU's times is to hold."""


def interval(
    engine: str, model: Model, gpu: Chip, bytes_per_parameter: Bytes
) -> tuple[Ratio, Ratio]:
    """True times of an output token over predicted ones: the ends of serving's interval."""
    pairs = _pairs(bytes_per_parameter, 0.0)
    ends = [
        interval_of(engine, model, gpu, precision_of(size, gpu), LEVEL)["output_time"]
        for (size, _), _ in pairs
    ]
    low, high = _joined(pairs, ends)
    return low, high


REQUEST = ("bytes_per_parameter", "bytes_per_element", "context_length", "output_tokens")

NETWORK = (*NETWORK_ARGUMENTS, "bandwidth_share", "compute_share", "layer_floor")

OF_CLUSTER = ("reserved_output", "most_cards", "cut_share")
"""What may be otherwise on an SRAM cluster than the chapters have it."""

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
    own = {name: inputs[name] for name in OF_CLUSTER if name in inputs}
    options = sram_options(
        inputs["model"], inputs["chip"], growth=growth, **own, **_some(inputs, *REQUEST, *NETWORK)
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
