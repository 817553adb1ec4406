"""A model of serving with few physical constants: the chapter `serving`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from inference_economics import catalog
from inference_economics.catalog import Chip, Model, own
from inference_economics.formulas.gpt4_scale import experts_of_batch, message_bytes
from inference_economics.formulas.kv_cache import model_kv_cache
from inference_economics.formulas.prefill_caching import attention_width
from inference_economics.measurements import BLANK_PRECISION
from inference_economics.quantities import DATA, formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    FlopPerSecond,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.numeric import maximum, minimum
from reckoner.declare.tables import Text, UnitName, read_rows
from reckoner.declare.units import si


# One decoding step
@formula(gives="weights_read", source="follows from tensor and expert parallelism")
def weights_read(
    common_bytes: Bytes,
    tensor_parallel: Count,
    experts_touched: Count,
    expert_bytes: Bytes,
    chips: Count,
) -> Bytes:
    """Weights that each chip reads in one step: its part of the common ones and of the experts."""
    return common_bytes / tensor_parallel + experts_touched * expert_bytes / chips


@formula(gives="kv_read", source="follows from attention, which reads all of the cache")
def kv_read(kv_cache: Bytes, running: Count, kv_splits: Count) -> Bytes:
    """KV cache that each chip reads in one step."""
    return running * kv_cache / kv_splits


@formula(gives="transfer_time", source="definition of the share")
def transfer_time(
    read_bytes: Bytes, bandwidth_share: Share, memory_bandwidth: BytesPerSecond
) -> Seconds:
    """Time to read bytes from memory."""
    return read_bytes / (bandwidth_share * memory_bandwidth)


@formula(gives="product_time", source="austin2025scaling, transformers chapter; the shares defined")
def product_time(
    tokens: Tokens,
    common_parameters: Count,
    experts_per_token: Count,
    expert_parameters: Count,
    expert_compute_share: Share,
    tensor_parallel: Count,
    compute_share: Share,
    compute: FlopPerSecond,
) -> Seconds:
    """Time of the products of tokens with weights: two operations for each weight and token."""
    return (
        2
        * tokens
        * (common_parameters + experts_per_token * expert_parameters / expert_compute_share)
        / (tensor_parallel * compute_share * compute)
    )


@formula(gives="floor_time", source="launch and synchronization of kernels")
def floor_time(stages_of_model: Count, stage_floor: Seconds) -> Seconds:
    """Time that the stages of all layers take even when they have nothing to do."""
    return stages_of_model * stage_floor


@formula(gives="all_reduce_time", source="thakur2005collectives; one exchange, or two")
def all_reduce_in_node(
    tensor_parallel: Count,
    all_reduce_latency: Seconds,
    message: Bytes,
    bandwidth_share: Share,
    link_bandwidth: BytesPerSecond,
) -> Seconds:
    """All-reduce between chips of one switch, by the faster of two methods.

    All send the whole message to all, or each sums one part and then sends it to all.
    """
    return minimum(
        minimum(tensor_parallel - 1, 1) * all_reduce_latency
        + (tensor_parallel - 1) * message / (bandwidth_share * link_bandwidth),
        2 * minimum(tensor_parallel - 1, 1) * all_reduce_latency
        + 2
        * (tensor_parallel - 1)
        * message
        / (tensor_parallel * bandwidth_share * link_bandwidth),
    )


@formula(gives="reduce_time", source="shoeybi2019megatron")
def reduce_time(layers: Count, all_reduce_time: Seconds) -> Seconds:
    """Time of two all-reduces in every layer."""
    return 2 * layers * all_reduce_time


@formula(gives="host_time", source="scheduling, sampling and detokenizing, request by request")
def host_time(running: Count, host_per_request: Seconds) -> Seconds:
    """The engine's own time in one step."""
    return running * host_per_request


@formula(gives="decode_time", source="austin2025scaling, inference chapter; floors added")
def decode_time(
    weights_time: Seconds,
    product_time: Seconds,
    kv_time: Seconds,
    floor_time: Seconds,
    reduce_time: Seconds,
    host_time: Seconds,
) -> Seconds:
    """Time of one decoding step; products go on while weights are read, the rest does not."""
    return maximum(weights_time, product_time) + kv_time + floor_time + reduce_time + host_time


# Prefill, and what it takes from everyone
@formula(gives="attention_time", source="pope2022scaling; austin2025scaling, transformers chapter")
def attention_time(
    layers: Count,
    attention_width: Count,
    input_tokens: Tokens,
    tensor_parallel: Count,
    compute_share: Share,
    compute: FlopPerSecond,
) -> Seconds:
    """Time of attention's own products in a prefill, of which the causal mask leaves half."""
    return (
        2 * layers * attention_width * input_tokens**2 / (tensor_parallel * compute_share * compute)
    )


@formula(gives="activation_time", source="follows: every result is written once and read once")
def activation_time(
    tokens: Tokens,
    results_width: Count,
    bytes_per_activation: Bytes,
    bandwidth_share: Share,
    memory_bandwidth: BytesPerSecond,
) -> Seconds:
    """Time to write to memory, and read again, what the layers compute for some tokens."""
    return 2 * tokens * results_width * bytes_per_activation / (bandwidth_share * memory_bandwidth)


@formula(gives="prefill_time", source="follows: the parts of a prefill one after the other")
def time_of_prefill(
    product_time: Seconds,
    attention_time: Seconds,
    activation_time: Seconds,
    floor_time: Seconds,
    reduce_time: Seconds,
) -> Seconds:
    """Time of one request's prefill, a pass through all stages."""
    return product_time + attention_time + activation_time + floor_time + reduce_time


@formula(gives="output_time", source="follows: each request brings one prefill for all its tokens")
def time_per_output_token(
    decode_time: Seconds,
    prefill_after_first: Share,
    running: Count,
    prefill_time: Seconds,
    output_tokens: Tokens,
) -> Seconds:
    """Mean time from one output token to the next.

    While a request writes its tokens, each of the others is replaced once, on average; its
    newcomer's prefill holds everyone up.
    """
    return decode_time + prefill_after_first * running * prefill_time / output_tokens


# Memory and queues
@formula(gives="requests_in_memory", source="definition")
def requests_in_memory(
    memory_share: Share,
    memory: Bytes,
    chips: Count,
    weight_bytes: Bytes,
    kv_reserved: Bytes,
) -> Count:
    """Requests whose KV cache fits beside the weights."""
    return (memory_share * memory * chips - weight_bytes) / kv_reserved


@formula(gives="running", source="definition")
def requests_running(concurrency: Count, requests_in_memory: Count) -> Count:
    """Requests that run together; the others wait for memory."""
    return maximum(minimum(concurrency, requests_in_memory), 0)


@formula(
    gives="first_token_time", source="follows: own prefill, a step, part of the others', the queue"
)
def time_to_first_token(
    prefill_time: Seconds,
    output_time: Seconds,
    prefill_after_first: Share,
    waves: Count,
    running: Count,
    concurrency: Count,
    output_tokens: Tokens,
) -> Seconds:
    """Mean time to the first token, in a closed loop with a fixed number of requests in flight.

    The first wave starts all at once, so that each waits for half of the others' prefill. Those
    that find no memory wait until those before them have finished.
    """
    return (
        prefill_time
        + output_time
        + (1 - prefill_after_first + 1 / (2 * waves)) * maximum(running - 1, 0) * prefill_time
    ) * concurrency / running + (concurrency / running - 1) * output_time * output_tokens


@formula(gives="request_time", source="definition")
def time_of_request(
    first_token_time: Seconds, output_time: Seconds, output_tokens: Tokens
) -> Seconds:
    """Time from a request to its last token."""
    return first_token_time + output_time * (output_tokens - 1)


@formula(gives="served_throughput", source="Little's law")
def throughput_of_chip(
    concurrency: Count, output_tokens: Tokens, request_time: Seconds, chips: Count
) -> TokensPerSecond:
    """Output tokens per second of each chip, with a fixed number of requests in flight."""
    return concurrency * output_tokens / (request_time * chips)


# What a model, an engine and the fit bring
SERVING = "serving_model"

PRECISIONS = ("bf16", "fp8", "fp4", "int4")

ENGINES = ("trtllm", "vllm", "sglang")

NEEDS_OF_CHIP = ("memory", "memory_bandwidth", "fp16_compute")

NEEDS_OF_MODEL = ("layers", "hidden_size", "heads", "kv_heads", "head_dim", "vocabulary")


def bytes_of(precision: str) -> float:
    """Bytes of one weight of a precision; a blank one is that of the measurements."""
    return catalog.value(f"{precision or BLANK_PRECISION}.bytes_per_parameter")


def kv_bytes_of(engine: str, precision: str) -> float:
    """Bytes of one element of the KV cache: an assumption by engine, as no run records it."""
    if precision == "fp8":
        return catalog.value(f"{engine}.kv_bytes_fp8")
    return bytes_of("bf16")


@dataclass(frozen=True)
class Shape:
    """What serving needs to know of a model; one number each, or arrays.

    The output matrix stays at 16 bits, and so does all but the experts where these have fewer
    than 8 bits. Every chip computes the results of the hidden size in full; those of the
    feed-forward networks are split.
    """

    layers: Count
    hidden_size: Count
    stages: Count
    common_results: Count
    split_results: Count
    attention_width: Count
    kv_heads: Count
    common_parameters: Count
    common_bytes: Bytes
    input_bytes: Bytes
    experts: Count
    experts_per_token: Count
    expert_parameters: Count
    expert_bytes: Bytes


def shape_of(model: Model, bytes_per_parameter: Bytes) -> Shape:
    """The shape of a model whose weights take some bytes each.

    Args:
        model: of the catalog, or one's own with the same quantities.
        bytes_per_parameter: bytes of one weight; of one weight of an expert where the model has
            experts and this is below one.

    Raises:
        MissingConstantError: the model lacks a quantity.
    """
    serving = {name: catalog.value(f"{SERVING}.{name}") for name in _STRUCTURE}
    wide = serving["bytes_per_activation"]
    layers, hidden = model.layers, model.hidden_size
    matrices = 2 + model.values.get("gated_mlp", 1)
    expert_layers = 0.0
    experts = per_token = 1.0
    expert = 0.0
    ffn = dense_ffn = 0.0
    if model.has("experts"):
        expert_layers = layers - model.values.get("dense_layers", 0)
        experts, per_token = model.experts, model.experts_per_token
        expert = matrices * hidden * model.expert_ffn_size * expert_layers
        shared = model.values.get("shared_experts", 0)
        dense_ffn = model.values.get("dense_ffn_size", 0)
        ffn = (per_token + shared) * model.expert_ffn_size * expert_layers
        others = shared * expert
    else:
        dense_ffn, others = model.ffn_size, 0.0
    dense_layers = layers - expert_layers
    ffn = ffn + dense_ffn * dense_layers
    output = model.vocabulary * hidden
    inner = layers * _attention_parameters(model) + matrices * hidden * dense_ffn * dense_layers
    inner = inner + others
    mixed = np.where(np.asarray(bytes_per_parameter) < 1, wide, bytes_per_parameter)
    common = float(mixed) if np.ndim(mixed) == 0 else mixed
    common = common if model.has("experts") else bytes_per_parameter
    return Shape(
        layers=layers,
        hidden_size=hidden,
        stages=serving["dense_stages"] * dense_layers
        + serving["expert_stages"] * expert_layers
        + (serving["latent_stages"] * layers if model.has("kv_rank") else 0.0),
        common_results=serving["hidden_results"] * hidden * layers,
        split_results=serving["ffn_results"] * ffn,
        attention_width=attention_width(model),
        kv_heads=1.0 if model.has("kv_rank") else model.kv_heads,
        common_parameters=inner + output,
        common_bytes=inner * common + output * wide,
        input_bytes=output * wide,
        experts=experts,
        experts_per_token=per_token,
        expert_parameters=expert,
        expert_bytes=expert * bytes_per_parameter,
    )


_STRUCTURE = (
    "dense_stages",
    "expert_stages",
    "latent_stages",
    "hidden_results",
    "ffn_results",
    "bytes_per_activation",
)


def _attention_parameters(model: Model) -> Count:
    """Weights of attention in one layer, with MLA's two steps where the model has them."""
    hidden, heads = model.hidden_size, model.heads
    if model.has("kv_rank", "q_rank"):
        key = model.nope_dim + model.rope_dim
        return (
            hidden * model.q_rank
            + model.q_rank * heads * key
            + hidden * (model.kv_rank + model.rope_dim)
            + model.kv_rank * heads * (model.nope_dim + model.v_head_dim)
            + heads * model.v_head_dim * hidden
        )
    return 2 * hidden * model.head_dim * (heads + model.kv_heads)


class ServingConstant(BaseModel):
    """A row of serving_constants.csv: a fitted constant and its interval.

    Attributes:
        name: which one.
        engine: of which engine; blank for one of the hardware.
        value: as fitted, in `unit`.
        low: lower end of its 90% interval.
        high: upper end.
        unit: of the three.
        meaning: what it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    engine: str
    value: float
    low: float
    high: float
    unit: UnitName
    meaning: Text


@dataclass(frozen=True)
class Constants:
    """The fitted constants: five of the hardware, two of the engine; numbers or arrays."""

    bandwidth_share: Share
    compute_share: Share
    expert_compute_share: Share
    stage_floor: Seconds
    all_reduce_latency: Seconds
    host_per_request: Seconds
    prefill_after_first: Share


OF_HARDWARE = tuple(field.name for field in fields(Constants))[:5]

OF_ENGINE = tuple(field.name for field in fields(Constants))[5:]

IDEAL = Constants(1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0)

"""The datasheet's chip: full bandwidth and compute, no latency, and no newcomers."""


@cache
def fitted_rows() -> tuple[ServingConstant, ...]:
    """The fitted constants with their intervals, as `serving_fit` stored them."""
    return tuple(read_rows(DATA / "serving_constants.csv", ServingConstant))


@cache
def fitted() -> Mapping[str, Constants]:
    """The fitted constants of each engine."""
    values = {(row.name, row.engine): float(si(row.value, row.unit)) for row in fitted_rows()}
    return {
        engine: Constants(
            *(values[name, ""] for name in OF_HARDWARE),
            *(values[name, engine] for name in OF_ENGINE),
        )
        for engine in ENGINES
    }


class Residual(BaseModel):
    """A row of serving_residuals.csv: logarithms of measured over predicted, never fitted on.

    Each comes from a fit that left out a fifth of the configurations, this one among them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Text
    experts: bool
    output_time: float
    first_token_time: float
    request_time: float


@cache
def residuals() -> pd.DataFrame:
    """The residuals of the fit part, by engine and whether the model has experts."""
    rows = read_rows(DATA / "serving_residuals.csv", Residual)
    return pd.DataFrame([row.model_dump() for row in rows])


@cache
def intervals(level: float = 0.9) -> Mapping[tuple[str, bool], Mapping[str, float]]:
    """Factors around a prediction between which a share of the residuals lies.

    By engine and whether the model has experts; the inner keys are a quantity's name and `_low`
    or `_high`. Where an engine has fewer residuals of a kind than `ENOUGH`, those of all engines
    are taken. A prediction always lies in its interval.

    Args:
        level: the share, between 0 and 1.
    """
    table = residuals()
    found = {}
    for engine in ENGINES:
        for experts in (False, True):
            group = table[table["experts"] == experts]
            own = group[group["engine"] == engine]
            group = own if len(own) >= ENOUGH else group
            ends = {}
            for name in ("output_time", "first_token_time", "request_time"):
                low, high = (_quantile(group[name], (1 + side * level) / 2) for side in (-1, 1))
                ends[f"{name}_low"] = min(float(np.exp(low)), 1.0)
                ends[f"{name}_high"] = max(float(np.exp(high)), 1.0)
            found[engine, experts] = ends
    return found


ENOUGH = 40

"""Residuals that give a group intervals of its own."""


def _quantile(values: pd.Series, share: float) -> float:
    """A quantile that counts the row to come, as split-conformal intervals do."""
    count = len(values)
    rank = share * (count + 1)
    rank = np.floor(rank) if share < 0.5 else np.ceil(rank)
    return float(np.sort(values.to_numpy())[int(np.clip(rank, 1, count)) - 1])


@dataclass(frozen=True)
class Served:
    """How requests are served, and what takes the time; one number each, or arrays."""

    weights_time: Seconds
    product_time: Seconds
    kv_time: Seconds
    floor_time: Seconds
    reduce_time: Seconds
    host_time: Seconds
    decode_time: Seconds
    prefill_products: Seconds
    prefill_time: Seconds
    prefill_per_token: Seconds
    output_time: Seconds
    first_token_time: Seconds
    request_time: Seconds
    throughput: TokensPerSecond
    requests_in_memory: Count
    running: Count


@dataclass(frozen=True)
class Run:
    """What is served on what; one number each, or arrays of one length.

    Attributes:
        shape: the model's.
        memory: of one chip.
        memory_bandwidth: of one chip.
        compute: peak of one chip.
        link_bandwidth: of one chip, one way.
        tensor_parallel: chips that split every layer.
        data_parallel: groups of such chips that split the requests and share the experts.
        concurrency: requests in flight.
        input_tokens: of a request.
        output_tokens: of a request.
        kv_cache: KV cache of one request half-way through its output.
        kv_reserved: KV cache that the engine reserves for one request.
        memory_share: share of the memory that the engine uses.
    """

    shape: Shape
    memory: Bytes
    memory_bandwidth: BytesPerSecond
    compute: FlopPerSecond
    link_bandwidth: BytesPerSecond
    tensor_parallel: Count
    data_parallel: Count
    concurrency: Count
    input_tokens: Tokens
    output_tokens: Tokens
    kv_cache: Bytes
    kv_reserved: Bytes
    memory_share: Share


def serve(run: Run, constants: Constants) -> Served:
    """How a run goes, by the formulas of this chapter.

    Args:
        run: what is served on what.
        constants: fitted ones, or `IDEAL` for the datasheet's bound.
    """
    shape, split = run.shape, run.tensor_parallel
    chips = split * run.data_parallel
    kv_splits = minimum(split, shape.kv_heads)
    wide = catalog.value(f"{SERVING}.bytes_per_activation")
    copies = (shape.common_bytes + shape.input_bytes) * run.data_parallel
    held = requests_in_memory(
        run.memory_share,
        run.memory,
        chips,
        copies + shape.experts * shape.expert_bytes,
        run.kv_reserved * split / kv_splits,
    )
    running = requests_running(run.concurrency, held)
    of_group = running / run.data_parallel

    def products(tokens: Tokens) -> Seconds:
        return product_time(
            tokens,
            shape.common_parameters,
            shape.experts_per_token,
            shape.expert_parameters,
            constants.expert_compute_share,
            split,
            constants.compute_share,
            run.compute,
        )

    def reduces(tokens: Tokens) -> Seconds:
        one = all_reduce_in_node(
            split,
            constants.all_reduce_latency,
            message_bytes(tokens, shape.hidden_size, wide),
            constants.bandwidth_share,
            run.link_bandwidth,
        )
        return reduce_time(shape.layers, one)

    def transfer(read: Bytes) -> Seconds:
        return transfer_time(read, constants.bandwidth_share, run.memory_bandwidth)

    touched = experts_of_batch(shape.experts, shape.experts_per_token, running)
    weights_time = transfer(
        weights_read(shape.common_bytes, split, touched, shape.expert_bytes, chips)
    )
    kv_time = transfer(kv_read(run.kv_cache, of_group, kv_splits))
    parts = (
        weights_time,
        products(of_group),
        kv_time,
        floor_time(shape.stages, constants.stage_floor),
        reduces(of_group),
        host_time(running, constants.host_per_request),
    )
    step = decode_time(*parts)
    of_inputs = products(run.input_tokens)
    of_attention = attention_time(
        shape.layers,
        shape.attention_width,
        run.input_tokens,
        split,
        constants.compute_share,
        run.compute,
    )
    prefill = time_of_prefill(
        of_inputs,
        of_attention,
        activation_time(
            run.input_tokens,
            shape.common_results + shape.split_results / split,
            wide,
            constants.bandwidth_share,
            run.memory_bandwidth,
        ),
        floor_time(shape.stages, constants.stage_floor),
        reduces(run.input_tokens),
    )
    late = constants.prefill_after_first
    output = time_per_output_token(step, late, of_group, prefill, run.output_tokens)
    first = time_to_first_token(
        prefill,
        output,
        late,
        catalog.value(f"{SERVING}.waves"),
        of_group,
        run.concurrency / run.data_parallel,
        run.output_tokens,
    )
    whole = time_of_request(first, output, run.output_tokens)
    return Served(
        *parts,
        decode_time=step,
        prefill_products=of_inputs + of_attention,
        prefill_time=prefill,
        prefill_per_token=late * of_group * prefill / run.output_tokens,
        output_time=output,
        first_token_time=first,
        request_time=whole,
        throughput=throughput_of_chip(run.concurrency, run.output_tokens, whole, chips),
        requests_in_memory=held,
        running=running,
    )


def predict(rows: pd.DataFrame, level: float = 0.9, **own: Any) -> pd.DataFrame:
    """The rows of a table of runs with what the model predicts: see `serving_rows.predict`.

    Args:
        rows: runs with the columns of the measurements; measured ones may be missing.
        level: the share of measurements that the intervals are to hold.
        **own: `chips`, `models` and `constants` of one's own, by name.
    """
    from inference_economics import serving_rows

    return serving_rows.predict(rows, level, **own)


@dataclass(frozen=True)
class Step:
    """How requests of one kind are served; each field an array.

    Attributes:
        served: all times and what takes them.
        output_time: the time per output token.
        output_time_low: lower end of its interval.
        output_time_high: upper end.
        request_time: the time from a request to its last token.
        request_time_low: lower end of its interval.
        request_time_high: upper end.
    """

    served: Served
    output_time: Seconds
    output_time_low: Seconds
    output_time_high: Seconds
    request_time: Seconds
    request_time_low: Seconds
    request_time_high: Seconds


def step_time(
    model: Model,
    chip: Chip,
    tensor_parallel: Count,
    batch: Count,
    context_length: Tokens,
    output_length: Tokens,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    engine: str,
    constants: Constants | None = None,
    level: float = 0.9,
) -> Step:
    """Times of a token and of a request, with intervals, on numbers or arrays.

    Where the weights or a single request do not fit in memory every time is NaN.

    Args:
        model: of the catalog, or one's own.
        chip: of the catalog, or one's own.
        tensor_parallel: chips that split every layer.
        batch: requests in flight; those that find no memory wait.
        context_length: tokens of one request, input and output together.
        output_length: output tokens of one request.
        bytes_per_parameter: bytes of one weight.
        bytes_per_element: bytes of one element of the KV cache.
        engine: whose constants to use.
        constants: other constants, such as `IDEAL`.
        level: the share of measurements that the intervals are to hold.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        served = serve(
            run_on(
                model, chip, tensor_parallel, batch, context_length - output_length,
                output_length, bytes_per_parameter, bytes_per_element, engine,
            ),
            constants or fitted()[engine],
        )  # fmt: skip
        fits = np.where(served.requests_in_memory >= 1, 1.0, np.nan)
        factors = intervals(level)[engine, model.has("experts")]
        times = {
            f"{name}{suffix}": getattr(served, name) * fits * factor
            for name in ("output_time", "request_time")
            for suffix, factor in (
                ("", 1.0),
                ("_low", factors[f"{name}_low"]),
                ("_high", factors[f"{name}_high"]),
            )
        }
    return Step(served, **times)


def run_on(
    model: Model,
    chip: Chip,
    tensor_parallel: Count,
    concurrency: Count,
    input_tokens: Tokens,
    output_tokens: Tokens,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    engine: str,
) -> Run:
    """A run of one model on one kind of chip; numbers, arrays or expressions.

    Raises:
        MissingConstantError: the chip or the model lacks a quantity.
    """
    reserved = catalog.value(f"{engine}.reserved_output")
    return Run(
        shape=shape_of(model, bytes_per_parameter),
        memory=chip.memory,
        memory_bandwidth=chip.memory_bandwidth,
        compute=chip.fp16_compute,
        link_bandwidth=chip.link_bandwidth,
        tensor_parallel=tensor_parallel,
        data_parallel=1,
        concurrency=concurrency,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        kv_cache=model_kv_cache(model, input_tokens + output_tokens / 2, bytes_per_element),
        kv_reserved=model_kv_cache(
            model, input_tokens + output_tokens * reserved, bytes_per_element
        ),
        memory_share=catalog.value(f"{engine}.memory_share"),
    )


# The chapter
def _serves(key: str) -> bool:
    """Whether enough is known of a model's feed-forward networks."""
    model = own.model(key)
    if model.has("experts"):
        return model.has("experts_per_token", "expert_ffn_size")
    return model.has("ffn_size")


@dataclass(frozen=True)
class Engine:
    """A serving engine: its name in code and in the measurements, and for readers."""

    key: str
    name: str


def engine_of(key: str) -> Engine:
    """The engine of that key, one of `ENGINES`."""
    return Engine(key, catalog.constant(f"{key}.memory_share").subject)


OWN = "this book"
