"""What the chapter `margins` must keep: its sums, their limits, and the article's figures."""

import csv
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.formulas import batching, margins
from inference_economics.quantities import DATA
from inference_economics.worksheets.batching import conclude as batch
from inference_economics.worksheets.margins import conclude

DOLLARS = st.floats(1.0, 1e6)
WATTS = st.floats(1.0, 1e4)
SHARES = st.floats(0.01, 1.0)
OVERHEADS = st.floats(1.0, 3.0)
SECONDS = st.floats(1e6, 1e9)
PRICES = st.floats(1e-9, 1e-6)


def concluded(**given_values: Any) -> SimpleNamespace:
    results: SimpleNamespace = BOOK.conclude("margins", given_values).results
    return results


def in_base_units(**changed: Any) -> SimpleNamespace:
    return conclude(**{**conclude.parameters.base({}), **changed})


# Formulas


@given(DOLLARS, WATTS, SHARES, OVERHEADS, PRICES)
def test_electricity_costs_as_much_as_the_card_at_break_even(
    card_price: float, power: float, load: float, overhead: float, price: float
) -> None:
    even = margins.break_even_time(card_price, power, load, overhead, price)
    electricity = margins.electricity_of_card(power, load, overhead, even, price)
    assert electricity == pytest.approx(card_price, rel=1e-12)
    assert margins.share_of_electricity(electricity, card_price) == pytest.approx(0.5, rel=1e-12)


@given(WATTS, SHARES, OVERHEADS, SECONDS, PRICES, st.floats(1.1, 10))
def test_electricity_is_proportional_to_each_of_its_factors(
    power: float, load: float, overhead: float, lifetime: float, price: float, factor: float
) -> None:
    factors = [power, load, overhead, lifetime, price]
    once = margins.electricity_of_card(*factors)
    for place in range(len(factors)):
        scaled = [f * factor if n == place else f for n, f in enumerate(factors)]
        assert margins.electricity_of_card(*scaled) == pytest.approx(factor * once, rel=1e-12)


@given(DOLLARS, DOLLARS, st.floats(1.1, 100))
def test_share_of_electricity_grows_with_it_and_stays_below_one(
    electricity: float, card_price: float, factor: float
) -> None:
    share = margins.share_of_electricity(electricity, card_price)
    assert 0 < share < margins.share_of_electricity(factor * electricity, card_price) < 1
    of_card = card_price / margins.price_with_electricity(card_price, electricity)
    assert share + of_card == pytest.approx(1, rel=1e-12)


@given(st.floats(1.0, 1e6), st.integers(1, 10_000), WATTS, SHARES)
def test_a_joule_buys_the_same_on_many_machines_as_on_one(
    throughput: float, machines: int, power: float, load: float
) -> None:
    one = margins.energy_efficiency(throughput, 1, power, load)
    assert margins.energy_efficiency(machines * throughput, machines, power, load) == pytest.approx(
        one, rel=1e-12
    )


def test_electricity_worked_by_hand() -> None:
    # 1 kW at full load for 1000 h with a PUE of 1.5 is 1500 kWh; at 0.10 USD per kWh 150 USD
    price_of_joule = 0.10 / 3.6e6
    assert margins.electricity_of_card(1000.0, 1.0, 1.5, 3.6e6, price_of_joule) == pytest.approx(
        150
    )


def test_net_margin_of_the_last_quarter_by_hand() -> None:
    # NVIDIA, quarter to 28 January 2024: 12,285 of 22,103 million USD is 55.6%
    assert margins.net_margin(12_285e6, 22_103e6) == pytest.approx(0.5558, abs=5e-5)


# Conclusions at the article's inputs


def test_cards_and_throughput_are_those_of_batching() -> None:
    before = BOOK.conclude("batching", {}).results
    here = concluded()
    assert here.cards == before.cards
    assert here.throughput == before.throughput
    assert here.gpu_cost_at_list == before.gpu_cost


def test_shared_parameters_are_declared_once() -> None:
    before = {parameter.name: parameter for parameter in batch.parameters}
    own = {"gpu"}  # here it needs a power, there a compute
    shared = [p for p in conclude.parameters if p.name in before and p.name not in own]
    assert len(shared) == 10
    for parameter in shared:
        assert replace(parameter, own=None) == replace(before[parameter.name], own=None)


def test_the_cluster_at_cost_is_not_the_articles() -> None:
    # 128 sequences of 4096 tokens at 163,840 bytes a token: 85.899 GB, not the 80 GB that
    # reading GiB as GB gives; with 70 GB of weights 677.8 cards of 230 MB, rounded up
    results = concluded()
    assert results.cards == 678
    assert results.cluster_at_cost == 678_000
    assert results.cost_at_cost == pytest.approx(678_000 / 64_000, rel=1e-12)


def test_the_articles_printed_cards_would_give_its_printed_cost() -> None:
    # The article's own chain: 652 cards at 1000 USD over 64,000 token/s
    assert round(batching.capital_cost(652_000, 64_000), 1) == 10.2


def test_gpu_at_cost_by_hand() -> None:
    results = concluded()
    assert results.gpu_cost_fraction == pytest.approx(1 / 15, rel=1e-12)
    assert round(results.gpu_cost_at_cost, 1) == 4.7
    assert round(results.gpu_cost_at_list, 2) == 70.59


def test_electricity_of_five_years_by_hand() -> None:
    # 215 W and 700 W, times 1.58, times 5 * 8766 h, times 0.0806 USD per kWh
    results = concluded()
    assert results.electricity == pytest.approx(0.215 * 1.58 * 5 * 8766 * 0.0806, rel=1e-12)
    assert results.gpu_electricity == pytest.approx(0.700 * 1.58 * 5 * 8766 * 0.0806, rel=1e-12)


def test_electricity_dominates_only_while_the_card_lives_long_enough() -> None:
    years = concluded().break_even / YEAR
    assert concluded(lifetime=years * 1.01).electricity_share > 0.5
    assert concluded(lifetime=years * 0.99).electricity_share < 0.5
    # with the overhead of a large cloud the same five years are too short: the claim turns
    assert concluded().electricity_share > 0.5 > concluded(overhead=1.1).electricity_share


def test_at_list_price_electricity_never_dominates_in_five_years() -> None:
    results = concluded()
    lifetime = conclude.parameters.base({})["lifetime"]
    assert lifetime < results.break_even_at_list < results.gpu_break_even_at_list


def test_measured_efficiency_is_throughput_over_wall_power() -> None:
    key = "mlperf_v4_1_8xh200_maxq"
    measured = catalog.value(f"{key}.throughput") / catalog.value(f"{key}.wall_power")
    assert round(measured, 2) == concluded().measured_tokens_per_joule == 4.10


def test_quarters_add_up_to_the_year() -> None:
    quarters = [f"nvidia_q{number}_fy2024" for number in (1, 2, 3, 4)]
    for quantity in ("revenue", "net_income"):
        year = catalog.value(f"nvidia_fy2024.{quantity}")
        assert sum(catalog.value(f"{q}.{quantity}") for q in quarters) == pytest.approx(
            year, rel=1e-3
        )


def test_only_the_quarters_and_not_the_year_pass_one_half() -> None:
    results = concluded()
    assert results.nvidia_margin > results.nvidia_margin_before > 0.5 > results.nvidia_margin_year


# A second computation of every result

YEAR = 365.25 * 86400


def by_hand(
    model: str,
    chip: str,
    gpu: str,
    bytes_per_parameter: float,
    bytes_per_element: float,
    context_length: int,
    batch_size: int,
    speed: float,
    gpu_throughput: float,
    card_price: float,
    card_cost: float,
    gpu_price: float,
    gpu_cost: float,
    electricity_price: float,
    overhead: float,
    lifetime: float,
    chip_power: float,
    load: float,
) -> dict[str, float]:
    """Every result from the definitions, in base units; no formula of the book is called."""
    value = catalog.value
    heads = value(f"{model}.kv_heads") * value(f"{model}.head_dim")
    request = 2 * value(f"{model}.layers") * heads * bytes_per_element * context_length
    weights = value(f"{model}.nominal_parameters") * bytes_per_parameter
    cards = math.ceil((weights + batch_size * request) / value(f"{chip}.memory"))
    throughput = batch_size * speed
    cost, gpu_at_cost = card_cost * cards / throughput, gpu_cost / gpu_throughput

    gpu_power = value(f"{gpu}.power")
    on_card = throughput / cards / chip_power
    dollars_of_watt = load * overhead * electricity_price  # for each second
    electricity = chip_power * lifetime * dollars_of_watt
    gpu_electricity = gpu_power * lifetime * dollars_of_watt
    in_life = cards * (card_cost + electricity) / throughput
    gpu_in_life = (gpu_cost + gpu_electricity) / gpu_throughput
    cloud = load * value("data_centre.pue_hyperscale_low") * electricity_price
    fourth, alibaba = value("nvidia_q4_fy2024.revenue"), value("alibaba_q4_2023.revenue")
    third, year = value("nvidia_q3_fy2024.revenue"), value("nvidia_fy2024.revenue")
    return {
        "cards": cards,
        "cluster_at_cost": cards * card_cost,
        "throughput": throughput,
        "cost_at_cost": cost,
        "gpu_cost_at_list": gpu_price / gpu_throughput,
        "list_gpu_vs_cost_chip": gpu_price / gpu_throughput / cost,
        "gpu_cost_fraction": gpu_cost / gpu_price,
        "gpu_cost_at_cost": gpu_at_cost,
        "cost_gpu_vs_cost_chip": gpu_at_cost / cost,
        "chip_margin": (card_price - card_cost) / card_price,
        "gpu_margin": (gpu_price - gpu_cost) / gpu_price,
        "electricity": electricity,
        "gpu_electricity": gpu_electricity,
        "electricity_share": electricity / (electricity + card_cost),
        "gpu_electricity_share": gpu_electricity / (gpu_electricity + gpu_cost),
        "break_even": card_cost / chip_power / dollars_of_watt,
        "gpu_break_even": gpu_cost / gpu_power / dollars_of_watt,
        "break_even_at_list": card_price / chip_power / dollars_of_watt,
        "gpu_break_even_at_list": gpu_price / gpu_power / dollars_of_watt,
        "with_electricity": in_life,
        "gpu_with_electricity": gpu_in_life,
        "gpu_vs_chip_with_electricity": gpu_in_life / in_life,
        "token_cost": in_life / lifetime,
        "gpu_token_cost": gpu_in_life / lifetime,
        "tokens_per_joule": throughput / cards / chip_power / load,
        "gpu_tokens_per_joule": gpu_throughput / gpu_power / load,
        "gpu_batch": 128,
        "most_tokens_per_joule": speed * value(f"{chip}.memory") / request / chip_power / load,
        "board_tokens_per_joule": throughput / cards / 275 / load,
        "measured_vs_paper": 4.10 * load / max(on_card, gpu_throughput / gpu_power),
        "tokens_per_joule_ratio": throughput / cards / chip_power * gpu_power / gpu_throughput,
        "measured_tokens_per_joule": value("mlperf_v4_1_8xh200_maxq.energy_efficiency"),
        "nvidia_margin": value("nvidia_q4_fy2024.net_income") / fourth,
        "nvidia_margin_before": value("nvidia_q3_fy2024.net_income") / third,
        "nvidia_margin_year": value("nvidia_fy2024.net_income") / year,
        "nvidia_gross_margin": value("nvidia_q4_fy2024.gross_margin"),
        "nvidia_vs_alibaba": fourth / alibaba,
        "nvidia_vs_alibaba_before": third / alibaba,
        "consumer_power": value("rtx_4090.power"),
        "consumer_vs_chip_power": value("rtx_4090.power") / chip_power,
        "venture_low": value("altman_chip_venture.raise_low"),
        "venture_high": value("altman_chip_venture.raise_high"),
        "asked_vs_anyscale": 0.8 / 1.0,  # dollars per million tokens
        "asked_vs_together": 0.8 / 0.9,
        "guessed_cost_ratio": gpu_cost / card_cost,
        "making_ratio": 3320 / 500,
        "reported_margin": 1 - value("h100_sxm.manufacturing_cost") / value("h100_sxm.price"),
        "break_even_in_cloud": card_cost / chip_power / cloud,
    }


OTHERS: tuple[dict[str, Any], ...] = (
    {
        "model": "llama31_8b",
        "chip": "gc200",
        "gpu": "h200_sxm",
        "bytes_per_parameter": 2.0,
        "bytes_per_element": 0.5,
        "context_length": 3001,
        "batch_size": 77,
        "speed": 313.0,
        "gpu_throughput": 1709.0,
        "card_price": 8111.0,
        "card_cost": 1301.0,
        "gpu_price": 27017.0,
        "gpu_cost": 3323.0,
        "electricity_price": 0.117,
        "overhead": 1.23,
        "lifetime": 3.7,
        "chip_power": 187.0,
        "load": 0.61,
    },
    {
        "model": "llama2_13b",
        "chip": "groq_3_lpu",
        "gpu": "b200_sxm",
        "bytes_per_parameter": 0.75,
        "bytes_per_element": 1.5,
        "context_length": 907,
        "batch_size": 19,
        "speed": 1103.0,
        "gpu_throughput": 229.0,
        "card_price": 951.0,
        "card_cost": 2003.0,
        "gpu_price": 4507.0,
        "gpu_cost": 6101.0,
        "electricity_price": 0.029,
        "overhead": 2.41,
        "lifetime": 11.3,
        "chip_power": 607.0,
        "load": 0.37,
    },
)
"""Cases in which no two numbers are equal; in the second, a card costs more than its price."""


def in_si(values: dict[str, Any]) -> dict[str, Any]:
    kwh = 3.6e6
    price, years = values["electricity_price"], values["lifetime"]
    return {**values, "electricity_price": price / kwh, "lifetime": years * YEAR}


@pytest.mark.parametrize("values", OTHERS)
def test_every_result_is_computed_a_second_time(values: dict[str, Any]) -> None:
    assert vars(concluded(**values)) == pytest.approx(by_hand(**in_si(values)), rel=1e-9)


def test_factors_stand_under_their_own_names_in_worked_equations() -> None:
    # a product is the same whatever the order of its factors; what is shown is not
    given_values = in_si(OTHERS[0])
    run = BOOK.run("margins", OTHERS[0])
    names = ("load", "overhead", "electricity_price", "lifetime")
    running = {name: given_values[name] for name in names}
    power, load = given_values["chip_power"], running["load"]
    electricity = run.call("electricity").arguments
    assert electricity == pytest.approx({"power": power, **running})
    efficiency = {"throughput": 77 * 313, "cards": run.results.cards, "power": power, "load": load}
    assert run.call("tokens_per_joule").arguments == pytest.approx(efficiency)
    del running["lifetime"]
    even = {"card_price": 1301.0, "power": power, **running}
    assert run.call("break_even").arguments == pytest.approx(even)


# Properties of the whole


@given(st.floats(0.5, 20))
def test_costs_at_cost_price_follow_the_prices(factor: float) -> None:
    once, scaled = in_base_units(), in_base_units(card_cost=1000.0 * factor)
    assert scaled.cost_at_cost == pytest.approx(factor * once.cost_at_cost, rel=1e-12)
    assert scaled.break_even == pytest.approx(factor * once.break_even, rel=1e-12)
    assert scaled.electricity == once.electricity


def test_a_larger_batch_writes_more_tokens_per_joule_up_to_a_limit() -> None:
    batches = 2.0 ** np.arange(0, 24)
    efficiency = in_base_units(batch_size=batches).tokens_per_joule
    # the limit: requests then pay only for the memory their KV cache fills
    limit = 500 * 230e6 / (163_840 * 4096 * 215)
    assert np.all(np.diff(efficiency) > 0)
    assert np.all(efficiency < limit)
    assert efficiency[-1] == pytest.approx(limit, rel=1e-4)


def test_arrays_give_the_same_as_single_numbers() -> None:
    overheads, lives = np.array([[1.1], [1.58]]), np.array([3e7, 1e8, 2e8])
    swept = in_base_units(overhead=overheads, lifetime=lives).electricity_share
    single = [
        [in_base_units(overhead=o, lifetime=t).electricity_share for t in lives]
        for o in overheads[:, 0]
    ]
    np.testing.assert_array_equal(swept, single)


# The ledger

VERDICTS = {
    "tdp-like-4090": "contradicted",
    "groq-cluster-at-cost": "differs",
    "groq-cost-at-cost": "differs",
    "groq-at-cost-vs-h100": "rounded",
    "h100-cost-fraction": "reproduced",
    "h100-cost-at-cost": "reproduced",
    "h100-at-cost-vs-groq": "rounded",
    "electricity-dominates": "reproduced",
    "nvidia-net-margin": "confirmed",
    "nvidia-vs-alibaba": "contradicted",
    "altman-raise": "contradicted",
    "groq-power": "unverified",
    "cheaper-to-make": "confirmed",
    "not-ten-times-cheaper": "unverified",
    "groq-foundry": "contradicted",
    "groq-card-cost": "confirmed",
    "h100-cost-price": "contradicted",
    "h100-premium": "confirmed",
    "token-per-watt-low": "reproduced",
    "groq-undercuts": "confirmed",
}


@pytest.mark.parametrize(("claim", "verdict"), VERDICTS.items())
def test_verdict(claim: str, verdict: str) -> None:
    assert BOOK.ledger.entry(claim).verdict == verdict


def test_every_claim_of_the_chapter_has_a_verdict_here() -> None:
    with (DATA / "claims.csv").open(encoding="utf-8") as file:
        claims = {row["id"] for row in csv.DictReader(file) if row["chapter"] == "margins"}
    assert claims == set(VERDICTS)


def test_sixty_per_cent_is_not_almost_equal() -> None:
    # rounded to a whole number, 0.6 would be 1: the claim must be judged more closely
    assert BOOK.ledger["nvidia-vs-alibaba"].relation == "about"
    assert BOOK.ledger.entry("nvidia-vs-alibaba").verdict == "contradicted"
