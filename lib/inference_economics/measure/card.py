"""What a card reaches: bandwidth, products, copies, and a model that its multiprocessors keep."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from inference_economics.measure.cuda import PLACE, Card
from inference_economics.measure.kit import Left, Part, Rows
from inference_economics.measure.rows import ON_CHIP, SWEEP
from inference_economics.measure.timing import Repeats, Run, repeated

SMALLEST, LARGEST = 2**20, 2**32
"""Working sets, in bytes."""
IN_GRAPH = 2**28
"""Bytes that are read by one graph, about: a single small read would be its launch."""
SIZE, QUICK_SIZE = 8192, 4096
"""Rows and columns of the matrices."""
CHAIN = 1000
"""Kernels that wait for one another in a graph."""


def parts(rows: Rows, card: Card, quick: bool) -> list[Part]:
    """The parts that only a card has.

    Args:
        rows: where they go.
        card: what is measured.
        quick: fewer sizes.
    """
    return [
        Part("bandwidth", 0.06, lambda until: _reading(rows, card, quick, until)),
        Part("copy", 0.03, lambda until: _copies(rows, card, until)),
        Part("products", 0.06, lambda until: _products(rows, card, quick, until)),
        Part("sweep of a model", 0.05, lambda until: _sweep(rows, card, until)),
    ]


def _reading(rows: Rows, card: Card, quick: bool, until: float) -> None:
    torch, size = card.torch, LARGEST
    while 2 * size > card.room():
        size //= 2
    held = torch.randint(-(2**62), 2**62, (size // 8,), device=PLACE)
    while size >= SMALLEST:
        part, times = held[: size // 8], max(1, IN_GRAPH // size)
        run = card.prepared(_again(part.max, times))
        (took,) = repeated([run], 0.2 * (until - time.perf_counter()), card.clock)
        rows.bandwidth("read", _speed(took, size * times), size, cores=card.cores(),
                       note="a reduction")  # fmt: skip
        size //= 4 if quick else 2


def _again(run: Run, times: int) -> Run:
    return lambda: [run() for _ in range(times)]


def _copies(rows: Rows, card: Card, until: float) -> None:
    torch, size = card.torch, 2**30
    if 3 * size > card.room():
        raise Left("too little memory")
    first, second = (torch.randint(0, 255, (size,), device=PLACE, dtype=torch.uint8)
                     for _ in range(2))  # fmt: skip
    pinned = torch.empty(size, dtype=torch.uint8, pin_memory=True)
    pinned.copy_(first)
    runs: list[Run] = [
        lambda: second.copy_(first),
        lambda: first.copy_(pinned, non_blocking=True),
        lambda: pinned.copy_(second, non_blocking=True),
    ]
    inside, brought, taken = repeated(runs, until - time.perf_counter(), card.clock)
    rows.bandwidth("copy, read and write", _speed(inside, 2 * size), 2 * size, note="counting both")
    for name, took in (("host to card, pinned", brought), ("card to host, pinned", taken)):
        rows.add(name, _speed(took, size / 1e9), "GB/s", size=float(size))
    one = torch.zeros(32, device=PLACE)
    run = card.prepared(_again(lambda: one.add_(1.0), CHAIN))
    (took,) = repeated([run], 0.5, card.clock)
    rows.add("smallest kernel in a graph", took.each(lambda seconds: 1e6 * seconds / CHAIN), "us",
             note=f"{CHAIN} dependent kernels, each")  # fmt: skip


def _speed(took: Repeats, amount: float) -> Repeats:
    return took.each(lambda seconds: amount / seconds)


def _products(rows: Rows, card: Card, quick: bool, until: float) -> None:
    size = QUICK_SIZE if quick else SIZE
    runs: dict[str, Run] = {}
    for name, make in _formats(card.torch, size, PLACE).items():
        try:
            run = make()
            run()
            card.torch.cuda.synchronize()
            runs[name] = run
        except (AttributeError, RuntimeError, TypeError) as error:
            rows.left_out(f"matrix product {name}", str(error).split("\n")[0][:120])
    times = repeated([*runs.values()], until - time.perf_counter(), card.clock)
    for name, took in zip(runs, times, strict=True):
        unit = "TOP/s" if name == "int8" else "TFLOP/s"
        rows.add(f"matrix product {name}", _speed(took, 2 * size**3 / 1e12), unit, precision=name,
                 operations=2.0 * size**3, note=f"{size} cubed, random")  # fmt: skip


def _formats(torch: Any, size: int, place: str) -> dict[str, Callable[[], Run]]:
    """How a product of each format is made; a card or a version may lack some."""

    def two(kind: Any) -> Any:
        return [torch.randn(size, size, device=place).to(kind) for _ in range(2)]

    def plain(kind: Any) -> Run:
        left, right = two(kind)
        return lambda: left @ right

    def tf32() -> Run:
        torch.backends.cuda.matmul.allow_tf32 = True
        return plain(torch.float32)

    def fp8() -> Run:
        left, right = two(torch.float8_e4m3fn)
        one = torch.ones((), device=place)
        return lambda: torch._scaled_mm(
            left, right.T, one, one, out_dtype=torch.bfloat16, use_fast_accum=True
        )

    def int8() -> Run:
        left, right = (torch.randint(-127, 127, (size, size), device=place, dtype=torch.int8)
                       for _ in range(2))  # fmt: skip
        return lambda: torch._int_mm(left, right.T)

    return {"bf16": lambda: plain(torch.bfloat16), "fp16": lambda: plain(torch.float16),
            "fp8": fp8, "int8": int8, "tf32": tf32}  # fmt: skip


def _sweep(rows: Rows, card: Card, until: float) -> None:
    """A model on few multiprocessors, which stream it, and on many, which keep it."""
    try:
        from inference_economics.measure import sweep
    except ImportError:
        raise Left("no package triton, which comes with PyTorch on Linux") from None
    weights, vectors = sweep.random_model(card.cores(), rows.about.cache, PLACE)
    numbers, size = sweep.programs(card.cores()), sweep.bytes_of(card.cores())
    runs = [card.prepared(partial(sweep.swept, weights, vectors, many)) for many in numbers]
    times = repeated(runs, until - time.perf_counter(), card.clock)
    for many, took in zip(numbers, times, strict=True):
        whole = size * sweep.SWEEPS
        kept = many == numbers[-1]
        rows.add(SWEEP, _speed(took, whole / 1e9), "GB/s", cores=many,
                 size=float(size), note=ON_CHIP if kept else "streamed")  # fmt: skip
