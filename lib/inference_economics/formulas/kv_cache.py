"""What the KV cache takes, and where it outgrows the weights: the chapter `kv_cache`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from inference_economics import catalog
from inference_economics.catalog import Model
from inference_economics.formulas.layers import attention_layers, mixed_width
from inference_economics.quantities import formula
from inference_economics.units import Bytes, BytesPerToken, Count, Ratio, Share, Tokens
from reckoner.declare.numeric import ceil, maximum, minimum, where


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


@formula(gives="kv_bytes_per_token", source="deepseek2024v2; DeepSeek-V3.2 config.json")
def indexed_bytes_per_token(
    layers: Count,
    kv_rank: Count,
    rope_dim: Count,
    index_layers: Count,
    index_dim: Count,
    bytes_per_element: Bytes,
) -> BytesPerToken:
    """KV cache of one token under MLA with an indexer, which keeps a key of its own."""
    return (layers * (kv_rank + rope_dim) + index_layers * index_dim) * bytes_per_element


@formula(gives="kv_bytes_per_token", source="follows from the definition, layer by layer")
def mixed_bytes_per_token(
    layers: Count,
    kv_heads: Count,
    head_dim: Count,
    windowed_layers: Count,
    windowed_kv_heads: Count,
    windowed_head_dim: Count,
    bytes_per_element: Bytes,
) -> BytesPerToken:
    """KV cache of one token when layers with a window have other heads than those without."""
    return (
        2
        * (
            (layers - windowed_layers) * kv_heads * head_dim
            + windowed_layers * windowed_kv_heads * windowed_head_dim
        )
        * bytes_per_element
    )


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


@formula(gives="state_bytes", source="yang2024gated; dao2024mamba2")
def bytes_of_states(
    state_layers: Count,
    state_elements: Count,
    bytes_per_state: Bytes,
    convolved_elements: Count,
    bytes_per_convolved: Bytes,
) -> Bytes:
    """What layers with a state keep of one sequence, whatever its length.

    A matrix for each head, and the inputs that a short convolution looks back at.
    """
    return state_layers * (
        state_elements * bytes_per_state + convolved_elements * bytes_per_convolved
    )


@formula(gives="sequence_bytes", source="definition")
def cache_and_state(kv_cache: Bytes, state_bytes: Bytes) -> Bytes:
    """What one sequence takes in a model that has both a KV cache and states."""
    return kv_cache + state_bytes


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
        shape = _shape(model, "kv_rank", "rope_dim")
        if not model.has("index_dim"):
            return mla_bytes_per_token, shape
        own = model.values.get("index_layers", shape["layers"])
        return indexed_bytes_per_token, shape | {"index_layers": own, "index_dim": model.index_dim}
    return _by_heads(model, model.kv_heads, model.values.get("windowed_kv_heads"))


def _by_heads(
    model: Model, kv_heads: Count, windowed_kv_heads: Count | None
) -> tuple[Callable[..., BytesPerToken], dict[str, Count]]:
    shape = _shape(model, "head_dim") | {"kv_heads": kv_heads}
    if not model.has("windowed_head_dim"):
        return kv_bytes_per_token, shape
    windowed = {name: model.values[name] for name in ("windowed_layers", "windowed_head_dim")}
    return mixed_bytes_per_token, {**shape, **windowed, "windowed_kv_heads": windowed_kv_heads}


def _shape(model: Model, *names: str) -> dict[str, Count]:
    return {"layers": attention_layers(model)} | {name: model.values[name] for name in names}


def sequence_formula(model: Model) -> tuple[Callable[..., Bytes], dict[str, Any]]:
    """The formula for one sequence of a model, and the model's part of its arguments."""
    if model.has("sliding_window", "windowed_layers"):
        windowed, layers = model.windowed_layers, attention_layers(model)
        if model.has("windowed_head_dim"):
            windowed = windowed * model.windowed_kv_heads * model.windowed_head_dim
            others = (layers - model.windowed_layers) * model.kv_heads * model.head_dim
            layers = windowed + others
        return kv_cache_with_windows, {
            "sliding_window": model.sliding_window,
            "windowed_share": windowed / layers,
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
    """What one sequence of a model keeps: its KV cache, capped by windows, and its states."""
    return sequence_cache(model, model_kv_bytes_per_token(model, bytes_per_element), context_length)


def sequence_cache(model: Model, per_token: BytesPerToken, context_length: Tokens) -> Bytes:
    """What one sequence keeps if a token takes `per_token`: windows cap it, states do not grow."""
    function, windows = sequence_formula(model)
    cache = function(kv_bytes_per_token=per_token, context_length=context_length, **windows)
    return cache_and_state(cache, model_state(model)) if model.has("state_layers") else cache


def model_state(model: Model) -> Bytes:
    """What the layers with a state keep of one sequence; none in a model without."""
    if not model.has("state_layers"):
        return 0.0
    return bytes_of_states(
        model.state_layers,
        model.state_heads * model.state_head_dim * model.state_key_dim,
        model.bytes_per_state,
        (model.conv_kernel - 1) * mixed_width(model),
        model.bytes_per_convolved,
    )


def model_kv_read(model: Model, context_length: Tokens, bytes_per_element: Bytes) -> Bytes:
    """What a step reads of one sequence: all that is kept, but where an indexer picks tokens."""
    if not model.has("index_tokens"):
        return model_kv_cache(model, context_length, bytes_per_element)
    _, shape = token_formula(model)
    keys = shape["index_layers"] * shape["index_dim"] * bytes_per_element
    latent = model_kv_bytes_per_token(model, bytes_per_element) - keys
    return keys * context_length + latent * minimum(context_length, model.index_tokens)


def reserved_in_full(model: Model, context_length: Tokens, bytes_per_element: Bytes) -> Bytes:
    """What an engine takes that reserves the whole context in layers with a window too."""
    per_token = model_kv_bytes_per_token(model, bytes_per_element)
    return kv_cache(per_token, context_length) + model_state(model)


def model_context_that_outgrows(
    model: Model, weight_bytes: Bytes, batch_size: Count, per_token: BytesPerToken
) -> Tokens:
    """Shortest context at which a batch's KV cache takes at least as much as the weights.

    With sliding windows the cache first grows in all layers, then only in the others; the
    length at which it reaches a size is then the larger of the lengths that the two slopes give.
    Where every layer has a window, it may never reach it: infinity. States take their part at once.

    Args:
        model: tells which layers have a window or a state.
        weight_bytes: the size to reach.
        batch_size: sequences decoded together.
        per_token: KV cache of one token in all layers.
    """
    if model.has("state_layers"):
        states = kv_cache_of_batch(model_state(model), batch_size)
        weight_bytes = maximum(weight_bytes - states, 0.0)
    within = context_that_outgrows(weight_bytes, batch_size, per_token)
    _, windows = sequence_formula(model)
    if not windows:
        return within
    window, share = windows["sliding_window"], windows["windowed_share"]
    if share == 1:
        return where(within <= window, within, math.inf)
    windowed = per_token * share
    in_windows = kv_cache_of_batch(kv_cache(windowed, window), batch_size)
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
    windowed = model.values.get("windowed_kv_heads")
    heads = {
        "MHA": (model.heads, model.heads), "GQA": (model.kv_heads, windowed), "MQA": (1.0, 1.0)
    }  # fmt: skip
    found = {}
    for name, (kv_heads, in_windows) in heads.items():
        function, shape = _by_heads(model, kv_heads, in_windows)
        found[name] = function(**shape, bytes_per_element=bytes_per_element)
    if model.has("kv_rank", "rope_dim"):
        return found | {"MLA": model_kv_bytes_per_token(model, bytes_per_element)}
    latent = catalog.model(LATENT)
    ranks = (latent.kv_rank, latent.rope_dim, bytes_per_element)
    return found | {"MLA": mla_bytes_per_token(attention_layers(model), *ranks)}
