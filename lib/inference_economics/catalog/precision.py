"""How many bytes a model's weights take, as its config.json and hf_quant_config.json say.

A file names the format of its weights, and the matrices that keep the wider one; scales count with
the weights that they scale. Each matrix gets the bytes of its own format.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from inference_economics.catalog.config_json import Described
from inference_economics.catalog.constants import Model
from inference_economics.catalog.fields import DTYPES
from inference_economics.formulas.layers import embeddings, matrices, norms
from reckoner.declare.tables import DataError


@dataclass(frozen=True)
class Format:
    """A format of weights.

    Attributes:
        name: what the file calls it.
        bits: of one weight.
        group: weights that share a scale; 0 where there are too many to count.
        scale: bytes of what a group shares.
    """

    name: str
    bits: float
    group: int = 0
    scale: float = 0.0

    @property
    def bytes(self) -> float:
        """Bytes of one weight, with its part of the scale."""
        return self.bits / 8 + (self.scale / self.group if self.group else 0.0)


_NVFP4 = Format("NVFP4", 4, 16, 1)
_ALGORITHMS = {
    "FP8": Format("FP8", 8), "FP8_PER_CHANNEL_PER_TOKEN": Format("FP8", 8),
    "FP8_PB_WO": Format("FP8", 8, 128 * 128, 4), "FP8_BLOCK_SCALES": Format("FP8", 8, 128 * 128, 4),
    "NVFP4": _NVFP4, "W4A16_NVFP4": _NVFP4, "NVFP4_AWQ": _NVFP4, "W4A8_NVFP4_FP8": _NVFP4,
    "MXFP4": Format("MXFP4", 4, 32, 1), "W4A8_MXFP4_FP8": Format("MXFP4", 4, 32, 1),
    "MXFP8": Format("MXFP8", 8, 32, 1),
    "W4A16_AWQ": Format("int4 (AWQ)", 4, 128, 2), "INT4_AWQ": Format("int4 (AWQ)", 4, 128, 2),
    "W4A8_AWQ": Format("int4 (AWQ)", 4, 128, 2), "W8A16": Format("int8", 8),
    "W8A8_SQ_PER_CHANNEL": Format("int8", 8), "INT8_SQ": Format("int8", 8),
}  # fmt: skip
"""What ModelOpt's `quant_algo` means."""


@dataclass(frozen=True)
class Plan:
    """Which matrices are kept in which format.

    Attributes:
        formats: patterns of names with the format of what they match; the first match counts.
        others: the format of a matrix that no pattern matches; None for that of `dtype`.
        kept: patterns of names that stay in the format of `dtype`.
        experts_only: whether the experts alone have another format.
        cache: bytes of an element of the KV cache, where the file says it.
    """

    formats: tuple[tuple[tuple[str, ...], Format], ...] = ()
    others: Format | None = None
    kept: tuple[str, ...] = ()
    experts_only: bool = False
    cache: float | None = None


def precision(
    config: Mapping[str, Any], quantized: Mapping[str, Any] | None, described: Described
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Bytes of a weight and of the cache, and how they were found, in words.

    Args:
        config: the config.json.
        quantized: the hf_quant_config.json beside it, if there is one.
        described: what the config.json says of the shape.

    Raises:
        DataError: a format is not known.
    """
    inner = config.get("text_config") or {}
    name, wide = _dtype(config, inner)
    found = quantized or config.get("quantization_config") or inner.get("quantization_config")
    if not found:
        if not name:
            return {}, ()
        return {"bytes_per_parameter": wide}, (f"{wide:g} B a weight, as {name} says",)
    try:
        plan = plan_of(found)
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        raise DataError(f"quantization_config: not in the form of its kind ({error})") from None
    total, bytes_ = _bytes(Model("own", "own", described.values), described.layers, plan, wide)
    values = {"bytes_per_parameter": bytes_ / total}
    if plan.cache is not None:
        values["bytes_per_element"] = plan.cache
    formats = dict.fromkeys(f.name for f in (*(f for _, f in plan.formats), plan.others) if f)
    source = "hf_quant_config.json" if quantized else "quantization_config"
    words = (
        f"{bytes_ / total:.3g} B a weight on average: {' and '.join(formats)} with scales, the "
        f"rest at {wide:g} B, as {source} says"
    )
    if plan.cache is None:
        return values, (words,)
    return values, (words, f"{plan.cache:g} B an element of the KV cache, as the file says")


def _dtype(config: Mapping[str, Any], inner: Mapping[str, Any]) -> tuple[str, float]:
    for name in ("dtype", "torch_dtype"):
        for fields in (config, inner):
            said = fields.get(name)
            if said is not None:
                known = str(said).removeprefix("torch.")
                if known not in DTYPES:
                    raise DataError(f"{name}: {said!r:.80} is none of {', '.join(DTYPES)}")
                return f"{name} {known}", DTYPES[known]
    return "", 2.0


def plan_of(config: Mapping[str, Any]) -> Plan:
    """Which matrices a quantization changes, and how.

    Raises:
        DataError: it is of no kind that is known.
    """
    if not isinstance(config, Mapping):
        raise DataError(f"quantization_config: expected its fields; got {config!r:.80}")
    said = config.get("quantization", config)
    algorithm, method = said.get("quant_algo"), str(said.get("quant_method", "")).lower()
    groups, kept = said.get("config_groups"), _names(said)
    cache = _cache(said)
    if algorithm == "MIXED_PRECISION" or said.get("quantized_layers"):
        layers = said.get("quantized_layers") or {}
        by: dict[Format, list[str]] = {}
        for name, its in layers.items():
            by.setdefault(_algorithm(its.get("quant_algo")), []).append(name)
        return Plan(tuple((tuple(ns), f) for f, ns in by.items()), None, kept, False, cache)
    if algorithm:
        return Plan((), _algorithm(algorithm), kept, False, cache)
    if groups:
        formats = [_of_group(group) for group in groups.values()]
        if len(formats) == 1:
            return Plan((), formats[0], kept, False, cache)
        targets = [tuple(group.get("targets", ())) for group in groups.values()]
        return Plan(tuple(zip(targets, formats, strict=True)), None, kept, False, cache)
    if method in ("awq", "gptq", "auto-round", "autoround", "gptqmodel"):
        bits, group = _bits(said), _group(said.get("group_size", 128))
        scale = 2 + bits / 8
        return Plan(
            (), Format(f"int{bits:g} ({method})", bits, max(group, 0), scale), kept, False, cache
        )
    if method == "mxfp4":
        return Plan((), _ALGORITHMS["MXFP4"], kept, True, cache)
    if method in ("fp8", "fbgemm_fp8"):
        block = said.get("weight_block_size")
        wide = 1 if said.get("scale_fmt") == "ue8m0" else 4
        shape = Format("FP8", 8, block[0] * block[1], wide) if block else Format("FP8", 8)
        return Plan((), shape, kept, False, cache)
    if method == "bitsandbytes":
        four = said.get("load_in_4bit")
        return Plan(
            (), Format("4 bits", 4, 64, 1) if four else Format("int8", 8), kept, False, cache
        )
    raise DataError(
        f"quantization_config: quant_method {method or algorithm!r:.60} is not understood; remove "
        "it and give bytes_per_parameter yourself"
    )


def _names(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Patterns of the matrices that are left as they were."""
    for name in ("modules_to_not_convert", "exclude_modules", "ignore", "ignored_layers",
                 "llm_int8_skip_modules"):  # fmt: skip
        if said.get(name):
            return tuple(map(str, said[name]))
    return ()


def _algorithm(name: Any) -> Format:
    if name not in _ALGORITHMS:
        raise DataError(f"quant_algo: {name!r:.60} is none of {', '.join(_ALGORITHMS)}")
    return _ALGORITHMS[name]


def _bits(said: Mapping[str, Any]) -> float:
    bits = said.get("bits", said.get("w_bit", said.get("num_bits")))
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 16:
        raise DataError(
            f"quantization_config: bits: expected a whole number of 1 to 16; got {bits!r:.40}"
        )
    return float(bits)


def _group(size: Any) -> int:
    """Weights that share a scale; zero, a negative number or none for a whole row or column."""
    if isinstance(size, bool) or not isinstance(size, int | None):
        raise DataError(
            f"quantization_config: group_size: expected a whole number; got {size!r:.40}"
        )
    return max(size or 0, 0)


def _of_group(group: Mapping[str, Any]) -> Format:
    weights = group.get("weights") or {}
    bits, size = _bits(weights), weights.get("group_size") or 0
    name = f"{weights.get('type', 'int')}{bits:g}"
    if bits == 4 and weights.get("type") == "float" and size == 16:
        return _NVFP4
    if weights.get("block_structure"):
        size = weights["block_structure"][0] * weights["block_structure"][1]
    return Format(name, bits, _group(size), 1 if name == "float4" else 2)


def _cache(said: Mapping[str, Any]) -> float | None:
    scheme = said.get("kv_cache_quant_algo", said.get("kv_cache_scheme"))
    if isinstance(scheme, Mapping):
        return _bits(scheme) / 8
    if scheme is None:
        return None
    known = {"FP8": 1.0, "INT8": 1.0, "NVFP4": _NVFP4.bytes}
    if scheme not in known:
        raise DataError(f"kv_cache_quant_algo: {scheme!r:.40} is none of {', '.join(known)}")
    return known[scheme]


def _bytes(
    model: Model, layers: tuple[tuple[str, ...], ...], plan: Plan, wide: float
) -> tuple[float, float]:
    """All weights, and their bytes."""
    total, bytes_ = float(norms(model)), float(norms(model)) * wide
    for name, size in _matrices(model, layers):
        form = _format(name, plan)
        total, bytes_ = total + size, bytes_ + size * (form.bytes if form else wide)
    return total, bytes_


def _matrices(model: Model, layers: tuple[tuple[str, ...], ...]) -> Iterator[tuple[str, float]]:
    sizes = {kind: matrices(model, kind) for kind in {kind for each in layers for kind in each}}
    for number, kinds in enumerate(layers):
        for kind in kinds:
            beside = kind == "experts" and "dense" in kinds
            for name, size in sizes[kind].items():
                place = name.replace("mlp.experts", "experts") if beside else name
                yield f"layers.{number}.{place}", float(size)
    yield from ((name, float(size)) for name, size in embeddings(model).items())


def _format(name: str, plan: Plan) -> Format | None:
    """The format of a matrix; None for that of `dtype`."""
    if name == "embed_tokens" or name.endswith((".mlp.gate", "conv1d")):
        return None
    names = _called(name)
    if _matches(plan.kept, names):
        return None
    if name == "lm_head" and plan.others:
        return None
    if plan.experts_only and ".experts." not in name:
        return None
    for patterns, form in plan.formats:
        if _matches(patterns, names):
            return form
    return plan.others


_NAMES = (
    ("self_attn.", ("self_attn.", "mixer.", "attn.", "attention.")),
    ("linear_attn.", ("linear_attn.", "mixer.")),
    ("mlp.shared_experts.", ("mlp.shared_experts.", "mlp.shared_expert.", "mixer.shared_experts.",
                             "ffn.shared_experts.", "feed_forward.shared_expert.")),
    ("mlp.experts.0.", ("mlp.experts.0.", "mlp.experts.", "mixer.experts.0.", "experts.0.",
                        "block_sparse_moe.experts.0.", "ffn.experts.", "feed_forward.experts.")),
    (".experts.0.", (".experts.0.", ".experts.", ".moe.experts.")),
    ("mlp.", ("mlp.", "mixer.", "ffn.", "feed_forward.")),
)  # fmt: skip
"""What a part of a layer is called in one architecture or another."""
_PROJECTIONS = (
    ("in_proj", ("in_proj", "in_proj_qkv", "in_proj_qkvz")),
    ("down_proj", ("down_proj", "w2", "gate_up_proj")),
)


def _called(name: str) -> list[str]:
    """The names that a matrix goes by in files."""
    parts = next(
        (
            [name.replace(part, other) for other in others]
            for part, others in _NAMES
            if part in name
        ),
        [name],
    )
    found = [
        each.replace(last, other)
        for each in parts
        for last, others in (*_PROJECTIONS, ("", ("",)))
        if each.endswith(last)
        for other in others
    ]
    return [f"{front}{each}" for each in found for front in ("", "model.")]


_FRONT = re.compile(r"^((language_model|model|backbone)\.)+")


@cache
def _compiled(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Names as they are, and expressions for those with an asterisk."""
    plain = frozenset(
        _FRONT.sub("", p) for p in patterns if not p.startswith("re:") and "*" not in p
    )
    try:
        expressions = [re.compile(p[3:]) for p in patterns if p.startswith("re:")]
    except re.error as error:
        raise DataError(f"quantization_config: {error.pattern!r:.80}: {error}") from None
    stars = [p for p in patterns if "*" in p and not p.startswith("re:")]
    expressions += [re.compile(fnmatch.translate(_FRONT.sub("", p))) for p in stars]
    return plain, tuple(expressions)


def _matches(patterns: tuple[str, ...], names: list[str]) -> bool:
    plain, expressions = _compiled(patterns)
    for name in names:
        parts = name.split(".")
        within = (
            ".".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1)
        )
        if not plain.isdisjoint(within) or any(each.match(name) for each in expressions):
            return True
    return False
