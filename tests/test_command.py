"""The command line: help from the declarations, clear refusals, whole results."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_economics.book import BOOK, open_chapter
from inference_economics.command import main
from reckoner.command.checked_notebook import RefusedError, declared_parameters, with_checked
from reckoner.declare.parameters import ParameterError
from reckoner.site.offline import other_hosts

ROOT = Path(__file__).parent.parent
CHIP = str(ROOT / "examples" / "made_up_chip.toml")
by_chapter = pytest.mark.parametrize("chapter", BOOK.chapters)


def call(*arguments):
    """Runs the command; an exception other than an exit is a failure of the test."""
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@by_chapter
@pytest.mark.parametrize("command", ["rerun", "sweep", "params"])
def test_help_says_what_is_declared(chapter, command):
    arguments = (command, chapter) if command == "params" else (command, chapter, "--help")
    shown = " ".join(call(*arguments).output.split())
    for parameter in BOOK.parameters(chapter):
        facts = [f"{parameter.name} [{parameter.unit}]", parameter.label, parameter.help]
        facts += [parameter.source, *parameter.choices]
        if not parameter.by_name:
            bounds = "from" if parameter.power_of else "of"
            facts.append(f"{bounds} {parameter.low:g} to {parameter.high:g}; default")
        for fact in facts:
            assert " ".join(fact.split()) in shown


@by_chapter
def test_parameters_as_data(chapter):
    listed = json.loads(call("params", chapter, "--json").output)
    assert {p["name"]: p["default"] for p in listed} == BOOK.parameters(chapter).defaults


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-p", "bacth_size=3"), "no parameter 'bacth_size'; did you mean 'batch_size'? Known: "),
        (("-p", "batch_size=nan"), "batch_size: expected a whole number of 1 to 1e+06"),
        (("-p", "batch_size=1.5"), "batch_size: expected a whole number"),
        (("-p", "batch_size=1e999"), "batch_size: expected a whole number"),
        (("-p", "batch_size="), "batch_size: expected a whole number"),
        (("-p", "batch_size=٣"), "batch_size: expected a whole number"),
        (("-p", "batch_size"), "write NAME=VALUE"),
        (("-p", "speed=1", "-p", "speed=2"), "speed: given twice"),
        (("-p", "chip=groq_lup"), "chip: 'groq_lup' is none of the names"),
        (("-p", "chip=./none.toml"), "chip: cannot read './none.toml': No such file"),
    ],
)
@pytest.mark.parametrize("command", [("rerun", "-o", "out"), ("sweep", "-o", "out.csv")])
def test_what_is_wrong_stops_before_anything_runs(
    tmp_path, monkeypatch, command, arguments, message
):
    monkeypatch.chdir(tmp_path)
    refused = call(command[0], "batching", *command[1:], *arguments)
    assert refused.exit_code == 2
    assert message in refused.output
    assert list(tmp_path.iterdir()) == []


def test_a_chapter_that_is_not_there_is_named():
    refused = call("rerun", "btaching", "-o", "out")
    assert refused.exit_code == 2
    assert "no chapter 'btaching'; did you mean 'batching'?" in refused.output


@given(st.sampled_from(["-p"]), st.text(max_size=40))
@settings(max_examples=150)
def test_any_argument_is_refused_or_named(option, text):
    refused = call("sweep", "capacity", "-o", "never.txt", option, text)
    assert refused.exit_code == 2
    assert "Error: " in refused.output


def test_a_rerun_gives_notebook_page_and_results(tmp_path):
    out = tmp_path / "out"
    done = call("rerun", "kv_cache", "-p", "batch_size=1e2", "-o", str(out))
    assert done.exit_code == 0, done.output
    assert sorted(p.suffix for p in out.iterdir()) == [".csv", ".html", ".ipynb", ".json"]
    concluded = BOOK.conclude("kv_cache", {"batch_size": 100})
    data = json.loads((out / "kv_cache.json").read_text())
    rows = {row["name"]: row for row in csv.DictReader((out / "kv_cache.csv").open())}
    assert data["parameters"]["batch_size"] == {"value": 100, "unit": "count", "words": "100"}
    for name, unit in concluded.units.items():
        value = getattr(concluded.results, name)
        assert data["results"][name]["value"] == float(rows[name]["value"]) == value
        assert data["results"][name]["unit"] == rows[name]["unit"] == unit
    assert set(data["provenance"]) == {"version", "commit", "data"}
    executed = nbformat.read(out / "kv_cache.ipynb", as_version=4)
    assert any("batch_size = 100" in cell.source for cell in executed.cells)
    page = (out / "kv_cache.html").read_text(encoding="utf-8")
    assert "yours:" in page.lower() or "Yours" in page
    assert not other_hosts(page, page=True)
    assert page.count("<svg") >= 2 and "<math" in page and "{cite}" not in page


def test_a_rerun_that_fails_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("reckoner.command.rerun.attempt", lambda *given: "cell 3: ValueError: so")
    failed = call("rerun", "kv_cache", "-o", str(tmp_path / "out"))
    assert failed.exit_code == 2
    assert "kv_cache.ipynb, cell 3: ValueError: so" in failed.output
    assert not (tmp_path / "out").exists()


# Plain papermill


def notebook(chapter="capacity"):
    return nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)


@by_chapter
def test_a_notebook_of_the_book_is_known_as_such(chapter):
    assert declared_parameters(notebook(chapter)) is BOOK.parameters(chapter)


def test_another_notebook_is_left_alone():
    cells = [
        nbformat.v4.new_code_cell("import math"),
        nbformat.v4.new_markdown_cell("open_chapter"),
    ]
    assert declared_parameters(nbformat.v4.new_notebook(cells=cells)) is None


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.lists(st.integers(), max_size=2), st.just(10**400), st.just("1e3"), st.just(" "),
)  # fmt: skip
names = st.sampled_from([p.name for p in BOOK.parameters("capacity")]) | st.text(max_size=12)


@given(st.dictionaries(names, values, min_size=1, max_size=3))
@settings(max_examples=300)
def test_whatever_papermill_is_given_is_checked(given):
    declared = BOOK.parameters("capacity")
    try:
        checked = declared.check(given)
    except ParameterError as error:
        with pytest.raises(RefusedError) as refused:
            with_checked(notebook(), declared, given)
        assert str(error) == str(refused.value) == refused.value.format_message()
    else:
        for parameter in declared:
            assert type(checked[parameter.name]) is type(parameter.default)


@pytest.fixture
def installed(tmp_path):
    """An environment in which papermill sees the package's engine, installed or not."""
    info = tmp_path / "site" / "trading_space_for_time_test-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trading-space-for-time-test\n")
    (info / "entry_points.txt").write_text(
        "[papermill.engine]\nreckoner = reckoner.command.engine:CheckedEngine\n"
    )
    path = os.pathsep.join([str(info.parent), str(ROOT / "lib")])
    return {**os.environ, "PYTHONPATH": path}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-p", "gpu_prise", "3"), "no parameter 'gpu_prise'; did you mean 'gpu_price'?"),
        (("-p", "gpu_price", "nan"), "gpu_price: expected a number of 1 to 1e+07 (USD); got nan"),
        (("-p", "gpu_price", "1,000"), "gpu_price: expected a number"),
        (("-y", "{gpu_prise: 3}"), "no parameter 'gpu_prise'"),
        (("-r", "gpu_price", "3"), "gpu_price: expected a number"),
        (("--engine", "nbclient", "-p", "gpu_prise", "3"), "no parameter 'gpu_prise'"),
    ],
)
def test_papermill_stops_before_any_cell_runs(tmp_path, installed, arguments, message):
    out = tmp_path / "out.ipynb"
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(ROOT / "notebooks" / "capacity.ipynb"),
        str(out),
    ]
    refused = subprocess.run(
        [*command, *arguments], env=installed, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert f"Error: {message}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not out.exists()


def test_papermill_takes_a_chip_of_ones_own_and_whole_numbers(tmp_path, installed):
    out = tmp_path / "out.ipynb"
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(ROOT / "notebooks" / "kv_cache.ipynb"),
        str(out),
    ]
    given = [
        "-p",
        "batch_size",
        "1e2",
        "-p",
        "model",
        str(ROOT / "examples/llama2_70b_config.json"),
    ]
    subprocess.run([*command, *given], env=installed, capture_output=True, check=True)
    executed = nbformat.read(out, as_version=4)
    injected = next(
        c for c in executed.cells if "injected-parameters" in c.metadata.get("tags", [])
    )
    assert "batch_size = 100\n" in injected.source
    assert "Llama-2-70b-hf" in out.read_text()


def test_a_notebook_notices_a_misspelled_parameter_by_itself():
    """The second line, where papermill does not know the engine."""
    with pytest.raises(ParameterError, match="no parameter 'batch_sise'; did you mean 'batch_si"):
        open_chapter("batching", {"batch_size": 128, "batch_sise": 3})
