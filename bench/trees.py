"""Snapshot of a 1,000-file tree with the driver against ``cp -a --reflink=auto``, in alternating runs.

Nothing is deleted in between: on ext4, creating files is several times slower just after many were deleted.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

ROUNDS = 9


def copy_rows(scratch: Path) -> list[tuple[str, float]]:
    """Return one row: the median time of the driver divided by the median time of cp."""
    from snapplan.drivers.registry import open_backend
    from snapplan.models.policy import Backend
    from snapplan.models.request import SnapshotRequest
    from snapplan.models.snapshot import Mark
    from snapplan.models.target import Quiesce

    tree = scratch / "trees" / "data" / "volumes" / "tree"
    rng = random.Random(1)
    for number in range(1_000):
        file = tree / f"{number % 25:02}" / f"{number:04}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(rng.randbytes(rng.randrange(4_000, 20_000)))
    backend = Backend.model_validate({"driver": "directory", "root": "data"})
    driver = open_backend("lab", backend, project="bench", base=scratch / "trees", read_only=False)
    [target] = [target for target in driver.inventory().targets if target.name == "tree"]
    now = datetime(2026, 11, 22, tzinfo=UTC)
    ours, peer = [], []
    for number in range(ROUNDS):
        mark = Mark("bench", target.id, "run", now, None, key=f"k{number}")
        began = time.perf_counter()
        [outcome] = driver.create([SnapshotRequest(target, f"manual.k{number}", mark, Quiesce.NEVER)])
        ours.append(time.perf_counter() - began)
        assert outcome.error is None, outcome.error
        began = time.perf_counter()
        subprocess.run(["cp", "-a", "--reflink=auto", str(tree), str(scratch / f"copy-{number}")], check=True)
        peer.append(time.perf_counter() - began)
    driver.close()
    ratio = statistics.median(ours) / statistics.median(peer)
    return [("snapshot of a 1,000-file tree, ratio to cp -a --reflink=auto", ratio)]
