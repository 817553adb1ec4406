"""Constants as a reader sees them: in a text, and behind a live figure with their sources."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import groupby

from reckoner.declare.parameters import Parameter
from reckoner.declare.tables import Constant
from reckoner.declare.units import base_unit, shown
from reckoner.show.marks import mark

Rows = Mapping[str, Constant]


def in_words(row: Constant, digits: int = 3) -> str:
    """A row of the data as a reader sees it, marked with where it stands."""
    return mark(f"catalog.{row.id}", str(shown(row.si, base_unit(row.unit), digits)))


def listed(rows: Rows, addresses: Sequence[str], chosen: Sequence[Parameter]) -> str:
    """The constants of a figure as a list; nothing if it names none.

    Args:
        rows: the catalog's rows by address.
        addresses: those to list; {name} stands for the key chosen there.
        chosen: what is chosen by name in the figure.
    """
    by_subject = groupby(addresses, lambda address: address.split(".")[0])
    items = "".join(_subject(rows, chosen, key, list(group)) for key, group in by_subject)
    if not items:
        return ""
    return f'<ul class="live-constants" aria-label="Constants of this figure">{items}</ul>'


def _subject(rows: Rows, chosen: Sequence[Parameter], key: str, addresses: list[str]) -> str:
    """The constants of a subject, or of each that can be chosen in its place."""
    choice = next((c for c in chosen if key == f"{{{c.name}}}"), None)
    if choice is None:
        return _item([rows[address] for address in addresses])
    items = ""
    for name in choice.choices:
        known = (rows.get(address.replace(key, name)) for address in addresses)
        hidden = "" if name == choice.default else " hidden"
        items += _item(
            [row for row in known if row], f' data-chosen="{choice.name}={name}"{hidden}'
        )
    return items


def _item(rows: list[Constant], attributes: str = "") -> str:
    """The constants of one subject as an item of a list."""
    if not rows:
        return ""
    spans = " ".join(map(_constant, rows))
    return f"<li{attributes}>{html.escape(rows[0].subject)}: {spans}</li>"


def _constant(row: Constant) -> str:
    seen = "seen in the source" if row.verified else "unverified"
    name = html.escape(f"{row.quantity.replace('_', ' ')} {row.words}")
    return (
        f'<span class="live-constant" tabindex="0">{name}'
        f'<span class="live-source" role="tooltip">{html.escape(row.source)}; {seen}</span></span>'
    )
