"""What one prediction is made of: the pictures and turns of phrase of the chapter `serving`."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.serving import engines, kernels
from inference_economics.serving.constants import fitted_rows
from inference_economics.serving.levels import is_known
from inference_economics.serving.rooflines import products, reachable
from inference_economics.worksheets import equal_speed, measure_it_yourself
from reckoner.show.charts import Axis, Names, Style, told_apart
from reckoner.show.figures import colour
from reckoner.show.marks import mark
from reckoner.show.notebook import Chapter

PARTS = {
    "weights": ("reading and multiplying the weights", "matrix_time"),
    "experts": ("the experts", "expert_time"),
    "KV cache": ("reading the KV cache", "kv_time"),
    "layer floor": ("the least time of the layers", "floor_time"),
    "all-reduce": ("all-reduce", "reduce_time"),
    "the engine": ("the engine's own work", "host_time"),
    "prompts read": ("reading newcomers' prompts", "prefill_per_token"),
}
"""What takes the time of a token: its name in a figure, in a sentence, and its result."""

COLOURS = dict(zip(PARTS, map(Style, ("2", "6", "3", "5", "4", "axis", "grid")), strict=True))

CHIPS = ("h100_sxm", "h200_sxm", "b200_sxm", "gb300")
"""The four chips of the first picture."""

LEVEL = 0.9
"""The share of measurements that an interval is to hold."""

PER_TOKEN = "Time per token (ms)"
WORK = "Operations for each byte"


def fits(chapter: Chapter) -> bool:
    """Whether the memory holds the weights and one request."""
    return bool(chapter.results.requests_in_memory >= 1)


def prediction(chapter: Chapter) -> str:
    """What is predicted for the parameters of the page, if anything, with its interval."""
    given, words, shown = chapter.inputs, chapter.words, chapter.shown
    machine = f"{chapter.shown(given.tensor_parallel, 'count')} × {given.chip.name}"
    if not fits(chapter):
        return (
            f"{given.model.name} does not fit in {machine} at this precision, so nothing is "
            "predicted for it."
        )
    users = chapter.some(given.concurrency, "user")
    return (
        f"{given.model.name} on {machine} under {given.engine.name} gives each of {users} "
        f"**{words.speed}**, by our prediction, and with {shown(LEVEL, 'share')} probability "
        f"{words.speed_low} to {words.speed_high}. {_from_runs(chapter)}"
    )


def _from_runs(chapter: Chapter) -> str:
    """Whether the prediction knows runs of the same kind."""
    given = chapter.inputs
    if is_known(given.model.key, given.chip.key, given.engine.key, given.precision):
        return (
            "Runs of just this kind were among those that it learned from; for a model without "
            "them the interval is wider, as in {doc}`equal_speed`."
        )
    return "It has seen no run of just this kind."


def beside_article(chapter: Chapter) -> str:
    """The article's one figure for an H100, beside the prediction of the page."""
    words = chapter.words
    start = (
        f"The article takes {chapter.quoted('h100-throughput')} token/s from each H100, at one "
        "batch size, from a company's chart {cite}`li2024groq`; how fast a request advances it "
        "does not say."
    )
    if not fits(chapter):
        return start
    return (
        f"{start} With the lengths, the model and the engine of this page each GPU gives "
        f"**{words.throughput}** ({words.throughput_low} to {words.throughput_high}): the figure "
        "is a point on a curve."
    )


def parts_of(results: Any) -> dict[str, Any]:
    """What takes the time of a token, by its name in a figure, its series' level included."""
    parts = {part: np.asarray(getattr(results, name)) for part, (_, name) in PARTS.items()}
    level = np.asarray(results.output_time) / sum(parts.values())
    return {part: level * time for part, time in parts.items()}


def time_by_parts(chapter: Chapter) -> HTML:
    """What takes the time of a token, for rising numbers of requests in flight on four chips."""
    batches = sorted({1, 16, int(chapter.inputs.concurrency)})
    many = np.array(batches, float)
    tables = []
    chips = {key: catalog.chip(key) for key in CHIPS}
    for chip in ({chapter.inputs.chip.key: chapter.inputs.chip} | chips).values():
        swept = chapter.run.sheet(**{**chapter.run.inputs, "chip": chip, "concurrency": many})
        parts = {
            part: np.broadcast_to(1e3 * time, len(batches))
            for part, time in parts_of(swept).items()
        }
        tables.append(pd.DataFrame({"Chip": chip.name, "Requests in flight": batches, **parts}))
    table = pd.concat(tables[: len(CHIPS)], ignore_index=True).sort_values(
        "Requests in flight", kind="stable"
    )
    runs = zip(table["Requests in flight"], table["Chip"], strict=True)
    told = [f"{n} on {chip}" for n, chip in runs]
    bars = table.assign(Run=told).melt(
        ["Chip", "Requests in flight", "Run"], var_name="kind", value_name=PER_TOKEN
    )
    bars = bars[bars[PER_TOKEN] > 0]
    bars["Order"] = bars["kind"].map([*PARTS].index)
    present = {part: COLOURS[part] for part in PARTS if part in {*bars["kind"]}}
    return chapter.drawn(
        alt.Chart(bars)
        .mark_bar(stroke=colour("text"), strokeWidth=0.5)
        .encode(
            Axis("Time per output token (ms)").channel(alt.X, f"sum({PER_TOKEN})"),
            Names("Requests in flight", told, {"titlePadding": 14}).channel(alt.Y, "Run"),
            told_apart(present)["color"].legend(alt.Legend(columns=2)),
            order="Order:Q",
        ),
        title=_headline(table),
        description=(
            f"Stacked bars of the time per output token of {chapter.inputs.model.name} by what "
            "takes it, for rising numbers of requests in flight, on four chips. Reading weights "
            "and the least time of the layers are most of it for one request; the engine, the "
            "exchanges and newcomers' prefill grow with the requests."
        ),
        height=330,
        data=table.rename(columns={part: f"{part} (ms)" for part in PARTS}),
    )


def _headline(table: pd.DataFrame) -> str:
    """What the bars of a token's time show, if it is so on every chip."""
    few, many = table.iloc[: len(CHIPS)], table.iloc[-len(CHIPS) :]
    chips = list(PARTS)
    weights = few[["weights", "experts", "layer floor"]].sum(axis=1)
    if not (weights > few[chips].sum(axis=1) / 2).all():
        return "What takes the time of a token"
    rest = many[chips].sum(axis=1) - many[["weights", "experts", "layer floor"]].sum(axis=1)
    if not (rest > many[chips].sum(axis=1) / 2).all():
        return "Weights and layers take most of a token's time"
    return "One user waits for weights and layers, many wait for each other"


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
        f"knows only bandwidths and arithmetic: by it a step would take {words.ideal_output_time}, "
        "no newcomer's prefill counted, "
        f"and the server takes **{words.optimism} times** that ({{numref}}`fig-serving-parts`)."
    )


def every_speed(chapter: Chapter) -> HTML:
    """The book's speeds of the same GPU, and what each of them counts."""

    def of(sheet: Any, result: str) -> str:
        """A result of another chapter, by its own defaults."""
        name, conclude = sheet.__name__.rpartition(".")[2], sheet.conclude
        found = getattr(conclude(**conclude.parameters.base({})), result)
        return mark(f"{name}.{result}", str(chapter.shown(found, "token/s")))

    words = chapter.words
    offline, later = (
        chapter.row(f"mlperf_{version}_dgx_h100_offline.throughput_per_gpu")
        for version in ("v4_0", "v5_0")
    )
    rows = [
        (of(equal_speed, "article_gpu_speed"), "a user", "Equal speed",
         "the article's output of a card, shared by its batch on eight of them"),
        (words.speed, "a user", "this one", "engine, prompts, exchanges"),
        (of(equal_speed, "gpu_top_speed"), "a user", "Equal speed",
         "the same for the article's requests, with as few users as it takes to be fastest"),
        (of(measure_it_yourself, "speed_alone"), "a user", "Measure it yourself",
         "one user on eight cards: kernels alone, no exchange and no engine"),
        (words.ideal_speed, "a user", "this one", "what the datasheet would allow"),
        (chapter.quoted("h100-throughput"), "a card", "Batching", "read off a company's chart"),
        (of(equal_speed, "gpu_throughput"), "a card", "Equal speed",
         "the article's requests at the speed of its users, prompts counted"),
        (words.throughput, "a card", "this one", "as above, at this page's values"),
        (of(measure_it_yourself, "card_throughput"), "a card", "Measure it yourself",
         "kernels alone, no prompt, no exchange and no engine"),
        (offline, "a card", "Batching, One answer", "MLPerf v4.0 of 2024: as much as can be, at "
         f"any speed; v5.0 of 2025 has {later}"),
    ]  # fmt: skip
    columns = ("Output (token/s)", "Of", "Chapter", "What it counts")
    return chapter.passages(pd.DataFrame(rows, columns=columns))


def engine_name(key: str) -> str:
    """What readers call an engine."""
    return engines.engine_of(key).name


def constants(chapter: Chapter) -> HTML:
    """The constants fitted on servers, with their intervals."""
    rows = [
        {
            "Constant": row.meaning,
            "Of": engine_name(row.engine) if row.engine else "all engines",
            "Value": row.value,
            "Low": row.low,
            "High": row.high,
            "Unit": "µs" if row.unit == "us" else row.unit,
        }
        for row in fitted_rows()
    ]
    return chapter.table(pd.DataFrame(rows))


def rooflines(chapter: Chapter) -> HTML:
    """What chips reach of their datasheets' peaks, by format, as single kernels show it."""
    table = pd.DataFrame(kernels.reached())
    table = table[table["quantity"].isin(["bandwidth_share", "compute_share"])]
    wide = table.pivot_table(
        index=["system", "format"], columns="quantity", values=["value", "spread"]
    ).reset_index()
    chips = {key: row.name for key, row in catalog.chip_names().items()}
    columns = {
        "Chip": wide["system"].map(chips),
        "Format": wide["format"],
        "Of bandwidth (%)": 100 * wide["value", "bandwidth_share"],
        "Of compute (%)": 100 * wide["value", "compute_share"],
        "Between engines (±%)": 100 * wide["spread", "bandwidth_share"],
    }
    return chapter.table(pd.DataFrame(columns))


def _curves() -> pd.DataFrame:
    """What chips reach by their constants, at the operations for each byte of measured products."""
    found = []
    for (key, form), rows in kernels.groups(products(), "system", "format"):
        work = rows["operations_per_byte"].to_numpy(float)
        curve = reachable(catalog.chip(key), form, work)
        found.append(rows.assign(fitted=curve))
    return pd.concat(found)


def measured_rooflines(chapter: Chapter) -> HTML:
    """Products of matrices on six GPUs: the median of what was timed, and the fitted roofline."""
    chips = {key: row.name for key, row in catalog.chip_names().items()}
    table = pd.DataFrame(
        {
            "Chip": (found := _curves())["system"].map(chips),
            "Format": found["format"],
            WORK: found["operations_per_byte"],
            "Measured (TFLOP/s)": found["reached"] / 1e12,
            "Fitted (TFLOP/s)": found["fitted"] / 1e12,
            "Timings": found["rows"],
        }
    )
    ends = {"domain": [1, 20_000], "nice": False}
    ticks = {"values": [1, 10, 100, 1000, 10_000], "format": ",~g"}
    x = Axis("Work for each byte moved (operations)", True, ends, ticks).channel(alt.X, WORK)
    y = Axis("Products (TFLOP/s)", log=True)
    known = list(dict.fromkeys(table.sort_values("Fitted (TFLOP/s)")["Chip"][::-1]))
    told = alt.Color("Chip:N", title=None, sort=known, legend=alt.Legend(columns=2))
    dash = alt.StrokeDash("Format:N", sort=["bf16", "fp8", "fp4"], legend=None)
    chart = alt.Chart(table)
    return chapter.drawn(
        chart.mark_line().encode(x, y.channel(alt.Y, "Fitted (TFLOP/s)"), told, dash),
        chart.mark_point(filled=True, size=14).encode(
            x, y.channel(alt.Y, "Measured (TFLOP/s)"), told
        ),
        title="Six GPUs follow their rooflines, each below its datasheet",
        description=(
            "Operations per second of matrix products against the operations for each byte that "
            "they move, in 16, 8 and 4 bits, on logarithmic axes: dots are medians of timings, "
            "lines the fitted rooflines. All rise in proportion and level off; in 16 bits the "
            "dots lie on the lines, with fewer bits below them where they rise."
        ),
        height=300,
        data=table,
    )
