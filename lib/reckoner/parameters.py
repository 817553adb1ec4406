"""Declared parameters: what a chapter may be rerun with, said once.

From a declaration come the chapter's parameters cell, its check and its help.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reckoner.units import base_unit, shown, si


class ParameterError(ValueError):
    """A parameter is wrong. The message names it, and says what is allowed."""


@dataclass(frozen=True)
class Parameter:
    """One input of a chapter.

    Attributes:
        name: its name in code.
        default: the article's value.
        unit: the unit a reader gives it in; "name" for one chosen by name.
        label: what it is, in a few words.
        help: one sentence more.
        source: where the default comes from.
        low: smallest value allowed.
        high: largest value allowed.
        choices: the names allowed, for a parameter chosen by name.
        resolve: turns a name into what the chapter's function takes.
        follows: the parameter chosen by name, and the quantity of the record chosen there, from
            which this number comes when it is not given; given, it replaces that quantity.
    """

    name: str
    default: float | int | str
    unit: str
    label: str
    help: str
    source: str
    low: float = 0.0
    high: float = math.inf
    choices: Sequence[str] = ()
    resolve: Callable[[str], Any] | None = None
    follows: tuple[str, str] | None = None

    @property
    def type_name(self) -> str:
        return type(self.default).__name__

    def check(self, value: Any) -> Any:
        """`value` with the declared type.

        Raises:
            ParameterError: wrong type, out of bounds, not finite, or an unknown name.
        """
        if isinstance(self.default, str):
            return self._checked_name(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ParameterError(f"{self.name}: expected {self._expected()}; got {value!r}")
        whole = isinstance(self.default, int)
        if not math.isfinite(value) or (whole and value != int(value)):
            raise ParameterError(f"{self.name}: expected {self._expected()}; got {value!r}")
        if not self.low <= value <= self.high:
            raise ParameterError(f"{self.name}: expected {self._expected()}; got {value!r}")
        return int(value) if whole else float(value)

    def _checked_name(self, value: Any) -> str:
        if value in self.choices:
            return str(value)
        raise ParameterError(
            f"{self.name}: {value!r} is none of the names that can be chosen here"
            f"{_nearest(str(value), self.choices)}. Known: {', '.join(self.choices)}"
        )

    def _expected(self) -> str:
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        upper = f" to {self.high:g}" if math.isfinite(self.high) else " or more"
        return f"{kind} of {self.low:g}{upper} ({self.unit})"

    def of(self, record: Any) -> float | None:
        """The number that a record has for a parameter that follows it, if it has one."""
        assert self.follows is not None, f"{self.name} follows nothing"
        known = record.values.get(self.follows[1])
        return None if known is None else float(f"{known / si(1.0, self.unit):.12g}")

    def base(self, value: Any) -> Any:
        """`value` as the chapter's function takes it: in base units, or resolved."""
        if self.resolve is not None:
            return self.resolve(value)
        return value if isinstance(self.default, str) else si(value, self.unit)

    def words(self, value: Any) -> str:
        """A checked `value` as a reader sees it."""
        if self.resolve is not None:
            return str(self.resolve(value).name)
        if isinstance(value, str):
            return value
        return str(shown(si(value, self.unit), base_unit(self.unit)))


@dataclass(frozen=True)
class Parameters:
    """All inputs of a chapter.

    Args:
        declared: its parameters, in the order of its cell.
    """

    declared: tuple[Parameter, ...]

    def __iter__(self) -> Any:
        return iter(self.declared)

    @property
    def defaults(self) -> dict[str, Any]:
        return {parameter.name: parameter.default for parameter in self.declared}

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values, checked, with defaults for those that are not given.

        Raises:
            ParameterError: a name is unknown or a value is wrong.
        """
        names = list(self.defaults)
        for name in values:
            if name not in names:
                raise ParameterError(
                    f"no parameter {name!r}{_nearest(name, names)}. Known: {', '.join(names)}"
                )
        given = {**self.defaults, **values}
        checked = {p.name: p.check(given[p.name]) for p in self if not p.follows}
        for p in self:
            if p.follows:
                value = values.get(p.name)
                checked[p.name] = p.check(self._followed(p, checked) if value is None else value)
        return {name: checked[name] for name in names}

    def _followed(self, parameter: Parameter, chosen: Mapping[str, Any]) -> float:
        choice = next(p for p in self if parameter.follows and p.name == parameter.follows[0])
        value = parameter.of(choice.base(chosen[choice.name]))
        if value is None:
            raise ParameterError(
                f"{parameter.name}: {choice.name} is {chosen[choice.name]!r}, for which no value "
                f"is known; give {parameter._expected()}"
            )
        return value

    def base(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The checked values as the chapter's function takes them."""
        return self.assemble(self.check(values))

    def assemble(self, checked: Mapping[str, Any]) -> dict[str, Any]:
        """Checked values, or expressions in their place, as the chapter's function takes them.

        A number that follows a record replaces the record's own and is no argument itself.
        """
        taken = {p.name: p.base(checked[p.name]) for p in self}
        for p in self:
            if p.follows:
                choice, quantity = p.follows
                taken[choice] = taken[choice].replaced(quantity, taken.pop(p.name))
        return taken

    def cell(self) -> str:
        """The source of the parameters cell: type, default, unit and label of each."""
        return "\n".join(
            f"{p.name}: {p.type_name} = {None if p.follows else _literal(p.default)}"
            f"  # [{p.unit}] {p.label}"
            for p in self.declared
        )


def _literal(value: float | int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _nearest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
