"""The working folder of a sweep: what is finished stays finished, whatever is killed.

Beside `table.parquet` it is `table.parquet.parts`. It holds the plan of the sweep and an Arrow file
for each finished chunk. Files appear under their names only once they are whole and on the disk,
and each carries a checksum: what is not as it was written does not count.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from reckoner.files import partials, write_whole

SEAL = hashlib.sha256().digest_size
"""Bytes of the checksum at the end of a chunk's file."""


class SweepError(RuntimeError):
    """A sweep cannot go on. The message says why, and what to do."""


class DamagedError(ValueError):
    """A chunk's file is not as it was written. The message says what is wrong with it."""


class Parts:
    """The working folder of one sweep.

    Args:
        output: the table to be made.
        plan: what the sweep is; a folder with another plan is refused.
    """

    def __init__(self, output: Path, plan: Mapping[str, Any]) -> None:
        self.output = output
        self.folder = output.with_name(output.name + ".parts")
        self.plan = _text({**plan, "checksum": _checksum(plan)})

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; the lock ends with it, however it ends.

        Raises:
            SweepError: another sweep holds it, or it belongs to another plan, or one cannot tell.
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
        made, plan = self._stored_plan(path), json.loads(self.plan)
        if made != plan:
            names = [name for name in {**made, **plan} if made.get(name) != plan.get(name)]
            names.remove("checksum")
            raise SweepError(
                f"{self.folder} was made with other {' and other '.join(names)}; "
                "give another name, or remove the folder and its table"
            )

    def _stored_plan(self, path: Path) -> dict[str, Any]:
        try:
            made: dict[str, Any] = json.loads(path.read_bytes())
            rest = {name: value for name, value in made.items() if name != "checksum"}
            whole = made["checksum"] == _checksum(rest)
        except (ValueError, KeyError, AttributeError, RecursionError):
            whole = False
        if not whole:
            raise SweepError(
                f"{path} is not as it was written, so nobody knows what the folder holds; remove "
                "the folder and its table, and the same command begins anew"
            )
        return made

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


def _text(plan: Mapping[str, Any]) -> str:
    return json.dumps(plan, indent=1, ensure_ascii=False)


def _checksum(plan: Mapping[str, Any]) -> str:
    return hashlib.sha256(_text(plan).encode()).hexdigest()


def as_file(batch: pa.RecordBatch) -> bytes:
    """The content of a chunk's file: an Arrow file, and its checksum."""
    stream = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(stream, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    content = stream.getvalue()
    return b"".join((content, hashlib.sha256(content).digest()))


def read(path: Path) -> pa.RecordBatch:
    """A chunk from its file.

    Raises:
        DamagedError: the file is empty, cut short or changed, or the disk does not give it.
    """
    try:
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise DamagedError(f"{path} cannot be read: {error.strerror}") from None
    batch, seal = content[:-SEAL], content[-SEAL:]
    if hashlib.sha256(batch).digest() != seal:
        why = "is not as it was written" if content else "is empty"
        raise DamagedError(f"{path} {why}")
    with pa.ipc.open_file(pa.py_buffer(batch)) as reader:
        return reader.get_batch(0)
