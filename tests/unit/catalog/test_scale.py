"""100,000 snapshots in work that grows with them and no faster. The limits are ten times what a quiet machine takes."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.open import open_catalog
from snapplan.catalog.reconcile import reconcile
from snapplan.models.request import Inventory
from snapplan.models.target import Capabilities, Scope
from snapplan.models.world import Tracked, Triple

from .samples import NOW, PROJECT, mark, observation, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow
HOUR = timedelta(hours=1)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the least of three: the others were disturbed."""
    times = []
    for _ in range(3):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def test_a_hundred_thousand_snapshots(tmp_path: Path) -> None:
    shots = [
        snapshot(
            f"{number * 2654435761 % 2**32:08x}{number:08x}",
            name=f"gold.hourly.{number % 100}",
            target_id=f"id-{number // 100}",
            mark=mark(target_id=f"id-{number // 100}", slot=NOW - number % 100 * HOUR, run=f"{number % 100}-aaaa"),
        )
        for number in range(100_000)
    ]
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    catalog.observe(observation(changed=shots))
    known = catalog.known("dc1")
    assert len(known) == 100_000
    assert cpu_seconds(lambda: catalog.known("dc1")) < 4.5
    listed = Inventory((), [shot._replace() for shot in shots])
    compared = cpu_seconds(
        lambda: reconcile(
            "dc1", Capabilities(frozenset(Scope)), listed, known, (),
            project=PROJECT, live_runs=frozenset(), listing_started_at=NOW + HOUR,
        )
    )  # fmt: skip
    assert compared < 1.5
    changed = [shot._replace(size=1) for shot in shots[::100]]
    assert cpu_seconds(lambda: catalog.observe(observation(NOW + HOUR, changed=changed))) < 0.5
    assert cpu_seconds(lambda: catalog.observe(observation(NOW + HOUR))) < 0.05
    catalog.close()


def test_four_thousand_triples(tmp_path: Path) -> None:
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    tracked = {Triple("dc1", f"id-{n}", "gold", period): Tracked(NOW, NOW) for n in range(1000) for period in "hdwm"}
    catalog.track(1, tracked, [], "all", NOW)
    assert catalog.state().tracked == tracked
    assert cpu_seconds(catalog.state) < 0.1
    assert cpu_seconds(lambda: catalog.satisfied(dict.fromkeys(tracked, NOW))) < 0.1
    catalog.close()
