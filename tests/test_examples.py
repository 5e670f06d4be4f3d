"""Every example is a policy repository that is valid without warnings, plans, applies, and is then up to date."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import warm

ROOT = Path(__file__).parent.parent
FOLDERS = sorted(file.parent for file in (ROOT / "examples").glob("*/snapplan.yaml"))
# Examples of other systems than folders need a simulator; tests/end_to_end has them.
EXAMPLES = [folder for folder in FOLDERS if not (folder / "simulator").exists()]
FILES = sorted(
    file
    for folder in FOLDERS
    for file in folder.rglob("*.yaml")
    if not {".snapplan", "data", "simulator"} & set(file.relative_to(folder).parts)
)
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


def snapplan(folder: Path, *arguments: str, now: str = "2026-11-22T12:00Z") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SNAPPLAN_NOW": now, "XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "200"}
    return warm.run(folder, *arguments, env=environment)


@pytest.fixture(params=EXAMPLES, ids=lambda folder: folder.name)
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy as git would check it out: without what a person's own run left in the folder."""
    left = shutil.ignore_patterns("catalog.db*", ".snapplan", "office-snapshots", "CHG-1234-rollback.yaml")
    return shutil.copytree(request.param, tmp_path / request.param.name, ignore=left)


def test_an_example_plans_applies_and_is_up_to_date(copy: Path) -> None:
    checked = snapplan(copy, "validate", "--strict")
    assert (checked.returncode, "No findings" in checked.stdout) == (0, True), checked.stdout + checked.stderr

    planned = snapplan(copy, "plan", "--format", "json")
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(planned.stdout)
    jsonschema.validate(plan, json.loads((ROOT / "schemas" / "plan.schema.json").read_text(encoding="utf-8")))
    assert plan["summary"]["snapshot"] > 0
    assert plan["diagnostics"] == []

    applied = snapplan(copy, "apply", "--auto-approve")
    assert applied.returncode == 0, applied.stdout + applied.stderr

    again = snapplan(copy, "plan", "--detailed-exitcode", now="2026-11-22T12:01Z")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Nothing to do." in again.stdout


def test_the_quickstart_says_when_the_next_slot_is_due(tmp_path: Path) -> None:
    copy = shutil.copytree(ROOT / "examples" / "quickstart", tmp_path / "copy", ignore=shutil.ignore_patterns("*.db*"))
    assert snapplan(copy, "apply", "--auto-approve").returncode == 0
    assert "next due 12:15:00Z (lab/volume/a gold.hourly)" in snapplan(copy, "plan").stdout


def test_the_rollback_of_pre_change_is_valid(tmp_path: Path) -> None:
    copy = shutil.copytree(ROOT / "examples" / "pre-change", tmp_path / "copy")
    shutil.copy(copy / "rollback" / "CHG-1234.yaml", copy / "policies" / "rollback.yaml")
    checked = snapplan(copy, "validate", "--strict")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT / "examples")))
def test_every_file_names_its_schema(file: Path) -> None:
    found = MODELINE.match(file.read_text(encoding="utf-8"))
    assert found, "the first line names the schema for editors"
    schema = (file.parent / found[1]).resolve()
    kind = "config" if file.name == "snapplan.yaml" else "policy"
    assert schema == ROOT / "schemas" / f"{kind}.schema.json"
    assert schema.exists()


@pytest.mark.slow
def test_the_demo_proves_what_it_restores(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", str(ROOT / "examples" / "demo.sh")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PROVED:") == 3
    assert list(tmp_path.iterdir()) == [], "it cleans up"
