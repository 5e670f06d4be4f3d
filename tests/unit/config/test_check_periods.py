"""Retention and the gaps between slots, and periods that share slots or names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from unit.config.findings import loaded

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.diagnostics import Diagnostic


def findings(root: Path, *periods: str, timezone: str = "Europe/Zurich", config: str | None = None) -> list[Diagnostic]:
    text = f"profiles:\n  gold:\n    timezone: {timezone}\n    periods:\n"
    text += "".join(f"      p{number}: {{{period}}}\n" for number, period in enumerate(periods))
    text += "assignments: {all: {profile: gold, targets: [{backend: lab, scope: vm}]}}\n"
    return loaded(root, config, a=text).diagnostics


@pytest.mark.parametrize(
    ("period", "timezone", "severity", "gap"),
    [
        ("frequency: daily, hour: 2, retention: 25h, min_snapshots: 0", "Europe/Zurich", "warning", "1d1h"),
        ("frequency: daily, hour: 2, retention: 24h, min_snapshots: 0", "UTC", "warning", "1d"),
        ("frequency: daily, hour: 2, retention: 1d", "Europe/Zurich", "note", "1d1h"),
        ("frequency: hourly, retention: 1h, min_snapshots: 0", "UTC", "warning", "1h"),
        ("frequency: hourly, retention: 90m, min_snapshots: 0", "Australia/Lord_Howe", "warning", "1h30m"),
        ("frequency: weekly, day_of_week: sun, retention: 1w, min_snapshots: 0", "Europe/Zurich", "warning", "7d1h"),
        ("frequency: monthly, day_of_month: 1, retention: 31d", "Europe/Zurich", "note", "31d1h"),
        ("frequency: yearly, month: 1, day_of_month: 1, retention: 1y", "UTC", "note", "366d"),
        ("cron: 0 6 * * MON, retention: 7d, min_snapshots: 0", "UTC", "warning", "7d"),
    ],
)
def test_a_retention_that_leaves_a_hole(period: str, timezone: str, severity: str, gap: str, tmp_path: Path) -> None:
    (found,) = findings(tmp_path, period, timezone=timezone)
    assert (found.code, found.severity) == ("SP209", severity)
    assert gap in found.summary
    assert found.detail
    assert "keep them longer" in found.hint


@pytest.mark.parametrize(
    ("period", "timezone"),
    [
        ("frequency: daily, hour: 2, retention: 26h, min_snapshots: 0", "Europe/Zurich"),
        ("frequency: daily, hour: 2, retention: 25h, min_snapshots: 0", "UTC"),
        ("frequency: hourly, retention: 61m, min_snapshots: 0", "Europe/Zurich"),
        ("frequency: daily, retention: forever", "UTC"),
        ("frequency: custom, at: 2026-12-01T20:00, retention: 1m", "UTC"),
        ("frequency: yearly, month: 2, day_of_month: last, retention: 2y", "UTC"),
        ("cron: 0 0 29 2 *, retention: 9y, min_snapshots: 0", "UTC"),
    ],
)
def test_a_retention_that_bridges_every_gap(period: str, timezone: str, tmp_path: Path) -> None:
    assert findings(tmp_path, period, timezone=timezone) == []


def test_the_hint_is_enough(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "frequency: daily, hour: 2, retention: 1d, min_snapshots: 0")
    enough = found.hint.split("such as ")[1].split(",")[0]
    assert findings(tmp_path, f"frequency: daily, hour: 2, retention: {enough}, min_snapshots: 0") == []


@pytest.mark.parametrize(("minimum", "severity"), [(0, "warning"), (2, "note")])
def test_the_minimum_may_be_a_default(minimum: int, severity: str, tmp_path: Path) -> None:
    config = f"version: 1\nproject: p\nbackends: {{lab: {{driver: memory}}}}\ndefaults: {{min_snapshots: {minimum}}}\n"
    (found,) = findings(tmp_path, "frequency: daily, retention: 1d", config=config)
    assert found.severity == severity


def test_the_time_zone_may_be_a_default(tmp_path: Path) -> None:
    config = "version: 1\nproject: p\nbackends: {lab: {driver: memory}}\ndefaults: {timezone: Europe/Zurich}\n"
    (found,) = findings(tmp_path, "frequency: daily, retention: 25h", timezone="null", config=config)
    assert "Europe/Zurich" in found.summary


def test_two_periods_with_the_same_slots_are_noted(tmp_path: Path) -> None:
    daily = "frequency: daily, hour: 2, retention: 14d"
    (found,) = findings(tmp_path, daily, daily.replace("14d", "30d"), daily.replace("2", "3"))
    assert (found.code, found.severity) == ("SP216", "note")
    assert '"p1"' in found.summary


def test_a_minimum_has_no_effect_on_what_is_kept_forever(tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "frequency: daily, retention: forever, min_snapshots: 3")
    assert (found.code, found.severity) == ("SP224", "note")


def test_grace_goes_with_a_default_of_skip_missed(tmp_path: Path) -> None:
    config = "version: 1\nproject: p\nbackends: {lab: {driver: memory}}\ndefaults: {skip_missed: true}\n"
    period = "frequency: daily, retention: 14d, grace: 2h"
    assert findings(tmp_path, period, config=config) == []
    assert [found.code for found in findings(tmp_path, period)] == ["SP224"]
    assert [found.code for found in findings(tmp_path, f"{period}, skip_missed: false", config=config)] == ["SP224"]


@pytest.mark.parametrize(
    "zone", ["EST5EDTX", "Europe/Zurihc", "zurich", "europe/zurich", "../../etc/passwd", "CEST", ""]
)
def test_a_zone_that_is_not_there(zone: str, tmp_path: Path) -> None:
    (found,) = findings(tmp_path, "frequency: daily, retention: 14d", timezone=f"'{zone}'")
    assert found.code == "SP204"
    assert found.hint
