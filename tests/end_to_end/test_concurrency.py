"""Twenty processes apply the same policy at the same moments of a day."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import warm

from snapplan.ids import format_instant, parse_instant

from .repository import Repository

PROCESSES = 20
START = datetime.fromisoformat("2026-11-22T00:00:00Z")
STEP = timedelta(hours=6)
STEPS = [START + STEP * number for number in range(5)]
HOUR = timedelta(hours=1)
POLICY = """\
profiles:
  gold:
    periods:
      hourly: {frequency: hourly, retention: 5h, min_snapshots: 1}
      six-hourly: {cron: "0 */6 * * *", retention: 9h, min_snapshots: 2}
assignments:
  all:
    profile: gold
    targets: [{backend: lab, scope: volume}, {backend: lab, scope: vm}]
"""
TARGETS = ["lab/vm/web", "lab/volume/a", "lab/volume/b"]


def apply_at_once(repository: Repository, now: str) -> None:
    """Run ``PROCESSES`` applies side by side; all must succeed, and none may find the catalog too busy."""
    running = [repository.begin("apply", "--auto-approve", now=now) for _ in range(PROCESSES)]
    ended = [warm.WARM.wait(pid) for pid in running]
    assert [each.returncode for each in ended] == [0] * PROCESSES, ended
    assert not any("is busy" in each.stderr or "database is locked" in each.stderr for each in ended), ended


def check_nothing_expired_early(before: list[dict[str, Any]], after: list[dict[str, Any]], now: datetime) -> None:
    kept = {row["snapshot"] for row in after}
    gone = [row for row in before if row["snapshot"] not in kept]
    assert [row["snapshot"] for row in gone if parse_instant(row["expires_at"]) > now] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_day_of_twenty_processes_at_once(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", policy=POLICY)
    taken: Counter[tuple[str, str, str]] = Counter()
    there: list[dict[str, Any]] = []
    for at in STEPS:
        now = format_instant(at)
        apply_at_once(repository, now)
        rows = repository.snapshots(now)
        check_nothing_expired_early(there, rows, at)
        known = {row["snapshot"] for row in there}
        taken.update((row["target"], row["period"], row["slot"]) for row in rows if row["snapshot"] not in known)
        there = rows
        assert repository.damaged() == []
    slots = {format_instant(at) for at in STEPS}
    wanted = {(target, period, slot) for target in TARGETS for period in ("hourly", "six-hourly") for slot in slots}
    assert taken.keys() == wanted, "each slot that was due at a step was taken"
    assert set(taken.values()) == {1}
    check_the_record(repository, format_instant(STEPS[-1]))


def check_the_record(repository: Repository, now: str) -> None:
    """Each action was done by one run, only what lies between the steps is missed, nobody holds a lock, nothing is left."""
    catalog = json.loads(repository.run("catalog", "export", now=now).stdout)
    assert len(catalog["runs"]) == PROCESSES * len(STEPS)
    assert {run["state"] for run in catalog["runs"]} == {"done"}
    carried_out = [row for row in catalog["journal"] if row["state"] == "done"]
    done = Counter((row["verb"], row["snapshot"]) for row in carried_out if row["snapshot"])
    assert {verb for verb, _ in done} == {"snapshot", "expire"}
    assert set(done.values()) == {1}
    # What was planned while another run did it.
    assert {row["state"] for row in catalog["journal"]} <= {"done", "skipped"}
    missed = Counter((row["target_id"], row["period"], row["slot"]) for row in catalog["missed"])
    between = {format_instant(at - HOUR * back) for at in STEPS[1:] for back in range(1, 6)}
    assert {(period, slot) for _, period, slot in missed} == {("hourly", slot) for slot in between}
    assert len(missed) == len(TARGETS) * len(between)
    assert [lease["backend"] for lease in catalog["leases"] if lease["held"]] == []
    assert repository.leftovers() == []
    repository.run("catalog", "verify", now=now)
