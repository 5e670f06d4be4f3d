"""Checks of profiles and their periods: is there a schedule, does it mean what it says, and does retention bridge it."""

from __future__ import annotations

from calendar import monthrange
from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan.config.check_config import check_timezone
from snapplan.config.explain import show
from snapplan.config.naming import DEFAULT_TEMPLATE
from snapplan.config.structure import BROKEN_PERIOD
from snapplan.models.durations import format_duration

if TYPE_CHECKING:
    from snapplan.config.checked import Checked
    from snapplan.config.source import Findings
    from snapplan.config.yaml import Path
    from snapplan.models.policy import Defaults, Period, Profile

_WHEN = ("minute", "hour", "day_of_week", "day_of_month", "month", "at")
_MEANING: dict[str, frozenset[str]] = {
    "hourly": frozenset(("minute",)),
    "daily": frozenset(("minute", "hour")),
    "weekly": frozenset(("minute", "hour", "day_of_week")),
    "monthly": frozenset(("minute", "hour", "day_of_month")),
    "yearly": frozenset(("minute", "hour", "day_of_month", "month")),
    "custom": frozenset(("at",)),
}
_NEEDED: dict[str, tuple[str, ...]] = {
    "weekly": ("day_of_week",),
    "monthly": ("day_of_month",),
    "yearly": ("month", "day_of_month"),
    "custom": ("at",),
}
_EXAMPLES = {"day_of_week": "sun", "day_of_month": "1", "month": "1", "at": "2026-12-01T20:00"}
_LEAP_YEAR = 2028
_NO_GAP_LONGER = {
    "hourly": timedelta(hours=4),
    "daily": timedelta(days=3),
    "weekly": timedelta(days=9),
    "monthly": timedelta(days=33),
    "yearly": timedelta(days=368),
}
"""Generous: the largest offset change there was is a day (Samoa, 2011), and what elapses between two full hours is not
touched by it. Saves computing years of slots."""


def check_profiles(checked: Checked) -> None:
    """Check every profile that could be read."""
    defaults = checked.config.defaults if checked.config is not None else None
    for name, profile in checked.entries.sections["profiles"].items():
        _check_profile(profile, ("profiles", name), checked.findings, defaults)
    _check_names(checked)


def _check_profile(profile: Profile, path: Path, findings: Findings, defaults: Defaults | None) -> None:
    known = check_timezone(profile.timezone, (*path, "timezone"), findings)
    timezone = profile.timezone or (defaults.timezone if defaults is not None else None) or "UTC"
    schedules: dict[tuple[object, ...], str] = {}
    for name, period in profile.periods.items():
        if period is BROKEN_PERIOD:
            continue
        place = (*path, "periods", name)
        _check_settings(period, place, findings, defaults)
        if not _check_schedule(period, place, findings):
            continue
        schedule = (period.frequency, period.cron, *(getattr(period, field) for field in _WHEN))
        if (twin := schedules.setdefault(schedule, name)) != name:
            detail = "Each period takes a snapshot of its own, so there will be two at every slot."
            findings.note("SP216", place, f'"{name}" has the same slots as "{twin}"', detail=detail)
        if known:
            _check_gap(period, timezone, place, findings, defaults)


def _check_schedule(period: Period, path: Path, findings: Findings) -> bool:
    """Say whether the period has slots that can be computed."""
    if period.frequency is None and period.cron is None:
        hint = "add frequency: daily, or cron: with an expression"
        findings.error("SP205", path, "a period needs a frequency or a cron expression", hint=hint)
        return False
    if period.frequency is not None and period.cron is not None:
        findings.error("SP205", (*path, "cron"), 'a period has "frequency" or "cron", not both', hint="remove one")
        return False
    if period.cron is not None:
        return _check_cron(period, period.cron, path, findings)
    frequency = str(period.frequency)
    missing = [field for field in _NEEDED.get(frequency, ()) if getattr(period, field) is None]
    for field in missing:
        hint = f"add {field}: {_EXAMPLES[field]}"
        findings.error("SP207", (*path, "frequency"), f'{frequency} needs "{field}"', value=True, hint=hint)
    _check_meaning(period, frequency, _MEANING[frequency], path, findings)
    return not missing


def _check_cron(period: Period, expression: str, path: Path, findings: Findings) -> bool:
    from snapplan.planner.cron import cron_problem

    _check_meaning(period, "cron", frozenset(), path, findings)
    if problem := cron_problem(expression):
        hint = "five fields: minute, hour, day of the month, month, day of the week"
        findings.error("SP206", (*path, "cron"), problem, value=True, hint=hint)
        return False
    return True


def _check_meaning(period: Period, frequency: str, means: frozenset[str], path: Path, findings: Findings) -> None:
    for field in _WHEN:
        if field in period.model_fields_set and field not in means and getattr(period, field) is not None:
            summary = f'"{field}" means nothing for {frequency}'
            detail = "The snapshots are taken as though it were not there."
            findings.warning("SP208", (*path, field), summary, detail=detail, hint="remove it")
    day, month = period.day_of_month, period.month
    if frequency == "yearly" and isinstance(day, int) and month is not None and day > monthrange(_LEAP_YEAR, month)[1]:
        summary = f"month {month} has no day {day}; its last day counts"
        findings.warning("SP208", (*path, "day_of_month"), summary, value=True, hint="write last")


def _check_gap(period: Period, timezone: str, path: Path, findings: Findings, defaults: Defaults | None) -> None:
    """Compare the retention with the longest time between two slots; offset changes make a day 25 hours long."""
    if period.retention is None or period.frequency == "custom":
        return
    if period.frequency in _NO_GAP_LONGER and period.retention >= _NO_GAP_LONGER[period.frequency]:
        return
    from snapplan.planner.slots import worst_gap

    gap = worst_gap(period, timezone)
    if gap is None or period.retention > gap:
        return
    minimum = period.min_snapshots
    if minimum is None:
        minimum = 1 if defaults is None or defaults.min_snapshots is None else defaults.min_snapshots
    kept, apart = format_duration(period.retention), format_duration(gap)
    short = gap - period.retention
    summary = f"retention {kept} does not bridge the longest gap between two slots, {apart} in {timezone}"
    hint = f"keep them longer than {apart}, such as {_round_up(gap)}"
    if minimum:
        detail = f"The newest {minimum} stay held by min_snapshots; nothing else of this period does."
        findings.note("SP209", (*path, "retention"), summary, value=True, detail=detail, hint=hint)
        return
    bare = format_duration(short) if short > timedelta(0) else "the time that a run takes"
    detail = f"{apart} - {kept}: for {bare} before a slot there is no snapshot of this period."
    findings.warning(
        "SP209", (*path, "retention"), summary, value=True, detail=detail, hint=f"{hint}, or set min_snapshots"
    )


def _round_up(gap: timedelta) -> str:
    """Return a duration a little longer than ``gap``, in whole hours or days."""
    unit = timedelta(days=1) if gap >= timedelta(days=2) else timedelta(hours=1)
    return format_duration((gap // unit + 1) * unit)


def _check_settings(period: Period, path: Path, findings: Findings, defaults: Defaults | None) -> None:
    written = period.model_fields_set
    if period.frequency == "custom" and (period.min_snapshots or 0) > 1:
        summary = f"min_snapshots: {period.min_snapshots} can never be met: a custom period takes one snapshot"
        findings.warning("SP211", (*path, "min_snapshots"), summary, value=True, hint="write 1 or leave it out")
    elif period.retention is None and "retention" in written and period.min_snapshots:
        summary = '"min_snapshots" has no effect: these snapshots are kept forever'
        findings.note("SP224", (*path, "min_snapshots"), summary, hint="remove it")
    skips = period.skip_missed if period.skip_missed is not None else (defaults.skip_missed if defaults else None)
    if period.grace is not None and not skips:
        detail = "A late slot is taken however late it is."
        summary = '"grace" has no effect without "skip_missed"'
        hint = "add skip_missed: true, or remove grace"
        findings.warning("SP224", (*path, "grace"), summary, detail=detail, hint=hint)
    if period.type == "full" and period.partial_tags:
        summary = '"partial_tags" has no effect with type full'
        hint = "write type: partial_include or partial_exclude"
        findings.warning("SP224", (*path, "partial_tags"), summary, detail="Everything is captured.", hint=hint)
    elif period.type != "full" and not period.partial_tags:
        findings.error("SP207", (*path, "type"), f'{period.type} needs "partial_tags"', value=True)
    if period.immutable and period.retention is None:
        detail = "Nobody can delete such a snapshot again, and its space is never freed."
        findings.warning("SP227", (*path, "immutable"), "immutable and kept forever", detail=detail)


def _check_names(checked: Checked) -> None:
    """The default name joins profile and period by a dot, which both may hold."""
    config = checked.config
    if config is not None and config.naming.template != DEFAULT_TEMPLATE:
        return
    names: dict[str, tuple[str, str]] = {}
    for profile_name, profile in checked.entries.sections["profiles"].items():
        for period_name in profile.periods:
            joined = f"{profile_name}.{period_name}"
            first = names.setdefault(joined, (profile_name, period_name))
            if first != (profile_name, period_name):
                path = ("profiles", profile_name, "periods", period_name)
                summary = f"snapshots would be called {show(joined)}, as those of profile {show(first[0])}"
                hint = "use another character than the dot in one of the names"
                checked.findings.error("SP226", path, summary, hint=hint)
