"""Files that appear under their names only once they are whole."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path in the same folder for a file that takes the name `path` once all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def partials(path: Path) -> list[Path]:
    """What killed processes left half-written of a file."""
    return list(path.parent.glob(f".{path.name}.{'?' * 8}{path.suffix}"))


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that appears under its name only once it is whole."""
    with whole(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
