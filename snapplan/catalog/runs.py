"""Runs and their journal. Each function runs inside the caller's transaction."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from snapplan.catalog import acceptance, leases, record
from snapplan.catalog.base import JournalRow, Owner, Run, RunRow
from snapplan.catalog.decisions import raise_revision, raise_slots
from snapplan.catalog.observations import record_expired, record_snapshot
from snapplan.catalog.owner import is_alive
from snapplan.catalog.prune import prune
from snapplan.catalog.rows import Instants, instants_or_none, seconds
from snapplan.errors import CatalogError
from snapplan.models.world import Triple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from snapplan.catalog.base import Acceptance
    from snapplan.models.plan import Action
    from snapplan.models.snapshot import Snapshot

_RUN = (
    "number, id, command, started_at, ended_at, state, policy_commit, plan_digest, allowed, reason, notices,"
    " user, host, boot_id, pid, process_started, job"
)
DONE_STATES = ("done", "adopted")
_OWNER = "user, host, boot_id, pid, process_started, job"
_PUT_ACTION = """
INSERT INTO action (run, number, verb, backend, target, snapshot, foreseen, state, text, notices, begun_at, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET state = excluded.state, text = excluded.text, notices = excluded.notices,
at = excluded.at, foreseen = min(foreseen, excluded.foreseen), snapshot = ifnull(excluded.snapshot, snapshot)
"""
_ACTION = "number, verb, backend, target, snapshot, foreseen, state, text, at, notices"


def begin(db: sqlite3.Connection, command: str, owner: Owner, now: datetime, commit: str | None) -> Run:
    """Return a new run; runs whose owner is gone are closed first."""
    interrupt_dead(db, now)
    command, owner = record.storable(command), record.storable_owner(owner)
    suffix = os.urandom(4).hex()
    cursor = db.execute(
        f"INSERT INTO run (id, command, {_OWNER}, policy_commit, started_at, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running')",
        (suffix, command, *owner, commit, seconds(now)),
    )
    number = cursor.lastrowid or 0
    identity = f"{number}-{suffix}"
    db.execute("UPDATE run SET id = ? WHERE number = ?", (identity, number))
    who = {"user": owner.user, "host": owner.host, "pid": owner.pid, "job": owner.job}
    record.append(db, "begun", number, {"id": identity, "command": command, "commit": commit, **who}, now)
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
    """Close a run that did not end by itself, and put its journal into the record as it stands."""
    if db.execute("SELECT 1 FROM run WHERE number = ? AND state = 'running'", (number,)).fetchone():
        _close(db, number, "interrupted", now)


def end(
    db: sqlite3.Connection, number: int, state: str, now: datetime, confirm: Acceptance | None, notices: Sequence[str]
) -> None:
    """Close a run, and record what it confirms and what there is to say of it as a whole."""
    _close(db, number, state, now, [record.storable(notice) for notice in notices])
    if confirm is not None:
        acceptance.accept(db, confirm, now)
        prune(db, seconds(now))


def _close(db: sqlite3.Connection, number: int, state: str, now: datetime, notices: Sequence[str] = ()) -> None:
    said = json.dumps(list(notices))
    db.execute(
        "UPDATE run SET state = ?, ended_at = ?, notices = ? WHERE number = ?", (state, seconds(now), said, number)
    )
    body = {"state": state, "counts": _counts(db, number), "actions": recorded_actions(db, number)}
    record.append(db, "ended", number, {**body, **({"notices": list(notices)} if notices else {})}, now)


def recorded_actions(db: sqlite3.Connection, run: int) -> list[dict[str, Any]]:
    """Return the journal of a run as the record has it; ``at`` is in seconds since 1970.

    What no notice was said of has none: so the record of runs before there were notices stays true.
    """
    rows = db.execute(f"SELECT {_ACTION} FROM action WHERE run = ? ORDER BY number", (run,))
    return [_recorded(row) for row in rows]


def _recorded(row: Iterable[Any]) -> dict[str, Any]:
    entry = dict(zip(_ACTION.split(", "), row, strict=True))
    notices = entry.pop("notices")
    return {**entry, "foreseen": bool(entry["foreseen"]), **({} if notices == "[]" else {"notices": notices})}


def intent(db: sqlite3.Connection, run: int, action: Action, now: datetime) -> None:
    """Record that an action is about to be carried out."""
    _put_action(db, run, action, "intent", "", (), now)


def result(
    db: sqlite3.Connection,
    run: int,
    action: Action,
    state: str,
    text: str,
    now: datetime,
    snapshot: Snapshot | None,
    notices: Sequence[str] = (),
) -> None:
    """Record what became of an action, and what it means for the snapshot it was about."""
    from snapplan.models.plan import Verb  # here, as reading a catalog is not to wait for the plan's classes

    _put_action(db, run, action, state, text, notices, now)
    if snapshot is not None and action.verb is not Verb.EXPIRE:
        record_snapshot(db, snapshot, now)
    if state not in DONE_STATES:
        return
    if action.verb is Verb.EXPIRE:
        record_expired(db, *_expired(action, snapshot), now)
    if action.verb is Verb.SNAPSHOT and snapshot is not None:
        _raise_slot(db, snapshot)
    raise_revision(db)


def _raise_slot(db: sqlite3.Connection, snapshot: Snapshot) -> None:
    """Say that a snapshot satisfies its slot, in the same transaction that records it: it is never wanted again."""
    mark = snapshot.mark
    if mark is not None and mark.profile is not None and mark.period is not None and mark.slot is not None:
        raise_slots(db, [(Triple(snapshot.backend, mark.target_id, mark.profile, mark.period), mark.slot)])


def _put_action(
    db: sqlite3.Connection, run: int, action: Action, state: str, text: str, notices: Sequence[str], now: datetime
) -> None:
    """Write an action to the journal, and to the record where the run was closed: its owner was held up for long."""
    at = seconds(now)
    about = (action.verb.value, action.backend, action.target or action.profile, action.snapshot, action.foreseen)
    said = record.storable(text)
    noted = json.dumps([record.storable(notice) for notice in notices])
    begun_at = at if state == "intent" else None
    db.execute(_PUT_ACTION, (run, action.number, *about, state, said, noted, begun_at, at))
    if db.execute("SELECT state FROM run WHERE number = ?", (run,)).fetchone()[0] != "running":
        row = db.execute(f"SELECT {_ACTION} FROM action WHERE run = ? AND number = ?", (run, action.number)).fetchone()
        record.append(db, "late", run, {"action": _recorded(row)}, now)


def _expired(action: Action, snapshot: Snapshot | None) -> tuple[str, str]:
    gone = snapshot if snapshot is not None else getattr(action.request, "snapshot", None)
    if gone is None:
        raise CatalogError(f"expire action {action.number} does not say which snapshot it expired")
    return gone.backend, gone.native_id


def load_runs(db: sqlite3.Connection, limit: int) -> list[RunRow]:
    """Return the newest runs, newest first."""
    query = f"SELECT {_RUN} FROM run ORDER BY number DESC LIMIT ?"
    return [_run_of(db, row) for row in db.execute(query, (limit,)).fetchall()]


def load_run(db: sqlite3.Connection, number: int) -> RunRow | None:
    """Return one run; ``None`` where there is none of that number."""
    row = db.execute(f"SELECT {_RUN} FROM run WHERE number = ?", (number,)).fetchone()
    return None if row is None else _run_of(db, row)


def _run_of(db: sqlite3.Connection, row: Iterable[Any]) -> RunRow:
    instants = instants_or_none()
    number, identity, command, started, ended, state, commit, digest, allowed, reason, notices, *owner = row
    return RunRow(
        number,
        identity,
        command,
        str(Owner(*owner)),
        Instants()[started],
        instants[ended],
        state,
        commit,
        _counts(db, number),
        digest,
        tuple(json.loads(allowed)),
        reason,
        tuple(json.loads(notices)),
    )


def _counts(db: sqlite3.Connection, number: int) -> dict[str, int]:
    """Count what was done by verb, and what was not by state."""
    query = """SELECT CASE WHEN state IN ('done', 'adopted') THEN verb ELSE state END AS word, count(*)
        FROM action WHERE run = ? GROUP BY word ORDER BY word"""
    return dict(db.execute(query, (number,)).fetchall())


def load_journal(db: sqlite3.Connection, run: int) -> list[JournalRow]:
    """Return the actions of a run, in order."""
    instants = Instants()
    query = "SELECT number, verb, target, snapshot, state, text, at, notices FROM action WHERE run = ? ORDER BY number"
    return [
        JournalRow(run, number, verb, target, snapshot, state, text, instants[at], tuple(json.loads(notices)))
        for number, verb, target, snapshot, state, text, at, notices in db.execute(query, (run,))
    ]


def live_runs(db: sqlite3.Connection, now: datetime) -> frozenset[str]:
    """Return the ids of the runs that hold a valid lease."""
    numbers = leases.live_run_numbers(db, now)
    ids = db.execute("SELECT number, id FROM run WHERE state = 'running'").fetchall() if numbers else ()
    return frozenset(identity for number, identity in ids if number in numbers)
