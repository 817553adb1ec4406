"""The model of serving: how requests are served on a group of GPUs, and what takes the time."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.formulas.gpt4_scale import experts_of_batch, message_bytes
from inference_economics.formulas.kv_cache import model_kv_cache, model_kv_read
from inference_economics.formulas.serving import (
    accepted_tokens,
    activation_time,
    all_reduce_in_node,
    attention_time,
    decode_time,
    floor_time,
    host_time,
    kv_read,
    least_prefill,
    matrix_time,
    prefill_at_least,
    product_time,
    reduce_time,
    requests_in_memory,
    requests_running,
    throughput_of_chip,
    time_of_prefill,
    time_of_request,
    time_per_output_token,
    time_to_be_polled,
    time_to_first_token,
    tokens_that_choose,
    transfer_time,
    weights_read,
)
from inference_economics.serving.constants import Constants
from inference_economics.serving.engines import forms_of, peak, precision_of
from inference_economics.serving.shape import SERVING, Shape, shape_of
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    FlopPerSecond,
    Ratio,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.numeric import maximum, minimum

NEEDS_OF_CHIP = ("memory", "memory_bandwidth", "fp16_compute")


@dataclass(frozen=True)
class Served:
    """How requests are served, and what takes the time; one number each, or arrays."""

    weights_time: Seconds
    product_time: Seconds
    matrix_time: Seconds
    expert_time: Seconds
    kv_time: Seconds
    floor_time: Seconds
    reduce_time: Seconds
    host_time: Seconds
    accepted: Tokens
    series_level: Ratio
    decode_time: Seconds
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
        compute: peak of one chip for the weights that every token uses.
        expert_compute: for those of experts.
        attention_compute: for attention, of 16 bits.
        link_bandwidth: of one chip, one way.
        tensor_parallel: chips that split every layer.
        data_parallel: groups of such chips that split the requests and share the experts.
        concurrency: requests in flight.
        input_tokens: of a request.
        output_tokens: of a request.
        kv_cache: KV cache of one request half-way through its output.
        kv_reserved: KV cache that the engine reserves for one request.
        memory_share: share of the memory that the engine uses.
        drafted: tokens that are guessed ahead in a step.
        batch_wait: steps that an engine waits for newcomers.
        poll_interval: steps after which an engine looks for newcomers.
        waves: requests sent for each one in flight.
    """

    shape: Shape
    memory: Bytes
    memory_bandwidth: BytesPerSecond
    compute: FlopPerSecond
    expert_compute: FlopPerSecond
    attention_compute: FlopPerSecond
    link_bandwidth: BytesPerSecond
    tensor_parallel: Count
    data_parallel: Count
    concurrency: Count
    input_tokens: Tokens
    output_tokens: Tokens
    kv_cache: Bytes
    kv_reserved: Bytes
    memory_share: Share
    drafted: Count = 0.0
    batch_wait: Count = 0.0
    poll_interval: Count = 0.0
    waves: Count = 10.0


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
    accepted = accepted_tokens(run.drafted, constants.acceptance)
    parts = work.step(running, of_group)
    step = decode_time(
        parts["matrix_time"], parts["expert_time"], parts["kv_time"], parts["floor_time"],
        parts["reduce_time"], parts["host_time"], accepted,
    )  # fmt: skip
    prefill = work.prefill()
    late, written = constants.prefill_after_first, run.output_tokens
    level = constants.series_level
    output = time_per_output_token(level, step, late, of_group, prefill, written)
    asked = run.concurrency / run.data_parallel
    least = least_prefill(run.shape.latent_layers, constants.prefill_floor)
    polled = time_to_be_polled(run.poll_interval, output, accepted, of_group, prefill, written)
    first = time_to_first_token(
        constants.first_level, constants.first_overhead, prefill_at_least(prefill, least),
        prefill, polled, run.batch_wait, output, accepted, of_group, run.waves, asked, written,
    )  # fmt: skip
    whole = time_of_request(first, output, written)
    return Served(
        **parts,
        accepted=accepted,
        series_level=level,
        decode_time=step,
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
        run, constants = self.run, self.constants
        checked = 1 + run.drafted
        parts = self.matrices(of_group * checked)
        cache = kv_read(run.kv_cache, of_group, self.kv_splits)
        return parts | {
            "kv_time": transfer_time(cache, constants.cache_share, run.memory_bandwidth),
            "floor_time": self.floors(),
            "reduce_time": self.reduces(of_group * checked),
            "host_time": host_time(constants.step_overhead, running / run.data_parallel,
                constants.host_per_request),
        }  # fmt: skip

    def prefill(self) -> Seconds:
        """Time of one request's prefill."""
        run, shape, constants = self.run, self.run.shape, self.constants
        parts = self.matrices(run.input_tokens)
        attention = attention_time(
            shape.layers,
            shape.attention_width,
            run.input_tokens,
            run.tensor_parallel,
            constants.attention_share,
            run.attention_compute,
        )
        activations = activation_time(
            run.input_tokens,
            shape.common_results + shape.split_results / run.tensor_parallel,
            catalog.value(f"{SERVING}.bytes_per_activation"),
            constants.bandwidth_share,
            run.memory_bandwidth,
        )
        return time_of_prefill(
            parts["matrix_time"], parts["expert_time"], attention, activations, self.floors(),
            self.reduces(run.input_tokens),
        )  # fmt: skip

    def floors(self) -> Seconds:
        shape, constants = self.run.shape, self.constants
        return floor_time(
            shape.layers, constants.layer_overhead, shape.expert_layers,
            constants.expert_overhead, shape.latent_layers, constants.latent_overhead,
        )  # fmt: skip

    def matrices(self, tokens: Tokens) -> dict[str, Seconds]:
        """Reading and multiplying the weights for some tokens of each group."""
        run, shape, constants = self.run, self.run.shape, self.constants
        everyone = tokens * run.data_parallel
        choosing = tokens_that_choose(everyone, constants.routing_spread)
        touched = experts_of_batch(shape.experts, shape.experts_per_token, choosing)
        common = transfer_time(
            weights_read(
                shape.common_bytes, run.tensor_parallel, 0.0, shape.expert_bytes, self.chips
            ),
            constants.bandwidth_share, run.memory_bandwidth,
        )  # fmt: skip
        experts = transfer_time(
            weights_read(
                0.0 * shape.common_bytes, run.tensor_parallel, touched, shape.expert_bytes,
                self.chips,
            ),
            constants.expert_bandwidth_share, run.memory_bandwidth,
        )  # fmt: skip
        products = product_time(
            tokens, shape.common_parameters, run.tensor_parallel, constants.compute_share,
            run.compute,
        )  # fmt: skip
        of_experts = product_time(
            everyone, shape.experts_per_token * shape.expert_parameters, self.chips,
            constants.expert_compute_share, run.expert_compute,
        )  # fmt: skip
        return {
            "weights_time": common + experts,
            "product_time": products + of_experts,
            "matrix_time": matrix_time(common, products, constants.sharpness),
            "expert_time": matrix_time(experts, of_experts, constants.sharpness),
        }

    def reduces(self, tokens: Tokens) -> Seconds:
        """Time of all exchanges for some tokens."""
        run, shape, constants = self.run, self.run.shape, self.constants
        wide = catalog.value(f"{SERVING}.bytes_per_activation")
        one = all_reduce_in_node(
            maximum(run.tensor_parallel, run.data_parallel),
            constants.all_reduce_latency,
            constants.all_reduce_in_two,
            message_bytes(tokens, shape.hidden_size, wide),
            constants.link_share,
            run.link_bandwidth,
        )
        return reduce_time(shape.layers, one)


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
    precision: str = "",
) -> Run:
    """A run of one model on one kind of chip; numbers, arrays or expressions.

    Args:
        model: of the catalog, or one's own.
        chip: of the catalog, or one's own.
        tensor_parallel: chips that split every layer.
        concurrency: requests in flight.
        input_tokens: of a request.
        output_tokens: of a request.
        bytes_per_parameter: bytes of one weight.
        bytes_per_element: bytes of one element of the KV cache.
        engine: whose settings to use.
        precision: format of the weights, if their bytes do not tell it.

    Raises:
        MissingConstantError: the chip or the model lacks a quantity.
    """
    precision = precision or precision_of(bytes_per_parameter, chip)
    forms = forms_of(model, chip, precision, bytes_per_element)
    reserved = catalog.value(f"{engine}.reserved_output")
    return Run(
        shape=shape_of(model, bytes_per_parameter),
        memory=chip.memory,
        memory_bandwidth=chip.memory_bandwidth,
        compute=peak(chip, forms[0]),
        expert_compute=peak(chip, forms[1]),
        attention_compute=chip.fp16_compute,
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
        waves=catalog.value(f"{SERVING}.waves"),
    )
