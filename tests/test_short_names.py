"""Links within sentences have short names, where the writer gave them no words."""

from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

PAGES = {
    "index.md": "# Front\n\n```{toctree}\neggs\n```\n\nSee {doc}`eggs`, "
    "{doc}`why eggs: now <eggs>`.\n",
    "eggs.md": "# Eggs: how many a box holds\n\nBack to {doc}`index`.\n",
}


def test_a_title_in_a_sentence_stops_at_its_colon(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name, text in PAGES.items():
        (source / name).write_text(text, encoding="utf-8")
    settings = {
        "extensions": ["myst_parser", "reckoner.site.short_names"],
        "source_suffix": {".md": "markdown"},
    }
    place = tmp_path / "built"
    with patch_docutils(), docutils_namespace():
        folders = (str(source), None, str(place), str(tmp_path / "trees"))
        Sphinx(*folders, "html", settings, status=None).build()
    page, other = (
        (place / name).read_text(encoding="utf-8") for name in ("index.html", "eggs.html")
    )
    assert '<span class="doc">Eggs</span>' in page
    assert '<span class="doc">why eggs: now</span>' in page
    assert "Eggs: how many a box holds" in page  # in the table of contents
    assert '<span class="doc">Front</span>' in other
