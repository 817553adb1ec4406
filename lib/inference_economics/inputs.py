"""The inputs of the worksheets: how one is declared, and those that several chapters share.

An input is declared where it stands, as the default of a worksheet's argument. Its own default is
the address of a catalog row wherever a row has it; the row brings unit and source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from inference_economics import catalog
from inference_economics.catalog import Model, own
from inference_economics.formulas.layers import splits
from reckoner.declare.parameters import Parameter
from reckoner.declare.tables import DataError
from reckoner.declare.units import si
from reckoner.declare.worksheet import Worksheet

ARTICLE = "Li 2024 (the article)"
FIRST_YEAR, LAST_YEAR = 2023, 2026
"""The years for which prices were looked for."""
PROPERTIES = ("memory", "memory_bandwidth", "fp16_compute")
"""What a chip is compared by."""


def given(
    default: str | float | Callable[[], float],
    label: str,
    help: str,
    *,
    low: float,
    high: float,
    track: tuple[float, float] | None = None,
    unit: str = "",
    source: str = ARTICLE,
    whole: bool = False,
    power_of: int = 0,
    of_file: tuple[str, str] | None = None,
    doubt: tuple[str, Callable[[Any, Any], str]] | None = None,
) -> Any:
    """A number that a reader may change.

    Args:
        default: a catalog row's address, a number in `unit`, or a function that computes one.
        label: what it is, in a few words.
        help: one sentence more.
        low: smallest value allowed, in `unit`.
        high: largest value allowed.
        track: see `Parameter`.
        unit: the unit in which a reader gives it; the row's if it is empty.
        source: where the default comes from; "row" or another row's address for that of the row.
        whole: whether it is a whole number.
        power_of: the number of which it must be a power, if any.
        of_file: see `Parameter`.
        doubt: see `Parameter`.
    """

    def declared(name: str) -> Parameter:
        address = default if isinstance(default, str) else ""
        row = catalog.constant(address) if address else None
        shown = unit or (row.unit if row else "")
        if row:
            value = row.value if shown == row.unit else row.si / si(1.0, shown)
        else:
            value = default() if callable(default) else default
        number = int(value) if whole else float(f"{float(value):.12g}")
        if row and source == "row":
            said = row.source
        else:
            said = catalog.constants()[source].source if source in catalog.constants() else source
        compute = default if callable(default) else None
        return Parameter(
            name, number, shown, label, help, said, low, high, track,
            address=address, compute=compute, power_of=power_of, of_file=of_file, doubt=doubt,
        )  # fmt: skip

    return declared


def chip(
    default: str,
    label: str,
    *needs: str,
    help: str = "A chip of the catalog.",
    only: Callable[[str], bool] = lambda key: True,
) -> Any:
    """A chip chosen by name, or of the reader's own in a TOML file.

    Args:
        default: its key.
        label: what it is here, in a few words.
        *needs: the quantities that must be known of it.
        help: one sentence more.
        only: whether a key, or a file's path, may be chosen.
    """
    file = replace(own.CHIP_FILE, check=_checked(partial(own.check_chip, needs=needs), only))
    return lambda name: Parameter(
        name, default, "name", label, help, ARTICLE,
        choices=tuple(filter(only, catalog.chips(*needs))), resolve=own.chip,
        own=file, aliases=catalog.chip_aliases(),
    )  # fmt: skip


def model(default: str, *needs: str, only: Callable[[str], bool] = lambda key: True) -> Any:
    """A model chosen by name, or of the reader's own by a file; see `chip`."""
    check = _checked(partial(own.check_model, needs=needs), only)
    return lambda name: Parameter(
        name, default, "name", "the model", "A model of the catalog.", ARTICLE,
        choices=tuple(filter(only, catalog.models(*needs))), resolve=own.model,
        own=replace(own.MODEL_FILE, check=check),
    )  # fmt: skip


def _checked(check: Callable[[str], None], only: Callable[[str], bool]) -> Callable[[str], None]:
    def checked(path: str) -> None:
        check(path)
        if not only(path):
            why = (only.__doc__ or "").strip().split("\n")[0].removeprefix("Whether ").rstrip(".")
            raise DataError(
                f"{path} is of another kind than those that can be chosen here; it must hold "
                f"that {why}"
            )

    return checked


def one_of(
    choices: Sequence[str],
    default: str,
    label: str,
    help: str,
    *,
    source: str,
    resolve: Callable[[str], Any] | None = None,
) -> Any:
    """Another name that a reader may choose; `resolve` turns it into what the worksheet takes."""
    return lambda name: Parameter(
        name, default, "name", label, help, source, choices=choices, resolve=resolve
    )


def changed(shared: Any, **changes: Any) -> Any:
    """A shared input, declared otherwise in some fields of `Parameter`."""
    return lambda name: replace(shared(name), **changes)


def as_in(sheet: Worksheet, name: str, **changes: Any) -> Any:
    """An input as another worksheet declares it, otherwise in some fields of `Parameter`."""
    return lambda _: replace(sheet.parameters[name], **changes)


def more_than_taken(model: Model, context_length: float) -> str:
    """Whether a context is more than a model takes, in words."""
    most = model.values.get("context_length", math.inf)
    return f"{model.name} takes {most:,.0f}, so this is a what-if" if context_length > most else ""


def uneven(model: Model, chips: float) -> str:
    """Whether chips cannot share a model's heads evenly, in words."""
    even = splits(model)
    if chips in even:
        return ""
    allowed = ", ".join(f"{each:g}" for each in even)
    return f"so many do not share the heads of {model.name} evenly; {allowed} do"


MODEL_BYTES = given(
    "article.bytes_per_parameter",
    "bytes of one weight",
    "Half a byte for int4, one for int8 (the article), two for fp16; else what a file says.",
    low=0.125, high=8.0, track=(0.25, 4.0), of_file=("model", "bytes_per_parameter"),
)  # fmt: skip
CACHE_BYTES = given(
    "article.bytes_per_element",
    "bytes of one element of the KV cache",
    "The article keeps the cache in int8 like the weights; a file may say another.",
    low=0.125, high=8.0, track=(0.25, 4.0), of_file=("model", "bytes_per_element"),
)  # fmt: skip
CONTEXT = given(
    "llama2_70b.context_length",
    "tokens of one sequence, input and output together",
    "The article takes the longest context of LLaMA-2.",
    unit="token", low=1, high=1e8, track=(128, 1e6), whole=True, doubt=("model", more_than_taken),
)  # fmt: skip
BATCH = given(
    "article.batch_size",
    "sequences decoded together",
    "The batch size of the measurement that the article compares with.",
    low=1, high=1e6, track=(1, 10_000), whole=True,
)  # fmt: skip
CARD_PRICE = given(
    "article.groq_card_price",
    "price of one SRAM card",
    "The article's rounded estimate.",
    low=1.0, high=1e7, track=(100.0, 1e5),
)  # fmt: skip
GPU_PRICE = given(
    "article.h100_price",
    "price of one GPU",
    "The article's price of an H100.",
    low=1.0, high=1e7, track=(1000.0, 2e5),
)  # fmt: skip
SPEED = given(
    "article.groq_output_speed",
    "output speed of every request on the cluster",
    "The article keeps it for every batch size.",
    low=0.1, high=1e6, track=(10.0, 1e4),
)  # fmt: skip
GPU_THROUGHPUT = given(
    "perplexity_h100.throughput_per_gpu",
    "throughput of one GPU",
    "Read by the article from a chart of Perplexity's: eight H100s at the same batch size.",
    low=0.1, high=1e6, track=(10.0, 1e4),
)  # fmt: skip
CARD_COST = given(
    "article.groq_card_cost",
    "cost price of one SRAM card",
    "The article's guess of what making it costs, without research and software.",
    low=1.0, high=1e7, track=(50.0, 2e4),
)  # fmt: skip
GPU_COST = given(
    "article.h100_cost",
    "cost price of one GPU",
    "The article's guess of what making it costs, without research and software.",
    low=1.0, high=1e7, track=(100.0, 5e4),
)  # fmt: skip
ELECTRICITY_PRICE = given(
    "electricity.us_industrial_2023",
    "price of electricity",
    "US industry, mean of 2023; the article names no price.",
    source="row", low=0.001, high=2.0, track=(0.01, 0.5),
)  # fmt: skip
OVERHEAD = given(
    "data_centre.pue_2023",
    "energy of the data centre per energy of its cards (PUE)",
    "Mean of a survey of 2023; the large clouds report less.",
    source="row", low=1.0, high=5.0, track=(1.0, 2.0),
)  # fmt: skip
LIFETIME = given(
    "server_life.amazon",
    "years that a card is used",
    "The large clouds write servers off over five to six years.",
    source="row", unit="year", low=0.1, high=50.0, track=(1.0, 12.0),
)  # fmt: skip
CARD_POWER = given(
    "groq_lpu.power",
    "power of one SRAM card (TDP)",
    "Set it when you choose another chip; no document of the maker was seen for it.",
    low=0.1, high=1e5, track=(20.0, 2000.0),
)  # fmt: skip
LOAD = given(
    1.0,
    "share of its TDP that a card draws on average",
    "The article reckons with the full TDP.",
    unit="share", low=0.01, high=1.0,
)  # fmt: skip
HOP_LATENCY = given(
    "tpu_ici.hop_latency",
    "time to cross one link",
    "That of a TPU's link. For Groq no time of one hop was seen.",
    source="row", unit="us", low=0.001, high=1000.0, track=(0.05, 20.0),
)  # fmt: skip
LINK_BANDWIDTH = given(
    "groq_lpu.link_bandwidth_cabled",
    "bandwidth of all links of one card, each way",
    "That of the first Groq chip over cables; set it together with the chip.",
    source="row", unit="GB/s", low=0.1, high=1e5, track=(10.0, 2000.0),
)  # fmt: skip
BYTES_PER_ACTIVATION = given(
    "bf16.bytes_per_parameter",
    "bytes that one number of a message takes",
    "Half precision, as in the measured all-reduces of the catalog.",
    source="assumption: fp16", low=0.5, high=8.0,
)  # fmt: skip
NODE_CARDS = given(
    "groq_node.fully_connected_cards",
    "cards that one link connects with each other",
    "A stage of more cards crosses the whole dragonfly in each all-reduce.",
    source="row", whole=True, low=1, high=10000,
)  # fmt: skip
BANDWIDTH_SHARE = given(
    1.0,
    "share of the SRAM's bandwidth that is reached",
    "All of it is the chip's limit; no chip reaches that.",
    source="assumption: the chip's own limit", unit="share", low=0.01, high=1.0,
)  # fmt: skip
COMPUTE_SHARE = given(
    1.0,
    "share of the peak compute that is reached",
    "All of it is the chip's limit; no chip reaches that.",
    source="assumption: the chip's own limit", unit="share", low=0.01, high=1.0,
)  # fmt: skip
LAYER_FLOOR = given(
    0.0,
    "further time in each layer that no limit here explains",
    "Zero for the limits alone. The chapter shows what published speeds leave for it.",
    source="assumption: the chip's own limits alone", unit="us",
    low=0.0, high=1000.0, track=(0.0, 100.0),
)  # fmt: skip
YEAR = given(
    2024,
    "year whose prices are taken",
    "The article's, at first; a price holds until a later one was seen.",
    unit="count", source="this book", whole=True, low=FIRST_YEAR, high=LAST_YEAR,
)  # fmt: skip
SAMPLES = given(
    512,
    "samples; each is drawn anew for every input",
    "A power of two: four times as many halve the error of a share.",
    unit="count", source="this book", whole=True, low=8, high=2048, power_of=2,
)  # fmt: skip
SEED = given(
    2024,
    "seed of the random numbers",
    "The same seed gives the same samples.",
    unit="count", source="this book", whole=True, low=0, high=2**31 - 1,
)  # fmt: skip
HIT_RATE = given(
    "deepseek_production.cache_hit_rate",
    "share of input tokens that are found in the cache",
    "DeepSeek's, over one day of production.",
    source="deepseek2025infra", unit="share", low=0.0, high=1.0,
)  # fmt: skip
CACHED_PRICE_RATIO = given(
    "openai_prompt_caching.cached_price_ratio_high",
    "price of a cached input token as a share of the full price",
    "The smallest discount in the catalog.",
    source="OpenRouter, prompt caching", low=0.0, high=1.0,
)  # fmt: skip


def _busy_share() -> float:
    nodes, most = (catalog.value(f"deepseek_production.{name}") for name in ("nodes", "nodes_peak"))
    return round(nodes / most, 1)


BUSY = given(
    _busy_share,
    "share of its life in which the hardware is busy",
    "DeepSeek's mean number of nodes in use over its highest, rounded.",
    source="DeepSeek open-infra-index Day 6 (2025-03-01)", unit="share", low=0.01, high=1.0,
)  # fmt: skip
