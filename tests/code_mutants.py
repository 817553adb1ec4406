"""How much of the library's code its tests guard: make a module wrong, one place at a time.

    python tests/code_mutants.py                            # every module of guards.csv
    python tests/code_mutants.py formulas --limit 20        # those whose path says so, twenty each
    python tests/code_mutants.py declare/given -o fates.csv -s tests/mutants.csv

Each mutant differs in one place: another operator or comparison, a condition turned round, another
number, `min` for `max`, an error that is not raised. It is caught if a test of the files that guard
its module (guards.csv) fails. Each runs in a process of its own, from a copy of the module; no file
of the working tree is touched. What `mutants.py` is for worksheets, this is for the rest.
"""

from __future__ import annotations

import argparse
import ast
import csv
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mutants import Mutant as WiringMutant
from mutants import change, placed, summarize
from reckoner.execute import cores

TESTS = Path(__file__).parent
LIBRARY = TESTS.parent / "lib"
SECONDS = 600
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Pow: "*", ast.FloorDiv: "*",
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum",
         "maximum": "minimum", "ceil": "floor", "floor": "ceil"}  # fmt: skip
RUN = """
import importlib.util, sys
name, path, *options = sys.argv[1:]
class Finder:
    def find_spec(found, *_):
        return importlib.util.spec_from_file_location(name, path) if found == name else None
sys.meta_path.insert(0, Finder)
import pytest
sys.exit(pytest.main(options))
"""


@dataclass(frozen=True)
class Mutant(WiringMutant):
    """One change of a module, which the files of `tests` guard; its chapter is the module."""

    tests: tuple[str, ...]


def changes(tree: ast.Module) -> Iterator[tuple[str, ast.AST, str]]:
    """The kind, the place and the new text of every change."""
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                one, two = ast.unparse(left), ast.unparse(right)
                yield "operator", node, f"(({one}) {OPERATORS[type(op)]} ({two}))"
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
                one, two = ast.unparse(left), ast.unparse(right)
                yield "comparison", node, f"(({one}) {OPERATORS[type(op)]} ({two}))"
            case ast.BoolOp(op=op, values=values):
                word = " and " if isinstance(op, ast.Or) else " or "
                yield "and, or", node, f"({word.join(f'({ast.unparse(v)})' for v in values)})"
            case ast.If(test=test) | ast.IfExp(test=test):
                yield "condition", test, f"(not ({ast.unparse(test)}))"
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                yield "number", node, repr(value * 2 or 1)
            case ast.Call(func=ast.Name(id=name) as func) if name in CALLS:
                yield "call", func, CALLS[name]
            case ast.Call(func=ast.Attribute(attr=name, value=value) as func) if name in CALLS:
                yield "call", func, f"{ast.unparse(value)}.{CALLS[name]}"
            case ast.Raise():
                yield "error not raised", node, "pass"


def mutants_of(module: str, tests: tuple[str, ...], draw: random.Random) -> list[Mutant]:
    """Every change of a module, in an order that is drawn."""
    source = (LIBRARY / module).read_bytes()
    found = [Mutant(module, *one, tests) for one in placed(source, changes(ast.parse(source)))]
    return draw.sample(found, len(found))


def judge(mutant: Mutant) -> str:
    """What becomes of a mutant: "caught" or "survived"."""
    source = (LIBRARY / mutant.chapter).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(mutant.chapter).name
        path.write_bytes(source[: mutant.start] + mutant.new.encode() + source[mutant.end :])
        name = mutant.chapter.removesuffix(".py").replace("/", ".")
        options = ["-x", "-q", "-p", "no:cacheprovider", *(str(TESTS / t) for t in mutant.tests)]
        place = {**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": folder, "BROWSER_PATH": ""}
        try:
            ran = subprocess.run(
                [sys.executable, "-c", RUN, name, str(path), *options],
                env=place, capture_output=True, timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "caught"
    return "caught" if ran.returncode else "survived"


def report(module: str, fates: list[tuple[Mutant, str]]) -> None:
    """Print how many were caught, and each that was not."""
    caught = sum(fate == "caught" for _, fate in fates)
    print(f"{module}: {caught} of {len(fates)}", flush=True)
    for mutant, fate in fates:
        if fate != "caught":
            print(f"  {change(mutant)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("modules", nargs="*", help="parts of the paths of modules; all if none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, help="at most so many mutants of a module")
    parser.add_argument("-o", "--output", type=Path, help="a CSV file of all mutants")
    parser.add_argument("-s", "--summary", type=Path, help="a CSV file of counts by module")
    asked = parser.parse_args()
    with (TESTS / "guards.csv").open(newline="", encoding="utf-8") as file:
        guards = {row["module"]: tuple(row["tests"].split()) for row in csv.DictReader(file)}
    chosen = [m for m in guards if not asked.modules or any(part in m for part in asked.modules)]
    everything: list[tuple[Mutant, str]] = []
    with ThreadPoolExecutor(cores()) as pool:
        for module in chosen:
            draw = random.Random(f"{asked.seed} {module}")
            if judge(Mutant(module, "none", 1, 0, 0, "", "", guards[module])) == "caught":
                sys.exit(f"{module}: {' '.join(guards[module])} fail without any mutant")
            made = mutants_of(module, guards[module], draw)[: asked.limit]
            fates = list(zip(made, pool.map(judge, made), strict=True))
            everything += fates
            report(module, fates)
            if asked.summary:
                name = module.removesuffix(".py").partition("/")[2]
                caught = sum(fate == "caught" for _, fate in fates)
                summarize(asked.summary, name, len(fates), caught)
    print("all:", dict(Counter(fate for _, fate in everything)))
    if asked.output:
        with asked.output.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("module", "line", "kind", "old", "new", "fate"))
            writer.writerows((m.chapter, m.line, m.kind, m.old, m.new, f) for m, f in everything)


if __name__ == "__main__":
    main()
