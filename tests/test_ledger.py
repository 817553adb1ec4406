"""Verdicts are computed, each says what it must, and no number of the article is left out."""

import csv
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inference_economics.book import BOOK
from reckoner.claims import (
    EQUAL_TOLERANCE,
    ROUNDING_TOLERANCE,
    Again,
    Claim,
    agreement,
    distance,
    equal_as_printed,
    parts,
)
from reckoner.declare.tables import Constant, DataError
from reckoner.declare.units import si
from reckoner.judgement import AT_FAULT, by_odds
from reckoner.ledger import Conclusions, Ledger
from reckoner.show.claim_graph import Layers, claim_graph
from reckoner.site.build import write_claims

BLANK = dict.fromkeys(Claim.model_fields, "")
ENTRIES = {entry.claim.id: entry for entry in BOOK.ledger.entries()}


def claim(**cells):
    basic = {
        "id": "c", "chapter": "one", "section": "s", "claim": "a claim", "printed": "6,000",
        "unit": "USD", "kind": "derived", "value": "6000", "value_unit": "USD",
        "relation": "=", "result": "price",
    }  # fmt: skip
    return Claim(**{**BLANK, **basic, **cells})


def row(value, verified=True):
    cells = {"id": "A1", "key": "a", "subject": "A", "quantity": "b", "locator": "p", "note": ""}
    return Constant(**cells, value=value, unit="USD", verified=verified, source="a source")


def ledger(*claims, price=5700.0, seen=True, fact=5700.0, again=(), share=0.5):
    def concluded(price):
        results = SimpleNamespace(price=price, share=share)
        return Conclusions(results, {"price": "USD", "share": "share"})

    return Ledger(
        claims=claims,
        conclude=lambda _: concluded(price),
        revise=lambda _, changes: concluded(changes["price"]),
        formula=lambda _: lambda cards, each: cards * each,
        fact={"a.b": row(fact, seen)}.__getitem__,
        again=again,
    )


def verdict(*claims, **options):
    return ledger(*claims, **options).verdict(claims[0].id)


def test_a_round_figure_that_the_computed_one_rounds_to_is_rounded():
    assert verdict(claim(), price=6000.0) == "reproduced"
    assert verdict(claim(), price=5945.0) == "reproduced"
    assert verdict(claim(), price=5703.0) == "rounded"
    assert verdict(claim(), price=5499.0) == verdict(claim(), price=6501.0) == "differs"


@pytest.mark.parametrize(
    ("computed", "text", "expected"),
    [
        (7827, "7826", "equal"),  # within the tolerance
        (70.59, "70", "equal"),
        (10.24, "10.2", "equal"),  # as printed
        (23.88, "25", "rounded"),  # a quarter
        (1 / 2.251, "1/2", "rounded"),  # in n
        (6.663, "7", "rounded"),
        (1 / 417.4, "1/400", "rounded"),
        (85.9, "80", "off"),  # would be 90
        (63.56, "61", "off"),  # not a round figure
        (0.671, "0.625", "off"),
        (155.9, "150", "off"),
        (1.49, "1", "off"),  # too far
        (1 / 347.8, "1/400", "off"),
        (0.0, "1", "off"),
    ],
)
def test_agreement(computed, text, expected):
    assert agreement(computed, text, "count") == expected


@given(st.integers(1, 10**6), st.floats(0.01, 1e7))
@example(25, 23.0)
def test_what_agrees_lies_near_and_what_lies_nearer_agrees(printed, computed):
    found, off = agreement(computed, str(printed), "count"), abs(distance(computed, printed))
    if off <= EQUAL_TOLERANCE:
        assert found == "equal"
    if found == "rounded":
        assert EQUAL_TOLERANCE < off <= ROUNDING_TOLERANCE
    if found == "equal":
        # half of the last digit of a figure of two digits, or the tolerance
        assert off <= 0.05 + 1e-9


@given(st.sampled_from(["GB", "MB", "B", "TB"]), st.integers(1, 999), st.floats(0.5, 2.0))
def test_agreement_does_not_depend_on_the_unit(unit, printed, share):
    in_count = agreement(printed * share, str(printed), "count")
    assert agreement(si(printed * share, unit), str(printed), unit) == in_count


def test_printed_inputs_explain_a_rounding():
    rounded = claim(formula="f", printed_inputs="cards=3 count; each=2000 USD")
    assert verdict(rounded, price=5000.0) == "rounded"
    wrong = claim(formula="f", printed_inputs="cards=3; each=1 USD")
    assert verdict(wrong, price=5000.0) == "differs"


def test_a_wrong_input_makes_an_heir_and_not_a_rounding():
    inherits = claim(id="a", formula="f", printed_inputs="cards=3 count; each=@b", follows="b")
    off = claim(id="b", value="2000", printed="2,000")
    judged = ledger(inherits, off, price=5000.0)
    assert judged.verdict("a") == "differs"
    assert judged.slip("a") == judged.slip("b") == "b"
    assert judged.faults() == {"b": ["a"]}


def test_a_figure_that_its_inputs_do_not_give_is_a_fault_of_its_own():
    own = claim(id="a", formula="f", printed_inputs="cards=5 count; each=@b", follows="b")
    off = claim(id="b", value="2000", printed="2,000")
    assert ledger(own, off, price=5000.0).faults() == {"a": [], "b": []}


def test_a_fact_needs_a_seen_source():
    outside = claim(kind="outside", result="", facts="a.b")
    assert verdict(outside, fact=5456.0) == "confirmed"  # 6,000 is 10% more
    assert verdict(outside, fact=6650.0) == "confirmed"
    assert verdict(outside, fact=7000.0) == "contradicted"
    assert verdict(outside, fact=6100.0, seen=False) == "unverified"
    assert ledger(outside).entry("c").reason == "Source: a source."


def test_it_matters_where_a_claim_that_rests_on_it_changes():
    off = claim(id="b", value="61", decides="c", put_right="price=a.b")
    for right, matters in ((5700.0, "no"), (9000.0, "yes")):
        entry = ledger(claim(), off, fact=right).entry("b")
        assert entry.matters == matters
        assert [effect.computed for effect in entry.effects] == [f"${right:,.0f}"]
    assert ledger(claim(), off.model_copy(update={"decides": ""})).entry("b").matters == "no"
    assert ledger(claim(), off).entry("c").matters == "no"


def test_nothing_is_said_of_what_cannot_be_put_right():
    unseen = claim(id="b", kind="given", result="", facts="a.b", decides="c")
    assert ledger(claim(), unseen, seen=False).entry("b").matters == "unknown"


@given(st.integers(1, 10**6), st.floats(-0.499, 0.499), st.integers(-2, 6))
@example(2, 0.5 - 2**-20, 0)
def test_what_lies_within_half_a_step_equals_the_figure_as_printed(steps, beside, power):
    step = 10.0**power
    value = (steps + beside) * step
    assert equal_as_printed(value, steps * step, step)
    for other in (steps - 1, steps + 1):
        assert not equal_as_printed(value, other * step, step)


@given(st.integers(1, 10**6), st.integers(0, 6))
def test_a_figure_half_way_is_printed_as_the_larger(steps, power):
    step = 10.0**power
    assert equal_as_printed((steps + 0.5) * step, (steps + 1) * step, step)
    assert not equal_as_printed((steps + 0.5) * step, steps * step, step)


def test_a_missing_result_is_named():
    with pytest.raises(DataError, match=r"claims\.csv, row 'c', column 'result'.*'cost'"):
        ledger(claim(result="cost")).entry("c")


def test_a_reason_that_names_nothing_is_named():
    with pytest.raises(DataError, match=r"claims\.csv, row 'c', column 'reason'"):
        ledger(claim(reason="It is {dearer}.")).entry("c")


def test_a_row_that_does_not_exist_is_named():
    with pytest.raises(DataError, match=r"row 'c', column 'facts': the catalog has no row 'x\.y'"):
        ledger(claim(kind="given", result="", facts="x.y")).entry("c")


def test_the_whole_article_is_judged(tmp_path):
    path = tmp_path / "claims.csv"
    write_claims(BOOK, path)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first = ["id", "printed", "computed", "unit", "verdict", "off", "matters", "follows", "slip"]
    assert list(rows[0]) == [*first, "reason", "found", "basis", "second_verdict", "second_reason"]
    assert len(rows) == len({row["id"] for row in rows}) == len(BOOK.claims) == 113
    for row in rows:
        assert row["printed"] and row["computed"] and row["verdict"]


def numbers():
    """The numbers of the article, each with the claim that prints it.

    Made from its text, section by section: every match of [0-9][0-9,.]*(/[0-9]+)? that is not part
    of a name (H100, 4090, LLaMA-2, GPT-4, int8, DDR4, a list's own number), and the words half,
    twice, tens, hundreds, ten thousand and TB/s. A number that a section repeats stands once.
    """
    with (Path(__file__).parent / "article_numbers.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


WORDS = {"half": "1/2", "twice": "2", "hundreds": "100", "hundreds of K": "1e5", "tens of K": "1e4"}


@pytest.mark.parametrize("one", numbers(), ids=lambda one: f"{one['number']} {one['unit']}")
def test_every_number_of_the_article_is_printed_by_a_claim(one):
    if not one["claim"]:
        assert one["left_out"]
        return
    top, _, bottom = WORDS.get(one["number"], one["number"]).partition("/")
    value = si(float(top) / float(bottom or 1), one["unit"])
    assert any(math.isclose(value, p) for p in BOOK.ledger[one["claim"]].printed_values)


def test_every_figure_of_the_ledger_is_in_the_article():
    """The other way round: a claim that prints digits is one that the article's numbers name."""
    named = {one["claim"] for one in numbers()}
    own = {  # what the article says in words, and a bound that follows from its batch
        *("ten-thousand-cards", "tb-per-second-network", "kv-proportional"),
        *("kv-outgrows-weights", "h100-premium", "electricity-dominates", "not-a-small-chip"),
    }
    plain = {c.id for c in BOOK.claims if any(map(str.isdigit, c.printed)) and c.relation == "="}
    assert plain - named <= own


def test_what_is_not_plainly_right_says_why():
    for entry in ENTRIES.values():
        derived = entry.claim.kind == "derived" and entry.verdict in {"reproduced", "rounded"}
        assert derived or entry.reason.endswith("."), entry.claim.id
        assert derived or entry.reason or entry.off


def test_a_fact_names_its_source():
    for entry in ENTRIES.values():
        if entry.verdict in {"confirmed", "contradicted"}:
            source = BOOK.constants[parts(entry.claim.facts)[0]].source
            assert source.rstrip(".") in entry.reason, entry.claim.id


def test_kinds_and_verdicts_fit():
    world = {"confirmed", "contradicted", "unverified"}
    for entry in ENTRIES.values():
        assert (entry.verdict in world) == (entry.claim.kind in {"given", "outside"})


def descendants(claim_id):
    children = {c.id for c in BOOK.claims if claim_id in c.parents}
    return children.union(*map(descendants, children))


@pytest.mark.parametrize("claim_id", ENTRIES)
def test_what_may_change_with_a_figure_rests_on_it(claim_id):
    entry, below = ENTRIES[claim_id], descendants(claim_id)
    assert {*parts(entry.claim.decides)} <= below | {claim_id}
    if entry.verdict not in {"reproduced", "confirmed"} and below:
        assert entry.claim.decides


def test_printed_inputs_are_among_what_a_claim_follows_from():
    for c in BOOK.claims:
        others = {text[1:] for text in c.arguments.values() if text.startswith("@")}
        assert others <= {*c.parents}, c.id


def test_the_binary_gigabyte_is_one_fault_with_its_heirs():
    heirs = BOOK.ledger.faults()["kv-cache-70b"]
    assert heirs == [
        *("kv-cache-batch128", "memory-batch128", "cards-batch128", "cluster-price-batch128"),
        *("groq-batch128-cost", "groq-cluster-at-cost", "groq-cost-at-cost"),
    ]
    # 0.625 GiB is 7.4% more than 0.625 GB, and so is every heir, but for the weights beside it
    for heir in ("kv-cache-70b", *heirs):
        computed = {"kv-cache-70b": 2**30 * 0.625, "kv-cache-batch128": 2**30 * 80}.get(heir)
        assert ENTRIES[heir].verdict == "differs"
        assert ENTRIES[heir].matters == "no"
        if computed:
            assert computed / BOOK.ledger[heir].printed_values[0] == pytest.approx(1.073741824)


def test_every_fault_is_counted_once():
    faults = BOOK.ledger.faults()
    heirs = [heir for of in faults.values() for heir in of]
    at_fault = {name for name, entry in ENTRIES.items() if entry.verdict in AT_FAULT}
    assert len(heirs) + len(faults) == len(at_fault)
    assert {*heirs, *faults} == at_fault


def test_what_changes_the_conclusion():
    """Worked by hand: 500 / 300 of 0.9005; 2,725.7 / 425 of it; 6,000 for 5,703."""
    changes = {
        "groq-output-speed": (1.501, True),
        "h100-throughput": (5.775, True),
        "card-price-by-compute": (0.8559, False),
        "kv-cache-70b": (0.9005, False),
    }
    for name, (ratio, changed) in changes.items():
        effect = ENTRIES[name].effects[0]
        assert (effect.claim, effect.changes) == ("cost-comparable", changed)
        assert float(effect.computed) == pytest.approx(ratio, abs=1e-3)


def second(claimed, price=5700.0, share=0.5, **cells):
    basic = {"id": "c", "chapter": "two", "result": "price", "odds": "", "facts": ""}
    again = Again(**{**basic, "basis": "modelled", "reason": "It costs {price} now.", **cells})
    return ledger(claimed, price=price, again=(again,), share=share).entry("c").second


def test_a_claim_stands_or_falls_by_other_inputs():
    assert second(claim(), price=7000.0).verdict == "stands"
    assert second(claim(), price=8000.0).verdict == "falls"
    assert second(claim(relation=">"), price=6001.0).verdict == "stands"
    assert second(claim(relation=">"), price=5999.0).verdict == "falls"
    assert second(claim(), price=8000.0).reason == "It costs $8,000 now."
    assert second(claim(), result="", facts="a.b").computed == "$5,700"
    assert ledger(claim()).entry("c").second is None


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "falls"), (0.1, "falls"), (0.5, "open"), (0.89, "open"), (0.9, "stands"), (1, "stands")],
)
def test_odds_decide_where_a_figure_has_a_distribution(share, expected):
    assert by_odds(share) == expected
    found = second(claim(), odds="share", share=share)
    assert found.verdict == expected
    assert "of the samples" in found.computed


def test_other_thresholds_may_be_given():
    assert by_odds(0.7, odds=(0.4, 0.6)) == "stands"
    assert by_odds(0.4, odds=(0.4, 0.6)) == "falls"


def test_a_second_verdict_that_names_nothing_is_refused():
    with pytest.raises(DataError, match="chapter two concludes no 'cost'"):
        second(claim(), result="cost")


def test_second_verdicts_are_about_claims():
    assert {row.id for row in BOOK.again} <= {claim.id for claim in BOOK.claims}


def test_the_ledger_and_the_answer_ask_for_the_same_odds():
    decided = BOOK.constants["answer.decided_share"].value
    assert BOOK.ledger.odds == (pytest.approx(1 - decided), decided)


def test_the_articles_conclusion_falls_with_one_kind_of_price_on_both_sides():
    share = BOOK.conclude_by_default("uncertainty").results.comparable
    assert share <= 0.1
    assert ENTRIES["cost-comparable"].second.verdict == "falls"


def test_nothing_that_rests_on_the_sellers_word_is_called_measured():
    for row in BOOK.again:
        if (
            row.basis == "measured" and row.chapter != "measure_it_yourself"
        ):  # which has our own rows
            assert row.facts and "Groq," not in BOOK.constants[row.facts].source
    assert ENTRIES["groq-throughput-batch128"].second.basis == "seller's"


@given(st.data())
def test_the_graph_leads_from_left_to_right(data):
    count = data.draw(st.integers(2, 12))
    parents = {str(n): [str(p) for p in range(n) if data.draw(st.booleans())] for n in range(count)}
    joined = {p for of in parents.values() for p in of} | {n for n, of in parents.items() if of}
    layers = Layers({n: parents[n] for n in parents if n in joined})
    if not joined:
        return
    for line in layers.lines:
        xs = [layers.places[place][0] for place in line]
        assert xs == sorted(set(xs))
    assert len({layers.places[n] for n in joined}) == len(joined)


def test_every_node_of_the_graph_leads_to_a_row():
    graph = claim_graph(BOOK)
    joined = {c.id for c in BOOK.claims if c.parents or descendants(c.id)}
    assert graph.count("<a href=") == len(joined) > 60
    for name in joined:
        assert f'href="#ledger-{name}"' in graph
    assert graph.count('class="handed-on"') == 7
