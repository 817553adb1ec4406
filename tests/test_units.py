"""SI inside, readable at the edge."""

import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reckoner.declare.units import (
    _RULES,
    as_given,
    compared,
    is_unit,
    number,
    roughly,
    rule,
    shown,
    si,
    turned,
)
from reckoner.show import live


@pytest.mark.parametrize(
    ("value", "unit", "base"),
    [
        (230, "MB", 230e6),
        (220, "MiB", 220 * 2**20),
        (0.625, "GiB", 671088640),
        (1, "Gbit/s", 125e6),
        (1, "kWh", 3.6e6),
        (30, "USD/Mtoken", 30e-6),
        (188, "TFLOP/s", 188e12),
        (4, "us", 4e-6),
    ],
)
def test_units_become_base_units(value, unit, base):
    assert si(value, unit) == pytest.approx(base, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (70e9, "B", "70 GB"),
        (671088640, "B", "671 MB"),
        (999.9e9, "B", "1 TB"),
        (80e12, "B/s", "80 TB/s"),
        (5702.73, "USD", "$5,703"),
        (1739332.7, "USD", "$1.74 million"),
        (60.4, "USD/(token/s)", "$60.4 per token/s"),
        (12.5e-6, "s", "12.5 µs"),
        (0.5524, "share", "55.2%"),
        (7827, "count", "7,827"),
        (64000, "token/s", "64,000 token/s"),
        (0, "B", "0 B"),
        (float("inf"), "s", "∞ s"),
        (float("inf"), "count", "∞"),
        (12345.6, "USD/(token/s)", "$12,346 per token/s"),
        (34.69, "USD", "$34.69"),
        (0.1, "USD", "$0.10"),
        (0.009144, "s/token", "2.54 hours per million tokens"),
        (8.25e-7, "USD/token", "$0.825 per million tokens"),
        (2.35 / 3600, "USD/s", "$2.35 per hour"),
        (0.125 / 3.6e6, "USD/J", "$0.125 per kWh"),
        (31.5e-12, "USD/(FLOP/s)", "$31.5 per TFLOP/s"),
    ],
)
def test_base_units_are_shown_as_people_read_them(value, unit, text):
    assert str(shown(value, unit)) == text


@given(st.floats(min_value=1e-12, max_value=1e15), st.integers(min_value=2, max_value=6))
def test_shown_digits_are_true(value, digits):
    read = float(number(value, digits).replace(",", ""))
    assert read == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (5.36, "5.4 times as much as"), (1.5, "1.5 times as much as"), (1.2, "20% dearer than"),
        (1.004, "about as much as"), (0.9, "10% cheaper than"), (0.3, "3.3 times cheaper than"),
        (0.0001514, "6,600 times cheaper than"),
    ],
)  # fmt: skip
def test_a_ratio_is_said_as_a_comparison(ratio, text):
    assert compared(ratio, "dearer", "cheaper") == text


def test_two_digits_say_enough_but_what_is_counted_stays_whole():
    said = [(716418.0, "USD"), (417.4, "ratio"), (678, "count"), (63.56, "USD/(token/s)")]
    assert [roughly(*one) for one in said] == ["$720,000", "420", "678", "$64 per token/s"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.012, "$0.01"), (0.0099, "$0.00990"), (0.5, "$0.50"), (999.994, "$999.99")],
)
def test_money_from_a_cent_on_has_cents(value, text):
    assert str(shown(value, "USD")) == text


def test_an_unknown_unit_is_known_as_such():
    assert is_unit("GB/s")
    assert not is_unit("GX/s")


# One rule of rounding, here and in the browser


def ties(chance):
    """Halves of the last digit shown, of every size, and the floats beside them."""
    for exponent in range(-12, 16):
        for digits in (2, 3, 4, 5):
            half = float(f"{chance.randrange(10 ** (digits - 1), 10**digits)}5e{exponent - digits}")
            yield from (half, math.nextafter(half, 0), math.nextafter(half, math.inf))


def numbers_to_show():
    chance = random.Random(1)
    yield from (
        0.0,
        math.nan,
        math.inf,
        5e-324,
        1e-120,
        1e-99,
        1.5e-7,
        1e21,
        1e23,
        2**80,
        1.797e308,
    )
    yield from (312.5, 1.125, 1000.5, 104.5, 1.005, 2.675, 0.995, 999.5, 999.95, 999995.0)
    yield from (10.0**exponent for exponent in range(-30, 30))
    yield from ties(chance)
    yield from (10 ** chance.uniform(-15, 21) for _ in range(200))
    yield from (float(chance.randrange(10**7)) for _ in range(100))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (312.5, "token/s", "313 token/s"),
        (1.125, "count", "1.13"),
        (1.005, "count", "1.01"),  # a little less as a float, not as people write it
        (1000.5, "USD", "$1,001"),
        (104.5, "count", "105"),
        (-104.5, "count", "−105"),
        (0.125, "USD", "$0.13"),
        (999.5, "B", "1 kB"),
    ],
)
def test_a_half_goes_away_from_zero(value, unit, text):
    assert str(shown(value, unit)) == text


def test_the_browser_shows_what_the_library_shows(browser):
    values = [sign * value for value in numbers_to_show() for sign in (1, -1)]
    units = ["count", *_RULES]
    cases = [(value, unit, digits) for unit in units for digits in (2, 3, 4, 6) for value in values]
    tab = browser.new_page()
    tab.add_script_tag(path=Path(live.__file__).with_suffix(".js"))
    asked = [(str(value).replace("inf", "Infinity"), unit, d) for value, unit, d in cases]
    script = "([cases, rules]) => cases.map(([v, u, d]) => reckonerShow(Number(v), rules[u], d))"
    found = tab.evaluate(script, [asked, {unit: vars(rule(unit)) for unit in units}])
    tab.close()
    expected = [str(shown(*case)) for case in cases]
    differ = [x for x in zip(cases, expected, found, strict=True) if x[1] != x[2]]
    assert not differ, f"{len(differ)} of {len(cases)}: {differ[:10]}"


def test_signs_of_a_number_are_written_as_mathematics():
    assert shown(math.inf, "count").latex == r"\infty"
    assert shown(-0.0164, "share").latex == r"-1.64\,\%"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.35, "TB/s", "3.35 TB/s"),
        (2.8e12, "B/s", "2.8 TB/s"),
        (6000, "USD", "$6,000"),
        (34.5, "USD", "$34.50"),
        (1.739e6, "USD", "$1.739 million"),
        (30, "USD/Mtoken", "$30 per million tokens"),
        (1.2, "USD/hour", "$1.20 per hour"),
        (0.0806, "USD/kWh", "$0.0806 per kWh"),
        (1, "card", "1 card"),
        (305, "card", "305 cards"),
        (2725.7, "token/s", "2,725.7 token/s"),
        (5, "year", "5 years"),
        (2024, "year", "2024"),
        (3, "us", "3 µs"),
        (545, "percent", "545%"),
        (725, "mm^2", "725 mm²"),
        (64000, "count", "64,000"),
        (200e6, "packet/s", "200 million"),
    ],
)
def test_a_row_is_shown_in_its_sources_unit_as_people_write_it(value, unit, text):
    assert as_given(value, unit) == text


@pytest.mark.parametrize("ratio", [0.000151, 0.999, 1.0, 1.63, 0.0, math.inf])
def test_a_ratio_below_one_is_turned_over(ratio):
    number, words = turned(ratio, "more", "less")
    if 0 < ratio < 1:
        assert (number, words) == (1 / ratio, "less")
    else:
        assert (number, words) == (ratio, "more")
