"""Pages without code: Markdown whose figures are filled in from the book.

A page is a Jinja template. ``{{ capacity.cards }}`` is a chapter's result as a reader sees it;
what else a page may use is in `Pages.context`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import nbformat

from reckoner.book import Book
from reckoner.claims import TOLERANCES
from reckoner.declare.formulas import Formula
from reckoner.declare.tables import Constant
from reckoner.declare.units import base_unit, shown
from reckoner.judgement import MEANINGS, SECOND_MEANINGS
from reckoner.ledger import Conclusions
from reckoner.show.benchmarks import benchmarks
from reckoner.show.claim_graph import claim_graph
from reckoner.show.claims import claims_table, faults_list, second_table, verdict_pill
from reckoner.show.live_figure import LiveFigure
from reckoner.show.marks import linked, mark
from reckoner.sweep.chart import Picture
from reckoner.sweep.evaluate import evaluate
from reckoner.sweep.points import Sweep
from reckoner.sweep.table import Table

BENCHMARKS = Path("benchmarks/results.csv")
"""What the benchmarks found, from the root of the repository."""


class PageError(ValueError):
    """A page cannot be filled in. The message names the page and the placeholder."""


@dataclass(frozen=True)
class Pages:
    """Renders a book's pages.

    Args:
        book: the book.
        root: the folder that holds book/, notebooks/ and tests/.
        executed: the folder of the executed notebooks.
    """

    book: Book
    root: Path = Path()
    executed: Path = Path("notebooks")

    def render(self, page: Path) -> str:
        """A page with its placeholders filled in.

        Raises:
            PageError: a placeholder is malformed or names nothing that the book has.
        """
        environment = jinja2.Environment(
            undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True
        )
        text = page.read_text(encoding="utf-8")
        try:
            return environment.from_string(text).render(self.context)
        except (jinja2.TemplateError, KeyError) as error:
            raise PageError(f"{page}: {error}") from error

    @cached_property
    def context(self) -> dict[str, Any]:
        """What a page may name."""
        self.book.load()
        entries = self.book.ledger.entries()
        words = {
            chapter: SimpleNamespace(
                **_for_markdown(chapter, self.book.conclude_by_default(chapter))
            )
            for chapter in self.book.chapters
        }
        return {
            **words,
            **{n: linked(e) if isinstance(e, str) else e for n, e in self.book.extras.items()},
            "book": self.book,
            "titles": {chapter: self.title(chapter) for chapter in self.book.chapters},
            "entries": entries,
            "printed": {entry.claim.id: entry.claim.printed for entry in entries},
            "counts": Counter(entry.verdict for entry in entries),
            "within": {name: str(shown(share, "share")) for name, share in TOLERANCES.items()},
            "faults": self.book.ledger.faults(),
            "faults_list": lambda: faults_list(self.book),
            "claim_graph": lambda: claim_graph(self.book),
            "meanings": MEANINGS,
            "second_meanings": SECOND_MEANINGS,
            "second_counts": Counter(e.second.verdict for e in entries if e.second),
            "second_table": lambda: second_table(self.book),
            "defaults": {
                chapter: SimpleNamespace(**self.book.parameters(chapter).defaults)
                for chapter in self.book.chapters
            },
            "pill": verdict_pill,
            "verdict": lambda claim_id: verdict_pill(self.book.ledger.entry(claim_id).verdict),
            "second_verdict": self.second_verdict,
            "judged": [c for c in self.book.chapters if c in {k.chapter for k in self.book.claims}],
            "claims_table": self.claims_table,
            "formulas": list(self.book.formulary.formulas.values()),
            "symbols_table": self.symbols_table,
            "cited": self.cited,
            "used_in": self.used_in,
            "tested_in": self.tested_in,
            "constants_table": self.constants_table,
            "other_constants": self.other_constants,
            "summary_table": self.summary_table,
            "seen": _seen,
            "find": FIND,
            "benchmarks": benchmarks(self.root / BENCHMARKS),
            "figure": self.figure,
            "live": lambda chapter: LiveFigure(self.book, self.book.live(chapter)).html(),
            "swept": self.swept,
        }

    @cached_property
    def _notebooks(self) -> dict[str, str]:
        texts = {}
        for chapter in self.book.chapters:
            path = self.executed / f"{chapter}.ipynb"
            cells = nbformat.read(path, as_version=4).cells
            texts[chapter] = "\n".join(cell.source for cell in cells)
        return texts

    @cached_property
    def _tests(self) -> dict[str, str]:
        paths = sorted((self.root / "tests").glob("test_*.py"))
        return {path.name: path.read_text(encoding="utf-8") for path in paths}

    @cached_property
    def _citations(self) -> set[str]:
        text = (self.root / "book" / "references.bib").read_text(encoding="utf-8")
        return set(re.findall(r"@\w+\{([^,\s]+),", text))

    def figure(self, chapter: str, name: str) -> str:
        """The figure of that name in a chapter's executed notebook, as HTML.

        Raises:
            KeyError: the chapter has no such figure.
        """
        path = self.executed / f"{chapter}.ipynb"
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == name:
                return str(cell.outputs[0].data["text/html"])
        raise KeyError(f"{path}: no figure {name!r}")

    def swept(self, chapter: str, **values: str) -> str:
        """The picture of a sweep, as the command makes it, as HTML."""
        sweep = Sweep(self.book, chapter, values)
        picture = Picture(sweep)
        table = Table(sweep, {})
        for chunk in range(sweep.chunks):
            picture.look(table.batch(chunk, evaluate(sweep.task(chunk, ""))))
        return picture.html()

    def second_verdict(self, claim_id: str) -> str:
        """A claim's second verdict.

        Raises:
            KeyError: it has none.
        """
        second = self.book.ledger.entry(claim_id).second
        if second is None:
            raise KeyError(f"claim {claim_id!r} has no second verdict")
        return verdict_pill(second.verdict)

    def title(self, chapter: str) -> str:
        """The heading of a chapter's notebook."""
        return self._notebooks[chapter].splitlines()[0].lstrip("# ")

    def claims_table(self, chapter: str) -> str:
        """A chapter's claims, each linked to the cell that computes it."""
        claims = [claim for claim in self.book.claims if claim.chapter == chapter]
        return linked(claims_table(self.book, claims, ledger=True))

    def used_in(self, formula: Formula) -> list[str]:
        """Chapters whose notebook names a formula, or whose module does."""
        name = re.compile(rf"\b{formula.name}\b")
        return [
            chapter
            for chapter in self.book.chapters
            if name.search(self._notebooks[chapter])
            or formula.module.endswith(f".{chapter}")
            or name.search(Path(self.book.module(chapter).__file__ or "").read_text("utf-8"))
        ]

    def tested_in(self, formula: Formula) -> list[str]:
        """Test files that protect a formula: those that name it, and the one for all formulas."""
        named = [name for name, text in self._tests.items() if formula.name in text]
        return sorted({*named, "test_formulas.py"})

    def cited(self, source: str) -> str:
        """A source with its citation keys turned into citations."""
        keys = "|".join(sorted(self._citations, key=len, reverse=True))
        return re.sub(rf"\b({keys})\b", r"{cite}`\1`", source)

    def symbols_table(self, formula: Formula) -> str:
        """Symbol, name in code, unit and meaning of what a formula gives and takes."""
        units = {formula.gives: formula.unit, **formula.inputs}
        rows = "\n".join(
            f"| ${self.book.formulary.symbols[name].latex}$ | `{name}` | {_unit(unit)} "
            f"| {self.book.formulary.symbols[name].meaning} |"
            for name, unit in units.items()
        )
        return f"| Symbol | In code | Unit | Meaning |\n|-|-|-|-|\n{rows}"

    def constants_table(self, key: str) -> str:
        """Every constant of one subject with its source."""
        return _constants_table(row for row in self.book.constants.values() if row.key == key)

    def other_constants(self) -> str:
        """The constants of every subject that has no table of its own, in a fold for each."""
        named = {key for names in self.book.extras.get("subjects", ()) for key in names}
        folds: dict[str, list[Constant]] = {}
        for row in self.book.constants.values():
            if row.key not in named:
                folds.setdefault(row.subject, []).append(row)
        return "\n".join(
            f'<details class="entry"><summary>{html.escape(subject)}: '
            f"{', '.join(dict.fromkeys(_quantity(row) for row in rows))}</summary>"
            f"{_constants_table(rows)}</details>"
            for subject, rows in sorted(folds.items(), key=lambda item: item[0].lower())
        )

    def summary_table(
        self, prefix: str, names: Mapping[str, Any], quantities: tuple[str, ...]
    ) -> str:
        """One row for each named subject, linked to its entry, with a few of its constants."""
        head = _row("th", ["Name", *(q.replace("_", " ") for q in quantities)])
        body = ""
        for key, name in names.items():
            rows = [self.book.constants.get(f"{key}.{quantity}") for quantity in quantities]
            cells = [_scaled(row) if row else "–" for row in rows]
            link = f'<a href="#{anchor(prefix, key)}">{html.escape(name.name)}</a>'
            body += _row("td", [link, *cells])
        return _table(head, body)


def _for_markdown(chapter: str, concluded: Conclusions) -> dict[str, str]:
    """Results for readers, each linked; a dollar sign in them opens no mathematics."""
    words = concluded.words(digits=3)
    return {n: linked(mark(f"{chapter}.{n}", t.replace("$", r"\$"))) for n, t in words.items()}


FIND = (
    '<div class="find" hidden><label>Find <input type="search" placeholder="a name or a number">'
    '</label> <output aria-live="polite"></output></div>'
)
"""A field that finds entries of a long page; the script `find.js` shows it."""


def _quantity(row: Constant) -> str:
    return row.quantity.replace("_", " ")


def _constants_table(rows: Iterable[Constant]) -> str:
    headings = ["Quantity", "Value", "Seen", "Source", "Note"]
    head = _row("th", headings)
    body = ""
    for row in rows:
        cells = [
            f'<span id="{row.id}">{_quantity(row)}</span>',
            html.escape(row.words),
            _seen(row.verified),
            _source(row),
            html.escape(row.note),
        ]
        body += _row("td", cells, headings)
    return _table(head, body, "claims")


def anchor(prefix: str, key: str) -> str:
    """The anchor of a subject's entry, as Sphinx makes it of its label."""
    return f"{prefix}-{key}".replace("_", "-")


def _scaled(row: Constant) -> str:
    """A constant in the unit that suits its size."""
    return str(shown(row.si, base_unit(row.unit)))


def _source(row: Constant) -> str:
    source, first = html.escape(row.source), row.locator.split(" ")[0]
    if first.startswith(("https://", "http://")):
        return f'<a href="{html.escape(first, quote=True)}">{source}</a>'
    return f"{source}; {html.escape(row.locator)}" if row.locator else source


def _seen(verified: bool) -> str:
    return "seen" if verified else "<em>unverified</em>"


def _unit(unit: str) -> str:
    return "" if unit in {"count", "ratio", "share"} else unit


def _row(tag: str, cells: Iterable[str], labels: Iterable[str] = ()) -> str:
    """A table row; with `labels` a phone can show it as a card."""
    scope = ' scope="col"' if tag == "th" else ""
    names = [f' data-label="{label}"' for label in labels]
    parts = zip_longest(cells, names, fillvalue="")
    row = " ".join(f"<{tag}{scope}{name}>{cell}</{tag}>" for cell, name in parts)
    return f"<tr>{row}</tr> "  # the blanks keep words apart for the search


def _table(head: str, body: str, style: str = "") -> str:
    name = f' class="{style}"' if style else ""
    return (
        f'<div class="table-scroll" tabindex="0"><table{name}><thead>{head}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
