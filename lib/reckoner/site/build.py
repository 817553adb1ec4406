"""Building the book: notebooks side by side, then the ledger and the site; nothing twice.

Run by `make book`. doit decides by content, not by date, what has to be done again.
"""

from __future__ import annotations

from reckoner import stopping

if __name__ == "__main__":
    stopping.quietly()

import csv
import hashlib
import importlib
import logging
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import vl_convert as vlc
from doit.cmd_base import ModuleTaskLoader
from doit.dependency import FileChangedChecker
from doit.doit_cmd import DoitMain

from reckoner.book import Book
from reckoner.declare.parameters import ParameterError
from reckoner.declare.tables import DataError
from reckoner.execute import attempt, cores, tidy
from reckoner.show import live
from reckoner.show.explain import Explanations, claims_script, rows_script
from reckoner.show.pages import BENCHMARKS, PageError, Pages
from reckoner.site import manifest, results
from reckoner.site.reach import reach

BUILD = Path("_build")
EXECUTED = BUILD / "notebooks"
SOURCE = BUILD / "source"
SITE = BUILD / "html"
INDEX = SITE / "index.html"
CLAIMS = BUILD / "claims.csv"
BESIDE = ("CHANGELOG.md", "CITATION.cff")
"""What the site takes from beside the pages: its feed of changes, and how it is cited."""
PATIENCE = 5.0
"""Seconds that a worker has to tidy up once it is told to stop."""


class ContentChecker(FileChangedChecker):  # type: ignore[misc]
    """A file has changed when its content has, whatever its date says."""

    def check_modified(self, file_path: str, file_stat: os.stat_result, state: str) -> bool:
        return bool(self.get_state(file_path, None) != state)

    def get_state(self, dep: str, current_state: str | None) -> str:
        return hashlib.sha256(Path(dep).read_bytes()).hexdigest()


def execute(notebook: Path, executed: Path) -> bool:
    """Run a notebook with its own parameters; see `run_with`."""
    return run_with(notebook, executed, {})


def run_with(notebook: Path, executed: Path, parameters: dict[str, Any]) -> bool:
    """Run a notebook through papermill; on success, and only then, `executed` is in place.

    Args:
        notebook: the notebook to run.
        executed: where the executed notebook goes.
        parameters: values that replace those of its parameters cell.

    Returns:
        Whether every cell ran; a failure is printed with notebook, cell and error.
    """
    executed.parent.mkdir(parents=True, exist_ok=True)
    partial = executed.with_suffix(".partial.ipynb")
    error = attempt(notebook, partial, parameters)
    if error:
        print(f"{notebook}, {error}", file=sys.stderr)
        return False
    partial.replace(executed)
    return True


def write_claims(book: Book, path: Path) -> None:
    """Write the ledger as CSV: each claim with its verdict and, where it has one, its second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ("id", "printed", "computed", "unit", "verdict", "off", "matters", "follows", "slip")
        writer.writerow((*head, "reason", "found", "basis", "second_verdict", "second_reason"))
        for entry in book.ledger.entries():
            claim = entry.claim
            row = (claim.printed, entry.computed, claim.unit, entry.verdict, entry.off)
            more = (entry.matters, claim.follows, entry.slip, entry.reason)
            found = entry.second
            again = (found.computed, found.basis, found.verdict, found.reason) if found else ()
            writer.writerow((claim.id, *row, *more, *again, *[""] * (4 - len(again))))
    partial.replace(path)


def stage(book: Book) -> None:
    """Lay the site's source out: pages with their figures filled in, executed notebooks.

    Raises:
        PageError: a page names something that the book does not have.
    """
    shutil.rmtree(SOURCE, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml", *filter(os.path.exists, BESIDE)):
        shutil.copy2(name, SOURCE / name)
    shutil.copytree("book", SOURCE / "book")
    static = SOURCE / "book" / "_static"
    for script in Path(live.__file__).parents[1].glob("*/*.js"):
        shutil.copy2(script, static / script.name)
    (static / "vega.js").write_text(vega_script(), encoding="utf-8")
    (static / "cover.png").write_bytes(preview((static / "cover.svg").read_text("utf-8")))
    pages = Pages(book, executed=EXECUTED)
    for page in sorted(Path("book").glob("*.md")):
        (SOURCE / page).write_text(pages.render(page), encoding="utf-8")
    write_numbers(book, pages, SOURCE / "book" / "numbers", static / "numbers")
    shutil.copytree(EXECUTED, SOURCE / "notebooks")


def write_numbers(book: Book, pages: Pages, folder: Path, scripts: Path) -> None:
    """Write where each number of each chapter comes from, as a page and as a script."""
    folder.mkdir()
    scripts.mkdir()
    for chapter in book.chapters:
        explained = Explanations(book, chapter, book.run_by_default(chapter))
        page = explained.page(pages.title(chapter))
        (folder / f"{chapter}.md").write_text(page, encoding="utf-8")
        (scripts / f"{chapter}.js").write_text(explained.script(), encoding="utf-8")
    texts = (path.read_text(encoding="utf-8") for path in EXECUTED.glob("*.ipynb"))
    cited = {row for text in texts for row in re.findall(r"catalog\.html#(\w+)", text)}
    (scripts / "catalog.js").write_text(rows_script(book, cited), encoding="utf-8")
    (scripts / "ledger.js").write_text(claims_script(book), encoding="utf-8")


def preview(drawing: str) -> bytes:
    """A drawing as a picture for previews of links: in the colours of light pages, on white."""
    fallback = re.compile(r"var\(--[\w-]+, *([^()]*)\)")
    while fallback.search(drawing):
        drawing = fallback.sub(r"\1", drawing)
    paper = '<rect width="100%" height="100%" fill="white"/>'
    return vlc.svg_to_png(re.sub(r"(<svg[^>]*>)", rf"\1{paper}", drawing, count=1), scale=2)


def vega_script() -> str:
    """Vega and what it needs as one classic script, which opens from the file system too."""
    bundle = vlc.javascript_bundle("window.reckonerEmbed = vegaEmbed;")
    return f"(function () {{\n{bundle}\n}})();\n"


def build_site() -> bool:
    """Build the site; a warning is a failure, and the next build says it again."""
    for style in SITE.glob("_static/mystnb.*.css"):  # or its links are not those of a first build
        style.unlink()
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(SOURCE)]
    with stopping.stoppable():  # it ends jupyter-book, which is a process of its own
        done = subprocess.run(
            [*command, "--path-output", ".", "-W", "--keep-going", "-q"],
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        shutil.rmtree(SITE, ignore_errors=True)
        shutil.rmtree(BUILD / ".doctrees", ignore_errors=True)
    return done.returncode == 0


def plainly(action: Callable[..., object], *arguments: object) -> bool:
    """Do it; an error that a person can mend is said in its own words, without a traceback."""
    try:
        return action(*arguments) is not False
    except (DataError, PageError, ParameterError) as error:
        print(error, file=sys.stderr)
        return False


def tasks(book: Book, library: Path) -> dict[str, Any]:
    """The tasks of the book, for doit.

    Args:
        book: the book.
        library: the folder of the packages. An edit anywhere in it counts for claims and site, for
            a notebook one in what it can reach.
    """
    code = sorted(
        str(p)
        for p in library.rglob("*")
        if p.suffix in {".py", ".csv", ".js", ".html"} and p.is_file()
    )
    pages = sorted(str(p) for p in [*Path("book").rglob("*"), BENCHMARKS] if p.is_file())
    executed = {name: EXECUTED / f"{name}.ipynb" for name in book.chapters}

    def task_notebook() -> Iterator[dict[str, Any]]:
        for name, target in executed.items():
            notebook = Path("notebooks") / f"{name}.ipynb"
            yield {
                "name": name,
                "title": lambda task, notebook=notebook: f"run {notebook}",
                "actions": [(execute, (notebook, target))],
                "file_dep": [str(notebook), __file__, *reach(book, name, notebook, library)],
                "targets": [str(target)],
            }

    def task_claims() -> dict[str, Any]:
        return {
            "title": lambda task: f"write {CLAIMS}",
            "actions": [(plainly, (write_claims, book, CLAIMS))],
            "file_dep": code,
            "targets": [str(CLAIMS)],
        }

    def task_site() -> dict[str, Any]:
        return {
            "title": lambda task: f"build the site in {SITE}",
            "actions": [(plainly, (stage, book)), build_site],
            "file_dep": [
                *code, *pages, *filter(os.path.exists, BESIDE), "_config.yml", "_toc.yml",
                *(str(p) for p in executed.values()),
            ],
            "targets": [str(INDEX)],
        }  # fmt: skip

    return {
        "task_notebook": task_notebook,
        "task_claims": task_claims,
        "task_site": task_site,
        "DOIT_CONFIG": {
            "dep_file": str(BUILD / ".doit"),
            "backend": "json",
            "check_file_uptodate": ContentChecker,
            "verbosity": 2,
            "num_process": cores(),
            "par_type": "process",
            "failure_verbosity": 0,
        },
    }


def declare(book: Book) -> None:
    """Write the parameters cell of each notebook as its worksheet declares it now."""
    for name in book.chapters:
        path, declared = Path("notebooks") / f"{name}.ipynb", book.parameters(name).cell()
        notebook = nbformat.read(path, as_version=4)
        cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
        if any(cell.source != declared for cell in cells):
            for cell in cells:
                cell.source = declared
            nbformat.write(notebook, path)


def store(book: Book) -> None:
    """Keep executed notebooks, results, the manifest of the data, and the cover's picture."""
    if book.data:
        manifest.store(book.data)
    results.store(book)
    for name in book.chapters:
        shutil.copyfile(EXECUTED / f"{name}.ipynb", Path("notebooks") / f"{name}.ipynb")
    if book.cover:
        picture = re.search(r"<svg.*?</svg>", Pages(book).figure(*book.cover), re.DOTALL)
        assert picture is not None, f"figure {book.cover} holds no picture"
        Path("book/_static/cover.svg").write_text(picture.group() + "\n", encoding="utf-8")


def check_metadata(book: Book) -> bool:
    """Whether every stored notebook carries no metadata beyond what the book needs."""
    clean = True
    for name in book.chapters:
        path = Path("notebooks") / f"{name}.ipynb"
        text = path.read_text(encoding="utf-8")
        if nbformat.writes(tidy(nbformat.reads(text, as_version=4))).strip() != text.strip():
            print(
                f"{path}: metadata beyond tags and figures; run `make notebooks`", file=sys.stderr
            )
            clean = False
    return clean


def main(command: str = "book", module: str = "inference_economics.book") -> int:
    """Build everything that is out of date and say where the book is.

    Args:
        command: "book"; "store" writes the notebooks' parameters cells, runs the notebooks and
            keeps their outputs; "metadata" checks the stored notebooks and the data's manifest.
        module: where the book is described.
    """
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    BUILD.mkdir(exist_ok=True)
    try:
        book: Book = importlib.import_module(module).BOOK
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    if command == "metadata":
        whole = book.data is None or plainly(manifest.check, book.data, True)
        return 0 if check_metadata(book) and whole else 1
    if command == "book" and book.data and not plainly(manifest.check, book.data):
        return 1
    with stopping.alone(BUILD / "lock") as alone:
        if not alone:
            print(f"another build is at work in {BUILD.resolve()}; wait for it", file=sys.stderr)
            return 1
        try:
            with stopping.stoppable(), stopping.scratch():
                return make(book, command)
        except KeyboardInterrupt:
            print("stopped; the same command goes on from there", file=sys.stderr)
            return stopping.STOPPED


def make(book: Book, command: str) -> int:
    """Do what is out of date for a command of `main`; no process of it outlasts this one."""
    stopping.see_room()
    stopping.children_follow()
    for name in ("papermill", "traitlets"):  # what fails is an error of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if command == "store":
        declare(book)
    wanted = {"book": ["notebook", "claims", "site"], "store": ["notebook"]}[command]
    try:
        status = int(DoitMain(ModuleTaskLoader(tasks(book, Path("lib")))).run(["run", *wanted]))
    finally:
        for left in multiprocessing.active_children():
            left.join(PATIENCE)
            left.kill()
    if status == 0 and command == "store":
        store(book)
    elif status == 0:
        print(f"\nOpen {INDEX.resolve().as_uri()}")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
