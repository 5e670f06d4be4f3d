"""Every table, as a platform of a version and with switches offers it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.tables import captures, machines, profiles, storage
from snapplan.devtools.vergeos.tables.shape import Column, Table
from snapplan.devtools.vergeos.tables.version import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES = (*profiles.TABLES, *machines.TABLES, *captures.TABLES, *storage.TABLES)


def offered(version: Version, switches: Mapping[str, str]) -> dict[str, Table]:
    """Return the tables that exist, each with the columns that exist."""

    def holds(when: tuple[str, str] | None) -> bool:
        return when is None or switches[when[0]] == when[1]

    def exists(item: Column | Table) -> bool:
        old_enough = not item.since or version >= Version.parse(item.since)
        return old_enough and holds(item.when)

    return {
        table.name: replace(
            table,
            columns=tuple(column for column in table.columns if exists(column)),
            unique=table.unique if holds(table.unique_when) else (),
        )
        for table in TABLES
        if exists(table)
    }


def description(table: Table) -> dict[str, Any]:
    """Return what ``GET <table>/$table`` answers.

    The layout is ours: that the address answers with a schema is documented, its layout is not.
    """
    fields = [
        {
            "name": column.name,
            "type": column.kind,
            "default": column.default,
            "required": column.required,
            "readonly": column.access == "r",
            "create_only": column.access == "create",
            "argument": column.access == "write",
            **({"list": list(column.choices)} if column.choices else {}),
            **({"table": column.table} if column.table else {}),
        }
        for column in (*table.columns, *_written_through(table))
    ]
    return {"name": table.name, "fields": fields, "methods": sorted(table.methods)}


def _written_through(table: Table) -> list[Column]:
    return [Column(name, "row", access="write", table="snapshot_profiles") for name in table.through]
