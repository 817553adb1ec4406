"""Which kind each layer of a model is: as its configuration lists them, or by a rule."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics.catalog.architectures import Architecture
from inference_economics.catalog.fields import Fields
from reckoner.declare.tables import DataError

_KINDS = {
    "full_attention": "full", "attention": "full", "indexed_attention": "full",
    "*": "full", 1: "full",
    "sliding_attention": "windowed", "chunked_attention": "windowed",
    "linear_attention": "state", "mamba": "state", "M": "state",
    "mlp": "dense", "-": "dense", "moe": "experts", "E": "experts",
}  # fmt: skip
_LISTS = ("layer_types", "layers_block_type", "hybrid_override_pattern", "attn_type_list")

IF_USED = ("if used", "from layer")
"""Rules of windows that `use_sliding_window` turns on."""


@dataclass(frozen=True)
class Kinds:
    """The rules of one architecture for the layers of a configuration."""

    fields: Fields
    architecture: Architecture

    def of_layers(self) -> list[str]:
        """The kind of each layer: as listed, else by the rule of the architecture."""
        fields, row = self.fields, self.architecture
        name = next((name for name in _LISTS if fields.take(name) is not None), None)
        for other in (*_LISTS, row.period_field):
            fields.take(other)
        if name is None:
            kinds = [self._by_rule(i) for i in range(int(fields.whole("num_hidden_layers")))]
            return self._ended(kinds)
        listed = fields.take(name)
        if not isinstance(listed, list | str) or not listed:
            raise DataError(f"{name}: expected the kind of each layer; got {listed!r:.80}")
        for kind in listed:
            if isinstance(kind, bool) or not isinstance(kind, str | int) or kind not in _KINDS:
                raise DataError(f"{name}: {kind!r} is no kind of layer that is understood")
        kinds = [_KINDS[kind] for kind in listed]
        count = int(fields.whole("num_hidden_layers", default=len(kinds)))
        if count != len(kinds):
            raise DataError(f"{name}: it has {len(kinds)} entries for {count} layers")
        if "windowed" in kinds and fields.flag("use_sliding_window", True) is False:
            return ["full"] * count
        return self._ended(kinds)

    def _ended(self, kinds: list[str]) -> list[str]:
        """The kinds; Gemma 4 makes the last layer one without a window."""
        return [*kinds[:-1], "full"] if self.architecture.global_head_dim else kinds

    def _by_rule(self, layer: int) -> str:
        fields, row = self.fields, self.architecture
        if row.state == "mamba":
            raise DataError("layers_block_type: missing; it says the kind of each layer")
        if row.period:
            period = (
                int(fields.whole(row.period_field, default=row.period))
                if row.period_field
                else row.period
            )
            return "full" if (layer + 1) % period == 0 else _KINDS[row.between]
        first = 0.0
        if row.window in IF_USED:
            used = fields.flag("use_sliding_window", False)
            first = fields.whole("max_window_layers", default=row.first_windowed, low=0)
            if not used or self.window() is None:
                return "full"
            first = first if row.window == "from layer" else 0
        elif not row.window or self.window() is None:
            return "full"
        return "windowed" if layer >= first else "full"

    def window(self) -> float | None:
        fields, row = self.fields, self.architecture
        name = "attention_chunk_size" if row.between == "chunked_attention" else "sliding_window"
        if name in fields.config and fields.take(name) is None:
            return None
        found = fields.whole(name, default=row.sliding_window, low=0)
        return found or None

    def with_experts(self, layers: int) -> list[bool]:
        """Which layers have experts."""
        fields, row = self.fields, self.architecture
        first = fields.whole("first_k_dense_replace", default=row.first_dense, low=0)
        if first > layers:
            raise DataError(f"first_k_dense_replace: {first:g} is more than the {layers} layers")
        step = fields.whole("decoder_sparse_step", "interleave_moe_layer_step", default=1)
        only = fields.places("mlp_only_layers", layers) or []
        chosen = fields.places("moe_layers", layers)
        listed = fields.one_of("mlp_layer_types", ("dense", "sparse"), layers)
        every = fields.take("moe_layer_freq")
        if isinstance(every, list):
            listed = [
                ("dense", "sparse")[f] for f in fields.one_of("moe_layer_freq", (0, 1), layers)
            ]
        every = 1 if isinstance(every, list) else fields.whole("moe_layer_freq", default=1)
        if listed:
            return [kind == "sparse" for kind in listed]
        if chosen is not None:
            return [layer in chosen for layer in range(layers)]
        return [
            layer >= first and layer % every == 0 and (layer + 1) % step == 0 and layer not in only
            for layer in range(layers)
        ]
