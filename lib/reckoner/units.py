"""Units: SI inside, readable at the edge.

A quantity's unit is a string such as ``"B/s"``. `si` turns a value with any known unit into
its base unit, `shown` writes a base-unit value for a reader. GB is 10⁹ bytes, GiB is 2³⁰.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
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


def is_unit(unit: str) -> bool:
    """Whether `unit` is a unit that the book knows."""
    try:
        _factor(unit)
    except (pint.errors.UndefinedUnitError, pint.errors.DefinitionSyntaxError, ValueError):
        return False
    return True


def si(value: Any, unit: str) -> Any:
    """`value` given in `unit`, in the base unit (B, s, W, J, USD, 1 and their ratios)."""
    return value * _factor(unit)


def quantity(value: Any, unit: str) -> Any:
    """`value` in base units as a pint quantity of the dimension of `unit`."""
    units = registry()
    return units.Quantity(value, units.Quantity(1.0, unit).to_base_units().units)


def unit_of(annotation: Any) -> str:
    """The unit that an annotation such as ``Annotated[Any, "B/s"]`` carries.

    Raises:
        TypeError: the annotation carries no unit.
    """
    if get_origin(annotation) is Annotated:
        return str(get_args(annotation)[1])
    raise TypeError(f"{annotation!r} carries no unit: annotate with one of the unit types")


_SI_PREFIXES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
_TIMES = (
    (365.25 * 86400, "years"), (86400, "days"), (3600, "hours"), (1, "s"), (1e-3, "ms"),
    (1e-6, "µs"), (1e-9, "ns"),
)  # fmt: skip
_LARGE = (
    (1e18, " quintillion"), (1e15, " quadrillion"), (1e12, " trillion"), (1e9, " billion"),
    (1e6, " million"),
)  # fmt: skip


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
        digits = self.digits.replace(",", "{,}")
        if self.after == "%":
            return before + digits + r"\,\%"
        return before + digits + (rf"\,\text{{{self.after.strip()}}}" if self.after else "")


def number(value: float, digits: int = 3) -> str:
    """`value` with `digits` significant digits, thousands separated; whole parts kept whole."""
    if not math.isfinite(value):
        return "∞" if value > 0 else ("−∞" if value < 0 else "not a number")
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    if "." in text and float(text.replace(",", "")) == round(float(text.replace(",", ""))):
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def _scaled(value: float, steps: tuple[tuple[float, str], ...], digits: int) -> tuple[str, str]:
    size = abs(float(f"{value:.{digits - 1}e}")) if math.isfinite(value) else value
    scale, name = next((step for step in steps if size >= step[0]), steps[-1])
    if value == 0:
        scale, name = next((step for step in steps if step[0] == 1), steps[-1])
    return number(value / scale, digits), name


def _dollars(value: float, digits: int) -> tuple[str, str]:
    if abs(value) >= 1e6:
        return _scaled(value, _LARGE, digits)
    if abs(value) >= 1000:
        return number(round(value), digits), ""
    return number(value, digits), ""


def _amount(value: float, digits: int) -> tuple[str, str]:
    """Dollars and cents."""
    if 0.01 <= abs(value) < 1000:
        return f"{value:,.2f}".removesuffix(".00"), ""
    return _dollars(value, digits)


def _count(value: float, digits: int) -> tuple[str, str]:
    if abs(value) >= 1e6:
        return _scaled(value, _LARGE, digits)
    whole = value == round(value)
    return number(value, max(digits, 7) if whole else digits), ""


def _with(
    scale: Callable[[float, int], tuple[str, str]], before: str = "", after: str = ""
) -> Callable[[float, int], Shown]:
    def show(value: float, digits: int) -> Shown:
        text, name = scale(value, digits)
        return Shown(text, before, name + after)

    return show


def _prefixed(unit: str) -> Callable[[float, int], Shown]:
    def show(value: float, digits: int) -> Shown:
        text, prefix = _scaled(value, _SI_PREFIXES, digits)
        return Shown(text, "", f" {prefix}{unit}")

    return show


def _time(value: float, digits: int) -> tuple[str, str]:
    text, name = _scaled(value, _TIMES, digits)
    return text, " " + name


_SHOW: dict[str, Callable[[float, int], Shown]] = {
    "B": _prefixed("B"),
    "B/s": _prefixed("B/s"),
    "B/token": _prefixed("B per token"),
    "FLOP": _prefixed("FLOP"),
    "FLOP/s": _prefixed("FLOP/s"),
    "op/s": _prefixed("OP/s"),
    "W": _prefixed("W"),
    "J": _prefixed("J"),
    "Hz": _prefixed("Hz"),
    "s": _with(_time),
    "USD": _with(_amount, "$"),
    "USD/(token/s)": _with(_dollars, "$", " per token/s"),
    "USD/token": lambda value, digits: Shown(
        number(value * 1e6, digits), "$", " per million tokens"
    ),
    "USD/J": lambda value, digits: Shown(number(value * 3.6e6, digits), "$", " per kWh"),
    "USD/(FLOP/s)": lambda value, digits: Shown(number(value * 1e12, digits), "$", " per TFLOP/s"),
    "token/s": _with(_count, after=" token/s"),
    "token": _with(_count, after=" tokens"),
    "token/J": _with(_count, after=" tokens per joule"),
    "request/s": _with(_count, after=" requests/s"),
    "count/s": _with(_count, after=" per second"),
    "word/s": _with(_count, after=" words/s"),
    "op/word": _with(_count, after=" operations per word"),
    "share": lambda value, digits: Shown(number(100 * value, min(digits, 3)), "", "%"),
}


def shown(value: float, unit: str, digits: int = 3) -> Shown:
    """How a reader sees `value`.

    Args:
        value: a finite or infinite number in the base unit.
        unit: its unit; one without a rule of its own is written as a plain number.
        digits: significant digits.
    """
    return _SHOW.get(unit, _with(_count))(float(value), digits)
