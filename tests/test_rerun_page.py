"""The page "Rerun it yourself": its commands run, and print what stands under them.

    .venv/bin/python tests/test_rerun_page.py

writes what they print now into the page.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from inference_economics.book import BOOK
from reckoner.show.pages import Pages

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "book" / "rerun.md"
EXAMPLE = re.compile(r"```shell\n(.*?)```(\n\n```text\n(.*?)```)?", re.DOTALL)
MODULES = {"spacetime": "inference_economics.command", "papermill": "papermill", "python": ""}
ENTRY_POINT = "[papermill.engine]\nreckoner = reckoner.command.engine:CheckedEngine\n"


def workplace(folder: Path) -> dict[str, str]:
    """What a reader has after `make book`: notebooks, examples and .venv/bin with the commands.

    The commands are this environment's, with the package as it stands here.
    """
    for name in ("book", "examples", "notebooks"):
        shutil.copytree(ROOT / name, folder / name)
    commands = folder / ".venv" / "bin"
    commands.mkdir(parents=True)
    for name, module in MODULES.items():
        script = commands / name
        start = f"-m {module}" if module else ""
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IEXEC)
    info = folder / ".venv" / "site" / "trading_space_for_time_test-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trading-space-for-time-test\n")
    (info / "entry_points.txt").write_text(ENTRY_POINT)
    path = os.pathsep.join([str(info.parent), str(ROOT / "lib")])
    return {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}


def printed(commands: str, folder: Path, environment: dict[str, str]) -> str:
    return subprocess.run(
        ["bash", "-c", commands],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout


def test_every_command_of_the_page_prints_what_it_says(tmp_path):
    environment = workplace(tmp_path)
    examples = EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))
    assert len(examples) >= 8
    for commands, _, expected in examples:
        assert printed(commands, tmp_path, environment) == expected, commands
    assert not list((tmp_path).rglob("*.partial*"))
    assert {"cost.svg", "cost.html"} <= {path.name for path in tmp_path.iterdir()}


def test_the_page_can_be_filled_in():
    text = Pages(BOOK, ROOT, ROOT / "notebooks").render(PAGE)
    assert "<svg" in text and "{{" not in text


def rewrite() -> None:
    """Put what the commands print now under each of them."""
    with tempfile.TemporaryDirectory() as place:
        environment = workplace(Path(place))

        def again(example: re.Match[str]) -> str:
            shown = printed(example[1], Path(place), environment)
            return f"```shell\n{example[1]}```" + (f"\n\n```text\n{shown}```" if shown else "")

        PAGE.write_text(EXAMPLE.sub(again, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
