"""A big VergeOS system in the simulator: half of it scheduled by snapplan, half by the platform, and strangers among both.

Run as a process of its own it serves the system until it is told to stop, so that a client's CPU is measured alone.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.rules import cloud, events, machine_snapshots, tenants, volumes
from snapplan.devtools.vergeos.rules.system import System
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage
from snapplan.drivers.vergeos import marks
from snapplan.models.snapshot import Mark

PROJECT = "bench"
NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
POLICY = """
profiles:
  gold:
    periods:
      hourly: {frequency: hourly, retention: 12h}
      daily: {frequency: daily, hour: 2, retention: 13d}
  silver:
    periods:
      hourly: {frequency: hourly, retention: 12h}
      daily: {frequency: daily, hour: 2, retention: 13d}
      weekly: {frequency: weekly, day_of_week: sun, hour: 3, retention: 8d}
assignments:
  tagged:
    profile: gold
    schedule: snapplan
    targets:
      - {backend: dc1, scope: vm, tags: [gold]}
      - {backend: dc1, scope: volume, tags: [gold]}
      - {backend: dc1, scope: tenant, tags: [gold]}
  named:
    profile: silver
    schedule: platform
    targets:
      - {backend: dc1, scope: vm, names: ["db-*"]}
      - {backend: dc1, scope: volume, names: ["share-*"]}
      - {backend: dc1, scope: cloud}
"""
HOURLY = [NOW.replace(minute=0) - timedelta(hours=back) for back in range(12)]
DAILY = [NOW.replace(hour=2, minute=0) - timedelta(days=back) for back in range(13)]
WEEKLY = [NOW.replace(hour=3, minute=0) - timedelta(weeks=back) for back in range(2)]
SLOTS = {"hourly": HOURLY, "daily": DAILY, "weekly": WEEKLY}
RETENTION = {"hourly": timedelta(hours=12), "daily": timedelta(days=13), "weekly": timedelta(days=8)}
MARGIN = timedelta(days=7)
PERIODS = (
    {"name": "hourly", "frequency": "hourly", "retention": "12h"},
    {"name": "daily", "frequency": "daily", "hour": 2, "retention": "13d"},
    {"name": "weekly", "frequency": "weekly", "hour": 3, "day_of_week": "sun", "retention": "8d"},
)
INSTANT = {"blank": 0, "building": 0, "recover": 0, "provision": 0, "request": 0}


class Size(NamedTuple):
    """How many there are of each; ``foreign`` counts system snapshots of strangers, which others have one in two."""

    vms: int = 2_000
    volumes: int = 200
    tenants: int = 50
    foreign: int = 373


class Taken(NamedTuple):
    """A snapshot that is to be taken at ``at``."""

    at: datetime
    take: Callable[[System], Any]


def stage_of(size: Size, version: str = "26.1.7") -> Stage:
    """Return the simulation; its clock stands still at ``NOW``."""
    stage = Stage.of(seeds.parse({**seed(size), "version": version}), int(BEGIN.timestamp()))
    system = stage.system
    for taken in sorted(snapshots(system, size), key=lambda each: each.at):
        system.now = int(taken.at.timestamp())
        taken.take(system)
    system.now = int(NOW.timestamp())
    events.reschedule(system)
    events.advance(system, system.now)
    stage.time.held = system.now
    return stage


def seed(size: Size) -> dict[str, Any]:
    description = marks.with_line("", {"project": PROJECT})
    half = {"vms": size.vms // 2, "volumes": size.volumes // 2}
    return {
        "now": BEGIN.isoformat(),
        "clock": "frozen",
        "timings": INSTANT,
        "profiles": [{"name": "silver", "description": description, "periods": list(PERIODS)}],
        "system_profile": "silver",
        "tags": [{"category": "backup", "tags": ["gold"]}],
        "vms": [
            {"name": "web-{:04}", "count": half["vms"], "tags": ["gold"], "agent": "8.2"},
            {"name": "db-{:04}", "count": half["vms"], "profile": "silver"},
        ],
        "volumes": [
            {"name": "files-{:03}", "count": half["volumes"], "tags": ["gold"]},
            {"name": "share-{:03}", "count": half["volumes"], "profile": "silver"},
        ],
        "tenants": [{"name": "tenant-{:02}", "count": size.tenants, "tags": ["gold"]}],
    }


def snapshots(system: System, size: Size) -> Iterator[Taken]:
    """Yield all snapshots, in any order."""
    profile = system.store.find("snapshot_profiles", name="silver")[0]["$key"]
    silver = {row["name"]: row["$key"] for row in system.store.find("snapshot_profile_periods", profile=profile)}
    for number, vm in enumerate(list(system.store.find("vms", is_snapshot=False))):
        place = {"machine": vm["machine"]}
        take: Callable[..., Any] = machine_snapshots.take
        if vm["name"].startswith("web-"):
            yield from ours(take, place | {"snapshot_period": None}, vm["uuid"], number)
        else:
            yield from managed(take, place, silver, "snapshot_period")
        if number % 2:
            yield foreign(take, place | {"snapshot_period": None})
    for number, volume in enumerate(list(system.store.rows("volumes").values())):
        place = {"volume": volume["$key"], "enabled": False, "quiesce": False, "expires_type": "date"}
        if volume["name"].startswith("files-"):
            yield from ours(volumes.take, place, volume["$key"], number)
        else:
            yield from managed(volumes.take, place, silver, "_period")
        if number % 2:
            yield foreign(volumes.take, place)
    for number, tenant in enumerate(list(system.store.rows("tenants").values())):
        place = {"tenant": tenant["$key"], "profile": None, "period": None, "min_snapshots": 0, "type": "full"}
        yield from ours(tenants.take, place, tenant["uuid"], number)
        yield foreign(tenants.take, place)
    yield from of_the_system(system, silver, size.foreign)


def ours(take: Callable[..., Any], place: dict[str, Any], target_id: str, number: int) -> Iterator[Taken]:
    """Yield what snapplan took of a target, as the driver writes it; no two at one instant."""
    for period in ("hourly", "daily"):
        for slot in SLOTS[period]:
            at = slot + timedelta(seconds=30, microseconds=number)
            expires = at + RETENTION[period]
            mark = Mark(PROJECT, target_id, "1-abcdef12", at, expires, "gold", period, slot, minimum=1)
            fields = {
                **place,
                "name": f"gold.{period}.{slot:%Y%m%dT%H%MZ}",
                "description": marks.described("", mark),
                "expires": int((expires + MARGIN).timestamp()),
                "created_manually": True,
            }
            yield Taken(at, taking(take, fields))


def managed(take: Callable[..., Any], place: dict[str, Any], keys: dict[str, Any], column: str) -> Iterator[Taken]:
    """Yield what the platform took by a profile that is ours."""
    for period, slots in SLOTS.items():
        for slot in slots:
            shape = "%Y%m%d_%H%M" if period == "hourly" else "%Y%m%d"
            fields = {
                **place,
                "name": f"{period}_{slot.strftime(shape)}",
                "description": "",
                "expires": int((slot + RETENTION[period]).timestamp()),
                "created_manually": False,
                column: keys[period],
            }
            yield Taken(slot, taking(take, fields))


def foreign(take: Callable[..., Any], place: dict[str, Any], number: int = 0) -> Taken:
    """Return what somebody else took by hand."""
    at = NOW - timedelta(days=20, hours=number)
    text = {"name": f"before-update-{number}", "description": "CHG-1234", "expires": 0}
    return Taken(at, taking(take, {**place, **text, "created_manually": True}))


def of_the_system(system: System, keys: dict[str, Any], others: int) -> Iterator[Taken]:
    profile = system.store.find("snapshot_profiles", name="silver")[0]["$key"]
    place = {
        **{column.name: column.default for column in system.tables[cloud.TABLE].columns if column.access != "write"},
        "min_snapshots": 1,
    }
    for taken in range(others):
        yield foreign(cloud.take, place, taken)
    yield from managed(cloud.take, {**place, "snapshot_profile": profile}, keys, "snapshot_period")


def taking(take: Callable[..., Any], fields: dict[str, Any]) -> Callable[[System], Any]:
    if take is machine_snapshots.take:
        return lambda system: take(system, fields, False)
    return lambda system: take(system, fields)


def main(words: Sequence[str]) -> None:
    """Serve: arguments are the folder for the certificate and, as JSON, the size."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    gc.disable()
    stage = stage_of(Size(**json.loads(words[1])))
    gc.freeze()
    gc.enable()
    with Simulator(stage, Path(words[0])) as running:
        endpoints = {"host": running.host, "control": running.control_url, "ca_file": str(running.ca_file)}
        sys.stdout.write(json.dumps(endpoints) + "\n")
        sys.stdout.flush()
        signal.sigwait((signal.SIGINT, signal.SIGTERM))


if __name__ == "__main__":
    main(sys.argv[1:])
