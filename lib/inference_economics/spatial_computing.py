"""A model spread over on-chip memories instead of streamed from DRAM: `spatial_computing`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from inference_economics import capacity, catalog, own
from inference_economics.catalog import Chip
from inference_economics.choices import ARTICLE, own_chip
from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    OpPerSecond,
    OpPerWord,
    Ratio,
    RequestsPerSecond,
    Seconds,
    Share,
    WordsPerSecond,
)
from reckoner.declare.numeric import ceil, maximum, minimum
from reckoner.declare.parameters import Parameter, Parameters

SECTION = "Li 2024, section 'My exploration of spatial computing'"


@formula(gives="streamed_bytes", source="follows from the article's description")
def weights_to_stream(weight_bytes: Bytes, shards: Count, onchip_memory: Bytes) -> Bytes:
    """Weights that the on-chip memories together cannot hold."""
    return maximum(weight_bytes, shards * onchip_memory) - shards * onchip_memory


@formula(gives="streaming_time", source=SECTION)
def streaming_time(streamed_bytes: Bytes, shards: Count, dram_bandwidth: BytesPerSecond) -> Seconds:
    """Time in which the FPGAs, each from its own DRAM, read the weights that do not fit."""
    return streamed_bytes / (shards * dram_bandwidth)


@formula(gives="pass_operations", source="definition")
def pass_operations(parameters: Count, operations_per_parameter: Count, reuse: Count) -> Count:
    """Operations of one pass, in which each weight meets every input that shares its reading."""
    return parameters * operations_per_parameter * reuse


@formula(gives="arithmetic_time", source="williams2009roofline")
def arithmetic_time(pass_operations: Count, shards: Count, narrow_compute: OpPerSecond) -> Seconds:
    """Time of a pass's arithmetic, divided evenly over the FPGAs."""
    return pass_operations / (shards * narrow_compute)


@formula(gives="fed_compute", source="williams2009roofline")
def compute_fed_by_dram(
    dram_bandwidth: BytesPerSecond,
    operations_per_parameter: Count,
    reuse: Count,
    bytes_per_parameter: Bytes,
) -> OpPerSecond:
    """Compute that one FPGA's DRAM keeps busy: an FPGA that has more of it waits for weights."""
    return dram_bandwidth * operations_per_parameter * reuse / bytes_per_parameter


@formula(gives="boundary_bytes", source="definition")
def boundary_bytes(layer_width: Count, bytes_per_parameter: Bytes) -> Bytes:
    """Bytes of one input that cross a boundary, its values stored as the weights are."""
    return layer_width * bytes_per_parameter


@formula(gives="boundary_time", source="definition")
def boundary_time(reuse: Count, boundary_bytes: Bytes, cable_bandwidth: BytesPerSecond) -> Seconds:
    """Time in which one link passes on what a pass sends across a boundary."""
    return reuse * boundary_bytes / cable_bandwidth


@formula(gives="step_time", source="williams2009roofline")
def step_time(streaming_time: Seconds, arithmetic_time: Seconds, boundary_time: Seconds) -> Seconds:
    """Time between passes when reading, arithmetic and sending overlap: the slowest decides."""
    return maximum(maximum(streaming_time, arithmetic_time), boundary_time)


@formula(gives="speed_per_fpga", source=SECTION)
def speed_per_fpga(reuse: Count, shards: Count, step_time: Seconds) -> RequestsPerSecond:
    """Inputs per second of the whole group, divided by its FPGAs."""
    return reuse / (shards * step_time)


@formula(gives="boundary_traffic", source="definition")
def boundary_traffic(
    boundary_bytes: Bytes, shards: Count, speed_per_fpga: RequestsPerSecond
) -> BytesPerSecond:
    """Traffic over one link: every input crosses every boundary once."""
    return boundary_bytes * shards * speed_per_fpga


@formula(gives="shards_at_link_limit", source="follows from the two times")
def shards_at_link_limit(single_arithmetic_time: Seconds, boundary_time: Seconds) -> Count:
    """FPGAs at which the arithmetic, ever more divided, takes no longer than the link."""
    return single_arithmetic_time / boundary_time


@formula(gives="circuit_cycles", source="definition of a pipeline")
def circuit_cycles(stream_inputs: Count, circuit_depth: Count) -> Count:
    """Clock cycles of a circuit with a unit per operation that takes an input every cycle."""
    return stream_inputs + circuit_depth - 1


@formula(gives="processor_cycles", source="definition")
def processor_cycles(stream_inputs: Count, circuit_depth: Count) -> Count:
    """Clock cycles of one unit that does one operation a cycle."""
    return stream_inputs * circuit_depth


@formula(gives="torus_mean_hops", source="follows from dally2004principles, torus chapter")
def catapult_torus_mean_hops(torus_width: Count, torus_height: Count) -> Count:
    """Mean hops to another FPGA of the torus, each ring crossed the shorter way round."""
    return (
        torus_height * ceil((torus_width**2 - 1) / 4)
        + torus_width * ceil((torus_height**2 - 1) / 4)
    ) / (torus_width * torus_height - 1)


@formula(gives="torus_most_hops", source="dally2004principles, torus chapter")
def catapult_torus_most_hops(torus_width: Count, torus_height: Count) -> Count:
    """Hops to the farthest FPGA of the torus: half of each ring, rounded down."""
    return ceil((torus_width - 1) / 2) + ceil((torus_height - 1) / 2)


@formula(gives="torus_round_trip", source="caulfield2016cloud")
def catapult_torus_round_trip(torus_hops: Count, hop_round_trip: Seconds) -> Seconds:
    """Round trip over several hops of the torus, as many times that over one."""
    return torus_hops * hop_round_trip


@formula(gives="word_rate", source=SECTION)
def word_rate(words: Count, translation_time: Seconds) -> WordsPerSecond:
    """Words translated per second."""
    return words / translation_time


@formula(gives="operations_per_word", source="definition")
def operations_per_word(datacenter_compute: OpPerSecond, word_rate: WordsPerSecond) -> OpPerWord:
    """Operations that the data center can spend on each word."""
    return datacenter_compute / word_rate


@formula(gives="parameters_allowed", source="definition")
def parameters_allowed(operations_per_word: OpPerWord, operations_per_parameter: Count) -> Count:
    """Parameters of the largest model that can look at each word once."""
    return operations_per_word / operations_per_parameter


@formula(gives="fpga_compute_needed", source=SECTION)
def fpga_compute_needed(datacenter_compute: OpPerSecond, fpgas: Count) -> OpPerSecond:
    """Compute that each FPGA must give for the data center to give its total."""
    return datacenter_compute / fpgas


@formula(gives="datacenter_compute", source="definition")
def fleet_compute(fpgas: Count, narrow_compute: OpPerSecond) -> OpPerSecond:
    """Combined compute of all FPGAs of a data center."""
    return fpgas * narrow_compute


@formula(gives="translation_time", source="definition")
def time_to_translate(
    words: Count,
    parameters: Count,
    operations_per_parameter: Count,
    datacenter_compute: OpPerSecond,
) -> Seconds:
    """Time in which the data center takes every word through every parameter once."""
    return words * parameters * operations_per_parameter / datacenter_compute


@formula(gives="translation_time", source="scales the demonstration up in proportion")
def demonstrated_time(
    words: Count, sample_words: Count, sample_time: Seconds, sample_fpgas: Count, fpgas: Count
) -> Seconds:
    """Time for all words when every FPGA works at the speed shown on a sample."""
    return words * sample_time * sample_fpgas / (sample_words * fpgas)


@dataclass(frozen=True)
class Slot:
    """What one unit does in one clock cycle, all counted from 1."""

    cycle: int
    unit: int
    operation: int
    item: int


def run_circuit(inputs: int, depth: int) -> list[Slot]:
    """A pipelined circuit, cycle by cycle.

    Args:
        inputs: how many inputs stand in the queue.
        depth: how many operations each needs; there is a unit for each.
    """
    waiting = deque(range(1, inputs + 1))
    units: list[int | None] = [None] * depth
    slots: list[Slot] = []
    finished = cycle = 0
    while finished < inputs:
        cycle += 1
        units = [waiting.popleft() if waiting else None, *units[:-1]]
        slots += [Slot(cycle, n, n, item) for n, item in enumerate(units, 1) if item]
        finished += units[-1] is not None
    return slots


def run_processor(inputs: int, depth: int) -> list[Slot]:
    """One unit that does one operation of one input in a cycle.

    Args:
        inputs: how many inputs stand in the queue.
        depth: how many operations each needs.
    """
    slots: list[Slot] = []
    for item in range(1, inputs + 1):
        for operation in range(1, depth + 1):
            slots.append(Slot(len(slots) + 1, 1, operation, item))
    return slots


ASSUMPTION = "an assumption of this book: the article gives no size"

PARAMETERS = Parameters(
    (
        Parameter(
            name="fpga",
            default="stratix_v_d5",
            unit="name",
            label="the FPGA",
            help="An FPGA of the catalog; the article names none. Its compute is unverified.",
            source="Putnam et al., ISCA 2014, for the family",
            choices=catalog.chips("memory", "narrow_compute"),
            resolve=own.chip,
            own=own_chip("memory", "narrow_compute"),
        ),
        Parameter(
            name="model_size",
            default=50.0,
            unit="MB",
            label="weights of the model",
            help="A ranking network of the period, about ten times one FPGA's memory.",
            source=ASSUMPTION,
            low=0.01,
            high=1e6,
        ),
        Parameter(
            name="bytes_per_parameter",
            default=1.0,
            unit="B",
            label="bytes of one weight, and of one value between layers",
            help="FPGAs of the period used narrow numbers, of about a byte.",
            source=ASSUMPTION,
            low=0.125,
            high=8.0,
        ),
        Parameter(
            name="operations_per_parameter",
            default=2.0,
            unit="count",
            label="operations for each weight and input: a multiplication and an addition",
            help="True of fully connected and recurrent layers; convolutions do more.",
            source="williams2009roofline",
            low=1.0,
            high=1e5,
        ),
        Parameter(
            name="reuse",
            default=1,
            unit="count",
            label="inputs that share one reading of the weights",
            help="A search query waits for nobody, so one.",
            source=ASSUMPTION,
            low=1,
            high=1e5,
        ),
        Parameter(
            name="layer_width",
            default=2048,
            unit="count",
            label="values that cross from one block of the model to the next",
            help="A square layer of this width fits into one FPGA at a byte a weight.",
            source=ASSUMPTION,
            low=1,
            high=1e7,
        ),
        Parameter(
            name="dram_bandwidth",
            default=32.0,
            unit="GB/s",
            label="bandwidth of the FPGA's DRAM, two channels together",
            help="The article's figure for DDR4.",
            source=ARTICLE,
            low=0.1,
            high=1e5,
        ),
        Parameter(
            name="link_bandwidth",
            default=40.0,
            unit="Gbit/s",
            label="bandwidth of a link between FPGAs, each way",
            help="Ethernet of the second Catapult; the cables of the first carried 10 Gbit/s.",
            source="ClickNP, SIGCOMM 2016, line rate",
            low=0.01,
            high=1e5,
        ),
        Parameter(
            name="stream_inputs",
            default=5,
            unit="count",
            label="inputs in the stream of the small example",
            help="For the picture of cycles.",
            source=ASSUMPTION,
            low=1,
            high=1e9,
        ),
        Parameter(
            name="circuit_depth",
            default=4,
            unit="count",
            label="operations for each input of the small example",
            help="For the picture of cycles.",
            source=ASSUMPTION,
            low=1,
            high=12,
        ),
        Parameter(
            name="torus_width",
            default=6,
            unit="count",
            label="FPGAs along one side of the torus",
            help="The first Catapult.",
            source="Putnam et al., ISCA 2014",
            low=2,
            high=1e4,
        ),
        Parameter(
            name="torus_height",
            default=8,
            unit="count",
            label="FPGAs along the other side of the torus",
            help="The first Catapult.",
            source="Putnam et al., ISCA 2014",
            low=2,
            high=1e4,
        ),
        Parameter(
            name="fpgas",
            default=100000,
            unit="count",
            label="FPGAs in the thought experiment's data center",
            help="The article's figure.",
            source=ARTICLE,
            low=1,
            high=1e8,
        ),
        Parameter(
            name="datacenter_compute",
            default=1.0,
            unit="EOP/s",
            label="combined compute of these FPGAs",
            help="The article's figure.",
            source=ARTICLE,
            low=1e-6,
            high=1e6,
        ),
        Parameter(
            name="words",
            default=3e9,
            unit="count",
            label="words of Wikipedia",
            help="As said at the demonstration in 2016.",
            source="reports of Ignite 2016",
            low=1.0,
            high=1e15,
        ),
        Parameter(
            name="translation_time",
            default=0.1,
            unit="s",
            label="time to translate them",
            help="The article's upper bound.",
            source=ARTICLE,
            low=1e-6,
            high=1e9,
        ),
    )
)


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays."""

    parameters: Count
    pass_operations: Count
    fpgas_to_fit: Count
    dram_time: Seconds
    onchip_time: Seconds
    fed_compute: OpPerSecond
    streamed_speed: RequestsPerSecond
    fitted_speed: RequestsPerSecond
    superlinear_speedup: Ratio
    boundary_bytes: Bytes
    boundary_time: Seconds
    boundary_traffic: BytesPerSecond
    link_share: Share
    fpgas_at_link_limit: Count
    circuit_cycles: Count
    processor_cycles: Count
    torus_mean_hops: Count
    torus_most_hops: Count
    torus_mean_round_trip: Seconds
    torus_worst_round_trip: Seconds
    word_rate: WordsPerSecond
    operations_per_word: OpPerWord
    model_parameters_allowed: Count
    fpgas_for_allowed: Count
    fpga_compute_needed: OpPerSecond
    fleet_compute: OpPerSecond
    fleet_time: Seconds
    demonstrated_time: Seconds


def has_links(shards: Count) -> Count:
    """1 for a group of FPGAs, 0 for a lone one, which sends nothing."""
    return minimum(shards - 1, 1)


def speed_of_shards(
    fpga: Chip,
    model_size: Bytes,
    operations: Count,
    reuse: Count,
    sending: Seconds,
    dram_bandwidth: BytesPerSecond,
    shards: Count,
) -> RequestsPerSecond:
    """Inputs per second and FPGA when `shards` of them share one model.

    Args:
        fpga: gives on-chip memory and compute.
        model_size: bytes of the weights.
        operations: operations of one pass.
        reuse: inputs of one pass.
        sending: time that a link takes for what one pass sends; a lone FPGA has no link.
        dram_bandwidth: of each FPGA.
        shards: number of FPGAs that share one model.
    """
    streamed = weights_to_stream(model_size, shards, fpga.memory)
    reading = streaming_time(streamed, shards, dram_bandwidth)
    working = arithmetic_time(operations, shards, fpga.narrow_compute)
    step = step_time(reading, working, sending * has_links(shards))
    return speed_per_fpga(reuse, shards, step)


def conclude(
    fpga: Chip,
    model_size: Bytes,
    bytes_per_parameter: Bytes,
    operations_per_parameter: Count,
    reuse: Count,
    layer_width: Count,
    dram_bandwidth: BytesPerSecond,
    link_bandwidth: BytesPerSecond,
    stream_inputs: Count,
    circuit_depth: Count,
    torus_width: Count,
    torus_height: Count,
    fpgas: Count,
    datacenter_compute: OpPerSecond,
    words: Count,
    translation_time: Seconds,
) -> Conclusions:
    """What on-chip memory does for a group of FPGAs, and what the thought experiment asks.

    Args:
        fpga: gives on-chip memory, all of it taken for weights, and peak compute.
        model_size: bytes of the model's weights.
        bytes_per_parameter: bytes of a weight and of a value between layers.
        operations_per_parameter: operations for each weight and input.
        reuse: inputs that share one reading of the weights.
        layer_width: values that cross from block to block.
        dram_bandwidth: of each FPGA.
        link_bandwidth: of a link between FPGAs, each way.
        stream_inputs: inputs of the small example.
        circuit_depth: operations of the small example.
        torus_width: FPGAs along one side of the torus.
        torus_height: FPGAs along the other.
        fpgas: FPGAs in the data center.
        datacenter_compute: what they are said to give together.
        words: words to translate.
        translation_time: the time said to suffice.
    """
    parameters = model_size / bytes_per_parameter
    operations = pass_operations(parameters, operations_per_parameter, reuse)
    crossing = boundary_bytes(layer_width, bytes_per_parameter)
    sending = boundary_time(reuse, crossing, link_bandwidth)
    dram_time = streaming_time(model_size, 1, dram_bandwidth)
    onchip_time = arithmetic_time(operations, 1, fpga.narrow_compute)
    shards = capacity.cards_to_hold(model_size, fpga.memory)
    streamed_speed = speed_per_fpga(reuse, 1, step_time(dram_time, onchip_time, 0.0))
    fitted_speed = speed_of_shards(
        fpga, model_size, operations, reuse, sending, dram_bandwidth, shards
    )
    traffic = boundary_traffic(crossing, shards, fitted_speed) * has_links(shards)

    mean_hops = catapult_torus_mean_hops(torus_width, torus_height)
    most_hops = catapult_torus_most_hops(torus_width, torus_height)
    hop = catalog.value("catapult_v1.hop_round_trip")

    rate = word_rate(words, translation_time)
    each = operations_per_word(datacenter_compute, rate)
    allowed = parameters_allowed(each, operations_per_parameter)
    fleet = fleet_compute(fpgas, fpga.narrow_compute)
    return Conclusions(
        parameters=parameters,
        pass_operations=operations,
        fpgas_to_fit=shards,
        dram_time=dram_time,
        onchip_time=onchip_time,
        fed_compute=compute_fed_by_dram(
            dram_bandwidth, operations_per_parameter, reuse, bytes_per_parameter
        ),
        streamed_speed=streamed_speed,
        fitted_speed=fitted_speed,
        superlinear_speedup=fitted_speed / streamed_speed,
        boundary_bytes=crossing,
        boundary_time=sending,
        boundary_traffic=traffic,
        link_share=traffic / link_bandwidth,
        fpgas_at_link_limit=shards_at_link_limit(onchip_time, sending),
        circuit_cycles=circuit_cycles(stream_inputs, circuit_depth),
        processor_cycles=processor_cycles(stream_inputs, circuit_depth),
        torus_mean_hops=mean_hops,
        torus_most_hops=most_hops,
        torus_mean_round_trip=catapult_torus_round_trip(mean_hops, hop),
        torus_worst_round_trip=catapult_torus_round_trip(most_hops, hop),
        word_rate=rate,
        operations_per_word=each,
        model_parameters_allowed=allowed,
        fpgas_for_allowed=capacity.cards_to_hold(
            capacity.weights(allowed, bytes_per_parameter), fpga.memory
        ),
        fpga_compute_needed=fpga_compute_needed(datacenter_compute, fpgas),
        fleet_compute=fleet,
        fleet_time=time_to_translate(words, allowed, operations_per_parameter, fleet),
        demonstrated_time=demonstrated_time(
            words,
            catalog.value("war_and_peace.words"),
            catalog.value("ignite_2016.war_and_peace_time"),
            catalog.value("ignite_2016.war_and_peace_fpgas"),
            fpgas,
        ),
    )
