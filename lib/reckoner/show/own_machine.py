"""A figure that its reader measures: how fast one core reads memory, and how fast many together.

The page's script runs a few hundred bytes of WebAssembly (`own_machine.wat`) in workers. What named
machines gave is stored as rows, drawn behind the reader's and told in words where no script runs.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from reckoner.declare.units import rule, shown, si
from reckoner.show import figures
from reckoner.show.charts import DASHED, DOTTED, MIXED, SOLID, Axis, heights, rules
from reckoner.show.marks import plain

COLUMNS = ("machine", "workers", "bytes", "gb_per_s", "low", "high", "repeats")
"""Of a measurement: whose it is, how many workers shared how many bytes, the median of all that
they read in a second, its quartiles, and how often it was repeated."""

STEP, SURE, QUIET = 1.5, 1.05, 0.25
"""From which ratio two rates are a step; how far above proportion counts as more; from which
spread between the quartiles a machine was not quiet."""

WORDS = {
    "step": "One worker reads {fast} while what it reads fits into a cache, and {slow} from "
    "memory: a step of {step} times.",
    "flat": "No step was seen: one worker reads {fast} at best, and {slow} from the largest array.",
    "more": "With {size} in all, {workers} workers are {gain} times as fast as one. That is more "
    "than in proportion, as where each one's share fits into a cache and the whole does not.",
    "unsure": "With {size} in all, {workers} workers seem {gain} times as fast as one, more than "
    "in proportion; but the repeats lie too far apart to tell.",
    "less": "No number of workers was faster than in proportion: with {size} in all, {workers} "
    "workers were {gain} times as fast as one.",
    "alone": "Only one core is known, so there was nothing to share.",
    "noisy": "The machine was not quiet: the middle half of a measurement's repeats spreads over "
    "{spread} of it.",
}
"""What was seen; the page's script says it in the same words."""

PLAN = {
    "alone": [2**power for power in range(14, 29)],
    "shared": [2**power for power in range(18, 28)],
    "most": 8,
    "repeats": 5,
    "span": 30,
}
"""Bytes that one worker reads, bytes that several share, at most how many workers, how often each
is repeated, and for how many milliseconds."""

YOURS = "your machine"
_BYTES = "datum.value < 1048576 ? datum.value / 1024 + ' KiB' : datum.value / 1048576 + ' MiB'"
_RATES = (
    "datum.value < 1000 ? format(datum.value, ',~g') + ' GB/s' "
    ": format(datum.value / 1000, ',~g') + ' TB/s'"
)


_STROKES = alt.Legend(symbolType="stroke", symbolSize=300)


def size(count: float) -> str:
    """Bytes as caches are sold."""
    return f"{count / 2**10:g} KiB" if count < 2**20 else f"{count / 2**20:g} MiB"


def speed_ups(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of several workers beside one that read as much: `gain`, and `sure`, by the quartiles.

    Args:
        rows: of one machine; a size that no single worker read is left out.
    """
    alone = rows[rows["workers"] == 1]
    both = rows[rows["workers"] > 1].merge(alone, on="bytes", suffixes=("", "_alone"))
    return both.assign(
        gain=both["gb_per_s"] / both["gb_per_s_alone"],
        sure=both["low"] / both["high_alone"] / both["workers"],
    )


def seen(rows: pd.DataFrame) -> str:
    """What the rows of one machine show, in sentences."""
    alone = rows[rows["workers"] == 1].sort_values("bytes")
    fast, slow = alone["gb_per_s"].max(), alone["gb_per_s"].iloc[-1]
    together = speed_ups(rows)
    spread = ((rows["high"] - rows["low"]) / rows["gb_per_s"]).median()
    values = {"fast": _rate(fast), "slow": _rate(slow), "step": shown(fast / slow, "ratio")}
    said = ["step" if fast / slow >= STEP else "flat", "alone"]
    if len(together):
        best = together.sort_values("sure").iloc[-1]
        maybe = "unsure" if best["gain"] / best["workers"] > SURE else "less"
        said[1] = "more" if best["sure"] > SURE and spread <= QUIET else maybe
        values |= {"size": size(best["bytes"]), "workers": shown(best["workers"], "count")}
        values |= {"gain": shown(best["gain"], "ratio")}
    if spread > QUIET:
        said.append("noisy")
        values |= {"spread": shown(spread, "share")}
    return " ".join(WORDS[word].format_map(values) for word in said)


def _rate(value: float) -> str:
    return str(shown(si(value, "GB/s"), "B/s"))


@dataclass(frozen=True)
class OwnMachine:
    """The figure.

    Attributes:
        name: its name on the page and in links.
        stored: rows of named machines, with `COLUMNS`.
        beside: what is drawn as level lines beside them: its name, and bytes per second.
    """

    name: str
    stored: pd.DataFrame
    beside: Mapping[str, float]

    def html(self) -> str:
        """Two static pictures with what the stored machines show; the script adds the reader's."""
        charts = {"alone": self._alone(), "shared": self._shared()}
        specs = {name: self._spec(chart) for name, chart in charts.items()}
        payload = {
            "yours": {"name": YOURS, "colour": figures.colour("1"), "dash": list(SOLID)},
            "plan": PLAN,
            "columns": COLUMNS,
            "stored": self._rows(),
            "specs": {
                name: {**spec, "datasets": {**spec["datasets"], "rows": []}}
                for name, spec in specs.items()
            },
            "words": WORDS,
            "limits": {"step": STEP, "sure": SURE, "quiet": QUIET},
            "rules": {unit: vars(rule(unit)) for unit in ("B/s", "ratio", "count", "share")},
            "config": figures.config(),
            "letter": figures.LETTER,
        }
        text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False, default=vars)
        text = plain(text).replace("</", r"<\/")
        tables = {"alone": self._table(single=True), "shared": self._table(single=False)}
        pictures = "".join(figures.spec_html(specs[name], tables[name]) for name in specs)
        said = "".join(
            f"<p><strong>{html.escape(machine)}:</strong> {html.escape(seen(rows))}</p>"
            for machine, rows in self._machines()
        )
        return (
            f'<div class="own-machine" id="own-{self.name}">'
            '<div class="own-controls" hidden></div>'
            '<p class="own-said" role="status" hidden></p>'
            "<noscript><p>To measure here, the page needs JavaScript.</p></noscript>"
            f'<div class="own-stored">{said}</div>{pictures}'
            f'<script type="application/json">{text}</script></div>'
        )

    def _machines(self) -> Iterator[tuple[str, pd.DataFrame]]:
        for machine in dict.fromkeys(self.stored["machine"]):
            yield str(machine), self.stored[self.stored["machine"] == machine]

    def _rows(self) -> list[dict[str, Any]]:
        rows = self.stored[list(COLUMNS)].to_dict("records")
        return [{str(name): value for name, value in row.items()} for row in rows]

    def _spec(self, chart: Any) -> dict[str, Any]:
        spec: dict[str, Any] = chart.to_dict()
        return {**spec, "datasets": {**spec.get("datasets", {}), "rows": self._rows()}}

    def _told_apart(self, **colour: Any) -> dict[str, Any]:
        """Machines by dash, and by colour unless something else is."""
        machines = [machine for machine, _ in self._machines()]
        dashes = [list((DASHED, DOTTED, MIXED)[n % 3]) for n in range(len(machines))]
        colours = [figures.colour(str(2 + n % 5)) for n in range(len(machines))]
        scale = alt.Scale(domain=machines, range=colours)
        return {
            "color": alt.Color("machine:N", title=None, scale=scale, legend=_STROKES),
            "strokeDash": alt.StrokeDash(
                "machine:N",
                title=None,
                scale=alt.Scale(domain=machines, range=dashes),
                legend=_STROKES,
            ),
        } | colour

    def _alone(self) -> Any:
        x, y = _sizes("Read again and again (bytes)"), Axis(
            "Read in a second (bytes/s)", log=True,
            scale={"nice": False, "domain": [1, 2 * max(self.beside.values()) / 1e9]},
            ticks={"labelExpr": _RATES},
        )  # fmt: skip
        rows = alt.Chart(alt.NamedData("rows")).transform_filter("datum.workers === 1")
        told = self._told_apart()
        values = [rate / 1e9 for rate in self.beside.values()]
        spread = rows.mark_rule(strokeWidth=1).encode(
            x.channel(alt.X, "bytes"), y.channel(alt.Y, "low"), alt.Y2("high"), told["color"]
        )
        line = rows.mark_line(point=True).encode(
            x.channel(alt.X, "bytes"), y.channel(alt.Y, "gb_per_s"), **told
        )
        return alt.layer(
            rules(values, y, across=True, color=figures.colour("axis"), strokeDash=[4, 3]),
            heights(values, list(self.beside), y, dy=-7),
            spread,
            line,
        ).properties(
            title="One worker: the steps from cache to memory",
            description=(
                "Bytes that one worker reads in a second against how many it reads again and "
                "again, for each machine, on logarithmic axes: a step down where they no longer "
                f"fit into a cache. Level lines far above: {', '.join(self.beside)}."
            ),
            height=320,
        )

    def _shared(self) -> Any:
        x = _sizes("Shared by the workers (bytes)")
        y = Axis("Speed-up for each worker (ratio)", scale={"zero": True})
        counts = sorted({int(n) for n in self.stored["workers"] if n > 1})
        known = [2**n for n in range(1, 4)]
        names = [f"{n} workers" for n in sorted({*counts, *known})]
        present = [f"{n} workers" for n in counts]
        colours = [figures.colour(str(1 + n % 6)) for n in range(len(names))]
        colour = alt.Color(
            "kind:N",
            title=None,
            scale=alt.Scale(domain=names, range=colours),
            legend=alt.Legend(symbolType="stroke", symbolSize=300, values=present),
        )
        rows = (
            alt.Chart(alt.NamedData("rows"))
            .transform_calculate(single="datum.workers === 1 ? datum.gb_per_s : null")
            .transform_joinaggregate(one="max(single)", groupby=["machine", "bytes"])
            .transform_filter("datum.workers > 1 && datum.one > 0")
            .transform_calculate(
                each="datum.gb_per_s / datum.one / datum.workers",
                kind="datum.workers + ' workers'",
            )
        )
        even = alt.Chart(pd.DataFrame({"at": [1.0], "label": ["in proportion"]}))
        level = y.channel(alt.Y, "at")
        return alt.layer(
            even.mark_rule(color=figures.colour("axis"), strokeDash=[4, 3]).encode(level),
            even.mark_text(align="left", dx=4, dy=10, x=0, color=figures.colour("text")).encode(
                level, text="label:N"
            ),
            rows.mark_line(point=True).encode(
                x.channel(alt.X, "bytes"), y.channel(alt.Y, "each"),
                **self._told_apart(color=colour),
            ),
        ).properties(
            title="Several workers: faster than in proportion, or not",
            description=(
                "How many times as fast several workers are as one, divided by their number, "
                "against the bytes that they share, for each machine. Above the level line at one "
                "they are faster than in proportion."
            ),
            height=300,
        )  # fmt: skip

    def _table(self, *, single: bool) -> pd.DataFrame:
        rows = self.stored[(self.stored["workers"] == 1) == single]
        return pd.DataFrame(
            {
                "Machine": rows["machine"],
                "Workers": rows["workers"],
                "In all": rows["bytes"].map(size),
                "Read (GB/s)": rows["gb_per_s"],
                "Lower quartile (GB/s)": rows["low"],
                "Upper quartile (GB/s)": rows["high"],
                "Repeats": rows["repeats"],
            }
        )


def _sizes(title: str) -> Axis:
    values = [2**power for power in range(14, 30, 2)]
    return Axis(title, True, {"base": 2, "nice": False}, {"labelExpr": _BYTES, "values": values})


MODULE = re.compile(r'(?<=const MODULE = ")[^"]*')
"""Where the script has the bytes of `own_machine.wat`, in base64."""


def compiled(source: str) -> str:
    """A module's text as bytes, in base64; it needs wasmtime, which only a test and a change do."""
    made: bytes = bytes(import_module("wasmtime").wat2wasm(source))
    return base64.b64encode(made).decode("ascii")


if __name__ == "__main__":
    script = Path(__file__).with_suffix(".js")
    made = compiled(script.with_suffix(".wat").read_text(encoding="utf-8"))
    script.write_text(MODULE.sub(made, script.read_text(encoding="utf-8")), encoding="utf-8")
