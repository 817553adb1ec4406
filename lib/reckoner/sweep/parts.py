"""The working folder of a sweep: what is finished stays finished, whatever is killed.

Beside `table.parquet` it is `table.parquet.parts`. It holds the plan of the sweep and an Arrow file
for each finished chunk. Files appear under their names only once they are whole.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from reckoner.files import partials, write_whole


class SweepError(RuntimeError):
    """A sweep cannot go on. The message says why, and what to do."""


class Parts:
    """The working folder of one sweep.

    Args:
        output: the table to be made.
        plan: what the sweep is; a folder with another plan is refused.
    """

    def __init__(self, output: Path, plan: Mapping[str, Any]) -> None:
        self.output = output
        self.folder = output.with_name(output.name + ".parts")
        self.plan = json.dumps(plan, indent=1, ensure_ascii=False)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; the lock ends with it, however it ends.

        Raises:
            SweepError: another sweep holds it, or it belongs to another plan.
        """
        if self.output.exists() and not self.folder.exists():
            raise SweepError(f"{self.output} exists already; remove it, or give another name")
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise SweepError(
                    f"another sweep is at work in {self.folder}; wait for it, or give another name"
                ) from None
            self._refuse_other_plan()
            self._tidy()
            yield

    def _refuse_other_plan(self) -> None:
        path = self.folder / "plan.json"
        if not path.exists():
            write_whole(path, self.plan)
        made, plan = json.loads(path.read_text(encoding="utf-8")), json.loads(self.plan)
        if made != plan:
            names = [name for name in {**made, **plan} if made.get(name) != plan.get(name)]
            raise SweepError(
                f"{self.folder} was made with other {' and other '.join(names)}; "
                "give another name, or remove the folder and its table"
            )

    def _tidy(self) -> None:
        """Remove what a killed process left half-written."""
        made = [self.output.with_suffix(end) for end in (self.output.suffix, ".svg", ".html")]
        for left in (*self.folder.glob(".*"), *(path for file in made for path in partials(file))):
            left.unlink(missing_ok=True)

    def path(self, number: int) -> Path:
        """The file of a chunk."""
        return self.folder / f"{number:06d}.arrow"

    def missing(self, count: int) -> list[int]:
        """Numbers of the chunks that are not finished."""
        return [number for number in range(count) if not self.path(number).exists()]

    def clear(self) -> None:
        """Remove the chunks; the plan stays, and says how the table was made."""
        for path in self.folder.glob("*.arrow"):
            path.unlink()


def as_file(batch: pa.RecordBatch) -> pa.Buffer:
    """The content of a chunk's file."""
    content = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(content, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return content.getvalue()


def read(path: Path) -> pa.RecordBatch:
    """A chunk from its file."""
    with pa.ipc.open_file(path) as reader:
        return reader.get_batch(0)
