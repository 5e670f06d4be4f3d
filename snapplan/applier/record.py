"""Writes to the catalog what became of an action, so that a run that dies now leaves nothing unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan import crash
from snapplan.applier.answers import BrokenSetError, sentence
from snapplan.applier.look import NOT_BEGUN, NotBegunError
from snapplan.applier.report import ActionResult, State
from snapplan.errors import RequestBudgetError, StoreLockedError, UnreachableError
from snapplan.models.plan import Verb
from snapplan.models.world import ManualKey, ManualRecord, RestoreRecord
from snapplan.redaction import redact

if TYPE_CHECKING:
    from snapplan.applier.site import Site
    from snapplan.models.plan import Action
    from snapplan.models.request import Outcome, RestoreRequest, SnapshotRequest
    from snapplan.models.snapshot import Snapshot


class Ended(NamedTuple):
    """An action, what the driver made of it, and how long that took (seconds)."""

    action: Action
    outcome: Outcome
    seconds: float


def recorded(site: Site, ended: Ended) -> tuple[ActionResult, str | None]:
    """Record what became of an action; return it, and why its backend must be left alone from now on, or ``None``."""
    action, outcome, seconds = ended
    error = outcome.error
    state = state_of(error)
    text = "" if error is None else _said(error)
    attention = tuple(redact(each.text) for each in outcome.attention)
    notices = tuple(dict.fromkeys((*_notices(outcome), *attention)))
    result = ActionResult(action, state, text, seconds, notices, _as_it_stands(action, outcome), error, attention)
    try:
        crash.point("apply.result.before")
        _record(site, action, outcome)
        site.catalog.result(site.run.number, action, state.value, text, site.now(), result.snapshot, notices)
        crash.point("apply.result.after")
    except Exception as trouble:
        said = f"the catalog could not record the result: {sentence(trouble)}"
        what = text or "it was done, and the next run finds it"
        return result._replace(state=State.FAILED, text=f"{what}; {said}", error=trouble), said
    return result, stop_reason(action.backend, error)


def state_of(error: Exception | None) -> State:
    """Return how an action ended; one that the requests of this hour were not enough for was not begun."""
    if error is None:
        return State.DONE
    return State.NOT_TRIED if isinstance(error, (RequestBudgetError, StoreLockedError)) else State.FAILED


def stop_reason(backend: str | None, error: Exception | None) -> str | None:
    """Return why nothing more is to be tried on a backend after ``error``, ``None`` where the next action may succeed."""
    if isinstance(error, RequestBudgetError):
        return f"the requests that backend {backend!r} may get in an hour are used up"
    if isinstance(error, StoreLockedError):
        return f"the store of backend {backend!r} is locked by {error.holder}"
    return f"backend {backend!r} does not answer" if isinstance(error, UnreachableError) else None


def record_restore(site: Site, request: RestoreRequest, state: str) -> None:
    """Record how far a restore is: started, done, or refused (it was not begun)."""
    site.catalog.record_restore(request.key, RestoreRecord(request.content, state, site.run.id))
    crash.point(f"apply.restore.{state}")


def _record(site: Site, action: Action, outcome: Outcome) -> None:
    """Record what follows from an action besides its result; before it, so that a result says that all is recorded."""
    if action.verb is Verb.SNAPSHOT and outcome.error is None:
        _record_taken(site, action.request, outcome)
    elif action.verb is Verb.RESTORE and outcome.error is None:
        if outcome.new_id:
            site.catalog.succeed(action.request.backend, action.request.target_id, outcome.new_id, site.now())
        record_restore(site, action.request, "done")
    elif action.verb is Verb.RESTORE and isinstance(outcome.error, (*NOT_BEGUN, NotBegunError)):
        record_restore(site, action.request, "refused")


def _record_taken(site: Site, request: SnapshotRequest, outcome: Outcome) -> None:
    if request.mark.key is not None:
        found = outcome.snapshot.mark if outcome.snapshot is not None else None
        taken_at = request.mark.taken_at if found is None else found.taken_at
        key = ManualKey(request.target.backend, request.target.id, request.mark.key)
        site.catalog.record_manual(key, ManualRecord(taken_at))


def _as_it_stands(action: Action, outcome: Outcome) -> Snapshot | None:
    if action.verb is Verb.CHANGE and outcome.error is None and outcome.snapshot is None:
        changed: Snapshot = action.request.snapshot._replace(mark=action.request.mark)
        return changed
    return outcome.snapshot


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, BrokenSetError) else sentence(error)


def _notices(outcome: Outcome) -> tuple[str, ...]:
    notices = tuple(redact(notice) for notice in outcome.notices)
    return ("it was already there", *notices) if outcome.existed and outcome.error is None else notices
