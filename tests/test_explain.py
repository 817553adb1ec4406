"""A number says where it comes from: in place with a script, on a page of its own without."""

import json
import re

import pytest
from bs4 import BeautifulSoup

from browser import SITE
from inference_economics.book import BOOK

by_chapter = pytest.mark.parametrize("chapter", BOOK.chapters)


def explanations(page):
    """What the script of a page's numbers hands over, by name."""
    text = (SITE / "_static" / "numbers" / f"{page}.js").read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r'reckonerNumbers\("\w+", (.*)\);\n', text)[1])


@by_chapter
def test_every_number_of_a_chapter_has_an_explanation(chapter):
    page = (SITE / "notebooks" / f"{chapter}.html").read_text(encoding="utf-8")
    links = BeautifulSoup(page, "html.parser").select("a.number")
    assert links
    for link in links:
        target, _, name = link["href"].rpartition("/")[2].partition(".html#")
        assert name in explanations(target), link["href"]


@by_chapter
def test_every_result_and_input_is_explained_down_to_inputs_and_rows(chapter):
    found = explanations(chapter)
    assert found.keys() >= {*BOOK.units(chapter), *(p.name for p in BOOK.parameters(chapter))}
    for fragment in found.values():
        for link in BeautifulSoup(fragment, "html.parser").select("a.number"):
            assert link["href"].removeprefix("#") in found


def test_a_number_opens_its_parts_in_turn_and_escape_closes(visit):
    tab = visit("notebooks/batching.html")
    cost = tab.locator('a.number[href$="batching.html#cost"]').first
    cost.focus()
    tab.keyboard.press("Enter")
    panel = tab.locator(".explain-panel")
    panel.wait_for()
    assert "$63.56 per token/s" in panel.inner_text()
    panel.locator("a.number", has_text="price of the cluster").click()
    assert "$4.068 million" in panel.locator(".value").inner_text()
    panel.get_by_label("Back").click()
    assert "$63.56 per token/s" in panel.locator(".value").inner_text()
    tab.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    assert cost.evaluate("link => link === document.activeElement")


def test_without_scripts_a_number_leads_to_its_entry(visit):
    tab = visit("notebooks/batching.html", scripts=False)
    tab.locator('a.number[href$="batching.html#cost"]').first.click()
    assert tab.url.endswith("book/numbers/batching.html#cost")
    assert "$63.56 per token/s" in tab.locator("#cost").inner_text()
