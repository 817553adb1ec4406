"""Sections that stay closed until they are asked for: those with `{.fold}` above their heading.

A Sphinx extension. A reader opens one by its heading, a link into it opens it, and print shows it.
A notebook's parameters, which must come first in it, stand on the page before its first section,
where they do not part the question from its answer.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_BEFORE, _AFTER = '<details class="fold"><summary>', "</summary>"


def fold(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Close each marked section, its heading left as what opens it."""
    if app.builder.format != "html":
        return
    for section in list(doctree.findall(nodes.section)):
        if "fold" in section["classes"]:
            section["classes"][section["classes"].index("fold")] = "folded"
            section.insert(0, nodes.raw("", _BEFORE, format="html"))
            section.insert(2, nodes.raw("", _AFTER, format="html"))
            section.append(nodes.raw("", "</details>", format="html"))


def move_parameters(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Let the cell of parameters be the last of what stands above the first heading below it."""
    for cell in list(doctree.findall(nodes.container)):
        if "tag_parameters" in cell["classes"]:
            page = cell.parent
            headed = page.next_node(nodes.section, ascend=False)
            page.remove(cell)
            page.insert(page.index(headed) if headed else len(page), cell)


def setup(app: Sphinx) -> dict[str, Any]:
    """Fold once the contents and the numbers of the sections are known."""
    app.connect("doctree-resolved", move_parameters)
    app.connect("doctree-resolved", fold)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
