"""A target that may still be frozen is no success: exit codes, the journal, plan and status, until a thaw worked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Ran

CONFIG = """\
version: 1
project: demo
catalog: sqlite:///catalog.db
backends:
  lab:
    driver: directory
    root: lab
    quiesce_commands: {"volume/a": {freeze: ["FREEZE"], thaw: [test, -e, repaired], timeout: 20s}}
"""
POLICY = """\
profiles: {gold: {periods: {daily: {frequency: daily, hour: 1, retention: 7d, quiesce: MODE}}}}
assignments: {all: {profile: gold, targets: [{backend: lab, scope: volume}]}}
"""
LEFT = "may still be frozen"


@pytest.fixture
def frozen(repository: Path) -> Callable[[str, str], None]:
    """Return what sets the freeze command and the mode; the thaw command fails until ``repaired`` is there."""

    def use(freeze: str, mode: str) -> None:
        (repository / "snapplan.yaml").write_text(CONFIG.replace("FREEZE", freeze))
        for file in (repository / "policies").iterdir():
            file.unlink()
        (repository / "policies" / "p.yaml").write_text(POLICY.replace("MODE", mode))

    return use


def test_a_target_that_does_not_thaw_is_shown_until_a_thaw_worked(
    run: Callable[..., Ran], repository: Path, frozen: Callable[[str, str], None]
) -> None:
    frozen("true", "require")
    first = run("apply", "--auto-approve")
    assert first.code == 7
    assert f"attention: the thaw command of lab/volume/a ended with exit code 1; the target {LEFT}" in first.out
    assert "1 snapshot taken" in first.out, "the snapshot is good all the same"

    assert LEFT in run("show", "run", "1").out
    shown = json.loads(run("show", "run", "1", "--format", "json").out)
    assert shown["state"] == "partial"
    assert [LEFT in " ".join(row["notices"]) for row in shown["journal"] if row["verb"] == "snapshot"] == [True]
    status = run("status", "--detailed-exitcode")
    assert status.code == 8
    assert "attention SP449" in status.out
    assert run("status").code == 0
    assert "warning[SP449]" in run("plan").out

    again = run("apply", "--auto-approve")
    assert again.code == 7, "nothing to do but the thaw, which failed again"
    assert LEFT in run("show", "run", "2").out

    (repository / "repaired").touch()
    assert run("apply", "--auto-approve").code == 0
    assert "thawed lab/volume/a, which could not be thawed before" in run("show", "run", "3").out
    assert run("status", "--detailed-exitcode").code == 0
    assert run("catalog", "verify").code == 0, "the notices are part of the record"


@pytest.mark.parametrize("mode", ["require", "prefer"])
def test_a_freeze_that_failed_half_way_counts_too(
    run: Callable[..., Ran], frozen: Callable[[str, str], None], mode: str
) -> None:
    frozen("false", mode)
    assert run("apply", "--auto-approve").code == 7
    assert LEFT in run("show", "run", "1").out
    assert run("status", "--detailed-exitcode").code == 8


def test_a_freeze_command_that_is_not_there_froze_nothing(
    run: Callable[..., Ran], frozen: Callable[[str, str], None]
) -> None:
    frozen("/no/such/program", "prefer")
    assert run("apply", "--auto-approve").code == 0
    assert "not quiesced: the freeze command of lab/volume/a cannot be run" in run("show", "run", "1").out
    assert run("status", "--detailed-exitcode").code == 0
