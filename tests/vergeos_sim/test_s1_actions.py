"""Sections 1.4 and 1.7 to 1.9: faults and retries, schemas, actions, and what the SDK's objects send."""

from __future__ import annotations

import pytest
import requests
from pyvergeos import VergeClient
from pyvergeos.exceptions import APIError, NotFoundError, VergeConnectionError, VergeTimeoutError


def fault(sim, kind, **more):
    sim.control("POST", "faults", {"kind": kind, "path": "cloud_snapshots*", "method": "POST", **more})


def create(client):
    return client.cloud_snapshots.create(name="a")


@pytest.fixture
def plain(sim, monkeypatch):
    """The SDK with a session of its own making, as it connects by default, without its back-off."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(sim.ca_file))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = []

    def connect(**more):
        made.append(VergeClient(sim.host, "admin", "admin", retry_backoff_factor=0, **more))
        return made[-1]

    yield connect
    for client in made:
        client.disconnect()


def posts(sim):
    return sim.control("GET", "requests")["counts"].get("POST cloud_snapshots", 0)


def test_500_once(sim, plain):
    """1.4 [M] The SDK's own session repeats a POST after a 500."""
    fault(sim, "status_before")
    create(plain())
    assert posts(sim) == 2


def test_429_always(sim, plain):
    """1.4 [M] 429 for ever is four POSTs and a RetryError."""
    fault(sim, "status_before", status=429, times=0)
    with pytest.raises(requests.exceptions.RetryError):
        create(plain())
    assert posts(sim) == 4


def test_500_after_the_write_is_a_duplicate_for_the_sdk(sim, plain):
    """1.4 [M] A POST that was done and answered 500 is sent again, and meets its own name."""
    fault(sim, "status_after")
    with pytest.raises(APIError, match="already exists"):
        create(plain())
    assert sim.names("cloud_snapshots") == ["a"]


def test_drop_after_the_write(sim):
    """1.4 [M] A connection lost after the write: one POST through a session of ours, and the row is there."""
    client = sim.client()
    fault(sim, "drop_after")
    with pytest.raises(VergeConnectionError):
        create(client)
    assert (posts(sim), sim.names("cloud_snapshots")) == (1, ["a"])


def test_drop_before_the_write(sim):
    """1.4 [M] A connection lost before the write: no row."""
    client = sim.client()
    fault(sim, "drop_before")
    with pytest.raises(VergeConnectionError):
        create(client)
    assert sim.names("cloud_snapshots") == []


def test_500_through_a_session_of_ours(sim):
    """1.4 [M] Through a session of ours a 500 is an APIError with its text."""
    client = sim.client()
    fault(sim, "status_before", text="boom")
    with pytest.raises(APIError, match="boom") as caught:
        create(client)
    assert caught.value.status_code == 500


def test_latency(sim):
    """1.4 [M] No answer in time is a VergeTimeoutError through a session of ours; the write happens all the same."""
    client = sim.client(timeout=0.2)
    fault(sim, "latency", seconds=0.5)
    with pytest.raises(VergeTimeoutError):
        create(client)
    while not sim.get("cloud_snapshots"):
        pass
    assert (posts(sim), sim.names("cloud_snapshots")) == (1, ["a"])


@pytest.mark.parametrize("kind", ["truncate", "cut"])
def test_half_an_answer(sim, kind):
    """11.10 Half of the JSON, complete or cut off, is an error for a reader."""
    sim.control("POST", "faults", {"kind": kind, "path": "vms"})
    with pytest.raises((ValueError, requests.exceptions.RequestException)):
        sim.raw("GET", "vms", fields="all").json()
    assert len(sim.get("vms")) == 2


def test_expired_credentials(sim):
    """11.10 Credentials that expire in the middle are 401, until they are renewed."""
    sim.control("POST", "faults", {"kind": "expired", "nth": 2, "times": 0})
    assert [sim.raw("GET", "vms").status_code for _ in range(3)] == [200, 401, 401]
    sim.control("DELETE", "faults")
    assert sim.raw("GET", "vms").status_code == 200


def test_faults_strike_by_method_path_and_number(sim):
    """11.10 A fault strikes the n-th request of a method and a path, so many times."""
    sim.control("POST", "faults", {"kind": "status_before", "method": "PUT", "path": "vms/*", "nth": 2, "times": 2})
    found = [sim.raw("PUT", "vms/1", {"description": "d"}).status_code for _ in range(5)]
    assert found == [200, 500, 500, 200, 200]
    assert sim.raw("GET", "vms/1").status_code == 200


def test_index(sim):
    """1.7 [ANS] GET /api/v4 is the index of everything."""
    names = [row["name"] for row in sim.get("")]
    assert {"vms", "cloud_snapshots", "vm_actions"} <= set(names)
    assert "machine_snapshot_actions" not in names


def test_schema(sim):
    """1.7 [ANS/TS] GET <table>/$table is the schema of a table, for administrators only."""
    fields = {field["name"]: field for field in sim.get("cloud_snapshots/$table")["fields"]}
    assert {"name", "expires", "type", "partial_tags"} <= set(fields)
    assert "recover" not in str(sim.get("vm_actions/$table"))
    sim.seed(accounts=[{"name": "admin", "password": "admin", "admin": False}])
    assert sim.raw("GET", "cloud_snapshots/$table").status_code == 403


@pytest.mark.parametrize(
    ("switch", "table", "action"),
    [
        ("vm_import", "vm_actions", "import_snapshot"),
        ("volume_restore", "volume_actions", "restore"),
        ("volume_import", "volume_actions", "import_snapshot"),
    ],
)
def test_schema_tells_what_is_offered(sim, switch, table, action):
    """1.7, 12 [G] What no client can do is in the schema where a switch offers it, and unknown elsewhere."""
    assert action not in sim.get(f"{table}/$table")["fields"][1]["list"]
    sim.control("PUT", "switches", {switch: "offered"})
    assert action in sim.get(f"{table}/$table")["fields"][1]["list"]


@pytest.mark.parametrize("form", ["table", "put", "post"])
def test_three_spellings(sim, form):
    """1.8 [PV; SDK action(); TS] <noun>_actions, PUT ?action= and POST <table>/<key>/<action> do the same."""
    if form == "table":
        sim.post("vm_actions", {"vm": 2, "action": "poweron"})
    elif form == "put":
        assert sim.raw("PUT", "vms/2", {}, action="poweron").status_code == 200
    else:
        sim.post("vms/2/poweron", {})
    assert sim.get("vms/2", fields="machine#status#running as r") == {"r": True}


def test_action_receipt(sim):
    """1.8 [ANS probe] An accepted action is 201 with a receipt, and a response where it has one."""
    receipt = sim.post("vm_actions", {"vm": 1, "action": "clone", "params": {"name": "c"}})
    assert {"$key", "$row", "dbpath", "location", "response"} == set(receipt)
    assert "response" not in sim.post("vm_actions", {"vm": 1, "action": "poweroff"})


@pytest.mark.parametrize(
    ("table", "member"),
    [
        ("cloud_snapshot_actions", "action"),
        ("cloud_snapshot_vm_actions", "action"),
        ("cloud_snapshot_tenant_actions", "action"),
        ("cloud_snapshot_file_actions", "action"),
        ("cloud_snapshot_vmware_container_actions", "action"),
        ("snapshot_profile_actions", "snapshot_profile"),
        ("tenant_actions", "tenant"),
        ("tenant_snapshot_actions", "tenant"),
        ("vm_actions", "vm"),
        ("volume_actions", "volume"),
        ("settings_actions", "setting"),
        ("system_actions", "action"),
    ],
)
def test_required_members(sim, table, member):
    """1.8 [ANS] An empty body is told what it lacks."""
    assert sim.refused("POST", table, {}) == (422, f"field '{table}.{member}' is required")


@pytest.mark.parametrize("table", ["machine_snapshot_actions", "volume_snapshot_actions"])
def test_tables_that_do_not_exist(sim, table):
    """1.8 [ANS] There is no machine_snapshot_actions and no volume_snapshot_actions."""
    assert sim.refused("POST", table, {})[0] == 404


def test_save_sends_what_changed(sim):
    """1.9 [PV r/base.py:745; M] save() PUTs the changed fields, null included, and reads the row again."""
    volume = sim.client().nas_volumes.get(name="shared")
    volume["snapshot_profile"] = 1
    volume.save()
    assert sim.get("volumes", fields="snapshot_profile") == [{"snapshot_profile": 1}]
    volume["snapshot_profile"] = None
    volume.save()
    assert sim.get("volumes", fields="snapshot_profile") == [{"snapshot_profile": None}]


def test_scope_check(sim):
    """1.9 [PV; M] update and delete of a VM's snapshot refuse another VM's."""
    client = sim.client()
    key = sim.key("machine_snapshots", {"machine": 500001, "name": "a"})
    with pytest.raises(NotFoundError):
        client.vms.get(name="db-01").snapshots.delete(key)
    client.vms.get(name="web-01").snapshots.delete(key)
    assert sim.get("machine_snapshots") == []
