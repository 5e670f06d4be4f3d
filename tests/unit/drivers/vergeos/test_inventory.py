"""A whole refresh: how many requests it makes, the targets that it finds, and what it refuses to understand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from vergeos_sim.conftest import NOON, SEED, Sim

from snapplan.drivers.vergeos.api import Api
from snapplan.drivers.vergeos.inventory import Circumstances, inventory_of
from snapplan.drivers.vergeos.marks import with_line
from snapplan.drivers.vergeos.probes import PLACES
from snapplan.drivers.vergeos.reads import SystemRows
from snapplan.errors import BackendError, UnreachableError
from snapplan.models.homonyms import with_distinct_names
from snapplan.models.request import Inventory
from snapplan.models.target import POWERED_ON, Capabilities, Scope

from .conftest import Connect
from .world import NOW, OURS, ids, inventory, refreshed, snapshots, take, targets

READS = [
    *("system", "snapshot_profiles", "snapshot_profile_periods", "vms", "machine_snapshots", "volumes"),
    *("volume_snapshots", "tenants", "tenant_snapshots", "cloud_snapshots", "tag_members", "tags", "settings"),
]
PROBES = ["volume_actions/$table"]
NOTHING: dict[str, Any] = {
    "vms": [],
    "tenants": [],
    "volumes": [],
    "tags": [],
    "profiles": [],
    "shipped_profiles": False,
}


def asked(sim: Sim) -> list[str]:
    return [each.removeprefix("GET ") for each in sim.requests()]


class TestRequests:
    @pytest.mark.parametrize("vms", [1, 300])
    def test_a_refresh_makes_as_many_whatever_the_system_holds(self, api: Api, sim: Sim, vms: int) -> None:
        sim.seed(
            vms=[{"name": "vm-{:03}", "count": vms, "agent": "8", "profile": "gold", "drives": {}}],
            tenants=[{"name": "t{}", "count": 1 + vms // 50}],
            volumes=[{"name": "v{}", "count": 1 + vms // 30, "profile": "gold"}],
        )
        sim.step(15 * 3600)
        sim.requests()
        found = inventory(api, sim)
        assert len(targets(found, Scope.VM)) == vms
        assert len(found.snapshots) == len(targets(found, Scope.VM)) + len(targets(found, Scope.VOLUME))
        assert sorted(asked(sim)) == sorted([*READS, *PROBES])
        assert found.requests == api.requests == 14

    def test_what_is_offered_is_asked_for_once_in_a_connection(self, api: Api, sim: Sim) -> None:
        first = refreshed(api, sim)
        sim.requests()
        from snapplan.drivers.vergeos import CAPABILITIES
        from snapplan.drivers.vergeos.refresh import refresh

        from .conftest import options_of

        again = refresh(api, options_of(sim), "p", CAPABILITIES, first.offers)
        assert sorted(asked(sim)) == sorted(READS[1:])
        assert again.inventory == first.inventory._replace(requests=12)
        assert again.capabilities == first.capabilities

    def test_a_system_with_nothing_on_it_is_listed(self, api: Api, sim: Sim) -> None:
        sim.seed(**NOTHING)
        found = inventory(api, sim)
        assert [target.address for target in found.targets] == ["dc1/cloud"]
        assert found.snapshots == []
        assert found.requests == 13

    @pytest.mark.parametrize("switch", ["sorts", "refused"])
    def test_no_read_is_sorted_by_key(self, api: Api, sim: Sim, switch: str) -> None:
        sim.seed(switches={"key_sort": switch, "all_with_key": "yes", "unknown_filter_column": "422"})
        assert len(inventory(api, sim).targets) == 5

    @pytest.mark.parametrize("table", [name for name in READS if name not in ("system", "settings")])
    def test_a_table_that_may_not_be_read_stops_it(self, connect: Connect, sim: Sim, table: str) -> None:
        sim.seed(accounts=[{"name": "admin", "password": "admin", "denied": [table]}])
        with pytest.raises(UnreachableError, match=f"dc1: {table}: this user may not read it"):
            inventory(connect(), sim)

    @pytest.mark.parametrize("table", READS[1:])
    def test_a_table_that_does_not_come_whole_stops_it(self, api: Api, sim: Sim, table: str) -> None:
        take(sim, Scope.VM, "one")
        sim.control("POST", "faults", {"kind": "truncate", "path": table, "times": 0})
        with pytest.raises(UnreachableError, match=f"dc1: {table}: the answer broke off"):
            inventory(api, sim)

    def test_a_user_without_schemas_is_offered_less(self, connect: Connect, sim: Sim) -> None:
        sim.seed(
            accounts=[{"name": "admin", "password": "admin", "admin": False}],
            switches={"volume_restore": "offered"},
        )
        found = refreshed(connect(), sim)
        assert found.capabilities.unavailable.keys() == PLACES.keys()


class TestTargets:
    def test_each_is_known_by_its_permanent_id(self, api: Api, sim: Sim) -> None:
        known = ids(sim)
        found = inventory(api, sim)
        assert {target.address: target.id for target in found.targets} == {
            "dc1/cloud": "cloud",
            "dc1/tenant/acme": known["tenant"],
            "dc1/vm/web-01": known["vm"],
            "dc1/vm/db-01": known["off"],
            "dc1/volume/shared": known["volume"],
        }
        assert found.identity == "simulated"
        assert found.backend_clock == NOW

    def test_tags_are_theirs(self, api: Api, sim: Sim) -> None:
        sim.seed(
            tags=[{"category": "backup", "tags": ["DB", "Web"]}, {"category": "team", "tags": ["Red"]}],
            vms=[{"name": "a", "tags": ["DB", "Red"]}, {"name": "b"}],
            tenants=[{"name": "t", "tags": ["Red"]}],
            volumes=[{"name": "v", "tags": ["Web"]}],
        )
        found = {target.name: target.tags for target in inventory(api, sim).targets}
        red = {"Red", "team/Red"}
        assert found == {"": set(), "a": {"DB", "backup/DB"} | red, "b": set(), "t": red, "v": {"Web", "backup/Web"}}

    def test_a_tag_name_of_two_categories_is_told_apart(self, api: Api, sim: Sim) -> None:
        sim.seed(tags=[{"category": "backup", "tags": ["DB"]}], vms=[{"name": "a", "tags": ["DB"]}])
        category = sim.key("tag_categories", {"name": "team", "taggable_vms": True})
        sim.key("tags", {"name": "DB", "category": category})
        assert targets(inventory(api, sim), Scope.VM)["a"].tags == {"DB", "backup/DB"}

    def test_what_holds_a_snapshot_is_no_target(self, api: Api, sim: Sim) -> None:
        take(sim, Scope.VM, "one")
        sim.control("POST", "rows/volumes", {"id": "cd" * 20, "name": "mounted", "is_snapshot": True})
        assert len(sim.get("vms", fields="$key")) == 3
        assert len(inventory(api, sim).targets) == 5

    @pytest.mark.parametrize(
        ("fs_type", "listed", "quiesces"),
        [
            ("ext4", True, True),
            ("ybfs", True, True),
            ("verge_vm_export", True, False),
            ("cifs", False, False),
            ("nfs", False, False),
        ],
    )
    def test_shares_of_other_machines_are_no_targets(
        self, api: Api, sim: Sim, fs_type: str, listed: bool, quiesces: bool
    ) -> None:
        sim.seed(volumes=[{"name": "v", "fs_type": fs_type}])
        found = targets(inventory(api, sim), Scope.VOLUME)
        assert [target.can_quiesce for target in found.values()] == ([quiesces] if listed else [])

    @pytest.mark.parametrize("told", ["traverses", "absent"])
    def test_a_vm_can_quiesce_while_its_agent_is_connected(self, api: Api, sim: Sim, told: str) -> None:
        sim.seed(
            vms=[
                {"name": "ready", "agent": "8"},
                {"name": "off", "agent": "8", "running": False},
                {"name": "without"},
            ],
            switches={"agent_version": told},
        )
        found = inventory(api, sim)
        assert {name: vm.can_quiesce for name, vm in targets(found, Scope.VM).items()} == {
            "ready": True,
            "off": False,
            "without": False,
        }
        assert found.requests <= 15
        assert ("machine_status" in asked(sim)) is (told == "absent")

    def test_agents_are_not_asked_for_while_no_vm_runs(self, api: Api, sim: Sim) -> None:
        sim.seed(vms=[{"name": "off", "running": False}], switches={"agent_version": "absent"})
        inventory(api, sim)
        assert "machine_status" not in asked(sim)

    def test_what_is_powered_on_cannot_be_restored_in_place(self, api: Api, sim: Sim) -> None:
        sim.seed(tenants=[{"name": "on"}, {"name": "off", "running": False}])
        found = {target.name: target.in_place_blocker for target in inventory(api, sim).targets}
        assert {name: found[name] for name in ("web-01", "db-01", "on", "off")} == {
            "web-01": POWERED_ON,
            "db-01": "",
            "on": POWERED_ON,
            "off": "",
        }

    @pytest.mark.parametrize("offered", ["absent", "offered"])
    def test_volumes_as_far_as_the_system_offers_it_the_whole_never(self, api: Api, sim: Sim, offered: str) -> None:
        sim.seed(switches={"volume_restore": offered, "cloud_restore": offered})
        found = {target.name: target.in_place_blocker for target in inventory(api, sim).targets}
        assert ("do it in the UI at NAS > Volumes" in found["shared"]) is (offered == "absent")
        assert (found["shared"] == "") is (offered == "offered")
        assert "do it in the UI at System > System Snapshots" in found[""]

    @pytest.mark.parametrize(
        ("scope", "seed"),
        [
            (Scope.VM, {"vms": [{"name": "twin"}, {"name": "other"}, {"name": "twin"}]}),
            (Scope.TENANT, {"tenants": [{"name": "twin"}, {"name": "other"}, {"name": "twin"}]}),
            (Scope.VOLUME, {"volumes": [{"name": "twin"}, {"name": "other"}, {"name": "twin", "service": "nas2"}]}),
        ],
    )
    def test_those_of_one_name_are_told_apart_by_their_ids(
        self, api: Api, sim: Sim, scope: Scope, seed: dict[str, Any]
    ) -> None:
        sim.seed(**seed)
        found = with_distinct_names(inventory(api, sim))
        of_scope = [target for target in found.targets if target.scope is scope]
        assert sorted(target.own_name for target in of_scope) == ["other", "twin", "twin"]
        assert {target.name for target in of_scope} == {
            target.name if target.own_name == "other" else f"twin~{target.id[:8]}" for target in of_scope
        }

    def test_vms_of_one_uuid_are_both_protected(self, api: Api, sim: Sim) -> None:
        known = ids(sim)
        second = sim.get("vms", fields="$key", filter="name eq 'db-01'")[0]["$key"]
        sim.control("PUT", f"rows/vms/{second}", {"uuid": known["vm"]})
        found = inventory(api, sim)
        by_name = targets(found, Scope.VM)
        assert (by_name["web-01"].id, by_name["db-01"].id) == (known["vm"], f"{known['vm']}/{second}")
        assert found.notices == ("db-01 has the UUID of another of the VMs",)


class TestNotices:
    def test_a_clock_that_differs_is_told(self, api: Api, sim: Sim) -> None:
        sim.step(5 * 60)
        assert inventory(api, sim).notices == ()
        sim.step(60)
        found = inventory(api, sim)
        assert found.notices == ("dc1: its clock is 0:06:00 ahead of this machine's",)
        assert found.backend_clock == NOW + timedelta(minutes=6)
        sim.control("PUT", "clock", {"now": NOON - 3600})
        assert inventory(api, sim).notices == ("dc1: its clock is 1:00:00 behind this machine's",)

    def test_an_unverified_connection_is_told_once(self, connect: Connect, sim: Sim) -> None:
        changes = {"insecure": True, "ca_file": None}
        found = refreshed(connect(**changes), sim, **changes).inventory
        assert found.notices == ("dc1: its certificate is not checked (insecure: true)",)


class TestRestores:
    def test_those_that_were_begun_are_listed(self, api: Api, sim: Sim) -> None:
        ours, theirs = (sim.key("tag_categories", {"name": f"snapplan-{name}"}) for name in ("p", "another"))
        fields = {"key": "CHG-1", "run": "r", "target_id": "t", "state": "started", "at": "2026-11-22T11:00:00Z"}
        done = {**fields, "key": "CHG-2", "state": "done"}
        for category, name, line in ((ours, "a", fields), (ours, "b", done), (theirs, "c", fields)):
            sim.key("tags", {"category": category, "name": name, "description": with_line("for people", line)})
        sim.key("tags", {"category": ours, "name": "torn", "description": "snapplan {"})
        found = inventory(api, sim)
        assert [(each.key, each.run, each.target_id, each.done) for each in found.restores] == [
            ("CHG-1", "r", "t", False),
            ("CHG-2", "r", "t", True),
        ]
        assert found.restores[0].started_at == NOW - timedelta(hours=1)
        assert found.notices == ("dc1: the record of restore torn cannot be read; it is not begun again",)


class TestSchedule:
    def test_profiles_and_what_they_are_assigned_to(self, api: Api, sim: Sim) -> None:
        sim.seed(
            profiles=[{"name": "gold", "description": OURS}, {"name": "theirs"}],
            vms=[{"name": "a", "profile": "gold"}, {"name": "b"}],
            volumes=[{"name": "v", "profile": "theirs"}],
            system_profile="gold",
        )
        found = inventory(api, sim)
        assert found.platform is not None
        keys = {profile.name: profile.native_id for profile in found.platform.profiles}
        names = {target.id: target.name or "cloud" for target in found.targets}
        assert {names[target]: key for target, key in found.platform.assigned.items()} == {
            "a": keys["gold"],
            "v": keys["theirs"],
            "cloud": keys["gold"],
        }
        assert {profile.name: profile.project for profile in found.platform.profiles} == {"gold": "p", "theirs": None}
        assert found.platform.blockers == {}

    def test_a_profile_is_known_to_have_snapshots_as_long_as_they_are_there(self, api: Api, sim: Sim) -> None:
        daily = [{"name": "Daily", "frequency": "daily", "hour": 2, "retention": "3d"}]
        profiles = [{"name": name, "description": OURS, "periods": daily} for name in ("vms", "system", "unused")]
        sim.seed(
            profiles=[*profiles, {"name": "volumes", "periods": [{**daily[0], "name": "Night"}]}],
            vms=[{"name": "a", "profile": "vms"}],
            volumes=[{"name": "v", "profile": "volumes"}],
            system_profile="system",
        )
        assert self.with_snapshots(api, sim) == set()
        sim.step(86_400)
        assert self.with_snapshots(api, sim) == {"vms", "system", "volumes"}
        [volume] = sim.get("volumes", fields="id")
        sim.put(f"volumes/{volume['id']}", {"snapshot_profile": None})
        assert self.with_snapshots(api, sim) == {"vms", "system", "volumes"}, "its name may be of that profile"

    @staticmethod
    def with_snapshots(api: Api, sim: Sim) -> set[str]:
        platform = inventory(api, sim).platform
        assert platform is not None
        return {profile.name for profile in platform.profiles if profile.has_snapshots}

    def test_without_settings_the_systems_profile_is_not_looked_after(self, connect: Connect, sim: Sim) -> None:
        sim.seed(accounts=[{"name": "admin", "password": "admin", "denied": ["settings"]}])
        found = inventory(connect(), sim)
        assert found.platform is not None
        assert found.platform.blockers.keys() == {Scope.CLOUD}
        assert "may not read the system's settings" in found.platform.blockers[Scope.CLOUD]


ROWS = SystemRows("c", "26.1.7", *([] for _ in range(11)), settings=[])  # type: ignore[misc]
VM = {"$key": 1, "name": "a", "uuid": "u", "machine": 5, "guest_agent": True, "running": True, "agent_version": "8"}
SNAPSHOT = {"$key": 1, "name": "s", "machine": 5, "created": NOON, "expires": 0, "quiesced": True}


def built(**changes: Any) -> Inventory:
    about = Circumstances("dc1", "p", NOW, timedelta(0), 13, False, Capabilities(frozenset(Scope)))
    return inventory_of(ROWS._replace(**changes), about)


class TestBrokenRows:
    @pytest.mark.parametrize(
        ("row", "said"),
        [
            ({**SNAPSHOT, "name": ""}, "it has no name"),
            ({**SNAPSHOT, "name": None}, "it has no name"),
            ({**SNAPSHOT, "created": None}, "its created is None"),
            ({**SNAPSHOT, "created": 0}, "its created is 0"),
            ({**SNAPSHOT, "created": True}, "its created is True"),
            ({**SNAPSHOT, "created": 10**15}, "its created is"),
            ({**SNAPSHOT, "expires": "soon"}, "its expires is 'soon'"),
            ({**SNAPSHOT, "$key": "x"}, "its [$]key is 'x'"),
            ({**SNAPSHOT, "machine": []}, "unhashable"),
            ({name: value for name, value in SNAPSHOT.items() if name != "$key"}, "came without its key"),
            ({"$count": 3}, "came without its key"),
        ],
    )
    def test_a_snapshot_that_lacks_what_it_must_have_stops_it(self, row: dict[str, Any], said: str) -> None:
        # The mark makes its expiration count.
        marked = {"description": described_for("u"), **row}
        with pytest.raises(BackendError, match=said):
            built(vms=[VM], machine_snapshots=[marked])

    @pytest.mark.parametrize("column", ["name", "uuid", "machine"])
    def test_a_vm_that_lacks_what_it_must_have_stops_it(self, column: str) -> None:
        with pytest.raises(BackendError, match="not understood"):
            built(vms=[{**VM, column: None}])

    @pytest.mark.parametrize("table", ["vms", "machine_snapshots", "tags", "settings", "snapshot_profiles"])
    def test_a_row_that_comes_twice_stops_it(self, table: str) -> None:
        name = "profiles" if table == "snapshot_profiles" else table
        with pytest.raises(BackendError, match=f"a row of {name} came twice"):
            built(**{name: [{"$key": 1}, {"$key": 1}]})

    def test_text_that_is_no_text_is_replaced(self) -> None:
        lone = "a\ud800b"
        found = built(vms=[{**VM, "name": lone}], machine_snapshots=[{**SNAPSHOT, "name": lone}])
        texts = [found.targets[1].name, found.snapshots[0].name, found.snapshots[0].native_id]
        assert [text.encode() for text in texts] == [b"a?b", b"a?b", b"machine_snapshots/1/%d/a?b" % NOON]

    def test_keys_as_text_are_keys(self) -> None:
        found = built(vms=[VM], machine_snapshots=[{**SNAPSHOT, "$key": "7", "created": str(NOON)}])
        assert found.snapshots[0].native_id == f"machine_snapshots/7/{NOON}/s"

    def test_what_is_not_told_of_a_vm_is_no_permission(self) -> None:
        found = built(vms=[{**VM, "running": None, "agent_version": None}])
        assert (found.targets[1].in_place_blocker, found.targets[1].can_quiesce) == (POWERED_ON, False)

    def test_profiles_that_cannot_be_seen_are_not_none(self) -> None:
        bare = {name: VM[name] for name in ("$key", "name", "uuid", "machine")}
        hidden, shown = built(vms=[bare]).platform, built(vms=[VM]).platform
        assert hidden is not None
        assert shown is not None
        assert "permission to list machines" in hidden.blockers[Scope.VM]
        assert Scope.VM not in shown.blockers

    @pytest.mark.parametrize("table", ["vms", "volumes", "tenants"])
    def test_what_holds_a_snapshot_is_left_out_whatever_the_filter_did(self, table: str) -> None:
        shown = {**VM, "id": "ab" * 20}
        hidden = {**shown, "$key": 2, "id": "cd" * 20, "name": "b", "is_snapshot": True}
        assert [target.name for target in built(**{table: [shown, hidden]}).targets] == ["", "a"]


def described_for(target: str) -> str:
    from snapplan.drivers.vergeos.marks import described

    from .world import mark_for

    return described("", mark_for(target))


def test_the_seed_is_what_the_tests_think(api: Api, sim: Sim) -> None:
    take(sim, Scope.VM, "one")
    assert set(snapshots(inventory(api, sim))) == {"one"}
    assert len(SEED["vms"]) == 2
