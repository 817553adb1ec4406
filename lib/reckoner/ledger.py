"""The ledger: every figure that the text under examination prints, with a computed verdict.

How near is near enough is one rule, in `reckoner.claims`. An arithmetic figure is *reproduced* when
the computed value equals the printed one; *rounded* when the printed one is a rounding of it, or
follows from the text's own printed inputs of which none is itself off; and *differs* otherwise. A
statement about the world is *confirmed* or *contradicted* by a sourced fact, or *unverified* when
no source was seen.

Beside the verdict stands whether it matters: what becomes of the claims that rest on the figure
when it is put right. A figure at fault because it was taken from one at fault is an heir of it.

A claim may be judged a second time, by what a later chapter computes where the text had to assume:
then it *stands* or *falls*, or is *open* where it holds in some samples and not in others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from reckoner.claims import (
    ABOUT_TOLERANCE,
    EQUAL_TOLERANCE,
    FACT_TOLERANCE,
    ODDS,
    Again,
    Claim,
    agreement,
    distance,
    parts,
)
from reckoner.declare.tables import DataError
from reckoner.declare.units import number, roughly, same_dimension, shown, si
from reckoner.judgement import AT_FAULT, Effect, Entry, Second, Verdict, by_odds


@dataclass(frozen=True)
class Conclusions:
    """What a chapter concludes.

    Attributes:
        results: the results, by attribute.
        units: the unit of each.
        given: the parameters that they follow from, as a reader sees them.
    """

    results: Any
    units: Mapping[str, str]
    given: Mapping[str, str] = field(default_factory=dict)

    def words(self, digits: int = 4) -> dict[str, str]:
        """Each parameter and each result as a reader sees it."""
        return self._said(lambda value, unit: str(shown(value, unit, digits)))

    def about(self) -> dict[str, str]:
        """The same where two digits say enough; what is counted stays whole."""
        return self._said(roughly)

    def _said(self, say: Callable[[float, str], str]) -> dict[str, str]:
        results = {
            name: say(getattr(self.results, name), unit)
            for name, unit in self.units.items()
            if getattr(self.results, name) is not None
        }
        return {**self.given, **results}


@dataclass(frozen=True)
class Ledger:
    """Judges claims.

    Args:
        claims: the rows of the claims file.
        conclude: gives a chapter's conclusions under the text's own inputs.
        revise: gives them with some parameters changed, in base units or by name.
        formula: gives a formula's function by its name.
        fact: gives a catalog row by its address.
        again: what decides claims a second time.
        odds: up to which share of samples a claim falls, and from which on it stands.
    """

    claims: tuple[Claim, ...]
    conclude: Callable[[str], Conclusions]
    revise: Callable[[str, Mapping[str, Any]], Conclusions]
    formula: Callable[[str], Callable[..., Any]]
    fact: Callable[[str], Any]
    again: tuple[Again, ...] = ()
    odds: tuple[float, float] = ODDS

    def __getitem__(self, claim_id: str) -> Claim:
        if claim_id not in self._by_id:
            raise KeyError(f"no claim {claim_id!r} in the claims file")
        return self._by_id[claim_id]

    @cached_property
    def _by_id(self) -> dict[str, Claim]:
        return {claim.id: claim for claim in self.claims}

    @cached_property
    def _judged(self) -> dict[str, Verdict]:
        return {}

    def entries(self) -> list[Entry]:
        """The judgement on every claim, in the order of the claims file.

        Raises:
            DataError: a claim or a second verdict names what does not exist.
        """
        for row in self.again:
            if row.id not in self._by_id:
                raise DataError(
                    f"second_verdicts.csv, row {row.id!r}, column 'id': there is no such claim"
                )
        for claim in self.claims:
            for other in (*claim.parents, *parts(claim.decides)):
                self._other(claim, other)
            for address in parts(claim.facts):
                self._fact(claim, "facts", address)
        return [self.entry(claim.id) for claim in self.claims]

    def entry(self, claim_id: str) -> Entry:
        """The judgement on one claim.

        Raises:
            DataError: the claim names a claim, result, formula or fact that does not exist.
        """
        claim = self[claim_id]
        concluded = self._concluded(claim, claim.chapter)
        verdict = self.verdict(claim_id)
        return Entry(
            claim,
            self._figures(claim, concluded),
            verdict,
            "" if verdict == "unverified" else self._off(claim, concluded),
            self._reason(claim, concluded, verdict),
            self._effects(claim, verdict),
            self.slip(claim_id),
            self._again(claim),
        )

    def verdict(self, claim_id: str) -> Verdict:
        """The verdict on one claim."""
        if claim_id not in self._judged:
            claim = self[claim_id]
            self._judged[claim_id] = self._verdict(claim, self._concluded(claim, claim.chapter))
        return self._judged[claim_id]

    def slip(self, claim_id: str) -> str:
        """The fault that a claim inherits: its own id if it begins there, "" if it has none.

        It inherits a fault if its printed inputs give its printed figure, and one of them differs.
        """
        if self.verdict(claim_id) not in AT_FAULT:
            return ""
        claim = self[claim_id]
        if not claim.formula or "off" in _agreements(claim, [self.from_printed(claim)]):
            return claim_id
        parents = [self._other(claim, parent) for parent in claim.parents]
        return next((self.slip(p) for p in parents if self.verdict(p) == "differs"), claim_id)

    def faults(self) -> dict[str, list[str]]:
        """Each fault with its heirs, in the order of the claims file."""
        slips = {claim.id: self.slip(claim.id) for claim in self.claims}
        return {
            slip: [heir for heir, of in slips.items() if of == slip != heir]
            for slip in slips
            if slips[slip] == slip
        }

    def computed_words(self, claim: Claim, concluded: Conclusions) -> str:
        """The figures that `concluded` has for the claim, for readers."""
        return ", ".join(self._figures(claim, concluded))

    def _concluded(self, claim: Claim, chapter: str) -> Conclusions:
        try:
            return self.conclude(chapter)
        except ValueError as error:
            raise _fault(claim, "chapter", str(error)) from None

    def _verdict(self, claim: Claim, concluded: Conclusions) -> Verdict:
        if claim.kind in {"given", "outside"}:
            if not all(row.verified for row in self._facts(claim)):
                return "unverified"
            return "confirmed" if self._supported(claim, concluded) else "contradicted"
        if not self._holds(claim, concluded):
            return "rounded" if self._explained_by_rounding(claim) else "differs"
        exact = claim.relation != "=" or set(self._agreements(claim, concluded)) == {"equal"}
        return "reproduced" if exact else "rounded"

    def _supported(self, claim: Claim, concluded: Conclusions) -> bool:
        if claim.relation == "text":
            return claim.value.lower() in str(self._facts(claim)[0].value).lower()
        close = claim.relation == "=" and all(
            abs(distance(c, p)) <= FACT_TOLERANCE
            for c, p in zip(self._computed(claim, concluded), claim.printed_values, strict=True)
        )
        return close or self._holds(claim, concluded)

    def _holds(self, claim: Claim, concluded: Conclusions) -> bool:
        return self._agrees(claim, self._computed(claim, concluded))

    def _agreements(self, claim: Claim, concluded: Conclusions) -> list[str]:
        return _agreements(claim, self._computed(claim, concluded))

    def _agrees(self, claim: Claim, computed: list[float]) -> bool:
        if claim.relation == "=":
            return "off" not in _agreements(claim, computed)
        value, printed = computed[0], claim.printed_values
        return {
            "about": abs(value / printed[0] - 1) <= ABOUT_TOLERANCE,
            "between": printed[0] <= value <= printed[-1],
            ">": value > printed[0],
            ">=": value >= printed[0],
            "<=": value <= printed[0],
        }[claim.relation]

    def _explained_by_rounding(self, claim: Claim) -> bool:
        """Whether the claim follows from printed inputs, none of which is itself off."""
        others = [self._other(claim, p[1:]) for p in claim.arguments.values() if p[:1] == "@"]
        if not claim.formula or any(self.verdict(other) == "differs" for other in others):
            return False
        return "off" not in _agreements(claim, [self.from_printed(claim)])

    def from_printed(self, claim: Claim) -> float:
        """What the claim's formula gives for the inputs that the text prints, in base units."""
        arguments = {}
        for name, text in claim.arguments.items():
            if text.startswith("@"):
                arguments[name] = self[self._other(claim, text[1:])].printed_values[-1]
            else:
                value, _, unit = text.partition(" ")
                try:
                    arguments[name] = si(float(value), unit or "count")
                except (ValueError, ArithmeticError):
                    raise _fault(claim, "printed_inputs", f"{text!r} is no number") from None
        try:
            return float(self.formula(claim.formula)(**arguments))
        except (KeyError, TypeError) as error:
            raise _fault(claim, "formula", str(error.args[0])) from None

    def _effects(self, claim: Claim, verdict: Verdict) -> tuple[Effect, ...]:
        if verdict in {"reproduced", "confirmed"}:
            return ()
        if verdict == "unverified" and not claim.changes:  # there is nothing to put in its place
            return ()
        targets = [self[self._other(claim, name)] for name in parts(claim.decides)]
        return tuple(self._effect(claim, target) for target in targets)

    def _effect(self, claim: Claim, target: Claim) -> Effect:
        """What becomes of `target`: computed anew, or as its chapter has it where that is right."""
        now = self.conclude(target.chapter)
        if not claim.changes:
            return Effect(target.id, self.computed_words(target, now), not self._holds(target, now))
        own = self._computed(claim, self.conclude(claim.chapter))[0]
        changes = {
            name: own if source == "computed" else self._source(claim, source)
            for name, source in claim.changes.items()
        }
        then = self.revise(target.chapter, changes)
        changed = self._holds(target, then) != self._holds(target, now)
        return Effect(target.id, self.computed_words(target, then), changed)

    def _source(self, claim: Claim, source: str) -> float | str:
        """A row's value in base units; a name of its own where it is no row's address."""
        return float(self._fact(claim, "put_right", source).si) if "." in source else source

    def _again(self, claim: Claim) -> Second | None:
        try:
            return self._second(claim)
        except DataError as error:
            raise DataError(str(error).replace("claims.csv", "second_verdicts.csv", 1)) from None

    def _second(self, claim: Claim) -> Second | None:
        """The judgement by a later chapter: by odds, or within the share called comparable."""
        row = next((row for row in self.again if row.id == claim.id), None)
        if row is None:
            return None
        concluded = self._concluded(claim, row.chapter)
        cells = {"chapter": row.chapter, "result": row.result, "facts": row.facts}
        asked = claim.model_copy(update=cells)
        values = self._computed(asked, concluded)
        figure = self.computed_words(asked, concluded)
        if row.odds:
            odds = asked.model_copy(update={"result": row.odds, "value_unit": "share"})
            share = self._computed(odds, concluded)[0]
            figure += f", in {shown(share, 'share')} of the samples"
        else:
            near = claim.relation == "=" and all(
                abs(c / p - 1) <= ABOUT_TOLERANCE
                for c, p in zip(values, claim.printed_values, strict=True)
            )
            share = float(near or self._agrees(claim, values))
        reason = _filled(claim, row.reason, concluded.words(), row.chapter)
        return Second(figure, row.basis, by_odds(share, self.odds), reason, row.chapter)

    def _figures(self, claim: Claim, concluded: Conclusions) -> tuple[str, ...]:
        if not claim.results or claim.relation == "text":
            return (self._facts(claim)[0].words,)
        values = self._computed(claim, concluded)
        if "/" in claim.value and 0 < values[0] < 1:
            return (f"1/{number(1 / values[0], 4)}",)
        units = [concluded.units[name] for name in claim.results]
        return tuple(str(shown(v, u, 4)) for v, u in zip(values, units, strict=True))

    def _off(self, claim: Claim, concluded: Conclusions) -> str:
        if claim.relation != "=":
            return ""
        values = self._computed(claim, concluded)
        shares = map(distance, values, claim.printed_values)
        visible = EQUAL_TOLERANCE / 100
        found = [(abs(share), share) for share in shares if visible < abs(share) < math.inf]
        if not found:
            return ""
        size, share = max(found)
        return f"printed {shown(size, 'share', 2)} too {'high' if share > 0 else 'low'}"

    def _computed(self, claim: Claim, concluded: Conclusions) -> list[float]:
        for name in claim.results:
            if name not in concluded.units:
                raise _fault(claim, "result", f"chapter {claim.chapter} concludes no {name!r}")
        fact = None if claim.results else self._facts(claim)[0]
        units = [fact.unit] if fact else [concluded.units[name] for name in claim.results]
        for unit, found in zip(claim.units, units, strict=False):
            if not same_dimension(unit, found):
                raise _fault(claim, "value_unit", f"{unit!r} is no unit of what is in {found!r}")
        if fact:
            return [fact.si]
        return [float(getattr(concluded.results, name)) for name in claim.results]

    def _facts(self, claim: Claim) -> list[Any]:
        addresses = parts(claim.facts)
        if not addresses:
            raise _fault(claim, "facts", "needs the address of a catalog row")
        return [self._fact(claim, "facts", address) for address in addresses]

    def _fact(self, claim: Claim, column: str, address: str) -> Any:
        try:
            return self.fact(address)
        except KeyError:
            raise _fault(claim, column, f"the catalog has no row {address!r}") from None

    def _other(self, claim: Claim, claim_id: str) -> str:
        if claim_id not in self._by_id:
            raise _fault(claim, "follows", f"there is no claim {claim_id!r}")
        return claim_id

    def _reason(self, claim: Claim, concluded: Conclusions, verdict: Verdict) -> str:
        reason = claim.reason
        if not reason and verdict == "rounded" and claim.formula:
            reason = f"It follows from the text's own rounded inputs: {claim.inputs}."
        words = concluded.words()
        if claim.facts:
            row, *others = self._facts(claim)
            words |= {"fact": row.words}
            words |= {"other_fact": others[0].words} if others else {}
            if verdict in {"confirmed", "contradicted"}:
                words["source"] = row.source.rstrip(".")
                reason = f"{reason} Source: {{source}}.".lstrip()
        return _filled(claim, reason, words, claim.chapter)


def _agreements(claim: Claim, computed: list[float]) -> list[str]:
    return list(map(agreement, computed, claim.values, claim.units))


def _filled(claim: Claim, reason: str, words: Mapping[str, str], chapter: str) -> str:
    """A reason with the results that it names."""
    try:
        return reason.format_map(words)
    except (KeyError, ValueError, IndexError) as error:
        raise _fault(
            claim, "reason", f"{error} is no result of chapter {chapter}; it has {', '.join(words)}"
        ) from None


def _fault(claim: Claim, column: str, message: str) -> DataError:
    return DataError(f"claims.csv, row {claim.id!r}, column {column!r}: {message}")
