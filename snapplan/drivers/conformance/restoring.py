"""Restores, proved by bytes: old content where it belongs, everything else as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.conformance.harness import PROJECT
from snapplan.drivers.conformance.lab import refused, require
from snapplan.errors import BackendError, NameTakenError, NotFoundError
from snapplan.models.snapshot import Condition
from snapplan.models.target import RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.drivers.conformance.lab import Lab

_ALL = [
    RestorePath(source, target, mode)
    for source in Scope
    for target in Scope
    for mode in RestoreMode
    if (source is target or source is Scope.CLOUD) and (target is not Scope.CLOUD or mode is RestoreMode.IN_PLACE)
]
PATHS = pytest.mark.parametrize("path", _ALL, ids=lambda path: f"{path.target}-{path.mode}-from-{path.source}")
PARTS = pytest.mark.parametrize(
    "path",
    [each for each in _ALL if each.target is not Scope.CLOUD],
    ids=lambda path: f"{path.target}-{path.mode}-from-{path.source}",
)
CLONES = pytest.mark.parametrize(
    "path",
    [each for each in _ALL if each.mode is RestoreMode.CLONE],
    ids=lambda path: f"{path.target}-from-{path.source}",
)


def subject(lab: Lab, path: RestorePath) -> str:
    """Return the target to restore; skip what the driver does not do."""
    require(path in lab.capabilities.restores, f"no {path.target} {path.mode} out of a {path.source} snapshot")
    return lab.path(path.target)


def restored(lab: Lab, path: RestorePath, target: str) -> str:
    """Return where the restored content stands."""
    return f"{path.target}/copy" if path.mode is RestoreMode.CLONE else target


def check_replaced(lab: Lab, target: str, content: Mapping[str, bytes], what: str = "") -> None:
    """What a restore in place replaced can be restored in its turn, to the last byte."""
    (kept,) = lab.set_aside()
    assert kept.completed_at is not None, what
    now = lab.harness.read(target)
    for number, wanted in enumerate((content, now)):
        request = lab.restoring(kept, target, RestoreMode.IN_PLACE, key=f"back{number}-{what}")
        assert lab.restore(request).error is None, what
        assert lab.harness.read(target) == dict(wanted), what
        (newest,) = [each for each in lab.set_aside() if each.native_id != kept.native_id]
        if number:
            assert [each.error for each in lab.expire(newest)] == [None], what
        else:
            kept, old = newest, kept
            assert [each.error for each in lab.expire(old)] == [None], what


class RestoreTests:
    """``restore``."""

    def test_the_declared_restores_are_of_scopes_that_the_driver_has(self, lab: Lab) -> None:
        for path in lab.capabilities.restores:
            assert {path.source, path.target} <= lab.capabilities.scopes
            assert path in _ALL, "objects inside a tenant are not targets"

    @PATHS
    def test_the_old_bytes_come_back(self, lab: Lab, path: RestorePath) -> None:
        target = subject(lab, path)
        source = lab.take(lab.path(path.source))
        spoiled = lab.spoil(target)
        before = lab.inventory()
        outcome = lab.restore(lab.restoring(source, target, path.mode))
        assert outcome.error is None
        assert not outcome.existed
        assert lab.harness.read(restored(lab, path, target)) == lab.old(target)
        after = lab.inventory()
        assert [each for each in after.snapshots if not each.set_aside] == before.snapshots, "no snapshot is touched"
        if path.mode is RestoreMode.CLONE:
            assert lab.harness.read(target) == spoiled
            made = lab.target(f"{path.target}/copy")
            assert made.id not in {each.id for each in before.targets}
            assert set(after.targets) == {*before.targets, made}
        else:
            assert [(each.address, each.id) for each in sorted(after.targets)] == [
                (each.address, each.id) for each in sorted(before.targets)
            ]

    @PATHS
    def test_what_a_restore_in_place_replaces_is_kept(self, lab: Lab, path: RestorePath) -> None:
        require(lab.capabilities.keeps_replaced, "a safety snapshot is taken before a restore in place")
        target = subject(lab, path)
        source = lab.take(lab.path(path.source))
        spoiled = lab.spoil(target)
        assert lab.restore(lab.restoring(source, target, path.mode)).error is None
        if path.mode is RestoreMode.CLONE:
            assert lab.set_aside() == [], "a clone replaces nothing"
            return
        check_replaced(lab, target, spoiled)
        (kept,) = lab.set_aside()
        assert kept.mark is not None
        assert (kept.mark.project, kept.mark.target_id) == (PROJECT, lab.target(target).id)
        assert kept.condition is Condition.SET_ASIDE
        assert not kept.in_use
        assert [each.error for each in lab.expire(kept)] == [None]
        assert lab.set_aside() == []

    @PARTS
    def test_nothing_else_changes(self, lab: Lab, path: RestorePath) -> None:
        target = subject(lab, path)
        source = lab.take(lab.path(path.source))
        others = [each.path for each in lab.targets if each.path != target]
        for other in others:
            lab.spoil(other) if other in {"vm/web", "volume/a", "tenant/acme"} else lab.harness.write(
                other, "f", b"new"
            )
        before = {other: lab.harness.read(other) for other in others}
        assert lab.restore(lab.restoring(source, target, path.mode)).error is None
        assert {other: lab.harness.read(other) for other in others} == before

    @PATHS
    def test_the_same_snapshot_can_be_restored_again(self, lab: Lab, path: RestorePath) -> None:
        target = subject(lab, path)
        source = lab.take(lab.path(path.source))
        for number in (1, 2):
            lab.spoil(target)
            name = f"copy{number}" if path.mode is RestoreMode.CLONE else ""
            request = lab.restoring(source, target, path.mode, key=f"k{number}", as_name=lab.harness.name(name))
            request = request if name else request._replace(as_name="")
            assert lab.restore(request).error is None
            where = f"{path.target}/{name}" if name else target
            assert lab.harness.read(where) == lab.old(target)

    @PATHS
    def test_a_key_is_done_once(self, lab: Lab, path: RestorePath) -> None:
        target = subject(lab, path)
        request = lab.restoring(lab.take(lab.path(path.source)), target, path.mode)
        assert lab.restore(request).error is None
        (known,) = lab.inventory().restores
        assert (known.key, known.run, known.target_id, known.done) == (request.key, "run-1", request.target_id, True)
        spoiled = lab.spoil(target)
        before = lab.inventory()
        again = lab.restore(request._replace(run="run-2"))
        assert again.error is None
        assert again.existed
        assert lab.harness.read(target) == spoiled
        assert lab.inventory() == before

    @PARTS
    def test_a_target_that_is_gone_comes_back(self, lab: Lab, path: RestorePath) -> None:
        target = subject(lab, path)
        id_ = lab.target(target).id
        source = lab.take(lab.path(path.source))
        lab.harness.delete_target(target)
        source_now = lab.named(lab.path(path.source))
        require(source_now is not None, "the backend keeps no snapshot of a target that is gone")
        request = lab.restoring(source, target, path.mode, target_id=id_)
        assert lab.restore(request).error is None
        where = restored(lab, path, target)
        assert lab.harness.read(where) == lab.old(target)
        assert (lab.target(where).id == id_) is (path.mode is RestoreMode.IN_PLACE)

    def test_all_targets_of_the_system_come_back(self, lab: Lab) -> None:
        path = RestorePath(Scope.CLOUD, Scope.CLOUD, RestoreMode.IN_PLACE)
        subject(lab, path)
        ids = {each.address: each.id for each in lab.inventory().targets}
        source = lab.take("cloud")
        lab.spoil(lab.targets[0].path)
        lab.harness.delete_target(lab.targets[1].path)
        assert lab.restore(lab.restoring(source, "cloud", RestoreMode.IN_PLACE)).error is None
        assert lab.harness.read("cloud") == lab.old("cloud")
        assert {each.address: each.id for each in lab.inventory().targets} == ids

    @CLONES
    def test_a_clone_overwrites_nothing(self, lab: Lab, path: RestorePath) -> None:
        target = subject(lab, path)
        source = lab.take(lab.path(path.source))
        spoiled = lab.spoil(target)
        before = lab.inventory()
        taken = lab.target(target).name
        refused(lab.restore(lab.restoring(source, target, path.mode, as_name=taken)), NameTakenError)
        assert lab.harness.read(target) == spoiled
        assert lab.inventory().targets == before.targets
        assert not any(each.done for each in lab.inventory().restores)

    @CLONES
    def test_a_clone_lives_on_its_own(self, lab: Lab, path: RestorePath) -> None:
        target = subject(lab, path)
        source = lab.take(lab.path(path.source))
        assert lab.restore(lab.restoring(source, target, path.mode)).error is None
        lab.spoil(target)
        assert lab.harness.read(f"{path.target}/copy") == lab.old(target)
        if not lab.listed(lab.path(path.source)).in_use:
            assert [each.error for each in lab.expire(source)] == [None]
            assert lab.harness.read(f"{path.target}/copy") == lab.old(target)

    @PATHS
    def test_a_snapshot_that_is_gone_restores_nothing(self, lab: Lab, path: RestorePath) -> None:
        target = subject(lab, path)
        source = lab.take(lab.path(path.source))
        request = lab.restoring(source, target, path.mode)
        lab.expire(source)
        spoiled = lab.spoil(target)
        before = lab.inventory().targets
        refused(lab.restore(request), NotFoundError)
        assert lab.harness.read(target) == spoiled
        assert lab.inventory().targets == before
        assert all(each.done for each in lab.inventory().restores), "a restore that was refused is not open"

    def test_what_is_not_declared_is_refused(self, lab: Lab) -> None:
        own = sorted(each for each in lab.capabilities.restores if each.source is each.target)
        require(bool(own), "the driver restores nothing out of its own snapshots")
        path = lab.path(own[-1].target)
        scope, name = lab.split(path)
        source = lab.take(path)
        target = next((each for each in Scope if RestorePath(scope, each, RestoreMode.CLONE) not in _ALL), None)
        require(target is not None, "everything can be restored from this scope")
        assert target is not None
        content = lab.harness.read(path)
        request = lab.restoring(source, path, own[-1].mode)._replace(scope=target, name=name)
        refused(lab.restore(request), BackendError)
        assert lab.harness.read(path) == content

    @PATHS
    def test_a_foreign_snapshot_is_left_alone(self, lab: Lab, path: RestorePath) -> None:
        target = subject(lab, path)
        lab.harness.add_foreign_snapshot(target, "theirs")
        theirs = lab.listed(target, "theirs")
        source = lab.take(lab.path(path.source))
        assert lab.restore(lab.restoring(source, target, path.mode)).error is None
        lab.driver.recover(frozenset())
        lab.expire(source)
        assert lab.captured() == [theirs]
