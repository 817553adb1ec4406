"""The ledger: every figure that the text under examination prints, with a computed verdict.

An arithmetic figure is *reproduced* when the computed value, rounded as the figure is printed,
equals it; *rounded* when it follows from the text's own printed inputs, none of which is itself
off; and *differs* otherwise. A statement about the world is *confirmed* or *contradicted* by a
sourced fact, or *unverified* when no source was seen.

A figure may be judged a second time, by what a later chapter computes from measurements where the
text had to assume: then it *stands* or *falls*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from reckoner.declare.tables import DataError, Text
from reckoner.declare.units import number, rounded, shown, si

Verdict = Literal["reproduced", "rounded", "differs", "confirmed", "contradicted", "unverified"]

MEANINGS: dict[Verdict, str] = {
    "reproduced": "come out as printed once rounded, or hold by a computed figure;",
    "rounded": "follow from other figures that the text had rounded;",
    "differs": "come out otherwise;",
    "confirmed": "are supported by a source;",
    "contradicted": "are contradicted by a source;",
    "unverified": "rest on no source that was seen.",
}
"""What each verdict says of the figures it is given to."""

SecondVerdict = Literal["stands", "falls"]

SECOND_MEANINGS: dict[SecondVerdict, str] = {
    "stands": "still hold with measured inputs;",
    "falls": "no longer hold with measured inputs.",
}
"""What each second verdict says of the figures it is given to."""

FACT_TOLERANCE = 0.1
"""A fact is confirmed when it equals the figure as printed, or lies within this share of it."""

ABOUT_TOLERANCE = 0.25
"""What the text calls comparable, or almost equal, lies within this share."""


class Claim(BaseModel):
    """One printed figure: a row of the claims file.

    Attributes:
        id: its name, also that of its anchor on the site.
        chapter: the chapter that examines it.
        section: where the text prints it.
        claim: what it says, in our words.
        printed: as printed, for readers.
        unit: the unit of the printed figure, for readers.
        kind: derived, given, outside or qualitative.
        inputs: what the text derives it from, for readers.
        value: the printed figure as numbers, parted by ";": "305", "1/400", "300; 1.8e6".
        value_unit: the units of `value`, parted likewise.
        step: the place to which each is rounded in print (of the denominator for 1/n).
        relation: how computed and printed must compare: "=", ">", ">=", "<=", "about" (within
            `ABOUT_TOLERANCE`), "magnitude" (from one to a thousand of the unit) or "text".
        result: names of the chapter's results that answer it, parted by ";".
        formula: the formula it was computed with, where printed inputs explain it.
        printed_inputs: that formula's arguments as printed: "cards=300 count; price=@other".
        facts: addresses of the catalog rows that decide it, parted by ";".
        reason: one sentence that says why; {name} stands for the chapter's result.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text
    chapter: Text
    section: Text
    claim: Text
    printed: Text
    unit: str
    kind: Literal["derived", "given", "outside", "qualitative"]
    inputs: str
    value: str
    value_unit: str
    step: str
    relation: Literal["=", ">", ">=", "<=", "about", "magnitude", "text"]
    result: str
    formula: str
    printed_inputs: str
    facts: str
    reason: str

    @property
    def printed_values(self) -> list[float]:
        """The printed figures in base units."""
        return [si(_number(v), u) for v, u in zip(_parts(self.value), self.units, strict=True)]

    @property
    def units(self) -> list[str]:
        return _parts(self.value_unit)

    @property
    def results(self) -> list[str]:
        return _parts(self.result)


class Measured(BaseModel):
    """What decides a claim a second time: a row of the file of second verdicts.

    Attributes:
        id: the claim's.
        chapter: the chapter whose results, under its defaults, stand against the printed figures.
        result: names of these results, parted by ";".
        reason: one sentence that says what changed; {name} stands for the chapter's result.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text
    chapter: Text
    result: Text
    reason: Text


@dataclass(frozen=True)
class Second:
    """The second judgement on a claim: the figure from measurements, the verdict and why."""

    computed: str
    verdict: SecondVerdict
    reason: str
    chapter: str


@dataclass(frozen=True)
class Entry:
    """A claim with what was computed for it.

    Attributes:
        claim: the claim.
        figures: the computed figures, for readers.
        verdict: the judgement.
        reason: one sentence that a reader can check; empty where the figure says it all.
        second: the judgement by measured inputs, where there is one.
    """

    claim: Claim
    figures: tuple[str, ...]
    verdict: Verdict
    reason: str
    second: Second | None = None

    @property
    def computed(self) -> str:
        """The computed figures as one text."""
        return ", ".join(self.figures)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";")] if text else []


def _number(text: str) -> float:
    top, _, bottom = text.partition("/")
    return float(top) / float(bottom) if bottom else float(text)


def equal_as_printed(computed: float, printed: float, step: float, reciprocal: bool) -> bool:
    """Whether `computed`, rounded to a multiple of `step`, is `printed`.

    Args:
        computed: the computed figure.
        printed: the printed one, in the same unit.
        step: the place of its last printed digit, in the same unit.
        reciprocal: the figure is printed as 1/n and rounded in n.
    """
    if not (math.isfinite(computed) and math.isfinite(printed)):
        return computed == printed
    if reciprocal:
        computed, printed = 1 / computed, 1 / printed
    return abs(float(rounded(computed / step, 0)) * step - printed) <= 1e-6 * step


def _agrees(claim: Claim, computed: list[float]) -> bool:
    if claim.relation == "=":
        steps = _parts(claim.step)
        return all(
            equal_as_printed(c, p, step if "/" in text else si(step, unit), "/" in text)
            for c, p, step, unit, text in zip(
                computed,
                claim.printed_values,
                map(float, steps),
                claim.units,
                _parts(claim.value),
                strict=True,
            )
        )
    value, printed = computed[0], claim.printed_values[0]
    if claim.relation == "magnitude":
        return 1 <= value / printed < 1000
    if claim.relation == "about":
        return abs(value / printed - 1) <= ABOUT_TOLERANCE
    return {">": value > printed, ">=": value >= printed, "<=": value <= printed}[claim.relation]


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
        results = {
            name: str(shown(getattr(self.results, name), unit, digits))
            for name, unit in self.units.items()
        }
        return {**self.given, **results}


@dataclass(frozen=True)
class Ledger:
    """Judges claims.

    Args:
        claims: the rows of the claims file.
        conclude: gives a chapter's conclusions under the text's own inputs.
        formula: gives a formula's function by its name.
        fact: gives a catalog row by its address.
        measured: what decides claims a second time.
    """

    claims: tuple[Claim, ...]
    conclude: Callable[[str], Conclusions]
    formula: Callable[[str], Callable[..., Any]]
    fact: Callable[[str], Any]
    measured: tuple[Measured, ...] = ()

    def __getitem__(self, claim_id: str) -> Claim:
        for claim in self.claims:
            if claim.id == claim_id:
                return claim
        raise KeyError(f"no claim {claim_id!r} in the claims file")

    def entries(self) -> list[Entry]:
        """The judgement on every claim, in the order of the claims file."""
        return [self.entry(claim.id) for claim in self.claims]

    def entry(self, claim_id: str) -> Entry:
        """The judgement on one claim.

        Raises:
            DataError: the claim names a result, formula or fact that does not exist.
        """
        claim = self[claim_id]
        concluded = self.conclude(claim.chapter)
        return Entry(
            claim,
            self._figures(claim, concluded),
            self._verdict(claim, concluded),
            self._reason(claim, concluded),
            self._second(claim),
        )

    def _second(self, claim: Claim) -> Second | None:
        """The judgement by measured inputs: as printed, or within the share called comparable."""
        row = next((row for row in self.measured if row.id == claim.id), None)
        if row is None:
            return None
        concluded = self.conclude(row.chapter)
        asked = claim.model_copy(update={"chapter": row.chapter, "result": row.result})
        values = self._computed(asked, concluded)
        close = _close(claim, values, ABOUT_TOLERANCE)
        verdict: SecondVerdict = "stands" if close or _agrees(claim, values) else "falls"
        reason = _filled(claim, row.reason, concluded.words(), row.chapter)
        return Second(self.computed_words(asked, concluded), verdict, reason, row.chapter)

    def computed_words(self, claim: Claim, concluded: Conclusions) -> str:
        """The figures that `concluded` has for the claim, for readers."""
        return ", ".join(self._figures(claim, concluded))

    def _figures(self, claim: Claim, concluded: Conclusions) -> tuple[str, ...]:
        if claim.relation == "text":
            return (str(self._facts(claim)[0].value),)
        values = self._computed(claim, concluded)
        if not claim.results:
            return (_row_words(self._facts(claim)[0]),)
        units = [concluded.units[name] for name in claim.results]
        if "/" in claim.value and 0 < values[0] < 1:
            return (f"1/{number(1 / values[0], 4)}",)
        return tuple(str(shown(v, u, 4)) for v, u in zip(values, units, strict=True))

    def _computed(self, claim: Claim, concluded: Conclusions) -> list[float]:
        missing = [name for name in claim.results if name not in concluded.units]
        if missing:
            raise _fault(claim, "result", f"chapter {claim.chapter} concludes no {missing[0]!r}")
        if claim.results:
            return [float(getattr(concluded.results, name)) for name in claim.results]
        return [self._facts(claim)[0].si]

    def _facts(self, claim: Claim) -> list[Any]:
        addresses = _parts(claim.facts)
        if not addresses:
            raise _fault(claim, "facts", "needs the address of a catalog row")
        return [self.fact(address) for address in addresses]

    def _verdict(self, claim: Claim, concluded: Conclusions) -> Verdict:
        if claim.kind in {"given", "outside"}:
            return self._fact_verdict(claim, concluded)
        if _agrees(claim, self._computed(claim, concluded)):
            return "reproduced"
        return "rounded" if self._explained_by_rounding(claim) else "differs"

    def _explained_by_rounding(self, claim: Claim) -> bool:
        """Whether the claim follows from printed inputs, none of which is itself off."""
        if not claim.formula:
            return False
        arguments: dict[str, float] = {}
        for assignment in _parts(claim.printed_inputs):
            name, _, text = (part.strip() for part in assignment.partition("="))
            if text.startswith("@"):
                other = self[text[1:]]
                if self.entry(other.id).verdict == "differs":
                    return False
                arguments[name] = other.printed_values[-1]
            else:
                value, _, unit = text.partition(" ")
                arguments[name] = si(float(value), unit or "count")
        return _agrees(claim, [float(self.formula(claim.formula)(**arguments))])

    def _fact_verdict(self, claim: Claim, concluded: Conclusions) -> Verdict:
        rows = self._facts(claim)
        if not all(row.verified for row in rows):
            return "unverified"
        if claim.relation == "text":
            agrees = claim.value.lower() in str(rows[0].value).lower()
        else:
            computed = self._computed(claim, concluded)
            agrees = _agrees(claim, computed) or _close(claim, computed)
        return "confirmed" if agrees else "contradicted"

    def _reason(self, claim: Claim, concluded: Conclusions) -> str:
        if not claim.reason and self._verdict(claim, concluded) == "rounded":
            return f"It follows from the text's own rounded inputs: {claim.inputs}."
        words = concluded.words()
        if claim.facts:
            row, *others = self._facts(claim)
            words |= {"fact": _row_words(row), "source": row.source}
            words |= {"other_fact": _row_words(others[0])} if others else {}
        return _filled(claim, claim.reason, words, claim.chapter)


def _filled(claim: Claim, reason: str, words: Mapping[str, str], chapter: str) -> str:
    """A reason with the results that it names."""
    try:
        return reason.format_map(words)
    except (KeyError, ValueError, IndexError) as error:
        raise _fault(
            claim, "reason", f"{error} is no result of chapter {chapter}; it has {', '.join(words)}"
        ) from None


def _row_words(row: Any) -> str:
    if isinstance(row.value, str):
        return row.value
    if row.unit == "USD":
        return str(shown(row.value, "USD"))
    return f"{row.value:,.6g} {row.unit}".removesuffix(" count")


def _close(claim: Claim, computed: list[float], share: float = FACT_TOLERANCE) -> bool:
    return claim.relation == "=" and all(
        abs(c / p - 1) <= share for c, p in zip(computed, claim.printed_values, strict=True)
    )


def _fault(claim: Claim, column: str, message: str) -> DataError:
    return DataError(f"claims.csv, row {claim.id!r}, column {column!r}: {message}")
