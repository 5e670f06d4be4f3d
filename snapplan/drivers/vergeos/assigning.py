"""Giving a target a profile of the platform, or taking it away: one write where the inventory has shown what stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.crash import point
from snapplan.drivers.vergeos.api import quoted
from snapplan.drivers.vergeos.lookup import OBJECT_TABLES, object_row
from snapplan.drivers.vergeos.reads import ALL
from snapplan.drivers.vergeos.system_profile import system_profile
from snapplan.errors import BackendError, NotFoundError, NotSupportedError, OutcomeUnknownError
from snapplan.models.request import Outcome
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.drivers.vergeos.known_schedule import KnownSchedule
    from snapplan.drivers.vergeos.system_profile import SystemProfile
    from snapplan.models.request import PlatformAssignRequest


def assign(connection: Connection, known: KnownSchedule, request: PlatformAssignRequest) -> Outcome:
    """Assign a profile to a target, or take its profile away; raises the ``BackendError`` family."""
    if request.target.scope not in connection.capabilities.native_schedule:
        text = f"{request.target.address}: the platform schedules no {request.target.scope}"
        raise NotSupportedError(connection.backend, text)
    wanted = _profile_key(connection, known, request.after)
    if request.target.scope is Scope.CLOUD:
        return _assign_system(connection, known, request, wanted)
    current = known.assigned(request.target.id)
    if current is None:
        current = _current(connection, request)
    if current == wanted:
        return Outcome(existed=True)
    _refuse_another(connection, request, current)
    _write(connection, known, request, wanted)
    return Outcome()


def _write(connection: Connection, known: KnownSchedule, request: PlatformAssignRequest, wanted: str) -> None:
    target = request.target
    key = known.vm_key(target.id) if target.scope is Scope.VM else target.id
    if key is None:
        key = object_row(connection, target.scope, target.id)["$key"]
    known.note_assigned(target.id, None)
    point("vergeos.assign.before")
    try:
        connection.api.put(OBJECT_TABLES[target.scope], key, {"snapshot_profile": int(wanted) if wanted else None})
    except OutcomeUnknownError as unknown:
        with connection.looking(str(unknown)):
            current = _current(connection, request)
        if current != wanted:
            raise BackendError(connection.backend, f"{unknown}; looked: {target.address} was not changed") from unknown
    known.note_assigned(target.id, wanted)
    point("vergeos.assign.written")


def _assign_system(
    connection: Connection, known: KnownSchedule, request: PlatformAssignRequest, wanted: str
) -> Outcome:
    setting, profiles = _system(connection, taken_away=not wanted)
    current = "" if setting.profile is None else str(setting.profile)
    if current == wanted:
        return Outcome(existed=True)
    _refuse_another(connection, request, current)
    profile = next((row for row in profiles if str(row["$key"]) == wanted), None)
    known.note_assigned(request.target.id, None)
    point("vergeos.assign.before")
    said = "the setting was written"
    try:
        connection.api.put("settings", setting.setting, {"value": setting.value_for(profile)})
    except OutcomeUnknownError as unknown:
        said = str(unknown)
    with connection.looking(said):
        after, _ = _system(connection, taken_away=not wanted)
    if ("" if after.profile is None else str(after.profile)) != wanted:
        raise connection.failed(f"{said}; looked: the system's profile was not changed")
    known.note_assigned(request.target.id, wanted)
    point("vergeos.assign.written")
    return Outcome()


def _system(connection: Connection, *, taken_away: bool) -> tuple[SystemProfile, list[Row]]:
    """Return the setting of the system's profile and all profiles.

    Raises ``RefusedError`` where the setting is not known for certain. An empty one is known well enough to be
    ``taken_away``: there is nothing in it.
    """
    profiles = connection.api.rows("snapshot_profiles", ALL)
    found = system_profile(connection.api.rows("settings", ALL), profiles)
    if found.blocker and not (taken_away and found.setting and not found.value):
        raise connection.refuse(found.blocker)
    return found, profiles


def _profile_key(connection: Connection, known: KnownSchedule, name: str) -> str:
    if not name:
        return ""
    key = known.profile(name)
    if key is None:
        rows = connection.api.rows("snapshot_profiles", "$key,name", where=f"name eq {quoted(name)}")
        key = next((str(row["$key"]) for row in rows if row.get("name") == name), None)
        if key is None:
            raise NotFoundError(connection.backend, f"{connection.backend}: there is no snapshot profile {name!r}")
        known.note_profile(name, key)
    return key


def _current(connection: Connection, request: PlatformAssignRequest) -> str:
    profile = object_row(connection, request.target.scope, request.target.id).get("snapshot_profile")
    return str(profile) if profile else ""


def _refuse_another(connection: Connection, request: PlatformAssignRequest, current: str) -> None:
    if current != request.before:
        has = f"profile {current}" if current else "no profile"
        raise connection.refuse(f"{request.target.address} has {has} now; it was planned when it had another")
