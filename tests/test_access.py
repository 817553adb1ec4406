"""Every page for readers with a keyboard, a screen reader, large letters or their own colours."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe

from test_site import AWAKE, PAGES

by_page = pytest.mark.parametrize("page", PAGES, ids=str)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ALL = {
    "runOnly": {"type": "tag", "values": TAGS},
    "rules": {"target-size": {"enabled": True}, "label-content-name-mismatch": {"enabled": True}},
}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What a change of colours alone can spoil."""
LOOKS = {
    "light": ({"color_scheme": "light", "forced_colors": "none"}, "light"),
    "dark": ({"color_scheme": "dark", "forced_colors": "none"}, "dark"),
    "forced": ({"color_scheme": "light", "forced_colors": "active"}, "light"),
}
UNSEEN = """() => {
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const controls = document.querySelectorAll(
    "a[href], button, input, select, summary, [tabindex='0']");
  const unseen = new Set();
  for (const each of [...controls].filter(shown)) {
    each.focus({ focusVisible: true, preventScroll: true });
    if (document.activeElement !== each) continue;
    const { outlineStyle, outlineWidth } = getComputedStyle(each);
    if (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) continue;
    unseen.add(each.outerHTML.slice(0, 90));
  }
  return [...unseen];
}"""


def violations(tab, options):
    found = Axe().run(tab, options={"preload": False, "resultTypes": ["violations"], **options})
    return [
        (v["id"], [n["html"][:150] for n in v["nodes"][:3]]) for v in found.response["violations"]
    ]


@by_page
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_a_page_is_accessible_at_every_width_and_in_all_colours(visit, page, width):
    tab = visit(page, width)
    tab.wait_for_load_state("load")
    if tab.query_selector(".live, .stepped"):
        tab.wait_for_selector(":is(.live-controls, .stepped-controls):not([hidden])")
        tab.evaluate(AWAKE)
        tab.keyboard.press("Escape")
    told = {}
    for look, (media, theme) in LOOKS.items():
        tab.emulate_media(**media)
        tab.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        if found := violations(tab, ALL if look == "light" else COLOURS):
            told[look] = found
    assert not told, json.dumps(told, indent=1)


@by_page
def test_every_control_shows_its_focus(visit, page):
    tab = visit(page)
    tab.wait_for_load_state("load")
    tab.keyboard.press("Tab")
    assert tab.evaluate(UNSEEN) == []


def test_nothing_moves_for_who_asked_for_rest(visit):
    tab = visit("notebooks/batching.html")
    tab.emulate_media(reduced_motion="reduce")
    assert tab.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    moving = """[...document.querySelectorAll("*")].filter((e) => {
      const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(e);
      const still = transitionDuration.split(", ").every((time) => parseFloat(time) === 0);
      return !still || animationName !== "none" || scrollBehavior === "smooth";
    }).map((e) => e.outerHTML.slice(0, 90))"""
    assert tab.evaluate(moving) == []


def test_icons_stay_where_a_system_forces_its_colours(visit):
    tab = visit("notebooks/batching.html")
    tab.emulate_media(forced_colors="active")
    painted = """[...document.querySelectorAll(".fa-solid, .fas")].map((e) => [
      getComputedStyle(e).backgroundColor, getComputedStyle(document.body).backgroundColor])"""
    icons = tab.evaluate(painted)
    assert icons and all(icon != page for icon, page in icons)
