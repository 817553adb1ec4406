"""Where each number comes from, as a reader sees it: on a page of its own, and opened in place."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property

import jinja2
from markupsafe import Markup

from reckoner.book import Book
from reckoner.declare.lineage import Explained, explain
from reckoner.declare.worksheet import Run
from reckoner.show.claims import printed
from reckoner.show.mathml import to_mathml

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("reckoner.show"), autoescape=True, trim_blocks=True,
    undefined=jinja2.StrictUndefined,
)  # fmt: skip


@dataclass(frozen=True)
class Explanations:
    """The explanations of one chapter's run.

    Args:
        book: the book.
        chapter: the chapter.
        run: its run.
        catalog: the address of the page of constants, from where the explanations stand.
        formulas: that of the page of formulas.
    """

    book: Book
    chapter: str
    run: Run
    catalog: str = "../catalog.html"
    formulas: str = "../formulas.html"

    @cached_property
    def found(self) -> dict[str, Explained]:
        return explain(self.run, self.book.formulary)

    def fragments(self) -> dict[str, str]:
        """Each number's explanation as HTML, by its name."""
        template = _TEMPLATES.get_template("explained.html")
        formulas = self.book.formulary.formulas
        return {
            key: re.sub(
                r"\n\s*\n*",
                "\n",
                template.render(
                    it=it,
                    rows=self.book.constants,
                    formula=formulas.get(it.formula),
                    math=_math,
                    catalog=self.catalog,
                    formulas=self.formulas,
                ),
            ).strip()
            for key, it in self.found.items()
        }

    def page(self, title: str) -> str:
        """The page of a chapter's numbers, as Markdown with HTML; a search finds the chapter."""
        body = "\n".join(self.fragments().values())
        return (
            f"---\nnosearch: true\n---\n\n# Numbers of *{title.partition(':')[0]}*\n\n"
            "Where each number of this chapter comes from: its formula, the same with numbers, and "
            "what went in, down to the rows of the data. In the chapter a click on a number opens "
            f"its entry in place.\n\n```{{raw}} html\n{body}\n```\n"
        )

    def script(self) -> str:
        """The same for the page that asks for them."""
        return script(self.chapter, self.fragments())


def rows_script(book: Book, cited: Container[str]) -> str:
    """Where the rows of the data come from that a text cites, for the page that asks for one."""
    template = _TEMPLATES.get_template("row.html")
    rows = (row for row in book.constants.values() if row.id in cited)
    return script("catalog", {r.id: template.render(row=r) for r in rows})


def claims_script(book: Book) -> str:
    """Each printed figure with what was computed for it, for the page that asks for it."""
    template = _TEMPLATES.get_template("claim.html")
    entries = book.ledger.entries()
    return script(
        "ledger",
        {f"ledger-{e.claim.id}": template.render(entry=e, printed=printed) for e in entries},
    )


def script(page: str, fragments: Mapping[str, str]) -> str:
    """A script that hands a page's explanations to the page which asked for them."""
    content = json.dumps(fragments, ensure_ascii=False).replace("</", "<\\/")
    return f'reckonerNumbers("{page}", {content});\n'


def _math(latex: str, display: bool = True) -> Markup:
    return Markup(to_mathml(latex, display=display))
