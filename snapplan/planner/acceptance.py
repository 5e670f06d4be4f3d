"""What a person accepted as right, and what it ends: suspicion of a target's content, another place, another store.

``subject`` is the address of a target or the name of a backend, ``kind`` is content, path or store. What was accepted is
that which was there then: a later change of the same kind is a new finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.ids import format_instant
from snapplan.models.snapshot import Condition
from snapplan.planner.resolve import resolve
from snapplan.planner.safety import SAFETY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from snapplan.models.policy import Policy
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target
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

    What is incomplete, damaged or dated after ``now`` says nothing of the content, nor does what a restore replaced.
    """
    telling = {Condition.SOUND, Condition.GAPS, Condition.SUSPICIOUS}
    known = [one for one in snapshots if one.taken_at <= now and one.condition in telling and not _is_safety(one)]
    known.sort(key=lambda one: (one.taken_at, one.native_id), reverse=True)
    first = None
    for snapshot in known:
        if not snapshot.suspicion:
            break
        first = snapshot
    return first


def _is_safety(snapshot: Snapshot) -> bool:
    return snapshot.mark is not None and (snapshot.mark.key or "").startswith(SAFETY_PREFIX)


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


class Acceptable(NamedTuple):
    """Something about a target or a backend that a person may accept; ``text`` says what it is."""

    subject: str
    kind: str
    value: str
    target_id: str
    text: str


def acceptable(world: World, subject: str, project: str, now: datetime) -> list[Acceptable]:
    """Return what is to be accepted about the target at the address ``subject``: another place, vanished content."""
    found = []
    state = world.backends.get(subject.partition("/")[0])
    for target in state.targets if state is not None and state.error is None else ():
        if state is None or target.address != subject:
            continue
        found += [place for place in other_places(state) if place.target_id == target.id]
        ours = [one for one in state.snapshots if _is_of(one, target.id, project)]
        first = suspicious_since(ours, now)
        if first is not None:
            text = f"the content of {subject} since {first.name} ({format_instant(first.taken_at)}): {first.suspicion}"
            found.append(Acceptable(subject, CONTENT, content_value(first), target.id, text))
    return found


def other_places(state: BackendState) -> list[Acceptable]:
    """Return where the targets of a backend lie that lay elsewhere: all of them where its root was moved on purpose."""
    return [
        Acceptable(
            target.address,
            PATH,
            target.fingerprint.path,
            target.id,
            f"{target.address} is at {target.fingerprint.path}, and was at {state.moved[target.id]}",
        )
        for target in sorted(state.targets, key=lambda one: one.address)
        if target.id in state.moved and target.fingerprint is not None
    ]


def odd_names(policy: Policy, world: World, subject: str) -> list[Acceptable]:
    """Return what is to be accepted about the name of the target at the address ``subject``."""
    looks = resolve(policy, world.backends, world.catalog).looks
    state = world.backends.get(subject.partition("/")[0])
    return [
        Acceptable(subject, NAME, target.id, target.id, f"{subject} {looks[target.backend, target.id]}")
        for target in (state.targets if state is not None else ())
        if target.address == subject and (target.backend, target.id) in looks
    ]


def other_store(state: BackendState, found: str) -> list[Acceptable]:
    """Return the store ``found`` of a backend that was left out because the catalog knows another one (empty: none)."""
    why = state.error.text if state.error is not None else ""
    lost = f"backend {state.name} without its store; a new one is made"
    what = f"the store {found} of backend {state.name}" if found else lost
    return [Acceptable(state.name, STORE, found, "", f"{what} ({why})")]


def _is_of(snapshot: Snapshot, target_id: str, project: str) -> bool:
    return snapshot.target_id == target_id and snapshot.mark is not None and snapshot.mark.project == project


def is_content_accepted(world: World, target: Target) -> bool:
    """Whether a person accepted the content of a target, and no snapshot has been taken since.

    The next one must not be compared with what was there before.
    """
    accepted = world.catalog.accepted.get((target.address, CONTENT))
    if accepted is None or accepted.value.partition(" ")[2] != target.id:
        return False
    snapshots = world.backends[target.backend].snapshots
    return not any(one.target_id == target.id and one.taken_at > accepted.at for one in snapshots)
