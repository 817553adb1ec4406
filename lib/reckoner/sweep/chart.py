"""The picture of a sweep over one or two parameters: lines, bars, or a map of colours."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from reckoner.declare.parameters import ParameterError, nearest
from reckoner.files import write_whole
from reckoner.show import figures
from reckoner.site.one_page import shell, style_sheet
from reckoner.sweep.axes import Axis
from reckoner.sweep.points import Sweep
from reckoner.sweep.table import heading

ACROSS, COLOURS, MAP = 200, 6, 40
"""Most values drawn along an axis, as colours of lines, and along each side of a map."""


class Picture:
    """Collects what the picture of a sweep needs while its table is written.

    Along the axis stands the number with most values, or else the name with most.

    Args:
        sweep: the points.
        shown: the results to draw; by default those of the chapter's live figure. With two
            parameters only the first is drawn.

    Raises:
        ParameterError: there is no such result, or they have different units.
    """

    def __init__(self, sweep: Sweep, shown: Sequence[str] = ()) -> None:
        self.sweep = sweep
        self.results = list(shown) or _usual(sweep)
        for name in self.results:
            if name not in sweep.units:
                hint = nearest(name, list(sweep.units)) or "."
                raise ParameterError(f"no result {name!r}{hint} Known: {', '.join(sweep.units)}")
        if len({sweep.units[name] for name in self.results}) > 1:
            raise ParameterError(f"{', '.join(self.results)} have different units; draw one")
        self._rows: list[pd.DataFrame] = []
        self.wanted = 1 <= len(sweep.swept) <= 2
        if self.wanted:
            self.across = max(sweep.numbers or sweep.names, key=len)
            self.other = next((found for found in sweep.swept if found is not self.across), None)
            self.as_map = self.other is not None and len(self.other) > COLOURS

    def look(self, batch: pa.RecordBatch) -> None:
        """Keep those rows of a batch that are drawn."""
        if not self.wanted:
            return
        keep = np.ones(batch.num_rows, bool)
        for axis in self.sweep.numbers:
            values = _thinned(axis, MAP if self.as_map else ACROSS)
            keep &= np.isin(batch.column(_column(axis)).to_numpy(), values)
        names = [_column(axis) for axis in self.sweep.swept] + [*map(self._heading, self.results)]
        rows = batch.select(list(dict.fromkeys(names))).filter(pa.array(keep)).to_pandas()
        for axis in self.sweep.names:
            rows[_column(axis)] = [axis.parameter.words(name) for name in rows[_column(axis)]]
        self._rows.append(rows)

    def write(self, output: Path, pages: Path) -> None:
        """Write the picture as SVG and as a page beside the table."""
        if not self.wanted:
            return
        given = ", ".join(f"{name}={text}" for name, text in self.sweep.given.items())
        title = f"A sweep of {html.escape(self.sweep.chapter)}"
        about = html.escape(f"{self.sweep.count:,} points: {given}")
        body = f"<h1>{title}</h1>\n<p>{about}</p>\n{self.html()}"
        write_whole(output.with_suffix(".svg"), figures.to_svg(self._chart()))
        write_whole(output.with_suffix(".html"), shell(title, body, style_sheet(pages)))

    def html(self) -> str:
        """The picture with its data as HTML."""
        return figures.to_html(self._chart(), self._table())

    def _table(self) -> pd.DataFrame:
        return pd.concat(self._rows, ignore_index=True)

    def _heading(self, result: str) -> str:
        return heading(result, self.sweep.units[result])

    def _chart(self) -> alt.Chart:
        drawn = self.results[:1] if self.other else self.results
        long = pd.concat([self._long(name) for name in drawn], ignore_index=True)
        names, unit = ", ".join(map(_words, drawn)), self.sweep.units[drawn[0]]
        value = f"{names if len(drawn) == 1 else 'value'} ({unit})"
        against = " and ".join(_words(axis.name) for axis in (self.across, self.other) if axis)
        title = f"{names} against {against}".capitalize()
        drawing: alt.Chart = self._marks(long, value).properties(
            title=title, description=f"{title}, as swept; see the table."
        )
        return drawing

    def _marks(self, long: pd.DataFrame, title: str) -> Any:
        chart, short = alt.Chart(long), alt.Axis(format="~s")
        scale = _scale(long["value"])
        line: dict[str, Any] = {"shorthand": "line:N", "title": None, "sort": None}
        if self.as_map and self.other:
            return chart.mark_rect().encode(
                x=_side(alt.X, "across", self.across), y=_side(alt.Y, "other", self.other),
                color=alt.Color("value:Q", title=title, scale=scale),
            )  # fmt: skip
        if self.across.parameter.by_name:
            return chart.mark_bar().encode(
                y=alt.Y("across:N", title=_label(self.across), sort=None),
                x=alt.X("value:Q", title=title, axis=short),
                color=alt.Color(**line), yOffset=alt.YOffset("line:N", sort=None),
            )  # fmt: skip
        spaced = alt.Scale(type="log") if self.across.log else alt.Scale(zero=False)
        return chart.mark_line(point=len(self.across) <= 20).encode(
            x=alt.X("across:Q", title=_label(self.across), scale=spaced, axis=short),
            y=alt.Y("value:Q", title=title, scale=scale, axis=short),
            color=alt.Color(**line), strokeDash=alt.StrokeDash(**line),
        )  # fmt: skip

    def _long(self, result: str) -> pd.DataFrame:
        """A row for each point: where, which line, how much."""
        table = self._table()
        across, value = table[_column(self.across)], table[self._heading(result)]
        long = pd.DataFrame({"across": across, "line": _words(result), "value": value})
        if self.as_map:
            long["across"] = across.map(_short)
        if self.other:
            name = "" if self.other.parameter.by_name else f"{_words(self.other.name)} "
            long["other"] = table[_column(self.other)].map(_short)
            long["line"] = name + long["other"]
        return long[np.isfinite(long["value"].astype(float))]


def _usual(sweep: Sweep) -> list[str]:
    live = sweep.book.live(sweep.chapter)
    names = [curve.result for curve in live.curves] if live else list(sweep.units)[:1]
    names = [name for name in names if sweep.units[name] == sweep.units[names[0]]]
    return names[:1] if len(sweep.swept) > 1 else names


def _thinned(axis: Axis, most: int) -> Any:
    if axis.parameter.by_name:
        return list(axis.values)
    places = np.unique(np.linspace(0, len(axis) - 1, min(most, len(axis))).astype(int))
    return np.asarray(axis.values)[places]


def _column(axis: Axis) -> str:
    return heading(axis.name, axis.parameter.unit)


def _label(axis: Axis) -> str:
    return _words(axis.name) + ("" if axis.parameter.by_name else f" ({axis.parameter.unit})")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _short(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,g}"


def _side(channel: Any, field: str, axis: Axis) -> Any:
    """A side of a map: a step for each value, labelled at a few of them."""
    values = _thinned(axis, MAP)
    some = [_short(value) for value in values[:: max(1, len(values) // 8)]]
    order = [_short(value) for value in (values if channel is alt.X else values[::-1])]
    return channel(f"{field}:O", title=_label(axis), sort=order, axis=alt.Axis(values=some))


def _scale(values: pd.Series) -> alt.Scale:
    """Logarithmic where the values span more than a factor of thirty."""
    low, high = values.min(), values.max()
    return alt.Scale(type="log") if low > 0 and high / low > 30 else alt.Scale(zero=False)
