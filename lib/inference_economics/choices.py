"""Which chips and models can be chosen: those of which enough is known."""

from __future__ import annotations

from inference_economics.catalog import MissingConstantError, own
from inference_economics.catalog.own import is_sram
from inference_economics.machines.pipeline import COMPUTE
from inference_economics.serving.model import NEEDS_OF_CHIP
from inference_economics.serving.shape import shape_of

NEEDS_OF_GPU = (*NEEDS_OF_CHIP, "link_bandwidth", "power")
"""What must be known of a GPU that is compared at equal speed."""


def sram_with_compute(key: str) -> bool:
    """Whether a chip keeps its weights in SRAM and its peak compute is known."""
    return is_sram(key) and any(own.chip(key).has(name) for name in COMPUTE)


def has_kv_heads(key: str) -> bool:
    """Whether every layer of the model keeps a KV cache by the same heads."""
    return not any(map(own.model(key).has, ("kv_rank", "state_layers", "windowed_head_dim")))


def keeps_all(key: str) -> bool:
    """Whether all layers read all tokens; the chapter has no sliding windows, states, indexers."""
    return not any(map(own.model(key).has, ("windowed_layers", "state_layers", "index_tokens")))


def in_hbm(key: str) -> bool:
    """Whether the chip keeps its weights in another memory than SRAM."""
    return not is_sram(key)


def has_feed_forward(key: str) -> bool:
    """Whether enough is known of a model's feed-forward networks."""
    model = own.model(key)
    if model.has("experts"):
        return model.has("experts_per_token", "expert_ffn_size")
    return model.has("ffn_size")


def has_shape(key: str) -> bool:
    """Whether enough is known of a model for the model of serving."""
    try:
        shape_of(own.model(key), 1.0)
    except MissingConstantError:
        return False
    return True
