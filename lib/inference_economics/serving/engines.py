"""The serving engines, and the bytes of a number in each precision."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics import catalog

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


def kv_bytes_of(engine: str, precision: str) -> float:
    """Bytes of one element of the KV cache: an assumption by engine, as no run records it."""
    if precision == "fp8":
        return catalog.value(f"{engine}.kv_bytes_fp8")
    return bytes_of("bf16")
