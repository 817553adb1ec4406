"""A wrong parameter is refused with its name, what is allowed, and the nearest name."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.book import BOOK, open_chapter
from reckoner.declare.parameters import Parameter, ParameterError
from reckoner.sweep.axes import axis

CAPACITY = BOOK.parameters("capacity")


def test_defaults_pass():
    for chapter in BOOK.chapters:
        assert BOOK.parameters(chapter).check({}) == BOOK.parameters(chapter).defaults


def test_every_parameter_is_explained():
    for chapter in BOOK.chapters:
        for parameter in BOOK.parameters(chapter):
            assert parameter.label and parameter.help and parameter.source and parameter.unit
            if not parameter.choices:
                assert parameter.low <= parameter.default <= parameter.high < math.inf


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({"bytes_per_paramter": 1.0}, "did you mean 'bytes_per_parameter'"),
        (
            {"chip": "groq_lup"},
            "'groq_lup' is none of the names.*did you mean 'groq_lpu'",
        ),
        ({"gpu_price": -1.0}, "gpu_price: expected a number of 1 to 1e"),
        ({"gpu_price": float("nan")}, "gpu_price: expected a number"),
        ({"gpu_price": float("inf")}, "gpu_price: expected a number"),
        ({"gpu_price": "dear"}, "gpu_price: expected a number"),
        ({"gpu_price": True}, "gpu_price: expected a number"),
        ({"model": 70}, "model: 70 is none of the names"),
    ],
)
def test_a_wrong_value_is_named(given_values, message):
    with pytest.raises(ParameterError, match=message):
        CAPACITY.check(given_values)


@given(st.text() | st.floats() | st.none() | st.binary() | st.integers())
def test_any_value_is_taken_or_refused_clearly(value):
    for parameter in CAPACITY:
        try:
            taken = parameter.check(value)
        except ParameterError as error:
            assert str(error).startswith(parameter.name)
        else:
            assert type(taken) is type(parameter.default)


def test_a_chapter_refuses_what_its_declaration_refuses():
    with pytest.raises(ParameterError, match="did you mean"):
        open_chapter("capacity", {"modle": "llama2_70b"})


def test_a_shorter_name_stands_for_a_chip():
    assert BOOK.parameters("batching").check({"chip": "h100"})["chip"] == "h100_sxm"
    assert set(catalog.chip_aliases().values()) <= set(catalog.chip_names())
    assert not set(catalog.chip_aliases()) & set(catalog.chip_names())


def test_a_number_follows_what_is_chosen_until_it_is_given():
    declared = BOOK.parameters("comparison")
    assert declared.check({"chip_2": "a100"})["memory_2"] == 80.0
    assert declared.check({"chip_2": "a100", "memory_2": 40.0})["memory_2"] == 40.0
    assert declared.base({"chip_2": "a100", "memory_2": 40.0})["chip_2"].memory == 40e9
    with pytest.raises(ParameterError, match="memory_3: chip_3 is 'own'"):
        declared.check({"chip_3": "own"})


@given(st.floats(-10, 5000) | st.integers(-10, 5000))
def test_where_powers_are_needed_others_are_refused_and_the_nearest_named(value):
    samples = Parameter("samples", 512, "count", "", "", "", 8, 2048, power_of=2)
    powers = [2**exponent for exponent in range(3, 12)]
    if value in powers:
        assert samples.check(value) == value
        return
    expected = r"^samples: expected a power of 2 from 8 to 2048"
    with pytest.raises(ParameterError, match=expected) as refused:
        samples.check(value)
    if 8 < value < 2048 and value == int(value):
        below, above = (f(p for p in powers if s * p > s * value) for f, s in ((max, -1), (min, 1)))
        assert str(refused.value).endswith(f"got {int(value)}. Near it: {below} and {above}")


def test_samples_that_are_no_power_of_two_are_refused_by_the_chapter():
    samples = BOOK.parameters("uncertainty")["samples"]
    with pytest.raises(ParameterError, match=r"samples: .* got 100. Near it: 64 and 128"):
        samples.read("100")
    with pytest.raises(ParameterError, match=r"samples: .* got 518"):
        axis(samples, "8:2048:5")
    assert list(axis(samples, "8:64:log2").values) == [8, 16, 32, 64]
