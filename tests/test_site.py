"""The built site in a real browser, from the file system, with the network off."""

import csv
import re
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from bs4 import BeautifulSoup

from browser import SITE
from inference_economics import catalog
from inference_economics.book import BOOK
from reckoner.site import notices

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


AWAKE = """async () => {
  const figures = [...document.querySelectorAll(".live, .stepped")];
  for (const figure of figures) await figure.reckoner.ready();
  const number = document.querySelector("main a.number");
  number?.click();
  return { figures: figures.length, numbers: number ? 1 : 0 };
}"""
FOREIGN = r"""() => new Promise((done) => {
  const put = (name, given) =>
    document.body.appendChild(Object.assign(document.createElement(name), given));
  window.ran = [];
  put("script", { textContent: "ran.push('a script')" });
  const handler = "<b tabindex=0 onfocus=\"ran.push('a handler')\">b</b>";
  put("p", { innerHTML: handler }).firstChild.focus();
  put("a", { href: "javascript:void ran.push('an address')" }).click();
  put("script", { src: "data:text/javascript,ran.push('data')" });
  put("script", { src: "https://example.com/a.js" });
  put("iframe", { srcdoc: "<script>parent.ran.push('a frame')</script>" });
  setTimeout(() => { // where the browser's driver no longer lends its own rights
    try { new Function("ran.push('a text')")(); } catch {}
  });
  setTimeout(() => done(window.ran), 250);
})"""
POLICY = {
    "default-src": ["'none'"], "script-src": ["'self'", "file:", "'wasm-unsafe-eval'"],
    "worker-src": ["blob:"], "style-src": ["'self'", "file:"],
    "style-src-attr": ["'unsafe-inline'"], "img-src": ["'self'", "file:", "data:"],
    "base-uri": ["'none'"], "form-action": ["'self'", "file:"],
}  # fmt: skip


@pytest.mark.parametrize("page", [FRONT, *PAGES], ids=str)
def test_a_policy_stands_before_all_that_it_rules(page):
    tag = soup(page).find(attrs={"http-equiv": "Content-Security-Policy"})
    said = [part.split() for part in tag["content"].split(";")]
    assert {name: values for name, *values in said} == POLICY
    assert not [before.name for before in tag.find_all_previous(["script", "link", "style"])]


@by_page
def test_a_page_needs_nothing_that_its_policy_refuses(visit, page):
    tab = visit(page)
    tab.wait_for_load_state("load")
    tab.wait_for_function(
        "[...document.querySelectorAll('.live, .stepped')].every((figure) => figure.reckoner)"
    )
    awake = tab.evaluate(AWAKE)
    if awake["numbers"] and "numbers" not in page.parts:
        tab.wait_for_selector(".explain-panel:not([hidden])")
    assert tab.evaluate("window.refused ?? []") == []
    assert tab.faults == []


@by_page
def test_no_script_that_gets_into_a_page_runs(visit, page):
    tab = visit(page)
    assert tab.evaluate(FOREIGN) == []
    refused = {text.split()[0] for text in tab.evaluate("window.refused")}
    assert refused >= {"script-src-elem", "script-src-attr", "script-src"}


def test_each_script_and_style_of_others_has_its_notice():
    static = SITE / "_static"
    text = (static / notices.NAME).read_text(encoding="utf-8")
    book = Path(__file__).parent.parent
    own = {p.name for p in [*book.glob("book/_static/*"), *book.glob("lib/reckoner/*/*.js")]}
    own |= {f"numbers/{path.name}" for path in (static / "numbers").iterdir()}
    assert notices.missing(static, own) == []
    assert "page.js" in notices.missing(static, [])
    found = list(notices.notices())
    assert {whose.split()[0] for whose, _, _ in found} >= {*notices.PACKAGES, "bootstrap"}
    for whose, _, licence in found:
        assert whose in text and licence in text
        assert re.search(r"copyright|public domain", licence, re.IGNORECASE), whose
    for name in ("vega", "vega-lite", "vega-embed", "vega-interpreter", "d3-array"):
        assert re.search(rf"\b{name}\b", text)
    assert soup("book/sources.html").select("a[href='../_static/notices.txt']")


def test_the_buttons_of_the_theme_still_do_what_they_say(visit):
    tab = visit("notebooks/capacity.html")
    tab.evaluate("window.print = () => { window.printed = true; }")
    tab.evaluate("document.querySelector('.btn-download-pdf-button').click()")
    assert tab.evaluate("window.printed")
    tab.click(".btn-fullscreen-button")
    tab.wait_for_function("document.fullscreenElement === document.documentElement")
    tab.evaluate("document.exitFullscreen()")
    tab.goto((SITE / "search.html").as_uri())
    assert tab.evaluate("document.activeElement.closest('form.bd-search') !== null")
    assert tab.faults == []


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
            if unquote(anchor).partition("?")[0] not in ids:  # a figure's state follows its name
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


@pytest.mark.parametrize("page", [p for p in PAGES if p.stem in {"index", *BOOK.chapters}], ids=str)
def test_every_figure_is_to_take_away_and_to_cite(page):
    for data in soup(page).select("details.chart-data"):
        table, picture = ((SITE / page).parent / a["href"] for a in data.select(".take a"))
        rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
        assert rows[0] == [head.get_text() for head in data.select("th")]
        assert len(rows) == len(data.select("tr"))
        drawn = picture.read_text(encoding="utf-8")
        assert drawn.startswith("<svg") and "var(--" not in drawn
        cited = data.select_one(".take").get_text()
        figure = data.find_parent("figure")
        if figure and (number := figure.select_one(".caption-number")):
            assert number.get_text().strip().replace("Fig.", "Figure") in cited
        assert "“" in cited and "Trading Space for Time, version " in cited


# Copies of pages and papers, on hosts that are not theirs.
MIRRORS = """approjects.co.za bestlkl.top docslib.org jiralog.com masterscheme.cn niidae.com
proyectodescartes.org sgpjbg.com twc1.net vdocument.in vmvirtualmachine.com wingman.actor
worddisk.com cryptocurrencylistings.com ownyourai.com"""


@by_page
def test_links_lead_to_hosts_with_a_name_of_their_own(page):
    hosts = {urlparse(a["href"]).hostname or "" for a in soup(page).find_all("a", href=True)}
    assert not [h for h in hosts if re.fullmatch(r"[\d.:]+", h) or h.endswith("example.com")]
    assert not [h for h in hosts if any(h.endswith(mirror) for mirror in MIRRORS.split())]
    assert not [h for h in hosts if h == "github.com"] or "github.com/example" not in str(
        soup(page)
    )


def test_no_file_names_an_address_that_is_none():
    root = SITE.parent.parent
    for name in ("_config.yml", "CITATION.cff", "pyproject.toml", "README.md", "CONTRIBUTING.md"):
        text = (root / name).read_text(encoding="utf-8")
        assert not re.search(r"github\.com/(example|executablebooks)|example\.(org|com)", text), (
            name
        )


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
