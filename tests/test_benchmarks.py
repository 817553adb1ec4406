"""What the benchmarks find is kept whole, with its machine, and shown as it was found."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reckoner.declare.tables import DataError
from reckoner.show.benchmarks import COLUMNS, benchmarks
from reckoner.show.pages import BENCHMARKS

ROOT = Path(__file__).parent.parent
HERE = ROOT / "benchmarks"
ABOUT = ("2026-11-27", "abc", "a machine", "0.1")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The module that runs the benchmarks, its table and environments in a folder of the test."""
    monkeypatch.syspath_prepend(str(HERE))
    for name in ("run", "record"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import run as module

    assert Path(module.__file__) == HERE / "run.py"
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results.csv")
    monkeypatch.setattr(module, "PLACE", tmp_path / "bench")
    yield module
    for name in ("run", "record"):
        sys.modules.pop(name, None)


def script(folder, text):
    path = folder / "one.py"
    path.write_text(f"from record import record\n{text}\n", encoding="utf-8")
    return str(path)


def stored(run):
    with run.RESULTS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_a_benchmark_finds_is_kept_with_when_and_where(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    good = script(tmp_path, 'record("a time", 12.3456, "s", 20)\nrecord("a count", 3, "count")')
    monkeypatch.setattr(run, "PARTS", {"build": run.Part(good)})
    assert run.main() == 0
    first, second = stored(run)
    assert (first["part"], first["what"], first["value"], first["unit"]) == (
        "build", "a time", "12.35", "s",
    )  # fmt: skip
    assert first["wanted"] == "at most 20" and second["wanted"] == ""
    assert "cores" in first["machine"] and "Python" in first["machine"]
    assert first["commit"] != "unknown" and float(first["load"]) >= 0


def test_a_benchmark_that_fails_says_so_and_leaves_what_was_known(
    run, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    bad = script(tmp_path, 'record("a time", 1, "s")\nraise SystemExit(3)')
    monkeypatch.setattr(run, "PARTS", {"build": run.Part(bad), "pages": run.Part(bad)})
    known = {"pages": [["pages", "weight", "9", "KB", "", *ABOUT]]}
    run.store(known)
    assert run.main() == 1
    assert run.known() == known
    assert "build: it failed; what was known of it stays" in capsys.readouterr().err


def test_a_part_that_is_not_there_is_named_and_nothing_runs(run, capsys):
    assert run.main("sweepz") == 2
    assert capsys.readouterr().err.startswith("no part 'sweepz'; there are formulas, sweeps, ")


def test_every_benchmark_is_run_by_one_of_the_parts(run):
    scripts = {path.name for path in HERE.glob("*.py")} - {"run.py", "record.py"}
    assert {part.script for part in run.PARTS.values()} == scripts
    for name in scripts:
        assert "record(" in (HERE / name).read_text(encoding="utf-8")


def test_a_limit_that_is_missed_is_said_as_it_is_measured():
    code = 'from record import record\nrecord("a time", 3, "s", 2)\nrecord("b", 3, "s", 2, True)'
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "a time: 3 s (at most 2: MISSED)\nb: 3 s (at least 2: holds)\n"


def table(tmp_path, *rows):
    path = tmp_path / "results.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


def test_the_page_shows_what_was_found_and_whether_it_holds(tmp_path):
    path = table(
        tmp_path,
        ("build", "a <time> of `make`", "12.3", "s", "at most 10", *ABOUT),
        ("build", "points", "1234567", "count", "at least 5", *ABOUT),
    )
    (build,) = benchmarks(path)
    assert build.name == "build" and "on a machine; 0.1 processes at work" in build.about
    assert (
        "<td>a &lt;time&gt; of <code>make</code></td> <td>12.30 s</td> <td>at most 10: missed</td>"
        in build.table
    )
    assert "<td>1,234,567</td> <td>at least 5: holds</td>" in build.table


@pytest.mark.parametrize("row", [("build",), ("build", "a", "much", "s", "", *ABOUT)])
def test_a_damaged_row_is_named(tmp_path, row):
    with pytest.raises(DataError, match=r"results\.csv, line 2: it is cut or has no number"):
        benchmarks(table(tmp_path, row))


def test_another_table_is_refused(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"its columns are not part, what, .*; run `make bench`"):
        benchmarks(path)


def test_the_stored_results_can_be_shown_and_are_of_parts_that_there_are(run):
    stored = [part.name for part in benchmarks(ROOT / BENCHMARKS)]
    assert stored == [name for name in run.PARTS if name in stored] != []
