"""What was decided: applied profiles, assignments, how far slots are, manual snapshots, restores.

Each function runs inside the caller's transaction. Those that change a decision raise the revision.
"""

from __future__ import annotations

import json
import os
from itertools import starmap
from types import MappingProxyType
from typing import TYPE_CHECKING

from snapplan.catalog import record
from snapplan.catalog.base import AssignmentRow, MissedRow
from snapplan.catalog.rows import Instants, instants_or_none, seconds, seconds_or_none
from snapplan.errors import CatalogError
from snapplan.models.world import (
    Accepted,
    CatalogState,
    ManualKey,
    ManualRecord,
    RestoreRecord,
    Spent,
    Tracked,
    Triple,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

TRACK = """
INSERT INTO tracked (backend, target_id, profile, period, since, last_slot) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET since = excluded.since, last_slot = CASE
    WHEN since = excluded.since AND last_slot > ifnull(excluded.last_slot, last_slot - 1) THEN last_slot
    ELSE excluded.last_slot END
"""
RAISE_SLOT = """
UPDATE tracked SET last_slot = ? WHERE backend = ? AND target_id = ? AND profile = ? AND period = ?
AND since <= ? AND (last_slot IS NULL OR last_slot < ?)
"""
# Time that no apply has confirmed yet takes nothing out of the count: a clock that is wrong must not fill the budget anew.
SPENT = """
SELECT backend, max(at), count(*) FROM action
WHERE NOT foreseen AND verb IN ('expire', 'change') AND state IN ('intent', 'done', 'adopted') AND backend IS NOT NULL
AND at > ifnull((SELECT high_water FROM meta), 0) - 30 * 86400
GROUP BY run, backend ORDER BY 2, 1
"""
REPLACED = (
    "profile",
    "tracked",
    "orphaned",
    "assignment",
    "missed",
    "manual",
    "restore",
    "backend",
    "target",
    "snapshot",
    "trait",
    "succession",
    "accepted",
)
OF_TRIPLE = "backend = ? AND target_id = ? AND profile = ? AND period = ?"


def raise_revision(db: sqlite3.Connection) -> None:
    """Say that a decision changed."""
    db.execute("UPDATE meta SET revision = revision + 1")


def load_state(db: sqlite3.Connection) -> CatalogState:
    """Return all decisions."""
    instants = Instants()
    some = instants_or_none()
    identity, revision, high_water, rebuilt, rebuilt_at, guards, commit, boot_id, boot_seconds = db.execute(
        "SELECT id, revision, high_water, rebuilt, rebuilt_at, guards, policy_commit, boot_id, boot_seconds FROM meta"
    ).fetchone()
    make = tuple.__new__
    return CatalogState(
        revision=revision,
        high_water=some[high_water],
        profiles={
            name: json.loads(text) for name, text in db.execute("SELECT name, document FROM profile ORDER BY name")
        },
        tracked={
            make(Triple, (backend, target, profile, period)): make(Tracked, (instants[since], some[last]))
            for backend, target, profile, period, since, last in db.execute(
                "SELECT backend, target_id, profile, period, since, last_slot FROM tracked"
            )
        },
        orphaned={
            Triple(*triple): instants[since]
            for *triple, since in db.execute("SELECT backend, target_id, profile, period, since FROM orphaned")
        },
        manual={
            ManualKey(*key): ManualRecord(instants[taken_at])
            for *key, taken_at in db.execute("SELECT backend, target_id, key, taken_at FROM manual")
        },
        restores={
            key: RestoreRecord(content, state, run)
            for key, content, state, run in db.execute("SELECT key, content, state, run FROM restore ORDER BY key")
        },
        rebuilt=bool(rebuilt),
        id=identity,
        rebuilt_at=some[rebuilt_at],
        assigned={
            (backend, target, profile): assignment
            for backend, target, profile, assignment in db.execute(
                "SELECT backend, target_id, profile, assignment FROM assignment"
            )
        },
        guards=json.loads(guards),
        spent=tuple(Spent(backend, instants[at], number) for backend, at, number in db.execute(SPENT)),
        commit=commit,
        boot_id=boot_id,
        boot_seconds=boot_seconds,
        identities=dict(db.execute("SELECT name, identity FROM backend WHERE identity != ''")),
        accepted={
            (subject, kind): Accepted(value, instants[at])
            for subject, kind, value, at in db.execute("SELECT subject, kind, value, at FROM accepted")
        },
        blocked={
            (code, subject): instants[since]
            for code, subject, since in db.execute("SELECT code, subject, since FROM blocked")
        },
        named=_load_named(db),
        successions={
            (backend, old): new for backend, old, new in db.execute("SELECT backend, old_id, new_id FROM succession")
        },
    )


def _load_named(db: sqlite3.Connection) -> dict[tuple[str, str, str], str]:
    query = "SELECT backend, target_id, assignment, name FROM assignment WHERE name != ''"
    return {(backend, target, assignment): name for backend, target, assignment, name in db.execute(query)}


def apply_profile(
    db: sqlite3.Connection, run: int | None, name: str, document: Mapping[str, object] | None, now: datetime
) -> None:
    """Record a profile as applied, or remove it."""
    if document is None:
        db.execute("DELETE FROM profile WHERE name = ?", (name,))
    else:
        text = json.dumps(document, ensure_ascii=False)
        db.execute("INSERT OR REPLACE INTO profile VALUES (?, ?, ?, ?)", (name, text, run, seconds(now)))
    raise_revision(db)


def track(
    db: sqlite3.Connection,
    added: Mapping[Triple, Tracked],
    ended: Sequence[Triple],
    assignment: str,
    now: datetime,
    named: Mapping[tuple[str, str, str], str] = MappingProxyType({}),
) -> None:
    """Record triples that stop, then triples that begin: one that moves to another assignment is in both.

    ``named`` is what targets are called now, by (backend, target id, profile): by that name they stay selected.
    """
    at = seconds(now)
    db.executemany(f"DELETE FROM tracked WHERE {OF_TRIPLE}", ended)
    db.executemany("INSERT OR IGNORE INTO orphaned VALUES (?, ?, ?, ?, ?)", ((*triple, at) for triple in ended))
    db.executemany(TRACK, _tracked_rows(added))
    db.executemany(f"DELETE FROM orphaned WHERE {OF_TRIPLE}", added)
    db.executemany(
        "INSERT INTO assignment (backend, target_id, profile, assignment, applied_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET assignment = excluded.assignment",
        ((*protection, assignment, at) for protection in sorted({triple[:3] for triple in added})),
    )
    db.executemany(
        "DELETE FROM assignment WHERE backend = ?1 AND target_id = ?2 AND profile = ?3 AND NOT EXISTS"
        " (SELECT 1 FROM tracked WHERE backend = ?1 AND target_id = ?2 AND profile = ?3)",
        sorted({triple[:3] for triple in ended}),
    )
    db.executemany(
        "UPDATE assignment SET name = ?4, assignment = ?5 WHERE backend = ?1 AND target_id = ?2 AND profile = ?3",
        ((*protection, name, assignment) for protection, name in named.items()),
    )
    raise_revision(db)


def succeed(db: sqlite3.Connection, backend: str, old_id: str, new_id: str, now: datetime) -> None:
    """Record that a target has a new id: what was decided of the old one goes on under the new one."""
    known = db.execute("SELECT new_id FROM succession WHERE backend = ? AND old_id = ?", (backend, old_id)).fetchone()
    if known is not None and known[0] == new_id:
        return
    for table in ("tracked", "orphaned", "assignment", "missed", "manual"):
        db.execute(
            f"UPDATE OR REPLACE {table} SET target_id = ?3 WHERE backend = ?1 AND target_id = ?2",
            (backend, old_id, new_id),
        )
    db.execute("UPDATE succession SET new_id = ?3 WHERE backend = ?1 AND new_id = ?2", (backend, old_id, new_id))
    db.execute("INSERT OR REPLACE INTO succession VALUES (?, ?, ?, ?)", (backend, old_id, new_id, seconds(now)))
    raise_revision(db)


def _tracked_rows(tracked: Mapping[Triple, Tracked]) -> Iterable[tuple[object, ...]]:
    return ((*triple, seconds(record.since), seconds_or_none(record.last_slot)) for triple, record in tracked.items())


def unsatisfied(db: sqlite3.Connection, slots: Mapping[Triple, datetime]) -> dict[Triple, datetime]:
    """Return those of ``slots`` that would raise ``last_slot``; slots before ``since`` belong to an earlier life."""
    found: dict[Triple, datetime] = {}
    recorded = {
        (backend, target_id, profile, period): (since, last)
        for backend, target_id, profile, period, since, last in db.execute(
            "SELECT backend, target_id, profile, period, since, last_slot FROM tracked"
        )
    }
    for triple, slot in slots.items():
        record = recorded.get(triple)
        if record is None:
            continue
        since, last = record
        at = seconds(slot)
        if at >= since and (last is None or at > last):
            found[triple] = slot
    return found


def raise_slots(db: sqlite3.Connection, slots: Iterable[tuple[Triple, datetime]]) -> None:
    """Raise ``last_slot`` of triples; never lowers it."""
    db.executemany(RAISE_SLOT, ((seconds(s), *triple, seconds(s), seconds(s)) for triple, s in slots))


def record_missed(db: sqlite3.Connection, missed: Sequence[tuple[Triple, datetime]], now: datetime) -> None:
    """Record missed slots; one that is recorded already keeps its date."""
    before = db.total_changes
    db.executemany(
        "INSERT OR IGNORE INTO missed VALUES (?, ?, ?, ?, ?, ?)",
        ((*triple, seconds(slot), seconds(now)) for triple, slot in missed),
    )
    raise_slots(db, missed)
    if db.total_changes != before:
        raise_revision(db)


def record_manual(db: sqlite3.Connection, key: ManualKey, record: ManualRecord) -> None:
    """Record a manual snapshot as taken."""
    db.execute("INSERT OR REPLACE INTO manual VALUES (?, ?, ?, ?)", (*key, seconds(record.taken_at)))
    raise_revision(db)


def found_manual(db: sqlite3.Connection, records: Mapping[ManualKey, ManualRecord]) -> None:
    """Record manual snapshots that are not recorded yet."""
    before = db.total_changes
    db.executemany(
        "INSERT OR IGNORE INTO manual VALUES (?, ?, ?, ?)",
        ((*key, seconds(record.taken_at)) for key, record in records.items()),
    )
    if db.total_changes != before:
        raise_revision(db)


def record_restore(db: sqlite3.Connection, key: str, record: RestoreRecord) -> None:
    """Record how far a restore is; ``CatalogError`` where a finished one would be begun again."""
    earlier = db.execute("SELECT state FROM restore WHERE key = ?", (key,)).fetchone()
    if earlier is not None and earlier[0] == "done" and record.state != "done":
        raise CatalogError(f"restore {key!r} is done and is not begun again", hint="Use another key.")
    db.execute("INSERT OR REPLACE INTO restore VALUES (?, ?, ?, ?)", (key, *record))
    raise_revision(db)


def load_assignments(db: sqlite3.Connection) -> list[AssignmentRow]:
    """Return the applied assignments."""
    instants = Instants()
    query = "SELECT backend, target_id, profile, assignment, applied_at, name FROM assignment"
    return [
        AssignmentRow(backend, target_id, profile, assignment, instants[applied_at], name)
        for backend, target_id, profile, assignment, applied_at, name in db.execute(query)
    ]


def load_missed(db: sqlite3.Connection, limit: int) -> list[MissedRow]:
    """Return the newest missed slots, newest first."""
    instants = Instants()
    query = """SELECT backend, target_id, profile, period, slot, recorded_at FROM missed
        ORDER BY slot DESC, backend, target_id, profile, period LIMIT ?"""
    return [
        MissedRow(Triple(*triple), instants[slot], instants[at]) for *triple, slot, at in db.execute(query, (limit,))
    ]


def replace(db: sqlite3.Connection, state: CatalogState, assignments: Iterable[AssignmentRow], now: datetime) -> None:
    """Replace everything but runs and leases by ``state``, under a new id; the revision rises all the same.

    Guard values that an apply confirmed are kept where ``state`` has none, and the time that one confirmed where it is
    later: a rebuild must not loosen the guards.
    """
    identity, at = os.urandom(8).hex(), seconds(now)
    for table in REPLACED:
        db.execute(f"DELETE FROM {table}")
    db.execute(
        "UPDATE meta SET revision = max(revision + 1, ?1), rebuilt = ?3,"
        " high_water = max(ifnull(high_water, ?2), ifnull(?2, high_water)), id = ?4, rebuilt_at = ?5,"
        " guards = CASE ?6 WHEN '{}' THEN guards ELSE ?6 END, policy_commit = ifnull(?7, policy_commit),"
        " boot_id = '', boot_seconds = NULL",
        (
            state.revision,
            seconds_or_none(state.high_water),
            state.rebuilt,
            identity,
            at,
            json.dumps(dict(state.guards), sort_keys=True, ensure_ascii=False),
            state.commit,
        ),
    )
    record.append(db, "rebuilt", None, {"id": identity, "periods": len(state.tracked)}, now)
    for name, document in state.profiles.items():
        apply_profile(db, None, name, document, now)
    db.executemany(TRACK, _tracked_rows(state.tracked))
    db.executemany(
        "INSERT INTO orphaned VALUES (?, ?, ?, ?, ?)", ((*t, seconds(at)) for t, at in state.orphaned.items())
    )
    db.executemany(
        "INSERT INTO manual VALUES (?, ?, ?, ?)", ((*k, seconds(r.taken_at)) for k, r in state.manual.items())
    )
    db.executemany("INSERT INTO restore VALUES (?, ?, ?, ?)", starmap(lambda k, r: (k, *r), state.restores.items()))
    db.executemany(
        "INSERT INTO assignment (backend, target_id, profile, assignment, applied_at, name) VALUES (?, ?, ?, ?, ?, ?)",
        ((*row[:4], seconds(row.applied_at), row.name) for row in assignments),
    )
    db.executemany(
        "INSERT INTO succession VALUES (?, ?, ?, ?)", ((*old, new, at) for old, new in state.successions.items())
    )
