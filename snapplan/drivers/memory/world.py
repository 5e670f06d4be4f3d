"""The world of a ``memory`` backend: targets with their bytes, snapshots with theirs, restores that were begun."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.snapshot import Snapshot
from snapplan.models.target import Scope, Target

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from snapplan.models.request import StartedRestore


class StoredTarget(NamedTuple):
    """A target and its bytes by path. ``files`` is replaced, never changed, so that a snapshot may share it."""

    scope: Scope
    name: str
    id: str
    files: Mapping[str, bytes] = {}
    tags: frozenset[str] = frozenset()
    can_quiesce: bool = False
    in_place_blocker: str = ""

    @property
    def path(self) -> str:
        """``vm/web-01``, or ``cloud``."""
        return f"{self.scope}/{self.name}" if self.name else str(self.scope)


@dataclass
class World:
    """All of one backend. Tests hand one in, look at it and change it behind the driver's back.

    ``contents`` has for each snapshot, by native id, the targets that were captured: one, or all of the system.
    ``serial`` numbers snapshots and targets, so that no id is used twice. ``fired`` counts per scripted fault.
    ``deletes_at`` says when a backend that expires by itself deletes a snapshot (UTC; ``None``: never).
    """

    backend: str
    targets: dict[tuple[Scope, str], StoredTarget] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    contents: dict[str, tuple[StoredTarget, ...]] = field(default_factory=dict)
    restores: dict[str, StartedRestore] = field(default_factory=dict)
    fired: dict[int, int] = field(default_factory=dict)
    deletes_at: dict[str, datetime | None] = field(default_factory=dict)
    serial: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)
    _names: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """The cloud is always there."""
        self.targets.setdefault((Scope.CLOUD, ""), StoredTarget(Scope.CLOUD, "", "cloud"))
        self._names = {(each.target_id, each.name): key for key, each in self.snapshots.items()}

    def put(self, scope: Scope, name: str, files: Mapping[str, bytes]) -> StoredTarget:
        """Give a target this content; make it, with an id never used before, where it is not there."""
        found = self.targets.get((scope, name))
        stored = StoredTarget(scope, name, self.new_id(f"{scope}/{name}")) if found is None else found
        self.targets[scope, name] = stored = stored._replace(files=dict(files))
        return stored

    def remove(self, scope: Scope, name: str) -> None:
        """Take a target away; its snapshots stay."""
        del self.targets[scope, name]

    def new_id(self, stem: str) -> str:
        """Return an id that was never used."""
        self.serial += 1
        return f"{stem}#{self.serial}"

    def capture(self, target: StoredTarget) -> tuple[StoredTarget, ...]:
        """Return what a snapshot of ``target`` holds at this moment."""
        if target.scope is not Scope.CLOUD:
            return (target,)
        return tuple(each for each in self.targets.values() if each.scope is not Scope.CLOUD)

    def add(self, snapshot: Snapshot, content: tuple[StoredTarget, ...]) -> None:
        """Keep a snapshot under its native id, in place of one that has it."""
        self.snapshots[snapshot.native_id] = snapshot
        self.contents[snapshot.native_id] = content
        self._names[snapshot.target_id, snapshot.name] = snapshot.native_id

    def add_foreign(self, target: StoredTarget, name: str, taken_at: datetime) -> Snapshot:
        """Take a snapshot as somebody else would, without a mark."""
        content = self.capture(target)
        snapshot = Snapshot(
            backend=self.backend,
            native_id=self.new_id("s"),
            name=name,
            scope=target.scope,
            target_id=target.id,
            target_name=target.name,
            taken_at=taken_at,
            completed_at=taken_at,
            contains=contained(target, content),
        )
        self.add(snapshot, content)
        return snapshot

    def drop(self, native_id: str) -> None:
        """Delete a snapshot."""
        snapshot = self.snapshots.pop(native_id)
        del self.contents[native_id]
        del self._names[snapshot.target_id, snapshot.name]
        self.deletes_at.pop(native_id, None)

    def delete_what_is_over(self, now: datetime) -> None:
        """Delete what the backend deletes by itself, unless it is locked or in use."""
        over = [self.snapshots[key] for key, at in self.deletes_at.items() if at is not None and at <= now]
        for each in over:
            if not each.in_use and (each.locked_until is None or each.locked_until <= now):
                self.drop(each.native_id)

    def named(self, target_id: str, name: str) -> Snapshot | None:
        """Return the snapshot of a target that has this name."""
        native_id = self._names.get((target_id, name))
        return None if native_id is None else self.snapshots[native_id]

    def visible(self) -> tuple[Target, ...]:
        """Return the targets as a driver lists them."""
        return tuple(
            Target(self.backend, each.scope, each.name, each.id, each.tags, each.can_quiesce, each.in_place_blocker)
            for each in self.targets.values()
        )


def contained(target: StoredTarget, content: tuple[StoredTarget, ...]) -> tuple[str, ...]:
    """Return the ``scope/name`` pairs that a snapshot of ``target`` holds besides the target itself."""
    return tuple(each.path for each in content) if target.scope is Scope.CLOUD else ()
