"""SP307: a snapshot that must be quiesced cannot be. SP308: another project snapshots a target of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.plan import GuardResult
from snapplan.models.request import ChangeRequest
from snapplan.models.target import Quiesce
from snapplan.planner.guards.judgement import BLOCKED, MOST_NAMES, OK, Judgement, counted
from snapplan.planner.guards.tally import target_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from snapplan.models.plan import Action
    from snapplan.planner.context import Context
    from snapplan.planner.guards.tally import Tally

QUIESCE, SHARED = "SP307", "SP308"


def judge_quiesce(backend: str, tally: Tally) -> Judgement:
    """Judge the snapshots that require frozen I/O, on targets that cannot be frozen now."""
    requiring = [action for action in tally.snapshots if action.request.quiesce is Quiesce.REQUIRE]
    refused = [action for action in requiring if not action.request.target.can_quiesce]
    names = sorted({action.target or "" for action in refused})
    value = {"count": len(refused), "of": len(requiring), "targets": names[:MOST_NAMES]}
    if not refused:
        text = f"{counted(len(requiring), 'snapshot')} of {backend} must be quiesced, and can be"
        return Judgement(GuardResult(QUIESCE, "quiesce", backend, OK, text, value, {"count": 0}))
    text = f"{counted(len(refused), 'snapshot')} must be quiesced, which cannot be done now: {_list(names)}"
    result = GuardResult(QUIESCE, "quiesce", backend, BLOCKED, text, value, {"count": 0})
    return Judgement(result, frozenset(action.number for action in refused))


def judge_shared(context: Context, actions: Sequence[Action]) -> Mapping[str, Judgement]:
    """Judge, by backend, the targets of ours that also hold snapshots of another project.

    Two projects on one target plan against each other: each would count the other's snapshots as none. Adopting such a
    snapshot is what resolves it, so that is not stopped.
    """
    assigned: dict[str, dict[str, str]] = {name: {} for name in context.owned}
    for triple, resolved in context.resolution.triples.items():
        assigned[triple.backend][triple.target_id] = resolved.target.address
    projects = {name: _projects(context, name, targets) for name, targets in assigned.items()}
    stops: dict[str, set[int]] = {name: set() for name in assigned}
    if any(projects.values()):
        for action in actions:
            if action.backend in projects and target_id(action) in projects[action.backend] and not _adopts(action):
                stops[action.backend].add(action.number)
    return {
        name: Judgement(_shared(name, targets, projects[name], stops=bool(stops[name])), frozenset(stops[name]))
        for name, targets in assigned.items()
    }


def _projects(context: Context, backend: str, targets: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the other projects that have snapshots of each of ``targets``, by target id."""
    found: dict[str, set[str]] = {}
    ours = context.policy.config.project
    owned = context.owned[backend]
    for snapshot in (*owned.foreign, *owned.managed):
        mark = snapshot.mark
        if mark is not None and mark.project != ours and mark.target_id in targets:
            found.setdefault(mark.target_id, set()).add(mark.project)
    return found


def _shared(backend: str, targets: Mapping[str, str], projects: Mapping[str, set[str]], *, stops: bool) -> GuardResult:
    names = sorted(targets[one] for one in projects)
    others = sorted({project for some in projects.values() for project in some})
    value = {"count": len(names), "of": len(targets), "targets": names[:MOST_NAMES], "projects": others}
    if not names:
        text = f"no other project has snapshots of the {counted(len(targets), 'target')} of {backend}"
        return GuardResult(SHARED, "shared_target", backend, OK, text, value, {"count": 0})
    text = f"{_list(names)} also {'has' if len(names) == 1 else 'have'} snapshots of project {', '.join(others)}"
    if not stops:
        return GuardResult(
            SHARED, "shared_target", backend, OK, f"{text}; nothing of it is stopped", value, {"count": 0}
        )
    return GuardResult(SHARED, "shared_target", backend, BLOCKED, text, value, {"count": 0})


def _adopts(action: Action) -> bool:
    return isinstance(action.request, ChangeRequest) and action.request.adopts


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
