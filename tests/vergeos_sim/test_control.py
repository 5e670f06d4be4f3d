"""The control interface, seeds, saved states, the command, and the list of switches."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos import state
from snapplan.devtools.vergeos.refusal import SimulatorError
from snapplan.devtools.vergeos.rules import events
from snapplan.devtools.vergeos.rules.service import Request, answer
from snapplan.devtools.vergeos.rules.switches import SWITCHES, Switches
from snapplan.devtools.vergeos.web.faults import KINDS
from snapplan.devtools.vergeos.web.timekeeper import Timekeeper

from .conftest import DAY, NOON, SEED

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "contributing" / "vergeos-simulator.md"


def test_clock(sim):
    assert sim.control("GET", "clock")["instant"] == "2026-11-22T12:00:00Z"
    sim.control("POST", "clock/step", {"days": 1, "hours": 2, "minutes": 3, "seconds": 4})
    assert sim.control("GET", "clock")["now"] == NOON + DAY + 2 * 3600 + 3 * 60 + 4
    sim.control("PUT", "clock", {"now": "2026-11-22T06:00:00+00:00"})
    assert sim.control("GET", "clock")["now"] == NOON - DAY // 4


def test_answers_are_dated_by_the_clock_of_the_system(sim):
    sim.step(90)
    for path, status in (("system", 200), ("vms/99", 404)):
        answered = sim.raw("GET", path)
        assert answered.status_code == status
        assert answered.headers["date"] == "Sun, 22 Nov 2026 12:01:30 GMT"


def test_clock_that_runs(sim):
    running = sim.control("PUT", "clock", {"running": True})
    assert running["running"]
    assert sim.control("GET", "clock")["now"] >= running["now"]
    assert not sim.control("PUT", "clock", {"running": False})["running"]


def test_a_clock_set_back_runs_its_periods_again(sim):
    sim.put("vms/1", {"snapshot_profile": 1})
    sim.days(1)
    sim.control("PUT", "clock", {"now": NOON})
    sim.days(1)
    assert len(sim.get("machine_snapshots")) == 2


def test_bytes(sim):
    for path in ("vms/web-01", "vms/1/disk0", "volumes/shared", "tenants/acme"):
        sim.control("PUT", f"bytes/{path}", path.encode())
        assert sim.bytes(path) == path.encode()
    sim.post("machine_snapshots", {"machine": 500001, "name": "s"})
    sim.control("PUT", "bytes/vms/1", b"later")
    assert sim.bytes("machine_snapshots/s") == b"vms/1/disk0"


@pytest.mark.parametrize("path", ["bytes/vms/nobody", "bytes/nothing/1", "bytes/vms/web-01/disk9", "rows/nothing"])
def test_mistakes_are_told(sim, path):
    response = sim.http.get(f"{sim.control_url}/{path}", timeout=5)
    assert response.status_code == 400
    assert response.json()["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "flood"}),
        ("faults", {"kind": "latency", "speed": 1}),
        ("clock/step", {"years": 1}),
        ("clock/step", {}),
    ],
)
def test_refused_posts(sim, path, body):
    assert sim.http.post(f"{sim.control_url}/{path}", json=body, timeout=5).status_code == 400


def test_rows_past_the_rules(sim):
    added = sim.control("POST", "rows/cloud_snapshots", {"name": "synced", "remote_sync": True, "expires": NOON + 60})
    sim.control("PUT", f"rows/cloud_snapshots/{added['$key']}", {"status": "normal"})
    assert sim.get("cloud_snapshots", fields="name,remote_sync") == [{"name": "synced", "remote_sync": True}]
    sim.step(60)
    assert sim.control("GET", "rows/cloud_snapshots") == []


def test_a_list_of_rows_at_once(sim):
    later = {"name": "later", "status": "normal", "expires": NOON + 60}
    added = sim.control("POST", "rows/cloud_snapshots", [later, {**later, "name": "latest", "expires": NOON + 120}])
    assert [row["name"] for row in added] == ["later", "latest"]
    sim.step(60)
    assert [row["name"] for row in sim.control("GET", "rows/cloud_snapshots")] == ["latest"]
    answer = sim.http.post(f"{sim.control_url}/rows/cloud_snapshots", json=[1], timeout=10)
    assert answer.status_code == 400


def test_requests_are_counted(sim):
    sim.get("vms", limit="1")
    sim.post("snapshot_profiles", {"name": "p"})
    found = sim.control("GET", "requests")
    assert found["total"] == 2
    assert found["counts"] == {"GET vms": 1, "POST snapshot_profiles": 1}
    assert found["requests"][0]["query"] == {"limit": "1"}
    assert found["requests"][1]["body"] == {"name": "p"}
    assert [each["status"] for each in found["requests"]] == [200, 201]


def test_about(sim):
    assert sim.control("GET", "")["rows"]["vms"] == 2
    assert sim.control("GET", "switches")["profile_in_use"]["value"] == "refuse"


def test_unknown_switches_and_values_are_refused():
    for wrong in ({"nothing": "x"}, {"profile_in_use": "maybe"}):
        with pytest.raises(SimulatorError):
            Switches(wrong)


def test_every_switch_is_documented():
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert {name: shown.split("`")[1] for name, shown in rows.items() if name in {s.name for s in SWITCHES}} == {
        switch.name: switch.default for switch in SWITCHES
    }


def test_the_documented_seed_grows():
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    system, access = seeds.grow(seeds.parse(yaml.safe_load(text)), NOON)
    counts = {table: len(system.store.rows(table)) for table in ("vms", "tenants", "volumes", "cloud_snapshots")}
    assert counts == {"vms": 41, "tenants": 1, "volumes": 1, "cloud_snapshots": 2}
    assert [account.name for account in access.accounts] == ["admin", "auditor"]


def test_the_documented_faults_are_all():
    page = PAGE.read_text(encoding="utf-8")
    rows = re.search(r"\| kind \|.*?\n\n", page, re.DOTALL)
    assert rows is not None
    assert set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in rows[0].splitlines()[2:] if line))) == set(
        KINDS
    )


def test_every_value_of_every_switch_is_taken():
    for switch in SWITCHES:
        for choice in switch.choices:
            changes = {"switches": {switch.name: choice}, "shipped_profiles": True}
            seeds.grow(seeds.parse({**SEED, **changes}), NOON)


def test_the_default_system_profile_may_be_missing():
    without = {name: value for name, value in SEED.items() if name != "system_profile"}
    assert seeds.grow(seeds.parse(without), NOON)
    with pytest.raises(SimulatorError):
        seeds.grow(seeds.parse({**without, "system_profile": "System Snapshots"}), NOON)


@pytest.mark.parametrize(("follow", "now"), [(True, NOON + DAY), (False, NOON)])
def test_continuing_from_a_state(follow, now):
    keeper = Timekeeper(NOON + DAY)
    keeper.put_off(NOON, follow=follow)
    assert keeper.now() == now


def test_a_saved_system_goes_on(tmp_path):
    seed = {**SEED, "vms": [{"name": "a", "profile": "gold"}], "system_profile": "gold"}
    system, _ = seeds.grow(seeds.parse(seed), NOON)
    events.advance(system, NOON + 3 * DAY)
    state.save(system, tmp_path / "state.json")
    again = state.load(tmp_path / "state.json")
    assert state.document(again) == state.document(system)
    for each in (system, again):
        events.advance(each, NOON + 12 * DAY)
    assert state.document(again)["rows"] == state.document(system)["rows"]


def test_a_saved_system_finishes_what_it_began(tmp_path):
    slow = {"blank": 1, "building": 5, "recover": 60, "provision": 60}
    system, _ = seeds.grow(seeds.parse({**SEED, "timings": slow}), NOON)

    def ask(method, path, body=None):
        return answer(system, Request(method, tuple(path.split("/")), {"fields": "$key,name,status"}, body)).body

    ask("POST", "cloud_snapshots", {"name": "old", "immutable": True, "expires": 0})
    ask("PUT", "cloud_snapshots/1", {"immutable": False})
    rows = [row["$key"] for row in ask("GET", "cloud_snapshot_tenants")]
    ask("POST", "cloud_snapshot_tenant_actions", {"action": "recover", "params": {"rows": rows, "name": "again"}})
    events.advance(system, NOON + 60)
    ask("POST", "cloud_snapshot_tenant_actions", {"action": "recover", "params": {"rows": rows, "name": "more"}})
    ask("POST", "cloud_snapshots", {"name": "new"})
    state.save(system, tmp_path / "state.json")
    system = state.load(tmp_path / "state.json")
    events.advance(system, NOON + 8 * DAY)
    assert ask("GET", "cloud_snapshot_tenants")[0]["status"] == "complete"
    states = {row["name"]: system.row("tenant_status", row["status"])["status"] for row in ask("GET", "tenants")}
    assert states == {"acme": "offline", "again": "offline", "more": "offline"}
    snapshots = list(system.store.rows("cloud_snapshots").values())
    assert [(row["status"], row["immutable_status"]) for row in snapshots] == [("normal", "unlocked")]


def test_saving_on_demand(sim, tmp_path):
    assert sim.http.post(f"{sim.control_url}/save", timeout=5).status_code == 400
    sim.running.stage.state_file = tmp_path / "state.json"
    try:
        sim.control("POST", "save")
    finally:
        sim.running.stage.state_file = None
    assert state.load(tmp_path / "state.json").now == NOON


def test_a_step_at_each_request(sim):
    sim.control("PUT", "clock", {"seconds_per_request": 60})
    for _ in range(3):
        sim.get("vms")
    assert sim.control("GET", "clock")["now"] == NOON + 180


@pytest.mark.parametrize("text", ["", "{}", '{"format": "other"}'])
def test_what_is_no_state(tmp_path, text):
    (tmp_path / "state.json").write_text(text, encoding="utf-8")
    with pytest.raises(SimulatorError):
        state.load(tmp_path / "state.json")


@pytest.mark.parametrize(
    "wrong",
    [
        {"vms": [{"nam": "x"}]},
        {"version": "new"},
        {"time_zone": "Mars/Base"},
        {"system_profile": "nothing"},
        {"vms": [{"name": "x", "profile": "nothing"}]},
        {"timings": {"coffee": 1}},
        {"profiles": [{"name": "p", "periods": [{"name": "x", "retention": "1d", "hour": 99}]}]},
    ],
)
def test_wrong_seeds(wrong):
    with pytest.raises(SimulatorError):
        seeds.grow(seeds.parse({**SEED, **wrong}), NOON)


def test_the_command(tmp_path, seed_file):
    folder, saved = tmp_path / "run", tmp_path / "state.json"
    command = [Path(sys.executable).parent / "snapplan-vergeos-sim", "--folder", folder, "--state", saved]
    more = ["--seed", seed_file, "--platform", "26.1.3", "--switch", "key_reuse=never"]
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        url = f"https://{found['host']}/api/v4/system?fields=yb_version"
        with requests.Session() as session:
            session.trust_env = False
            session.auth = ("admin", "admin")
            assert session.get(url, verify=found["ca_file"], timeout=10).json() == [{"yb_version": "26.1.3"}]
        assert json.loads((folder / "endpoints.json").read_text()) == found
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert state.load(saved).switches["key_reuse"] == "never"


def test_a_wrong_seed_is_told(tmp_path):
    path = tmp_path / "seed.yaml"
    path.write_text("vms: [{nam: x}]", encoding="utf-8")
    command = [Path(sys.executable).parent / "snapplan-vergeos-sim", "--folder", tmp_path, "--seed", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "vms.0.nam" in done.stderr


SECTION = re.compile(r"\d+(\.\d+)?(, \d+(\.\d+)?)*( \[[^\]]+\])? \S")


def test_contract_tests_name_their_statement():
    """Each test of a section says which statement of the reference it holds the simulator to."""
    import ast

    silent = []
    for path in Path(__file__).parent.glob("test_s[0-9]*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                text = ast.get_docstring(node) or ""
                silent += [f"{path.name}: {node.name}"] * (SECTION.match(text) is None)
    assert silent == []
