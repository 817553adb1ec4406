"""The ways to run SRAM chips and GPUs a second time, point by point in plain arithmetic.

Written from the definitions, for models with KV heads, gated feed-forward networks and either no
experts or experts in every layer. Of the library it uses the rows of the catalog alone.
"""

import csv
import math
from functools import cache

from inference_economics import catalog
from inference_economics.quantities import DATA

UNITS = {"share": 1.0, "us": 1e-6}


def batches(largest, growth):
    """The batch sizes tried: a geometric series of whole numbers."""
    steps = math.ceil(math.log(largest) / math.log(growth))
    return sorted({round(largest ** (step / steps)) for step in range(steps + 1)})


def sram_ways(case, floor, growth=1.1):
    """Speed and card-seconds of a token for every width and batch."""
    sizes = batches(16384, growth)
    return [sram_way(case, floor, w, b) for w in (1, 2, 4, 8, 16, 32, 64) for b in sizes]


def gpu_ways(case, growth=1.1):
    """The same on GPUs, at the predicted times."""
    return [gpu_way(case, w, b) for w in (1, 2, 4, 8) for b in batches(1024, growth)]


def card_rates(case):
    """What a second of an SRAM card costs, and one of a GPU."""
    watt = case["load"] * case["overhead"] * case["electricity_price"]
    used = case["lifetime"] * case["busy_share"]
    rate = case["card_price"] * (1 + case["host_share"]) / used + case["chip_power"] * watt
    gpu_rate = case["gpu_price"] * (1 + case["gpu_host_share"]) / used + case["gpu"].power * watt
    return rate, gpu_rate


def costs(case, growth=1.1):
    """Cost of a token on SRAM and on GPUs at the speed that is asked."""
    (rate, gpu_rate), speed, slow = card_rates(case), case["target_speed"], case["gpu_time_ratio"]
    gpu_work = slow * least(gpu_ways(case, growth), speed * slow)
    return rate * least(sram_ways(case, case["layer_floor"], growth), speed), gpu_rate * gpu_work


def least(ways, speed):
    """The least card-seconds of the ways that give a speed."""
    return min((seconds for fast, seconds in ways if fast >= speed), default=math.inf)


def top(ways):
    return max(speed for speed, _ in ways)


def all_parameters(model):
    if model.has("total_parameters"):
        return model.total_parameters
    hidden = model.hidden_size
    attention = 2 * hidden * model.head_dim * (model.heads + model.kv_heads)
    layer = attention + 3 * hidden * model.ffn_size + 2 * hidden
    return model.layers * layer + 2 * model.vocabulary * hidden + hidden


def cache_of_token(case):
    model = case["model"]
    return 2 * model.layers * model.kv_heads * model.head_dim * case["bytes_per_element"]


# SRAM


def layer_and_hand_over(case, floor, width, tokens, length):
    """Time of some tokens in a layer of a stage of a width, and of passing them on."""
    model, chip = case["model"], case["chip"]
    every = read = active = all_parameters(model)
    if model.has("experts"):
        active, experts, chosen = model.active_parameters, model.experts, model.experts_per_token
        one = (every - active) / (experts - chosen)
        touched = experts * (1 - (1 - chosen / experts) ** tokens)
        read = active + (touched - chosen) * one
    part = model.layers * width
    bandwidth = part * case["bandwidth_share"] * chip.memory_bandwidth
    reading = read * case["bytes_per_parameter"] / bandwidth
    computing = 2 * active * tokens / (part * case["compute_share"] * peak(chip))
    caches = tokens * length * cache_of_token(case) / bandwidth
    message = tokens * model.hidden_size * case["bytes_per_activation"]
    over_link = message / case["link_bandwidth"]
    hops = 0 if width == 1 else 1 if width <= case["node_cards"] else 3
    latency, bytes_ = hops * case["hop_latency"], (width - 1) * hops * over_link
    exchange = min(latency + bytes_, 2 * latency + 2 * bytes_ / width)
    layer = max(reading, computing) + caches + 2 * exchange + floor
    return layer, case["hop_latency"] + over_link


def peak(chip):
    return chip.fp16_compute if chip.has("fp16_compute") else chip.fp8_compute


def sram_way(case, floor, width, batch):
    model, length = case["model"], case["context_length"]
    weights = all_parameters(model) * case["bytes_per_parameter"]
    needed = weights + batch * length * cache_of_token(case)
    stages = math.ceil(math.ceil(needed / case["chip"].memory) / width)
    tokens = math.ceil(batch / stages)
    layer, hand_over = layer_and_hand_over(case, floor, width, tokens, length)
    token = model.layers * layer + (stages - 1) * hand_over

    prompt = length - case["output_tokens"]
    layer_of_prompt, _ = layer_and_hand_over(case, floor, width, math.ceil(prompt), 0)
    products = 2 * model.layers * model.heads * model.head_dim * prompt**2
    attention = products / (stages * width * case["compute_share"] * peak(case["chip"]))
    work = model.layers * layer_of_prompt / stages + attention
    busy = batch / (tokens * stages) * token
    time = max(token, busy + batch * work / case["output_tokens"])
    return 1 / time, stages * width * time / batch


# GPUs


@cache
def fitted(engine):
    with (DATA / "serving_constants.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["engine"] in ("", engine)]
    return {row["name"]: float(row["value"]) * UNITS[row["unit"]] for row in rows}


def interval(engine, experts):
    """Between which factors nine tenths of the residuals lie; of few, those of all engines."""
    with (DATA / "serving_residuals.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["experts"] == str(experts)]
    own = [row for row in rows if row["engine"] == engine]
    logs = sorted(float(row["output_time"]) for row in (own if len(own) >= 40 else rows))
    low = max(math.floor(0.05 * (len(logs) + 1)), 1)
    high = min(math.ceil(0.95 * (len(logs) + 1)), len(logs))
    return min(math.exp(logs[low - 1]), 1), max(math.exp(logs[high - 1]), 1)


def gpu_way(case, width, batch):
    model, gpu, engine = case["model"], case["gpu"], case["engine"]
    fit, of_layer = fitted(engine), {n: catalog.value(f"serving_model.{n}") for n in STRUCTURE}
    layers, hidden, size = model.layers, model.hidden_size, case["bytes_per_parameter"]
    wide = of_layer["bytes_per_activation"]
    output = model.vocabulary * hidden
    inner = layers * 2 * hidden * model.head_dim * (model.heads + model.kv_heads)
    if model.has("experts"):
        experts, chosen, results = model.experts, model.experts_per_token, model.expert_ffn_size
        expert = 3 * hidden * results * layers
        results, stages = chosen * results * layers, of_layer["expert_stages"] * layers
        common = inner * (wide if size < 1 else size) + output * wide
    else:
        experts, chosen, expert = 1, 1, 0
        inner += 3 * hidden * model.ffn_size * layers
        results, stages = model.ffn_size * layers, of_layer["dense_stages"] * layers
        common = inner * size + output * wide

    written, prompt = case["output_tokens"], case["context_length"] - case["output_tokens"]
    per_token, split = cache_of_token(case), min(width, model.kv_heads)
    reserved = per_token * (prompt + written * catalog.value(f"{engine}.reserved_output"))
    free = catalog.value(f"{engine}.memory_share") * gpu.memory * width
    free -= common + output * wide + experts * expert * size
    held = free / (reserved * width / split)
    if held < 1:
        return 0.0, math.inf
    running = min(batch, held)
    moved = fit["bandwidth_share"] * gpu.memory_bandwidth

    def products(tokens):
        weights = inner + output + chosen * expert / fit["expert_compute_share"]
        return 2 * tokens * weights / (width * fit["compute_share"] * gpu.fp16_compute)

    def exchanges(tokens):
        others, latency = width - 1, (width > 1) * fit["all_reduce_latency"]
        sent = tokens * hidden * wide / (fit["bandwidth_share"] * gpu.link_bandwidth)
        return 2 * layers * min(latency + others * sent, 2 * latency + 2 * others * sent / width)

    touched = experts * (1 - (1 - chosen / experts) ** running)
    weights_time = (common + touched * expert * size) / width / moved
    step = max(weights_time, products(running))
    step += running * per_token * (prompt + written / 2) / split / moved
    step += stages * fit["stage_floor"] + exchanges(running) + running * fit["host_per_request"]

    attention = 2 * layers * model.heads * model.head_dim * prompt**2
    prefill = products(prompt)
    prefill += attention / (width * fit["compute_share"] * gpu.fp16_compute)
    stored = of_layer["hidden_results"] * hidden * layers
    stored += of_layer["ffn_results"] * results / width
    prefill += 2 * prompt * stored * wide / moved
    prefill += stages * fit["stage_floor"] + exchanges(prompt)

    late, waves = fit["prefill_after_first"], catalog.value("serving_model.waves")
    token = step + late * running * prefill / written
    first = prefill + token + (1 - late + 1 / (2 * waves)) * max(running - 1, 0) * prefill
    first = first * batch / running + (batch / running - 1) * token * written
    whole = first + token * (written - 1)
    return 1 / token, whole * width / (batch * written)


STRUCTURE = (
    "dense_stages",
    "expert_stages",
    "hidden_results",
    "ffn_results",
    "bytes_per_activation",
)
