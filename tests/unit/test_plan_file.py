from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from snapplan.errors import PlanStaleError, SnapplanError
from snapplan.plan_check import check, checksum
from snapplan.plan_file import read, sealed, write
from snapplan.redaction import _values, remember
from tests.unit.planner.lab import lab

SNAPSHOTS = ["daily.20261121T0200Z", "daily.20261118T0200Z"]


@pytest.fixture
def document() -> dict[str, Any]:
    return sealed(lab(snapshots=SNAPSHOTS).plan().document(), "0" * 32)


def code(error: pytest.ExceptionInfo[PlanStaleError]) -> str:
    (finding,) = error.value.findings
    return finding.code


def resealed(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = {**document, **changes}
    return {**made, "checksum": checksum(made)}


def test_what_is_written_is_read_as_it_was(document: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("what was there before")
    file.chmod(0o644)
    write(file, document)
    assert read(file) == document
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_nothing_but_a_file_is_replaced(kind: str, document: dict[str, Any], tmp_path: Path) -> None:
    """A device such as ``/dev/null`` would be gone, and a link may lead anywhere."""
    there, elsewhere = tmp_path / "plan.json", tmp_path / "elsewhere"
    elsewhere.touch()
    if kind == "link":
        there.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(there)
    else:
        there.mkdir()
    before = there.lstat()
    with pytest.raises(SnapplanError, match="it is not a regular file"):
        write(there, document)
    assert there.lstat() == before
    assert elsewhere.read_text() == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "plan.json"]


def test_the_checksum_is_of_the_canonical_form(document: dict[str, Any]) -> None:
    assert check(json.loads(json.dumps(document, sort_keys=True, indent=7)), "it") == document
    assert checksum({"b": 1, "a": "ä", "checksum": "x"}) == checksum({"a": "ä", "b": 1})
    assert checksum({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


def test_a_secret_that_a_backend_put_into_a_text_is_not_kept() -> None:
    made = lab(snapshots=SNAPSHOTS).plan().document()
    made["actions"][0]["reasons"][0]["text"] = "401 with token hunter2-hunter2"
    remember("hunter2-hunter2")
    try:
        document = sealed(made, "0" * 32)
    finally:
        _values.clear()
    assert "hunter2" not in json.dumps(document)
    assert check(document, "it") == document


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"format": 1}',
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        "[" * 100_000,
        "\ufeff{}",
        '"\\ud800"',
    ],
)
def test_what_is_no_plan_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(content)
    with pytest.raises(PlanStaleError) as error:
        read(file)
    assert code(error) == "SP501"


def test_a_file_that_is_not_there_is_another_error(tmp_path: Path) -> None:
    with pytest.raises(SnapplanError, match="cannot be read") as error:
        read(tmp_path / "plan.json")
    assert error.value.exit_code == 1


@pytest.mark.parametrize("form", ["snapplan.plan/2.0", "snapplan.plan/0.9", "snapplan.plan/1.2"])
def test_a_format_that_is_not_known_is_refused(form: str, document: dict[str, Any]) -> None:
    with pytest.raises(PlanStaleError) as error:
        check(resealed(document, format=form), "it")
    assert code(error) == "SP502"


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "0" * 64},
        {"as_of": "2026-13-41T00:00:00Z"},
        {"approved": True},
        {"summary": None},
        {"actions": "none"},
    ],
)
def test_a_form_that_no_planner_writes_is_refused_though_the_checksum_is_right(
    change: dict[str, Any], document: dict[str, Any]
) -> None:
    with pytest.raises(PlanStaleError) as error:
        check(resealed(document, **change), "it")
    assert code(error) == "SP501"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("precondition", {"native_id": ["a"]}),
        ("precondition", {"witnesses": [{"native_id": 1, "taken_at": "x"}]}),
        ("precondition", {"taken_at": "yesterday"}),
        ("change", {"begins": "daily"}),
        ("change", {"expires_at": None}),
        ("after", [9]),
        ("number", 2),
    ],
)
def test_an_action_that_no_planner_writes_is_refused(name: str, value: Any, document: dict[str, Any]) -> None:
    first, *others = document["actions"]
    with pytest.raises(PlanStaleError) as error:
        check(resealed(document, actions=[{**first, name: value}, *others]), "it")
    assert code(error) == "SP501"
