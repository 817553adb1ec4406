"""What moved: each result, verdict, figure and sentence that is not as it was, as Markdown.

    python -m reckoner.site.moved since COMMIT    from a commit to the working tree (`make diff`)
    python -m reckoner.site.moved stored          from what is stored to what is computed now
    python -m reckoner.site.moved changelog       whether CHANGELOG.md has a line for what moved
    python -m reckoner.site.moved changelog COMMIT    the same, since this branch left a commit

`stored` and `changelog` end with 1 where something is missing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reckoner.book import Book
from reckoner.site import history, results
from reckoner.site.results import STORED, Row
from reckoner.site.said import Figure, Said, changed, figures, sentences

CHANGELOG = Path("CHANGELOG.md")
NOTEBOOKS = Path("notebooks")
MOST = 100
"""Lines of one list, at most."""
LONGEST = 60_000
"""Characters at most: a comment on a pull request holds a few more."""


@dataclass(frozen=True)
class State:
    """A state of the book: its table of results, and its executed notebooks by chapter."""

    rows: list[Row]
    notebooks: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """A row of the table that is not as it was; None where it was not, or is no longer."""

    was: Row | None
    now: Row | None

    @property
    def row(self) -> Row:
        found = self.now or self.was
        assert found is not None
        return found

    @property
    def seen(self) -> bool:
        """Whether a reader sees that it moved: what is written changed, or the verdict turned."""
        if self.was is None or self.now is None:
            return False
        return self.was.written != self.now.written or self.turned

    @property
    def turned(self) -> bool:
        """Whether a judgement turned."""
        if self.was is None or self.now is None or self.row.kind in {"result", "words"}:
            return False
        return self.was.value != self.now.value


def rows_moved(before: list[Row], after: list[Row]) -> list[Change]:
    """The rows that are not as they were, new and gone ones too, in the order of the table."""
    was, now = ({row.key: row for row in rows} for rows in (before, after))
    keys = dict.fromkeys([*now, *was])
    found = (Change(was.get(key), now.get(key)) for key in keys)
    return [change for change in found if change.was != change.now]


def report(before: State, after: State, since: str) -> str:
    """What moved from one state to another, as Markdown; one line where nothing did.

    Args:
        before: how the book was.
        after: how it is.
        since: what the first state is called.
    """
    changes = rows_moved(before.rows, after.rows) if before.rows else []
    both = [chapter for chapter in after.notebooks if before.notebooks.get(chapter)]
    drawn = {c: _figures_moved(before.notebooks[c], after.notebooks[c]) for c in both}
    said = {c: _sentences_moved(before.notebooks[c], after.notebooks[c]) for c in both}
    unknown = f"At {since} no results were stored: only notebooks are compared."
    parts = [
        [] if before.rows else [unknown, ""],
        _of_verdicts(changes),
        _of_results(changes),
        _of_words(changes),
        _of_figures(drawn),
        _of_sentences("Sentences that say something else", said, lambda each: each.turned),
        _of_sentences("Sentences with other numbers", said, lambda each: not each.turned),
        _of_rest(changes),
    ]  # fmt: skip
    lines = [line for part in parts for line in part]
    text = "\n".join([f"# What moved since {since}", "", *(lines or ["Nothing moved."])]) + "\n"
    if len(text) <= LONGEST:
        return text
    kept = text[:LONGEST].rpartition("\n")[0]
    return f"{kept}\n\n… and more. `git diff {since} -- {STORED}` has every number.\n"


def unsaid(changes: Iterable[Change], before: str, now: str) -> list[str]:
    """What moved and no new line of the changelog names, a line for each chapter.

    A line names a chapter, a result or a claim as `name`.

    Args:
        changes: what moved.
        before: the changelog as it was.
        now: the changelog as it is.
    """
    new = "\n".join(set(now.splitlines()) - set(before.splitlines()))
    silent: dict[str, list[Change]] = {}
    for change in changes:
        if change.seen and not any(f"`{each}`" in new for each in change.row.key[1:]):
            silent.setdefault(change.row.chapter, []).append(change)
    lines = []
    for chapter, moved in silent.items():
        first = moved[0]
        assert first.was and first.now
        more = f" and {len(moved) - 1} more" if moved[1:] else ""
        what = f"{first.row.name}: {_from(first.was)} → {_from(first.now)}"
        lines.append(f"`{chapter}` moved ({what}{more}), and no new line of {CHANGELOG} names it")
    return lines


def _from(row: Row) -> str:
    return ", ".join(filter(None, (row.value if row.kind != "result" else "", row.written)))


def _by(was: Row, now: Row) -> str:
    """By how much a result moved, as a share of what it was."""
    before, after = float(was.value), float(now.value)
    if not before or before != before or after != after:
        return ""
    return f"{100 * (after / before - 1):+.2g}%".replace("-", "−")


def _table(head: str, rows: list[str], *names: str) -> list[str]:
    if not rows:
        return []
    more = [f"\n… and {len(rows) - MOST} more."] if len(rows) > MOST else []
    bar, dashes = f"| {' | '.join(names)} |", f"|{'-|' * len(names)}"
    return [f"## {head}", "", bar, dashes, *rows[:MOST], *more, ""]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _of_verdicts(changes: list[Change]) -> list[str]:
    rows = [
        _line(f"`{c.row.name}`", c.row.chapter, c.row.kind, _from(c.was), _from(c.now))
        for c in changes
        if c.was and c.now and c.row.kind not in {"result", "words"}
    ]
    turned = sum(change.turned for change in changes)
    head = f"Claims: {turned} {'verdict' if turned == 1 else 'verdicts'} turned"
    return _table(head, rows, "claim", "chapter", "what", "was", "is")


def _of_results(changes: list[Change]) -> list[str]:
    rows = [
        _line(c.row.chapter, f"`{c.row.name}`", c.was.written, c.now.written, _by(c.was, c.now))
        for c in changes
        if c.was and c.now and c.row.kind == "result"
    ]
    return _table(f"Results: {len(rows)}", rows, "chapter", "result", "was", "is", "by")


def _of_words(changes: list[Change]) -> list[str]:
    rows = [
        _line(f"`{c.row.name}`", c.was.written, c.now.written)
        for c in changes
        if c.was and c.now and c.row.kind == "words"
    ]
    return _table(f"What the pages say: {len(rows)}", rows, "words", "was", "is")


def _of_rest(changes: list[Change]) -> list[str]:
    rows = [
        _line(*c.row.key[:2], f"`{c.row.name}`", "new" if c.now else "gone", _from(c.row))
        for c in changes
        if not (c.was and c.now)
    ]
    return _table(f"New and gone: {len(rows)}", rows, "what", "chapter", "name", "", "is, or was")


def _figures_moved(before: str, after: str) -> list[tuple[Figure | None, Figure | None]]:
    was, now = figures(before), figures(after)
    pairs = [(was.get(name), now.get(name)) for name in dict.fromkeys([*now, *was])]
    return [(old, new) for old, new in pairs if old != new]


def _sentences_moved(before: str, after: str) -> list[Said]:
    return changed(sentences(before), sentences(after))


def _of_figures(drawn: dict[str, list[tuple[Figure | None, Figure | None]]]) -> list[str]:
    rows = []
    for chapter, pairs in drawn.items():
        for was, now in pairs:
            name = (now or was or Figure("", "", "", "")).name
            rows.append(_line(chapter, name, *_of_figure(was, now)))
    return _table(f"Figures and tables: {len(rows)}", rows, "chapter", "figure", "was", "is")


def _of_figure(was: Figure | None, now: Figure | None) -> tuple[str, str]:
    if was is None or now is None:
        return ("new", now.title) if now else ("" if was is None else was.title, "gone")
    if was.title != now.title:
        return was.title, now.title
    if was.spoken != now.spoken:
        return was.spoken, now.spoken
    return now.title, "(the same title, other numbers)"


def _of_sentences(
    head: str, said: dict[str, list[Said]], wanted: Callable[[Said], bool]
) -> list[str]:
    rows = [
        _line(chapter, each.was or "(new)", each.now or "(gone)")
        for chapter, pairs in said.items()
        for each in sorted(pairs, key=lambda each: not (each.was and each.now))
        if wanted(each)
    ]
    return _table(f"{head}: {len(rows)}", rows, "chapter", "was", "is")


def at_commit(commit: str, chapters: Iterable[str]) -> State:
    """What was stored at a commit."""
    text = history.at(commit, STORED)
    paths = {chapter: NOTEBOOKS / f"{chapter}.ipynb" for chapter in chapters}
    notebooks = {chapter: history.at(commit, path) for chapter, path in paths.items()}
    return State(results.read(text) if text else [], notebooks)


def in_folder(folder: Path, rows: list[Row], chapters: Iterable[str]) -> State:
    """A table with the notebooks that a folder holds."""
    paths = {chapter: folder / f"{chapter}.ipynb" for chapter in chapters}
    return State(rows, {c: p.read_text(encoding="utf-8") for c, p in paths.items() if p.exists()})


def _stored() -> list[Row]:
    return results.read(STORED.read_text(encoding="utf-8") if STORED.exists() else "")


def since(book: Book, name: str) -> Iterator[str]:
    """What moved since a commit: numbers as computed now, sentences and figures as stored."""
    commit, now = history.commit(name), results.computed(book)
    before, after = at_commit(commit, book.chapters), in_folder(NOTEBOOKS, now, book.chapters)
    yield report(before, after, commit[:12])
    if not STORED.exists() or _stored() != now:
        yield "Not all of it is stored: `make notebooks` shows the sentences and figures too."


def stored(book: Book, executed: Path) -> Iterator[str]:
    """What is stored and is not what is computed now; nothing where all is.

    Args:
        book: the book.
        executed: the folder of notebooks that were just executed; those stored where there is none.
    """
    before = in_folder(NOTEBOOKS, _stored(), book.chapters)
    folder = executed if executed.exists() else NOTEBOOKS
    after = in_folder(folder, results.computed(book), book.chapters)
    found = report(before, after, "it was stored")
    if "## " in found:
        yield found
        yield "Run `make notebooks` to store it, and name in CHANGELOG.md what moved."


def changelog(base: str = "") -> Iterator[str]:
    """What moved and has no line in the changelog; nothing where all has one.

    Without a base: what the last change of the stored table moved must be named in a line that came
    after the change before it. So a later commit that stores nothing has nothing to add.
    """
    start, told = _span(base)
    if start is None:
        return
    before = history.at(start, STORED)
    if not before or not STORED.exists():
        return
    moved = rows_moved(results.read(before), _stored())
    now = CHANGELOG.read_text(encoding="utf-8")
    yield from unsaid(moved, history.at(told or start, CHANGELOG), now)


def _span(base: str) -> tuple[str | None, str | None]:
    """The commit whose numbers count as those before, and the one after which lines count."""
    if base:
        fork = history.forked(base)
        return fork, fork
    last = history.changes(STORED, 2)
    if not last:
        return None, None
    if STORED.exists() and history.at(last[0], STORED) != STORED.read_text(encoding="utf-8"):
        return last[0], last[0]
    return (last[1], last[1]) if last[1:] else (None, None)


def main(command: str, *arguments: str, module: str = "inference_economics.book") -> int:
    """See the module's own words."""
    try:
        book: Book = importlib.import_module(module).BOOK
        if command == "since":
            print(*since(book, *arguments), sep="\n")
            return 0
        executed = Path("_build/notebooks")
        missing = [*(stored(book, executed) if command == "stored" else changelog(*arguments))]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(*missing, sep="\n", end="\n" if missing else "", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
