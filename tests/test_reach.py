"""A notebook is run again when a file that its output rests on has changed: none is overlooked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from inference_economics.book import BOOK
from reckoner.site.build import tasks
from reckoner.site.reach import reach

ROOT = Path(__file__).parent.parent
LIBRARY = Path("lib")
WATCHED = """
import json, sys
used = set()
sys.addaudithook(lambda event, given: used.add(str(given[0])) if event == "open" else None)
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in json.loads(sys.stdin.read()):
    shell.run_cell(cell).raise_error()
used |= {str(getattr(module, "__file__", None)) for module in list(sys.modules.values())}
print(json.dumps(sorted(used)))
"""
"""Runs cells, then says which files were opened and which modules imported."""


@pytest.fixture(scope="module")
def declared():
    """The files on which each notebook's task depends, by chapter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        found = tasks(BOOK, LIBRARY)["task_notebook"]()
        return {task["name"]: set(task["file_dep"]) for task in found}


def files_used(chapter):
    """The library's files that a notebook imports or opens, run in a fresh interpreter."""
    cells = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4).cells
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        input=json.dumps([cell.source for cell in cells if cell.cell_type == "code"]),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / LIBRARY)},
        capture_output=True,
        text=True,
        check=True,
    )
    paths = map(Path, json.loads(done.stdout.splitlines()[-1]))
    library = ROOT / LIBRARY
    inside = {path.relative_to(ROOT) for path in paths if path.is_relative_to(library)}
    return {str(path) for path in inside if path.suffix != ".pyc" and (ROOT / path).is_file()}


@pytest.mark.parametrize("chapter", BOOK.chapters)
def test_every_file_that_a_notebook_uses_is_one_that_it_depends_on(declared, chapter):
    used = files_used(chapter)
    assert f"lib/inference_economics/worksheets/{chapter}.py" in used
    assert "lib/inference_economics/data/claims.csv" in used
    assert not used - declared[chapter]


def test_no_chapter_is_reached_by_all(declared):
    for chapter in BOOK.chapters:
        worksheet = f"lib/inference_economics/worksheets/{chapter}.py"
        reaching = [name for name, files in declared.items() if worksheet in files]
        assert chapter in reaching
        assert len(reaching) < len(BOOK.chapters), worksheet


def test_the_books_description_is_reached_by_all(declared):
    for name in ("book.py", "data/claims.csv"):
        assert all(f"lib/inference_economics/{name}" in files for files in declared.values())


@pytest.mark.parametrize("cell", [None, "from inference_economics import ("])
def test_a_notebook_that_cannot_be_read_depends_on_everything(tmp_path, cell):
    notebook = tmp_path / "capacity.ipynb"
    if cell:
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)]), notebook)
    library = ROOT / LIBRARY
    everything = {str(path) for kind in ("*.py", "*.csv") for path in library.rglob(kind)}
    assert set(reach(BOOK, "capacity", notebook, library)) == everything
