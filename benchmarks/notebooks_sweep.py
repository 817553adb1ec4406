"""32 runs of a notebook: `sweep --notebooks` against 32 papermill commands, one after another.

    .venv/bin/python benchmarks/notebooks_sweep.py [points]

Both run `batching` at the same batch sizes, in one run on this machine, from the start of the first
command to the end of the last. The sweep uses two processes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import record

ROOT = Path(__file__).parent.parent


def run(*arguments: str) -> None:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True, **quiet)


def main(points: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        run(
            "inference_economics.command", "sweep", "batching", "--notebooks", "--workers", "2",
            "-p", f"batch_size={','.join(map(str, range(1, points + 1)))}",
            "-o", f"{place}/table.csv",
        )  # fmt: skip
        swept = time.perf_counter() - start
        assert len(list(Path(place, "table.csv.notebooks").iterdir())) == points
        start = time.perf_counter()
        for batch in range(1, points + 1):
            out = f"{place}/{batch}.ipynb"
            run("papermill", "notebooks/batching.ipynb", out, "-p", "batch_size", str(batch))
        plain = time.perf_counter() - start
    record(f"{points} notebooks by papermill, one after another", plain, "s")
    record(f"{points} notebooks by a sweep with two processes", swept, "s")
    record("the second over the first", swept / plain, "ratio", 0.6)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 32)
