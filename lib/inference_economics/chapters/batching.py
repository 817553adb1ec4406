"""The pictures and the turns of phrase of the chapter `batching`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.formulas.batching import Cluster, cluster_for
from reckoner.declare.units import compared, shown
from reckoner.show.charts import (
    DASHED,
    DOTTED,
    MIXED,
    Axis,
    Names,
    Style,
    dots,
    lines,
    points,
    spans,
    table,
    texts,
    without_legend,
)
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

BATCH = Axis("Batch size (requests)", log=True)
COST = Axis("Capital cost (USD per token/s)", log=True)
_OWN = Style("1")
GROQ, H100 = "Groq (USD per token/s)", "H100 (USD per token/s)"
ALL = "speeds, lengths, host"
Outcomes = Mapping[str, Any]
"""By the name of a correction: what the worksheet gives with it."""


def cost_at(chapter: Chapter, batch: Any, kv_cache: Any = None) -> Cluster:
    """The cluster for a batch size, or for many at once."""
    given, results = chapter.inputs, chapter.results
    cache = results.kv_cache if kv_cache is None else kv_cache
    return cluster_for(
        batch, results.weights, cache, given.chip.memory, given.card_price, given.speed
    )


def answer(chapter: Chapter) -> str:
    """What a token per second costs at this page's batch, and what that turns on."""
    words, about = chapter.words, chapter.about
    chip, gpu = chapter.inputs.chip.name, chapter.inputs.gpu.name
    said = f"""With a {{term}}`batch <batch size>` of {words.batch_size} the cluster costs
**{about.cost}** (its price over the tokens that it writes in a second),
{chapter.against("cost_ratio")} the {about.gpu_cost} of the {gpu}"""
    if math.isinf(chapter.results.parity_batch):
        return f"{said}; no batch makes the {chip} as cheap, as its limit is {about.cost_limit}."
    return f"""{said}, and it is as cheap from a batch of **{words.parity_batch}** on; no batch
brings the {chip} below {about.cost_limit}."""


def cost_against_batch(chapter: Chapter) -> HTML:
    """The cluster's cost falling with the batch, and what is known of the GPU's at two batches."""
    given, results, words = chapter.inputs, chapter.results, chapter.words
    most = max(1e4, 10.0 * given.batch_size)
    batches = np.unique(np.round(np.geomspace(1, most, 200)))
    cluster, gpu = f"cluster of {given.chip.name}", given.gpu.name
    cards = f"{words.cards} cards"
    stops = {1: f"{cluster}, one request", given.batch_size: cards}
    if results.effective_batch > given.batch_size:
        stops[int(results.effective_batch)] = f"{words.effective_cards} cards"
    at, labels = list(stops), list(stops.values())
    costs = [cost_at(chapter, batch).cost for batch in at]
    consumer = given.consumer.name
    known = [
        (gpu, 1.0, results.alone_gpu_cost, "2", "square"),
        (gpu, results.gpu_batch, results.gpu_cost, "2", "square"),
        (f"{consumer}, at most", results.gpu_batch, results.consumer_cost, "3", "triangle-down"),
    ]
    doubled = 2.0 ** np.arange(14)
    found = cost_at(chapter, doubled)
    falling = {cluster: (batches, cost_at(chapter, batches).cost)}
    return chapter.drawn(
        without_legend(lines(falling, BATCH, COST, {cluster: _OWN})),
        *(
            points(batch, cost, BATCH, COST, style, shape=shape)
            for _, batch, cost, style, shape in known
        ),
        *(
            texts(batch, cost, name, BATCH, COST, color=colour(style), **beside)
            for name, batch, cost, style, _ in known
            for beside in [{"dx": 8} if batch == 1 else {"align": "right", "dx": -9, "dy": 7}]
        ),
        points(at, costs, BATCH, COST),
        texts(at[:2], costs[:2], labels[:2], BATCH, COST, color=colour("1"), dx=9, dy=-9),
        texts(at[2:], costs[2:], labels[2:], BATCH, COST, color=colour("1"), dx=4, dy=18),
        title="Sharing the weights cuts the cost, until the KV cache is all there is to pay for",
        description=(
            f"A line of capital cost against batch size, and three dots. The {cluster} falls "
            f"from {words.alone_cost} for one request to {words.cost} for a batch of "
            f"{words.batch_size}; {gpu} costs {words.alone_gpu_cost} for one request by its "
            f"bandwidth, and {words.gpu_cost} at a batch of {words.gpu_batch}."
        ),
        height=340,
        data=pd.DataFrame(
            {
                "Batch size (requests)": doubled,
                "Cards (count)": found.cards,
                "Cost (USD per token/s)": found.cost,
            }
        ),
    )


def parity(chapter: Chapter) -> str:
    """From which batch on the cluster is as cheap as the GPU, if from any."""
    words, gpu = chapter.words, chapter.inputs.gpu.name
    if math.isinf(chapter.results.parity_batch):
        return f"No batch makes it as cheap as the {gpu}: its limit is {chapter.about.cost_limit}."
    return (
        f"It becomes as cheap as the {gpu} at a batch of **{words.parity_batch}**, on "
        f"**{words.parity_cards} cards**."
    )


def larger_cluster(chapter: Chapter) -> str:
    """What the cluster that is given as a number of cards serves, and at what cost."""
    results, words = chapter.results, chapter.words
    cluster = f"So {words.effective_cards} cards for {words.effective_price} serve"
    if results.effective_batch == 0:
        needed = chapter.shown(cost_at(chapter, 1).needed, "B")
        return f"{cluster} no request at all: the weights and one cache take {needed}."
    match = (
        f"{words.parity_cards} cards"
        if math.isfinite(results.parity_cards)
        else "more cards than there can be"
    )
    return (
        f"{cluster} {words.effective_batch} requests at {chapter.about.effective_cost}. That size "
        f"is the article's choice; to match the GPU takes {match}."
    )


def cost_near_the_floor(chapter: Chapter) -> HTML:
    """The cost at large batches, beside the article's floor, for both sizes of the cache."""
    given, results, words = chapter.inputs, chapter.results, chapter.words
    crossings, ends = (
        [batch for batch in batches if math.isfinite(batch)]
        for batches in (
            (results.floor_breaking_batch, results.floor_breaking_batch_gib),
            (
                results.floor_breaking_batch,
                results.floor_breaking_batch_gib,
                results.consumer_batch,
            ),
        )
    )
    first = max(1.0, min(crossings, default=given.batch_size) / 5)
    last = min(1e7, max(30 * first, 4 * max(ends, default=given.batch_size)))
    batches = np.unique(np.round(np.geomspace(first, last, 160)))
    few = batches[:: max(1, len(batches) // 20)]
    across = [batches[0], batches[-1]]
    kinds = {
        "cache in GB": Style("1"),
        "cache in GiB, called GB": Style("4", MIXED),
        "the article's floor": Style("text", DASHED),
        f"{given.consumer.name}, the article's bound": Style("3", DOTTED),
    }
    drawn = (
        (batches, cost_at(chapter, batches).cost),
        (batches, cost_at(chapter, batches, results.misread_kv_cache).cost),
        (across, results.floor),
        (across, results.consumer_cost),
    )
    curves = table(dict(zip(kinds, drawn, strict=True)))
    near = curves[curves["y"].between(0.5 * results.cost_limit_gib, 1.35 * results.floor)]
    batch = Axis("Batch size (requests)", log=True, scale={"nice": False})
    cost = Axis("Capital cost (USD per token/s)", scale={"zero": False})
    labels = [f"batch {shown(crossing, 'count')}" for crossing in crossings]

    def named(part: slice, **beside: Any) -> Any:
        return texts(crossings[part], results.floor, labels[part], batch, cost, **beside)

    return chapter.drawn(
        lines(near, batch, cost, kinds),
        points(crossings, results.floor, batch, cost, "text"),
        named(slice(1), dx=6, dy=-12),
        named(slice(1, None), align="right", dx=-6, dy=26),
        title=(
            "Large batches go a little below the article's floor"
            if results.cost_limit < results.floor
            else "No batch goes below the article's floor"
        ),
        description=(
            f"Lines of capital cost at large batches. With the cache in GB the cost reaches "
            f"the floor of {words.floor} at batch {words.floor_breaking_batch} and tends to "
            f"{words.cost_limit}; with binary gigabytes called GB, at batch "
            f"{words.floor_breaking_batch_gib} and {words.cost_limit_gib}."
        ),
        data=pd.DataFrame(
            {
                "Batch size (requests)": few,
                "Cache in GB (USD per token/s)": cost_at(chapter, few).cost,
                "Cache in GiB (USD per token/s)": cost_at(
                    chapter, few, results.misread_kv_cache
                ).cost,
            }
        ),
    )


def consumer_card(chapter: Chapter) -> str:
    """Of which property the consumer card has least, and what it costs for the same of it."""
    consumer, gpu = chapter.inputs.consumer.name, chapter.inputs.gpu.name
    results, about = chapter.results, chapter.about
    properties = {
        "memory": "memory_ratio",
        "bandwidth": "bandwidth_ratio",
        "fp16 compute": "compute_ratio",
    }
    least = min(properties, key=lambda name: getattr(chapter.lines, properties[name]))
    within = "within" if results.consumer_ratio <= chapter.inputs.consumer_share else "above"
    share = chapter.shown(getattr(chapter.lines, properties[least]), "share")
    ratio = chapter.shown(results.consumer_ratio, "share")
    return f"""One {consumer} costs {chapter.shown(chapter.lines.price_ratio, "share")} of the
{gpu} and has least of its {least}: {share}. For the same {least} it costs **{ratio}** of the GPU,
{about.consumer_dearest_cost}, {within} the {chapter.shown(chapter.inputs.consumer_share, "share")}
that the article allows."""


def below_consumer_cards(chapter: Chapter) -> str:
    """Whether a large batch makes the cluster as cheap as consumer cards."""
    results, words, about = chapter.results, chapter.words, chapter.about
    if math.isfinite(results.consumer_dearest_batch):
        return (
            f"here it does, from a batch of about {words.consumer_dearest_batch} on, if every "
            "request still runs at full speed."
        )
    never = f"that is so, as its limit of {about.cost_limit} is higher."
    if math.isinf(results.consumer_batch):
        return never
    return (
        f"{never} The article's bound alone would not show it: {about.consumer_cost} is a cost "
        "that consumer cards do not exceed, and a cluster that undercuts it, as one does from a "
        f"batch of about {words.consumer_batch} on, need not undercut the cards."
    )


def corrections() -> dict[str, dict[str, float]]:
    """The article's inputs put right, by name: alone, then together.

    MLPerf's lengths come with its throughput, which was measured at them.
    """
    value = catalog.value
    throughput = {"gpu_throughput": value("mlperf_v4_0_dgx_h100_offline.throughput_per_gpu")}
    inputs, outputs = "max_input_tokens", "mean_output_tokens"
    length = value(f"mlperf_llama2_70b.{inputs}") + value(f"mlperf_llama2_70b.{outputs}")
    mlperf = {**throughput, "context_length": math.ceil(length)}
    own_speed = {"speed": value("groq_llama2_70b.output_speed")}
    host = {"gpu_price": value("dgx_h100.price") / value("dgx_h100.gpus")}
    listed = {"card_price": value("groq_card.price")}
    together = {**own_speed, **mlperf, **host}
    return {
        "cache in GB": {},
        "Groq's own speed": own_speed,
        "MLPerf throughput": throughput,
        "MLPerf speed, lengths": mlperf,
        "GPU with host": host,
        "card at list price": listed,
        ALL: together,
        "... and list price": {**together, **listed},
    }


def outcomes(chapter: Chapter) -> Outcomes:
    """What the article's case becomes with each of the corrections."""
    sheet = chapter.book.worksheet("batching")
    article = sheet.parameters.base({})
    return {name: sheet(**{**article, **change}) for name, change in corrections().items()}


def ratio(outcome: Any) -> str:
    """What the cluster costs beside the GPU, as a comparison."""
    return compared(outcome.cost_ratio)


def _compared(chapter: Chapter, outcomes: Outcomes) -> pd.DataFrame:
    printed = (
        chapter.book.ledger[c].printed_values[0] for c in ("groq-batch128-cost", "h100-cost")
    )
    rows = [("as printed", *printed, math.nan)]
    rows += [(name, one.cost, one.gpu_cost, one.parity_cards) for name, one in outcomes.items()]
    table = pd.DataFrame(rows, columns=["Inputs", GROQ, H100, "Parity (cards)"])
    table.insert(3, "Groq / H100", table[GROQ] / table[H100])
    return table


def corrected(chapter: Chapter, outcomes: Outcomes) -> HTML:
    """The comparison as printed and under each correction, as a table."""
    return chapter.table(_compared(chapter, outcomes).replace(math.inf, "never"))


def comparison_corrected(chapter: Chapter, outcomes: Outcomes) -> HTML:
    """The same as a picture: the two costs of each row, and how far they lie apart."""
    rows_of = _compared(chapter, outcomes)
    names, groq, h100 = rows_of["Inputs"], rows_of[GROQ], rows_of[H100]
    cost = Axis("Capital cost (USD per token/s)", log=True, scale={"nice": False, "padding": 12})
    rows = Names("Inputs", list(names))
    kinds = {"Groq cluster": _OWN, "H100": Style("2", shape="square")}
    dearer = groq > h100
    said = [
        f"{shown(one, 'USD/(token/s)')} against {shown(other, 'USD/(token/s)')}"
        for one, other in (
            (groq[0], h100[0]),
            (outcomes[ALL].cost, outcomes[ALL].gpu_cost),
        )
    ]
    turned = dearer.iloc[-2] != dearer.iloc[0]
    return chapter.drawn(
        spans(groq, h100, names, cost, rows),
        dots({"Groq cluster": (groq, names), "H100": (h100, names)}, cost, rows, kinds, size=90),
        title=(
            "Published speeds turn the article's comparison round"
            if turned
            else "Published speeds leave the article's comparison as it was"
        ),
        description=(
            f"Pairs of points, the Groq cluster's cost and the H100's, for {len(rows_of)} "
            f"sets of inputs: {said[0]} as printed, {said[1]} with speed, throughput, lengths "
            "and host corrected."
        ),
        height=300,
        data=rows_of.replace(math.inf, math.nan),
    )
