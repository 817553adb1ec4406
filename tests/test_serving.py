"""What the chapter `serving` must keep: its limits, its errors, what it says of the unseen."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import plain_machines as plain
from inference_economics import catalog
from inference_economics.book import BOOK
from inference_economics.catalog import Chip, MissingConstantError
from inference_economics.chapters import serving as show
from inference_economics.chapters import serving_accuracy as worth
from inference_economics.formulas.serving import matrix_time, time_to_be_polled
from inference_economics.serving import accuracy, command, fit, kernels, levels, predict, validate
from inference_economics.serving.constants import IDEAL, constants_of, fitted_rows
from inference_economics.serving.engines import ENGINES, engine_of
from inference_economics.serving.model import run_on, serve
from inference_economics.serving.runs import PARTS, layout, rows_of, runs, settings
from inference_economics.serving.shape import shape_of
from inference_economics.worksheets.serving import conclude
from reckoner.show.marks import plain as unmarked
from reckoner.show.notebook import Chapter

CASE = conclude.parameters.base({})
"""The chapter's case, in base units."""

TABLE = accuracy.book_rows()
FIT, UNSEEN = (TABLE[TABLE["part"] == part] for part in ("fit", "unseen"))
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


def constants(engine="vllm", model="llama31_8b", chip="h100_sxm"):
    return constants_of(engine, catalog.model(model), catalog.chip(chip), "fp8", 1.0)


def on_fitted(**change):
    return serve(replace(run(), **change), constants())


# Values worked by hand


def test_shape_of_a_dense_model():
    # Llama 3.1 8B: 32 layers of 2 * 4096 * 128 * 40 + 3 * 4096 * 14336, and 128256 * 4096 outputs
    shape = shape_of(catalog.model("llama31_8b"), 1.0)
    inner = 32 * (2 * 4096 * 128 * 40 + 3 * 4096 * 14336)
    assert shape.common_parameters == inner + 128256 * 4096
    assert shape.common_bytes == inner + 2 * 128256 * 4096
    assert (shape.experts, shape.expert_bytes, shape.expert_layers) == (1, 0, 0)


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


CASES = {
    "default": ({}, {"model": "llama31_70b", "gpu": "h100_sxm", "engine": "vllm"}, 8, 128),
    "a chip without a series": (
        {"model": "llama31_8b", "chip": "a100_sxm_80gb", "tensor_parallel": 4, "concurrency": 37,
         "precision": "bf16", "engine": "sglang"},
        {"model": "llama31_8b", "gpu": "a100_sxm_80gb", "engine": "sglang", "size": 2,
         "element": 2}, 4, 37,
    ),
    "a queue for memory": (
        {"model": "qwen3_32b", "tensor_parallel": 1, "concurrency": 601, "precision": "fp8"},
        {"model": "qwen3_32b", "gpu": "h100_sxm", "engine": "vllm"}, 1, 601,
    ),
    "experts on a chip without tables": (
        {"model": "mixtral_8x7b", "chip": "gb300", "tensor_parallel": 2, "concurrency": 5,
         "engine": "trtllm"},
        {"model": "mixtral_8x7b", "gpu": "gb300", "engine": "trtllm"}, 2, 5,
    ),
    "a cache of more bytes than the weights": (
        {"chip": "h200_sxm", "tensor_parallel": 4, "concurrency": 64, "engine": "sglang"},
        {"model": "llama31_70b", "gpu": "h200_sxm", "engine": "sglang", "element": 2}, 4, 64,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_result_is_computed_a_second_time(case):
    """By plain arithmetic, which the chapters that compare machines use too."""
    values, named, width, batch = CASES[case]
    model, gpu = catalog.model(named["model"]), catalog.chip(named["gpu"])
    given = {
        "model": model, "gpu": gpu, "engine": named["engine"], "context_length": 2048,
        "output_tokens": 1024, "bytes_per_parameter": named.get("size", 1),
        "bytes_per_element": named.get("element", 1),
    }  # fmt: skip
    speed, seconds = plain.gpu_way(given, width, batch)
    found = conclude(**conclude.parameters.base(values))
    assert found.speed == pytest.approx(speed, rel=1e-9)
    assert found.throughput == pytest.approx(1 / seconds, rel=1e-9)
    low, high = plain.interval(given)
    assert found.output_time_low == pytest.approx(low / speed)
    assert found.speed_low == pytest.approx(speed / high)
    assert found.output_time_high * found.speed_low == pytest.approx(1)
    assert found.speed_high * found.output_time_low == pytest.approx(1)
    form = plain.format_of(given)
    _, short, long = plain.level(model, gpu, named["engine"], form, "request_time")
    assert found.throughput_low == pytest.approx(found.throughput / long)
    assert found.throughput_high == pytest.approx(found.throughput / short)
    assert found.request_time == pytest.approx(found.first_token_time + found.output_time * 1023)
    assert found.throughput == pytest.approx(batch * 1024 / found.request_time / width)
    parts = (
        found.matrix_time + found.expert_time + found.kv_time + found.floor_time
        + found.reduce_time + found.host_time
    )  # fmt: skip
    assert found.decode_time == pytest.approx(parts)
    own = plain.level(model, gpu, named["engine"], form)[0]
    assert found.output_time == pytest.approx(own * (parts + found.prefill_per_token))
    late = plain.fitted(named["engine"])["prefill_after_first"]
    assert found.prefill_per_token == pytest.approx(
        late * found.running * found.prefill_time / 1024
    )
    assert found.running == min(batch, found.requests_in_memory)
    assert found.optimism == pytest.approx(found.output_time / found.ideal_output_time)
    assert found.ideal_speed == pytest.approx(1 / found.ideal_output_time)
    per_token = 2 * model.layers * model.kv_heads * model.head_dim * given["bytes_per_element"]
    assert found.kv_cache == pytest.approx(per_token * (1024 + 512))


def test_the_ideal_step_is_the_datasheets():
    found = concluded()
    inner = 80 * (2 * 8192 * 128 * 72 + 3 * 8192 * 28_672)
    weights = (inner + 2 * 128_256 * 8192) / 8 / 3.35e12
    products = 2 * 128 * (inner + 128_256 * 8192) / 8 / 1979e12
    cache = 128 * 1536 * 163_840 / 8 / 3.35e12
    exchanges = 2 * 80 * min(7, 2 * 7 / 8) * 128 * 8192 * 2 / 450e9
    step = max(weights, products) + cache + exchanges
    assert step <= found.ideal_output_time <= 1.03 * step


def test_alone_on_one_chip_the_ideal_step_is_bandwidth_and_nothing_else():
    found = concluded(
        model=catalog.model("llama31_8b"), tensor_parallel=1, concurrency=1, precision="bf16"
    )
    inner = 32 * (2 * 4096 * 128 * 40 + 3 * 4096 * 14336) + 128256 * 4096
    cache = 1536 * 2 * 32 * 8 * 128 * 2
    assert found.ideal_output_time == pytest.approx((2 * inner + cache) / 3.35e12)


# The limits


@given(split=splits, batch=requests)
def test_one_chip_exchanges_nothing(split, batch):
    served = serve(run(split=split, batch=batch), constants())
    assert (served.reduce_time == 0) == (split == 1)


@given(inputs=lengths, outputs=lengths)
def test_one_request_waits_for_no_other(inputs, outputs):
    """Only its own prefill is counted between its tokens, spread over all of them."""
    known = replace(constants(), series_level=1.0, first_level=1.0)
    served = serve(run(inputs=inputs, outputs=outputs), known)
    own = known.prefill_after_first * served.prefill_time / outputs
    assert served.output_time - served.decode_time == pytest.approx(own)
    assert served.running == 1
    assert served.first_token_time == pytest.approx(
        known.first_overhead + served.prefill_time + served.output_time
    )


def test_without_context_no_cache_is_read():
    served = on_fitted(kv_cache=0.0, kv_reserved=1e-9)
    assert served.kv_time == 0
    assert served.decode_time < on_fitted().decode_time


@given(batch=requests)
def test_infinite_bandwidth_leaves_products_and_floors(batch):
    served = on_fitted(concurrency=float(batch), memory_bandwidth=np.inf, link_bandwidth=np.inf)
    known = constants()
    exchanges = 2 * 32 * min(known.all_reduce_latency, known.all_reduce_in_two)
    assert served.decode_time == pytest.approx(
        served.product_time + served.floor_time + exchanges + served.host_time
    )


@given(read=st.floats(1e-5, 1.0), multiplied=st.floats(1e-5, 1.0))
def test_a_corner_lies_between_the_larger_and_the_sum(read, multiplied):
    found = matrix_time(read, multiplied, 4.0)
    assert max(read, multiplied) <= found * (1 + 1e-12)
    assert found <= (read + multiplied) * (1 + 1e-12)


def test_guessing_ahead_is_worth_it_for_few_requests():
    case = run_on(catalog.model("deepseek_v3"), catalog.chip("b200_sxm"), 8, 4.0, 1024, 1024,
                  1.0, 1.0, "trtllm")  # fmt: skip
    known = constants("trtllm", "deepseek_v3", "b200_sxm")
    alone, ahead = (serve(replace(case, drafted=n), known) for n in (0.0, 3.0))
    assert alone.accepted == 1
    assert 1 < ahead.accepted < 4
    assert ahead.output_time < alone.output_time


def test_the_critical_batch_is_where_products_take_as_long_as_weights():
    # bytes per weight / 2 * compute / bandwidth, for one byte and 16-bit compute: 147.6
    critical = 0.5 * 989e12 / 3.35e12
    model = replace(catalog.model("llama31_70b"), values={
        **catalog.model("llama31_70b").values, "vocabulary": 0.0,
    })  # fmt: skip
    case = run_on(model, catalog.chip("h100_sxm"), 8, critical, 16, 16, 1.0, 1.0, "vllm")
    served = serve(case, IDEAL)
    products = replace(case, compute=989e12)
    assert serve(products, IDEAL).product_time == pytest.approx(served.weights_time)
    case = products
    below = serve(replace(case, concurrency=critical / 2), IDEAL)
    assert below.product_time < below.weights_time == served.weights_time


@given(batch=requests, split=splits, inputs=lengths, outputs=lengths, engine=engines)
def test_no_prediction_beats_the_ideal_chip(batch, split, inputs, outputs, engine):
    case = run(split=split, batch=batch, inputs=inputs, outputs=outputs)
    found, ideal = serve(case, constants(engine)), serve(case, IDEAL)
    assert found.decode_time > ideal.decode_time
    assert found.first_token_time > ideal.prefill_time


@given(batch=st.integers(1, 511), split=splits, engine=engines)
def test_more_requests_slow_each_and_give_more(batch, split, engine):
    case = run("qwen3_32b", "h200_sxm", split, batch)
    both = serve(replace(case, concurrency=np.array([batch, batch + 1.0])), constants(engine))
    slow = np.diff(both.output_time)
    assert (slow >= 0).all()
    if both.requests_in_memory > batch + 1:
        assert (slow > 0).all()


@given(batch=requests, engine=engines)
def test_what_takes_the_time_adds_up(batch, engine):
    result = concluded(concurrency=float(batch), engine=engine_of(engine))
    parts = show.parts_of(result)
    assert result.output_time == pytest.approx(float(sum(parts.values())))
    assert min(parts.values()) >= 0


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
    first = table[table["measured"].notna() & (table.index < 1157)]
    share = first.drop_duplicates("configuration")["part"].eq("unseen").mean()
    assert 0.8 / PARTS < share < 1.1 / PARTS
    assert not set(FIT["configuration"]) & set(UNSEEN["configuration"])
    # One measurement does not stand in both parts under two names
    keys = ["key", "requests", "ttft_ms", "tpot_ms"]
    assert FIT.merge(UNSEEN, on=keys).empty


def test_a_product_of_two_sizes_is_read_as_one_number_of_chips():
    rows = pd.DataFrame(
        {"backend": "trtllm", "tp": [64, 1, 4, 8, 4], "attention_dp": [1, 64, 1, 1, 4],
         "moe_tp": [8, 8, 4, 1, 1], "moe_ep": [8, 8, 1, 8, 16]}
    )  # fmt: skip
    found = layout(rows)
    assert list(found["tensor_parallel"]) == [8, 1, 4, 8, 1]
    assert list(found["data_parallel"]) == [1, 8, 1, 1, 4]


def test_settings_are_those_of_the_scripts_unless_a_column_says_otherwise():
    rows = pd.DataFrame(
        {"model": "llama31_70b", "backend": ["trtllm", "vllm"], "isl": 1024, "osl": 1024,
         "tensor_parallel": 4, "data_parallel": 1, "system": "h200_sxm", "concurrency": 64}
    )  # fmt: skip
    assert list(settings(rows)["batch_wait"]) == [20, 0]
    assert list(settings(rows)["poll_interval"]) == [0, 0]
    own = settings(rows.assign(batch_wait=[3, None], speculation=[None, 2], waves=1))
    assert list(own["batch_wait"]) == [3, 0]
    assert list(own["drafted"]) == [0, 2]
    assert list(own["waves"]) == [1, 1]


def test_deepseek_waits_for_all_groups_on_trtllm_and_is_polled_for_on_sglang():
    rows = pd.DataFrame(
        {"model": "deepseek_v3", "backend": ["trtllm", "trtllm", "sglang", "sglang", "sglang"],
         "isl": 1024, "osl": 1024, "tensor_parallel": [8, 1, 8, 8, 8],
         "data_parallel": [1, 8, 1, 1, 1], "concurrency": [64, 64, 8, 16, 64],
         "system": ["b200_sxm", "b200_sxm", "b200_sxm", "b200_sxm", "h200_sxm"]}
    )  # fmt: skip
    found = settings(rows)
    assert list(found["batch_wait"]) == [0, 60, 0, 0, 0]
    assert list(found["poll_interval"]) == [0, 0, 10, 30, 0]
    own = settings(rows.assign(poll_interval=4))
    assert (own["poll_interval"] == 4).all()


def test_a_short_prefill_takes_its_least():
    # 61 layers with latent attention, 1 ms each: 61 ms at least
    known = replace(constants(model="deepseek_v3"), prefill_floor=1e-3, first_level=1.0)
    short, long = (
        serve(run("deepseek_v3", "h200_sxm", inputs=inputs), known) for inputs in (16, 65536)
    )
    for served, prefill in ((short, 0.061), (long, long.prefill_time)):
        assert served.first_token_time == pytest.approx(
            known.first_overhead + prefill + served.output_time
        )
    assert short.prefill_time < 0.061 < long.prefill_time


def test_a_polled_request_waits_half_an_interval_and_for_those_that_came_in_it():
    # 2 steps of 10 ms left on average; in 4 steps 4 * 8 / 32 = 1 other came, of 50 ms
    found = time_to_be_polled(4.0, 10e-3, 1.0, 8.0, 50e-3, 32.0)
    assert found == pytest.approx(2 * 10e-3 + 1 * 50e-3)
    assert on_fitted(poll_interval=4.0).first_token_time > on_fitted().first_token_time


def test_the_stored_constants_and_levels_are_the_fit():
    stored = fitted_rows()
    again = fit.constant_rows(fit.fit_of_book())
    assert [(r.name, r.engine, r.unit) for r in stored] == [
        (r.name, r.engine, r.unit) for r in again
    ]
    for old, new in zip(stored, again, strict=True):
        for end in ("value", "low", "high"):
            assert getattr(old, end) == pytest.approx(getattr(new, end), rel=5e-3), old.name
    rows = rows_of("fit")
    logs = fit.logarithms(rows, fit.served_of(rows, fit.fit_of_book().values))
    known, found = levels.known_levels(), fit.series_of(rows, logs)
    assert (known[[*levels.SERIES]].to_numpy() == found[[*levels.SERIES]].to_numpy()).all()
    for quantity in levels.QUANTITIES:
        np.testing.assert_allclose(known[quantity], found[quantity], atol=5e-3)


def test_the_command_that_fits_stores_what_the_book_has(tmp_path, monkeypatch):
    """Up to what another machine's arithmetic moves in the last digits."""
    stored = fit.DATA
    fit.fit_of_book()
    monkeypatch.setattr(fit, "DATA", tmp_path)
    fit.main()
    for name in ("serving_constants.csv", "serving_levels.csv", "serving_spreads.csv"):
        old, new = (
            pd.read_csv(folder / name, keep_default_na=False) for folder in (stored, tmp_path)
        )
        numbers = [*old.select_dtypes("number")]
        assert old.drop(columns=numbers).equals(new.drop(columns=numbers))
        for column in numbers:
            loose = {"rtol": 5e-2 if name == "serving_spreads.csv" else 5e-3, "atol": 5e-3}
            np.testing.assert_allclose(old[column], new[column], **loose)


def test_constants_have_a_meaning_and_shares_are_shares():
    for row in fitted_rows():
        assert 0 < row.low <= row.value <= row.high
        assert row.unit in {"us", "ms", "ratio"} or row.value <= 1
    reached = pd.DataFrame(kernels.reached())
    shares = reached[reached["quantity"].str.endswith("_share")]
    assert shares["value"].between(0.01, kernels.LARGEST).all()


def test_the_fit_hardly_depends_on_where_it_starts():
    whole = fit.fit_of_book()
    again = fit.fit(rows_of("fit"), whole.logs + 0.3)
    np.testing.assert_allclose(again.logs, whole.logs, atol=0.1)


# Levels


def series(**change):
    row = {
        "key": "llama31_70b", "system": "h100_sxm", "backend": "vllm", "release": "",
        "precision": "fp8", "harness": levels.PUBLIC, "experts": False,
    }  # fmt: skip
    return pd.DataFrame([row | change])


def test_what_was_not_seen_has_a_wider_interval():
    widths = [
        levels.drawn(row, "output_time")[1][0]
        for row in (
            series(),
            series(system="b200_sxm"),
            series(system="b200_sxm", key="mine"),
            series(system="b200_sxm", key="mine", backend="sglang"),
            series(system="b200_sxm", key="mine", backend="sglang", harness=levels.MAKER),
        )
    ]
    assert (np.diff(widths) > 0).all()


def test_without_any_series_a_level_is_none_and_its_width_all_parts():
    none = levels.known_levels().iloc[:0]
    middle, width = levels.drawn(series(), "output_time", none)
    spread = levels.spreads()[False, "output_time"]
    parts = sum(v**2 for part, v in spread.items() if part != "harness")
    assert middle[0] == 0
    assert width[0] == pytest.approx(parts**0.5)


def test_a_level_far_from_its_kin_tells_less_of_the_first_token():
    def told(level):
        own = series(key="mine").assign(
            rows=9, configurations=9, **dict.fromkeys(levels.QUANTITIES, level)
        )
        return levels.drawn(series(key="mine", release="9"), levels.QUEUED, own)[0][0]

    assert told(0.2) / 0.2 == pytest.approx(told(0.1) / 0.1)
    assert 0 < told(6.0) < 0.5 * told(0.2) / 0.2 * 6.0


def test_many_runs_of_a_series_tell_its_level():
    own = series(key="mine", release="9").assign(
        rows=1000, configurations=100_000, **dict.fromkeys(levels.QUANTITIES, 0.1)
    )
    known = pd.concat([levels.known_levels(), own], ignore_index=True)
    middle, width = levels.drawn(series(key="mine", release="9"), "output_time", known)
    assert middle[0] == pytest.approx(0.1, abs=0.01)
    assert width[0] == pytest.approx(levels.spreads()[False, "output_time"]["within"], rel=0.05)


# What it is worth


def test_dense_models_on_unseen_rows():
    found = accuracy.summary(DENSE)
    assert found["rows"] > 200
    assert found["median"] <= 0.06
    assert found["mean"] <= 0.08


def test_mixtures_on_unseen_rows():
    """Runs with more requests than the server took are among them: the mean is theirs."""
    found = accuracy.summary(MIXED)
    assert found["rows"] > 90
    assert found["median"] <= 0.11


def test_the_intervals_hold_what_they_say():
    for rows in (DENSE, MIXED, FIT[FIT["experts"]], FIT[~FIT["experts"]]):
        assert 0.85 <= accuracy.summary(rows)["coverage"] <= 0.95


@pytest.mark.parametrize("level", [0.5, 0.8])
def test_other_levels_hold_about_as_much(level):
    found = predict.predict(UNSEEN, level)
    inside = UNSEEN["tpot_ms"].between(
        found["predicted_tpot_ms_low"], found["predicted_tpot_ms_high"]
    )
    assert level - 0.1 < inside.mean() < level + 0.15


def test_a_chip_that_was_left_out():
    """Mixtures on the B200, from Hopper chips and kernels alone."""
    table = validate.left_out()
    rows = table[(table["left"] == "chip") & (table["group"] == "b200_sxm")]
    mean = (rows["mean"] * rows["rows"]).sum() / rows["rows"].sum()
    assert mean <= 0.18
    assert (rows["coverage"] * rows["rows"]).sum() / rows["rows"].sum() >= 0.85


def test_the_stored_errors_are_those_of_a_fit_without_a_group():
    table = runs()
    table = table[~table["repeated"]]
    group = "kimi_k25"
    stored = validate.left_out()
    stored = stored[(stored["left"] == "model") & (stored["group"] == group)]
    again = list(validate.errors_without("model", table, [group]))
    assert [row.series for row in again] == list(stored["series"])
    for old, new in zip(stored["mean"], again, strict=True):
        assert old == pytest.approx(new.mean, abs=0.02)


def test_what_prompts_ask_of_the_chips_is_counted_a_second_time():
    """Two operations a weight and token, at the pace of the measured requests."""
    table = runs()
    asked = accuracy.prompts_of_peak(table)
    row = table[table["key"] == "llama31_8b"].iloc[0]
    model, chip = catalog.model(row["key"]), catalog.chip(row["system"])
    peak = chip.fp8_compute if row["precision"] == "fp8" else chip.fp16_compute
    took = row["ttft_ms"] / 1e3 + row["tpot_ms"] / 1e3 * (row["osl"] - 1)
    head = model.hidden_size // model.heads
    a_layer = 2 * model.hidden_size**2 + 2 * model.hidden_size * model.kv_heads * head
    a_layer += 3 * model.hidden_size * model.ffn_size
    weights = model.layers * a_layer + model.vocabulary * model.hidden_size
    again = 2 * weights * row["isl"] * row["requests"] / took / (row["chips"] * peak)
    assert asked[row.name] == pytest.approx(again, rel=0.001)
    most = asked.groupby(table["series"]).max().sort_values()
    said = unmarked(worth.asked_most(Chapter(BOOK, "serving", {})))
    assert all(f"{100 * share:.0f}%" in said for share in most.iloc[-2:])
    assert most.iloc[-1] < 1  # no chip multiplies faster than its peak


def test_an_old_chip_and_an_engine_that_no_fit_saw():
    table = accuracy.on_a100()
    size = table["error"].abs().groupby(table["tp"]).mean()
    assert size[1] <= 0.15
    assert 0.10 < size[4] < 0.30
    assert not set(table["key"]) & set(FIT["key"])


def test_our_own_cards_were_not_fitted_and_are_met():
    table = accuracy.on_own_gpus()
    size = table["error"].abs().groupby(table["shards"]).mean()
    assert size[1] <= 0.06
    assert size[8] <= 0.15


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
        (f"{COLUMNS},speculation\n{ROW},1.5\n", "'speculation'", "whole number"),
        (f"{COLUMNS},kv_cache\n{ROW},fp7\n", "'kv_cache'", "KV cache"),
        (f"{COLUMNS},pp\n{ROW},2\n", "'pp'", "not reckoned with"),
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


def test_a_thousand_rows_are_served_together(monkeypatch):
    served = []

    def counted(*given):
        served.append(given)
        return serve(*given)

    monkeypatch.setattr(predict, "serve", counted)
    rows = runs().head(10)
    predict.predict(rows)
    of_ten = len(served)
    predict.predict(pd.concat([rows] * 100, ignore_index=True))
    assert len(served) - of_ten == of_ten > 0


def test_runs_of_ones_own_bring_a_level_in(tmp_path):
    (tmp_path / "mine.csv").write_text(
        f"{COLUMNS},tpot_ms\n" + 3 * f"{ROW.replace('h100_sxm', 'b300_sxm')},12\n", "utf-8"
    )
    text = f"{COLUMNS}\n{ROW.replace('h100_sxm', 'b300_sxm')}\n"
    widths, errors = [], []
    for options in ((), ("--calibrate", str(tmp_path / "mine.csv"))):
        assert predicted(tmp_path, text, *options).exit_code == 0
        row = pd.read_csv(tmp_path / "out.csv").iloc[0]
        widths.append(row["predicted_tpot_ms_high"] / row["predicted_tpot_ms_low"])
        errors.append(abs(np.log(row["predicted_tpot_ms"] / 12)))
    assert widths[1] < widths[0]
    assert errors[1] < errors[0]


def test_a_model_may_be_a_config_beside_the_table(tmp_path):
    folder = Path("/nonexistent")
    text = f"config,{COLUMNS}\nconfig.json,,{ROW.split(',', 1)[1]}\n"
    found = predicted(tmp_path, text)
    assert found.exit_code == 1
    assert "config.json" in found.output
    assert not folder.exists()


@pytest.mark.parametrize("chip", ["h200_sxm", "b200_sxm", "b300_sxm", "gb200", "gb300"])
def test_every_chip_of_the_family_is_answered(tmp_path, chip):
    assert predicted(tmp_path, f"{COLUMNS}\n{ROW.replace('h100_sxm', chip)}\n").exit_code == 0
    assert pd.read_csv(tmp_path / "out.csv")["predicted_tpot_ms"].notna().all()


def test_tokens_that_may_be_guessed_ahead_widen_the_interval_below(tmp_path):
    row = "deepseek_v3,b200_sxm,trtllm,fp8,1024,1024,16,8"
    assert predicted(tmp_path, f"{COLUMNS},speculation\n{row},\n{row},0\n").exit_code == 0
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["predicted_tpot_ms_low"][0] < found["predicted_tpot_ms_low"][1]
    assert found["predicted_tpot_ms_high"][0] == found["predicted_tpot_ms_high"][1]


def test_a_table_and_the_worksheet_say_the_same():
    row = FIT[(FIT["series"] == "llama31_70b|h100_sxm|vllm||fp8|public")].iloc[0]
    found = conclude(**conclude.parameters.base({
        "tensor_parallel": int(row["tensor_parallel"]), "concurrency": int(row["requests"]),
        "input_tokens": int(row["isl"]), "output_tokens": int(row["osl"]),
    }))  # fmt: skip
    assert 1e3 * float(found.output_time) == pytest.approx(row["predicted_tpot_ms"])
    assert 1e3 * float(found.output_time_low) == pytest.approx(row["predicted_tpot_ms_low"])
    assert float(found.throughput) == pytest.approx(row["predicted_tok_s_chip"], rel=0.02)


def test_an_unknown_engine_is_refused():
    with pytest.raises(KeyError, match="known"):
        predict.predict(UNSEEN.iloc[:1].assign(backend="mystery"))
