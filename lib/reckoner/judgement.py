"""What a judgement on a claim says: the verdicts, what they mean, and what goes with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reckoner.claims import ODDS, Claim

Verdict = Literal["reproduced", "rounded", "differs", "confirmed", "contradicted", "unverified"]

MEANINGS: dict[Verdict, str] = {
    "reproduced": "come out as printed, or hold by a computed figure;",
    "rounded": "are roundings of what comes out, or follow from other figures so rounded;",
    "differs": "come out otherwise;",
    "confirmed": "are supported by a source;",
    "contradicted": "are contradicted by a source;",
    "unverified": "rest on no source that was seen.",
}
"""What each verdict says of the figures it is given to."""

SecondVerdict = Literal["stands", "open", "falls"]

SECOND_MEANINGS: dict[SecondVerdict, str] = {
    "stands": "still hold with what this book finds instead;",
    "open": "hold in some samples and not in others;",
    "falls": "no longer hold with what this book finds instead.",
}
"""What each second verdict says of the figures it is given to."""

AT_FAULT = frozenset({"differs", "contradicted"})
"""The verdicts on figures that have to be put right."""


@dataclass(frozen=True)
class Second:
    """The second judgement on a claim: the figure, what it rests on, the verdict and why."""

    computed: str
    basis: str
    verdict: SecondVerdict
    reason: str
    chapter: str


@dataclass(frozen=True)
class Effect:
    """What becomes of a claim when a figure that it rests on is put right."""

    claim: str
    computed: str
    changes: bool


@dataclass(frozen=True)
class Entry:
    """A claim with what was computed for it.

    Attributes:
        claim: the claim.
        figures: the computed figures, for readers.
        verdict: the judgement.
        off: how far the printed figure lies from the computed one, for readers; empty where they
            are equal or not to be compared.
        reason: sentences that a reader can check; empty where the figure says it all.
        effects: what becomes of the claims that rest on it once it is put right.
        slip: id of the fault that it inherits; its own where it is one; empty where it is right.
        second: the judgement by a later chapter, where there is one.
    """

    claim: Claim
    figures: tuple[str, ...]
    verdict: Verdict
    off: str
    reason: str
    effects: tuple[Effect, ...] = ()
    slip: str = ""
    second: Second | None = None

    @property
    def computed(self) -> str:
        """The computed figures as one text."""
        return ", ".join(self.figures)

    @property
    def is_heir(self) -> bool:
        return self.slip not in {"", self.claim.id}

    @property
    def matters(self) -> str:
        """Whether a claim that rests on it changes: "yes", "no", "unknown" or, if right, ""."""
        if self.verdict in {"reproduced", "confirmed"}:
            return ""
        if self.claim.decides and not self.effects:
            return "unknown"
        return "yes" if any(effect.changes for effect in self.effects) else "no"


def by_odds(share: float, odds: tuple[float, float] = ODDS) -> SecondVerdict:
    """The second verdict on a claim that holds in a share of the samples."""
    falls, stands = odds
    return "stands" if share >= stands else "falls" if share <= falls else "open"
