"""What a period and a profile say where their files do not say it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snapplan.models.target import Quiesce

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.models.policy import Defaults, Period, Profile

TIMEZONE = "UTC"
INITIAL = "immediate"
MIN_SNAPSHOTS = 1
GRACE = timedelta(hours=1)


def complete(profiles: Mapping[str, Profile], defaults: Defaults) -> dict[str, Profile]:
    """Return the profiles with every default filled in: the profile's own value, then ``defaults``, then the built-in."""
    return {name: _profile(profile, defaults) for name, profile in profiles.items()}


def _profile(profile: Profile, defaults: Defaults) -> Profile:
    return profile.model_copy(
        update={
            "timezone": _first(profile.timezone, defaults.timezone, TIMEZONE),
            "initial": _first(profile.initial, defaults.initial, INITIAL),
            "periods": {name: _period(period, defaults) for name, period in profile.periods.items()},
        }
    )


def _period(period: Period, defaults: Defaults) -> Period:
    """A one-time period keeps its one snapshot by its retention alone, whatever ``defaults`` say."""
    once = period.frequency == "custom"
    return period.model_copy(
        update={
            "min_snapshots": _first(period.min_snapshots, 0 if once else defaults.min_snapshots, MIN_SNAPSHOTS),
            "quiesce": _first(period.quiesce, defaults.quiesce, Quiesce.NEVER),
            "skip_missed": _first(period.skip_missed, defaults.skip_missed, False),
            "grace": _first(period.grace, defaults.grace, GRACE),
        }
    )


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
