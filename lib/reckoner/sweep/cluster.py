"""Work done by Dask: by processes of this machine, or by a cluster that is running already."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster, as_completed
from tqdm import tqdm

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
    if scheduler is None:
        quiet = {"silence_logs": logging.CRITICAL, "dashboard_address": "127.0.0.1:0"}
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, **quiet) as local,
            Client(local) as found,
        ):
            yield found
        return
    try:
        found = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise SweepError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    with found:
        yield found


def work(
    found: Client, pieces: Iterable[Any], submit: Callable[[Any], Any]
) -> Iterator[tuple[Any, Any]]:
    """Have all pieces done, some ahead of the workers; what a dying worker held is done again.

    Args:
        found: the cluster.
        pieces: what is to be done, in order.
        submit: hands a piece in, and returns its future.

    Yields:
        Each piece with its result, as they are finished.

    Raises:
        SweepError: the cluster went away, or a piece killed every worker that took it.
    """
    waiting = iter(pieces)
    threads = max(1, sum(found.nthreads().values()))
    handed: dict[str, Any] = {}

    def hand_in(count: int) -> list[Any]:
        futures = []
        for piece in itertools.islice(waiting, count):
            future = submit(piece)
            handed[future.key] = piece
            futures.append(future)
        return futures

    running = as_completed(hand_in(AHEAD * threads), with_results=True, raise_errors=False)
    for future, result in running:
        if future.status != "finished":
            raise SweepError(f"the cluster gave up: {_why(result)}. Run the same command again")
        piece = handed.pop(future.key)
        future.release()
        running.update(hand_in(1))
        yield piece, result


def _why(result: Any) -> str:
    error = result[1] if isinstance(result, tuple) else result
    return f"{type(error).__name__}: {error}"


def progress(total: int, unit: str, shown: bool | None, start: int = 0) -> Any:
    """A bar on the error stream with the time left; by default only where a person sees it."""
    hidden = None if shown is None else not shown
    return tqdm(total=total, initial=start, unit=unit, disable=hidden, unit_scale=total > 9999)


dask.config.set({"distributed.comm.timeouts.connect": "20s"})
