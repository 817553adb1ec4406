"""What a chapter's notebook uses: its checked parameters, results, sentences, figures, verdicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import altair as alt
import pandas as pd
from IPython.display import HTML, Markdown, display

from reckoner.book import Book
from reckoner.claims import Claim
from reckoner.declare.formulas import Formula
from reckoner.declare.units import base_unit, compared, shown
from reckoner.show import charts, constants, figures
from reckoner.show.claims import cell, claims_table, printed, sentences
from reckoner.show.live_figure import LiveFigure
from reckoner.show.marks import Verbatim, linked, mark, plain
from reckoner.show.trial import Trial


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
        about: the same to two digits, where more would mean nothing; counts stay whole.
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
        self._checked = checked
        self.by_default = checked == parameters.defaults
        self.run = book.run(name, checked)
        self.inputs = SimpleNamespace(**self.run.inputs)
        self.lines = SimpleNamespace(**self.run.lines)
        self.results = self.run.results
        self._concluded = book.concluded(name, checked, self.results)
        self.words, self.about = (
            SimpleNamespace(**{n: mark(f"{name}.{n}", t) for n, t in said.items()})
            for said in (self._concluded.words(digits=3), self._concluded.about())
        )
        self._numbered: set[str] = set()
        own = (p.name for p in parameters if p.by_name and checked[p.name] not in p.choices)
        self._names = Verbatim({str(self.run.inputs[each].name) for each in own})
        if notes := parameters.notes(checked):
            display(self.say("\n".join(f"- {note}" for note in notes)))

    def say(self, text: str) -> Markdown:
        """A passage of the text; no dollar amount opens mathematics, and no name is markup."""
        parts = re.split(r"(`[^`]*`)", self._names.out(text.strip()))
        for place, part in enumerate(parts):
            if code := bool(place % 2):  # or a role: no link in a link
                part = plain(part)
            else:
                part = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", part)
                part = re.sub(r"(?<!\\)\$(?=\d)", r"\\$", part)
            parts[place] = self._names.back(part, code)
        return Markdown(linked("".join(parts)))

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

    def tried(self, **inputs: Any) -> Trial:
        """What the chapter concludes with other inputs, in the units of its parameters."""
        return Trial(self.book, self.name, self._checked, inputs)

    def answer(self, text: str) -> Markdown:
        """The chapter's answer in two sentences, below its question."""
        return self.say(f":::{{div}} answer\n{text.strip()}\n:::")

    def try_it(self, trial: Trial, question: str, answer: str, then: str = "") -> Markdown:
        """Something to try at the chapter's end, its answer folded; `then` says where to go on."""
        parts = (str(self.say(text).data) for text in (question, answer, then))
        return Markdown(trial.markdown(*parts))

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

    def drawn(
        self, *layers: Any, data: pd.DataFrame, title: str, description: str, height: int = 320
    ) -> HTML:
        """Layers as one chart with its data; see `reckoner.show.charts.figure`."""
        chart = charts.figure(*layers, title=title, description=description, height=height)
        return self.figure(chart, data)

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
            f"<tr>{''.join(map(cell, table.columns, row))}</tr>"
            for row in table.itertuples(index=False)
        )
        return HTML(linked(sentences(table.columns, rows)))

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
            f'<tr id="claim-{c.id}">{cell("Claim", c.claim)}{cell("Article", printed(c))}'
            f"{cell('Yours', self._yours(c))}</tr>"
            for c in claims
        )
        return HTML(sentences(("Claim", "Article", "Yours"), rows))

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
        return constants.in_words(self.book.constants[address], digits)

    def as_given(self, address: str) -> str:
        """A row of the data in the unit in which its source has it."""
        row = self.book.constants[address]
        return mark(f"catalog.{row.id}", row.words)

    def premise(self, claim_id: str) -> str:
        """What the text computes a figure from, as far as its first semicolon."""
        inputs = self.book.ledger[claim_id].inputs.partition(";")[0]
        return mark(f"ledger.ledger-{claim_id}", inputs)

    def shown(self, value: float, unit: str, digits: int = 3) -> str:
        """A value in base units as a reader sees it; marked, if a line, an input or a row is it."""
        text, name = str(shown(value, unit, digits)), self.run.name_of(value)
        if row := self.book.constants.get(name):
            return mark(f"catalog.{row.id}", text)
        known = name in self.run.lines or name in self.run.inputs
        return mark(f"{self.name}.{name}", text) if known else text

    def against(self, line: str, more: str = "more", less: str = "less") -> str:
        """A line's ratio as a comparison: "10% less than", "5.4 times as much as"."""
        return mark(f"{self.name}.{line}", compared(self.run.lines[line], more, less))

    def some(self, count: float, noun: str) -> str:
        """A count with its noun, marked as by `shown`: "1 card", "305 cards"."""
        return f"{self.shown(count, 'count')} {noun}{'' if count == 1 else 's'}"
