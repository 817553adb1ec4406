"""What an executed notebook says: its sentences and its figures, to compare with another run."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import nbformat

_UNSPOKEN = re.compile(r"\$\$.*?\$\$[^\n]*|\{cite\}`[^`]*`|<[^>]+>", re.DOTALL)
_END = re.compile(r"(?<=[.?!:])\s+(?=[^a-z])")
_NUMBER = re.compile(r"[−-]?\$?\d(?:[\d.,]*\d)?")
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)
_TITLE = re.compile(r'class="mark-group role-title">(.*?)</text>', re.DOTALL)
_SPOKEN = re.compile(r'aria-label="([^"]*)"')
ALIKE = 0.5
"""From so much in common on, of one, two sentences are one that was changed."""


@dataclass(frozen=True)
class Figure:
    """A figure of a notebook, or another picture or table of it.

    Attributes:
        name: its name; of one without, the heading above it.
        title: what stands over it.
        spoken: what a reader hears who does not see it.
        digest: changes with any word or number in it, those of its table too, and not with style.
    """

    name: str
    title: str
    spoken: str
    digest: str


@dataclass(frozen=True)
class Said:
    """A sentence that was changed.

    Attributes:
        was: as it was; empty for a new one.
        now: as it is; empty for one that is gone.
    """

    was: str
    now: str

    @property
    def turned(self) -> bool:
        """Whether it says something else, and not only another number."""
        return masked(self.was) != masked(self.now)


def sentences(notebook: str) -> list[str]:
    """The sentences that the cells of an executed notebook computed, without marks."""
    found = []
    for _, _, data in _outputs(notebook):
        for part in _UNSPOKEN.sub("", data.get("text/markdown", "")).split("\n\n"):
            text = re.sub(r"\s+", " ", html.unescape(part)).replace("\\$", "$").strip()
            found += [each for each in _END.split(text) if re.search(r"\w", each)]
    return found


def figures(notebook: str) -> dict[str, Figure]:
    """The figures of an executed notebook by name; what has no name stands under its heading."""
    found: dict[str, Figure] = {}
    for cell, heading, data in _outputs(notebook):
        if drawn := data.get("text/html"):
            named = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
            name = _free(named or f"under “{heading}”", found)
            title, spoken = (_first(pattern, drawn) for pattern in (_TITLE, _SPOKEN))
            words = " ".join(_UNSEEN.sub(" ", drawn).split())
            digest = hashlib.sha256(words.encode()).hexdigest()[:16]
            found[name] = Figure(name, title, spoken, digest)
    return found


def changed(before: list[str], after: list[str]) -> list[Said]:
    """The sentences that are not as they were, each beside what it was."""
    found: list[Said] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, stop, first, last in matcher.get_opcodes():
        if tag != "equal":
            found += _paired(before[start:stop], after[first:last])
    return found


def masked(text: str) -> str:
    """A sentence with a mark for each number."""
    return _NUMBER.sub("#", text)


def _paired(before: list[str], after: list[str]) -> Iterator[Said]:
    left = list(before)
    for now in after:
        was = max(left, key=lambda text: _likeness(text, now), default="")
        if was and _likeness(was, now) >= ALIKE:
            left.remove(was)
            yield Said(was, now)
        else:
            yield Said("", now)
    for was in left:
        yield Said(was, "")


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, masked(one).split(), masked(other).split()).ratio()


def _free(name: str, taken: dict[str, Figure]) -> str:
    count = 2
    while name in taken:
        name = f"{name.split(', no. ')[0]}, no. {count}"
        count += 1
    return name


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    plain = re.sub(r"<[^>]+>", " ", found.group(1)) if found else ""
    return html.unescape(re.sub(r"\s+", " ", plain)).strip()


def _outputs(notebook: str) -> Iterator[tuple[Any, str, dict[str, str]]]:
    """Each cell with outputs, the heading above it, and what it shows, by kind."""
    heading = ""
    for cell in nbformat.reads(notebook, as_version=4).cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+ (.*)$", cell.source, re.MULTILINE)
            heading = headings[-1] if headings else heading
        for output in cell.get("outputs", []):
            yield cell, heading, output.get("data", {})
