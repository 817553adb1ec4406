"""The working folder of a sweep: what is finished stays finished, whatever is killed.

Beside `table.parquet` it is `table.parquet.parts`. It holds the plan of the sweep and a file for
each finished chunk. Files appear under their names only once they are whole.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reckoner.files import write_whole


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
        self.plan = json.loads(json.dumps(plan))
        self._plan_file = self.folder / "plan.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; the lock ends with it, however it ends.

        Raises:
            SweepError: another sweep holds it, or it belongs to another plan.
        """
        new = not self.folder.exists()
        if new and self.output.exists():
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
        if not self._plan_file.exists():
            write_whole(self._plan_file, json.dumps(self.plan, indent=1, ensure_ascii=False))
            return
        made = json.loads(self._plan_file.read_text(encoding="utf-8"))
        if made != self.plan:
            names = [n for n in {**made, **self.plan} if made.get(n) != self.plan.get(n)]
            raise SweepError(
                f"{self.folder} was made with other {' and other '.join(names)}; "
                "give another name, or remove the folder and its table"
            )

    def _tidy(self) -> None:
        """Remove what a killed process left half-written."""
        files = (self.output, self.output.with_suffix(".svg"), self.output.with_suffix(".html"))
        beside = [f".{file.name}.{'?' * 8}{file.suffix}" for file in files]  # as `whole` names them
        found = (path for pattern in beside for path in self.output.parent.glob(pattern))
        for left in (*self.folder.rglob(".*"), *found):
            left.unlink(missing_ok=True)

    @property
    def finished(self) -> bool:
        """Whether the table is made."""
        return self.output.exists()

    def chunk(self, number: int) -> Path:
        return self.folder / f"{number:06d}.chunk"

    def missing(self, count: int) -> list[int]:
        """Numbers of the chunks that are not finished."""
        return [number for number in range(count) if not self.chunk(number).exists()]

    def clear(self) -> None:
        """Remove the chunks; the plan stays, and says how the table was made."""
        for path in self.folder.iterdir():
            if path.name not in {"plan.json", "lock"}:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
