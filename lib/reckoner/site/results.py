"""What a book concludes, as one table: every result, every verdict, every sentence of its pages.

It is stored beside the notebooks, by the command that stores their outputs. From two states of it
`reckoner.site.moved` tells what moved.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

from reckoner.book import Book
from reckoner.declare.units import base_unit, shown
from reckoner.files import write_whole
from reckoner.show.marks import plain

STORED = Path("notebooks/results.csv")
"""Where the table is stored, from the root of the repository."""
DIGITS = 8
"""Significant digits of a stored value: as many as two machines agree on."""

Kind = Literal["result", "verdict", "second verdict", "matters", "words"]


@dataclass(frozen=True)
class Row:
    """One thing that the book concludes.

    Attributes:
        kind: a chapter's result; a claim's verdict, its second verdict, or whether it matters; or
            words that a page says.
        chapter: the chapter; "book" for words of pages without code.
        name: name of the result or the words, or id of the claim.
        value: the value in base units, or the verdict.
        unit: the base unit of a result.
        written: as a reader sees it: the result, or the figure that was computed for a claim.
    """

    kind: str
    chapter: str
    name: str
    value: str
    unit: str
    written: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from other rows."""
        return self.kind, self.chapter, self.name


COLUMNS = tuple(field.name for field in fields(Row))


def computed(book: Book) -> list[Row]:
    """The table as the book computes it now."""
    return [*_results(book), *_judged(book), *_said(book)]


def _results(book: Book) -> Iterator[Row]:
    for chapter in book.chapters:
        concluded = book.conclude_by_default(chapter)
        for name, unit in concluded.units.items():
            value = float(getattr(concluded.results, name))
            written = str(shown(value, unit, 4))
            yield Row("result", chapter, name, f"{value:.{DIGITS}g}", base_unit(unit), written)


def _judged(book: Book) -> Iterator[Row]:
    for entry in book.ledger.entries():
        chapter, name = entry.claim.chapter, entry.claim.id
        yield Row("verdict", chapter, name, entry.verdict, "", entry.computed)
        if entry.matters:
            yield Row("matters", chapter, name, entry.matters, "", "")
        if entry.second:
            second = entry.second
            yield Row("second verdict", chapter, name, second.verdict, "", second.computed)


def _said(book: Book) -> Iterator[Row]:
    for name, text in book.extras.items():
        if isinstance(text, str):
            yield Row("words", "book", name, "", "", plain(text).replace("\\$", "$"))


def written(rows: list[Row]) -> str:
    """The table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *map(astuple, rows)])
    return text.getvalue()


def read(text: str) -> list[Row]:
    """The rows of a table that was stored as CSV.

    Raises:
        ValueError: it is no such table.
    """
    head, *rows = csv.reader(io.StringIO(text)) if text else [[]]
    if tuple(head) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise ValueError(
            f"{STORED}: its columns are not {', '.join(COLUMNS)}; run `make notebooks`"
        )
    return [Row(*row) for row in rows]


def store(book: Book) -> None:
    """Store the table as the book computes it now."""
    write_whole(STORED, written(computed(book)))
