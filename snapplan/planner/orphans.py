"""Orphans: owned snapshots whose target, assignment, profile or period is gone. They keep their expiration and minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.planner.expiry import judge
from snapplan.planner.native import native_name
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
        for triple, snapshots in sorted(_groups(context, backend).items()):
            since = context.world.catalog.orphaned.get(triple)
            minimum, released_at = orphan_minimum(snapshots, context.policy.config.orphans, since, context.now)
            urgent, turns_at = scan(snapshots, context.now)
            verdicts: Sequence[Verdict] = ()
            if urgent and not context.clock_stepped_back:
                verdicts = judge(snapshots, minimum, context.now, live_runs=live, sources=sources)
            yield Orphaned(triple, snapshots, minimum, verdicts, turns_at, released_at)


def _groups(context: Context, backend: str) -> dict[Triple, Sequence[Snapshot]]:
    """Return the orphans by triple. A platform keeps the last that it took for ever, so ``orphans:`` is for them too."""
    owned, live = context.owned[backend], context.resolution.triples.keys()
    groups: dict[Triple, Sequence[Snapshot]] = {
        triple: owned.scheduled[triple] for triple in owned.scheduled.keys() - live
    }
    if context.policy.config.orphans is not None:
        for triple in owned.managed_scheduled.keys() - live:
            if _has_profile(context, triple):
                continue
            groups[triple] = [*groups.get(triple, ()), *owned.managed_scheduled[triple]]
    return groups


def _has_profile(context: Context, triple: Triple) -> bool:
    """Whether a target still has the profile on its platform, whoever gave it: what that takes is nobody's to clean up."""
    platform = context.world.backends[triple.backend].platform
    if platform is None:
        return False
    profile = context.policy.profiles.get(triple.profile)
    recorded = context.world.catalog.profiles.get(triple.profile, {})
    name = native_name(triple.profile, profile) if profile else recorded.get("platform_name") or triple.profile
    native_id = platform.assigned.get(triple.target_id)
    return any(each.native_id == native_id and each.name == name for each in platform.profiles)


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
