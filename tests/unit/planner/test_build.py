"""What a plan says about itself, beside its actions."""

from __future__ import annotations

from snapplan.ids import format_instant
from snapplan.models.plan import Summary

from .lab import DAILY, PERIOD, lab

CLONE = {
    "target": "lab/volume/a",
    "from": {"before": "2026-11-22T12:00Z"},
    "mode": "clone",
    "as": "a2",
    "not_after": "2026-11-23T00:00Z",
}


def test_the_summary_counts_the_actions_of_each_verb_and_what_stays() -> None:
    case = lab(
        before={"policy": {"daily": {**DAILY["daily"], "retention": "1d"}}, "files": {}},
        files={"restores": {"CHG-1": CLONE}},
        targets=["lab/volume/a", {"target": "lab/volume/b", "new": True}],
        snapshots=[
            {"snapshot": "daily.20261121T0800Z", "pin": {"owner": "ann", "reason": "audit"}},
            "daily.20261120T1300Z",
            "daily.20261118T0200Z",
            {"snapshot": "old.20261122T0200Z", "retention": "7d"},
            {"snapshot": "old.20261101T0200Z", "retention": "7d"},
            {"snapshot": "manual.x", "taken": "2026-11-01T00:00Z", "expires": "never"},
            {"snapshot": "manual.y", "taken": "2026-11-01T00:00Z", "retention": "7d"},
            {"snapshot": "lab/volume/a@by-hand", "foreign": True, "taken": "2026-11-01T00:00Z"},
        ],
    )
    assert case.plan().summary == Summary(
        profile=1, assign=1, snapshot=2, change=2, expire=3, restore=1, keep=4, foreign=1, pinned=0, orphan=1
    )


def test_a_pin_counts_while_it_keeps_something_that_is_over() -> None:
    pin = {"owner": "ann", "reason": "audit"}
    case = lab(
        nothing_due=True,
        snapshots=[
            "daily.20261122T0200Z",
            {"snapshot": "daily.20261101T0200Z", "pin": pin},
            {"snapshot": "manual.x", "taken": "2026-11-01T00:00Z", "retention": "7d", "pin": pin},
            {"snapshot": "old.20261101T0200Z", "retention": "7d", "pin": pin},
        ],
    )
    assert case.plan().summary == Summary(keep=4, pinned=3, orphan=1)


def test_actions_are_numbered_from_1_and_name_the_place_of_their_rule() -> None:
    made = lab(new=True, snapshots=["daily.20261101T0200Z", "daily.20261102T0200Z"]).plan()
    assert [action.number for action in made.actions] == [1, 2, 3, 4, 5]
    assert [(str(action.verb), action.reasons[0].where) for action in made.actions] == [
        ("profile", "p.yaml:2:3"),
        ("assign", "p.yaml:8:3"),
        ("snapshot", "p.yaml:4:7"),
        ("expire", "p.yaml:5:9"),
        ("expire", "p.yaml:5:9"),
    ]


def test_outside_of_files_rules_have_no_place() -> None:
    case = lab(new=True)
    made = case._replace(policy=case.policy._replace(where={})).plan()
    assert {action.reasons[0].where for action in made.actions} == {None}


def test_a_key_without_a_place_of_its_own_is_found_at_the_one_above() -> None:
    case = lab(snapshots=["daily.20261122T0200Z", "daily.20261101T0200Z"])
    where = {path: place for path, place in case.policy.where.items() if path != (*PERIOD, "retention")}
    [expiry] = case._replace(policy=case.policy._replace(where=where)).plan().actions
    assert expiry.reasons[0].where == "p.yaml:4:7"


def test_expiries_say_what_must_still_hold_when_they_are_carried_out() -> None:
    [expiry] = lab(snapshots=["daily.20261122T0200Z", "daily.20261101T0200Z"]).plan().actions
    assert expiry.precondition["native_id"] == "volume/a@gold.daily.20261101T0200Z"
    assert format_instant(expiry.precondition["taken_at"]) == "2026-11-01T02:00:00Z"


def test_a_plan_holds_until_the_first_instant_at_which_it_would_differ() -> None:
    once = {"frequency": "custom", "at": "2026-11-01T00:00", "retention": "forever"}
    made = lab(policy={"once": once}, nothing_due=True).plan()
    assert (made.exact_until, made.next_due) == (None, None)


def test_the_next_slot_is_the_earliest_and_of_several_targets_the_first_by_name() -> None:
    weekly = {"frequency": "weekly", "day_of_week": "mon", "hour": 2, "retention": "30d"}
    case = lab(policy={**DAILY, "weekly": weekly}, targets=["lab/volume/b", "lab/volume/a"], nothing_due=True)
    due = case.plan().next_due
    assert due is not None
    assert (format_instant(due.at), due.target, due.period) == ("2026-11-23T02:00:00Z", "lab/volume/a", "daily")


def test_what_was_read_of_each_backend_is_said() -> None:
    case = lab(
        config={"backends": {"nas": {"driver": "memory"}, "lab": {"driver": "memory"}}},
        snapshots=[
            "daily.20261122T0200Z",
            {"snapshot": "lab/volume/a@x", "foreign": True, "taken": "2026-11-01T00:00Z"},
        ],
        unreachable={"nas": "connection refused"},
    )
    assert [(one.name, one.targets, one.snapshots, one.error) for one in case.plan().backends] == [
        ("lab", 1, 2, None),
        ("nas", 0, 0, "connection refused"),
    ]


def test_the_commit_of_the_policy_and_the_revision_of_the_catalog_are_in_the_plan() -> None:
    case = lab()
    made = case._replace(policy=case.policy._replace(commit="abc", dirty=True)).plan()
    assert (made.policy.commit, made.policy.dirty, made.catalog.revision) == ("abc", True, 1)


def test_a_document_of_a_plan_holds_no_request() -> None:
    document = lab(new=True).plan().document()
    assert all("request" not in action for action in document["actions"])
    assert document["format"] == "snapplan.plan/1.1"


def test_drift_that_two_reads_saw_is_said_once() -> None:
    drift = {"kind": "vanished", "subject": "lab/volume/a@x", "text": "is gone"}
    assert len(lab(drift=[drift, dict(drift)]).plan().drift) == 1
