"""Rows and bytes past the API: what the control interface reads and writes without the platform's rules."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.planting import set_agent
from snapplan.devtools.vergeos.refusal import SimulatorError
from snapplan.devtools.vergeos.rules import events
from snapplan.devtools.vergeos.rules.contents import vm_image
from snapplan.devtools.vergeos.rules.values import as_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Row


def rows(system: System, table: str) -> list[Row]:
    """Return all rows of a table as they are, without hidden members."""
    if table not in system.store.tables:
        raise SimulatorError(f"there is no table {table!r}")
    return [_shown(row) for row in system.store.rows(table).values()]


def _shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith("_")}


def find(system: System, table: str, key: str) -> Row:
    """Return a row by its key or its name; raises SimulatorError when there is none, or more than one of that name."""
    if table not in system.store.tables:
        raise SimulatorError(f"there is no table {table!r}")
    row = system.row(table, as_key(system, table, key))
    if row is not None:
        return row
    named = [each for each in system.store.find(table, name=key) if not each.get("is_snapshot")]
    if len(named) != 1:
        raise SimulatorError(f"{len(named)} rows of {table} are called {key!r}")
    return named[0]


def add(system: System, table: str, many: Sequence[Row]) -> list[Row]:
    """Store rows with these columns, the others at their defaults, made now; returns them."""
    if table not in system.store.tables:
        raise SimulatorError(f"there is no table {table!r}")
    columns = [each for each in system.tables[table].columns if each.access != "write"]
    defaults = {each.name: system.now if each.name == "created" else each.default for each in columns}
    made = [_shown(system.store.insert(table, {**defaults, **values})) for values in many]
    events.reschedule(system)
    return made


def change(system: System, table: str, key: str, values: Row) -> Row:
    """Change any columns of a row."""
    row = system.store.change(table, find(system, table, key)["$key"], **values)
    events.reschedule(system)
    return _shown(row)


def agent(system: System, vm: str, version: str) -> None:
    """Connect or disconnect a VM's guest agent."""
    row = find(system, "vms", vm)
    set_agent(system, row["machine"], version)
    system.store.change("vms", row["$key"], guest_agent=bool(version) or row["guest_agent"])


def read(system: System, table: str, key: str, part: str | None) -> tuple[str, bytes]:
    """Return the digest and the bytes of a VM's drive, a volume, a tenant, or of a snapshot of one.

    The drive is the first unless ``part`` names another.
    """
    row = find(system, table, key)
    digest = _digest(system, table, row, part)
    held = system.blobs.get(digest)
    return hashlib.sha256(held).hexdigest(), held


def _digest(system: System, table: str, row: Row, part: str | None) -> str | None:
    image: Any = row.get("_image")
    if table == "vms":
        image = vm_image(system, row)
    if image is None:
        return row.get("_contents")
    if "drives" not in image:
        contents: str | None = image["contents"]
        return contents
    drives = [drive for drive in image["drives"] if part in (None, drive["name"])]
    if not drives:
        raise SimulatorError(f"{row['name']} has no drive {part or ''}")
    digest: str | None = drives[0].get("_contents")
    return digest


def write(system: System, table: str, key: str, part: str | None, held: bytes) -> str:
    """Replace the bytes of a drive of a VM, of a volume or of a tenant; returns their digest."""
    row = find(system, table, key)
    digest = system.blobs.put(held)
    if table in ("volumes", "tenants"):
        system.store.change(table, row["$key"], _contents=digest)
        return digest
    if table != "vms" or row["is_snapshot"]:
        raise SimulatorError(f"bytes of {table} cannot be written")
    drives = system.store.find("machine_drives", machine=row["machine"])
    for drive in drives:
        if part in (None, drive["name"]):
            system.store.change("machine_drives", drive["$key"], _contents=digest, disksize=len(held))
            return digest
    raise SimulatorError(f"{row['name']} has no drive {part or ''}")
