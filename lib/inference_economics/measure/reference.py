"""A layer once more, in float64 and the plainest way: what the measured one is held against."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference_economics.measure.arrays import SMALL
from inference_economics.measure.layer import THETA, Layer


def reference(layer: Layer, x: Any) -> Any:
    """What leaves a layer for each token of one sequence, without a cache.

    Every head attends by itself to expanded keys and values; one token after another.

    Args:
        layer: whose weights are taken.
        x: [tokens, hidden].
    """
    exactly = layer.on.exactly
    w = {name: exactly(values) for name, values in layer.weights.items()}
    norms = {name: exactly(values) for name, values in layer.norms.items()}
    x, s = exactly(x), layer.shape
    q, k, v = (_latent if s.kv_rank else _plain)(layer, _norm(x, norms["before"]), w, norms)
    attended = np.zeros((len(x), s.heads, v.shape[-1]))
    for head in range(s.heads):
        group = head * k.shape[1] // s.heads
        for token in range(len(x)):
            scores = k[: token + 1, group] @ q[token, head] / np.sqrt(s.head_dim)
            shares = np.exp(scores - scores.max())
            attended[token, head] = shares @ v[: token + 1, group] / shares.sum()
    x = x + attended.reshape(len(x), -1) @ w["o"]
    up = _norm(x, norms["between"]) @ w["gate_up"]
    active = up[:, : s.ffn] / (1 + np.exp(-up[:, : s.ffn]))
    return x + (active * up[:, s.ffn :] if s.gated else active) @ w["down"]


def _norm(x: Any, weight: Any) -> Any:
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + SMALL) * weight


def _turned(x: Any) -> Any:
    """Rows of [tokens, heads, width] as complex numbers, turned by their tokens' places."""
    half = x.shape[-1] // 2
    speeds = THETA ** (-np.arange(half) / half)
    turn = np.exp(1j * np.arange(len(x))[:, None, None] * speeds)
    turned = (x[..., :half] + 1j * x[..., half:]) * turn
    return np.concatenate([turned.real, turned.imag], axis=-1)


def _plain(layer: Layer, y: Any, w: Any, norms: Any) -> tuple[Any, Any, Any]:
    s = layer.shape
    q, k, v = np.split(
        (y @ w["qkv"]).reshape(len(y), -1, s.head_dim), [s.heads, s.heads + s.kv_heads], axis=1
    )
    return _turned(q), _turned(k), v


def _latent(layer: Layer, y: Any, w: Any, norms: Any) -> tuple[Any, Any, Any]:
    s = layer.shape
    q = _norm(y @ w["q_a"], norms["q"]) @ w["q_b"] if s.q_rank else y @ w["q"]
    q = q.reshape(len(y), s.heads, -1)
    new = y @ w["kv_a"]
    kept = _norm(new[:, : s.kv_rank], norms["kv"])
    turned = np.repeat(_turned(new[:, None, s.kv_rank :]), s.heads, axis=1)
    k = np.concatenate([np.einsum("tr,hrd->thd", kept, w["k_b"]), turned], axis=-1)
    q = np.concatenate([q[..., : s.nope_dim], _turned(q[..., s.nope_dim :])], axis=-1)
    return q, k, np.einsum("tr,hrd->thd", kept, w["v_b"])


def error_of(layer: Layer, tokens: int) -> float:
    """How far a step over the cache of a prefill lies from the reference, relative to its size."""
    x = layer.on.random(tokens + 1, layer.shape.hidden)
    want = reference(layer, x)
    out, kept = layer.prefill(x[:-1])
    cache = layer.on.random(*layer.size_of_cache(1, tokens + 1))
    cache[..., :tokens, :] = kept
    last = layer.step(x[-1:], cache, tokens)
    got = np.concatenate([layer.on.exactly(out), layer.on.exactly(last)])
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))
