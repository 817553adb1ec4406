"""What a machine says of itself: processor, cores, caches, memory and its bandwidth."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
CPU_INFO = Path("/proc/cpuinfo")
BYTES = {"K": 2.0**10, "M": 2.0**20, "G": 2.0**30}


@dataclass(frozen=True)
class About:
    """What stands in every row of a machine; the attributes are those of `rows.OfKit`."""

    machine: str
    device: str
    memory: float
    limit: float | None
    cache: float
    core_cache: float
    software: str
    taken: str

    def cells(self) -> dict[str, Any]:
        """The cells by column."""
        return asdict(self)


def cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def about_processor(limit: float | None = None) -> About:
    """The processor of this machine.

    Args:
        limit: physical bandwidth of the memory in byte/s, if the user knows it.
    """
    found = caches()
    shared = found.get(3) or found.get(2, 0.0)
    many = len(cores())
    return About(
        machine=f"{_name()}, {many} core{'s' if many > 1 else ''}",
        device="cpu",
        memory=float(psutil.virtual_memory().total),
        limit=limit or limit_of_memory(),
        cache=shared,
        core_cache=found.get(2, found.get(1, 0.0)),
        software=f"python {platform.python_version()}; numpy {np.__version__}; {_products()}",
        taken=datetime.now(UTC).date().isoformat(),
    )


def _name() -> str:
    if CPU_INFO.exists():
        named = re.search(r"^model name\s*:\s*(.+)$", CPU_INFO.read_text(), re.MULTILINE)
        if named:
            return " ".join(named[1].split())
    return platform.processor() or platform.machine()


def _products() -> str:
    """The library that multiplies matrices for NumPy."""
    known: Any = np.show_config(mode="dicts")
    blas = known["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


def caches() -> dict[int, float]:
    """Bytes of the caches that the first core uses for data, by level; none where none says."""
    found = {}
    for place in CACHES.glob("index*"):
        try:
            kind, level, size = (
                (place / name).read_text().strip() for name in ("type", "level", "size")
            )
        except OSError:
            continue
        if kind != "Instruction":
            found[int(level)] = float(size[:-1]) * BYTES[size[-1]]
    return found


def limit_of_memory() -> float | None:
    """Bandwidth of all memory modules in byte/s, at most; nothing if the machine does not tell.

    `dmidecode` says it to an administrator; a virtual machine names no modules.
    """
    tool = shutil.which("dmidecode")
    if tool is None:
        return None
    done = subprocess.run([tool, "-t", "17"], capture_output=True, text=True, check=False)
    return limit_in(done.stdout)


def limit_in(text: str) -> float | None:
    """What modules listed by `dmidecode -t 17` read together in byte/s, if they say it."""
    total = 0.0
    for module in text.split("\n\n"):
        speed = re.search(r"Configured Memory Speed: (\d+) MT/s", module)
        width = re.search(r"Data Width: (\d+) bits", module)
        if speed and width:
            total += float(speed[1]) * 1e6 * float(width[1]) / 8
    return total or None


def free_memory() -> float:
    """Bytes that can be taken without moving others out."""
    return float(psutil.virtual_memory().available)
