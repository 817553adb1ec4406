"""One core that reads, as a process of its own: `python -m ….measure.reader CORE`.

It is told a line at a time: `hold BYTES`, which it answers once it has so many random ones, and
`read MOMENT TIMES BYTES`, which it answers with the moments of begin and end and how often the
system took the core away between. Of what is larger than BYTES it reads one part after another,
so that what is read was long not touched. It ends with its input.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from contextlib import suppress

import numpy as np

WORD = 8
"""Bytes of the numbers that are summed."""


def main(core: int) -> None:
    """Do what the lines of the input say.

    Args:
        core: to which the process is bound where the system can do that.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "sched_setaffinity"):
        with suppress(OSError):
            os.sched_setaffinity(0, {core})
    drawn = np.random.default_rng(core)
    held = part = np.empty(0, np.uint64)
    at = 0
    for line in sys.stdin:
        word, *numbers = line.split()
        if word == "hold":
            count = int(numbers[0]) // WORD
            if held.size < count:
                held = drawn.integers(0, 2**63, count, np.uint64)
            part = held[:count]
            part.sum()
            print("held", flush=True)
            continue
        moment, times, window = float(numbers[0]), int(numbers[1]), int(numbers[2]) // WORD
        at = at + window if at + 2 * window <= part.size else 0
        now = part[at : at + window]
        while time.perf_counter() < moment:
            pass
        before, begin = _taken_away(), time.perf_counter()
        for _ in range(times):
            now.sum()
        end = time.perf_counter()
        print(begin, end, _taken_away() - before, flush=True)


def _taken_away() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


if __name__ == "__main__":
    main(int(sys.argv[1]))
