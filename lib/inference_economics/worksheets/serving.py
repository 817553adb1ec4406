"""A model of serving with few physical constants: the chapter `serving`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inference_economics.catalog import Chip, Model
from inference_economics.catalog.own import is_sram
from inference_economics.choices import has_feed_forward as _serves
from inference_economics.inputs import ARTICLE, among, chip_choice, model_choice
from inference_economics.serving.constants import IDEAL, fitted
from inference_economics.serving.engines import (
    ENGINES,
    PRECISIONS,
    Engine,
    bytes_of,
    engine_of,
    kv_bytes_of,
)
from inference_economics.serving.intervals import intervals
from inference_economics.serving.model import NEEDS_OF_CHIP, run_on, serve
from inference_economics.serving.shape import NEEDS_OF_MODEL
from inference_economics.units import (
    Bytes,
    Count,
    Ratio,
    Seconds,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.parameters import Parameter, Parameters
from reckoner.show.live import Curve, Live

OWN = "this book"

PARAMETERS = Parameters(
    (
        among(_serves, model_choice("llama31_70b", *NEEDS_OF_MODEL)),
        among(
            lambda key: not is_sram(key),
            chip_choice("chip", "h100_sxm", "the GPU", *NEEDS_OF_CHIP, "link_bandwidth"),
        ),
        Parameter(
            name="tensor_parallel",
            default=8,
            unit="count",
            label="GPUs that split every layer",
            help="The article's measured H100s were eight in one machine.",
            source=ARTICLE,
            low=1,
            high=8,
        ),
        Parameter(
            name="concurrency",
            default=128,
            unit="count",
            label="requests in flight",
            help="The batch size of the measurement that the article compares with.",
            source=ARTICLE,
            low=1,
            high=1024,
        ),
        Parameter(
            name="input_tokens",
            default=1024,
            unit="token",
            label="input tokens of a request",
            help="The most common length of the measurements.",
            source=OWN,
            low=1,
            high=131072,
        ),
        Parameter(
            name="output_tokens",
            default=1024,
            unit="token",
            label="output tokens of a request",
            help="The most common length of the measurements.",
            source=OWN,
            low=2,
            high=131072,
        ),
        Parameter(
            name="precision",
            default="fp8",
            unit="name",
            label="format of the weights",
            help="Eight bits, as in the article; of the experts alone where it has fewer.",
            source=ARTICLE,
            choices=PRECISIONS,
        ),
        Parameter(
            name="engine",
            default="vllm",
            unit="name",
            label="the serving engine",
            help="One of those that were fitted.",
            source=OWN,
            choices=ENGINES,
            resolve=engine_of,
        ),
    )
)


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays."""

    output_time: Seconds
    output_time_low: Seconds
    output_time_high: Seconds
    speed: TokensPerSecond
    speed_low: TokensPerSecond
    speed_high: TokensPerSecond
    throughput: TokensPerSecond
    first_token_time: Seconds
    request_time: Seconds
    decode_time: Seconds
    weights_time: Seconds
    product_time: Seconds
    kv_time: Seconds
    floor_time: Seconds
    reduce_time: Seconds
    host_time: Seconds
    prefill_time: Seconds
    prefill_per_token: Seconds
    requests_in_memory: Count
    running: Count
    kv_cache: Bytes
    ideal_output_time: Seconds
    ideal_speed: TokensPerSecond
    optimism: Ratio


def conclude(
    model: Model,
    chip: Chip,
    tensor_parallel: Count,
    concurrency: Count,
    input_tokens: Tokens,
    output_tokens: Tokens,
    precision: str,
    engine: Engine,
) -> Conclusions:
    """How fast a model is served, what takes the time, and where the datasheet would put it.

    Args:
        model: the model.
        chip: the GPU.
        tensor_parallel: GPUs that split every layer.
        concurrency: requests in flight.
        input_tokens: input tokens of a request.
        output_tokens: output tokens of a request.
        precision: format of the weights.
        engine: the serving engine, whose constants are used.
    """
    run = run_on(
        model,
        chip,
        tensor_parallel,
        concurrency,
        input_tokens,
        output_tokens,
        bytes_of(precision),
        kv_bytes_of(engine.key, precision),
        engine.key,
    )
    around = intervals()[engine.key, model.has("experts")]
    with np.errstate(divide="ignore", invalid="ignore"):
        served = serve(run, fitted()[engine.key])
        eight_bit = chip.values.get("fp8_compute", run.compute)
        peak = eight_bit if precision == "fp8" else run.compute
        ideal = serve(replace(run, compute=peak), IDEAL)
        return Conclusions(
            output_time=served.output_time,
            output_time_low=served.output_time * around["output_time_low"],
            output_time_high=served.output_time * around["output_time_high"],
            speed=1 / served.output_time,
            speed_low=1 / (served.output_time * around["output_time_high"]),
            speed_high=1 / (served.output_time * around["output_time_low"]),
            throughput=served.throughput,
            first_token_time=served.first_token_time,
            request_time=served.request_time,
            decode_time=served.decode_time,
            weights_time=served.weights_time,
            product_time=served.product_time,
            kv_time=served.kv_time,
            floor_time=served.floor_time,
            reduce_time=served.reduce_time,
            host_time=served.host_time,
            prefill_time=served.prefill_time,
            prefill_per_token=served.prefill_per_token,
            requests_in_memory=served.requests_in_memory,
            running=served.running,
            kv_cache=run.kv_cache,
            ideal_output_time=ideal.decode_time,
            ideal_speed=1 / ideal.decode_time,
            optimism=served.output_time / ideal.decode_time,
        )


LIVE = Live(
    chapter="serving",
    title="Llama 3.1 70B on H100s: output of a GPU and speed of a request",
    description=(
        "Output of one GPU rises with the requests in flight, less and less; the speed of each "
        "request falls. The datasheet's speed for a request lies above the speed."
    ),
    across="concurrency",
    span=(1.0, 512.0),
    across_title="Requests in flight (count)",
    curves=(
        Curve("throughput", "output of a GPU", "1"),
        Curve("speed", "speed of a request", "2"),
        Curve("ideal_speed", "speed by the datasheet", "3"),
    ),
    unit="token/s",
    unit_title="Tokens per second (token/s)",
    sliders=("tensor_parallel", "input_tokens", "output_tokens"),
    choices=("engine",),
    sentence=(
        "With {concurrency} requests in flight on {tensor_parallel} GPUs, {engine} gives each "
        "of them {speed} ({speed_low} to {speed_high}) and writes {throughput} for each GPU. "
        "By the datasheet a request would see {ideal_speed}."
    ),
    constants=(
        "h100_sxm.memory_bandwidth",
        "h100_sxm.fp16_compute",
        "h100_sxm.link_bandwidth",
        "h100_sxm.memory",
    ),
)
