"""Time: what falls due happens in order."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from snapplan.devtools.vergeos.rules import cloud, cloud_actions, expiry, locks, schedule, tenants
from snapplan.devtools.vergeos.rules.expiry import SNAPSHOT_TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key

HANDLERS: Mapping[str, Callable[[System, str, Key], None]] = {
    "period": schedule.on_period,
    "expire": expiry.on_expire,
    "built": cloud.on_built,
    "unlock": locks.on_unlock,
    "recovered": cloud_actions.on_recovered,
    "provisioned": tenants.on_provisioned,
    "arrived": cloud_actions.on_arrived,
    "find_vms": cloud_actions.on_find("vms"),
    "find_tenants": cloud_actions.on_find("tenants"),
}


def advance(system: System, until: int) -> None:
    """Move a system's time to ``until`` (epoch seconds), doing on the way what falls due; never backwards.

    What happens by itself is logged as done by ``SYSTEM``.
    """
    actor, system.actor = system.actor, "SYSTEM"
    while system.agenda and system.agenda[0].due <= until:
        event = heapq.heappop(system.agenda)
        system.now = max(system.now, event.due)
        HANDLERS[event.kind](system, event.table, event.key)
    system.now = max(system.now, until)
    system.actor = actor


def set_back(system: System, now: int) -> None:
    """Set a system's time to any instant, earlier ones included, as a wrong clock is set right; nothing is undone."""
    if now >= system.now:
        advance(system, now)
        return
    system.now = now
    for period in list(system.store.rows(schedule.TABLE).values()):
        schedule.plan(system, period)


def reschedule(system: System) -> None:
    """Find out from the rows alone what falls due, after they were read from a file or written from outside."""
    system.agenda.clear()
    for period in list(system.store.rows(schedule.TABLE).values()):
        schedule.plan(system, period)
    for table in SNAPSHOT_TABLES:
        for row in system.store.rows(table).values():
            expiry.watch(system, table, row)
    for row in system.store.rows(cloud.TABLE).values():
        if row["status"] in (None, "building"):
            system.later(max(system.now, row["created"] + system.timings.blank), "built", cloud.TABLE, row["$key"])
        if row["immutable_lock_expires"]:
            system.later(row["immutable_lock_expires"], "unlock", cloud.TABLE, row["$key"])
    for table in ("cloud_snapshot_vms", "cloud_snapshot_tenants"):
        for row in system.store.rows(table).values():
            if row["status"] == "importing":
                system.later(system.now, "recovered", table, row["$key"])
    for row in system.store.rows("tenants").values():
        status = system.row("tenant_status", row["status"])
        if status is not None and status["status"] == "provisioning":
            system.later(system.now + system.timings.provision, "provisioned", "tenants", row["$key"])
