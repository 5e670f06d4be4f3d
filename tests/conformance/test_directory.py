"""The ``directory`` driver keeps the contract of drivers, on real folders."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.base import Settings
from snapplan.drivers.conformance import BehaviourConformance, CrashConformance, Harness, PauseConformance
from snapplan.drivers.directory import DRIVER, locking
from snapplan.drivers.directory.journal import Journal, write_journal
from snapplan.drivers.directory.options import DirectoryOptions
from snapplan.drivers.directory.store import Store
from snapplan.models.policy import QuiesceCommands
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from snapplan.drivers.conformance import WorldTarget
    from snapplan.models.snapshot import Snapshot

FOLDERS = {"volume": "volumes", "vm": "vms", "tenant": "tenants"}
SCOPES = {folder: scope for scope, folder in FOLDERS.items()}


class DirectoryHarness(Harness):
    driver = DRIVER
    pausable = True

    def __init__(self, folder: Path, *, store_inside: bool = True) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._store_inside = store_inside
        self._quiesce: dict[str, QuiesceCommands] = {}

    def world(self, targets: Sequence[WorldTarget]) -> None:
        number = next(self._numbers)
        self._root = self._folder / f"root{number}"
        self._store = self._root / ".snapplan" if self._store_inside else self._folder / f"store{number}"
        self._root.mkdir()
        for each in targets:
            for path, content in each.files.items():
                self.write(each.path, path, content)

    def settings(self, *, project: str, read_only: bool) -> Settings:
        options = DirectoryOptions.model_validate({"root": str(self._root), "store": str(self._store)})
        return Settings("lab", project, options, self._folder, self._quiesce, read_only)

    def _place(self, target: str) -> Path:
        scope, _, name = target.partition("/")
        return self._root if scope == Scope.CLOUD else self._root / FOLDERS[scope] / name

    def read(self, target: str) -> dict[str, bytes]:
        place = self._place(target)
        return {
            "/".join(_outward(path.relative_to(place).parts, target)): path.read_bytes()
            for path in place.rglob("*")
            if path.is_file() and not path.is_relative_to(self._store)
        }

    def write(self, target: str, path: str, content: bytes) -> None:
        file = self._place(target).joinpath(*_inward(path.split("/"), target))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def delete_target(self, target: str) -> None:
        shutil.rmtree(self._place(target))

    def fingerprint(self) -> object:
        return {
            str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in self._folder.rglob("*")
        }

    def can_quiesce(self, target: str) -> None:
        command = QuiesceCommands(freeze=("true",), thaw=("true",), timeout=timedelta(seconds=30))
        self._quiesce = {target: command}

    def add_foreign_snapshot(self, target: str, name: str) -> None:
        place = self._store / "snapshots" / target / name
        place.mkdir(parents=True)
        (place / "data").write_bytes(b"theirs")
        marker = self._store / "snapplan-store.json"
        if not marker.exists():
            marker.write_text(json.dumps({"format": "snapplan.store/1", "id": "theirs"}))

    def add_odd_names(self, target: str) -> None:
        for parent in (self._store / "snapshots" / target, self._place(target).parent):
            (parent / os.fsdecode(b"caf\xe9")).mkdir(parents=True)

    def use(self, snapshot: Snapshot) -> None:
        store = Store("lab", "conformance", self._store)
        aside = store.restores / store.project / "interrupted.aside"
        write_journal(
            store,
            Journal(
                key="interrupted",
                run="run-9",
                project=store.project,
                target_id=snapshot.target_id,
                content="",
                mode="in_place",
                as_name="",
                source=snapshot.native_id,
                source_address=snapshot.address,
                started_at=self.now(),
                aside=aside,
            ),
        )

    def spoil_mark(self, snapshot: Snapshot, fields: Mapping[str, object]) -> None:
        path = self._folder_of(snapshot) / "mark.json"
        document = json.loads(path.read_text())
        document["mark"].update(fields)
        path.write_text(json.dumps(document))

    def damage(self, snapshot: Snapshot) -> None:
        file = next(path for path in (self._folder_of(snapshot) / "data").rglob("*") if path.is_file())
        status = file.stat()
        file.write_bytes(bytes(byte ^ 1 for byte in file.read_bytes()))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _folder_of(self, snapshot: Snapshot) -> Path:
        return self._store.joinpath("snapshots", snapshot.scope, snapshot.target_name, snapshot.name)

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        locking.enabled = False
        try:
            yield
        finally:
            locking.enabled = True

    def break_listing(self) -> None:
        mark = next(self._store.glob("snapshots/*/*/two/mark.json"))
        mark.write_text(json.dumps({"format": "snapplan.snapshot/99"}))


def _inward(parts: Sequence[str], target: str) -> Sequence[str]:
    """Return the path on disk: ``vm/db/disk`` of a tenant is ``vms/db/disk``."""
    return (FOLDERS[parts[0]], *parts[1:]) if target.startswith("tenant/") else parts


def _outward(parts: Sequence[str], target: str) -> Sequence[str]:
    """Return the path as the suite writes it."""
    if target == "cloud":
        scope = SCOPES[parts[0]]
        rest = _outward(parts[2:], "tenant/") if scope == "tenant" else parts[2:]
        return (scope, parts[1], *rest)
    return (SCOPES[parts[0]], *parts[1:]) if target.startswith("tenant/") else parts


class OnFolders:
    declared = DRIVER.capabilities

    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        return DirectoryHarness(tmp_path)


class TestDirectory(OnFolders, BehaviourConformance):
    pass


@pytest.mark.slow
class TestDirectoryThatCrashes(OnFolders, CrashConformance):
    pass


@pytest.mark.slow
class TestDirectoryThatIsPaused(OnFolders, PauseConformance):
    pass


class TestDirectoryWithItsStoreElsewhere(BehaviourConformance):
    declared = DRIVER.capabilities

    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        return DirectoryHarness(tmp_path, store_inside=False)
