"""Makes a lost catalog anew from the marks on the backends and from the policy. Pure.

What the marks cannot say is filled in on the safe side: where a (target, profile) has no snapshot of ours at all, it is
left out, so that the next plan shows it as new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.catalog.base import AssignmentRow
from snapplan.catalog.reconcile import satisfied_slots
from snapplan.errors import CatalogError
from snapplan.models.world import CatalogState, ManualKey, ManualRecord, RestoreRecord, Tracked, Triple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from snapplan.models.policy import Policy
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import BackendState


def rebuild(policy: Policy, backends: Mapping[str, BackendState], now: datetime) -> CatalogState:
    """Return what the catalog would hold, as far as marks and policy tell; ``rebuilt`` is set.

    A triple counts from the newest slot of its own snapshots. A period without any, beside periods of the same profile
    that have some, counts from ``now``: it was applied with them, and its next slot is the first that is due. The newest
    snapshot up to ``now`` stands for the last confirmed time, so that a clock far ahead of it is not believed at once.
    Raises ``CatalogError`` where a backend did not answer, as its marks would be missing.
    """
    from snapplan.planner.resolve import resolve

    for name, state in sorted(backends.items()):
        if state.error is not None:
            raise CatalogError(f"the catalog cannot be rebuilt while backend {name!r} does not answer: {state.error}")
    snapshots = [snapshot for state in backends.values() for snapshot in state.snapshots]
    ours = [s for s in snapshots if s.mark is not None and s.mark.project == policy.config.project]
    evidence = _evidence(policy, ours, now)
    successions = _successions(backends)
    evidence = _of_successors(evidence, successions)
    wanted = resolve(policy, backends, CatalogState(successions=successions)).triples
    tracked = _tracked(wanted, evidence, now)
    return CatalogState(
        high_water=_newest(ours, now),
        profiles={name: p.model_dump(mode="json", by_alias=True) for name, p in sorted(policy.profiles.items())},
        tracked=tracked,
        orphaned={triple: now for triple in sorted(_triples(policy, ours)) if triple not in wanted},
        manual=_manual(ours),
        restores={
            restore.key: RestoreRecord("", "done" if restore.done else "started", restore.run)
            for state in backends.values()
            for restore in state.restores
        },
        rebuilt=True,
        successions=successions,
        assigned={triple[:3]: wanted[triple].assignment for triple in tracked},
        named={
            (triple.backend, triple.target_id, wanted[triple].assignment): wanted[triple].target.own_name
            for triple in tracked
        },
    )


def _successions(backends: Mapping[str, BackendState]) -> dict[tuple[str, str], str]:
    """Return the new ids that restores gave targets, as the backends recorded them."""
    return {
        (name, one.target_id): one.new_id
        for name, state in backends.items()
        for one in state.restores
        if one.done and one.new_id
    }


def _of_successors(
    evidence: Mapping[Triple, datetime], successions: Mapping[tuple[str, str], str]
) -> dict[Triple, datetime]:
    """Return the newest slots under the ids that the targets have now."""
    newest: dict[Triple, datetime] = {}
    for triple, slot in evidence.items():
        current = triple._replace(target_id=successions.get((triple.backend, triple.target_id), triple.target_id))
        newest[current] = max(slot, newest.get(current, slot))
    return newest


def _newest(ours: Iterable[Snapshot], now: datetime) -> datetime | None:
    return max((s.taken_at for s in ours if s.completed_at is not None and s.taken_at <= now), default=None)


def rebuilt_assignments(
    policy: Policy, backends: Mapping[str, BackendState], state: CatalogState, now: datetime
) -> list[AssignmentRow]:
    """Return the assignments that stand behind the triples that ``rebuild`` recorded."""
    from snapplan.planner.resolve import resolve

    applied = {triple[:3] for triple in state.tracked}
    found = {
        triple[:3]: (resolved.assignment, resolved.target.own_name)
        for triple, resolved in resolve(policy, backends, state).triples.items()
        if triple[:3] in applied
    }
    return [
        AssignmentRow(*protection, assignment, now, name) for protection, (assignment, name) in sorted(found.items())
    ]


def _evidence(policy: Policy, ours: Iterable[Snapshot], now: datetime) -> dict[Triple, datetime]:
    """Return the newest slot of each triple up to ``now``, those of renamed profiles and periods under the new name."""
    from snapplan.planner.ownership import renames

    moves = renames(policy)
    newest: dict[Triple, datetime] = {}
    for triple, slot in satisfied_slots(ours, policy.config.project, now).items():
        profile, period = moves.get((triple.profile, triple.period), (triple.profile, triple.period))
        current = Triple(triple.backend, triple.target_id, profile, period)
        newest[current] = max(slot, newest.get(current, slot))
    return newest


def _triples(policy: Policy, ours: Iterable[Snapshot]) -> set[Triple]:
    """Return the triples of all our scheduled snapshots, future-dated and incomplete ones too."""
    from snapplan.planner.ownership import renames

    moves = renames(policy)
    found = set()
    for snapshot in ours:
        mark = snapshot.mark
        if mark is not None and mark.profile is not None and mark.period is not None:
            name = (mark.profile, mark.period)
            found.add(Triple(snapshot.backend, mark.target_id, *moves.get(name, name)))
    return found


def _tracked(wanted: Iterable[Triple], evidence: Mapping[Triple, datetime], now: datetime) -> dict[Triple, Tracked]:
    applied = {triple[:3] for triple in evidence}
    start = now.replace(second=0, microsecond=0)
    tracked = {}
    for triple in wanted:
        if triple[:3] in applied:
            since = evidence.get(triple, start)
            tracked[triple] = Tracked(since, since)
    return tracked


def _manual(ours: Iterable[Snapshot]) -> dict[ManualKey, ManualRecord]:
    """Return the manual snapshots that exist; of several under one key the first counts."""
    manual: dict[ManualKey, ManualRecord] = {}
    for snapshot in ours:
        mark = snapshot.mark
        if mark is None or mark.key is None or not snapshot.standing.restores:
            continue
        key = ManualKey(snapshot.backend, mark.target_id, mark.key)
        if key not in manual or mark.taken_at < manual[key].taken_at:
            manual[key] = ManualRecord(mark.taken_at)
    return manual
