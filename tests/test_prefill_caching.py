"""The chapter `prefill_caching`: prefixes, prices of input and output, HBM beside SRAM."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.formulas import prefill_caching as chapter
from inference_economics.worksheets.prefill_caching import conclude
from reckoner.declare.parameters import ParameterError

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "prefill_caching.ipynb"
LLAMA = catalog.model("llama2_70b")
tokens = st.integers(1, 10**6)
counts = st.floats(1, 1e4)
amounts = st.floats(1e-3, 1e12)
shares = st.floats(0, 1)


def concluded(**values: object) -> SimpleNamespace:
    return conclude(**conclude.parameters.base(values))


# The prefill


@given(st.integers(1, 300), st.integers(1, 9), st.integers(1, 99), st.integers(1, 10**6))
def test_prefill_counts_what_a_loop_over_the_tokens_counts(
    length: int, layers: int, width: int, parameters: int
) -> None:
    # Token i meets i tokens; each pair takes two products and two sums for each unit of width.
    looped = sum(2 * parameters + 4 * layers * width * i for i in range(1, length + 1))
    closed = chapter.prefill_operations(parameters, layers, width, length)
    # The closed form leaves out half of each token's meeting with itself, as its sources do.
    assert closed == looped - 2 * layers * width * length


@given(tokens)
def test_prefill_grows_faster_than_the_prefix_and_no_faster_than_its_square(length: int) -> None:
    single, double = (chapter.model_prefill_operations(LLAMA, n) for n in (length, 2 * length))
    assert 2 * single < double < 4 * single


@given(counts, amounts, st.floats(0.01, 1))
def test_twice_the_gpus_or_twice_the_utilization_halve_the_time(
    chips: float, compute: float, utilization: float
) -> None:
    time = chapter.prefill_time(1e15, chips, compute, utilization)
    assert chapter.prefill_time(1e15, 2 * chips, compute, utilization) == pytest.approx(time / 2)
    assert chapter.prefill_time(1e15, chips, compute, 2 * utilization) == pytest.approx(time / 2)


def test_attention_is_as_wide_as_the_hidden_size_except_where_the_model_says_otherwise() -> None:
    assert chapter.attention_width(LLAMA) == LLAMA.hidden_size == 8192
    # Qwen3-32B: 64 heads of 128, wider than its hidden size of 5120.
    assert chapter.attention_width(catalog.model("qwen3_32b")) == 64 * 128
    # DeepSeek-V3: 128 heads, keys of 128 + 64 and values of 128.
    assert chapter.attention_width(catalog.model("deepseek_v3")) == 128 * (192 + 128) / 2
    # Gemma 4 has narrower heads in its 25 layers with windows; Qwen3.5 attends in 15 of 60
    narrower = chapter.attention_width(catalog.model("gemma4_26b"))
    assert narrower == pytest.approx(16 * (5 * 512 + 25 * 256) / 30)
    assert chapter.attention_width(catalog.model("qwen35_397b")) == 32 * 256 * 15 / 60


def test_a_mixture_of_experts_computes_with_its_active_parameters() -> None:
    assert chapter.active_parameters(catalog.model("deepseek_v3")) == 37e9
    assert chapter.active_parameters(LLAMA) == 70e9


# Loading against computing


def test_prefix_of_llama_2_70b_by_hand() -> None:
    results = concluded()
    per_token = 2 * 80 * 8 * 128  # keys and values, layers, KV heads, head size, one byte
    assert results.kv_bytes_per_token == per_token == 163840
    assert results.prefix_bytes == 100_000 * per_token
    # 2 x 70e9 x 1e5 for the weights, 2 x 80 x 8192 x 1e10 for attention
    assert results.prefill_operations == pytest.approx(1.4e16 + 1.31072e16)
    assert results.recompute_time == pytest.approx(2.71072e16 / (8 * 989e12 * 0.5))
    assert results.load_time == pytest.approx(16.384e9 / 3.35e12)
    assert results.load_time_disk == pytest.approx(16.384 / 7)
    # ConnectX-7 is sold in bits: 400 Gbit/s are 50 GB/s.
    assert results.load_time_network == pytest.approx(16.384 / 50)


def test_memory_is_counted_in_gb_not_gib() -> None:
    # 80 GiB would hold exactly 524,288 tokens; the 80 GB that the GPU is sold with hold fewer.
    assert concluded().tokens_in_hbm == 80e9 / 163840 == 488281.25
    assert concluded().tokens_in_hbm < 80 * 2**30 / 163840 == 524288


def test_tokens_beside_weights_are_none_where_the_weights_do_not_fit() -> None:
    # (8 x 80 - 70) GB
    assert concluded().tokens_beside_weights == pytest.approx(570e9 / 163840)
    assert concluded(model="deepseek_v3", chips=8).tokens_beside_weights == 0


@given(tokens, st.integers(1, 100_000))
def test_loading_at_the_break_even_bandwidth_takes_as_long_as_computing(
    length: int, gpus: int
) -> None:
    results = concluded(prefix_tokens=length, chips=gpus)
    time = chapter.load_time(results.prefix_bytes, results.break_even_bandwidth)
    assert time == pytest.approx(results.recompute_time)
    slower = results.break_even_bandwidth > 3.35e12
    assert (results.load_time > results.recompute_time) == slower


@given(tokens)
def test_the_longer_the_prefix_the_slower_a_path_will_do(length: int) -> None:
    needed = concluded(prefix_tokens=length).break_even_bandwidth
    assert concluded(prefix_tokens=2 * length).break_even_bandwidth < needed
    # Without attention the bound is KV bytes x compute / (2 x parameters).
    assert needed < 163840 * 8 * 989e12 * 0.5 / (2 * 70e9)


def test_the_assumed_utilization_lies_between_the_measured_ones() -> None:
    reached = []
    for run in ("trtllm_prefill_4xh100_llama2_70b", "trtllm_prefill_8xh100_llama2_70b"):
        length, gpus, time = (
            catalog.value(f"{run}.{name}")
            for name in ("input_tokens", "gpus", "time_to_first_token")
        )
        operations = chapter.model_prefill_operations(LLAMA, length)
        reached.append(operations / (gpus * 989e12 * time))
    assert min(reached) < conclude.parameters.defaults["utilization"] < max(reached)


def test_models_with_sliding_windows_are_not_offered() -> None:
    with pytest.raises(ParameterError, match="model"):
        concluded(model="gpt_oss_120b")


# Input and output


@given(st.integers(1, 10**6), st.floats(0.01, 1000), st.floats(0.01, 1000))
def test_input_and_output_cost_the_same_at_the_break_even(
    output_tokens: int, input_price: float, output_price: float
) -> None:
    balance = chapter.break_even_input(output_tokens, output_price, input_price)
    assert chapter.cost_of_tokens(balance, input_price) == pytest.approx(
        chapter.cost_of_tokens(output_tokens, output_price)
    )


def test_a_call_by_hand() -> None:
    # 10,000 x 10 USD and 1,000 x 30 USD per million tokens
    results = concluded()
    assert results.input_cost == pytest.approx(0.10)
    assert results.output_cost == pytest.approx(0.03)
    assert results.break_even_input_tokens == pytest.approx(3000)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_input_costs_more_exactly_beyond_the_break_even(inputs: int, outputs: int) -> None:
    results = concluded(input_tokens=inputs, output_tokens=outputs)
    # At the prices of GPT-4 Turbo one output token costs three input tokens.
    assert results.input_output_ratio == pytest.approx(inputs / (3 * outputs))


@given(amounts, shares, shares)
def test_mean_price_lies_between_the_cached_and_the_full_price(
    price: float, hits: float, ratio: float
) -> None:
    mean = chapter.mean_input_price(price, hits, ratio)
    rounding = 1e-15 * price
    assert price * ratio - rounding <= mean <= price
    assert chapter.mean_input_price(price, 0, ratio) == price
    assert chapter.mean_input_price(price, 1, ratio) == pytest.approx(price * ratio, abs=rounding)


@given(shares, shares)
def test_a_whole_call_saves_a_smaller_share_than_its_input(hits: float, ratio: float) -> None:
    results = concluded(hit_rate=hits, cached_price_ratio=ratio)
    assert results.input_saving == pytest.approx(hits * (1 - ratio), abs=1e-12)
    # The input is 10/13 of the call.
    assert results.call_saving == pytest.approx(results.input_saving * 10 / 13, abs=1e-12)


def test_deepseeks_published_income_of_a_day_follows_from_its_traffic_and_prices() -> None:
    day = {
        name: catalog.value(f"deepseek_production.{name}")
        for name in ("input_tokens", "output_tokens", "cache_hit_rate")
    }
    full, cached, output = (
        catalog.value(f"deepseek_r1.{name}")
        for name in ("input_price", "cached_input_price", "output_price")
    )
    mean = chapter.mean_input_price(full, day["cache_hit_rate"], cached / full)
    income = chapter.cost_of_tokens(day["input_tokens"], mean) + chapter.cost_of_tokens(
        day["output_tokens"], output
    )
    # Published: 562,027 USD; its inputs are printed to three digits.
    assert income == pytest.approx(catalog.value("deepseek_serving.daily_revenue"), rel=1e-3)


# HBM beside SRAM


def test_the_hybrid_by_hand() -> None:
    results = concluded()
    cache = 128 * 4096 * 163840  # 85.9 GB, or 80 GiB: the article's figure is in GiB
    assert cache == 80 * 2**30
    assert results.hybrid_cards == 305  # 70 GB / 230 MB = 304.3
    # 155.9 GB / 230 MB = 677.8; with 80 GB it would be 653, and the article rounds to 652
    assert results.sram_cards == 678
    assert results.hybrid_bandwidth == pytest.approx(500 * cache)
    assert results.hybrid_memories == 13  # 42.95 / 3.35 = 12.8
    assert results.hybrid_price == pytest.approx(305 * 6000 + 13 * 30000)
    assert results.hybrid_cost == pytest.approx((305 * 6000 + 13 * 30000) / 64000)
    assert results.sram_cost == pytest.approx(678 * 6000 / 64000)


@given(st.floats(1e6, 1e15), st.floats(1e9, 1e12), st.floats(1e9, 1e17), st.floats(1e11, 1e13))
def test_memories_are_enough_and_none_too_many(
    cache: float, memory: float, reads: float, bandwidth: float
) -> None:
    memories = chapter.memories_needed(cache, memory, reads, bandwidth)
    within = 1 + 1e-12
    assert memories * memory * within >= cache
    assert memories * bandwidth * within >= reads
    fewer = memories - 1
    assert fewer * memory <= cache * within or fewer * bandwidth <= reads * within
    assert memories >= 1


@given(amounts, amounts, amounts, amounts)
def test_at_the_break_even_speed_a_byte_costs_the_same_in_both_memories(
    card_price: float, memory: float, memory_price: float, bandwidth: float
) -> None:
    speed = chapter.break_even_speed(card_price, memory, memory_price, bandwidth)
    in_sram = card_price / memory
    in_hbm = chapter.kv_bandwidth(1.0, speed) / bandwidth * memory_price
    assert in_sram == pytest.approx(in_hbm)


@pytest.mark.parametrize("share", [0.1, 0.9, 1.1, 10.0])
def test_beyond_the_break_even_speed_the_cache_is_cheaper_in_sram(share: float) -> None:
    # A batch so large that whole cards and whole GPUs hardly matter.
    speed = concluded().break_even_speed * share
    results = concluded(speed=speed, batch_size=100_000)
    assert (results.hybrid_cost < results.sram_cost) == (share < 1)


def test_a_batch_of_one_is_too_small_for_the_rule_of_speed() -> None:
    # 0.67 GB take three cards of 230 MB (308 for 70.67 GB) but a whole GPU memory.
    one = concluded(batch_size=1)
    assert one.hybrid_memories == 1
    assert one.sram_cost == pytest.approx(308 * 6000 / 500)
    assert one.hybrid_cost == pytest.approx((305 * 6000 + 30000) / 500)
    assert one.hybrid_cost > one.sram_cost
    assert conclude.parameters.defaults["speed"] < one.break_even_speed


def test_the_hybrids_chips_are_of_the_kind_they_stand_for() -> None:
    for wrong in ({"chip": "h100_sxm"}, {"gpu": "groq_lpu"}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            concluded(**wrong)


@given(st.floats(1, 1e4), st.integers(1, 10**6))
def test_the_longest_context_at_a_speed_takes_all_of_the_bandwidth(
    speed: float, length: int
) -> None:
    results = concluded(speed=speed, context_length=length)
    used = results.hybrid_bandwidth_per_request / 3.35e12
    assert used == pytest.approx(length / results.context_at_speed)


def test_a_disputed_report_is_quoted_with_the_dispute() -> None:
    division = catalog.constant("groq_3_rack.division_of_work")
    stored = nbformat.read(NOTEBOOK, as_version=4)
    said = [
        output.data.get("text/markdown", "")
        for cell in stored.cells
        for output in cell.get("outputs", [])
    ]
    passage = next(text for text in said if str(division.value) in text)
    assert division.note in passage


# Every result a second time


DENSE = {
    "model": "qwen25_72b", "gpu": "a100_sxm_80gb", "chips": 3, "utilization": 0.37,
    "prefix_tokens": 70_001, "bytes_per_element": 0.75, "bytes_per_parameter": 1.25,
    "input_tokens": 9_001, "output_tokens": 701, "input_price": 7.0, "output_price": 19.0,
    "hit_rate": 0.41, "cached_price_ratio": 0.23, "chip": "groq_3_lpu", "card_price": 5_300.0,
    "memory_price": 17_000.0, "speed": 433.0, "batch_size": 97, "context_length": 3_001,
}  # fmt: skip
LATENT = {
    "model": "deepseek_v3", "gpu": "b200_sxm", "chips": 2, "utilization": 0.61,
    "prefix_tokens": 13_007, "bytes_per_element": 2.0, "bytes_per_parameter": 3.0,
    "input_tokens": 503, "output_tokens": 2_203, "input_price": 0.9, "output_price": 4.7,
    "hit_rate": 0.83, "cached_price_ratio": 0.13, "chip": "gc200", "card_price": 911.0,
    "memory_price": 41_000.0, "speed": 1.7, "batch_size": 1_009, "context_length": 77_003,
}  # fmt: skip


def bytes_per_token(model: Any, element: float) -> float:
    if model.key == "deepseek_v3":  # 61 layers, a vector of 512 and a position part of 64
        return 61 * (512 + 64) * element
    return 2 * model.layers * model.kv_heads * model.head_dim * element


def operations(model: Any, length: float) -> float:
    if model.key == "deepseek_v3":  # 37e9 active parameters; keys of 192 and values of 128
        return 2 * 37e9 * length + 2 * 61 * (128 * 160) * length**2
    weights = model.values.get("nominal_parameters") or model.total_parameters
    return 2 * weights * length + 2 * model.layers * model.heads * model.head_dim * length**2


def worked_out(g: SimpleNamespace) -> dict[str, float]:
    """Every result from its definition, without the book's formulas; `g` in base units."""
    value = catalog.value
    each, room, bandwidth = (
        bytes_per_token(g.model, g.bytes_per_element), g.gpu.memory, g.gpu.memory_bandwidth
    )  # fmt: skip
    prefix = g.prefix_tokens * each
    held = (g.model.values.get("nominal_parameters") or g.model.total_parameters) * (
        g.bytes_per_parameter
    )
    latent = catalog.model("deepseek_v3")
    other = LLAMA if g.model.key == "deepseek_v3" else latent
    reached = g.chips * g.gpu.fp16_compute * g.utilization
    again = operations(g.model, g.prefix_tokens) / reached
    paid_in, paid_out = g.input_tokens * g.input_price, g.output_tokens * g.output_price
    kept = g.hit_rate * (1 - g.cached_price_ratio)
    found, sent, got = (
        value(f"deepseek_production.{name}")
        for name in ("cache_hit_rate", "input_tokens", "output_tokens")
    )
    full, cached, out = (
        value(f"deepseek_r1.{name}_price") for name in ("input", "cached_input", "output")
    )
    turbo_in, turbo_out = 10e-6, 30e-6
    request = each * g.context_length
    batch = request * g.batch_size
    written = g.batch_size * g.speed
    sram = math.ceil((held + batch) / g.chip.memory)
    cards = math.ceil(held / g.chip.memory)
    memories = math.ceil(max(batch / room, batch * g.speed / bandwidth))
    price = cards * g.card_price + memories * g.memory_price
    return {
        "kv_bytes_per_token": each,
        "prefix_bytes": prefix,
        "tokens_in_hbm": room / each,
        "tokens_beside_weights": max(0.0, (g.chips * room - held) / each),
        "other_tokens_in_hbm": room / bytes_per_token(other, g.bytes_per_element),
        "prefill_operations": operations(g.model, g.prefix_tokens),
        "recompute_time": again,
        "load_time": prefix / bandwidth,
        "load_time_network": prefix / 50e9,
        "load_time_host": prefix / value("pcie5_x16.host_to_device_bandwidth"),
        "load_time_disk": prefix / 7e9,
        "load_speedup": again * bandwidth / prefix,
        "break_even_bandwidth": prefix / again,
        "latent_bandwidth": bytes_per_token(latent, g.bytes_per_element)
        * g.prefix_tokens
        * reached
        / operations(latent, g.prefix_tokens),
        "input_cost": paid_in,
        "output_cost": paid_out,
        "price_ratio": g.input_price / g.output_price,
        "input_output_ratio": paid_in / paid_out,
        "break_even_input_tokens": paid_out / g.input_price,
        "mean_input_price": g.input_price * (1 - kept),
        "input_saving": kept,
        "call_saving": kept * paid_in / (paid_in + paid_out),
        "day_tokens_ratio": sent / got,
        "day_ratio": sent * (found * cached + (1 - found) * full) / (got * out),
        "day_ratio_uncached": sent * full / (got * out),
        "day_ratio_at_turbo": sent * turbo_in / (got * turbo_out),
        "sram_cards": sram,
        "sram_cost": sram * g.card_price / written,
        "hybrid_cards": cards,
        "hybrid_bandwidth": batch * g.speed,
        "hybrid_bandwidth_per_request": request * g.speed,
        "hybrid_bandwidth_per_card": batch * g.speed / cards,
        "hybrid_memories": memories,
        "hybrid_price": price,
        "hybrid_cost": price / written,
        "hybrid_saving": (sram * g.card_price - price) / written,
        "hybrid_cost_at_hbm_cost": (cards * g.card_price + memories * value("h100_sxm.hbm_cost"))
        / written,
        "break_even_speed": g.card_price / g.chip.memory / (g.memory_price / bandwidth),
        "context_at_speed": bandwidth / (g.speed * each),
        "gpus_to_read_prefix": prefix * g.speed / bandwidth,
    }


CASES = [DENSE, LATENT]


@pytest.mark.parametrize("case", CASES, ids=["dense", "latent"])
def test_every_result_is_computed_a_second_time(case: dict[str, Any]) -> None:
    expected = worked_out(SimpleNamespace(**conclude.parameters.base(case)))
    assert list(expected) == list(conclude.units)
    assert vars(concluded(**case)) == pytest.approx(expected, rel=1e-9)


def test_the_two_cases_lie_on_both_sides_of_what_decides() -> None:
    dense, latent = concluded(**DENSE), concluded(**LATENT)
    assert dense.tokens_beside_weights > 0 == latent.tokens_beside_weights
    a100, b200 = catalog.chip("a100_sxm_80gb"), catalog.chip("b200_sxm")
    assert DENSE["speed"] > a100.memory_bandwidth / a100.memory  # bandwidth decides
    assert LATENT["speed"] < b200.memory_bandwidth / b200.memory  # room decides


# Sweeps


def test_arrays_give_what_their_elements_give() -> None:
    swept = {
        "prefix_tokens": np.array([1000.0, 1e5, 1e6]),
        "batch_size": np.array([1.0, 128.0, 4096.0]),
        "speed": np.array([10.0, 500.0, 5000.0]),
        "chips": np.array([1.0, 8.0, 64.0]),
    }
    fixed = conclude.parameters.base({})
    together = conclude(**{**fixed, **swept})
    for index in range(3):
        alone = conclude(**{**fixed, **{k: v[index] for k, v in swept.items()}})
        for name in conclude.units:
            values = np.broadcast_to(getattr(together, name), 3)
            assert values[index] == pytest.approx(getattr(alone, name)), name


# The verdicts


def test_both_claims_hold_and_say_by_how_much() -> None:
    kept, input_cost = (BOOK.ledger.entry(c) for c in ("prefix-in-hbm", "input-costs-more"))
    assert kept.verdict == input_cost.verdict == "reproduced"
    # The claim has two halves; the second is decided here.
    assert concluded().load_speedup > 1
    assert "488,281 tokens" in kept.reason
    assert "4.891 ms" in kept.reason
    assert "6.852 s" in kept.reason
    assert "3,000 tokens" in input_cost.reason
