"""Where the world of a ``memory`` backend is kept: in this process, or in a JSON file that outlives it."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from snapplan.drivers.memory.world import StoredTarget, World
from snapplan.ids import format_instant, parse_instant
from snapplan.models.request import StartedRestore
from snapplan.models.snapshot import Mark, Pin, Snapshot
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path


class Store(Protocol):
    """A world that can be read at any time and written by one at a time."""

    def read(self) -> World:
        """Return the world; the caller changes nothing in it."""
        ...

    def write(self) -> AbstractContextManager[World]:
        """Give the world to one caller; what it changed counts when the block ends without an error."""
        ...


class InProcess:
    """The world itself."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self) -> World:
        """Return the world."""
        return self._world

    @contextmanager
    def write(self) -> Iterator[World]:
        """Give the world under its lock."""
        with self._world.lock:
            yield self._world


class InFile:
    """A JSON file, replaced as a whole under a lock file beside it; ``script`` makes the world before there is a file."""

    def __init__(self, path: Path, script: Callable[[], World]) -> None:
        self._path = path
        self._script = script

    def read(self) -> World:
        """Return the world as the file has it. Raises ``OSError`` or ``ValueError``."""
        try:
            text = self._path.read_text("ascii")
        except FileNotFoundError:
            return self._script()
        try:
            return decode(json.loads(text))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{str(self._path)!r} holds no world: {error!r}") from error

    @contextmanager
    def write(self) -> Iterator[World]:
        """Read the world, give it, replace the file. Raises ``OSError`` or ``ValueError``."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path.with_name(self._path.name + ".lock"), "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            world = self.read()
            before = encode(world)
            yield world
            after = encode(world)
            if after != before or not self._path.exists():
                self._replace(json.dumps(after, ensure_ascii=True))

    def _replace(self, text: str) -> None:
        aside = self._path.with_name(self._path.name + ".new")
        with open(aside, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._path)


def encode(world: World) -> dict[str, Any]:
    """Return ``world`` as JSON data; bytes that are not UTF-8 become lone surrogates."""
    return {
        "backend": world.backend,
        "serial": world.serial,
        "fired": sorted(world.fired.items()),
        "deletes_at": _instants_out(world.deletes_at),
        "targets": [_encode_target(each) for each in world.targets.values()],
        "snapshots": [
            {**_encode_snapshot(each), "content": [_encode_target(held) for held in world.contents[key]]}
            for key, each in world.snapshots.items()
        ],
        "restores": [
            {**each._asdict(), "started_at": format_instant(each.started_at)} for each in world.restores.values()
        ],
    }


def decode(data: dict[str, Any]) -> World:
    """Return the world that ``encode`` made ``data`` of."""
    targets = [_decode_target(each) for each in data["targets"]]
    snapshots = [_decode_snapshot(each) for each in data["snapshots"]]
    restores = [
        StartedRestore(**{**_known(StartedRestore, each), "started_at": parse_instant(each["started_at"])})
        for each in data["restores"]
    ]
    return World(
        backend=data["backend"],
        targets={(each.scope, each.name): each for each in targets},
        snapshots={each.native_id: each for each in snapshots},
        contents={
            snapshot.native_id: tuple(_decode_target(held) for held in each["content"])
            for snapshot, each in zip(snapshots, data["snapshots"], strict=True)
        },
        restores={each.key: each for each in restores},
        fired=dict(data["fired"]),
        deletes_at={key: _instant(text) for key, text in data.get("deletes_at", {}).items()},
        serial=data["serial"],
    )


def _encode_target(target: StoredTarget) -> dict[str, Any]:
    files = {path: content.decode("utf-8", "surrogateescape") for path, content in target.files.items()}
    return {**target._asdict(), "files": files, "tags": sorted(target.tags)}


def _decode_target(data: dict[str, Any]) -> StoredTarget:
    files = {path: text.encode("utf-8", "surrogateescape") for path, text in data["files"].items()}
    known = _known(StoredTarget, data)
    return StoredTarget(**{**known, "scope": Scope(data["scope"]), "files": files, "tags": frozenset(data["tags"])})


def _encode_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    data = _instants_out(snapshot._asdict())
    if snapshot.mark is not None:
        data["mark"] = _instants_out(snapshot.mark._asdict())
        if snapshot.mark.pin is not None:
            data["mark"]["pin"] = _instants_out(snapshot.mark.pin._asdict())
    return data


def _decode_snapshot(data: dict[str, Any]) -> Snapshot:
    fields = _instants_in(_known(Snapshot, data), "taken_at", "completed_at", "locked_until")
    mark = fields["mark"]
    if mark is not None:
        mark = _instants_in(_known(Mark, mark), "taken_at", "expires_at", "slot")
        if mark["pin"] is not None:
            mark["pin"] = Pin(**_instants_in(mark["pin"], "until"))
        fields["mark"] = Mark(**mark)
    return Snapshot(**{**fields, "scope": Scope(data["scope"]), "contains": tuple(data["contains"])})


def _known(kind: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a named tuple that ``data`` has: an older snapplan wrote fewer, a later one writes more."""
    return {name: data[name] for name in kind._fields if name in data}


def _instants_out(data: dict[str, Any]) -> dict[str, Any]:
    return {name: format_instant(value) if hasattr(value, "tzinfo") else value for name, value in data.items()}


def _instants_in(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**data, **{name: _instant(data[name]) for name in names}}


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)
