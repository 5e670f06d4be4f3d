from __future__ import annotations

from typing import Any

from snapplan.models.plan import Impact, plain

from .lab import DAILY, lab


def impact(**case: Any) -> dict[str, dict[str, Any]]:
    found: tuple[Impact, ...] = lab(**case).plan().impact
    return {one.target: {name: plain(getattr(one, name)) for name in ("newest", "oldest", "count")} for one in found}


def test_a_first_snapshot_makes_the_newest_and_the_oldest() -> None:
    assert impact(new=True) == {
        "lab/volume/a": {
            "newest": [None, "2026-11-22T12:00:00Z"],
            "oldest": [None, "2026-11-22T12:00:00Z"],
            "count": [0, 1],
        }
    }


def test_an_expiry_moves_the_oldest() -> None:
    found = impact(snapshots=["daily.20261121T0200Z", "daily.20261119T0200Z"])
    assert found["lab/volume/a"] == {
        "newest": ["2026-11-21T02:00:00Z", "2026-11-22T12:00:00Z"],
        "oldest": ["2026-11-19T02:00:00Z", "2026-11-21T02:00:00Z"],
        "count": [2, 2],
    }


def test_a_target_that_loses_its_last_snapshot_shows_none_after() -> None:
    policy = {"daily": {**DAILY["daily"], "min_snapshots": 0}}
    found = impact(policy=policy, snapshots=["daily.20261119T0200Z"], nothing_due=True)
    assert found["lab/volume/a"]["newest"] == ["2026-11-19T02:00:00Z", None]
    assert found["lab/volume/a"]["count"] == [1, 0]


def test_all_periods_profiles_and_manual_snapshots_of_a_target_count() -> None:
    snapshots = [
        "daily.20261121T0200Z",
        {"snapshot": "silver.weekly.20261101T0000Z", "retention": "90d"},
        {"snapshot": "manual.x", "taken": "2026-10-01T00:00Z", "expires": "never"},
    ]
    assert impact(snapshots=snapshots)["lab/volume/a"] == {
        "newest": ["2026-11-21T02:00:00Z", "2026-11-22T12:00:00Z"],
        "oldest": ["2026-10-01T00:00:00Z", "2026-10-01T00:00:00Z"],
        "count": [3, 4],
    }


def test_foreign_incomplete_and_future_dated_snapshots_are_no_restore_points() -> None:
    snapshots = [
        "daily.20261121T0200Z",
        {"snapshot": "lab/volume/a@by-hand", "foreign": True, "taken": "2026-01-01T00:00Z"},
        {"snapshot": "daily.20261120T0200Z", "complete": False, "run": "live"},
        {"snapshot": "daily.20261110T0200Z", "taken": "2027-01-01T00:00Z"},
    ]
    assert impact(snapshots=snapshots, live_runs=["live"])["lab/volume/a"]["count"] == [1, 2]


def test_targets_that_neither_gain_nor_lose_are_left_out() -> None:
    snapshots = ["daily.20261122T0200Z", "lab/volume/b@daily.20261121T0200Z"]
    assert impact(snapshots=snapshots, targets=["lab/volume/a", "lab/volume/b"]).keys() == {"lab/volume/b"}


def test_a_renamed_target_is_one_row_under_its_new_name() -> None:
    snapshots = ["daily.20261121T0200Z", "daily.20261118T0200Z"]
    found = impact(targets=[{"target": "lab/volume/new", "id": "volume/a"}], snapshots=snapshots)
    assert found.keys() == {"lab/volume/new"}
    assert found["lab/volume/new"]["count"] == [2, 2]
    assert found["lab/volume/new"]["oldest"] == ["2026-11-18T02:00:00Z", "2026-11-21T02:00:00Z"]
