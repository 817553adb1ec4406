"""Units: SI inside, readable at the edge.

A quantity's unit is a string such as ``"B/s"``. `si` turns a value with any known unit into
its base unit, `shown` writes a base-unit value for a reader. GB is 10⁹ bytes, GiB is 2³⁰.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import pint

_DEFINITIONS = """
Pi- = 2**50
Ti- = 2**40
Gi- = 2**30
Mi- = 2**20
Ki- = 2**10
E- = 1e18
P- = 1e15
T- = 1e12
G- = 1e9
M- = 1e6
k- = 1e3
m- = 1e-3
u- = 1e-6
n- = 1e-9
second = [time] = s
meter = [length] = m_
gram_si = [mass] = kg_
byte = [information] = B
bit = byte / 8
dollar = [currency] = USD
joule = kg_ * m_**2 / s**2 = J
watt = joule / second = W
hertz = 1 / second = Hz
minute = 60 * second
hour = 3600 * second
day = 24 * hour
year = 365.25 * day
Wh = watt * hour
count = []
ratio = []
share = []
percent = 0.01
token = []
op = []
OP = []
FLOP = []
card = []
chip = []
request = []
word = []
cycle = []
packet = []
image = []
sample = []
hop = []
Mtoken = 1e6
mm = 0.001 * m_
nm = 1e-9 * m_
"""


@cache
def registry() -> pint.UnitRegistry[Any]:
    """The registry of the units that a data file may use."""
    units: pint.UnitRegistry[Any] = pint.UnitRegistry(None)
    units.load_definitions(_DEFINITIONS.strip().splitlines())
    units.formatter.default_format = "~"
    return units


@cache
def _factor(unit: str) -> float:
    return float(registry().Quantity(1.0, unit).to_base_units().magnitude)


_WRITTEN = re.compile(r"[A-Za-z_]+(\^[1-9])?([ */()]+[A-Za-z_]+(\^[1-9])?)*\)?", re.ASCII)
"""How a unit is written: names, one product or quotient after another, small powers."""


def is_unit(unit: str) -> bool:
    """Whether `unit` is a unit that the book knows."""
    if len(unit) > 40 or "**" in unit or not _WRITTEN.fullmatch(unit):
        return False
    try:
        _factor(unit)
    except (pint.errors.UndefinedUnitError, pint.errors.DefinitionSyntaxError, ValueError):
        return False
    return True


def meant_unit(text: str) -> str:
    """The unit that was meant by another spelling, such as TFLOPS or GBps; nothing if unknown."""
    known = [f"{p}{unit}" for p in "kMGTPE" for unit in ("B/s", "B", "FLOP/s", "OP/s", "W", "Hz")]
    for unit in known:
        if text.lower() in {unit.replace("/", each).lower() for each in ("/", "", "p")}:
            return unit
    return ""


def si(value: Any, unit: str) -> Any:
    """`value` given in `unit`, in the base unit (B, s, W, J, USD, 1 and their ratios)."""
    return value * _factor(unit)


def quantity(value: Any, unit: str) -> Any:
    """`value` in base units as a pint quantity of the dimension of `unit`."""
    units = registry()
    return units.Quantity(value, units.Quantity(1.0, unit).to_base_units().units)


def same_dimension(unit: str, other: str) -> bool:
    """Whether two units measure the same kind of thing; false where one is none."""
    try:
        return bool(quantity(1.0, unit).dimensionality == quantity(1.0, other).dimensionality)
    except (pint.errors.PintError, ValueError):
        return False


def unit_of(annotation: Any) -> str:
    """The unit that an annotation such as ``Annotated[Any, "B/s"]`` carries.

    Raises:
        TypeError: the annotation carries no unit.
    """
    if get_origin(annotation) is Annotated:
        return str(get_args(annotation)[1])
    raise TypeError(f"{annotation!r} carries no unit: annotate with one of the unit types")


@dataclass(frozen=True)
class Shown:
    """A value as a reader sees it: the digits, and what stands before and after them."""

    digits: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.before}{self.digits}{self.after}"

    @property
    def latex(self) -> str:
        """The same in LaTeX mathematics."""
        before = self.before.replace("$", r"\$")
        digits = self.digits.replace(",", "{,}").replace("−", "-").replace("∞", r"\infty")
        if self.after == "%":
            return before + digits + r"\,\%"
        return before + digits + (rf"\,\text{{{self.after.strip()}}}" if self.after else "")


_HALF_UP = Context(prec=1000, rounding=ROUND_HALF_UP)
MOST_DECIMALS = 100
"""Decimals that a browser writes at most."""


def rounded(value: float, decimals: int) -> Decimal:
    """A finite `value` with so many decimals, or zeros before the point where they are negative.

    A half goes away from zero, and is a half of the shortest decimal that stands for the float:
    1.005 has three decimals, though the float is a little less. A browser rounds the same way.
    """
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), context=_HALF_UP)


def _decimals(value: float, digits: int) -> int:
    """The decimals that leave `value` so many significant digits."""
    return digits - 1 - Decimal(repr(float(value))).adjusted()


def number(value: float, digits: int = 3) -> str:
    """`value` with `digits` significant digits, thousands separated; whole parts kept whole."""
    if not math.isfinite(value):
        return "∞" if value > 0 else ("−∞" if value < 0 else "not a number")
    if value == 0:
        return "0"
    return _written(value, min(max(0, _decimals(value, digits)), MOST_DECIMALS))


def _written(value: float, decimals: int) -> str:
    return re.sub(r"\.0+$", "", f"{rounded(value, decimals):,f}").replace("-", "−")


@dataclass(frozen=True)
class Rule:
    """How values of one unit are written for a reader; also used by the pages' script.

    Attributes:
        before: what stands before the digits.
        after: what stands after the scale's name.
        steps: scales with their names, from large to small.
        factor: what a value is multiplied by first.
        whole: whole values below the first scale keep all their digits.
        cents: amounts of money are written with cents below 1,000, without from there on.
    """

    before: str = ""
    after: str = ""
    steps: tuple[tuple[float, str], ...] = ((1.0, ""),)
    factor: float = 1.0
    whole: bool = False
    cents: bool = False

    def show(self, value: float, digits: int) -> Shown:
        """`value` with `digits` significant digits."""
        value *= self.factor
        scale, name = self._step(value, digits)
        return Shown(self._digits(value / scale, digits, scale), self.before, name + self.after)

    def _step(self, value: float, digits: int) -> tuple[float, str]:
        if value == 0 or not math.isfinite(value):
            return next((step for step in self.steps if step[0] == 1), self.steps[-1])
        size = abs(float(rounded(value, _decimals(value, digits))))
        return next((step for step in self.steps if size >= step[0]), self.steps[-1])

    def _digits(self, value: float, digits: int, scale: float) -> str:
        if scale == 1 and math.isfinite(value):
            if self.cents and abs(value) >= 0.01:
                return _written(value, 2 if abs(value) < 1000 else 0)
            if self.whole and value.is_integer():
                return number(value, max(digits, 7))
        return number(value, digits)


_LARGE = (
    (1e18, " quintillion"), (1e15, " quadrillion"), (1e12, " trillion"), (1e9, " billion"),
    (1e6, " million"), (1.0, ""),
)  # fmt: skip
_TIMES = (
    (365.25 * 86400, " years"), (86400.0, " days"), (3600.0, " hours"), (1.0, " s"),
    (1e-3, " ms"), (1e-6, " µs"), (1e-9, " ns"),
)  # fmt: skip
_COUNT = Rule(steps=_LARGE, whole=True)


def _prefixed(unit: str) -> Rule:
    prefixes = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
    return Rule(steps=(*((scale, f" {p}{unit}") for scale, p in prefixes), (1.0, f" {unit}")))


def _counted(after: str) -> Rule:
    return Rule(after=after, steps=_LARGE, whole=True)


_RULES: dict[str, Rule] = {
    "B": _prefixed("B"),
    "B/s": _prefixed("B/s"),
    "B/token": _prefixed("B per token"),
    "FLOP": _prefixed("FLOP"),
    "FLOP/s": _prefixed("FLOP/s"),
    "op/s": _prefixed("OP/s"),
    "W": _prefixed("W"),
    "J": _prefixed("J"),
    "Hz": _prefixed("Hz"),
    "s": Rule(steps=_TIMES),
    "USD": Rule(before="$", steps=_LARGE, cents=True),
    "USD/(token/s)": Rule(before="$", after=" per token/s", steps=_LARGE),
    "USD/token": Rule(before="$", after=" per million tokens", factor=1e6),
    "USD/s": Rule(before="$", after=" per hour", factor=3600.0),
    "s/token": Rule(after=" hours per million tokens", factor=1e6 / 3600.0),
    "USD/J": Rule(before="$", after=" per kWh", factor=3.6e6),
    "USD/(FLOP/s)": Rule(before="$", after=" per TFLOP/s", factor=1e12),
    "token/s": _counted(" token/s"),
    "token": _counted(" tokens"),
    "token/J": _counted(" tokens per joule"),
    "request/s": _counted(" requests/s"),
    "count/s": _counted(" per second"),
    "word/s": _counted(" words/s"),
    "op/word": _counted(" operations per word"),
    "share": Rule(after="%", factor=100.0),
}


_BASE_UNITS = {
    "USD": "USD", "token/s": "token/s", "B": "B", "B/s": "B/s", "Gbit/s": "B/s", "OP/s": "op/s",
    "op/s": "op/s", "FLOP/s": "FLOP/s", "USD/kWh": "USD/J", "USD/Mtoken": "USD/token", "year": "s",
    "W": "W", "s": "s", "ms": "s", "us": "s", "token": "token", "EOP/s": "op/s",
    "TOP/s": "op/s", "share": "share", "percent": "share", "USD/(token/s)": "USD/(token/s)",
    "USD/hour": "USD/s",
}  # fmt: skip


def base_unit(unit: str) -> str:
    """The base unit whose rule writes values that are given in `unit`."""
    if unit in _BASE_UNITS:
        return _BASE_UNITS[unit]
    prefixed = re.fullmatch(r"[EPTGMk]i?(B|B/s|FLOP/s|OP/s|W)", unit)
    return {"OP/s": "op/s"}.get(prefixed[1], prefixed[1]) if prefixed else "count"


def rule(unit: str) -> Rule:
    """How values in base unit `unit` are written; a plain number where there is no rule."""
    return _RULES.get(unit, _COUNT)


def shown(value: float, unit: str, digits: int = 3) -> Shown:
    """How a reader sees `value`.

    Args:
        value: a finite or infinite number in the base unit.
        unit: its unit; one without a rule of its own is written as a plain number.
        digits: significant digits.
    """
    return rule(unit).show(float(value), digits)


def roughly(value: float, unit: str) -> str:
    """How a reader sees it to two digits: money and ratios rounded too, counts whole."""
    rounds = unit == "ratio" or unit.startswith("USD")
    return str(shown(float(f"{value:.2g}") if rounds else value, unit, digits=2))


def compared(ratio: float, more: str = "more", less: str = "less") -> str:
    """A ratio of two amounts as a reader would say it, before the second of them.

    Args:
        ratio: the first amount over the second, above zero.
        more: what the first is where it is a little larger, such as "dearer".
        less: what it is where it is smaller, such as "cheaper".

    Returns:
        "5.4 times as much as", "20% more than", "about as much as", "10% less than" or
        "6,600 times less than".
    """
    if ratio >= 1.5:
        return f"{roughly(ratio, 'ratio')} times as much as"
    if ratio < 2 / 3:
        return f"{roughly(1 / ratio, 'ratio')} times {less} than"
    if abs(ratio - 1) < 0.005:
        return "about as much as"
    return f"{shown(abs(ratio - 1), 'share', 2)} {more if ratio > 1 else less} than"


def some(number: float, noun: str) -> str:
    """A count with its noun: "1 card", "305 cards"."""
    return f"{shown(number, 'count')} {noun}{'' if number == 1 else 's'}"


_NOUNS = {"card", "chip", "cycle", "day", "hop", "image", "packet", "request", "sample", "token"}
_NOUNS |= {"word", "year"}
_WRITTEN_UNITS = {"us": " µs", "percent": "%", "count": "", "ratio": "", "share": ""}
_PER = {"/Mtoken": " per million tokens", "/token": " per token", "/(token/s)": " per token/s"}
_CALENDAR = 1500.0
"""From here on a number of years is a year."""


def as_given(value: float, unit: str) -> str:
    """A value in the unit in which its source has it: "3.35 TB/s", "1 card", "$30 per hour".

    Where that takes many zeros it is written in a unit that suits its size.
    """
    text = f"{value:,.7g}"
    if unit == "USD" or "e" in text:
        written = shown(si(value, unit), base_unit(unit), 4)
        digits = trimmed(written.digits) if written.after else written.digits
        return f"{written.before}{digits}{written.after}"
    if unit.startswith("USD"):
        per = unit.removeprefix("USD")
        cents = "0" if re.search(r"\.\d$", text) else ""
        return f"${text}{cents}{_PER.get(per, per.replace('/', ' per '))}"
    if unit == "year" and value >= _CALENDAR:
        return text.replace(",", "")
    noun = f" {unit}{'' if value == 1 else 's'}" if unit in _NOUNS else f" {unit}"
    return text + _WRITTEN_UNITS.get(unit, noun.replace("^2", "²"))


def trimmed(digits: str) -> str:
    """Written digits without zeros at the end of their decimals."""
    return re.sub(r"(\.\d*?)0+$", r"\1", digits).removesuffix(".") if "." in digits else digits


def turned(ratio: float, more: str, less: str) -> tuple[float, str]:
    """A ratio to be read, turned over where it is below one, and the words that go with it.

    Args:
        ratio: how many times as much the one is as the other.
        more: the words where it is one or more, such as "times as much as".
        less: the words where it is turned over, such as "times cheaper than".
    """
    return (1 / ratio, less) if 0 < ratio < 1 else (ratio, more)
