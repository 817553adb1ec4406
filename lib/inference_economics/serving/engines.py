"""The serving engines, and the bytes of a number in each precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.units import Bytes, FlopPerSecond
from reckoner.declare.numeric import plain

PRECISIONS = ("bf16", "fp8", "fp4", "int4")

ENGINES = ("trtllm", "vllm", "sglang")


@dataclass(frozen=True)
class Engine:
    """A serving engine: its name in code and in the measurements, and for readers."""

    key: str
    name: str


def engine_of(key: str) -> Engine:
    """The engine of that key, one of `ENGINES`."""
    return Engine(key, catalog.constant(f"{key}.memory_share").subject)


BLANK_PRECISION = "bf16"
"""Weights where the file says nothing: the smallest format that the physical bound allows there.

Read at eight bits, Qwen3-32B on one H100 would need twice its datasheet's time and more.
"""


def bytes_of(precision: str) -> float:
    """Bytes of one weight of a precision; a blank one is that of the measurements."""
    return catalog.value(f"{precision or BLANK_PRECISION}.bytes_per_parameter")


MULTIPLIED = {"fp8": "fp8_compute", "fp4": "fp4_compute"}
"""The peak that products of a format use where a chip has it; else the 16-bit one."""


def peak(chip: Chip, form: str) -> FlopPerSecond:
    """Peak of the products with weights of a format: 4-bit ones are widened where they must be.

    MXFP4 weights are multiplied by 8-bit activations on chips that know 4 bits, else by 16-bit
    ones; int4 weights always by the latter.
    """
    if form == "mxfp4":
        form = "fp8" if "fp4_compute" in chip.values else "bf16"
    return chip.values.get(MULTIPLIED.get(form, "fp16_compute"), chip.fp16_compute)


def kv_bytes_of(engine: str, precision: str, new: bool = False) -> float:
    """Bytes of one element of the KV cache where a run does not say: as public scripts set it.

    Args:
        engine: which one.
        precision: of the weights.
        new: whether the chip multiplies 4-bit numbers.
    """
    if precision in ("fp8", "fp4") or (precision == "mxfp4" and new):
        return 1.0 if new else catalog.value(f"{engine}.kv_bytes_fp8")
    return bytes_of("bf16")


def precision_of(bytes_per_parameter: Bytes, chip: Chip) -> str:
    """The format of weights of so many bytes on a chip."""
    size = plain(bytes_per_parameter)
    if np.min(size) > 1:
        return "bf16"
    if np.min(size) == 1:
        return "fp8"
    return "fp4" if "fp4_compute" in chip.values else "int4"


def forms_of(
    model: Model, chip: Chip, precision: str, bytes_per_element: Bytes
) -> tuple[str, str, str]:
    """Formats of the common weights, of the experts and of the KV cache, as kernels name them.

    Args:
        model: that is served.
        chip: that serves it.
        precision: of the weights; of the experts alone where it has fewer than 8 bits.
        bytes_per_element: of the KV cache.
    """
    known = "fp4_compute" in chip.values
    cache = "fp8" if np.min(plain(bytes_per_element)) <= 1 else "bf16"
    if model.has("experts"):
        experts = "mxfp4" if precision == "fp4" and not known else precision
        return ("fp8" if precision == "fp8" else "bf16"), experts, cache
    narrow = precision == "fp8" or (precision == "fp4" and known)
    return (precision if narrow else "bf16"), "bf16", cache
