"""What the model of serving is worth on measured rows: tables and pictures of `serving`."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt
import numpy as np
import pandas as pd
from IPython.display import HTML

from inference_economics import catalog
from inference_economics.chapters.serving import engine_name
from inference_economics.serving import accuracy, fit
from reckoner.show.charts import Axis, Style, dots, figure
from reckoner.show.figures import colour
from reckoner.show.notebook import Chapter

KINDS = {
    "dense": Style("2"),
    "mixtures": Style("1", shape="triangle-up"),
    "by the datasheet": Style("muted", shape="cross"),
}

REASONS = {
    "deepseek-ai/DeepSeek-R1": "speculation, or experts shared",
    "nvidia/Llama-3.1-8B-Instruct-FP8": "prompts found in the prefix cache",
    "openai/gpt-oss-120b": "fewer requests ran than the file says",
    "Qwen/Qwen3-32B": "their number is not in the file",
}
"""Why a model's series may beat the bound."""

TOLERATED = 0.1
"""The mean error below which a chip or model left out of the fit counts as predicted."""


def counted(part: str, experts: bool | None = None) -> pd.DataFrame:
    """The rows that count of the part "fit" or "unseen", of dense models or of mixtures."""
    return of_kind(accuracy.counted(accuracy.book_rows(), part), experts)


def with_set_aside(experts: bool) -> dict[str, float]:
    """The errors on unseen rows, with those that are set aside."""
    table = accuracy.book_rows()
    rows = table[(table["part"] == "unseen") & ~table["repeated"]]
    return accuracy.summary(of_kind(rows, experts))


def of_kind(rows: pd.DataFrame, experts: bool | None) -> pd.DataFrame:
    """The rows of mixtures of experts, of dense models, or all."""
    return rows if experts is None else rows[rows["experts"] == experts]


def error_read_as_eight_bits() -> float:
    """Mean error of fitted dense rows if a blank format were read as eight bits."""
    rows = counted("fit")
    rows = rows.assign(precision=rows["precision"].replace("", "fp8"))
    errors = fit.predicted(rows, fit.fit(rows).values)["output_time_error"].abs()
    return float(errors[~rows["experts"]].mean())


def of_datasheet(rows: pd.DataFrame) -> pd.Series:
    """The error of the datasheet's step in each row."""
    return rows["datasheet_tpot_ms"] / rows["tpot_ms"] - 1


def names() -> dict[str, str]:
    """What readers call the chips and models, by key."""
    chips = {key: row.name for key, row in catalog.chip_names().items()}
    return chips | {key: row.name for key, row in catalog.model_names().items()}


def predicted_against_measured(chapter: Chapter) -> HTML:
    """Every unseen row that counts, and the same rows by the datasheet."""
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


def groups() -> Iterator[tuple[str, pd.DataFrame]]:
    """Groups of the rows that count, each with its name."""
    unseen, dense, mixed = (counted("unseen", experts) for experts in (None, False, True))
    yield "unseen, dense", dense
    yield "unseen, mixture of experts", mixed
    yield "unseen, all", unseen
    yield "fitted, dense", counted("fit", False)
    yield "fitted, mixture of experts", counted("fit", True)
    for kind, part in (("dense", dense), ("experts", mixed)):
        for key, rows in part.groupby("backend"):
            yield f"unseen, {kind}, {engine_name(str(key))}", rows
    for column in ("system", "key"):
        for key, rows in unseen.groupby(column):
            yield f"unseen, {names()[str(key)]}", rows
    few, many = unseen["requests"] <= 8, unseen["requests"] > 64
    yield "unseen, few requests", unseen[few]
    yield "unseen, some", unseen[~few & ~many]
    yield "unseen, many requests", unseen[many]


def errors(chapter: Chapter) -> HTML:
    """The errors of each group of rows."""
    lines = []
    for name, rows in groups():
        found = accuracy.summary(rows)
        lines.append(
            {
                "Rows": name,
                "Count": found["rows"],
                "Mean (%)": 100 * found["mean"],
                "Median (%)": 100 * found["median"],
                "Signed (%)": 100 * found["bias"],
                "In interval (%)": 100 * found["coverage"],
                "Datasheet (%)": 100 * of_datasheet(rows).abs().mean(),
            }
        )
    return chapter.table(pd.DataFrame(lines))


def left_out(chapter: Chapter) -> HTML:
    """The errors on a chip or a model that the fit did not see."""
    left = fit.left_out()
    columns = {
        "Left out": left["left_out"].map(names()),
        "Rows": left["rows"],
        "Dense, mean error (%)": 100 * left["dense"],
        "the same without SGLang (%)": 100 * left["dense_without_sglang"],
        "Mixtures, mean error (%)": 100 * left["experts"],
    }
    return chapter.table(pd.DataFrame(columns))


def within_and_beyond() -> tuple[str, str]:
    """The chips and models left out whose mean error is tolerated, and the others."""
    known = fit.left_out().set_index("left_out")["dense"].dropna()
    found = known[known <= TOLERATED].index, known[known > TOLERATED].index
    within, beyond = (", ".join(key.map(names())) or "none" for key in found)
    return within, beyond


def on_a100() -> pd.DataFrame:
    """The errors on the old chip, by model and number of chips."""
    rows = accuracy.on_a100()
    rows["sheet"] = (rows["datasheet_ms"] / rows["measured_ms"] - 1).abs()
    return (
        rows.assign(size=rows["error"].abs())
        .groupby(["key", "tp"], as_index=False)
        .agg(rows=("error", "size"), mean=("size", "mean"), bias=("error", "mean"),
             sheet=("sheet", "mean"))
    )  # fmt: skip


def a100(chapter: Chapter) -> HTML:
    """The same as a table."""
    by_model = on_a100()
    columns = {
        "Model on A100": by_model["key"].map(names()),
        "Chips": by_model["tp"],
        "Rows": by_model["rows"],
        "Mean error (%)": 100 * by_model["mean"],
        "Signed (%)": 100 * by_model["bias"],
        "Datasheet (%)": 100 * by_model["sheet"],
    }
    return chapter.table(pd.DataFrame(columns))


def set_aside(chapter: Chapter) -> HTML:
    """The series of runs that are set aside, and how far they beat the bound."""
    table = accuracy.book_rows()
    aside = table[(table["set_aside"] != "") & ~table["repeated"]]
    series = aside.groupby(["model", "system", "backend", "set_aside"], as_index=False).agg(
        rows=("error", "size"),
        step=("step_ratio", "min"),
        work=("work_ratio", "min"),
        error=("error", "median"),
    )
    columns = {
        "Model": series["model"],
        "Engine": series["backend"].map(engine_name),
        "Rows": series["rows"],
        "Step / bound": series["step"],
        "Life / bound": series["work"],
        "Error (%)": 100 * series["error"],
        "Likely reason": series["model"].map(REASONS),
    }
    return chapter.table(pd.DataFrame(columns))


def beating_the_bound() -> str:
    """How many of the unseen rows that count beat the bound."""
    unseen = counted("unseen")
    beat = np.count_nonzero((unseen["step_ratio"] < 1) | (unseen["work_ratio"] < 1))
    return f"{beat} beat" if beat else "none beats"


def most_missed(chapter: Chapter) -> HTML:
    """The unseen rows with the largest errors."""
    unseen, called = counted("unseen"), names()
    worst = unseen.loc[unseen["error"].abs().sort_values(ascending=False).index[:10]]
    runs = [
        f"{engine_name(str(row.backend))}, {row.chips} × {called[str(row.system)]}, {row.isl} in, "
        f"{row.osl} out"
        for row in worst.itertuples()
    ]
    columns = {
        "Model": worst["key"].map(called),
        "Run": runs,
        "Requests": worst["requests"],
        "Measured (ms)": worst["tpot_ms"],
        "Predicted (ms)": worst["predicted_tpot_ms"],
        "Error (%)": 100 * worst["error"],
    }
    return chapter.table(pd.DataFrame(columns))
