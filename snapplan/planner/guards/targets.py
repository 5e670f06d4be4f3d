"""SP307: a snapshot that must be quiesced cannot be. SP308: another project snapshots a target of ours."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from snapplan.models.plan import GuardResult
from snapplan.models.request import ChangeRequest, SnapshotRequest
from snapplan.models.target import Quiesce
from snapplan.planner.guards.judgement import BLOCKED, MOST_NAMES, OK, Judgement, counted
from snapplan.planner.guards.tally import target_id

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from snapplan.models.plan import Action
    from snapplan.planner.context import Context
    from snapplan.planner.guards.tally import Tally

QUIESCE, SHARED = "SP307", "SP308"


def judge_quiesce(backend: str, tally: Tally) -> Judgement:
    """Judge the snapshots that require frozen I/O, on targets that cannot be frozen now."""
    requiring = [action for action in tally.snapshots if action.request.quiesce is Quiesce.REQUIRE]
    refused = [action for action in requiring if _is_refused(action)]
    names = sorted({action.target or "" for action in refused})
    value = {"count": len(refused), "of": len(requiring), "targets": names[:MOST_NAMES]}
    if not refused:
        text = f"{counted(len(requiring), 'snapshot')} of {backend} must be quiesced, and can be"
        return Judgement(GuardResult(QUIESCE, "quiesce", backend, OK, text, value, {"count": 0}))
    text = f"{counted(len(refused), 'snapshot')} must be quiesced, which cannot be done now: {_list(names)}"
    result = GuardResult(QUIESCE, "quiesce", backend, BLOCKED, text, value, {"count": 0})
    return Judgement(result, frozenset(action.number for action in refused))


def unfrozen(actions: Sequence[Action]) -> list[Action]:
    """Return the actions as they are when it is allowed that what must be quiesced is not: it is then only preferred."""
    return [_preferring(action) if _is_refused(action) else action for action in actions]


def _is_refused(action: Action) -> bool:
    request = action.request
    return (
        isinstance(request, SnapshotRequest) and request.quiesce is Quiesce.REQUIRE and not request.target.can_quiesce
    )


def _preferring(action: Action) -> Action:
    request = action.request._replace(quiesce=Quiesce.PREFER)
    change = {**action.change, "quiesce": str(Quiesce.PREFER)}
    return dataclasses.replace(action, change=change, request=request)


def judge_shared(context: Context, actions: Sequence[Action]) -> Mapping[str, Judgement]:
    """Judge, by backend, the targets of ours that also hold snapshots of another project.

    Two projects on one target plan against each other: each would count the other's snapshots as none. Adopting such a
    snapshot is what resolves it, so that is not stopped.
    """
    assigned: dict[str, set[str]] = {name: set() for name in context.owned}
    for triple in context.resolution.triples:
        assigned[triple.backend].add(triple.target_id)
    projects = {name: _projects(context, name, targets) for name, targets in assigned.items()}
    stops: dict[str, set[int]] = {name: set() for name in assigned}
    if any(projects.values()):
        for action in actions:
            if action.backend in projects and target_id(action) in projects[action.backend] and not _adopts(action):
                stops[action.backend].add(action.number)
    return {name: _shared(context, name, len(assigned[name]), projects[name], stops[name]) for name in assigned}


def _projects(context: Context, backend: str, targets: Collection[str]) -> dict[str, set[str]]:
    """Return the other projects that have snapshots of each of ``targets``, by target id."""
    found: dict[str, set[str]] = {}
    ours = context.policy.config.project
    owned = context.owned[backend]
    for snapshot in (*owned.foreign, *owned.managed):
        mark = snapshot.mark
        if mark is not None and mark.project != ours and mark.target_id in targets:
            found.setdefault(mark.target_id, set()).add(mark.project)
    return found


def _shared(
    context: Context, backend: str, assigned: int, projects: Mapping[str, set[str]], stops: Collection[int]
) -> Judgement:
    names = sorted(target.address for target in context.world.backends[backend].targets if target.id in projects)
    others = sorted({project for some in projects.values() for project in some})
    value = {"count": len(names), "of": assigned, "targets": names[:MOST_NAMES], "projects": others}
    text = f"no other project has snapshots of the {counted(assigned, 'target')} of {backend}"
    if names:
        text = f"{_list(names)} also {'has' if len(names) == 1 else 'have'} snapshots of project {', '.join(others)}"
    if names and not stops:
        text += "; nothing of it is stopped"
    state = BLOCKED if stops else OK
    return Judgement(GuardResult(SHARED, "shared_target", backend, state, text, value, {"count": 0}), frozenset(stops))


def _adopts(action: Action) -> bool:
    return isinstance(action.request, ChangeRequest) and action.request.adopts


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
