"""The picture, the table and the turns of phrase of the chapter `comparison`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics.machines.datasheet import FASTEST
from inference_economics.worksheets.comparison import SLOTS
from reckoner.show.charts import Axis, Names, Style, dots, figure
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

LIMITS = {
    "memory bandwidth": Style("2"),
    "compute": Style("3", shape="square"),
    "given limit": Style("4", shape="triangle-up"),
}


@dataclass(frozen=True)
class Offer:
    """One of the three chips in words: its name, its cost, the speed of a request."""

    name: str
    cost: str
    speed: str


def of(chapter: Chapter, name: str) -> list[Any]:
    """A line of the worksheet, or an input, for each of the three chips."""
    known = {**vars(chapter.inputs), **vars(chapter.lines)}
    return [known[f"{name}_{slot}"] for slot in SLOTS]


def in_words(chapter: Chapter, slot: int) -> Offer:
    """What is said of one of the chips."""
    chip, words = vars(chapter.inputs)[f"chip_{slot}"], vars(chapter.words)
    return Offer(chip.name, words[f"cost_{slot}"], words[f"speed_{slot}"])


def cheapest(chapter: Chapter) -> Offer:
    """The chip of the lowest cost."""
    return in_words(chapter, SLOTS[np.argmin(of(chapter, "cost"))])


def fastest(chapter: Chapter) -> Offer:
    """The chip on which a request advances fastest."""
    return in_words(chapter, SLOTS[np.argmax(of(chapter, "speed"))])


def fastest_and_cheapest(chapter: Chapter) -> str:
    """How fast a request is at most, and how fast on the cheapest chip."""
    fast, cheap = fastest(chapter), cheapest(chapter)
    if fast == cheap:
        return f"It is the fastest of the three as well: a request advances at {fast.speed}"
    return (
        f"The fastest is the **{fast.name}**: a request advances at {fast.speed}, against "
        f"{cheap.speed}"
    )


def names(chapter: Chapter) -> list[str]:
    """What the chips are called in table and figure."""
    return [f"{slot}: {chip.name}" for slot, chip in zip(SLOTS, of(chapter, "chip"), strict=True)]


def costs(chapter: Chapter) -> HTML:
    """What the smallest cluster of each chip costs and gives."""
    columns = {
        "Chip": names(chapter),
        "Cards (count)": of(chapter, "cards"),
        "Price (USD)": of(chapter, "cluster_price"),
        "Speed of a request (token/s)": of(chapter, "speed"),
        "Throughput (token/s)": of(chapter, "throughput"),
        "Cost (USD per token/s)": of(chapter, "cost"),
    }
    return chapter.table(pd.DataFrame(columns))


def limits(chapter: Chapter) -> HTML:
    """The three limits on the speed of a request, for each chip."""
    chips, speeds = names(chapter), of(chapter, "speed")
    given = [chip.speed_limit for chip in of(chapter, "chip")]
    allowed = of(chapter, "bandwidth_speed"), of(chapter, "compute_speed"), given
    bounds = pd.DataFrame(
        {
            "Chip": np.repeat(chips, len(LIMITS)),
            "Limit": [*LIMITS] * len(SLOTS),
            "Speed (token/s)": np.transpose(allowed).ravel(),
        }
    )
    drawn = bounds[bounds["Speed (token/s)"] < FASTEST].groupby("Limit")
    x = Axis("Output speed of a request (token/s)", log=True, scale={"padding": 14})
    y = Names("Chip", chips)
    reached = alt.Chart(pd.DataFrame({"x": speeds, "y": chips}))
    said = (
        f"{chip.name} {chapter.shown(v, 'token/s')}"
        for chip, v in zip(of(chapter, "chip"), speeds, strict=True)
    )
    return chapter.figure(
        figure(
            reached.mark_tick(thickness=4, size=34, color=colour("1")).encode(
                x.channel(alt.X, "x"), y.channel(alt.Y, "y")
            ),
            dots(
                {str(name): (rows["Speed (token/s)"], rows["Chip"]) for name, rows in drawn},
                x,
                y,
                LIMITS,
                size=110,
            ),
            title="The lowest of three limits is the speed",
            description=(
                "For each chip the speed of a request that its memory bandwidth, its compute and a "
                f"given limit allow. The lowest is reached: {', '.join(said)}."
            ),
            height=200,
        ),
        bounds,
    )
