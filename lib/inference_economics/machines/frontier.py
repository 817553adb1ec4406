"""The cost of a token against the speed that each request gets, and where two machines cross."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from inference_economics.formulas.equal_speed import cost_of_output_token
from inference_economics.quantities import formulary
from inference_economics.units import (
    Count,
    DollarsPerSecond,
    DollarsPerToken,
    Ratio,
    SecondsPerToken,
    TokensPerSecond,
)
from reckoner.declare.numeric import like, minimum, plain, where


@dataclass(frozen=True)
class Options:
    """Ways to run a chip, one for each width and batch; the first axis runs over them.

    Attributes:
        tensor_parallel: cards that share each layer.
        batch_size: requests that run together on the cluster.
        cards: cards of the cluster.
        speed: output speed of each request.
        card_seconds: work of one card for one output token.
    """

    tensor_parallel: Count
    batch_size: Count
    cards: Count
    speed: TokensPerSecond
    card_seconds: SecondsPerToken


def frontier(options: Options) -> Options:
    """The options to which no other is both as fast and as cheap, slowest first."""
    speed, seconds = plain(options.speed), plain(options.card_seconds)
    order = np.lexsort((seconds, -speed))
    least = np.minimum.accumulate(seconds[order])
    best = order[np.append(True, least[1:] < least[:-1])][::-1]
    best = best[speed[best] > 0]
    return Options(*(np.broadcast_to(x, speed.shape)[best] for x in vars(options).values()))


class Way(NamedTuple):
    """One of the ways to run a chip.

    Attributes:
        requests: those that run together.
        cards: cards of the cluster.
        speed: output speed of each request; it may be more than what was asked.
    """

    requests: Count
    cards: Count
    speed: TokensPerSecond


@dataclass(frozen=True)
class Machine:
    """A chip's ways to run, and what a second of one card costs.

    Attributes:
        options: the ways to run it.
        card_rate: cost of a second of one card.
        time_ratio: true times over those of the options.
    """

    options: Options
    card_rate: DollarsPerSecond
    time_ratio: Ratio = 1.0

    @property
    @formulary.procedure
    def top_speed(self) -> TokensPerSecond:
        """The highest speed that any of the options gives."""
        return np.max(self.options.speed, axis=0) / self.time_ratio

    @formulary.procedure
    def card_seconds(self, target_speed: TokensPerSecond) -> SecondsPerToken:
        """The least work for a token at a speed or faster; infinite above the top speed.

        Args:
            target_speed: output speed of each request; a single one if the options are arrays.
        """
        asked = target_speed * self.time_ratio
        if np.ndim(self.options.speed) > 1:
            enough = self.options.speed >= asked
            seconds = np.min(where(enough, self.options.card_seconds, np.inf), axis=0)
            return self.time_ratio * seconds
        known = frontier(self.options)
        least = where(asked <= 0, 0.0, np.inf)
        steps = zip(known.speed.tolist(), known.card_seconds.tolist(), strict=True)
        for speed, seconds in reversed(list(steps)):
            least = where(asked <= speed, seconds, least)
        return self.time_ratio * least

    def way(self, target_speed: float) -> Way:
        """The cheapest way to give a speed; NaN above the top speed."""
        known = frontier(self.options)
        index = int(np.searchsorted(known.speed, target_speed * self.time_ratio))
        if index == len(known.speed):
            return Way(np.nan, np.nan, np.nan)
        speed = known.speed[index] / self.time_ratio
        return Way(known.batch_size[index], known.cards[index], speed)

    def cost(self, target_speed: TokensPerSecond) -> DollarsPerToken:
        """The least cost of a token at a speed or faster."""
        return cost_of_output_token(self.card_rate, self.card_seconds(target_speed))


SPEEDS = tuple(float(f"{speed:.3g}") for speed in np.geomspace(2, 1000, 128))
"""The speeds at which the crossover is looked for, about a twentieth apart."""


@formulary.procedure
def crossover(sram: Machine, hbm: Machine) -> TokensPerSecond:
    """The lowest of `SPEEDS`, or the GPU's top speed, from which on SRAM costs no more.

    Infinite if there is none. The frontiers depend on no price: what a price decides is which
    ratio of their card-seconds is low enough.
    """
    gpu_top = hbm.top_speed
    alone = where(sram.top_speed > gpu_top, gpu_top, np.inf)
    found: list[tuple[float, Any]] = []
    lowest: Any = np.inf
    with np.errstate(invalid="ignore"):
        for speed in (like(speed, gpu_top) for speed in SPEEDS):
            ratio = sram.card_seconds(speed) / hbm.card_seconds(speed)
            if np.ndim(ratio) or ratio < lowest:
                found.append((speed, ratio))
                lowest = ratio
    best: Any = np.inf
    for speed, ratio in reversed(found):
        best = where(ratio * sram.card_rate <= hbm.card_rate, speed, best)
    return minimum(best, alone)
