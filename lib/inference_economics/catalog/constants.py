"""The catalog: every constant of the book, checked and with its source.

`constant("h100_sxm.memory")` is one row, `chip("h100_sxm").memory` its value in base units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from inference_economics.catalog.asked import asked
from inference_economics.quantities import DATA
from reckoner.declare.parameters import nearest
from reckoner.declare.tables import Constant, DataError, Text, Year, read_rows
from reckoner.declare.trace import read

FILES = ("chips", "models", "prices", "history", "served", "hindsight", "serving")


class MissingConstantError(AttributeError):
    """A chip or model has no row for a quantity. The message says which rows it has."""


class ChipName(BaseModel):
    """A row of chip_names.csv."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Text
    name: Text
    maker: Text
    year: Year
    memory_kind: Text


class ChipAlias(BaseModel):
    """A row of chip_aliases.csv: a shorter name for a chip."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alias: Text
    key: Text


class ModelName(BaseModel):
    """A row of model_names.csv."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Text
    name: Text
    maker: Text
    year: Year
    attention: Text


class _Values(dict[str, Any]):
    """A record's constants by quantity; a trace notes which are read."""

    def __init__(self, key: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._key = key

    def __getitem__(self, quantity: str) -> Any:
        return read(f"{self._key}.{quantity}", super().__getitem__(quantity))

    def get(self, quantity: str, default: Any = None) -> Any:
        if quantity not in self:
            return default
        return self[quantity]

    def __reduce__(self) -> Any:
        return _Values, (self._key, dict(self))


@dataclass(frozen=True)
class Record:
    """A chip or a model: its constants in base units, as attributes.

    Args:
        key: its name in code.
        name: its name for readers.
        values: its constants by quantity; floats, or arrays and expressions in a sweep.
        notes: how it was taken from a file, in words.
    """

    key: str
    name: str
    values: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _Values(self.key, self.values))

    def __getattr__(self, quantity: str) -> Any:
        if quantity.startswith("__"):
            raise AttributeError(quantity)
        try:
            return self.values[quantity]
        except KeyError:
            raise MissingConstantError(
                f"{self.key} has no {quantity!r}; add a row to its data file. "
                f"It has {', '.join(self.values)}"
            ) from None

    def replaced(self, quantity: str, value: Any) -> Self:
        """The same with another value of one constant, in base units."""
        return replace(self, values={**self.values, quantity: value})

    def has(self, *quantities: str) -> bool:
        """Whether all of these constants are known."""
        return all(quantity in self.values for quantity in quantities)


class Chip(Record):
    """An accelerator: memory (B), memory_bandwidth (B/s), fp16_compute (FLOP/s) and so on."""


class Model(Record):
    """A transformer: layers, hidden_size, kv_heads, head_dim, ffn_size and so on (counts)."""


@cache
def constants() -> dict[str, Constant]:
    """Every row of the data files by its address, `key.quantity`.

    Raises:
        DataError: a row is wrong, or an address stands twice.
    """
    files = {name: read_rows(DATA / f"{name}.csv", Constant, unique=("id",)) for name in FILES}
    files["market"] = [figure for row in asked() for figure in row.constants()]
    rows: dict[str, Constant] = {}
    for name, row in ((name, row) for name, found in files.items() for row in found):
        if row.address in rows:
            raise DataError(
                f"{name}.csv, row {row.id!r}, column 'quantity': {row.address!r} stands in "
                f"row {rows[row.address].id!r} already; a name stands once"
            )
        rows[row.address] = row
    return rows


def constant(address: str) -> Constant:
    """The row at `key.quantity`.

    Raises:
        KeyError: there is none; the message names the nearest.
    """
    try:
        return constants()[address]
    except KeyError:
        hint = nearest(address, list(constants()))
        raise KeyError(f"no constant {address!r} in the data files{hint}") from None


def value(address: str) -> float:
    """The value at `key.quantity` in base units."""
    found: float = read(address, constant(address).si)
    return found


@cache
def chip_names() -> dict[str, ChipName]:
    """The chips by key."""
    rows = read_rows(DATA / "chip_names.csv", ChipName, unique=("key", "name"))
    return {row.key: row for row in rows}


@cache
def chip_aliases() -> dict[str, str]:
    """The keys of the chips that have a shorter name, by that name."""
    rows = read_rows(DATA / "chip_aliases.csv", ChipAlias, unique=("alias",))
    for row in rows:
        if row.key not in chip_names():
            raise DataError(
                f"chip_aliases.csv, row {row.alias!r}, column 'key': no chip {row.key!r} in "
                "chip_names.csv"
            )
    return {row.alias: row.key for row in rows}


@cache
def model_names() -> dict[str, ModelName]:
    """The models by key."""
    rows = read_rows(DATA / "model_names.csv", ModelName, unique=("key", "name"))
    return {row.key: row for row in rows}


def _values(key: str) -> dict[str, float]:
    return {
        row.quantity: row.si
        for row in constants().values()
        if row.key == key and not isinstance(row.value, str)
    }


def chip(key: str) -> Chip:
    """The chip of that key, for example "groq_lpu".

    Raises:
        KeyError: no chip has this key.
    """
    return Chip(key, chip_names()[key].name, _values(key))


def model(key: str) -> Model:
    """The model of that key, for example "llama2_70b".

    Raises:
        KeyError: no model has this key.
    """
    return Model(key, model_names()[key].name, _values(key))


def chips(*quantities: str) -> tuple[str, ...]:
    """Keys of the chips for which all of these quantities are known."""
    return tuple(key for key in chip_names() if chip(key).has(*quantities))


def models(*quantities: str) -> tuple[str, ...]:
    """Keys of the models for which all of these quantities are known."""
    return tuple(key for key in model_names() if model(key).has(*quantities))
