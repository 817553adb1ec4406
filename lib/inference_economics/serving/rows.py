"""Tables of serving runs as the arrays that the model of serving takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pandas as pd

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.formulas.kv_cache import model_kv_cache
from inference_economics.serving.constants import Constants, fitted
from inference_economics.serving.engines import bytes_of, kv_bytes_of
from inference_economics.serving.model import Run
from inference_economics.serving.runs import models_of_runs
from inference_economics.serving.shape import Shape, shape_of

NEEDED = ("model", "system", "backend", "precision", "isl", "osl", "concurrency", "tp")
"""The columns that a row to predict must have; `attention_dp` is one where it is missing."""


def chip_of(name: str, own: Mapping[str, Chip]) -> Chip:
    """A chip by its name in the measurements, which is its catalog key, or one's own."""
    return own[name] if name in own else catalog.chip(name)


def model_of(name: str, own: Mapping[str, Model]) -> Model:
    """A model by its name in the measurements, by its catalog key, or one's own."""
    if name in own:
        return own[name]
    known = models_of_runs().get(name)
    return catalog.model(known.key if known else name)


def _precision_of_experts(model: str, precision: str) -> str:
    known = models_of_runs().get(model)
    return known.expert_precision or precision if known else precision


def run_of(
    rows: pd.DataFrame,
    chips: Mapping[str, Chip] | None = None,
    models: Mapping[str, Model] | None = None,
    ideal: bool = False,
) -> Run:
    """The rows of a table of runs as arrays that the formulas take.

    Args:
        rows: with the columns `NEEDED`, or with those that `runs.runs` adds.
        chips: one's own chips by name.
        models: one's own models by name.
        ideal: whether 8-bit weights may use the chip's 8-bit peak, which no run was seen to do.

    Raises:
        KeyError: a chip, model, precision or engine is not known.
        MissingConstantError: a chip or model lacks a quantity.
    """
    own_chips, own_models = chips or {}, models or {}
    key = [rows[name].astype(str) for name in ("model", "system", "backend", "precision")]
    keys = list(zip(*key, strict=True))
    distinct = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    place = np.array([distinct[key] for key in keys], dtype=int)
    table: list[dict[str, float]] = []
    known = []
    for name, system, engine, precision in distinct:
        chip, model = chip_of(system, own_chips), model_of(name, own_models)
        shape = shape_of(model, bytes_of(_precision_of_experts(name, precision)))
        peak = chip.fp16_compute
        if ideal and precision == "fp8":
            peak = chip.values.get("fp8_compute", chip.values.get("int8_compute", peak))
        known.append((model, kv_bytes_of(engine, precision)))
        table.append(
            {field.name: float(getattr(shape, field.name)) for field in fields(Shape)}
            | {
                "memory": chip.memory,
                "memory_bandwidth": chip.memory_bandwidth,
                "compute": peak,
                "link_bandwidth": chip.values.get("link_bandwidth", float("nan")),
                "memory_share": catalog.value(f"{engine}.memory_share"),
                "reserved_output": catalog.value(f"{engine}.reserved_output"),
            }
        )
    column = {name: np.array([row[name] for row in table])[place] for name in table[0]}
    inputs = rows["isl"].to_numpy(float)
    outputs = rows["osl"].to_numpy(float)
    half_way = np.empty(len(rows))
    reserved = np.empty(len(rows))
    for index, (model, kv_bytes) in enumerate(known):
        of_key = place == index
        length = inputs[of_key]
        written = outputs[of_key]
        half_way[of_key] = model_kv_cache(model, length + written / 2, kv_bytes)
        reserved[of_key] = model_kv_cache(
            model, length + written * table[index]["reserved_output"], kv_bytes
        )
    first = rows["tensor_parallel"] if "tensor_parallel" in rows else rows["tp"]
    if "data_parallel" in rows:
        groups = rows["data_parallel"].to_numpy(float)
    elif "attention_dp" in rows:
        groups = rows["attention_dp"].fillna(1).clip(lower=1).to_numpy(float)
    else:
        groups = np.ones(len(rows))
    if "requests" in rows:
        concurrency = rows["requests"]
    elif "batch_size" in rows:
        concurrency = rows["concurrency"].fillna(rows["batch_size"])
    else:
        concurrency = rows["concurrency"]
    split = first.to_numpy(float)
    links = np.where(split > 1, column["link_bandwidth"], 1.0)
    if np.isnan(links).any():
        lacking = sorted({k[1] for k, bad in zip(keys, np.isnan(links), strict=True) if bad})
        raise catalog.MissingConstantError(
            f"{', '.join(lacking)} has no 'link_bandwidth', which more than one chip needs"
        )
    return Run(
        shape=Shape(**{field.name: column[field.name] for field in fields(Shape)}),
        memory=column["memory"],
        memory_bandwidth=column["memory_bandwidth"],
        compute=column["compute"],
        link_bandwidth=links,
        tensor_parallel=split,
        data_parallel=groups,
        concurrency=concurrency.to_numpy(float),
        input_tokens=inputs,
        output_tokens=outputs,
        kv_cache=half_way,
        kv_reserved=reserved,
        memory_share=column["memory_share"],
    )


def constants_of(engines: pd.Series, known: Mapping[str, Constants] | None = None) -> Constants:
    """The constants of each row's engine, as arrays.

    Raises:
        KeyError: an engine was not fitted; the message lists those that were.
    """
    known = known or fitted()
    missing = sorted({*engines} - {*known})
    if missing:
        raise KeyError(f"engine {missing[0]!r} was not fitted; known: {', '.join(known)}")
    return Constants(
        *(
            engines.map({engine: getattr(of, field.name) for engine, of in known.items()})
            .to_numpy(float)
            for field in fields(Constants)
        )
    )  # fmt: skip
