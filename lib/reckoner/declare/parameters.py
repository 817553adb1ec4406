"""Declared parameters: what a chapter may be rerun with, said once.

From a declaration come the chapter's parameters cell, its check and its help.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reckoner.declare.tables import DataError
from reckoner.declare.units import base_unit, shown, si

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class ParameterError(ValueError):
    """A parameter is wrong. The message names it, and says what is allowed."""


@dataclass(frozen=True)
class OwnFile:
    """What a reader may bring in a file instead of choosing a name.

    Attributes:
        suffixes: how the names of such files end; no name that can be chosen ends so.
        kind: what such a file is, in a few words.
        check: raises `DataError` or `OSError` for a file that cannot be used.
        folders: what stands for the file in a folder, if a folder may be given.
    """

    suffixes: tuple[str, ...]
    kind: str
    check: Callable[[str], None]
    folders: str = ""

    def takes(self, value: str) -> bool:
        """Whether a value is a path, and not a name."""
        return value.lower().endswith(self.suffixes) or bool(
            self.folders and ("/" in value or _is_folder(value))
        )

    def path(self, value: str) -> Path:
        """The file that a path stands for."""
        return Path(value, self.folders) if self.folders and _is_folder(value) else Path(value)

    @property
    def endings(self) -> str:
        return ", ".join(f"*{suffix}" for suffix in self.suffixes)


def _is_folder(value: str) -> bool:
    try:
        return Path(value).is_dir()
    except (OSError, ValueError):
        return False


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
        track: from where to where a slider reaches, if not all the way; typing goes further.
        choices: the names allowed, for a parameter chosen by name.
        resolve: turns a name, or the path of a file of one's own, into what the chapter's function
            takes.
        own: the file that may be given instead of a name.
        aliases: shorter names that may be given for some of the choices.
        address: the row of the data that the default is, if it is one.
        compute: the function that computes the default, if one does.
        numbers: the parameters that follow this choice.
        of_file: the parameter chosen by name, and the quantity that its file may say; that is the
            default where a file of one's own says it.
        follows: the parameter chosen by name, and the quantity of the record chosen there, from
            which this number comes when it is not given; given, it replaces that quantity.
        doubt: the parameter chosen by name, and what tells in a sentence why this number cannot be
            with the record chosen there; nothing if it can.
        power_of: the number of which only whole powers are allowed; 0 where all numbers are.
    """

    name: str
    default: float | int | str
    unit: str
    label: str
    help: str
    source: str
    low: float = 0.0
    high: float = math.inf
    track: tuple[float, float] | None = None
    choices: Sequence[str] = ()
    resolve: Callable[[str], Any] | None = None
    follows: tuple[str, str] | None = None
    own: OwnFile | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    compute: Callable[[], float] | None = None
    numbers: tuple[Parameter, ...] = ()
    power_of: int = 0
    of_file: tuple[str, str] | None = None
    doubt: tuple[str, Callable[[Any, Any], str]] | None = None

    @property
    def type_name(self) -> str:
        return type(self.default).__name__

    @property
    def by_name(self) -> bool:
        """Whether it is chosen by name; else it is a number."""
        return isinstance(self.default, str)

    @property
    def kind(self) -> str:
        """What numbers it takes, as words that stand before its bounds."""
        if self.power_of:
            return f"a power of {self.power_of} from"
        return "a whole number of" if isinstance(self.default, int) else "a number of"

    def read(self, text: str) -> Any:
        """The checked value that a command line gives as text.

        Raises:
            ParameterError: see `check`.
        """
        number = not self.by_name and _NUMBER.fullmatch(text.strip())
        return self.check(float(number[0]) if number else text)

    def check(self, value: Any) -> Any:
        """`value` with the declared type.

        Raises:
            ParameterError: wrong type, out of bounds, not finite, or an unknown name.
        """
        if self.by_name:
            return self._checked_name(value)
        whole = isinstance(self.default, int)
        if not _is_finite(value) or not self.low <= value <= self.high:
            raise self._unexpected(value)
        if whole and value != int(value):
            raise self._unexpected(value)
        if self.power_of:
            self._check_power(value)
        return int(value) if whole else float(value)

    def _check_power(self, value: float) -> None:
        exponent = math.log(max(value, 1), self.power_of)
        if value != self.power_of ** round(exponent):
            near = (self.power_of**end for end in (math.floor(exponent), math.ceil(exponent)))
            allowed = " and ".join(f"{each:g}" for each in near if self.low <= each <= self.high)
            raise ParameterError(f"{self._unexpected(int(value))}. Near it: {allowed}")

    def _unexpected(self, value: Any) -> ParameterError:
        return ParameterError(f"{self.name}: expected {self._expected()}; got {_short(value)}")

    def _checked_name(self, value: Any) -> str:
        if isinstance(value, str) and self.aliases.get(value, value) in self.choices:
            return self.aliases.get(value, value)
        if self.is_file(value):
            return self._checked_file(value)
        file = f", or the path of {self.own.kind} ({self.own.endings})" if self.own else ""
        raise ParameterError(
            f"{self.name}: {_short(value)} is none of the names that can be chosen here"
            f"{nearest(str(value), self.choices) or '.'} Known: {', '.join(self.choices)}{file}"
        )

    def is_file(self, value: Any) -> bool:
        """Whether a value is the path of a file of one's own."""
        return self.own is not None and isinstance(value, str) and self.own.takes(value)

    def _checked_file(self, path: str) -> str:
        assert self.own is not None
        try:
            self.own.check(path)
        except DataError as error:
            raise ParameterError(f"{self.name}: {error}") from error
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise ParameterError(f"{self.name}: cannot read {_short(path)}: {why}") from error
        return path

    def _expected(self) -> str:
        upper = f" to {self.high:g}" if math.isfinite(self.high) else " or more"
        return f"{self.kind} {self.low:g}{upper} ({self.unit})"

    def of(self, record: Any) -> float | None:
        """The number that a record has for a parameter that follows it, if it has one."""
        assert self.follows is not None, f"{self.name} follows nothing"
        known = record.values.get(self.follows[1])
        return None if known is None else float(f"{known / si(1.0, self.unit):.12g}")

    def base(self, value: Any) -> Any:
        """`value` as the chapter's function takes it: in base units, or resolved."""
        if self.resolve is not None:
            return self.resolve(value)
        return value if self.by_name else si(value, self.unit)

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

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.declared)

    def __getitem__(self, name: str) -> Parameter:
        """The parameter of that name.

        Raises:
            ParameterError: there is none; the message names the nearest.
        """
        for parameter in self.declared:
            if parameter.name == name:
                return parameter
        names = list(self.defaults)
        raise ParameterError(
            f"no parameter {_short(name)}{nearest(str(name), names) or '.'} "
            f"Known: {', '.join(names)}"
        )

    @property
    def defaults(self) -> dict[str, Any]:
        return {parameter.name: parameter.default for parameter in self.declared}

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values, checked, with defaults for those that are not given.

        Raises:
            ParameterError: a name is unknown or a value is wrong.
        """
        for name in values:
            self[name]
        given = {**self.defaults, **self._of_files(values), **values}
        checked = {p.name: p.check(given[p.name]) for p in self if not p.follows}
        for p in self:
            if p.follows:
                value = values.get(p.name)
                checked[p.name] = p.check(self._followed(p, checked) if value is None else value)
        return {name: checked[name] for name in self.defaults}

    def _of_files(self, values: Mapping[str, Any]) -> dict[str, float]:
        """What files of one's own say of numbers that are not given."""
        found = {}
        for p in self:
            if p.of_file is None or p.of_file[0] not in self.defaults:
                continue
            choice = self[p.of_file[0]]
            chosen = values.get(choice.name)
            if choice.is_file(chosen) and p.name not in values:
                said = choice.base(choice.check(chosen)).values.get(p.of_file[1])
                if said is not None:
                    found[p.name] = said / si(1.0, p.unit)
        return found

    def changed(self, values: Mapping[str, Any], checked: Mapping[str, Any]) -> dict[str, Any]:
        """The checked values that are given, or that a file of one's own says."""
        return {name: checked[name] for name in (*values, *self._of_files(values))}

    def notes(self, checked: Mapping[str, Any]) -> list[str]:
        """How files of one's own were taken, and what could not be; a sentence each."""
        found = []
        for p in self:
            if p.doubt is None or p.doubt[0] not in self.defaults:
                continue
            record = self[p.doubt[0]].base(checked[p.doubt[0]])
            if why := p.doubt[1](record, checked[p.name]):
                found.append(f"{p.name} {checked[p.name]:,}: {why}.")
        for choice in self:
            if not choice.is_file(checked[choice.name]):
                continue
            record = choice.base(checked[choice.name])
            found += [f"{choice.name} {record.name}: {note}." for note in record.notes]
            for p in self:
                said = record.values.get(p.of_file[1]) if p.of_file else None
                mine = p.of_file is not None and p.of_file[0] == choice.name
                if mine and said is not None and checked[p.name] != said / si(1.0, p.unit):
                    found.append(f"{p.name} is {checked[p.name]:g} as given, not as the file says.")
        return found

    def refuse_misspelled(self, names: Mapping[str, Any]) -> None:
        """See that no text or number among a notebook's names is almost a parameter's.

        Raises:
            ParameterError: one is; the message names the parameter that is meant.
        """
        for name, value in names.items():
            near = difflib.get_close_matches(name, self.defaults, n=1, cutoff=0.8)
            plain = isinstance(value, str | int | float) and name not in self.defaults
            if near and plain:
                self[name]

    def _followed(self, parameter: Parameter, chosen: Mapping[str, Any]) -> float:
        assert parameter.follows is not None, f"{parameter.name} follows nothing"
        choice = self[parameter.follows[0]]
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
        """Checked values, or expressions in their place, as the chapter's function takes them."""
        return self.joined({p.name: p.base(checked[p.name]) for p in self})

    def joined(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values in base units, those that follow a record joined to it.

        Such a number replaces the record's own and is no argument of the chapter's function.
        """
        taken = dict(values)
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


def nearest(name: str, names: Sequence[str]) -> str:
    """A hint at the nearest of some names, or nothing where none is near."""
    near = difflib.get_close_matches(name[:100], names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _is_finite(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than some thousand digits
        return "a number of very many digits"
    return text if len(text) <= 80 else f"{text[:60]}...{text[-10:]}"
