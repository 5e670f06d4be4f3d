"""Deleting a profile of the platform: only one that nothing uses, as the platform may detach what does without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.crash import point
from snapplan.drivers.vergeos.profile_rows import PROFILES, ProfileRows, users_of
from snapplan.drivers.vergeos.reads import ALL
from snapplan.drivers.vergeos.system_profile import PLACE, system_profile
from snapplan.errors import BackendError, NameTakenError, NotFoundError, OutcomeUnknownError, RefusedError

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.connection import Connection

UNKNOWN_ACTION = ("is not in list", "not permitted", "not found")


def remove_profile(connection: Connection, found: ProfileRows) -> None:
    """Delete a profile with its periods; raises ``RefusedError`` where something uses it."""
    name = found.profile.name
    users = users_of(connection, found.key) + _system_users(connection, found.key)
    if users:
        shown = ", ".join(users[:5]) + (", ..." if len(users) > 5 else "")
        raise connection.refuse(f"snapshot profile {name} is in use: {shown}")
    point("vergeos.profile.delete")
    try:
        _delete(connection, found.key)
    except NotFoundError:
        return
    except NameTakenError as error:
        # 409 is what the platform answers to a conflict of any kind (API reference, deleting a profile: disputed).
        raise RefusedError(connection.backend, f"snapshot profile {name} is in use: {error}") from error
    except OutcomeUnknownError as unknown:
        with connection.looking(str(unknown)):
            row = connection.api.row(PROFILES, found.key, "$key,name")
        if row is not None and row.get("name") == name:
            raise BackendError(connection.backend, f"{unknown}; looked: it is still there") from unknown
    point("vergeos.profile.deleted")


def _delete(connection: Connection, key: int) -> None:
    """Delete by the action that clients use, or by the row where a system does not know that action."""
    try:
        connection.api.post("snapshot_profile_actions", {"snapshot_profile": key, "action": "delete"})
    except (NameTakenError, OutcomeUnknownError):
        raise
    except RefusedError as error:
        if not any(text in str(error).lower() for text in UNKNOWN_ACTION):
            raise
        connection.api.delete(PROFILES, key)


def _system_users(connection: Connection, key: int) -> list[str]:
    settings = connection.api.rows("settings", ALL)
    profiles = connection.api.rows(PROFILES, ALL)
    system = system_profile(settings, profiles)
    if system.profile == key:
        return ["the system's own snapshots"]
    # Where the setting is not known for certain, what may be it must at least not hold this profile.
    values = {str(row.get("value") or "") for row in settings if _may_name_a_profile(row)}
    ours = {str(key), *(str(row.get("name")) for row in profiles if row["$key"] == key)}
    return [f"perhaps the system's own snapshots; {PLACE}"] if system.blocker and values & ours else []


def _may_name_a_profile(setting: dict[str, object]) -> bool:
    text = f"{setting.get('key')} {setting.get('description')}".casefold()
    return "snapshot" in text and "profile" in text
