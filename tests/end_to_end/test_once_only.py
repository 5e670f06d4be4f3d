"""Every slot is taken exactly once, however often, from wherever and however violently apply is run."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import warm

from snapplan.ids import format_instant

from .repository import NOW, Repository

KILLS = 30


def identities(repository: Repository, now: str) -> Counter[tuple[str, str, str]]:
    return Counter((row["target"], row["period"], row["slot"]) for row in repository.snapshots(now) if row["slot"])


def test_ten_applies_at_once_take_nothing_twice(repository: Repository) -> None:
    running = [repository.begin("apply", "--auto-approve") for _ in range(10)]
    ended = [warm.WARM.wait(pid) for pid in running]
    assert [each.returncode for each in ended] == [0] * 10, ended
    taken = identities(repository, NOW)
    assert len(taken) == 5
    assert set(taken.values()) == {1}


def test_a_second_apply_in_the_same_minute_takes_nothing(repository: Repository) -> None:
    repository.apply()
    before = repository.snapshots()
    again = repository.apply("2026-11-22T12:00:30Z")
    assert "Nothing to do" in again.stdout
    assert [row["snapshot"] for row in repository.snapshots()] == [row["snapshot"] for row in before]
    due = repository.run("plan", "--detailed-exitcode", now="2026-11-22T12:00:30Z")
    assert "next due 13:00:00Z" in due.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_random_moments_every_slot_is_still_taken_exactly_once(tmp_path: Path) -> None:
    rng = random.Random(20261122)
    repository = Repository(tmp_path / "repository")
    for number in range(120):
        repository.write(f"volumes/a/{number}", "x" * 5_000)
    at = datetime.fromisoformat(NOW)
    repository.apply()
    seconds = _duration_of_an_apply(repository, at)
    at += timedelta(hours=1)
    mid_run = 0
    for _ in range(KILLS):
        at += timedelta(hours=1)
        now = format_instant(at)
        process = repository.begin("apply", "--auto-approve", now=now)
        time.sleep(rng.uniform(0.0, 0.9) * seconds)
        os.kill(process, signal.SIGKILL)
        mid_run += warm.WARM.wait(process).returncode == -signal.SIGKILL
        assert repository.damaged() == []
        assert all(count == 1 for count in identities(repository, now).values())
        repository.apply(now)
        taken = identities(repository, now)
        assert all(count == 1 for count in taken.values())
        wanted = {(target, "hourly", format_instant(at)) for target, _, _ in taken}
        assert wanted <= taken.keys(), "the newest slot of every target is there"
        assert len(wanted) == 5
        assert repository.damaged() == []
    assert mid_run >= KILLS // 2, f"only {mid_run} of {KILLS} kills hit a running apply"
    repository.apply(format_instant(at))
    assert repository.leftovers() == []


def _duration_of_an_apply(repository: Repository, at: datetime) -> float:
    from snapplan.clock import monotonic

    began = monotonic()
    repository.apply(format_instant(at + timedelta(hours=1)))
    return monotonic() - began


def test_a_lost_catalog_is_rebuilt_and_the_plan_is_empty(repository: Repository) -> None:
    repository.apply()
    for file in repository.root.glob("catalog.db*"):
        file.unlink()
    repository.run("catalog", "rebuild")
    planned = repository.run("plan", "--detailed-exitcode")
    assert planned.stdout.startswith("Nothing to do.")


def test_a_plan_that_finds_no_catalog_rebuilds_it_and_says_so(repository: Repository) -> None:
    repository.apply()
    for file in repository.root.glob("catalog.db*"):
        file.unlink()
    planned = repository.run("plan", "--detailed-exitcode")
    assert "SP442" in planned.stdout + planned.stderr
    assert "Nothing to do." in planned.stdout
