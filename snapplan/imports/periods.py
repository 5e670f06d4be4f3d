"""A platform's period as the keys of a period in a policy file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args

from snapplan.imports.keys import fits_platform_name, has_control_character
from snapplan.models.durations import LONGEST, format_duration
from snapplan.models.policy import Defaults, Period
from snapplan.models.values import Weekday
from snapplan.planner.native import native_period

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.models.platform import PlatformPeriod

_TIMES: Mapping[str, tuple[str, ...]] = {
    "hourly": ("minute",),
    "daily": ("hour", "minute"),
    "weekly": ("day_of_week", "hour", "minute"),
    "monthly": ("day_of_month", "hour", "minute"),
    "yearly": ("month", "day_of_month", "hour", "minute"),
}
_RANGES = {"minute": (0, 59), "hour": (0, 23), "day_of_month": (1, 31), "month": (1, 12)}
_ANY = {"day_of_month": "any day of the month", "month": "any month"}
_TYPES = ("full", "partial_include", "partial_exclude")
_MOST_MINIMUM = 100_000
NO_DEFAULTS = Defaults.model_construct()


def period_obstacle(name: str, period: PlatformPeriod) -> str:
    """Return why a policy cannot say what this period does, or nothing."""
    if not fits_platform_name(name):
        return "no policy can hold its name"
    if period.frequency == "custom":
        return "it runs once, and the platform's API does not tell when"
    if period.frequency not in _TIMES:
        return f"snapplan does not know the frequency {period.frequency!r}"
    return _time_obstacle(period) or _kept_obstacle(period) or _captured_obstacle(period) or _difference(period)


def _time_obstacle(period: PlatformPeriod) -> str:
    for field in _TIMES[period.frequency]:
        value = getattr(period, field)
        if field == "day_of_week":
            if value not in get_args(Weekday):
                return "it is weekly on any day, and a policy names the day"
            continue
        least, most = _RANGES[field]
        if value == 0 and field in _ANY:
            return f"it is {period.frequency} on {_ANY[field]}, and a policy names one"
        if not least <= value <= most:
            return f"its {field} is {value}"
    return ""


def _kept_obstacle(period: PlatformPeriod) -> str:
    if period.retention is not None and not 0 < period.retention <= LONGEST.total_seconds():
        return f"its retention is {period.retention} seconds"
    if not 0 <= period.min_snapshots <= _MOST_MINIMUM:
        return f"its min_snapshots is {period.min_snapshots}"
    return ""


def _captured_obstacle(period: PlatformPeriod) -> str:
    if not 1 <= period.max_tier <= 5:
        return f"its max_tier is {period.max_tier}"
    if period.type not in _TYPES:
        return f"snapplan does not know the type {period.type!r}"
    if period.type != "full" and not period.partial_tags:
        return f"it is {period.type} without a tag"
    if any(has_control_character(tag) for tag in (*period.partial_tags, *period.quiesce_tags)):
        return "no policy can hold the name of one of its tags"
    return ""


def _difference(period: PlatformPeriod) -> str:
    """Return what a policy made of ``period`` would change on the platform, or nothing."""
    back = native_period(Period.model_validate(period_fields(period)))
    changed = [field for field in period._fields if getattr(back, field) != getattr(period, field)]
    return f"a policy would change its {', '.join(changed)}" if changed else ""


def period_fields(period: PlatformPeriod, defaults: Defaults = NO_DEFAULTS, *, tiers: bool = True) -> dict[str, Any]:
    """Return the keys of a period without an obstacle; what is the default is left out, except the tier with ``tiers``.

    ``defaults`` are those of the repository: what they would change is written. The platform takes a snapshot that it was
    to quiesce although it could not, so its ``quiesce`` is ``prefer``.
    """
    fields: dict[str, Any] = {"frequency": period.frequency}
    for field in _TIMES[period.frequency]:
        if getattr(period, field):
            fields[field] = getattr(period, field)
    fields["retention"] = _retention(period.retention)
    if period.min_snapshots != 1 or defaults.min_snapshots not in (None, 1):
        fields["min_snapshots"] = period.min_snapshots
    if period.quiesce or defaults.quiesce is not None:
        fields["quiesce"] = "prefer" if period.quiesce else "never"
    if tiers or period.max_tier != 1:
        fields["max_tier"] = period.max_tier
    if period.type != "full":
        fields["type"] = period.type
    fields |= {flag: True for flag in ("immutable", "private") if getattr(period, flag)}
    fields |= {tags: list(getattr(period, tags)) for tags in ("partial_tags", "quiesce_tags") if getattr(period, tags)}
    if defaults.skip_missed:
        fields["skip_missed"] = False
    return fields


def _retention(seconds: int | None) -> str:
    if seconds is None:
        return "forever"
    return f"{seconds // 3600}h" if seconds in (86_400, 172_800) else format_duration(timedelta(seconds=seconds))
