"""What a system holds, out of the rows that it answered; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.vergeos.cells import number, text
from snapplan.drivers.vergeos.keys import CLOUD_ID
from snapplan.drivers.vergeos.listing import Attribution, Listed, Owner, snapshots_of
from snapplan.drivers.vergeos.objects import LOCAL, Objects, objects_of
from snapplan.drivers.vergeos.profiles import FOREVER_UNKNOWN, NativePeriod, native_periods, profiles_of
from snapplan.drivers.vergeos.remains import profiles_with_snapshots
from snapplan.drivers.vergeos.system_profile import SystemProfile, system_profile
from snapplan.drivers.vergeos.tagging import members, restores_of, tag_names, tag_spellings
from snapplan.errors import BackendError
from snapplan.models.homonyms import long_name
from snapplan.models.platform import PlatformSchedule
from snapplan.models.request import Inventory
from snapplan.models.target import POWERED_ON, Capabilities, RestoreMode, RestorePath, Scope, Target

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.reads import SystemRows

CLOCK_TOLERANCE = timedelta(minutes=5)
NOT_INSIDE = "the API offers no restore of it in place"
VMS_UNTOLD = "the system does not tell which profile a VM has: this user needs permission to list machines"


class Circumstances(NamedTuple):
    """What an inventory says besides the rows.

    ``now`` is the system's own time, ``ahead`` by how much it is ahead of ours. ``requests`` is how many the connection
    made. ``insecure`` says that its certificate is not checked. ``capabilities`` are those of this system.
    """

    backend: str
    project: str
    now: datetime
    ahead: timedelta
    requests: int
    insecure: bool
    capabilities: Capabilities


def inventory_of(rows: SystemRows, about: Circumstances) -> Inventory:
    """Return the inventory; raises ``BackendError`` for rows that cannot be understood, as it is never partial."""
    _check_keys(about.backend, rows)
    try:
        return _inventory(rows, about)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        sentence = f"{about.backend}: the system answered with something that is not understood: {error}"
        raise BackendError(about.backend, sentence, hint="snapplan drivers check examines the system") from error


def _inventory(rows: SystemRows, about: Circumstances) -> Inventory:
    objects = objects_of(rows)
    system = system_profile(rows.settings, rows.profiles)
    listed = _listed(rows, objects, about)
    restores, unreadable = restores_of(rows.tags, about.project)
    return Inventory(
        targets=_targets(rows, objects, about),
        snapshots=[snapshot for each in listed for snapshot in each.snapshots],
        restores=restores,
        backend_clock=about.now,
        requests=about.requests,
        # The platform shows no id of a system that nobody can change; the name that it has been given is the closest.
        identity=text(rows.cloud_name),
        platform=_schedule(rows, objects, system),
        deletes_at={native_id: at for each in listed for native_id, at in each.deletes_at.items()},
        notices=(*_notices(about), *objects.notices, *_copies(listed), *_unreadable(unreadable, about)),
    )


def _listed(rows: SystemRows, objects: Objects, about: Circumstances) -> list[Listed]:
    native = native_periods(rows.profiles, rows.periods, about.project)
    by = Attribution(
        about.backend,
        about.project,
        about.now,
        {key: period for key, (_, period) in native.items()},
        _volume_periods(native, objects),
        _contents(rows),
    )
    machines = {vm.machine: Owner(vm.id, vm.name) for vm in objects.vms.values()}
    tenants = {tenant.key: Owner(tenant.id, tenant.name) for tenant in objects.tenants.values()}
    volumes = {volume.id: Owner(volume.id, volume.name) for volume in objects.volumes.values()}
    return [
        snapshots_of(Scope.CLOUD, rows.cloud_snapshots, {}, by),
        snapshots_of(Scope.TENANT, rows.tenant_snapshots, tenants, by),
        snapshots_of(Scope.VM, rows.machine_snapshots, machines, by),
        snapshots_of(Scope.VOLUME, rows.volume_snapshots, volumes, by),
    ]


def _contents(rows: SystemRows) -> dict[int, tuple[str, ...]]:
    """Return what partial system snapshots contain, by their keys: each by its name, and by the one with its id.

    A VM or tenant that was renamed since is there under the name that it has today.
    """
    found: dict[int, list[str]] = {}
    for scope, contents in (rows.contents or {}).items():
        today = {
            text(row.get("uuid")): text(row.get("name")) for row in (rows.vms if scope is Scope.VM else rows.tenants)
        }
        for row in contents:
            uuid = text(row.get("uuid"))
            name = today.get(uuid) or text(row.get("name"))
            named = [name, *([long_name(name, uuid)] if uuid else [])]
            key = number(row.get("cloud_snapshot"), "cloud_snapshot")
            found.setdefault(key, []).extend(f"{scope}/{each}" for each in named)
    return {key: tuple(names) for key, names in found.items()}


def _volume_periods(
    native: Mapping[int, tuple[int, NativePeriod]], objects: Objects
) -> dict[tuple[str, str], NativePeriod]:
    of_profile: dict[int, list[NativePeriod]] = {}
    for profile, period in native.values():
        of_profile.setdefault(profile, []).append(period)
    return {
        (volume.id, period.period): period
        for volume in objects.volumes.values()
        if volume.profile is not None
        for period in of_profile.get(volume.profile, ())
    }


def _targets(rows: SystemRows, objects: Objects, about: Circumstances) -> tuple[Target, ...]:
    tags = members(rows.tag_members, rows.tags)
    none: frozenset[str] = frozenset()
    backend = about.backend
    found = [Target(backend, Scope.CLOUD, "", CLOUD_ID, in_place_blocker=_in_place(about, Scope.CLOUD))]
    for tenant in objects.tenants.values():
        blocker = "" if tenant.running is False else POWERED_ON
        carried = tags.get(f"tenants/{tenant.key}", none)
        found.append(Target(backend, Scope.TENANT, tenant.name, tenant.id, carried, False, blocker))
    for vm in objects.vms.values():
        # An agent of a VM that is off freezes nothing; that being off counts as quiesced is disputed.
        quiesces = vm.agent and vm.running is True
        blocker = "" if vm.running is False else POWERED_ON
        found.append(Target(backend, Scope.VM, vm.name, vm.id, tags.get(f"vms/{vm.key}", none), quiesces, blocker))
    blocker = _in_place(about, Scope.VOLUME)
    for volume in objects.volumes.values():
        carried, local = tags.get(f"volumes/{volume.id}", none), volume.fs_type in LOCAL
        found.append(Target(backend, Scope.VOLUME, volume.name, volume.id, carried, local, blocker))
    return tuple(found)


def _in_place(about: Circumstances, scope: Scope) -> str:
    path = RestorePath(scope, scope, RestoreMode.IN_PLACE)
    return "" if path in about.capabilities.restores else about.capabilities.unavailable.get(path, NOT_INSIDE)


def _schedule(rows: SystemRows, objects: Objects, system: SystemProfile) -> PlatformSchedule:
    in_use = profiles_with_snapshots(rows, objects)
    profiles = tuple(
        profile._replace(has_snapshots=int(profile.native_id) in in_use)
        for profile in profiles_of(rows.profiles, rows.periods, tag_names(rows.tags), rows.period_tags)
    )
    assigned = {vm.id: str(vm.profile) for vm in objects.vms.values() if vm.profile is not None}
    assigned |= {volume.id: str(volume.profile) for volume in objects.volumes.values() if volume.profile is not None}
    blockers = {Scope.CLOUD: system.blocker} if system.blocker else {}
    if system.profile is not None:
        assigned[CLOUD_ID] = str(system.profile)
    if _untold(rows.vms):
        blockers[Scope.VM] = VMS_UNTOLD
    kept = any(period.retention is None for profile in profiles for period in profile.periods.values())
    spellings = tag_spellings(rows.tags)
    return PlatformSchedule(profiles, assigned, None, blockers, "" if kept else FOREVER_UNKNOWN, spellings)


def _untold(vms: list[Row]) -> bool:
    """Say whether nothing of the VMs' machines can be seen, so that no profile is not the same as none."""
    columns = ("snapshot_profile", "running", "status")
    return bool(vms) and not any(column in row for row in vms for column in columns)


def _check_keys(backend: str, rows: SystemRows) -> None:
    """Refuse an answer that has a row twice: the table was being changed, or the answer is put together of two."""
    for table, found in zip(rows._fields, rows, strict=True):
        if not isinstance(found, list):
            continue
        try:
            keys = {row["$key"] for row in found}
        except (KeyError, TypeError):
            raise BackendError(backend, f"{backend}: a row of {table} came without its key") from None
        if len(keys) != len(found):
            raise BackendError(backend, f"{backend}: a row of {table} came twice", hint="try again")


def _notices(about: Circumstances) -> list[str]:
    found = []
    if about.insecure:
        found.append(f"{about.backend}: its certificate is not checked (insecure: true)")
    if abs(about.ahead) > CLOCK_TOLERANCE:
        way = "ahead of" if about.ahead > timedelta(0) else "behind"
        found.append(f"{about.backend}: its clock is {abs(about.ahead)} {way} this machine's")
    return found


def _copies(listed: list[Listed]) -> list[str]:
    copies = [address for each in listed for address in each.copies]
    return [f"{address} carries the mark of another target or snapshot: it is left alone" for address in copies[:5]] + (
        [f"{len(copies) - 5} more snapshots carry marks of others"] if len(copies) > 5 else []
    )


def _unreadable(tags: tuple[str, ...], about: Circumstances) -> list[str]:
    return [f"{about.backend}: the record of restore {name} cannot be read; it is not begun again" for name in tags]
