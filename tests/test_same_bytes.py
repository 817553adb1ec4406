"""The book does not depend on where, when or how often it is built: the same bytes, each time."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reckoner.site import build

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "_build"
AGAIN = """
from inference_economics.book import BOOK
from reckoner.site import build
build.stage(BOOK)
assert build.build_site()
build.write_claims(BOOK, build.CLAIMS)
"""
"""What `make book` does once the notebooks are executed."""


def content(folder):
    """The bytes of every file of a folder, hidden ones too."""
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The book built again: in another folder, with other hashes, time zone and language."""
    folder = tmp_path_factory.mktemp("another folder")
    for name in ("book", "tests", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_config.yml", "_toc.yml", *build.BESIDE):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(BUILT / "notebooks", folder / "_build" / "notebooks")
    others = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-c", AGAIN],
        cwd=folder,
        env={**os.environ, **others, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build"


def test_the_executed_notebooks_are_the_stored_ones():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert (BUILT / "notebooks" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("part", ["source", "html"])
def test_a_second_build_elsewhere_gives_the_same_bytes(elsewhere, part):
    first, second = content(BUILT / part), content(elsewhere / part)
    gone = [str(name) for name in first.keys() ^ second.keys()]
    assert gone == [], "left from a build of other pages; `make clean` and build again"
    assert [str(name) for name in first if first[name] != second[name]] == []
    assert part == "source" or Path(".buildinfo") in first


def test_so_does_the_ledger(elsewhere):
    assert (BUILT / "claims.csv").read_bytes() == (elsewhere / "claims.csv").read_bytes()
