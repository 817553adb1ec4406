"""Where a number comes from: every formula called while a worksheet is traced.

A traced run computes the same numbers. Besides, it notes each call of a formula with what went in
and what came out, and each row of the data that was read. A value is known again by the object that
holds it, not by its size: two quantities may be equal by chance.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import BoundArguments
from types import CodeType, FrameType
from typing import Any

import numpy as np


class _Whole(int):
    """A whole number that is an object of its own; Python keeps small ones only once."""


@dataclass(frozen=True, eq=False)
class Call:
    """A formula's or a procedure's call.

    Attributes:
        name: the formula, or the procedure.
        arguments: what went in, by name.
        result: what came out.
        line: the line of the worksheet's file that asked for it.
    """

    name: str
    arguments: Mapping[str, Any]
    result: Any
    line: int


@dataclass(frozen=True)
class Read:
    """A row of the data that a line of the worksheet read."""

    address: str
    line: int


@dataclass(frozen=True)
class Given:
    """An input of the worksheet."""

    name: str


Origin = Call | Read | Given


@dataclass
class Trace:
    """What happened while one worksheet ran.

    Args:
        code: the worksheet's code, whose lines the events belong to.
        calls: the calls of formulas and procedures, in their order.
        reads: the rows that were read.
        asked: the inputs that were read from a record, where they stand in for a row.
    """

    code: CodeType
    calls: list[Call] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    asked: list[Read] = field(default_factory=list)
    _origins: dict[int, tuple[Any, Origin]] = field(default_factory=dict)
    _depth: int = 0

    def origin(self, value: Any) -> Origin | None:
        """What gave this very object: a call, a row, an input; None for anything else."""
        held = self._origins.get(id(value))
        return held[1] if held else None

    def given(self, name: str, value: Any) -> Any:
        """Note an input, or all rows of a record that is one; gives its value."""
        if isinstance(rows := getattr(value, "values", None), Mapping):
            key = getattr(value, "key", name)
            for quantity, number in rows.items():
                self._origins.setdefault(id(number), (number, Read(f"{key}.{quantity}", 0)))
            return value
        return self._keep(value, Given(name))

    def read(self, address: str, value: Any) -> Any:
        """Note that a row was read; gives its value. An input in its place stays an input."""
        if isinstance(origin := self.origin(value), Given):
            self.asked.append(Read(origin.name, self._line()))
            return value
        self.reads.append(Read(address, self._line()))
        return self._keep(value, self.reads[-1])

    def _keep(self, value: Any, origin: Origin) -> Any:
        value = _own_object(value)
        if np.size(value) == 1 and not isinstance(value, str):
            self._origins[id(value)] = (value, origin)
        return value

    def call(
        self, name: str, function: Callable[..., Any], bound: BoundArguments, deep: bool
    ) -> Any:
        """Call a function and note it; `deep` notes the calls within too."""
        outer, self._depth = self._depth, self._depth + (not deep)
        try:
            result = function(*bound.args, **bound.kwargs)
        finally:
            self._depth = outer
        if self._depth:
            return result
        result = _own_object(result)
        self.calls.append(Call(name, dict(bound.arguments), result, self._line()))
        return self._keep(result, self.calls[-1])

    def _line(self) -> int:
        frame: FrameType | None = sys._getframe(2)
        while frame and frame.f_code is not self.code:
            frame = frame.f_back
        return frame.f_lineno if frame else 0


_running: list[Trace] = []


@contextmanager
def tracing(code: CodeType) -> Iterator[Trace]:
    """Note what a worksheet with this code does."""
    trace = Trace(code)
    _running.append(trace)
    try:
        yield trace
    finally:
        _running.pop()


def running() -> Trace | None:
    """The trace that is being taken, if any."""
    return _running[-1] if _running else None


_conversions: list[Callable[[str, Any], Any]] = []


@contextmanager
def reading(convert: Callable[[str, Any], Any]) -> Iterator[None]:
    """Let `convert(address, value)` give what is read of each row, such as a quantity."""
    _conversions.append(convert)
    try:
        yield
    finally:
        _conversions.pop()


def read(address: str, value: Any) -> Any:
    """The value of a row of the data; a trace notes that it was read."""
    for convert in _conversions:
        value = convert(address, value)
    return _running[-1].read(address, value) if _running else value


def _own_object(value: Any) -> Any:
    """The same number as an object that nothing else refers to."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _Whole(value)
    return value * 1.0 if isinstance(value, float) else value
