r"""Math as MathML: the browser draws it, without a script, a font or a second of waiting.

A Sphinx extension. ``html_math_renderer: mathml`` selects it. LaTeX is converted when the page is written, by the
converter that docutils brings along; a formula that it cannot convert ends the build, and the message names the page.

    >>> to_mathml(r"\mathopen{}\left\lceil x \mathclose{}\right\rceil")
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><mrow><mo>⌈</mo><mi>x</mi><mo>⌉</mo></mrow></math>'
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
    r"""Set an upright word that is more than letters, as \mathrm{tokens\_per\_s}, as one word, not letter by letter."""
    word = found[1]
    return found[0] if len(word) < 2 or word.isalpha() else rf"\text{{{word.replace(chr(92), '').replace('~', ' ')}}}"


# What latexify and amsmath write and docutils does not know, and what it means in words that docutils knows. An align
# environment around the whole formula needs no translation: a display formula with \\ in it is aligned at its & anyway.
_CASES = r"\\left\\\{\s*\\begin\{array\}\{l+\}(.*?)\\end\{array\}\s*\\right\."
_TRANSLATIONS: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(r"\\math(?:open|close)\{\}"), ""),
    (re.compile(r"\\math(?:bin|rel|ord)\{([^{}]*)\}"), r"\1"),
    (re.compile(r"(?<=\d)\{,\}(?=\d)"), ","),
    (re.compile(r"\\mathrm\{((?:[^{}\\]|\\[_%$&# ])*)\}"), _upright),
    (re.compile(_CASES, re.DOTALL), r"\\begin{cases}\1\\end{cases}"),
    (re.compile(r"\\(begin|end)\{split\}"), r"\\\1{aligned}"),
    (re.compile(r"^\s*\\begin\{(equation|align|gather|multline)(\*?)\}(.*)\\end\{\1\2\}\s*$", re.DOTALL), r"\3"),
    (re.compile(r"\\(?:label\{[^{}]*\}|nonumber\b|notag\b)"), ""),
]
_ESCAPED = re.compile(r"\\\\.", re.DOTALL)
_BETWEEN_TAGS = re.compile(r">\n\s*<")


def to_mathml(latex: str, *, display: bool = False) -> str:
    """Return a formula as a ``<math>`` element.

    Args:
        latex: The formula, without dollar signs. Blank lines separate the lines of a display formula, as in Sphinx.
        display: Whether it stands on a line of its own.

    Raises:
        ValueError: docutils cannot convert the formula.
    """
    source = latex.strip()
    for pattern, replacement in _TRANSLATIONS:
        source = pattern.sub(replacement, source)
    if display:
        source = r" \\ ".join(part.strip() for part in re.split(r"\n\s*\n", source) if part.strip())
    braces = _ESCAPED.sub("", source)
    try:
        if braces.count("{") != braces.count("}"):  # docutils forgives it, and shows half of the formula
            raise MathError("Unbalanced braces")
        return _BETWEEN_TAGS.sub("><", str(tex2mathml(source, as_block=display)).strip())
    except (MathError, AttributeError, IndexError, TypeError) as error:  # docutils lets some faults of LaTeX slip
        raise ValueError(f"{error} in {latex.strip()!r}") from error


def _convert(writer: HTML5Translator, node: nodes.Element, *, display: bool) -> str:
    """Convert a node's formula; a failure names the page, as the second of two builds must fail like the first."""
    try:
        return to_mathml(node.astext(), display=display)
    except ValueError as error:
        page = writer.builder.current_docname
        raise SphinxError(f"{page}: cannot convert a formula to MathML: {error}") from error


def visit_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write a formula that runs within the text."""
    formula = _convert(writer, node, display=False)
    writer.body.append(f'{writer.starttag(node, "span", "", CLASS="math notranslate nohighlight")}{formula}</span>')
    raise nodes.SkipNode


def visit_display(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands on a line of its own, with its number and a link to it where it has a label."""
    writer.body.append(writer.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node.get("number"):
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, _("Link to this equation"))
        writer.body.append("</span>")
    formula = _convert(writer, node, display=True)
    writer.body.append(f'<div class="formula">{formula}</div></div>\n')  # a box of its own, to scroll in
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer under the name mathml."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
