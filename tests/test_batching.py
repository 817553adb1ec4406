"""What the chapter `batching` must keep: where the cost comes from, falls to, and breaks even."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from exact import holds_and_one_fewer_does_not
from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.chapters.batching import corrections
from inference_economics.formulas import batching
from inference_economics.worksheets.batching import conclude

CASE = conclude.parameters.base({})
"""The article's case, in base units."""

W, M = 70e9, 230e6  # weights of LLaMA-2 70B at one byte each; memory of a Groq card
K = 2 * 80 * 8 * 128 * 4096  # K and V, layers, KV heads, head size, tokens, one byte each
K_ARTICLE = 0.625e9  # the article's figure: K in GiB, called GB

sizes = st.floats(1e6, 1e12)
caches = st.floats(1e5, 1e11)
memories = st.floats(1e7, 1e11)
prices = st.floats(1e2, 1e6)
speeds = st.floats(1.0, 1e4)
batches = st.integers(1, 100_000)


def concluded(**change):
    return conclude(**{**CASE, **change})


def cluster(batch, weights=W, cache=K, memory=M, price=6000.0, speed=500.0):
    return batching.cluster_for(batch, weights, cache, memory, price, speed)


def fractional_cost(batch, weights, cache, memory, price, speed):
    """The cost if a part of a card could be bought."""
    return price * (weights + batch * cache) / memory / (batch * speed)


# Values worked by hand


def test_batch_of_the_article():
    # (70 + 128 * 0.671 GB) / 0.23 GB = 677.8 cards, at 6,000 USD, over 128 * 500 token/s
    result = concluded()
    assert result.cards == 678
    assert result.cluster_price == 678 * 6000
    assert result.throughput == 64_000
    assert result.cost == 678 * 6000 / 64_000


def test_one_request_needs_the_cards_of_the_weights():
    # 70 / 0.23 = 304.3 cards; 305 * 6,000 USD / 500 token/s
    result = concluded()
    assert (result.weight_cards, result.batch1_price, result.batch1_cost) == (305, 1.83e6, 3660)


def test_gpu_costs_its_price_over_its_throughput():
    assert concluded().gpu_cost == 30_000 / 425


def test_printed_sum_needs_one_card_more_than_printed():
    # The article prints 652 cards for 150 GB; 652 * 0.23 = 149.96 GB do not hold them.
    assert cluster(128, cache=80e9 / 128).cards == 653


def test_floor_is_three_whole_cards_and_its_limit_a_part_of_them():
    result = concluded()
    assert result.misread_kv_cache == K_ARTICLE
    assert (result.cards_per_request, result.price_per_request, result.floor) == (3, 18_000, 36)
    # 6,000 USD * 0.671089 GB / (0.23 GB * 500 token/s); with 0.625 GB: 6000 * 0.625 / 115
    assert result.cost_limit == pytest.approx(35.0133, abs=5e-5)
    assert result.cost_limit_gib == pytest.approx(6000 * 0.625 / 115)


@pytest.mark.parametrize(("cache", "batch"), [(K, 3702), (K_ARTICLE, 1077)])
def test_batch_that_breaks_the_floor(cache, batch):
    # The whole cards of a request leave 3 * 0.23 GB - cache; W over that is 3701.5 and 1076.9.
    assert batch == math.ceil(W / (3 * M - cache))
    assert cluster(batch, cache=cache).cost <= 36 < cluster(batch - 1, cache=cache).cost
    fields = {K: "floor_breaking_batch", K_ARTICLE: "floor_breaking_batch_gib"}
    assert getattr(concluded(), fields[cache]) == batch


def test_floor_stays_broken_at_larger_batches():
    for cache in (K, K_ARTICLE):
        first = batching.break_even_batch(6000, W, 36, 500, M, cache)
        assert all(cluster(batch, cache=cache).cost <= 36 for batch in range(first, first + 5000))


def test_parity_is_the_smallest_cluster_as_cheap_as_the_gpu():
    result = concluded()
    assert (result.parity_batch, result.parity_cards) == (103, 605)
    costs = {batch: cluster(batch).cost for batch in range(1, 200)}
    assert min(batch for batch, cost in costs.items() if cost <= 30_000 / 425) == 103


def test_cluster_of_a_thousand_cards():
    # 230 GB - 70 GB = 160 GB hold 238.4 caches; 6 million USD over 238 * 500 token/s
    result = concluded()
    assert result.effective_batch == 238
    assert result.effective_cost == 6e6 / (238 * 500)


def test_consumer_card_is_dearest_by_compute():
    # 1,599 USD / 165.15 TFLOP/s against 30,000 USD / 989 TFLOP/s, both dense fp16
    assert concluded().consumer_ratio == pytest.approx((1599 / 165.15) / (30_000 / 989))


def test_a_bound_on_the_consumer_card_decides_nothing_and_its_price_does():
    # Half of the H100's cost is just above the limit; 31.9% of it is far below.
    result = concluded()
    assert result.consumer_dearest_cost < result.cost_limit < result.consumer_cost < result.floor
    assert cluster(result.consumer_batch).cost <= result.consumer_cost * (1 + 1e-4)
    assert math.isinf(result.consumer_dearest_batch)


def test_one_request_on_each_machine():
    # 70.671 GB take 308 cards at 500 token/s; one H100 reads them 47.4 times a second
    result = concluded()
    assert (result.alone_cards, result.alone_cost, result.alone_gpus) == (308, 3696, 1)
    assert result.alone_gpu_speed == pytest.approx(3.35e12 / (W + K))
    assert result.alone_ratio == pytest.approx(3696 / 632.877, rel=1e-5)
    assert result.alone_ratio < result.batch1_ratio / 8
    assert result.gpu_request_speed == 26.5625


# All results, a second time


OTHER_CASES = (
    {
        "model": "llama31_8b", "chip": "gc200", "gpu": "l40s", "consumer": "rtx_4090",
        "bytes_per_parameter": 1.7, "bytes_per_element": 0.55, "context_length": 9001,
        "batch_size": 77, "card_price": 321.0, "speed": 43.0, "gpu_price": 8765.0,
        "gpu_throughput": 19.0, "cluster_cards": 130, "consumer_share": 0.66,
    },
    {  # no batch reaches parity, and the larger cluster does not even hold the weights
        "model": "deepseek_v3", "chip": "groq_lpu", "gpu": "h200_sxm", "consumer": "h100_sxm",
        "bytes_per_parameter": 0.6, "bytes_per_element": 2.3, "context_length": 30011,
        "batch_size": 9, "card_price": 7100.0, "speed": 211.0, "gpu_price": 27000.0,
        "gpu_throughput": 3333.0, "cluster_cards": 501, "consumer_share": 1.3,
    },
)  # fmt: skip


@pytest.mark.parametrize("case", OTHER_CASES, ids=["parity", "no parity"])
def test_every_result_is_computed_a_second_time(case):
    """From the definitions, with plain arithmetic: a wrong wiring gives another number."""

    def si(key, quantity):
        return catalog.constant(f"{key}.{quantity}").si

    def batch_that_costs(target, cache):
        """From price * (W + batch * K) / M = target * batch * speed."""
        saved = target * speed * memory / price - cache
        return math.ceil(weights / saved) if saved > 0 else math.inf

    speed, price, batch = case["speed"], case["card_price"], case["batch_size"]
    memory = si(case["chip"], "memory")
    elements, parameters = {
        "llama31_8b": (2 * 32 * 8 * 128, 8e9),  # keys and values of 8 heads of 128 in 32 layers
        "deepseek_v3": (61 * (512 + 64), 671e9),  # a vector of 512 and a part of 64 in 61
    }[case["model"]]
    weights = parameters * case["bytes_per_parameter"]
    cache = elements * case["bytes_per_element"] * case["context_length"]
    misread = cache / 2**30 * 1e9
    weight_cards = math.ceil(weights / memory)
    batch1_cost = weight_cards * price / speed
    gpu_cost = case["gpu_price"] / case["gpu_throughput"]
    cards = math.ceil((weights + cache * batch) / memory)
    cost = cards * price / (batch * speed)
    request_cards = math.ceil(cache / memory)
    floor = request_cards * price / speed
    consumer = {
        quantity: si(case["consumer"], quantity) / si(case["gpu"], quantity)
        for quantity in ("memory", "memory_bandwidth", "fp16_compute")
    }
    price_ratio = si(case["consumer"], "price") / case["gpu_price"]
    dearest = max(price_ratio / ratio for ratio in consumer.values())
    alone = weights + cache
    alone_cards = math.ceil(alone / memory)
    gpus = math.ceil(alone / si(case["gpu"], "memory"))
    read_once = alone / si(case["gpu"], "memory_bandwidth")  # by one GPU
    held = max(0, math.floor((case["cluster_cards"] * memory - weights) / cache))
    cluster_price = case["cluster_cards"] * price
    parity = batch_that_costs(gpu_cost, cache)
    parity_needed = weights + cache * parity
    memory_vs_other_limits = None
    if f"{case['chip']}.fp16_compute" in catalog.constants():
        reading = batch * speed * weights / si(case["chip"], "memory_bandwidth")
        computing = 2 * parameters * batch * speed / si(case["chip"], "fp16_compute")
        memory_vs_other_limits = cards / max(reading, computing)
    second = {
        "weights": weights,
        "weight_cards": weight_cards,
        "batch1_price": weight_cards * price,
        "batch1_throughput": speed,
        "batch1_cost": batch1_cost,
        "gpu_cost": gpu_cost,
        "batch1_ratio": batch1_cost / gpu_cost,
        "gpu_batch": 128,
        "gpu_machine": 8,
        "gpu_request_speed": case["gpu_throughput"] / 16,
        "cluster_vs_gpu": speed / case["gpu_throughput"],
        "machine_ratio": weight_cards * price / 300_000,
        "machine_gpus_price": 8 * case["gpu_price"],
        "kv_cache": cache,
        "misread_kv_cache": misread,
        "kv_cache_batch": cache * batch,
        "needed": weights + cache * batch,
        "cards": cards,
        "cluster_price": cards * price,
        "price_growth": cards / weight_cards,
        "throughput": batch * speed,
        "cost": cost,
        "cost_ratio": cost / gpu_cost,
        "alone_needed": alone,
        "alone_cards": alone_cards,
        "alone_price": alone_cards * price,
        "alone_cost": alone_cards * price / speed,
        "alone_gpus": gpus,
        "alone_gpu_price": gpus * case["gpu_price"],
        "alone_gpu_speed": gpus / read_once,
        "alone_gpu_cost": case["gpu_price"] * read_once,
        "alone_ratio": alone_cards * price / speed / (case["gpu_price"] * read_once),
        "cost_drop": alone_cards * batch / cards,
        "cards_filled": cache / memory,
        "requests_beside_weights": max(0, math.floor((weight_cards * memory - weights) / cache)),
        "memory_vs_other_limits": memory_vs_other_limits,
        "speed_vs_gpus": 185 / 109.723,
        "cards_per_request": request_cards,
        "price_per_request": request_cards * price,
        "floor": floor,
        "cost_limit": price / memory * cache / speed,
        "cost_limit_gib": price / memory * misread / speed,
        "floor_breaking_batch": batch_that_costs(floor, cache),
        "floor_breaking_batch_gib": batch_that_costs(floor, misread),
        "price_ratio": price_ratio,
        "memory_ratio": consumer["memory"],
        "bandwidth_ratio": consumer["memory_bandwidth"],
        "compute_ratio": consumer["fp16_compute"],
        "consumer_ratio": dearest,
        "consumer_cost": gpu_cost * case["consumer_share"],
        "consumer_batch": batch_that_costs(gpu_cost * case["consumer_share"], cache),
        "consumer_dearest_cost": dearest * gpu_cost,
        "consumer_dearest_batch": batch_that_costs(dearest * gpu_cost, cache),
        "limit_vs_gpu": price / memory * cache / speed / gpu_cost,
        "limit_vs_consumer": price / memory * cache / speed / gpu_cost / dearest,
        "effective_cards": case["cluster_cards"],
        "effective_price": cluster_price,
        "effective_batch": held,
        "effective_throughput": held * speed,
        "effective_cost": cluster_price / (held * speed) if held else math.inf,
        "parity_batch": parity,
        "parity_needed": parity_needed,
        "parity_cards": math.inf if math.isinf(parity) else math.ceil(parity_needed / memory),
        "mlperf_speed": 1e3 / 136.8,  # 136.8 ms a token
        "own_speed_ratio": 300 * 0.1368,
    }
    found = conclude.evaluate(**conclude.parameters.base(case))
    assert {name: found[name] for name in conclude.lines} == pytest.approx(second, rel=1e-9)


# Corrected inputs


def test_corrections_take_what_the_catalog_has():
    """MLPerf's 2,725.7 token/s per H100, 1,024 tokens in at most and 290.3 out on average; 300
    token/s of Groq's own; an eighth of a DGX of 270,000 USD; a card for 20,000 USD.
    """
    changes = corrections()
    own, mlperf, host = (
        changes[name] for name in ("Groq's own speed", "MLPerf speed, lengths", "GPU with host")
    )
    assert own == {"speed": 300}
    assert host == {"gpu_price": 270_000 / 8}
    assert mlperf == {"gpu_throughput": pytest.approx(2725.7, abs=0.1), "context_length": 1315}
    assert changes["speeds, lengths, host"] == {**own, **mlperf, **host}
    assert changes["card at list price"] == {"card_price": 20_000}


def test_measured_throughput_leaves_no_batch_at_parity():
    measured = catalog.value("mlperf_v4_0_dgx_h100_offline.throughput_per_gpu")
    result = concluded(gpu_throughput=measured)
    assert result.cost_limit > result.gpu_cost
    assert math.isinf(result.parity_batch)
    assert math.isinf(result.parity_cards)


def test_own_speed_of_the_model_makes_the_cluster_dearer():
    # 300 token/s instead of 500: every cost of the cluster by 5/3, none of the GPU's
    corrected = concluded(speed=catalog.value("groq_llama2_70b.output_speed"))
    assert corrected.cost == pytest.approx(concluded().cost * 5 / 3)
    assert corrected.cost_limit == pytest.approx(concluded().cost_limit * 5 / 3)
    assert corrected.cost_ratio > 1 > concluded().cost_ratio


# Properties


@given(batches, sizes, caches, memories, prices, speeds)
@example(1986, 17707283386.734375, 17707283386.72969, 17707283386.72969, 1.0, 1.0)
def test_cluster_holds_its_batch_and_one_card_fewer_does_not(batch, w, k, m, c, v):
    found = cluster(batch, w, k, m, c, v)
    assert holds_and_one_fewer_does_not(found.cards, m, found.needed)


@given(batches, sizes, caches, memories, prices, speeds)
def test_whole_cards_cost_less_than_one_card_more(batch, w, k, m, c, v):
    found = cluster(batch, w, k, m, c, v)
    smooth = fractional_cost(batch, w, k, m, c, v)
    assert smooth * (1 - 1e-12) <= found.cost <= (smooth + c / (batch * v)) * (1 + 1e-12)


@given(batches, sizes, caches, memories, prices, speeds)
def test_no_batch_costs_less_than_the_limit(batch, w, k, m, c, v):
    limit = batching.cost_limit(c, k, m, v)
    assert cluster(batch, w, k, m, c, v).cost >= limit * (1 - 1e-12)


@given(sizes, caches, memories, prices, speeds)
def test_cost_tends_to_the_limit(w, k, m, c, v):
    batch = math.ceil(1e9 * max(w, m) / k)
    assert cluster(batch, w, k, m, c, v).cost == pytest.approx(
        batching.cost_limit(c, k, m, v), rel=1e-8
    )


@given(sizes, caches, memories, prices, speeds, st.floats(1.001, 1e3))
def test_break_even_batch_is_the_smallest(w, k, m, c, v, above):
    target = above * batching.cost_limit(c, k, m, v)
    batch = batching.break_even_batch(c, w, target, v, m, k)
    assert fractional_cost(batch, w, k, m, c, v) <= target * (1 + 1e-9)
    if batch > 1:
        assert fractional_cost(batch - 1, w, k, m, c, v) > target * (1 - 1e-9)


@given(sizes, caches, memories, prices, speeds, st.floats(0.001, 0.999))
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_no_batch_reaches_a_target_below_the_limit(w, k, m, c, v, below):
    target = below * batching.cost_limit(c, k, m, v)
    assert math.isinf(batching.break_even_batch(c, w, target, v, m, k))


@given(batches, sizes, caches, memories)
def test_cards_of_a_batch_hold_it_and_the_next_fits_only_if_there_is_room(batch, w, k, m):
    cards = cluster(batch, w, k, m).cards
    held = batching.requests_held(cards, m, w, k)
    assert held >= batch or w + batch * k > cards * m * (1 - 1e-12)
    assert w + (held + 1) * k > cards * m * (1 - 1e-12)


@given(st.integers(1, 10_000), sizes, caches, memories)
def test_requests_held_fit_beside_the_weights(cards, w, k, m):
    held = batching.requests_held(cards, m, w, k)
    assert held >= 0
    if w + k > cards * m * (1 + 1e-12):
        assert held == 0
    else:
        assert w + held * k <= cards * m * (1 + 1e-9)


@given(st.floats(0.01, 100))
def test_card_price_scales_every_cost_of_the_cluster(factor):
    plain, scaled = concluded(), concluded(card_price=6000 * factor)
    for name in ("batch1_cost", "cost", "floor", "cost_limit", "effective_cost"):
        assert getattr(scaled, name) == pytest.approx(factor * getattr(plain, name))
    assert scaled.floor_breaking_batch == pytest.approx(plain.floor_breaking_batch, abs=1)
    assert scaled.cards == plain.cards


@given(st.floats(0.01, 100))
def test_speed_and_price_cancel_in_the_batch_that_breaks_the_floor(factor):
    assert concluded(speed=500 * factor).floor_breaking_batch == pytest.approx(3702, abs=1)


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_longer_contexts_never_need_fewer_cards(one, other):
    short, long = sorted((one, other))
    assert concluded(context_length=short).cards <= concluded(context_length=long).cards


@given(*[st.floats(0.01, 100)] * 4)
def test_dearest_ratio_is_the_largest_price_per_property(price, memory, bandwidth, compute):
    found = batching.dearest_ratio(price, memory, bandwidth, compute)
    assert found == max(price / memory, price / bandwidth, price / compute)


def test_a_card_against_itself_costs_the_same():
    gpu = catalog.chip("h100_sxm")
    assert concluded(gpu=gpu, consumer=gpu, gpu_price=gpu.price).consumer_ratio == 1


# One function, for one value and for many


def test_arrays_give_what_single_values_give():
    sizes_ = np.array([1.0, 2.0, 128.0, 3702.0, 1e5])
    many = cluster(sizes_)
    one = [cluster(float(size)) for size in sizes_]
    for field in dataclasses.fields(many):
        expected = [getattr(each, field.name) for each in one]
        assert np.array_equal(getattr(many, field.name), expected)


def test_conclusions_of_arrays_are_those_of_each_value():
    throughputs = np.array([425.0, 2725.7, 100.0])
    speeds_ = np.array([500.0, 300.0, 20.0])
    many = concluded(gpu_throughput=throughputs, speed=speeds_)
    for index, (throughput, speed) in enumerate(zip(throughputs, speeds_, strict=True)):
        one = concluded(gpu_throughput=float(throughput), speed=float(speed))
        for name in conclude.units:
            value = np.broadcast_to(getattr(many, name), (3,))[index]
            assert value == pytest.approx(getattr(one, name)), name


@given(batches)
def test_conclusion_and_cluster_agree(batch):
    result, found = concluded(batch_size=batch), cluster(batch)
    assert (result.needed, result.cards) == (found.needed, found.cards)
    assert (result.cluster_price, result.cost) == (found.price, found.cost)


@given(st.integers(1, 300))
def test_too_few_cards_serve_nobody_at_any_price(cards):
    assume(cards * M < W)
    result = concluded(cluster_cards=float(cards))
    assert result.effective_batch == 0
    assert math.isinf(result.effective_cost)


# The article's figures


VERDICTS = {
    "groq-batch1-cost": "rounded",
    "h100-throughput": "unverified",
    "h100-cost": "reproduced",
    "batch1-cost-ratio": "rounded",
    "kv-cache-batch128": "differs",
    "cards-batch128": "differs",
    "cluster-price-batch128": "differs",
    "cluster-price-growth": "rounded",
    "memory-batch128": "differs",
    "one-user": "differs",
    "slightly-lower": "reproduced",
    "any-number-of-h100s": "confirmed",
    "groq-throughput-batch128": "reproduced",
    "groq-batch128-cost": "differs",
    "cards-per-request": "reproduced",
    "price-per-request": "reproduced",
    "groq-cost-floor": "differs",
    "groq-output-speed": "contradicted",
}


@pytest.mark.parametrize(("claim", "verdict"), VERDICTS.items())
def test_verdict(claim, verdict):
    assert BOOK.ledger.entry(claim).verdict == verdict


def test_figures_that_inherit_the_binary_gigabyte_say_so():
    for claim in ("kv-cache-batch128", "cluster-price-batch128", "groq-batch128-cost"):
        assert "inherits" in BOOK.ledger.entry(claim).reason
