"""Section 6: tenants and their snapshots."""

from __future__ import annotations

import pytest

from .conftest import NOON


@pytest.fixture
def acme(sim):
    """The SDK's acme."""
    return sim.client().tenants.get(name="acme")


def snapshots(sim, **query):
    return sim.get("tenant_snapshots", fields="all,$key", **query)


def test_never_unless_given(sim):
    """6, 8.1 [IT test_tenants.py:395-398] Without expires a tenant snapshot stays for ever."""
    sim.post("tenant_snapshots", {"tenant": 1, "name": "s"})
    sim.post("tenant_snapshots", {"tenant": 1, "name": "t", "expires": NOON + 60})
    assert [row["expires"] for row in snapshots(sim)] == [0, NOON + 60]
    sim.step(60)
    assert [row["name"] for row in snapshots(sim)] == ["s"]


def test_create_through_the_sdk(sim, acme):
    """6 [PV r/tenant_snapshots.py:20; M] The SDK's create reads the snapshot back by its name."""
    made = acme.snapshots.create(name="s", description="d")
    row = snapshots(sim)[0]
    assert (made.key, row["description"], row["profile"], row["period"], row["min_snapshots"]) == (
        1,
        "d",
        None,
        None,
        0,
    )


def test_names(sim):
    """6 [GO; TS] The name is unique per tenant and read-only."""
    sim.post("tenant_snapshots", {"tenant": 1, "name": "s"})
    assert sim.refused("POST", "tenant_snapshots", {"tenant": 1, "name": "s"}) == (409, "This name already exists")
    assert sim.refused("PUT", "tenant_snapshots/1", {"name": "t"})[0] == 422


def test_list_update_delete(sim, acme):
    """6 [M] Newest first; description and expires are changed; deleted within its scope."""
    sim.post("tenant_snapshots", {"tenant": 1, "name": "s"})
    sim.step(1)
    sim.post("tenant_snapshots", {"tenant": 1, "name": "t"})
    assert [each["name"] for each in acme.snapshots.list()] == ["t", "s"]
    sim.put("tenant_snapshots/1", {"expires": NOON + 60, "description": "d"})
    acme.snapshots.delete(2)
    sim.step(60)
    assert snapshots(sim) == []


def test_type_column(sim):
    """6 [GO; TS] The type of a tenant snapshot exists from 26.1."""
    for version, there in (("26.0", False), ("26.1.3", True)):
        sim.seed(version=version)
        sim.post("tenant_snapshots", {"tenant": 1, "name": "s"})
        assert ("type" in snapshots(sim)[0]) is there


def test_restore_waits_for_power_on(sim, acme):
    """6 [PV r/tenant_snapshots.py:275; VRG tenant_snapshot.py:55] A restore over the tenant happens at power-on."""
    sim.post("tenant_snapshots", {"tenant": 1, "name": "s"})
    sim.control("PUT", "bytes/tenants/acme", b"changed")
    acme.snapshots.restore(1)
    assert sim.get("tenants/1", fields="restore_pending") == {"restore_pending": True}
    assert sim.bytes("tenants/acme") == b"changed"
    acme.power_on()
    assert sim.get("tenants/1", fields="restore_pending,status#running as r") == {"restore_pending": False, "r": True}
    assert sim.bytes("tenants/acme") == b"acme data"


def test_restore_needs_power_off(sim, acme):
    """6 [PV; PS] A tenant that runs is not restored, by the SDK's look nor by the platform."""
    sim.post("tenant_snapshots", {"tenant": 1, "name": "s"})
    acme.power_on()
    with pytest.raises(ValueError, match="powered off"):
        acme.snapshots.restore(1)
    asked = {"tenant": 1, "action": "restore", "params": {"snapshot": 1}}
    assert sim.refused("POST", "tenant_actions", asked)[0] == 422


def test_restore_names_its_own_snapshot(sim):
    """6 A snapshot of another tenant is no reference."""
    other = sim.key("tenants", {"name": "other"})
    sim.post("tenant_snapshots", {"tenant": other, "name": "s"})
    asked = {"tenant": 1, "action": "restore", "params": {"snapshot": 1}}
    assert sim.refused("POST", "tenant_actions", asked)[0] == 404


def test_status(sim, acme):
    """6 [PV/GO] The running flag and the status are reached through status."""
    fields = "status#running as running,status#status as status,status#state as state"
    assert sim.get("tenants/1", fields=fields) == {"running": False, "status": "offline", "state": "offline"}
    acme.power_on()
    assert sim.get("tenants/1", fields=fields) == {"running": True, "status": "online", "state": "online"}


@pytest.mark.parametrize(("setting", "before", "after"), [("at_refresh", 0, 1), ("at_capture", 1, 1), ("never", 0, 0)])
def test_rows_of_system_snapshots(sim, setting, before, after):
    """6 [GO/TS; VD; G] System snapshots show up among a tenant's, after refresh, at once, or never, by a switch."""
    period = {"name": "P", "frequency": "daily", "retention": "7d"}
    profiles = [{"name": "gold", "periods": [period]}]
    sim.seed(profiles=profiles, system_profile="gold", switches={"tenant_rows": setting}).days(1)
    assert len(snapshots(sim)) == before
    sim.post("tenant_snapshot_actions", {"tenant": 1, "action": "refresh"})
    rows = snapshots(sim)
    assert [(row["name"], row["profile"], row["period"]) for row in rows] == [("P_20261123", "gold", "P")] * after
    sim.delete("cloud_snapshots/1")
    assert snapshots(sim) == []


def test_snapshots_go_with_the_tenant(sim):
    """6 Deleting a tenant deletes its snapshots."""
    sim.post("tenant_snapshots", {"tenant": 1, "name": "s"})
    sim.delete("tenants/1")
    assert snapshots(sim) == []


def test_most(sim):
    """6 [VRG tenant_snapshot.py:23] At most 1,000 snapshots per tenant."""
    for number in range(1000):
        sim.system.store.insert("tenant_snapshots", {"tenant": 1, "name": f"s{number}"})
    assert sim.refused("POST", "tenant_snapshots", {"tenant": 1, "name": "one too many"})[0] == 422


def test_expose_cloud_snapshots(sim):
    """3.4 [PV r/tenant_manager.py:842] Tenants say whether they may see their provider's snapshots."""
    assert sim.get("tenants/1", fields="expose_cloud_snapshots") == {"expose_cloud_snapshots": True}
    sim.put("tenants/1", {"expose_cloud_snapshots": False})
    assert sim.get("tenants/1", fields="expose_cloud_snapshots") == {"expose_cloud_snapshots": False}
