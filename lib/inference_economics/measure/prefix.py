"""A kept prefix: its cache loaded from where it is kept, against the prefill that makes it anew."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_economics.measure.arrays import Array


@dataclass(frozen=True)
class OnDisk:
    """A cache in a file.

    Attributes:
        path: the file.
        read: reads it into memory that is there.
        forget: lets the system drop what it keeps of the file in memory.
        sure: whether the system can be told so.
    """

    path: Path
    read: Callable[[], object]
    forget: Callable[[], None]
    sure: bool


@contextmanager
def on_disk(kept: Array, folder: Path) -> Iterator[OnDisk]:
    """A file with a cache; it goes with the block.

    Args:
        kept: the cache, in the memory of the processor.
        folder: where the file is.

    Raises:
        OSError: the folder cannot be written.
    """
    kept = np.ascontiguousarray(kept)
    room = np.empty_like(kept)
    number, name = tempfile.mkstemp(prefix=".prefix-", dir=folder)
    with os.fdopen(number, "r+b", buffering=0) as file:
        try:
            kept.tofile(file)
            os.fsync(number)

            def read() -> object:
                file.seek(0)
                part = memoryview(room).cast("B")
                while part and (got := file.readinto(part)):
                    part = part[got:]
                return room

            def forget() -> None:
                if hasattr(os, "posix_fadvise"):
                    os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)

            yield OnDisk(Path(name), read, forget, hasattr(os, "posix_fadvise"))
        finally:
            Path(name).unlink(missing_ok=True)
