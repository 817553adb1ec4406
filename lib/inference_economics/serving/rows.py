"""Tables of serving runs as the arrays that the model of serving takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pandas as pd

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.formulas.kv_cache import model_kv_cache, model_kv_read
from inference_economics.serving.constants import Constants, fitted
from inference_economics.serving.engines import bytes_of, kv_bytes_of
from inference_economics.serving.model import Run
from inference_economics.serving.runs import models_of_runs
from inference_economics.serving.shape import Shape, shape_of

Column = npt.NDArray[np.float64]

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
    key = [rows[name].astype(str) for name in ("model", "system", "backend", "precision")]
    keys = list(zip(*key, strict=True))
    kinds = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    place = np.array([kinds[key] for key in keys], dtype=int)
    known = [_kind(key, chips or {}, models or {}, ideal) for key in kinds]
    column = {name: np.array([kind[name] for kind in known])[place] for name in known[0]}
    inputs, outputs = rows["isl"].to_numpy(float), rows["osl"].to_numpy(float)

    def kv_cache(written: Column, of: Callable[..., Column] = model_kv_cache) -> Column:
        """What each row's request keeps, or reads at a step, when it has written some tokens."""
        caches = np.empty(len(rows))
        for index, (name, _, engine, precision) in enumerate(kinds):
            of_kind, kv_bytes = place == index, kv_bytes_of(engine, precision)
            tokens = inputs[of_kind] + written[of_kind]
            caches[of_kind] = of(model_of(name, models or {}), tokens, kv_bytes)
        return caches

    split = _column(rows, "tensor_parallel", "tp").to_numpy(float)
    return Run(
        shape=Shape(**{field.name: column[field.name] for field in fields(Shape)}),
        memory=column["memory"],
        memory_bandwidth=column["memory_bandwidth"],
        compute=column["compute"],
        link_bandwidth=_links(column["link_bandwidth"], split, rows["system"]),
        tensor_parallel=split,
        data_parallel=_groups(rows),
        concurrency=_requests(rows),
        input_tokens=inputs,
        output_tokens=outputs,
        kv_cache=kv_cache(outputs / 2, model_kv_read),
        kv_reserved=kv_cache(outputs * column["reserved_output"]),
        memory_share=column["memory_share"],
    )


def _kind(
    key: tuple[str, ...], chips: Mapping[str, Chip], models: Mapping[str, Model], ideal: bool
) -> dict[str, float]:
    """What rows of one model, chip, engine and precision have in common."""
    name, system, engine, precision = key
    chip = chip_of(system, chips)
    shape = shape_of(model_of(name, models), bytes_of(_precision_of_experts(name, precision)))
    peak = chip.fp16_compute
    if ideal and precision == "fp8":
        peak = chip.values.get("fp8_compute", chip.values.get("int8_compute", peak))
    return {field.name: float(getattr(shape, field.name)) for field in fields(Shape)} | {
        "memory": chip.memory,
        "memory_bandwidth": chip.memory_bandwidth,
        "compute": peak,
        "link_bandwidth": chip.values.get("link_bandwidth", float("nan")),
        "memory_share": catalog.value(f"{engine}.memory_share"),
        "reserved_output": catalog.value(f"{engine}.reserved_output"),
    }


def _column(rows: pd.DataFrame, *names: str) -> pd.Series:
    """The first of some columns that the table has."""
    return next(rows[name] for name in names if name in rows)


def _groups(rows: pd.DataFrame) -> Column:
    """Groups of chips that split the requests of each row."""
    if "data_parallel" in rows:
        return rows["data_parallel"].to_numpy(float)
    if "attention_dp" in rows:
        return rows["attention_dp"].fillna(1).clip(lower=1).to_numpy(float)
    return np.ones(len(rows))


def _requests(rows: pd.DataFrame) -> Column:
    """Requests in flight of each row."""
    requests = _column(rows, "requests", "concurrency")
    if "requests" not in rows and "batch_size" in rows:
        requests = requests.fillna(rows["batch_size"])
    return requests.to_numpy(float)


def _links(bandwidth: Column, split: Column, systems: pd.Series) -> Column:
    """Bandwidth of each row's links; a chip alone needs none."""
    links = np.where(split > 1, bandwidth, 1.0)
    if np.isnan(links).any():
        lacking = sorted({*systems[np.isnan(links)].astype(str)})
        raise catalog.MissingConstantError(
            f"{', '.join(lacking)} has no 'link_bandwidth', which more than one chip needs"
        )
    return links


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
