"""How much of the library the tests run, by room, for the page that says so.

    make coverage

runs all tests and calls this: it reads what coverage.py counted and writes `covered.csv`, with the
lines and branches of each room and how many of them were run.
"""

import csv
import json
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
WITHOUT_A_CARD = "a card of NVIDIA"
"""The room of the modules that only a card runs; the kit ran them on two."""
OF_A_CARD = {"card.py", "cuda.py", "sweep.py"}


def room_of(path: Path) -> str:
    """The package and the folder of a module."""
    inner = path.parts[path.parts.index("lib") + 1 :]
    if "measure" in inner and path.name in OF_A_CARD:
        return WITHOUT_A_CARD
    return "/".join(inner[:2]).removesuffix(".py")


def main(report: Path) -> None:
    """Write the counts of a report in JSON, by room."""
    parts: Counter[str] = Counter()
    run: Counter[str] = Counter()
    for name, found in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        counted, room = found["summary"], room_of(Path(name))
        parts[room] += counted["num_statements"] + counted["num_branches"]
        run[room] += counted["covered_lines"] + counted["covered_branches"]
    with (HERE / "covered.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("room", "parts", "run"))
        writer.writerows((room, parts[room], run[room]) for room in sorted(parts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
