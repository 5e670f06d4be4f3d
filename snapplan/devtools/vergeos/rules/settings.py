"""The settings of a system, among them the profile of its system snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key

TABLE = "settings"
PROFILE_DESCRIPTION = "Snapshot Profile to use for System snapshots"


def put_defaults(system: System, cloud_name: str) -> None:
    """Write the settings that a system has from the start, where it lacks them."""
    known = {
        "cloud_name": (cloud_name, "Name of this system"),
        "max_connections": ("1000", "Maximum number of connections"),
        "max_estimated_snapshots_per_profile": ("200", "Maximum estimated snapshots per profile, 0 disables"),
        system.switches["system_profile_key"]: ("", PROFILE_DESCRIPTION),
    }
    for key, (value, description) in known.items():
        if system.row(TABLE, key) is None:
            row = {"key": key, "value": value, "default_value": value, "description": description}
            system.store.insert(TABLE, row, key)


def system_profile(system: System) -> Key | None:
    """Return the key of the profile of system snapshots, None when the setting names none that exists."""
    setting = system.row(TABLE, system.switches["system_profile_key"])
    value = "" if setting is None else str(setting["value"])
    if system.switches["system_profile_value"] == "name":
        found = system.store.find("snapshot_profiles", name=value)
        return found[0]["$key"] if found else None
    key = int(value) if value.isdigit() else None
    return key if system.row("snapshot_profiles", key) is not None else None


def name_profile(system: System, profile: Mapping[str, Any]) -> None:
    """Make a profile the one of system snapshots."""
    value = profile["name"] if system.switches["system_profile_value"] == "name" else str(profile["$key"])
    system.store.change(TABLE, system.switches["system_profile_key"], value=value)
