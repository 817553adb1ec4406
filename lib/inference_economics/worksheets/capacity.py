"""How many chips hold a model, and what they cost: the chapter `capacity`."""

from __future__ import annotations

from inference_economics import catalog, inputs
from inference_economics.catalog import Chip, Model
from inference_economics.catalog.own import is_sram
from inference_economics.formulas import capacity
from inference_economics.units import Bytes, Count, Dollars, Ratio, Share
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live


@worksheet
def conclude(
    model: Model = inputs.model("llama2_70b", "nominal_parameters"),
    chip: Chip = inputs.chip("groq_lpu", "the SRAM chip", *inputs.PROPERTIES, only=is_sram),
    gpu: Chip = inputs.chip("h100_96gb", "the GPU to compare with", *inputs.PROPERTIES),
    bytes_per_parameter: Bytes = inputs.MODEL_BYTES,
    gpu_price: Dollars = inputs.changed(
        inputs.GPU_PRICE, help="The list price that the article takes for an H100."
    ),
) -> Lines:
    """What holding a model's weights takes on two chips.

    The weights are those of the model's name, as in the article; counted from its shape, they are
    the results that begin with `counted`.
    """
    gpu_memory_ratio: Ratio = gpu.memory / chip.memory
    gpu_compute_ratio: Ratio = gpu.fp16_compute / chip.fp16_compute
    memory_ratio: Ratio = chip.memory / gpu.memory
    bandwidth_ratio: Ratio = chip.memory_bandwidth / gpu.memory_bandwidth
    compute_ratio: Ratio = chip.fp16_compute / gpu.fp16_compute
    weights: Bytes = capacity.weights(model.nominal_parameters, bytes_per_parameter)
    cards: Count = capacity.cards_to_hold(weights, chip.memory)
    gpus: Count = capacity.cards_to_hold(weights, gpu.memory)
    card_price: Dollars = capacity.price_by_compute(gpu_price, chip.fp16_compute, gpu.fp16_compute)
    cluster_price: Dollars = capacity.price_of_cluster(cards, card_price)
    gpu_cluster_price: Dollars = capacity.price_of_cluster(gpus, gpu_price)
    price_of_holding: Ratio = cluster_price / gpu_cluster_price
    rounded_price = catalog.value("article.groq_card_price")
    rounded_cluster: Dollars = capacity.price_of_cluster(cards, rounded_price)

    # the card by other properties: memory, bandwidth, and the operations of int8
    price_by_memory: Dollars = gpu_price * memory_ratio
    price_by_bandwidth: Dollars = gpu_price * bandwidth_ratio
    price_by_int8: Dollars | None = (
        capacity.price_by_compute(gpu_price, chip.int8_compute, gpu.int8_compute)
        if chip.has("int8_compute") and gpu.has("int8_compute")
        else None
    )

    # corrected: the weights counted, and what the first Groq card was sold for
    counted_parameters: Count = capacity.parameter_count(model)
    counted_weights: Bytes = capacity.weights(counted_parameters, bytes_per_parameter)
    counted_cards: Count = capacity.cards_to_hold(counted_weights, chip.memory)
    die_ratio: Ratio = catalog.value("groq_lpu.die_area") / catalog.value("h100_sxm.die_area")
    listed_price = catalog.value("groq_card.price")
    listed_cluster: Dollars = capacity.price_of_cluster(counted_cards, listed_price)
    listed_ratio: Ratio = listed_cluster / cluster_price
    counted_share: Share = counted_cards / cards
    left_on_gpu: Bytes = catalog.value("h100_sxm.memory") - counted_weights
    return locals()


LIVE = Live(
    chapter="capacity",
    title="Price of the cluster against bytes of one weight",
    description=(
        "Price of the cards that hold the weights, for the SRAM chip and for the GPU, "
        "against the bytes of one weight. Both rise in proportion, in steps of whole cards."
    ),
    across="bytes_per_parameter",
    span=(0.25, 4.0),
    across_title="Bytes of one weight (B)",
    curves=(
        Curve("cluster_price", "SRAM cluster", "1"),
        Curve("gpu_cluster_price", "GPUs", "2", steps=True),
    ),
    unit="USD",
    unit_title="Price of the cards (USD)",
    sliders=("gpu_price",),
    choices=("model",),
    sentence=(
        "{model} at {bytes_per_parameter} a weight takes {weights}: {cards cards} for "
        "{cluster_price}, or {gpus} of the GPU for {gpu_cluster_price}."
    ),
    constants=(
        "groq_lpu.memory",
        "groq_lpu.fp16_compute",
        "h100_96gb.memory",
        "h100_96gb.fp16_compute",
    ),
)
