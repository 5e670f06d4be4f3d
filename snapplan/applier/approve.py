"""At most what was approved: what of a plan made now also stands in the plan that somebody approved. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from snapplan.applier.board import described
from snapplan.models.plan import Verb, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from snapplan.models.plan import Action, Plan, Summary

    Identity = tuple[object, ...]


def narrow(approved: Plan, current: Plan) -> tuple[Plan, list[str]]:
    """Return ``current`` without what ``approved`` does not hold, and sentences about what differs.

    Approving a snapshot approves one of its (target, profile, period), for whatever slot is the latest now; approving an
    expiry or a change approves it for that one snapshot only. An action that waits for one that is left out is left out
    too. Numbers stay those of ``current``. ``approved`` may come from a document: only what a document holds is looked at.
    """
    allowed = {identity(action): action for action in approved.actions}
    kept = {action.number: action for action in current.actions if _allows(allowed.get(identity(action)), action)}
    said = [f"{described(a)} is new; it is left for the next plan" for a in current.actions if a.number not in kept]
    said += _drop_dependants(kept)
    present = {identity(action) for action in current.actions}
    said += [f"{described(a)} has become unnecessary" for a in approved.actions if identity(a) not in present]
    actions = tuple(action for action in current.actions if action.number in kept)
    return dataclasses.replace(current, actions=actions, summary=_counted(current.summary, actions)), said


def identity(action: Action) -> Identity:
    """Return what makes an action of one plan the same as one of another."""
    verb, target = action.verb, action.target
    native_id = action.precondition.get("native_id")
    if verb is Verb.SNAPSHOT:
        if action.profile is not None:
            return (verb, target, action.profile, action.period)
        return (verb, target, action.change.get("key", action.snapshot))
    if verb in (Verb.EXPIRE, Verb.CHANGE):
        return (verb, action.snapshot, native_id)
    if verb is Verb.RESTORE:
        return (verb, target, action.change.get("key", action.snapshot))
    return (verb, target, action.profile)


def _allows(approved: Action | None, action: Action) -> bool:
    """Whether an approved action of the same identity covers what ``action`` would do."""
    if approved is None:
        return False
    before, now = _plain(approved.change), _plain(action.change)
    if action.verb is Verb.ASSIGN:
        return all(set(now.get(part, ())) <= set(before.get(part, ())) for part in ("begins", "ends"))
    if action.verb is Verb.PROFILE:
        return before.get("after") == now.get("after")
    if action.verb is Verb.CHANGE:
        return before == now
    if action.verb is Verb.RESTORE:
        sources = [(a.snapshot, a.precondition.get("native_id")) for a in (approved, action)]
        return before == now and sources[0] == sources[1]
    return True


def _plain(change: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = plain(dict(change))
    return document


def _drop_dependants(kept: dict[int, Action]) -> list[str]:
    """Remove from ``kept`` what waits for something that is not in it, again and again; say so."""
    said: list[str] = []
    while True:
        stranded = [action for action in kept.values() if not kept.keys() >= set(action.after)]
        if not stranded:
            return said
        for action in stranded:
            del kept[action.number]
            said.append(f"{described(action)} is left for the next plan too: it needs an action that is left out")


def _counted(summary: Summary, actions: Iterable[Action]) -> Summary:
    counts = dict.fromkeys((str(verb) for verb in Verb), 0)
    for action in actions:
        counts[str(action.verb)] += 1
    return dataclasses.replace(summary, **counts)
