"""Cards are whole, prices follow compute, and shapes give the published weights."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact import holds_and_one_fewer_does_not
from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.formulas import capacity
from inference_economics.worksheets import capacity as capacity_sheet

sizes = st.floats(min_value=1e6, max_value=1e15)


@given(sizes, sizes)
def test_the_cards_hold_it_and_one_fewer_would_not(needed, memory):
    cards = capacity.cards_to_hold(needed, memory)
    assert cards == int(cards)
    assert holds_and_one_fewer_does_not(cards, memory, needed)


@given(st.integers(min_value=1, max_value=10**6), sizes)
def test_what_fills_whole_cards_needs_no_further_one(cards, memory):
    assert capacity.cards_to_hold(cards * memory, memory) in (cards, cards + 1)
    assert capacity.cards_to_hold(cards * 2.0**30, 2.0**30) == cards


@given(sizes, st.floats(min_value=0.125, max_value=8))
def test_weights_scale_with_precision(parameters, width):
    assert capacity.weights(parameters, 2 * width) == 2 * capacity.weights(parameters, width)


@given(sizes)
def test_a_card_of_equal_compute_costs_the_same(compute):
    assert capacity.price_by_compute(30000.0, compute, compute) == pytest.approx(30000.0)


def test_the_article_by_hand():
    """70e9 B over 230e6 B is 304.3; 30,000 × 188 / 989 is 5,702.7."""
    found = BOOK.conclude_by_default("capacity").results
    assert found.cards == math.ceil(70e9 / 230e6) == 305
    assert found.card_price == pytest.approx(30000 * 188 / 989)
    assert found.cluster_price == pytest.approx(305 * 30000 * 188 / 989)


def test_other_properties_give_other_prices():
    """Of 30,000 USD: 0.23 / 96 of the memory, 80 / 3.35 of the bandwidth, 750 / 1979 of int8."""
    found = BOOK.conclude_by_default("capacity").results
    assert found.price_by_memory == pytest.approx(71.875)
    assert found.price_by_bandwidth == pytest.approx(716_418, abs=1)
    assert found.price_by_int8 == pytest.approx(11_369, abs=1)


OTHER_CASES = (
    {
        "model": "llama31_8b",
        "chip": "gc200",
        "gpu": "l40s",
        "bytes_per_parameter": 1.7,
        "gpu_price": 7654.0,
    },
    {
        "model": "llama2_70b",  # its weights are published: they need not be counted
        "chip": "groq_lpu",
        "gpu": "rtx_4090",
        "bytes_per_parameter": 0.55,
        "gpu_price": 1873.0,
    },
    {  # both chips have an int8 peak
        "model": "llama31_8b",
        "chip": "groq_lpu",
        "gpu": "l40s",
        "bytes_per_parameter": 0.9,
        "gpu_price": 9011.0,
    },
)


@pytest.mark.parametrize("case", OTHER_CASES)
def test_every_result_is_computed_a_second_time(case):
    """From the definitions, with plain arithmetic: a wrong wiring gives another number."""

    def si(key, quantity):
        return catalog.constant(f"{key}.{quantity}").si

    model, chip, gpu = case["model"], case["chip"], case["gpu"]
    width, price = case["bytes_per_parameter"], case["gpu_price"]
    weights = si(model, "nominal_parameters") * width
    cards = math.ceil(weights / si(chip, "memory"))
    gpus = math.ceil(weights / si(gpu, "memory"))
    card_price = price / si(gpu, "fp16_compute") * si(chip, "fp16_compute")
    counted = {"llama31_8b": 8_030_261_248, "llama2_70b": 68_976_648_192}[model]
    counted_cards = math.ceil(counted * width / si(chip, "memory"))
    known = {f"{key}.int8_compute" for key in (chip, gpu)} <= catalog.constants().keys()
    by_int8 = price * si(chip, "int8_compute") / si(gpu, "int8_compute") if known else math.nan
    second = {
        "memory_ratio": si(chip, "memory") / si(gpu, "memory"),
        "bandwidth_ratio": si(chip, "memory_bandwidth") / si(gpu, "memory_bandwidth"),
        "compute_ratio": si(chip, "fp16_compute") / si(gpu, "fp16_compute"),
        "gpu_memory_ratio": si(gpu, "memory") / si(chip, "memory"),
        "gpu_compute_ratio": si(gpu, "fp16_compute") / si(chip, "fp16_compute"),
        "price_of_holding": cards * card_price / (gpus * price),
        "rounded_price": 6_000,
        "rounded_cluster": cards * 6_000,
        "price_by_memory": si(chip, "memory") * price / si(gpu, "memory"),
        "price_by_bandwidth": si(chip, "memory_bandwidth") * price / si(gpu, "memory_bandwidth"),
        "price_by_int8": by_int8,
        "listed_ratio": counted_cards * 20_000 / (cards * card_price),
        "counted_share": counted_cards / cards,
        "left_on_gpu": 80e9 - counted * width,
        "weights": weights,
        "cards": cards,
        "gpus": gpus,
        "card_price": card_price,
        "cluster_price": cards * card_price,
        "gpu_cluster_price": gpus * price,
        "counted_parameters": counted,
        "counted_weights": counted * width,
        "counted_cards": counted_cards,
        "die_ratio": 725 / 814,
        "listed_price": 20_000,
        "listed_cluster": counted_cards * 20_000,
    }
    found = capacity_sheet.conclude.evaluate(**capacity_sheet.conclude.parameters.base(case))
    lines = {n: math.nan if found[n] is None else found[n] for n in capacity_sheet.conclude.lines}
    assert lines == pytest.approx(second, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("key", "published"),
    [
        ("llama2_70b", 68_976_648_192),  # counted from the shape in the data file's own row
        ("llama31_8b", 8_030_261_248),  # the checkpoint's size, as its maker prints 8.03B
        ("llama31_70b", 70_553_706_496),  # likewise 70.6B
    ],
)
def test_shapes_give_the_published_number_of_weights(key, published):
    model = catalog.model(key)
    counted = capacity.dense_parameters(**{name: model.values[name] for name in capacity.SHAPE})
    assert counted == published


def test_two_matrices_in_place_of_three_would_be_noticed():
    """A known slip: the gated feed-forward network has three matrices, not two."""
    model = catalog.model("llama2_70b")
    shape = {name: model.values[name] for name in capacity.SHAPE}
    third = model.layers * model.hidden_size * model.ffn_size
    assert capacity.dense_parameters(**shape) - third < 56e9 < capacity.dense_parameters(**shape)


@pytest.mark.parametrize("unlike", [{"gated_mlp": 0}, {"ffn_size": None}])
def test_a_shape_of_another_kind_or_with_a_gap_is_not_counted(unlike):
    model = catalog.model("llama31_8b")
    values = {k: v for k, v in {**model.values, **unlike}.items() if v is not None}
    assert capacity.parameter_count(model) > model.nominal_parameters
    assert capacity.parameter_count(replace(model, values=values)) == model.nominal_parameters


def test_every_catalogued_model_has_a_number_of_weights():
    for key in catalog.models():
        assert capacity.parameter_count(catalog.model(key)) > 1e9
