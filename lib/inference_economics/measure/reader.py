"""One core that reads, as a process of its own: `python -m ….measure.reader CORE`.

It is told a line at a time: `hold BYTES`, which it answers once it has so many random ones, and
`read MOMENT TIMES`, which it answers with the moments of begin and end. It ends with its input.
"""

from __future__ import annotations

import os
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
        moment, times = float(numbers[0]), int(numbers[1])
        while (begin := time.perf_counter()) < moment:
            pass
        for _ in range(times):
            part.sum()
        print(begin, time.perf_counter(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
