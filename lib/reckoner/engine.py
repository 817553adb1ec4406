"""Papermill's engine for the notebooks of a book: a wrong parameter stops before any cell runs.

The package registers it with papermill, where it takes the place of the usual engine: plain
`papermill` refuses what the book refuses. A notebook is a book's when a cell of it says
`from PACKAGE import open_chapter` and `open_chapter("NAME", ...)`; others run as ever.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

import click
from papermill.engines import NBClientEngine, papermill_engines

from reckoner.parameters import ParameterError, Parameters


class RefusedError(ParameterError, click.ClickException):
    """A parameter is wrong; a command line shows the message without a traceback."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        click.ClickException.__init__(self, message)


_BOOK = re.compile(r"^from ([\w.]+) import (?:.*\b)?open_chapter\b", re.MULTILINE)
_CHAPTER = re.compile(r"\bopen_chapter\(\s*[\"'](\w+)[\"']")
_ADDED_BY_PAPERMILL = {"PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH"}


class CheckedEngine(NBClientEngine):  # type: ignore[misc]
    """Runs a notebook as papermill does, once its parameters are found to be allowed."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, *args: Any, **options: Any) -> Any:
        """Check the parameters, then run the notebook.

        Raises:
            RefusedError: a name is unknown or a value is not allowed; nothing has run.
        """
        declared = declared_parameters(nb)
        given = dict(nb.metadata.get("papermill", {}).get("parameters", {}))
        if declared is not None and given:
            nb = with_checked(nb, declared, given)
        return super().execute_notebook(nb, kernel_name, *args, **options)


def declared_parameters(nb: Any) -> Parameters | None:
    """The declared parameters of a book's notebook; None for any other notebook."""
    source = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "code")
    book, chapter = _BOOK.search(source), _CHAPTER.search(source)
    if not book or not chapter:
        return None
    declared: Parameters = importlib.import_module(book[1]).BOOK.parameters(chapter[1])
    return declared


def with_checked(nb: Any, declared: Parameters, given: dict[str, Any]) -> Any:
    """The notebook with its parameters checked, each in its declared type."""
    from papermill.parameterize import parameterize_notebook  # which imports the engines

    own = {name: value for name, value in given.items() if name not in _ADDED_BY_PAPERMILL}
    try:
        checked = declared.check(own)
    except ParameterError as error:
        raise RefusedError(str(error)) from None
    exact = {**given, **{name: checked[name] for name in own}}
    return parameterize_notebook(nb, exact) if repr(exact) != repr(given) else nb


for _name in (None, "nbclient"):
    papermill_engines.register(_name, CheckedEngine)
