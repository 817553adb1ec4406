"""What the chapter `serving` must keep: its limits, its errors on unseen rows, its bound."""

import csv
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.catalog import Chip, MissingConstantError
from inference_economics.serving import accuracy, bound, command, fit, predict
from inference_economics.serving.constants import IDEAL, Constants, fitted, fitted_rows
from inference_economics.serving.engines import ENGINES, engine_of
from inference_economics.serving.intervals import residuals
from inference_economics.serving.model import run_on, serve, step_time
from inference_economics.serving.runs import PARTS, runs
from inference_economics.serving.shape import shape_of
from inference_economics.worksheets.serving import conclude

CASE = conclude.parameters.base({})
"""The chapter's case, in base units."""

TABLE = accuracy.book_rows()
FIT, UNSEEN = (accuracy.counted(TABLE, part) for part in ("fit", "unseen"))
DENSE, MIXED = UNSEEN[~UNSEEN["experts"]], UNSEEN[UNSEEN["experts"]]

requests = st.integers(1, 512)
splits = st.sampled_from([1, 2, 4, 8])
lengths = st.integers(64, 8192)
engines = st.sampled_from(ENGINES)


def concluded(**change):
    return conclude(**{**CASE, **change})


def run(model="llama31_8b", chip="h100_sxm", split=8, batch=1, inputs=1024, outputs=1024):
    return run_on(
        catalog.model(model), catalog.chip(chip), split, float(batch), inputs, outputs,
        1.0, 1.0, "vllm",
    )  # fmt: skip


def on_fitted(**change):
    return serve(replace(run(), **change), fitted()["vllm"])


# Values worked by hand


def test_shape_of_a_dense_model():
    # Llama 3.1 8B: 32 layers of 2 * 4096 * 128 * 40 + 3 * 4096 * 14336, and 128256 * 4096 outputs
    shape = shape_of(catalog.model("llama31_8b"), 1.0)
    inner = 32 * (2 * 4096 * 128 * 40 + 3 * 4096 * 14336)
    assert shape.common_parameters == inner + 128256 * 4096
    assert shape.common_bytes == inner + 2 * 128256 * 4096
    assert (shape.experts, shape.expert_bytes, shape.stages) == (1, 0, 64)


@pytest.mark.parametrize(
    ("key", "total", "active"),
    [("deepseek_v3", 671e9, 37e9), ("gpt_oss_120b", 116.8e9, 5.1e9), ("kimi_k2", 1e12, 32e9)],
)
def test_shape_of_a_mixture_agrees_with_its_published_size(key, total, active):
    model = catalog.model(key)
    shape = shape_of(model, 1.0)
    embedding = model.vocabulary * model.hidden_size
    counted = shape.common_parameters + shape.experts * shape.expert_parameters + embedding
    assert counted == pytest.approx(total, rel=0.03)
    used = shape.common_parameters + shape.experts_per_token * shape.expert_parameters
    assert used == pytest.approx(active, rel=0.12)


def test_only_experts_have_fewer_than_eight_bits():
    shape = shape_of(catalog.model("gpt_oss_120b"), 0.5)
    assert shape.expert_bytes == 0.5 * shape.expert_parameters
    assert shape.common_bytes == 2 * shape.common_parameters
    dense = shape_of(catalog.model("llama31_8b"), 0.5)
    assert dense.common_bytes < 1.2 * dense.common_parameters


def test_one_token_of_one_request_by_hand():
    # One H100, 8B at 16 bits, nothing but bandwidth: 15.0 GB of weights and one KV cache
    chip = catalog.chip("h100_sxm")
    case = run_on(catalog.model("llama31_8b"), chip, 1, 1.0, 1000, 1000, 2.0, 2.0, "vllm")
    served = serve(case, IDEAL)
    inner = 32 * (2 * 4096 * 128 * 40 + 3 * 4096 * 14336) + 128256 * 4096
    cache = 1500 * 2 * 32 * 8 * 128 * 2
    assert served.output_time == pytest.approx((2 * inner + cache) / 3.35e12)


# A second time


def dense(layers, hidden, heads, ffn, vocabulary):
    """The shape of a dense model with 8 KV heads of size 128, by plain arithmetic."""
    attention = 2 * hidden * 128 * (heads + 8)
    return {
        "layers": layers, "hidden": hidden, "width": heads * 128, "kv_heads": 8,
        "kv_elements": 2 * layers * 8 * 128, "stages": 2 * layers, "ffn": layers * ffn,
        "inner": layers * (attention + 3 * hidden * ffn), "output": hidden * vocabulary,
        "experts": 1, "per_token": 1, "expert": 0,
    }  # fmt: skip


MIXTRAL = dense(32, 4096, 32, 0, 32_000) | {
    "stages": 4 * 32, "experts": 8, "per_token": 2, "expert": 3 * 4096 * 14_336 * 32,
    "ffn": 2 * 14_336 * 32,
}  # fmt: skip
DEEPSEEK = {
    "layers": 61, "hidden": 7168, "width": 128 * (128 + 64 + 128) / 2, "kv_heads": 1,
    "kv_elements": 61 * (512 + 64), "stages": 2 * 3 + 4 * 58 + 61,
    "ffn": 3 * 18_432 + (8 + 1) * 58 * 2048, "output": 129_280 * 7168,
    "inner": 3 * 7168 * 18_432 * 3 + 3 * 7168 * 2048 * 58
    + 61 * (7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168),
    "experts": 256, "per_token": 8, "expert": 3 * 7168 * 2048 * 58,
}  # fmt: skip


def served_by_hand(shape, chip, run, constants):
    """How a run goes on the datasheet's `chip`, by plain arithmetic from the definitions."""
    memory, bandwidth, compute, link = chip
    split, asked, read, written, weight, element, share, reserved = run
    of_bandwidth, of_compute, of_experts, floor, latency, host, late = constants
    wide = weight if shape["experts"] == 1 or weight >= 1 else 2
    common, output = shape["inner"] * wide + shape["output"] * 2, shape["output"] * 2
    used = shape["inner"] + shape["output"] + shape["per_token"] * shape["expert"] / of_experts
    kv_split = min(split, shape["kv_heads"])
    per_token = shape["kv_elements"] * element
    room = share * memory * split - common - output
    room -= shape["experts"] * shape["expert"] * weight
    held = room / (per_token * (read + written * reserved) * split / kv_split)
    running = max(min(asked, held), 0)

    def exchanges(tokens):
        message, others = tokens * shape["hidden"] * 2, split - 1
        time = message * others / (of_bandwidth * link)
        once = latency if others else 0
        return 2 * shape["layers"] * min(once + time, 2 * once + 2 * time / split)

    touched = shape["experts"] * (1 - (1 - shape["per_token"] / shape["experts"]) ** running)
    stored = common / split + touched * shape["expert"] * weight / split
    parts = {
        "weights_time": stored / (of_bandwidth * bandwidth),
        "product_time": 2 * running * used / (split * of_compute * compute),
        "kv_time": running * per_token * (read + written / 2) / kv_split
        / (of_bandwidth * bandwidth),
        "floor_time": shape["stages"] * floor,
        "reduce_time": exchanges(running),
        "host_time": running * host,
    }  # fmt: skip
    step = sum(parts.values()) - min(parts["weights_time"], parts["product_time"])
    pairs = shape["layers"] * shape["width"] * read**2
    results = 8 * shape["hidden"] * shape["layers"] + 4 * shape["ffn"] / split
    prefill = (2 * read * used + 2 * pairs) / (split * of_compute * compute)
    prefill += 2 * read * results * 2 / (of_bandwidth * bandwidth)
    prefill += shape["stages"] * floor + exchanges(read)
    newcomers = late * running * prefill / written
    output_time = step + newcomers
    behind = (1 - late + 1 / 20) * max(running - 1, 0) * prefill
    first = (prefill + output_time + behind) * asked / running
    first += (asked / running - 1) * output_time * written
    whole = first + output_time * (written - 1)
    return parts | {
        "output_time": output_time,
        "speed": 1 / output_time,
        "throughput": asked * written / (whole * split),
        "first_token_time": first,
        "request_time": whole,
        "decode_time": step,
        "prefill_time": prefill,
        "prefill_per_token": newcomers,
        "requests_in_memory": held,
        "running": running,
        "kv_cache": per_token * (read + written / 2),
    }


def ends_by_hand(engine, experts, quantity="output_time"):
    """The factors between which nine tenths of what no fit saw lie, the next row counted."""
    table = residuals()
    logs = table[table["experts"] == experts]
    own = logs[logs["engine"] == engine]
    logs = sorted((own if len(own) >= 40 else logs)[quantity])
    low = logs[max(int(0.05 * (len(logs) + 1)), 1) - 1]
    high = logs[min(-int(-0.95 * (len(logs) + 1) // 1), len(logs)) - 1]
    return min(np.exp(low), 1), max(np.exp(high), 1)


H100 = (80e9, 3.35e12, 989e12, 450e9)
CASES = {
    "default": (
        {}, dense(80, 8192, 64, 28_672, 128_256), H100, 1979e12,
        (8, 128, 1024, 1024, 1, 1, 0.9, 0.5), "vllm",
    ),
    "8-bit peak unknown": (
        {"model": "llama31_8b", "chip": "a100_sxm_80gb", "tensor_parallel": 3, "concurrency": 37,
         "input_tokens": 901, "output_tokens": 1203, "engine": "sglang"},
        dense(32, 4096, 32, 14_336, 128_256), (80e9, 2.039e12, 312e12, 300e9), 312e12,
        (3, 37, 901, 1203, 1, 2, 0.85, 0.5), "sglang",
    ),
    "latent attention": (
        {"model": "deepseek_v3", "chip": "b200_sxm", "tensor_parallel": 7, "concurrency": 211,
         "input_tokens": 777, "output_tokens": 1501, "engine": "trtllm"},
        DEEPSEEK, (180 * 2**30, 7.7e12, 2250e12, 900e9), 4500e12,
        (7, 211, 777, 1501, 1, 1, 0.9, 1), "trtllm",
    ),
    "a queue for memory": (
        {"model": "qwen3_32b", "tensor_parallel": 2, "concurrency": 601, "input_tokens": 3001,
         "output_tokens": 999, "precision": "bf16"},
        dense(64, 5120, 64, 25_600, 151_936), H100, 989e12,
        (2, 601, 3001, 999, 2, 2, 0.9, 0.5), "vllm",
    ),
    "experts of four bits": (
        {"model": "mixtral_8x7b", "chip": "h200_sxm", "tensor_parallel": 1, "concurrency": 5,
         "input_tokens": 2003, "output_tokens": 307, "precision": "int4", "engine": "trtllm"},
        MIXTRAL, (141e9, 4.8e12, 989e12, 450e9), 989e12,
        (1, 5, 2003, 307, 0.5625, 2, 0.9, 1), "trtllm",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_result_is_computed_a_second_time(case):
    values, shape, chip, peak, run, engine = CASES[case]
    known = {row.name: row.value for row in fitted_rows() if row.engine in {"", engine}}
    shares = [known[f"{name}_share"] for name in ("bandwidth", "compute", "expert_compute")]
    times = ("stage_floor", "all_reduce_latency", "host_per_request")
    constants = (*shares, *(1e-6 * known[name] for name in times), known["prefill_after_first"])
    expected = served_by_hand(shape, chip, run, constants)
    best = (*chip[:2], peak, chip[3])
    ideal = served_by_hand(shape, best, run, (1, 1, 1, 0, 0, 0, 0))["decode_time"]
    low, high = ends_by_hand(engine, shape["experts"] > 1)
    time, written = expected["output_time"], expected["throughput"]
    short, long = ends_by_hand(engine, shape["experts"] > 1, "request_time")
    expected |= {
        "throughput_low": written / long, "throughput_high": written / short,
        "output_time_low": time * low, "output_time_high": time * high,
        "speed_low": 1 / (time * high), "speed_high": 1 / (time * low),
        "ideal_output_time": ideal, "ideal_speed": 1 / ideal, "optimism": time / ideal,
    }  # fmt: skip
    found = vars(conclude(**conclude.parameters.base(values)))
    assert found == pytest.approx(expected, rel=1e-9)


# The limits


@given(split=splits, batch=requests)
def test_one_chip_exchanges_nothing(split, batch):
    served = serve(run(split=split, batch=batch), fitted()["vllm"])
    assert (served.reduce_time == 0) == (split == 1)


@given(inputs=lengths, outputs=lengths)
def test_one_request_waits_for_no_other(inputs, outputs):
    """Only its own prefill is counted between its tokens, spread over all of them."""
    served = serve(run(inputs=inputs, outputs=outputs), fitted()["vllm"])
    own = fitted()["vllm"].prefill_after_first * served.prefill_time / outputs
    assert served.output_time - served.decode_time == pytest.approx(own)
    assert served.running == 1
    assert served.first_token_time == pytest.approx(served.prefill_time + served.output_time)


def test_without_context_no_cache_is_read():
    served = on_fitted(kv_cache=0.0, kv_reserved=1e-9)
    assert served.kv_time == 0
    assert served.decode_time < on_fitted().decode_time


@given(batch=requests)
def test_infinite_bandwidth_leaves_products_and_floors(batch):
    served = on_fitted(concurrency=float(batch), memory_bandwidth=np.inf, link_bandwidth=np.inf)
    exchanges = 2 * 32 * fitted()["vllm"].all_reduce_latency
    assert served.decode_time == pytest.approx(
        served.product_time + served.floor_time + exchanges + served.host_time
    )


def test_the_critical_batch_is_where_products_take_as_long_as_weights():
    # bytes per weight / 2 * compute / bandwidth, for one byte and 16-bit compute: 147.6
    critical = 0.5 * 989e12 / 3.35e12
    model = replace(catalog.model("llama31_70b"), values={
        **catalog.model("llama31_70b").values, "vocabulary": 0.0,
    })  # fmt: skip
    case = run_on(model, catalog.chip("h100_sxm"), 8, critical, 16, 16, 1.0, 1.0, "vllm")
    served = serve(case, IDEAL)
    assert served.product_time == pytest.approx(served.weights_time)
    below = serve(replace(case, concurrency=critical / 2), IDEAL)
    assert below.product_time < below.weights_time == served.weights_time


@given(batch=requests, split=splits, inputs=lengths, outputs=lengths, engine=engines)
def test_no_prediction_beats_the_ideal_chip(batch, split, inputs, outputs, engine):
    case = run(split=split, batch=batch, inputs=inputs, outputs=outputs)
    found, ideal = serve(case, fitted()[engine]), serve(case, IDEAL)
    assert found.output_time > ideal.decode_time
    assert found.first_token_time > ideal.prefill_time


@given(batch=st.integers(1, 511), split=splits, engine=engines)
def test_more_requests_slow_each_and_give_more(batch, split, engine):
    chip = catalog.chip("h200_sxm")
    model = catalog.model("qwen3_32b")
    both = step_time(
        model, chip, split, np.array([batch, batch + 1.0]), 2048, 1024, 1.0, 1.0, engine
    )
    slow = np.diff(both.output_time)
    assert (slow >= 0).all()
    if both.served.requests_in_memory > batch + 1:
        assert (slow > 0).all()


@given(batch=requests, engine=engines)
def test_what_takes_the_time_adds_up(batch, engine):
    result = concluded(concurrency=float(batch), engine=engine_of(engine))
    parts = (
        max(result.weights_time, result.product_time) + result.kv_time + result.floor_time
        + result.reduce_time + result.host_time + result.prefill_per_token
    )  # fmt: skip
    assert result.output_time == pytest.approx(parts)


def test_a_queue_waits_for_memory_and_not_between_tokens():
    assert concluded(tensor_parallel=1, precision="bf16").requests_in_memory < 1
    chip = catalog.chip("h200_sxm")
    few, many = (
        concluded(chip=chip, tensor_parallel=1, concurrency=n, output_tokens=8192.0)
        for n in (80.0, 160.0)
    )
    assert few.running == many.running < 80
    assert few.output_time == many.output_time
    assert many.first_token_time > 2 * few.first_token_time


def test_conclude_runs_on_arrays():
    batches = np.array([1.0, 8.0, 64.0])
    swept = concluded(concurrency=batches)
    for place, batch in enumerate(batches):
        one = concluded(concurrency=batch)
        for name in conclude.units:
            found = np.broadcast_to(getattr(swept, name), 3)[place]
            assert found == pytest.approx(getattr(one, name)), name


# The split and the fit


def test_the_split_keeps_configurations_together_and_is_a_rule():
    table = runs()
    assert (table.groupby("configuration")["part"].nunique() == 1).all()
    share = table.drop_duplicates("configuration")["part"].eq("unseen").mean()
    assert 0.8 / PARTS < share < 1.1 / PARTS
    assert not set(FIT["configuration"]) & set(UNSEEN["configuration"])
    # One measurement does not stand in both parts under two names
    keys = ["key", "requests", "ttft_ms", "tpot_ms"]
    assert FIT.merge(UNSEEN, on=keys).empty


def test_the_stored_constants_are_the_fit():
    stored = fitted_rows()
    again = fit.constant_rows(fit.fit_of_book())
    assert [(r.name, r.engine, r.unit) for r in stored] == [
        (r.name, r.engine, r.unit) for r in again
    ]
    for old, new in zip(stored, again, strict=True):
        for end in ("value", "low", "high"):
            assert getattr(old, end) == pytest.approx(getattr(new, end), rel=2e-3), old.name


def test_the_stored_residuals_are_those_of_the_folds():
    again = pd.DataFrame([row.model_dump() for row in fit.residual_rows(bound.rows_of("fit"))])
    stored = residuals()
    assert (stored["engine"] == again["engine"]).all()
    for name in ("output_time", "first_token_time", "request_time"):
        np.testing.assert_allclose(stored[name], again[name], atol=5e-3)


def test_the_published_rows_are_those_of_the_model():
    published = pd.read_csv(Path(__file__).parent.parent / fit.ROWS_OF_BOOK, keep_default_na=False)
    assert list(published["id"]) == list(TABLE["id"])
    assert list(published["part"]) == list(TABLE["part"])
    np.testing.assert_allclose(
        published["predicted_tpot_ms"], TABLE["predicted_tpot_ms"], rtol=1e-3
    )


def test_constants_are_few_and_physical():
    stored = fitted_rows()
    hardware = [row for row in stored if not row.engine]
    assert len(hardware) <= 6
    for engine in ENGINES:
        assert sum(row.engine == engine for row in stored) <= 2
    for row in stored:
        assert 0 < row.low <= row.value <= row.high
        assert row.unit == "us" or row.high <= 1
    assert {field.name for field in fields(Constants)} == {row.name for row in stored}


def test_the_fit_does_not_depend_on_where_it_starts(monkeypatch):
    far = {name: value * 0.6 for name, value in fit.START.items()}
    monkeypatch.setattr(fit, "START", far)
    again = fit.fit(bound.rows_of("fit"))
    np.testing.assert_allclose(again.logs, fit.fit_of_book().logs, atol=0.02)


def test_a_fit_finds_the_constants_that_rows_were_made_with():
    rows = bound.rows_of("fit")
    known = fitted()
    made = fit.predicted(rows, dict(known))["output_time"] * 1e3
    found = fit.fit(rows.assign(tpot_ms=made)).values
    for engine in ENGINES:
        for field in fields(Constants):
            expected = getattr(known[engine], field.name)
            assert getattr(found[engine], field.name) == pytest.approx(expected, rel=0.01)


# What it is worth


def test_dense_models_on_unseen_rows():
    found = accuracy.summary(DENSE)
    assert found["rows"] > 200
    assert found["median"] <= 0.06
    assert found["mean"] <= 0.08


def test_mixtures_on_unseen_rows():
    found = accuracy.summary(MIXED)
    assert found["rows"] > 50
    assert found["mean"] <= 0.15


def test_the_intervals_hold_what_they_say():
    assert 0.85 <= accuracy.summary(UNSEEN)["coverage"] <= 0.95


@pytest.mark.parametrize("level", [0.5, 0.8])
def test_other_levels_hold_about_as_much(level):
    found = predict.predict(UNSEEN[["model", "system", "backend", "precision", "isl", "osl",
        "requests", "tensor_parallel", "data_parallel"]], level)  # fmt: skip
    inside = UNSEEN["tpot_ms"].between(
        found["predicted_tpot_ms_low"], found["predicted_tpot_ms_high"]
    )
    assert level - 0.1 < inside.mean() < level + 0.15


@pytest.mark.parametrize("name", ["h100_sxm", "qwen3_32b", "llama31_70b"])
def test_left_out_of_the_fit_it_is_still_predicted(name):
    assert fit.left_out().set_index("left_out").loc[name, "dense"] <= 0.10


@pytest.mark.parametrize("name", ["h200_sxm", "llama31_8b"])
def test_the_chip_and_the_model_that_miss_are_known(name):
    """The target of a tenth is missed here, and the chapter says why."""
    assert 0.10 < fit.left_out().set_index("left_out").loc[name, "dense"] <= 0.14


def test_a_chip_models_and_an_engine_that_no_fit_saw():
    """One A100 is predicted as well as the fitted chips; several, with old exchanges, are not."""
    table = accuracy.on_a100()
    size = table["error"].abs().groupby(table["tp"]).mean()
    assert size[1] <= 0.08
    assert 0.10 < size[4] < 0.30
    assert not set(table["key"]) & set(FIT["key"])


def test_no_row_that_counts_beats_the_bound():
    counted = pd.concat([FIT, UNSEEN])
    assert (counted["step_ratio"] >= 1).all()
    assert (counted["work_ratio"] >= 1).all()


def test_rows_are_set_aside_by_what_the_fit_part_shows():
    aside = TABLE[TABLE["set_aside"] != ""]
    assert len(aside) < 0.08 * len(TABLE)
    series = TABLE[list(bound.SERIES)].astype(str).agg("|".join, axis=1)
    beats = (TABLE["step_ratio"] < 1) | (TABLE["work_ratio"] < 1)
    for name in set(series[aside.index]):
        of_series = series == name
        known = of_series & (TABLE["part"] == "fit") & beats
        assert known.any() or TABLE.loc[of_series, "concurrency"].isna().all()


# The table of predictions

COLUMNS = "model,system,backend,precision,isl,osl,concurrency,tp"
ROW = "llama31_70b,h100_sxm,vllm,fp8,1024,1024,32,8"


def predicted(tmp_path, text, *options):
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    return CliRunner().invoke(
        command.command,
        [str(tmp_path / "rows.csv"), "-o", str(tmp_path / "out.csv"), *options],
    )


def test_predict_writes_the_same_rows_and_more(tmp_path):
    result = predicted(tmp_path, f"note,{COLUMNS}\n007,{ROW}\n")
    assert result.exit_code == 0, result.output
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert list(row)[:9] == ["note", *COLUMNS.split(",")]
    assert (row["note"], row["isl"]) == ("007", "1024")
    for name in predict.PREDICTED:
        low, middle, high = (float(row[f"{name}{end}"]) for end in ("_low", "", "_high"))
        assert 0 < low <= middle <= high
    assert row["limit"] in predict.LIMITS
    assert row["outside"] == ""
    assert float(row["predicted_tok_s_user"]) == pytest.approx(
        1e3 / float(row["predicted_tpot_ms"]), rel=1e-4
    )


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        (f"{COLUMNS[:-3]}\n{ROW[:-2]}\n", "'tp'", "line 1"),
        (f"{COLUMNS}\n{ROW}\n{ROW.replace('llama31_70b', 'lama31_70b')}\n", "'model'", "line 3"),
        (f"{COLUMNS}\n{ROW.replace('h100_sxm', 'h100')}\n", "'system'", "did you mean"),
        (f"{COLUMNS}\n{ROW.replace('vllm', 'vlm')}\n", "'backend'", "'vllm'"),
        (f"{COLUMNS}\n{ROW.replace('fp8', 'fp7')}\n", "'precision'", "'fp8'"),
        (f"{COLUMNS}\n{ROW.replace(',32,', ',many,')}\n", "'concurrency'", "whole number"),
        (f"{COLUMNS}\n{ROW.replace(',32,', ',0,')}\n", "'concurrency'", "whole number"),
        (f"{COLUMNS}\n{ROW.replace('1024,1024', '1024,')}\n", "'osl'", "whole number"),
        (f"{COLUMNS}\n{ROW.replace('h100_sxm', 'tpu_v3')}\n", "'system'", "link_bandwidth"),
        (f"{COLUMNS}\n{ROW.replace('llama31_70b', 'gpt4_rumour')}\n", "'model'", "has no"),
    ],
)
def test_a_wrong_row_is_named_and_nothing_is_written(tmp_path, text, column, said):
    result = predicted(tmp_path, text)
    assert result.exit_code == 1
    assert "rows.csv" in result.output
    assert column in result.output
    assert said in result.output
    assert not (tmp_path / "out.csv").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv"}


def test_what_does_not_fit_says_so_and_has_no_number(tmp_path):
    result = predicted(tmp_path, f"{COLUMNS}\n{ROW.replace(',fp8', ',bf16').replace(',8', ',1')}\n")
    assert result.exit_code == 0
    row = pd.read_csv(tmp_path / "out.csv").iloc[0]
    assert row["limit"] == predict.DOES_NOT_FIT
    assert np.isnan(row["predicted_tpot_ms"]) and np.isnan(row["predicted_tok_s_chip_high"])


def test_outside_names_what_was_not_fitted(tmp_path):
    rows = "\n".join(
        (
            ROW.replace("h100_sxm", "a100_sxm_80gb"),
            ROW.replace("llama31_70b", "llama2_7b"),
            ROW.replace(",32,", ",2000,"),
            ROW.replace("1024,1024", "100000,1024"),
        )
    )
    assert predicted(tmp_path, f"{COLUMNS}\n{rows}\n").exit_code == 0
    found = list(pd.read_csv(tmp_path / "out.csv")["outside"])
    assert found == ["chip", "model", "concurrency", "isl"]


OWN = "id,key,subject,quantity,value,unit,verified,source,locator,note\n" + "".join(
    f"O{i},mychip,My chip,{quantity},{value},{unit},yes,me,here,\n"
    for i, (quantity, value, unit) in enumerate(
        [
            ("memory", 200, "GB"),
            ("memory_bandwidth", 8, "TB/s"),
            ("fp16_compute", 2000, "TFLOP/s"),
            ("link_bandwidth", 900, "GB/s"),
        ]
    )
)


def test_ones_own_chip(tmp_path):
    (tmp_path / "own.csv").write_text(OWN, encoding="utf-8")
    text = f"{COLUMNS}\n{ROW}\n{ROW.replace('h100_sxm', 'mychip')}\n"
    assert predicted(tmp_path, text, "--own", str(tmp_path / "own.csv")).exit_code == 0
    theirs, mine = pd.read_csv(tmp_path / "out.csv")["predicted_tpot_ms"]
    assert mine < theirs


def test_a_chip_without_links_is_refused_for_two_and_taken_for_one():
    values = {k: v for k, v in catalog.chip("h100_sxm").values.items() if k != "link_bandwidth"}
    row = UNSEEN.iloc[:1].assign(system="lone", tensor_parallel=2)
    own = {"lone": Chip("lone", "lone", values)}
    with pytest.raises(MissingConstantError, match="link_bandwidth"):
        predict.predict(row, chips=own)
    assert (
        predict.predict(row.assign(tensor_parallel=1), chips=own)["predicted_tpot_ms"].notna().all()
    )


def test_a_thousand_rows_take_less_than_a_second():
    rows = runs().head(1000)
    predict.predict(rows.head(1))
    begun = time.perf_counter()
    predict.predict(rows)
    assert time.perf_counter() - begun < 1.0


def test_a_table_and_the_step_say_the_same():
    row = FIT[(FIT["backend"] == "vllm") & (FIT["key"] == "llama31_70b")].iloc[:1]
    (cells,) = row.to_dict("records")
    step = step_time(
        catalog.model("llama31_70b"), catalog.chip(cells["system"]), cells["tensor_parallel"],
        cells["requests"], cells["isl"] + cells["osl"], cells["osl"], 1.0, 1.0, "vllm",
    )  # fmt: skip
    assert 1e3 * float(step.output_time) == pytest.approx(cells["predicted_tpot_ms"])
    assert 1e3 * float(step.output_time_low) == pytest.approx(cells["predicted_tpot_ms_low"])
    assert float(step.served.throughput) == pytest.approx(cells["predicted_tok_s_chip"])


def test_an_unknown_engine_is_refused():
    with pytest.raises(KeyError, match="known"):
        predict.predict(UNSEEN.iloc[:1].assign(backend="mystery"))
