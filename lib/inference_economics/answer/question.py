"""A question of cost, the chips that compete for it, and what a token costs on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
from SALib.sample import sobol

from inference_economics import catalog
from inference_economics.answer.ranges import PRICES, SHEET, Costs, Range, Vector, ranges, usual
from inference_economics.catalog import Model
from inference_economics.catalog.own import is_sram
from inference_economics.formulas.equal_speed import cost_of_rented_second
from inference_economics.machines import clusters
from inference_economics.machines.frontier import Machine, Way
from inference_economics.machines.published import ARTICLE_MODEL, GROQ_CARDS
from inference_economics.quantities import formulary
from inference_economics.units import Bytes, Count, Ratio, Share, Tokens

SPEED = "gpu_time_ratio"
"""The input that is the error of the model of speed."""

GROWTH = 1.3
"""From one batch size to the next in the samples: coarser than in the chapter `equal_speed`."""


@dataclass(frozen=True)
class Question:
    """Whose tokens are to be cheap, and which.

    Attributes:
        model: the model served.
        context_length: tokens of a request, input and output.
        output_tokens: its output.
        costs: whose costs are counted, the same for all who compete.
        year: the year whose prices are taken.
        sram_costs: other costs for SRAM chips, to show what mixing does; never for a conclusion.
        engine: the engine of the GPUs, that of the chapter `equal_speed` unless given.
        sram_busy: the busy share of the SRAM cluster, over that of the GPUs.
        sram_reserved: share of its output for which a request's KV cache has room in SRAM.
        sram_cards: cards of the largest SRAM cluster that competes.
        sram_cut: lost time of a stage beyond one for each layer, over that of a layer.
        bytes_per_element: bytes an element of the KV cache takes, that of `equal_speed` unless
            given.
    """

    model: Model
    context_length: Tokens
    output_tokens: Tokens
    costs: Costs
    year: int
    sram_costs: Costs | None = None
    engine: str = field(default_factory=lambda: str(SHEET.parameters["engine"].default))
    sram_busy: Ratio = 1.0
    sram_reserved: Share = 1.0
    sram_cards: Count = np.inf
    sram_cut: Ratio = 0.0
    bytes_per_element: Bytes | None = None

    @classmethod
    def of_work(cls, given: Any, costs: Costs, year: int) -> Question:
        """The question for the model and the lengths that a run was given."""
        return cls(given.model, given.context_length, given.output_tokens, costs, year)

    @cached_property
    def ranges(self) -> dict[str, Range]:
        """What is uncertain, by name."""
        found = ranges(self.costs, self.year)
        if self.sram_costs:
            other = ranges(self.sram_costs, self.year).items()
            found = {name: row for name, row in found.items() if not _of_sram(row)}
            found |= {name: row for name, row in other if _of_sram(row)}
        return found | self._speed_of(found)

    def _speed_of(self, found: Mapping[str, Range]) -> dict[str, Range]:
        """The error of the model of speed, for this model on the first GPU with a price."""
        gpus = [row.chip for row in found.values() if row.chip and not is_sram(row.chip)]
        if not gpus:
            return {}
        size = usual()["bytes_per_parameter"]
        ends = clusters.interval(self.engine, self.model, catalog.chip(gpus[0]), size)
        low, high = map(str, ends)
        return {SPEED: found[SPEED].model_copy(update={"low": low, "high": high})}

    @cached_property
    def contenders(self) -> tuple[str, ...]:
        """The chips with a price, by key."""
        return tuple(dict.fromkeys(row.chip for row in self.ranges.values() if row.chip))

    @property
    def likely(self) -> dict[str, float]:
        """The most likely value of everything uncertain."""
        return {name: row.values[1] for name, row in self.ranges.items()}

    @property
    def design(self) -> dict[str, Any]:
        """What is uncertain as SALib wants to have it."""
        names = list(self.ranges)
        return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def _of_sram(row: Range) -> bool:
    return bool(row.chip) and is_sram(row.chip)


def of_groqs_size(question: Question) -> Question:
    """The question in which no SRAM cluster is larger than the one that Groq is known to have."""
    return replace(question, sram_cards=catalog.value(GROQ_CARDS[ARTICLE_MODEL]))


def of_article(costs: Costs = "buyer", year: int = 2024) -> Question:
    """The question for the article's work, as the chapter `equal_speed` has it."""
    return Question.of_work(SimpleNamespace(**SHEET.parameters.base({})), costs, year)


def draw(question: Question, samples: Count, seed: Count) -> dict[str, Vector]:
    """Values of all that is uncertain, by Saltelli's scheme: each sample, then each input alone.

    Every row follows the ranges' distributions, so that all of them count for a share.

    Args:
        question: what is asked.
        samples: a power of two; the scheme makes as many rows for each input and two more.
        seed: of the scrambled sequence.
    """
    shares = sobol.sample(question.design, int(samples), calc_second_order=False, seed=int(seed))
    return {
        name: row.at(column)
        for (name, row), column in zip(question.ranges.items(), shares.T, strict=True)
    }


def machines(
    question: Question, values: Mapping[str, Any], growth: float = GROWTH
) -> dict[str, Machine]:
    """The machine of each contender, to be asked at many speeds.

    Args:
        question: what is asked.
        values: of all that is uncertain, by name: numbers or arrays.
        growth: from one batch size that is tried to the next.
    """
    own = {name: value for name, value in values.items() if name in SHEET.parameters.defaults}
    work = ("model", "context_length", "output_tokens", "engine", "bytes_per_element")
    asked = {name: of for name in work if (of := getattr(question, name)) is not None}
    given = {**usual(), **asked, **own}
    on_sram = {
        **given,
        "busy_share": given["busy_share"] * question.sram_busy,
        "reserved_output": question.sram_reserved,
        "most_cards": question.sram_cards,
        "cut_share": question.sram_cut,
    }
    return {
        key: _machine(key, on_sram if is_sram(key) else given, values, growth)
        for key in question.contenders
    }


def _machine(
    key: str, given: Mapping[str, Any], values: Mapping[str, Any], growth: float
) -> Machine:
    gpu = not is_sram(key)
    prices = {
        names[gpu]: values[f"{key}.{quantity}"]
        for quantity, names in PRICES.items()
        if f"{key}.{quantity}" in values and names[gpu]
    }
    if f"{key}.host" in values:
        share = values[f"{key}.host"] / values[f"{key}.price"]
        prices[PRICES["host_share"][gpu]] = share
    inputs = {**given, "gpu" if gpu else "chip": catalog.chip(key), **prices}
    machine = (
        clusters.gpu_machine(growth, **inputs) if gpu else clusters.sram_machine(growth, **inputs)
    )
    if f"{key}.rent" not in values:
        return machine
    rate = cost_of_rented_second(values[f"{key}.rent"], given["busy_share"])
    return replace(machine, card_rate=rate)


@formulary.procedure
def cheapest_way(question: Question, speed: float, in_sram: bool) -> Way:
    """The cheapest way to give a speed on one kind, at the likely values.

    NaN if no contender of the kind gives it.
    """
    known = machines(question, question.likely, clusters.GROWTH)
    own = [machine for key, machine in known.items() if is_sram(key) == in_sram]
    able = [machine for machine in own if np.isfinite(machine.cost(speed))]
    if not able:
        return Way(np.nan, np.nan, np.nan)
    return min(able, key=lambda machine: float(machine.cost(speed))).way(speed)


@formulary.procedure
def costs(
    question: Question,
    speeds: Sequence[float],
    values: Mapping[str, Any],
    growth: float = GROWTH,
) -> dict[str, Vector]:
    """Cost of a token on each contender, a row for each speed, a column for each sample.

    Infinite where it cannot give the speed.

    Args:
        question: what is asked.
        speeds: output speeds that every user gets.
        values: of all that is uncertain, by name.
        growth: from one batch size that is tried to the next.
    """
    size = max(np.size(value) for value in values.values())
    return {
        key: np.array([np.broadcast_to(machine.cost(speed), size) for speed in speeds])
        for key, machine in machines(question, values, growth).items()
    }
