"""The pictures and the turns of phrase of the chapter `occupancy`."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics.formulas.batching import requests_held
from inference_economics.formulas.capacity import parameter_count
from inference_economics.formulas.kv_cache import model_kv_cache
from inference_economics.machines.pipeline import (
    LIMITS,
    Pipeline,
    largest_batch,
    limits,
    spatial_pipeline,
    token_times,
)
from inference_economics.machines.published import Published, published, unexplained_by
from inference_economics.worksheets.occupancy import conclude
from reckoner.declare.units import shown, some
from reckoner.show import charts
from reckoner.show.charts import DASHED, SOLID, Axis, Names, Style
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

MOST = 10_000
"""The largest batch that is drawn."""
ONE = "one card a stage"
GROQ = "groq_llama2_70b.output_speed"
"""The speed that says how much time a cluster loses in each layer."""
COLOURS = dict(zip(LIMITS, ("1", "3", "5", "2", "4", "6"), strict=True))
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def pipeline(chapter: Chapter, **inputs: Any) -> Pipeline:
    """The smallest cluster for a batch, with some of this run's inputs changed, in base units."""
    found: Pipeline = conclude.evaluate(**{**vars(chapter.inputs), **inputs})["pipeline"]
    return found


def titled(name: str) -> str:
    """A name as a heading writes it."""
    return f"{name[0].upper()}{name[1:]}"


# What binds


def answer(chapter: Chapter) -> str:
    """Whether every request can have the speed asked, by the limits and with the time lost."""
    words, asked = chapter.words, chapter.inputs.asked_speed
    allowed, lost = chapter.results.speed >= asked, with_loss(chapter).speed
    requests = chapter.some(chapter.inputs.batch_size, "request")
    first = (
        f"{'On paper yes' if allowed else 'No'}: the {bound(chapter)} allow each of {requests} "
        f"{words.speed}, {compared(chapter)} than the {words.asked_speed} asked."
    )
    start = "Even with" if lost >= asked else "In practice, not yet: with" if allowed else "With"
    return (
        f"{first} {start} as much time lost in each layer as Groq's own speed leaves unexplained, "
        f"each would get **{shown(lost, 'token/s')}**."
    )


def with_loss(chapter: Chapter) -> Pipeline:
    """This run's cluster if each layer lost as much as Groq's own speed leaves unexplained."""
    return pipeline(chapter, layer_floor=unexplained_by(GROQ))


def bound(chapter: Chapter) -> str:
    """What it is that allows a speed."""
    floor = chapter.inputs.layer_floor
    return "chips' limits" if floor == 0 else "limits, with the time lost in this run,"


def floor(chapter: Chapter) -> str:
    """What the last term of a layer's time is in this run."""
    term = "The last term of a layer's time is"
    if chapter.inputs.layer_floor == 0:
        return f"{term} zero here: the limits know of nothing else that takes time"
    return f"{term} {chapter.words.layer_floor} in this run"


def compared(chapter: Chapter) -> str:
    """Whether the limits allow the speed asked."""
    return "more" if chapter.results.speed >= chapter.inputs.asked_speed else "less"


def in_int8(chapter: Chapter) -> str:
    """The share of the peak in int8 that the asked speed takes, where that peak is known."""
    if not chapter.inputs.chip.has("int8_compute"):
        return ""
    return f", and in int8 {chapter.words.asked_in_int8}"


def plenty(chapter: Chapter) -> str:
    """Whether there is enough compute for the asked speed."""
    share = chapter.results.asked_utilization
    if share < 0.5:
        return (
            "Compute is plentiful, because the cards were bought for their memory: every request "
            "brings its own."
        )
    part = "a large part of what" if share <= 1 else "more than"
    return f"That is {part} the cards can do."


# One token's way


def widths(chapter: Chapter) -> np.ndarray[Any, Any]:
    """The numbers of cards of a stage that are drawn."""
    return np.unique([1, 2, 4, 8, 16, 32, 64, int(chapter.inputs.tensor_parallel)])


def time_of_token(chapter: Chapter) -> HTML:
    """Where the time of a token goes, for stages of one card and of more."""
    asked_time, at = chapter.results.asked_time, widths(chapter)
    wide = pipeline(chapter, tensor_parallel=at)
    parts = pd.DataFrame(token_times(wide)) * 1e6
    parts = parts.loc[:, (parts > 0).any()]
    present = [str(name) for name in parts]
    parts.insert(0, "x", at)
    bars = parts.melt("x", var_name="kind", value_name="y")
    bars["order"] = bars["kind"].map(LIMITS.index)
    longest, best = float(np.max(wide.time_per_token)), int(np.argmin(wide.time_per_token))
    highest = 1.08 * max(longest, min(asked_time, 2 * longest))
    y = Axis("Time of a token (µs)", scale={"domain": [0, 1e6 * highest]})
    stacked: Any = alt.Chart(bars).mark_bar()
    layers = [
        stacked.encode(
            alt.X("x:O", title="Cards of a stage (count)", axis=alt.Axis(labelAngle=0)),
            y.channel(alt.Y, "y"),
            alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=list(COLOURS), range=[colour(c) for c in COLOURS.values()]),
                legend=alt.Legend(values=present, columns=2),
            ),
            order="order:Q",
        )
    ]
    if asked_time <= highest:
        text = alt.value(f"time at {chapter.words.asked_speed}")
        label: Any = alt.Chart(pd.DataFrame({"y": [1e6 * asked_time]}))
        label = label.mark_text(align="right", dy=-7, color=colour("text"))
        style = {"color": colour("text"), "strokeDash": [6, 4]}
        layers += [
            charts.rules(1e6 * asked_time, y, across=True, **style),
            label.encode(y.channel(alt.Y, "y"), x=alt.value("width"), text=text),
        ]
    first, last, least = (shown(wide.time_per_token[n], "s") for n in (0, -1, best))
    return chapter.drawn(
        *layers,
        title=(
            f"A stage of {shown(at[best], 'count')} is fastest: enough cards to share the "
            "reading, few enough to talk"
        ),
        description=(
            f"Stacked bars of the time of a token by the number of cards in a stage, from "
            f"{first} for one card to {last} for {shown(at[-1], 'count')}; the shortest is "
            f"{least} at {shown(at[best], 'count')}."
        ),
        height=340,
        data=parts.rename(
            columns={"x": "Cards of a stage", **{name: f"{titled(name)} (µs)" for name in present}}
        ),
    )


def crossing(chapter: Chapter) -> str:
    """Whether the sums of a wide stage cross several links."""
    node = chapter.inputs.node_cards
    if node >= widths(chapter)[-1]:
        return "Here even the widest stage sums over single links."
    few = chapter.some(node, "card")
    return f"Beyond {few} a sum crosses several links, and the bar grows at a stroke."


def largest_part(chapter: Chapter) -> str:
    """What takes most of a token's time at the fastest width, and its share."""
    wide = pipeline(chapter, tensor_parallel=widths(chapter))
    best = int(np.argmin(wide.time_per_token))
    times = {name: float(time[best]) for name, time in _broadcast(token_times(wide)).items()}
    name = max(times, key=lambda limit: times[limit])
    return f"**{chapter.shown(times[name] / sum(times.values()), 'share')}** is\n{name}"


def _broadcast(times: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(times, np.broadcast_arrays(*times.values()), strict=True))


def widths_allowed(chapter: Chapter) -> str:
    """Which of the widths drawn allow the speed asked."""
    asked, at = chapter.words.asked_speed, widths(chapter)
    enough = pipeline(chapter, tensor_parallel=at).speed >= chapter.inputs.asked_speed
    if enough.all():
        return f"Every width drawn allows {asked}."
    if not enough.any():
        return f"No width drawn allows {asked}."
    listed = ", ".join(str(chapter.shown(width, "count")) for width in at[enough])
    return f"{asked} is allowed with {listed} cards in a stage."


# Which limit binds at which batch


def here(chapter: Chapter) -> str:
    """The width of this run's stages."""
    width = chapter.inputs.tensor_parallel
    return f"{some(width, 'card')} a stage" if width > 1 else ONE


def cases(chapter: Chapter) -> dict[str, dict[str, Any]]:
    """The clusters that are drawn against the batch: by name, what is changed in this run."""
    short = max(1, int(chapter.inputs.context_length / 16))
    brief = f"the same, requests of {shown(short, 'token')}"
    return {ONE: {"tensor_parallel": 1}, here(chapter): {}, brief: {"context_length": short}}


def speed_against_batch(chapter: Chapter) -> HTML:
    """The speed of each request that the limits allow, and the limit that takes most of it."""
    batches = np.unique(np.round(np.geomspace(1, MOST, 130)))
    found = {n: pipeline(chapter, batch_size=batches, **c) for n, c in cases(chapter).items()}
    x = Axis("Batch size (requests)", log=True, scale={"nice": False})
    y = Axis("Speed allowed (token/s)", log=True)
    points = pd.concat(
        pd.DataFrame({"x": batches, "y": f.speed, "kind": limits(f)}) for f in found.values()
    )
    present = [name for name in LIMITS if name in set(points["kind"])]
    kinds = {
        name: Style(COLOURS[name], shape=shape)
        for name, shape in zip(present, SHAPES, strict=False)
    }
    marked = points[points["x"].isin(batches[::6])]
    dots = {str(name): (rows["x"], rows["y"]) for name, rows in marked.groupby("kind")}
    dashes = zip(found, ((2, 2), SOLID, DASHED), strict=False)
    asked = chapter.inputs.asked_speed
    rows = pd.DataFrame({x.title: [4.0**n for n in range(7)]})
    for name, change in cases(chapter).items():
        at = pipeline(chapter, batch_size=rows[x.title].to_numpy(), **change)
        rows[f"{titled(name)} (token/s)"] = at.speed
        rows[f"Limit: {name}"] = limits(at)
    ends = "; ".join(
        f"{name}: {shown(f.speed[0], 'token/s')} alone, {shown(f.speed[-1], 'token/s')} at "
        f"{shown(MOST, 'count')}"
        for name, f in found.items()
    )
    lines = charts.lines(
        {name: (batches, f.speed) for name, f in found.items()},
        x, y, {name: Style(dash=dash) for name, dash in dashes},
    )  # fmt: skip
    both = {"latency of links", "arithmetic"} <= set(present)
    return chapter.drawn(
        charts.rules(asked, y, across=True, color=colour("text"), strokeWidth=1),
        charts.texts(1.0, asked, "as asked", x, y, dx=4, dy=12),
        charts.with_legend(lines, columns=1, orient="bottom").encode(
            color=alt.value(colour("muted"))
        ),
        charts.dots(dots, x, y, kinds, size=55),
        title=(
            "Latency sets the speed, until large batches of short requests fill the arithmetic"
            if both
            else "The speed that the limits allow, and what takes most of the time"
        ),
        description=(
            "Speed that the limits allow each request against batch size, coloured by the "
            f"limit that takes most of a token's time, for {ends}."
        ),
        height=400,
        data=rows,
    )


def reach(chapter: Chapter) -> str:
    """Up to which batch the speed asked is allowed, with one card a stage and with this width."""
    given, fixed = chapter.inputs, {"asked_speed", "batch_size"}
    inputs = {name: value for name, value in vars(given).items() if name not in fixed}
    holds = {
        name: largest_batch(given.asked_speed, MOST, **{**inputs, **change})
        for name, change in cases(chapter).items()
    }
    wide, chips = here(chapter), chapter.row("groq_scale_out.max_chips")
    said = f"{_up_to(holds[ONE])} with {ONE}"
    if wide != ONE:
        said += f", and {_up_to(holds[wide])} with {wide}"
    said += "."
    if 0 < holds[wide] < MOST and given.chip.key == "groq_lpu":
        cards = some(pipeline(chapter, batch_size=holds[wide]).cards, "card")
        said += f" That batch needs {cards}; the largest network that Groq describes has {chips}."
    if any(0 < batch < MOST for batch in holds.values()):
        said += (
            " Why not for ever? Each request's cache adds cards, hence stages, hence links on the "
            "token's way."
        )
    return said


def _up_to(batch: int) -> str:
    if batch == 0:
        return "at no batch"
    if batch == MOST:
        return f"at every batch drawn, up to {shown(batch, 'count')}"
    return f"up to a batch of **{shown(batch, 'count')}**"


def limit_of_short_requests(chapter: Chapter) -> str:
    """What takes most of a token's time in the largest batch of short requests."""
    *_, brief = cases(chapter).values()
    return str(limits(pipeline(chapter, batch_size=float(MOST), **brief)))


# Published speeds


def published_speeds(chapter: Chapter) -> HTML:
    """Published speeds beside what the chips' limits allow one request alone."""
    found = published()
    labels = [row.label for row in found]
    speeds, bounds = [row.speed for row in found], [row.bound for row in found]
    shares = [row.speed / row.bound for row in found]
    x = Axis(
        "Speed of one request (token/s)", log=True,
        scale={"nice": False, "domain": [40, 3e7]}, ticks={"format": "~s"},
    )  # fmt: skip
    y = Names("Published for", labels, ticks={"titlePadding": 22})
    kinds = {"published": Style("1"), "the chips' limits": Style("2", shape="square")}
    pairs = "; ".join(
        f"{row.label} {shown(row.speed, 'token/s')} of {shown(row.bound, 'token/s')}"
        for row in found
    )
    curves = dict(zip(kinds, ((speeds, labels), (bounds, labels)), strict=True))
    said = [str(shown(share, "share", 2)) for share in shares]
    return chapter.drawn(
        charts.spans(speeds, bounds, labels, x, y),
        charts.dots(curves, x, y, kinds, size=80),
        charts.texts(bounds, labels, said, x, y, dx=8),
        title="No speed published without guesses comes near what the limits allow",
        description=f"Pairs of points, the published speed and the bound: {pairs}.",
        height=330,
        data=pd.DataFrame(
            {
                "Published": labels,
                "Speed (token/s)": speeds,
                "Bound (token/s)": bounds,
                "Share": shares,
                "Unexplained (µs a layer)": [1e6 * row.unexplained for row in found],
                "Cards": [row.cards for row in found],
                "Cards of a stage": [row.tensor_parallel for row in found],
            }
        ),
    )


def by_source(**changes: Any) -> dict[str, Published]:
    """The published speeds by their address in the catalog; see `published`."""
    return {row.source: row for row in published(**changes)}


def when_full(run: Published, length: float) -> tuple[float, float]:
    """How many requests of a length the chips of a published Groq run hold, and their bound."""
    given = conclude.parameters.base({})
    cache = model_kv_cache(given["model"], length, given["bytes_per_element"])
    batch = requests_held(run.cards, given["chip"].memory, parameter_count(given["model"]), cache)
    given |= {"batch_size": batch, "context_length": length, "cards": run.cards}
    given |= {"tensor_parallel": run.tensor_parallel}
    del given["asked_speed"]
    return batch, spatial_pipeline(**given).speed


def lost_on_gpus(chapter: Chapter) -> str:
    """What our own GPUs lose in each layer, beside the cluster."""
    words = chapter.words
    return (
        "GPUs lose as much: with one request, an eighth of the 70B leaves "
        f"{words.lost_on_h100} on an H100 and {words.lost_on_h200} on an H200, timed by us "
        "without any engine. There kernels run one after the other; what of it takes the time "
        "was not measured."
    )


def most_to_lose(chapter: Chapter) -> str:
    """How much time each layer may lose for the speed asked."""
    asked = chapter.words.asked_speed
    if chapter.results.may_lose > 0:
        return f"To give {asked} it may lose at most {chapter.words.may_lose}."
    return f"For {asked} there is nothing to lose: the limits alone take longer."
