"""Sorts the snapshots of a backend: ours by (target, profile, period) or by manual key, managed, foreign."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.world import ManualKey, Triple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from snapplan.models.policy import Moved, Policy
    from snapplan.models.snapshot import Snapshot

Renames = dict[tuple[str, str], tuple[str, str]]


class Owned(NamedTuple):
    """The snapshots of one backend, sorted by whose they are.

    ``scheduled`` and ``manual`` are owned (our project's mark). ``newest_slot`` is the newest slot that a complete
    snapshot, owned or managed, future-dated or not, satisfies.
    """

    scheduled: dict[Triple, list[Snapshot]]
    manual: dict[ManualKey, list[Snapshot]]
    managed: list[Snapshot]
    foreign: list[Snapshot]
    newest_slot: dict[Triple, datetime]


def sort_out(snapshots: Sequence[Snapshot], project: str, renames: Renames) -> Owned:
    """Sort the snapshots of one backend by owner; a renamed profile's or period's count under the new name."""
    scheduled: dict[Triple, list[Snapshot]] = {}
    manual: dict[ManualKey, list[Snapshot]] = {}
    managed: list[Snapshot] = []
    foreign: list[Snapshot] = []
    newest: dict[Triple, datetime] = {}
    for snapshot in snapshots:
        mark = snapshot.mark
        if mark is None or mark.project != project:
            (managed if snapshot.managed else foreign).append(snapshot)
            continue
        if mark.profile is None or mark.period is None:
            key = ManualKey(snapshot.backend, mark.target_id, mark.key or "")
            manual.setdefault(key, []).append(snapshot)
            continue
        name = (mark.profile, mark.period)
        if renames:
            name = renames.get(name, name)
        triple = Triple(snapshot.backend, mark.target_id, *name)
        slot = mark.slot
        if slot is not None and snapshot.completed_at is not None and (triple not in newest or newest[triple] < slot):
            newest[triple] = slot
        if snapshot.managed:
            managed.append(snapshot)
        else:
            group = scheduled.get(triple)
            if group is None:
                scheduled[triple] = [snapshot]
            else:
                group.append(snapshot)
    return Owned(scheduled, manual, managed, foreign, newest)


def renames(policy: Policy) -> Renames:
    """Return the ``moved`` entries as (profile, period) pairs, chains followed to their end."""
    direct: Renames = {}
    for moved in policy.moved:
        direct.update(_pairs(moved, policy))
    return {source: _follow(direct, target) for source, target in direct.items()}


def _pairs(moved: Moved, policy: Policy) -> Mapping[tuple[str, str], tuple[str, str]]:
    source, target = moved.source.split(".")[1:], moved.to.split(".")[1:]
    if len(source) == 2 and len(target) == 2:
        return {(source[0], source[1]): (target[0], target[1])}
    profile = policy.profiles.get(target[0])
    return {(source[0], period): (target[0], period) for period in (profile.periods if profile else ())}


def _follow(direct: Renames, target: tuple[str, str]) -> tuple[str, str]:
    seen = {target}
    while target in direct and direct[target] not in seen:
        target = direct[target]
        seen.add(target)
    return target
