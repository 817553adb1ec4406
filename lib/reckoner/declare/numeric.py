"""The few functions that plain arithmetic lacks, for every kind of number a formula meets.

A formula written with these runs on floats, NumPy and Dask arrays, pandas Series, pint
quantities and Altair expressions (sliders in the browser).
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import numpy as np
import pint
from altair.expr.core import ConstExpression, OperatorMixin


def _is_expression(*values: Any) -> bool:
    return any(isinstance(value, OperatorMixin | alt.Parameter) for value in values)


def ceil(x: Any) -> Any:
    """The smallest whole number that is not below `x`.

    Args:
        x: a number or array without dimension.

    Raises:
        pint.DimensionalityError: `x` is a quantity with a dimension.
    """
    if _is_expression(x):
        return alt.expr.ceil(x)
    if isinstance(x, pint.Quantity):
        return np.ceil(x.to("dimensionless"))
    return math.ceil(x) if isinstance(x, int | float) and math.isfinite(x) else np.ceil(x)


def maximum(a: Any, b: Any) -> Any:
    """The larger of `a` and `b`, element by element; both of one dimension."""
    return alt.expr.max(a, b) if _is_expression(a, b) else np.maximum(*_of_one_unit(a, b))


def minimum(a: Any, b: Any) -> Any:
    """The smaller of `a` and `b`, element by element; both of one dimension."""
    return alt.expr.min(a, b) if _is_expression(a, b) else np.minimum(*_of_one_unit(a, b))


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds and `b` elsewhere, element by element; both may be infinite."""
    if _is_expression(condition, a, b):
        return alt.expr.if_(condition, _constant(a), _constant(b))
    return np.where(condition, *_of_one_unit(a, b))[()]


def like(value: Any, other: Any) -> Any:
    """A plain number in base units, as a quantity if `other` is one; both of one dimension."""
    return value * other.units if isinstance(other, pint.Quantity) else value


def plain(value: Any) -> Any:
    """The number or the array of a quantity; anything else as it is."""
    return value.magnitude if isinstance(value, pint.Quantity) else value


def _of_one_unit(a: Any, b: Any) -> tuple[Any, Any]:
    """Both, a plain zero or infinity with the unit of the other: these need none."""
    return _ended(a, b), _ended(b, a)


def _ended(value: Any, other: Any) -> Any:
    bare = not isinstance(value, pint.Quantity) and np.ndim(value) == 0
    return like(value, other) if bare and value in (0, math.inf) else value


def _constant(value: Any) -> Any:
    """`value` for an expression, which knows no name for infinity."""
    return ConstExpression("(1 / 0)") if isinstance(value, float) and value == math.inf else value


def root(x: Any, degree: Any) -> Any:
    """The `degree`-th root of `x`, both without dimension, `x` not negative."""
    return alt.expr.pow(x, 1 / degree) if _is_expression(x, degree) else x ** (1 / degree)


def log2(x: Any) -> Any:
    """The logarithm of `x` to base 2, `x` positive and without dimension."""
    if _is_expression(x):
        return alt.expr.log(x) / math.log(2)
    return np.log2(x)


def as_vega(expression: Any) -> str:
    """What a formula called with Altair parameters gives, as the text of a Vega expression."""
    if isinstance(expression, alt.Parameter):
        return str(expression.name)
    return str(getattr(expression, "expr", expression))
