"""What goes wrong is said, stops only what depends on it, and is made good by the next run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

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
    policy = QUIESCED.replace("scope: vm}", "scope: vm}, {backend: lab, scope: tenant}")
    ready = tmp_path / "frozen"
    config = with_freeze(f"/bin/sh, -c, 'touch {ready}; while [ -e {ready} ]; do :; done'")
    repository = Repository(tmp_path / "repository", policy, config.replace("'vm/*'", "'vm/web'"))
    process = repository.start("apply", "--auto-approve")
    while not ready.exists():
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    ready.unlink()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    (repository.root / "snapplan.yaml").write_text(with_freeze("'true'"))
    repository.apply("2026-11-22T12:10:00Z", None)
    assert repository.damaged() == []
    assert [row["state"] for row in repository.snapshots("2026-11-22T12:10:00Z")].count("incomplete") == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_plan_needs_to_write_nothing(repository: Repository) -> None:
    repository.apply()
    repository.root.chmod(0o755)
    for folder in (repository.root, *repository.root.parents):
        if folder.owner() == "root" and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    (repository.root / "catalog.db").chmod(0o644)
    before = {path: path.stat().st_mtime_ns for path in repository.root.rglob("*")}
    planned = repository.run("plan", now=LATER, user=65534, group=65534, env={"HOME": "/nonexistent"})
    assert "5 to snapshot" in planned.stdout
    after = {path: path.stat().st_mtime_ns for path in repository.root.rglob("*")}
    assert after == before
