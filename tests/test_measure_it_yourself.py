"""The chapter that measures: its numbers a second time, and a machine of the reader's own."""

import csv
import math
import re

import pytest

from inference_economics.book import BOOK
from inference_economics.chapters import measure_it_yourself as show
from inference_economics.measure.rows import WHOLE
from inference_economics.quantities import DATA
from inference_economics.serving import accuracy, in_page, timed
from inference_economics.worksheets.measure_it_yourself import conclude
from other_parameters import OTHER_PARAMETERS
from reckoner.declare.tables import DataError

CHAPTER = "measure_it_yourself"
PER_LAYER = 2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672
WEIGHTS = 80 * PER_LAYER + 32000 * 8192
"""Of LLaMA-2 70B, the output's matrix included and the input's not: one byte each."""
KEPT = 2 * 80 * 8 * 128
"""Bytes of the cache of one token, one byte an element."""

ALL = {
    "h100_sxm": {"read": 3.11013e12, "memory": 8.50175e10, "path": 52.7245e9, "held": 18},
    "h200_sxm": {"read": 4.48514e12, "memory": 1.5011e11, "path": 55.469e9, "held": 115},
}


def of_file(key, what):
    """The rows of one name in a machine's file, numbers as numbers."""
    with (DATA / "measured" / f"gpu_{key}.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["what"] == what:
                yield {name: float(row[name] or "nan") for name in list(row)[1:6]}


def decoded(key, **equal):
    return [r for r in of_file(key, "decode step") if all(r[n] == v for n, v in equal.items())]


def bounded(key, row, read, products):
    """The time of a step by the roofline, by hand."""
    weights = WEIGHTS / row["shards"]
    cache = row["batch"] * row["context"] * KEPT / row["shards"]
    return max(weights / read, 2 * row["batch"] * weights / products) + cache / read


def second(machine="h100_sxm", batch_size=128, prefix_tokens=4096, chip="groq_lpu",
    chip_power=215.0,
           gpu="h100_sxm", speed=500.0):  # fmt: skip
    known = ALL[machine]
    products = next(of_file(machine, "matrix product fp8"))["value"] * 1e12
    row = [r for r in decoded(machine, context=4096, shards=8) if r["batch"] <= batch_size][-1]
    alone = decoded(machine, context=4096, shards=8, batch=1)[0]
    step, one = row["value"] / 1e3, alone["value"] / 1e3
    errors = [bounded(machine, r, known["read"], products) / (r["value"] / 1e3) - 1
              for r in decoded(machine)]  # fmt: skip
    short, *_, long = decoded(machine, batch=1, shards=1)
    prefill = [r for r in of_file(machine, "prefill of 10 layers") if r["context"] <= prefix_tokens]
    prefix, recompute = prefill[-1]["context"], 8 * prefill[-1]["value"] / 1e3
    powers = [r for r in of_file(machine, "power of decode")
              if (r["batch"], r["shards"]) == (row["batch"], 8)]  # fmt: skip
    power = powers[0]["value"] if powers else math.nan
    throughput = row["batch"] / step / 8
    memory, reads = {"groq_lpu": (230e6, 80e12), "wse_3": (44e9, 21e15)}[chip]
    cards = math.ceil((70e9 + batch_size * 4096 * KEPT) / memory)
    sram = batch_size * speed / (cards * chip_power)
    rates = {(r["workers"], r["bytes"]): r for r in pages()}
    single = {size: r for (workers, size), r in rates.items() if workers == 1}
    gains = {key: r["low"] / single[key[1]]["high"] / key[0]
             for key, r in rates.items() if key[0] > 1}  # fmt: skip
    workers, size = max(gains, key=gains.get)
    swept, large = {}, {}
    with (DATA / "measured" / "gpu_h100_sxm_kit.csv").open(encoding="utf-8") as file:
        for row_of_kit in csv.DictReader(file):
            if row_of_kit["what"] == "sweep of a model":
                swept[int(row_of_kit["cores"])] = 1e9 * float(row_of_kit["value"])
            elif row_of_kit["what"] == "read":
                large[float(row_of_kit["size"])] = 1e9 * float(row_of_kit["value"])
    fast, slow = max(r["gb_per_s"] for r in single.values()), single[max(single)]["gb_per_s"]
    return {
        "batch_timed": row["batch"], "shards": 8, "context_length": 4096, "timed_layers": 80,
        "step": step, "step_alone": one, "step_growth": step / one, "whole_step": step,
        "speed_alone": 1 / one, "card_throughput": throughput,
        "against_article": throughput / 425,
        "roofline_time": bounded(machine, row, known["read"], products),
        "roofline_error": bounded(machine, row, known["read"], products) / step - 1,
        "mean_error": sum(map(abs, errors)) / len(errors),
        "model_bytes": WEIGHTS, "cards_holding": math.ceil(WEIGHTS / known["memory"]),
        "held": known["held"], "context_short": 128, "context_long": 8192,
        "context_growth": long["value"] / short["value"],
        "context_growth_roofline": bounded(machine, long, known["read"], products)
        / bounded(machine, short, known["read"], products),
        "prefix": prefix, "recompute_time": recompute,
        "load_time": prefix * KEPT / known["path"],
        "load_speedup": recompute / (prefix * KEPT / known["path"]),
        "power": power, "tokens_per_joule": throughput / power,
        "sram_tokens_per_joule": sram, "joule_ratio": throughput / power / sram,
        "cache_rate": 1e9 * fast, "memory_rate": 1e9 * slow, "page_step": fast / slow,
        "chip_step": reads / {"h100_sxm": 3.35e12, "a100_sxm_80gb": 2.039e12}[gpu],
        "shared_size": size, "workers": workers,
        "worker_gain": rates[workers, size]["gb_per_s"] / single[size]["gb_per_s"],
        "keepers": 128, "streamers": 64, "kept_model": 128 * 64 * 512 * 4,
        "kept_rate": swept[128], "streamed_rate": swept[64], "streamed_limit": large[max(large)],
        "keeping_gain": swept[128] / swept[64], "gain_over_one": swept[128] / swept[1],
    }  # fmt: skip


def pages():
    """The rows of the file that the page gave."""
    with (DATA / "measured" / "page_epyc_2_cores.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield {name: float(row[name]) for name in list(row)[1:]}


@pytest.mark.parametrize("case", [{}, *OTHER_PARAMETERS[CHAPTER]], ids=["default", "h200", "one"])
def test_every_result_is_computed_a_second_time(case):
    found = vars(conclude(**conclude.parameters.base(case)))
    assert found == pytest.approx(second(**case), rel=1e-6, nan_ok=True)


def test_the_weights_are_those_that_the_card_held():
    held = next(of_file("h100_sxm", "weights of 80 layers and head"))["value"]
    assert held == pytest.approx(WEIGHTS, rel=1e-5)


# A machine of the reader's own


def own(name, **cells):
    """A row as `spacetime measure` writes it."""
    common = {"repeats": 5, "precision": "fp32", "machine": "a laptop", "device": "cpu",
              "memory": 16e9, "cache": 8e6, "core_cache": 1e6, "software": "x",
              "taken": "2026-11-27"}  # fmt: skip
    given = {"what": name, **common, **cells}
    given = {"low": given["value"], "high": given["value"], **given}
    return {column: given.get(column, "") for column in WHOLE}


LAPTOP = [
    own("memory in all", value=16e9, unit="B"),
    own("read", value=20, unit="GB/s", cores=1, size=1e9),
    own("read", value=40, unit="GB/s", cores=4, size=1e9),
    own("read", value=900, unit="GB/s", cores=4, size=1e6, mark="in cache"),
    own("matrix product fp32", value=1, unit="TFLOP/s"),
    *(own("decode step", batch=b, context=1024, layers=1, shards=1, value=v, unit="ms",
          bytes=4 * PER_LAYER + b * 1024 * KEPT * 4 / 80)
      for b, v in ((1, 100), (8, 110), (64, 250))),
    own("decode step", batch=1, context=0, layers=1, shards=1, value=90, unit="ms",
        bytes=4 * PER_LAYER),
    own("prefill of 1 layers", batch=1, context=512, layers=1, value=2000, unit="ms"),
    own("prefix from disk", context=512, layers=1, value=2, unit="ms", size=4 * 512 * KEPT / 80),
]  # fmt: skip


@pytest.fixture
def with_laptop(tmp_path, monkeypatch):
    """The book's measurements with a file of one's own beside them."""
    for path in (DATA / "measured").glob("*pu_*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "cpu_laptop.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, WHOLE, lineterminator="\n")
        writer.writeheader()
        writer.writerows(LAPTOP)
    monkeypatch.setattr(timed, "FOLDER", tmp_path)
    timed.machine_of.cache_clear()
    yield timed.machine_of("laptop")
    timed.machine_of.cache_clear()


def test_a_file_of_ones_own_is_a_machine(with_laptop):
    assert "laptop" in timed.paths() and with_laptop.name == "a laptop"
    found = conclude(**{**conclude.parameters.base({}), "machine": with_laptop})
    # 64 requests through 80 layers of 250 ms; a step reads 3.42 GB of weights at 40 GB/s
    assert found.card_throughput == pytest.approx(64 / 20)
    kept = 64 * 1024 * KEPT * 4 / 80
    bound = max(4 * PER_LAYER / 40e9, 2 * 64 * PER_LAYER / 1e12) + kept / 40e9
    assert found.roofline_time == pytest.approx(bound)
    assert found.context_growth == pytest.approx(100 / 90)
    assert found.recompute_time == pytest.approx(160)
    assert found.load_time == pytest.approx(0.16)
    assert found.cards_holding == math.ceil(80 * 4 * PER_LAYER / 16e9)
    assert math.isnan(found.held) and math.isnan(found.tokens_per_joule)


def test_a_file_of_ones_own_is_drawn_and_spoken_of(with_laptop):
    chapter = show.Chapter(BOOK, CHAPTER, {})
    chapter.inputs.machine = with_laptop
    assert {*show.all_series()["Machine"]} == {m.name for m in timed.machines()}
    for figure in (show.output_by_batch, show.step_by_context, show.errors):
        assert "a laptop" in figure(chapter).data
    assert timed.kept_in(with_laptop) == "disk"


def test_steps_that_were_disturbed_are_not_drawn(tmp_path, with_laptop):
    assert "a laptop" not in show.disturbed() and with_laptop in timed.machines()
    path = tmp_path / "cpu_laptop.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for count in (1, 4):  # one of the four steps, then all
        for row in [row for row in rows if row["what"] == "decode step"][:count]:
            row["mark"] = "unsteady"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, WHOLE, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        timed.machine_of.cache_clear()
        machine = timed.machine_of("laptop")
        assert len(timed.steps(machine)) == {1: 3, 4: 4}[count]
        assert ("a laptop" in show.disturbed()) == (count == 4)
        assert ("a laptop" in {*show.all_series()["Machine"]}) == (count == 1)


def test_what_a_machine_did_not_tell_is_missing_and_said(tmp_path, with_laptop):
    """A measurement that was broken off has steps and little else."""
    lines = (tmp_path / "cpu_laptop.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(("prefill", "matrix", "read"))]
    (tmp_path / "cpu_laptop.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    timed.machine_of.cache_clear()
    found = BOOK.conclude(CHAPTER, {}).results
    partly = conclude(**{**conclude.parameters.base({}), "machine": timed.machine_of("laptop")})
    missing = {name for name, value in vars(partly).items() if math.isnan(value)}
    assert missing == {
        "roofline_time", "roofline_error", "mean_error", "context_growth_roofline", "held",
        "prefix", "recompute_time", "load_time", "load_speedup", "power", "tokens_per_joule",
        "joule_ratio",
    }  # fmt: skip
    assert not any(math.isnan(value) for value in vars(found).values())
    chapter = show.Chapter(BOOK, CHAPTER, {})
    chapter.inputs.machine, chapter.results = timed.machine_of("laptop"), partly
    assert show.kept(chapter) == "This machine computed no prefix."
    assert "did not tell how fast" in show.misses(chapter)
    assert "did not tell its power" in show.energy(chapter)
    for figure in (show.output_by_batch, show.step_by_context, show.errors):
        assert "a laptop" in figure(chapter).data


def test_a_file_without_steps_is_refused(tmp_path, with_laptop):
    lines = (tmp_path / "cpu_laptop.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("decode step")]
    (tmp_path / "cpu_laptop.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    timed.machine_of.cache_clear()
    with pytest.raises(DataError, match=r"cpu_laptop\.csv, column 'what': no row 'decode step'"):
        timed.machine_of("laptop")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("machine,workers\nm,1\n", "page_x.csv, header: expected machine,workers,bytes"),
        ("machine,workers,bytes,gb_per_s,low,high,repeats\nm,1,16384,x,1,1,5\n",
         "page_x.csv, line 2, column 'gb_per_s': expected a number above 0"),
    ],
)  # fmt: skip
def test_a_wrong_page_file_is_one_line(tmp_path, monkeypatch, text, said):
    (tmp_path / "measured").mkdir()
    (tmp_path / "measured" / "page_x.csv").write_text(text, encoding="utf-8")
    monkeypatch.setattr(in_page, "DATA", tmp_path)
    with pytest.raises(DataError, match=re.escape(said)):
        in_page.in_pages.__wrapped__()


# What the text says


def test_the_text_follows_the_numbers():
    chapter = show.Chapter(BOOK, CHAPTER, {})
    assert "lie whole on one H100 SXM" in show.holds(chapter)
    assert "more than in proportion" in show.on_this_page(chapter)
    assert "too fast" in show.misses(chapter)
    table = accuracy.on_own_gpus()
    for cards, part in ((8, "for a small share"), (1, "for the whole")):
        errors = table.loc[table["shards"] == cards, "error"]
        side = "slow" if errors.median() > 0 else "fast"
        assert f"{100 * errors.abs().mean():.2g}%, mostly too {side}, {part}" in show.floors(
            chapter
        )


def test_the_ledger_takes_our_rows_where_they_decide():
    for claim, verdict in (("h100-holds-70b", "stands"), ("h100-throughput", "falls")):
        found = BOOK.ledger.entry(claim).second
        assert (found.verdict, found.basis) == (verdict, "measured")
