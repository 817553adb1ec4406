"""Live figures in a real browser: what they show is what the library computes."""

import math
import random
import subprocess
import sys
from pathlib import Path

import altair as alt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browser import SITE
from inference_economics.answer import words as in_words
from inference_economics.answer.odds import asked
from inference_economics.answer.question import of_article
from inference_economics.book import BOOK
from reckoner.declare.numeric import as_vega, maximum
from reckoner.declare.units import shown, turned
from reckoner.show.live_figure import PLACES, LiveFigure
from reckoner.show.marks import plain
from reckoner.show.parts import Parts

FIGURES = {c: LiveFigure(BOOK, live) for c in BOOK.chapters if (live := BOOK.live(c))}
by_chapter = pytest.mark.parametrize("chapter", FIGURES)
STATES = 200


def page_of(chapter, query=""):
    return f"notebooks/{chapter}.html#live-{FIGURES[chapter].name}{query}"


def opened(visit, chapter, query="", **options):
    """A page whose live figure is drawn."""
    tab = visit(page_of(chapter, query), **options)
    tab.wait_for_function("document.querySelector('.live')?.reckoner")
    tab.evaluate("document.querySelector('.live').reckoner.ready().then(() => null)")
    tab.wait_for_selector(".live .live-canvas svg")
    return tab


def random_state(figure, chance):
    state = {}
    for name in figure.live.choices:
        state[name] = chance.choice(figure.parameter(name).choices)
    for declared in figure.numbers:
        low, high = declared.low, declared.high
        if low > 0:
            value = math.exp(chance.uniform(math.log(low), math.log(high)))
        else:
            value = chance.uniform(low, high)
        value = min(max(value, low), high)
        state[declared.name] = round(value) if isinstance(declared.default, int) else value
    return state


def bounds(figure):
    """Every slider at its lowest and highest, the rest as in the article."""
    for declared in figure.numbers:
        for value in (declared.low, declared.high):
            yield {declared.name: int(value) if isinstance(declared.default, int) else value}


VALUES = """async (states) => {
  const live = document.querySelector('.live').reckoner;
  const text = (value) => Number.isFinite(value) ? value : String(value);
  const shown = [];
  for (const state of states) {
    await live.set(state);
    const values = Object.entries(live.values()).map(([name, value]) => [name, text(value)]);
    shown.push(Object.fromEntries(values));
  }
  return shown;
}"""


@by_chapter
def test_the_page_shows_what_the_library_computes(visit, chapter):
    figure = FIGURES[chapter]
    tab = opened(visit, chapter)
    chance = random.Random(chapter)
    defaults = BOOK.parameters(chapter).defaults
    known = [*figure.live.choices, *(p.name for p in figure.numbers)]
    start = {name: defaults[name] for name in known}
    states = [{**start, **state} for state in bounds(figure)]
    states += [random_state(figure, chance) for _ in range(STATES)]
    for state, values in zip(states, tab.evaluate(VALUES, states), strict=True):
        results = BOOK.conclude(chapter, state).results
        for name, value in values.items():
            expected = float(getattr(results, name))
            assert float(str(value).replace("Infinity", "inf")) == pytest.approx(
                expected, rel=1e-9, nan_ok=True
            ), (name, state)
    assert tab.faults == []


class Row(dict):
    """A row of a chart, whose fields an expression names in both of Vega's ways."""

    __getattr__ = dict.__getitem__


leaves = st.sampled_from([alt.param(name="a", value=1), alt.datum["x"], 2.0, 3])
formulas = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.builds(lambda a, b: a + b, parts, parts),
        st.builds(lambda a, b: a * b, parts, parts),
        st.builds(maximum, parts, parts),
        st.builds(lambda a: -a, parts),
    ),
)


@given(st.lists(formulas, min_size=1, max_size=3), st.integers(-3, 3), st.integers(-3, 3))
def test_expressions_taken_apart_give_the_same(expressions, a, x):
    names = {"a": a, "datum": Row(x=x), "max": max}
    wanted = [eval(as_vega(each), names) for each in expressions]
    parts = Parts({str(place): each for place, each in enumerate(expressions)})
    for name, text in parts.once.items():
        assert "datum" not in text
        names[name] = eval(text, names)
    for name, text in parts.by_row.items():
        names["datum"][name] = eval(text, names)
    assert [eval(parts.texts[str(place)], names) for place in range(len(wanted))] == wanted


def test_what_all_rows_share_is_worked_out_once():
    a, x = alt.param(name="a", value=1), alt.datum["x"]
    root = 1 / (a + 2)
    parts = Parts({"low": x * root, "high": (x * root) * (x * root)})
    assert parts.once == {"part_1": "(1 / (a + 2))"}
    assert parts.by_row == {"part_2": "(datum['x'] * part_1)"}
    assert parts.texts == {"low": "datum.part_2", "high": "(datum.part_2 * datum.part_2)"}


DRAWN_TWICE = """async (states) => {
  const live = document.querySelector('.live');
  const figure = JSON.parse(live.querySelector("script[type='application/json']").textContent);
  const { asked, loadVega } = window.reckonerShared, embed = await loadVega();
  const drawn = [];
  for (const expr of [asked.expr, undefined]) {
    const box = document.body.appendChild(document.createElement('div'));
    const spec = { ...Object.values(figure.specs)[0], width: 500, config: figure.config };
    const { view } = await embed(box, spec, { ...asked, expr });
    const pictures = [];
    for (const state of states) {
      for (const [name, value] of Object.entries(state)) view.signal(name, value);
      const picture = await (await view.runAsync()).toSVG();
      pictures.push(picture.replace(/clip\\d+/g, 'clip'));  // numbered through the page
    }
    drawn.push(pictures);
  }
  return drawn;
}"""


@by_chapter
def test_our_functions_draw_what_vega_s_own_interpreter_draws(visit, chapter):
    figure, chance = FIGURES[chapter], random.Random(chapter)
    numbers = {declared.name for declared in figure.numbers}
    states = [*bounds(figure), *(random_state(figure, chance) for _ in range(20))]
    states = [{name: s[name] for name in s if name in numbers} for s in states]
    tab = opened(visit, chapter)
    ours, theirs = tab.evaluate(DRAWN_TWICE, states)
    assert ours == theirs and len({*ours}) > len(states) / 2
    assert tab.faults == []


@by_chapter
def test_every_slider_moves_a_line_or_a_word(chapter):
    figure = FIGURES[chapter]
    live = figure.live
    named = {name for name, _ in PLACES.findall(live.sentence)}
    said = [name for name in BOOK.units(chapter) if name in named]

    points = figure.axis()[:: (len(figure.axis()) - 1) // 4]

    def drawn(state):
        concluded = BOOK.conclude(chapter, state)
        given = vars(concluded.results) | BOOK.parameters(chapter).base(state)
        return [given[c.result] for c in live.curves]

    def told(state):
        words = BOOK.conclude(chapter, state).words(digits=3)
        return [words[name] for name in said], [drawn({live.across: x} | state) for x in points]

    before = told({})
    for declared in figure.numbers:
        kind = type(declared.default)
        ends = ({declared.name: kind(bound)} for bound in figure.track(declared))
        assert any(told(end) != before for end in ends), declared.name


@by_chapter
def test_the_slider_of_the_axis_stays_on_it(visit, chapter):
    figure = FIGURES[chapter]
    across = figure.live.across
    tab = opened(visit, chapter)
    tab.locator(f"#live-{figure.name}-{across}").focus()
    tab.keyboard.press("End")
    tab.wait_for_function(
        f"document.querySelector('.live').reckoner.state.{across} === {figure.live.span[1]}"
    )


@by_chapter
def test_a_track_holds_the_article_s_value_and_stays_within_the_bounds(chapter):
    figure = FIGURES[chapter]
    for declared in figure.numbers:
        low, high = figure.track(declared)
        assert declared.low <= low <= declared.default <= high <= declared.high, declared.name


def test_the_axis_follows_a_value_typed_beyond_it(visit):
    tab = opened(visit, "batching")
    typed = tab.locator(".live-control", has=tab.locator("#live-batching-batch_size"))
    typed.locator(".live-number").fill("1000000")
    typed.locator(".live-number").press("Enter")
    tab.wait_for_function("document.querySelector('.live').reckoner.state.batch_size === 1000000")
    said = "document.querySelector('.live-sentence').innerText"
    tab.wait_for_function(f"{said}.includes('1 million')")
    inside = """() => {
      const part = (mark) => document.querySelector(`.live .live-canvas ${mark}`);
      const plot = part('.mark-line path').getBoundingClientRect();
      const rule = part('.mark-rule line').getBoundingClientRect();
      return rule.left <= plot.right + 1 && plot.width > 300;
    }"""
    tab.wait_for_function(inside)


def test_a_curve_that_has_ended_has_no_dot(visit):
    tab = opened(visit, "equal_speed")
    coloured = "[...document.querySelectorAll('.live-canvas .mark-symbol path[fill^=var]')].length"
    for speed, left in ((26.6, 3), (166, 2), (400, 1)):
        tab.evaluate(f"document.querySelector('.live').reckoner.set({{ target_speed: {speed} }})")
        tab.wait_for_function(f"{coloured} === {left}")
    assert tab.faults == []


def test_a_move_leaves_the_clips_of_the_picture_alone(visit):
    tab = opened(visit, "margins")
    tab.wait_for_selector(".live-canvas defs rect", state="attached")
    written = """async (states) => {
      const live = document.querySelector('.live').reckoner;
      const changes = [];
      for (const part of ['.live-canvas defs', '.live-canvas svg']) {
        let written = 0;
        const seen = new MutationObserver((records) => { written += records.length; });
        const below = { subtree: true, childList: true, attributes: true };
        seen.observe(document.querySelector(part), below);
        for (const state of states) await live.set(state);
        await new Promise(requestAnimationFrame);
        seen.disconnect();
        changes.push(written);
      }
      return changes;
    }"""
    moved = FIGURES["margins"].numbers[0]
    ends = [{moved.name: end} for end in FIGURES["margins"].track(moved)]
    clips, picture = tab.evaluate(written, ends)
    assert clips == 0 < picture


def test_a_refused_value_says_why(visit):
    tab = opened(visit, "batching")
    control = tab.locator(".live-control", has=tab.locator("#live-batching-batch_size"))
    control.locator(".live-number").fill("2000000")
    control.locator(".live-number").press("Enter")
    refused = control.get_by_role("status").and_(tab.locator(".live-refused"))
    expected = "2000000 is not a whole number from 1 to 1,000,000 (count)."
    tab.wait_for_function(
        "text => [...document.querySelectorAll('.live-refused')].some(e => e.innerText === text)",
        arg=expected,
    )
    assert refused.inner_text() == expected
    assert control.locator(".live-number").input_value() == "128"
    tab.locator("#live-batching-batch_size").press("ArrowRight")
    tab.wait_for_function("document.querySelector('.live').reckoner.state.batch_size > 128")
    assert refused.inner_text() == ""


def test_a_dragged_slider_takes_the_articles_value_near_it(visit):
    tab = opened(visit, "batching")
    slider = tab.locator("#live-batching-speed")
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    mark = tab.locator(".live-control", has=slider).locator(".live-mark").bounding_box()
    tab.mouse.move(box["x"] + box["width"] - 9, middle)
    tab.mouse.down()
    tab.mouse.move(mark["x"] + mark["width"] / 2 + 1, middle, steps=5)
    tab.mouse.up()
    tab.wait_for_function("document.querySelector('.live').reckoner.state.speed === 500")
    before = tab.evaluate("document.querySelector('.live').reckoner.state.speed")
    slider.press("ArrowRight")
    tab.wait_for_function(f"document.querySelector('.live').reckoner.state.speed > {before}")


def test_a_key_moves_a_slider_of_whole_numbers_every_time(visit):
    tab = opened(visit, "serving", "?tensor_parallel=1")
    slider = tab.locator("#live-serving-tensor_parallel")
    for gpus in (2, 3, 4):
        slider.press("ArrowRight")
        tab.wait_for_function(
            f"document.querySelector('.live').reckoner.state.tensor_parallel === {gpus}"
        )


def test_a_ratio_below_one_is_turned_over_as_in_the_library(visit):
    tab = opened(visit, "batching", "?speed=5000")
    ratio = BOOK.conclude("batching", {"speed": 5000.0}).results.cost_ratio
    number, words = turned(ratio, "times as much as", "times cheaper than")
    assert ratio < 1 and words == "times cheaper than"
    tab.wait_for_timeout(100)
    assert f"That is {shown(number, 'ratio')} {words} the GPU" in tab.inner_text(".live-sentence")


def test_one_thing_is_not_said_as_many(visit):
    tab = opened(visit, "serving", "?tensor_parallel=1")
    tab.wait_for_timeout(100)
    assert "on 1 GPU," in tab.inner_text(".live-sentence")


@pytest.mark.parametrize("chapter", ["equal_speed", "batching"])
def test_on_a_phone_the_picture_stays_in_sight_while_sliders_are_moved(visit, chapter):
    tab = opened(visit, chapter, width=390)
    for slider in tab.locator(".live-control input[type=range]").all():
        slider.scroll_into_view_if_needed()
        place = tab.locator(".live .live-canvas svg").bounding_box()
        moved = slider.bounding_box()
        assert place["y"] >= 0 and moved["y"] >= place["y"] + place["height"]


def test_a_picked_chip_brings_its_numbers(visit):
    tab = opened(visit, "comparison")
    tab.select_option("#live-comparison-chip_3", "groq_3_lpu")
    tab.wait_for_function("location.hash.includes('chip_3=groq_3_lpu')")
    shown = tab.evaluate("document.querySelector('.live').reckoner.values().cost_3")
    expected = BOOK.conclude("comparison", {"chip_3": "groq_3_lpu"}).results.cost_3
    assert shown == pytest.approx(expected, rel=1e-9)
    sentence = tab.inner_text(".live-sentence")
    assert "times as much as Groq 3 LPU (price and speed assumed) with" in sentence
    assert "3: Groq 3 LPU" in tab.text_content(".live .live-canvas svg")
    assert "chip_3=groq_3_lpu" in _settled_link(tab)
    assert "memory_3" not in _settled_link(tab), "what the catalog knows is not in the link"


def test_an_own_chip_is_typed_in_and_linked(visit):
    own = {"memory_3": 64.0, "memory_bandwidth_3": 40.0, "compute_reached_3": 300.0}
    own |= {"price_3": 15000.0, "speed_limit_3": 1000.0}
    query = "&".join(f"{name}={value}" for name, value in own.items())
    tab = opened(visit, "comparison", f"?chip_3=own&{query}")
    shown = tab.evaluate("document.querySelector('.live').reckoner.values().cost_3")
    expected = BOOK.conclude("comparison", {"chip_3": "own", **own}).results.cost_3
    assert shown == pytest.approx(expected, rel=1e-9)
    lacking = opened(visit, "comparison", "?chip_3=own&memory_3=64")
    assert "does not know" in lacking.inner_text(".live-sentence")


def test_the_front_page_carries_the_answer(visit):
    tab = visit("book/index.html")
    tab.wait_for_function("document.querySelector('.stepped')?.reckoner")
    shown = tab.inner_text(".stepped-answer")
    assert in_words.sentence(asked(of_article(), [26.6])[0])[:60] in shown
    assert tab.faults == []


@by_chapter
def test_reduced_motion_finds_nothing_that_moves(visit, chapter):
    tab = opened(visit, chapter)
    tab.emulate_media(reduced_motion="reduce")
    moving = "document.getAnimations().filter((each) => each.playState === 'running').length"
    assert tab.evaluate(moving) == 0
    timed = """[...document.querySelectorAll('.live, .live *')].filter((element) => {
      const style = getComputedStyle(element);
      return style.transitionDuration !== '0s' || style.animationName !== 'none';
    }).length"""
    assert tab.evaluate(timed) == 0


@by_chapter
def test_a_title_fits_a_phone(visit, chapter):
    tab = opened(visit, chapter, width=390)
    tab.wait_for_timeout(100)
    title = (
        "document.querySelector('.live .live-canvas svg .role-title-text').getBoundingClientRect()"
    )
    assert tab.evaluate(f"{title}.right") <= 390
    text = tab.text_content(".live .live-canvas svg .role-title-text")
    assert text.replace(" ", "") == FIGURES[chapter].live.title.replace(" ", "")


@by_chapter
def test_the_sentence_says_what_the_library_says(visit, chapter):
    tab = opened(visit, chapter)
    tab.wait_for_timeout(100)
    assert tab.inner_text(".live-sentence") == plain(FIGURES[chapter].sentence())


def test_a_slider_moves_by_keyboard_and_goes_back_with_one_key(visit):
    tab = opened(visit, "batching")
    slider = tab.locator("#live-batching-batch_size")
    before = tab.inner_text(".live-sentence")
    slider.focus()
    for _ in range(20):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_function(f"document.querySelector('.live-sentence').innerText !== {before!r}")
    assert "#live-batching?batch_size=" in _settled_link(tab)
    tab.keyboard.press("Delete")
    tab.wait_for_function(f"document.querySelector('.live-sentence').innerText === {before!r}")


def _settled_link(tab):
    tab.wait_for_function("location.hash.includes('?')")
    return tab.evaluate("location.hash")


def test_a_link_opens_the_same_state(visit):
    tab = opened(visit, "batching", "?batch_size=777&speed=123.5&model=llama31_8b")
    values = tab.evaluate("document.querySelector('.live').reckoner.state")
    assert (values["batch_size"], values["speed"], values["model"]) == (777, 123.5, "llama31_8b")
    given = {"batch_size": 777, "speed": 123.5, "model": "llama31_8b"}
    cost = tab.evaluate("document.querySelector('.live').reckoner.values().cost")
    assert cost == pytest.approx(BOOK.conclude("batching", given).results.cost, rel=1e-9)


def test_a_link_followed_on_the_open_page_shows_its_state(visit):
    tab = opened(visit, "batching", "?batch_size=777")
    tab.evaluate("location.hash = '#live-batching?batch_size=5'")
    tab.wait_for_function("document.querySelector('.live').reckoner.state.batch_size === 5")
    tab.evaluate("location.hash = '#live-batching?batch_size=few'")
    tab.wait_for_function("document.querySelector('.live').reckoner.state.batch_size === 128")
    tab.wait_for_function(
        "document.querySelector('.live-sentence').innerText.includes('does not know')"
    )


BROKEN = ["?batch_size=many", "?card_prize=5", "?speed=1e99", "?model=x", "?model=%E0"]


@pytest.mark.parametrize("query", BROKEN)
def test_a_broken_link_falls_back_and_says_so(visit, query):
    tab = opened(visit, "batching", query)
    assert "does not know" in tab.inner_text(".live-sentence")
    defaults = BOOK.parameters("batching").defaults
    state = tab.evaluate("document.querySelector('.live').reckoner.state")
    assert state == {name: defaults[name] for name in state}


def test_the_command_gives_the_same_numbers(visit, tmp_path):
    tab = opened(visit, "capacity", "?bytes_per_parameter=0.5&gpu_price=12345")
    tab.get_by_text("Run this yourself").click()
    tab.wait_for_function("document.querySelector('.live-tools pre').textContent !== ''")
    command = tab.text_content(".live-tools pre >> nth=0").split()
    assert command[:2] == [".venv/bin/papermill", "notebooks/capacity.ipynb"]
    executed = tmp_path / "mine.ipynb"
    papermill = str(Path(sys.executable).with_name("papermill"))
    run = [papermill, command[1], str(executed), *command[3:]]
    subprocess.run(run, check=True, capture_output=True, cwd=SITE.parent.parent)
    cards = BOOK.conclude("capacity", {"bytes_per_parameter": 0.5}).words()["cards"]
    assert f">{cards}</a> cards**" in executed.read_text(encoding="utf-8")
    assert f"{cards} cards" in tab.inner_text(".live-sentence")


def test_exports_hold_the_figure(visit):
    tab = opened(visit, "batching")
    saved = {}
    for kind in ("CSV", "SVG", "PNG"):
        with tab.expect_download() as download:
            tab.get_by_role("button", name=kind, exact=True).click()
        saved[kind] = Path(download.value.path()).read_bytes()
    table = saved["CSV"].decode().splitlines()
    assert table[0].startswith('"batch_size","SRAM cluster: Capital cost')
    first = [float(cell) for cell in table[1].split(",")]
    cost = BOOK.conclude("batching", {"batch_size": int(first[0])}).results.cost
    assert first[1] == pytest.approx(cost, rel=1e-9)
    assert saved["SVG"].startswith(b"<svg") and b"var(--" not in saved["SVG"]
    assert saved["PNG"].startswith(b"\x89PNG")


@by_chapter
def test_constants_show_their_source(visit, chapter):
    tab = opened(visit, chapter)
    constant = tab.locator("li:not([hidden]) > .live-constant").first
    constant.focus()
    source = constant.locator(".live-source")
    assert source.is_visible()
    assert "seen in the source" in source.inner_text() or "unverified" in source.inner_text()


@by_chapter
def test_without_scripts_and_in_print_the_static_picture_stands(visit, chapter):
    still = visit(page_of(chapter), scripts=False)
    assert still.locator(".live .chart-wide svg").is_visible()
    assert not still.locator(".live-controls").is_visible()
    drawn = opened(visit, chapter)
    drawn.emulate_media(media="print")
    assert drawn.locator(".live .chart-wide svg").is_visible()
    assert not drawn.locator(".live .live-canvas").is_visible()


def test_the_first_picture_is_painted_before_any_chart_script(visit):
    tab = opened(visit, "batching")
    first = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    script = "performance.getEntriesByName('live:script')[0].startTime"
    paint, script = tab.evaluate(f"[{first}, {script}]")
    assert paint < script


def compressed(path):
    import gzip

    return len(gzip.compress(path.read_bytes(), 9))


def test_pages_and_scripts_stay_light():
    """At most 250 KB for a chapter, and 450 KB for the scripts that pages share, compressed.

    Where its numbers come from counts with the chapter, down to the rows and the claims: it is
    loaded when a reader asks. A script that few pages load counts with each of them.
    """
    origins = SITE / "_static" / "numbers"
    asked = sum(compressed(origins / f"{name}.js") for name in ("catalog", "ledger"))
    scripts = {*(SITE / "_static").rglob("*.js"), SITE / "searchindex.js"}
    scripts -= {*origins.glob("*.js"), SITE / "_static" / "own_machine.js"}
    for chapter in BOOK.chapters:
        page = SITE / "notebooks" / f"{chapter}.html"
        own = SITE / "_static" / "own_machine.js"
        alone = compressed(own) if own.name in page.read_text(encoding="utf-8") else 0
        assert compressed(page) + compressed(origins / f"{chapter}.js") + asked + alone <= 250_000
    assert sum(map(compressed, scripts)) <= 450_000
