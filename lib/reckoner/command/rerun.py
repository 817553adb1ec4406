"""A chapter rerun with other parameters: its notebook, its page, its results as tables."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reckoner.book import Book
from reckoner.execute import attempt
from reckoner.files import write_whole
from reckoner.ledger import Conclusions
from reckoner.provenance import provenance
from reckoner.show.explain import Explanations
from reckoner.site.one_page import page_of


class RerunError(RuntimeError):
    """A notebook stopped. The message names the cell and the error."""


def rerun(
    book: Book, notebook: Path, values: Mapping[str, Any], folder: Path, page: bool = True
) -> list[Path]:
    """Run a chapter with other parameters, and keep what it gives.

    Args:
        book: the book.
        notebook: the chapter's notebook.
        values: the parameters that differ from the defaults.
        folder: where the notebook, its page, and its results as CSV and JSON go.
        page: whether the page is made.

    Returns:
        The files that were written, each whole.

    Raises:
        ParameterError: a value is not allowed; nothing has run.
        RerunError: a cell failed; nothing was written.
    """
    chapter = notebook.stem
    declared = book.parameters(chapter)
    checked = declared.check(values)
    changed = declared.changed(values, checked)
    with tempfile.TemporaryDirectory() as place:
        executed = Path(place) / notebook.name
        error = attempt(notebook, executed, changed)
        if error:
            raise RerunError(f"{notebook}, {error}")
        contents = {".ipynb": executed.read_text(encoding="utf-8")}
    run = book.run(chapter, checked)
    rows = results(book, chapter, checked, book.concluded(chapter, checked, run.results))
    about = provenance(book)
    contents |= {".csv": as_csv(rows, about), ".json": as_json(rows, about)}
    if page:
        explained = Explanations(book, chapter, run, catalog="", formulas="")
        numbers = "\n".join(explained.fragments().values())
        contents[".html"] = page_of(contents[".ipynb"], notebook.parent.parent / "book", numbers)
    written = [folder / f"{chapter}{ending}" for ending in contents]
    for path, content in zip(written, contents.values(), strict=True):
        write_whole(path, content)
    return written


def results(
    book: Book, chapter: str, values: Mapping[str, Any], concluded: Conclusions
) -> list[dict[str, Any]]:
    """Every parameter and result of a run: kind, name, value, unit, and as a reader sees it."""
    words = concluded.words(digits=3)
    declared = book.parameters(chapter)
    rows: list[tuple[Any, ...]]
    rows = [("parameter", p.name, values[p.name], p.unit, words[p.name]) for p in declared]
    for name, unit in concluded.units.items():
        value = float(getattr(concluded.results, name))
        rows.append(("result", name, value, unit, words[name]))
    rows += [("note", f"note_{n}", "", "", t) for n, t in enumerate(declared.notes(values), 1)]
    names = ("kind", "name", "value", "unit", "words")
    return [dict(zip(names, row, strict=True)) for row in rows]


def as_csv(rows: list[dict[str, Any]], about: Mapping[str, str]) -> str:
    """The rows as CSV, the provenance in columns of its own."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0], *about], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, **about} for row in rows)
    return text.getvalue()


def as_json(rows: list[dict[str, Any]], about: Mapping[str, str]) -> str:
    """The rows as JSON. Infinity, which JSON lacks, is null there; its words say "∞"."""
    parts: dict[str, Any] = {"provenance": dict(about), "parameters": {}, "results": {}}
    notes = [row["words"] for row in rows if row["kind"] == "note"]
    parts |= {"notes": notes} if notes else {}
    for row in (row for row in rows if row["kind"] != "note"):
        value = row["value"]
        if isinstance(value, float) and not math.isfinite(value):
            value = None
        entry = {"value": value, "unit": row["unit"], "words": row["words"]}
        parts[f"{row['kind']}s"][row["name"]] = entry
    return json.dumps(parts, indent=2, ensure_ascii=False) + "\n"
