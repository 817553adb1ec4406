"""The kit at work: parts that measure within their time, and rows that are kept as they come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from inference_economics.measure.machine import About
from inference_economics.measure.rows import (
    ABOVE,
    IN_CACHE,
    NO_LIMIT,
    STEADY,
    UNSTEADY,
    OfKit,
    text_of,
)
from inference_economics.measure.timing import Repeats
from reckoner.files import is_stream, put, write_whole

SLACK = 1.02
"""How far above the memory's limit a bandwidth may lie before it is marked: clocks are rounded."""


class Left(Exception):  # noqa: N818 - it is no error: the part says why it ends here
    """A part, or the rest of it, is left out; the message says why."""


@dataclass
class Rows:
    """The rows so far, in a file that holds all of them after each.

    Attributes:
        path: of the file, or a stream that gets one row after another.
        about: the machine.
        rows: what was measured.
    """

    path: Path
    about: About
    rows: list[OfKit] = field(default_factory=list)

    def add(self, what: str, value: Repeats | float, unit: str, **cells: Any) -> None:
        """Keep a row, marked where it has to be.

        Raises:
            OSError: the file cannot be written.
        """
        repeats = value if isinstance(value, Repeats) else Repeats((float(value),))
        marks = [*cells.pop("marks", ())]
        if repeats.high > STEADY * repeats.low:
            marks.append(UNSTEADY)
        row = OfKit(
            what=what, value=repeats.median, unit=unit, low=repeats.low, high=repeats.high,
            repeats=len(repeats.values), mark="; ".join(marks), **cells, **self.about.cells(),
        )  # fmt: skip
        self.rows.append(row)
        if is_stream(self.path):
            put(self.path, text_of([row], header=len(self.rows) == 1))
        self.save()

    def save(self) -> None:
        """Write all rows, where they go to a file.

        Raises:
            OSError: it cannot be written.
        """
        if not is_stream(self.path):
            write_whole(self.path, text_of(self.rows))

    def bandwidth(self, what: str, speeds: Repeats, size: float, **cells: Any) -> None:
        """Keep a bandwidth in GB/s, marked if it is not the memory's, or may not be.

        Args:
            what: the row's name.
            speeds: in byte/s.
            size: bytes of the working set.
            cells: others of the row.
        """
        about = self.about
        fits = size <= max(about.cache, about.core_cache * (cells.get("cores") or 1))
        marks = [IN_CACHE] if fits else [NO_LIMIT] if about.limit is None else []
        if not fits and about.limit is not None and speeds.median > SLACK * about.limit:
            marks = [ABOVE]
        self.add(what, speeds.each(lambda speed: speed / 1e9), "GB/s", size=float(size),
                 marks=marks, **cells)  # fmt: skip

    def left_out(self, part: str, why: str) -> None:
        """Say, on the screen and in a row, that a part or the rest of it is not measured."""
        tqdm.write(f"left out: {part}: {why}", file=sys.stderr)
        self.add(f"left out: {part}", 0.0, "count", note=why)


@dataclass(frozen=True)
class Part:
    """A part of the kit.

    Attributes:
        name: as a reader sees it.
        share: of the time.
        measure: what it does, until a moment of the clock.
    """

    name: str
    share: float
    measure: Callable[[float], None]


def work(rows: Rows, parts: list[Part], seconds: float, shown: bool | None = None) -> None:
    """Measure one part after the other.

    Args:
        rows: where they go.
        parts: what is measured, and the share of the time that each may take.
        seconds: for all; the time that one leaves is for those after it.
        shown: whether the progress is; by default on a terminal.
    """
    end, ahead = time.perf_counter() + seconds, sum(part.share for part in parts)
    hidden = None if shown is None else not shown
    with tqdm(total=round(seconds), unit="s", disable=hidden, bar_format=_BAR) as bar:
        for part in parts:
            begin = time.perf_counter()
            bar.set_description(part.name)
            until = begin + (end - begin) * part.share / ahead
            try:
                part.measure(max(until, begin))
            except Left as why:
                rows.left_out(part.name, str(why))
            except Exception as error:
                if not (why_not := out_of_memory(error)):
                    raise
                rows.left_out(part.name, why_not)
            ahead -= part.share
            bar.update(min(round(time.perf_counter() - begin), bar.total - bar.n))


_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt} of {total_fmt} s"


def out_of_memory(error: BaseException) -> str:
    """What to say where the memory of the machine or of the card was too small; else nothing."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        first = str(error).split("\n")[0][:120]
        return f"too little memory ({first})" if first else "too little memory"
    return ""


@dataclass
class Pace:
    """How fast the work went so far, and how long more of it would take.

    Attributes:
        bytes: read in a second, at best.
        operations: done in a second, at best.
        slower: how many times longer than expected the last work took.
    """

    bytes: float = 0.0
    operations: float = 0.0
    slower: float = 1.0

    def expected(self, size: float, operations: float) -> float:
        """Seconds that work would take; none while nothing is known."""
        return self._at_best(size, operations) * self.slower

    def _at_best(self, size: float, operations: float) -> float:
        reading = size / self.bytes if self.bytes else 0.0
        return max(reading, operations / self.operations if self.operations else 0.0)

    def learn(self, size: float, operations: float, seconds: float) -> None:
        """Take note of how long work took."""
        expected = self._at_best(size, operations)
        self.slower = max(1.0, seconds / expected) if expected else 1.0
        self.bytes = max(self.bytes, size / seconds)
        self.operations = max(self.operations, operations / seconds)
