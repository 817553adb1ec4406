"""Marks in a text: which number of the book stands there.

A number that a chapter hands out as words carries its name between characters that no text uses.
Where a text becomes a page the mark becomes a link; where it becomes a picture it goes.
"""

from __future__ import annotations

import re

_START, _NAMED, _END = "\ue000", "\ue001", "\ue002"
_MARK = re.compile(rf"{_START}([^{_NAMED}]*){_NAMED}([^{_END}]*){_END}")


def mark(name: str, text: str) -> str:
    """The text with the name of the number that it shows, such as "batching.cost"."""
    return f"{_START}{name}{_NAMED}{text}{_END}"


def plain(text: str) -> str:
    """The text without marks."""
    return _MARK.sub(r"\2", text)


def linked(text: str) -> str:
    """HTML or Markdown in which each marked number links to where it comes from."""
    return _MARK.sub(
        lambda found: f'<a class="number" href="{target(found[1])}">{found[2]}</a>', text
    )


def target(name: str) -> str:
    """The address of a number's explanation, from any page of the book."""
    page, _, entry = name.partition(".")
    folder = "" if page in {"catalog", "ledger"} else "numbers/"
    return f"../book/{folder}{page}.html#{entry}"
