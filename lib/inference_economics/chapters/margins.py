"""The pictures, tables and turns of phrase of the chapter `margins`."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.formulas import margins as margins_of
from inference_economics.worksheets.margins import conclude
from reckoner.declare.units import roughly, si
from reckoner.show import charts
from reckoner.show.charts import Axis
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

YEAR = si(1.0, "year")
PLACES = {
    "Texas, industry": "texas_industrial_2023",
    "United States, industry": "us_industrial_2023",
    "Virginia, commerce": "virginia_commercial_2023",
    "California, industry": "california_industrial_2023",
}
PUES = {"survey": "data_centre.pue_2023", "cloud": "data_centre.pue_hyperscale_low"}
QUARTERS = {f"Q{n}": f"q{n}_fy2024" for n in (1, 2, 3, 4)}
Corrected = Mapping[str, SimpleNamespace]
"""The chapter's results by the name of what was corrected."""


def of_article(**inputs: Any) -> SimpleNamespace:
    """What it concludes when some of the article's inputs are others."""
    return conclude(**{**conclude.parameters.base({}), **inputs})


def at_list_and_at_cost(chapter: Chapter) -> HTML:
    """What a token per second costs on both machines as bought, at cost, and with power."""
    given, results = chapter.inputs, chapter.results
    at_list = chapter.changed(card_cost=given.card_price, gpu_cost=given.gpu_price)
    machines = [f"cluster of {given.chip.name}", f"one {given.gpu.name}"]
    costs = {
        "as bought": (at_list.cost_at_cost, at_list.gpu_cost_at_cost),
        "at cost, with electricity": (results.with_electricity, results.gpu_with_electricity),
        "at cost price": (results.cost_at_cost, results.gpu_cost_at_cost),
    }
    styles = zip("453", ("square", "triangle-up", "circle"), strict=True)
    kinds = {
        kind: charts.Style(paint, shape=shape)
        for kind, (paint, shape) in zip(costs, styles, strict=True)
    }
    x = Axis("Cost (USD per token/s)", log=True, scale={"nice": False, "padding": 40})
    y = charts.Names("Machine", machines)
    low, high = results.gpu_cost_at_cost, results.cost_at_cost
    return chapter.drawn(
        charts.spans(costs["at cost price"], costs["as bought"], machines, x, y),
        charts.dots({kind: (at, machines) for kind, at in costs.items()}, x, y, kinds, size=110),
        *(
            charts.texts(
                at, machines, [roughly(c, "USD") for c in at], x, y, align="center", dy=-16
            )
            for at in costs.values()
        ),
        title=(
            f"By guessed cost prices {'the GPU' if low < high else 'the cluster'} is the cheaper "
            "machine"
        ),
        description=(
            f"Three points for each of two machines. The cluster falls from "
            f"{chapter.shown(at_list.cost_at_cost, 'USD/(token/s)')} as bought to "
            f"{chapter.words.cost_at_cost} at cost price, one {given.gpu.name} from "
            f"{chapter.shown(at_list.gpu_cost_at_cost, 'USD/(token/s)')} to "
            f"{chapter.words.gpu_cost_at_cost}."
        ),
        height=260,
        data=pd.DataFrame(
            {"Machine": machines} | {f"{kind} (USD per token/s)": at for kind, at in costs.items()}
        ),
    )


def electricity_share_over_years(chapter: Chapter) -> HTML:
    """Electricity's share of what a card costs, for both chips at cost and as bought."""
    given, results, words = chapter.inputs, chapter.results, chapter.words
    chips, prices = [given.chip.name, given.gpu.name], ["at cost price", "as bought"]
    at_cost = results.break_even, results.gpu_break_even
    at_list = results.break_even_at_list, results.gpu_break_even_at_list
    cards = pd.DataFrame(
        {
            "chip": chips * 2,
            "price": np.repeat(prices, 2),
            "power": [given.chip_power, given.gpu.power] * 2,
            "cost": [given.card_cost, given.gpu_cost, given.card_price, given.gpu_price],
            "x": np.array([*at_cost, *at_list]) / YEAR,
            "y": 0.5,
        }
    )
    first, last = min(1.0, cards.x.min() / 2), max(50.0, 3 * cards.x.max())
    ends = {"domain": [first, last], "nice": False}
    across = Axis("Years of use (years)", log=True, scale=ends)
    up = Axis("Electricity (share of the cost)", scale={"domain": [0, 1]}, ticks={"format": "%"})

    def shares(years: Any) -> pd.DataFrame:
        rows = cards.drop(columns="x").merge(pd.DataFrame({"x": years}), how="cross")
        electricity = margins_of.electricity_of_card(
            rows.power, given.load, given.overhead, rows.x * YEAR, given.electricity_price
        )
        return rows.assign(y=margins_of.share_of_electricity(electricity, rows.cost))

    hues = alt.Scale(domain=chips, range=[colour("1"), colour("2")])
    kind = alt.Color("chip:N", title=None, scale=hues)
    dash = alt.StrokeDash("price:N", title=None, sort=prices)
    places = across.channel(alt.X, "x"), up.channel(alt.Y, "y"), kind
    early = cards.x == cards.groupby("price").x.transform("min")
    labels = np.array([chapter.shown(years, "ratio") for years in cards.x])
    overtaken = " and ".join(chapter.shown(even / YEAR, "ratio", 2) for even in at_cost)
    at_left = {"align": "right", "dx": -8, "dy": -9}
    return chapter.drawn(
        charts.rules(0.5, up, across=True, strokeDash=[2, 2]),
        charts.rules(given.lifetime / YEAR, across, strokeDash=[2, 2]),
        alt.Chart(shares(np.geomspace(first, last, 60))).mark_line().encode(*places, dash),
        alt.Chart(cards).mark_point().encode(*places),
        charts.texts(cards.x[early], 0.5, labels[early], across, up, **at_left),
        charts.texts(cards.x[~early], 0.5, labels[~early], across, up, dx=8, dy=11),
        title=f"At cost price electricity overtakes the card after {overtaken} years",
        description=(
            "Line chart of electricity's share of a card's cost against years of use. It "
            f"passes one half after {words.break_even} for {given.chip.name} and "
            f"{words.gpu_break_even} for {given.gpu.name} at cost price, after "
            f"{words.break_even_at_list} and {words.gpu_break_even_at_list} as bought."
        ),
        data=shares([1, 2, 3, 4, 5, 7, 10, 20, 30, 50])[["chip", "price", "x", "y"]].set_axis(
            ["Chip", "Price", "Years of use (years)", "Electricity (share)"], axis=1
        ),
    )


def electricitys_part(outcomes: Corrected) -> str:
    """Whether electricity narrows or widens the article's gap."""
    return "narrows" if _nearer(outcomes) else "widens"


def power_for_price(outcomes: Corrected) -> str:
    """Whether the H100 draws more power for its price than the cluster, or less."""
    return "more" if _nearer(outcomes) else "less"


def _nearer(outcomes: Corrected) -> bool:
    plain = outcomes[AS_PRINTED]
    return bool(plain.gpu_vs_chip_with_electricity > plain.cost_gpu_vs_cost_chip)


def larger_expense(chapter: Chapter) -> str:
    """On which machines electricity costs more than the card at cost price."""
    given, results = chapter.inputs, chapter.results
    evens = ((given.chip, results.break_even), (given.gpu, results.gpu_break_even))
    names = [card.name for card, even in evens if even < given.lifetime]
    if not names:
        return "Even at cost price electricity is the smaller expense on both machines"
    where = "both machines" if len(names) == len(evens) else f"{names[0]} only"
    return f"At cost price electricity is the larger expense on {where}"


def at_list_price(chapter: Chapter) -> str:
    """Whether electricity overtakes the cards as bought in their life."""
    results, lifetime = chapter.results, chapter.inputs.lifetime
    evens = (results.break_even_at_list, results.gpu_break_even_at_list)
    within = [even < lifetime for even in evens]
    return "both within" if all(within) else "one of them within" if any(within) else "both beyond"


def break_even_by_place(chapter: Chapter) -> HTML:
    """Years until electricity has cost as much as a card at cost price, by place and overhead."""
    rows = []
    for place, key in PLACES.items():
        price = catalog.constant(f"electricity.{key}")
        row: dict[str, Any] = {"Electricity (USD per kWh)": f"{place}: {price.value}"}
        for kind, pue in PUES.items():
            there = chapter.changed(electricity_price=price.si, overhead=catalog.value(pue))
            row[f"{chapter.inputs.chip.name}, {kind} (years)"] = there.break_even / YEAR
            row[f"{chapter.inputs.gpu.name}, {kind} (years)"] = there.gpu_break_even / YEAR
        rows.append(row)
    return chapter.table(pd.DataFrame(rows))


BATCHES = 2.0 ** np.arange(0, 13)
EFFICIENCY = "Efficiency (tokens per joule)"


def tokens_per_joule_against_batch(chapter: Chapter) -> HTML:
    """The cluster's tokens per joule growing with the batch, beside the GPU's and a measurement."""
    given, results, words = chapter.inputs, chapter.results, chapter.words
    measured = results.measured_tokens_per_joule
    by_batch = chapter.changed(batch_size=BATCHES).tokens_per_joule
    cluster, system = f"{given.chip.name}, cluster", "H200 system, batch unknown"
    gpu = results.gpu_batch, results.gpu_tokens_per_joule
    curves = {cluster: (BATCHES, by_batch)}
    data = charts.table({**curves, system: (np.nan, measured), given.gpu.name: gpu})
    x = charts.decades("Batch size (requests)", BATCHES)
    y = charts.decades(EFFICIENCY, data.y)
    batch = int(given.batch_size)
    title = f"At batch {batch} the cluster writes {fewer(chapter)} tokens per joule than the GPU"
    here = batch, results.tokens_per_joule
    hues = {"color": colour("1")}, {"color": colour("2")}, {"color": colour("3")}
    return chapter.drawn(
        charts.without_legend(charts.lines(curves, x, y, {cluster: charts.Style("1")})),
        charts.rules(measured, y, across=True, strokeDash=[2, 3], **hues[2]),
        charts.heights(measured, [f"{system}, measured"], y, dy=-9, **hues[2]),
        charts.points(*gpu, x, y, "2", shape="square"),
        charts.texts(*gpu, [given.gpu.name], x, y, align="right", dx=-8, dy=-8, **hues[1]),
        charts.points(*here, x, y, size=60),
        charts.texts(*here, f"{cluster}, batch {batch}", x, y, dx=8, dy=14, **hues[0]),
        title=title,
        description=(
            f"Line chart of tokens per joule against batch size. The cluster gives "
            f"{words.tokens_per_joule} at batch {batch}; {given.gpu.name} gives "
            f"{words.gpu_tokens_per_joule} at {words.gpu_batch}, a dot, and eight H200 "
            f"measured at the wall {words.measured_tokens_per_joule}, a level line as their "
            "batch was not published."
        ),
        data=data[["kind", "x", "y"]].set_axis(["Machine", "Batch (requests)", EFFICIENCY], axis=1),
    )


def fewer(chapter: Chapter) -> str:
    """Whether the cluster writes fewer tokens per joule than the GPU, or more."""
    results = chapter.results
    return "fewer" if results.tokens_per_joule < results.gpu_tokens_per_joule else "more"


def nvidia_margin_by_quarter(chapter: Chapter) -> HTML:
    """NVIDIA's net margin in the quarters of fiscal year 2024, beside one half and the year's."""
    year = chapter.results.nvidia_margin_year
    quarters = pd.DataFrame(
        {
            "x": list(QUARTERS),
            "revenue": [catalog.value(f"nvidia_{key}.revenue") / 1e9 for key in QUARTERS.values()],
            "y": [margins_of.margin_of(key) for key in QUARTERS.values()],
        }
    )
    quarters["label"] = quarters.y.map(lambda margin: chapter.shown(margin, "share"))
    levels = pd.DataFrame({"y": [0.5, year], "line": ["one half", "the whole year"]})
    dashes = alt.Scale(domain=list(levels.line), range=[[*charts.DOTTED], [*charts.DASHED]])
    across = alt.X("x:O", title="Quarter of the fiscal year", axis=alt.Axis(labelAngle=0))
    up = Axis("Net margin (share of revenue)", scale={"domain": [0, 0.7]}, ticks={"format": "%"})
    places = across, up.channel(alt.Y, "y")
    dot = alt.OverlayMarkDef(color=colour("2"), size=60)

    def labels(rows: pd.DataFrame, **mark: Any) -> Any:
        texts = alt.Chart(rows).mark_text(color=colour("text"), **mark)
        return texts.encode(*places, text="label:N")

    return chapter.drawn(
        alt.Chart(levels)
        .mark_rule()
        .encode(y="y:Q", strokeDash=alt.StrokeDash("line:N", title=None, scale=dashes)),
        alt.Chart(quarters).mark_line(color=colour("2"), point=dot).encode(*places),
        labels(quarters[quarters.y >= 0.5], dy=-14),
        labels(quarters[quarters.y < 0.5], dy=14, dx=4, align="left"),
        title="NVIDIA's net margin passed one half during the year",
        description=(
            "Line chart of NVIDIA's net margin by quarter of fiscal year 2024, from "
            f"{quarters.label.iloc[0]} to {quarters.label.iloc[-1]}; over the whole "
            f"year it was {chapter.words.nvidia_margin_year}."
        ),
        height=280,
        data=quarters[["x", "revenue", "y"]].set_axis(
            ["Quarter", "Revenue (billion USD)", "Net margin (share)"], axis=1
        ),
    )


AS_PRINTED, ALL = "as the article has it", "all of these"


def corrected() -> Corrected:
    """What follows from the article's inputs put right, one at a time and then together."""
    value = catalog.value
    gpu = {"gpu_cost": value("h100_sxm.manufacturing_cost")}
    card = {"card_cost": value("groq_card.manufacturing_cost")}
    speed = {"speed": value("groq_llama2_70b.output_speed")}
    cloud = {"overhead": value("data_centre.pue_hyperscale_low")}
    mlperf = {"gpu_throughput": value("mlperf_v4_0_dgx_h100_offline.throughput_per_gpu")}
    corrections = {
        AS_PRINTED: {},
        "build cost of the H100": gpu,
        "build cost of the Groq board": card,
        "Groq's own speed": speed,
        "overhead of a large cloud": cloud,
        "both build costs": {**gpu, **card},
        ALL: {**gpu, **card, **speed, **cloud},
        "MLPerf throughput alone": mlperf,
    }
    return {name: of_article(**inputs) for name, inputs in corrections.items()}


def corrections(chapter: Chapter, outcomes: Corrected) -> HTML:
    """Each correction's ratios and costs of a token."""
    rows = (
        (c.cost_gpu_vs_cost_chip, c.gpu_vs_chip_with_electricity, c.token_cost, c.gpu_token_cost)
        for c in outcomes.values()
    )
    of_token = "(USD per million tokens)"
    columns = ["H100 / Groq", "with electricity", f"Groq {of_token}", f"H100 {of_token}"]
    numbers = pd.DataFrame(rows, columns=columns) * [1, 1, 1e6, 1e6]
    words = numbers.map(lambda value: chapter.shown(value, "ratio", 2))
    words.insert(0, "Corrected", list(outcomes))
    return chapter.table(words)


def what_turns_the_order(outcomes: Corrected) -> str:
    """Which corrections make the cluster the cheaper one, and whether electricity undoes it."""
    turned = [name for name, found in outcomes.items() if found.cost_gpu_vs_cost_chip > 1]
    if not turned:
        return "No row turns the order"
    back = all(outcomes[name].gpu_vs_chip_with_electricity < 1 for name in turned)
    but = ", though not once electricity is counted" if back else ""
    return f"The order turns with {' and with '.join(turned)}{but}"


def against_price(costs: tuple[float, float], asked: float) -> str:
    """Whether two costs of a token stay below a price that was asked."""
    below = [cost < asked for cost in costs]
    if all(below):
        return "both below that price"
    return "one of them above that price" if any(below) else "both above it"


def cheaper_machine(chapter: Chapter) -> str:
    """The machine that costs less per token/s at cost price."""
    return _machine(chapter, chapter.results.cost_gpu_vs_cost_chip < 1)


def _machine(chapter: Chapter, gpu: bool) -> str:
    given = chapter.inputs
    return f"the {given.gpu.name}" if gpu else f"the cluster of {given.chip.name}"


def by_estimates(chapter: Chapter) -> str:
    """Which machine costs less with the cost prices that others estimated."""
    there = chapter.changed(
        gpu_cost=catalog.value("h100_sxm.manufacturing_cost"),
        card_cost=catalog.value("groq_card.manufacturing_cost"),
    )
    wins = chapter.results.cost_gpu_vs_cost_chip < 1
    if (there.cost_gpu_vs_cost_chip < 1) == wins:
        return "it is the cheaper one, too"
    with_power = (there.gpu_vs_chip_with_electricity < 1) == wins
    until = ", but only while electricity is left out"
    return f"{_machine(chapter, not wins)} is{until if with_power else ''}"


def moral(chapter: Chapter) -> str:
    """What that says of a low price from Groq."""
    if chapter.results.cost_gpu_vs_cost_chip < 1:
        return (
            "A low price from Groq would then come from the margin that it does not pay, not "
            "from the chip"
        )
    return "The chip is then cheaper even when nobody pays a margin"
