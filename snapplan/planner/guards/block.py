"""Blocks the actions that guards stop, and with each what depends on it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from snapplan.models.request import SnapshotRequest
from snapplan.planner.guards.judgement import ALLOWED, BLOCKED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from snapplan.models.plan import Action, GuardResult
    from snapplan.planner.guards.judgement import Judgement

SetName = tuple[str | None, str]


def block(
    actions: Sequence[Action], judgements: Sequence[Judgement], allowed: Collection[str]
) -> tuple[list[Action], tuple[GuardResult, ...]]:
    """Return the actions with ``blocked_by`` set, in their order, and the results with their states.

    What waits for a blocked action is blocked with it, and so are the other members of its set: they are taken all or none.
    """
    results = tuple(_state(judgement.result, allowed) for judgement in judgements)
    stopped: dict[int, set[str]] = {}
    for judgement, result in zip(judgements, results, strict=True):
        if result.state == BLOCKED:
            for number in judgement.stops:
                stopped.setdefault(number, set()).add(result.code)
    if not stopped:
        return list(actions), results
    _spread(actions, stopped)
    return [
        dataclasses.replace(action, blocked_by=tuple(sorted(stopped[action.number])))
        if action.number in stopped
        else action
        for action in actions
    ], results


def _state(result: GuardResult, allowed: Collection[str]) -> GuardResult:
    if result.state == BLOCKED and result.code in allowed:
        return dataclasses.replace(result, state=ALLOWED)
    return result


def _spread(actions: Sequence[Action], stopped: dict[int, set[str]]) -> None:
    sets = {action.number: name for action in actions if (name := _set_of(action)) is not None}
    while True:
        before = sum(map(len, stopped.values()))
        by_set = _codes_by_set(sets, stopped)
        for action in actions:
            codes = {code for number in action.after for code in stopped.get(number, ())}
            codes |= by_set.get(sets[action.number], set()) if action.number in sets else set()
            if codes:
                stopped.setdefault(action.number, set()).update(codes)
        if sum(map(len, stopped.values())) == before:
            return


def _codes_by_set(sets: Mapping[int, SetName], stopped: Mapping[int, set[str]]) -> dict[SetName, set[str]]:
    found: dict[SetName, set[str]] = {}
    for number, name in sets.items():
        if number in stopped:
            found.setdefault(name, set()).update(stopped[number])
    return found


def _set_of(action: Action) -> SetName | None:
    """Return what tells the set of a snapshot from others: scheduled ones are of one backend, manual ones of a key."""
    request = action.request
    if not isinstance(request, SnapshotRequest) or request.mark.set is None:
        return None
    return (None if request.mark.key is not None else action.backend, request.mark.set)
