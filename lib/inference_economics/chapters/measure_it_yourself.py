"""What machines reached: the pictures and turns of phrase of `measure_it_yourself`."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics.serving import accuracy, in_page, on_chip, timed
from inference_economics.serving.timed import Timed
from reckoner.declare.units import shown, si
from reckoner.show.charts import DASHED, SOLID, Axis, heights, rules
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter
from reckoner.show.own_machine import OwnMachine, size

BATCH = Axis("Requests in the batch (count)", True, {"nice": False})
OUTPUT = Axis("Output of one card (token/s)", log=True)
CONTEXT = Axis("Tokens in the context (tokens)")
CORES = Axis("Multiprocessors that share the model (count)", True, {"nice": False})
EACH = Axis("Each passes over (GB/s)")
STEP = Axis("Step over the shortest's (ratio)", scale={"zero": False})
KERNELS, SERVING = "own kernels", "serving model"


def own_machine(chapter: Chapter) -> HTML:
    """The figure that its reader measures, with the article's two bandwidths as level lines."""
    chip, gpu = chapter.inputs.chip, chapter.inputs.gpu
    beside = {
        f"memory of {gpu.name}: {chapter.shown(gpu.memory_bandwidth, 'B/s')}": gpu.memory_bandwidth,
        f"SRAM of {chip.name}: {chapter.shown(chip.memory_bandwidth, 'B/s')}": (
            chip.memory_bandwidth
        ),
    }
    return HTML(OwnMachine("measure-it-yourself", in_page.in_pages(), beside).html())


def on_this_page(chapter: Chapter) -> str:
    """What the first machine of the page shows, in one sentence."""
    words, results = chapter.words, chapter.results
    name = in_page.first_page()[0]
    more = "more" if results.worker_gain > results.workers else "no more"
    return (
        f"On an {name}, one core reads its cache **{words.page_step} times** as fast as its "
        f"memory, and {words.workers} cores read {size(results.shared_size)} {words.worker_gain} "
        f"times as fast as one, {more} than in proportion."
    )


def in_one_card(chapter: Chapter) -> str:
    """What keeping a small model does within one card, in one sentence."""
    words = chapter.words
    return (
        f"Within one {timed.machine_of(on_chip.first()[0]).card}, {words.keepers} multiprocessors "
        f"that keep a small model in their registers pass over it {words.keeping_gain} times as "
        f"fast as {words.streamers} that read it from memory each time."
    )


def on_a_card(chapter: Chapter) -> HTML:
    """What each multiprocessor of a card passes over, the more of them share a model."""
    table = pd.concat(
        [
            rows.assign(
                Card=timed.machine_of(key).card, each=_gigabytes(rows["rate"] / rows["cores"])
            )
            for key, rows in on_chip.cards().items()
        ],
        ignore_index=True,
    )
    alone = float(table["each"].iloc[0])
    limit, keepers = _gigabytes(chapter.results.streamed_limit), chapter.results.keepers
    cores = np.geomspace(limit / table["each"].max(), keepers, 50)
    memory = pd.DataFrame({"cores": cores, "each": limit / cores})
    named = pd.DataFrame({"cores": [keepers, 1], "each": [limit / keepers, alone],
                          "label": ["what the memory gives each", "in proportion"],
                          })  # fmt: skip
    x, y = CORES.channel(alt.X, "cores"), EACH.channel(alt.Y, "each")
    names, said = [*table["Card"].unique()], ("streamed from memory", "kept in registers")
    table["Model"] = [said[bool(kept)] for kept in table["kept"]]
    shapes = alt.Scale(domain=said, range=["circle", "diamond"])
    grey: dict[str, Any] = {"color": colour("axis")}
    text: dict[str, Any] = {"color": colour("text"), "dy": -8}
    return chapter.drawn(
        rules([alone], EACH, across=True, strokeDash=[2, 3], **grey),
        alt.Chart(memory).mark_line(strokeDash=list(DASHED), **grey).encode(x, y),
        alt.Chart(named[:1]).mark_text(align="right", dx=-70, **text).encode(x, y, text="label"),
        alt.Chart(named[1:]).mark_text(align="left", dx=8, **text).encode(x, y, text="label"),
        alt.Chart(table).mark_point(filled=True, size=80, opacity=1).encode(
            x, y, _told_apart("Card:N", names),
            alt.Shape("Model:N", legend=None, scale=shapes),
        ),
        title="Each reads less as more share the model, until they keep it",
        description=(
            "Gigabytes of a small model that each multiprocessor of a GPU passes over in a second, "
            f"against how many share it, for {' and '.join(names)}. The points lie on a level "
            "line, fall a little where the card's memory gives no more, and rise to almost twice "
            "the line at the last, where each multiprocessor keeps its share in registers. The "
            "horizontal axis is logarithmic."
        ),
        height=280,
        data=table[["Card", "cores", "each", "Model"]].set_axis(
            ["Card", "Multiprocessors (count)", "Each passes over (GB/s)", "Model"], axis=1
        ),
    )  # fmt: skip


def _gigabytes(rate: Any) -> Any:
    return rate / si(1.0, "GB/s")


def part(chapter: Chapter) -> str:
    """What part of the model the step of the chosen machine is."""
    shards, layers = chapter.results.shards, chapter.results.timed_layers
    whole = timed.model().layers
    said = "all layers" if layers == whole else chapter.some(layers, "layer")
    if shards == 1:
        return f"{said} of the model"
    return f"the share of one of {chapter.words.shards} cards ({said})"


def holds(chapter: Chapter) -> str:
    """Whether one machine holds the model, and what beside it."""
    words, results = chapter.words, chapter.results
    name = chapter.inputs.machine.name
    if results.cards_holding > 1:
        return (
            f"The model's {words.model_bytes} would take the memory of {words.cards_holding} "
            f"machines such as the {name}."
        )
    beside = ""
    if results.held == results.held:
        beside = f", and {words.held} full sequences fit into what it has free beside them"
    return f"The model's {words.model_bytes} lie whole on one {name}{beside}."


def all_series() -> pd.DataFrame:
    """The series of every machine, with its name, and what the model of serving says of GPUs."""
    own = accuracy.on_own_gpus().set_index(["system", "layers", "shards", "context", "batch"])
    tables = []
    for machine in timed.machines():
        rows = timed.series(timed.steps(machine))
        table = rows.assign(Machine=machine.name)
        if machine.key in accuracy.OWN_GPUS:
            found = own.loc[
                [(machine.key, *row) for row in rows[[*timed.GROUP, "batch"]].to_numpy()]
            ]
            table["serving"] = table["output"].to_numpy() / (1 + found["error"].to_numpy())
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def disturbed() -> str:
    """Which machines are not drawn, as something else ran on them all the while."""
    names = [machine.name for machine in timed.machines(steady=False)]
    if not names:
        return ""
    return (
        f"Not drawn are the rows of {' and '.join(names)}: other programs disturbed every step "
        "there, and each is marked unsteady."
    )


def _machines() -> list[str]:
    return [machine.name for machine in timed.machines()]


def _colour() -> alt.Color:
    return _told_apart("Machine:N", _machines())


def _told_apart(field: str, names: list[str]) -> alt.Color:
    colours = [colour("24356"[n % 5]) for n in range(len(names))]  # the first is the SRAM chip's
    scale, legend = alt.Scale(domain=names, range=colours), alt.Legend(columns=3)
    return alt.Color(field, title=None, scale=scale, legend=legend)


def _dots(table: pd.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    """What was measured, a dot for each step in the colour of its machine."""
    points: alt.Chart = alt.Chart(table).mark_point(filled=True, size=70, opacity=1)
    return points.encode(x, y, _colour())


def output_by_batch(chapter: Chapter) -> HTML:
    """Tokens per second of one card against the batch, measured and by two models."""
    table = all_series()
    lines = pd.concat(
        [
            table.assign(kind=kind, y=table[column])
            for kind, column in ((KERNELS, "output_roofline"), (SERVING, "serving"))
            if column in table
        ]
    ).dropna(subset=["y"])
    article = chapter.lines.article_throughput
    dash = alt.StrokeDash(
        "kind:N",
        scale=alt.Scale(domain=[KERNELS, SERVING], range=[list(SOLID), list(DASHED)]),
        legend=None,
    )
    x = BATCH.channel(alt.X, "batch")
    return chapter.drawn(
        rules([article], OUTPUT, across=True, color=colour("axis"), strokeDash=[2, 3]),
        heights([article], ["the article's H100"], OUTPUT, dy=-7),
        alt.Chart(lines).mark_line().encode(x, OUTPUT.channel(alt.Y, "y"), _colour(), dash),
        _dots(table, x, OUTPUT.channel(alt.Y, "output")),
        title="Output of one card: measured, and by two models that saw none of it",
        description=(
            "Dots: tokens per second of one card that shares the model, against the batch, for "
            f"{'; '.join(_machines())}. Solid lines: what each machine's own kernels allow, above "
            "the dots. Dashed lines: the model of serving, near the dots. A level line is the "
            "article's figure for an H100. Both axes are logarithmic."
        ),
        data=table[["Machine", "batch", "context", "output", "output_roofline"]].set_axis(
            ["Machine", "Requests (count)", "Context (tokens)", "Measured (token/s)",
             "By its kernels (token/s)"], axis=1,
        ),
    )  # fmt: skip


def step_by_context(chapter: Chapter) -> HTML:
    """A step of one request against its context."""
    tables = []
    for machine in timed.machines():
        rows = timed.contexts(timed.steps(machine))
        relative = {name: rows[name] / rows[name].head(1).sum() for name in ("seconds", "roofline")}
        tables.append(rows.assign(Machine=machine.name, **relative))
    table = pd.concat(tables, ignore_index=True)
    x = CONTEXT.channel(alt.X, "context")
    return chapter.drawn(
        alt.Chart(table).mark_line().encode(x, STEP.channel(alt.Y, "roofline"), _colour()),
        _dots(table, x, STEP.channel(alt.Y, "seconds")),
        title="One request: a longer context costs little, and more than its bytes",
        description=(
            "The time of a step of one request against the tokens of its context, over the step "
            f"at the shortest context, for {'; '.join(_machines())}: dots measured, lines by the "
            "machine's own kernels. Both rise slowly, the dots more."
        ),
        height=260,
        data=table[["Machine", "context", "seconds", "roofline"]].set_axis(
            ["Machine", "Context (tokens)", "Measured (ratio)", "By its kernels (ratio)"], axis=1
        ),
    )


def errors(chapter: Chapter) -> HTML:
    """The misses on each machine, and what else it tells."""
    return chapter.table(pd.DataFrame([_errors(chapter, each) for each in timed.machines()]))


def _errors(chapter: Chapter, machine: Timed) -> dict[str, Any]:
    found = chapter.changed(machine=machine)
    own = accuracy.on_own_gpus()
    own = own[own["system"] == machine.key]
    return {
        "Machine": machine.name,
        "Steps": str(len(timed.steps(machine))),
        "By its kernels, mean error": _told(found.mean_error, "share"),
        "By the model of serving, mean error": _told(own["error"].abs().mean(), "share"),
        "A layer beyond its bytes": _told(beyond(machine), "s"),
        "Prefix loaded so many times as fast": _told(found.load_speedup, "ratio"),
        "Tokens per joule": _told(found.tokens_per_joule, "ratio"),
    }


def _told(value: float, unit: str) -> str:
    """A value in a table; a dash where the machine did not tell it."""
    return "–" if math.isnan(value) else str(shown(value, unit))


def beyond(machine: Timed) -> float:
    """Seconds in each layer of a step of one request that its kernels do not explain."""
    row = timed.series(timed.steps(machine)).iloc[0]
    return float((row["seconds"] - row["roofline"]) / row["layers"])


def against(chapter: Chapter) -> str:
    """What the output of the chosen machine says of the article's figure."""
    words = chapter.words
    return (
        f"**{words.card_throughput}** from each card, {words.against_article} times the article's "
        f"{chapter.quoted('h100-throughput')}"
    )


def bounded(chapter: Chapter) -> str:
    """How fast one request is on the cards that share the model, beside the article's speed."""
    words, results = chapter.words, chapter.results
    cards = chapter.some(results.shards, "card")
    asked = f"{chapter.quoted('groq-output-speed')} token/s that the article gives every request"
    if results.speed_alone < chapter.inputs.speed:
        return (
            f"With these kernels one request alone would have {words.speed_alone} from {cards}, "
            f"below the {asked} of the SRAM cluster."
        )
    return (
        f"With these kernels one request alone would have {words.speed_alone} from {cards}, "
        f"above the {asked}."
    )


def misses(chapter: Chapter) -> str:
    """How far the roofline of the chosen machine is off, and to which side."""
    words, results = chapter.words, chapter.results
    if results.roofline_time != results.roofline_time:
        return f"The {chapter.inputs.machine.name} did not tell how fast it reads and multiplies."
    side = "too fast" if results.roofline_error < 0 else "too slow"
    return (
        f"By the kernels of the {chapter.inputs.machine.name} the step would take "
        f"{words.roofline_time}; it takes {words.step}. The roofline is {side} here, and off by "
        f"{words.mean_error} of a step in the mean of all that were timed."
    )


def floors(chapter: Chapter) -> str:
    """What the steps of the book's own GPUs hold beyond their bytes, and what the model says."""
    own = accuracy.on_own_gpus()
    alone, shared = (own.loc[own["shards"] == n, "error"] for n in (1, own["shards"].max()))
    times = " and ".join(
        chapter.shown(beyond(timed.machine_of(key)), "s", 2) for key in accuracy.OWN_GPUS
    )
    return (
        f"In a step of one request at this context our GPUs take {times} in each layer that no "
        "byte explains: kernels start one after the other, and wait. Groq's cluster loses about as "
        "much ({doc}`occupancy`, which takes the shortest context of ours). The model of serving "
        "has such a time from servers. It is off by "
        f"{_off(chapter, shared)} for a small share of the model, and by {_off(chapter, alone)} "
        "for the whole."
    )


def _off(chapter: Chapter, errors: pd.Series) -> str:
    """The mean of absolute errors, and the side on which most of them lie."""
    side = "slow" if (errors > 0).mean() > 0.5 else "fast"
    return f"{chapter.shown(errors.abs().mean(), 'share', 2)}, mostly too {side},"


def kept(chapter: Chapter) -> str:
    """Loading a kept prefix against computing it."""
    words, results = chapter.words, chapter.results
    if results.recompute_time != results.recompute_time:
        return "This machine computed no prefix."
    if results.load_time != results.load_time:
        return f"A prefix of {words.prefix} takes {words.recompute_time} to compute."
    return (
        f"A prefix of {words.prefix} takes {words.recompute_time} to compute and "
        f"{words.load_time} to load from {timed.kept_in(chapter.inputs.machine)}: "
        f"**{words.load_speedup} times** as fast"
        f"{'' if results.load_speedup > 1 else ', so slower'}."
    )


def energy(chapter: Chapter) -> str:
    """Tokens for each joule against the article's cluster."""
    words, results = chapter.words, chapter.results
    cluster = (
        f"the article's cluster, at its own speed and the full power of each card, would give "
        f"{words.sram_tokens_per_joule}"
    )
    if results.tokens_per_joule != results.tokens_per_joule:
        return f"This machine did not tell its power; {cluster}."
    return (
        f"At {words.power} the card gives **{words.tokens_per_joule}**; {cluster}, so the card "
        f"gives {words.joule_ratio} times as many."
    )
