"""Carries out a plan on a world that exists only as data: what an apply does, without files and processes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from case_platforms import set_on_platform

from snapplan.drivers.memory.deadlines import deadline
from snapplan.models.plan import Action, Plan, Verb
from snapplan.models.request import AssignRequest, ProfileRequest
from snapplan.models.snapshot import Snapshot
from snapplan.models.target import RestoreMode, Target
from snapplan.models.world import ManualKey, ManualRecord, RestoreRecord, Tracked, Triple, World


def carry_out(world: World, plan: Plan, now: datetime, failing: Collection[int] = ()) -> World:
    """Return the world after ``plan``.

    What a guard blocks is not done. The actions with the numbers ``failing`` fail, and what depends on them waits.
    """
    for request in plan.settled:
        world = _settled(world, request, now)
    failed: set[int] = set()
    for action in plan.actions:
        if action.blocked_by or action.number in failing or failed.intersection(action.after):
            failed.add(action.number)
        else:
            world = _DO[action.verb](world, action, now)
    for missed in plan.missed:
        assert missed.triple is not None
        world = _raise_slot(world, missed.triple, missed.slot)
    return world


def snapshots(world: World) -> list[Snapshot]:
    return [snapshot for state in world.backends.values() for snapshot in state.snapshots]


def _profile(world: World, action: Action, now: datetime) -> World:
    world = set_on_platform(world, action)
    if not action.request.recorded:
        return world
    profiles = dict(world.catalog.profiles)
    if action.request.document is None:
        profiles.pop(action.request.name, None)
    else:
        profiles[action.request.name] = action.request.document
    return world._replace(catalog=world.catalog._replace(profiles=profiles))


def _assign(world: World, action: Action, now: datetime) -> World:
    world = set_on_platform(world, action)
    return _tracked(world, action.request, now)


def _settled(world: World, request: ProfileRequest | AssignRequest, now: datetime) -> World:
    if isinstance(request, AssignRequest):
        return _tracked(world, request, now)
    profiles = {**world.catalog.profiles, request.name: request.document}
    return world._replace(catalog=world.catalog._replace(profiles=profiles))


def _tracked(world: World, request: AssignRequest, now: datetime) -> World:
    tracked, orphaned = dict(world.catalog.tracked), dict(world.catalog.orphaned)
    for triple in request.ended:
        tracked.pop(triple, None)
        orphaned[triple] = now
    for triple, record in request.added.items():
        tracked[triple] = record
        orphaned.pop(triple, None)
    return world._replace(catalog=world.catalog._replace(tracked=tracked, orphaned=orphaned))


def _snapshot(world: World, action: Action, now: datetime) -> World:
    request = action.request
    retention = request.retention
    expires_at = request.mark.expires_at if retention is None else now + retention
    mark = request.mark._replace(taken_at=now, expires_at=expires_at, run="imagined")
    target = request.target
    snapshot = Snapshot(
        target.backend,
        f"{target.id}@{request.name}",
        request.name,
        target.scope,
        target.id,
        target.name,
        now,
        now,
        mark,
    )
    held = [s for s in world.backends[target.backend].snapshots if s.native_id != snapshot.native_id]
    world = _with_snapshots(world, target.backend, [*held, snapshot])
    world = _with_deadline(world, target.backend, snapshot.native_id, deadline(mark))
    if mark.key is not None:
        manual = {**world.catalog.manual, ManualKey(target.backend, target.id, mark.key): ManualRecord(now)}
        return world._replace(catalog=world.catalog._replace(manual=manual))
    return _raise_slot(world, Triple(target.backend, target.id, mark.profile, mark.period), mark.slot)


def _change(world: World, action: Action, now: datetime) -> World:
    changed = action.request.snapshot
    state = world.backends[changed.backend]
    kept = [s._replace(mark=action.request.mark) if s.native_id == changed.native_id else s for s in state.snapshots]
    world = _with_snapshots(world, changed.backend, kept)
    return _with_deadline(world, changed.backend, changed.native_id, deadline(action.request.mark, now))


def _expire(world: World, action: Action, now: datetime) -> World:
    gone = action.request.snapshot
    state = world.backends[gone.backend]
    return _with_snapshots(world, gone.backend, [s for s in state.snapshots if s.native_id != gone.native_id])


def _restore(world: World, action: Action, now: datetime) -> World:
    request = action.request
    restores = {**world.catalog.restores, request.key: RestoreRecord(request.content, "done", "imagined")}
    world = world._replace(catalog=world.catalog._replace(restores=restores))
    if request.mode is RestoreMode.IN_PLACE:
        return world
    state = world.backends[request.backend]
    clone = Target(request.backend, request.scope, request.as_name, f"{request.scope}/{request.as_name}")
    return world._replace(backends={**world.backends, state.name: state._replace(targets=(*state.targets, clone))})


def _with_snapshots(world: World, backend: str, held: list[Snapshot]) -> World:
    return world._replace(backends={**world.backends, backend: world.backends[backend]._replace(snapshots=held)})


def _with_deadline(world: World, backend: str, native_id: str, at: datetime | None) -> World:
    """Write when a platform that expires by itself deletes a snapshot."""
    state = world.backends[backend]
    if not state.capabilities.expires_itself:
        return world
    written = state._replace(deletes_at={**state.deletes_at, native_id: at})
    return world._replace(backends={**world.backends, backend: written})


def _raise_slot(world: World, triple: Triple, slot: datetime) -> World:
    record = world.catalog.tracked.get(triple)
    if record is None or (record.last_slot is not None and record.last_slot >= slot):
        return world
    tracked = {**world.catalog.tracked, triple: Tracked(record.since, slot)}
    return world._replace(catalog=world.catalog._replace(tracked=tracked))


_DO = {
    Verb.PROFILE: _profile,
    Verb.ASSIGN: _assign,
    Verb.SNAPSHOT: _snapshot,
    Verb.CHANGE: _change,
    Verb.EXPIRE: _expire,
    Verb.RESTORE: _restore,
}
