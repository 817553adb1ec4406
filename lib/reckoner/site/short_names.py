"""A link to a page within a sentence has the page's short name: what stands before its colon.

A Sphinx extension. `{doc}` gives the whole title, such as "Capacity: how many cards hold the
model", which is a sentence of its own; within another one it reads badly.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

_MARK = "doc"
"""The class of what `{doc}` becomes where it has no words of its own."""


def shorten(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Leave of each title in a link what stands before its colon."""
    titles = {title.astext() for title in app.env.titles.values()}
    for link in doctree.findall(nodes.inline):
        whole = link.astext()
        if _MARK in link["classes"] and whole in titles:
            link.children = [nodes.Text(whole.partition(": ")[0])]


def setup(app: Sphinx) -> dict[str, Any]:
    """Shorten once the links are resolved."""
    app.connect("doctree-resolved", shorten)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
