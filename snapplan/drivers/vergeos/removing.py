"""Deleting a snapshot: never one whose identity, mark or state is otherwise than it was planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan import clock
from snapplan.crash import point
from snapplan.drivers.vergeos.expiration import pinned
from snapplan.drivers.vergeos.listing import Owner
from snapplan.drivers.vergeos.orphans import is_scheduled
from snapplan.drivers.vergeos.standing import listed, meant, row_id, row_of, row_under, same_snapshot
from snapplan.errors import BackendError, NotFoundError, OutcomeUnknownError
from snapplan.models.request import Outcome

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.drivers.vergeos.keys import RowId
    from snapplan.models.request import ExpireRequest
    from snapplan.models.snapshot import Snapshot


def expire(connection: Connection, request: ExpireRequest) -> Outcome:
    """Delete one snapshot; one that is gone is a success. Raises the ``BackendError`` family."""
    snapshot = request.snapshot
    # Before the last look: the system cannot delete on a condition, so nothing may lie between that look and the write.
    point("vergeos.expire.before")
    id_ = meant(connection, snapshot)
    row = row_under(connection, snapshot.scope, id_)
    if row is None:
        return Outcome()
    if row_id(snapshot.scope, row) != id_:
        raise connection.refuse(f"{snapshot.address} is gone; {row['name']} has its key now")
    stands = listed(connection, snapshot.scope, row, Owner(snapshot.target_id, snapshot.target_name))
    if snapshot.managed:
        _refuse_scheduled(connection, request, row, stands)
    else:
        _refuse_others(connection, snapshot, stands)
    _refuse_needed(connection, stands)
    _delete(connection, snapshot, id_)
    point("vergeos.expire.deleted")
    return Outcome()


def _delete(connection: Connection, snapshot: Snapshot, id_: RowId) -> None:
    try:
        connection.api.delete(id_.table, id_.key)
    except NotFoundError:
        return
    except OutcomeUnknownError as unknown:
        with connection.looking(str(unknown)):
            left = row_of(connection, snapshot.scope, id_)
        if left is not None:
            raise BackendError(connection.backend, f"{unknown}; looked: {snapshot.address} is still there") from unknown


def _refuse_others(connection: Connection, snapshot: Snapshot, stands: Snapshot) -> None:
    if stands.mark is None or stands.mark.project != connection.project:
        raise connection.refuse(f"{snapshot.address} is not of project {connection.project}")
    if not same_snapshot(stands.mark, snapshot.mark):
        raise connection.refuse(f"{snapshot.address} is another snapshot now")


def _refuse_scheduled(connection: Connection, request: ExpireRequest, row: Row, stands: Snapshot) -> None:
    """Refuse what the platform's scheduler took, but for what nothing schedules any more."""
    snapshot = request.snapshot
    if not request.orphan:
        raise connection.refuse(f"{snapshot.address} was taken by the platform's schedule, which expires it")
    ours = snapshot.mark is not None and snapshot.mark.project == connection.project
    if not ours or stands.mark is not None or row.get("created_manually"):
        raise connection.refuse(f"{snapshot.address} is another snapshot now")
    if is_scheduled(connection, snapshot, row):
        raise connection.refuse(f"{snapshot.address}: what took it is scheduled for its target again")


def _refuse_needed(connection: Connection, stands: Snapshot) -> None:
    mark = stands.mark
    if stands.locked_until is not None:
        until = f"until {stands.locked_until:%Y-%m-%d %H:%MZ}"
        raise connection.refuse(f"{stands.address} is locked by the platform {until}")
    if stands.in_use:
        raise connection.refuse(f"{stands.address} is in use: {stands.in_use}")
    if mark is not None and mark.pin is not None and pinned(mark.pin, clock.now()):
        raise connection.refuse(f"{stands.address} is pinned by {mark.pin.owner}")
