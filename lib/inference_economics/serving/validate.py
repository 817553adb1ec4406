"""How wrong the model is where it has not been: fits that leave out a chip, a model, and so on.

`python -m inference_economics.serving.validate` fits once for each group that is left out, some
minutes in all, and stores the errors of every series in serving_left_out.csv.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache

import pandas as pd
from pydantic import BaseModel, ConfigDict

from inference_economics.quantities import DATA
from inference_economics.serving import accuracy
from inference_economics.serving.fit import fit, fit_of_book, logarithms, series_of, served_of
from inference_economics.serving.predict import predict
from inference_economics.serving.runs import runs
from reckoner.declare.tables import Text, read_rows

STORED = DATA / "serving_left_out.csv"

LEFT = {
    "chip": ["system"],
    "model": ["key"],
    "release": ["backend", "release"],
    "series": ["series"],
}
"""What is left out, and the columns that name it."""

REFITTED = {"chip", "model"}
"""Kinds whose groups the constants have not seen either; of the others, only the levels: no
release and no series moves a constant that all share by much."""


class LeftOut(BaseModel):
    """A row of serving_left_out.csv: errors on one series of predictions that never saw some group.

    Attributes:
        left: which kind of group was left out, of `LEFT`.
        group: its name.
        series: the series, a part of the group.
        experts: whether its model has experts.
        rows: measured runs.
        mean: mean absolute error of the time per output token.
        median: its median.
        bias: mean error.
        coverage: share of rows in their 90% interval.
        half: share of rows in their 50% interval.
        width: mean logarithm of the 90% interval's ends' ratio.
        score: mean interval score.
        first: median absolute error of the time to the first token.
        first_coverage: share of rows in its 90% interval.
        datasheet: mean absolute error of the datasheet's step.
        calibrated: mean absolute error when three of the series' runs are known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: Text
    group: Text
    series: Text
    experts: bool
    rows: int
    mean: float
    median: float
    bias: float
    coverage: float
    half: float
    width: float
    score: float
    first: float
    first_coverage: float
    datasheet: float
    calibrated: float


@cache
def left_out() -> pd.DataFrame:
    """The stored errors."""
    return pd.DataFrame([row.model_dump() for row in read_rows(STORED, LeftOut)])


CALIBRATING = 3
"""Runs of a series that are known when it is calibrated."""


def errors_without(left: str, table: pd.DataFrame, only: Collection[str] = ()) -> Iterator[LeftOut]:
    """The errors on every group of a kind, each predicted from all other rows.

    Args:
        left: the kind, of `LEFT`.
        table: rows of `runs.runs`.
        only: names of groups, if not all.
    """
    whole = fit_of_book()
    sheet = accuracy.book_rows()["datasheet_tpot_ms"] / accuracy.book_rows()["tpot_ms"] - 1
    for group, rows in table.groupby(LEFT[left]):
        name = " ".join(map(str, group))
        if only and name not in only:
            continue
        rest = table.drop(rows.index)
        found = fit(rest, whole.logs) if left in REFITTED else whole
        known = series_of(rest, logarithms(rest, served_of(rest, found.values)))
        wide = accuracy.judged(predict(rows, 0.9, values=found.values, known=known))
        half = accuracy.judged(predict(rows, 0.5, values=found.values, known=known))
        for series, own in wide.groupby("series"):
            some = accuracy.summary(own)
            few = own.sort_values("id").iloc[:: max(len(own) // CALIBRATING, 1)][:CALIBRATING]
            taught = series_of(few, logarithms(few, served_of(few, found.values)))
            again = accuracy.judged(
                predict(own.drop(few.index), values=found.values,
                        known=pd.concat([known, taught], ignore_index=True))
            ) if len(own) > CALIBRATING else own  # fmt: skip
            yield LeftOut(
                left=left, group=name, series=str(series),
                experts=bool(own["experts"].iloc[0]), rows=len(own),
                width=float(own["width"].mean()),
                half=float(half.loc[own.index, "inside"].mean()),
                datasheet=float(sheet[own.index].abs().mean()),
                calibrated=float(again["error"].abs().mean()),
                **{name: some[name] for name in ("mean", "median", "bias", "coverage", "score",
                   "first", "first_coverage")},
            )  # fmt: skip


def main() -> None:
    """Fit without each group, and store the errors."""
    table = runs()
    table = table[~table["repeated"]]
    found = [row.model_dump() for left in LEFT for row in errors_without(left, table)]
    pd.DataFrame(found).to_csv(STORED, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
