"""How long a slider move takes until it is painted, beside an empty frame, in one run.

make book && .venv/bin/python benchmarks/live.py [path of Chromium]
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SITE = Path(__file__).parent.parent / "_build" / "html"
MOVES = """async (moves) => {
  const root = document.querySelector('.live');
  await root.reckoner.ready();
  const slider = root.querySelector('input[type=range]');
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => resolve()));
  const painted = async (work) => {
    await frame();
    const start = performance.now();
    await work();
    root.querySelector('.live-canvas').getBoundingClientRect();
    return performance.now() - start;
  };
  const empty = [], moved = [];
  for (let i = 0; i < moves; i++) {
    empty.push(await painted(async () => {}));
    slider.value = (i * 37) % 1000;
    moved.push(await painted(async () => {
      slider.dispatchEvent(new Event('input'));
      await root.reckoner.idle();
    }));
  }
  return { empty, moved };
}"""


def percentile(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def main(browser: str) -> None:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for page in sorted((SITE / "notebooks").glob("*.html")):
            tab = opened.new_page()
            tab.goto(page.as_uri())
            tab.wait_for_function("document.querySelector('.live')?.reckoner")
            times = tab.evaluate(MOVES, 100)
            print(
                f"{page.stem:18} a move {percentile(times['moved']):6.1f} ms, "
                f"an empty frame {percentile(times['empty']):5.2f} ms (95th percentile of 100)"
            )
            tab.close()
        opened.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "/usr/bin/chromium")
