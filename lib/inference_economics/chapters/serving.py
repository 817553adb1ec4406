"""What one prediction is made of: the pictures and turns of phrase of the chapter `serving`."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics.serving import engines
from inference_economics.serving.constants import ServingConstant, fitted_rows
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

PARTS = {
    "weights or products": ("reading weights", "weights_time", "product_time"),
    "KV cache": ("reading the KV cache", "kv_time"),
    "floor of stages": ("the floor of the stages", "floor_time"),
    "all-reduce": ("all-reduce", "reduce_time"),
    "the engine": ("what is charged to the engine for each request", "host_time"),
    "newcomers": ("newcomers' prefill", "prefill_per_token"),
}
"""What takes the time of a token: its name in a figure, in a sentence, and its results."""

BATCHES = (1, 4, 16, 64, 256)
LEVEL = 0.9
"""The share of measurements that an interval is to hold."""

PER_TOKEN = "Time per token (ms)"


def fits(chapter: Chapter) -> bool:
    """Whether the memory holds the weights and one request."""
    return bool(chapter.results.requests_in_memory >= 1)


def prediction(chapter: Chapter) -> str:
    """What is predicted for the parameters of the page, if anything."""
    given, words, shown = chapter.inputs, chapter.words, chapter.shown
    machine = f"{chapter.shown(given.tensor_parallel, 'count')} × {given.chip.name}"
    if not fits(chapter):
        return (
            f"{given.model.name} does not fit in {machine} at this precision, so nothing is "
            "predicted for it."
        )
    return (
        f"For {given.model.name} on {machine} with {given.engine.name} and "
        f"{chapter.shown(given.concurrency, 'count')} requests in flight, this chapter predicts "
        f"**{words.throughput}** for each GPU, and with {shown(LEVEL, 'share')} probability "
        f"{words.throughput_low} to {words.throughput_high}. Each request then advances at "
        f"{words.speed}."
    )


def parts_of(results: Any) -> dict[str, Any]:
    """What takes the time of a token, by its name in a figure."""
    return {
        part: np.maximum.reduce([np.asarray(getattr(results, name)) for name in names])
        for part, (_, *names) in PARTS.items()
    }


def time_by_parts(chapter: Chapter) -> HTML:
    """What takes the time of a token, for rising numbers of requests in flight."""
    many = {**chapter.run.inputs, "concurrency": np.array(BATCHES, float)}
    parts = parts_of(chapter.run.sheet(**many))
    table = pd.DataFrame(
        {part: np.broadcast_to(1e3 * v, len(BATCHES)) for part, v in parts.items()}
    )
    table.insert(0, "Requests in flight", BATCHES)
    bars = table.melt("Requests in flight", var_name="Part", value_name=PER_TOKEN)
    bars["Order"] = bars["Part"].map([*PARTS].index)
    return chapter.figure(
        alt.Chart(bars)
        .mark_bar(stroke=colour("text"), strokeWidth=0.5)
        .encode(
            x=alt.X(
                "Requests in flight:O", title="Requests in flight", axis=alt.Axis(labelAngle=0)
            ),
            y=alt.Y(f"sum({PER_TOKEN}):Q", title="Time per output token (ms)"),
            color=alt.Color(
                "Part:N",
                title=None,
                scale=alt.Scale(domain=[*PARTS]),
                legend=alt.Legend(columns=2),
            ),
            order="Order:Q",
        )
        .properties(
            title="What takes the time of a token",
            description=(
                f"Stacked bars of the time per output token of {chapter.inputs.model.name} by what "
                "takes it, for rising numbers of requests in flight. Reading weights and the floor "
                "of the stages are all there is for one request; the engine and newcomers' prefill "
                "grow with the requests."
            ),
            height=320,
        ),
        table.rename(columns={part: f"{part} (ms)" for part in PARTS}),
    )


def largest_part(chapter: Chapter) -> str:
    """Which part of a token's time is the largest, and how far the datasheet is from it."""
    if not fits(chapter):
        return (
            "For these parameters there is nothing to show: the memory does not hold one request."
        )
    results, words, parts = chapter.results, chapter.words, parts_of(chapter.results)
    largest = max(parts, key=parts.__getitem__)
    return (
        f"Here a token takes {words.output_time}, of which {PARTS[largest][0]} is the largest "
        f"part, {chapter.shown(parts[largest] / results.output_time, 'share')}. The datasheet "
        f"knows only bandwidth and arithmetic: by it a step would take {words.ideal_output_time}, "
        "no newcomer's prefill counted, "
        f"and the server takes **{words.optimism} times** that ({{numref}}`fig-serving-parts`)."
    )


def engine_name(key: str) -> str:
    """What readers call an engine."""
    return engines.engine_of(key).name


def constants(chapter: Chapter) -> HTML:
    """The fitted constants with their intervals."""
    rows = [
        {
            "Constant": row.meaning,
            "Of": engine_name(row.engine) if row.engine else "the hardware",
            "Value": row.value,
            "Low": row.low,
            "High": row.high,
            "Unit": "µs" if row.unit == "us" else row.unit,
        }
        for row in fitted_rows()
    ]
    return chapter.table(pd.DataFrame(rows))


def of_hardware(name: str) -> ServingConstant:
    """A fitted constant of the hardware, by its name."""
    return next(row for row in fitted_rows() if row.name == name and not row.engine)


def point_on_a_curve(chapter: Chapter) -> str:
    """What the article's one figure is, beside the prediction of the page."""
    if not fits(chapter):
        return ""
    words = chapter.words
    return (
        f"{chapter.quoted('h100-throughput')} token/s from an H100 is a point on a curve: with the "
        f"lengths, the model and the engine of this page the same card gives {words.throughput}, "
        f"at {words.speed} for each request."
    )
