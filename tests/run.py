"""Everything that must hold: style and types, then the book, then the tests.

`make test` runs all of it, `make lint` the first part. The same steps run in continuous
integration, where a browser must be there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

BIN = Path(sys.executable).parent
LINT = (
    ("ruff", "check", "--quiet", "lib", "tests", "benchmarks", "notebooks"),
    ("ruff", "format", "--check", "--quiet", "lib", "tests", "benchmarks"),
    ("mypy",),
    ("codespell", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "book", "lib", "tests"),
    ("python", "-m", "reckoner.site.build", "metadata"),
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def run(*command: str) -> None:
    """Run a tool of the environment; stop with its status when it fails."""
    print("·", " ".join(command), flush=True)
    status = subprocess.run([str(BIN / command[0]), *command[1:]], check=False).returncode
    if status:
        sys.exit(status)


def find_browser() -> str | None:
    """A Chromium or Chrome of this machine."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def get_browser() -> str | None:
    """A Chromium or Chrome, installed where that is possible."""
    if find_browser() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("· installing Chromium", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", "-qq", *command], env=environment, check=False)
    elif find_browser() is None:
        subprocess.run([str(BIN / "playwright"), "install", "chromium"], check=False)
    return find_browser() or _playwrights_own()


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def check_types_of_notebooks() -> None:
    """Have mypy look at the notebooks: each notebook's code as a script of its own."""
    folder = Path("_build/scripts")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in sorted(Path("notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        (folder / f"{path.stem}_notebook.py").write_text(code + "\n", encoding="utf-8")
    # A number that follows a choice is None in the parameters cell: it has no value of its own.
    run("mypy", "--disable-error-code=assignment", *map(str, sorted(folder.glob("*.py"))))


def main(part: str) -> None:
    for command in LINT:
        run(*command)
    check_types_of_notebooks()
    if part == "lint":
        return
    run("python", "-m", "reckoner.site.moved", "changelog")
    run("python", "-m", "reckoner.site.build")
    run("python", "-m", "reckoner.site.moved", "stored")
    browser = get_browser()
    if browser is None:
        if os.environ.get("CI"):
            sys.exit("No Chromium or Chrome was found or could be installed.")
        print("Left out: the tests of the site in a browser, as no Chromium or Chrome was found.")
    os.environ["BROWSER_PATH"] = browser or ""
    # Both cores work on it; a notebook's cells stay in one process. Notebooks are checked twice.
    for _ in range(2):
        run("pytest", "-q", "--nbval", "-n", "2", "--dist", "loadscope", "notebooks")
    run("pytest", "-q", "-n", "2", "--dist", "loadfile", "tests")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["all"]))
