"""What a step or a prefill reads and computes, by the formulas of the book."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics.catalog import Model
from inference_economics.formulas.kv_cache import model_kv_cache
from inference_economics.formulas.layers import attention_layers
from inference_economics.formulas.prefill_caching import (
    attention_width,
    decode_operations,
    prefill_operations,
)
from inference_economics.formulas.serving import kv_read, weights_read
from inference_economics.measure.layer import weights_of_layer


@dataclass(frozen=True)
class Counts:
    """Bytes and operations of some layers of a dense model, of the share of one card.

    Attributes:
        model: which one.
        layers: how many.
        shards: cards that split them.
        element: bytes of a number.
    """

    model: Model
    layers: int
    shards: int
    element: float

    @property
    def parameters(self) -> float:
        """Weights of the layers, on all cards."""
        return self.layers * weights_of_layer(self.model)

    @property
    def weight_bytes(self) -> float:
        """Of the share of one card."""
        whole = self.parameters * self.element
        return float(weights_read(whole, self.shards, 0.0, 0.0, self.shards))

    def cache_bytes(self, batch: int, context: int) -> float:
        """Of some sequences, in the layers and the share."""
        whole = model_kv_cache(self.model, context, self.element)
        share = whole * self.layers / attention_layers(self.model)
        return float(kv_read(share, batch, self.shards))

    def bytes_of_step(self, batch: int, context: int) -> float:
        """What a step reads: the weights and what was kept."""
        return self.weight_bytes + self.cache_bytes(batch, context)

    @property
    def absorbed_width(self) -> float:
        """Width of attention in a step: under MLA that of the cache, which heads read in common."""
        model = self.model
        if model.has("kv_rank", "rope_dim"):
            return float(model.heads * (2 * model.kv_rank + model.rope_dim) / 2)
        return float(attention_width(model))

    def operations_of_step(self, batch: int, context: int) -> float:
        """A step's, of the share: each new token attends to what was kept and to itself."""
        return float(
            decode_operations(
                self.parameters / self.shards, self.layers, self.absorbed_width / self.shards,
                context + 1, batch,
            )
        )  # fmt: skip

    def operations_of_prefill(self, tokens: int) -> float:
        """A prefill's, of the share, with the half of attention that the causal mask leaves."""
        return float(
            prefill_operations(
                self.parameters / self.shards, self.layers,
                attention_width(self.model) / self.shards, tokens,
            )
        )  # fmt: skip
