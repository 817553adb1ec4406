"""This book: its chapters, formulas, constants and claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inference_economics import catalog
from inference_economics.quantities import DATA, formulary
from reckoner.book import Book
from reckoner.claims import Again, Claim
from reckoner.declare.tables import read_rows

if TYPE_CHECKING:
    from reckoner.show.notebook import Chapter

CHAPTERS = (
    "capacity",
    "kv_cache",
    "batching",
    "margins",
    "spatial_computing",
    "gpt4_scale",
    "prefill_caching",
    "occupancy",
    "serving",
    "equal_speed",
    "uncertainty",
    "answer",
    "hindsight",
    "measure_it_yourself",
    "comparison",
)

BOOK = Book(
    package="inference_economics.worksheets",
    chapters=CHAPTERS,
    formulary=formulary,
    constants=catalog.constants(),
    claims=tuple(read_rows(DATA / "claims.csv", Claim, unique=("id",))),
    again=tuple(read_rows(DATA / "second_verdicts.csv", Again, unique=("id",))),
    pages="inference_economics.pages",
    cover=("batching", "fig-batching-cost"),
    data=DATA,
    distribution="trading-space-for-time",
    home=__name__,
)


def open_chapter(name: str, given: Mapping[str, Any]) -> Chapter:
    """A chapter with the parameters of its notebook's parameters cell: pass `globals()`."""
    from reckoner.show.notebook import Chapter  # what draws is not needed to compute

    return Chapter(BOOK, name, given)
