"""The pictures, tables and turns of phrase of the chapter `capacity`."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.catalog import Chip, own
from inference_economics.formulas.capacity import cards_to_hold, parameter_count, weights
from reckoner.show.charts import Axis, Names, dots, styles, texts
from reckoner.show.notebook import Chapter

MEMORY = Axis("Memory of one chip (GB)", log=True)
BANDWIDTH = Axis("Memory bandwidth (TB/s)", log=True)
BYTES = {"int4": 0.5, "int8": 1.0, "fp16": 2.0}
SOLD = "h100_sxm"


def map_of_chips(chapter: Chapter) -> HTML:
    """Every chip of the catalog by memory and bandwidth, the two of this page by name."""
    chip, gpu, shown = chapter.inputs.chip, chapter.inputs.gpu, chapter.shown
    known = catalog.chips("memory", "memory_bandwidth")
    single = [key for key in known if not key.endswith("_rack")]
    chips = [own.chip(key) for key in dict.fromkeys([*single, chip.key, gpu.key])]
    places = pd.DataFrame(
        {
            "chip": [one.name for one in chips],
            "kind": [own.memory_kind(one.key) for one in chips],
            "x": [one.memory / 1e9 for one in chips],
            "y": [one.memory_bandwidth / 1e12 for one in chips],
        }
    )
    kinds = styles("SRAM", "HBM", "GDDR", "DDR")

    def name(one: Chip, **beside: Any) -> Any:
        at = one.memory / 1e9, one.memory_bandwidth / 1e12
        return texts(*at, one.name, MEMORY, BANDWIDTH, fontWeight=600, **beside)

    return chapter.drawn(
        dots(places, MEMORY, BANDWIDTH, kinds, "Memory", opacity=0.9),
        name(chip, dx=-6, dy=18),
        name(gpu, align="center", dy=32),
        title="At equal size SRAM is far faster than the other memories",
        description=(
            f"Scatter of {len(chips)} chips by memory and bandwidth. {chip.name} has "
            f"{shown(chip.memory, 'B')} at {shown(chip.memory_bandwidth, 'B/s')}, "
            f"{gpu.name} has {shown(gpu.memory, 'B')} at "
            f"{shown(gpu.memory_bandwidth, 'B/s')}."
        ),
        data=places.set_axis(["Chip", "Memory", "Capacity (GB)", "Bandwidth (TB/s)"], axis=1),
    )


def chips_compared(chapter: Chapter) -> HTML:
    """The two chips of this page and the common ones, side by side."""
    mine = [chapter.inputs.chip.key, chapter.inputs.gpu.key]
    chips = [
        own.chip(key) for key in dict.fromkeys([*mine, "groq_lpu", SOLD, "h100_96gb", "rtx_4090"])
    ]

    def column(quantity: str, unit: str) -> list[str]:
        return [_of(chapter, chip, quantity, unit) for chip in chips]

    return chapter.table(
        pd.DataFrame(
            {
                "Chip": [c.name for c in chips],
                "Memory": column("memory", "B"),
                "Bandwidth": column("memory_bandwidth", "B/s"),
                "fp16": column("fp16_compute", "FLOP/s"),
                "int8": column("int8_compute", "op/s"),
            }
        )
    )


def _of(chapter: Chapter, chip: Chip, quantity: str, unit: str) -> str:
    """A quantity of a chip: its row, or the number of one's own chip, or a dash."""
    if (address := f"{chip.key}.{quantity}") in chapter.book.constants:
        return chapter.row(address)
    return chapter.shown(chip.values[quantity], unit) if chip.has(quantity) else "–"


def corrected(chapter: Chapter) -> HTML:
    """The inputs that deserve a second look, as taken and corrected."""
    words, shown = chapter.words, chapter.shown
    rows = [
        ("weights", words.weights, words.counted_weights),
        ("cards", words.cards, words.counted_cards),
        ("memory of the GPU", shown(chapter.inputs.gpu.memory, "B"), chapter.row(f"{SOLD}.memory")),
    ]
    if chapter.inputs.chip.key == "groq_lpu":
        listed = shown(chapter.lines.listed_price, "USD")
        rows.append(("price of one card", words.card_price, listed))
    return chapter.table(pd.DataFrame(rows, columns=["Input", "As taken", "Corrected"]))


def at_list_price(chapter: Chapter) -> str:
    """What the cluster costs at the distributor's price, if that is known."""
    if chapter.inputs.chip.key != "groq_lpu":
        return f"No list price of {chapter.inputs.chip.name} is known here."
    return f"""The price moves far more: at the distributor's the cluster would cost
{chapter.words.listed_cluster}, {chapter.against("listed_ratio")} above, and every cost in
{{doc}}`batching` would move with it."""


def by_other_properties(chapter: Chapter) -> str:
    """What the card would cost by other properties of the two chips than fp16 compute."""
    words, about = chapter.words, chapter.about
    others = (
        f"By memory the same card would cost {about.price_by_memory}, by memory bandwidth "
        f"{about.price_by_bandwidth}"
    )
    if math.isnan(chapter.results.price_by_int8):
        return f"{others}."
    return (
        f"{others}, and by int8 compute {about.price_by_int8}. The last is the one to ask about: "
        f"the weights take {words.bytes_per_parameter} each, and a model that computes in int8 as "
        "well would be priced by that peak, not by the one of fp16."
    )


def every_model(chapter: Chapter) -> HTML:
    """The cards that every model of the catalog needs, at three precisions."""
    chip, sold = chapter.inputs.chip, catalog.chip(SOLD)
    models = [catalog.model(key) for key in catalog.models()]
    places = pd.DataFrame(
        [
            (model.name, precision, weights(parameter_count(model), width))
            for model in models
            for precision, width in BYTES.items()
        ],
        columns=["y", "kind", "weights"],
    ).sort_values("weights", kind="stable")
    places["x"] = cards_to_hold(places["weights"], chip.memory)
    cards, names = Axis("Cards (count)", log=True), Names("Model", list(places["y"].unique()))
    fewest, most = (chapter.shown(n, "count") for n in (places["x"].min(), places["x"].max()))
    return chapter.drawn(
        dots(places, cards, names, styles(*BYTES), "Precision", opacity=0.7),
        title=f"A model's weights take from {fewest} to {most} cards of {chip.name}",
        description=(
            f"Dot plot of the cards of {chip.name} for {len(models)} models at int4, int8 "
            f"and fp16, from {fewest} to {most} cards."
        ),
        height=16 * places["y"].nunique(),
        data=pd.DataFrame(
            {
                "Model": places["y"],
                "Precision": places["kind"],
                "Weights (GB)": places["weights"] / 1e9,
                "Cards (count)": places["x"],
                f"{sold.name} (count)": cards_to_hold(places["weights"], sold.memory),
            }
        ),
    )
