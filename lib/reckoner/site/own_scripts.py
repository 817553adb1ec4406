"""Scripts that few pages need: a page loads one if it has something for it to bring to life.

A Sphinx extension.
"""

from typing import Any

from sphinx.application import Sphinx

OF_CLASS = {"own-machine": "own_machine.js"}
"""The script of each class of elements."""


def add(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Let a page load the scripts of what it holds."""
    for name, script in OF_CLASS.items():
        if f'class="{name}"' in context.get("body", ""):
            app.add_js_file(script, loading_method="defer", priority=600)


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at each page before it is written."""
    app.connect("html-page-context", add)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
