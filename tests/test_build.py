"""The build on a small book of its own: what it notices, and how it fails."""

import os
import re
import shutil
import subprocess
import sys
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


def build(folder, module="tiny.book"):
    return subprocess.run(
        [sys.executable, "-m", "reckoner.site.build", "book", module],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "lib"), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


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
