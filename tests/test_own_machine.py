"""The figure that its reader measures: in a real browser, from a file, and in words."""

import json
import math
from urllib.parse import quote

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

from browser import SITE
from inference_economics.serving.in_page import in_pages
from reckoner.show import own_machine
from reckoner.show.own_machine import COLUMNS, MODULE, seen

SHOW = SITE.parents[1] / "lib" / "reckoner" / "show"
PAGE = "notebooks/measure_it_yourself.html"
ROOT = "#own-measure-it-yourself"
SMALL = """() => Object.assign(document.querySelector('.own-machine').reckoner.plan, {
  alone: [16384, 65536, 262144], shared: [65536, 262144], repeats: 3, span: 5,
})"""


def rows(*cells):
    """Rows of one machine: workers, bytes, median, and what the quartiles lie off it."""
    table = [("m", w, b, rate, rate - off, rate + off, 5) for w, b, rate, off in cells]
    return pd.DataFrame(table, columns=COLUMNS)


# The module


def test_the_bytes_are_those_of_the_source():
    pytest.importorskip("wasmtime")
    source = (SHOW / "own_machine.wat").read_text(encoding="utf-8")
    kept = MODULE.findall((SHOW / "own_machine.js").read_text(encoding="utf-8"))
    assert kept == [own_machine.compiled(source)]


def test_the_source_sums_every_word_as_often_as_asked():
    wasmtime = pytest.importorskip("wasmtime")
    store = wasmtime.Store()
    source = (SHOW / "own_machine.wat").read_text(encoding="utf-8")
    module = wasmtime.Module(store.engine, source)
    exports = wasmtime.Instance(store, module, []).exports(store)
    words = range(1, 65536 // 4 + 1)
    written = b"".join(word.to_bytes(4, "little") for word in words)
    exports["memory"].write(store, written, 0)
    assert exports["sum"](store, 0, 65536, 1) == sum(words)
    assert exports["sum"](store, 128, 384, 3) == 3 * sum(words[32:96])


# In words


STEPS = [(1, 2**20, 100, 1), (1, 2**21, 50, 1), (1, 2**22, 20, 1)]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], ["a step of 5 times", "Only one core is known"]),
        ([(2, 2**21, 180, 1)], ["With 2 MiB in all, 2 workers are 3.60 times", "more than in"]),
        ([(2, 2**21, 110, 20)], ["2 workers seem 2.20 times", "too far apart to tell"]),
        ([(2, 2**21, 90, 1)], ["No number of workers was faster than in proportion", "1.80 times"]),
        ([(4, 2**20, 150, 80)], ["4 workers were 1.50 times"]),
    ],
)
def test_what_was_seen_is_said(more, said):
    text = seen(rows(*STEPS, *more))
    assert all(part in text for part in said), text
    assert "not quiet" not in text


def test_a_machine_without_steps_or_quiet_is_called_so():
    text = seen(rows((1, 2**20, 30, 10), (1, 2**22, 29, 10)))
    assert "No step was seen: one worker reads 30 GB/s at best, and 29 GB/s" in text
    assert "The machine was not quiet" in text and "67.8%" in text
    loud = seen(rows((1, 2**20, 30, 10), (1, 2**22, 20, 6), (2, 2**22, 120, 60)))
    assert "2 workers seem 6 times as fast" in loud and "not quiet" in loud


def test_of_several_the_surest_gain_is_told():
    """2 workers 2.4 times as fast, but sure only to 1.6; 4 workers 4.8 times, sure to 4.6."""
    text = seen(rows(*STEPS, (2, 2**21, 120, 40), (4, 2**21, 240, 5)))
    assert "4 workers are 4.80 times" in text


# In the browser


@pytest.fixture(scope="module")
def data():
    page = BeautifulSoup((SITE / PAGE).read_text(encoding="utf-8"), "html.parser")
    return json.loads(page.select_one(f"{ROOT} script").string)


def opened(visit, query="", state="ready", **options):
    tab = visit(f"{PAGE}{ROOT}{query}" if query else PAGE, **options)
    tab.locator(f"{ROOT}[data-state={state}]").wait_for()
    return tab


def measured(visit, **options):
    tab = opened(visit, **options)
    tab.evaluate(SMALL)
    tab.get_by_role("button", name="Measure on this machine").click()
    tab.locator(f"{ROOT}[data-state=drawn]").wait_for(timeout=60_000)
    return tab


def link_of(table):
    """The link that shows the rows of a table."""
    texts = ("_".join(f"{cell:.10g}" for cell in row[1:]) for row in table.itertuples(index=False))
    return f"?rows={quote('~'.join(texts))}"


def test_the_button_measures_this_machine(visit):
    tab = measured(visit)
    assert tab.faults == []
    assert tab.locator(f"{ROOT} .own-said").inner_text().startswith("On your machine: ")
    found = pd.DataFrame(tab.evaluate("document.querySelector('.own-machine').reckoner.rows"))
    cores = tab.evaluate("navigator.hardwareConcurrency")
    counts = [2**n for n in range(int(math.log2(min(cores, 8))) + 1)]
    assert sorted(found["workers"].unique()) == counts
    assert {*found[found["workers"] == 1]["bytes"]} == {16384, 65536, 262144}
    assert (found["repeats"] == 3).all() and (found["gb_per_s"] > 0).all()
    assert ((found["low"] <= found["gb_per_s"]) & (found["gb_per_s"] <= found["high"])).all()
    assert tab.locator(f"{ROOT} .live-canvas svg").count() == 2
    assert tab.locator(f"{ROOT} .live-canvas").first.get_by_text("your machine").count() == 1


def test_the_result_is_a_link_and_a_table(visit):
    tab = measured(visit)
    script = "document.querySelector('.own-machine').reckoner"
    rows = pd.DataFrame(tab.evaluate(f"{script}.rows"))
    lines = tab.evaluate(f"{script}.csv()").splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert [line.split(",")[1] for line in lines[1:]] == [str(w) for w in rows["workers"]]
    said = tab.locator(f"{ROOT} .own-said").inner_text().partition(": ")[2]
    link = tab.evaluate(f"{script}.link()")
    again = opened(visit, link.partition(ROOT)[2], "drawn")
    assert again.locator(f"{ROOT} .own-said").inner_text() == f"In this link: {said}"
    assert pd.DataFrame(again.evaluate(f"{script}.rows")).equals(rows)
    assert again.faults == []


@pytest.mark.parametrize(
    "table",
    [
        in_pages(),
        rows(*STEPS),
        rows(*STEPS, (2, 2**21, 110, 20), (4, 2**22, 20, 9)),
        rows((1, 2**20, 30, 10), (1, 2**22, 29, 10), (2, 2**20, 31, 10)),
    ],
    ids=["stored", "alone", "unsure", "noisy"],
)
def test_the_page_says_of_rows_what_the_library_says(visit, table):
    tab = opened(visit, link_of(table), "drawn")
    assert tab.locator(f"{ROOT} .own-said").inner_text() == f"In this link: {seen(table)}"


@pytest.mark.parametrize(
    "query",
    ["?rows=", "?rows=1_2_3", "?rows=1_16384_5_6_7_5", "?rows=2_16384_5_5_5_5", "?rows=1_1_x_1_1_1",
     "?rows=1_16384_1e999_1_1_5", f"?rows={'~'.join(['1_16384_5_5_5_5'] * 401)}"],
)  # fmt: skip
def test_a_link_that_holds_no_measurement_is_refused_in_words(visit, query):
    tab = opened(visit, query, "told")
    assert "cannot be read" in tab.locator(f"{ROOT} .own-said").inner_text()
    assert tab.faults == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("delete window.Worker", "starts no workers"),
        ("WebAssembly.validate = () => false", "has no SIMD"),
        ("delete window.WebAssembly", "runs no WebAssembly"),
        ("Worker = class { constructor() { throw new Error('refused'); } }", "refused"),
    ],
)
def test_a_browser_that_cannot_is_told_so(visit, broken, said):
    tab = opened(visit)
    tab.evaluate(f"() => {{ {broken}; }}")
    tab.get_by_role("button", name="Measure on this machine").click()
    tab.locator(f"{ROOT}[data-state=told]").wait_for()
    text = tab.locator(f"{ROOT} .own-said").inner_text()
    assert said in text and "nothing was measured" in text.lower()
    assert tab.faults == []


def test_a_browser_that_hides_its_cores_measures_one(visit):
    tab = opened(visit)
    tab.evaluate("() => Object.defineProperty(navigator, 'hardwareConcurrency', { value: 0 })")
    tab.evaluate(SMALL)
    tab.get_by_role("button", name="Measure on this machine").click()
    tab.locator(f"{ROOT}[data-state=drawn]").wait_for(timeout=60_000)
    assert "Only one core is known" in tab.locator(f"{ROOT} .own-said").inner_text()


def test_it_can_be_stopped(visit):
    tab = opened(visit)
    tab.get_by_role("button", name="Measure on this machine").click()
    tab.get_by_role("button", name="Stop").click()
    tab.locator(f"{ROOT}[data-state=told]").wait_for()
    assert "nothing was kept" in tab.locator(f"{ROOT} .own-said").inner_text()
    assert tab.get_by_role("button", name="Measure on this machine").is_visible()
    assert tab.faults == []


def test_without_scripts_the_stored_machines_are_shown(visit):
    tab = visit(PAGE, scripts=False)
    stored = in_pages()
    for machine, table in stored.groupby("machine"):
        assert f"{machine}: {seen(table)}" in tab.locator(f"{ROOT} .own-stored").inner_text()
    assert tab.locator(f"{ROOT} .chart-wide svg").count() == 2
    assert not tab.locator(f"{ROOT} .own-controls").is_visible()
    assert tab.locator(f"{ROOT} tbody tr").count() == len(stored)


def test_only_its_page_loads_the_script():
    holding = [
        page.name
        for page in SITE.rglob("*.html")
        if "own_machine.js" in page.read_text(encoding="utf-8")
    ]
    assert holding == ["measure_it_yourself.html"]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits(visit, width, scheme):
    tab = opened(visit, link_of(in_pages()), "drawn", width=width, scheme=scheme)
    found = Axe().run(tab, ROOT).response["violations"]
    told = [(v["id"], [node["html"][:120] for node in v["nodes"][:3]]) for v in found]
    assert not told, json.dumps(told, indent=1)
    for picture in tab.locator(f"{ROOT} .live-canvas svg").all():
        box = picture.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width


def test_print_shows_what_was_measured_or_else_the_static_pictures(visit):
    tab = opened(visit)
    tab.emulate_media(media="print")
    assert tab.locator(f"{ROOT} .chart-wide svg").first.is_visible()
    assert not tab.locator(f"{ROOT} .own-controls").is_visible()
    tab = opened(visit, link_of(in_pages()), "drawn")
    tab.emulate_media(media="print")
    assert not tab.locator(f"{ROOT} .chart-wide svg").first.is_visible()
    assert tab.locator(f"{ROOT} .live-canvas svg").first.is_visible()
