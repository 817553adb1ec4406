"""Live figures: a chapter's own function, moved by hand on a page that is only files.

A live figure shows results of a chapter against one of its parameters. Its chart is written by
calling the chapter's `conclude` with slider parameters: the expressions that the browser
evaluates are the library's formulas, and no formula stands a second time in another language.
The script `live.js` adds the sliders, the sentence, the link, the commands and the exports.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from reckoner.book import Book
from reckoner.declare.parameters import Parameter
from reckoner.declare.units import base_unit, rule, shown, si, turned
from reckoner.show import constants, figures
from reckoner.show.marks import linked, mark
from reckoner.show.parts import Parts

POINTS = 81
FINER = 4
"""How many times as many points a curve in steps has."""
PLACES = re.compile(r"\{(\w+)([^}]*)\}")
"""What stands for a number in a sentence: its name, and what goes with it."""
DASHES = ([1, 0], [6, 4], [2, 3], [8, 3, 2, 3], [1, 5])


@dataclass(frozen=True)
class Curve:
    """One result, or an input beside it, drawn as a line.

    Attributes:
        result: its name among the chapter's results or its sliders.
        label: what it is called in the legend; {name} stands for what is chosen there.
        colour: a colour of the book, "1" to "6".
        steps: whether it rises in steps, such as the price of whole cards.
    """

    result: str
    label: str
    colour: str
    steps: bool = False


@dataclass(frozen=True)
class Live:
    """A live figure of a chapter.

    Attributes:
        chapter: the chapter whose function it evaluates.
        title: what the picture shows.
        description: the same for those who do not see it.
        across: the parameter along the horizontal axis, in the unit of its declaration.
        span: its smallest and largest value there, and on its slider.
        across_title: title of that axis, with the unit in parentheses.
        curves: the results drawn, all in one unit.
        unit: the unit of the vertical axis, in which the results are drawn.
        unit_title: title of that axis, with the unit in parentheses.
        sliders: the parameters that can be moved besides, in the order of the controls.
        choices: at most one parameter chosen by name, for whose every choice the chart is compiled.
        presets: parameters chosen by name that only set the sliders which follow them.
        sentence: the result in words. {name} stands for a parameter or a result, {name things} for
            as many things, {name:more|less} for a ratio, turned over where it is below one.
        constants: catalog addresses to show; {name} stands for the key chosen there.
        ending: the results that can be infinite or zero: lines and axis end there.
    """

    chapter: str
    title: str
    description: str
    across: str
    span: tuple[float, float]
    across_title: str
    curves: tuple[Curve, ...]
    unit: str
    unit_title: str
    sliders: tuple[str, ...]
    sentence: str
    choices: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveFigure:
    """A live figure bound to its book.

    Args:
        book: the book.
        live: the declaration.
    """

    book: Book
    live: Live

    @property
    def name(self) -> str:
        return self.live.chapter.replace("_", "-")

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

    def spec(self, chosen: Mapping[str, str]) -> dict[str, Any]:
        """The chart as a Vega-Lite specification, for the names chosen."""
        live, across = self.live, self.live.across
        drawn, results = self.expressions(chosen, alt.datum[across]), self.expressions(chosen)
        parts = Parts(
            {f"r_{name}": each for name, each in results.items()}
            | {f"y_{curve.result}": drawn[curve.result] for curve in live.curves}
        )
        low, high = self._ends()
        domain = [curve.label for curve in live.curves]
        colours = [figures.colour(curve.colour) for curve in live.curves]
        scale = (
            {"type": "log", "nice": False} if self.logarithmic else {"nice": False, "zero": False}
        )
        x = {
            "field": across, "type": "quantitative", "title": live.across_title,
            "scale": {**scale, "domain": [{"expr": "axis_low"}, {"expr": "axis_high"}]},
        }  # fmt: skip
        y = {"type": "quantitative", "title": live.unit_title, "scale": {"type": "log"}}
        legend = {"scale": {"domain": domain, "range": colours}, "title": None}
        dash = {"scale": {"domain": domain, "range": list(DASHES)[: len(domain)]}, "title": None}
        line: dict[str, Any] = {"type": "line", "clip": True}
        dot: dict[str, Any] = {"type": "point", "size": 110, "filled": True, "clip": True}
        lines = [
            {
                "mark": {**line, "interpolate": "step-after" if curve.steps else "linear"},
                "encoding": {
                    "x": x,
                    "y": {**y, "field": f"y_{curve.result}"},
                    "color": {"datum": curve.label, "type": "nominal", **legend},
                    "strokeDash": {"datum": curve.label, "type": "nominal", **dash},
                },
            }
            for curve in live.curves
        ]
        factor = si(1.0, live.unit)
        here: list[dict[str, Any]] = [
            {
                "data": {"values": [{}]},
                "transform": [
                    {"calculate": across, "as": across},
                    {"calculate": f"r_{curve.result} / {factor!r}", "as": "y"},
                    *([_on_axis("y")] if curve.result in live.ending else []),
                ],
                "mark": {**dot, "color": colour},
                "encoding": {"x": x, "y": {**y, "field": "y"}},
            }
            for curve, colour in zip(live.curves, colours, strict=True)
        ]
        return {
            "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
            "title": live.title,
            "description": live.description,
            "height": 300,
            "data": {"name": "curve", "sequence": {"start": 0, "stop": self.steps + 1, "as": "i"}},
            "params": [
                *({"name": p.name, "value": p.default} for p in self.numbers),
                {"name": "axis_low", "expr": low},
                {"name": "axis_high", "expr": high},
                {"name": "axis_ratio", "expr": "axis_high / axis_low"},
                *({"name": n, "expr": e} for n, e in parts.once.items()),
                *({"name": f"r_{n}", "expr": parts.texts[f"r_{n}"]} for n in results),
            ],
            "transform": [
                {"calculate": self._place(), "as": across},
                *({"calculate": e, "as": n} for n, e in parts.by_row.items()),
                *(
                    {"calculate": f"({parts.texts[y]}) / {factor!r}", "as": y}
                    for y in (f"y_{curve.result}" for curve in live.curves)
                ),
                *(_on_axis(f"y_{result}") for result in live.ending),
            ],
            "layer": [
                *lines,
                {
                    "data": {"values": [{}]},
                    "transform": [{"calculate": across, "as": across}],
                    "mark": {"type": "rule", "color": figures.colour("muted")},
                    "encoding": {"x": x},
                },
                *here,
            ],
        }

    def named(self, spec: dict[str, Any]) -> dict[str, Any]:
        """A specification whose labels say what is chosen by default."""
        text = json.dumps(spec)
        for choice in self.chosen:
            text = text.replace(f"{{{choice.name}}}", choice.words(choice.default))
        named: dict[str, Any] = json.loads(text)
        return named

    @property
    def logarithmic(self) -> bool:
        """Whether the range of the horizontal axis asks for a logarithmic scale."""
        low, high = self.live.span
        return high / max(low, 1e-300) >= 50

    @property
    def steps(self) -> int:
        """The steps of the horizontal axis, more of them where a curve has steps of its own."""
        return (FINER if any(curve.steps for curve in self.live.curves) else 1) * (POINTS - 1)

    def _ends(self) -> tuple[str, str]:
        """The ends of the horizontal axis, as expressions: they follow a value beyond them."""
        low, high = self.live.span
        return f"min({low!r}, {self.live.across})", f"max({high!r}, {self.live.across})"

    def _place(self) -> str:
        """The value at step `datum.i` of the horizontal axis, as an expression."""
        share = f"datum.i / {self.steps}"
        if self.logarithmic:
            place = f"axis_low * pow(axis_ratio, {share})"
        else:
            place = f"axis_low + (axis_high - axis_low) * {share}"
        whole = isinstance(self.parameter(self.live.across).default, int)
        return f"round({place})" if whole else place

    def axis(self) -> list[float]:
        """The points of the horizontal axis: close together where a curve has steps."""
        low, high = self.live.span
        shares = [i / self.steps for i in range(self.steps + 1)]
        if self.logarithmic:
            steps = [low * (high / low) ** share for share in shares]
        else:
            steps = [low + (high - low) * share for share in shares]
        if isinstance(self.parameter(self.live.across).default, int):
            return sorted({float(round(step)) for step in steps})
        return [float(f"{step:.6g}") for step in steps]

    def table(self) -> pd.DataFrame:
        """Some points of the curves, for those who read rather than look."""
        live = self.live
        factor = si(1.0, live.unit)
        rows = []
        points = self.axis()
        for value in points[:: max(8, len(points) // 10)]:
            whole = isinstance(self.parameter(live.across).default, int)
            given = {live.across: int(value) if whole else value}
            known = self._known(self.book.parameters(live.chapter).base(given))
            drawn = {c.label: known[c.result] / factor for c in live.curves}
            rows.append({live.across_title: value, **drawn})
        names = {choice.name: choice.words(choice.default) for choice in self.chosen}
        return pd.DataFrame(rows).rename(columns=lambda label: label.format_map(names))

    def variants(self) -> dict[str, dict[str, Any]]:
        """The specification for each name of the choice that is compiled; "" if there is none."""
        return {
            key: self.spec({name: key})
            for name in self.live.choices
            for key in self.parameter(name).choices
        } or {"": self.spec({})}

    def payload(self) -> dict[str, Any]:
        """What the page's script needs: declarations, rules and specifications, no formula."""
        chapter = self.live.chapter
        units = self.book.conclude_by_default(chapter).units
        return {
            "chapter": chapter,
            "across": self.live.across,
            "sliders": [self._declared(parameter) for parameter in self.numbers],
            "choices": [self._declared(parameter) for parameter in self.chosen],
            "results": {name: _rule(unit) for name, unit in units.items()},
            "sentence": self.live.sentence,
            "curves": [vars(curve) for curve in self.live.curves],
            "unit": self.live.unit_title,
            "config": figures.config(),
            "letter": figures.LETTER,
            "specs": self.variants(),
        }

    def sentence(self) -> str:
        """The sentence under the figure for the defaults, its numbers marked."""
        concluded = self.book.conclude_by_default(self.live.chapter)
        words = concluded.words(digits=3)

        def said(found: re.Match[str]) -> str:
            name, tail = found.groups()
            text = words[name]
            if tail.startswith(":"):
                more, _, less = tail[1:].partition("|")
                number, after = turned(getattr(concluded.results, name), more, less)
                text, tail = str(shown(number, "ratio")), f" {after}"
            elif text == "1":
                tail = tail.removesuffix("s")
            return mark(f"{self.live.chapter}.{name}", text) + tail

        return PLACES.sub(said, self.live.sentence)

    def _declared(self, parameter: Parameter) -> dict[str, Any]:
        """What the page's script needs of a parameter."""
        declared = {
            "name": parameter.name,
            "label": parameter.label,
            "help": parameter.help,
            "default": parameter.default,
            "unit": parameter.unit,
        }
        if parameter.choices:
            names = {key: parameter.base(key).name for key in parameter.choices}
            return {**declared, "choices": names, "presets": parameter.name in self.live.presets}
        return {
            **declared,
            "whole": isinstance(parameter.default, int),
            "low": parameter.low,
            "high": parameter.high,
            "track": self.track(parameter),
            "factor": si(1.0, parameter.unit),
            "rule": _rule(base_unit(parameter.unit)),
            "follows": self._follows(parameter),
        }

    def track(self, parameter: Parameter) -> tuple[float, float]:
        """From where to where a slider moves: that of the axis along the axis."""
        if parameter.name == self.live.across:
            return self.live.span
        return parameter.track or (parameter.low, parameter.high)

    def _follows(self, parameter: Parameter) -> dict[str, Any] | None:
        if parameter.follows is None:
            return None
        choice = self.parameter(parameter.follows[0])
        known = {key: parameter.of(choice.base(key)) for key in choice.choices}
        values = {key: value for key, value in known.items() if value is not None}
        return {"choice": choice.name, "values": values}

    def html(self) -> str:
        """The live figure: a static picture with its data, which the script brings to life."""
        payload = self.payload()
        compiled = [self.parameter(name).default for name in self.live.choices]
        spec = self.named(payload["specs"][compiled[0] if compiled else ""])
        text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).replace("</", r"<\/")
        return (
            f'<div class="live" id="live-{self.name}">'
            f"{figures.spec_html(spec, self.table())}"
            f'<p class="live-sentence" role="status">{linked(html.escape(self.sentence()))}</p>'
            '<div class="live-controls" hidden></div>'
            f"{constants.listed(self.book.constants, self.live.constants, self.chosen)}"
            '<div class="live-tools" hidden></div>'
            f'<script type="application/json">{text}</script>'
            "</div>"
        )


def _on_axis(field: str) -> dict[str, str]:
    """A field without what a logarithmic axis has no place for."""
    y = f"datum.{field}"
    return {"calculate": f"isFinite({y}) && {y} > 0 ? {y} : null", "as": field}


def _rule(unit: str) -> dict[str, Any]:
    return vars(rule(unit))
