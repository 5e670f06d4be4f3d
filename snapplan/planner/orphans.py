"""Orphans: owned snapshots whose target, assignment, profile or period is gone. They keep their expiration and minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.planner.expiry import judge
from snapplan.planner.schedule import scan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from snapplan.models.policy import Orphans
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import Triple
    from snapplan.planner.context import Context
    from snapplan.planner.expiry import Verdict


class Orphaned(NamedTuple):
    """The orphans of one triple. ``released_at`` is when the policy's grace ends and ``keep_min`` replaces the minimum."""

    triple: Triple
    snapshots: Sequence[Snapshot]
    minimum: int
    verdicts: Sequence[Verdict]
    turns_at: datetime | None
    released_at: datetime | None


def orphaned(context: Context, sources: Collection[str]) -> Iterator[Orphaned]:
    """Yield the orphans of all backends that could be read, in a fixed order."""
    for backend in sorted(context.owned):
        live = context.world.backends[backend].live_runs
        groups = context.owned[backend].scheduled
        for triple in sorted(groups.keys() - context.resolution.triples.keys()):
            snapshots = groups[triple]
            since = context.world.catalog.orphaned.get(triple)
            minimum, released_at = orphan_minimum(snapshots, context.policy.config.orphans, since, context.now)
            urgent, turns_at = scan(snapshots, context.now)
            verdicts: Sequence[Verdict] = ()
            if urgent and not context.clock_stepped_back:
                verdicts = judge(snapshots, minimum, context.now, live_runs=live, sources=sources)
            yield Orphaned(triple, snapshots, minimum, verdicts, turns_at, released_at)


def orphan_minimum(
    snapshots: Sequence[Snapshot], policy: Orphans | None, since: datetime | None, now: datetime
) -> tuple[int, datetime | None]:
    """Return how many of the newest orphans of a triple are held, and when that number falls (``None``: never).

    It is the greatest minimum that any of their marks carries, for ever, unless ``orphans:`` is set and its grace is over.
    """
    carried = max((snapshot.mark.minimum for snapshot in snapshots if snapshot.mark), default=0)
    if policy is None or since is None:
        return carried, None
    released_at = since + policy.grace
    if released_at <= now:
        return min(carried, policy.keep_min), None
    return carried, released_at
