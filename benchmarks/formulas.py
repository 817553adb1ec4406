"""What a formula costs for being written once: a chapter on numbers, and on arrays.

    .venv/bin/python benchmarks/formulas.py

The worksheet of `batching` is run with one value each, with its trace, and on an array of a million
batch sizes. Each is repeated; the median counts. Against NumPy by hand: `benchmarks/sweep.py`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from inference_economics.book import BOOK
from record import record

POINTS = 1_000_000


def seconds(work: Callable[[], object], times: int) -> float:
    """The median time that a piece of work takes."""
    work()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def main() -> None:
    parameters = BOOK.parameters("batching")
    one = parameters.base({})
    many = {**one, "batch_size": np.linspace(1.0, 4096.0, POINTS)}
    results = len(BOOK.units("batching"))
    single = seconds(lambda: BOOK.results("batching", one), 200)
    record(f"batching, {results} results of one point", single * 1e6, "µs")
    traced = seconds(lambda: BOOK.run("batching", parameters.check({})), 50)
    record("the same, with where each number comes from", traced * 1e6, "µs")
    with np.errstate(all="ignore"):
        whole = seconds(lambda: BOOK.results("batching", many), 5)
    record(f"one of {POINTS:,} points at once", whole / POINTS * 1e9, "ns")


if __name__ == "__main__":
    main()
