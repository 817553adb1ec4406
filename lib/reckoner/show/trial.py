"""Something to try at the end of a chapter: other inputs, a link or command, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from reckoner.book import Book
from reckoner.show.live_figure import LiveFigure


class Trial:
    """What a chapter concludes when some of a run's inputs are others.

    Args:
        book: the book.
        chapter: the chapter's name.
        checked: the values of the run, in the units of the declarations.
        changed: the others, in the same units. A number that follows a changed choice follows it.

    Attributes:
        inputs: the inputs, in base units, names resolved.
        results: what the chapter concludes.
        words: the results, and the inputs, as a reader sees them.
        about: the same to two digits; counts stay whole.

    Raises:
        ParameterError: a name is unknown or a value is wrong.
    """

    def __init__(
        self, book: Book, chapter: str, checked: Mapping[str, Any], changed: Mapping[str, Any]
    ) -> None:
        declared = book.parameters(chapter)
        kept = {p.name: checked[p.name] for p in declared if not _follows(p, changed)}
        values = declared.check({**kept, **changed})
        run = book.run(chapter, values)
        self._book, self._chapter, self._changed = book, chapter, changed
        self.inputs = SimpleNamespace(**run.inputs)
        self.results = run.results
        concluded = book.concluded(chapter, values, run.results)
        self.words = SimpleNamespace(**concluded.words(digits=3))
        self.about = SimpleNamespace(**concluded.about())

    @property
    def command(self) -> str:
        """The command that reruns the chapter with these inputs."""
        given = " ".join(f"-p {name}={value}" for name, value in self._changed.items())
        return f".venv/bin/spacetime rerun {self._chapter} {given} -o mine"

    @property
    def link(self) -> str | None:
        """The address that sets the chapter's live figure to them, if it has such sliders."""
        live = self._book.live(self._chapter)
        if live is None:
            return None
        figure = LiveFigure(self._book, live)
        if not set(self._changed) <= {p.name for p in (*figure.numbers, *figure.chosen)}:
            return None
        query = "&".join(f"{name}={quote(str(value))}" for name, value in self._changed.items())
        return f"#live-{figure.name}?{query}"

    def markdown(self, question: str, answer: str, then: str) -> str:
        """The question, how to set it, the answer folded, and where to go on."""
        rerun = f"this page:\n\n```shell\n{self.command}\n```"
        set_it = f'<a href="{self.link}">Set the sliders</a>, or rerun' if self.link else "Rerun"
        return (
            f"::::{{div}} try\n**Try it.** {question} {set_it} {rerun}\n\n"
            f":::{{dropdown}} What comes out\n{answer}\n:::\n\n{then}\n::::"
        )


def _follows(parameter: Any, changed: Mapping[str, Any]) -> bool:
    return bool(parameter.follows) and parameter.follows[0] in changed
