"""Expiration: what a snapshot gets when nothing is said, what is held past it, and what the platform removes.

Expired but among the newest ``min_snapshots`` of its period: held, until a newer scheduled snapshot takes its place or
somebody removes it. A locked snapshot that expires is removed like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.rules.removal import remove
from snapplan.devtools.vergeos.rules.system import DAY, System
from snapplan.devtools.vergeos.tables.version import EXPIRIES_NOT_LOGGED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.devtools.vergeos.tables.shape import Key, Row

DEFAULT_RETENTION = 3 * DAY
SNAPSHOT_TABLES = ("cloud_snapshots", "machine_snapshots", "volume_snapshots", "tenant_snapshots")


def asked_for(system: System, body: Mapping[str, Any], default: int | None) -> int:
    """Return the expiration of a new snapshot, 0 for never; ``default`` is its retention in seconds, None for never."""
    if body.get("expires_type") == "never":
        return 0
    if body.get("expires") is not None:
        return int(body["expires"])
    return 0 if default is None else system.now + default


def changed(body: Mapping[str, Any], changes: Row) -> Row:
    """Return a PUT's changes with an expiration of 0 where its type says never."""
    return {**changes, "expires": 0} if body.get("expires_type") == "never" else changes


def watch(system: System, table: str, row: Row) -> None:
    """Note when a snapshot expires, if ever."""
    if row.get("expires"):
        system.later(row["expires"], "expire", table, row["$key"])


def on_expire(system: System, table: str, key: Key) -> None:
    """Remove a snapshot that has expired, unless a later expiration was set or its period still needs it."""
    row = system.row(table, key)
    if row is None or not row.get("expires") or row["expires"] > system.now:
        return
    if needed(system, table, row):
        if table == "cloud_snapshots" and row["status"] == "normal":
            system.store.change(table, key, status="held")
        return
    discard(system, table, row)


def discard(system: System, table: str, row: Row) -> None:
    """Remove an expired snapshot."""
    remove(system, table, row["$key"])
    if table == "cloud_snapshots" and system.version < EXPIRIES_NOT_LOGGED:
        system.log("message", f"Snapshot '{row['name']}' expired", table, row["name"])


def needed(system: System, table: str, row: Row) -> bool:
    """Say whether fewer than ``min_snapshots`` complete snapshots of the same period and target are newer."""
    least = _minimum(system, table, row)
    if not least:
        return False
    mine = (row["created"], row["$key"])
    newer = [
        each for each in _siblings(system, table, row) if (each["created"], each["$key"]) > mine and complete(each)
    ]
    return len(newer) < least


def complete(row: Row) -> bool:
    """Say whether a snapshot counts: a system snapshot does once it is built."""
    return "immutable_status" not in row or row["status"] in ("normal", "held")


def review(system: System, table: str, newest: Row) -> None:
    """Remove what was held and is not needed any more, now that ``newest`` is there."""
    for row in _siblings(system, table, newest):
        expired = row.get("expires") and row["expires"] <= system.now
        if expired and row["$key"] != newest["$key"] and not needed(system, table, row):
            discard(system, table, row)


def _minimum(system: System, table: str, row: Row) -> int:
    if table == "cloud_snapshots":
        manual = row["snapshot_period"] is None
        return 0 if manual and system.switches["manual_minimum"] == "ignored" else int(row["min_snapshots"] or 0)
    if table == "tenant_snapshots":
        return 0
    period = system.row(
        "snapshot_profile_periods", row.get("_period" if table == "volume_snapshots" else "snapshot_period")
    )
    return 0 if period is None else int(period["min_snapshots"])


def _siblings(system: System, table: str, row: Row) -> list[Row]:
    find = system.store.find
    if table == "cloud_snapshots":
        return find(table, snapshot_period=row["snapshot_period"])
    if table == "machine_snapshots":
        return find(table, snapshot_period=row["snapshot_period"], machine=row["machine"])
    return find(table, _period=row.get("_period"), volume=row["volume"])
