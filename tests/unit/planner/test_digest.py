"""Plans that do the same have the same digest, and only those: an approval is bound to it."""

from __future__ import annotations

from typing import Any

import pytest

from .lab import DAILY, lab

LATE = ["daily.20261121T0200Z", "daily.20261118T0200Z"]


def digest(**case: Any) -> str:
    return lab(**case).plan().digest


def test_it_is_the_same_whenever_the_same_plan_is_made() -> None:
    assert digest(snapshots=LATE) == digest(snapshots=LATE, now="2026-11-22T12:30Z")


def test_the_order_of_targets_and_snapshots_does_not_count() -> None:
    targets = ["lab/volume/a", "lab/volume/b"]
    assert digest(snapshots=LATE, targets=targets) == digest(
        snapshots=list(reversed(LATE)), targets=list(reversed(targets))
    )


def test_where_the_rule_stands_and_what_is_said_does_not_count() -> None:
    case = lab(snapshots=LATE)
    moved = case._replace(policy=case.policy._replace(where={}))
    assert case.plan().actions != moved.plan().actions
    assert case.plan().digest == moved.plan().digest


def test_of_a_first_snapshot_the_instant_does_not_count() -> None:
    assert digest(new=True) == digest(new=True, now="2026-11-22T12:30Z")


@pytest.mark.parametrize(
    "change",
    [
        {"now": "2026-11-23T12:00Z"},
        {"snapshots": LATE[:1]},
        {"snapshots": [*LATE, "daily.20261117T0200Z"]},
        {"snapshots": [LATE[0], {"snapshot": LATE[1], "target_id": "another"}]},
        {"targets": ["lab/volume/a", "lab/volume/b"]},
        {"policy": {"daily": {**DAILY["daily"], "quiesce": "require"}}, "before": {}},
        {"profile": {"description": "another"}, "before": {"profile": {}}},
        {"new": True},
    ],
    ids=["another slot", "one less", "one more", "another target's", "more targets", "quiesce", "profile", "assign"],
)
def test_any_other_deed_is_another_digest(change: dict[str, Any]) -> None:
    assert digest(**{"snapshots": LATE, **change}) != digest(snapshots=LATE)


def test_another_snapshot_under_the_same_name_is_another_digest() -> None:
    case = lab(snapshots=LATE)
    state = case.world.backends["lab"]
    replaced = [one._replace(native_id=f"{one.native_id} again") for one in state.snapshots]
    other = case._replace(world=case.world._replace(backends={"lab": state._replace(snapshots=replaced)}))
    assert {a.snapshot for a in case.plan().actions} == {a.snapshot for a in other.plan().actions}
    assert case.plan().digest != other.plan().digest


def test_nothing_to_do_has_a_digest_of_its_own() -> None:
    empty = lab(snapshots=["daily.20261122T0200Z"])
    assert empty.plan().empty
    assert empty.plan().digest == digest(snapshots=["daily.20261122T0200Z"], now="2026-11-22T23:00Z")
    assert empty.plan().digest != digest(snapshots=LATE)
