"""What the end of a run confirms, and what vanished that no run has accepted yet.

Each function runs inside the caller's transaction.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from snapplan.catalog import record
from snapplan.catalog.rows import seconds
from snapplan.clock import boot
from snapplan.models.world import Vanished

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from snapplan.catalog.base import Acceptance, Fact, Observation, Owner
    from snapplan.models.snapshot import Snapshot

# What a guard counts: owned, unexpired as it was decided, and not the platform's own.
_COUNTED = "mark_project = (SELECT project FROM meta) AND NOT managed"
_GONE_SNAPSHOTS = f"""
SELECT native_id FROM snapshot INDEXED BY snapshot_gone JOIN trait ON trait.id = trait
WHERE backend = ? AND gone_at IS NOT NULL AND NOT expired AND NOT accepted AND {_COUNTED}
AND (decided_expires_at IS NULL OR decided_expires_at > gone_at)
"""
_GONE_TARGETS = "SELECT id FROM target WHERE backend = ? AND gone_at IS NOT NULL AND NOT accepted"
_THERE = f"""
SELECT count(*) FROM snapshot WHERE backend = ?1 AND gone_at IS NULL
AND trait IN (SELECT id FROM trait WHERE {_COUNTED})
AND (decided_expires_at IS NULL OR decided_expires_at > ifnull((SELECT refreshed_at FROM backend WHERE name = ?1), 0))
"""
_TARGETS_THERE = "SELECT count(*) FROM target WHERE backend = ? AND gone_at IS NULL"


def accept(db: sqlite3.Connection, acceptance: Acceptance, now: datetime) -> None:
    """Confirm the time, the guard values, the commit, and of each accepted backend that what is gone is gone.

    An instant before the confirmed one confirms nothing of the time. A rebuilt catalog is one no longer.
    """
    at = seconds(now)
    running = boot()
    db.execute(
        "UPDATE meta SET high_water = ?1, boot_id = ?2, boot_seconds = ?3 WHERE ifnull(high_water, ?1) <= ?1",
        (at, "" if running is None else running.id, None if running is None else running.seconds),
    )
    guards = json.dumps(acceptance.guards, sort_keys=True, ensure_ascii=False)
    db.execute("UPDATE meta SET rebuilt = 0, guards = ?, policy_commit = ?", (guards, acceptance.commit))
    for backend, identity in sorted(acceptance.identities.items()):
        db.execute("UPDATE backend SET identity = ? WHERE name = ?", (identity, backend))
        # It was accepted for this store: when the next one comes, a person is asked again.
        db.execute("DELETE FROM accepted WHERE subject = ? AND kind = 'store'", (backend,))
    for backend in sorted(acceptance.backends):
        db.execute("UPDATE backend SET accepted_at = ? WHERE name = ?", (at, backend))
        for table in ("snapshot", "target"):
            gone = "gone_at IS NOT NULL AND NOT accepted"
            db.execute(f"UPDATE {table} SET accepted = 1 WHERE backend = ? AND {gone}", (backend,))


def set_clock(db: sqlite3.Connection, owner: Owner, reason: str, now: datetime) -> None:
    """Take ``now`` for the confirmed time, also where that is earlier: an apply under a wrong clock had confirmed it."""
    before = db.execute("SELECT high_water FROM meta").fetchone()[0]
    running = boot()
    db.execute(
        "UPDATE meta SET high_water = ?, boot_id = ?, boot_seconds = ?",
        (seconds(now), "" if running is None else running.id, None if running is None else running.seconds),
    )
    owner = record.storable_owner(owner)
    who = {"user": owner.user, "host": owner.host, "pid": owner.pid, "job": owner.job}
    body = {"before": before, "after": seconds(now), "reason": record.storable(reason), **who}
    record.append(db, "clock", None, body, now)


def accept_facts(db: sqlite3.Connection, facts: Sequence[Fact], owner: Owner, reason: str, now: datetime) -> None:
    """Record what a person said is right. A target that was accepted where it lies now is known there from then on."""
    owner, text = record.storable_owner(owner), record.storable(reason)
    who = {"user": owner.user, "host": owner.host, "pid": owner.pid, "job": owner.job}
    for fact in facts:
        db.execute(
            "INSERT OR REPLACE INTO accepted (subject, kind, value, reason, run, at) VALUES (?, ?, ?, ?, NULL, ?)",
            (fact.subject, fact.kind, fact.value, text, seconds(now)),
        )
        if fact.kind == "path":
            backend = fact.subject.partition("/")[0]
            row = (fact.value, backend, fact.target_id)
            db.execute(
                "UPDATE target SET fingerprint = json_set(fingerprint, '$[0]', ?) WHERE backend = ? AND id = ?", row
            )
        body = {"subject": fact.subject, "kind": fact.kind, "value": fact.value, "reason": text, **who}
        record.append(db, "accepted", None, body, now)
    db.execute("UPDATE meta SET revision = revision + 1")


def record_blocked(
    db: sqlite3.Connection, blocked: Collection[tuple[str, str]], backends: Collection[str], now: datetime
) -> None:
    """Record what guards stopped; what stays stopped keeps its date, and of ``backends`` the rest is forgotten."""
    at = seconds(now)
    before = db.execute("SELECT code, subject FROM blocked").fetchall()
    gone = [row for row in before if row not in set(blocked) and json.loads(row[1])[0] in backends]
    db.executemany("DELETE FROM blocked WHERE code = ? AND subject = ?", gone)
    db.executemany(
        "INSERT INTO blocked (code, subject, since, seen_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at,"
        " since = CASE WHEN excluded.since - since NOT BETWEEN 0 AND 7 * 86400 THEN excluded.since ELSE since END",
        ((code, subject, at, at) for code, subject in sorted(blocked)),
    )


def vanished(db: sqlite3.Connection, backend: str, unrecorded: Observation | None) -> Vanished:
    """Return what of a backend is gone that no run accepted: by what was recorded, and by ``unrecorded`` on top of it.

    ``unrecorded`` is a refresh that is not to be recorded, as by somebody who may only read.
    """
    gone = {native_id for (native_id,) in db.execute(_GONE_SNAPSHOTS, (backend,))}
    gone_targets = {identity for (identity,) in db.execute(_GONE_TARGETS, (backend,))}
    known = len(gone) + int(db.execute(_THERE, (backend,)).fetchone()[0])
    known_targets = len(gone_targets) + int(db.execute(_TARGETS_THERE, (backend,)).fetchone()[0])
    if unrecorded is not None:
        project = db.execute("SELECT project FROM meta").fetchone()[0]
        gone.difference_update(snapshot.native_id for snapshot in unrecorded.changed)
        gone.update(s.native_id for s in unrecorded.gone if _counts(s, project, unrecorded.started_at))
        gone_targets.difference_update(target.id for target in unrecorded.targets)
        gone_targets.update(target.id for target in unrecorded.targets_gone)
    return Vanished(len(gone_targets), len(gone), known_targets, known)


def _counts(snapshot: Snapshot, project: str, at: datetime) -> bool:
    mark = snapshot.mark
    if mark is None or mark.project != project or snapshot.managed:
        return False
    return mark.expires_at is None or mark.expires_at > at
