"""What every worksheet must keep: units that add up, defaults that pass, results that are shown."""

import re
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

import nbformat
import pandas as pd
import pint
import pytest

from inference_economics.book import BOOK
from inference_economics.quantities import DATA
from inference_economics.serving import kernels
from inference_economics.serving.constants import fitted_rows
from inference_economics.units import Count
from other_parameters import OTHER_PARAMETERS
from reckoner.declare.parameters import Parameter
from reckoner.declare.tables import read_rows
from reckoner.declare.trace import reading
from reckoner.declare.units import is_unit, quantity
from reckoner.declare.worksheet import Lines, WorksheetError, worksheet

ROOT = Path(__file__).parent.parent
by_chapter = pytest.mark.parametrize("chapter", BOOK.chapters)

UNITS = {row.name: row.unit for row in fitted_rows()}
UNITS |= {row.quantity: row.unit for row in read_rows(kernels.STORED, kernels.Reached)}
UNITS |= {"series_level": "ratio", "first_level": "ratio", "decode_step": "s"}
UNITS |= dict.fromkeys(("shards", "layers", "parameters", "held", "workers", "batch"), "count")
UNITS |= {"keepers": "count", "model_size": "B", "swept_rate": "B/s", "memory_rate": "B/s"}
UNITS |= dict.fromkeys(("weight_bytes", "cache_bytes", "element", "size"), "B")
UNITS |= {"seconds": "s", "context": "token", "product_rate": "FLOP/s", "power": "W"}
UNITS |= dict.fromkeys(("bandwidth", "path", "rate"), "B/s")
UNITS |= {row.quantity: row.unit for row in BOOK.constants.values()}
UNITS |= {
    p.follows[1]: p.unit for name in BOOK.chapters for p in BOOK.parameters(name) if p.follows
}
"""The unit of each quantity: a fit, some record's row, or a parameter that replaces one has it."""


def as_quantity(address, value):
    """What a row gives, as a quantity of the row's unit."""
    row = BOOK.constants.get(address)
    unit = row.unit if row else UNITS[address.split(".")[-1]]
    return value if isinstance(value, str | pint.Quantity) else quantity(value, unit)


def base_with_units(chapter, values):
    """A chapter's inputs, each with its unit."""
    declared = BOOK.parameters(chapter)
    units = {p.name: p.unit for p in declared if not p.by_name}
    base = declared.base(values)
    return {n: quantity(v, units[n]) if n in units else v for n, v in base.items()}


def with_units(chapter, values):
    """A chapter's results when every input and every row that is read carries its unit."""
    given = base_with_units(chapter, values)
    with pytest.MonkeyPatch.context() as patch:
        of_answer(patch)
        with reading(as_quantity):
            return vars(BOOK.worksheet(chapter)(**given))


def of_answer(patch):
    """Of the chapter `answer`: what it takes from another has units, and samples have none."""
    module = import_module("inference_economics.worksheets.answer")

    def without_units(function):
        def run(*arguments):
            with reading(lambda _, value: getattr(value, "magnitude", value)):
                return function(*arguments)

        return run

    for name in ("answers", "draw"):
        patch.setattr(module, name, without_units(getattr(module, name)))
    given = base_with_units("equal_speed", {})
    patch.setattr(module, "usual", lambda: given)


@pytest.mark.parametrize("chapter", [name for name in BOOK.chapters if name != "uncertainty"])
@pytest.mark.parametrize("which", ["default", 0, 1])
@pytest.mark.filterwarnings("ignore::pint.UnitStrippedWarning")
def test_units_of_results_are_those_declared(chapter, which):
    values = {} if which == "default" else OTHER_PARAMETERS[chapter][which]
    plain = vars(BOOK.worksheet(chapter)(**BOOK.parameters(chapter).base(values)))
    for name, result in with_units(chapter, values).items():
        found = result if isinstance(result, pint.Quantity) else quantity(result, "count")
        expected = quantity(1.0, BOOK.units(chapter)[name])
        missing = name in BOOK.worksheet(chapter).optional and pd.isna(result)
        assert missing or found.dimensionality == expected.dimensionality, name
        magnitude = found.magnitude if missing else found.to(expected.units).magnitude
        assert magnitude == pytest.approx(plain[name], rel=1e-9, nan_ok=True), name


def test_units_of_samples_are_those_of_what_is_sampled():
    """Shares and ratios of samples have none; a break-even has that of the input it is of."""
    units, sampled = BOOK.units("uncertainty"), BOOK.parameters("equal_speed")
    speeds = ("gpu_until", "sram_from", "nobody_from", "sram_speed")
    inputs = {"break_even_floor": "layer_floor"}
    inputs |= dict.fromkeys(("break_even_price", "small_break_even_price"), "card_price")
    inputs |= dict.fromkeys(speeds, "target_speed")
    for name, unit in units.items():
        of = sampled[inputs[name]].unit if name in inputs else "count"
        if name.startswith(("sram_cost", "gpu_cost")):
            of = BOOK.units("equal_speed")["cost"]
        assert quantity(1.0, unit).dimensionality == quantity(1.0, of).dimensionality, name


@by_chapter
def test_every_unit_is_known(chapter):
    units = {**BOOK.units(chapter), **{p.name: p.unit for p in BOOK.parameters(chapter)}}
    assert [name for name, unit in units.items() if unit != "name" and not is_unit(unit)] == []


@by_chapter
def test_every_default_passes_its_own_check(chapter):
    declared = BOOK.parameters(chapter)
    assert declared.check(declared.defaults) == declared.defaults


@by_chapter
def test_no_result_has_an_inputs_name(chapter):
    assert BOOK.units(chapter).keys() & {p.name for p in BOOK.parameters(chapter)} == set()


EGGS = partial(Parameter, default=24.0, unit="count", label="eggs", help="", source="hens")


def with_numbers(name):
    """A choice that some numbers follow, which are inputs without standing in the signature."""
    return replace(EGGS(name), numbers=(EGGS(f"{name}_boxed"),))


def result(eggs: Count = EGGS) -> Lines:
    eggs: Count = eggs / 2
    return locals()


def step(eggs: Count = EGGS) -> Lines:
    eggs = eggs / 2
    return locals()


def follower(eggs: Count = with_numbers) -> Lines:
    eggs_boxed: Count = eggs / 2
    return locals()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (result, "eggs is both an input and a result"),
        (step, "eggs is both an input and a step"),
        (follower, "eggs_boxed is both an input and a result"),
    ],
)
def test_a_name_is_an_input_or_a_line_and_never_both(function, message):
    with pytest.raises(WorksheetError, match=f"{function.__name__}: {message}"):
        _ = worksheet(function).parameters
    if function is not follower:  # whose numbers are known once data are read
        with pytest.raises(WorksheetError, match=message):
            worksheet(function)


NAMED = re.compile(r"[.,\"'{]([\w{}]+)")
"""A name as code, format fields and the columns of data files write it."""


def shown_by(chapter):
    """The names that notebook, figures' module, pages, claims and slider of a chapter show."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    texts += [repr(BOOK.live(chapter))]
    modules = (ROOT / "lib" / "inference_economics" / "chapters").glob(f"{chapter}*.py")
    texts += [module.read_text(encoding="utf-8") for module in modules]
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "book").glob("*.md"))
    texts += re.findall(rf"\b{chapter}(\.\w+)", pages)
    for name in ("claims", "second_verdicts", "predictions"):
        lines = (DATA / f"{name}.csv").read_text(encoding="utf-8").splitlines()
        texts += [line for line in lines if name == "predictions" or f",{chapter}," in line]
    return {found for text in texts for found in NAMED.findall(text)}


@by_chapter
def test_every_result_is_shown_somewhere(chapter):
    shown = {re.sub(r"\\{.*?\\}", r"\\w+", re.escape(name)) for name in shown_by(chapter)}
    every = re.compile("|".join(shown))
    assert [name for name in BOOK.units(chapter) if not every.fullmatch(name)] == []
