"""What the chapter `uncertainty` must keep: ranges, samples, indices, and break-even values."""

import math
import shutil
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cache

import numpy as np
import pytest
from SALib.analyze import sobol

import plain_answers as again
import plain_machines as plain
from inference_economics import catalog
from inference_economics.answer import question as asking
from inference_economics.answer.odds import SPEEDS, answers
from inference_economics.answer.question import Question, draw
from inference_economics.answer.ranges import COSTS, PRICES, Range, ranges, rows, usual
from inference_economics.answer.sensitivity import break_evens, indices
from inference_economics.book import BOOK
from inference_economics.machines import clusters
from inference_economics.machines.published import published
from inference_economics.quantities import DATA
from inference_economics.worksheets import equal_speed
from inference_economics.worksheets.uncertainty import conclude
from reckoner.declare.tables import DataError, read_rows

CASE = equal_speed.conclude.parameters.base({})
"""The case of the chapter `equal_speed`, in base units."""

SEED = 5
BOUGHT = Question(CASE["model"], CASE["context_length"], CASE["output_tokens"], "buyer", 2024)
"""The chapter's question."""
MACHINES = {row.name: row for row in rows() if not row.chip}
YEARS = (2023, 2024, 2025, 2026)
by_costs = pytest.mark.parametrize("costs", COSTS)


@pytest.fixture(scope="module")
def drawn():
    return draw(BOUGHT, 64, SEED)


# Ranges


def test_most_likely_values_of_the_machines_are_the_declarations():
    for name, row in MACHINES.items():
        assert row.values[1] == pytest.approx(CASE[name]), name


def test_usual_inputs_are_the_declared_defaults():
    found = usual()
    assert {n: v for n, v in found.items() if not isinstance(v, float | int)} == {
        n: v for n, v in CASE.items() if not isinstance(v, float | int)
    }
    for name, value in found.items():
        assert isinstance(value, str | catalog.Record) or value == pytest.approx(CASE[name]), name


def test_every_number_of_the_comparison_has_a_range_or_is_chosen():
    """What is left out is a choice, or in the loss of a layer that a published speed leaves."""
    chosen = {"bytes_per_parameter", "bytes_per_element", "target_speed", "node_cards"}
    chosen |= {"bytes_per_activation", "context_length", "output_tokens"}
    numbers = {p.name for p in equal_speed.conclude.parameters if not isinstance(p.default, str)}
    priced = {name for names in PRICES.values() for name in names}
    fitted = {"bandwidth_share", "hop_latency", "link_bandwidth"}
    assert numbers - chosen - priced - fitted == set(MACHINES)


@by_costs
@pytest.mark.parametrize("year", YEARS)
def test_a_chip_has_all_that_it_costs_or_does_not_compete(costs, year):
    """A price with its host for who owns the card, in dollars for a maker; else a rent."""
    needed = {"tenant": {"rent"}, "maker": {"price", "host"}, "buyer": {"price", "host_share"}}
    found = ranges(costs, year)
    for key in Question(CASE["model"], 4096, 1024, costs, year).contenders:
        assert {row.quantity for row in found.values() if row.chip == key} == needed[costs]


def test_computed_ends_are_what_the_chapters_give():
    unexplained = {row.source: row.unexplained for row in published()}
    least, likely, most = MACHINES["layer_floor"].values
    assert likely == pytest.approx(unexplained["groq_llama2_70b.output_speed"], rel=0.01)
    assert least < unexplained["groq_llama2_7b.output_speed"] < most
    assert most == pytest.approx(unexplained["llmperf_groq.decode_speed"], rel=0.05)
    given = (CASE["engine"], CASE["model"], CASE["gpu"], CASE["bytes_per_parameter"])
    drawn = MACHINES["gpu_time_ratio"].at(np.array([0.05, 0.95]))
    assert drawn == pytest.approx(clusters.interval(*given), abs=0.001)


def test_the_error_of_speed_is_that_of_the_question():
    """A model that the measurements hold is known better than one they do not."""
    shares = np.array([0.0, 0.05, 0.5, 0.95, 1.0])
    found = {}
    for key in ("llama2_70b", "llama31_70b"):
        asked = Question(catalog.model(key), 4096, 1024, "buyer", 2024)
        given = (CASE["engine"], asked.model, CASE["gpu"], CASE["bytes_per_parameter"])
        row = asked.ranges["gpu_time_ratio"]
        found[key] = row.at(shares)
        assert found[key][[1, 3]] == pytest.approx(clusters.interval(*given))
        assert (found[key][0], found[key][-1]) == row.bounds
    assert found["llama31_70b"][3] < found["llama2_70b"][3]


GOOD = {
    "name": "groq_lpu.price",
    "costs": "buyer",
    "year": "2023",
    "label": "price",
    "low": "1000",
    "likely": "6000",
    "high": "20000",
    "unit": "USD",
    "distribution": "logtriangular",
    "reason": "a reason",
    "source": "a source",
}
OF_FLOOR = {"name": "layer_floor", "costs": "", "year": "", "unit": "us"}
FAULTS = (
    ({"high": "500"}, "low", "do not rise within the bounds of groq_lpu.price"),
    ({"low": "-5"}, "low", "do not rise within the bounds"),
    ({"low": "no.such_row"}, "low, likely or high", "no.such_row"),
    ({"low": "6000", "high": "6000"}, "low", "do not rise"),
    ({"likely": "default"}, "low, likely or high", "default"),
    (
        {"name": "groq_lpu.prize"},
        "name",
        "expected a chip and one of price, host_share, host, rent",
    ),
    ({"name": "groq_lqu.price"}, "name", "expected a chip and one of price"),
    ({"costs": ""}, "costs", "a price says whose it is and from which year on"),
    ({"year": ""}, "costs", "a price says whose it is and from which year on"),
    ({"year": "lately"}, "year", "should match"),
    ({"costs": "thief"}, "costs", "'maker', 'buyer' or 'tenant'"),
    ({"distribution": "normal"}, "distribution", "'triangular'"),
    ({"unit": "furlongs"}, "unit", "furlongs"),
    ({"name": "card_prize"}, "name", "equal_speed has no input 'card_prize'"),
    ({**OF_FLOOR, "low": "0", "likely": "default", "high": "60"}, "low", "no logarithm"),
    ({**OF_FLOOR, "low": "30", "likely": "40", "high": "2000"}, "low", "the bounds of layer_floor"),
)


def written(folder, *cells):
    path = folder / "ranges.csv"
    lines = [",".join(row[name] for name in Range.model_fields) for row in cells]
    path.write_text("\n".join([",".join(Range.model_fields), *lines]), encoding="utf-8")
    return path


@pytest.mark.parametrize(("change", "column", "message"), FAULTS)
def test_a_wrong_range_is_refused_with_its_line_and_column(tmp_path, change, column, message):
    path = written(tmp_path, GOOD, GOOD | change)
    with pytest.raises(DataError, match=r"ranges\.csv, line 3") as caught:
        read_rows(path, Range)
    assert column in str(caught.value) and message in str(caught.value)


def test_a_good_range_is_read(tmp_path):
    (row,) = read_rows(written(tmp_path, GOOD), Range)
    assert row.values == (1000, 6000, 20000)


def test_a_name_stands_once_for_costs_and_year(tmp_path):
    path = tmp_path / "ranges.csv"
    shutil.copy(DATA / "ranges.csv", path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text + text.splitlines()[-1] + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="stands once"):
        read_rows(path, Range, unique=("id",))
    others = [GOOD, GOOD | {"costs": "maker"}, GOOD | {"year": "2024"}]
    assert len(read_rows(written(tmp_path, *others), Range, unique=("id",))) == 3


# Distributions


BOUNDED = [row for row in rows() if row.distribution != "logstudent"]


@pytest.mark.parametrize("row", BOUNDED, ids=lambda row: "-".join(filter(None, row.id)))
def test_distribution_keeps_its_range(row):
    shares = np.linspace(0, 1, 1001)
    values = row.at(shares)
    low, likely, high = row.values
    assert low <= likely <= high and low < high
    assert row.bounds[0] <= low and high <= row.bounds[1]
    assert values[0] == pytest.approx(low) and values[-1] == pytest.approx(high)
    assert np.all(np.diff(values) >= 0)


def test_a_triangle_has_its_mean_and_its_peak():
    row = MACHINES["chip_power"]
    values = row.at((np.arange(100_000) + 0.5) / 100_000)
    assert np.mean(values) == pytest.approx(sum(row.values) / 3, rel=1e-6)
    counts, edges = np.histogram(values, 60)
    peak = edges[np.argmax(counts)]
    assert peak == pytest.approx(row.values[1], rel=0.03)


def test_the_distribution_of_the_model_of_speed_is_that_of_scipy():
    row, shares = BOUGHT.ranges["gpu_time_ratio"], np.linspace(0.01, 0.99, 99)
    again_row = again.known("buyer", 2024)["gpu_time_ratio"]
    np.testing.assert_allclose(row.at(shares), again.at(again_row, shares, CASE))


@pytest.mark.parametrize("kind", ["uniform", "loguniform", "triangular", "logtriangular"])
def test_each_distribution_is_that_of_scipy(tmp_path, kind):
    (row,) = read_rows(written(tmp_path, GOOD | {"distribution": kind}), Range)
    shares = np.linspace(0, 1, 101)
    expected = again.at({**GOOD, "distribution": kind}, shares, CASE)
    np.testing.assert_allclose(row.at(shares), expected)


# Samples


def test_samples_are_reproducible(drawn):
    same, other = draw(BOUGHT, 64, SEED), draw(BOUGHT, 64, SEED + 1)
    for name, values in drawn.items():
        assert np.array_equal(values, same[name])
        assert not np.array_equal(values, other[name])
    assert list(drawn) == list(BOUGHT.ranges)
    assert {len(values) for values in drawn.values()} == {64 * (len(BOUGHT.ranges) + 2)}


def test_costs_of_samples_are_those_of_the_chapter_before(drawn):
    """One sample at a time, through that chapter's own conclusion."""
    speeds = (30.0, 120.0)
    found = asking.costs(BOUGHT, speeds, drawn, clusters.GROWTH)
    assert set(found) == {"groq_lpu", "h100_sxm"}
    for index in (0, 17, 500):
        one = {name: float(values[index]) for name, values in drawn.items()}
        prices = {
            name: one.pop(f"{key}.{quantity}")
            for quantity in ("price", "host_share")
            for key, name in zip(("groq_lpu", "h100_sxm"), PRICES[quantity], strict=True)
        }
        for place, speed in enumerate(speeds):
            expected = equal_speed.conclude(**{**CASE, **one, **prices, "target_speed": speed})
            assert found["groq_lpu"][place, index] == pytest.approx(expected.cost)
            assert found["h100_sxm"][place, index] == pytest.approx(expected.gpu_cost)


def test_a_rented_gpu_costs_its_rent_in_busy_hours_and_no_more():
    """The same seconds of work as a bought one, at another rate; electricity is in the rent."""
    rented = replace(BOUGHT, costs="tenant")
    values = draw(rented, 8, SEED)
    work = {n: v for n, v in values.items() if n in MACHINES}
    prices = {"h100_sxm.price": 30000.0, "h100_sxm.host_share": 0.125}
    prices |= {"groq_lpu.price": 6000.0, "groq_lpu.host_share": 0.125}
    bought = asking.machines(BOUGHT, {**work, **prices})["h100_sxm"]
    (machine,) = asking.machines(rented, values).values()
    expected = bought.card_seconds(30.0) * values["h100_sxm.rent"] / values["busy_share"]
    np.testing.assert_allclose(machine.cost(30.0), expected)
    dearer = asking.machines(rented, {**values, "electricity_price": 1.0})["h100_sxm"]
    np.testing.assert_array_equal(dearer.cost(30.0), machine.cost(30.0))


def test_coarser_batches_change_little(drawn):
    coarse, fine = (
        answers(BOUGHT, [30.0], drawn, growth)[0].part for growth in (asking.GROWTH, 1.05)
    )
    assert np.mean(np.abs(coarse - fine)) < 0.02


def test_samples_try_few_options():
    """What makes many samples quick: each tries a third of what the chapter before tries."""
    counts = [
        sum(len(machine.options.card_seconds) for machine in clusters.machines(growth, **CASE))
        for growth in (asking.GROWTH, clusters.GROWTH)
    ]
    assert counts[0] < counts[1] / 2


# What decides


def test_indices_find_the_inputs_of_a_known_function():
    """A sum of two inputs, one with twice the other's spread: four fifths, one fifth, no more."""
    values = draw(BOUGHT, 1024, SEED)
    one, two = (values[name] - values[name].mean() for name in ("load", "gpu_time_ratio"))
    result = one / np.std(one) + 2 * two / np.std(two)
    table = indices(BOUGHT, result, SEED).set_index("name")
    assert list(table.index[:2]) == ["gpu_time_ratio", "load"]
    assert table["first"].iloc[:2].tolist() == pytest.approx([0.8, 0.2], abs=0.08)
    assert table["total"].iloc[2:].abs().max() < 1e-9


def test_indices_are_those_of_salib_for_the_names(drawn):
    part = answers(BOUGHT, [26.6], drawn)[0].part
    table = indices(BOUGHT, part, SEED)
    found = sobol.analyze(BOUGHT.design, part, calc_second_order=False, seed=SEED)
    for column, key in (("first", "S1"), ("first_width", "S1_conf"), ("total", "ST")):
        expected = dict(zip(BOUGHT.ranges, found[key], strict=True))
        assert dict(zip(table["name"], table[column], strict=True)) == pytest.approx(expected)
    assert [BOUGHT.ranges[name].label for name in table["name"]] == list(table["label"])
    other = indices(BOUGHT, part, SEED + 1)
    assert not np.array_equal(table["first_width"], other["first_width"])


def test_indices_sum_to_no_more_than_the_whole():
    part = answers(BOUGHT, [26.6], draw(BOUGHT, 512, SEED))[0].part
    table = indices(BOUGHT, part, SEED)
    assert table["first"].sum() <= 1 + table["first_width"].max()
    assert table["total"].sum() >= 1 - table["total_width"].max()
    lower = table["total"] + table["total_width"] + table["first_width"]
    assert np.all(lower >= table["first"])
    assert np.all(np.diff(table["total"]) <= 0)


def test_where_nothing_varies_nothing_decides(drawn):
    table = indices(BOUGHT, np.full_like(drawn["load"], 0.5), SEED)
    assert not table[["first", "first_width", "total", "total_width"]].to_numpy().any()


def test_what_weighs_on_both_chips_alike_decides_nothing():
    part = answers(BOUGHT, [26.6], draw(BOUGHT, 256, SEED))[0].part
    table = indices(BOUGHT, part, SEED).set_index("name")
    for name in ("lifetime", "busy_share", "overhead", "electricity_price"):
        assert table.loc[name, "total"] < 0.02
    assert table.index[0] == "groq_lpu.price"


# Break-even


EVEN_SPEEDS = (26.6, 75.0)


@pytest.fixture(scope="module")
def evens():
    return break_evens(BOUGHT, EVEN_SPEEDS)


def likely_costs(speed, growth=1.1, question=BOUGHT, **change):
    """What both cost with all at its most likely but for what is changed."""
    known = again.known(question.costs, question.year)
    given = again.likely(known, CASE) | change
    return [cost.item() for cost in again.both(known, CASE, [given], [speed], growth)]


def test_break_even_makes_the_costs_equal(evens):
    """Exactly for prices; for what moves a frontier's steps, within one step."""
    assert {even.name for even in evens} == set(BOUGHT.ranges)
    for even in evens:
        if even.value is None:
            continue
        sram, gpu = likely_costs(even.speed, **{even.name: even.value})
        exact = "." in even.name or even.name == "chip_power"
        assert sram == pytest.approx(gpu, rel=1e-3 if exact else 0.15), even


def test_break_even_price_is_that_of_the_chapter_before(evens):
    found = next(e for e in evens if (e.name, e.speed) == ("groq_lpu.price", 26.6))
    prices = {"card_price": 20000.0}  # what a host costs is a share of the card's price
    prices |= {
        name: BOUGHT.likely[f"{key}.{quantity}"]
        for quantity in ("price", "host_share")
        for key, name in zip(("groq_lpu", "h100_sxm"), PRICES[quantity], strict=True)
    }
    expected = equal_speed.conclude(**{**CASE, **prices, "target_speed": 26.6}).break_even_price
    assert found.value == pytest.approx(expected, rel=1e-4)


def test_never_means_never(evens):
    nothing = [even for even in evens if even.value is None]
    assert nothing
    for even in nothing:
        for end in BOUGHT.ranges[even.name].values:
            sram, gpu = likely_costs(even.speed, **{even.name: end})
            assert (sram < gpu) == even.likely_cheaper, even


# The conclusion


@cache
def of_few(**given):
    return BOOK.conclude("uncertainty", {"samples": 8, **given}).results


def test_conclusion_is_reproducible_and_consistent():
    given = {"samples": 64, "seed": 3}
    one, same = (BOOK.conclude("uncertainty", given).results for _ in range(2))
    assert np.array_equal([*vars(one).values()], [*vars(same).values()], equal_nan=True)
    assert one.low_ratio < one.median_ratio < one.high_ratio
    assert (one.median_ratio < 1) == (one.sram_odds > 0.5)
    assert one.rows == 64 * (one.inputs + 2)


def test_likely_ratio_is_that_of_the_chapter_before_at_these_prices():
    likely = {n.partition(".")[2]: v for n, v in BOUGHT.likely.items() if "groq_lpu" in n}
    given = {**CASE, "card_price": likely["price"], "host_share": likely["host_share"]}
    given["gpu_price"] = catalog.value("h100_sxm.price")
    assert of_few().likely_ratio == pytest.approx(equal_speed.conclude(**given).cost_ratio)


def test_sram_is_surer_the_faster_users_are_served():
    odds = [of_few(target_speed=speed).sram_odds for speed in (10.0, 60.0, 85.0, 160.0)]
    assert odds == sorted(odds)
    assert odds[0] < 0.1 < 0.9 < odds[-1]


def test_where_neither_serves_nobody_wins():
    found = of_few(target_speed=9000.0)
    assert found.nobody == 1
    empty = ("sram_odds", "gpu_odds", "sram_cost", "gpu_cost", "median_ratio", "likely_ratio")
    assert all(math.isnan(getattr(found, name)) for name in empty)


# Every result a second time

CASES = {
    "at the chapter's speed": ("llama2_70b", 37.0, 8, 11, {}),
    "with experts and other prices": ("mixtral_8x7b", 71.0, 4, 2029, {"costs": "maker"}),
    "where some samples have no chip": ("llama2_70b", 290.0, 8, 3, {"year": 2026}),
    "where no likely chip is": ("llama2_70b", 417.0, 4, 5, {}),
    "where no SRAM card is": ("llama31_8b", 90.0, 4, 7, {"costs": "tenant", "year": 2026}),
}


def even_price(known, sram, gpu):
    """The price of an SRAM card at which both cost the same, all else at its most likely."""
    if math.inf in (sram, gpu):
        return math.nan
    given = {**CASE, **known}
    with_card, without = (again.rate("groq_lpu", given | {"groq_lpu.price": p}) for p in (1.0, 0.0))
    work = sram / again.rate("groq_lpu", given)
    return (gpu / work - without) / (with_card - without)


def even_floor(case, known, gpu):
    """The time lost in each layer at which both cost the same, between those allowed."""
    if "groq_lpu.price" not in known:
        return math.nan
    low, high = 0.0, 1e-3
    given = {**case, **known}

    def cheaper(floor):
        work = plain.least(plain.sram_ways(given, floor), case["target_speed"])
        return again.rate("groq_lpu", given) * work < gpu

    if math.isinf(gpu) or not cheaper(low) or cheaper(high):
        return math.nan
    for _ in range(32):
        middle = (low + high) / 2
        low, high = (middle, high) if cheaper(middle) else (low, middle)
    return low


def cheapest(ways, speed):
    """Requests, cards and speed of the way with the least work, of those that are fast enough."""
    able = [(work, batch, cards, fast) for fast, work, batch, cards in ways if fast >= speed]
    return min(able)[1:] if able else (math.nan, math.nan, math.nan)


def way_on_sram(case, known, cost):
    found = math.nan, math.nan, math.nan
    if cost < math.inf:
        given = {**case, **known}
        ways = [
            (fast, work, batch, round(work * fast * batch))
            for width in (1, 2, 4, 8, 16, 32, 64)
            for batch in plain.batches(16384, 1.1)
            for fast, work in [plain.sram_way(given, given["layer_floor"], width, batch)]
        ]
        found = cheapest(ways, case["target_speed"])
    return dict(zip(("sram_requests", "sram_cards", "sram_speed"), found, strict=True))


def way_on_gpus(case, known, at_likely, cost):
    found = math.nan, math.nan
    if cost < math.inf:
        chips = {again.chip_of(name) for name in known} - {"", *again.SRAM}
        ways = [
            (fast, again.rate(key, {**case, **at_likely}) * work, batch, width)
            for key in chips
            for width in (1, 2, 4, 8)
            for batch in plain.batches(1024, 1.1)
            for fast, work in [plain.gpu_way({**case, "gpu": catalog.chip(key)}, width, batch)]
        ]
        found = cheapest(ways, case["target_speed"])
    return dict(zip(("gpu_requests", "gpu_cards"), found, strict=False))


def spoken(words, shares, least, word, last=False):
    """Where a word is first said, or last: on the line of its shares, at two digits of its side."""
    said = [place for place, each in enumerate(words) if each == word]
    if not said:
        return 0.0 if last else math.inf
    here = said[-1 if last else 0]
    there = here + (1 if last else -1)
    speed = SPEEDS[here]
    if 0 <= there < len(SPEEDS) and shares[there] < least:
        line = [shares[there], shares[here]], np.log([SPEEDS[there], SPEEDS[here]])
        speed = math.exp(np.interp(least, *line))
    exact = Decimal(f"{speed:.9g}")
    step = Decimal(10) ** (exact.adjusted() - 1)
    return float((exact / step).to_integral_value(ROUND_FLOOR if last else ROUND_CEILING) * step)


def second(case, costs, year, number, seed):
    """Every result of the worksheet, and what else its lines hold, from plain samples."""
    speed = case["target_speed"]
    known = again.known(costs, year)
    problem, drawn = again.samples(known, number, seed, case)
    sram, gpu = again.both(known, case, drawn, [speed, *SPEEDS])
    here, pairs = (sram[:, 0], gpu[:, 0]), list(zip(sram[:, 0], gpu[:, 0], strict=True))
    able = [pair for pair in pairs if min(pair) < math.inf]
    parts = [0.5 if min(p) == math.inf else 1 / (1 + again.over(*p[::-1])) for p in pairs]
    decides = {"S1": np.zeros(1), "ST": np.zeros(1), "S1_conf": np.zeros(1)}
    if np.ptp(parts):
        decides = sobol.analyze(problem, np.array(parts), calc_second_order=False, seed=seed)
    top = np.argmax(decides["ST"])
    at_likely = again.likely(known, case)
    best, small = (
        [cost.item() for cost in again.both(known, of, [at_likely], [speed], 1.1)]
        for of in (case, {**case, "most_cards": 576})
    )
    along = list(zip(sram.T, gpu.T, strict=True))[1:]
    words = [again.word(one, other) for one, other in along]
    wins, nobody = zip(*(again.shares(one, other) for one, other in along), strict=True)
    losses = [1 - share for share in wins]
    decided, most = (catalog.value(f"answer.{name}_share") for name in ("decided", "nobody"))
    odds = sum(one < other for one, other in able) / len(able) if able else math.nan
    finite = [[cost for cost in side if cost < math.inf] for side in here]
    of_ratios = again.ratios(*here)
    ends = {"": 0.5, "_low": 0.05, "_high": 0.95}
    return {
        "rows": number * (len(known) + 2),
        "inputs": len(known),
        "sram_odds": odds,
        "gpu_odds": 1 - odds,
        "nobody": 1 - len(able) / len(pairs),
        "comparable": sum(0.75 <= r <= 1.25 for r in of_ratios) / len(able) if able else math.nan,
        **{f"sram_cost{end}": again.quantile(finite[0], share) for end, share in ends.items()},
        **{f"gpu_cost{end}": again.quantile(finite[1], share) for end, share in ends.items()},
        "median_ratio": again.quantile(of_ratios, 0.5),
        "low_ratio": again.quantile(of_ratios, 0.05),
        "high_ratio": again.quantile(of_ratios, 0.95),
        "likely_ratio": again.over(*best) if min(best) < math.inf else math.nan,
        **way_on_sram(case, at_likely, best[0]),
        **way_on_gpus(case, known, at_likely, best[1]),
        "gpu_until": spoken(words, losses, decided, "GPU", last=True),
        "sram_from": spoken(words, wins, decided, "SRAM"),
        "nobody_from": spoken(words, nobody, most, "nobody can"),
        "top_first": decides["S1"][top],
        "top_total": decides["ST"][top],
        "sum_first": sum(decides["S1"]),
        "break_even_floor": even_floor(case, at_likely, best[1]),
        "break_even_price": even_price(at_likely, *best),
        "small_break_even_price": even_price(at_likely, *small),
        "likely_part": 1 / (1 + again.over(*best[::-1])) if min(best) < math.inf else math.nan,
    }, decides["S1_conf"][top]


@pytest.mark.parametrize("which", CASES)
def test_every_result_is_computed_a_second_time(which):
    key, speed, number, seed, asked = CASES[which]
    asked = {"costs": "buyer", "year": 2024, **asked}
    work = {"model": catalog.model(key), "context_length": 3001, "output_tokens": 701}
    case = {**CASE, **work, "target_speed": speed}
    expected, width = second(case, **asked, number=number, seed=seed)
    run = conclude.run(**work, target_speed=speed, samples=number, seed=seed, **asked)
    found = vars(run.results)
    assert list(found) == list(expected)
    for name, value in expected.items():
        near = 1e-5 if "break_even" in name else 1e-9
        assert found[name] == pytest.approx(value, rel=near, abs=1e-12, nan_ok=True), name
    assert run.lines["decides"]["first_width"][0] == pytest.approx(width, rel=1e-9)
