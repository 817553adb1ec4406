"""Prices that sellers asked, held against the answer: pictures and sentences of `answer`."""

from __future__ import annotations

from itertools import product
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics.answer.odds import Answer, asked, mostly, quantiles
from inference_economics.answer.question import of_groqs_size
from inference_economics.answer.ranges import Costs
from inference_economics.catalog.market import offers
from inference_economics.chapters.answer import (
    COST,
    KINDS,
    SPEED,
    along,
    costs_of,
    question,
)
from inference_economics.formulas.equal_speed import price_with_input
from reckoner.declare.units import shown
from reckoner.show.charts import Axis, Style, figure, told_apart
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

SELLERS = {
    "gpu": Style("2", shape="circle"),
    "sram": Style("1", shape="square"),
    "wafer": Style("4", shape="triangle-up"),
    "dataflow": Style("3", shape="diamond"),
}
SIDES: tuple[Costs, ...] = ("buyer", "maker")
SIDES_OF_MARKS: dict[str, dict[str, Any]] = {
    "right": {"align": "left", "dx": 7},
    "above": {"dy": -11},
    "below": {"dy": 11},
}
"""Where a text stands beside its mark."""
CROWDED = 1.25
"""Marks whose speeds differ by no more than this factor share the room for their texts."""
GUESSED = "speculative_speed"
"""What a speed is called in the catalog that takes guesses of tokens ahead."""
NAMED = {"gpu": "GPUs", "sram": "Groq", "wafer": "Cerebras", "dataflow": "SambaNova"}


def sold(chapter: Chapter) -> pd.DataFrame:
    """What sellers asked for a model of 70 billion parameters, at a speed that others measured."""
    given = chapter.inputs
    inputs = given.context_length - given.output_tokens
    rows = pd.DataFrame(
        {
            "seller": offer.row.seller,
            "kind": offer.row.chip_kind,
            "model": offer.row.model,
            "year": offer.row.date[:4],
            "speed": offer.output_speed,
            "timed": offer.row.speed_date[:4],
            "guesses": str(offer.row.address("output_speed")).endswith(GUESSED),
            "price": price_with_input(
                offer.output_price, offer.input_price, inputs, given.output_tokens
            ),
        }
        for offer in offers()
        if offer.row.size_class == "70B" and offer.row.speed_kind == "measured"
    )
    for (year, of_year), costs in product(rows.groupby("year"), SIDES):
        found = asked(question(chapter, costs, int(str(year))), list(of_year["speed"]))
        rows.loc[of_year.index, costs] = list(map(_median, found, of_year["kind"]))
    return rows


def _median(one: Answer, kind: str) -> float:
    """What a token costs in the median, where most samples reach the speed."""
    cost = {"sram": one.sram, "gpu": one.gpu}.get(kind, np.array([np.inf]))
    return float(quantiles(cost, [0.5])[0]) if mostly(cost) else np.nan


def below_cost(chapter: Chapter) -> str:
    """Who asks less than the tokens cost a buyer, who is faster than computed, what that says."""
    rows = sold(chapter)
    sentences = [_lists_said(rows)]
    for kind, name in (("gpu", "GPU sellers"), ("sram", "Groq")):
        factor = (rows["price"] / rows["buyer"])[rows["kind"] == kind].dropna()
        if len(factor):
            low, high = (shown(end, "ratio", 2) for end in (factor.min(), factor.max()))
            below = int((factor < 1).sum())
            sentences.append(
                f"{name} asked {low} to {high} times what we compute for a buyer of the hardware, "
                f"less in {below or 'none'} of {len(factor)} cases."
            )
    sentences.append(_held_to_groqs_size(chapter, rows[rows["kind"] == "sram"]))
    sentences.append(_too_fast(rows[rows["buyer"].isna() & rows["kind"].isin(["gpu", "sram"])]))
    dear = (rows["price"] / rows["maker"])[rows["kind"] == "sram"].dropna()
    if len(dear):
        sentences.append(
            "Against what its hardware costs to make, Groq's lowest price is "
            f"{shown(dear.min(), 'ratio', 2)} times the cost."
        )
    return " ".join(sentences)


def _held_to_groqs_size(chapter: Chapter, rows: pd.DataFrame) -> str:
    """The same for Groq, if no cluster is larger than the one that it is known to have."""
    factors = []
    for _, row in rows.iterrows():
        held = of_groqs_size(question(chapter, "buyer", int(row["year"])))
        (one,) = asked(held, [row["speed"]])
        factors.append(row["price"] / _median(one, "sram"))
    known = [factor for factor in factors if np.isfinite(factor)]
    if not known:
        return ""
    low, high = (shown(end, "ratio", 2) for end in (min(known), max(known)))
    return (
        f"Against the cost on a cluster no larger than its own, Groq's prices are {low} to {high} "
        "times."
    )


def _lists_said(rows: pd.DataFrame) -> str:
    """That Groq asked less than the sellers on GPUs in the first year, if it did."""
    then = rows[rows["year"] == rows["year"].min()].set_index("kind")
    groq, gpus = then.loc[["sram"]].iloc[0], then.loc[["gpu"]]
    if not (groq["price"] < gpus["price"]).all():
        return ""
    low, high = (shown(end, "USD/token") for end in (gpus["price"].min(), gpus["price"].max()))
    slow, fast = (shown(end, "token/s") for end in (gpus["speed"].min(), gpus["speed"].max()))
    return (
        f"In early {groq['year']}, for {groq['model']}, the price lists said the reverse of our "
        "answer: Groq asked "
        f"{shown(groq['price'], 'USD/token')}, the input counted, at "
        f"{shown(groq['speed'], 'token/s')}, the {len(gpus)} sellers on GPUs {low} "
        f"to {high} at {slow} to {fast}. A price is what a seller chooses; ours "
        "are costs, of GPUs with newer software."
    )


def _too_fast(rows: pd.DataFrame) -> str:
    """The offers on chips that compete whose speed most samples do not reach."""
    if rows.empty:
        return ""
    guessing, others = (
        ", ".join(
            f"{seller} at {shown(speed, 'token/s')} in {timed}"
            + (f" (its price is of {year})" if year != timed else "")
            for seller, speed, timed, year in zip(
                *(own[name] for name in ("seller", "speed", "timed", "year")), strict=True
            )
        )
        for own in (rows[rows["guesses"]], rows[~rows["guesses"]])
    )
    said = []
    if guessing:
        said.append(f"{guessing}, which guesses tokens ahead")
    if others:
        said.append(f"{others}: either these guess ahead, or our model is refuted there")
    return f"Faster than most of our samples allow were {'; and '.join(said)}."


def _sides(rows: pd.DataFrame) -> pd.Series:
    """Where each text stands: of marks that crowd, the highest has it above, the lowest below."""
    ordered = rows.sort_values(["speed", "price"])
    prices = ordered.groupby((ordered["speed"].pct_change() > CROWDED - 1).cumsum())["price"]
    crowded = prices.transform("size") > 1
    sides = pd.Series("right", ordered.index)
    sides[prices.idxmax()] = "above"
    sides[prices.idxmin()] = "below"
    return sides.where(crowded, "right")


def picture(chapter: Chapter) -> HTML:
    """Prices asked at measured speeds, over what the tokens cost a buyer."""
    rows = sold(chapter)
    bands = pd.DataFrame([row for one in along(chapter, "buyer", 2024) for row in costs_of(one)])
    places = SPEED.channel(alt.X, "x"), COST.channel(alt.Y, "y")
    wide = Axis(SPEED.title, log=True, scale={"nice": False, "domain": [5, 2500]})
    drawn = pd.DataFrame(
        {
            "x": rows["speed"],
            "y": 1e6 * rows["price"],
            "kind": rows["kind"].map(NAMED),
            "label": [f"{s} {y}" for s, y in zip(rows["seller"], rows["year"], strict=True)],
            "short": "’" + rows["year"].str[2:],
        }
    )
    later = rows[rows["year"] > rows["year"].min()]
    dated = drawn.loc[later.index].assign(side=_sides(later))
    at = wide.channel(alt.X, "x")
    told = told_apart({NAMED[kind]: style for kind, style in SELLERS.items()}, "shape")
    shade = alt.value(colour("muted"))
    return chapter.figure(
        figure(
            *(
                alt.Chart(bands[bands["kind"] == kind])
                .mark_area(opacity=0.18, color=colour(style.colour), clip=True)
                .encode(at, COST.channel(alt.Y, "low"), y2="high:Q")
                for kind, style in KINDS.items()
            ),
            alt.Chart(bands).mark_line(strokeWidth=1.5).encode(
                at, places[1], detail="kind:N", color=shade
            ),
            alt.Chart(drawn).mark_point(size=70, filled=True, opacity=1).encode(
                at, places[1], **told
            ),
            *(
                alt.Chart(dated[dated["side"] == side])
                .mark_text(fontSize=10, color=colour("text"), **place)
                .encode(at, places[1], text="short:N")
                for side, place in SIDES_OF_MARKS.items()
            ),
            title="What sellers asked, over what the tokens cost a buyer of the hardware",
            description=(
                f"{len(rows)} prices of tokens of 70B models at measured speeds, over the bands "
                "of what a token costs a buyer: "
                + "; ".join(
                    f"{label} {shown(speed, 'token/s')} {shown(price, 'USD/token')}"
                    for label, speed, price in zip(
                        drawn["label"], rows["speed"], rows["price"], strict=True
                    )
                )
                + "."
            ),
            height=380,
        ),
        pd.DataFrame(
            {
                "Seller": rows["seller"],
                "Model": rows["model"],
                "Price of": rows["year"],
                "Speed of": rows["timed"],
                "Speed (token/s)": rows["speed"],
                "Price with input (USD per million)": 1e6 * rows["price"],
                "Computed cost (USD per million)": 1e6 * rows["buyer"],
            }
        ),
    )  # fmt: skip
