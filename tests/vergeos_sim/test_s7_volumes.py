"""Section 7: NAS volumes and their snapshots."""

from __future__ import annotations

import pytest

from .conftest import DAY, NOON


@pytest.fixture
def volume(sim):
    """The key of the volume shared."""
    return sim.get("volumes", fields="$key")[0]["$key"]


def snapshots(sim, **query):
    return sim.get("volume_snapshots", fields="all,$key", **query)


def test_read_by_filter(sim, volume):
    """7.1 [M] The SDK reads a volume by a filter on id; its fields traverse to service, drive and status."""
    found = sim.client().nas_volumes.get(volume)
    assert (found["name"], found["service_display"], found["mounted"], found["mount_status"]) == (
        "shared",
        "nas",
        True,
        "online",
    )
    assert sim.requests()[-1] == "GET volumes"


def test_names(sim, volume):
    """7.1 [G] Names are unique per service."""
    body = {"name": "shared", "service": 1}
    assert sim.refused("POST", "volumes", body)[0] == 409
    sim.post("volumes", {"name": "shared", "service": sim.key("vm_services", {"name": "other"})})


def test_names_may_be_free(sim, volume):
    """7.1, 7.2 [G] By switches neither volumes nor their snapshots have unique names."""
    sim.control("PUT", "switches", {"volume_names": "free", "volume_snapshot_names": "free"})
    sim.post("volumes", {"name": "shared", "service": 1})
    for _ in range(2):
        sim.post("volume_snapshots", {"volume": volume, "name": "s"})
    assert len(snapshots(sim)) == 2


@pytest.mark.parametrize(("setting", "status"), [("not_remote", 201), ("ext4_ybfs", 422)])
def test_what_is_local(sim, setting, status):
    """7.1 [G] Whether a file system is local when it is not remote, or only when it is ext4 or ybfs, is a switch."""
    sim.control("PUT", "switches", {"local_volumes": setting})
    key = sim.key("volumes", {"name": "x", "fs_type": "verge_vm_export"})
    assert sim.raw("POST", "volume_snapshots", {"volume": key, "name": "s"}).status_code == status


def test_default_expiration(sim, volume):
    """7.2, 8.1 [VRG nas_volume_snapshot.py:27-31] Without expires a volume snapshot gets three days."""
    sim.post("volume_snapshots", {"volume": volume, "name": "s"})
    assert snapshots(sim)[0]["expires"] == NOON + 3 * DAY


def test_create_through_the_sdk(sim, volume):
    """7.2 [PV r/nas_volumes.py:824-842; M] The SDK's create, with days or never; expires_type comes back."""
    manager = sim.client().nas_volume_snapshots
    manager.create("a", volume=volume, description="d", expires_days=2, quiesce=True)
    manager.create("b", volume=volume, never_expires=True)
    rows = [(row["name"], row["expires_type"], row["quiesce"], row["created_manually"]) for row in snapshots(sim)]
    assert rows == [("a", "date", True, True), ("b", "never", False, True)]
    assert snapshots(sim)[1]["expires"] == 0


def test_expires_type_may_be_an_argument(sim, volume):
    """8.1, 12.8 [G] By a switch expires_type of volume snapshots is not stored."""
    sim.seed(switches={"volume_expires_type": "argument"})
    key = sim.get("volumes", fields="$key")[0]["$key"]
    sim.post("volume_snapshots", {"volume": key, "name": "s", "expires_type": "never"})
    assert "expires_type" not in snapshots(sim)[0]
    assert snapshots(sim)[0]["expires"] == 0


def test_lists(sim, volume):
    """7.2 [M] All volumes at once, or one by its key."""
    other = sim.key("volumes", {"name": "other"})
    for number, key in enumerate((volume, other)):
        sim.post("volume_snapshots", {"volume": key, "name": f"s{number}"})
    client = sim.client()
    assert [each["volume_name"] for each in client.nas_volume_snapshots.list()] == ["shared", "other"]
    assert [each["name"] for each in client.nas_volume_snapshots.list(volume=other)] == ["s1"]


def test_update_and_delete(sim, volume):
    """7.2 [M] PUT changes the expiration and enabled; DELETE deletes."""
    sim.post("volume_snapshots", {"volume": volume, "name": "s"})
    manager = sim.client().nas_volume_snapshots
    manager.update(1, expires=0, expires_type="never", enabled=True)
    assert (snapshots(sim)[0]["expires"], snapshots(sim)[0]["enabled"]) == (0, True)
    manager.delete(1)
    assert snapshots(sim) == []


def test_expiry(sim, volume):
    """7.2 The platform removes a volume snapshot at its expiration."""
    sim.post("volume_snapshots", {"volume": volume, "name": "s", "expires": NOON + 60})
    sim.step(60)
    assert snapshots(sim) == []


def test_snapshot_names(sim, volume):
    """7.2 [G] Names are unique per volume."""
    sim.post("volume_snapshots", {"volume": volume, "name": "s"})
    assert sim.refused("POST", "volume_snapshots", {"volume": volume, "name": "s"})[0] == 409


def test_local_only(sim):
    """3.2 [VD nas/volume-snapshots-restores:42] Only local volumes can be snapshotted."""
    for kind, status in (("cifs", 422), ("nfs", 422), ("ybfs", 201)):
        key = sim.key("volumes", {"name": kind, "fs_type": kind})
        assert sim.raw("POST", "volume_snapshots", {"volume": key, "name": "s"}).status_code == status


def test_cascade(sim, volume):
    """7.2 [VRG] Snapshots go with their volume."""
    sim.post("volume_snapshots", {"volume": volume, "name": "s"})
    sim.post("volume_actions", {"volume": volume, "action": "disable"})
    sim.delete(f"volumes/{volume}")
    assert snapshots(sim) == []


def test_most(sim, volume):
    """7.2 [VRG] At most 1,000 snapshots per volume."""
    for number in range(1000):
        sim.system.store.insert("volume_snapshots", {"volume": volume, "name": f"s{number}"})
    assert sim.refused("POST", "volume_snapshots", {"volume": volume, "name": "one too many"})[0] == 422


def test_clone(sim, volume):
    """7.3 [PV r/nas_volumes.py:750; TS/GO] clone makes a new volume with the same bytes; enable and disable mount it."""
    sim.post("volume_actions", {"volume": volume, "action": "clone", "params": {"name": "copy"}})
    assert sim.bytes("volumes/copy") == b"files"
    sim.post("volume_actions", {"volume": volume, "action": "disable"})
    assert sim.get("volumes", filter="name eq 'shared'", fields="status#mounted as m") == [{"m": False}]


def test_restore(sim, volume):
    """7.3 [G] By a switch volume_actions restores over the source; without it the action is unknown."""
    sim.post("volume_snapshots", {"volume": volume, "name": "s"})
    sim.control("PUT", "bytes/volumes/shared", b"changed")
    asked = {"volume": volume, "action": "restore", "params": {"snapshot": 1, "data_only": True}}
    assert sim.refused("POST", "volume_actions", asked)[0] == 422
    sim.control("PUT", "switches", {"volume_restore": "offered"})
    sim.post("volume_actions", asked)
    assert sim.bytes("volumes/shared") == b"files"


def test_import(sim, volume):
    """7.4 [G] By a switch a volume's snapshot is imported from a system snapshot."""
    sim.control("PUT", "switches", {"volume_import": "offered"})
    sim.post("cloud_snapshots", {"name": "cloud"})
    sim.control("PUT", "bytes/volumes/shared", b"changed")
    asked = {"volume": volume, "action": "import_snapshot", "params": {"cloud_snapshot": 1, "name": "i"}}
    sim.post("volume_actions", asked)
    assert sim.bytes("volume_snapshots/i") == b"files"
