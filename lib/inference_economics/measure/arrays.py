"""Arrays of a processor, and the few operations on them that a layer is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
"""An array of NumPy, or a tensor of PyTorch: both know the few functions that are used here."""

BLOCK = 128
"""Rows of a causal attention that are computed together."""
DRAWN = 2**22
"""Random numbers that are drawn; a larger array on a processor repeats them."""
SMALL = 1e-5
"""What keeps a norm from dividing by zero."""


class Host:
    """NumPy on the processor, 32 bits a number.

    Attributes:
        tally: operations of the products so far, two for each multiplication.
    """

    xp: Any = np
    precision = "fp32"
    element = 4.0

    def __init__(self, seed: int = 0) -> None:
        self.random_numbers = np.random.default_rng(seed)
        self.tally = 0

    def random(self, *shape: int, scale: float = 1.0) -> Array:
        """Random numbers around zero, of a deviation of about `scale`."""
        out = np.empty(shape, np.float32)
        flat = out.reshape(-1)
        drawn = self.random_numbers.random(min(flat.size, DRAWN), dtype=np.float32)
        drawn = (drawn - 0.5) * (scale * np.float32(12) ** 0.5)
        for start in range(0, flat.size, DRAWN):
            part = flat[start : start + DRAWN]
            part[:] = drawn[: part.size]
        return out

    def constant(self, values: Any) -> Array:
        """An array of given numbers."""
        return np.asarray(values, np.float32)

    def exactly(self, values: Array) -> Any:
        """The same numbers as NumPy's of 64 bits."""
        return np.asarray(values, np.float64)

    def product(self, left: Array, right: Array) -> Array:
        """The product of matrices, or of stacks of them; it is counted."""
        found = self.xp.matmul(left, right)
        self.tally += 2 * int(np.prod(found.shape)) * left.shape[-1]
        return found

    def norm(self, x: Array, weight: Array) -> Array:
        """The RMS norm of each row."""
        mean = (x * x).mean(axis=-1, keepdims=True)
        return x / self.xp.sqrt(mean + SMALL) * weight

    def softmax(self, scores: Array) -> Array:
        """Shares of each row that sum to one."""
        raised = self.xp.exp(scores - self.xp.amax(scores, axis=-1, keepdims=True))
        return raised / raised.sum(axis=-1, keepdims=True)

    def silu(self, x: Array) -> Array:
        """x times its logistic function."""
        return x / (1 + self.xp.exp(-x))

    def attend(self, q: Array, k: Array, v: Array, scale: float) -> Array:
        """Attention of queries [..., rows, width] to all keys [..., tokens, width]."""
        scores = self.product(q, k.swapaxes(-1, -2)) * scale
        return self.product(self.softmax(scores), v)

    def attend_causally(self, q: Array, k: Array, v: Array, scale: float) -> Array:
        """Attention of each token to itself and those before it, in blocks of rows.

        Args:
            q: [KV heads, query heads of each, tokens, width].
            k: [KV heads, tokens, width].
            v: the same, or of another width.
            scale: of the scores.
        """
        groups, sharing, tokens, width = q.shape
        out = []
        for start in range(0, tokens, BLOCK):
            end = min(start + BLOCK, tokens)
            rows = q[:, :, start:end].reshape(groups, sharing * (end - start), width)
            scores = self.product(rows, k[:, :end].swapaxes(-1, -2)) * scale
            scores = scores.reshape(groups, sharing, end - start, end)
            later = np.arange(end)[None, :] > np.arange(start, end)[:, None]
            scores[..., later] = -np.inf
            shares = self.softmax(scores).reshape(groups, -1, end)
            part = self.product(shares, v[:, :end])
            out.append(part.reshape(groups, sharing, end - start, -1))
        return self.xp.concatenate(out, axis=2)
