"""Marks come back exactly as they were written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from snapplan.catalog.admission import admitted
from snapplan.drivers.conformance.lab import require
from snapplan.drivers.conformance.listing import SCOPES
from snapplan.models.request import SnapshotRequest
from snapplan.models.snapshot import Pin
from snapplan.models.target import Quiesce

if TYPE_CHECKING:
    from snapplan.drivers.conformance.lab import Lab
    from snapplan.models.target import Scope

SCHEDULED: dict[str, Any] = {}
MANUAL = {"profile": None, "period": None, "slot": None, "key": "before-26.2", "minimum": 0}
_LATER = datetime(2027, 1, 1, 12, 30, 59, tzinfo=UTC)
MARKS = {
    "scheduled": SCHEDULED,
    "manual": MANUAL,
    "kept for ever": {"expires_at": None},
    "no minimum": {"minimum": 0},
    "a great minimum": {"minimum": 100_000},
    "pinned for ever": {"pin": Pin("anna", "audit")},
    "pinned with an end": {"pin": Pin("anna", "audit", _LATER)},
    "a pin in any script": {"pin": Pin("Zoë Łukasz 李", "Prüfung: \"a\\b\", 'c' = 100 %\n{x}; $(y) & <z>\t🔒", _LATER)},
    "an empty pin": {"pin": Pin("", "")},
    "in a set": {"set": "gold/daily/2026-11-22T02:00:00Z"},
    "far away": {"expires_at": datetime(2999, 12, 31, 23, 59, 59, tzinfo=UTC)},
    "long ago": {"slot": datetime(1999, 12, 31, 23, 59, tzinfo=UTC)},
    "long words": {"run": "r" * 63, "profile": "p" * 63, "period": "q" * 63},
    "all of it": {"pin": Pin("anna", "audit", _LATER), "set": "s", "run": "20261122T020030Z-4711", "minimum": 7},
}


ODD_MARKS: dict[str, dict[str, object]] = {
    "a huge minimum": {"minimum": 10**30},
    "a negative minimum": {"minimum": -1},
    "a minimum that is true": {"minimum": True},
    "a minimum that is a text": {"minimum": "3"},
    "an object for a run": {"run": {"a": 1}},
    "a number for a set": {"set": 1},
    "a list for a profile": {"profile": ["gold"]},
    "a number for a project": {"project": 7},
    "a text that is no Unicode": {"run": "\udcff"},
    "a number for an instant": {"expires_at": 1},
    "an instant without a zone": {"taken_at": "2026-11-22T02:00:00"},
    "the year 1": {"expires_at": "0001-01-01T00:00:00+14:00"},
    "the year 9999": {"expires_at": "9999-12-31T23:59:59-12:00"},
    "a pin that is a text": {"pin": "mine"},
    "a pin without an owner": {"pin": {"reason": "audit"}},
}
"""What nobody's mark may break: some values are refused by the driver, the rest by what reads its listing."""


class MarkTests:
    """Round trips."""

    @SCOPES
    def test_a_snapshot_is_listed_as_complete_with_its_mark(self, lab: Lab, scope: Scope) -> None:
        path = lab.path(scope)
        target = lab.target(path)
        mark = lab.mark(target)
        (outcome,) = lab.create(SnapshotRequest(target, "gold.daily.20261122T0200Z", mark, Quiesce.NEVER))
        assert outcome.error is None
        assert not outcome.existed
        (listed,) = lab.snapshots()
        assert (listed.name, listed.scope, listed.target_name) == ("gold.daily.20261122T0200Z", scope, target.name)
        assert listed.target_id == target.id
        assert listed.backend == target.backend
        assert lab.as_written(listed.mark) == mark
        assert listed.completed_at is not None
        assert listed.native_id
        assert not listed.managed
        assert outcome.snapshot == listed, "the outcome shows the snapshot as it is listed"

    @pytest.mark.parametrize("fields", MARKS.values(), ids=MARKS.keys())
    def test_every_field_of_a_mark_comes_back(self, lab: Lab, fields: dict[str, Any]) -> None:
        target = lab.target(lab.path())
        mark = lab.mark(target, **fields)
        (outcome,) = lab.create(SnapshotRequest(target, "one", mark, Quiesce.NEVER, description="CHG-1: ä\n{}"))
        assert outcome.error is None
        assert lab.as_written(lab.listed(lab.path()).mark) == mark

    @pytest.mark.parametrize("fields", ODD_MARKS.values(), ids=ODD_MARKS.keys())
    def test_an_odd_mark_breaks_nothing_and_makes_nothing_ours(self, lab: Lab, fields: dict[str, object]) -> None:
        good, odd = lab.take(lab.path(), "good"), lab.take(lab.path(), "odd")
        lab.harness.spoil_mark(odd, fields)
        listed = admitted(good.backend, lab.inventory(), {}).snapshots
        assert good in listed
        assert [each.mark for each in listed if each.native_id != good.native_id] == [None]

    def test_a_snapshot_is_compared_with_its_record(self, lab: Lab) -> None:
        require(lab.capabilities.verifies, "the driver keeps no record of what a snapshot holds")
        driver: Any = lab.driver
        good, bad = lab.take(lab.path(), "good"), lab.take(lab.path(), "bad")
        assert driver.verify(bad).differences == ()
        lab.harness.damage(bad)
        assert driver.verify(good).differences == ()
        found = driver.verify(bad)
        assert found.differences
        assert all(each.path and each.what for each in found.differences)

    def test_the_instant_of_capture_is_near_that_of_the_mark(self, lab: Lab) -> None:
        snapshot = lab.take(lab.path())
        assert abs(snapshot.taken_at - lab.harness.now()) < timedelta(minutes=5)
        assert snapshot.taken_at.tzinfo is not None
        assert snapshot.completed_at is not None
        assert snapshot.completed_at >= snapshot.taken_at

    def test_marks_of_another_project_are_listed_with_their_project(self, lab: Lab) -> None:
        lab.take(lab.path(), project="elsewhere")
        mark = lab.listed(lab.path()).mark
        assert mark is not None
        assert mark.project == "elsewhere"
