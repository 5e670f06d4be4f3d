"""SP304: targets that still exist lose all protection, or an assignment selects nothing any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.plan import GuardResult, Verb
from snapplan.planner.guards.judgement import BLOCKED, MOST_NAMES, OK, Judgement, counted, share
from snapplan.planner.guards.tally import removed_with, target_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from snapplan.models.plan import Action
    from snapplan.planner.context import Context
    from snapplan.planner.guards.limits import Limits
    from snapplan.planner.guards.tally import Tally

CODE = "SP304"
LEAST = 3


def judge_unassign(context: Context, backend: str, tally: Tally, limits: Limits) -> Judgement:
    """Judge the end of protection on one backend.

    Counted are targets that exist and were assigned, and that no profile applies to any more; a renamed profile or a
    target that is gone ends nothing. An assignment that shrank to nothing counts whatever the limit is.
    """
    live = _live(context, backend, tally)
    assigned = {t.target_id for t in context.world.catalog.tracked if t.backend == backend} & live.keys()
    protected = {t.target_id for t in context.resolution.triples if t.backend == backend}
    ended = {t: action for action in tally.endings if (t := target_id(action)) in assigned and t not in protected}
    emptied = dict(_emptied(context, backend, tally, live)) if tally.endings else {}
    limit = limits["max_unassign", "percent"]
    most = limit.of(len(assigned), least=LEAST)
    many = len(ended) > most
    names = sorted(live[one] for one in ended if one is not None)
    value = {
        "count": len(ended),
        "of": len(assigned),
        "percent": share(len(ended), len(assigned)),
        "targets": names[:MOST_NAMES],
        "emptied": sorted(emptied),
        "because": [
            {"text": f"assignment {one} selects nothing any more", "where": context.where("assignments", one)}
            for one in sorted(emptied)
        ],
    }
    bounds = {"percent": limit.value, "count": most}
    text = _text(backend, len(ended), len(assigned), emptied) + f" (the limit is {limit.value:g} %, at least {LEAST}"
    text += f"{limit.note})"
    tripped = many or bool(emptied)
    result = GuardResult(CODE, "max_unassign", backend, BLOCKED if tripped else OK, text, value, bounds)
    if not tripped:
        return Judgement(result)
    stopped = {one for targets in emptied.values() for one in targets} | (set(ended) if many else set())
    return Judgement(result, _stops(tally, stopped))


def _live(context: Context, backend: str, tally: Tally) -> dict[str, str]:
    """Return the addresses of the targets that exist, by id; of a backend that the policy dropped nobody can say less."""
    state = context.world.backends.get(backend)
    if state is not None:
        return {target.id: target.address for target in state.targets}
    return {one: action.target or one for action in tally.endings if (one := target_id(action)) is not None}


def _emptied(context: Context, backend: str, tally: Tally, live: Mapping[str, str]) -> Iterator[tuple[str, set[str]]]:
    """Yield the assignments that selected targets of the backend and select none now, with those that lose its profile."""
    protections = {triple[:3] for triple in context.resolution.triples}
    selecting = {r.assignment for triple, r in context.resolution.triples.items() if triple.backend == backend}
    ending = {(target_id(action), action.profile) for action in tally.endings}
    before: dict[str, set[tuple[str, str]]] = {}
    for (name, target, profile), assignment in context.world.catalog.assigned.items():
        if name == backend and target in live:
            before.setdefault(assignment, set()).add((target, profile))
    for assignment, pairs in before.items():
        if assignment not in context.policy.assignments or assignment in selecting:
            continue
        lost = {target for target, profile in pairs if (target, profile) in ending}
        if lost and not any((backend, *pair) in protections for pair in pairs):
            yield assignment, lost


def _text(backend: str, ended: int, assigned: int, emptied: Mapping[str, set[str]]) -> str:
    text = f"ends the protection of {ended:,} of {counted(assigned, 'target')} of {backend}"
    if ended:
        text += f" ({share(ended, assigned):g} %)"
    if emptied:
        verb = "selects" if len(emptied) == 1 else "select"
        text = f"{', '.join(sorted(emptied))} {verb} nothing of {backend} any more, and {text}"
    return text


def _stops(tally: Tally, targets: Collection[str | None]) -> frozenset[int]:
    endings = [action for action in tally.endings if target_id(action) in targets]
    orphans = {action.number for action in tally.surprises if _is_orphan(action) and target_id(action) in targets}
    return frozenset(removed_with(endings, tally.removals) | orphans)


def _is_orphan(action: Action) -> bool:
    return action.verb is Verb.EXPIRE and action.reasons[0].code == "orphan"
