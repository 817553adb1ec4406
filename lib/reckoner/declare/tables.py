"""Data files: every row is checked as it is read, and an error names file, row and column."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from reckoner.declare.given import DataError as DataError
from reckoner.declare.given import Given, read_table
from reckoner.declare.units import as_given, is_unit, meant_unit, si

Row = TypeVar("Row", bound=BaseModel)


def _known_unit(unit: str) -> str:
    if unit not in {"text", "date"} and not is_unit(unit):
        meant = meant_unit(unit)
        hint = f"did you mean {meant}?" if meant else "write for example GB, TB/s, TFLOP/s or W"
        raise ValueError(f"unknown unit {unit!r:.80}; {hint}")
    return unit


def _plain_number(cell: object) -> object:
    if isinstance(cell, str) and not (cell.isascii() and "_" not in cell):
        raise ValueError("write the number with digits, a point and an exponent alone")
    return cell


Text = Annotated[str, Field(min_length=1)]
Number = Annotated[float, BeforeValidator(_plain_number), Field(allow_inf_nan=False)]
Year = Annotated[str, Field(pattern=r"^([0-9]{4})?$")]
UnitName = Annotated[str, Field(min_length=1), AfterValidator(_known_unit)]


class Constant(BaseModel):
    """One sourced figure: a row of a data file.

    Attributes:
        id: unique in its file.
        key: what it is about, as a name in code; `key.quantity` is unique over all files.
        subject: the same for readers.
        quantity: which of its quantities.
        value: a number in `unit`, or a text.
        unit: a unit that the book knows, or "text" or "date".
        verified: whether the figure was seen in the source's text.
        source: who says so.
        locator: where exactly.
        note: doubts and corrections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text
    key: Text
    subject: Text
    quantity: Text
    value: Annotated[
        Annotated[float, BeforeValidator(_plain_number)] | Text, Field(union_mode="left_to_right")
    ]
    unit: UnitName
    verified: bool
    source: Text
    locator: str
    note: str

    @model_validator(mode="after")
    def _number_where_a_unit_is(self) -> Constant:
        if self.verified and not self.locator:
            raise ValueError("locator: is empty; a verified figure says where it was seen")
        if self.unit in {"text", "date"}:
            return self
        if not isinstance(self.value, float):
            raise ValueError(f"value: {self.value!r} is not a number, as unit {self.unit!r} asks")
        if not 0 <= self.value < float("inf"):
            raise ValueError(f"value: must be finite and not negative, is {self.value}")
        return self

    @property
    def address(self) -> str:
        return f"{self.key}.{self.quantity}"

    @property
    def words(self) -> str:
        """The value as a reader sees it: in its source's unit, unless that takes many zeros."""
        return self.value if isinstance(self.value, str) else as_given(self.value, self.unit)

    @property
    def si(self) -> float:
        """The value in base units.

        Raises:
            DataError: the row holds a text.
        """
        if isinstance(self.value, str):
            raise DataError(f"{self.address} ({self.id}) is a text, not a number: {self.value!r}")
        return float(si(self.value, self.unit))


def read_rows(path: Path, row_type: type[Row], unique: tuple[str, ...] = ()) -> list[Row]:
    """The rows of a CSV file, each checked.

    Args:
        path: the file; its header must be the fields of `row_type`.
        row_type: what a row must be.
        unique: columns in which no value may stand twice.

    Raises:
        DataError: a column is missing or unknown, a value is wrong, or a name stands twice.
    """
    table = read_table(path)
    expected = tuple(row_type.model_fields)
    if table.columns != expected:
        raise DataError(
            f"{path.name}, header: expected the columns {', '.join(expected)}; "
            f"found {', '.join(table.columns)}"
        )
    if not table.rows:
        raise DataError(f"{path.name}: it has a header and no row")
    rows = [_checked(path, given, row_type) for given in table.rows]
    lines = [given.line for given in table.rows]
    for column in unique:
        _refuse_twice(path, column, [getattr(row, column) for row in rows], lines)
    return rows


def _checked(path: Path, given: Given, row_type: type[Row]) -> Row:
    name = next(iter(given.cells.values()))
    for column, cell in given.cells.items():
        for mark in cell:
            if mark != "\n" and unicodedata.category(mark).startswith("C"):
                raise DataError(
                    f"{path.name}, line {given.line} (row {name!r}), column {column!r}: it has a "
                    f"character that is not seen, U+{ord(mark):04X}; remove it"
                )
    try:
        return row_type.model_validate(given.cells)
    except ValidationError as error:
        column, message = fault_of(error)
        found = given.cells.get(column)
        raise DataError(
            f"{path.name}, line {given.line} (row {name!r}), column {column!r}: {message}"
            + (f"; found {found!r}" if found is not None else "")
        ) from None


def fault_of(error: ValidationError) -> tuple[str, str]:
    """The column of the first fault in a row, and what is wrong with it."""
    fault = error.errors()[0]
    column, message = str(fault["loc"][0]) if fault["loc"] else "", fault["msg"]
    message = message.removeprefix("Value error, ")
    if not column and ": " in message:
        column, message = message.split(": ", 1)
    return column, message


def _refuse_twice(path: Path, column: str, names: list[str], lines: list[int]) -> None:
    seen: dict[str, int] = {}
    for line, name in zip(lines, names, strict=True):
        if name in seen:
            raise DataError(
                f"{path.name}, row {line}, column {column!r}: {name!r} stands in row "
                f"{seen[name]} already; a name stands once"
            )
        seen[name] = line
