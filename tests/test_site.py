"""The built site in a real browser, from the file system, with the network off."""

import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from bs4 import BeautifulSoup

from browser import SITE
from inference_economics import catalog
from inference_economics.book import BOOK

FRONT = Path("index.html")  # leads to the first page, as Sphinx names pages by their source
PAGES = sorted(
    p.relative_to(SITE)
    for p in SITE.rglob("*.html")
    if p != SITE / FRONT and "_static" not in p.parts
)
CHAPTERS = [Path("notebooks") / f"{chapter}.html" for chapter in BOOK.chapters]
by_page = pytest.mark.parametrize("page", PAGES, ids=str)
by_chapter = pytest.mark.parametrize("page", CHAPTERS, ids=str)


def soup(page):
    return BeautifulSoup((SITE / page).read_text(encoding="utf-8"), "html.parser")


def test_the_site_is_there():
    assert Path("book/index.html") in PAGES
    assert set(CHAPTERS) <= set(PAGES)


@by_page
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_page_opens_offline_and_fits(visit, page, width, scheme):
    tab = visit(page, width, scheme)
    tab.wait_for_load_state("load")
    assert tab.faults == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme


@by_page
def test_links_inside_the_site_lead_somewhere(page):
    missing = []
    for link in soup(page).find_all("a", href=True):
        target, anchor = urldefrag(link["href"])
        if urlparse(target).scheme or target.startswith("#"):
            continue
        path = (SITE / page).parent / unquote(target) if target else SITE / page
        if not path.exists():
            missing.append(link["href"])
        elif anchor and path.suffix == ".html":
            ids = ids_of(path.resolve())
            if unquote(anchor).partition("?")[0] not in ids:  # a figure, and its state
                missing.append(link["href"])
    assert not missing


_IDS = {}


def ids_of(path):
    if path not in _IDS:
        _IDS[path] = set(re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8")))
    return _IDS[path]


def test_every_claim_links_to_the_cell_that_computes_it():
    links = {link["href"] for link in soup("book/ledger.html").find_all("a", href=True)}
    for claim in BOOK.claims:
        assert f"../notebooks/{claim.chapter}.html#claim-{claim.id}" in links
        assert f"claim-{claim.id}" in ids_of(SITE / "notebooks" / f"{claim.chapter}.html")


def headings(page, level):
    texts = [heading.get_text().rstrip("#").strip() for heading in soup(page).find_all(level)]
    return [re.sub(r"^[\d.]+\s+", "", text) for text in texts]


def test_reference_pages_have_a_heading_for_everything():
    chapters = [headings(page, "h1")[0] for page in CHAPTERS]
    judged = {claim.chapter for claim in BOOK.claims}
    in_ledger = {headings(page, "h1")[0] for page in CHAPTERS if page.stem in judged}
    assert in_ledger <= set(headings("book/ledger.html", "h2"))
    assert set(chapters) <= set(headings("book/formulas.html", "h2"))
    BOOK.load()
    formulas = {name.replace("_", " ") for name in BOOK.formulary.formulas}
    assert formulas == set(headings("book/formulas.html", "h3"))
    names = [*catalog.chip_names().values(), *catalog.model_names().values()]
    assert {name.name for name in names} <= set(headings("book/catalog.html", "h3"))


@by_chapter
def test_a_chapter_has_its_numbers_links_and_download(page):
    html = soup(page)
    assert html.select("figure figcaption .caption-number"), "figures are numbered"
    assert html.select(".eqno"), "equations are numbered"
    assert html.select("math"), "mathematics needs no script"
    assert html.select("a.reference.internal[href*='glossary.html#term-']")
    assert html.select("a.reference.internal[href*='sources.html#']"), "citations"
    assert [a for a in html.find_all("a", href=True) if a["href"].endswith(".ipynb")]


@by_chapter
def test_a_figure_is_described_pictured_and_tabulated(page):
    charts = soup(page).select("div.chart")
    assert charts
    for chart in charts:
        pictures = chart.find_all("svg", attrs={"role": "img"})
        assert len(pictures) == 2
        for picture in pictures:
            assert len(picture["aria-label"]) > 40
            assert picture.find_all("text")
        assert chart.select("details table tbody tr")


def test_a_drawing_is_described_and_tabulated_and_its_slider_moves_it(visit):
    for page in ("book/index.html", *CHAPTERS):
        for drawn in soup(page).select("div.drawing"):
            pictures = drawn.find_all("svg", attrs={"role": "img"})
            assert pictures
            assert all(len(picture["aria-label"]) > 40 for picture in pictures)
            assert drawn.select("details table tbody tr")
    tab = visit("notebooks/batching.html#stepped-room?at=8&scene=own")
    tab.wait_for_selector("#stepped-room input")
    answer = tab.locator("#stepped-room .stepped-answer strong")
    first, before = answer.text_content(), tab.locator("#stepped-room svg path").count()
    tab.locator("#stepped-room input").press("Home")
    assert answer.text_content() != first and before
    label = tab.locator("#stepped-room svg").first.get_attribute("aria-label")
    assert label.startswith(answer.text_content())


@by_chapter
def test_charts_follow_the_theme_without_a_reload(visit, page):
    tab = visit(page)
    colour = "getComputedStyle(document.querySelector('.chart-wide svg text')).fill"
    light = tab.evaluate(colour)
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert tab.evaluate(colour) != light


@by_chapter
def test_a_phone_sees_the_narrow_picture(visit, page):
    shown = (
        "[...document.querySelectorAll('.chart-wide, .chart-narrow')]"
        ".filter(e => e.getClientRects().length).map(e => e.className)"
    )
    assert set(visit(page, 360).evaluate(shown)) == {"chart-narrow"}
    assert set(visit(page, 1280).evaluate(shown)) == {"chart-wide"}


@by_chapter
@pytest.mark.parametrize("width", [360, 1280])
def test_a_picture_holds_its_title(visit, page, width):
    tab = visit(page, width, scripts=False)
    beyond = """[...document.querySelectorAll('.chart svg')].filter((svg) => {
      const title = svg.querySelector('.role-title-text').getBoundingClientRect();
      return title.right > svg.getBoundingClientRect().right + 1;
    }).map((svg) => svg.querySelector('.role-title-text').textContent)"""
    assert tab.evaluate(beyond) == []


@by_chapter
def test_without_scripts_every_figure_stands(visit, page):
    tab = visit(page, scripts=False)
    box = tab.locator(".chart-wide svg").first.bounding_box()
    assert box["width"] > 300


def test_the_file_to_open_leads_to_the_first_page(visit):
    tab = visit(FRONT)
    tab.wait_for_url("**/book/index.html")
    assert tab.faults == []


@pytest.mark.parametrize("words", ["constructor", "__proto__", "torus constructor"])
def test_a_word_that_every_object_has_is_searched_like_any_other(visit, words):
    tab = visit(f"search.html?q={words.replace(' ', '+')}")
    tab.wait_for_selector(".search-summary:not(:empty)")
    tab.wait_for_timeout(500)
    assert tab.query_selector_all("ul.search li a") == []
    assert tab.faults == []


def test_search_finds_a_chapter(visit):
    tab = visit("search.html?q=torus")
    tab.wait_for_selector("ul.search li a")
    assert "gpt4_scale" in " ".join(
        a.get_attribute("href") for a in tab.query_selector_all("ul.search li a")
    )
    assert tab.faults == []


@by_chapter
def test_a_shared_link_shows_what_its_page_is_about(page):
    tags = {
        tag.get("property", tag.get("name")): tag["content"]
        for tag in soup(page).select("meta[property^='og:'], meta[name='description']")
    }
    assert headings(page, "h1")[0] in tags["og:title"]
    assert tags["description"] == tags["og:description"]
    assert tags["description"].split()[0] in soup(page).select_one("article p").get_text()
    assert (SITE / tags["og:image"]).is_file() and tags["og:image:alt"]
