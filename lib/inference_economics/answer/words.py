"""The answer in sentences; no conclusion of the book is written anywhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence

from inference_economics import catalog
from inference_economics.answer.odds import (
    NINE_IN_TEN,
    Answer,
    asked,
    ends,
    first_speed,
    given_in,
    mostly,
    quantiles,
)
from inference_economics.answer.question import Question, of_article
from inference_economics.answer.ranges import Vector
from inference_economics.catalog import value
from inference_economics.units import Share
from reckoner.declare.units import shown

VERDICTS = {
    "GPU": "GPUs are cheaper.",
    "SRAM": "The SRAM cluster is cheaper.",
    "too close to call": "Too close to call.",
    "nobody can": "Nobody can.",
}
"""Each of the four words, as the start of an answer."""

WHOSE = {
    "maker": "makers who pay what the hardware costs to make",
    "buyer": "buyers",
    "tenant": "tenants",
}


def odds(share: Share) -> str:
    """A share of the samples as a reader counts: so many of a hundred.

    A share with which no side is named is not rounded up to one with which it would be.
    """
    if share in (0, 1):
        return "all samples" if share else "no sample"
    hundred, decided = round(100 * share), value("answer.decided_share")
    if share < decided:
        hundred = min(hundred, math.ceil(100 * decided) - 1)
    if hundred == 100:
        return "more than 99 of 100 samples"
    return f"{hundred} of 100 samples" if hundred else "fewer than 1 of 100 samples"


def money(cost: Vector) -> str:
    """The median of a cost with the range of nine samples in ten."""
    low, middle, high = (shown(one, "USD/token") for one in quantiles(cost, NINE_IN_TEN))
    unit = " per million tokens"
    return f"{middle} ({str(low).removesuffix(unit)} to {str(high).removesuffix(unit)})"


def sentence(one: Answer) -> str:
    """Who is the cheapest at a speed, with what odds, and what a token costs."""
    user = f"At {shown(one.speed, 'token/s')} for each user"
    if one.word == "nobody can":
        return (
            f"{user}, in {odds(one.nobody)}, no chip that competes keeps up, unless it "
            f"guesses tokens ahead.{_rest(one)}"
        )
    if not mostly(one.sram) or not mostly(one.gpu):
        return f"{user} {_alone(one)}"
    on_sram, on_gpu = money(one.sram), money(one.gpu)
    if one.word == "SRAM":
        return (
            f"{user} the SRAM cluster is the cheaper in {odds(one.sram_odds)}: {on_sram}, against "
            f"{on_gpu} on GPUs.{_some_fail(one)}"
        )
    if one.word == "GPU":
        return (
            f"{user} GPUs are the cheaper in {odds(one.gpu_odds)}: {on_gpu}, against {on_sram} on "
            f"the SRAM cluster.{_some_fail(one)}"
        )
    return (
        f"{user} the SRAM cluster is the cheaper in {odds(one.sram_odds)}, GPUs in the others: "
        f"{on_sram}, against {on_gpu} on GPUs.{_some_fail(one)}"
    )


def _alone(one: Answer) -> str:
    """That only one kind competes or gives the speed."""
    if len(one.kinds) == 1:
        kind = "SRAM cards" if one.kinds == {True} else "GPUs"
        other = "GPU" if one.kinds == {True} else "SRAM card"
        cost = money(one.sram if one.kinds == {True} else one.gpu)
        return f"{kind} do it for {cost}; no {other} is to be had on these terms."
    if mostly(one.gpu):
        return f"only GPUs keep up, at {money(one.gpu)}."
    return f"only the SRAM cluster keeps up, at {money(one.sram)}.{_some_fail(one)}"


def _some_fail(one: Answer) -> str:
    if one.nobody < 0.005:
        return ""
    return f" In {odds(one.nobody)} neither keeps up; they are left out of the odds and costs."


def _rest(one: Answer) -> str:
    if one.nobody == 1:
        return ""
    kind = "the SRAM cluster does" if one.sram_odds > 0.5 else "GPUs do"
    return f" In the others {kind}."


def headline(one: Answer) -> str:
    """The word as the start of an answer; where one kind alone competes, only that."""
    if len(one.kinds) == 1 and one.word != "nobody can":
        return "Only SRAM cards compete." if one.kinds == {True} else "Only GPUs compete."
    return VERDICTS[one.word]


def answer_in_words(one: Answer) -> str:
    """The word and the sentence."""
    return f"**{headline(one)}** {sentence(one)}"


def turns(question: Question, along: Sequence[Answer]) -> str:
    """Up to which speed GPUs lead, from which on SRAM does, and where both end.

    Args:
        question: what was asked.
        along: its answers at rising speeds.
    """
    (gpu, sram), nobody = ends(along), first_speed(along, "nobody can")
    alone = len(along[0].kinds) == 1
    parts = []
    if gpu:
        lead = "only GPUs are to be had, for speeds" if alone else "GPUs lead"
        parts.append(f"{lead} up to {shown(gpu, 'token/s')}")
    if math.isfinite(sram):
        parts.append(f"the SRAM cluster leads from {shown(sram, 'token/s')}")
    if gpu and math.isfinite(sram) and not alone:
        parts.append("between the two it is too close to call")
    if math.isfinite(nobody):
        who = "no GPU keeps" if alone else "neither keeps"
        parts.append(f"from {shown(nobody, 'token/s')} {who} up without guessing tokens ahead")
    said = "; ".join(parts) or "no side leads at any speed"
    return f"For {WHOSE[question.costs]} {said}"


def turns_of(question: Question) -> str:
    """The same for the book's own samples."""
    return turns(question, asked(question))


def turns_in(year: int) -> str:
    """The same for the article's work by the prices of a year, with the GPUs that are new then."""
    question, first = of_article(year=year), of_article().contenders
    newer = [catalog.chip(key).name for key in question.contenders if key not in first]
    also = f", with {' and '.join(newer)} among the chips," if newer else ""
    said = turns_of(question)
    return f"By the prices of {year}{also} {said[0].lower()}{said[1:]}."


def title(along: Sequence[Answer]) -> str:
    """What a picture of the costs shows: who is cheaper up to which speed, from which on."""
    gpu, sram = ends(along)
    if len(along[0].kinds) == 1 or not gpu or not math.isfinite(sram):
        return "What a token costs at each speed"
    return f"GPUs are cheaper up to {shown(gpu, 'token/s')}, SRAM from {shown(sram, 'token/s')}"


def in_short(along: Sequence[Answer]) -> str:
    """The two speeds between which the answer turns, in as few words as it takes.

    Args:
        along: answers at rising speeds, to a question for which both kinds compete.
    """
    gpu, sram = ends(along)
    parts = [f"up to {shown(gpu, 'token/s')} for each user GPUs are cheaper"] if gpu else []
    if math.isfinite(sram):
        on_gpus = next((one for one in along if one.speed >= sram), along[-1]).gpu
        sure = given_in(on_gpus) >= value("answer.decided_share")
        why = "" if sure else ", where GPUs begin to give out,"
        parts.append(f"from {shown(sram, 'token/s')}{why} the SRAM chip is")
    said = "; ".join(parts) or "neither is for sure"
    return f"{said[0].upper()}{said[1:]}."
