"""The ``memory`` driver keeps the contract of drivers, with its state in a file, so that processes may crash."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.base import Settings
from snapplan.drivers.conformance import BehaviourConformance, DriverConformance, Harness
from snapplan.drivers.memory import DRIVER, MemoryOptions
from snapplan.drivers.memory.script import scripted_world
from snapplan.drivers.memory.state import InFile
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from snapplan.drivers.conformance import WorldTarget
    from snapplan.models.snapshot import Snapshot


class MemoryHarness(Harness):
    driver = DRIVER
    pausable = True

    def __init__(self, folder: Path, *, expires_itself: bool = False) -> None:
        self._folder = folder
        self._expires_itself = expires_itself
        self._numbers = itertools.count()
        self._options = MemoryOptions.model_validate({"state": "none.json"})

    def world(self, targets: Sequence[WorldTarget]) -> None:
        options = {"state": f"{next(self._numbers)}.json", "expires_itself": self._expires_itself}
        self._options = MemoryOptions.model_validate(options)
        with self._file.write() as world:
            for each in targets:
                world.put(each.scope, each.name, each.files)

    @property
    def _path(self) -> Path:
        return self._folder / (self._options.state or "")

    @property
    def _file(self) -> InFile:
        return InFile(self._path, lambda: scripted_world("lab", "conformance", self._options))

    def settings(self, *, project: str, read_only: bool) -> Settings:
        return Settings("lab", project, self._options, self._folder, {}, read_only)

    def read(self, target: str) -> dict[str, bytes]:
        world = self._file.read()
        scope, _, name = target.partition("/")
        if scope == Scope.CLOUD:
            return {f"{each.path}/{path}": data for each in world.targets.values() for path, data in each.files.items()}
        stored = world.targets.get((Scope(scope), name))
        return {} if stored is None else dict(stored.files)

    def write(self, target: str, path: str, content: bytes) -> None:
        scope, _, name = target.partition("/")
        with self._file.write() as world:
            world.put(Scope(scope), name, {**world.targets[Scope(scope), name].files, path: content})

    def delete_target(self, target: str) -> None:
        scope, _, name = target.partition("/")
        with self._file.write() as world:
            world.remove(Scope(scope), name)

    def fingerprint(self) -> object:
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in self._folder.iterdir()}

    def can_quiesce(self, target: str) -> None:
        scope, _, name = target.partition("/")
        with self._file.write() as world:
            stored = world.targets[Scope(scope), name]
            world.targets[Scope(scope), name] = stored._replace(can_quiesce=True)

    def add_foreign_snapshot(self, target: str, name: str) -> None:
        scope, _, target_name = target.partition("/")
        with self._file.write() as world:
            world.add_foreign(world.targets[Scope(scope), target_name], name, self.now())

    def lock(self, snapshot: Snapshot) -> None:
        with self._file.write() as world:
            world.snapshots[snapshot.native_id] = snapshot._replace(locked_until=self.now() + timedelta(days=1))

    def use(self, snapshot: Snapshot) -> None:
        with self._file.write() as world:
            world.snapshots[snapshot.native_id] = snapshot._replace(in_use="a clone")

    def spoil_mark(self, snapshot: Snapshot, fields: Mapping[str, object]) -> None:
        if fields.keys() & {"taken_at", "expires_at", "pin"}:
            pytest.skip("its file is one document: such a mark makes all of it unreadable")
        document = json.loads(self._path.read_text())
        for each in document["snapshots"]:
            if each["native_id"] == snapshot.native_id:
                each["mark"].update(fields)
        self._path.write_text(json.dumps(document))

    def damage(self, snapshot: Snapshot) -> None:
        with self._file.write() as world:
            held = world.contents[snapshot.native_id]
            world.contents[snapshot.native_id] = tuple(
                each._replace(files={path: content + b"!" for path, content in each.files.items()}) for each in held
            )

    def break_listing(self) -> None:
        self._path.write_bytes(self._path.read_bytes()[:-20])


class TestMemory(DriverConformance):
    declared = DRIVER.capabilities

    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        return MemoryHarness(tmp_path)


class TestMemoryThatExpiresByItself(BehaviourConformance):
    declared = DRIVER.capabilities._replace(expires_itself=True)

    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        return MemoryHarness(tmp_path, expires_itself=True)
