"""Marks in a text: which number of the book stands there.

A number that a chapter hands out as words carries its name between characters that no text uses.
Where a text becomes a page the mark becomes a link; where it becomes a picture it goes.

A name that a reader's own file gives may hold anything; `Verbatim` keeps Markdown from reading it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

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


_MARKUP = re.compile(r"[\\`*_{}\[\]<$&|~#!^@:]")
_KEPT = "\ue003"


class Verbatim:
    """Keeps names out of a text while its markup is read, and puts them back as they are.

    Args:
        names: names that may look like markup.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(filter(_MARKUP.search, names), key=len, reverse=True)

    def out(self, text: str) -> str:
        """The text with a sign in the place of each name."""
        for place, name in enumerate(self.names):
            text = text.replace(name, f"{_KEPT}{place}{_KEPT}")
        return text

    def back(self, text: str, code: bool = False) -> str:
        """The text, or a piece of code in it, as Markdown in which each name stands for itself."""
        for place, name in enumerate(self.names):
            shown = _MARKUP.sub(r"\\\g<0>", name).replace(r"\<", "&lt;")
            shown = name.replace("`", "'") if code else shown
            text = text.replace(f"{_KEPT}{place}{_KEPT}", shown)
        return text


def target(name: str) -> str:
    """The address of a number's explanation, from any page of the book."""
    page, _, entry = name.partition(".")
    folder = "" if page in {"catalog", "ledger"} else "numbers/"
    return f"../book/{folder}{page}.html#{entry}"
