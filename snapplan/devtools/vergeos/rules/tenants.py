"""Tenants: power, their snapshots, and restores that take effect when they are powered on next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.refusal import Refusal, no_such_reference
from snapplan.devtools.vergeos.rules import cloud, expiry
from snapplan.devtools.vergeos.rules.contents import new_tenant
from snapplan.devtools.vergeos.rules.values import as_key, text

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key, Row

Params = Mapping[str, Any]
TABLE = "tenant_snapshots"
# vrg's help: at most 1,000 snapshots per tenant.
MOST = 1000


def take(system: System, fields: Row) -> Row:
    """Take a snapshot of a tenant; raises Refusal for a snapshot of one, and for one too many."""
    tenant = system.row("tenants", fields["tenant"])
    assert tenant is not None
    if tenant["is_snapshot"]:
        raise Refusal(422, "Cannot snapshot a tenant snapshot")
    if len(system.store.find(TABLE, tenant=tenant["$key"])) >= MOST:
        raise Refusal(422, "Maximum number of snapshots reached")
    hidden = {"_contents": tenant.get("_contents"), "_cloud_snapshot": None}
    row = system.store.insert(TABLE, {**fields, "created": system.now, **hidden})
    expiry.watch(system, TABLE, row)
    return row


def power_on(system: System, tenant: Row, params: Params) -> Any:
    """Start a tenant; a pending restore takes effect."""
    if tenant["restore_pending"]:
        restored = {"restore_pending": False, "_contents": tenant["_restore"], "_restore": None}
        system.store.change("tenants", tenant["$key"], **restored)
        system.log("audit", f"Tenant '{tenant['name']}' was restored", "tenant", tenant["name"])
    set_power(system, tenant, True)
    return None


def power_off(system: System, tenant: Row, params: Params) -> Any:
    """Stop a tenant."""
    set_power(system, tenant, False)
    return None


def set_power(system: System, tenant: Row, on: bool) -> None:
    """Write a tenant's status."""
    word = "online" if on else "offline"
    time = {"started": system.now} if on else {"stopped": system.now}
    system.store.change("tenant_status", tenant["status"], running=on, status=word, state=word, **time)


def restore(system: System, tenant: Row, params: Params) -> Any:
    """Note a restore over a tenant that is off; it happens at its next power-on."""
    status = system.row("tenant_status", tenant["status"])
    assert status is not None
    if status["status"] not in ("offline", "error"):
        raise Refusal(422, "Tenant must be powered off")
    snapshot = system.row(TABLE, as_key(system, TABLE, params.get("snapshot")))
    if snapshot is None or snapshot["tenant"] != tenant["$key"]:
        raise no_such_reference("snapshot")
    system.store.change("tenants", tenant["$key"], restore_pending=True, _restore=snapshot["_contents"])
    return None


def clone(system: System, tenant: Row, params: Params) -> Any:
    """Make a new tenant like this one."""
    made = new_tenant(system, text(params, "name", f"{tenant['name']} clone"), tenant)
    return {"tenantkey": str(made["$key"])}


def on_provisioned(system: System, table: str, key: Key) -> None:
    """End the provisioning of a recovered tenant: it is off."""
    tenant = system.row(table, key)
    status = None if tenant is None else system.row("tenant_status", tenant["status"])
    if tenant is not None and status is not None and status["status"] == "provisioning":
        system.store.change("tenant_status", tenant["status"], status="offline", state="offline")


def refresh(system: System, tenant: Row, params: Params) -> Any:
    """List what system snapshots took of a tenant among its snapshots."""
    if system.switches["tenant_rows"] != "never":
        for row in list(system.store.rows("cloud_snapshots").values()):
            cloud.list_for_tenants(system, row, only=tenant["$key"])
    return None
