"""What happens around a write, table by table; a table without an entry just stores what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.refusal import Refusal, fails_validation, not_permitted
from snapplan.devtools.vergeos.rules import (
    cloud,
    contents,
    expiry,
    locks,
    machine_snapshots,
    profiles,
    tags,
    tenants,
    volumes,
)
from snapplan.devtools.vergeos.rules.removal import remove

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Row

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Hooks:
    """``make`` stores a new row; ``change`` returns what a PUT changes, ``changed`` follows it; ``delete`` deletes."""

    make: Callable[[System, Row, Body], Row] | None = None
    change: Callable[[System, Row, Row, Body], Row] | None = None
    changed: Callable[[System, Row, Row], None] | None = None
    delete: Callable[[System, Row], None] | None = None


def _make_period(system: System, row: Row, body: Body) -> Row:
    made = system.store.insert("snapshot_profile_periods", profiles.new_period(system, row))
    profiles.period_written(system, None, made)
    return made


def _change_period(system: System, row: Row, changes: Row, body: Body) -> Row:
    return profiles.changed_period(system, row, changes)


def _make_machine_snapshot(system: System, row: Row, body: Body) -> Row:
    kept = expiry.asked_for(system, body, expiry.DEFAULT_RETENTION)
    fields = {**row, "expires": kept, "expires_type": "date" if kept else "never", "snapshot_period": None}
    return machine_snapshots.take(system, fields, machine_snapshots.requested(body))


def _change_expiring(system: System, row: Row, changes: Row, body: Body) -> Row:
    return expiry.changed(body, changes)


def _watching(table: str) -> Callable[[System, Row, Row], None]:
    def changed(system: System, before: Row, row: Row) -> None:
        if row["expires"] != before["expires"]:
            expiry.watch(system, table, row)
            if table == "cloud_snapshots" and row["status"] == "held":
                system.store.change(table, row["$key"], status="normal")

    return changed


def _make_cloud_snapshot(system: System, row: Row, body: Body) -> Row:
    kept = expiry.asked_for(system, body, expiry.DEFAULT_RETENTION)
    return cloud.take(system, {**row, "expires": kept, "snapshot_profile": None, "snapshot_period": None})


def _change_cloud_snapshot(system: System, row: Row, changes: Row, body: Body) -> Row:
    if row["provider"]:
        raise not_permitted("Provider snapshots cannot be changed")
    return locks.change(system, row, expiry.changed(body, changes))


def _delete_cloud_snapshot(system: System, row: Row) -> None:
    if row["provider"]:
        raise not_permitted("Provider snapshots cannot be deleted")
    locks.refuse_deletion(system, row)
    remove(system, cloud.TABLE, row["$key"])
    system.log("audit", f"Deleted snapshot '{row['name']}'", cloud.TABLE, row["name"])


def _make_tenant_snapshot(system: System, row: Row, body: Body) -> Row:
    return tenants.take(system, {**row, "expires": expiry.asked_for(system, body, None)})


def _make_volume_snapshot(system: System, row: Row, body: Body) -> Row:
    kept = expiry.asked_for(system, body, expiry.DEFAULT_RETENTION)
    return volumes.take(system, {**row, "expires": kept, "expires_type": "date" if kept else "never"})


def _delete_volume(system: System, row: Row) -> None:
    status = system.row("volume_status", row["status"])
    if status is not None and status["mounted"]:
        raise Refusal(int(system.switches["online_drive_status"]), "Unable to delete online drive")
    remove(system, "volumes", row["$key"])


def _volume_changed(system: System, before: Row, row: Row) -> None:
    if row["enabled"] != before["enabled"]:
        volumes.set_enabled(system, row, row["enabled"])


def _make_vm(system: System, row: Row, body: Body) -> Row:
    return contents.new_vm(system, row["name"], row)


def _make_tenant(system: System, row: Row, body: Body) -> Row:
    return contents.new_tenant(system, row["name"], row)


def _make_volume(system: System, row: Row, body: Body) -> Row:
    return contents.new_volume(system, row["name"], row)


def _make_stamped(table: str) -> Callable[[System, Row, Body], Row]:
    def make(system: System, row: Row, body: Body) -> Row:
        return system.store.insert(table, {**row, "created": system.now, "modified": system.now})

    return make


def _make_member(system: System, row: Row, body: Body) -> Row:
    return system.store.insert("tag_members", tags.check_member(system, row))


def _make_restore(system: System, row: Row, body: Body) -> Row:
    snapshot = system.row(cloud.TABLE, row["cloud_snapshot"])
    if snapshot is None or snapshot.get("type", "full") != "full" or snapshot["remote_sync"] or snapshot["provider"]:
        raise fails_validation("cloud_snapshot")
    return system.store.insert("cloud_restore", {**row, "status": "initiated"})


HOOKS: Mapping[str, Hooks] = {
    "snapshot_profiles": Hooks(delete=profiles.delete_profile),
    "snapshot_profile_periods": Hooks(
        _make_period,
        _change_period,
        lambda s, before, row: profiles.period_written(s, before, row),
        profiles.removed_period,
    ),
    "vms": Hooks(_make_vm),
    "machine_snapshots": Hooks(_make_machine_snapshot, _change_expiring, _watching("machine_snapshots")),
    "cloud_snapshots": Hooks(
        _make_cloud_snapshot, _change_cloud_snapshot, _watching("cloud_snapshots"), _delete_cloud_snapshot
    ),
    "tenants": Hooks(_make_tenant),
    "tenant_snapshots": Hooks(_make_tenant_snapshot, None, _watching("tenant_snapshots")),
    "volumes": Hooks(_make_volume, None, _volume_changed, _delete_volume),
    "volume_snapshots": Hooks(_make_volume_snapshot, _change_expiring, _watching("volume_snapshots")),
    "tags": Hooks(_make_stamped("tags")),
    "tag_categories": Hooks(_make_stamped("tag_categories")),
    "tag_members": Hooks(_make_member),
    "cloud_restore": Hooks(_make_restore),
}
