"""The rooms of lib/: what may import what, and how long a module may be."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

LIB = Path(__file__).parent.parent / "lib"
FILES = {
    ".".join(path.relative_to(LIB).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(LIB.rglob("*.py"))
}
LONGEST = 400
WORKSHEETS = "inference_economics.worksheets."
SUBJECT = {"card", "chip", "gpu", "groq", "inference", "llama", "nvidia", "serving", "sram"}
OF_BOOK = "inference_economics."
QUIET = ("catalog", "choices", "formulas", "hindsight", "machines", "serving", "units")
"""The parts of the book's library that read no data before someone asks."""

IMPORTS_AND_READS = r"""
import importlib, sys
read = []
sys.addaudithook(lambda event, args: event == "open" and read.append(str(args[0])))
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*{path for path in read if path.endswith(".csv")}, sep="\n")
"""


@cache
def imports(module):
    """The full names that a module imports anywhere in it, functions included."""
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports by a relative name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def neighbours(module):
    """The modules of lib/ that a module imports, itself or a name from them."""
    return {
        name if name in FILES else name.rpartition(".")[0]
        for name in imports(module)
        if {name, name.rpartition(".")[0]} & {*FILES}
    }


def of_package(*packages):
    return [name for name in FILES if name.startswith(tuple(f"{each}." for each in packages))]


def test_no_module_imports_itself_through_others():
    graph = {module: neighbours(module) for module in FILES}
    assert graph["inference_economics.command"] >= {"inference_economics.book"}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", FILES)
def test_a_module_is_read_in_one_sitting(module):
    assert len(FILES[module].read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("module", of_package("reckoner"))
def test_the_machinery_does_not_know_the_subject(module):
    words = {word for name in imports(module) for word in name.lower().replace("_", ".").split(".")}
    assert not words & SUBJECT


@pytest.mark.parametrize("module", of_package("inference_economics.formulas"))
def test_formulas_know_no_chapter_and_no_machine(module):
    rooms = ("worksheets", "machines", "serving", "hindsight", "choices", "inputs", "book")
    assert not {
        name
        for name in imports(module)
        if name.startswith(tuple(f"inference_economics.{room}" for room in rooms))
    }


@pytest.mark.parametrize(
    "module", of_package(*(f"inference_economics.{room}" for room in ("machines", "serving")))
)
def test_machines_know_no_chapter(module):
    assert not {name for name in imports(module) if name.startswith(WORKSHEETS[:-1])}


@pytest.mark.parametrize("module", of_package(WORKSHEETS[:-1]))
def test_a_chapter_borrows_from_no_chapter(module):
    assert not {name for name in neighbours(module) if name.startswith(WORKSHEETS)}


def test_data_are_read_when_asked_for_and_not_by_an_import():
    """A wrong row must be told by what uses it; it must not make an import fail."""
    quiet = [OF_BOOK + room for room in QUIET]
    modules = [name for name in FILES if name.startswith(tuple(quiet))]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS_AND_READS, *modules],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    assert [Path(path).name for path in done.stdout.splitlines()] == ["quantities.csv"]
