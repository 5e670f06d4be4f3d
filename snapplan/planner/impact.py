"""How a plan moves the restore points of each target it touches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.plan import Impact, Verb

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from snapplan.models.plan import Action
    from snapplan.planner.context import Context


def impacts(context: Context, actions: Sequence[Action]) -> tuple[Impact, ...]:
    """Return the newest and oldest snapshot that "latest" may be, before and after, for targets that gain or lose one.

    A target that was renamed is one row, under the name that it has now.
    """
    names = {
        (target.backend, target.id): target.address for state in context.backends.values() for target in state.targets
    }
    made: dict[str, list[datetime]] = {}
    gone: dict[str, set[str]] = {}
    for action in actions:
        if action.target is None:
            continue
        if action.verb is Verb.SNAPSHOT:
            made.setdefault(action.target, []).append(context.now)
        elif action.verb is Verb.EXPIRE:
            snapshot = action.request.snapshot
            address = names.get((snapshot.backend, snapshot.target_id), action.target)
            gone.setdefault(address, set()).add(snapshot.native_id)
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


def _points(context: Context, targets: Collection[str]) -> dict[str, dict[str, datetime]]:
    """Return the owned and managed restore points of ``targets``: when each was taken, by native id."""
    points: dict[str, dict[str, datetime]] = {}
    if not targets:
        return points
    for name, owned in context.owned.items():
        live = {target.id: target.address for target in context.world.backends[name].targets}
        groups = [(triple.target_id, group) for triple, group in owned.scheduled.items()]
        groups += [(key.target_id, group) for key, group in owned.manual.items()]
        groups += [(triple.target_id, group) for triple, group in owned.managed_scheduled.items()]
        for target_id, group in groups:
            address = live.get(target_id, group[0].target_address)
            if address in targets:
                points.setdefault(address, {}).update(
                    (snapshot.native_id, snapshot.taken_at)
                    for snapshot in group
                    if snapshot.standing.latest and snapshot.taken_at <= context.now
                )
    return points


def _first(instants: list[datetime]) -> datetime | None:
    return instants[0] if instants else None


def _last(instants: list[datetime]) -> datetime | None:
    return instants[-1] if instants else None
