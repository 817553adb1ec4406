"""A model spread over on-chip memories instead of streamed from DRAM: `spatial_computing`."""

from __future__ import annotations

from inference_economics import catalog, inputs
from inference_economics.catalog import Chip
from inference_economics.formulas import spatial_computing as spatial
from inference_economics.formulas.capacity import cards_to_hold, parameter_count, weights
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
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live

ASSUMPTION = "an assumption of this book: the article gives no size"


@worksheet
def conclude(
    fpga: Chip = inputs.changed(
        inputs.chip(
            "stratix_v_d5", "the FPGA", "memory", "narrow_compute",
            help="An FPGA of the catalog; the article names none. Its compute is unverified.",
        ),
        source="Putnam et al., ISCA 2014, for the family",
    ),
    model_size: Bytes = inputs.given(
        50.0, "weights of the model",
        "A ranking network of the period, about ten times one FPGA's memory.",
        unit="MB", source=ASSUMPTION, low=0.01, high=1e6,
    ),
    bytes_per_parameter: Bytes = inputs.given(
        1.0, "bytes of one weight, and of one value between layers",
        "FPGAs of the period used narrow numbers, of about a byte.",
        unit="B", source=ASSUMPTION, low=0.125, high=8.0,
    ),
    operations_per_parameter: Count = inputs.given(
        2.0, "operations for each weight and input: a multiplication and an addition",
        "True of fully connected and recurrent layers; convolutions do more.",
        unit="count", source="williams2009roofline", low=1.0, high=1e5,
    ),
    reuse: Count = inputs.given(
        1, "inputs that share one reading of the weights",
        "A search query waits for nobody, so one.",
        unit="count", source=ASSUMPTION, low=1, high=1e5, track=(1, 1000), whole=True,
    ),
    layer_width: Count = inputs.given(
        2048, "values that cross from one block of the model to the next",
        "A square layer of this width fits into one FPGA at a byte a weight.",
        unit="count", source=ASSUMPTION, low=1, high=1e7, track=(64, 65_536), whole=True,
    ),
    dram_bandwidth: BytesPerSecond = inputs.given(
        "article.fpga_dram_bandwidth", "bandwidth of the FPGA's DRAM, two channels together",
        "The article's figure for DDR4.", low=0.1, high=1e5, track=(1.0, 1000.0),
    ),
    link_bandwidth: BytesPerSecond = inputs.given(
        "clicknp.line_rate", "bandwidth of a link between FPGAs, each way",
        "Ethernet of the second Catapult; the cables of the first carried 10 Gbit/s.",
        source="ClickNP, SIGCOMM 2016, line rate", low=0.01, high=1e5, track=(1.0, 1000.0),
    ),
    stream_inputs: Count = inputs.given(
        5, "inputs in the stream of the small example", "For the picture of cycles.",
        unit="count", source=ASSUMPTION, low=1, high=1e9, whole=True,
    ),
    circuit_depth: Count = inputs.given(
        4, "operations for each input of the small example", "For the picture of cycles.",
        unit="count", source=ASSUMPTION, low=1, high=12, whole=True,
    ),
    torus_width: Count = inputs.given(
        "catapult_v1.torus_width", "FPGAs along one side of the torus", "The first Catapult.",
        source="Putnam et al., ISCA 2014", low=2, high=1e4, whole=True,
    ),
    torus_height: Count = inputs.given(
        "catapult_v1.torus_height", "FPGAs along the other side of the torus",
        "The first Catapult.", source="Putnam et al., ISCA 2014", low=2, high=1e4, whole=True,
    ),
    fpgas: Count = inputs.given(
        "article.datacenter_fpgas", "FPGAs in the thought experiment's data center",
        "The article's figure.", low=1, high=1e8, whole=True,
    ),
    datacenter_compute: OpPerSecond = inputs.given(
        "ignite_2016.compute", "combined compute of these FPGAs", "The article's figure.",
        low=1e-6, high=1e6,
    ),
    words: Count = inputs.given(
        "ignite_2016.words", "words of Wikipedia", "As said at the demonstration in 2016.",
        source="reports of Ignite 2016", low=1.0, high=1e15,
    ),
    translation_time: Seconds = inputs.given(
        "ignite_2016.translation_time_high", "time to translate them", "The article's upper bound.",
        low=1e-6, high=1e9,
    ),
) -> Lines:  # fmt: skip
    """What on-chip memory does for a group of FPGAs, and what the thought experiment asks.

    All of an FPGA's on-chip memory is taken for weights.
    """
    # one FPGA: fed from DRAM, and from its own memory
    parameters = model_size / bytes_per_parameter
    pass_operations: Count = spatial.pass_operations(parameters, operations_per_parameter, reuse)
    fpgas_to_fit: Count = cards_to_hold(model_size, fpga.memory)
    dram_time: Seconds = spatial.streaming_time(model_size, 1, dram_bandwidth)
    onchip_time: Seconds = spatial.arithmetic_time(pass_operations, 1, fpga.narrow_compute)
    busy_share: Share = minimum(1, onchip_time / dram_time)
    fed_compute: OpPerSecond = spatial.compute_fed_by_dram(
        dram_bandwidth, operations_per_parameter, reuse, bytes_per_parameter
    )

    # a group of them, and its links
    boundary_bytes: Bytes = spatial.boundary_bytes(layer_width, bytes_per_parameter)
    state_share: Share = boundary_bytes / model_size
    boundary_time: Seconds = spatial.boundary_time(reuse, boundary_bytes, link_bandwidth)
    streamed_step = spatial.step_time(dram_time, onchip_time, 0.0)
    streamed_speed: RequestsPerSecond = spatial.speed_per_fpga(reuse, 1, streamed_step)

    def speed_of(shards: Count) -> RequestsPerSecond:
        return spatial.speed_of_shards(
            fpga, model_size, pass_operations, reuse, boundary_time, dram_bandwidth, shards
        )

    first_speed: RequestsPerSecond = speed_of(1)
    fitted_speed: RequestsPerSecond = speed_of(fpgas_to_fit)
    superlinear_speedup: Ratio = fitted_speed / streamed_speed
    kept_speedup: Ratio = fitted_speed / first_speed
    boundary_traffic: BytesPerSecond = spatial.boundary_traffic(
        boundary_bytes, fpgas_to_fit, fitted_speed
    ) * spatial.has_links(fpgas_to_fit)
    link_share: Share = boundary_traffic / link_bandwidth
    fpgas_at_link_limit: Count = spatial.shards_at_link_limit(onchip_time, boundary_time)
    limited_group: Count = maximum(2, ceil(fpgas_at_link_limit))
    cable = catalog.value("catapult_v1.cable_rate")
    cable_time = spatial.boundary_time(reuse, boundary_bytes, cable)
    cable_limit = spatial.shards_at_link_limit(onchip_time, cable_time)
    cable_limited_group: Count = maximum(2, ceil(cable_limit))

    # cycle by cycle
    circuit_cycles: Count = spatial.circuit_cycles(stream_inputs, circuit_depth)
    processor_cycles: Count = spatial.processor_cycles(stream_inputs, circuit_depth)
    cycles_ratio: Ratio = processor_cycles / circuit_cycles

    # the torus
    torus_mean_hops: Count = spatial.catapult_torus_mean_hops(torus_width, torus_height)
    torus_most_hops: Count = spatial.catapult_torus_most_hops(torus_width, torus_height)
    hop = catalog.value("catapult_v1.hop_round_trip")
    torus_mean_round_trip: Seconds = spatial.catapult_torus_round_trip(torus_mean_hops, hop)
    torus_worst_round_trip: Seconds = spatial.catapult_torus_round_trip(torus_most_hops, hop)

    # all of Wikipedia
    word_rate: WordsPerSecond = spatial.word_rate(words, translation_time)
    operations_per_word: OpPerWord = spatial.operations_per_word(datacenter_compute, word_rate)
    model_parameters_allowed: Count = spatial.parameters_allowed(
        operations_per_word, operations_per_parameter
    )
    allowed_bytes = weights(model_parameters_allowed, bytes_per_parameter)
    fpgas_for_allowed: Count = cards_to_hold(allowed_bytes, fpga.memory)
    fpga_compute_needed: OpPerSecond = spatial.fpga_compute_needed(datacenter_compute, fpgas)
    fleet_compute: OpPerSecond = spatial.fleet_compute(fpgas, fpga.narrow_compute)
    book_words = catalog.value("war_and_peace.words")
    book_time = catalog.value("ignite_2016.war_and_peace_time")
    book_fpgas = catalog.value("ignite_2016.war_and_peace_fpgas")
    demonstrated_time: Seconds = spatial.demonstrated_time(
        words, book_words, book_time, book_fpgas, fpgas
    )
    demonstrated_excess: Ratio = demonstrated_time / translation_time
    fpgas_to_demonstrate: Count = fpgas * demonstrated_excess

    # what came later: a measured FPGA, and a model of language
    brainwave = catalog.value("stratix_10_280.batch_1_compute")
    brainwave_compute: OpPerSecond = spatial.fleet_compute(fpgas, brainwave)
    llm_parameters = parameter_count(catalog.model("llama2_7b"))
    share_of_llm: Share = model_parameters_allowed / llm_parameters
    llm_time: Seconds = spatial.time_to_translate(
        words, llm_parameters, operations_per_parameter, datacenter_compute
    )
    return locals()


LIVE = Live(
    chapter="spatial_computing",
    title="Output of one FPGA against the size of the model",
    description=(
        "Inferences per second of one FPGA that streams the weights from DRAM, and of one "
        "among enough FPGAs to hold the model on chip."
    ),
    across="model_size",
    span=(1.0, 1000.0),
    across_title="Weights of the model (MB)",
    curves=(
        Curve("fitted_speed", "model on chip", "1"),
        Curve("streamed_speed", "streamed from DRAM", "2"),
    ),
    unit="request/s",
    unit_title="Output of one FPGA (inferences per second)",
    sliders=("dram_bandwidth", "link_bandwidth", "reuse", "layer_width"),
    choices=("fpga",),
    sentence=(
        "A model of {model_size} fits on {fpgas_to_fit FPGAs}, and each of them then does "
        "{superlinear_speedup:times as much as|times less than} one fed from DRAM."
    ),
    constants=("{fpga}.memory", "{fpga}.narrow_compute"),
)
