"""System snapshots: what they capture, how they are built, what their contents are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.refusal import Refusal
from snapplan.devtools.vergeos.rules import expiry, locks
from snapplan.devtools.vergeos.rules.contents import Image, tenant_image, vm_image, volume_image

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key, Row

TABLE = "cloud_snapshots"
# Release notes 4.12: a system holds at most 2,048 system snapshots.
MOST = 2048
Capture = Mapping[str, list[Image]]


def take(system: System, fields: Row) -> Row:
    """Take a system snapshot of what is there now; ``fields`` are columns of the new row."""
    if len(system.store.rows(TABLE)) >= MOST:
        raise Refusal(422, "Maximum number of snapshots reached")
    state = {"created": system.now, "status": None, "status_info": "", "_capture": capture(system, fields)}
    row = system.store.insert(TABLE, {**fields, **state, **locks.new_lock(fields), "_populated": False})
    system.later(system.now + system.timings.blank, "built", TABLE, row["$key"])
    expiry.watch(system, TABLE, row)
    if system.switches["tenant_rows"] == "at_capture":
        list_for_tenants(system, row)
    return row


def on_built(system: System, table: str, key: Key) -> None:
    """Move a snapshot on: no status, then building, then normal."""
    row = system.row(table, key)
    if row is None or row["status"] not in (None, "building"):
        return
    done = row["created"] + system.timings.building
    if system.now < done:
        system.store.change(table, key, status="building")
        system.later(done, "built", table, key)
        return
    finished = system.store.change(table, key, status="normal")
    expiry.review(system, table, finished)
    expiry.on_expire(system, table, key)


def capture(system: System, fields: Row) -> Capture:
    """Return images of everything that a snapshot with these columns takes."""
    kind = fields.get("type", "full")
    tagged = members(system, tag_keys(fields.get("partial_tags", "")))

    def taken(table: str) -> Iterable[Row]:
        for row in system.store.find(table, is_snapshot=False):
            if kind == "full" or (f"{table}/{row['$key']}" in tagged) == (kind == "partial_include"):
                yield row

    return {
        "vms": [vm_image(system, row) for row in taken("vms")],
        "tenants": [tenant_image(row) for row in taken("tenants")],
        "volumes": [volume_image(row) for row in taken("volumes")],
    }


def tag_keys(text: str | None) -> set[int]:
    """Return the keys in a column of tags; a name in it means nothing, and no error says so."""
    return {int(word) for word in (text or "").split(",") if word.strip().isdigit()}


def members(system: System, tags: set[int]) -> set[str]:
    """Return what carries one of the tags, as ``vms/2``."""
    return {row["member"] for tag in tags for row in system.store.find("tag_members", tag=tag)}


def populate(system: System, fixed: Mapping[str, Any]) -> None:
    """List the contents of built snapshots (of the one that a query fixes) before somebody reads them."""
    if system.switches["contents"] == "on_request":
        return
    one = system.row(TABLE, fixed.get("cloud_snapshot"))
    for row in [one] if one is not None else [] if "cloud_snapshot" in fixed else [*system.store.rows(TABLE).values()]:
        fill(system, row, ("vms", "tenants"))


def fill(system: System, row: Row, kinds: Iterable[str]) -> None:
    """Make the rows of a snapshot's contents that are not there yet."""
    if row.get("_capture") is None:
        return
    for kind in kinds:
        table, noun = f"cloud_snapshot_{kind}", kind[:-1]
        if row.get(f"_listed_{kind}"):
            continue
        for image in row["_capture"][kind]:
            system.store.insert(table, {"cloud_snapshot": row["$key"], "_image": image, **_content(image[noun], noun)})
        row = system.store.change(TABLE, row["$key"], **{f"_listed_{kind}": True})


def _content(source: Row, noun: str) -> Row:
    copied = {name: source[name] for name in ("name", "description", "uuid", "cpu_cores", "ram")}
    own = {"os_family": source["os_family"], "machine_uuid": ""} if noun == "vm" else {"nodes": source["nodes"]}
    state = {"original_key": source["$key"], "is_snapshot": False, "status": "idle", "status_info": ""}
    return {**copied, **own, **state}


def list_for_tenants(system: System, row: Row, only: Key | None = None) -> None:
    """Make rows of ``tenant_snapshots`` for what a system snapshot took of each tenant."""
    profile = system.row("snapshot_profiles", row["snapshot_profile"])
    period = system.row("snapshot_profile_periods", row["snapshot_period"])
    for image in (row.get("_capture") or {"tenants": []})["tenants"]:
        tenant = image["tenant"]["$key"]
        wanted = only in (None, tenant) and system.row("tenants", tenant) is not None
        if not wanted or system.store.find("tenant_snapshots", tenant=tenant, name=row["name"]):
            continue
        fields = {
            "tenant": tenant,
            "name": row["name"],
            "description": row["description"],
            "profile": None if profile is None else profile["name"],
            "period": None if period is None else period["name"],
            "min_snapshots": row["min_snapshots"],
            "created": row["created"],
            "expires": row["expires"],
            "type": row.get("type", "full"),
            "_contents": image["contents"],
            "_cloud_snapshot": row["$key"],
        }
        system.store.insert("tenant_snapshots", fields)
