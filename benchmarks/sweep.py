"""Ten million points of `batching`: the sweep against the same arithmetic written by hand in NumPy.

    .venv/bin/python benchmarks/sweep.py [points-along-the-first-axis]

Four things are timed in one run, on the same points:

- by hand: the chapter's arithmetic on whole arrays, results kept in memory, nothing written;
- by hand, written: the same, then the same table written as Parquet with pyarrow;
- the sweep: `spacetime sweep batching ... -o table.parquet`, from the start of the command to its
  end, with its processes, its chunks, and the table written;
- llm-analysis, if LLM_ANALYSIS names a Python that has it: one configuration of its `inference`
  (70B, batch 128, eight H100), repeated, without its start; against it one process that evaluates
  a chunk of the sweep, repeated, without its start too.

The two tables are compared, value by value. The memory is the sum of the resident memory of all the
sweep's processes, sampled twenty times a second. To have llm-analysis:

    python3 -m venv llm-analysis-env && llm-analysis-env/bin/pip install llm-analysis
    LLM_ANALYSIS=llm-analysis-env/bin/python .venv/bin/python benchmarks/sweep.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from inference_economics.book import BOOK
from reckoner.sweep.evaluate import evaluate
from reckoner.sweep.points import Sweep
from record import record

ROOT = Path(__file__).parent.parent
CONTEXTS, PRICES = 200, 200


def axes(batches: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Context lengths, batch sizes and card prices, in the order of the declarations."""
    return (
        np.round(np.linspace(1000, 100_000, CONTEXTS)),
        np.linspace(1.0, batches, batches),
        np.linspace(1000.0, 10_000.0, PRICES),
    )


def by_hand(batches: int) -> dict[str, np.ndarray | float]:
    """The arithmetic of the chapter for LLaMA-2 70B on Groq's card, as one would write it."""
    grids = np.meshgrid(*axes(batches), indexing="ij")
    context, batch, price = (grid.ravel() for grid in grids)
    weights, memory, speed = 70e9, 230e6, 500.0
    cache = 2 * 80 * 8 * 128 * 1.0 * context
    misread = cache / 2**30 * 1e9
    cache_batch = cache * batch
    needed = weights + cache_batch
    cards = np.ceil(needed / memory)
    cluster = cards * price
    throughput = batch * speed
    cost = cluster / throughput
    weight_cards = np.ceil(weights / memory)
    alone = weight_cards * price
    alone_cost = alone / speed
    gpu = 30000.0 / 425.0
    request_cards = np.ceil(cache / memory)
    request = request_cards * price
    floor = request / speed

    def break_even(target, kv):
        return np.ceil(price * weights / np.maximum(target * speed * memory - price * kv, 0))

    with np.errstate(all="ignore"):
        parity = break_even(gpu, cache)
        consumer = break_even(0.5 * gpu, cache)
        breaking = break_even(floor, cache)
        breaking_gib = break_even(floor, misread)
        effective = 1000.0 * price
        held = np.maximum(-np.ceil((weights - 1000.0 * memory) / cache), 0)
        effective_cost = effective / (held * speed)
    return {
        "context_length": context, "batch_size": batch, "card_price": price,
        "weights": weights, "weight_cards": weight_cards, "batch1_price": alone,
        "batch1_cost": alone_cost, "gpu_cost": gpu, "batch1_ratio": alone_cost / gpu,
        "kv_cache": cache, "misread_kv_cache": misread, "kv_cache_batch": cache_batch,
        "needed": needed, "cards": cards, "cluster_price": cluster,
        "price_growth": cluster / alone, "throughput": throughput, "cost": cost,
        "cost_ratio": cost / gpu, "cards_per_request": request_cards,
        "price_per_request": request, "floor": floor,
        "cost_limit": price * cache / (memory * speed),
        "cost_limit_gib": price * misread / (memory * speed),
        "floor_breaking_batch": breaking, "floor_breaking_batch_gib": breaking_gib,
        "consumer_batch": consumer, "effective_price": effective, "effective_batch": held,
        "effective_cost": effective_cost, "parity_batch": parity,
        "parity_cards": np.ceil((weights + cache * parity) / memory),
    }  # fmt: skip


def write(columns: dict[str, np.ndarray | float], path: Path) -> None:
    """Write the table, a million rows at a time, as the sweep's own writer would."""
    size = len(columns["cost"])
    names = [name for name, column in columns.items() if np.ndim(column) == 0]
    schema = pa.schema([(name, pa.float64()) for name in columns])
    with pq.ParquetWriter(path, schema, use_dictionary=names, write_statistics=False) as writer:
        for start in range(0, size, 1_000_000):
            stop = min(start + 1_000_000, size)
            arrays = [
                pa.array(np.broadcast_to(c, stop - start) if np.ndim(c) == 0 else c[start:stop])
                for c in columns.values()
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def sweep(batches: int, output: Path) -> tuple[float, float]:
    """Run the command; give its seconds, and the most memory that its processes had at once."""
    command = [
        sys.executable, "-m", "inference_economics.command", "sweep", "batching",
        "-p", f"context_length=1000:100000:{CONTEXTS}", "-p", f"batch_size=1:{batches}:{batches}",
        "-p", f"card_price=1000:10000:{PRICES}", "-o", str(output), "--no-progress",
    ]  # fmt: skip
    most, start = 0.0, time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT)
    while process.poll() is None:
        most = max(most, memory_of(process.pid))
        time.sleep(0.05)
    if process.returncode:
        sys.exit("the sweep failed")
    return time.perf_counter() - start, most


def memory_of(pid: int) -> float:
    """Resident bytes of a process and of those that it started."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.Error:
        pass
    return total


def differences(columns: dict[str, np.ndarray | float], output: Path) -> list[str]:
    """The columns in which the sweep's table differs from the arrays made by hand."""
    found, start = set(), 0
    file = pq.ParquetFile(output)
    headings = {name.split(" [")[0]: name for name in file.schema_arrow.names}
    for batch in file.iter_batches(1_000_000, columns=[headings[name] for name in columns]):
        stop = start + batch.num_rows
        for name, column in columns.items():
            mine = np.broadcast_to(column, len(columns["cost"]))[start:stop]
            if not np.array_equal(batch.column(headings[name]).to_numpy(), mine):
                found.add(name)
        start = stop
    return sorted(found | (set() if start == len(columns["cost"]) else {"rows"}))


LLM_ANALYSIS = """
import logging, time
logging.disable(logging.CRITICAL)
from llm_analysis.analysis import LLMAnalysis
from llm_analysis.config import (ParallelismConfig, get_dtype_config_by_name,
                                 get_gpu_config_by_name, get_model_config_by_name)
analysis = LLMAnalysis(
    get_model_config_by_name("upstage_Llama-2-70b-instruct-v2"),
    get_gpu_config_by_name("h100-sxm-80gb"),
    get_dtype_config_by_name("w8a8e16"),
    ParallelismConfig(tp_size=8),
    flops_efficiency=1, hbm_memory_efficiency=1,
)
def once():
    analysis.inference(batch_size_per_gpu=128, seq_len=2048, num_tokens_to_generate=2048)
once()
start = time.perf_counter()
for _ in range(200):
    once()
import sys
print("seconds", (time.perf_counter() - start) / 200, file=sys.stderr)
"""


def per_point(batches: int) -> float:
    """Seconds that one process takes for a point, all its results, once it is at work."""
    values = {
        "context_length": f"1000:100000:{CONTEXTS}",
        "batch_size": f"1:{batches}:{batches}",
        "card_price": f"1000:10000:{PRICES}",
    }
    tasks = Sweep(BOOK, "batching", values)
    evaluate(tasks.task(0, ""))
    start = time.perf_counter()
    count = sum(len(evaluate(tasks.task(number % tasks.chunks, ""))) for number in range(12))
    return (time.perf_counter() - start) / count


def llm_analysis() -> float | None:
    """Seconds that llm-analysis takes for one configuration, or None where it is missing."""
    python = os.environ.get("LLM_ANALYSIS", sys.executable)
    done = subprocess.run([python, "-c", LLM_ANALYSIS], capture_output=True, text=True, check=False)
    lines = [line.split() for line in done.stderr.splitlines() if line.startswith("seconds ")]
    return float(lines[-1][1]) if lines else None


def main(batches: int) -> None:
    points = batches * CONTEXTS * PRICES
    with tempfile.TemporaryDirectory() as place:
        output = Path(place) / "table.parquet"
        seconds, most = sweep(batches, output)
        start = time.perf_counter()
        columns = by_hand(batches)
        hand = time.perf_counter() - start
        write(columns, Path(place) / "hand.parquet")
        written = time.perf_counter() - start
        different = differences(columns, output)
    print(f"{points:,} points, {len(columns)} columns compared: ", end="")
    print("equal to the last bit" if not different else f"DIFFERENT in {', '.join(different)}")
    record(f"{points:,} points by hand in NumPy, nothing written", hand, "s")
    record("the same, and the table written", written, "s")
    record(f"a sweep of {points:,} points, its start included", seconds, "s")
    record("against by hand, nothing written", seconds / hand, "times")
    record("against by hand, the table written", seconds / written, "times", 2)
    record("columns that differ from those by hand", len(different), "count", 0)
    record("memory of all its processes", most / 1e9, "GB", 2)
    one, mine = llm_analysis(), per_point(batches)
    if one is None:
        print("llm-analysis is not installed here (see LLM_ANALYSIS above): not compared")
    else:
        record("a point, in one process at work", mine * 1e9, "ns")
        record("a configuration, llm-analysis", one * 1e6, "µs")
        record("faster per point than llm-analysis", one / mine, "times", 1000, at_least=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 250)
