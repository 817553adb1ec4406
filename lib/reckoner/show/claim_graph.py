"""The claims as a graph: each beside what it follows from, from left to right.

A layered drawing: a claim stands one layer to the right of the last that it follows from, and the
layers are ordered so that few lines cross. The nodes are links to the ledger's rows, so that the
picture works without a script and from the keyboard.
"""

from __future__ import annotations

import html
import textwrap
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import pairwise
from statistics import mean

from reckoner.book import Book
from reckoner.judgement import Entry
from reckoner.show.claims import printed, short

WIDTH, HEIGHT = 172, 40
COLUMN, ROW, LINE = 226, 50, 12
"""From one layer to the next, and the room of a node or of a passing line, in pixels."""
SWEEPS = 12
LETTERS = (22, 26)
"""What fits on the two lines of a node, the first of which is bold."""

Passing = tuple[str, str, int]
"""The place at which a line from a node to another crosses a layer between them."""


@dataclass(frozen=True)
class Layers:
    """The places of the nodes of an acyclic graph.

    Args:
        parents: what each node follows from.
    """

    parents: dict[str, list[str]]

    @cached_property
    def layer(self) -> dict[str, int]:
        """Each node's layer: as far left as it may stand, sources beside what they lead to."""
        found: dict[str, int] = {}
        for node in TopologicalSorter(self.parents).static_order():
            found[node] = max((found[p] + 1 for p in self.parents[node]), default=0)
        for node in [n for n, parents in self.parents.items() if not parents]:
            found[node] = min(found[n] for n, p in self.parents.items() if node in p) - 1
        return found

    @cached_property
    def lines(self) -> list[list[str | Passing]]:
        """Each line as the places that it passes, one in each layer."""
        return [
            [p, *((p, n, at) for at in range(self.layer[p] + 1, self.layer[n])), n]
            for n, parents in self.parents.items()
            for p in parents
        ]

    @cached_property
    def order(self) -> list[list[str | Passing]]:
        """The places in each layer from above: each near the mean of those it is joined to."""
        before, after = defaultdict(list), defaultdict(list)
        columns: list[list[str | Passing]] = [[] for _ in range(max(self.layer.values()) + 1)]
        for line in self.lines:
            for at, place in enumerate(line, start=self.layer[str(line[0])]):
                if place not in columns[at]:
                    columns[at].append(place)
            for left, right in pairwise(line):
                before[right].append(left)
                after[left].append(right)
        for sweep in range(SWEEPS):
            joined, columns_now = (before, columns) if sweep % 2 == 0 else (after, columns[::-1])
            for fixed, column in pairwise(columns_now):
                height = {place: at / len(fixed) for at, place in enumerate(fixed)}
                near = {place: _mean(height, joined[place]) for place in column}
                column.sort(key=near.__getitem__)
        return columns

    @cached_property
    def places(self) -> dict[str | Passing, tuple[float, float]]:
        """The left end and the middle of each place, in pixels."""
        found = {}
        tall = max(map(_height, self.order))
        for at, column in enumerate(self.order):
            y = (tall - _height(column)) / 2
            for place in column:
                room = _room(place)
                found[place] = (at * COLUMN + 2.0, y + room / 2)
                y += room
        return found

    @property
    def size(self) -> tuple[int, int]:
        return (len(self.order) - 1) * COLUMN + WIDTH + 4, max(map(_height, self.order))


def _mean(height: dict[str | Passing, float], places: list[str | Passing]) -> float:
    return mean([height[place] for place in places if place in height] or [0.5])


def _room(place: str | Passing) -> int:
    return ROW if isinstance(place, str) else LINE


def _height(column: list[str | Passing]) -> int:
    return sum(map(_room, column))


def claim_graph(book: Book) -> str:
    """The claims that follow from others, or lead to them, as a picture of links."""
    entries = {entry.claim.id: entry for entry in book.ledger.entries()}
    joined = {p for e in entries.values() for p in e.claim.parents}
    joined |= {name for name, e in entries.items() if e.claim.parents}
    layers = Layers({n: e.claim.parents for n, e in entries.items() if n in joined})
    lines = "".join(_line(layers, line, entries) for line in layers.lines)
    nodes = "".join(_node(entries[n], *layers.places[n]) for n in entries if n in joined)
    width, height = layers.size
    slips = {e.slip for e in entries.values() if e.is_heir}
    about = (
        f"{len(joined)} claims, each to the right of what it follows from. "
        f"Marked with their heirs: {', '.join(map(short, sorted(slips)))}."
    )
    return (
        f'<div class="claim-graph" tabindex="0" role="region" aria-label="Graph of the claims">'
        f'<svg role="group" aria-label="{about}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{lines}{nodes}</svg></div>'
    )


def _line(layers: Layers, line: list[str | Passing], entries: dict[str, Entry]) -> str:
    """A line as a curve through its places; marked if it hands a fault on."""
    points = [layers.places[place] for place in line]
    x, y = points[0][0] + WIDTH, points[0][1]
    path = f"M{x:.0f} {y:.0f}"
    for place, (left, below) in zip(line[1:], points[1:], strict=True):
        middle = (x + left) / 2
        path += f"C{middle:.0f} {y:.0f} {middle:.0f} {below:.0f} {left:.0f} {below:.0f}"
        x, y = left, below
        if not isinstance(place, str):
            x += WIDTH
            path += f"H{x:.0f}"
    start, end = entries[str(line[0])], entries[str(line[-1])]
    handed = end.is_heir and start.slip == end.slip
    kind = ' class="handed-on"' if handed else ""
    return f'<path d="{path}"{kind}/>'


def _node(entry: Entry, x: float, y: float) -> str:
    claim, top = entry.claim, y - HEIGHT / 2
    kind = "heir" if entry.is_heir else "slip" if entry.slip else "sound"
    said = html.escape(f"{claim.claim}: {printed(claim)}, {entry.verdict}")
    figure, name = (
        html.escape(textwrap.shorten(text, letters, placeholder="…"))
        for text, letters in zip((printed(claim), short(claim.id)), LETTERS, strict=True)
    )
    return (
        f'<a href="#ledger-{claim.id}" class="verdict-{entry.verdict} {kind}">'
        f"<title>{said}</title>"
        f'<rect x="{x:.0f}" y="{top:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{x + 9:.0f}" y="{top + 16:.0f}" class="figure">{figure}</text>'
        f'<text x="{x + 9:.0f}" y="{top + 32:.0f}">{name}</text></a>'
    )
