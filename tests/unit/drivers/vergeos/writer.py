"""A driver on the simulator that writes, and short ways to ask for things."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vergeos_sim.conftest import Sim

from snapplan.drivers.base import Settings
from snapplan.drivers.metering import ProcessMeter
from snapplan.drivers.vergeos import CAPABILITIES
from snapplan.drivers.vergeos.driver import VergeosDriver
from snapplan.drivers.vergeos.options import VergeosOptions
from snapplan.errors import BackendError
from snapplan.models.request import (
    ChangeRequest,
    ExpireRequest,
    Inventory,
    Outcome,
    RestoreRequest,
    SnapshotRequest,
)
from snapplan.models.snapshot import Mark, Snapshot
from snapplan.models.target import Quiesce, RestoreMode, Scope, Target

PROJECT = "shop"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TABLES = {
    "cloud": "cloud_snapshots",
    "vm/db-01": "machine_snapshots",
    "tenant/acme": "tenant_snapshots",
    "volume/shared": "volume_snapshots",
}
# What happens to a write: a fault of the simulator, and whether the write was done all the same.
FAULTS: dict[str, tuple[dict[str, Any], bool]] = {
    "dropped before": ({"kind": "drop_before"}, False),
    "dropped after": ({"kind": "drop_after"}, True),
    "500 before": ({"kind": "status_before"}, False),
    "500 after": ({"kind": "status_after"}, True),
    "429": ({"kind": "status_before", "status": 429}, False),
    "half an answer": ({"kind": "truncate"}, True),
    "cut off": ({"kind": "cut"}, True),
}


class Writer:
    """One connection of project ``shop`` to the simulated system ``dc1``; waiting lets the system's clock go on."""

    def __init__(self, sim: Sim, options: VergeosOptions, folder: Path, project: str = PROJECT) -> None:
        self.sim = sim
        self.waited: list[float] = []
        self.meter = ProcessMeter()
        settings = Settings("dc1", project, options, folder, {}, False, self.meter)
        self.driver = VergeosDriver(settings, options, CAPABILITIES, self._wait)
        self.project = project
        self._targets: dict[str, Target] = {}

    def _wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.sim.step(math.ceil(seconds))

    def inventory(self) -> Inventory:
        found = self.driver.inventory()
        self._targets = {each.address.removeprefix("dc1/"): each for each in found.targets}
        return found

    def target(self, path: str) -> Target:
        if path not in self._targets:
            self.inventory()
        return self._targets[path]

    def mark(self, path: str, name: str, **fields: Any) -> Mark:
        made = Mark(self.project, self.target(path).id, "run-1", NOW, NOW + timedelta(days=1), key=name)
        return made._replace(**fields)

    def request(self, path: str, name: str = "one", **fields: Any) -> SnapshotRequest:
        """Return a request; ``quiesce``, ``options`` and ``description`` go into it, the rest into its mark."""
        own = {each: fields.pop(each) for each in ("quiesce", "options", "description") if each in fields}
        made = SnapshotRequest(self.target(path), name, self.mark(path, name, **fields), Quiesce.NEVER)
        return made._replace(**own)

    def create(self, path: str, name: str = "one", **fields: Any) -> Outcome:
        (outcome,) = self.driver.create([self.request(path, name, **fields)])
        return outcome

    def take(self, path: str, name: str = "one", **fields: Any) -> Snapshot:
        outcome = self.create(path, name, **fields)
        assert outcome.error is None, repr(outcome.error)
        assert outcome.snapshot is not None
        return outcome.snapshot

    def change(self, snapshot: Snapshot, **fields: Any) -> Outcome:
        own = {each: fields.pop(each) for each in ("adopts", "lock") if each in fields}
        assert snapshot.mark is not None or "mark" in fields
        mark = fields.pop("mark", snapshot.mark)._replace(**fields)
        (outcome,) = self.driver.change([ChangeRequest(snapshot, mark, **own)])
        return outcome

    def expire(self, snapshot: Snapshot, *, orphan: bool = False) -> Outcome:
        (outcome,) = self.driver.expire([ExpireRequest(snapshot, orphan)])
        return outcome

    def restoring(self, source: Snapshot, path: str, mode: str = "clone", **fields: Any) -> RestoreRequest:
        target = self.target(path)
        made = RestoreRequest(
            key="CHG-1",
            run="run-1",
            backend="dc1",
            scope=target.scope,
            name=target.name,
            target_id=target.id,
            source=source,
            mode=RestoreMode(mode),
            as_name="copy" if mode == "clone" else "",
        )
        return made._replace(**fields)

    def restore(self, request: RestoreRequest) -> Outcome:
        """Restore; an error that is raised stands in the outcome."""
        try:
            return self.driver.restore(request)
        except BackendError as error:
            return Outcome(error=error)

    def snapshots(self, path: str) -> list[Snapshot]:
        scope, _, name = path.partition("/")
        return [each for each in self.inventory().snapshots if (each.scope, each.target_name) == (Scope(scope), name)]

    def fault(self, kind: str, path: str, method: str = "*", **more: Any) -> None:
        self.sim.control("POST", "faults", {"kind": kind, "path": path, "method": method, **more})

    def clear(self) -> None:
        self.sim.control("DELETE", "faults")

    def switch(self, **values: str) -> None:
        self.sim.control("PUT", "switches", values)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table past the API, hidden VMs left out."""
        found: list[dict[str, Any]] = self.sim.control("GET", f"rows/{table}")
        return [row for row in found if not row.get("is_snapshot")]

    def writes(self) -> list[str]:
        """Return the writes since the last call."""
        return [each for each in self.sim.requests() if not each.startswith("GET")]

    def close(self) -> None:
        self.driver.close()
