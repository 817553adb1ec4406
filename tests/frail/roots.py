"""Square roots, which fail below zero, and loudly at seven."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from reckoner.book import Book
from reckoner.declare.formulas import Formulary
from reckoner.declare.parameters import Parameter, Parameters

Count = Annotated[Any, "count"]
PARAMETERS = Parameters(
    (
        Parameter("x", 4.0, "count", "a number", "Its root is taken.", "test", -100.0, 100.0),
        Parameter("times", 1, "count", "a factor", "Multiplies it.", "test", 1, 9),
        Parameter("sign", "plus", "name", "a sign", "A name.", "test", choices=("plus", "minus"),
                  resolve=lambda name: Sign(name, {"plus": 1, "minus": -1}[name])),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Sign:
    name: str
    value: int


@dataclass(frozen=True)
class Conclusions:
    root: Count
    same: Count


def conclude(x: Count, times: Count, sign: Any) -> Conclusions:
    if np.any(x == 7):
        raise ValueError("seven is refused")
    return Conclusions(sign.value * np.sqrt(x) * times, 3)


BOOK = Book("frail", ("roots",), Formulary({}), {}, (), home=__name__)
