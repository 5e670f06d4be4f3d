"""Snapshots of VMs, each with its hidden VM, and what quiescing makes of the guest's agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.refusal import Refusal, no_such_reference
from snapplan.devtools.vergeos.rules import expiry
from snapplan.devtools.vergeos.rules.contents import vm_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key, Row

TABLE = "machine_snapshots"


def take(system: System, fields: Row, quiesce: bool) -> Row:
    """Take a snapshot of a VM with the hidden VM that holds it; raises Refusal where quiescing fails outright.

    ``fields`` are columns of the new row. With the switch ``quiesce_without_agent`` on ``error_keeps`` the snapshot
    remains although an error is answered.
    """
    vm = machine_vm(system, fields["machine"])
    quiesced, failed = quiescing(system, vm) if quiesce else (False, False)
    if failed and system.switches["quiesce_without_agent"] == "error":
        raise Refusal(422, "Unable to quiesce: guest agent is not connected")
    image = vm_image(system, vm)
    hidden = _hidden_vm(system, vm, fields["name"])
    state = {
        "created": system.now,
        "quiesced": quiesced,
        "snap_machine": hidden,
        "_image": image,
        "queue_delete": False,
    }
    kind = "date" if fields["expires"] else "never"
    row = system.store.insert(TABLE, {"expires_type": kind, **fields, **state})
    expiry.watch(system, TABLE, row)
    if fields["snapshot_period"] is not None:
        expiry.review(system, TABLE, row)
    if failed and system.switches["quiesce_without_agent"] == "error_keeps" and fields["snapshot_period"] is None:
        raise Refusal(500, "Unable to quiesce: guest agent is not connected")
    return row


def quiescing(system: System, vm: Row) -> tuple[bool, bool]:
    """Return whether a snapshot of the VM would be quiesced now, and whether the attempt fails."""
    status = machine_status(system, vm["machine"])
    if not status["running"]:
        return system.switches["quiesce_offline"] == "quiesced", False
    connected = bool(vm["guest_agent"] and status["agent_version"])
    return connected, not connected


def machine_vm(system: System, machine: Key) -> Row:
    """Return the VM of a machine; raises Refusal when it has none or is a snapshot itself."""
    vms = system.store.find("vms", machine=machine)
    if not vms or vms[0]["is_snapshot"]:
        raise no_such_reference("machine")
    return vms[0]


def machine_status(system: System, machine: Key) -> Row:
    """Return the status of a machine; raises Refusal when it has none, as a hidden VM's machine."""
    row = system.row("machines", machine)
    status = None if row is None else system.row("machine_status", row["status"])
    if status is None:
        raise no_such_reference("machine")
    return status


def _hidden_vm(system: System, vm: Row, name: str) -> Key:
    """Make the VM that holds a snapshot; returns the key of its machine, which no VM has."""
    shown = f"{vm['name']} {name}"
    machine: Key = system.store.insert("machines", {"name": shown, "type": "vm", "is_snapshot": True, "status": None})[
        "$key"
    ]
    hidden = {**vm, "name": shown, "machine": machine, "is_snapshot": True, "created": system.now}
    del hidden["$key"]
    system.store.insert("vms", hidden)
    return machine


def requested(body: Mapping[str, Any]) -> bool:
    """Say whether a POST asks for quiescing."""
    return body.get("quiesce") in (True, 1, "1", "true")
