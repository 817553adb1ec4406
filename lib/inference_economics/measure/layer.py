"""One layer of a model: a step of decoding over a kept cache, and a prefill that makes one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference_economics.catalog import Model
from inference_economics.formulas.layers import attention_kind, matrices, matrices_of_network
from inference_economics.measure.arrays import Array, Host
from inference_economics.measure.timing import Run
from reckoner.declare.tables import DataError

THETA = 10_000.0
"""Base of the rotary embedding."""


@dataclass(frozen=True)
class Shape:
    """The share of a layer that one of some cards holds.

    Attributes:
        hidden: width of what goes from layer to layer.
        heads: query heads.
        kv_heads: heads of the cache; of latent attention as many as query heads.
        head_dim: width of a head.
        ffn: width of the feed-forward network.
        gated: whether it has a gate.
        q_rank: of latent attention, width of compressed queries; else 0.
        kv_rank: of compressed keys and values; 0 where attention is not latent.
        nope_dim: width of a key without position.
        rope_dim: width that is rotated.
        v_dim: width of a value.
    """

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    gated: bool
    q_rank: int = 0
    kv_rank: int = 0
    nope_dim: int = 0
    rope_dim: int = 0
    v_dim: int = 0


NOT_MEASURED = {
    "experts": "a mixture of experts", "windowed_layers": "windows", "state_layers": "states",
    "keys_as_values": "keys that are values", "gated_attention": "a gate on attention",
    "index_dim": "an indexer",
}  # fmt: skip


def weights_of_layer(model: Model) -> float:
    """Weights of one layer, without norms, by the formulas of the book."""
    kinds = (attention_kind(model), "dense")
    return float(sum(sum(matrices(model, kind).values()) for kind in kinds))


def shape_of(model: Model, shards: int = 1) -> Shape:
    """What one of some cards holds of a layer.

    Args:
        model: a dense model.
        shards: cards that split each layer evenly.

    Raises:
        DataError: the model has layers that are not measured, or they do not split so.
    """
    for name, what in NOT_MEASURED.items():
        if model.values.get(name):
            raise DataError(f"{model.key}: {what} is not measured; give a dense model")
    try:
        parts = {"heads": model.heads, "ffn_size": model.ffn_size}
        latent = model.has("kv_rank", "rope_dim")
        parts |= {} if latent else {"kv_heads": model.kv_heads}
        hidden = int(model.hidden_size)
        weights_of_layer(model)
    except KeyError as error:
        raise DataError(f"{model.key}: {error.args[0]}") from None
    uneven = [name for name, count in parts.items() if count % shards]
    if uneven or (latent and shards > 1):
        raise DataError(f"{model.key}: {shards} cards do not share a layer evenly; give fewer")
    heads, ffn = int(model.heads / shards), int(model.ffn_size / shards)
    gated = matrices_of_network(model) > 2
    if latent:
        nope, rope, value = (int(model.values[n]) for n in ("nope_dim", "rope_dim", "v_head_dim"))
        return Shape(hidden, heads, heads, nope + rope, ffn, gated,
            int(model.values.get("q_rank", 0)), int(model.kv_rank), nope, rope, value)  # fmt: skip
    return Shape(hidden, heads, int(model.kv_heads / shards), int(model.head_dim), ffn, gated)


class Layer:
    """A layer with random weights.

    Attributes:
        shape: its sizes.
        on: where its arrays are.
        weights: the matrices, as [in, out]; those of latent heads as [heads, in, out].
        norms: weights of the norms, by name.
    """

    def __init__(self, shape: Shape, on: Host, longest: int) -> None:
        self.shape, self.on = shape, on
        self.weights = {
            name: on.random(*size, scale=size[-2] ** -0.5) for name, size in self._sizes().items()
        }
        widths = {"before": shape.hidden, "between": shape.hidden}
        widths |= {"kv": shape.kv_rank, "q": shape.q_rank}
        self.norms = {n: 1 + 0.1 * on.random(width) for n, width in widths.items() if width}
        rotated = shape.rope_dim or shape.head_dim
        speeds = THETA ** (-2 * np.arange(rotated // 2) / rotated)
        angles = np.arange(longest)[:, None] * speeds
        self.cos, self.sin = on.constant(np.cos(angles)), on.constant(np.sin(angles))

    def _sizes(self) -> dict[str, tuple[int, ...]]:
        s = self.shape
        inner = (2 if s.gated else 1) * s.ffn
        network: dict[str, tuple[int, ...]] = {
            "gate_up": (s.hidden, inner),
            "down": (s.ffn, s.hidden),
        }
        if not s.kv_rank:
            heads = s.heads + 2 * s.kv_heads
            return {
                "qkv": (s.hidden, heads * s.head_dim),
                "o": (s.heads * s.head_dim, s.hidden),
            } | network
        queries = s.heads * s.head_dim
        asked = {"q_a": (s.hidden, s.q_rank), "q_b": (s.q_rank, queries)}
        return {
            **(asked if s.q_rank else {"q": (s.hidden, queries)}),
            "kv_a": (s.hidden, s.kv_rank + s.rope_dim),
            "k_b": (s.heads, s.kv_rank, s.nope_dim),
            "v_b": (s.heads, s.kv_rank, s.v_dim),
            "o": (s.heads * s.v_dim, s.hidden),
        } | network

    def size_of_cache(self, batch: int, tokens: int) -> tuple[int, ...]:
        """The shape of the cache of some sequences."""
        s = self.shape
        if s.kv_rank:
            return batch, tokens, s.kv_rank + s.rope_dim
        return 2, batch, s.kv_heads, tokens, s.head_dim

    def step(self, x: Array, cache: Array, context: int) -> Array:
        """A token more of each sequence.

        Args:
            x: [sequences, hidden].
            cache: of `size_of_cache`; the new token is written into it.
            context: tokens that it holds.
        """
        y = self.on.norm(x, self.norms["before"])
        of = self._latent_step if self.shape.kv_rank else self._step
        return self._network(x + self.on.product(of(y, cache, context), self.weights["o"]))

    def prefill(self, x: Array) -> tuple[Array, Array]:
        """All tokens of one sequence: what leaves the layer, and the cache that they leave.

        Args:
            x: [tokens, hidden].
        """
        y = self.on.norm(x, self.norms["before"])
        attended, cache = (self._latent_prefill if self.shape.kv_rank else self._prefill)(y)
        return self._network(x + self.on.product(attended, self.weights["o"])), cache

    def projections(self, rows: int) -> Run:
        """The products of a step of so many sequences alone, each with inputs of its own."""
        pairs = [(self.on.random(rows, w.shape[-2]), w) for w in self.weights.values()]
        return lambda: [self.on.product(x, w) for x, w in pairs]

    def _network(self, x: Array) -> Array:
        on, inner = self.on, self.shape.ffn
        up = on.product(on.norm(x, self.norms["between"]), self.weights["gate_up"])
        active = on.silu(up[:, :inner]) * up[:, inner:] if self.shape.gated else on.silu(up)
        return x + on.product(active, self.weights["down"])

    def _rotated(self, x: Array, start: int, stop: int) -> Array:
        """Rows of tokens from `start` to `stop`, or all of one token, turned by its place."""
        cos, sin = self.cos[start:stop], self.sin[start:stop]
        half = x.shape[-1] // 2
        first, second = x[..., :half], x[..., half:]
        turned = [first * cos - second * sin, second * cos + first * sin]
        return self.on.xp.concatenate(turned, axis=-1)

    def _step(self, y: Array, cache: Array, context: int) -> Array:
        s, rows = self.shape, y.shape[0]
        new = self.on.product(y, self.weights["qkv"]).reshape(rows, -1, s.head_dim)
        turned = self._rotated(new[:, : s.heads + s.kv_heads], context, context + 1)
        cache[0, :, :, context] = turned[:, s.heads :]
        cache[1, :, :, context] = new[:, s.heads + s.kv_heads :]
        q = turned[:, : s.heads].reshape(rows, s.kv_heads, -1, s.head_dim)
        k, v = cache[0, :, :, : context + 1], cache[1, :, :, : context + 1]
        return self.on.attend(q, k, v, s.head_dim**-0.5).reshape(rows, -1)

    def _prefill(self, y: Array) -> tuple[Array, Array]:
        s, tokens = self.shape, y.shape[0]
        new = self.on.product(y, self.weights["qkv"]).reshape(tokens, -1, s.head_dim)
        new = new.swapaxes(0, 1)
        turned = self._rotated(new[: s.heads + s.kv_heads], 0, tokens)
        q = turned[: s.heads].reshape(s.kv_heads, -1, tokens, s.head_dim)
        k, v = turned[s.heads :], new[s.heads + s.kv_heads :]
        out = self.on.attend_causally(q, k, v, s.head_dim**-0.5)
        out = out.reshape(s.heads, tokens, s.head_dim).swapaxes(0, 1)
        cache = self.on.xp.concatenate([k[None, None], v[None, None]], axis=0)
        return out.reshape(tokens, -1), cache

    def _asked(self, y: Array) -> Array:
        """Queries of latent attention, as [tokens, heads, width]."""
        on, w = self.on, self.weights
        if self.shape.q_rank:
            q = on.product(on.norm(on.product(y, w["q_a"]), self.norms["q"]), w["q_b"])
        else:
            q = on.product(y, w["q"])
        return q.reshape(y.shape[0], self.shape.heads, -1)

    def _kept(self, y: Array, start: int, stop: int) -> Array:
        """What latent attention keeps of tokens: a compressed vector and a rotated part."""
        rank = self.shape.kv_rank
        new = self.on.product(y, self.weights["kv_a"])
        kept = self.on.norm(new[:, :rank], self.norms["kv"])
        turned = self._rotated(new[:, rank:], start, stop)
        return self.on.xp.concatenate([kept, turned], axis=-1)

    def _latent_step(self, y: Array, cache: Array, context: int) -> Array:
        """Latent attention in the width of the cache: the heads' matrices meet the query."""
        s, on, w = self.shape, self.on, self.weights
        q = self._asked(y)
        cache[:, context] = self._kept(y, context, context + 1)
        inward = on.product(q[..., : s.nope_dim].swapaxes(0, 1), w["k_b"].swapaxes(-1, -2))
        turned = self._rotated(q[..., s.nope_dim :], context, context + 1)
        q = on.xp.concatenate([inward.swapaxes(0, 1), turned], axis=-1)
        kept = cache[:, : context + 1]
        out = on.attend(q, kept, kept[..., : s.kv_rank], s.head_dim**-0.5)
        return on.product(out.swapaxes(0, 1), w["v_b"]).swapaxes(0, 1).reshape(len(y), -1)

    def _latent_prefill(self, y: Array) -> tuple[Array, Array]:
        s, on, w, tokens = self.shape, self.on, self.weights, y.shape[0]
        kept, q = self._kept(y, 0, tokens), self._asked(y).swapaxes(0, 1)
        turned = self._rotated(q[..., s.nope_dim :], 0, tokens)
        q = on.xp.concatenate([q[..., : s.nope_dim], turned], axis=-1)[:, None]
        k = on.product(kept[:, : s.kv_rank], w["k_b"])
        same = on.xp.broadcast_to(kept[None, :, s.kv_rank :], (s.heads, tokens, s.rope_dim))
        k = on.xp.concatenate([k, same], axis=-1)
        v = on.product(kept[:, : s.kv_rank], w["v_b"])
        out = on.attend_causally(q, k, v, s.head_dim**-0.5)[:, 0]
        return out.swapaxes(0, 1).reshape(tokens, -1), kept[None]
