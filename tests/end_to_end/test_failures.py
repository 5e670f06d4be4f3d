"""What goes wrong is said, stops only what depends on it, and is made good by the next run."""

from __future__ import annotations

import os
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from snapplan.workspace import Workspace

from .repository import CONFIG, Repository

LATER = "2026-11-22T13:05:00Z"
QUIESCED = """\
profiles:
  gold: {periods: {hourly: {frequency: hourly, retention: 3h, quiesce: require}}}
  plain: {periods: {hourly: {frequency: hourly, retention: 3h}}}
assignments:
  quiesced: {profile: gold, targets: [{backend: lab, scope: vm}]}
  volumes: {profile: plain, targets: [{backend: lab, scope: volume}]}
"""


def with_freeze(freeze: str) -> str:
    commands = f"{{freeze: [{freeze}], thaw: ['true'], timeout: 5s}}"
    return CONFIG.replace("root: data}", f"root: data, quiesce_commands: {{'vm/*': {commands}}}}}")


def test_one_failure_stops_only_itself_and_the_next_run_makes_it_good(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", QUIESCED, with_freeze("'false'"))
    failed = repository.apply(expect=7)
    assert "lab/vm/web" in failed.stdout
    assert "1 failed" in failed.stdout
    assert [row["target"] for row in repository.snapshots()] == ["lab/volume/a", "lab/volume/b"]
    (repository.root / "snapplan.yaml").write_text(with_freeze("'true'"))
    repository.apply("2026-11-22T12:10:00Z")
    [row] = [row for row in repository.snapshots("2026-11-22T12:10:00Z") if row["target"] == "lab/vm/web"]
    assert row["quiesced"] is True
    assert row["slot"] == "2026-11-22T12:00:00Z"


def test_a_backend_that_does_not_answer_is_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    config = CONFIG.replace("backends:\n", "backends:\n  gone: {driver: directory, root: nowhere}\n")
    repository = Repository(tmp_path / "repository", config=config)
    applied = repository.apply(expect=1)
    assert "gone" in applied.stdout + applied.stderr
    assert len(repository.snapshots()) == 5


def test_a_backend_that_goes_away_loses_nothing(repository: Repository) -> None:
    repository.apply()
    repository.data.rename(repository.root / "elsewhere")
    repository.apply(LATER, expect=1)
    (repository.root / "elsewhere").rename(repository.data)
    planned = repository.json("plan", now=LATER)
    assert planned["drift"] == []
    assert {action["verb"] for action in planned["actions"]} == {"snapshot"}


def test_wrong_words_exit_64_and_wrong_files_4(repository: Repository) -> None:
    repository.run("plan", "--no-such-option", expect=64)
    repository.run("no-such-command", expect=64)
    repository.write_policy("profiles: {gold: {periods: {daily: {frequency: daily, retenion: 3d}}}}\n")
    said = repository.run("plan", expect=4)
    assert "policies/policy.yaml:1:" in said.stderr + said.stdout


def test_changes_pending_exit_2_when_asked_for(repository: Repository) -> None:
    repository.run("plan", expect=0)
    repository.run("plan", "--detailed-exitcode", expect=2)


def test_nobody_is_asked_without_a_terminal(repository: Repository) -> None:
    said = repository.run("apply", expect=3)
    assert "--auto-approve" in said.stderr
    assert repository.snapshots() == []


def test_an_interrupt_ends_with_130_and_the_next_run_completes(tmp_path: Path) -> None:
    ready = tmp_path / "frozen"
    config = with_freeze(f"/bin/sh, -c, 'touch {ready}; while [ -e {ready} ]; do :; done'").replace(
        "root: data,", "root: data, parallel: 1,"
    )
    repository = Repository(tmp_path / "repository", QUIESCED, config)
    process = repository.start("apply", "--auto-approve")
    while not ready.exists():
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    heard = ""
    while "Interrupted" not in heard:
        heard = process.stderr.readline()
        assert heard, "the interrupt was not heard"
    ready.unlink()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    (repository.root / "snapplan.yaml").write_text(with_freeze("'true'"))
    repository.apply("2026-11-22T12:10:00Z")
    assert repository.damaged() == []
    assert [row["state"] for row in repository.snapshots("2026-11-22T12:10:00Z")] == ["complete"] * 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_plan_needs_to_write_nothing(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.apply()
    for folder in (repository.root, *repository.root.parents):
        if len(folder.parts) > 2:
            folder.chmod(0o755)
    subprocess.run(["chmod", "-R", "a+rX", str(repository.root)], check=True)
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    before = _times(repository)
    assert _planned(repository) == 5  # also loads everything that a later plan as somebody else could not read
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        os.write(writing, str(_planned(repository)).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"5"
    os.close(reading)
    assert _times(repository) == before


def _planned(repository: Repository) -> int:
    with Workspace.open(repository.root, writable=False) as workspace:
        return workspace.plan(datetime.fromisoformat(LATER)).summary.snapshot


def _times(repository: Repository) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in repository.data.rglob("*")}
