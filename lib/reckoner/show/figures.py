"""Charts that anyone can read: with title, units, description, table, light and dark, phone.

A chart leaves the notebook as a static SVG in two widths whose colours are CSS variables, so
that it follows the page's theme, with its data as a table below.
"""

from __future__ import annotations

import copy
import hashlib
import html
import json
import math
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import altair as alt
import pandas as pd
import vl_convert as vlc

from reckoner import stopping
from reckoner.declare.units import number, trimmed
from reckoner.show.marks import linked, plain

WIDTHS = {"wide": 680, "narrow": 340}
LETTER = 10
"""Room for a letter of a title, in pixels; with it titles are wrapped."""
LETTER_OF_LEGEND, LINE_OF_LEGEND, BESIDE_NAME, LEFT_OF_LEGEND = 6.5, 17, 32, 50
"""Room for a letter of a legend, a line, a mark with the gap to the next column, and the axis."""
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
EXACT = "data-exact"
"""In a cell that shows fewer digits than its number has, the number."""
_FALLBACKS = {
    "text": "#24292f", "muted": "#57606a", "grid": "#d8dee4", "axis": "#6e7781",
    "background": "transparent", "1": "#b5490b", "2": "#0b62b5", "3": "#1a7f37",
    "4": "#8250df", "5": "#946200", "6": "#bf3989",
}  # fmt: skip


class FigureError(ValueError):
    """A chart lacks something that a reader needs. The message names the chart and the lack."""


_LAB = {"text": "content-font-color1", "muted": "content-font-color2", "grid": "border-color2",
        "axis": "border-color1"}  # fmt: skip


def colour(name: str) -> str:
    """A colour of the book as CSS: "text", "muted", "grid", "axis", "background", "1" to "6".

    Outside the book's pages it follows JupyterLab's theme, or else is fit for a light page.
    """
    fallback = _FALLBACKS[name]
    if name in _LAB:
        fallback = f"var(--jp-{_LAB[name]}, {fallback})"
    return f"var(--chart-{name}, {fallback})"


def config() -> dict[str, Any]:
    """The look of the book's charts, for Vega-Lite; its colours follow the page's theme."""
    text, muted = colour("text"), colour("muted")
    return {
        "font": _FONT,
        "aria": False,
        "background": "transparent",
        "view": {"stroke": None},
        "title": {"color": text, "anchor": "start", "fontSize": 15, "fontWeight": 600},
        "axis": {
            "labelColor": muted, "titleColor": text, "gridColor": colour("grid"),
            "domainColor": colour("axis"), "tickColor": colour("axis"),
            "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 400, "labelLimit": 260,
            "tickCount": 5, "titlePadding": 8, "labelSeparation": 6,
        },
        "legend": {
            "orient": "top", "labelColor": text, "titleColor": text,
            "labelFontSize": 12, "titleFontSize": 12, "labelLimit": 320, "symbolStrokeWidth": 3,
            "columnPadding": 28,
        },
        "text": {"color": text, "fontSize": 12},
        "rule": {"color": muted},
        "line": {"strokeWidth": 2.5},
        "point": {"size": 60, "filled": True},
        "bar": {"color": colour("2")},
        "header": {"labelColor": text, "titleColor": text},
        "range": {"category": [colour(str(n)) for n in range(1, 7)]},
    }  # fmt: skip


def to_html(chart: alt.Chart | alt.LayerChart, table: pd.DataFrame) -> str:
    """The chart as HTML: static pictures for wide and narrow pages, and its data as a table.

    Args:
        chart: a chart of one view or of layers, with title, description and axis titles (names need
            none); the title of a quantitative axis names the unit in parentheses.
        table: the charted data with headings for readers (units in parentheses).

    Raises:
        FigureError: the title, the description, an axis title or a unit is missing.
    """
    return spec_html(chart.to_dict(), table)


def spec_html(spec: dict[str, Any], table: pd.DataFrame) -> str:
    """The same for a Vega-Lite specification."""
    spec = json.loads(plain(json.dumps(spec, ensure_ascii=False)))
    _check(spec)
    pictures = "".join(
        f'<div class="chart-{name}"{shown}>{_svg(spec, width)}</div>'
        for (name, width), shown in zip(WIDTHS.items(), ("", ' style="display: none"'), strict=True)
    )
    return f'<div class="chart">{pictures}{data_html(table)}</div>'


def data_html(table: pd.DataFrame) -> str:
    """The data of a figure, to be unfolded below it."""
    return (
        '<details class="chart-data"><summary>Data of this figure</summary>'
        f'<div class="table-scroll" tabindex="0">{linked(table_html(table, True))}</div></details>'
    )


def to_svg(chart: alt.Chart | alt.LayerChart) -> str:
    """The chart as a picture of its own, in the colours of a light page."""
    spec = chart.to_dict()
    _check(spec)
    return flattened(_svg(spec, WIDTHS["wide"]))


def flattened(svg: str) -> str:
    """A picture of the pages as one of its own: the colours of a light page, on white."""
    while (plain := re.sub(r"var\(--[\w-]+, ?([^()]+)\)", r"\1", svg)) != svg:
        svg = plain
    named = "" if "xmlns=" in svg else ' xmlns="http://www.w3.org/2000/svg"'
    return re.sub(r"(<svg\b)", rf'\1{named} style="background: #fff"', svg, count=1) + "\n"


def table_html(table: pd.DataFrame, exact: bool = False) -> str:
    """A table with numbers as a reader wants them: four significant digits.

    Args:
        table: the table.
        exact: whether a cell brings its number along where it shows fewer digits.
    """
    if not all(str(name).strip() for name in table.columns):
        raise FigureError(f"a table has a column without a heading: {list(table.columns)}")
    head = " ".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in table.columns)
    rows = "".join(  # the blanks keep words apart for the search
        f"<tr>{' '.join(_td(value, exact) for value in row)}</tr> "
        for row in table.itertuples(index=False)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _td(value: Any, exact: bool) -> str:
    shown = _cell(value)
    if exact and not isinstance(value, bool | str) and pd.notna(value):
        number = f"{float(value):.10g}"
        if math.isfinite(value) and number != shown.replace(",", "").replace("−", "-"):
            return f'<td {EXACT}="{number}">{shown}</td>'
    return f"<td>{shown}</td>"


def _cell(value: Any) -> str:
    if isinstance(value, bool | str):
        return html.escape(str(value))
    if pd.isna(value):
        return "–"
    return trimmed(number(float(value), 7 if float(value).is_integer() else 4))


def _check(spec: dict[str, Any]) -> None:
    title = spec.get("title")
    if isinstance(title, dict):
        title = title.get("text")
    if not title:
        raise FigureError("a chart has no title: set .properties(title=...)")
    if not spec.get("description"):
        raise FigureError(f"chart {title!r}: no description; say what it shows in a sentence")
    if any(key in spec for key in ("hconcat", "vconcat", "concat", "facet")):
        raise FigureError(f"chart {title!r}: only one view or layers fit a phone")
    titles = {"x": [], "y": []}  # type: dict[str, list[str]]
    for channel, encoding in _axes(spec):
        name = _axis_title(encoding)
        if name is None and encoding.get("type") == "nominal":
            titles[channel].append("")  # names say themselves what they are
        if name is not None:
            titles[channel].append(name)
            if encoding.get("type") == "quantitative" and not re.search(r"\(.+\)", name):
                raise FigureError(f"chart {title!r}: axis {name!r} names no unit in parentheses")
    for channel, names in titles.items():
        if not names:
            raise FigureError(f"chart {title!r}: the {channel} axis has no title")


def _axes(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for layer in (spec, *spec.get("layer", [])):
        for channel in ("x", "y"):
            encoding = layer.get("encoding", {}).get(channel)
            if encoding and "field" in encoding:
                yield channel, encoding


def _axis_title(encoding: dict[str, Any]) -> str | None:
    axis = encoding.get("axis") or {}
    title = axis.get("title", encoding.get("title"))
    return None if title is None else str(title)


def _svg(spec: dict[str, Any], width: int) -> str:
    sized = {
        **spec,
        "config": config(),
        "width": width,
        "height": spec.get("height", 300),
        "autosize": {"type": "fit", "contains": "padding"},
        "title": _wrapped(spec["title"], width),
    }
    if any(channel == "y" and place.get("type") == "nominal" for channel, place in _axes(spec)):
        sized["padding"] = {"left": 16, "top": 5, "right": 5, "bottom": 5}  # for a wider font
    if width == WIDTHS["narrow"]:
        sized = _narrowed(sized)
    stopping.see_room()
    svg = vlc.vegalite_to_svg(json.dumps(sized))
    name = hashlib.sha256(f"{width}{json.dumps(spec, sort_keys=True)}".encode()).hexdigest()[:8]
    svg = re.sub(r'id="([^"]+)"', rf'id="c{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#c{name}-\1)", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r' (?:role="graphics-[\w-]+"|aria-[\w-]+="[^"]*")', "", svg)  # one label for all
    label = html.escape(str(spec["description"]), quote=True)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def _narrowed(spec: dict[str, Any]) -> dict[str, Any]:
    """A chart whose legends are no wider than it, and which is higher by what that takes."""
    spec = copy.deepcopy(spec)
    spec["config"]["legend"]["direction"] = "vertical"
    further = {}
    for names, encoding in _legends(spec):
        legend = encoding.get("legend") or {}
        asked = legend.get("columns", len(names))
        widest = BESIDE_NAME + LETTER_OF_LEGEND * max(map(len, names))
        fitting = max(
            1, min(legend.get("columns", 1), int((WIDTHS["narrow"] - LEFT_OF_LEGEND) / widest))
        )
        further[names] = math.ceil(len(names) / fitting) - math.ceil(len(names) / asked)
        if "columns" in legend:
            legend["columns"] = fitting
    spec["height"] += LINE_OF_LEGEND * sum(further.values())
    return spec


def _legends(spec: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The channels that have a legend, each with the names in it."""
    for layer in (spec, *spec.get("layer", [])):
        for encoding in layer.get("encoding", {}).values():
            names = (encoding.get("scale") or {}).get("domain") if "field" in encoding else None
            if (
                names
                and encoding.get("type") == "nominal"
                and encoding.get("legend", {}) is not None
            ):
                yield tuple(map(str, names)), encoding


def _wrapped(title: Any, width: int) -> dict[str, Any]:
    options = title if isinstance(title, dict) else {"text": title}
    text = options["text"]
    lines = text if isinstance(text, list) else textwrap.wrap(text, width // LETTER)
    return {**options, "text": lines}
