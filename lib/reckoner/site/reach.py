"""What the notebook of a chapter can reach: the files whose edit may change what it shows.

Imports are followed as they are written, those inside functions too. Chapters are found by name,
so a chapter reaches every module of its own name, and those of the chapters that judge its claims.
"""

from __future__ import annotations

from modulefinder import ModuleFinder
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from reckoner.book import Book
from reckoner.claims import parts


def reach(book: Book, chapter: str, notebook: Path, library: Path) -> list[str]:
    """The files of the library that a notebook's output may depend on.

    Every data file counts. A notebook that cannot be read, or imports what cannot be, reaches all:
    running it says what is wrong.

    Args:
        book: the book.
        chapter: the chapter.
        notebook: its notebook.
        library: the folder of the packages.
    """
    data = list(library.rglob("*.csv"))
    try:
        return sorted(map(str, {*data, *_imported(book, chapter, notebook, library)}))
    except (OSError, ValueError, SyntaxError, ImportError):
        return sorted(map(str, [*data, *library.rglob("*.py")]))


def _imported(book: Book, chapter: str, notebook: Path, library: Path) -> set[Path]:
    finder = ModuleFinder([str(library)])
    finder.scan_code(compile(_code(notebook), str(notebook), "exec"), finder.add_module("__main__"))
    for name in judges(book, chapter):
        for path in library.rglob(f"{name}.py"):
            finder.import_hook(".".join(path.relative_to(library).with_suffix("").parts))
    found = {Path(getattr(m, "__file__", None) or "").resolve() for m in finder.modules.values()}
    return {path for path in library.rglob("*.py") if path.resolve() in found}


def _code(notebook: Path) -> str:
    cells = nbformat.read(notebook, as_version=4).cells
    transform = TransformerManager().transform_cell
    return "\n".join(transform(cell.source) for cell in cells if cell.cell_type == "code")


def judges(book: Book, chapter: str) -> set[str]:
    """The chapters by whose results the claims of a chapter are judged, itself among them.

    A claim follows from figures that other chapters examine, and may change others; a second
    verdict comes from the results of its own chapter.
    """
    home = {claim.id: claim.chapter for claim in book.claims}
    leads = [(home[row.id], row.chapter) for row in book.again]
    for claim in book.claims:
        others = (*claim.parents, *parts(claim.decides))
        leads += [(claim.chapter, home[other]) for other in others]
    found: set[str] = set()
    waiting = {chapter}
    while waiting:
        found |= waiting
        waiting = {to for origin, to in leads if origin in found} - found
    return found
