"""Where each number of a chapter comes from: formula, worked numbers, and what went in.

`explain` turns a traced run into one `Explained` for each line of the worksheet and each input. The
parts of one are again lines, inputs, rows of the data, or calls of formulas on the way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from reckoner.declare.formulas import Formulary
from reckoner.declare.latex import NoLatexError, latex
from reckoner.declare.parameters import Parameter
from reckoner.declare.trace import Call, Given, Read, tracing
from reckoner.declare.units import base_unit, shown
from reckoner.declare.worksheet import Run

Kind = Literal["line", "input", "row", "number"]


@dataclass(frozen=True)
class Part:
    """Something that went into a number.

    Attributes:
        kind: what it is.
        key: the name of the line or input, the address of the row; empty for a plain number.
        label: what it is, for readers.
        value: the number as a reader sees it; empty where there is no single one.
        symbol: its symbol in the formula, as LaTeX.
    """

    kind: Kind
    key: str
    label: str
    value: str = ""
    symbol: str = ""


@dataclass(frozen=True)
class Explained:
    """Where one number comes from.

    Attributes:
        key: its name in the worksheet; "name/2" for a formula on the way to it.
        label: what it is, for readers.
        value: the number as a reader sees it; empty where there is no single one.
        meaning: what the formula or the input says of it.
        formula: the name of the formula or procedure; empty where there is none.
        equation: the formula in symbols, as LaTeX.
        numbers: the same in numbers.
        result: what it gives, as LaTeX.
        code: the line of the worksheet.
        parts: what went in.
        exact: whether each part decides it; else some are only named on its line.
    """

    key: str
    label: str
    value: str = ""
    meaning: str = ""
    formula: str = ""
    equation: str = ""
    numbers: str = ""
    result: str = ""
    code: str = ""
    parts: tuple[Part, ...] = ()
    exact: bool = True


def words_of(name: str) -> str:
    """A name in code as words: "batch1_cost" becomes "batch1 cost"."""
    return name.replace("_", " ")


def explain(run: Run, formulary: Formulary) -> dict[str, Explained]:
    """Where each line and each input of a run comes from, by its key."""
    return _Explainer(run, formulary).all()


@dataclass
class _Explainer:
    run: Run
    formulary: Formulary
    found: dict[str, Explained] = field(default_factory=dict)
    _lines_of: dict[int, str] = field(default_factory=dict)
    _keys: dict[int, str] = field(default_factory=dict)

    def all(self) -> dict[str, Explained]:
        sheet = self.run.sheet
        for name in sheet.lines:
            self._lines_of.setdefault(id(self.run.lines[name]), name)
        for parameter in sheet.parameters:
            self.found[parameter.name] = self._input(parameter)
        for name in sheet.lines:
            self.found[name] = self._line(name)
        return self.found

    def _input(self, declared: Parameter) -> Explained:
        parts: Iterable[Part] = ()
        if declared.address:
            parts = [self._row(declared.address)]
        elif declared.compute is not None:
            with tracing(declared.compute.__code__) as trace:
                declared.compute()
            parts = [
                self._row(address) for address in dict.fromkeys(r.address for r in trace.reads)
            ]
        return Explained(
            key=declared.name,
            label=declared.label,
            value=self._input_words(declared),
            meaning=declared.help,
            parts=tuple(parts),
        )

    def _input_words(self, declared: Parameter) -> str:
        if declared.follows:
            record, quantity = declared.follows
            value = self.run.inputs[record].values[quantity]
        else:
            value = self.run.inputs[declared.name]
        if declared.by_name:
            return str(getattr(value, "name", value))
        return _words(value, base_unit(declared.unit))

    def _line(self, name: str) -> Explained:
        line, value = self.run.sheet.lines[name], self.run.lines[name]
        code = f"{name} = {ast.unparse(line.value)}"
        shown_as = self._line_words(name)
        origin = self.run.trace.origin(value)
        if isinstance(origin, Call) and self._lines_of[id(value)] == name:
            return self._call(origin, name, code, shown_as, line.uses)
        parts = self._named(line.uses, name)
        equation, numbers = self._expression(name, line.value)
        result = shown(float(value), line.unit, 4).latex if equation and shown_as else ""
        return Explained(
            name, words_of(name), shown_as, equation=equation, numbers=numbers, result=result,
            code=code, parts=tuple(parts),
            exact=not any(isinstance(node, ast.Call) for node in ast.walk(line.value)),
        )  # fmt: skip

    def _line_words(self, name: str) -> str:
        """A line's number as a reader sees it: in its unit, or in that of the formula behind it."""
        value, unit = self.run.lines[name], self.run.sheet.lines[name].unit
        origin = self.run.trace.origin(value)
        if not unit and isinstance(origin, Call) and origin.name in self.formulary.formulas:
            unit = self.formulary[origin.name].unit
        return _words(value, unit)

    def _call(self, call: Call, key: str, code: str, value: str, uses: list[str]) -> Explained:
        """A call of a formula; where an argument was computed on the line, what the line uses."""
        known = self.formulary.formulas.get(call.name)
        symbols = self.formulary.symbols
        units = dict(known.inputs) if known else {}
        parts, open_ends = [], False
        for number, (name, argument) in enumerate(call.arguments.items(), 1):
            part = self._part(argument, f"{key}/{number}", uses)
            if part is None:
                open_ends = True
                if known:
                    words = _words(argument, units[name])
                    parts.append(
                        Part("number", "", symbols[name].meaning, words, symbols[name].latex)
                    )
                continue
            if known:
                label = symbols[name].meaning if part.kind == "line" else part.label
                part = Part(part.kind, part.key, label, part.value, symbols[name].latex)
            parts.append(part)
        if open_ends:
            seen = {part.key for part in parts}
            parts += [p for p in self._named(uses, key.split("/")[0]) if p.key not in seen]
        worked = "", "", ""
        if known and all(np.size(a) == 1 for a in call.arguments.values()):
            worked = self.formulary.worked(call.name, call.arguments)
        return Explained(
            key=key,
            label=symbols[known.gives].meaning if known and "/" in key else words_of(key),
            value=value or (_words(call.result, known.unit) if known else ""),
            meaning=known.meaning if known else self.formulary.procedures[call.name],
            formula=call.name,
            equation=worked[0],
            numbers=worked[1],
            result=worked[2],
            code=code,
            parts=tuple(parts),
            exact=not open_ends and known is not None,
        )

    def _part(self, value: Any, key: str, uses: list[str]) -> Part | None:
        """An argument by where it comes from; None for a number that nothing stands for."""
        if (name := self._lines_of.get(id(value))) is not None:
            return self._reference(name)
        origin = self.run.trace.origin(value)
        if isinstance(origin, Given):
            return self._reference(origin.name)
        if isinstance(origin, Read):
            return self._row(origin.address)
        if isinstance(origin, Call):
            made = self._keys.setdefault(id(value), key)
            if made not in self.found:
                self.found[made] = self._call(origin, made, "", "", uses)
            inner = self.found[made]
            return Part("line", made, inner.label, inner.value)
        for name, given in self.run.inputs.items():
            if given is value:
                return self._reference(name)
        return None

    def _reference(self, name: str) -> Part:
        if name in self.run.sheet.lines:
            return Part("line", name, words_of(name), self._line_words(name))
        declared = self.run.sheet.parameters[name]
        return Part("input", name, declared.label, self._input_words(declared))

    def _row(self, address: str) -> Part:
        return Part("row", address, words_of(address.replace(".", ": ")))

    def _named(self, names: Iterable[str], line: str) -> Iterator[Part]:
        """The lines, inputs and rows behind the names on a line."""
        known = {**self.run.lines, **self.run.inputs}
        rows, asked = self.run.reads(line), self.run.asked(line)
        for name in dict.fromkeys((*names, *asked)):
            if name in self.run.sheet.lines or name in self.run.inputs:
                if hasattr(known.get(name), "key") and rows:
                    continue  # a record: its rows say it more closely
                yield self._reference(name)
        yield from map(self._row, rows)

    def _expression(self, name: str, value: ast.expr) -> tuple[str, str]:
        """Plain arithmetic of lines, inputs and rows in words, then in numbers."""
        scope = {**self.run.inputs, **self.run.lines}
        units = {**self.run.sheet.units}
        units |= {p.name: base_unit(p.unit) for p in self.run.sheet.parameters if not p.by_name}

        def in_words(text: str) -> str:
            return rf"\text{{{words_of(text.replace('.', ' '))}}}"

        def in_numbers(text: str) -> str:
            head, *rest = text.split(".")
            if head not in scope:
                raise NoLatexError(f"{head} is no line and no input")
            number = scope[head]
            for attribute in rest:
                number = getattr(number, attribute)
            if isinstance(number, str) or np.size(number) != 1:
                raise NoLatexError(f"{text} is no single number")
            return shown(float(number), units.get(text, ""), 4).latex

        if isinstance(value, ast.Name | ast.Attribute | ast.Constant):
            return "", ""
        try:
            return f"{in_words(name)} = {latex(value, in_words)}", latex(value, in_numbers, True)
        except (NoLatexError, AttributeError, TypeError, IndexError):
            return "", ""


def _words(value: Any, unit: str) -> str:
    """A single number as a reader sees it; nothing for anything else."""
    if isinstance(value, bool | str) or value is None:
        return ""
    if not isinstance(value, Mapping) and np.size(value) == 1:
        try:
            return str(shown(float(value), unit, 4))
        except (TypeError, ValueError):
            return ""
    return ""
