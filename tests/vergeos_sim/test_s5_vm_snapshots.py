"""Section 5: snapshots of VMs."""

from __future__ import annotations

import pytest
from pyvergeos.exceptions import APIError, NotFoundError, ValidationError

from .conftest import DAY, INSTANT, NOON

HOUR = 3600
WEB, DB = 500001, 500002


@pytest.fixture
def web(sim):
    """The SDK's web-01."""
    return sim.client().vms.get(name="web-01")


def snapshots(sim, fields="all", **query):
    return sim.get("machine_snapshots", fields=fields, **query)


def hidden(sim, snapshot=0):
    """Return the key of the hidden VM of a snapshot."""
    machine = snapshots(sim, "snap_machine")[snapshot]["snap_machine"]
    return sim.get("vms", filter=f"machine eq {machine}", fields="$key,is_snapshot")[0]["$key"]


def test_create(sim, web):
    """5.2 [PV r/snapshots.py:261-311; M] The SDK's create answers the receipt, whose key is text."""
    receipt = web.snapshots.create(name="s", quiesce=True, description="d")
    assert receipt["$key"] == "1"
    row = snapshots(sim)[0]
    assert (row["name"], row["description"], row["machine"], row["created"]) == ("s", "d", WEB, NOON)
    assert (row["created_manually"], row["snapshot_period"]) == (True, None)


def test_columns(sim, web):
    """5.1 [PV r/snapshots.py:42] expires_type and quiesce are arguments; they do not come back."""
    web.snapshots.create(name="s", quiesce=True)
    row = snapshots(sim)[0]
    assert "expires_type" not in row
    assert "quiesce" not in row
    sim.control("PUT", "switches", {"machine_expires_type": "stored"})
    assert "expires_type" in sim.get("machine_snapshots/1", fields="expires_type")


def test_expires_omitted(sim):
    """5.2, 8.1 [#146] Without expires a VM snapshot gets 72 hours."""
    sim.post("machine_snapshots", {"machine": WEB, "name": "s"})
    assert snapshots(sim)[0]["expires"] == NOON + 72 * HOUR


def test_never(sim, web):
    """5.2, 8.1 [M] expires 0 is never."""
    web.snapshots.create(name="s", retention=0)
    sim.step(400 * DAY)
    assert snapshots(sim)[0]["expires"] == 0


def test_expiry(sim):
    """5 The platform removes a VM snapshot at its expiration."""
    sim.post("machine_snapshots", {"machine": WEB, "name": "s", "expires": NOON + 60})
    sim.step(59)
    assert len(snapshots(sim)) == 1
    sim.step(1)
    assert snapshots(sim) == []


def test_names(sim):
    """5.1 [PS] A name is unique per machine, 1 to 128 long; another machine may have it."""
    sim.post("machine_snapshots", {"machine": WEB, "name": "s"})
    sim.post("machine_snapshots", {"machine": DB, "name": "s"})
    assert sim.refused("POST", "machine_snapshots", {"machine": WEB, "name": "s"})[0] == 409
    assert sim.refused("POST", "machine_snapshots", {"machine": WEB, "name": "x" * 129})[0] == 422


def test_quiesced(sim, web):
    """5.3 [VD bdr/vm-snapshots:60] With a connected agent a quiesced snapshot says so; without asking it does not."""
    web.snapshots.create(name="a", quiesce=True)
    web.snapshots.create(name="b")
    assert [row["quiesced"] for row in snapshots(sim, "quiesced")] == [True, False]


@pytest.mark.parametrize(
    ("setting", "status", "rows"), [("degrade", 201, [False]), ("error_keeps", 500, [False]), ("error", 422, [])]
)
def test_quiesce_without_agent(sim, setting, status, rows):
    """5.3 [VRG; TF; DISPUTED] Without an agent: crash-consistent, or by switches an error with or without a snapshot."""
    sim.control("PUT", "switches", {"quiesce_without_agent": setting})
    sim.control("PUT", "agent/web-01", {"version": ""})
    response = sim.raw("POST", "machine_snapshots", {"machine": WEB, "name": "s", "quiesce": True})
    assert response.status_code == status
    assert [row["quiesced"] for row in snapshots(sim, "quiesced")] == rows


@pytest.mark.parametrize(("setting", "quiesced"), [("quiesced", True), ("crash_consistent", False)])
def test_quiesce_of_a_vm_that_is_off(sim, setting, quiesced):
    """5.3 [VD rn/4-12:442] A VM that is off counts as quiesced; by a switch it does not."""
    sim.control("PUT", "switches", {"quiesce_offline": setting})
    sim.post("machine_snapshots", {"machine": DB, "name": "s", "quiesce": True})
    assert snapshots(sim, "quiesced") == [{"quiesced": quiesced}]


def test_agent_fields(sim):
    """5.3 [PV r/machine_stats.py:619-637] guest_agent on the VM, agent_version and features on the machine's status."""
    sim.control("PUT", "agent/web-01", {"version": "9.0"})
    row = sim.get("machine_status", filter=f"machine eq {WEB}", fields="agent_version,agent_features,agent_guest_info")
    assert row == [{"agent_version": "9.0", "agent_features": ["quiesce"], "agent_guest_info": {}}]
    assert sim.get("vms/1", fields="guest_agent,machine#status#agent_version as v") == {"guest_agent": True, "v": "9.0"}


def test_agent_version_may_not_traverse(sim):
    """10.1 [G] By a switch machine#status#agent_version is absent on vms."""
    sim.control("PUT", "switches", {"agent_version": "absent"})
    assert sim.get("vms/1", fields="$key,machine#status#agent_version as v") == {"$key": 1}


def test_list(sim, web):
    """5.4 [PV; M] Per VM, newest first; unscoped, all."""
    for number in range(3):
        web.snapshots.create(name=f"s{number}")
        sim.step(1)
    sim.post("machine_snapshots", {"machine": DB, "name": "other"})
    assert [each["name"] for each in web.snapshots.list()] == ["s2", "s1", "s0"]
    assert len(snapshots(sim)) == 4


def test_update(sim, web):
    """5.4 [M] name, description and expires are changed; the new expiration holds."""
    web.snapshots.create(name="s")
    web.snapshots.update(1, expires=NOON + 60, name="t", description="d")
    assert (snapshots(sim)[0]["name"], snapshots(sim)[0]["description"]) == ("t", "d")
    sim.step(60)
    assert snapshots(sim) == []


def test_hidden_vm(sim, web):
    """5.4, 11.7 [PV r/vms.py] A hidden VM holds the snapshot; its machine's key is no VM's."""
    web.snapshots.create(name="s")
    row = snapshots(sim)[0]
    assert [vm["name"] for vm in sim.client().vms.list()] == ["web-01", "db-01"]
    found = sim.get("vms", filter="is_snapshot eq true", fields="$key,machine")
    assert found == [{"$key": 3, "machine": row["snap_machine"]}]
    assert sim.raw("GET", f"vms/{row['snap_machine']}").status_code == 404


@pytest.mark.parametrize(("setting", "count"), [("removed", 0), ("kept", 1)])
def test_hidden_vm_of_a_deleted_snapshot(sim, web, setting, count):
    """5.4 [G] Deleting a snapshot removes its hidden VM; by a switch it stays."""
    sim.control("PUT", "switches", {"hidden_vm": setting})
    web.snapshots.create(name="s")
    web.snapshots.delete(1)
    assert len(sim.get("vms", filter="is_snapshot eq true")) == count


def test_snapshots_go_with_their_vm(sim, web):
    """11.7 Deleting a VM deletes its snapshots with their hidden VMs, and its tags."""
    web.snapshots.create(name="s")
    sim.delete("vms/1")
    assert snapshots(sim) == []
    assert sim.names("vms") == ["db-01"]
    assert sim.get("tag_members", filter="member eq 'vms/1'") == []


def test_restore_to_a_new_vm(sim, web):
    """5.5 [PV r/snapshots.py:325-433; M; #172] Cloning the hidden VM: the snapshot's bytes, keys as text."""
    web.snapshots.create(name="s")
    sim.control("PUT", "bytes/vms/web-01", b"changed")
    done = web.snapshots.restore(1, name="copy")
    response = done["response"]
    assert set(response) == {"vmkey", "machinekey", "machinestatuskey", "clusterkey"}
    assert all(isinstance(value, str) for value in response.values())
    assert (sim.bytes("vms/copy"), sim.bytes("vms/web-01")) == (b"web one", b"changed")
    assert sim.client().vms.get(int(response["vmkey"])).name == "copy"


def test_restore_over_the_source(sim):
    """5.5 [PV] Restoring the hidden VM puts the source back, all drives; the body of the answer is empty."""
    sim.post("machine_snapshots", {"machine": DB, "name": "s"})
    sim.control("PUT", "bytes/vms/db-01/disk0", b"x")
    sim.control("PUT", "bytes/vms/db-01/disk1", b"y")
    db = sim.client().vms.get(name="db-01")
    assert db.snapshots.restore(1, replace_original=True) is None
    assert (sim.bytes("vms/db-01/disk0"), sim.bytes("vms/db-01/disk1")) == (b"db one", b"db two")
    assert [vm["name"] for vm in sim.client().vms.list()] == ["web-01", "db-01"]


def test_restore_over_a_running_vm(sim, web):
    """5.5, 11.8 [PV] The source must be off: the SDK refuses by its cached row, the platform by the state."""
    web.snapshots.create(name="s")
    with pytest.raises(ValueError, match="powered off"):
        web.snapshots.restore(1, replace_original=True)
    assert sim.refused("POST", "vm_actions", {"vm": hidden(sim), "action": "restore"})[0] == 422
    sim.post("vm_actions", {"vm": 1, "action": "poweroff"})
    assert sim.raw("POST", "vm_actions", {"vm": hidden(sim), "action": "restore"}).content == b""


def test_power(sim):
    """11.8 [PV] poweron, poweroff and kill change the state that traversals read."""
    client = sim.client()
    client.vms.get(name="db-01").power_on()
    assert client.vms.get(name="db-01").is_running
    sim.post("vm_actions", {"vm": 2, "action": "kill"})
    assert not client.vms.get(name="db-01").is_running


def test_hidden_vms_do_not_run(sim, web):
    """11.8 A hidden VM cannot be powered on."""
    web.snapshots.create(name="s")
    assert sim.refused("POST", "vm_actions", {"vm": hidden(sim), "action": "poweron"})[0] == 422


def test_snap_machine_is_no_vm(sim, web):
    """5.5 [#147] Posting snap_machine as the VM is 404."""
    web.snapshots.create(name="s")
    machine = snapshots(sim)[0]["snap_machine"]
    assert sim.refused("POST", "vm_actions", {"vm": machine, "action": "clone"})[0] == 404


def macs(sim, name):
    machine = sim.get("vms", filter=f"name eq '{name}'", fields="machine")[0]["machine"]
    return [row["macaddress"] for row in sim.get("machine_nics", filter=f"machine eq {machine}", fields="macaddress")]


@pytest.mark.parametrize("preserve", [False, True])
def test_preserve_macs(sim, web, preserve):
    """5.5 [VD bdr/vm-snapshots:102; PV r/vms.py:305-322] preserve_macs, off by default, on the hidden VM's clone."""
    web.snapshots.create(name="s")
    params = {"name": "copy", **({"preserve_macs": True} if preserve else {})}
    sim.post("vm_actions", {"vm": hidden(sim), "action": "clone", "params": params})
    assert (macs(sim, "copy") == macs(sim, "web-01")) is preserve


def test_legacy_restore(sim):
    """5.5 [PV r/vms.py:392] The old form names the snapshot; with a name it clones."""
    sim.post("machine_snapshots", {"machine": DB, "name": "s"})
    sim.control("PUT", "bytes/vms/db-01", b"x")
    sim.post("vm_actions", {"vm": 2, "action": "restore", "params": {"snapshot": 1, "name": "copy"}})
    assert (sim.bytes("vms/copy"), sim.bytes("vms/db-01")) == (b"db one", b"x")
    sim.client().vms.get(name="db-01").restore(1)
    assert sim.bytes("vms/db-01") == b"db one"
    with pytest.raises((NotFoundError, ValidationError, APIError)):
        sim.client().vms.get(name="web-01").restore(1)


def test_restore_brings_hardware_back(sim):
    """5.5 A restore over the source brings back its hardware."""
    sim.post("machine_snapshots", {"machine": DB, "name": "s"})
    sim.put("vms/2", {"cpu_cores": 8})
    sim.post("vm_actions", {"vm": hidden(sim), "action": "restore"})
    assert sim.get("vms/2", fields="cpu_cores") == {"cpu_cores": 1}


def test_snapshot_of_a_snapshot(sim, web):
    """5.2 [PS] The hidden VM of a snapshot cannot be snapshotted."""
    web.snapshots.create(name="s")
    machine = snapshots(sim)[0]["snap_machine"]
    assert sim.refused("POST", "machine_snapshots", {"machine": machine, "name": "t"})[0] == 404


def test_import(sim):
    """5.6 [G] By a switch vm_actions imports a VM's snapshot from a system snapshot; it restores like any other."""
    sim.seed(timings=INSTANT, switches={"vm_import": "offered"})
    sim.post("cloud_snapshots", {"name": "cloud"})
    sim.control("PUT", "bytes/vms/db-01", b"x")
    sim.post("vm_actions", {"vm": 2, "action": "import_snapshot", "params": {"cloud_snapshot": 1}})
    row = snapshots(sim)[0]
    assert (row["name"], row["expires"], row["created_manually"]) == ("cloud", NOON + 72 * HOUR, True)
    sim.post("vm_actions", {"vm": hidden(sim), "action": "restore"})
    assert sim.bytes("vms/db-01") == b"db one"


def test_import_is_unknown_by_default(sim):
    """5.6 [G] Without the switch the action is unknown."""
    assert sim.refused("POST", "vm_actions", {"vm": 1, "action": "import_snapshot"})[0] == 422
