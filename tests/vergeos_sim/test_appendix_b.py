"""Appendix B: the ``vrg`` command against the simulator: exit codes, JSON, and the requests that it sends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
MACHINE = 500001


class Vrg:
    """The installed vrg, connected to the simulator."""

    def __init__(self, sim, home: Path) -> None:
        self.sim = sim
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("VERGE_", "CURL_"))}
        login = {"VERGE_HOST": sim.host, "VERGE_USERNAME": "admin", "VERGE_PASSWORD": "admin"}
        self.env = {**kept, **login, "HOME": str(home), "REQUESTS_CA_BUNDLE": str(sim.ca_file), "NO_COLOR": "1"}
        self.env["NO_PROXY"] = "127.0.0.1"
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).parent / "vrg_runner.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.env,
        )

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run vrg with JSON output; returns what it prints."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.sim.control("DELETE", "requests")
        self.process.stdin.write(f"{json.dumps(['-o', 'json', *words])}\n")
        self.process.stdin.flush()
        found, out, err = json.loads(self.process.stdout.readline())
        assert found == code, f"{words}: {out}{err}"
        return out + err if code else out

    def json(self, *words: str):
        return json.loads(self(*words))

    def sent(self) -> list[str]:
        """Return the requests of the last run, without the connect request, fields, sort and limit; times as EPOCH."""
        found = []
        for each in self.sim.control("GET", "requests")["requests"][1:]:
            shown = f"{each['method']} {each['path']}"
            if "filter" in each["query"]:
                shown += f"?filter={each['query']['filter']}"
            if each["body"]:
                shown += f" {json.dumps(each['body'], separators=(',', ':'))}"
            found.append(re.sub(r"\b\d{10}\b", "EPOCH", shown))
        return found

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture(scope="module")
def running(session_sim, tmp_path_factory):
    made = Vrg(session_sim, tmp_path_factory.mktemp("home"))
    yield made
    made.close()


@pytest.fixture
def vrg(sim, running):
    """Vrg on a system whose clock is near the one that vrg reads."""
    profile = {"name": "System Snapshots", "periods": [{"name": "Midnight", "frequency": "daily", "retention": "3d"}]}
    now = datetime.fromtimestamp(time.time(), UTC).isoformat()
    tenants = [{"name": "test", "running": False}]
    vms = [{"name": "web-01", "running": False}, {"name": "db-01"}]
    sim.seed(now=now, profiles=[profile], tenants=tenants, vms=vms)
    return running


def test_the_installed_command(vrg):
    """B The command as a user starts it; 401 is exit code 4."""
    words = [BIN / "vrg", "-o", "json", "system", "info"]
    done = subprocess.run(words, env=vrg.env, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["vms_total"] == 2
    wrong = {**vrg.env, "VERGE_PASSWORD": "wrong"}
    assert subprocess.run(words, env=wrong, capture_output=True, check=False).returncode == 4


def test_system_info(vrg):
    """B vrg system info."""
    found = vrg.json("system", "info")
    assert vrg.sent() == ["GET dashboard"]
    assert (found["version"], found["vms_total"], found["vms_online"], found["tenants_total"]) == ("26.1.7", 2, 1, 1)


def test_profiles(vrg):
    """B vrg snapshot profile create, list, get, update, delete."""
    vrg("snapshot", "profile", "create", "--name", "shake", "--description", "Test profile")
    assert vrg.sent() == [
        'POST snapshot_profiles {"name":"shake","description":"Test profile"}',
        "GET snapshot_profiles/2",
    ]
    names = [row["name"] for row in vrg.json("snapshot", "profile", "list")]
    assert names == ["System Snapshots", "shake"]
    assert vrg.json("snapshot", "profile", "get", "shake")["description"] == "Test profile"
    assert vrg.sent() == ["GET snapshot_profiles", "GET snapshot_profiles/2"]
    vrg("snapshot", "profile", "update", "shake", "--description", "Updated")
    assert vrg.sent()[1] == 'PUT snapshot_profiles/2 {"description":"Updated"}'
    vrg("snapshot", "profile", "delete", "shake", "--yes")
    assert vrg.sent()[1] == 'POST snapshot_profile_actions {"snapshot_profile":2,"action":"delete"}'
    assert [row["name"] for row in vrg.json("snapshot", "profile", "list")] == ["System Snapshots"]
    vrg("snapshot", "profile", "get", "shake", code=6)


def test_periods(vrg):
    """B, 2.2 vrg snapshot profile period create dies of skip_missed before any POST; list, get, update work."""
    period = ("snapshot", "profile", "period")
    created = ("System Snapshots", "--name", "H", "--frequency", "hourly", "--retention", "3600")
    assert "skip_missed" in vrg(*period, "create", *created, code=1)
    assert vrg.sent() == ["GET snapshot_profiles"]
    assert [row["name"] for row in vrg.json(*period, "list", "System Snapshots")] == ["Midnight"]
    assert vrg.sent() == ["GET snapshot_profiles", "GET snapshot_profile_periods?filter=profile eq 1"]
    assert vrg.json(*period, "get", "System Snapshots", "Midnight")["retention"] == 259200
    vrg(*period, "update", "System Snapshots", "Midnight", "--retention", "7200")
    assert vrg.sent()[2:] == ['PUT snapshot_profile_periods/1 {"retention":7200}', "GET snapshot_profile_periods/1"]


def test_system_snapshots(vrg):
    """B vrg snapshot create, list, get, delete; a locked one is not deleted (exit code 8)."""
    vrg("snapshot", "create", "--name", "a")
    assert vrg.sent() == [
        'POST cloud_snapshots {"name":"a","min_snapshots":1,"expires":EPOCH,"expires_type":"date"}',
        "GET cloud_snapshots/1",
    ]
    vrg("snapshot", "create", "--name", "b", "--retention", "7200", "--wait", "--immutable", "--private")
    body = '"min_snapshots":1,"expires":EPOCH,"expires_type":"date","immutable":true,"private":true}'
    assert vrg.sent()[0] == f'POST cloud_snapshots {{"name":"b",{body}'
    vrg("snapshot", "create", "--name", "c", "--never-expire")
    never = '{"name":"c","min_snapshots":1,"expires":0,"expires_type":"never"}'
    assert vrg.sent()[0] == f"POST cloud_snapshots {never}"
    assert sorted(row["name"] for row in vrg.json("snapshot", "list")) == ["a", "b", "c"]
    assert vrg.sent() == ["GET cloud_snapshots?filter=(expires eq 0 or expires gt EPOCH)"]
    vrg("snapshot", "list", "--include-expired")
    assert vrg.sent() == ["GET cloud_snapshots"]
    assert vrg.json("snapshot", "get", "b")["immutable"] is True
    vrg("snapshot", "delete", "a", "--yes")
    assert vrg.sent()[1] == "DELETE cloud_snapshots/1"
    vrg("snapshot", "delete", "b", "--yes", code=8)
    vrg("snapshot", "create", "--name", "c", code=7)


def test_restores_from_a_system_snapshot(vrg, sim):
    """B vrg snapshot vms, tenants, restore-vm, restore-tenant."""
    vrg("snapshot", "create", "--name", "a")
    assert [row["name"] for row in vrg.json("snapshot", "vms", "a")] == ["db-01", "web-01"]
    assert vrg.sent()[1] == "GET cloud_snapshot_vms?filter=cloud_snapshot eq 1"
    assert [row["name"] for row in vrg.json("snapshot", "tenants", "a")] == ["test"]
    vrg("snapshot", "restore-vm", "a", "--vm", "web-01", "--new-name", "restored")
    assert vrg.sent()[1:] == [
        "GET cloud_snapshot_vms?filter=cloud_snapshot eq 1 and (name eq 'web-01')",
        'POST cloud_snapshot_vm_actions {"action":"recover","params":{"rows":[1],"name":"restored"}}',
    ]
    vrg("snapshot", "restore-tenant", "a", "--tenant", "test", "--new-name", "rt")
    assert vrg.sent()[2] == (
        'POST cloud_snapshot_tenant_actions {"action":"recover","params":{"rows":[1],"name":"rt"}}'
    )
    assert vrg.json("vm", "get", "restored")["name"] == "restored"
    assert sim.bytes("vms/restored") == sim.bytes("vms/web-01")
    assert sorted(row["name"] for row in vrg.json("tenant", "list")) == ["rt", "test"]


def test_vm_snapshots(vrg):
    """B vrg vm snapshot create, list, get, restore as clone and in place, delete."""
    snapshot = ("vm", "snapshot")
    vrg(*snapshot, "create", "web-01", "--name", "s1")
    body = f'{{"machine":{MACHINE},"name":"s1","created_manually":true,"quiesce":false,"expires":EPOCH}}'
    assert vrg.sent() == ["GET vms?filter=is_snapshot eq false", "GET vms/1", f"POST machine_snapshots {body}"]
    vrg(*snapshot, "create", "web-01", "--name", "s2", "--retention", "7200", "--quiesce")
    assert '"quiesce":true' in vrg.sent()[2]
    assert sorted(row["name"] for row in vrg.json(*snapshot, "list", "web-01")) == ["s1", "s2"]
    assert vrg.sent()[2] == f"GET machine_snapshots?filter=machine eq {MACHINE}"
    assert vrg.json(*snapshot, "get", "web-01", "s1")["name"] == "s1"
    vrg(*snapshot, "restore", "web-01", "s1", "--name", "web-clone")
    hidden = MACHINE + 2
    assert vrg.sent()[4:] == [
        f"GET vms?filter=machine eq {hidden}",
        'POST vm_actions {"vm":3,"action":"clone","params":{"name":"web-clone"}}',
    ]
    vrg(*snapshot, "restore", "web-01", "s1", "--replace", "--yes")
    assert vrg.sent()[5] == 'POST vm_actions {"vm":3,"action":"restore"}'
    vrg(*snapshot, "delete", "web-01", "s1", "--yes")
    assert vrg.sent()[3:] == ["GET machine_snapshots/1", "DELETE machine_snapshots/1"]
    assert sorted(row["name"] for row in vrg.json("vm", "list")) == ["db-01", "web-01", "web-clone"]


def test_tenant_snapshots(vrg):
    """B vrg tenant snapshot create, list, get, restore, delete."""
    snapshot = ("tenant", "snapshot")
    vrg(*snapshot, "create", "test", "--name", "ts1")
    assert vrg.sent()[2:] == [
        'POST tenant_snapshots {"tenant":1,"name":"ts1"}',
        "GET tenant_snapshots?filter=tenant eq 1 and (name eq 'ts1')",
    ]
    vrg(*snapshot, "create", "test", "--name", "ts2", "--expires-in-days", "3")
    assert vrg.sent()[2] == 'POST tenant_snapshots {"tenant":1,"name":"ts2","expires":EPOCH}'
    assert sorted(row["name"] for row in vrg.json(*snapshot, "list", "test")) == ["ts1", "ts2"]
    assert vrg.json(*snapshot, "get", "test", "ts1")["name"] == "ts1"
    vrg(*snapshot, "restore", "test", "ts1")
    assert vrg.sent()[5] == 'POST tenant_actions {"tenant":1,"action":"restore","params":{"snapshot":1}}'
    vrg(*snapshot, "delete", "test", "ts1", "--yes")
    assert vrg.sent()[3:] == ["GET tenant_snapshots/1", "DELETE tenant_snapshots/1"]


def test_volume_snapshots(vrg, sim):
    """B vrg nas volume list, and snapshot create, list, get, delete."""
    key = sim.get("volumes")[0]["$key"]
    assert [row["name"] for row in vrg.json("nas", "volume", "list")] == ["shared"]
    snapshot = ("nas", "volume", "snapshot")
    vrg(*snapshot, "create", "shared", "--name", "v1")
    body = f'{{"volume":"{key}","name":"v1","created_manually":true,"expires_type":"date","expires":EPOCH}}'
    assert vrg.sent() == ["GET volumes", f"POST volume_snapshots {body}", "GET volume_snapshots/1"]
    vrg(*snapshot, "create", "shared", "--name", "v2", "--never-expires", "--quiesce")
    assert '"expires_type":"never","expires":0,"quiesce":true' in vrg.sent()[1]
    assert [row["name"] for row in vrg.json(*snapshot, "list", "shared")] == ["v1", "v2"]
    assert vrg.json(*snapshot, "get", "shared", "v1")["name"] == "v1"
    vrg(*snapshot, "delete", "shared", "v1", "--yes")
    assert vrg.sent()[2] == "DELETE volume_snapshots/1"


def test_tags(vrg):
    """B vrg tag category list, list, members, assign, unassign."""
    assert [row["name"] for row in vrg.json("tag", "category", "list")] == ["backup"]
    assert [row["name"] for row in vrg.json("tag", "list")] == ["DB", "Web"]
    vrg("tag", "assign", "DB", "vm", "web-01")
    assert vrg.sent() == [
        "GET tags",
        "GET vms?filter=is_snapshot eq false",
        'POST tag_members {"tag":1,"member":"vms/1"}',
    ]
    assert len(vrg.json("tag", "members", "DB")) == 1
    vrg("tag", "unassign", "DB", "vm", "web-01")
    assert vrg.sent()[2:] == ["GET tag_members?filter=tag eq 1", "DELETE tag_members/1"]


def test_logs_and_tasks(vrg):
    """B vrg log list, task list."""
    vrg("snapshot", "create", "--name", "a")
    vrg("snapshot", "delete", "a", "--yes")
    assert [row["object_type"] for row in vrg.json("log", "list", "--limit", "3")] == ["SystemSnapshot"]
    assert vrg.sent() == ["GET logs"]
    vrg("task", "list")
    assert vrg.sent() == ["GET tasks"]
