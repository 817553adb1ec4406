"""What the chapter `occupancy` must keep: limits that are limits, and Little's law."""

import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.book import BOOK, open_chapter
from inference_economics.catalog import Chip
from inference_economics.chapters import occupancy as show
from inference_economics.formulas import capacity, kv_cache, occupancy
from inference_economics.formulas.gpt4_scale import all_reduce_direct, mixture
from inference_economics.machines import pipeline
from inference_economics.machines.published import published, unexplained_by
from inference_economics.worksheets.occupancy import conclude
from reckoner.declare.units import shown, si

CASE = conclude.parameters.base({})
"""The article's case, in base units."""

GROQ = catalog.chip("groq_lpu")
MODELS = ["llama2_70b", "llama2_7b", "mixtral_8x7b", "deepseek_v3"]
P = 68_976_648_192  # weights of LLaMA-2 70B, one byte each
K = 2 * 80 * 8 * 128 * 4096  # KV cache of a full-length request, one byte an element

batches = st.integers(1, 100_000)
widths = st.integers(1, 1000)
latencies = st.floats(0, 1e-4)
models = st.sampled_from(MODELS).map(catalog.model)


def chip(memory=230e6, bandwidth=80e12, compute=188e12):
    return Chip(
        "own", "own", {"memory": memory, "memory_bandwidth": bandwidth, "fp16_compute": compute}
    )


FRONTIER = {name: value for name, value in CASE.items() if name != "asked_speed"}
"""The same for the functions that take no speed."""


def concluded(**change):
    return conclude(**{**CASE, **change})


def frontier(**change):
    return pipeline.spatial_frontier(**{**FRONTIER, **change})


def with_cards(**change):
    """The pipeline with a number of cards given, not counted."""
    return pipeline.spatial_pipeline(**{**FRONTIER, **change})


# Values worked by hand


def test_batch_of_the_article():
    # (69.0 + 128 * 0.671 GB) / 0.23 GB = 673.4, so 674 cards, in 85 stages of eight; 128 requests
    # are 64 micro-batches of two.
    result = concluded()
    assert (result.cards, result.stages, result.micro_batch) == (680, 85, 2)
    assert result.occupancy == 64 / 85


def test_time_of_a_token_by_hand():
    compute = 2 * P * 2 / (80 * 8 * 188e12)
    cache = 2 * K / (80 * 8 * 80e12)
    message = 2 * 8192 * 2  # two tokens, hidden size, two bytes
    reduce = 1e-6 + 7 * message / 224e9  # in two crossings 2.26 µs, in one 2.02
    hand_over = 1e-6 + message / 224e9
    expected = 80 * (compute + cache + 2 * reduce) + 84 * hand_over
    result = concluded()
    assert result.time_per_token == pytest.approx(expected)
    assert result.throughput == pytest.approx(128 / expected)


def test_what_the_articles_throughput_asks_of_the_chips():
    result = concluded()
    assert result.asked_throughput == 64_000
    assert result.asked_compute == pytest.approx(64_000 * 2 * P)
    assert result.asked_utilization == pytest.approx(64_000 * 2 * P / (680 * 188e12))


def test_a_groq_card_reads_its_memory_in_microseconds_and_then_computes():
    result = concluded()
    assert result.card_read_time == pytest.approx(2.875e-6)
    assert result.critical_micro_batch == pytest.approx(1.175)


def test_all_reduce_of_a_node_is_no_slower_than_the_time_noted_for_it():
    # Eight of Groq's chips, with the time of a TPU's link; the noted figure is unverified.
    found = with_cards(batch_size=1, cards=576).all_reduce_time
    assert found == pytest.approx(1e-6 + 7 * 8192 * 2 / 224e9)
    assert found < catalog.value("groq_node.all_reduce") < 2 * found


# Limits


def test_one_chip_and_one_request_take_reading_or_arithmetic_alone():
    big = chip(memory=1e12)
    alone = {"batch_size": 1, "tensor_parallel": 1, "context_length": 0, "chip": big}
    result = frontier(**alone)
    assert (result.cards, result.stages, result.occupancy) == (1, 1, 1)
    assert result.time_per_token == pytest.approx(max(P / 80e12, 2 * P / 188e12))


def test_a_lone_request_keeps_one_stage_busy():
    result = frontier(batch_size=1)
    assert result.occupancy == 1 / result.stages


def test_infinite_bandwidth_leaves_arithmetic_and_the_network():
    result = frontier(chip=chip(bandwidth=np.inf))
    assert result.read_time == 0
    assert result.layer_time == result.layer_compute_time + 2 * result.all_reduce_time


def test_without_latency_and_with_free_links_the_chips_alone_decide():
    result = frontier(hop_latency=0.0, link_bandwidth=np.inf)
    longer = max(result.read_time, result.layer_compute_time)
    assert result.time_per_token == pytest.approx(80 * (longer + result.layer_kv_time))


def test_no_context_leaves_only_the_weights_cards():
    result = frontier(context_length=0, batch_size=128, tensor_parallel=1)
    assert result.layer_kv_time == 0
    assert result.cards == 300  # 69.0 GB / 0.23 GB = 299.9


def test_one_card_a_stage_has_nothing_to_reduce():
    assert frontier(tensor_parallel=1).all_reduce_time == 0


@given(st.integers(1, 1000), st.floats(1e-9, 1e-4), st.floats(1, 1e9))
def test_one_crossing_wins_while_the_message_is_short(cards, latency, message):
    wires = (cards, 1, 1, latency, message, 224e9)
    one, two = occupancy.all_reduce_at_once(*wires), all_reduce_direct(*wires)
    extra = (cards - 1) * (1 - 2 / cards) * message / 224e9  # bytes that one crossing adds
    assert one - two == pytest.approx(extra - latency, abs=1e-9 * (one + two))


@pytest.mark.parametrize(("cards", "hops"), [(1, 0), (2, 1), (8, 1), (9, 3), (100, 3)])
def test_links_between_the_cards_of_a_stage(cards, hops):
    assert occupancy.hops_in_stage(cards, 8, 3) == hops


def test_reading_and_arithmetic_meet_at_the_critical_micro_batch():
    tokens = concluded().critical_micro_batch
    arithmetic = occupancy.layer_compute_time(P, tokens, 80, 8, 188e12)
    assert arithmetic == pytest.approx(P / (80 * 8 * 80e12))


def test_all_experts_are_read_when_the_micro_batch_is_large():
    model = catalog.model("mixtral_8x7b")
    result = with_cards(model=model, batch_size=10_000, cards=8)
    total = capacity.parameter_count(model)
    assert result.read_time == pytest.approx(total / (model.layers * 8 * 80e12), rel=1e-3)


# Properties


@given(models, batches, widths, latencies)
def test_littles_law(model, batch, width, latency):
    """Requests in flight are throughput times the time that each token takes."""
    result = frontier(model=model, batch_size=batch, tensor_parallel=width, hop_latency=latency)
    assert result.throughput * result.time_per_token == pytest.approx(batch)
    in_flight = result.occupancy * result.stages
    assert in_flight * result.micro_batch == pytest.approx(batch)
    assert 0 < result.occupancy <= 1


@given(models, batches, widths, st.floats(1e12, 1e16), st.floats(1e12, 1e16))
def test_throughput_is_never_above_a_ceiling(model, batch, width, bandwidth, compute):
    change = {"model": model, "batch_size": batch, "tensor_parallel": width}
    result = concluded(**change, chip=chip(bandwidth=bandwidth, compute=compute))
    assert result.throughput <= result.compute_ceiling * (1 + 1e-9)
    assert result.throughput <= result.read_ceiling * (1 + 1e-9)


@given(models, batches, widths, latencies, latencies)
def test_slower_links_never_speed_a_request_up(model, batch, width, one, other):
    fast, slow = (
        frontier(model=model, batch_size=batch, tensor_parallel=width, hop_latency=latency)
        for latency in sorted((one, other))
    )
    assert slow.speed <= fast.speed
    assert slow.cards == fast.cards


@given(st.sampled_from(["bandwidth_share", "compute_share"]), st.floats(0.01, 1), batches, widths)
def test_a_lesser_share_of_a_limit_never_speeds_a_request_up(name, share, batch, width):
    change = {"batch_size": batch, "tensor_parallel": width}
    assert frontier(**change, **{name: share}).speed <= frontier(**change).speed


@given(batches, widths, st.floats(0, 1e-3))
def test_a_floor_adds_its_time_in_every_layer(batch, width, floor):
    change = {"batch_size": batch, "tensor_parallel": width}
    plain, raised = frontier(**change), frontier(**change, layer_floor=floor)
    assert raised.time_per_token == pytest.approx(plain.time_per_token + 80 * floor)


@given(models, batches, widths)
def test_the_micro_batch_is_the_smallest_that_does_not_queue(model, batch, width):
    result = frontier(model=model, batch_size=batch, tensor_parallel=width)
    tokens, stages = result.micro_batch, result.stages
    assert tokens * stages >= batch
    assert tokens == 1 or (tokens - 1) * stages < batch


@given(models, batches, widths, latencies, st.floats(0, 1e-4))
def test_parts_of_a_tokens_time_add_up(model, batch, width, latency, floor):
    change = {"model": model, "batch_size": batch, "tensor_parallel": width}
    result = frontier(**change, hop_latency=latency, layer_floor=floor)
    parts = pipeline.token_times(result)
    assert sum(parts.values()) == pytest.approx(result.time_per_token)
    assert all(part >= 0 for part in parts.values())
    assert parts[str(pipeline.limits(result))] == pytest.approx(max(parts.values()))


@given(models, batches, widths)
def test_the_cluster_holds_its_batch(model, batch, width):
    result = frontier(model=model, batch_size=batch, tensor_parallel=width)
    held = capacity.parameter_count(model) + batch * kv_cache.model_kv_cache(model, 4096, 1.0)
    assert held <= result.cards * GROQ.memory * (1 + 1e-12)


@given(models)
def test_the_time_left_in_a_layer_makes_the_asked_speed(model):
    result = concluded(model=model)
    raised = concluded(model=model, layer_floor=result.time_left_in_layer)
    assert raised.speed == pytest.approx(CASE["asked_speed"])


@pytest.mark.parametrize("width", [1, 2, 8])
def test_the_largest_batch_is_the_last_before_the_first_that_is_too_slow(width):
    given_width = {**FRONTIER, "tensor_parallel": width}
    del given_width["batch_size"]
    found = pipeline.largest_batch(500.0, 5000, **given_width)
    assert 0 < found < 5000
    speeds = frontier(tensor_parallel=width, batch_size=np.arange(1.0, found + 2)).speed
    assert (speeds[:-1] >= 500).all()
    assert speeds[-1] < 500
    assert pipeline.largest_batch(1.0, 100, **given_width) == 100
    assert pipeline.largest_batch(1e9, 100, **given_width) == 0


# One function, for one value and for many


def test_arrays_give_what_single_values_give():
    sizes, cards = np.array([1.0, 128.0, 3000.0]), np.array([1.0, 8.0, 9.0])
    many = concluded(batch_size=sizes, tensor_parallel=cards)
    for index, (size, card) in enumerate(zip(sizes, cards, strict=True)):
        one = concluded(batch_size=float(size), tensor_parallel=float(card))
        for name in conclude.units:
            value = np.broadcast_to(getattr(many, name), (3,))[index]
            assert value == pytest.approx(getattr(one, name)), name


def test_uncertain_inputs_may_be_arrays_together():
    chance = np.random.default_rng(1)
    ranges = {
        "hop_latency": (2e-7, 3e-6),
        "layer_floor": (0.0, 6e-5),
        "bandwidth_share": (0.5, 1.0),
        "compute_share": (0.3, 1.0),
        "context_length": (256.0, 4096.0),
    }
    drawn = {name: chance.uniform(*ends, 50) for name, ends in ranges.items()}
    many = frontier(**drawn)
    assert many.speed.shape == many.throughput.shape == pipeline.limits(many).shape == (50,)
    one = frontier(**{name: float(values[7]) for name, values in drawn.items()})
    assert many.speed[7] == pytest.approx(one.speed)


def test_every_chip_and_model_that_can_be_chosen_has_what_it_takes():
    choices = conclude.parameters
    for key in choices["chip"].choices:
        for name in choices["model"].choices:
            result = concluded(chip=catalog.chip(key), model=catalog.model(name))
            assert 0 < result.speed < np.inf


def test_a_dense_model_reads_all_its_weights():
    assert mixture(CASE["model"])[2] == P


# Published speeds


def test_no_published_speed_beats_the_bound():
    for row in published():
        assert 0 < row.speed < row.bound, row.label
        assert row.unexplained > 0, row.label


def test_published_speeds_are_in_the_catalog():
    for row in published():
        assert BOOK.constants[row.source].unit == "token/s"


def test_the_unexplained_time_gives_the_published_speed_back():
    row = next(r for r in published() if r.source == "groq_llama2_70b.output_speed")
    change = {"cards": row.cards, "tensor_parallel": row.tensor_parallel, "batch_size": 1}
    assert with_cards(**change, layer_floor=row.unexplained).speed == pytest.approx(row.speed)


# What the page says


@pytest.mark.parametrize(
    ("change", "start", "then"),
    [
        ({}, "On paper yes: the chips' limits allow", "In practice, not yet:"),
        ({"asked_speed": 100.0}, "On paper yes: the chips' limits allow", "Even with"),
        ({"asked_speed": 9000.0}, "No: the chips' limits allow", "With as much"),
        ({"layer_floor": 60.0}, "No: the limits, with the time lost in this run, allow", "With"),
    ],
)
def test_the_answer_follows_from_the_limits_and_the_time_lost(change, start, then):
    chapter = open_chapter("occupancy", change)
    first, second = re.split(r"(?<=asked)\. ", show.answer(chapter).replace("</a>", ""))
    assert first.startswith(start) and second.startswith(then)
    lost = chapter.changed(layer_floor=unexplained_by(show.GROQ)).speed
    assert f"**{shown(lost, 'token/s')}**" in second
    assert ("more" in first) == (chapter.results.speed >= chapter.inputs.asked_speed)


# Every result a second time

WIDE: dict[str, Any] = {
    "model": "llama2_13b", "chip": "groq_lpu", "bytes_per_parameter": 1.75,
    "bytes_per_element": 1.25, "context_length": 3001, "batch_size": 977, "asked_speed": 433.0,
    "tensor_parallel": 11, "node_cards": 5, "hop_latency": 0.6, "link_bandwidth": 97.0,
    "bytes_per_activation": 1.5, "bandwidth_share": 0.83, "compute_share": 0.61,
    "layer_floor": 7.3,
}  # fmt: skip
EXPERTS: dict[str, Any] = {
    "model": "mixtral_8x7b", "chip": "groq_lpu", "bytes_per_parameter": 0.7,
    "bytes_per_element": 2.5, "context_length": 91, "batch_size": 3, "asked_speed": 2100.0,
    "tensor_parallel": 6, "node_cards": 9, "hop_latency": 3.1, "link_bandwidth": 61.0,
    "bytes_per_activation": 4.5, "bandwidth_share": 0.047, "compute_share": 0.89,
    "layer_floor": 1.9,
}  # fmt: skip
WINDOWED: dict[str, Any] = {
    "model": "gpt_oss_120b", "chip": "groq_3_lpu", "bytes_per_parameter": 0.55,
    "bytes_per_element": 3.25, "context_length": 701, "batch_size": 6007, "asked_speed": 59.0,
    "tensor_parallel": 37, "node_cards": 41, "hop_latency": 0.13, "link_bandwidth": 17.0,
    "bytes_per_activation": 0.8, "bandwidth_share": 0.37, "compute_share": 0.71,
    "layer_floor": 0.23,
}  # fmt: skip
CASES = pytest.mark.parametrize(
    "case", [WIDE, EXPERTS, WINDOWED], ids=["wide", "experts", "windowed"]
)
TOTAL = {"llama2_13b": 13_015_864_320, "mixtral_8x7b": 46.7e9, "gpt_oss_120b": 116.8e9}
PEAK = {"groq_lpu": "fp16_compute", "groq_3_lpu": "fp8_compute"}


def worked_out(g: SimpleNamespace) -> dict[str, float]:
    """Every result from its definition, without the book's formulas; `g` in base units."""

    def other(**change: float) -> dict[str, float]:
        return of_cluster(SimpleNamespace(**{**vars(g), **change}))

    found, alone = of_cluster(g), other(batch_size=1)
    # eight cards sum one token's numbers over single links, in one crossing or two
    volume = 7 * g.model.hidden_size * g.bytes_per_activation / g.link_bandwidth
    node = min(g.hop_latency + volume, 2 * g.hop_latency + 2 * volume / 8)
    int8 = g.chip.values.get("int8_compute", math.nan)
    return found | {
        "may_lose": found["time_left_in_layer"] + g.layer_floor,
        "asked_in_int8": found["asked_compute"] / found["cards"] / int8,
        "alone_speed": alone["speed"],
        "alone_occupancy": 1 / alone["stages"],
        "narrow_hand_overs": found["cards_needed"] - 1,
        "node": 8,
        "node_all_reduce": node,
        "groq_cards": 576,
        "groq_memory": 576 * 230e6,
        "groq_two_bytes": 2 * 68_976_648_192,
        # the shortest step that was timed, of an eighth of the weights, less the time to read them
        "lost_on_h100": (5.2564e-3 - P / 8 / 3.35e12) / 80,
        "lost_on_h200": (4.53363e-3 - P / 8 / 4.8e12) / 80,
    }


def of_cluster(g: SimpleNamespace) -> dict[str, float]:
    """The same of one cluster, without what it is compared with."""
    model, chip = g.model, g.chip
    known, reading = model.values, chip.memory_bandwidth
    peak = chip.values[PEAK[chip.key]]
    total = TOTAL[model.key]
    held = total * g.bytes_per_parameter
    one_layer = 2 * model.kv_heads * model.head_dim * g.bytes_per_element * g.context_length
    windowed = known.get("windowed_layers", 0)
    window = min(1, known.get("sliding_window", 1) / g.context_length)
    cache = one_layer * (model.layers - windowed + windowed * window)
    needed = math.ceil((held + cache * g.batch_size) / chip.memory)
    width = g.tensor_parallel
    stages = math.ceil(needed / width)
    tokens = math.ceil(g.batch_size / stages)

    active, weights_read = total, total
    if "experts" in known:
        active, experts, used = model.active_parameters, model.experts, model.experts_per_token
        touched = experts - experts * (1 - used / experts) ** tokens
        weights_read = active + (touched - used) * (total - active) / (experts - used)
    part = model.layers * width  # of a layer, a card of a stage has this part
    read = weights_read * g.bytes_per_parameter / part / (reading * g.bandwidth_share)
    compute = 2 * active * tokens / part / (peak * g.compute_share)
    caches = cache * tokens / part / (reading * g.bandwidth_share)
    message = tokens * model.hidden_size * g.bytes_per_activation
    hops = 0 if width == 1 else 1 if width <= g.node_cards else 3
    volume = (width - 1) * hops * message / g.link_bandwidth
    summed = min(hops * g.hop_latency + volume, 2 * hops * g.hop_latency + 2 * volume / width)
    layer = max(read, compute) + caches + 2 * summed + g.layer_floor
    hand_over = g.hop_latency + message / g.link_bandwidth
    time = model.layers * layer + (stages - 1) * hand_over
    cards = stages * width
    asked = g.batch_size * g.asked_speed
    return {
        "weights": held,
        "kv_cache": cache,
        "cards_needed": needed,
        "cards": cards,
        "stages": stages,
        "micro_batch": tokens,
        "occupancy": g.batch_size / tokens / stages,
        "critical_micro_batch": peak / (2 / g.bytes_per_parameter * reading),
        "card_read_time": chip.memory / reading,
        "read_time": read,
        "compute_time": compute,
        "kv_time": caches,
        "all_reduce_time": summed,
        "layer_time": layer,
        "hand_over_time": hand_over,
        "time_per_token": time,
        "speed": 1 / time,
        "throughput": g.batch_size / time,
        "compute_ceiling": cards * peak / 2 / active,
        "read_ceiling": cards * reading * tokens / (weights_read * g.bytes_per_parameter),
        "asked_time": 1 / g.asked_speed,
        "asked_throughput": asked,
        "asked_compute": 2 * active * asked,
        "asked_utilization": 2 * active * asked / cards / peak,
        "time_left_in_layer": (1 / g.asked_speed - time) / model.layers,
        # an H100: 989 TFLOP/s in fp16, 3.35 TB/s
        "gpu_critical_micro_batch": 989e12 * g.bytes_per_parameter / 2 / 3.35e12,
    }


@CASES
def test_every_result_is_computed_a_second_time(case: dict[str, Any]) -> None:
    given_values = conclude.parameters.base(case)
    expected = worked_out(SimpleNamespace(**given_values))
    assert vars(conclude(**given_values)) == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_the_second_computation_meets_both_sides_of_every_choice() -> None:
    wide, experts, windowed = (
        conclude(**conclude.parameters.base(case)) for case in (WIDE, EXPERTS, WINDOWED)
    )
    assert experts.read_time > experts.compute_time
    assert wide.read_time < wide.compute_time
    assert experts.micro_batch == 1 < windowed.micro_batch
    # one crossing of a node's single links, two of the whole dragonfly
    assert experts.all_reduce_time < 2 * si(EXPERTS["hop_latency"], "us")
    assert wide.all_reduce_time > 2 * 3 * si(WIDE["hop_latency"], "us")
    assert wide.time_left_in_layer > 0 > experts.time_left_in_layer


def test_factors_stand_under_their_own_names_in_worked_equations() -> None:
    # a product is the same whatever the order of its factors; what is shown is not
    run = conclude.run(**conclude.parameters.base(WIDE))
    critical = {"compute": 188e12, "bytes_per_parameter": 1.75, "memory_bandwidth": 80e12}
    assert run.call("critical_micro_batch").arguments == pytest.approx(critical)
    asked = {"compute_asked": run.results.asked_compute, "cards": run.results.cards}
    assert run.call("asked_utilization").arguments == pytest.approx(asked | {"compute": 188e12})
    assert run.call("asked_compute").arguments["active_parameters"] == TOTAL["llama2_13b"]
