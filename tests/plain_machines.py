"""The ways to run SRAM chips and GPUs a second time, point by point in plain arithmetic.

Written from the definitions, for models with KV heads, gated feed-forward networks and either no
experts or experts in every layer. Of the library it uses the rows of the catalog alone.
"""

import csv
import math
from functools import cache

import numpy as np
from scipy.stats import t as student

from inference_economics import catalog
from inference_economics.quantities import DATA

UNITS = {"share": 1.0, "ratio": 1.0, "us": 1e-6, "ms": 1e-3}


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
    token += max(stages - model.layers, 0) * case.get("cut_share", 0.0) * floor
    if stages * width > case.get("most_cards", math.inf):
        return 0.0, math.inf

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
    """The constants of an engine, and those of all, in SI units."""
    return {
        row["name"]: float(row["value"]) * UNITS[row["unit"]]
        for row in rows_of("serving_constants")
        if row["engine"] in ("", engine)
    }


def rows_of(name):
    with (DATA / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def reached(key, engine, quantity, form):
    """What a chip reaches: its own rows, else those of the measured chips of its generation."""
    rows = [
        row
        for row in rows_of("serving_chips")
        if row["quantity"] == quantity and row["engine"] in ("", engine)
    ]
    if any(row["format"] == form for row in rows):
        rows = [row for row in rows if row["format"] == form]
    kin = ["b200_sxm"] if catalog.chip(key).has("fp4_compute") else ["h100_sxm", "h200_sxm"]
    for systems in ([key], kin, ["h100_sxm", "h200_sxm", "b200_sxm"]):
        logs = [math.log(float(r["value"]) * UNITS[r["unit"]]) for r in rows
                if r["system"] in systems]  # fmt: skip
        if logs:
            return math.exp(sum(logs) / len(logs))
    raise KeyError(quantity)


def level(model, chip, engine, precision, quantity="output_time"):
    """The level of a series whose release is not said, and the ends of its interval over it."""
    experts = str(model.has("experts"))
    spread = {
        row["part"]: float(row["deviation"])
        for row in rows_of("serving_spreads")
        if (row["experts"], row["quantity"]) == (experts, quantity)
    }
    known = [row for row in rows_of("serving_levels") if row["experts"] == experts]
    names = ("key", "system", "backend", "release", "precision", "harness")
    own = dict(zip(names, (model.key, chip.key, engine, "", precision, "public"), strict=True))
    parts = {
        "kind": (), "engine": ("backend",), "release": ("backend", "release"), "model": ("key",),
        "model on engine": ("key", "backend"), "chip": ("system",), "series": names,
    }  # fmt: skip

    def shared(one, other):
        found = sum(spread[part] ** 2 for part, columns in parts.items()
                    if all(one[c] == other[c] for c in columns))  # fmt: skip
        maker = one["harness"] == "maker" and all(one[c] == other[c] for c in names)
        return found + maker * spread["harness"] ** 2

    whole = np.array([[shared(a, b) for b in known] for a in known])
    whole += np.diag([spread["within"] ** 2 / int(row["configurations"]) for row in known])
    across = np.array([shared(own, row) for row in known])
    prior = shared(own, own)
    values = np.array([float(row[quantity]) for row in known])
    if quantity == "first_token_time":
        alone = [spread["within"] ** 2 / int(row["configurations"]) for row in known]
        alone = np.array(alone) + spread["series"] ** 2
        added = np.zeros(len(known))
        for _ in range(20):
            apart = (alone + added) * np.linalg.solve(whole + np.diag(added), values)
            added = np.maximum((2 * alone + apart**2) / 5, alone) - alone
        whole = whole + np.diag(added)
    else:
        ends = np.array([2.5 * math.sqrt(shared(row, row)) for row in known])
        values = np.clip(values, -ends, ends)
    middle = across @ np.linalg.solve(whole, values)
    variance = prior - across @ np.linalg.solve(whole, across)
    width = math.sqrt(max(variance, 0) + spread["within"] ** 2)
    bound = math.exp(width * student.ppf(0.95, 4) * math.sqrt(0.5))
    return math.exp(middle), 1 / bound, bound


def format_of(case):
    size = case["bytes_per_parameter"]
    if size < 1:
        return "fp4" if case["gpu"].has("fp4_compute") else "int4"
    return "fp8" if size == 1 else "bf16"


def interval(case):
    """Between which factors nine tenths of what is measured is to lie."""
    return level(case["model"], case["gpu"], case["engine"], format_of(case))[1:]


PEAKS = {"fp8": "fp8_compute", "fp4": "fp4_compute"}


def gpu_way(case, width, batch):
    model, gpu, engine, form = case["model"], case["gpu"], case["engine"], format_of(case)
    fit, of_layer = fitted(engine), {n: catalog.value(f"serving_model.{n}") for n in STRUCTURE}
    layers, hidden, size = model.layers, model.hidden_size, case["bytes_per_parameter"]
    wide, mixed = of_layer["bytes_per_activation"], model.has("experts")
    output = model.vocabulary * hidden
    inner = layers * 2 * hidden * model.head_dim * (model.heads + model.kv_heads)
    common_form = form if form == "fp8" or (form == "fp4" and not mixed) else "bf16"
    if mixed:
        experts, chosen, results = model.experts, model.experts_per_token, model.expert_ffn_size
        expert = 3 * hidden * results * layers
        results, own_floor = chosen * results * layers, fit["mixture_overhead"]
        common = inner * (wide if size < 1 else size) + output * wide
    else:
        experts, chosen, expert = 1, 1, 0
        inner += 3 * hidden * model.ffn_size * layers
        results, own_floor = model.ffn_size * layers, fit["layer_overhead"]
        common = inner * size + output * wide

    def of(quantity, which=""):
        return reached(gpu.key, engine, quantity, which)

    def peak(which):
        return gpu.values.get(PEAKS.get(which, "fp16_compute"), gpu.fp16_compute)

    written, prompt = case["output_tokens"], case["context_length"] - case["output_tokens"]
    per_token, split = cache_of_token(case), min(width, model.kv_heads)
    reserved = per_token * (prompt + written * catalog.value(f"{engine}.reserved_output"))
    free = catalog.value(f"{engine}.memory_share") * gpu.memory * width
    free -= common + output * wide + experts * expert * size
    held = free / (reserved * width / split)
    if held < 1:
        return 0.0, math.inf
    running, bandwidth = max(min(batch, held), 1), gpu.memory_bandwidth
    moved = of("bandwidth_share", common_form) * fit["bandwidth_factor"] * bandwidth
    sharp = of_layer["sharpness"]

    def corner(one, other):
        return (one**sharp + other**sharp) ** (1 / sharp)

    def matrices(tokens):
        speed = of("compute_share", common_form) * fit["compute_factor"] * peak(common_form)
        time = corner(common / width / moved, 2 * tokens * (inner + output) / (width * speed))
        if not mixed:
            return time
        touched = experts * (1 - (1 - chosen / experts) ** max(tokens * fit["routing_spread"], 1))
        speed = of("expert_compute_share", form) * fit["expert_compute_factor"] * peak(form)
        read = touched * expert * size / width / (of("expert_bandwidth_share", form) * bandwidth)
        return time + corner(read, 2 * tokens * chosen * expert / (width * speed))

    def exchanges(tokens):
        others, many = width - 1, width > 1
        sent = tokens * hidden * wide / (of("link_share") * gpu.link_bandwidth)
        once = many * of("all_reduce_latency") + others * sent
        return 2 * layers * min(once, many * of("all_reduce_in_two") + 2 * others * sent / width)

    new = fit["new_chip_floor"] if gpu.has("fp4_compute") else 1
    floors = layers * own_floor * new
    if mixed:
        floors += layers * of("expert_floor", form) * fit["expert_floor_share"]
    cache_form = "fp8" if case["bytes_per_element"] <= 1 else "bf16"
    reads = of("cache_share", cache_form) * fit["cache_factor"] * bandwidth
    step = matrices(running) + running * per_token * (prompt + written / 2) / split / reads
    step += floors + exchanges(running)
    step += fit["step_overhead"] + running * fit["host_per_request"]

    attention = 2 * layers * model.heads * model.head_dim * prompt**2
    prefill = matrices(prompt) + attention / (width * of("attention_share") * gpu.fp16_compute)
    stored = of_layer["hidden_results"] * hidden * layers
    stored += of_layer["ffn_results"] * results / width
    prefill += 2 * prompt * stored * wide / moved + floors + exchanges(prompt)

    own, first_own = (
        level(model, gpu, engine, form, name)[0] for name in ("output_time", "first_token_time")
    )
    token = own * (step + fit["prefill_after_first"] * running * prefill / written)
    first = fit["first_overhead"] + prefill + token
    first += max(running - 1, 0) * prefill / (2 * of_layer["waves"])
    first = first_own * first + (batch / running - 1) * token * written
    whole = first + token * (written - 1)
    return 1 / token, whole * width / (batch * written)


STRUCTURE = ("hidden_results", "ffn_results", "bytes_per_activation", "sharpness", "waves")
