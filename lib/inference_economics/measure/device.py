"""Where the kit measures: the processor here, a card in `cuda`; both offer the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from inference_economics.measure import energy, machine
from inference_economics.measure.arrays import Array, Host
from inference_economics.measure.timing import Run, by_clock


class Processor:
    """The processor with NumPy.

    Attributes:
        on: makes its arrays.
        kind: what stands in the column `device`.
        paths: by the name of a row, how a cache comes from where it is kept in memory.
    """

    kind = "cpu"

    def __init__(self, memory: float | None = None) -> None:
        self.on = Host()
        self.most = memory

    def about(self, limit: float | None) -> machine.About:
        """What stands in every row."""
        return machine.about_processor(limit)

    def cores(self) -> int:
        """How many work."""
        return len(machine.cores())

    def room(self, taken: float = 0.0) -> float:
        """Bytes that the kit may still take: `SHARE` of what is free, or what the user said.

        Args:
            taken: bytes that the kit has taken already.
        """
        free = machine.free_memory()
        return SHARE * free if self.most is None else min(self.most - taken, free)

    def clock(self, run: Run, times: int) -> float:
        """Seconds that a run takes."""
        return by_clock(run, times)

    def prepared(self, run: Run) -> Run:
        """The run as it is timed."""
        return run

    def finished(self, run: Run) -> Run:
        """The run as one that returns when it is done."""
        return run

    def copies(self, kept: Array) -> dict[str, Run]:
        """Ways in which a cache comes from memory, by the names of their rows."""
        room = self.on.xp.empty_like(kept)
        return {"prefix from memory": lambda: self.on.xp.copyto(room, kept)}

    def here(self, kept: Array) -> Any:
        """The cache in the memory of the processor."""
        return kept

    def brought(self, read: Callable[[], Any]) -> Run:
        """Reads what is on a disk, to where the layer needs it."""
        return read

    def joules(self) -> energy.Joules:
        """The counter of energy.

        Raises:
            NoCounterError: there is none.
        """
        return energy.of_processor()

    def rest(self, seconds: float) -> None:
        """Do nothing."""
        time.sleep(seconds)


SHARE = 0.6
"""Of the free memory that the kit takes unless it is told a number."""
