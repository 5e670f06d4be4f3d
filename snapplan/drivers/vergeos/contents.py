"""What a system snapshot contains: rows that the platform may list only after it was asked to."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.vergeos.standing import row_of
from snapplan.errors import NotFoundError, OutcomeUnknownError
from snapplan.models.homonyms import own_name
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.drivers.vergeos.api import Row
    from snapplan.drivers.vergeos.connection import Connection
    from snapplan.drivers.vergeos.wanted import Wanted

TABLES: Mapping[Scope, str] = MappingProxyType({Scope.VM: "cloud_snapshot_vms", Scope.TENANT: "cloud_snapshot_tenants"})
FIND: Mapping[Scope, str] = MappingProxyType({Scope.VM: "find_vms", Scope.TENANT: "find_tenants"})
FIELDS = "$key,name,uuid,original_key,cloud_snapshot,status,status_info"
PATIENCE = 180.0
"""Seconds that the platform has to list the contents ("may take up to a few minutes", product guide)."""
SETTLED = 3
"""So many looks that show the same list are the whole list."""


class Content(NamedTuple):
    """One VM or tenant in a system snapshot: its row's key, the state of its last recovery, and a notice about it."""

    row: int
    state: tuple[str, str]
    notice: str = ""


def find_content(connection: Connection, wanted: Wanted) -> Content:
    """Return where a VM or tenant is in the system snapshot that it is to be restored from.

    A snapshot of the provider is requested first. Raises ``NotFoundError`` where the snapshot does not contain it.
    """
    _make_local(connection, wanted)
    rows = _rows(connection, wanted)
    found = _matching(rows, wanted)
    if found is None:
        rows = _listed(connection, wanted)
        found = _matching(rows, wanted)
    if found is None:
        text = f"the system snapshot {wanted.source.name} does not contain {wanted.scope} {wanted.name}"
        raise NotFoundError(connection.backend, f"{connection.backend}: {text}")
    same = found.get("uuid") in (None, "", wanted.target_id)
    notice = "" if same else f"the {wanted.scope} of this name in the snapshot is another one than today's"
    return Content(int(found["$key"]), state(found), notice)


def is_importing(connection: Connection, wanted: Wanted) -> bool:
    """Whether the platform is at restoring what is wanted."""
    found = _matching(_rows(connection, wanted), wanted)
    return found is not None and state(found)[0] == "importing"


def content_row(connection: Connection, scope: Scope, key: int) -> Row:
    """Return the row of a content, an empty one where it is gone."""
    return connection.api.row(TABLES[scope], key, FIELDS) or {}


def state(row: Row) -> tuple[str, str]:
    """Return status (idle, importing, complete, error) and ``status_info`` of a content's last recovery."""
    return str(row.get("status") or ""), str(row.get("status_info") or "")


def _make_local(connection: Connection, wanted: Wanted) -> None:
    """Request a snapshot of the provider and wait until it is this tenant's own (API reference, contents)."""
    if not wanted.source_row(connection).get("provider"):
        return
    _act(connection, wanted, "request")
    for _ in connection.looks(connection.options.building_timeout.total_seconds()):
        row = row_of(connection, Scope.CLOUD, wanted.source)
        if row is not None and not row.get("provider"):
            return
    raise connection.refuse(
        f"the provider's snapshot {wanted.source.name} was requested and has not arrived", hint="apply again later"
    )


def _listed(connection: Connection, wanted: Wanted) -> list[Row]:
    """Have the platform list the contents; return them when ours is there or the list grows no more."""
    _act(connection, wanted, FIND[wanted.scope])
    rows: list[Row] = []
    unchanged = 0
    for _ in connection.looks(PATIENCE):
        before, rows = rows, _rows(connection, wanted)
        unchanged = unchanged + 1 if rows and len(rows) == len(before) else 0
        if unchanged >= SETTLED or _matching(rows, wanted) is not None:
            break
    return rows


def _act(connection: Connection, wanted: Wanted, action: str) -> None:
    try:
        connection.api.post("cloud_snapshot_actions", {"cloud_snapshot": wanted.source.key, "action": action})
    except OutcomeUnknownError:
        return  # what it came to, the waiting shows


def _rows(connection: Connection, wanted: Wanted) -> list[Row]:
    return connection.api.rows(TABLES[wanted.scope], FIELDS, where=f"cloud_snapshot eq {wanted.source.key}")


def _matching(rows: list[Row], wanted: Wanted) -> Row | None:
    """Return the content that has the target's id, else the only one that has its name."""
    by_id = [row for row in rows if row.get("uuid") and row["uuid"] == wanted.target_id]
    name = own_name(wanted.name, wanted.target_id)
    by_name = [row for row in rows if row.get("name") == name]
    return by_id[0] if by_id else by_name[0] if len(by_name) == 1 else None
