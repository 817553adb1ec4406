"""How long `make book` takes against the plain way, on this machine, in one run.

The plain way: each notebook through papermill's command, one after another, then jupyter-book.
Both run in copies of the repository, with the same environment, in turn, `rounds` times.

    .venv/bin/python benchmarks/build.py [rounds]
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from reckoner.site.build import BESIDE
from record import record

NAMES = {
    "plain": "each notebook in turn by papermill, then jupyter-book",
    "make book": "`make book`",
    "nothing changed": "`make book` again, nothing changed",
}
ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PARTS = ("book", "notebooks", "lib", "_config.yml", "_toc.yml", "tests", "benchmarks", *BESIDE)


def copy(folder: Path) -> Path:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    return folder


def run(folder: Path, *command: str) -> None:
    subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plain(folder: Path) -> None:
    """Run the notebooks in turn, fill in the pages, build the site."""
    executed = folder / "_build" / "notebooks"
    executed.mkdir(parents=True)
    for notebook in sorted((folder / "notebooks").glob("*.ipynb")):
        run(folder, "papermill", str(notebook), str(executed / notebook.name))
    stage = "import inference_economics.book as b, reckoner.site.build as r; r.stage(b.BOOK)"
    run(folder, "python", "-c", stage)
    run(folder, "jupyter-book", "build", "_build/source", "--path-output", ".")


def book(folder: Path) -> None:
    run(folder, "python", "-m", "reckoner.site.build")


def main(rounds: int) -> None:
    times: dict[str, list[float]] = {"plain": [], "make book": [], "nothing changed": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            folder, other = copy(Path(first)), copy(Path(second))
            times["plain"].append(seconds(lambda folder=folder: plain(folder)))
            times["make book"].append(seconds(lambda other=other: book(other)))
            times["nothing changed"].append(seconds(lambda other=other: book(other)))
    base = statistics.median(times["plain"])
    for name, measured in times.items():
        median = statistics.median(measured)
        record(f"{NAMES[name]}", median, "s")
        if name != "plain":
            record(f"{NAMES[name]}, of the plain way", median / base, "ratio")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
