"""Side by side with others' models on the unseen rows of dense models: how far is each off?

The others are installed in an environment of their own, as their requirements differ:

    python -m venv peers
    peers/bin/pip install llm-analysis genz-llm aiconfigurator
    .venv/bin/python benchmarks/serving_peers.py peers/bin/python

Each gets what a row says (model, chip, precision, parallelism, lengths, requests) and its own
defaults for the rest; none is fitted here. Whatever is not installed, or refuses a row, is said.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pandas as pd

from inference_economics import catalog
from inference_economics.chapters.serving_accuracy import counted
from inference_economics.serving.engines import bytes_of, kv_bytes_of
from record import record

SHAPE = ("layers", "hidden_size", "heads", "kv_heads", "head_dim", "ffn_size", "vocabulary")

LLM_ANALYSIS = """
from llm_analysis.analysis import LLMAnalysis
from llm_analysis.config import DtypeConfig, GPUConfig, ModelConfig, ParallelismConfig

def predict(row):
    bits = int(8 * row["bytes"])
    model = ModelConfig(
        name="model", num_layers=row["layers"], n_head=row["heads"],
        hidden_dim=row["hidden_size"], vocab_size=row["vocabulary"], max_seq_len=131072,
        num_key_value_heads=row["kv_heads"], ffn_embed_dim=row["ffn_size"],
    )
    gpu = GPUConfig(
        name="gpu", mem_per_GPU_in_GB=row["memory"] / 1e9,
        hbm_bandwidth_in_GB_per_sec=row["memory_bandwidth"] / 1e9,
        intra_node_bandwidth_in_GB_per_sec=row["link_bandwidth"] / 1e9,
        intra_node_min_message_latency=8e-6, peak_fp16_TFLOPS=row["fp16_compute"] / 1e12,
        peak_i8_TFLOPS=row["fp8_compute"] / 1e12,
    )
    analysis = LLMAnalysis(
        model, gpu,
        DtypeConfig(name="d", weight_bits=bits, activation_bits=bits, embedding_bits=16),
        ParallelismConfig(tp_size=row["tp"]), flops_efficiency=1, hbm_memory_efficiency=1,
    )
    found = analysis.inference(
        batch_size_per_gpu=row["requests"], seq_len=row["isl"], num_tokens_to_generate=row["osl"],
        kv_cache_dtype_bytes=row["kv_bytes"],
    )
    return found["total_decode_latency"] / row["osl"] * 1e3
"""

GENZ = """
import GenZ

def predict(row):
    model = GenZ.ModelConfig(
        model="model", vocab_size=row["vocabulary"], max_model_len=131072,
        hidden_size=row["hidden_size"], intermediate_size=row["ffn_size"], num_ffi=2,
        num_decoder_layers=row["layers"], num_attention_heads=row["heads"],
        num_key_value_heads=row["kv_heads"], head_dim=row["head_dim"],
    )
    compute = row["fp8_compute"] if row["bytes"] == 1 else row["fp16_compute"]
    system = dict(
        Flops=round(compute / 1e12), Memory_size=round(row["memory"] / 1e9),
        Memory_BW=round(row["memory_bandwidth"] / 1e9), ICN=round(row["link_bandwidth"] / 1e9),
        real_values=True,
    )
    return float(GenZ.decode_moddeling(
        model=model, batch_size=row["requests"], input_tokens=row["isl"],
        output_tokens=row["osl"], Bb=1, system_name=system,
        bits="int8" if row["bytes"] == 1 else "bf16", tensor_parallel=row["tp"],
        model_offload=True,
    )["Latency"])
"""

AICONFIGURATOR = """
from aiconfigurator.cli.api import cli_estimate

NAMES = {
    "qwen3_32b": "Qwen/Qwen3-32B",
    "llama31_8b": "meta-llama/Meta-Llama-3.1-8B",
    "llama31_70b": "meta-llama/Meta-Llama-3.1-70B",
}

def predict(row):
    return cli_estimate(
        NAMES[row["key"]], row["system"], backend_name=row["backend"], isl=row["isl"],
        osl=row["osl"], batch_size=row["requests"], tp_size=row["tp"],
        gemm_quant_mode="fp8" if row["bytes"] == 1 else "bfloat16",
        kvcache_quant_mode="fp8" if row["kv_bytes"] == 1 else "bfloat16",
        fmha_quant_mode="bfloat16",
    ).tpot
"""

LOOP = """
import contextlib, json, logging, os, sys, warnings

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
found = []
with open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
    for row in json.load(sys.stdin):
        try:
            found.append(predict(row))
        except Exception as error:
            found.append(type(error).__name__ + ": " + str(error)[:200])
print(json.dumps(found))
"""


def rows_to_predict() -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The unseen rows of dense models, and the same as plain values for the others."""
    unseen = counted("unseen")
    dense = unseen[~unseen["experts"]]
    plain = []
    for row in dense.to_dict("records"):
        chip, model = catalog.chip(row["system"]), catalog.model(row["key"])
        plain.append(
            {
                "key": row["key"],
                "system": row["system"],
                "backend": row["backend"],
                "isl": int(row["isl"]),
                "osl": int(row["osl"]),
                "requests": int(row["requests"]),
                "tp": int(row["tensor_parallel"]),
                "bytes": bytes_of(row["precision"]),
                "kv_bytes": int(kv_bytes_of(row["backend"], row["precision"])),
                **{name: int(model.values[name]) for name in SHAPE},
                "memory": chip.memory,
                "memory_bandwidth": chip.memory_bandwidth,
                "link_bandwidth": chip.link_bandwidth,
                "fp16_compute": chip.fp16_compute,
                "fp8_compute": chip.fp8_compute,
            }
        )
    return dense, plain


def ask(python: str, code: str, rows: list[dict[str, Any]]) -> list[Any]:
    """What another model predicts for each row, in milliseconds, or why it does not."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", code + LOOP],
        input=json.dumps(rows), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        return [done.stderr.strip().splitlines()[-1]] * len(rows)
    answers: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def main(python: str) -> None:
    dense, plain = rows_to_predict()
    measured = dense["tpot_ms"].to_numpy()
    found: dict[str, list[Any]] = {
        "this book": list(dense["predicted_tpot_ms"]),
        "datasheet": list(dense["datasheet_tpot_ms"]),
        "llm-analysis": ask(python, LLM_ANALYSIS, plain),
        "GenZ": ask(python, GENZ, plain),
        "aiconfigurator": ask(python, AICONFIGURATOR, plain),
    }
    for name, answers in found.items():
        numbers = pd.to_numeric(pd.Series(answers), errors="coerce").to_numpy()
        error = pd.Series(numbers / measured - 1).dropna()
        size = 100 * error.abs()
        if len(error):
            record(f"median error of {name}, {len(error)} unseen dense rows", size.median(), "%")
            record(f"mean error of {name}, its sign kept", 100 * error.mean(), "%")
        refused = pd.Series([a for a in answers if isinstance(a, str)], dtype=object)
        for reason, count in refused.value_counts().head(2).items():
            print(f"    {count} rows refused: {reason}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else sys.executable)
