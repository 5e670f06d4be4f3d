"""Cron expressions as slots, after cronsim (which follows Debian's cron).

A job at fixed times runs once where the clock repeats an hour or skips one; a job with a star in its minute or hour
follows real time. Days without an offset change are plain arithmetic, as walking every minute of a year would take
seconds; around a change cronsim itself is asked.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from snapplan.planner.wallclock import EPOCH_ORDINAL, MINUTES_PER_DAY, Stretch, day_number, every_instant, stretches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cronsim import CronSim

SILENCE_YEARS = 50
"""cronsim gives up after so many years without a match; the longest true silence is 40 years (29 February on one
weekday, across a century that is not a leap year)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAP_YEAR = 2028


class Window(NamedTuple):
    """Days (numbers since 1970, inclusive) around offset changes; ``before`` and ``after`` are the outer offsets."""

    first: int
    last: int
    before: int
    after: int


class CronSlots:
    """The slots of one expression in one zone.

    Raises ``ValueError`` where cronsim does not take the expression or it has other than five fields. One that can
    never fire (30 February) is taken, and has no slots.
    """

    def __init__(self, expression: str, timezone: str) -> None:
        self._expression = expression
        self._timezone = timezone
        self._sim = _parse(expression)
        hours, minutes = (sorted(self._sim.hours), sorted(self._sim.minutes)) if self._sim is not None else ([], [])
        self._minutes_of_day = [60 * hour + minute for hour in hours for minute in minutes]

    def slots_per_year(self) -> int:
        """Return how many there are in a leap year, not minding offset changes."""
        start = day_number(date(_LEAP_YEAR, 1, 1))
        return len(self._days(start, start + 365)) * len(self._minutes_of_day)

    def __call__(self, start: int, end: int) -> list[int]:
        """Return the slots in ``start <= slot < end`` (minutes since 1970, at most a year) and some around, sorted."""
        first, last = start // MINUTES_PER_DAY - 1, end // MINUTES_PER_DAY + 1
        days = self._days(first, last)
        if not days:
            return []
        zone = stretches(self._timezone, date.fromordinal(start // MINUTES_PER_DAY + EPOCH_ORDINAL).year)
        windows = [window for window in _windows(zone) if window.first <= last and first <= window.last]
        odd = {day for window in windows for day in range(window.first, window.last + 1)}
        walls = [day * MINUTES_PER_DAY + minute for day in days if day not in odd for minute in self._minutes_of_day]
        slots = set(every_instant(walls, zone))
        for window in windows:
            slots.update(self._walk(window))
        return sorted(slots)

    def _days(self, first: int, last: int) -> list[int]:
        sim = self._sim
        if sim is None:
            return []
        dates = (date.fromordinal(day + EPOCH_ORDINAL) for day in range(first, last + 1))
        return [day_number(day) for day in dates if day.month in sim.months and sim.match_day(day)]

    def _walk(self, window: Window) -> list[int]:
        if not self._days(window.first, window.last):
            return []
        from zoneinfo import ZoneInfo

        from cronsim import CronSim

        start = window.first * MINUTES_PER_DAY - window.before
        end = (window.last + 1) * MINUTES_PER_DAY - window.after
        eve = (_EPOCH + timedelta(minutes=start - 1)).astimezone(ZoneInfo(self._timezone))
        slots = []
        for found in CronSim(self._expression, eve):
            slot = (found.astimezone(UTC) - _EPOCH) // timedelta(minutes=1)
            if slot >= end:
                break
            slots.append(slot)
        return slots


def cron_problem(expression: str) -> str | None:
    """Return a sentence that says what is wrong with a cron expression, or ``None`` where nothing is."""
    try:
        sim = _parse(expression)
    except ValueError as error:
        return str(error)
    return f"the cron expression {expression!r} never fires: there is no such day" if sim is None else None


def _parse(expression: str) -> CronSim | None:
    from cronsim import CronSim, CronSimError

    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(f"the cron expression {expression!r} has {len(fields)} fields, not five")
    try:
        return CronSim(expression, _EPOCH)
    except CronSimError as error:
        if _only_the_day_is_missing(fields):
            return None
        raise ValueError(f"cron expression {expression!r}: {str(error).lower()}") from None


def _only_the_day_is_missing(fields: Sequence[str]) -> bool:
    """Say whether the fields are right one by one, and only no month has such a day."""
    from cronsim import CronSim, CronSimError

    minute, hour, day, month, weekday = fields
    try:
        CronSim(f"{minute} {hour} {day} * {weekday}", _EPOCH)
        CronSim(f"0 0 1 {month} *", _EPOCH)
    except CronSimError:
        return False
    return True


def _windows(zone: Sequence[Stretch]) -> list[Window]:
    """Return the days on which the offset changes, with one on either side, merged where they touch."""
    windows: list[Window] = []
    for before, after in pairwise(zone):
        low, high = sorted((before.offset, after.offset))
        first = (after.start + low) // MINUTES_PER_DAY - 1
        last = (after.start + high) // MINUTES_PER_DAY + 1
        if windows and first <= windows[-1].last + 1:
            windows[-1] = windows[-1]._replace(last=max(last, windows[-1].last), after=after.offset)
        else:
            windows.append(Window(first, last, before.offset, after.offset))
    return windows
