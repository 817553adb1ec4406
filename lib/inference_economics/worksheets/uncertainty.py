"""How sure the comparison at equal speed is, and what decides it: the chapter `uncertainty`."""

from __future__ import annotations

import math

import numpy as np

from inference_economics import inputs
from inference_economics.catalog import Model
from inference_economics.formulas.uncertainty import sram_part_of_cost
from inference_economics.machines.clusters import GROWTH
from inference_economics.sampling.break_even import break_evens
from inference_economics.sampling.outcomes import costs, draw, indices, part_of_cost
from inference_economics.sampling.outcomes import quantiles_of_ratio as quantiles
from inference_economics.sampling.ranges import SHEET, likely
from inference_economics.units import Count, Dollars, Ratio, Seconds, Share, TokensPerSecond
from reckoner.claims import ABOUT_TOLERANCE
from reckoner.declare.worksheet import Lines, worksheet


@worksheet
def conclude(
    model: Model = inputs.as_in(SHEET, "model"),
    target_speed: TokensPerSecond = inputs.as_in(SHEET, "target_speed", low=1.0, high=10_000.0),
    samples: Count = inputs.given(
        512,
        "samples; each is drawn anew for every input",
        "A power of two: four times as many halve the error of a share.",
        unit="count",
        whole=True,
        low=8,
        high=2048,
        source="this book",
        power_of=2,
    ),
    seed: Count = inputs.given(
        2024,
        "seed of the random numbers",
        "The same seed gives the same samples.",
        unit="count",
        whole=True,
        low=0,
        high=2**31 - 1,
        source="this book",
    ),
) -> Lines:
    """How often SRAM is the cheaper at a speed, and what decides it.

    One point at a time: the samples fill the arrays. A ratio is missing where neither chip gives
    the speed, a break-even where there is none.
    """
    speed, number = np.asarray(target_speed).item(), int(np.asarray(samples).item())
    first = int(np.asarray(seed).item())
    values = draw(number, first)
    at_speed = costs(model, [speed], values)
    cost, gpu_cost = at_speed[0][0], at_speed[1][0]
    part = part_of_cost(cost, gpu_cost)
    ratios = quantiles(cost, gpu_cost, (0.05, 0.5, 0.95))
    decides = indices(part, first)
    even = {each.parameter: each.value for each in break_evens(model, [speed])}
    at_likely = costs(model, [speed], likely(), GROWTH)
    likely_costs = float(at_likely[0][0]), float(at_likely[1][0])
    likely_part = sram_part_of_cost(*likely_costs) if min(likely_costs) < math.inf else None

    rows: Count = len(part)
    inputs: Count = len(values)
    share_cheaper: Share = float(np.mean(part < 0.5))
    near = [sram_part_of_cost(1 + step, 1.0) for step in (-ABOUT_TOLERANCE, ABOUT_TOLERANCE)]
    is_near = (near[0] <= part) & (part <= near[1]) & np.isfinite(cost)
    share_comparable: Share = float(np.mean(is_near))
    share_neither: Share = float(np.mean(np.isinf(cost) & np.isinf(gpu_cost)))
    median_ratio: Ratio | None = float(ratios[1])
    low_ratio: Ratio | None = float(ratios[0])
    high_ratio: Ratio | None = float(ratios[2])
    likely_ratio: Ratio | None = float(quantiles(*at_likely, (0.5,))[0])
    top_first: Share = float(decides["first"][0])
    top_total: Share = float(decides["total"][0])
    sum_first: Share = float(decides["first"].sum())
    break_even_floor: Seconds | None = even["layer_floor"]
    break_even_price: Dollars | None = even["card_price"]
    return locals()
