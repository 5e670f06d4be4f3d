from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Ran

WRONG = "profiles:\n  silver:\n    periods:\n      daily: {frequency: daily, retension: 14d, retention: 14d}\n"


def test_findings_are_the_result(run: Callable[..., Ran], repository: Path) -> None:
    (repository / "policies" / "wrong.yaml").write_text(WRONG)
    ran = run("validate")
    assert ran.code == 4
    assert ran.err == ""
    assert "policies/wrong.yaml:4:33" in ran.out
    assert 'did you mean "retention"?' in ran.out


def test_a_repository_without_findings(run: Callable[..., Ran], repository: Path) -> None:
    assert run("validate") == (0, "No findings in 2 files.\n", "")


def test_warnings_count_only_when_strict(run: Callable[..., Ran], repository: Path) -> None:
    (repository / "policies" / "empty.yaml").write_text("")
    lenient, strict = run("validate"), run("validate", "--strict")
    assert "warning[" in lenient.out
    assert (lenient.code, strict.code) == (0, 4)


def test_as_json(run: Callable[..., Ran], repository: Path) -> None:
    (repository / "policies" / "wrong.yaml").write_text(WRONG)
    document = json.loads(run("validate", "--format", "json").out)
    assert document["format"] == "snapplan.diagnostics/1.0"
    assert document["errors"] == 1
    assert document["diagnostics"][0]["where"]["line"] == 4


def test_as_annotations(run: Callable[..., Ran], repository: Path) -> None:
    (repository / "policies" / "wrong.yaml").write_text(WRONG)
    ran = run("validate", "--format", "github")
    assert ran.out.startswith("::error file=policies/wrong.yaml,line=4,col=33,title=SP")


def test_single_files(run: Callable[..., Ran], repository: Path) -> None:
    wrong = repository / "wrong.yaml"
    wrong.write_text(WRONG)
    assert run("validate", "policies/gold.yaml").code == 0
    assert run("validate", "policies/gold.yaml", "wrong.yaml").code == 4


def test_other_commands_tell_the_findings_on_stderr(run: Callable[..., Ran], repository: Path) -> None:
    (repository / "policies" / "wrong.yaml").write_text(WRONG)
    for command in ("plan", "apply", "status"):
        ran = run(command)
        assert (ran.code, ran.out) == (4, "")
        assert "policies/wrong.yaml:4:33" in ran.err
