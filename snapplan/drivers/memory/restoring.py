"""Restores in a ``memory`` world, decided before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.errors import NameTakenError, NotFoundError, NotSupportedError, RefusedError
from snapplan.models.target import POWERED_ON, RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.drivers.memory.world import StoredTarget, World
    from snapplan.models.request import RestoreRequest
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Capabilities


def check_key(world: World, request: RestoreRequest) -> bool:
    """Say whether the restore was done already; raise ``RefusedError`` where it was begun and is not finished."""
    known = world.restores.get(request.key)
    if known is not None and not known.done:
        raise RefusedError(
            world.backend,
            f"restore {request.key} was begun by run {known.run} and is not finished",
            hint="the next apply undoes it",
        )
    return known is not None


def wanted(world: World, request: RestoreRequest, capabilities: Capabilities) -> list[StoredTarget]:
    """Return the targets as they are to stand after the restore, an empty id for a new one.

    Raises the ``BackendError`` that stops it.
    """
    source = _source(world, request)
    if RestorePath(source.scope, request.scope, request.mode) not in capabilities.restores:
        raise NotSupportedError(world.backend, f"{request.scope} {request.mode} out of a {source.scope} snapshot")
    captured = [each for each in world.contents[source.native_id] if _is_meant(each, request)]
    if not captured and request.scope is not Scope.CLOUD:
        raise NotFoundError(world.backend, f"{source.address} does not hold {request.target_address}")
    if request.mode is RestoreMode.CLONE:
        return [_clone(world, request, captured[0])]
    return [_in_place(world, request, each) for each in captured]


def put(world: World, targets: Sequence[StoredTarget]) -> None:
    """Let the targets stand so; what came since the snapshot and is not in it stays."""
    for target in targets:
        id_ = target.id or world.new_id(target.path)
        world.targets[target.scope, target.name] = target._replace(id=id_)


def _source(world: World, request: RestoreRequest) -> Snapshot:
    found = world.snapshots.get(request.source.native_id)
    if found is None or (found.name, found.target_id) != (request.source.name, request.source.target_id):
        raise NotFoundError(world.backend, f"{request.source.address} is not there")
    if found.completed_at is None:
        raise RefusedError(world.backend, f"{found.address} is not complete")
    return found


def _is_meant(captured: StoredTarget, request: RestoreRequest) -> bool:
    if request.scope is Scope.CLOUD or request.source.scope is not Scope.CLOUD:
        return True
    return (captured.scope, captured.name) == (request.scope, request.name)


def _clone(world: World, request: RestoreRequest, captured: StoredTarget) -> StoredTarget:
    if not request.as_name:
        raise RefusedError(world.backend, "a clone needs a name")
    if (request.scope, request.as_name) in world.targets:
        raise NameTakenError(world.backend, f"{world.backend}/{request.scope}/{request.as_name} is there already")
    return captured._replace(name=request.as_name, id="", in_place_blocker=POWERED_ON if request.power_on else "")


def _in_place(world: World, request: RestoreRequest, captured: StoredTarget) -> StoredTarget:
    whole = request.scope is Scope.CLOUD
    name = captured.name if whole else request.name
    present = world.targets.get((captured.scope, name))
    if present is None:
        return captured._replace(name=name, id=captured.id if whole else request.target_id)
    if present.in_place_blocker and not (request.power_off and present.in_place_blocker == POWERED_ON):
        raise RefusedError(world.backend, f"{world.backend}/{present.path}: {present.in_place_blocker}")
    if not whole and present.id != request.target_id:
        raise RefusedError(world.backend, f"{world.backend}/{present.path} is another target now ({present.id})")
    restored = captured._replace(name=name, id=present.id, tags=present.tags)
    if request.power_on or request.power_off:
        return restored._replace(in_place_blocker=POWERED_ON if request.power_on else "")
    return restored
