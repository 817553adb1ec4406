"""Published speeds and costs, which the computed ones are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference_economics import catalog, inputs
from inference_economics.catalog import Chip, Model
from inference_economics.formulas.equal_speed import (
    card_seconds_per_token,
    cost_of_output_token,
    price_with_input,
)
from inference_economics.formulas.gpt4_scale import time_of_token
from inference_economics.formulas.occupancy import unexplained_in_layer
from inference_economics.machines.pipeline import cards_for, spatial_pipeline
from inference_economics.serving.bound import lifetime
from inference_economics.serving.runs import RUNS, models_of_runs, runs
from inference_economics.units import Seconds, Tokens

NETWORK = {
    "node_cards": inputs.NODE_CARDS,
    "hop_latency": inputs.HOP_LATENCY,
    "link_bandwidth": inputs.LINK_BANDWIDTH,
    "bytes_per_activation": inputs.BYTES_PER_ACTIVATION,
}
"""The network's inputs, at whose defaults the published speeds are looked at."""


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


def published(context_length: Tokens | None = None, **changes: Any) -> tuple[Published, ...]:
    """The published speeds beside what the limits allow one request alone.

    Args:
        context_length: tokens of the request's KV cache; by default the article's.
        **changes: arguments of `spatial_pipeline` that replace the inputs' defaults, in base units.
    """
    length, network = context_length or _usual_length(), {**_usual_network(), **changes}
    return tuple(_published(*row, length, network) for row in SPEEDS)


def published_speed(source: str) -> Published:
    """The published speed of that address beside what the limits allow."""
    row = next(row for row in SPEEDS if row[-1] == source)
    return _published(*row, _usual_length(), _usual_network())


def unexplained_by(source: str) -> Seconds:
    """What the published speed of that address leaves unexplained in a layer."""
    return published_speed(source).unexplained


def _usual_length() -> Tokens:
    return _default(inputs.CONTEXT, "context_length")


def _usual_network() -> dict[str, Any]:
    return {name: _default(declared, name) for name, declared in NETWORK.items()}


def _default(declared: Any, name: str) -> Any:
    parameter = declared(name)
    return parameter.base(parameter.default)


def _published(
    label: str,
    model_key: str,
    chip_key: str,
    source: str,
    length: Tokens,
    network: Mapping[str, Any],
) -> Published:
    model, chip = catalog.model(model_key), catalog.chip(chip_key)
    size = PUBLISHED_BYTES[chip_key]
    cards = int(cards_for(model, chip, 1, size, size, length))
    if chip_key == "groq_lpu" and model_key in GROQ_CARDS:
        cards = int(catalog.value(GROQ_CARDS[model_key]))
    widths = np.arange(1, cards + 1)
    pipelines = spatial_pipeline(model, chip, 1, cards, widths, size, size, length, **network)
    best = int(np.argmax(pipelines.speed))
    speed, time = catalog.value(source), float(pipelines.time_per_token[best])
    return Published(
        label=label,
        source=source,
        cards=cards,
        tensor_parallel=int(widths[best]),
        speed=speed,
        bound=float(pipelines.speed[best]),
        unexplained=float(unexplained_in_layer(time_of_token(speed), time, model.layers)),
    )


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


ARTICLE_MODEL = "llama2_70b"
"""The model that the article is about, whose prices were asked."""

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


def published_points(
    model: Model, gpu: Chip, input_tokens: float, output_tokens: float, results: Any
) -> list[Point]:
    """The article's two points, what was measured, and what services asked for the article's model.

    Args:
        model: the model.
        gpu: the GPU.
        input_tokens: input tokens of a request.
        output_tokens: its output tokens.
        results: what the chapter `equal_speed` concludes for them.
    """
    speed, cost = results.article_speed, results.article_cost
    gpu_speed, gpu_cost = results.article_gpu_speed, results.article_gpu_cost
    throughput = "perplexity_h100.throughput_per_gpu"
    found = [
        Point("the article's Groq", "article", "article.groq_output_speed", speed, cost),
        Point("the article's H100", "article", throughput, gpu_speed, gpu_cost),
        *measured_points(model, gpu, output_tokens, results.gpu_rate),
    ]
    if model.key != ARTICLE_MODEL:
        return found
    found.append(_mlperf(results.gpu_rate))
    return found + [_asked(*row, input_tokens, output_tokens) for row in ASKED.items()]


def _mlperf(rate: float) -> Point:
    run = "mlperf_v4_0_dgx_h100_server"
    seconds = card_seconds_per_token(1, catalog.value(f"{run}.throughput_per_gpu"))
    time = f"{run}.time_per_output_token"
    cost = cost_of_output_token(rate, seconds)
    return Point("MLPerf", "measured", time, 1 / catalog.value(time), cost)


def _asked(label: str, keys: tuple[str, str], input_tokens: float, output_tokens: float) -> Point:
    measured, sold = keys
    output, prompt = (catalog.value(f"{sold}.{name}_price") for name in ("output", "input"))
    asked = price_with_input(output, prompt, input_tokens, output_tokens)
    address = f"{measured}.output_speed"
    return Point(label, "price asked", address, catalog.value(address), asked)
