"""A figure with one slider over answers that were computed beforehand, where no formula can run."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from reckoner.show import drawing, figures

AT = alt.param(name="at", value=0.0)
"""The slider's place in a chart: `rule_at` draws it, and other layers may ask for it."""


@dataclass(frozen=True)
class Step:
    """What is said at one place of the slider.

    Attributes:
        at: the place, a number of the chart's horizontal axis.
        shown: the place as a reader sees it.
        word: the answer in a word or two.
        sentence: the answer in a sentence.
        picture: a drawing of this place, in a scene that has no chart.
    """

    at: float
    shown: str
    word: str
    sentence: str
    picture: str = ""


@dataclass(frozen=True)
class Scene:
    """A chart or drawings with their data, and what is said at each place of the slider.

    Attributes:
        label: what is chosen with it, in a few words.
        chart: the chart; a layer that depends on `AT` moves with the slider. None where each step
            has a drawing of its own.
        table: the data of the chart or of the drawings.
        steps: the places, rising; the same in every scene.
    """

    label: str
    chart: alt.LayerChart | None
    table: pd.DataFrame
    steps: Sequence[Step]


@dataclass(frozen=True)
class Stepped:
    """The figure.

    Attributes:
        name: its name on the page and in links.
        label: what the slider asks.
        choice: what is chosen among the scenes.
        start: the place at which it starts.
        scenes: by the name that a link uses; the first is shown first.
    """

    name: str
    label: str
    choice: str
    start: float
    scenes: dict[str, Scene]

    def html(self) -> str:
        """The first scene as a static picture with its answer; the script brings it to life."""
        first = next(iter(self.scenes.values()))
        step = next(step for step in first.steps if step.at == self.start)
        payload = {
            "label": self.label,
            "choice": self.choice,
            "start": self.start,
            "config": figures.config(),
            "letter": figures.LETTER,
            "scenes": {key: self._scene(scene) for key, scene in self.scenes.items()},
        }
        text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).replace("</", r"<\/")
        return (
            f'<div class="stepped" id="stepped-{self.name}">'
            '<div class="stepped-controls" hidden></div>'
            f'<p class="stepped-answer" role="status"><strong>{html.escape(step.word)}</strong> '
            f"{html.escape(step.sentence)}</p>"
            f"{self._still(first, step)}"
            f'<script type="application/json">{text}</script>'
            "</div>"
        )

    def _still(self, scene: Scene, step: Step) -> str:
        if scene.chart is None:
            return drawing.with_data(step.picture, scene.table)
        return figures.spec_html(self._spec(scene.chart), scene.table)

    def _scene(self, scene: Scene) -> dict[str, object]:
        return {
            "label": scene.label,
            "spec": self._spec(scene.chart) if scene.chart else None,
            "steps": [vars(step) for step in scene.steps],
        }

    def _spec(self, chart: alt.LayerChart) -> dict[str, object]:
        spec: dict[str, object] = chart.to_dict()
        spec["params"] = [{"name": AT.name, "value": self.start}]
        return spec


def rule_at(x: Any) -> Any:
    """A line at the slider's place."""
    chart = alt.Chart(pd.DataFrame([{"at": 0.0}])).transform_calculate(at=AT.name)
    return chart.mark_rule(color=figures.colour("text"), strokeDash=[4, 3]).encode(x=x)
