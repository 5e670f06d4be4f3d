"""A simulation says what applying really does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from snapplan.applier.report import ActionResult
from snapplan.clock import NOW_VARIABLE
from snapplan.ids import format_instant
from snapplan.models.plan import Action, Verb
from snapplan.workspace import Workspace

from .repository import Repository

PERIODS = """\
profiles:
  gold:
    timezone: Europe/Berlin
    periods:
      hourly: {frequency: hourly, retention: 24h, min_snapshots: 2}
      daily: {frequency: daily, hour: 2, minute: 30, retention: 3d, min_snapshots: 1}
      weekly: {frequency: weekly, day_of_week: sun, hour: 2, retention: 7d}
      monthly: {frequency: monthly, day_of_month: last, hour: 1, retention: 31d}
      yearly: {frequency: yearly, day_of_month: 1, month: 11, retention: 1y}
assignments:
  volumes: {profile: gold, targets: [{backend: lab, scope: volume, names: [a]}]}
"""
FIELDS = ("at", "verb", "target", "profile", "period", "slot", "snapshot", "expires_at")


class Silent:
    """Progress that nobody reads."""

    def started(self, action: Action) -> None:
        pass

    def planned(self, actions: Sequence[Action]) -> None: ...

    def finished(self, action: Action, result: ActionResult) -> None:
        pass

    def notice(self, text: str) -> None:
        pass


def simulated(repository: Repository, start: str, end: str, every: str) -> dict[str, Any]:
    words = ["simulate", "--targets", "lab/volume/a", "--from", start, "--to", end, "--every", every]
    document: dict[str, Any] = repository.json(*words)
    return document


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_simulation_across_the_autumn_change_equals_really_applying_every_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path / "repository", PERIODS)
    start, end = datetime.fromisoformat("2026-10-23T22:00Z"), datetime.fromisoformat("2026-11-02T06:00Z")
    said = simulated(repository, "2026-10-23T22:00Z", "2026-11-02T06:00Z", "1h")
    events, missed, now = [], [], start
    while now <= end:
        monkeypatch.setenv(NOW_VARIABLE, format_instant(now))
        with Workspace.open(repository.root, writable=True) as workspace:
            plan, report = workspace.apply(observer=Silent())
        assert not report.partial
        document = plan.document()
        events += [
            {**{field: action.get(field) for field in FIELDS}, "at": format_instant(now)}
            for action in document["actions"]
            if action["verb"] in (Verb.SNAPSHOT, Verb.EXPIRE)
        ]
        missed += document["missed"]
        now += timedelta(hours=1)
    assert len(events) > 400
    assert said["events"] == events
    assert said["missed"] == missed
    rows = repository.snapshots(format_instant(end))
    assert {one["snapshot"] for one in said["remaining"]} == {row["snapshot"] for row in rows}


def test_a_simulated_year_has_the_documented_shape(repository: Repository) -> None:
    repository.write_policy(PERIODS)
    document = simulated(repository, "2026-01-01T00:00Z", "2027-01-01T00:00Z", "1h")
    assert list(document) == ["events", "missed", "remaining"]
    assert {tuple(event) for event in document["events"]} == {FIELDS}
    assert {event["verb"] for event in document["events"]} == {"snapshot", "expire"}
    assert document["events"][0] == {
        "at": "2026-01-01T00:00:00Z",
        "verb": "snapshot",
        "target": "lab/volume/a",
        "profile": "gold",
        "period": "hourly",
        "slot": "2026-01-01T00:00:00Z",
        "snapshot": "lab/volume/a@gold.hourly.20260101T0000Z",
        "expires_at": "2026-01-02T00:00:00Z",
    }
    assert json.dumps(document["missed"]) == "[]"
