"""The pictures, tables and turns of phrase of the chapter `capacity`."""

from __future__ import annotations

from typing import Any

import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.catalog import Chip, own
from inference_economics.formulas.capacity import cards_to_hold, parameter_count, weights
from reckoner.show.charts import Axis, Names, dots, figure, styles, texts
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

    return chapter.figure(
        figure(
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
        ),
        places.set_axis(["Chip", "Memory", "Capacity (GB)", "Bandwidth (TB/s)"], axis=1),
    )


def chips_compared(chapter: Chapter) -> HTML:
    """The two chips of this page and the common ones, side by side."""
    mine = [chapter.inputs.chip.key, chapter.inputs.gpu.key]
    chips = [
        own.chip(key) for key in dict.fromkeys([*mine, "groq_lpu", SOLD, "h100_96gb", "rtx_4090"])
    ]

    def column(quantity: str, unit: str) -> list[str]:
        return [chapter.shown(c.values[quantity], unit) if c.has(quantity) else "–" for c in chips]

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


def corrected(chapter: Chapter) -> HTML:
    """The inputs that deserve a second look, as taken and corrected."""
    words, shown, sold = chapter.words, chapter.shown, catalog.chip(SOLD)
    rows = [
        ("weights", words.weights, words.counted_weights),
        ("cards", words.cards, words.counted_cards),
        ("memory of the GPU", shown(chapter.inputs.gpu.memory, "B"), shown(sold.memory, "B")),
    ]
    if chapter.inputs.chip.key == "groq_lpu":
        listed = shown(chapter.lines.listed_price, "USD")
        rows.append(("price of one card", words.card_price, listed))
    return chapter.table(pd.DataFrame(rows, columns=["Input", "As taken", "Corrected"]))


def at_list_price(chapter: Chapter) -> str:
    """What the cluster costs at the distributor's price, if that is known."""
    if chapter.inputs.chip.key != "groq_lpu":
        return f"No list price of {chapter.inputs.chip.name} is known here."
    price = chapter.lines.listed_cluster
    times = price / chapter.results.cluster_price
    return f"""The price moves far more: at the distributor's the cluster would cost
{chapter.shown(price, "USD")}, {chapter.shown(times, "ratio")} times what it
cost above, and every cost in {{doc}}`batching` would rise with it."""


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
    return chapter.figure(
        figure(
            dots(places, cards, names, styles(*BYTES), "Precision", opacity=0.7),
            title=f"Cards of {chip.name} that hold a model's weights",
            description=(
                f"Dot plot of the cards of {chip.name} for {len(models)} models at int4, int8 "
                f"and fp16, from {fewest} to {most} cards."
            ),
            height=340,
        ),
        pd.DataFrame(
            {
                "Model": places["y"],
                "Precision": places["kind"],
                "Weights (GB)": places["weights"] / 1e9,
                "Cards (count)": places["x"],
                f"{sold.name} (count)": cards_to_hold(places["weights"], sold.memory),
            }
        ),
    )
