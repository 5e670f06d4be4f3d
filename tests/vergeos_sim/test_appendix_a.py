"""Appendix A: calls of the unmodified SDK, the requests that they send, and that the simulator answers them."""

from __future__ import annotations

import json
import re

import pytest

MACHINE = 500001
PROFILE = "GET snapshot_profiles?sort=+name"


def volume(sim):
    return sim.get("volumes", fields="$key")[0]["$key"]


def sent(sim):
    """Return the requests as Appendix A writes them, without fields; times as EPOCH, the volume's key as VOL."""
    found = []
    for each in sim.control("GET", "requests")["requests"]:
        query = {name: value for name, value in each["query"].items() if name != "fields"}
        shown = f"{each['method']} {each['path']}"
        if query:
            shown += "?" + "&".join(f"{name}={value}" for name, value in query.items())
        if each["body"]:
            shown += f" {json.dumps(each['body'], separators=(',', ':'))}"
        found.append(re.sub(r"\b\d{10}\b", "EPOCH", re.sub(r"\b[0-9a-f]{40}\b", "VOL", shown)))
    return found


def prepared(sim):
    """Snapshots of everything, so that calls on them have an object."""
    sim.post("cloud_snapshots", {"name": "pre"})
    sim.post("machine_snapshots", {"machine": MACHINE, "name": "s1"})
    sim.post("tenant_snapshots", {"tenant": 1, "name": "t1"})
    sim.post("volume_snapshots", {"volume": volume(sim), "name": "v1"})
    sim.post("vm_actions", {"vm": 1, "action": "poweroff"})
    sim.control("POST", "rows/tasks", {"name": "t"})


CALLS = {
    "profiles list include_periods": (
        lambda c: c.snapshot_profiles.list(include_periods=True),
        [PROFILE, "GET snapshot_profile_periods?filter=profile eq 1&sort=+name"],
    ),
    "profile create": (
        lambda c: c.snapshot_profiles.create(name="snapplan-gold", description="managed", ignore_warnings=True),
        [
            'POST snapshot_profiles {"name":"snapplan-gold","description":"managed","ignore_warnings":true}',
            "GET snapshot_profiles/2",
        ],
    ),
    "period create": (
        lambda c: c.snapshot_profiles.periods(1).create(
            name="D", frequency="daily", retention=604800, hour=2, quiesce=True
        ),
        [
            'POST snapshot_profile_periods {"profile":1,"name":"D","frequency":"daily","retention":604800,"minute":0,'
            '"hour":2,"day_of_week":"any","day_of_month":0,"month":0,"max_tier":"1","quiesce":true,'
            '"min_snapshots":1,"immutable":false}',
            "GET snapshot_profile_periods/2",
        ],
    ),
    "period update": (
        lambda c: c.snapshot_profiles.periods(1).update(1, retention=86400, max_tier=3),
        [
            'PUT snapshot_profile_periods/1 {"retention":86400,"max_tier":"3"}',
            "GET snapshot_profile_periods/1",
        ],
    ),
    "profile get name": (
        lambda c: c.snapshot_profiles.get(name="gold"),
        ["GET snapshot_profiles?filter=(name eq 'gold')&limit=1&sort=+name"],
    ),
    "period delete": (
        lambda c: c.snapshot_profiles.periods(1).delete(1),
        ["DELETE snapshot_profile_periods/1"],
    ),
    "vm assign": (lambda c: c.vms.update(1, snapshot_profile=1), ['PUT vms/1 {"snapshot_profile":1}']),
    "vm unassign": (lambda c: c.vms.update(1, snapshot_profile=None), ['PUT vms/1 {"snapshot_profile":null}']),
    "settings list": (lambda c: c.system.settings.list(), ["GET settings"]),
    "settings get": (
        lambda c: c.system.settings.get("cloud_name"),
        ["GET settings?filter=key eq 'cloud_name'"],
    ),
    "cloud list": (
        lambda c: c.cloud_snapshots.list(),
        ["GET cloud_snapshots?filter=(expires eq 0 or expires gt EPOCH)&sort=-created"],
    ),
    "cloud create never immutable private": (
        lambda c: c.cloud_snapshots.create(name="keep", never_expire=True, immutable=True, private=True),
        [
            'POST cloud_snapshots {"name":"keep","min_snapshots":1,"expires":0,"expires_type":"never",'
            '"immutable":true,"private":true}',
            "GET cloud_snapshots/2",
        ],
    ),
    "cloud create partial": (
        lambda c: c.cloud_snapshots.create(name="dbs", include_tags=["DB"], quiesce_tags=["DB"]),
        [
            "GET tags?filter=name eq 'DB'",
            "GET tags?filter=name eq 'DB'",
            'POST cloud_snapshots {"name":"dbs","min_snapshots":1,"expires":EPOCH,"expires_type":"date",'
            '"type":"partial_include","partial_tags":"1","quiesce_tags":"1"}',
            "GET cloud_snapshots/2",
        ],
    ),
    "cloud update": (
        lambda c: c.cloud_snapshots.update(1, expires=0, expires_type="never"),
        ['PUT cloud_snapshots/1 {"expires":0,"expires_type":"never"}'],
    ),
    "cloud restore_vm": (
        lambda c: c.cloud_snapshots.restore_vm(snapshot_name="pre", vm_name="web-01", new_name="r"),
        [
            "GET cloud_snapshots?filter=(name eq 'pre')&limit=1&sort=-created",
            "GET cloud_snapshot_vms?filter=cloud_snapshot eq 1 and (name eq 'web-01')&sort=+name",
            'POST cloud_snapshot_vm_actions {"action":"recover","params":{"rows":[1],"name":"r"}}',
        ],
    ),
    "cloud delete": (lambda c: c.cloud_snapshots.delete(1), ["DELETE cloud_snapshots/1"]),
    "vm snap list": (
        lambda c: c.vms.get(1).snapshots.list(),
        ["GET vms/1", f"GET machine_snapshots?filter=machine eq {MACHINE}&sort=-created"],
    ),
    "vm snap update": (
        lambda c: c.vms.get(1).snapshots.update(1, expires=1893456000),
        ["GET vms/1", "GET machine_snapshots/1", 'PUT machine_snapshots/1 {"expires":EPOCH}'],
    ),
    "vm snap restore clone": (
        lambda c: c.vms.get(1).snapshots.restore(1, name="clone1"),
        [
            "GET vms/1",
            "GET machine_snapshots/1",
            f"GET vms?filter=machine eq {MACHINE + 2}",
            'POST vm_actions {"vm":3,"action":"clone","params":{"name":"clone1"}}',
        ],
    ),
    "vm snap restore in place": (
        lambda c: c.vms.get(1).snapshots.restore(1, replace_original=True),
        [
            "GET vms/1",
            "GET machine_snapshots/1",
            f"GET vms?filter=machine eq {MACHINE + 2}",
            'POST vm_actions {"vm":3,"action":"restore"}',
        ],
    ),
    "vm.restore": (
        lambda c: c.vms.get(1).restore(1, preserve_macs=True),
        ["GET vms/1", 'POST vm_actions {"vm":1,"action":"restore","params":{"snapshot":1,"preserve_macs":true}}'],
    ),
    "vm clone": (
        lambda c: c.vms.get(1).clone(name="c3", preserve_macs=True),
        ["GET vms/1", 'POST vm_actions {"vm":1,"action":"clone","params":{"preserve_macs":true,"name":"c3"}}'],
    ),
    "vm snap delete": (
        lambda c: c.vms.get(1).snapshots.delete(1),
        ["GET vms/1", "GET machine_snapshots/1", "DELETE machine_snapshots/1"],
    ),
    "tenant snap list": (
        lambda c: c.tenants.get(1).snapshots.list(),
        ["GET tenants/1", "GET tenant_snapshots?filter=tenant eq 1&sort=-created"],
    ),
    "tenant snap restore": (
        lambda c: c.tenants.get(1).snapshots.restore(1),
        [
            "GET tenants/1",
            "GET tenant_snapshots/1",
            "GET tenants/1",
            'POST tenant_actions {"tenant":1,"action":"restore","params":{"snapshot":1}}',
        ],
    ),
    "tenant snap delete": (
        lambda c: c.tenants.get(1).snapshots.delete(1),
        ["GET tenants/1", "GET tenant_snapshots/1", "DELETE tenant_snapshots/1"],
    ),
    "volume snap list all": (lambda c: c.nas_volume_snapshots.list(), ["GET volume_snapshots"]),
    "volume snap update": (
        lambda c: c.nas_volume_snapshots.update(1, expires=0, expires_type="never"),
        ['PUT volume_snapshots/1 {"expires":0,"expires_type":"never"}'],
    ),
    "volume snap delete": (lambda c: c.nas_volume_snapshots.delete(1), ["DELETE volume_snapshots/1"]),
    "tags list": (lambda c: c.tags.list(), ["GET tags"]),
    "tag_categories list": (lambda c: c.tag_categories.list(), ["GET tag_categories"]),
    "vm get_tags": (
        lambda c: c.vms.get(1).get_tags(),
        ["GET vms/1", "GET tag_members?filter=member eq 'vms/1'"],
    ),
    "vm tag": (
        lambda c: c.vms.get(1).tag(1),
        ["GET vms/1", 'POST tag_members {"tag":1,"member":"vms/1"}'],
    ),
    "inventory vms": (lambda c: c.vms.list(), ["GET vms?filter=is_snapshot eq false"]),
    "inventory tenants": (lambda c: c.tenants.list(), ["GET tenants?filter=is_snapshot eq false"]),
    "inventory volumes": (lambda c: c.nas_volumes.list(), ["GET volumes"]),
    "tasks wait": (lambda c: c.tasks.wait(1), ["GET tasks/1"]),
}


@pytest.mark.parametrize("label", CALLS)
def test_call(sim, label):
    """A [M] The SDK's call is answered, and sends what was recorded."""
    call, expected = CALLS[label]
    prepared(sim)
    client = sim.client()
    sim.control("DELETE", "requests")
    call(client)
    assert [" ".join(line.split()) for line in sent(sim)] == expected
    assert {each["status"] for each in sim.control("GET", "requests")["requests"]} <= {200, 201}


PROJECTIONS = {
    "snapshot_profile_periods": "$key,profile,name,frequency,minute,hour,day_of_week,day_of_month,month,retention,"
    "max_tier,quiesce,min_snapshots,immutable,estimated_snapshot_count",
    "cloud_snapshots": "$key,name,description,created,expires,snapshot_profile,private,remote_sync,immutable,"
    "immutable_status,immutable_lock_expires,status,status_info",
    "cloud_snapshot_vms": "$key,name,description,uuid,machine_uuid,cpu_cores,ram,os_family,is_snapshot,status,"
    "status_info,original_key,cloud_snapshot",
    "cloud_snapshot_tenants": "$key,name,description,uuid,nodes,cpu_cores,ram,is_snapshot,status,status_info,"
    "original_key,cloud_snapshot",
    "machine_snapshots": "$key,name,description,created,expires,quiesced,created_manually,machine,snap_machine,"
    "snapshot_period",
    "tenant_snapshots": "$key,tenant,name,description,profile,period,min_snapshots,created,expires",
    "volume_snapshots": "$key,name,description,created,expires,expires_type,enabled,created_manually,quiesce,volume,"
    "volume#$display as volume_display,volume#name as volume_name,snap_volume",
    "tags": "$key,name,description,category,created,modified,category#name as category_name",
    "tag_categories": "$key,name,description,single_tag_selection,taggable_vms,taggable_vnets,taggable_volumes,"
    "taggable_vnet_rules,taggable_vmware_containers,taggable_users,taggable_tenant_nodes,taggable_sites,"
    "taggable_nodes,taggable_groups,taggable_clusters,taggable_tenants,created,modified",
    "tag_members": "$key,tag,tag#name as tag_name,tag#category#name as category_name",
    "machine_status": "$key,machine,running,migratable,status,status_info,state,powerstate,node,migrated_node,"
    "migration_destination,started,local_time,last_update,running_cores,running_ram,agent_version,agent_features,"
    "agent_guest_info",
    "tasks": "$key,name,description,enabled,status,action,action_display,table,owner,creator,last_run,"
    "delete_after_run,system_created,id,count(triggers) as triggers_count,count(events) as events_count",
}


@pytest.mark.parametrize("table", PROJECTIONS)
def test_projection(sim, table):
    """A [M] Every field of the SDK's projections that does not hang on a null reference is answered."""
    prepared(sim)
    row = sim.get(table, fields=PROJECTIONS[table])[0]
    assert set(row) == {entry.split(" as ")[-1] for entry in PROJECTIONS[table].split(",")}
