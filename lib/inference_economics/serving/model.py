"""The model of serving: how requests are served on a group of GPUs, and what takes the time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.formulas.gpt4_scale import experts_of_batch, message_bytes
from inference_economics.formulas.kv_cache import model_kv_cache, model_kv_read
from inference_economics.formulas.serving import (
    activation_time,
    all_reduce_in_node,
    attention_time,
    decode_time,
    floor_time,
    host_time,
    kv_read,
    product_time,
    reduce_time,
    requests_in_memory,
    requests_running,
    throughput_of_chip,
    time_of_prefill,
    time_of_request,
    time_per_output_token,
    time_to_first_token,
    transfer_time,
    weights_read,
)
from inference_economics.serving.constants import Constants, fitted
from inference_economics.serving.intervals import intervals
from inference_economics.serving.shape import SERVING, Shape, shape_of
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
from reckoner.declare.numeric import minimum

NEEDS_OF_CHIP = ("memory", "memory_bandwidth", "fp16_compute")


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
    work = _Work(run, constants)
    held = work.requests_in_memory()
    running = requests_running(run.concurrency, held)
    of_group = running / run.data_parallel
    parts = work.step(running, of_group)
    step = decode_time(**parts)
    products, prefill = work.prefill()
    late, written = constants.prefill_after_first, run.output_tokens
    output = time_per_output_token(step, late, of_group, prefill, written)
    waves = catalog.value(f"{SERVING}.waves")
    asked = run.concurrency / run.data_parallel
    first = time_to_first_token(prefill, output, late, waves, of_group, asked, written)
    whole = time_of_request(first, output, written)
    return Served(
        **parts,
        decode_time=step,
        prefill_products=products,
        prefill_time=prefill,
        prefill_per_token=late * of_group * prefill / written,
        output_time=output,
        first_token_time=first,
        request_time=whole,
        throughput=throughput_of_chip(run.concurrency, written, whole, work.chips),
        requests_in_memory=held,
        running=running,
    )


@dataclass(frozen=True)
class _Work:
    """What the chips of a run do, and how long each part of it takes."""

    run: Run
    constants: Constants

    @property
    def chips(self) -> Count:
        return self.run.tensor_parallel * self.run.data_parallel

    @property
    def kv_splits(self) -> Count:
        """Chips between which the KV cache is split."""
        return minimum(self.run.tensor_parallel, self.run.shape.kv_heads)

    def requests_in_memory(self) -> Count:
        run, shape = self.run, self.run.shape
        copies = (shape.common_bytes + shape.input_bytes) * run.data_parallel
        weights = copies + shape.experts * shape.expert_bytes
        reserved = run.kv_reserved * run.tensor_parallel / self.kv_splits
        return requests_in_memory(run.memory_share, run.memory, self.chips, weights, reserved)

    def step(self, running: Count, of_group: Count) -> dict[str, Seconds]:
        """The parts of a decoding step, by name."""
        run, shape = self.run, self.run.shape
        touched = experts_of_batch(shape.experts, shape.experts_per_token, running)
        weights = weights_read(
            shape.common_bytes, run.tensor_parallel, touched, shape.expert_bytes, self.chips
        )
        return {
            "weights_time": self.transfer(weights),
            "product_time": self.products(of_group),
            "kv_time": self.transfer(kv_read(run.kv_cache, of_group, self.kv_splits)),
            "floor_time": floor_time(shape.stages, self.constants.stage_floor),
            "reduce_time": self.reduces(of_group),
            "host_time": host_time(running, self.constants.host_per_request),
        }

    def prefill(self) -> tuple[Seconds, Seconds]:
        """The products of one request's prefill, and all of its time."""
        run, shape, constants = self.run, self.run.shape, self.constants
        products = self.products(run.input_tokens)
        attention = attention_time(
            shape.layers,
            shape.attention_width,
            run.input_tokens,
            run.tensor_parallel,
            constants.compute_share,
            run.compute,
        )
        activations = activation_time(
            run.input_tokens,
            shape.common_results + shape.split_results / run.tensor_parallel,
            catalog.value(f"{SERVING}.bytes_per_activation"),
            constants.bandwidth_share,
            run.memory_bandwidth,
        )
        floor = floor_time(shape.stages, constants.stage_floor)
        reduces = self.reduces(run.input_tokens)
        whole = time_of_prefill(products, attention, activations, floor, reduces)
        return products + attention, whole

    def products(self, tokens: Tokens) -> Seconds:
        shape, constants = self.run.shape, self.constants
        return product_time(
            tokens,
            shape.common_parameters,
            shape.experts_per_token,
            shape.expert_parameters,
            constants.expert_compute_share,
            self.run.tensor_parallel,
            constants.compute_share,
            self.run.compute,
        )

    def reduces(self, tokens: Tokens) -> Seconds:
        """Time of all exchanges for some tokens."""
        shape, wide = self.run.shape, catalog.value(f"{SERVING}.bytes_per_activation")
        one = all_reduce_in_node(
            self.run.tensor_parallel,
            self.constants.all_reduce_latency,
            message_bytes(tokens, shape.hidden_size, wide),
            self.constants.bandwidth_share,
            self.run.link_bandwidth,
        )
        return reduce_time(shape.layers, one)

    def transfer(self, read: Bytes) -> Seconds:
        return transfer_time(read, self.constants.bandwidth_share, self.run.memory_bandwidth)


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
        kv_cache=model_kv_read(model, input_tokens + output_tokens / 2, bytes_per_element),
        kv_reserved=model_kv_cache(
            model, input_tokens + output_tokens * reserved, bytes_per_element
        ),
        memory_share=catalog.value(f"{engine}.memory_share"),
    )
