"""The fields of a configuration: each checked as it is taken, and none that matters left over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reckoner.declare.tables import DataError

_SHAPE = re.compile(
    r"layer|head|dim|size|rank|expert|ffn|mlp|moe|window|vocab|state|latent|lora|conv|kernel|block"
    r"|pattern|interval|freq|group|width|depth|ratio|hash|mult|d_model|d_ff|(^|_)nu?m?_|kv_|sparse"
    r"|chunk|share|tie|gate|compress"
)
_HARMLESS = re.compile(
    r".*(token|_ids?$|drop|bias|rope|rotary|beam|norm|hidden_act|hidden_activation|eps|loss|aux"
    r"|init|output_|mtp|nextn|logit|scor|vision|image|audio|video|visual|time_step|dtype|label"
    r"|length|return_|penalty|problem|prefix|kernels|pretraining|ngram|softcap|temperature|label2id).*"
    r"|max_window_layers|use_sliding_window|ep_size|n_group|topk_group|norm_topk_prob|expand"
    r"|chunk_size|chunk_size_feed_forward|routed_scaling_factor|router_\w+|moe_router_\w+"
    r"|quantization_config|pruned_heads|tie_encoder_decoder|moe_shared_expert_overlap"
    r"|vocab_size_per_layer_input|layer_norm_epsilon|max_position_embeddings|attention_multiplier"
    r"|\w+_multiplier|query_pre_attn_scalar|intermediate_size|num_attention_heads_per_\w+"
    r"|use_bidirectional_attention|swiglu_\w+|rescale_\w+|residual_\w+|is_\w+|architectures|mlp_act\w*"
)


DTYPES = {
    "float32": 4.0, "float": 4.0, "bfloat16": 2.0, "float16": 2.0, "half": 2.0,
    "float8_e4m3fn": 1.0, "float8_e5m2": 1.0,
}  # fmt: skip
"""Bytes of one number by what a field such as `dtype` calls it."""


@dataclass
class Fields:
    """A configuration's fields.

    Args:
        config: the fields by name.
        taken: those that were looked at; see `refuse_others`.
    """

    config: Mapping[str, Any]
    taken: set[str] = field(default_factory=set)

    def take(self, name: str) -> Any:
        """A field as it stands; None where it is absent."""
        self.taken.add(name)
        return self.config.get(name)

    def whole(self, *names: str, default: int | None = None, low: int = 1) -> float:
        """A whole number under the first of some names.

        Args:
            *names: what the field is called in one file or another.
            default: what it is where it is absent.
            low: the smallest allowed.

        Raises:
            DataError: it is missing or wrong, or two names say two things.
        """
        found = {name: value for name in names if (value := self.take(name)) is not None}
        if not found and default is not None:
            return float(default)
        name, value = next(iter(found.items()), (names[0], None))
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= 10**9:
            raise DataError(
                f"{name}: expected a whole number of {low} to a billion; got {value!r:.80}"
            )
        other = next((other for other, its in found.items() if its != value), None)
        if other is not None:
            raise DataError(f"{name}, {other}: {value} and {found[other]!r:.80}; write one of them")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """A field that is true or false.

        Raises:
            DataError: it is something else.
        """
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise DataError(f"{name}: expected true or false without quotes; got {value!r:.80}")
        return value

    def places(self, name: str, layers: int) -> list[int] | None:
        """A list of numbers of layers; None where it is absent."""
        value = self.take(name)
        if value is None:
            return None
        wrong = [
            each for each in (value if isinstance(value, list) else [value])
            if isinstance(each, bool) or not isinstance(each, int) or not 0 <= each < layers
        ]  # fmt: skip
        if wrong or not isinstance(value, list):
            raise DataError(
                f"{name}: expected a list of numbers of layers from 0 to {layers - 1}; "
                f"got {value!r:.80}"
            )
        return list(value)

    def one_of(self, name: str, known: Sequence[Any], layers: int) -> list[Any]:
        """A list with one of the known words for each layer; empty where it is absent."""
        value = self.take(name)
        if value is None:
            return []
        words = ", ".join(map(repr, known))
        if not isinstance(value, list) or any(each not in known for each in value):
            raise DataError(f"{name}: expected {words} for each layer; got {value!r:.80}")
        if len(value) != layers:
            raise DataError(f"{name}: it has {len(value)} entries for {layers} layers")
        return value

    def refuse_others(self) -> None:
        """See that no field is left that may change the shape.

        Raises:
            DataError: one is; the message names it.
        """
        for name, value in self.config.items():
            idle = not value or isinstance(value, Mapping) or name.startswith("_")
            if idle or name in self.taken or _HARMLESS.fullmatch(name) or not _SHAPE.search(name):
                continue
            raise DataError(
                f"{name}: {value!r:.60} may change the shape, and is not understood for "
                f"model_type {self.config.get('model_type')!r}; remove the field if it does not, "
                "or describe the model in a TOML file as examples/made_up_model.toml does"
            )
