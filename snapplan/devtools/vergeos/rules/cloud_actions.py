"""Actions on system snapshots and on their contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.refusal import Refusal, no_such_row, not_permitted
from snapplan.devtools.vergeos.rules import cloud, expiry
from snapplan.devtools.vergeos.rules.contents import new_tenant, vm_from
from snapplan.devtools.vergeos.rules.values import as_key, text, unique

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key, Row

Params = Mapping[str, Any]


def find(kind: str) -> Callable[[System, Row, Params], Any]:
    """Return the action that lists a snapshot's ``vms`` or ``tenants``; the platform takes its time for it."""

    def action(system: System, row: Row, params: Params) -> Any:
        system.later(system.now + system.timings.find, f"find_{kind}", cloud.TABLE, row["$key"])
        return None

    return action


def on_find(kind: str) -> Callable[[System, str, Key], None]:
    """Return what happens when such a listing is done."""

    def handler(system: System, table: str, key: Key) -> None:
        row = system.row(table, key)
        if row is not None:
            cloud.fill(system, row, (kind,))

    return handler


def refresh(system: System, row: Row, params: Params) -> Any:
    """Read a snapshot's state again: nothing that clients can see."""
    return None


def clone(system: System, row: Row, params: Params) -> Any:
    """Make another system snapshot with the same contents (since 26.0)."""
    copy = {**row, "name": text(params, "name", f"{row['name']} clone"), "immutable": False, "snapshot_period": None}
    copy |= {"immutable_status": "unlocked", "immutable_lock_expires": None, "created": row["created"]}
    for hidden in ("$key", "_listed_vms", "_listed_tenants"):
        copy.pop(hidden, None)
    unique(system, system.tables[cloud.TABLE], copy)
    made = system.store.insert(cloud.TABLE, copy)
    expiry.watch(system, cloud.TABLE, made)
    return {"$key": str(made["$key"])}


def request(system: System, row: Row, params: Params) -> Any:
    """Ask the provider for one of its snapshots: it becomes the tenant's own after a while, and editable."""
    if not row["provider"]:
        raise not_permitted("Snapshot is not a provider snapshot")
    system.later(system.now + system.timings.request, "arrived", cloud.TABLE, row["$key"])
    return None


def on_arrived(system: System, table: str, key: Key) -> None:
    """Make a requested snapshot local."""
    if system.row(table, key) is not None:
        system.store.change(table, key, provider=False)


def recover(noun: str) -> Callable[[System, Params], Any]:
    """Return the action that makes new VMs or tenants (``noun``) out of rows of a snapshot's contents."""
    table = f"cloud_snapshot_{noun}s"

    def action(system: System, params: Params) -> Any:
        wanted = params.get("rows")
        keys = [as_key(system, table, key) for key in wanted] if isinstance(wanted, list) else []
        rows = [system.row(table, key) for key in keys]
        missing = [key for key, row in zip(keys, rows, strict=True) if row is None]
        if missing or not rows:
            raise no_such_row(table, missing[0] if missing else "", "recover")
        name = text(params, "name", "")
        if name and len(rows) > 1 and system.switches["recover_many_name"] == "refuse":
            raise Refusal(422, "A name needs a single row")
        for row in rows:
            assert row is not None
            system.store.change(table, row["$key"], status="importing", _new_name=name)
            system.later(system.now + system.timings.recover, "recovered", table, row["$key"])
        return None

    return action


def on_recovered(system: System, table: str, key: Key) -> None:
    """Finish a recovery: the new VM or tenant is there, and its name stands in ``status_info``."""
    row = system.row(table, key)
    if row is None or row["status"] != "importing":
        return
    target = "vms" if table == "cloud_snapshot_vms" else "tenants"
    name = free_name(system, target, row["_new_name"], row["name"])
    if target == "vms":
        vm_from(system, row["_image"], name, False, row["description"])
    else:
        image = row["_image"]
        tenant = new_tenant(system, name, image["tenant"], "provisioning")
        system.later(system.now + system.timings.provision, "provisioned", "tenants", tenant["$key"])
    system.store.change(table, key, status="complete", status_info=f"Restored to: {name}")
    system.log("audit", f"Restored '{row['name']}' to '{name}'", target, name)


def free_name(system: System, table: str, wanted: str | None, original: str) -> str:
    """Return the wanted name, or the original's, with the lowest number in brackets that makes it new."""
    taken = {row["name"] for row in system.store.rows(table).values() if not row["is_snapshot"]}
    if wanted and wanted not in taken:
        return wanted
    number = 1
    while f"{wanted or original} ({number})" in taken:
        number += 1
    return f"{wanted or original} ({number})"
