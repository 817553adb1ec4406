"""Every formula runs on every kind of number, with the dimensions that it declares."""

import math
import re

import altair as alt
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import vl_convert as vlc
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_economics.book import BOOK
from reckoner.declare.numeric import as_vega, ceil, log2, maximum, minimum, root, where
from reckoner.declare.units import is_unit, quantity, registry

BOOK.load()
FORMULAS = list(BOOK.formulary.formulas.values())
by_name = pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.name)
SAMPLES = np.array([1.5, 3.0, 17.25, 640.0])
EXPONENTS = {"sharpness": 0.01, "drafted": 0.01}
"""What stands in an exponent, and by how much its samples are smaller: else numbers overflow."""


def arguments(formula, kind, shift=0):
    """A different sample for each argument, so that swapped arguments are noticed."""
    return {
        name: kind(np.roll(SAMPLES, index + shift) * (1 + index) * EXPONENTS.get(name, 1.0))
        for index, name in enumerate(formula.inputs)
    }


def one_by_one(formula):
    values = arguments(formula, np.asarray)
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return np.array([formula.function(**{k: float(v) for k, v in row.items()}) for row in rows])


@by_name
@pytest.mark.parametrize(
    "kind", [np.asarray, pd.Series, da.from_array], ids=["numpy", "pandas", "dask"]
)
def test_arrays_give_what_single_numbers_give(formula, kind):
    result = np.asarray(formula.function(**arguments(formula, kind)), dtype=float)
    np.testing.assert_allclose(result, one_by_one(formula), rtol=1e-13)


@by_name
def test_dimensions_follow_from_the_arguments(formula):
    values = {
        name: quantity(7.5 + i, unit) for i, (name, unit) in enumerate(formula.inputs.items())
    }
    result = formula.function(**values)
    expected = quantity(1.0, formula.unit)
    units = registry()
    assert units.Quantity(result).dimensionality == expected.dimensionality
    magnitude = float(units.Quantity(result).to_base_units().magnitude)
    numbers = {name: value.magnitude for name, value in values.items()}
    assert magnitude == pytest.approx(float(formula.function(**numbers)), rel=1e-12)


@by_name
def test_the_browser_computes_what_the_library_computes(formula):
    """The formula, called with slider parameters, evaluated by Vega itself."""
    values = {k: float(v[0]) for k, v in arguments(formula, np.asarray).items()}
    sliders = {name: alt.param(name=name, value=value) for name, value in values.items()}
    shown = computed_by_vega(formula.function(**sliders), sliders)
    assert shown == pytest.approx(float(formula.function(**values)), rel=1e-12)


def computed_by_vega(expression, sliders):
    chart = (
        alt.Chart(alt.Data(values=[{}]))
        .mark_text()
        .transform_calculate(result=f"toString({as_vega(expression)})")
        .encode(text="result:N")
        .add_params(*sliders.values())
    )
    svg = vlc.vegalite_to_svg(chart.to_dict())
    return float(re.findall(r"<text[^>]*>([^<]+)</text>", svg)[-1])


FUNCTIONS = {
    "ceil": ceil,
    "log2": log2,
    "root": lambda x: root(x, 3),
    "minimum": lambda x: minimum(x, 2.5),
    "maximum": lambda x: maximum(x, 2.5),
    "where": lambda x: where(x > 2, x, 2.5),
    "where nothing is finite": lambda x: where(x > 2, math.inf, x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("value", [0.3, 2.0, 640.0])
def test_the_functions_beside_arithmetic_are_the_browsers(name, value):
    expression = FUNCTIONS[name](slider := alt.param(name="x", value=value))
    shown = computed_by_vega(expression, {"x": slider})
    assert shown == pytest.approx(float(FUNCTIONS[name](value)), rel=1e-12)


@by_name
def test_a_reader_can_follow_it(formula):
    assert formula.meaning.endswith(".")
    assert formula.source
    assert BOOK.formulary.equation(formula.name).count("=") == 1
    left, numbers, result = BOOK.formulary.worked(
        formula.name, {name: 2.0 + i for i, name in enumerate(formula.inputs)}
    )
    assert not re.search(r"Q\d+q|mathrm\{[a-z]+_", left + numbers + result)
    assert is_unit(formula.unit)


def test_a_name_has_one_unit_everywhere():
    units = {}
    for formula in FORMULAS:
        for name, unit in {**formula.inputs, formula.gives: formula.unit}.items():
            units.setdefault(name, {})[unit] = formula.name
    ambiguous = {name: found for name, found in units.items() if len(found) > 1}
    assert not ambiguous


def test_every_symbol_is_used():
    used = {name for formula in FORMULAS for name in (formula.gives, *formula.inputs)}
    assert set(BOOK.formulary.symbols) == used


@given(scale=st.floats(min_value=1e-3, max_value=1e3))
@settings(max_examples=25)
def test_no_formula_depends_on_the_unit_of_money(scale):
    """Cents instead of dollars scale what is paid and leave what is counted."""
    for formula in FORMULAS:
        values = {name: 2.0 + i for i, name in enumerate(formula.inputs)}
        money = {n: v * scale if "USD" in formula.inputs[n] else v for n, v in values.items()}
        factor = scale if "USD" in formula.unit else 1.0
        assert formula.function(**money) == pytest.approx(
            factor * formula.function(**values), rel=1e-9
        )
