"""In which order the actions of a plan are carried out, and which go to the backend in one call. Pure."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.plan import Verb
from snapplan.models.request import (
    AssignRequest,
    ChangeRequest,
    ExpireRequest,
    ProfileRequest,
    RestoreRequest,
    SnapshotRequest,
)
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from snapplan.models.plan import Action, Plan

CATALOG_VERBS = frozenset({Verb.PROFILE, Verb.ASSIGN})
REQUESTS: Mapping[Verb, type] = {
    Verb.PROFILE: ProfileRequest,
    Verb.ASSIGN: AssignRequest,
    Verb.SNAPSHOT: SnapshotRequest,
    Verb.CHANGE: ChangeRequest,
    Verb.EXPIRE: ExpireRequest,
    Verb.RESTORE: RestoreRequest,
}


class Phase(IntEnum):
    """The steps of an apply. A failure between any two leaves more snapshots and more protection than wanted, not less."""

    PROTECT = 0
    RESTORE = 1
    SNAPSHOT = 2
    CHANGE = 3
    EXPIRE = 4
    EXPIRE_AFTER = 5
    END = 6


class Call(NamedTuple):
    """Actions of one verb that are handed to a driver in one call.

    ``touches`` are the targets, as ``scope/id``; two calls that touch the same one never run at the same time. One that
    is ``alone`` runs with no other on its backend: what it restores holds other targets.
    """

    backend: str
    phase: Phase
    verb: Verb
    actions: tuple[Action, ...]
    touches: frozenset[str]
    alone: bool = False


def phases(plan: Plan) -> list[tuple[Phase, tuple[Action, ...]]]:
    """Return the actions by phase, phases in order, empty ones left out, by number within each.

    An action that another one waits for (``after``) goes no later than that one: so a safety snapshot goes with its
    restore, and the removal of an incomplete snapshot with its retry. Within ``PROTECT`` profiles come before the
    assignments that use them, within ``END`` after.
    """
    phase_of = _pulled_forward(plan.actions, {action.number: _own_phase(action) for action in plan.actions})
    by_phase: dict[Phase, list[Action]] = {}
    for action in sorted(plan.actions, key=lambda action: action.number):
        by_phase.setdefault(phase_of[action.number], []).append(action)
    for phase, first in ((Phase.PROTECT, Verb.PROFILE), (Phase.END, Verb.ASSIGN)):
        by_phase.get(phase, []).sort(key=lambda action: action.verb is not first)
    return [(phase, tuple(by_phase[phase])) for phase in sorted(by_phase)]


def _own_phase(action: Action) -> Phase:
    """Return where an action belongs by itself; one that both begins and ends protection begins it first."""
    if action.verb is Verb.PROFILE:
        return Phase.END if action.request.document is None else Phase.PROTECT
    if action.verb is Verb.ASSIGN:
        return Phase.END if _only_ends(action.request) else Phase.PROTECT
    if action.verb is Verb.EXPIRE:
        return Phase.EXPIRE_AFTER if action.after else Phase.EXPIRE
    return {Verb.RESTORE: Phase.RESTORE, Verb.SNAPSHOT: Phase.SNAPSHOT, Verb.CHANGE: Phase.CHANGE}[action.verb]


def _only_ends(request: AssignRequest) -> bool:
    if request.platform is not None:
        return not request.platform.after
    return bool(request.ended) and not request.added


def _pulled_forward(actions: Sequence[Action], phase_of: dict[int, Phase]) -> dict[int, Phase]:
    """Move what others wait for to their phase. Catalog verbs have only the first and the last phase to be in."""
    by_number = {action.number: action for action in actions}
    for action in actions:
        waits_for = [by_number[number] for number in action.after if number in by_number]
        if action.verb in CATALOG_VERBS and any(other.verb not in CATALOG_VERBS for other in waits_for):
            phase_of[action.number] = Phase.END
    pending = [action for action in actions if action.after]
    while pending:
        action = pending.pop()
        for number in action.after:
            other = by_number.get(number)
            if other is None or phase_of[number] <= phase_of[action.number]:
                continue
            phase_of[number] = Phase.PROTECT if other.verb in CATALOG_VERBS else phase_of[action.number]
            pending.append(other)
    return phase_of


def calls(backend: str, phase: Phase, actions: Sequence[Action], *, batch: bool) -> list[Call]:
    """Return the driver calls for one backend's actions of one phase, in the order in which they are to be started.

    With ``batch`` all actions of a verb share a call, unless one waits for another. The members of a set share a call
    always; a restore has its own.
    """
    depths = _depths(actions)
    groups: dict[tuple[object, ...], list[Action]] = {}
    for action in actions:
        groups.setdefault(_group(action, depths[action.number], batch), []).append(action)
    ordered = sorted(groups.values(), key=lambda group: (max(depths[a.number] for a in group), group[0].number))
    return [_call(backend, phase, group) for group in ordered]


def _group(action: Action, depth: int, batch: bool) -> tuple[object, ...]:
    if action.verb is Verb.RESTORE:
        return (action.number,)
    if batch:
        return (action.verb, depth)
    name = set_of(action)
    return (action.number,) if name is None else (action.verb, "set", name)


def _depths(actions: Sequence[Action]) -> dict[int, int]:
    """Return how many steps of ``after`` among ``actions`` lie before each; the members of a set are level."""
    by_number = {action.number: action for action in actions}
    depths = dict.fromkeys(by_number, 0)
    for _ in actions:
        before = dict(depths)
        for action in actions:
            waits_for = [depths[number] + 1 for number in action.after if number in by_number]
            depths[action.number] = max([depths[action.number], *waits_for])
        _level_sets(actions, depths)
        if depths == before:
            break
    return depths


def _level_sets(actions: Iterable[Action], depths: dict[int, int]) -> None:
    members: dict[str, list[int]] = {}
    for action in actions:
        name = set_of(action)
        if name is not None:
            members.setdefault(name, []).append(action.number)
    for numbers in members.values():
        deepest = max(depths[number] for number in numbers)
        depths.update(dict.fromkeys(numbers, deepest))


def _call(backend: str, phase: Phase, actions: Sequence[Action]) -> Call:
    alone = phase is Phase.RESTORE and any(_scope(action) in (Scope.CLOUD, Scope.TENANT) for action in actions)
    return Call(backend, phase, actions[0].verb, tuple(actions), frozenset(map(_touched, actions)), alone)


def _scope(action: Action) -> Scope:
    request = action.request
    if isinstance(request, SnapshotRequest):
        return request.target.scope
    if isinstance(request, RestoreRequest):
        return request.scope
    scope: Scope = request.snapshot.scope
    return scope


def _touched(action: Action) -> str:
    request = action.request
    if isinstance(request, SnapshotRequest):
        return f"{request.target.scope}/{request.target.id}"
    if isinstance(request, RestoreRequest):
        return f"{request.scope}/{request.target_id}"
    return f"{request.snapshot.scope}/{request.snapshot.target_id}"


def set_of(action: Action) -> str | None:
    """Return the set that a snapshot action belongs to; only snapshots are taken all or nothing."""
    return action.request.mark.set if isinstance(action.request, SnapshotRequest) else None


def verify(plan: Plan, project: str) -> None:
    """Raise ``ValueError`` if the plan holds an action that no planner of ``project`` would make.

    The last look before a backend is touched: each action has a number of its own and the request of its verb, and
    nothing is about a snapshot that is not ours. (A foreign snapshot may be given our mark: that adopts it.)
    """
    numbers: set[int] = set()
    for action in plan.actions:
        if action.number in numbers:
            raise ValueError(f"the plan has two actions with the number {action.number}")
        numbers.add(action.number)
        if not isinstance(action.request, REQUESTS[action.verb]):
            raise ValueError(f"action {action.number} ({action.verb}) has no request of its verb")
        if not _ours(action, project):
            raise ValueError(
                f"action {action.number} ({action.verb}) is about a snapshot that is not of project {project!r}"
            )
        if action.verb not in CATALOG_VERBS and action.backend is None:
            raise ValueError(f"action {action.number} ({action.verb}) names no backend")


def _ours(action: Action, project: str) -> bool:
    request = action.request
    if isinstance(request, SnapshotRequest):
        return request.mark.project == project
    if isinstance(request, ChangeRequest):
        old = request.snapshot.mark
        return request.mark.project == project and (request.adopts or (old is not None and old.project == project))
    if isinstance(request, ExpireRequest):
        mark = request.snapshot.mark
        ours = mark is not None and mark.project == project
        return ours and (request.orphan or not request.snapshot.managed)
    return True
