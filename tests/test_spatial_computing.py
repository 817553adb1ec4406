"""What the chapter `spatial_computing` must protect."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.formulas import spatial_computing as chapter
from inference_economics.machines.circuit import run_circuit, run_processor
from inference_economics.worksheets.spatial_computing import conclude

positive = st.floats(1e-3, 1e12)
sizes = st.integers(1, 10**6)
sides = st.integers(2, 12)


def concluded(**changes: Any) -> SimpleNamespace:
    return conclude(**conclude.parameters.base(changes))


# The article's own figures


def test_the_thought_experiment_allows_a_small_model() -> None:
    # 1e18 op/s over 3e9 words / 0.1 s = 3.33e7 op a word; at 2 op a parameter, half as many
    # parameters.
    results = concluded()
    assert results.word_rate == pytest.approx(3e10, rel=1e-12)
    assert results.operations_per_word == pytest.approx(1e18 / 3e10, rel=1e-12)
    assert results.model_parameters_allowed == pytest.approx(1e9 / 60, rel=1e-12)


def test_the_thought_experiment_asks_ten_tera_operations_of_each_fpga() -> None:
    assert concluded().fpga_compute_needed == pytest.approx(1e18 / 1e5, rel=1e-12)


def test_war_and_peace_scaled_up_misses_the_claimed_time() -> None:
    # 587,287 words on 4 boards in 2.6 s are 56,470 words/s a board; 3e9 words on 1e5 boards.
    assert concluded().demonstrated_time == pytest.approx(3e9 / (587287 / 2.6 / 4 * 1e5), rel=1e-12)
    assert concluded().demonstrated_time > 0.1


def test_dram_takes_its_bytes_over_its_bandwidth() -> None:
    # 50 MB at 32 GB/s, both decimal: 1.5625 ms (50 MiB or GiB/s would give another figure)
    assert concluded().dram_time == pytest.approx(1.5625e-3, rel=1e-12)


def test_dram_feeds_two_operations_a_byte() -> None:
    assert concluded().fed_compute == pytest.approx(64e9, rel=1e-12)


def test_a_stratix_v_holds_five_megabytes_so_fifty_need_ten() -> None:
    # 2,014 blocks of 20,480 bit: 5,155,840 B. Nine hold 46.4 MB, ten 51.6 MB.
    assert catalog.chip("stratix_v_d5").memory == 2014 * 20480 / 8
    assert concluded().fpgas_to_fit == 10


def test_the_first_catapult_is_seven_hops_across() -> None:
    results = concluded()
    assert results.torus_most_hops == 6 / 2 + 8 / 2
    # All distances from one corner, by hand: rows 0 1 2 3 2 1 and 0 1 2 3 4 3 2 1 sum to 9 and
    # 16, so 9 * 8 + 16 * 6 = 168 hops to 47 others.
    assert results.torus_mean_hops == pytest.approx(168 / 47, rel=1e-12)
    assert results.torus_worst_round_trip == pytest.approx(
        catalog.value("catapult_v1.worst_round_trip"), rel=1e-12
    )


# The speed per FPGA


def speed(shards: Any, **changes: Any) -> Any:
    values = conclude.parameters.base(changes)
    results = concluded(**changes)
    return chapter.speed_of_shards(
        values["fpga"],
        values["model_size"],
        results.pass_operations,
        values["reuse"],
        results.boundary_time,
        values["dram_bandwidth"],
        shards,
    )


def test_speed_per_fpga_rises_until_the_model_fits_and_falls_once_links_limit() -> None:
    results = concluded()
    rising = speed(np.arange(1, results.fpgas_to_fit + 1))
    assert np.all(np.diff(rising) > 0)
    flat = speed(np.arange(results.fpgas_to_fit, int(results.fpgas_at_link_limit) + 1))
    assert flat == pytest.approx(np.full(flat.shape, results.fitted_speed), rel=1e-12)
    falling = speed(np.array([102, 204, 408]))
    assert falling[:-1] / falling[1:] == pytest.approx(2, rel=1e-12)


@given(shards=st.integers(1, 9))
def test_while_reading_limits_the_group_is_as_fast_as_its_unread_rest_is_small(shards: int) -> None:
    # n FPGAs read W - n m bytes at n times the bandwidth, so each gives bandwidth / (W - n m).
    rest = 50e6 - shards * 5155840
    assert speed(shards) == pytest.approx(32e9 / rest, rel=1e-9)


@given(size=st.floats(6, 1e4), wider=st.floats(1, 30))
def test_superlinear_factor_is_compute_over_what_dram_feeds(size: float, wider: float) -> None:
    # Without a limit from links the model's size cancels.
    results = concluded(model_size=size, dram_bandwidth=32.0 * wider, link_bandwidth=1e5)
    peak = catalog.chip("stratix_v_d5").narrow_compute
    assert results.superlinear_speedup == pytest.approx(peak / results.fed_compute, rel=1e-9)


@given(reuse=st.integers(38, 10**4))
def test_reuse_beyond_the_balance_leaves_nothing_to_gain(reuse: int) -> None:
    # 2.4 TOP/s over 64 GOP/s is 37.5: from 38 inputs a reading on, arithmetic is the limit.
    assert concluded(reuse=reuse).superlinear_speedup == pytest.approx(1, rel=1e-9)


def test_narrow_links_turn_the_gain_into_a_loss() -> None:
    assert concluded(link_bandwidth=0.05).superlinear_speedup < 1


def test_a_lone_fpga_waits_for_no_link() -> None:
    # 5 MB fit into one Stratix V: 2.4 TOP/s over the 64 GOP/s of its DRAM, however slow the link.
    lone = concluded(model_size=5.0, link_bandwidth=0.01)
    assert lone.fpgas_to_fit == 1
    assert lone.superlinear_speedup == pytest.approx(37.5, rel=1e-12)
    assert lone.link_share == lone.boundary_traffic == 0
    # 20 MB fit into one Stratix 10: 48 TOP/s over 400 GB/s at two operations a byte.
    lone = concluded(
        fpga="stratix_10_280", model_size=20.0, dram_bandwidth=400.0, link_bandwidth=0.1
    )
    assert lone.superlinear_speedup == pytest.approx(60, rel=1e-12)
    assert concluded(link_bandwidth=0.01).streamed_speed == concluded().streamed_speed


@given(link=st.floats(0.01, 1e4))
def test_the_first_of_a_group_does_not_see_the_link_and_the_second_does(link: float) -> None:
    alone, pair = speed(np.array([1, 2]), link_bandwidth=link)
    assert alone == pytest.approx(32e9 / (50e6 - 5155840), rel=1e-12)
    # 2048 B a pass over the link, at most; both share the speed.
    assert 2 * pair <= link * 1e9 / 8 / 2048 * (1 + 1e-9)


@given(weights=positive, shards=sizes, memory=positive)
def test_streamed_weights_are_the_rest_or_nothing(
    weights: float, shards: int, memory: float
) -> None:
    streamed = chapter.weights_to_stream(weights, shards, memory)
    held = shards * memory
    assert streamed == (weights - held if weights > held else 0)


@given(reading=positive, working=positive, sending=positive)
def test_the_slowest_sets_the_pace(reading: float, working: float, sending: float) -> None:
    assert chapter.step_time(reading, working, sending) == max(reading, working, sending)


@given(link=st.floats(0.01, 1e3), width=st.integers(1, 10**6), reuse=st.integers(1, 10**4))
def test_no_link_carries_more_than_it_can(link: float, width: int, reuse: int) -> None:
    share = concluded(link_bandwidth=link, layer_width=width, reuse=reuse).link_share
    assert 0 < share <= 1 + 1e-9


def test_at_the_link_limit_arithmetic_and_sending_take_equally_long() -> None:
    results = concluded()
    each = chapter.arithmetic_time(
        results.pass_operations,
        results.fpgas_at_link_limit,
        catalog.chip("stratix_v_d5").narrow_compute,
    )
    assert each == pytest.approx(results.boundary_time, rel=1e-12)


# Space against time


@given(inputs=st.integers(1, 40), depth=st.integers(1, 12))
def test_simulated_cycles_are_the_closed_forms(inputs: int, depth: int) -> None:
    circuit = run_circuit(inputs, depth)
    processor = run_processor(inputs, depth)
    assert circuit[-1].cycle == chapter.circuit_cycles(inputs, depth)
    assert processor[-1].cycle == chapter.processor_cycles(inputs, depth)


@given(inputs=st.integers(1, 40), depth=st.integers(1, 12))
def test_both_machines_do_the_same_work_in_order(inputs: int, depth: int) -> None:
    work = set(itertools.product(range(1, inputs + 1), range(1, depth + 1)))
    for run in (run_circuit(inputs, depth), run_processor(inputs, depth)):
        assert len(run) == len(work) == len({(s.cycle, s.unit) for s in run})
        assert {(s.item, s.operation) for s in run} == work
        when = {(s.item, s.operation): s.cycle for s in run}
        assert all(when[i, k] < when[i, k + 1] for i, k in work if k < depth)


@given(inputs=st.integers(1, 10**6), depth=st.integers(1, 100))
def test_space_gains_at_most_a_factor_of_its_units(inputs: int, depth: int) -> None:
    gain = chapter.processor_cycles(inputs, depth) / chapter.circuit_cycles(inputs, depth)
    assert 1 <= gain <= depth


# The torus


@given(width=sides, height=sides)
def test_torus_hops_equal_a_count_of_every_route(width: int, height: int) -> None:
    hops = [
        min(x, width - x) + min(y, height - y)
        for x in range(width)
        for y in range(height)
        if (x, y) != (0, 0)
    ]
    mean = chapter.catapult_torus_mean_hops(width, height)
    assert mean == pytest.approx(sum(hops) / len(hops), rel=1e-12)
    assert chapter.catapult_torus_most_hops(width, height) == max(hops)


@given(width=sides, height=sides)
def test_a_torus_turned_round_is_the_same(width: int, height: int) -> None:
    turned = chapter.catapult_torus_mean_hops(height, width)
    assert chapter.catapult_torus_mean_hops(width, height) == pytest.approx(turned, rel=1e-12)


@given(side=st.integers(50, 5000))
def test_mean_of_a_large_torus_nears_a_quarter_of_its_sides(side: int) -> None:
    # Dally and Towles give d k / 4 with the sender counted among the destinations.
    even = 2 * side
    others = even**2 / (even**2 - 1)
    mean = chapter.catapult_torus_mean_hops(even, even)
    assert mean == pytest.approx(2 * even / 4 * others, rel=1e-12)


# The thought experiment


@given(words=positive, seconds=st.floats(1e-3, 1e3), compute=st.floats(1e9, 1e20))
def test_the_allowed_model_takes_the_whole_time(
    words: float, seconds: float, compute: float
) -> None:
    each = chapter.operations_per_word(compute, chapter.word_rate(words, seconds))
    allowed = chapter.parameters_allowed(each, 2)
    assert chapter.time_to_translate(words, allowed, 2, compute) == pytest.approx(seconds, rel=1e-9)


def test_measured_peak_is_below_the_assumed_one() -> None:
    stratix = catalog.chip("stratix_10_280")
    assert stratix.batch_1_compute < stratix.narrow_compute


# Every result a second time


FITTED = {
    "fpga": "arria_10_1150", "model_size": 37.0, "bytes_per_parameter": 1.5,
    "operations_per_parameter": 3.0, "reuse": 7, "layer_width": 1031, "dram_bandwidth": 29.0,
    "link_bandwidth": 13.0, "stream_inputs": 11, "circuit_depth": 9, "torus_width": 5,
    "torus_height": 12, "fpgas": 70001, "datacenter_compute": 1.7, "words": 4.1e9,
    "translation_time": 0.23,
}  # fmt: skip
LONE = {
    "fpga": "stratix_10_280", "model_size": 19.0, "bytes_per_parameter": 0.5,
    "operations_per_parameter": 17.0, "reuse": 83, "layer_width": 60013, "dram_bandwidth": 405.0,
    "link_bandwidth": 0.3, "stream_inputs": 3, "circuit_depth": 8, "torus_width": 4,
    "torus_height": 7, "fpgas": 211, "datacenter_compute": 0.0031, "words": 6.7e10,
    "translation_time": 41.0,
}  # fmt: skip


def worked_out(g: SimpleNamespace) -> dict[str, float]:
    """Every result from its definition, without the book's formulas; `g` in base units."""
    memory, peak = g.fpga.memory, g.fpga.narrow_compute
    operations = g.model_size / g.bytes_per_parameter * g.operations_per_parameter * g.reuse
    reading, working = g.model_size / g.dram_bandwidth, operations / peak
    message = g.layer_width * g.bytes_per_parameter
    sending = g.reuse * message / g.link_bandwidth
    fit = math.ceil(g.model_size / memory)
    streamed = g.reuse / max(reading, working)
    first = g.reuse / max(max(0.0, g.model_size - memory) / g.dram_bandwidth, working)
    fitted = g.reuse / fit / max(working / fit, sending if fit > 1 else 0.0)
    traffic = message * fit * fitted if fit > 1 else 0.0
    cable = 10e9 / 8
    w, h = int(g.torus_width), int(g.torus_height)
    routes = [min(x, w - x) + min(y, h - y) for x in range(w) for y in range(h)]
    hop = 1e-6
    each = g.datacenter_compute * g.translation_time / g.words
    allowed = each / g.operations_per_parameter
    llm = 6738415616
    shown = g.words / (587287 / (2.6 * 4)) / g.fpgas
    return {
        "pass_operations": operations,
        "fpgas_to_fit": fit,
        "dram_time": reading,
        "onchip_time": working,
        "busy_share": min(1.0, working / reading),
        "fed_compute": g.dram_bandwidth
        / g.bytes_per_parameter
        * g.operations_per_parameter
        * g.reuse,
        "boundary_bytes": message,
        "state_share": message / g.model_size,
        "boundary_time": sending,
        "streamed_speed": streamed,
        "first_speed": first,
        "fitted_speed": fitted,
        "superlinear_speedup": fitted / streamed,
        "kept_speedup": fitted / first,
        "boundary_traffic": traffic,
        "link_share": traffic / g.link_bandwidth,
        "fpgas_at_link_limit": working / sending,
        "limited_group": max(2, math.ceil(working / sending)),
        "cable_limited_group": max(2, math.ceil(working / (g.reuse * message / cable))),
        "circuit_cycles": g.stream_inputs + g.circuit_depth - 1,
        "processor_cycles": g.stream_inputs * g.circuit_depth,
        "cycles_ratio": g.stream_inputs * g.circuit_depth / (g.stream_inputs + g.circuit_depth - 1),
        "torus_mean_hops": sum(routes) / (len(routes) - 1),
        "torus_most_hops": max(routes),
        "torus_mean_round_trip": sum(routes) / (len(routes) - 1) * hop,
        "torus_worst_round_trip": max(routes) * hop,
        "word_rate": g.words / g.translation_time,
        "operations_per_word": each,
        "model_parameters_allowed": allowed,
        "fpgas_for_allowed": math.ceil(allowed * g.bytes_per_parameter / memory),
        "fpga_compute_needed": g.datacenter_compute / g.fpgas,
        "fleet_compute": g.fpgas * peak,
        "demonstrated_time": shown,
        "demonstrated_excess": shown / g.translation_time,
        "fpgas_to_demonstrate": g.words / (587287 / (2.6 * 4)) / g.translation_time,
        "brainwave_compute": g.fpgas * 39.5e12,
        "share_of_llm": allowed / llm,
        "llm_time": g.words * llm * g.operations_per_parameter / g.datacenter_compute,
    }


@pytest.mark.parametrize("case", [FITTED, LONE], ids=["fitted", "lone"])
def test_every_result_is_computed_a_second_time(case: dict[str, Any]) -> None:
    results = concluded(**case)
    expected = worked_out(SimpleNamespace(**conclude.parameters.base(case)))
    assert list(expected) == list(conclude.units)
    assert vars(results) == pytest.approx(expected, rel=1e-9)


def test_the_two_cases_lie_on_both_sides_of_what_decides() -> None:
    group, lone = concluded(**FITTED), concluded(**LONE)
    assert group.fpgas_to_fit > 1 == lone.fpgas_to_fit
    assert group.busy_share < 1 == lone.busy_share
    assert group.limited_group > 2 == lone.limited_group


# A sweep


def test_concludes_over_arrays_as_over_numbers() -> None:
    given_values = conclude.parameters.base({})
    sizes_of_models = np.array([1e6, 5e7, 3e9])
    swept = conclude(**{**given_values, "model_size": sizes_of_models})
    for index, size in enumerate(sizes_of_models):
        single = conclude(**{**given_values, "model_size": float(size)})
        for name in conclude.units:
            value = np.broadcast_to(getattr(swept, name), sizes_of_models.shape)[index]
            assert value == pytest.approx(getattr(single, name), rel=1e-12), name
