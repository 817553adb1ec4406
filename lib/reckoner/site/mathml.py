r"""Math as MathML: the browser draws it, without a script, a font or a second of waiting.

A Sphinx extension, selected by ``html_math_renderer: mathml``. LaTeX is converted when the page is
written, by the converter that docutils brings along. A formula that it cannot convert ends the
build, and the message names the page.

    >>> to_mathml(r"\mathopen{}\left( x \mathclose{}\right)").partition(">")[2]
    '<mrow><mo>(</mo><mi>x</mi><mo>)</mo></mrow></math>'
"""

import re
from collections.abc import Callable
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.locale import _
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator


def _upright(found: re.Match[str]) -> str:
    r"""Keep \mathrm{tokens\_per\_s} one word, where docutils would set it letter by letter."""
    word = found[1]
    if len(word) < 2 or word.isalpha():
        return found[0]
    return r"\text{" + word.replace("\\", "").replace("~", " ") + "}"


_CASES = r"\\left\\\{\s*\\begin\{array\}\{l+\}(.*?)\\end\{array\}\s*\\right\."
_OUTER = r"^\s*\\begin\{(equation|align|gather|multline)(\*?)\}(.*)\\end\{\1\2\}\s*$"

# What latexify and amsmath write and docutils does not know, in words that docutils knows. An align
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


def _convert(writer: HTML5Translator, node: nodes.Element, *, display: bool) -> str:
    """Convert a node's formula, or end the build: a warning would be silent in the next build."""
    try:
        return to_mathml(node.astext(), display=display)
    except ValueError as error:
        page = writer.builder.current_docname
        raise SphinxError(f"{page}: cannot convert a formula to MathML: {error}") from error


def visit_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write a formula that runs within the text."""
    writer.body.append(writer.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    writer.body.append(_convert(writer, node, display=False) + "</span>")
    raise nodes.SkipNode


def visit_display(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, in a box to scroll in, with the number it may have."""
    writer.body.append(writer.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node.get("number"):
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, _("Link to this equation"))
        writer.body.append("</span>")
    formula = _convert(writer, node, display=True)
    writer.body.append(f'<div class="formula">{formula}</div></div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer under the name mathml."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
