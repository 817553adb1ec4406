"""A sweep gives what single points give, wherever it is cut, killed or sent."""

import itertools
import json
import math
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import frail
from inference_economics.book import BOOK
from inference_economics.command import main
from other_parameters import OTHER_PARAMETERS
from reckoner.declare.parameters import ParameterError
from reckoner.files import whole, write_whole
from reckoner.provenance import _commit, code_hash, provenance
from reckoner.sweep.axes import axis
from reckoner.sweep.chart import Picture
from reckoner.sweep.cluster import client, work
from reckoner.sweep.evaluate import evaluate
from reckoner.sweep.parts import DamagedError, Parts, SweepError, as_file
from reckoner.sweep.parts import read as read_chunk
from reckoner.sweep.pieces import make_chunk
from reckoner.sweep.points import Sweep, columns
from reckoner.sweep.run import Job
from reckoner.sweep.table import heading

BATCHING = BOOK.parameters("batching")
ROOT = Path(__file__).parent.parent


def swept(chapter, given, chunk=65_536, book=BOOK):
    return Sweep(book, chapter, given, chunk)


def evaluated(sweep):
    """Each result at every point, and the errors by point."""
    found = pa.Table.from_batches([evaluate(sweep.task(n, "")) for n in range(sweep.chunks)])
    errors = {place: text for place, text in enumerate(found["error"].to_pylist()) if text}
    return {name: found[name].to_numpy() for name in sweep.units}, errors


# The values as written


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("batch_size", "128", [128]),
        ("batch_size", "1e6", [1_000_000]),
        ("batch_size", "1:16:log2", [1, 2, 4, 8, 16]),
        ("batch_size", "1:20:log2", [1, 2, 4, 8, 16]),
        ("batch_size", "1:100:log10/2", [1, 3, 10, 32, 100]),
        ("batch_size", "1:4:log2/9", [1, 2, 3, 4]),
        ("batch_size", " 3, 1 ,2", [3, 1, 2]),
        ("speed", "1:2:5", [1, 1.25, 1.5, 1.75, 2]),
        ("speed", "0.5:8:log2", [0.5, 1, 2, 4, 8]),
    ],
)
def test_values_are_read_as_written(name, text, values):
    assert list(axis(BATCHING[name], text).values) == values


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("batch_size", "", "expected a whole number"),
        ("batch_size", "1.5", "expected a whole number"),
        ("batch_size", "nan", "expected a whole number"),
        ("batch_size", "1:8", "three parts"),
        ("batch_size", "8:1:log2", "below the last"),
        ("batch_size", "1:8:log3", "no number of points"),
        ("batch_size", "1:8:1", "no number of points"),
        ("batch_size", "1:8:9999999999999999999999", "no number of points"),
        ("batch_size", "0:8:log2", "batch_size: expected a whole number of 1"),
        ("batch_size", "1:inf:log2", "expected a whole number"),
        ("batch_size", "2,2", "stands twice"),
        ("chip", "groq_lpu,groq_lup", "did you mean 'groq_lpu'"),
        ("chip", "groq_lpu,", "'' is none of the names"),
    ],
)
def test_malformed_values_are_refused(name, text, message):
    with pytest.raises(ParameterError, match=message):
        axis(BATCHING[name], text)


@given(st.sampled_from([p.name for p in BATCHING]), st.text(max_size=30))
@settings(max_examples=300)
def test_any_text_is_taken_or_refused_clearly(name, text):
    try:
        found = axis(BATCHING[name], text)
    except ParameterError as error:
        assert str(error).startswith(name)
    else:
        assert all(BATCHING[name].check(v) is not None for v in list(found.values)[:9])


range_text = st.builds(
    lambda a, b, c: f"{a}:{b}:{c}",
    st.floats(0.1, 1e5), st.floats(0.1, 1e5), st.sampled_from(["2", "7", "log2", "log10/3"]),
)  # fmt: skip


@given(range_text, range_text, st.integers(1, 40))
@settings(max_examples=60)
def test_a_sweep_is_finite_or_says_that_there_is_none(speeds, prices, chunk):
    try:
        sweep = swept("batching", {"speed": speeds, "card_price": prices}, chunk)
    except ParameterError:
        return
    results, errors = evaluated(sweep)
    assert not errors
    for name, column in results.items():
        none_allowed = name.startswith(
            ("floor_", "consumer_batch", "consumer_dearest_batch", "parity_", "effective_cost")
        )
        assert np.isfinite(column).all() or none_allowed
        assert not np.isnan(column).any()


def test_a_product_of_axes_runs_through_all_its_points_and_again():
    axes = {"a": np.array([1.0, 2.0]), "b": np.arange(5.0), "c": np.arange(3.0)}
    expected = list(itertools.product(*axes.values())) * 2
    for start, stop in itertools.combinations(range(61), 2):
        found = columns(axes, range(start, stop))
        assert list(zip(*found.values(), strict=True)) == expected[start:stop]


@pytest.mark.parametrize("chunk", [1, 7, 10, 64])
def test_names_vary_slowest_and_chunks_run_across_them(chunk):
    sweep = swept("roots", {"x": "11:20:10", "sign": "plus,minus"}, chunk, frail.BOOK)
    spans = [sweep.span(number) for number in range(sweep.chunks)]
    assert list(itertools.chain(*spans)) == list(range(20))
    points = [(p["sign"], p["x"]) for span in spans for p in sweep.checked(span)]
    assert points == list(itertools.product(("plus", "minus"), map(float, range(11, 21))))
    results, _ = evaluated(sweep)
    signs = np.repeat([1, -1], 10)
    assert (results["root"] == signs * np.sqrt(np.tile(np.arange(11.0, 21.0), 2))).all()


# What a sweep gives


def few_samples(chapter):
    """What makes a chapter that samples quick."""
    return {"samples": 8} if "samples" in BOOK.parameters(chapter).defaults else {}


@pytest.mark.parametrize("chapter", BOOK.chapters)
def test_arrays_give_what_single_points_give(chapter):
    """Every chapter's function, over each of its numbers, three values each."""
    for other in ({}, *OTHER_PARAMETERS[chapter]):
        declared = BOOK.parameters(chapter)
        given = {**other, **few_samples(chapter)}
        fixed = {name: str(value) for name, value in declared.check(given).items()}
        for parameter in declared:
            if parameter.by_name or fixed[parameter.name] == "None":
                continue
            text = f"{parameter.low},{fixed[parameter.name]},{parameter.high}"
            values = list(dict.fromkeys(map(float, text.split(","))))
            given = {**fixed, parameter.name: ",".join(map(str, values))}
            sweep = swept(chapter, {n: t for n, t in given.items() if t != "None"}, 2)
            results, errors = evaluated(sweep)
            missing = BOOK.worksheet(chapter).optional
            assert all(text.endswith("is not a number") for text in errors.values())
            for place, point in enumerate(sweep.checked(range(sweep.count))):
                with np.errstate(all="ignore"):
                    single = BOOK.conclude(chapter, point).results
                for name, column in results.items():
                    # A root may differ in the last bit between one number and an array.
                    alone = float(getattr(single, name))
                    assert column[place] == pytest.approx(alone, rel=4e-16, nan_ok=True)
                    assert not math.isnan(alone) or name in missing or place in errors


GRID = {"chip": "groq_lpu,wse_2", "batch_size": "1:512:log2", "context_length": "1000:90000:7"}


def written(job):
    assert job.run()
    return pq.read_table(job.output)


def test_the_table_does_not_depend_on_where_it_is_cut(tmp_path):
    tables = [
        written(Job(swept("batching", GRID, chunk), tmp_path / f"{chunk}.parquet", workers=2))
        for chunk in (65_536, 11)
    ]
    assert tables[0].num_rows == 2 * 10 * 7
    assert tables[0].to_pandas().equals(tables[1].to_pandas())


def test_a_row_has_every_parameter_every_result_and_the_provenance(tmp_path):
    for ending, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        job = Job(swept("kv_cache", {"batch_size": "1,7"}), tmp_path / f"t{ending}")
        assert job.run()
        table = read(job.output)
        assert list(table["batch_size [count]"]) == [1, 7]
        assert list(table["model [name]"]) == ["llama2_70b"] * 2
        concluded = BOOK.conclude("kv_cache", {"batch_size": 7})
        for name, unit in concluded.units.items():
            assert table[f"{name} [{unit}]"][1] == getattr(concluded.results, name)
        for name, value in provenance(BOOK).items():
            assert list(table[name]) == [value] * 2
        assert table["error"].isna().all()
    about = json.loads(pq.read_schema(tmp_path / "t.parquet").metadata[b"sweep"])
    assert about["batch_size"] == "1,7"


def test_a_commit_of_digits_alone_is_not_read_as_a_number(tmp_path, monkeypatch):
    def described(*_, **__):
        return subprocess.CompletedProcess([], 0, stdout="249628325896\n")

    with monkeypatch.context() as patched:
        patched.setattr("reckoner.provenance.subprocess.run", described)
        found = [_commit.__wrapped__(tmp_path), provenance(BOOK)["data"]]
    pd.DataFrame({"found": found}).to_csv(tmp_path / "t.csv")
    for value in found:
        with pytest.raises(ValueError, match="could not convert"):
            float(value)
    assert found[0] == "git:249628325896"
    assert list(pd.read_csv(tmp_path / "t.csv")["found"]) == found


def test_points_that_fail_are_rows_with_their_error(tmp_path):
    sweep = swept("roots", {"x": "-2:9:12", "sign": "minus,plus"}, 5, frail.BOOK)
    job = Job(sweep, tmp_path / "t.csv", workers=1)
    assert job.run()
    table = pd.read_csv(job.output)
    assert len(table) == 24 and job.failed == 6
    bad = table[table["error"].notna()]
    assert list(bad["x [count]"]) == [-2, -1, 7] * 2
    assert set(bad["error"]) == {"root is not a number", "ValueError: seven is refused"}
    assert bad["root [count]"].isna().all()
    good = table[table["error"].isna()]
    signs = np.where(good["sign [name]"] == "plus", 1, -1)
    assert (good["root [count]"] == signs * np.sqrt(good["x [count]"])).all()


def test_what_may_be_missing_is_empty_and_no_failure(tmp_path):
    """Where neither chip gives the speed there is no ratio, and no price makes them equal."""
    given = {"samples": "8", "target_speed": "20,9000"}
    job = Job(swept("uncertainty", given), tmp_path / "t.csv")
    assert job.run() and job.failed == 0
    table = pd.read_csv(job.output)
    assert table["error"].isna().all()
    units = BOOK.units("uncertainty")
    missing = {n for n, unit in units.items() if table[heading(n, unit)].isna()[1]}
    assert missing and missing <= BOOK.worksheet("uncertainty").optional <= set(units)
    assert "likely_ratio" in missing and table[heading("likely_ratio", "ratio")].notna()[0]


def test_only_what_is_declared_may_be_missing(tmp_path, monkeypatch):
    sweep = swept("roots", {"x": "-1,4,7"}, book=frail.BOOK)
    monkeypatch.setitem(vars(frail.roots.conclude), "optional", frozenset({"root"}))
    results, errors = evaluated(sweep)
    assert errors == {2: "ValueError: seven is refused"}
    assert np.isnan(results["root"]).tolist() == [True, False, True]


@pytest.mark.parametrize("chapter", BOOK.chapters)
def test_headings_are_unique_and_only_repetitions_are_left_out(tmp_path, chapter):
    swept_by = next(p for p in BOOK.parameters(chapter) if not p.by_name)
    values = list(dict.fromkeys([swept_by.default, swept_by.low or swept_by.default]))
    few = {name: str(value) for name, value in few_samples(chapter).items()}
    sweep = swept(chapter, {**few, swept_by.name: ",".join(map(str, values))})
    job = Job(sweep, tmp_path / "t.parquet", look=Picture(sweep).look)
    table = written(job)
    assert len(set(table.column_names)) == len(table.column_names)
    results, _ = evaluated(sweep)
    for name, unit in sweep.units.items():
        column = table[heading(name, unit)].to_numpy()
        assert np.array_equal(column, results[name], equal_nan=True)


def test_a_chunk_is_read_as_it_was_written(tmp_path):
    for sweep in (swept("batching", GRID), swept("roots", {"x": "-2:9:12"}, book=frail.BOOK)):
        found = evaluate(sweep.task(0, ""))
        (tmp_path / "chunk").write_bytes(as_file(found))
        again = read_chunk(tmp_path / "chunk")
        assert again.equals(found) and again.schema.names == [*sweep.units, "error"]


def test_a_chunk_of_which_any_byte_changed_is_none(tmp_path):
    path = tmp_path / "chunk"
    content = as_file(evaluate(swept("roots", {"x": "-2:9:12"}, book=frail.BOOK).task(0, "")))
    for place in range(len(content)):
        path.write_bytes(
            content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
        )
        with pytest.raises(DamagedError, match="chunk is not as it was written"):
            read_chunk(path)
    for cut in (0, 1, 31, 32, 33, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(DamagedError, match="chunk is"):
            read_chunk(path)
    path.write_bytes(content)
    assert read_chunk(path).num_rows == 12


def test_a_worker_with_other_code_is_refused(tmp_path):
    task = swept("batching", GRID).task(0, "another")
    with pytest.raises(SweepError, match="other formulas or data"):
        make_chunk(task, tmp_path / "chunk", "")
    assert not list(tmp_path.iterdir())


def test_a_worker_on_another_machine_returns_its_chunk(tmp_path):
    job = Job(swept("batching", GRID), tmp_path / "t.csv")
    task = pickle.loads(pickle.dumps(job.sweep.task(0, code_hash("inference_economics"))))
    path = job.parts.path(0)
    made = make_chunk(task, path, "a plan that is not here")
    assert made.content is not None
    assert not list(tmp_path.iterdir())
    assert job._store(made) == 0
    assert read_chunk(path).equals(evaluate(task))


def test_a_task_carries_no_module_of_a_chapter():
    """A worker finds the formulas by the names of the book and of the chapter."""
    given = {"chip": "groq_lpu,wse_2", "batch_size": "1:9:9"}
    text = pickle.dumps(swept("batching", given).task(0, ""))
    assert b"inference_economics.book" in text and b"worksheets" not in text


def test_too_many_points_are_refused():
    many = {"speed": "1:2:10000000", "card_price": "1:2:10000000"}
    with pytest.raises(ParameterError, match="100,000,000,000,000 points"):
        swept("batching", many)


# Killed, resumed, refused


def test_no_file_is_half_written_under_its_name(tmp_path):
    target = tmp_path / "table.csv"

    def half():
        with whole(target) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert list(tmp_path.iterdir()) == []
    code = (
        "import sys, os, pathlib; from reckoner.files import whole\n"
        "with whole(pathlib.Path(sys.argv[1])) as p:\n"
        "    p.write_text('half'); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()


def test_its_processes_end_with_a_table_that_is_given_up(tmp_path, monkeypatch):
    """There and then: Python's collector may come in another thread, that cannot wait for them."""
    job = Job(swept("batching", GRID, 11), tmp_path / "t.csv", workers=1)

    def give_up(table, path, batches):
        next(batches)
        assert multiprocessing.active_children()
        raise KeyboardInterrupt

    monkeypatch.setattr("reckoner.sweep.table.Table.write", give_up)
    with pytest.raises(KeyboardInterrupt) as caught:
        job.run()
    assert caught.tb and multiprocessing.active_children() == []


def test_a_finished_sweep_is_not_done_again(tmp_path):
    job = Job(swept("kv_cache", {"batch_size": "1,7"}), tmp_path / "t.csv")
    assert job.run()
    before = job.output.stat()
    assert not Job(job.sweep, job.output).run()
    assert job.output.stat().st_mtime_ns == before.st_mtime_ns


def test_a_folder_of_another_sweep_is_refused(tmp_path):
    output = tmp_path / "t.csv"
    assert Job(swept("kv_cache", {"batch_size": "1,7"}), output).run()
    with pytest.raises(SweepError, match=r"t\.csv\.parts was made with other parameters"):
        Job(swept("kv_cache", {"batch_size": "1,8"}), output).run()
    with pytest.raises(SweepError, match="other chapter"):
        Job(swept("batching", {"batch_size": "1,7"}), output).run()


def half_done(job):
    """The sweep as a killed run leaves it: its plan, and every chunk but the last."""
    with job.parts.locked():
        for number in range(job.sweep.chunks - 1):
            job._store(job._piece(number)())
    return job.parts


def flipped(content):
    return content[:200] + bytes([content[200] ^ 4]) + content[201:]


DAMAGES = {
    "one bit": flipped, "empty": lambda content: b"", "cut": lambda content: content[:-9],
    "zeros": lambda content: bytes(len(content)), "longer": lambda content: content + b"\n",
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_damaged_chunk_is_made_again_and_said(tmp_path, capfd, damage, ending):
    sweep = swept("batching", GRID, 30)
    undisturbed = Job(sweep, tmp_path / f"undisturbed{ending}")
    assert undisturbed.run()
    job = Job(sweep, tmp_path / f"t{ending}")
    parts = half_done(job)
    kept, damaged = parts.path(0).stat().st_mtime_ns, parts.path(1)
    damaged.write_bytes(damage(damaged.read_bytes()))
    capfd.readouterr()
    resumed = Job(sweep, job.output)
    looked = []
    resumed.look = lambda batch: looked.append(parts.path(0).stat().st_mtime_ns)
    assert resumed.run()
    assert job.output.read_bytes() == undisturbed.output.read_bytes()
    said = [line for line in capfd.readouterr().err.splitlines() if "computed again" in line]
    assert len(said) == 1 and str(damaged) in said[0]
    assert looked[-1] == kept  # what was whole was not made again


OF_PLAN = {
    "one bit": lambda text: text.replace(b"1,7", b"1,5"), "empty": lambda text: b"",
    "cut": lambda text: text[:-9], "zeros": lambda text: bytes(len(text)),
    "latin": lambda text: text + b"\xe4", "a list": lambda text: b"[]",
    "a number": lambda text: b"3",
}  # fmt: skip


@pytest.mark.parametrize("damage", OF_PLAN.values(), ids=OF_PLAN)
def test_a_damaged_plan_is_one_line_that_says_what_to_do(tmp_path, damage):
    given = ("sweep", "kv_cache", "-p", "batch_size=1,7", "-o", str(tmp_path / "t.csv"))
    half_done(Job(swept("kv_cache", {"batch_size": "1,7"}), tmp_path / "t.csv"))
    plan = tmp_path / "t.csv.parts" / "plan.json"
    plan.write_bytes(damage(plan.read_bytes()))
    refused = CliRunner().invoke(main, given, catch_exceptions=False)
    assert refused.exit_code == 2 and refused.output.count("\n") == 1
    assert f"{plan} is not as it was written" in refused.output
    assert "remove the folder and its table" in refused.output


def test_what_counts_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """A power cut leaves a file whole, or leaves none: it is flushed, and then its folder is."""
    flushed, sync = [], os.fsync

    def noting(number):
        sync(number)
        flushed.append((os.fstat(number).st_ino, sorted(os.listdir(tmp_path))))

    monkeypatch.setattr(os, "fsync", noting)
    write_whole(tmp_path / "a.csv", "1,2")
    (content, before), (folder, after) = flushed
    assert content == (tmp_path / "a.csv").stat().st_ino and folder == tmp_path.stat().st_ino
    assert "a.csv" not in before and after == ["a.csv"]


def test_a_table_of_unknown_origin_is_not_overwritten(tmp_path):
    (tmp_path / "t.csv").write_text("mine")
    with pytest.raises(SweepError, match="exists already"):
        Job(swept("kv_cache", {"batch_size": "1,7"}), tmp_path / "t.csv").run()
    assert (tmp_path / "t.csv").read_text() == "mine"


def test_two_sweeps_into_one_folder_are_refused(tmp_path):
    job = Job(swept("kv_cache", {"batch_size": "1,7"}), tmp_path / "t.csv")
    with Parts(job.output, job._plan()).locked(), pytest.raises(SweepError, match="at work"):
        job.run()
    assert job.run()


def test_other_code_is_another_sweep(tmp_path, monkeypatch):
    job = Job(swept("kv_cache", {"batch_size": "1,7"}), tmp_path / "t.csv")
    assert job.run()
    monkeypatch.setattr("reckoner.sweep.run.code_hash", lambda module: code_hash(module)[::-1])
    with pytest.raises(SweepError, match="other code"):
        Job(job.sweep, job.output).run()


# In this process, or on a cluster of separate processes


def test_few_points_are_evaluated_in_this_process(tmp_path):
    """26 points over names are 26 combinations; no other process, nor Dask, is started."""
    code = (
        "import sys, pathlib; from inference_economics.book import BOOK\n"
        "from reckoner.sweep.points import Sweep; from reckoner.sweep.run import Job\n"
        "given = dict(pair.split('=') for pair in sys.argv[2:])\n"
        "assert Job(Sweep(BOOK, 'batching', given), pathlib.Path(sys.argv[1])).run()\n"
        "assert 'distributed' not in sys.modules"
    )
    names = ["chip=groq_lpu,wse_2", "batch_size=1:13:13"]
    command = [sys.executable, "-c", code, str(tmp_path / "t.csv"), *names]
    assert subprocess.run(command, check=False).returncode == 0
    assert len(pd.read_csv(tmp_path / "t.csv")) == 26


@pytest.mark.parametrize(
    ("given", "asked", "here"),
    [
        ({"speed": "1:2:1000"}, {}, True),
        ({"speed": "1:2:1000", "card_price": "1:2:101"}, {}, False),
        ({"speed": "1:2:1000"}, {"workers": 2}, False),
        ({"speed": "1:2:1000"}, {"scheduler": "tcp://127.0.0.1:9"}, False),
        ({"speed": "1:2:1000"}, {"notebook": ROOT / "notebooks" / "batching.ipynb"}, False),
        ({"speed": "1"}, {"notebook": ROOT / "notebooks" / "batching.ipynb"}, True),
    ],
)
def test_a_cluster_is_for_many_points_for_notebooks_and_when_asked(tmp_path, given, asked, here):
    sweep = swept("batching", given, 1 if "notebook" in asked else 100)
    job = Job(sweep, tmp_path / "t.csv", **asked)
    assert job._here(job.parts.missing(sweep.chunks)) == here


BIG = {"chip": "groq_lpu,wse_2", "batch_size": "1:160:160", "context_length": "1000:90000:25"}
CHUNK = 50


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers, each a process of its own."""
    where = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    dask = [sys.executable, "-m", "dask"]
    local = ["--scheduler-file", str(where), "--no-dashboard"]
    started = [
        subprocess.Popen(
            [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *local], **quiet
        )
    ]
    worker = [*dask, "worker", *local, "--no-nanny", "--nthreads", "1"]
    until(where.exists)
    started += [subprocess.Popen(worker, **quiet) for _ in range(2)]
    yield json.loads(where.read_text())["address"], started
    for process in started:
        process.kill()
        process.wait()


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def test_killing_a_worker_and_then_the_client_loses_nothing(tmp_path, cluster):
    address, (_, first, _) = cluster
    output = tmp_path / "killed.parquet"
    given = [part for name, text in BIG.items() for part in ("-p", f"{name}={text}")]
    command = [
        sys.executable, "-m", "inference_economics.command", "sweep", "batching", *given,
        "-o", str(output), "--scheduler", address, "--at-once", str(CHUNK),
    ]  # fmt: skip
    client = subprocess.Popen(command, cwd=ROOT)
    job = Job(swept("batching", BIG, CHUNK), output, scheduler=address)
    finished = lambda: job.sweep.chunks - len(job.parts.missing(job.sweep.chunks))  # noqa: E731
    until(lambda: finished() >= 10)
    first.kill()
    killed_at = finished()
    until(lambda: finished() >= killed_at + 20)
    client.send_signal(signal.SIGKILL)
    client.wait()
    time.sleep(0.5)  # a worker may still be writing what it had begun
    done = set(range(job.sweep.chunks)) - set(job.parts.missing(job.sweep.chunks))
    assert done and len(done) < job.sweep.chunks
    assert not output.exists()

    made = []
    piece = job._piece
    job._piece = lambda number: made.append(number) or piece(number)
    assert job.run()
    assert not done & set(made)
    assert not list(tmp_path.glob(".killed*"))  # nor does what was half-written stay
    assert sorted(made) == sorted(set(range(job.sweep.chunks)) - done)
    undisturbed = Job(swept("batching", BIG, CHUNK), tmp_path / "undisturbed.parquet", workers=1)
    assert undisturbed.run()
    assert pq.read_table(output).equals(pq.read_table(undisturbed.output))
    assert output.read_bytes() == undisturbed.output.read_bytes()


def test_what_a_worker_sent_before_it_died_counts(cluster):
    address, (_, first, _) = cluster
    with client(address, 0) as found:
        found.wait_for_workers(2)
        pieces = [partial(str, number) for number in range(40)]
        given = work(found, pieces)
        came = [next(given)]
        until(lambda: all(not tasks for tasks in found.processing().values()))
        time.sleep(0.5)  # until the last of them is back here
        first.kill()
        until(lambda: len(found.nthreads()) == 1)
        came += given
    assert sorted(came) == sorted(map(str, range(40)))


def test_a_scheduler_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("reckoner.sweep.cluster.PATIENCE", 0.5)
    job = Job(swept("batching", GRID), tmp_path / "t.csv", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(SweepError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        job.run()
    assert not job.output.exists()


# Notebooks


def test_a_notebook_is_run_at_each_point_and_kept(tmp_path):
    source = 'x: float = 4.0\ntimes: int = 1\nsign: str = "plus"'
    cells = [nbformat.v4.new_code_cell(text) for text in (source, "print(1 / (x - 5))")]
    cells[0].metadata["tags"] = ["parameters"]
    notebook = tmp_path / "roots.ipynb"
    language = {"language_info": {"name": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=language), notebook)
    sweep = swept("roots", {"x": "4,5,9"}, 1, frail.BOOK)
    job = Job(sweep, tmp_path / "t.csv", notebook)
    assert job.run() and job.failed == 1
    table = pd.read_csv(job.output)
    assert list(table["notebook"]) == ["00001.ipynb", "00002.ipynb", "00003.ipynb"]
    assert table["error"][1].startswith("cell 3: ZeroDivisionError")
    assert list(table["root [count]"].dropna()) == [2, 3]
    for name, printed in (("00001.ipynb", "-1.0"), ("00003.ipynb", "0.25")):
        kept = nbformat.read(job.notebooks / name, as_version=4)
        assert kept.cells[-1].outputs[0].text.strip() == printed
    assert "ZeroDivisionError" in (job.notebooks / "00002.ipynb").read_text()
    assert not Job(sweep, job.output, notebook).run()


# Pictures


@pytest.mark.parametrize(
    ("given", "mark"),
    [
        ({"batch_size": "1:64:log2"}, "line"),
        ({"batch_size": "1:64:log2", "chip": "groq_lpu,wse_2"}, "line"),
        ({"batch_size": "1:64:log2", "speed": "100,200"}, "line"),
        ({"batch_size": "1:4096:log2", "speed": "1:900:30"}, "rect"),
        ({"chip": "groq_lpu,wse_2", "model": "llama2_7b,llama2_70b"}, "rect"),
    ],
)
def test_one_or_two_parameters_give_a_picture(tmp_path, given, mark):
    sweep = swept("batching", given)
    picture = Picture(sweep)
    job = Job(sweep, tmp_path / "t.csv", look=picture.look)
    assert job.run(lambda: picture.write(job.output, ROOT / "book"))
    svg, page = (job.output.with_suffix(e).read_text() for e in (".svg", ".html"))
    assert svg.startswith("<svg") and "var(" not in svg and f"mark-{mark}" in svg
    assert "<svg" in page and not re.search(r"https?:(?!//www\.w3\.org/)", page)


def test_more_parameters_give_none(tmp_path):
    sweep = swept("batching", {"batch_size": "1,2", "speed": "1,2", "card_price": "1,2"})
    picture = Picture(sweep)
    job = Job(sweep, tmp_path / "t.csv", look=picture.look)
    assert job.run(lambda: picture.write(job.output, ROOT / "book"))
    assert not (tmp_path / "t.svg").exists()


def test_a_result_to_draw_must_exist():
    with pytest.raises(ParameterError, match="no result 'csot'; did you mean 'cost'"):
        Picture(swept("batching", {"batch_size": "1,2"}), ["csot"])
    with pytest.raises(ParameterError, match="different units"):
        Picture(swept("batching", {"batch_size": "1,2"}), ["cost", "cards"])
