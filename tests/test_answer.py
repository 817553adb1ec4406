"""What the chapter `answer` must keep: its ratios, the four words, who competes, and the market."""

import json
import math
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from bs4 import BeautifulSoup
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import plain_answers as again
import plain_machines as plain
from inference_economics import catalog, inputs
from inference_economics.answer import question as asking
from inference_economics.answer import words
from inference_economics.answer.odds import (
    SPEEDS,
    Answer,
    answers,
    asked,
    bands,
    ends,
    first_speed,
    samples_of,
)
from inference_economics.answer.question import Question, costs, draw
from inference_economics.answer.ranges import COSTS
from inference_economics.book import BOOK, open_chapter
from inference_economics.catalog.market import offers
from inference_economics.chapters import answer as show
from inference_economics.chapters import answer_changes as changes
from inference_economics.chapters import answer_market as market
from inference_economics.worksheets.answer import conclude
from inference_economics.worksheets.equal_speed import conclude as equal_speed
from reckoner.declare.units import shown
from reckoner.show.notebook import Chapter

CASE = equal_speed.parameters.base({})
"""The case of the chapter `equal_speed`, in base units."""

SEED = 5
DECIDED, NOBODY = 0.9, 0.5
"""The odds from which on a side is named, and the share above which nobody is."""
BOUGHT = Question(CASE["model"], 4096, 1024, "buyer", 2024)
FRONT = 26.6
"""The speed at which the front page asks."""


@cache
def few(**change):
    """The chapter's results with few samples."""
    return vars(BOOK.conclude("answer", {"samples": 8, **change}).results)


@pytest.fixture(scope="module")
def chapter():
    return Chapter(BOOK, "answer", {"samples": 8})


# Every result a second time


DEFAULTS = {
    "model": "llama2_70b",
    "batch_size": 128,
    "context_length": 4096,
    "output_tokens": 1024,
    "target_speed": 26.6,
    "card_price": 6000.0,
    "speed": 500.0,
    "gpu_price": 30000.0,
    "gpu_throughput": 425.0,
    "samples": 512,
    "seed": 2024,
}
CASES = {
    "as the article has it": {"samples": 8},
    "at another speed and price": {
        "batch_size": 77,
        "context_length": 3001,
        "output_tokens": 701,
        "target_speed": 61.0,
        "card_price": 7100.0,
        "speed": 310.0,
        "gpu_price": 23000.0,
        "gpu_throughput": 611.0,
        "samples": 8,
        "seed": 3,
    },
    "of another model, faster than GPUs": {
        "model": "llama31_8b",
        "context_length": 2500,
        "output_tokens": 600,
        "batch_size": 9,
        "target_speed": 350.0,
        "card_price": 900.0,
        "samples": 4,
        "seed": 11,
    },
}


def ratio(case, **change):
    """SRAM's cost over the GPU's at equal speed, as the chapter `equal_speed` has it."""
    return again.over(*plain.costs({**case, **change}))


def of_cards(bytes_needed, price, throughput):
    return math.ceil(bytes_needed / 230e6) * price / throughput


def sampled(case, seed, number, ranges):
    _, drawn = again.samples(ranges, number, seed, case)
    sram, gpu = again.both(ranges, case, drawn, [case["target_speed"]])
    return again.ratios(sram[:, 0], gpu[:, 0])


def second(given):
    """Every result of the worksheet in plain arithmetic."""
    model, batch, price = given["model"], given["batch_size"], given["card_price"]
    weights = model.nominal_parameters
    a_token = 2 * model.layers * model.kv_heads * model.head_dim
    cache = a_token * given["context_length"]
    gpu = given["gpu_price"] / given["gpu_throughput"]
    measured = given["gpu_price"] / MLPERF
    misread = cache / 1024**3 * 1e9

    def per_card(of_request):
        return (weights + batch * of_request) / 230e6 * price / (batch * given["speed"])

    article = of_cards(weights + batch * cache, price, batch * given["speed"])
    own = of_cards(weights + batch * cache, price, batch * 300.0)
    brief = math.ceil(1024 + OUTPUT) * a_token
    short = of_cards(weights + batch * brief, price, batch * 300.0)
    host = DGX / given["gpu_price"] - 1
    work = ("model", "context_length", "output_tokens", "target_speed", "card_price", "gpu_price")
    case = {**CASE, **{name: given[name] for name in work}}
    dgx = {"gpu_price": DGX, "gpu_host_share": 0.0}
    dgx |= {"card_price": CARD, "host_share": CASE["host_share"] * price / CARD}
    bought, mixed = again.known("buyer", 2024), again.mixed("buyer", "maker", 2024)
    here, there = (sampled(case, given["seed"], given["samples"], r) for r in (bought, mixed))
    small = sampled({**case, "most_cards": 576}, given["seed"], given["samples"], mixed)
    return {
        "weights": weights,
        "kv_cache": cache,
        "misread_cache": misread,
        "gpu_cost": gpu,
        "misread_ratio": per_card(misread) / gpu,
        "gigabyte_ratio": per_card(cache) / gpu,
        "cards": math.ceil((weights + batch * cache) / 230e6),
        "article_ratio": article / gpu,
        "own_speed_ratio": own / gpu,
        "measured_ratio": own / measured,
        "mlperf_ratio": article / measured,
        "short_ratio": short / measured,
        "host_ratio": short / (measured * (1 + host)),
        "short_speed_ratio": ratio(
            case,
            electricity_price=0.0,
            context_length=math.ceil(1024 + OUTPUT),
            output_tokens=math.ceil(OUTPUT),
        ),
        "equal_speed_ratio": ratio(case, electricity_price=0.0),
        "electricity_ratio": ratio(case),
        "bound_ratio": ratio(case, layer_floor=0.0),
        "dgx_ratio": ratio(case, **dgx),
        "listed_ratio": ratio(case, card_price=CARD, gpu_price=30000.0),
        "median_ratio": again.quantile(here, 0.5),
        "low_ratio": again.quantile(here, 0.05),
        "high_ratio": again.quantile(here, 0.95),
        "mixed_ratio": again.quantile(there, 0.5),
        "small_mixed_ratio": again.quantile(small, 0.5),
    }


MLPERF = catalog.value("mlperf_v4_0_dgx_h100_offline.throughput_per_gpu")
OUTPUT = catalog.value("mlperf_llama2_70b.mean_output_tokens")
DGX = catalog.value("dgx_h100.price") / 8
CARD = catalog.value("groq_card.price")


@pytest.mark.parametrize("which", CASES)
def test_every_result_is_computed_a_second_time(which):
    assert conclude.parameters.defaults == DEFAULTS
    given = {**DEFAULTS, **CASES[which]}
    given["model"] = catalog.model(given["model"])
    expected, found = second(given), vars(conclude(**given))
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, nan_ok=True), name


def test_other_chapters_print_the_same_ratios():
    """Each is a figure of another chapter, as its defaults have it."""
    found = few()
    equal = BOOK.conclude_by_default("equal_speed").results
    batching = BOOK.conclude_by_default("batching").results
    assert found["electricity_ratio"] == pytest.approx(equal.cost_ratio)
    assert found["bound_ratio"] == pytest.approx(equal.bound_ratio)
    assert found["gpu_cost"] == pytest.approx(batching.gpu_cost)
    assert found["article_ratio"] == pytest.approx(batching.cost / batching.gpu_cost)


def test_the_median_is_that_of_the_chapter_uncertainty():
    given = {"samples": 8, "target_speed": 50.0}
    other = BOOK.conclude("uncertainty", given).results
    names = ("median_ratio", "low_ratio", "high_ratio")
    assert [few(**given)[n] for n in names] == [getattr(other, n) for n in names]


# The ratios at extremes


RATIOS = {
    "card_price": ("article", "mlperf", "host", "electricity", "bound"),
    "gpu_price": ("article", "mlperf", "electricity", "bound"),
    "speed": ("article", "mlperf"),
    "gpu_throughput": ("article",),
    "target_speed": ("electricity", "bound", "dgx", "listed", "median", "mixed"),
}
"""The ratios that an input moves; it leaves the others."""
EXTREMES = {
    "card_price": (1.0, 100.0, 6000.0, 1e7),
    "gpu_price": (1e7, 30000.0, 100.0, 1.0),
    "speed": (5000.0, 500.0, 50.0, 5.0),
    "gpu_throughput": (1.0, 425.0, 5000.0, 1e6),
}
"""Values of inputs, each dearer for SRAM than the one before, or cheaper for GPUs."""


@pytest.mark.parametrize("name", EXTREMES)
def test_ratios_move_as_prices_and_speeds_do(name):
    results = [few(**{name: value}) for value in EXTREMES[name]]
    for ratio in ("article", "mlperf", "host", "electricity", "bound", "dgx", "median", "mixed"):
        found = [each[f"{ratio}_ratio"] for each in results]
        if ratio in RATIOS[name]:
            assert all(one < other for one, other in pairwise(found)), ratio
        elif (name, ratio) == ("card_price", "dgx"):
            assert found == sorted(found)  # a share of it is the host's
        elif (name, ratio) != ("gpu_price", "host"):
            assert len(set(found)) == 1, ratio
    assert results[0]["article_ratio"] < 0.1 < 10 < results[-1]["article_ratio"]


def test_a_gpu_in_a_dgx_costs_what_the_dgx_does():
    """Its host makes up for whatever the price of the GPU alone is."""
    hosts = [few(gpu_price=price)["host_ratio"] for price in EXTREMES["gpu_price"]]
    assert hosts == pytest.approx([hosts[0]] * len(hosts))


def test_the_faster_the_cheaper_is_sram_until_it_is_alone_and_then_nobody():
    speeds = (5.0, 27.0, 60.0, 90.0)
    for name in RATIOS["target_speed"]:
        found = [few(target_speed=speed)[f"{name}_ratio"] for speed in speeds]
        assert all(one > other for one, other in pairwise(found)), name
        assert few(target_speed=220.0)[f"{name}_ratio"] == 0, name
    assert min(few(target_speed=5.0)[f"{name}_ratio"] for name in ("electricity", "median")) > 1
    found = few(target_speed=5000.0)
    assert all(math.isnan(found[f"{name}_ratio"]) for name in ("median", "low", "high", "mixed"))
    assert few(target_speed=5000.0)["article_ratio"] == few()["article_ratio"]


# The four words


@pytest.fixture(scope="module")
def values():
    return draw(BOUGHT, 64, SEED)


def test_the_word_becomes_each_of_the_four(values):
    speeds = (5.0, FRONT, 80.0, 160.0, 5000.0)
    found = answers(BOUGHT, speeds, values)
    expected = ["GPU", "GPU", "too close to call", "SRAM", "nobody can"]
    assert [one.word for one in found] == expected
    for one in found[:-1]:
        assert one.sram_odds + one.gpu_odds == pytest.approx(1)
        assert one.nobody < NOBODY
    assert found[-1].nobody == 1
    assert math.isnan(found[-1].sram_odds) and math.isnan(found[-1].gpu_odds)
    assert np.isnan(found[-1].ratio((0.05, 0.5))).all()
    assert found[-1].part.tolist() == [0.5] * len(found[-1].part)


EXTREME_PRICES = ("groq_lpu.price", "h100_sxm.price")


@pytest.mark.parametrize("speed", [5.0, FRONT, 80.0])
def test_a_price_at_its_extreme_decides_the_word(values, speed):
    """While both give the speed, the one that costs next to nothing is the cheaper."""
    for name, cheap in zip(EXTREME_PRICES, ("SRAM", "GPU"), strict=True):
        dear = {"SRAM": "GPU", "GPU": "SRAM"}[cheap]
        for price, word in ((1e-3, cheap), (1e9, dear)):
            moved = {**values, name: np.full_like(values[name], price)}
            assert answers(BOUGHT, [speed], moved)[0].word == word, (name, price)


def sure(share):
    return "SRAM" if share >= DECIDED else "GPU" if 1 - share >= DECIDED else "too close to call"


@pytest.mark.parametrize("costs_of", COSTS)
def test_each_machine_is_of_its_own_chip_and_the_cheapest_of_a_kind_is_taken(costs_of):
    question = replace(BOUGHT, costs=costs_of, year=2026)
    known = asking.machines(question, question.likely, asking.clusters.GROWTH)
    gpus = {key: machine for key, machine in known.items() if not asking.is_sram(key)}
    assert {"h100_sxm", "h200_sxm"} <= {*gpus}
    assert gpus["h200_sxm"].top_speed > 1.1 * gpus["h100_sxm"].top_speed
    cheapest = min(gpus.values(), key=lambda machine: float(machine.cost(30.0)))
    assert asking.cheapest_way(question, 30.0, in_sram=False) == cheapest.way(30.0)
    in_sram = asking.cheapest_way(question, 30.0, in_sram=True)
    assert in_sram.cards > 500 if "groq_lpu" in known else math.isnan(in_sram.cards)


@pytest.mark.parametrize(
    ("cheaper", "word"),
    [(0, "GPU"), (1, "GPU"), (2, "too close to call"), (8, "too close to call"), (9, "SRAM")],
)
def test_as_many_samples_as_the_threshold_asks_for_are_enough(cheaper, word):
    sram = np.where(np.arange(10) < cheaper, 1.0, 3.0)
    found = Answer(30.0, {"groq_lpu": sram, "h100_sxm": np.full(10, 2.0)})
    assert DECIDED == 0.9 and found.sram_odds == cheaper / 10
    assert found.word == word


def test_the_thresholds_are_rows():
    assert catalog.value("answer.decided_share") == DECIDED
    assert catalog.value("answer.nobody_share") == NOBODY


@pytest.mark.parametrize("costs_of", COSTS)
def test_an_input_at_its_end_changes_the_word_only_with_the_odds(costs_of):
    """Each range at its low and its high end, the others drawn: the word follows the odds alone."""
    question = replace(BOUGHT, costs=costs_of)
    drawn = draw(question, 16, SEED)
    here = answers(question, [FRONT], drawn)[0]
    for name, row in question.ranges.items():
        for end in (row.values[0], row.values[2]):
            moved = {**drawn, name: np.full_like(drawn[name], end)}
            found = answers(question, [FRONT], moved)[0]
            assert found.nobody == 0, name
            assert found.word == sure(found.sram_odds), name
            crosses = sure(found.sram_odds) != sure(here.sram_odds)
            assert (found.word != here.word) == crosses, name


COST = st.one_of(st.floats(1e-9, 1e-3), st.just(math.inf))
PAIRS = st.lists(st.tuples(COST, COST), min_size=1, max_size=40)


def of_pairs(pairs):
    sram, gpu = (np.array(side) for side in zip(*pairs, strict=True))
    return Answer(FRONT, {"groq_lpu": sram, "h100_sxm": gpu})


@given(PAIRS)
def test_the_word_follows_from_odds_and_thresholds(pairs):
    found = of_pairs(pairs)
    able = [pair for pair in pairs if min(pair) < math.inf]
    assert found.nobody == pytest.approx(1 - len(able) / len(pairs))
    if not able:
        assert found.word == "nobody can" and math.isnan(found.sram_odds)
        return
    assert found.sram_odds == sum(one < other for one, other in able) / len(able)
    assert found.sram_odds + found.gpu_odds == pytest.approx(1)
    many = len(pairs) - len(able) > NOBODY * len(pairs)
    assert found.word == ("nobody can" if many else sure(found.sram_odds))
    assert found.word == again.word(found.sram, found.gpu)
    less, more = found.sram < found.gpu, found.sram > found.gpu  # two near ones round to a half
    assert (found.part[less] <= 0.5).all() and (found.part[more] >= 0.5).all()


@given(st.integers(0, 10), st.integers(0, 10), st.integers(0, 20))
def test_a_share_at_the_threshold_names_a_side_and_half_without_a_chip_does_not(sram, gpu, neither):
    """Exactly nine in ten is enough; exactly half of the samples without a chip is not."""
    assume(sram + gpu)
    pairs = [(1.0, 2.0)] * sram + [(2.0, 1.0)] * gpu + [(math.inf, math.inf)] * neither
    found = of_pairs(pairs).word
    if neither > sram + gpu:
        assert found == "nobody can"
    elif sram >= 9 * gpu:
        assert found == "SRAM"
    else:
        assert found == ("GPU" if gpu >= 9 * sram else "too close to call")


@given(PAIRS, st.floats(1, 1e6))
def test_dearer_sram_is_never_likelier(pairs, factor):
    dearer = [(one * factor, other) for one, other in pairs]
    before, after = of_pairs(pairs), of_pairs(dearer)
    assert after.nobody == before.nobody
    assert not after.sram_odds > before.sram_odds
    if before.word == "GPU":
        assert after.word == "GPU"
    if after.word == "SRAM":
        assert before.word == "SRAM"


@given(PAIRS, st.floats(0.01, 0.9))
def test_comparable_counts_what_lies_within_the_tolerance(pairs, tolerance):
    found = of_pairs(pairs)
    able = [pair for pair in pairs if min(pair) < math.inf]
    near = [abs(one / other - 1) <= tolerance for one, other in able if max(one, other) < math.inf]
    expected = sum(near) / len(able) if able else math.nan
    assert found.comparable(tolerance) == pytest.approx(
        expected, abs=1 / len(pairs) / 2, nan_ok=True
    )


def test_the_least_cost_of_each_kind_counts():
    """Of several GPUs the cheapest in each sample; of a kind without a chip none."""
    found = Answer(1.0, {"h100_sxm": np.array([1.0, 5.0]), "h200_sxm": np.array([2.0, 4.0])})
    assert found.gpu.tolist() == [1, 4] and found.sram.tolist() == [math.inf] * 2
    assert (found.word, found.kinds) == ("GPU", {False})


def test_first_and_last_speeds_of_a_word():
    along = answers(BOUGHT, [5.0, 20.0, 80.0, 160.0, 200.0], draw(BOUGHT, 16, SEED))
    assert [one.word for one in along[:2]] == ["GPU"] * 2
    assert first_speed(along, "GPU") == 5 and first_speed(along, "SRAM", last=True) == 200
    assert 20 <= first_speed(along, "GPU", last=True) < 80 < first_speed(along, "SRAM") <= 160
    assert first_speed(along, "nobody can") == math.inf
    assert first_speed(along, "nobody can", last=True) == 0


def of_odds(speed, sram, nobody=0):
    """An answer with SRAM the cheaper in so many of 100 samples, and nobody able in others."""
    ours = [1.0] * sram + [3.0] * (100 - sram)
    return Answer(speed, {
        "groq_lpu": np.array([*ours[nobody:], *[math.inf] * nobody]),
        "h100_sxm": np.array([*[2.0] * (100 - nobody), *[math.inf] * nobody]),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("along", "gpu", "sram", "nobody"),
    [
        # halfway on the logarithm of the speed, rounded to where the word still holds
        ([(50, 5), (60, 15), (100, 85), (110, 95)], 54, 110, math.inf),
        ([(50, 10), (60, 11), (70, 89), (80, 90)], 50, 80, math.inf),
        ([(5, 0), (8, 20)], 6.3, math.inf, math.inf),
        # nobody can: the GPUs' share did not fall, so that they led up to the speed before
        ([(50, 0), (60, 0, 60)], 50, math.inf, 59),
        ([(50, 0), (60, 0)], 60, math.inf, math.inf),
        ([(50, 100), (60, 100)], 0, 50, math.inf),
        ([(50, 50), (60, 50)], 0, math.inf, math.inf),
    ],
)
def test_where_a_word_begins_and_ends_lies_between_two_speeds(along, gpu, sram, nobody):
    found = [of_odds(*one) for one in along]
    assert ends(found) == (gpu, sram)
    assert first_speed(found, "nobody can") == nobody


def test_bands_begin_where_a_lead_ends_or_begins():
    shares = {50: 5, 60: 15, 100: 85, 110: 95}
    along = [*(of_odds(speed, share) for speed, share in shares.items()), of_odds(150, 95, 80)]
    found = bands(along)
    words_of_bands = ["GPU", "too close to call", "SRAM", "nobody can"]
    assert [word for word, _ in found] == words_of_bands
    gpu, sram = ends(along)
    expected = [50, gpu, sram, first_speed(along, "nobody can")]
    assert [speed for _, speed in found] == expected
    assert bands(along[:1]) == [("GPU", 50)]


def test_a_lead_beside_a_speed_that_nobody_gives_ends_where_it_was_seen():
    assert ends([of_odds(50, 0), of_odds(60, 40, 90)])[0] == 50


def test_other_samples_hardly_move_the_ends():
    """Less than the step from one speed that is tried to the next."""
    count = inputs.SAMPLES("samples").default
    found = [ends(answers(BOUGHT, SPEEDS, draw(BOUGHT, count, seed))) for seed in (1, 2, 3)]
    for several in zip(*found, strict=True):
        assert max(several) / min(several) < 1.05


@given(st.lists(st.integers(0, 100), min_size=2, max_size=8))
def test_where_a_lead_ends_and_begins_stays_on_its_side(shares):
    speeds = [10 * 2**place for place in range(len(shares))]
    found = [of_odds(speed, share) for speed, share in zip(speeds, shares, strict=True)]
    gpu, sram = ends(found)
    led = [one.speed for one in found if one.word == "GPU"]
    assert gpu == 0 if not led else max(led) * 0.98 <= gpu < max(led) * 2
    led = [one.speed for one in found if one.word == "SRAM"]
    assert sram == math.inf if not led else min(led) / 2 < sram <= min(led) * 1.1


def test_the_one_answer_is_that_of_the_chapters_defaults():
    found = BOOK.conclude_by_default("uncertainty").results
    one = asked(BOUGHT, [FRONT])[0]
    assert (one.sram_odds, one.nobody) == (found.sram_odds, found.nobody)
    assert one.ratio((0.5,))[0] == found.median_ratio
    assert samples_of(BOUGHT).keys() == BOUGHT.ranges.keys()


# Who competes


def question(costs, year):
    return Question(CASE["model"], 4096, 1024, costs, year)


@pytest.mark.parametrize("costs", COSTS)
@pytest.mark.parametrize("year", [2023, 2024, 2025, 2026])
def test_only_chips_with_a_price_compete(costs, year):
    priced = {again.chip_of(name) for name in again.known(costs, year)} - {""}
    assert set(question(costs, year).contenders) == priced


def test_a_tenant_finds_no_sram_card():
    for year in show.YEARS:
        found = answers(
            question("tenant", year), [20.0, 200.0], draw(question("tenant", year), 8, 1)
        )
        for one in found:
            assert one.kinds == {False} and np.isinf(one.sram).all()
            assert not one.sram_odds > 0


@pytest.mark.parametrize("costs", COSTS)
def test_a_price_holds_until_a_later_one_was_seen(costs):
    names = {row["name"] for row in again.rows() if row["costs"] == costs}
    for name in names:
        dated = [row for row in again.rows() if (row["name"], row["costs"]) == (name, costs)]
        for year in (2022, 2023, 2024, 2025, 2026, 2050):
            before = [row for row in dated if int(row["year"]) <= year]
            found = question(costs, year).ranges.get(name)
            latest = max(before, key=lambda row: int(row["year"]), default=None)
            assert (found and (found.year, found.low)) == (
                latest and (latest["year"], latest["low"])
            )


def test_mixing_takes_other_prices_for_sram_alone():
    mixed = replace(BOUGHT, sram_costs="maker")
    own = question("maker", 2024).ranges
    for name, row in mixed.ranges.items():
        assert row == (own if name.startswith("groq_lpu.") else BOUGHT.ranges)[name], name
    priced = {name for name in BOUGHT.ranges if name.startswith("groq_lpu.")}
    assert BOUGHT.ranges.keys() - priced <= mixed.ranges.keys()
    assert "groq_lpu.host_share" not in mixed.ranges
    assert set(mixed.contenders) == set(BOUGHT.contenders)


def test_an_emptier_cluster_is_dearer_and_an_engine_changes_gpus_alone():
    values = draw(BOUGHT, 8, SEED)
    as_asked = costs(BOUGHT, [FRONT], values)
    emptier = costs(replace(BOUGHT, sram_busy=0.5), [FRONT], values)
    assert (emptier["groq_lpu"] > as_asked["groq_lpu"]).all()
    assert (emptier["groq_lpu"] < 2 * as_asked["groq_lpu"]).all()  # it draws power while it works
    np.testing.assert_array_equal(emptier["h100_sxm"], as_asked["h100_sxm"])
    other = costs(replace(BOUGHT, engine="trtllm"), [FRONT], values)
    np.testing.assert_array_equal(other["groq_lpu"], as_asked["groq_lpu"])
    assert not np.array_equal(other["h100_sxm"], as_asked["h100_sxm"])


def test_room_for_less_of_an_answer_saves_sram_at_most_what_its_caches_shrink_by():
    values = draw(BOUGHT, 8, SEED)
    whole = costs(BOUGHT, [FRONT], values)
    half = costs(replace(BOUGHT, sram_reserved=0.5), [FRONT], values)
    shrunk = (4096 - 0.5 * 1024) / 4096
    saved = half["groq_lpu"] / whole["groq_lpu"]
    assert (saved < 1).all() and (saved > 0.98 * shrunk).all()
    np.testing.assert_array_equal(half["h100_sxm"], whole["h100_sxm"])


def test_price_lists_are_set_against_the_answer_only_where_they_say_the_reverse(chapter):
    rows = market.sold(chapter)
    assert "the reverse of our answer" in market.below_cost(chapter)
    first = rows["year"] == rows["year"].min()
    on_gpus, groq = (rows.loc[first & (rows["kind"] == kind), "price"] for kind in ("gpu", "sram"))
    assert groq.min() < on_gpus.min()


def test_what_a_chip_costs_does_not_depend_on_who_else_competes():
    """In 2026 an H200 competes, too; what an H100 costs at the same prices stays."""
    early, late = BOUGHT, question("buyer", 2026)
    assert set(late.contenders) - set(early.contenders) == {"h200_sxm", "b200_sxm"}
    given = {**late.likely, **early.likely}
    one, two = (costs(each, [FRONT, 60.0], given) for each in (early, late))
    for key in early.contenders:
        np.testing.assert_array_equal(one[key], two[key])


# Sentences


@cache
def along(costs, year):
    asked_for = question(costs, year)
    return answers(asked_for, [*SPEEDS, 2500.0], draw(asked_for, 16, SEED))


GRID = [(costs, year) for costs in COSTS for year in show.YEARS]
MONEY = re.compile(r"\$[\d.,]+ per million tokens \(\$[\d.,]+ to \$[\d.,]+\)")


def test_every_word_is_said_somewhere():
    assert {one.word for each in GRID for one in along(*each)} == set(words.VERDICTS)


@pytest.mark.parametrize(("costs", "year"), GRID)
def test_a_sentence_names_the_speed_and_both_costs_or_says_who_cannot(costs, year):
    for one in along(costs, year):
        text = words.answer_in_words(one)
        assert text.startswith(f"**{words.headline(one)}** At {shown(one.speed, 'token/s')} ")
        assert not re.search(r"[{}<>]|\bnan\b|\binf\b|None|  |\.\.", text), text
        assert text.endswith(".")
        able = [np.isfinite(cost).mean() > 0.5 for cost in (one.sram, one.gpu)]
        if one.word == "nobody can":
            assert "no chip that competes keeps up" in text and not MONEY.search(text)
        elif all(able):
            assert len(MONEY.findall(text)) == 2
            assert "on GPUs" in text or "GPUs are" in text
            for cost in (one.sram, one.gpu):
                assert f"{words.money(cost)}" in text
        else:
            alone = one.sram if able[0] else one.gpu
            assert MONEY.findall(text) == [words.money(alone)]
            assert "only" in text or "no SRAM card is to be had" in text


@given(PAIRS)
@settings(max_examples=200)
def test_no_sentence_is_left_unfinished(pairs):
    text = words.answer_in_words(of_pairs(pairs))
    assert not re.search(r"[{}<>]|\bnan\b|\binf\b|None|  |\.\.", text), text


def test_odds_are_said_as_a_reader_counts():
    said = {0: "no sample", 1: "all samples", 0.5: "50 of 100 samples"}
    said |= {0.001: "fewer than 1 of 100 samples", 0.999: "more than 99 of 100 samples"}
    said |= {0.899: "89 of 100 samples", 0.9: "90 of 100 samples"}  # no side is named below 0.9
    assert {share: words.odds(share) for share in said} == said


@pytest.mark.parametrize(("costs", "year"), GRID)
def test_turns_name_the_speeds_at_which_the_word_changes(costs, year):
    found = along(costs, year)
    text = words.turns(question(costs, year), found)
    assert text.startswith(f"For {words.WHOSE[costs]} ")
    for word, last in (("GPU", True), ("SRAM", False), ("nobody can", False)):
        speed = first_speed(found, word, last)
        if 0 < speed < math.inf:
            assert str(shown(speed, "token/s")) in text
    assert ("the SRAM cluster" in text) == (costs != "tenant")


# The figure


def test_the_figures_steps_say_what_the_answer_says(chapter):
    html = BeautifulSoup(show.cost_against_speed(chapter).data, "html.parser")
    data = json.loads(html.select_one("script").string)
    assert list(data["scenes"]) == [f"{whose}-{year}" for _, whose, year in show.SCENES]
    for _, whose, year in show.SCENES:
        steps = data["scenes"][f"{whose}-{year}"]["steps"]
        found = show.along(chapter, whose, year)
        assert (
            [step["at"] for step in steps] == show.speeds(chapter) == [one.speed for one in found]
        )
        for step, one in zip(steps, found, strict=True):
            assert (step["word"], step["sentence"]) == (
                words.headline(one),
                words.sentence(one),
            )
    assert data["start"] == chapter.inputs.target_speed


def test_what_would_change_it_asks_one_thing_at_a_time(chapter):
    page = BeautifulSoup(changes.what_would_change_it(chapter).data, "html.parser")
    rows = [[cell.text for cell in row.select("td")] for row in page.select("tbody tr")]
    assert {name for name, *_ in rows} == {*changes.CHANGES} and len(rows) == len(changes.CHANGES)
    assert rows[0][0] == next(iter(changes.CHANGES))
    assert rows[1:] == sorted(rows[1:], key=lambda row: [float(end) for end in row[1:]])
    for name, gpu, sram in rows:
        until, since, _ = changes.turning(chapter, changes.CHANGES[name])
        assert (float(gpu), float(sram)) == (until, since)
    least, most = min(float(row[1]) for row in rows), max(float(row[2]) for row in rows)
    title = f"In every row the lead changes between {least:.0f} token/s and {most:.0f} token/s"
    assert title in " ".join(page.svg.text.split())


def test_a_side_that_never_leads_has_no_bar_and_no_place_in_the_title():
    short = Chapter(BOOK, "answer", {"samples": 8, "context_length": 64, "output_tokens": 60})
    known = {n: c for n, c in changes.CHANGES.items() if c.get("output_tokens") not in (256, 2048)}
    found = {name: changes.turning(short, change) for name, change in known.items()}
    assert min(gpu for gpu, *_ in found.values()) == 0
    page = BeautifulSoup(changes.what_would_change_it(short).data, "html.parser")
    told = page.svg["aria-label"]
    assert "answers of" not in told  # a request of 64 tokens has none of 256
    for name, (gpu, sram, _) in found.items():
        ends = (f"{gpu:.0f}" if gpu else "never", f"{sram:.0f}" if sram < math.inf else "never")
        assert f"{name}: {ends[0]} and {ends[1]}" in told
    assert "In every row" not in page.svg.text and "Where GPUs lead" in page.svg.text
    leads = sum((gpu > 0) + (sram < math.inf) for gpu, sram, _ in found.values())
    assert len(page.svg.select("g.mark-rect.role-mark path")) == leads


def test_the_rows_about_the_cluster_touch_its_cost_alone():
    values = draw(BOUGHT, 8, SEED)
    whole = costs(BOUGHT, [FRONT], values)
    for rule in ({"sram_cards": 576}, {"sram_cut": 1.0}):
        held = costs(replace(BOUGHT, **rule), [FRONT], values)
        assert (held["groq_lpu"] > whole["groq_lpu"]).all()
        np.testing.assert_array_equal(held["h100_sxm"], whole["h100_sxm"])


# The market


def test_only_measured_speeds_are_held_against_the_answer(chapter):
    table = market.sold(chapter)
    counted = [o for o in offers() if (o.row.size_class, o.row.speed_kind) == ("70B", "measured")]
    assert len(table) == len(counted) > 5
    assert any(o.row.speed_kind == "claimed" and o.output_speed for o in offers())
    for (_, row), offer in zip(table.iterrows(), counted, strict=True):
        assert (row["seller"], row["speed"]) == (offer.row.seller, offer.output_speed)
        assert row["price"] == pytest.approx(offer.output_price + 3 * offer.input_price)


def test_computed_costs_are_medians_of_those_who_reach_the_speed_that_year(chapter):
    table = market.sold(chapter)
    for _, row in table.iterrows():
        for whose in ("buyer", "maker"):
            one = asked(replace(BOUGHT, costs=whose, year=int(row["year"])), [row["speed"]])[0]
            cost = {"gpu": one.gpu, "sram": one.sram}.get(row["kind"])
            able = cost is not None and np.isfinite(cost).mean() > 0.5
            expected = np.quantile(cost[np.isfinite(cost)], 0.5, method="nearest") if able else None
            assert row[whose] == pytest.approx(expected or math.nan, nan_ok=True)


def test_every_offer_is_counted_as_dearer_cheaper_or_too_fast(chapter):
    table, text = market.sold(chapter), market.below_cost(chapter)
    for kind, name in (("gpu", "GPU sellers"), ("sram", "Groq")):
        rows = table[table["kind"] == kind]
        known, fast = rows.dropna(subset="buyer"), rows[rows["buyer"].isna()]
        ratios = known["price"] / known["buyer"]
        said = f"less in {(ratios < 1).sum() or 'none'} of {len(known)} cases"
        assert re.search(rf"{name} asked [^.]*(\.\d[^.]*)* {said}", text)
        for end in (ratios.min(), ratios.max()):
            assert str(shown(end, "ratio", 2)) in text
        for _, row in fast.iterrows():
            assert f"{row['seller']} at {shown(row['speed'], 'token/s')} in {row['timed']}" in text
    guessing = table[table["buyer"].isna() & table["guesses"]]
    assert list(guessing["speed"]) == [catalog.value("groq_llama31_70b.speculative_speed")]
    said = f"{shown(guessing['speed'].iloc[0], 'token/s')} in 2024 (its price is of 2025)"
    assert f"{said}, which guesses tokens ahead" in text


def test_groqs_prices_are_held_against_a_cluster_of_its_own_size_too(chapter):
    groq = market.sold(chapter).query("kind == 'sram'")
    factors = []
    for _, row in groq.iterrows():
        held = replace(BOUGHT, year=int(row["year"]), sram_cards=576)
        cost = asked(held, [row["speed"]])[0].sram
        if np.isfinite(cost).mean() > 0.5:
            cost = cost[np.isfinite(cost)]
            factors.append(row["price"] / np.quantile(cost, 0.5, method="nearest"))
    ends = [str(shown(end, "ratio", 2)) for end in (min(factors), max(factors))]
    assert f"Groq's prices are {ends[0]} to {ends[1]} times" in market.below_cost(chapter)


@pytest.mark.parametrize(("speed", "whose"), [(26.6, True), (60.0, False)])
def test_only_the_articles_speed_is_called_so(speed, whose):
    chapter = open_chapter("answer", {"target_speed": speed, "samples": 8})
    said = show.ratio_here(chapter)
    assert ("the article's own GPUs" in said) == whose
    assert all(str(shown(value, "ratio")) in said for value in (
        chapter.results.median_ratio, chapter.results.low_ratio, chapter.results.high_ratio
    ))  # fmt: skip
