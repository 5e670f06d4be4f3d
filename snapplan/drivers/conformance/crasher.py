"""A process beside the tests in which a driver's calls are made, so that it may die on the way."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

from snapplan import crash
from snapplan.clock import NOW_VARIABLE
from snapplan.drivers.conformance.crash_child import Job
from snapplan.drivers.conformance.harness import PROJECT
from snapplan.drivers.conformance.lab import require
from snapplan.ids import format_instant

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.drivers.conformance.lab import Lab


class Crasher:
    """Makes calls in a process of their own, which may die on the way."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "points"
        self._errors = open(folder / "errors", "w+", encoding="utf-8")  # noqa: SIM115
        path = os.pathsep.join(each for each in sys.path if each)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "snapplan.drivers.conformance.crash_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": path},
        )

    def call(self, lab: Lab, verb: str, argument: object, **environment: str) -> int:
        """Return the exit code of a process that makes this call."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        settings = lab.harness.settings(project=PROJECT, read_only=False)
        environment[NOW_VARIABLE] = format_instant(lab.harness.now())
        pickle.dump(Job(lab.harness.driver.open, settings, verb, argument, environment), self._process.stdin)
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def points(self, lab: Lab, verb: str, argument: object) -> list[str]:
        """Make the call to its end; return the points that it passed, as ``NAME:1``, ``NAME:2`` ..."""
        self._log.write_text("")
        code = self.call(lab, verb, argument, **{crash.LOG_VARIABLE: str(self._log)})
        self._errors.seek(0)
        assert code == 0, f"{verb} failed without a crash: {self._errors.read()}"
        passed: Counter[str] = Counter()
        found = []
        for name in self._log.read_text().split():
            passed[name] += 1
            found.append(f"{name}:{passed[name]}")
        require(bool(found), f"the driver marks no points in {verb}")
        return found

    def die(self, lab: Lab, verb: str, argument: object, point: str) -> None:
        """Make the call, which dies at ``point``."""
        code = self.call(lab, verb, argument, **{crash.AT_VARIABLE: point})
        assert code == crash.EXIT_CODE, f"{point} was not reached, exit code {code}"

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._errors.close()
