"""The pictures, tables and turns of phrase of the chapter `hindsight`."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog, inputs
from inference_economics.answer.words import turns_in
from inference_economics.catalog import own
from inference_economics.formulas.hindsight import racks_for, sweep_time
from inference_economics.formulas.prefill_caching import mean_input_price
from inference_economics.hindsight.predictions import SIGNS, Scored, scored
from inference_economics.hindsight.timeline import timeline
from inference_economics.worksheets.hindsight import conclude
from reckoner.show import charts
from reckoner.show.charts import Axis
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

MAKERS = {"Groq": "1", "GPUs": "2", "SambaNova": "3", "Cerebras": "4", "OpenAI": "5"}
BELOW: dict[str, Any] = {"orient": "bottom", "columnPadding": 10, "columns": 2}
MILLION = 1e6
TRICKS = (
    (
        "Speculative decoding",
        "Groq's first chip, one request",
        "speculative_gain",
        "groq_llama31_70b.speculative_speed",
    ),
    (
        "Speculation by the model itself (MTP)",
        "GB200 NVL72, throughput at equal speed",
        "extra_tokens_gain",
        "inferencex_gb200_deepseek_v4_pro.throughput_per_gpu_mtp",
    ),
    (
        "Weights of four bits (FP4) instead of eight",
        "GB200 NVL72, throughput at equal speed",
        "four_bit_gain",
        "inferencex_gb200_deepseek_r1.throughput_per_gpu_fp4",
    ),
    (
        "NVLink across a rack (NVL72) instead of one machine",
        "GB200 against B200, throughput at equal speed",
        "rack_gain",
        "inferencex_nvl72_deepseek_r1.throughput_per_gpu",
    ),
    (
        "Separate prefill, KV cache in DRAM and on SSD (Mooncake)",
        "Kimi's service on H800, requests served",
        "requests_gain",
        "mooncake_kimi.more_requests",
    ),
)
"""What came after the article: what, where it was measured, the result, the row that says so."""


def events(chart: str, factor: float = 1.0) -> pd.DataFrame:
    """The dated facts of a chart, their values in base units times a factor."""
    return pd.DataFrame(
        {
            "Date": event.date if event.date_seen else f"{event.date}, recalled",
            "Year": _year(event.date),
            "Maker": event.maker,
            "Model": event.model,
            "Kind": event.kind,
            "What": event.row.subject,
            "Value": event.row.si * factor,
        }
        for event in timeline(chart)
    )


def _year(date: str) -> float:
    """A date as a year with its fraction; a month stands for its first day."""
    year, month, day = [*map(int, date.split("-")), 1][:3]
    return round(year + (month - 1) / 12 + (day - 1) / 365, 3)


def _dates(low: float, high: float) -> Any:
    years = list(range(int(np.ceil(low)), int(high) + 1))
    ends, ticks = {"domain": [low, high], "nice": False}, {"format": "d", "values": years}
    return Axis("Date (year)", scale=ends, ticks=ticks).channel(alt.X, "Year")


def _makers(table: pd.DataFrame) -> alt.Color:
    names = [name for name in MAKERS if name in set(table["Maker"])]
    scale = alt.Scale(domain=names, range=[colour(MAKERS[name]) for name in names])
    return alt.Color("Maker:N", title=None, scale=scale, legend=alt.Legend(columns=2))


def speed_over_time(chapter: Chapter) -> HTML:
    """Output speed of one request by date, as measured by others and as vendors give it."""
    speeds = events("speed")
    title, ends, marks = "Speed of one request (token/s)", [30, 3000], [30, 100, 300, 1000, 3000]
    up = Axis(title, log=True, scale={"domain": ends}, ticks={"values": marks})
    ink = colour("text")
    legend = alt.Legend(**BELOW, symbolFillColor=ink, symbolStrokeColor=ink)
    models, shapes = list(speeds["Model"].unique()), ["circle", "triangle-up", "square", "diamond"]
    scale = alt.Scale(domain=models, range=shapes)
    shape = alt.Shape("Model:N", title=None, legend=legend, scale=scale)
    places = _dates(2023.5, 2026.6), up.channel(alt.Y, "Value"), _makers(speeds), shape

    def points(kind: str, filled: bool) -> Any:
        chart = alt.Chart(speeds[speeds["Kind"] == kind])
        return chart.mark_point(size=95, filled=filled, strokeWidth=2).encode(*places)

    first = chapter.shown(speeds["Value"].iloc[0], "token/s")
    speculative = chapter.row("groq_llama31_70b.speculative_speed")
    b200 = chapter.row("dgx_b200_llama4_maverick.output_speed")
    gpus = chapter.row("fireworks_gpt_oss_120b.output_speed")
    return chapter.figure(
        charts.figure(
            points("measured", True),
            points("vendor", False),
            title="One request became several times as fast, most of it by speculative decoding",
            description=(
                f"Points of speed against date. Groq's go from {first} in 2023 to {speculative} "
                f"with speculative decoding; eight B200 reach {b200} on another model in 2025, and "
                f"a service on GPUs {gpus} on a third in 2026."
            ),
        ),
        speeds.drop(columns="Year").rename(columns={"Value": "Speed (token/s)"}),
    )


NAMED_AT = 2026.15
"""The year above which computed costs are named: none of the prices was asked near it."""


def price_over_time(chapter: Chapter) -> HTML:
    """Prices asked for output tokens by date, and what the article's machines cost."""
    results, words = chapter.results, chapter.words
    prices = events("price", MILLION)
    costs = {
        "SRAM cluster": results.token_cost,
        "GPU in the article": results.gpu_token_cost,
        "GPU by MLPerf": results.gpu_measured_token_cost,
    }
    levels = pd.DataFrame(
        {"Cost": name, "Value": cost * MILLION, "Year": NAMED_AT} for name, cost in costs.items()
    )
    both = pd.concat([prices["Value"], levels["Value"]])
    up = charts.decades("Output tokens (USD per million)", both, "~g").channel(alt.Y, "Value")
    styles = [list(dash) for dash in (charts.SOLID, charts.DASHED, charts.DOTTED)]
    dash = alt.StrokeDash("Cost:N", legend=None, scale=alt.Scale(domain=[*costs], range=styles))
    rules = alt.Chart(levels).mark_rule(strokeWidth=2, color=colour("text")).encode(up, dash)
    years, lower = _dates(2023.9, 2026.95), levels["Value"][:2].idxmin()
    named = [
        alt.Chart(row.to_frame().T)
        .mark_text(dy=14 if place == lower else -6, color=colour("text"))
        .encode(years, up, text="Cost:N")
        for place, row in levels.iterrows()
    ]
    points = alt.Chart(prices).mark_point(size=80, filled=True)
    most = chapter.shown(prices["Value"].max() / MILLION, "USD/token")
    least = chapter.shown(prices["Value"].min() / MILLION, "USD/token")
    computed = levels.drop(columns="Year").assign(Date="computed", Maker="", Model="")
    shown = [prices.drop(columns=["Year", "Kind"]), computed.rename(columns={"Cost": "What"})]
    return chapter.figure(
        charts.figure(
            rules,
            *named,
            points.encode(years, up, _makers(prices)),
            title="Prices asked for tokens, and what the article's machines cost",
            description=(
                f"Points of the price of output tokens against date, from {most} down to {least}, "
                f"and level lines of computed costs: {words.token_cost} on the SRAM cluster, "
                f"{words.gpu_token_cost} on the GPU and {words.gpu_measured_token_cost} on the GPU "
                "as MLPerf measured it."
            ),
            height=340,
        ),
        pd.concat(shown).rename(columns={"Value": "Output (USD per million tokens)"}),
    )


def cluster_pays(chapter: Chapter) -> str:
    """Whether the price asked pays for the cluster, and how busy it must be."""
    what = "its cards and their electricity"
    if chapter.results.busy_share_needed > 1:
        return f"does not pay for {what} even if they are busy all their life"
    return f"pays for {what} if they are busy **{chapter.words.busy_share_needed}** of their life"


def gpu_pays(chapter: Chapter) -> str:
    """How busy the GPU must be for the price asked to pay for it."""
    if chapter.results.gpu_busy_share_needed > 1:
        return "not even if always busy"
    return f"if busy {chapter.words.gpu_busy_share_needed} of its life"


def tricks(chapter: Chapter) -> HTML:
    """What software and numbers of fewer bits gained, each where it was measured."""
    rows = [
        (what, where, getattr(chapter.words, name), catalog.constant(address).source)
        for what, where, name, address in TRICKS
    ]
    return chapter.passages(pd.DataFrame(rows, columns=["What", "Where", "Gain (times)", "Source"]))


def sellers(chapter: Chapter) -> HTML:
    """The sums that were reported of makers of SRAM chips, by date."""
    rows = [
        (event.date, row.subject, event.kind, chapter.shown(row.si, "USD"), row.source)
        for event in timeline("company")
        for row in [event.row]
    ]
    return chapter.passages(pd.DataFrame(rows, columns=["Date", "Who", "What", "Sum", "Source"]))


def cached_prices(chapter: Chapter) -> HTML:
    """What services ask for cached input, and what that saves."""
    rows = []
    for event in timeline("cache"):
        full = catalog.value(f"{event.row.key}.input_price")
        share = event.row.si / full
        saved = 1 - mean_input_price(1.0, chapter.inputs.hit_rate, share)
        rows.append((event.row.subject, event.date, full * MILLION, 100 * share, 100 * saved))
    percent = "Cached (percent of that)", "Saved of the input (percent)"
    columns = ["API", "Seen", "Input (USD per million)", *percent]
    return chapter.table(pd.DataFrame(rows, columns=columns))


def bandwidth_against_memory(chapter: Chapter) -> HTML:
    """Memory and bandwidth of chips, with lines along which a memory is read in the same time."""
    given, results, words = chapter.inputs, chapter.results, chapter.words
    beside = ("groq_3_rack", "wse_3", "h100_sxm", "h200_sxm", "b200_sxm", "mi300x")
    kinds = ["SRAM", "HBM and other DRAM"]
    chips = pd.DataFrame(
        {
            "Chip": chip.name,
            "Kind": kinds[not own.is_sram(chip.key)],
            "Memory (GB)": chip.memory / 1e9,
            "Bandwidth (TB/s)": chip.memory_bandwidth / 1e12,
            "Whole memory (ms)": 1e3 * sweep_time(chip.memory, chip.memory_bandwidth),
        }
        for key in dict.fromkeys([given.chip.key, given.new_chip.key, *beside, given.partner.key])
        for chip in [own.chip(key)]
    )
    ends = np.array([0.1, 1000.0])
    sweeps = pd.concat(
        pd.DataFrame({"x": ends, "y": ends * 1e9 / time / 1e12, "time": chapter.shown(time, "s")})
        for time in dict.fromkeys([results.new_sweep, results.partner_sweep])
    )
    across = charts.decades("Memory (GB)", ends, "~g")
    up = charts.decades("Memory bandwidth (TB/s)", [1, 1e5])
    places = across.channel(alt.X, "x"), up.channel(alt.Y, "y")
    below = alt.Legend(**BELOW)
    time = alt.StrokeDash("time:N", title="Reads its whole memory in", sort=None, legend=below)
    hues = alt.Scale(domain=kinds, range=[colour("1"), colour("2")])
    at_right = [given.chip.name, given.new_chip.name, catalog.chip("wse_3").name]
    at_left = [catalog.chip("h100_sxm").name, catalog.chip("groq_3_rack").name, given.partner.name]
    right = chips["Chip"].isin(at_right)
    left = chips["Chip"].isin(at_left) & ~right
    x, y, names = (chips[name].to_numpy() for name in ("Memory (GB)", "Bandwidth (TB/s)", "Chip"))
    reads = alt.Chart(sweeps).mark_line(strokeWidth=1.5, clip=True, color=colour("muted"))
    dots = alt.Chart(chips.assign(x=x, y=y)).mark_point(size=90, filled=True)
    return chapter.figure(
        charts.figure(
            reads.encode(*places, time),
            dots.encode(*places, alt.Color("Kind:N", title=None, scale=hues)),
            charts.texts(x[right], y[right], names[right], across, up, dx=8, dy=13),
            charts.texts(x[left], y[left], names[left], across, up, align="right", dx=-8, dy=-9),
            title="The new chip is like the old one: little memory, read at once",
            description=(
                f"Points of bandwidth against memory. {given.chip.name} and {given.new_chip.name} "
                f"read their memory in {words.chip_sweep} and {words.new_sweep}, "
                f"{given.partner.name} in {words.partner_sweep}."
            ),
            height=340,
        ),
        chips,
    )


def memory_beside_partner(chapter: Chapter) -> str:
    """The new chip's memory against that of the GPU beside it."""
    ratio = chapter.results.memory_ratio
    if ratio < 1:
        return f"1/{chapter.shown(1 / ratio, 'ratio')} of the memory of"
    return f"{chapter.shown(ratio, 'ratio')} times the memory of"


def compute_beside_b200(chapter: Chapter) -> str:
    """How much more fp8 compute a GPU has than the new chip, where that is known."""
    new_chip, gpu = chapter.inputs.new_chip, catalog.chip("b200_sxm")
    if not new_chip.has("fp8_compute"):
        return ""
    ratio = chapter.shown(gpu.fp8_compute / new_chip.fp8_compute, "ratio")
    return f"Of fp8 compute the {gpu.name} has {ratio} times as much. "


def cards_to_hold(chapter: Chapter) -> HTML:
    """Old and new cards, and racks, for the weights, the batch and a model of GPT-4's size."""
    given, results = chapter.inputs, chapter.results
    batch = chapter.shown(given.batch_size, "count")
    held = {
        f"weights of {given.model.name}": (results.weight_cards, results.new_weight_cards),
        f"... and the KV cache of {batch} requests": (results.cards, results.new_cards),
        "weights of a model of GPT-4's size": (results.large_cards, results.new_large_cards),
    }
    rack = chapter.lines.rack_cards
    rows = [(name, old, new, racks_for(new, rack)) for name, (old, new) in held.items()]
    machines = (given.chip.name, given.new_chip.name, f"Racks of {rack:.0f}")
    columns = ["To hold", *(f"{machine} (count)" for machine in machines)]
    return chapter.table(pd.DataFrame(rows, columns=columns))


def one_rack(chapter: Chapter) -> str:
    """How many requests one rack serves."""
    context = chapter.shown(chapter.inputs.context_length, "token")
    if not chapter.results.requests_per_rack:
        return f"One rack does not hold the weights and a request of {context}."
    requests = chapter.words.requests_per_rack
    return f"One rack holds the weights and **{requests}** requests of {context}."


def instead_of_cards(chapter: Chapter) -> str:
    """How many chips the GPUs save that hold the KV cache."""
    if chapter.results.cards_saved <= 0:
        return "and saves no chip"
    return f"instead of {chapter.words.cards_saved} of the {chapter.words.new_cards} chips"


def priced_by_compute(chapter: Chapter) -> str:
    """What the new chip would cost by its compute, and whether it earns that with tokens."""
    results = chapter.results
    price, affordable = results.price_by_compute, results.affordable_price_measured
    if np.isnan(price):
        return "Its fp8 compute is not in the catalog, so it cannot be priced by compute.\n"
    moral = (
        "Against the GPU as measured that is too much: the chip has to be paid for its speed, not "
        "for its tokens. "
        if price > affordable
        else "Against the GPU as measured that is little enough. "
    )
    return (
        "Priced by its fp8 compute, as the article priced the first one, it would cost "
        f"{chapter.words.price_by_compute}.\n{moral}"
    )


def scorecard(chapter: Chapter) -> HTML:
    """The predictions with scores and reasons; without scores where inputs were changed."""
    why = "Why" if chapter.by_default else "Yours"
    card = pd.DataFrame(
        {
            "Prediction": each.prediction.prediction,
            "Score": f"{SIGNS[each.score]} {each.score}",
            why: (
                f"{each.reason} {open_until(each)}Source: "
                f"{'; '.join(dict.fromkeys(row.source for row in each.prediction.rows))}."
            ),
        }
        for each in scored(chapter.results, conclude.units)
    )
    return chapter.passages(card if chapter.by_default else card.drop(columns="Score"))


def open_until(scored: Scored) -> str:
    """What would decide a prediction that is open."""
    return f"What would decide it: {scored.prediction.when} " if scored.prediction.when else ""


def tally(chapter: Chapter) -> str:
    """How many predictions came true."""
    if not chapter.by_default:
        return "With parameters other than the defaults nothing is scored."
    scores = [each.score for each in scored(chapter.results, conclude.units)]
    true, false, still = (
        chapter.shown(scores.count(score), "count") for score in ("came true", "did not", "open")
    )
    return (
        f"Of the article's guesses, in {chapter.shown(len(scores), 'count')} readings, "
        f"**{true} came true**, {false} did not and {still} cannot be told yet."
    )


def formulas_hold(chapter: Chapter) -> str:
    """What the article's formulas say of the new chip's size."""
    given, words = chapter.inputs, chapter.words
    return (
        "Its formulas still tell the size of a machine from its memory: the same work takes "
        f"{words.new_cards} cards with the {given.new_chip.name}, {words.cards} with the "
        f"{given.chip.name}."
    )


def answer_today() -> str:
    """The one answer for the article's work, with the latest prices."""
    return turns_in(inputs.LAST_YEAR)
