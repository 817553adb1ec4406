"""The pictures and the turns of phrase of the chapter `batching`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics.formulas.batching import Cluster, cluster_for
from reckoner.declare.units import shown
from reckoner.show.charts import DASHED, DOTTED, Axis, Style, figure, lines, points, texts
from reckoner.show.notebook import Chapter

BATCH = Axis("Batch size (requests)", log=True)
COST = Axis("Capital cost (USD per token/s)", log=True)


def cost_at(chapter: Chapter, batch: Any, kv_cache: Any = None) -> Cluster:
    """The cluster for a batch size, or for many at once."""
    given, results = chapter.inputs, chapter.results
    cache = results.kv_cache if kv_cache is None else kv_cache
    return cluster_for(
        batch, results.weights, cache, given.chip.memory, given.card_price, given.speed
    )


def cost_against_batch(chapter: Chapter) -> HTML:
    """The cluster's cost falling with the batch, beside the GPU's and the consumer card's."""
    given, results, words = chapter.inputs, chapter.results, chapter.words
    most = max(1e4, 10.0 * given.batch_size)
    batches = np.unique(np.round(np.geomspace(1, most, 200)))
    cluster = f"cluster of {given.chip.name}"
    gpu, consumer = f"{given.gpu.name}, at one batch", f"{given.consumer.name}, at most"
    stops = {1: "one request", given.batch_size: f"{words.cards} cards"}
    if results.effective_batch > given.batch_size:
        stops[int(results.effective_batch)] = f"{words.effective_cards} cards"
    at, labels = list(stops), list(stops.values())
    costs = [cost_at(chapter, batch).cost for batch in at]
    doubled = 2.0 ** np.arange(14)
    found = cost_at(chapter, doubled)
    return chapter.figure(
        figure(
            lines(
                {
                    cluster: (batches, cost_at(chapter, batches).cost),
                    gpu: ([1.0, most], results.gpu_cost),
                    consumer: ([1.0, most], results.consumer_cost),
                },
                BATCH,
                COST,
                {cluster: Style("1"), gpu: Style("2", DASHED), consumer: Style("3", DOTTED)},
            ),
            points(at, costs, BATCH, COST),
            texts(at[:2], costs[:2], labels[:2], BATCH, COST, dx=6, dy=-22),
            texts(at[2:], costs[2:], labels[2:], BATCH, COST, dx=4, dy=28),
            title=(
                "Sharing the weights cuts the cost, until the KV cache is all there is to pay for"
            ),
            description=(
                f"Lines of capital cost against batch size. The {cluster} falls from "
                f"{shown(costs[0], 'USD/(token/s)')} for one request to {words.cost} for a batch "
                f"of {words.batch_size}; {given.gpu.name} costs {words.gpu_cost}."
            ),
            height=340,
        ),
        pd.DataFrame(
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
        return f"No batch makes it as cheap as the {gpu}: its limit is {words.cost_limit}."
    return (
        f"It becomes as cheap as the {gpu} at a batch of **{words.parity_batch}**, on "
        f"**{words.parity_cards} cards**."
    )
