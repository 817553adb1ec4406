"""The picture, the table and the turns of phrase of the chapter `comparison`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics import inputs
from inference_economics.answer.odds import answers, samples_of
from inference_economics.answer.question import Question, of_article
from inference_economics.answer.words import odds
from inference_economics.catalog import Chip
from inference_economics.formulas.margins import cost_per_token_of_life
from inference_economics.machines.datasheet import FASTEST, OWN
from inference_economics.worksheets.comparison import SLOTS
from reckoner.declare.units import shown
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
    """How fast a request is at most, how fast on the cheapest chip, and what that is worth."""
    fast, cheap = fastest(chapter), cheapest(chapter)
    said = (
        f"It is the fastest of the three as well: a request advances at {fast.speed}."
        if fast == cheap
        else f"The fastest is the **{fast.name}**: a request is taken to get {fast.speed}, against "
        f"{cheap.speed}."
    )
    return (
        f"{said} Prices and speeds are here as the article or a data sheet has them, some of them "
        "assumed: this is arithmetic, not a verdict."
    )


def verdict(chapter: Chapter) -> str:
    """Which of the three is the cheapest, if enough is known of them, by the one answer."""
    given = chapter.inputs
    work = {"model": given.model, "context_length": given.context_length}
    question = replace(of_article(year=inputs.LAST_YEAR), **work)
    chips = {slot: vars(given)[f"chip_{slot}"] for slot in SLOTS}
    known = {slot for slot, chip in chips.items() if _competes(chip, question)}
    if len(known) < 2:
        lacking = ", ".join(chip.name for slot, chip in chips.items() if slot not in known)
        return (
            "This is arithmetic, not a verdict: that takes a price with a source and a speed that "
            "was measured or predicted with its interval, for at least two. One or both are "
            f"missing for {lacking}."
        )
    slowest = min(vars(chapter.results)[f"speed_{slot}"] for slot in known)
    values = samples_of(question)
    found = answers(question, [slowest], values)[0].costs
    costs = {}
    for slot in known:
        chip = chips[slot]
        costs[chip.name] = _own_cost(chapter, slot, values) if chip.key == OWN else found[chip.key]
    least = np.min(list(costs.values()), axis=0)
    shares = {name: np.mean((cost == least) & np.isfinite(cost)) for name, cost in costs.items()}
    said = "; ".join(f"{name} in {odds(float(share))}" for name, share in shares.items())
    return f"At {shown(slowest, 'token/s')} for each user the cheapest is, for a buyer: {said}."


def _competes(chip: Chip, question: Question) -> bool:
    """Whether price and speed of a chip are known: as a contender's, or as the reader gave them."""
    if chip.key == OWN:
        return bool(chip.price > 0 and chip.speed_limit < FASTEST)
    return chip.key in question.contenders


def _own_cost(chapter: Chapter, slot: int, values: Mapping[str, Any]) -> Any:
    """Cost of a token on the reader's chip, its power left out, for each sample's life and use."""
    lasting = cost_per_token_of_life(
        vars(chapter.results)[f"cost_{slot}"], values["lifetime"] * values["busy_share"]
    )
    return np.asarray(lasting)


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
