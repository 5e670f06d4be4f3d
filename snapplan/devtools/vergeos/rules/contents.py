"""What VMs, tenants and volumes hold, and images of it.

An image of a VM is ``{"vm", "machine", "drives", "nics"}``, of a tenant ``{"tenant", "contents"}``, of a volume
``{"volume", "contents"}``: stored rows, which never change, and digests of bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.rules.system import System, uuid_text

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.tables.shape import Key, Row

Image = Mapping[str, Any]
# What restoring over a VM brings back besides its drives and NICs.
HARDWARE = ("cpu_cores", "ram", "os_family", "uefi", "secure_boot", "machine_type", "guest_agent")


def vm_image(system: System, vm: Row) -> Image:
    """Return what a VM is now; of a hidden snapshot VM, what its snapshot took."""
    machine = vm["machine"]
    if vm["is_snapshot"]:
        for snapshot in system.store.find("machine_snapshots", snap_machine=machine):
            image: Image = snapshot["_image"]
            return image
    held, stamp = system.row("machines", machine), _parts_stamp(system)
    kept = system.images.get(vm["$key"])
    if kept is not None and kept[0] == stamp and kept[1]["vm"] is vm and kept[1]["machine"] is held:
        return kept[1]
    made = {
        "vm": vm,
        "machine": held,
        "drives": system.store.find("machine_drives", machine=machine),
        "nics": system.store.find("machine_nics", machine=machine),
    }
    system.images[vm["$key"]] = (stamp, made)
    return made


def _parts_stamp(system: System) -> int:
    """Return a number that changes when any drive or NIC does."""
    return system.store.revision("machine_drives") + system.store.revision("machine_nics")


def new_vm(system: System, name: str, fields: Mapping[str, Any]) -> Row:
    """Make a VM that is off, with its machine and its status; ``fields`` are columns of ``vms``."""
    machine = system.store.insert("machines", {"name": name, "type": "vm", "is_snapshot": False, "ha_group": ""})
    key: Key = machine["$key"]
    status = system.store.insert("machine_status", {**_defaults(system, "machine_status"), "machine": key})
    identity = uuid_text(system.identity("machines", key))
    links = {"status": status["$key"], "uuid": identity, "snapshot_profile": None, "cluster": None}
    system.store.change("machines", key, **links)
    times = {"created": system.now, "modified": system.now, "uuid": uuid_text(system.identity("vms", key))}
    row = {**_defaults(system, "vms"), **fields, **times, "name": name, "machine": key, "is_snapshot": False}
    return system.store.insert("vms", {name: value for name, value in row.items() if name != "$key"})


def vm_from(system: System, image: Image, name: str, preserve_macs: bool, description: str) -> Row:
    """Make a VM out of an image: same drives byte for byte, same NICs, addresses kept only when asked for."""
    vm = new_vm(system, name, {**image["vm"], "description": description})
    _attach(system, image, vm["machine"], preserve_macs, keep_keys=False)
    return vm


def put_back(system: System, image: Image, vm: Row) -> None:
    """Make a VM what an image says: drives, NICs with their addresses, hardware."""
    machine = vm["machine"]
    for table in ("machine_drives", "machine_nics"):
        for row in system.store.find(table, machine=machine):
            system.store.remove(table, row["$key"])
    _attach(system, image, machine, preserve_macs=True, keep_keys=True)
    hardware = {name: image["vm"][name] for name in HARDWARE}
    system.store.change("vms", vm["$key"], **hardware, modified=system.now)


def _attach(system: System, image: Image, machine: Key, preserve_macs: bool, keep_keys: bool) -> None:
    for table, rows in (("machine_drives", image["drives"]), ("machine_nics", image["nics"])):
        for row in rows:
            free = keep_keys and system.row(table, row["$key"]) is None
            added = {**row, "machine": machine}
            if table == "machine_nics" and not preserve_macs:
                added["macaddress"] = mac_address(system, machine)
            del added["$key"]
            system.store.insert(table, added, row["$key"] if free else None)


def mac_address(system: System, machine: Key) -> str:
    """Return a hardware address that no other NIC has."""
    digits = system.identity("machine_nics", machine)
    return ":".join(("f0", "db", "30", digits[:2], digits[2:4], digits[4:6]))


def tenant_image(tenant: Row) -> Image:
    """Return what a tenant is now."""
    return {"tenant": tenant, "contents": tenant.get("_contents")}


def new_tenant(system: System, name: str, fields: Mapping[str, Any], state: str = "offline") -> Row:
    """Make a tenant that is off, with its status."""
    kept = {key: value for key, value in fields.items() if key not in ("$key", "restore_pending", "_restore")}
    made = {
        "name": name,
        "created": system.now,
        "is_snapshot": False,
        "restore_pending": False,
        "creator": system.actor,
    }
    tenant = system.store.insert("tenants", {**_defaults(system, "tenants"), **kept, **made})
    status = {**_defaults(system, "tenant_status"), "tenant": tenant["$key"], "status": state}
    links = {
        "status": system.store.insert("tenant_status", status)["$key"],
        "uuid": uuid_text(system.identity("tenants", tenant["$key"])),
    }
    return system.store.change("tenants", tenant["$key"], **links)


def volume_image(volume: Row) -> Image:
    """Return what a volume is now."""
    return {"volume": volume, "contents": volume.get("_contents")}


def new_volume(system: System, name: str, fields: Mapping[str, Any]) -> Row:
    """Make a volume, mounted when it is enabled."""
    key = system.identity("volumes", name)
    made = {"name": name, "id": key, "created": system.now, "modified": system.now, "creator": system.actor}
    kept = {key: value for key, value in fields.items() if key != "$key"}
    row = {**_defaults(system, "volumes"), **kept, **made, "is_snapshot": False}
    system.store.insert("volumes", row, key)
    mounted = {"mounted": row["enabled"], "status": "online" if row["enabled"] else "offline"}
    status = system.store.insert("volume_status", {"volume": key, **mounted})
    return system.store.change("volumes", key, status=status["$key"])


def _defaults(system: System, table: str) -> Row:
    columns = system.store.tables[table].columns
    return {column.name: column.default for column in columns if column.access != "write"}
