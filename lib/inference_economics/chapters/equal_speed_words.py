"""The turns that the sentences of the chapter `equal_speed` take."""

from __future__ import annotations

import math

from inference_economics.answer.odds import asked, ends
from inference_economics.answer.question import of_article
from inference_economics.answer.words import answer_in_words
from inference_economics.chapters.equal_speed import (
    as_published,
    crossing,
    money,
    points,
    price_scenarios,
    question,
    slower,
)
from inference_economics.machines.clusters import GPU_WIDTHS
from inference_economics.machines.frontier import SPEEDS, Machine, crossover
from inference_economics.serving.accuracy import on_own_gpus
from inference_economics.serving.engines import ENGINES
from reckoner.declare.units import shown, some
from reckoner.show.notebook import Chapter


def gpu_end(chapter: Chapter) -> str:
    """Where GPUs end."""
    if chapter.results.gpu_top_speed > 0:
        return f"GPUs give up at {chapter.words.gpu_top_speed}"
    return "the model does not fit on the GPUs of one machine"


def standing(chapter: Chapter) -> str:
    """Who is cheaper at the speed of this page."""
    results, words = chapter.results, chapter.words
    user, cost, gpu_cost = words.target_speed, money(results.cost), money(results.gpu_cost)
    if math.isinf(results.cost) and math.isinf(results.gpu_cost):
        return (
            f"At {user} neither chip can serve: SRAM cards end at {words.top_speed}, and "
            f"{gpu_end(chapter)}."
        )
    if math.isinf(results.gpu_cost):
        return f"At {user} only SRAM cards can serve, at **{cost}**; {gpu_end(chapter)}."
    if math.isinf(results.cost):
        return (
            f"At {user} only GPUs can serve, at **{gpu_cost}**; SRAM cards end at "
            f"{words.top_speed}."
        )
    return (
        f"With this page's values a token at {user} costs **{words.cost}** on SRAM cards and "
        f"**{words.gpu_cost}** on GPUs."
    )


def the_answer(chapter: Chapter) -> str:
    """The one answer at the speed of this page."""
    return answer_in_words(asked(question(chapter), [chapter.inputs.target_speed])[0])


def two_speeds(chapter: Chapter) -> str:
    """Where the article's two costs stand."""
    words = chapter.words
    return (
        f"The article's two costs are not of one speed: its Groq stands at {words.article_speed}, "
        f"its H100 at {words.article_gpu_speed}, {words.article_speed_ratio} times apart."
    )


def within_interval(chapter: Chapter) -> str:
    """Between which speeds the crossing lies within the interval of the GPU's predictions."""
    ends = [crossover(chapter.lines.sram, one) for one in reversed(slower(chapter))]
    if not SPEEDS[0] < ends[0] < ends[1] < math.inf:
        return ""
    low, high = (chapter.shown(end, "token/s") for end in ends)
    return f" ({low} to {high} within the interval of the GPU's predictions)"


def at_list(chapter: Chapter) -> str:
    """From which speed on SRAM is the cheaper with both at list price."""
    listed = chapter.changed(**price_scenarios()["list prices"])
    return f"at list prices {crossing(listed.crossover_speed)},"


def rises(chapter: Chapter) -> str:
    """How much dearer each chip's tokens are near its top speed."""
    if chapter.results.gpu_top_speed <= 0:
        return ""

    def rise(machine: Machine) -> str:
        near = machine.cost(0.8 * machine.top_speed) / machine.cost(1e-9)
        return str(chapter.shown(near, "ratio"))

    own = rise(chapter.lines.sram)
    on_sram = "it costs the same" if own == "1" else f"that is {own} times"
    return (
        " At four fifths of its top speed a GPU's token costs "
        f"{rise(chapter.lines.hbm)} times what it does at leisure; on SRAM cards {on_sram}."
    )


def as_on_our_cards(chapter: Chapter) -> str:
    """Where GPUs would end if they took as much less than predicted as our own cards did."""
    own = on_own_gpus()
    shares = own["shards"].max()
    ratio = 1 / (1 + own.loc[own["shards"] == shares, "error"].mean())
    less = "less" if ratio < 1 else "more"
    found = chapter.changed(gpu_time_ratio=chapter.inputs.gpu_time_ratio * ratio)
    if not 0 < found.gpu_top_speed < math.inf:
        return ""
    return (
        f" On our own cards the share of one of {chapter.some(shares, 'card')} took "
        f"{chapter.shown(abs(1 - ratio), 'share', 2)} {less} time than predicted, without "
        "exchanges and an engine ({doc}`measure_it_yourself`). Were it so throughout, GPUs would "
        "end at "
        f"{chapter.shown(found.gpu_top_speed, 'token/s')}, and SRAM be the cheaper "
        f"{crossing(found.crossover_speed)}."
    )


def loss_in_layer(chapter: Chapter) -> str:
    """What each layer is taken to lose here, and what is drawn for it."""
    floor = chapter.inputs.layer_floor
    if floor == 0:
        return "Here it is zero: the bound. The two lines drawn for it are then one."
    why = (
        "what Groq's own figure for LLaMA-2 70B leaves unexplained"
        if as_published(chapter)
        else "as given for this run"
    )
    return (
        f"Here it is {chapter.words.layer_floor}, {why}. We draw both: the limits alone, and with "
        "this loss."
    )


def runs_seen(chapter: Chapter) -> str:
    """Where the measured runs lie."""
    given = chapter.inputs
    if (points(chapter)["kind"] == "measured").sum() <= 1:
        return (
            "Of this model no run on this GPU was measured; the line rests on the others that the "
            "fit saw. "
        )
    prompt = chapter.shown(given.context_length - given.output_tokens, "token")
    return (
        "The cheapest of the measured runs lie along the GPU's line: below it where the input is "
        f"shorter than the {prompt} of this page, above it where it is longer. "
    )


def prices_asked(chapter: Chapter) -> str:
    """Where the prices asked lie, if all are above the GPU's cost at their speed."""
    rows, sram, hbm = points(chapter), chapter.lines.sram, chapter.lines.hbm
    asked = rows[rows["kind"] == "price asked"]
    groq = asked[asked["label"] == "Groq"]
    given = asked[asked["speed"] <= chapter.results.gpu_top_speed]
    if not len(groq) or not (given["cost"] > hbm.cost(given["speed"].to_numpy())).all():
        return ""
    cost, speed = groq["cost"].iloc[0], groq["speed"].iloc[0]
    against = (
        "above this page's cost of an SRAM cluster too: at such prices of cards a full cluster "
        "would have paid for itself. "
        if cost > sram.cost(speed)
        else "below this page's cost of an SRAM cluster. "
    )
    return (
        "The prices asked are all above the cost of a GPU, where one gives their speed. Groq's, "
        f"{chapter.shown(cost, 'USD/token')} at {chapter.shown(speed, 'token/s')}, is {against}"
    )


def articles_points(chapter: Chapter) -> str:
    """Which of the article's two points a machine of this page reaches."""
    results, hbm = chapter.results, chapter.lines.hbm
    first = (
        "With the time lost as drawn, no SRAM cluster reaches the first point's speed."
        if results.top_speed < results.article_speed
        else "An SRAM cluster can reach the first point's speed here."
    )
    today = hbm.cost(results.article_gpu_speed)
    if math.isinf(today):
        return f"{first} "
    if results.article_gpu_cost > today:
        return (
            f"{first} The second lies above the GPU's line: today's software serves that speed for "
            "less."
        )
    return (
        f"{first} The second lies on or below the GPU's line: today's software serves that speed "
        "for no less."
    )


def even_price(chapter: Chapter) -> str:
    """At which price of an SRAM card the two cost the same."""
    price, words = chapter.results.break_even_price, chapter.words
    if math.isinf(price):
        return f"Only SRAM cards give {words.target_speed}, whatever they cost."
    start = "With this page's values for everything else, "
    if not price > 0:
        return f"{start}no price lets SRAM cards compete at {words.target_speed}."
    return (
        f"{start}the two cost the same at {words.target_speed} if an SRAM card costs "
        f"**{words.break_even_price}**."
    )


def comparable(chapter: Chapter) -> str:
    """At which speeds the two cost the same by this page's values."""
    speed, start = chapter.results.crossover_speed, "by this page's values SRAM is the cheaper"
    if SPEEDS[0] < speed < math.inf:
        return f"At one speed: {start} {crossing(speed)}, before it the GPU."
    return f"Not here: {start} {crossing(speed)}."


def reach(chapter: Chapter) -> str:
    """Whether there is a speed that GPUs do not reach."""
    if chapter.results.gpu_top_speed > 0:
        end = chapter.words.gpu_top_speed
        others = [chapter.changed(engine=name).gpu_top_speed for name in ENGINES]
        return (
            f"Yes, beyond {end}: for up to {shown(max(GPU_WIDTHS), 'count')} of them, in one "
            f"machine and under this engine; under the fastest engine in this book, beyond "
            f"{shown(max(others), 'token/s')}."
        )
    return "The model does not fit on one machine of them."


def full_batch(chapter: Chapter) -> str:
    """Whether every request of a full batch gets the article's speed."""
    results = chapter.results
    if results.top_speed >= results.article_speed:
        return "Yes, in this run."
    if results.article_speed <= results.bound_top_speed:
        return (
            f"Not with the time that each layer is taken to lose: {chapter.words.top_speed} is the "
            "most. The chips' limits would allow it."
        )
    return "Not even by the chips' limits."


def entry(chapter: Chapter) -> str:
    """What the cheapest tokens of each chip take."""
    given = chapter.inputs
    requests, cards, _ = chapter.lines.sram.way(1e-9)
    gpus = chapter.lines.hbm.way(1e-9).cards
    others = (
        f"; the cheapest of GPUs take {some(gpus, 'card')} for "
        f"{chapter.shown(gpus * given.gpu_price, 'USD')}."
        if gpus > 0
        else "."
    )
    return (
        f"The cheapest SRAM tokens come from {some(cards, 'card')} for "
        f"{shown(cards * given.card_price, 'USD')} and {some(requests, 'request')} at once"
        f"{others}"
    )


def of_front() -> str:
    """That the two speeds of the front page are not this chapter's crossing."""
    gpu, sram = (shown(end, "token/s") for end in ends(asked(of_article())))
    return (
        f"The front page's {gpu} and {sram} are not this crossing: up to the one GPUs are the "
        "cheaper in nine of ten samples, from the other on SRAM is, at a buyer's prices."
    )
