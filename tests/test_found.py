"""What others find once the site has an address: canonical pages, a map, a feed, a citation."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from reckoner.show import figures

BASE = "https://books.invalid/eggs"
PAGE = """# Boxes

```{raw} html
<div class="chart"><div class="chart-wide"><svg role="img" aria-label="Boxes rise. So it is."
 viewBox="0 0 1 1"><g class="mark-text role-title-text"><text fill="var(--chart-1, #b5490b)">Boxes
 against eggs</text></g></svg></div>%s</div>
```
"""
CHANGES = """# Changelog

## Unreleased

- Not out yet.

## 0.2.0 (2026-11-25)

- Boxes of twelve & more.

## 0.1.0 (2026-11-23)

- The first.
"""
CITATION = """title: Eggs
version: 0.2.0
date-released: 2026-11-25
license: [BSD-3-Clause, CC-BY-4.0]
authors: [{name: The hen}]
"""


@pytest.fixture
def built(tmp_path):
    """Builds a book of one page with a figure; an address is configured if one is given."""
    import pandas as pd

    def build(base):
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        data = figures.data_html(
            pd.DataFrame({"Eggs (count)": [10000, 1 / 3], "Box": ["a, b", "c"]})
        )
        (source / "index.md").write_text(PAGE % data, encoding="utf-8")
        (source / "CHANGELOG.md").write_text(CHANGES, encoding="utf-8")
        (source / "CITATION.cff").write_text(CITATION, encoding="utf-8")
        settings = {
            "extensions": [
                "myst_parser", "sphinxext.opengraph", "reckoner.site.found", "reckoner.site.take"
            ],
            "source_suffix": {".md": "markdown"},
            "project": "Eggs", "author": "The hen", "html_title": "Eggs",
            "exclude_patterns": ["CHANGELOG.md"], **({"html_baseurl": base} if base else {}),
        }  # fmt: skip
        place = tmp_path / "built"
        with patch_docutils(), docutils_namespace():
            folders = (str(source), None, str(place), str(tmp_path / "trees"))
            Sphinx(*folders, "html", settings, status=None).build()
        return place

    return build


def head(place):
    page = BeautifulSoup((place / "index.html").read_text(encoding="utf-8"), "html.parser")
    links = {link["rel"][0]: link["href"] for link in page.select("head link[rel]")}
    return page, links


def test_without_an_address_nothing_names_one(built):
    place = built("")
    page, links = head(place)
    assert "canonical" not in links and "alternate" not in links
    assert not (place / "sitemap.xml").exists() and not (place / "changes.xml").exists()
    assert (
        page.select_one(".take")
        .get_text()
        .endswith("Cite: “Boxes against eggs”, in: Eggs, version 0.2.0 (2026), CC BY 4.0.")
    )


def test_with_an_address_every_place_has_it(built):
    place = built(BASE)
    page, links = head(place)
    assert links["canonical"] == f"{BASE}/index.html"
    assert links["alternate"] == f"{BASE}/changes.xml"
    assert page.select_one("meta[property='og:url']")["content"] == f"{BASE}/index.html"
    assert f"(2026), {BASE}/index.html, CC BY 4.0." in page.select_one(".take").get_text()
    mapped = ElementTree.parse(place / "sitemap.xml")
    assert [loc.text for loc in mapped.iter() if loc.tag.endswith("}loc")] == [
        f"{BASE}/{name}.html" for name in ("index",)
    ]


def test_the_feed_has_the_releases(built):
    feed = ElementTree.parse(built(BASE) / "changes.xml").getroot()
    atom = {"a": "http://www.w3.org/2005/Atom"}
    titles = [entry.findtext("a:title", namespaces=atom) for entry in feed.findall("a:entry", atom)]
    assert titles == ["Eggs 0.2.0", "Eggs 0.1.0"]
    assert feed.findtext("a:updated", namespaces=atom) == "2026-11-25T00:00:00Z"
    first = feed.find("a:entry", atom)
    assert first.findtext("a:content", namespaces=atom) == "- Boxes of twelve & more."
    assert (
        len({entry.findtext("a:id", namespaces=atom) for entry in feed.findall("a:entry", atom)})
        == 2
    )


def test_a_figures_files_hold_its_numbers_and_its_picture(built):
    place = built("")
    page, _ = head(place)
    csv, svg = (place / a["href"] for a in page.select(".take a"))
    assert csv.read_bytes().decode() == ('Eggs (count),Box\r\n10000,"a, b"\r\n0.3333333333,c\r\n')
    assert page.select_one("td").get_text() == "10,000" and "data-exact" not in str(page)
    picture = svg.read_text(encoding="utf-8")
    assert Path(svg).suffix == ".svg" and "var(--" not in picture and "#b5490b" in picture
    assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_figure_that_is_gone_leaves_no_files(built):
    folder = built("") / "figures"
    files = {path.name for path in folder.iterdir()}
    (folder / "gone.svg").write_text("<svg/>", encoding="utf-8")
    built("")
    assert len(files) == 2 and {path.name for path in folder.iterdir()} == files
