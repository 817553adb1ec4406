"""What products of large matrices reach, by the format of their numbers."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from inference_economics.measure.kit import Rows
from inference_economics.measure.timing import LEAST, by_clock, repeated

SIZE, QUICK_SIZE, LEAST_SIZE = 4096, 2048, 256
"""Rows and columns, at most and at least."""
FORMATS = {"fp32": np.float32, "fp64": np.float64}
"""What NumPy multiplies fast."""


def measure(rows: Rows, quick: bool, until: float) -> None:
    """Products on the processor by NumPy, and by PyTorch where it is there.

    Args:
        rows: where they go.
        quick: smaller matrices.
        until: moment of the clock by which to end.
    """
    size = _in_time(QUICK_SIZE if quick else SIZE, until)
    drawn = np.random.default_rng(1)
    runs: dict[str, Callable[[], object]] = {}
    for name, kind in FORMATS.items():
        left, right = (drawn.standard_normal((size, size)).astype(kind) for _ in range(2))
        runs[name] = lambda left=left, right=right: left @ right  # type: ignore[misc]
    runs |= _by_torch(size)
    times = repeated([*runs.values()], until - time.perf_counter(), by_clock)
    for name, found in zip(runs, times, strict=True):
        reached = found.each(lambda seconds: 2 * size**3 / seconds / 1e12)
        rows.add(f"matrix product {name}", reached, "TFLOP/s", precision=name,
                 operations=2.0 * size**3, note=f"{size} cubed, random")  # fmt: skip


def _in_time(most: int, until: float) -> int:
    """The largest size, halved as often as it takes for its products to end in time."""
    part = np.ones((LEAST_SIZE, LEAST_SIZE))
    one = repeated([lambda: part @ part], 0.0)[0].median
    size = most
    while size > LEAST_SIZE:
        expected = one * (size / LEAST_SIZE) ** 3 * len(FORMATS) * (LEAST + 1)
        if time.perf_counter() + expected < until:
            break
        size //= 2
    return size


def _by_torch(size: int) -> dict[str, Callable[[], object]]:
    """Formats that NumPy lacks; none without PyTorch."""
    try:
        import torch
    except ImportError:
        return {}
    left, right = (torch.randn(size, size).to(torch.bfloat16) for _ in range(2))
    return {"bf16": lambda: left @ right}
