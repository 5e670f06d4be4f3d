"""The platform's scheduler: takes what a due period asks for, of everything that the profile is assigned to."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING

from snapplan.devtools.vergeos.rules import cloud, machine_snapshots, periods, volumes
from snapplan.devtools.vergeos.rules.settings import system_profile
from snapplan.devtools.vergeos.tables.version import PERIODS_RUN_RIGHT

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key, Row

TABLE = "snapshot_profile_periods"


def plan(system: System, period: Row) -> Row:
    """Note when a period falls due next; returns its row."""
    due = periods.next_due(system, period, system.now)
    if due is not None:
        system.later(due, "period", TABLE, period["$key"])
    return system.store.change(TABLE, period["$key"], _next=due, estimated_snapshot_count=periods.estimate(period))


def on_period(system: System, table: str, key: Key) -> None:
    """Run a period, unless it was changed or removed since, and note its next time."""
    period = system.row(table, key)
    if period is None or period.get("_next") != system.now:
        return
    plan(system, period)
    profile = period["profile"]
    if system.version < PERIODS_RUN_RIGHT and system.ran.get(profile) == system.now:
        return
    system.ran[profile] = system.now
    run(system, period)


def run(system: System, period: Row) -> None:
    """Take a snapshot of each VM and volume that has the profile, and of the system if it has."""
    profile = period["profile"]
    for machine in system.store.find("machines", snapshot_profile=profile):
        if not machine["is_snapshot"]:
            _take_vm(system, period, machine["$key"])
    for volume in system.store.find("volumes", snapshot_profile=profile):
        if volumes.can_be_taken(system, volume):
            _take_volume(system, period, volume["$key"])
    if system_profile(system) == profile and len(system.store.rows(cloud.TABLE)) < cloud.MOST:
        _take_system(system, period)


def _take_vm(system: System, period: Row, machine: Key) -> None:
    name = free_name(system, "machine_snapshots", period, {"machine": machine})
    fields = {"machine": machine, "name": name, "description": "", "expires": expires(system, period)}
    made = {**fields, "created_manually": False, "snapshot_period": period["$key"]}
    machine_snapshots.take(system, made, period["quiesce"])


def _take_volume(system: System, period: Row, volume: Key) -> None:
    if len(system.store.find(volumes.TABLE, volume=volume)) >= volumes.MOST:
        return
    end = expires(system, period)
    name = free_name(system, volumes.TABLE, period, {"volume": volume})
    fields = {"volume": volume, "name": name, "description": "", "expires": end, "enabled": False}
    how = {"expires_type": "date" if end else "never", "created_manually": False, "quiesce": period["quiesce"]}
    volumes.take(system, {**fields, **how, "_period": period["$key"]})


def _take_system(system: System, period: Row) -> None:
    partial, quiesced = tags_of(system, period)
    cloud.take(
        system,
        {
            "name": free_name(system, cloud.TABLE, period, {}),
            "description": "",
            "expires": expires(system, period),
            "min_snapshots": period["min_snapshots"],
            "private": period.get("private", False),
            "immutable": period["immutable"],
            "snapshot_profile": period["profile"],
            "snapshot_period": period["$key"],
            "type": period.get("type", "full"),
            "partial_tags": partial,
            "quiesce_tags": quiesced,
            **dict.fromkeys(("provider", "remote_sync"), False),
            **dict.fromkeys(("incoming_sync", "schedule_task", "task"), None),
        },
    )


def tags_of(system: System, period: Row) -> tuple[str, str]:
    """Return the partial and the quiesce tags of a period, as keys joined by commas."""
    if system.switches["period_tags"] == "columns" or "snapshot_profile_period_tags" not in system.tables:
        return period.get("partial_tags", ""), period.get("quiesce_tags", "")
    rows = system.store.find("snapshot_profile_period_tags", snapshot_profile_period=period["$key"])
    return ",".join(row["refs"].removeprefix("tags/") for row in rows), period.get("quiesce_tags", "")


def expires(system: System, period: Row) -> int:
    """Return the expiration that a snapshot of a period gets now, 0 for never."""
    if period["retention"] == 0 and system.switches["retention_zero"] == "forever":
        return 0
    return system.now + int(period["retention"])


def free_name(system: System, table: str, period: Row, parent: dict[str, Key]) -> str:
    """Return a scheduled snapshot's name: period and date, with the time where the date is not enough."""
    local = datetime.fromtimestamp(system.now, system.zone)
    minutes = period["frequency"] == "hourly" or system.switches["scheduled_names"] == "minute"
    shapes = ("%Y%m%d_%H%M",) if minutes else ("%Y%m%d", "%Y%m%d_%H%M")
    for shape in shapes:
        name = f"{period['name']}_{local.strftime(shape)}"
        if not system.store.has(table, (*parent, "name"), (*parent.values(), name)):
            return name
    numbered = (f"{name} ({number})" for number in count(1))
    return next(each for each in numbered if not system.store.has(table, (*parent, "name"), (*parent.values(), each)))
