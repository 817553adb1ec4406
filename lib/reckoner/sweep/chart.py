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
from reckoner.sweep.evaluate import Sweep
from reckoner.sweep.grids import Axis
from reckoner.sweep.table import heading

ACROSS, COLOURS, MAP = 200, 6, 40
"""Most values drawn along an axis, as colours of lines, and along each side of a map."""


class Picture:
    """Collects what the picture of a sweep needs while its table is written.

    Args:
        sweep: the points.
        shown: the results to draw; by default those of the chapter's live figure.

    Raises:
        ParameterError: there is no such result, or they have different units.
    """

    def __init__(self, sweep: Sweep, shown: Sequence[str] = ()) -> None:
        self.sweep = sweep
        self.results = list(shown) or _usual(sweep)
        for name in self.results:
            if name not in sweep.units:
                known = list(sweep.units)
                hint = nearest(name, known) or "."
                raise ParameterError(f"no result {name!r}{hint} Known: {', '.join(known)}")
        if len({sweep.units[name] for name in self.results}) > 1:
            raise ParameterError(f"{', '.join(self.results)} have different units; draw one")
        self._rows: list[pd.DataFrame] = []
        self._picked = self._pick() if self.wanted else []

    @property
    def wanted(self) -> bool:
        """Whether the sweep has one or two parameters, and so a picture."""
        return 1 <= len(self.sweep.swept) <= 2

    @property
    def across(self) -> Axis:
        """The parameter along the axis: the number with most values, else the name with most."""
        return max(self.sweep.numbers or self.sweep.names, key=len)

    @property
    def other(self) -> Axis | None:
        return next((found for found in self.sweep.swept if found is not self.across), None)

    def look(self, batch: pa.RecordBatch) -> None:
        """Keep those rows of a batch that are drawn."""
        if not self.wanted:
            return
        keep = np.ones(batch.num_rows, bool)
        for axis, values in self._picked:
            if not axis.parameter.by_name:
                keep &= np.isin(batch.column(_column(axis)).to_numpy(), values)
        names = [_column(axis) for axis in self.sweep.swept]
        names += [heading(name, self.sweep.units[name]) for name in self.results]
        rows = pa.table(batch.select(names)).filter(pa.array(keep)).to_pandas()
        for axis in self.sweep.names:
            rows[_column(axis)] = [axis.parameter.words(name) for name in rows[_column(axis)]]
        self._rows.append(rows)

    def write(self, output: Path, pages: Path) -> list[Path]:
        """Write the picture as SVG and as a page beside the table."""
        if not self.wanted:
            return []
        paths = [output.with_suffix(ending) for ending in (".svg", ".html")]
        title = f"A sweep of {self.sweep.chapter}"
        write_whole(paths[0], figures.to_svg(self._chart(self._table())))
        write_whole(paths[1], shell(title, self._heading() + self.html(), style_sheet(pages)))
        return paths

    def html(self) -> str:
        """The picture with its data as HTML."""
        return figures.to_html(self._chart(self._table()), self._table())

    def _table(self) -> pd.DataFrame:
        return pd.concat(self._rows, ignore_index=True)

    def _heading(self) -> str:
        given = ", ".join(f"{name}={text}" for name, text in self.sweep.given.items())
        about = f"{self.sweep.count:,} points: {given}"
        return (
            f"<h1>A sweep of {html.escape(self.sweep.chapter)}</h1>\n<p>{html.escape(about)}</p>\n"
        )

    def _pick(self) -> list[tuple[Axis, Any]]:
        most = MAP if self._as_map else ACROSS
        return [(axis, _thinned(axis, most)) for axis in self.sweep.swept]

    @property
    def _as_map(self) -> bool:
        return self.other is not None and len(self.other) > COLOURS

    def _chart(self, table: pd.DataFrame) -> alt.Chart:
        long = self._long(table)
        if self._as_map:
            assert self.other is not None
            chart = alt.Chart(long).mark_rect().encode(
                x=_side(alt.X, "across", self.across), y=_side(alt.Y, "other", self.other),
                color=alt.Color("value:Q", title=self._value_title(), scale=_scale(long["value"])),
            )  # fmt: skip
        elif self.across.parameter.by_name:
            chart = alt.Chart(long).mark_bar().encode(
                y=alt.Y("across:N", title=_words(self.across.name), sort=None),
                x=alt.X("value:Q", title=self._value_title(), axis=alt.Axis(format="~s")),
                color=alt.Color("line:N", title=None, sort=None),
                yOffset=alt.YOffset("line:N", sort=None),
            )  # fmt: skip
        else:
            chart = alt.Chart(long).mark_line(point=len(self.across) <= 20).encode(
                x=alt.X("across:Q", title=_title(self.across), scale=_spaced(self.across),
                        axis=alt.Axis(format="~s")),
                y=alt.Y("value:Q", title=self._value_title(), scale=_scale(long["value"]),
                        axis=alt.Axis(format="~s")),
                color=alt.Color("line:N", title=None, sort=None),
                strokeDash=alt.StrokeDash("line:N", title=None, sort=None),
            )  # fmt: skip
        title = f"{self._value()} against {self._against()}".capitalize()
        drawn: alt.Chart = chart.properties(
            title=title, description=f"{title}, as swept; see the table."
        )
        return drawn

    def _against(self) -> str:
        return " and ".join(_words(axis.name) for axis in (self.across, self.other) if axis)

    def _value_title(self) -> str:
        name = self._value() if len(self.drawn) == 1 else "value"
        return f"{name} ({self.sweep.units[self.results[0]]})"

    def _value(self) -> str:
        return ", ".join(map(_words, self.drawn))

    @property
    def drawn(self) -> list[str]:
        """The results in the picture: with two parameters only the first."""
        return self.results if self.other is None else self.results[:1]

    def _long(self, table: pd.DataFrame) -> pd.DataFrame:
        """One row for each point and result: where, which line, how much."""
        parts = []
        for name in self.drawn:
            value = table[heading(name, self.sweep.units[name])]
            line = pd.Series(_words(name), index=table.index)
            part = {"across": table[_column(self.across)], "line": line, "value": value}
            if self._as_map:
                part["across"] = part["across"].map(_short)
            if self.other is not None:
                part["other"] = table[_column(self.other)].map(_short)
                part["line"] = (
                    f"{_words(self.other.name)} " * (not self.other.parameter.by_name)
                    + part["other"]
                )
            parts.append(pd.DataFrame(part))
        long = pd.concat(parts, ignore_index=True)
        return long[np.isfinite(long["value"].astype(float))]


def _usual(sweep: Sweep) -> list[str]:
    live = sweep.book.live.get(sweep.chapter)
    drawn = [curve.result for curve in live.curves] if live else list(sweep.units)[:1]
    names = [name for name in drawn if name in sweep.units]  # a curve may be an input
    names = [name for name in names if sweep.units[name] == sweep.units[names[0]]]
    return names[:1] if len(sweep.swept) > 1 else names


def _thinned(axis: Axis, most: int) -> Any:
    if axis.parameter.by_name:
        return list(axis.values)
    places = np.unique(np.linspace(0, len(axis) - 1, min(most, len(axis))).astype(int))
    return np.asarray(axis.values)[places]


def _column(axis: Axis) -> str:
    return heading(axis.name, axis.parameter.unit)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _short(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,g}"


def _title(axis: Axis) -> str:
    return f"{_words(axis.name)} ({axis.parameter.unit})"


def _side(channel: Any, field: str, axis: Axis) -> Any:
    """A side of a map: a step for each value, labelled at a few of them."""
    values = _thinned(axis, MAP)
    some = [_short(value) for value in values[:: max(1, len(values) // 8)]]
    order = [_short(value) for value in (values if channel is alt.X else values[::-1])]
    return channel(f"{field}:O", title=_title(axis), sort=order, axis=alt.Axis(values=some))


def _spaced(axis: Axis) -> alt.Scale:
    return alt.Scale(type="log") if axis.log else alt.Scale(zero=False)


def _scale(values: pd.Series) -> alt.Scale:
    """Logarithmic where the values span more than a factor of thirty."""
    low, high = values.min(), values.max()
    return alt.Scale(type="log") if low > 0 and high / low > 30 else alt.Scale(zero=False)
