"""Carrying a sweep out: chunks or notebooks, here or by Dask, and the table from what they gave."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from reckoner.declare.parameters import ParameterError
from reckoner.execute import cores
from reckoner.files import write_whole
from reckoner.provenance import code_hash, provenance
from reckoner.sweep.parts import DamagedError, Parts, SweepError, read
from reckoner.sweep.pieces import Made, make_chunk, run_notebook
from reckoner.sweep.points import Sweep
from reckoner.sweep.table import Table, notebook_name

FEW = 100_000
"""So many points are evaluated sooner than other processes start."""


@dataclass
class Job:
    """A sweep to be carried out.

    Attributes:
        sweep: the points; each in a chunk of its own where notebooks are run.
        output: the table.
        notebook: the notebook to run at each point, if any.
        scheduler: address of a running Dask scheduler, or None for processes of this machine.
        workers: how many processes; 0 for one a core, where other processes are worth it.
        shown: whether the progress is shown; None for only where a person sees it.
        look: sees every batch of the table as it is written.
        failed: points that failed.
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
        if self.output.suffix not in (".csv", ".parquet"):
            raise ParameterError(
                f"{self.output.name}: the table's name must end in .csv or .parquet"
            )
        self.code = code_hash(self.sweep.book.package)
        self.table = Table(self.sweep, provenance(self.sweep.book), self.notebook is not None)
        self.parts = Parts(self.output, self._plan())
        self._text = "" if self.notebook is None else self.notebook.read_text(encoding="utf-8")

    @property
    def notebooks(self) -> Path:
        """The folder of the executed notebooks."""
        return self.output.with_name(self.output.name + ".notebooks")

    def run(self, finish: Callable[[], object] = lambda: None) -> bool:
        """Do what is not done yet, then write the table; False if it is written already.

        Args:
            finish: called when all points are known, before the table has its name.

        Raises:
            SweepError: the folder is taken or is another sweep's, or the cluster went away.
        """
        with self.parts.locked():
            done = self.output.exists()
            if not done:
                with closing(self._batches(finish)) as batches:
                    self.table.write(self.output, batches)
            self.parts.clear()
        return not done

    def _plan(self) -> dict[str, Any]:
        given = [
            p.own.path(path)
            for v in self.sweep.combinations
            for p in self.sweep.parameters
            if p.own and (path := self._own_files(v).get(p.name))
        ]
        files = [*dict.fromkeys(given), *([self.notebook] if self.notebook else [])]
        return {
            "chapter": self.sweep.chapter,
            "parameters": dict(self.sweep.given),
            "files": {f.name: hashlib.sha256(f.read_bytes()).hexdigest()[:16] for f in files},
            "points at once": self.sweep.chunk,
            "code": self.code,
            **self.table.provenance,
        }

    def _own_files(self, values: dict[str, Any]) -> dict[str, str]:
        """The files among the values, by paths that a worker in another folder finds too."""
        return {
            p.name: str(Path(values[p.name]).absolute())
            for p in self.sweep.parameters
            if p.is_file(values[p.name])
        }

    def _batches(self, finish: Callable[[], object]) -> Generator[pa.RecordBatch]:
        """The chunks in order as rows of the table, each as soon as it can be had."""
        missing = self.parts.missing(self.sweep.chunks)
        ready = set(range(self.sweep.chunks)) - set(missing)
        with closing(self._finished(missing)) as finished, self._bar(missing) as bar:
            for number in range(self.sweep.chunks):
                while number not in ready:
                    newest = next(finished)
                    ready.add(newest)
                    bar.update(len(self.sweep.span(newest)))
                found = self._read(number)
                self.failed += len(found) - found.column("error").null_count
                batch = self.table.batch(number, found)
                self.look(batch)
                yield batch
        finish()

    def _read(self, number: int) -> pa.RecordBatch:
        """A finished chunk; one that is not as it was written is made again."""
        path = self.parts.path(number)
        try:
            return read(path)
        except DamagedError as damage:
            tqdm.write(f"{damage}; it is computed again", file=sys.stderr)
        path.unlink(missing_ok=True)
        self._store(self._piece(number)())
        try:
            return read(path)
        except DamagedError as damage:
            raise SweepError(f"{damage}, though it is new; use another disk") from None

    def _bar(self, missing: list[int]) -> Any:
        """The progress and the time left, on the error stream."""
        count, ahead = self.sweep.count, sum(len(self.sweep.span(number)) for number in missing)
        hidden = None if self.shown is None else not self.shown
        return tqdm(
            total=count, initial=count - ahead, unit="point", unit_scale=count > 9999,
            disable=hidden,
        )  # fmt: skip

    def _finished(self, missing: list[int]) -> Generator[int]:
        """Make the missing chunks, and say the number of each."""
        pieces = map(self._piece, missing)
        if self._here(missing):
            for piece in pieces:
                yield self._store(piece())
            return
        from reckoner.sweep import cluster

        workers = min(self.workers or cores(), max(1, len(missing)))
        with cluster.client(self.scheduler, workers) as client:
            yield from map(self._store, cluster.work(client, pieces))

    def _here(self, missing: list[int]) -> bool:
        """Whether this process does the work: other processes take seconds to start."""
        few = self.notebook is None and not self.workers and self.sweep.count <= FEW
        return self.scheduler is None and (few or len(missing) <= 1)

    def _piece(self, number: int) -> Callable[[], Made]:
        task = self.sweep.task(number, self.code)
        if self.notebook is None:
            path = self.parts.path(number).absolute()
            return partial(make_chunk, task, path, self.parts.plan)
        values = next(self.sweep.checked(task.points))
        return partial(run_notebook, task, self._text, values | self._own_files(values))

    def _store(self, made: Made) -> int:
        if made.notebook is not None:
            write_whole(self.notebooks / notebook_name(made.number), made.notebook)
        if made.content is not None:
            write_whole(self.parts.path(made.number), made.content)
        return made.number
