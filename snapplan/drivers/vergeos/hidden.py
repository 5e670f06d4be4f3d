"""The hidden VM that holds the content of a VM's snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.errors import NotFoundError

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection


def hidden_vm(connection: Connection, snapshot: Row) -> int:
    """Return the key in ``vms`` of the VM that holds a snapshot.

    A snapshot refers to that VM's machine, and keys of machines are no keys of VMs: whoever takes one for the other
    restores another VM, or none (API reference, VM restores). Raises ``NotFoundError`` where there is none.
    """
    machine = snapshot.get("snap_machine")
    where = f"machine eq {machine}"
    rows = connection.api.rows("vms", "$key,name,machine,is_snapshot", where=where) if machine else []
    found = [row for row in rows if row.get("is_snapshot") and row.get("machine") == machine]
    if len(found) != 1:
        text = f"{connection.backend}: the system shows no VM that holds the snapshot {snapshot['name']}"
        raise NotFoundError(connection.backend, text)
    return int(found[0]["$key"])
