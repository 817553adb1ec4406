"""Files that appear under their names only once they are whole and on the disk."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""What stands for the standard output."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path in the same folder for a file that takes the name `path` once all is on the disk.

    A link is written through, and a file that is there keeps its permissions.

    Raises:
        OSError: something is there that is no file.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode if path.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        raise FileExistsError(f"{path} is there and is no file; give another name")
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} may not be written; give another name")
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield partial
        _to_disk(partial)
        if mode is not None:
            partial.chmod(stat.S_IMODE(mode))
        partial.replace(path)
        with suppress(OSError):  # not every file system can do it for a folder
            _to_disk(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would outlast a power cut."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def partials(path: Path) -> list[Path]:
    """What killed processes left half-written of a file."""
    path = path.resolve()
    return list(path.parent.glob(f".{path.name}.{'?' * 8}{path.suffix}"))


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that appears under its name only once it is whole."""
    with whole(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def is_stream(path: Path) -> bool:
    """Whether a name stands for the standard output, a pipe or a terminal, and for no file."""
    if str(path) in STDOUT:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def put(path: Path, content: str) -> None:
    """Write a whole file, or into the stream that a name stands for.

    Raises:
        OSError: nothing can be written there.
    """
    if not is_stream(path):
        write_whole(path, content)
    elif str(path) in STDOUT:
        sys.stdout.write(content)
        sys.stdout.flush()
    else:
        with path.open("w", encoding="utf-8") as stream:
            stream.write(content)
