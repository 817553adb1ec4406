r"""Math as MathML: the browser draws it, without a script, a font or a second of waiting.

A Sphinx extension, selected by ``html_math_renderer: mathml``. LaTeX is converted when the page is
written, by the converter that docutils brings along. A formula that it cannot convert ends the
build, and the message names the page.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.locale import _
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from reckoner.show.mathml import to_mathml


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
