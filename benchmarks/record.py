"""What the benchmarks find: printed, and kept where `benchmarks/run.py` asks for it."""

from __future__ import annotations

import csv
import os
from pathlib import Path

KEEP = "BENCHMARK_FOUND"
"""The variable that names the file to which what is found is added."""


def record(
    what: str, value: float, unit: str, bound: float | None = None, at_least: bool = False
) -> None:
    """Say what was measured, and whether it is as it should be.

    Args:
        what: what was measured.
        value: the number.
        unit: its unit.
        bound: what it should be at most, if anything.
        at_least: whether the bound is the least instead.
    """
    wanted = "" if bound is None else f"at {'least' if at_least else 'most'} {bound:g}"
    good = bound is None or (value >= bound if at_least else value <= bound)
    said = f" ({wanted}: {'holds' if good else 'MISSED'})" if wanted else ""
    print(f"{what}: {value:.4g} {unit}{said}", flush=True)
    if path := os.environ.get(KEEP):
        with Path(path).open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow((what, f"{value:.4g}", unit, wanted))
