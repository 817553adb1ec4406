"""From the article's ratio of costs to the one answer, a correction at a time: chapter `answer`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from inference_economics import inputs
from inference_economics.answer.odds import NINE_IN_TEN, answers
from inference_economics.answer.question import Question, draw, of_groqs_size
from inference_economics.answer.ranges import SHEET, usual
from inference_economics.catalog import Model, chip, value
from inference_economics.formulas import batching, capacity
from inference_economics.formulas import kv_cache as cache_of
from inference_economics.machines.clusters import machines
from inference_economics.units import (
    Bytes,
    Count,
    Dollars,
    DollarsPerThroughput,
    Ratio,
    Tokens,
    TokensPerSecond,
)
from reckoner.declare.units import si
from reckoner.declare.worksheet import Lines, worksheet


@worksheet
def conclude(
    model: Model = inputs.as_in(SHEET, "model"),
    batch_size: Count = inputs.BATCH,
    context_length: Tokens = inputs.as_in(SHEET, "context_length"),
    output_tokens: Tokens = inputs.as_in(SHEET, "output_tokens"),
    target_speed: TokensPerSecond = inputs.as_in(SHEET, "target_speed"),
    card_price: Dollars = inputs.CARD_PRICE,
    speed: TokensPerSecond = inputs.SPEED,
    gpu_price: Dollars = inputs.GPU_PRICE,
    gpu_throughput: TokensPerSecond = inputs.GPU_THROUGHPUT,
    samples: Count = inputs.SAMPLES,
    seed: Count = inputs.SEED,
) -> Lines:
    """The ratio of costs, SRAM over GPU, as one correction after the other is made.

    Up to `host_ratio` it compares the price of cards for a token per second, as the article does;
    from `short_speed_ratio` on both chips give every user the same speed. `mlperf_ratio`,
    `bound_ratio`, `dgx_ratio` and `mixed_ratio` are figures of other chapters that change
    something else; `small_mixed_ratio` is the last on a cluster no larger than the one that Groq
    is known to have used.
    """
    # as the article compares
    memory = chip("groq_lpu").memory
    of_weight = value("article.bytes_per_parameter")
    of_element = value("article.bytes_per_element")
    weights: Bytes = capacity.weights(cache_of.name_parameters(model), of_weight)
    kv_cache: Bytes = cache_of.model_kv_cache(model, context_length, of_element)
    misread_cache: Bytes = kv_cache / si(1.0, "GiB") * si(1.0, "GB")
    gpu_cost: DollarsPerThroughput = batching.capital_cost(gpu_price, gpu_throughput)
    throughput = batching.cluster_throughput(batch_size, speed)

    misread_cards = _needed(weights, misread_cache, batch_size) / memory
    misread_ratio: Ratio = _cost(misread_cards, card_price, throughput) / gpu_cost
    gigabyte_cards = _needed(weights, kv_cache, batch_size) / memory
    gigabyte_ratio: Ratio = _cost(gigabyte_cards, card_price, throughput) / gpu_cost
    cards: Count = capacity.cards_to_hold(_needed(weights, kv_cache, batch_size), memory)
    article_ratio: Ratio = _cost(cards, card_price, throughput) / gpu_cost

    # with published speeds
    own_throughput = batching.cluster_throughput(batch_size, value("groq_llama2_70b.output_speed"))
    own_speed_ratio: Ratio = _cost(cards, card_price, own_throughput) / gpu_cost
    measured_throughput = value("mlperf_v4_0_dgx_h100_offline.throughput_per_gpu")
    measured_cost = batching.capital_cost(gpu_price, measured_throughput)
    measured_ratio: Ratio = _cost(cards, card_price, own_throughput) / measured_cost
    mlperf_ratio: Ratio = _cost(cards, card_price, throughput) / measured_cost
    short_input = value("mlperf_llama2_70b.max_input_tokens")
    short_output = value("mlperf_llama2_70b.mean_output_tokens")
    short_length = np.ceil(short_input + short_output)
    short_cache = cache_of.model_kv_cache(model, short_length, of_element)
    short_cards = capacity.cards_to_hold(_needed(weights, short_cache, batch_size), memory)
    short_ratio: Ratio = _cost(short_cards, card_price, own_throughput) / measured_cost
    dgx = value("dgx_h100.price") / value("dgx_h100.gpus")
    hosted_cost = batching.capital_cost(dgx, measured_throughput)
    host_ratio: Ratio = _cost(short_cards, card_price, own_throughput) / hosted_cost

    # at equal speed
    work = {"model": model, "context_length": context_length, "output_tokens": output_tokens}
    prices = {"card_price": card_price, "gpu_price": gpu_price}
    given = {**usual(), **work, **prices}
    short_work = {"context_length": short_length, "output_tokens": np.ceil(short_output)}
    short_speed_ratio: Ratio = _at_speed(target_speed, given, load=0.0, **short_work)
    equal_speed_ratio: Ratio = _at_speed(target_speed, given, load=0.0)
    electricity_ratio: Ratio = _at_speed(target_speed, given)
    bound_ratio: Ratio = _at_speed(target_speed, given, layer_floor=0.0)
    listed = value("groq_card.price")
    host_of_card = given["host_share"] * card_price
    cards_as_listed = {"card_price": listed, "host_share": host_of_card / listed}
    dgx_ratio: Ratio = _at_speed(
        target_speed, given, **cards_as_listed, gpu_price=dgx, gpu_host_share=0.0
    )
    listed_ratio: Ratio = _at_speed(
        target_speed, given, card_price=listed, gpu_price=value("h100_sxm.price")
    )

    # with everything uncertain
    length, output = np.asarray(context_length).item(), np.asarray(output_tokens).item()
    asked, first = np.asarray(target_speed).item(), int(np.asarray(seed).item())
    number = int(np.asarray(samples).item())
    question = Question(model, length, output, "buyer", 2024)
    mixed = replace(question, sram_costs="maker")
    here = answers(question, [asked], draw(question, number, first))[0]
    drawn = draw(mixed, number, first)
    there, small = (answers(q, [asked], drawn)[0] for q in (mixed, of_groqs_size(mixed)))
    ratios = here.ratio(NINE_IN_TEN)
    median_ratio: Ratio | None = float(ratios[1])
    low_ratio: Ratio | None = float(ratios[0])
    high_ratio: Ratio | None = float(ratios[2])
    mixed_ratio: Ratio | None = float(there.ratio((0.5,))[0])
    small_mixed_ratio: Ratio | None = float(small.ratio((0.5,))[0])
    return locals()


def _needed(weights: Bytes, cache: Bytes, batch_size: Count) -> Bytes:
    return batching.memory_of_batch(weights, cache_of.kv_cache_of_batch(cache, batch_size))


def _cost(cards: Count, card_price: Dollars, output: TokensPerSecond) -> DollarsPerThroughput:
    return batching.capital_cost(capacity.price_of_cluster(cards, card_price), output)


def _at_speed(speed: TokensPerSecond, given: Mapping[str, Any], **changes: Any) -> Ratio:
    """SRAM's cost over the GPU's where both give every user a speed, some inputs changed."""
    sram, hbm = machines(**{**given, **changes})
    return sram.cost(speed) / hbm.cost(speed)
