"""`predict rows.csv -o out.csv`: what the serving model says of each row of a table of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import click
import pandas as pd

from inference_economics import catalog
from inference_economics.catalog import Chip, MissingConstantError, Model, Record
from inference_economics.catalog.own import CHIP_FILE, MODEL_FILE, chip, model
from inference_economics.formulas.layers import splits
from inference_economics.serving.engines import ENGINES, PRECISIONS
from inference_economics.serving.model import NEEDS_OF_CHIP
from inference_economics.serving.own_kernels import formats, with_own_kernels
from inference_economics.serving.predict import PREDICTED, calibrated, predict
from inference_economics.serving.rows import NEEDED, model_of
from inference_economics.serving.runs import layout, models_of_runs
from inference_economics.serving.shape import NEEDS_OF_MODEL, shape_of
from reckoner import stopping
from reckoner.declare.given import Table, read_table
from reckoner.declare.parameters import OwnFile, nearest
from reckoner.declare.tables import Constant, DataError, read_rows
from reckoner.files import is_stream, put

NUMBERS = {
    "isl": (1.0, 1e7, False),
    "osl": (2.0, 1e7, False),
    "concurrency": (1.0, 1e6, True),
    "tp": (1.0, 1024.0, False),
    "attention_dp": (1.0, 1024.0, True),
    "speculation": (0.0, 8.0, True),
    "batch_wait": (0.0, 1000.0, True),
    "poll_interval": (0.0, 1000.0, True),
    "waves": (1.0, 1000.0, True),
    "tpot_ms": (0.0, 1e9, True),
    "ttft_ms": (0.0, 1e9, True),
    "memory_share": (0.0, 1.0, True),
    "moe_tp": (0.0, 1024.0, True),
    "moe_ep": (0.0, 1024.0, True),
}
"""Columns of numbers: the smallest and the largest allowed, and whether one may be blank."""

NOT_WHOLE = {"tpot_ms", "ttft_ms", "memory_share"}
"""Columns whose numbers need not be whole."""

NOT_RECKONED = {"pp", "pipeline_parallel", "pipeline_parallel_size", "cp", "context_parallel",
                "prefill_workers", "decode_workers"}  # fmt: skip
"""Columns that must say one: pipelines, context split between chips and prefill on chips of its
own are not reckoned with."""

Own = TypeVar("Own", bound=Record)


def own_records(paths: Iterable[Path]) -> tuple[dict[str, Chip], dict[str, Model]]:
    """One's own chips and models, from files with the columns of the catalog's.

    Args:
        paths: CSV files; each key becomes the name of a chip and of a model.

    Raises:
        DataError: a row is wrong.
    """
    values: dict[str, dict[str, float]] = {}
    for path in paths:
        for row in read_rows(path, Constant, unique=("id",)):
            if not isinstance(row.value, str):
                values.setdefault(row.key, {})[row.quantity] = row.si
    return (
        {key: Chip(key, key, known) for key, known in values.items()},
        {key: Model(key, key, known) for key, known in values.items()},
    )


class _Checks:
    """The checks of a table; the first fault stops, and says where it is and what to do."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows = pd.DataFrame(
            [row.cells for row in table.rows], columns=list(table.columns), dtype=str
        )

    def stop(self, place: int, column: str, message: str) -> None:
        """Refuse one cell.

        Raises:
            DataError: always.
        """
        line = self.table.rows[place].line
        raise DataError(f"{self.table.path}, line {line}, column {column!r}: {message}")

    def header(self) -> None:
        """Every column is there, none is one of those that are written, and there are rows."""
        path, columns = self.table.path, self.table.columns
        for column in NEEDED:
            if column not in columns:
                hint = nearest(column, columns) or ";"
                raise DataError(
                    f"{path}, line 1, column {column!r}: it is missing{hint} "
                    f"needed are {', '.join(NEEDED)}, between commas, semicolons or tabs"
                )
        taken = [name for name in columns if name.startswith("predicted_")]
        if taken:
            raise DataError(
                f"{path}, line 1, column {taken[0]!r}: it is one of those that are written; "
                "remove it, or give the file that was predicted from"
            )
        if not self.table.rows:
            raise DataError(f"{path}: it has a header and no row; write a row for each run")

    def numbers(self) -> dict[str, pd.Series]:
        """The columns of numbers; a blank concurrency is filled from `batch_size`."""
        found = {}
        for column, (low, high, may_be_blank) in NUMBERS.items():
            if column not in self.rows:
                continue
            text = self.rows[column]
            if column == "concurrency" and "batch_size" in self.rows:
                text = text.mask(text == "", self.rows["batch_size"])
            values = pd.to_numeric(text.mask(text == ""), errors="coerce")
            whole = "" if column in NOT_WHOLE else "whole "
            allowed = values.between(low, high) & ((values == values.round()) | (whole == ""))
            allowed |= (text == "") & may_be_blank & (column != "concurrency")
            if column == "attention_dp":
                allowed |= values == 0
            for place in self.rows.index[~allowed][:1]:
                hint = "; write thousands without a separator" if "," in text[place] else ""
                self.stop(
                    place,
                    column,
                    f"expected a {whole}number of {low:g} to {high:g}; found {text[place]!r}{hint}",
                )
            found[column] = values
        return found

    def names(self, column: str, known: Iterable[str], what: str) -> None:
        """Every cell of a column is a known name."""
        allowed = set(known)
        for place, name in enumerate(self.rows[column]):
            if name not in allowed:
                self.stop(
                    place,
                    column,
                    f"no {what} {name!r}{nearest(name, list(allowed)) or ';'} known are "
                    f"{', '.join(sorted(allowed))}",
                )

    def files(self, column: str, file: OwnFile, read: Callable[[str], Own]) -> dict[str, Own]:
        """What the paths of a column stand for."""
        found: dict[str, Own] = {}
        for place, name in enumerate(self.rows[column]):
            if name in found or not file.takes(name) or name in models_of_runs():
                continue
            try:
                found[name] = read(name)
            except (DataError, OSError) as error:
                self.stop(place, column, getattr(error, "strerror", None) or str(error))
        return found

    def quantities(self, column: str, lacking: Mapping[str, str]) -> None:
        """Every chip or model has the quantities that the model of serving needs."""
        for place, name in enumerate(self.rows[column]):
            if name in lacking:
                self.stop(place, column, f"{lacking[name]}; add a row for it")

    def split(self, models: Mapping[str, Model], groups: pd.Series) -> None:
        """No column asks for what is not reckoned with, and the chips of a group share evenly."""
        for column in NOT_RECKONED & {*self.rows}:
            for place, text in enumerate(self.rows[column]):
                if text not in ("", "0", "1", "1.0"):
                    self.stop(
                        place, column, "it is not reckoned with; write 1 or remove the column"
                    )
        for place, (name, size) in enumerate(zip(self.rows["model"], groups, strict=True)):
            allowed = splits(model_of(name, models))
            if size not in allowed:
                self.stop(
                    place,
                    "tp",
                    f"{size:g} chips do not share the heads of {name} evenly; "
                    f"{', '.join(f'{each:g}' for each in allowed)} do",
                )


def _lacking_chips(names: Iterable[str], own: Mapping[str, Chip]) -> dict[str, str]:
    found = {}
    for name in set(names):
        known = own.get(name) or catalog.chip(name)
        missing = [quantity for quantity in NEEDS_OF_CHIP if not known.has(quantity)]
        if missing:
            found[name] = f"{name} has no {', '.join(missing)}"
    return found


def _lacking_models(names: Iterable[str], own: Mapping[str, Model]) -> dict[str, str]:
    found = {}
    keys = {name: row.key for name, row in models_of_runs().items()}
    for name in set(names):
        known = own.get(name) or catalog.model(keys.get(name, name))
        missing = [quantity for quantity in NEEDS_OF_MODEL if not known.has(quantity)]
        try:
            shape_of(known, 1.0)
        except MissingConstantError as error:
            missing = missing or [str(error).split(" has no ")[1].split(";")[0].strip("'")]
        if missing:
            found[name] = f"{name} has no {', '.join(missing)}"
    return found


def _with_configs(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The rows with the path of a `config` column, from a folder, in place of the model's name."""
    if "config" not in rows:
        return rows
    named = rows["config"] != ""
    paths = rows["config"].map(lambda text: str(folder / text))
    return rows.assign(model=rows["model"].mask(named, paths))


def _checked(
    path: Path, chips: dict[str, Chip], models: dict[str, Model]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a file as they stand there, and as `predict` takes them.

    What the files of its cells describe is added to `chips` and `models`.

    Raises:
        DataError: a cell is wrong; the message names file, line and column, and what to do.
    """
    checks = _Checks(read_table(path))
    checks.header()
    written, numbers = checks.rows, checks.numbers()
    rows = checks.rows = _with_configs(written, path.parent)
    models |= checks.files("model", MODEL_FILE, model)
    chips |= checks.files("system", CHIP_FILE, chip)
    checks.names("model", {*models_of_runs(), *catalog.model_names(), *models}, "model")
    checks.names("system", {*catalog.chip_names(), *chips}, "chip")
    checks.names("backend", ENGINES, "fitted engine")
    checks.names("precision", {"", *PRECISIONS}, "precision")
    if "kv_cache" in rows:
        checks.names("kv_cache", {"", "bf16", "fp8"}, "format of the KV cache")
    checks.quantities("model", _lacking_models(rows["model"], models))
    checks.quantities("system", _lacking_chips(rows["system"], chips))
    table = rows.drop(columns=["tensor_parallel", "data_parallel", "requests", "drafted"],
                      errors="ignore").assign(**numbers)  # fmt: skip
    table = table.assign(**layout(table))
    checks.split(models, table["tensor_parallel"])
    return written, table.drop(columns="batch_size", errors="ignore")


def predicted_table(
    path: Path,
    own: Iterable[Path] = (),
    level: float = 0.9,
    calibrate: Path | None = None,
    measured: Iterable[tuple[str, Path]] = (),
) -> pd.DataFrame:
    """The rows of a file, as they stand there, with the predicted columns.

    Args:
        path: a table with the columns `NEEDED`.
        own: files of one's own chips and models.
        level: the share of measurements that the intervals are to hold.
        calibrate: runs of one's own, with a column `tpot_ms` and perhaps `ttft_ms`.
        measured: chips by name, and what `spacetime measure` wrote on each.

    Raises:
        DataError: a cell is wrong; the message names file, line and column, and what to do.
    """
    chips, models = own_records(own)
    chips |= measured_chips(measured, chips)
    known = None
    if calibrate is not None:
        _, runs = _checked(calibrate, chips, models)
        if "tpot_ms" not in runs or runs["tpot_ms"].isna().any():
            raise DataError(
                f"{calibrate}, column 'tpot_ms': a measured time per output token is needed in "
                "each row; add it in milliseconds"
            )
        known = calibrated(runs, chips, models)
    rows, table = _checked(path, chips, models)
    try:
        found = predict(table, level, chips, models, known=known)
    except MissingConstantError as error:
        raise DataError(f"{path}, column 'system': {error.args[0]}") from None
    ends = ("", "_low", "_high")
    written = [f"{name}{end}" for name in PREDICTED for end in ends] + [
        "limit", "seen", "outside",
    ]  # fmt: skip
    return rows.assign(**{name: found[name] for name in written})


def measured_chips(
    measured: Iterable[tuple[str, Path]], own: Mapping[str, Chip]
) -> dict[str, Chip]:
    """Chips by their names in the rows, each with what its file of measured rows shows of it.

    Args:
        measured: names, as in the column `system`, and files that `spacetime measure` wrote.
        own: one's own chips by name.

    Raises:
        DataError: a chip is not known, or a file is wrong or shows nothing of it.
    """
    found: dict[str, Chip] = {}
    for name, path in measured:
        if name not in own and not CHIP_FILE.takes(name) and name not in catalog.chip_names():
            known = [*catalog.chip_names(), *own]
            raise DataError(f"--measured {name}: no such chip{nearest(name, known) or ''}")
        found[name] = with_own_kernels(own[name] if name in own else chip(name), path)
    return found


def _named(text: str) -> tuple[str, Path]:
    """A chip's name and a path, from NAME=PATH."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise DataError(f"--measured {text[:80]!r}: write CHIP=FILE, as in h100_sxm=rows.csv")
    return name, Path(path)


def _say_not_measured(precisions: pd.Series[str], name: str, path: Path) -> None:
    """Say which runs on a chip are in formats that its file of rows does not tell of."""
    known = formats(path)
    missing = sorted({*precisions} - known - {""})
    if missing:
        click.echo(
            f"{path} tells of {', '.join(sorted(known)) or 'no products'}; runs on {name} in "
            f"{', '.join(missing)} take what is known of such kernels elsewhere", err=True,
        )  # fmt: skip


@click.command(name="predict")
@click.argument("rows", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", required=True,
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="The file to write: the same rows and columns, and the predicted ones.",
)  # fmt: skip
@click.option(
    "--own", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of your own chips and models, with the columns of the catalog's data files.",
)  # fmt: skip
@click.option(
    "--level", default=0.9, show_default=True, type=click.FloatRange(0.01, 0.99),
    help="Share of measurements that the intervals are to hold.",
)  # fmt: skip
@click.option(
    "--calibrate", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Runs of your own, with tpot_ms and perhaps ttft_ms: two or three tell a series' level.",
)  # fmt: skip
@click.option(
    "--measured", multiple=True, metavar="CHIP=FILE",
    help="Rows that `spacetime measure` wrote on a chip of the column system: what its own kernels "
    "reach stands for what is taken from other chips.",
)  # fmt: skip
def command(
    rows: Path,
    output: Path,
    own: tuple[Path, ...],
    level: float,
    calibrate: Path | None,
    measured: tuple[str, ...],
) -> None:
    """Predict time to first token, time per output token and throughput of serving runs.

    ROWS is a table with the columns model, system (the chip), backend (the engine), precision,
    isl and osl (input and output tokens), concurrency and tp. Optional are attention_dp, moe_tp,
    moe_ep, backend_version, kv_cache (fp8 or bf16), speculation (tokens guessed ahead in a step),
    batch_wait and poll_interval (steps), waves, memory_share, and config (a model's config.json,
    from the file's folder). A model or a chip may be the path of a file that describes it. The
    output may be a pipe, or - for the standard output. Exit codes: 0 done, 1 a row or a file is
    wrong, 2 an option is.
    """
    try:
        kernels = [*map(_named, measured)]
        table = predicted_table(rows, own, level, calibrate, kernels)
        put(output, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    except DataError as error:
        raise click.ClickException(str(error)) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        stopping.leave_output()
        why = f"{error.filename or output}: {error.strerror or error}"
        raise click.ClickException(f"{why}; give another name or folder") from None
    for name, path in kernels:
        _say_not_measured(table.loc[table["system"] == name, "precision"], name, path)
    outside = int((table["outside"] != "").sum())
    said = f"{len(table)} rows in {output}; {outside} of them outside the fitted range"
    click.echo(said, err=is_stream(output))
