"""Actions on VMs: power, clone, restore, and (by a switch) the import of a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.refusal import Refusal, no_such_reference
from snapplan.devtools.vergeos.rules import machine_snapshots
from snapplan.devtools.vergeos.rules.contents import Image, put_back, vm_from, vm_image
from snapplan.devtools.vergeos.rules.values import as_key, text, unique, whole

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key, Row

Params = Mapping[str, Any]


def power_on(system: System, vm: Row, params: Params) -> Any:
    """Start a VM."""
    _refuse_hidden(vm)
    set_power(system, vm["machine"], True)
    return None


def power_off(system: System, vm: Row, params: Params) -> Any:
    """Stop a VM; a stop by the guest and a kill look the same here."""
    _refuse_hidden(vm)
    set_power(system, vm["machine"], False)
    return None


def set_power(system: System, machine: Key, on: bool) -> None:
    """Write a machine's status."""
    status = machine_snapshots.machine_status(system, machine)
    state = {"status": "running", "state": "online"} if on else {"status": "stopped", "state": "offline"}
    times = {"last_update": system.now, **({"started": system.now} if on else {})}
    system.store.change("machine_status", status["$key"], running=on, powerstate=on, **state, **times)


def clone(system: System, vm: Row, params: Params) -> Any:
    """Make a new VM like this one; of a hidden snapshot VM, what its snapshot took."""
    name = text(params, "name", f"{vm['name']} clone")
    return _clone_answer(system, vm_image(system, vm), name, params)


def _clone_answer(system: System, image: Image, name: str, params: Params) -> Any:
    description = text(params, "description", image["vm"]["description"])
    made = vm_from(system, image, name, bool(params.get("preserve_macs")), description)
    status = machine_snapshots.machine_status(system, made["machine"])
    keys = {"vmkey": made["$key"], "machinekey": made["machine"], "machinestatuskey": status["$key"], "clusterkey": 1}
    return {name: str(key) for name, key in keys.items()}


def restore(system: System, vm: Row, params: Params) -> Any:
    """Put a VM back to a snapshot: given as the snapshot's hidden VM, or (the old form) as ``params.snapshot``."""
    snapshot = _snapshot(system, vm, params)
    if name := text(params, "name", ""):
        return _clone_answer(system, snapshot["_image"], name, params)
    source = machine_snapshots.machine_vm(system, snapshot["machine"])
    if machine_snapshots.machine_status(system, source["machine"])["running"]:
        raise Refusal(422, "VM must be powered off")
    put_back(system, snapshot["_image"], source)
    system.log("audit", f"Restored VM '{source['name']}' to snapshot '{snapshot['name']}'", "vm", source["name"])
    if params.get("poweron"):
        set_power(system, source["machine"], True)
    return None


def _snapshot(system: System, vm: Row, params: Params) -> Row:
    if params.get("snapshot") is not None:
        row = system.row("machine_snapshots", as_key(system, "machine_snapshots", params["snapshot"]))
        found = [row] if row is not None and row["machine"] == vm["machine"] else []
    else:
        found = system.store.find("machine_snapshots", snap_machine=vm["machine"])
    if not found:
        raise no_such_reference("snapshot")
    return found[0]


def import_snapshot(system: System, vm: Row, params: Params) -> Any:
    """Make a snapshot of this VM out of a system snapshot: ``cloud_snapshot``, ``name``, ``description``, ``expires``."""
    cloud = system.row("cloud_snapshots", as_key(system, "cloud_snapshots", params.get("cloud_snapshot")))
    images = [] if cloud is None or cloud.get("_capture") is None else cloud["_capture"]["vms"]
    image = next((each for each in images if each["vm"]["$key"] == vm["$key"]), None)
    if cloud is None or image is None:
        raise no_such_reference("cloud_snapshot")
    fields = {
        "machine": vm["machine"],
        "name": text(params, "name", cloud["name"]),
        "description": text(params, "description", ""),
        "expires": whole(params, "expires", cloud["expires"]),
        "created_manually": True,
        "snapshot_period": None,
    }
    unique(system, system.tables["machine_snapshots"], fields)
    made = machine_snapshots.take(system, fields, quiesce=False)
    system.store.change("machine_snapshots", made["$key"], _image=image, created=cloud["created"])
    return {"$key": str(made["$key"])}


def _refuse_hidden(vm: Row) -> None:
    if vm["is_snapshot"]:
        raise Refusal(422, "Snapshots cannot be powered on")
