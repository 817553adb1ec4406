"""Published speeds and costs, which the computed ones are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.serving.bound import lifetime
from inference_economics.serving.runs import RUNS, models_of_runs, runs


@dataclass(frozen=True)
class Published:
    """A published speed of one request, and what the chips' limits allow there.

    Attributes:
        label: what was measured, for readers.
        source: address of the speed in the catalog.
        cards: cards of the deployment, where published, else the fewest that hold the model.
        tensor_parallel: the width of a stage at which the limits allow most.
        speed: the published speed.
        bound: the speed that the limits allow one request alone.
        unexplained: time in each layer that the limits do not explain.
    """

    label: str
    source: str
    cards: int
    tensor_parallel: int
    speed: float
    bound: float
    unexplained: float


GROQ_CARDS = {
    "llama2_70b": "groq_deployment.chips_llama2_70b",
    "llama2_7b": "groq_rack.cards_llama2_7b",
}

SPEEDS = (
    ("Groq 70B, Aug 2023", "llama2_70b", "groq_lpu", "groq_early.llama2_70b_speed_aug_2023"),
    ("Groq 70B, overall", "llama2_70b", "groq_lpu", "llmperf_groq.output_speed"),
    ("Groq 70B, decode", "llama2_70b", "groq_lpu", "llmperf_groq.decode_speed"),
    ("Groq 70B, its own", "llama2_70b", "groq_lpu", "groq_llama2_70b.output_speed"),
    ("Groq 8x7B", "mixtral_8x7b", "groq_lpu", "groq_mixtral_8x7b.output_speed"),
    ("Groq 7B", "llama2_7b", "groq_lpu", "groq_llama2_7b.output_speed"),
    ("Cerebras 8B", "llama31_8b", "wse_3", "cerebras_llama31_8b.output_speed"),
    ("Cerebras 70B", "llama31_70b", "wse_3", "cerebras_llama31_70b.output_speed"),
    ("Cerebras 405B", "llama31_405b", "wse_3", "cerebras_llama31_405b.output_speed"),
)
"""Published speeds: label, model, chip and address; overall and decode are one measurement."""


PUBLISHED_BYTES: Mapping[str, float] = {"groq_lpu": 1.0, "wse_3": 2.0}
"""Bytes of a weight and of an element of the cache: Cerebras prints 16 bits; for Groq one byte is
assumed, as in the article."""


@dataclass(frozen=True)
class Point:
    """A published point on the chart of cost against speed.

    Attributes:
        label: what it is, for readers.
        kind: "article", "measured" or "price asked".
        source: its address in the catalog, or the measurements' file.
        speed: output speed of a request.
        cost: cost of an output token, or the price asked for it with its input.
    """

    label: str
    kind: str
    source: str
    speed: float
    cost: float


ASKED = {
    "Groq": ("llmperf_groq", "groq_llama2_70b"),
    "Anyscale": ("llmperf_anyscale", "anyscale_llama2_70b"),
    "Perplexity": ("llmperf_perplexity", "perplexity_llama2_70b"),
    "Together": ("llmperf_together", "together_70b_tier"),
    "Bedrock": ("llmperf_bedrock", "bedrock_llama2_70b"),
}
"""Services of early 2024 whose speed was measured and whose price is known: catalog keys."""


SAME_SHAPE = ("layers", "hidden_size", "heads", "kv_heads", "ffn_size")


def measured_points(model: Model, gpu: Chip, output_tokens: float, rate: float) -> list[Point]:
    """The measured runs of a model of the same shape on a GPU, with the same length of output.

    Args:
        model: the model.
        gpu: the GPU.
        output_tokens: output tokens of a request.
        rate: cost of a second of one GPU.
    """
    rows = runs()
    keys = rows["model"].map({name: row.key for name, row in models_of_runs().items()})
    alike = {
        key
        for key in set(keys)
        if all(catalog.model(key).values.get(name) == model.values.get(name) for name in SAME_SHAPE)
    }
    rows = rows[
        keys.isin(alike)
        & (rows["system"] == gpu.key)
        & (rows["osl"] == output_tokens)
        & ~rows["repeated"]
    ]
    seconds = rows["chips"] * lifetime(rows) / (rows["requests"] * rows["osl"])
    speeds = 1e3 / rows["tpot_ms"]
    return [
        Point(f"input of {length:,.0f}", "measured", RUNS.name, float(speed), float(cost))
        for length, speed, cost in zip(rows["isl"], speeds, rate * seconds, strict=True)
    ]
