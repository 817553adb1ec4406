"""Drawings that are no charts: cells in rows, boxes, and squares side by side.

Areas are in proportion. A cell is a square of one unit; what fills it, and the boxes beside it, are
drawn in the same unit. Words stand outside the drawing, so that a phone shows them in full size.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from reckoner.show import figures
from reckoner.show.figures import colour

SIDE, PITCH, COLUMNS = 9.0, 10.0, 72
"""A cell's side, the way to the next one, and the cells of a row."""
WIDTH = COLUMNS * PITCH
LARGEST = 100.0
"""The side of the largest of some squares that are compared."""


@dataclass(frozen=True)
class Fill:
    """An amount, in cells, and how it is painted."""

    amount: float
    paint: str
    opacity: float = 1.0


@dataclass(frozen=True)
class Square:
    """A number that is shown as a square's area, with its words, and what it is a number of."""

    value: float
    words: str
    paint: str
    of: str = ""


def cells(fills: Sequence[Fill], count: int, marked: float, description: str) -> str:
    """So many cells in rows, filled one amount after the other, with a line around the first.

    Args:
        fills: what fills them, in order; no more than the cells hold.
        count: the cells.
        marked: how many of the first cells the dashed line is around, if any.
        description: what there is to see, for those who do not see it.
    """
    paths: dict[tuple[str, float], list[str]] = {}
    filled = 0.0
    empty = Fill(count - sum(fill.amount for fill in fills), colour("grid"))
    for fill in (*fills, empty):
        path = paths.setdefault((fill.paint, fill.opacity), [])
        path += _pieces(filled, min(filled + fill.amount, count))
        filled += fill.amount
    drawn = "".join(
        f'<path fill="{paint}" fill-opacity="{opacity:g}" d="{"".join(path)}"/>'
        for (paint, opacity), path in paths.items()
        if path
    )
    rows = math.ceil(max(count, marked) / COLUMNS)
    return _svg(drawn + _around(round(marked)), WIDTH, rows * PITCH, description)


def _pieces(start: float, end: float) -> Iterable[str]:
    """A rectangle for each cell, or part of one, from one place to another."""
    for cell in range(math.floor(start), math.ceil(end)):
        left, right = max(start - cell, 0.0), min(end - cell, 1.0)
        width = _number((right - left) * SIDE)
        if width != "0":
            x, y = cell % COLUMNS * PITCH + left * SIDE, cell // COLUMNS * PITCH
            yield f"M{_number(x)} {y:g}h{width}v{SIDE:g}h-{width}z"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _around(count: int) -> str:
    """A dashed line around the first cells."""
    if not count:
        return ""
    rows, rest = divmod(count, COLUMNS)
    gap = (PITCH - SIDE) / 2
    right, low, end = WIDTH - gap, (rows + (rest > 0)) * PITCH - gap, rest * PITCH - gap
    step = f"V{rows * PITCH - gap:g}H{end:g}V{low:g}" if rest else f"V{low:g}"
    path = f"M{-gap:g} {-gap:g}H{right if rows else end:g}{step}H{-gap:g}z"
    return (
        f'<path class="drawing-marked" fill="none" stroke="{colour("text")}" stroke-width="2" '
        f'stroke-dasharray="6 4" d="{path}"/>'
    )


def boxes(count: int, size: float, fills: Sequence[Fill], description: str) -> str:
    """Boxes of so many cells each, all filled alike from below, on the scale of the cells."""
    side, gap = SIDE * math.sqrt(size), PITCH
    in_row = max(1, math.floor((WIDTH + gap) / (side + gap)))
    drawn = ""
    for box in range(count):
        x, low = box % in_row * (side + gap), box // in_row * (side + gap) + side
        top = low
        for fill in fills:
            height = fill.amount / size * side
            top -= height
            drawn += (
                f'<rect x="{x:.6g}" y="{top:.6g}" width="{side:.6g}" height="{height:.6g}" '
                f'fill="{fill.paint}" fill-opacity="{fill.opacity:g}"/>'
            )
        drawn += (
            f'<rect x="{x:.6g}" y="{low - side:.6g}" width="{side:.6g}" height="{side:.6g}" '
            f'fill="none" stroke="{colour("axis")}" stroke-width="1.5"/>'
        )
    rows = math.ceil(count / in_row)
    return _svg(drawn, max(WIDTH, side), rows * (side + gap) - gap, description)


def squares(title: str, compared: Sequence[Square], note: str = "") -> str:
    """Squares side by side, the largest always of one size, with their words below."""
    most = max(square.value for square in compared)
    drawn, x = "", 0.0
    for square in compared:
        side = LARGEST * math.sqrt(square.value / most)
        drawn += (
            f'<rect x="{x:.6g}" y="{LARGEST - side:.6g}" width="{side:.6g}" height="{side:.6g}" '
            f'fill="{square.paint}"/>'
        )
        x += side + PITCH
    said = "; ".join(f"{square.of} {square.words}".strip() for square in compared)
    words = "".join(
        f'<span style="border-color: {square.paint}">{html.escape(square.words)}</span>'
        for square in compared
    )
    described = f"{title} as squares, areas in proportion: {said}."
    picture = _svg(drawn, max(x, 2 * LARGEST + PITCH), LARGEST, described)
    last = f'<span class="drawing-note">{html.escape(note)}</span>' if note else ""
    text = f"<p><b>{html.escape(title)}</b>{words}{last}</p>"
    return f'<div class="drawing-group">{picture}{text}</div>'


def key(*entries: tuple[Fill | None, str]) -> str:
    """What each paint stands for; an entry without one is the dashed line."""
    shown = "".join(f"<span>{_patch(fill)}{html.escape(words)}</span>" for fill, words in entries)
    return f'<p class="drawing-key">{shown}</p>'


def _patch(fill: Fill | None) -> str:
    if fill is None:
        return '<i class="drawing-dashed"></i>'
    return f'<i style="background: {fill.paint}; opacity: {fill.opacity:g}"></i>'


def label(text: str) -> str:
    """A line above a part of a drawing."""
    return f'<p class="drawing-label">{html.escape(text)}</p>'


def with_data(drawing: str, table: pd.DataFrame) -> str:
    """A drawing with its data as a table below."""
    parts = f'<div class="drawing-parts">{drawing}</div>'
    return f'<div class="drawing">{parts}{figures.data_html(table)}</div>'


def _svg(drawn: str, width: float, height: float, description: str) -> str:
    edge = PITCH - SIDE
    box = f"{-edge:g} {-edge:g} {width + 2 * edge:.6g} {height + 2 * edge:.6g}"
    label = html.escape(description, quote=True)
    return f'<svg role="img" aria-label="{label}" viewBox="{box}">{drawn}</svg>'
