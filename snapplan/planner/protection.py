"""Assign actions: what the catalog records as applied and what platforms schedule, against what the policy says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.plan import Reason, Verb
from snapplan.models.request import AssignRequest, PlatformAssignRequest, SnapshotRequest
from snapplan.planner.due import start_tracking
from snapplan.planner.expiry import age_order
from snapplan.planner.profiles import add_profiles, remove_profiles

if TYPE_CHECKING:
    from snapplan.models.world import Tracked, Triple
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.platform import Protection, Survey
    from snapplan.planner.resolve import Resolved


def begin_protection(
    context: Context, draft: Draft, platforms: Survey
) -> tuple[dict[Protection, int], dict[Triple, Tracked]]:
    """Add the profiles that are new or changed and the assignments that begin.

    What a platform's own schedule shows to be as it should be is only noted, to be recorded by the next apply. Returns the
    number of the assign action by (backend, target id, profile), and how each new triple begins.
    """
    profiles = add_profiles(context, draft, platforms)
    numbers: dict[Protection, int] = {}
    begun: dict[Triple, Tracked] = {}
    recorded = _recorded(context)
    for protection, desired in _desired(context).items():
        if platforms.stopped(protection):
            continue
        added = {triple: _begin(context, triple) for triple in desired if triple not in context.world.catalog.tracked}
        gone = tuple(triple for triple in recorded.get(protection, ()) if triple not in context.resolution.triples)
        first = context.resolution.triples[desired[0]]
        named = _named(context, protection, first)
        request = AssignRequest(first.assignment, added, gone, platforms.assignments.get(protection), named)
        if not added and not gone and request.platform is None:
            if named:
                draft.settled.append(request)
            continue
        begun.update(added)
        if protection in platforms.native and request.platform is None:
            draft.settled.append(request)
            continue
        numbers[protection] = draft.add(
            Verb.ASSIGN,
            backend=protection[0],
            target=first.target.address,
            profile=protection[2],
            after=profiles.of(protection),
            change={
                "begins": [t.period for t in added],
                "ends": [t.period for t in gone],
                **_moves(platforms, request),
            },
            precondition={"target_id": protection[1]},
            reasons=_reasons(context, platforms, protection, request),
            request=request,
        )
    return numbers, begun


def _reasons(context: Context, platforms: Survey, protection: Protection, request: AssignRequest) -> tuple[Reason, ...]:
    first = _assigned(context, request.assignment) if request.added or request.ended else _drifted(platforms, request)
    if request.platform is None or protection not in context.resolution.newcomers:
        return (first,)
    text = "another target was known by its name, and its platform is changed by nobody who did not look"
    return (first, Reason("homonym", text))


def _named(context: Context, protection: Protection, resolved: Resolved) -> dict[Protection, str]:
    """Return what a target is called now, where the catalog does not know that its assignment knows it so."""
    backend, target_id, _ = protection
    name = resolved.target.own_name
    known = context.world.catalog.named.get((backend, target_id, resolved.assignment))
    return {protection: name} if name and not resolved.known_as and known != name else {}


def end_protection(context: Context, draft: Draft, platforms: Survey) -> None:
    """Add the assignments that end and the profiles that are removed; their snapshots stay and become orphans."""
    desired = _desired(context)
    names = _target_names(context)
    recorded = _recorded(context)
    detached = {(backend, target_id, one.profile) for (backend, target_id), one in platforms.detached.items()}
    for protection in sorted(recorded.keys() | detached):
        backend, target_id, profile = protection
        triples = recorded.get(protection, [])
        if _unread(context, backend) or (protection in desired and protection not in detached):
            continue
        target = names.get((backend, target_id)) or _name_of_gone(context, triples)
        if not context.in_focus(target):
            continue
        ended = () if protection in desired else tuple(triples)
        request = AssignRequest("", {}, ended)
        if protection in detached:
            leaving = platforms.detached[backend, target_id]
            platform = PlatformAssignRequest(leaving.target, leaving.current.native_id, "")
            request = request._replace(platform=platform)
        draft.add(
            Verb.ASSIGN,
            backend=backend,
            target=target,
            profile=profile,
            after=_replacements(draft, backend, target_id) if request.platform is not None else (),
            change={"begins": [], "ends": [t.period for t in ended], **_moves(platforms, request)},
            precondition={"target_id": target_id},
            reasons=(_ended(context, triples, gone=(backend, target_id) not in names, ours=protection in desired),),
            request=request,
        )
    remove_profiles(context, draft, platforms)


def _replacements(draft: Draft, backend: str, target_id: str) -> tuple[int, ...]:
    """Return the scheduled snapshots of a target: the platform's schedule for it ends when ours has begun."""
    return tuple(
        action.number
        for action in draft.actions
        if isinstance(action.request, SnapshotRequest)
        and action.profile is not None
        and (action.backend, action.request.target.id) == (backend, target_id)
    )


def _moves(platforms: Survey, request: AssignRequest) -> dict[str, list[str | None]]:
    """Return which profile the target has on the platform, and which it is to have."""
    moved = request.platform
    if moved is None:
        return {}
    return {"platform": [platforms.name_of(moved.target.backend, moved.before), moved.after or None]}


def _drifted(platforms: Survey, request: AssignRequest) -> Reason:
    moved = request.platform
    has = platforms.name_of(moved.target.backend, moved.before) if moved is not None else None
    return Reason("drift", f"the platform has {has} there" if has else "the platform has no profile there")


def _ended(context: Context, triples: list[Triple], *, gone: bool, ours: bool) -> Reason:
    if ours:
        return Reason("moved", "snapplan takes its snapshots now, and no longer the platform")
    if all(triple in context.renamed for triple in triples):
        return Reason("moved", "renamed in the policy; the history goes on under the new name")
    cause = "the target is gone" if gone else "no assignment selects it any more"
    if triples[0].backend not in context.policy.config.backends:
        cause = "the policy has its backend no more"
    if gone and triples[0].backend in context.owned and not _are_left(context, triples):
        return Reason("unassigned", f"{cause}, and none of its snapshots is left")
    return Reason("unassigned", f"{cause}; its snapshots stay, with their expiration and their minimum")


def _are_left(context: Context, triples: list[Triple]) -> bool:
    owned = context.owned[triples[0].backend]
    return any(triple in owned.scheduled or triple in owned.managed_scheduled for triple in triples)


def _begin(context: Context, triple: Triple) -> Tracked:
    moved = context.tracked.get(triple)
    if moved is not None:
        return moved
    resolved = context.resolution.triples[triple]
    return start_tracking("next_slot" if resolved.native else resolved.profile.initial, context.now)


def _desired(context: Context) -> dict[Protection, list[Triple]]:
    desired: dict[Protection, list[Triple]] = {}
    for triple, resolved in context.resolution.triples.items():
        if context.in_focus(resolved.target.address):
            desired.setdefault(triple[:3], []).append(triple)
    return desired


def _recorded(context: Context) -> dict[Protection, list[Triple]]:
    recorded: dict[Protection, list[Triple]] = {}
    for triple in sorted(context.world.catalog.tracked):
        recorded.setdefault(triple[:3], []).append(triple)
    return recorded


def _unread(context: Context, backend: str) -> bool:
    state = context.world.backends.get(backend)
    if state is None:
        return backend in context.policy.config.backends
    return state.error is not None


def _assigned(context: Context, assignment: str) -> Reason:
    return Reason("assigned", f"assignment {assignment}", context.where("assignments", assignment))


def _name_of_gone(context: Context, triples: list[Triple]) -> str:
    """Return the address under which the newest snapshot of a target that is gone was taken; without any, its id."""
    backend, target_id = triples[0][:2]
    owned = context.owned.get(backend)
    left = [s for t in triples for s in (owned.scheduled.get(context.renamed.get(t, t), ()) if owned else ())]
    return max(left, key=age_order).target_address if left else f"{backend}/{target_id}"


def _target_names(context: Context) -> dict[tuple[str, str], str]:
    return {(name, t.id): t.address for name, state in context.backends.items() for t in state.targets}
