"""Files that a person gives: text, JSON, TOML and tables, read rightly or refused in one line.

Every message names the file, and the line where there is one. Nothing is guessed: a table is a
header and rows of as many cells, separated by commas, semicolons or tabs.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class DataError(ValueError):
    """A file has something wrong in it. The message names the file and the place."""


SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path) -> str:
    """A file's text, with or without a byte-order mark.

    Raises:
        DataError: it is not UTF-8; the message names the line.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    if content.startswith(_WIDE):
        raise DataError(f"{path}: UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8, perhaps Latin-1; save it as UTF-8"
        ) from None


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        DataError: it is not JSON, or says something twice.
        OSError: it cannot be read.
    """
    try:
        return json.loads(read_text(path), object_pairs_hook=_once)
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path}: {error}") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {_first_line(error)}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds.

    Raises:
        DataError: it is not TOML.
        OSError: it cannot be read.
    """
    try:
        return tomllib.loads(read_text(path).replace("\r\n", "\n"))
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not TOML: {_first_line(error)}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise DataError(f"{name[:80]!r} stands twice; write it once")
        found[name] = value
    return found


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


@dataclass(frozen=True)
class Given:
    """A row of a table: its cells by column, and the line of the file on which it begins."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table that a person gave.

    Attributes:
        path: the file.
        columns: the names in its header.
        rows: its rows, blank ones left out.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Given, ...]


def read_table(path: Path) -> Table:
    """A table of text: a header, and rows of as many cells.

    Spaces around a cell, lines without a cell and empty cells beyond the header's end do not count.

    Raises:
        DataError: it is none; the message names file, line and what to do.
        OSError: it cannot be read.
    """
    text = read_text(path)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}, line {line}: it has a zero byte; save it as text")
    records = _records(path, text)
    try:
        at, header = next(records)
    except StopIteration:
        raise DataError(f"{path}: it is empty; the first line names the columns") from None
    columns = _header(path, at, header)
    rows = [Given(line, _row(path, line, columns, cells)) for line, cells in records]
    return Table(path, columns, tuple(rows))


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with the line on which it begins."""
    first = next((line for line in text.splitlines() if line.strip(" \t,;")), "")
    mark = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True,
                        skipinitialspace=True)  # fmt: skip
    begins = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield begins, stripped
            begins = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {begins}: not a table of {SEPARATORS[mark]}: {error}"
        ) from None


def _header(path: Path, line: int, cells: Sequence[str]) -> tuple[str, ...]:
    names = list(cells)
    while names and not names[-1]:
        names.pop()
    for place, name in enumerate(names, start=1):
        if not name:
            raise DataError(
                f"{path}, line {line}: column {place} has no name; name it, or write the table "
                "without row names (R: row.names=FALSE, pandas: index=False)"
            )
        if name in names[: place - 1]:
            raise DataError(f"{path}, line {line}, column {name!r}: it stands twice; remove one")
    return tuple(names)


def _row(path: Path, line: int, columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    filled = list(cells)
    while len(filled) > len(columns) and not filled[-1]:
        filled.pop()
    if len(filled) < len(columns):
        raise DataError(
            f"{path}, line {line} (row {filled[0]!r}), column {columns[len(filled)]!r}: expected a "
            f"string; the line has {len(filled)} cells, the header {len(columns)}"
        )
    if len(filled) > len(columns):
        raise DataError(
            f"{path}, line {line}: it has {len(filled)} cells, the header {len(columns)}; row "
            "names need a column of their own (R: row.names=FALSE), and decimal commas semicolons "
            "between the cells"
        )
    return dict(zip(columns, filled, strict=True))
