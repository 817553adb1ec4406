"""A finished chunk as a file: a line of JSON, then each column as NumPy stores it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import BinaryIO

import numpy as np

from reckoner.files import whole, write_whole
from reckoner.provenance import code_hash
from reckoner.sweep.evaluate import Column, Evaluated, Task, evaluate
from reckoner.sweep.memory import keep_freed_memory
from reckoner.sweep.parts import SweepError


def dump(found: Evaluated, file: BinaryIO) -> None:
    """Write a chunk. A result that is one number for all points is stored once."""
    arrays = {name: c for name, c in found.results.items() if isinstance(c, np.ndarray)}
    order = {name: None if name in arrays else c for name, c in found.results.items()}
    file.write(json.dumps({"results": order, "errors": found.errors}).encode() + b"\n")
    for array in arrays.values():
        np.save(file, array, allow_pickle=False)


def load(path: Path) -> Evaluated:
    """Read a chunk."""
    with path.open("rb") as file:
        head = json.loads(file.readline())
        results: dict[str, Column] = {
            name: np.load(file, allow_pickle=False) if number is None else number
            for name, number in head["results"].items()
        }
    return Evaluated(results, {int(place): text for place, text in head["errors"].items()})


def make(task: Task, path: Path, plan: str) -> bytes | None:
    """Evaluate a chunk and store it; run by a worker.

    Args:
        task: the chunk.
        path: where it goes.
        plan: the text of the plan beside it. A worker that does not see the same plan there is on
            another machine, and returns the file's content for the client to store.
    """
    refuse_other_code(task)
    keep_freed_memory()
    found = evaluate(task)
    if _same(path.with_name("plan.json"), plan):
        with whole(path) as partial, partial.open("wb") as file:
            dump(found, file)
        return None
    content = io.BytesIO()
    dump(found, content)
    return content.getvalue()


def refuse_other_code(task: Task) -> None:
    """See that this process has the formulas for which the sweep was planned.

    Raises:
        SweepError: it has others, as a worker on another machine may.
    """
    if task.code != code_hash(task.module):
        raise SweepError("a worker has other formulas or data than this copy of the book")


def store(path: Path, content: bytes | None) -> None:
    """Store what a worker on another machine made."""
    if content is not None:
        write_whole(path, content)


def _same(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except OSError:
        return False
