"""Snapshot profiles and their periods, as clients write and delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.refusal import Refusal, fails_validation
from snapplan.devtools.vergeos.rules import expiry, schedule
from snapplan.devtools.vergeos.rules.periods import without_irrelevant
from snapplan.devtools.vergeos.rules.removal import remove
from snapplan.devtools.vergeos.rules.settings import TABLE as SETTINGS
from snapplan.devtools.vergeos.rules.settings import system_profile
from snapplan.devtools.vergeos.tables.version import PROFILE_DELETIONS_AUDITED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Row


def new_period(system: System, row: Row) -> Row:
    """Return a period as the platform stores it; raises Refusal for what a switch forbids."""
    if row["retention"] == 0 and system.switches["retention_zero"] == "refuse":
        raise fails_validation("retention")
    return without_irrelevant(system, row)


def changed_period(system: System, row: Row, changes: Row) -> Row:
    """Return a PUT's changes as the platform stores them."""
    wanted = new_period(system, {**row, **changes})
    return {name: value for name, value in wanted.items() if name != "$key" and value != row.get(name)}


def period_written(system: System, before: Row | None, row: Row) -> None:
    """Schedule a new or changed period; by a switch a changed retention reaches existing snapshots."""
    schedule.plan(system, row)
    moved = before is not None and before["retention"] != row["retention"]
    if not moved or system.switches["retention_change"] != "existing_too":
        return
    for table, column in (("machine_snapshots", "snapshot_period"), ("cloud_snapshots", "snapshot_period")):
        for snapshot in system.store.find(table, **{column: row["$key"]}):
            end = snapshot["created"] + row["retention"] if row["retention"] else 0
            expiry.watch(system, table, system.store.change(table, snapshot["$key"], expires=end))


def delete(system: System, profile: Row, params: Mapping[str, Any]) -> Any:
    """Delete a profile and its periods; one in use is refused, or by a switch detached from what uses it."""
    used = _users(system, profile)
    if used and system.switches["profile_in_use"] == "refuse":
        raise Refusal(int(system.switches["profile_in_use_status"]), "Snapshot profile is in use")
    for table, row in used:
        changes = {"value": ""} if table == SETTINGS else {"snapshot_profile": None}
        system.store.change(table, row["$key"], **changes)
    for period in system.store.find("snapshot_profile_periods", profile=profile["$key"]):
        removed_period(system, period)
    remove(system, "snapshot_profiles", profile["$key"])
    _audit(system, f"Deleted snapshot profile '{profile['name']}'", profile["name"])
    return None


def delete_profile(system: System, profile: Row) -> None:
    """Delete a profile by its path, with the rules of the action."""
    delete(system, profile, {})


def removed_period(system: System, period: Row) -> None:
    """Delete a period; its snapshots stay."""
    remove(system, "snapshot_profile_periods", period["$key"])
    _audit(system, f"Deleted snapshot profile period '{period['name']}'", period["name"])


def _users(system: System, profile: Row) -> list[tuple[str, Row]]:
    key = profile["$key"]
    used = [(table, row) for table in ("machines", "volumes") for row in system.store.find(table, snapshot_profile=key)]
    if system_profile(system) == key:
        used += [(SETTINGS, row) for row in system.store.find(SETTINGS, key=system.switches["system_profile_key"])]
    return used


def _audit(system: System, text: str, name: str) -> None:
    if system.version >= PROFILE_DELETIONS_AUDITED:
        system.log("audit", text, "snapshot_profile", name)
