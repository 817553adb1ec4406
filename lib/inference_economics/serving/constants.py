"""The constants of the serving model: what chips reach, and what engines add on servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.quantities import DATA
from inference_economics.serving import kernels, levels
from inference_economics.serving.engines import ENGINES, forms_of
from inference_economics.units import Bytes, Count, Ratio, Seconds, Share
from reckoner.declare.numeric import where
from reckoner.declare.tables import DataError, Number, Text, UnitName, read_rows
from reckoner.declare.trace import read
from reckoner.declare.units import same_dimension, si


class ServingConstant(BaseModel):
    """A row of serving_constants.csv: a constant fitted on servers, and its interval.

    Attributes:
        name: which one.
        engine: of which engine; blank for one of all.
        value: as fitted, in `unit`.
        low: lower end of its 90% interval.
        high: upper end.
        unit: of the three.
        meaning: what it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    engine: str
    value: Number
    low: Number
    high: Number
    unit: UnitName
    meaning: Text

    @property
    def id(self) -> tuple[str, str]:
        """What stands once in the file."""
        return self.name, self.engine

    @model_validator(mode="after")
    def _within(self) -> Self:
        unit = OF_SERVER.get(self.name, "")
        if not same_dimension(self.unit, unit):
            raise ValueError(f"unit: {self.unit!r} is no unit of {self.name}; write {unit!r}")
        if not 0 <= self.low <= self.value <= self.high:
            raise ValueError("value: does not lie between low and high, which are not negative")
        return self


OF_SERVER = {
    "bandwidth_factor": "ratio", "compute_factor": "ratio", "expert_compute_factor": "ratio",
    "expert_floor_share": "share", "new_chip_floor": "ratio", "latent_overhead": "s",
    "routing_spread": "share", "acceptance": "share", "cache_factor": "ratio",
    "layer_overhead": "s", "mixture_overhead": "s", "step_overhead": "s",
    "host_per_request": "s", "prefill_after_first": "share", "first_overhead": "s",
    "prefill_floor": "s",
}  # fmt: skip
"""The constants that are fitted on servers, and the unit of each."""


@dataclass(frozen=True)
class Constants:
    """What the formulas need beyond catalog and run; numbers or arrays.

    The first are a chip's, from kernels; the others an engine's, from servers. A level is what a
    series of runs takes over what the formulas say.
    """

    bandwidth_share: Share
    compute_share: Share
    expert_bandwidth_share: Share
    expert_compute_share: Share
    cache_share: Share
    attention_share: Share
    link_share: Share
    all_reduce_latency: Seconds
    all_reduce_in_two: Seconds
    expert_overhead: Seconds
    layer_overhead: Seconds
    latent_overhead: Seconds
    step_overhead: Seconds
    host_per_request: Seconds
    first_overhead: Seconds
    prefill_floor: Seconds
    prefill_after_first: Share
    routing_spread: Share
    acceptance: Share
    sharpness: Count
    series_level: Ratio
    first_level: Ratio


IDEAL = Constants(
    **dict.fromkeys([field.name for field in fields(Constants)], 0.0)
    | dict.fromkeys([f"{n}_share" for n in ("bandwidth", "compute", "expert_bandwidth",
        "expert_compute", "cache", "attention", "link")], 1.0)
    | {"routing_spread": 1.0, "sharpness": 32.0, "series_level": 1.0, "first_level": 1.0}
)  # fmt: skip
"""The datasheet's chip: full bandwidth and compute, no latency, and no newcomers."""

TIMES = tuple(field.name for field in fields(Constants) if str(field.type) == "Seconds")
"""The constants that are times."""

OF_CHIP = ("bandwidth_share", "compute_share", "expert_bandwidth_share", "expert_compute_share",
           "cache_share", "attention_share", "link_share", "all_reduce_latency",
           "all_reduce_in_two", "expert_floor")  # fmt: skip


def of_chip(
    chip: Chip, engine: str, common: str, experts: str, cache_format: str
) -> dict[str, float]:
    """What kernels show of a chip: `OF_CHIP`, and `new`, whether it multiplies 4-bit numbers.

    Args:
        chip: of the catalog, or one's own.
        engine: whose kernels.
        common: format of the weights that every token uses.
        experts: format of the experts.
        cache_format: of the KV cache.
    """
    forms = _forms(common, experts, cache_format)
    found = {name: kernels.constant(name, chip, engine, forms.get(name, "")) for name in OF_CHIP}
    return found | {"new": float("fp4_compute" in chip.values)}


def spread_of_chip(
    chip: Chip, engine: str, common: str, experts: str, cache_format: str
) -> dict[str, float]:
    """How far the constants of a chip may lie from those that are taken, by `spread_name`.

    The arguments are those of `of_chip`; the values are deviations of the logarithm, and zero
    where tables or the user's own measurements show the constant.
    """
    forms = _forms(common, experts, cache_format)
    return {
        spread_name(name): kernels.spread(name, chip, engine, forms.get(name, ""))
        for name in OF_CHIP
    }


def spread_name(constant: str) -> str:
    """What the spread of a constant is called among the columns of runs."""
    return f"{constant}_spread"


def _forms(common: str, experts: str, cache_format: str) -> dict[str, str]:
    """The format that each constant of a chip depends on."""
    forms = {"bandwidth_share": common, "compute_share": common, "cache_share": cache_format}
    forms |= dict.fromkeys(("expert_bandwidth_share", "expert_compute_share", "expert_floor"),
                           experts)  # fmt: skip
    return forms


def combined(chip: Mapping[str, Any], server: Mapping[str, Any], mixed: Any) -> Constants:
    """The constants of runs, from those of their chips and those fitted on servers.

    Args:
        chip: of `of_chip`; numbers or arrays.
        server: the fitted ones by name; numbers or arrays.
        mixed: whether the model has experts.
    """
    floors = where(mixed, server["mixture_overhead"], server["layer_overhead"])
    newer = where(chip["new"] > 0, server["new_chip_floor"], 1.0)
    return Constants(
        bandwidth_share=chip["bandwidth_share"] * server["bandwidth_factor"],
        compute_share=chip["compute_share"] * server["compute_factor"],
        expert_bandwidth_share=chip["expert_bandwidth_share"],
        expert_compute_share=chip["expert_compute_share"] * server["expert_compute_factor"],
        cache_share=chip["cache_share"] * server["cache_factor"],
        attention_share=chip["attention_share"],
        link_share=chip["link_share"],
        all_reduce_latency=chip["all_reduce_latency"],
        all_reduce_in_two=chip["all_reduce_in_two"],
        expert_overhead=chip["expert_floor"] * server["expert_floor_share"],
        layer_overhead=floors * newer,
        prefill_floor=server["prefill_floor"] * newer,
        sharpness=catalog.value("serving_model.sharpness"),
        series_level=1.0,
        first_level=1.0,
        **{name: server[name] for name in ("latent_overhead", "step_overhead", "routing_spread",
           "host_per_request", "first_overhead", "prefill_after_first", "acceptance")},
    )  # fmt: skip


@cache
def fitted_rows() -> tuple[ServingConstant, ...]:
    """The fitted constants with their intervals, as `fit` stored them."""
    return tuple(read_rows(DATA / "serving_constants.csv", ServingConstant, unique=("id",)))


@cache
def fitted() -> Mapping[str, Mapping[str, float]]:
    """The constants fitted on servers, by engine and name.

    Raises:
        DataError: one has no row.
    """
    values = {(row.name, row.engine): float(si(row.value, row.unit)) for row in fitted_rows()}
    found = {
        engine: {name: value for (name, of), value in values.items() if of in ("", engine)}
        for engine in ENGINES
    }
    for engine, known in found.items():
        for name in OF_SERVER.keys() - known.keys():
            raise DataError(f"serving_constants.csv: no row {name!r}, engine {engine!r}")
    return found


def constants_of(
    engine: str, model: Model, chip: Chip, precision: str, bytes_per_element: Bytes
) -> Constants:
    """The constants of a model on a chip and an engine, with their level; a trace notes them.

    Args:
        engine: which one.
        model: that is served.
        chip: that serves it.
        precision: of the weights.
        bytes_per_element: of the KV cache.
    """
    forms = forms_of(model, chip, precision, bytes_per_element)
    owner = {(row.name, row.engine): f"{row.engine or 'serving_fit'}.{row.name}"
             for row in fitted_rows()}  # fmt: skip
    server = {
        name: read(owner.get((name, engine)) or owner[name, ""], value)
        for name, value in fitted()[engine].items()
    }
    found = combined(of_chip(chip, engine, *forms), server, model.has("experts"))
    own = levels.around(model.key, chip.key, engine, precision, model.has("experts"), LEVEL)
    return replace(
        found,
        series_level=read(f"{engine}.series_level", own["output_time"][0]),
        first_level=read(f"{engine}.first_level", own["first_token_time"][0]),
    )


LEVEL = 0.9
"""The share of measurements that an interval is to hold, where nothing else is said."""


def interval(
    engine: str, model: Model, chip: Chip, precision: str, level: float = LEVEL
) -> dict[str, tuple[float, float]]:
    """True times over predicted ones, by quantity: the ends of an interval."""
    own = levels.around(model.key, chip.key, engine, precision, model.has("experts"), level)
    return {quantity: (low, high) for quantity, (_, low, high) in own.items()}


def ideal(constants: Constants) -> Constants:
    """`IDEAL`, with zeros that carry the units of some constants."""
    return replace(IDEAL, **{name: 0.0 * getattr(constants, name) for name in TIMES})
