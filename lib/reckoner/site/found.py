"""What lets others find the site once it has an address: a map of its pages, a feed of changes.

A Sphinx extension. The address is `baseurl` in _config.yml and stands nowhere else; without one
nothing is written, and the site is a folder of files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from sphinx.application import Sphinx
from sphinx.config import Config

CHANGES, FEED, MAP = "CHANGELOG.md", "changes.xml", "sitemap.xml"
_ATOM = "http://www.w3.org/2005/Atom"
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_RELEASE = re.compile(
    r"^## (\S+) \((\d{4}-\d\d-\d\d)\)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL
)


def sitemap(pages: list[str]) -> str:
    """A map of a site for search engines, from the addresses of its pages."""
    root = ElementTree.Element("urlset", xmlns=_SITEMAP)
    for page in pages:
        ElementTree.SubElement(ElementTree.SubElement(root, "url"), "loc").text = page
    return _document(root)


def feed(changelog: str, title: str, author: str, base: str) -> str:
    """The releases of a changelog as an Atom feed; what is not released yet is not among them.

    Args:
        changelog: its text; a release is a heading such as "## 0.1.0 (2026-11-23)".
        title: the book's.
        author: the book's.
        base: the address of the site, with a slash at its end.
    """
    releases = _RELEASE.findall(changelog)
    root = ElementTree.Element("feed", xmlns=_ATOM)
    latest = max((day for _, day, _ in releases), default="1970-01-01")
    _texts(root, title=f"{title}: changes", id=base, updated=f"{latest}T00:00:00Z")
    ElementTree.SubElement(ElementTree.SubElement(root, "author"), "name").text = author
    ElementTree.SubElement(root, "link", rel="self", href=base + FEED)
    for version, day, text in releases:
        entry = ElementTree.SubElement(root, "entry")
        name = f"{base}#{version}"
        _texts(entry, title=f"{title} {version}", id=name, updated=f"{day}T00:00:00Z")
        ElementTree.SubElement(entry, "link", href=base)
        ElementTree.SubElement(entry, "content", type="text").text = text.strip()
    return _document(root)


def _texts(parent: ElementTree.Element, **texts: str) -> None:
    for name, text in texts.items():
        ElementTree.SubElement(parent, name).text = text


def _document(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def address(config: Config) -> str:
    """The site's address with a slash at its end; nothing where none is configured."""
    return f"{config.html_baseurl.rstrip('/')}/" if config.html_baseurl else ""


def configure(app: Sphinx, config: Config) -> None:
    """Previews of links take the same address."""
    config.ogp_site_url = address(config)


def point(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Name the feed in a page's head."""
    if base := address(app.config):
        link = f'<link rel="alternate" type="application/atom+xml" href="{base}{FEED}">'
        context["metatags"] = context.get("metatags", "") + link


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write map and feed beside the pages."""
    base = address(app.config)
    if exception or not base or app.builder.format != "html":
        return
    site = Path(app.outdir)
    pages = [base + app.builder.get_target_uri(page) for page in sorted(app.env.found_docs)]
    (site / MAP).write_text(sitemap(pages), encoding="utf-8")
    changes = Path(app.srcdir) / CHANGES
    if changes.exists():
        text = feed(changes.read_text("utf-8"), app.config.html_title, app.config.author, base)
        (site / FEED).write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Take the address before the pages are written, and write what needs it after them."""
    app.connect("config-inited", configure)
    app.connect("html-page-context", point)
    app.connect("build-finished", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
