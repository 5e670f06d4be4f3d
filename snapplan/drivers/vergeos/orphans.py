"""Whether the period that took a snapshot still takes others of the same target, read anew just before it is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.drivers.vergeos.api import quoted
from snapplan.drivers.vergeos.listing import SCHEDULED_NAME
from snapplan.drivers.vergeos.lookup import find_object
from snapplan.drivers.vergeos.reads import ALL
from snapplan.drivers.vergeos.system_profile import system_profile
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.models.snapshot import Snapshot

PERIODS = "snapshot_profile_periods"
VM_FIELDS = "$key,snapshot_period#profile as period_profile,machine#snapshot_profile as assigned_profile"


def is_scheduled(connection: Connection, snapshot: Snapshot, row: Row) -> bool:
    """Whether the period that took a snapshot schedules its target.

    Raises ``RefusedError`` where the system does not tell which profile its own snapshots have.
    """
    if snapshot.scope is Scope.VM:
        found = connection.api.row("machine_snapshots", row["$key"], VM_FIELDS) or {}
        profile = found.get("period_profile")
        return profile is not None and profile == found.get("assigned_profile")
    if snapshot.scope is Scope.VOLUME:
        return _volume_is(connection, snapshot)
    return snapshot.scope is Scope.CLOUD and _system_is(connection, row)


def _volume_is(connection: Connection, snapshot: Snapshot) -> bool:
    """Whether the volume has a profile with a period of the name that stands in the snapshot's."""
    volume = find_object(connection, Scope.VOLUME, snapshot.target_id)
    match = SCHEDULED_NAME.fullmatch(snapshot.name)
    if volume is None or not volume.get("snapshot_profile") or match is None:
        return False
    where = f"profile eq {volume['snapshot_profile']} and name eq {quoted(match['period'])}"
    return bool(connection.api.rows(PERIODS, "$key,name,profile", where=where))


def _system_is(connection: Connection, row: Row) -> bool:
    if row.get("snapshot_period") is None:
        return False
    period = connection.api.row(PERIODS, row["snapshot_period"], "$key,profile")
    if period is None:
        return False
    profiles = connection.api.rows("snapshot_profiles", ALL)
    system = system_profile(connection.api.rows("settings", ALL), profiles)
    if system.blocker:
        raise connection.refuse(system.blocker)
    return bool(system.profile == period.get("profile"))
