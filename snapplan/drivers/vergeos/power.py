"""Switching VMs and tenants off and on, and waiting until they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.drivers.vergeos.lookup import find_object, object_row
from snapplan.errors import OutcomeUnknownError
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection

ACTIONS = {Scope.VM: ("vm_actions", "vm"), Scope.TENANT: ("tenant_actions", "tenant")}
OFF_STATES = frozenset({"offline", "error"})
"""The states in which a tenant can be restored (API reference, tenant snapshots)."""
PATIENCE = 300.0
"""Seconds that a guest has to shut down, or to start."""


def is_off(scope: Scope, row: Row) -> bool:
    """Whether a VM or tenant is known to be off; one of which the system does not tell is not."""
    return row.get("running") is False and (scope is not Scope.TENANT or row.get("status") in OFF_STATES)


def switch_off(connection: Connection, scope: Scope, id_: str) -> None:
    """Ask a VM or tenant to shut down and wait for it; raises ``RefusedError`` where it does not."""
    row = object_row(connection, scope, id_)
    if is_off(scope, row):
        return
    if row.get("running") is not False:
        _act(connection, scope, row, "poweroff")
    for _ in connection.looks(PATIENCE):
        row = object_row(connection, scope, id_)
        if is_off(scope, row):
            return
    raise connection.refuse(
        f"{scope} {row['name']} did not shut down within {PATIENCE:.0f} s; nothing was restored",
        hint="shut it down, then apply again",
    )


def switch_on(connection: Connection, scope: Scope, id_: str) -> str:
    """Switch a VM or tenant on that is off, and wait for it; return in a sentence where it did not come up, or nothing."""
    row = object_row(connection, scope, id_)
    if row.get("running") is not True:
        _act(connection, scope, row, "poweron")
    for _ in connection.looks(PATIENCE):
        found = find_object(connection, scope, id_)
        if found is not None and found.get("running") is True:
            return ""
    return f"{scope} {row['name']} was restored and does not show as running after {PATIENCE:.0f} s"


def _act(connection: Connection, scope: Scope, row: Row, action: str) -> None:
    table, member = ACTIONS[scope]
    try:
        connection.api.post(table, {member: row["$key"], "action": action})
    except OutcomeUnknownError:
        return  # what it came to, the waiting shows
