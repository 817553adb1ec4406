"""A wrong row stops the build, and the message names file, row and column."""

import copy
from importlib import import_module

import pytest
from pydantic import BaseModel

from inference_economics import catalog
from inference_economics.quantities import DATA
from reckoner.declare.tables import Constant, DataError, Number, read_rows
from reckoner.declare.units import same_dimension

HEADER = "id,key,subject,quantity,value,unit,verified,source,locator,note\n"
GOOD = "X1,chip,A chip,memory,80,GB,yes,a source,page 1,\n"


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        ("X1,chip,A chip,memory,80,GB,yes,,page,\n", "source", "at least 1 character"),
        ("X1,chip,A chip,memory,-80,GB,yes,s,page,\n", "value", "not negative"),
        ("X1,chip,A chip,memory,nan,GB,yes,s,page,\n", "value", "finite"),
        ("X1,chip,A chip,memory,eighty,GB,yes,s,page,\n", "value", "not a number"),
        ("X1,chip,A chip,memory,8_0,GB,yes,s,page,\n", "value", "not a number.*; found '8_0'"),
        ("X1,chip,A chip,memory,80,GX,yes,s,page,\n", "unit", "unknown unit 'GX'"),
        ("X1,chip,A chip,memory,80,GB,perhaps,s,page,\n", "verified", "boolean"),
        ("X1,chip,A chip,memory,80,GB,yes\n", "source", "string"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, row, column, message):
    path = tmp_path / "chips.csv"
    path.write_text(HEADER + row)
    with pytest.raises(DataError, match=message) as error:
        read_rows(path, Constant)
    assert "chips.csv, line 2 (row 'X1')" in str(error.value)
    assert f"column '{column}'" in str(error.value)
    assert "None" not in str(error.value)


class Measured(BaseModel):
    id: str
    value: Number


@pytest.mark.parametrize("cell", ["8_0", "８０", "eighty", "inf", "nan", ""])
def test_a_number_is_written_with_plain_digits(tmp_path, cell):
    path = tmp_path / "rows.csv"
    path.write_text(f"id,value\nX1,{cell}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"rows\.csv, line 2 \(row 'X1'\), column 'value'"):
        read_rows(path, Measured)


def test_a_figure_is_said_in_its_unit_and_a_text_as_it_stands():
    assert catalog.constant("groq_lpu.memory").words == "230 MB"
    assert catalog.constant("llama2_7b.attention").words == "MHA"


def test_a_cell_may_have_two_lines_and_no_character_that_is_not_seen(tmp_path):
    path = tmp_path / "chips.csv"
    path.write_text(HEADER + GOOD.replace("a source", '"a source\nof two lines"'))
    assert read_rows(path, Constant)[0].source == "a source\nof two lines"
    path.write_text(HEADER + GOOD.replace("a source", "a\u200bsource"), "utf-8")
    with pytest.raises(DataError, match=r"column 'source': it has a character .*U\+200B; remove"):
        read_rows(path, Constant)


def test_a_name_stands_once(tmp_path):
    path = tmp_path / "chips.csv"
    path.write_text(HEADER + GOOD + GOOD)
    with pytest.raises(DataError, match=r"chips\.csv, row 3, column 'id'.*already"):
        read_rows(path, Constant, unique=("id",))


def test_a_missing_column_is_named(tmp_path):
    path = tmp_path / "chips.csv"
    path.write_text(HEADER.replace(",source", "") + GOOD)
    with pytest.raises(DataError, match="header: expected the columns id, key"):
        read_rows(path, Constant)


def test_an_address_stands_once_over_all_files():
    rows = catalog.constants().values()
    assert len({row.address for row in rows}) == len(rows)


def test_every_figure_has_a_source_that_can_be_found():
    for row in catalog.constants().values():
        assert row.source, f"{row.id}: no source"
        assert row.locator or not row.verified, f"{row.id}: seen, but where?"


def test_an_unknown_constant_names_the_nearest():
    with pytest.raises(KeyError, match=r"did you mean 'h100_sxm\.memory'"):
        catalog.constant("h100_smx.memory")


def test_a_missing_constant_says_what_there_is():
    with pytest.raises(
        catalog.MissingConstantError, match=r"groq_lpu has no 'hbm'.*memory_bandwidth"
    ):
        _ = catalog.chip("groq_lpu").hbm


def test_a_short_name_of_a_chip_that_is_not_there_is_told(tmp_path, monkeypatch):
    (tmp_path / "chip_aliases.csv").write_text("alias,key\nh9,h9_sxm\n", "utf-8")
    (tmp_path / "chip_names.csv").write_bytes((DATA / "chip_names.csv").read_bytes())
    constants = import_module("inference_economics.catalog.constants")
    monkeypatch.setattr(constants, "DATA", tmp_path)
    constants.chip_names.cache_clear()
    constants.chip_aliases.cache_clear()
    try:
        with pytest.raises(DataError, match=r"row 'h9', column 'key': no chip 'h9_sxm'"):
            constants.chip_aliases()
    finally:
        constants.chip_names.cache_clear()
        constants.chip_aliases.cache_clear()


def test_a_chip_can_be_copied_and_lacks_what_only_python_asks_for():
    chip = catalog.chip("groq_lpu")
    assert copy.deepcopy(chip) == chip
    with pytest.raises(AttributeError, match=r"^__fspath__$"):
        chip.__fspath__  # noqa: B018 - the asking is what is tried


def test_units_of_one_kind_are_told_from_others_and_from_none():
    assert same_dimension("GB", "KiB") and same_dimension("ms", "s")
    assert not same_dimension("GB", "s") and not same_dimension("GB", "no unit at all")


def test_decimal_and_binary_units_are_kept_apart():
    printed, paper = catalog.constant("groq_lpu.memory"), catalog.constant("groq_lpu.memory_paper")
    assert (printed.unit, paper.unit) == ("MB", "MiB")
    assert printed.si == 230 * 10**6
    assert paper.si == 220 * 2**20
