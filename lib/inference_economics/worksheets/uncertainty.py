"""Who is cheaper at equal speed, with what odds, and what decides it: the chapter `uncertainty`."""

from __future__ import annotations

import numpy as np

from inference_economics import inputs
from inference_economics.answer.odds import NINE_IN_TEN, SPEEDS, answers, first_speed, quantiles
from inference_economics.answer.question import Question, cheapest_way, draw, of_groqs_size
from inference_economics.answer.ranges import COSTS, SHEET, Costs
from inference_economics.answer.sensitivity import break_evens, indices
from inference_economics.catalog import Model
from inference_economics.formulas.uncertainty import sram_part_of_cost
from inference_economics.machines.clusters import GROWTH
from inference_economics.units import (
    Count,
    Dollars,
    DollarsPerToken,
    Ratio,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
)
from reckoner.claims import ABOUT_TOLERANCE
from reckoner.declare.worksheet import Lines, worksheet

CARD = "groq_lpu.price"
"""The range of a Groq card's price."""


@worksheet
def conclude(
    model: Model = inputs.as_in(SHEET, "model"),
    context_length: Tokens = inputs.as_in(SHEET, "context_length"),
    output_tokens: Tokens = inputs.as_in(SHEET, "output_tokens"),
    target_speed: TokensPerSecond = inputs.as_in(SHEET, "target_speed", low=1.0, high=10_000.0),
    costs: Costs = inputs.one_of(
        tuple(COSTS),
        "buyer",
        "whose costs are counted",
        "The same for all who compete: what the maker pays, a buyer, or a tenant.",
        source="this book",
    ),
    year: Count = inputs.YEAR,
    samples: Count = inputs.SAMPLES,
    seed: Count = inputs.SEED,
) -> Lines:
    """Who is the cheapest at a speed, how sure that is, and what decides it.

    One point at a time: the samples fill the arrays. A cost or a ratio is missing where nobody
    gives the speed, a break-even where there is none; `small_break_even_price` is that of a
    cluster no larger than the one that Groq is known to have used. `gpu_until`, `sram_from` and
    `nobody_from` are the speeds at which the answer's word changes.
    """
    speed = np.asarray(target_speed).item()
    length, output = np.asarray(context_length).item(), np.asarray(output_tokens).item()
    question = Question(model, length, output, costs, int(np.asarray(year).item()))
    first = int(np.asarray(seed).item())
    values = draw(question, int(np.asarray(samples).item()), first)
    here, *along = answers(question, [speed, *SPEEDS], values)
    decides = indices(question, here.part, first)
    even = {each.name: each.value for each in break_evens(question, [speed])}
    small = break_evens(of_groqs_size(question), [speed], {CARD})
    likely = answers(question, [speed], question.likely, GROWTH)[0]
    sram_costs, gpu_costs = (quantiles(c, NINE_IN_TEN) for c in (here.sram, here.gpu))
    ratios = here.ratio(NINE_IN_TEN)
    sram_way, gpu_way = (cheapest_way(question, speed, in_sram) for in_sram in (True, False))

    rows: Count = len(here.part)
    inputs: Count = len(values)
    sram_odds: Share | None = here.sram_odds
    gpu_odds: Share | None = here.gpu_odds
    nobody: Share = here.nobody
    comparable: Share | None = here.comparable(ABOUT_TOLERANCE)
    sram_cost: DollarsPerToken | None = float(sram_costs[1])
    sram_cost_low: DollarsPerToken | None = float(sram_costs[0])
    sram_cost_high: DollarsPerToken | None = float(sram_costs[2])
    gpu_cost: DollarsPerToken | None = float(gpu_costs[1])
    gpu_cost_low: DollarsPerToken | None = float(gpu_costs[0])
    gpu_cost_high: DollarsPerToken | None = float(gpu_costs[2])
    median_ratio: Ratio | None = float(ratios[1])
    low_ratio: Ratio | None = float(ratios[0])
    high_ratio: Ratio | None = float(ratios[2])
    likely_ratio: Ratio | None = float(likely.ratio((0.5,))[0])
    sram_requests: Count | None = sram_way.requests
    sram_cards: Count | None = sram_way.cards
    sram_speed: TokensPerSecond | None = sram_way.speed
    gpu_requests: Count | None = gpu_way.requests
    gpu_cards: Count | None = gpu_way.cards
    gpu_until: TokensPerSecond = first_speed(along, "GPU", last=True)
    sram_from: TokensPerSecond = first_speed(along, "SRAM")
    nobody_from: TokensPerSecond = first_speed(along, "nobody can")
    top_first: Share = float(decides["first"][0])
    top_total: Share = float(decides["total"][0])
    sum_first: Share = float(decides["first"].sum())
    break_even_floor: Seconds | None = even.get("layer_floor")
    break_even_price: Dollars | None = even.get(CARD)
    small_break_even_price: Dollars | None = small[0].value if small else None
    likely_part: Share | None = sram_part_of_cost(float(likely.sram[0]), float(likely.gpu[0]))
    return locals()
