"""The process stops dead at every step of an apply that has all verbs; the next one ends where an undisturbed one does.

All of them take place in one folder, as the catalog remembers where each target lies.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import warm

from snapplan.config.load import load_repository
from snapplan.crash import AT_VARIABLE, EXIT_CODE, LOG_VARIABLE
from snapplan.workspace import Workspace

from .repository import Repository

BEFORE = ["2026-11-22T10:05:00Z", "2026-11-22T11:05:00Z"]
NOW = "2026-11-22T12:05:00Z"
OLD = """\
profiles:
  gold: {periods: {hourly: {frequency: hourly, retention: 90m}}}
  long: {periods: {hourly: {frequency: hourly, retention: 90m}}}
  gone: {periods: {hourly: {frequency: hourly, retention: 10h}}}
assignments:
  volumes: {profile: gold, targets: [{backend: lab, scope: volume}]}
  tenants: {profile: long, targets: [{backend: lab, scope: tenant}]}
  vms: {profile: gone, targets: [{backend: lab, scope: vm}]}
"""
NEW = """\
profiles:
  gold: {periods: {hourly: {frequency: hourly, retention: 90m}}}
  long: {periods: {hourly: {frequency: hourly, retention: 9h}}}
  whole: {periods: {daily: {frequency: daily, hour: 12, retention: 2d}}}
assignments:
  volumes: {profile: gold, targets: [{backend: lab, scope: volume}]}
  tenants: {profile: long, targets: [{backend: lab, scope: tenant}]}
  whole: {profile: whole, targets: [{backend: lab, scope: cloud}]}
snapshots:
  before-26.2: {targets: [{backend: lab, scope: vm, names: [web]}, {backend: lab, scope: volume, names: [a]}], expires: 7d}
restores:
  back:
    target: lab/volume/b
    from: {snapshot: latest, before: 2026-11-22T11:30Z}
    mode: in_place
    not_after: 2026-11-23T00:00Z
  copy:
    target: lab/vm/web
    from: {snapshot: latest, before: 2026-11-22T11:30Z}
    mode: clone
    as: web-old
    not_after: 2026-11-23T00:00Z
"""
APPLY = ["apply", "--auto-approve", "--confirm", "lab/volume/b"]
ALLOWED = ["--allow", "SP304", "--reason", "the vms are given up"]
SAFETY = "pre-restore.back"
"""A restore that is begun anew takes a safety snapshot of its own, under another key: what it replaces may have changed."""
BEFORE_APPROVAL = ("apply.lease", "apply.approve.before")
NOTHING_APPROVED = 5
"""There is nothing to resume of a run that stopped before its plan was recorded."""
EACH_POINT_AT_MOST = 4
PARTS = 6
"""So many tests share the points, so that no one of them takes long."""
FEWEST_POINTS = 100


def run(root: Path, *words: str, now: str = NOW, **environment: str) -> int:
    """Run one command line; return its exit code. What it printed is added to the file ``output``."""
    clocks = {"SNAPPLAN_NOW": now, "SNAPPLAN_SECOND_CLOCK": now}
    done = warm.run(root, *words, env={**os.environ, **clocks, **environment})
    with open(root / "output", "a") as output:
        output.write(done.stdout + done.stderr)
    return done.returncode


def prepared(root: Path) -> Repository:
    """Return a repository at the moment before an apply that has all verbs."""
    repository = Repository(root, OLD)
    for now in BEFORE:
        assert run(root, "apply", "--auto-approve", now=now) == 0, (root / "output").read_text()
    repository.write("volumes/b/deep/file", "changed since")
    repository.write_policy(NEW)
    return repository


def tree(folder: Path) -> dict[str, str]:
    """Return the content of all files of the data, without the store."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".snapplan" not in path.parts)
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def outcome(root: Path) -> dict[str, Any]:
    """Return everything that must be equal afterwards: data, snapshots on the backend, decisions in the catalog."""
    loaded = load_repository(root).policy
    assert loaded is not None
    os.environ["SNAPPLAN_NOW"] = NOW
    with Workspace.open(root, writable=False) as workspace:
        snapshots = workspace.driver("lab").inventory().snapshots
        state = workspace.catalog.state()
        known = {record.snapshot.address for record in workspace.catalog.known("lab").values()}
        plan = workspace.plan(workspace_now())
        damaged = [text for s in snapshots if s.completed_at for text in workspace.driver("lab").verify(s).differences]  # type: ignore[attr-defined]
    safety = [s for s in snapshots if s.mark and (s.mark.key or "").startswith(SAFETY)]
    snapshots = [s for s in snapshots if s not in safety]
    return {
        "data": tree(root / "data"),
        "snapshots": sorted(
            (s.address, s.completed_at is not None, s.mark and s.mark._replace(run="", set=None)) for s in snapshots
        ),
        "safety copies": {s.target_name for s in safety if s.completed_at is not None},
        "damaged": damaged,
        "known": {address for address in known if SAFETY not in address},
        "profiles": state.profiles,
        "tracked": state.tracked,
        "orphaned": sorted(state.orphaned),
        "assigned": state.assigned,
        "manual": {key: record for key, record in state.manual.items() if not key.key.startswith(SAFETY)},
        "restores": {key: (record.content, record.state) for key, record in state.restores.items()},
        "left to do": [(action.verb, action.target) for action in plan.actions],
        "leftovers": [p.name for f in ("incoming", "trash") for p in (root / "data/.snapplan" / f).glob("*")],
    }


def differing(found: Any, expected: Any) -> str:
    """Say what is there and should not be, and the other way round."""
    there, wanted = list(entries(found)), list(entries(expected))
    return f"also {[e for e in there if e not in wanted]}, not {[e for e in wanted if e not in there]}"


def entries(part: Any) -> Any:
    return part.items() if isinstance(part, dict) else part


def workspace_now() -> Any:
    from snapplan import clock

    return clock.now()


def tries(log: Path) -> list[tuple[str, str]]:
    """Return every moment to stop at, as ``name:occurrence``, and which command comes after: of each point the first few
    and the last. After the first both come, after the others in turn.
    """
    counted: Counter[str] = Counter(log.read_text().split())
    chosen: list[tuple[str, str]] = []
    for name, times in sorted(counted.items()):
        occurrences = {*range(1, min(times, EACH_POINT_AT_MOST) + 1), times}
        for number in sorted(occurrences):
            afterwards = ["plain", "resume"] if number == 1 else [["plain", "resume"][len(chosen) % 2]]
            chosen += [(f"{name}:{number}", after) for after in afterwards]
    return chosen


class Calm(NamedTuple):
    """``origin`` is the repository before the apply, ``root`` where it has to be put, ``expected`` what comes of it."""

    origin: Path
    root: Path
    tries: list[tuple[str, str]]
    expected: dict[str, Any]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """The same apply when nothing stops it."""
    folder = tmp_path_factory.mktemp("steps")
    origin, root, log = folder / "origin", folder / "repository", folder / "points"
    prepared(root)
    shutil.copytree(root, origin, symlinks=True)
    assert run(root, *APPLY, *ALLOWED, **{LOG_VARIABLE: str(log)}) == 0, (root / "output").read_text()
    expected = outcome(root)
    shutil.rmtree(root)
    return Calm(origin, root, tries(log), expected)


def test_the_apply_has_enough_steps(calm: Calm) -> None:
    assert len({point for point, _ in calm.tries}) >= FEWEST_POINTS


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_stopped_at_any_step_the_next_apply_ends_as_an_undisturbed_one(calm: Calm, part: int) -> None:
    root, expected = calm.root, calm.expected
    assert expected["left to do"] == []
    assert expected["leftovers"] == []
    assert expected["data"]["vms/web-old/disk.img"] == "disk"
    assert expected["data"]["volumes/b/deep/file"] == "two"
    wrong = []
    for point, after in calm.tries[part::PARTS]:
        shutil.copytree(calm.origin, root, symlinks=True)
        code = run(root, *APPLY, *ALLOWED, **{AT_VARIABLE: point})
        if code != EXIT_CODE:
            wrong.append(f"{point}: was not reached (exit {code})")
            shutil.rmtree(root)
            continue
        again = ["--resume", "3"] if after == "resume" else []
        code = run(root, *APPLY, *ALLOWED, *again)
        if code == NOTHING_APPROVED and point.startswith(BEFORE_APPROVAL):
            code = run(root, *APPLY, *ALLOWED)
        found = outcome(root)
        wrong += [f"{point}, {after}: exit {code}"] if code != 0 else []
        wrong += [
            f"{point}: {part}: {differing(found[part], expected[part])}"
            for part in expected
            if found[part] != expected[part]
        ]
        shutil.rmtree(root)
    assert not wrong, "\n".join(wrong)
