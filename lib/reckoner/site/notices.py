"""The licences of what the site is made with, in a file beside it.

Those of Python packages are read from the packages as they are installed. What these carry of
others, with no licence text of its own, is in `notices.txt`: a heading for each text, with the file
of the site and the packages in it, as their makers publish them with their packages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from importlib.metadata import distribution
from pathlib import Path

NAME = "notices.txt"
PACKAGES = {
    "sphinx": [
        "basic.css", "doctools.js", "documentation_options.js", "language_data.js",
        "searchtools.js", "sphinx_highlight.js", "file.png", "minus.png", "plus.png",
    ],
    "pygments": ["pygments.css"],
    "pydata-sphinx-theme": ["*/pydata-sphinx-theme.*", "styles/theme.css"],
    "sphinx-book-theme": ["*/sphinx-book-theme.*"],
    "sphinx-copybutton": ["copybutton*.*", "check-solid.svg", "copy-button.svg"],
    "sphinx-design": ["design-tabs.js", "sphinx-design.min.css"],
    "myst-nb": ["mystnb.*.css"],
}  # fmt: skip
"""By the name of a Python package: its files in the site, below _static."""
_LICENCE = re.compile(r"licen[cs]e[^/]*$", re.IGNORECASE)
_HEADING = re.compile(r"^## (\S+): (.+)$", re.MULTILINE)


def notices() -> Iterator[tuple[str, list[str], str]]:
    """Whose work it is, its files in the site as patterns, and its licence."""
    for name, files in PACKAGES.items():
        found = distribution(name)
        for path in found.files or []:
            if _LICENCE.search(str(path)) and ".dist-info" in str(path):
                yield f"{name} {found.version}", files, path.read_text(encoding="utf-8").strip()
                break
    _, *parts = _HEADING.split(Path(__file__).with_name(NAME).read_text(encoding="utf-8"))
    for file, names, text in zip(*[iter(parts)] * 3, strict=True):
        yield names, [file], text.strip()


def write(static: Path) -> None:
    """Write them into the folder of the site's files."""
    shown = [f"{whose}\n(in {', '.join(files)})\n\n{text}\n" for whose, files, text in notices()]
    head = "What this site is made with, and under which licences.\n"
    (static / NAME).write_text(f"\n{'-' * 72}\n\n".join([head, *shown]), encoding="utf-8")


def missing(static: Path, own: Iterable[str]) -> list[str]:
    """Scripts and styles in that folder without a notice that are not the book's own."""
    known = [pattern for _, files, _ in notices() for pattern in files]
    names = (p.relative_to(static).as_posix() for p in sorted(static.rglob("*.[cj]s*")))
    left = [name for name in names if not any(fnmatch(name, pattern) for pattern in known)]
    return [name for name in left if name not in set(own)]
