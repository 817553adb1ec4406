"""Times of repeats: warmed up, interleaved where things are compared, with median and range."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Run = Callable[[], object]
Clock = Callable[[Run, int], float]
"""Runs something so many times, and says the seconds that one took."""

LEAST, MOST = 3, 11
"""Repeats, however long one takes, and however short."""
SHORTEST = 0.01
"""Seconds that a repeat lasts at least: what is shorter is run several times in it."""


@dataclass(frozen=True)
class Repeats:
    """What repeats of one thing gave, in any unit."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the repeats."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest."""
        return max(self.values)

    def each(self, change: Callable[[float], float]) -> Repeats:
        """The same repeats in another unit."""
        return Repeats(tuple(change(value) for value in self.values))


def by_clock(run: Run, times: int) -> float:
    """Seconds that a run takes by the clock of the processor."""
    begin = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - begin) / times


def repeated(
    runs: Sequence[Run], seconds: float, clock: Clock = by_clock, least: int = LEAST
) -> list[Repeats]:
    """Seconds of each of some runs, in turn, after a round that does not count.

    Args:
        runs: what is compared; each is run once in a round.
        seconds: that all rounds may take; `least` rounds are done in any case.
        clock: how one is timed.
        least: rounds that count, at least.
    """
    warm = [clock(run, 1) for run in runs]
    times = [max(1, math.ceil(SHORTEST / max(took, 1e-9))) for took in warm]
    begin, rounds = time.perf_counter(), 0
    found: list[list[float]] = [[] for _ in runs]
    while rounds < least or (rounds < MOST and time.perf_counter() - begin < seconds):
        for place, run in enumerate(runs):
            found[place].append(clock(run, times[place]))
        rounds += 1
    return [Repeats(tuple(values)) for values in found]
