"""Bring your own: a chip from a TOML file, a model from a Hugging Face config.json.

`chip` and `model` take a key of the catalog or the path of such a file; from there on nothing
tells them apart. A wrong file is refused with the name of the file and of each wrong row.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pint
from pydantic import ValidationError

from inference_economics import catalog
from inference_economics.catalog import Chip, Model, config_json
from reckoner.declare.parameters import nearest
from reckoner.declare.tables import Constant, DataError, fault_of
from reckoner.declare.units import quantity

_TEXTS = {"name", "maker", "memory_kind"}


def chip(key: str) -> Chip:
    """A chip of the catalog by its key, or of one's own by the path of its TOML file.

    Raises:
        DataError: the file is wrong.
        OSError: the file cannot be read.
        KeyError: no chip has this key.
    """
    if not key.endswith(".toml"):
        return catalog.chip(key)
    described = _toml(key)
    return Chip(key, described["name"], _chip_values(key, described))


def model(key: str) -> Model:
    """A model of the catalog by its key, or of one's own by the path of its config.json.

    Its parameters are counted from its shape, and stand for the number in its name as well.

    Raises:
        DataError: the file is wrong.
        OSError: the file cannot be read.
        KeyError: no model has this key.
    """
    if not key.endswith(".json"):
        return catalog.model(key)
    path = Path(key)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{key}: not JSON: {error}") from None
    if not isinstance(config, dict):
        raise DataError(f"{key}: not the config.json of a model")
    try:
        values = config_json.model_values(config)
    except DataError as error:
        raise DataError(f"{key}: {error}") from None
    return Model(key, config_json.model_name(config, path), values)


def memory_kind(key: str) -> str:
    """What a chip of the catalog, or of a file, keeps its weights in: "SRAM", "HBM" and so on."""
    if key.endswith(".toml"):
        return str(_toml(key)["memory_kind"])
    return catalog.chip_names()[key].memory_kind


def is_sram(key: str) -> bool:
    """Whether the chip keeps its weights in SRAM."""
    return memory_kind(key) == "SRAM"


def attention(key: str) -> str:
    """How a model of the catalog, or of a file, attends: "MHA", "MQA", "GQA" or "MLA"."""
    if not key.endswith(".json"):
        return catalog.model_names()[key].attention
    mine = model(key)
    if mine.has("kv_rank"):
        return "MLA"
    return {mine.heads: "MHA", 1.0: "MQA"}.get(mine.kv_heads, "GQA")


def check_chip(path: str, needs: tuple[str, ...]) -> None:
    """See that a file describes a chip with the quantities that are needed.

    Raises:
        DataError: it does not; the message names each wrong row.
    """
    for name in needs:
        if not chip(path).has(name):
            row = f'{name} = {{ value = 1, unit = "{_units()[name]}", source = "..." }}'
            raise DataError(f"{path} has no {name!r}, which is needed here; add a row {row}")


def check_model(path: str, needs: tuple[str, ...]) -> None:
    """See that a file describes a model with the quantities that are needed.

    Raises:
        DataError: it does not; the message says what is wrong.
    """
    for name in needs:
        if not model(path).has(name):
            raise DataError(f"{path} gives no {name!r}, which is needed here")


def _toml(path: str) -> dict[str, Any]:
    try:
        described = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path}: not TOML: {error}") from None
    for name in ("name", "memory_kind"):
        if not isinstance(described.get(name), str) or not described[name].strip():
            raise DataError(f'{path}: no {name!r}; write a line such as {name} = "SRAM"')
    return described


def _chip_values(path: str, described: Mapping[str, Any]) -> dict[str, float]:
    values, faults = {}, []
    for name, row in described.items():
        if name in _TEXTS:
            continue
        try:
            values[name] = _row(described["name"], name, row).si
        except DataError as error:
            faults.append(f"row {name!r}: {error}")
    if faults:
        raise DataError(f"{path}, " + f"\n{path}, ".join(faults))
    return values


def _row(subject: str, name: str, row: Any) -> Constant:
    if name not in _units():
        raise DataError(f"no such quantity of a chip{nearest(name, list(_units()))}")
    if not isinstance(row, dict) or set(row) - {"note"} != {"value", "unit", "source"}:
        raise DataError(
            f'expected {{ value = 1, unit = "{_units()[name]}", source = "where it comes from" }}'
        )
    if isinstance(row["value"], bool) or not isinstance(row["value"], int | float):
        raise DataError(f"value: expected a number; got {row['value']!r}")
    cells = {"id": name, "key": "own", "subject": subject, "quantity": name, "verified": False}
    try:
        constant = Constant.model_validate({"note": "", **row, **cells, "locator": ""})
    except ValidationError as error:
        column, message = fault_of(error)
        raise DataError(f"{column}: {message}; found {row.get(column)!r}") from None
    if not _same_dimension(constant.unit, _units()[name]):
        raise DataError(f"unit: {constant.unit!r} is no unit of it; write {_units()[name]!r}")
    if constant.si <= 0:
        raise DataError(f"value: must be more than 0, is {constant.value}")
    return constant


def _same_dimension(unit: str, other: str) -> bool:
    try:
        return bool(quantity(1.0, unit).dimensionality == quantity(1.0, other).dimensionality)
    except (pint.errors.PintError, ValueError):
        return False


@cache
def _units() -> dict[str, str]:
    """The unit of each quantity that the catalog knows of chips."""
    keys = catalog.chip_names()
    rows = catalog.constants().values()
    return {row.quantity: row.unit for row in rows if row.key in keys and row.unit != "text"}
