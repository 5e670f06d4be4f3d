"""At most what was approved: what of a plan made now also stands in the plan that somebody approved. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.applier.board import described
from snapplan.applier.omit import omit
from snapplan.models.plan import Verb, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.models.plan import Action, Plan

    Identity = tuple[object, ...]


def narrow(approved: Plan, current: Plan) -> tuple[Plan, list[str]]:
    """Return ``current`` without what ``approved`` does not hold, and sentences about what differs.

    Approving a snapshot approves one of its (target, profile, period), for whatever slot is the latest now; approving an
    expiry or a change approves it for that one snapshot only. An action that waits for one that is left out is left out
    too. Numbers stay those of ``current``. ``approved`` may come from a document: only what a document holds is looked at.
    """
    allowed = {identity(action): action for action in approved.actions}
    new = [action for action in current.actions if not _allows(allowed.get(identity(action)), action)]
    narrowed, stranded = omit(current, {action.number for action in new})
    said = [f"{described(action)} is new; it is left for the next plan" for action in new]
    said += [
        f"{described(action)} is left for the next plan too: it needs an action that is left out" for action in stranded
    ]
    present = {identity(action) for action in current.actions}
    said += [f"{described(a)} has become unnecessary" for a in approved.actions if identity(a) not in present]
    return narrowed, said


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
