"""How a run ends early: stopped, or out of memory. One line, no process left, no folder left.

Import this before what is heavy: it needs nothing but the standard library.
"""

from __future__ import annotations

import fcntl
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType

STOPPED = 130
"""The exit code of what was stopped, by Ctrl-C or by SIGTERM."""
ROOM = 70_000_000_000
"""Addresses, in bytes, that what draws the pictures sets aside; hardly any of it is memory."""
AGAIN = 15.0
"""Seconds after which what was told to stop, and has not, is told again."""
_FOLDER = re.compile(r"reckoner-(\d+)-\w+")
_OUT_OF_MEMORY = re.compile(
    r"can't start new thread|failed to map segment|cannot allocate memory|unable to allocate",
    re.IGNORECASE,
)


def of_memory(error: BaseException) -> str:
    """What to say where an error means that the memory is too small; else nothing."""
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
        said = f" ({text})" if (text := str(error).split("\n")[0]) else ""
        return f"the memory is too small for this{said}; give it more, or less to do at once"
    return ""


def see_room() -> None:
    """See that a picture can be drawn: what draws would end the process without a word.

    Raises:
        MemoryError: a limit on the addresses of a process leaves no room.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < ROOM:
        raise MemoryError(f"with `ulimit -v` at {limit / 1e9:.3g} GB no picture can be drawn")


def leave_output() -> None:
    """Forget what the standard output could not take, or the interpreter would try once more."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - it stays open


def quietly() -> None:
    """From now on Ctrl-C, or too little memory, is one line wherever it comes."""
    sys.excepthook = _said


def _said(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        print("Error: stopped", file=sys.stderr)
    elif why := of_memory(error):
        print(f"Error: {why}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def _stop(number: int, frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_REAL, AGAIN)
    raise KeyboardInterrupt


def _go_on(number: int, frame: FrameType | None) -> None:
    """Take no notice."""


def _stop_once(number: int, frame: FrameType | None) -> None:
    """Stop, and do not stop the stopping: Ctrl-C reaches a child, and then its parent ends it."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _go_on)
    raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[None]:
    """Within, SIGTERM stops as Ctrl-C does, so that what has to be tidied is.

    A destructor or a callback that is just running swallows it; then it comes once more.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, _stop) for each in (signal.SIGTERM, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def scratch() -> Iterator[Path]:
    """Within, every temporary file of this process and its children is in one folder.

    The folder goes at the end; those of processes that were killed go as the next one begins.
    """
    _remove_orphans(Path(tempfile.gettempdir()))
    before, named = os.environ.get("TMPDIR"), tempfile.tempdir
    folder = tempfile.mkdtemp(prefix=f"reckoner-{os.getpid()}-")
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    try:
        yield Path(folder)
    finally:
        tempfile.tempdir = named
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before
        shutil.rmtree(folder, ignore_errors=True)


def _remove_orphans(place: Path) -> None:
    for folder in place.glob("reckoner-*"):
        named = _FOLDER.fullmatch(folder.name)
        with suppress(OSError):
            if named and folder.stat().st_uid == os.getuid() and not _runs(int(named[1])):
                shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def alone(lock: Path) -> Iterator[bool]:
    """Whether this process is the only one to hold a lock; it ends with the process."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def children_follow() -> None:
    """From now on, forked children end with this process, however it ends."""
    parent = os.getpid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    def begin() -> None:
        if os.getppid() == parent:
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, _stop_once)
            threading.Thread(target=watch, daemon=True).start()

    os.register_at_fork(after_in_child=begin)
