"""Who is the cheapest, and with what odds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from inference_economics import inputs
from inference_economics.answer.question import GROWTH, Question, costs, draw
from inference_economics.answer.ranges import Vector
from inference_economics.catalog import value
from inference_economics.catalog.own import is_sram
from inference_economics.formulas.uncertainty import sram_part_of_cost
from inference_economics.quantities import formulary
from inference_economics.units import Ratio, Share, TokensPerSecond

Word = Literal["GPU", "SRAM", "too close to call", "nobody can"]

Flags = npt.NDArray[np.bool_]

NINE_IN_TEN = (0.05, 0.5, 0.95)
"""The shares at whose quantiles a spread is told: its ends and its middle."""

_ROUND = (10.0, 15.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0)
SPEEDS = tuple(sorted({*_ROUND, *(float(f"{speed:.2g}") for speed in np.geomspace(5, 500, 60))}))
"""The speeds at which the answer is looked for."""


@dataclass(frozen=True)
class Answer:
    """What a token costs on each contender, sample by sample, and what follows.

    Attributes:
        speed: output speed that every user gets.
        costs: cost of a token by the contender's key, infinite where it cannot give the speed.
    """

    speed: TokensPerSecond
    costs: Mapping[str, Vector]

    @property
    def kinds(self) -> set[bool]:
        """Of which kinds there are contenders: in SRAM, or not."""
        return {is_sram(key) for key in self.costs}

    def least(self, in_sram: bool) -> Vector:
        """The least cost on SRAM, or on GPUs, in each sample."""
        found = [cost for key, cost in self.costs.items() if is_sram(key) == in_sram]
        size = next(iter(self.costs.values())).shape
        return np.min(found, axis=0) if found else np.full(size, np.inf)

    @property
    def sram(self) -> Vector:
        return self.least(in_sram=True)

    @property
    def gpu(self) -> Vector:
        return self.least(in_sram=False)

    @property
    def able(self) -> Flags:
        """Whether some contender gives the speed, in each sample."""
        return np.isfinite(self.sram) | np.isfinite(self.gpu)

    @property
    def nobody(self) -> Share:
        """The share of samples in which no contender gives the speed."""
        return float(np.mean(~self.able))

    @property
    def sram_odds(self) -> Share:
        """Of the samples in which somebody can, the share with SRAM the cheaper; NaN if none."""
        able = self.able
        return float(np.mean((self.sram < self.gpu)[able])) if able.any() else np.nan

    @property
    def gpu_odds(self) -> Share:
        return 1 - self.sram_odds

    def comparable(self, tolerance: Ratio) -> Share:
        """Of the samples in which somebody can, those whose costs lie within a tolerance."""
        ratios = self.ratios
        near = (1 - tolerance <= ratios) & (ratios <= 1 + tolerance)
        return float(np.mean(near)) if len(ratios) else np.nan

    @property
    def word(self) -> Word:
        """The answer in a word, by the two thresholds of the catalog."""
        decided = value("answer.decided_share")
        if self.nobody > value("answer.nobody_share"):
            return "nobody can"
        if self.sram_odds >= decided:
            return "SRAM"
        return "GPU" if self.gpu_odds >= decided else "too close to call"

    @property
    def part(self) -> Vector:
        """SRAM's part of the two costs in each sample; one half where nobody gives the speed."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.array(np.nan_to_num(sram_part_of_cost(self.sram, self.gpu), nan=0.5))

    @property
    def ratios(self) -> Vector:
        """SRAM's cost over the GPU's in each sample in which somebody gives the speed."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.array((self.sram / self.gpu)[self.able])

    def ratio(self, shares: Sequence[Share]) -> Vector:
        """Ratios that given shares of the samples stay below; NaN if nobody gives the speed."""
        return _quantiles(self.ratios, shares)


def given_in(cost: Vector) -> Share:
    """The share of samples in which there is a cost: some machine gives the speed."""
    return float(np.isfinite(cost).mean())


def mostly(cost: Vector) -> bool:
    """Whether there is a cost in most samples."""
    return bool(given_in(cost) > 0.5)


def quantiles(cost: Vector, shares: Sequence[Share]) -> Vector:
    """Costs that given shares of the samples stay below, of those in which there is one."""
    return _quantiles(cost[np.isfinite(cost)], shares)


def _quantiles(values: Vector, shares: Sequence[Share]) -> Vector:
    if not len(values):
        return np.full(len(shares), np.nan)
    return np.array(np.quantile(values, shares, method="nearest"))


@formulary.procedure
def answers(
    question: Question,
    speeds: Sequence[TokensPerSecond],
    values: Mapping[str, Any],
    growth: float = GROWTH,
) -> list[Answer]:
    """The cost of a token on every chip that competes, in each sample, and who is the cheapest.

    Args:
        question: what is asked.
        speeds: output speeds that every user gets.
        values: the samples, as `draw` gives them.
        growth: from one batch size that is tried to the next.
    """
    found = costs(question, speeds, values, growth)
    return [
        Answer(speed, {key: cost[place] for key, cost in found.items()})
        for place, speed in enumerate(speeds)
    ]


def asked(question: Question, speeds: Sequence[TokensPerSecond] = SPEEDS) -> list[Answer]:
    """The one answer, with the book's own samples: who is the cheapest at each speed.

    Args:
        question: the work, whose costs, and the year.
        speeds: output speeds that every user gets.
    """
    return answers(question, speeds, samples_of(question))


def samples_of(question: Question) -> dict[str, Vector]:
    """The book's own samples: as many as the worksheets draw by default, with their seed."""
    declared = (inputs.SAMPLES("samples"), inputs.SEED("seed"))
    return draw(question, *(each.default for each in declared))


def first_speed(along: Sequence[Answer], word: Word, last: bool = False) -> TokensPerSecond:
    """The first speed, or the last, at which the answer is that word; infinite if it never is.

    Args:
        along: answers at rising speeds.
        word: one of the four.
        last: whether the last one is asked for; zero then if there is none.
    """
    found = [place for place, one in enumerate(along) if one.word == word]
    if not found:
        return 0.0 if last else np.inf
    place = found[-1 if last else 0]
    beside = place + (1 if last else -1)
    return held_towards(along[place], along[beside if 0 <= beside < len(along) else place])


def held_towards(one: Answer, other: Answer) -> TokensPerSecond:
    """How far towards another speed an answer's word holds, to two digits of that side.

    Between the two the share that decides is taken to be straight over the logarithm of the speed.
    A word that no share decides holds at its own speed alone, and so does one beside a speed at
    which nobody can.
    """
    nobody = other.word == "nobody can" != one.word
    if one.word not in _DECIDES or one.word == other.word or nobody:
        return one.speed
    return _two_digits(_where_decided(one, other), down=one.speed < other.speed)


def bands(along: Sequence[Answer]) -> list[tuple[Word, TokensPerSecond]]:
    """Each answer in a word, with the speed from which it is given, at rising speeds."""
    found = [(along[0].word, along[0].speed)]
    for one, other in pairwise(along):
        if one.word != other.word:
            decided = one.word in _DECIDES and other.word != "nobody can"
            pair = (one, other) if decided else (other, one)
            found.append((other.word, held_towards(*pair)))
    return found


_DECIDES: dict[Word, tuple[Callable[[Answer], Share], str]] = {
    "GPU": (lambda one: one.gpu_odds, "answer.decided_share"),
    "SRAM": (lambda one: one.sram_odds, "answer.decided_share"),
    "nobody can": (lambda one: one.nobody, "answer.nobody_share"),
}
"""The share that makes each word the answer, and the catalog's threshold for it."""


def _where_decided(one: Answer, other: Answer) -> TokensPerSecond:
    """The speed between two at which the share for the first one's word falls to its threshold.

    The first one's own speed if the share does not fall so far.
    """
    share, threshold = _DECIDES[one.word]
    high, low, wanted = share(one), share(other), value(threshold)
    if not low < wanted <= high:
        return one.speed
    return one.speed * (other.speed / one.speed) ** ((high - wanted) / (high - low))


def _two_digits(speed: TokensPerSecond, down: bool) -> TokensPerSecond:
    unit = 10.0 ** (math.floor(math.log10(speed)) - 1)
    count = round(speed / unit, 9)
    return float(f"{(math.floor if down else math.ceil)(count) * unit:.2g}")


def ends(along: Sequence[Answer]) -> tuple[TokensPerSecond, TokensPerSecond]:
    """Up to which speed GPUs lead, and from which on SRAM does; zero and infinity if they do not.

    Args:
        along: answers at rising speeds.
    """
    return first_speed(along, "GPU", last=True), first_speed(along, "SRAM")
