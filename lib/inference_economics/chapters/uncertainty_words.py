"""The turns that the sentences of the chapter `uncertainty` take."""

from __future__ import annotations

import math

from inference_economics.chapters.uncertainty import Study
from reckoner.declare.units import shown

ON_BOTH = ("electricity_price", "overhead", "lifetime", "busy_share")
"""Inputs that weigh on both chips alike."""


def spread(study: Study) -> str:
    """Where the ratios of the samples lie, and where the likely values put it."""
    results, user = study.chapter.results, study.chapter.words.target_speed
    low, median, high, likely = (
        _ratio(getattr(results, f"{name}_ratio")) for name in ("low", "median", "high", "likely")
    )
    if math.isnan(results.median_ratio):
        text = f"At {user} neither chip serves in any sample."
    elif results.median_ratio in (0, math.inf):
        text = f"At {user} most samples leave no choice: {median} can serve."
    else:
        text = (
            f"At {user} the median of the ratio is **{median}**; a twentieth of the samples "
            f"lie below {low}, and a twentieth above {high}."
        )
    if 0 < results.likely_ratio < math.inf:
        text += f" With every input at its most likely value it would be {likely}."
    if results.median_ratio < 0.9 * results.likely_ratio < math.inf:
        text += (
            " Those values together are not the middle of the samples: several stand at one "
            "end of their range."
        )
    return text


def decides(study: Study) -> str:
    """Which inputs answer for the spread."""
    user, found = study.chapter.words.target_speed, study.chapter.lines.decides
    top, second, third = (
        (row.label, shown(row.total, "share", 2)) for row in found.head(3).itertuples()
    )
    if found["total"][0] == 0:
        return f"At {user} every sample gives the same answer, so that no input decides it."
    together = study.chapter.results.sum_first
    return (
        f"At {user} the {top[0]} answers for **{top[1]}** of the spread, the {second[0]} for "
        f"{second[1]} and the {third[0]} for {third[1]} ({{numref}}`fig-uncertainty-sobol`). "
        f"The first-order indices together make {shown(together, 'share', 2)}: the inputs act "
        f"mostly {'one by one' if together > 0.8 else 'together'}."
    )


def idle(study: Study) -> str:
    """That what weighs on both chips alike does not matter, where that is so."""
    totals = study.chapter.lines.decides.set_index("name")["total"]
    if not all(totals[name] < 0.02 for name in ON_BOTH):
        return ""
    return (
        "Electricity, overhead, lifetime and idle hours hardly matter for who is cheaper, as they "
        f"weigh on both chips alike. That is taken for granted, not found{_kept_busy(study)}."
    )


def _kept_busy(study: Study) -> str:
    """What each kind needs to be busy, where both can serve."""
    results, words = study.chapter.results, study.chapter.words
    if not (results.sram_requests > 0 and results.gpu_requests > 0):
        return ""
    return (
        f": the cheapest cluster wants {words.sram_requests} requests of one model at once, the "
        f"cheapest GPUs {words.gpu_requests} ({{doc}}`answer` has what a cluster costs that is "
        "half as busy)"
    )


def turning(study: Study) -> str:
    """How many inputs can turn the answer by themselves within their range."""
    within = [r for r in study.evens.values() if any(_in_range(text) for text in r.values())]
    return str(shown(len(within), "count"))


def hopeless(study: Study) -> str:
    """How many inputs cannot turn the answer at any value."""
    fixed = [r for r in study.evens.values() if set(r.values()) <= {"never", "always"}]
    return str(shown(len(fixed), "count"))


def even_here(study: Study) -> str:
    """What must be for SRAM to win at this speed, or for how long it wins."""
    results, words = study.chapter.results, study.chapter.words
    text = ""
    if not math.isnan(results.break_even_price):
        price = words.break_even_price
        smaller = (
            f", or {words.small_break_even_price} with no more cards than Groq is reported to "
            "have used"
            if not math.isnan(results.small_break_even_price)
            else ""
        )
        text = (
            f"For SRAM to win at {words.target_speed}, a card must cost {price} or less, with "
            f"all else at its likeliest{smaller}."
            if results.likely_ratio > 1
            else f"SRAM wins at {words.target_speed} as long as a card costs no more than {price}."
        )
    if not math.isnan(results.break_even_floor):
        text += f" Or each layer may lose no more than {words.break_even_floor}."
    return text


def top(study: Study) -> str:
    """The input that decides most, or the two that do."""
    found = study.chapter.lines.decides
    if found["total"][0] <= 0:
        return "Nothing that we do not know could change that."
    share, other = (shown(total, "share", 2) for total in found["total"].head(2))
    first, second = found["label"].head(2)
    said = (
        f"One input decides most: the {first}, with {share} of the spread in how the two costs "
        "compare."
    )
    if study.tied:
        said = (
            f"Two inputs decide by how much: the {first} answers for {share} of the spread in how "
            f"the two costs compare, the {second} for {other}."
        )
    return said + _where_open(study)


def _where_open(study: Study) -> str:
    """What decides at the first of the few speeds at which nothing is decided."""
    near = next((one for one in study.at_few if one.word == "too close to call"), None)
    if near is None or near.speed == study.chapter.inputs.target_speed:
        return ""
    totals = study.totals(near.part)
    return (
        f" Where the race is open, at {shown(near.speed, 'token/s')}, it is the {totals.idxmax()} "
        f"with {shown(totals.max(), 'share', 2)}."
    )


def as_maker(odds: tuple[float, float], nobody: float) -> str:
    """In how many samples either side is the cheaper; `odds` of SRAM and of GPUs."""
    if nobody == 1:
        return "nobody gives this speed in any sample."
    sram, gpus = (shown(share, "share", 2) for share in odds)
    return f"the SRAM cluster is the cheaper in {sram} of the samples, GPUs in {gpus}."


def _ratio(ratio: float) -> str:
    """A ratio of costs, or that only one chip gives the speed."""
    if math.isinf(ratio):
        return "only GPUs"
    return "only SRAM" if ratio == 0 else str(shown(ratio, "ratio"))


def _in_range(text: str) -> bool:
    return not text.startswith("(") and text not in ("never", "always")
