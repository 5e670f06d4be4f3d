"""Forgets old runs, so that a catalog does not grow for ever. The record stays: nothing of it is ever removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

KEPT_SECONDS = 400 * 86_400
_OLD = "SELECT number FROM run WHERE state != 'running' AND ended_at < ?1 AND number NOT IN (SELECT run FROM lease)"


def prune(db: sqlite3.Connection, at: float) -> None:
    """Remove runs that ended more than 400 days before ``at`` (seconds since 1970), their journals and old missed slots.

    Looks only where the oldest run is that old, so that it costs nothing at most ends of runs.
    """
    limit = at - KEPT_SECONDS
    oldest = db.execute("SELECT started_at FROM run ORDER BY number LIMIT 1").fetchone()
    if oldest is None or oldest[0] >= limit:
        return
    for table in ("action", "approved_plan"):
        db.execute(f"DELETE FROM {table} WHERE run IN ({_OLD})", (limit,))
    db.execute(f"DELETE FROM run WHERE number IN ({_OLD})", (limit,))
    db.execute("DELETE FROM missed WHERE slot < ?", (limit,))
