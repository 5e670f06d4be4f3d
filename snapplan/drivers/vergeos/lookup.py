"""Looking up objects and snapshots by what is unique of them: permanent ids and names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.drivers.vergeos.api import quoted
from snapplan.drivers.vergeos.keys import TABLES, parent_column
from snapplan.drivers.vergeos.objects import REMOTE
from snapplan.drivers.vergeos.reads import LIVE, SNAPSHOT_FIELDS, TENANT_FIELDS, VM_FIELDS, VOLUME_FIELDS
from snapplan.errors import NotFoundError
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection

OBJECT_TABLES = {Scope.VM: "vms", Scope.TENANT: "tenants", Scope.VOLUME: "volumes"}
OBJECT_FIELDS = {
    Scope.VM: f"{VM_FIELDS},created,machine#status#started as started",
    Scope.TENANT: f"{TENANT_FIELDS},created,restore_pending,status#started as started",
    Scope.VOLUME: VOLUME_FIELDS,
}
ID_COLUMNS = {Scope.VM: "uuid", Scope.TENANT: "uuid", Scope.VOLUME: "id"}


def object_row(connection: Connection, scope: Scope, id_: str) -> Row:
    """Return the row of a VM, tenant or volume by its permanent id; raise ``NotFoundError`` where it is gone."""
    found = find_object(connection, scope, id_)
    if found is None:
        raise NotFoundError(connection.backend, f"{connection.backend}: there is no {scope} with the id {id_} any more")
    return found


def find_object(connection: Connection, scope: Scope, id_: str) -> Row | None:
    """Return the row of a VM, tenant or volume by its permanent id, ``None`` where there is none.

    Where two rows have one UUID, the id of the one with the higher key has the key behind it, as the inventory lists it.
    """
    identity, _, key = (id_, "", "") if scope is Scope.VOLUME else id_.partition("/")
    where = f"{ID_COLUMNS[scope]} eq {quoted(identity)}"
    rows = connection.api.rows(OBJECT_TABLES[scope], OBJECT_FIELDS[scope], where=where)
    found = [row for row in rows if row.get(ID_COLUMNS[scope]) == identity and key in ("", str(row["$key"]))]
    # The hidden VM that holds a snapshot may show the UUID of the VM that it is of.
    live = [row for row in found if not row.get("is_snapshot")]
    return min(live or found, key=lambda row: row["$key"], default=None)


def objects_named(connection: Connection, scope: Scope, name: str) -> list[Row]:
    """Return the rows of the VMs, tenants or volumes of this name; hidden snapshot VMs and the like are left out."""
    where = f"name eq {quoted(name)} and {LIVE}"
    rows = connection.api.rows(OBJECT_TABLES[scope], OBJECT_FIELDS[scope], where=where)
    return [row for row in rows if row.get("name") == name and not row.get("is_snapshot")]


def parent_key(connection: Connection, scope: Scope, id_: str) -> int | str | None:
    """Return what a new snapshot of a target refers to, ``None`` for the whole system.

    Raises ``NotFoundError`` where the target is gone, ``RefusedError`` where the platform cannot snapshot it.
    """
    if scope is Scope.CLOUD:
        return None
    row = object_row(connection, scope, id_)
    if row.get("is_snapshot"):
        raise connection.refuse(f"{scope} {row.get('name')} is a snapshot itself; the platform takes none of snapshots")
    if scope is Scope.VOLUME and row.get("fs_type") in REMOTE:
        raise connection.refuse(
            f"volume {row.get('name')} is a share of another machine ({row['fs_type']}); the platform snapshots local ones"
        )
    key: int | str = row["machine"] if scope is Scope.VM else row["$key"]
    return key


def snapshots_named(connection: Connection, scope: Scope, parent: int | str | None, name: str) -> list[Row]:
    """Return the snapshots of one target under one name: one at most, where the platform keeps its promises."""
    column = parent_column(scope)
    own = "" if column is None else f"{column} eq {parent if isinstance(parent, int) else quoted(str(parent))} and "
    rows = connection.api.rows(TABLES[scope], SNAPSHOT_FIELDS[scope], where=f"{own}name eq {quoted(name)}")
    return [row for row in rows if row.get("name") == name and (column is None or row.get(column) == parent)]
