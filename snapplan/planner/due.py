"""Which slot of a triple is due, and which were missed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.world import Tracked
from snapplan.planner.slots import calendar

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.models.policy import Period

MOST_MISSED = 1000
DEFAULT_GRACE = timedelta(hours=1)


class Due(NamedTuple):
    """``slot`` is to be taken now (``None``: nothing is due); ``missed`` slots are recorded and never taken.

    ``missed`` holds the newest 1,000 at most, oldest first. ``lapses_at`` is the instant at which ``skip_missed`` gives
    ``slot`` up.
    """

    slot: datetime | None
    missed: tuple[datetime, ...] = ()
    lapses_at: datetime | None = None


NOTHING = Due(None)


def start_tracking(initial: str | None, now: datetime) -> Tracked:
    """Return how a triple begins: slots are whole minutes, so ``since`` is too."""
    since = now.replace(second=0, microsecond=0)
    return Tracked(since, None if initial != "next_slot" else since)


def due(period: Period, timezone: str, tracked: Tracked, now: datetime) -> Due:
    """Return the latest slot <= ``now`` that is newer than all that was satisfied or recorded as missed.

    One late snapshot is taken for the latest missed slot, the older ones are missed; with ``skip_missed`` a slot that is
    more than ``grace`` late is missed too. The first slot of a triple that takes its first snapshot at once is ``since``.
    """
    slots = calendar(period, timezone)
    latest = slots.latest(now)
    if tracked.last_slot is None:
        after, first = tracked.since, tracked.since
        slot = latest if latest is not None and latest > first else first
        if slot > now:
            return NOTHING
    else:
        after, first = max(tracked.since, tracked.last_slot), None
        if latest is None or latest <= after:
            return NOTHING
        slot = latest
    missed = tuple(instant for instant in slots.between(after, slot, limit=MOST_MISSED + 1) if instant < slot)
    if first is not None and first < slot:
        missed = (first, *missed)
    if not period.skip_missed:
        return Due(slot, missed)
    lapses_at = slot + (period.grace or DEFAULT_GRACE)
    if now > lapses_at:
        return Due(None, (*missed, slot))
    return Due(slot, missed, lapses_at)
