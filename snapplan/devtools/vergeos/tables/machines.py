"""Virtual machines: the VM, its machine with status, drives and NICs, and their snapshots."""

from __future__ import annotations

from snapplan.devtools.vergeos.tables.shape import (
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

# Machine keys start far from VM keys, so that taking one for the other shows at once.
FIRST_MACHINE = 500_001

VMS = Table(
    "vms",
    (
        name_column(),
        text("description", longest=2048),
        flag("enabled", True),
        number("cpu_cores", 1, least=1, summary=True),
        number("ram", 1024, least=1, summary=True),
        text("os_family", "linux"),
        flag("guest_agent", False),
        flag("uefi"),
        flag("secure_boot"),
        text("machine_type", "pc-q35-9.0"),
        text("uuid", access="r"),
        epoch("created", access="r"),
        epoch("modified", access="r"),
        flag("is_snapshot", False, access="r", summary=True),
        ref("machine", "machines", access="r", summary=True),
        text("cloudinit_datasource", "none"),
        # The column exists and is always null; the state is reached through the machine.
        flag("running", None, access="r"),
    ),
    indexes=(("machine",), ("is_snapshot",)),
    through={"snapshot_profile": ("machine", "snapshot_profile")},
    lists={},
)

MACHINES = Table(
    "machines",
    (
        name_column(),
        text("type", "vm", access="r"),
        flag("is_snapshot", False, access="r"),
        ref("snapshot_profile", "snapshot_profiles"),
        ref("status", "machine_status", access="r"),
        ref("cluster", "clusters", access="r"),
        text("ha_group"),
        text("uuid", access="r"),
    ),
    first_key=FIRST_MACHINE,
    indexes=(("snapshot_profile",),),
    owned=(
        ("machine_status", "machine"),
        ("machine_drives", "machine"),
        ("machine_nics", "machine"),
        ("machine_snapshots", "machine"),
    ),
    lists={
        "drives": ("machine_drives", "machine"),
        "nics": ("machine_nics", "machine"),
        "snapshots": ("machine_snapshots", "machine"),
    },
)

STATUS = Table(
    "machine_status",
    (
        ref("machine", "machines", access="r", summary=True),
        flag("running", access="r", summary=True),
        flag("migratable", True, access="r"),
        choice("status", "stopped running error", "stopped", access="r", summary=True),
        text("status_info", access="r"),
        choice("state", "online offline error", "offline", access="r"),
        flag("powerstate", access="r"),
        ref("node", "nodes", access="r"),
        ref("migrated_node", "nodes", access="r"),
        ref("migration_destination", "nodes", access="r"),
        epoch("started", access="r"),
        epoch("local_time", access="r"),
        epoch("last_update", access="r"),
        number("running_cores", access="r"),
        number("running_ram", access="r"),
        text("agent_version", access="r"),
        Column("agent_features", "json", access="r"),
        Column("agent_guest_info", "json", access="r"),
    ),
    methods=frozenset({"GET"}),
    indexes=(("machine",),),
    display="status",
)

DRIVES = Table(
    "machine_drives",
    (
        ref("machine", "machines", required=True, access="create"),
        name_column(),
        text("description"),
        number("orderid"),
        number("disksize", access="r"),
    ),
    indexes=(("machine",),),
    unique=(("machine", "name"),),
)

NICS = Table(
    "machine_nics",
    (
        ref("machine", "machines", required=True, access="create"),
        name_column(),
        text("macaddress"),
    ),
    indexes=(("machine",),),
)

SNAPSHOTS = Table(
    "machine_snapshots",
    (
        ref("machine", "machines", required=True, access="create"),
        ref("snap_machine", "machines", access="r"),
        name_column(),
        text("description", longest=2048),
        epoch("created", access="r"),
        epoch("expires", summary=True),
        choice("expires_type", "never date", access="write", when=("machine_expires_type", "argument")),
        choice("expires_type", "never date", when=("machine_expires_type", "stored")),
        flag("quiesced", access="r"),
        flag("quiesce", access="write"),
        flag("created_manually"),
        ref("snapshot_period", "snapshot_profile_periods", access="r"),
        flag("queue_delete", access="r"),
    ),
    unique=(("machine", "name"),),
    exists_text="This name is already in use",
    indexes=(("machine",), ("snapshot_period",), ("snapshot_period", "machine"), ("snap_machine",)),
)

TABLES = (VMS, MACHINES, STATUS, DRIVES, NICS, SNAPSHOTS)
