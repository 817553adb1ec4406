"""What runs elsewhere is pinned, may do little, and installs only files whose hashes are known."""

import csv
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
by_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def jobs(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()


def steps(path):
    return [step for job in jobs(path) for step in job["steps"]]


def test_there_are_workflows():
    asked = {"test", "again", "moved", "publish", "renew", "audit", "release", "mutants"}
    assert asked <= {p.stem for p in WORKFLOWS}


def test_the_suite_runs_twenty_times_and_goes_on_after_a_failure():
    workflow = yaml.safe_load((ROOT / ".github/workflows/again.yml").read_text(encoding="utf-8"))
    strategy = workflow["jobs"]["again"]["strategy"]
    assert len({*strategy["matrix"]["run"]}) == 20 and strategy["fail-fast"] is False


def test_every_worksheet_and_guarded_module_is_made_wrong_in_some_job():
    workflow = yaml.safe_load((ROOT / ".github/workflows/mutants.yml").read_text(encoding="utf-8"))
    parts = " ".join(workflow["jobs"]["break"]["strategy"]["matrix"]["part"]).split()
    sheets = {p.stem for p in (ROOT / "lib/inference_economics/worksheets").glob("[a-z]*.py")}
    assert sheets == {part for part in parts if "/" not in part} - {"judgement"}
    with (ROOT / "tests" / "guards.csv").open(encoding="utf-8") as file:
        guarded = [row["module"] for row in csv.DictReader(file)]
    of_code = [part for part in parts if "/" in part or part == "judgement"]
    assert all(any(part in module for part in of_code) for module in guarded)
    assert all(any(part in module for module in guarded) for part in of_code)


@by_workflow
def test_every_action_is_pinned_by_commit_and_says_its_version(path):
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


@by_workflow
def test_a_workflow_may_read_and_only_a_job_that_runs_nothing_of_others_may_write(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for job in jobs(path):
        assert job["timeout-minutes"] <= 60
        if "write" in job.get("permissions", {}).values():
            scripts = "\n".join(step.get("run", "") for step in job["steps"])
            assert not re.search(r"\bmake\b|python|\.ci/run", scripts)


@by_workflow
def test_no_name_that_others_choose_becomes_part_of_a_script(path):
    for step in steps(path):
        assert "${{" not in step.get("run", "")


@by_workflow
def test_what_a_workflow_makes_is_in_the_makefile(path):
    scripts = "\n".join(step.get("run", "") for step in steps(path))
    for target in re.findall(r"^ *make (?:--silent )?(\w+)", scripts, re.MULTILINE):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
    assert "make" in scripts or ".ci/run" in scripts


def test_every_package_of_the_lock_has_hashes_and_is_installed_by_them():
    pins = re.split(r"\n(?=[a-z0-9])", LOCK.strip())
    assert len(pins) > 100
    for pin in pins:
        first, *hashes = pin.split(" \\\n")
        assert re.match(r"[\w.-]+==[\w.]+", first)
        assert hashes and all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}", h) for h in hashes)
    assert "--require-hashes -r requirements.txt" in MAKEFILE


def test_the_lock_has_what_the_packages_ask_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    names = {re.split(r"[\[<>=!~ ]", each)[0].lower().replace("_", "-") for each in asked}
    assert names <= set(re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE))
