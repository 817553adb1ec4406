"""A live figure on its page: a static picture and what the script needs to bring it to life."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pandas as pd

from reckoner.declare.parameters import Parameter
from reckoner.declare.units import base_unit, rule, shown, si, turned
from reckoner.show import constants, figures
from reckoner.show.live_chart import LiveChart
from reckoner.show.marks import linked, mark

PLACES = re.compile(r"\{(\w+)([^}]*)\}")
"""What stands for a number in a sentence: its name, and what goes with it."""


class LiveFigure(LiveChart):
    """A live figure bound to its book, for a page."""

    @property
    def name(self) -> str:
        return self.live.chapter.replace("_", "-")

    def named(self, spec: dict[str, Any]) -> dict[str, Any]:
        """A specification whose labels say what is chosen by default."""
        text = json.dumps(spec)
        for choice in self.chosen:
            text = text.replace(f"{{{choice.name}}}", choice.words(choice.default))
        named: dict[str, Any] = json.loads(text)
        return named

    def axis(self) -> list[float]:
        """The points of the horizontal axis: close together where a curve has steps."""
        low, high = self.live.span
        shares = [i / self.steps for i in range(self.steps + 1)]
        if self.logarithmic:
            steps = [low * (high / low) ** share for share in shares]
        else:
            steps = [low + (high - low) * share for share in shares]
        if self.whole:
            return sorted({float(round(step)) for step in steps})
        return [float(f"{step:.6g}") for step in steps]

    def table(self) -> pd.DataFrame:
        """Some points of the curves, for those who read rather than look."""
        live = self.live
        factor = si(1.0, live.unit)
        rows = []
        points = self.axis()
        for value in points[:: max(8, len(points) // 10)]:
            given = {live.across: int(value) if self.whole else value}
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


def _rule(unit: str) -> dict[str, Any]:
    return vars(rule(unit))
