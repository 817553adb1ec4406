"""The manifest of a book's data files: which rows there are, so that none goes missing unnoticed.

A row that is gone, half a file or an emptied cell is no error of its own where nothing asks for it.
So the manifest keeps, for each table, the names of its rows, the kind of each row's unit, and how
many cells of each column are filled. It is written with the stored notebooks; the build compares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reckoner.declare.given import Given, Table, read_json, read_table
from reckoner.declare.tables import DataError
from reckoner.declare.units import base_unit, is_unit, same_dimension

NAME = "manifest.json"
NAMES = ("id", "key", "name", "alias")
"""A table whose first column is one of these has rows with names; others are counted."""
MOST = 3
"""Of so many first columns, at most, a row's name is made."""
ADDRESS = ["key", "quantity"]
"""Columns by which code refers to a row; where there are both, they are part of its name."""
MEANT = "put it back, or run `make notebooks` if it was meant"

Kept = dict[str, Any]


def kept(folder: Path) -> dict[str, Kept]:
    """What the manifest of a folder of tables says of each, as it stands now."""
    return {
        path.relative_to(folder).as_posix(): _of(folder, path)
        for path in sorted(folder.rglob("*.csv"))
    }


def store(folder: Path) -> None:
    """Write the manifest of a folder of tables, into it."""
    text = json.dumps(kept(folder), indent=0, ensure_ascii=False)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def check(folder: Path, new: bool = False) -> None:
    """See that all is there that the manifest of a folder names.

    Args:
        folder: the folder of the tables.
        new: whether also what the manifest does not name is a fault.

    Raises:
        DataError: something is missing or of another kind; the message names file and row.
    """
    try:
        found = list(faults(folder, read_json(folder / NAME), new))
    except (OSError, KeyError, TypeError, AttributeError):
        raise DataError(
            f"{NAME}: it cannot be read; run `make notebooks`, and look what it changed"
        ) from None
    if found:
        raise DataError(found[0])


def faults(folder: Path, known: dict[str, Kept], new: bool = False) -> Iterator[str]:
    """What is not as a manifest says; see `check`."""
    for name, before in known.items():
        if not (folder / name).exists():
            yield f"{name}: the file is missing; {MEANT}"
            continue
        table = read_table(folder / name)
        missing = before["filled"].keys() - {"rows"} - {*table.columns}
        if missing:
            yield f"{name}, line 1, column {min(missing)!r}: it is missing; {MEANT}"
            continue
        if "rows" in before:
            yield from _of_rows(name, table, before, new)
        elif before["digest"] != _digest(table):
            yield f"{name}: it is not as it was, {before['filled']['rows']} rows; {MEANT}"
        yield from _of_filled(name, table, before["filled"])
        yield from _unended(folder / name)
    if new:
        for name in sorted(kept(folder).keys() - known.keys()):
            yield f"{name}: the file is new; run `make notebooks`"


def _of(folder: Path, path: Path) -> Kept:
    table = read_table(path)
    filled = {"rows": len(table.rows), **{name: _filled(table, name) for name in table.columns}}
    columns = _naming(table) if path.parent == folder else []
    if not columns:
        return {"filled": filled, "digest": _digest(table)}
    rows = {_name(row, columns): _unit(row) for row in table.rows}
    return {"filled": filled, "name": columns, "rows": rows}


def _naming(table: Table) -> list[str]:
    """The first columns that tell rows apart, and the address; none where rows have no names."""
    for count in range(1, MOST + 1) if table.columns[0] in NAMES else ():
        columns = list(table.columns[:count])
        if len({_name(row, columns) for row in table.rows}) == len(table.rows):
            return (
                list(dict.fromkeys([*columns, *ADDRESS]))
                if "quantity" in table.columns
                else columns
            )
    return []


def _name(row: Given, columns: list[str]) -> str:
    return ", ".join(filter(None, (row.cells[column] for column in columns)))


def _unit(row: Given) -> str:
    unit = row.cells.get("unit", "")
    return base_unit(unit) if is_unit(unit) else unit


def _filled(table: Table, column: str) -> int:
    return sum(bool(row.cells[column]) for row in table.rows)


def _digest(table: Table) -> str:
    text = json.dumps([list(row.cells.values()) for row in table.rows])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _of_rows(name: str, table: Table, before: Kept, new: bool) -> Iterator[str]:
    now = {_name(row, before["name"]): row for row in table.rows}
    missing = [row for row in before["rows"] if row not in now]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        yield f"{name}: row {missing[0]!r}{more} is missing; {MEANT}"
    for row, unit in before["rows"].items():
        if row in now and (found := _unit(now[row])) != unit and not same_dimension(found, unit):
            where = f"{name}, line {now[row].line} (row {row!r}), column 'unit'"
            yield f"{where}: {found!r} is no unit of what was in {unit!r}; {MEANT}"
    if new:
        for row in now.keys() - before["rows"].keys():
            yield f"{name}, line {now[row].line} (row {row!r}): it is new; run `make notebooks`"


def _of_filled(name: str, table: Table, filled: dict[str, int]) -> Iterator[str]:
    for column in table.columns:
        found, before = _filled(table, column), filled.get(column, 0)
        if found < before:
            yield f"{name}, column {column!r}: {found} cells are filled and {before} were; {MEANT}"


def _unended(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        line = content.count(b"\n") + 1
        yield f"{path.name}, line {line}: the last line does not end; is the file cut short?"
