r"""Mathematics as MathML: the browser draws it, without a script or a font.

>>> to_mathml(r"\left( x \right)").partition(">")[2]
'<mrow><mo>(</mo><mi>x</mi><mo>)</mo></mrow></math>'
"""

import re
from collections.abc import Callable

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml


def _upright(found: re.Match[str]) -> str:
    r"""Keep \mathrm{tokens\_per\_s} one word, where docutils would set it letter by letter."""
    word = found[1]
    if len(word) < 2 or word.isalpha():
        return found[0]
    return r"\text{" + word.replace("\\", "").replace("~", " ") + "}"


_CASES = r"\\left\\\{\s*\\begin\{array\}\{l+\}(.*?)\\end\{array\}\s*\\right\."
_OUTER = r"^\s*\\begin\{(equation|align|gather|multline)(\*?)\}(.*)\\end\{\1\2\}\s*$"

# What amsmath writes and docutils does not know, in words that docutils knows. An align
# environment around the whole goes: a display formula with \\ in it is aligned at its & anyway.
_TRANSLATIONS: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(r"\\math(?:open|close)\{\}"), ""),
    (re.compile(r"\\math(?:bin|rel|ord)\{([^{}]*)\}"), r"\1"),
    (re.compile(r"(?<=\d)\{,\}(?=\d)"), ","),
    (re.compile(r"\\mathrm\{((?:[^{}\\]|\\[_%$&# ])*)\}"), _upright),
    (re.compile(_CASES, re.DOTALL), r"\\begin{cases}\1\\end{cases}"),
    (re.compile(r"\\(begin|end)\{split\}"), r"\\\1{aligned}"),
    (re.compile(_OUTER, re.DOTALL), r"\3"),
    (re.compile(r"\\(?:label\{[^{}]*\}|nonumber\b|notag\b)"), ""),
]
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_BLANK_LINE = re.compile(r"\n\s*\n")
_INDENT = re.compile(r">\n\s*<")


def to_mathml(latex: str, *, display: bool = False) -> str:
    """Return a formula as a ``<math>`` element.

    Args:
        latex: The formula, without dollar signs. In a display formula a blank line begins a new
            line, as in Sphinx.
        display: Whether it stands on a line of its own.

    Raises:
        ValueError: docutils cannot convert the formula.
    """
    source = latex.strip()
    for pattern, replacement in _TRANSLATIONS:
        source = pattern.sub(replacement, source)
    if display:
        source = r" \\ ".join(line for line in _BLANK_LINE.split(source) if line.strip())
    braces = _ESCAPED.sub("", source)
    try:
        if braces.count("{") != braces.count("}"):  # docutils would show half of the formula
            raise MathError("Unbalanced braces")
        return _INDENT.sub("><", str(tex2mathml(source, as_block=display)).strip())
    except (MathError, AttributeError, IndexError, TypeError) as error:
        raise ValueError(f"{error} in {latex.strip()!r}") from error
