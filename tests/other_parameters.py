"""Two quite different parameter sets for each chapter: the sentences must stay true."""

OTHER_PARAMETERS = {
    "capacity": (
        {"model": "llama31_405b", "chip": "gc200", "bytes_per_parameter": 2.0},
        {"model": "llama2_7b", "gpu": "h200_sxm", "bytes_per_parameter": 0.5, "gpu_price": 1000.0},
    ),
    "kv_cache": (
        {"model": "deepseek_v3", "context_length": 131072, "bytes_per_element": 2.0},
        {"model": "llama2_7b", "context_length": 512, "batch_size": 4, "bytes_per_parameter": 2.0},
    ),
    "batching": (
        {"model": "llama31_8b", "context_length": 32768, "card_price": 500.0, "speed": 1200.0},
        {
            "model": "gpt3_175b",
            "batch_size": 8,
            "speed": 50.0,
            "gpu_price": 2000.0,
            "gpu_throughput": 2600.0,
            "cluster_cards": 100,
        },
    ),
    "margins": (
        {"card_cost": 5000.0, "electricity_price": 0.02, "overhead": 1.1, "lifetime": 1.0},
        {
            "model": "llama31_8b",
            "batch_size": 1,
            "electricity_price": 0.3,
            "lifetime": 10.0,
            "gpu_cost": 20000.0,
            "speed": 100.0,
        },
    ),
    "spatial_computing": (
        {"fpga": "stratix_10_280", "model_size": 20.0, "dram_bandwidth": 400.0},
        {"model_size": 500.0, "reuse": 64, "words": 1e12, "stream_inputs": 9, "circuit_depth": 6},
    ),
    "gpt4_scale": (
        {"model": "llama31_405b", "layers": 126, "speed": 20.0, "hop_latency": 10.0},
        {"chip": "groq_3_lpu", "bytes_per_parameter": 0.5, "speed": 5000.0, "context_length": 512},
    ),
    "prefill_caching": (
        {"model": "deepseek_v3", "prefix_tokens": 1000, "utilization": 0.9, "chips": 64},
        {
            "gpu": "a100_sxm_80gb",
            "input_tokens": 100,
            "output_tokens": 4000,
            "hit_rate": 0.05,
            "batch_size": 1,
            "card_price": 500.0,
        },
    ),
    "measure_it_yourself": (
        {
            "machine": "h200_sxm",
            "batch_size": 40,
            "prefix_tokens": 1000,
            "chip": "wse_3",
            "chip_power": 23e3,
        },
        {"batch_size": 1, "prefix_tokens": 20000, "gpu": "a100_sxm_80gb", "speed": 30.0},
    ),
    "comparison": (
        {"chip_1": "groq_3_lpu", "chip_3": "mi300x", "price_3": 15000.0, "model": "llama31_8b"},
        {
            "model": "deepseek_v3",
            "batch_size": 1,
            "chip_2": "own",
            "memory_2": 64.0,
            "memory_bandwidth_2": 40.0,
            "compute_reached_2": 300.0,
            "price_2": 15000.0,
            "speed_limit_2": 1000.0,
        },
    ),
    "hindsight": (
        {"model": "deepseek_v3", "context_length": 131072, "batch_size": 16, "partner": "b200_sxm"},
        {
            "model": "llama31_8b",
            "new_chip": "wse_3",
            "bytes_per_parameter": 2.0,
            "card_price": 500.0,
            "token_price": 50.0,
            "gpu_throughput": 5000.0,
            "hit_rate": 0.0,
            "busy_share": 0.1,
        },
    ),
    "occupancy": (
        {"model": "mixtral_8x7b", "tensor_parallel": 1, "batch_size": 1000, "layer_floor": 30.0},
        {
            "chip": "groq_3_lpu",
            "context_length": 256,
            "batch_size": 2000,
            "tensor_parallel": 64,
            "hop_latency": 0.1,
            "asked_speed": 20000.0,
        },
    ),
    "serving": (
        {
            "model": "deepseek_v3",
            "chip": "h200_sxm",
            "concurrency": 16,
            "engine": "sglang",
            "input_tokens": 4000,
        },
        {
            "model": "llama31_8b",
            "tensor_parallel": 1,
            "concurrency": 512,
            "precision": "bf16",
            "output_tokens": 200,
            "engine": "trtllm",
        },
    ),
    "equal_speed": (
        {
            "model": "llama31_8b",
            "context_length": 8192,
            "target_speed": 100.0,
            "card_price": 20000.0,
            "layer_floor": 0.0,
        },
        {
            "model": "mixtral_8x7b",
            "gpu": "h200_sxm",
            "engine": "trtllm",
            "target_speed": 900.0,
            "busy_share": 0.3,
            "gpu_time_ratio": 1.2,
            "gpu_price": 2000.0,
        },
    ),
    "uncertainty": (
        {"target_speed": 90.0, "samples": 64, "seed": 7},
        {"model": "mixtral_8x7b", "target_speed": 400.0, "costs": "maker", "samples": 64},
    ),
    "answer": (
        {"context_length": 2048, "output_tokens": 700, "target_speed": 60.0, "samples": 16},
        {
            "model": "llama31_8b",
            "batch_size": 32,
            "card_price": 9000.0,
            "gpu_price": 24000.0,
            "speed": 700.0,
            "gpu_throughput": 900.0,
            "samples": 8,
        },
    ),
}
