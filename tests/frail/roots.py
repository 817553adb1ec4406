"""Square roots, which fail below zero, and loudly at seven."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np

from reckoner.book import Book
from reckoner.declare.formulas import Formulary
from reckoner.declare.parameters import Parameter
from reckoner.declare.worksheet import Lines, worksheet

Count = Annotated[Any, "count"]


@dataclass(frozen=True)
class Sign:
    name: str
    value: int


SIGNS = {name: Sign(name, value) for name, value in (("plus", 1), ("minus", -1))}
NUMBER = partial(
    Parameter, default=4.0, unit="count", label="a number", help="Its root is taken.",
    source="test", low=-100.0, high=100.0,
)  # fmt: skip
TIMES = partial(
    Parameter, default=1, unit="count", label="a factor", help="Multiplies it.",
    source="test", low=1, high=9,
)  # fmt: skip
SIGN = partial(
    Parameter, default="plus", unit="name", label="a sign", help="A name.",
    source="test", choices=tuple(SIGNS), resolve=SIGNS.get,
)  # fmt: skip


@worksheet
def conclude(x: Count = NUMBER, times: Count = TIMES, sign: Any = SIGN) -> Lines:
    """The root of a number."""
    if np.any(x == 7):
        raise ValueError("seven is refused")
    root: Count = sign.value * np.sqrt(x) * times
    same: Count = 3
    return locals()


BOOK = Book("frail", ("roots",), Formulary({}), {}, (), home=__name__)
