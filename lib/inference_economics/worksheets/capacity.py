"""How many chips hold a model, and what they cost: the chapter `capacity`."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics.catalog import Chip, Model
from inference_economics.catalog.own import is_sram
from inference_economics.formulas.capacity import (
    cards_to_hold,
    price_by_compute,
    price_of_cluster,
    weights,
)
from inference_economics.inputs import (
    ARTICLE,
    BYTES_PER_PARAMETER,
    among,
    chip_choice,
    model_choice,
)
from inference_economics.units import Bytes, Count, Dollars, Ratio
from reckoner.declare.parameters import Parameter, Parameters

PARAMETERS = Parameters(
    (
        model_choice("llama2_70b", "nominal_parameters"),
        among(
            is_sram,
            chip_choice(
                "chip", "groq_lpu", "the SRAM chip", "memory", "memory_bandwidth", "fp16_compute"
            ),
        ),
        chip_choice(
            "gpu", "h100_96gb", "the GPU to compare with",
            "memory", "memory_bandwidth", "fp16_compute",
        ),
        BYTES_PER_PARAMETER,
        Parameter(
            name="gpu_price",
            default=30000.0,
            unit="USD",
            label="price of one GPU",
            help="The list price that the article takes for an H100.",
            source=ARTICLE,
            low=1.0,
            high=1e7,
        ),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays."""

    memory_ratio: Ratio
    bandwidth_ratio: Ratio
    compute_ratio: Ratio
    weights: Bytes
    cards: Count
    gpus: Count
    card_price: Dollars
    cluster_price: Dollars
    gpu_cluster_price: Dollars


def conclude(
    model: Model, chip: Chip, gpu: Chip, bytes_per_parameter: Bytes, gpu_price: Dollars
) -> Conclusions:
    """What holding a model's weights takes on two chips.

    Args:
        model: its nominal parameter count is used, as in the article.
        chip: the chip priced by its compute relative to `gpu`.
        gpu: the chip it is compared with.
        bytes_per_parameter: bytes a weight takes.
        gpu_price: price of one GPU.
    """
    weight_bytes = weights(model.nominal_parameters, bytes_per_parameter)
    cards = cards_to_hold(weight_bytes, chip.memory)
    gpus = cards_to_hold(weight_bytes, gpu.memory)
    card_price = price_by_compute(gpu_price, chip.fp16_compute, gpu.fp16_compute)
    return Conclusions(
        memory_ratio=chip.memory / gpu.memory,
        bandwidth_ratio=chip.memory_bandwidth / gpu.memory_bandwidth,
        compute_ratio=chip.fp16_compute / gpu.fp16_compute,
        weights=weight_bytes,
        cards=cards,
        gpus=gpus,
        card_price=card_price,
        cluster_price=price_of_cluster(cards, card_price),
        gpu_cluster_price=price_of_cluster(gpus, gpu_price),
    )
