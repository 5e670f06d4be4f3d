"""The process stops dead at every step of an apply that has all verbs; the next one ends where an undisturbed one does.

Each apply is a fork of the test process, so that nothing is imported again: hundreds of them take a minute or two.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from snapplan.cli.main import invoke
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
FEWEST_POINTS = 100


def forked(root: Path, *words: str, now: str = NOW, **environment: str) -> int:
    """Run one command line in a fork of this process; return its exit code."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(root)
            os.environ.update(environment, SNAPPLAN_NOW=now, SNAPPLAN_SECOND_CLOCK=now)
            with open(root / "output", "a") as output:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                sys.stdout = sys.stderr = output
                os._exit(invoke(list(words)))
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def prepared(root: Path) -> Repository:
    """Return a repository at the moment before an apply that has all verbs."""
    repository = Repository(root, OLD)
    for now in BEFORE:
        assert forked(root, "apply", "--auto-approve", now=now) == 0, (root / "output").read_text()
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


def points(log: Path) -> list[str]:
    """Return every moment to stop at, as ``name:occurrence``: of each point the first few and the last."""
    counted: Counter[str] = Counter(log.read_text().split())
    chosen = []
    for name, times in sorted(counted.items()):
        occurrences = {*range(1, min(times, EACH_POINT_AT_MOST) + 1), times}
        chosen += [f"{name}:{number}" for number in sorted(occurrences)]
    return chosen


@pytest.mark.slow
@pytest.mark.parametrize("after", ["resume", "plain"])
def test_stopped_at_any_step_the_next_apply_ends_as_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str, record_property: Any
) -> None:
    monkeypatch.setenv("SNAPPLAN_NOW", NOW)
    origin, calm = tmp_path / "origin", tmp_path / "calm"
    prepared(origin)
    shutil.copytree(origin, calm, symlinks=True)
    log = tmp_path / "points"
    assert forked(calm, *APPLY, *ALLOWED, **{LOG_VARIABLE: str(log)}) == 0, (calm / "output").read_text()
    expected = outcome(calm)
    assert expected["left to do"] == []
    assert expected["leftovers"] == []
    assert expected["data"]["vms/web-old/disk.img"] == "disk"
    assert expected["data"]["volumes/b/deep/file"] == "two"
    chosen = points(log)
    wrong = []
    for number, point in enumerate(chosen):
        root = tmp_path / f"stopped-{number}"
        shutil.copytree(origin, root, symlinks=True)
        code = forked(root, *APPLY, *ALLOWED, **{AT_VARIABLE: point})
        if code != EXIT_CODE:
            wrong.append(f"{point}: was not reached (exit {code})")
            continue
        again = ["--resume", "3"] if after == "resume" else []
        code = forked(root, *APPLY, *ALLOWED, *again)
        if code == NOTHING_APPROVED and point.startswith(BEFORE_APPROVAL):
            code = forked(root, *APPLY, *ALLOWED)
        found = outcome(root)
        wrong += [f"{point}: exit {code}"] if code != 0 else []
        wrong += [
            f"{point}: {part}: {differing(found[part], expected[part])}"
            for part in expected
            if found[part] != expected[part]
        ]
        shutil.rmtree(root)
    record_property("points", len(chosen))
    print(f"{after}: the process was stopped at {len(chosen)} points")
    assert not wrong, "\n".join(wrong)
    assert len(chosen) >= FEWEST_POINTS
