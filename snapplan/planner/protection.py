"""Profile and assign actions: what the catalog records as applied, against what the policy says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.plan import Reason, Verb
from snapplan.models.request import AssignRequest, ProfileRequest
from snapplan.planner.due import start_tracking
from snapplan.planner.expiry import age_order

if TYPE_CHECKING:
    from snapplan.models.world import Tracked, Triple
    from snapplan.planner.context import Context, Draft

Protection = tuple[str, str, str]


def begin_protection(context: Context, draft: Draft) -> tuple[dict[Protection, int], dict[Triple, Tracked]]:
    """Add the profiles that are new or changed and the assignments that begin.

    Returns the number of the assign action by (backend, target id, profile), and how each new triple begins.
    """
    profiles = _profiles(context, draft)
    numbers: dict[Protection, int] = {}
    begun: dict[Triple, Tracked] = {}
    recorded = _recorded(context)
    for protection, desired in _desired(context).items():
        added = {triple: _begin(context, triple) for triple in desired if triple not in context.world.catalog.tracked}
        gone = tuple(triple for triple in recorded.get(protection, ()) if triple not in context.resolution.triples)
        if not added and not gone:
            continue
        first = context.resolution.triples[desired[0]]
        begun.update(added)
        numbers[protection] = draft.add(
            Verb.ASSIGN,
            backend=protection[0],
            target=first.target.address,
            profile=protection[2],
            after=(profiles[protection[2]],) if protection[2] in profiles else (),
            change={"begins": [t.period for t in added], "ends": [t.period for t in gone]},
            precondition={"target_id": protection[1]},
            reasons=(_assigned(context, first.assignment),),
            request=AssignRequest(first.assignment, added, gone),
        )
    return numbers, begun


def end_protection(context: Context, draft: Draft) -> None:
    """Add the assignments that end and the profiles that are removed; their snapshots stay and become orphans."""
    desired = _desired(context)
    names = _target_names(context)
    for protection, triples in sorted(_recorded(context).items()):
        backend, target_id, profile = protection
        if protection in desired or _unread(context, backend):
            continue
        target = names.get((backend, target_id)) or _name_of_gone(context, triples)
        if not context.in_focus(target):
            continue
        draft.add(
            Verb.ASSIGN,
            backend=backend,
            target=target,
            profile=profile,
            change={"begins": [], "ends": [t.period for t in triples]},
            precondition={"target_id": target_id},
            reasons=(_ended(context, triples, gone=(backend, target_id) not in names),),
            request=AssignRequest("", {}, tuple(triples)),
        )
    if _unfocused(context):
        for name in sorted(set(context.world.catalog.profiles) - set(context.policy.profiles)):
            draft.add(
                Verb.PROFILE,
                profile=name,
                change={"before": dict(context.world.catalog.profiles[name]), "after": None},
                reasons=(_removed(context, name),),
                request=ProfileRequest(name, None),
            )


def _removed(context: Context, profile: str) -> Reason:
    if any(triple.profile == profile for triple in context.renamed):
        return Reason("moved", "renamed in the policy; the history goes on under the new name")
    return Reason("removed", "the policy has it no more; its snapshots stay as orphans")


def _ended(context: Context, triples: list[Triple], *, gone: bool) -> Reason:
    if all(triple in context.renamed for triple in triples):
        return Reason("moved", "renamed in the policy; the history goes on under the new name")
    cause = "the target is gone" if gone else "no assignment selects it any more"
    if triples[0].backend not in context.policy.config.backends:
        cause = "the policy has its backend no more"
    return Reason("unassigned", f"{cause}; its snapshots stay, with their expiration and their minimum")


def _profiles(context: Context, draft: Draft) -> dict[str, int]:
    used = {
        triple.profile
        for triple, resolved in context.resolution.triples.items()
        if context.in_focus(resolved.target.address)
    }
    numbers = {}
    for name in sorted(context.policy.profiles):
        if not _unfocused(context) and name not in used:
            continue
        document = context.policy.profiles[name].model_dump(mode="json", by_alias=True)
        before = context.world.catalog.profiles.get(name)
        if before == document:
            continue
        code, text = ("changed", "the policy changed it") if before is not None else ("new", "the policy has it now")
        numbers[name] = draft.add(
            Verb.PROFILE,
            profile=name,
            change={"before": None if before is None else dict(before), "after": document},
            reasons=(Reason(code, text, context.where("profiles", name)),),
            request=ProfileRequest(name, document),
        )
    return numbers


def _begin(context: Context, triple: Triple) -> Tracked:
    moved = context.tracked.get(triple)
    if moved is not None:
        return moved
    return start_tracking(context.resolution.triples[triple].profile.initial, context.now)


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


def _unfocused(context: Context) -> bool:
    return context.focus.targets == ("*",) and context.focus.backends == ("*",)


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
