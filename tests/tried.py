"""How many cases of each kind the tests try, for the page that says so.

    .venv/bin/python tests/tried.py

counts the cases that pytest finds and writes `tried.csv`. Nothing is run.
"""

import contextlib
import csv
import io
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KINDS = {
    "kills": (
        "test_a_build_that_is_stopped", "test_a_build_that_is_killed", "test_of_two_builds",
        "test_a_sweep_that_is_stopped", "test_a_rerun_that_is_stopped", "test_a_stop_that_is",
        "test_ctrl_c_before", "test_killing_a_worker", "test_what_a_worker_sent",
        "test_folders_of_killed_runs",
    ),
    "places": (
        "test_a_full_disk", "test_too_little_memory", "test_a_place_that_cannot_be_written",
        "test_a_rerun_that_fails", "test_a_unit_that_would_not_end",
    ),
    "chunks": ("test_a_chunk_of_which", "test_a_damaged_chunk", "test_a_damaged_plan"),
    "tables": ("test_a_damaged_table", "test_a_damaged_cell", "test_a_damaged_manifest"),
    "configurations": (
        "test_a_wrong_config", "test_a_field_that_cannot_be", "test_a_format_that_is_not_known",
        "test_whatever_a_field_holds",
    ),
    "counted": ("test_a_count_agrees_with_transformers",),
    "files": (
        "test_a_wrong_chip", "test_a_wrong_description", "test_what_is_no_table",
        "test_what_is_no_json", "test_a_row_that_cannot_be_predicted", "test_any_bytes",
    ),
    "arguments": (
        "test_what_is_wrong_stops", "test_papermill_stops", "test_any_argument",
        "test_whatever_papermill", "test_malformed_values", "test_any_text_is_taken",
    ),
    "names": ("test_every_text_takes_files_and_no_name", "test_a_name_is_text"),
    "policies": ("test_a_page_needs_nothing", "test_no_script_that_gets"),
    "looks": ("test_a_page_is_accessible_at", "test_every_control_shows"),
}  # fmt: skip
"""By kind: how the tests that try it begin."""


def found() -> list[str]:
    """The names of all cases."""

    class Collected:
        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            names.extend(item.name for item in items)

    names: list[str] = []
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", str(HERE)], [Collected()])
    return names


def counted(names: list[str]) -> list[dict[str, str]]:
    """A row for each kind."""
    return [
        {"kind": kind, "cases": str(sum(name.startswith(starts) for name in names))}
        for kind, starts in KINDS.items()
    ]


def main() -> None:
    with (HERE / "tried.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["kind", "cases"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(counted(found()))


if __name__ == "__main__":
    main()
