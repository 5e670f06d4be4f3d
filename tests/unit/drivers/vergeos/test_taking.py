"""Taking snapshots: what is sent, what counts as taken, and what a fault at the write leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from vergeos_sim.conftest import NOON, Sim

from snapplan.errors import (
    BackendError,
    NameTakenError,
    NotFoundError,
    OutcomeUnknownError,
    QuiesceError,
    RefusedError,
    RequestBudgetError,
)
from snapplan.models.snapshot import Pin
from snapplan.models.target import Quiesce

from .writer import FAULTS, NOW, TABLES, Writer

DAY = 86_400
MARGIN = 7 * DAY


@pytest.mark.parametrize("path", TABLES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_the_post_makes_nothing_twice(writer: Writer, path: str, name: str) -> None:
    fault, done = FAULTS[name]
    request = writer.request(path)
    writer.fault(path=TABLES[path], method="POST", **fault)
    writer.sim.requests()
    (outcome,) = writer.driver.create([request])
    assert writer.writes() == [f"POST {TABLES[path]}"]
    assert len(writer.rows(TABLES[path])) == done
    if done:
        assert (outcome.error, outcome.existed) == (None, False)
        assert outcome.snapshot == writer.snapshots(path)[0]
    else:
        assert isinstance(outcome.error, RequestBudgetError if name == "429" else BackendError)
        assert not isinstance(outcome.error, OutcomeUnknownError)
    (again,) = writer.driver.create([request])
    assert (again.error, again.existed) == (None, done)
    assert len(writer.rows(TABLES[path])) == 1


@pytest.mark.parametrize("done", [False, True], ids=["too late", "in time"])
def test_an_answer_that_comes_too_late_is_looked_for(write_to: Callable[..., Writer], done: bool) -> None:
    writer = write_to(timeout="1s")
    request = writer.request("volume/shared")
    writer.fault("latency", "volume_snapshots", "POST", seconds=1.3)
    if done:
        writer.fault("latency", "volume_snapshots", "GET", seconds=0.6)
    (outcome,) = writer.driver.create([request])
    assert (outcome.error is None) is done
    assert writer.writes().count("POST volume_snapshots") == 1
    assert len(writer.rows("volume_snapshots")) <= 1


@pytest.mark.parametrize("path", TABLES)
def test_an_outcome_that_nobody_can_look_up_stays_unknown(writer: Writer, path: str) -> None:
    request = writer.request(path)
    writer.fault("drop_after", TABLES[path], "POST")
    writer.fault("drop_before", f"{TABLES[path]}*", "GET", times=0)
    (outcome,) = writer.driver.create([request])
    assert isinstance(outcome.error, OutcomeUnknownError)
    writer.clear()
    (again,) = writer.driver.create([request])
    assert (again.error, again.existed) == (None, True)
    assert len(writer.rows(TABLES[path])) == 1


@pytest.mark.parametrize("path", TABLES)
def test_what_was_taken_and_cannot_be_read_back_is_unknown(writer: Writer, path: str) -> None:
    request = writer.request(path)
    writer.fault("status_before", f"{TABLES[path]}*", "GET", times=0)
    (outcome,) = writer.driver.create([request])
    assert isinstance(outcome.error, OutcomeUnknownError)
    assert len(writer.rows(TABLES[path])) == 1


@pytest.mark.parametrize("path", TABLES)
def test_the_expiration_is_always_sent_with_the_margin(writer: Writer, path: str) -> None:
    writer.take(path, "dated")
    writer.take(path, "for ever", expires_at=None)
    writer.take(path, "pinned", pin=Pin("anna", "audit"))
    writer.take(path, "pinned till", pin=Pin("anna", "audit", NOW + timedelta(days=2)))
    writer.take(path, "once pinned", pin=Pin("anna", "audit", NOW))
    found = {row["name"]: row["expires"] for row in writer.rows(TABLES[path])}
    dated = NOON + DAY + MARGIN
    assert found == {"dated": dated, "for ever": 0, "pinned": 0, "pinned till": 0, "once pinned": dated}


@pytest.mark.parametrize("path", TABLES)
def test_a_clock_that_is_far_ahead_does_not_delete_what_was_just_taken(
    writer: Writer, write_to: Callable[..., Writer], path: str
) -> None:
    request = writer.request(path)
    writer.sim.days(30)
    (outcome,) = write_to().driver.create([request])
    assert outcome.snapshot is not None
    (row,) = writer.rows(TABLES[path])
    assert row["expires"] == NOON + 30 * DAY + MARGIN
    assert outcome.snapshot.mark is not None
    assert outcome.snapshot.mark.expires_at == NOW + timedelta(days=1)


def test_the_description_stands_above_the_mark(writer: Writer) -> None:
    writer.take("vm/db-01", description="CHG-1: before\nthe upgrade")
    (row,) = writer.rows("machine_snapshots")
    *text, line = row["description"].splitlines()
    assert text == ["CHG-1: before", "the upgrade"]
    assert line.startswith("snapplan {")


def test_min_snapshots_is_never_left_to_the_platform(writer: Writer) -> None:
    writer.take("cloud")
    assert [row["min_snapshots"] for row in writer.rows("cloud_snapshots")] == [0]


class TestBuilding:
    """A system snapshot has no state at first, then it is built."""

    def test_it_is_waited_for(self, sim: Sim, write_to: Callable[..., Writer]) -> None:
        sim.seed(timings={"blank": 3, "building": 30})
        writer = write_to()
        snapshot = writer.take("cloud")
        assert snapshot.completed_at is not None
        assert 20 <= sum(writer.waited) <= 45
        assert max(writer.waited) <= 2
        assert sorted(writer.waited) == writer.waited

    def test_looks_become_rare_when_it_takes_long(self, sim: Sim, write_to: Callable[..., Writer]) -> None:
        sim.seed(timings={"blank": 0, "building": 500})
        writer = write_to()
        writer.take("cloud")
        assert len(writer.waited) < 100
        assert max(writer.waited) == 10

    def test_one_that_takes_too_long_is_not_complete(self, sim: Sim, write_to: Callable[..., Writer]) -> None:
        sim.seed(timings={"blank": 3, "building": 3600})
        writer = write_to(building_timeout="60s")
        outcome = writer.create("cloud")
        assert outcome.error is not None
        assert "not complete after 60 s" in str(outcome.error)
        assert sum(writer.waited) >= 60
        (listed,) = writer.snapshots("cloud")
        assert listed.completed_at is None

    def test_one_that_vanishes_is_an_error(self, sim: Sim, write_to: Callable[..., Writer]) -> None:
        sim.seed(timings={"blank": 3, "building": 30})
        writer = write_to()
        writer.fault("status_before", "cloud_snapshots/*", "GET", status=404)
        outcome = writer.create("cloud")
        assert "vanished" in str(outcome.error)

    def test_one_that_another_run_began_is_waited_for(self, sim: Sim, write_to: Callable[..., Writer]) -> None:
        sim.seed(timings={"blank": 3, "building": 3600})
        writer = write_to(building_timeout="60s")
        assert writer.create("cloud").error is not None
        sim.step(3600)
        again = writer.create("cloud", run="run-2")
        assert (again.error, again.existed) == (None, True)


class TestQuiesce:
    """``quiesced`` counts only as it is read back."""

    @pytest.fixture
    def running(self, writer: Writer) -> Writer:
        writer.sim.control("PUT", "agent/web-01", {"version": ""})
        return writer

    @pytest.mark.parametrize("switch", ["degrade", "error", "error_keeps"])
    def test_required_and_impossible_leaves_nothing(self, running: Writer, switch: str) -> None:
        running.switch(quiesce_without_agent=switch)
        outcome = running.create("vm/web-01", quiesce=Quiesce.REQUIRE)
        assert isinstance(outcome.error, QuiesceError)
        assert running.rows("machine_snapshots") == []

    @pytest.mark.parametrize("switch", ["degrade", "error", "error_keeps"])
    def test_preferred_and_impossible_is_taken_without(self, running: Writer, switch: str) -> None:
        running.switch(quiesce_without_agent=switch)
        outcome = running.create("vm/web-01", quiesce=Quiesce.PREFER)
        assert outcome.error is None
        assert outcome.snapshot is not None
        assert outcome.snapshot.quiesced is False
        assert "could not freeze" in outcome.notices[0]
        assert len(running.rows("machine_snapshots")) == 1

    @pytest.mark.parametrize("quiesce", [Quiesce.REQUIRE, Quiesce.PREFER])
    def test_with_an_agent_it_is_quiesced(self, writer: Writer, quiesce: Quiesce) -> None:
        outcome = writer.create("vm/web-01", quiesce=quiesce)
        assert (outcome.error, outcome.notices) == (None, ())
        assert outcome.snapshot is not None
        assert outcome.snapshot.quiesced

    @pytest.mark.parametrize("path", ["cloud", "tenant/acme"])
    def test_a_scope_that_is_never_quiesced_is_refused_before(self, writer: Writer, path: str) -> None:
        request = writer.request(path, quiesce=Quiesce.REQUIRE)
        writer.sim.requests()
        (outcome,) = writer.driver.create([request])
        assert isinstance(outcome.error, QuiesceError)
        assert writer.writes() == []

    def test_one_that_was_taken_before_is_not_deleted(self, running: Writer) -> None:
        running.take("vm/web-01")
        outcome = running.create("vm/web-01", quiesce=Quiesce.REQUIRE)
        assert isinstance(outcome.error, QuiesceError)
        assert len(running.rows("machine_snapshots")) == 1

    def test_one_that_cannot_be_deleted_again_is_told(self, running: Writer) -> None:
        running.fault("status_before", "machine_snapshots/*", "DELETE", status=403)
        outcome = running.create("vm/web-01", quiesce=Quiesce.REQUIRE)
        assert not isinstance(outcome.error, QuiesceError)
        assert "could not be deleted again" in str(outcome.error)
        assert len(running.rows("machine_snapshots")) == 1


class TestOptions:
    """What only system snapshots have."""

    def test_immutable_and_private(self, writer: Writer) -> None:
        snapshot = writer.take("cloud", options={"immutable": True, "private": True})
        (row,) = writer.rows("cloud_snapshots")
        assert (row["private"], row["immutable_status"]) == (True, "locked")
        assert snapshot.locked_until is not None

    def test_tags_become_keys(self, writer: Writer) -> None:
        options = {"type": "partial_include", "partial_tags": ("DB", "Web"), "quiesce_tags": ("DB",)}
        writer.take("cloud", options=options)
        (row,) = writer.rows("cloud_snapshots")
        keys = {each["name"]: each["$key"] for each in writer.rows("tags")}
        assert row["type"] == "partial_include"
        assert row["partial_tags"] == f"{keys['DB']},{keys['Web']}"
        assert row["quiesce_tags"] == str(keys["DB"])

    def test_an_unknown_tag_is_named_and_nothing_taken(self, writer: Writer) -> None:
        outcome = writer.create("cloud", options={"type": "partial_include", "partial_tags": ("Db",)})
        assert isinstance(outcome.error, RefusedError)
        assert "'Db'" in str(outcome.error)
        assert writer.rows("cloud_snapshots") == []

    def test_an_old_platform_that_would_take_everything_is_not_asked(
        self, sim: Sim, write_to: Callable[..., Writer]
    ) -> None:
        sim.seed(version="26.0")
        writer = write_to()
        outcome = writer.create("cloud", options={"type": "partial_include", "partial_tags": ("DB",)})
        assert isinstance(outcome.error, RefusedError)
        assert writer.rows("cloud_snapshots") == []

    def test_what_the_system_did_not_do_is_told(self, writer: Writer) -> None:
        writer.take("cloud")
        (row,) = writer.rows("cloud_snapshots")
        outcome = writer.create("cloud", options={"immutable": True, "type": "full"})
        assert outcome.existed
        assert outcome.notices == ("the system did not lock it",)
        assert row["immutable_status"] == "unlocked"


class TestRefused:
    """What is not sent, or what the platform refuses."""

    def test_a_target_that_is_gone(self, writer: Writer) -> None:
        request = writer.request("volume/shared")
        (row,) = writer.rows("volumes")
        writer.sim.post("volume_actions", {"volume": row["$key"], "action": "disable"})
        writer.sim.delete(f"volumes/{row['$key']}")
        (outcome,) = writer.driver.create([request])
        assert isinstance(outcome.error, NotFoundError)

    def test_a_vm_under_the_key_of_one_that_is_gone_is_not_taken(self, writer: Writer) -> None:
        request = writer.request("vm/db-01")
        old = next(row for row in writer.rows("vms") if row["name"] == "db-01")
        writer.sim.delete(f"vms/{old['$key']}")
        assert writer.sim.key("vms", {"name": "db-01"}) == old["$key"], "the key is given out again"
        (outcome,) = writer.driver.create([request])
        assert isinstance(outcome.error, NotFoundError)
        assert writer.rows("machine_snapshots") == []

    def test_a_volume_of_another_machine(self, sim: Sim, write_to: Callable[..., Writer]) -> None:
        writer = write_to()
        request = writer.request("volume/shared")
        (row,) = writer.rows("volumes")
        sim.control("PUT", f"rows/volumes/{row['$key']}", {"fs_type": "nfs"})
        (outcome,) = writer.driver.create([request])
        assert isinstance(outcome.error, RefusedError)
        assert "nfs" in str(outcome.error)

    def test_a_tenant_that_is_a_snapshot(self, writer: Writer) -> None:
        request = writer.request("tenant/acme")
        (row,) = writer.rows("tenants")
        writer.sim.control("PUT", f"rows/tenants/{row['$key']}", {"is_snapshot": True})
        (outcome,) = writer.driver.create([request])
        assert isinstance(outcome.error, RefusedError)
        assert "snapshot itself" in str(outcome.error)

    @pytest.mark.parametrize("fields", [{"project": "elsewhere"}, {"target_id": "another"}], ids=["project", "target"])
    def test_a_mark_of_something_else(self, writer: Writer, fields: dict[str, Any]) -> None:
        outcome = writer.create("vm/db-01", **fields)
        assert isinstance(outcome.error, RefusedError)
        assert writer.rows("machine_snapshots") == []

    def test_a_mark_that_fits_into_no_description(self, writer: Writer) -> None:
        outcome = writer.create("vm/db-01", pin=Pin("anna", "x" * 2100))
        assert isinstance(outcome.error, RefusedError)
        assert writer.rows("machine_snapshots") == []

    @pytest.mark.parametrize("code", ["26.1.3", "26.1.7"], ids=["422", "409"])
    def test_a_name_that_is_taken(self, sim: Sim, write_to: Callable[..., Writer], code: str) -> None:
        sim.seed(version=code)
        writer = write_to()
        writer.take("cloud")
        outcome = writer.create("cloud", key="another")
        assert isinstance(outcome.error, NameTakenError)
        assert len(writer.rows("cloud_snapshots")) == 1

    def test_a_name_that_is_taken_shows_after_an_unknown_outcome_too(self, writer: Writer) -> None:
        writer.take("cloud")
        writer.fault("status_after", "cloud_snapshots", "POST")
        assert isinstance(writer.create("cloud", key="another").error, NameTakenError)


class TestNamesThatAreNotUnique:
    """A system that lets two snapshots of a volume have one name (API reference: a guess that it does not)."""

    @pytest.fixture
    def free(self, writer: Writer) -> Writer:
        writer.switch(volume_snapshot_names="free")
        return writer

    def test_ours_goes_again_and_the_older_one_counts(self, free: Writer) -> None:
        first = free.take("volume/shared")
        free.sim.step(5)
        again = free.create("volume/shared", run="run-2")
        assert (again.error, again.existed, again.snapshot) == (None, True, first)
        assert len(free.rows("volume_snapshots")) == 1

    def test_ours_goes_again_where_the_older_one_is_another(self, free: Writer) -> None:
        first = free.take("volume/shared", key="another")
        free.sim.step(5)
        assert isinstance(free.create("volume/shared").error, NameTakenError)
        assert free.snapshots("volume/shared") == [first]
