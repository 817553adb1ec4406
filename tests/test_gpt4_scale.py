"""What the chapter `gpt4_scale` must protect."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.formulas import gpt4_scale
from inference_economics.formulas.capacity import cards_to_hold
from inference_economics.formulas.kv_cache import model_kv_cache
from inference_economics.worksheets.gpt4_scale import conclude
from reckoner.declare.parameters import ParameterError

CARDS = st.integers(2, 4096)
LATENCY = st.floats(1e-8, 1e-4)
MESSAGE = st.floats(1.0, 1e9)
BANDWIDTH = st.floats(1e8, 1e13)
NETWORK = st.tuples(LATENCY, MESSAGE, BANDWIDTH)

CASE = conclude.parameters.base({})
"""The article's case, in base units."""


@pytest.fixture(scope="module")
def article() -> SimpleNamespace:
    return BOOK.conclude_by_default("gpt4_scale").results


def all_reduce_times(
    cards: int, latency: float, message: float, bandwidth: float
) -> dict[str, float]:
    """The worksheet's all-reduces of a stage of so many cards, by network."""
    inputs = {"hop_latency": latency, "link_bandwidth": bandwidth, "layers": 1.0}
    inputs |= {"micro_batch": 1, "hidden_size": 1, "bytes_per_activation": message}
    chip = replace(CASE["chip"], values={"memory": 1.8e12 / (cards - 0.5), "memory_bandwidth": 1.0})
    found = vars(conclude(**{**CASE, **inputs, "chip": chip}))
    assert found["cards_per_stage"] == cards
    names = (name for name in found if name.startswith("all_reduce_"))
    return {name.removeprefix("all_reduce_"): found[name] for name in names}


def concluded(**values: object) -> SimpleNamespace:
    return BOOK.conclude("gpt4_scale", values).results


def test_a_dense_model_is_one_expert_that_every_token_uses() -> None:
    model = catalog.model("llama2_70b")
    assert gpt4_scale.mixture(model) == (1, 1, 68_976_648_192, 0)
    mixed = catalog.model("mixtral_8x7b")
    experts, used, active, size = gpt4_scale.mixture(mixed)
    assert (experts, used, active) == (8, 2, mixed.active_parameters)
    assert active + 6 * size == pytest.approx(mixed.total_parameters)


def test_the_article_rounds_the_cards_down(article) -> None:
    # 7826 cards of 230 MB hold 1,799,980 MB of the 1,800,000 MB.
    assert 7826 * 230 == 1_799_980
    assert article.cards == 7827
    assert article.shortfall == pytest.approx(20e6, rel=1e-9)


def test_a_gib_reading_of_the_memory_would_hide_the_missing_card(
    article,
) -> None:
    # With 220 MiB = 230.686720 MB, the figure of Groq's paper, 7803 cards suffice.
    assert cards_to_hold(article.weights, 220 * 2**20) == 7803


def test_stage_and_budget_by_hand(article) -> None:
    assert article.cards_per_stage == 98  # 7827 / 80 = 97.8
    assert article.cards_in_stages == 7840
    assert article.time_per_token == 0.002
    assert article.time_per_layer == pytest.approx(25e-6, rel=1e-12)
    assert article.time_per_all_reduce == pytest.approx(12.5e-6, rel=1e-12)
    # 1.8e12 B over 7840 cards of 80e12 B/s
    assert article.read_time == pytest.approx(1.8e12 / 7840 / 80e12, rel=1e-12)


def test_all_reduce_times_by_hand(article) -> None:
    # 98 cards, 1 µs a hop, 12288 numbers of 2 B over 16 x 4 lanes of 28 Gbit/s.
    volume = 2 * 97 / 98 * (24576 / 224e9 * 1e6)
    expected = {
        "ring": 194 + volume,
        "torus_2d": 2 * 2 * (98**0.5 - 1) + 2 * volume,
        "torus_3d": 2 * 3 * (98 ** (1 / 3) - 1) + 3 * volume,
        "fat_tree": 14 * 4 + volume,  # 2 x 7 steps; two levels: a 64-port switch has no 98 ports
        # on a dragonfly and a torus cards pass on the others' bytes
        "dragonfly": 14 * 3 + 3 * volume,
        "direct": 2 * 3 + 3 * volume,
        "fat_tree_direct": 2 * 4 + volume,
        "torus_2d_direct": 2 * 98**0.5 + 98**0.5 / 2 * volume,  # sides of 9.9, k / 4 hops in each
        "torus_3d_direct": 3 * 98 ** (1 / 3) + 3 * 98 ** (1 / 3) / 4 * volume,
    }
    for network, microseconds in expected.items():
        time = getattr(article, f"all_reduce_{network}")
        assert time * 1e6 == pytest.approx(microseconds, rel=1e-9), network


def test_no_torus_is_in_time_at_a_microsecond_a_hop(article) -> None:
    for torus in ("torus_2d", "torus_3d", "torus_2d_direct", "torus_3d_direct"):
        assert getattr(article, f"all_reduce_{torus}") > article.time_per_all_reduce
    assert article.all_reduce_direct < article.time_left_per_all_reduce


def test_reading_leaves_a_fat_tree_no_time_with_the_rumoured_layers() -> None:
    rumour = concluded(layers=120)
    left, whole = rumour.time_left_per_all_reduce, rumour.time_per_all_reduce
    assert rumour.all_reduce_direct < left < rumour.all_reduce_fat_tree_direct < whole


@given(st.integers(2, 2000), NETWORK, st.floats(1e-7, 1e-2))
def test_one_token_more_would_be_late(
    cards: int, network: tuple[float, float, float], time: float
) -> None:
    hop, message, bandwidth = network
    assume(message > 1e-3)
    most = gpt4_scale.tokens_in_time(time, cards, 3, 3, hop, message, bandwidth)

    def taken(tokens: float) -> float:
        return gpt4_scale.all_reduce_direct(cards, 3, 3, hop, tokens * message, bandwidth)

    assert most == 0 or taken(most) <= time * (1 + 1e-9)
    assert taken(most + 1) > time * (1 - 1e-9)


@given(CARDS, NETWORK)
def test_a_ring_is_a_torus_of_one_dimension(
    cards: int, network: tuple[float, float, float]
) -> None:
    ring = gpt4_scale.all_reduce_on_ring(cards, *network)
    assert gpt4_scale.all_reduce_on_torus(cards, 1, *network) == pytest.approx(ring, rel=1e-12)


@given(st.integers(2, 40), st.sampled_from([2, 3]), NETWORK)
def test_a_torus_is_its_rings_one_after_another(
    side: int, dimensions: int, network: tuple[float, float, float]
) -> None:
    # Reduce-scatter along each dimension, the piece shrinking by the side each time, then back;
    # each ring has the share of the links that one dimension gets.
    latency, message, bandwidth = network
    rings = sum(
        gpt4_scale.all_reduce_on_ring(side, latency, message / side**i, bandwidth / dimensions)
        for i in range(dimensions)
    )
    torus = gpt4_scale.all_reduce_on_torus(side**dimensions, dimensions, *network)
    assert torus == pytest.approx(rings, rel=1e-9)


@pytest.mark.parametrize("network", ["ring", "torus_2d", "torus_3d", "dragonfly"])
@given(cards=CARDS, wires=NETWORK)
def test_one_card_alone_sums_nothing(
    network: str, cards: int, wires: tuple[float, float, float]
) -> None:
    times = all_reduce_times(1, *wires)
    assert times[network] == 0
    assert all_reduce_times(cards, *wires)[network] > 0


@given(CARDS, NETWORK, st.floats(1.0, 100.0))
def test_time_scales_with_latency_and_message_together(
    cards: int, network: tuple[float, float, float], factor: float
) -> None:
    latency, message, bandwidth = network
    once = all_reduce_times(cards, latency, message, bandwidth)
    more = all_reduce_times(cards, latency * factor, message * factor, bandwidth)
    for name, time in once.items():
        assert more[name] == pytest.approx(time * factor, rel=1e-9), name


@given(CARDS, NETWORK)
def test_no_all_reduce_beats_the_volume_that_a_card_must_send(
    cards: int, network: tuple[float, float, float]
) -> None:
    _, message, bandwidth = network
    least = 2 * (cards - 1) / cards * message / bandwidth
    for name, time in all_reduce_times(cards, *network).items():
        assert time >= least * (1 - 1e-12), name


@pytest.mark.parametrize(("side", "dimensions"), [(8, 2), (10, 2), (4, 3), (6, 3)])
def test_bytes_on_a_torus_take_as_many_links_as_all_routes_together(
    side: int, dimensions: int
) -> None:
    # One byte from one card to every card: the links it takes up, counted.
    along = np.minimum(np.arange(side), side - np.arange(side))
    routes = sum(np.meshgrid(*[along] * dimensions))
    links = gpt4_scale.torus_links_taken(gpt4_scale.torus_hops(side**dimensions, dimensions))
    assert links == pytest.approx(routes.mean(), rel=1e-12)


@given(CARDS, NETWORK)
def test_two_crossings_never_lose_to_halving(
    cards: int, network: tuple[float, float, float]
) -> None:
    times = all_reduce_times(cards, *network)
    assert times["direct"] <= times["dragonfly"]
    assert times["fat_tree_direct"] <= times["fat_tree"]


@given(CARDS, st.sampled_from([4, 8, 16, 32, 64, 128]))
def test_fat_tree_is_the_smallest_with_room(cards: int, ports: int) -> None:
    # A full fat tree of L levels of p-port switches has 2 (p/2)^L leaves (Dally and Towles).
    levels = gpt4_scale.fat_tree_levels(cards, ports)
    assert 2 * (ports // 2) ** int(levels) >= cards
    assert levels == 1 or 2 * (ports // 2) ** (int(levels) - 1) < cards


@given(st.integers(1, 10**6), st.integers(1, 500))
def test_whole_stages_have_room_for_every_card(cards: int, layers: int) -> None:
    stage = gpt4_scale.cards_in_stage(cards, layers)
    assert (stage - 1) * layers < cards <= stage * layers


@given(st.floats(1.0, 1e13), st.floats(1.0, 1e11))
def test_the_last_card_is_neither_empty_nor_too_full(needed: float, memory: float) -> None:
    cards = cards_to_hold(needed, memory)
    on_last = gpt4_scale.bytes_on_last_card(needed, cards, memory)
    slack = 1e-9 * needed
    assert -slack < on_last <= memory + slack


@given(st.integers(1, 512), st.data(), st.integers(1, 4096))
def test_experts_touched_lie_between_one_token_and_all(
    experts: int, data: st.DataObject, batch: int
) -> None:
    used = data.draw(st.integers(1, experts))
    touched = gpt4_scale.experts_of_batch(experts, used, batch)
    more = gpt4_scale.experts_of_batch(experts, used, batch + 1)
    assert used * (1 - 1e-9) <= touched <= more <= experts
    assert touched <= min(experts, used * batch) * (1 + 1e-9)


def test_experts_touched_against_drawn_ones() -> None:
    # Two of 16 experts drawn without replacement for each of 8 tokens, many times.
    draws = np.random.default_rng(1).random((20_000, 8, 16)).argsort(axis=2)[:, :, :2]
    touched = np.mean([len(np.unique(draw)) for draw in draws])
    assert gpt4_scale.experts_of_batch(16, 2, 8) == pytest.approx(touched, rel=0.005)


def test_experts_change_the_reading_and_not_the_cards(
    article,
) -> None:
    assert article.active_share == pytest.approx(280 / 1800, rel=1e-12)
    assert article.read_time_active == pytest.approx(article.read_time * 280 / 1800, rel=1e-12)
    one = concluded(batch_size=1)
    assert one.cards == article.cards
    assert one.read_share == pytest.approx(one.active_share, rel=1e-12)
    assert concluded(batch_size=10_000).read_share == pytest.approx(1, rel=1e-12)


def test_a_known_model_has_its_own_shape() -> None:
    llama = concluded(model="llama31_405b", layers=126)
    assert llama.message == 32768  # 16384 numbers of 2 B
    assert llama.kv_cache == 2 * 126 * 8 * 128 * 8192
    # Every other layer of gpt-oss keeps 128 of the 8192 tokens; a head has 64 numbers.
    oss = concluded(model="gpt_oss_120b", layers=36)
    assert oss.message == 2880 * 2
    assert oss.kv_cache == 2 * 8 * 64 * (18 * 8192 + 18 * 128)
    assert oss.kv_batch_per_layer == 128 * 2 * 8 * 64 * 8192


@pytest.mark.parametrize("key", BOOK.parameters("gpt4_scale").declared[0].choices)
def test_the_assumed_sizes_matter_only_where_a_model_has_none(key: str) -> None:
    plain = concluded(model=key)
    other = concluded(model=key, hidden_size=1000, head_dim=50)
    model = catalog.model(key)
    assert (other.message == plain.message) == model.has("hidden_size")
    assert (other.kv_cache == plain.kv_cache) == model.has("head_dim")
    if model.has("head_dim"):
        assert plain.kv_cache == model_kv_cache(model, 8192, 1.0)


def test_only_sram_chips_can_be_chosen() -> None:
    with pytest.raises(ParameterError, match="chip"):
        concluded(chip="h100_sxm")


def test_no_time_left_is_no_negative_time() -> None:
    # A WSE-3 holds a layer of 22.5 GB alone and reads it in 1.07 µs, more than 1/(80 x 1e5) s.
    late = concluded(chip="wse_3", speed=1e5)
    assert late.cards_per_stage == 1
    assert late.read_time > late.time_per_layer
    assert late.time_left_per_all_reduce == 0


def test_links_are_counted_at_the_rate_of_a_cable() -> None:
    links, lanes, cabled = (
        catalog.value(f"groq_lpu.{name}")
        for name in ("links", "lanes_per_link", "lane_bandwidth_cabled")
    )
    default = BOOK.parameters("gpt4_scale").base({})["link_bandwidth"]
    assert default == links * lanes * cabled == 224e9


@pytest.mark.parametrize("key", ["llama2_70b", "llama31_405b", "gpt3_175b"])
def test_a_dense_model_is_one_expert(key: str) -> None:
    dense = concluded(model=key)
    assert dense.active_share == dense.read_share == dense.experts_touched == 1
    assert dense.read_time_active == dense.read_time


def test_kv_cache_by_hand(article) -> None:
    # Key and value, 120 layers, one head of 128 numbers of one byte, 8192 tokens, 128 sequences.
    assert article.kv_cache == 2 * 120 * 1 * 128 * 1 * 8192
    assert article.kv_cache_batch == article.kv_cache * 128
    assert article.kv_cards == math.ceil((1.8e12 + article.kv_cache_batch) / 230e6) - 7827
    assert article.kv_copies == 98
    assert article.kv_batch_per_layer > catalog.chip("groq_lpu").memory


@given(st.integers(1, 512), st.integers(1, 128))
def test_kv_heads_are_copied_only_when_cards_outnumber_them(cards: int, heads: int) -> None:
    copies = gpt4_scale.copies_of_kv(cards, heads)
    assert copies >= 1
    assert (copies == 1) == (cards <= heads)


@given(st.floats(1.0, 1e5), st.integers(1, 500))
def test_the_budget_is_the_token_shared_out(speed: float, layers: int) -> None:
    layer = gpt4_scale.time_of_layer(gpt4_scale.time_of_token(speed), layers)
    assume(layer > 0)
    assert gpt4_scale.time_of_all_reduce(layer) * 2 * layers * speed == pytest.approx(1, rel=1e-12)


def test_more_layers_mean_less_time_and_smaller_stages(
    article,
) -> None:
    rumour = concluded(layers=120)
    assert rumour.cards_per_stage == 66  # 7827 / 120 = 65.2
    assert rumour.time_per_all_reduce < article.time_per_all_reduce
    assert rumour.cards == article.cards


def test_the_published_network_would_reach() -> None:
    assert concluded().cards_in_stages <= catalog.value("groq_scale_out.max_chips")


def test_conclusions_run_on_arrays() -> None:
    layers = np.array([60, 80, 120])
    together = conclude(**{**CASE, "layers": layers})
    for index, number in enumerate(layers):
        alone = conclude(**{**CASE, "layers": int(number)})
        for name in conclude.units:
            value = np.broadcast_to(getattr(together, name), layers.shape)[index]
            assert value == pytest.approx(getattr(alone, name), rel=1e-12), name


# Every result a second time

WIDE: dict[str, Any] = {
    "model": "gpt4_rumour", "chip": "groq_lpu", "bytes_per_parameter": 0.75, "layers": 70,
    "speed": 310.0, "hidden_size": 9001, "head_dim": 97, "batch_size": 211, "micro_batch": 3,
    "hop_latency": 0.7, "link_bandwidth": 91.0, "bytes_per_activation": 1.5,
    "bytes_per_element": 1.25, "context_length": 5003,
}  # fmt: skip
WINDOWED: dict[str, Any] = {
    "model": "gpt_oss_120b", "chip": "groq_3_lpu", "bytes_per_parameter": 0.55, "layers": 41,
    "speed": 1700.0, "hidden_size": 7001, "head_dim": 89, "batch_size": 37, "micro_batch": 13,
    "hop_latency": 0.23, "link_bandwidth": 640.0, "bytes_per_activation": 4.5,
    "bytes_per_element": 2.5, "context_length": 911,
}  # fmt: skip
DENSE: dict[str, Any] = {
    "model": "llama31_405b", "chip": "groq_lpu", "bytes_per_parameter": 1.9, "layers": 480,
    "speed": 9100.0, "hidden_size": 5003, "head_dim": 61, "batch_size": 1009, "micro_batch": 29,
    "hop_latency": 3.7, "link_bandwidth": 17.0, "bytes_per_activation": 0.7,
    "bytes_per_element": 3.25, "context_length": 1201,
}  # fmt: skip


def worked_out(g: SimpleNamespace) -> dict[str, float]:
    """Every result from its definition, without the book's formulas; `g` in base units."""
    model, memory, reading = g.model, g.chip.memory, g.chip.memory_bandwidth
    total = model.values.get("total_parameters", 405_853_388_800)  # Llama 3.1 405B, by its shape
    held = total * g.bytes_per_parameter
    cards = math.ceil(held / memory)
    n = math.ceil(cards / g.layers)
    token = 1 / g.speed
    read = held / g.layers / n / reading
    hidden = model.values.get("hidden_size", g.hidden_size)
    dim = model.values.get("head_dim", g.head_dim)
    message = g.micro_batch * hidden * g.bytes_per_activation
    hop, wire = g.hop_latency, g.link_bandwidth
    piece = message / n / wire  # a card's part of the message on a link
    steps, levels = 2 * math.ceil(math.log2(n)), 1
    while 2 * 32**levels < n:  # a full fat tree of switches with 64 ports
        levels += 1
    one_layer = 2 * model.kv_heads * dim * g.bytes_per_element * g.context_length
    windowed = model.values.get("windowed_layers", 0)
    window = min(1, model.values.get("sliding_window", 1) / g.context_length)
    sequence = one_layer * (model.layers - windowed + windowed * window)
    active, touched = total, 1.0
    read_by_batch = total
    if model.has("experts"):
        active, experts, used = model.active_parameters, model.experts, model.experts_per_token
        touched = experts - experts * (1 - used / experts) ** g.batch_size
        each = (total - active) / (experts - used)
        read_by_batch = active + (touched - used) * each

    def torus(dimensions: int) -> float:
        side = n ** (1 / dimensions)
        return 2 * dimensions * ((side - 1) * hop + (n - 1) * piece)

    def crossed(hops: float, links: float) -> float:
        return 2 * (hops * hop + links * (n - 1) * piece)

    def crossed_torus(dimensions: int) -> float:
        farthest = dimensions * n ** (1 / dimensions) / 2
        return crossed(farthest, max(1, farthest / 2))

    left = max(0, token / g.layers - read) / 2
    one_token = hidden * g.bytes_per_activation
    of_one_token = 2 * 3 * (n - 1) * one_token / n / wire
    return {
        "weights": held,
        "cards": cards,
        "shortfall": held - (cards - 1) * memory,
        "cards_per_stage": n,
        "cards_in_stages": n * g.layers,
        "time_per_token": token,
        "time_per_layer": token / g.layers,
        "read_time": read,
        "time_per_all_reduce": token / g.layers / 2,
        "time_left_per_all_reduce": left,
        "hops_in_budget": token / g.layers / 2 / hop,
        "link_vs_catapult": g.link_bandwidth / 5e9,  # ClickNP's 40 Gbit/s
        "message": message,
        "published_hop": 3e-6 / 3,
        "token_message": one_token,
        "tokens_in_time": max(0, math.floor((left - crossed(3, 0)) / of_one_token)),
        "fat_tree_hops": 2 * levels,
        "all_reduce_ring": torus(1),
        "all_reduce_torus_2d": torus(2),
        "all_reduce_torus_3d": torus(3),
        "all_reduce_fat_tree": steps * 2 * levels * hop + 2 * (n - 1) * piece,
        "all_reduce_dragonfly": steps * 3 * hop + 2 * 3 * (n - 1) * piece,
        "all_reduce_direct": crossed(3, 3),
        "all_reduce_fat_tree_direct": crossed(2 * levels, 1),
        "all_reduce_torus_2d_direct": crossed_torus(2),
        "all_reduce_torus_3d_direct": crossed_torus(3),
        "kv_cache": sequence,
        "kv_cache_batch": sequence * g.batch_size,
        "kv_cards": math.ceil((held + sequence * g.batch_size) / memory) - cards,
        "kv_cards_share": math.ceil((held + sequence * g.batch_size) / memory) / cards - 1,
        "kv_copies": max(1, n / model.kv_heads),
        "kv_batch_per_layer": one_layer * g.batch_size,
        "active_share": active / total,
        "experts_touched": touched,
        "read_share": read_by_batch / total,
        "read_time_active": active * g.bytes_per_parameter / g.layers / n / reading,
        "spread_micro_batch": math.ceil(g.batch_size / g.layers),
        "gpu_message": 8192 * 2,
        # eight GPUs, up to one switch and down again, 450 GB/s each way
        "gpu_all_reduce": 2 * (2 * hop + 7 / 8 * 16384 / 450e9),
        "gpu_fastest": 3.56e-6,
        "gpu_slowest": 18.98e-6,
        "software_ratio": 18.98 / 3.56,
    }


@pytest.mark.parametrize("case", [WIDE, WINDOWED, DENSE], ids=["wide", "windowed", "dense"])
def test_every_result_is_computed_a_second_time(case: dict[str, Any]) -> None:
    given_values = conclude.parameters.base(case)
    expected = worked_out(SimpleNamespace(**given_values))
    assert vars(conclude(**given_values)) == pytest.approx(expected, rel=1e-9)


def test_the_second_computation_meets_both_sides_of_every_choice() -> None:
    wide, windowed, dense = (
        conclude(**conclude.parameters.base(case)) for case in (WIDE, WINDOWED, DENSE)
    )
    assert wide.fat_tree_hops > windowed.fat_tree_hops
    assert dense.time_left_per_all_reduce == 0 < wide.time_left_per_all_reduce
    assert windowed.kv_copies == 1 < wide.kv_copies
    assert windowed.kv_cache < 36 * windowed.kv_batch_per_layer / 37 * 0.99
    assert dense.read_share == 1 > windowed.read_share


def test_factors_stand_under_their_own_names_in_worked_equations() -> None:
    # a product is the same whatever the order of its factors; what is shown is not
    case = conclude.parameters.base(WIDE)
    run, bandwidth = conclude.run(**case), case["chip"].memory_bandwidth
    stage = {"layers": 70, "cards_per_stage": run.results.cards_per_stage}
    weights = {"weight_bytes": run.results.weights, "memory_bandwidth": bandwidth}
    assert run.call("read_time").arguments == pytest.approx(stage | weights)
    message = {"micro_batch": 3, "hidden_size": 9001, "bytes_per_activation": 1.5}
    assert run.call("message").arguments == pytest.approx(message)
