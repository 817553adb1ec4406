"""The shape of a model from the fields of its config.json, as published on Hugging Face.

Absent fields are what transformers takes for them. A field that changes the shape and is not
understood is refused by its name, rather than left out of the count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_economics.catalog.architectures import ARCHITECTURES, Architecture
from inference_economics.catalog.constants import Model
from inference_economics.catalog.fields import DTYPES, Fields
from inference_economics.catalog.kinds import IF_USED, Kinds
from inference_economics.formulas.layers import count_parameters
from reckoner.declare.tables import DataError

_NUMBERS = {
    "heads": ("num_attention_heads",),
    "hidden_size": ("hidden_size",),
    "vocabulary": ("vocab_size",),
}
_LATENT = {
    "kv_rank": ("kv_lora_rank",), "rope_dim": ("qk_rope_head_dim",),
    "nope_dim": ("qk_nope_head_dim",), "v_head_dim": ("v_head_dim",),
}  # fmt: skip
_INDEXER = {
    "index_heads": ("index_n_heads",), "index_dim": ("index_head_dim",),
    "index_tokens": ("index_topk",),
}  # fmt: skip
_STATE: dict[str, dict[str, tuple[str, ...]]] = {
    "delta": {
        "state_heads": ("linear_num_value_heads",), "state_head_dim": ("linear_value_head_dim",),
        "state_groups": ("linear_num_key_heads",), "state_key_dim": ("linear_key_head_dim",),
        "conv_kernel": ("linear_conv_kernel_dim",),
    },
    "mamba": {
        "state_heads": ("mamba_num_heads",), "state_head_dim": ("mamba_head_dim",),
        "state_groups": ("n_groups", "mamba_n_groups"), "state_key_dim": ("ssm_state_size",),
        "conv_kernel": ("conv_kernel", "mamba_d_conv"),
    },
}  # fmt: skip
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "num_routed_experts")
_CHOSEN = (
    "num_experts_per_tok", "experts_per_token", "num_experts_per_token", "top_k_experts",
)  # fmt: skip
_SHARED = ("n_shared_experts", "num_shared_experts")
_SHARED_SIZE = (
    "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size",
    "shared_intermediate_size",
)  # fmt: skip


@dataclass(frozen=True)
class Described:
    """What a config.json says of a model.

    Attributes:
        values: its quantities by the names of the catalog, its parameters counted.
        layers: the kinds of each layer's parts, in their order.
        notes: what a reader should know of how it was taken.
    """

    values: dict[str, float]
    layers: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def model_name(config: Mapping[str, Any], path: Path) -> str:
    """A model's name: as its config.json says, else the name of the file or its folder."""
    given = str(config.get("_name_or_path") or "").rstrip("/").split("/")[-1]
    name = given or (path.resolve().parent.name if path.stem == "config" else path.stem)
    return "".join(sign for sign in name if sign.isprintable())


def text_part(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the language model: those of `text_config` where there is one."""
    inner = config.get("text_config")
    if inner is None:
        return dict(config)
    if not isinstance(inner, Mapping):
        raise DataError(f"text_config: expected the fields of the language model; got {inner!r}")
    shared = ("model_type", "tie_word_embeddings", "architectures", "dtype", "torch_dtype")
    outer = {name: config[name] for name in shared if config.get(name) is not None}
    kind = inner.get("model_type") or outer.get("model_type")
    return {**inner, **outer, "model_type": kind, "_outer_type": outer.get("model_type")}


def described(config: Mapping[str, Any]) -> Described:
    """A model as its config.json describes it.

    Raises:
        DataError: a field is missing, wrong or not understood; the message names it.
    """
    fields = Fields(text_part(config))
    architecture = _architecture(fields)
    reader = _Reader(fields, architecture)
    values = reader.values()
    fields.refuse_others()
    total, active = count_parameters(Model("own", "own", values))
    values |= {"total_parameters": total, "nominal_parameters": total}
    if "experts" in values:
        values["active_parameters"] = active
    return Described(values, reader.layers, tuple(_notes(config, values)))


def _architecture(fields: Fields) -> Architecture:
    kinds = [str(fields.take(name)).removesuffix("_text") for name in ("model_type", "_outer_type")]
    for kind in kinds:
        if kind in ARCHITECTURES:
            return ARCHITECTURES[kind]
    raise DataError(
        f"model_type: {fields.take('model_type')!r:.80} is not understood. Known: "
        f"{', '.join(ARCHITECTURES)}; describe another in a TOML file as "
        "examples/made_up_model.toml does"
    )


@dataclass
class _Reader:
    """Reads the fields of one configuration by the row of its architecture."""

    fields: Fields
    architecture: Architecture
    layers: tuple[tuple[str, ...], ...] = ()

    @property
    def kinds(self) -> Kinds:
        return Kinds(self.fields, self.architecture)

    def values(self) -> dict[str, float]:
        fields, row = self.fields, self.architecture
        kinds = self.kinds.of_layers()
        shape = {name: fields.whole(*names) for name, names in _NUMBERS.items()}
        shape |= {"layers": float(len(kinds)), "gated_mlp": float(row.gated)}
        context = fields.whole("max_position_embeddings", "max_sequence_length", default=0)
        shape |= {"context_length": context} if context else {}
        shape |= self._output(shape)
        attending = sum(kind in ("full", "windowed") for kind in kinds)
        if attending < len(kinds):
            shape["attention_layers"] = float(attending)
        shape |= self._attention(shape, kinds) | self._windows(kinds) | self._state(kinds)
        return shape | self._feed_forward(kinds)

    def _windows(self, kinds: list[str]) -> dict[str, float]:
        fields = self.fields
        if not fields.flag("use_sliding_window", self.architecture.window not in IF_USED):
            fields.take("sliding_window")
        if "windowed" not in kinds:
            return {}
        window = self.kinds.window()
        if window is None:
            raise DataError("sliding_window: missing, though some layers have a window")
        return {"sliding_window": window, "windowed_layers": float(kinds.count("windowed"))}

    def _output(self, shape: Mapping[str, float]) -> dict[str, float]:
        """The output matrix: tied, untied, or what stands in its place."""
        fields = self.fields
        tied = fields.flag("tie_word_embeddings", self.architecture.tied)
        found = {"tied_embeddings": float(tied)}
        classes = fields.take("architectures") or ["ForCausalLM"]
        name = str(classes[0] if isinstance(classes, list) else classes)
        if re.search(r"For(CausalLM|ConditionalGeneration)$", name):
            return found
        if re.search(r"For(Sequence|Token)Classification$", name):
            known = fields.take("id2label")
            if known is not None and not isinstance(known, Mapping):
                raise DataError(f"id2label: expected labels by number; got {known!r:.80}")
            labels = fields.whole("num_labels", default=len(known) if known else 2)
            return found | {"outputs": labels}
        if name.endswith("Model"):
            return found | {"outputs": 0.0}
        raise DataError(
            f"architectures: {name!r} has no output matrix that is understood; "
            "write the class with ForCausalLM, ForSequenceClassification or Model at its end"
        )

    def _attention(self, shape: Mapping[str, float], kinds: list[str]) -> dict[str, float]:
        fields, row = self.fields, self.architecture
        if row.attention != "heads":
            return self._latent(shape)
        found = {"head_dim": self._head_dim(shape)}
        found["kv_heads"] = self._kv_heads(shape["heads"], "num_key_value_heads", row.kv_heads)
        if fields.flag("attn_output_gate", row.gate):
            found["gated_attention"] = 1.0
        if row.global_head_dim:
            return found | self._globals(shape["heads"], found)
        return found

    def _kv_heads(self, heads: float, name: str, default: int) -> float:
        null = name in self.fields.config and self.fields.take(name) is None
        found = self.fields.whole(name, default=int(heads) if null or not default else default)
        if heads % found:
            raise DataError(
                f"{name}: {found:g} KV heads do not divide num_attention_heads, {heads:g}; "
                "write a number that does"
            )
        return found

    def _head_dim(self, shape: Mapping[str, float]) -> float:
        fields, row = self.fields, self.architecture
        given = fields.whole("head_dim", "attention_head_dim", default=row.head_dim, low=0)
        if given:
            return given
        if shape["hidden_size"] % shape["heads"]:
            raise DataError("head_dim: missing, and the heads do not divide hidden_size")
        return shape["hidden_size"] / shape["heads"]

    def _globals(self, heads: float, windowed: Mapping[str, float]) -> dict[str, float]:
        """Layers without a window that have other heads than those with one (Gemma 4)."""
        fields, once = self.fields, self.fields.flag("attention_k_eq_v", False)
        kv_heads = windowed["kv_heads"]
        name = "num_global_key_value_heads"
        if fields.take(name) is not None and once:
            kv_heads = self._kv_heads(heads, name, 0)
        dim = fields.whole("global_head_dim", default=self.architecture.global_head_dim)
        return {
            "kv_heads": kv_heads, "head_dim": dim,
            "windowed_kv_heads": windowed["kv_heads"], "windowed_head_dim": windowed["head_dim"],
            "keys_as_values": float(once),
        }  # fmt: skip

    def _latent(self, shape: Mapping[str, float]) -> dict[str, float]:
        fields, row = self.fields, self.architecture
        for name in ("head_dim", "qk_head_dim", "num_key_value_heads"):
            fields.take(name)  # follows from the others
        found = {name: fields.whole(*names) for name, names in _LATENT.items()}
        if fields.take("q_lora_rank") is not None or row.attention == "sparse":
            found["q_rank"] = fields.whole("q_lora_rank")
        found |= {"kv_heads": shape["heads"], "head_dim": found["nope_dim"]}
        if row.attention == "sparse":
            found |= {name: fields.whole(*names) for name, names in _INDEXER.items()}
            found["index_layers"] = self._index_layers(int(shape["layers"]))
        return found

    def _index_layers(self, layers: int) -> float:
        """Layers with an indexer of their own; the others take what the one before picked."""
        fields = self.fields
        listed = fields.one_of("indexer_types", ("full", "shared"), layers)
        every = int(fields.whole("index_topk_freq", default=1))
        offset = int(fields.whole("index_skip_topk_offset", default=2, low=0))
        own = [kind == "full" for kind in listed] or [
            max(layer - offset + 1, 0) % every == 0 for layer in range(layers)
        ]
        return float(sum(own))

    def _state(self, kinds: list[str]) -> dict[str, float]:
        fields, row = self.fields, self.architecture
        if "state" not in kinds:
            return {}
        if not row.state:
            raise DataError("layer_types: this model_type has no layers with a state")
        found = {name: fields.whole(*names) for name, names in _STATE[row.state].items()}
        dtype = fields.take("mamba_ssm_dtype") or fields.take("mamba_ssm_cache_dtype")
        if dtype is not None and (not isinstance(dtype, str) or dtype not in DTYPES):
            raise DataError(f"mamba_ssm_dtype: {dtype!r} is none of {', '.join(DTYPES)}")
        return found | {
            "state_layers": float(kinds.count("state")),
            "state_gates": 2.0 if row.state == "delta" else 1.0,
            "bytes_per_state": float(DTYPES[dtype or "float32"]),
            "bytes_per_convolved": 2.0,
        }

    def _feed_forward(self, kinds: list[str]) -> dict[str, float]:
        fields, row = self.fields, self.architecture
        mixed = "experts" in kinds or "dense" in kinds
        beside = fields.take("enable_moe_block") is not None
        has = (
            row.experts or "experts" in kinds or (beside and fields.flag("enable_moe_block", False))
        )
        if mixed:
            sparse = [kind == "experts" for kind in kinds]
            dense = [kind == "dense" for kind in kinds]
        else:
            sparse = self.kinds.with_experts(len(kinds)) if has else [False] * len(kinds)
            dense = [beside or not each for each in sparse]
        self.layers = tuple(
            (*((kind,) if kind not in ("dense", "experts") else ()),
             *(("dense",) if is_dense else ()), *(("experts",) if is_sparse else ()))
            for kind, is_dense, is_sparse in zip(kinds, dense, sparse, strict=True)
        )  # fmt: skip
        size = fields.whole(row.dense_size, default=0, low=0)
        if any(dense) and not size:
            fields.whole(row.dense_size)
        if not has:
            found = {"ffn_size": size}
            return found | ({"dense_layers": float(sum(dense))} if mixed else {})
        return self._of_experts(size, sum(sparse), sum(dense), len(kinds))

    def _of_experts(self, size: float, sparse: int, dense: int, layers: int) -> dict[str, float]:
        fields, row = self.fields, self.architecture
        found = {
            "experts": fields.whole(*_EXPERTS),
            "experts_per_token": fields.whole(*_CHOSEN),
            "expert_ffn_size": fields.whole(row.expert_size),
            "dense_layers": float(dense),
        }
        if found["experts_per_token"] > found["experts"]:
            raise DataError("num_experts_per_tok: more than there are experts")
        if dense:
            found["dense_ffn_size"] = size
        if sparse != layers - dense:
            found["expert_layers"] = float(sparse)
        shared = fields.whole(*_SHARED, default=row.shared, low=0)
        wide = fields.whole(*_SHARED_SIZE, default=row.shared_size, low=0)
        if wide:
            shared, found["shared_ffn_size"] = max(shared, 1.0), wide
        found["shared_experts"] = shared
        if fields.take("moe_latent_size") is not None:
            found["expert_width"] = fields.whole("moe_latent_size")
        return found


def _notes(config: Mapping[str, Any], values: Mapping[str, float]) -> list[str]:
    notes = []
    if "text_config" in config or "vision_config" in config:
        notes.append("the language model alone is counted, no tower for pictures or sound")
    fields = {**config, **text_part(config)}
    if any(fields.get(name) for name in _FURTHER):
        notes.append("layers that predict further tokens (MTP) are not counted")
    if "windowed_layers" in values:
        notes.append(
            "layers with a window keep the window alone; engines may reserve the whole context"
        )
    return notes


_FURTHER = (
    "num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_modules",
    "mtp_transformer_layers",
)  # fmt: skip
