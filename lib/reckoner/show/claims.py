"""Claims as a reader sees them: with verdict, whether it matters, and what they come from."""

from __future__ import annotations

import html
from collections.abc import Iterable

from reckoner.book import Book
from reckoner.claims import Claim, parts
from reckoner.judgement import Entry
from reckoner.show.marks import linked, mark

VERDICT_SIGNS = {
    "reproduced": "✓", "rounded": "≈", "differs": "✗", "confirmed": "✓", "contradicted": "✗",
    "unverified": "?", "stands": "✓", "open": "≈", "falls": "✗",
}  # fmt: skip
HEADINGS = ("Claim", "Article", "Computed", "Verdict", "Does it matter?")
BASES = {
    "measured": "measured, not by the seller",
    "seller's": "the seller's own figure",
    "modelled": "a model's",
}


def printed(claim: Claim) -> str:
    """The printed figure with its unit."""
    unit = "" if claim.unit in {"ratio", "share"} else claim.unit
    if unit.startswith("USD"):
        return f"${claim.printed}{unit.removeprefix('USD')}"
    return f"{claim.printed} {unit}".strip()


def short(claim_id: str) -> str:
    """A claim's name for readers."""
    return claim_id.replace("-", " ")


def verdict_pill(verdict: str) -> str:
    """A verdict as a coloured word with a sign."""
    return (
        f'<span class="verdict verdict-{verdict}">'
        f'<span aria-hidden="true">{VERDICT_SIGNS[verdict]}</span> {verdict}</span>'
    )


def claims_table(book: Book, claims: list[Claim], ledger: bool = False) -> str:
    """Claims with computed figure, verdict and whether it matters, as an HTML table.

    Args:
        book: the book.
        claims: the claims to show.
        ledger: whether it is the ledger's own table: each claim links to the chapter's cell that
            computes it, and says what it follows from.
    """
    return sentences(HEADINGS, "".join(_row(book, claim, ledger) for claim in claims))


def _row(book: Book, claim: Claim, ledger: bool) -> str:
    entry = book.ledger.entry(claim.id)
    name, anchor = html.escape(claim.claim), f"{'ledger' if ledger else 'claim'}-{claim.id}"
    if ledger:
        name = f'<a href="../notebooks/{claim.chapter}.html#claim-{claim.id}">{name}</a>'
    notes = [html.escape(entry.reason), _lineage(book, entry) if ledger else ""]
    name += "".join(f'<span class="why">{note}</span>' for note in notes if note)
    computed = linked(html.escape(_computed(book, entry)))
    computed += f'<span class="why">{entry.off}</span>' if entry.off else ""
    return (
        f'<tr id="{anchor}">{cell("Claim", name, raw=True)}{cell("Article", printed(claim))}'
        f"{cell('Computed', computed, raw=True)}"
        f"{cell('Verdict', verdict_pill(entry.verdict), raw=True)}"
        f"{cell(HEADINGS[-1], _matters(entry), raw=True)}</tr>"
    )


def _link(claim_id: str) -> str:
    return f'<a href="../book/ledger.html#ledger-{claim_id}">{short(claim_id)}</a>'


def _matters(entry: Entry) -> str:
    """Whether a claim that rests on this one changes when it is put right, and what comes out."""
    if not entry.matters:
        return ""
    then = "".join(
        f'<span class="why">{_link(effect.claim)}: {html.escape(effect.computed)}'
        f"{', changed' if effect.changes else ''}</span>"
        for effect in entry.effects
    )
    if not entry.claim.decides:
        then = '<span class="why">nothing follows from it</span>'
    if entry.matters == "unknown":
        then = '<span class="why">no other figure was seen to put in its place</span>'
    return f"{entry.matters}{then}"


def _lineage(book: Book, entry: Entry) -> str:
    """What a claim follows from, what follows from it, and the fault that it inherits."""
    claim = entry.claim
    heirs = [other.id for other in book.claims if claim.id in other.parents]
    said = [("Follows from", claim.parents), ("Leads to", heirs)]
    said += [("Heir of", [entry.slip])] if entry.is_heir else []
    return " ".join(f"{word} {', '.join(map(_link, ids))}." for word, ids in said if ids)


def _computed(book: Book, entry: Entry) -> str:
    """The computed figures, each marked as the chapter's result or the row that it is."""
    names = [f"{entry.claim.chapter}.{name}" for name in entry.claim.results]
    if len(names) != len(entry.figures):  # a fact is no result
        row = book.constants[parts(entry.claim.facts)[0]]
        return mark(f"catalog.{row.id}", entry.computed)
    return ", ".join(mark(n, figure) for n, figure in zip(names, entry.figures, strict=True))


def second_table(book: Book) -> str:
    """Claims judged a second time as an HTML table."""
    rows = []
    for entry in book.ledger.entries():
        if (second := entry.second) is None:
            continue
        link = f'<a href="../notebooks/{second.chapter}.html">{html.escape(second.reason)}</a>'
        name = f'{_link(entry.claim.id)}<span class="why">{link}</span>'
        first = f"{entry.computed} {verdict_pill(entry.verdict)}"
        again = f'{html.escape(second.computed)}<span class="why">{BASES[second.basis]}</span>'
        rows.append(
            f"<tr>{cell('Claim', name, raw=True)}{cell('Article', printed(entry.claim))}"
            f"{cell('Its inputs', first, raw=True)}{cell('Found', again, raw=True)}"
            f"{cell('Verdict', verdict_pill(second.verdict), raw=True)}</tr>"
        )
    return sentences(("Claim", "Article", "Its inputs", "Found", "Verdict"), "".join(rows))


def faults_list(book: Book) -> str:
    """Each fault with its heirs, the arithmetic first, as an HTML list."""
    items = []
    for slip, heirs in book.ledger.faults().items():
        entry = book.ledger.entry(slip)
        also = f"; its {len(heirs)} heirs: {', '.join(map(_link, heirs))}" if heirs else ""
        figures = (
            f"{html.escape(entry.claim.claim)}: {html.escape(printed(entry.claim))} in print, "
            f"{html.escape(entry.computed)} here"
        )
        items.append(
            f"<li>{_link(slip)}, {figures} {verdict_pill(entry.verdict)}, "
            f"matters: {entry.matters}{also}</li>"
        )
    return f"<ul>{''.join(items)}</ul>"


def sentences(headings: Iterable[str], rows: str) -> str:
    """A table of sentences; on a phone each row becomes a card."""
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    return (
        '<div class="table-scroll" tabindex="0"><table class="claims">'
        f"<thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def cell(label: str, text: str, raw: bool = False) -> str:
    """A cell of such a table; `label` is its heading, for the card."""
    return f'<td data-label="{label}">{text if raw else html.escape(text)}</td> '
