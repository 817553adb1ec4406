"""What the layers of a model are made of: their kinds, how many there are, and their weights.

A model is a record of quantities. Which of them it has decides the kinds of its layers: "full"
attention, "windowed", "latent" (MLA), "sparse" (MLA that reads what an indexer picks) or "state"
(linear attention, or a state space) mix the tokens; "dense" and "experts" are the feed-forward
networks. Biases and the norms of single heads, some thousandths of a percent, are left out.
"""

from __future__ import annotations

from inference_economics.catalog import Model
from inference_economics.units import Count

Matrices = dict[str, Count]
"""Weights of one layer by the name that transformers gives the matrix."""

EXPERTS = "mlp.experts.0.down_proj"
"""The matrices of all experts, of which a token uses only some."""
SHARED = "mlp.shared_experts.down_proj"
"""Those of the experts that every token uses."""


def attention_layers(model: Model) -> Count:
    """Layers that keep something of every token, or of those in a window."""
    known: Count = model.values.get("attention_layers")
    return model.layers if known is None else known


def blocks(model: Model) -> Count:
    """Pairs of a layer that mixes tokens and a feed-forward network, two exchanges each."""
    if not model.has("state_layers"):
        return model.layers
    return (sum(mixers(model).values()) + _with_network(model)) / 2


def _with_network(model: Model) -> Count:
    """Layers with a feed-forward network: a layer that has two kinds counts once."""
    return min(sum(feed_forwards(model).values()), model.layers)


def mixers(model: Model) -> dict[str, Count]:
    """How many layers mix tokens in each way."""
    windowed = model.values.get("windowed_layers", 0)
    kinds = {
        attention_kind(model): attention_layers(model) - windowed,
        "windowed": windowed,
        "state": model.values.get("state_layers", 0),
    }
    return {kind: count for kind, count in kinds.items() if not _none(count)}


def attention_kind(model: Model) -> str:
    """How the layers without a window attend: "full", "latent" or "sparse"."""
    if model.has("index_dim"):
        return "sparse"
    return "latent" if model.has("kv_rank", "rope_dim") else "full"


def feed_forwards(model: Model) -> dict[str, Count]:
    """How many layers have a feed-forward network of each kind; a layer may have both."""
    known = model.values.get
    if not model.has("experts"):
        dense = known("dense_layers")
        return {"dense": model.layers if dense is None else dense}
    dense, experts = known("dense_layers", 0), known("expert_layers")
    kinds = {"dense": dense, "experts": model.layers - dense if experts is None else experts}
    return {kind: count for kind, count in kinds.items() if not _none(count)}


def _none(count: Count) -> bool:
    return isinstance(count, int | float) and count == 0


def matrices(model: Model, kind: str) -> Matrices:
    """The weights of one layer of a kind.

    Raises:
        MissingConstantError: the model lacks a quantity.
    """
    return _OF_KIND[kind](model)


def _full(model: Model) -> Matrices:
    once = model.values.get("keys_as_values", 0)
    return _by_heads(model, model.kv_heads, model.head_dim, 1 - once)


def _windowed(model: Model) -> Matrices:
    known = model.values.get
    heads, dim = known("windowed_kv_heads"), known("windowed_head_dim")
    return _by_heads(
        model, model.kv_heads if heads is None else heads, model.head_dim if dim is None else dim, 1
    )


def _by_heads(model: Model, kv_heads: Count, head_dim: Count, values: Count) -> Matrices:
    hidden, queries = model.hidden_size, model.heads * head_dim
    return {
        "self_attn.q_proj": hidden * queries * (1 + model.values.get("gated_attention", 0)),
        "self_attn.k_proj": hidden * kv_heads * head_dim,
        "self_attn.v_proj": hidden * kv_heads * head_dim * values,
        "self_attn.o_proj": queries * hidden,
    }


def _latent(model: Model) -> Matrices:
    """Latent attention: deepseek2024v2, appendix on its full formulas."""
    hidden, heads, rank = model.hidden_size, model.heads, model.kv_rank
    queries = heads * (model.nope_dim + model.rope_dim)
    if model.has("q_rank"):
        asked = {"q_a_proj": hidden * model.q_rank, "q_b_proj": model.q_rank * queries}
    else:
        asked = {"q_proj": hidden * queries}
    parts = {
        **asked,
        "kv_a_proj_with_mqa": hidden * (rank + model.rope_dim),
        "kv_b_proj": rank * heads * (model.nope_dim + model.v_head_dim),
        "o_proj": heads * model.v_head_dim * hidden,
    }
    return {f"self_attn.{name}": size for name, size in parts.items()}


def _sparse(model: Model) -> Matrices:
    """Latent attention with its indexer, which some layers borrow from the one before."""
    own = model.values.get("index_layers", attention_layers(model)) / attention_layers(model)
    parts = {
        "wq_b": model.q_rank * model.index_heads * model.index_dim,
        "wk": model.hidden_size * model.index_dim,
        "weights_proj": model.hidden_size * model.index_heads,
    }
    return _latent(model) | {f"self_attn.indexer.{n}": own * size for n, size in parts.items()}


def _state(model: Model) -> Matrices:
    """Gated delta rule or Mamba-2: projections, a short convolution, the way out."""
    inner, mixed = model.state_heads * model.state_head_dim, mixed_width(model)
    gates = model.state_gates * model.state_heads
    return {
        "linear_attn.in_proj": model.hidden_size * (inner + mixed + gates),
        "linear_attn.conv1d": mixed * model.conv_kernel,
        "linear_attn.out_proj": inner * model.hidden_size,
    }


def mixed_width(model: Model) -> Count:
    """Width of what a layer with a state convolves: values, keys and queries."""
    keys = model.state_groups * model.state_key_dim
    return model.state_heads * model.state_head_dim + 2 * keys


def _dense(model: Model) -> Matrices:
    size = model.dense_ffn_size if model.has("experts") else model.ffn_size
    return {"mlp.down_proj": matrices_of_network(model) * model.hidden_size * size}


def _experts(model: Model) -> Matrices:
    hidden, known = model.hidden_size, model.values.get
    width, shared = known("expert_width"), known("shared_ffn_size")
    inner = hidden if width is None else width
    if shared is None:
        shared = known("shared_experts", 0) * model.expert_ffn_size
    between = 0 if width is None else 2 * hidden * width
    return {
        "mlp.gate": hidden * model.experts,
        "mlp.fc1_latent_proj": between,
        SHARED: matrices_of_network(model) * hidden * shared,
        EXPERTS: (matrices_of_network(model) * inner * model.expert_ffn_size * model.experts),
    }


def matrices_of_network(model: Model) -> Count:
    """Matrices of a feed-forward network: up and down, and a gate where it has one."""
    return 2 + model.values.get("gated_mlp", 1)


_OF_KIND = {
    "full": _full, "windowed": _windowed, "latent": _latent, "sparse": _sparse, "state": _state,
    "dense": _dense, "experts": _experts,
}  # fmt: skip


def weights_of(model: Model, kinds: dict[str, Count]) -> Count:
    """Weights of the layers of some kinds, so many of each."""
    return sum(count * sum(matrices(model, kind).values()) for kind, count in kinds.items())


def expert_weights(model: Model) -> Count:
    """Weights of all experts of all layers; none for a model without."""
    count = feed_forwards(model).get("experts", 0)
    return 0.0 if _none(count) else count * matrices(model, "experts")[EXPERTS]


def embeddings(model: Model) -> dict[str, Count]:
    """Weights of the input embedding and of the output matrix."""
    rows = model.values.get("outputs")
    if rows is None:
        rows = (1 - model.values.get("tied_embeddings", 0)) * model.vocabulary
    return {
        "embed_tokens": model.vocabulary * model.hidden_size,
        "lm_head": rows * model.hidden_size,
    }


def norms(model: Model) -> Count:
    """Weights of the norms: one before each part of a layer, one at the end, two in MLA."""
    mixed = mixers(model)
    parts = sum(mixed.values()) + _with_network(model)
    latent = mixed.get("latent", 0) + mixed.get("sparse", 0)
    inner = model.values.get("q_rank", 0) + model.values.get("kv_rank", 0)
    return (parts + 1) * model.hidden_size + latent * inner


def count_parameters(model: Model) -> tuple[Count, Count]:
    """All weights of a model, and those that one token uses, counted from its layers.

    The layers that predict further tokens (MTP) and the towers for pictures and sound are not
    among them.

    Raises:
        MissingConstantError: the model lacks a quantity.
    """
    layers = weights_of(model, {**mixers(model), **feed_forwards(model)})
    total = sum(embeddings(model).values()) + layers + norms(model)
    share = model.experts_per_token / model.experts if model.has("experts") else 1.0
    return total, total - (1 - share) * expert_weights(model)


MOST_CHIPS = 64
"""The largest group that a message names."""


def splits(model: Model) -> list[float]:
    """Chips that share a model's heads evenly; KV heads are split too, or copied."""
    heads = [model.heads, *(model.values[name] for name in ("state_heads",) if model.has(name))]
    kv_heads = [1.0 if model.has("kv_rank") else model.kv_heads]
    kv_heads += [model.values[n] for n in ("windowed_kv_heads", "state_groups") if model.has(n)]
    return [
        float(chips)
        for chips in range(1, MOST_CHIPS + 1)
        if all(each % chips == 0 for each in heads)
        and all(each % chips == 0 or chips % each == 0 for each in kv_heads)
    ]
