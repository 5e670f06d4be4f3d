"""The id of a snapshot: table, key, creation and name, as the platform gives a key out again after a deletion."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

CLOUD_ID = "cloud"
TABLES: Mapping[Scope, str] = MappingProxyType(
    {
        Scope.CLOUD: "cloud_snapshots",
        Scope.TENANT: "tenant_snapshots",
        Scope.VM: "machine_snapshots",
        Scope.VOLUME: "volume_snapshots",
    }
)
SCOPES: Mapping[str, Scope] = MappingProxyType({table: scope for scope, table in TABLES.items()})
# The column of a snapshot that refers to what it is of. That of a VM is its machine, whose keys are others than the VMs'.
PARENTS: Mapping[Scope, str] = MappingProxyType({Scope.TENANT: "tenant", Scope.VM: "machine", Scope.VOLUME: "volume"})


class RowId(NamedTuple):
    """One row as it was seen. ``created`` is in seconds since 1970."""

    table: str
    key: int
    created: int
    name: str

    def __str__(self) -> str:
        return f"{self.table}/{self.key}/{self.created}/{self.name}"


def table_of(scope: Scope) -> str:
    """Return the table of the snapshots of a scope."""
    return TABLES[scope]


def parent_column(scope: Scope) -> str | None:
    """Return the column of a snapshot that refers to what it is of; a system snapshot has none."""
    return PARENTS.get(scope)


def parse_row_id(text: str) -> RowId:
    """Return what ``text`` names; raise ``ValueError`` where it is not such an id."""
    table, key, created, name = text.split("/", 3)
    return RowId(table, int(key), int(created), name)
