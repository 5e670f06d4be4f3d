"""Restores: bytes, power, what is read back, and a fault at every write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from vergeos_sim.conftest import SEED, Sim

from snapplan.errors import NameTakenError, NotFoundError, NotSupportedError, OutcomeUnknownError, RefusedError
from snapplan.models.request import Mandate, RestoreRequest

from .writer import Writer

FAULTS: dict[str, dict[str, Any]] = {
    "dropped before": {"kind": "drop_before"},
    "dropped after": {"kind": "drop_after"},
    "500 after": {"kind": "status_after"},
    "429": {"kind": "status_before", "status": 429},
}


class Kind(NamedTuple):
    """One way to restore: out of a snapshot of ``source``, what is restored, and where its bytes are then."""

    source: str
    target: str
    mode: str
    proof: str
    fields: Mapping[str, Any] = MappingProxyType({})


KINDS = {
    "VM clone": Kind("vm/web-01", "vm/web-01", "clone", "vms/copy", {"power_on": True}),
    "VM in place": Kind("vm/web-01", "vm/web-01", "in_place", "vms/web-01", {"power_off": True, "power_on": True}),
    "VM out of the system": Kind("cloud", "vm/web-01", "clone", "vms/copy", {"power_on": True}),
    "tenant out of the system": Kind("cloud", "tenant/acme", "clone", "tenants/copy"),
    "tenant in place": Kind(
        "tenant/acme", "tenant/acme", "in_place", "tenants/acme", {"power_off": True, "power_on": True}
    ),
}


def prepared(writer: Writer, kind: Kind) -> RestoreRequest:
    """Take the snapshot, then change what it is of."""
    request = writer.restoring(writer.take(kind.source), kind.target, kind.mode, **kind.fields)
    place = {"vm": "vms", "tenant": "tenants"}[kind.target.partition("/")[0]]
    writer.sim.control("PUT", f"bytes/{place}/{kind.target.partition('/')[2]}", b"changed later")
    return request


def old_bytes(kind: Kind) -> bytes:
    return b"web one" if kind.target == "vm/web-01" else b"acme data"


def is_on(writer: Writer, table: str, name: str) -> bool:
    row = next(each for each in writer.rows(table) if each["name"] == name)
    status = {"vms": "machine_status", "tenants": "tenant_status"}[table]
    column, key = ("machine", row["machine"]) if table == "vms" else ("tenant", row["$key"])
    return bool(next(each for each in writer.rows(status) if each[column] == key)["running"])


def ledger(writer: Writer) -> list[tuple[str, bool]]:
    return [(each.key, each.done) for each in writer.inventory().restores]


@pytest.mark.parametrize("name", KINDS)
def test_the_old_bytes_come_back(writer: Writer, name: str) -> None:
    kind = KINDS[name]
    request = prepared(writer, kind)
    outcome = writer.restore(request)
    assert (outcome.error, outcome.existed, outcome.notices) == (None, False, ())
    assert writer.sim.bytes(kind.proof) == old_bytes(kind)
    assert ledger(writer) == [("CHG-1", True)]
    assert is_on(writer, *kind.proof.split("/")) is bool(kind.fields.get("power_on"))


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_fault_at_any_write_is_settled_and_nothing_done_twice(
    sim: Sim, write_to: Callable[..., Writer], name: str
) -> None:
    kind = KINDS[name]
    first = write_to()
    request = prepared(first, kind)
    first.sim.requests()
    assert first.restore(request).error is None
    writes = first.writes()
    assert len(writes) >= 4
    for number, write in enumerate(writes):
        for fault in FAULTS.values():
            sim.seed()
            writer = write_to()
            request = prepared(writer, kind)
            method, _, path = write.partition(" ")
            nth = writes[: number + 1].count(write)
            writer.fault(**fault, method=method, path=path, nth=nth)
            _check_settled(writer, kind, request, f"{fault} at {number}: {write}")


def _check_settled(writer: Writer, kind: Kind, request: RestoreRequest, where: str) -> None:
    outcome = writer.restore(request)
    writer.clear()
    recovered = writer.driver.recover(frozenset(), Mandate(complete=frozenset({"CHG-1"})))
    done = [each for each in recovered if each.completed]
    assert all(done for _, done in ledger(writer)), (where, outcome, recovered)
    if outcome.notices and kind.source == "tenant/acme":
        # It could not be switched on, and says that it takes effect when somebody does.
        assert "powered on next" in outcome.notices[-1], (where, outcome)
        writer.sim.post("tenant_actions", {"tenant": 1, "action": "poweron"})
    table, name = kind.proof.split("/")
    made = [row for row in writer.rows(table) if row["name"].startswith(name)]
    if outcome.error is None or done:
        assert writer.sim.bytes(kind.proof) == old_bytes(kind), where
    elif kind.mode == "clone":
        assert made == [], (where, outcome)
    else:
        assert writer.sim.bytes(kind.proof) == b"changed later", where
    again = writer.restore(request)
    assert again.error is None, (where, outcome, recovered)
    assert again.existed is (outcome.error is None or bool(done)), (where, outcome, recovered)
    assert writer.sim.bytes(kind.proof) == old_bytes(kind), where
    assert [row["name"] for row in writer.rows(table) if row["name"].startswith(name)] == [name], where
    assert ledger(writer) == [("CHG-1", True)], where
    assert writer.driver.recover(frozenset()) == [], where


class TestVm:
    """A VM from its own snapshot."""

    def test_a_clone_has_addresses_of_its_own_unless_they_are_to_be_kept(self, writer: Writer) -> None:
        source = writer.take("vm/web-01")
        assert writer.restore(writer.restoring(source, "vm/web-01")).error is None
        kept = writer.restoring(source, "vm/web-01", key="CHG-2", as_name="twin", preserve_macs=True)
        assert writer.restore(kept).error is None
        machines = {row["name"]: row["machine"] for row in writer.rows("vms")}
        macs = {row["machine"]: row["macaddress"] for row in writer.rows("machine_nics")}
        assert macs[machines["twin"]] == macs[machines["web-01"]] != macs[machines["copy"]]

    def test_one_that_is_on_is_not_restored_in_place(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["VM in place"])._replace(power_off=False)
        writer.sim.requests()
        outcome = writer.restore(request)
        assert isinstance(outcome.error, RefusedError)
        assert "powered on" in str(outcome.error)
        assert writer.writes() == []
        assert writer.sim.bytes("vms/web-01") == b"changed later"

    def test_it_is_left_off_unless_power_is_asked_for(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["VM in place"])._replace(power_on=False)
        outcome = writer.restore(request)
        assert outcome.notices == ("it was switched off and left off",)
        assert not is_on(writer, "vms", "web-01")

    def test_one_that_does_not_shut_down_is_left_alone(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["VM in place"])
        # The guest ignores the button: the platform accepts the action and nothing happens.
        writer.fault("status_before", "vm_actions", "POST", status=500, times=0)
        outcome = writer.restore(request)
        assert "did not shut down" in str(outcome.error)
        assert sum(writer.waited) >= 300
        assert ledger(writer) == []
        assert writer.sim.bytes("vms/web-01") == b"changed later"

    @pytest.mark.parametrize("nth", [1, 3])
    def test_a_power_action_that_was_lost_is_asked_for_once_more(self, writer: Writer, nth: int) -> None:
        request = prepared(writer, KINDS["VM in place"])
        writer.fault("drop_before", "vm_actions", "POST", nth=nth)
        writer.sim.requests()
        outcome = writer.restore(request)
        assert (outcome.error, outcome.notices) == (None, ())
        assert writer.writes().count("POST vm_actions") == 4
        assert 10 <= sum(writer.waited) < 20
        assert writer.sim.bytes("vms/web-01") == b"web one"
        assert is_on(writer, "vms", "web-01")

    def test_the_snapshot_of_another_vm_is_not_put_over_it(self, writer: Writer) -> None:
        source = writer.take("vm/db-01")
        outcome = writer.restore(writer.restoring(source, "vm/web-01", "in_place", power_off=True))
        assert isinstance(outcome.error, RefusedError)
        assert "not a snapshot of vm web-01" in str(outcome.error)
        assert writer.sim.bytes("vms/web-01") == b"web one"

    def test_what_cannot_be_switched_on_was_restored_all_the_same(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["VM clone"])
        writer.fault("status_before", "vm_actions", "POST", nth=2, status=422)
        outcome = writer.restore(request)
        assert outcome.error is None
        assert "could not be switched on" in outcome.notices[0]
        assert ledger(writer) == [("CHG-1", True)]

    def test_what_cannot_be_switched_on_yet_is_switched_on_by_the_next_run(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["VM clone"])
        writer.fault("status_before", "vm_actions", "POST", nth=2, status=429)
        assert isinstance(writer.restore(request).error, OutcomeUnknownError)
        assert ledger(writer) == [("CHG-1", False)]
        assert [each.completed for each in writer.driver.recover(frozenset())] == [True]
        assert is_on(writer, "vms", "copy")
        assert ledger(writer) == [("CHG-1", True)]

    def test_a_snapshot_without_its_hidden_vm_is_not_found(self, writer: Writer) -> None:
        source = writer.take("vm/web-01")
        writer.sim.control("PUT", "rows/machine_snapshots/1", {"snap_machine": None})
        outcome = writer.restore(writer.restoring(source, "vm/web-01"))
        assert isinstance(outcome.error, NotFoundError)
        assert ledger(writer) == []


class TestOutOfTheSystem:
    """A VM or tenant out of a system snapshot."""

    def test_the_platform_is_asked_to_list_the_contents_and_waited_for(
        self, sim: Sim, write_to: Callable[..., Writer]
    ) -> None:
        timings = {**SEED["timings"], "find": 20, "recover": 45, "provision": 30}
        sim.seed(switches={"contents": "on_request"}, timings=timings)
        writer = write_to()
        for name in ("VM out of the system", "tenant out of the system"):
            request = prepared(writer, KINDS[name])._replace(key=name.split()[0])
            outcome = writer.restore(request)
            assert (outcome.error, outcome.notices) == (None, ())
            assert writer.sim.bytes(KINDS[name].proof) == old_bytes(KINDS[name])
            assert writer.expire(request.source).error is None
        assert sum(writer.waited) >= 120
        copy = next(row for row in writer.rows("tenants") if row["name"] == "copy")
        status = next(row for row in writer.rows("tenant_status") if row["tenant"] == copy["$key"])
        assert status["status"] == "offline", "it is provisioned when the restore ends"

    @pytest.mark.parametrize("contents", ["at_capture", "on_request"])
    def test_what_is_not_in_it_is_not_found_and_nothing_begun(
        self, sim: Sim, write_to: Callable[..., Writer], contents: str
    ) -> None:
        sim.seed(switches={"contents": contents})
        writer = write_to()
        source = writer.take("cloud", options={"type": "partial_include", "partial_tags": ("DB",)})
        outcome = writer.restore(writer.restoring(source, "vm/web-01"))
        assert isinstance(outcome.error, NotFoundError)
        assert "does not contain vm web-01" in str(outcome.error)
        assert ledger(writer) == []
        assert writer.rows("tag_categories")[-1]["name"] == "backup"

    def test_a_vm_that_was_made_anew_under_the_name_is_told(self, writer: Writer) -> None:
        source = writer.take("cloud")
        old = next(row for row in writer.rows("vms") if row["name"] == "web-01")
        writer.sim.delete(f"vms/{old['$key']}")
        writer.sim.key("vms", {"name": "web-01"})
        writer.inventory()
        outcome = writer.restore(writer.restoring(source, "vm/web-01"))
        assert outcome.error is None
        assert "is another one than today's" in outcome.notices[0]
        assert writer.sim.bytes("vms/copy") == b"web one"

    def test_a_name_that_is_taken_meanwhile_is_told(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["tenant out of the system"])
        api = writer.driver._api
        real = api.post

        def post(table: str, body: Any) -> Any:
            if table == "cloud_snapshot_tenant_actions":
                writer.sim.post("tenants", {"name": "copy"})
            return real(table, body)

        api.post = post  # type: ignore[method-assign]
        outcome = writer.restore(request)
        assert outcome.error is None
        assert "called copy (1)" in outcome.notices[0]
        assert writer.sim.bytes("tenants/copy (1)") == b"acme data"

    def test_one_that_is_not_complete_is_refused(self, sim: Sim, write_to: Callable[..., Writer]) -> None:
        sim.seed(timings={**SEED["timings"], "building": 3600})
        writer = write_to(building_timeout="10s")
        assert writer.create("cloud").error is not None
        (source,) = writer.snapshots("cloud")
        outcome = writer.restore(writer.restoring(source, "vm/web-01"))
        assert isinstance(outcome.error, RefusedError)
        assert "not complete" in str(outcome.error)
        assert ledger(writer) == []

    def test_a_recovery_that_was_lost_is_given_up_after_a_minute(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["VM out of the system"])
        writer.fault("drop_before", "cloud_snapshot_vm_actions", "POST")
        outcome = writer.restore(request)
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert "is not being recovered" in str(outcome.error)
        assert 60 <= sum(writer.waited) < 90
        assert [each.completed for each in writer.driver.recover(frozenset())] == [False]
        assert writer.restore(request).error is None
        assert writer.sim.bytes("vms/copy") == b"web one"

    def test_addresses_cannot_be_kept(self, writer: Writer) -> None:
        outcome = writer.restore(writer.restoring(writer.take("cloud"), "vm/web-01", preserve_macs=True))
        assert isinstance(outcome.error, RefusedError)
        assert ledger(writer) == []

    def test_a_failed_recovery_is_told_and_may_be_begun_again(self, sim: Sim, write_to: Callable[..., Writer]) -> None:
        sim.seed(timings={**SEED["timings"], "recover": 3600})
        writer = write_to()
        request = prepared(writer, KINDS["VM out of the system"])
        wait = writer._wait

        def fail(seconds: float) -> None:
            wait(seconds)
            row = next(each for each in writer.rows("cloud_snapshot_vms") if each["status"] == "importing")
            failed = {"status": "error", "status_info": "tier 1 is full"}
            sim.control("PUT", f"rows/cloud_snapshot_vms/{row['$key']}", failed)

        writer.driver._wait = fail
        outcome = writer.restore(request)
        assert isinstance(outcome.error, RefusedError)
        assert "tier 1 is full" in str(outcome.error)
        assert ledger(writer) == []

    def test_a_provider_s_snapshot_is_requested_first(self, sim: Sim, write_to: Callable[..., Writer]) -> None:
        sim.seed(timings={**SEED["timings"], "request": 20}, cloud_snapshots=[{"name": "theirs", "provider": True}])
        writer = write_to()
        (source,) = writer.snapshots("cloud")
        writer.sim.requests()
        outcome = writer.restore(writer.restoring(source, "vm/web-01"))
        assert outcome.error is None
        assert writer.writes()[0] == "POST cloud_snapshot_actions"
        assert sum(writer.waited) >= 15
        assert writer.sim.bytes("vms/copy") == b"web one"


class TestTenant:
    """A tenant in place."""

    def test_it_is_pending_until_the_tenant_is_powered_on(self, writer: Writer) -> None:
        kind = KINDS["tenant in place"]
        request = prepared(writer, kind)._replace(power_on=False, power_off=False)
        outcome = writer.restore(request)
        assert outcome.error is None
        assert "when the tenant is powered on next" in outcome.notices[0]
        assert writer.sim.bytes("tenants/acme") == b"changed later"
        writer.sim.post("tenant_actions", {"tenant": 1, "action": "poweron"})
        assert writer.sim.bytes("tenants/acme") == b"acme data"

    def test_one_that_is_on_is_refused_or_switched_off(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["tenant in place"])
        writer.sim.post("tenant_actions", {"tenant": 1, "action": "poweron"})
        assert isinstance(writer.restore(request._replace(power_off=False)).error, RefusedError)
        assert writer.restore(request).error is None
        assert writer.sim.bytes("tenants/acme") == b"acme data"
        assert is_on(writer, "tenants", "acme")


class TestVolume:
    """A volume in place, where the system's schema has the action."""

    def test_it_is_refused_where_the_schema_does_not_show_it(self, writer: Writer) -> None:
        source = writer.take("volume/shared")
        outcome = writer.restore(writer.restoring(source, "volume/shared", "in_place"))
        assert isinstance(outcome.error, NotSupportedError)
        assert "in the UI at NAS" in str(outcome.error)

    def test_it_is_done_where_the_schema_shows_it(self, sim: Sim, write_to: Callable[..., Writer]) -> None:
        sim.seed(switches={"volume_restore": "offered"})
        writer = write_to()
        source = writer.take("volume/shared")
        writer.sim.control("PUT", "bytes/volumes/shared", b"changed later")
        assert writer.restore(writer.restoring(source, "volume/shared", "in_place")).error is None
        assert writer.sim.bytes("volumes/shared") == b"files"


class TestKeys:
    """A key is begun once."""

    def test_a_done_key_with_other_content_is_refused(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["VM clone"])
        assert writer.restore(request).error is None
        assert writer.restore(request).existed
        outcome = writer.restore(request._replace(as_name="other"))
        assert "with other content" in str(outcome.error)
        assert "other" not in {row["name"] for row in writer.rows("vms")}

    def test_a_key_that_another_run_begins_at_the_same_moment_is_begun_once(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["VM clone"])
        writer.sim.post("tag_categories", {"name": "snapplan-shop"})
        writer.fault("status_after", "tags", "POST")
        category = next(row["$key"] for row in writer.rows("tag_categories") if row["name"] == "snapplan-shop")
        api = writer.driver._api
        real = api.post

        def post(table: str, body: Any) -> Any:
            if table == "tags":
                api.post = real  # type: ignore[method-assign]
                line = body["description"].replace("run-1", "run-2")
                writer.sim.control("POST", "rows/tags", {"category": category, "name": "CHG-1", "description": line})
            return real(table, body)

        api.post = post  # type: ignore[method-assign]
        outcome = writer.restore(request)
        assert isinstance(outcome.error, RefusedError)
        assert "another run" in str(outcome.error)
        assert "copy" not in {row["name"] for row in writer.rows("vms")}

    @pytest.mark.parametrize("key", ["CHG/1 für Zoë", "x" * 200, "-", ""])
    def test_odd_keys_are_kept_whole(self, writer: Writer, key: str) -> None:
        request = prepared(writer, KINDS["VM clone"])._replace(key=key)
        assert writer.restore(request).error is None
        assert ledger(writer) == [(key, True)]
        assert writer.restore(request).existed

    def test_a_record_that_cannot_be_read_is_not_begun_again(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["VM clone"])
        assert writer.restore(request).error is None
        tag = next(row["$key"] for row in writer.rows("tags") if row["name"] == "CHG-1")
        writer.sim.put(f"tags/{tag}", {"description": "cleaned up"})
        assert isinstance(writer.restore(request).error, RefusedError)

    def test_another_project_has_keys_of_its_own(self, writer: Writer, write_to: Callable[..., Writer]) -> None:
        request = prepared(writer, KINDS["VM clone"])
        assert writer.restore(request).error is None
        other = write_to(project="elsewhere")
        taken = other.restore(request)
        assert isinstance(taken.error, NameTakenError)
        assert other.restore(request._replace(as_name="second")).error is None

    @pytest.mark.parametrize("name", ["VM clone", "VM in place"])
    def test_a_record_that_cannot_be_taken_back_leaves_the_key_begun(self, writer: Writer, name: str) -> None:
        request = prepared(writer, KINDS[name])
        writer.fault("expired", "vm_actions", "POST", nth=1)
        writer.fault("status_before", "tags/*", "DELETE")
        outcome = writer.restore(request)
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert "refuses the credentials" in str(outcome.error)
        assert ledger(writer) == [("CHG-1", False)]
        assert is_on(writer, "vms", "web-01")
        assert [each.completed for each in writer.driver.recover(frozenset())] == [False]
        assert writer.restore(request).error is None
        assert writer.sim.bytes(KINDS[name].proof) == b"web one"

    def test_a_clone_that_does_not_show_leaves_the_key_begun(self, writer: Writer) -> None:
        request = prepared(writer, KINDS["VM clone"])
        writer.fault("drop_after", "vm_actions", "POST")
        writer.fault("drop_before", "vms", "GET", nth=3, times=0)
        outcome = writer.restore(request)
        writer.clear()
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert ledger(writer) == [("CHG-1", False)]
        assert isinstance(writer.restore(request).error, RefusedError)
