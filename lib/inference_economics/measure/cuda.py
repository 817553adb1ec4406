"""A card of NVIDIA through PyTorch: its arrays, its clock, and what it says of itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from inference_economics.measure import energy
from inference_economics.measure.arrays import SMALL, Array, Host
from inference_economics.measure.device import Processor
from inference_economics.measure.machine import About
from inference_economics.measure.timing import Run

PLACE = "cuda"
"""PyTorch's name of the card."""
SHARE = 0.9
"""Of the free memory of a card that the kit takes unless it is told a number."""


def why_not() -> str:
    """What is missing for measuring a card; nothing if it can be done."""
    try:
        import torch
    except ImportError:
        return "no package torch, which a card needs; `pip install .[measure]` brings it"
    return "" if torch.cuda.is_available() else "PyTorch finds no card of NVIDIA"


class Tensors(Host):
    """PyTorch's tensors, 16 bits a number.

    Attributes:
        place: the name of a device of PyTorch.
    """

    precision = "bf16"
    element = 2.0

    def __init__(self, place: str, seed: int = 0) -> None:
        import torch

        super().__init__(seed)
        torch.manual_seed(seed)
        self.xp: Any = torch
        self.place = place

    def random(self, *shape: int, scale: float = 1.0) -> Array:
        torch = self.xp
        return torch.randn(shape, device=self.place, dtype=torch.bfloat16).mul_(scale)

    def constant(self, values: Any) -> Array:
        torch = self.xp
        return torch.as_tensor(np.asarray(values), device=self.place).to(torch.bfloat16)

    def exactly(self, values: Array) -> Any:
        return values.double().cpu().numpy()

    def norm(self, x: Array, weight: Array) -> Array:
        return self.xp.nn.functional.rms_norm(x, weight.shape, weight, SMALL)

    def silu(self, x: Array) -> Array:
        return self.xp.nn.functional.silu(x)

    def attend(self, q: Array, k: Array, v: Array, scale: float) -> Array:
        of = self.xp.nn.functional.scaled_dot_product_attention
        if q.ndim == 3:
            return of(q[:, None], k[:, None], v[:, None], scale=scale)[:, 0]
        return of(q, k, v, scale=scale)

    def attend_causally(self, q: Array, k: Array, v: Array, scale: float) -> Array:
        groups, sharing, tokens, width = q.shape
        out = self.xp.nn.functional.scaled_dot_product_attention(
            q.reshape(1, groups * sharing, tokens, width), k[None], v[None], is_causal=True,
            scale=scale, enable_gqa=sharing > 1,
        )  # fmt: skip
        return out[0].reshape(groups, sharing, tokens, -1)


class Card(Processor):
    """The first card that PyTorch finds."""

    kind = "cuda"

    def __init__(self, memory: float | None = None) -> None:
        super().__init__(memory)
        self.on = Tensors(PLACE)
        self.torch = self.on.xp

    def about(self, limit: float | None) -> About:
        card = self.torch.cuda.get_device_properties(0)
        told, driver = _told()
        return About(
            machine=str(card.name),
            device=self.kind,
            memory=float(card.total_memory),
            limit=limit or told,
            cache=float(card.L2_cache_size),
            core_cache=float(card.shared_memory_per_multiprocessor),
            software=f"torch {self.torch.__version__}; driver {driver or 'not known'}",
            taken=datetime.now(UTC).date().isoformat(),
        )

    def cores(self) -> int:
        return int(self.torch.cuda.get_device_properties(0).multi_processor_count)

    def room(self, taken: float = 0.0) -> float:
        self.torch.cuda.empty_cache()
        free = float(self.torch.cuda.mem_get_info()[0])
        return SHARE * free if self.most is None else min(self.most - taken, free)

    def clock(self, run: Run, times: int) -> float:
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.torch.cuda.synchronize()
        begin.record()
        for _ in range(times):
            run()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1e3 / times

    def prepared(self, run: Run) -> Run:
        """The run as a CUDA graph, which a card does without the processor."""
        cuda = self.torch.cuda
        side = cuda.Stream()
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):
            run()
            run()
        cuda.current_stream().wait_stream(side)
        graph = cuda.CUDAGraph()
        with cuda.graph(graph):
            run()
        replay: Run = graph.replay
        return replay

    def finished(self, run: Run) -> Run:
        def whole() -> None:
            run()
            self.torch.cuda.synchronize()

        return whole

    def copies(self, kept: Array) -> dict[str, Run]:
        room = self.torch.empty_like(kept)
        pinned = self.torch.empty(kept.shape, dtype=kept.dtype, pin_memory=True)
        pinned.copy_(kept)
        return {
            "prefix from memory": lambda: room.copy_(kept),
            "prefix from host memory": lambda: room.copy_(pinned, non_blocking=True),
        }

    def here(self, kept: Array) -> Any:
        return kept.contiguous().cpu().view(self.torch.int16).numpy()

    def brought(self, read: Callable[[], Any]) -> Run:
        return self.finished(lambda: self.torch.from_numpy(read()).to(PLACE))

    def joules(self) -> energy.Joules:
        return energy.of_card()

    def rest(self, seconds: float) -> None:
        self.torch.cuda.synchronize()
        time.sleep(seconds)


def _told() -> tuple[float | None, str]:
    """Bandwidth of the memory by its clock, and the driver; what NVML does not tell is missing."""
    try:
        import pynvml

        nvml: Any = pynvml
        nvml.nvmlInit()
    except Exception:  # the package, or the library that it loads, is not there
        return None, ""
    try:
        driver = str(nvml.nvmlSystemGetDriverVersion())
        card = nvml.nvmlDeviceGetHandleByIndex(0)
        clock = nvml.nvmlDeviceGetMaxClockInfo(card, nvml.NVML_CLOCK_MEM) * 1e6
        return 2 * clock * nvml.nvmlDeviceGetMemoryBusWidth(card) / 8, driver
    except nvml.NVMLError:
        return None, ""
