"""Carrying a sweep out: chunks or notebooks by Dask, the table from what they gave."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from reckoner.files import write_whole
from reckoner.provenance import code_hash, provenance
from reckoner.site.build import attempt, cores
from reckoner.sweep import chunks, cluster
from reckoner.sweep.evaluate import Evaluated, Sweep, Task, evaluate
from reckoner.sweep.memory import keep_freed_memory
from reckoner.sweep.parts import Parts
from reckoner.sweep.table import Table, check_ending, notebook_name


@dataclass
class Job:
    """A sweep to be carried out.

    Attributes:
        sweep: the points; each in a chunk of its own where notebooks are run.
        output: the table.
        notebook: the notebook to run at each point, if any.
        scheduler: address of a running Dask scheduler, or None for processes of this machine.
        workers: how many processes.
        shown: whether the progress is shown; None for only where a person sees it.
        look: sees every batch of the table as it is written.
    """

    sweep: Sweep
    output: Path
    notebook: Path | None = None
    scheduler: str | None = None
    workers: int = 0
    shown: bool | None = None
    look: Callable[[pa.RecordBatch], None] = lambda batch: None
    failed: int = 0

    def __post_init__(self) -> None:
        check_ending(self.output)
        self.code = code_hash(self.sweep.module.__name__)
        self.table = Table(self.sweep, provenance(self.sweep.book), self.notebook is not None)
        self.parts = Parts(self.output, self._plan())
        self._text = "" if self.notebook is None else self.notebook.read_text(encoding="utf-8")

    @property
    def notebooks(self) -> Path:
        """The folder of the executed notebooks."""
        return self.output.with_name(self.output.name + ".notebooks")

    def run(self, finish: Callable[[], object] = lambda: None) -> bool:
        """Do what is not done yet, then write the table.

        Args:
            finish: called when all points are known, before the table has its name.

        Returns:
            Whether there was anything to do.

        Raises:
            SweepError: the folder is taken or is another sweep's, or the cluster went away.
        """
        keep_freed_memory()
        with self.parts.locked():
            done = self.parts.finished
            if not done:
                self.table.write(self.output, self._batches(finish))
            self.parts.clear()
        return not done

    def _plan(self) -> dict[str, Any]:
        own = [
            path for values in self.sweep.combinations for path in self._own_files(values).values()
        ]
        files = [Path(path) for path in dict.fromkeys(own)] + (
            [self.notebook] if self.notebook else []
        )
        return {
            "chapter": self.sweep.chapter,
            "parameters": dict(self.sweep.given),
            "files": {f.name: hashlib.sha256(f.read_bytes()).hexdigest()[:16] for f in files},
            "points at once": self.sweep.chunk,
            "code": self.code,
            **self.table.provenance,
        }

    def _batches(self, finish: Callable[[], object]) -> Iterator[pa.RecordBatch]:
        """The chunks in order as rows of the table, each as soon as it can be had."""
        ready = set(range(self.sweep.chunks))
        missing = self.parts.missing(self.sweep.chunks)
        ready -= set(missing)
        with closing(self._finished(missing)) as finished, self._bar(missing) as bar:
            for number in range(self.sweep.chunks):
                while number not in ready:
                    newest = next(finished)
                    ready.add(newest)
                    bar.update(self._size(newest))
                found = chunks.load(self.parts.chunk(number))
                self.failed += len(found.errors)
                batch = self.table.batch(number, found)
                self.look(batch)
                yield batch
        finish()

    def _bar(self, missing: list[int]) -> Any:
        done = self.sweep.count - sum(map(self._size, missing))
        return cluster.progress(self.sweep.count, "point", self.shown, done)

    def _size(self, number: int) -> int:
        _, start, stop = self.sweep.span(number)
        return stop - start

    def _finished(self, missing: list[int]) -> Generator[int]:
        """Make the missing chunks, and say the number of each."""
        if self.scheduler is None and len(missing) <= 1:  # not worth a second process
            for number in missing:
                self._store(number, self._make(number)())
                yield number
            return
        workers = min(self.workers or cores(), max(1, len(missing)))
        with cluster.client(self.scheduler, workers) as client:
            run = uuid.uuid4().hex  # or Dask would name the work after all of its numbers
            submit = lambda number: client.submit(self._make(number), key=f"{run}-{number}")  # noqa: E731
            for number, content in cluster.work(client, missing, submit):
                self._store(number, content)
                yield number

    def _make(self, number: int) -> Callable[[], Any]:
        task = self.sweep.task(number, self.code)
        if self.notebook is None:
            plan = json.dumps(self.parts.plan, indent=1, ensure_ascii=False)
            return Piece(task, self.parts.chunk(number).absolute(), plan)
        values, _, _ = self.sweep.span(number)
        swept = {n: float(c[0]) for n, c in self.sweep.grid(number).columns().items()}
        checked = self.sweep.parameters.check({**values, **swept})
        return NotebookPiece(task, self._text, {**checked, **self._own_files(checked)})

    def _own_files(self, values: dict[str, Any]) -> dict[str, str]:
        """The files among the values, by paths that a worker in another folder finds too."""
        return {
            p.name: str(Path(values[p.name]).absolute())
            for p in self.sweep.parameters
            if p.own and str(values[p.name]).endswith(p.own.suffix)
        }

    def _store(self, number: int, content: Any) -> None:
        if self.notebook is not None:
            executed, content = content
            write_whole(self.notebooks / notebook_name(number), executed)
        chunks.store(self.parts.chunk(number), content)


@dataclass(frozen=True)
class Piece:
    """A chunk to be evaluated by a worker."""

    task: Task
    path: Path
    plan: str

    def __call__(self) -> bytes | None:
        return chunks.make(self.task, self.path, self.plan)


@dataclass(frozen=True)
class NotebookPiece:
    """A point at which a worker runs the notebook."""

    task: Task
    text: str
    parameters: dict[str, Any]

    def __call__(self) -> tuple[str, bytes]:
        chunks.refuse_other_code(self.task)
        with tempfile.TemporaryDirectory() as folder:
            notebook, executed = Path(folder) / "notebook.ipynb", Path(folder) / "executed.ipynb"
            notebook.write_text(self.text, encoding="utf-8")
            try:
                error = attempt(notebook, executed, self.parameters)
            except Exception as failure:  # a kernel that died, say: it concerns this point alone
                error = f"{type(failure).__name__}: {failure}"
            kept = executed if executed.exists() else notebook
            text = kept.read_text(encoding="utf-8")
        found = evaluate(self.task)
        if error:
            found = Evaluated(dict.fromkeys(found.results, float("nan")), {0: error})
        content = io.BytesIO()
        chunks.dump(found, content)
        return text, content.getvalue()
