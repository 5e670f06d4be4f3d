"""Replacing marks: description and expiration in one write, and what a fault at it leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from vergeos_sim.conftest import NOON

from snapplan.drivers.vergeos.marks import described, with_line
from snapplan.errors import BackendError, NotFoundError, OutcomeUnknownError, RefusedError, RequestBudgetError
from snapplan.models.snapshot import Pin

from .writer import FAULTS, NOW, TABLES, Writer

DAY = 86_400
MARGIN = 7 * DAY
PIN = Pin("anna", "audit")


@pytest.mark.parametrize("path", TABLES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_the_put_leaves_the_old_mark_or_the_new(writer: Writer, path: str, name: str) -> None:
    fault, done = FAULTS[name]
    snapshot = writer.take(path)
    writer.fault(path=f"{TABLES[path]}/*", method="PUT", **fault)
    writer.sim.requests()
    outcome = writer.change(snapshot, pin=PIN)
    assert len(writer.writes()) == 1
    (listed,) = writer.snapshots(path)
    assert listed.mark is not None
    assert (listed.mark.pin == PIN) is done
    assert [row["expires"] for row in writer.rows(TABLES[path])] == [0 if done else NOON + DAY + MARGIN]
    if done:
        assert (outcome.error, outcome.snapshot) == (None, listed)
    else:
        assert isinstance(outcome.error, RequestBudgetError if name == "429" else BackendError)
        assert not isinstance(outcome.error, OutcomeUnknownError)
    assert writer.change(snapshot, pin=PIN).error is None


def test_an_outcome_that_nobody_can_look_up_stays_unknown(writer: Writer) -> None:
    snapshot = writer.take("vm/db-01")
    writer.fault("drop_after", "machine_snapshots/*", "PUT")
    writer.fault("drop_before", "machine_snapshots/*", "GET", nth=2, times=0)
    assert isinstance(writer.change(snapshot, pin=PIN).error, OutcomeUnknownError)


def test_one_write_carries_all(writer: Writer) -> None:
    snapshot = writer.take("cloud", description="CHG-1\nbefore the upgrade")
    writer.sim.requests()
    assert writer.change(snapshot, expires_at=NOW + timedelta(days=90)).error is None
    assert writer.sim.requests() == ["GET cloud_snapshots/1", "PUT cloud_snapshots/1", "GET cloud_snapshots/1"]
    (row,) = writer.rows("cloud_snapshots")
    assert row["expires"] == NOON + 90 * DAY + MARGIN
    assert row["description"].startswith("CHG-1\nbefore the upgrade\nsnapplan {")


def test_what_is_over_and_stays_is_pushed_out_from_now(writer: Writer) -> None:
    snapshot = writer.take("vm/db-01", expires_at=NOW + timedelta(days=1))
    writer.sim.days(5)
    assert writer.change(snapshot, minimum=2).error is None
    (row,) = writer.rows("machine_snapshots")
    assert row["expires"] == NOON + 5 * DAY + MARGIN


def test_a_key_that_was_given_out_again_is_another_snapshot(writer: Writer) -> None:
    snapshot = writer.take("vm/db-01")
    assert writer.expire(snapshot).error is None
    writer.sim.step(60)
    other = writer.take("vm/db-01", "two")
    assert other.native_id.split("/")[1] == snapshot.native_id.split("/")[1]
    assert isinstance(writer.change(snapshot, pin=PIN).error, NotFoundError)
    assert writer.snapshots("vm/db-01") == [other]


class TestLocked:
    """A locked system snapshot: its expiration only moves away."""

    def test_it_is_not_shortened(self, writer: Writer) -> None:
        snapshot = writer.take("cloud", options={"immutable": True})
        writer.sim.requests()
        outcome = writer.change(snapshot, expires_at=NOW + timedelta(hours=1))
        assert isinstance(outcome.error, RefusedError)
        assert writer.writes() == []

    def test_it_is_lengthened_and_pinned(self, writer: Writer) -> None:
        snapshot = writer.take("cloud", options={"immutable": True})
        assert writer.change(snapshot, expires_at=NOW + timedelta(days=9)).error is None
        (longer,) = writer.snapshots("cloud")
        assert writer.change(longer, pin=PIN).error is None
        assert [row["expires"] for row in writer.rows("cloud_snapshots")] == [0]

    def test_while_it_unlocks_it_is_not_shortened_either(self, writer: Writer) -> None:
        snapshot = writer.take("cloud", options={"immutable": True})
        writer.sim.put("cloud_snapshots/1", {"immutable": False})
        outcome = writer.change(snapshot, expires_at=NOW + timedelta(hours=1))
        assert isinstance(outcome.error, RefusedError)

    def test_it_is_locked_and_unlocked_when_that_is_asked_for(self, writer: Writer) -> None:
        snapshot = writer.take("cloud")
        locked = writer.change(snapshot, lock=True)
        assert locked.error is None
        assert locked.snapshot is not None
        assert locked.snapshot.locked_until == NOW + timedelta(days=1), "no margin of the platform's prolongs a lock"
        unlocking = writer.change(locked.snapshot, lock=False)
        assert unlocking.error is None
        assert unlocking.snapshot is not None
        assert unlocking.snapshot.locked_until == NOW + timedelta(days=1)

    def test_a_scope_without_locks_is_refused(self, writer: Writer) -> None:
        assert isinstance(writer.change(writer.take("vm/db-01"), lock=True).error, RefusedError)


class TestAdopting:
    """Giving our mark to what is not ours."""

    def test_a_person_s_snapshot_keeps_its_text(self, writer: Writer) -> None:
        writer.sim.post(
            "volume_snapshots", {"volume": writer.target("volume/shared").id, "name": "x", "description": "mine"}
        )
        (theirs,) = writer.snapshots("volume/shared")
        mark = writer.mark("volume/shared", "adopted")
        assert isinstance(writer.change(theirs, mark=mark).error, RefusedError)
        assert writer.change(theirs, mark=mark, adopts=True).error is None
        (row,) = writer.rows("volume_snapshots")
        assert row["description"].splitlines()[0] == "mine"
        assert row["expires"] == NOON + DAY + MARGIN
        (ours,) = writer.snapshots("volume/shared")
        assert ours == theirs._replace(mark=mark)

    def test_one_that_somebody_marked_meanwhile_is_refused(self, writer: Writer) -> None:
        writer.sim.post("volume_snapshots", {"volume": writer.target("volume/shared").id, "name": "x"})
        (theirs,) = writer.snapshots("volume/shared")
        mark = writer.mark("volume/shared", "adopted")
        (row,) = writer.rows("volume_snapshots")
        other = described("", mark._replace(project="elsewhere"))
        writer.sim.put(f"volume_snapshots/{row['$key']}", {"description": other})
        assert isinstance(writer.change(theirs, mark=mark, adopts=True).error, RefusedError)

    def test_a_copy_that_carries_a_mark_of_another_target_is_adopted_as_it_is_listed(self, writer: Writer) -> None:
        ours = writer.take("vm/db-01")
        (row,) = writer.rows("machine_snapshots")
        vm = next(each for each in writer.rows("vms") if each["name"] == "web-01")
        copied = {"machine": vm["machine"], "name": "copied", "description": row["description"]}
        writer.sim.post("machine_snapshots", copied)
        (copy,) = writer.snapshots("vm/web-01")
        assert copy.mark is None
        mark = writer.mark("vm/web-01", "adopted")
        posed = copy._replace(mark=ours.mark)
        assert isinstance(writer.change(posed, minimum=3).error, RefusedError)
        assert isinstance(writer.expire(posed).error, RefusedError)
        assert writer.change(copy, mark=mark, adopts=True).error is None

    def test_a_snapshot_of_another_system_is_refused(self, writer: Writer) -> None:
        row = {"name": "theirs", "description": "", "provider": True, "status": "normal", "expires": 0}
        writer.sim.control("POST", "rows/cloud_snapshots", row)
        (theirs,) = writer.snapshots("cloud")
        outcome = writer.change(theirs, mark=writer.mark("cloud", "adopted"), adopts=True)
        assert "another system" in str(outcome.error)

    def test_a_line_that_is_no_mark_stays_as_text(self, writer: Writer) -> None:
        snapshot = writer.take("vm/db-01", description='snapplan {"v":9}')
        assert writer.change(snapshot, minimum=4).error is None
        (row,) = writer.rows("machine_snapshots")
        assert row["description"].startswith('snapplan {"v":9}\nsnapplan {"v":1')
        assert with_line("a", {"b": 1}) == 'a\nsnapplan {"v":1,"b":1}'
