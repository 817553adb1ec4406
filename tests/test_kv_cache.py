"""What the chapter `kv_cache` must protect."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact import holds_and_one_fewer_does_not
from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.catalog import Model
from inference_economics.formulas import kv_cache
from inference_economics.worksheets.kv_cache import conclude

counts = st.integers(1, 10_000)
sizes = st.floats(1.0, 1e15)
shares = st.floats(0.0, 1.0)
elements = st.sampled_from([0.5, 1.0, 2.0, 4.0])
models = st.sampled_from(catalog.models(*kv_cache.NEEDS))


def concluded(model: Model, context: Any, width: Any, precision: Any, batch: Any) -> Any:
    return conclude(
        model=model,
        context_length=context,
        bytes_per_element=width,
        bytes_per_parameter=precision,
        batch_size=batch,
    )


# Values worked out elsewhere


def test_one_sequence_of_the_article() -> None:
    """The article's own product, in whole numbers: 2 · 80 · 8192 · 4096 · 1 B / 8."""
    by_hand = 2 * 80 * 8192 * 4096 // 8
    assert BOOK.conclude_by_default("kv_cache").results.kv_cache == by_hand == 671_088_640


def test_a_token_of_llama2_70b_in_fp16() -> None:
    """320 KiB: the figure of 'How to Scale Your Model' (160 kB in int8), doubled."""
    assert kv_cache.model_kv_bytes_per_token(catalog.model("llama2_70b"), 2.0) == 320 * 1024


@pytest.mark.parametrize(
    ("key", "elements_per_token"),
    [
        ("gpt3_175b", 2 * 96 * 12288),  # MHA: keys and values are as wide as the hidden state
        ("llama2_7b", 2 * 32 * 4096),
        ("llama31_8b", 2 * 32 * 1024),  # k_proj and v_proj of its checkpoint give 1024
        ("deepseek_v3", 61 * 576),  # kv_lora_rank 512 + qk_rope_head_dim 64
        ("kimi_k2", 61 * 576),
        ("gpt_oss_120b", 2 * 36 * 512),
    ],
)
def test_elements_of_a_token(key: str, elements_per_token: int) -> None:
    assert kv_cache.model_kv_bytes_per_token(catalog.model(key), 1.0) == elements_per_token


def test_mla_equals_gqa_with_two_and_a_quarter_groups() -> None:
    """The comparison printed in the DeepSeek-V2 paper, for heads of size 128."""
    latent = kv_cache.mla_bytes_per_token(1, 512, 64, 1.0)
    assert latent == kv_cache.kv_bytes_per_token(1, 2.25, 128, 1.0)


def test_gpt_oss_without_and_with_its_windows() -> None:
    """AWS Neuron's manual prints 9.66 GB for 131,072 tokens in bf16, every layer keeping all;
    with half the layers keeping 128 tokens it is half of that and 9.4 MB.
    """
    model = catalog.model("gpt_oss_120b")
    full = kv_cache.model_kv_bytes_per_token(model, 2.0) * 131_072
    assert round(full / 1e9, 2) == 9.66
    windowed = 2 * 18 * 512 * 2 * 128
    assert kv_cache.model_kv_cache(model, 131_072, 2.0) == full / 2 + windowed


def test_where_llama2_70b_is_outgrown() -> None:
    """70e9 / 671,088,640 = 104.3 and 70e9 / (128 · 163,840) = 3337.9, each rounded up."""
    results = BOOK.conclude_by_default("kv_cache").results
    assert results.batch_that_outgrows == 105
    assert results.context_that_outgrows == 3338


OTHER_CASES = {
    "weights counted, heads shared": {
        "model": "llama31_8b", "context_length": 3001, "bytes_per_element": 0.55,
        "bytes_per_parameter": 1.7, "batch_size": 77,
    },
    "weights published, MLA": {
        "model": "kimi_k2", "context_length": 10007, "bytes_per_element": 1.3,
        "bytes_per_parameter": 0.6, "batch_size": 9,
    },
    "windows that were left": {
        "model": "gpt_oss_120b", "context_length": 5003, "bytes_per_element": 2.9,
        "bytes_per_parameter": 0.45, "batch_size": 33,
    },
    "within the windows": {
        "model": "gpt_oss_120b", "context_length": 101, "bytes_per_element": 1.9,
        "bytes_per_parameter": 0.3, "batch_size": 12345,
    },
    "named and published": {
        "model": "llama2_70b", "context_length": 2049, "bytes_per_element": 0.7,
        "bytes_per_parameter": 1.1, "batch_size": 55,
    },
}  # fmt: skip


@pytest.mark.parametrize("case", OTHER_CASES.values(), ids=OTHER_CASES)
def test_every_result_is_computed_a_second_time(case: dict[str, Any]) -> None:
    """From the definitions, with plain arithmetic: a wrong wiring gives another number."""
    layers, heads, kv_heads, head_dim, window, named, counted = {
        "llama31_8b": (32, 32, 8, 128, 0, 8e9, 8_030_261_248),
        "kimi_k2": (61, 64, 64, 128, 0, 1e12, 1e12),
        "gpt_oss_120b": (36, 64, 8, 64, 128, 116.8e9, 116.8e9),  # windows in half of the layers
        "llama2_70b": (80, 64, 8, 128, 0, 70e9, 68_976_648_192),
    }[case["model"]]
    width, context, batch = (
        case[name] for name in ("bytes_per_element", "context_length", "batch_size")
    )
    weights = named * case["bytes_per_parameter"]
    # what each token leaves in the cache for good; windowed layers keep the latest tokens only
    kept, kept_at_twice = (
        0.5 * (tokens + min(tokens, window)) if window else tokens
        for tokens in (context, 2 * context)
    )
    mla = layers * (512 + 64)  # the ranks of all models of the catalog with MLA
    elements = mla if case["model"] == "kimi_k2" else 2 * layers * kv_heads * head_dim
    token, cache = elements * width, elements * width * kept
    full_context = math.ceil(weights / (batch * token))
    beyond = math.ceil((weights - batch * token / 2 * window) / (batch * token / 2))
    corrected = counted * case["bytes_per_parameter"]
    fp16 = elements * 2 * kept
    second = {
        "heads": heads,
        "kv_heads": kv_heads,
        "gqa_factor": heads / kv_heads,
        "kv_bytes_per_token": token,
        "kv_cache": cache,
        "kv_cache_gib": cache / 2**30,
        "twice": elements * width * kept_at_twice,
        "growth_at_twice": kept_at_twice / kept,
        "latent_bytes_per_token": 61 * (512 + 64) * width,  # of DeepSeek-V3 and of Kimi K2
        "kv_cache_mha": 2 * layers * heads * head_dim * width * kept,
        "kv_cache_mqa": 2 * layers * head_dim * width * kept,
        "kv_cache_mla": mla * width * kept,
        "kv_cache_batch": cache * batch,
        "weights": weights,
        "batch_that_outgrows": math.ceil(weights / cache),
        "full_context": full_context,
        "context_that_outgrows": beyond if window and full_context > window else full_context,
        "counted_weights": corrected,
        "fp16_bytes": 2,
        "fp16_cache": fp16,
        "fp16_cache_batch": fp16 * batch,
        "fp16_batch_that_outgrows": math.ceil(corrected / fp16),
    }
    # gpt-oss-120b, half of whose 36 layers keep 128 tokens, and Llama 3.1 70B
    oss = 2 * 36 * 8 * 64 * width
    second |= {
        "misread": cache / 2**30 * 1e9,
        "gib_excess": 2**30 / 1e9 - 1,
        "share_of_weights": cache / weights,
        "oss_token": oss,
        "oss_cache": oss / 2 * (context + min(context, 128)),
        "oss_full_cache": oss * context,
        "oss_shortcut": 2880 / (64 * 64),
        "longest_cache": 2 * 80 * 8 * 128 * width * 131072,
        "context_growth": 131072 / 4096,
    }
    found = conclude.evaluate(**conclude.parameters.base(case))
    records = {"latent", "per_token", "oss", "longest"}
    lines = {name: found[name] for name in conclude.lines.keys() - records}
    assert lines == pytest.approx(second, rel=1e-9)


# The article's traps


def test_the_article_prints_gib_and_writes_gb() -> None:
    results = BOOK.conclude_by_default("kv_cache").results
    printed = BOOK.ledger["kv-cache-70b"].printed_values[0]
    assert results.kv_cache_gib == 0.625
    assert results.kv_cache / printed == pytest.approx(2**30 / 1e9, rel=1e-12)
    assert BOOK.ledger.entry("kv-cache-70b").verdict == "differs"


def test_forgetting_gqa_costs_its_factor() -> None:
    """The first version of the article: 5 GiB and not 0.625."""
    results = BOOK.conclude_by_default("kv_cache").results
    assert results.gqa_factor == 8
    assert results.kv_cache_mha == 5 * 2**30
    assert results.kv_cache_mha / results.kv_cache == results.gqa_factor
    assert BOOK.ledger.entry("gqa-factor").verdict == "confirmed"


def test_heads_count_and_not_the_hidden_size() -> None:
    """Qwen3-32B: 64 heads of 128 are 8192, and its hidden state has 5120."""
    model = catalog.model("qwen3_32b")
    shortcut = 2 * model.layers * model.hidden_size / kv_cache.gqa_factor(64, 8)
    assert shortcut / kv_cache.model_kv_bytes_per_token(model, 1.0) == 5120 / 8192


def test_borrowed_ranks_leave_the_result_alone() -> None:
    """MLA is a comparison for LLaMA, and its own scheme for DeepSeek-V3."""
    llama = BOOK.conclude("kv_cache", {"model": "llama2_70b"}).results
    deepseek = BOOK.conclude("kv_cache", {"model": "deepseek_v3"}).results
    assert llama.kv_cache != llama.kv_cache_mla
    assert deepseek.kv_cache == deepseek.kv_cache_mla


@pytest.mark.parametrize("key", catalog.models(*kv_cache.NEEDS))
def test_a_model_is_called_what_its_heads_say(key: str) -> None:
    model, called = catalog.model(key), catalog.model_names()[key].attention
    if model.has("kv_rank"):
        assert called == "MLA"
    else:
        assert called == {model.heads: "MHA", 1: "MQA"}.get(model.kv_heads, "GQA")


# Laws


@given(counts, counts, counts, elements, counts, counts)
def test_the_cache_is_a_product(
    layers: int, heads: int, dim: int, width: float, context: int, batch: int
) -> None:
    token = kv_cache.kv_bytes_per_token(layers, heads, dim, width)
    sequence = kv_cache.kv_cache(token, context)
    assert kv_cache.kv_cache_of_batch(sequence, batch) == pytest.approx(
        2 * math.prod((layers, heads, dim, context, batch)) * width, rel=1e-12
    )
    assert kv_cache.kv_bytes_per_token(2 * layers, heads, dim, width) == 2 * token
    assert kv_cache.kv_bytes_per_token(layers, heads, dim, 2 * width) == 2 * token


@given(models, elements)
def test_sharing_heads_never_costs(model_key: str, width: float) -> None:
    by_scheme = kv_cache.schemes(catalog.model(model_key), width)
    assert by_scheme["MQA"] <= by_scheme["GQA"] <= by_scheme["MHA"]
    if not catalog.model(model_key).has("windowed_kv_heads"):  # else each kind has its own factor
        heads, kv_heads = catalog.model(model_key).heads, catalog.model(model_key).kv_heads
        assert by_scheme["MHA"] == by_scheme["GQA"] * kv_cache.gqa_factor(heads, kv_heads)
    assert kv_cache.model_kv_bytes_per_token(catalog.model(model_key), width) in by_scheme.values()


@given(sizes, counts, counts, shares)
def test_a_window_only_saves(token: float, context: int, window: int, share: float) -> None:
    """Within the window nothing changes; beyond it, no more than the share is saved."""
    full = kv_cache.kv_cache(token, context)
    cache = kv_cache.kv_cache_with_windows(token, context, window, share)
    if context <= window or share == 0:
        assert cache == pytest.approx(full, rel=1e-12)
    assert full * (1 - share) * (1 - 1e-12) <= cache <= full * (1 + 1e-12)


@given(sizes, sizes)
def test_the_outgrowing_batch_is_the_first(weight_bytes: float, cache: float) -> None:
    batch = kv_cache.batch_that_outgrows(weight_bytes, cache)
    assert holds_and_one_fewer_does_not(batch, cache, weight_bytes)


@given(models, elements, counts, elements)
def test_the_outgrowing_context_is_the_first(
    model_key: str, width: float, batch: int, precision: float
) -> None:
    """For every model, with and without windows, by trying it and one token less."""
    model = catalog.model(model_key)
    results = concluded(model, 4096, width, precision, batch)
    context = results.context_that_outgrows

    def cache_at(tokens: float) -> float:
        return batch * float(kv_cache.model_kv_cache(model, tokens, width))

    assert cache_at(context) >= results.weights * (1 - 1e-12)
    if context == 0:  # the states of the batch are the larger before the first token
        assert batch * kv_cache.model_state(model) >= results.weights
        return
    assert cache_at(context - 1) < results.weights * (1 + 1e-12)


@given(models, st.integers(1, 10**6), elements)
def test_more_context_never_takes_less(model_key: str, context: int, width: float) -> None:
    model = catalog.model(model_key)
    shorter = kv_cache.model_kv_cache(model, context, width)
    longer = kv_cache.model_kv_cache(model, context + 1, width)
    token = kv_cache.model_kv_bytes_per_token(model, width)
    assert 0 < longer - shorter <= token * (1 + 1e-6)


def test_weights_and_cache_keep_their_own_precision() -> None:
    """fp16 in the cache doubles the cache and leaves the weights; and the other way round."""
    default = BOOK.conclude_by_default("kv_cache").results
    cache = BOOK.conclude("kv_cache", {"bytes_per_element": 2.0}).results
    weights = BOOK.conclude("kv_cache", {"bytes_per_parameter": 2.0}).results
    assert (cache.kv_cache, cache.weights) == (2 * default.kv_cache, default.weights)
    assert (weights.kv_cache, weights.weights) == (default.kv_cache, 2 * default.weights)


@pytest.mark.parametrize("key", ["llama2_70b", "deepseek_v3", "gpt_oss_120b"])
def test_arrays_conclude_what_numbers_conclude(key: str) -> None:
    model = catalog.model(key)
    contexts, batches = np.array([1.0, 128.0, 129.0, 4096.0, 1e6]), np.array([[1.0], [128.0]])
    together = concluded(model, contexts, 1.0, 1.0, batches)
    for row, batch in enumerate(batches.ravel()):
        for column, context in enumerate(contexts):
            alone = concluded(model, float(context), 1.0, 1.0, float(batch))
            for name in conclude.units:
                found = np.broadcast_to(getattr(together, name), (2, 5))
                assert found[row, column] == getattr(alone, name), name
