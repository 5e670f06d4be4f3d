"""Runs and their journal. Each function runs inside the caller's transaction."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from snapplan.catalog import leases
from snapplan.catalog.base import JournalRow, Owner, Run, RunRow
from snapplan.catalog.decisions import raise_revision
from snapplan.catalog.observations import record_expired, record_snapshot
from snapplan.catalog.owner import is_alive
from snapplan.catalog.rows import Instants, instants_or_none, seconds
from snapplan.errors import CatalogError

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from snapplan.models.plan import Action
    from snapplan.models.snapshot import Snapshot

DONE_STATES = ("done", "adopted")
_OWNER = "user, host, boot_id, pid, process_started, job"
_PUT_ACTION = """
INSERT INTO action (run, number, verb, backend, target, snapshot, state, text, begun_at, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET state = excluded.state, text = excluded.text, at = excluded.at,
snapshot = ifnull(excluded.snapshot, snapshot)
"""


def begin(db: sqlite3.Connection, command: str, owner: Owner, now: datetime, commit: str | None) -> Run:
    """Return a new run; runs whose owner is gone are closed first."""
    interrupt_dead(db, now)
    suffix = os.urandom(4).hex()
    cursor = db.execute(
        f"INSERT INTO run (id, command, {_OWNER}, policy_commit, started_at, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running')",
        (suffix, command, *owner, commit, seconds(now)),
    )
    number = cursor.lastrowid or 0
    identity = f"{number}-{suffix}"
    db.execute("UPDATE run SET id = ? WHERE number = ?", (identity, number))
    return Run(number, identity)


def interrupt_dead(db: sqlite3.Connection, now: datetime) -> None:
    """Close the runs that nobody carries on: their process is gone, or cannot be seen and holds no lease any more."""
    running = db.execute(f"SELECT number, started_at, {_OWNER} FROM run WHERE state = 'running'").fetchall()
    if not running:
        return
    live = leases.live_run_numbers(db, now)
    for number, started_at, *owner in running:
        alive = is_alive(Owner(*owner))
        waiting = abs(seconds(now) - started_at) < leases.LEASE_SECONDS
        if alive is False or (alive is None and number not in live and not waiting):
            interrupt(db, number, now)


def interrupt(db: sqlite3.Connection, number: int, now: datetime) -> None:
    """Close a run that did not end by itself."""
    db.execute(
        "UPDATE run SET state = 'interrupted', ended_at = ? WHERE number = ? AND state = 'running'",
        (seconds(now), number),
    )


def end(db: sqlite3.Connection, number: int, state: str, now: datetime, *, confirm: bool) -> None:
    """Close a run; with ``confirm`` the time is confirmed and a rebuilt catalog is one no longer."""
    at = seconds(now)
    db.execute("UPDATE run SET state = ?, ended_at = ? WHERE number = ?", (state, at, number))
    if confirm:
        db.execute("UPDATE meta SET high_water = max(ifnull(high_water, ?1), ?1), rebuilt = 0", (at,))


def intent(db: sqlite3.Connection, run: int, action: Action, now: datetime) -> None:
    """Record that an action is about to be carried out."""
    at = seconds(now)
    db.execute(_PUT_ACTION, (*_identity(run, action), "intent", "", at, at))


def result(
    db: sqlite3.Connection, run: int, action: Action, state: str, text: str, now: datetime, snapshot: Snapshot | None
) -> None:
    """Record what became of an action, and what it means for the snapshot it was about."""
    from snapplan.models.plan import Verb  # here, as reading a catalog is not to wait for the plan's classes

    db.execute(_PUT_ACTION, (*_identity(run, action), state, text, None, seconds(now)))
    if snapshot is not None and action.verb is not Verb.EXPIRE:
        record_snapshot(db, snapshot, now)
    if state not in DONE_STATES:
        return
    if action.verb is Verb.EXPIRE:
        record_expired(db, *_expired(action, snapshot), now)
    raise_revision(db)


def _identity(run: int, action: Action) -> tuple[object, ...]:
    return (run, action.number, action.verb.value, action.backend, action.target, action.snapshot)


def _expired(action: Action, snapshot: Snapshot | None) -> tuple[str, str]:
    gone = snapshot if snapshot is not None else getattr(action.request, "snapshot", None)
    if gone is None:
        raise CatalogError(f"expire action {action.number} does not say which snapshot it expired")
    return gone.backend, gone.native_id


def load_runs(db: sqlite3.Connection, limit: int) -> list[RunRow]:
    """Return the newest runs, newest first."""
    instants, some = Instants(), instants_or_none()
    query = f"""SELECT number, id, command, started_at, ended_at, state, policy_commit, {_OWNER} FROM run
        ORDER BY number DESC LIMIT ?"""
    return [
        RunRow(number, identity, command, str(Owner(*owner)), instants[started], some[ended], state, commit, counts)
        for number, identity, command, started, ended, state, commit, *owner in db.execute(query, (limit,)).fetchall()
        for counts in [_counts(db, number)]
    ]


def _counts(db: sqlite3.Connection, number: int) -> dict[str, int]:
    """Count what was done by verb, and what was not by state."""
    query = """SELECT CASE WHEN state IN ('done', 'adopted') THEN verb ELSE state END AS word, count(*)
        FROM action WHERE run = ? GROUP BY word ORDER BY word"""
    return dict(db.execute(query, (number,)).fetchall())


def load_journal(db: sqlite3.Connection, run: int) -> list[JournalRow]:
    """Return the actions of a run, in order."""
    instants = Instants()
    query = "SELECT number, verb, target, snapshot, state, text, at FROM action WHERE run = ? ORDER BY number"
    return [
        JournalRow(run, number, verb, target, snapshot, state, text, instants[at])
        for number, verb, target, snapshot, state, text, at in db.execute(query, (run,))
    ]


def live_runs(db: sqlite3.Connection, now: datetime) -> frozenset[str]:
    """Return the ids of the runs that hold a valid lease."""
    numbers = leases.live_run_numbers(db, now)
    ids = db.execute("SELECT number, id FROM run WHERE state = 'running'").fetchall() if numbers else ()
    return frozenset(identity for number, identity in ids if number in numbers)
