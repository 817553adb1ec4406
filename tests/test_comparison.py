"""What the chapter `comparison` must keep: each chip's cluster, its limits, where numbers start."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.book import BOOK, open_chapter
from inference_economics.catalog import Chip
from inference_economics.chapters import comparison as show
from inference_economics.machines.datasheet import FASTEST, offer
from inference_economics.worksheets.comparison import SLOTS, conclude
from reckoner.declare.lineage import explain

CASE = conclude.parameters.base({})
"""The article's case, in base units."""

NUMBERS = ("memory", "memory_bandwidth", "compute_reached", "price", "speed_limit")


def chip(memory=80e9, bandwidth=3e12, compute=1e14, price=3e4, speed_limit=math.inf):
    values = memory, bandwidth, compute, price, speed_limit
    return Chip("own", "own", dict(zip(NUMBERS, values, strict=True)))


def concluded(**change):
    return conclude(**{**CASE, **change})


# A second time


def by_hand(weights_and_cache, active, batch, chips):
    """The results of three chips from what they must hold, by plain arithmetic."""
    results = {"needed": weights_and_cache}
    for slot, (memory, bandwidth, compute, price, limit) in zip(SLOTS, chips, strict=True):
        cards = math.ceil(weights_and_cache / memory)
        speed = min(
            limit,
            cards * bandwidth / weights_and_cache,
            cards * compute / (2 * active * batch),
        )
        results[f"cards_{slot}"] = cards
        results[f"cluster_price_{slot}"] = cards * price
        results[f"speed_{slot}"] = speed
        results[f"cost_{slot}"] = cards * price / (batch * speed)
    for name in ("cost", "speed"):
        for slot in (2, 3):
            results[f"{name}_1_to_{slot}"] = results[f"{name}_1"] / results[f"{name}_{slot}"]
    return results


def given_as(chips):
    """The same chips as a reader gives them."""
    units = 1e9, 1e12, 1e12, 1.0, 1.0
    return {f"chip_{slot}": "own" for slot in SLOTS} | {
        f"{name}_{slot}": value / unit
        for slot, numbers in zip(SLOTS, chips, strict=True)
        for name, value, unit in zip(NUMBERS, numbers, units, strict=True)
    }


BY_COMPUTE = (17e9, 911e12, 13e12, 4321.0, 5003.0)
BY_BANDWIDTH = (1.3e9, 0.7e12, 871e12, 777.0, 8009.0)
BY_LIMIT = (5.1e9, 29e12, 333e12, 2999.0, 61.0)
LLAMA = {"model": "llama31_8b", "bytes_per_parameter": 1.75, "bytes_per_element": 0.875,
         "context_length": 3001, "batch_size": 37}  # fmt: skip
LLAMA_NEEDS = 8e9 * 1.75 + 37 * 3001 * 2 * 32 * 8 * 128 * 0.875
MIXTRAL = {"model": "mixtral_8x7b", "bytes_per_parameter": 0.625, "bytes_per_element": 2.25,
           "context_length": 1009, "batch_size": 211}  # fmt: skip
MIXTRAL_NEEDS = 46.7e9 * 0.625 + 211 * 1009 * 2 * 32 * 8 * 128 * 2.25


@pytest.mark.parametrize(
    "chips",
    [
        (BY_COMPUTE, BY_BANDWIDTH, BY_LIMIT),
        (BY_BANDWIDTH, BY_LIMIT, BY_COMPUTE),
        (BY_LIMIT, BY_COMPUTE, BY_BANDWIDTH),
    ],
)
@pytest.mark.parametrize(
    ("values", "needed", "active"),
    [(LLAMA, LLAMA_NEEDS, 8e9), (MIXTRAL, MIXTRAL_NEEDS, 12.9e9)],
)
def test_every_result_is_computed_a_second_time(values, needed, active, chips):
    expected = by_hand(needed, active, values["batch_size"], chips)
    found = vars(BOOK.conclude("comparison", {**values, **given_as(chips)}).results)
    assert found == pytest.approx(expected, rel=1e-9)


def test_the_case_of_the_article_is_computed_a_second_time():
    """Where no number is given: those of the article and of the catalog."""
    share = 2 * 70e9 * 425 / 989e12
    h100_96gb = {row: catalog.value(f"h100_96gb.{row}") for row in ("memory", "memory_bandwidth")}
    compute = catalog.value("h100_96gb.fp16_compute")
    chips = (
        (230e6, 80e12, 188e12, 6000.0, 500.0),
        (*h100_96gb.values(), share * compute, 30_000 * compute / 989e12, FASTEST),
        (24e9, 1008e9, share * 165.15e12, 1599.0, FASTEST),
    )
    needed = 70e9 + 128 * 4096 * 2 * 80 * 8 * 128
    found = vars(BOOK.conclude("comparison", {}).results)
    assert found == pytest.approx(by_hand(needed, 70e9, 128, chips), rel=1e-4)
    assert conclude.evaluate(**CASE)["reached_share"] == pytest.approx(share, rel=1e-9)


# The limits


@given(st.floats(1e7, 1e12), st.floats(1e9, 1e14), st.floats(1e10, 1e16), st.floats(0.1, 1e5))
def test_a_chip_beside_itself_costs_the_same(memory, bandwidth, compute, limit):
    same = chip(memory, bandwidth, compute, 1000.0, limit)
    result = concluded(chip_1=same, chip_2=same, chip_3=same)
    assert result.cost_1_to_2 == result.cost_1_to_3 == 1
    assert result.speed_1_to_2 == result.speed_1_to_3 == 1


@given(st.integers(1, 10_000), st.integers(1, 100_000))
def test_no_request_is_faster_than_its_limit(batch, context):
    result = concluded(batch_size=batch, context_length=context)
    for slot in SLOTS:
        assert vars(result)[f"speed_{slot}"] <= CASE[f"chip_{slot}"].speed_limit


def test_without_a_limit_more_bandwidth_helps_until_compute_binds():
    speeds = [concluded(chip_1=chip(bandwidth=b)).speed_1 for b in (1e10, 1e11, 1e16, 1e17)]
    assert speeds[0] < speeds[1] < speeds[2] == speeds[3]
    # 2 cards of 100 TFLOP/s hold 70 GB and the caches; two operations a weight and request
    assert speeds[3] == pytest.approx(2 * 1e14 / (2 * 70e9 * 128))


# Where a chip's numbers come from


def test_a_price_is_the_articles_else_the_catalogs_else_by_compute():
    assert offer("groq_lpu").price == 6000 != catalog.chip("groq_lpu").price
    assert offer("rtx_4090").price == catalog.chip("rtx_4090").price
    assert not catalog.chip("a100_sxm_80gb").has("price")
    assert offer("a100_sxm_80gb").price == pytest.approx(30_000 * 312 / 989)
    assert offer("h200_sxm").price == (28_000 + 31_000) / 2


def test_what_is_assumed_stands_in_the_name_and_gets_no_verdict():
    assert offer("a100_sxm_80gb").name.endswith("(price and speed assumed)")
    assert offer("groq_lpu").name == catalog.chip("groq_lpu").name
    said = show.verdict(open_chapter("comparison", {"chip_2": "a100_sxm_80gb"}))
    assert "not a verdict" in said and "A100" in said


def test_chips_that_compete_get_the_verdict_of_the_one_answer():
    said = show.verdict(open_chapter("comparison", {"chip_2": "h100_sxm"}))
    assert "H100 SXM in more than 99 of 100 samples" in said
    assert "Groq LPU in fewer than 1 of 100 samples" in said


def test_an_own_chip_with_price_and_speed_competes():
    mine = {"chip_2": "h100_sxm", "chip_3": "own", "memory_3": 64.0, "memory_bandwidth_3": 40.0}
    mine |= {"compute_reached_3": 300.0, "speed_limit_3": 100.0}
    dear, cheap = (
        show.verdict(open_chapter("comparison", {**mine, "price_3": price})) for price in (1e7, 1e3)
    )
    assert "own chip in no sample" in dear and "own chip in all samples" in cheap


def test_sram_keeps_its_peak_and_a_gpu_the_share_of_an_h100():
    assert offer("groq_lpu").compute_reached == 188e12
    assert offer("h100_sxm").compute_reached == pytest.approx(2 * 70e9 * 425)
    assert offer("a100_sxm_80gb").compute_reached == pytest.approx(2 * 70e9 * 425 * 312 / 989)


def test_only_groqs_speed_is_given():
    assert offer("groq_lpu").speed_limit == 500
    others = [key for key in conclude.parameters["chip_1"].choices if key != "own"]
    assert {offer(key).speed_limit for key in others if key != "groq_lpu"} == {FASTEST}


def test_an_own_chip_knows_nothing():
    assert not offer("own").values


# What the page says


def test_the_page_names_the_cheapest_and_the_fastest():
    chips = given_as((BY_COMPUTE, BY_BANDWIDTH, BY_LIMIT)) | {"chip_2": "rtx_4090"}
    chapter = open_chapter("comparison", {**LLAMA, **chips})
    results = chapter.results
    assert results.cost_2 < min(results.cost_1, results.cost_3)
    assert show.cheapest(chapter).name == "RTX 4090 (speed assumed)"
    assert results.speed_2 > max(results.speed_1, results.speed_3)
    assert "as well" in show.fastest_and_cheapest(chapter)
    other = open_chapter("comparison", {**LLAMA, **chips, "speed_limit_3": 6e4, "price_3": 1e6})
    assert "against" in show.fastest_and_cheapest(other)


def test_a_number_of_a_chip_comes_from_what_was_given_for_it():
    """The article's price of Groq's card, not the catalog's, which stands in another row."""
    values = {"chip_2": "rtx_4090", "price_2": 777.0}
    explained = explain(BOOK.run("comparison", BOOK.parameters("comparison").check(values)),
                        BOOK.formulary)  # fmt: skip
    for slot, price in (1, "$6,000"), (2, "$777"):
        parts = {part.key: part.value for part in explained[f"cluster_price_{slot}"].parts}
        assert parts[f"price_{slot}"] == price
    (row,) = explained["price_1"].parts
    assert row.key == "article.groq_card_price"
