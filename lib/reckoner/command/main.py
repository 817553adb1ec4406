"""The command line of a book, written from its declarations: rerun, params, sweep."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from reckoner import stopping
from reckoner.book import Book
from reckoner.declare.parameters import Parameter, ParameterError, nearest
from reckoner.declare.tables import DataError
from reckoner.sweep.axes import SYNTAX
from reckoner.sweep.points import CHUNK

Options = Sequence[Callable[[Any], Any]]


def command_of(book: Book, root: Path, name: str) -> click.Group:
    """The command line of a book.

    Args:
        book: the book.
        root: the folder that holds notebooks/ and book/.
        name: what the command is called.

    Returns:
        A group to which a book may add commands of its own.
    """

    @click.group(name=name, cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
    def group() -> None:
        """Rerun the book's chapters with other parameters, and sweep over them."""

    group.add_command(Chapters(book, "rerun", _rerun(book, root), help=_RERUN))
    group.add_command(Chapters(book, "params", _params(book), help=_PARAMS))
    group.add_command(Chapters(book, "sweep", _sweep(book, root), help=_SWEEP))
    return group


_RERUN = """Run a chapter's notebook with other parameters.

The folder gets the executed notebook, its page as HTML, and its results as CSV and JSON."""
_PARAMS = "List a chapter's parameters."
_SWEEP = """Evaluate a chapter at many points; a row of the table for each.

Killed at any moment, the same command goes on where it was."""


FAILED = 3
"""Exit code: some points of a sweep failed. The others are in `EXIT_CODES`."""
EXIT_CODES = """\
    0    done
    1    a row of a table that was given is wrong; nothing was made
    2    an argument, a file or a place is wrong; nothing was made
    3    the sweep is made, and some of its points failed
    130  stopped, by Ctrl-C or SIGTERM"""


def say_notes(notes: Iterable[str]) -> None:
    """Say how files were taken, on the error stream: the output stays a table."""
    for note in dict.fromkeys(notes):
        click.echo(note, err=True)


class Plain(click.ClickException):
    """An error in its own words, without a traceback."""

    exit_code = 2


class Stopped(Plain):
    """Ctrl-C or SIGTERM, in one line."""

    exit_code = stopping.STOPPED


class Commands(click.Group):
    """A group whose every error is one line that says what to do, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with stopping.stoppable(), stopping.scratch():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Stopped("stopped; nothing was written") from None
        except click.UsageError as error:
            raise Plain(f"{error.format_message().rstrip('.')}; see --help") from None
        except BrokenPipeError:
            raise
        except Exception as error:
            why = stopping.of_memory(error)
            if not why and not isinstance(error, DataError | ParameterError | OSError):
                raise
            stopping.leave_output()
            raise Plain(why or _said(error)) from None


def _said(error: Exception) -> str:
    """An error in one line: of the system, the place and why."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}; give another name or folder"
    if isinstance(error, OSError) and error.strerror:
        return f"the output: {error.strerror}; send it to another place"
    return str(error)


RESUME = "what is finished stays; the same command goes on from there"


class Chapters(click.Group):
    """A command with a subcommand for each chapter, made when it is asked for."""

    def __init__(self, book: Book, name: str, make: Callable[[str], click.Command], help: str):
        super().__init__(name=name, help=help)
        self.book, self.make = book, make

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.book.chapters)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.book.chapters:
            hint = nearest(cmd_name, self.book.chapters) or "."
            known = ", ".join(self.book.chapters)
            raise Plain(f"no chapter {cmd_name[:80]!r}{hint} There are {known}")
        return self.make(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Chapters"):
            formatter.write_dl([(name, self._about(name)) for name in self.book.chapters])

    def _about(self, chapter: str) -> str:
        text = (self.book.module(chapter).__doc__ or "").strip().splitlines()[0]
        return text.split(":")[0]


class ChapterCommand(click.Command):
    """A command for one chapter, whose help ends with the chapter's parameters."""

    declared: list[Parameter]
    notes = ""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Parameters"):
            for parameter in self.declared:
                formatter.write("\n".join(described(parameter)) + "\n")
        if self.notes:
            with formatter.section("Values"):
                formatter.write(self.notes + "\n")
        with formatter.section("Exit codes"):
            formatter.write(EXIT_CODES + "\n")


def described(parameter: Parameter, width: int = 78) -> list[str]:
    """A parameter in some lines: name, label, unit, bounds or names, default, source."""
    p = parameter
    facts = [f"default {p.default if p.default is not None else 'that of the name chosen'}"]
    facts += [f"from {p.source}"]
    about = f"{p.label}. {p.help}"
    if p.by_name:
        own = f", or the path of {p.own.kind} ({p.own.endings})" if p.own else ""
        facts.insert(0, f"one of {', '.join(p.choices)}{own}")
    else:
        facts.insert(0, f"{p.kind} {p.low:g} to {p.high:g}")
    lines = [f"  {p.name} [{p.unit}]"]
    for text in (about, "; ".join(facts)):
        lines += textwrap.wrap(
            text, width, initial_indent=" " * 6, subsequent_indent=" " * 6,
            break_on_hyphens=False,
        )  # fmt: skip
    return lines


def declaration(parameter: Parameter) -> dict[str, Any]:
    """A parameter as plain data."""
    p = parameter
    bounds = {"choices": list(p.choices)} if p.by_name else {"low": p.low, "high": p.high}
    return {
        "name": p.name,
        "type": p.type_name,
        "unit": p.unit,
        "default": p.default,
        **bounds,
        "label": p.label,
        "help": p.help,
        "source": p.source,
    }


def _given(pairs: Sequence[str]) -> dict[str, str]:
    """The parameters of a command line by name."""
    given: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            raise Plain(f"-p {pair[:80]!r}: write NAME=VALUE")
        if name in given:
            raise Plain(f"-p {name}: given twice")
        given[name] = value
    return given


def _command(
    book: Book, chapter: str, work: Any, options: Options, notes: str = "",
    stopped: str = "nothing was written",
) -> Any:  # fmt: skip
    """A chapter's command; an error that a person can mend is said in its own words."""

    def plainly(**arguments: Any) -> None:
        from reckoner.command.rerun import RerunError
        from reckoner.site.one_page import PageFailedError
        from reckoner.sweep.parts import SweepError

        try:
            work(**arguments)
        except (ParameterError, DataError, SweepError, RerunError, PageFailedError) as error:
            raise Plain(_said(error)) from None
        except KeyboardInterrupt:
            raise Stopped(f"stopped; {stopped}") from None

    for option in reversed(options):
        plainly = option(plainly)
    made = click.command(name=chapter, cls=ChapterCommand)(plainly)
    made.declared, made.notes = list(book.parameters(chapter)), notes
    made.help = (work.__doc__ or "").format(chapter=chapter)
    return made


_PARAMETER = click.option("-p", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter.")


def _rerun(book: Book, root: Path) -> Callable[[str], click.Command]:
    folder = click.option(
        "-o", "folder", type=click.Path(path_type=Path, file_okay=False), required=True,
        help="The folder for what comes out.",
    )  # fmt: skip
    page = click.option("--page/--no-page", default=True, help="Make the page.", show_default=True)

    def make(chapter: str) -> click.Command:
        def work(pairs: tuple[str, ...], folder: Path, page: bool) -> None:
            """Run the notebook of {chapter} with other parameters."""
            from reckoner.command.rerun import rerun

            declared = book.parameters(chapter)
            values = {name: declared[name].read(text) for name, text in _given(pairs).items()}
            notebook = root / "notebooks" / f"{chapter}.ipynb"
            say_notes(declared.notes(declared.check(values)))
            for path in rerun(book, notebook, values, folder, page):
                click.echo(path)

        return _command(book, chapter, work, (_PARAMETER, folder, page))  # type: ignore[no-any-return]

    return make


def _params(book: Book) -> Callable[[str], click.Command]:
    as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")

    def make(chapter: str) -> click.Command:
        def work(as_json: bool) -> None:
            """List the parameters of {chapter}."""
            declared = list(book.parameters(chapter))
            if as_json:
                text = json.dumps([declaration(p) for p in declared], indent=2, ensure_ascii=False)
            else:
                text = "\n".join(line for p in declared for line in described(p))
            click.echo(text)

        return _command(book, chapter, work, (as_json,))  # type: ignore[no-any-return]

    return make


def _sweep(book: Book, root: Path) -> Callable[[str], click.Command]:
    options = (
        _PARAMETER,
        click.option(
            "-o", "output", type=click.Path(path_type=Path, dir_okay=False), required=True,
            help="The table, *.csv or *.parquet.",
        ),
        click.option("--notebooks", is_flag=True, help="Run the notebook at each point."),
        click.option("--show", metavar="RESULT,...", default="", help="The results to draw."),
        click.option("--scheduler", metavar="tcp://...", help="A running Dask scheduler."),
        click.option(
            "--workers", type=click.IntRange(1, 1024), help="Processes; by default one a core."
        ),
        click.option(
            "--at-once", type=click.IntRange(1, 10_000_000), default=CHUNK, show_default=True,
            help="Points evaluated together; the results do not depend on it.",
        ),
        click.option("--progress/--no-progress", "shown", default=None, help="Show the progress."),
    )  # fmt: skip

    def make(chapter: str) -> click.Command:
        def work(
            pairs: tuple[str, ...], output: Path, notebooks: bool, show: str,
            scheduler: str | None, workers: int | None, at_once: int, shown: bool | None,
        ) -> None:  # fmt: skip
            """Evaluate {chapter} at every combination of the values given."""
            from reckoner.sweep.chart import Picture
            from reckoner.sweep.points import Sweep
            from reckoner.sweep.run import Job

            sweep = Sweep(book, chapter, _given(pairs), 1 if notebooks else at_once)
            picture = Picture(sweep, [name.strip() for name in show.split(",") if name.strip()])
            notebook = root / "notebooks" / f"{chapter}.ipynb" if notebooks else None
            job = Job(sweep, output, notebook, scheduler, workers or 0, shown, picture.look)
            say_notes(note for each in sweep.combinations for note in sweep.parameters.notes(each))
            if not job.run(lambda: picture.write(output, root / "book")):
                click.echo(f"{output} is made already")
                return
            failed = f", of which {job.failed:,} failed; its column error says why"
            click.echo(f"{output}: {sweep.count:,} points{failed if job.failed else ''}")
            if job.failed:
                raise SystemExit(FAILED)

        return _command(book, chapter, work, options, SYNTAX, RESUME)  # type: ignore[no-any-return]

    return make
