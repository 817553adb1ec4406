"""A notebook as one HTML file that opens offline: pictures, tables and formulas inside, no script.

The page is made by the same Sphinx extensions as the site. What refers to another page of the book
stays as text, since that page is not there.
"""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

if TYPE_CHECKING:
    from sphinx.application import Sphinx

from reckoner.site import policy

_EXTENSIONS = ["myst_nb", "sphinx_design", "sphinxcontrib.bibtex", "reckoner.site.mathml"]
_EXTENSIONS += ["reckoner.site.fold"]
_REFERENCES = "## References\n\n```{bibliography}\n:filter: docname in docnames\n```"
_STYLE = """
html { font: 1.05rem/1.6 system-ui, "Liberation Sans", Arial, sans-serif; color: var(--chart-text);
  background: var(--chart-background); --pst-color-text-base: var(--chart-text);
  --pst-color-text-muted: var(--chart-muted); --pst-color-background: var(--chart-background);
  --pst-color-border: var(--book-line); --pst-color-surface: var(--book-soft);
  --pst-color-accent: var(--book-accent); --pst-color-link: var(--chart-2);
  --pst-font-size-milli: 0.85rem; }
body { margin: 0; }
main { max-width: 47rem; margin: 0 auto; padding: 1rem; }
a { color: var(--chart-2); }
pre { overflow-x: auto; padding: 0.6rem 0.8rem; background: var(--book-soft); font-size: 0.85rem; }
table { border-collapse: collapse; font-size: 0.92rem; }
th, td { padding: 0.25rem 0.6rem; text-align: left; border-bottom: 1px solid var(--book-line); }
svg { max-width: 100%; height: auto; }
a.headerlink { display: none; }
"""
_MODE = (
    'document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)")'
    '.matches ? "dark" : "light"'
)


class PageFailedError(RuntimeError):
    """A page could not be made. The message says why."""


def page_of(notebook: str, pages: Path, numbers: str = "") -> str:
    """An executed notebook as a page.

    Args:
        notebook: its text.
        pages: the folder with the book's bibliography and style sheet.
        numbers: where each of its numbers comes from, as HTML, to which the numbers then lead.

    Raises:
        PageFailedError: Sphinx refuses the notebook.
    """
    content = nbformat.reads(notebook, as_version=4)
    cited = "{cite}" in notebook and (pages / "references.bib").exists()
    if cited:
        content.cells.append(nbformat.v4.new_markdown_cell(_REFERENCES))
    title = content.cells[0].source.splitlines()[0].lstrip("# ")
    body = re.sub(
        r'(<a class="number" href=")[^"]*(#[^"]*")', r"\1\2", _body(content, pages, cited)
    )
    if numbers:
        body += f'<section id="numbers"><h2>Where each number comes from</h2>{numbers}</section>'
    return shell(title, body, style_sheet(pages))


def shell(title: str, body: str, style: str = "") -> str:
    """A page of its own: nothing in it comes from elsewhere, and no foreign script runs."""
    style += _STYLE
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{policy.tag(policy.of_one_page(_MODE, style))}\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<script>{_MODE}</script>\n"
        f"<style>{style}</style>\n</head>\n"
        f'<body>\n<main class="bd-article">\n{body}\n</main>\n</body>\n</html>\n'
    )


def style_sheet(pages: Path) -> str:
    """The book's style, where the folder of its pages has one."""
    path = pages / "_static" / "book.css"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _body(content: Any, pages: Path, cited: bool) -> str:
    """What Sphinx makes of the notebook."""
    from sphinx.application import Sphinx  # nobody who only sweeps waits for it
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    bodies: list[str] = []
    with tempfile.TemporaryDirectory() as place, patch_docutils(), docutils_namespace():
        source, built = Path(place) / "source", Path(place) / "built"
        source.mkdir()
        nbformat.write(content, source / "index.ipynb")
        if cited:
            shutil.copy(pages / "references.bib", source)
        warnings = io.StringIO()
        try:
            app = Sphinx(
                str(source), None, str(built), str(built), "html", _settings(cited),
                status=None, warning=warnings, freshenv=True,
            )  # fmt: skip
            app.connect("missing-reference", _as_text(pages.parent / "notebooks"))
            app.connect(
                "html-page-context",
                lambda app, page, template, context, tree: (
                    bodies.append(context["body"]) if page == "index" else None
                ),
            )
            app.build()
        except Exception as error:
            raise PageFailedError(f"the page could not be made: {error}") from error
    if not bodies:
        raise PageFailedError(f"the page could not be made: {warnings.getvalue()}")
    return bodies[0]


def _settings(cited: bool) -> dict[str, Any]:
    return {
        "extensions": _EXTENSIONS,
        "html_theme": "basic",
        "html_math_renderer": "mathml",
        "nb_execution_mode": "off",
        "nb_render_markdown_format": "myst",
        "myst_enable_extensions": [
            "amsmath", "attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath",
            "html_image",
        ],
        "numfig": True,
        "bibtex_bibfiles": ["references.bib"] if cited else [],
    }  # fmt: skip


def _as_text(notebooks: Path) -> Any:
    """A reference to what is on another page, as the text it would have there."""
    from docutils import nodes

    def resolve(app: Sphinx, env: Any, node: Any, inner: Any) -> Any:
        target = str(node.get("reftarget", ""))
        if node.get("reftype") == "eq":
            return nodes.emphasis("", target.removeprefix("eq-").replace("-", " "))
        if node.get("reftype") == "doc" and not node.get("refexplicit"):
            return nodes.emphasis("", _title(notebooks / f"{target.split('/')[-1]}.ipynb"))
        return inner

    return resolve


def _title(notebook: Path) -> str:
    if not notebook.exists():
        return notebook.stem.replace("_", " ")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")
