"""Removing rows with what hangs on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key, Row

TAGGED = frozenset({"vms", "tenants", "volumes"})


def remove(system: System, table: str, key: Key) -> Row:
    """Remove a row, what it owns, what belongs to it and the tags on it; null what only refers to it."""
    row = system.store.remove(table, key)
    spec = system.store.tables[table]
    for other, column in spec.owned:
        if other in system.store.tables:
            for owned in system.store.find(other, **{column: key}):
                if system.row(other, owned["$key"]) is not None:
                    remove(system, other, owned["$key"])
    for other, column in spec.forgotten:
        if system.switches["period_gone"] == "forgotten":
            _forget(system, other, column, key)
    if table in TAGGED:
        for member in system.store.find("tag_members", member=f"{table}/{key}"):
            remove(system, "tag_members", member["$key"])
    _belongings(system, table, row)
    return row


def _forget(system: System, table: str, column: str, key: Key) -> None:
    for row in system.store.find(table, **{column: key}):
        system.store.change(table, row["$key"], **{column: None})


def _belongings(system: System, table: str, row: Row) -> None:
    if table == "vms" and system.row("machines", row["machine"]) is not None:
        remove(system, "machines", row["machine"])
    elif table == "machine_snapshots" and system.switches["hidden_vm"] == "removed":
        for hidden in system.store.find("vms", machine=row["snap_machine"]):
            remove(system, "vms", hidden["$key"])
