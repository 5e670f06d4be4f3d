"""An apply is ended at each of its crash points in turn; the next apply brings all to where it would have been."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from snapplan import clock, crash
from snapplan.applier.lease import held
from snapplan.applier.observer import SilentObserver
from snapplan.applier.recover import recover
from snapplan.applier.run import apply
from snapplan.catalog.base import Acceptance
from snapplan.catalog.open import open_catalog
from snapplan.catalog.owner import current_owner
from snapplan.drivers.base import Settings
from snapplan.drivers.memory import MemoryDriver, MemoryOptions
from snapplan.models.target import RestoreMode, Scope

from .lab import DAY, NOW, PROJECT, assign, change, expire, manual, plan, profile, restore, scheduled, triple

SNAPSHOT = {"target": "vm/a", "profile": "gold", "period": "daily", "retention": "2d"}
OPTIONS = {
    "state": "world.json",
    "targets": [{"scope": "vm", "name": name, "id": f"vm/{name}", "files": {"disk": name}} for name in "abc"],
    "snapshots": [SNAPSHOT | {"taken_at": "2026-11-20T02:00Z"}, SNAPSHOT | {"taken_at": "2026-11-21T02:00Z"}],
}


def opened(folder: Path):
    catalog = open_catalog(f"sqlite:///{folder}/catalog.db", project=PROJECT, base=folder)
    return catalog, MemoryDriver(Settings("lab", PROJECT, MemoryOptions.model_validate(OPTIONS), folder))


def actions(catalog, driver):
    """What a planner would plan: a restore that was begun is not begun again, what is gone does not expire."""
    there = {snapshot.name: snapshot for snapshot in driver.inventory().snapshots}
    old, source = there.get("gold.daily.20261120T0200Z"), there["gold.daily.20261121T0200Z"]
    yield profile(1, "gold", {"periods": {}})
    yield assign(2, triple("a"), triple("b"), after=[1])
    record = catalog.state().restores.get("CHG-1")
    if record is None or record.state == "refused":
        yield restore(3, source, mode=RestoreMode.CLONE)
    yield scheduled(4, "a", after=[2])
    yield scheduled(5, "b", set="s")
    yield scheduled(6, "c", set="s")
    yield manual(7, "b")
    yield change(8, source, NOW + 9 * DAY)
    if old is not None:
        yield expire(9, old, after=[4])


def run_all(folder: str, **variables: str) -> None:
    os.environ.update({clock.NOW_VARIABLE: "2026-11-22T02:00:00Z"} | variables)
    catalog, driver = opened(Path(folder))
    run = catalog.begin_run("apply", current_owner({}), clock.now(), None)
    with held(catalog, ["lab"], run, current_owner({}), now=clock.now, wait=pytest.fail) as leases:
        recover({"lab": driver}, catalog, {run.id}, leases=leases)
        report = apply(
            plan(*actions(catalog, driver)),
            catalog=catalog,
            drivers={"lab": driver},
            leases=leases,
            run=run,
            project=PROJECT,
            observer=SilentObserver(),
            now=clock.now,
        )
    assert not report.partial, report.failed
    catalog.end_run(run.number, report.state, clock.now(), confirm=Acceptance({}, frozenset({"lab"}), None))
    catalog.close()


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "snapplan.applier.run",
        "snapplan.applier.lease",
        "snapplan.applier.recover",
        "snapplan.catalog.open",
        "snapplan.drivers.memory",
    ]
)


def in_a_process(folder: Path, **variables: str) -> int | None:
    process = PROCESSES.Process(target=run_all, args=(str(folder),), kwargs=variables)
    process.start()
    process.join()
    return process.exitcode


def outcome(folder: Path):
    """All that counts in the end: backend and catalog, without ids of snapshots and runs."""
    catalog, driver = opened(folder)
    inventory, state = driver.inventory(), catalog.state()
    snapshots = sorted(
        (
            s.address,
            s.completed_at is not None,
            s.mark._replace(run=""),
            catalog.known("lab").get(s.native_id) is not None,
        )
        for s in inventory.snapshots
    )
    targets = sorted(target.name for target in inventory.targets if target.scope is Scope.VM)
    restores = {key: record.state for key, record in state.restores.items()}
    found = (snapshots, targets, state.tracked, state.manual, state.profiles, restores)
    catalog.close()
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The outcome of an apply that nothing ended early, and the points that it passed."""
    folder = tmp_path_factory.mktemp("whole")
    assert in_a_process(folder, **{crash.LOG_VARIABLE: str(folder / "points")}) == 0
    passed = (folder / "points").read_text().split()
    return outcome(folder), {point: passed.count(point) for point in passed}


POINTS = [
    "apply.lease.before",
    "apply.lease.after",
    "apply.intent.before",
    "apply.intent.after",
    "apply.call.before",
    "apply.call.after",
    "apply.result.before",
    "apply.result.after",
    "apply.release.before",
    "apply.release.after",
    "apply.restore.started",
    "apply.restore.done",
    "memory.create.begun",
    "memory.create.complete",
    "memory.change.done",
    "memory.expire.done",
    "memory.restore.done",
]


def test_every_step_has_its_point(whole):
    assert set(whole[1]) >= set(POINTS)


def ends_as_expected(folder: Path, at: str, expected) -> bool:
    assert in_a_process(folder, **{crash.AT_VARIABLE: at}) == crash.EXIT_CODE
    return in_a_process(folder) == 0 and outcome(folder) == expected


@pytest.mark.parametrize("point", POINTS)
def test_the_next_apply_ends_where_an_uninterrupted_one_would_have(tmp_path, whole, point):
    assert ends_as_expected(tmp_path, point, whole[0])


@pytest.mark.slow
def test_so_it_does_after_a_crash_at_any_later_pass_of_a_point(tmp_path, whole):
    expected, passes = whole
    later = [f"{point}:{turn}" for point in POINTS for turn in range(2, passes[point] + 1)]
    assert len(later) > 30
    assert [at for at in later if not ends_as_expected(folder(tmp_path, at), at, expected)] == []


def folder(parent: Path, name: str) -> Path:
    made = parent / name.replace(":", "-")
    made.mkdir()
    return made


def test_a_restore_that_was_only_begun_is_undone_and_not_begun_again(tmp_path, whole):
    assert in_a_process(tmp_path, **{crash.AT_VARIABLE: "memory.restore.started"}) == crash.EXIT_CODE
    assert in_a_process(tmp_path) == 0
    found, expected = outcome(tmp_path), whole[0]
    assert found[0] == expected[0]
    assert found[1] == ["a", "b", "c"]
    assert found[-1] == {"CHG-1": "undone"}
