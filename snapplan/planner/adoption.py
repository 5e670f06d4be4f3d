"""Adoption: a foreign snapshot becomes ours because somebody asked for it by its address."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.models.plan import Reason, Verb
from snapplan.models.request import ChangeRequest
from snapplan.models.snapshot import Mark
from snapplan.planner.steps import precondition

if TYPE_CHECKING:
    from snapplan.models.order import AdoptOrder
    from snapplan.models.snapshot import Snapshot
    from snapplan.planner.context import Context, Draft

KEY_PREFIX = "adopted."
"""Begins the key of an adopted snapshot; guards count its expiry as unforeseen, as no policy of ours announced it."""


def add_adoptions(context: Context, draft: Draft) -> None:
    """Add the changes that give foreign snapshots our mark. Slots are not satisfied by them: they are manual."""
    for order in context.orders.adoptions:
        snapshot = _find(context, order)
        if isinstance(snapshot, Diagnostic):
            draft.diagnostics.append(snapshot)
            continue
        if not _is_ours(context, snapshot):
            _add(context, draft, order, snapshot)


def _add(context: Context, draft: Draft, order: AdoptOrder, snapshot: Snapshot) -> None:
    relative = isinstance(order.expires, timedelta)
    expires_at = context.now + order.expires if isinstance(order.expires, timedelta) else order.expires
    theirs = snapshot.mark
    mark = Mark(
        project=context.policy.config.project,
        target_id=snapshot.target_id,
        run="",
        taken_at=snapshot.taken_at,
        expires_at=expires_at,
        key=f"{KEY_PREFIX}{snapshot.name}",
        pin=theirs.pin if theirs else None,
    )
    of = f"project {theirs.project!r}" if theirs else "nobody that left a mark"
    draft.add(
        Verb.CHANGE,
        backend=snapshot.backend,
        target=snapshot.target_address,
        snapshot=snapshot.address,
        expires_at=expires_at,
        change={"project": [theirs.project if theirs else None, mark.project], "key": mark.key}
        | ({} if relative else {"expires_at": [theirs.expires_at if theirs else None, expires_at]}),
        precondition=precondition(snapshot),
        reasons=(Reason("adopted", f"adopted by order; it was of {of}"),),
        request=ChangeRequest(snapshot, mark, adopts=True),
    )


def _find(context: Context, order: AdoptOrder) -> Snapshot | Diagnostic:
    """Return the one snapshot of that address that can be adopted, or what is wrong with it."""
    found = [s for state in context.backends.values() for s in state.snapshots if s.address == order.snapshot]
    if not found:
        hint = "snapplan list snapshots shows what there is"
        return Diagnostic("SP430", Severity.ERROR, f"there is no snapshot {order.snapshot}", hint=hint)
    snapshot = found[0]
    refusal = None if _is_ours(context, snapshot) else _refusal(context, snapshot)
    if refusal is None:
        return snapshot
    return Diagnostic("SP432", Severity.ERROR, f"{order.snapshot} cannot be adopted: {refusal}")


def _is_ours(context: Context, snapshot: Snapshot) -> bool:
    return snapshot.mark is not None and snapshot.mark.project == context.policy.config.project


def _refusal(context: Context, snapshot: Snapshot) -> str | None:
    capabilities = context.world.backends[snapshot.backend].capabilities
    if snapshot.managed:
        return "the platform's own scheduler took it and expires it"
    if snapshot.mark is None and not capabilities.adopts_unmarked:
        return "it has no mark, and the driver of this backend cannot give it one"
    if snapshot.mark is not None and not capabilities.adopts_projects:
        return f"it is of project {snapshot.mark.project!r}, and the driver of this backend cannot take it over"
    return "it is not complete" if snapshot.completed_at is None else None
