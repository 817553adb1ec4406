"""What the chapter `hindsight` must keep: its sums, its dated facts, and scores that follow."""

import csv
import dataclasses
import math
import re
from math import ceil
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.answer.odds import answers, samples_of
from inference_economics.answer.question import of_article
from inference_economics.book import BOOK, open_chapter
from inference_economics.chapters import hindsight as show
from inference_economics.formulas import batching, hindsight, margins
from inference_economics.hindsight import predictions
from inference_economics.hindsight.predictions import Prediction, score
from inference_economics.hindsight.timeline import timeline
from inference_economics.quantities import DATA
from inference_economics.worksheets.hindsight import conclude
from reckoner.declare.tables import DataError
from test_notebooks import digits_in

CASE = conclude.parameters.base({})
"""The defaults, in base units."""

YEAR = 365.25 * 86400

shares = st.floats(0.01, 1.0)
sizes = st.floats(1e6, 1e13)
bandwidths = st.floats(1e9, 1e17)
prices = st.floats(1e-9, 1e-3)
costs = st.floats(0.1, 1e5)
counts = st.integers(1, 100_000)


def concluded(**change):
    return conclude(**{**CASE, **change})


# Values worked by hand


def test_cards_of_the_new_chip():
    # 70 / 0.5 = 140; (70 + 128 * 0.671089 GB) / 0.5 = 311.8; 312 / 256 = 1.2; 1800 / 0.5 = 3600
    result = concluded()
    assert (result.new_weight_cards, result.new_cards, result.new_racks) == (140, 312, 2)
    assert (result.new_large_cards, result.new_large_racks) == (3600, 15)
    assert (result.weight_cards, result.cards, result.large_cards) == (305, 678, 7827)


def test_requests_that_one_rack_holds():
    # 256 * 0.5 GB = 128 GB; less 70 GB of weights, over 0.671089 GB: 86.4
    assert concluded().requests_per_rack == 86


def test_gpus_that_read_the_kv_cache():
    # 85.9 GB fit on one GPU of 288 GB; read 500 times a second they take 42.9 of 22 TB/s
    result = concluded()
    assert (result.kv_memories, result.cards_saved) == (2, 172)
    assert concluded(speed=100.0).kv_memories == 1


def test_time_to_read_a_memory():
    # 500 MB / 150 TB/s; 230 MB / 80 TB/s; 96 GB / 3.35 TB/s; 288 GB / 22 TB/s
    result = concluded()
    assert result.new_sweep == pytest.approx(3.3333e-6, rel=1e-4)
    assert result.chip_sweep == pytest.approx(2.875e-6)
    assert result.gpu_sweep == pytest.approx(28.657e-3, rel=1e-4)
    assert result.partner_sweep == pytest.approx(13.091e-3, rel=1e-4)


def test_cost_of_a_token():
    # Electricity: 215 W * 1.58 * 43,830 h * 0.0806 USD/kWh = 1,200 USD a card.
    # 678 * 7,200 USD / 64,000 token/s / (4 years busy of 5)
    electricity = 0.215 * 1.58 * 5 * 365.25 * 24 * 0.0806
    token = 678 * (6000 + electricity) / 64_000 / (4 * YEAR)
    result = concluded()
    assert result.token_cost == pytest.approx(token)
    assert result.busy_share_needed == pytest.approx(token * 0.8 / 0.8e-6)
    assert result.token_cost * 1e6 == pytest.approx(0.604, abs=5e-4)


def test_affordable_price_is_where_both_cost_the_same():
    result = concluded()
    at_that = batching.capital_cost(result.new_cards * result.affordable_price, result.throughput)
    assert at_that == pytest.approx(result.gpu_cost)
    measured = batching.capital_cost(30_000, 2725.7)
    assert result.affordable_price_measured == pytest.approx(measured * 64_000 / 312)


def test_cached_input():
    # 56.3% found at a tenth of the price: 0.563 * 0.9
    assert concluded().input_saving == pytest.approx(0.5067)
    assert concluded(hit_rate=0.0).input_saving == 0


def test_cost_of_a_gpu_hour():
    # 87,072 USD a day for 226.75 machines of 8: the rent of 2 USD that DeepSeek assumed
    result = concluded()
    assert result.day_gpu_second * 3600 == pytest.approx(2.0)
    assert result.day_gpu_second == pytest.approx(catalog.value("deepseek_serving.h800_rental"))
    # 30,000 USD and the electricity of five years, over four years busy
    assert result.gpu_second * 3600 * 4 * 365.25 * 24 == pytest.approx(
        30_000 + 0.7 * 1.58 * 5 * 365.25 * 24 * 0.0806, rel=1e-3
    )


def test_day_of_deepseek():
    # 608e9 * 0.55 USD against 168e9 * 2.19 USD
    assert concluded().day_input_output == pytest.approx(608 * 0.55 / (168 * 2.19))


# Properties and limits


@given(costs, st.floats(1e6, 1e9), prices)
def test_a_price_pays_for_hardware_that_is_busy_as_much_as_needed(cost, lifetime, price):
    share = hindsight.busy_share_needed(cost, lifetime, price)
    busy = hindsight.busy_time(lifetime, share)
    assert margins.cost_per_token_of_life(cost, busy) == pytest.approx(price)


@given(sizes, bandwidths, st.floats(1.1, 100))
def test_a_memory_twice_as_large_takes_twice_as_long(memory, bandwidth, factor):
    once = hindsight.sweep_time(memory, bandwidth)
    assert hindsight.sweep_time(factor * memory, bandwidth) == pytest.approx(factor * once)
    assert hindsight.sweep_time(factor * memory, factor * bandwidth) == pytest.approx(once)


@given(counts, st.integers(1, 1000))
def test_racks_hold_the_cards_and_one_fewer_does_not(cards, rack):
    racks = hindsight.racks_for(cards, rack)
    assert racks * rack >= cards > (racks - 1) * rack


@given(shares)
def test_idle_hours_make_tokens_dearer_in_proportion(share):
    assert concluded(busy_share=share).token_cost * share == pytest.approx(
        concluded(busy_share=1.0).token_cost
    )


def test_without_context_the_new_chip_holds_weights_alone():
    short = concluded(context_length=1, batch_size=1)
    assert short.cards_saved == 1  # the weights fill their chips to the last byte
    assert short.kv_memories == 1


def test_infinite_bandwidth_leaves_room_alone_to_decide():
    wide = dataclasses.replace(
        CASE["partner"], values={"memory": 288e9, "memory_bandwidth": float("inf")}
    )
    assert concluded(partner=wide, batch_size=10_000).kv_memories == np.ceil(6710.89 / 288)


def test_arrays_give_what_single_values_give():
    sizes_ = np.array([1.0, 128.0, 5000.0])
    many = concluded(batch_size=sizes_)
    for index, size in enumerate(sizes_):
        one = concluded(batch_size=float(size))
        for name in conclude.units:
            value = np.broadcast_to(getattr(many, name), (3,))[index]
            assert value == pytest.approx(getattr(one, name)), name


def test_the_same_formulas_give_the_batching_chapter():
    here, there = concluded(), BOOK.conclude("batching", {}).results
    assert (here.cards, here.cost, here.gpu_cost) == (there.cards, there.cost, there.gpu_cost)


# A second computation of every result


def by_hand(values):
    """Every result from the definitions, in base units; no formula of the book is called."""
    given, value = SimpleNamespace(**values), catalog.value

    def of_chip(name, quantity="memory"):
        return value(f"{values[name]}.{quantity}")

    def in_life(price, power):
        joules = power * given.load * given.overhead * given.lifetime
        return price + joules * given.electricity_price

    model = given.model
    weights = value(f"{model}.nominal_parameters") * given.bytes_per_parameter
    heads = value(f"{model}.kv_heads") * value(f"{model}.head_dim")
    elements = 2 * value(f"{model}.layers") * heads * given.context_length
    request = elements * given.bytes_per_element
    batch = request * given.batch_size
    needed = weights + batch
    large = value("gpt4_rumour.nominal_parameters") * given.bytes_per_parameter

    cards, new_cards = ceil(needed / of_chip("chip")), ceil(needed / of_chip("new_chip"))
    new_weight_cards, rack = ceil(weights / of_chip("new_chip")), value("groq_3_rack.chips")
    throughput = given.batch_size * given.speed
    cost, gpu_cost = cards * given.card_price / throughput, given.gpu_price / given.gpu_throughput
    mlperf = value("mlperf_v4_0_dgx_h100_offline.throughput_per_gpu")
    life = cards * in_life(given.card_price, given.chip_power) / throughput
    gpu_in_life = in_life(given.gpu_price, of_chip("gpu", "power"))
    busy = given.lifetime * given.busy_share
    income = given.lifetime * given.token_price
    rent = 87_072 / (226.75 * 8) / 86_400
    day = {
        side: value(f"deepseek_production.{side}_tokens") * value(f"deepseek_r1.{side}_price")
        for side in ("input", "output")
    }
    sweeps = {
        name: of_chip(name) / of_chip(name, "memory_bandwidth")
        for name in ("chip", "new_chip", "gpu", "partner")
    }
    bandwidth = of_chip("new_chip", "memory_bandwidth")
    rated = f"{given.new_chip}.fp8_compute"
    dollars_of_flop = given.gpu_price / value("h100_sxm.fp8_compute")
    room = rack * of_chip("new_chip") - weights
    read = batch * given.speed / of_chip("partner", "memory_bandwidth")
    return {
        "kv_cache": request,
        "kv_cache_batch": batch,
        "needed": needed,
        "cards": cards,
        "weight_cards": ceil(weights / of_chip("chip")),
        "throughput": throughput,
        "cost": cost,
        "gpu_cost": gpu_cost,
        "measured_cost_ratio": cost * mlperf / given.gpu_price,
        "token_cost": life / busy,
        "gpu_token_cost": gpu_in_life / given.gpu_throughput / busy,
        "gpu_measured_token_cost": gpu_in_life / mlperf / busy,
        "busy_share_needed": life / income,
        "gpu_busy_share_needed": gpu_in_life / given.gpu_throughput / income,
        "gpu_second": gpu_in_life / busy,
        "day_gpu_second": rent,
        "day_gpu_ratio": rent * busy / gpu_in_life,
        "day_token_cost": 87_072 / 168e9,
        "extra_tokens_gain": 9479 / 2843,
        "four_bit_gain": 12_503 / 5790,
        "rack_gain": 4130 / 941,
        "requests_gain": 2.07,
        "hbm_share": 2900 / 6400,
        "price_gap": 0.79 / 0.32,
        "input_saving": given.hit_rate - given.hit_rate * given.cached_price_ratio,
        "day_input_output": day["input"] / day["output"],
        "licence_premium": value("nvidia_groq_licence.value") / value("groq_valuation.value"),
        "memory_growth": of_chip("new_chip") / of_chip("chip"),
        "bandwidth_growth": bandwidth / of_chip("chip", "memory_bandwidth"),
        "memory_ratio": of_chip("new_chip") / of_chip("partner"),
        "bandwidth_ratio": bandwidth / of_chip("partner", "memory_bandwidth"),
        "chip_sweep": sweeps["chip"],
        "new_sweep": sweeps["new_chip"],
        "gpu_sweep": sweeps["gpu"],
        "partner_sweep": sweeps["partner"],
        "new_weight_cards": new_weight_cards,
        "new_cards": new_cards,
        "new_racks": ceil(new_cards / rack),
        "request_share": request / of_chip("new_chip"),
        "requests_per_rack": max(0, math.floor(room / request)),
        "large_cards": ceil(large / of_chip("chip")),
        "new_large_cards": ceil(large / of_chip("new_chip")),
        "new_large_racks": ceil(ceil(large / of_chip("new_chip")) / rack),
        "kv_memories": max(ceil(batch / of_chip("partner")), ceil(read)),
        "cards_saved": new_cards - new_weight_cards,
        "affordable_price": gpu_cost * throughput / new_cards,
        "affordable_price_measured": given.gpu_price / mlperf * throughput / new_cards,
        "speculative_gain": value("groq_llama31_70b.speculative_speed")
        / value("groq_llama31_70b.output_speed"),
        "nvidia_alibaba": value("nvidia_q3_fy2025.revenue") / value("alibaba_q3_2024.revenue"),
        "price_by_compute": dollars_of_flop * value(rated)
        if rated in catalog.constants()
        else math.nan,
    }


OTHERS = (
    {
        "model": "llama31_405b",
        "chip": "gc200",
        "gpu": "h200_sxm",
        "new_chip": "groq_3_lpu",
        "partner": "b200_sxm",
        "bytes_per_parameter": 0.25,
        "bytes_per_element": 0.75,
        "context_length": 3001,
        "batch_size": 77,
        "speed": 313.0,
        "gpu_throughput": 1709.0,
        "card_price": 8111.0,
        "gpu_price": 27017.0,
        "electricity_price": 0.117,
        "overhead": 1.23,
        "lifetime": 3.7,
        "chip_power": 187.0,
        "load": 0.61,
        "busy_share": 0.43,
        "token_price": 5.3,
        "hit_rate": 0.37,
        "cached_price_ratio": 0.29,
    },
    {
        "model": "llama2_13b",
        "chip": "groq_3_lpu",
        "gpu": "a100_sxm_80gb",
        "new_chip": "wse_3",
        "partner": "mi300x",
        "bytes_per_parameter": 2.0,
        "bytes_per_element": 1.5,
        "context_length": 90_139,
        "batch_size": 1019,
        "speed": 11.0,
        "gpu_throughput": 229.0,
        "card_price": 951.0,
        "gpu_price": 4507.0,
        "electricity_price": 0.029,
        "overhead": 2.41,
        "lifetime": 11.3,
        "chip_power": 607.0,
        "load": 0.17,
        "busy_share": 0.71,
        "token_price": 0.13,
        "hit_rate": 0.83,
        "cached_price_ratio": 0.59,
    },
    {"model": "gpt3_175b", "new_chip": "groq_lpu", "context_length": 2_000_003, "batch_size": 5},
)
"""Cases in which no two numbers are equal. The KV cache is bound by bandwidth in the first and by
room in the second; in the third a rack holds no request, and the new chip has no fp8 compute."""


@pytest.mark.parametrize("values", OTHERS)
def test_every_result_is_computed_a_second_time(values):
    units = conclude.parameters.defaults | values
    in_si = {
        **units,
        "electricity_price": units["electricity_price"] / 3.6e6,
        "lifetime": units["lifetime"] * YEAR,
        "token_price": units["token_price"] / 1e6,
    }
    found = vars(BOOK.conclude("hindsight", values).results)
    assert found == pytest.approx(by_hand(in_si), rel=1e-9, nan_ok=True)


def test_factors_stand_under_their_own_names_in_worked_equations():
    # a product is the same whatever the order of its factors; what is shown is not
    run = BOOK.run("hindsight", conclude.parameters.check(OTHERS[0]))
    found, busy = run.results, 0.43 * 3.7 * YEAR
    cost = {"target_cost": 27017 / 1709, "throughput": 77 * 313, "cards": found.new_cards}
    assert run.call("affordable_price").arguments == pytest.approx(cost)
    life = {"capital_cost": found.token_cost * busy, "lifetime": busy}
    assert run.call("token_cost").arguments == pytest.approx(life)
    assert run.call("new_cards").arguments == {"needed": found.needed, "memory": 500e6}


def test_the_cases_reach_both_sides_of_what_decides():
    found = [BOOK.conclude("hindsight", values).results for values in OTHERS]
    room = [f.kv_cache_batch / catalog.value(f"{v.get('partner', 'rubin_gpu')}.memory")
            for f, v in zip(found, OTHERS, strict=True)]  # fmt: skip
    assert found[0].kv_memories > np.ceil(room[0])
    assert found[1].kv_memories == np.ceil(room[1]) > 1
    assert found[0].requests_per_rack > found[2].requests_per_rack == 0
    assert [np.isnan(f.price_by_compute) for f in found] == [False, True, True]


# Dated facts

EVENTS = [
    event for chart in ("speed", "price", "cache", "rental", "company") for event in timeline(chart)
]


def test_every_dated_fact_is_on_a_chart():
    with (DATA / "timeline.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(EVENTS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.id)
def test_a_date_stands_with_its_source_or_says_why_not(event):
    row = event.row
    told = f"{row.subject} {row.source} {row.locator} {row.note} {row.quantity}"
    assert event.date[:4] in told or event.note
    if not event.date_seen:
        assert event.note


def test_the_gpu_services_that_decide_a_score_are_the_cheapest_of_their_day():
    asked = [e.row for e in timeline("price") if e.maker == "GPUs"]
    assert catalog.value("deepinfra_llama2_70b.output_price") == min(
        row.si for row in asked if "2024-02" in row.source
    )
    assert catalog.value("lambda_llama33_70b.output_price") == min(
        row.si for row in asked if "2025-08" in row.source
    )
    assert catalog.value("deepinfra_llama33_70b_2026_09_20.output_price") == min(
        row.si for row in asked if "2026-09" in row.source
    )
    assert catalog.value("fireworks_gpt_oss_120b.output_speed") == max(
        event.row.si
        for event in timeline("speed")
        if (event.maker, event.model) == ("GPUs", "gpt-oss-120b")
    )


# Scores


def scored():
    found = BOOK.conclude("hindsight", {})
    return {s.prediction.id: s for s in predictions.scored(found.results, found.units)}


SCORES = {
    "speed-of-one-request": "came true",
    "speed-of-any-gpus": "did not",
    "promising-future": "came true",
    "dollars-per-token-2024": "did not",
    "dollars-per-token-2025": "came true",
    "dollars-per-token-2026": "came true",
    "card-price": "did not",
    "cost-comparable": "did not",
    "hundreds-of-cards": "came true",
    "memory-is-the-bottleneck": "came true",
    "torus": "did not",
    "gpt-4-at-full-speed": "open",
    "kv-cache-in-hbm": "came true",
    "persistent-kv-cache": "came true",
    "input-dearer": "open",
    "nvidia-and-alibaba": "came true",
    "made-for-older-networks": "came true",
    "no-tricks": "did not",
}


def test_scores():
    assert {name: each.score for name, each in scored().items()} == SCORES


def test_reasons_are_sentences_with_their_figures_filled_in():
    for each in scored().values():
        assert each.reason.endswith(".")
        assert not set("{}") & set(each.reason)
        assert each.prediction.rows


def test_cost_is_scored_at_the_price_that_the_article_names():
    reason = scored()["cost-comparable"].reason
    values = samples_of(of_article())
    listed = [float(answers(of_article(), [26.6], values)[0].ratio([0.5])[0])]
    values["groq_lpu.price"] = np.full_like(values["groq_lpu.price"], 6000.0)
    listed.insert(0, float(answers(of_article(), [26.6], values)[0].ratio([0.5])[0]))
    assert listed[0] < listed[1]
    assert [float(n) for n in re.findall(r"\d+\.\d+", reason)] == pytest.approx(listed, rel=2e-3)


def test_no_number_is_typed_in_a_prediction():
    for each in predictions.predictions():
        assert not digits_in("\n".join([each.prediction, each.reason, each.when])), each.id


def prediction(**change):
    row = {
        "id": "x", "section": "summary", "prediction": "It is so.", "measure": "@found",
        "relation": ">", "against": "2 ratio", "sources": "", "reason": "It is {measure}.",
        "when": "",
    }  # fmt: skip
    return Prediction(**{**row, **change})


def score_of(found, **change):
    return score(prediction(**change), SimpleNamespace(found=found), {"found": "ratio"})


@pytest.mark.parametrize(
    ("relation", "true", "false"),
    [(">", 3, 2), (">=", 2, 1), ("<", 1, 2), ("<=", 2, 3), ("about", 2.4, 2.6)],
)
def test_a_score_follows_its_measure(relation, true, false):
    assert score_of(true, relation=relation).score == "came true"
    assert score_of(false, relation=relation).score == "did not"


def test_a_text_is_searched_for():
    change = {"measure": "groq_scale_out.topology", "relation": "contains"}
    assert score_of(0, **change, against="dragonfly").score == "came true"
    assert score_of(0, **change, against="torus").score == "did not"


def test_what_was_recalled_or_never_measured_stays_open():
    unseen = "groq_llama2_70b.output_speed_artificial_analysis"
    assert not catalog.constant(unseen).verified
    assert score_of(3, sources=unseen).score == "open"
    assert score_of(0, measure=unseen, against="1 token/s").score == "open"
    assert (
        score_of(3, measure="", relation="", against="", reason="Nothing.", when="Later.").score
        == "open"
    )


def test_what_is_open_says_what_would_decide_it_and_only_that():
    for change in ({"when": "Later."}, {"measure": "", "relation": "", "against": ""}):
        with pytest.raises(ValueError, match="when: says what would decide"):
            prediction(**change)


def test_the_tally_counts_every_prediction():
    chapter = open_chapter("hindsight", dict(conclude.parameters.defaults))
    scores = [each.score for each in scored().values()]
    told = [int(n) for n in re.findall(r"\d+", re.sub(r"<[^>]*>", "", show.tally(chapter)))]
    assert told == [len(scores), *map(scores.count, ("came true", "did not", "open"))]
    assert told[0] == sum(told[1:])


def test_a_wrong_row_is_named():
    for change in (
        {"measure": "@lost"},
        {"measure": "groq_lpu.lost"},
        {"against": "many"},
        {"sources": "groq_lpu.lost"},
    ):
        with pytest.raises(DataError, match="'x'"):
            score_of(1, **change)
