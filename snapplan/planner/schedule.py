"""Scheduled snapshots: what is due, what changes and what expires, triple by triple."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.planner.due import NOTHING, Due, due
from snapplan.planner.expiry import judge
from snapplan.planner.retention import RetentionChange, changed, retention_changes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import Tracked
    from snapplan.planner.expiry import Verdict
    from snapplan.planner.resolve import Resolved


class Decision(NamedTuple):
    """What one triple wants at one instant.

    ``verdicts`` is empty where nothing can expire now. ``changes`` are those that outlive this plan: one that makes its
    snapshot expire at once is in ``shortened`` instead, and the snapshot in ``verdicts``. ``turns_at`` is the next
    instant at which a snapshot that exists expires (UTC), if any.
    """

    due: Due
    changes: Sequence[RetentionChange]
    shortened: Sequence[RetentionChange]
    verdicts: Sequence[Verdict]
    turns_at: datetime | None


def decide(
    resolved: Resolved,
    tracked: Tracked | None,
    snapshots: Sequence[Snapshot],
    now: datetime,
    *,
    live_runs: Collection[str] = (),
    sources: Collection[str] = (),
    clock_stepped_back: bool = False,
    waits: bool = False,
    managed: Sequence[Snapshot] = (),
) -> Decision:
    """Decide one (target, profile, period): the core that ``plan``, ``apply`` and ``simulate`` share.

    The expiries are those of the predicted state, after the snapshot that is due and the retention that changed. After
    the clock stepped back nothing is due and nothing expires. What ``waits`` is due, but not taken now. Of what a platform
    schedules nothing is due either, and the snapshots that it took (``managed``) count towards the minimum of those that
    were ours before.
    """
    if clock_stepped_back or (resolved.native and not snapshots):
        return Decision(NOTHING, (), (), (), None)
    period = resolved.period
    wanted = NOTHING if resolved.native or tracked is None else due(period, resolved.timezone, tracked, now)
    if waits:
        wanted = wanted._replace(slot=None)
    changes = retention_changes(snapshots, period.retention, retroactive=resolved.profile.retroactive, now=now)
    predicted = changed(snapshots, changes, resolved.minimum) if changes else snapshots
    urgent, turns_at = scan(predicted, now)
    verdicts: Sequence[Verdict] = ()
    if urgent:
        counted = [*predicted, *managed]
        verdicts = judge(
            counted, resolved.minimum, now, new=wanted.slot is not None, live_runs=live_runs, sources=sources
        )
        verdicts = [verdict for verdict in verdicts if not verdict.snapshot.managed] if managed else verdicts
    if not changes:
        return Decision(wanted, (), (), verdicts, turns_at)
    expiring = {verdict.snapshot.native_id for verdict in verdicts if verdict.expires}
    lasting = [change for change in changes if change.snapshot.native_id not in expiring]
    shortened = [change for change in changes if change.shorter and change.snapshot.native_id in expiring]
    return Decision(wanted, lasting, shortened, verdicts, turns_at)


def scan(snapshots: Sequence[Snapshot], now: datetime) -> tuple[bool, datetime | None]:
    """Return whether any snapshot needs a verdict now, and the next instant at which one of the others will."""
    urgent = False
    turns_at: datetime | None = None
    for snapshot in snapshots:
        mark = snapshot.mark
        expiration = mark.expires_at if mark is not None else None
        if snapshot.completed_at is None or (expiration is not None and expiration <= now):
            urgent = True
        elif expiration is not None and (turns_at is None or expiration < turns_at):
            turns_at = expiration
        if snapshot.taken_at > now and (turns_at is None or snapshot.taken_at < turns_at):
            turns_at = snapshot.taken_at
    return urgent, turns_at
