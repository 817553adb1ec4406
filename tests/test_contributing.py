"""CONTRIBUTING's recipes, followed on a copy of the book: they work, and touch what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
LIBRARY = "lib/inference_economics"
SHEETS = f"{LIBRARY}/worksheets"
CHAPTER = '''"""What one card costs per token per second: the chapter `payback`."""

from __future__ import annotations

from inference_economics import inputs
from inference_economics.formulas.batching import capital_cost
from inference_economics.units import Dollars, DollarsPerThroughput, TokensPerSecond
from reckoner.declare.worksheet import Lines, worksheet


@worksheet
def conclude(
    card_price: Dollars = inputs.CARD_PRICE, speed: TokensPerSecond = inputs.SPEED
) -> Lines:
    """What one card costs per token per second."""
    cost: DollarsPerThroughput = capital_cost(card_price, speed)
    return locals()
'''
TEST = '''"""What the chapter `payback` must keep."""

from inference_economics.worksheets.payback import conclude


def test_every_result_is_computed_a_second_time():
    assert conclude(card_price=30.0, speed=4.0).cost == 7.5
'''
OPEN = """from inference_economics.book import open_chapter

chapter = open_chapter("payback", globals())"""
MAKE_NOTEBOOK = """
from pathlib import Path
from inference_economics.book import BOOK
from reckoner.site.build import declare, execute
declare(BOOK)
notebook = Path("notebooks/{0}.ipynb")
assert execute(notebook, notebook)
"""
"""What `make notebooks` does, of one chapter."""
STORE_MANIFEST = """
from inference_economics.book import BOOK
from reckoner.site import manifest
manifest.store(BOOK.data)
"""
"""What it does of the data."""


class Copy:
    """A copy of the book that is edited by a recipe."""

    def __init__(self, root):
        self.root = root
        ignored = shutil.ignore_patterns("__pycache__", "_build")
        for name in ("lib", "tests", "notebooks", "book"):
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
        for name in ("_toc.yml", "pyproject.toml"):
            shutil.copy(ROOT / name, root)

    def replace(self, file, old, new):
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file}: {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def append(self, file, line):
        path = self.root / file
        path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")

    def run(self, *command):
        """Run a Python program on the copy; gives what it printed."""
        environment = {**os.environ, "PYTHONPATH": str(self.root / "lib"), "COLUMNS": "80"}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.root, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def spacetime(self, *arguments):
        return self.run("-c", "from inference_economics.command import main; main()", *arguments)

    def results(self, chapter, **values):
        code = (
            "import json; from inference_economics.book import BOOK; "
            f"found = BOOK.conclude({chapter!r}, {values!r}).results; "
            "print(json.dumps(vars(found), default=float))"
        )
        return json.loads(self.run("-c", code))

    def test(self, *arguments):
        return self.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)

    def make_notebook(self, chapter):
        self.run("-c", MAKE_NOTEBOOK.format(chapter))
        return (self.root / "notebooks" / f"{chapter}.ipynb").read_text(encoding="utf-8")

    def touched(self):
        """How many lines each file has that it had not; `None` for a new file."""
        lines = {}
        for path in self.root.rglob("*"):
            file = path.relative_to(self.root)
            if path.is_file() and not re.search(r"__pycache__|\.hypothesis|\.pytest", str(file)):
                before = ROOT / file
                if not before.exists():
                    lines[str(file)] = None
                elif new := set(sources(path)) - set(sources(before)):
                    lines[str(file)] = len(new)
        return lines


def sources(path):
    """A file's lines; a notebook's without its outputs."""
    if path.suffix != ".ipynb":
        return path.read_bytes().splitlines()
    cells = nbformat.read(path, as_version=4).cells
    return [line for cell in cells for line in cell.source.splitlines()]


def table(edit, chapter):
    """The files that CONTRIBUTING's table names for an edit, with the number of lines it says."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("NAME", chapter)
    rows = re.findall(rf"^\| {edit} \| `([^`]*)`[^|]* \| (\w+)[^|]* \|$", text, re.MULTILINE)
    assert rows, f"CONTRIBUTING.md has no row for {edit!r}"
    return dict(rows)


def check(copy, edit, chapter="batching"):
    """What was touched is what the table says."""
    said, touched = table(edit, chapter), copy.touched()
    assert said.keys() == touched.keys()
    for file, lines in touched.items():
        assert (
            said[file] == "new" if lines is None else said[file] in (str(lines), "one", "written")
        )


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_a_chip(copy):
    copy.append(f"{LIBRARY}/data/chip_names.csv", "wafer_9,Wafer 9,Nobody,2031,SRAM")
    for number, (quantity, value, unit) in enumerate(
        [("memory", 9, "GB"), ("memory_bandwidth", 90, "TB/s"), ("fp16_compute", 9, "PFLOP/s")]
    ):
        row = f"C9{number:03},wafer_9,Wafer 9,{quantity},{value},{unit},no,nobody,nowhere,"
        copy.append(f"{LIBRARY}/data/chips.csv", row)
    copy.run("-c", STORE_MANIFEST)
    check(copy, "a chip")
    assert "wafer_9" in copy.spacetime("params", "batching")
    assert copy.results("batching", chip="wafer_9")["weight_cards"] == 8  # 70 GB / 9 GB


def test_a_price(copy):
    before = copy.results("batching")
    file = f"{LIBRARY}/data/prices.csv"
    (row,) = re.findall(r"^.*,h100_price,.*$", (copy.root / file).read_text("utf-8"), re.MULTILINE)
    copy.replace(file, row, row.replace(",h100_price,30000,", ",h100_price,33000,"))
    check(copy, "a price")
    listed = json.loads(copy.spacetime("params", "batching", "--json"))
    assert {p["name"]: p["default"] for p in listed}["gpu_price"] == 33000
    assert copy.results("batching")["gpu_cost"] == pytest.approx(1.1 * before["gpu_cost"])


def test_a_result(copy):
    sheet, notebook = f"{SHEETS}/batching.py", "notebooks/batching.ipynb"
    line = "    card_price_ratio: Ratio = card_price / gpu_price\n"
    copy.replace(sheet, "    return locals()\n", f"{line}    return locals()\n")
    said = nbformat.read(copy.root / notebook, as_version=4)
    cell = next(c for c in said.cells if c.source.startswith("chapter.say("))
    cell.source = cell.source.replace('"""\n', '"""\nA card costs {words.card_price_ratio}.\n', 1)
    nbformat.write(said, copy.root / notebook)
    copy.replace(
        "tests/test_batching.py",
        "    second = {\n",
        '    second = {\n        "card_price_ratio": price / case["gpu_price"],\n',
    )
    said = re.sub(r"<[^>]*>", "", copy.make_notebook("batching").replace('\\"', '"'))
    assert "A card costs 0.2" in said
    check(copy, "a result")
    copy.test("tests/test_batching.py", "-k", "second_time")
    copy.test("tests/test_worksheets.py", "tests/test_rows.py", "-k", "batching")
    copy.spacetime("sweep", "batching", "-p", "batch_size=1,2", "-o", "swept.csv")
    swept = (copy.root / "swept.csv").read_text(encoding="utf-8")
    assert "card_price_ratio" in swept.splitlines()[0]


def test_a_parameter(copy):
    copy.replace(
        f"{SHEETS}/batching.py",
        "\n) -> Lines:\n",
        '\n    usable: Ratio = inputs.given(1, "usable", "Kept.", unit="ratio", low=0.1, high=1.0),'
        "\n) -> Lines:\n",
    )
    cards = "    cards: Count = capacity.cards_to_hold(needed, chip.memory"
    copy.replace(f"{SHEETS}/batching.py", cards + ")", cards + " * usable)")
    copy.replace(
        "tests/test_batching.py",
        "    cards = math.ceil((weights + cache * batch) / memory)\n",
        '    cards = math.ceil((weights + cache * batch) / (memory * case.get("usable", 1)))\n',
    )
    assert "usable: float = 1.0  # [ratio] usable" in copy.make_notebook("batching")
    check(copy, "a parameter")
    copy.test("tests/test_batching.py", "-k", "second_time")
    assert "usable [ratio]" in copy.spacetime("sweep", "batching", "--help")
    # The worked equation and the sentence cannot part: both are the line's.
    code = (
        "from inference_economics.book import open_chapter; "
        "chapter = open_chapter('batching', {'usable': 0.5}); "
        "print(int(chapter.results.cards), chapter.worked('cards').data.replace('{,}', ''))"
    )
    cards, worked = copy.run("-c", code).split(" ", 1)
    assert f"&= {cards}\n" in worked


def test_a_chapter(copy):
    (copy.root / SHEETS / "payback.py").write_text(CHAPTER, encoding="utf-8")
    (copy.root / "tests" / "test_payback.py").write_text(TEST, encoding="utf-8")
    cells = [
        nbformat.v4.new_markdown_cell("# What a card costs"),
        nbformat.v4.new_code_cell("", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(OPEN),
        nbformat.v4.new_code_cell('chapter.worked("cost")'),
    ]
    path = copy.root / "notebooks" / "payback.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    copy.replace(
        "tests/other_parameters.py",
        '    "comparison": (\n',
        '    "payback": ({"speed": 100.0}, {"card_price": 1.0}),\n    "comparison": (\n',
    )
    copy.replace(f"{LIBRARY}/book.py", '    "comparison",\n', '    "comparison",\n    "payback",\n')
    for entry in ("      - file: notebooks/{}\n", "          - file: book/numbers/{}\n"):
        last = entry.format("comparison")
        copy.replace("_toc.yml", last, last + entry.format("payback"))
    assert r"\$6{,}000" in json.loads(json.dumps(copy.make_notebook("payback"))).replace(
        "\\\\", "\\"
    )
    check(copy, "a chapter", "payback")
    copy.test("tests/test_payback.py")
    copy.test("tests/test_worksheets.py", "tests/test_rows.py", "-k", "payback")
    copy.test("tests/test_notebooks.py", "-k", "payback and (declaration or metadata or explains)")
    assert "card_price [USD]" in copy.spacetime("params", "payback")
