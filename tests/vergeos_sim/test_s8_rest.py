"""Sections 8, 10 and 11: tags, logs, settings, sharing, a whole inventory, keys."""

from __future__ import annotations

import pytest

from .conftest import NOON


def test_tag_categories(sim):
    """8 [PV r/tags.py] Categories have unique names and say what they may be put on."""
    client = sim.client()
    made = client.tag_categories.create("other", taggable_vms=True)
    assert made["taggable_vms"]
    assert sim.refused("POST", "tag_categories", {"name": "backup"})[0] == 409


def test_tags_are_unique_per_category(sim):
    """8 [PV r/tags.py] A tag's name is unique per category."""
    other = sim.key("tag_categories", {"name": "other"})
    assert sim.refused("POST", "tags", {"name": "DB", "category": 1})[0] == 409
    sim.post("tags", {"name": "DB", "category": other})


def test_deleting_a_category(sim):
    """8 [#154] Deleting a category deletes its tags and their assignments."""
    sim.delete("tag_categories/1")
    assert sim.get("tags") == []
    assert sim.get("tag_members") == []


def test_members(sim):
    """8 [PV r/tags.py; M] A member is a path; added by POST, removed by DELETE, unique."""
    client = sim.client()
    vm = client.vms.get(name="web-01")
    vm.tag(1)
    assert sorted(tag["tag_name"] for tag in vm.get_tags()) == ["DB", "Web"]
    assert sim.refused("POST", "tag_members", {"tag": 1, "member": "vms/1"})[0] == 409
    key = sim.get("tag_members", filter="tag eq 1 and member eq 'vms/1'", fields="$key")[0]["$key"]
    sim.delete(f"tag_members/{key}")
    assert [tag["tag_name"] for tag in vm.get_tags()] == ["Web"]


def test_member_of_a_volume(sim):
    """8 [M] A volume's member has its 40 digits; a tenant's its key."""
    volume = sim.get("volumes", fields="$key")[0]["$key"]
    for member in (f"volumes/{volume}", "tenants/1"):
        sim.post("tag_members", {"tag": 1, "member": member})
    fields = "member,tag#name as tag_name,tag#category#name as category_name"
    rows = sim.get("tag_members", filter="tag eq 1", fields=fields)
    assert {"member": f"volumes/{volume}", "tag_name": "DB", "category_name": "backup"} in rows


def test_taggable(sim):
    """8 [PV r/tags.py] A category must be taggable for the object's class."""
    category = sim.key("tag_categories", {"name": "c", "taggable_tenants": True})
    tag = sim.key("tags", {"name": "t", "category": category})
    assert sim.refused("POST", "tag_members", {"tag": tag, "member": "vms/1"})[0] == 422
    sim.post("tag_members", {"tag": tag, "member": "tenants/1"})


@pytest.mark.parametrize("member", ["vms", "nothing/1", "vms/"])
def test_member_is_a_path(sim, member):
    """8 [PV r/tags.py; M] A member that is no path of a table is 422."""
    assert sim.refused("POST", "tag_members", {"tag": 1, "member": member})[0] == 422


def test_single_selection(sim):
    """8 [PV r/tags.py] single_tag_selection allows one tag of the category per object."""
    sim.put("tag_categories/1", {"single_tag_selection": True})
    assert sim.refused("POST", "tag_members", {"tag": 1, "member": "vms/1"})[0] == 422


def test_member_must_exist(sim):
    """8, 1.5 [CL #107] A member that does not exist is 404."""
    assert sim.refused("POST", "tag_members", {"tag": 1, "member": "vms/99"})[0] == 404


def test_settings_through_the_sdk(sim):
    """8, 3.3 [PV r/system.py:97-260; M] Settings are listed with $key, found by key, written by value."""
    settings = sim.client().system.settings
    settings.update("max_connections", "1001")
    assert settings.get("max_connections").value == "1001"
    assert [each.key for each in settings.list_modified()] == ["max_connections"]


def test_logs(sim):
    """8 [PV r/logs.py:35-75] timestamp is in microseconds; object_type of a system snapshot is cloud_snapshots."""
    sim.post("cloud_snapshots", {"name": "a"})
    sim.delete("cloud_snapshots/1")
    row = sim.client().logs.list(limit=5)[0]
    assert (row["timestamp"], row["object_type"], row["user"]) == (NOON * 1_000_000, "cloud_snapshots", "admin")


def test_tasks(sim):
    """8 [PV r/tasks.py] tasks have a status; counts of triggers and events are computed."""
    sim.control("POST", "rows/tasks", {"name": "t"})
    fields = "status,count(triggers) as triggers_count,owner#$display as owner_display"
    assert sim.get("tasks/1", fields=fields) == {"status": "idle", "triggers_count": 0}
    assert sim.client().tasks.wait(1, timeout=5)["status"] == "idle"


def test_sharing_a_vm(sim):
    """8 [PV r/shared_objects.py:382-434] What sharing writes: a snapshot that never expires, and its reference."""
    body = {"machine": 500001, "name": "share-web-01-12345", "expires_type": "never", "created_manually": True}
    key = sim.post("machine_snapshots", body)["$key"]
    shared = {"recipient": 1, "type": "vm", "name": "web-01", "snapshot": f"machine_snapshots/{key}"}
    sim.post("shared_objects", shared)
    assert sim.get("machine_snapshots", fields="expires") == [{"expires": 0}]
    assert sim.get("shared_objects", fields="snapshot") == [{"snapshot": "machine_snapshots/1"}]


INVENTORY = {
    "snapshot_profiles": {"fields": "all,$key"},
    "snapshot_profile_periods": {"fields": "all,$key", "sort": "+profile"},
    "vms": {
        "filter": "is_snapshot eq false",
        "fields": "$key,name,machine,guest_agent,os_family,machine#snapshot_profile as snapshot_profile,"
        "machine#status#running as running,machine#status#status as status,"
        "machine#status#agent_version as agent_version",
    },
    "machine_snapshots": {
        "fields": "$key,name,description,machine,snap_machine,created,expires,quiesced,created_manually,snapshot_period",
        "sort": "-created",
    },
    "volumes": {"filter": "is_snapshot eq false", "fields": "$key,id,name,service,fs_type,snapshot_profile"},
    "volume_snapshots": {
        "fields": "$key,name,description,volume,created,expires,expires_type,created_manually,quiesce"
    },
    "tenants": {
        "filter": "is_snapshot eq false",
        "fields": "$key,name,expose_cloud_snapshots,status#running as running,status#status as status",
    },
    "tenant_snapshots": {"fields": "all,$key"},
    "cloud_snapshots": {"fields": "all,$key", "sort": "-created"},
    "tag_members": {"fields": "$key,tag,member,tag#name as tag_name,tag#category#name as category_name"},
    "tags": {"fields": "$key,name,category"},
    "tag_categories": {"fields": "$key,name"},
    "settings": {"fields": "all,$key"},
}


@pytest.mark.parametrize("table", INVENTORY)
def test_inventory(sim, table):
    """10.1 [PV/PS/ANS patterns] Each of the 13 bulk reads answers with every field that it names."""
    volume = sim.get("volumes", fields="$key")[0]["$key"]
    sim.post("machine_snapshots", {"machine": 500001, "name": "s"})
    sim.post("volume_snapshots", {"volume": volume, "name": "s"})
    sim.post("tenant_snapshots", {"tenant": 1, "name": "s"})
    sim.post("cloud_snapshots", {"name": "s"})
    rows = sim.get(table, **INVENTORY[table])
    named = [entry.split(" as ")[-1] for entry in INVENTORY[table]["fields"].split(",") if entry != "all"]
    assert rows
    assert all(set(named) <= set(row) for row in rows)


def test_sort_by_key_may_be_refused(sim):
    """10.1 [G] Sorting by $key; by a switch it is refused."""
    assert [row["$key"] for row in sim.get("vms", sort="-$key")] == [2, 1]
    sim.control("PUT", "switches", {"key_sort": "refused"})
    assert sim.refused("GET", "vms", sort="+$key")[0] == 422


@pytest.mark.parametrize(("setting", "keys"), [("highest", [1, 3]), ("lowest", [1, 2]), ("never", [1, 4])])
def test_key_reuse(sim, setting, keys):
    """10.3 [IT conftest.py; G for snapshots] Keys of deleted rows are given out again, by a switch in which way."""
    sim.seed(switches={"key_reuse": setting})
    for name in ("a", "b", "c"):
        sim.post("cloud_snapshots", {"name": name})
    sim.delete("cloud_snapshots/3")
    if setting == "lowest":
        sim.delete("cloud_snapshots/2")
        sim.post("cloud_snapshots", {"name": "d"})
        assert [row["$key"] for row in sim.get("cloud_snapshots", sort="$key")] == keys
        return
    sim.delete("cloud_snapshots/2")
    sim.post("cloud_snapshots", {"name": "d"}) if setting == "never" else [
        sim.post("cloud_snapshots", {"name": name}) for name in ("d", "e")
    ]
    found = [row["$key"] for row in sim.get("cloud_snapshots", sort="$key")]
    assert found == ([1, 2, 3] if setting == "highest" else keys)


@pytest.mark.parametrize(
    "table", ["clusters", "nodes", "vnets", "groups", "users", "vm_services", "machine_drives", "vm_favorites"]
)
def test_bystanders(sim, table):
    """11.11 Tables that clients list on the way answer."""
    assert isinstance(sim.get(table), list)


def test_dashboard(sim):
    """11.11 [PV r/system.py] dashboard has the counts of system info."""
    statistics = sim.client().system.statistics()
    assert (statistics.vms_total, statistics.vms_online, statistics.tenants_total) == (2, 1, 1)
