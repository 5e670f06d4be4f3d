"""A big VergeOS system, in a simulator of its own process: what a plan costs there, and an apply that assigns a profile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import requests

from bench.row import Row
from bench.vergeos_system import NOW, POLICY, PROJECT, Size

HERE = Path(__file__).parent
SNAPPLAN = str(Path(sys.executable).with_name("snapplan"))
MORE = """
assignments:
  more:
    profile: silver
    schedule: platform
    targets: [{backend: dc1, scope: vm, names: ["web-0[0-4]*", web-0500]}]
"""
"""500 VMs more for the platform's profile."""
LIMITS = {"requests": 15, "seconds": 8.0, "megabytes": 400}


class Ran(NamedTuple):
    """One run of a command. ``seconds`` is its CPU, user and system; ``requests`` counts by method and table."""

    code: int
    seconds: float
    megabytes: float
    requests: dict[str, int]
    out: str
    err: str


class Served:
    """A simulator that runs, and a repository for it."""

    def __init__(self, endpoints: dict[str, str], root: Path) -> None:
        self._control = endpoints["control"]
        self.root = root
        (root / "policies").mkdir(parents=True)
        (root / "policies" / "all.yaml").write_text(POLICY)
        (root / "password").write_text("admin")
        (root / "snapplan.yaml").write_text(configuration(endpoints))

    def run(self, *words: str, now: str = f"{NOW:%Y-%m-%dT%H:%M:%SZ}") -> Ran:
        """Run the installed command and wait for it."""
        requests.delete(f"{self._control}/requests", timeout=30)
        environment = {**os.environ, "SNAPPLAN_NOW": now}
        with (self.root / "out").open("w+") as out, (self.root / "err").open("w+") as err:
            started = subprocess.Popen([SNAPPLAN, *words], cwd=self.root, env=environment, stdout=out, stderr=err)
            _, status, usage = os.wait4(started.pid, 0)
            started.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            text = out.read(), err.read()
        counts = requests.get(f"{self._control}/requests", timeout=30).json()["counts"]
        return Ran(started.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, counts, *text)

    def step(self, **time: int) -> None:
        """Let the system's clock run on."""
        requests.post(f"{self._control}/clock/step", json=time, timeout=60).raise_for_status()


def configuration(endpoints: dict[str, str]) -> str:
    backend = {
        "driver": "vergeos",
        "host": endpoints["host"],
        "username": "admin",
        "password": "${file:password}",
        "ca_file": endpoints["ca_file"],
    }
    whole = {"version": 1, "project": PROJECT, "backends": {"dc1": backend}, "catalog": "sqlite:///catalog.db"}
    return json.dumps(whole)


@contextmanager
def served(scratch: Path, size: Size) -> Iterator[Served]:
    """Start a simulator in a process of its own, and stop it at the end."""
    words = [sys.executable, "-m", "bench.vergeos_system", str(scratch / "simulator"), json.dumps(size._asdict())]
    with subprocess.Popen(words, cwd=HERE.parent, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Served(json.loads(process.stdout.readline()), scratch / "repository")
        finally:
            process.terminate()


def plan_rows(system: Served) -> list[Row]:
    """Plan with a lost catalog, plan again, and plan when all of snapplan's half is due and as much expires."""
    lost = system.run("plan")
    steady = system.run("plan")
    system.step(minutes=31)
    busy = system.run("plan", now="2026-11-22T13:01:00Z")
    return [
        *_rows("plan 2,000 VMs, 60,000 snapshots", steady),
        *_rows("the same, 1,150 due and 1,150 expired", busy),
        *_rows("the same, catalog lost", lost),
    ]


def _rows(what: str, ran: Ran) -> list[Row]:
    if ran.code not in (0, 3):
        raise RuntimeError(f"{what}: exit code {ran.code}\n{ran.out[-2000:]}\n{ran.err[-2000:]}")
    return [
        Row(f"VergeOS: {what}, CPU", ran.seconds, LIMITS["seconds"], "s"),
        Row(f"VergeOS: {what}, peak memory", ran.megabytes, LIMITS["megabytes"], "MB"),
        Row(f"VergeOS: {what}, requests", sum(ran.requests.values()), LIMITS["requests"], "n"),
    ]


def assign_rows(system: Served) -> list[Row]:
    """Assign a profile of the platform to 500 VMs."""
    (system.root / "policies" / "more.yaml").write_text(MORE)
    ran = system.run("apply", "--auto-approve", "--only", "assign")
    if ran.code:
        raise RuntimeError(f"assigning: exit code {ran.code}\n{ran.out[-2000:]}\n{ran.err[-2000:]}")
    writes = {name: count for name, count in ran.requests.items() if not name.startswith("GET ")}
    return [
        Row("VergeOS: assign to 500 VMs, writes beyond one each", abs(writes.pop("PUT vms", 0) - 500), 0, "n"),
        Row("VergeOS: the same, writes of anything else", sum(writes.values()), 0, "n"),
        Row("VergeOS: the same, steps without progress on stderr", max(0, 500 - ran.err.count("\n")), 0, "n"),
        Row("VergeOS: the same, CPU", ran.seconds, 15, "s"),
    ]


def rows(scratch: Path, size: Size | None = None) -> Sequence[Row]:
    """Return all figures."""
    with served(scratch, size or Size()) as system:
        return [*plan_rows(system), *assign_rows(system)]
