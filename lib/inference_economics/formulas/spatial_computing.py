"""A model spread over on-chip memories instead of streamed from DRAM: `spatial_computing`."""

from __future__ import annotations

from inference_economics.catalog import Chip
from inference_economics.quantities import formula
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    OpPerSecond,
    OpPerWord,
    RequestsPerSecond,
    Seconds,
    WordsPerSecond,
)
from reckoner.declare.numeric import ceil, maximum, minimum

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
