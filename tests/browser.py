"""A real browser for the built site: offline, from the file system, watched for faults."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

SITE = Path(__file__).parent.parent / "_build" / "html"


@pytest.fixture(scope="module")
def browser():
    """Chromium or Chrome; where none is found the tests that need it are left out."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("BROWSER_PATH", "/usr/bin/chromium")
    if not path:
        pytest.skip("no Chromium or Chrome here")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


REFUSED = """addEventListener("securitypolicyviolation", (event) => {
  window.refused ??= [];
  window.refused.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
}, true)"""
"""Keeps what a page's policy refused, as it would happen to a reader."""


@pytest.fixture
def visit(browser):
    """Opens a page offline; what it asked other hosts for and what failed is in `faults`."""
    contexts = []

    def open_page(page, width=1280, scheme="light", scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
            offline=True,
            accept_downloads=True,
        )
        contexts.append(context)
        context.add_init_script(REFUSED)
        tab = context.new_page()
        tab.faults = []
        tab.wait_for_function = lambda asked, arg=None: _until(tab, asked, arg)
        tab.on("pageerror", lambda error: tab.faults.append(f"error: {error}"))
        loud = ("error", "warning")
        tab.on("console", lambda message: _note(tab, message.type in loud, message.text))
        tab.on("request", lambda request: _note(tab, _leaves(request.url), request.url))
        path, mark, rest = _parted(str(page))
        tab.goto((SITE / path).as_uri() + mark + rest)
        return tab

    yield open_page
    for context in contexts:
        context.close()


def _until(tab, asked, arg, seconds=30):
    """Wait for something to hold; Playwright's own way makes a function of a text in the page,
    which the page's policy refuses."""
    call = f"({asked})" if arg is None else f"({asked})(given)"
    end = time.monotonic() + seconds
    while not tab.evaluate(f"(given) => Boolean({call})", arg):
        assert time.monotonic() < end, f"waited {seconds} s in vain for {asked}"
        tab.wait_for_timeout(30)


def _note(tab, fault, text):
    if fault:
        tab.faults.append(text)


def _leaves(url):
    return not url.startswith(("file:", "data:", "blob:"))


def _parted(page):
    cut = min((page.index(mark) for mark in "?#" if mark in page), default=len(page))
    return page[:cut], page[cut : cut + 1], page[cut + 1 :]
