"""Putting what a seed describes into a system, through the rules that clients meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.refusal import Refusal, SimulatorError
from snapplan.devtools.vergeos.rules import settings, tenants, vm_actions, volumes
from snapplan.devtools.vergeos.rules.contents import mac_address
from snapplan.devtools.vergeos.rules.hooks import HOOKS
from snapplan.devtools.vergeos.rules.service import create

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.seed import Seed, TagSeed, TenantSeed, VmSeed, VolumeSeed
    from snapplan.devtools.vergeos.tables.shape import Key, Row

YEAR, DAY, HOUR = 31_536_000, 86_400, 3600


def _period(name: str, frequency: str, retention: int, **more: Any) -> Row:
    return {"name": name, "frequency": frequency, "retention": retention, **more}


_LONG = (
    _period("Monthly", "monthly", YEAR, day_of_month=1),
    _period("Weekly", "weekly", 31 * DAY, day_of_week="sun"),
    _period("Daily", "daily", 7 * DAY),
)
# The profiles that every system has (product guide, "Snapshot Profiles").
SHIPPED: dict[str, tuple[Row, ...]] = {
    "SOX": (_period("Yearly", "yearly", 7 * YEAR, month=1, day_of_month=1), *_LONG),
    "HIPAA": (_period("Yearly", "yearly", 0, month=1, day_of_month=1), *_LONG),
    "NAS Volume Syncs": (_period("Daily", "daily", 3 * DAY, hour=18),),
    "System Snapshots": (
        _period("Hourly", "hourly", 3 * HOUR, immutable=True),
        _period("Midnight", "daily", 3 * DAY),
        _period("Noon", "daily", DAY, hour=12),
    ),
    "Volume Antivirus Scan": (),
}


def plant(system: System, seed: Seed) -> None:
    """Put everything that a seed describes into an empty system; raises SimulatorError for what the rules refuse."""
    try:
        _plant(system, seed)
    except Refusal as refusal:
        raise SimulatorError(refusal.text) from refusal


def _plant(system: System, seed: Seed) -> None:
    system.store.insert("system", {"yb_version": seed.version, "os_version": "6.6", "cloud_name": seed.cloud_name})
    settings.put_defaults(system, seed.cloud_name)
    for key, value in seed.settings.items():
        if system.row("settings", key) is None:
            made = {"key": key, "default_value": value, "description": ""}
            system.store.insert("settings", made, key)
        system.store.change("settings", key, value=value)
    for name, periods in SHIPPED.items() if seed.shipped_profiles else ():
        _profile(system, name, "", [_acceptable(system, period) for period in periods])
    for profile in seed.profiles:
        _profile(system, profile.name, profile.description, [period.model_dump() for period in profile.periods])
    _system_profile(system, seed)
    for category in seed.tags:
        _tags(system, category)
    for vms in seed.vms:
        _vms(system, vms)
    for tenant in seed.tenants:
        _tenants(system, tenant)
    for volume in seed.volumes:
        _volumes(system, volume)
    for snapshot in seed.cloud_snapshots:
        _cloud_snapshot(system, snapshot.model_dump())


def _acceptable(system: System, period: Row) -> Row:
    """Return a shipped period with another way to say for ever where a switch refuses a retention of 0."""
    refused = period["retention"] == 0 and system.switches["retention_zero"] == "refuse"
    return {**period, "retention": 100 * YEAR} if refused else period


def _system_profile(system: System, seed: Seed) -> None:
    """Name the profile of system snapshots; the default one may be missing, one that the seed asks for may not."""
    given = "system_profile" in seed.model_fields_set
    if seed.system_profile is None or not (given or system.store.find("snapshot_profiles", name=seed.system_profile)):
        return
    settings.name_profile(system, _named(system, "snapshot_profiles", seed.system_profile))


def _profile(system: System, name: str, description: str, periods: Any) -> None:
    profile = create(system, system.tables["snapshot_profiles"], {"name": name, "description": description})
    for period in periods:
        create(system, system.tables["snapshot_profile_periods"], {**period, "profile": profile["$key"]})


def _named(system: System, table: str, name: str) -> Row:
    found = system.store.find(table, name=name)
    if len(found) != 1:
        raise SimulatorError(f"{len(found)} rows of {table} are called {name!r}")
    return found[0]


def _tags(system: System, seed: TagSeed) -> None:
    allowed = {f"taggable_{noun}": True for noun in seed.taggable}
    body = {"name": seed.category, "single_tag_selection": seed.single, **allowed}
    category = create(system, system.tables["tag_categories"], body)
    for name in seed.tags:
        create(system, system.tables["tags"], {"name": name, "category": category["$key"]})


def _tag(system: System, member: str, tags: tuple[str, ...]) -> None:
    for name in tags:
        tag = _named(system, "tags", name)
        create(system, system.tables["tag_members"], {"tag": tag["$key"], "member": member})


def _vms(system: System, seed: VmSeed) -> None:
    from snapplan.devtools.vergeos.seed import content

    profile = None if seed.profile is None else _named(system, "snapshot_profiles", seed.profile)["$key"]
    fields = {name: getattr(seed, name) for name in ("description", "os_family", "cpu_cores", "ram")}
    for name in seed.names():
        body = {**fields, "name": name, "guest_agent": bool(seed.agent), "snapshot_profile": profile}
        vm = create(system, system.tables["vms"], body)
        machine: Key = vm["machine"]
        for number, (drive, given) in enumerate(seed.drives.items()):
            held = content(f"{name}/{drive}", given)
            row = {"machine": machine, "name": drive, "description": "", "orderid": number, "disksize": len(held)}
            system.store.insert("machine_drives", {**row, "_contents": system.blobs.put(held)})
        nic = {"machine": machine, "name": "nic0", "macaddress": mac_address(system, machine)}
        system.store.insert("machine_nics", nic)
        vm_actions.set_power(system, machine, seed.running)
        set_agent(system, machine, seed.agent)
        _tag(system, f"vms/{vm['$key']}", seed.tags)


def set_agent(system: System, machine: Key, version: str) -> None:
    """Connect a guest agent of a version to a machine, or with an empty one disconnect it."""
    row = system.row("machines", machine)
    assert row is not None
    features = ["quiesce"] if version else []
    system.store.change(
        "machine_status", row["status"], agent_version=version, agent_features=features, agent_guest_info={}
    )


def _tenants(system: System, seed: TenantSeed) -> None:
    from snapplan.devtools.vergeos.seed import content

    for name in seed.names():
        tenant = create(system, system.tables["tenants"], {"name": name, "description": seed.description})
        held = system.blobs.put(content(name, seed.contents))
        tenant = system.store.change("tenants", tenant["$key"], _contents=held)
        tenants.set_power(system, tenant, seed.running)
        _tag(system, f"tenants/{tenant['$key']}", seed.tags)


def _volumes(system: System, seed: VolumeSeed) -> None:
    from snapplan.devtools.vergeos.seed import content

    services = system.store.find("vm_services", name=seed.service)
    service = services[0] if services else system.store.insert("vm_services", {"name": seed.service, "vm": None})
    profile = None if seed.profile is None else _named(system, "snapshot_profiles", seed.profile)["$key"]
    for name in seed.names():
        fields = {"name": name, "description": seed.description, "fs_type": seed.fs_type, "service": service["$key"]}
        volume = create(system, system.tables["volumes"], {**fields, "snapshot_profile": profile})
        held = system.blobs.put(content(name, seed.contents))
        volume = system.store.change("volumes", volume["$key"], _contents=held)
        volumes.set_enabled(system, volume, seed.enabled)
        _tag(system, f"volumes/{volume['$key']}", seed.tags)


def _cloud_snapshot(system: System, seed: Row) -> None:
    make = HOOKS["cloud_snapshots"].make
    assert make is not None
    table = system.tables["cloud_snapshots"]
    kept = seed.pop("expires_in")
    seed["expires"] = system.now + kept if kept else 0
    defaults = {column.name: column.default for column in table.columns if column.access != "write"}
    make(system, {**defaults, **seed}, seed)
