"""The printed figures of the text under examination, and when a figure agrees with a printed one.

One rule holds for all. A computed figure *equals* the printed one if it lies within
`EQUAL_TOLERANCE` of it, or gives it when rounded to the last digit that is printed; for that the
text must print two digits or more, zeros at the end not counted. It is *rounded* if the printed
figure is a round one, of a single digit or a quarter (25, 75), the computed one gives it when
rounded as coarsely, and the two lie within `ROUNDING_TOLERANCE` of each other. Otherwise it is
*off*.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from reckoner.declare.tables import Text
from reckoner.declare.units import is_unit, rounded, si

EQUAL_TOLERANCE = 0.01
"""Figures that lie within this share of each other are equal, however they are printed."""

ROUNDING_TOLERANCE = 0.15
"""A round figure may lie this share from what was rounded."""

FACT_TOLERANCE = 0.1
"""A source supports a figure that lies within this share of its own."""

ABOUT_TOLERANCE = 0.25
"""What the text calls comparable, or almost equal, lies within this share."""

ODDS = (0.1, 0.9)
"""A claim falls if it holds in no more than the first share of the samples, and stands from the
second on; between them it is open."""

TOLERANCES = {
    "equal": EQUAL_TOLERANCE,
    "rounding": ROUNDING_TOLERANCE,
    "fact": FACT_TOLERANCE,
    "about": ABOUT_TOLERANCE,
    "falls": ODDS[0],
    "stands": ODDS[1],
}
"""All of them by name, for the page that states the rule."""

Agreement = Literal["equal", "rounded", "off"]
Relation = Literal["=", ">", ">=", "<=", "between", "about", "text"]


_FIGURE = re.compile(r"[0-9]+(\.[0-9]+)?(e-?[0-9]+)?(/[0-9]+)?")


class Claim(BaseModel):
    """One printed figure, or one statement: a row of the claims file.

    Attributes:
        id: its name, also that of its anchor on the site.
        chapter: the chapter that examines it.
        section: where the text prints it.
        claim: what it says, in our words.
        printed: as printed, for readers.
        unit: the unit of the printed figure, for readers.
        kind: derived, given, outside or qualitative.
        inputs: what the text derives it from, for readers.
        value: the printed figure as numbers, parted by ";": "305", "1/400", "300; 1.8e6". Their
            digits are those that the text prints.
        value_unit: the units of `value`, parted likewise.
        relation: how computed and printed must compare: "=", ">", ">=", "<=", "between" (two
            values), "about" (within `ABOUT_TOLERANCE`) or "text" (contained in a fact's words).
        result: names of the chapter's results that answer it, parted by ";".
        formula: the formula it was computed with, where printed inputs explain it.
        printed_inputs: that formula's arguments as printed: "cards=300 count; price=@other".
        facts: addresses of the catalog rows that decide it, parted by ";".
        follows: ids of the claims that the text takes it from, parted by ";".
        decides: ids of the claims that may change if it is put right, parted by ";".
        put_right: how these are computed anew: "speed=groq.speed", a parameter of their chapter and
            a catalog row, a name to choose, or "computed" for this claim's own figure. Empty where
            their chapter has it right already.
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
    relation: Relation
    result: str
    formula: str
    printed_inputs: str
    facts: str
    follows: str
    decides: str
    put_right: str
    reason: str

    @model_validator(mode="after")
    def _figures_in_units(self) -> Claim:
        if len(self.values) != len(self.units) or not self.values:
            raise ValueError(f"value: {self.value!r} has not as many figures as units")
        if (self.relation == "text") != (self.units == ["text"]):
            raise ValueError("relation: text goes with the unit text; write both or neither")
        if self.relation == "text":
            return self
        for text, unit in zip(self.values, self.units, strict=True):
            if not _FIGURE.fullmatch(text) or not math.isfinite(_number(text)):
                raise ValueError(f"value: {text!r} is no number such as 305, 1.8e6 or 1/400")
            if not is_unit(unit):
                raise ValueError(f"value_unit: unknown unit {unit!r}")
        if not self.result and not self.facts:
            raise ValueError("result: is empty; name a result, or a row under facts")
        return self

    @property
    def values(self) -> list[str]:
        """The printed figures as they are written."""
        return parts(self.value)

    @property
    def printed_values(self) -> list[float]:
        """The printed figures in base units."""
        return [si(_number(v), u) for v, u in zip(self.values, self.units, strict=True)]

    @property
    def units(self) -> list[str]:
        return parts(self.value_unit)

    @property
    def results(self) -> list[str]:
        return parts(self.result)

    @property
    def parents(self) -> list[str]:
        return parts(self.follows)

    @property
    def changes(self) -> dict[str, str]:
        """The parameters that `put_right` sets, with where their values come from."""
        return dict(_assigned(part) for part in parts(self.put_right))

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments of `formula` as printed."""
        return dict(_assigned(part) for part in parts(self.printed_inputs))


class Again(BaseModel):
    """What decides a claim a second time: a row of the file of second verdicts.

    Attributes:
        id: the claim's.
        chapter: the chapter whose results, under its defaults, decide it.
        result: names of these results, parted by ";"; empty where a fact decides.
        odds: name of the result that is the share of samples in which the claim holds, if any.
        facts: address of the catalog row that decides it, if no result does.
        basis: what the figure rests on: "measured" (by someone other than the seller), "seller's"
            or "modelled".
        reason: one sentence that says what changed; {name} stands for the chapter's result.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text
    chapter: Text
    result: str
    odds: str
    facts: str
    basis: Literal["measured", "seller's", "modelled"]
    reason: Text


def parts(text: str) -> list[str]:
    """The parts of a cell, which semicolons separate."""
    return [part.strip() for part in text.split(";")] if text else []


def _assigned(text: str) -> tuple[str, str]:
    name, _, value = (part.strip() for part in text.partition("="))
    return name, value


def _number(text: str) -> float:
    top, _, bottom = text.partition("/")
    return float(top) / float(bottom) if bottom else float(text)


def equal_as_printed(computed: float, printed: float, step: float) -> bool:
    """Whether `computed`, rounded to a multiple of `step`, is `printed`."""
    if not (math.isfinite(computed) and math.isfinite(printed)):
        return computed == printed
    return abs(float(rounded(computed / step, 0)) * step - printed) <= 1e-6 * step


def distance(computed: float, printed: float) -> float:
    """How far the printed figure lies from the computed one, as a share of it, with its sign."""
    if computed == printed:
        return 0.0
    return printed / computed - 1 if computed else math.inf


def agreement(computed: float, text: str, unit: str) -> Agreement:
    """How a computed figure agrees with a printed one; see the rule above.

    Args:
        computed: in base units.
        text: the figure as printed: "6000", "1/400". One over n is rounded in n.
        unit: its unit.
    """
    off = abs(distance(computed, si(_number(text), unit)))
    if off <= EQUAL_TOLERANCE:
        return "equal"
    top, _, bottom = text.partition("/")
    printed = Decimal(bottom or top).normalize()
    found = computed / si(1.0, unit)
    found = float(top) / found if bottom and found else found
    digits, place = printed.as_tuple().digits, float(Decimal(1).scaleb(printed.adjusted()))
    if len(digits) > 1 and equal_as_printed(found, float(printed), place / 10 ** (len(digits) - 1)):
        return "equal"
    step = {1: place, 2: 2.5 * place if digits in {(2, 5), (7, 5)} else 0}.get(len(digits), 0)
    fits = step and equal_as_printed(found, float(printed), step)
    return "rounded" if fits and off <= ROUNDING_TOLERANCE else "off"
