"""The pictures, tables and turns of phrase of the chapter `gpt4_scale`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.chapters.occupancy import GROQ
from inference_economics.formulas import occupancy
from inference_economics.machines.published import unexplained_by
from reckoner.declare.units import shown
from reckoner.show import charts
from reckoner.show.charts import SOLID, Axis, Style
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

CROSSED = " in two crossings"

NETWORKS = {
    "ring": "ring",
    "torus_2d": "2-D torus",
    "torus_3d": "3-D torus",
    "dragonfly": "dragonfly by halving",
    "fat_tree_direct": f"fat tree{CROSSED}",
    "direct": f"dragonfly{CROSSED}",
}
"""The all-reduces that are drawn, by the ends of their results' names."""
DASHES = ((8, 3), (4, 3), (8, 3, 2, 3), (2, 2))
COMPARED = {
    "cards_per_stage": ("Cards in a stage", "count"),
    "time_per_all_reduce": ("Budget of an all-reduce", "s"),
    "time_left_per_all_reduce": ("What reading leaves of it", "s"),
    "all_reduce_torus_3d": ("3-D torus, ring by ring", "s"),
    "all_reduce_torus_3d_direct": ("3-D torus in two crossings", "s"),
    "all_reduce_fat_tree_direct": ("Fat tree in two crossings", "s"),
    "all_reduce_direct": ("Dragonfly in two crossings", "s"),
}
"""The results that are compared between two numbers of layers, with label and unit."""
MIXTURES = ("gpt4_rumour", "mixtral_8x7b", "deepseek_v3", "kimi_k2")


def with_stages_of(chapter: Chapter, cards: Any) -> SimpleNamespace:
    """The same with so many layers that a stage has this number of cards, or these numbers.

    Stages are filled up to whole cards; half a card less keeps clear of the edge.
    """
    return chapter.changed(layers=chapter.results.cards / (cards - 0.5))


def times(results: SimpleNamespace, names: Iterable[str]) -> dict[str, Any]:
    """The time of an all-reduce by the name of the network."""
    return {name: getattr(results, f"all_reduce_{name}") for name in names}


def in_time(results: SimpleNamespace, *names: str) -> list[str]:
    """The networks whose all-reduce fits into what reading the weights leaves."""
    found = times(results, names)
    return [name for name in names if found[name] <= results.time_left_per_all_reduce]


# The model


def rumoured(chapter: Chapter) -> bool:
    """Whether the model is the one of the rumour."""
    return bool(chapter.inputs.model.key == "gpt4_rumour")


def assumptions(chapter: Chapter) -> str:
    """What of the model is known, and what is assumed."""
    given, sized, words = chapter.inputs, chapter.lines.sized, chapter.words
    guessed = given.layers == catalog.value("llama2_70b.layers")
    own_layers = given.layers == given.model.layers
    layers_from = "the article's guess" if guessed else "the choice of this run"
    hidden, head = (chapter.shown(n, "count") for n in (sized.hidden_size, sized.head_dim))
    if not rumoured(chapter):
        layers_from = "the model's own" if own_layers else layers_from
        return (
            f"This run takes {given.model.name} instead, with its own hidden size of {hidden} and "
            f"its own kind of KV cache. The number of layers, {words.layers}, is "
            f"{layers_from}."
        )
    borrowed = (
        "two: the"
        if own_layers
        else f"three. The number of layers, {words.layers}, is {layers_from}. The"
    )
    gpt3 = [catalog.value(f"gpt3_175b.{name}") for name in ("hidden_size", "head_dim")]
    run = "GPT-3" if [given.hidden_size, given.head_dim] == gpt3 else "this run"
    return (
        "OpenAI has published no size. Every figure about GPT-4 on this page comes from a rumour "
        f"of July 2023, except for {borrowed} hidden size, {hidden}, and the dimension of a head, "
        f"{head}, were not even rumoured and are those of {run}, an assumption that nobody has "
        "verified."
    )


# The time and the network


def left_by_reading(chapter: Chapter) -> str:
    """What reading the weights leaves of an all-reduce's budget."""
    if chapter.results.time_left_per_all_reduce > 0:
        return f"leaves {chapter.about.time_left_per_all_reduce} of that"
    return "alone takes longer than a layer may: the memory is too slow, whatever the network"


def cables(chapter: Chapter) -> str:
    """Where the bandwidth of a card's links comes from, if it is that of Groq's cables."""
    if chapter.inputs.link_bandwidth != catalog.value("groq_lpu.link_bandwidth_cabled"):
        return ""
    row, rate = chapter.row, chapter.as_given
    return (
        f", as the first Groq chip's do over cables: {row('groq_lpu.links')} links of "
        f"{row('groq_lpu.lanes_per_link')} lanes, each at {rate('groq_lpu.lane_bandwidth_cabled')} "
        f"instead of the {rate('groq_lpu.lane_bandwidth')} of the lane itself; the card of 2020 "
        f"exposed only {row('groq_card.links')} of the links"
    )


def all_reduce_against_cards(chapter: Chapter) -> HTML:
    """The time of one all-reduce on each network, against the cards that take part."""
    results, words = chapter.results, chapter.words
    stage = float(results.cards_per_stage)
    cards = np.unique(np.geomspace(2, max(1024, 4 * stage), 90).round())
    x = Axis("Cards (count)", log=True, scale={"nice": False})
    y = Axis("Time of one all-reduce (µs)", log=True)
    styles = zip(("2", "3", "4", "5", "6", "1"), (SOLID, *DASHES, SOLID), strict=True)
    kinds = dict(zip(NETWORKS.values(), (Style(*style) for style in styles), strict=True))

    def curves(at: Any, of: SimpleNamespace) -> charts.Curves:
        return {NETWORKS[name]: (at, 1e6 * t) for name, t in times(of, NETWORKS).items()}

    lines = charts.lines(curves(cards, with_stages_of(chapter, cards)), x, y, kinds)
    here = charts.table(curves(stage, results)).query("y > 0")
    colours = charts.told_apart(kinds)["color"]
    dots = alt.Chart(here).mark_point(opacity=1)
    left = 1e6 * results.time_left_per_all_reduce
    level = charts.rules(left, y, across=True, strokeDash=[6, 4], color=colour("text"))
    label = charts.texts(cards[-1], left, "left by reading", x, y, align="right", dy=-7)
    ticks = np.unique([2.0, 8.0, 32.0, 128.0, 512.0, 1024.0, max(2.0, stage)])
    table = curves(ticks, with_stages_of(chapter, ticks))
    taken = [f"{shown(t, 's')} ({NETWORKS[n]})" for n, t in times(results, NETWORKS).items()]
    return chapter.drawn(
        charts.with_legend(lines, columns=2),
        dots.encode(x.channel(alt.X, "x"), y.channel(alt.Y, "y"), colours),
        *([level, label] if left > 0 else []),
        title=_networks_in_time(results),
        description=(
            "All-reduce time against cards on six networks. With "
            f"{words.cards_per_stage} of them it takes {', '.join(taken)}; reading the weights "
            f"leaves {words.time_left_per_all_reduce}."
        ),
        height=380,
        data=pd.DataFrame(
            {x.title: ticks, **{f"{name} (µs)": t for name, (_, t) in table.items()}}
        ),
    )


def _networks_in_time(results: SimpleNamespace) -> str:
    found = set(in_time(results, *NETWORKS))
    crossings = {"direct", "fat_tree_direct"}
    if len(found) == len(NETWORKS):
        return "Every network is in time"
    if not found:
        return "No network is in time"
    if found == crossings:
        return "Only networks that are crossed just twice are in time"
    if found < crossings:
        return f"Only a {NETWORKS[found.pop()]} is in time"
    return f"In time: {len(found)} of the {len(NETWORKS)} networks"


def answer(chapter: Chapter) -> str:
    """What time each exchange has, and which networks keep to it."""
    results, about, words = chapter.results, chapter.about, chapter.words
    if results.cards_per_stage == 1:
        return "One card holds a whole layer, so nothing is summed and no network has to keep up."
    if results.time_left_per_all_reduce <= 0:
        return f"At {words.speed} no network can, as reading the weights alone takes too long."
    found = [f"the {NETWORKS[name]}" for name in in_time(results, *NETWORKS)]
    if len(found) == len(NETWORKS):
        start, verdict = "It can, on paper:", "every network drawn is in time"
    elif found:
        listed = " and ".join(filter(None, [", ".join(found[:-1]), found[-1]]))
        start = "With the right network it can, on paper:"
        verdict = f"in time {'is' if len(found) == 1 else 'are'} only {listed}"
        if found[-1].endswith(CROSSED):
            verdict += ": every card sends its pieces straight to the others, and gets sums back"
    else:
        start, verdict = "It cannot:", "no network drawn is in time"
    return (
        f"{start} at {words.speed} reading the weights leaves "
        f"**{about.time_left_per_all_reduce}** for each exchange, and {verdict}."
    )


def with_lost_time(chapter: Chapter) -> str:
    """The speed of a request if each layer loses what Groq's own clusters lose, if that is less."""
    results = chapter.results
    lost = unexplained_by(GROQ)
    layer = occupancy.time_in_layer(results.read_time, 0.0, 0.0, results.all_reduce_direct, lost)
    token = occupancy.time_through_pipeline(chapter.inputs.layers, layer, 1, 0.0)
    speed = occupancy.speed_of_request(token)
    if speed >= chapter.inputs.speed:
        return ""
    return (
        "That is the network alone. Groq's own clusters lose "
        f"{chapter.shown(lost, 's', 2)} more in each layer, which no limit here explains "
        "({doc}`occupancy`): with it a request would get "
        f"{chapter.shown(speed, 'token/s')}, not the {chapter.words.speed} asked."
    )


def how_many_in_time(chapter: Chapter, words: Sequence[str], *names: str) -> str:
    """The words for none, one, two or more of these networks being in time."""
    return words[len(in_time(chapter.results, *names))]


# Tokens that travel together


def room_on_dragonfly(chapter: Chapter) -> str:
    """How large a message may be on a dragonfly."""
    fitting = chapter.results.tokens_in_time
    if fitting == 0:
        return "On a dragonfly no message is small enough for the time that reading leaves."
    return (
        f"On a dragonfly, messages of up to {chapter.some(fitting, 'token')} stay within the time "
        "that reading leaves."
    )


def within(chapter: Chapter, tokens: float) -> str:
    """Whether a message of so many tokens stays within that time on a dragonfly."""
    return "within" if tokens <= chapter.results.tokens_in_time else "beyond"


# The model's own layers, its cache and its experts


def own_layers(chapter: Chapter) -> SimpleNamespace:
    """What the chapter concludes with the model's own number of layers."""
    return chapter.changed(layers=chapter.inputs.model.layers)


def layers_compared(chapter: Chapter) -> HTML:
    """The network with the layers assumed, and with the model's own."""
    given, labels = chapter.inputs, [label for label, _ in COMPARED.values()]

    def column(layers: float, results: SimpleNamespace) -> list[str]:
        found = (
            chapter.shown(getattr(results, name), unit) for name, (_, unit) in COMPARED.items()
        )
        return [chapter.shown(layers, "count"), *found]

    return chapter.table(
        pd.DataFrame(
            {
                "Quantity": ["Layers", *labels],
                "As assumed": column(given.layers, chapter.results),
                "The model's own": column(given.model.layers, own_layers(chapter)),
            }
        )
    )


def shape_of_own_layers(chapter: Chapter) -> str:
    """What the model's own number of layers does to stages and budget."""
    layers, own = chapter.inputs.layers, chapter.inputs.model.layers
    if own == layers:
        return "The model has as many layers as assumed"
    if own > layers:
        return "More layers mean smaller stages and less time for each"
    return "Fewer layers mean larger stages and more time for each"


def own_layers_in_time(chapter: Chapter) -> str:
    """Which of the networks compared are in time with the model's own layers."""
    own = own_layers(chapter)
    if own.cards_per_stage == 1:
        return "No exchange is needed, as one card holds a layer"
    drawn = [name.removeprefix("all_reduce_") for name in COMPARED if name.startswith("all_")]
    labels = [COMPARED[f"all_reduce_{name}"][0] for name in in_time(own, *drawn)]
    names = [f"the {label[0].lower()}{label[1:]}" for label in labels]
    listed = " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "none"
    return f"Of the networks above, {listed} {'is' if len(names) < 2 else 'are'} in time"


def windows(chapter: Chapter) -> str:
    """Which layers keep only the latest tokens, between commas."""
    model = chapter.inputs.model
    if not model.has("sliding_window", "windowed_layers"):
        return ","
    layers = chapter.shown(model.windowed_layers, "count")
    window = chapter.shown(model.sliding_window, "token")
    return f", {layers} of the layers keeping only the latest {window},"


def split_of_attention(chapter: Chapter) -> str:
    """What it takes to split attention over a stage's cards."""
    given, results, words = chapter.inputs, chapter.results, chapter.words
    if results.kv_copies <= 1:
        return "There are enough {term}`KV heads` to give every card of a stage one of its own."
    fits = "fits on" if results.kv_batch_per_layer <= given.chip.memory else "is too much for"
    heads = chapter.shown(given.model.kv_heads, "count")
    memory = chapter.shown(given.chip.memory, "B")
    return (
        f"A stage of {chapter.some(results.cards_per_stage, 'card')} has more cards than "
        f"{given.model.name} has {{term}}`KV heads` ({heads}), so splitting attention by heads "
        f"puts {{ref}}`{words.kv_copies} copies <formula-copies-of-kv>` of each head into every "
        f"stage; and one copy, of {words.kv_batch_per_layer} for the batch, {fits} a card of "
        f"{memory}. The alternative is to split the cache by requests {{cite}}`pope2022scaling`, "
        "at the price of one more exchange in each layer."
    )


def read_share_against_batch(chapter: Chapter) -> HTML:
    """The share of the weights that a decode step reads, for models with and without experts."""
    given, words = chapter.inputs, chapter.words
    others = [catalog.model(key) for key in MIXTURES if key != given.model.key]
    models = [given.model, *others]
    kinds = {
        model.name: Style(str(number), dash)
        for number, (model, dash) in enumerate(zip(models, (SOLID, *DASHES), strict=False), 1)
    }

    def shares(batches: Any) -> charts.Curves:
        return {
            model.name: (
                batches,
                100 * chapter.changed(model=model, batch_size=batches).read_share,
            )
            for model in models
        }

    x = Axis("Batch size (count)", log=True, scale={"nice": False})
    y = Axis("Weights read in a step (%)", scale={"domain": [0, 100]})
    lines = charts.lines(shares(np.unique(np.geomspace(1, 1024, 60).round())), x, y, kinds)
    batches = 2.0 ** np.arange(0, 11)
    table = {f"{name} (%)": share for name, (_, share) in shares(batches).items()}
    return chapter.drawn(
        charts.with_legend(lines, columns=2),
        title="One token needs few experts, a large batch needs nearly all",
        description=(
            f"Share of the weights read against batch size for {len(models)} models. "
            f"{given.model.name} reads {words.active_share} for one token and "
            f"{words.read_share} for a batch of {words.batch_size}."
        ),
        data=pd.DataFrame({"Batch (count)": batches, **table}),
    )


def ending(chapter: Chapter) -> str:
    """Which networks can do it, for the last sentence."""
    results, about = chapter.results, chapter.about
    if results.cards_per_stage == 1:
        slow = results.time_left_per_all_reduce <= 0
        but = "; but its memory is too slow for that" if slow else ""
        return f"One card holds a layer, so no network stands in the way{but}."
    can = (
        "The dragonfly that Groq had published can do it if it exchanges everything in two "
        f"crossings ({about.all_reduce_direct})"
        if results.all_reduce_direct <= results.time_left_per_all_reduce
        else f"Even a dragonfly in two crossings is too slow ({about.all_reduce_direct})"
    )
    return (
        f"A torus, ring by ring, needs {about.all_reduce_torus_2d} in 2-D and "
        f"{about.all_reduce_torus_3d} in 3-D. {can}."
    )
