"""What the chapter `uncertainty` must keep: ranges, samples, indices, and break-even values."""

import math
import shutil
import time

import numpy as np
import pytest

from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.formulas import uncertainty
from inference_economics.machines import clusters
from inference_economics.machines.published import published
from inference_economics.quantities import DATA
from inference_economics.serving.intervals import intervals
from inference_economics.worksheets import equal_speed as equal_speed_sheet
from inference_economics.worksheets import uncertainty as uncertainty_sheet
from inference_economics.worksheets.uncertainty import Range
from reckoner.declare.tables import DataError, read_rows

MODEL = catalog.model("llama2_70b")
SEED = 5
ROWS = {row.parameter: row for row in uncertainty_sheet.ranges()}


@pytest.fixture(scope="module")
def draws():
    return uncertainty_sheet.draw(64, SEED)


# Ranges


def test_most_likely_values_are_the_declarations():
    defaults = equal_speed_sheet.PARAMETERS.base({})
    for row in uncertainty_sheet.ranges():
        assert row.values[1] == pytest.approx(defaults[row.parameter]), row.parameter


def test_every_number_of_the_comparison_has_a_range_or_is_chosen():
    """What is left out is a choice of the design, not something that one does not know."""
    chosen = {"bytes_per_parameter", "bytes_per_element", "target_speed", "node_cards"}
    chosen |= {"bytes_per_activation"}
    numbers = {p.name for p in equal_speed_sheet.PARAMETERS if not isinstance(p.default, str)}
    assert numbers - chosen == set(ROWS)


def test_computed_ends_are_what_the_chapters_give():
    unexplained = {row.source: row.unexplained for row in published()}
    assert ROWS["layer_floor"].values[2] == pytest.approx(
        unexplained["llmperf_groq.output_speed"], rel=0.01
    )
    ends = intervals(clusters.LEVEL)[clusters.ENGINE, False]
    low, _, high = ROWS["gpu_time_ratio"].values
    assert low == pytest.approx(ends["output_time_low"], abs=0.02)
    assert high == pytest.approx(ends["output_time_high"], abs=0.02)


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


@pytest.mark.parametrize("row", uncertainty_sheet.ranges(), ids=lambda row: row.parameter)
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
    again, other = uncertainty_sheet.draw(64, SEED), uncertainty_sheet.draw(64, SEED + 1)
    for name, values in draws.items():
        assert np.array_equal(values, again[name])
        assert not np.array_equal(values, other[name])
    assert len(draws["load"]) == 64 * (len(ROWS) + 2)


def test_costs_of_samples_are_those_of_the_chapter_before(draws):
    """One sample at a time, through that chapter's own conclusion."""
    cost, gpu_cost = uncertainty_sheet.costs(MODEL, [30.0, 120.0], draws, clusters.GROWTH)
    case = {**equal_speed_sheet.PARAMETERS.base({}), "model": MODEL}
    for index in (0, 17, 500):
        one = {name: float(values[index]) for name, values in draws.items()}
        for place, speed in enumerate((30.0, 120.0)):
            found = equal_speed_sheet.conclude(**{**case, **one, "target_speed": speed})
            assert cost[place, index] == pytest.approx(found.cost)
            assert gpu_cost[place, index] == pytest.approx(found.gpu_cost)


def test_coarser_batches_change_little(draws):
    coarse, fine = (
        uncertainty.part_of_cost(*uncertainty_sheet.costs(MODEL, [30.0], draws, growth))
        for growth in (uncertainty.GROWTH, 1.05)
    )
    assert np.mean(np.abs(coarse - fine)) < 0.02


def test_part_of_cost_at_its_ends():
    cost = np.array([1.0, 1.0, np.inf, np.inf])
    gpu_cost = np.array([3.0, np.inf, 1.0, np.inf])
    assert uncertainty.part_of_cost(cost, gpu_cost).tolist() == [0.25, 0.0, 1.0, 0.5]
    low, median, high = uncertainty.quantiles_of_ratio(cost, gpu_cost, (0.0, 0.5, 1.0))
    assert (low, median, high) == (0, pytest.approx(1 / 3), math.inf)
    nothing = np.array([np.inf])
    assert np.isnan(uncertainty.quantiles_of_ratio(nothing, nothing, (0.5,))).all()


# What decides


def test_indices_find_the_inputs_of_a_known_function():
    """A sum of two inputs, one with twice the other's spread: four fifths, one fifth, no more."""
    shares = {
        name: (values - ROWS[name].values[0]) / (ROWS[name].values[2] - ROWS[name].values[0])
        for name, values in uncertainty_sheet.draw(1024, SEED).items()
        if ROWS[name].distribution == "uniform" or name == "gpu_time_ratio"
    }
    one, two = (values - values.mean() for values in shares.values())
    result = one / np.std(one) + 2 * two / np.std(two)
    table = uncertainty_sheet.indices(result, SEED).set_index("parameter")
    names = list(shares)
    assert table.loc[names[1], "first"] == pytest.approx(0.8, abs=0.08)
    assert table.loc[names[0], "first"] == pytest.approx(0.2, abs=0.08)
    assert table["total"].drop(names).abs().max() < 1e-9


def test_indices_sum_to_no_more_than_the_whole():
    draws = uncertainty_sheet.draw(512, SEED)
    part = uncertainty.part_of_cost(*uncertainty_sheet.costs(MODEL, [26.6], draws))[0]
    table = uncertainty_sheet.indices(part, SEED)
    assert table["first"].sum() <= 1 + table["first_width"].max()
    assert table["total"].sum() >= 1 - table["total_width"].max()
    lower = table["total"] + table["total_width"] + table["first_width"]
    assert np.all(lower >= table["first"])
    assert np.all(np.diff(table["total"]) <= 0)


def test_what_weighs_on_both_chips_alike_decides_nothing():
    table = uncertainty_sheet.indices(
        uncertainty.part_of_cost(
            *uncertainty_sheet.costs(MODEL, [26.6], uncertainty_sheet.draw(256, SEED))
        )[0],
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
    return uncertainty_sheet.break_evens(MODEL, SPEEDS)


def test_break_even_makes_the_costs_equal(evens):
    """Exactly for prices; for what moves a frontier's steps, within one step."""
    case = {**equal_speed_sheet.PARAMETERS.base({}), "model": MODEL}
    for even in evens:
        if even.value is None:
            continue
        change = {even.parameter: even.value, "target_speed": even.target_speed}
        ratio = equal_speed_sheet.conclude(**{**case, **change}).cost_ratio
        tolerance = 1e-3 if even.parameter in PRICES else 0.15
        assert ratio == pytest.approx(1, rel=tolerance), even


def test_break_even_price_is_that_of_the_chapter_before(evens):
    found = next(e for e in evens if (e.parameter, e.target_speed) == ("card_price", 26.6))
    expected = BOOK.conclude("equal_speed", {"target_speed": 26.6}).results.break_even_price
    assert found.value == pytest.approx(expected, rel=1e-3)


def test_never_means_never(evens):
    case = {**equal_speed_sheet.PARAMETERS.base({}), "model": MODEL}
    nothing = [even for even in evens if even.value is None]
    assert nothing
    for even in nothing:
        for end in ROWS[even.parameter].values:
            change = {even.parameter: end, "target_speed": even.target_speed}
            ratio = equal_speed_sheet.conclude(**{**case, **change}).cost_ratio
            assert (ratio < 1) == even.likely_cheaper, even


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


def test_it_is_quick():
    start = time.perf_counter()
    uncertainty_sheet.costs(MODEL, [26.6], uncertainty_sheet.draw(512, SEED))
    assert time.perf_counter() - start < 15
