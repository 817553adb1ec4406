"""What chips reach is found again in timings that were made up of it."""

import numpy as np
import pandas as pd
import pytest

from inference_economics import catalog
from inference_economics.serving import kernels, rooflines

CHIP = "h100_sxm"
BANDWIDTH, PEAK = 3.35e12, 989e12
"""Of its datasheet, at 16 bits."""
SHARE, RATE, FLOOR = 0.8, 0.6, 4e-6
EXPERT_SHARE, EXPERT_RATE, EXPERT_FLOOR = 0.9, 0.1, 3e-5
CACHE, ATTENTION = 0.7, 0.5
ONE_STEP, SECOND_STEP, LINKS = 5e-6, 6e-6, 0.65


def both(read, done, floor):
    return (read**4 + done**4) ** 0.25 + floor


def gemm():
    """Products of many sizes, of two engines, and some that are too small to tell."""
    rows = []
    for engine in ("vllm", "trtllm"):
        for n, k in ((4096, 4096), (8192, 8192), (16384, 8192), (512, 512)):
            for m in 2 ** np.arange(15):
                read = 2 * (n * k + m * k + m * n) / BANDWIDTH / SHARE
                took = both(read, 2 * m * n * k / PEAK / RATE, FLOOR)
                rows.append((CHIP, engine, "bfloat16", m, n, k, took if n > 512 else 1.0))
    rows.append(("a_chip_that_nobody_knows", "vllm", "bfloat16", 1, 8192, 8192, 1.0))
    return pd.DataFrame(
        rows, columns=["system", "engine", "gemm_dtype", "m", "n", "k", "latency_ms"]
    )


def moe():
    hidden, inner, experts, chosen, rows = 4096, 1536, 128, 8, []
    for tokens in 2 ** np.arange(15):
        for split in (1, 4):
            one = 3 * hidden * inner
            touched = experts / split * (1 - (1 - chosen / experts) ** tokens)
            read = 2 * touched * one / BANDWIDTH / EXPERT_SHARE
            done = 2 * tokens * chosen * one / split / PEAK / EXPERT_RATE
            rows.append((tokens, split, both(read, done, EXPERT_FLOOR)))
    table = pd.DataFrame(rows, columns=["num_tokens", "moe_ep_size", "latency_ms"])
    return table.assign(
        system=CHIP, engine="vllm", moe_dtype="bfloat16", distribution="power_law_1.2", kernel="k",
        topk=chosen, num_experts=experts, hidden_size=hidden, inter_size=inner, moe_tp_size=1,
    )  # fmt: skip


def attention_decode():
    rows = [
        (batch, step, 2 * 2 * batch * (step + 1) * 8 * 128 / BANDWIDTH / CACHE + 1e-5)
        for batch in (1, 8, 64, 256) for step in (1023, 4095, 16383)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["batch_size", "step", "latency_ms"])
    return table.assign(
        system=CHIP, engine="sglang", kv_cache_dtype="bfloat16", num_heads=64,
        num_key_value_heads=8, head_dim=128, window_size=0,
    )  # fmt: skip


def attention_prefill():
    rows = [
        (batch, isl, 2 * batch * isl**2 * 64 * 128 / PEAK / ATTENTION)
        for batch in (1, 4) for isl in (2048, 8192)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["batch_size", "isl", "latency_ms"])
    return table.assign(
        system=CHIP, engine="vllm", attn_dtype="bfloat16", num_heads=64, head_dim=128, window_size=0
    )


def allreduce():
    rows = []
    for n in (2, 4, 8):
        for size in 2 ** np.arange(10, 27):
            sent = 2 * size / 450e9 / LINKS
            at_once = ONE_STEP + (n - 1) * sent
            in_two = ONE_STEP + SECOND_STEP + 2 * (n - 1) / n * sent
            rows.append((n, size, min(at_once, in_two)))
    table = pd.DataFrame(rows, columns=["num_gpus", "message_size", "latency_ms"])
    return table.assign(system=CHIP, engine="trtllm", kernel="one_shot")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables of a chip whose constants are those above; times are in milliseconds."""
    place = tmp_path_factory.mktemp("kernels")
    for make in (gemm, moe, attention_decode, attention_prefill, allreduce):
        table = make()
        table["latency_ms"] *= 1e3
        table.to_parquet(place / f"{make.__name__}.parquet")
    return place


WANTED = {
    ("", "bf16", "bandwidth_share"): SHARE,
    ("", "bf16", "compute_share"): RATE,
    ("", "bf16", "expert_bandwidth_share"): EXPERT_SHARE,
    ("", "bf16", "expert_compute_share"): EXPERT_RATE,
    ("vllm", "bf16", "expert_floor"): 1e6 * EXPERT_FLOOR,
    ("sglang", "bf16", "cache_share"): CACHE,
    ("", "", "attention_share"): ATTENTION,
    ("trtllm", "", "all_reduce_latency"): 1e6 * ONE_STEP,
    ("trtllm", "", "all_reduce_in_two"): 1e6 * (ONE_STEP + SECOND_STEP),
    ("trtllm", "", "link_share"): LINKS,
}


def test_the_datasheet_is_the_one_that_the_times_were_made_of():
    chip = catalog.chip(CHIP)
    assert (chip.memory_bandwidth, chip.link_bandwidth) == (BANDWIDTH, 450e9)
    assert chip.fp16_compute == pytest.approx(PEAK, rel=1e-3)


def test_the_constants_of_made_up_timings_are_found_again(folder):
    found = kernels.fit(folder)
    values = found.set_index(["engine", "format", "quantity"])["value"]
    assert {*values.index} == {*WANTED} and {*found["system"]} == {CHIP}
    for key, wanted in WANTED.items():
        assert values[key] == pytest.approx(wanted, rel=2e-2), key
    assert (found["spread"] < 1e-3).all(), "two engines with the same kernels"
    assert set(found.loc[found["unit"] == "us", "quantity"]) == kernels.TIMES


def test_data_found_in_a_cache_is_no_bandwidth(folder, tmp_path):
    for name in kernels.TABLES:
        table = pd.read_parquet(folder / f"{name}.parquet")
        if name == "attention_decode":
            table["latency_ms"] /= 3
        table.to_parquet(tmp_path / f"{name}.parquet")
    assert "cache_share" not in {*kernels.fit(tmp_path)["quantity"]}


def test_products_in_steps_of_their_work_lie_on_the_roofline(folder):
    table = kernels.table_of(folder, "gemm")
    table = pd.concat([table] * rooflines.FEW)
    steps = [*rooflines.condensed(table)]
    assert steps and all(step.low <= step.reached <= step.high for step in steps)
    intense = max(steps, key=lambda step: step.operations_per_byte)
    assert 1e12 * intense.reached == pytest.approx(PEAK * RATE, rel=0.1)
