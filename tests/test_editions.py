"""The editions: a folder that opens from a USB stick, a PDF that is a book, sums that hold."""

import hashlib
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from pypdf import PdfReader

from browser import SITE
from reckoner.site import editions, printed

ROOT = Path(__file__).parent.parent
TOC = """format: jb-book
root: book/index
parts:
  - caption: "Part I: the article"
    chapters:
      - file: notebooks/capacity
  - caption: Reference
    chapters:
      - file: book/glossary
        sections:
          - file: book/numbers/capacity
"""
PAGES = ("Trading Space for Time", "Capacity: how many cards", "Glossary")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A PDF of three pages of the site."""
    if os.environ.get("BROWSER_PATH") == "":
        pytest.skip("no Chromium or Chrome here")
    folder = tmp_path_factory.mktemp("pdf")
    (folder / "toc.yml").write_text(TOC, encoding="utf-8")
    output = folder / "book.pdf"
    cover = "<h1>The cover</h1>"
    count = printed.print_book(
        SITE, folder / "toc.yml", "A book", cover, output, printed.find_browser()
    )
    reader = PdfReader(output)
    assert len(reader.pages) == count and {*folder.iterdir()} == {output, folder / "toc.yml"}
    return reader


def text(page):
    return re.sub(r"\s+", " ", page.extract_text().replace("ﬁ", "fi"))


def test_the_pdf_has_a_cover_and_contents_with_the_right_pages(book):
    assert "The cover" in text(book.pages[0]) and not re.search(r"\d", text(book.pages[0]))
    contents = text(book.pages[1])
    assert "Part I: the article" in contents and "Reference" in contents
    for title in PAGES:
        found = re.search(rf"{title}\D*(\d+)", contents)
        assert found, contents
        page = int(found.group(1))
        assert title in text(book.pages[page - 1])
        assert re.search(rf"\b{page}\b", text(book.pages[page - 1])), "its number is on it"


def test_every_link_of_the_pdf_leads_into_it_or_to_the_web(book):
    names, links = book.named_destinations, 0
    for page in book.pages:
        for note in (each.get_object() for each in page.get("/Annots", [])):
            address = note.get("/A", {}).get("/URI", "")
            assert not address.startswith("file:"), address
            if place := note.get("/Dest"):
                links += 1
                assert not isinstance(place, str) or place in names
    assert links > 20


def test_figures_keep_their_numbers_and_live_figures_are_pictures(book):
    whole = " ".join(map(text, book.pages))
    assert "Fig. 1.1" in whole and "(1.1)" in whole
    assert "Memory bandwidth (TB/s)" in whole, "the axis of a figure"
    assert "Price of the cluster" in whole, "the live figure"
    assert "Where each number comes from" not in whole


def test_the_pdf_has_bookmarks_tags_and_a_title(book):
    top = [each.title for each in book.outline if not isinstance(each, list)]
    assert "Contents" in top and any("Capacity" in title for title in top)
    assert book.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert book.metadata.title == "A book"


def test_what_is_wider_than_the_paper_is_named(tmp_path):
    page = tmp_path / "site" / "book" / "index.html"
    page.parent.mkdir(parents=True)
    wide = '<svg width="2000" style="max-width: none"></svg>'
    page.write_text(f'<article class="bd-article"><h1>A</h1>{wide}</article>', encoding="utf-8")
    (tmp_path / "toc.yml").write_text("format: jb-book\nroot: book/index\n", encoding="utf-8")
    arguments = (page.parent.parent, tmp_path / "toc.yml", "A", "A", tmp_path / "a.pdf")
    with pytest.raises(printed.PrintError, match=r"^wider than the paper: book-index: svg"):
        printed.print_book(*arguments, printed.find_browser())


def test_a_page_that_is_not_built_is_named(tmp_path):
    (tmp_path / "toc.yml").write_text("format: jb-book\nroot: book/index\n", encoding="utf-8")
    with pytest.raises(printed.PrintError, match="has no page 'book/index'; run `make book`"):
        printed.print_book(tmp_path, tmp_path / "toc.yml", "A", "A", tmp_path / "a.pdf", "chromium")


def test_the_same_files_pack_to_the_same_archive_whatever_their_order(tmp_path):
    files = [("site/b.html", b"two"), ("site/a.html", b"one"), ("open.html", b"open")]
    for name, order in (("one.zip", files), ("two.zip", files[::-1])):
        editions.pack(order, "book-1", 1.7e9, tmp_path / name)
    one, two = (tmp_path / "one.zip", tmp_path / "two.zip")
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert archive.namelist() == [
            "book-1/open.html",
            "book-1/site/a.html",
            "book-1/site/b.html",
        ]
        assert archive.read("book-1/site/a.html") == b"one"


def test_the_folder_for_a_stick_opens_and_has_site_notebooks_library_and_lock(visit, tmp_path):
    files = dict(editions._of_stick("A book"))
    for name in ("requirements.txt", "notebooks/batching.ipynb", "lib/reckoner/book.py", "LICENSE"):
        assert files[name] == (ROOT / name).read_bytes()
    for name, content in files.items():
        if name == "open.html" or name.startswith("site/"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    tab = visit("book/index.html")
    tab.goto((tmp_path / "open.html").as_uri())
    tab.wait_for_url("**/site/book/index.html")
    assert tab.locator("h1").first.text_content().startswith("Trading Space for Time")
    assert tab.faults == []


def test_sums_are_what_sha256sum_checks(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"content")
    assert editions.sums([path]) == f"{hashlib.sha256(b'content').hexdigest()}  a.zip\n"
    (tmp_path / "SHA256SUMS").write_text(editions.sums([path]), encoding="utf-8")
    subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, check=True)


def test_the_notes_are_the_newest_section_of_the_changelog():
    text = "# Changelog\n\nHead.\n\n## 2.0\n\n- New.\n- Newer.\n\n## 1.0\n\n- Old.\n"
    assert editions.notes(text) == "- New.\n- Newer.\n"


def test_a_tag_of_another_version_and_a_missing_repository_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(editions.ReleaseError, match=r"^git log: "):
        editions._date_of_commit("1.0")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init"], ["commit", "--allow-empty", "-m", "x"], ["tag", "v2.0"]):
        subprocess.run(["git", *who, *command], check=True, capture_output=True)
    with pytest.raises(
        editions.ReleaseError, match=r"the tag is v2\.0 and pyproject.toml says 1.0"
    ):
        editions._date_of_commit("1.0")
    assert editions._date_of_commit("2.0") > 1e9


def test_without_a_book_nothing_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(editions.ReleaseError, match="run `make book` first"):
        editions.make(None, "A", tmp_path / "release")
    assert not (tmp_path / "release").exists()
