"""The reads of an inventory: a constant number of requests, whatever the number of VMs and snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.vergeos.failures import ReadError
from snapplan.drivers.vergeos.keys import TABLES
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Api, Row

ALL = "all,$key"
VM_FIELDS = (
    "$key,name,uuid,machine,is_snapshot,guest_agent,machine#snapshot_profile as snapshot_profile,"
    "machine#status#running as running,machine#status#status as status,machine#status#agent_version as agent_version"
)
TENANT_FIELDS = "$key,name,uuid,is_snapshot,status#running as running,status#status as status"
VOLUME_FIELDS = "$key,id,name,is_snapshot,fs_type,snapshot_profile,service,service#$display as service_name"
SNAPSHOT_FIELDS = {
    Scope.CLOUD: ALL,
    Scope.TENANT: ALL,
    Scope.VM: (
        "$key,name,description,machine,snap_machine,created,expires,quiesced,created_manually,snapshot_period,queue_delete"
    ),
    Scope.VOLUME: (
        "$key,name,description,volume,created,expires,expires_type,created_manually,quiesce,enabled,snap_volume"
    ),
}
TAG_FIELDS = "$key,name,description,category,category#name as category_name"
CONTENT_TABLES = {Scope.VM: "cloud_snapshot_vms", Scope.TENANT: "cloud_snapshot_tenants"}
CONTENT_FIELDS = "$key,name,uuid,cloud_snapshot"
MOST_PARTIAL = 50
"""Of so many partial system snapshots, the newest, it is asked what they contain: the filter grows with each."""
LIVE = "is_snapshot eq false"
PARTIAL_SINCE = (26, 1)


class SystemRows(NamedTuple):
    """All that one system answered.

    ``agents`` are the rows of ``machine_status``, where the VMs did not tell their guest agents. ``period_tags`` are those
    of ``snapshot_profile_period_tags``, where periods are partial. ``contents`` are what the system lists of the contents
    of partial system snapshots, where there are any. ``settings`` is ``None`` where this user may not read them.
    ``requests`` is how many requests it took, the connection included.
    """

    cloud_name: str
    version: str
    profiles: list[Row]
    periods: list[Row]
    vms: list[Row]
    machine_snapshots: list[Row]
    volumes: list[Row]
    volume_snapshots: list[Row]
    tenants: list[Row]
    tenant_snapshots: list[Row]
    cloud_snapshots: list[Row]
    tag_members: list[Row]
    tags: list[Row]
    settings: list[Row] | None
    agents: list[Row] | None = None
    period_tags: list[Row] | None = None
    contents: dict[Scope, list[Row]] | None = None
    requests: int = 0


def read_system(api: Api) -> SystemRows:
    """Read everything: 13 requests with the connection, and up to 4 more where this system needs them.

    What hangs on something is read after it, so that nothing is listed whose parent was not. Raises ``UnreachableError``
    or another ``BackendError``; never returns a part.
    """
    before = api.requests
    profiles = api.rows("snapshot_profiles", ALL)
    periods = api.rows("snapshot_profile_periods", ALL)
    vms = api.rows("vms", VM_FIELDS, where=LIVE)
    rows = SystemRows(
        cloud_name=api.cloud_name,
        version=api.version,
        profiles=profiles,
        periods=periods,
        vms=vms,
        machine_snapshots=_snapshots(api, Scope.VM),
        volumes=api.rows("volumes", VOLUME_FIELDS, where=LIVE),
        volume_snapshots=_snapshots(api, Scope.VOLUME),
        tenants=api.rows("tenants", TENANT_FIELDS, where=LIVE),
        tenant_snapshots=_snapshots(api, Scope.TENANT),
        cloud_snapshots=_snapshots(api, Scope.CLOUD),
        tag_members=api.rows("tag_members", "$key,tag,member"),
        tags=api.rows("tags", TAG_FIELDS),
        settings=_settings(api),
        agents=_agents(api, vms),
        period_tags=kept_period_tags(api, periods),
    )
    rows = rows._replace(contents=_contents(api, rows.cloud_snapshots))
    return rows._replace(requests=api.requests - before)


def _contents(api: Api, cloud_snapshots: list[Row]) -> dict[Scope, list[Row]] | None:
    """Read what the system lists of the contents of the newest partial snapshots; ``None`` where it does not tell.

    It lists them only once it was asked to (API reference, contents), which is a write: what is not listed is not known.
    """
    partial = [row for row in cloud_snapshots if (row.get("type") or "full") != "full"]
    if not partial:
        return None
    newest = sorted(partial, key=lambda row: int(row.get("created") or 0), reverse=True)[:MOST_PARTIAL]
    where = " or ".join(f"cloud_snapshot eq {row['$key']}" for row in newest)
    try:
        return {scope: api.rows(table, CONTENT_FIELDS, where=where) for scope, table in CONTENT_TABLES.items()}
    except ReadError as error:
        if error.status in (403, 404):
            return None
        raise


def _snapshots(api: Api, scope: Scope) -> list[Row]:
    return api.rows(TABLES[scope], SNAPSHOT_FIELDS[scope])


def _settings(api: Api) -> list[Row] | None:
    """Return the settings; who may not see them can do everything but look after the system's own profile."""
    try:
        return api.rows("settings", ALL)
    except ReadError as error:
        if error.status == 403:
            return None
        raise


def _agents(api: Api, vms: list[Row]) -> list[Row] | None:
    """Read the guest agents apart where the VMs' rows do not lead to them (API reference, inventory: a guess)."""
    running = any(row.get("running") for row in vms)
    if not running or any("agent_version" in row for row in vms):
        return None
    return api.rows("machine_status", "$key,machine,agent_version")


def kept_period_tags(api: Api, periods: list[Row]) -> list[Row] | None:
    """Read where the tags of partial periods may be kept instead of in the periods (API reference, periods: a guess)."""
    if api.version_numbers < PARTIAL_SINCE or all(row.get("type", "full") == "full" for row in periods):
        return None
    try:
        return api.rows("snapshot_profile_period_tags", ALL)
    except ReadError as error:
        if error.status in (403, 404):
            return None
        raise
