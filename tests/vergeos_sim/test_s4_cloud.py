"""Section 4: system snapshots."""

from __future__ import annotations

import pytest
from pyvergeos.exceptions import APIError, ValidationError

from .conftest import DAY, INSTANT, NOON

HOUR = 3600
SLOW = {**INSTANT, "blank": 1, "building": 5, "recover": 30, "provision": 30, "request": 15, "find": 60}


def row(sim, key=1, fields="all"):
    return sim.get(f"cloud_snapshots/{key}", fields=fields)


def test_expires_omitted(sim):
    """4.1, 8.1 [pyVergeOS 0a65706] Without expires a system snapshot gets 72 hours; retention is no column."""
    sim.post("cloud_snapshots", {"name": "a", "retention": 60})
    assert row(sim)["expires"] == NOON + 72 * HOUR


def test_never(sim):
    """4.2, 8.1 [PV r/cloud_snapshots.py; M] expires 0 with expires_type never; the type is not returned."""
    made = sim.client().cloud_snapshots.create(name="a", never_expire=True)
    assert made["expires"] == 0
    assert "expires_type" not in row(sim)
    sim.step(400 * DAY)
    assert sim.names("cloud_snapshots") == ["a"]


def test_never_wins_over_a_date(sim):
    """4.2 [PV] expires_type never is enough."""
    sim.post("cloud_snapshots", {"name": "a", "expires_type": "never"})
    assert row(sim)["expires"] == 0


def test_create_through_the_sdk(sim):
    """4.2 [PV r/cloud_snapshots.py:978-1125; M] The SDK's create: min_snapshots 1, private and immutable as asked."""
    client = sim.client()
    made = client.cloud_snapshots.create(name="a", private=True, immutable=True)
    assert (made["private"], made["immutable"], made["immutable_status"]) == (True, True, "locked")
    assert row(sim)["min_snapshots"] == 1


def test_create_with_a_description(sim):
    """4.1 [PV] description is written by POST and PUT; name only by POST."""
    sim.post("cloud_snapshots?action=create", {"name": "a", "description": "d"})
    assert row(sim)["description"] == "d"
    sim.put("cloud_snapshots/1", {"description": "e", "private": True})
    assert (row(sim)["description"], row(sim)["private"]) == ("e", True)
    assert sim.refused("PUT", "cloud_snapshots/1", {"name": "b"})[0] == 422


def test_building(sim):
    """4.1, 11.6 [#133] No status right after the POST, then building, then normal; task stays null."""
    sim.seed(timings=SLOW)
    sim.post("cloud_snapshots", {"name": "a"})
    found = [row(sim)["status"]]
    for seconds in (1, 3, 1):
        sim.step(seconds)
        found.append(row(sim)["status"])
    assert found == [None, "building", "building", "normal"]
    assert row(sim)["task"] is None


def test_wait(sim):
    """4.2 [PV r/cloud_snapshots.py:1136-1169] The SDK waits until the status says that it is built."""
    sim.seed(timings=SLOW)
    sim.control("PUT", "clock", {"seconds_per_request": 5})
    assert sim.client().cloud_snapshots.create(name="a", wait=True)["status"] == "normal"


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, ["db-01", "web-01"]),
        ({"type": "partial_include", "partial_tags": "1"}, ["db-01"]),
        ({"type": "partial_include", "partial_tags": "1,2"}, ["db-01", "web-01"]),
        ({"type": "partial_exclude", "partial_tags": "1"}, ["web-01"]),
        ({"type": "partial_include", "partial_tags": "DB"}, []),
    ],
)
def test_partial(sim, body, names):
    """4.2 [VD bdr/system-snapshots:59-64; #129] Partial snapshots choose by tag keys; names mean nothing."""
    sim.post("cloud_snapshots", {"name": "a", **body})
    assert sim.names("cloud_snapshot_vms", sort="+name") == names


def test_partial_through_the_sdk(sim):
    """4.2 [PV r/cloud_snapshots.py:963] The SDK resolves tag names to keys."""
    sim.client().cloud_snapshots.create(name="a", include_tags=["DB"], quiesce_tags=["DB"])
    found = row(sim)
    assert (found["type"], found["partial_tags"], found["quiesce_tags"]) == ("partial_include", "1", "1")


def test_partial_takes_tenants_and_volumes_by_tag(sim):
    """4.2 [VD bdr/system-snapshots:59-64] Partial snapshots filter tenants too."""
    sim.post("tag_members", {"tag": 1, "member": "tenants/1"})
    sim.post("cloud_snapshots", {"name": "a", "type": "partial_include", "partial_tags": "1"})
    sim.post("cloud_snapshots", {"name": "b", "type": "partial_exclude", "partial_tags": "1"})
    assert sim.names("cloud_snapshot_tenants", filter="cloud_snapshot eq 1") == ["acme"]
    assert sim.names("cloud_snapshot_tenants", filter="cloud_snapshot eq 2") == []


def test_partial_before_26_1(sim):
    """4.1 [#129] Before 26.1 there are no partial snapshots: the members are dropped, everything is taken."""
    sim.seed(version="26.0")
    sim.post("cloud_snapshots", {"name": "a", "type": "partial_include", "partial_tags": "1"})
    assert "type" not in row(sim)
    assert len(sim.get("cloud_snapshot_vms")) == 2


def test_list_hides_expired(sim):
    """4.3 [PV r/cloud_snapshots.py:755; M] The SDK's list hides held snapshots, unless asked for expired ones."""
    period = {"name": "P", "frequency": "weekly", "day_of_week": "mon", "retention": "1h"}
    sim.seed(profiles=[{"name": "gold", "periods": [period]}], system_profile="gold").step(2 * DAY)
    client = sim.client()
    sim.control("PUT", "rows/cloud_snapshots/1", {"expires": 1})
    assert client.cloud_snapshots.list() == []
    assert [each.name for each in client.cloud_snapshots.list(include_expired=True)] == ["P_20261123"]


def test_update_expiration(sim):
    """4.3 [M] PUT changes the expiration; never is 0."""
    client = sim.client()
    client.cloud_snapshots.create(name="a")
    client.cloud_snapshots.update(1, expires=0, expires_type="never")
    assert row(sim)["expires"] == 0
    client.cloud_snapshots.update(1, expires=NOON + 60, expires_type="date")
    sim.step(61)
    assert sim.get("cloud_snapshots") == []


def test_delete_is_audited(sim):
    """4.3 [VD rn/26-0:373] A manual deletion writes an audit row."""
    sim.post("cloud_snapshots", {"name": "a"})
    sim.client().cloud_snapshots.delete(1)
    fields = "level,user,object_type,object_name,timestamp"
    assert sim.get("logs", fields=fields) == [
        {
            "level": "audit",
            "user": "admin",
            "object_type": "cloud_snapshots",
            "object_name": "a",
            "timestamp": NOON * 1_000_000,
        }
    ]


@pytest.mark.parametrize(("version", "count"), [("26.1.6", 1), ("26.1.7", 0)])
def test_expiry_log(sim, version, count):
    """8 [VD rn/26-1:125] Expiring system snapshots are in the log before 26.1.7 only."""
    sim.seed(version=version)
    sim.post("cloud_snapshots", {"name": "a"})
    sim.step(4 * DAY)
    assert [each["user"] for each in sim.get("logs", fields="user")] == ["SYSTEM"] * count


def test_locked(sim):
    """4.4 [PV r/cloud_snapshots.py:1171; VD bdr/immutable-snapshots] A locked snapshot is not deleted, and the attempt
    is logged."""
    sim.post("cloud_snapshots", {"name": "a", "immutable": True})
    client = sim.client()
    with pytest.raises(ValidationError):
        client.cloud_snapshots.delete(1)
    assert "Attempt" in sim.get("logs", fields="text")[0]["text"]
    with pytest.raises(ValidationError):
        client.cloud_snapshots.get(1).delete()


@pytest.mark.parametrize("status", ["403", "405", "409"])
def test_locked_by_another_status(sim, status):
    """4.4 [G] The status of that refusal is a switch."""
    sim.control("PUT", "switches", {"locked_delete_status": status})
    sim.post("cloud_snapshots", {"name": "a", "immutable": True})
    assert sim.refused("DELETE", "cloud_snapshots/1")[0] == int(status)


def test_lock_later(sim):
    """4.4 PUT immutable locks an existing snapshot."""
    sim.post("cloud_snapshots", {"name": "a"})
    sim.put("cloud_snapshots/1", {"immutable": True})
    assert (row(sim)["immutable_status"], row(sim)["immutable_lock_expires"]) == ("locked", None)


@pytest.mark.parametrize("expires", [0, 10 * DAY, 2 * DAY])
def test_unlock(sim, expires):
    """4.4 [VD :125-154] Unlocking takes seven days or until it expires; until then it stays undeletable."""
    sim.post("cloud_snapshots", {"name": "a", "immutable": True, "expires": expires and NOON + expires})
    sim.put("cloud_snapshots/1", {"immutable": False})
    wait = min(7 * DAY, expires) if expires else 7 * DAY
    assert (row(sim)["immutable_status"], row(sim)["immutable_lock_expires"]) == ("unlocking", NOON + wait)
    sim.step(wait - 1)
    assert sim.refused("DELETE", "cloud_snapshots/1")[0] == 422
    sim.step(1)
    if expires == 2 * DAY:
        assert sim.get("cloud_snapshots") == []
    else:
        assert row(sim)["immutable_status"] == "unlocked"
        sim.delete("cloud_snapshots/1")


@pytest.mark.parametrize("shown", [False, True])
def test_immutable_while_it_unlocks(sim, shown):
    """4.4 [G] The column immutable is false while a snapshot unlocks, or by a switch true."""
    sim.control("PUT", "switches", {"unlocking_immutable": str(shown).lower()})
    sim.post("cloud_snapshots", {"name": "a", "immutable": True})
    sim.put("cloud_snapshots/1", {"immutable": False})
    assert row(sim)["immutable"] is shown
    sim.step(7 * DAY)


def test_lock_again(sim):
    """4.4 Locking again while it unlocks ends the wait."""
    sim.post("cloud_snapshots", {"name": "a", "immutable": True, "expires": 0})
    sim.put("cloud_snapshots/1", {"immutable": False})
    sim.put("cloud_snapshots/1", {"immutable": True})
    sim.step(8 * DAY)
    assert row(sim)["immutable_status"] == "locked"


def test_unlocked_is_deleted_by_a_switch(sim):
    """4.4 [G] By a switch the end of the wait deletes the snapshot, as the documentation's words could mean."""
    sim.control("PUT", "switches", {"unlock_end": "deleted"})
    sim.post("cloud_snapshots", {"name": "a", "immutable": True, "expires": 0})
    sim.put("cloud_snapshots/1", {"immutable": False})
    sim.step(7 * DAY)
    assert sim.get("cloud_snapshots") == []


def test_natural_expiry_wins(sim):
    """4.4 [VD :137-145] A locked snapshot that expires is removed."""
    sim.post("cloud_snapshots", {"name": "a", "immutable": True, "expires": NOON + DAY})
    sim.step(DAY)
    assert sim.get("cloud_snapshots") == []


@pytest.mark.parametrize(("version", "ends"), [("26.1.6", NOON + 7 * DAY), ("26.1.7", None)])
def test_late_lock(sim, version, ends):
    """4.4 [VD rn/26-1:123] Before 26.1.7 a lock on an existing snapshot ran out after a week."""
    sim.seed(version=version)
    sim.post("cloud_snapshots", {"name": "a", "expires": 0})
    sim.put("cloud_snapshots/1", {"immutable": True})
    assert row(sim)["immutable_lock_expires"] == ends
    sim.step(8 * DAY)
    assert row(sim)["immutable_status"] == ("unlocked" if ends else "locked")


@pytest.mark.parametrize(("setting", "allowed"), [("refuse", False), ("allow", True)])
def test_shorten_locked(sim, setting, allowed):
    """4.4 [G] An earlier expiration of a locked snapshot is 422, or by a switch taken; a later one always."""
    sim.control("PUT", "switches", {"shorten_locked": setting})
    sim.post("cloud_snapshots", {"name": "a", "immutable": True, "expires": NOON + 5 * DAY})
    assert sim.put("cloud_snapshots/1", {"expires": NOON + 6 * DAY}) == {}
    response = sim.raw("PUT", "cloud_snapshots/1", {"expires": NOON + DAY})
    assert response.status_code == (200 if allowed else 422)


def test_contents(sim):
    """4.5 [PV r/cloud_snapshots.py:40-70] VMs and tenants of a snapshot, with their keys at the time."""
    sim.post("cloud_snapshots", {"name": "a"})
    rows = sim.get("cloud_snapshot_vms", filter="cloud_snapshot eq 1", fields="name,original_key,status,os_family")
    assert rows == [
        {"name": "web-01", "original_key": 1, "status": "idle", "os_family": "linux"},
        {"name": "db-01", "original_key": 2, "status": "idle", "os_family": "linux"},
    ]
    tenant = sim.get("cloud_snapshot_tenants", fields="all")[0]
    assert (tenant["name"], tenant["original_key"], tenant["status"], tenant["nodes"]) == ("acme", 1, "idle", 1)


def test_contents_on_request(sim):
    """4.5 [GO/TS; VD; DISPUTED] By a switch the contents are listed only after find_vms, which takes a while."""
    sim.seed(timings=SLOW, switches={"contents": "on_request"})
    sim.post("cloud_snapshots", {"name": "a"})
    sim.post("cloud_snapshot_actions", {"cloud_snapshot": 1, "action": "find_vms"})
    assert sim.get("cloud_snapshot_vms") == []
    sim.step(60)
    assert len(sim.get("cloud_snapshot_vms")) == 2
    assert sim.get("cloud_snapshot_tenants") == []


def test_contents_go_with_the_snapshot(sim):
    """4.5 Deleting a snapshot deletes its contents."""
    sim.post("cloud_snapshots", {"name": "a"})
    assert len(sim.get("cloud_snapshot_vms")) == 2
    sim.delete("cloud_snapshots/1")
    assert sim.get("cloud_snapshot_vms") == []


def test_clone(sim):
    """4.5 [VD rn/26-0:318] clone makes another snapshot with the same contents."""
    sim.post("cloud_snapshots", {"name": "a"})
    sim.post("cloud_snapshot_actions", {"cloud_snapshot": 1, "action": "clone", "params": {"name": "b"}})
    sim.delete("cloud_snapshots/1")
    assert len(sim.get("cloud_snapshot_vms", filter="cloud_snapshot eq 2")) == 2


def test_files(sim):
    """4.5 [ANS; VD rn/26-1:472] cloud_snapshot_files exists from 26.1.3."""
    assert sim.get("cloud_snapshot_files") == []
    sim.seed(version="26.1.2")
    assert sim.refused("GET", "cloud_snapshot_files")[0] == 404


def test_provider_snapshots(sim):
    """4.1, 4.5 [GO/TS; VD :31-37] A provider's snapshot is not ours to change until it was requested and arrived."""
    sim.seed(timings=SLOW, cloud_snapshots=[{"name": "theirs", "provider": True}])
    assert row(sim)["provider"] is True
    assert sim.refused("PUT", "cloud_snapshots/1", {"description": "d"})[0] == 403
    assert sim.refused("DELETE", "cloud_snapshots/1")[0] == 403
    sim.post("cloud_snapshot_actions", {"cloud_snapshot": 1, "action": "request"})
    sim.step(14)
    assert row(sim)["provider"] is True
    sim.step(1)
    assert row(sim)["provider"] is False
    sim.put("cloud_snapshots/1", {"description": "d"})


def test_recover_vm(sim):
    """4.6 [PV r/cloud_snapshots.py:1183; VD :91-101] Always a new VM; its bytes are those of the snapshot."""
    sim.seed(timings=SLOW)
    sim.post("cloud_snapshots", {"name": "a"})
    sim.control("PUT", "bytes/vms/web-01", b"changed")
    client = sim.client()
    done = client.cloud_snapshots.restore_vm(snapshot_name="a", vm_name="web-01", new_name="web-r")
    assert done["status"] == "initiated"
    content = "cloud_snapshot_vms"
    assert sim.get(content, filter="name eq 'web-01'", fields="status") == [{"status": "importing"}]
    assert sim.get("vms", filter="name eq 'web-r'") == []
    sim.step(30)
    fields = "status,status_info"
    done = sim.get(content, filter="name eq 'web-01'", fields=fields)
    assert done == [{"status": "complete", "status_info": "Restored to: web-r"}]
    assert (sim.bytes("vms/web-r"), sim.bytes("vms/web-01")) == (b"web one", b"changed")
    assert sim.get("vms", filter="name eq 'web-r'", fields="machine#status#running as r") == [{"r": False}]


def test_recover_with_the_default_name(sim):
    """4.6 [VD :91-101] The default name is the original's with a number; nothing is overwritten."""
    sim.post("cloud_snapshots", {"name": "a"})
    keys = [each["$key"] for each in sim.get("cloud_snapshot_vms", fields="$key")]
    for _ in range(2):
        sim.post("cloud_snapshot_vm_actions", {"action": "recover", "params": {"rows": keys}})
        sim.get("vms")
    assert sim.names("vms", filter="$key gt 2", sort="name") == ["db-01 (1)", "db-01 (2)", "web-01 (1)", "web-01 (2)"]


@pytest.mark.parametrize(("setting", "names"), [("numbered", ["x", "x (1)"]), ("refuse", [])])
def test_recover_many_under_one_name(sim, setting, names):
    """4.6 [G] One name for several rows is numbered, or by a switch refused."""
    sim.control("PUT", "switches", {"recover_many_name": setting})
    sim.post("cloud_snapshots", {"name": "a"})
    keys = [each["$key"] for each in sim.get("cloud_snapshot_vms", fields="$key")]
    sim.raw("POST", "cloud_snapshot_vm_actions", {"action": "recover", "params": {"rows": keys, "name": "x"}})
    assert sim.names("vms", filter="name bw 'x'") == names


def test_recover_takes_keys_of_contents(sim):
    """4.6 [PV] rows are keys of the snapshot's contents, not of VMs."""
    sim.post("cloud_snapshots", {"name": "a"})
    assert sim.refused("POST", "cloud_snapshot_vm_actions", {"action": "recover", "params": {"rows": [99]}})[0] == 404
    with pytest.raises(APIError):
        sim.client()._request("POST", "cloud_snapshot_vm_actions", json_data={"action": "recover"})


def test_recover_tenant(sim):
    """4.6 [PV r/cloud_snapshots.py:1266; VD ten/tenant-restores:54] A new tenant, provisioning and then offline."""
    sim.seed(timings={**SLOW, "recover": 0})
    sim.post("cloud_snapshots", {"name": "a"})
    sim.client().cloud_snapshots.restore_tenant(snapshot_name="a", tenant_name="acme", new_name="acme-r")
    state = {"filter": "name eq 'acme-r'", "fields": "status#status as s"}
    assert sim.get("tenants", **state) == [{"s": "provisioning"}]
    sim.step(30)
    assert sim.get("tenants", **state) == [{"s": "offline"}]
    assert sim.bytes("tenants/acme-r") == b"acme data"


def test_whole_restore(sim):
    """4.6 [ANS index; G] The table for restoring the whole system is there by a switch; full snapshots only."""
    assert sim.refused("GET", "cloud_restore/$table")[0] == 404
    sim.control("PUT", "switches", {"cloud_restore": "offered"})
    sim.post("cloud_snapshots", {"name": "a"})
    sim.post("cloud_snapshots", {"name": "b", "type": "partial_include", "partial_tags": "1"})
    sim.post("cloud_restore", {"cloud_snapshot": 1})
    assert sim.refused("POST", "cloud_restore", {"cloud_snapshot": 2})[0] == 422


def test_foreign_snapshots(sim):
    """4.7 Snapshots of updates, shutdowns and syncs carry no period."""
    sim.seed(cloud_snapshots=[{"name": "update", "expires_in": "1d"}, {"name": "sync", "remote_sync": True}])
    found = sim.get("cloud_snapshots", fields="name,snapshot_period,remote_sync")
    assert found == [
        {"name": "update", "snapshot_period": None, "remote_sync": False},
        {"name": "sync", "snapshot_period": None, "remote_sync": True},
    ]


def test_manual_minimum(sim):
    """4.1 [G] min_snapshots of a manual snapshot means nothing, or by a switch holds it."""
    sim.post("cloud_snapshots", {"name": "a", "min_snapshots": 1, "expires": NOON + 60})
    sim.step(60)
    assert sim.get("cloud_snapshots") == []
    sim.control("PUT", "switches", {"manual_minimum": "held"})
    sim.post("cloud_snapshots", {"name": "b", "min_snapshots": 1, "expires": NOON + 120})
    sim.step(60)
    assert row(sim)["status"] == "held"


def test_most(sim):
    """4 [VD rn/4-12:103] At most 2,048 system snapshots."""
    for number in range(2048):
        sim.system.store.insert("cloud_snapshots", {"name": f"s{number}"})
    assert sim.refused("POST", "cloud_snapshots", {"name": "one too many"})[0] == 422
