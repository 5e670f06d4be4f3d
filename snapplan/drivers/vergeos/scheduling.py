"""Making, changing and deleting a snapshot profile of the platform.

What protects is written first: of a new profile its periods one by one, of a changed one the new and changed periods, and
what goes is removed last. Every step finds its row by a unique name, so that all of it can be done again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.crash import point
from snapplan.drivers.vergeos.api import quoted
from snapplan.drivers.vergeos.marks import with_line
from snapplan.drivers.vergeos.profile_removal import remove_profile
from snapplan.drivers.vergeos.profile_rows import PERIODS, PROFILES, ProfileRows, read_profile
from snapplan.drivers.vergeos.profiles import FOREVER_UNKNOWN, FULL, KEPT_FOR_EVER, USED, UnknownTagError, period_body
from snapplan.drivers.vergeos.reads import PARTIAL_SINCE, TAG_FIELDS
from snapplan.drivers.vergeos.tagging import tag_keys
from snapplan.errors import BackendError, NameTakenError, NotFoundError, OutcomeUnknownError, RequestBudgetError
from snapplan.models.request import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.drivers.vergeos.known_schedule import KnownSchedule
    from snapplan.models.platform import PlatformPeriod, PlatformProfile
    from snapplan.models.request import PlatformProfileRequest


def set_profile(connection: Connection, known: KnownSchedule, request: PlatformProfileRequest) -> Outcome:
    """Make a profile be as ``request.after`` says; raises the ``BackendError`` family."""
    stands = _read(connection, request)
    before, after = request.before, request.after
    if after is None:
        return _delete(connection, known, before, stands)
    if stands is not None and is_same(stands.profile, after):
        return Outcome(existed=True)
    _refuse_others(connection, before, after, stands)
    bodies = _bodies(connection, after, stands)
    if stands is None:
        stands = _made(connection, request, after)
    known.note_profile(after.name, str(stands.key))
    try:
        _write(connection, after, stands, bodies)
    except RequestBudgetError as error:
        # Not that error: it says that nothing was done, and some of the profile may be written.
        text = f"snapshot profile {after.name} may be half written, and the next apply goes on: {error}"
        raise connection.failed(text, hint=error.hint) from error
    found = _read(connection, request)
    if found is None or not is_same(found.profile, after):
        raise connection.failed(f"snapshot profile {after.name} is not as it was written: {_difference(found, after)}")
    return Outcome()


def is_same(stands: PlatformProfile, wanted: PlatformProfile) -> bool:
    """Whether a profile stands as it is wanted; what uses it does not count."""
    return (
        stands.name == wanted.name
        and stands.project == wanted.project
        and stands.description.rstrip() == wanted.description.rstrip()
        and dict(stands.periods) == dict(wanted.periods)
    )


def is_between(stands: PlatformProfile, before: PlatformProfile | None, after: PlatformProfile) -> bool:
    """Whether a profile is on its way from ``before`` to ``after``: each part of it is as one of the two has it.

    That is what a run that died leaves; all the rest somebody else has changed.
    """
    ends = [each for each in (before, after) if each is not None]
    texts = {each.description.rstrip() for each in ends}
    if stands.name not in {each.name for each in ends} or stands.description.rstrip() not in texts:
        return False
    old = {} if before is None else before.periods
    names = {*stands.periods, *old, *after.periods}
    return all(stands.periods.get(name) in (old.get(name), after.periods.get(name)) for name in names)


def _read(connection: Connection, request: PlatformProfileRequest) -> ProfileRows | None:
    ends = [each for each in (request.before, request.after) if each is not None]
    native_id = next((each.native_id for each in ends if each.native_id), "")
    tags = any(period.type != FULL for each in ends for period in each.periods.values())
    return read_profile(connection, [each.name for each in ends], native_id, tags=tags)


def _delete(
    connection: Connection, known: KnownSchedule, before: PlatformProfile | None, stands: ProfileRows | None
) -> Outcome:
    if before is None or stands is None:
        return Outcome(existed=True)
    if stands.profile.project != connection.project:
        raise connection.refuse(f"snapshot profile {before.name} is not of project {connection.project}")
    if str(stands.key) != before.native_id or not is_same(stands.profile, before):
        raise connection.refuse(f"snapshot profile {before.name} is not as it was when its deletion was planned")
    remove_profile(connection, stands)
    known.note_profile(before.name, None)
    return Outcome()


def _refuse_others(
    connection: Connection, before: PlatformProfile | None, after: PlatformProfile, stands: ProfileRows | None
) -> None:
    if stands is None:
        if before is not None:
            raise NotFoundError(connection.backend, f"snapshot profile {before.name} is not there any more")
        return
    found = stands.profile
    if before is None and found.project != connection.project:
        raise NameTakenError(connection.backend, f"there is a snapshot profile {after.name} that is not ours")
    if before is not None and str(stands.key) != before.native_id:
        raise connection.refuse(f"snapshot profile {before.name} is another one now")
    owners = {connection.project, after.project} if before is None else {before.project, after.project}
    if found.project not in owners or not is_between(found, before, after):
        raise connection.refuse(f"snapshot profile {found.name} is not as it was when this was planned")


def _bodies(connection: Connection, after: PlatformProfile, stands: ProfileRows | None) -> dict[str, dict[str, Any]]:
    """Return what to write for each period that does not stand as it is wanted; refuse what cannot be written."""
    have: Mapping[str, PlatformPeriod] = {} if stands is None else stands.profile.periods
    changed = {name: period for name, period in after.periods.items() if have.get(name) != period}
    if not changed:
        return {}
    if any(period.retention is None for period in changed.values()):
        _refuse_unknown_forever(connection)
    tags = any(period.type != FULL for period in changed.values())
    keys = stands.tags if stands is not None and stands.tags else _tags(connection) if tags else {}
    partial = (
        stands.partial if stands is not None and stands.periods else connection.api.version_numbers >= PARTIAL_SINCE
    )
    found = {}
    for name, period in changed.items():
        if period.frequency not in USED:
            raise connection.refuse(f"period {name}: the API shows no way to write frequency {period.frequency}")
        if period.type != FULL and not partial:
            raise connection.refuse(f"period {name}: VergeOS {connection.api.version} takes no partial snapshots")
        try:
            body = period_body(period, keys, partial=partial)
        except UnknownTagError as error:
            raise connection.refuse(f"period {name}: {error}") from error
        found[name] = body | ({"private": True} if period.private else {})
    return found


def _refuse_unknown_forever(connection: Connection) -> None:
    """Refuse to write "for ever" where the system does not show it: one that took 0 for "at once" would keep nothing."""
    if not connection.api.rows(PERIODS, "$key,retention", where=f"retention eq {KEPT_FOR_EVER}", limit=1):
        raise connection.refuse(
            FOREVER_UNKNOWN, hint="write a long retention such as 100y, or make one such period in the UI first"
        )


def _tags(connection: Connection) -> Mapping[str, tuple[int, ...]]:
    return tag_keys(connection.api.rows("tags", TAG_FIELDS))


def _made(connection: Connection, request: PlatformProfileRequest, after: PlatformProfile) -> ProfileRows:
    point("vergeos.profile.before")
    said = "the profile was made"
    try:
        connection.api.post(PROFILES, {"name": after.name, "description": _described(after)})
    except OutcomeUnknownError as unknown:
        said = str(unknown)
    point("vergeos.profile.made")
    with connection.looking(said):
        made = _read(connection, request)
    if made is None:
        raise BackendError(connection.backend, f"{said}; looked: nothing was created")
    if made.profile.project != connection.project:
        raise NameTakenError(connection.backend, f"there is a snapshot profile {after.name} that is not ours")
    return made


def _write(
    connection: Connection, after: PlatformProfile, stands: ProfileRows, bodies: Mapping[str, dict[str, Any]]
) -> None:
    _write_head(connection, after, stands)
    for name, body in bodies.items():
        point("vergeos.profile.period")
        if name in stands.periods:
            _put(connection, PERIODS, stands.periods[name], body)
        else:
            _add_period(connection, stands, name, body)
    for name in sorted(set(stands.periods) - set(after.periods)):
        point("vergeos.profile.removing")
        _remove_period(connection, stands, name)
    point("vergeos.profile.written")


def _write_head(connection: Connection, after: PlatformProfile, stands: ProfileRows) -> None:
    """Write name and description with our mark, where they are otherwise."""
    found = stands.profile
    if (found.name, found.project, found.description.rstrip()) == (
        after.name,
        after.project,
        after.description.rstrip(),
    ):
        return
    renamed = {"name": after.name} if found.name != after.name else {}
    _put(connection, PROFILES, stands.key, {**renamed, "description": _described(after)})


def _described(profile: PlatformProfile) -> str:
    if profile.project is None:
        return profile.description
    return with_line(profile.description.rstrip(), {"project": profile.project})


def _put(connection: Connection, table: str, key: int, body: dict[str, Any]) -> None:
    try:
        connection.api.put(table, key, body)
    except OutcomeUnknownError:
        return  # the whole profile is read back at the end, and a change is the same when it is written again


def _add_period(connection: Connection, stands: ProfileRows, name: str, body: dict[str, Any]) -> None:
    try:
        connection.api.post(PERIODS, {"profile": stands.key, "name": name, **body})
    except (NameTakenError, OutcomeUnknownError) as error:
        where = f"profile eq {stands.key} and name eq {quoted(name)}"
        with connection.looking(str(error)):
            rows = connection.api.rows(PERIODS, "$key,name,profile", where=where)
        if not rows:
            raise BackendError(connection.backend, f"{error}; looked: nothing was created") from error
        if isinstance(error, NameTakenError):
            _put(connection, PERIODS, int(rows[0]["$key"]), body)


def _remove_period(connection: Connection, stands: ProfileRows, name: str) -> None:
    key = stands.periods[name]
    row = connection.api.row(PERIODS, key, "$key,name,profile")
    if row is None or row.get("name") != name or row.get("profile") != stands.key:
        return
    try:
        connection.api.delete(PERIODS, key)
    except (NotFoundError, OutcomeUnknownError):
        return  # the whole profile is read back at the end


def _difference(found: ProfileRows | None, after: PlatformProfile) -> str:
    if found is None:
        return "it is not there"
    names = {*found.profile.periods, *after.periods}
    wrong = sorted(name for name in names if found.profile.periods.get(name) != after.periods.get(name))
    return f"periods {', '.join(wrong)}" if wrong else "its name or description"
