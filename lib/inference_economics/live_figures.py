"""The live figure of each chapter: which results are drawn, and what can be moved."""

from __future__ import annotations

from inference_economics.machines.datasheet import NUMBERS, SLOTS
from inference_economics.worksheets import batching, capacity, equal_speed, hindsight, kv_cache, margins, prefill_caching, spatial_computing
    Live(
        chapter="gpt4_scale",
        title="Time of one all-reduce against the time to cross a link",
        description=(
            "Time of one all-reduce on a ring, a torus and a dragonfly, against the time to cross "
            "one link, beside the time that a layer leaves for it."
        ),
        across="hop_latency",
        span=(0.05, 20.0),
        across_title="Time to cross one link (µs)",
        curves=(
            Curve("all_reduce_ring", "ring", "3"),
            Curve("all_reduce_torus_2d", "2-D torus", "4"),
            Curve("all_reduce_dragonfly", "dragonfly", "1"),
            Curve("time_per_all_reduce", "time available", "2"),
        ),
        unit="us",
        unit_title="Time of one all-reduce (µs)",
        sliders=("speed", "layers", "batch_size", "context_length", "bytes_per_parameter"),
        sentence=(
            "At {hop_latency} a link the 2-D torus takes {all_reduce_torus_2d} and the dragonfly "
            "{all_reduce_dragonfly}; the layer leaves {time_per_all_reduce}."
        ),
        constants=("groq_lpu.memory", "groq_scale_out.latency_high"),
    ),
    prefill_caching.LIVE,
    Live(
        chapter="comparison",
        title="What a token per second costs",
        description=(
            "Capital cost per token/s against batch size for three chips, each with as many cards "
            "as hold the model and the KV cache of the batch."
        ),
        across="batch_size",
        span=(1.0, 10000.0),
        across_title="Batch size (requests)",
        curves=(
            Curve("cost_1", "1: {chip_1}", "1"),
            Curve("cost_2", "2: {chip_2}", "2"),
            Curve("cost_3", "3: {chip_3}", "3"),
        ),
        unit="USD/(token/s)",
        unit_title="Capital cost (USD per token/s)",
        sliders=(
            "context_length",
            "bytes_per_parameter",
            "bytes_per_element",
            *(f"{quantity}_{slot}" for slot in SLOTS for quantity in NUMBERS),
        ),
        choices=("model",),
        presets=tuple(f"chip_{slot}" for slot in SLOTS),
        sentence=(
            "Batch {batch_size}: {chip_1} costs {cost_1} on {cards_1} cards. That is {cost_1_to_2} "
            "times {chip_2} with {cost_2} on {cards_2}, and {cost_1_to_3} times {chip_3} with "
            "{cost_3} on {cards_3}. A request advances at {speed_1}, {speed_2} and {speed_3}."
        ),
        constants=(
            *(
                f"{{chip_{slot}}}.{quantity}"
                for slot in SLOTS
                for quantity in ("memory", "memory_bandwidth", "fp16_compute", "price")
            ),
            "article.groq_card_price",
            "article.groq_output_speed",
            "article.h100_price",
            "perplexity_h100.throughput_per_gpu",
        ),
    ),
    hindsight.LIVE,
    Live(
        chapter="occupancy",
        title="Speed and throughput that the limits allow, against batch size",
        description=(
            "The speed that the chips' limits allow one request falls slowly with the batch size "
            "while the throughput of the cluster rises; the speed asked is a level line."
        ),
        across="batch_size",
        span=(1.0, 10000.0),
        across_title="Batch size (requests)",
        curves=(
            Curve("speed", "one request", "1"),
            Curve("asked_speed", "one request, as asked", "2"),
            Curve("throughput", "whole cluster", "3"),
        ),
        unit="token/s",
        unit_title="Speed (token/s)",
        sliders=(
            "tensor_parallel",
            "hop_latency",
            "layer_floor",
            "context_length",
            "bytes_per_parameter",
            "compute_share",
            "bandwidth_share",
            "asked_speed",
        ),
        choices=("model",),
        sentence=(
            "At batch {batch_size} the cluster has {cards} cards in {stages} stages, and a token "
            "takes {time_per_token}: {speed} for each request, {throughput} for all."
        ),
        constants=(
            "groq_lpu.memory",
            "groq_lpu.memory_bandwidth",
            "groq_lpu.fp16_compute",
            "groq_lpu.link_bandwidth_cabled",
            "tpu_ici.hop_latency",
            "groq_node.fully_connected_cards",
        ),
    ),
    Live(
        chapter="serving",
        title="Llama 3.1 70B on H100s: output of a GPU and speed of a request",
        description=(
            "Output of one GPU rises with the requests in flight, less and less; the speed of each "
            "request falls. The datasheet's speed for a request lies above the speed."
        ),
        across="concurrency",
        span=(1.0, 512.0),
        across_title="Requests in flight (count)",
        curves=(
            Curve("throughput", "output of a GPU", "1"),
            Curve("speed", "speed of a request", "2"),
            Curve("ideal_speed", "speed by the datasheet", "3"),
        ),
        unit="token/s",
        unit_title="Tokens per second (token/s)",
        sliders=("tensor_parallel", "input_tokens", "output_tokens"),
        choices=("engine",),
        sentence=(
            "With {concurrency} requests in flight on {tensor_parallel} GPUs, {engine} gives each "
            "of them {speed} ({speed_low} to {speed_high}) and writes {throughput} for each GPU. "
            "By the datasheet a request would see {ideal_speed}."
        ),
        constants=(
            "h100_sxm.memory_bandwidth",
            "h100_sxm.fp16_compute",
            "h100_sxm.link_bandwidth",
            "h100_sxm.memory",
        ),
    ),
    equal_speed.LIVE,
)

LIVE = {live.chapter: live for live in FIGURES}
