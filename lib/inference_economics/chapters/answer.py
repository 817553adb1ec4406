"""The pictures, the tables and the turns of phrase of the chapter `answer`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics import inputs
from inference_economics.answer import words as in_words
from inference_economics.answer.odds import (
    NINE_IN_TEN,
    SPEEDS,
    Answer,
    Word,
    answers,
    bands,
    ends,
    mostly,
    quantiles,
)
from inference_economics.answer.question import Question, draw
from inference_economics.answer.ranges import Costs
from inference_economics.catalog import value
from reckoner.claims import ABOUT_TOLERANCE
from reckoner.declare.units import shown
from reckoner.show import stepped
from reckoner.show.charts import Axis, Names, Style, figure, rules, told_apart
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

SPEED = Axis(
    "Speed of every user (token/s)",
    log=True,
    scale={"nice": False, "domain": [SPEEDS[0], SPEEDS[-1]]},
)
COST = Axis("Cost (USD per million output tokens)", log=True, scale={"nice": False, "padding": 8})
KINDS = {"SRAM cluster": Style("1"), "GPUs": Style("2", (8, 3))}
YEARS = range(inputs.FIRST_YEAR, inputs.LAST_YEAR + 1)
SCENES: tuple[tuple[str, Costs, int], ...] = (
    ("bought, GPUs of 2024", "buyer", 2024),
    ("bought, GPUs of 2026", "buyer", 2026),
    ("at a maker's cost, 2024", "maker", 2024),
    ("rented, GPUs of 2024", "tenant", 2024),
    ("rented, GPUs of 2026", "tenant", 2026),
)
"""Whose costs, and in which year: what a reader of the figure may choose."""
WORDS = ("GPU", "too close to call", "SRAM", "nobody can")
QUANTILES = {"low": "lowest twentieth", "y": "median", "high": "highest twentieth"}
OPEN: Word = "too close to call"
SHADES = {"GPU": "2", "too close to call": "grid", "SRAM": "1", "nobody can": "muted"}


def question(chapter: Chapter, costs: Costs = "buyer", year: int = 2024) -> Question:
    """What is asked for this run's work."""
    return Question.of_work(chapter.inputs, costs, year)


def speeds(chapter: Chapter) -> list[float]:
    """The speeds at which the answer is looked for, this page's own among them."""
    own = float(chapter.inputs.target_speed)
    return sorted({own, *(speed for speed in SPEEDS if abs(np.log(speed / own)) > 0.03)})


@cache
def along(chapter: Chapter, costs: Costs, year: int) -> list[Answer]:
    """The answers at every speed for this run's work."""
    asked, given = question(chapter, costs, year), chapter.inputs
    return answers(asked, speeds(chapter), draw(asked, given.samples, given.seed))


def turns(chapter: Chapter, costs: Costs, year: int = 2024) -> str:
    """Up to which speed GPUs lead, and from which on SRAM does."""
    return in_words.turns(question(chapter, costs, year), along(chapter, costs, year))


def ratio_here(chapter: Chapter) -> str:
    """The ratio of both costs at the speed of this page, with its range."""
    words, speed = chapter.words, chapter.inputs.target_speed
    articles = speed == chapter.run.sheet.parameters.base({})["target_speed"]
    whose = ", the speed of the article's own GPUs," if articles else ""
    return (
        f"At {words.target_speed} for each user{whose} a token costs **{words.median_ratio}** "
        "times as much on SRAM cards as on GPUs in the median, and in nine samples of ten "
        f"{words.low_ratio} to {words.high_ratio} times."
    )


def comparable(chapter: Chapter) -> str:
    """In how many samples the two costs are nearly equal, at the speed of this page."""
    place = speeds(chapter).index(chapter.inputs.target_speed)
    maker, buyer = (
        in_words.odds(along(chapter, costs, 2024)[place].comparable(ABOUT_TOLERANCE))
        for costs in ("maker", "buyer")
    )
    return (
        f"At {chapter.words.target_speed} the costs lie within "
        f"{shown(ABOUT_TOLERANCE, 'share')} of each other in {maker} with a maker's costs on both "
        f"sides, and in {buyer} with a buyer's."
    )


def cost_against_speed(chapter: Chapter) -> HTML:
    """The answer at any speed: cost of both kinds with their bands, and the sentence."""
    start = float(chapter.inputs.target_speed)
    scenes = {
        f"{costs}-{year}": _scene(label, along(chapter, costs, year))
        for label, costs, year in SCENES
    }
    name, question = "answer", "How fast must each user's tokens come?"
    return HTML(stepped.Stepped(name, question, "Hardware:", start, scenes).html())


def _scene(label: str, found: Sequence[Answer]) -> stepped.Scene:
    rows = pd.DataFrame([row for one in found for row in costs_of(one)])
    band = alt.Chart(rows).mark_area(opacity=0.18, clip=True)
    line = alt.Chart(rows).mark_line(clip=True)
    places = SPEED.channel(alt.X, "x"), COST.channel(alt.Y, "y")
    told = told_apart({name: KINDS[name] for name in KINDS if name in set(rows["kind"])})
    steps = [
        stepped.Step(
            one.speed,
            str(shown(one.speed, "token/s")),
            in_words.headline(one),
            in_words.sentence(one),
        )
        for one in found
    ]
    chart = figure(
        *_undecided(*ends(found)),
        band.encode(
            places[0],
            COST.channel(alt.Y, "low"),
            y2="high:Q",
            color=told["color"].legend(None),
        ),
        line.encode(*places, **{name: each.legend(None) for name, each in told.items()}),
        alt.Chart(rows.groupby("kind").first().reset_index())
        .mark_text(align="left", dx=4, dy=-8, fontWeight="bold")
        .encode(*places, text="kind:N", color=told["color"].legend(None)),
        stepped.rule_at(SPEED.channel(alt.X, "at")),
        title=in_words.title(found),
        description=(
            "Median cost of a million tokens against the speed of every user, hardware "
            f"{label}, with the range of nine samples in ten as a band. {steps[0].sentence} "
            f"{steps[-1].sentence}"
        ),
        height=300,
    )
    assert isinstance(chart, alt.LayerChart)
    table = pd.DataFrame(
        {
            "Speed (token/s)": one.speed,
            **{
                f"{row['kind']}, {name} (USD per million)": row[of]
                for row in costs_of(one)
                for of, name in QUANTILES.items()
            },
        }
        for one in found[::6]
    )
    return stepped.Scene(label, chart, table, steps)


def _undecided(gpu: float, sram: float) -> list[alt.Chart]:
    """The speeds between both leads, shaded; nothing where a side never leads."""
    if not gpu or not np.isfinite(sram):
        return []
    place = SPEED.channel(alt.X, "x")
    row = {"x": [gpu], "x2": [sram], "middle": [np.sqrt(gpu * sram)]}
    where = alt.Chart(pd.DataFrame(row))
    word = where.mark_text(
        baseline="bottom", dy=-18, fontSize=11, lineBreak="\n", color=colour("muted")
    )
    return [
        where.mark_rect(color=colour("grid"), opacity=0.6).encode(place, x2="x2:Q"),
        word.encode(
            SPEED.channel(alt.X, "middle"),
            y=alt.value("height"),
            text=alt.value(OPEN.replace(" to", "\nto")),
        ),
    ]


def costs_of(one: Answer) -> list[dict[str, Any]]:
    """The range of a token's cost on each kind that can give the speed in most samples."""
    found = []
    for kind, cost in zip(KINDS, (one.sram, one.gpu), strict=True):
        if mostly(cost):
            low, middle, high = 1e6 * quantiles(cost, NINE_IN_TEN)
            found.append({"x": one.speed, "kind": kind, "low": low, "y": middle, "high": high})
    return found


def thresholds() -> pd.DataFrame:
    """When each of the four words is said."""
    decided, nobody = value("answer.decided_share"), value("answer.nobody_share")
    sure, most = str(shown(decided, "share")), str(shown(nobody, "share"))
    return pd.DataFrame(
        {
            "Word": list(WORDS),
            "Said when": [
                f"GPUs are the cheaper in at least {sure} of the samples in which somebody can",
                "neither side has such odds",
                f"the SRAM cluster is, in at least {sure} of them",
                f"in more than {most} of all samples no machine gives the speed",
            ],
        }
    )


STEPS: tuple[tuple[str, str, str], ...] = (
    ("misread_ratio", "the article", "its own figures, none rounded on the way"),
    ("gigabyte_ratio", "GB, not GiB", "the KV cache in the unit of the memory"),
    ("article_ratio", "whole cards", "no half a card"),
    ("own_speed_ratio", "Groq's own speed", "the speed that Groq gave for this very model"),
    ("measured_ratio", "measured throughput", "what MLPerf measured on the H100"),
    ("short_ratio", "the same requests", "MLPerf's lengths: its longest prompt, its mean answer"),
    ("host_ratio", "a host for the GPU", "a GPU's part of a DGX"),
    ("short_speed_ratio", "equal speed", "both give every user the same speed, both have hosts"),
    ("equal_speed_ratio", "long requests", "the article's lengths again, on both"),
    ("electricity_ratio", "electricity", "the power of both over their lives"),
    ("listed_ratio", "list price", "what a single Groq card costs in a shop"),
    ("median_ratio", "all uncertain", "every input a range; the median"),
)
"""The corrections in their order: the line of the worksheet, a name, and what is put right."""


SIDES: tuple[tuple[bool, Literal["right", "left"]], ...] = ((True, "right"), (False, "left"))
"""On which side of its end a number stands: left of a bar that runs to the left."""
FOR_GPU, FOR_SRAM = "favours the GPU", "favours the SRAM cluster"


def waterfall(chapter: Chapter) -> HTML:
    """The ratio of costs after each correction, from the article's to the answer's median."""
    results = vars(chapter.results)
    rows = pd.DataFrame(
        {"name": name, "to": results[line], "why": why} for line, name, why in STEPS
    )
    rows["from"] = rows["to"].shift(fill_value=1.0)
    rows["kind"] = np.where(rows["to"] >= rows["from"], FOR_GPU, FOR_SRAM)
    rows["text"] = [str(shown(ratio, "ratio")) for ratio in rows["to"]]
    near = rows["to"].between(0.8, 1.05)  # left of its bar it is clear of the rule
    rows["end"] = rows["to"].mask(near, rows[["from", "to"]].min(axis=1))
    rows.loc[rows.index[-1], "end"] = results["low_ratio"]
    falls = near | (rows["to"] < rows["from"])
    falls.iloc[-1] = True
    x = Axis("Cost, SRAM over GPUs (ratio)", log=True, scale={"domain": [0.3, 18]})
    names = Names("After", list(rows["name"]), {"labelLimit": 160})
    data = rows.rename(columns={"from": "x", "name": "y"})
    interval = pd.DataFrame(
        {"x": [results["low_ratio"]], "high": results["high_ratio"], "y": STEPS[-1][1]}
    )
    colours = told_apart({FOR_GPU: Style("2"), FOR_SRAM: Style("1")})["color"]
    place = names.channel(alt.Y, "y")
    return chapter.figure(
        figure(
            rules(1.0, x, color=colour("text")),
            alt.Chart(data)
            .mark_bar(height=14)
            .encode(x.channel(alt.X, "x"), place, x2="to:Q", color=colours),
            alt.Chart(interval)
            .mark_rule(color=colour("text"), strokeWidth=2)
            .encode(x.channel(alt.X, "x"), place, x2="high:Q"),
            *(
                alt.Chart(data[falls == left])
                .mark_text(align=side, dx=-5 if left else 5, color=colour("text"))
                .encode(x.channel(alt.X, "end"), place, text="text:N")
                for left, side in SIDES
            ),
            title="From the article's ratio to the answer, a correction at a time",
            description=(
                "Bars on a logarithmic axis, one a correction, each from the ratio before it to "
                "the ratio after it: "
                + "; ".join(f"{n} {t}" for n, t in zip(rows["name"], rows["text"], strict=True))
                + f". The last has an interval from {shown(results['low_ratio'], 'ratio')} to "
                f"{shown(results['high_ratio'], 'ratio')}."
            ),
            height=340,
        ),
        rows[["name", "why", "to"]].rename(
            columns={"name": "After", "why": "What is put right", "to": "Ratio"}
        ),
    )


def reconciled(chapter: Chapter) -> HTML:
    """The book's other figures for the same question, and which inputs each takes."""
    words, given = chapter.words, chapter.inputs
    batch, full = words.batch_size, str(shown(given.context_length, "token"))
    user = str(shown(given.target_speed, "token/s"))
    article = f"{shown(given.speed, 'token/s')} against {user}"
    own = f"{chapter.row('groq_llama2_70b.output_speed')} against all that MLPerf's batch gives"
    rows = [
        (words.article_ratio, "Batching", article, f"batch {batch}, {full}", "the article's", "no"),
        (words.mlperf_ratio, "Batching, Hindsight", f"{shown(given.speed, 'token/s')} against all "
         "that MLPerf's batch gives", f"batch {batch}, {full}; MLPerf's are shorter",
         "the article's", "no"),
        (words.host_ratio, "Batching", own, f"batch {batch}, MLPerf's lengths", "the article's",
         "the GPU's"),
        (words.electricity_ratio, "Equal speed", f"{user} on both", full, "the article's",
         "both, electricity"),
        (words.bound_ratio, "Equal speed", f"{user} on both, SRAM at its limits", full,
         "the article's", "both, electricity"),
        (words.dgx_ratio, "Equal speed", f"{user} on both", full, "lists: a card, a DGX",
         "both, electricity"),
        (words.listed_ratio, "this one", f"{user} on both", full, "lists, most likely values",
         "both, electricity"),
        (words.median_ratio, "Uncertainty", f"{user} on both", full, "a buyer's, as ranges",
         "both, electricity"),
        (words.mixed_ratio, "this one", f"{user} on both", full,
         "mixed, as ranges: Groq's at cost, GPUs bought", "both, electricity"),
    ]  # fmt: skip
    columns = ("SRAM / GPU", "Chapter", "Speed of a user", "Requests", "Prices", "Hosts")
    return chapter.passages(pd.DataFrame(rows, columns=columns))


def _by_years(chapter: Chapter) -> Iterator[tuple[str, Sequence[Answer]]]:
    """The answers for a buyer of each year; years with the same words stand together."""
    answered = [(year, along(chapter, "buyer", year)) for year in YEARS]
    for _, group in groupby(answered, lambda one: [each.word for each in one[1]]):
        (first, found), *others = group
        yield f"{first} to {others[-1][0]}" if others else str(first), found


def through_time(chapter: Chapter) -> HTML:
    """The word at each speed, year by year, for a buyer."""
    found = dict(_by_years(chapter))
    rows = pd.DataFrame(
        {"year": year, "word": word, "x": speed}
        for year, answered in found.items()
        for word, speed in bands(answered)
    )
    rows["x2"] = rows.groupby("year")["x"].shift(-1).fillna(SPEEDS[-1])
    fills = alt.Scale(domain=list(WORDS), range=[colour(SHADES[word]) for word in WORDS])
    years = Names("Prices of", list(found))
    return chapter.figure(
        figure(
            alt.Chart(rows)
            .mark_bar(height=34)
            .encode(
                SPEED.channel(alt.X, "x"),
                years.channel(alt.Y, "year"),
                x2="x2:Q",
                color=alt.Color("word:N", title=None, scale=fills),
            ),
            title="The answer at each speed, as prices and GPUs changed",
            description="For the prices of each time bands of speed with the answer: "
            + "; ".join(
                f"{year} from {shown(speed, 'token/s')}: {word}"
                for year, speed, word in zip(rows["year"], rows["x"], rows["word"], strict=True)
            )
            + ".",
            height=220,
        ),
        rows[["year", "x", "word"]].rename(
            columns={"year": "Prices of", "x": "From (token/s)", "word": "Answer"}
        ),
    )
