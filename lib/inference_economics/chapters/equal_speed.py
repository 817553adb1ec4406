"""The pictures and the turns of phrase of the chapter `equal_speed`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics.answer.odds import asked
from inference_economics.answer.question import Question
from inference_economics.catalog import value
from inference_economics.machines import published
from inference_economics.machines.clusters import interval
from inference_economics.machines.frontier import SPEEDS, Machine
from inference_economics.worksheets.equal_speed import conclude
from reckoner.declare.units import shown
from reckoner.show.charts import (
    Axis,
    Kinds,
    Style,
    figure,
    lines,
    rules,
    table,
    texts,
    told_apart,
)
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

SPEED = Axis("Speed of every user (token/s)", log=True, scale={"nice": False, "domain": [5, 3000]})
COST = Axis("Cost (USD per million output tokens)", log=True, scale={"nice": False, "padding": 8})
LIMITS = "SRAM at its limits"
DRAWN = np.geomspace(5, 3000, 240)


def as_published(chapter: Chapter) -> bool:
    """Whether a layer loses what Groq's own speed leaves unexplained."""
    return bool(chapter.inputs.layer_floor == conclude.parameters.base({})["layer_floor"])


def question(chapter: Chapter) -> Question:
    """What the one answer is asked: this page's work, for a buyer of the article's year."""
    return Question.of_work(chapter.inputs, "buyer", 2024)


def _sram(chapter: Chapter) -> str:
    return "SRAM as published" if as_published(chapter) else "SRAM in this run"


def _machines(chapter: Chapter) -> dict[str, Machine]:
    """The chip's ways to run, by the names that the pictures give them."""
    found = chapter.lines
    return {_sram(chapter): found.sram, LIMITS: found.bound, chapter.inputs.gpu.name: found.hbm}


def _in_millions(machine: Machine, speeds: Any = DRAWN) -> Any:
    """Cost of a million tokens at speeds; missing where a machine cannot give them."""
    cost = machine.cost(speeds) * 1e6
    return np.where(np.isfinite(cost), cost, np.nan)


def slower(chapter: Chapter) -> list[Machine]:
    """The GPU at the two ends of the interval of its predictions."""
    given, hbm = chapter.inputs, chapter.lines.hbm
    ends = interval(given.engine, given.model, given.gpu, given.bytes_per_parameter)
    return [replace(hbm, time_ratio=hbm.time_ratio * end) for end in ends]


def cost_against_speed(chapter: Chapter) -> HTML:
    """The frontier of each chip: the least cost of a token at each speed."""
    words, results = chapter.words, chapter.results
    sram, _, gpu = names = list(machines := _machines(chapter))
    drawn = {name: _in_millions(machine) for name, machine in machines.items()}
    low, high = map(_in_millions, slower(chapter))
    top = max(np.nanmax(line, initial=0) for line in (low, high))  # where the slow end has ended
    kinds = {sram: Style("1"), LIMITS: Style("3", (6, 4)), gpu: Style("2", (8, 3, 2, 3))}
    rows = pd.DataFrame({"Speed (token/s)": [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3]})
    for name in names:
        rows[f"{name} (USD per million)"] = _in_millions(machines[name], rows.iloc[:, 0].to_numpy())
    return chapter.figure(
        figure(
            _band(low, np.where(np.isnan(high), top, high), colour("2")),
            _band(drawn[LIMITS], drawn[sram], colour("1")),
            rules(chapter.inputs.target_speed, SPEED, color=colour("muted"), strokeDash=[2, 3]),
            _unlisted(
                lines({name: (DRAWN, cost) for name, cost in drawn.items()}, SPEED, COST, kinds)
            ),
            *_named(drawn, kinds),
            title="Speed costs GPUs dearly and SRAM little, until each can go no faster",
            description=(
                "Cost of a token against the speed of every user. At "
                f"{words.target_speed} it is {money(results.cost)} on SRAM cards, "
                f"{money(results.bound_cost)} by their own limits and {money(results.gpu_cost)} on "
                f"GPUs. GPUs end at {words.gpu_top_speed}, SRAM cards at {words.top_speed}, their "
                f"limits at {words.bound_top_speed}."
            ),
            height=380,
        ),
        rows,
    )


def _unlisted(chart: Any) -> Any:
    """The chart without a legend."""
    for channel in ("color", "strokeDash"):
        chart.encoding[channel].legend = None
    return chart


def _named(drawn: Mapping[str, Any], kinds: Kinds) -> Iterator[Any]:
    """The name of each line at its end; that of the first line, which is flat, at its start."""
    for name, cost in drawn.items():
        known = np.flatnonzero(np.isfinite(cost))
        if known.size:
            first = name == next(iter(drawn))
            end = known[0 if first else -1]
            left = DRAWN[end] > 0.4 * DRAWN[-1]
            beside = {"align": "right", "dx": -8} if left else {"dx": 7, "dy": -8 if first else 0}
            paint = colour(kinds[name].colour)
            yield texts(DRAWN[end], cost[end], name, SPEED, COST, color=paint, **beside)


def _band(low: Any, high: Any, fill: str) -> Any:
    data = pd.DataFrame({"x": DRAWN, "y": low, "high": high}).dropna()
    chart = alt.Chart(data).mark_area(opacity=0.16, color=fill)
    return chart.encode(SPEED.channel(alt.X, "x"), COST.channel(alt.Y, "y"), y2="high:Q")


def points(chapter: Chapter) -> pd.DataFrame:
    """The published points with speed, cost and kind."""
    given, results = chapter.inputs, chapter.results
    length, output = given.context_length, given.output_tokens
    found = published.published_points(given.model, given.gpu, length - output, output, results)
    rows = pd.DataFrame(map(vars, found))
    named = "measured: " + rows["label"]
    return rows.assign(name=np.where(rows["kind"] == "measured", named, rows["kind"]))


def published_against_frontiers(chapter: Chapter) -> HTML:
    """The article's points, measured runs and prices asked, over the two frontiers."""
    words, rows = chapter.words, points(chapter)
    shapes = ("diamond", "circle", "square", "triangle-up", "cross", "triangle-down")
    styles = [Style(c, shape=s) for c, s in zip("624513", shapes, strict=True)]
    kinds = dict(zip(dict.fromkeys(rows["name"]), styles, strict=False))
    sram, _, gpu = machines = _machines(chapter)
    frontiers = {name: (DRAWN, _in_millions(machines[name])) for name in (sram, gpu)}
    dashes = alt.Scale(domain=[sram, gpu], range=[[1, 0], [8, 3, 2, 3]])
    places = SPEED.channel(alt.X, "x"), COST.channel(alt.Y, "y")
    data = pd.DataFrame({"x": rows["speed"], "y": rows["cost"] * 1e6, "kind": rows["name"]})
    told = told_apart(kinds, "shape")
    told["color"].legend = alt.Legend(columns=1)
    labels = data.assign(label=rows["label"])
    labels = labels[(rows["kind"] == "article") | (rows["label"] == "Groq")]
    return chapter.figure(
        figure(
            alt.Chart(table(frontiers).dropna())
            .mark_line(strokeWidth=1.5)
            .encode(
                *places,
                detail="kind:N",
                color=alt.value(colour("muted")),
                strokeDash=alt.StrokeDash("kind:N", legend=None, scale=dashes),
            ),
            alt.Chart(data).mark_point(size=60, filled=True, opacity=0.9).encode(*places, **told),
            alt.Chart(labels)
            .mark_text(dy=15, color=colour("text"))
            .encode(*places, text="label:N"),
            title="The article's two points lie far apart, measured GPUs along their frontier",
            description=(
                f"Points of cost against speed over the two frontiers: {len(rows)} in all. The "
                f"article's Groq stands at {words.article_speed} and {words.article_cost}, its "
                f"H100 at {words.article_gpu_speed} and {words.article_gpu_cost}."
            ),
            height=400,
        ),
        pd.DataFrame(
            {
                "Kind": rows["name"],
                "Point": rows["label"],
                "Speed (token/s)": rows["speed"],
                "Cost (USD per million)": rows["cost"] * 1e6,
            }
        ),
    )


def by_speed(chapter: Chapter) -> HTML:
    """A row for each speed, with the cheapest way to run each chip."""
    sram, hbm = chapter.lines.sram, chapter.lines.hbm
    steps = {10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 300.0, 500.0, chapter.inputs.target_speed}
    rows = pd.DataFrame({"Speed (token/s)": sorted(steps)})
    speeds = rows["Speed (token/s)"]
    rows["SRAM (USD/Mtoken)"] = [sram.cost(speed) * 1e6 for speed in speeds]
    rows["GPU (USD/Mtoken)"] = [hbm.cost(speed) * 1e6 for speed in speeds]
    rows["Answer"] = [found.word for found in asked(question(chapter), list(speeds))]
    rows[["Requests on SRAM", "Cards"]] = [sram.way(speed)[:2] for speed in speeds]
    rows[["Requests on GPUs", "GPUs"]] = [hbm.way(speed)[:2] for speed in speeds]
    return chapter.table(rows.replace(math.inf, math.nan))


def price_scenarios() -> dict[str, dict[str, float]]:
    """Other prices of cards, by name; each row changes inputs of the worksheet.

    Hosts stay as dear for each card as they are by default. A DGX H100 is a machine with its host.
    """
    given = conclude.parameters.base({})

    def card(price: float) -> dict[str, float]:
        host = given["host_share"] * given["card_price"]
        return {"card_price": price, "host_share": host / price}

    def gpu(price: float) -> dict[str, float]:
        host = given["gpu_host_share"] * given["gpu_price"]
        return {"gpu_price": price, "gpu_host_share": host / price}

    machine = value("dgx_h100.price") / value("dgx_h100.gpus")
    at_cost = card(value("article.groq_card_cost"))
    bought = {"gpu_price": machine, "gpu_host_share": 0.0}
    return {
        "the article's prices": {},
        "list prices": {**card(value("groq_card.price")), **bought},
        "mixed: Groq's cards at cost": at_cost,
        "both at cost": {**at_cost, **gpu(value("article.h100_cost"))},
    }


def by_price(chapter: Chapter) -> tuple[Mapping[str, Any], HTML]:
    """The results with each scenario's prices, and the same as a table."""
    outcomes = {name: chapter.changed(**change) for name, change in price_scenarios().items()}
    rows = [
        {
            "Prices": name,
            "SRAM (USD/Mtoken)": one.cost * 1e6,
            "GPU (USD/Mtoken)": one.gpu_cost * 1e6,
            "SRAM / GPU": one.cost_ratio,
            "SRAM cheaper (token/s)": _short(one.crossover_speed),
            "By its limits (token/s)": _short(one.bound_crossover),
        }
        for name, one in outcomes.items()
    ]
    return outcomes, chapter.table(pd.DataFrame(rows).replace(math.inf, math.nan))


def money(cost: float) -> str:
    """A cost per token, or that there is none."""
    return str(shown(cost, "USD/token")) if math.isfinite(cost) else "no price at all"


def crossing(speed: float) -> str:
    """From which speed on SRAM is cheaper, in words."""
    if math.isinf(speed):
        return "at no speed"
    return "at every speed" if speed <= SPEEDS[0] else f"from **{shown(speed, 'token/s')}** on"


def _short(speed: float) -> str:
    return crossing(speed).replace("*", "").replace(" token/s on", "")
