"""What a page may load and run: its policy, which browsers keep, from a folder too.

No script stands in a page and none is made from text (Vega's expressions are interpreted). What is
allowed beyond files of the site: pictures within the page, and for a measurement there WebAssembly
and workers that the page makes. Attributes named style stay allowed: pictures and drawings have the
theme's colours in them, and with no script and pictures of the site alone they can load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

_SELF = "'self' file:"
"""The site's own files, wherever it lies: browsers differ in whether 'self' is the folder."""
_STYLES = "style-src-attr 'unsafe-inline'"
OF_SITE = "; ".join(
    [
        "default-src 'none'",
        f"script-src {_SELF} 'wasm-unsafe-eval'",
        "worker-src blob:",
        f"style-src {_SELF}",
        _STYLES,
        f"img-src {_SELF} data:",
        "base-uri 'none'",
        f"form-action {_SELF}",
    ]
)


def of_one_page(script: str, style: str) -> str:
    """The policy of a page that is alone: this script and this style, and pictures in it."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            _STYLES,
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def tag(policy: str) -> str:
    """The policy as a line of a page's head; what stands before it is not under it."""
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def refused(tag: str, values: Mapping[str, str]) -> list[str]:
    """What in an element of a page of the site its policy keeps from running or from showing.

    Args:
        tag: the element's name.
        values: its attributes.
    """
    found = [f"{name} of <{tag}>" for name in values if name.startswith("on")]
    found += [
        f"{name}={value!r}"
        for name, value in values.items()
        if value.strip().lower().startswith("javascript:")
    ]
    data = tag == "script" and ("src" in values or values.get("type") == "application/json")
    return found + ([f"<{tag}>"] if tag in {"script", "style"} and not data else [])
