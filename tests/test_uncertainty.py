"""What the chapter `uncertainty` must keep: ranges, samples, indices, and break-even values."""

import math
import shutil

import numpy as np
import pytest
from inference_economics.sampling import outcomes
from inference_economics.sampling.break_even import break_evens
from inference_economics.sampling.ranges import Range, ranges
from SALib.analyze import sobol
from SALib.sample import sobol as sobol_sample
from scipy import stats

import plain_machines as plain
from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.machines import clusters
from inference_economics.machines.published import published
from inference_economics.quantities import DATA
from inference_economics.worksheets import equal_speed
from inference_economics.worksheets.uncertainty import conclude
from reckoner.declare.tables import DataError, read_rows

CASE = equal_speed.conclude.parameters.base({})
"""The case of the chapter before, in base units."""

MODEL = CASE["model"]
SEED = 5
ROWS = {row.parameter: row for row in ranges()}


@pytest.fixture(scope="module")
def draws():
    return outcomes.draw(64, SEED)


# Ranges


def test_most_likely_values_are_the_declarations():
    for row in ranges():
        assert row.values[1] == pytest.approx(CASE[row.parameter]), row.parameter


def test_every_number_of_the_comparison_has_a_range_or_is_chosen():
    """What is left out is a choice of the design, not something that one does not know."""
    chosen = {"bytes_per_parameter", "bytes_per_element", "target_speed", "node_cards"}
    chosen |= {"bytes_per_activation"}
    numbers = {p.name for p in equal_speed.conclude.parameters if not isinstance(p.default, str)}
    assert numbers - chosen == set(ROWS)


def test_computed_ends_are_what_the_chapters_give():
    unexplained = {row.source: row.unexplained for row in published()}
    assert ROWS["layer_floor"].values[2] == pytest.approx(
        unexplained["llmperf_groq.output_speed"], rel=0.01
    )
    case = equal_speed.conclude.parameters.base({})
    given = (case["engine"], case["model"], case["gpu"], case["bytes_per_parameter"])
    low, _, high = ROWS["gpu_time_ratio"].values
    ends = clusters.interval(*given)
    assert (low, high) == pytest.approx(ends, abs=0.02)


FAULTS = {
    "card_price,price,1000,default,500,": "do not rise",
    "card_price,price,-5,default,20000,": "do not rise",
    "card_price,price,1000,default,no.such_row,": "low, likely or high",
    "card_prize,price,1000,default,20000,": "no parameter 'card_prize'",
    "layer_floor,floor,0,default,60,": "no logarithm",
}


@pytest.mark.parametrize(("start", "message"), FAULTS.items())
def test_a_wrong_range_is_refused_with_its_line(tmp_path, start, message):
    path = tmp_path / "ranges.csv"
    unit = "us" if start.startswith("layer") else "USD"
    path.write_text(
        ",".join(Range.model_fields) + f"\n{start}{unit},logtriangular,a reason,a source\n"
    )
    with pytest.raises(DataError, match=r"ranges\.csv, line 2") as caught:
        read_rows(path, Range)
    assert message in str(caught.value)


def test_a_parameter_stands_once(tmp_path):
    path = tmp_path / "ranges.csv"
    shutil.copy(DATA / "ranges.csv", path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text + text.splitlines()[-1] + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="stands once"):
        read_rows(path, Range, unique=("parameter",))


# Distributions


@pytest.mark.parametrize("row", ranges(), ids=lambda row: row.parameter)
def test_distribution_keeps_its_range(row):
    shares = np.linspace(0, 1, 1001)
    values = row.at(shares)
    low, _, high = row.values
    assert values[0] == pytest.approx(low) and values[-1] == pytest.approx(high)
    assert np.all(np.diff(values) >= 0)


def test_a_triangle_has_its_mean_and_its_peak():
    row = ROWS["gpu_time_ratio"]
    values = row.at((np.arange(100_000) + 0.5) / 100_000)
    assert np.mean(values) == pytest.approx(sum(row.values) / 3, rel=1e-6)
    counts, edges = np.histogram(values, 60)
    peak = edges[np.argmax(counts)]
    assert peak == pytest.approx(row.values[1], abs=0.03)


# Samples


def test_samples_are_reproducible(draws):
    again, other = outcomes.draw(64, SEED), outcomes.draw(64, SEED + 1)
    for name, values in draws.items():
        assert np.array_equal(values, again[name])
        assert not np.array_equal(values, other[name])
    assert len(draws["load"]) == 64 * (len(ROWS) + 2)


def test_costs_of_samples_are_those_of_the_chapter_before(draws):
    """One sample at a time, through that chapter's own conclusion."""
    cost, gpu_cost = outcomes.costs(MODEL, [30.0, 120.0], draws, clusters.GROWTH)
    for index in (0, 17, 500):
        one = {name: float(values[index]) for name, values in draws.items()}
        for place, speed in enumerate((30.0, 120.0)):
            found = equal_speed.conclude(**{**CASE, **one, "target_speed": speed})
            assert cost[place, index] == pytest.approx(found.cost)
            assert gpu_cost[place, index] == pytest.approx(found.gpu_cost)


def test_coarser_batches_change_little(draws):
    coarse, fine = (
        outcomes.part_of_cost(*outcomes.costs(MODEL, [30.0], draws, growth))
        for growth in (outcomes.GROWTH, 1.05)
    )
    assert np.mean(np.abs(coarse - fine)) < 0.02


def test_part_of_cost_at_its_ends():
    cost = np.array([1.0, 1.0, np.inf, np.inf])
    gpu_cost = np.array([3.0, np.inf, 1.0, np.inf])
    assert outcomes.part_of_cost(cost, gpu_cost).tolist() == [0.25, 0.0, 1.0, 0.5]
    low, median, high = outcomes.quantiles_of_ratio(cost, gpu_cost, (0.0, 0.5, 1.0))
    assert (low, median, high) == (0, pytest.approx(1 / 3), math.inf)
    nothing = np.array([np.inf])
    assert np.isnan(outcomes.quantiles_of_ratio(nothing, nothing, (0.5,))).all()


# What decides


def test_indices_find_the_inputs_of_a_known_function():
    """A sum of two inputs, one with twice the other's spread: four fifths, one fifth, no more."""
    shares = {
        name: (values - ROWS[name].values[0]) / (ROWS[name].values[2] - ROWS[name].values[0])
        for name, values in outcomes.draw(1024, SEED).items()
        if ROWS[name].distribution == "uniform" or name == "gpu_time_ratio"
    }
    one, two = (values - values.mean() for values in shares.values())
    result = one / np.std(one) + 2 * two / np.std(two)
    table = outcomes.indices(result, SEED).set_index("parameter")
    names = list(shares)
    assert table.loc[names[1], "first"] == pytest.approx(0.8, abs=0.08)
    assert table.loc[names[0], "first"] == pytest.approx(0.2, abs=0.08)
    assert table["total"].drop(names).abs().max() < 1e-9


def test_indices_sum_to_no_more_than_the_whole():
    draws = outcomes.draw(512, SEED)
    part = outcomes.part_of_cost(*outcomes.costs(MODEL, [26.6], draws))[0]
    table = outcomes.indices(part, SEED)
    assert table["first"].sum() <= 1 + table["first_width"].max()
    assert table["total"].sum() >= 1 - table["total_width"].max()
    lower = table["total"] + table["total_width"] + table["first_width"]
    assert np.all(lower >= table["first"])
    assert np.all(np.diff(table["total"]) <= 0)


def test_what_weighs_on_both_chips_alike_decides_nothing():
    table = outcomes.indices(
        outcomes.part_of_cost(*outcomes.costs(MODEL, [26.6], outcomes.draw(256, SEED)))[0],
        SEED,
    ).set_index("parameter")
    for name in ("lifetime", "busy_share", "overhead", "electricity_price"):
        assert table.loc[name, "total"] < 0.02
    assert table.index[0] == "card_price"


# Break-even


SPEEDS = (26.6, 75.0)
PRICES = ("card_price", "gpu_price", "host_share", "gpu_host_share", "chip_power")


@pytest.fixture(scope="module")
def evens():
    return break_evens(MODEL, SPEEDS)


def test_break_even_makes_the_costs_equal(evens):
    """Exactly for prices; for what moves a frontier's steps, within one step."""
    for even in evens:
        if even.value is None:
            continue
        change = {even.parameter: even.value, "target_speed": even.target_speed}
        cost, gpu_cost = plain.costs({**CASE, **change})
        ratio = cost / gpu_cost
        tolerance = 1e-3 if even.parameter in PRICES else 0.15
        assert ratio == pytest.approx(1, rel=tolerance), even


def test_break_even_price_is_that_of_the_chapter_before(evens):
    found = next(e for e in evens if (e.parameter, e.target_speed) == ("card_price", 26.6))
    expected = BOOK.conclude("equal_speed", {"target_speed": 26.6}).results.break_even_price
    assert found.value == pytest.approx(expected, rel=1e-3)


def test_never_means_never(evens):
    nothing = [even for even in evens if even.value is None]
    assert nothing
    for even in nothing:
        for end in ROWS[even.parameter].values:
            change = {even.parameter: end, "target_speed": even.target_speed}
            cost, gpu_cost = plain.costs({**CASE, **change})
            assert (cost < gpu_cost) == even.likely_cheaper, even


# The conclusion


def test_conclusion_is_reproducible_and_consistent():
    given = {"samples": 64, "seed": 3}
    one, again = (BOOK.conclude("uncertainty", given).results for _ in range(2))
    assert one == again
    assert one.low_ratio < one.median_ratio < one.high_ratio
    assert (one.median_ratio < 1) == (one.share_cheaper > 0.5)
    assert one.rows == 64 * (one.inputs + 2)


def test_likely_ratio_is_that_of_the_chapter_before():
    found = BOOK.conclude("uncertainty", {"samples": 8}).results.likely_ratio
    assert found == pytest.approx(BOOK.conclude_by_default("equal_speed").results.cost_ratio)


def test_sram_is_surer_the_faster_users_are_served():
    shares = [
        BOOK.conclude("uncertainty", {"samples": 64, "target_speed": speed}).results.share_cheaper
        for speed in (10.0, 30.0, 60.0, 120.0)
    ]
    assert shares == sorted(shares)
    assert shares[0] < 0.5 < 0.95 < shares[-1]


def test_where_neither_serves_nobody_wins():
    found = BOOK.conclude("uncertainty", {"samples": 8, "target_speed": 9000.0}).results
    assert (found.share_neither, found.share_cheaper) == (1, 0)
    assert math.isnan(found.median_ratio)


def test_samples_try_few_options():
    """What makes many samples quick: each tries a third of what the chapter before tries."""
    counts = [
        sum(len(machine.options.card_seconds) for machine in clusters.machines(growth, **CASE))
        for growth in (outcomes.GROWTH, clusters.GROWTH)
    ]
    assert counts[0] < counts[1] / 2


# Every result a second time

CASES = {
    "at the chapter's speed": ("llama2_70b", 37.0, 8, 11),
    "with experts": ("mixtral_8x7b", 71.0, 4, 2029),
    "where some samples have no chip": ("llama2_70b", 290.0, 8, 3),
    "where no likely chip is": ("llama2_70b", 417.0, 4, 5),
}


def samples_again(number, seed):
    """Saltelli's samples by SALib, through the distributions of SciPy."""
    names = list(ROWS)
    problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
    shares = sobol_sample.sample(problem, number, calc_second_order=False, seed=seed).T
    return problem, {name: at(ROWS[name], share) for name, share in zip(names, shares, strict=True)}


def at(row, share):
    low, likely, high = row.values
    if row.distribution.startswith("log"):
        low, likely, high = np.log(row.values)
    width = high - low
    if row.distribution.endswith("uniform"):
        found = stats.uniform.ppf(share, low, width)
    else:
        found = stats.triang.ppf(share, (likely - low) / width, low, width)
    return np.exp(found) if row.distribution.startswith("log") else found


def quantile(ratios, share):
    """The nearest of the ratios; none if there are none."""
    ordered = sorted(ratios)
    return ordered[round(share * (len(ordered) - 1))] if ordered else math.nan


def even_price(case, gpu_cost):
    """The price of a card at which SRAM costs what GPUs do."""
    rate, _ = plain.card_rates(case)
    without_card, _ = plain.card_rates({**case, "card_price": 0.0})
    work = plain.costs(case)[0] / rate
    if math.inf in (work, gpu_cost):
        return math.nan
    return case["card_price"] * (gpu_cost / work - without_card) / (rate - without_card)


def even_floor(case, gpu_cost):
    """The time lost in each layer at which SRAM costs what GPUs do, between those allowed."""
    low, high = 0.0, 1e-3
    rate, _ = plain.card_rates(case)

    def cheaper(floor):
        return rate * plain.least(plain.sram_ways(case, floor), case["target_speed"]) < gpu_cost

    if math.isinf(gpu_cost) or not cheaper(low) or cheaper(high):
        return math.nan
    for _ in range(32):
        middle = (low + high) / 2
        low, high = (middle, high) if cheaper(middle) else (low, middle)
    return low


@pytest.mark.parametrize("which", CASES)
def test_every_result_is_computed_a_second_time(which):
    key, speed, number, seed = CASES[which]
    case = {**CASE, "model": catalog.model(key), "target_speed": speed}
    problem, drawn = samples_again(number, seed)
    rows = [dict(zip(drawn, values, strict=True)) for values in zip(*drawn.values(), strict=True)]
    pairs = [plain.costs({**case, **row}, growth=1.3) for row in rows]
    possible = [pair for pair in pairs if min(pair) < math.inf]
    ratios = [over(*pair) for pair in possible]
    parts = np.array([0.5 if min(p) == math.inf else 1 / (1 + over(*p[::-1])) for p in pairs])
    found_again = {"S1": np.zeros(1), "ST": np.zeros(1)}
    if np.ptp(parts):
        found_again = sobol.analyze(problem, parts, calc_second_order=False, seed=seed)
    top = np.argmax(found_again["ST"])
    likely = plain.costs(case)
    expected = {
        "rows": number * (len(ROWS) + 2),
        "inputs": len(ROWS),
        "share_cheaper": sum(cost < gpu_cost for cost, gpu_cost in pairs) / len(pairs),
        "share_comparable": sum(0.75 <= ratio <= 1.25 for ratio in ratios) / len(pairs),
        "share_neither": 1 - len(possible) / len(pairs),
        "median_ratio": quantile(ratios, 0.5),
        "low_ratio": quantile(ratios, 0.05),
        "high_ratio": quantile(ratios, 0.95),
        "likely_ratio": over(*likely) if min(likely) < math.inf else math.nan,
        "top_first": found_again["S1"][top],
        "top_total": found_again["ST"][top],
        "sum_first": sum(found_again["S1"]),
        "break_even_floor": even_floor(case, likely[1]),
        "break_even_price": even_price(case, likely[1]),
    }
    run = conclude.run(model=case["model"], target_speed=speed, samples=number, seed=seed)
    found = vars(run.results)
    assert list(found) == list(expected)
    for name, value in expected.items():
        near = 1e-5 if name.startswith("break_even") else 1e-9
        assert found[name] == pytest.approx(value, rel=near, abs=1e-12, nan_ok=True), name
    if np.ptp(parts):
        width = run.lines["decides"]["first_width"][0]
        assert width == pytest.approx(found_again["S1_conf"][top], rel=1e-9)
    part = 1 / (1 + over(*likely[::-1])) if min(likely) < math.inf else None
    assert run.lines["likely_part"] == (part and pytest.approx(part))


def over(one, other):
    return math.inf if other == 0 else one / other
