"""What the benchmarks found, as tables for a page of the book."""

from __future__ import annotations

import csv
import html
import re
from dataclasses import dataclass
from pathlib import Path

from reckoner.declare.tables import DataError
from reckoner.declare.units import number

COLUMNS = ["part", "what", "value", "unit", "wanted", "date", "commit", "machine", "load"]


@dataclass(frozen=True)
class Benchmark:
    """One benchmark with what it found.

    Attributes:
        name: what is measured.
        rows: what was found, each by its column.
    """

    name: str
    rows: tuple[dict[str, str], ...]

    @property
    def about(self) -> str:
        """When and where it was measured."""
        row = self.rows[0]
        return (
            f"Measured on {row['date']}, commit `{row['commit'][:12]}`, on {row['machine']}; "
            f"{row['load']} processes at work as it began."
        )

    @property
    def table(self) -> str:
        """What was found, as a table."""
        lines = "".join(
            f"<tr><td>{_with_code(row['what'])}</td> <td>{html.escape(_value(row))}</td> "
            f"<td>{html.escape(row['wanted'])}{_held(row)}</td></tr> "
            for row in self.rows
        )
        head = "".join(f'<th scope="col">{name}</th> ' for name in ("What", "Found", "Wanted"))
        return (
            '<div class="table-scroll" tabindex="0"><table>'
            f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
        )


def benchmarks(path: Path) -> list[Benchmark]:
    """What the table of results says, by benchmark; nothing where there is no table.

    Raises:
        DataError: it is no table of results.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if reader.fieldnames != COLUMNS:
        raise DataError(f"{path}: its columns are not {', '.join(COLUMNS)}; run `make bench`")
    found: dict[str, list[dict[str, str]]] = {}
    for line, row in enumerate(rows, 2):
        try:
            _held(row)
        except (ValueError, TypeError, AttributeError):
            raise DataError(f"{path}, line {line}: it is cut or has no number") from None
        found.setdefault(row["part"], []).append(row)
    return [Benchmark(name, tuple(rows)) for name, rows in found.items()]


def _with_code(text: str) -> str:
    """A text as HTML, in which what stands between backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _value(row: dict[str, str]) -> str:
    unit = "" if row["unit"] in {"count", "ratio"} else f" {row['unit']}"
    return f"{number(float(row['value']), 4)}{unit}"


def _held(row: dict[str, str]) -> str:
    """Whether what was wanted was found; nothing where nothing was."""
    value = float(row["value"])
    if not row["wanted"]:
        return ""
    bound = float(row["wanted"].split()[-1])
    least = row["wanted"].startswith("at least")
    return ": holds" if (value >= bound if least else value <= bound) else ": missed"
