"""Deleting snapshots: what must never be deleted, and what a fault at the deletion leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from vergeos_sim.conftest import Sim

from snapplan.drivers.vergeos.marks import described, with_line
from snapplan.errors import BackendError, OutcomeUnknownError, RefusedError, RequestBudgetError
from snapplan.models.snapshot import Pin, Snapshot

from .writer import FAULTS, NOW, PROJECT, TABLES, Writer


@pytest.mark.parametrize("path", TABLES)
@pytest.mark.parametrize("name", [each for each in FAULTS if "half" not in each and "cut" not in each])
def test_a_fault_at_the_deletion_deletes_that_one_or_nothing(writer: Writer, path: str, name: str) -> None:
    fault, done = FAULTS[name]
    snapshot, other = writer.take(path), writer.take(path, "two")
    writer.fault(path=f"{TABLES[path]}/*", method="DELETE", **fault)
    outcome = writer.expire(snapshot)
    assert writer.snapshots(path) == ([other] if done else [snapshot, other])
    if done:
        assert outcome.error is None
    else:
        assert isinstance(outcome.error, RequestBudgetError if name == "429" else BackendError)
        assert not isinstance(outcome.error, OutcomeUnknownError)
    assert writer.expire(snapshot).error is None
    assert writer.snapshots(path) == [other]


def test_an_outcome_that_nobody_can_look_up_stays_unknown(writer: Writer) -> None:
    snapshot = writer.take("vm/db-01")
    writer.fault("drop_after", "machine_snapshots/*", "DELETE")
    writer.fault("drop_before", "machine_snapshots/*", "GET", nth=2, times=0)
    assert isinstance(writer.expire(snapshot).error, OutcomeUnknownError)


@pytest.mark.parametrize("path", TABLES)
def test_a_key_that_was_given_out_again_is_left_alone(writer: Writer, path: str) -> None:
    snapshot = writer.take(path)
    assert writer.expire(snapshot).error is None
    writer.sim.step(60)
    other = writer.take(path)
    assert other.native_id.split("/")[:2] == snapshot.native_id.split("/")[:2], "the key is given out again"
    writer.sim.requests()
    assert isinstance(writer.expire(snapshot).error, RefusedError)
    assert writer.writes() == []
    assert writer.snapshots(path) == [other]


def test_a_key_that_was_given_out_again_after_an_unknown_deletion_says_that_it_is_done(writer: Writer) -> None:
    snapshot = writer.take("vm/db-01")
    writer.fault("drop_after", "machine_snapshots/*", "DELETE")
    assert writer.expire(snapshot).error is None


@pytest.mark.parametrize("native_id", ["", "machine_snapshots/1", "cloud_snapshots/1/1/one", "x/y/z/a"])
def test_what_names_no_row_of_its_scope_is_refused(writer: Writer, native_id: str) -> None:
    snapshot = writer.take("vm/db-01")
    writer.take("cloud")
    assert isinstance(writer.expire(snapshot._replace(native_id=native_id)).error, RefusedError)
    assert len(writer.rows("machine_snapshots")) == len(writer.rows("cloud_snapshots")) == 1


def test_a_mark_that_was_edited_away_leaves_it(writer: Writer) -> None:
    snapshot = writer.take("vm/db-01")
    writer.sim.put("machine_snapshots/1", {"description": "mine now"})
    assert isinstance(writer.expire(snapshot).error, RefusedError)
    assert len(writer.rows("machine_snapshots")) == 1


def test_a_mark_that_became_another_snapshot_s_leaves_it(writer: Writer) -> None:
    snapshot = writer.take("vm/db-01")
    other = described("", writer.mark("vm/db-01", "another"))
    writer.sim.put("machine_snapshots/1", {"description": other})
    assert "is another snapshot now" in str(writer.expire(snapshot).error)
    assert len(writer.rows("machine_snapshots")) == 1


def test_a_pin_that_was_written_meanwhile_leaves_it(writer: Writer) -> None:
    snapshot = writer.take("vm/db-01")
    writer.change(snapshot, pin=Pin("anna", "audit", NOW + timedelta(days=1)))
    outcome = writer.expire(snapshot)
    assert isinstance(outcome.error, RefusedError)
    assert "pinned by anna" in str(outcome.error)


def test_a_volume_snapshot_that_is_mounted_stays(writer: Writer) -> None:
    snapshot = writer.take("volume/shared")
    (volume,) = writer.rows("volumes")
    writer.sim.control("PUT", "rows/volume_snapshots/1", {"snap_volume": volume["$key"]})
    assert "mounted" in str(writer.expire(snapshot).error)


class TestLocked:
    """Immutable system snapshots."""

    def test_a_locked_one_is_not_even_tried(self, writer: Writer) -> None:
        snapshot = writer.take("cloud", options={"immutable": True})
        writer.sim.requests()
        outcome = writer.expire(snapshot)
        assert "locked by the platform until 2026-11-23" in str(outcome.error)
        assert writer.writes() == []

    def test_one_that_unlocks_is_deleted_when_its_week_is_over(self, writer: Writer) -> None:
        snapshot = writer.take("cloud", options={"immutable": True}, expires_at=None)
        writer.sim.put("cloud_snapshots/1", {"immutable": False})
        outcome = writer.expire(snapshot)
        assert "until 2026-11-29 12:00Z" in str(outcome.error)
        writer.sim.days(7)
        assert writer.expire(snapshot).error is None
        assert writer.rows("cloud_snapshots") == []


class TestManaged:
    """What the platform's scheduler took by a profile of ours."""

    @pytest.fixture
    def snapshot(self, sim: Sim, writer: Writer) -> Snapshot:
        profile = next(row for row in writer.rows("snapshot_profiles") if row["name"] == "gold")
        sim.put(f"snapshot_profiles/{profile['$key']}", {"description": with_line("", {"project": PROJECT})})
        vm = next(row for row in writer.rows("vms") if row["name"] == "db-01")
        sim.put(f"vms/{vm['$key']}", {"snapshot_profile": profile["$key"]})
        sim.days(1)
        (found,) = writer.snapshots("vm/db-01")
        assert found.managed
        return found

    def test_the_platform_expires_it(self, writer: Writer, snapshot: Snapshot) -> None:
        assert isinstance(writer.expire(snapshot).error, RefusedError)

    def test_as_an_orphan_it_is_deleted_only_when_nothing_schedules_it(
        self, writer: Writer, snapshot: Snapshot
    ) -> None:
        outcome = writer.expire(snapshot, orphan=True)
        assert "scheduled for its target again" in str(outcome.error)
        vm = next(row for row in writer.rows("vms") if row["name"] == "db-01")
        writer.sim.put(f"vms/{vm['$key']}", {"snapshot_profile": None})
        assert writer.expire(snapshot, orphan=True).error is None
        assert writer.rows("machine_snapshots") == []

    @pytest.mark.parametrize("path", ["volume/shared", "cloud"])
    def test_so_it_is_at_the_other_scopes(self, sim: Sim, write_to: Callable[..., Writer], path: str) -> None:
        period = {"name": "Daily", "frequency": "daily", "hour": 2, "retention": "7d"}
        mark = with_line("", {"project": PROJECT})
        profiles = [{"name": name, "description": mark, "periods": [period]} for name in ("gold", "other")]
        volumes = [{"name": "shared", "contents": "files", "profile": "gold"}]
        sim.seed(profiles=profiles, volumes=volumes, system_profile="gold")
        writer = write_to()
        sim.days(1)
        (found,) = writer.snapshots(path)
        assert found.managed
        assert "scheduled for its target again" in str(writer.expire(found, orphan=True).error)
        (volume,) = writer.rows("volumes")
        sim.put(f"volumes/{volume['$key']}", {"snapshot_profile": None})
        sim.put("settings/system_snapshot_profile", {"value": "2"})
        assert writer.expire(found, orphan=True).error is None
        assert writer.rows(TABLES[path]) == []

    def test_a_person_s_snapshot_is_never_an_orphan(self, writer: Writer, snapshot: Snapshot) -> None:
        vm = next(row for row in writer.rows("vms") if row["name"] == "db-01")
        writer.sim.put(f"vms/{vm['$key']}", {"snapshot_profile": None})
        writer.sim.post("machine_snapshots", {"machine": vm["machine"], "name": "mine", "created_manually": True})
        mine = next(each for each in writer.snapshots("vm/db-01") if each.name == "mine")
        posed = mine._replace(managed=True, mark=snapshot.mark)
        assert isinstance(writer.expire(posed, orphan=True).error, RefusedError)
        assert len(writer.rows("machine_snapshots")) == 2
