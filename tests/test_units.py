"""SI inside, readable at the edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reckoner.declare.units import is_unit, number, shown, si


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
    ],
)
def test_base_units_are_shown_as_people_read_them(value, unit, text):
    assert str(shown(value, unit)) == text


@given(st.floats(min_value=1e-12, max_value=1e15), st.integers(min_value=2, max_value=6))
def test_shown_digits_are_true(value, digits):
    read = float(number(value, digits).replace(",", ""))
    assert read == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))


def test_an_unknown_unit_is_known_as_such():
    assert is_unit("GB/s")
    assert not is_unit("GX/s")
