"""Keeps what stays from a platform that deletes by itself: what it is told must lie ahead of what is decided here.

Such a platform deletes at the expiration written on a snapshot, which lies ``PLATFORM_MARGIN`` after the exact one. What is
held, pinned, locked, in use or stopped by a guard stays longer than that, so the date on it is pushed out in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.plan import Reason, Verb
from snapplan.models.request import ChangeRequest, ExpireRequest
from snapplan.models.target import PLATFORM_MARGIN
from snapplan.planner.expiry import active_pin, judge, pin_text
from snapplan.planner.orphans import orphan_minimum
from snapplan.planner.steps import precondition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from snapplan.models.plan import Action
    from snapplan.models.snapshot import Mark, Snapshot
    from snapplan.models.world import Triple
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.expiry import Verdict

AHEAD = PLATFORM_MARGIN / 2
"""The date is pushed out when it is no further away, so that half a margin without an apply loses nothing."""


class Group(NamedTuple):
    """Owned snapshots that are judged together; ``triple`` is ``None`` for manual ones."""

    triple: Triple | None
    snapshots: Sequence[Snapshot]


def add_keeping(context: Context, draft: Draft, sources: Collection[str] = ()) -> bool:
    """Add the changes that push a platform's own date out, and return whether there are any.

    For after the guards: what they stop stays as well. ``sources`` are the native ids that restores need.
    """
    before = len(draft.actions)
    for backend in sorted(context.owned):
        state = context.world.backends[backend]
        if not state.capabilities.expires_itself or not state.deletes_at:
            continue
        settled, stopped = _settled(draft.actions, backend), _stopped(draft.actions, backend)
        addresses = {target.id: target.address for target in state.targets}
        for group in _groups(context, backend):
            near = [
                (addresses.get(one.target_id, one.target_address), one)
                for one in _near(context, draft, group.snapshots, state.deletes_at)
                if one.native_id not in settled
            ]
            verdicts = _verdicts(context, backend, group, sources) if near else {}
            minimum = _minimum(context, group) if near else 0
            for address, snapshot in near:
                if _goes_with_its_lock(context, verdicts[snapshot.native_id], minimum, stopped):
                    continue
                if context.in_focus(address):
                    why = _why(context, verdicts[snapshot.native_id], stopped.get(snapshot.native_id, ()))
                    _add(context, draft, address, snapshot, why)
    return len(draft.actions) > before


def outlasts(context: Context, snapshot: Snapshot) -> bool:
    """Whether the platform would delete a snapshot some day although a pin holds it: somebody wrote a date there."""
    state = context.world.backends[snapshot.backend]
    return state.capabilities.expires_itself and state.deletes_at.get(snapshot.native_id) is not None


def _groups(context: Context, backend: str) -> Iterator[Group]:
    owned = context.owned[backend]
    for triple in sorted(owned.scheduled):
        yield Group(triple, owned.scheduled[triple])
    for key in sorted(owned.manual):
        yield Group(None, owned.manual[key])


def _near(
    context: Context, draft: Draft, snapshots: Sequence[Snapshot], deletes_at: Mapping[str, datetime | None]
) -> list[Snapshot]:
    """Return the complete ones whose date is near, and note in the draft when the next one's is."""
    limit = context.now + AHEAD
    later: datetime | None = None
    near = []
    for snapshot in snapshots:
        at = deletes_at.get(snapshot.native_id)
        if at is None or snapshot.completed_at is None:
            continue
        if at <= limit:
            near.append(snapshot)
        elif later is None or at < later:
            later = at
    if later is not None:
        draft.instants.add(later - AHEAD)
    return near


def _settled(actions: Sequence[Action], backend: str) -> set[str]:
    """Return the native ids of those that this plan deletes, or writes a date on anyway."""
    return {
        action.request.snapshot.native_id
        for action in actions
        if action.backend == backend
        and (action.verb is Verb.CHANGE or (action.verb is Verb.EXPIRE and not action.blocked_by))
    }


def _stopped(actions: Sequence[Action], backend: str) -> dict[str, tuple[str, ...]]:
    """Return the codes of the guards that stop an expiry, by native id."""
    return {
        action.request.snapshot.native_id: action.blocked_by
        for action in actions
        if action.backend == backend and action.blocked_by and isinstance(action.request, ExpireRequest)
    }


def _verdicts(context: Context, backend: str, group: Group, sources: Collection[str]) -> dict[str, Verdict]:
    """Return what is to become of each snapshot of a group, by native id."""
    live = context.world.backends[backend].live_runs
    verdicts = judge(group.snapshots, _minimum(context, group), context.now, live_runs=live, sources=sources)
    return {verdict.snapshot.native_id: verdict for verdict in verdicts}


def _minimum(context: Context, group: Group) -> int:
    if group.triple is None:
        return 0
    resolved = context.resolution.triples.get(group.triple)
    since = context.world.catalog.orphaned.get(group.triple)
    orphaned, _ = orphan_minimum(group.snapshots, context.policy.config.orphans, since, context.now)
    return orphaned if resolved is None else resolved.minimum


def _goes_with_its_lock(context: Context, verdict: Verdict, minimum: int, stopped: Collection[str]) -> bool:
    """Whether a locked snapshot may go on the date that its lock ends: pushing the date out would lock it for longer.

    Nobody can delete it before. It is kept beyond that where it is one of the newest that are held and half of its time
    has passed without a newer one, where a person pinned it, and where a restore needs it.
    """
    snapshot, now = verdict.snapshot, context.now
    if snapshot.locked_until is None or snapshot.locked_until <= now or snapshot.native_id in stopped:
        return False
    if active_pin(snapshot, now) is not None or verdict.code in ("source", "in_use"):
        return False
    half = (snapshot.locked_until - snapshot.taken_at) / 2
    is_held = verdict.position is not None and verdict.position <= minimum
    return not is_held or snapshot.locked_until - now > min(half, AHEAD)


def _why(context: Context, verdict: Verdict, stopped: Collection[str]) -> str:
    """Return why a snapshot stays after this plan."""
    if stopped:
        return f"its expiry is stopped by {', '.join(stopped)}"
    pin = active_pin(verdict.snapshot, context.now)
    if pin is not None:
        return pin_text(pin)
    return "it does not expire now" if verdict.expires else verdict.text


def _add(context: Context, draft: Draft, target: str, snapshot: Snapshot, why: str) -> None:
    mark, before = snapshot.mark, context.world.backends[snapshot.backend].deletes_at[snapshot.native_id]
    if mark is None or before is None:
        return
    draft.add(
        Verb.CHANGE,
        backend=snapshot.backend,
        target=target,
        snapshot=snapshot.address,
        profile=mark.profile,
        period=mark.period,
        slot=mark.slot,
        expires_at=mark.expires_at,
        change={"deletes_at": [before, _after(mark, context.now)]},
        precondition={**precondition(snapshot), "expires_at": mark.expires_at},
        reasons=(Reason("kept", f"the platform would delete it at {before:%Y-%m-%d %H:%MZ}; {why}"),),
        request=ChangeRequest(snapshot, mark),
    )


def _after(mark: Mark, now: datetime) -> datetime | timedelta | None:
    """Return what the driver writes: never, an instant, or how long after it is applied."""
    if mark.expires_at is None or mark.pin is not None:
        return None
    return mark.expires_at + PLATFORM_MARGIN if mark.expires_at > now else PLATFORM_MARGIN
