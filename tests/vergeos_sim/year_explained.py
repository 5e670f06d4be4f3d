"""Which differences between snapplan's year and the platform's are known: a sentence each, and how it is recognised.

Every name is a heading of the page ``docs/explain/platform-schedule.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from .year_lives import END, HOUR, START, Difference, Life, Lives, differences, full_hour

MARCH = datetime(2026, 3, 29, 1, tzinfo=UTC)
"""When Europe/Berlin goes from 02:00 to 03:00."""

Recognised = Callable[[Difference], bool]


def first_snapshot(found: Difference) -> bool:
    """Only snapplan takes one at the instant of the first apply."""
    return found.theirs is None and found.wish.slot == START


def when_apply_runs(found: Difference) -> bool:
    """Snapplan takes it with the next run after the slot, and its retention counts from there."""
    ours, theirs = found.ours, found.theirs
    if ours is None or theirs is None or ours.expires_at is None or theirs.expires_at is None:
        return False
    late = ours.taken_at - theirs.taken_at
    at_next_run = theirs.taken_at == found.wish.slot and ours.taken_at == full_hour(found.wish.slot)
    same_retention = ours.expires_at - theirs.expires_at == late
    return at_next_run and timedelta(0) < late < HOUR and same_retention and _gone_apart(ours, theirs, HOUR, -1)


def skipped_hour(found: Difference) -> bool:
    """A time in the hour that spring skips: snapplan at the hour's end, the platform as much later as it lay inside."""
    if found.ours is not None:
        return found.theirs is None and found.wish.slot == MARCH
    wall = found.wish.slot.astimezone(ZoneInfo("Europe/Berlin"))
    return found.wish.slot == MARCH + timedelta(minutes=30) and (wall.hour, wall.minute) == (3, 30)


def built(found: Difference) -> bool:
    """A held system snapshot goes when its successor is built, not with the run that takes the successor."""
    ours, theirs = found.ours, found.theirs
    if ours is None or theirs is None or found.wish.target != "cloud":
        return False
    held = ours.expires_at is not None and ours.gone_at is not None and ours.expires_at < ours.gone_at
    return held and _gone_apart(ours, theirs, HOUR, 1) and ours[:2] == theirs[:2]


def _gone_apart(ours: Life, theirs: Life, most: timedelta, sign: int) -> bool:
    """Whether they are gone at the same hour, or ``theirs`` as much as ``most`` later (sign 1) or earlier (-1)."""
    after_the_end = END + HOUR
    apart = (theirs.gone_at or after_the_end) - (ours.gone_at or after_the_end)
    return timedelta(0) <= sign * apart <= most


KNOWN: dict[str, Recognised] = {
    "The first snapshot": first_snapshot,
    "When apply runs": when_apply_runs,
    "Times in the hour that spring skips": skipped_hour,
    "Held until the next system snapshot is built": built,
}
"""Those that a policy meets as it is. One that more than one of them explains is explained by the first."""


def unexplained(ours: Lives, theirs: Lives, known: Iterable[str]) -> list[Difference]:
    """Return the differences that none of the ``known`` ones explains."""
    chosen = [KNOWN[name] for name in known]
    return [each for each in differences(ours, theirs) if not any(explains(each) for explains in chosen)]


def explanations(ours: Lives, theirs: Lives) -> Iterator[str]:
    """Yield the name of what explains each difference that one of all known ones explains."""
    for each in differences(ours, theirs):
        yield from [name for name, explains in KNOWN.items() if explains(each)][:1]
