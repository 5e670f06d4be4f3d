"""A driver that dies between any two of its steps, and what the next run finds and puts right.

The points are those that the driver marks with ``snapplan.crash.point``. A first run without a crash writes them down;
then each is tried on a new world. A driver without points is not tested here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest

from snapplan.drivers.conformance.crasher import Crasher
from snapplan.drivers.conformance.lab import make_lab, require
from snapplan.drivers.conformance.listing import SCOPES
from snapplan.drivers.conformance.restoring import PATHS, check_replaced, restored, subject
from snapplan.drivers.conformance.scheduling import CHANGES, GOLD, changed, listed, make, schedule
from snapplan.errors import RefusedError
from snapplan.models.request import ChangeRequest, ExpireRequest, Mandate, PlatformProfileRequest, Progress
from snapplan.models.snapshot import Pin
from snapplan.models.target import RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from snapplan.drivers.base import ScheduleDriver
    from snapplan.drivers.conformance.lab import Lab
    from snapplan.models.request import Recovered, RestoreRequest, SnapshotRequest
    from snapplan.models.snapshot import Snapshot


_CRASHER = pytest.StashKey[Crasher]()


class Scene(NamedTuple):
    """A world made ready for the call that is to crash: the call, and what to know afterwards."""

    lab: Lab
    verb: str
    argument: Any
    content: Mapping[str, bytes] = MappingProxyType({})


def scenes(lab: Lab, crasher: Crasher, prepare: Callable[[Lab], Scene]) -> Iterator[tuple[str, Scene]]:
    """Yield for each point of the call a world in which it died there, connected anew."""
    first = prepare(lab)
    for point in crasher.points(lab, first.verb, first.argument):
        lab.driver.close()
        fresh = make_lab(lab.harness)
        scene = prepare(fresh)
        crasher.die(fresh, scene.verb, scene.argument, point)
        fresh.driver.close()
        fresh.driver = lab.driver = lab.harness.open()
        yield point, scene


class CrashTests:
    """Every crash point of every verb."""

    @pytest.fixture
    def crasher(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Crasher:
        """Return the process to crash in: one for all tests, as its start takes longer than the tests."""
        stash = request.config.stash
        if _CRASHER not in stash:
            stash[_CRASHER] = Crasher(tmp_path_factory.mktemp("crash"))
            request.config.add_cleanup(stash[_CRASHER].close)
        return stash[_CRASHER]

    @SCOPES
    def test_create_leaves_a_whole_snapshot_or_an_incomplete_one(
        self, lab: Lab, crasher: Crasher, scope: Scope
    ) -> None:
        path = lab.path(scope)

        def prepare(lab: Lab) -> Scene:
            return Scene(lab, "create", [lab.request(path)])

        for point, scene in scenes(lab, crasher, prepare):
            _check_made(scene.lab, path, point)
            scene.lab.driver.recover(frozenset())
            _check_made(scene.lab, path, point)
            left = [each for each in scene.lab.snapshots() if each.completed_at is None]
            assert [each.error for each in scene.lab.expire(*left)] == [None] * len(left), point
            _check_retaken(scene.lab, path, scene.argument[0], point)

    def test_create_can_be_called_again_without_any_clearing(self, lab: Lab, crasher: Crasher) -> None:
        path = lab.path()

        def prepare(lab: Lab) -> Scene:
            return Scene(lab, "create", [lab.request(path)])

        for point, scene in scenes(lab, crasher, prepare):
            request = scene.argument[0]
            _check_retaken(scene.lab, path, request._replace(mark=request.mark._replace(run="run-2")), point)

    def test_expire_leaves_a_whole_snapshot_or_none(self, lab: Lab, crasher: Crasher) -> None:
        path = lab.path()

        def prepare(lab: Lab) -> Scene:
            lab.take(path, "other")
            return Scene(lab, "expire", [ExpireRequest(lab.take(path))])

        for point, scene in scenes(lab, crasher, prepare):
            _check_made(scene.lab, path, point)
            scene.lab.driver.recover(frozenset())
            _check_made(scene.lab, path, point)
            again = scene.lab.named(path) or scene.argument[0].snapshot
            assert [each.error for each in scene.lab.expire(again)] == [None], point
            assert [each.name for each in scene.lab.snapshots()] == ["other"], point
            _check_bytes(scene.lab, scene.lab.listed(path, "other"), point)

    def test_change_leaves_the_old_mark_or_the_new(self, lab: Lab, crasher: Crasher) -> None:
        require(lab.capabilities.change, "the driver does not change marks")
        path = lab.path()

        def prepare(lab: Lab) -> Scene:
            snapshot = lab.take(path)
            assert snapshot.mark is not None
            mark = snapshot.mark._replace(expires_at=None, pin=Pin("anna", "audit"))
            return Scene(lab, "change", [ChangeRequest(snapshot, mark)])

        for point, scene in scenes(lab, crasher, prepare):
            old, new = scene.argument[0].snapshot, scene.argument[0].mark
            assert scene.lab.listed(path) in (old, old._replace(mark=new)), point
            scene.lab.driver.recover(frozenset())
            (outcome,) = scene.lab.driver.change(scene.argument)
            assert outcome.error is None, point
            assert scene.lab.snapshots() == [old._replace(mark=new)], point

    @PATHS
    def test_restore_leaves_the_old_content_or_the_new(self, lab: Lab, crasher: Crasher, path: RestorePath) -> None:
        target = subject(lab, path)

        def prepare(lab: Lab) -> Scene:
            source = lab.take(lab.path(path.source))
            content = lab.spoil(target)
            return Scene(lab, "restore", lab.restoring(source, target, path.mode), content)

        for point, scene in scenes(lab, crasher, prepare):
            before = _Content(scene, path, target)
            before.check(point, recovered=path.target is not Scope.CLOUD)
            assert [each._replace(in_use="") for each in scene.lab.captured()] == [scene.argument.source], point
            assert all(each.in_use for each in scene.lab.set_aside()) or before.done, point
            done = _recovered(scene, before, point)
            before.check(point, recovered=True)
            if before.done and lab.capabilities.keeps_replaced and path.mode is RestoreMode.IN_PLACE:
                check_replaced(scene.lab, target, scene.content, point)
            _check_recovered(scene, before, done, point)
            assert scene.lab.driver.recover(frozenset()) == [], point

    @PATHS
    def test_a_restore_of_a_run_that_lives_is_left_to_it(self, lab: Lab, crasher: Crasher, path: RestorePath) -> None:
        target = subject(lab, path)

        def prepare(lab: Lab) -> Scene:
            source = lab.take(lab.path(path.source))
            lab.spoil(target)
            return Scene(lab, "restore", lab.restoring(source, target, path.mode))

        for point, scene in scenes(lab, crasher, prepare):
            before = scene.lab.inventory(), scene.lab.harness.read(target)
            assert scene.lab.driver.recover(frozenset({"run-1"})) == [], point
            assert (scene.lab.inventory(), scene.lab.harness.read(target)) == before, point
            open_ = [each for each in scene.lab.inventory().restores if not each.done]
            if open_:
                assert isinstance(scene.lab.restore(scene.argument).error, RefusedError), point

    def test_a_profile_is_as_wanted_when_it_is_asked_for_again(self, lab: Lab, crasher: Crasher) -> None:
        require(bool(lab.capabilities.native_schedule), "the platform has no scheduler")
        periods = {**CHANGES["one for another"], **CHANGES["another time"]}

        def prepare(lab: Lab) -> Scene:
            before = make(lab, cast("ScheduleDriver", lab.driver))
            return Scene(lab, "set_profile", PlatformProfileRequest(before, changed(before, periods)))

        for point, scene in scenes(lab, crasher, prepare):
            driver = cast("ScheduleDriver", scene.lab.driver)
            assert driver.set_profile(scene.argument).error is None, point
            assert listed(scene.lab) == scene.argument.after, point

    def test_a_profile_is_made_or_gone_when_that_is_asked_for_again(self, lab: Lab, crasher: Crasher) -> None:
        require(bool(lab.capabilities.native_schedule), "the platform has no scheduler")

        def makes(lab: Lab) -> Scene:
            return Scene(lab, "set_profile", PlatformProfileRequest(None, GOLD))

        def deletes(lab: Lab) -> Scene:
            made = make(lab, cast("ScheduleDriver", lab.driver))
            return Scene(lab, "set_profile", PlatformProfileRequest(made, None))

        for prepare in (makes, deletes):
            for point, scene in scenes(lab, crasher, prepare):
                driver = cast("ScheduleDriver", scene.lab.driver)
                assert driver.set_profile(scene.argument).error is None, point
                found = [each._replace(native_id="") for each in schedule(scene.lab).profiles if each.name == GOLD.name]
                assert found == ([GOLD] if scene.argument.after else []), point


def _recovered(scene: Scene, content: _Content, point: str) -> list[Recovered]:
    """Recover without a mandate, then with one for what waits for a person: by turns it is completed or undone."""
    lab, key = scene.lab, scene.argument.key
    left = lab.harness.read(content.where)
    found = lab.driver.recover(frozenset())
    if not any(each.pending for each in found):
        return found
    assert [(each.key, each.exchanged) for each in lab.inventory().restores if not each.done] == [(key, Progress.SOME)]
    assert lab.harness.read(content.where) == left, f"{point}: nobody said what is to be done with it"
    keys = frozenset({key})
    mandate = Mandate(complete=keys) if sum(point.encode()) % 2 else Mandate(undo=keys)
    return lab.driver.recover(frozenset(), mandate)


class _Content:
    """What a restore may leave: the content as it was, or as it is to be."""

    def __init__(self, scene: Scene, path: RestorePath, target: str) -> None:
        self._lab = scene.lab
        self._target = target
        self._clone = path.mode is RestoreMode.CLONE
        self.where = restored(scene.lab, path, target)
        self._before: Mapping[str, bytes] = {} if self._clone else scene.content
        self._untouched = scene.content if self._clone else {}
        self._after = scene.lab.old(target)

    def check(self, point: str, *, recovered: bool) -> None:
        """Check that there is no mixture; ``recovered`` is false where several targets are still under way."""
        found = self._lab.harness.read(self.where)
        if self._clone:
            assert self._lab.harness.read(self._target) == self._untouched, point
            assert (self._lab.find(self.where) is not None) is bool(found), point
        if recovered:
            assert found in (self._before, self._after), f"{point}: {found}"
            return
        for each in self._lab.targets:
            prefix = f"{each.path}/"
            states = [
                {file: data for file, data in content.items() if file.startswith(prefix)}
                for content in (found, self._before, self._after)
            ]
            assert states[0] in states[1:], f"{point}: {each.path}"

    @property
    def done(self) -> bool:
        """Whether the new content stands."""
        return self._lab.harness.read(self.where) == self._after

    @property
    def undone(self) -> bool:
        """Whether the old content stands."""
        return self._lab.harness.read(self.where) == self._before


def _check_recovered(scene: Scene, content: _Content, recovered: list[Recovered], point: str) -> None:
    """A restore that was completed is done; one that was undone can be asked for again."""
    lab, request = scene.lab, scene.argument
    assert all(each.done for each in lab.inventory().restores), point
    for each in recovered:
        assert each.text, point
        assert each.restore_key in ("", request.key), point
        assert not each.restore_key or (content.done if each.completed else content.undone), point
    was_done = any(each.key == request.key for each in lab.inventory().restores)
    again: RestoreRequest = request if was_done or content.undone else request._replace(key="restore-2")
    outcome = lab.restore(again)
    assert outcome.error is None, f"{point}: {outcome.error!r}"
    assert outcome.existed is was_done, point
    assert content.done, point
    assert all(each.done for each in lab.inventory().restores), point


def _check_made(lab: Lab, path: str, point: str) -> None:
    """The snapshot is whole, or it is not listed as complete."""
    for snapshot in lab.snapshots():
        assert snapshot.mark is not None, point
        assert snapshot.name in {"one", "other"}, point
    made = lab.named(path)
    if made is not None and made.completed_at is not None:
        _check_bytes(lab, made, point)


def _check_bytes(lab: Lab, snapshot: Snapshot, point: str) -> None:
    """The old content is in the snapshot, as a restore shows."""
    target = lab.path(snapshot.scope)
    scope = snapshot.scope
    if scope is Scope.CLOUD:
        target = next((each.path for each in lab.targets), target)
        scope = Scope(target.partition("/")[0])
    if RestorePath(snapshot.scope, scope, RestoreMode.CLONE) not in lab.capabilities.restores:
        return
    name = f"proof{len(lab.inventory().restores)}"
    request = lab.restoring(snapshot, target, RestoreMode.CLONE, key=name, as_name=lab.harness.name(name))
    outcome = lab.restore(request)
    assert outcome.error is None, f"{point}: {outcome.error!r}"
    assert lab.harness.read(f"{scope}/{name}") == lab.old(target), point
    lab.harness.delete_target(f"{scope}/{name}")


def _check_retaken(lab: Lab, path: str, request: SnapshotRequest, point: str) -> None:
    """To ask again makes the snapshot, or finds it made; what else is left is incomplete and can be expired."""
    (outcome,) = lab.create(request)
    assert outcome.error is None, f"{point}: {outcome.error!r}"
    left = [each for each in lab.snapshots() if each.completed_at is None]
    assert [each.error for each in lab.expire(*left)] == [None] * len(left), point
    (snapshot,) = lab.snapshots()
    assert snapshot.completed_at is not None, point
    assert snapshot.mark is not None, point
    assert snapshot.mark.identity == request.mark.identity, point
    _check_bytes(lab, snapshot, point)
