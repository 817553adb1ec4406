"""The book as one PDF, printed by Chromium from the pages of the built site.

The articles of all pages become one long page, in the order of the table of contents: so every link
inside the book leads somewhere in the PDF, and figures keep the numbers that they have on the site.
It is printed twice: only then is it known on which page a chapter begins.
"""

from __future__ import annotations

import html
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pypdf import PdfReader, PdfWriter
from pypdf.generic import Destination, NameObject, TextStringObject
from sphinx_external_toc.parsing import parse_toc_yaml

LEFT_OUT = "book/numbers/"
"""Pages that are in the site alone: a line for each number, by the thousand."""
STYLE = Path(__file__).with_name("printed.css")
PAPER = {"width": 657, "height": 976}
"""What the margins leave of a sheet, in the pixels of a style sheet."""
_NARROW = """(width) => {
  const wide = (each) => each.getBoundingClientRect().right > width + 1;
  for (const table of document.querySelectorAll("table"))
    if (wide(table)) table.parentElement.classList.add("too-wide");
  const kinds = "table, svg, pre, img, math, p";
  return [...document.querySelectorAll(kinds)].filter(wide).map((each) => {
    const chapter = each.closest("section.chapter");
    return `${chapter ? chapter.id : "cover"}: ${each.tagName} ${each.textContent.slice(0, 60)}`;
  });
}"""
"""Sets what is wider than the paper smaller, and gives what is so still."""
_ARTICLE = Path(__file__).with_name("printed.js")


class PrintError(RuntimeError):
    """The book could not be printed. The message says why."""


@dataclass(frozen=True)
class Part:
    """Pages of the book under one caption of its table of contents."""

    caption: str
    pages: tuple[str, ...]


@dataclass(frozen=True)
class Article:
    """The article of a page, ready to stand among others."""

    page: str
    title: str
    body: str

    @property
    def anchor(self) -> str:
        """Where it begins, for links; as the script makes it of a link to the page."""
        return self.page.replace("/", "-")


def parts(toc: Path) -> list[Part]:
    """The pages of the book that are printed, by part, in the order of reading."""
    site = parse_toc_yaml(toc)
    found = [Part("", (site.root.docname,))]
    for tree in site.root.subtrees:
        pages = tuple(_below(site, map(str, tree.items)))
        found.append(Part(tree.caption or "", pages))
    return found


def _below(site: Any, pages: Any) -> Iterator[str]:
    for page in pages:
        if not page.startswith(LEFT_OUT):
            yield page
            for tree in site[page].subtrees:
                yield from _below(site, map(str, tree.items))


def print_book(built: Path, toc: Path, title: str, cover: str, output: Path, browser: str) -> int:
    """Print a built site as one PDF.

    Args:
        built: the folder of the site.
        toc: its table of contents.
        title: the title of the book.
        cover: the first page, as HTML.
        output: the PDF.
        browser: path of Chromium or Chrome.

    Returns:
        The number of pages.

    Raises:
        PrintError: a page is missing, or the browser cannot print.
    """
    from playwright.sync_api import Error, sync_playwright

    found = parts(toc)
    missing = [p for part in found for p in part.pages if not (built / f"{p}.html").exists()]
    if missing:
        raise PrintError(f"{built} has no page {missing[0]!r}; run `make book` first")
    try:
        with sync_playwright() as playwright:
            opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            tab = opened.new_context(java_script_enabled=False, offline=True).new_page()
            articles, styles = _articles(tab, built, found)
            whole = output.with_suffix(".html")
            numbers: dict[str, int] = {}
            for last in (False, True):  # without numbers in the contents, to learn them; then with
                whole.write_text(
                    _whole(title, found, articles, styles, cover, numbers), encoding="utf-8"
                )
                _print(tab, whole, output, last)
                numbers = _pages(output, articles)
            headings = [text.strip() for text in tab.locator("h1, h2, h3, h4").all_text_contents()]
            whole.unlink()
    except Error as error:
        raise PrintError(f"the browser cannot print: {str(error).splitlines()[0]}") from error
    return _finished(output, title, headings)


def _articles(
    tab: Any, built: Path, found: list[Part]
) -> tuple[dict[str, Article], dict[str, None]]:
    articles: dict[str, Article] = {}
    styles: dict[str, None] = {}
    script = _ARTICLE.read_text(encoding="utf-8").partition("\n")[2]
    for page in (page for part in found for page in part.pages):
        tab.goto((built / f"{page}.html").resolve().as_uri())
        body, title, sheets = tab.evaluate(script, page)
        articles[page] = Article(page, title, body)
        styles |= dict.fromkeys(sheets)
    return articles, styles


def _whole(
    title: str,
    found: list[Part],
    articles: dict[str, Article],
    styles: dict[str, None],
    cover: str,
    numbers: dict[str, int],
) -> str:
    """The book as one page."""
    links = "\n".join(f'<link rel="stylesheet" href="{html.escape(s)}">' for s in styles)
    names = "\n".join(_running(number, a) for number, a in enumerate(articles.values()))
    bodies = "\n".join(
        f'<section class="chapter" id="{a.anchor}" style="page: chapter-{number}">'
        f"{a.body}</section>"
        for number, a in enumerate(articles.values())
    )
    return (
        '<!doctype html>\n<html lang="en" data-theme="light" data-mode="light">\n<head>\n'
        f'<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n{links}\n'
        f"<style>{STYLE.read_text(encoding='utf-8')}\n{names}</style>\n</head>\n<body>\n"
        f'<section class="cover">{cover}</section>\n{_contents(found, articles, numbers)}\n'
        f'<article class="bd-article">\n{bodies}\n</article>\n</body>\n</html>\n'
    )


def _running(number: int, article: Article) -> str:
    """The style that sets a chapter's title over each of its pages."""
    title = article.title.replace("\\", "").replace('"', "\\22 ")
    return f'@page chapter-{number} {{ @top-left {{ content: "{title}"; }} }}'


def _contents(found: list[Part], articles: dict[str, Article], numbers: dict[str, int]) -> str:
    lines = []
    for part in found:
        lines.append(f"<h2>{html.escape(part.caption)}</h2>" if part.caption else "")
        for article in (articles[page] for page in part.pages):
            number = numbers.get(article.anchor, "000")
            lines.append(
                f'<p><a href="#{article.anchor}"><span>{html.escape(article.title)}</span>'
                f"<b>{number}</b></a></p>"
            )
    return f'<nav class="printed-contents"><h1>Contents</h1>{"".join(lines)}</nav>'


def _print(tab: Any, whole: Path, output: Path, last: bool) -> None:
    """Print the page; with bookmarks and the tags that a screen reader needs the last time."""
    tab.set_viewport_size(PAPER)
    tab.emulate_media(media="print", color_scheme="light")
    tab.goto(whole.resolve().as_uri())
    wide = tab.evaluate(_NARROW, PAPER["width"])
    if wide:
        raise PrintError(f"wider than the paper: {'; '.join(wide[:5])}")
    tab.pdf(
        path=output, print_background=True, prefer_css_page_size=True, outline=last, tagged=last
    )


def _pages(output: Path, articles: dict[str, Article]) -> dict[str, int]:
    """The page on which each article begins, counted from the cover."""
    reader = PdfReader(output)
    names = reader.named_destinations
    found = {}
    for article in articles.values():
        place = names.get(article.anchor) or names.get(f"/{article.anchor}")
        if isinstance(place, Destination):
            number = reader.get_destination_page_number(place)
            found[article.anchor] = (number or 0) + 1
    return found


def _finished(output: Path, title: str, headings: list[str]) -> int:
    """Set title and bookmarks, and leave out when it was made: the same book gives the same file.

    A browser leaves the space out of a bookmark where its heading goes on in the next line, and
    writes one that begins a page of its own kind twice.
    """
    writer = PdfWriter(clone_from=output)
    spelt = {_close(heading * times): heading for heading in headings for times in (2, 1)}
    for item in _bookmarks(writer.root_object.get("/Outlines")):
        name = spelt.get(_close(str(item["/Title"])))
        if name:
            item[NameObject("/Title")] = TextStringObject(name)
    writer.metadata = {"/Title": title}
    writer.write(output)
    return len(writer.pages)


def _close(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _bookmarks(item: Any) -> Iterator[Any]:
    """The bookmarks below one, at all depths."""
    child = item.get_object().get("/First") if item else None
    while child:
        found = child.get_object()
        yield found
        yield from _bookmarks(child)
        child = found.get("/Next")


def find_browser() -> str:
    """Chromium or Chrome: BROWSER_PATH names it, or the path has it."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, names)), "")
    if not found:
        raise PrintError("no Chromium or Chrome was found; name one in BROWSER_PATH")
    return found
