"""When a period falls due, which of its fields count, and how many snapshots it is likely to keep."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from snapplan.devtools.vergeos.rules.system import DAY, System
from snapplan.devtools.vergeos.tables.version import PERIODS_RUN_RIGHT

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.tables.shape import Row

HOUR = 3600
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# The fields that count, besides minute. The others keep their defaults.
COUNTING = {
    "hourly": (),
    "daily": ("hour",),
    "weekly": ("hour", "day_of_week"),
    "monthly": ("hour", "day_of_month"),
    "yearly": ("hour", "day_of_month", "month"),
    "custom": ("hour", "day_of_month", "month", "year"),
}
DEFAULTS = {"hour": 0, "day_of_week": "any", "day_of_month": 0, "month": 0}
INTERVALS = {"hourly": HOUR, "daily": DAY, "weekly": 7 * DAY, "monthly": 30 * DAY, "yearly": 365 * DAY}
# Long enough for the 29th of February across a year that is no leap year although divisible by four.
FARTHEST_DAYS = 366 * 9


def without_irrelevant(system: System, period: Row) -> Row:
    """Return a period with the fields that its frequency does not use at their defaults, unless a switch keeps them."""
    if system.switches["irrelevant_fields"] == "kept":
        return period
    counting = COUNTING[period["frequency"]]
    return {**period, **{name: value for name, value in DEFAULTS.items() if name not in counting}}


def estimate(period: Row) -> int:
    """Return how many snapshots a period keeps; 0 when it keeps them for ever."""
    interval = INTERVALS.get(period["frequency"])
    if interval is None:
        return 1
    kept = -(-int(period["retention"]) // interval)
    return max(kept, int(period["min_snapshots"])) if period["retention"] else 0


def next_due(system: System, period: Row, after: int) -> int | None:
    """Return the first instant (epoch seconds) behind ``after`` at which a period falls due, or None."""
    zone = system.zone if system.switches["period_time_zone"] == "system" else ZoneInfo("UTC")
    if period["frequency"] == "hourly":
        return _next_hour(after, period["minute"] * 60, zone)
    if period["frequency"] == "custom" and not period.get("year"):
        return None
    day = datetime.fromtimestamp(after, zone).date()
    for _ in range(FARTHEST_DAYS):
        if _runs_on(system, period, day):
            local = datetime(day.year, day.month, day.day, period["hour"], period["minute"], tzinfo=zone)
            due = int(local.astimezone(UTC).timestamp())
            if due > after:
                return due
        day += timedelta(days=1)
    return None


def _next_hour(after: int, second: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(after, zone).utcoffset()
    assert offset is not None
    shift = int(offset.total_seconds())
    return after + HOUR - (after + shift - second) % HOUR


def _runs_on(system: System, period: Row, day: date) -> bool:
    frequency = period["frequency"]
    if frequency == "daily":
        return True
    if frequency == "weekly":
        return _on_weekday(system, period["day_of_week"], day)
    if frequency != "monthly" and period["month"] not in (0, day.month):
        return False
    if frequency == "custom" and period["year"] != day.year:
        return False
    wanted, last = period["day_of_month"], calendar.monthrange(day.year, day.month)[1]
    if wanted > last and system.switches["short_months"] == "last_day":
        wanted = last
    return wanted in (0, day.day)


def _on_weekday(system: System, wanted: str, day: date) -> bool:
    if wanted == "any":
        daily = system.version < PERIODS_RUN_RIGHT or system.switches["weekly_any"] == "daily"
        return daily or day.weekday() == WEEKDAYS.index("sun")
    return WEEKDAYS[day.weekday()] == wanted
