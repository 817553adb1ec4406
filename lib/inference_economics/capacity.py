"""How many chips hold a model, and what they cost: the chapter `capacity`."""

from __future__ import annotations

from dataclasses import dataclass

from inference_economics.catalog import Chip, Model
from inference_economics.choices import (
    ARTICLE,
    BYTES_PER_PARAMETER,
    among,
    chip_choice,
    is_sram,
    model_choice,
)
from inference_economics.quantities import formula
from inference_economics.units import Bytes, Count, Dollars, FlopPerSecond, Ratio
from reckoner.declare.numeric import ceil
from reckoner.declare.parameters import Parameter, Parameters


@formula(gives="weight_bytes", source="definition")
def weights(parameters: Count, bytes_per_parameter: Bytes) -> Bytes:
    """Memory that a model's weights take."""
    return parameters * bytes_per_parameter


@formula(gives="cards", source="Li 2024, section 'Groq needs a cluster'")
def cards_to_hold(needed: Bytes, memory: Bytes) -> Count:
    """Whole cards whose memory together holds what is needed."""
    return ceil(needed / memory)


@formula(gives="card_price", source="Li 2024, section 'Groq needs a cluster'")
def price_by_compute(
    reference_price: Dollars, compute: FlopPerSecond, reference_compute: FlopPerSecond
) -> Dollars:
    """Price of a card that costs as much per FLOP/s as a reference card."""
    return reference_price * compute / reference_compute


@formula(gives="cluster_price", source="definition")
def price_of_cluster(cards: Count, card_price: Dollars) -> Dollars:
    """Price of a cluster's cards, without hosts, network or racks."""
    return cards * card_price


@formula(gives="parameters", source="austin2025scaling, transformers chapter")
def dense_parameters(
    layers: Count,
    hidden_size: Count,
    heads: Count,
    kv_heads: Count,
    head_dim: Count,
    ffn_size: Count,
    vocabulary: Count,
) -> Count:
    """Weights of a dense, gated transformer with untied embeddings, counted from its shape.

    Per layer: query and output projections, key and value projections, three matrices of the
    gated feed-forward network and two norms; then input and output embeddings and a last norm.
    """
    return (
        layers
        * (
            2 * hidden_size * heads * head_dim
            + 2 * hidden_size * kv_heads * head_dim
            + 3 * hidden_size * ffn_size
            + 2 * hidden_size
        )
        + 2 * vocabulary * hidden_size
        + hidden_size
    )


SHAPE = ("layers", "hidden_size", "heads", "kv_heads", "head_dim", "ffn_size", "vocabulary")


def parameter_count(model: Model) -> Count:
    """A model's weights: as published, else counted from its shape, else as in its name."""
    if model.has("total_parameters"):
        return model.total_parameters
    if model.has("gated_mlp", *SHAPE) and model.gated_mlp == 1:
        return dense_parameters(**{name: model.values[name] for name in SHAPE})
    return model.nominal_parameters


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
