"""Pieces of a sweep as a worker does them, maybe on another machine: a chunk, or a notebook."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from reckoner.execute import attempt
from reckoner.files import write_whole
from reckoner.provenance import code_hash
from reckoner.sweep.evaluate import book_at, evaluate
from reckoner.sweep.parts import SweepError, as_file
from reckoner.sweep.points import Task


@dataclass(frozen=True)
class Made:
    """What a worker hands back.

    Attributes:
        number: which chunk.
        content: its file for the client to store; None where the worker has stored it.
        notebook: the executed notebook, if there is one.
    """

    number: int
    content: bytes | None = None
    notebook: str | None = None


def make_chunk(task: Task, path: Path, plan: str) -> Made:
    """Evaluate a chunk and store it.

    A worker that does not see the same plan beside the path is on another machine, and hands the
    file's content back.
    """
    refuse_other_code(task)
    content = as_file(evaluate(task))
    beside = path.with_name("plan.json")
    if not beside.exists() or beside.read_text(encoding="utf-8") != plan:
        return Made(task.number, content)
    write_whole(path, content)
    return Made(task.number)


def run_notebook(task: Task, text: str, parameters: Mapping[str, Any]) -> Made:
    """Run a notebook's text at one point; where it stops, no result of the point stands."""
    refuse_other_code(task)
    with tempfile.TemporaryDirectory() as folder:
        notebook, executed = Path(folder) / "notebook.ipynb", Path(folder) / "executed.ipynb"
        notebook.write_text(text, encoding="utf-8")
        try:
            error = attempt(notebook, executed, parameters)
        except Exception as failure:  # a kernel that died, say: it concerns this point alone
            error = f"{type(failure).__name__}: {failure}"
        kept = (executed if executed.exists() else notebook).read_text(encoding="utf-8")
    found = evaluate(task)
    if error:
        nothing = [pa.nulls(1, kind) for kind in found.schema.types[:-1]]
        found = pa.record_batch([*nothing, pa.array([error])], schema=found.schema)
    return Made(task.number, as_file(found), kept)


def refuse_other_code(task: Task) -> None:
    """See that this process, maybe on another machine, has the formulas that were planned."""
    if task.code != code_hash(book_at(task.book).package):
        raise SweepError("a worker has other formulas or data than this copy of the book")
