"""The writes of the apply that is tried, each under a name of its own that does not depend on the order of their coming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snapplan.devtools.vergeos.web.stage import Stage
from snapplan.drivers.vergeos.marks import line_of

WRITES = """\
profile  POST snapshot_profiles coming
profile  POST snapshot_profile_periods nightly
profile  PUT snapshot_profile_periods nightly
profile  POST snapshot_profile_periods monthly
profile  DELETE snapshot_profile_periods weekly
profile  PUT snapshot_profiles changing
profile  POST snapshot_profile_actions delete going
assign   PUT settings system_snapshot_profile
assign   PUT vms joins
assign   PUT vms moves
assign   PUT volumes scratch
assign   PUT vms leaves
restore  POST tag_categories snapplan-e2e
restore  POST tags acme-whole started begun
restore  POST cloud_snapshot_tenant_actions recover acme-whole
restore  PUT tags acme-whole done begun
restore  POST tags db-own started begun
restore  POST vm_actions clone db-own
restore  PUT tags db-own done begun
restore  POST tags db-whole started begun
restore  POST cloud_snapshot_vm_actions recover db-whole
restore  PUT tags db-whole done begun
snapshot POST tenant_snapshots manual.pre-restore.beta-back
restore  POST tags beta-back started begun
restore  PUT tags beta-back started acting
restore  POST tenant_actions restore beta
restore  PUT tags beta-back started acted
restore  PUT tags beta-back done acted
snapshot POST machine_snapshots manual.pre-restore.web-back
restore  POST tags web-back started begun
restore  POST vm_actions poweroff web
restore  PUT tags web-back started acting
restore  POST vm_actions restore web manual.first
restore  PUT tags web-back started acted
restore  POST vm_actions poweron web
restore  PUT tags web-back done acted
snapshot POST cloud_snapshots gold.hourly.20261122T1200Z
snapshot POST cloud_snapshots manual.before-26.2
snapshot POST tenant_snapshots gold.hourly.20261122T1200Z
snapshot POST machine_snapshots frozen.hourly.20261122T1200Z
snapshot POST volume_snapshots gold.hourly.20261122T1200Z
change   PUT tenant_snapshots manual.first
change   PUT machine_snapshots manual.first
expire   DELETE cloud_snapshots gold.hourly.20261122T1005Z
expire   DELETE cloud_snapshots manual.half-made
expire   DELETE tenant_snapshots gold.hourly.20261122T1005Z
expire   DELETE machine_snapshots frozen.hourly.20261122T1005Z
expire   DELETE volume_snapshots gold.hourly.20261122T1005Z
"""
"""Verb of the action, method, table, and what of it; in the order in which they are shown."""

Names = Mapping[tuple[str, str], str]
"""What the rows that stood there before the apply are called, by table and key."""


def writes() -> dict[str, str]:
    """Return the verb of each write by its name."""
    lines = [line.split(maxsplit=1) for line in WRITES.splitlines()]
    return {name: verb for verb, name in lines}


def names_of(stage: Stage) -> Names:
    """Return what the rows of a system are called."""
    found = {}
    for table, row in stage.system.store.everything():
        found[table, str(row["$key"])] = str(row.get("name") or row.get("key") or row["$key"])
    return found


def named(request: Mapping[str, Any], names: Names) -> str:
    """Return the name of a request, such as ``POST vm_actions clone db-own``."""
    table, _, key = str(request["path"]).partition("/")
    body = request["body"]
    words = [request["method"], table]
    if table == "tags":
        line = line_of(body.get("description")) or {}
        words += [line.get("key", names.get((table, key), key)), line.get("state", ""), line.get("step", "")]
    elif "action" in body:
        words += [body["action"], body.get("params", {}).get("name") or _acted_on(table, body, names)]
    else:
        words.append(body["name"] if "name" in body and not key else names.get((table, key), key))
    return " ".join(word for word in words if word)


def _acted_on(table: str, body: Mapping[str, Any], names: Names) -> str:
    noun = table.removesuffix("_actions")
    return names.get((f"{noun}s", str(body.get(noun))), str(body.get(noun)))
