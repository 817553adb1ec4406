"""How sure the comparison at equal speed is: the formula behind the chapter `uncertainty`."""

from __future__ import annotations

from inference_economics.quantities import formula
from inference_economics.units import DollarsPerToken, Share


@formula(gives="cost_part", source="definition")
def sram_part_of_cost(token_cost: DollarsPerToken, gpu_token_cost: DollarsPerToken) -> Share:
    """SRAM's part of the sum of both costs: below one half SRAM is the cheaper.

    Written so that it is one where only GPUs give the speed, and zero where only SRAM does.
    """
    return 1 / (1 + gpu_token_cost / token_cost)
