"""What happened after the article, and its formulas on the new chip: the chapter `hindsight`."""

from __future__ import annotations

from inference_economics import inputs
from inference_economics.catalog import Chip, Model, value
from inference_economics.catalog.own import is_sram
from inference_economics.choices import in_hbm
from inference_economics.formulas import batching, capacity, hindsight, margins
from inference_economics.formulas import kv_cache as cache_of
from inference_economics.formulas import prefill_caching as caching
from inference_economics.units import (
    Bytes,
    Count,
    Dollars,
    DollarsPerJoule,
    DollarsPerSecond,
    DollarsPerThroughput,
    DollarsPerToken,
    Ratio,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
    Watts,
)
from reckoner.declare.worksheet import Lines, worksheet
from reckoner.show.live import Curve, Live

MEMORY = ("memory", "memory_bandwidth")


def _cached_price_ratio() -> float:
    return value("openai_gpt_5.cached_input_price") / value("openai_gpt_5.input_price")


@worksheet
def conclude(
    model: Model = inputs.model("llama2_70b", *cache_of.NEEDS),
    chip: Chip = inputs.chip("groq_lpu", "the article's SRAM chip", *MEMORY, only=is_sram),
    gpu: Chip = inputs.chip("h100_96gb", "the article's GPU", *MEMORY, "power"),
    new_chip: Chip = inputs.chip("groq_3_lpu", "the new SRAM chip", *MEMORY, only=is_sram),
    partner: Chip = inputs.chip("rubin_gpu", "the GPU beside the new chip", *MEMORY, only=in_hbm),
    bytes_per_parameter: Bytes = inputs.MODEL_BYTES,
    bytes_per_element: Bytes = inputs.CACHE_BYTES,
    context_length: Tokens = inputs.CONTEXT,
    batch_size: Count = inputs.BATCH,
    speed: TokensPerSecond = inputs.SPEED,
    gpu_throughput: TokensPerSecond = inputs.GPU_THROUGHPUT,
    card_price: Dollars = inputs.CARD_PRICE,
    gpu_price: Dollars = inputs.GPU_PRICE,
    electricity_price: DollarsPerJoule = inputs.ELECTRICITY_PRICE,
    overhead: Ratio = inputs.OVERHEAD,
    lifetime: Seconds = inputs.LIFETIME,
    chip_power: Watts = inputs.CARD_POWER,
    load: Share = inputs.LOAD,
    busy_share: Share = inputs.BUSY,
    token_price: DollarsPerToken = inputs.given(
        "groq_llama2_70b.output_price",
        "price asked for output tokens",
        "What Groq asked for LLaMA-2 70B in March 2024.",
        source="row",
        low=0.001,
        high=1000.0,
    ),
    hit_rate: Share = inputs.HIT_RATE,
    cached_price_ratio: Ratio = inputs.given(
        _cached_price_ratio,
        "price of a cached input token as a share of the full price",
        "What most large services ask by now.",
        source="openai_gpt_5.cached_input_price",
        unit="ratio",
        low=0.0,
        high=1.0,
    ),
) -> Lines:
    """What a token costs on the article's machines, and what the new chip would need.

    What ends in `measured`, or holds it, takes MLPerf's throughput for the GPU; `large` stands for
    a model of GPT-4's size, which is a rumour.
    """
    # the article's machines
    weights = capacity.weights(cache_of.name_parameters(model), bytes_per_parameter)
    kv_cache: Bytes = cache_of.model_kv_cache(model, context_length, bytes_per_element)
    kv_cache_batch: Bytes = cache_of.kv_cache_of_batch(kv_cache, batch_size)
    needed: Bytes = batching.memory_of_batch(weights, kv_cache_batch)
    cards: Count = capacity.cards_to_hold(needed, chip.memory)
    weight_cards: Count = capacity.cards_to_hold(weights, chip.memory)
    throughput: TokensPerSecond = batching.cluster_throughput(batch_size, speed)
    cost: DollarsPerThroughput = batching.capital_cost(
        capacity.price_of_cluster(cards, card_price), throughput
    )
    gpu_cost: DollarsPerThroughput = batching.capital_cost(gpu_price, gpu_throughput)
    measured_throughput = value("mlperf_v4_0_dgx_h100_offline.throughput_per_gpu")
    measured_cost = batching.capital_cost(gpu_price, measured_throughput)
    measured_cost_ratio: Ratio = cost / measured_cost

    # a token, with electricity and idle hours
    def price_in_life(price: Dollars, power: Watts) -> Dollars:
        electricity = margins.electricity_of_card(
            power, load, overhead, lifetime, electricity_price
        )
        return margins.price_with_electricity(price, electricity)

    busy = hindsight.busy_time(lifetime, busy_share)
    price_of_cards = capacity.price_of_cluster(cards, price_in_life(card_price, chip_power))
    life_cost = batching.capital_cost(price_of_cards, throughput)
    gpu_in_life = price_in_life(gpu_price, gpu.power)
    gpu_life_cost = batching.capital_cost(gpu_in_life, gpu_throughput)
    token_cost: DollarsPerToken = margins.cost_per_token_of_life(life_cost, busy)
    gpu_token_cost: DollarsPerToken = margins.cost_per_token_of_life(gpu_life_cost, busy)
    gpu_measured_token_cost: DollarsPerToken = margins.cost_per_token_of_life(
        batching.capital_cost(gpu_in_life, measured_throughput), busy
    )
    gpu_second: DollarsPerSecond = hindsight.cost_of_busy_second(gpu_in_life, busy)
    day_gpus = (
        value("deepseek_production.nodes")
        * value("deepseek_production.decode_throughput_per_node")
        / value("deepseek_production.decode_throughput_per_gpu")
    )
    day_gpu_second: DollarsPerSecond = hindsight.cost_of_busy_second(
        value("deepseek_serving.daily_cost"), day_gpus * value("deepseek_production.period")
    )
    day_gpu_ratio: Ratio = day_gpu_second / gpu_second
    day_token_cost: DollarsPerToken = value("deepseek_serving.daily_cost") / value(
        "deepseek_production.output_tokens"
    )
    busy_share_needed: Share = hindsight.busy_share_needed(life_cost, lifetime, token_price)
    gpu_busy_share_needed: Share = hindsight.busy_share_needed(gpu_life_cost, lifetime, token_price)

    # the cache that stays, and the licence
    input_saving: Share = 1 - caching.mean_input_price(1.0, hit_rate, cached_price_ratio)
    day_input = caching.cost_of_tokens(
        value("deepseek_production.input_tokens"), value("deepseek_r1.input_price")
    )
    day_output = caching.cost_of_tokens(
        value("deepseek_production.output_tokens"), value("deepseek_r1.output_price")
    )
    day_input_output: Ratio = day_input / day_output
    licence_premium: Ratio = value("nvidia_groq_licence.value") / value("groq_valuation.value")

    # the new chip beside the others
    memory_growth: Ratio = new_chip.memory / chip.memory
    bandwidth_growth: Ratio = new_chip.memory_bandwidth / chip.memory_bandwidth
    memory_ratio: Ratio = new_chip.memory / partner.memory
    bandwidth_ratio: Ratio = new_chip.memory_bandwidth / partner.memory_bandwidth
    chip_sweep: Seconds = hindsight.sweep_time(chip.memory, chip.memory_bandwidth)
    new_sweep: Seconds = hindsight.sweep_time(new_chip.memory, new_chip.memory_bandwidth)
    gpu_sweep: Seconds = hindsight.sweep_time(gpu.memory, gpu.memory_bandwidth)
    partner_sweep: Seconds = hindsight.sweep_time(partner.memory, partner.memory_bandwidth)

    # the same formulas on the new chip
    rack_cards = value("groq_3_rack.chips")
    new_weight_cards: Count = capacity.cards_to_hold(weights, new_chip.memory)
    new_cards: Count = capacity.cards_to_hold(needed, new_chip.memory)
    new_racks: Count = hindsight.racks_for(new_cards, rack_cards)
    request_share: Ratio = kv_cache / new_chip.memory
    requests_per_rack: Count = batching.requests_held(
        rack_cards, new_chip.memory, weights, kv_cache
    )
    large = capacity.weights(value("gpt4_rumour.nominal_parameters"), bytes_per_parameter)
    large_cards: Count = capacity.cards_to_hold(large, chip.memory)
    new_large_cards: Count = capacity.cards_to_hold(large, new_chip.memory)
    new_large_racks: Count = hindsight.racks_for(new_large_cards, rack_cards)
    kv_bandwidth = caching.kv_bandwidth(kv_cache_batch, speed)
    kv_memories: Count = caching.memories_needed(
        kv_cache_batch, partner.memory, kv_bandwidth, partner.memory_bandwidth
    )
    cards_saved: Count = new_cards - new_weight_cards
    affordable_price: Dollars = hindsight.affordable_price(gpu_cost, throughput, new_cards)
    affordable_price_measured: Dollars = hindsight.affordable_price(
        measured_cost, throughput, new_cards
    )
    speculative_gain: Ratio = value("groq_llama31_70b.speculative_speed") / value(
        "groq_llama31_70b.output_speed"
    )
    extra_tokens_gain: Ratio = value("inferencex_gb200_deepseek_v4_pro.throughput_per_gpu_mtp") / (
        value("inferencex_gb200_deepseek_v4_pro.throughput_per_gpu")
    )
    four_bit_gain: Ratio = value("inferencex_gb200_deepseek_r1.throughput_per_gpu_fp4") / value(
        "inferencex_gb200_deepseek_r1.throughput_per_gpu_fp8"
    )
    rack_gain: Ratio = value("inferencex_nvl72_deepseek_r1.throughput_per_gpu") / value(
        "inferencex_b200_deepseek_r1.throughput_per_gpu"
    )
    requests_gain: Ratio = 1 + value("mooncake_kimi.more_requests")
    hbm_share: Share = value("b200_sxm.hbm_cost") / value("b200_sxm.manufacturing_cost")
    price_gap: Ratio = value("groq_llama33_70b.output_price") / value(
        "deepinfra_llama33_70b_2026_09_20.output_price"
    )
    nvidia_alibaba: Ratio = value("nvidia_q3_fy2025.revenue") / value("alibaba_q3_2024.revenue")
    price_by_compute: Dollars | None = (
        capacity.price_by_compute(gpu_price, new_chip.fp8_compute, value("h100_sxm.fp8_compute"))
        if new_chip.has("fp8_compute")
        else None
    )
    return locals()


LIVE = Live(
    chapter="hindsight",
    title="Chips for weights and KV cache against batch size",
    description=(
        "Chips that hold the weights and the KV cache of a batch, of the article's kind and of "
        "the new one, and the GPUs that would hold and read the KV cache instead."
    ),
    across="batch_size",
    span=(1.0, 10000.0),
    across_title="Batch size (requests)",
    curves=(
        Curve("cards", "article's chip", "1"),
        Curve("new_cards", "new chip", "3"),
        Curve("kv_memories", "GPUs, for the KV cache alone", "2"),
    ),
    unit="count",
    unit_title="Chips (count)",
    sliders=("context_length", "bytes_per_parameter", "bytes_per_element", "speed"),
    choices=("model",),
    sentence=(
        "{model} at batch {batch_size} takes {new_cards new chips}, {cards} of the article's. "
        "With the KV cache on {kv_memories GPUs} the weights take "
        "{new_weight_cards new chips}."
    ),
    constants=("groq_lpu.memory", "groq_3_lpu.memory", *(f"rubin_gpu.{name}" for name in MEMORY)),
)
