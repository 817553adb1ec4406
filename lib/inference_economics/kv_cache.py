"""What the KV cache takes: the chapter `kv_cache`."""

from __future__ import annotations

from inference_economics.quantities import formula
from inference_economics.units import Bytes, BytesPerToken, Count, Tokens


@formula(gives="kv_bytes_per_token", source="ainslie2023gqa; austin2025scaling, inference chapter")
def kv_bytes_per_token(
    layers: Count, kv_heads: Count, head_dim: Count, bytes_per_element: Bytes
) -> BytesPerToken:
    """KV cache of one token: a key and a value in every layer for every KV head."""
    return 2 * layers * kv_heads * head_dim * bytes_per_element


@formula(gives="kv_cache", source="definition")
def kv_cache(kv_bytes_per_token: BytesPerToken, context_length: Tokens) -> Bytes:
    """KV cache of one sequence of the given length."""
    return kv_bytes_per_token * context_length


@formula(gives="kv_cache_batch", source="definition")
def kv_cache_of_batch(kv_cache: Bytes, batch_size: Count) -> Bytes:
    """KV cache of a batch of sequences of equal length."""
    return kv_cache * batch_size
