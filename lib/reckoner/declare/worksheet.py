"""A chapter as one worksheet: its inputs in the signature, a result on each annotated line.

    @worksheet
    def conclude(eggs: Count = given(24, "eggs"), box_size: Count = given(6, "eggs of a box")) -> Lines:
        '''How many boxes hold the eggs.'''
        boxes: Count = boxes_for(eggs, box_size)
        return locals()

An annotation names the unit; a line without one is a step on the way. `Seconds | None` says that
there may be no such number: it is NaN then.
"""  # noqa: E501

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np

from reckoner.declare.parameters import Parameter, Parameters
from reckoner.declare.trace import Call, Read, Trace, tracing
from reckoner.declare.units import unit_of

Lines = dict[str, Any]
"""What a worksheet's function returns: its locals, each line by its name."""
Event = TypeVar("Event", Call, Read)
Input = Callable[[str], Parameter]
"""What stands as the default of a worksheet's argument: the declaration for a name."""


class WorksheetError(TypeError):
    """A worksheet is declared wrongly. The message names the chapter and the line."""


@dataclass(frozen=True)
class Line:
    """One line of a worksheet.

    Attributes:
        name: what it defines.
        value: the expression on its right.
        span: its first and last line in the file.
        unit: the unit of a result; empty for a step on the way.
        optional: whether there may be no such number.
    """

    name: str
    value: ast.expr
    span: tuple[int, int]
    unit: str = ""
    optional: bool = False

    @property
    def uses(self) -> list[str]:
        """The names that stand in it, each once."""
        names = (node.id for node in ast.walk(self.value) if isinstance(node, ast.Name))
        return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Worksheet:
    """A chapter's function with what its source declares.

    Args:
        function: takes the inputs in base units, returns its locals.
    """

    function: Callable[..., Lines]

    def __post_init__(self) -> None:
        self._refuse_twice(inspect.signature(self.function).parameters)

    def _refuse_twice(self, inputs: Iterable[str]) -> None:
        for name in {*inputs} & self.lines.keys():
            line = "a result" if self.lines[name].unit else "a step"
            raise self._fault(f"{name} is both an input and {line}; give one another name")

    @cached_property
    def parameters(self) -> Parameters:
        """The inputs, in the order of the signature; it reads the data that they come from.

        Raises:
            WorksheetError: a number that follows a choice has the name of a line.
        """
        signature = inspect.signature(self.function)
        declared = [p.default(name) for name, p in signature.parameters.items()]
        found = Parameters(tuple(each for p in declared for each in (p, *p.numbers)))
        self._refuse_twice(found.defaults)
        return found

    @cached_property
    def lines(self) -> dict[str, Line]:
        """Every line by the name that it defines, in their order."""
        source = textwrap.dedent(inspect.getsource(self.function))
        body = ast.parse(source).body[0]
        assert isinstance(body, ast.FunctionDef), f"{self.function} is no plain function"
        offset = self.function.__code__.co_firstlineno - 1
        found: dict[str, Line] = {}
        for statement in body.body:
            for line in self._lines(statement, offset):
                if line.name in found:
                    raise self._fault(f"{line.name} is defined twice")
                found[line.name] = line
        return found

    def _lines(self, statement: ast.stmt, offset: int) -> Iterator[Line]:
        span = statement.lineno + offset, (statement.end_lineno or statement.lineno) + offset
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                unit, optional = self._unit(statement.annotation)
                yield Line(name, value, span, unit, optional)
            case ast.Assign(targets=[target]):
                for node in ast.walk(target):
                    if isinstance(node, ast.Name):
                        yield Line(node.id, statement.value, span)

    def _unit(self, annotation: ast.expr) -> tuple[str, bool]:
        match annotation:
            case ast.BinOp(left=ast.Name(id=name), right=ast.Constant(value=None)):
                optional = True
            case ast.Name(id=name):
                optional = False
            case _:
                raise self._fault(f"{ast.unparse(annotation)!r} is no unit type")
        return unit_of(self.function.__globals__[name]), optional

    @cached_property
    def units(self) -> dict[str, str]:
        """The unit of each result by its name."""
        return {name: line.unit for name, line in self.lines.items() if line.unit}

    @cached_property
    def optional(self) -> frozenset[str]:
        """The results that may be missing."""
        return frozenset(name for name, line in self.lines.items() if line.optional)

    def __call__(self, **inputs: Any) -> SimpleNamespace:
        """The results for inputs in base units: numbers, arrays, quantities or expressions."""
        return self.results(self.evaluate(**inputs))

    def evaluate(self, **inputs: Any) -> Lines:
        """Every line's value for inputs in base units."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.function(**inputs)

    def results(self, lines: Mapping[str, Any]) -> SimpleNamespace:
        """The results among the values of the lines; one that is missing is NaN."""
        found = {name: lines[name] for name in self.units}
        return SimpleNamespace(**{n: float("nan") if v is None else v for n, v in found.items()})

    def run(self, **inputs: Any) -> Run:
        """The same as `evaluate`, with what happened on the way."""
        follows = {p.name: p.follows for p in self.parameters if p.follows}
        numbers = {name: inputs[chosen].values[of] for name, (chosen, of) in follows.items()}
        with tracing(self.function.__code__) as trace:
            for name, (chosen, of) in follows.items():
                number = trace.given(name, numbers[name])
                inputs[chosen] = inputs[chosen].replaced(of, number)
            own = {name: trace.given(name, value) for name, value in inputs.items()}
            return Run(self, own, self.evaluate(**own), trace)

    def _fault(self, message: str) -> WorksheetError:
        return WorksheetError(f"{self.function.__module__}.{self.function.__name__}: {message}")


@dataclass(frozen=True)
class Run:
    """A worksheet that ran, and what happened on the way.

    Attributes:
        sheet: the worksheet.
        inputs: its inputs in base units.
        lines: the value of each line by its name.
        trace: the formulas that were called and the rows that were read.
    """

    sheet: Worksheet
    inputs: Mapping[str, Any]
    lines: Lines
    trace: Trace

    @property
    def results(self) -> SimpleNamespace:
        return self.sheet.results(self.lines)

    def call(self, name: str, formula: str | None = None) -> Call:
        """The formula's call that gave a line its value, or one on the way to it.

        Args:
            name: the line.
            formula: the formula wanted; the last call of it on which the line depends.

        Raises:
            KeyError: no formula gave it; the message says which were called for it.
        """
        found = self.trace.origin(self.lines[name])
        if formula is None and isinstance(found, Call):
            return found
        calls = [call for call in self.calls(name) if call.name == formula]
        if calls:
            return calls[-1]
        known = dict.fromkeys(call.name for call in self.calls(name))
        raise KeyError(f"{name}: not given by a call of {formula}; called were {', '.join(known)}")

    def name_of(self, value: Any) -> str:
        """What a value is: a line or an input by its name, a row by its address, or nothing."""
        for name, held in (*self.lines.items(), *self.inputs.items()):
            if held is value and not isinstance(value, bool | str):
                return name
        origin = self.trace.origin(value)
        return origin.address if isinstance(origin, Read) else ""

    def calls(self, name: str) -> list[Call]:
        """The calls of formulas that were made on a line."""
        return self._on_line(name, self.trace.calls)

    def reads(self, name: str) -> list[str]:
        """The addresses of the rows that were read on a line, each once."""
        return _addresses(self._on_line(name, self.trace.reads))

    def asked(self, name: str) -> list[str]:
        """The inputs that were read from a record on a line, each once."""
        return _addresses(self._on_line(name, self.trace.asked))

    def _on_line(self, name: str, events: list[Event]) -> list[Event]:
        first, last = self.sheet.lines[name].span
        return [event for event in events if first <= event.line <= last]


def _addresses(reads: list[Read]) -> list[str]:
    return list(dict.fromkeys(read.address for read in reads))


def worksheet(function: Callable[..., Lines]) -> Worksheet:
    """The worksheet that a function of declared inputs describes.

    Raises:
        WorksheetError: a name is both an input and a line, stands twice, or has no unit.
    """
    return Worksheet(function)
