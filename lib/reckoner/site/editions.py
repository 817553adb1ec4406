"""The editions of the book: a folder for a USB stick, a PDF, the source, and their checksums.

    python -m reckoner.site.editions

`make release` calls it once the book is built. The same book gives the same files: their dates are
that of the commit.
"""

from __future__ import annotations

from reckoner import stopping

if __name__ == "__main__":
    stopping.quietly()

import hashlib
import html
import importlib
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from importlib.metadata import metadata, version
from pathlib import Path

from reckoner.book import Book
from reckoner.files import whole, write_whole
from reckoner.site.build import BUILD, SITE
from reckoner.site.printed import PrintError, find_browser, print_book

RELEASE = BUILD / "release"
SUMS = "SHA256SUMS"
IN_FOLDER = ("notebooks", "lib", "examples", "book", "tests", "benchmarks")
"""Folders that stand beside the site in the edition for a USB stick."""
IN_ROOT = (
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "LICENSE-TEXT", "CITATION.cff",
    "Makefile", "pyproject.toml", "requirements.txt", "_config.yml", "_toc.yml",
)  # fmt: skip
OPEN = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=site/index.html">
<title>{0}</title>
<p><a href="site/index.html">{0}</a></p>
</html>
"""


class ReleaseError(RuntimeError):
    """The editions could not be made. The message says why."""


def make(book: Book, title: str, folder: Path) -> list[Path]:
    """Make every edition anew in a folder, which then holds nothing else.

    Args:
        book: the book, built.
        title: its title.
        folder: where the editions go.

    Raises:
        ReleaseError: the book is not built, or this is no commit of its repository.
        PrintError: the PDF could not be printed.
    """
    if not (SITE / "index.html").exists():
        raise ReleaseError(f"there is no book in {SITE}; run `make book` first")
    name = f"{book.distribution}-{version(book.distribution)}"
    date = _date_of_commit(version(book.distribution))
    browser = find_browser()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stick = folder / f"{name}.zip"
    with whole(stick) as partial:
        pack(list(_of_stick(title)), name, date, partial)
    cover = _cover(title, book, date)
    print_book(SITE, Path("_toc.yml"), title, cover, folder / f"{name}.pdf", browser)
    source = folder / f"{name}-source.tar.gz"
    _git("archive", "--format=tar.gz", f"--prefix={name}/", f"--output={source.resolve()}", "HEAD")
    editions = sorted(folder.iterdir())
    write_whole(folder / SUMS, sums(editions))
    write_whole(folder / "NOTES.md", notes(Path("CHANGELOG.md").read_text(encoding="utf-8")))
    return editions


def pack(files: list[tuple[str, bytes]], top: str, date: float, output: Path) -> None:
    """Pack files, in the order of their names, all of one date, under one folder.

    Args:
        files: name and content of each.
        top: the folder.
        date: seconds since 1970.
        output: the archive.
    """
    when = time.gmtime(date)[:6]
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(files):
            entry = zipfile.ZipInfo(f"{top}/{name}", when)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)


def sums(paths: list[Path]) -> str:
    """The checksums of files, as `sha256sum --check` reads them."""
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)
    return "".join(lines)


def notes(changelog: str) -> str:
    """What the changelog says of the newest version: its first section."""
    _, _, rest = changelog.partition("\n## ")
    section, _, _ = rest.partition("\n## ")
    return section.partition("\n")[2].strip() + "\n"


def _of_stick(title: str) -> Iterator[tuple[str, bytes]]:
    yield "open.html", OPEN.format(html.escape(title)).encode()
    for path in SITE.rglob("*"):
        if path.is_file():
            yield f"site/{path.relative_to(SITE).as_posix()}", path.read_bytes()
    tracked = _git("ls-files", "-z", "--", *IN_FOLDER, *IN_ROOT).split("\0")
    for name in filter(None, tracked):
        yield name, Path(name).read_bytes()


def _cover(title: str, book: Book, date: float) -> str:
    picture = Path("book/_static/cover.svg").read_text(encoding="utf-8")
    found = metadata(book.distribution)
    about = (
        f"Version {found['Version']}, {time.strftime('%Y-%m-%d', time.gmtime(date))}.",
        f"Licences: {found['License-Expression']}.",
        "The site has besides: figures that move, the data of each, and where each number is from.",
    )
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in about)
    return f"<h1>{html.escape(title)}</h1>\n{picture}\n{lines}"


def _date_of_commit(number: str) -> float:
    """When the commit was made, in seconds since 1970.

    Raises:
        ReleaseError: there is no commit, or it has a tag of another version.
    """
    date = _git("log", "-1", "--format=%ct")
    tags = re.findall(r"^v(\d.*)$", _git("tag", "--points-at", "HEAD"), re.MULTILINE)
    if tags and number not in tags:
        raise ReleaseError(f"the tag is v{tags[0]} and pyproject.toml says {number}; make them one")
    return float(date)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise ReleaseError(f"git is needed for the editions: {error}") from None
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def main(module: str = "inference_economics.book") -> int:
    """Make the editions, and say where they are."""
    book: Book = importlib.import_module(module).BOOK
    config = Path("_config.yml").read_text(encoding="utf-8")
    title = re.search(r"^title: (.*)$", config, re.MULTILINE)
    try:
        with stopping.stoppable(), stopping.scratch():
            for edition in make(book, title.group(1) if title else book.distribution, RELEASE):
                print(f"{edition}  {edition.stat().st_size / 1e6:.1f} MB")
    except (ReleaseError, PrintError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the editions are not whole", file=sys.stderr)
        return stopping.STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
