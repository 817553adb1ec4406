"""The journey of a token: where its time goes on both machines, by batch and length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import altair as alt
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.catalog import Chip
from inference_economics.chapters.occupancy import GROQ
from inference_economics.chapters.two_machines import BATCHES, GPU
from inference_economics.choices import has_shape
from inference_economics.formulas.equal_speed import output_time_with_newcomers
from inference_economics.machines.clusters import ENGINE, NETWORK, time_of_prompts
from inference_economics.machines.pipeline import LIMITS, Pipeline, token_times
from inference_economics.machines.published import unexplained_by
from inference_economics.serving.constants import constants_of
from inference_economics.serving.engines import bytes_of, kv_bytes_of, precision_of
from inference_economics.serving.model import Served, run_on, serve
from inference_economics.worksheets.occupancy import conclude
from reckoner.declare.units import shown, some
from reckoner.show import stepped
from reckoner.show.charts import Axis, Names, Style, told_apart
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

PARTS = {
    "weights read": Style("2"),
    "multiplying": Style("6"),
    "caches read": Style("3"),
    "sending": Style("4"),
    "layer floor": Style("5"),
    "the engine": Style("axis"),
    "prompts read": Style("grid"),
    "unexplained": Style("1"),
}
"""What takes the time of a token."""

CLUSTER = "SRAM cluster"
LENGTHS = (0.25, 1.0, 4.0, 16.0)
"""The lengths of a request that are drawn, over this page's own."""
ROOM = 1.45
"""How far the axis goes, over the longest bar: the room for what stands beside it."""

Parts = dict[str, float]


@dataclass(frozen=True)
class Work:
    """Both machines, and what they serve.

    Attributes:
        given: the inputs of the chapter `occupancy`, in base units.
        gpu: the GPU.
        gpus: how many split each layer.
        engine: which serves.
        form: format of the weights.
        written: share of a request's tokens that are written; with zero no newcomer's prompt
            counts, on either machine.
    """

    given: SimpleNamespace
    gpu: Chip
    gpus: float
    engine: str
    form: str
    written: float = 0.0

    @property
    def box(self) -> str:
        """The GPUs as a reader sees them."""
        return f"{shown(self.gpus, 'count')} × {self.gpu.name}"

    def lengths(self, length: float) -> tuple[float, float]:
        """Input and output of a request of so many tokens in all."""
        output = max(1.0, round(self.written * length))
        return length - output, output


@dataclass(frozen=True)
class Journey:
    """One token's way with a batch of requests of one length.

    Attributes:
        batch: requests at once.
        length: tokens of each.
        cards: those of the cluster.
        parts: what takes the time, in seconds, by machine; GPUs that cannot hold it have none.
    """

    batch: float
    length: float
    cards: float
    parts: dict[str, Parts]

    def total(self, machine: str) -> float:
        """Time of the token in seconds."""
        return sum(self.parts[machine].values())


def in_occupancy(chapter: Chapter) -> Work:
    """The work of the chapter `occupancy`, beside the article's box of GPUs."""
    given, gpu = chapter.inputs, catalog.chip(GPU)
    gpus = catalog.value("article.gpu_machine_gpus")
    return Work(given, gpu, gpus, ENGINE, precision_of(given.bytes_per_parameter, gpu))


def in_serving(chapter: Chapter) -> Work:
    """The work of the chapter `serving`, beside a cluster with the defaults of `occupancy`."""
    own = chapter.inputs
    length = own.input_tokens + own.output_tokens
    given = conclude.parameters.base({}) | {
        "model": own.model,
        "batch_size": own.concurrency,
        "context_length": length,
        "bytes_per_parameter": bytes_of(own.precision),
        "bytes_per_element": kv_bytes_of(
            own.engine.key, own.precision, own.chip.has("fp4_compute")
        ),
    }
    return Work(
        SimpleNamespace(**given), own.chip, own.tensor_parallel, own.engine.key, own.precision,
        own.output_tokens / length,
    )  # fmt: skip


def travelled(work: Work, batch: float, length: float) -> Journey:
    """The journey with another batch and length than the page's."""
    changed = {"batch_size": batch, "context_length": length}
    given = {**vars(work.given), **changed, "layer_floor": unexplained_by(GROQ)}
    found: Pipeline = conclude.evaluate(**given)["pipeline"]
    parts = parts_of_cluster(found)
    if work.written:
        parts["prompts read"] = _prompts(work, found, given)
    served = _served(work, batch, length)
    gpus = parts_of_gpus(served, work.written > 0) if served else {}
    return Journey(batch, length, float(found.cards), {CLUSTER: parts, work.box: gpus})


def _prompts(work: Work, found: Pipeline, given: dict[str, Any]) -> float:
    """What newcomers' prompts add to a token's time in the cluster, idle stages used first."""
    names = ("bytes_per_parameter", "bytes_per_element", *NETWORK)
    sizes = {name: given[name] for name in names}
    prompt, output = work.lengths(given["context_length"])
    width = given["tensor_parallel"]
    work_of_one = time_of_prompts(given["model"], given["chip"], found, width, prompt, **sizes)
    time = output_time_with_newcomers(
        found.time_per_token, found.occupancy, given["batch_size"], work_of_one, output
    )
    return float(time - found.time_per_token)


def _served(work: Work, batch: float, length: float) -> Served | None:
    """How the GPUs serve; None where that is not known, or where they cannot hold it."""
    given = work.given
    if not has_shape(given.model.key):
        return None
    sizes = given.bytes_per_parameter, given.bytes_per_element
    run = run_on(
        given.model, work.gpu, work.gpus, batch, *work.lengths(length), *sizes, work.engine,
        work.form,
    )  # fmt: skip
    served = serve(run, constants_of(work.engine, given.model, work.gpu, work.form, sizes[1]))
    return served if served.requests_in_memory >= batch else None


def parts_of_cluster(found: Pipeline) -> Parts:
    """What takes the time of a token in the cluster, in seconds."""
    weights, products, caches, latency, sent, unexplained = (
        float(token_times(found)[limit]) for limit in LIMITS
    )
    times = weights, products, caches, latency + sent, 0.0, 0.0, 0.0, unexplained
    return dict(zip(PARTS, times, strict=True))


def parts_of_gpus(served: Served, newcomers: bool = False) -> Parts:
    """What takes the time of a token on the GPUs, in seconds; newcomers' prompts if asked."""
    reads = served.weights_time >= served.product_time
    matrices = served.matrix_time + served.expert_time
    times = (
        matrices * reads, matrices * (not reads), served.kv_time, served.reduce_time,
        served.floor_time, served.host_time, newcomers * served.prefill_per_token, 0.0,
    )  # fmt: skip
    level = float(served.series_level)
    return {part: level * float(time) for part, time in zip(PARTS, times, strict=True)}


def figure(work: Work) -> HTML:
    """Where the time of a token goes, with the batch on a slider and the length to choose."""
    given = work.given
    batches = sorted({*BATCHES, float(given.batch_size)})
    lengths = [max(2.0, round(times * given.context_length)) for times in LENGTHS]
    own = float(given.context_length)
    found = {
        length: [travelled(work, batch, length) for batch in batches]
        for length in sorted({*lengths, own}, key=lambda length: (length != own, length))
    }
    table = _table(work, [one for row in found.values() for one in row])
    scenes = {
        f"tokens-{length:.0f}": stepped.Scene(
            str(shown(length, "token")), _chart(work, row), table, [_step(work, j) for j in row]
        )
        for length, row in found.items()
    }
    question, choice = "How many requests at once?", "Length of each:"
    drawn = stepped.Stepped("journey", question, choice, float(given.batch_size), scenes)
    return HTML(drawn.html())


def _step(work: Work, one: Journey) -> stepped.Step:
    asked = some(one.batch, "request")
    said = f"{asked} of {shown(one.length, 'token')}: {told_of_cluster(one)}"
    word = str(shown(one.total(CLUSTER), "s"))
    if one.parts[work.box]:
        word += f", or {shown(one.total(work.box), 's')}"
        said += f"; {told_of_gpus(work, one)}"
    return stepped.Step(one.batch, asked, word, f"{said}.")


def told_of_cluster(one: Journey) -> str:
    """How much of the cluster's time nobody explains."""
    lost = one.parts[CLUSTER]["unexplained"] / one.total(CLUSTER)
    return f"on {some(one.cards, 'card')} {shown(lost, 'share', 2)} of the time is unexplained"


def told_of_gpus(work: Work, one: Journey) -> str:
    """Which part of the GPUs' time is the largest."""
    parts = one.parts[work.box]
    longest = max(parts, key=lambda part: parts[part])
    share = shown(parts[longest] / one.total(work.box), "share", 2)
    return f"on {work.box} {longest} is the largest part, {share}"


def _chart(work: Work, row: Sequence[Journey]) -> alt.LayerChart:
    """The bars of one length; those of the slider's batch are shown."""
    bars = pd.DataFrame(
        {"at": one.batch, "y": name, "kind": part, "x": 1e3 * time, "order": n}
        for one in row
        for name, parts in one.parts.items()
        for n, (part, time) in enumerate(parts.items())
        if time > 0
    )
    ends = pd.DataFrame(
        {
            "at": one.batch, "y": name, "x": 1e3 * one.total(name), "label": _label(one, name),
            "room": ROOM * 1e3 * max(one.total(machine) for machine in one.parts),
        }
        for one in row
        for name in one.parts
    )  # fmt: skip
    here = f"datum.at == {stepped.AT.name}"
    x = Axis("Time of a token (ms)", scale={"nice": False})
    y = Names("Machine", [CLUSTER, work.box], {"titlePadding": 12})
    present = {part: PARTS[part] for part in PARTS if part in set(bars["kind"])}
    colours = told_apart(present)["color"].legend(alt.Legend(columns=2))
    place = y.channel(alt.Y, "y")
    beside = alt.Chart(ends).transform_filter(here)
    chart: Any = alt.layer(
        alt.Chart(bars)
        .transform_filter(here)
        .mark_bar(height=36, stroke=colour("text"), strokeWidth=0.5)
        .encode(x.channel(alt.X, "x"), place, colours, order="order:Q"),
        beside.mark_text(align="left", dx=6, color=colour("text")).encode(
            x.channel(alt.X, "x"), place, text="label:N"
        ),
        beside.mark_point(opacity=0).encode(x.channel(alt.X, "room"), place),
    )
    drawn: alt.LayerChart = chart.properties(
        title=_headline(row), description=_described(work, row), height=300
    )
    return drawn


def _label(one: Journey, name: str) -> str:
    if not one.parts[name]:
        return "cannot hold it"
    time = str(shown(one.total(name), "s"))
    return f"{time} on {some(one.cards, 'card')}" if name == CLUSTER else time


def _headline(row: Sequence[Journey]) -> str:
    if all(one.parts[CLUSTER]["unexplained"] > one.total(CLUSTER) / 2 for one in row):
        return "Most of a token's way through the cluster is unexplained"
    return "Where the time of a token goes"


def _described(work: Work, row: Sequence[Journey]) -> str:
    told = "; ".join(
        f"{some(one.batch, 'request')}: "
        + ", ".join(f"{name} {_label(one, name)}" for name in one.parts)
        for one in row
    )
    return (
        f"Stacked bars of the time of one token by what takes it, on the {CLUSTER} and on "
        f"{work.box}, with requests of {shown(row[0].length, 'token')}. {told}."
    )


def _table(work: Work, found: Sequence[Journey]) -> pd.DataFrame:
    """Every state that can be chosen, a row for each machine."""
    return pd.DataFrame(
        {
            "Length (tokens)": one.length,
            "Requests": one.batch,
            "Machine": some(one.cards, "card") if name == CLUSTER else name,
            **{f"{part} (ms)": 1e3 * time for part, time in parts.items()},
            "Together (ms)": 1e3 * one.total(name),
        }
        for one in found
        for name, parts in one.parts.items()
        if parts
    )


def told(work: Work) -> str:
    """The journey in words: a layer of the cluster, and a step of the GPUs."""
    one = travelled(work, work.given.batch_size, work.given.context_length)
    layers = work.given.model.layers
    parts = {name: time / layers for name, time in one.parts[CLUSTER].items()}
    busy = sum(parts[name] for name in ("weights read", "multiplying", "caches read"))
    text = (
        f"A token takes {shown(one.total(CLUSTER), 's')} through {shown(layers, 'count')} "
        f"layers. In each the cards read and multiply for {shown(busy, 's', 2)} and send for "
        f"{shown(parts['sending'], 's', 2)}; {shown(parts['unexplained'], 's', 2)} are missing."
    )
    gpus = one.parts[work.box]
    if not gpus:
        return text
    longest = max(gpus, key=lambda part: gpus[part])
    return (
        f"{text} The GPUs take {shown(one.total(work.box), 's')}; what their layers take at least "
        "is fitted on servers, and no more explained than that. The longest part is "
        f"{longest}, {shown(gpus[longest], 's', 2)}."
    )
