"""The page of what was tried counts what the tests hold now."""

import csv
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_the_counts_are_those_of_the_tests():
    code = "import json, tried; print(json.dumps(tried.counted(tried.found())))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=True
    )
    with (HERE / "tried.csv").open(encoding="utf-8", newline="") as file:
        stored = list(csv.DictReader(file))
    found = json.loads(done.stdout)
    assert found == stored, "run .venv/bin/python tests/tried.py"
    assert all(int(row["cases"]) > 0 for row in stored)
