"""Prices asked on a day, with the speed at which they were served; and what hardware is let for."""

import csv

import pytest

from inference_economics import catalog
from inference_economics.catalog import asked, market
from inference_economics.hindsight.timeline import timeline
from inference_economics.quantities import DATA
from reckoner.declare.tables import DataError
from reckoner.declare.units import base_unit, shown

OFFERS = market.offers()
GOOD = {
    "id": "M1", "key": "groq_x_2024_01_02", "date": "2024-01-02", "seller": "Groq",
    "chip_kind": "sram", "model": "LLaMA-2 70B", "shape": "llama2_70b", "size_class": "70B",
    "input_price": "0.7", "output_price": "groq_llama2_70b.output_price",
    "cached_input_price": "", "output_speed": "300", "speed_date": "2024-02",
    "speed_kind": "claimed", "verified": "yes", "source": "a table", "locator": "line 1",
    "note": "",
}  # fmt: skip


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes rows, each the good one but for some cells, where the reader looks for them."""
    monkeypatch.setattr(asked, "DATA", tmp_path)

    def write(*changes):
        with (tmp_path / "market.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, GOOD)
            rows.writeheader()
            rows.writerows(GOOD | change for change in changes)

    return write


def test_figures_are_in_base_units_whether_held_or_referred_to(written):
    written({})
    (row,) = asked.asked()
    assert [row.address(figure) for figure in asked.UNITS] == [
        "groq_x_2024_01_02.input_price", "groq_llama2_70b.output_price", None,
        "groq_x_2024_01_02.output_speed",
    ]  # fmt: skip
    held = {figure.quantity: figure.si for figure in row.constants()}
    assert held == pytest.approx({"input_price": 0.7e-6, "output_speed": 300.0})


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("date", "2024-02"),
        ("chip_kind", "tpu"),
        ("size_class", "big"),
        ("input_price", ""),
        ("output_price", "0"),
        ("output_price", "1e7"),
        ("output_price", "cheap"),
        ("output_price", "3_5"),
        ("cached_input_price", "-1"),
        ("output_speed", "fast enough"),
        ("speed_date", ""),
        ("speed_kind", "guessed"),
        ("verified", "perhaps"),
        ("source", ""),
    ],
)
def test_a_bad_row_is_told_by_file_row_and_column(written, column, cell):
    written({}, {"id": "M2", "key": "other", column: cell})
    with pytest.raises(DataError, match=rf"market\.csv, line 3 \(row 'M2'\), column '{column}'"):
        asked.asked()


def test_a_speed_without_its_date_is_refused(written):
    written({"output_speed": ""})
    with pytest.raises(DataError, match=r"row 'M1'\), column 'speed_date'.*goes with output_speed"):
        asked.asked()


def test_a_key_stands_once(written):
    written({}, {"id": "M2"})
    with pytest.raises(DataError, match=r"market\.csv, row 3, column 'key'"):
        asked.asked()


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("output_price", "groq_llama2_70b.lost"),
        ("output_price", "groq_llama2_70b.output_speed"),
        ("output_speed", "groq_llama2_70b.output_price"),
        ("shape", "llama9"),
    ],
)
def test_a_reference_to_nothing_is_told(written, column, cell):
    known = {f: f"groq_llama2_70b.{f}" for f in ("input_price", "output_price", "output_speed")}
    written(known | {column: cell})
    with pytest.raises(DataError, match=rf"market\.csv, row 'M1', column '{column}'.*{cell}"):
        market.offers()


def test_an_offer_has_its_figures_from_the_catalog():
    groq = next(o for o in OFFERS if o.row.key == "groq_llama2_70b_2024_03_25")
    assert groq.output_price == catalog.value("groq_llama2_70b.output_price") == 0.8e-6
    assert groq.output_speed == catalog.value("llmperf_groq.output_speed")
    assert groq.cached_input_price is None
    for offer in OFFERS:
        held = {figure.address for figure in offer.row.constants()}
        assert held <= catalog.constants().keys()


def test_a_figure_that_another_row_has_is_not_repeated():
    """The same price of the same seller, model and quarter stands once."""
    for offer in OFFERS:
        for figure in offer.row.constants():
            _, _, quantity = figure.address.partition(".")
            other = f"{offer.row.key[:-11]}.{quantity}"
            same = catalog.constants().get(other)
            assert same is None or same.si != figure.si, (offer.row.key, other)


def test_offers_reach_every_kind_and_size_with_a_measured_speed():
    measured = [o for o in OFFERS if o.row.speed_kind == "measured"]
    assert {o.row.chip_kind for o in measured} == {"gpu", "sram", "wafer", "dataflow"}
    assert {o.row.size_class for o in measured} == {"8B", "70B", "405B", "mixture"}
    dates = [o.row.date for o in OFFERS]
    assert dates == sorted(dates)
    assert (dates[0][:4], dates[-1][:4]) == ("2024", "2026")


def test_what_was_recalled_is_not_taken_for_seen():
    class Row:
        def address(self, figure):
            unseen = "groq_llama2_70b.output_speed_artificial_analysis"
            seen = {"input_price": "groq_llama2_70b.input_price"}
            return {"output_speed": unseen, **seen}.get(figure)

    assert not market.Offer(Row()).verified
    assert all(offer.verified == offer.row.verified for offer in OFFERS)


def test_rents_are_dated_and_per_hour():
    rents = timeline("rental")
    assert {event.row.unit for event in rents} == {"USD/hour"}
    row = catalog.constant("h100_contract.rental_price_2026")
    assert str(shown(row.si, base_unit(row.unit))) == "$2.35 per hour"
    h100 = [event for event in rents if event.model == "H100"]
    assert {event.date[:4] for event in h100} >= {"2023", "2024", "2025", "2026"}
    assert {"H200", "B200", "MI300X"} <= {event.model for event in rents}


def test_a_range_of_prices_has_its_ends_in_order():
    rows = catalog.constants()
    lows = [address for address in rows if address.endswith("price_low")]
    assert len(lows) > 4
    for low in lows:
        high = rows[low.removesuffix("low") + "high"] if low[:-3] + "high" in rows else None
        assert high is None or rows[low].si < high.si


def test_the_file_has_no_other_columns():
    with (DATA / "market.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == list(GOOD)
