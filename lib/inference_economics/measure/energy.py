"""Energy that a machine counts itself: RAPL on a processor, NVML on a card."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Joules = Callable[[], float]

POWERCAP = Path("/sys/class/powercap")


class NoCounterError(Exception):
    """The machine does not tell its energy; the message says why."""


def of_processor(folder: Path = POWERCAP) -> Joules:
    """Joules that all packages have taken since the first call.

    Raises:
        NoCounterError: there is no counter, or it may not be read.
    """
    packages = [place for place in sorted(folder.glob("*-rapl:*")) if place.name.count(":") == 1]
    if not packages:
        raise NoCounterError("the processor shows no counter of energy (RAPL)")
    try:
        before = [_microjoules(place) for place in packages]
    except OSError:
        raise NoCounterError(
            f"the counter of energy may not be read; make {packages[0]}/energy_uj readable"
        ) from None
    total = [0.0]

    def joules() -> float:
        for place, package in enumerate(packages):
            now = _microjoules(package)
            grown = now - before[place]
            if grown < 0:
                grown += float((package / "max_energy_range_uj").read_text())
            total[0] += grown / 1e6
            before[place] = now
        return total[0]

    return joules


def _microjoules(package: Path) -> float:
    return float((package / "energy_uj").read_text())


def of_card(number: int = 0) -> Joules:
    """Joules that a card of NVIDIA has taken.

    Raises:
        NoCounterError: the package is not there, or the card has no counter.
    """
    try:
        import pynvml
    except ImportError:
        raise NoCounterError("no package pynvml; `pip install nvidia-ml-py` brings it") from None
    nvml: Any = pynvml
    try:
        nvml.nvmlInit()
        card = nvml.nvmlDeviceGetHandleByIndex(number)
        nvml.nvmlDeviceGetTotalEnergyConsumption(card)
    except nvml.NVMLError as error:
        raise NoCounterError(f"the card does not tell its energy ({error})") from None
    return lambda: float(nvml.nvmlDeviceGetTotalEnergyConsumption(card)) / 1e3


def power(joules: Joules, run: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Watts while something runs again and again, and how often it ran in a second.

    Args:
        joules: the counter.
        run: what runs; it returns when it is done.
        seconds: for how long, at least.
    """
    run()
    begin, before, times = time.perf_counter(), joules(), 0
    while (took := time.perf_counter() - begin) < seconds or not times:
        run()
        times += 1
    took = time.perf_counter() - begin
    return (joules() - before) / took, times / took
