"""How many chips hold a model, and what they cost: the chapter `capacity`."""

from __future__ import annotations

from inference_economics.catalog import Model
from inference_economics.quantities import formula
from inference_economics.units import Bytes, Count, Dollars, FlopPerSecond
from reckoner.declare.numeric import ceil


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
