"""A year of a policy as ``snapplan simulate --every 1h`` replays it, from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from snapplan.config.load import load_repository
from snapplan.ids import parse_target
from snapplan.planner.simulate import imagined_world, simulate

from .year_lives import END, HOUR, START, Life, Lives, Wish

CONFIG = "version: 1\nproject: year\nbackends: {dc1: {driver: memory}}\n"


def replayed(root: Path, policy: str, targets: Sequence[str], end: datetime = END) -> Lives:
    """Return the lives of all snapshots of ``targets`` (addresses below ``dc1/``) from the year's start until ``end``."""
    (root / "policies").mkdir(parents=True)
    (root / "snapplan.yaml").write_text(CONFIG, encoding="utf-8")
    (root / "policies" / "year.yaml").write_text(policy, encoding="utf-8")
    loaded = load_repository(root)
    assert loaded.policy is not None, loaded.diagnostics
    world = imagined_world(loaded.policy, [parse_target(f"dc1/{target}") for target in targets], frozenset())
    lives: Lives = {}
    for event in simulate(loaded.policy, world, start=START, end=end, every=HOUR).events:
        mark = event.snapshot.mark
        assert mark is not None
        assert mark.slot is not None
        assert mark.period is not None
        wish = Wish(event.snapshot.target_address.removeprefix("dc1/"), mark.period, mark.slot)
        if event.verb == "snapshot":
            lives[wish] = Life(event.at, mark.expires_at)
        else:
            lives[wish] = lives[wish]._replace(gone_at=event.at)
    return lives
