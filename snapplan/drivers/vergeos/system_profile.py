"""The profile of system snapshots: a setting whose key and whose value's meaning no source tells.

It is found by what it says of itself, and where that is not clear nothing is read out of it and nothing written into it
(API reference, assigning a profile to the system).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.vergeos.cells import key_of, name_of, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from snapplan.drivers.vergeos.api import Row

DESCRIBED = "snapshot profile to use for system snapshots"
PLACE = "set it in the UI at System Snapshots > Set Snapshot Profile"


class SystemProfile(NamedTuple):
    """What the setting says.

    ``setting`` is its key. ``by_name`` says that its value is a profile's name, otherwise it is a profile's key.
    ``profile`` is the key of the profile, ``None`` where none is set. With ``blocker``, a sentence, none of it is known.
    """

    setting: str = ""
    by_name: bool = False
    profile: int | None = None
    value: str = ""
    blocker: str = ""

    def value_for(self, profile: Row | None) -> str:
        """Return what to write into the setting for a profile's row, or for none."""
        if profile is None:
            return ""
        return name_of(profile) if self.by_name else str(key_of(profile))


def system_profile(settings: Iterable[Row] | None, profiles: Sequence[Row]) -> SystemProfile:
    """Find the setting of the system's profile among all settings, and read it."""
    if settings is None:
        return SystemProfile(blocker=f"this user may not read the system's settings; {PLACE}")
    found = _candidates([row for row in settings if row.get("key")])
    if len(found) != 1:
        which = f"{len(found)} settings may be" if found else "no setting is"
        return SystemProfile(blocker=f"{which} that of the system's snapshot profile; {PLACE}")
    return _read(found[0], profiles)


def _candidates(settings: Sequence[Row]) -> list[Row]:
    described = [row for row in settings if _is_described(row)]
    if described:
        return described
    keys = [(text(row["key"]).casefold(), row) for row in settings]
    return [row for key, row in keys if "snapshot" in key and "profile" in key]


def _is_described(setting: Row) -> bool:
    return text(setting.get("description")).casefold().startswith(DESCRIBED)


def _read(setting: Row, profiles: Sequence[Row]) -> SystemProfile:
    key, value = text(setting["key"]), text(setting.get("value"))
    by_key = {str(key_of(row)): key_of(row) for row in profiles}
    by_name = {name_of(row): key_of(row) for row in profiles}
    # An empty value says nothing of how it is written; the default, which is never empty on a real system, may.
    shown = value if value not in ("", "0") else text(setting.get("default_value"))
    if shown in by_key and shown in by_name and by_key[shown] != by_name[shown]:
        text_ = f"the setting {key} is {shown}, which is one profile's key and another one's name; {PLACE}"
        return SystemProfile(key, blocker=text_)
    if shown in ("", "0") and value == "":
        return SystemProfile(key, blocker=f"the setting {key} is empty, so that nobody sees how it is written; {PLACE}")
    if not _is_described(setting) and shown not in by_key and shown not in by_name:
        # Another setting about snapshots and profiles, such as how many of them a profile may have.
        return SystemProfile(key, blocker=f"the setting {key} may be another one: it names no profile; {PLACE}")
    named = shown in by_name and shown not in by_key if shown in by_key or shown in by_name else not shown.isdecimal()
    return SystemProfile(key, named, (by_name if named else by_key).get(value), value)
