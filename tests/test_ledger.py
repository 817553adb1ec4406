"""Verdicts are computed, and each says what it must."""

import csv
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inference_economics.book import BOOK
from reckoner.declare.tables import DataError
from reckoner.ledger import Claim, Conclusions, Ledger, Measured, equal_as_printed
from reckoner.site.build import write_claims

BLANK = dict.fromkeys(Claim.model_fields, "")


def claim(**cells):
    basic = {
        "id": "c", "chapter": "one", "section": "s", "claim": "a claim", "printed": "6000",
        "unit": "USD", "kind": "derived", "value": "6000", "value_unit": "USD", "step": "1000",
        "relation": "=", "result": "price",
    }  # fmt: skip
    return Claim(**{**BLANK, **basic, **cells})


def ledger(*claims, price=5700.0, seen=True, fact=5700.0, measured=()):
    row = SimpleNamespace(si=fact, value=fact, unit="USD", verified=seen, source="a source")
    return Ledger(
        claims=claims,
        conclude=lambda _: Conclusions(SimpleNamespace(price=price), {"price": "USD"}),
        formula=lambda _: lambda cards, each: cards * each,
        fact=lambda _: row,
        measured=measured,
    )


def verdict(*claims, **options):
    return ledger(*claims, **options).entry(claims[0].id).verdict


def test_equal_once_rounded_is_reproduced():
    assert verdict(claim(), price=5700.0) == "reproduced"
    assert verdict(claim(), price=6499.0) == "reproduced"
    assert verdict(claim(), price=6501.0) == "differs"


def test_printed_inputs_explain_a_rounding():
    rounded = claim(formula="f", printed_inputs="cards=3 count; each=2000 USD")
    assert verdict(rounded, price=5000.0) == "rounded"
    assert (
        verdict(claim(formula="f", printed_inputs="cards=3; each=1 USD"), price=5000.0) == "differs"
    )


def test_a_wrong_input_is_not_a_rounding():
    inherits = claim(id="a", formula="f", printed_inputs="cards=3 count; each=@b")
    off = claim(id="b", value="2000", printed="2000", step="1")
    assert verdict(inherits, off, price=5000.0) == "differs"


def test_a_fact_needs_a_seen_source():
    outside = claim(kind="outside", result="", facts="a.b")
    assert verdict(outside, fact=6100.0) == "confirmed"
    assert verdict(outside, fact=6650.0) == "contradicted"
    assert verdict(outside, fact=6100.0, seen=False) == "unverified"


@given(st.integers(1, 10**6), st.floats(-0.499, 0.499), st.integers(-2, 6))
@example(2, 0.5 - 2**-20, 0)
def test_what_lies_within_half_a_step_equals_the_figure_as_printed(steps, beside, power):
    step = 10.0**power
    value = (steps + beside) * step
    assert equal_as_printed(value, steps * step, step, reciprocal=False)
    for other in (steps - 1, steps + 1):
        assert not equal_as_printed(value, other * step, step, reciprocal=False)


@given(st.integers(1, 10**6), st.integers(0, 6))
def test_a_figure_half_way_is_printed_as_the_larger(steps, power):
    step = 10.0**power
    assert equal_as_printed((steps + 0.5) * step, (steps + 1) * step, step, reciprocal=False)
    assert not equal_as_printed((steps + 0.5) * step, steps * step, step, reciprocal=False)


def test_a_missing_result_is_named():
    with pytest.raises(DataError, match=r"claims\.csv, row 'c', column 'result'.*'cost'"):
        ledger(claim(result="cost")).entry("c")


def test_a_reason_that_names_nothing_is_named():
    with pytest.raises(DataError, match=r"claims\.csv, row 'c', column 'reason'"):
        ledger(claim(reason="It is {dearer}.")).entry("c")


def test_the_whole_article_is_judged(tmp_path):
    path = tmp_path / "claims.csv"
    write_claims(BOOK, path)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first = ["id", "printed", "computed", "unit", "verdict", "reason"]
    assert list(rows[0]) == [*first, "measured", "second_verdict", "second_reason"]
    assert len(rows) == len({row["id"] for row in rows}) == len(BOOK.claims) == 53
    for row in rows:
        assert row["printed"] and row["computed"] and row["verdict"]


def test_what_is_not_plainly_right_says_why():
    for entry in BOOK.ledger.entries():
        if entry.verdict not in {"reproduced"} or entry.claim.kind in {"outside", "qualitative"}:
            assert entry.reason.endswith("."), entry.claim.id


def test_kinds_and_verdicts_fit():
    world = {"confirmed", "contradicted", "unverified"}
    for entry in BOOK.ledger.entries():
        assert (entry.verdict in world) == (entry.claim.kind in {"given", "outside"})


def second(claimed, price):
    row = Measured(id="c", chapter="two", result="price", reason="It costs {price} now.")
    return ledger(claimed, price=price, measured=(row,)).entry("c").second


def test_a_claim_stands_or_falls_by_measured_inputs():
    assert second(claim(), price=7000.0).verdict == "stands"
    assert second(claim(), price=8000.0).verdict == "falls"
    assert second(claim(relation=">"), price=6001.0).verdict == "stands"
    assert second(claim(relation=">"), price=5999.0).verdict == "falls"
    assert second(claim(), price=8000.0).reason == "It costs $8,000 now."
    assert ledger(claim()).entry("c").second is None


def test_a_second_verdict_that_names_nothing_is_refused():
    row = Measured(id="c", chapter="two", result="cost", reason="It is {price}.")
    with pytest.raises(DataError, match="chapter two concludes no 'cost'"):
        ledger(claim(), measured=(row,)).entry("c")


def test_second_verdicts_are_about_claims():
    assert {row.id for row in BOOK.measured} <= {claim.id for claim in BOOK.claims}
