"""A figure stands once: change its row of the data, and all that comes from it moves, no more."""

import functools
import re
import sys
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from inference_economics import catalog
from inference_economics.book import BOOK
from reckoner.declare.lineage import explain
from reckoner.declare.parameters import ParameterError, Parameters
from reckoner.declare.tables import DataError
from reckoner.declare.trace import Read, tracing
from reckoner.declare.units import quantity, si
from reckoner.declare.worksheet import Worksheet

FACTORS = (1.01, 0.99, 1.5, 3.0, 1 / 3)
"""By 1% for every row; more where whole cards, or the larger of two, come between."""
ROWS = {address: row for address, row in BOOK.constants.items() if isinstance(row.value, float)}
by_chapter = pytest.mark.parametrize("chapter", [c for c in BOOK.chapters if c != "uncertainty"])
"""All but the one that samples another's worksheet: its rows are the same, and it takes minutes."""
FEW = {"answer": {"samples": 8}}
"""Inputs with which a chapter that samples is quick."""

STEPS = re.compile(r"\b(ceil|maximum|minimum|where)\(")


def has_steps(behind):
    """Whether a formula, or a procedure, has places at which its value does not follow."""
    kind, name = behind
    known = BOOK.formulary.formulas.get(name)
    return kind == "formula" and bool(name) and (known is None or bool(STEPS.search(known.code)))


@contextmanager
def changed(factors):
    """The catalog with rows multiplied by `factors`, and nothing kept from before."""
    rows = catalog.constants()
    before = {address: rows[address] for address in factors}
    for address, row in before.items():
        rows[address] = row.model_copy(update={"value": row.value * factors[address]})
    forget()
    try:
        yield
    finally:
        rows.update(before)
        forget()


def forget():
    """Empty the caches of all that was computed from the catalog, and forget declared defaults."""
    for name, module in list(sys.modules.items()):
        if name.startswith("inference_economics"):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear") and value is not catalog.constants:
                    value.cache_clear()
                if isinstance(value, Worksheet):  # another may declare its inputs as this one does
                    vars(value).pop("parameters", None)


def fresh(chapter):
    """A chapter's worksheet, with the defaults as the catalog has them now."""
    return Worksheet(BOOK.worksheet(chapter).function)


def ran(chapter):
    forget()  # what a cache keeps is not read again
    sheet = fresh(chapter)
    with tracing(ran.__code__) as choosing:  # a default may be computed, a chip chosen is read
        inputs = sheet.parameters.base(FEW.get(chapter, {}))
    run = sheet.run(**inputs)
    run.trace.reads.extend(Read(read.address, 0) for read in choosing.reads)
    return run


def moved_by(chapter, factors, before):
    """The results that differ when rows are changed."""
    with changed(factors):
        after = vars(ran(chapter).results)
    return {n for n in before if not np.array_equal(before[n], after[n], equal_nan=True)}


@functools.cache
def walk(chapter):
    """For each row that a chapter reads: the results that come from it, and those that move.

    A result comes from the rows that the site shows when a reader asks where it comes from. Where
    a search or a fit stands between, it names more than decide: then not all need to move.
    """
    run = ran(chapter)
    explained = explain(run, BOOK.formulary)

    def behind_of(key, seen):
        """The rows behind a number, and the formulas on the way."""
        yield "formula", explained[key].formula if explained[key].exact else "some named only"
        for part in explained[key].parts:
            if part.kind == "row":
                yield "row", part.key
            elif part.key and part.key not in seen:
                seen.add(part.key)
                yield from behind_of(part.key, seen)

    before = vars(run.results)
    pairs = {name: set(behind_of(name, {name})) for name in before}
    behind = {name: {key for kind, key in found if kind == "row"} for name, found in pairs.items()}
    steps = {name for name, found in pairs.items() if any(map(has_steps, found))}
    found = {}
    for row in sorted({r.address for r in run.trace.reads}.union(*behind.values()) & ROWS.keys()):
        wanted, moving = {name for name in before if row in behind[name]}, set()
        for factor in FACTORS:
            if not moving or wanted - moving - steps:
                with suppress(ParameterError, DataError):  # more than the chapter allows
                    moving |= moved_by(chapter, {row: factor}, before)
        found[row] = wanted, moving
    return found, steps


DECIDES = {"gated_mlp"}
"""Quantities that are no part of a number but decide which formula gives it."""


@by_chapter
def test_a_changed_row_moves_all_that_comes_from_it(chapter):
    """All but what whole cards, the larger of two, a search or a fit may hold where it is."""
    found, steps = walk(chapter)
    unmoved = {row: wanted - moving - steps for row, (wanted, moving) in found.items()}
    assert {row: names for row, names in unmoved.items() if names} == {}


@by_chapter
def test_a_changed_row_moves_nothing_else(chapter):
    found = {r: each for r, each in walk(chapter)[0].items() if r.split(".")[1] not in DECIDES}
    more = {row: moving - wanted for row, (wanted, moving) in found.items()}
    assert {row: names for row, names in more.items() if names} == {}


@by_chapter
def test_the_row_of_a_default_moves_something(chapter):
    """A price that stood in a second place would leave its row without effect."""
    found, _ = walk(chapter)
    rows = {p.address for p in BOOK.parameters(chapter) if p.address}
    assert [row for row in sorted(rows) if not found[row][1]] == []


@by_chapter
def test_rows_that_a_chapter_does_not_read_move_nothing(chapter):
    others = dict.fromkeys(ROWS.keys() - walk(chapter)[0].keys(), 1.01)
    assert moved_by(chapter, others, vars(ran(chapter).results)) == set()


# A number that is typed though a row has it


COINCIDENCES = {
    ("spatial_computing", "model_size"): "an assumption of this book; an H100's cache is as large",
    ("spatial_computing", "bytes_per_parameter"): "an assumption of this book about another model",
    ("spatial_computing", "layer_width"): "a layer of this book; some model's experts are as wide",
    ("serving", "input_tokens"): "the length most common among the measurements",
    ("serving", "output_tokens"): "the length most common among the measurements",
    ("equal_speed", "output_tokens"): "an output that the article calls rarely longer",
    ("answer", "output_tokens"): "as in equal_speed",
}
"""Inputs whose defaults are a row's figure by chance, and what they are instead."""


def namesakes(parameter):
    """The rows with a default's value and dimension, and with the end of its name if it is bare."""
    value, kind = si(parameter.default, parameter.unit), quantity(1.0, parameter.unit)
    last = parameter.name.rstrip("_0123456789").split("_")[-1]
    return [
        row.address
        for row in ROWS.values()
        if row.si == value
        and quantity(1.0, row.unit).dimensionality == kind.dimensionality
        and (last in row.quantity.split("_") or not kind.dimensionless)
    ]


def typed(before, after):
    """The numbers among some inputs that are a row's, and stay when all rows have changed."""
    numbers = (p for p in before if not p.by_name)
    return [p.name for p in numbers if after[p.name].default == p.default and namesakes(p)]


def with_all_rows_changed(chapter):
    """A chapter's inputs when each row is multiplied by a factor of its own."""
    with changed({address: 2.0 + i / len(ROWS) for i, address in enumerate(ROWS)}):
        return fresh(chapter).parameters


@by_chapter
def test_no_default_is_typed_though_a_row_has_it(chapter):
    found = typed(BOOK.parameters(chapter), with_all_rows_changed(chapter))
    assert found == [name for where, name in COINCIDENCES if where == chapter]


def test_a_typed_number_is_found():
    before, after = BOOK.parameters("batching"), with_all_rows_changed("batching")
    price = before["gpu_price"]
    assert typed(before, Parameters((*(p for p in after if p.name != price.name), price))) == [
        price.name
    ]


def test_inputs_of_one_name_and_default_come_from_one_row():
    rows: dict[tuple[object, ...], set[str]] = {}
    for chapter in BOOK.chapters:
        for p in BOOK.parameters(chapter):
            if not p.by_name:
                rows.setdefault((p.name, p.default, p.unit), set()).add(p.address)
    several = {p: addresses for p, addresses in rows.items() if len(addresses) > 1}
    assert {name for name, _, _ in several} == SEVERAL.keys()


SEVERAL = {
    "bytes_per_parameter": "the article's, and an assumption about the model on FPGAs",
    "tensor_parallel": "the GPUs of one machine, and the cards of a Groq node",
}
"""Inputs of one name and default that are two things, and which."""
