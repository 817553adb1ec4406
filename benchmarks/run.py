"""All benchmarks, one after another, and what they find in one table: benchmarks/results.csv.

    make bench                      all of them (an hour, with what the peers have to download)
    make bench PARTS="sweeps pages"  some

Each row says when and on which machine it was measured. Rows of parts that were not run, or could
not be, stay as they were. Peers are installed in environments of their own below _build/bench.
"""

from __future__ import annotations

import csv
import datetime
import os
import platform
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import psutil

from record import KEEP

ROOT = Path(__file__).parent.parent
HERE = ROOT / "benchmarks"
PLACE = ROOT / "_build" / "bench"
RESULTS = HERE / "results.csv"
COLUMNS = ("part", "what", "value", "unit", "wanted", "date", "commit", "machine", "load")
PYTHON = "{peers}"
"""Stands for the Python of a part's peers among its arguments."""


@dataclass(frozen=True)
class Part:
    """A benchmark: its script, its arguments, and what its peers need.

    Attributes:
        script: the script.
        arguments: what it is given; `{peers}` is the Python of its peers.
        peers: packages for an environment of their own.
        variable: a variable that names the Python of its peers.
        inside: whether the script itself runs in that environment.
    """

    script: str
    arguments: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    variable: str = ""
    inside: bool = False


PARTS = {
    "formulas": Part("formulas.py"),
    "sweeps": Part("sweep.py", peers=("llm-analysis",), variable="LLM_ANALYSIS"),
    "notebooks": Part("notebooks_sweep.py"),
    "build": Part("build.py", ("1",)),
    "pages": Part("live.py"),
    "accuracy": Part("serving_peers.py", (PYTHON,), ("llm-analysis", "genz-llm", "aiconfigurator")),
    "parameters": Part("count_parameters.py", (), ("transformers", "torch"), "", True),
}


def machine() -> str:
    """The machine in words."""
    names = {line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")}
    processor = ", ".join(sorted(names)) or platform.processor() or platform.machine()
    memory = psutil.virtual_memory().total / 1e9
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{processor}, {cores} cores, {memory:.0f} GB, {system}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def peers_of(name: str, part: Part) -> Path | None:
    """The Python that has the peers of a part, installed once; nothing where they cannot be."""
    folder = PLACE / "-".join(part.peers).replace(" ", "-")
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        print(f"· installing {', '.join(part.peers)}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *part.peers]
        if subprocess.run(command, check=False).returncode:
            print(f"{name}: its peers could not be installed", file=sys.stderr)
            return None
        done.touch()
    return python


def run(name: str, part: Part) -> list[list[str]] | None:
    """Run a part; what it found, or nothing where it failed."""
    python = peers_of(name, part) if part.peers else None
    if part.peers and python is None:
        return None
    print(f"· {name}: benchmarks/{part.script}", flush=True)
    PLACE.mkdir(parents=True, exist_ok=True)
    found = PLACE / "found.csv"
    found.unlink(missing_ok=True)
    environment = {**os.environ, KEEP: str(found)}
    if part.variable:
        environment[part.variable] = str(python)
    arguments = [str(python) if each == PYTHON else each for each in part.arguments]
    own = str(python) if part.inside else sys.executable
    done = subprocess.run(
        [own, str(HERE / part.script), *arguments], cwd=ROOT, env=environment, check=False
    )
    if done.returncode or not found.exists():
        print(f"{name}: it failed; what was known of it stays", file=sys.stderr)
        return None
    with found.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def commit() -> str:
    """The commit that is measured."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def known() -> dict[str, list[list[str]]]:
    """The rows that are stored, by part."""
    rows: dict[str, list[list[str]]] = {}
    if RESULTS.exists():
        with RESULTS.open(newline="", encoding="utf-8") as file:
            for row in list(csv.reader(file))[1:]:
                rows.setdefault(row[0], []).append(row)
    return rows


def store(rows: dict[str, list[list[str]]]) -> None:
    """Write the table, its parts in their order."""
    partial = RESULTS.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row for part in PARTS for row in rows.get(part, []))
    partial.replace(RESULTS)


def main(*wanted: str) -> int:
    """Run the parts that are wanted, or all; 1 where one could not be run."""
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    failed = False
    for name, part in PARTS.items():
        if wanted and name not in wanted:
            continue
        load = f"{os.getloadavg()[0]:.1f}"
        found = run(name, part)
        failed |= found is None
        if found is not None:
            about = (datetime.date.today().isoformat(), commit(), machine(), load)
            store({**known(), name: [[name, *row, *about] for row in found]})
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
