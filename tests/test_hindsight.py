"""What the chapter `hindsight` must keep: its sums, its dated facts, and scores that follow."""

import csv
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.formulas import batching, hindsight, margins
from inference_economics.hindsight import predictions
from inference_economics.hindsight.predictions import Prediction, score
from inference_economics.hindsight.timeline import timeline
from inference_economics.quantities import DATA
from inference_economics.worksheets import hindsight as hindsight_sheet
from reckoner.declare.tables import DataError
from test_notebooks import digits_in

CASE = hindsight_sheet.PARAMETERS.base({})
"""The defaults, in base units."""

YEAR = 365.25 * 86400

shares = st.floats(0.01, 1.0)
sizes = st.floats(1e6, 1e13)
bandwidths = st.floats(1e9, 1e17)
prices = st.floats(1e-9, 1e-3)
costs = st.floats(0.1, 1e5)
counts = st.integers(1, 100_000)


def concluded(**change):
    return hindsight_sheet.conclude(**{**CASE, **change})


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
        for field in dataclasses.fields(one):
            value = np.broadcast_to(getattr(many, field.name), (3,))[index]
            assert value == pytest.approx(getattr(one, field.name)), field.name


def test_the_same_formulas_give_the_batching_chapter():
    here, there = concluded(), BOOK.conclude("batching", {}).results
    assert (here.cards, here.cost, here.gpu_cost) == (there.cards, there.cost, there.gpu_cost)


# Dated facts

EVENTS = [event for chart in ("speed", "price", "cache") for event in timeline(chart)]


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


# Scores


def scored():
    found = BOOK.conclude("hindsight", {})
    return {s.prediction.id: s for s in predictions.scored(found.results, found.units)}


SCORES = {
    "speed-of-one-request": "came true",
    "promising-future": "came true",
    "dollars-per-token-2024": "did not",
    "dollars-per-token-2025": "came true",
    "card-price": "did not",
    "cost-comparable": "did not",
    "hundreds-of-cards": "came true",
    "memory-is-the-bottleneck": "came true",
    "torus": "did not",
    "gpt-4-at-full-speed": "open",
    "kv-cache-in-hbm": "came true",
    "persistent-kv-cache": "came true",
    "input-dearer": "did not",
    "nvidia-and-alibaba": "came true",
    "made-for-older-networks": "open",
    "no-tricks": "did not",
}


def test_scores():
    assert {name: each.score for name, each in scored().items()} == SCORES


def test_reasons_are_sentences_with_their_figures_filled_in():
    for each in scored().values():
        assert each.reason.endswith(".")
        assert not set("{}") & set(each.reason)
        assert each.prediction.rows


def test_no_number_is_typed_in_a_prediction():
    for each in predictions.predictions():
        assert not digits_in(each.prediction + "\n" + each.reason), each.id


def prediction(**change):
    row = {
        "id": "x", "section": "summary", "prediction": "It is so.", "measure": "@found",
        "relation": ">", "against": "2 ratio", "sources": "", "reason": "It is {measure}.",
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
    assert score_of(3, measure="", relation="", against="", reason="Nothing.").score == "open"


def test_a_wrong_row_is_named():
    for change in (
        {"measure": "@lost"},
        {"measure": "groq_lpu.lost"},
        {"against": "many"},
        {"sources": "groq_lpu.lost"},
    ):
        with pytest.raises(DataError, match="'x'"):
            score_of(1, **change)
