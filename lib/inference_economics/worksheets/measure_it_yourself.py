"""What the article says of its machines, on machines that were measured: `measure_it_yourself`."""

from __future__ import annotations

from inference_economics import catalog, inputs
from inference_economics.catalog import Chip
from inference_economics.catalog.own import is_sram
from inference_economics.formulas import kv_cache as kv
from inference_economics.formulas import measure_it_yourself as measured
from inference_economics.formulas import prefill_caching as caching
from inference_economics.formulas.batching import cluster_throughput, memory_of_batch
from inference_economics.formulas.capacity import cards_to_hold, weights
from inference_economics.formulas.margins import energy_efficiency
from inference_economics.serving import in_page, on_chip, timed
from inference_economics.serving.timed import Timed
from inference_economics.units import (
    Bytes,
    BytesPerSecond,
    Count,
    Ratio,
    Seconds,
    Share,
    Tokens,
    TokensPerJoule,
    TokensPerSecond,
    Watts,
)
from reckoner.declare.worksheet import Lines, worksheet

OWN = "this book"
MACHINES = tuple(timed.paths())


@worksheet
def conclude(
    machine: Timed = inputs.one_of(
        MACHINES,
        "h100_sxm",
        "the machine whose rows are taken",
        "Those whose files lie in data/measured; add one of yours, and it is among them.",
        source=OWN,
        resolve=timed.machine_of,
    ),
    batch_size: Count = inputs.BATCH,
    prefix_tokens: Tokens = inputs.given(
        4096,
        "tokens of the prefix that is kept",
        "The longest measured prefill up to it is taken.",
        unit="token", source=OWN, low=1, high=1e6, whole=True,
    ),
    chip: Chip = inputs.chip(
        "groq_lpu", "the SRAM chip", "memory", "memory_bandwidth", only=is_sram
    ),
    chip_power: Watts = inputs.CARD_POWER,
    gpu: Chip = inputs.chip("h100_sxm", "the GPU beside it", "memory_bandwidth"),
    speed: TokensPerSecond = inputs.SPEED,
) -> Lines:  # fmt: skip
    """What a machine reached in a step, by the kernels it has, and what the article says of it."""
    model = timed.model()

    steps = timed.steps(machine)

    # one step of the model, or of the part of it that was timed
    batch_timed: Count = timed.at_batch(steps, "batch", batch_size)
    shards: Count = timed.at_batch(steps, "shards", batch_size)
    context_length: Tokens = timed.at_batch(steps, "context", batch_size)
    timed_layers: Count = timed.at_batch(steps, "layers", batch_size)
    step: Seconds = timed.at_batch(steps, "seconds", batch_size)
    step_alone: Seconds = timed.at_batch(steps, "seconds", 1)
    step_growth: Ratio = step / step_alone
    whole_step: Seconds = measured.whole_step(step, model.layers, timed_layers)
    whole_alone = measured.whole_step(step_alone, model.layers, timed_layers)
    speed_alone: TokensPerSecond = 1 / whole_alone
    card_throughput: TokensPerSecond = measured.throughput_of_card(batch_timed, whole_step, shards)
    article_throughput = catalog.value("perplexity_h100.throughput_per_gpu")
    against_article: Ratio = card_throughput / article_throughput

    # the same by its own kernels
    bandwidth = timed.told(machine, "bandwidth")
    product_rate = timed.told(machine, "product_rate")
    share_bytes = timed.at_batch(steps, "weight_bytes", batch_size)
    share_parameters = timed.at_batch(steps, "parameters", batch_size)
    cache_bytes = timed.at_batch(steps, "cache_bytes", batch_size)
    roofline_time: Seconds | None = measured.roofline_step(
        share_bytes, bandwidth, batch_timed, share_parameters, product_rate, cache_bytes
    )
    roofline_error: Share | None = roofline_time / step - 1
    mean_error: Share | None = timed.mean_error(steps)

    # what it holds
    model_bytes: Bytes = share_bytes * shards * model.layers / timed_layers
    memory = timed.told(machine, "memory")
    cards_holding: Count = cards_to_hold(model_bytes, memory)
    held: Count | None = timed.told(machine, "held")

    # time against context
    context_short: Tokens = timed.of_contexts(steps, 0)
    context_long: Tokens = timed.of_contexts(steps, -1)
    context_growth: Ratio = timed.growth(steps, "seconds")
    context_growth_roofline: Ratio | None = timed.growth(steps, "roofline")

    # load a kept prefix, or compute it again
    prefix: Tokens | None = timed.prefill(machine, "context", prefix_tokens)
    kv_bytes_per_token = kv.model_kv_bytes_per_token(model, timed.told(machine, "element"))
    prefix_bytes = kv.kv_cache(kv_bytes_per_token, prefix)
    recompute_time: Seconds | None = measured.whole_step(
        timed.prefill(machine, "seconds", prefix_tokens), model.layers,
        timed.prefill(machine, "layers", prefix_tokens),
    )  # fmt: skip
    path = timed.told(machine, "path")
    load_time: Seconds | None = caching.load_time(prefix_bytes, path)
    load_speedup: Ratio | None = path / caching.break_even_bandwidth(prefix_bytes, recompute_time)

    # tokens for each joule
    power: Watts | None = timed.power(machine, steps, batch_size)
    tokens_per_joule: TokensPerJoule | None = energy_efficiency(card_throughput, 1, power, 1)
    article_bytes = catalog.value("article.bytes_per_parameter")
    cache = kv.kv_cache(
        kv.model_kv_bytes_per_token(model, catalog.value("article.bytes_per_element")),
        model.context_length,
    )
    needed = memory_of_batch(
        weights(kv.name_parameters(model), article_bytes), kv.kv_cache_of_batch(cache, batch_size)
    )
    cards = cards_to_hold(needed, chip.memory)
    sram_tokens_per_joule: TokensPerJoule = energy_efficiency(
        cluster_throughput(batch_size, speed), cards, chip_power, 1
    )
    joule_ratio: Ratio | None = tokens_per_joule / sram_tokens_per_joule

    # cores as chips, caches as SRAM: what a page measured
    cache_rate: BytesPerSecond = in_page.page_rate(1, in_page.page_size("fast"))
    memory_rate: BytesPerSecond = in_page.page_rate(1, in_page.page_size("slow"))
    page_step: Ratio = cache_rate / memory_rate
    chip_step: Ratio = chip.memory_bandwidth / gpu.memory_bandwidth
    shared_size: Bytes = in_page.page_size("shared")
    workers: Count = in_page.page_workers()
    worker_gain: Ratio = measured.speed_up(
        in_page.page_rate(workers, shared_size), in_page.page_rate(1, shared_size)
    )

    # multiprocessors as chips, their registers as SRAM: what a card measured
    keepers: Count = on_chip.keepers()
    streamers: Count = keepers / 2
    kept_model: Bytes = on_chip.model_size()
    kept_rate: BytesPerSecond = on_chip.swept_rate(keepers)
    streamed_rate: BytesPerSecond = on_chip.swept_rate(streamers)
    streamed_limit: BytesPerSecond = on_chip.memory_rate()
    keeping_gain: Ratio = measured.speed_up(kept_rate, streamed_rate)
    gain_over_one: Ratio = measured.speed_up(kept_rate, on_chip.swept_rate(1))
    return locals()
