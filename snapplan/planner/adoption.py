"""Adoption: a foreign snapshot, or a platform's profile, becomes ours because somebody asked for it by its address."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.models.plan import Reason, Verb
from snapplan.models.request import ChangeRequest, PlatformProfileRequest, ProfileRequest
from snapplan.models.snapshot import Mark
from snapplan.planner.addressed import the_snapshot
from snapplan.planner.steps import precondition
from snapplan.planner.timekeeping import reckoned

if TYPE_CHECKING:
    from snapplan.models.order import AdoptOrder
    from snapplan.models.snapshot import Snapshot
    from snapplan.planner.context import Context, Draft

KEY_PREFIX = "adopted."
"""Begins the key of an adopted snapshot; guards count its expiry as unforeseen, as no policy of ours announced it."""


def add_adoptions(context: Context, draft: Draft) -> None:
    """Add the changes that give foreign snapshots our mark. Slots are not satisfied by them: they are manual."""
    for order in context.orders.adoptions:
        if order.profile:
            _add_profile(context, draft, order)
            continue
        snapshot = _find(context, order)
        if isinstance(snapshot, Diagnostic):
            draft.diagnostics.append(snapshot)
            continue
        if not _is_ours(context, snapshot):
            _add(context, draft, order, snapshot)


def _add(context: Context, draft: Draft, order: AdoptOrder, snapshot: Snapshot) -> None:
    relative = isinstance(order.expires, timedelta)
    start = reckoned(context.world, context.now)
    expires_at = start + order.expires if isinstance(order.expires, timedelta) else order.expires
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


def _add_profile(context: Context, draft: Draft, order: AdoptOrder) -> None:
    """Add what gives a platform's profile our mark, so that the policy may change it; its periods stay as they are."""
    backend, project = order.backend, context.policy.config.project
    state = context.world.backends.get(backend)
    platform = state.platform if state is not None else None
    current = next((one for one in platform.profiles if one.name == order.profile), None) if platform else None
    if current is None:
        known = ", ".join(sorted(profile.name for profile in platform.profiles)) if platform else ""
        hint = f"it has {known}" if known else ""
        summary = f"{backend} has no profile {order.profile!r} in a schedule of its own"
        draft.diagnostics.append(Diagnostic("SP430", Severity.ERROR, summary, hint=hint))
        return
    if current.project == project:
        return
    if current.project is not None:
        summary = f"profile {current.name!r} of {backend} cannot be adopted: it is of project {current.project!r}"
        hint = "let that project give it up: take the last line out of its description"
        draft.diagnostics.append(Diagnostic("SP432", Severity.ERROR, summary, hint=hint))
        return
    users = sum(native_id == current.native_id for native_id in platform.assigned.values()) if platform else 0
    draft.add(
        Verb.PROFILE,
        backend=backend,
        profile=current.name,
        change={"before": {"project": None}, "after": {"project": project}},
        reasons=(Reason("adopted", f"adopted by order; {users} target{'s have' if users != 1 else ' has'} it"),),
        request=ProfileRequest(
            current.name, {}, PlatformProfileRequest(current, current._replace(project=project)), recorded=False
        ),
    )


def _find(context: Context, order: AdoptOrder) -> Snapshot | Diagnostic:
    """Return the one snapshot of that address that can be adopted, or what is wrong with it."""
    snapshot = the_snapshot(context, order.snapshot)
    if isinstance(snapshot, Diagnostic):
        return snapshot
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
