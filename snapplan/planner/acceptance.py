"""What a person accepted as right, and what it ends: suspicion of a target's content, another place, another store.

``subject`` is the address of a target or the name of a backend, ``kind`` is content, path or store. What was accepted is
that which was there then: a later change of the same kind is a new finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.ids import format_instant
from snapplan.models.snapshot import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import Accepted, BackendState, World

CONTENT, PATH, NAME, STORE = "content", "path", "name", "store"


def with_accepted(world: World) -> World:
    """Return ``world`` with the snapshots as sound as any other whose content a person accepted after they were taken."""
    contents = {subject: accepted for (subject, kind), accepted in world.catalog.accepted.items() if kind == CONTENT}
    if not contents:
        return world
    backends = {name: _with_contents(state, contents) for name, state in world.backends.items()}
    return world._replace(backends=backends)


def content_value(snapshot: Snapshot) -> str:
    """Return what stands for the suspicious content that begins with ``snapshot``."""
    return f"{format_instant(snapshot.taken_at)} {snapshot.target_id}"


def suspicious_since(snapshots: Iterable[Snapshot], now: datetime) -> Snapshot | None:
    """Return the snapshot of a target with which its content became suspicious, ``None`` where the newest is not so.

    What is incomplete, damaged or set aside by a restore, or dated after ``now``, says nothing of the content.
    """
    telling = {Condition.SOUND, Condition.GAPS, Condition.SUSPICIOUS}
    known = [one for one in snapshots if one.taken_at <= now and one.condition in telling]
    known.sort(key=lambda one: (one.taken_at, one.native_id), reverse=True)
    first = None
    for snapshot in known:
        if not snapshot.suspicion:
            break
        first = snapshot
    return first


def _with_contents(state: BackendState, contents: dict[str, Accepted]) -> BackendState:
    ids = {}
    for subject, accepted in contents.items():
        since, _, target_id = accepted.value.partition(" ")
        if subject.partition("/")[0] == state.name:
            ids[target_id] = (since, accepted.at)
    if not ids:
        return state
    return state._replace(snapshots=[_as_accepted(one, ids) for one in state.snapshots])


def _as_accepted(snapshot: Snapshot, ids: dict[str, tuple[str, datetime]]) -> Snapshot:
    if not snapshot.suspicion or snapshot.target_id not in ids:
        return snapshot
    since, until = ids[snapshot.target_id]
    within = since <= format_instant(snapshot.taken_at) and snapshot.taken_at <= until
    return snapshot._replace(suspicion="") if within else snapshot


def of_target(snapshots: Sequence[Snapshot], project: str) -> list[Snapshot]:
    """Return those of ``snapshots`` that tell of a target's content: ours, scheduled by whom ever."""
    return [one for one in snapshots if one.mark is not None and one.mark.project == project]
