"""Taking a snapshot: one POST that carries name, mark and expiration, then only what is read back counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.crash import point
from snapplan.drivers.vergeos.keys import TABLES
from snapplan.drivers.vergeos.listing import Owner
from snapplan.drivers.vergeos.lookup import parent_key, snapshots_named
from snapplan.drivers.vergeos.marks import mark_of
from snapplan.drivers.vergeos.request_body import QUIESCABLE, body_of, refuse_unfit
from snapplan.drivers.vergeos.standing import listed, row_id, row_of
from snapplan.errors import (
    BackendError,
    LostRequestError,
    NameTakenError,
    NotFoundError,
    OutcomeUnknownError,
    QuiesceError,
    RefusedError,
)
from snapplan.models.request import Outcome
from snapplan.models.target import Quiesce, Scope

if TYPE_CHECKING:
    from typing import Any

    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.models.request import SnapshotRequest

BUILDING = frozenset({"", "building"})
VISIBLE_AFTER = 5.0
"""Seconds in which what was made must show."""


class _Taken(NamedTuple):
    """The row that stands after a POST; ``existed`` says that an earlier request made it."""

    row: Row
    existed: bool = False


def take(connection: Connection, request: SnapshotRequest) -> Outcome:
    """Take one snapshot and return it as it is listed; raises the ``BackendError`` family."""
    refuse_unfit(connection, request)
    parent = parent_key(connection, request.target.scope, request.target.id)
    body = body_of(connection, request, parent)
    point("vergeos.create.before")
    taken = _posted(connection, request, parent, body)
    point("vergeos.create.posted")
    taken = taken._replace(row=_built(connection, request, taken.row))
    return Outcome(
        snapshot=listed(connection, request.target.scope, taken.row, Owner(request.target.id, request.target.name)),
        existed=taken.existed,
        notices=_judged(connection, request, taken),
    )


def _posted(connection: Connection, request: SnapshotRequest, parent: int | str | None, body: dict[str, Any]) -> _Taken:
    scope = request.target.scope
    try:
        receipt = connection.api.post(TABLES[scope], body)
    except NameTakenError as error:
        return _existing(connection, request, parent, error)
    except OutcomeUnknownError as error:
        return _looked_for(connection, request, parent, error)
    except NotFoundError:
        raise
    except RefusedError as error:
        return _refused(connection, request, parent, body, error)
    return _read_back(connection, request, parent, str(receipt.get("$key", "")))


def _refused(
    connection: Connection,
    request: SnapshotRequest,
    parent: int | str | None,
    body: dict[str, Any],
    error: RefusedError,
) -> _Taken:
    """Take it without quiescing where that is what was refused and may be left out: nothing was done by the refusal."""
    if not body.get("quiesce") or "quiesc" not in str(error).lower():
        raise error
    if request.quiesce is Quiesce.REQUIRE:
        raise QuiesceError(connection.backend, str(error), hint=error.hint) from error
    return _posted(connection, request, parent, {**body, "quiesce": False})


def _existing(
    connection: Connection, request: SnapshotRequest, parent: int | str | None, error: NameTakenError
) -> _Taken:
    """Return the snapshot that has the name, if it is the one that was asked for."""
    for row in snapshots_named(connection, request.target.scope, parent, request.name):
        if _has_identity(request, row):
            return _Taken(row, existed=True)
    text = f"{request.target.address}@{request.name}: another snapshot has this name"
    raise NameTakenError(connection.backend, text) from error


def _looked_for(
    connection: Connection, request: SnapshotRequest, parent: int | str | None, unknown: OutcomeUnknownError
) -> _Taken:
    """Find out by the name what became of a POST without a trustworthy answer; it is never sent again."""
    with connection.looking(str(unknown)):
        rows = snapshots_named(connection, request.target.scope, parent, request.name)
    for row in rows:
        if _has_identity(request, row):
            mark = mark_of(row.get("description"), _own_name(request))
            return _Taken(row, existed=mark is None or mark.run != request.mark.run)
    if rows:
        text = f"{request.target.address}@{request.name}: another snapshot has this name"
        raise NameTakenError(connection.backend, text) from unknown
    raise LostRequestError(connection.backend, f"{unknown}; looked: nothing was created") from unknown


def _read_back(connection: Connection, request: SnapshotRequest, parent: int | str | None, key: str) -> _Taken:
    """Return the row that a receipt names, read by its unique name.

    Some tables show a new row a moment later (tenant snapshots, after which clients pause). Where the platform let two
    have one name, the older one counts and ours goes again.
    """
    ours = None
    rows: list[Row] = []
    for _ in connection.looks(VISIBLE_AFTER):
        with connection.looking(f"{request.target.address}@{request.name} was taken"):
            rows = snapshots_named(connection, request.target.scope, parent, request.name)
        ours = next((row for row in rows if key in ("", str(row["$key"])) and _has_identity(request, row)), None)
        if ours is not None:
            break
    else:
        text = f"{request.target.address}@{request.name}: the system made it, and does not show it as it was asked"
        raise connection.failed(text)
    if any((row["created"], row["$key"]) < (ours["created"], ours["$key"]) for row in rows):
        _undo(connection, request, ours)
        return _existing(connection, request, parent, NameTakenError(connection.backend, "twice"))
    return _Taken(ours)


def _built(connection: Connection, request: SnapshotRequest, row: Row) -> Row:
    """Wait until a system snapshot is complete; the others have no state and are complete when they are there."""
    if request.target.scope is not Scope.CLOUD:
        return row
    id_ = row_id(Scope.CLOUD, row)
    for _ in connection.looks(connection.options.building_timeout.total_seconds()):
        if (row.get("status") or "") not in BUILDING:
            return row
        with connection.looking(f"{request.target.address}@{request.name} is built"):
            found = row_of(connection, Scope.CLOUD, id_)
        if found is None:
            raise connection.failed(f"{request.target.address}@{request.name} vanished while it was built")
        row = found
    if (row.get("status") or "") not in BUILDING:
        return row
    limit = int(connection.options.building_timeout.total_seconds())
    raise connection.failed(
        f"{request.target.address}@{request.name} is not complete after {limit} s",
        hint="building_timeout of the backend sets the limit; a later run finds it",
    )


def _judged(connection: Connection, request: SnapshotRequest, taken: _Taken) -> tuple[str, ...]:
    """Return what the operator is told; raise ``QuiesceError`` where a frozen one was required and is not there."""
    if request.quiesce is Quiesce.NEVER:
        return _differences(request, taken.row)
    scope = request.target.scope
    quiesced = scope in QUIESCABLE and bool(taken.row.get(QUIESCABLE[scope]))
    if quiesced:
        return _differences(request, taken.row)
    if request.quiesce is Quiesce.PREFER:
        return ("the system could not freeze I/O: it is as after a power failure", *_differences(request, taken.row))
    what = f"{request.target.address}@{request.name}"
    if taken.existed:
        raise QuiesceError(connection.backend, f"{what} was taken before, without freezing I/O")
    _undo(connection, request, taken.row)
    raise QuiesceError(
        connection.backend,
        f"{what}: the system could not freeze I/O; the snapshot was deleted again",
        hint="the guest agent must be installed and connected",
    )


def _differences(request: SnapshotRequest, row: Row) -> tuple[str, ...]:
    """Return in sentences what the system shows to be otherwise than it was asked."""
    if request.target.scope is not Scope.CLOUD:
        return ()
    found = []
    if request.options.get("immutable") and row.get("immutable_status") != "locked":
        found.append("the system did not lock it")
    kind = request.options.get("type") or "full"
    if kind != (row.get("type") or "full"):
        found.append(f"the system took it as {row.get('type') or 'full'}, not as {kind}")
    return tuple(found)


def _undo(connection: Connection, request: SnapshotRequest, row: Row) -> None:
    """Delete the snapshot that this request made, after a look that it is still this one."""
    scope = request.target.scope
    id_ = row_id(scope, row)
    what = f"{request.target.address}@{request.name}"
    try:
        found = row_of(connection, scope, id_)
        if found is None or not _has_identity(request, found):
            return
        connection.api.delete(id_.table, id_.key)
    except NotFoundError:
        return
    except BackendError as error:
        raise connection.failed(f"{what} is not as it was required, and could not be deleted again: {error}") from error


def _has_identity(request: SnapshotRequest, row: Row) -> bool:
    mark = mark_of(row.get("description"), _own_name(request))
    return mark is not None and mark.identity == request.mark.identity


def _own_name(request: SnapshotRequest) -> str | None:
    return request.name if request.target.scope is Scope.CLOUD else None
