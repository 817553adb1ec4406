"""The pictures, the tables and the turns of phrase of the chapter `uncertainty`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics.answer import words as in_words
from inference_economics.answer.odds import SPEEDS, Answer, answers, first_speed
from inference_economics.answer.question import Question, draw
from inference_economics.answer.ranges import COSTS, Costs, Range, Vector
from inference_economics.answer.sensitivity import break_evens, indices
from reckoner.declare.units import base_unit, shown
from reckoner.show.charts import Axis, Names, Style, figure, lines, rules, spans, with_legend
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

SPEED = Axis(
    "Speed of every user (token/s)",
    log=True,
    scale={"nice": False, "domain": [SPEEDS[0], SPEEDS[-1]]},
)
OUTCOMES = ("SRAM is cheaper", "GPUs are cheaper", "neither can")
EVEN_SPEEDS = (10.0, 25.0, 50.0, 75.0, 100.0)


@dataclass(frozen=True)
class Study:
    """The samples of a chapter's run, looked at from several sides.

    Args:
        chapter: the chapter's run, whose worksheet drew the inputs' values.
    """

    chapter: Chapter

    @property
    def question(self) -> Question:
        asked: Question = self.chapter.lines.question
        return asked

    @property
    def ranges(self) -> dict[str, Range]:
        return self.question.ranges

    @property
    def along(self) -> list[Answer]:
        """The answers at rising speeds."""
        found: list[Answer] = self.chapter.lines.along
        return found

    @cached_property
    def at_few(self) -> list[Answer]:
        """The answers at the speeds at which whole distributions are looked at."""
        speeds = sorted({10.0, 50.0, 75.0, float(self.chapter.inputs.target_speed)})
        return answers(self.question, speeds, self.chapter.lines.values)

    @cached_property
    def shares(self) -> pd.DataFrame:
        """The share of samples with each outcome, a row for each speed."""
        return pd.DataFrame(
            {
                "Speed": one.speed,
                **dict(zip(OUTCOMES, (*_shares(one), one.nobody), strict=True)),
            }
            for one in self.along
        )

    @cached_property
    def by_costs(self) -> dict[Costs, list[Answer]]:
        """The answers at rising speeds, for each kind of costs."""
        given, first = self.chapter.inputs, self.chapter.lines.first
        found = {}
        for costs in COSTS:
            asked = replace(self.question, costs=costs)
            values = draw(asked, given.samples, first)
            found[costs] = answers(asked, [one.speed for one in self.along], values)
        return found

    @cached_property
    def evens(self) -> dict[str, dict[str, str]]:
        """Each input's break-even at some speeds; in brackets outside its range."""
        cells: dict[str, dict[str, str]] = {}
        for even in break_evens(self.question, EVEN_SPEEDS):
            row = self.ranges[even.name]
            low, _, high = row.values
            if even.value is None:
                text = "always" if even.likely_cheaper else "never"
            else:
                text = told(row, even.value)
                text = text if low <= even.value <= high else f"({text})"
            cells.setdefault(row.label, {})[str(shown(even.speed, "token/s"))] = text
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
                for row in self.ranges.values()
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
                    f"in {words.sram_odds}."
                ),
                height=320,
            ),
            (100 * self.shares.set_index("Speed"))
            .round(1)
            .reset_index()
            .iloc[::3]
            .rename(columns={"Speed": "Speed (token/s)", **names}),
        )  # fmt: skip

    def distributions(self) -> HTML:
        """How the ratio of costs is spread, a line for each of a few speeds."""
        bins = np.geomspace(0.05, 20, 31)
        middles = np.sqrt(bins[1:] * bins[:-1])
        names = [str(shown(one.speed, "token/s")) for one in self.at_few]
        curves = {}
        for name, one in zip(names, self.at_few, strict=True):
            with np.errstate(divide="ignore"):
                ratios = np.clip(one.part / (1 - one.part), bins[0], bins[-1])
            counts, _ = np.histogram(ratios, bins)
            curves[name] = middles, 100 * counts / len(ratios)
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
                "Speed (token/s)": one.speed,
                **dict(zip(places, one.ratio(shares), strict=True)),
            }
            for one in self.at_few
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
                title=self._decider(bars),
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

    def _decider(self, bars: pd.DataFrame) -> str:
        """What decides at the speed of this page, as a headline."""
        user, first = self.chapter.words.target_speed, bars.iloc[0]
        if first["total"] <= 0:
            return f"No input decides at {user}"
        label = str(first["label"])
        if self.tied:
            return f"At {user} two decide: {label}, {bars.iloc[1]['label']}"
        return f"{label[0].upper()}{label[1:]} decides most at {user}"

    @property
    def tied(self) -> bool:
        """Whether the intervals of the two largest indices overlap."""
        first, second = self.chapter.lines.decides.head(2).to_dict("records")
        return bool(first["total"] - first["total_width"] < second["total"] + second["total_width"])

    def indices_by_speed(self) -> HTML:
        """The total indices at the few speeds, for the inputs that decide most here."""
        most = self.chapter.lines.decides.head(8)["label"]
        totals = {str(shown(one.speed, "token/s")): self.totals(one.part) for one in self.at_few}
        rows = pd.DataFrame(totals).loc[list(most)].map(lambda index: f"{index:.2f}")
        return self.chapter.table(rows.rename_axis("Total index at").reset_index())

    def totals(self, part: Vector) -> pd.Series:
        """The total index of each input, by its label."""
        found = indices(self.question, part, self.chapter.lines.first)
        return found.set_index("label")["total"]

    def cheaper_by_costs(self) -> HTML:
        """How often SRAM is the cheaper, by whose costs are counted."""
        percent = pd.DataFrame(
            {COSTS[key]: [100 * _shares(one)[0] for one in along]
             for key, along in self.by_costs.items()}
        )  # fmt: skip
        speeds = [one.speed for one in self.along]
        looks = zip(percent, "314", ((6, 4), (1, 0), (2, 3)), strict=True)
        turns = (in_words.turns(replace(self.question, costs=key), along)
                 for key, along in self.by_costs.items())  # fmt: skip
        return self.chapter.figure(
            figure(
                with_legend(
                    lines(
                        {str(name): (speeds, percent[name]) for name in percent},
                        SPEED,
                        Axis("SRAM is cheaper (% of samples)", scale={"domain": [0, 100]}),
                        {str(name): Style(c, dash) for name, c, dash in looks},
                    ),
                    columns=1,
                ),
                title=self._of_payers(),
                description=(
                    "Lines of the share of samples in which SRAM is cheaper against speed, one "
                    f"for each kind of costs. {'. '.join(turns)}."
                ),
                height=340,
            ),
            percent.round(1)
            .rename(columns=lambda name: f"{name} (%)")
            .assign(**{"Speed (token/s)": speeds})
            .iloc[::3],
        )

    def _of_payers(self) -> str:
        """How much it matters whether a maker or a buyer counts, as a headline."""
        maker, buyer = (first_speed(self.by_costs[key], "SRAM") for key in ("maker", "buyer"))
        if not maker < buyer < math.inf:
            return "How often the SRAM cluster is the cheaper, by whose costs are counted"
        return (
            f"A maker's own costs let SRAM lead from {shown(maker, 'token/s')}, a buyer's from "
            f"{shown(buyer, 'token/s')}"
        )

    def evens_table(self) -> HTML:
        """Each input's break-even at some speeds."""
        return self.chapter.table(pd.DataFrame(self.evens).T.rename_axis("Input").reset_index())


def told(row: Range, value: float) -> str:
    """A value of an input as a reader sees it."""
    return str(shown(value, base_unit(row.unit)))


def _shares(one: Answer) -> tuple[float, float]:
    """The shares of all samples in which SRAM is the cheaper, and in which GPUs are."""
    able = 1 - one.nobody
    return (able * one.sram_odds, able * one.gpu_odds) if able else (0.0, 0.0)
