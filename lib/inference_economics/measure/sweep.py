"""A model's matrix that few multiprocessors of a card stream and many keep in their own memory.

Each program has an equal share of the rows, and multiplies it by one vector after another. A
share of one tile is loaded once and stays in the registers; a larger one is loaded anew for each
vector, from another copy each time, so that the card's cache does not hold what is said to stream.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl

ROWS, COLUMNS = 64, 512
"""Of a tile: 128 KB of the 256 KB of registers that a multiprocessor has."""
TILE = ROWS * COLUMNS * 4
"""Bytes of a tile."""
COPIES = 4
"""Times the cache that all copies of the model take."""
SWEEPS = 64
"""Vectors by which the matrix is multiplied."""


@triton.jit  # type: ignore[untyped-decorator]
def _sweep(weights, vectors, out, tiles, copies, copy_size, ROWS: tl.constexpr,  # type: ignore[no-untyped-def]  # noqa: N803
           COLUMNS: tl.constexpr, SWEEPS: tl.constexpr, KEPT: tl.constexpr):  # noqa: N803  # fmt: skip
    first = tl.program_id(0) * tiles
    rows, columns = tl.arange(0, ROWS), tl.arange(0, COLUMNS)
    within = rows[:, None] * COLUMNS + columns[None, :]
    if KEPT:
        tile = tl.load(weights + first * ROWS * COLUMNS + within)
        total = tl.zeros((ROWS,), tl.float32)
        for sweep in range(SWEEPS):
            x = tl.load(vectors + sweep * COLUMNS + columns)
            total += tl.sum(tile * x[None, :], 1)
        tl.store(out + first * ROWS + rows, total)
    else:
        for sweep in range(SWEEPS):
            x = tl.load(vectors + sweep * COLUMNS + columns)
            copy = weights + (sweep % copies).to(tl.int64) * copy_size
            for number in range(tiles):
                at = first + number
                tile = tl.load(copy + at * ROWS * COLUMNS + within)
                total = tl.load(out + at * ROWS + rows)
                tl.store(out + at * ROWS + rows, total + tl.sum(tile * x[None, :], 1))


def tiles_of(multiprocessors: int) -> int:
    """Tiles of the model: the largest power of two that all can keep."""
    return int(2 ** int(math.log2(multiprocessors)))


def bytes_of(multiprocessors: int) -> int:
    """Bytes of the model."""
    return tiles_of(multiprocessors) * TILE


def programs(multiprocessors: int) -> list[int]:
    """Numbers of programs among which it is split; the last keep it."""
    most = tiles_of(multiprocessors)
    return [2**power for power in range(int(math.log2(most)) + 1)]


def random_model(multiprocessors: int, cache: float, place: str) -> tuple[Any, Any]:
    """Copies of a model that a cache of so many bytes does not hold, and the vectors.

    Returns:
        The weights as [copy, row, column], and the vectors as [number, column].
    """
    copies = max(2, math.ceil(COPIES * cache / bytes_of(multiprocessors)))
    one = torch.randn(tiles_of(multiprocessors) * ROWS, COLUMNS, device=place)
    return one.repeat(copies, 1, 1), torch.randn(SWEEPS, COLUMNS, device=place)


def swept(weights: Any, vectors: Any, many: int) -> Any:
    """The sum of the products of the matrix with all vectors, by so many programs."""
    copies, rows, columns = weights.shape
    tiles = rows // ROWS // many
    out = torch.zeros(rows, device=weights.device)
    _sweep[(many,)](weights, vectors, out, tiles, copies, rows * columns, ROWS, COLUMNS, SWEEPS,
                    tiles == 1, num_warps=32)  # fmt: skip
    return out
