"""How live figures feel and what pages weigh, on this machine, in one run.

A move is timed with the figure in sight, from the slider's event until its frame is painted,
without the wait for the screen's next refresh, beside an empty frame timed the same way. Then,
for each page: when the first picture is painted, when the first chart script is asked for, what
it weighs.

    make book && .venv/bin/python benchmarks/live.py [path of Chromium]
"""

from __future__ import annotations

import gzip
import statistics
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from record import record

WORST = {
    "move": "a slider's move until its frame is painted, 95th percentile of 300",
    "empty": "an empty frame timed the same way",
    "paint": "first paint",
    "script": "the chart script asked for",
    "weight": "",
}
SITE = Path(__file__).parent.parent / "_build" / "html"
MOVES = """async (moves) => {
  const root = document.querySelector('.live');
  await root.reckoner.ready();
  root.scrollIntoView({ behavior: "instant" });
  const slider = root.querySelector('input[type=range]');
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
    const start = performance.now();
    const channel = new MessageChannel();
    channel.port1.onmessage = () => resolve(performance.now() - start);
    channel.port2.postMessage(null);
  }));
  const timed = async (work) => {
    await painted();
    const start = performance.now();
    await work();
    const worked = performance.now() - start;
    return worked + await painted();
  };
  const empty = [], moved = [];
  for (let i = 0; i < moves; i++) {
    empty.push(await timed(async () => {}));
    slider.value = (i * 37) % 1000;
    moved.push(await timed(async () => {
      slider.dispatchEvent(new Event('input'));
      await root.reckoner.idle();
    }));
  }
  return { empty, moved };
}"""
PAINT = """() => [
  performance.getEntriesByName('first-contentful-paint')[0].startTime,
  performance.getEntriesByName('live:script')[0].startTime,
]"""


def percentile(times: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(times, n=20)[-1]


def compressed(path: Path) -> float:
    """What a file weighs compressed, in KB."""
    return len(gzip.compress(path.read_bytes(), 9)) / 1000


def measure(opened: Browser, page: Path) -> dict[str, float]:
    """Times in milliseconds, and the page's weight in KB."""
    tab = opened.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_selector(".live-controls:not([hidden])")
    times = tab.evaluate(MOVES, 300)
    paint, script = tab.evaluate(PAINT)
    tab.close()
    return {
        "move": percentile(times["moved"]), "empty": percentile(times["empty"]),
        "paint": paint, "script": script, "weight": compressed(page),
    }  # fmt: skip


def main(browser: str) -> None:
    pages = [SITE / "book" / "index.html", *sorted((SITE / "notebooks").glob("*.html"))]
    scripts = {*(SITE / "_static").rglob("*.js"), SITE / "searchindex.js"}
    scripts -= {*(SITE / "_static" / "numbers").glob("*.js")}  # a chapter's own
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        alive = [p for p in pages if 'class="live"' in p.read_text(encoding="utf-8")]
        found = {page.stem: measure(opened, page) for page in alive}
        opened.close()
    for name, measured in found.items():
        print(f"{name:18}", ", ".join(f"{key} {value:.1f}" for key, value in measured.items()))
    worst = {key: max(measured[key] for measured in found.values()) for key in WORST}
    record(f"{WORST['move']}, the slowest of {len(found)} pages", worst["move"], "ms", 8.3)
    record(f"{WORST['paint']}, the slowest page", worst["paint"], "ms", 300)
    for key in ("empty", "script"):
        record(f"{WORST[key]}, the slowest page", worst[key], "ms")
    record("a page with a live figure, compressed, the largest", worst["weight"], "KB", 250)
    record("scripts shared by all pages, compressed", sum(map(compressed, scripts)), "KB", 450)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "/usr/bin/chromium")
