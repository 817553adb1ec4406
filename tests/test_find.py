"""Long reference pages: closed entries that a reader finds by typing, and links open."""

import pytest
from bs4 import BeautifulSoup

from browser import SITE
from inference_economics import catalog
from inference_economics.book import BOOK

OPEN = "details.entry[open]"


def shown(page):
    """The entries that are neither hidden nor in something hidden."""
    return page.locator("details.entry").evaluate_all(
        "folds => folds.filter(fold => !fold.closest('[hidden]')).map(fold => fold.textContent)"
    )


@pytest.mark.parametrize("name", ["catalog", "formulas"])
def test_every_entry_is_there_without_a_script_and_closed(name):
    BOOK.load()
    page = BeautifulSoup((SITE / "book" / f"{name}.html").read_text("utf-8"), "html.parser")
    assert page.select_one(".find").has_attr("hidden")
    folds = page.select("details.entry")
    assert not page.select(OPEN) and all(fold.summary.get_text(strip=True) for fold in folds)
    if name == "formulas":
        assert len(folds) == len(BOOK.formulary.formulas)
        assert all(fold.select_one("math") and fold.select_one("pre") for fold in folds)
    else:
        rows = {cell["id"] for cell in page.select("details.entry td span[id]")}
        assert rows == {row.id for row in catalog.constants().values()}


def test_the_names_of_a_summary_lead_to_their_entries():
    page = BeautifulSoup((SITE / "book" / "catalog.html").read_text("utf-8"), "html.parser")
    links = page.select("table:not(.claims) td:first-child a")
    assert len(links) == len(catalog.chip_names()) + len(catalog.model_names())
    for link in links:
        assert link.get_text() in page.find(id=link["href"][1:]).parent.find("h3").get_text()


def test_typing_finds_entries_by_words_and_by_numbers(visit):
    page = visit("book/catalog.html")
    everything = shown(page)
    field = page.get_by_label("Find")
    for typed, wanted in (
        ("mlperf h100 per gpu", "MLPerf"),
        ("2,726", "2,725.7"),
        ("2726", "2,725.7"),
    ):
        field.fill(typed)
        found = shown(page)
        assert 0 < len(found) < len(everything) and any(wanted in text for text in found)
        assert page.locator(".find output").inner_text().startswith(f"{len(found)} of ")
    field.fill("no such thing")
    assert not shown(page) and page.locator(".find output").inner_text().startswith("0 of ")
    field.fill("")
    assert shown(page) == everything and not page.locator(OPEN).count()


@pytest.mark.parametrize("target", ["V0015b", "chip-h100-sxm"])
def test_a_link_opens_its_entry(visit, target):
    page = visit(f"book/catalog.html#{target}")
    assert page.locator(OPEN).count() == 1
    assert page.locator(OPEN).locator("table").is_visible()
    assert page.evaluate("scrollY") > 0
