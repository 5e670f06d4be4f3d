"""Replacing a mark: description and expiration in one PUT, then read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan import clock
from snapplan.crash import point
from snapplan.drivers.vergeos.expiration import NEVER, expiring, is_earlier, later_expiration
from snapplan.drivers.vergeos.listing import Owner, is_made_elsewhere
from snapplan.drivers.vergeos.marks import MarkTooLongError, described, text_of
from snapplan.drivers.vergeos.standing import listed, meant, row_of, same_snapshot, standing
from snapplan.errors import NotFoundError, OutcomeUnknownError
from snapplan.models.request import Outcome
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.models.request import ChangeRequest
    from snapplan.models.snapshot import Snapshot

UNLOCKED = frozenset({"", "unlocked"})
LOCKED = "locked"
LOCKS_RIGHTLY = (26, 1, 7)


def change(connection: Connection, request: ChangeRequest) -> Outcome:
    """Replace the mark of one snapshot and move its expiration with it; raises the ``BackendError`` family."""
    snapshot = request.snapshot
    scope = snapshot.scope
    point("vergeos.change.before")
    row = standing(connection, snapshot)
    _refuse_others(connection, request, row)
    if request.lock is not None and scope not in connection.capabilities.locks:
        raise connection.refuse(f"{snapshot.address}: the platform locks no snapshots of a {scope}")
    body = _body(connection, request, row)
    id_ = meant(connection, snapshot)
    unknown: OutcomeUnknownError | None = None
    try:
        connection.api.put(id_.table, id_.key, body)
    except OutcomeUnknownError as error:
        unknown = error
    point("vergeos.change.written")
    with connection.looking(str(unknown or f"{snapshot.address} was changed")):
        after = row_of(connection, scope, id_)
    if after is None:
        raise NotFoundError(connection.backend, f"{snapshot.address} is not there any more")
    wrong = _differences(body, after)
    if wrong:
        text = f"{unknown}; looked: it was not changed" if unknown else f"the system did not take over {wrong}"
        raise connection.failed(f"{snapshot.address}: {text}")
    stands = listed(connection, scope, after, Owner(snapshot.target_id, snapshot.target_name))
    return Outcome(snapshot=stands, notices=_told(connection, request, stands))


def _told(connection: Connection, request: ChangeRequest, stands: Snapshot) -> tuple[str, ...]:
    """Return what the operator is to know of a lock; its end is the platform's to say."""
    if request.lock is None:
        return ()
    until = stands.locked_until
    if until is None:
        return ("the system shows no lock",)
    told = f"locked until {until:%Y-%m-%d %H:%MZ}" if request.lock else f"it is free from {until:%Y-%m-%d %H:%MZ} on"
    if request.lock and connection.api.version_numbers < LOCKS_RIGHTLY:
        # Release notes of 26.1.7: before, a lock set on an existing snapshot began to end at once.
        return (f"{told}; VergeOS before 26.1.7 lets such a lock end after a week",)
    return (told,)


def _refuse_others(connection: Connection, request: ChangeRequest, row: Row) -> None:
    snapshot, mark = request.snapshot, request.mark
    found = listed(connection, snapshot.scope, row, Owner(snapshot.target_id, snapshot.target_name)).mark
    if mark.project != connection.project or mark.target_id != snapshot.target_id:
        raise connection.refuse(f"the new mark of {snapshot.address} is not of its target and of {connection.project}")
    if snapshot.scope is Scope.CLOUD and is_made_elsewhere(row):
        raise connection.refuse(f"{snapshot.address} came from another system")
    if request.adopts:
        if found != (None if snapshot.managed else snapshot.mark):
            raise connection.refuse(f"{snapshot.address} has another mark than it had when this was planned")
        return
    if found is None or found.project != connection.project:
        raise connection.refuse(f"{snapshot.address} is not of project {connection.project}")
    if not same_snapshot(found, snapshot.mark) or found.target_id != mark.target_id:
        raise connection.refuse(f"{snapshot.address} is another snapshot now")
    if request.loses_pin(found):
        raise connection.refuse(f"{snapshot.address} was pinned or unpinned meanwhile")


def _body(connection: Connection, request: ChangeRequest, row: Row) -> dict[str, Any]:
    snapshot = request.snapshot
    name = snapshot.name if snapshot.scope is Scope.CLOUD else ""
    try:
        description = described(text_of(row.get("description")), request.mark, name)
    except MarkTooLongError as error:
        raise connection.refuse(f"{snapshot.address}: {error}") from error
    # A change that leaves the mark as it is pushes the date out, so that the platform keeps what stays.
    is_locked = (row.get("immutable_status") or "") not in UNLOCKED
    locks = request.lock or (is_locked and (request.mark != snapshot.mark or request.lock is not None))
    expires = later_expiration(request.mark, clock.now(), connection.api.now(), locked=bool(locks))
    stands = int(row.get("expires") or NEVER)
    if is_locked and is_earlier(expires, stands):
        raise connection.refuse(
            f"{snapshot.address} is locked: the platform lets its expiration only move away",
            hint="snapplan unlock, which takes effect after a week",
        )
    body = {"description": description, **expiring(snapshot.scope, expires)}
    if request.lock is None or request.lock is (row.get("immutable_status") == LOCKED):
        return body
    return {**body, "immutable": request.lock}


def _differences(body: dict[str, Any], row: Row) -> str:
    """Return the columns that are not as they were written; the type of an expiration is not always kept."""
    wrong = ["description"] if (row.get("description") or "") != body["description"] else []
    if int(row.get("expires") or NEVER) != body["expires"]:
        wrong.append("expires")
    return " and ".join(wrong)
