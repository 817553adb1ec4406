"""The shape of a model, as its serving sees it: weights, experts, and what its layers compute."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog
from inference_economics.catalog import Model
from inference_economics.formulas.layers import (
    EXPERTS,
    SHARED,
    blocks,
    feed_forwards,
    matrices,
    matrices_of_network,
    mixers,
    weights_of,
)
from inference_economics.formulas.prefill_caching import attention_width
from inference_economics.quantities import formulary
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


@formulary.procedure
def shape_of(model: Model, bytes_per_parameter: Bytes) -> Shape:
    """The shape of a model whose weights take some bytes each.

    Args:
        model: of the catalog, or one's own with the same quantities.
        bytes_per_parameter: bytes of one weight; of one weight of an expert where the model has
            experts and this is below one.

    Raises:
        MissingConstantError: the model lacks a quantity.
    """
    wide = _of_serving("bytes_per_activation")
    hidden, networks, mixing = model.hidden_size, feed_forwards(model), mixers(model)
    dense, sparse = networks.get("dense", 0.0), networks.get("experts", 0.0)
    experts = per_token = 1.0
    expert = ffn = others = 0.0
    common = bytes_per_parameter
    if model.has("experts"):
        experts, per_token = model.experts, model.experts_per_token
        parts = matrices(model, "experts")
        expert = parts[EXPERTS] / experts * sparse
        shared = parts[SHARED]
        others = shared * sparse
        width = shared / matrices_of_network(model) / hidden
        ffn = (per_token * model.expert_ffn_size + width) * sparse
        common = where(bytes_per_parameter < wide / 2, wide, bytes_per_parameter)
    size = model.values.get("dense_ffn_size", 0) if model.has("experts") else model.ffn_size
    ffn = ffn + size * dense
    output = model.vocabulary * hidden
    common_kinds = {kind: count for kind, count in networks.items() if kind == "dense"}
    inner = weights_of(model, {**mixing, **common_kinds}) + others
    stages = sum(mixing.values()) + (_of_serving("dense_stages") - 1) * dense
    stages = stages + (_of_serving("expert_stages") - 1) * sparse
    if model.has("kv_rank"):
        stages = stages + _of_serving("latent_stages") * model.layers
    layers = blocks(model)
    return Shape(
        layers=layers,
        hidden_size=hidden,
        stages=stages,
        common_results=_of_serving("hidden_results") * hidden * layers,
        split_results=_of_serving("ffn_results") * ffn,
        attention_width=attention_width(model) * (model.layers / layers),
        kv_heads=1.0 if model.has("kv_rank") else model.kv_heads,
        common_parameters=inner + output,
        common_bytes=inner * common + output * wide,
        input_bytes=output * wide,
        experts=experts,
        experts_per_token=per_token,
        expert_parameters=expert,
        expert_bytes=expert * bytes_per_parameter,
    )


def _of_serving(name: str) -> float:
    return catalog.value(f"{SERVING}.{name}")
