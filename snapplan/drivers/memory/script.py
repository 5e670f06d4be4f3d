"""The world that the options of a ``memory`` backend describe."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from snapplan.drivers.memory.deadlines import deadline
from snapplan.drivers.memory.world import StoredTarget, World, contained
from snapplan.ids import compact_instant
from snapplan.models.snapshot import Mark, Pin, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from snapplan.drivers.memory.options import MemoryOptions, ScriptedSnapshot, ScriptedTarget


def scripted_world(backend: str, project: str, options: MemoryOptions) -> World:
    """Return the world as it is before anything was done. Raises ``ValueError`` where the script contradicts itself."""
    world = World(backend)
    for target in (each for scripted in options.targets for each in _targets(scripted)):
        world.targets[target.scope, target.name] = target
    for scripted in options.snapshots:
        _add(world, project, scripted, expires_itself=options.expires_itself)
    return world


def _targets(scripted: ScriptedTarget) -> Iterator[StoredTarget]:
    files = _bytes(scripted.files)
    for number in range(1, scripted.count + 1):
        name = scripted.name.replace("{n}", str(number)) if scripted.count > 1 else scripted.name
        path = f"{scripted.scope}/{name}" if name else str(scripted.scope)
        id_ = path if scripted.id is None else scripted.id.replace("{n}", str(number))
        yield StoredTarget(
            scripted.scope, name, id_, files, scripted.tags, scripted.can_quiesce, scripted.in_place_blocker
        )


def _add(world: World, project: str, scripted: ScriptedSnapshot, *, expires_itself: bool) -> None:
    matching = [each for each in world.targets.values() if fnmatchcase(each.path, scripted.target)]
    if not matching:
        raise ValueError(f"snapshots: no target matches {scripted.target!r}")
    pin = None if scripted.pin is None else Pin(scripted.pin.owner, scripted.pin.reason, scripted.pin.until)
    instants = _instants(scripted)
    for target in matching:
        captured = target if scripted.files is None else target._replace(files=_bytes(scripted.files))
        content = world.capture(captured)
        contains = contained(target, content)
        for taken_at in instants:
            slot = scripted.slot or taken_at.replace(second=0)
            name = _name(scripted, slot)
            if world.named(target.id, name) is not None:
                raise ValueError(f"snapshots: {target.path}@{name} is there twice")
            snapshot = Snapshot(
                backend=world.backend,
                native_id=world.new_id("s"),
                name=name,
                scope=target.scope,
                target_id=target.id,
                target_name=target.name,
                taken_at=taken_at,
                completed_at=taken_at if scripted.complete else None,
                mark=_mark(scripted, project, target.id, taken_at, slot, pin),
                quiesced=scripted.quiesced,
                consistent=scripted.consistent,
                managed=scripted.managed,
                locked_until=scripted.locked_until,
                in_use=scripted.in_use,
                contains=contains,
            )
            world.add(snapshot, content)
            if expires_itself and snapshot.mark is not None:
                world.deletes_at[snapshot.native_id] = scripted.deletes_at or deadline(snapshot.mark)


def _instants(scripted: ScriptedSnapshot) -> list[datetime]:
    return [scripted.taken_at - number * (scripted.every or timedelta()) for number in range(scripted.count)]


def _name(scripted: ScriptedSnapshot, slot: datetime) -> str:
    if scripted.name is not None:
        return scripted.name
    if scripted.key is not None:
        return f"manual.{scripted.key}"
    return f"{scripted.profile}.{scripted.period}.{compact_instant(slot)}"


def _mark(
    scripted: ScriptedSnapshot, project: str, target_id: str, taken_at: datetime, slot: datetime, pin: Pin | None
) -> Mark | None:
    if scripted.profile is None and scripted.key is None:
        return None
    return Mark(
        project=scripted.project or project,
        target_id=target_id,
        run=scripted.run,
        taken_at=taken_at,
        expires_at=None if scripted.retention is None else taken_at + scripted.retention,
        profile=scripted.profile,
        period=scripted.period,
        slot=None if scripted.profile is None else slot,
        key=scripted.key,
        minimum=scripted.minimum if scripted.key is None else 0,
        pin=pin,
        set=scripted.set,
    )


def _bytes(files: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode("utf-8", "surrogateescape") for path, text in files.items()}
