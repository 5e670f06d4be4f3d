"""What the tests of reading put onto the simulated system, and what they read of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vergeos_sim.conftest import NOON, Sim

from snapplan.drivers.vergeos import CAPABILITIES
from snapplan.drivers.vergeos.api import Api
from snapplan.drivers.vergeos.marks import described, with_line
from snapplan.drivers.vergeos.refresh import Refreshed, refresh
from snapplan.models.request import Inventory
from snapplan.models.snapshot import Mark, Snapshot
from snapplan.models.target import Scope, Target

from .conftest import options_of

PROJECT = "p"
NOW = datetime.fromtimestamp(NOON, UTC)
DAY = timedelta(days=1)
OURS = with_line("by snapplan", {"project": PROJECT})
THEIRS = with_line("", {"project": "another"})


def refreshed(api: Api, sim: Sim, project: str = PROJECT, **options: Any) -> Refreshed:
    return refresh(api, options_of(sim, **options), project, CAPABILITIES)


def inventory(api: Api, sim: Sim, project: str = PROJECT) -> Inventory:
    return refreshed(api, sim, project).inventory


def targets(found: Inventory, scope: Scope) -> dict[str, Target]:
    return {target.name: target for target in found.targets if target.scope is scope}


def snapshots(found: Inventory) -> dict[str, Snapshot]:
    """Return the snapshots by name; the tests give each a name of its own."""
    by_name = {snapshot.name: snapshot for snapshot in found.snapshots}
    assert len(by_name) == len(found.snapshots)
    return by_name


def mark_for(target_id: str, **changes: Any) -> Mark:
    made = Mark(PROJECT, target_id, "run-1", NOW, NOW + DAY, "gold", "daily", NOW, minimum=2)
    return made._replace(**changes)


def ids(sim: Sim) -> dict[str, Any]:
    """Return what the rows of the seed are known by."""
    listed = sim.get("vms", fields="$key,name,uuid,machine", filter="is_snapshot eq false")
    vms = {row["name"]: row for row in listed}
    off = vms.get("db-01", {"uuid": "", "machine": 0})
    tenant = sim.get("tenants", fields="$key,name,uuid")[0]
    volume = sim.get("volumes", fields="id")[0]["id"]
    return {
        "vm": vms["web-01"]["uuid"],
        "vm_key": vms["web-01"]["$key"],
        "machine": vms["web-01"]["machine"],
        "off": off["uuid"],
        "off_machine": off["machine"],
        "tenant": tenant["uuid"],
        "tenant_key": tenant["$key"],
        "volume": volume,
        "cloud": "cloud",
    }


def take(sim: Sim, scope: Scope, name: str, mark: Mark | None = None, **more: Any) -> int:
    """POST a snapshot as the driver does; returns its key."""
    known = ids(sim)
    bodies: dict[Scope, tuple[str, dict[str, Any]]] = {
        Scope.CLOUD: ("cloud_snapshots", {}),
        Scope.TENANT: ("tenant_snapshots", {"tenant": known["tenant_key"]}),
        Scope.VM: ("machine_snapshots", {"machine": known["machine"], "created_manually": True}),
        Scope.VOLUME: ("volume_snapshots", {"volume": known["volume"], "created_manually": True}),
    }
    table, body = bodies[scope]
    expires = NOON + 8 * 86_400
    description = "" if mark is None else described("why", mark, name if scope is Scope.CLOUD else "")
    fields = {"name": name, "expires": expires, "expires_type": "date", "description": description}
    made: int = sim.key(table, {**body, **fields, **more})
    return made
