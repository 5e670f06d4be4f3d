"""A policy repository for a simulated VergeOS system, and the installed command in the system's time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import warm
from vergeos_sim.conftest import Sim

from .repository import COMMAND

TOKEN = "simulated-key"
CONFIG = """\
version: 1
project: e2e
backends:
  dc1: {{driver: vergeos, host: "{host}", token: "${{env:DC1_TOKEN}}", ca_file: ca.pem{more}}}
catalog: sqlite:///catalog.db
"""


class SimulatedRepository:
    """``sim`` is the system behind its backend ``dc1``."""

    def __init__(self, root: Path, sim: Sim, more: str = "") -> None:
        self.root, self.sim = root, sim
        (root / "policies").mkdir(parents=True)
        shutil.copy(sim.ca_file, root / "ca.pem")
        self.configure(more)

    def configure(self, more: str = "") -> None:
        """Write ``snapplan.yaml``; ``more`` are further keys of the backend, as ``, timezone: UTC``."""
        (self.root / "snapplan.yaml").write_text(CONFIG.format(host=self.sim.host, more=more))

    def environment(self) -> dict[str, str]:
        now = self.sim.control("GET", "clock")["instant"]
        return {
            **os.environ,
            "SNAPPLAN_NOW": now,
            "SNAPPLAN_SECOND_CLOCK": now,
            "NO_COLOR": "1",
            "DC1_TOKEN": TOKEN,
            "XDG_STATE_HOME": str(self.root / "state"),
            "PATH": f"{COMMAND.parent}:{os.environ['PATH']}",
        }

    def run(self, *words: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = warm.run(self.root, *words, env=self.environment())
        if expect is not None:
            assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str, expect: int | None = 0) -> Any:
        return json.loads(self.run(*words, "--format", "json", expect=expect).stdout)

    def policy(self, text: str, name: str = "policy") -> None:
        (self.root / "policies" / f"{name}.yaml").write_text(text)
