"""A root with targets in a scratch folder, and short words for what is done to it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import traceback
import warnings
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snapplan import crash
from snapplan.drivers.base import Settings
from snapplan.drivers.conformance.crash_child import Job
from snapplan.drivers.directory import DRIVER
from snapplan.drivers.directory.options import DirectoryOptions
from snapplan.models.policy import QuiesceCommands
from snapplan.models.request import ChangeRequest, ExpireRequest, Mandate, Outcome, RestoreRequest, SnapshotRequest
from snapplan.models.snapshot import Mark
from snapplan.models.target import Quiesce, RestoreMode, Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from snapplan.drivers.base import Permit
    from snapplan.drivers.directory.driver import DirectoryDriver
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target

COMPLETE = Mandate(complete=frozenset({"restore-1"}))
UNDO = Mandate(undo=frozenset({"restore-1"}))
AT = datetime(2026, 11, 22, 2, tzinfo=UTC)


class Folders:
    """``base`` is the policy repository; ``options`` are the backend's keys."""

    def __init__(self, base: Path, **options: Any) -> None:
        self.base = base
        self.root = base / "lab"
        self.options = options or {"root": "lab"}
        self.quiesce: dict[str, QuiesceCommands] = {}
        self.root.mkdir(exist_ok=True)

    @property
    def store(self) -> Path:
        return self.root / ".snapplan"

    def settings(self, project: str = "ours", backend: str = "lab", *, read_only: bool = False) -> Settings:
        options = DirectoryOptions.model_validate(self.options)
        return Settings(backend, project, options, self.base, self.quiesce, read_only)

    def open(
        self, project: str = "ours", backend: str = "lab", *, read_only: bool = False, permit: Permit | None = None
    ) -> DirectoryDriver:
        settings = self.settings(project, backend, read_only=read_only)._replace(permit=permit)
        return DRIVER.open(settings)  # type: ignore[return-value]

    def write(self, **files: str) -> None:
        """Write files; ``__`` in a name stands for a slash: ``volumes__a__file="content"``."""
        for name, content in files.items():
            path = self.root / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def tree(self, below: Path | None = None) -> dict[str, str]:
        """Return the content of all files but those of a store of our own, by path."""
        top = below or self.root
        return {
            str(path.relative_to(top)): path.read_text()
            for path in sorted(top.rglob("*"))
            if path.is_file() and (below is not None or not path.is_relative_to(self.store))
        }

    def target(self, key: str) -> Target:
        return next(target for target in self.open().inventory().targets if target.id == key)

    def request(
        self,
        key: str,
        name: str = "one",
        *,
        quiesce: Quiesce = Quiesce.NEVER,
        project: str = "ours",
        run: str = "run-1",
    ) -> SnapshotRequest:
        mark = Mark(project, key, run, AT, AT + timedelta(days=1), key=name)
        return SnapshotRequest(self.target(key), name, mark, quiesce)

    def create(self, request: SnapshotRequest) -> Outcome:
        [outcome] = self.open(request.mark.project).create([request])
        return outcome

    def take(self, key: str, name: str = "one") -> Snapshot:
        outcome = self.create(self.request(key, name))
        assert outcome.error is None, outcome.error
        assert outcome.snapshot is not None
        return outcome.snapshot

    def change(self, snapshot: Snapshot, mark: Mark) -> Outcome:
        [outcome] = self.open().change([ChangeRequest(snapshot, mark)])
        return outcome

    def expire(self, snapshot: Snapshot) -> Outcome:
        [outcome] = self.open().expire([ExpireRequest(snapshot)])
        return outcome

    def snapshots(self) -> list[Snapshot]:
        return self.open().inventory().snapshots

    def folder_of(self, snapshot: Snapshot) -> Path:
        parts = (snapshot.scope, snapshot.target_name, snapshot.name)
        return self.store.joinpath("snapshots", *(part for part in parts if part))


def restoring(
    snapshot: Snapshot,
    key: str,
    mode: RestoreMode = RestoreMode.IN_PLACE,
    *,
    as_name: str = "",
    restore: str = "restore-1",
    content: str = "",
) -> RestoreRequest:
    """Return the request that restores ``key`` (``vm/web``, ``cloud``) out of ``snapshot``."""
    scope, _, name = key.partition("/")
    return RestoreRequest(restore, "run-1", "lab", Scope(scope), name, key, snapshot, mode, as_name, content)


class Dying:
    """A process that makes calls and dies at a point of them."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "points"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "snapplan.drivers.conformance.crash_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
        )

    def call(self, settings: Settings, verb: str, argument: object, **environment: str) -> int:
        """Return the exit code of a process of its own that makes this call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump(Job(DRIVER.open, settings, verb, argument, environment), self._process.stdin)
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def points(self, settings: Settings, verb: str, argument: object) -> list[str]:
        """Make the call to its end; return the points that it passed: ``NAME:1``, ``NAME:2`` ..."""
        self._log.write_text("")
        assert self.call(settings, verb, argument, **{crash.LOG_VARIABLE: str(self._log)}) == 0
        passed: Counter[str] = Counter()
        found = []
        for name in self._log.read_text().split():
            passed[name] += 1
            found.append(f"{name}:{passed[name]}")
        return found

    def die(self, settings: Settings, verb: str, argument: object, point: str) -> None:
        """Make the call, which dies at ``point``."""
        assert self.call(settings, verb, argument, **{crash.AT_VARIABLE: point}) == crash.EXIT_CODE

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


NOBODY = 65534


def as_nobody(folder: Path, action: Callable[[], object]) -> None:
    """Run ``action`` in a child that gives up root, in ``folder``, which becomes its own; fail when it raises."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    with warnings.catch_warnings():
        # Forking with threads is deprecated; the child execs nothing and holds no lock.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            # Relative paths need no permission on the folders above.
            os.chdir(folder)
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            action()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
