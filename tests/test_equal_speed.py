"""What the chapter `equal_speed` must keep: frontiers, crossings, costs, and what follows."""

import dataclasses
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plain_machines as plain
from inference_economics import catalog
from inference_economics.book import BOOK, open_chapter
from inference_economics.chapters import equal_speed_words as turns
from inference_economics.chapters.equal_speed import price_scenarios
from inference_economics.formulas import equal_speed, margins
from inference_economics.formulas.batching import capital_cost
from inference_economics.formulas.kv_cache import model_kv_cache
from inference_economics.machines import clusters, frontier, pipeline
from inference_economics.machines.frontier import SPEEDS
from inference_economics.machines.published import published_points
from inference_economics.serving.constants import constants_of
from inference_economics.serving.model import run_on, serve
from inference_economics.worksheets.equal_speed import conclude

CASE = conclude.parameters.base({})
"""The chapter's case, in base units."""

PRICES = ("card_price", "gpu_price", "host_share", "gpu_host_share", "busy_share", "lifetime")
YEAR = 365.25 * 86400.0


def concluded(**change):
    return conclude(**{**CASE, **change}) if change else of_case()


@cache
def of_case():
    return conclude(**CASE)


@pytest.fixture(scope="module")
def machines():
    return clusters.machines(**CASE)


# Values worked by hand


def test_rate_of_a_card():
    # 6,000 USD * 1.125 over 4 busy years of 5, and 215 W * 1.58 at 0.0806 USD/kWh
    capital = 6000 * 1.125 / (0.8 * 5 * YEAR)
    electricity = 0.215 * 1.58 * 0.0806 / 3600
    assert concluded().card_rate == pytest.approx(capital + electricity)


def test_cost_of_a_token_is_that_of_the_chapter_on_margins():
    """The same cost by that chapter's formulas: bought and run for the busy part of its life."""
    busy = CASE["busy_share"] * CASE["lifetime"]
    electricity = margins.electricity_of_card(
        CASE["chip_power"], CASE["load"], CASE["overhead"], busy, CASE["electricity_price"]
    )
    price = margins.price_with_electricity(
        CASE["card_price"] * (1 + CASE["host_share"]), electricity
    )
    result = concluded()
    throughput_of_card = 1 / result.card_seconds
    expected = margins.cost_per_token_of_life(capital_cost(price, throughput_of_card), busy)
    assert result.cost == pytest.approx(expected)


def test_points_of_the_article():
    # 678 cards (see the chapter batching) for 128 * 500 token/s, and 1 GPU for 425 token/s
    result = concluded()
    assert result.article_cost == pytest.approx(result.card_rate * 678 / 64_000)
    assert result.article_gpu_cost == pytest.approx(result.gpu_rate / 425)
    assert result.article_gpu_speed == 425 * 8 / 128
    assert result.article_speed_ratio == pytest.approx(500 * 128 / (425 * 8))


def test_floor_is_what_groqs_own_speed_leaves():
    """Alone on Groq's 576 chips a request then has the published 300 token/s."""
    net = {name: CASE[name] for name in clusters.NETWORK}
    sizes = [CASE[name] for name in clusters.REQUEST[:3]]
    found = pipeline.spatial_pipeline(CASE["model"], CASE["chip"], 1, 576, 8, *sizes, **net)
    assert found.speed == pytest.approx(300, rel=1e-3)


def test_a_stage_crosses_the_network_beyond_a_node_of_groq():
    assert CASE["node_cards"] == catalog.value("groq_node.fully_connected_cards")


# What a cluster may be held to


@pytest.mark.parametrize(
    "rule", [{"cut_share": 1.1}, {"most_cards": 576}, {"cut_share": 0.3, "most_cards": 1500}]
)
def test_a_cluster_is_no_larger_and_loses_no_less_than_it_is_told(rule):
    machine = clusters.sram_machine(**CASE, **rule)
    ways = plain.sram_ways({**CASE, **rule}, CASE["layer_floor"])
    for speed in (20.0, 60.0, 150.0, 250.0):
        assert float(machine.card_seconds(speed)) == pytest.approx(plain.least(ways, speed))
    assert machine.way(20.0).cards <= rule.get("most_cards", math.inf)


def test_time_lost_where_layers_are_cut_makes_the_cheapest_cluster_one_that_cuts_none(machines):
    cut = clusters.sram_machine(**CASE, cut_share=1.0)
    stages = {
        name: of.cards / 8
        for name, of in (("before", machines[0].way(20.0)), ("after", cut.way(20.0)))
    }
    assert stages["before"] > CASE["model"].layers >= stages["after"]


# The options are those of the two chapters before


def test_gpus_are_those_of_the_chapter_serving(machines):
    options = machines[1].options
    sizes = list(plain.batches(clusters.GPU_LARGEST_BATCH, clusters.GROWTH))
    prompt = CASE["context_length"] - CASE["output_tokens"]
    for index in (0, 40, len(options.speed) - 1):
        batch = sizes[index // len(clusters.GPU_WIDTHS)]
        served = serve(
            run_on(CASE["model"], CASE["gpu"], options.tensor_parallel[index], batch, prompt,
                   CASE["output_tokens"], CASE["bytes_per_parameter"], CASE["bytes_per_element"],
                   CASE["engine"]),
            constants_of(CASE["engine"], CASE["model"], CASE["gpu"], "fp8",
                         CASE["bytes_per_element"]),
        )  # fmt: skip
        assert options.batch_size[index] == math.floor(served.running) <= batch
        assert options.speed[index] == pytest.approx(1 / float(served.output_time))
        assert options.card_seconds[index] == pytest.approx(1 / float(served.throughput))


def test_pipeline_without_input_is_that_of_the_chapter_occupancy():
    """One token of input: hardly any prefill."""
    context = CASE["context_length"]
    options = clusters.machines(**{**CASE, "output_tokens": context - 1})[0].options
    names = (*clusters.NETWORK, *clusters.REQUEST[:3])
    found = pipeline.spatial_frontier(
        CASE["model"],
        CASE["chip"],
        options.batch_size,
        options.tensor_parallel,
        **{name: CASE[name] for name in names},
    )
    np.testing.assert_allclose(options.speed, found.speed, rtol=0.01)
    np.testing.assert_array_equal(options.cards, found.cards)


def test_prefill_fills_idle_stages_first():
    time = equal_speed.output_time_with_newcomers(1.0, 0.25, 10, 0.5, 100)
    assert time == 1.0  # a quarter busy, and 10 * 0.5 / 100 for newcomers
    assert equal_speed.output_time_with_newcomers(1.0, 0.25, 10, 10.0, 100) == 1.25


def test_clusters_hold_weights_and_caches(machines):
    options = machines[0].options
    cache = model_kv_cache(CASE["model"], CASE["context_length"], CASE["bytes_per_element"])
    needed = CASE["model"].total_parameters + options.batch_size * cache
    assert np.all(options.cards * CASE["chip"].memory >= needed)


def test_no_option_beats_the_arithmetic(machines):
    """Two operations for each weight and token, of input and output, at full peak."""
    tokens = CASE["context_length"] / CASE["output_tokens"]
    for machine, peak in (
        (machines[0], pipeline.peak_compute(CASE["chip"])),
        (machines[1], CASE["gpu"].fp8_compute),
    ):
        least = 2 * 0.97 * CASE["model"].total_parameters * tokens / peak
        assert np.all(machine.options.card_seconds >= least)


# Frontiers


@pytest.mark.parametrize("which", [0, 1])
def test_frontier_rises_with_speed(machines, which):
    best = frontier.frontier(machines[which].options)
    assert np.all(np.diff(best.speed) > 0)
    assert np.all(np.diff(best.card_seconds) > 0)


@pytest.mark.parametrize("which", [0, 1])
def test_no_option_is_faster_and_cheaper_than_the_frontier(machines, which):
    machine = machines[which]
    options = machine.options
    can = options.speed > 0
    assert can.any()
    assert np.all(machine.card_seconds(options.speed[can]) <= options.card_seconds[can])


def test_a_way_slower_than_one_token_a_second_is_a_way_and_one_that_stands_still_is_none():
    speed = np.array([0.0, 0.5, 2.0])
    found = frontier.frontier(frontier.Options(*[np.ones(3)] * 3, speed, np.array([0.1, 0.2, 0.3])))
    assert list(found.speed) == [0.5, 2.0]


@pytest.mark.parametrize("which", [0, 1])
def test_an_option_of_just_the_asked_speed_is_enough_for_one_sample_as_for_many(machines, which):
    machine = dataclasses.replace(machines[which], time_ratio=1.0)
    twice = frontier.Options(*(np.stack([x, x], axis=-1) for x in vars(machine.options).values()))
    top = float(machine.top_speed)
    alone, many = (
        m.card_seconds(top) for m in (machine, dataclasses.replace(machine, options=twice))
    )
    assert np.isfinite(alone) and np.array_equal(many, [alone, alone])
    assert np.isinf(machine.card_seconds(np.nextafter(top, np.inf)))


def test_a_rented_card_costs_more_for_each_second_of_work_the_less_it_works():
    assert equal_speed.cost_of_rented_second(0.5, 0.25) == 2.0


@given(st.floats(0.1, 3000), st.floats(0.1, 3000))
@settings(max_examples=40, deadline=None)
def test_more_speed_never_costs_less(machines, one, other):
    slow, fast = sorted((one, other))
    for machine in machines:
        assert machine.cost(slow) <= machine.cost(fast)


def test_beyond_the_top_speed_no_money_helps(machines):
    for machine in machines:
        assert math.isfinite(machine.cost(machine.top_speed))
        assert math.isinf(machine.cost(machine.top_speed * 1.001))


def test_time_ratio_slows_and_raises_the_cost(machines):
    slower = dataclasses.replace(machines[1], time_ratio=1.25)
    assert slower.top_speed == pytest.approx(machines[1].top_speed / 1.25)
    assert slower.card_seconds(20.0) == pytest.approx(1.25 * machines[1].card_seconds(25.0))


def test_a_model_that_does_not_fit_has_no_gpu_cost():
    result = concluded(model=catalog.model("deepseek_v3"))  # 671 GB on at most eight times 80 GB
    assert result.gpu_top_speed == 0
    assert math.isinf(result.gpu_cost) and math.isfinite(result.cost)
    assert result.crossover_speed == 0


# What a card costs


@pytest.mark.parametrize("name", ["busy_share", "lifetime"])
def test_cost_falls_with_use(name):
    less, more = concluded(**{name: 0.5 * CASE[name]}), concluded()
    assert less.cost > more.cost and less.gpu_cost > more.gpu_cost


@pytest.mark.parametrize("name", ["card_price", "host_share", "chip_power", "layer_floor"])
def test_sram_costs_more_when_its_inputs_do(name):
    plain, more = concluded(), concluded(**{name: 1.5 * CASE[name]})
    assert more.cost > plain.cost
    assert more.gpu_cost == plain.gpu_cost


def test_without_electricity_the_cost_is_proportional_to_the_price():
    plain, twice = (
        concluded(electricity_price=0.0, card_price=factor * 6000.0) for factor in (1, 2)
    )
    assert twice.cost == pytest.approx(2 * plain.cost)


def test_break_even_price_makes_the_costs_equal():
    result = concluded(card_price=concluded().break_even_price)
    assert result.cost_ratio == pytest.approx(1)


def test_bound_is_never_dearer():
    for speed in (10.0, 100.0, 300.0):
        result = concluded(target_speed=speed)
        assert result.bound_cost <= result.cost
        assert result.bound_crossover <= result.crossover_speed


def test_interval_holds_the_prediction():
    result = concluded()
    assert result.gpu_cost_low < result.gpu_cost < result.gpu_cost_high


# The crossing


@pytest.mark.parametrize("change", [{}, {"card_price": 20000.0}, {"gpu_time_ratio": 1.3}])
def test_sram_is_cheaper_from_the_crossing_on_and_not_before(change):
    crossing = concluded(**change).crossover_speed
    assert crossing > frontier.SPEEDS[0]
    assert concluded(target_speed=crossing, **change).cost_ratio <= 1
    below = max(speed for speed in frontier.SPEEDS if speed < crossing)
    assert concluded(target_speed=below, **change).cost_ratio > 1


def test_dear_cards_cross_where_the_gpu_ends():
    result = concluded(card_price=1e6)
    assert result.crossover_speed == result.gpu_top_speed
    slow = concluded(card_price=1e6, layer_floor=1e-3)
    assert slow.top_speed < slow.gpu_top_speed and math.isinf(slow.crossover_speed)


# The article's conclusion, and what became of it


def test_which_chip_is_cheaper_depends_on_the_speed():
    assert concluded().cost_ratio > 1
    fast = concluded(target_speed=100.0)
    assert fast.cost_ratio < 1
    assert concluded(target_speed=200.0).gpu_cost == math.inf


def test_the_articles_speed_is_beyond_what_was_published():
    result = concluded()
    assert result.top_speed < result.article_speed < result.bound_top_speed


def test_prices_move_the_crossing():
    found = {
        name: concluded(**change).crossover_speed for name, change in price_scenarios().items()
    }
    own, article, listed = (
        found[name]
        for name in ("mixed: Groq's cards at cost", "the article's prices", "list prices")
    )
    assert own < article < listed


def test_published_points_have_sources():
    result = concluded()
    points = published_points(CASE["model"], CASE["gpu"], 3072.0, 1024.0, result)
    assert {point.kind for point in points} == {"article", "measured", "price asked"}
    for point in points:
        assert point.source.endswith(".csv") or point.source in catalog.constants()
        assert 0 < point.speed < 1000 and 0 < point.cost < 1e-4


def test_price_with_its_input():
    # Groq, March 2024: 0.80 for the output and three times 0.70 for the input
    assert equal_speed.price_with_input(0.8, 0.7, 3072, 1024) == pytest.approx(2.9)


# One function, for one value and for many


def test_conclusions_of_arrays_are_those_of_each_value():
    floors = np.array([0.0, 20e-6, 50e-6])
    prices = np.array([1000.0, 6000.0, 20000.0])
    lengths = np.array([2048.0, 4096.0, 8192.0])
    change = {"layer_floor": floors, "card_price": prices, "context_length": lengths}
    many = concluded(**change)
    for index in range(3):
        one = concluded(**{name: float(values[index]) for name, values in change.items()})
        for name in conclude.units:
            value = np.broadcast_to(getattr(many, name), (3,))[index]
            assert value == pytest.approx(getattr(one, name)), name


def test_prices_may_be_arrays_while_physics_is_one_value():
    speeds = np.array([10.0, 60.0, 200.0, 1000.0])
    many = concluded(target_speed=speeds)
    for index, speed in enumerate(speeds):
        one = concluded(target_speed=float(speed))
        assert many.cost[index] == pytest.approx(one.cost)
        assert many.gpu_cost[index] == pytest.approx(one.gpu_cost)


def test_every_choice_can_be_compared():
    for model in conclude.parameters["model"].choices:
        result = BOOK.conclude("equal_speed", {"model": model}).results
        assert result.top_speed > 0


# Every result a second time

ODD = {
    "context_length": 3001,
    "output_tokens": 701,
    "bytes_per_parameter": 1.25,
    "bytes_per_element": 1.75,
    "target_speed": 61.0,
    "layer_floor": 11e-6,
    "node_cards": 5,
    "hop_latency": 0.7e-6,
    "link_bandwidth": 190e9,
    "bytes_per_activation": 2.5,
    "bandwidth_share": 0.83,
    "compute_share": 0.71,
    "gpu_time_ratio": 1.13,
    "card_price": 7100.0,
    "gpu_price": 23000.0,
    "host_share": 0.19,
    "gpu_host_share": 0.37,
    "chip_power": 170.0,
    "load": 0.91,
    "busy_share": 0.57,
    "lifetime": 3.3 * YEAR,
    "electricity_price": 0.13 / 3.6e6,
    "overhead": 1.37,
}
"""Inputs that all differ, from each other and from the chapter's."""
EXPERTS = {
    "model": catalog.model("mixtral_8x7b"),
    "chip": catalog.chip("groq_3_lpu"),
    "gpu": catalog.chip("h200_sxm"),
    "engine": "trtllm",
    "context_length": 5003,
    "output_tokens": 307,
    "bytes_per_parameter": 0.75,
    "target_speed": 23.0,
    "layer_floor": 47e-6,
    "gpu_time_ratio": 0.93,
    "card_price": 4300.0,
    "node_cards": 19,
}
CASES = {
    "dense": {"model": catalog.model("llama31_8b"), **ODD},
    "experts": {**ODD, **EXPERTS},
    "too fast for GPUs": {"model": catalog.model("qwen3_32b"), **ODD, "target_speed": 331.0},
    "too fast for both": {
        "model": catalog.model("llama2_70b"),
        **ODD,
        "target_speed": 3331.0,
        "card_price": 31000.0,
    },
}


def crossing(sram, hbm, rates):
    """The least of the speeds tried, or the GPU's highest, from which SRAM costs no more."""
    ends = [plain.top(hbm)] if plain.top(sram) > plain.top(hbm) else []
    for speed in (float(f"{2 * 500 ** (step / 127):.3g}") for step in range(128)):
        one, other = plain.least(sram, speed), plain.least(hbm, speed)
        if one < math.inf and one * rates[0] <= other * rates[1]:
            ends.append(speed)
    return min(ends, default=math.inf)


def second(case):
    """Every result of the worksheet from the ways to run both chips, in plain arithmetic."""
    model, speed = case["model"], case["target_speed"]
    sram, bound = plain.sram_ways(case, case["layer_floor"]), plain.sram_ways(case, 0.0)
    ends = plain.interval(case)
    slow = case["gpu_time_ratio"]
    served = plain.gpu_ways(case)
    hbm, low, high = (
        [(fast / ratio, seconds * ratio) for fast, seconds in served]
        for ratio in (slow, *(slow * end for end in ends))
    )
    rate, gpu_rate = plain.card_rates(case)
    without_card, _ = plain.card_rates({**case, "card_price": 0.0})
    work, gpu_work = plain.least(sram, speed), plain.least(hbm, speed)
    for_cards = gpu_rate * gpu_work / work - without_card
    used = case["lifetime"] * case["busy_share"]

    weights = model.nominal_parameters if model.has("nominal_parameters") else 46.7e9
    caches = 128 * case["context_length"] * plain.cache_of_token(case)
    cards = math.ceil((weights * case["bytes_per_parameter"] + caches) / case["chip"].memory)
    return {
        "card_rate": rate,
        "gpu_rate": gpu_rate,
        "card_seconds": work,
        "gpu_seconds": gpu_work,
        "cost": rate * work,
        "gpu_cost": gpu_rate * gpu_work,
        "gpu_cost_low": gpu_rate * plain.least(low, speed),
        "gpu_cost_high": gpu_rate * plain.least(high, speed),
        "cost_ratio": over(rate * work, gpu_rate * gpu_work),
        "bound_cost": rate * plain.least(bound, speed),
        "bound_ratio": over(rate * plain.least(bound, speed), gpu_rate * gpu_work),
        "top_speed": plain.top(sram),
        "gpu_top_speed": plain.top(hbm),
        "bound_top_speed": plain.top(bound),
        "crossover_speed": crossing(sram, hbm, (rate, gpu_rate)),
        "bound_crossover": crossing(bound, hbm, (rate, gpu_rate)),
        "break_even_price": for_cards * used / (1 + case["host_share"]),
        "article_cost": rate * cards / (128 * 500),
        "article_gpu_cost": gpu_rate / 425,
        "article_ratio": rate * cards / (128 * 500) / (gpu_rate / 425),
        "article_speed": 500,
        "article_gpu_speed": 8 * 425 / 128,
        "article_speed_ratio": 500 / (8 * 425 / 128),
        "full_throughput": 128 * plain.top(sram),
        "capital_cost": case["card_price"] * work,
        "gpu_throughput": 1 / gpu_work,
        "gpu_capital_cost": case["gpu_price"] * gpu_work,
    }


def over(one, other):
    """Their ratio, which two infinite costs have not."""
    return math.nan if math.isinf(one) and math.isinf(other) else one / other


@pytest.mark.parametrize("which", CASES)
def test_every_result_is_computed_a_second_time(which):
    case = {**CASE, **CASES[which]}
    expected, found = second(case), vars(conclude(**case))
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, nan_ok=True), name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "At one speed: by this page's values SRAM is the cheaper from **"),
        (
            {"card_price": 500.0},
            "Not here: by this page's values SRAM is the cheaper at every speed",
        ),
        ({"gpu_price": 1.0, "card_price": 1e6}, "SRAM is the cheaper"),
    ],
)
def test_where_the_costs_are_comparable_is_told_from_the_crossing(change, told):
    chapter = open_chapter("equal_speed", change)
    said, speed = turns.comparable(chapter), chapter.results.crossover_speed
    assert told in said
    assert said.startswith("At one speed") == (SPEEDS[0] < speed < math.inf)
    assert said.endswith("before it the GPU.") == said.startswith("At one speed")
