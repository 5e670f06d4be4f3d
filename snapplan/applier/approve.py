"""At most what was approved: what of a plan made now also stands in the document that somebody approved. Pure.

A document holds no requests; every request comes from the planner, so a document can only take away from what is done.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.models.plan import Action, Reason, Verb, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    Identity = tuple[object, ...]

SAFETY = re.compile(r"(pre-restore\..*?)(?:\.[0-9]{8}T[0-9]{4}Z)?\Z")
"""A safety snapshot's key ends with an instant where its restore was tried before."""
_COPIED = ("number", "backend", "target", "snapshot", "profile", "period", "slot", "change", "precondition", "foreseen")


class Matched(NamedTuple):
    """The actions of two plans, held against each other.

    ``done`` are pairs (approved, current) that may be carried out; ``differing`` are pairs in which the current action
    would do something else; ``blocked`` are pairs whose approved action a guard had stopped. ``new`` is only in the
    current plan, ``absent`` only in the approved one.
    """

    done: tuple[tuple[Action, Action], ...]
    differing: tuple[tuple[Action, Action], ...]
    blocked: tuple[tuple[Action, Action], ...]
    new: tuple[Action, ...]
    absent: tuple[Action, ...]


def read_actions(document: Mapping[str, Any]) -> tuple[Action, ...]:
    """Return the actions of a plan document, without requests; their values stay JSON data, instants text."""
    return tuple(
        Action(
            verb=Verb(item["verb"]),
            after=tuple(item["after"]),
            blocked_by=tuple(item["blocked_by"]),
            reasons=tuple(Reason(**reason) for reason in item["reasons"]),
            **{name: item[name] for name in _COPIED},
        )
        for item in document["actions"]
    )


def match(approved: Sequence[Action], current: Sequence[Action], allowed: Collection[str] = ()) -> Matched:
    """Hold the actions of a plan made now against the approved ones.

    Approving a snapshot approves one of its (target, profile, period), for whatever slot is the latest now; approving an
    expiry or a change approves it for that one snapshot only. What a guard had stopped was not approved, unless its codes
    are ``allowed`` now.
    """
    by_identity = {identity(action): action for action in approved}
    pairs = [(by_identity.get(identity(action)), action) for action in current]
    known = [(before, action) for before, action in pairs if before is not None]
    present = {identity(action) for action in current}
    return Matched(
        done=tuple((a, b) for a, b in known if covers(a, b) and not stopped(a, allowed)),
        differing=tuple((a, b) for a, b in known if not covers(a, b)),
        blocked=tuple((a, b) for a, b in known if covers(a, b) and stopped(a, allowed)),
        new=tuple(action for before, action in pairs if before is None),
        absent=tuple(action for action in approved if identity(action) not in present),
    )


def identity(action: Action) -> Identity:
    """Return what makes an action of one plan the same as one of another, out of a document or not."""
    verb, held = action.verb, plain(dict(action.precondition))
    if verb is Verb.SNAPSHOT:
        about = (action.profile, action.period) if action.profile is not None else (_key(action),)
        return (verb, action.target, held.get("target_id"), *about)
    if verb in (Verb.EXPIRE, Verb.CHANGE):
        return (verb, action.snapshot, held.get("native_id"), held.get("taken_at"))
    if verb is Verb.RESTORE:
        return (verb, action.target, action.change.get("key", action.snapshot))
    return (verb, action.backend, action.target, held.get("target_id"), action.profile)


def _key(action: Action) -> str:
    """Return the key of a manual snapshot; of a safety snapshot without the instant of a second attempt."""
    key = str(action.change.get("key", action.snapshot))
    found = SAFETY.match(key) if any(reason.code == "safety" for reason in action.reasons) else None
    return found[1] if found else key


def covers(approved: Action, action: Action) -> bool:
    """Whether an approved action of the same identity covers what ``action`` would do."""
    before, now = plain(dict(approved.change)), plain(dict(action.change))
    if action.verb is Verb.ASSIGN:
        within = all(set(now.get(part, ())) <= set(before.get(part, ())) for part in ("begins", "ends"))
        return within and now.get("platform", before.get("platform")) == before.get("platform")
    if action.verb is Verb.PROFILE:
        whole = action.backend is None or before.get("before") == now.get("before")
        return whole and bool(before.get("after") == now.get("after"))
    if action.verb is Verb.CHANGE:
        return bool(before == now)
    if action.verb is Verb.RESTORE:
        return before == now and approved.snapshot == action.snapshot and _held(approved) == _held(action)
    return True


def _held(action: Action) -> Any:
    return plain(dict(action.precondition))


def stopped(approved: Action, allowed: Collection[str]) -> bool:
    """Whether a guard had stopped an approved action that is not allowed now: then it was not approved."""
    return not set(approved.blocked_by) <= set(allowed)
