"""Replacing marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from snapplan.drivers.conformance.lab import refused, require
from snapplan.errors import NotFoundError, RefusedError
from snapplan.models.request import ChangeRequest
from snapplan.models.snapshot import Pin

if TYPE_CHECKING:
    from snapplan.drivers.conformance.lab import Lab
    from snapplan.models.snapshot import Snapshot

CHANGES: dict[str, dict[str, Any]] = {
    "never": {"expires_at": None},
    "pin": {"pin": Pin("Zoë", "audit 2026\nof all")},
    "set": {"set": "another"},
    "minimum": {"minimum": 9},
    "run": {"run": "run-2"},
}


class ChangeTests:
    """``change``."""

    @pytest.mark.parametrize("fields", CHANGES.values(), ids=CHANGES.keys())
    def test_a_changed_mark_replaces_the_old_and_nothing_else(self, lab: Lab, fields: dict[str, Any]) -> None:
        _changes_or_skip(lab)
        before = lab.take(lab.path(), set="s", minimum=3)
        outcome = lab.change(before, **fields)
        assert outcome.error is None
        after = lab.listed(lab.path())
        assert before.mark is not None
        assert after == before._replace(mark=before.mark._replace(**fields))
        assert outcome.snapshot == after

    def test_the_later_of_two_changes_counts(self, lab: Lab) -> None:
        _changes_or_skip(lab)
        snapshot = lab.take(lab.path())
        assert lab.change(snapshot, pin=Pin("anna", "audit")).error is None
        assert lab.change(lab.listed(lab.path()), pin=None, expires_at=lab.later(hours=1)).error is None
        mark = lab.listed(lab.path()).mark
        assert mark is not None
        assert (mark.pin, mark.expires_at) == (None, lab.later(hours=1))

    def test_a_snapshot_that_is_gone_is_not_found(self, lab: Lab) -> None:
        _changes_or_skip(lab)
        snapshot = lab.take(lab.path())
        lab.expire(snapshot)
        refused(lab.change(snapshot, expires_at=None), NotFoundError)
        assert lab.snapshots() == []

    def test_the_snapshot_of_another_project_cannot_be_changed(self, lab: Lab) -> None:
        _changes_or_skip(lab)
        snapshot = lab.take(lab.path(), project="elsewhere")
        refused(lab.change(snapshot, expires_at=None), RefusedError)
        refused(lab.change(snapshot, project="conformance"), RefusedError)
        assert lab.snapshots() == [snapshot]

    def test_a_foreign_snapshot_cannot_be_changed(self, lab: Lab) -> None:
        _changes_or_skip(lab)
        lab.harness.add_foreign_snapshot(lab.path(), "theirs")
        foreign = lab.listed(lab.path(), "theirs")
        (outcome,) = lab.driver.change([ChangeRequest(foreign, lab.mark(lab.target(lab.path())))])
        refused(outcome, RefusedError)
        assert lab.snapshots() == [foreign]

    def test_the_snapshot_of_another_project_is_adopted_when_that_is_asked_for(self, lab: Lab) -> None:
        require(lab.capabilities.adopts_projects, "the driver does not adopt snapshots of other projects")
        theirs = lab.take(lab.path(), project="elsewhere")
        _adopted(lab, theirs)

    def test_a_snapshot_without_a_mark_is_adopted_when_that_is_asked_for(self, lab: Lab) -> None:
        require(lab.capabilities.adopts_unmarked, "the driver does not adopt snapshots without a mark")
        lab.harness.add_foreign_snapshot(lab.path(), "theirs")
        _adopted(lab, lab.listed(lab.path(), "theirs"))

    def test_a_snapshot_that_changed_its_owner_meanwhile_is_not_adopted(self, lab: Lab) -> None:
        require(lab.capabilities.adopts_projects, "the driver does not adopt snapshots of other projects")
        theirs = lab.take(lab.path(), project="elsewhere")
        mark = lab.mark(lab.target(lab.path()), profile=None, period=None, slot=None, key="adopted.it")
        assert theirs.mark is not None
        then = theirs._replace(mark=theirs.mark._replace(project="a-third"))
        (outcome,) = lab.driver.change([ChangeRequest(then, mark, adopts=True)])
        refused(outcome, RefusedError)
        assert lab.snapshots() == [theirs]


def _adopted(lab: Lab, foreign: Snapshot) -> None:
    mark = lab.mark(lab.target(lab.path()), profile=None, period=None, slot=None, key="adopted.it")
    (outcome,) = lab.driver.change([ChangeRequest(foreign, mark, adopts=True)])
    assert outcome.error is None
    (listed,) = lab.snapshots()
    assert listed._replace(mark=lab.as_written(listed.mark)) == foreign._replace(mark=mark)
    assert lab.expire(listed)[0].error is None
    assert lab.snapshots() == []


def _changes_or_skip(lab: Lab) -> None:
    require(lab.capabilities.change, "the driver does not change marks")
