"""What the article foresaw, scored by what happened.

A score is computed, never typed: a prediction names what is measured, what it is held against
and how the two must compare; each is a catalog row or a result of the chapter `hindsight`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from inference_economics import catalog
from inference_economics.answer.odds import answers, samples_of
from inference_economics.answer.question import of_article
from inference_economics.answer.ranges import SHEET
from inference_economics.quantities import DATA
from reckoner.claims import ABOUT_TOLERANCE
from reckoner.declare.tables import Constant, DataError, Text, read_rows
from reckoner.declare.units import base_unit, shown, si

Score = Literal["came true", "did not", "open"]

SIGNS: dict[Score, str] = {"came true": "✓", "did not": "✗", "open": "?"}


COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


class Prediction(BaseModel):
    """A row of predictions.csv.

    Attributes:
        id: its name.
        section: where the article says it.
        prediction: what it says, in our words.
        measure: what decides: a catalog address, "@" and a result of the chapter, or nothing
            where no source decides.
        relation: how the measure must compare with `against` for the prediction to have come
            true; "about" is within the ledger's tolerance for what a text calls comparable.
        against: an address, "@" and a result, a number with its unit, or a text to be found.
        sources: addresses of further rows, or "@" and a result, on which the score rests, parted
            by ";".
        reason: sentences that say why; {measure}, {against} and {fact}, the first of the
            sources, stand for what they are.
        when: for a prediction that nothing measures yet, what would decide it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Text
    section: Text
    prediction: Text
    measure: str
    relation: Literal["", ">", ">=", "<=", "<", "about", "contains"]
    against: str
    sources: str
    reason: Text
    when: str

    @model_validator(mode="after")
    def _open_until(self) -> Prediction:
        if bool(self.measure) == bool(self.when):
            raise ValueError("when: says what would decide a prediction that has no measure")
        for name in ("relation", "against"):
            if bool(getattr(self, name)) != bool(self.measure):
                raise ValueError(f"{name}: goes with a measure; fill both or neither")
        return self

    @property
    def rows(self) -> list[Constant]:
        """Every catalog row on which the score rests."""
        named = [self.measure, self.against, *filter(None, self.sources.split(";"))]
        found = catalog.constants()
        further = [name for name in self.sources.split(";") if name and name[0] != "@"]
        missing = [name for name in further if name not in found]
        if missing:
            raise DataError(f"predictions.csv, row {self.id!r}: no constant {missing[0]!r}")
        return [found[name] for name in named if name in found]


ANSWER, BY_COMPUTE = "@answer", "@answer_by_compute"
"""Measures: the median ratio of costs of the one answer, and the same where a Groq card costs what
the article takes it to cost by its compute."""


@dataclass(frozen=True)
class Scored:
    """A prediction with its score.

    Attributes:
        prediction: the prediction.
        score: "came true" if the measure compares with what it is held against as foreseen,
            "did not" if it does not, and "open" if no source decides or one was not seen.
        reason: why, for readers.
    """

    prediction: Prediction
    score: Score
    reason: str


def predictions() -> list[Prediction]:
    """The article's predictions, in the order of the page that scores them."""
    return read_rows(DATA / "predictions.csv", Prediction, unique=("id", "prediction"))


def scored(results: Any, units: Mapping[str, str]) -> Iterator[Scored]:
    """Every prediction with its score.

    Args:
        results: what the chapter `hindsight` concludes.
        units: the unit of each of its results.
    """
    return (score(prediction, results, units) for prediction in predictions())


def score(prediction: Prediction, results: Any, units: Mapping[str, str]) -> Scored:
    """One prediction with its score.

    Raises:
        DataError: it names a row or a result that does not exist, or a text as a number.
    """

    def value(name: str) -> tuple[Any, str]:
        """What a name stands for, and the unit that a reader sees it in."""
        found = catalog.constants().get(name)
        if found is not None:
            return (
                (found.value, "text")
                if isinstance(found.value, str)
                else (found.si, base_unit(found.unit))
            )
        if name in (ANSWER, BY_COMPUTE):
            return _answer(name == BY_COMPUTE), "ratio"
        if name.startswith("@"):
            if name[1:] not in units:
                raise _fault(prediction, f"the chapter concludes no {name[1:]!r}")
            return getattr(results, name[1:]), units[name[1:]]
        if prediction.relation == "contains":
            return name, "text"
        number, _, unit = name.partition(" ")
        try:
            return si(float(number), unit), base_unit(unit)
        except ValueError:
            raise _fault(prediction, f"{name!r} is no address, result or number") from None

    words = {}
    if prediction.sources:
        words["fact"] = _words(*value(prediction.sources.split(";")[0]))
    decided: Score = "open"
    if prediction.measure:
        measure, against = value(prediction.measure), value(prediction.against)
        words |= {"measure": _words(*measure), "against": _words(*against)}
        if all(row.verified for row in prediction.rows):
            holds = _holds(prediction.relation, measure[0], against[0])
            decided = "came true" if holds else "did not"
    return Scored(prediction, decided, prediction.reason.format_map(words))


@cache
def _answer(by_compute: bool) -> float:
    """The one answer's median ratio of costs for a buyer, at the speed of the article's GPUs."""
    speed, values = SHEET.parameters.base({})["target_speed"], samples_of(of_article())
    if by_compute:
        price = catalog.value("article.groq_card_price")
        values |= {"groq_lpu.price": np.full_like(values["groq_lpu.price"], price)}
    return float(answers(of_article(), [speed], values)[0].ratio([0.5])[0])


def _holds(relation: str, measure: Any, against: Any) -> bool:
    if relation == "contains":
        return str(against).lower() in str(measure).lower()
    if relation == "about":
        return bool(abs(measure / against - 1) <= ABOUT_TOLERANCE)
    return bool(COMPARE[relation](measure, against))


def _words(value: Any, unit: str) -> str:
    return value if unit == "text" else str(shown(value, unit))


def _fault(prediction: Prediction, message: str) -> DataError:
    return DataError(f"predictions.csv, row {prediction.id!r}: {message}")
