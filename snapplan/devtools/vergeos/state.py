"""A system in a file: everything but its accounts and open sessions, as JSON."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from snapplan.devtools.vergeos.refusal import SimulatorError
from snapplan.devtools.vergeos.rules import events
from snapplan.devtools.vergeos.rules.switches import Switches
from snapplan.devtools.vergeos.rules.system import System, Timings
from snapplan.devtools.vergeos.tables.version import Version

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "snapplan.vergeos-sim/1"


def document(system: System) -> dict[str, Any]:
    """Return what a system is, as JSON data."""
    rows: dict[str, list[Any]] = {name: [] for name in system.store.tables}
    for name, row in system.store.everything():
        rows[name].append(row)
    return {
        "format": FORMAT,
        "version": str(system.version),
        "now": system.now,
        "time_zone": system.zone.key,
        "switches": dict(system.switches),
        "timings": vars(system.timings),
        "identities": system.scheduled,
        "receipts": system.receipts,
        "last_keys": {name: system.store.last_key(name) for name in system.store.tables},
        "rows": rows,
        "blobs": {name: base64.b64encode(held).decode() for name, held in system.blobs.held.items()},
    }


def system_of(saved: dict[str, Any]) -> System:
    """Return the system that was saved; raises SimulatorError for anything else."""
    if saved.get("format") != FORMAT:
        raise SimulatorError("this is no saved state of a simulator of this version")
    zone, timings = ZoneInfo(saved["time_zone"]), Timings(**saved["timings"])
    system = System(Version.parse(saved["version"]), Switches(saved["switches"]), saved["now"], zone, timings)
    for name, rows in saved["rows"].items():
        for row in rows:
            system.store.insert(name, row, row["$key"])
        system.store.restore_last_key(name, saved["last_keys"][name])
    system.blobs.held = {name: base64.b64decode(held) for name, held in saved["blobs"].items()}
    system.receipts = saved["receipts"]
    events.reschedule(system)
    system.scheduled = max(system.scheduled, saved["identities"])
    return system


def save(system: System, path: Path) -> None:
    """Write a system to a file, whole or not at all."""
    draft = path.with_suffix(f"{path.suffix}.new")
    draft.write_text(json.dumps(document(system)), encoding="utf-8")
    draft.replace(path)


def load(path: Path) -> System:
    """Read a system from a file; raises SimulatorError for a file that holds none."""
    try:
        return system_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise SimulatorError(f"{path}: {error}") from error
