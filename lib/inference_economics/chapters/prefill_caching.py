"""The pictures and the turns of phrase of the chapter `prefill_caching`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.catalog import own
from inference_economics.formulas import kv_cache as kv
from inference_economics.formulas import prefill_caching as caching
from inference_economics.formulas.batching import capital_cost
from inference_economics.formulas.capacity import cards_to_hold, price_of_cluster
from reckoner.declare.units import shown
from reckoner.show import charts
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

LENGTHS = np.logspace(3, 6, 31)
CONTEXTS = np.logspace(3, 5.5, 26)
PREFIX = charts.Axis("Prefix (tokens)", log=True)
CONTEXT = charts.Axis("Context (tokens)", log=True, scale={"nice": False})
CACHE = charts.Axis("KV cache (GB)", log=True)
TIME = charts.Axis("Time (s)", log=True)
COST = charts.Axis("Capital cost (USD per token/s)", log=True)
DASHES = ((1, 0), (4, 2), (2, 1), (1, 1))
EARLY = (
    "openai_gpt_4_turbo", "openai_gpt_4_32k", "openai_gpt_3_5_turbo_0125",
    "openai_gpt_3_5_turbo_1106", "anthropic_claude_2_1", "groq_mixtral_8x7b",
)  # fmt: skip
"""Prices of early 2024."""
DISCOUNTS = (
    "openai_gpt_4o", "openai_gpt_4_1", "openai_gpt_5", "google_gemini_2_5_pro",
    "deepseek_r1", "deepseek_v4_flash",
)  # fmt: skip
"""Prices with a discount for cached tokens."""


def memory_kind(chapter: Chapter) -> str:
    """What the GPU's memory is called."""
    return own.memory_kind(chapter.inputs.gpu.key)


def _kinds(curves: charts.Curves) -> charts.Kinds:
    """Each kind in the next colour of the book."""
    return {kind: charts.Style(str(n + 1), DASHES[n]) for n, kind in enumerate(curves)}


def _columns(x: charts.Axis, xs: Any, ys: Mapping[str, Any], unit: str) -> pd.DataFrame:
    """What a chart shows as a table, with a column for each kind."""
    return pd.DataFrame({x.title: xs} | {f"{kind} ({unit})": y for kind, y in ys.items()})


def bytes_of_prefix(chapter: Chapter) -> HTML:
    """The KV cache growing with the prefix, by the kind of attention."""
    given, other = chapter.inputs, chapter.lines.other
    keys = dict.fromkeys([given.model.key, "gpt3_175b", "llama2_70b", "deepseek_v3"])
    curves = {
        f"{model.name} ({own.attention(model.key)})": (
            LENGTHS,
            kv.model_kv_cache(model, LENGTHS, given.bytes_per_element) / 1e9,
        )
        for model in map(own.model, keys)
    }
    room = given.gpu.memory / 1e9
    sizes = charts.table(curves)
    sizes = sizes[sizes["x"].isin(LENGTHS[::5])][["kind", "x", "y"]]
    return chapter.drawn(
        charts.with_legend(charts.lines(curves, PREFIX, CACHE, _kinds(curves))),
        charts.rules(room, CACHE, across=True, strokeDash=[2, 3], color=colour("muted")),
        charts.heights(room, [f"one {given.gpu.name}"], CACHE, dy=-7),
        title="The kind of attention decides how much a prefix takes",
        description=(
            f"Lines of KV cache against prefix length for {len(curves)} models, with the "
            f"{shown(given.gpu.memory, 'B')} of one {given.gpu.name}. A token takes "
            f"{shown(chapter.results.kv_bytes_per_token, 'B')} in {given.model.name} and "
            f"{shown(chapter.lines.other_bytes_per_token, 'B')} in {other.name}."
        ),
        height=300,
        data=sizes.set_axis(["Model", PREFIX.title, CACHE.title], axis=1),
    )


def trained_for(chapter: Chapter) -> str:
    """Whether the model was trained for prefixes that long."""
    model = chapter.inputs.model
    trained = model.context_length if model.has("context_length") else math.inf
    if chapter.inputs.prefix_tokens <= trained:
        return f"{model.name} was trained for contexts that long."
    return (
        f"{model.name} was trained for {chapter.shown(trained, 'token')} at most, so such a prefix "
        "stands for a newer model of the same shape."
    )


def paths(chapter: Chapter) -> dict[str, float]:
    """The bandwidth of each path by which a prefix can come."""
    addresses = caching.PATHS.items()
    return {memory_kind(chapter): chapter.inputs.gpu.memory_bandwidth} | {
        path: catalog.value(address) for path, address in addresses
    }


def fast_enough(chapter: Chapter) -> list[str]:
    """The paths by which loading is faster than computing again, the slowest first."""
    known = paths(chapter)
    needed = chapter.results.break_even_bandwidth
    return [path for path in sorted(known, key=known.__getitem__) if known[path] > needed]


def times_of_prefix(chapter: Chapter) -> HTML:
    """The time to compute a prefix again and to load it, growing with its length."""
    given, words, hbm = chapter.inputs, chapter.words, memory_kind(chapter)
    sizes = kv.model_kv_cache(given.model, LENGTHS, given.bytes_per_element)
    operations = caching.model_prefill_operations(given.model, LENGTHS)
    again = caching.prefill_time(operations, given.chips, given.gpu.fp16_compute, given.utilization)
    kinds = {
        "computing again": charts.Style("2"),
        "disk": charts.Style("5", (8, 4)),
        "host memory": charts.Style("4", (3, 3)),
        hbm: charts.Style("3", (10, 3, 2, 3)),
    }
    known = paths(chapter)
    seconds = {
        way: caching.load_time(sizes, known[way]) if way in known else again for way in kinds
    }
    curves = {way: (LENGTHS, time) for way, time in seconds.items()}
    quick = [path for path in fast_enough(chapter) if path in kinds]
    origin = "Even from disk" if "disk" in quick else f"From {quick[0]}" if quick else ""
    return chapter.drawn(
        charts.with_legend(charts.lines(curves, PREFIX, TIME, kinds)),
        title=(
            f"{origin}, loading {words.prefix_tokens} is faster than computing"
            if quick
            else f"Computing {words.prefix_tokens} is faster than loading"
        ),
        description=(
            f"Lines of time against prefix length for {given.model.name}. A prefix of "
            f"{words.prefix_tokens} takes {words.recompute_time} to compute, "
            f"{words.load_time} to load from {hbm} and {words.load_time_disk} from disk."
        ),
        data=_columns(PREFIX, LENGTHS, seconds, "s")[::3],
    )


def answer(chapter: Chapter) -> str:
    """Whether some path loads the prefix faster than it is computed."""
    enough, about, words = fast_enough(chapter), chapter.about, chapter.words
    prefix = f"A prefix of {words.prefix_tokens}"
    if not enough:
        return (
            f"{prefix} is sooner computed than loaded: computing it again takes "
            f"**{about.recompute_time}**, less than loading it by any path looked at."
        )
    return (
        f"{prefix} is sooner loaded than computed: computing it again takes "
        f"**{about.recompute_time}**, and any path faster than **{about.break_even_bandwidth}** "
        f"brings it sooner, even {enough[0]}."
    )


def slowest_path(chapter: Chapter) -> str:
    """Which path is just fast enough."""
    enough = fast_enough(chapter)
    if not enough:
        return "None of the four is fast enough"
    path = enough[0]
    known = path in caching.PATHS
    bandwidth = chapter.inputs.gpu.memory_bandwidth
    speed = chapter.row(caching.PATHS[path]) if known else chapter.shown(bandwidth, "B/s")
    return f"The slowest of the four that is fast enough is {path}, at {speed}"


def in_favour(chapter: Chapter) -> str:
    """Why the comparison favours computing, where several GPUs share it."""
    if chapter.inputs.chips <= 1:
        return ""
    return (
        f"\nThe comparison leans towards computing: {chapter.words.chips} GPUs share that work, "
        "but one path loads, and as many\nGPUs could have as many paths."
    )


def early_prices(chapter: Chapter) -> pd.DataFrame:
    """What the call's input and output cost at the prices of early 2024."""
    given = chapter.inputs
    price_in, price_out = (
        np.array([catalog.value(f"{api}.{side}_price") for api in EARLY])
        for side in ("input", "output")
    )
    cost_in = caching.cost_of_tokens(given.input_tokens, price_in)
    cost_out = caching.cost_of_tokens(given.output_tokens, price_out)
    return pd.DataFrame(
        {
            "API": [catalog.constant(f"{api}.input_price").subject for api in EARLY],
            "Input (USD per million)": price_in * 1e6,
            "Output (USD per million)": price_out * 1e6,
            "Input to output (ratio)": cost_in / cost_out,
            "Equal at (input tokens)": caching.break_even_input(
                given.output_tokens, price_out, price_in
            ),
        }
    )


def early_prices_table(chapter: Chapter, prices: pd.DataFrame) -> HTML:
    """These prices as a table, its ratios to two digits."""
    ratio = "Input to output (ratio)"
    said = prices[ratio].map(lambda value: str(shown(value, "ratio", 2)))
    return chapter.table(prices.assign(**{ratio: said}))


def shares_of_peak(chapter: Chapter) -> pd.DataFrame:
    """Shares of the peak that prefills reached, and what each would mean here."""
    given, results = chapter.inputs, chapter.results
    llama, peak = catalog.model("llama2_70b"), catalog.chip("h100_sxm").fp16_compute
    shares = {"as taken here": given.utilization}
    for run in ("trtllm_prefill_4xh100_llama2_70b", "trtllm_prefill_8xh100_llama2_70b"):
        gpus, length, first = (
            catalog.value(f"{run}.{name}")
            for name in ("gpus", "input_tokens", "time_to_first_token")
        )
        operations = caching.model_prefill_operations(llama, length)
        at_peak = caching.prefill_time(operations, gpus, peak, 1.0)
        shares[f"measured, {shown(gpus, 'count')} GPUs"] = at_peak / first
    shares["measured, PaLM on TPUs, large batch"] = catalog.value("palm_540b.prefill_utilization")
    reached = np.array(list(shares.values()))
    again = caching.prefill_time(
        results.prefill_operations, given.chips, given.gpu.fp16_compute, reached
    )
    needed = caching.break_even_bandwidth(results.prefix_bytes, again)
    return pd.DataFrame(
        {
            "Case": list(shares),
            "Share of peak (percent)": 100 * reached,
            "Computing again (s)": again,
            "Break-even bandwidth (GB/s)": needed / 1e9,
        }
    )


def slow_disk(chapter: Chapter, least: float, most: float) -> str:
    """What a disk that is read in small blocks gives, against the least and the most needed."""
    measured = "nvme_ssd.read_bandwidth_measured"
    slow, nominal = catalog.value(measured), chapter.row(caching.PATHS["disk"])
    if slow > most:
        reading = "still enough"
    elif slow < least:
        reading = "too slow"
    else:
        reading = "enough for some of these shares and too slow for others"
    return f"{chapter.row(measured)} instead of its nominal {nominal}, {reading}"


def discounts(chapter: Chapter) -> pd.DataFrame:
    """What later discounts for cached tokens save of the input bill."""
    offers = {}
    for api in DISCOUNTS:
        full, cached = (catalog.value(f"{api}.{n}") for n in ("input_price", "cached_input_price"))
        offers[catalog.constant(f"{api}.input_price").subject] = full, cached / full
    anthropic = catalog.constant("anthropic_prompt_caching.cached_price_ratio")
    offers[anthropic.subject] = math.nan, anthropic.si
    full, ratio = np.transpose(list(offers.values()))
    return pd.DataFrame(
        {
            "API": list(offers),
            "Input (USD per million)": full * 1e6,
            "Cached (percent of that)": 100 * ratio,
            "Saved of the input bill (percent)": 100 * chapter.inputs.hit_rate * (1 - ratio),
        }
    )


def wires(chapter: Chapter) -> str:
    """What a card's links could carry, where that is known."""
    chip = chapter.inputs.chip
    if not chip.has("link_bandwidth_cabled"):
        return ""
    links = chapter.shown(chip.link_bandwidth_cabled, "B/s")
    return f", of the {links} that all its links carry one way over cables"


def cost_against_context(chapter: Chapter) -> HTML:
    """The cluster's cost growing with the context, by where the KV cache is."""
    given, step, words, hbm = chapter.inputs, chapter.lines, chapter.words, memory_kind(chapter)
    one = kv.kv_cache(step.kv_bytes_per_token, CONTEXTS)
    cache = kv.kv_cache_of_batch(one, given.batch_size)
    memories = caching.memories_needed(
        cache, given.gpu.memory, caching.kv_bandwidth(cache, given.speed),
        given.gpu.memory_bandwidth,
    )  # fmt: skip
    cards = cards_to_hold(step.weight_bytes + cache, given.chip.memory)
    prices = {
        "KV cache in SRAM": price_of_cluster(cards, given.card_price),
        f"KV cache in {hbm}": caching.hybrid_price(
            step.hybrid_cards, given.card_price, memories, given.memory_price
        ),
    }
    costs = {place: capital_cost(price, step.throughput) for place, price in prices.items()}
    curves = {place: (CONTEXTS, cost) for place, cost in costs.items()}
    in_sram, in_hbm = (cost[-1] for cost in costs.values())
    return chapter.drawn(
        charts.with_legend(charts.lines(curves, CONTEXT, COST, _kinds(curves))),
        title=(
            f"At {words.speed} a long KV cache is cheaper in {hbm if in_hbm < in_sram else 'SRAM'}"
        ),
        description=(
            f"Two lines of capital cost against context length, batch {words.batch_size}. At "
            f"{words.context_length} it is {words.sram_cost} with the KV cache in "
            f"SRAM and {words.hybrid_cost} with it in {hbm}."
        ),
        height=300,
        data=_columns(CONTEXT, CONTEXTS, costs, "USD per token/s")[::2],
    )


def room_is_dearer(chapter: Chapter) -> bool:
    """Whether even the room in HBM costs more than in SRAM, so that no speed is slow enough."""
    given = chapter.inputs
    in_hbm, in_sram = given.memory_price / given.gpu.memory, given.card_price / given.chip.memory
    return bool(in_hbm >= in_sram)


def rule_of_speed(chapter: Chapter) -> str:
    """Up to which speed the cache belongs in HBM, if up to any."""
    hbm = memory_kind(chapter)
    if room_is_dearer(chapter):
        return (
            f"Here even the room in {hbm} costs more than in SRAM, so the cache belongs in SRAM at "
            "any speed."
        )
    return (
        f"Up to that speed for each request the cache belongs in {hbm}, beyond it in SRAM. Batch "
        "and context hardly\nmatter, once a batch fills whole memories."
    )


def what_asks_for_hbm(chapter: Chapter) -> str:
    """Whether loading or decoding needs the GPU's memory."""
    hbm = memory_kind(chapter)
    if len(fast_enough(chapter)) > 1:
        return (
            f"Slower memories than {hbm} suffice for that; what asks for {hbm} is "
            "{term}`decode`, in which every output token reads the cache again."
        )
    return (
        "In {term}`decode`, every output token reads the cache again, which asks more of "
        f"{hbm} than loading does."
    )


def why_it_pays(chapter: Chapter) -> str:
    """Why moving the cache out of SRAM saves, or adds."""
    given, results, words = chapter.inputs, chapter.results, chapter.words
    saves = results.hybrid_cost < results.sram_cost
    below = given.speed < results.break_even_speed
    if room_is_dearer(chapter) and not saves:
        return f"because even the room in {memory_kind(chapter)} costs more than in SRAM"
    compared = (
        f"{words.speed} is {'below' if below else 'above'} the {words.break_even_speed} at which "
        "the two memories cost the same"
    )
    if saves == below:
        return f"because {compared}"
    return f"although {compared}, as cards and GPUs come whole"
