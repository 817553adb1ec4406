"""What the expressions of a live figure have in common, so that a browser works it out once.

A formula that is called with sliders gives an expression in which every part stands in full, as
often as it is used. Here each part that is used twice becomes a step with a name. A part that is
the same in all rows of a chart becomes a step of the whole chart, however many rows there are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from altair import Parameter, ParameterExpression
from altair.expr.core import BinaryExpression, FunctionExpression, OperatorMixin, UnaryExpression

from reckoner.declare.numeric import as_vega


class Part(NamedTuple):
    """An operation, a function, or what stands at their ends: a slider, a field, a number.

    Attributes:
        form: its text, with a place for each operand.
        operands: the parts it works on.
        varies: whether it differs from row to row.
    """

    form: str
    operands: tuple[Part, ...]
    varies: bool


@dataclass
class Parts:
    """Expressions taken apart.

    Args:
        expressions: by name, what formulas gave for sliders and for fields of `datum`.

    Attributes:
        once: the steps of the whole chart, each before those that use it: name and text.
        by_row: the steps of each row, in the same way.
        texts: the text of each expression, which refers to the steps by name.
    """

    expressions: Mapping[str, Any]
    once: dict[str, str] = field(default_factory=dict)
    by_row: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._seen: dict[int, Part] = {}
        self._uses: Counter[int] = Counter()
        self._alike: dict[tuple[str, tuple[int, ...]], Part] = {}
        self._names: dict[int, str] = {}
        whole = {name: self._part(each) for name, each in self.expressions.items()}
        self._uses.update(map(id, whole.values()))
        self.texts.update((name, self._text(part, part.varies)) for name, part in whole.items())

    def _part(self, expression: Any) -> Part:
        """The one part for an expression and for all that are written alike."""
        if id(expression) not in self._seen:
            form, operands = _taken_apart(expression)
            parts = tuple(map(self._part, operands))
            key = (form, tuple(map(id, parts)))
            if key not in self._alike:
                varies = form.startswith("datum[") or any(part.varies for part in parts)
                self._alike[key] = Part(form, parts, varies)
                self._uses.update(map(id, parts))
            self._seen[id(expression)] = self._alike[key]
        return self._seen[id(expression)]

    def _text(self, part: Part, in_row: bool) -> str:
        """A part as a row, or as the whole chart, uses it: in full, or by the name of its step."""
        if not part.operands:
            return part.form
        if id(part) not in self._names:
            in_full = part.form.format(*(self._text(each, part.varies) for each in part.operands))
            if self._uses[id(part)] == 1 and part.varies == in_row:
                return in_full
            name = self._names[id(part)] = f"part_{len(self._names) + 1}"
            (self.by_row if part.varies else self.once)[name] = in_full
        return f"datum.{self._names[id(part)]}" if part.varies else self._names[id(part)]


def _taken_apart(expression: Any) -> tuple[str, list[Any]]:
    """The form of an expression, and its operands."""
    bare = expression.expr if isinstance(expression, ParameterExpression) else expression
    if isinstance(bare, BinaryExpression):
        return f"({{}} {bare.op} {{}})", [bare.lhs, bare.rhs]
    if isinstance(bare, UnaryExpression):
        return f"({bare.op}{{}})", [bare.val]
    if isinstance(bare, FunctionExpression):
        return f"{bare.name}({','.join('{}' for _ in bare.args)})", list(bare.args)
    if isinstance(bare, OperatorMixin | Parameter):
        return as_vega(bare), []
    return json.dumps(bare.item() if isinstance(bare, np.generic) else bare), []
