"""Where a table comes from: the version, the commit, and a hash of the data files."""

from __future__ import annotations

import hashlib
import importlib
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from reckoner.book import Book


def provenance(book: Book) -> dict[str, str]:
    """Version of the book, commit of its repository, and hash of its data files.

    A commit that ends in "-dirty" has uncommitted changes; "unknown" means no repository. Commit
    and hash name what they are: one of digits alone would be read from a table as a number.
    """
    folder = _folder(book.package)
    return {
        "version": _version(book.distribution),
        "commit": _commit(folder),
        "data": "sha256:" + _hash((book.data or folder).rglob("*.csv")),
    }


@cache
def code_hash(package: str) -> str:
    """A hash of a book's package and of the machinery: equal ones give equal results."""
    files = (
        path for folder in (_folder(package), _folder("reckoner")) for path in folder.rglob("*")
    )
    return _hash(path for path in files if path.suffix in {".py", ".csv"})


def _folder(package: str) -> Path:
    """The folder of the outermost package."""
    return Path(importlib.import_module(package.split(".")[0]).__file__ or "").parent


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except (PackageNotFoundError, ValueError):
        return "unknown"


@cache
def _commit(folder: Path) -> str:
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = done.stdout.strip()
    return f"git:{found}" if found else "unknown"


def _hash(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]
