"""A profile as a platform's own scheduler is to have it, who runs which schedule, and what cannot be said there.

VergeOS is the measure: its periods have no time zone of their own, no cron expression, no year for one-time periods and
nothing that tells how late a snapshot may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.platform import PlatformPeriod, PlatformProfile
from snapplan.models.target import Quiesce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapplan.models.policy import Assignment, Backend, Period, Profile
    from snapplan.models.target import Capabilities, Scope

MEANS = {
    "hourly": frozenset({"minute"}),
    "daily": frozenset({"minute", "hour"}),
    "weekly": frozenset({"minute", "hour", "day_of_week"}),
    "monthly": frozenset({"minute", "hour", "day_of_month"}),
    "yearly": frozenset({"minute", "hour", "day_of_month", "month"}),
}
"""The fields that say when, by frequency."""


class Inexpressible(NamedTuple):
    """What the platform's scheduler cannot do: the ``field`` of a ``period``, or of the profile where that is ``None``."""

    period: str | None
    field: str
    text: str


def runs_natively(assignment: Assignment, backend: Backend | None, capabilities: Capabilities, scope: Scope) -> bool:
    """Whether the platform's scheduler takes the snapshots of this assignment at ``scope``.

    The assignment's ``schedule`` counts before the backend's; where neither says, a platform that has a scheduler runs it.
    A scope that it does not schedule (VergeOS: tenants) is always ours.
    """
    if scope not in capabilities.native_schedule:
        return False
    chosen = assignment.schedule or (backend.schedule if backend is not None else None)
    return chosen != "snapplan"


def native_name(key: str, named: Profile | Period) -> str:
    """Return the name that a profile or period has on the platform."""
    return named.platform_name or key


def inexpressible(profile: Profile, timezone: str) -> Iterator[Inexpressible]:
    """Yield what of ``profile`` a platform whose own time zone is ``timezone`` cannot schedule."""
    ours = profile.timezone or "UTC"
    if ours != timezone and any(period.frequency != "hourly" for period in profile.periods.values()):
        yield Inexpressible(None, "timezone", f"the platform's times are in {timezone}, not in {ours}")
    if profile.retroactive:
        yield Inexpressible(None, "retroactive", "the platform does not shorten what it took before")
    for name, period in profile.periods.items():
        if period.frequency is None or period.cron is not None:
            yield Inexpressible(name, "cron", "the platform knows no cron expressions")
        elif period.frequency not in MEANS:
            yield Inexpressible(
                name, "frequency", f"the platform's periods of frequency {period.frequency} are not known"
            )
        if period.day_of_month == "last":
            yield Inexpressible(name, "day_of_month", "the platform knows no last day of a month")
        if period.skip_missed:
            yield Inexpressible(name, "skip_missed", "the platform cannot give up a late snapshot")


def native_profile(name: str, profile: Profile, project: str, native_id: str = "") -> PlatformProfile:
    """Return ``profile`` as the platform is to have it; it must be expressible."""
    periods = {native_name(key, period): native_period(period) for key, period in profile.periods.items()}
    return PlatformProfile(native_id, native_name(name, profile), periods, project, profile.description)


def native_period(period: Period) -> PlatformPeriod:
    """Return ``period`` as the platform is to have it, normalised; what the policy leaves out is the platform's default."""
    frequency = str(period.frequency)
    means = MEANS.get(frequency, frozenset())
    partial = period.type != "full"
    return PlatformPeriod(
        frequency=frequency,
        retention=None if period.retention is None else int(period.retention.total_seconds()),
        minute=period.minute,
        hour=period.hour if "hour" in means else 0,
        day_of_week=(period.day_of_week or "") if "day_of_week" in means else "",
        day_of_month=period.day_of_month if "day_of_month" in means and isinstance(period.day_of_month, int) else 0,
        month=(period.month or 0) if "month" in means else 0,
        min_snapshots=1 if period.min_snapshots is None else period.min_snapshots,
        quiesce=period.quiesce in (Quiesce.REQUIRE, Quiesce.PREFER),
        max_tier=period.max_tier or 1,
        immutable=period.immutable,
        private=period.private,
        type=period.type,
        partial_tags=tuple(sorted(period.partial_tags)) if partial else (),
        quiesce_tags=tuple(sorted(period.quiesce_tags)) if partial else (),
    )
