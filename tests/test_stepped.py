"""The figure with a slider over answers, in a real browser: it says what the library says."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

from browser import SITE

PAGE = "notebooks/answer.html"
ROOT = "#stepped-answer"
SLIDER, SELECT = f"{ROOT}-at", f"{ROOT}-scene"
RULE = """async () => {
  const view = await document.querySelector('.stepped').reckoner.ready();
  await view.runAsync();
  return view.signal('at');
}"""


@pytest.fixture(scope="module")
def data():
    page = BeautifulSoup((SITE / PAGE).read_text(encoding="utf-8"), "html.parser")
    return json.loads(page.select_one(f"{ROOT} script").string)


def opened(visit, query="", **options):
    """The page with the figure drawn."""
    tab = visit(f"{PAGE}{ROOT}{query}", **options)
    tab.wait_for_function("document.querySelector('.stepped')?.reckoner")
    tab.evaluate("document.querySelector('.stepped').reckoner.ready().then(() => null)")
    tab.wait_for_selector(f"{ROOT} .live-canvas svg")
    return tab


def says(tab, step):
    """Word, sentence, slider and rule are those of a step, and soon so."""
    text = f"{step['word']} {step['sentence']}"
    tab.wait_for_function(
        "text => document.querySelector('.stepped-answer').textContent === text", arg=text
    )
    assert tab.get_attribute(SLIDER, "aria-valuetext") == step["shown"]
    assert tab.inner_text(f"{ROOT} output") == step["shown"]
    assert tab.evaluate(RULE) == step["at"]
    return True


def steps_of(data, scene):
    return data["scenes"][scene]["steps"]


def place_of(data, at=None):
    first = next(iter(data["scenes"]))
    at = data["start"] if at is None else at
    return next(i for i, step in enumerate(steps_of(data, first)) if step["at"] == at)


def test_it_starts_where_the_page_says(visit, data):
    tab = opened(visit)
    first = next(iter(data["scenes"]))
    assert says(tab, steps_of(data, first)[place_of(data)])
    assert tab.input_value(SELECT) == first
    assert tab.faults == []


def test_the_slider_moves_by_keyboard(visit, data):
    tab = opened(visit)
    first = next(iter(data["scenes"]))
    steps, place = steps_of(data, first), place_of(data)
    before = rule_place(tab)
    tab.locator(SLIDER).focus()
    tab.keyboard.press("ArrowRight")
    assert says(tab, steps[place + 1])
    assert rule_place(tab) > before
    for key, at in (("End", -1), ("Home", 0)):
        tab.keyboard.press(key)
        assert says(tab, steps[at])
    words = set()
    for step in steps:
        words.add(tab.inner_text(f"{ROOT} strong"))
        assert says(tab, step)
        tab.keyboard.press("ArrowRight")
    assert words == {step["word"] for step in steps} and len(words) > 2
    assert tab.faults == []


def rule_place(tab):
    """Where the dashed rule stands on the screen."""
    tab.evaluate(RULE)
    rule = tab.locator(f"{ROOT} .live-canvas .mark-rule line[stroke-dasharray]").first
    return rule.evaluate("line => line.getBoundingClientRect().x")


def test_another_scene_is_chosen(visit, data):
    tab = opened(visit)
    place = place_of(data)
    for scene, known in data["scenes"].items():
        tab.select_option(SELECT, scene)
        assert says(tab, known["steps"][place])
        described = tab.locator(f"{ROOT} .live-canvas")
        described.and_(tab.get_by_label(known["spec"]["description"], exact=True)).wait_for()
    assert tab.faults == []


def test_the_last_of_quick_choices_stays(visit, data):
    tab = opened(visit)
    *_, last = data["scenes"]
    for scene in (*data["scenes"], *data["scenes"]):
        tab.select_option(SELECT, scene)
    tab.locator(SLIDER).focus()
    tab.keyboard.press("ArrowRight")
    assert says(tab, steps_of(data, last)[place_of(data) + 1])
    description = data["scenes"][last]["spec"]["description"]
    assert tab.get_attribute(f"{ROOT} .live-canvas", "aria-label") == description
    assert tab.locator(f"{ROOT} .live-canvas svg").count() == 1


def test_a_link_opens_its_state_and_the_state_is_its_link(visit, data):
    tab = opened(visit, "?at=100&scene=maker-2024")
    steps, place = steps_of(data, "maker-2024"), place_of(data, 100)
    assert says(tab, steps[place])
    assert tab.input_value(SELECT) == "maker-2024"
    tab.locator(SLIDER).focus()
    tab.keyboard.press("ArrowLeft")
    link = f"{ROOT}?at={steps[place - 1]['at']:g}&scene=maker-2024"
    tab.wait_for_function("link => location.hash === link", arg=link)
    again = opened(visit, link.removeprefix(ROOT))
    assert says(again, steps[place - 1])


def test_a_link_followed_on_the_open_page_shows_its_state(visit, data):
    tab = opened(visit)
    tab.evaluate(f"location.hash = '{ROOT}?at=100&scene=maker-2024'")
    assert says(tab, steps_of(data, "maker-2024")[place_of(data, 100)])
    assert tab.input_value(SELECT) == "maker-2024"


@pytest.mark.parametrize(
    "query", ["?at=101.5", "?at=fast&scene=nobody", "?scene=__proto__", "?at=%E0", "?", "?at="]
)
def test_a_broken_link_leaves_the_default(visit, data, query):
    tab = opened(visit, query)
    first = next(iter(data["scenes"]))
    assert says(tab, steps_of(data, first)[place_of(data)])
    assert tab.input_value(SELECT) == first
    assert tab.faults == []


def test_without_scripts_picture_answer_and_table_are_there(visit, data):
    tab = visit(PAGE, scripts=False)
    first = next(iter(data["scenes"]))
    step = steps_of(data, first)[place_of(data)]
    assert tab.locator(f"{ROOT} .chart-wide svg").is_visible()
    assert tab.text_content(f"{ROOT} .stepped-answer") == f"{step['word']} {step['sentence']}"
    assert not tab.locator(f"{ROOT} .stepped-controls").is_visible()
    rows = tab.locator(f"{ROOT} details table tbody tr")
    assert rows.count() > 5


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_and_fits(visit, width, scheme):
    tab = opened(visit, width=width, scheme=scheme)
    assert tab.faults == []
    found = Axe().run(tab, ROOT).response["violations"]
    told = [(v["id"], [node["html"][:120] for node in v["nodes"][:3]]) for v in found]
    assert not told, json.dumps(told, indent=1)
    box = tab.locator(f"{ROOT} .live-canvas svg").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


def test_print_shows_the_static_picture(visit):
    tab = opened(visit)
    tab.emulate_media(media="print")
    assert tab.locator(f"{ROOT} .chart-wide svg").is_visible()
    assert not tab.locator(f"{ROOT} .live-canvas").is_visible()
    assert not tab.locator(f"{ROOT} .stepped-controls").is_visible()
