"""Layers of a model at work: decoding, prefill, a kept prefix, and what they take of energy."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inference_economics.catalog import Model
from inference_economics.measure import prefix
from inference_economics.measure.arrays import Array
from inference_economics.measure.counts import Counts
from inference_economics.measure.device import Processor
from inference_economics.measure.energy import NoCounterError, power
from inference_economics.measure.kit import Left, Pace, Rows, out_of_memory
from inference_economics.measure.layer import Layer, shape_of
from inference_economics.measure.reference import error_of
from inference_economics.measure.rows import PROJECTIONS, STEP
from inference_economics.measure.timing import LEAST, Repeats, Run, repeated
from reckoner.declare.tables import DataError

SHARDS = (1, 2, 4, 8)
"""Cards of which one's share is measured, where the memory holds no whole layer."""
OF_WEIGHTS = 0.8
"""Of the room, what weights may take where as many layers as fit are measured."""
CHECKED = 32
"""Tokens over which a layer is held against the reference."""
TERA = 1e12
NO_TIME = "give more with --seconds"


@dataclass(frozen=True)
class Plan:
    """What is measured of layers.

    Attributes:
        contexts: at batch 1.
        batches: beside it.
        at: contexts of the batches.
        tokens: of prefills.
        prefixes: tokens of kept prefixes.
        power_seconds: for which power is taken.
        many: whether as many layers as fit are measured too.
    """

    contexts: tuple[int, ...] = (0, 128, 1024, 4096, 8192)
    batches: tuple[int, ...] = tuple(2**power for power in range(1, 13))
    at: tuple[int, ...] = (0, 4096)
    tokens: tuple[int, ...] = (128, 256, 512, 1024, 2048, 4096, 8192, 16384)
    prefixes: tuple[int, ...] = (512, 4096)
    power_seconds: float = 3.0
    many: bool = True

    @property
    def longest(self) -> int:
        """Tokens whose places a layer must know."""
        return max(*self.contexts, *self.at, *self.tokens, *self.prefixes, CHECKED) + 1


QUICK = Plan(
    contexts=(0, 1024, 8192), batches=(4, 16, 64), at=(0, 1024), tokens=(128, 512),
    prefixes=(256,), power_seconds=1.0, many=False,
)  # fmt: skip


class Steps:
    """The layers of a model on a device, and the rows of their times."""

    def __init__(self, rows: Rows, device: Processor, model: Model, plan: Plan) -> None:
        self.rows, self.device, self.model, self.plan = rows, device, model, plan
        self.layers: list[Layer] = []
        self.pace, self.held = Pace(), device.on.random(0)
        self.missed: list[str] = []
        self.counts = Counts(model, 1, 1, device.on.element)
        shape_of(model)

    def build(self, until: float) -> None:
        """A layer in memory, or the share of one that fits."""
        for shards in SHARDS:
            counts = replace(self.counts, shards=shards)
            needed = counts.weight_bytes + counts.cache_bytes(1, self.plan.longest)
            if needed < self._room():
                break
        else:
            raise Left(self._no_room(needed))
        try:
            shape = shape_of(self.model, shards)
        except DataError:
            raise Left(self._no_room(needed)) from None
        if shards > 1:
            self.rows.left_out("a whole layer", f"{self._no_room(self.counts.weight_bytes)}; "
                f"the share of one of {shards} cards is measured")  # fmt: skip
        self.counts = counts
        self.layers = [Layer(shape, self.device.on, self.plan.longest)]

    def _room(self) -> float:
        """Bytes that may be taken beside the layers and the caches."""
        caches = math.prod(self.held.shape) * self.device.on.element
        return self.device.room(caches + bool(self.layers) * self.counts.weight_bytes)

    def _no_room(self, needed: float) -> str:
        return (
            f"a layer of {self.model.name} takes {needed / 1e9:.2g} GB, and "
            f"{self._room() / 1e9:.2g} GB may be taken"
        )

    def check(self, until: float) -> None:
        """How far a small layer of the same kind lies from one in float64."""
        small = replace(shape_of(self.model), hidden=512, ffn=1024)
        error = error_of(Layer(small, self.device.on, CHECKED + 1), CHECKED)
        self.rows.add("relative error of one layer against float64", error, "ratio",
            precision=self.device.on.precision,
            note=f"{CHECKED} tokens and one more; narrower than the measured one")  # fmt: skip

    def projections(self, until: float) -> None:
        """The products of a step alone over batches: what a prediction needs of a card."""
        self._needed()
        size, share = self.counts.weight_bytes, 1.0 / (1 + len(self.plan.batches))
        for batch in (1, *self.plan.batches):
            operations = 2 * self.counts.parameters / self.counts.shards * batch
            if not self._enough(size, operations, until, f"batch {batch}"):
                continue
            run = self.device.prepared(self.layers[0].projections(batch))
            (times,) = repeated([run], share * (until - time.perf_counter()), self.device.clock)
            self.pace.learn(size, operations, times.median)
            self.rows.add(PROJECTIONS, milliseconds(times), "ms", batch=batch, layers=1,
                shards=self.counts.shards, bytes=size, operations=operations,
                precision=self.device.on.precision)  # fmt: skip
        self._say_missed()

    def decode(self, until: float) -> None:
        """Steps at batch 1 over contexts, and at larger batches."""
        self._needed()
        products = [row for row in self.rows.rows if row.precision == self.device.on.precision]
        self.pace.operations = max((row.value * TERA for row in products
            if row.what.startswith("matrix product")), default=0.0)  # fmt: skip
        self._step(1, 0, until)
        points = [(1, context) for context in self.plan.contexts if context]
        points += [(batch, context) for batch in self.plan.batches for context in self.plan.at]
        share = 1.0 / len(points)
        for batch, context in points:
            self._step(batch, context, until, share)
        self._say_missed()

    def many(self, until: float) -> None:
        """Steps of as many layers as fit."""
        self._needed()
        if not self.plan.many:
            raise Left("not in a quick run")
        self.held = self.device.on.random(0)
        room = OF_WEIGHTS * (self._room() + self.counts.weight_bytes)
        fit = min(int(room / self.counts.weight_bytes), int(self.model.layers))
        if fit < 2:
            raise Left("no second layer fits beside the first")
        first = self.layers[0]
        while len(self.layers) < fit and time.perf_counter() < until:
            self.layers.append(Layer(first.shape, self.device.on, self.plan.longest))
        self.counts = replace(self.counts, layers=len(self.layers))
        for batch in (1, *self.plan.batches):
            self._step(batch, self.plan.at[-1], until, 0.2)
        self._say_missed()

    def _needed(self) -> None:
        """See that there is a layer; a part does not expect to be as slow as the last one was.

        Raises:
            Left: there is none.
        """
        if not self.layers:
            raise Left("there is no layer in memory")
        self.pace.slower = 1.0

    def _enough(self, size: float, operations: float, until: float, what: str) -> bool:
        """Whether there is time for so much work; else it is noted as missed."""
        enough = time.perf_counter() + (LEAST + 1) * self.pace.expected(size, operations) < until
        if not enough:
            self.missed.append(what)
        return enough

    def _say_missed(self) -> None:
        """End a part in which something was missed.

        Raises:
            Left: something was.
        """
        missed, self.missed = self.missed, []
        if missed:
            others = f" and {len(missed) - 1} more" if len(missed) > 1 else ""
            raise Left(f"no time for {missed[0]}{others}; {NO_TIME}")

    def step_of(self, batch: int, context: int) -> Run | None:
        """A step as it is timed; nothing where its cache does not fit."""
        first, count = self.layers[0], len(self.layers)
        size = (count, *first.size_of_cache(batch, context + 1))
        needed, element = math.prod(size), self.device.on.element
        held = math.prod(self.held.shape)
        if needed > held:
            if needed * element > self._room() + held * element:
                return None
            self.held = self.device.on.random(0)
            self.held = self.device.on.random(needed)
        caches = self.held[:needed].reshape(size)
        x = self.device.on.random(batch, first.shape.hidden)
        return self.device.prepared(lambda: through(self.layers, x, caches, context))

    def _step(self, batch: int, context: int, until: float, share: float = 0.1) -> None:
        size = self.counts.bytes_of_step(batch, context)
        operations = self.counts.operations_of_step(batch, context)
        cells = {"batch": batch, "context": context, "layers": len(self.layers),
                 "shards": self.counts.shards}  # fmt: skip
        if not self._enough(size, operations, until, f"batch {batch} at context {context}"):
            return
        try:
            run = self.step_of(batch, context)
            if run is None:
                raise MemoryError
            (times,) = repeated([run], share * (until - time.perf_counter()), self.device.clock)
        except Exception as error:
            if not out_of_memory(error):
                raise
            self.rows.add("does not fit", 0.0, "count", **cells)
            return
        self.pace.learn(size, operations, times.median)
        self.rows.add(STEP, milliseconds(times), "ms", bytes=size, operations=operations,
                      precision=self.device.on.precision, **cells)  # fmt: skip

    def prefill(self, until: float) -> None:
        """The layer over whole sequences."""
        self._needed()
        layer = self.layers[0]
        for tokens in self.plan.tokens:
            operations = self.counts.operations_of_prefill(tokens)
            if not self._enough(0.0, operations, until, f"{tokens} tokens"):
                continue
            x = self.device.on.random(tokens, layer.shape.hidden)
            run = self.device.finished(lambda x=x: layer.prefill(x))  # type: ignore[misc]
            share = 0.2 * (until - time.perf_counter())
            (times,) = repeated([run], share, self.device.clock)
            self.pace.learn(0.0, operations, times.median)
            self.rows.add("prefill of 1 layers", milliseconds(times), "ms", batch=1,
                context=tokens, layers=1, shards=self.counts.shards, operations=operations,
                bytes=self.counts.weight_bytes, precision=self.device.on.precision)  # fmt: skip
        self._say_missed()

    def prefixes(self, folder: Path, until: float) -> None:
        """A kept prefix of one layer, computed and loaded in turn."""
        self._needed()
        for tokens in self.plan.prefixes:
            operations = self.counts.operations_of_prefill(tokens)
            if self._enough(0.0, operations, until, f"{tokens} tokens"):
                self._prefix(tokens, folder)
        self._say_missed()

    def _prefix(self, tokens: int, folder: Path) -> None:
        layer = self.layers[0]
        x = self.device.on.random(tokens, layer.shape.hidden)
        _, kept = layer.prefill(x)
        runs: dict[str, Run] = {
            "prefix computed": self.device.finished(lambda: layer.prefill(x)),
            **self.device.copies(kept),
        }
        with prefix.on_disk(self.device.here(kept), folder) as disk:
            runs["prefix from disk"] = self.device.brought(disk.read)

            def clock(run: Run, times: int) -> float:
                disk.forget()
                return self.device.clock(run, 1)

            found = repeated([*runs.values()], 0.0, clock)
        size = self.counts.cache_bytes(1, tokens)
        for name, times in zip(runs, found, strict=True):
            note = "" if disk.sure else "the system may have kept the file in memory"
            self.rows.add(name, milliseconds(times), "ms", batch=1, context=tokens, layers=1,
                shards=self.counts.shards, size=size, precision=self.device.on.precision,
                note=note if name == "prefix from disk" else "")  # fmt: skip

    def power(self, until: float) -> None:
        """Power while the layer decodes, while it prefills, and at rest."""
        self._needed()
        try:
            joules = self.device.joules()
        except NoCounterError as why:
            raise Left(str(why)) from None
        seconds = self.plan.power_seconds
        for batch in (1, 16):
            if run := self.step_of(batch, self.plan.at[-1]):
                watts, rate = power(joules, self.device.finished(run), seconds)
                self._watts("power of decode", watts, rate, batch, self.plan.at[-1])
        x = self.device.on.random(self.plan.tokens[0], self.layers[0].shape.hidden)
        prefill = self.device.finished(lambda: self.layers[0].prefill(x))
        self._watts("power of prefill", *power(joules, prefill, seconds), 1, self.plan.tokens[0])
        watts, _ = power(joules, lambda: self.device.rest(seconds), seconds)
        self.rows.add("power at rest", watts, "W", note="memory allocated")

    def _watts(self, what: str, watts: float, rate: float, batch: int, context: int) -> None:
        self.rows.add(what, watts, "W", batch=batch, context=context, layers=len(self.layers),
            shards=self.counts.shards, note=f"{rate:.4g} runs/s")  # fmt: skip


def through(layers: Sequence[Layer], x: Array, caches: Array, context: int) -> Array:
    """A step through some layers, each with its cache."""
    for layer, cache in zip(layers, caches, strict=True):
        x = layer.step(x, cache, context)
    return x


def milliseconds(times: Repeats) -> Repeats:
    """Times in the unit of the rows."""
    return times.each(lambda seconds: 1e3 * seconds)
