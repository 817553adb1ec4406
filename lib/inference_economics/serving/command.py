"""`predict rows.csv -o out.csv`: what the serving model says of each row of a table of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import click
import pandas as pd

from inference_economics import catalog
from inference_economics.catalog import Chip, MissingConstantError, Model
from inference_economics.serving.engines import ENGINES, PRECISIONS
from inference_economics.serving.model import NEEDS_OF_CHIP
from inference_economics.serving.predict import PREDICTED, predict
from inference_economics.serving.rows import NEEDED
from inference_economics.serving.runs import models_of_runs
from inference_economics.serving.shape import NEEDS_OF_MODEL, shape_of
from reckoner.declare.parameters import nearest
from reckoner.declare.tables import Constant, DataError, read_rows
from reckoner.files import write_whole

NUMBERS = {
    "isl": (1.0, 1e7, False),
    "osl": (2.0, 1e7, False),
    "concurrency": (1.0, 1e6, True),
    "tp": (1.0, 1024.0, False),
    "attention_dp": (1.0, 1024.0, True),
}
"""Columns of numbers: the smallest and the largest allowed, and whether one may be blank."""


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

    def __init__(self, path: Path, rows: pd.DataFrame) -> None:
        self.path = path
        self.rows = rows

    def stop(self, place: int, column: str, message: str) -> None:
        """Refuse one cell.

        Raises:
            DataError: always.
        """
        raise DataError(f"{self.path}, line {place + 2}, column {column!r}: {message}")

    def header(self) -> None:
        """Every column is there, and stands once."""
        for column in NEEDED:
            if column not in self.rows:
                hint = nearest(column, list(map(str, self.rows))) or ";"
                raise DataError(
                    f"{self.path}, line 1, column {column!r}: it is missing{hint} "
                    f"needed are {', '.join(NEEDED)}"
                )
        taken = [name for name in self.rows if str(name).startswith("predicted_")]
        if taken:
            raise DataError(
                f"{self.path}, line 1, column {taken[0]!r}: it is one of those that are written; "
                "remove it, or give the file that was predicted from"
            )

    def numbers(self) -> dict[str, pd.Series]:
        """The columns of numbers; a blank concurrency is filled from `batch_size`."""
        found = {}
        for column, (low, high, may_be_blank) in NUMBERS.items():
            if column not in self.rows:
                continue
            text = self.rows[column].str.strip()
            if column == "concurrency" and "batch_size" in self.rows:
                text = text.mask(text == "", self.rows["batch_size"].str.strip())
            values = pd.to_numeric(text.mask(text == ""), errors="coerce")
            blank = text == ""
            allowed = values.between(low, high) & (values == values.round())
            if column == "attention_dp":
                allowed |= values == 0
            if may_be_blank and column == "attention_dp":
                allowed |= blank
            for place in self.rows.index[~allowed][:1]:
                self.stop(
                    place,
                    column,
                    f"expected a whole number of {low:g} to {high:g}; found {text[place]!r}",
                )
            found[column] = values
        return found

    def names(self, column: str, known: Iterable[str], what: str) -> None:
        """Every cell of a column is a known name."""
        allowed = set(known)
        for place, name in self.rows[column].items():
            if name not in allowed:
                self.stop(
                    int(str(place)),
                    column,
                    f"no {what} {name!r}{nearest(name, list(allowed)) or ';'} known are "
                    f"{', '.join(sorted(allowed))}",
                )

    def quantities(self, column: str, lacking: Mapping[str, str]) -> None:
        """Every chip or model has the quantities that the model of serving needs."""
        for place, name in self.rows[column].items():
            if name in lacking:
                self.stop(int(str(place)), column, f"{lacking[name]}; add a row for it")


def _lacking_chips(names: Iterable[str], own: Mapping[str, Chip]) -> dict[str, str]:
    found = {}
    for name in set(names):
        chip = own.get(name) or catalog.chip(name)
        missing = [quantity for quantity in NEEDS_OF_CHIP if not chip.has(quantity)]
        if missing:
            found[name] = f"{name} has no {', '.join(missing)}"
    return found


def _lacking_models(names: Iterable[str], own: Mapping[str, Model]) -> dict[str, str]:
    found = {}
    keys = {name: row.key for name, row in models_of_runs().items()}
    for name in set(names):
        model = own.get(name) or catalog.model(keys.get(name, name))
        missing = [quantity for quantity in NEEDS_OF_MODEL if not model.has(quantity)]
        try:
            shape_of(model, 1.0)
        except MissingConstantError as error:
            missing = missing or [str(error).split(" has no ")[1].split(";")[0].strip("'")]
        if missing:
            found[name] = f"{name} has no {', '.join(missing)}"
    return found


def predicted_table(path: Path, own: Iterable[Path] = (), level: float = 0.9) -> pd.DataFrame:
    """The rows of a file, as they stand there, with the predicted columns.

    Args:
        path: a CSV file with the columns `NEEDED`.
        own: files of one's own chips and models.
        level: the share of measurements that the intervals are to hold.

    Raises:
        DataError: a cell is wrong; the message names file, line and column, and what to do.
    """
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a table of comma-separated values ({error})") from None
    chips, models = own_records(own)
    checks = _Checks(path, rows)
    checks.header()
    numbers = checks.numbers()
    checks.names("model", {*models_of_runs(), *catalog.model_names(), *models}, "model")
    checks.names("system", {*catalog.chip_names(), *chips}, "chip")
    checks.names("backend", ENGINES, "fitted engine")
    checks.names("precision", {"", *PRECISIONS}, "precision")
    checks.quantities("model", _lacking_models(rows["model"], models))
    checks.quantities("system", _lacking_chips(rows["system"], chips))
    table = rows.drop(columns=["tensor_parallel", "data_parallel", "requests"], errors="ignore")
    table = table.drop(columns="batch_size", errors="ignore").assign(**numbers)
    try:
        found = predict(table, level, chips, models)
    except MissingConstantError as error:
        raise DataError(f"{path}, column 'system': {error.args[0]}") from None
    ends = ("", "_low", "_high")
    written = [f"{name}{end}" for name in PREDICTED for end in ends] + ["limit", "outside"]
    return rows.assign(**{name: found[name] for name in written})


@click.command(name="predict")
@click.argument("rows", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
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
def command(rows: Path, output: Path, own: tuple[Path, ...], level: float) -> None:
    """Predict time to first token, time per output token and throughput of serving runs.

    ROWS is a CSV file with the columns model, system (the chip), backend (the engine), precision,
    isl and osl (input and output tokens), concurrency and tp; attention_dp is optional.
    """
    try:
        table = predicted_table(rows, own, level)
    except DataError as error:
        raise click.ClickException(str(error)) from None
    write_whole(output, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    outside = int((table["outside"] != "").sum())
    click.echo(f"{len(table)} rows in {output}; {outside} of them outside the fitted range")
