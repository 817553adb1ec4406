"""The room to scale: SRAM cards one by one beside a box of GPUs, for several chapters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.catalog import Chip, Model, own
from inference_economics.formulas.batching import memory_of_batch
from inference_economics.formulas.capacity import cards_to_hold, weights
from inference_economics.formulas.kv_cache import kv_cache_of_batch
from inference_economics.units import Bytes, Count
from reckoner.declare.units import shown, some
from reckoner.show import drawing, stepped
from reckoner.show.drawing import Fill
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

GPU = "h100_sxm"
DEPLOYED_CHIP, DEPLOYED = "groq_lpu", "groq_deployment.chips_llama2_70b"
MOST = 10_000
"""The most squares that are drawn; beyond, a square stands for ten cards, or a hundred."""
WEIGHTS, CACHES, TONES = colour("axis"), colour("1"), (1.0, 0.5)
"""The paints of weights and of caches, and the tones of one request's cache and the next."""
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
FEW = (1, 8, 32, 128)
OTHERS = ("llama2_7b", "llama2_13b", "llama2_70b", "gpt3_175b")
PRECISIONS = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Room:
    """What a cluster of one kind of card holds.

    Attributes:
        chip: the card's chip.
        weights: of the model.
        cache: KV cache of one request.
        batch: requests.
    """

    chip: Chip
    weights: Bytes
    cache: Bytes = 0.0
    batch: Count = 0

    @property
    def caches(self) -> Bytes:
        """The KV caches of all requests."""
        return kv_cache_of_batch(self.cache, self.batch)

    @property
    def needed(self) -> Bytes:
        """Weights and caches."""
        return memory_of_batch(self.weights, self.caches)

    @property
    def cards(self) -> int:
        """The fewest cards that hold all of it."""
        return int(cards_to_hold(self.needed, self.chip.memory))

    @property
    def gpus(self) -> int:
        """GPUs beside them: a box of the article's, or as many as it takes."""
        box = catalog.value("article.gpu_machine_gpus")
        return int(max(box, cards_to_hold(self.needed, _gpu().memory)))

    @property
    def share(self) -> float:
        """How much of these GPUs is filled."""
        return float(self.needed / (self.gpus * _gpu().memory))

    @property
    def deployed(self) -> Count:
        """Cards of this kind with which LLaMA-2 70B was really served, as far as is known."""
        return catalog.value(DEPLOYED) if self.chip.key == DEPLOYED_CHIP else 0

    @property
    def each(self) -> int:
        """Cards of a square: one, or as many as keep the squares countable."""
        return int(10 ** max(0, math.ceil(math.log10(self.cards / MOST))))

    def drawn(self) -> str:
        """The cards as squares, and the GPUs on the same scale."""
        card = f"{self.chip.name} of {shown(self.chip.memory, 'B')}"
        gpu = f"{_gpu().name} of {shown(_gpu().memory, 'B')}"
        square = "a square each" if self.each == 1 else f"a square for {shown(self.each, 'count')}"
        return (
            drawing.key(*self._key())
            + drawing.label(f"{shown(self.cards, 'count')} × {card}, {square}")
            + self._cards()
            + drawing.label(f"{shown(self.gpus, 'count')} × {gpu}, on the same scale")
            + self._boxes()
        )

    def _key(self) -> Iterable[tuple[Fill | None, str]]:
        yield Fill(0, WEIGHTS), "weights"
        if self.batch:
            yield Fill(0, CACHES), "KV caches, a tone for each request in turn"
        if self.deployed:
            real = shown(self.deployed, "count")
            yield None, f"the {real} chips that Groq is reported to use for LLaMA-2 70B"

    def _cards(self) -> str:
        cell = self.each * self.chip.memory
        together = range(0, int(self.batch), self.each)
        requests = [
            Fill(self.cache * min(self.each, self.batch - first) / cell, CACHES, TONES[n % 2])
            for n, first in enumerate(together)
        ]
        return drawing.cells(
            [Fill(self.weights / cell, WEIGHTS), *requests],
            math.ceil(self.cards / self.each),
            self.deployed / self.each,
            f"{some(self.cards, 'card')} as squares, with {shown(self.weights, 'B')} of weights "
            f"in grey and {shown(self.caches, 'B')} of KV caches in colour.",
        )

    def _boxes(self) -> str:
        cell = self.each * self.chip.memory
        return drawing.boxes(
            self.gpus,
            _gpu().memory / cell,
            [
                Fill(self.weights / self.gpus / cell, WEIGHTS),
                Fill(self.caches / self.gpus / cell, CACHES, sum(TONES) / 2),
            ],
            f"Boxes on the same scale for {some(self.gpus, 'GPU')}, filled to "
            f"{shown(self.share, 'share')} with the same bytes.",
        )


def _gpu() -> Chip:
    return catalog.chip(GPU)


def _table(rooms: Mapping[str, Room], title: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            title: name,
            "Requests": room.batch,
            "Weights (GB)": room.weights / 1e9,
            "KV caches (GB)": room.caches / 1e9,
            "Cards (count)": room.cards,
            f"{_gpu().name} (count)": room.gpus,
            "Filled of the GPUs (share)": room.share,
        }
        for name, room in rooms.items()
    )


def _with(usual: Sequence[float], here: float) -> list[float]:
    return sorted({*usual, here})


# Capacity: weights alone


def of_weights(chapter: Chapter) -> HTML:
    """The cards that hold the weights alone, by their precision, for a few models."""
    given = chapter.inputs
    keys = dict.fromkeys((given.model.key, *OTHERS))
    widths = _with(PRECISIONS, given.bytes_per_parameter)
    rooms = {
        key: {
            width: Room(given.chip, weights(own.model(key).nominal_parameters, width))
            for width in widths
        }
        for key in keys
    }
    table = _table(
        {
            f"{own.model(key).name}, {shown(width, 'B')} a weight": room
            for key, found in rooms.items()
            for width, room in found.items()
        },
        "Model",
    )
    scenes = {
        str(key): stepped.Scene(
            own.model(key).name,
            None,
            table,
            [_of_weights(own.model(key), *at) for at in found.items()],
        )
        for key, found in rooms.items()
    }
    figure = stepped.Stepped(
        "room", "How many bytes does a weight take?", "Model:", given.bytes_per_parameter, scenes
    )
    return HTML(figure.html())


def _of_weights(model: Model, width: float, room: Room) -> stepped.Step:
    each = shown(width, "B")
    return stepped.Step(
        width,
        f"{each}",
        some(room.cards, "card"),
        f"They hold {model.name} at {each} a weight, and nothing else: nobody has asked yet. "
        f"The same {shown(room.weights, 'B')} fill {shown(room.share, 'share')} of "
        f"{some(room.gpus, 'GPU')}.",
        room.drawn(),
    )


# KV cache: from one scheme of attention to another


def of_schemes(chapter: Chapter, caches: Mapping[str, Bytes], scheme: str) -> HTML:
    """The cards of a batch by the scheme of attention, the model's own first.

    Args:
        chapter: its model, weights and batch.
        caches: the KV cache of one request by scheme.
        scheme: the model's own.
    """
    given, chip = chapter.inputs, catalog.chip(DEPLOYED_CHIP)
    names = {scheme: f"{scheme}, as it is"} | {n: f"{n}, imagined" for n in caches if n != scheme}
    batches = _with(FEW, given.batch_size)
    rooms = {
        name: [Room(chip, chapter.results.weights, caches[name], batch) for batch in batches]
        for name in names
    }
    table = _table(
        {
            f"{names[name]}, {some(room.batch, 'request')}": room
            for name, found in rooms.items()
            for room in found
        },
        "Attention",
    )
    scenes = {
        name: stepped.Scene(
            names[name], None, table, [_of_scheme(name, room, caches[scheme]) for room in found]
        )
        for name, found in rooms.items()
    }
    figure = stepped.Stepped(
        "room", "How many talk at once?", "Attention:", given.batch_size, scenes
    )
    return HTML(figure.html())


def _of_scheme(name: str, room: Room, own_cache: Bytes) -> stepped.Step:
    times = room.cache / own_cache
    said = f"{shown(times, 'ratio')} times" if times >= 1 else f"{shown(times, 'share')} of"
    against = "" if times == 1 else f", {said} what they take as the model is"
    return stepped.Step(
        room.batch,
        some(room.batch, "conversation"),
        some(room.cards, "card"),
        f"With {name} the caches take {shown(room.caches, 'B')}{against}, beside "
        f"{shown(room.weights, 'B')} of weights.",
        room.drawn(),
    )


# Batching: the batch brings cards


def of_batch(chapter: Chapter) -> HTML:
    """The cards that a rising batch brings, beside those of the weights."""
    given, results = chapter.inputs, chapter.results
    rooms = [
        Room(given.chip, results.weights, results.kv_cache, batch)
        for batch in _with(BATCHES, given.batch_size)
    ]
    table = _table({some(room.batch, "request"): room for room in rooms}, "Batch")
    steps = [_of_batch(room) for room in rooms]
    scenes = {"own": stepped.Scene(given.model.name, None, table, steps)}
    figure = stepped.Stepped(
        "room", "How many requests share the cluster?", "Model:", given.batch_size, scenes
    )
    return HTML(figure.html())


def _of_batch(room: Room) -> stepped.Step:
    return stepped.Step(
        room.batch,
        some(room.batch, "request"),
        some(room.cards, "card"),
        f"{shown(room.weights, 'B')} of weights are there once, however many share them; each "
        f"request brings {shown(room.cache / room.chip.memory, 'count')} cards of its own. With "
        f"its part of the weights that makes {shown(room.cards / room.batch, 'count')} for each.",
        room.drawn(),
    )
