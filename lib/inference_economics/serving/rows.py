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
from inference_economics.serving.constants import (
    OF_CHIP,
    Constants,
    combined,
    fitted,
    of_chip,
    spread_name,
    spread_of_chip,
)
from inference_economics.serving.engines import (
    BLANK_PRECISION,
    ENGINES,
    bytes_of,
    forms_of,
    kv_bytes_of,
    peak,
)
from inference_economics.serving.model import Run
from inference_economics.serving.runs import SETTINGS, layout, models_of_runs, settings
from inference_economics.serving.shape import Shape, shape_of

Column = npt.NDArray[np.float64]

SPREADS = tuple(map(spread_name, OF_CHIP))
"""The columns that say how far a chip's constants may lie from those that are taken."""

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


def run_of(
    rows: pd.DataFrame,
    chips: Mapping[str, Chip] | None = None,
    models: Mapping[str, Model] | None = None,
) -> tuple[Run, dict[str, Column]]:
    """The rows of a table of runs as arrays that the formulas take, and what their chips reach.

    Args:
        rows: with the columns `NEEDED`, or with those that `runs.runs` adds. `kv_cache` ("fp8" or
            "bf16") may say the format of the cache, `memory_share` the share of the memory.
        chips: one's own chips by name.
        models: one's own models by name.

    Raises:
        KeyError: a chip, model, precision or engine is not known.
        MissingConstantError: a chip or model lacks a quantity.
    """
    missing = sorted({*rows["backend"]} - {*ENGINES})
    if missing:
        raise KeyError(f"engine {missing[0]!r} was not fitted; known: {', '.join(ENGINES)}")
    if "tensor_parallel" not in rows:
        rows = rows.assign(**layout(rows))
    if "drafted" not in rows:
        rows = rows.assign(**settings(rows))
    rows = rows.assign(kv_cache=rows["kv_cache"].fillna("") if "kv_cache" in rows else "")
    names = ("model", "system", "backend", "precision", "kv_cache")
    keys = list(zip(*(rows[name].astype(str) for name in names), strict=True))
    kinds = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    place = np.array([kinds[key] for key in keys], dtype=int)
    known = [_kind(key, chips or {}, models or {}) for key in kinds]
    column = {name: np.array([kind[name] for kind in known])[place] for name in known[0]}
    inputs, outputs = rows["isl"].to_numpy(float), rows["osl"].to_numpy(float)

    def kv_cache(written: Column, of: Callable[..., Column] = model_kv_cache) -> Column:
        """What each row's request keeps, or reads at a step, when it has written some tokens."""
        caches = np.empty(len(rows))
        for index, (name, *_) in enumerate(kinds):
            of_kind = place == index
            tokens = inputs[of_kind] + written[of_kind]
            caches[of_kind] = of(model_of(name, models or {}), tokens, known[index]["kv_bytes"])
        return caches

    share = column["memory_share"]
    if "memory_share" in rows:
        own = pd.to_numeric(rows["memory_share"], errors="coerce").to_numpy(float)
        share = np.where(np.isnan(own), share, own)
    split = rows["tensor_parallel"].to_numpy(float)
    groups = rows["data_parallel"].to_numpy(float)
    run = Run(
        shape=Shape(**{field.name: column[field.name] for field in fields(Shape)}),
        memory=column["memory"],
        memory_bandwidth=column["memory_bandwidth"],
        compute=column["compute"],
        expert_compute=column["expert_compute"],
        attention_compute=column["attention_compute"],
        link_bandwidth=_links(column["link_bandwidth"], split * groups, rows["system"]),
        tensor_parallel=split,
        data_parallel=groups,
        concurrency=_requests(rows),
        input_tokens=inputs,
        output_tokens=outputs,
        kv_cache=kv_cache(outputs / 2, model_kv_read),
        kv_reserved=kv_cache(outputs * column["reserved_output"]),
        memory_share=share,
        **{name: rows[name].to_numpy(float) for name in SETTINGS},
    )
    return run, {name: column[name] for name in (*OF_CHIP, *SPREADS, "new", "mixed")}


def _kind(
    key: tuple[str, ...], chips: Mapping[str, Chip], models: Mapping[str, Model]
) -> dict[str, float]:
    """What rows of one model, chip, engine and formats have in common."""
    name, system, engine, precision, cache = key
    chip, model, known = chip_of(system, chips), model_of(name, models), models_of_runs().get(name)
    weights = (known.expert_precision if known else "") or precision or BLANK_PRECISION
    shape = shape_of(model, bytes_of(weights))
    new = chip.has("fp4_compute")
    kv_bytes = bytes_of(cache) if cache else kv_bytes_of(engine, weights, new)
    forms = forms_of(model, chip, weights, kv_bytes)
    return {field.name: float(getattr(shape, field.name)) for field in fields(Shape)} | {
        **of_chip(chip, engine, *forms),
        **spread_of_chip(chip, engine, *forms),
        "mixed": float(model.has("experts")),
        "memory": chip.memory,
        "memory_bandwidth": chip.memory_bandwidth,
        "compute": peak(chip, forms[0]),
        "expert_compute": peak(chip, forms[1]),
        "attention_compute": chip.fp16_compute,
        "link_bandwidth": chip.values.get("link_bandwidth", float("nan")),
        "memory_share": catalog.value(f"{engine}.memory_share"),
        "reserved_output": catalog.value(f"{engine}.reserved_output"),
        "kv_bytes": kv_bytes,
    }


def _requests(rows: pd.DataFrame) -> Column:
    """Requests in flight of each row."""
    requests = rows["requests"] if "requests" in rows else rows["concurrency"]
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


def constants_of(
    engines: pd.Series,
    chip: Mapping[str, Column],
    server: Mapping[str, Mapping[str, float]] | None = None,
) -> Constants:
    """The constants of each row, as arrays, without a series' level.

    Args:
        engines: of each row.
        chip: what each row's chip reaches, of `run_of`.
        server: constants of each engine, if not the fitted ones.
    """
    known = server or fitted()
    names = known[ENGINES[0]]
    columns = {
        name: engines.map({engine: of[name] for engine, of in known.items()}).to_numpy(float)
        for name in names
    }
    return combined(chip, columns, chip["mixed"] > 0)
