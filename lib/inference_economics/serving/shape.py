"""The shape of a model, as its serving sees it: weights, experts, and what its layers compute."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog
from inference_economics.catalog import Model
from inference_economics.formulas.prefill_caching import attention_width
from inference_economics.units import Bytes, Count
from reckoner.declare.numeric import where

SERVING = "serving_model"
"""Key of the catalog's rows on what layers compute."""

NEEDS_OF_MODEL = ("layers", "hidden_size", "heads", "kv_heads", "head_dim", "vocabulary")


@dataclass(frozen=True)
class Shape:
    """What serving needs to know of a model; one number each, or arrays.

    The output matrix stays at 16 bits, and so does all but the experts where these have fewer
    than 8 bits. Every chip computes the results of the hidden size in full; those of the
    feed-forward networks are split.
    """

    layers: Count
    hidden_size: Count
    stages: Count
    common_results: Count
    split_results: Count
    attention_width: Count
    kv_heads: Count
    common_parameters: Count
    common_bytes: Bytes
    input_bytes: Bytes
    experts: Count
    experts_per_token: Count
    expert_parameters: Count
    expert_bytes: Bytes


def shape_of(model: Model, bytes_per_parameter: Bytes) -> Shape:
    """The shape of a model whose weights take some bytes each.

    Args:
        model: of the catalog, or one's own with the same quantities.
        bytes_per_parameter: bytes of one weight; of one weight of an expert where the model has
            experts and this is below one.

    Raises:
        MissingConstantError: the model lacks a quantity.
    """
    serving = {name: catalog.value(f"{SERVING}.{name}") for name in _STRUCTURE}
    wide = serving["bytes_per_activation"]
    layers, hidden = model.layers, model.hidden_size
    matrices = 2 + model.values.get("gated_mlp", 1)
    expert_layers = 0.0
    experts = per_token = 1.0
    expert = 0.0
    ffn = dense_ffn = 0.0
    if model.has("experts"):
        expert_layers = layers - model.values.get("dense_layers", 0)
        experts, per_token = model.experts, model.experts_per_token
        expert = matrices * hidden * model.expert_ffn_size * expert_layers
        shared = model.values.get("shared_experts", 0)
        dense_ffn = model.values.get("dense_ffn_size", 0)
        ffn = (per_token + shared) * model.expert_ffn_size * expert_layers
        others = shared * expert
    else:
        dense_ffn, others = model.ffn_size, 0.0
    dense_layers = layers - expert_layers
    ffn = ffn + dense_ffn * dense_layers
    output = model.vocabulary * hidden
    inner = layers * _attention_parameters(model) + matrices * hidden * dense_ffn * dense_layers
    inner = inner + others
    common = bytes_per_parameter
    if model.has("experts"):
        common = where(bytes_per_parameter < wide / 2, wide, bytes_per_parameter)
    return Shape(
        layers=layers,
        hidden_size=hidden,
        stages=serving["dense_stages"] * dense_layers
        + serving["expert_stages"] * expert_layers
        + (serving["latent_stages"] * layers if model.has("kv_rank") else 0.0),
        common_results=serving["hidden_results"] * hidden * layers,
        split_results=serving["ffn_results"] * ffn,
        attention_width=attention_width(model),
        kv_heads=1.0 if model.has("kv_rank") else model.kv_heads,
        common_parameters=inner + output,
        common_bytes=inner * common + output * wide,
        input_bytes=output * wide,
        experts=experts,
        experts_per_token=per_token,
        expert_parameters=expert,
        expert_bytes=expert * bytes_per_parameter,
    )


_STRUCTURE = (
    "dense_stages",
    "expert_stages",
    "latent_stages",
    "hidden_results",
    "ffn_results",
    "bytes_per_activation",
)


def _attention_parameters(model: Model) -> Count:
    """Weights of attention in one layer, with MLA's two steps where the model has them."""
    hidden, heads = model.hidden_size, model.heads
    if model.has("kv_rank", "q_rank"):
        key = model.nope_dim + model.rope_dim
        return (
            hidden * model.q_rank
            + model.q_rank * heads * key
            + hidden * (model.kv_rank + model.rope_dim)
            + model.kv_rank * heads * (model.nope_dim + model.v_head_dim)
            + heads * model.v_head_dim * hidden
        )
    return 2 * hidden * model.head_dim * (heads + model.kv_heads)
