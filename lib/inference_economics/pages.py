"""What the pages without code may name, besides the chapters' results.

The book knows this module by its name alone: no notebook depends on it.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inference_economics import catalog, inputs
from inference_economics.answer.odds import asked
from inference_economics.answer.question import Question, of_article, of_groqs_size
from inference_economics.answer.ranges import SHEET
from inference_economics.answer.words import in_short
from inference_economics.catalog import value
from inference_economics.chapters.kv_cache_models import layers_picture
from inference_economics.hindsight.predictions import scored
from inference_economics.machines.published import ARTICLE_MODEL, GROQ_CARDS
from reckoner.declare.units import shown
from reckoner.show.constants import in_words


def extras() -> dict[str, Any]:
    """The names; "subjects" are the groups of keys whose constants have a table each."""
    question = of_article()
    along = asked(question)
    return {
        "catalog": catalog,
        "subjects": (catalog.chip_names(), catalog.model_names()),
        "scored": scored,
        "last_year": inputs.LAST_YEAR,
        **_smaller(question),
        "decided": str(shown(value("answer.decided_share"), "share")),
        "card_in_shop": _row("groq_card.price"),
        "cards_of_groq": _row(GROQ_CARDS[ARTICLE_MODEL]),
        "card_of_article": _row("article.groq_card_price"),
        "in_short": in_short(along),
        "read": _reading(),
        "layers_picture": layers_picture,
        "tried": _tried(),
    }


def _tried() -> dict[str, str]:
    """Cases that the tests try, by kind, what they catch, and how much of the code they run."""
    tests = Path(__file__).parents[2] / "tests"
    with (tests / "tried.csv").open(encoding="utf-8", newline="") as file:
        found = {row["kind"]: int(row["cases"]) for row in csv.DictReader(file)}
    with (tests / "mutants.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (tests / "covered.csv").open(encoding="utf-8", newline="") as file:
        rooms = list(csv.DictReader(file))
    for table, names in ((rows, ("mutants", "caught")), (rooms, ("parts", "run"))):
        found |= {name: sum(int(row[name]) for row in table) for name in names}
    return {name: f"{count:,}" for name, count in found.items()} | {
        "share": str(shown(found["caught"] / found["mutants"], "share")),
        "run_share": str(shown(found["run"] / found["parts"], "share")),
    }


def _smaller(question: Question) -> dict[str, str]:
    """What a cluster costs that is no larger than Groq's own, or that loses time in each stage."""
    speed = SHEET.parameters.base({})["target_speed"]

    def median(asking: Question) -> float:
        return float(np.median(asked(asking, [speed])[0].sram))

    held, base = of_groqs_size(question), median(question)
    ends = sorted(median(other) / base for other in (held, replace(question, sram_cut=1.0)))
    low, high = (shown(end, "ratio", 2) for end in ends)
    return {"smaller_cluster": f"{low} to {high}"}


def _reading() -> str:
    """How many tokens a reader takes in."""
    tokens = value("reader.reading_rate") / value("reader.words_per_token")
    return str(shown(tokens, "token/s", 1))


def _row(address: str) -> str:
    """A row of the catalog, with a link to it; a dollar sign alone would open mathematics."""
    return in_words(catalog.constants()[address]).replace("$", r"\$")
