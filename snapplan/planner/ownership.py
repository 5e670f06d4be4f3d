"""Sorts the snapshots of a backend: ours by (target, profile, period) or by manual key, managed, foreign."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.snapshot import are_flawless
from snapplan.models.world import ManualKey, Triple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from snapplan.models.policy import Moved, Policy
    from snapplan.models.snapshot import Snapshot

Renames = dict[tuple[str, str], tuple[str, str]]


class Owned(NamedTuple):
    """The snapshots of one backend, sorted by whose they are.

    ``scheduled`` and ``manual`` are owned (our project's mark). ``managed_scheduled`` are those of ``managed`` that a
    period of ours made the platform take. ``newest_slot`` is the newest slot that a snapshot, owned or managed,
    future-dated or not, satisfies (``Standing.satisfies``). ``flawless`` says that all that are complete are sound.
    """

    scheduled: dict[Triple, list[Snapshot]]
    manual: dict[ManualKey, list[Snapshot]]
    managed: list[Snapshot]
    foreign: list[Snapshot]
    newest_slot: dict[Triple, datetime]
    managed_scheduled: dict[Triple, list[Snapshot]]
    flawless: bool = True


def sort_out(
    snapshots: Sequence[Snapshot],
    project: str,
    renames: Renames,
    now: datetime,
    successors: Mapping[str, str] = MappingProxyType({}),
) -> Owned:
    """Sort the snapshots of one backend by owner; a renamed profile's or period's count under the new name.

    ``successors`` are the new ids of targets that a restore gave one, by the old id: what was taken of the old one counts
    for the new one. A slot after ``now``, of a future-dated snapshot, satisfies nothing yet: it must not hide the slots
    before it.
    """
    groups: dict[tuple[str, str | None, str | None, str | None, bool], list[Snapshot]] = {}
    managed: list[Snapshot] = []
    foreign: list[Snapshot] = []
    for snapshot in snapshots:
        mark = snapshot.mark
        if mark is None or mark.project != project:
            (managed if snapshot.managed else foreign).append(snapshot)
            continue
        # A plain tuple: there may be 100,000 of them, and a named one takes five times as long to make.
        key = (mark.target_id, mark.profile, mark.period, mark.key, snapshot.managed)
        group = groups.get(key)
        if group is None:
            groups[key] = [snapshot]
        else:
            group.append(snapshot)
    owned = Owned({}, {}, managed, foreign, {}, {}, are_flawless(snapshots))
    for (marked_id, profile, period, manual_key, is_managed), group in groups.items():
        backend, target_id = group[0].backend, successors.get(marked_id, marked_id)
        if profile is None or period is None:
            owned.manual.setdefault(ManualKey(backend, target_id, manual_key or ""), []).extend(group)
            continue
        triple = Triple(backend, target_id, *renames.get((profile, period), (profile, period)))
        satisfying = [one for one in group if one.standing.satisfies] if not owned.flawless else group
        _note_newest_slot(owned.newest_slot, triple, satisfying, now)
        if is_managed:
            managed.extend(group)
            owned.managed_scheduled.setdefault(triple, []).extend(group)
        else:
            owned.scheduled.setdefault(triple, []).extend(group)
    return owned


def _note_newest_slot(newest: dict[Triple, datetime], triple: Triple, group: Sequence[Snapshot], now: datetime) -> None:
    slots = [
        mark.slot
        for snapshot in group
        if snapshot.completed_at is not None and (mark := snapshot.mark) and mark.slot is not None and mark.slot <= now
    ]
    if slots:
        slot = max(slots)
        newest[triple] = max(slot, newest.get(triple, slot))


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
