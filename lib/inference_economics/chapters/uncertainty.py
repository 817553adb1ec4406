"""The pictures, the tables and the turns of phrase of the chapter `uncertainty`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics.sampling.break_even import break_evens
from inference_economics.sampling.outcomes import (
    costs,
    indices,
    part_of_cost,
    quantiles_of_ratio,
)
from inference_economics.sampling.ranges import Range, Vector, ranges
from reckoner.declare.units import base_unit, shown
from reckoner.show.charts import Axis, Names, Style, figure, lines, rules, spans
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

SPEED = Axis("Speed of every user (token/s)", log=True, scale={"nice": False, "domain": [5, 1000]})
OUTCOMES = ("SRAM is cheaper", "GPUs are cheaper", "neither can")
EVEN_SPEEDS = (10.0, 25.0, 50.0, 75.0, 100.0)
CARD_PRICES = ("at cost", "the article's price", "at list price")


@dataclass(frozen=True)
class Study:
    """The samples of a chapter's run, looked at from several sides.

    Args:
        chapter: the chapter's run, whose worksheet drew the inputs' values.
    """

    chapter: Chapter

    @cached_property
    def ranges(self) -> dict[str, Range]:
        return {row.parameter: row for row in ranges()}

    @cached_property
    def speeds(self) -> Vector:
        """The speeds drawn, the page's own among them."""
        even = np.round(np.geomspace(5, 1000, 36), 1)
        return np.unique(np.append(even, self.chapter.inputs.target_speed))

    @cached_property
    def few(self) -> list[float]:
        """The speeds at which whole distributions are looked at."""
        return sorted({10.0, 50.0, 75.0, float(self.chapter.inputs.target_speed)})

    def costs(self, speeds: Any, **values: Any) -> tuple[Vector, Vector]:
        """Cost on SRAM and on GPUs at speeds, with some inputs held at one value."""
        drawn = {**self.chapter.lines.values, **values}
        found: tuple[Vector, Vector] = costs(self.chapter.inputs.model, speeds, drawn)
        return found

    @cached_property
    def costs_at_few(self) -> tuple[Vector, Vector]:
        return self.costs(self.few)

    @cached_property
    def parts(self) -> Vector:
        """SRAM's part of the sum of both costs, a row for each of the few speeds."""
        return part_of_cost(*self.costs_at_few)

    @cached_property
    def shares(self) -> pd.DataFrame:
        """The share of samples with each outcome, a row for each speed."""
        cost, gpu_cost = self.costs(self.speeds)
        part, neither = part_of_cost(cost, gpu_cost), np.isinf(cost) & np.isinf(gpu_cost)
        hits = (part < 0.5, (part >= 0.5) & ~neither, neither)
        return pd.DataFrame(
            {"Speed": self.speeds}
            | {name: np.mean(hit, axis=1) for name, hit in zip(OUTCOMES, hits, strict=True)}
        )

    @cached_property
    def by_price(self) -> pd.DataFrame:
        """The share of samples in which SRAM is cheaper, a column for each price of a card."""
        found = {"Speed": self.speeds}
        for name, price in self.card_prices.items():
            part = part_of_cost(*self.costs(self.speeds, card_price=price))
            found[name] = 100 * np.mean(part < 0.5, axis=1)
        return pd.DataFrame(found)

    @property
    def card_prices(self) -> dict[str, float]:
        return dict(zip(CARD_PRICES, self.ranges["card_price"].values, strict=True))

    @cached_property
    def evens(self) -> dict[str, dict[str, str]]:
        """Each input's break-even at some speeds; in brackets outside its range."""
        cells: dict[str, dict[str, str]] = {}
        for even in break_evens(self.chapter.inputs.model, EVEN_SPEEDS):
            row = self.ranges[even.parameter]
            low, _, high = row.values
            if even.value is None:
                text = "always" if even.likely_cheaper else "never"
            else:
                text = told(row, even.value)
                text = text if low <= even.value <= high else f"({text})"
            cells.setdefault(row.label, {})[str(shown(even.target_speed, "token/s"))] = text
        return cells

    def ranges_table(self) -> HTML:
        """Every input with its range, and why."""
        names = ("Least", "Most likely", "Most")
        return self.chapter.table(
            pd.DataFrame(
                {
                    "Input": row.label,
                    **{name: told(row, v) for name, v in zip(names, row.values, strict=True)},
                    "Why": row.reason,
                }
                for row in ranges()
            )
        )

    def outcomes_against_speed(self) -> HTML:
        """How often each chip is the cheaper, against the speed."""
        words = self.chapter.words
        tall = self.shares.melt("Speed", var_name="kind", value_name="share")
        tall["y"], tall["order"] = 100 * tall["share"], tall["kind"].map(OUTCOMES.index)
        fills = alt.Scale(domain=list(OUTCOMES), range=[colour(n) for n in ("1", "2", "grid")])
        percent = Axis("Share of samples (%)", scale={"domain": [0, 100]})
        areas = (
            alt.Chart(tall.rename(columns={"Speed": "x"}))
            .mark_area(opacity=0.85)
            .encode(
                SPEED.channel(alt.X, "x"),
                percent.channel(alt.Y, "y").stack(True),
                color=alt.Color("kind:N", title=None, scale=fills),
                order="order:Q",
            )
        )
        names = {name: f"{name} (% of samples)" for name in OUTCOMES}
        return self.chapter.figure(
            figure(
                areas,
                rules(
                    self.chapter.inputs.target_speed, SPEED,
                    color=colour("text"), strokeDash=[2, 3],
                ),
                title="The faster the user must be served, the surer is SRAM, until no chip can",
                description=(
                    "Stacked areas of the share of samples in which SRAM is cheaper, GPUs are "
                    f"cheaper, or neither gives the speed. At {words.target_speed} SRAM is cheaper "
                    f"in {words.share_cheaper}."
                ),
                height=320,
            ),
            (100 * self.shares.set_index("Speed"))
            .round(1)
            .reset_index()
            .rename(columns={"Speed": "Speed (token/s)", **names}),
        )  # fmt: skip

    def distributions(self) -> HTML:
        """How the ratio of costs is spread, a line for each of a few speeds."""
        bins = np.geomspace(0.05, 20, 31)
        middles = np.sqrt(bins[1:] * bins[:-1])
        names = [str(shown(speed, "token/s")) for speed in self.few]
        curves = {}
        for name, part in zip(names, self.parts, strict=True):
            with np.errstate(divide="ignore"):
                counts, _ = np.histogram(np.clip(part / (1 - part), bins[0], bins[-1]), bins)
            curves[name] = middles, 100 * counts / len(part)
        looks = zip("2431", ((1, 0), (8, 3), (4, 3), (2, 2)), strict=True)
        kinds = {name: Style(c, dash) for name, (c, dash) in zip(names, looks, strict=False)}
        rows = self._quantiles()
        pairs = zip(names, rows["Median"], strict=True)
        medians = "; ".join(f"{name}: {shown(median, 'ratio')}" for name, median in pairs)
        title = "Cost on SRAM against GPU (ratio)"
        domain = [bins[0], bins[-1]]
        return self.chapter.figure(
            figure(
                rules(1.0, Axis(title, log=True, scale={"nice": False}), color=colour("text")),
                lines(
                    curves,
                    Axis(title, log=True, scale={"nice": False, "domain": domain}),
                    Axis("Samples in a step of the axis (%)"),
                    kinds,
                    interpolate="monotone",
                ),
                title="A higher speed moves the whole distribution towards SRAM",
                description=(
                    "Distributions of the ratio of costs on a logarithmic axis, one line a speed; "
                    f"medians: {medians}."
                ),
                height=300,
            ),
            rows.replace(math.inf, math.nan),
        )

    def _quantiles(self) -> pd.DataFrame:
        places = {
            "Lowest twentieth": 0.05,
            "Lowest quarter": 0.25,
            "Median": 0.5,
            "Highest quarter": 0.75,
            "Highest twentieth": 0.95,
        }
        shares = tuple(places.values())
        return pd.DataFrame(
            {
                "Speed (token/s)": speed,
                **dict(zip(places, quantiles_of_ratio(one, other, shares), strict=True)),
            }
            for speed, one, other in zip(self.few, *self.costs_at_few, strict=True)
        )

    def what_decides(self) -> HTML:
        """The total index of the inputs that decide most."""
        found = self.chapter.lines.decides
        bars = found.head(8)
        share = Axis("Total Sobol index (share)")
        names = Names("Input", list(bars["label"]), {"labelLimit": 170})
        data = pd.DataFrame({"x": bars["total"], "y": bars["label"]})
        low = np.clip(bars["total"] - bars["total_width"], 0, None)
        most = (f"{row.label} {shown(row.total, 'share')}" for row in bars.head(4).itertuples())
        return self.chapter.figure(
            figure(
                alt.Chart(data)
                .mark_bar(color=colour("2"))
                .encode(share.channel(alt.X, "x"), names.channel(alt.Y, "y")),
                spans(
                    low, bars["total"] + bars["total_width"], bars["label"], share, names,
                    "text", strokeWidth=1,
                ),
                title=f"What decides at {self.chapter.words.target_speed}",
                description=(
                    f"Bars of the total Sobol index of the inputs that decide most: "
                    f"{'; '.join(most)}."
                ),
                height=300,
            ),
            found[["label", "first", "first_width", "total", "total_width"]].rename(
                columns={
                    "label": "Input",
                    "first": "First-order index",
                    "first_width": "its half width",
                    "total": "Total index",
                    "total_width": "half width",
                }
            ),
        )  # fmt: skip

    def indices_by_speed(self) -> HTML:
        """The total indices at the few speeds, for the inputs that decide most here."""
        seed, most = self.chapter.lines.first, self.chapter.lines.decides.head(8)["label"]
        totals = {
            str(shown(speed, "token/s")): indices(part, seed).set_index("label")["total"]
            for speed, part in zip(self.few, self.parts, strict=True)
        }
        rows = pd.DataFrame(totals).loc[list(most)].map(lambda index: f"{index:.2f}")
        return self.chapter.table(rows.rename_axis("Total index at").reset_index())

    def cheaper_by_price(self) -> HTML:
        """How often SRAM is the cheaper at three prices of a card."""
        looks = zip(CARD_PRICES, "314", ((6, 4), (1, 0), (2, 3)), strict=True)
        prices = ", ".join(f"{name} {shown(p, 'USD')}" for name, p in self.card_prices.items())
        return self.chapter.figure(
            figure(
                lines(
                    {name: (self.speeds, self.by_price[name]) for name in CARD_PRICES},
                    SPEED,
                    Axis("Samples in which SRAM is cheaper (%)", scale={"domain": [0, 100]}),
                    {name: Style(c, dash) for name, c, dash in looks},
                ),
                title="The price of cards decides at low speed, at high speed not",
                description=(
                    "Lines of the share of samples in which SRAM is cheaper against speed, for "
                    f"three prices of an SRAM card: {prices}."
                ),
                height=300,
            ),
            self.by_price.round(1).rename(
                columns={"Speed": "Speed (token/s)", **{n: f"{n} (%)" for n in CARD_PRICES}}
            ),
        )

    def evens_table(self) -> HTML:
        """Each input's break-even at some speeds."""
        return self.chapter.table(pd.DataFrame(self.evens).T.rename_axis("Input").reset_index())


def told(row: Range, value: float) -> str:
    """A value of an input as a reader sees it."""
    return str(shown(value, base_unit(row.declared.unit)))
