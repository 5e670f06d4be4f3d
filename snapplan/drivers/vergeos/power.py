"""Switching VMs and tenants off and on, and waiting until they are."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from snapplan.drivers.vergeos.lookup import object_row
from snapplan.errors import OutcomeUnknownError, RefusedError
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection

ACTIONS = {Scope.VM: ("vm_actions", "vm"), Scope.TENANT: ("tenant_actions", "tenant")}
OFF_STATES = frozenset({"offline", "error"})
"""The states in which a tenant can be restored (API reference, tenant snapshots)."""
PATIENCE = 300.0
"""Seconds that a guest has to shut down, or to start."""
LOST_AFTER = 10.0
"""Seconds after which an action that was not answered and does not show is taken for lost."""


def is_off(scope: Scope, row: Row) -> bool:
    """Whether a VM or tenant is known to be off; one of which the system does not tell is not."""
    return row.get("running") is False and (scope is not Scope.TENANT or row.get("status") in OFF_STATES)


def switch_off(connection: Connection, scope: Scope, id_: str) -> None:
    """Ask a VM or tenant to shut down and wait for it; raises ``RefusedError`` where it does not."""
    row = object_row(connection, scope, id_)
    if is_off(scope, row) or _switched(connection, scope, id_, "poweroff", partial(is_off, scope)):
        return
    raise connection.refuse(
        f"{scope} {row['name']} did not shut down within {PATIENCE:.0f} s; nothing was restored",
        hint="shut it down, then apply again",
    )


def switch_on(connection: Connection, scope: Scope, id_: str) -> str:
    """Switch a VM or tenant on that is off, and wait for it; return in a sentence where it did not come up, or nothing."""
    row = object_row(connection, scope, id_)
    if _is_on(row) or _switched(connection, scope, id_, "poweron", _is_on):
        return ""
    return f"{scope} {row['name']} was restored and does not show as running after {PATIENCE:.0f} s"


def _is_on(row: Row) -> bool:
    return row.get("running") is True


def _switched(connection: Connection, scope: Scope, id_: str, action: str, there: Callable[[Row], bool]) -> bool:
    """Ask for an action and wait until it shows; return whether it does.

    Where the answer was lost and nothing shows, it is asked for once more: what is off or on does not become more so.
    """
    row = object_row(connection, scope, id_)
    if action == "poweroff" and row.get("running") is False:
        return _shows(connection, scope, id_, there, PATIENCE)  # it is shutting down already
    if not _answered(connection, scope, row, action) and not _shows(connection, scope, id_, there, LOST_AFTER):
        with suppress(RefusedError):  # it may be under way by now
            _answered(connection, scope, row, action)
    return _shows(connection, scope, id_, there, PATIENCE)


def _shows(connection: Connection, scope: Scope, id_: str, there: Callable[[Row], bool], limit: float) -> bool:
    return any(there(object_row(connection, scope, id_)) for _ in connection.looks(limit))


def _answered(connection: Connection, scope: Scope, row: Row, action: str) -> bool:
    """Ask for an action; return whether the platform said that it will do it. What it comes to, the waiting shows."""
    table, member = ACTIONS[scope]
    try:
        connection.api.post(table, {member: row["$key"], "action": action})
    except OutcomeUnknownError:
        return False
    return True
