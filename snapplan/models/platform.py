"""A platform's own snapshot schedule, as its driver reads it: profiles, their periods, and what they are assigned to."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.models.target import Scope


class PlatformPeriod(NamedTuple):
    """One period of a profile, normalised: what its frequency does not use is at its default, so that equals are equal.

    ``frequency`` is hourly, daily, weekly, monthly or yearly; anything else is one that snapplan cannot express.
    ``retention`` is in seconds, ``None`` for ever. ``day_of_week`` is sun..sat or empty, ``day_of_month`` and ``month`` are
    0 where they do not matter. Tags are names, sorted.
    """

    frequency: str
    retention: int | None
    minute: int = 0
    hour: int = 0
    day_of_week: str = ""
    day_of_month: int = 0
    month: int = 0
    min_snapshots: int = 1
    quiesce: bool = False
    max_tier: int = 1
    immutable: bool = False
    private: bool = False
    type: str = "full"
    partial_tags: tuple[str, ...] = ()
    quiesce_tags: tuple[str, ...] = ()


class PlatformProfile(NamedTuple):
    """A snapshot profile of the platform.

    ``native_id`` is empty for one that is to be made. ``project`` is the one whose mark it carries, ``None`` without a
    mark; ``description`` is the text without it. ``used_by`` says in a few words each what else refers to it (a volume
    sync, an antivirus scan), besides targets. ``has_snapshots`` says that some that its periods took are there, which lose
    their minimum and count as foreign once it is gone.
    """

    native_id: str
    name: str
    periods: Mapping[str, PlatformPeriod]
    project: str | None = None
    description: str = ""
    used_by: tuple[str, ...] = ()
    has_snapshots: bool = False


class PlatformSchedule(NamedTuple):
    """What a platform's scheduler is set to.

    ``assigned`` is the native id of the profile of each target, by target id; a target without one is left out.
    ``timezone`` is the IANA zone of the periods' times where the platform tells it. ``blockers`` say in a sentence, by
    scope, why the assignment of its targets can be neither read nor written on this system; ``forever_blocker`` says why a
    period cannot be told to keep its snapshots for ever. ``tags`` are the names that periods show of the tags that are
    meant, the oldest first, by what a policy may write: a name that two categories have is several tags.
    """

    profiles: tuple[PlatformProfile, ...] = ()
    assigned: Mapping[str, str] = MappingProxyType({})
    timezone: str | None = None
    blockers: Mapping[Scope, str] = MappingProxyType({})
    forever_blocker: str = ""
    tags: Mapping[str, tuple[str, ...]] = MappingProxyType({})
