"""The id of a snapshot: table, key, creation and name, as the platform gives a key out again after a deletion."""

from __future__ import annotations

from typing import NamedTuple

from snapplan.models.target import Scope

TABLES = {
    Scope.CLOUD: "cloud_snapshots",
    Scope.TENANT: "tenant_snapshots",
    Scope.VM: "machine_snapshots",
    Scope.VOLUME: "volume_snapshots",
}


class RowId(NamedTuple):
    """One row as it was seen. ``created`` is in seconds since 1970."""

    table: str
    key: int
    created: int
    name: str

    def __str__(self) -> str:
        return f"{self.table}/{self.key}/{self.created}/{self.name}"


def parse_row_id(text: str) -> RowId:
    """Return what ``text`` names; raise ``ValueError`` where it is not such an id."""
    table, key, created, name = text.split("/", 3)
    return RowId(table, int(key), int(created), name)
