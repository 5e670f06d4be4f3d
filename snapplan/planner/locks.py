"""Locks of the platform (VergeOS: immutable snapshots), ordered on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.models.plan import Reason, Verb
from snapplan.models.request import ChangeRequest
from snapplan.planner.addressed import owned_at
from snapplan.planner.steps import precondition

if TYPE_CHECKING:
    from snapplan.models.snapshot import Snapshot
    from snapplan.planner.context import Context, Draft


def add_locks(context: Context, draft: Draft) -> None:
    """Add the changes that lock snapshots, or begin to unlock them; a lock holds for everybody and ends only by waiting."""
    for order in context.orders.locks:
        snapshot = owned_at(context, order.snapshot)
        problem = snapshot if isinstance(snapshot, Diagnostic) else _problem(context, snapshot)
        if problem is not None:
            draft.diagnostics.append(problem)
            continue
        assert not isinstance(snapshot, Diagnostic)
        assert snapshot.mark is not None
        locked = snapshot.locked_until is not None and snapshot.locked_until > context.now
        if not order.lock and not locked:
            continue
        mark = snapshot.mark
        draft.add(
            Verb.CHANGE,
            backend=snapshot.backend,
            target=snapshot.target_address,
            snapshot=snapshot.address,
            profile=mark.profile,
            period=mark.period,
            slot=mark.slot,
            expires_at=mark.expires_at,
            reversible=not order.lock,
            change={"locked": [locked, order.lock]},
            precondition={**precondition(snapshot), "expires_at": mark.expires_at},
            reasons=(_reason(lock=order.lock),),
            request=ChangeRequest(snapshot, mark, lock=order.lock),
        )


def _reason(*, lock: bool) -> Reason:
    if lock:
        return Reason("locked", "nobody can delete it before it expires, or a week after it is unlocked")
    return Reason("unlocked", "the platform gives it free after its waiting time")


def _problem(context: Context, snapshot: Snapshot) -> Diagnostic | None:
    if snapshot.scope in context.world.backends[snapshot.backend].capabilities.locks:
        return None
    summary = f"{snapshot.address} cannot be locked: its platform locks no snapshots of a {snapshot.scope}"
    return Diagnostic("SP433", Severity.ERROR, summary, hint="a pin keeps it: snapplan pin")
