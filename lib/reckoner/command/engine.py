"""Papermill's engine for the notebooks of a book: a wrong parameter stops before any cell runs.

The package registers it with papermill, where it takes the place of the usual engine: plain
`papermill` refuses what the book refuses. Papermill alone imports this module, as it starts.
"""

from __future__ import annotations

from typing import Any

from papermill.engines import NBClientEngine, papermill_engines

from reckoner.command.checked_notebook import declared_parameters, with_checked


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


for _name in (None, "nbclient"):
    papermill_engines.register(_name, CheckedEngine)
