"""From the rows of the four tables of snapshots to the snapshots that snapplan knows: ours, managed, foreign.

There may be 60,000 of them, so that each row is looked at once and nothing is validated twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.vergeos.cells import flag, instant, key_of, name_of, seconds, text
from snapplan.drivers.vergeos.keys import CLOUD_ID, PARENTS, TABLES, RowId
from snapplan.drivers.vergeos.marks import mark_of
from snapplan.models.snapshot import Mark, Snapshot
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.profiles import NativePeriod

FOREVER = datetime(2399, 12, 31, tzinfo=UTC)
"""When a lock ends that has no end."""
SETTLED = timedelta(days=1)
"""A system snapshot this old whose state is blank has been built; a new one has no state for some seconds."""
SCHEDULED_NAME = re.compile(r"(?P<period>.+?)_\d{8}(?:_\d{4})?(?: \(\d+\))?")
FULL = "full"
CONTENTS = ("vm/*", "tenant/*")
PERHAPS = ("?vm/*", "?tenant/*")
"""What a partial system snapshot may contain, as far as nobody has asked."""


class Owner(NamedTuple):
    """What a snapshot is of: its target's id and name."""

    id: str
    name: str


Owners = Mapping[int, Owner] | Mapping[str, Owner]
"""The targets of a scope by what a snapshot's row refers to them by: a machine's, a tenant's or a volume's key."""


class Attribution(NamedTuple):
    """What says whose a snapshot is.

    ``project`` is ours. ``periods`` are the periods of its profiles by key; ``volume_periods`` those by the volume and the
    name of the period, through the profile that the volume has now, as a volume's snapshots tell no period. ``contents``
    is what partial system snapshots contain, by their keys, where that is listed.
    """

    backend: str
    project: str
    now: datetime
    periods: Mapping[int, NativePeriod] = MappingProxyType({})
    volume_periods: Mapping[tuple[str, str], NativePeriod] = MappingProxyType({})
    contents: Mapping[int, tuple[str, ...]] = MappingProxyType({})


class Listed(NamedTuple):
    """The snapshots of one table.

    ``deletes_at`` is when the platform deletes those with a mark that was written (``None``: never), by native id.
    ``copies`` are the addresses of those that carry the mark of another target or snapshot and are therefore nobody's.
    """

    snapshots: list[Snapshot]
    deletes_at: dict[str, datetime | None]
    copies: list[str]


def snapshots_of(scope: Scope, rows: Iterable[Row], owners: Owners, by: Attribution) -> Listed:
    """Return the snapshots of one scope; ``owners`` are the targets by what the rows refer to them by.

    Raises ``ValueError`` for a row that lacks what it must have.
    """
    listed = Listed([], {}, [])
    live = {owner.id for owner in owners.values()}
    for row in rows:
        owner = owner_of(scope, row, owners, live)
        snapshot, copied = snapshot_of(scope, row, owner, by)
        listed.snapshots.append(snapshot)
        if snapshot.mark is not None and not snapshot.managed:
            listed.deletes_at[snapshot.native_id] = platform_expiration(row)
        if copied:
            listed.copies.append(snapshot.address)
    return listed


def owner_of(scope: Scope, row: Row, owners: Owners, live: Iterable[str] = ()) -> Owner:
    """Return what a snapshot is of.

    Of an object that is gone, its mark says what it was; without one it is named by the key that it had. A mark of an
    object that is there, with other keys than the row refers to, is no evidence.
    """
    if scope is Scope.CLOUD:
        return Owner(CLOUD_ID, "")
    parent = row.get(PARENTS[scope])
    owner = owners.get(parent)  # type: ignore[arg-type]  # what refers to nothing that is known finds none
    if owner is not None:
        return owner
    if scope is Scope.VOLUME:
        return Owner(text(parent), text(parent))
    mark = mark_of(row.get("description"))
    if mark is not None and mark.target_id not in live:
        return Owner(mark.target_id, mark.target_id)
    gone = f"{PARENTS[scope]}:{parent}"
    return Owner(gone, gone)


def snapshot_of(scope: Scope, row: Row, owner: Owner, by: Attribution) -> tuple[Snapshot, bool]:
    """Return the snapshot that a row is, and whether it carries a mark that was written for something else."""
    name, created = name_of(row), seconds(row, "created")
    taken_at = datetime.fromtimestamp(created, UTC)
    mark, copied = _written(scope, row, name, owner)
    native = None if mark is not None or copied else _native(scope, row, name, by)
    if native is not None:
        mark = _managed(row, taken_at, owner, native, by)
    cloud = scope is Scope.CLOUD
    completed_at = taken_at if _is_whole(scope, row, taken_at, by.now) else None
    snapshot = Snapshot(
        backend=by.backend,
        native_id=str(RowId(TABLES[scope], key_of(row), created, name)),
        name=name,
        scope=scope,
        target_id=owner.id,
        target_name=owner.name,
        taken_at=taken_at,
        completed_at=completed_at,
        mark=mark,
        quiesced=_quiesced(scope, row),
        managed=native is not None,
        locked_until=_lock(row) if cloud else None,
        in_use="it is mounted" if scope is Scope.VOLUME and row.get("snap_volume") else "",
        contains=_contents(row, by) if cloud and completed_at is not None else (),
    )
    return snapshot, copied


def _contents(row: Row, by: Attribution) -> tuple[str, ...]:
    if (text(row.get("type")) or FULL) == FULL:
        return CONTENTS
    return by.contents.get(key_of(row), PERHAPS)


def platform_expiration(row: Row) -> datetime | None:
    """Return when the platform deletes a snapshot, ``None`` for never."""
    return None if row.get("expires_type") == "never" else instant(row.get("expires"), "expires")


def is_made_elsewhere(row: Row) -> bool:
    """Say whether a system snapshot came from the provider or from another site; marks in it are of that system's."""
    return bool(row.get("provider") or row.get("remote_sync") or row.get("incoming_sync"))


def _written(scope: Scope, row: Row, name: str, owner: Owner) -> tuple[Mark | None, bool]:
    """Return the mark in the description, and whether there is one that was written for something else.

    A system snapshot can be cloned by a person who means to keep it, and lends its description to the snapshots of
    tenants that are listed of it.
    """
    mark = mark_of(row.get("description"))
    if mark is None or (scope is Scope.TENANT and mark.target_id == CLOUD_ID):
        return None, False
    if mark.target_id != owner.id:
        return None, True
    if scope is not Scope.CLOUD:
        return mark, False
    copied = mark_of(row["description"], name) is None
    return (None if copied or is_made_elsewhere(row) else mark), copied


def _native(scope: Scope, row: Row, name: str, by: Attribution) -> NativePeriod | None:
    """Return the period of ours by which the platform's scheduler took a snapshot."""
    if scope is Scope.VM or (scope is Scope.CLOUD and not is_made_elsewhere(row)):
        return by.periods.get(row.get("snapshot_period"))  # type: ignore[arg-type]  # null finds none
    if scope is not Scope.VOLUME or row.get("created_manually") or not by.volume_periods:
        return None
    match = SCHEDULED_NAME.fullmatch(name)
    return None if match is None else by.volume_periods.get((row["volume"], match["period"]))


def _managed(row: Row, taken_at: datetime, owner: Owner, native: NativePeriod, by: Attribution) -> Mark:
    return Mark(
        project=by.project,
        target_id=owner.id,
        run="",
        taken_at=taken_at,
        expires_at=platform_expiration(row),
        profile=native.profile,
        period=native.period,
        slot=taken_at.replace(second=0),
        minimum=native.minimum,
    )


def _is_whole(scope: Scope, row: Row, taken_at: datetime, now: datetime) -> bool:
    """Say whether a snapshot is complete; one that the platform is about to delete is no more."""
    if scope is Scope.VM:
        return not row.get("queue_delete")
    return scope is not Scope.CLOUD or _is_built(row, taken_at, now)


def _is_built(row: Row, taken_at: datetime, now: datetime) -> bool:
    """Say whether a system snapshot is complete.

    It has no state at first, then it is ``building``, then ``normal`` or ``held`` (API reference, system snapshots). A
    blank state of an old one is that of a system that does not tell. Any other word is taken for complete: what is
    incomplete may be removed as left over, and an unknown word is no reason for that.
    """
    status = text(row.get("status"))
    return now - taken_at > SETTLED if not status else status != "building"


def _quiesced(scope: Scope, row: Row) -> bool | None:
    """Say whether I/O was frozen; in a system snapshot it never is, but for VMs that quiesce tags name."""
    if scope is Scope.VM:
        return flag(row.get("quiesced"))
    if scope is Scope.VOLUME:
        return flag(row.get("quiesce"))
    if scope is Scope.CLOUD:
        return None if row.get("quiesce_tags") else False
    return None


def _lock(row: Row) -> datetime | None:
    status = row.get("immutable_status")
    if status == "unlocking":
        return instant(row.get("immutable_lock_expires"), "immutable_lock_expires") or FOREVER
    if status == "locked" or (not status and row.get("immutable")):
        return instant(row.get("expires"), "expires") or FOREVER
    return None
