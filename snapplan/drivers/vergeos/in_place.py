"""Restores over the target itself, which must be off; each can be done again with the same result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.drivers.vergeos.cells import flag
from snapplan.drivers.vergeos.hidden import hidden_vm
from snapplan.drivers.vergeos.lookup import find_object, object_row
from snapplan.drivers.vergeos.power import is_off
from snapplan.errors import OutcomeUnknownError
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.drivers.vergeos.wanted import Wanted

AT_POWER_ON = "the restore takes effect when the tenant is powered on next"


class InPlace(NamedTuple):
    """One restore over a target: what is sent, and whether the target is on and has to be switched off first."""

    scope: Scope
    id: str
    table: str
    body: dict[str, Any]
    running: bool

    def act(self, connection: Connection) -> None:
        """Restore; raises ``RefusedError`` where nothing was done, ``OutcomeUnknownError`` where that is not known."""
        said, answered = "the restore was accepted", True
        try:
            connection.api.post(self.table, self.body)
        except OutcomeUnknownError as unknown:
            if self.scope is not Scope.TENANT:
                raise  # nothing on the platform tells whether a VM or volume was restored
            said, answered = str(unknown), False
        if self.scope is Scope.TENANT:
            with connection.looking(said):
                pending = is_pending(find_object(connection, self.scope, self.id))
            if pending is False or (pending is None and not answered):
                raise OutcomeUnknownError(connection.backend, f"{said}; the tenant shows no restore that is pending")


def prepare_in_place(connection: Connection, wanted: Wanted) -> InPlace:
    """Look at everything that could keep a target from being restored; raises the kinds of ``RefusedError``."""
    row = wanted.source_row(connection)
    target = object_row(connection, wanted.scope, wanted.target_id)
    _refuse_another(connection, wanted, row, target)
    running = wanted.scope is not Scope.VOLUME and not is_off(wanted.scope, target)
    table, body = _action(connection, wanted, row, target)
    return InPlace(wanted.scope, wanted.target_id, table, body, running)


def is_pending(tenant: Row | None) -> bool | None:
    """Whether a tenant will be restored when it is powered on next; ``None`` where the system does not tell."""
    return flag(tenant.get("restore_pending")) if tenant is not None else False


def _action(connection: Connection, wanted: Wanted, row: Row, target: Row) -> tuple[str, dict[str, Any]]:
    if wanted.scope is Scope.VM:
        return "vm_actions", {"vm": hidden_vm(connection, row), "action": "restore"}
    if wanted.scope is Scope.TENANT:
        params: dict[str, Any] = {"snapshot": row["$key"]}
        return "tenant_actions", {"tenant": target["$key"], "action": "restore", "params": params}
    # Only where this system's schema offers the action; its parameters are as the UI words them.
    params = {"snapshot": row["$key"], "data_only": True}
    return "volume_actions", {"volume": target["$key"], "action": "restore", "params": params}


def _refuse_another(connection: Connection, wanted: Wanted, row: Row, target: Row) -> None:
    """Refuse to put the content of one object over another one."""
    columns = {Scope.VM: ("machine", "machine"), Scope.TENANT: ("tenant", "$key"), Scope.VOLUME: ("volume", "$key")}
    of, key = columns[wanted.scope]
    if row.get(of) is None or row.get(of) != target.get(key):
        raise connection.refuse(f"{row['name']} is not a snapshot of {wanted.scope} {target.get('name')}")
