"""Taking snapshots of a ``memory`` world: first each is there as incomplete, then all are completed at one instant."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.memory.faults import strike
from snapplan.drivers.memory.world import StoredTarget, contained
from snapplan.errors import BackendError, NameTakenError, NotFoundError, QuiesceError, RefusedError
from snapplan.models.request import Outcome
from snapplan.models.snapshot import Snapshot
from snapplan.models.target import Quiesce

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from snapplan.drivers.memory.budget import Budget
    from snapplan.drivers.memory.options import ScriptedFault
    from snapplan.drivers.memory.world import World
    from snapplan.models.request import SnapshotRequest
    from snapplan.models.target import Capabilities


class Begun(NamedTuple):
    """A request and what there is of it: an incomplete snapshot by native id, or the outcome already."""

    request: SnapshotRequest
    native_id: str = ""
    outcome: Outcome | None = None


def begin(
    world: World,
    requests: Sequence[SnapshotRequest],
    capabilities: Capabilities,
    faults: Sequence[ScriptedFault],
    budget: Budget,
    now: datetime,
) -> list[Begun]:
    """Put an incomplete snapshot in place for each request that can be done; of a set all or none."""
    begun = [_begin(world, request, capabilities, faults, budget, now) for request in requests]
    failed = {
        each.request.mark.set: each for each in begun if each.outcome is not None and each.outcome.error is not None
    }
    return [_with_its_set(world, each, failed.get(each.request.mark.set)) for each in begun]


def complete(world: World, begun: Sequence[Begun], faults: Sequence[ScriptedFault], now: datetime) -> list[Outcome]:
    """Capture the content of all, now; return the outcomes in order."""
    return [each.outcome or _complete(world, each, faults, now) for each in begun]


def _begin(
    world: World,
    request: SnapshotRequest,
    capabilities: Capabilities,
    faults: Sequence[ScriptedFault],
    budget: Budget,
    now: datetime,
) -> Begun:
    try:
        target = _allowed(world, request, capabilities)
        found = world.named(target.id, request.name)
        if found is not None and found.completed_at is not None:
            return Begun(request, outcome=_existing(world, request, found))
        budget.write("create")
        failure = strike(faults, world, "create", target.path, request.name)
        if failure is not None:
            raise failure
        if found is not None:
            _existing(world, request, found)
            return Begun(request, found.native_id)
    except BackendError as error:
        return Begun(request, outcome=Outcome(error=error))
    snapshot = _incomplete(world, request, target, now)
    world.add(snapshot, ())
    return Begun(request, snapshot.native_id)


def _allowed(world: World, request: SnapshotRequest, capabilities: Capabilities) -> StoredTarget:
    name = request.name
    if not name or len(name.encode()) > capabilities.max_name_length or set(name) & set(capabilities.reserved_in_names):
        raise RefusedError(world.backend, f"{name!r} cannot be the name of a snapshot")
    target = world.targets.get((request.target.scope, request.target.name))
    if target is None or target.id != request.target.id:
        raise NotFoundError(world.backend, f"{request.target.address} ({request.target.id}) is not there")
    if request.quiesce is Quiesce.REQUIRE and not target.can_quiesce:
        raise QuiesceError(world.backend, f"{request.target.address} cannot be quiesced")
    return target


def _existing(world: World, request: SnapshotRequest, found: Snapshot) -> Outcome:
    if found.mark is None or found.mark.identity != request.mark.identity:
        raise NameTakenError(world.backend, f"{found.address} is there and is not the snapshot that was asked for")
    return Outcome(snapshot=found, existed=True)


def _incomplete(world: World, request: SnapshotRequest, target: StoredTarget, now: datetime) -> Snapshot:
    return Snapshot(
        backend=world.backend,
        native_id=world.new_id("s"),
        name=request.name,
        scope=target.scope,
        target_id=target.id,
        target_name=target.name,
        taken_at=now,
        completed_at=None,
        mark=request.mark,
        quiesced=request.quiesce is not Quiesce.NEVER and target.can_quiesce,
        consistent=True,
        locked_until=request.mark.expires_at if request.options.get("immutable") else None,
    )


def _complete(world: World, begun: Begun, faults: Sequence[ScriptedFault], now: datetime) -> Outcome:
    request = begun.request
    reserved = world.snapshots.get(begun.native_id)
    if reserved is None:
        return Outcome(
            error=RefusedError(world.backend, f"{request.target.address}@{request.name} was removed meanwhile")
        )
    if reserved.completed_at is not None:
        return Outcome(snapshot=reserved, existed=True)
    target = world.targets.get((request.target.scope, request.target.name))
    if target is None:
        world.drop(begun.native_id)
        return Outcome(error=NotFoundError(world.backend, f"{request.target.address} has gone meanwhile"))
    content = world.capture(target)
    snapshot = reserved._replace(
        mark=request.mark,
        taken_at=now,
        completed_at=now,
        size=sum(len(file) for each in content for file in each.files.values()),
        contains=contained(target, content),
    )
    world.add(snapshot, content)
    failure = strike(faults, world, "create", target.path, request.name, after=True)
    if failure is not None:
        return Outcome(error=failure)
    notices = () if request.quiesce is not Quiesce.PREFER or snapshot.quiesced else (f"{target.path} was not quiesced",)
    return Outcome(snapshot=snapshot, notices=notices)


def _with_its_set(world: World, begun: Begun, failed: Begun | None) -> Begun:
    if failed is None or begun.request.mark.set is None or begun.outcome is not None:
        return begun
    world.drop(begun.native_id)
    culprit = f"{failed.request.target.address}@{failed.request.name}"
    error = RefusedError(world.backend, f"not taken, as {culprit} of the same set could not be")
    return Begun(begun.request, outcome=Outcome(error=error))
