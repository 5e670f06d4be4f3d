"""Deleting snapshots, what must never be deleted, and what a platform that deletes by itself is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan.drivers.conformance.lab import refused, require
from snapplan.errors import RefusedError
from snapplan.models.snapshot import Pin
from snapplan.models.target import PLATFORM_MARGIN

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.drivers.conformance.lab import Lab
    from snapplan.models.snapshot import Snapshot


class ExpireTests:
    """``expire``."""

    def test_the_snapshot_that_is_meant_goes_and_no_other(self, lab: Lab) -> None:
        first, second = lab.take(lab.path(), "one"), lab.take(lab.path(), "two")
        content = lab.harness.read(lab.path())
        (outcome,) = lab.expire(first)
        assert outcome.error is None
        assert lab.snapshots() == [second]
        assert lab.harness.read(lab.path()) == content

    def test_one_that_is_gone_is_a_success(self, lab: Lab) -> None:
        snapshot = lab.take(lab.path())
        assert [each.error for each in lab.expire(snapshot)] == [None]
        assert [each.error for each in lab.expire(snapshot)] == [None]

    def test_the_name_is_free_again(self, lab: Lab) -> None:
        first = lab.take(lab.path())
        lab.expire(first)
        second = lab.take(lab.path())
        assert second.native_id != first.native_id, "a native id is never used again"

    def test_a_snapshot_that_was_replaced_under_its_name_stays(self, lab: Lab) -> None:
        first = lab.take(lab.path())
        lab.expire(first)
        second = lab.take(lab.path(), key="another")
        lab.expire(first)
        assert lab.snapshots() == [second]

    def test_another_snapshot_under_this_id_is_refused(self, lab: Lab) -> None:
        snapshot = lab.take(lab.path())
        assert snapshot.mark is not None
        refused(lab.expire(snapshot._replace(mark=snapshot.mark._replace(key="another")))[0], RefusedError)
        assert lab.snapshots() == [snapshot]

    def test_a_foreign_snapshot_cannot_be_expired(self, lab: Lab) -> None:
        lab.harness.add_foreign_snapshot(lab.path(), "theirs")
        foreign = lab.listed(lab.path(), "theirs")
        refused(lab.expire(foreign)[0], RefusedError)
        refused(lab.expire(foreign._replace(mark=lab.mark(lab.target(lab.path()))))[0], RefusedError)
        assert lab.snapshots() == [foreign]

    def test_the_snapshot_of_another_project_cannot_be_expired(self, lab: Lab) -> None:
        snapshot = lab.take(lab.path(), project="elsewhere")
        assert snapshot.mark is not None
        refused(lab.expire(snapshot)[0], RefusedError)
        refused(lab.expire(snapshot._replace(mark=snapshot.mark._replace(project="conformance")))[0], RefusedError)
        assert lab.snapshots() == [snapshot]

    def test_one_that_was_pinned_meanwhile_is_refused(self, lab: Lab) -> None:
        require(lab.capabilities.change, "the driver does not change marks")
        snapshot = lab.take(lab.path())
        lab.change(snapshot, pin=Pin("anna", "audit"))
        refused(lab.expire(snapshot)[0], RefusedError)
        assert lab.listed(lab.path()).mark is not None

    def test_a_pin_that_is_over_holds_nothing(self, lab: Lab) -> None:
        snapshot = lab.take(lab.path(), pin=Pin("anna", "audit", lab.later(seconds=-30)))
        assert [each.error for each in lab.expire(snapshot)] == [None]
        assert lab.snapshots() == []

    def test_a_locked_one_is_refused(self, lab: Lab) -> None:
        path = lab.path(lab.harness.locked_scope)
        lab.harness.lock(lab.take(path))
        locked = lab.listed(path)
        assert locked.locked_until is not None
        refused(lab.expire(locked)[0], RefusedError)
        assert lab.snapshots() == [locked]

    def test_one_in_use_is_refused(self, lab: Lab) -> None:
        lab.harness.use(lab.take(lab.path()))
        used = lab.listed(lab.path())
        assert used.in_use
        refused(lab.expire(used)[0], RefusedError)
        assert lab.snapshots() == [used]

    def test_outcomes_come_in_order_and_one_refusal_stops_no_other(self, lab: Lab) -> None:
        path = lab.path()
        snapshots = [lab.take(path, "a"), lab.take(path, "b", project="elsewhere"), lab.take(path, "c")]
        assert [each.error is None for each in lab.expire(*snapshots)] == [True, False, True]
        assert lab.snapshots() == [snapshots[1]]

    def test_a_snapshot_of_a_target_that_is_gone_can_be_expired(self, lab: Lab) -> None:
        path = lab.path()
        require(path != "cloud", "the cloud cannot be deleted")
        snapshot = lab.take(path)
        lab.harness.delete_target(path)
        require(lab.snapshots() == [snapshot], "the backend keeps no snapshot of a target that is gone")
        assert [each.error for each in lab.expire(snapshot)] == [None]
        assert lab.snapshots() == []


CLOCKS_APART = timedelta(seconds=5)
"""How far a platform's time may be from that of the tests."""


class PlatformExpiryTests:
    """What a driver writes on a platform that deletes by itself (``expires_itself``)."""

    def test_the_platform_gets_a_margin_and_the_mark_is_exact(self, lab: Lab) -> None:
        _expires_itself(lab)
        snapshot = lab.take(lab.path(), expires_at=lab.later(days=2))
        assert _deletes_at(lab, snapshot) == lab.later(days=2) + PLATFORM_MARGIN
        assert snapshot.mark is not None
        assert snapshot.mark.expires_at == lab.later(days=2)

    def test_for_ever_is_never(self, lab: Lab) -> None:
        _expires_itself(lab)
        assert _deletes_at(lab, lab.take(lab.path(), expires_at=None)) is None

    def test_never_under_a_pin_and_a_date_again_without_it(self, lab: Lab) -> None:
        _expires_itself(lab)
        require(lab.capabilities.change, "the driver does not change marks")
        snapshot = lab.take(lab.path())
        assert lab.change(snapshot, pin=Pin("anna", "audit")).error is None
        assert _deletes_at(lab, snapshot) is None
        assert lab.change(lab.listed(lab.path()), pin=None).error is None
        assert _deletes_at(lab, snapshot) == lab.later(days=14) + PLATFORM_MARGIN

    def test_a_later_expiration_is_written_too(self, lab: Lab) -> None:
        _expires_itself(lab)
        require(lab.capabilities.change, "the driver does not change marks")
        snapshot = lab.take(lab.path())
        assert lab.change(snapshot, expires_at=lab.later(days=60)).error is None
        assert _deletes_at(lab, snapshot) == lab.later(days=60) + PLATFORM_MARGIN
        assert lab.change(lab.listed(lab.path()), expires_at=None).error is None
        assert _deletes_at(lab, snapshot) is None

    def test_a_change_pushes_out_what_is_over_and_stays(self, lab: Lab) -> None:
        _expires_itself(lab)
        require(lab.capabilities.change, "the driver does not change marks")
        snapshot = lab.take(lab.path(), expires_at=lab.later(days=-5))
        assert _deletes_at(lab, snapshot) == lab.later(days=-5) + PLATFORM_MARGIN
        assert lab.change(snapshot).error is None
        pushed = _deletes_at(lab, snapshot)
        assert pushed is not None
        assert abs(pushed - (lab.later() + PLATFORM_MARGIN)) < CLOCKS_APART
        assert lab.listed(lab.path()) == snapshot, "the mark keeps the exact expiration"

    def test_what_has_no_mark_is_not_spoken_of(self, lab: Lab) -> None:
        _expires_itself(lab)
        lab.harness.add_foreign_snapshot(lab.path(), "theirs")
        assert lab.listed(lab.path(), "theirs").native_id not in lab.inventory().deletes_at


def _expires_itself(lab: Lab) -> None:
    require(lab.capabilities.expires_itself, "the platform deletes nothing by itself")


def _deletes_at(lab: Lab, snapshot: Snapshot) -> datetime | None:
    return lab.inventory().deletes_at[snapshot.native_id]
