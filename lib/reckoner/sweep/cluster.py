"""Work done by Dask: by processes of this machine, or by a cluster that is running already."""

from __future__ import annotations

import itertools
import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster, as_completed

from reckoner.sweep.parts import SweepError

PATIENCE = 10.0
"""Seconds to wait for a scheduler's answer."""
AHEAD = 4
"""How many pieces of work wait at the workers for each that is being done."""


@contextmanager
def client(scheduler: str | None, workers: int) -> Iterator[Client]:
    """A client of the cluster at an address, or of one made for the moment.

    Raises:
        SweepError: no scheduler answers at the address.
    """
    _keep_quiet()
    with dask.config.set({"distributed.comm.timeouts.connect": "20s"}):
        if scheduler is None:
            with _started(workers) as local, Client(local) as found:
                yield found
            return
        try:
            found = Client(scheduler, timeout=PATIENCE)
        except (OSError, ValueError) as error:
            raise SweepError(f"no Dask scheduler answers at {scheduler}: {error}") from None
        with found:
            yield found


def _keep_quiet() -> None:
    """From now on; a cluster that is closed would log its lost connections after the last line."""
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.CRITICAL)


def _started(workers: int) -> LocalCluster:
    """Processes of this machine that leave Ctrl-C to this one, which ends them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if _in_main_thread() else None
    try:
        return LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True,
            silence_logs=logging.CRITICAL, dashboard_address="127.0.0.1:0",
        )  # fmt: skip
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def work(found: Client, pieces: Iterable[Callable[[], Any]]) -> Iterator[Any]:
    """Have all pieces done, some ahead of the workers; what a dying worker held is done again.

    Yields what each piece gives, none a tuple, as they are finished. What has come back counts,
    whatever becomes of the worker that sent it.

    Raises:
        SweepError: the cluster went away, or a piece killed every worker that took it.
    """
    waiting = (found.submit(piece, pure=False) for piece in pieces)
    ahead = AHEAD * max(1, sum(found.nthreads().values()))
    handed_in = list(itertools.islice(waiting, ahead))
    running = as_completed(handed_in, with_results=True, raise_errors=False)
    del handed_in  # or a worker would keep what these gave
    for future, result in running:
        error = result[1] if isinstance(result, tuple) else result
        if isinstance(error, BaseException):
            why = f"{type(error).__name__}: {error}"
            raise SweepError(f"the cluster gave up: {why}. Run the same command again")
        future.release()
        running.update(itertools.islice(waiting, 1))
        yield result
