"""A snapshot that stands on the platform, found again by its id and shown as the inventory lists it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.drivers.vergeos.keys import TABLES, RowId, parse_row_id
from snapplan.drivers.vergeos.listing import Attribution, Owner, snapshot_of
from snapplan.drivers.vergeos.reads import SNAPSHOT_FIELDS
from snapplan.errors import NotFoundError

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.models.snapshot import Mark, Snapshot
    from snapplan.models.target import Scope


def row_id(scope: Scope, row: Row) -> RowId:
    """Return the id of a snapshot's row."""
    return RowId(TABLES[scope], int(row["$key"]), int(row["created"]), str(row["name"]))


def meant(connection: Connection, snapshot: Snapshot) -> RowId:
    """Return the id of the row that a snapshot stands for; raise ``RefusedError`` where it names none of its scope."""
    try:
        found = parse_row_id(snapshot.native_id)
    except ValueError:
        found = None
    if found is None or found.table != TABLES[snapshot.scope]:
        raise connection.refuse(f"{snapshot.native_id!r} is not the id of a {snapshot.scope} snapshot")
    return found


def row_under(connection: Connection, scope: Scope, id_: RowId) -> Row | None:
    """Return the row under a snapshot's key, whatever it is now; ``None`` where there is none."""
    return connection.api.row(id_.table, id_.key, SNAPSHOT_FIELDS[scope])


def row_of(connection: Connection, scope: Scope, id_: RowId) -> Row | None:
    """Return the row of this id, ``None`` where it is gone: the platform gives its key to other rows."""
    row = row_under(connection, scope, id_)
    return row if row is not None and row_id(scope, row) == id_ else None


def standing(connection: Connection, snapshot: Snapshot) -> Row:
    """Return the row of a snapshot; raise ``NotFoundError`` where it is gone."""
    row = row_of(connection, snapshot.scope, meant(connection, snapshot))
    if row is None:
        raise NotFoundError(connection.backend, f"{snapshot.address} is not there any more")
    return row


def listed(connection: Connection, scope: Scope, row: Row, owner: Owner) -> Snapshot:
    """Return a row as the inventory lists it. What a native period of ours took has no mark here."""
    by = Attribution(connection.backend, connection.project, connection.api.now())
    return snapshot_of(scope, row, owner, by)[0]


def same_snapshot(one: Mark | None, other: Mark | None) -> bool:
    """Whether two marks are of one snapshot; names of profiles and periods may have been moved in the policy."""
    return None not in (one, other) and _what(one) == _what(other)


def _what(mark: Mark | None) -> tuple[object, ...] | None:
    return None if mark is None else (mark.project, mark.target_id, mark.slot, mark.key)
