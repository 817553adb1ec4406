"""Damaged data files: each damage is one line that names the file and the place, and none loads.

A damage is found by the reader of its table, by the ledger, or by the manifest, in that order.
"""

import csv
import io
import shutil
from importlib import import_module
from pathlib import Path

import pytest

from inference_economics.book import BOOK
from inference_economics.quantities import DATA
from reckoner.claims import Again, Claim
from reckoner.declare.tables import DataError, read_rows
from reckoner.ledger import Ledger
from reckoner.site import manifest

READERS = (
    ("quantities", "_symbols"), ("catalog.constants", "constants"),
    ("catalog.constants", "chip_names"), ("catalog.constants", "chip_aliases"),
    ("catalog.constants", "model_names"), ("catalog.market", "offers"),
    ("hindsight.predictions", "predictions"), ("hindsight.timeline", "timeline", "speed"),
    ("serving.constants", "fitted_rows"), ("serving.constants", "fitted"),
    ("serving.levels", "known_levels"), ("serving.levels", "spreads"),
    ("serving.kernels", "reached"), ("serving.rooflines", "products"),
    ("serving.validate", "left_out"), ("serving.runs", "models_of_runs"),
    ("serving.accuracy", "steps_of", "h100_sxm"), ("serving.accuracy", "steps_of", "h200_sxm"),
    ("serving.runs", "measured_runs"), ("serving.runs", "static_runs"), ("answer.ranges", "rows"),
)  # fmt: skip
"""Every function that reads a data file, in an order in which what is referred to comes first."""
OF_DATA = {name: import_module(f"inference_economics.{name}") for name, *_ in READERS}
OF_DATA["catalog.asked"] = import_module("inference_economics.catalog.asked")
TABLES = sorted(path.relative_to(DATA).as_posix() for path in DATA.rglob("*.csv"))


def forget():
    for module, name, *_ in READERS:
        getattr(getattr(OF_DATA[module], name), "cache_clear", lambda: None)()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A copy of the data folder, from which all that reads data reads."""
    folder = tmp_path_factory.mktemp("data") / "data"
    shutil.copytree(DATA, folder)
    BOOK.ledger.entries()  # or a chapter would first be concluded from what is damaged
    with pytest.MonkeyPatch.context() as patch:
        for module in OF_DATA.values():
            if hasattr(module, "DATA"):
                patch.setattr(module, "DATA", folder)
        for module in OF_DATA.values():
            for name in {"RUNS", "LATER_RUNS", "STATIC_RUNS", "STORED"} & {*vars(module)}:
                patch.setattr(module, name, folder / getattr(module, name).relative_to(DATA))
        yield folder
    forget()


def load(folder):
    """Read all tables of a folder, judge its claims, and compare it with its manifest."""
    forget()
    for module, name, *given in READERS:
        getattr(OF_DATA[module], name)(*given)
    claims = tuple(read_rows(folder / "claims.csv", Claim, unique=("id",)))
    again = tuple(read_rows(folder / "second_verdicts.csv", Again, unique=("id",)))
    if (claims, again) != (BOOK.claims, BOOK.again):
        own = (BOOK.conclude_by_default, BOOK._revise, BOOK._formula, BOOK._fact)
        Ledger(claims, *own, again).entries()
    manifest.check(folder)


def rows_of(content):
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def as_table(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def without(place):
    def damaged(content):
        rows = rows_of(content)
        del rows[place]
        return as_table(rows)

    return damaged


def with_cell(column, value, place=5):
    def damaged(content):
        rows = rows_of(content)
        rows[place][rows[0].index(column)] = value
        return as_table(rows)

    return damaged


def inserted(mark):
    def damaged(content):
        return content[:-40] + mark + content[-40:]

    return damaged


def half_of_rows(content):
    rows = rows_of(content)
    return as_table(rows[: len(rows) // 2])


def renamed(place):
    def damaged(content):
        rows = rows_of(content)
        rows[0][place] += "s"
        return as_table(rows)

    return damaged


OF_ALL = {
    "half": lambda content: content[: len(content) // 2], "half of the rows": half_of_rows,
    "a row less": without(3), "the last row": without(-1),
    "only a header": lambda content: content.splitlines(True)[0], "empty": lambda content: b"",
    "cut": lambda content: content[:-3],
    "unended": lambda content: content.rstrip(b"\r\n"), "a zero byte": inserted(b"\0"),
    "latin": inserted(b"\xe4"), "unseen": inserted("\u200b".encode()),
    "a row twice": lambda content: content + content.splitlines(True)[-1],
    "first column": renamed(0), "last column": renamed(-1),
}  # fmt: skip
"""Damages of every table, by what they are."""


@pytest.mark.parametrize("damage", OF_ALL.values(), ids=OF_ALL)
@pytest.mark.parametrize("table", TABLES)
def test_a_damaged_table_is_one_line_that_names_it(data, table, damage):
    whole = (DATA / table).read_bytes()
    said = refusal(data, table, damage(whole))
    place = "column" if damage in (OF_ALL["first column"], OF_ALL["last column"]) else ""
    assert place in said


def refusal(folder, table, content):
    """What is said of a table with that content; it stands as it was again afterwards."""
    assert content != (DATA / table).read_bytes()
    (folder / table).write_bytes(content)
    try:
        with pytest.raises(DataError) as refused:
            load(folder)
    finally:
        shutil.copy(DATA / table, folder / table)
    said = str(refused.value)
    assert "\n" not in said and ".csv" in said
    refers = ("there is no such claim", "no constant", "the catalog has no figure")
    assert Path(table).name in said or any(words in said for words in refers)
    return said


CELLS = [
    ("chips.csv", "value", "1,000"), ("chips.csv", "value", "1_000"), ("chips.csv", "value", ""),
    ("chips.csv", "value", "nan"), ("chips.csv", "value", "-1"), ("chips.csv", "value", "\uff11"),
    ("chips.csv", "unit", "W"), ("chips.csv", "unit", "GX"), ("chips.csv", "unit", ""),
    ("chips.csv", "locator", ""), ("chips.csv", "id", "C0001"), ("chips.csv", "key", "another"),
    ("chip_names.csv", "year", "20225"), ("chip_aliases.csv", "key", "another"),
    ("models.csv", "unit", "GB"), ("prices.csv", "unit", "W"), ("prices.csv", "value", "1,5"),
    ("history.csv", "value", ""), ("market.csv", "input_price", "a.b"),
    ("market.csv", "output_price", ""), ("market.csv", "shape", "another"),
    ("claims.csv", "value", ""), ("claims.csv", "value", "1,000"), ("claims.csv", "value", "1e400"),
    ("claims.csv", "value_unit", "W"), ("claims.csv", "value_unit", "GX"),
    ("claims.csv", "chapter", "another"), ("claims.csv", "result", "another"),
    ("claims.csv", "follows", "another"), ("claims.csv", "relation", "is"),
    ("second_verdicts.csv", "id", "another"), ("second_verdicts.csv", "result", "another"),
    ("second_verdicts.csv", "chapter", "another"), ("predictions.csv", "relation", ""),
    ("predictions.csv", "against", ""), ("ranges.csv", "unit", "W"), ("ranges.csv", "high", "inf"),
    ("ranges.csv", "low", "a.b"), ("ranges.csv", "name", "another"),
    ("serving_constants.csv", "value", "nan"), ("serving_constants.csv", "low", "9"),
    ("serving_constants.csv", "unit", "W"), ("serving_constants.csv", "engine", "another"),
    ("serving_models.csv", "key", "another"), ("serving_levels.csv", "backend", "another"),
    ("serving_levels.csv", "output_time", "nan"), ("serving_chips.csv", "value", "inf"),
    ("serving_chips.csv", "unit", "GX"), ("serving_spreads.csv", "deviation", "a.b"),
    ("serving_products.csv", "reached", "1,000"), ("measured/gpu_h100_sxm.csv", "value", "x"),
    ("timeline.csv", "fact", "another"), ("timeline.csv", "chart", "another"),
    ("timeline.csv", "date", "2024-1"),
    ("quantities.csv", "symbol", ""), ("measured/serving_h100_h200.csv", "isl", "1,000"),
    ("measured/serving_h100_h200.csv", "tp", "inf"), ("measured/serving_h100_h200.csv", "isl", ""),
    ("measured/serving_h100_h200.csv", "model", ""),
    ("measured/lmdeploy_a100_static.csv", "osl", "-1"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "column", "value"), CELLS)
def test_a_damaged_cell_is_one_line_that_names_row_and_column(data, table, column, value):
    said = refusal(data, table, with_cell(column, value)((DATA / table).read_bytes()))
    assert "column" in said or "no row" in said or "is missing" in said
    assert "line" in said or "row" in said


def test_what_is_missing_is_named(data):
    claims = (DATA / "claims.csv").read_bytes()
    gone = rows_of(claims)[3][0]
    assert f"claims.csv: row {gone!r} is missing" in refusal(data, "claims.csv", without(3)(claims))
    said = refusal(data, "prices.csv", (DATA / "prices.csv").read_bytes().rstrip(b"\n"))
    assert "the last line does not end" in said
    said = refusal(data, "claims.csv", with_cell("decides", "", 1)(claims))
    assert "column 'decides'" in said and "cells are filled" in said


def test_the_manifest_is_that_of_the_data():
    manifest.check(DATA, new=True)


def test_a_row_that_is_added_is_no_fault_until_the_manifest_is_to_be_whole(data):
    added = "wafer_9,Wafer 9,Nobody,2031,SRAM\n"
    path = data / "chip_names.csv"
    path.write_text(path.read_text("utf-8") + added, "utf-8")
    manifest.check(data)
    with pytest.raises(DataError, match=r"line \d+ \(row 'wafer_9'\): it is new; run"):
        manifest.check(data, new=True)
    shutil.copy(DATA / "chip_names.csv", path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"chips.csv": {}}', '{"chips.csv": 1}'])
def test_a_damaged_manifest_is_one_line(data, content):
    (data / manifest.NAME).write_text(content, "utf-8")
    with pytest.raises(DataError, match=r"manifest\.json") as refused:
        manifest.check(data)
    assert "\n" not in str(refused.value)
    (data / manifest.NAME).unlink()
    with pytest.raises(DataError, match=r"manifest\.json"):
        manifest.check(data)
    shutil.copy(DATA / manifest.NAME, data / manifest.NAME)
