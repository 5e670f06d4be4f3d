"""What a refresh saw: targets and snapshots, and what vanished. Each function runs inside the caller's transaction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from snapplan.catalog.drift import vanished_snapshot, vanished_target
from snapplan.catalog.loading import load_known
from snapplan.catalog.rows import (
    SNAPSHOT_COLUMNS,
    TARGET_COLUMNS,
    TRAIT_COLUMNS,
    Instants,
    Row,
    seconds,
    seconds_or_none,
    snapshot_row,
    target_of,
    target_row,
    trait_row,
)

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from snapplan.catalog.base import Observation
    from snapplan.catalog.loading import Known
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target
    from snapplan.models.world import Drift

DAY = 86_400
DRIFT_SECONDS = 30 * DAY
KEPT_SECONDS = 400 * DAY
NEVER = 1 << 62

_TRAIT = TRAIT_COLUMNS.split(", ")
_OWN = SNAPSHOT_COLUMNS.split(", ")
_FIND_TRAIT = f"SELECT id FROM trait WHERE {' AND '.join(f'{column} IS ?' for column in _TRAIT)}"
_ADD_TRAIT = f"INSERT INTO trait ({TRAIT_COLUMNS}) VALUES ({', '.join('?' * len(_TRAIT))})"
_PUT = f"""
INSERT INTO snapshot (backend, trait, decided_expires_at, recorded_at, {SNAPSHOT_COLUMNS})
VALUES ({", ".join("?" * (len(_OWN) + 4))})
ON CONFLICT DO UPDATE SET gone_at = NULL, expired = 0, accepted = 0, trait = excluded.trait,
{", ".join(f"{column} = excluded.{column}" for column in _OWN[1:])}, """
_RECORD = _PUT + "recorded_at = excluded.recorded_at, decided_expires_at = excluded.decided_expires_at"
# A row that a run wrote since the listing began is newer than the listing. One that lies more than a day ahead was
# written under a wrong clock and is believed no longer.
_OLDER = f"(snapshot.recorded_at IS NULL OR snapshot.recorded_at < ? OR snapshot.recorded_at > ? + {DAY})"
_OBSERVE = f"""{_PUT} decided_expires_at = CASE
    WHEN expired OR mark_run IS NULL THEN excluded.decided_expires_at
    ELSE nullif(max(ifnull(decided_expires_at, {NEVER}), ifnull(excluded.decided_expires_at, {NEVER})), {NEVER}) END
WHERE {_OLDER}"""
_GONE = f"UPDATE snapshot SET gone_at = ? WHERE backend = ? AND native_id = ? AND gone_at IS NULL AND {_OLDER}"
_EXPIRED = _GONE.replace("SET gone_at = ?", "SET expired = 1, gone_at = ?")
_PUT_TARGET = f"""
INSERT INTO target ({TARGET_COLUMNS}) VALUES ({", ".join("?" * len(TARGET_COLUMNS.split(", ")))})
ON CONFLICT DO UPDATE SET scope = excluded.scope, name = excluded.name, tags = excluded.tags,
can_quiesce = excluded.can_quiesce, in_place_blocker = excluded.in_place_blocker, fingerprint = excluded.fingerprint,
inside = excluded.inside, gone_at = NULL, accepted = 0"""
_VANISHED_SNAPSHOTS = """
SELECT backend, scope, target_name, name, gone_at FROM snapshot JOIN trait ON trait.id = trait
WHERE gone_at > ? AND NOT expired AND mark_project = ? ORDER BY gone_at, 1, 2, 3, 4"""
_VANISHED_TARGETS = """
SELECT backend, scope, name, gone_at FROM target
WHERE gone_at > ? AND EXISTS (
    SELECT 1 FROM trait WHERE trait.mark_target_id = target.id AND mark_project = ?
) ORDER BY gone_at, 1, 2, 3"""


def load_snapshots(db: sqlite3.Connection, backend: str) -> Known:
    """Return the snapshots that were there at the last refresh, by native id."""
    refreshed = db.execute("SELECT refreshed_at FROM backend WHERE name = ?", (backend,)).fetchone()
    traits = db.execute(f"SELECT id, {TRAIT_COLUMNS} FROM trait")
    rows = db.execute(
        f"SELECT trait, recorded_at, decided_expires_at, {SNAPSHOT_COLUMNS} FROM snapshot"
        " WHERE backend = ? AND gone_at IS NULL",
        (backend,),
    )
    return load_known(backend, traits, rows, refreshed[0] if refreshed else None)


def load_targets(db: sqlite3.Connection, backend: str) -> list[Target]:
    """Return the targets that were there at the last refresh."""
    query = f"SELECT {TARGET_COLUMNS} FROM target WHERE backend = ? AND gone_at IS NULL ORDER BY scope, name, id"
    return [target_of(row) for row in db.execute(query, (backend,))]


def load_places(db: sqlite3.Connection, backend: str) -> dict[str, str]:
    """Return the path of each target's fingerprint by its id, also of targets that are gone."""
    rows = db.execute("SELECT id, fingerprint FROM target WHERE backend = ? AND fingerprint IS NOT NULL", (backend,))
    return {identity: json.loads(fingerprint)[0] for identity, fingerprint in rows}


class Traits:
    """Finds or adds the trait of a snapshot, asking for each once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._ids: dict[Row, int] = {}

    def id_of(self, snapshot: Snapshot) -> int:
        """Return the id of the trait that the snapshot has."""
        row = trait_row(snapshot)
        known = self._ids.get(row)
        if known is None:
            found: Any = self._db.execute(_FIND_TRAIT, row).fetchone()
            known = found[0] if found else self._db.execute(_ADD_TRAIT, row).lastrowid or 0
            self._ids[row] = known
        return known


def _full_row(traits: Traits, snapshot: Snapshot, recorded_at: float | None) -> Row:
    mark = snapshot.mark
    decided = None if mark is None else seconds_or_none(mark.expires_at)
    return (snapshot.backend, traits.id_of(snapshot), decided, recorded_at, *snapshot_row(snapshot))


def record_snapshot(db: sqlite3.Connection, snapshot: Snapshot, now: datetime) -> None:
    """Record a snapshot as a run left it; its mark's expiration is what was decided."""
    db.execute(_RECORD, _full_row(Traits(db), snapshot, seconds(now)))


def record_expired(db: sqlite3.Connection, backend: str, native_id: str, now: datetime) -> None:
    """Record a snapshot as expired by a run: it is known no more, and reads neither as vanished nor as new."""
    db.execute(
        "UPDATE snapshot SET gone_at = ?1, recorded_at = ?1, expired = 1 WHERE backend = ?2 AND native_id = ?3",
        (seconds(now), backend, native_id),
    )


def observe(db: sqlite3.Connection, observation: Observation) -> None:
    """Record what a refresh found; one that began before a refresh that is recorded already is out of date."""
    at = seconds(observation.started_at)
    backend = observation.backend
    earlier = db.execute("SELECT refreshed_at FROM backend WHERE name = ?", (backend,)).fetchone()
    if earlier is not None and at < earlier[0] <= at + DAY:
        return
    traits = Traits(db)
    db.executemany(
        "DELETE FROM snapshot WHERE backend = ? AND native_id = ?", ((backend, each) for each in observation.unreadable)
    )
    # In the order of the key the table grows at its end instead of everywhere.
    changed = sorted(observation.changed, key=lambda snapshot: snapshot.native_id)
    db.executemany(_OBSERVE, ((*_full_row(traits, snapshot, None), at, at) for snapshot in changed))
    for statement, some in ((_GONE, observation.gone), (_EXPIRED, observation.expired)):
        db.executemany(statement, ((at, backend, snapshot.native_id, at, at) for snapshot in some))
    db.executemany(_PUT_TARGET, map(target_row, observation.targets))
    db.executemany(
        "UPDATE target SET gone_at = ? WHERE backend = ? AND id = ? AND gone_at IS NULL",
        ((at, backend, target.id) for target in observation.targets_gone),
    )
    db.execute(
        "INSERT INTO backend (name, refreshed_at) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET refreshed_at = excluded.refreshed_at",
        (backend, at),
    )
    if earlier is None or earlier[0] // DAY != at // DAY:
        _prune(db, at)


def _prune(db: sqlite3.Connection, at: float) -> None:
    """Forget what vanished long ago, once a day; what no run has accepted yet is not forgotten so soon."""
    unaccepted = (at - DRIFT_SECONDS, at - KEPT_SECONDS)
    db.execute("DELETE FROM snapshot WHERE gone_at <= ? AND (accepted OR mark_run IS NULL OR gone_at <= ?)", unaccepted)
    db.execute("DELETE FROM snapshot WHERE gone_at <= ? AND expired", (at - DAY,))
    db.execute("DELETE FROM target WHERE gone_at <= ? AND (accepted OR gone_at <= ?)", unaccepted)
    db.execute("DELETE FROM trait WHERE id NOT IN (SELECT trait FROM snapshot)")


def load_drift(db: sqlite3.Connection) -> list[Drift]:
    """Return what of this project's vanished in the 30 days before the newest refresh, oldest first."""
    newest, project = db.execute("SELECT (SELECT max(refreshed_at) FROM backend), project FROM meta").fetchone()
    if newest is None:
        return []
    instants = Instants()
    since = newest - DRIFT_SECONDS
    found = [
        vanished_snapshot(f"{_address(backend, scope, target)}@{name}", instants[gone_at])
        for backend, scope, target, name, gone_at in db.execute(_VANISHED_SNAPSHOTS, (since, project))
    ]
    found += [
        vanished_target(_address(backend, scope, name), instants[gone_at])
        for backend, scope, name, gone_at in db.execute(_VANISHED_TARGETS, (since, project))
    ]
    return sorted(found, key=lambda drift: (drift.seen_at, drift.subject))


def _address(backend: str, scope: str, name: str) -> str:
    return f"{backend}/{scope}/{name}" if name else f"{backend}/{scope}"
