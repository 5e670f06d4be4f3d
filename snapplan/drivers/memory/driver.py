"""The driver itself: each call is one or two transactions on the world."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from snapplan import clock
from snapplan.crash import point
from snapplan.drivers.base import NO_MANDATE, NoPermit
from snapplan.drivers.memory import capture, restoring
from snapplan.drivers.memory.budget import Budget
from snapplan.drivers.memory.deadlines import deadline
from snapplan.drivers.memory.faults import strike
from snapplan.drivers.memory.script import scripted_world
from snapplan.drivers.memory.state import InFile, InProcess
from snapplan.errors import BackendError, NotFoundError, RefusedError
from snapplan.models.request import Difference, Inventory, Outcome, Recovered, StartedRestore, Verification
from snapplan.models.target import Capabilities, RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from snapplan.drivers.base import Settings
    from snapplan.drivers.memory.options import MemoryOptions, Verb
    from snapplan.drivers.memory.state import Store
    from snapplan.drivers.memory.world import World
    from snapplan.models.request import ChangeRequest, ExpireRequest, Mandate, RestoreRequest, SnapshotRequest
    from snapplan.models.snapshot import Mark, Snapshot

VERBS: dict[Verb, str] = {"create": "snapshot", "change": "change", "expire": "expire", "restore": "restore"}
"""The verb of a plan's action, by the call that carries it out."""
_PARTS = (Scope.TENANT, Scope.VM, Scope.VOLUME)
CAPABILITIES = Capabilities(
    scopes=frozenset(Scope),
    quiesce=frozenset(Scope),
    restores=frozenset(
        RestorePath(source, part, mode) for part in _PARTS for source in (part, Scope.CLOUD) for mode in RestoreMode
    )
    | {RestorePath(Scope.CLOUD, Scope.CLOUD, RestoreMode.IN_PLACE)},
    period_fields=frozenset({"quiesce", "immutable"}),
    atomic_sets=True,
    batch=True,
    max_name_length=200,
    adopts_projects=True,
    adopts_unmarked=True,
    verifies=True,
    restore_options=frozenset({"power_off", "power_on", "preserve_macs"}),
)


class MemoryDriver:
    """A connection to a scripted backend; see ``snapplan.drivers.base.Driver`` for what each call promises.

    Tests hand in the ``world``; without one it is made from the options, or read from the ``state`` file.
    """

    def __init__(self, settings: Settings, world: World | None = None) -> None:
        options = cast("MemoryOptions", settings.options)
        self.capabilities = _capabilities(options)
        self._budget = Budget(
            settings.backend,
            options.requests_per_hour,
            {str(call): cost for call, cost in options.request_costs.items()},
            settings.meter,
        )
        self._notices = options.notices
        self._backend = settings.backend
        self._project = settings.project
        self._read_only = settings.read_only
        self._permit = settings.permit or NoPermit()
        self._faults = options.faults
        self._store = _store(settings, options, world)

    def inventory(self) -> Inventory:
        """Return all of the world."""
        requests = self._budget.read()
        failure = self._inventory_failure()
        if failure is not None:
            raise failure
        with self._failures():
            world = self._store.read()
        with world.lock:
            self._pass_time(world)
            return Inventory(
                world.visible(),
                list(world.snapshots.values()),
                tuple(world.restores.values()),
                requests=requests,
                deletes_at=dict(world.deletes_at) if self.capabilities.expires_itself else {},
                notices=self._notices,
            )

    def create(self, requests: Sequence[SnapshotRequest]) -> Iterator[Outcome]:
        """Take all at one instant."""
        with self._writing() as world:
            begun = capture.begin(world, requests, self.capabilities, self._faults, self._budget, clock.now())
        point("memory.create.begun")
        with self._writing() as world:
            outcomes = capture.complete(world, begun, self._faults, clock.now())
            for snapshot in (outcome.snapshot for outcome in outcomes if not outcome.existed):
                self._write_deadline(world, snapshot)
        point("memory.create.complete")
        return iter(outcomes)

    def change(self, requests: Sequence[ChangeRequest]) -> Iterator[Outcome]:
        """Replace marks."""
        point("memory.change.begin")
        with self._writing() as world:
            outcomes = [self._change(world, request) for request in requests]
        point("memory.change.done")
        return iter(outcomes)

    def expire(self, requests: Sequence[ExpireRequest]) -> Iterator[Outcome]:
        """Delete snapshots."""
        point("memory.expire.begin")
        with self._writing() as world:
            now = clock.now()
            outcomes = [self._expire(world, request.snapshot, now) for request in requests]
        point("memory.expire.done")
        return iter(outcomes)

    def restore(self, request: RestoreRequest) -> Outcome:
        """Restore one target, or the whole system from a cloud snapshot."""
        path = f"{request.scope}/{request.name}" if request.name else str(request.scope)
        try:
            with self._writing() as world:
                if restoring.check_key(world, request):
                    return Outcome(existed=True)
                restoring.wanted(world, request, self.capabilities)
                self._budget.write("restore", urgent=True)
                self._strike(world, "restore", path, request.source.name)
                world.restores[request.key] = started = StartedRestore(
                    request.key, request.run, request.target_id, clock.now(), done=False
                )
            point("memory.restore.started")
            with self._writing() as world:
                if world.restores.get(request.key) != started:
                    raise RefusedError(self._backend, f"restore {request.key} was put right by another run meanwhile")
                restoring.put(world, restoring.wanted(world, request, self.capabilities))
                world.restores[request.key] = started._replace(done=True)
                failure = strike(self._faults, world, "restore", path, request.source.name, after=True)
            point("memory.restore.done")
        except BackendError as error:
            return Outcome(error=error)
        return Outcome(error=failure)

    def recover(self, live_runs: Collection[str], mandate: Mandate = NO_MANDATE) -> list[Recovered]:
        """Forget restores that were begun and changed nothing yet: content and "done" are written at once."""
        with self._writing() as world:
            dead = [each for each in world.restores.values() if not each.done and each.run not in live_runs]
            for each in dead:
                del world.restores[each.key]
        return [Recovered(f"restore {each.key} had changed nothing and was undone", each.key) for each in dead]

    def verify(self, snapshot: Snapshot, sample: int = 100) -> Verification:
        """Compare the size of what is held with the size that was recorded; a scripted snapshot has no such record."""
        with self._failures():
            world = self._store.read()
        with world.lock:
            held = world.snapshots.get(snapshot.native_id)
            if held is None:
                raise NotFoundError(self._backend, f"{snapshot.address} is not there")
            files = [content for each in world.contents[held.native_id] for content in each.files.values()]
        size = sum(map(len, files))
        if held.size is None or held.size == size:
            return Verification(entries=len(files))
        return Verification((Difference(".", "size", str(held.size), str(size)),), len(files))

    def close(self) -> None:
        """Nothing is open between calls."""

    def _change(self, world: World, request: ChangeRequest) -> Outcome:
        try:
            found = self._meant(world, request.snapshot) if request.adopts else self._ours(world, request.snapshot)
            if found is None:
                raise NotFoundError(self._backend, f"{request.snapshot.address} is not there")
            if request.mark.project != self._project or request.mark.target_id != found.target_id:
                raise RefusedError(self._backend, f"{found.address} cannot become another project's or target's")
            if request.loses_pin(found.mark):
                raise RefusedError(self._backend, f"{found.address} was pinned or unpinned meanwhile")
            path = _path(found)
            self._budget.write("change")
            self._strike(world, "change", path, found.name)
        except BackendError as error:
            return Outcome(error=error)
        changed = found._replace(mark=request.mark)
        world.snapshots[found.native_id] = changed
        self._write_deadline(world, changed, clock.now())
        failure = strike(self._faults, world, "change", path, found.name, after=True)
        return Outcome(error=failure) if failure is not None else Outcome(snapshot=changed)

    def _expire(self, world: World, snapshot: Snapshot, now: datetime) -> Outcome:
        try:
            found = self._ours(world, snapshot)
            if found is None:
                return Outcome()
            reason = _kept(found, now)
            if reason:
                raise RefusedError(self._backend, f"{found.address} is {reason}")
            self._budget.write("expire")
            self._strike(world, "expire", _path(found), found.name)
        except BackendError as error:
            return Outcome(error=error)
        world.drop(found.native_id)
        return Outcome(error=strike(self._faults, world, "expire", _path(found), found.name, after=True))

    def _ours(self, world: World, snapshot: Snapshot) -> Snapshot | None:
        """Return the snapshot as it stands, ``None`` when it has gone; raise where it is not the one that is meant."""
        found = world.snapshots.get(snapshot.native_id)
        if found is None:
            return None
        if found.mark is None or found.mark.project != self._project:
            raise RefusedError(self._backend, f"{found.address} is not of project {self._project}")
        if found.name != snapshot.name or snapshot.mark is None or _what(found.mark) != _what(snapshot.mark):
            raise RefusedError(self._backend, f"{snapshot.address} is another snapshot now")
        return found

    def _meant(self, world: World, snapshot: Snapshot) -> Snapshot | None:
        """Return a snapshot of any owner as it stands; raise where somebody made another one of it meanwhile."""
        found = world.snapshots.get(snapshot.native_id)
        if found is not None and (found.name, found.mark) != (snapshot.name, snapshot.mark):
            raise RefusedError(self._backend, f"{snapshot.address} is another snapshot now")
        return found

    def _strike(self, world: World, verb: Verb, path: str, snapshot: str) -> None:
        failure = strike(self._faults, world, verb, path, snapshot)
        if failure is not None:
            raise failure

    def _write_deadline(self, world: World, snapshot: Snapshot | None, not_before: datetime | None = None) -> None:
        if self.capabilities.expires_itself and snapshot is not None and snapshot.mark is not None:
            world.deletes_at[snapshot.native_id] = deadline(snapshot.mark, not_before)

    def _pass_time(self, world: World) -> None:
        if self.capabilities.expires_itself:
            world.delete_what_is_over(clock.now())

    def _inventory_failure(self) -> BackendError | None:
        if not any(fault.on == "inventory" for fault in self._faults):
            return None
        if self._read_only:
            return strike(self._faults, self._store.read(), "inventory")
        with self._writing() as world:
            return strike(self._faults, world, "inventory")

    @contextmanager
    def _writing(self) -> Iterator[World]:
        if self._read_only:
            raise RefusedError(self._backend, "it was opened to be read only")
        with self._failures(), self._store.write() as world:
            self._pass_time(world)
            self._permit.check()
            yield world

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise BackendError(self._backend, f"its state cannot be read or written: {error}") from error


def _capabilities(options: MemoryOptions) -> Capabilities:
    """Return what the driver can do as the script has it; a call costs as many requests as it says."""
    costs = {VERBS[call]: cost for call, cost in options.request_costs.items() if call in VERBS}
    return CAPABILITIES._replace(
        expires_itself=options.expires_itself,
        requests_per_hour=options.requests_per_hour,
        request_costs={**dict.fromkeys(VERBS.values(), 1), **costs},
    )


def _store(settings: Settings, options: MemoryOptions, world: World | None) -> Store:
    def script() -> World:
        try:
            return scripted_world(settings.backend, settings.project, options)
        except ValueError as error:
            raise BackendError(settings.backend, str(error)) from None

    if world is not None:
        return InProcess(world)
    if options.state is not None:
        return InFile(settings.base / options.state, script)
    return InProcess(script())


def _what(mark: Mark) -> tuple[object, ...]:
    # Not the names of profile and period: these may have been moved in the policy.
    return (mark.project, mark.target_id, mark.slot, mark.key)


def _path(snapshot: Snapshot) -> str:
    return f"{snapshot.scope}/{snapshot.target_name}" if snapshot.target_name else str(snapshot.scope)


def _kept(snapshot: Snapshot, now: datetime) -> str:
    """Say in a few words why the backend keeps the snapshot, or return nothing."""
    pin = None if snapshot.mark is None else snapshot.mark.pin
    if snapshot.managed:
        return "expired by the platform"
    if snapshot.locked_until is not None and snapshot.locked_until > now:
        return f"locked until {snapshot.locked_until.isoformat()}"
    if snapshot.in_use:
        return f"in use ({snapshot.in_use})"
    if pin is not None and (pin.until is None or pin.until > now):
        return f"pinned by {pin.owner}"
    return ""
