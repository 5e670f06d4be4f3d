"""NAS volumes and their snapshots; tags; logs; and tables that clients ask for but no snapshot needs."""

from __future__ import annotations

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

FILE_SYSTEMS = "ext4 cifs nfs ybfs verge_vm_export"
TAGGABLE = (
    *("vms", "vnets", "volumes", "vnet_rules", "vmware_containers", "users", "tenant_nodes", "sites", "nodes"),
    *("groups", "clusters", "tenants"),
)

VOLUMES = Table(
    "volumes",
    (
        text("id", access="r", summary=True),
        name_column(),
        text("description", longest=2048),
        flag("enabled", True),
        epoch("created", access="r"),
        epoch("modified", access="r"),
        number("maxsize"),
        text("preferred_tier", "1"),
        choice("fs_type", FILE_SYSTEMS, "ext4", access="create"),
        flag("read_only"),
        flag("discard", True),
        text("owner_user"),
        text("owner_group"),
        flag("encrypt", access="create"),
        flag("automount_snapshots"),
        flag("is_snapshot", access="r", summary=True),
        text("note"),
        text("creator", access="r"),
        ref("service", "vm_services", access="create"),
        ref("snapshot_profile", "snapshot_profiles"),
        ref("drive", "machine_drives", access="r"),
        ref("status", "volume_status", access="r"),
    ),
    keys="hex",
    unique=(("service", "name"),),
    unique_when=("volume_names", "unique"),
    indexes=(("snapshot_profile",), ("id",), ("service", "name")),
    owned=(("volume_snapshots", "volume"), ("volume_status", "volume")),
    lists={"snapshots": ("volume_snapshots", "volume")},
)

VOLUME_STATUS = Table(
    "volume_status",
    (ref("volume", "volumes"), flag("mounted"), choice("status", "online offline error", "offline")),
    methods=READ_ONLY,
    indexes=(("volume",),),
    display="status",
)

VOLUME_SNAPSHOTS = Table(
    "volume_snapshots",
    (
        ref("volume", "volumes", required=True, access="create"),
        name_column(),
        text("description", longest=2048),
        epoch("created", access="r"),
        epoch("expires", summary=True),
        choice("expires_type", "never date", "date", when=("volume_expires_type", "stored")),
        choice("expires_type", "never date", access="write", when=("volume_expires_type", "argument")),
        flag("enabled"),
        flag("created_manually"),
        flag("quiesce"),
        ref("snap_volume", "volumes", access="r"),
    ),
    unique=(("volume", "name"),),
    unique_when=("volume_snapshot_names", "unique"),
    indexes=(("volume",), ("_period", "volume"), ("volume", "name")),
)

SERVICES = Table("vm_services", (name_column(), ref("vm", "vms")), indexes=(("vm",),))

TAG_CATEGORIES = Table(
    "tag_categories",
    (
        name_column(),
        text("description"),
        flag("single_tag_selection"),
        *(flag(f"taggable_{noun}") for noun in TAGGABLE),
        epoch("created", access="r"),
        epoch("modified", access="r"),
    ),
    unique=(("name",),),
    owned=(("tags", "category"),),
    lists={"tags": ("tags", "category")},
)

TAGS = Table(
    "tags",
    (
        ref("category", "tag_categories", required=True, access="create", summary=True),
        name_column(),
        text("description"),
        epoch("created", access="r"),
        epoch("modified", access="r"),
    ),
    unique=(("category", "name"),),
    indexes=(("category",),),
    owned=(("tag_members", "tag"),),
    lists={"members": ("tag_members", "tag")},
)

TAG_MEMBERS = Table(
    "tag_members",
    (
        ref("tag", "tags", required=True, access="create", summary=True),
        text("member", None, required=True, summary=True),
    ),
    unique=(("tag", "member"),),
    exists_text="This member already exists",
    indexes=(("tag",), ("member",)),
    display="member",
)

LOGS = Table(
    "logs",
    (
        choice("level", "critical error warning audit message", "message", summary=True),
        text("text", summary=True),
        Column("timestamp", "epoch_us", summary=True),
        text("user", summary=True),
        text("object_type", summary=True),
        text("object_name", summary=True),
    ),
    methods=READ_ONLY,
    display="text",
)

TASKS = Table(
    "tasks",
    (
        name_column(),
        text("description"),
        flag("enabled", True),
        choice("status", "idle running error", "idle", access="r", summary=True),
        text("action"),
        text("action_display", access="r"),
        text("table"),
        ref("owner", "users"),
        ref("creator", "users"),
        epoch("last_run", access="r"),
        flag("delete_after_run"),
        flag("system_created", access="r"),
        text("id", access="r"),
    ),
    lists={"triggers": ("task_triggers", "task"), "events": ("task_events", "task")},
)

SHARED_OBJECTS = Table(
    "shared_objects",
    (
        ref("recipient", "tenants", required=True, summary=True),
        name_column(),
        text("description"),
        text("type", "vm"),
        text("id", access="r"),
        text("snapshot", None),
        flag("inbox"),
        epoch("created", access="r"),
    ),
    indexes=(("recipient",),),
)

CLOUD_RESTORE = Table(
    "cloud_restore",
    (
        ref("cloud_snapshot", "cloud_snapshots", required=True, access="create"),
        flag("snapshot_first", True),
        flag("reboot_nodes", True),
        text("status", access="r"),
    ),
    when=("cloud_restore", "offered"),
)

# Tables that clients list on the way, with as many columns as a name needs.
BYSTANDERS = tuple(
    Table(name, (name_column(),))
    for name in (
        *("clusters", "nodes", "vnets", "vnet_addresses", "groups", "users", "vm_favorites"),
        *("volume_antivirus", "site_syncs_incoming", "site_syncs_outgoing_profile_periods", "tag_references"),
    )
) + tuple(
    Table(name, (ref("task", "tasks"),), indexes=(("task",),), display="$key")
    for name in ("task_triggers", "task_events")
)

TABLES = (
    *(VOLUMES, VOLUME_STATUS, VOLUME_SNAPSHOTS, SERVICES, TAG_CATEGORIES, TAGS, TAG_MEMBERS, LOGS, TASKS),
    *(SHARED_OBJECTS, CLOUD_RESTORE, *BYSTANDERS),
)
