"""The kit: layers equal their reference, counts the formulas, rows survive what ends a run."""

import csv
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_economics import catalog
from inference_economics.catalog import Model
from inference_economics.command import main
from inference_economics.formulas.kv_cache import model_kv_cache
from inference_economics.formulas.layers import attention_layers, weights_of
from inference_economics.measure import bandwidth, energy, machine, rows, steps
from inference_economics.measure.arrays import BLOCK, Host
from inference_economics.measure.counts import Counts
from inference_economics.measure.kit import Left, Pace, Part, Rows, work
from inference_economics.measure.layer import Layer, shape_of, weights_of_layer
from inference_economics.measure.machine import About
from inference_economics.measure.reference import error_of, reference
from inference_economics.measure.rows import read_measured
from inference_economics.measure.timing import Repeats, repeated
from inference_economics.quantities import DATA
from inference_economics.serving import kernels, own_kernels, predict
from inference_economics.serving.rows import run_of
from reckoner.declare.tables import DataError
from stopped import INTERRUPTIBLE

ROOT = Path(__file__).parent.parent
LATENT = {"kv_rank": 24, "rope_dim": 8, "nope_dim": 12, "v_head_dim": 10}
KINDS = {
    "GQA": {}, "MHA": {"kv_heads": 8}, "MQA": {"kv_heads": 1}, "MLA": LATENT,
    "MLA with compressed queries": LATENT | {"q_rank": 20}, "without a gate": {"gated_mlp": 0},
}  # fmt: skip
WITHOUT_CARD = pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="has a card")
by_kind = pytest.mark.parametrize("kind", KINDS)
SIXTEEN_BITS, THIRTY_TWO_BITS = 2**-7, 2**-20
"""Errors that sums of numbers with 8 and with 24 bits may have."""


def model_of(kind, **others):
    shape = {"layers": 4, "hidden_size": 96, "heads": 8, "kv_heads": 2, "head_dim": 16,
             "ffn_size": 160, "vocabulary": 100}  # fmt: skip
    values = {**shape, **KINDS[kind], **others}
    return Model("tiny", "tiny model", {name: float(value) for name, value in values.items()})


TOML = """name = "Tiny model"
""" + "\n".join(
    f'{name} = {{ value = {value}, unit = "count", source = "made up" }}'
    for name, value in {"layers": 4, "hidden_size": 256, "heads": 8, "kv_heads": 2, "head_dim": 32,
                        "ffn_size": 512, "vocabulary": 100}.items()
)  # fmt: skip


# The layer
@by_kind
@pytest.mark.parametrize("tokens", [1, 7, BLOCK, BLOCK + 3])
def test_a_layer_equals_its_reference_with_and_without_cache(kind, tokens):
    layer = Layer(shape_of(model_of(kind)), Host(), 512)
    assert 0 < error_of(layer, tokens) < THIRTY_TWO_BITS


@by_kind
def test_a_step_without_context_is_a_prefill_of_one_token(kind):
    layer = Layer(shape_of(model_of(kind)), Host(), 8)
    x = layer.on.random(1, layer.shape.hidden)
    stepped = layer.step(x, layer.on.random(*layer.size_of_cache(1, 1)), 0)
    np.testing.assert_allclose(stepped, reference(layer, x), rtol=1e-3, atol=1e-5)


@by_kind
def test_sequences_of_a_batch_do_not_see_each_other(kind):
    layer = Layer(shape_of(model_of(kind)), Host(), 16)
    x = layer.on.random(3, layer.shape.hidden)
    cache = layer.on.random(*layer.size_of_cache(3, 6))
    sequences = 1 if cache.ndim == 5 else 0
    together = layer.step(x, cache.copy(), 5)
    for row in range(3):
        own = np.take(cache, [row], axis=sequences)
        alone = layer.step(x[row : row + 1], own, 5)[0]
        np.testing.assert_allclose(together[row], alone, atol=1e-5)


@by_kind
def test_a_card_s_arrays_equal_the_reference_too(kind):
    pytest.importorskip("torch")
    from inference_economics.measure.cuda import Tensors

    layer = Layer(shape_of(model_of(kind)), Tensors("cpu"), 512)
    assert THIRTY_TWO_BITS < error_of(layer, BLOCK + 3) < SIXTEEN_BITS


def test_a_matrix_that_programs_share_gives_what_the_whole_one_gives(monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    from inference_economics.measure import sweep

    weights, vectors = sweep.random_model(5, 1e6, "cpu")
    monkeypatch.setattr(sweep, "SWEEPS", 3)
    whole = (weights[0] @ vectors[:3].T).sum(1)
    for many in sweep.programs(5):
        torch.testing.assert_close(
            sweep.swept(weights, vectors[:3], many), whole, atol=1e-3, rtol=0
        )
    assert len(weights) * sweep.bytes_of(5) > 1e6


# What it reads and computes
@by_kind
@given(batch=st.integers(1, 4), context=st.integers(0, 40))
@settings(max_examples=10)
def test_a_step_is_counted_as_the_formulas_count_it(kind, batch, context):
    model = model_of(kind)
    layer, counts = Layer(shape_of(model), Host(), 64), Counts(model, 1, 1, Host.element)
    cache = layer.on.random(*layer.size_of_cache(batch, context + 1))
    kept = cache[..., :context, :]
    assert sum(w.nbytes for w in layer.weights.values()) == counts.weight_bytes
    assert kept.nbytes == counts.cache_bytes(batch, context)
    assert kept.nbytes * attention_layers(model) == batch * model_kv_cache(model, context, 4.0)
    layer.step(layer.on.random(batch, layer.shape.hidden), cache, context)
    assert layer.on.tally == counts.operations_of_step(batch, context)


@by_kind
def test_the_projections_are_the_products_of_a_step_and_nothing_else(kind):
    layer = Layer(shape_of(model_of(kind)), Host(), 8)
    run = layer.projections(5)
    run()
    assert layer.on.tally == 2 * weights_of_layer(model_of(kind)) * 5


@by_kind
@pytest.mark.parametrize("blocks", [1, 3])
def test_a_prefill_is_counted_as_the_formulas_count_it(kind, blocks):
    """The blocks of the causal mask compute half a block more than the half that is needed."""
    model, tokens = model_of(kind), BLOCK * blocks
    layer, counts = Layer(shape_of(model), Host(), 512), Counts(model, 1, 1, Host.element)
    layer.prefill(layer.on.random(tokens, layer.shape.hidden))
    needed = 2 * weights_of_layer(model) * tokens
    attention = counts.operations_of_prefill(tokens) - needed
    assert layer.on.tally == needed + attention * (blocks + 1) / blocks


@by_kind
def test_the_weights_of_a_layer_are_those_of_the_model(kind):
    model = model_of(kind)
    kinds = {"latent" if model.has("kv_rank") else "full": 1.0, "dense": 1.0}
    layer = Layer(shape_of(model), Host(), 8)
    assert sum(w.size for w in layer.weights.values()) == weights_of(model, kinds)


def test_the_shares_of_all_cards_are_the_whole():
    model = catalog.model("llama2_70b")
    whole, share = Counts(model, 1, 1, 1.0), Counts(model, 1, 8, 1.0)
    assert 8 * share.bytes_of_step(3, 100) == whole.bytes_of_step(3, 100)
    assert 8 * share.operations_of_step(3, 100) == whole.operations_of_step(3, 100)
    assert 8 * shape_of(model, 8).heads == shape_of(model).heads


@pytest.mark.parametrize(
    ("kind", "others", "shards"),
    [("GQA", {"experts": 8}, 1), ("GQA", {"windowed_layers": 2}, 1), ("GQA", {}, 4),
     ("MLA", {}, 2)],
)  # fmt: skip
def test_what_is_not_measured_is_refused(kind, others, shards):
    with pytest.raises(DataError, match="tiny"):
        shape_of(model_of(kind, **others), shards)


# Repeats and marks
def test_what_is_compared_takes_turns_after_a_round_that_does_not_count():
    order = []
    first, second = repeated(
        [lambda: order.append("a"), lambda: order.append("b")], 0.0,
        lambda run, times: run() or 1.0, least=3,
    )  # fmt: skip
    assert order == ["a", "b"] * 4
    assert len(first.values) == len(second.values) == 3


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=9))
def test_a_median_lies_between_its_ends(values):
    found = Repeats(tuple(values))
    assert found.low <= found.median <= found.high
    assert found.each(lambda value: 1 / value).low == 1 / found.high


def about(**others):
    known = {"machine": "a machine", "device": "cpu", "memory": 1e9, "limit": None, "cache": 1e6,
             "core_cache": 1e5, "software": "none", "taken": "2026-01-01"}  # fmt: skip
    return About(**known | others)


@pytest.mark.parametrize(
    ("limit", "size", "speed", "mark"),
    [
        (None, 1e5, 9e9, rows.IN_CACHE), (None, 1e8, 9e9, rows.NO_LIMIT), (1e10, 1e8, 9e9, ""),
        (1e10, 1e8, 9e10, rows.ABOVE), (1e10, 1e5, 9e10, rows.IN_CACHE),
    ],
)  # fmt: skip
def test_a_bandwidth_is_the_memory_s_or_marked(tmp_path, limit, size, speed, mark):
    kept = Rows(tmp_path / "rows.csv", about(limit=limit))
    kept.bandwidth("read", Repeats((speed, speed)), size, cores=1)
    assert kept.rows[0].mark == mark
    kept.bandwidth("read", Repeats((speed, speed * 1.2)), size, cores=1)
    assert kept.rows[1].mark.endswith(rows.UNSTEADY)
    assert read_measured(kept.path).frame["mark"].tolist() == [row.mark for row in kept.rows]


MODULES = """
Memory Device
	Data Width: 64 bits
	Configured Memory Speed: 4800 MT/s

Memory Device
	Data Width: Unknown
	Configured Memory Speed: Unknown

Memory Device
	Data Width: 64 bits
	Configured Memory Speed: 4800 MT/s
"""


def test_the_memory_s_limit_is_the_sum_of_its_modules():
    assert machine.limit_in(MODULES) == 2 * 4800e6 * 8
    assert machine.limit_in("# no SMBIOS") is None


def test_working_sets_are_finer_where_shares_begin_to_fit():
    sizes = bandwidth.sizes(32e6, 1e6, 2, 1e9)
    assert sizes == sorted(set(sizes)) and sizes[-1] > 100e6
    near = [size for size in sizes if 1e6 < size < 2e6]
    assert len(near) >= 4
    assert max(bandwidth.sizes(32e6, 1e6, 2, 5e6)) <= 5e6
    assert bandwidth.numbers_of_cores(12) == [1, 2, 4, 8, 12]


def test_readers_read_and_end_with_their_block():
    with bandwidth.readers(1e6) as readers:
        found = readers.compared(2**18, 2)
        processes = readers.processes
    assert list(found) == bandwidth.numbers_of_cores(len(processes))
    assert all(speeds.low > 0 for speeds in found.values())
    assert all(process.poll() is not None for process in processes)


def test_what_was_disturbed_does_not_count():
    calm, disturbed = [(1.0, True), (2.0, True), (3.0, True)], [(9.0, False)] * 5
    assert bandwidth.calm(calm + disturbed).values == (1.0, 2.0, 3.0)
    assert bandwidth.calm(calm[:1] + disturbed).values == (1.0, *[9.0] * 5)


# Energy
def test_energy_is_read_from_the_packages_and_over_their_end(tmp_path):
    package = tmp_path / "intel-rapl:0"
    for place, value in ((package, 900), (tmp_path / "intel-rapl:0:0", 5)):
        place.mkdir()
        (place / "energy_uj").write_text(f"{value}000000")
        (place / "max_energy_range_uj").write_text("1000000000")
    joules = energy.of_processor(tmp_path)
    (package / "energy_uj").write_text("950000000")
    assert joules() == 50
    (package / "energy_uj").write_text("20000000")
    assert joules() == 120


def test_a_counter_that_may_not_be_read_is_named(tmp_path):
    (tmp_path / "intel-rapl:0" / "energy_uj").mkdir(parents=True)
    with pytest.raises(energy.NoCounterError, match="energy_uj readable"):
        energy.of_processor(tmp_path)


def test_a_machine_without_a_counter_says_so(tmp_path):
    with pytest.raises(energy.NoCounterError, match="RAPL"):
        energy.of_processor(tmp_path)


class NvmlError(Exception):
    """What NVIDIA's library raises."""


def nvml(tells):
    """That library where a card tells its energy, 250 mJ more each time, or does not."""
    readings = itertools.count(1000.0, 250.0)

    def energy_of(card):
        if not tells:
            raise NvmlError("not supported")
        return next(readings)

    return SimpleNamespace(
        NVMLError=NvmlError, nvmlInit=lambda: None, nvmlDeviceGetHandleByIndex=lambda card: card,
        nvmlDeviceGetTotalEnergyConsumption=energy_of,
    )  # fmt: skip


def test_a_card_tells_its_energy_in_millijoules(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml(tells=True))
    joules = energy.of_card()
    first = joules()
    assert joules() - first == pytest.approx(0.25)


def test_a_card_without_a_counter_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml(tells=False))
    with pytest.raises(energy.NoCounterError, match="not supported"):
        energy.of_card()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(energy.NoCounterError, match="pip install nvidia-ml-py"):
        energy.of_card()


def test_power_is_energy_over_time():
    watts, rate = energy.power(lambda: 60 * time.perf_counter(), lambda: time.sleep(0.01), 0.05)
    assert watts == pytest.approx(60, rel=0.1) and 0 < rate < 100


# Parts and their time
def test_a_part_that_cannot_be_leaves_a_row_and_the_others_go_on(tmp_path):
    kept = Rows(tmp_path / "rows.csv", about())

    def lacking(until):
        raise Left("no counter")

    def too_large(until):
        np.empty(10**17)

    work(kept, [Part("energy", 1, lacking), Part("layer", 1, too_large),
                Part("last", 1, lambda until: kept.add("last", 1.0, "s"))], 5.0, False)  # fmt: skip
    assert [row.what for row in kept.rows] == ["left out: energy", "left out: layer", "last"]
    assert kept.rows[0].note == "no counter" and "memory" in kept.rows[1].note


def test_work_is_expected_at_the_pace_that_was_seen():
    pace = Pace()
    assert pace.expected(1e9, 1e9) == 0
    pace.learn(1e9, 1e9, 2.0)
    assert pace.expected(1e9, 1e9) == pytest.approx(2.0)
    assert pace.expected(3e9, 1e9) == pytest.approx(6.0)


def test_a_layer_that_does_not_fit_is_shared_or_left_out(tmp_path):
    class Small(steps.Processor):
        def room(self, taken=0.0):
            return self.most - taken

    model = catalog.model("llama2_70b")
    kept = Rows(tmp_path / "rows.csv", about())
    tiny = steps.Steps(kept, Small(1e6), model, steps.QUICK)
    with pytest.raises(Left, match="may be taken"):
        tiny.build(0.0)
    with pytest.raises(Left, match="no layer"):
        tiny.decode(0.0)
    model = replace(model, values={**model.values, "hidden_size": 256.0, "ffn_size": 256.0})
    needed = Counts(model, 1, 4, Host.element).weight_bytes
    shared = steps.Steps(kept, Small(1.9 * needed), model, replace(SHORT, contexts=(0,)))
    shared.build(0.0)
    assert shared.counts.shards == 4
    assert [row.what for row in kept.rows] == ["left out: a whole layer"]


def test_as_many_layers_as_fit_are_measured_and_what_does_not_fit_is_said(tmp_path):
    model = catalog.model("llama2_70b")
    model = replace(model, values={**model.values, "hidden_size": 256.0, "ffn_size": 256.0})
    counts = Counts(model, 1, 1, Host.element)
    kept = Rows(tmp_path / "rows.csv", about())
    plan = steps.Plan(contexts=(0,), batches=(2, 10**4), at=(0, 8), tokens=(8,), prefixes=(8,))
    measured = steps.Steps(kept, steps.Processor(4.5 * counts.weight_bytes), model, plan)
    until = time.perf_counter() + 1e4
    measured.build(until)
    measured.many(until)
    deep = [row for row in kept.rows if row.what == "decode step"]
    assert [(row.layers, row.batch) for row in deep] == [(3, 1), (3, 2)]
    assert deep[0].bytes == 3 * counts.bytes_of_step(1, 8)
    (left,) = [row for row in kept.rows if row.what == "does not fit"]
    assert (left.layers, left.batch) == (3, 10**4)


def test_power_is_taken_while_layers_work_and_at_rest(tmp_path, monkeypatch):
    model = catalog.model("llama2_70b")
    model = replace(model, values={**model.values, "hidden_size": 256.0, "ffn_size": 256.0})
    plan = replace(SHORT, power_seconds=0.05)
    kept = Rows(tmp_path / "rows.csv", about())
    where = steps.Processor(1e9)
    measured = steps.Steps(kept, where, model, plan)
    measured.build(0.0)
    monkeypatch.setattr(where, "joules", lambda: lambda: 40 * time.perf_counter())
    measured.power(0.0)
    watts = [(row.what, row.batch) for row in kept.rows]
    assert watts == [("power of decode", 1), ("power of decode", 16), ("power of prefill", 1),
                     ("power at rest", None)]  # fmt: skip
    assert all(row.value == pytest.approx(40, rel=0.2) for row in kept.rows)


# The command
SHORT = replace(
    steps.QUICK, contexts=(0, 8), batches=(2, 4), at=(0, 8), tokens=(8, 16), prefixes=(8,),
)  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A short run of the kit on a small model: what it said, and its file."""
    from inference_economics.measure import command, products

    folder = tmp_path_factory.mktemp("measured")
    model, path = folder / "tiny.toml", folder / "rows.csv"
    model.write_text(TOML, encoding="utf-8")
    arguments = ["measure", "--quick", "--seconds", "30", "--device", "cpu", "--memory", "0.1",
                 "--model", str(model), "-o", str(path)]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "QUICK", SHORT)
        patch.setattr(command, "QUICK_READINGS", 2)
        patch.setattr(products, "QUICK_SIZE", 64)
        return CliRunner().invoke(main, arguments, catch_exceptions=False), path


def test_the_kit_measures_and_its_rows_can_be_read(measured):
    result, path = measured
    assert result.exit_code == 0, result.output
    found = read_measured(path)
    assert found.device == "cpu" and found.machine.endswith(("cores", "core"))
    assert result.stdout.splitlines()[-1] == f"{len(found.frame)} rows in {path}"
    names = {*found.frame["what"]}
    assert names >= {
        "machine", "read", "matrix product fp32", "matrix product fp64", "decode step",
        "prefill of 1 layers", "prefix computed", "prefix from memory", "prefix from disk",
        "relative error of one layer against float64",
    }  # fmt: skip
    assert (found.frame["low"] <= found.frame["value"]).all()
    assert (found.frame["value"] <= found.frame["high"]).all()
    (error,) = found.of("relative error of one layer against float64")["value"]
    assert error < THIRTY_TWO_BITS
    reads = found.of("read")
    assert {*reads["cores"]} == {*bandwidth.numbers_of_cores(len(machine.cores()))}
    assert reads["mark"].str.contains(f"{rows.IN_CACHE}|{rows.NO_LIMIT}").all()
    assert sorted(p.name for p in path.parent.iterdir()) == ["rows.csv", "tiny.toml"]


def test_steps_of_the_kit_say_what_they_read_and_compute(measured):
    found = read_measured(measured[1])
    done = found.of("decode step", layers=1)
    assert {*zip(done["batch"], done["context"], strict=True)} == {
        (1, 0), (1, 8), (2, 0), (2, 8), (4, 0), (4, 8),
    }  # fmt: skip
    weights = 256 * (8 + 4) * 32 + 256 * 256 + 3 * 256 * 512
    kept = 2 * 2 * 32 * done["context"] * done["batch"]
    assert (done["bytes"] == 4 * (weights + kept)).all()
    pairs = 4 * 8 * 32 * (done["context"] + 1)
    assert (done["operations"] == done["batch"] * (2 * weights + pairs)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--device", "cuda"), "--device cuda: ", marks=WITHOUT_CARD),
        (("--model", "lama2_70b"), "did you mean"),
        (("--model", "mixtral_8x7b", "--device", "cpu"), "mixture of experts is not measured"),
        (("--memory", "0"), "--memory"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is(tmp_path, arguments, message):
    path = tmp_path / "rows.csv"
    refused = CliRunner().invoke(main, ["measure", "-o", str(path), *arguments])
    assert refused.exit_code == 2 and message in refused.output
    assert len(refused.output.splitlines()) == 1
    assert not path.exists()


def test_without_pytorch_the_processor_is_measured_and_it_is_said(tmp_path, monkeypatch):
    from inference_economics.measure import command

    monkeypatch.setitem(sys.modules, "torch", None)
    with CliRunner().isolation() as (_, said, *_):
        assert command.device_of("auto", None).kind == "cpu"
        assert b"no package torch" in said.getvalue()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "rows.csv"
    refused = CliRunner().invoke(main, ["measure", "--quick", "--device", "cpu", "-o", str(path)])
    assert refused.exit_code == 2 and str(path.parent) in refused.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_broken_off_keeps_its_rows(tmp_path, number):
    path = tmp_path / "rows.csv"
    command = [sys.executable, "-c", INTERRUPTIBLE, "measure", "-o", str(path),
               "--device", "cpu", "--memory", "0.2"]  # fmt: skip
    env = os.environ | {"PYTHONPATH": str(ROOT / "lib")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as running:
        while running.poll() is None and not ("read" in path.read_text() if path.exists() else ""):
            time.sleep(0.05)
        running.send_signal(number)
        _, said = running.communicate()
    found = read_measured(path)
    assert running.returncode == 130
    assert said.splitlines()[-1] == f"Error: stopped; {len(found.frame)} rows are in {path}"
    assert {*found.frame["what"]} >= {"machine", "read"}
    assert [p.name for p in tmp_path.iterdir()] == ["rows.csv"]


# Files of rows
@pytest.mark.parametrize("key", rows.STORED)
def test_stored_machines_are_read_by_the_same_reader(key):
    found = rows.stored(key)
    assert found.machine and found.device in ("cpu", "cuda")
    assert len(found.of("machine")) == 1 and len(found.of("decode step")) > 5
    assert [*found.frame.columns] == [*rows.WHOLE]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("what,", "name,", 1), "header: no column 'what'"),
        (lambda text: text.replace("GB/s", "GBps", 1), "column 'unit'"),
        (lambda text: text + text.splitlines()[-1].replace("a machine", "another") + "\n", "split"),
    ],
)
def test_a_wrong_file_of_rows_is_refused(tmp_path, change, message):
    kept = Rows(tmp_path / "rows.csv", about())
    kept.bandwidth("read", Repeats((1e9,)), 1e8, cores=1)
    kept.path.write_text(change(kept.path.read_text()))
    with pytest.raises(DataError, match=message):
        read_measured(kept.path)


# A machine's own kernels
SHARES = {"bandwidth_share": 0.7, "compute_share": 0.6}


def rows_of(path, chip, form="bf16", batches=(1, 8, 64, 512, 4096), slower=1.0):
    """Rows of a chip that reaches `SHARES`."""
    kept = Rows(path, about(device="cuda"))
    counts = Counts(catalog.model("llama2_70b"), 1, 1, 2.0)
    for batch in batches:
        read = counts.bytes_of_step(batch, 0) / chip.memory_bandwidth / SHARES["bandwidth_share"]
        done = counts.operations_of_step(batch, 0) / chip.fp16_compute / SHARES["compute_share"]
        took = slower * (read**4 + done**4) ** 0.25
        kept.add("decode step", 1e3 * took, "ms", batch=batch, context=0, layers=1, shards=1,
                 precision=form, bytes=counts.bytes_of_step(batch, 0),
                 operations=counts.operations_of_step(batch, 0))  # fmt: skip
    return path


def test_own_rows_tell_what_a_chip_reaches(tmp_path):
    chip = catalog.chip("h100_pcie")
    found = own_kernels.with_own_kernels(chip, rows_of(tmp_path / "rows.csv", chip))
    for name, share in SHARES.items():
        assert kernels.constant(name, found, "vllm", "bf16") == pytest.approx(share, rel=0.05)
        assert kernels.spread(name, found, "vllm", "bf16") == 0
        assert kernels.spread(name, chip, "vllm", "bf16") > 0


def test_projections_tell_of_products_before_steps_do(tmp_path):
    """A step does more than multiply; what it takes for that is not the products'."""
    chip = catalog.chip("h100_pcie")
    path = rows_of(tmp_path / "rows.csv", chip, slower=1.3)
    slow = own_kernels.own_kernels(read_measured(path), chip)["bandwidth_share bf16"]
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    steps_alone = table[table["what"] == "decode step"]
    alone = steps_alone.assign(what="projections of a layer", context="")
    alone["value"] = (alone["value"].astype(float) / 1.3).map("{:.12g}".format)
    pd.concat([table, alone]).to_csv(path, index=False)
    told = own_kernels.own_kernels(read_measured(path), chip)["bandwidth_share bf16"]
    assert slow == pytest.approx(SHARES["bandwidth_share"] / 1.3, rel=1e-6)
    assert told == pytest.approx(SHARES["bandwidth_share"], rel=1e-6)


@pytest.mark.parametrize("key", ["h100_sxm", "h200_sxm"])
def test_a_card_that_the_kit_measured_reaches_what_the_tables_say(key):
    """Products alone read as the engines' kernels do; PyTorch's multiply no faster than theirs."""
    measured = read_measured(DATA / "measured" / f"gpu_{key}_kit.csv")
    found = own_kernels.own_kernels(measured, catalog.chip(key))
    for name, low, high in (("bandwidth_share", 0.95, 1.05), ("compute_share", 0.8, 1)):
        known = kernels.constant(name, catalog.chip(key), form="bf16")
        assert low * known < found[f"{name} bf16"] < high * known


def test_the_stored_cards_reach_what_the_tables_say_of_bandwidth():
    """Another's timings of other shapes, within their own spread between engines."""
    for key in ("h100_sxm", "h200_sxm"):
        chip = catalog.chip(key)
        ours = own_kernels.own_kernels(rows.stored(key), chip)["bandwidth_share fp8"]
        assert ours == pytest.approx(
            kernels.constant("bandwidth_share", chip, form="fp8"), rel=0.05
        )


RUN = pd.DataFrame(
    [("llama2_70b", "h100_pcie", "vllm", "bf16", 1024, 1024, 16, 4)],
    columns=["model", "system", "backend", "precision", "isl", "osl", "concurrency", "tp"],
)  # fmt: skip


def width(found):
    return float((found["predicted_tpot_ms_high"] / found["predicted_tpot_ms_low"]).iloc[0])


def test_own_rows_narrow_a_prediction_and_a_chip_with_tables_keeps_its_own(tmp_path):
    chip = catalog.chip("h100_pcie")
    linked = replace(chip, values={**chip.values, "link_bandwidth": 3e11})
    own = own_kernels.with_own_kernels(linked, rows_of(tmp_path / "rows.csv", chip))
    without = predict.predict(RUN, chips={"h100_pcie": linked})
    with_rows = predict.predict(RUN, chips={"h100_pcie": own})
    assert width(with_rows) < width(without)
    rows_of_h100 = RUN.assign(system="h100_sxm")
    known = predict.unknown_kernels(rows_of_h100, *run_of(rows_of_h100))
    assert all((values == 0).all() for values in known.values())


def test_a_slower_machine_is_predicted_slower(tmp_path):
    chip = catalog.chip("h100_pcie")
    linked = replace(chip, values={**chip.values, "link_bandwidth": 3e11})
    times = [
        predict.predict(RUN, chips={"h100_pcie": own_kernels.with_own_kernels(linked, path)})
        for path in (rows_of(tmp_path / "rows.csv", chip),
                     rows_of(tmp_path / "slow.csv", chip, slower=1.5))
    ]  # fmt: skip
    assert times[0]["predicted_tpot_ms"].iloc[0] < times[1]["predicted_tpot_ms"].iloc[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batches": (1, 8)}, "without context"),
        ({"slower": 0.3}, "is it this chip"),
    ],
)
def test_rows_that_tell_nothing_of_a_chip_are_refused(tmp_path, options, message):
    chip = catalog.chip("h100_pcie")
    with pytest.raises(DataError, match=message):
        own_kernels.with_own_kernels(chip, rows_of(tmp_path / "rows.csv", chip, **options))


def test_predict_takes_the_rows_of_a_machine(tmp_path):
    chip = catalog.chip("h100_sxm")
    rows_of(tmp_path / "mine.csv", chip)
    RUN.assign(system="h100_sxm").to_csv(tmp_path / "runs.csv", index=False)
    arguments = ["predict", str(tmp_path / "runs.csv"), "-o", str(tmp_path / "out.csv")]
    plain = CliRunner().invoke(main, arguments)
    assert plain.exit_code == 0, plain.output
    before = list(csv.DictReader((tmp_path / "out.csv").open()))
    given_ = ("--measured", f"h100_sxm={tmp_path / 'mine.csv'}")
    assert CliRunner().invoke(main, [*arguments, *given_]).exit_code == 0
    after = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert before[0]["predicted_tpot_ms"] != after[0]["predicted_tpot_ms"]
    RUN.assign(system="h100_sxm", precision="fp8").to_csv(tmp_path / "runs.csv", index=False)
    other = CliRunner().invoke(main, [*arguments, *given_])
    assert "tells of bf16; runs on h100_sxm in fp8 take what is known" in other.output
    for wrong, message in (("h100=x.csv", "no such chip"), ("x.csv", "write CHIP=FILE")):
        refused = CliRunner().invoke(main, [*arguments, "--measured", wrong])
        assert refused.exit_code == 1 and message in refused.output
