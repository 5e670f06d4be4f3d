"""The append-only record: who changed what, when, by which plan. Each function runs inside the caller's transaction.

Each entry carries a hash over the one before it and over all that it says itself, and the newest hash stands in ``meta``
too: an entry that was changed, removed, put in or cut off at the end is found by ``snapplan catalog verify``. Whoever can
write the file can also make the whole chain anew; against that, keep the hash that ``verify`` prints somewhere else.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.catalog.base import RecordRow
from snapplan.catalog.rows import Instants, seconds
from snapplan.redaction import redact

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from snapplan.catalog.base import Owner

START = ""
"""What stands for the hash before the first entry."""


class Entry(NamedTuple):
    """A row as it is stored: ``at`` in seconds since 1970, ``body`` canonical JSON."""

    number: int
    at: float
    kind: str
    run: int | None
    body: str
    previous: str
    hash: str


def canonical(value: object) -> str:
    """Return the one JSON text of a value: keys sorted, no blanks, no escapes that are not needed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def chained(previous: str, number: int, at: float, kind: str, run: int | None, body: str) -> str:
    """Return the SHA-256, in hexadecimal, of the canonical JSON of an entry; ``body`` is canonical JSON already."""
    import hashlib

    head = canonical([previous, number, at, kind, run])
    return hashlib.sha256(f"{head[:-1]},{body}]".encode()).hexdigest()


def append(db: sqlite3.Connection, kind: str, run: int | None, body: Mapping[str, Any], now: datetime) -> None:
    """Add one entry."""
    number, previous = db.execute("SELECT record_number, record_hash FROM meta").fetchone()
    at, text = seconds(now), canonical(body)
    new = chained(previous, number + 1, at, kind, run, text)
    db.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", (number + 1, at, kind, run, text, previous, new))
    db.execute("UPDATE meta SET record_number = ?, record_hash = ?", (number + 1, new))


def found(db: sqlite3.Connection, project: str, now: datetime) -> None:
    """Begin the record, and name the catalog where it is new.

    Runs of a catalog that is older than its record are counted in the first entry; nothing else vouches for them.
    """
    db.execute(
        "INSERT OR IGNORE INTO meta (one, id, project, revision, rebuilt) VALUES (1, ?, ?, 0, 0)",
        (os.urandom(8).hex(), project),
    )
    identity, number = db.execute("SELECT id, record_number FROM meta").fetchone()
    if number == 0:
        earlier = db.execute("SELECT ifnull(max(number), 0) FROM run").fetchone()[0]
        append(db, "created", None, {"id": identity, "project": project, "runs_before": earlier}, now)


def head(db: sqlite3.Connection) -> tuple[int, str]:
    """Return the number and the hash of the newest entry, as ``meta`` has them."""
    number, newest = db.execute("SELECT record_number, record_hash FROM meta").fetchone()
    return number, newest


def entries(db: sqlite3.Connection) -> Iterator[Entry]:
    """Yield the entries as they are stored, oldest first."""
    query = "SELECT number, at, kind, run, body, previous, hash FROM record ORDER BY number"
    return (Entry(*row) for row in db.execute(query))


def page(db: sqlite3.Connection, after: int, limit: int) -> list[RecordRow]:
    """Return at most ``limit`` entries after the one of number ``after``, oldest first."""
    instants = Instants()
    query = "SELECT number, at, kind, run, body, previous, hash FROM record WHERE number > ? ORDER BY number LIMIT ?"
    return [
        RecordRow(number, instants[at], kind, run, json.loads(body), previous, own)
        for number, at, kind, run, body, previous, own in db.execute(query, (after, limit)).fetchall()
    ]


def storable(text: str) -> str:
    """Return ``text`` as it is kept for people: without secrets, and what is not valid Unicode written as escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode(errors="backslashreplace").decode()
    return redact(text)


def storable_owner(owner: Owner) -> Owner:
    """Return ``owner`` with the texts that its environment made ``storable``."""
    return owner._replace(user=storable(owner.user), host=storable(owner.host), job=storable(owner.job))
