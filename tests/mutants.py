"""How much of a chapter's wiring its tests guard: wire its worksheet wrongly, one place at a time.

    python tests/mutants.py batching kv_cache     # these chapters; without a name, all of them
    python tests/mutants.py --limit 30 --seed 7   # thirty mutants of each, drawn otherwise
    python tests/mutants.py -o every.csv          # every mutant with what became of it
    python tests/mutants.py -s tests/mutants.csv  # how many of each chapter's were caught

Each mutant differs in one place from the worksheet: another name of the same unit, two arguments or
operands swapped, another operator, constant, attribute or row, a result made larger by 1%. It is
caught if a test of `tests/test_NAME.py` fails. A survivor that gives the worksheet's results for
the defaults and four other runs may be no mistake at all; it is told apart. No file of the working
tree is touched.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import csv
import importlib
import importlib.util
import io
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What is imported here is loaded once, before the processes part; no worksheet may be among it.
import hypothesis  # noqa: F401
import numpy as np
import pytest

from inference_economics import catalog, inputs
from reckoner.declare.units import base_unit
from reckoner.declare.worksheet import Run, Worksheet
from reckoner.execute import cores
from reckoner.show import notebook  # noqa: F401

TESTS = Path(__file__).parent
SHEETS = TESTS.parent / "lib" / "inference_economics" / "worksheets"
PACKAGE = "inference_economics.worksheets"
QUICK = ("-k", "computed_a_second_time")
"""The test that a mutant meets first; only if it passes, the whole file."""
SECONDS = 240
OPERATORS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*"}
NUMBER = (int, float, np.number)
Change = tuple[str, ast.AST, str]
"""What kind of change it is, the place, and the text that comes there."""


@dataclass(frozen=True)
class Mutant:
    """One change of a chapter's worksheet: `old` between two bytes of its file becomes `new`."""

    chapter: str
    kind: str
    line: int
    start: int
    end: int
    old: str
    new: str


def mutants(chapter: str, seed: int, limit: int | None) -> list[Mutant]:
    """Every place of a worksheet, changed in each of the ways that it allows; at most `limit`."""
    source = (SHEETS / f"{chapter}.py").read_bytes()
    sheet = importlib.import_module(f"{PACKAGE}.{chapter}").conclude
    draw = random.Random(f"{seed} {chapter}")
    made = placed(source, _changes(sheet, ast.parse(source), draw))
    found = [Mutant(chapter, *one) for one in made if one[-2] != one[-1]]
    return found if limit is None else draw.sample(found, min(limit, len(found)))


def placed(
    source: bytes, changes: Iterable[Change]
) -> Iterator[tuple[str, int, int, int, str, str]]:
    """Each change's kind, line, first and last byte, and what stands there and will."""
    starts = [0]
    for row in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(row))
    for kind, node, new in changes:
        span: Any = node
        start = starts[span.lineno - 1] + span.col_offset
        end = starts[span.end_lineno - 1] + span.end_col_offset
        yield kind, span.lineno, start, end, source[start:end].decode(), new


def _changes(sheet: Worksheet, module: ast.Module, draw: random.Random) -> Iterator[Change]:
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    function = next(f for f in functions if f.name == "conclude")
    run = sheet.run(**sheet.parameters.base({}))
    for default in function.args.defaults:
        for node in ast.walk(default):
            yield from _other_default(node, draw)
    for statement in function.body[1:-1]:
        if isinstance(statement, ast.AnnAssign) and statement.value:
            yield "result by 1%", statement.value, f"({ast.unparse(statement.value)}) * 1.01"
        before = {n for n, known in sheet.lines.items() if known.span[1] < statement.lineno}
        scope = {**run.inputs, **{n: v for n, v in run.lines.items() if n in before}}
        value = getattr(statement, "value", statement)
        owners = {id(n.value) for n in ast.walk(value) if isinstance(n, ast.Attribute)}
        for node in ast.walk(value):
            if id(node) not in owners:
                yield from _other(node, scope, run, draw)


def _other_default(node: ast.AST, draw: random.Random) -> Iterator[Change]:
    match node:
        case ast.Constant(value=str() as address) if address in catalog.constants():
            yield from _other_row(node, address, draw)
        case ast.Attribute(attr=name) if name.isupper() and callable(getattr(inputs, name, None)):
            shared = {n: f("") for n, f in vars(inputs).items() if n.isupper() and callable(f)}
            mine = shared[name]
            same = [n for n, p in shared.items() if p.unit == mine.unit]
            if others := [n for n in same if shared[n].default != mine.default]:
                yield "shared input", node, f"inputs.{draw.choice(others)}"


def _other_row(node: ast.AST, address: str, draw: random.Random) -> Iterator[Change]:
    row = catalog.constant(address)
    same = [a for a, other in catalog.constants().items() if other.unit == row.unit]
    if others := [a for a in same if catalog.constant(a).value != row.value]:
        yield "row", node, f'"{draw.choice(others)}"'


def _other(
    node: ast.AST, scope: Mapping[str, Any], run: Run, draw: random.Random
) -> Iterator[Change]:
    match node:
        case ast.Name(ctx=ast.Load(), id=name) if others := _alike(name, scope, run):
            yield "name", node, draw.choice(others)
        case ast.Attribute(value=ast.Name(id=name), attr=quantity) if name in scope:
            record = scope[name]
            kin = [n for n in _alike(name, scope, run) if hasattr(scope[n], quantity)]
            if kin:
                yield "record", node, f"{draw.choice(kin)}.{quantity}"
            known = record.values if isinstance(record, catalog.Record) else ()
            if rest := [q for q in known if q != quantity]:
                yield "quantity", node, f"{name}.{draw.choice(rest)}"
        case ast.Call(func=func, args=args, keywords=keywords) if len(args) + len(keywords) > 1:
            values = [*args, *(keyword.value for keyword in keywords)]
            one, two = draw.sample(range(len(values)), 2)
            values[one], values[two] = values[two], values[one]
            named = zip(keywords, values[len(args) :], strict=True)
            swapped = [ast.keyword(keyword.arg, value) for keyword, value in named]
            new = ast.Call(func, values[: len(args)], swapped)
            yield "arguments swapped", node, ast.unparse(new)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            first, second = f"({ast.unparse(left)})", f"({ast.unparse(right)})"
            yield "operator", node, f"({first} {OPERATORS[type(op)]} {second})"
            if isinstance(op, ast.Sub | ast.Div):
                yield "operands swapped", node, ast.unparse(ast.BinOp(right, op, left))
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            yield "constant", node, repr(number * 2 or 1)
        case ast.Constant(value=str() as address) if address in catalog.constants():
            yield from _other_row(node, address, draw)


def _alike(name: str, scope: Mapping[str, Any], run: Run) -> list[str]:
    """The other names that may stand there: records, or numbers of one unit if there are any."""
    value = scope.get(name)
    others = [n for n in scope if n != name]
    if isinstance(value, catalog.Record):
        return [n for n in others if type(scope[n]) is type(value)]
    if not isinstance(value, NUMBER):
        return []
    units = {**run.sheet.units, **{p.name: base_unit(p.unit) for p in run.sheet.parameters}}
    numbers = [n for n in others if isinstance(scope[n], NUMBER)]
    return [n for n in numbers if units.get(n, "") == units.get(name)] or numbers


def judge(mutant: Mutant) -> str:
    """What becomes of a mutant: "caught", "survived" or "equivalent?"."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    source = (SHEETS / f"{mutant.chapter}.py").read_bytes()
    silent = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
    ):
        path = Path(folder) / f"{mutant.chapter}.py"
        path.write_bytes(source[: mutant.start] + mutant.new.encode() + source[mutant.end :])
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        _load(f"{PACKAGE}.{mutant.chapter}", path)
        options = ["-x", "-q", "-p", "no:cacheprovider", str(TESTS / f"test_{mutant.chapter}.py")]
        none = pytest.ExitCode.NO_TESTS_COLLECTED
        for chosen in (QUICK, ()):
            if pytest.main([*options, *chosen]) not in (pytest.ExitCode.OK, none):
                return "caught"
        return "equivalent?" if _same(mutant.chapter) else "survived"


def _load(module: str, path: Path) -> None:
    """Let a module come from this file."""

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> Any:
            return importlib.util.spec_from_file_location(name, path) if name == module else None

    sys.meta_path.insert(0, Finder)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"a mutant ran for more than {SECONDS} s")


def _same(chapter: str) -> bool:
    """Whether the mutant gives the worksheet's results in five quite unlike runs."""
    mutated = importlib.import_module(f"{PACKAGE}.{chapter}").conclude
    _load("original", SHEETS / f"{chapter}.py")
    original = importlib.import_module("original").conclude
    others = importlib.import_module("other_parameters").OTHER_PARAMETERS[chapter]
    draw = random.Random(chapter)
    runs = [{}, *others, *({**other, **_drawn(original, draw)} for other in others)]
    return all(
        np.array_equal(one, two, equal_nan=True)
        for values in runs
        for one, two in zip(_results(original, values), _results(mutated, values), strict=True)
    )


def _drawn(sheet: Worksheet, draw: random.Random) -> dict[str, Any]:
    """Numbers near the defaults, each unlike the others."""
    found: dict[str, Any] = {}
    for p in sheet.parameters:
        if not (p.by_name or p.follows or p.power_of):
            near = min(max(float(p.default) * draw.uniform(0.6, 1.7), p.low), p.high)
            found[p.name] = round(near) if isinstance(p.default, int) else near
    return found


def _results(sheet: Worksheet, values: Mapping[str, Any]) -> list[Any]:
    return list(vars(sheet(**sheet.parameters.base(values))).values())


def report(title: str, fates: list[tuple[Mutant, str]]) -> None:
    """Print how many were caught, and each that was not."""
    count = Counter(fate for _, fate in fates)
    share = count["caught"] / max(1, count["caught"] + count["survived"])
    print(title, dict(count), f"caught: {share:.1%}", flush=True)
    for mutant, fate in fates:
        if fate != "caught":
            print(f"  {fate}, {change(mutant)}", flush=True)


def summarize(path: Path, name: str, known: int, caught: int) -> None:
    """Write the row of a chapter or module in a summary; those of the others stay."""
    rows = {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = {row["chapter"]: row for row in csv.DictReader(file)}
    rows[name] = {"chapter": name, "mutants": str(known), "caught": str(caught)}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("chapter", "mutants", "caught"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[each] for each in sorted(rows))


def change(mutant: Mutant) -> str:
    """What a mutant differs in, in one line."""
    words = " ".join(f"{mutant.old}  →  {mutant.new}".split())
    return f"line {mutant.line}, {mutant.kind}: {words}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("chapters", nargs="*")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, help="at most so many mutants of a chapter")
    parser.add_argument("-o", "--output", type=Path, help="a CSV file of all mutants")
    parser.add_argument("-s", "--summary", type=Path, help="a CSV file of counts by chapter")
    asked = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    chapters = asked.chapters or [p.stem for p in sorted(SHEETS.glob("[a-z]*.py"))]
    everything: list[tuple[Mutant, str]] = []
    with multiprocessing.get_context("fork").Pool(cores(), maxtasksperchild=1) as pool:
        for chapter in chapters:
            if pool.apply(judge, (Mutant(chapter, "none", 1, 0, 0, "", ""),)) == "caught":
                sys.exit(f"tests/test_{chapter}.py fails without any mutant")
            made = pool.apply(mutants, (chapter, asked.seed, asked.limit))
            everything += (fates := list(zip(made, pool.imap(judge, made), strict=True)))
            report(chapter, fates)
            if asked.summary:
                count = Counter(fate for _, fate in fates)
                known = count["caught"] + count["survived"]
                summarize(asked.summary, chapter, known, count["caught"])
    print("all:", dict(Counter(fate for _, fate in everything)))
    if asked.output:
        with asked.output.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("chapter", "line", "kind", "old", "new", "fate"))
            writer.writerows((m.chapter, m.line, m.kind, m.old, m.new, f) for m, f in everything)


if __name__ == "__main__":
    main()
