"""What the model of serving is worth on measured rows: tables and pictures of `serving`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import altair as alt
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.chapters.serving import engine_name
from inference_economics.serving import accuracy, runs, validate
from reckoner.show.charts import Axis, Style, dots, figure
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

KINDS = {
    "dense": Style("2"),
    "mixtures": Style("1", shape="triangle-up"),
    "by the datasheet": Style("muted", shape="cross"),
}

LEFT = {
    "chip": "its chip",
    "model": "its model",
    "release": "its engine's release, in the levels",
    "series": "its series, in the levels",
}
"""What the fit had never seen, for readers."""

GOALS = {"dense": 0.08, "mixtures": 0.15, "first token": 0.25}
"""The mean errors that were aimed at where the model had not been; of the first token, the
median."""


def counted(part: str, experts: bool | None = None) -> pd.DataFrame:
    """The rows of the part "fit" or "unseen", of dense models, of mixtures, or all."""
    table = accuracy.book_rows()
    rows = table[table["part"] == part]
    return rows if experts is None else rows[rows["experts"] == experts]


def of_datasheet(rows: pd.DataFrame) -> pd.Series:
    """The error of the datasheet's step in each row."""
    return rows["datasheet_tpot_ms"] / rows["tpot_ms"] - 1


def names() -> dict[str, str]:
    """What readers call the chips and models, by key."""
    chips = {key: row.name for key, row in catalog.chip_names().items()}
    return chips | {key: row.name for key, row in catalog.model_names().items()}


def predicted_against_measured(chapter: Chapter) -> HTML:
    """Every unseen row, and the same rows by the datasheet."""
    unseen = counted("unseen")
    measured, sheet, ours = (
        unseen[column] for column in ("tpot_ms", "datasheet_tpot_ms", "predicted_tpot_ms")
    )
    ends = [measured.min() * 0.9, measured.max() * 1.1]
    low = [min(sheet.min(), ours.min()) * 0.9, ends[1]]
    x = Axis("Measured time per output token (ms)", True, {"domain": ends, "nice": False})
    y = Axis("Predicted (ms)", True, {"domain": low, "nice": False})
    mixed = unseen["experts"]
    diagonal = alt.Chart(pd.DataFrame({"x": ends, "y": ends}))
    return chapter.figure(
        figure(
            diagonal.mark_line(color=colour("muted"), strokeWidth=1).encode(
                x.channel(alt.X, "x"), y.channel(alt.Y, "y")
            ),
            dots(
                {
                    "by the datasheet": (measured, sheet),
                    "dense": (measured[~mixed], ours[~mixed]),
                    "mixtures": (measured[mixed], ours[mixed]),
                },
                x,
                y,
                KINDS,
                size=28,
                opacity=0.7,
            ),
            title="Predicted against measured, on unseen rows",
            description=(
                f"{len(unseen)} points near the diagonal. Dense models lie close to it over the "
                "whole range, mixtures of experts scatter more. What the datasheet gives lies far "
                "below, at a third."
            ),
            height=400,
        ),
        unseen.groupby(["model", "backend"], as_index=False)
        .agg(
            rows=("error", "size"), mid=("tpot_ms", "median"), ours=("predicted_tpot_ms", "median")
        )
        .assign(backend=lambda t: t["backend"].map(engine_name))
        .set_axis(
            ["Model", "Engine", "Rows", "Measured, median (ms)", "Predicted, median (ms)"], axis=1
        ),
    )


def where_it_had_not_been() -> pd.DataFrame:
    """Errors by what was left out and kind of model, each series counted once.

    Columns beside `left`, `experts` and `series`: the means over series of what
    `validate.LeftOut` has, `typical` (the median series' mean error) and `pooled` (over rows).
    """
    table = validate.left_out()
    weighted = table.assign(pooled=table["mean"] * table["rows"])
    groups = weighted.groupby(["left", "experts"], sort=False)
    columns = ["bias", "coverage", "half", "score", "first_coverage", "datasheet", "calibrated"]
    found = groups[columns].mean()
    found["typical"] = groups["mean"].median()
    found["first"] = groups["first"].median()
    found["pooled"] = groups["pooled"].sum() / groups["rows"].sum()
    found["series"] = groups.size()
    return found.reset_index()


def unseen_errors(chapter: Chapter) -> HTML:
    """The same as a table."""
    table = where_it_had_not_been()
    columns = {
        "Never seen": table["left"].map(LEFT),
        "Models": table["experts"].map({False: "dense", True: "mixtures"}),
        "Series": table["series"],
        "Interval score": table["score"],
    }
    shares = {
        "Mean error of rows": "pooled",
        "Median series": "typical",
        "Signed": "bias",
        "In 90% interval": "coverage",
        "In 50% interval": "half",
        "First token, median": "first",
        "After three runs": "calibrated",
        "Datasheet": "datasheet",
    }
    return chapter.table(_in_percent(columns, table, shares))


def _in_percent(
    columns: Mapping[str, Any], table: pd.DataFrame, shares: Mapping[str, str]
) -> pd.DataFrame:
    """Columns with more behind them: shares of another table, in percent."""
    percent = {f"{name} (%)": 100 * table[column] for name, column in shares.items()}
    return pd.DataFrame({**columns, **percent})


def in_short(chapter: Chapter) -> str:
    """How far predictions and the datasheet are from rows of chips that no fit had seen."""
    dense, mixed = (of_left("chip", experts) for experts in (False, True))
    ours, sheets = (
        [str(chapter.shown(one[name], "share", 2)) for one in (dense, mixed)]
        for name in ("pooled", "datasheet")
    )
    return (
        f"On a chip that it has never seen our model errs by {ours[0]} on dense models and by "
        f"{ours[1]} on mixtures of experts, where the datasheet errs by {sheets[0]} and "
        f"{sheets[1]}."
    )


def of_left(left: str, experts: bool) -> pd.Series:
    """One row of `where_it_had_not_been`."""
    table = where_it_had_not_been()
    return table[(table["left"] == left) & (table["experts"] == experts)].iloc[0]


def of_public(left: str, experts: bool) -> pd.Series:
    """The same over the series whose scripts are public and that have more than a few runs."""
    table = validate.left_out()
    public = table["series"].str.endswith("|public") & (table["rows"] >= FEW)
    own = table[public & (table["left"] == left) & (table["experts"] == experts)]
    return own[["mean", "coverage", "first", "calibrated"]].mean().rename(str(len(own)))


def goals(chapter: Chapter) -> str:
    """By how much each goal is missed, or that it is met."""
    found = {
        "dense": of_left("chip", False)["pooled"],
        "mixtures": of_left("chip", True)["pooled"],
        "first token": max(of_left("chip", kind)["first"] for kind in (False, True)),
    }
    said = [
        f"{name} at most {chapter.shown(goal, 'share')} off (it is "
        f"{chapter.shown(found[name], 'share', 2)}, {'met' if found[name] <= goal else 'missed'})"
        for name, goal in GOALS.items()
    ]
    return "; ".join(said)


def errors(chapter: Chapter) -> HTML:
    """The errors on each part, by kind of model, and of unseen rows by engine, chip and model."""
    groups = {
        f"{part}, {name}": counted(part, kind)
        for part in ("unseen", "fit")
        for name, kind in (("dense", False), ("mixtures", True))
    }
    unseen = counted("unseen")
    groups |= {f"unseen, {engine_name(str(key))}": rows for key, rows in unseen.groupby("backend")}
    for column in ("system", "key"):
        groups |= {f"unseen, {names()[str(key)]}": rows for key, rows in unseen.groupby(column)}
    found = pd.DataFrame(
        accuracy.summary(rows) | {"datasheet": of_datasheet(rows).abs().mean()}
        for rows in groups.values()
    )
    shares = {
        "Mean": "mean",
        "Median": "median",
        "Signed": "bias",
        "In interval": "coverage",
        "First token, median": "first",
        "Datasheet": "datasheet",
    }
    return chapter.table(_in_percent({"Rows": [*groups], "Count": found["rows"]}, found, shares))


def own_gpus(chapter: Chapter) -> HTML:
    """Our own H100 and H200, step by step."""
    table = accuracy.on_own_gpus()
    columns = {
        "Card": table["system"].map(names()),
        "Share of the model": ["all" if n == 1 else f"1/{n:.0f}" for n in table["shards"]],
        "Requests": table["batch"],
        "Context (tokens)": table["context"],
        "Measured (ms)": table["value"],
        "Predicted (ms)": table["predicted_ms"],
        "Error (%)": 100 * table["error"],
    }
    return chapter.table(pd.DataFrame(columns))


def a100() -> pd.Series:
    """Mean absolute error on the old chip, by number of chips."""
    rows = accuracy.on_a100()
    return rows["error"].abs().groupby(rows["tp"]).mean()


MISSES = 3


def most_missed(chapter: Chapter) -> str:
    """The series that were missed most when they were left out, in one sentence each."""
    table = validate.left_out()
    table = table[(table["left"] == "series") & (table["rows"] >= FEW)]
    worst = table.sort_values("mean", ascending=False).head(MISSES)
    said, share = [], partial(chapter.shown, unit="share", digits=2)
    for row in worst.to_dict("records"):
        key, system, engine, release, precision, harness = str(row["series"]).split("|")
        known = names()
        said.append(
            f"- {known[key]} in {precision} on {known[system]}, {engine_name(engine)} "
            f"{release or 'of a release that is not said'}, {harness} harness: "
            f"{_off(chapter, row['mean'], row['bias'])}; "
            f"{share(row['coverage'])} of its {row['rows']} runs "
            "lie in the interval."
        )
    return "\n".join(said)


def asked_most(chapter: Chapter) -> str:
    """The series whose prompts would take more of its chips than any other's, if computed."""
    table = runs.runs()
    most = accuracy.prompts_of_peak(table).groupby(table["series"]).max().nlargest(2)
    first, second = (chapter.shown(share, "share", 2) for share in most)
    key, system, *_ = str(most.index[0]).split("|")
    return (
        f"To compute all prompts of {names()[key]} on {names()[system]}, the chips would have to "
        f"multiply at up to {first} of their peak beside all that they write; no other series asks "
        f"more than {second}. Prompts were found in a cache there, or fewer requests were in "
        "flight than its rows say."
    )


def _off(chapter: Chapter, mean: float, bias: float) -> str:
    """A mean miss in words; of a multiple, how many times too slow the prediction is."""
    if bias >= 1:
        return f"predicted {chapter.shown(1 + bias, 'ratio', 2)} times too slow in the mean"
    way = "too slow" if bias > 0 else "too fast"
    return f"{chapter.shown(mean, 'share', 2)} off in the mean, {way} a prediction"


FEW = 5
"""Runs below which a series is not told of."""
