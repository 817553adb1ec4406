"""What a chapter's notebook uses: its checked parameters, results, sentences, figures, verdicts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import altair as alt
import pandas as pd
from IPython.display import HTML, Markdown, display

from reckoner.book import Book
from reckoner.declare.formulas import Formula
from reckoner.declare.units import base_unit, shown
from reckoner.ledger import Claim, Entry
from reckoner.show import figures
from reckoner.show.live import LiveFigure
from reckoner.show.marks import linked, mark, plain

VERDICT_SIGNS = {
    "reproduced": "✓", "rounded": "≈", "differs": "✗",
    "confirmed": "✓", "contradicted": "✗", "unverified": "?", "stands": "✓", "falls": "✗",
}  # fmt: skip


class Chapter:
    """A chapter with the parameters of this run.

    Args:
        book: the book.
        name: the chapter's name.
        given: the values of its parameters cell by name, among others: a notebook's globals.

    Attributes:
        run: the worksheet's run from them.
        inputs: the parameters in base units, names resolved.
        lines: the value of each line of the worksheet, results and steps on the way.
        results: what the chapter concludes from them.
        words: each of its results as a reader sees it, by name.
        by_default: whether the parameters are the defaults; only then are claims judged.

    Raises:
        ParameterError: a parameter is misspelled, of the wrong type or out of bounds.
    """

    def __init__(self, book: Book, name: str, given: Mapping[str, Any]) -> None:
        parameters = book.parameters(name)
        parameters.refuse_misspelled(given)
        checked = parameters.check({p.name: given[p.name] for p in parameters if p.name in given})
        self.book = book
        self.name = name
        self.by_default = checked == parameters.defaults
        self.run = book.run(name, checked)
        self.inputs = SimpleNamespace(**self.run.inputs)
        self.lines = SimpleNamespace(**self.run.lines)
        self.results = self.run.results
        self._concluded = book.concluded(name, checked, self.results)
        self.words = SimpleNamespace(
            **{n: mark(f"{name}.{n}", t) for n, t in self._concluded.words(digits=3).items()}
        )
        self._numbered: set[str] = set()
        if notes := parameters.notes(checked):
            display(self.say("\n".join(f"- {note}" for note in notes)))

    def say(self, text: str) -> Markdown:
        """A passage of the text; no dollar amount opens mathematics, and no name a tag."""
        parts = re.split(r"(`[^`]*`)", text.strip())  # every second one is code, or a role
        parts[1::2] = map(plain, parts[1::2])  # no link in a link
        parts[::2] = [re.sub(r"<(?=[A-Za-z/!?])", "&lt;", part) for part in parts[::2]]
        text = "".join(parts)
        return Markdown(linked(re.sub(r"(?<!\\)\$(?=\d)", r"\\$", text)))

    def equation(self, name: str, label: bool = True) -> Markdown:
        """A formula in symbols, numbered, with the meaning and unit of each symbol."""
        formula = self.book.formulary[name]
        number = f" ({formula.label})" if label else ""
        self._numbered.add(name)
        return Markdown(
            f"$$\n{self.book.formulary.equation(name)}\n$${number}\n\n{self._where(formula)}"
        )

    def _where(self, formula: Formula) -> str:
        symbols = self.book.formulary.symbols
        names = [formula.gives, *(n for n in formula.inputs if n != formula.gives)]
        meanings = "; ".join(f"${symbols[n].latex}$ is {symbols[n].meaning}" for n in names)
        return (
            f"where {meanings}. In code: "
            f"{{ref}}`{formula.module.split('.')[-1]}.{formula.name} <{formula.anchor}>`."
        )

    def changed(self, **inputs: Any) -> SimpleNamespace:
        """What the chapter concludes when some of this run's inputs are others, in base units."""
        return self.run.sheet(**{**self.run.inputs, **inputs})

    def worked(self, line: str, formula: str | None = None) -> Markdown:
        """The formula that gave a line its value: in symbols, in numbers, and its result.

        The first time that a chapter shows a formula of its own, it is numbered and its symbols
        are explained.

        Args:
            line: a line of the worksheet.
            formula: another formula on the way to it.
        """
        call = self.run.call(line, formula)
        name = call.name
        symbols, numbers, result = self.book.formulary.worked(name, call.arguments)
        left, _, right = symbols.replace(r"\frac", r"\dfrac").partition(" = ")
        numbers = numbers.replace(r"\frac", r"\dfrac")
        known = self.book.formulary[name]
        own = known.module.split(".")[-1] == self.name
        first = own and name not in self._numbered
        self._numbered.add(name)
        end = f" ({known.label})\n\n{self._where(known)}" if first else ""
        return Markdown(
            f"$$\n\\begin{{aligned}}\n{left} &= {right} \\\\\n&= {numbers} \\\\\n"
            f"&= {result}\n\\end{{aligned}}\n$${end}"
        )

    def figure(self, chart: alt.Chart | alt.LayerChart, table: pd.DataFrame) -> HTML:
        """A chart with its data; see `reckoner.show.figures.to_html`."""
        return HTML(figures.to_html(chart, table))

    def live(self) -> HTML:
        """The chapter's live figure: its own function, moved by hand."""
        return HTML(LiveFigure(self.book, self.book.live(self.name)).html())

    def table(self, table: pd.DataFrame) -> HTML:
        """A table of numbers with units in its headings."""
        body = linked(figures.table_html(table))
        return HTML(f'<div class="table-scroll" tabindex="0">{body}</div>')

    def passages(self, table: pd.DataFrame) -> HTML:
        """A table of sentences rather than numbers; on a phone each row becomes a card."""
        rows = "".join(
            f"<tr>{''.join(map(_cell, table.columns, row))}</tr>"
            for row in table.itertuples(index=False)
        )
        return HTML(linked(_table(table.columns, rows)))

    def verdicts(self, *claim_ids: str) -> HTML:
        """The named claims, or all of the chapter: as printed, as computed, and the verdict.

        With parameters other than the defaults nothing is judged: the table shows the printed
        figure and the one computed from the parameters of this run.
        """
        own = (claim.id for claim in self.book.claims if claim.chapter == self.name)
        claims = [self.book.ledger[claim_id] for claim_id in claim_ids or own]
        if self.by_default:
            return HTML(claims_table(self.book, claims))
        rows = "".join(
            f'<tr id="claim-{c.id}">{_cell("Claim", c.claim)}{_cell("Article", printed(c))}'
            f"{_cell('Yours', self._yours(c))}</tr>"
            for c in claims
        )
        return HTML(_table(("Claim", "Article", "Yours"), rows))

    def _yours(self, claim: Claim) -> str:
        if not claim.results:
            return "a fact, the same for all parameters"
        return self.book.ledger.computed_words(claim, self._concluded)

    def printed(self, claim_id: str) -> str:
        """The first printed figure of a claim, in the units and digits of this book."""
        claim = self.book.ledger[claim_id]
        text = shown(claim.printed_values[0], base_unit(claim.units[0]))
        return mark(f"ledger.ledger-{claim_id}", str(text))

    def quoted(self, claim_id: str) -> str:
        """A figure just as the text prints it, without its unit."""
        return mark(f"ledger.ledger-{claim_id}", self.book.ledger[claim_id].printed)

    def row(self, address: str, digits: int = 3) -> str:
        """A row of the data as a reader sees it."""
        row = self.book.constants[address]
        return mark(f"catalog.{row.id}", str(shown(row.si, base_unit(row.unit), digits)))

    def shown(self, value: float, unit: str, digits: int = 3) -> str:
        """A value in base units as a reader sees it; marked, if a line, an input or a row is it."""
        text, name = str(shown(value, unit, digits)), self.run.name_of(value)
        if row := self.book.constants.get(name):
            return mark(f"catalog.{row.id}", text)
        known = name in self.run.lines or name in self.run.inputs
        return mark(f"{self.name}.{name}", text) if known else text


def printed(claim: Claim) -> str:
    """The printed figure with its unit."""
    named = claim.unit in {"", "ratio", "share", "topology"} or ";" in claim.value
    if claim.unit == "USD":
        return f"${float(claim.value):,.0f}"
    return claim.printed if named else f"{claim.printed} {claim.unit}"


def verdict_pill(verdict: str) -> str:
    """A verdict as a coloured word with a sign."""
    return (
        f'<span class="verdict verdict-{verdict}">'
        f'<span aria-hidden="true">{VERDICT_SIGNS[verdict]}</span> {verdict}</span>'
    )


def claims_table(book: Book, claims: list[Claim], links: bool = False) -> str:
    """Claims with computed figure, verdict and reason as an HTML table.

    Args:
        book: the book.
        claims: the claims to show.
        links: link each claim to the chapter's cell that computes it, for the ledger's page.
    """
    rows = []
    for claim in claims:
        entry = book.ledger.entry(claim.id)
        name, anchor = html.escape(claim.claim), f' id="claim-{claim.id}"'
        if links:
            name = f'<a href="../notebooks/{claim.chapter}.html#claim-{claim.id}">{name}</a>'
            anchor = f' id="ledger-{claim.id}"'
        rows.append(
            f"<tr{anchor}>{_cell('Claim', name, raw=True)}{_cell('Article', printed(claim))}"
            f"{_cell('Computed', linked(html.escape(_computed(entry))), raw=True)}"
            f"{_cell('Verdict', verdict_pill(entry.verdict), raw=True)}"
            f"{_cell('Why', entry.reason)}</tr>"
        )
    return _table(("Claim", "Article", "Computed", "Verdict", "Why"), "".join(rows))


def _computed(entry: Entry) -> str:
    """The computed figures, each marked as the chapter's result that it is."""
    names = [f"{entry.claim.chapter}.{name}" for name in entry.claim.results]
    if len(names) != len(entry.figures):  # a fact is no result
        return entry.computed
    return ", ".join(mark(n, figure) for n, figure in zip(names, entry.figures, strict=True))


def second_table(book: Book) -> str:
    """Claims judged a second time, by measured inputs, as an HTML table."""
    rows = []
    for entry in book.ledger.entries():
        if (second := entry.second) is None:
            continue
        link = f'<a href="../notebooks/{second.chapter}.html">{html.escape(second.reason)}</a>'
        first = f"{entry.computed} {verdict_pill(entry.verdict)}"
        rows.append(
            f"<tr>{_cell('Claim', entry.claim.claim)}{_cell('Article', printed(entry.claim))}"
            f"{_cell('Its inputs', first, raw=True)}{_cell('Measured', second.computed)}"
            f"{_cell('Verdict', verdict_pill(second.verdict), raw=True)}"
            f"{_cell('Why', link, raw=True)}</tr>"
        )
    return _table(("Claim", "Article", "Its inputs", "Measured", "Verdict", "Why"), "".join(rows))


def _table(headings: Iterable[str], rows: str) -> str:
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    return (
        '<div class="table-scroll" tabindex="0"><table class="claims">'
        f"<thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(label: str, text: str, raw: bool = False) -> str:
    return f'<td data-label="{label}">{text if raw else html.escape(text)}</td>'
