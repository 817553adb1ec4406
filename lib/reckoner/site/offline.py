"""A site that is files: it asks no other host for anything, and carries no script it does not use.

A Sphinx extension. Once the pages are written, it

- takes the theme's Font Awesome out of them, 1.5 MB of script and 0.5 MB of fonts: the icons are in
  the book's style sheet;
- gives each page its policy, and takes out the scripts in it: what they did is in `page.js`;
- writes the licences of what the site is made with beside it;
- mends what its templates get wrong for readers who do not see the page, and its search;
- lets scripts wait for the page, and takes out those of the search where nothing is searched;
- looks through every page and style sheet, and warns of whatever loads from another host, or is
  refused by the policy.

It looks at all pages after every build, not only at those just written, so that the second of two
builds fails like the first. Links that a reader may follow elsewhere are not its business.
"""

import re
from html.parser import HTMLParser
from pathlib import Path
from shutil import rmtree
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from reckoner.site import notices, policy

logger = logging.getLogger(__name__)

# Files of the theme below _static that nothing needs any more.
UNUSED = ["scripts/fontawesome.js", "vendor/fontawesome", "*webpack-macros.html", "images"]
UNUSED += ["locales", "scripts/*.map", "scripts/*.LICENSE.txt", "styles/*.map"]

_IN_PAGES = {
    # The search button is called what it shows.
    r'(<button class="btn search-button-field[^>]*?) title="Search" aria-label="Search"': r"\1",
    # First of all in a page; the page that only leads to another has no head.
    r'(<meta charset="utf-8" ?/?>|^<meta http-equiv="Refresh" [^>]*>)(?!\s*<meta [^>]*Policy)': (
        rf"\1\n    {policy.tag(policy.OF_SITE)}"
    ),
    # What `page.js` does, and the style does where there are no scripts.
    r'\s*<script data-cfasync="false">\s*document[^<]*</script>': "",
    r"\s*<script>DOCUMENTATION_OPTIONS\.\w+ = [^<;]*;?</script>": "",
    r"\s*<script>\s*// Activate the search field on page load[^<]*</script>": "",
    r' onclick="(?:window\.print|toggleFullScreen)\(\)"': "",
    r"\s*<!--\s*this give us[^>]*-->\s*<noscript>\s*<style>[^<]*</style>\s*</noscript>": "",
    r"\s*(?:<!--[^>]*custom icons -->\s*)?<script[^>]*/fontawesome\.js[^>]*></script>": "",
    # A role that browsers no longer know, and a list with other children than items.
    r' role="doc-biblioentry"': "",
    r'<div role="list" class="citation-list">': '<div class="citation-list">',
    # What folds the pages below another in the side bar has no name.
    r'<summary>(?=<span class="toctree-toggle")': '<summary aria-label="Pages below this one">',
    # A name that lacks what is to be read on the thing itself.
    r'(<summary) aria-label="Toggle hidden content"(?=>)': r"\1",
    r'(<span class="search-button__kbd-shortcut")(?=>)': r'\1 aria-hidden="true"',
    # The side bar's title stands in no landmark otherwise.
    r'(<div id="pst-primary-sidebar" class="bd-sidebar-primary[^"]*")>': (
        r'\1 role="complementary" aria-label="Book">'
    ),
    # Scripts wait until the page stands; only `page.js`, which sets its colours, does not.
    r"<script(?=[^>]* src=)(?![^>]* defer)(?![^>]*/page\.js)": "<script defer",
}
# The theme searches as one types where it is asked to; without that only the search page searches.
_NOT_IN_SEARCH = {
    r'\s*<script[^>]* src="[^"]*(?:searchtools|language_data|searchindex)\.js"></script>': ""
}
_IN_STYLES = {
    r"@font-face\{[^}]*fontawesome[^}]*\}": "",
    r"(?:\.fa-[\w-]+:before,?)+\{content:[^}]*\}": "",
    r"/\*# sourceMappingURL=.*?\*/": "",
}

# The search looks words up in objects, which have a constructor that is no word of the index.
_OWN_WORDS = r"""
    const { hasOwnProperty } = Object.prototype;
    const own = Object.assign(Object.create(null), { hasOwnProperty });
    for (const words of [index.terms, index.titleterms]) Object.setPrototypeOf(words, own);"""
_IN_SEARCH = {r"(setIndex: \(index\) => \{)(?=\s*Search\._index = index;)": rf"\1{_OWN_WORDS}"}

_OTHER_HOST = re.compile(r"\s*(?:https?:|wss?:)?//", re.IGNORECASE)
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_STYLE_URL = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)
_LOADING = {"stylesheet", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload"}
_LOADING |= {"icon", "manifest"}


class _Loads(HTMLParser):
    """Collect what a page loads from other hosts by itself, and what its policy refuses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.refused: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the attributes that load something, which for a link depend on its relation."""
        values = {name: value or "" for name, value in attrs}
        self.refused += policy.refused(tag, values)
        names = ["src", "srcset", "poster", "data"]
        if tag in {"image", "use"} or _LOADING & set(values.get("rel", "").lower().split()):
            names += ["href", "xlink:href"]
        self.found += [values[name] for name in names if _OTHER_HOST.match(values.get(name, ""))]
        self.found += _STYLE_URL.findall(values.get("style", ""))


def other_hosts(text: str, *, page: bool) -> list[str]:
    """Return the addresses on other hosts from which a page, or else a style sheet, loads."""
    if not page:
        return _STYLE_URL.findall(text)
    return _Loads(text).found + _STYLE_URL.findall("\n".join(_STYLE.findall(text)))


def _mended(path: Path, changes: dict[str, str]) -> str:
    """Make the changes in a file, untouched where it needs none, and return its text."""
    before = after = path.read_text(encoding="utf-8")
    for pattern, replacement in changes.items():
        after = re.sub(pattern, replacement, after)
    if after != before:
        path.write_text(after, encoding="utf-8")
    return after


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Lighten the site that was just built, and look at what it loads."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    for pattern in UNUSED:
        for path in site.joinpath("_static").glob(pattern):
            rmtree(path) if path.is_dir() else path.unlink()
    own = [
        file.relative_to(folder).as_posix()
        for folder in (Path(app.srcdir, name) for name in app.config.html_static_path)
        for file in folder.rglob("*")
    ]
    for left in notices.missing(site / "_static", own):
        logger.warning("%s has no notice of its licence", left, type="offline")
    notices.write(site / "_static")
    search = site / "_static" / "searchtools.js"
    if search.exists() and "setPrototypeOf(words" not in _mended(search, _IN_SEARCH):
        logger.warning("%s could not be mended", search.relative_to(site), type="offline")
    for path in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        page = path.suffix == ".html"
        changes = (_IN_PAGES if page else _IN_STYLES) | (
            _NOT_IN_SEARCH if page and path.name != "search.html" else {}
        )
        text = _mended(path, changes)
        name = path.relative_to(site)
        for url in other_hosts(text, page=page):
            logger.warning("%s loads %s, from another host", name, url, type="offline")
        for part in _Loads(text).refused if page else ():
            logger.warning("%s holds %s, which its policy refuses", name, part, type="offline")
        if page and "/fontawesome.js" in text:
            logger.warning("%s still loads fontawesome.js", name, type="offline")


def setup(app: Sphinx) -> dict[str, Any]:
    """Put the script before the others in each page's head, and run once the site is written."""
    if "comments_config" not in app.config:  # Jupyter Book sets it, with sphinx_comments or without
        app.add_config_value("comments_config", {}, "html")
    app.add_js_file("page.js", priority=100)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
