"""Pages without code: Markdown whose figures are filled in from the book."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import jinja2

from reckoner.book import Book
from reckoner.notebook import claims_table, verdict_pill


def render_page(text: str, book: Book) -> str:
    """A page of the book with its placeholders filled in.

    A placeholder such as ``{{ capacity.cards }}`` is a chapter's result as a reader sees it.

    Args:
        text: the page, a Jinja template.
        book: the book.

    Raises:
        jinja2.UndefinedError: a placeholder names nothing that the book has.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, and every value is the book's own
        keep_trailing_newline=True,
    )
    return environment.from_string(text).render(_context(book))


def _context(book: Book) -> dict[str, Any]:
    entries = book.ledger.entries()
    counts = Counter(entry.verdict for entry in entries)
    words = {
        chapter: SimpleNamespace(**book.conclude_by_default(chapter).words(3))
        for chapter in book.chapters
    }
    return {
        **words,
        "book": book,
        "entries": entries,
        "counts": counts,
        "claims_table": lambda chapter: claims_table(
            book, [c for c in book.claims if c.chapter == chapter], links=True
        ),
        "verdict": lambda claim_id: verdict_pill(book.ledger.entry(claim_id).verdict),
        "printed": {entry.claim.id: entry.claim.printed for entry in entries},
    }
