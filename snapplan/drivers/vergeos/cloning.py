"""Restores that make a new VM or tenant and overwrite nothing."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.drivers.vergeos.contents import content_row, find_content, state
from snapplan.drivers.vergeos.hidden import hidden_vm
from snapplan.drivers.vergeos.lookup import find_object, objects_named
from snapplan.errors import NameTakenError, OutcomeUnknownError
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.drivers.vergeos.wanted import Wanted

RESTORED_TO = "Restored to: "
RECOVER: Mapping[Scope, str] = MappingProxyType(
    {Scope.VM: "cloud_snapshot_vm_actions", Scope.TENANT: "cloud_snapshot_tenant_actions"}
)
BUILT = frozenset({"normal", "held"})
VISIBLE_AFTER = 5.0
"""Seconds in which what was made must show."""
BEGINS_WITHIN = 60.0
"""Seconds in which a recovery must show that it was begun where the platform's answer was lost."""


class Made(NamedTuple):
    """The new object: its permanent id, and what the operator is told."""

    id: str
    notices: tuple[str, ...] = ()


class VmClone(NamedTuple):
    """A clone of the hidden VM that holds a VM's snapshot: ``hidden`` is its key in ``vms``."""

    hidden: int
    name: str
    preserve_macs: bool

    def act(self, connection: Connection) -> Made:
        """Make the clone; raises ``OutcomeUnknownError`` where it may be there and does not show."""
        params: dict[str, Any] = {"name": self.name, **({"preserve_macs": True} if self.preserve_macs else {})}
        said = "the clone was accepted"
        try:
            connection.api.post("vm_actions", {"vm": self.hidden, "action": "clone", "params": params})
        except OutcomeUnknownError as error:
            said = str(error)
        with connection.looking(said):
            for _ in connection.looks(VISIBLE_AFTER):
                made = objects_named(connection, Scope.VM, self.name)
                if made:
                    return Made(str(made[0]["uuid"]))
        raise OutcomeUnknownError(connection.backend, f"{said}; {self.name} does not show yet")


class CloudClone(NamedTuple):
    """A VM or tenant out of a system snapshot: ``row`` is its key among the contents, ``before`` its last recovery."""

    scope: Scope
    row: int
    name: str
    before: tuple[str, str]
    notices: tuple[str, ...] = ()

    def act(self, connection: Connection) -> Made:
        """Begin the recovery and wait until the platform says that it is complete.

        Raises ``RefusedError`` where it failed, ``OutcomeUnknownError`` where it may still succeed.
        """
        body = {"action": "recover", "params": {"rows": [self.row], "name": self.name}}
        said, answered = "the recovery was accepted", True
        try:
            connection.api.post(RECOVER[self.scope], body)
        except OutcomeUnknownError as error:
            said, answered = str(error), False
        limit = connection.options.building_timeout.total_seconds()
        with connection.looking(said):
            if not answered and not self._has_begun(connection, min(limit, BEGINS_WITHIN)):
                raise OutcomeUnknownError(connection.backend, f"{said}; looked: {self.name} is not being recovered")
            for _ in connection.looks(limit):
                made = self._look(connection)
                if made is not None:
                    return self._finished(connection, made)
        raise OutcomeUnknownError(connection.backend, f"{said}; {self.name} is not complete yet")

    def _has_begun(self, connection: Connection, limit: float) -> bool:
        """Whether within ``limit`` seconds something shows that the platform is at this recovery, or that it is done."""
        for _ in connection.looks(limit):
            if state(content_row(connection, self.scope, self.row)) != self.before:
                return True
            if objects_named(connection, self.scope, self.name):
                return True
        return False

    def _look(self, connection: Connection) -> Row | None:
        now = state(content_row(connection, self.scope, self.row))
        status, info = now
        if status == "error" and now != self.before:
            raise connection.refuse(f"the recovery of {self.name} failed: {info or 'no reason was given'}")
        if status == "importing":
            return None
        # The platform says what it really called it; what stood there before this recovery says nothing.
        said = info.removeprefix(RESTORED_TO) if info.startswith(RESTORED_TO) and now != self.before else self.name
        made = objects_named(connection, self.scope, said)
        return made[0] if made else None

    def _finished(self, connection: Connection, made: Row) -> Made:
        """Wait until a tenant is provisioned; return what was made."""
        for _ in connection.looks(connection.options.building_timeout.total_seconds()):
            if self.scope is not Scope.TENANT or made.get("status") != "provisioning":
                break
            made = find_object(connection, self.scope, str(made["uuid"])) or made
        renamed = made["name"] != self.name
        told = (f"the name {self.name} was taken meanwhile: it is called {made['name']}",) if renamed else ()
        return Made(str(made["uuid"]), (*self.notices, *told))


def prepare_clone(connection: Connection, wanted: Wanted) -> VmClone | CloudClone:
    """Look at everything that could keep a clone from being made; raises the kinds of ``RefusedError``."""
    row = wanted.source_row(connection)
    if objects_named(connection, wanted.scope, wanted.as_name):
        text = f"{connection.backend}: there is a {wanted.scope} called {wanted.as_name} already"
        raise NameTakenError(connection.backend, text)
    if wanted.source_scope is Scope.VM:
        return VmClone(hidden_vm(connection, row), wanted.as_name, wanted.preserve_macs)
    if wanted.preserve_macs:
        raise connection.refuse("the API keeps network addresses only in clones of a VM's own snapshot")
    if row.get("status") not in BUILT:
        raise connection.refuse(f"the system snapshot {row['name']} is not complete")
    content = find_content(connection, wanted)
    notices = (content.notice,) if content.notice else ()
    return CloudClone(wanted.scope, content.row, wanted.as_name, content.state, notices)
