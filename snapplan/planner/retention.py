"""What a changed retention does to snapshots that exist: longer is applied, shorter only where the policy says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from snapplan.models.snapshot import Snapshot


class RetentionChange(NamedTuple):
    """The expiration of a snapshot moves; ``None`` is never."""

    snapshot: Snapshot
    before: datetime | None
    after: datetime | None

    @property
    def shorter(self) -> bool:
        """Whether it expires earlier than before."""
        return self.after is not None and (self.before is None or self.after < self.before)


def retention_changes(
    snapshots: Iterable[Snapshot], retention: timedelta | None, *, retroactive: bool, now: datetime
) -> list[RetentionChange]:
    """Return the changes that ``retention`` (``None``: for ever) makes to owned snapshots of one period.

    A longer retention always applies; a shorter one only with ``retroactive``. Incomplete, damaged and future-dated
    snapshots are left alone.
    """
    changes = []
    for snapshot in snapshots:
        mark = snapshot.mark
        if mark is None or snapshot.completed_at is None or snapshot.damage or snapshot.taken_at > now:
            continue
        after = None if retention is None else mark.taken_at + retention
        if after == mark.expires_at:
            continue
        change = RetentionChange(snapshot, mark.expires_at, after)
        if retroactive or not change.shorter:
            changes.append(change)
    return changes


def changed(
    snapshots: Iterable[Snapshot], changes: Iterable[RetentionChange], minimum: int | None = None
) -> list[Snapshot]:
    """Return the snapshots as they stand after ``changes``; ``minimum`` replaces the one in the marks that change."""
    after = {change.snapshot.native_id: change.after for change in changes}
    result = []
    for snapshot in snapshots:
        mark = snapshot.mark
        if mark is None or snapshot.native_id not in after:
            result.append(snapshot)
            continue
        kept = mark.minimum if minimum is None else minimum
        result.append(snapshot._replace(mark=mark._replace(expires_at=after[snapshot.native_id], minimum=kept)))
    return result
