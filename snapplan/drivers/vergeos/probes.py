"""What this one system offers: by its version, its columns, and the schema of its tables.

Nothing that a client of the platform was never seen to do is done because it might work: a schema must show it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.drivers.vergeos.api import numbers
from snapplan.drivers.vergeos.profiles import PARTIAL_COLUMNS
from snapplan.drivers.vergeos.reads import PARTIAL_SINCE
from snapplan.models.target import Capabilities, RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from snapplan.drivers.vergeos.api import Api, Row
    from snapplan.drivers.vergeos.reads import SystemRows

MOST_REQUESTS = 15
"""So many requests may a refresh make."""
VOLUME_ACTIONS = "volume_actions"
VOLUME_RESTORE = RestorePath(Scope.VOLUME, Scope.VOLUME, RestoreMode.IN_PLACE)
WHOLE_RESTORE = RestorePath(Scope.CLOUD, Scope.CLOUD, RestoreMode.IN_PLACE)
NOT_OFFERED = "this system does not offer it through the API; do it in the UI at "
PLACES: Mapping[RestorePath, str] = MappingProxyType(
    {
        VOLUME_RESTORE: "NAS > Volumes > the volume > Snapshots > Restore > Restore over Source",
        RestorePath(Scope.VOLUME, Scope.VOLUME, RestoreMode.CLONE): (
            "NAS > Volumes > the volume > Snapshots > Restore > Restore To New"
        ),
        WHOLE_RESTORE: "System > System Snapshots > the snapshot > Restore System",
        RestorePath(Scope.CLOUD, Scope.VOLUME, RestoreMode.IN_PLACE): (
            "NAS > Volumes > the volume > System Snapshots > Import Snapshot, and restore from that"
        ),
        RestorePath(Scope.CLOUD, Scope.VOLUME, RestoreMode.CLONE): (
            "NAS > Volumes > the volume > System Snapshots > Import Snapshot, and restore from that"
        ),
        RestorePath(Scope.CLOUD, Scope.VM, RestoreMode.IN_PLACE): (
            "the VM > Snapshots > System Snapshots > Import VM Snapshot, and restore from that; or restore it as a clone"
        ),
        RestorePath(Scope.CLOUD, Scope.TENANT, RestoreMode.IN_PLACE): (
            "the tenant > Snapshots, where the snapshot is listed as well; or restore it as a clone"
        ),
        RestorePath(Scope.TENANT, Scope.TENANT, RestoreMode.CLONE): (
            "the tenant > Snapshots; or restore it as a clone out of a system snapshot"
        ),
    }
)
"""Where a person does what the API does not (product guide, restores)."""


class Offers(NamedTuple):
    """What was found out about one system beyond its rows."""

    volume_restore: bool = False


def probe(api: Api, rows: SystemRows) -> Offers:
    """Ask for the schema that tells whether volumes can be restored: one request, and none where nothing depends on it.

    It is left out as well where a refresh would make more than ``MOST_REQUESTS``. Raises ``UnreachableError`` where the
    system does not answer; a schema that it does not show offers nothing.
    """
    if not rows.volumes or rows.requests >= MOST_REQUESTS:
        return Offers()
    return Offers(volume_restore=restores_volumes(api.schema(VOLUME_ACTIONS)))


def capabilities_of(static: Capabilities, rows: SystemRows, offers: Offers, requests_per_hour: int) -> Capabilities:
    """Return what ``static``, the most that any system can do, comes to on this one."""
    restores = static.restores if offers.volume_restore else static.restores - {VOLUME_RESTORE}
    return static._replace(
        restores=restores,
        unavailable={path: NOT_OFFERED + place for path, place in PLACES.items() if path not in restores},
        period_fields=static.period_fields - _without(_has_partial(rows), {"type", "partial_tags", "quiesce_tags"}),
        native_period_fields=static.native_period_fields - _without_columns(rows),
        requests_per_hour=requests_per_hour,
    )


def restores_volumes(schema: Row | None) -> bool:
    """Say whether the schema of ``volume_actions`` knows the action that restores a volume out of its snapshot."""
    return "restore" in words(schema, "action")


def columns(schema: Row | None) -> dict[str, Row]:
    """Return the columns that a schema describes, by name.

    The layout of a schema is documented nowhere: any object with a ``name`` in a list, or under the name of the column in
    an object, counts.
    """
    found: dict[str, Row] = {}
    for name in ("fields", "columns"):
        entries = (schema or {}).get(name)
        if isinstance(entries, dict):
            found |= {str(key): value if isinstance(value, dict) else {} for key, value in entries.items()}
        elif isinstance(entries, list):
            found |= {str(each["name"]): each for each in entries if isinstance(each, dict) and "name" in each}
    return found


def words(schema: Row | None, column: str) -> frozenset[str]:
    """Return the words that a column takes, as far as the schema lists them."""
    return frozenset(_texts(columns(schema).get(column, {}).get("list")))


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        yield from map(str, found)
    elif isinstance(found, list):
        for each in found:
            yield str(each.get("name", each.get("value", ""))) if isinstance(each, dict) else str(each)


def _has_partial(rows: SystemRows) -> bool:
    return numbers(rows.version) >= PARTIAL_SINCE


def _without(offered: bool, names: set[str]) -> set[str]:
    return set() if offered else {f"{Scope.CLOUD}.{name}" for name in names}


def _without_columns(rows: SystemRows) -> set[str]:
    """Return the fields of system snapshots whose columns the periods of this system do not have."""
    if not rows.periods:
        return _without(_has_partial(rows), set(PARTIAL_COLUMNS))
    present = {column for row in rows.periods for column in PARTIAL_COLUMNS if column in row}
    return {f"{Scope.CLOUD}.{column}" for column in PARTIAL_COLUMNS if column not in present}
