"""How a plan moves the restore points of each target it touches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.plan import Impact, Verb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from snapplan.models.plan import Action
    from snapplan.planner.context import Context


def impacts(context: Context, actions: Sequence[Action]) -> tuple[Impact, ...]:
    """Return the newest and oldest complete snapshot before and after, for targets that gain or lose one."""
    made: dict[str, list[datetime]] = {}
    gone: dict[str, set[str]] = {}
    for action in actions:
        if action.target is None:
            continue
        if action.verb is Verb.SNAPSHOT:
            made.setdefault(action.target, []).append(context.now)
        elif action.verb is Verb.EXPIRE:
            gone.setdefault(action.target, set()).add(action.precondition["native_id"])
    before = _points(context, made.keys() | gone.keys())
    result = []
    for target in sorted(made.keys() | gone.keys()):
        points = before.get(target, {})
        lost = gone.get(target, set())
        old = sorted(points.values())
        new = sorted([taken for native_id, taken in points.items() if native_id not in lost] + made.get(target, []))
        newest, oldest = (_last(old), _last(new)), (_first(old), _first(new))
        result.append(Impact(target, newest, oldest, (len(old), len(new))))
    return tuple(result)


def _points(context: Context, targets: set[str]) -> dict[str, dict[str, datetime]]:
    project = context.policy.config.project
    points: dict[str, dict[str, datetime]] = {}
    if not targets:
        return points
    for name, state in context.backends.items():
        ids = {(t.scope, t.id): t.address for t in state.targets if t.address in targets}
        for snapshot in state.snapshots:
            address = ids.get((snapshot.scope, snapshot.target_id))
            if address is None:
                address = f"{name}/{snapshot.scope}/{snapshot.target_name}"
                if address not in targets:
                    continue
            complete = snapshot.completed_at is not None and snapshot.taken_at <= context.now
            if complete and snapshot.mark is not None and snapshot.mark.project == project:
                points.setdefault(address, {})[snapshot.native_id] = snapshot.taken_at
    return points


def _first(instants: list[datetime]) -> datetime | None:
    return instants[0] if instants else None


def _last(instants: list[datetime]) -> datetime | None:
    return instants[-1] if instants else None
