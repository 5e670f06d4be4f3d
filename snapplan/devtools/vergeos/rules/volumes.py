"""NAS volumes and their snapshots; only local volumes can be snapshotted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.refusal import Refusal, no_such_reference
from snapplan.devtools.vergeos.rules import expiry
from snapplan.devtools.vergeos.rules.contents import new_volume
from snapplan.devtools.vergeos.rules.values import as_key, text, unique, whole

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Row

Params = Mapping[str, Any]
TABLE = "volume_snapshots"
REMOTE = ("cifs", "nfs")
LOCAL = ("ext4", "ybfs")
# vrg's help: at most 1,000 snapshots per volume.
MOST = 1000


def can_be_taken(system: System, volume: Row) -> bool:
    """Say whether a volume can be snapshotted: not a mounted share of another system, not a snapshot."""
    kind = volume["fs_type"]
    local = kind not in REMOTE if system.switches["local_volumes"] == "not_remote" else kind in LOCAL
    return local and not volume["is_snapshot"]


def take(system: System, fields: Row) -> Row:
    """Take a snapshot of a volume; raises Refusal for a remote one, and for one too many."""
    volume = system.row("volumes", fields["volume"])
    assert volume is not None
    if not can_be_taken(system, volume):
        raise Refusal(422, "Only local volumes can be snapshotted")
    if len(system.store.find(TABLE, volume=volume["$key"])) >= MOST:
        raise Refusal(422, "Maximum number of snapshots reached")
    made = {"_period": None, **fields, "created": system.now, "snap_volume": None, "_contents": volume.get("_contents")}
    row = system.store.insert(TABLE, made)
    expiry.watch(system, TABLE, row)
    if row["_period"] is not None:
        expiry.review(system, TABLE, row)
    return row


def set_enabled(system: System, volume: Row, on: bool) -> None:
    """Bring a volume online or take it offline."""
    system.store.change("volumes", volume["$key"], enabled=on)
    mounted = {"mounted": on, "status": "online" if on else "offline"}
    system.store.change("volume_status", volume["status"], **mounted)


def enable(system: System, volume: Row, params: Params) -> Any:
    """Bring a volume online."""
    set_enabled(system, volume, True)
    return None


def disable(system: System, volume: Row, params: Params) -> Any:
    """Take a volume offline."""
    set_enabled(system, volume, False)
    return None


def clone(system: System, volume: Row, params: Params) -> Any:
    """Make a new volume like this one."""
    name = text(params, "name", f"{volume['name']} clone")
    unique(system, system.tables["volumes"], {"service": volume["service"], "name": name})
    return {"volumekey": str(new_volume(system, name, volume)["$key"])}


def restore(system: System, volume: Row, params: Params) -> Any:
    """Restore a volume over itself: ``snapshot``, and ``data_only`` (true unless given)."""
    snapshot = system.row(TABLE, as_key(system, TABLE, params.get("snapshot")))
    if snapshot is None or snapshot["volume"] != volume["$key"]:
        raise no_such_reference("snapshot")
    system.store.change("volumes", volume["$key"], _contents=snapshot["_contents"], modified=system.now)
    return None


def import_snapshot(system: System, volume: Row, params: Params) -> Any:
    """Make a snapshot of this volume out of a system snapshot: ``cloud_snapshot``, ``name``, ``expires``."""
    cloud = system.row("cloud_snapshots", as_key(system, "cloud_snapshots", params.get("cloud_snapshot")))
    images = [] if cloud is None or cloud.get("_capture") is None else cloud["_capture"]["volumes"]
    image = next((each for each in images if each["volume"]["$key"] == volume["$key"]), None)
    if cloud is None or image is None:
        raise no_such_reference("cloud_snapshot")
    never = {"expires_type": "never" if not cloud["expires"] else "date", "enabled": False, "quiesce": False}
    fields = {
        "volume": volume["$key"],
        "name": text(params, "name", cloud["name"]),
        "description": text(params, "description", ""),
        "expires": whole(params, "expires", cloud["expires"]),
        "created_manually": True,
        **never,
    }
    unique(system, system.tables[TABLE], fields)
    made = take(system, fields)
    system.store.change(TABLE, made["$key"], _contents=image["contents"], created=cloud["created"])
    return {"$key": str(made["$key"])}
