"""Every snapshot with its state and the reason why it is there: ``list snapshots``, ``why`` and ``status`` read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.ids import format_instant
from snapplan.models.order import Focus, Orders
from snapplan.models.snapshot import Condition
from snapplan.planner.context import prepare
from snapplan.planner.expiry import active_pin, age_order, expires_at, judge, judge_manual, pin_text
from snapplan.planner.orphans import orphan_minimum
from snapplan.planner.safety import open_sources
from snapplan.planner.sets import BROKEN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from snapplan.models.policy import Policy
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import Triple, World
    from snapplan.planner.context import Context
    from snapplan.planner.expiry import Verdict


class Listed(NamedTuple):
    """A snapshot, its state, and the verdict on it if it is owned.

    ``state`` is the first that holds of foreign, managed, incomplete, damaged, set-aside, suspicious, gaps, discarded,
    future, locked, held, orphan, complete; ``discarded`` is what is left of a set that could not be completed.
    ``minimum`` is how many of its (target, profile, period) are held.
    """

    snapshot: Snapshot
    state: str
    reason: str
    verdict: Verdict | None = None
    minimum: int = 0
    triple: Triple | None = None


def listed(policy: Policy, world: World, now: datetime, focus: Focus | None = None) -> list[Listed]:
    """Return all snapshots of the backends that could be read, ordered by target and age."""
    context = prepare(policy, world, now, Orders(), focus or Focus())
    found = [one for one in _all(context) if context.in_focus(one.snapshot.target_address)]
    return sorted(found, key=lambda one: (one.snapshot.target_address, *age_order(one.snapshot), one.snapshot.name))


def snapshot_rows(policy: Policy, world: World, now: datetime, focus: Focus | None = None) -> list[dict[str, Any]]:
    """Return one JSON object per snapshot, as ``list snapshots --format json`` prints them."""
    return [row(one, now) for one in listed(policy, world, now, focus)]


def row(one: Listed, now: datetime) -> dict[str, Any]:
    """Return the JSON object of one snapshot."""
    snapshot = one.snapshot
    mark = snapshot.mark
    owned = one.verdict is not None
    return {
        "target": snapshot.target_address,
        "snapshot": snapshot.address,
        "name": snapshot.name,
        "profile": mark.profile if mark else None,
        "period": mark.period if mark else None,
        "slot": _shown(mark.slot if mark else None),
        "created_at": _shown(snapshot.taken_at),
        "completed_at": _shown(snapshot.completed_at),
        "expires_at": _shown(expires_at(snapshot)),
        "state": one.state,
        "owned": owned,
        "pinned": owned and active_pin(snapshot, now) is not None,
        "quiesced": snapshot.quiesced,
        "reason": one.reason,
    }


def _all(context: Context) -> Iterator[Listed]:
    sources = open_sources(context)
    for backend, owned in context.owned.items():
        live = context.world.backends[backend].live_runs
        for snapshot in owned.foreign:
            other = f"of project {snapshot.mark.project}" if snapshot.mark else "no mark of this project"
            other = f"made in another store ({snapshot.stray}) and copied here" if snapshot.stray else other
            yield Listed(snapshot, "foreign", f"{other}; never changed, never expired")
        for snapshot in owned.managed:
            yield Listed(snapshot, "managed", _kept_by_platform(snapshot, context.now))
        for triple, snapshots in owned.scheduled.items():
            resolved = context.resolution.triples.get(triple)
            if resolved is not None:
                minimum, orphan = resolved.minimum, False
            else:
                since = context.world.catalog.orphaned.get(triple)
                minimum, _ = orphan_minimum(snapshots, context.policy.config.orphans, since, context.now)
                orphan = True
            native = resolved is not None and resolved.native
            counted = [*snapshots, *(owned.managed_scheduled.get(triple, ()) if native else ())]
            for verdict in judge(counted, minimum, context.now, live_runs=live, sources=sources):
                if not verdict.snapshot.managed:
                    yield _owned(verdict, context.now, minimum, triple, orphan=orphan)
        targets = {target.id for target in context.world.backends[backend].targets}
        for key, snapshots in owned.manual.items():
            for snapshot in snapshots:
                verdict = judge_manual(snapshot, context.now, live_runs=live, sources=sources)
                yield _owned(verdict, context.now, 0, None, orphan=key.target_id not in targets)


def _owned(verdict: Verdict, now: datetime, minimum: int, triple: Triple | None, *, orphan: bool) -> Listed:
    snapshot = verdict.snapshot
    state = "orphan" if orphan else "complete"
    if snapshot.condition is not Condition.SOUND:
        state = snapshot.condition.value.replace("_", "-")
    elif is_discarded(snapshot):
        state = "discarded"
    elif snapshot.taken_at > now:
        state = "future"
    elif snapshot.locked_until is not None and snapshot.locked_until > now:
        state = "locked"
    elif verdict.code == "held":
        state = "held"
    return Listed(snapshot, state, _reason(verdict, now), verdict, minimum, triple)


def is_discarded(snapshot: Snapshot) -> bool:
    """Whether a snapshot is what is left of a set that could not be completed: it counts for nothing."""
    return snapshot.mark is not None and (snapshot.mark.key or "").startswith(BROKEN_PREFIX)


def _kept_by_platform(snapshot: Snapshot, now: datetime) -> str:
    if is_held_by_platform(snapshot, now):
        return "past its expiration; the platform's own schedule holds it"
    return "the platform's own schedule keeps and expires it"


def is_held_by_platform(snapshot: Snapshot, now: datetime) -> bool:
    """Whether the platform still has a snapshot of its own schedule that is past its expiration."""
    expiration = expires_at(snapshot)
    return snapshot.managed and expiration is not None and expiration <= now


def _reason(verdict: Verdict, now: datetime) -> str:
    """Return why a snapshot is kept or expires; before its expiration, too, a pin is what people look for."""
    pin = active_pin(verdict.snapshot, now) if verdict.code == "unexpired" else None
    text = verdict.text if pin is None else f"{pin_text(pin)} (without the pin: {verdict.text})"
    if is_discarded(verdict.snapshot) and verdict.snapshot.mark is not None:
        text = f"its set {verdict.snapshot.mark.set!r} could not be completed; it counts for nothing; {text}"
    flaw = "" if verdict.snapshot.completed_at is None else verdict.snapshot.flaw
    return f"{flaw}; {text}" if flaw and flaw not in text else text


def _shown(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
