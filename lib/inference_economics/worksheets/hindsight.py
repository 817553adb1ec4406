"""What happened after the article, and its formulas on the new chip: the chapter `hindsight`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inference_economics import catalog
from inference_economics.catalog import Chip, Model
from inference_economics.catalog.own import is_sram
from inference_economics.formulas.batching import (
    capital_cost,
    cluster_for,
    memory_of_batch,
    requests_held,
)
from inference_economics.formulas.capacity import cards_to_hold, price_of_cluster, weights
from inference_economics.formulas.hindsight import (
    affordable_price,
    busy_share_needed,
    busy_time,
    racks_for,
    sweep_time,
)
from inference_economics.formulas.kv_cache import kv_cache_of_batch, model_kv_cache, name_parameters
from inference_economics.formulas.margins import (
    cost_per_token_of_life,
    electricity_of_card,
    price_with_electricity,
)
from inference_economics.formulas.prefill_caching import (
    cost_of_tokens,
    kv_bandwidth,
    mean_input_price,
    memories_needed,
)
from inference_economics.inputs import BUSY_SHARE, among, chip_choice
from inference_economics.units import (
    Bytes,
    Count,
    Dollars,
    DollarsPerJoule,
    DollarsPerThroughput,
    DollarsPerToken,
    Ratio,
    Seconds,
    Share,
    Tokens,
    TokensPerSecond,
    Watts,
)
from inference_economics.worksheets import margins as margins_sheet
from inference_economics.worksheets import prefill_caching as prefill_caching_sheet
from reckoner.declare.parameters import Parameter, Parameters

LARGE = "gpt4_rumour"
"""The model that stands for what the article calls GPT-4: its size is a rumour."""

_MARGINS = margins_sheet.PARAMETERS

_CACHING = prefill_caching_sheet.PARAMETERS


PARAMETERS = Parameters(
    (
        _MARGINS["model"],
        among(
            is_sram,
            chip_choice(
                "chip", "groq_lpu", "the article's SRAM chip", "memory", "memory_bandwidth"
            ),
        ),
        chip_choice("gpu", "h100_96gb", "the article's GPU", "memory", "memory_bandwidth", "power"),
        among(
            is_sram,
            chip_choice(
                "new_chip", "groq_3_lpu", "the new SRAM chip", "memory", "memory_bandwidth"
            ),
        ),
        among(
            lambda key: not is_sram(key),
            chip_choice(
                "partner", "rubin_gpu", "the GPU beside the new chip", "memory", "memory_bandwidth"
            ),
        ),
        _MARGINS["bytes_per_parameter"],
        _MARGINS["bytes_per_element"],
        _MARGINS["context_length"],
        _MARGINS["batch_size"],
        _MARGINS["speed"],
        _MARGINS["gpu_throughput"],
        _MARGINS["card_price"],
        _MARGINS["gpu_price"],
        _MARGINS["electricity_price"],
        _MARGINS["overhead"],
        _MARGINS["lifetime"],
        _MARGINS["chip_power"],
        _MARGINS["load"],
        BUSY_SHARE,
        Parameter(
            name="token_price",
            default=0.8,
            unit="USD/Mtoken",
            label="price asked for output tokens",
            help="What Groq asked for LLaMA-2 70B in March 2024.",
            source=catalog.constant("groq_llama2_70b.output_price").source,
            low=0.001,
            high=1000.0,
        ),
        _CACHING["hit_rate"],
        replace(
            _CACHING["cached_price_ratio"],
            default=0.1,
            help="What most large services ask by now.",
            source=catalog.constant("openai_gpt_5.cached_input_price").source,
        ),
    )
)


@dataclass(frozen=True)
class Conclusions:
    """What the chapter concludes; one number each for one set of parameters, or arrays.

    Attributes:
        cards: the article's SRAM cards for the batch.
        weight_cards: those that hold the weights alone.
        throughput: what the cluster gives at this batch size.
        cost: its capital cost per token/s at list price.
        gpu_cost: that of the article's GPU.
        measured_cost_ratio: the cluster's cost against the GPU's with MLPerf's throughput.
        token_cost: cost of a token from the cluster: cards, electricity and idle hours.
        gpu_token_cost: the same from the GPU.
        gpu_measured_token_cost: the same from the GPU with MLPerf's throughput.
        busy_share_needed: share of its life that the cluster must be busy for the price asked.
        gpu_busy_share_needed: the same for the GPU.
        input_saving: share of the input's price that the cache saves.
        day_input_output: price of a day's input at DeepSeek, none cached, against its output's.
        licence_premium: the sum reported for the licence against Groq's valuation before.
        memory_growth: the new chip's memory against the old one's.
        bandwidth_growth: its memory bandwidth against the old one's.
        memory_ratio: the new chip's memory against that of the GPU beside it.
        bandwidth_ratio: its memory bandwidth against that GPU's.
        chip_sweep: time to read the old chip's memory once.
        new_sweep: the same for the new chip.
        gpu_sweep: the same for the article's GPU.
        partner_sweep: the same for the GPU beside the new chip.
        kv_cache: KV cache of one request.
        kv_cache_batch: that of the batch.
        needed: weights and KV cache of the batch.
        new_weight_cards: new chips that hold the weights.
        new_cards: new chips that hold weights and KV cache.
        new_racks: racks for them.
        request_share: KV cache of one request in memories of the new chip.
        requests_per_rack: requests whose KV cache one rack holds beside the weights.
        large_cards: the article's chips that hold the weights of a model of GPT-4's size.
        new_large_cards: new chips for the same.
        new_large_racks: racks for the same.
        kv_memories: GPUs beside the new chip that hold and read the batch's KV cache.
        cards_saved: new chips saved by keeping the KV cache there.
        affordable_price: price of a new card at which its cluster costs what the GPU costs.
        affordable_price_measured: the same with MLPerf's throughput of the GPU.
        speculative_gain: speed with speculative decoding against without, on Groq's first chip.
        nvidia_alibaba: NVIDIA's revenue against Alibaba's, quarters to autumn 2024.
    """

    cards: Count
    weight_cards: Count
    throughput: TokensPerSecond
    cost: DollarsPerThroughput
    gpu_cost: DollarsPerThroughput
    measured_cost_ratio: Ratio
    token_cost: DollarsPerToken
    gpu_token_cost: DollarsPerToken
    gpu_measured_token_cost: DollarsPerToken
    busy_share_needed: Share
    gpu_busy_share_needed: Share
    input_saving: Share
    day_input_output: Ratio
    licence_premium: Ratio
    memory_growth: Ratio
    bandwidth_growth: Ratio
    memory_ratio: Ratio
    bandwidth_ratio: Ratio
    chip_sweep: Seconds
    new_sweep: Seconds
    gpu_sweep: Seconds
    partner_sweep: Seconds
    kv_cache: Bytes
    kv_cache_batch: Bytes
    needed: Bytes
    new_weight_cards: Count
    new_cards: Count
    new_racks: Count
    request_share: Ratio
    requests_per_rack: Count
    large_cards: Count
    new_large_cards: Count
    new_large_racks: Count
    kv_memories: Count
    cards_saved: Count
    affordable_price: Dollars
    affordable_price_measured: Dollars
    speculative_gain: Ratio
    nvidia_alibaba: Ratio


def conclude(
    model: Model,
    chip: Chip,
    gpu: Chip,
    new_chip: Chip,
    partner: Chip,
    bytes_per_parameter: Bytes,
    bytes_per_element: Bytes,
    context_length: Tokens,
    batch_size: Count,
    speed: TokensPerSecond,
    gpu_throughput: TokensPerSecond,
    card_price: Dollars,
    gpu_price: Dollars,
    electricity_price: DollarsPerJoule,
    overhead: Ratio,
    lifetime: Seconds,
    chip_power: Watts,
    load: Share,
    busy_share: Share,
    token_price: DollarsPerToken,
    hit_rate: Share,
    cached_price_ratio: Ratio,
) -> Conclusions:
    """What a token costs on the article's machines, and what the new chip would need.

    Args:
        model: the model served; its nominal parameter count is used where it has one.
        chip: the article's SRAM chip.
        gpu: the article's GPU; its power is the catalog's.
        new_chip: the SRAM chip that came after it.
        partner: the GPU that works beside the new chip.
        bytes_per_parameter: bytes a weight takes.
        bytes_per_element: bytes an element of the KV cache takes.
        context_length: tokens of each request, prompt and output.
        batch_size: requests served at once.
        speed: output speed of each of them on SRAM chips.
        gpu_throughput: throughput of one of the article's GPUs.
        card_price: price of one of the article's SRAM cards.
        gpu_price: price of one of its GPUs.
        electricity_price: price of a joule.
        overhead: energy of the data centre per energy of its cards.
        lifetime: time that a card is used.
        chip_power: power of one of the article's SRAM cards.
        load: share of that power, and of the GPU's, which is drawn on average.
        busy_share: share of the lifetime in which the hardware serves at full throughput.
        token_price: price asked for an output token.
        hit_rate: share of input tokens found in the cache.
        cached_price_ratio: what such a token costs as a share of the full price.
    """
    value = catalog.value
    weight_bytes = weights(name_parameters(model), bytes_per_parameter)
    cache = model_kv_cache(model, context_length, bytes_per_element)
    batch_cache = kv_cache_of_batch(cache, batch_size)
    needed = memory_of_batch(weight_bytes, batch_cache)
    cluster = cluster_for(batch_size, weight_bytes, cache, chip.memory, card_price, speed)
    gpu_cost = capital_cost(gpu_price, gpu_throughput)
    measured = value("mlperf_v4_0_dgx_h100_offline.throughput_per_gpu")
    measured_cost = capital_cost(gpu_price, measured)

    running = {
        "load": load,
        "overhead": overhead,
        "lifetime": lifetime,
        "electricity_price": electricity_price,
    }
    card_in_life = price_with_electricity(
        card_price, electricity_of_card(power=chip_power, **running)
    )
    gpu_in_life = price_with_electricity(gpu_price, electricity_of_card(power=gpu.power, **running))
    life_cost = capital_cost(price_of_cluster(cluster.cards, card_in_life), cluster.throughput)
    gpu_life_cost = capital_cost(gpu_in_life, gpu_throughput)
    busy = busy_time(lifetime, busy_share)

    rack_cards = value("groq_3_rack.chips")
    new_weight_cards = cards_to_hold(weight_bytes, new_chip.memory)
    new_cards = cards_to_hold(needed, new_chip.memory)
    large_bytes = weights(catalog.model(LARGE).nominal_parameters, bytes_per_parameter)
    new_large_cards = cards_to_hold(large_bytes, new_chip.memory)
    return Conclusions(
        cards=cluster.cards,
        weight_cards=cards_to_hold(weight_bytes, chip.memory),
        throughput=cluster.throughput,
        cost=cluster.cost,
        gpu_cost=gpu_cost,
        measured_cost_ratio=cluster.cost / measured_cost,
        token_cost=cost_per_token_of_life(life_cost, busy),
        gpu_token_cost=cost_per_token_of_life(gpu_life_cost, busy),
        gpu_measured_token_cost=cost_per_token_of_life(capital_cost(gpu_in_life, measured), busy),
        busy_share_needed=busy_share_needed(life_cost, lifetime, token_price),
        gpu_busy_share_needed=busy_share_needed(gpu_life_cost, lifetime, token_price),
        input_saving=1 - mean_input_price(1.0, hit_rate, cached_price_ratio),
        day_input_output=cost_of_tokens(
            value("deepseek_production.input_tokens"), value("deepseek_r1.input_price")
        )
        / cost_of_tokens(
            value("deepseek_production.output_tokens"), value("deepseek_r1.output_price")
        ),
        licence_premium=value("nvidia_groq_licence.value") / value("groq_valuation.value"),
        memory_growth=new_chip.memory / chip.memory,
        bandwidth_growth=new_chip.memory_bandwidth / chip.memory_bandwidth,
        memory_ratio=new_chip.memory / partner.memory,
        bandwidth_ratio=new_chip.memory_bandwidth / partner.memory_bandwidth,
        chip_sweep=sweep_time(chip.memory, chip.memory_bandwidth),
        new_sweep=sweep_time(new_chip.memory, new_chip.memory_bandwidth),
        gpu_sweep=sweep_time(gpu.memory, gpu.memory_bandwidth),
        partner_sweep=sweep_time(partner.memory, partner.memory_bandwidth),
        kv_cache=cache,
        kv_cache_batch=batch_cache,
        needed=needed,
        new_weight_cards=new_weight_cards,
        new_cards=new_cards,
        new_racks=racks_for(new_cards, rack_cards),
        request_share=cache / new_chip.memory,
        requests_per_rack=requests_held(rack_cards, new_chip.memory, weight_bytes, cache),
        large_cards=cards_to_hold(large_bytes, chip.memory),
        new_large_cards=new_large_cards,
        new_large_racks=racks_for(new_large_cards, rack_cards),
        kv_memories=memories_needed(
            batch_cache, partner.memory, kv_bandwidth(batch_cache, speed), partner.memory_bandwidth
        ),
        cards_saved=new_cards - new_weight_cards,
        affordable_price=affordable_price(gpu_cost, cluster.throughput, new_cards),
        affordable_price_measured=affordable_price(measured_cost, cluster.throughput, new_cards),
        speculative_gain=value("groq_llama31_70b.speculative_speed")
        / value("groq_llama31_70b.output_speed"),
        nvidia_alibaba=value("nvidia_q3_fy2025.revenue") / value("alibaba_q3_2024.revenue"),
    )
