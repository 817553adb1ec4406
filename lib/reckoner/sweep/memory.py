"""Memory that a process keeps for its next arrays, rather than asking for it anew each time."""

from __future__ import annotations

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as in malloc.h of the GNU C library


@cache
def keep_freed_memory() -> None:
    """Keep up to a quarter of a gigabyte of freed memory, where the C library can.

    New pages are cleared by the system one by one, which takes several times as long as the
    arithmetic that fills them.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_MMAP_THRESHOLD, 32 * 2**20)
    mallopt(_TRIM_THRESHOLD, 256 * 2**20)
