"""A year of the same policy under the simulator's scheduler, in process, its clock stepped by the hour."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.rules import events, service
from snapplan.devtools.vergeos.rules.settings import system_profile
from snapplan.devtools.vergeos.rules.system import System
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage
from snapplan.models.durations import parse_duration

from .year_lives import END, HOUR, START, Life, Lives, Wish

INSTANT = {"blank": 0, "building": 0}
TABLES = {"cloud": "cloud_snapshots", "vm": "machine_snapshots", "volume": "volume_snapshots"}
# What says which row it is, not when and what it takes.
OWN = frozenset({"$key", "profile", "name"})
Row = Mapping[str, Any]


def begun(profiles: Mapping[str, Row], targets: Mapping[str, str], **seed: Any) -> System:
    """Return a system whose targets (``vm/web-01``) have these profiles of a policy, at the year's start.

    It is set up by the requests that an operator's client would send, and knows nothing of snapplan.
    """
    nothing: dict[str, Any] = {"clock": "frozen", "shipped_profiles": False, "system_profile": None, "timings": INSTANT}
    things = {
        f"{scope}s": [{"name": name} for kind, _, name in map(_parts, targets) if kind == scope]
        for scope in ("vm", "volume")
    }
    system = Stage.of(seeds.parse({**nothing, "now": START, **things, **seed}), int(START.timestamp())).system
    keys = {name: _make_profile(system, name, profile["periods"]) for name, profile in profiles.items()}
    for target, profile in targets.items():
        if profile:
            _assign(system, target, keys[profile])
    return system


def apply(system: System, folder: Path, policy: str) -> None:
    """Set a system up by ``snapplan apply`` of a policy, over HTTPS, at the year's start."""
    stage = Stage.of(seeds.parse({"clock": "frozen"}), system.now)
    stage.system, stage.time.held = system, system.now
    (folder / "policies").mkdir()
    (folder / "policies" / "year.yaml").write_text(policy, encoding="utf-8")
    (folder / "password").write_text("admin", encoding="utf-8")
    with Simulator(stage, folder / "simulator") as running:
        login = {"username": "admin", "password": "${file:password}", "ca_file": str(running.ca_file)}
        backend = {"driver": "vergeos", "host": running.host, "timezone": system.zone.key, **login}
        config = {"version": 1, "project": "year", "backends": {"dc1": backend}, "catalog": "sqlite:///catalog.db"}
        (folder / "snapplan.yaml").write_text(json.dumps(config), encoding="utf-8")
        words = [str(Path(sys.executable).with_name("snapplan")), "apply", "--auto-approve"]
        environment = {**os.environ, "SNAPPLAN_NOW": f"{START:%Y-%m-%dT%H:%M:%SZ}"}
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def schedule(system: System) -> tuple[dict[tuple[str, str], Row], dict[str, Any]]:
    """Return the periods by profile and name, and the name of the profile that each target has."""
    names = {row["$key"]: row["name"] for row in system.store.rows("snapshot_profiles").values()}
    periods = {
        (names[row["profile"]], row["name"]): {name: value for name, value in row.items() if name not in OWN}
        for row in system.store.rows("snapshot_profile_periods").values()
    }
    machines = {row["name"]: row["machine"] for row in system.store.rows("vms").values()}
    assigned = {name: system.store.rows("machines")[key]["snapshot_profile"] for name, key in machines.items()}
    assigned |= {row["name"]: row["snapshot_profile"] for row in system.store.rows("volumes").values()}
    assigned[""] = system_profile(system)
    return periods, {name: names.get(key) for name, key in assigned.items()}


def scheduled(system: System, end: datetime = END) -> Lives:
    """Step the clock by the hour until ``end``; return the lives of the snapshots that the scheduler took."""
    seen = {scope: dict[tuple[Any, ...], Wish]() for scope in TABLES}
    names = {row["$key"]: row["name"] for row in system.store.rows("snapshot_profile_periods").values()}
    lives: Lives = {}
    at = START
    while at < end:
        at += HOUR
        events.advance(system, int(at.timestamp()))
        for scope, table in TABLES.items():
            there = {(key, row["created"], row["name"]): row for key, row in system.store.rows(table).items()}
            for identity in seen[scope].keys() - there.keys():
                wish = seen[scope].pop(identity)
                lives[wish] = lives[wish]._replace(gone_at=at)
            for identity in there.keys() - seen[scope].keys():
                wish, life = _life(system, scope, there[identity], names)
                assert wish not in lives, "a slot is taken once"
                seen[scope][identity], lives[wish] = wish, life
    return lives


def _parts(target: str) -> tuple[str, str, str]:
    return target.partition("/")


def _life(system: System, scope: str, row: Row, names: Mapping[Any, str]) -> tuple[Wish, Life]:
    created = datetime.fromtimestamp(row["created"], UTC)
    expires = datetime.fromtimestamp(row["expires"], UTC) if row["expires"] else None
    period = names[row["_period" if scope == "volume" else "snapshot_period"]]
    return Wish("/".join(_target(system, scope, row)), period, created), Life(created, expires)


def _target(system: System, scope: str, row: Row) -> Iterator[str]:
    yield scope
    if scope == "vm":
        yield system.store.find("vms", machine=row["machine"])[0]["name"]
    elif scope == "volume":
        yield system.store.rows("volumes")[row["volume"]]["name"]


def _make_profile(system: System, name: str, periods: Mapping[str, Row]) -> Any:
    profile = _sent(system, "POST", "snapshot_profiles", {"name": name})["$key"]
    for period, fields in periods.items():
        body = {**fields, "profile": profile, "name": period, "retention": _seconds(fields["retention"])}
        _sent(system, "POST", "snapshot_profile_periods", body)
    return profile


def _seconds(retention: str) -> int:
    return 0 if retention == "forever" else parse_duration(retention) // timedelta(seconds=1)


def _assign(system: System, target: str, profile: Any) -> None:
    scope, _, name = _parts(target)
    if scope == "cloud":
        _sent(system, "PUT", f"settings/{system.switches['system_profile_key']}", {"value": profile})
        return
    key = system.store.find(f"{scope}s", name=name)[0]["$key"]
    _sent(system, "PUT", f"{scope}s/{key}", {"snapshot_profile": profile})


def _sent(system: System, method: str, path: str, body: Row) -> Any:
    return service.answer(system, service.Request(method, tuple(path.split("/")), {}, body)).body
