"""Notebooks run by papermill, and kept with no more metadata than a book needs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import psutil
from traitlets.config import Config


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def attempt(notebook: Path, executed: Path, parameters: Mapping[str, Any]) -> str:
    """Run a notebook through papermill, and write it with what it gave, whether it fails or not.

    Returns:
        Nothing, or the cell and the error that stopped it.
    """
    import papermill  # a sweep without notebooks starts sooner for it
    from papermill.exceptions import PapermillExecutionError

    error = ""
    with tempfile.TemporaryDirectory(prefix="k") as folder, _no_kernel_left():
        # The kernel listens in a folder of this run alone, not on a port open to others; its name
        # is short, as the path of a socket has about a hundred characters.
        socket = {"transport": "ipc", "ip": f"{folder}/k"}
        try:
            papermill.execute_notebook(
                str(notebook),
                str(executed),
                dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                request_save_on_cell_execute=False,
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # quiet as it shuts down
                config=Config({"KernelManager": socket}),
            )
        except PapermillExecutionError as failure:
            error = f"cell {failure.cell_index + 1}: {failure.ename}: {failure.evalue}"
    tidied = tidy(nbformat.read(executed, as_version=4))
    nbformat.write(tidied, executed)
    return error


@contextmanager
def _no_kernel_left() -> Iterator[None]:
    """End the kernels begun within if it is stopped: one that starts would miss its folder, and
    say so after the last line, or wait for it for ever."""
    before = psutil.Process().children()
    try:
        yield
    except KeyboardInterrupt:
        for kernel in psutil.Process().children():
            if kernel not in before:
                with suppress(psutil.NoSuchProcess):
                    kernel.kill()
                    kernel.wait()
        raise


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with no more metadata than the book needs: no times, no machine."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.NotebookNode(kernelspec=kernel, language_info={"name": "python"})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        kept = {k: v for k, v in cell.metadata.items() if k in {"tags", "jupyter", "mystnb"}}
        if not kept.get("tags"):
            kept.pop("tags", None)
        if kept.get("jupyter", {}).keys() - {"source_hidden"}:
            kept["jupyter"] = {"source_hidden": True}
        cell.metadata = nbformat.NotebookNode(kept)
        if cell.cell_type == "code":
            for output in cell.outputs:
                output.get("metadata", {}).clear()
    return notebook
