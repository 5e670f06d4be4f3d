"""One profile of the platform as it stands: its rows, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.vergeos.api import any_of
from snapplan.drivers.vergeos.profiles import FULL, has_partial_columns, profiles_of
from snapplan.drivers.vergeos.reads import ALL, TAG_FIELDS, kept_period_tags
from snapplan.drivers.vergeos.tagging import tag_keys, tag_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.models.platform import PlatformProfile

PERIODS = "snapshot_profile_periods"
PROFILES = "snapshot_profiles"


class ProfileRows(NamedTuple):
    """A profile that stands: its key, its description with the line, the keys of its periods by name, and what it is.

    ``tags`` are the keys of the tags by name; ``partial`` says whether periods have the columns of partial snapshots.
    """

    key: int
    written: str
    periods: Mapping[str, int]
    profile: PlatformProfile
    tags: Mapping[str, tuple[int, ...]]
    partial: bool


def read_profile(connection: Connection, names: Sequence[str], native_id: str, *, tags: bool) -> ProfileRows | None:
    """Return the profile with this key and one of these names, else the one with the last of the names.

    ``tags`` says that tags are needed even where none of its periods is partial. ``None`` where there is none.
    """
    api = connection.api
    rows = [row for row in api.rows(PROFILES, ALL, where=any_of("name", names)) if row.get("name") in names]
    keyed = [row for row in rows if str(row["$key"]) == native_id]
    named = [row for row in rows if row["name"] == names[-1]]
    row = next(iter((*keyed, *named)), None)
    if row is None:
        return None
    periods = api.rows(PERIODS, ALL, where=f"profile eq {row['$key']}")
    partial = any((each.get("type") or FULL) != FULL for each in periods)
    tag_rows = api.rows("tags", TAG_FIELDS) if tags or partial else []
    (profile,) = profiles_of([row], periods, tag_names(tag_rows), kept_period_tags(api, periods))
    return ProfileRows(
        key=int(row["$key"]),
        written=str(row.get("description") or ""),
        periods={str(each["name"]): int(each["$key"]) for each in periods},
        profile=profile,
        tags=tag_keys(tag_rows),
        partial=has_partial_columns(periods, api.version_numbers),
    )


def users_of(connection: Connection, key: int) -> list[str]:
    """Return in words what a profile is assigned to: VMs, volumes; read anew, as a deletion may detach without a word."""
    machines: list[Row] = connection.api.rows(
        "machines", "$key,name,snapshot_profile", where=f"snapshot_profile eq {key}"
    )
    volumes = connection.api.rows("volumes", "$key,name,snapshot_profile", where=f"snapshot_profile eq {key}")
    found = [f"VM {row.get('name')}" for row in machines if row.get("snapshot_profile") == key]
    return found + [f"volume {row.get('name')}" for row in volumes if row.get("snapshot_profile") == key]
