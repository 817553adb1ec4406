"""The shape of a model from the fields of its config.json, as published on Hugging Face.

The architectures named in `ARCHITECTURES` have gated feed-forward networks and untied embeddings
unless they say otherwise. Others are refused rather than miscounted. Biases, some thousandths of a
percent, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference_economics.formulas.capacity import SHAPE, dense_parameters
from reckoner.declare.tables import DataError

ARCHITECTURES = (
    "llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "deepseek_v2", "deepseek_v3",
    "kimi_k2",
)  # fmt: skip

_SHAPE = {
    "layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "heads": "num_attention_heads",
    "vocabulary": "vocab_size",
    "context_length": "max_position_embeddings",
}
_LATENT = {
    "kv_rank": "kv_lora_rank",
    "rope_dim": "qk_rope_head_dim",
    "nope_dim": "qk_nope_head_dim",
    "v_head_dim": "v_head_dim",
}


def model_name(config: Mapping[str, Any], path: Path) -> str:
    """A model's name: as its config.json says, else the name of the file or its folder."""
    given = str(config.get("_name_or_path") or "").rstrip("/").split("/")[-1]
    return given or (path.resolve().parent.name if path.stem == "config" else path.stem)


def model_values(config: Mapping[str, Any]) -> dict[str, float]:
    """A model's quantities by the names of the catalog, its parameters counted.

    Raises:
        DataError: a field is missing or wrong, or the architecture is not known.
    """
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise DataError(
            f"model_type: {kind!r} is not understood. Known: {', '.join(ARCHITECTURES)}"
        )
    values = {name: _count(config, field) for name, field in _SHAPE.items()}
    values |= {"gated_mlp": 1.0, "tied_embeddings": float(bool(config.get("tie_word_embeddings")))}
    values |= _attention(config, values) | _feed_forward(config, values) | _windows(config, values)
    return values | _counted(values)


def _count(config: Mapping[str, Any], field: str, low: int = 1) -> float:
    value = config.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= 10**9:
        raise DataError(f"{field}: expected a whole number of {low} to a billion; got {value!r}")
    return float(value)


def _attention(config: Mapping[str, Any], shape: Mapping[str, float]) -> dict[str, float]:
    if config.get("kv_lora_rank") is not None:
        latent = {name: _count(config, field) for name, field in _LATENT.items()}
        if config.get("q_lora_rank") is not None:
            latent["q_rank"] = _count(config, "q_lora_rank")
        return {"kv_heads": shape["heads"], "head_dim": latent["nope_dim"], **latent}
    kv_heads = shape["heads"]
    if config["model_type"] != "llama" or config.get("num_key_value_heads") is not None:
        kv_heads = _count(config, "num_key_value_heads")
    if config.get("head_dim") is not None or config["model_type"].startswith("qwen3"):
        return {"kv_heads": kv_heads, "head_dim": _count(config, "head_dim")}
    if shape["hidden_size"] % shape["heads"]:
        raise DataError("head_dim: missing, and the heads do not divide hidden_size")
    return {"kv_heads": kv_heads, "head_dim": shape["hidden_size"] / shape["heads"]}


def _feed_forward(config: Mapping[str, Any], shape: Mapping[str, float]) -> dict[str, float]:
    experts = next((f for f in _EXPERTS if config.get(f) is not None), None)
    if experts is None:
        return {"ffn_size": _count(config, "intermediate_size")}
    if config.get("decoder_sparse_step", 1) != 1 or config.get("mlp_only_layers"):
        raise DataError("decoder_sparse_step, mlp_only_layers: experts in some layers only")
    own_size = config.get("moe_intermediate_size") is not None
    size = _count(config, "moe_intermediate_size" if own_size else "intermediate_size")
    found = {
        "experts": _count(config, experts),
        "experts_per_token": _count(config, "num_experts_per_tok"),
        "expert_ffn_size": size,
        "shared_experts": float(config.get("n_shared_experts") or 0),
        "dense_layers": float(config.get("first_k_dense_replace") or 0),
    }
    if found["experts_per_token"] > found["experts"] or found["dense_layers"] > shape["layers"]:
        raise DataError("num_experts_per_tok, first_k_dense_replace: more than there are")
    if found["dense_layers"]:
        found["dense_ffn_size"] = _count(config, "intermediate_size")
    return found


_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")


def _windows(config: Mapping[str, Any], shape: Mapping[str, float]) -> dict[str, float]:
    if config.get("sliding_window") is None or config.get("use_sliding_window") is False:
        return {}
    kinds = config.get("layer_types") or ["sliding_attention"] * int(shape["layers"])
    windowed = float(kinds.count("sliding_attention"))
    window = {"sliding_window": _count(config, "sliding_window"), "windowed_layers": windowed}
    return window if windowed else {}


def _counted(shape: Mapping[str, float]) -> dict[str, float]:
    """All parameters, and for a mixture of experts those that one token uses."""
    if "experts" not in shape:
        total = _frame(shape) + shape["layers"] * _network(shape, shape["ffn_size"])
        return {"total_parameters": total, "nominal_parameters": total}
    total = _mixture(shape, shape["experts"])
    return {
        "total_parameters": total,
        "nominal_parameters": total,
        "active_parameters": _mixture(shape, shape["experts_per_token"]),
    }


def _frame(shape: Mapping[str, float]) -> float:
    """Everything but the feed-forward networks: attention, norms and embeddings."""
    sizes = {name: shape.get(name, 0.0) for name in SHAPE} | {"ffn_size": 0.0}
    latent = "kv_rank" in shape
    if latent:
        sizes |= {"heads": 0.0, "kv_heads": 0.0}
    tied = shape["tied_embeddings"] * shape["vocabulary"] * shape["hidden_size"]
    attention = shape["layers"] * _latent_attention(shape) if latent else 0.0
    return float(dense_parameters(**sizes)) - tied + attention


def _latent_attention(shape: Mapping[str, float]) -> float:
    """Weights of one layer's latent attention: deepseek2024v2, appendix on its full formulas."""
    hidden, heads, kv_rank = shape["hidden_size"], shape["heads"], shape["kv_rank"]
    key = shape["nope_dim"] + shape["rope_dim"]
    q_rank = shape.get("q_rank")
    queries = q_rank * (hidden + heads * key + 1) if q_rank else hidden * heads * key
    keys_and_values = hidden * (kv_rank + shape["rope_dim"]) + kv_rank
    keys_and_values += kv_rank * heads * (shape["nope_dim"] + shape["v_head_dim"])
    return queries + keys_and_values + heads * shape["v_head_dim"] * hidden


def _network(shape: Mapping[str, float], ffn_size: float) -> float:
    return 3 * shape["hidden_size"] * ffn_size


def _mixture(shape: Mapping[str, float], experts: float) -> float:
    """Parameters when of each layer's routed experts only so many count."""
    sparse = shape["layers"] - shape["dense_layers"]
    router = shape["hidden_size"] * shape["experts"]
    used = (experts + shape["shared_experts"]) * _network(shape, shape["expert_ffn_size"])
    dense = shape["dense_layers"] * _network(shape, shape.get("dense_ffn_size", 0.0))
    return _frame(shape) + dense + sparse * (router + used)
