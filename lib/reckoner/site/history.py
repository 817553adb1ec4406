"""What a file was at another commit, and which commits changed it."""

from __future__ import annotations

import subprocess
from pathlib import Path


class HistoryError(ValueError):
    """The history has no such commit. The message says what was looked for."""


def commit(name: str) -> str:
    """The full name of a commit.

    Raises:
        HistoryError: there is none of this name, or no history at all.
    """
    found = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if not found:
        raise HistoryError(f"there is no commit {name!r} here; give one that `git log` names")
    return found.strip()


def forked(name: str) -> str:
    """The last commit that this one and another have in common; the other's where there is none.

    Raises:
        HistoryError: there is no commit of this name.
    """
    other = commit(name)
    return (_git("merge-base", other, "HEAD") or other).strip()


def at(commit: str, path: Path) -> str:
    """The text of a file at a commit; empty where it was not there."""
    return _git("show", f"{commit}:{path.as_posix()}") or ""


def changes(path: Path, count: int) -> list[str]:
    """The last commits that changed a file, newest first, at most `count`."""
    found = _git("log", "--first-parent", "--format=%H", f"-{count}", "--", path.as_posix())
    return (found or "").split()


def _git(*arguments: str) -> str | None:
    """What git prints; None where it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, encoding="utf-8", check=False
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
