"""The simulator, the command and what stands before the apply that is tried, again and again from the same state."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import warm
from vergeos_sim.conftest import NOON, Sim

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos import state
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage

from .scenario import BEFORE, CHANGED_CONTENT, CONFIG, HALF_MADE, NEW, NOW, OLD, SYSTEM

TOKEN = "simulated-key"


class Ran(NamedTuple):
    """What became of a command line."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


class Rig:
    """``sim`` is the system behind backend ``dc1`` of every repository."""

    def __init__(self, sim: Sim, folder: Path) -> None:
        self.sim, self.folder = sim, folder
        self._origin = folder / "origin"
        self._saved = ""

    def run(self, root: Path, *words: str, now: str = NOW, **environment: str) -> Ran:
        """Run one command line in ``root``."""
        env = {"SNAPPLAN_NOW": now, "SNAPPLAN_SECOND_CLOCK": now, "DC1_TOKEN": TOKEN, "NO_COLOR": "1", **environment}
        done = warm.run(root, *words, env={**os.environ, **env})
        return Ran(done.returncode, done.stdout, done.stderr)

    def prepare(self) -> None:
        """Come to the moment before the apply that has all verbs, and remember it."""
        self.sim.running.stage.begin_anew(seeds.parse(SYSTEM), NOON)
        (self._origin / "policies").mkdir(parents=True)
        shutil.copy(self.sim.ca_file, self._origin / "ca.pem")
        (self._origin / "snapplan.yaml").write_text(CONFIG.format(host=self.sim.host))
        policy = self._origin / "policies" / "policy.yaml"
        policy.write_text(OLD)
        for instant in BEFORE:
            self.sim.control("PUT", "clock", {"now": instant})
            ran = self.run(self._origin, "apply", "--auto-approve", now=instant)
            assert ran.code == 0, ran
        for path, content in CHANGED_CONTENT.items():
            self.sim.control("PUT", f"bytes/{path}", content.encode())
        self.sim.control("PUT", "clock", {"now": NOW})
        policy.write_text(NEW)
        self._saved = json.dumps(state.document(self.sim.system))

    def begin(self, name: str) -> Path:
        """Return a copy of the repository; the system is as it was when that was remembered."""
        stage = self.sim.running.stage
        stage.begin_anew(seeds.parse(SYSTEM), NOON)
        stage.system = state.system_of(json.loads(self._saved))
        stage.time.put(stage.system, stage.system.now)
        self.sim.control("POST", "rows/cloud_snapshots", HALF_MADE)
        stage.system.agenda = [event for event in stage.system.agenda if event.kind != "built"]
        root = self.folder / name
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self._origin, root)
        return root

    def wait_for_answers(self) -> None:
        """Wait until the system has dealt with every request, also with one whose client waits no more."""
        while any("status" not in each for each in self.sim.control("GET", "requests")["requests"]):
            pass  # asking takes its time

    def writes(self) -> list[dict[str, Any]]:
        """Return the requests that were to change something since the last call, in the order of their coming."""
        found = self.sim.control("GET", "requests")["requests"]
        self.sim.control("DELETE", "requests")
        return [each for each in found if each["method"] != "GET"]


@contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """Start a simulator of its own and prepare it."""
    server = folder / "sim"
    server.mkdir()
    with Simulator(Stage.of(seeds.parse(SYSTEM), NOON), server) as running:
        sim = Sim(running)
        made = Rig(sim, folder)
        try:
            made.prepare()
            yield made
        finally:
            sim.http.close()
