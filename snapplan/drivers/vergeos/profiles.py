"""Snapshot profiles of the platform: from its rows into the models, and back into what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.drivers.vergeos.cells import key_of, name_of, number, text
from snapplan.drivers.vergeos.marks import line_of, text_of
from snapplan.models.platform import PlatformPeriod, PlatformProfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from snapplan.drivers.vergeos.api import Row

# The columns that a period's frequency uses besides the minute; the platform forces the others to their defaults, or
# does not (API reference, periods), and they mean nothing. An unknown frequency keeps all, to be seen.
USED = {
    "hourly": frozenset[str](),
    "daily": frozenset({"hour"}),
    "weekly": frozenset({"hour", "day_of_week"}),
    "monthly": frozenset({"hour", "day_of_month"}),
    "yearly": frozenset({"hour", "day_of_month", "month"}),
}
ALL_USED = frozenset({"hour", "day_of_week", "day_of_month", "month"})
PARTIAL_COLUMNS = ("type", "partial_tags", "quiesce_tags", "private")
FULL = "full"
EXCLUDING = "partial_exclude"
ANY_DAY = "any"
KEPT_FOR_EVER = 0
"""A period's retention that is for ever; sources disagree (API reference, periods), so a system has to show it."""
FOREVER_UNKNOWN = "no period of this system is kept for ever, so that it is not known how it writes that"


class UnknownTagError(ValueError):
    """A period names a tag that the system does not have; ``name`` is the tag's."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no tag {name!r}")
        self.name = name


class NativePeriod(NamedTuple):
    """A period of a profile that carries our project's mark, as what it took is attributed by."""

    profile: str
    period: str
    minimum: int


def project_of(row: Row) -> str | None:
    """Return the project whose mark a profile's row carries, ``None`` without a mark."""
    line = line_of(row.get("description"))
    project = None if line is None else line.get("project")
    return project if isinstance(project, str) else None


def profiles_of(
    profiles: Iterable[Row], periods: Iterable[Row], names: Mapping[int, str], period_tags: Iterable[Row] | None = None
) -> tuple[PlatformProfile, ...]:
    """Return the profiles with their periods, normalised.

    ``names`` are those of the tags by key; ``period_tags`` are rows of ``snapshot_profile_period_tags``, which hold the
    tags where there are any. Raises ``ValueError`` where a row lacks what it must have.
    """
    elsewhere = _kept_elsewhere(period_tags or ())
    below: dict[int, dict[str, PlatformPeriod]] = {}
    for row in periods:
        period = period_of(row, names, elsewhere.get(key_of(row)) if elsewhere else None)
        below.setdefault(number(row.get("profile"), "profile"), {})[name_of(row)] = period
    return tuple(profile_of(row, below.get(key_of(row), {})) for row in profiles)


def profile_of(row: Row, periods: Mapping[str, PlatformPeriod]) -> PlatformProfile:
    """Return a profile; who else refers to it, no table that is read tells (``used_by`` stays empty)."""
    return PlatformProfile(
        native_id=str(key_of(row)),
        name=name_of(row),
        periods=periods,
        project=project_of(row),
        description=text(text_of(row.get("description"))),
    )


def native_periods(
    profiles: Iterable[Row], periods: Iterable[Row], project: str
) -> dict[int, tuple[int, NativePeriod]]:
    """Return, by the periods' keys, the key of the profile and what it is, of the profiles that carry our mark."""
    ours = {key_of(row): name_of(row) for row in profiles if project_of(row) == project}
    found = {}
    for row in periods:
        profile = row.get("profile")
        if profile in ours:
            minimum = number(row.get("min_snapshots", 1), "min_snapshots")
            found[key_of(row)] = (profile, NativePeriod(ours[profile], name_of(row), minimum))
    return found


def period_of(row: Row, names: Mapping[int, str], tags: tuple[str, ...] | None = None) -> PlatformPeriod:
    """Return a period, what its frequency and type do not use at its default.

    ``tags`` are keys that are kept elsewhere than in ``partial_tags``. A retention of 0 is for ever (API reference,
    periods: disputed). A tag that does not exist stays as it is written, which no policy can equal.
    """
    frequency = text(row.get("frequency"))
    used = USED.get(frequency, ALL_USED)
    kind = text(row.get("type")) or FULL
    partial = kind != FULL
    return PlatformPeriod(
        frequency=frequency,
        retention=number(row.get("retention"), "retention") or None,
        minute=number(row.get("minute") or 0, "minute"),
        hour=number(row.get("hour") or 0, "hour") if "hour" in used else 0,
        day_of_week=text(row.get("day_of_week")) if "day_of_week" in used else "",
        day_of_month=number(row.get("day_of_month") or 0, "day_of_month") if "day_of_month" in used else 0,
        month=number(row.get("month") or 0, "month") if "month" in used else 0,
        min_snapshots=number(row.get("min_snapshots", 1), "min_snapshots"),
        quiesce=bool(row.get("quiesce")),
        max_tier=number(row.get("max_tier") or 1, "max_tier"),
        immutable=bool(row.get("immutable")),
        private=bool(row.get("private")),
        type=kind,
        partial_tags=_named(tags if tags is not None else _split(row.get("partial_tags")), names) if partial else (),
        quiesce_tags=_named(_split(row.get("quiesce_tags")), names) if partial else (),
    )


def period_body(
    period: PlatformPeriod, tag_keys: Mapping[str, tuple[int, ...]], *, partial: bool = True
) -> dict[str, Any]:
    """Return the columns of a period for POST and PUT, every one of them, without ``profile`` and ``name``.

    The platform's own defaults are never relied upon. With ``partial=False`` the columns that an old platform does not
    have are left out, which it would drop without a word. Raises ``UnknownTagError`` for a tag without a key.
    """
    body: dict[str, Any] = {
        "frequency": period.frequency,
        "minute": period.minute,
        "hour": period.hour,
        "day_of_week": period.day_of_week or ANY_DAY,
        "day_of_month": period.day_of_month,
        "month": period.month,
        "retention": period.retention or KEPT_FOR_EVER,
        "min_snapshots": period.min_snapshots,
        "max_tier": str(period.max_tier),
        "quiesce": period.quiesce,
        "immutable": period.immutable,
    }
    if not partial:
        return body
    return body | {
        "private": period.private,
        "type": period.type,
        "partial_tags": joined_keys(period.partial_tags, tag_keys, first=period.type == EXCLUDING),
        "quiesce_tags": joined_keys(period.quiesce_tags, tag_keys),
    }


def joined_keys(names: Iterable[str], tag_keys: Mapping[str, tuple[int, ...]], *, first: bool = False) -> str:
    """Return tags as the platform takes them: keys with commas, as it ignores names without a word.

    A name that several categories have is all of them, or with ``first`` the oldest one: what leaves things out of a
    snapshot must not grow because somebody makes a second tag of the name. Raises ``UnknownTagError`` for a tag without a
    key.
    """
    keys: set[int] = set()
    for name in names:
        if name not in tag_keys:
            raise UnknownTagError(name)
        keys.update(tag_keys[name][:1] if first else tag_keys[name])
    return ",".join(map(str, sorted(keys)))


def has_partial_columns(periods: Iterable[Row], version: tuple[int, ...]) -> bool:
    """Say whether periods have the columns of partial snapshots; without any period, by the platform's version."""
    rows = list(periods)
    if not rows:
        return version >= (26, 1)
    return any("type" in row for row in rows)


def _kept_elsewhere(rows: Iterable[Row]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for row in rows:
        period = number(row.get("snapshot_profile_period"), "snapshot_profile_period")
        refs = tuple(ref.removeprefix("tags/") for ref in _split(row.get("refs")))
        found[period] = (*found.get(period, ()), *refs)
    return found


def _split(value: object) -> tuple[str, ...]:
    return tuple(part for part in (word.strip() for word in text(value).split(",")) if part)


def _named(keys: Iterable[str], names: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(sorted({names.get(int(key), key) if key.isdecimal() else key for key in keys}))
