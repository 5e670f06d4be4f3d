"""``snapplan drivers check``: whether the system can be used, what this user may read, what this system settles.

It writes nothing, and so it cannot tell whether this user may write.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.base import CheckFinding
from snapplan.drivers.metering import ProcessMeter
from snapplan.drivers.vergeos.api import Api
from snapplan.drivers.vergeos.failures import ReadError
from snapplan.drivers.vergeos.inventory import CLOCK_TOLERANCE
from snapplan.drivers.vergeos.options import VergeosOptions
from snapplan.drivers.vergeos.profiles import project_of
from snapplan.drivers.vergeos.reads import ALL, LIVE, PARTIAL_SINCE, VM_FIELDS
from snapplan.drivers.vergeos.uncertain import Seen, settled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from snapplan.drivers.base import Settings
    from snapplan.drivers.vergeos.api import Row

OK, NOTE, WARNING, PROBLEM = "ok", "note", "warning", "problem"
PERIODS_RUN_RIGHT = (26, 1, 2)
LATE_LOCK_HOLDS = (26, 1, 7)


class _Table(NamedTuple):
    """A read of an inventory: what it is for, and how much of it the check looks at."""

    purpose: str
    fields: str = "$key"
    where: str | None = None
    limit: int | None = 1


TABLES: Mapping[str, _Table] = {
    "snapshot_profiles": _Table("the platform's snapshot profiles", ALL, limit=None),
    "snapshot_profile_periods": _Table("the periods of profiles", ALL, limit=None),
    "settings": _Table("the profile of system snapshots", ALL, limit=None),
    "vms": _Table("VMs", VM_FIELDS, LIVE, limit=50),
    "machine_snapshots": _Table("the snapshots of VMs", "$key,expires_type"),
    "volumes": _Table("NAS volumes"),
    "volume_snapshots": _Table("the snapshots of NAS volumes", "$key,expires_type"),
    "tenants": _Table("tenants"),
    "tenant_snapshots": _Table("the snapshots of tenants"),
    "cloud_snapshots": _Table("system snapshots"),
    "tags": _Table("tags as selectors, and the record of restores"),
    "tag_members": _Table("who carries a tag"),
    "cloud_snapshot_vms": _Table("the VMs in a system snapshot, to restore one"),
    "cloud_snapshot_tenants": _Table("the tenants in a system snapshot, to restore one"),
}


def check(settings: Settings) -> Iterator[CheckFinding]:
    """Examine a system and yield what is found; raises ``BackendError`` where it cannot go on."""
    options = settings.options
    assert isinstance(options, VergeosOptions)
    api = Api(settings.backend, options, settings.base, settings.meter or ProcessMeter())
    try:
        yield from _examined(api, options, settings.project)
    finally:
        api.close()


def _examined(api: Api, options: VergeosOptions, project: str) -> Iterator[CheckFinding]:
    version = api.version
    who = "a token" if options.token is not None else f"user {options.username}"
    yield CheckFinding(OK, "connection", f"{options.host} is {api.cloud_name or 'a system without a name'}")
    yield CheckFinding(OK, "credentials", f"the system accepts {who}")
    yield _certificate(options)
    yield from _version(version, api.version_numbers)
    yield _clock(api.clock_ahead)
    rows: dict[str, list[Row]] = {}
    for table, read in TABLES.items():
        yield _readable(api, table, read, rows)
    yield from settled(Seen(api, rows))
    yield from _marked(rows.get("snapshot_profiles", []), project)
    yield CheckFinding(NOTE, "writing", "whether this user may write was not tried: a check writes nothing")
    yield CheckFinding(
        NOTE, "requests", f"this check made {api.requests}; {options.requests_per_hour} an hour are allowed"
    )


def _certificate(options: VergeosOptions) -> CheckFinding:
    if options.insecure:
        text = "the certificate is not checked (insecure: true): whoever is in between can read and change everything"
        return CheckFinding(WARNING, "certificate", text)
    by = f"by {options.ca_file}" if options.ca_file is not None else "by the usual authorities"
    return CheckFinding(OK, "certificate", f"checked {by}")


def _version(version: str, numbers: tuple[int, ...]) -> Iterator[CheckFinding]:
    yield CheckFinding(OK, "version", f"VergeOS {version}")
    if numbers < PARTIAL_SINCE:
        yield CheckFinding(NOTE, "version", "partial system snapshots (type, partial_tags, quiesce_tags) need 26.1")
    if numbers < PERIODS_RUN_RIGHT:
        text = "before 26.1.2, of two periods of a profile that are due at the same minute only one runs"
        yield CheckFinding(WARNING, "version", text)
    if numbers < LATE_LOCK_HOLDS:
        text = "before 26.1.7, a lock put on an existing system snapshot ends a week later; one of its creation holds"
        yield CheckFinding(NOTE, "version", text)


def _clock(ahead: timedelta) -> CheckFinding:
    way = "ahead of" if ahead > timedelta(0) else "behind"
    if abs(ahead) > CLOCK_TOLERANCE:
        return CheckFinding(
            WARNING, "clock", f"the system's clock is {abs(ahead)} {way} this machine's; it expires by its own"
        )
    return CheckFinding(OK, "clock", f"within {int(abs(ahead).total_seconds())} s of this machine's")


def _readable(api: Api, table: str, read: _Table, rows: dict[str, list[Row]]) -> CheckFinding:
    try:
        rows[table] = api.rows(table, read.fields, where=read.where, limit=read.limit)
    except ReadError as error:
        if error.status is None:
            raise
        if error.status == 403:
            return CheckFinding(PROBLEM, f"table {table}", f"this user may not read it; it holds {read.purpose}")
        return CheckFinding(PROBLEM, f"table {table}", f"{error}; it holds {read.purpose}")
    return CheckFinding(OK, f"table {table}", f"readable: {read.purpose}")


def _marked(profiles: list[Row], project: str) -> Iterator[CheckFinding]:
    projects: dict[str, list[str]] = {}
    for row in profiles:
        owner = project_of(row)
        if owner is not None:
            projects.setdefault(owner, []).append(str(row.get("name")))
    for owner, names in sorted(projects.items()):
        whose = "this project's" if owner == project else f"of project {owner!r}"
        yield CheckFinding(OK if owner == project else NOTE, "profiles", f"{whose}: {', '.join(sorted(names))}")
    if not projects:
        yield CheckFinding(NOTE, "profiles", "none carries a mark: all are left alone until they are adopted")
