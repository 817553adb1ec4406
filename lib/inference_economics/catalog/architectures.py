"""The architectures whose config.json is understood, one row each.

A row says what a field is where it is absent, as transformers' configuration_*.py do, and which
rule gives each layer its kind. An architecture with parts that no row can say is not in the table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Architecture:
    """What the configurations of one `model_type` leave unsaid.

    Attributes:
        kv_heads: KV heads where the field is absent; 0 for as many as heads.
        head_dim: dimension of a head where it is absent; 0 for hidden size over heads.
        tied: whether input and output share their matrix where nothing says it.
        gated: whether feed-forward networks have three matrices; else two.
        window: which layers have a window: "" none, "all", "if used" all of them once
            `use_sliding_window` is true, "from layer" those from `max_window_layers` on, "period"
            all but each so-manyth.
        sliding_window: the window where the field is absent.
        first_windowed: the first layer of "from layer" that has one, where the field is absent.
        period: the layers of which one attends to everything, where no list of kinds is given.
        between: the kind of the others, by its name in `layer_types`.
        period_field: the field that changes the period.
        attention: "heads", "latent" or "sparse".
        experts: whether some layers have experts.
        expert_size: the field with the inner size of an expert.
        dense_size: the field with that of a dense network.
        first_dense: dense layers at the start where the field is absent.
        shared: shared experts where the field is absent.
        shared_size: inner size of the shared expert where one size is given for all of it.
        global_head_dim: dimension of a head in layers without a window, where it is one of its own.
        state: "" for none, "delta" for gated linear attention, "mamba" for Mamba-2.
        gate: whether attention has a gate of its own.
    """

    kv_heads: int = 0
    head_dim: int = 0
    tied: bool = False
    gated: bool = True
    window: str = ""
    sliding_window: int = 0
    first_windowed: int = 28
    period: int = 0
    between: str = "sliding_attention"
    period_field: str = ""
    attention: str = "heads"
    experts: bool = False
    expert_size: str = "moe_intermediate_size"
    dense_size: str = "intermediate_size"
    first_dense: int = 0
    shared: int = 0
    shared_size: int = 0
    global_head_dim: int = 0
    state: str = ""
    gate: bool = False


_LLAMA = Architecture()
_QWEN2 = Architecture(kv_heads=32, window="from layer", sliding_window=4096)
_QWEN3 = replace(_QWEN2, head_dim=128)
_QWEN3_MOE = Architecture(kv_heads=4, window="if used", experts=True)
_HYBRID = Architecture(
    kv_heads=2, head_dim=256, period=4, between="linear_attention",
    period_field="full_attention_interval", state="delta", gate=True,
)  # fmt: skip
_LATENT = Architecture(attention="latent", experts=True, first_dense=3, shared=1)
_GEMMA = Architecture(
    kv_heads=4, head_dim=256, tied=True, window="period", sliding_window=4096, period=2
)
_IN_INTERMEDIATE = Architecture(kv_heads=8, experts=True, expert_size="intermediate_size")

ARCHITECTURES = {
    "llama": _LLAMA,
    "mistral": Architecture(kv_heads=8, window="all", sliding_window=4096),
    "ministral3": Architecture(kv_heads=8, head_dim=128, window="all"),
    "mixtral": replace(_IN_INTERMEDIATE, window="all"),
    "qwen2": _QWEN2,
    "qwen2_vl": replace(_QWEN2, kv_heads=8, first_windowed=80),
    "qwen2_5_vl": replace(_QWEN2, kv_heads=8, first_windowed=80),
    "qwen2_moe": replace(_QWEN2, kv_heads=16, experts=True, shared_size=5632),
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3_MOE,
    "qwen3_vl": replace(_LLAMA, kv_heads=32, head_dim=128),
    "qwen3_vl_moe": replace(_QWEN3_MOE, kv_heads=16, window=""),
    "qwen3_next": replace(_HYBRID, experts=True, shared_size=512),
    "qwen3_5": replace(_HYBRID, kv_heads=4),
    "qwen3_5_moe": replace(_HYBRID, experts=True, shared_size=512),
    "deepseek_v2": replace(_LATENT, first_dense=0, shared=2),
    "deepseek_v3": _LATENT,
    "kimi_k2": _LATENT,
    "kimi_k25": _LATENT,
    "deepseek_v32": replace(_LATENT, attention="sparse"),
    "glm_moe_dsa": replace(_LATENT, attention="sparse"),
    "glm4_moe_lite": replace(_LATENT, first_dense=1),
    "glm4": Architecture(kv_heads=2, head_dim=128),
    "glm4_moe": Architecture(kv_heads=8, experts=True, first_dense=1, shared=1),
    "minimax_m2": replace(_IN_INTERMEDIATE, head_dim=128),
    "gpt_oss": replace(
        _IN_INTERMEDIATE, head_dim=64, window="period", sliding_window=128, period=2
    ),
    "llama4": Architecture(
        kv_heads=8, head_dim=128, window="period", sliding_window=8192, period=4,
        between="chunked_attention", period_field="no_rope_layer_interval", experts=True,
        expert_size="intermediate_size", dense_size="intermediate_size_mlp", shared=1,
    ),
    "gemma": replace(_LLAMA, kv_heads=16, head_dim=256, tied=True),
    "gemma2": _GEMMA,
    "gemma3": replace(_GEMMA, period=6, period_field="sliding_window_pattern"),
    "gemma4": replace(_GEMMA, period=6, sliding_window=512, global_head_dim=512),
    "nemotron_h": Architecture(kv_heads=8, head_dim=128, gated=False, state="mamba", shared=1),
    "phi3": Architecture(window="all"),
    "olmo2": _LLAMA,
    "olmo3": Architecture(window="period", sliding_window=4096, period=4),
    "granite": _LLAMA,
    "granitemoe": replace(_LLAMA, experts=True, expert_size="intermediate_size"),
    "olmoe": replace(_LLAMA, experts=True, expert_size="intermediate_size"),
    "seed_oss": replace(_LLAMA, kv_heads=8, head_dim=128),
    "cohere2": Architecture(tied=True, window="period", sliding_window=4096, period=4),
    "starcoder2": Architecture(kv_heads=2, tied=True, gated=False, window="all"),
    "ernie4_5": Architecture(kv_heads=2, head_dim=128, tied=True),
}  # fmt: skip
"""By `model_type`; that of the text part of a model with pictures ends in "_text"."""
