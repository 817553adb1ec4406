"""What cores read together of data of a given size, each its own share of it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inference_economics.measure.machine import cores
from inference_economics.measure.reader import WORD
from inference_economics.measure.timing import LEAST, Repeats

SWEEP = 3e7
"""Bytes that cores read in a repeat, about: so few that what else runs disturbs few repeats."""
TRIES = 4
"""How many times more repeats are tried where some are disturbed."""
LATE = 0.1
"""Of a repeat's time, by which a core may begin later than another."""
AHEAD = 0.003
"""Seconds from the word to begin until all begin at one moment."""
SHARE = 2**17
"""Bytes of a core in the smallest working set: less, and the calls would be what takes the time."""
LARGEST_OF_CACHE, LARGEST = 8.0, 256e6
"""The largest working set: so many times the shared cache, or so many bytes if that is more."""


@dataclass(frozen=True)
class Readers:
    """Processes that read, each bound to a core.

    Attributes:
        processes: of `reader`, one for each core.
        sweep: bytes that are read in a repeat, about.
    """

    processes: list[subprocess.Popen[str]]
    sweep: float = SWEEP

    def once(self, size: int, together: int) -> tuple[float, bool]:
        """Bytes a second that so many cores read of `size` bytes in all, and if undisturbed.

        A core that the system took away meanwhile, or that began late, disturbs.
        """
        share, readers = size // together // WORD * WORD, self.processes[:together]
        for each in readers:
            _tell(each, f"hold {share}")
        for each in readers:
            _answer(each)
        part = min(share, int(self.sweep) // together // WORD * WORD)
        times, moment = max(1, round(self.sweep / together / part)), time.perf_counter() + AHEAD
        for each in readers:
            _tell(each, f"read {moment} {times} {part}")
        begins, ends, taken = zip(*([float(w) for w in _answer(r)] for r in readers), strict=True)
        took = max(ends) - min(begins)
        late = max(begins) - min(begins) > LATE * took
        return part * together * times / took, not (late or any(taken))

    def compared(self, size: int, repeats: int) -> dict[int, Repeats]:
        """What 1, 2, 4 and so on, and all cores read of one size; they take turns.

        What was disturbed does not count, unless hardly anything was undisturbed.
        """
        numbers = numbers_of_cores(len(self.processes))
        found: dict[int, list[tuple[float, bool]]] = {together: [] for together in numbers}
        for _ in range(TRIES * repeats):
            ahead = [
                n for n in numbers if sum(undisturbed for _, undisturbed in found[n]) < repeats
            ]
            for together in ahead:
                found[together].append(self.once(size, together))
        return {together: calm(tries) for together, tries in found.items()}


def calm(tries: list[tuple[float, bool]]) -> Repeats:
    """The speeds that nothing disturbed, or all where these are too few to tell anything."""
    kept = tuple(speed for speed, undisturbed in tries if undisturbed)
    return Repeats(kept if len(kept) >= LEAST else tuple(speed for speed, _ in tries))


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    try:
        print(line, file=process.stdin, flush=True)
    except OSError:
        raise MemoryError("a reading process is gone") from None


def _answer(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    words = process.stdout.readline().split()
    if not words:
        raise MemoryError("a reading process is gone")
    return words


def numbers_of_cores(most: int) -> list[int]:
    """1, 2, 4 and so on, and all."""
    doubled = [2**power for power in range(int(math.log2(most)) + 1)]
    return sorted({*doubled, most})


@contextmanager
def readers(sweep: float = SWEEP) -> Iterator[Readers]:
    """A process for each core; they end with the block, and with this process."""
    command = [sys.executable, "-m", "inference_economics.measure.reader"]
    library = str(Path(__file__).parents[2])
    path = os.pathsep.join([library, *filter(None, [os.environ.get("PYTHONPATH")])])
    processes: list[subprocess.Popen[str]] = []
    try:
        for core in cores():
            processes.append(
                subprocess.Popen(
                    [*command, str(core)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL, text=True, env=os.environ | {"PYTHONPATH": path},
                )
            )  # fmt: skip
        yield Readers(processes, sweep)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.communicate()


def sizes(cache: float, core_cache: float, many: int, most: float) -> list[int]:
    """Working sets from small to what fits no cache: octaves, and finer where shares begin to fit.

    Args:
        cache: bytes of the shared cache.
        core_cache: bytes of the cache of one core.
        many: cores.
        most: bytes that may be taken.
    """
    top = max(min(max(LARGEST_OF_CACHE * cache, LARGEST), most), SHARE * many)
    least = SHARE * many
    octaves = [least * 2**power for power in range(int(math.log2(top / least)) + 1)]
    finer = [core_cache * many * 2 ** (step / 4) for step in range(-6, 5)]
    between = [int(size) // 4096 * 4096 for size in finer if least < size <= top]
    return sorted({*octaves, *between})
