"""Snapshots as the inventory lists them: whose they are, what state they are in, what the platform will do to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from vergeos_sim.conftest import NOON, SEED, Sim

from snapplan.drivers.vergeos.api import Api
from snapplan.drivers.vergeos.listing import FOREVER, Attribution, snapshots_of
from snapplan.drivers.vergeos.profiles import NativePeriod
from snapplan.models.snapshot import Mark
from snapplan.models.target import Scope

from .conftest import Connect
from .world import DAY, NOW, OURS, THEIRS, ids, inventory, mark_for, snapshots, take

VERSIONS = ["26.0", "26.1.3", "26.1.7"]


class TestMarks:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("scope", list(Scope))
    def test_a_snapshot_with_our_mark_is_ours(self, api: Api, sim: Sim, scope: Scope, version: str) -> None:
        sim.seed(version=version)
        mark = mark_for(ids(sim)[scope.value])
        key = take(sim, scope, "gold.daily.1", mark)
        found = inventory(api, sim)
        snapshot = snapshots(found)["gold.daily.1"]
        names = {Scope.CLOUD: "", Scope.TENANT: "acme", Scope.VM: "web-01", Scope.VOLUME: "shared"}
        assert snapshot.mark == mark
        assert (snapshot.backend, snapshot.scope, snapshot.managed) == ("dc1", scope, False)
        assert (snapshot.target_id, snapshot.target_name) == (mark.target_id, names[scope])
        assert (snapshot.taken_at, snapshot.completed_at) == (NOW, NOW)
        assert snapshot.native_id.endswith(f"_snapshots/{key}/{NOON}/gold.daily.1")
        assert found.deletes_at == {snapshot.native_id: NOW + 8 * DAY}

    @pytest.mark.parametrize("scope", list(Scope))
    def test_never_is_no_instant(self, api: Api, sim: Sim, scope: Scope) -> None:
        take(sim, scope, "kept", mark_for(ids(sim)[scope.value]), expires=0, expires_type="never")
        assert list(inventory(api, sim).deletes_at.values()) == [None]

    def test_another_projects_mark_is_told_and_its_expiration(self, api: Api, sim: Sim) -> None:
        mark = mark_for(ids(sim)["vm"], project="another")
        take(sim, Scope.VM, "theirs", mark)
        found = inventory(api, sim)
        assert snapshots(found)["theirs"].mark == mark
        assert len(found.deletes_at) == 1

    @pytest.mark.parametrize("scope", list(Scope))
    def test_without_a_mark_it_is_foreign(self, api: Api, sim: Sim, scope: Scope) -> None:
        take(sim, scope, "by-hand")
        take(sim, scope, "broken", description='snapplan {"v":1,"project":"p"')
        found = inventory(api, sim)
        assert [(each.mark, each.managed) for each in found.snapshots] == [(None, False)] * 2
        assert found.deletes_at == {}

    def test_a_mark_of_another_vm_is_nobodys(self, api: Api, sim: Sim) -> None:
        take(sim, Scope.VM, "copied", mark_for(ids(sim)["off"]))
        found = inventory(api, sim)
        copied = snapshots(found)["copied"]
        assert (copied.mark, copied.target_id) == (None, ids(sim)["vm"])
        assert found.notices == (
            "dc1/vm/web-01@copied carries the mark of another target or snapshot: it is left alone",
        )
        assert found.deletes_at == {}

    def test_a_cloned_system_snapshot_is_its_makers(self, api: Api, sim: Sim) -> None:
        key = take(sim, Scope.CLOUD, "ours", mark_for("cloud"))
        sim.post("cloud_snapshot_actions", {"cloud_snapshot": key, "action": "clone", "params": {"name": "kept"}})
        found = snapshots(inventory(api, sim))
        assert found["ours"].mark is not None
        assert found["kept"].mark is None

    def test_what_tenants_are_shown_of_a_system_snapshot_is_foreign(self, api: Api, sim: Sim) -> None:
        sim.seed(switches={"tenant_rows": "at_capture"})
        take(sim, Scope.CLOUD, "ours", mark_for("cloud"))
        found = inventory(api, sim)
        assert [(each.scope, each.mark is None) for each in found.snapshots] == [("cloud", False), ("tenant", True)]
        assert found.notices == ()

    @pytest.mark.parametrize("origin", [{"provider": True}, {"remote_sync": True}, {"incoming_sync": 1}])
    def test_what_came_from_another_system_is_foreign(self, api: Api, sim: Sim, origin: dict[str, Any]) -> None:
        key = take(sim, Scope.CLOUD, "synced", mark_for("cloud"))
        sim.control("PUT", f"rows/cloud_snapshots/{key}", origin)
        found = inventory(api, sim)
        assert snapshots(found)["synced"].mark is None
        assert (found.deletes_at, found.notices) == ({}, ())

    def test_a_shared_vms_snapshot_is_foreign(self, api: Api, sim: Sim) -> None:
        take(sim, Scope.VM, "share-web-01-1a2b", expires=0)
        assert snapshots(inventory(api, sim))["share-web-01-1a2b"].mark is None

    def test_a_key_that_is_given_out_again_is_another_snapshot(self, api: Api, sim: Sim) -> None:
        mark = mark_for(ids(sim)["vm"])
        key = take(sim, Scope.VM, "same", mark)
        before = snapshots(inventory(api, sim))["same"].native_id
        sim.delete(f"machine_snapshots/{key}")
        sim.step(60)
        assert take(sim, Scope.VM, "same", mark) == key
        assert snapshots(inventory(api, sim))["same"].native_id != before


GONE = [("machine_snapshots", "machine", 999_999, Scope.VM), ("tenant_snapshots", "tenant", 99, Scope.TENANT)]


class TestGone:
    @pytest.mark.parametrize(("table", "column", "parent", "scope"), GONE)
    def test_a_mark_tells_what_it_was_of(
        self, api: Api, sim: Sim, table: str, column: str, parent: int, scope: Scope
    ) -> None:
        mark = mark_for("a-vm-that-was")
        key = take(sim, scope, "left", mark)
        sim.control("PUT", f"rows/{table}/{key}", {column: parent})
        left = snapshots(inventory(api, sim))["left"]
        assert (left.target_id, left.mark, left.target_name) == ("a-vm-that-was", mark, "a-vm-that-was")

    @pytest.mark.parametrize(("table", "column", "parent", "scope"), GONE)
    @pytest.mark.parametrize("marked", [False, True])
    def test_without_one_it_is_of_what_is_not_there(
        self, api: Api, sim: Sim, table: str, column: str, parent: int, scope: Scope, marked: bool
    ) -> None:
        # A mark of something that is there, on other rows than its own, is no evidence.
        mark = mark_for(ids(sim)[scope.value]) if marked else None
        key = take(sim, scope, "left", mark)
        sim.control("PUT", f"rows/{table}/{key}", {column: parent})
        left = snapshots(inventory(api, sim))["left"]
        assert (left.target_id, left.mark) == (f"{column}:{parent}", None)

    def test_a_volume_is_its_own_id(self, api: Api, sim: Sim) -> None:
        gone = "ab" * 20
        key = take(sim, Scope.VOLUME, "left", mark_for(gone))
        sim.control("PUT", f"rows/volume_snapshots/{key}", {"volume": gone})
        left = snapshots(inventory(api, sim))["left"]
        assert (left.target_id, left.target_name, left.mark) == (gone, gone, mark_for(gone))

    def test_the_snapshots_of_a_deleted_vm_go_with_it(self, api: Api, sim: Sim) -> None:
        take(sim, Scope.VM, "of it", mark_for(ids(sim)["vm"]))
        sim.delete(f"vms/{ids(sim)['vm_key']}")
        assert inventory(api, sim).snapshots == []


PERIODS = [
    {"name": "Hourly", "frequency": "hourly", "minute": 15, "retention": "24h"},
    {"name": "Daily", "frequency": "daily", "hour": 2, "retention": "7d", "min_snapshots": 3},
]


def scheduled(sim: Sim, description: str = OURS, **changes: Any) -> None:
    """A system whose VMs, volume and whole have one profile, after 15 hours."""
    profile = {"name": "gold", "description": description, "periods": PERIODS}
    vms = [{**SEED["vms"][0], "profile": "gold"}]
    volumes = [{**SEED["volumes"][0], "profile": "gold"}]
    sim.seed(profiles=[profile], vms=vms, volumes=volumes, system_profile="gold", **changes)
    sim.step(15 * 3600)


def managed_marks(found: Any, scope: Scope) -> list[Mark]:
    return [each.mark for each in found.snapshots if each.scope is scope and each.managed]


class TestManaged:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("scope", [Scope.CLOUD, Scope.VM, Scope.VOLUME])
    @pytest.mark.parametrize("names", ["date", "minute"])
    def test_what_a_period_of_ours_took_is_managed(
        self, api: Api, sim: Sim, version: str, scope: Scope, names: str
    ) -> None:
        scheduled(sim, version=version, switches={"scheduled_names": names})
        found = inventory(api, sim)
        marks = managed_marks(found, scope)
        daily = [mark for mark in marks if mark.period == "Daily"]
        two = datetime.fromisoformat("2026-11-23T02:00:00Z")
        expected = Mark("p", ids(sim)[scope.value], "", two, two + 7 * DAY, "gold", "Daily", two, minimum=3)
        assert daily == [expected]
        hourly = sorted(mark.slot for mark in marks if mark.period == "Hourly" and mark.slot is not None)
        assert hourly == [NOW + timedelta(hours=n, minutes=15) for n in range(15)]
        assert found.deletes_at == {}

    def test_a_period_without_end_has_no_expiration(self, api: Api, sim: Sim) -> None:
        forever = {"name": "Ever", "frequency": "hourly", "retention": 0}
        profile = {"name": "gold", "description": OURS, "periods": [forever]}
        sim.seed(profiles=[profile], vms=[{"name": "web-01", "profile": "gold"}])
        sim.step(3600)
        assert [mark.expires_at for mark in managed_marks(inventory(api, sim), Scope.VM)] == [None]

    def test_what_another_system_took_by_a_period_of_the_same_key_is_foreign(self) -> None:
        by = Attribution("dc1", "p", NOW, {7: NativePeriod("gold", "Daily", 1)})
        row = {"$key": 1, "name": "one", "created": NOON, "expires": 0, "status": "normal", "snapshot_period": 7}
        listed = snapshots_of(Scope.CLOUD, [row, {**row, "$key": 2, "remote_sync": True}], {}, by)
        assert [each.managed for each in listed.snapshots] == [True, False]

    @pytest.mark.parametrize("description", ["", THEIRS])
    def test_what_another_profile_took_is_foreign(self, api: Api, sim: Sim, description: str) -> None:
        scheduled(sim, description)
        found = inventory(api, sim)
        assert len(found.snapshots) == 3 * 16
        assert {(each.mark, each.managed) for each in found.snapshots} == {(None, False)}

    def test_a_volumes_snapshots_of_the_same_names_are_told_apart(self, api: Api, sim: Sim) -> None:
        scheduled(sim)
        take(sim, Scope.VOLUME, "Daily_20261101", created_manually=True)
        take(sim, Scope.VOLUME, "Weekly_20261101", created_manually=False)
        take(sim, Scope.VOLUME, "Daily-20261101", created_manually=False)
        take(sim, Scope.VOLUME, "Daily_20261101_0200 (2)", created_manually=False)
        found = snapshots_of_volume(api, sim)
        assert found["Daily_20261101"] is found["Weekly_20261101"] is found["Daily-20261101"] is False
        assert found["Daily_20261101_0200 (2)"] is True

    def test_names_that_occur_twice_are_attributed_alike(self, api: Api, sim: Sim) -> None:
        scheduled(sim, switches={"volume_snapshot_names": "free"})
        take(sim, Scope.VOLUME, "Daily_20261123", created_manually=False)
        daily = [mark for mark in managed_marks(inventory(api, sim), Scope.VOLUME) if mark.period == "Daily"]
        assert len(daily) == 2

    def test_without_its_profile_a_volumes_snapshots_are_foreign(self, api: Api, sim: Sim) -> None:
        scheduled(sim)
        sim.put(f"volumes/{ids(sim)['volume']}", {"snapshot_profile": None})
        assert managed_marks(inventory(api, sim), Scope.VOLUME) == []

    def test_without_its_profile_a_vms_snapshots_stay_managed(self, api: Api, sim: Sim) -> None:
        scheduled(sim)
        key = ids_of_vm(sim)
        sim.put(f"vms/{key}", {"snapshot_profile": None})
        assert len(managed_marks(inventory(api, sim), Scope.VM)) == 16

    def test_of_a_tenant_nothing_is_managed(self, api: Api, sim: Sim) -> None:
        scheduled(sim, switches={"tenant_rows": "at_capture"})
        found = inventory(api, sim)
        assert len([each for each in found.snapshots if each.scope is Scope.TENANT]) == 16
        assert managed_marks(found, Scope.TENANT) == []


def snapshots_of_volume(api: Api, sim: Sim) -> dict[str, bool]:
    return {each.name: each.managed for each in inventory(api, sim).snapshots if each.scope is Scope.VOLUME}


def ids_of_vm(sim: Sim) -> int:
    key: int = sim.get("vms", fields="$key", filter="name eq 'web-01' and is_snapshot eq false")[0]["$key"]
    return key


class TestStates:
    def test_a_system_snapshot_is_complete_when_it_is_built(self, api: Api, sim: Sim) -> None:
        sim.seed(timings={**SEED["timings"], "blank": 5, "building": 60})
        take(sim, Scope.CLOUD, "building", mark_for("cloud"))
        seen = []
        for seconds in (0, 10, 60):
            sim.step(seconds)
            row = sim.get("cloud_snapshots", fields="status")[0]
            snapshot = snapshots(inventory(api, sim))["building"]
            seen.append((row["status"], snapshot.completed_at, snapshot.contains))
        assert seen == [(None, None, ()), ("building", None, ()), ("normal", NOW, ("vm/*", "tenant/*"))]

    @pytest.mark.parametrize(
        ("status", "age", "complete"),
        [
            ("held", 0, True),
            ("error", 0, True),
            (None, 3600, False),
            (None, 2 * 86_400, True),
            ("building", 2 * 86_400, False),
        ],
    )
    def test_a_state_says_whether_it_is_complete(self, status: str | None, age: int, complete: bool) -> None:
        row = {"$key": 1, "name": "one", "created": NOON - age, "expires": 0, "status": status}
        listed = snapshots_of(Scope.CLOUD, [row], {}, Attribution("dc1", "p", NOW))
        assert (listed.snapshots[0].completed_at is not None) is complete

    def test_what_is_about_to_be_deleted_is_not_complete(self, api: Api, sim: Sim) -> None:
        key = take(sim, Scope.VM, "going")
        sim.control("PUT", f"rows/machine_snapshots/{key}", {"queue_delete": True})
        assert snapshots(inventory(api, sim))["going"].completed_at is None

    def test_a_lock_ends_with_the_expiration(self, api: Api, sim: Sim) -> None:
        take(sim, Scope.CLOUD, "locked", immutable=True)
        take(sim, Scope.CLOUD, "for ever", immutable=True, expires=0, expires_type="never")
        take(sim, Scope.CLOUD, "open")
        found = snapshots(inventory(api, sim))
        ends = {name: found[name].locked_until for name in found}
        assert ends == {"locked": NOW + 8 * DAY, "for ever": FOREVER, "open": None}

    @pytest.mark.parametrize(("immutable", "until"), [(True, NOW + DAY), (False, None), (None, None)])
    def test_a_system_that_tells_no_state_of_a_lock_tells_the_lock(
        self, immutable: bool | None, until: datetime | None
    ) -> None:
        row = {"$key": 1, "name": "one", "created": NOON, "expires": NOON + 86_400, "immutable": immutable}
        listed = snapshots_of(Scope.CLOUD, [row], {}, Attribution("dc1", "p", NOW))
        assert listed.snapshots[0].locked_until == until

    def test_an_unlocked_one_is_locked_for_a_week_more(self, api: Api, sim: Sim) -> None:
        key = take(sim, Scope.CLOUD, "unlocking", immutable=True)
        sim.put(f"cloud_snapshots/{key}", {"immutable": False})
        assert snapshots(inventory(api, sim))["unlocking"].locked_until == NOW + 7 * DAY

    def test_quiescing_is_what_the_platform_says_of_it(self, api: Api, sim: Sim) -> None:
        known = ids(sim)
        take(sim, Scope.VM, "with agent", quiesce=True)
        take(sim, Scope.VM, "not asked")
        take(sim, Scope.VOLUME, "volume", quiesce=True)
        take(sim, Scope.CLOUD, "system")
        take(sim, Scope.TENANT, "tenant")
        sim.control("PUT", f"agent/{known['vm_key']}", {"version": ""})
        take(sim, Scope.VM, "without agent", quiesce=True)
        found = snapshots(inventory(api, sim))
        assert {name: found[name].quiesced for name in found} == {
            "with agent": True,
            "not asked": False,
            "without agent": False,
            "volume": True,
            "system": False,
            "tenant": None,
        }

    def test_a_partial_one_with_quiesce_tags_does_not_tell(self, api: Api, sim: Sim) -> None:
        take(sim, Scope.CLOUD, "part", type="partial_include", partial_tags="1", quiesce_tags="1")
        snapshot = snapshots(inventory(api, sim))["part"]
        assert snapshot.quiesced is None

    def test_what_a_partial_one_contains_is_known_where_it_is_listed(self, api: Api, sim: Sim) -> None:
        take(sim, Scope.CLOUD, "full")
        key = take(sim, Scope.CLOUD, "part", type="partial_include", partial_tags="1")
        found = snapshots(inventory(api, sim))
        assert found["full"].contains == ("vm/*", "tenant/*")
        listed = {
            one["name"] for one in sim.get("cloud_snapshot_vms", fields="name", filter=f"cloud_snapshot eq {key}")
        }
        assert {name for name in found["part"].contains if "~" not in name} == {f"vm/{name}" for name in listed}

    def test_what_a_partial_one_contains_is_not_guessed(self, api: Api, sim: Sim) -> None:
        sim.seed(switches={"contents": "on_request"})
        take(sim, Scope.CLOUD, "part", type="partial_include", partial_tags="1")
        assert snapshots(inventory(api, sim))["part"].contains == ("?vm/*", "?tenant/*")

    def test_a_mounted_volume_snapshot_is_in_use(self, api: Api, sim: Sim) -> None:
        key = take(sim, Scope.VOLUME, "mounted")
        take(sim, Scope.VOLUME, "idle")
        sim.control("PUT", f"rows/volume_snapshots/{key}", {"snap_volume": ids(sim)["volume"]})
        found = snapshots(inventory(api, sim))
        assert (found["mounted"].in_use, found["idle"].in_use) == ("it is mounted", "")


@pytest.mark.parametrize("switch", ["machine_expires_type", "volume_expires_type"])
@pytest.mark.parametrize("value", ["stored", "argument"])
def test_expirations_are_read_however_they_are_kept(connect: Connect, sim: Sim, switch: str, value: str) -> None:
    sim.seed(switches={switch: value})
    for scope in (Scope.VM, Scope.VOLUME):
        target = ids(sim)[scope.value]
        take(sim, scope, f"{scope} dated", mark_for(target))
        take(sim, scope, f"{scope} kept", mark_for(target, key="k"), expires=0, expires_type="never")
    found = inventory(connect(), sim)
    kept = {each.name: found.deletes_at[each.native_id] for each in found.snapshots}
    assert kept == {"vm dated": NOW + 8 * DAY, "vm kept": None, "volume dated": NOW + 8 * DAY, "volume kept": None}
