"""The lives of snapshots over a year: when each was taken, when it expires, and in which hour it was found gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)


class Wish(NamedTuple):
    """A slot of a period on a target: ``vm/web-01``, ``volume/shared`` or ``cloud``."""

    target: str
    period: str
    slot: datetime


class Life(NamedTuple):
    """``gone_at`` is the full hour at which the snapshot was not there any more, ``None`` while it remains."""

    taken_at: datetime
    expires_at: datetime | None
    gone_at: datetime | None = None


Lives = dict[Wish, Life]


class Difference(NamedTuple):
    """What snapplan (``ours``) and the platform (``theirs``) make of one wish; ``None`` is nothing at all."""

    wish: Wish
    ours: Life | None
    theirs: Life | None


def differences(ours: Lives, theirs: Lives) -> Iterator[Difference]:
    """Yield what the two do differently, oldest slot first."""
    for wish in sorted(ours.keys() | theirs.keys(), key=lambda wish: (wish.slot, wish)):
        if ours.get(wish) != theirs.get(wish):
            yield Difference(wish, ours.get(wish), theirs.get(wish))


def full_hour(instant: datetime) -> datetime:
    """Return the first full hour at or after ``instant``."""
    floor = instant.replace(minute=0, second=0, microsecond=0)
    return floor if floor == instant else floor + HOUR
