"""A model spread over on-chip memories instead of streamed from DRAM: `spatial_computing`."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog
from inference_economics.catalog import Chip, own
from inference_economics.formulas import capacity
from inference_economics.formulas.spatial_computing import (
    arithmetic_time,
    boundary_bytes,
    boundary_time,
    boundary_traffic,
    catapult_torus_mean_hops,
    catapult_torus_most_hops,
    catapult_torus_round_trip,
    circuit_cycles,
    compute_fed_by_dram,
    demonstrated_time,
    fleet_compute,
    fpga_compute_needed,
    has_links,
    operations_per_word,
    parameters_allowed,
    pass_operations,
    processor_cycles,
    shards_at_link_limit,
    speed_of_shards,
    speed_per_fpga,
    step_time,
    streaming_time,
    time_to_translate,
    word_rate,
)
from inference_economics.inputs import ARTICLE, own_chip
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
from reckoner.declare.parameters import Parameter, Parameters

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
