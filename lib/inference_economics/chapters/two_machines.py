"""The two machines side by side, on several scales."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.catalog import Chip
from inference_economics.chapters.occupancy import GROQ, pipeline
from inference_economics.choices import has_shape
from inference_economics.formulas.batching import cluster_throughput
from inference_economics.formulas.occupancy import speed_of_request
from inference_economics.machines.clusters import ENGINE
from inference_economics.machines.pipeline import Pipeline
from inference_economics.machines.published import unexplained_by
from inference_economics.serving.constants import constants_of
from inference_economics.serving.engines import precision_of
from inference_economics.serving.model import Served, run_on, serve
from reckoner.declare.units import shown, some
from reckoner.show import drawing, stepped
from reckoner.show.drawing import Fill, Square
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

GPU = "h100_sxm"
SRAM, HBM = colour("1"), colour("2")
BATCHES = (1, 8, 32, 128, 512)
PRICES = {"groq_lpu": "article.groq_card_price", GPU: f"{GPU}.price"}


@dataclass(frozen=True)
class Pair:
    """A cluster of SRAM cards and a box of GPUs that serve the same batch.

    Attributes:
        chip: the card's.
        batch: requests, each at its full length.
        cluster: the cards, with as much time lost in a layer as in Groq's own speed.
        gpus: how the GPUs serve; None where that is not known, or where they cannot hold it.
    """

    chip: Chip
    batch: float
    cluster: Pipeline
    gpus: Served | None

    @property
    def gpu_speed(self) -> float:
        """Speed of a request on the GPUs, no newcomer's prompt counted."""
        assert self.gpus is not None
        return float(speed_of_request(self.gpus.series_level * self.gpus.decode_time))


def pair(chapter: Chapter, batch: float) -> Pair:
    """Both machines with another batch than this page's."""
    given = chapter.inputs
    cluster = pipeline(chapter, batch_size=batch, layer_floor=unexplained_by(GROQ))
    return Pair(given.chip, batch, cluster, _served(given, batch))


def _served(given: Any, batch: float) -> Served | None:
    if not has_shape(given.model.key):
        return None
    gpu = catalog.chip(GPU)
    run = run_on(
        given.model, gpu, _box(), batch, given.context_length - 1, 1,
        given.bytes_per_parameter, given.bytes_per_element, ENGINE,
    )  # fmt: skip
    form = precision_of(given.bytes_per_parameter, gpu)
    constants = constants_of(ENGINE, given.model, gpu, form, given.bytes_per_element)
    served = serve(run, constants)
    return served if served.requests_in_memory >= batch else None


def _box() -> float:
    return catalog.value("article.gpu_machine_gpus")


def _gpus() -> str:
    return f"{shown(_box(), 'count')} × {catalog.chip(GPU).name}"


# Space for time: the scales


@dataclass(frozen=True)
class Scale:
    """A quantity of both machines, in base units."""

    name: str
    unit: str
    sram: float
    hbm: float

    @property
    def words(self) -> tuple[str, str]:
        """Both as a reader sees them."""
        sram, hbm = (str(shown(value, self.unit)) for value in (self.sram, self.hbm))
        return sram, hbm

    @property
    def ratio(self) -> str:
        """The larger over the smaller, on its side."""
        if self.sram >= self.hbm:
            return f"{shown(self.sram / self.hbm, 'ratio')} : 1"
        return f"1 : {shown(self.hbm / self.sram, 'ratio')}"

    def drawn(self) -> str:
        """Two squares."""
        sram, hbm = self.words
        compared = [
            Square(self.sram, sram, SRAM, "SRAM cluster"),
            Square(self.hbm, hbm, HBM, _gpus()),
        ]
        return drawing.squares(self.name, compared, self.ratio)


def scales(both: Pair) -> Iterator[Scale]:
    """What both machines have, from space to time; a quantity that is not known is left out."""
    chip, gpu, cards, box = both.chip, catalog.chip(GPU), float(both.cluster.cards), _box()
    yield Scale("Memory", "B", cards * chip.memory, box * gpu.memory)
    yield Scale("Cards", "count", cards, box)
    if chip.key in PRICES:
        card, each = (catalog.value(PRICES[key]) for key in (chip.key, GPU))
        yield Scale("Price, as the article has it", "USD", cards * card, box * each)
    if chip.has("power"):
        seen = catalog.constants().get(f"{chip.key}.power")
        name = "Power" if seen and seen.verified else "Power, a card's unverified"
        yield Scale(name, "W", cards * chip.power, box * gpu.power)
    bandwidths = cards * chip.memory_bandwidth, box * gpu.memory_bandwidth
    yield Scale("Bytes a second", "B/s", *bandwidths)
    if both.gpus:
        speeds = float(both.cluster.speed), both.gpu_speed
        every = (float(cluster_throughput(both.batch, speed)) for speed in speeds)
        yield Scale("Speed of each user", "token/s", *speeds)
        yield Scale("Tokens of all users", "token/s", *every)


WIRES = (
    ("SRAM of a Groq card", "groq_lpu.memory_bandwidth", SRAM),
    ("HBM of an H100", f"{GPU}.memory_bandwidth", HBM),
    ("between H100s", f"{GPU}.link_bandwidth", HBM),
    ("between Groq cards", "groq_lpu.link_bandwidth_cabled", SRAM),
    ("from an H100's host", f"{GPU}.pcie_bandwidth", HBM),
)
"""The ways that bytes take to one chip's arithmetic: their names and rows."""


def wires() -> list[Square]:
    """How many bytes come each way in a second."""
    return [
        Square(value, f"{name}: {shown(value, 'B/s')}", paint)
        for name, address, paint in WIRES
        for value in [catalog.value(address)]
    ]


def sheet(chapter: Chapter) -> HTML:
    """Both machines on every scale, by the batch that they serve."""
    batches = sorted({*BATCHES, chapter.inputs.batch_size})
    pairs = [pair(chapter, batch) for batch in batches]
    rows = [
        (some(both.batch, "request"), scale.name, *scale.words, scale.ratio)
        for both in pairs
        for scale in scales(both)
    ]
    for wire in wires():
        name, _, value = wire.words.partition(": ")
        places = (value, "") if wire.paint == SRAM else ("", value)
        rows.append(("one chip", name, *places, ""))
    headings = ["Batch", "Scale", "SRAM cluster", _gpus(), "Ratio"]
    table = pd.DataFrame(rows, columns=headings)
    steps = [_step(chapter, both) for both in pairs]
    scenes = {"own": stepped.Scene(chapter.inputs.model.name, None, table, steps)}
    question, start = "How many requests at once?", chapter.inputs.batch_size
    return HTML(stepped.Stepped("sheet", question, "Model:", start, scenes).html())


def _step(chapter: Chapter, both: Pair) -> stepped.Step:
    cards, length = (
        some(both.cluster.cards, "card"),
        shown(chapter.inputs.context_length, "token"),
    )
    word = f"{cards}, or {some(_box(), 'GPU')}"
    said = f"for {some(both.batch, 'request')} of {length}"
    if both.gpus:
        faster = both.cluster.speed / both.gpu_speed
        said += f": {shown(faster, 'ratio')} times the speed for each user"
    legend = drawing.key((Fill(0, SRAM), "SRAM cluster"), (Fill(0, HBM), _gpus()))
    groups = "".join(scale.drawn() for scale in scales(both))
    return stepped.Step(
        both.batch,
        some(both.batch, "request"),
        word,
        f"{said[0].upper()}{said[1:]}.",
        f'{legend}<div class="drawing-groups">{groups}</div>'
        + drawing.squares("Bytes a second, for one chip", wires()),
    )
