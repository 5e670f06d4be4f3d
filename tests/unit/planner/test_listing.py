from __future__ import annotations

from typing import Any

import pytest

from snapplan.planner.listing import listed, snapshot_rows

from .lab import DAILY, NOW, lab

PIN = {"owner": "ann", "reason": "audit"}


def states(*snapshots: Any, **case: Any) -> dict[str, str]:
    made = lab(snapshots=list(snapshots), **case)
    return {one.snapshot.name: one.state for one in listed(made.policy, made.world, made.now)}


def rows(*snapshots: Any, **case: Any) -> dict[str, dict[str, Any]]:
    made = lab(snapshots=list(snapshots), **case)
    return {row["name"]: row for row in snapshot_rows(made.policy, made.world, made.now)}


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        ({"foreign": True}, "foreign"),
        ({"project": "other"}, "foreign"),
        ({"managed": True}, "managed"),
        ({"managed": True, "foreign": True}, "managed"),
        ({"managed": True, "project": "other"}, "managed"),
        ({"complete": False, "locked_until": "2027-01-01T00:00Z"}, "incomplete"),
        ({"taken": "2027-01-01T00:00Z", "complete": False}, "incomplete"),
        ({"taken": "2027-01-01T00:00Z", "locked_until": "2028-01-01T00:00Z"}, "future"),
        ({"locked_until": "2027-01-01T00:00Z"}, "locked"),
        ({"locked_until": NOW}, "held"),
        ({}, "held"),
        ({"expires": "2027-01-01T00:00Z"}, "complete"),
        ({"pin": PIN}, "complete"),
    ],
)
def test_the_first_state_that_holds_counts(snapshot: dict[str, Any], state: str) -> None:
    fields = {"snapshot": "lab/volume/a@gold.daily.20261101T0200Z", "taken": "2026-11-01T02:00Z", **snapshot}
    assert states(fields) == {"gold.daily.20261101T0200Z": state}


def test_an_orphan_that_its_minimum_holds_is_held_before_it_is_an_orphan() -> None:
    over = {"snapshot": "old.20260101T0200Z", "retention": "2d", "minimum": 1}
    young = {"snapshot": "new.20261122T0200Z", "retention": "2d", "minimum": 1}
    assert states(over, young) == {"gold.old.20260101T0200Z": "held", "gold.new.20261122T0200Z": "orphan"}


def test_a_manual_snapshot_is_an_orphan_when_its_target_is_gone_and_not_when_its_entry_is() -> None:
    here = {"snapshot": "manual.x", "taken": "2026-11-22T00:00Z", "expires": "never"}
    gone = {"snapshot": "lab/volume/gone@manual.y", "taken": "2026-11-22T00:00Z", "expires": "never"}
    assert states(here, gone) == {"manual.x": "complete", "manual.y": "orphan"}


def test_rows_carry_what_scripts_read() -> None:
    [row] = rows({"snapshot": "daily.20261122T0200Z", "pin": PIN}).values()
    assert row == {
        "target": "lab/volume/a",
        "snapshot": "lab/volume/a@gold.daily.20261122T0200Z",
        "name": "gold.daily.20261122T0200Z",
        "profile": "gold",
        "period": "daily",
        "slot": "2026-11-22T02:00:00Z",
        "created_at": "2026-11-22T02:00:00Z",
        "completed_at": "2026-11-22T02:00:00Z",
        "expires_at": "2026-11-24T02:00:00Z",
        "state": "complete",
        "owned": True,
        "pinned": True,
        "quiesced": None,
        "reason": "pinned by ann: audit (without the pin: expires in 1d14h)",
    }


def test_rows_of_foreign_snapshots_say_whose_they_are() -> None:
    found = rows(
        {"snapshot": "daily.20261122T0200Z", "project": "other"},
        {"snapshot": "lab/volume/a@by-hand", "foreign": True, "taken": "2026-11-01T00:00Z"},
    )
    assert found["gold.daily.20261122T0200Z"]["reason"] == "of project other; never changed, never expired"
    assert found["by-hand"]["reason"] == "no mark of this project; never changed, never expired"
    assert {row["owned"] for row in found.values()} == {False}


def test_anothers_pin_is_not_shown_as_ours() -> None:
    assert (
        rows({"snapshot": "daily.20261122T0200Z", "project": "other", "pin": PIN})["gold.daily.20261122T0200Z"][
            "pinned"
        ]
        is False
    )


@pytest.mark.parametrize(("until", "pinned"), [("2026-11-22T12:01Z", True), (NOW, False)])
def test_a_pin_that_ended_is_no_pin(until: str, pinned: bool) -> None:
    [row] = rows({"snapshot": "daily.20261122T0200Z", "pin": {**PIN, "until": until}}).values()
    assert row["pinned"] is pinned


@pytest.mark.parametrize(
    ("snapshot", "reason"),
    [
        ({"expires": "never"}, "kept for ever"),
        ({"expires": "2026-11-22T13:30Z"}, "expires in 1h30m"),
        ({}, "18d10h over, held: 1st of 1"),
        ({"complete": False, "run": "live"}, "run live is taking it"),
        ({"complete": False, "run": "dead"}, "incomplete, and the run that took it is over"),
        ({"in_use": "clone web-02"}, "in use: clone web-02 (18d10h over)"),
        ({"locked_until": "2026-12-01T00:00Z"}, "locked by the platform until 2026-12-01 00:00Z (18d10h over)"),
        (
            {"pin": {**PIN, "until": "2026-12-01T00:00Z"}},
            "pinned by ann until 2026-12-01 00:00Z: audit (18d10h over)",
        ),
        ({"taken": "2027-01-01T00:00Z"}, "dated in the future; counts for nothing else"),
    ],
)
def test_each_says_in_words_why_it_is_there(snapshot: dict[str, Any], reason: str) -> None:
    [row] = rows({"snapshot": "daily.20261102T0200Z", **snapshot}, live_runs=["live"]).values()
    assert row["reason"] == reason


def test_one_that_expires_says_its_place() -> None:
    policy = {"daily": {**DAILY["daily"], "min_snapshots": 2}}
    names = [f"daily.202611{day:02}T0200Z" for day in (10, 9, 8)]
    assert rows(*names, policy=policy)["gold.daily.20261108T0200Z"]["reason"] == (
        "12d10h over; 3rd newest, the newest 2 are held"
    )


def test_snapshots_come_by_target_and_from_the_oldest() -> None:
    names = ["lab/volume/b@daily.20261101T0200Z", "daily.20261122T0200Z", "daily.20261121T0200Z"]
    made = lab(snapshots=names, targets=["lab/volume/a", "lab/volume/b"])
    assert [one.snapshot.address for one in listed(made.policy, made.world, made.now)] == [
        "lab/volume/a@gold.daily.20261121T0200Z",
        "lab/volume/a@gold.daily.20261122T0200Z",
        "lab/volume/b@gold.daily.20261101T0200Z",
    ]


def test_a_focus_shows_its_targets_only() -> None:
    names = ["lab/volume/b@daily.20261101T0200Z", "daily.20261122T0200Z"]
    case = lab(snapshots=names, focus={"targets": ["lab/volume/b"]})
    from case_files import focus_of

    found = listed(case.policy, case.world, case.now, focus_of(case.case))
    assert [one.snapshot.target_address for one in found] == ["lab/volume/b"]


def test_a_backend_that_does_not_answer_shows_none() -> None:
    assert states("daily.20261122T0200Z", unreachable={"lab": "connection refused"}) == {}


def test_the_safety_copy_of_an_open_restore_says_what_needs_it() -> None:
    safety = {"snapshot": "manual.pre-restore.CHG-1", "taken": "2026-11-01T00:00Z", "retention": "7d"}
    found = rows(safety, started_restores=[{"key": "CHG-1"}])
    assert found["manual.pre-restore.CHG-1"]["reason"] == "a restore needs it (14d12h over)"
