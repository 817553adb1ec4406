"""Pictures of models: what their layers are, and what one sequence keeps at any context."""

from __future__ import annotations

import html
import math

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.catalog import Model
from inference_economics.formulas import kv_cache as cache_of
from inference_economics.formulas.layers import feed_forwards, mixers
from reckoner.declare.units import shown
from reckoner.show.charts import (
    DASHED,
    DOTTED,
    MIXED,
    Axis,
    Style,
    figure,
    lines,
    texts,
    with_legend,
)
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

KINDS = {
    "full": ("full attention", "4"),
    "windowed": ("attention in a window", "2"),
    "latent": ("latent attention (MLA)", "3"),
    "sparse": ("latent attention with an indexer", "3"),
    "state": ("a state of fixed size", "6"),
    "dense": ("dense feed-forward", "axis"),
    "experts": ("experts", "1"),
}
"""Each kind of layer in words, and its colour."""
DESIGNS = {
    "every token, KV heads": Style("4"),
    "every token, MLA": Style("3", MIXED),
    "windows in some layers": Style("2", DASHED),
    "states in most layers": Style("6", DOTTED),
}
CONTEXTS = 2.0 ** np.arange(7, 21)
"""Lengths at which a sequence is drawn: from a short question to a million tokens."""


def design(model: Model) -> str:
    """What holds the memory of a sequence down, by the names of `DESIGNS`."""
    kinds = mixers(model)
    for kind, name in (("state", "states in most layers"), ("windowed", "windows in some layers")):
        if kind in kinds:
            return name
    return "every token, KV heads" if "full" in kinds else "every token, MLA"


def drawn() -> list[Model]:
    """The models of the catalog whose cache is known at every context."""
    return [catalog.model(key) for key in catalog.models("context_length", *cache_of.NEEDS)]


def memory_against_context(chapter: Chapter) -> HTML:
    """What one sequence keeps against its length, for every model up to its own longest."""
    width, rows = chapter.inputs.bytes_per_element, []
    for model in drawn():
        for length in _lengths(model):
            kept = float(cache_of.model_kv_cache(model, length, width))
            rows.append((length, kept / 1e9, design(model), model.name))
    table = pd.DataFrame(rows, columns=["x", "y", "kind", "model"])
    ends = table.groupby("model", sort=False).tail(1)
    by_size = ends.sort_values("y")
    named = by_size.iloc[[0, -1]]
    least, most = by_size.iloc[0], by_size.iloc[-1]
    x = Axis("Context length (tokens)", log=True, ticks={"format": "~s"}, scale={"nice": False})
    y = Axis("Memory of one sequence (GB)", log=True, ticks={"format": "~g"})
    curves = lines(table, x, y, DESIGNS, "What a layer keeps", strokeWidth=1.5)
    labels = texts(named["x"], named["y"], named["model"], x, y, align="right", dx=-4, dy=-9)
    return chapter.figure(
        figure(
            with_legend(curves.encode(detail=alt.Detail("model:N")), columns=2),
            labels,
            title="Windows, latent vectors and states bend the line that every user pays for",
            description=(
                f"Lines of the memory of one sequence against its length for {len(ends)} models, "
                f"each up to its own longest context, from {least['model']} with "
                f"{chapter.shown(least['y'] * 1e9, 'B')} to {most['model']} with "
                f"{chapter.shown(most['y'] * 1e9, 'B')}."
            ),
            height=420,
        ),
        ends[["model", "kind", "x", "y"]].set_axis(
            ["Model", "What a layer keeps", "Longest context (tokens)", "Memory (GB)"], axis=1
        ),
    )


def _lengths(model: Model) -> list[float]:
    """The contexts at which a model is drawn, its own longest the last of them."""
    longest = min(float(model.context_length), float(CONTEXTS[-1]))
    return [*CONTEXTS[longest > CONTEXTS].tolist(), longest]


def layers_words(key: str) -> str:
    """How many layers of each kind a model has, in words."""
    model = catalog.model(key)
    kinds = {**mixers(model), **feed_forwards(model)}
    return ", ".join(f"{shown(n, 'count')} × {KINDS[kind][0]}" for kind, n in kinds.items())


def layers_picture(key: str) -> str:
    """A model's layers as a bar of their kinds, and its cache per token against the context.

    The line is what a sequence keeps for each of its tokens, on logarithmic scales: level where
    every token is kept, falling where a window or a state holds it down.
    """
    model = catalog.model(key)
    if not model.has("context_length", *cache_of.NEEDS):
        return ""
    kinds = mixers(model)
    lengths = _lengths(model)
    each = [float(cache_of.model_kv_cache(model, n, 2.0)) / n for n in lengths]
    place, bars = 0.0, ""
    for kind, count in kinds.items():
        size = _BAR * count / sum(kinds.values())
        fill = f'style="fill: {colour(KINDS[kind][1])}"'
        bars += f'<rect x="{place:.1f}" y="4" width="{size:.1f}" height="18" {fill}/>'
        place += size
    points = " ".join(f"{_across(n):.1f},{_up(k):.1f}" for n, k in zip(lengths, each, strict=True))
    first, last = (str(shown(k, "B/token")) for k in (each[0], each[-1]))
    said = (
        f"{model.name}: {layers_words(key)}. Memory for each token, at 16 bits an element: {first} "
        f"at {shown(lengths[0], 'token')}, {last} at {shown(lengths[-1], 'token')}."
    )
    label = html.escape(said, quote=True)
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} 60" width="{_WIDTH}" '
        f'style="max-width: 100%">{bars}<polyline points="{points}" fill="none" '
        f'style="stroke: {colour("text")}; stroke-width: 2"/></svg>'
        f"<p>{html.escape(said)}</p>"
    )


_WIDTH, _BAR, _FROM = 480, 220, 250


def _across(length: float) -> float:
    """Where a context stands: from the first to the last that is drawn."""
    low, high = math.log2(CONTEXTS[0]), math.log2(CONTEXTS[-1])
    return _FROM + (_WIDTH - _FROM - 4) * (math.log2(length) - low) / (high - low)


def _up(each: float) -> float:
    """Where bytes for each token stand: a thousand at the bottom, ten million at the top."""
    return 56 - 52 * min(max((math.log10(each) - 3) / 4, 0), 1)
