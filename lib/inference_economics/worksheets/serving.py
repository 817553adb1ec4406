"""A model of serving with few physical constants: the chapter `serving`."""

from __future__ import annotations

from inference_economics import inputs
from inference_economics.catalog import Chip, Model
from inference_economics.choices import has_feed_forward, in_hbm
from inference_economics.serving.constants import constants_of, ideal, interval
from inference_economics.serving.engines import (
    ENGINES,
    PRECISIONS,
    Engine,
    bytes_of,
    engine_of,
    kv_bytes_of,
)
from inference_economics.serving.model import NEEDS_OF_CHIP, run_on, serve
from inference_economics.serving.shape import NEEDS_OF_MODEL
from inference_economics.units import Bytes, Count, Ratio, Seconds, Tokens, TokensPerSecond
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live

OWN = "this book"
NEEDS = (*NEEDS_OF_CHIP, "link_bandwidth")


@worksheet
def conclude(
    model: Model = inputs.model("llama31_70b", *NEEDS_OF_MODEL, only=has_feed_forward),
    chip: Chip = inputs.chip("h100_sxm", "the GPU", *NEEDS, only=in_hbm),
    tensor_parallel: Count = inputs.given(
        "article.gpu_machine_gpus",
        "GPUs that split every layer",
        "The article's measured H100s were eight in one machine.",
        low=1, high=8, whole=True, doubt=("model", inputs.uneven),
    ),
    concurrency: Count = inputs.given(
        "article.batch_size",
        "requests in flight",
        "The batch size of the measurement that the article compares with.",
        low=1, high=1024, whole=True,
    ),
    input_tokens: Tokens = inputs.given(
        1024,
        "input tokens of a request",
        "The most common length of the measurements.",
        unit="token", source=OWN, low=1, high=131072, track=(16, 32_768), whole=True,
    ),
    output_tokens: Tokens = inputs.given(
        1024,
        "output tokens of a request",
        "The most common length of the measurements.",
        unit="token", source=OWN, low=2, high=131072, track=(16, 8192), whole=True,
    ),
    precision: str = inputs.one_of(
        PRECISIONS,
        "fp8",
        "format of the weights",
        "Eight bits, as in the article; of the experts alone where it has fewer.",
        source=inputs.ARTICLE,
    ),
    engine: Engine = inputs.one_of(
        ENGINES,
        "vllm",
        "the serving engine",
        "One of those that were fitted.",
        source=OWN,
        resolve=engine_of,
    ),
) -> Lines:  # fmt: skip
    """How fast a model is served, what takes the time, and where the datasheet would put it."""
    bytes_per_parameter = bytes_of(precision)
    bytes_per_element = kv_bytes_of(engine.key, precision, chip.has("fp4_compute"))
    run = run_on(
        model, chip, tensor_parallel, concurrency, input_tokens, output_tokens,
        bytes_per_parameter, bytes_per_element, engine.key, precision,
    )  # fmt: skip
    constants = constants_of(engine.key, model, chip, precision, bytes_per_element)
    served = serve(run, constants)
    around = interval(engine.key, model, chip, precision)
    (low, high), (short, long) = around["output_time"], around["request_time"]

    # what a user sees, and what a chip gives
    output_time: Seconds = served.output_time
    output_time_low: Seconds = output_time * low
    output_time_high: Seconds = output_time * high
    speed: TokensPerSecond = 1 / output_time
    speed_low: TokensPerSecond = 1 / output_time_high
    speed_high: TokensPerSecond = 1 / output_time_low
    throughput: TokensPerSecond = served.throughput
    throughput_low: TokensPerSecond = throughput / long
    throughput_high: TokensPerSecond = throughput / short
    first_token_time: Seconds = served.first_token_time
    request_time: Seconds = served.request_time

    # what takes the time
    decode_time: Seconds = served.decode_time
    matrix_time: Seconds = served.matrix_time
    expert_time: Seconds = served.expert_time
    kv_time: Seconds = served.kv_time
    floor_time: Seconds = served.floor_time
    reduce_time: Seconds = served.reduce_time
    host_time: Seconds = served.host_time
    prefill_time: Seconds = served.prefill_time
    prefill_per_token: Seconds = served.prefill_per_token
    requests_in_memory: Count = served.requests_in_memory
    running: Count = served.running
    kv_cache: Bytes = run.kv_cache

    # the same by the datasheet
    at_datasheet = serve(run, ideal(constants))
    ideal_output_time: Seconds = at_datasheet.decode_time
    ideal_speed: TokensPerSecond = 1 / ideal_output_time
    optimism: Ratio = output_time / ideal_output_time
    return locals()


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
        "With {concurrency} requests in flight on {tensor_parallel GPUs}, {engine} gives each "
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
