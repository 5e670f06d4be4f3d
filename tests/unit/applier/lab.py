"""A small world to apply plans to: memory backends, a real catalog, and plans built by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snapplan.drivers.base import Settings
from snapplan.drivers.memory import CAPABILITIES, MemoryDriver, MemoryOptions, World
from snapplan.models.plan import Action, Plan, Summary, Verb
from snapplan.models.request import (
    AssignRequest,
    ChangeRequest,
    ExpireRequest,
    ProfileRequest,
    RestoreRequest,
    SnapshotRequest,
)
from snapplan.models.snapshot import Mark, Snapshot
from snapplan.models.target import Quiesce, RestoreMode, Scope, Target
from snapplan.models.world import Tracked, Triple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from snapplan.applier.report import ActionResult

PROJECT = "demo"
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SLOT = NOW
DAY = timedelta(days=1)


def plan(*actions: Action, **fields: Any) -> Plan:
    return Plan(as_of=NOW, exact_until=None, summary=Summary(), actions=actions, **fields)


def target(name: str = "a", backend: str = "lab", scope: Scope = Scope.VM) -> Target:
    return Target(backend, scope, name, f"{scope}/{name}" if name else "cloud")


def triple(name: str = "a", backend: str = "lab", period: str = "daily") -> Triple:
    return Triple(backend, target(name, backend).id, "gold", period)


def scheduled(
    number: int, name: str = "a", backend: str = "lab", *, after: Iterable[int] = (), **changes: Any
) -> Action:
    """The daily snapshot of a VM for SLOT, kept for two days. ``changes`` go into its mark, but for ``period``."""
    place = target(name, backend)
    period = changes.get("period", "daily")
    mark = Mark(PROJECT, place.id, "", NOW - DAY, NOW - DAY, "gold", period, SLOT, minimum=1)._replace(**changes)
    title = f"gold.{period}.20261122T0200Z"
    return Action(
        number,
        Verb.SNAPSHOT,
        backend,
        place.address,
        f"{place.address}@{title}",
        "gold",
        period,
        SLOT,
        after=tuple(after),
        request=SnapshotRequest(place, title, mark, Quiesce.NEVER, 2 * DAY),
    )


def manual(number: int, name: str = "a", backend: str = "lab", key: str = "k", *, after: Iterable[int] = ()) -> Action:
    place = target(name, backend)
    mark = Mark(PROJECT, place.id, "", NOW - DAY, NOW + DAY, key=key)
    return Action(
        number,
        Verb.SNAPSHOT,
        backend,
        place.address,
        f"{place.address}@manual.{key}",
        after=tuple(after),
        change={"key": key},
        request=SnapshotRequest(place, f"manual.{key}", mark, Quiesce.NEVER),
    )


def expire(number: int, snapshot: Snapshot, *, after: Iterable[int] = ()) -> Action:
    return Action(
        number,
        Verb.EXPIRE,
        snapshot.backend,
        snapshot.target_address,
        snapshot.address,
        reversible=False,
        after=tuple(after),
        precondition={"native_id": snapshot.native_id},
        request=ExpireRequest(snapshot),
    )


def change(number: int, snapshot: Snapshot, expires_at: datetime, *, after: Iterable[int] = ()) -> Action:
    assert snapshot.mark is not None
    return Action(
        number,
        Verb.CHANGE,
        snapshot.backend,
        snapshot.target_address,
        snapshot.address,
        after=tuple(after),
        change={"expires_at": [snapshot.mark.expires_at, expires_at]},
        precondition={"native_id": snapshot.native_id},
        request=ChangeRequest(snapshot, snapshot.mark._replace(expires_at=expires_at)),
    )


def restore(
    number: int,
    source: Snapshot,
    *,
    key: str = "CHG-1",
    mode: RestoreMode = RestoreMode.IN_PLACE,
    after: Iterable[int] = (),
) -> Action:
    request = RestoreRequest(
        key, "", source.backend, source.scope, source.target_name, source.target_id, source, mode, "b2", "digest"
    )
    return Action(
        number,
        Verb.RESTORE,
        source.backend,
        source.target_address,
        source.address,
        after=tuple(after),
        change={"key": key},
        precondition={"native_id": source.native_id},
        request=request,
    )


def profile(number: int, name: str = "gold", document: dict[str, Any] | None = None) -> Action:
    return Action(
        number,
        Verb.PROFILE,
        profile=name,
        change={"before": None, "after": document},
        request=ProfileRequest(name, document),
    )


def assign(
    number: int,
    *begins: Triple,
    ends: Sequence[Triple] = (),
    after: Iterable[int] = (),
) -> Action:
    first = (*begins, *ends)[0]
    return Action(
        number,
        Verb.ASSIGN,
        first.backend,
        f"{first.backend}/{first.target_id}",
        profile=first.profile,
        after=tuple(after),
        change={"begins": [t.period for t in begins], "ends": [t.period for t in ends]},
        request=AssignRequest("all", {each: Tracked(NOW) for each in begins}, tuple(ends)),
    )


def memory(
    backend: str = "lab",
    names: Iterable[str] = ("a", "b", "c"),
    faults: Sequence[dict[str, Any]] = (),
    kind: type[MemoryDriver] = MemoryDriver,
) -> tuple[World, MemoryDriver]:
    """A backend of VMs, each with one file that holds its name."""
    world = World(backend)
    for name in names:
        stored = world.put(Scope.VM, name, {"disk": name.encode()})
        world.targets[Scope.VM, name] = stored._replace(id=f"vm/{name}")
    settings = Settings(backend, PROJECT, MemoryOptions(faults=list(faults)), Path())
    return world, kind(settings, world)


def taken(world: World, name: str = "a", slot: datetime = NOW - DAY, expires_at: datetime | None = NOW) -> Snapshot:
    """Put an owned daily snapshot into ``world``."""
    stored = world.targets[Scope.VM, name]
    title = f"gold.daily.{slot:%Y%m%dT%H%MZ}"
    mark = Mark(PROJECT, stored.id, "earlier", slot, expires_at, "gold", "daily", slot, minimum=1)
    snapshot = world.add_foreign(stored, title, slot)._replace(mark=mark)
    world.add(snapshot, (stored,))
    return snapshot


class Watched(MemoryDriver):
    """A memory backend that notes each call with the snapshots it is about, and lets a test act before it is done."""

    def __init__(self, settings: Settings, world: World | None = None) -> None:
        super().__init__(settings, world)
        self.calls: list[tuple[str, list[str]]] = []
        self.on_call: Callable[[str, list[str]], None] = lambda verb, names: None

    def _called(self, verb: str, names: list[str]) -> None:
        self.calls.append((verb, names))
        self.on_call(verb, names)

    def inventory(self) -> Any:
        self._called("inventory", [])
        return super().inventory()

    def create(self, requests: Any) -> Any:
        self._called("create", [request.target.name for request in requests])
        return super().create(requests)

    def change(self, requests: Any) -> Any:
        self._called("change", [request.snapshot.target_name for request in requests])
        return super().change(requests)

    def expire(self, requests: Any) -> Any:
        self._called("expire", [request.snapshot.target_name for request in requests])
        return super().expire(requests)

    def restore(self, request: Any) -> Any:
        self._called("restore", [request.name])
        return super().restore(request)


class OneByOne(Watched):
    """One that takes no sets at one instant, does nothing in batches, and up to four things at once."""

    def __init__(self, settings: Settings, world: World | None = None) -> None:
        super().__init__(settings, world)
        self.capabilities = CAPABILITIES._replace(batch=False, atomic_sets=False, parallel=4)

    def create(self, requests: Any) -> Any:
        self._called("create", [request.target.name for request in requests])
        for request in requests:
            yield from MemoryDriver.create(self, [request])


@dataclass
class Listener:
    """An observer that remembers, and lets a test do something at each moment."""

    on_started: Callable[[Action], None] = lambda action: None
    on_finished: Callable[[Action], None] = lambda action: None
    began: list[int] = field(default_factory=list)
    ended: list[tuple[int, str]] = field(default_factory=list)

    def planned(self, actions: Sequence[Action]) -> None: ...

    def started(self, action: Action) -> None:
        self.began.append(action.number)
        self.on_started(action)

    def finished(self, action: Action, result: ActionResult) -> None:
        self.ended.append((action.number, result.state.value))
        self.on_finished(action)

    def notice(self, text: str) -> None:
        raise AssertionError(text)
