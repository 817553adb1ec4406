"""Models by their config.json: every count agrees with transformers, nothing is left out silently.

`configurations.json` holds configurations of models that are served, and small ones that turn each
rule on and off, with what transformers counted; `benchmarks/count_parameters.py` counts again.
"""

import itertools
import json
import re
from pathlib import Path

import pytest

from inference_economics import catalog
from inference_economics.catalog import config_json, own
from inference_economics.catalog.architectures import ARCHITECTURES
from inference_economics.catalog.precision import precision
from inference_economics.formulas import kv_cache
from inference_economics.formulas.capacity import dense_parameters
from inference_economics.formulas.layers import (
    blocks,
    count_parameters,
    feed_forwards,
    mixers,
    splits,
)
from inference_economics.serving.shape import shape_of
from reckoner.declare.tables import DataError

STORED = json.loads((Path(__file__).parent / "configurations.json").read_text(encoding="utf-8"))
CONFIGURATIONS = STORED["configurations"]
BY_NAME = {each["name"]: each["config"] for each in CONFIGURATIONS}
NEMOTRON = BY_NAME["nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"]
LLAMA = BY_NAME["meta-llama--Meta-Llama-3.1-8B"]
DEEPSEEK = BY_NAME["deepseek-ai--DeepSeek-R1"]
QWEN = {
    "model_type": "qwen2", "num_hidden_layers": 36, "hidden_size": 2048, "vocab_size": 151936,
    "num_attention_heads": 16, "num_key_value_heads": 2, "intermediate_size": 11008,
    "tie_word_embeddings": True, "sliding_window": 500, "use_sliding_window": True,
}  # fmt: skip


def model(config):
    return catalog.Model("own", "own", config_json.described(config).values)


def changed(config, **fields):
    return {name: value for name, value in {**config, **fields}.items() if value is not ...}


KV, HEAD, WINDOW = "num_key_value_heads", "head_dim", "sliding_window"
UNSAID = {
    "mistral": {KV: 8, WINDOW: 4096}, "ministral3": {KV: 8, HEAD: 128}, "mixtral": {KV: 8},
    "qwen2": {KV: 32, WINDOW: 4096}, "qwen2_vl": {KV: 8, WINDOW: 4096},
    "qwen2_5_vl": {KV: 8, WINDOW: 4096},
    "qwen2_moe": {KV: 16, WINDOW: 4096, "shared_expert_intermediate_size": 5632},
    "qwen3": {KV: 32, HEAD: 128, WINDOW: 4096}, "qwen3_moe": {KV: 4},
    "qwen3_vl": {KV: 32, HEAD: 128}, "qwen3_vl_moe": {KV: 16},
    "qwen3_next": {KV: 2, HEAD: 256, "shared_expert_intermediate_size": 512},
    "qwen3_5": {KV: 4, HEAD: 256},
    "qwen3_5_moe": {KV: 2, HEAD: 256, "shared_expert_intermediate_size": 512},
    "deepseek_v2": {"first_k_dense_replace": 0, "n_shared_experts": 2},
    "deepseek_v3": {"first_k_dense_replace": 3, "n_shared_experts": 1},
    "deepseek_v32": {"first_k_dense_replace": 3, "n_shared_experts": 1},
    "glm_moe_dsa": {"first_k_dense_replace": 3, "n_shared_experts": 1},
    "glm4_moe_lite": {"n_shared_experts": 1}, "glm4": {KV: 2, HEAD: 128},
    "glm4_moe": {KV: 8, "first_k_dense_replace": 1, "n_shared_experts": 1},
    "minimax_m2": {KV: 8, HEAD: 128}, "gpt_oss": {KV: 8, HEAD: 64, WINDOW: 128},
    "llama4": {KV: 8, HEAD: 128, "attention_chunk_size": 8192},
    "gemma": {KV: 16, HEAD: 256}, "gemma2": {KV: 4, HEAD: 256, WINDOW: 4096},
    "gemma3": {KV: 4, HEAD: 256, WINDOW: 4096}, "gemma4": {KV: 4, HEAD: 256, WINDOW: 512},
    "nemotron_h": {KV: 8, HEAD: 128, "n_shared_experts": 1}, "olmo3": {WINDOW: 4096},
    "seed_oss": {KV: 8, HEAD: 128}, "cohere2": {WINDOW: 4096},
    "starcoder2": {KV: 2}, "ernie4_5": {KV: 2, HEAD: 128},
}  # fmt: skip
"""By `model_type`: what the configuration classes of transformers 5.24 hold of themselves."""


# Counts


@pytest.mark.parametrize("each", CONFIGURATIONS, ids=lambda each: each["name"])
def test_a_count_agrees_with_transformers(each):
    counted = config_json.described(each["config"]).values["total_parameters"]
    assert counted == pytest.approx(each["parameters"], rel=1e-3)


def test_every_architecture_of_the_table_is_counted():
    kinds = {each["config"]["model_type"].removesuffix("_text") for each in CONFIGURATIONS}
    known = {"qwen2_vl", "glm4", "phi3"}  # of these transformers built no small one
    inner = {each["config"].get("text_config", {}).get("model_type") for each in CONFIGURATIONS}
    assert set(ARCHITECTURES) - kinds - inner <= known


def test_layers_and_the_formula_of_the_chapter_say_the_same():
    llama = model(LLAMA)
    assert count_parameters(llama)[0] == dense_parameters(32, 4096, 32, 8, 128, 14336, 128256)


@pytest.mark.parametrize("key", catalog.models("hidden_size", "total_parameters", "gated_mlp"))
def test_the_catalog_counts_what_was_published(key):
    mine = catalog.model(key)
    total, active = count_parameters(mine)
    assert total == pytest.approx(mine.total_parameters, rel=0.03)
    published = mine.values.get("active_parameters")
    assert published is None or active == pytest.approx(published, rel=0.13)


@pytest.mark.parametrize(
    ("config", "total"),
    [
        (changed(LLAMA, architectures=["LlamaForSequenceClassification"], num_labels=1),
         8030261248 - 128256 * 4096 + 4096),
        (changed(LLAMA, architectures=["LlamaModel"]), 8030261248 - 128256 * 4096),
        (changed(DEEPSEEK, n_routed_experts=..., num_routed_experts=256), 671_026_404_352),
        ({"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
          "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000,
          "max_sequence_length": 2048}, 6738415616),
    ],
    ids=["score", "no output", "another name", "early llama"],
)  # fmt: skip
def test_what_other_files_call_it(config, total):
    assert config_json.described(config).values["total_parameters"] == total


@pytest.mark.parametrize("kind", UNSAID)
def test_what_a_file_leaves_unsaid_is_what_transformers_takes(kind):
    texts = ({**each, **each.get("text_config", {})} for each in BY_NAME.values())
    stored = (each for each in texts if each["model_type"] in (kind, f"{kind}_text"))
    config = next(stored, {**LLAMA, "model_type": kind})
    config.pop("text_config", None)
    silent = {**dict.fromkeys(UNSAID[kind], ...), "use_sliding_window": True}
    silent |= {"num_attention_heads": 64, "hidden_size": 3072, "max_window_layers": 0}
    said = changed(config, **silent | UNSAID[kind])
    assert config_json.described(changed(config, **silent)) == config_json.described(said)


def test_where_no_layer_is_told_every_second_has_a_window_in_gpt_oss():
    known = next(each for each in BY_NAME.values() if each["model_type"] == "gpt_oss")
    silent = changed(known, layer_types=...)
    assert config_json.described(silent).values["windowed_layers"] == known["num_hidden_layers"] / 2


def test_a_kind_is_that_of_the_language_model_where_it_says_one():
    assert config_json.text_part({"model_type": "a", "text_config": {}})["model_type"] == "a"
    told = {"model_type": "a", "text_config": {"model_type": "b"}}
    assert config_json.text_part(told)["model_type"] == "b"


@pytest.mark.parametrize(("key", "pairs"), [("qwen35_397b", 60), ("nemotron3_nano", 26)])
def test_exchanges_come_in_pairs_of_a_mixer_and_a_network(key, pairs):
    """A layer of Qwen has both; one of Nemotron has either: 6 and 23 that mix, 23 networks."""
    assert blocks(catalog.model(key)) == pairs


@pytest.mark.parametrize("size", [0, ...])
def test_the_size_of_dense_networks_is_not_needed_where_there_are_none(size):
    experts = BY_NAME["Qwen--Qwen3-30B-A3B-FP8"]
    counted = model(changed(experts, intermediate_size=size)).total_parameters
    assert counted == model(experts).total_parameters


def test_as_many_kv_heads_as_heads_where_a_file_says_null():
    silent, null = (
        changed(LLAMA, model_type="mistral", num_key_value_heads=n) for n in (..., None)
    )
    assert [model(config).kv_heads for config in (silent, null)] == [8, 32]


# Kinds of layers, and what they keep


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("openai--gpt-oss-120b", {"full": 18, "windowed": 18, "experts": 36}),
        ("Qwen--Qwen3.5-397B-A17B", {"full": 15, "state": 45, "experts": 60}),
        ("google--gemma-4-26B-A4B", {"full": 5, "windowed": 25, "dense": 30, "experts": 30}),
        ("deepseek-ai--DeepSeek-V3.2", {"sparse": 61, "dense": 3, "experts": 58}),
        ("meta-llama--Llama-4-Scout-17B-16E-Instruct", {"full": 12, "windowed": 36, "experts": 48}),
        ("nvidia--Nemotron-H-56B-Base-8K", {"full": 10, "state": 54, "dense": 54}),
        ("nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", {"full": 6, "state": 23, "experts": 23}),
    ],
)
def test_layers_are_of_the_kinds_that_the_file_says(name, kinds):
    mine = model(BY_NAME[name])
    assert {**mixers(mine), **feed_forwards(mine)} == kinds


@pytest.mark.parametrize("context", [1, 1024, 1025, 8192, 262144])
def test_the_memory_of_a_sequence_by_hand(context):
    gemma = model(BY_NAME["google--gemma-4-26B-A4B"])
    kept = 2 * (5 * 2 * 512 * context + 25 * 8 * 256 * min(context, 1024))
    assert kv_cache.model_kv_cache(gemma, context, 2.0) == pytest.approx(2 * kept, rel=1e-12)
    nemotron = model(NEMOTRON)
    state = 23 * (64 * 64 * 128 * 4 + 3 * (64 * 64 + 2 * 8 * 128) * 2)
    assert kv_cache.model_kv_cache(nemotron, context, 1.0) == 2 * 6 * 2 * 128 * context + state
    sparse = model(BY_NAME["deepseek-ai--DeepSeek-V3.2"])
    assert kv_cache.model_kv_cache(sparse, context, 1.0) == 61 * (576 + 128) * context
    read = 61 * (576 * min(context, 2048) + 128 * context)
    assert kv_cache.model_kv_read(sparse, context, 1.0) == read


def test_the_ideal_and_what_engines_reserve():
    """The two sizes reported for gpt-oss-120b at 8,192 tokens: 307 and 604 MB."""
    gpt_oss = catalog.model("gpt_oss_120b")
    assert kv_cache.model_kv_cache(gpt_oss, 8192, 2.0) == pytest.approx(307e6, rel=0.01)
    assert kv_cache.reserved_in_full(gpt_oss, 8192, 2.0) == pytest.approx(604e6, rel=0.01)


@pytest.mark.parametrize(
    ("fields", "windowed"),
    [
        ({"max_window_layers": 36}, 0), ({"max_window_layers": 30}, 6), ({}, 8),
        ({"use_sliding_window": False}, 0), ({"use_sliding_window": ...}, 0),
        ({"layer_types": ["sliding_attention", "full_attention"] * 18}, 18),
    ],
)  # fmt: skip
def test_windows_follow_the_rule_of_the_architecture(fields, windowed):
    found = config_json.described(changed(QWEN, **fields)).values
    assert found.get("windowed_layers", 0) == windowed


@pytest.mark.parametrize(("kind", "windowed"), [("qwen2", 32), ("qwen2_vl", 0), ("qwen2_5_vl", 0)])
def test_where_windows_begin_is_taken_as_the_kind_has_it(kind, windowed):
    """By the classes of transformers 5: from layer 28 on, from 80 in those that see."""
    text = changed(QWEN, model_type=kind, num_hidden_layers=60, max_window_layers=...)
    found = config_json.described(text).values
    assert found.get("windowed_layers", 0) == windowed


def test_a_cache_that_is_all_windows_may_never_outgrow_the_weights():
    mistral = model(changed(LLAMA, model_type="mistral", sliding_window=4096))
    assert mistral.windowed_layers == 32
    token = kv_cache.model_kv_bytes_per_token(mistral, 2.0)
    outgrown = kv_cache.model_context_that_outgrows
    assert outgrown(mistral, 16e9, 1.0, token) == float("inf")
    assert outgrown(mistral, 4000 * token, 1.0, token) == 4000


@pytest.mark.parametrize("each", CONFIGURATIONS, ids=lambda each: each["name"])
def test_serving_takes_every_shape(each):
    mine = model(each["config"])
    shape = shape_of(mine, 1.0)
    inner = shape.common_parameters - mine.vocabulary * mine.hidden_size
    counted = inner + shape.experts * shape.expert_parameters
    embeddings = (2 - mine.tied_embeddings) * mine.vocabulary * mine.hidden_size
    if "outputs" not in mine.values:
        assert counted + embeddings == pytest.approx(mine.total_parameters, rel=0.02)


# What is refused, by name


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (changed(LLAMA, model_type="gpt2"), "model_type: 'gpt2' is not understood. Known: llama"),
        (changed(LLAMA, model_type="deepseek_v4"), "model_type: 'deepseek_v4' .*TOML"),
        (changed(LLAMA, hidden_size=4096.5), "hidden_size: expected a whole number"),
        (changed(LLAMA, intermediate_size=...), "intermediate_size: expected a whole number"),
        (changed(LLAMA, tie_word_embeddings="false"), "tie_word_embeddings: expected true or"),
        (changed(LLAMA, num_key_value_heads=7), "num_key_value_heads: 7 KV heads do not divide"),
        (changed(LLAMA, num_key_value_heads=64), "num_key_value_heads: 64 KV heads do not"),
        (changed(LLAMA, num_experts=8), "num_experts: 8 may change the shape"),
        (changed(LLAMA, sliding_window=4096), "sliding_window: 4096 may change the shape"),
        (changed(LLAMA, layer_types=["foo"] * 32), "layer_types: 'foo' is no kind of layer"),
        (changed(LLAMA, layer_types=["full_attention"]), "layer_types: it has 1 entries for 32"),
        (changed(LLAMA, architectures=["LlamaForDreaming"]), "architectures: 'LlamaForDreaming'"),
        (changed(DEEPSEEK, n_shared_experts=-100), "n_shared_experts: expected a whole number"),
        (changed(DEEPSEEK, n_shared_experts=float("nan")), "n_shared_experts: .* got nan"),
        (changed(DEEPSEEK, n_shared_experts=1.5), "n_shared_experts: .* got 1.5"),
        (changed(DEEPSEEK, n_shared_experts="3"), "n_shared_experts: .* got '3'"),
        (changed(DEEPSEEK, first_k_dense_replace=-50), "first_k_dense_replace: .* got -50"),
        (changed(DEEPSEEK, first_k_dense_replace=62), "first_k_dense_replace: 62 is more"),
        (changed(DEEPSEEK, n_routed_experts=...), "num_local_experts: .* got None"),
        (changed(DEEPSEEK, num_experts=128), "num_experts, n_routed_experts: 128 and 256"),
        (changed(DEEPSEEK, mlp_only_layers=[99]), "mlp_only_layers: expected a list of numbers"),
        (changed(DEEPSEEK, mlp_layer_types=["wide"] * 61), "mlp_layer_types: expected 'dense', "),
        (changed(DEEPSEEK, mlp_layer_types="dense"), "mlp_layer_types: expected 'dense', "),
        (changed(DEEPSEEK, mlp_only_layers=0), "mlp_only_layers: expected a list .* got 0"),
        (changed(DEEPSEEK, tie_word_embeddings="false"), "tie_word_embeddings: expected true or"),
        (changed(LLAMA, layer_types=True), "layer_types: expected the kind of each layer"),
        (changed(LLAMA, layer_types=[True] * 32), "layer_types: True is no kind of layer"),
        (changed(NEMOTRON, hybrid_override_pattern=""), "hybrid_override_pattern: expected the"),
        (changed(NEMOTRON, mamba_ssm_cache_dtype=["x"]), r"mamba_ssm_dtype: \['x'\] is none of"),
        (changed(LLAMA, architectures=["LlamaForTokenClassification"], id2label=3), "id2label: "),
        (changed(NEMOTRON, hybrid_override_pattern="MX"), "hybrid_override_pattern: 'X'"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_named(config, message):
    with pytest.raises(DataError, match=message) as refused:
        config_json.described(config)
    assert "\n" not in str(refused.value)


ODD = [
    -1,
    0,
    1.5,
    float("nan"),
    10**400,
    "3",
    "false",
    "",
    True,
    None,
    [],
    [1],
    [None],
    {},
    {"a": 1},
]


@pytest.mark.parametrize(
    "config", [LLAMA, DEEPSEEK, NEMOTRON, QWEN], ids=["llama", "deepseek", "nemotron", "qwen"]
)
def test_whatever_a_field_holds_is_counted_or_refused_in_one_line(config):
    for name, value in itertools.product(config, ODD):
        try:
            found = config_json.described(changed(config, **{name: value})).values
        except DataError as error:
            assert re.match(r"\w+(, \w+)*: ", str(error)) and "\n" not in str(error)
        else:
            assert all(0 <= number < float("inf") for number in found.values()), (name, value)


@pytest.mark.parametrize(
    ("key", "kv_heads", "even"),
    [
        ("llama31_70b", 8, [1, 2, 4, 8, 16, 32, 64]),  # of 64 heads; KV heads are copied from 16
        ("llama31_70b", 6, [1, 2]),  # four chips neither split six KV heads nor copy them
        ("llama31_70b", 48, [1, 2, 4, 8, 16]),
        ("kimi_k2", 6, [1, 2, 4, 8, 16, 32, 64]),  # one latent vector, whatever the heads
    ],
)
def test_chips_split_all_heads_evenly_and_split_or_copy_kv_heads(key, kv_heads, even):
    assert splits(catalog.model(key).replaced("kv_heads", kv_heads)) == even


# Bytes


def bytes_of(config, quantized=None):
    described = config_json.described(config)
    taken, words = precision(config, quantized, described)
    return taken["bytes_per_parameter"] * described.values["total_parameters"], taken, words


EXPERTS_ONLY = {
    "quant_method": "mxfp4",
    "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "lm_head"],
}
ALL_KEPT = {
    "quant_method": "mxfp4",
    "modules_to_not_convert": [*EXPERTS_ONLY["modules_to_not_convert"], "*.mlp.experts*"],
}
NVFP4 = {"quantization": {
    "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "group_size": 16,
    "exclude_modules": ["lm_head", *(f"model.layers.{i}.self_attn*" for i in range(32))],
}}  # fmt: skip
KIMI = {
    "quant_method": "compressed-tensors", "ignore": [
        "lm_head", "re:.*self_attn.*", "re:.*shared_experts.*",
        "re:.*mlp\\.(gate|up|gate_up|down)_proj.*",
    ],
    "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 32}}},
}  # fmt: skip
FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
LAYERS = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024)
"""Weights of attention in Llama 3.1 8B."""


@pytest.mark.parametrize(
    ("config", "quantized", "size"),
    [
        (changed(LLAMA, torch_dtype="bfloat16"), None, 16.06e9),
        (changed(LLAMA, dtype="float32", torch_dtype=...), None, 32.12e9),
        (changed(LLAMA, quantization_config={"quant_method": "awq", "bits": 4, "group_size": 128}),
         None, 5.7e9),
        (LLAMA, NVFP4, 2 * (2 * 128256 * 4096 + LAYERS) + 0.5625 * 32 * 3 * 4096 * 14336),
        (changed(BY_NAME["openai--gpt-oss-120b"], quantization_config=EXPERTS_ONLY), None, 65.2e9),
        (changed(BY_NAME["openai--gpt-oss-120b"], quantization_config=ALL_KEPT), None, 233.7e9),
        (changed(DEEPSEEK, quantization_config=FP8), None, 673e9),
        (changed(BY_NAME["moonshotai--Kimi-K2.5"], quantization_config=KIMI), None, 606e9),
    ],
    ids=["bf16", "float32", "awq", "nvfp4", "mxfp4", "all kept", "fp8", "int4 experts"],
)  # fmt: skip
def test_weights_take_what_the_files_say(config, quantized, size):
    assert bytes_of(config, quantized)[0] == pytest.approx(size, rel=0.01)


SIZES = {
    "FP8": 1, "FP8_PER_CHANNEL_PER_TOKEN": 1, "FP8_PB_WO": 1 + 4 / 128**2,
    "FP8_BLOCK_SCALES": 1 + 4 / 128**2, "NVFP4": 1 / 2 + 1 / 16, "W4A16_NVFP4": 1 / 2 + 1 / 16,
    "NVFP4_AWQ": 1 / 2 + 1 / 16, "W4A8_NVFP4_FP8": 1 / 2 + 1 / 16, "MXFP4": 1 / 2 + 1 / 32,
    "W4A8_MXFP4_FP8": 1 / 2 + 1 / 32, "MXFP8": 1 + 1 / 32, "W4A16_AWQ": 1 / 2 + 2 / 128,
    "INT4_AWQ": 1 / 2 + 2 / 128, "W4A8_AWQ": 1 / 2 + 2 / 128, "W8A16": 1,
    "W8A8_SQ_PER_CHANNEL": 1, "INT8_SQ": 1,
}  # fmt: skip
"""Bytes of a weight, with its part of the scale of its group."""


@pytest.mark.parametrize("algorithm", SIZES)
def test_a_weight_takes_its_bits_and_its_part_of_a_scale(algorithm):
    said = {"quantization": {"quant_algo": algorithm, "exclude_modules": ["lm_head"]}}
    wide = 2 * 128256 * 4096 + 65 * 4096  # embeddings and norms
    narrow = 8030261248 - wide
    assert bytes_of(LLAMA, said)[0] == pytest.approx(2 * wide + SIZES[algorithm] * narrow, rel=1e-9)


@pytest.mark.parametrize(
    ("block", "scale", "size"),
    [(None, None, 1), ([128, 128], None, 1 + 4 / 128**2), ([128, 128], "ue8m0", 1 + 1 / 128**2)],
    ids=["per tensor", "blocks", "blocks with narrow scales"],
)
def test_eight_bits_take_a_scale_for_each_block_if_there_are_blocks(block, scale, size):
    said = {"quant_method": "fp8", "weight_block_size": block or ..., "scale_fmt": scale or ...}
    config = changed(LLAMA, quantization_config=changed(said))
    expected = 2 * OTHERS + size * (MLP + ATTENTION)
    assert bytes_of(config)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("fields", "own"),
    [
        ({"indexer_types": ["full", *["shared"] * 3] * 15 + ["full"]}, 16),
        ({"index_topk_freq": 4}, 2 + len(range(5, 61, 4))),
        ({"index_topk_freq": 4, "index_skip_topk_offset": 0}, len(range(3, 61, 4))),
        ({}, 61),
    ],
    ids=["listed", "every fourth", "every fourth, none skipped", "all"],
)  # fmt: skip
def test_layers_with_an_indexer_of_their_own_are_counted(fields, own):
    sparse = {"model_type": "glm_moe_dsa", "index_topk": 2048, "index_n_heads": 64,
              "index_head_dim": 128}  # fmt: skip
    found = config_json.described(changed(DEEPSEEK, **sparse, **fields)).values
    assert found["index_layers"] == own


MLP, ATTENTION = 32 * 3 * 4096 * 14336, 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024)
OTHERS = 2 * 128256 * 4096 + 65 * 4096
"""Weights of Llama 3.1 8B: of its networks, of its attention, of embeddings and norms."""


def group(bits, kind, targets=(), **others):
    return {"targets": [*targets], "weights": {"num_bits": bits, "type": kind, **others}}


@pytest.mark.parametrize(
    ("said", "mlp", "attention"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 1 / 2 + 1 / 64, 1 / 2 + 1 / 64),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, 1, 1),
        ({"quant_algo": "MIXED_PRECISION", "quantized_layers": {
            f"model.layers.{n}.mlp.{part}_proj": {"quant_algo": "FP8"}
            for n in range(32) for part in ("gate", "up", "down")}}, 1, 2),
        ({"config_groups": {"a": group(8, "float", ["re:.*mlp.*"]),
                            "b": group(4, "int", ["re:.*self_attn.*"], group_size=128)}},
         1, 1 / 2 + 2 / 128),
        ({"config_groups": {"a": group(8, "float", block_structure=[128, 128])}},
         1 + 2 / 128**2, 1 + 2 / 128**2),
        ({"config_groups": {"a": group(4, "float", group_size=16)}},
         1 / 2 + 1 / 16, 1 / 2 + 1 / 16),
    ],
    ids=["4 bits", "8 bits", "mixed", "two groups", "blocks", "nvfp4"],
)  # fmt: skip
def test_layers_take_the_format_that_is_said_of_them(said, mlp, attention):
    size = bytes_of(changed(LLAMA, quantization_config=said))[0]
    assert size == pytest.approx(2 * OTHERS + mlp * MLP + attention * ATTENTION, rel=1e-9)


@pytest.mark.parametrize(
    ("scheme", "size"),
    [({"kv_cache_scheme": {"num_bits": 8}}, 1), ({"kv_cache_quant_algo": "NVFP4"}, 9 / 16)],
)
def test_the_cache_takes_the_bits_of_its_scheme(scheme, size):
    said = changed(LLAMA, quantization_config={"quant_method": "fp8", **scheme})
    assert bytes_of(said)[1]["bytes_per_element"] == pytest.approx(size)


def test_the_cache_takes_what_the_file_says_and_nothing_else():
    assert bytes_of(LLAMA, NVFP4)[1]["bytes_per_element"] == 1
    assert "bytes_per_element" not in bytes_of(LLAMA)[1]
    assert "torch_dtype bfloat16" in bytes_of(LLAMA)[2][0]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (changed(LLAMA, torch_dtype="int3"), "torch_dtype: 'int3' is none of"),
        (changed(LLAMA, quantization_config={"quant_method": "magic"}), "quant_method 'magic'"),
        (changed(LLAMA, quantization_config={"quant_method": "awq"}), "bits: .* got None"),
        (changed(LLAMA, quantization_config={"quant_algo": "X"}), "quant_algo: 'X' is none of"),
        (changed(LLAMA, quantization_config=[1]), "quantization_config: expected its fields"),
        (changed(LLAMA, quantization_config={"config_groups": [1]}), "not in the form of its kind"),
        (
            changed(
                LLAMA, quantization_config={"quant_method": "gptq", "bits": 4, "group_size": "x"}
            ),
            "group_size: expected a whole number",
        ),
        (
            changed(LLAMA, quantization_config={"quant_method": "fp8", "kv_cache_quant_algo": "X"}),
            "kv_cache_quant_algo: 'X' is none of",
        ),
        (
            changed(LLAMA, quantization_config={"quant_method": "fp8", "ignore": ["re:("]}),
            "quantization_config: '\\('",
        ),
    ],
)
def test_a_format_that_is_not_known_is_named(config, message):
    with pytest.raises(DataError, match=message):
        bytes_of(config)


# A file of one's own


def test_a_folder_a_name_and_a_description_are_taken_alike(tmp_path):
    (tmp_path / "Mine").mkdir()
    (tmp_path / "Mine" / "config.json").write_text("\ufeff" + json.dumps(LLAMA), "utf-8")
    (tmp_path / "Mine" / "hf_quant_config.json").write_text(json.dumps(NVFP4))
    mine = own.model(str(tmp_path / "Mine"))
    assert (mine.name, mine.total_parameters) == ("Mine", 8030261248)
    assert mine.bytes_per_element == 1 and mine.bytes_per_parameter < 1
    described = own.model(str(Path(__file__).parent.parent / "examples" / "made_up_model.toml"))
    assert mixers(described) == {"full": 12, "windowed": 36}
    with pytest.raises(DataError, match="no such file or folder; a name of a hub is not fetched"):
        own.model("meta-llama/Llama-3.1-8B")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('layers = { value = 1.5, unit = "count", source = "me" }', "must be a whole number"),
        ('layers = { value = -1, unit = "count", source = "me" }', "not negative"),
        ('layer = { value = 1, unit = "count", source = "me" }', "a model; did you mean 'layers'"),
        ('layers = { value = 1, unit = "count", source = "me" }', "has no 'kv_heads'"),
    ],
)
def test_a_wrong_description_is_named(tmp_path, row, message):
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "Mine"\n{row}\n')
    with pytest.raises(DataError, match=message):
        own.model(str(path))
