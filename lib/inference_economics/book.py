"""This book: its chapters, formulas, constants and claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference_economics import catalog
from inference_economics.answer.odds import asked
from inference_economics.answer.question import of_article
from inference_economics.answer.words import in_short, turns
from inference_economics.chapters.kv_cache_models import layers_picture
from inference_economics.hindsight.predictions import scored
from inference_economics.quantities import DATA, formulary
from reckoner.book import Book
from reckoner.claims import Again, Claim
from reckoner.declare.tables import read_rows
from reckoner.declare.units import shown
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
    "comparison",
)

BOOK = Book(
    package="inference_economics.worksheets",
    chapters=CHAPTERS,
    formulary=formulary,
    constants=catalog.constants(),
    claims=tuple(read_rows(DATA / "claims.csv", Claim, unique=("id",))),
    again=tuple(read_rows(DATA / "second_verdicts.csv", Again, unique=("id",))),
    extras={
        "catalog": catalog,
        "subjects": (catalog.chip_names(), catalog.model_names()),
        "scored": scored,
        "decided": str(shown(catalog.value("answer.decided_share"), "share")),
        "card_in_shop": "\\" + str(shown(catalog.value("groq_card.price"), "USD")),
        "card_of_article": "\\" + str(shown(catalog.value("article.groq_card_price"), "USD")),
        "in_short": lambda: in_short(asked(of_article())),
        "turns_of_buyer": lambda: f"{turns(of_article(), asked(of_article()))}.",
        "layers_picture": layers_picture,
    },
    cover=("batching", "fig-batching-cost"),
    data=DATA,
    distribution="trading-space-for-time",
    home=__name__,
)


def open_chapter(name: str, given: Mapping[str, Any]) -> Chapter:
    """A chapter with the parameters of its notebook's parameters cell: pass `globals()`."""
    return Chapter(BOOK, name, given)
