"""Cron expressions as slots: cronsim reads them and says which dates match, as Debian's cron would.

A job at fixed times runs once where the clock repeats an hour or skips one; a job with a star at the start of its
minute or hour follows real time. Both are cronsim's rules, applied here to whole days at a time: cronsim's own walk
takes seconds for a year of minutes, and around an offset change that is not at a full hour it can miss matching
instants (Australia/Lord_Howe) or never end (America/St_Johns until 2011).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from snapplan.planner.wallclock import EPOCH_ORDINAL, day_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cronsim import CronSim

SILENCE_YEARS = 50
"""cronsim gives up after so many years without a match; the longest true silence is 40 years (29 February on one
weekday, across a century that is not a leap year)."""

# An expression is only parsed with this; cronsim wants an instant to start from.
_ANY_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
_LEAP_YEAR = 2028


class CronRule(NamedTuple):
    """What an expression asks for: on which days, at which minutes of the day.

    ``at_fixed_times``: once per wall time; otherwise at every instant that shows it. ``fields`` is cronsim's reading,
    ``None`` for an expression that can never fire.
    """

    fields: CronSim | None
    minutes_of_day: tuple[int, ...]
    at_fixed_times: bool

    def days(self, first: int, last: int) -> list[int]:
        """Return the matching days between ``first`` and ``last`` (numbers since 1970, inclusive), sorted."""
        fields = self.fields
        if fields is None:
            return []
        dates = (date.fromordinal(day + EPOCH_ORDINAL) for day in range(first, last + 1))
        return [day_number(day) for day in dates if day.month in fields.months and fields.match_day(day)]

    def slots_per_year(self) -> int:
        """Return how many there are in a leap year, not minding offset changes."""
        start = day_number(date(_LEAP_YEAR, 1, 1))
        return len(self.days(start, start + 365)) * len(self.minutes_of_day)


def cron_rule(expression: str) -> CronRule:
    """Return the meaning of ``expression``.

    Raises ``ValueError`` where cronsim does not take it or it has other than five fields. One that can never fire
    (30 February) is taken, and has no days.
    """
    fields = _parse(expression)
    minutes = [60 * hour + minute for hour in fields.hours for minute in fields.minutes] if fields is not None else []
    starred = any(field.startswith("*") for field in expression.split()[:2])
    return CronRule(fields, tuple(sorted(minutes)), not starred)


def cron_problem(expression: str) -> str | None:
    """Return a sentence that says what is wrong with a cron expression, or ``None`` where nothing is."""
    try:
        fields = _parse(expression)
    except ValueError as error:
        return str(error)
    return f"the cron expression {expression!r} never fires: there is no such day" if fields is None else None


def _parse(expression: str) -> CronSim | None:
    from cronsim import CronSim, CronSimError

    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(f"the cron expression {expression!r} has {len(fields)} fields, not five")
    try:
        return CronSim(expression, _ANY_INSTANT)
    except CronSimError as error:
        if _only_the_day_is_missing(fields):
            return None
        raise ValueError(f"the cron expression {expression!r} is wrong: {str(error).lower()}") from None


def _only_the_day_is_missing(fields: Sequence[str]) -> bool:
    """Say whether the fields are right one by one, and only no month has such a day."""
    from cronsim import CronSim, CronSimError

    minute, hour, day, month, weekday = fields
    try:
        CronSim(f"{minute} {hour} {day} * {weekday}", _ANY_INSTANT)
        CronSim(f"0 0 1 {month} *", _ANY_INSTANT)
    except CronSimError:
        return False
    return True
