"""`measure -o rows.csv`: what this machine reaches, as rows that the book can read."""

from __future__ import annotations

import time
from pathlib import Path

import click
import psutil

from inference_economics import catalog
from inference_economics.catalog.own import model as model_of
from inference_economics.measure import bandwidth, card, products
from inference_economics.measure.cuda import Card, why_not
from inference_economics.measure.device import Processor
from inference_economics.measure.kit import Left, Part, Rows, work
from inference_economics.measure.rows import BUSY, QUIET
from inference_economics.measure.steps import NO_TIME, QUICK, Plan, Steps
from inference_economics.measure.timing import by_clock, repeated
from reckoner import stopping
from reckoner.command.main import Stopped
from reckoner.declare.parameters import nearest
from reckoner.files import is_stream

SECONDS, QUICK_SECONDS = 600.0, 60.0
"""That the kit takes by default, and in a quick run."""
READINGS, QUICK_READINGS = 41, 15
"""Repeats of reading, which are short: what else runs disturbs few of them."""
LOOK = 0.5
"""Seconds for which the machine is watched before anything is measured."""
COPIED = 256 * 2**20
"""Bytes that are copied."""


@click.command(name="measure")
@click.option(
    "-o", "--output", required=True,
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="The file to write: a row for each thing measured, with the machine's description.",
)  # fmt: skip
@click.option("--quick", is_flag=True, help="Fewer sizes and repeats, in about a minute.")
@click.option(
    "--seconds", type=click.FloatRange(1.0, 86400.0),
    help="Time that the measuring may take.  [default: 600, with --quick 60]",
)  # fmt: skip
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True,
    help="The processor, or a card of NVIDIA through PyTorch, which auto takes where there is one.",
)  # fmt: skip
@click.option(
    "--model", "key", default="llama2_70b", show_default=True,
    help="A dense model of the catalog, or a file that describes one; its layers are measured.",
)  # fmt: skip
@click.option(
    "--memory", type=click.FloatRange(0.001, 1e6),
    help="GB that may be taken.  [default: three fifths of what is free]",
)  # fmt: skip
@click.option(
    "--limit", type=click.FloatRange(0.1, 1e6),
    help="GB/s that the memory can do by its datasheet, where the machine does not tell.",
)  # fmt: skip
def command(
    output: Path, quick: bool, seconds: float | None, device: str, key: str,
    memory: float | None, limit: float | None,
) -> None:  # fmt: skip
    """Measure this machine: bandwidth, products, and layers of a model at work.

    Takes ten minutes. Every row is in the file as soon as it is known, so what is broken off
    keeps the rows that it has. Let the machine do nothing else meanwhile; a row whose repeats lie
    apart is marked unsteady. Exit codes: 0 done, 2 an option or a place is wrong, 130 stopped.
    """
    try:
        model = model_of(key)
    except KeyError:
        known = [*catalog.model_names()]
        hint = nearest(key, known) or ";"
        raise click.UsageError(
            f"--model {key}: no such model{hint} give the path of a file, or one of "
            f"{', '.join(known)}"
        ) from None
    where = device_of(device, memory)
    about = where.about(None if limit is None else limit * 1e9)
    rows = Rows(output, about)
    steps = Steps(rows, where, model, QUICK if quick else Plan())
    parts = _parts(rows, where, steps, quick)
    try:
        said = f"{about.machine}; {about.software}"
        rows.add("machine", float(where.cores()), "count", note=said)
        _see_quiet(rows)
        rows.add("memory in all", about.memory, "B")
        rows.add("memory free at start", where.room(), "B", note="what the kit may take")
        work(rows, parts, seconds or (QUICK_SECONDS if quick else SECONDS))
    except KeyboardInterrupt:
        rows.save()
        raise Stopped(f"stopped; {len(rows.rows)} rows are in {output}") from None
    except OSError as error:
        stopping.leave_output()
        why = f"{error.filename or output}: {error.strerror or error}"
        raise click.UsageError(f"{why}; give another name or folder") from None
    click.echo(f"{len(rows.rows)} rows in {output}", err=is_stream(output))


def _see_quiet(rows: Rows) -> None:
    """Look for a moment whether the machine is at work already, and say so."""
    share = psutil.cpu_percent(LOOK) / 100
    rows.add(BUSY, share, "share", note=f"of all cores, for {LOOK:g} s")
    if share > QUIET:
        click.echo(
            f"the processor is {share:.0%} busy already: rows will be low and unsteady; end what "
            "else runs, and measure again", err=True,
        )  # fmt: skip


def device_of(name: str, memory: float | None) -> Processor:
    """Where to measure; what is missing for a card is said.

    Args:
        name: "auto", "cpu" or "cuda".
        memory: GB that may be taken, if the user said so.

    Raises:
        UsageError: a card is asked for and there is none, or no PyTorch.
    """
    most = None if memory is None else memory * 1e9
    if name == "cpu":
        return Processor(most)
    lacking = why_not()
    if not lacking:
        return Card(most)
    if name == "cuda":
        raise click.UsageError(f"--device cuda: {lacking}")
    click.echo(f"on the processor: {lacking}", err=True)
    return Processor(most)


def _parts(rows: Rows, where: Processor, steps: Steps, quick: bool) -> list[Part]:
    folder = Path(".") if is_stream(rows.path) else rows.path.parent
    layers = [
        Part("check", 0.03, steps.check),
        Part("layer", 0.12, steps.build),
        Part("projections", 0.05, steps.projections),
        Part("decode", 0.3, steps.decode),
        Part("prefill", 0.15, steps.prefill),
        Part("prefix", 0.1, lambda until: steps.prefixes(folder, until)),
        Part("energy", 0.05, steps.power),
        Part("many layers", 0.15, steps.many),
    ]
    if isinstance(where, Card):
        return [*card.parts(rows, where, quick), *layers]
    return [
        Part("bandwidth", 0.2, lambda until: _reading(rows, where, quick, until)),
        Part("copy", 0.02, lambda until: _copy(rows, where, until)),
        Part("products", 0.05, lambda until: products.measure(rows, quick, until)),
        *layers,
    ]


def _reading(rows: Rows, where: Processor, quick: bool, until: float) -> None:
    """What 1, 2, 4 and so on cores read; the steps between come last, as time may end."""
    about, many = rows.about, where.cores()
    sizes = bandwidth.sizes(about.cache, about.core_cache, many, where.room() / 2)
    repeats = QUICK_READINGS if quick else READINGS
    with bandwidth.readers() as readers:
        for size in [*sizes[::-2], *sizes[-2::-2]]:
            if time.perf_counter() > until:
                raise Left(f"no time for the steps between; {NO_TIME}")
            for together, speeds in readers.compared(size, repeats).items():
                rows.bandwidth("read", speeds, size, cores=together)


def _copy(rows: Rows, where: Processor, until: float) -> None:
    if where.room() < 3 * COPIED:
        raise Left("too little memory")
    source = where.on.random(COPIED // 4)
    target = where.on.random(COPIED // 4)
    run = lambda: where.on.xp.copyto(target, source)  # noqa: E731
    (times,) = repeated([run], until - time.perf_counter(), by_clock)
    rows.bandwidth("copy, read and write", times.each(lambda took: 2 * COPIED / took),
                   2 * COPIED, cores=1, note="counting both")  # fmt: skip
