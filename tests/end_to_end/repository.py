"""A policy repository on disk and the installed command, as a person has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import warm

from snapplan.config.load import load_repository
from snapplan.drivers.directory.driver import DirectoryDriver
from snapplan.drivers.registry import open_backend

COMMAND = Path(sys.executable).with_name("snapplan")
NOW = "2026-11-22T12:00:00Z"
CONFIG = """\
version: 1
project: e2e
backends:
  lab: {driver: directory, root: data}
catalog: sqlite:///catalog.db
"""
HOURLY = """\
profiles:
  gold:
    timezone: Europe/Berlin
    periods:
      hourly: {frequency: hourly, retention: 3h}
assignments:
  all:
    profile: gold
    targets:
      - {backend: lab, scope: volume}
      - {backend: lab, scope: vm}
      - {backend: lab, scope: tenant}
      - {backend: lab, scope: cloud}
"""


class Repository:
    """``policy`` is the text of its one policy file; data of all four scopes lies in ``data``."""

    def __init__(self, root: Path, policy: str = HOURLY, config: str = CONFIG) -> None:
        self.root = root
        self.data = root / "data"
        (root / "policies").mkdir(parents=True)
        (root / "snapplan.yaml").write_text(config)
        self.write_policy(policy)
        self.write("volumes/a/file", "one")
        self.write("volumes/b/deep/file", "two")
        self.write("vms/web/disk.img", "disk")
        self.write("vms/web/web.xml", "<domain/>")
        self.write("tenants/acme/volumes/x/file", "three")
        self.write("tenants/acme/vms/db/disk.img", "four")

    def write_policy(self, text: str) -> None:
        (self.root / "policies" / "policy.yaml").write_text(text)

    def write(self, path: str, text: str) -> None:
        file = self.data / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def read(self, path: str) -> str:
        return (self.data / path).read_text()

    def start(self, *words: str, now: str = NOW, **settings: Any) -> subprocess.Popen[str]:
        """Start the installed command in a process of its own."""
        environment = self._environment(now, settings.pop("env", {}))
        return subprocess.Popen(
            [COMMAND, *words],
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **settings,
        )

    def run(
        self, *words: str, now: str = NOW, expect: int | None = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command, without its start; see ``warm``."""
        done = warm.run(self.root, *words, env=self._environment(now, env or {}))
        if expect is not None:
            assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def begin(self, *words: str, now: str = NOW) -> int:
        """Begin to run the command, without its start; return its process id, for ``warm.WARM.wait``."""
        return warm.WARM.start(self.root, words, self._environment(now, {}))

    @staticmethod
    def _environment(now: str, more: dict[str, str]) -> dict[str, str]:
        return {**os.environ, "SNAPPLAN_NOW": now, "SNAPPLAN_SECOND_CLOCK": now, "NO_COLOR": "1", **more}

    def apply(self, now: str = NOW, expect: int | None = 0, *more: str) -> subprocess.CompletedProcess[str]:
        return self.run("apply", "--auto-approve", *more, now=now, expect=expect)

    def json(self, *words: str, now: str = NOW, expect: int | None = 0) -> Any:
        return json.loads(self.run(*words, "--format", "json", now=now, expect=expect).stdout)

    def snapshots(self, now: str = NOW) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.json("list", "snapshots", now=now)
        return rows

    def names(self, target: str, now: str = NOW) -> list[str]:
        return [row["name"] for row in self.snapshots(now) if row["target"] == target]

    def driver(self) -> DirectoryDriver:
        policy = load_repository(self.root).policy
        assert policy is not None
        config = policy.config
        driver = open_backend("lab", config.backends["lab"], project=config.project, base=self.root, read_only=True)
        assert isinstance(driver, DirectoryDriver)
        return driver

    def damaged(self) -> list[str]:
        """Return what differs between complete snapshots and their manifests."""
        driver = self.driver()
        complete = [s for s in driver.inventory().snapshots if s.completed_at is not None]
        return [f"{s.address}: {text}" for s in complete for text in driver.verify(s).differences]

    def leftovers(self) -> list[str]:
        store = self.data / ".snapplan"
        return [str(path) for folder in ("incoming", "trash") for path in (store / folder).glob("*")]
