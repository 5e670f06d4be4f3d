"""Carries out one driver call: intent, fencing, the call, result; each step durable before the next begins."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from snapplan import crash
from snapplan.applier.answers import BrokenSetError, MissingOutcomeError, outcomes, sentence
from snapplan.applier.board import not_tried
from snapplan.applier.look import Looker
from snapplan.applier.order import set_of
from snapplan.applier.record import Ended, record_restore, recorded
from snapplan.applier.report import subject
from snapplan.applier.schedule import Carried
from snapplan.applier.sets import disown, reason
from snapplan.clock import monotonic
from snapplan.errors import FencedError, LostRequestError, UnreachableError
from snapplan.models.plan import Verb
from snapplan.models.request import Outcome, SnapshotRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from snapplan.applier.order import Call
    from snapplan.applier.site import Site
    from snapplan.drivers.base import Driver
    from snapplan.models.plan import Action
    from snapplan.models.snapshot import Snapshot


LOST = (UnreachableError, LostRequestError)
"""The errors of a request that never reached the backend, or of which a look showed that nothing came."""
ASKED_TWICE = "its first request was lost; it was asked for once more"


def carry_out(site: Site, call: Call) -> Carried:
    """Carry out one call and return what became of each of its actions. Raises nothing that a driver or catalog raises."""
    unfit = _announce(site, call)
    if unfit is not None:
        results = not_tried(call.actions, unfit)
        for result in results:
            site.observer.finished(result.action, result)
        return Carried(results, unfit)
    results = []
    stopped: str | None = None
    for ended in _driven(site, call):
        result, trouble = recorded(site, ended)
        site.observer.finished(result.action, result)
        results.append(result)
        stopped = stopped or trouble
    return Carried(results, stopped)


def _announce(site: Site, call: Call) -> str | None:
    """Write the intents and check the lease; return why the call must not be made, or ``None``.

    The lease is checked after the intents, so that as little as possible lies between the check and the call.
    """
    try:
        for action in call.actions:
            crash.point("apply.intent.before")
            site.catalog.intent(site.run.number, action, site.now())
            crash.point("apply.intent.after")
        site.catalog.check(site.leases[call.backend])
        for action in call.actions:
            if action.verb is Verb.RESTORE:
                record_restore(site, action.request, "started")
    except FencedError as error:
        return f"the lease of backend {call.backend!r} was lost: {error}"
    except Exception as error:
        return f"the catalog could not record the intent: {sentence(error)}"
    for action in call.actions:
        site.observer.started(action)
    return None


def _driven(site: Site, call: Call) -> Iterator[Ended]:
    """Make the driver call; yield each action as it ends, the members of a set together when all of them have ended."""
    driver = site.drivers[call.backend]
    looker = Looker(driver)
    sets: dict[str, list[Ended]] = {}
    sizes = _set_sizes(call.actions)
    actions = [_timely(action, site) for action in call.actions]
    began = monotonic()
    crash.point("apply.call.before")
    for action, outcome in zip(actions, _ask(driver, call.verb, actions), strict=True):
        crash.point("apply.call.after")
        ended = Ended(action, _checked(call.verb, looker.settled(action.request, outcome)), monotonic() - began)
        began = monotonic()
        name = set_of(action)
        if name is None:
            yield ended
            continue
        members = sets.setdefault(name, [])
        members.append(ended)
        if len(members) == sizes[name]:
            yield from _whole_or_broken(site, driver, name, members)


def _set_sizes(actions: Sequence[Action]) -> dict[str, int]:
    names = [set_of(action) for action in actions]
    return {name: names.count(name) for name in set(names) if name is not None}


def _timely(action: Action, site: Site) -> Action:
    """Fix when the snapshot is taken, before the capture, and by which run; its retention counts from then."""
    request = action.request
    if action.verb is Verb.RESTORE:
        kept = None if request.set_aside is None else _taken_now(request.set_aside, site)
        return dataclasses.replace(action, request=request._replace(run=site.run.id, set_aside=kept))
    if not isinstance(request, SnapshotRequest):
        return action
    request = _taken_now(request, site)
    return dataclasses.replace(action, request=request, expires_at=request.mark.expires_at)


def _taken_now(request: SnapshotRequest, site: Site) -> SnapshotRequest:
    taken_at = site.now()
    expires_at = request.mark.expires_at if request.retention is None else taken_at + request.retention
    return request._replace(mark=request.mark._replace(taken_at=taken_at, run=site.run.id, expires_at=expires_at))


def _ask(driver: Driver, verb: Verb, actions: Sequence[Action]) -> Iterator[Outcome]:
    requests = [action.request for action in actions]
    if verb is Verb.RESTORE:
        return outcomes(lambda: [driver.restore(request) for request in requests], len(requests))
    if verb is Verb.SNAPSHOT:
        return outcomes(lambda: driver.create(requests), len(requests))
    if verb is Verb.CHANGE:
        return outcomes(lambda: driver.change(requests), len(requests))
    return outcomes(lambda: driver.expire(requests), len(requests))


def _checked(verb: Verb, outcome: Outcome) -> Outcome:
    """Turn a success that proves nothing into a failure: only a snapshot that is named and complete was taken."""
    if verb is not Verb.SNAPSHOT or outcome.error is not None:
        return outcome
    if outcome.snapshot is None:
        return outcome._replace(error=MissingOutcomeError("the driver reported success without a snapshot"))
    if outcome.snapshot.damage:
        text = f"the snapshot was made, and is damaged: {outcome.snapshot.damage}"
        return outcome._replace(error=MissingOutcomeError(text), snapshot=None)
    if outcome.snapshot.completed_at is None:
        text = "the driver reported success, but the snapshot is not complete"
        return outcome._replace(error=MissingOutcomeError(text), snapshot=None)
    return outcome


def _asked_again(site: Site, driver: Driver, members: Sequence[Ended]) -> list[Ended]:
    """Ask once more for the members of a set whose request was lost, so that one lost packet does not spoil the others.

    Not where a set is one instant: a member that is taken later is not of it. The first that fails again ends that.
    """
    found = list(members)
    if driver.capabilities.atomic_sets:
        return found
    for place, ended in enumerate(found):
        if not isinstance(ended.outcome.error, LOST):
            continue
        try:
            site.catalog.check(site.leases[ended.action.backend or ""])
        except Exception:
            return found
        action, began = _timely(ended.action, site), monotonic()
        [outcome] = _ask(driver, Verb.SNAPSHOT, [action])
        outcome = _checked(Verb.SNAPSHOT, Looker(driver).settled(action.request, outcome))
        outcome = outcome._replace(notices=(*outcome.notices, *((ASKED_TWICE,) if outcome.error is None else ())))
        found[place] = Ended(action, outcome, ended.seconds + monotonic() - began)
        if outcome.error is not None:
            return found
    return found


def _whole_or_broken(site: Site, driver: Driver, name: str, members: Sequence[Ended]) -> Iterator[Ended]:
    """Yield the members of a set as they are when all are there; else disown those that this run made."""
    members = _asked_again(site, driver, members)
    broken = next((subject(ended.action) for ended in members if ended.outcome.error is not None), None)
    if broken is None:
        yield from members
        return
    now = site.now()
    made = [
        snapshot
        for snapshot in (ended.outcome.snapshot for ended in members if not ended.outcome.existed)
        if snapshot is not None and snapshot.mark is not None
    ]
    crash.point("apply.set.before")
    changed = dict(zip((snapshot.native_id for snapshot in made), _disowned(site, driver, made, now), strict=True))
    crash.point("apply.set.after")
    for ended in members:
        snapshot = ended.outcome.snapshot
        change = changed.get(snapshot.native_id) if snapshot is not None else None
        if change is None:
            yield ended
        else:
            error = BrokenSetError(reason(name, broken, change, now))
            yield ended._replace(outcome=ended.outcome._replace(error=error, snapshot=change.snapshot or snapshot))


def _disowned(site: Site, driver: Driver, made: Sequence[Snapshot], now: datetime) -> list[Outcome]:
    """Disown snapshots if the lease still is ours; what forbids it is the outcome of each."""
    try:
        for backend in {snapshot.backend for snapshot in made}:
            site.catalog.check(site.leases[backend])
    except Exception as error:
        return [Outcome(error=error)] * len(made)
    return disown(driver, made, now)
