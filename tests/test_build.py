"""The build on a small book of its own: what it notices, and how it fails."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
MODULE = '''
from functools import partial
from reckoner.declare.parameters import Parameter
from reckoner.declare.worksheet import Lines, worksheet
from tiny.book_units import Count
from tiny.formulary import formula

@formula(gives="boxes", source="definition")
def boxes_for(eggs: Count, size: Count) -> Count:
    """Boxes that the eggs fill."""
    return eggs / size

EGGS = partial(
    Parameter, default=24.0, unit="count", label="eggs", help="Eggs.", source="hens", high=1e6
)

@worksheet
def conclude(eggs: Count = EGGS) -> Lines:
    boxes: Count = boxes_for(eggs, 6)
    return locals()
'''
BOOK = """
from reckoner.book import Book
from tiny.formulary import formulary
BOOK = Book("tiny", ("packing",), formulary, {}, ())
"""
FORMULARY = """
from reckoner.declare.formulas import Formulary, Symbol
formulary = Formulary({name: Symbol(name[0], "the " + name) for name in ("boxes", "eggs", "size")})
formula = formulary.formula
"""
CELLS = (
    "eggs: float = 24.0  # [count] eggs",
    "from reckoner.show.notebook import Chapter\nfrom tiny.book import BOOK\n"
    "chapter = Chapter(BOOK, 'packing', globals())\n"
    "chapter.say(f'They fill {chapter.words.boxes} boxes.')",
)


@pytest.fixture
def tiny(tmp_path):
    """A book of one chapter."""
    package = tmp_path / "lib" / "tiny"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "packing.py").write_text(MODULE)
    (package / "book.py").write_text(BOOK)
    (package / "formulary.py").write_text(FORMULARY)
    (package / "book_units.py").write_text(
        'from typing import Annotated, Any\nCount = Annotated[Any, "count"]\n'
    )
    (tmp_path / "notebooks").mkdir()
    write_notebook(tmp_path, *CELLS)
    pages = tmp_path / "book"
    pages.mkdir()
    (pages / "index.md").write_text("# Eggs\n\nThey fill {{ packing.boxes }} boxes.\n")
    (pages / "references.bib").touch()
    shutil.copytree(ROOT / "book" / "_static", pages / "_static")
    shutil.copy(ROOT / "_config.yml", tmp_path)
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n  - file: notebooks/packing\n"
    )
    return tmp_path


def write_notebook(folder, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    cells = [nbformat.v4.new_markdown_cell("# Packing"), *cells]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "notebooks" / "packing.ipynb")


def begun(folder, module="tiny.book", temporary=None):
    """A build as a process of its own group."""
    found = {"PYTHONPATH": f"{folder / 'lib'}{os.pathsep}{ROOT / 'lib'}", "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(
        [sys.executable, "-m", "reckoner.site.build", "book", module],
        cwd=folder,
        env={**found, "HOME": str(folder), **({"TMPDIR": temporary} if temporary else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def build(folder, module="tiny.book", temporary=None):
    process = begun(folder, module, temporary)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def alive(process, temporary):
    """The processes of a build that are still there, kernels included."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True
    )
    return [
        line
        for line in listed.stdout.splitlines()
        if (line.split()[0] == str(process.pid) or temporary in line)
        and not line.split()[1].startswith("Z")
    ]


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


ENDLESS = "from pathlib import Path\nimport time\nPath('begun').touch()\ntime.sleep(300)"


@pytest.fixture
def busy(tiny):
    """A build whose notebook has begun and does not end by itself, and its temporary folder."""
    write_notebook(tiny, *CELLS, ENDLESS)
    with tempfile.TemporaryDirectory(prefix="t-") as temporary:  # a short path, as sockets need
        process = begun(tiny, temporary=temporary)
        try:
            until(lambda: list(tiny.rglob("begun")) or process.poll() is not None)
            assert process.poll() is None, process.communicate()
            yield tiny, process, temporary
        finally:
            process.kill()


@pytest.mark.parametrize("how", ["SIGTERM", "Ctrl-C"])
def test_a_build_that_is_stopped_says_so_in_one_line_and_leaves_nothing(busy, how):
    _, process, temporary = busy
    if how == "SIGTERM":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert said == "stopped; the same command goes on from there\n"
    assert process.returncode == 130
    until(lambda: not alive(process, temporary), 10)
    assert os.listdir(temporary) == []


def test_a_build_that_is_killed_leaves_no_process_and_the_next_one_tidies(busy):
    folder, process, temporary = busy
    process.kill()
    process.wait()
    until(lambda: not alive(process, temporary), 10)
    assert os.listdir(temporary)
    write_notebook(folder, *CELLS)
    again = build(folder, temporary=temporary)
    assert again.returncode == 0, again.stderr
    assert os.listdir(temporary) == []


def test_of_two_builds_in_one_folder_the_second_is_refused(busy):
    folder, _, _ = busy
    refused = build(folder)
    assert refused.returncode == 1 and not refused.stdout
    where = folder.resolve() / "_build"
    assert refused.stderr == f"another build is at work in {where}; wait for it\n"


def site(folder, page):
    """A page's text, its numbers without their links."""
    text = (folder / "_build" / "html" / page).read_text(encoding="utf-8")
    return re.sub(r'<a class="number"[^>]*>(.*?)</a>', r"\1", text)


def test_what_changes_is_done_again_and_nothing_else(tiny):
    first = build(tiny)
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.strip().splitlines()[-1].endswith("/_build/html/index.html")
    assert "They fill 4 boxes" in site(tiny, "book/index.html")
    assert "They fill 4 boxes" in site(tiny, "notebooks/packing.html")

    second = build(tiny)
    assert second.returncode == 0
    assert "-- run notebooks/packing.ipynb" in second.stdout
    assert "-- build the site" in second.stdout

    module = tiny / "lib" / "tiny" / "packing.py"
    stamp = module.stat()
    module.write_text(MODULE.replace("boxes_for(eggs, 6)", "boxes_for(eggs, 8)"))
    os.utime(module, (stamp.st_atime, stamp.st_mtime - 3600))  # of the same size, and older
    third = build(tiny)
    assert third.returncode == 0
    assert "They fill 3 boxes" in site(tiny, "book/index.html")
    assert "They fill 3 boxes" in site(tiny, "notebooks/packing.html")


def test_a_failing_cell_stops_the_build_with_its_name(tiny):
    write_notebook(tiny, *CELLS, "1 / 0")
    failed = build(tiny)
    assert failed.returncode != 0
    assert "notebooks/packing.ipynb, cell 4: ZeroDivisionError" in failed.stdout + failed.stderr
    assert not (tiny / "_build" / "html").exists()


def test_a_warning_stops_every_build(tiny):
    page = tiny / "book" / "index.md"
    page.write_text(page.read_text() + "\nSee {numref}`fig-that-is-missing`.\n")
    for _ in range(2):
        failed = build(tiny)
        assert failed.returncode != 0
        assert "fig-that-is-missing" in failed.stdout + failed.stderr


def test_a_page_that_names_nothing_stops_the_build(tiny):
    page = tiny / "book" / "index.md"
    page.write_text(page.read_text() + "\n{{ packing.crates }}\n")
    failed = build(tiny)
    assert failed.returncode != 0
    assert "book/index.md" in failed.stdout + failed.stderr
    assert "crates" in failed.stdout + failed.stderr


def test_a_wrong_row_stops_the_build_of_this_book(tmp_path):
    shutil.copytree(ROOT / "lib", tmp_path / "lib")
    chips = tmp_path / "lib" / "inference_economics" / "data" / "chips.csv"
    text = chips.read_text(encoding="utf-8")
    assert text.count("memory,230,MB") == 1
    chips.write_text(text.replace("memory,230,MB", "memory,-230,MB"), encoding="utf-8")
    failed = build(tmp_path, "inference_economics.book")
    assert failed.returncode != 0
    assert "chips.csv, line 2 (row 'C0001'), column 'value'" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_row_that_is_gone_stops_the_build_of_this_book(tmp_path):
    shutil.copytree(ROOT / "lib", tmp_path / "lib")
    claims = tmp_path / "lib" / "inference_economics" / "data" / "claims.csv"
    lines = claims.read_text(encoding="utf-8").splitlines(keepends=True)
    gone = next(line for line in lines if line.startswith("no-hbm-or-dram,"))
    claims.write_text("".join(line for line in lines if line is not gone), encoding="utf-8")
    failed = build(tmp_path, "inference_economics.book")
    assert failed.returncode == 1 and not failed.stdout
    assert failed.stderr.startswith("claims.csv: row 'no-hbm-or-dram' is missing; put it back")
    assert failed.stderr.count("\n") == 1
