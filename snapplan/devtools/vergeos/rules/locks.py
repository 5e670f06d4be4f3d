"""Immutable system snapshots: nobody deletes a locked one before it expires or was unlocked, which takes a week."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.devtools.vergeos.refusal import Refusal, fails_validation
from snapplan.devtools.vergeos.rules.removal import remove
from snapplan.devtools.vergeos.rules.system import DAY, System
from snapplan.devtools.vergeos.tables.version import LATE_LOCK_HOLDS

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.tables.shape import Key, Row

TABLE = "cloud_snapshots"
WAIT = 7 * DAY
HELD_BACK = ("locked", "unlocking")


def new_lock(row: Row) -> Row:
    """Return a new snapshot's columns of immutability."""
    return {"immutable_status": "locked" if row["immutable"] else "unlocked", "immutable_lock_expires": None}


def change(system: System, row: Row, changes: Row) -> Row:
    """Return a PUT's changes with what they mean for the lock; raises Refusal for an earlier expiration."""
    if row["immutable_status"] in HELD_BACK and "expires" in changes and system.switches["shorten_locked"] == "refuse":
        earlier = changes["expires"] != 0 and (row["expires"] == 0 or changes["expires"] < row["expires"])
        if earlier:
            raise fails_validation("expires")
    wanted = changes.get("immutable")
    if wanted is True and row["immutable_status"] != "locked":
        return {**changes, "immutable_status": "locked", "immutable_lock_expires": _late(system, row)}
    if wanted is False and row["immutable_status"] == "locked":
        until = system.now + WAIT
        end = min(until, row["expires"]) if row["expires"] else until
        system.later(end, "unlock", TABLE, row["$key"])
        return {**changes, **_shown(system), "immutable_status": "unlocking", "immutable_lock_expires": end}
    if wanted is False and row["immutable_status"] == "unlocking":
        return {**changes, **_shown(system)}
    return changes


def _shown(system: System) -> Row:
    return {"immutable": system.switches["unlocking_immutable"] == "true"}


def _late(system: System, row: Row) -> int | None:
    if system.version >= LATE_LOCK_HOLDS:
        return None
    system.later(system.now + WAIT, "unlock", TABLE, row["$key"])
    return system.now + WAIT


def on_unlock(system: System, table: str, key: Key) -> None:
    """End the wait of an unlock, unless it was locked again."""
    row = system.row(table, key)
    ends = None if row is None else row["immutable_lock_expires"]
    if row is None or row["immutable_status"] not in HELD_BACK or ends is None or ends > system.now:
        return
    if system.switches["unlock_end"] == "deleted":
        remove(system, table, key)
    else:
        unlocked = {"immutable": False, "immutable_status": "unlocked", "immutable_lock_expires": None}
        system.store.change(table, key, **unlocked)


def refuse_deletion(system: System, row: Row) -> None:
    """Raise Refusal when a snapshot is locked, and log that somebody tried."""
    if row["immutable_status"] in HELD_BACK:
        system.log("audit", f"Attempt to delete immutable snapshot '{row['name']}'", TABLE, row["name"])
        raise Refusal(int(system.switches["locked_delete_status"]), "Snapshot is immutable")
