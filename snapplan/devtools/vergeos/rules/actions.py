"""Actions: what ``<noun>_actions``, ``PUT <table>/<key>?action=`` and ``POST <table>/<key>/<action>`` can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from snapplan.devtools.vergeos.refusal import fails_validation, no_such_reference, not_in_list, required
from snapplan.devtools.vergeos.rules import cloud_actions, profiles, tenants, vm_actions, volumes
from snapplan.devtools.vergeos.rules.system import System
from snapplan.devtools.vergeos.rules.values import as_key
from snapplan.devtools.vergeos.tables.shape import Row

Body = Mapping[str, Any]
Act = Callable[[System, Row, Mapping[str, Any]], Any]


@dataclass(frozen=True)
class ActionTable:
    """``member`` of the body names the row of ``table``; ``first`` is what an empty body is told to give.

    ``on_rows`` are actions that take nothing but their parameters, without a row; ``only_if`` names the switch that
    offers an action.
    """

    table: str
    member: str
    actions: Mapping[str, Act]
    first: str
    on_rows: Mapping[str, Callable[[System, Body], Any]] | None = None
    only_if: Mapping[str, str] | None = None


def _nothing(system: System, row: Row, params: Mapping[str, Any]) -> Any:
    return None


_VM: Mapping[str, Act] = {
    "poweron": vm_actions.power_on,
    "poweroff": vm_actions.power_off,
    "kill": vm_actions.power_off,
    "reset": vm_actions.power_on,
    "clone": vm_actions.clone,
    "restore": vm_actions.restore,
    "import_snapshot": vm_actions.import_snapshot,
}
_CLOUD: Mapping[str, Act] = {
    "find_vms": cloud_actions.find("vms"),
    "find_tenants": cloud_actions.find("tenants"),
    "refresh": cloud_actions.refresh,
    "clone": cloud_actions.clone,
    "request": cloud_actions.request,
}
_TENANT: Mapping[str, Act] = {
    "poweron": tenants.power_on,
    "poweroff": tenants.power_off,
    "reset": tenants.power_on,
    "clone": tenants.clone,
    "restore": tenants.restore,
    "isolateon": _nothing,
    "isolateoff": _nothing,
}
_VOLUME: Mapping[str, Act] = {
    "enable": volumes.enable,
    "disable": volumes.disable,
    "reset": volumes.enable,
    "clone": volumes.clone,
    "restore": volumes.restore,
    "import_snapshot": volumes.import_snapshot,
}

ACTION_TABLES: Mapping[str, ActionTable] = {
    "vm_actions": ActionTable("vms", "vm", _VM, "vm", only_if={"import_snapshot": "vm_import"}),
    "cloud_snapshot_actions": ActionTable("cloud_snapshots", "cloud_snapshot", _CLOUD, "action"),
    "cloud_snapshot_vm_actions": ActionTable(
        "cloud_snapshot_vms", "cloud_snapshot_vm", {}, "action", {"recover": cloud_actions.recover("vm")}
    ),
    "cloud_snapshot_tenant_actions": ActionTable(
        "cloud_snapshot_tenants", "cloud_snapshot_tenant", {}, "action", {"recover": cloud_actions.recover("tenant")}
    ),
    "snapshot_profile_actions": ActionTable(
        "snapshot_profiles", "snapshot_profile", {"delete": profiles.delete}, "snapshot_profile"
    ),
    "tenant_actions": ActionTable("tenants", "tenant", _TENANT, "tenant"),
    "tenant_snapshot_actions": ActionTable("tenants", "tenant", {"refresh": tenants.refresh}, "tenant"),
    "volume_actions": ActionTable(
        "volumes",
        "volume",
        _VOLUME,
        "volume",
        only_if={"restore": "volume_restore", "import_snapshot": "volume_import"},
    ),
}
# Action tables that exist and whose actions are no matter of snapshots: they tell what they need, and know no action.
OTHER_ACTIONS = {"cloud_snapshot_file_actions": "action", "cloud_snapshot_vmware_container_actions": "action"}
OTHER_ACTIONS |= {"settings_actions": "setting", "system_actions": "action", "shared_object_actions": "shared_object"}


def names(system: System, action_table: str) -> list[str]:
    """Return the actions that a table of actions offers now."""
    found = ACTION_TABLES[action_table]
    only = found.only_if or {}
    offered = [name for name in found.actions if name not in only or system.switches[only[name]] == "offered"]
    return [*offered, *(found.on_rows or {})]


def act(system: System, action_table: str, body: Body) -> Any:
    """Do what a POST to a table of actions asks for; returns the ``response`` of the receipt, None for none."""
    if action_table in OTHER_ACTIONS:
        raise required(action_table, OTHER_ACTIONS[action_table])
    found = ACTION_TABLES[action_table]
    for member in dict.fromkeys((found.first, "action")):
        if body.get(member) is None:
            raise required(action_table, member)
    action = str(body["action"])
    if action not in names(system, action_table):
        raise not_in_list("action", action)
    if found.on_rows is not None:
        return found.on_rows[action](system, params_of(body))
    row = system.row(found.table, as_key(system, found.table, body.get(found.member)))
    if row is None:
        raise no_such_reference(found.member)
    return found.actions[action](system, row, params_of(body))


def params_of(body: Body) -> Mapping[str, Any]:
    """Return the parameters of an action; raises Refusal when they are no object."""
    params = body.get("params") or {}
    if not isinstance(params, dict):
        raise fails_validation("params")
    return params


def table_of(table: str) -> str | None:
    """Return the table of actions of a table, if it has one."""
    return next((name for name, each in ACTION_TABLES.items() if each.table == table), None)
