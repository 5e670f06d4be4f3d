"""System snapshots and what they contain; tenants and their snapshots."""

from __future__ import annotations

from snapplan.devtools.vergeos.tables.profiles import PARTIAL, TYPES
from snapplan.devtools.vergeos.tables.shape import (
    READ_ONLY,
    Column,
    Table,
    choice,
    epoch,
    flag,
    name_column,
    number,
    ref,
    text,
)

CONTENT_STATES = "idle importing complete error"

CLOUD_SNAPSHOTS = Table(
    "cloud_snapshots",
    (
        name_column(255, access="create"),
        text("description", longest=2048),
        epoch("created", access="r", summary=True),
        epoch("expires", summary=True),
        choice("expires_type", "never date", access="write"),
        number("min_snapshots", least=0),
        flag("private"),
        flag("immutable"),
        choice("immutable_status", "unlocked unlocking locked", "unlocked", access="r"),
        epoch("immutable_lock_expires", access="r"),
        text("status", None, access="r", summary=True),
        text("status_info", access="r"),
        ref("snapshot_profile", "snapshot_profiles", access="r"),
        ref("snapshot_period", "snapshot_profile_periods", access="r"),
        choice("type", TYPES, "full", access="create", since=PARTIAL),
        text("partial_tags", access="create", since=PARTIAL),
        text("quiesce_tags", access="create", since=PARTIAL),
        flag("provider", access="r"),
        flag("remote_sync", access="r"),
        ref("incoming_sync", "site_syncs_incoming", access="r"),
        ref("schedule_task", "tasks", access="r"),
        ref("task", "tasks", access="r"),
    ),
    unique=(("name",),),
    indexes=(("snapshot_period",),),
    owned=(
        ("cloud_snapshot_vms", "cloud_snapshot"),
        ("cloud_snapshot_tenants", "cloud_snapshot"),
        ("cloud_snapshot_files", "cloud_snapshot"),
        ("tenant_snapshots", "_cloud_snapshot"),
    ),
    lists={
        "vms": ("cloud_snapshot_vms", "cloud_snapshot"),
        "tenants": ("cloud_snapshot_tenants", "cloud_snapshot"),
    },
)


def _content(name: str, *own: Column) -> Table:
    columns = (
        ref("cloud_snapshot", "cloud_snapshots", access="r"),
        number("original_key", access="r"),
        text("name", access="r", summary=True),
        text("description", access="r"),
        text("uuid", access="r"),
        *own,
        number("cpu_cores", access="r"),
        number("ram", access="r"),
        flag("is_snapshot", access="r"),
        choice("status", CONTENT_STATES, "idle", access="r", summary=True),
        text("status_info", access="r"),
    )
    return Table(name, columns, methods=READ_ONLY, indexes=(("cloud_snapshot",),))


CLOUD_VMS = _content("cloud_snapshot_vms", text("machine_uuid", access="r"), text("os_family", access="r"))
CLOUD_TENANTS = _content("cloud_snapshot_tenants", number("nodes", access="r"))
CLOUD_FILES = Table(
    "cloud_snapshot_files",
    (ref("cloud_snapshot", "cloud_snapshots", access="r"), text("name", access="r", summary=True)),
    methods=READ_ONLY,
    indexes=(("cloud_snapshot",),),
    since="26.1.3",
)

TENANTS = Table(
    "tenants",
    (
        name_column(),
        text("description", longest=2048),
        text("url"),
        text("uuid", access="r"),
        epoch("created", access="r"),
        text("creator", access="r"),
        flag("is_snapshot", access="r", summary=True),
        flag("isolate"),
        text("note"),
        flag("expose_cloud_snapshots", True),
        flag("allow_branding"),
        ref("status", "tenant_status", access="r"),
        ref("vnet", "vnets", access="r"),
        ref("ui_address", "vnet_addresses", access="r"),
        flag("restore_pending", access="r"),
        number("nodes", 1, access="r"),
        number("cpu_cores", 4, access="r"),
        number("ram", 16384, access="r"),
    ),
    owned=(("tenant_status", "tenant"), ("tenant_snapshots", "tenant"), ("shared_objects", "recipient")),
    lists={"snapshots": ("tenant_snapshots", "tenant")},
)

TENANT_STATES = "online offline starting stopping migrating error reduced provisioning restarting"
TENANT_STATUS = Table(
    "tenant_status",
    (
        ref("tenant", "tenants", access="r"),
        flag("running", access="r", summary=True),
        flag("starting", access="r"),
        flag("stopping", access="r"),
        flag("migrating", access="r"),
        choice("status", TENANT_STATES, "offline", access="r", summary=True),
        choice("state", "online offline error", "offline", access="r"),
        epoch("started", access="r"),
        epoch("stopped", access="r"),
    ),
    methods=READ_ONLY,
    indexes=(("tenant",),),
    display="status",
)

TENANT_SNAPSHOTS = Table(
    "tenant_snapshots",
    (
        ref("tenant", "tenants", required=True, access="create"),
        name_column(access="create"),
        text("description", longest=2048),
        text("profile", None, access="r"),
        text("period", None, access="r"),
        number("min_snapshots", access="r"),
        epoch("created", access="r"),
        epoch("expires", default=0, summary=True),
        choice("type", TYPES, "full", access="r", since=PARTIAL),
    ),
    unique=(("tenant", "name"),),
    indexes=(("tenant",), ("_cloud_snapshot",)),
)

TABLES = (
    CLOUD_SNAPSHOTS,
    CLOUD_VMS,
    CLOUD_TENANTS,
    CLOUD_FILES,
    TENANTS,
    TENANT_STATUS,
    TENANT_SNAPSHOTS,
)
