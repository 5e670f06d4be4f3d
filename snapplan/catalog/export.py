"""The whole catalog as JSON data of format ``snapplan.catalog/1.0``. Each function runs inside the caller's transaction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from snapplan.catalog.rows import Instants
from snapplan.ids import format_instant

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

FORMAT = "snapplan.catalog/1.0"
TABLES = {
    "profiles": "SELECT * FROM profile ORDER BY name",
    "assignments": "SELECT * FROM assignment ORDER BY backend, target_id, profile",
    "tracked": "SELECT * FROM tracked ORDER BY backend, target_id, profile, period",
    "orphaned": "SELECT * FROM orphaned ORDER BY backend, target_id, profile, period",
    "missed": "SELECT * FROM missed ORDER BY slot, backend, target_id, profile, period",
    "manual": "SELECT * FROM manual ORDER BY backend, target_id, key",
    "successions": "SELECT * FROM succession ORDER BY backend, old_id",
    "accepted": "SELECT * FROM accepted ORDER BY subject, kind",
    "blocked": "SELECT * FROM blocked ORDER BY code, subject",
    "restores": "SELECT * FROM restore ORDER BY key",
    "backends": "SELECT * FROM backend ORDER BY name",
    "targets": "SELECT * FROM target ORDER BY backend, scope, name, id",
    "snapshots": "SELECT * FROM snapshot JOIN trait ON trait.id = trait ORDER BY backend, native_id",
    "runs": "SELECT * FROM run ORDER BY number",
    "journal": "SELECT * FROM action ORDER BY run, number",
    "approved_plans": "SELECT * FROM approved_plan ORDER BY run",
    "saved_plans": "SELECT * FROM saved_plan ORDER BY saved_at, digest",
    "used_plans": "SELECT * FROM used_plan ORDER BY at, id",
    "requests": "SELECT * FROM request_count ORDER BY backend, minute",
    "leases": "SELECT * FROM lease ORDER BY backend",
    "record": "SELECT * FROM record ORDER BY number",
}
"""Name in the export, and where it comes from."""

INSTANTS = frozenset(
    {
        *("at", "since", "slot", "last_slot", "begun_at", "started_at", "ended_at", "applied_at", "recorded_at"),
        *("taken_at", "completed_at", "locked_until", "decided_expires_at", "mark_taken_at", "mark_expires_at"),
        *("mark_slot", "gone_at", "refreshed_at", "accepted_at", "saved_at", "high_water", "rebuilt_at"),
        *("heartbeat_at", "minute"),
    }
)
FLAGS = frozenset(
    {
        "expired",
        "accepted",
        "managed",
        "quiesced",
        "consistent",
        "can_quiesce",
        "held",
        "foreseen",
        "rebuilt",
        "set_aside",
    }
)
DOCUMENTS = frozenset(
    {"document", "allowed", "guards", "body", "contains", "mark_pin", "tags", "fingerprint", "inside", "notices"}
)
INTERNAL = frozenset({"one", "trait"})


def pieces(db: sqlite3.Connection) -> Iterator[str]:
    """Yield the JSON text of the whole catalog in pieces: a row at a time."""
    yield f'{{"format": {json.dumps(FORMAT)}, "catalog": {_text(next(_rows(db, "SELECT * FROM meta")))}'
    for name, query in TABLES.items():
        yield f', "{name}": ['
        for index, row in enumerate(_rows(db, query)):
            yield f"{',' if index else ''}\n{_text(row)}"
        yield "]"
    yield "}\n"


def _text(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _rows(db: sqlite3.Connection, query: str) -> Iterator[dict[str, Any]]:
    """Yield rows as JSON data; a column that appears twice (the key of a join) stands once."""
    instants = Instants()
    cursor = db.execute(query)
    names = [column[0] for column in cursor.description]
    kept = [(index, name, _reader(name, instants)) for index, name in enumerate(names) if _is_kept(query, name)]
    for row in cursor:
        yield {name: read(row[index]) for index, name, read in kept}


def _is_kept(query: str, name: str) -> bool:
    return name not in INTERNAL and not (name == "id" and "JOIN trait" in query)


def _reader(name: str, instants: Instants) -> Callable[[Any], Any]:
    if name in INSTANTS:
        return lambda value: None if value is None else format_instant(instants[value])
    if name in FLAGS:
        return lambda value: None if value is None else bool(value)
    if name in DOCUMENTS:
        return lambda value: json.loads(value) if value else None
    return lambda value: value
