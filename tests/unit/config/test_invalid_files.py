"""Every file under tests/invalid has exactly the errors and warnings that its first lines announce."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import warm
from unit.config.findings import expected

from snapplan.config.load import load_file, load_repository
from snapplan.diagnostics import Severity

INVALID = Path(__file__).parents[2] / "invalid"
FILES = sorted(path.relative_to(INVALID).as_posix() for path in INVALID.rglob("*.yaml") if path.name != "snapplan.yaml")
FILES = [name for name in FILES if not name.startswith("folders/")]
FOLDERS = sorted(path.name for path in (INVALID / "folders").iterdir())
UNQUOTED = ("SP106-a-list-as-the-file.yaml", "SP116-an-empty-file.yaml")
"""Files of which no line is shown, as they are no mapping: whoever may change include: could name any file."""
SHOWN = [
    "SP101-a-tab-as-indentation.yaml",
    "SP104-many-findings-at-once.yaml",
    "SP208-hour-for-hourly.yaml",
    "config/SP117-a-password-in-the-catalog.yaml",
]


def test_there_are_many() -> None:
    assert len(FILES) >= 70


def test_their_configuration_is_valid() -> None:
    assert load_file(INVALID / "snapplan.yaml").diagnostics == []


@pytest.mark.parametrize("name", FILES)
def test_finds_what_the_file_announces(name: str) -> None:
    path = INVALID / name
    found = [one for one in load_file(path).diagnostics if one.severity is not Severity.NOTE]
    places = sorted((one.code, one.where.line, one.where.column) for one in found if one.where)
    assert len(places) == len(found)
    assert places == expected(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_announces_the_code_of_its_name(name: str) -> None:
    codes = [code for code, _, _ in expected((INVALID / name).read_text(encoding="utf-8"))]
    assert Path(name).name.partition("-")[0] in codes


@pytest.mark.parametrize("name", FILES)
def test_every_finding_can_be_shown(name: str) -> None:
    for one in load_file(INVALID / name).diagnostics:
        assert one.summary
        assert one.summary.isprintable()
        assert one.where is not None
        quoted = name not in UNQUOTED
        assert (one.where.line in {number for number, _ in one.snippet}) is quoted


@pytest.mark.parametrize("folder", FOLDERS)
def test_finds_what_the_files_of_a_folder_announce(folder: str) -> None:
    root = INVALID / "folders" / folder
    announced = [
        (path.relative_to(root).as_posix(), *place)
        for path in root.rglob("*.yaml")
        for place in expected(path.read_text(encoding="utf-8"))
    ]
    found = [one for one in load_repository(root).diagnostics if one.severity is not Severity.NOTE]
    places = [(one.where.file, one.code, one.where.line, one.where.column) for one in found if one.where]
    assert announced
    assert sorted(places) == sorted(announced)


@pytest.mark.parametrize("name", SHOWN)
def test_the_command_shows_code_and_place(name: str) -> None:
    places = expected((INVALID / name).read_text(encoding="utf-8"))
    only_warnings = name.startswith("SP208")
    ran = _validate(name)
    for code, line, column in places:
        assert f"[{code}]" in ran.stdout
        assert f"{name}:{line}:{column}" in ran.stdout
    assert ran.returncode == (0 if only_warnings else 4)
    assert ran.stderr == ""
    assert "hunter2" not in ran.stdout
    assert _validate("--strict", name).returncode == 4


def _validate(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_COLOR": "1", "SNAPPLAN_NOW": "2026-11-22T02:00:04Z"}
    return warm.run(INVALID, "validate", *arguments, env=environment)
