"""Looks at a backend once where a driver could not say whether it had done what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan import clock
from snapplan.applier.answers import sentence
from snapplan.errors import (
    BackendError,
    LostRequestError,
    NotSupportedError,
    OutcomeUnknownError,
    RefusedError,
    RequestBudgetError,
    UnreachableError,
)
from snapplan.models.request import ChangeRequest, ExpireRequest, Outcome, RestoreRequest, SnapshotRequest
from snapplan.models.target import PLATFORM_MARGIN

if TYPE_CHECKING:
    from snapplan.drivers.base import Driver
    from snapplan.models.request import Inventory

    Request = SnapshotRequest | ChangeRequest | ExpireRequest | RestoreRequest

NOT_BEGUN = (UnreachableError, NotSupportedError, RequestBudgetError)
"""The errors that promise that nothing was done, so that a restore may be begun anew (``snapplan.errors``)."""

LOOKED = "looked: it was done, though the backend did not confirm it"


class NotBegunError(RefusedError):
    """A restore failed, and the backend knows nothing of its key: it may be tried again."""


class Looker:
    """Reads the inventory where an outcome is unknown; outcomes that one error left unknown share one reading."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._cause: Exception | None = None
        self._found: Inventory | BackendError | None = None

    def settled(self, request: Request, outcome: Outcome) -> Outcome:
        """Return ``outcome``, or what the backend shows to have become of ``request`` where the outcome is unknown.

        What cannot be found out stays an ``OutcomeUnknownError``: a later run finds it by its mark.
        """
        unknown = _unknown(request, outcome.error)
        if unknown is None or outcome.error is None:
            return outcome
        found = self._inventory(outcome.error)
        if isinstance(found, BackendError):
            return outcome._replace(error=_worded(unknown, f"could not look either: {found}"))
        judged = _judged(request, found, unknown)
        return judged._replace(notices=(*judged.notices, *outcome.notices), attention=outcome.attention)

    def _inventory(self, cause: Exception) -> Inventory | BackendError:
        if self._found is None or cause is not self._cause:
            self._cause = cause
            try:
                self._found = self._driver.inventory()
            except BackendError as error:
                self._found = error
        return self._found


def _unknown(request: Request, error: Exception | None) -> BackendError | None:
    """Return ``error`` if it leaves open what was done.

    A restore is begun once, so of one that failed it has to be known whether it was begun, whatever failed it.
    """
    if isinstance(error, OutcomeUnknownError):
        return error
    if error is None or not isinstance(request, RestoreRequest) or isinstance(error, NOT_BEGUN):
        return None
    return error if isinstance(error, BackendError) else BackendError(request.backend, sentence(error))


def _worded(error: BackendError, text: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(error.backend, f"{error}; {text}", hint=error.hint)


def _failed(error: BackendError, text: str) -> Outcome:
    return Outcome(error=BackendError(error.backend, f"{error}; looked: {text}", hint=error.hint))


def _judged(request: Request, inventory: Inventory, error: BackendError) -> Outcome:
    if isinstance(request, SnapshotRequest):
        return _judged_snapshot(request, inventory, error)
    if isinstance(request, ChangeRequest):
        return _judged_change(request, inventory, error)
    if isinstance(request, ExpireRequest):
        there = any(snapshot.native_id == request.snapshot.native_id for snapshot in inventory.snapshots)
        return _failed(error, "it is still there") if there else Outcome(notices=(LOOKED,))
    return _judged_restore(request, inventory, error)


def _judged_snapshot(request: SnapshotRequest, inventory: Inventory, error: BackendError) -> Outcome:
    wanted = request.mark.identity
    found = [s for s in inventory.snapshots if s.mark is not None and s.mark.identity == wanted]
    complete = [snapshot for snapshot in found if snapshot.completed_at is not None and not snapshot.damage]
    if complete:
        return Outcome(snapshot=complete[0], notices=(LOOKED,))
    if found:
        return _failed(error, "it is there, but not complete; a later run removes it")
    return Outcome(error=LostRequestError(error.backend, f"{error}; looked: nothing was created", hint=error.hint))


def _judged_change(request: ChangeRequest, inventory: Inventory, error: BackendError) -> Outcome:
    for snapshot in inventory.snapshots:
        if snapshot.native_id == request.snapshot.native_id:
            if snapshot.mark == request.mark and _is_kept(request, inventory):
                return Outcome(snapshot=snapshot, notices=(LOOKED,))
            return _failed(error, "it was not changed")
    return _failed(error, "it is gone")


def _is_kept(request: ChangeRequest, inventory: Inventory) -> bool:
    """Whether a platform that deletes by itself was told; a change that leaves the mark as it is shows only there."""
    if request.mark != request.snapshot.mark:
        return True
    deletes_at = inventory.deletes_at.get(request.snapshot.native_id)
    return deletes_at is None or deletes_at > clock.now() + PLATFORM_MARGIN / 2


def _judged_restore(request: RestoreRequest, inventory: Inventory, error: BackendError) -> Outcome:
    for started in inventory.restores:
        if started.key == request.key:
            if started.done:
                return Outcome(notices=(LOOKED,))
            return _worded_outcome(error, "looked: it was begun; the next plan says what is left to decide")
    if isinstance(error, RefusedError):
        return Outcome(error=NotBegunError(error.backend, str(error), hint=error.hint))
    return Outcome(error=NotBegunError(error.backend, f"{error}; looked: nothing was begun", hint=error.hint))


def _worded_outcome(error: BackendError, text: str) -> Outcome:
    return Outcome(error=_worded(error, text))
