"""SP304: targets that still exist lose all protection, or an assignment selects nothing any more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.plan import GuardResult, Verb
from snapplan.planner.guards.judgement import BLOCKED, MOST_NAMES, OK, Judgement, counted, share
from snapplan.planner.guards.tally import removed_with, target_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from snapplan.models.plan import Action
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.guards.limits import Limits
    from snapplan.planner.guards.tally import Tally

CODE = "SP304"
LEAST = 3
WINDOW = timedelta(days=30)


class Recent(NamedTuple):
    """What ended in the last 30 days on one backend: the targets, by id, and when each of their periods did (UTC)."""

    targets: frozenset[str]
    instants: frozenset[datetime]


def judge_unassign(context: Context, draft: Draft, backend: str, tally: Tally, limits: Limits) -> Judgement:
    """Judge the end of protection on one backend, against a rolling budget.

    Counted are targets that exist and were assigned, and that no profile applies to any more; a renamed profile or a
    target that is gone ends nothing. What applies of the last 30 days ended, and is not protected again, counts with
    what is planned, so that one target after the other, or a few each day, get no further than all at once. An assignment
    that selected something and selects nothing now, or is gone, counts whatever the limit is.
    """
    live = _live(context, backend, tally)
    assigned = {t.target_id for t in context.world.catalog.tracked if t.backend == backend} & live.keys()
    protected = {t.target_id for t in context.resolution.triples if t.backend == backend}
    ended = {t: action for action in tally.endings if (t := target_id(action)) in assigned and t not in protected}
    recent = _recent(context, backend, {*assigned, *protected}, live)
    emptied = dict(_emptied(context, backend, tally, live)) if tally.endings else {}
    limit = limits["max_unassign", "percent"]
    whole = len(assigned) + len(recent.targets)
    most = limit.of(whole, least=LEAST)
    many = bool(ended) and len(ended) + len(recent.targets) > most
    if ended:
        draft.instants.update(at + WINDOW for at in recent.instants)
    names = sorted(live[one] for one in ended if one is not None)
    value = {
        "count": len(ended),
        "ended_in_30d": len(recent.targets),
        "of": whole,
        "percent": share(len(ended) + len(recent.targets), whole),
        "targets": names[:MOST_NAMES],
        "emptied": sorted(emptied),
        "because": [
            {"text": f"assignment {one} {_fate(context, one)}", "where": context.where("assignments", one)}
            for one in sorted(emptied)
        ],
    }
    bounds = {"percent": limit.value, "count": most}
    text = _text(context, backend, len(ended), len(recent.targets), whole, emptied)
    text += f" (the limit is {limit.value:g} % in 30 days, at least {LEAST}{limit.note})"
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


def _recent(context: Context, backend: str, covered: Collection[str], live: Collection[str]) -> Recent:
    """Return what ended in the last 30 days of targets that exist and are not ``covered`` again."""
    since = context.now - WINDOW
    found = [
        (triple.target_id, at)
        for triple, at in context.world.catalog.orphaned.items()
        if triple.backend == backend and at > since and triple.target_id in live and triple.target_id not in covered
    ]
    return Recent(frozenset(target for target, _ in found), frozenset(at for _, at in found))


def _emptied(context: Context, backend: str, tally: Tally, live: Mapping[str, str]) -> Iterator[tuple[str, set[str]]]:
    """Yield the assignments that selected targets of the backend and select none now, with those that lose its profile.

    One that is no longer in the policy is among them where the targets that it leaves have no other profile: a file that
    was lost, or a bad merge, ends all protection without a limit to stop it.
    """
    protections = {triple[:3] for triple in context.resolution.triples}
    protected = {triple.target_id for triple in context.resolution.triples if triple.backend == backend}
    selecting = {r.assignment for triple, r in context.resolution.triples.items() if triple.backend == backend}
    ending = {(target_id(action), action.profile) for action in tally.endings}
    before: dict[str, set[tuple[str, str]]] = {}
    for (name, target, profile), assignment in context.world.catalog.assigned.items():
        if name == backend and target in live:
            before.setdefault(assignment, set()).add((target, profile))
    for assignment, pairs in before.items():
        if assignment in selecting:
            continue
        lost = {target for target, profile in pairs if (target, profile) in ending}
        if assignment not in context.policy.assignments and not lost.isdisjoint(protected):
            continue
        if lost and not any((backend, *pair) in protections for pair in pairs):
            yield assignment, lost


def _fate(context: Context, assignment: str) -> str:
    return "selects nothing any more" if assignment in context.policy.assignments else "is not in the policy any more"


def _text(context: Context, backend: str, ended: int, recent: int, whole: int, emptied: Mapping[str, set[str]]) -> str:
    text = f"ends the protection of {ended:,} of {counted(whole, 'target')} of {backend}"
    if ended:
        text += f" ({share(ended, whole):g} %)" + (f", after {recent:,} in the last 30 days" if recent else "")
    gone = sorted(one for one in emptied if one not in context.policy.assignments)
    idle = sorted(emptied.keys() - set(gone))
    if idle:
        verb = "selects" if len(idle) == 1 else "select"
        text = f"{', '.join(idle)} {verb} nothing of {backend} any more, and {text}"
    if gone:
        verb = "is" if len(gone) == 1 else "are"
        text = f"{', '.join(gone)} {verb} not in the policy any more, and {text}"
    return text


def _stops(tally: Tally, targets: Collection[str | None]) -> frozenset[int]:
    endings = [action for action in tally.endings if target_id(action) in targets]
    orphans = {action.number for action in tally.surprises if _is_orphan(action) and target_id(action) in targets}
    return frozenset(removed_with(endings, tally.removals) | orphans)


def _is_orphan(action: Action) -> bool:
    return action.verb is Verb.EXPIRE and action.reasons[0].code == "orphan"
