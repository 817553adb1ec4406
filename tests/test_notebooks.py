"""The chapters: declared parameters, no number typed, true under other parameters."""

import ast
import csv
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from inference_economics.book import BOOK
from inference_economics.quantities import DATA
from other_parameters import OTHER_PARAMETERS
from reckoner.execute import tidy
from reckoner.ledger import Claim
from reckoner.site.build import execute, run_with

ROOT = Path(__file__).parent.parent
NOTEBOOKS = {chapter: ROOT / "notebooks" / f"{chapter}.ipynb" for chapter in BOOK.chapters}
by_chapter = pytest.mark.parametrize("chapter", BOOK.chapters)


def claims_of(chapter: str) -> list[Claim]:
    """The claims that a chapter judges; the chapters of part II have none."""
    return [claim for claim in BOOK.claims if claim.chapter == chapter]


NAMES = re.compile(
    r"\b(?:H100|H200|H800|A100|B200|GB200|L40S|MI300X|RTX 4090|4090|V100|P5"
    r"|LLaMA-2(?: \d+B)?|Llama[- ][23](?:\.\d)?(?: \d+B)?|GPT-[34](?:\.5)?(?: Turbo)?|70B|8x7B"
    r"|DeepSeek-(?:V[23]|R1)|Mixtral 8x7B|Qwen2\.5|Claude 2\.1|Groq 3"
    r"|fp(?:4|8|16|32)|bf16|int[48]|DDR[345]|GDDR6X?|HBM[234]e?|PCIe [3456]\.0|L2|M20K"
    r"|[23]-D|Catapult v[123]|Stratix (?:V|10)|Arria 10|WSE-[23]|TPU v\d\w?|MLPerf v\d\.\d"
    r"|(?:19|20)\d\d)\b"
)
CODE = re.compile(r"```[\s\S]*?```|`[^`]*`|\]\([^)]*\)|https?://\S+|\{[{%][\s\S]*?[}%]\}|<[^>]*>")


def digits_in(text: str) -> list[str]:
    """Digits of a passage that belong to no name, date, code or link."""
    plain = re.sub(r"\$[^$]*\$", "", NAMES.sub("", CODE.sub("", text)))
    return [line.strip() for line in plain.splitlines() if re.search(r"\d", line)]


def strings_for_readers(source: str) -> list[str]:
    """The literal parts of a cell's strings that are sentences, not names in code."""
    literals = (
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return [text for text in literals if " " in text.strip()]


@by_chapter
def test_the_parameters_cell_is_the_declaration(chapter):
    cells = nbformat.read(NOTEBOOKS[chapter], as_version=4).cells
    tagged = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == [BOOK.parameters(chapter).cell()]


@by_chapter
def test_no_code_stands_on_a_page_unless_it_is_asked_for(chapter):
    for cell in nbformat.read(NOTEBOOKS[chapter], as_version=4).cells:
        if cell.cell_type == "code":
            assert {"remove-input", "hide-input"} & {*cell.metadata.tags}, cell.id


@by_chapter
def test_papermill_explains_the_parameters(chapter):
    papermill = Path(sys.executable).with_name("papermill")
    command = [str(papermill), "--help-notebook", str(NOTEBOOKS[chapter])]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for parameter in BOOK.parameters(chapter):
        assert parameter.name in shown
        assert parameter.label in shown


@by_chapter
def test_no_number_is_typed_in_prose(chapter):
    found = []
    for number, cell in enumerate(nbformat.read(NOTEBOOKS[chapter], as_version=4).cells):
        texts = [cell.source] if cell.cell_type == "markdown" else []
        if cell.cell_type == "code":
            texts += strings_for_readers(cell.source)
        texts += [cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")]
        headings = re.compile(r"^#+ .*$", re.MULTILINE)
        found += [(number, line) for text in texts for line in digits_in(headings.sub("", text))]
    assert not found


@pytest.mark.parametrize("page", sorted((ROOT / "book").glob("*.md")), ids=lambda p: p.name)
def test_no_number_is_typed_on_a_page(page):
    assert not digits_in(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["claims.csv", "second_verdicts.csv"])
def test_no_number_is_typed_in_a_reason(name):
    with (DATA / name).open(encoding="utf-8") as file:
        reasons = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    assert not {name: text for name, text in reasons.items() if digits_in(text)}


def test_a_typed_number_is_found():
    assert digits_in("It costs 305 cards.")
    assert digits_in("A batch of 128 on an H100.")
    assert not digits_in("An H100 in February 2024, `x = 5` and {{ a.b1 }} at fp16.")


@by_chapter
@pytest.mark.parametrize("which", [0, 1])
def test_a_chapter_runs_with_other_parameters_and_judges_nothing(chapter, which, tmp_path):
    values = OTHER_PARAMETERS[chapter][which]
    executed = tmp_path / "other.ipynb"
    assert run_with(NOTEBOOKS[chapter], executed, values)
    text = executed.read_text(encoding="utf-8")
    if claims_of(chapter):
        assert "Yours" in text
    assert 'class=\\"verdict ' not in text
    for fault in ("not a number", "nan", "None"):
        assert not re.search(rf"\b{fault}\b", readable(executed)), fault


def readable(path: Path) -> str:
    """The sentences that a notebook's cells computed."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("data", {}).get("text/markdown", "") for output in outputs)


@by_chapter
def test_a_chapter_has_the_parts_that_a_reader_expects(chapter):
    cells = nbformat.read(NOTEBOOKS[chapter], as_version=4).cells
    source = "\n".join(cell.source for cell in cells)
    headings = re.findall(r"^## (.*)$", source, re.MULTILINE)
    for part in ("takeaway", "try", "chapter.worked("):
        assert part in source
    figures = [cell for cell in cells if "figure" in cell.metadata.get("mystnb", {})]
    assert figures
    for cell in figures:
        shown = cell.outputs[-1].data["text/html"]
        assert re.search('<div class="(chart|drawing|table-scroll)"', shown)
    if claims_of(chapter):
        assert {"What the article says", "The verdict", "With corrected inputs"} <= set(headings)
    for claim in claims_of(chapter):
        assert f"claim-{claim.id}" in NOTEBOOKS[chapter].read_text(encoding="utf-8")


@by_chapter
def test_a_chapter_answers_first_and_lets_try_last(chapter):
    cells = nbformat.read(NOTEBOOKS[chapter], as_version=4).cells
    question, _, _, answer, *rest = cells
    assert re.match(r"# .*\n\n\*[^*]+\?\*$", question.source)
    assert ":::{div} answer" in answer.outputs[-1].data["text/markdown"]
    before = next(
        n for n, cell in enumerate(rest) if "mystnb" in cell.metadata or "live" in cell.source
    )
    assert before <= 2  # nothing but a line or two stands between the answer and its picture
    assert "{dropdown} What comes out" in rest[-1].outputs[-1].data["text/markdown"]
    sections = [cell.source for cell in rest if re.search("^#+ ", cell.source, re.MULTILINE)]
    last = re.split(r"(?=^#+ )", sections[-1], flags=re.MULTILINE)
    assert not last[-2].endswith("{.fold}\n")  # what to take away and to try is never folded


@by_chapter
def test_no_equation_stands_twice_on_a_page(chapter):
    cells = nbformat.read(NOTEBOOKS[chapter], as_version=4).cells
    texts = [
        "".join(output.get("data", {}).get("text/markdown", ""))
        for cell in cells
        for output in cell.get("outputs", [])
    ]
    symbols = [
        re.sub(
            r"[&\s]|d(?=frac)",
            "",
            text.split("$$")[1].split("\\\\")[0].removeprefix("\n\\begin{aligned}"),
        )
        for text in texts
        if text.startswith("$$")
    ]
    assert len(symbols) == len({*symbols})


@by_chapter
def test_stored_metadata_is_minimal(chapter):
    stored = nbformat.read(NOTEBOOKS[chapter], as_version=4)
    assert nbformat.writes(tidy(nbformat.read(NOTEBOOKS[chapter], as_version=4))) == (
        nbformat.writes(stored)
    )


def test_a_failing_cell_is_named(tmp_path, capsys):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("1 + 1"), nbformat.v4.new_code_cell("1 / 0")]
    )
    path = tmp_path / "broken.ipynb"
    nbformat.write(notebook, path)
    assert not execute(path, tmp_path / "out" / "broken.ipynb")
    assert "broken.ipynb, cell 2: ZeroDivisionError" in capsys.readouterr().err
    assert not (tmp_path / "out" / "broken.ipynb").exists()
