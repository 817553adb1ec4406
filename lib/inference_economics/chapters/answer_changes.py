"""What would change the answer: the picture of the chapter `answer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics.answer.odds import SPEEDS, answers, ends, first_speed
from inference_economics.answer.question import Question, draw
from inference_economics.catalog import value
from inference_economics.chapters.answer import SPEED, question
from inference_economics.machines.published import ARTICLE_MODEL, GROQ_CARDS
from reckoner.declare.units import shown
from reckoner.show.charts import Axis, Names, Style, figure, told_apart
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

CHANGES: dict[str, dict[str, Any]] = {
    "as above: a buyer of 2024": {},
    "a maker's costs": {"costs": "maker"},
    "prices and GPUs of 2026": {"year": 2026},
    "short chats, of MLPerf's lengths": {
        "context_length": "mlperf_llama2_70b.max_input_tokens",
        "output_tokens": "mlperf_llama2_70b.mean_output_tokens",
    },
    **{f"answers of {shown(n, 'token')}": {"output_tokens": n} for n in (256, 2048)},
    "a KV cache in sixteen bits": {"bytes_per_element": 2},
    "Groq's cards at the article's price": {"groq_lpu.price": "article.groq_card_price"},
    "a cluster half as busy as the GPUs": {"sram_busy": 0.5},
    "room in SRAM for half of each answer": {"sram_reserved": "vllm.reserved_output"},
    "no cluster larger than Groq's own": {"sram_cards": GROQ_CARDS[ARTICLE_MODEL]},
    "time lost in each stage of the cluster": {"sram_cut": 1.0},
    "GPUs with the engine TensorRT-LLM": {"engine": "trtllm"},
    "GPUs with the engine SGLang": {"engine": "sglang"},
}
"""What would change the answer: a field of the question, or a row in the place of a range."""


LEADS = {"GPUs lead": Style("2"), "SRAM leads": Style("1")}
BESIDE: tuple[tuple[int, Literal["left", "right"]], ...] = ((4, "left"), (-4, "right"))
"""How a number stands at the end of a lead, in the gap between the two."""

SLOW = 20.0
"""Where the axis begins, in tokens a second, unless a lead of GPUs ends before."""


def what_would_change_it(chapter: Chapter) -> HTML:
    """The speeds at which each side leads, as one thing after the other is otherwise."""
    found = {
        name: turning(chapter, change)
        for name, change in CHANGES.items()
        if _possible(question(chapter), change)
    }
    first, *others = found
    found = {name: found[name] for name in (first, *sorted(others, key=lambda each: found[each]))}
    table = pd.DataFrame(
        {
            "If this changes": name,
            "GPUs lead up to (token/s)": gpu or np.nan,
            "SRAM leads from (token/s)": sram,
        }
        for name, (gpu, sram, _) in found.items()
    ).replace(np.inf, np.nan)
    return chapter.figure(
        figure(
            *_bars(found),
            title=_title(table),
            description=(
                "For each thing that changes a bar up to the speed at which GPUs still lead, and "
                "one from the speed at which SRAM does: "
                + "; ".join(
                    f"{name}: {_said(gpu)} and {_said(sram)}" for name, gpu, sram in table.values
                )
                + "."
            ),
            height=38 * len(found),
        ),
        table,
    )


def _title(table: pd.DataFrame) -> str:
    """Up to which speed GPUs lead and from which SRAM does in every row, if both always do."""
    if table.isna().any(axis=None):
        return "Where GPUs lead, and where SRAM does, if one thing changes"
    low, high = (shown(end, "token/s") for end in (table.iloc[:, 1].min(), table.iloc[:, 2].max()))
    return f"In every row the lead changes between {low} and {high}"


def _said(speed: float) -> str:
    return "never" if np.isnan(speed) else f"{speed:.0f}"


def _bars(found: Mapping[str, Sequence[float]]) -> list[alt.Chart]:
    """Both leads of each row, with their ends in numbers and the row's name above."""
    rows = pd.DataFrame(found, index=["gpu", "sram", "last"]).T.rename_axis("y").reset_index()
    gpu, sram = rows[rows["gpu"] > 0], rows[np.isfinite(rows["sram"])]
    start = SPEEDS[0] if (gpu["gpu"] <= SLOW).any() else SLOW
    gpu = gpu.assign(kind="GPUs lead", x=start, high=gpu["gpu"], at=gpu["gpu"])
    sram = sram.assign(
        kind="SRAM leads", x=sram["sram"], high=sram["last"].clip(upper=SPEEDS[-1]), at=sram["sram"]
    )
    x = Axis(SPEED.title, log=True, scale={"nice": False, "domain": [start, SPEEDS[-1]]})
    place = Names("Changed", list(found)).channel(alt.Y, "y").axis(None)
    leads = pd.concat([gpu, sram])[["y", "kind", "x", "high"]]
    ink = colour("text")
    return [
        alt.Chart(leads)
        .mark_bar(height=9)
        .encode(x.channel(alt.X, "x"), place, x2="high:Q", color=told_apart(LEADS)["color"]),
        *(
            alt.Chart(own.assign(text=own["at"].map(_said))[["y", "at", "text"]])
            .mark_text(align=side, dx=dx, color=ink)
            .encode(x.channel(alt.X, "at"), place, text="text:N")
            for own, (dx, side) in zip((gpu, sram), BESIDE, strict=True)
        ),
        alt.Chart(rows[["y"]])
        .mark_text(align="left", dy=-13, color=ink)
        .encode(place, text="y:N", x=alt.value(0)),
    ]


def turning(chapter: Chapter, change: Mapping[str, Any]) -> tuple[float, float, float]:
    """Up to which speed GPUs lead, from which SRAM does, and from which nobody keeps up."""
    asked = replace(question(chapter), **_fields(change))
    values = draw(asked, chapter.inputs.samples, chapter.inputs.seed)
    values |= {
        key: np.full_like(values[key], value(of)) for key, of in change.items() if "." in key
    }
    found = answers(asked, SPEEDS, values)
    return *ends(found), first_speed(found, "nobody can")


def _possible(before: Question, change: Mapping[str, Any]) -> bool:
    """Whether a request is still as long as its answer."""
    after = replace(before, **_fields(change))
    return bool(after.output_tokens <= after.context_length)


LENGTHS = ("context_length", "output_tokens")


def _fields(change: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a question that change; a prompt is given without its answer."""
    found = {
        key: value(of) if isinstance(of, str) and "." in of else of
        for key, of in change.items()
        if "." not in key
    }
    found |= {key: np.ceil(found[key]) for key in LENGTHS if key in found}
    if "context_length" in found:
        found["context_length"] += found["output_tokens"]
    return found
