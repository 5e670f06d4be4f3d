"""A year of platform scheduling and a year of ``snapplan simulate`` agree, apart from the differences that are listed.

Both replay one policy in steps of an hour: snapplan's planner from nothing, and the simulator's scheduler, in process
(setting up 30,000 snapshots over HTTPS would show nothing more). Compared are, for each target and period, the slots that
were taken, the expiration of each snapshot, the hour at which it was gone, and so what remains.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from snapplan.devtools.vergeos.rules import events, service

from .year_explained import KNOWN, explanations, unexplained
from .year_lives import HOUR, START, Lives, differences
from .year_ours import replayed
from .year_platform import apply, begun, schedule, scheduled

PAGE = Path(__file__).parent.parent.parent / "docs" / "explain" / "platform-schedule.md"
PLAIN: dict[str, Any] = {
    "hourly": {"frequency": "hourly", "retention": "24h"},
    "three": {"frequency": "daily", "hour": 2, "retention": "14d", "min_snapshots": 3},
    "fleeting": {"frequency": "daily", "hour": 5, "retention": "12h", "min_snapshots": 0},
    "held": {"frequency": "daily", "hour": 6, "retention": "12h", "min_snapshots": 1},
    "held-3": {"frequency": "daily", "hour": 7, "retention": "1d", "min_snapshots": 3},
    "weekly": {"frequency": "weekly", "day_of_week": "sun", "hour": 3, "retention": "31d"},
    "weekly-0": {"frequency": "weekly", "day_of_week": "wed", "hour": 3, "retention": "10d", "min_snapshots": 0},
    "day-31": {"frequency": "monthly", "day_of_month": 31, "hour": 4, "retention": "60d"},
    "held-months": {"frequency": "monthly", "day_of_month": 1, "retention": "20d", "min_snapshots": 3},
    "leap": {"frequency": "yearly", "month": 2, "day_of_month": 29, "hour": 1, "retention": "forever"},
    "tax": {"frequency": "yearly", "month": 4, "day_of_month": 15, "retention": "90d", "min_snapshots": 0},
}
"""All at full hours, when the runs are too."""
BETWEEN: dict[str, Any] = {
    "short": {"frequency": "hourly", "minute": 15, "retention": "90m", "min_snapshots": 0},
    "odd": {"frequency": "hourly", "minute": 20, "retention": "36h", "min_snapshots": 3},
    "skipped": {"frequency": "daily", "hour": 2, "minute": 30, "retention": "3d", "min_snapshots": 2},
    "held-odd": {"frequency": "daily", "hour": 6, "minute": 30, "retention": "12h"},
    "sundays": {"frequency": "weekly", "day_of_week": "sun", "hour": 2, "minute": 30, "retention": "5w"},
    "lasting": {"frequency": "monthly", "day_of_month": 30, "minute": 59, "hour": 23, "retention": "365d"},
}
"""Between the runs, and in the hours that summer time skips and repeats."""
PLAINLY = {"vm/web-01": "plain", "volume/shared": "plain", "cloud": "plain"}


def calm(periods: dict[str, Any]) -> dict[str, Any]:
    """Return the periods that take little: two hourly ones in a test are enough to take its time."""
    return {name: period for name, period in periods.items() if period["frequency"] != "hourly"}


def policy(profiles: dict[str, Any], targets: dict[str, str], **more: Any) -> str:
    """Return the policy file, with ``more`` keys of each assignment; JSON is YAML."""
    assignments = {}
    for target, profile in targets.items():
        scope, _, name = target.partition("/")
        selector = {"backend": "dc1", "scope": scope, **({"names": [name]} if name else {})}
        assignments[target.replace("/", "-")] = {"profile": profile, "targets": [selector], **more}
    return json.dumps({"profiles": profiles, "assignments": assignments})


def profiles(zone: str = "UTC", initial: str = "immediate", **periods: Any) -> dict[str, Any]:
    return {name: {"timezone": zone, "initial": initial, "periods": given} for name, given in periods.items()}


def remaining(lives: Lives) -> set[Any]:
    return {wish for wish, life in lives.items() if life.gone_at is None and wish.slot != START}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_year_in_utc_differs_in_the_first_snapshot_alone(tmp_path: Path) -> None:
    targets, given = {**PLAINLY, "volume/shared": "calm"}, profiles(plain=PLAIN, calm=calm(PLAIN))
    ours = replayed(tmp_path, policy(given, targets), list(targets))
    theirs = scheduled(begun(given, targets))

    assert unexplained(ours, theirs, ["The first snapshot"]) == []
    assert len(list(differences(ours, theirs))) == 2 * len(PLAIN) + len(calm(PLAIN))
    assert remaining(ours) == remaining(theirs)
    counts = Counter(wish.period for wish in theirs if wish.target == "cloud")
    assert counts["hourly"] == 365 * 24
    assert counts["day-31"] == 12
    assert counts["leap"] == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_year_with_summer_time_differs_as_listed(tmp_path: Path) -> None:
    targets = {**PLAINLY, "cloud": "calm", "vm/web-02": "between", "volume/other": "rarely"}
    all_of_them = {"plain": PLAIN, "calm": calm(PLAIN), "between": BETWEEN, "rarely": calm(BETWEEN)}
    given = profiles("Europe/Berlin", **all_of_them)
    ours = replayed(tmp_path, policy(given, targets), list(targets))
    theirs = scheduled(begun(given, targets, time_zone="Europe/Berlin", timings={}))

    assert unexplained(ours, theirs, KNOWN) == []
    found = Counter(explanations(ours, theirs))
    assert found.keys() == KNOWN.keys()
    assert found["The first snapshot"] == sum(len(all_of_them[profile]) for profile in targets.values())
    # The daily and the weekly period at 02:30, of two targets, here and there.
    assert found["Times in the hour that spring skips"] == 8
    # 24 hours of the day on which an hour comes twice, and 23 of that which lacks one.
    for period in ("hourly", "odd"):
        hours = [
            wish.slot for wish in theirs if wish.period == period and wish.target in ("volume/shared", "vm/web-02")
        ]
        assert len(hours) == len(set(hours)) == 365 * 24


def test_without_a_first_snapshot_a_month_does_not_differ_at_all(tmp_path: Path) -> None:
    given, end = profiles("Europe/Berlin", "next_slot", plain=PLAIN), START + timedelta(days=31)
    ours = replayed(tmp_path, policy(given, PLAINLY), list(PLAINLY), end)

    assert ours == scheduled(begun(given, PLAINLY, time_zone="Europe/Berlin"), end)
    assert len(ours) > 31 * 24 * 3


def test_a_guess_that_months_without_a_day_31_are_skipped(tmp_path: Path) -> None:
    targets, days = {"vm/web-01": "days", "cloud": "days"}, {"day-31": {**PLAIN["day-31"], "min_snapshots": 0}}
    given = profiles("UTC", "next_slot", days=days)
    ours = replayed(tmp_path, policy(given, targets), list(targets))
    theirs = scheduled(begun(given, targets, switches={"short_months": "skip"}))

    missing = [(found.wish.slot.month, found.theirs) for found in differences(ours, theirs)]
    assert missing == [(month, None) for month in (2, 4, 6, 9, 11) for _ in targets]
    assert ours == scheduled(begun(given, targets))


def test_a_guess_that_times_are_in_utc(tmp_path: Path) -> None:
    targets, days = {"vm/web-01": "days"}, {"three": PLAIN["three"]}
    utc, berlin = (profiles(zone, "next_slot", days=days) for zone in ("UTC", "Europe/Berlin"))
    theirs = scheduled(begun(berlin, targets, time_zone="Europe/Berlin", switches={"period_time_zone": "utc"}))

    assert replayed(tmp_path / "utc", policy(utc, targets), list(targets)) == theirs
    ours = replayed(tmp_path / "berlin", policy(berlin, targets), list(targets))
    assert not {wish.slot for wish in ours} & {wish.slot for wish in theirs}


def test_before_26_1_2_one_of_two_periods_that_are_due_together_runs(tmp_path: Path) -> None:
    targets = {"vm/web-01": "days"}
    both = {name: {**PLAIN[name], "hour": 4, "min_snapshots": 0} for name in ("fleeting", "three", "weekly-0")}
    given, end = profiles("UTC", "next_slot", days=both), START + timedelta(days=60)
    ours = replayed(tmp_path, policy(given, targets), list(targets), end)
    theirs = scheduled(begun(given, targets, version="26.1.1"), end)

    taken = Counter(wish.slot for wish in theirs)
    assert taken.keys() == {wish.slot for wish in ours}
    assert set(taken.values()) == {1}
    assert {wish: life for wish, life in ours.items() if wish in theirs} == theirs
    assert ours == scheduled(begun(given, targets, version="26.1.2"), end)


def test_the_platform_stops_at_a_thousand_snapshots_of_a_volume(tmp_path: Path) -> None:
    targets = {"volume/shared": "many"}
    given = profiles("UTC", "next_slot", many={"hourly": {"frequency": "hourly", "retention": "1100h"}})
    end = START + 1200 * HOUR
    ours = replayed(tmp_path, policy(given, targets), list(targets), end)
    theirs = scheduled(begun(given, targets), end)

    missing = [found.wish.slot for found in differences(ours, theirs) if found.theirs is None]
    assert missing == [START + number * HOUR for number in range(1001, 1101)]
    assert len(list(differences(ours, theirs))) == len(missing)


def test_a_changed_minimum_reaches_the_existing_snapshots_of_vms_and_not_those_of_the_system() -> None:
    targets, days = {"vm/web-01": "days", "cloud": "days"}, {"held-3": PLAIN["held-3"]}
    system = begun(profiles(days=days), targets)
    events.advance(system, int((START + timedelta(days=10)).timestamp()))
    key = next(iter(system.store.rows("snapshot_profile_periods")))
    service.answer(system, service.Request("PUT", ("snapshot_profile_periods", str(key)), {}, {"min_snapshots": 1}))
    events.advance(system, int((START + timedelta(days=11)).timestamp()))

    assert len(system.store.rows("machine_snapshots")) == 1
    assert len(system.store.rows("cloud_snapshots")) == 3


def test_the_platform_names_by_its_own_time_and_numbers_what_has_the_same() -> None:
    hours = {"hourly": {**PLAIN["hourly"], "retention": "40d"}, "three": PLAIN["three"]}
    begin = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
    system = begun(profiles(days=hours), {"vm/web-01": "days"}, time_zone="Europe/Berlin", now=begin)
    events.advance(system, int(begin.timestamp()) + 3 * 3600)

    names = [row["name"] for row in system.store.rows("machine_snapshots").values()]
    hour = "hourly_20261025_0200"
    assert sorted(names) == ["hourly_20261025_0100", hour, f"{hour} (1)", "three_20261025"]


def test_apply_sets_the_platform_up_as_these_tests_do(tmp_path: Path) -> None:
    targets = {**PLAINLY, "vm/web-02": "between"}
    given = profiles("Europe/Berlin", plain=PLAIN, between=BETWEEN)
    shipped = {"time_zone": "Europe/Berlin", "shipped_profiles": True, "system_profile": "System Snapshots"}
    by_hand = begun(given, targets, **shipped)
    applied = begun({}, dict.fromkeys(targets, ""), **shipped)
    assert schedule(applied) != schedule(by_hand)
    apply(applied, tmp_path, policy(given, targets, schedule="platform", take_over=True))

    assert schedule(applied) == schedule(by_hand)
    assert {profile for profile, _ in schedule(applied)[0]} >= {"plain", "between"}


def test_every_difference_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    listed = page.split("\n## Differences in the year\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (.+)$", listed, re.MULTILINE) == list(KNOWN)


def test_a_difference_that_is_not_known_is_found() -> None:
    system = begun(profiles(days={"three": PLAIN["three"]}), {"vm/web-01": "days"})
    theirs = scheduled(system, START + timedelta(days=40))
    wish = next(iter(theirs))
    life = theirs[wish]
    assert life.expires_at is not None
    assert life.gone_at is not None
    ours = {**theirs, wish: life._replace(expires_at=life.expires_at + HOUR)}
    assert [found.wish for found in unexplained(ours, theirs, KNOWN)] == [wish]
    ours = {**theirs, wish: life._replace(gone_at=life.gone_at - HOUR)}
    assert [found.wish for found in unexplained(ours, theirs, KNOWN)] == [wish]
    ours = {each: life for each, life in theirs.items() if each != wish}
    assert [found.wish for found in unexplained(ours, theirs, KNOWN)] == [wish]
