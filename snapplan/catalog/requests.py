"""How many requests were made to a backend, by minute. Each function runs inside the caller's transaction.

These are observations, not decisions: they raise no revision and stand in no record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.catalog.rows import seconds

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

MINUTE = 60
KEPT_SECONDS = 2 * 3_600
_ADD = """
INSERT INTO request_count VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests
"""


def count(db: sqlite3.Connection, backend: str, now: datetime, requests: int) -> None:
    """Add requests that were made now, and forget what is older than two hours, or further ahead than that."""
    at = int(seconds(now))
    db.execute(_ADD, (backend, at - at % MINUTE, requests))
    db.execute("DELETE FROM request_count WHERE minute NOT BETWEEN ? AND ?", (at - KEPT_SECONDS, at + KEPT_SECONDS))


def since(db: sqlite3.Connection, backend: str, instant: datetime) -> int:
    """Return how many requests were made since ``instant``; the minute in which it lies counts whole."""
    query = "SELECT ifnull(sum(requests), 0) FROM request_count WHERE backend = ? AND minute > ?"
    found: int = db.execute(query, (backend, int(seconds(instant)) - MINUTE)).fetchone()[0]
    return found
