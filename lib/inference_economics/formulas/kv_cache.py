"""What the KV cache takes, and where it outgrows the weights: the chapter `kv_cache`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inference_economics import catalog
from inference_economics.catalog import Model
from inference_economics.quantities import formula
from inference_economics.units import Bytes, BytesPerToken, Count, Ratio, Share, Tokens
from reckoner.declare.numeric import ceil, maximum, minimum


@formula(gives="kv_bytes_per_token", source="ainslie2023gqa; austin2025scaling, inference chapter")
def kv_bytes_per_token(
    layers: Count, kv_heads: Count, head_dim: Count, bytes_per_element: Bytes
) -> BytesPerToken:
    """KV cache of one token: a key and a value in every layer for every KV head."""
    return 2 * layers * kv_heads * head_dim * bytes_per_element


@formula(gives="kv_bytes_per_token", source="deepseek2024v2, section on latent attention")
def mla_bytes_per_token(
    layers: Count, kv_rank: Count, rope_dim: Count, bytes_per_element: Bytes
) -> BytesPerToken:
    """KV cache of one token under MLA: a compressed vector and a position part in every layer."""
    return layers * (kv_rank + rope_dim) * bytes_per_element


@formula(gives="kv_cache", source="definition")
def kv_cache(kv_bytes_per_token: BytesPerToken, context_length: Tokens) -> Bytes:
    """KV cache of one sequence of the given length."""
    return kv_bytes_per_token * context_length


@formula(gives="kv_cache", source="follows from the definition of a sliding window")
def kv_cache_with_windows(
    kv_bytes_per_token: BytesPerToken,
    context_length: Tokens,
    sliding_window: Tokens,
    windowed_share: Share,
) -> Bytes:
    """KV cache of one sequence when a share of the layers keeps only the latest tokens."""
    return kv_bytes_per_token * (
        (1 - windowed_share) * context_length
        + windowed_share * minimum(context_length, sliding_window)
    )


@formula(gives="kv_cache_batch", source="definition")
def kv_cache_of_batch(kv_cache: Bytes, batch_size: Count) -> Bytes:
    """KV cache of a batch of sequences of equal length."""
    return kv_cache * batch_size


@formula(gives="gqa_factor", source="ainslie2023gqa")
def gqa_factor(heads: Count, kv_heads: Count) -> Ratio:
    """How many times smaller the KV cache is than with a KV head for every query head."""
    return heads / kv_heads


@formula(gives="batch_that_outgrows", source="follows from the two sizes")
def batch_that_outgrows(weight_bytes: Bytes, kv_cache: Bytes) -> Count:
    """Smallest batch whose KV cache takes at least as much memory as the weights."""
    return ceil(weight_bytes / kv_cache)


@formula(gives="context_that_outgrows", source="follows from the two sizes")
def context_that_outgrows(
    weight_bytes: Bytes, batch_size: Count, kv_bytes_per_token: BytesPerToken
) -> Tokens:
    """Shortest context at which a batch's KV cache takes at least as much as the weights."""
    return ceil(weight_bytes / (batch_size * kv_bytes_per_token))


NEEDS = ("layers", "heads", "kv_heads", "head_dim")


def token_formula(model: Model) -> tuple[Callable[..., BytesPerToken], dict[str, Count]]:
    """The formula for one token under a model's own scheme, and the model's part of its arguments.

    A model with a compressed vector (`kv_rank`) has MLA; every other one has KV heads.
    """
    if model.has("kv_rank", "rope_dim"):
        return mla_bytes_per_token, _shape(model, "layers", "kv_rank", "rope_dim")
    return kv_bytes_per_token, _shape(model, "layers", "kv_heads", "head_dim")


def sequence_formula(model: Model) -> tuple[Callable[..., Bytes], dict[str, Any]]:
    """The formula for one sequence of a model, and the model's part of its arguments."""
    if model.has("sliding_window", "windowed_layers"):
        share = model.windowed_layers / model.layers
        return kv_cache_with_windows, {
            "sliding_window": model.sliding_window,
            "windowed_share": share,
        }
    return kv_cache, {}


def model_kv_bytes_per_token(model: Model, bytes_per_element: Bytes) -> BytesPerToken:
    """KV cache that one token takes in all layers of a model, by the model's own scheme.

    A sliding window does not shrink it: a new token enters every layer. What a window saves
    shows in `model_kv_cache`, where old tokens leave the windowed layers.
    """
    function, shape = token_formula(model)
    return function(**shape, bytes_per_element=bytes_per_element)


def model_kv_cache(model: Model, context_length: Tokens, bytes_per_element: Bytes) -> Bytes:
    """KV cache of one sequence of a model, by the model's own scheme and sliding windows."""
    return sequence_cache(model, model_kv_bytes_per_token(model, bytes_per_element), context_length)


def _shape(model: Model, *names: str) -> dict[str, Count]:
    return {name: model.values[name] for name in names}


def sequence_cache(model: Model, per_token: BytesPerToken, context_length: Tokens) -> Bytes:
    """KV cache of one sequence of a model whose tokens take `per_token`, with its windows."""
    function, windows = sequence_formula(model)
    return function(kv_bytes_per_token=per_token, context_length=context_length, **windows)


def model_context_that_outgrows(
    model: Model, weight_bytes: Bytes, batch_size: Count, per_token: BytesPerToken
) -> Tokens:
    """Shortest context at which a batch's KV cache takes at least as much as the weights.

    With sliding windows the cache first grows in all layers, then only in the others; the
    length at which it reaches a size is then the larger of the lengths that the two slopes give.

    Args:
        model: tells which layers have a window.
        weight_bytes: the size to reach.
        batch_size: sequences decoded together.
        per_token: KV cache of one token in all layers.
    """
    within = context_that_outgrows(weight_bytes, batch_size, per_token)
    _, windows = sequence_formula(model)
    if not windows:
        return within
    windowed = per_token * windows["windowed_share"]
    in_windows = kv_cache_of_batch(kv_cache(windowed, windows["sliding_window"]), batch_size)
    beyond = context_that_outgrows(weight_bytes - in_windows, batch_size, per_token - windowed)
    return maximum(within, beyond)


def name_parameters(model: Model) -> Count:
    """A model's weights as the article counts them: by its name, else as published."""
    named: Count = model.values.get("nominal_parameters")
    return model.total_parameters if named is None else named


LATENT = "deepseek_v3"

"""The model whose ranks stand for MLA where a model without MLA is imagined with it."""


def latent_model(model: Model) -> Model:
    """The model whose ranks stand for MLA: the model itself where it has them, else `LATENT`."""
    return model if model.has("kv_rank", "rope_dim") else catalog.model(LATENT)


def schemes(model: Model, bytes_per_element: Bytes) -> dict[str, BytesPerToken]:
    """KV cache of one token if a model of this shape used each of the four schemes.

    Under GQA the KV heads are the model's own. Under MLA the ranks are its own or, where it has
    none, those of the model `LATENT`: a comparison, no property of the model.
    """
    layers, head_dim = model.layers, model.head_dim
    latent = latent_model(model)
    return {
        "MHA": kv_bytes_per_token(layers, model.heads, head_dim, bytes_per_element),
        "GQA": kv_bytes_per_token(layers, model.kv_heads, head_dim, bytes_per_element),
        "MQA": kv_bytes_per_token(layers, 1.0, head_dim, bytes_per_element),
        "MLA": mla_bytes_per_token(layers, latent.kv_rank, latent.rope_dim, bytes_per_element),
    }
