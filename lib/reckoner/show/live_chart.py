"""The chart of a live figure: its signals are the sliders and the results.

It is written by calling the chapter's `conclude` with slider parameters: the expressions that the
browser evaluates are the library's formulas, and no formula stands a second time in another
language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from reckoner.book import Book
from reckoner.declare.parameters import Parameter
from reckoner.declare.units import si
from reckoner.show import figures
from reckoner.show.live import Live
from reckoner.show.parts import Parts

POINTS = 81
FINER = 4
"""How many times as many points a curve in steps has."""
DASHES = ([1, 0], [6, 4], [2, 3], [8, 3, 2, 3], [1, 5])
Spec = dict[str, Any]


@dataclass(frozen=True)
class LiveChart:
    """The chart of a live figure.

    Args:
        book: the book.
        live: the declaration.
    """

    book: Book
    live: Live

    def parameter(self, name: str) -> Parameter:
        """One of the chapter's declared parameters."""
        return self.book.parameters(self.live.chapter)[name]

    @property
    def numbers(self) -> list[Parameter]:
        """The parameters with a slider: the one across first."""
        return [self.parameter(name) for name in (self.live.across, *self.live.sliders)]

    @property
    def chosen(self) -> list[Parameter]:
        """The parameters chosen by name."""
        return [self.parameter(name) for name in (*self.live.choices, *self.live.presets)]

    @property
    def logarithmic(self) -> bool:
        """Whether the range of the horizontal axis asks for a logarithmic scale."""
        low, high = self.live.span
        return high / max(low, 1e-300) >= 50

    @property
    def whole(self) -> bool:
        """Whether the parameter along the horizontal axis is a whole number."""
        return isinstance(self.parameter(self.live.across).default, int)

    @property
    def steps(self) -> int:
        """The steps of the horizontal axis, more of them where a curve has steps of its own."""
        return (FINER if any(curve.steps for curve in self.live.curves) else 1) * (POINTS - 1)

    def expressions(self, chosen: Mapping[str, str], across: Any = None) -> dict[str, Any]:
        """Each result of the chapter as an expression of the sliders.

        Args:
            chosen: the name chosen for each of `choices`.
            across: what stands for the parameter along the axis; its slider if not given.
        """
        parameters = self.book.parameters(self.live.chapter)
        values = parameters.check(dict(chosen))
        for declared in self.numbers:
            values[declared.name] = alt.param(name=declared.name, value=declared.default)
        if across is not None:
            values[self.live.across] = across
        known = self._known(parameters.assemble(values))
        names = [*self.book.units(self.live.chapter), *(c.result for c in self.live.curves)]
        return {name: known[name] for name in dict.fromkeys(names)}

    def _known(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The inputs and what the chapter concludes from them, by name."""
        return inputs | vars(self.book.worksheet(self.live.chapter)(**inputs))

    def spec(self, chosen: Mapping[str, str]) -> Spec:
        """The chart as a Vega-Lite specification, for the names chosen."""
        live = self.live
        results = self.expressions(chosen)
        drawn = self.expressions(chosen, alt.datum[live.across])
        parts = Parts(
            {f"r_{name}": each for name, each in results.items()}
            | {f"y_{curve.result}": drawn[curve.result] for curve in live.curves}
        )
        low, high = live.span
        factor = repr(si(1.0, live.unit))
        x = self._across()
        return {
            "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
            "title": live.title,
            "description": live.description,
            "height": 300,
            "data": {"name": "curve", "sequence": {"start": 0, "stop": self.steps + 1, "as": "i"}},
            "params": [
                *({"name": p.name, "value": p.default} for p in self.numbers),
                {"name": "axis_low", "expr": f"min({low!r}, {live.across})"},
                {"name": "axis_high", "expr": f"max({high!r}, {live.across})"},
                {"name": "axis_ratio", "expr": "axis_high / axis_low"},
                *({"name": n, "expr": e} for n, e in parts.once.items()),
                *({"name": f"r_{n}", "expr": parts.texts[f"r_{n}"]} for n in results),
            ],
            "transform": [
                {"calculate": self._place(), "as": live.across},
                *({"calculate": e, "as": n} for n, e in parts.by_row.items()),
                *(
                    {"calculate": f"({parts.texts[y]}) / {factor}", "as": y}
                    for y in (f"y_{curve.result}" for curve in live.curves)
                ),
                *(_on_axis(f"y_{result}") for result in live.ending),
            ],
            "layer": [*self._lines(x), self._rule(x), self._dots(x, factor)],
        }

    def _across(self) -> Spec:
        """The horizontal axis, whose ends follow a value beyond them."""
        scale = (
            {"type": "log", "nice": False} if self.logarithmic else {"nice": False, "zero": False}
        )
        return {
            "field": self.live.across, "type": "quantitative", "title": self.live.across_title,
            "scale": {**scale, "domain": [{"expr": "axis_low"}, {"expr": "axis_high"}]},
        }  # fmt: skip

    def _place(self) -> str:
        """The value at step `datum.i` of the horizontal axis, as an expression."""
        share = f"datum.i / {self.steps}"
        if self.logarithmic:
            place = f"axis_low * pow(axis_ratio, {share})"
        else:
            place = f"axis_low + (axis_high - axis_low) * {share}"
        return f"round({place})" if self.whole else place

    def _y(self, field: str) -> Spec:
        title = self.live.unit_title
        return {"type": "quantitative", "title": title, "scale": {"type": "log"}, "field": field}

    def _by_curve(self, shapes: list[Any]) -> Spec:
        """An encoding by the curve's label, with a colour or a pattern of dashes for each."""
        scale = {"domain": [curve.label for curve in self.live.curves], "range": shapes}
        return {"type": "nominal", "scale": scale, "title": None}

    def _lines(self, x: Spec) -> list[Spec]:
        curves = self.live.curves
        colours = self._by_curve([figures.colour(curve.colour) for curve in curves])
        dashes = self._by_curve(list(DASHES)[: len(curves)])
        return [
            {
                "mark": {
                    "type": "line", "clip": True,
                    "interpolate": "step-after" if curve.steps else "linear",
                },
                "encoding": {
                    "x": x, "y": self._y(f"y_{curve.result}"),
                    "color": {"datum": curve.label, **colours},
                    "strokeDash": {"datum": curve.label, **dashes},
                },
            }
            for curve in curves
        ]  # fmt: skip

    def _rule(self, x: Spec) -> Spec:
        """A line at the sliders' value."""
        return {
            "data": {"values": [{}]},
            "transform": [{"calculate": self.live.across, "as": self.live.across}],
            "mark": {"type": "rule", "color": figures.colour("muted")},
            "encoding": {"x": x},
        }

    def _dots(self, x: Spec, factor: str) -> Spec:
        """Where each curve is at the sliders' values; one layer, as a curve may have ended."""
        live = self.live
        here = "null"
        for place, curve in reversed([*enumerate(live.curves)]):
            here = f"datum.place === {place} ? r_{curve.result} : {here}"
        colours = map(figures.colour, (curve.colour for curve in live.curves))
        rows = [{"place": place, "colour": colour} for place, colour in enumerate(colours)]
        return {
            "data": {"values": rows},
            "transform": [
                {"calculate": live.across, "as": live.across},
                {"calculate": f"({here}) / {factor}", "as": "y"},
                *([_on_axis("y")] if live.ending else []),
            ],
            "mark": {"type": "point", "size": 110, "filled": True, "clip": True},
            "encoding": {
                "x": x, "y": self._y("y"),
                "color": {"field": "colour", "type": "nominal", "scale": None},
            },
        }  # fmt: skip


def _on_axis(field: str) -> dict[str, str]:
    """A field without what a logarithmic axis has no place for."""
    y = f"datum.{field}"
    return {"calculate": f"isFinite({y}) && {y} > 0 ? {y} : null", "as": field}
