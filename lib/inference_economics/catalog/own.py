"""Bring your own: a chip from a TOML file, a model from a config.json or a TOML file.

`chip` and `model` take a key of the catalog or a path; from there on nothing tells them apart. A
wrong file is refused with the name of the file and of each wrong row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from inference_economics import catalog
from inference_economics.catalog import Chip, MissingConstantError, Model, config_json
from inference_economics.catalog.precision import precision
from inference_economics.formulas.layers import count_parameters
from reckoner.declare.given import read_json, read_toml
from reckoner.declare.parameters import OwnFile, nearest
from reckoner.declare.tables import Constant, DataError, fault_of
from reckoner.declare.units import same_dimension

CHIP_FILE = OwnFile((".toml",), "a file that describes a chip", lambda path: None)
MODEL_FILE = OwnFile(
    (".json", ".toml"),
    "a model's config.json of Hugging Face, its folder, or a file that describes it",
    lambda path: None, "config.json",
)  # fmt: skip


def chip(key: str) -> Chip:
    """A chip of the catalog by its key, or of one's own by the path of its TOML file.

    Raises:
        DataError: the file is wrong.
        OSError: the file cannot be read.
        KeyError: no chip has this key.
    """
    if not CHIP_FILE.takes(key):
        return catalog.chip(key)
    described = _toml(key, "name", "memory_kind")
    values = _values(key, described, _units("chip"), positive=True)
    return Chip(key, described["name"], values)


def model(key: str) -> Model:
    """A model of the catalog by its key, or of one's own by a path.

    The path is that of its config.json, of the folder that has it, or of a TOML file. Its
    parameters are counted from its layers, and stand for the number in its name as well.

    Raises:
        DataError: the file is wrong.
        OSError: the file cannot be read.
        KeyError: no model has this key.
    """
    if key in catalog.model_names() or not MODEL_FILE.takes(key):
        return catalog.model(key)
    path = MODEL_FILE.path(key)
    if "/" in key and not path.exists():
        raise DataError(
            f"{key}: no such file or folder; a name of a hub is not fetched: download the "
            "config.json and give its path"
        )
    if path.suffix.lower() == ".toml":
        return _described_model(key)
    config = read_json(path)
    if not isinstance(config, dict):
        raise DataError(f"{key}: not the config.json of a model")
    beside = path.with_name("hf_quant_config.json")
    try:
        described = config_json.described(config)
        quantized = read_json(beside) if path.name == "config.json" and beside.exists() else None
        taken, words = precision(config, quantized, described)
    except DataError as error:
        raise DataError(f"{key}: {error}") from None
    counted = described.values["total_parameters"] / 1e9
    if "bytes_per_parameter" not in taken:
        words = ("the file says nothing of the bytes of a weight",)
    if "bytes_per_element" not in taken:
        words = (*words, "the file says nothing of the KV cache; engines take 16 bits an element")
    notes = (f"{counted:,.4g} billion parameters counted", *words, *described.notes)
    return Model(key, config_json.model_name(config, path), {**described.values, **taken}, notes)


def _described_model(key: str) -> Model:
    described = _toml(key, "name")
    values = _values(key, described, _units("model"), positive=False)
    try:
        total, active = count_parameters(Model(key, described["name"], values))
    except MissingConstantError as error:
        raise DataError(str(error)) from None
    counted = {"total_parameters": total}
    if "experts" in values:
        counted["active_parameters"] = active
    values = {**counted, **values}
    return Model(
        key, described["name"], {"nominal_parameters": values["total_parameters"], **values},
        (f"{total / 1e9:,.4g} billion parameters counted",),
    )  # fmt: skip


def memory_kind(key: str) -> str:
    """What a chip of the catalog, or of a file, keeps its weights in: "SRAM", "HBM" and so on."""
    if CHIP_FILE.takes(key):
        return str(_toml(key, "name", "memory_kind")["memory_kind"])
    return catalog.chip_names()[key].memory_kind


def is_sram(key: str) -> bool:
    """Whether the chip keeps its weights in SRAM."""
    return memory_kind(key) == "SRAM"


def attention(key: str) -> str:
    """How a model of the catalog, or of a file, attends: "MHA", "MQA", "GQA" or "MLA"."""
    if key in catalog.model_names():
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
            row = f'{name} = {{ value = 1, unit = "{_units("chip")[name]}", source = "..." }}'
            raise DataError(f"{path} has no {name!r}, which is needed here; add a row {row}")


def check_model(path: str, needs: tuple[str, ...]) -> None:
    """See that a file describes a model with the quantities that are needed.

    Raises:
        DataError: it does not; the message says what is wrong.
    """
    for name in needs:
        if not model(path).has(name):
            raise DataError(f"{path} gives no {name!r}, which is needed here")


_TEXTS = {"name", "maker", "memory_kind"}


def _toml(path: str, *texts: str) -> dict[str, Any]:
    described = read_toml(Path(path))
    for name in texts:
        if not isinstance(described.get(name), str) or not described[name].strip():
            raise DataError(f'{path}: no {name!r}; write a line such as {name} = "SRAM"')
        if not described[name].isprintable():
            raise DataError(f"{path}: {name}: expected one line of text; got {described[name]!r}")
    return described


def _values(
    path: str, described: Mapping[str, Any], units: Mapping[str, str], positive: bool
) -> dict[str, float]:
    values, faults = {}, []
    for name, row in described.items():
        if name in _TEXTS:
            continue
        try:
            values[name] = _row(described["name"], name, row, units, positive).si
        except DataError as error:
            faults.append(f"row {name!r}: {error}")
    if faults:
        raise DataError(f"{path}, " + f"\n{path}, ".join(faults))
    return values


def _row(subject: str, name: str, row: Any, units: Mapping[str, str], positive: bool) -> Constant:
    if name not in units:
        what = "chip" if positive else "model"
        raise DataError(f"no such quantity of a {what}{nearest(name, list(units))}")
    if not isinstance(row, dict) or set(row) - {"note"} != {"value", "unit", "source"}:
        raise DataError(
            f'expected {{ value = 1, unit = "{units[name]}", source = "where it comes from" }}'
        )
    if isinstance(row["value"], bool) or not isinstance(row["value"], int | float):
        raise DataError(f"value: expected a number; got {row['value']!r}")
    cells = {"id": name, "key": "own", "subject": subject, "quantity": name, "verified": False}
    try:
        constant = Constant.model_validate({"note": "", **row, **cells, "locator": ""})
    except ValidationError as error:
        column, message = fault_of(error)
        raise DataError(f"{column}: {message}; found {row.get(column)!r}") from None
    if not same_dimension(constant.unit, units[name]):
        raise DataError(f"unit: {constant.unit!r} is no unit of it; write {units[name]!r}")
    if not math.isfinite(constant.si) or (positive and constant.si <= 0):
        raise DataError(f"value: must be more than 0, and finite; is {constant.value}")
    if not positive and constant.unit == "count" and constant.si != round(constant.si):
        raise DataError(f"value: must be a whole number; is {constant.value}")
    return constant


@cache
def _units(kind: str) -> dict[str, str]:
    """The unit of each quantity that the catalog knows of chips or of models."""
    keys = catalog.chip_names() if kind == "chip" else catalog.model_names()
    rows = catalog.constants().values()
    return {row.quantity: row.unit for row in rows if row.key in keys and row.unit != "text"}
