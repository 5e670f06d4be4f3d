"""What happens where nobody reads what a command prints: protection does not depend on a log, consent does on a plan."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .repository import COMMAND, NOW, Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def piped(repository: Repository, line: str) -> int:
    """Run a line of bash, in which snapplan comes first, and return snapplan's exit code."""
    environment = {**os.environ, "SNAPPLAN_NOW": NOW, "SNAPPLAN_SECOND_CLOCK": NOW, "SNAPPLAN": str(COMMAND)}
    script = f"$SNAPPLAN {line}; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(
        ["bash", "-c", script], cwd=repository.root, env=environment, stdin=subprocess.DEVNULL, timeout=120, check=False
    )
    return ran.returncode


@pytest.mark.parametrize("line", ["apply --auto-approve | true", "apply --auto-approve 2>&1 | true"])
def test_an_apply_that_asks_nobody_does_its_work_without_a_reader(repository: Repository, line: str) -> None:
    assert piped(repository, line) == 0
    assert len(repository.snapshots()) == 5


def test_the_account_of_a_saved_plan_needs_no_reader_either(repository: Repository) -> None:
    repository.run("plan", "--out", "plan.json")
    assert piped(repository, "apply plan.json --format json | true") == 0
    assert len(repository.snapshots()) == 5


def test_what_somebody_asked_to_see_fails_without_a_word(repository: Repository) -> None:
    assert piped(repository, "plan | true") == 1


@pytest.mark.parametrize("name", ["SNAPPLAN_NOW", "SNAPPLAN_SECOND_CLOCK"])
def test_a_clock_that_is_set_to_no_instant_is_a_wrong_command_line(repository: Repository, name: str) -> None:
    ran = repository.run("plan", env={name: "foo"}, expect=64)
    assert f"{name} holds no instant" in ran.stderr
    assert "should not happen" not in ran.stderr


def test_the_clock_is_not_set_without_a_reason(repository: Repository) -> None:
    assert "recorded why" in repository.run("catalog", "clock", "--set", "--reason", "  ", expect=64).stderr


def test_a_run_names_the_profiles_that_it_recorded(repository: Repository) -> None:
    repository.apply()
    journal = repository.json("show", "run", "1")["journal"]
    assert [row["target"] for row in journal if row["verb"] == "profile"] == ["gold"]
    lines = [line.split()[2:] for line in repository.run("show", "run", "1").stdout.splitlines()]
    assert ["profile", "gold"] in lines
