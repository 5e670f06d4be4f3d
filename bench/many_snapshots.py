"""Plans 1,000 targets x 100 snapshots end to end: refresh, reconcile, plan and print, over a scripted backend.

The backend's own time, that of making its listing, is left out. Run as a child process: ``prepare`` fills a catalog,
``plan`` measures one plan.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PERIODS = {"hourly": 40, "daily": 30, "weekly": 20, "monthly": 10}
NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
POLICY = """
profiles:
  gold:
    timezone: UTC
    periods:
      hourly: {frequency: hourly, retention: 40h}
      daily: {frequency: daily, hour: 2, retention: 30d, min_snapshots: 3}
      weekly: {frequency: weekly, day_of_week: sun, hour: 3, retention: 140d}
      monthly: {frequency: monthly, day_of_month: 1, hour: 4, retention: 365d}
assignments:
  everything: {profile: gold, targets: [{backend: lab, scope: volume}]}
"""
CONFIG = "version: 1\nproject: bench\nbackends: {lab: {driver: memory}}\ncatalog: sqlite:///catalog.db\n"


def slots(period: str, count: int) -> list[datetime]:
    day = NOW.replace(hour=0, minute=0)
    if period == "hourly":
        return [NOW.replace(minute=0) - timedelta(hours=back) for back in range(count)]
    if period == "daily":
        return [day.replace(hour=2) - timedelta(days=back) for back in range(count)]
    if period == "weekly":
        return [day.replace(hour=3) - timedelta(weeks=back) for back in range(count)]
    months = [(2026 + (10 - back) // 12, (10 - back) % 12 + 1) for back in range(count)]
    return [datetime(year, month, 1, 4, tzinfo=UTC) for year, month in months]


def inventory(targets: int) -> Any:
    """Return the listing; one target in a hundred lacks its newest hourly snapshot, which is due."""
    from snapplan.models.request import Inventory
    from snapplan.models.snapshot import Mark, Snapshot
    from snapplan.models.target import Scope, Target

    retention = {"hourly": timedelta(hours=40), "daily": timedelta(days=30)}
    retention |= {"weekly": timedelta(days=140), "monthly": timedelta(days=365)}
    rule = {"hourly": 1, "daily": 3, "weekly": 1, "monthly": 1}
    made = {period: slots(period, count) for period, count in PERIODS.items()}
    listed, snapshots = [], []
    for number in range(targets):
        name, target_id = f"data-{number:05}", f"volume/data-{number:05}"
        listed.append(Target("lab", Scope.VOLUME, name, target_id))
        for period, instants in made.items():
            for slot in instants[1:] if number % 100 == 0 and period == "hourly" else instants:
                title = f"gold.{period}.{slot:%Y%m%dT%H%MZ}"
                expires = slot + retention[period]
                mark = Mark("bench", target_id, "1-abcdef12", slot, expires, "gold", period, slot, minimum=rule[period])
                snapshots.append(
                    Snapshot("lab", f"{target_id}@{title}", title, Scope.VOLUME, target_id, name, slot, slot, mark)
                )
    return Inventory(tuple(listed), snapshots)


class Scripted:
    """A backend that lists what it was given."""

    def __init__(self, listing: Any, capabilities: Any) -> None:
        self.capabilities = capabilities
        self._listing = listing

    def inventory(self) -> Any:
        return self._listing

    def close(self) -> None:
        """Nothing is held."""


def measure(root: Path, targets: int, *, record: bool) -> dict[str, Any]:
    gc.disable()
    before = time.process_time()
    listing = inventory(targets)
    gc.enable()
    gc.freeze()
    own = time.process_time() - before
    own_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    from snapplan.drivers.memory import DRIVER
    from snapplan.render.text import plan_text
    from snapplan.workspace import Workspace

    with Workspace.open(root, writable=record) as workspace:
        workspace._drivers["lab"] = Scripted(listing, DRIVER.capabilities)  # type: ignore[assignment]
        if record:
            from imagined_apply import record_applied

            record_applied(workspace, NOW)
            return {}
        plan = workspace.plan(NOW)
        text = plan_text(plan.document())
    return {
        "cpu": time.process_time() - own,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "listing_megabytes": own_memory / 1024,
        "snapshot": plan.summary.snapshot,
        "expire": plan.summary.expire,
        "assign": plan.summary.assign,
        "lines": text.count("\n"),
    }


def main() -> None:
    what, root, targets = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if what == "prepare":
        (root / "policies").mkdir(parents=True)
        (root / "snapplan.yaml").write_text(CONFIG)
        (root / "policies" / "gold.yaml").write_text(POLICY)
    sys.stdout.write(json.dumps(measure(root, targets, record=what == "prepare")) + "\n")


if __name__ == "__main__":
    main()
