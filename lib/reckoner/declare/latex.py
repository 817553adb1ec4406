"""Plain arithmetic as LaTeX, in the order in which its author wrote it."""

from __future__ import annotations

import ast
from collections.abc import Callable

_RANK = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 2, ast.Pow: 3}
_NAMED = {"maximum": r"\max", "minimum": r"\min", "log2": r"\log_2"}


class NoLatexError(ValueError):
    """An expression is more than plain arithmetic. The message names the part."""


def latex(node: ast.expr, written: Callable[[str], str], numbers: bool = False) -> str:
    """An expression of names, numbers, + - * / ** and the functions of `numeric` as LaTeX.

    Args:
        node: the expression.
        written: what stands for a name, given as it stands in the code: "cards", "chip.memory".
        numbers: whether numbers stand for the names: then every product has its dot.

    Raises:
        NoLatexError: it holds anything else.
    """
    return _Writer(written, numbers).write(node, 0)


def return_of(tree: ast.Module) -> ast.expr:
    """What a function whose source was parsed returns in its only statement.

    Raises:
        NoLatexError: it has more statements.
    """
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    body = [s for s in function.body if not _is_docstring(s)]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
        raise NoLatexError(f"{function.name} is more than one return")
    return body[0].value


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


class _Writer:
    def __init__(self, written: Callable[[str], str], numbers: bool) -> None:
        self.written, self.numbers = written, numbers

    def write(self, node: ast.expr, rank: int) -> str:
        """The node; in brackets where it binds less than `rank` asks."""
        match node:
            case ast.Name() | ast.Attribute():
                return f"{{{self.written(ast.unparse(node))}}}"
            case ast.Constant(value=int() | float() as value):
                return str(value)
            case ast.UnaryOp(op=ast.USub()):
                return f"-{self.write(node.operand, 2)}"
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                plain = isinstance(node.args[0], ast.Name)
                return self._call(name, [self.write(each, 0) for each in node.args], plain)
            case ast.BinOp():
                return self._operation(node, rank)
        raise NoLatexError(f"no LaTeX for {ast.unparse(node)!r}")

    def _call(self, name: str, given: list[str], plain: bool) -> str:
        if name == "ceil":
            return rf"\left\lceil {given[0]} \right\rceil"
        if name == "root":
            return rf"\sqrt[{given[1]}]{{{given[0]}}}"
        if name not in _NAMED:
            raise NoLatexError(f"no LaTeX for {name!r}")
        if name == "log2" and plain:
            return rf"\log_2 {given[0]}"
        return rf"{_NAMED[name]} \left( {', '.join(given)} \right)"

    def _operation(self, node: ast.BinOp, rank: int) -> str:
        kind = type(node.op)
        if kind not in _RANK:
            raise NoLatexError(f"no LaTeX for {ast.unparse(node)!r}")
        if kind is ast.Div:
            return rf"\frac{{{self.write(node.left, 0)}}}{{{self.write(node.right, 0)}}}"
        own = _RANK[kind]
        left, right = self.write(node.left, own), self.write(node.right, own + (kind is ast.Sub))
        if kind is ast.Pow:
            base = self.write(node.left, own + 1)
            if isinstance(node.left, ast.Call):
                base = rf"\left( {base} \right)"
            return f"{base}^{{{self.write(node.right, 0)}}}"
        sign = {ast.Add: " + ", ast.Sub: " - "}.get(kind, self._times(left))
        text = left + sign + right
        return rf"\left( {text} \right)" if own < rank else text

    def _times(self, left: str) -> str:
        """The sign of a product: none after a digit or a bracket, where letters follow."""
        bare = left[-1].isdigit() or left.endswith((r"\right)", r"\right\rceil"))
        return " " if bare and not self.numbers else r" \cdot "
