"""The page of what was tried counts what the tests hold now."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import covered

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


def test_every_room_of_the_library_is_counted_and_hardly_a_line_is_never_run():
    with (HERE / "covered.csv").open(encoding="utf-8", newline="") as file:
        rooms = {row["room"]: (int(row["parts"]), int(row["run"])) for row in csv.DictReader(file)}
    library = HERE.parent / "lib"
    inner = [path.relative_to(library) for path in library.rglob("*.py")]
    assert {covered.room_of(Path("lib") / path) for path in inner} == {*rooms}
    parts, run = (sum(column) for column in zip(*rooms.values(), strict=True))
    assert 0.95 * parts <= run <= parts


def test_a_report_is_counted_by_room(tmp_path, monkeypatch):
    counts = {"num_statements": 10, "num_branches": 4, "covered_lines": 9, "covered_branches": 2}
    names = ("lib/reckoner/files.py", "lib/reckoner/site/take.py", "lib/reckoner/site/said.py",
             "lib/inference_economics/measure/cuda.py")  # fmt: skip
    report = tmp_path / "found.json"
    report.write_text(json.dumps({"files": {name: {"summary": counts} for name in names}}))
    monkeypatch.setattr(covered, "HERE", tmp_path)
    covered.main(report)
    assert (tmp_path / "covered.csv").read_text().splitlines() == [
        "room,parts,run", "a card of NVIDIA,14,11", "reckoner/files,14,11", "reckoner/site,28,22",
    ]  # fmt: skip
