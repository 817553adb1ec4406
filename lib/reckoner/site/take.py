"""Figures to take away: below each its data as CSV, its picture as SVG, and how to cite it.

A Sphinx extension. Once a page is written, its figures stand as files in the folder `figures` of
the site, and links below the data of each lead there: no script, and it works from a folder. A cell
of a table that shows fewer digits than its number has brings the number along; it goes to the CSV
and leaves the page.
"""

from __future__ import annotations

import csv
import html
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx

from reckoner.show.figures import EXACT, flattened

FOLDER = "figures"
_DATA = re.compile(r'<details class="chart-data">(.*?)</details>', re.DOTALL)
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(rf'<t[hd](?: scope="col")?(?: {EXACT}="([^"]*)")?>(.*?)</t[hd]>', re.DOTALL)
_PICTURE = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_NUMBER = re.compile(r'<span class="caption-number">(.*?)</span>', re.DOTALL)
_CAPTION = re.compile(r'<span class="caption-text">(.*?)</span><a', re.DOTALL)
_LABEL = re.compile(r'aria-label="([^"]*)"')
_BOX = re.compile(r'viewBox="([^"]*)"')
_FILE = re.compile(rf'href="[^"]*{FOLDER}/([^"/]+)" download')
WIDTH, LINE, LETTERS = 740, 16, 110
"""How wide a picture of several is, how high a line of its words, and how many letters it holds."""
_TITLE = re.compile(r'<g class="[^"]*role-title-text[^"]*".*?</g>', re.DOTALL)


@dataclass(frozen=True)
class Figure:
    """A figure as it stands on a page.

    Attributes:
        name: a name for its files.
        anchor: where it stands on the page, if that has a name.
        number: its number, such as "Figure 3.2", if it has one.
        title: what it shows.
        picture: the same as SVG.
        table: its data as CSV.
    """

    name: str
    anchor: str
    number: str
    title: str
    picture: str
    table: str


def written(cells: str) -> str:
    """A table's rows as CSV, with the numbers that its cells bring along."""
    file = StringIO()
    rows = csv.writer(file)
    for row in _ROW.findall(cells):
        rows.writerow(exact or _number(_plain(text)) for exact, text in _CELL.findall(row))
    return file.getvalue()


def _number(text: str) -> str:
    """A number without the commas that separate its thousands; another text as it is."""
    plain = text.replace(",", "").replace("−", "-")
    return plain if re.fullmatch(r"-?\d+(\.\d+)?", plain) else text


def _plain(fragment: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", fragment)).split())


def figures(page: str, body: str) -> list[Figure]:
    """The figures of a page's body, in order.

    Args:
        page: the page's name.
        body: its HTML.
    """
    found: list[Figure] = []
    end = 0
    for place, data in enumerate(_DATA.finditer(body), 1):
        before, end = body[end : data.start()], data.end()
        anchor, number, caption = _named(body[: data.start()], body[end:])
        chart, drawing = before.rfind('<div class="chart"'), before.rfind('<div class="drawing"')
        pictures = _PICTURE.findall(before, max(chart, drawing, 0))
        if chart > drawing:  # the second is the same for a phone
            pictures = pictures[:1]
            caption = _plain(" ".join(_TITLE.findall(pictures[0])).replace("<", " <")) or caption
        name = anchor.removeprefix("fig-")
        if not name or any(other.anchor == anchor for other in found):  # a second picture of it
            name = f"{name or page.rsplit('/', 1)[-1]}-{place}"
        title = caption or html.unescape(_LABEL.findall(pictures[0])[0]).partition(". ")[0]
        picture = flattened(pictures[0] if len(pictures) == 1 else stacked(pictures))
        found.append(Figure(name, anchor, number, title.rstrip("."), picture, written(data[1])))
    return found


def _named(before: str, after: str) -> tuple[str, str, str]:
    """Anchor, number and the caption's first sentence of the figure that stands between, if any."""
    opened = before.rfind("<figure")
    if opened <= before.rfind("</figure>"):
        return "", "", ""
    inside = after[: after.index("</figure>")]
    anchor = re.search(r'id="([^"]+)"', before[opened:])
    number, caption = ("".join(map(_plain, p.findall(inside)[:1])) for p in (_NUMBER, _CAPTION))
    first = caption.partition(". ")[0]
    return anchor[1] if anchor else "", number.replace("Fig.", "Figure"), first


def stacked(pictures: Sequence[str]) -> str:
    """Pictures one below the other as one, each below its description: a page has words there."""
    drawn, y = "", 0.0
    for picture in pictures:
        for text in textwrap.wrap(html.unescape(_LABEL.findall(picture)[0]), LETTERS):
            y += LINE
            drawn += f'<text x="0" y="{y:g}" fill="#24292f">{html.escape(text)}</text>'
        _, _, width, height = map(float, _BOX.findall(picture)[0].split())
        y += LINE / 2
        size = f'x="0" y="{y:g}" width="{width:g}" height="{height:g}"'
        drawn += picture.replace("<svg", f"<svg {size}", 1)
        y += height + LINE / 2
    box = f'viewBox="-8 0 {WIDTH + 16} {y + LINE:g}"'
    font = 'font-family="Liberation Sans, Arial, sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} {font}>{drawn}</svg>'


@cache
def credit(source: Path) -> tuple[str, str]:
    """The book with its version and year, and the licence of its figures, from CITATION.cff."""
    path = source / "CITATION.cff"
    if not path.exists():
        return "", ""
    known = yaml.safe_load(path.read_text(encoding="utf-8"))
    licence = next((name for name in known["license"] if name.startswith("CC")), "")
    year = str(known["date-released"])[:4]
    return f"{known['title']}, version {known['version']} ({year})", licence.replace("-", " ")


def line(figure: Figure, folder: str, book: str, licence: str, address: str) -> str:
    """The links and the citation below a figure's data.

    Args:
        figure: the figure.
        folder: where its files are, seen from the page.
        book: the book, as it is cited.
        licence: that of the figure.
        address: that of the page on the web, if one is known.
    """
    links = " · ".join(
        f'<a href="{folder}{figure.name}.{kind.lower()}" download>{kind}</a>'
        for kind in ("CSV", "SVG")
    )
    if not book:
        return f'<p class="take">{links}</p>'
    title = f"“{html.escape(figure.title)}”" if figure.title else ""
    place = f"{address}#{figure.anchor}".removesuffix("#") if address else ""
    parts = [figure.number, title, f"in: {html.escape(book)}", place, licence]
    return f'<p class="take">{links} · Cite: {", ".join(filter(None, parts))}.</p>'


def take(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Write the figures of a page as files, and link them below their data."""
    body = context.get("body", "")
    if app.builder.format != "html" or '<details class="chart-data">' not in body:
        return
    folder = Path(app.outdir, FOLDER)
    folder.mkdir(exist_ok=True)
    book, licence = credit(Path(app.srcdir))
    base = str(app.config.html_baseurl)
    address = f"{base.rstrip('/')}/{app.builder.get_target_uri(page)}" if base else ""
    lines = []
    for figure in figures(page, body):
        (folder / f"{figure.name}.csv").write_text(figure.table, encoding="utf-8", newline="")
        (folder / f"{figure.name}.svg").write_text(figure.picture, encoding="utf-8")
        up = context["pathto"](f"{FOLDER}/", resource=True)
        lines.append(line(figure, up, book, licence, address))
    below = iter(lines)
    body = _DATA.sub(
        lambda data: f"{data[0].removesuffix('</details>')}{next(below)}</details>", body
    )
    context["body"] = re.sub(rf' {EXACT}="[^"]*"', "", body)


def clear(app: Sphinx, exception: Exception | None) -> None:
    """Remove the files of figures that no page has any more."""
    folder = Path(app.outdir, FOLDER)
    if exception or not folder.exists():
        return
    pages = (page.read_text(encoding="utf-8") for page in Path(app.outdir).rglob("*.html"))
    linked = {name for page in pages for name in _FILE.findall(page)}
    for path in folder.iterdir():
        if path.name not in linked:
            path.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Take the figures of each page as it is written."""
    app.connect("html-page-context", take)
    app.connect("build-finished", clear)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
