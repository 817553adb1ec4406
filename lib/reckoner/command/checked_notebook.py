"""A book's notebook and what papermill put into it, checked against the declarations.

A notebook is a book's when a cell of it says `from PACKAGE import open_chapter`, and
`open_chapter("NAME", ...)`.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

import click

from reckoner.declare.parameters import ParameterError, Parameters

_BOOK = re.compile(r"^from ([\w.]+) import (?:.*\b)?open_chapter\b", re.MULTILINE)
_CHAPTER = re.compile(r"\bopen_chapter\(\s*[\"'](\w+)[\"']")
_ADDED_BY_PAPERMILL = {"PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH"}


class RefusedError(ParameterError, click.ClickException):
    """A parameter is wrong; a command line shows the message without a traceback."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        click.ClickException.__init__(self, message)


def declared_parameters(nb: Any) -> Parameters | None:
    """The declared parameters of a book's notebook; None for any other notebook."""
    source = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "code")
    book, chapter = _BOOK.search(source), _CHAPTER.search(source)
    if not book or not chapter:
        return None
    declared: Parameters = importlib.import_module(book[1]).BOOK.parameters(chapter[1])
    return declared


def with_checked(nb: Any, declared: Parameters, given: dict[str, Any]) -> Any:
    """The notebook with its parameters checked, each in its declared type.

    Raises:
        RefusedError: a name is unknown or a value is not allowed.
    """
    from papermill.parameterize import parameterize_notebook  # it imports the engines, and they us

    own = {name: value for name, value in given.items() if name not in _ADDED_BY_PAPERMILL}
    try:
        checked = declared.check(own)
    except ParameterError as error:
        raise RefusedError(str(error)) from None
    exact = {**given, **declared.changed(own, checked)}
    return parameterize_notebook(nb, exact) if repr(exact) != repr(given) else nb
