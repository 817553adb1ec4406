"""The few kinds of chart that a book draws, each in one call; `figure` puts them together.

Data are curves: for each kind of thing its places across and upwards. One number stands for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from reckoner.show.figures import colour

Curves = Mapping[str, tuple[Any, Any]]
"""By the name of a kind: its places across, and how high."""

SOLID, DASHED, DOTTED, MIXED = (1, 0), (8, 4), (2, 3), (6, 2, 1, 2)


@dataclass(frozen=True)
class Axis:
    """An axis of numbers.

    Attributes:
        title: what it shows, with its unit in parentheses.
        log: whether its scale is logarithmic.
        scale: further properties of the scale, such as zero, nice or domain.
        ticks: properties of the axis itself, such as format or values.
    """

    title: str
    log: bool = False
    scale: Mapping[str, Any] = field(default_factory=dict)
    ticks: Mapping[str, Any] = field(default_factory=dict)

    def channel(self, channel: type[alt.X | alt.Y], name: str) -> Any:
        """The Altair channel of a column."""
        scale = {**({"type": "log"} if self.log else {}), **self.scale}
        given: dict[str, Any] = {"title": self.title}
        if scale:
            given["scale"] = alt.Scale(**scale)
        if self.ticks:
            given["axis"] = alt.Axis(**self.ticks)
        return channel(f"{name}:Q", **given)


def decades(title: str, values: Any, number: str = ",~g") -> Axis:
    """A logarithmic axis from one power of ten to another, with room for all values."""
    low, high = np.floor(np.log10(np.min(values))), np.ceil(np.log10(np.max(values)))
    marks = [10.0**power for power in np.arange(low, high + 1)]
    ends = {"domain": [marks[0], marks[-1]], "nice": False}
    return Axis(title, log=True, scale=ends, ticks={"values": marks, "format": number})


@dataclass(frozen=True)
class Names:
    """An axis of names, in the order in which they are given.

    Beside rows no title is drawn: it would stand across their names.

    Attributes:
        title: what the names are of.
        order: the names.
        ticks: properties of the axis itself, such as labelLimit.
    """

    title: str
    order: Sequence[str]
    ticks: Mapping[str, Any] = field(default_factory=dict)

    def channel(self, channel: type[alt.X | alt.Y], name: str) -> Any:
        """The Altair channel of a column."""
        axis: dict[str, Any] = {"axis": alt.Axis(**self.ticks)} if self.ticks else {}
        title = None if channel is alt.Y else self.title
        return channel(f"{name}:N", sort=list(self.order), title=title, **axis)


@dataclass(frozen=True)
class Style:
    """How one kind is drawn: a colour of the book, the dashes of its line, the shape of its dot."""

    colour: str = "1"
    dash: Sequence[int] = SOLID
    shape: str = "circle"


Kinds = Mapping[str, Style]
"""The legend: each kind's style, in the order in which they are listed."""


def styles(*names: str) -> Kinds:
    """Kinds without a colour of their own: each takes the next colour, dash and shape."""
    dashes, shapes = (SOLID, DASHED, DOTTED, MIXED), ("circle", "square", "triangle-up", "cross")
    return {name: Style(str(n + 1), dashes[n], shapes[n]) for n, name in enumerate(names)}


def told_apart(kinds: Kinds, by: str = "dash", title: str | None = None) -> dict[str, Any]:
    """Channels that tell kinds apart by colour and, for those who see none, by dash or shape."""
    channel = {"dash": "strokeDash", "shape": "shape"}[by]
    marks: list[Any] = [list(s.dash) if by == "dash" else s.shape for s in kinds.values()]
    scales = {"color": [colour(style.colour) for style in kinds.values()], channel: marks}
    made = {"color": alt.Color, "strokeDash": alt.StrokeDash, "shape": alt.Shape}
    return {
        name: made[name]("kind:N", title=title, scale=alt.Scale(domain=list(kinds), range=values))
        for name, values in scales.items()
    }


def table(curves: Curves | pd.DataFrame) -> pd.DataFrame:
    """Curves as rows with the columns x, y and kind; such rows stay as they are."""
    if isinstance(curves, pd.DataFrame):
        return curves
    frames = [
        pd.DataFrame({"x": np.atleast_1d(xs), "y": ys, "kind": kind})
        for kind, (xs, ys) in curves.items()
    ]
    return pd.concat(frames, ignore_index=True)


def lines(
    curves: Curves | pd.DataFrame,
    x: Axis,
    y: Axis,
    kinds: Kinds,
    legend: str | None = None,
    **mark: Any,
) -> Any:
    """A line for each kind; a missing value is a gap. `legend` is the legend's title."""
    chart = alt.Chart(table(curves)).mark_line(**mark)
    return chart.encode(*_places(x, y), **told_apart(kinds, title=legend))


def dots(
    curves: Curves | pd.DataFrame,
    x: Axis | Names,
    y: Axis | Names,
    kinds: Kinds,
    legend: str | None = None,
    **mark: Any,
) -> Any:
    """Dots of several kinds, told apart by colour and shape. `legend` is the legend's title."""
    chart = alt.Chart(table(curves)).mark_point(**{"filled": True, "opacity": 1, **mark})
    return chart.encode(*_places(x, y), **told_apart(kinds, "shape", legend))


def bars(
    curves: Curves | pd.DataFrame,
    x: Axis,
    y: Names,
    kinds: Kinds,
    legend: str | None = None,
    **mark: Any,
) -> Any:
    """Bars from the left, told apart by colour. `legend` is the legend's title."""
    chart = alt.Chart(table(curves)).mark_bar(**mark)
    return chart.encode(*_places(x, y), color=told_apart(kinds, title=legend)["color"])


def points(xs: Any, ys: Any, x: Axis, y: Axis | Names, style: str = "1", **mark: Any) -> Any:
    """Dots in one colour, without a legend."""
    shown = {"size": 80, "filled": True, "color": colour(style), **mark}
    return alt.Chart(_frame(xs, ys)).mark_point(**shown).encode(*_places(x, y))


def texts(xs: Any, ys: Any, labels: Any, x: Axis, y: Axis | Names, **mark: Any) -> Any:
    """A text at each place; `align`, `dx` and `dy` say where beside it."""
    shown = {"align": "left", "color": colour("text"), **mark}
    chart = alt.Chart(_frame(xs, ys).assign(label=labels)).mark_text(**shown)
    return chart.encode(*_places(x, y), text="label:N")


def heights(at: Any, labels: Any, y: Axis, **mark: Any) -> Any:
    """A text at the left edge for each place of the vertical axis: what a level line is."""
    shown = {"align": "left", "dx": 4, "color": colour("text"), "x": 0, **mark}
    chart = alt.Chart(pd.DataFrame({"at": np.atleast_1d(at), "label": labels})).mark_text(**shown)
    return chart.encode(y.channel(alt.Y, "at"), text="label:N")


def rules(at: Any, axis: Axis, across: bool = False, **mark: Any) -> Any:
    """Straight lines at places of the horizontal axis, or of the vertical one if `across`."""
    chart = alt.Chart(pd.DataFrame({"at": np.atleast_1d(at)})).mark_rule(**mark)
    return chart.encode(axis.channel(alt.Y if across else alt.X, "at"))


def spans(
    lows: Any, highs: Any, ys: Any, x: Axis, y: Names, style: str = "grid", **mark: Any
) -> Any:
    """A bar of a line from one value to another for each name."""
    data = pd.DataFrame({"x": lows, "high": highs, "y": ys})
    chart = alt.Chart(data).mark_rule(**{"color": colour(style), "strokeWidth": 3, **mark})
    return chart.encode(*_places(x, y), x2="high:Q")


def with_legend(chart: Any, **properties: Any) -> Any:
    """The chart with these properties of Vega-Lite's in its legend; long strokes show dashes."""
    for channel in ("color", "strokeDash"):
        chart.encoding[channel].legend = alt.Legend(
            **{"symbolType": "stroke", "symbolSize": 300, **properties}
        )
    return chart


def without_legend(chart: Any) -> Any:
    """The chart without its legend, where names stand beside what they name."""
    for channel in {"color", "strokeDash", "shape"} & chart.encoding.to_dict().keys():
        chart.encoding[channel].legend = None
    return chart


def figure(
    *layers: Any, title: str, description: str, height: int = 320
) -> alt.Chart | alt.LayerChart:
    """Layers as one chart with title, and a description for those who do not see it."""
    chart: Any = alt.layer(*layers) if len(layers) > 1 else layers[0]
    made: alt.Chart | alt.LayerChart = chart.properties(
        title=title, description=description, height=height
    )
    return made


def _frame(xs: Any, ys: Any) -> pd.DataFrame:
    return pd.DataFrame({"x": np.atleast_1d(xs), "y": ys})


def _places(x: Axis | Names, y: Axis | Names) -> tuple[Any, Any]:
    return x.channel(alt.X, "x"), y.channel(alt.Y, "y")
