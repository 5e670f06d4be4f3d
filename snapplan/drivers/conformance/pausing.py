"""A driver that is paused between any two of its steps for longer than its lease, and what others do meanwhile.

The call stops at one of its points (``SIGSTOP``, as a suspended machine does), another run takes over, acts, and the call
goes on. With one catalog the other run has taken the lease, so the call is fenced; with two nobody fences it. Each point is
tried once more without the store's lock, so that the check right before the irreversible step is proved alone.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from snapplan.drivers.base import NoPermit
from snapplan.drivers.conformance.forks import Fork, points
from snapplan.drivers.conformance.harness import PROJECT
from snapplan.drivers.conformance.lab import make_lab, require
from snapplan.errors import BackendError, FencedError, StoreLockedError
from snapplan.models.request import ChangeRequest, ExpireRequest, Mandate, Outcome
from snapplan.models.snapshot import Pin
from snapplan.models.target import RestoreMode, RestorePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from snapplan.drivers.base import Driver
    from snapplan.drivers.conformance.lab import Lab
    from snapplan.models.snapshot import Snapshot

CATALOGS = pytest.mark.parametrize("catalogs", [1, 2], ids=["one catalog", "two catalogs"])
LOCKS = pytest.mark.parametrize("locked", [True, False], ids=["locked", "lock off"])
PATIENCE = 0.05


class FilePermit(NoPermit):
    """The permit of a run whose lease is a file: it holds as long as the file has its name."""

    def __init__(self, lease: Path, run: str) -> None:
        super().__init__(5.0)
        self.lease, self.bearer = lease, run

    def check(self) -> None:
        """Raise ``FencedError`` where another run has the lease."""
        if self.lease.read_text() != self.bearer:
            raise FencedError(f"{self.lease.read_text()} has the lease")


class Paused(NamedTuple):
    """A call that was paused and has ended: its outcome, what others had done meanwhile, and where it was."""

    lab: Lab
    outcome: Outcome
    meanwhile: Any
    point: str


def pauses(
    lab: Lab,
    folder: Path,
    prepare: Callable[[Lab], Callable[[Driver], Outcome]],
    meanwhile: Callable[[Lab, Driver], object],
    *,
    catalogs: int,
    locked: bool,
) -> Iterator[Paused]:
    """Yield for each point of the call a new world in which it was paused there while ``meanwhile`` was done.

    ``prepare`` makes a world ready and returns the call, which is given a connection.
    """
    require(lab.harness.pausable, "this driver does not ask its permit yet")
    with nullcontext() if locked else lab.harness.unlocked():
        lease = folder / "lease"
        lease.write_text("run-1")
        first = prepare(lab)
        for point in points(partial(_called, lab, first, lease)):
            lab.driver.close()
            fresh = make_lab(lab.harness)
            lab.driver = fresh.driver
            lease.write_text("run-1")
            call = prepare(fresh)
            with Fork(partial(_called, fresh, call, lease), pause_at=point) as child:
                child.wait_until_paused()
                if catalogs == 1:
                    time.sleep(lab.harness.lease_seconds)
                    lease.write_text("run-2")
                driver = _connected(fresh, NoPermit(PATIENCE))
                done = meanwhile(fresh, driver)
                driver.close()
                child.resume()
                outcome = child.result()
            yield Paused(fresh, outcome, done, point)


def _connected(lab: Lab, permit: NoPermit) -> Driver:
    settings = lab.harness.settings(project=PROJECT, read_only=False)
    return lab.harness.driver.open(settings._replace(permit=permit))


def _called(lab: Lab, call: Callable[[Driver], Outcome], lease: Path) -> Outcome:
    driver = _connected(lab, FilePermit(lease, "run-1"))
    try:
        outcome = call(driver)
    except (BackendError, FencedError) as error:
        outcome = Outcome(error=error)
    finally:
        driver.close()
    if outcome.error is None:
        return outcome
    # An error with its data cannot be handed over.
    return outcome._replace(error=RuntimeError(f"{type(outcome.error).__name__}: {outcome.error}"))


def _tried(call: Callable[[], Any]) -> Any:
    """Return what a call gives; another process that writes is no failure of the test, only nothing that was done."""
    try:
        return call()
    except StoreLockedError:
        return None


class PauseTests:
    """Every point of every verb that writes."""

    @CATALOGS
    @LOCKS
    def test_a_paused_restore_that_another_run_puts_right(
        self, lab: Lab, tmp_path: Path, catalogs: int, locked: bool
    ) -> None:
        path = lab.path()
        scope = lab.split(path)[0]
        require(
            RestorePath(scope, scope, RestoreMode.IN_PLACE) in lab.capabilities.restores, "nothing is restored in place"
        )
        spoiled: dict[str, bytes] = {}

        def prepare(lab: Lab) -> Callable[[Driver], Outcome]:
            source = lab.named(path) or lab.take(path)
            spoiled.update(lab.spoil(path))
            request = lab.restoring(source, path, RestoreMode.IN_PLACE)
            return lambda driver: driver.restore(request)

        def meanwhile(lab: Lab, driver: Driver) -> object:
            lab.harness.write(path, "late", b"written meanwhile")
            return _tried(lambda: driver.recover(frozenset()))

        for paused in pauses(lab, tmp_path, prepare, meanwhile, catalogs=catalogs, locked=locked):
            found, point = paused.lab, f"{paused.point}: {paused.outcome} {paused.meanwhile}"
            _recover_all(found)
            content = found.harness.read(path)
            late = content.pop("late", None)
            assert content in (spoiled, found.old(path)), point
            if paused.outcome.error is None:
                assert content == found.old(path), f"{point}: it reports what did not happen"
            if content == found.old(path) and found.capabilities.keeps_replaced:
                (kept,) = found.set_aside()
                back = found.restoring(kept, path, RestoreMode.IN_PLACE, key="back")
                assert found.restore(back).error is None, point
                replaced = found.harness.read(path)
                late = late or replaced.pop("late", None)
                assert replaced == spoiled, f"{point}: what was replaced is lost"
            assert late or not found.capabilities.keeps_replaced, f"{point}: what was written meanwhile is lost"
            assert all(each.done for each in found.inventory().restores), point

    @CATALOGS
    @LOCKS
    def test_a_paused_expire_deletes_nothing_that_was_pinned(
        self, lab: Lab, tmp_path: Path, catalogs: int, locked: bool
    ) -> None:
        require(lab.capabilities.change, "the driver does not change marks")
        path = lab.path()

        def prepare(lab: Lab) -> Callable[[Driver], Outcome]:
            request = ExpireRequest(lab.take(path))
            return lambda driver: next(iter(driver.expire([request])))

        for paused in pauses(lab, tmp_path, prepare, partial(_pin, path), catalogs=catalogs, locked=locked):
            there = paused.lab.named(path)
            if paused.meanwhile:
                assert there is not None, f"{paused.point}: a pin that was confirmed did not hold"
                assert there.mark is not None
                assert there.mark.pin is not None
            assert (there is None) is (paused.outcome.error is None) or there is None, paused.point

    @CATALOGS
    @LOCKS
    def test_a_paused_change_takes_no_pin_away(self, lab: Lab, tmp_path: Path, catalogs: int, locked: bool) -> None:
        require(lab.capabilities.change, "the driver does not change marks")
        path = lab.path()

        def prepare(lab: Lab) -> Callable[[Driver], Outcome]:
            snapshot = lab.take(path)
            assert snapshot.mark is not None
            request = ChangeRequest(snapshot, snapshot.mark._replace(expires_at=None))
            return lambda driver: next(iter(driver.change([request])))

        for paused in pauses(lab, tmp_path, prepare, partial(_pin, path), catalogs=catalogs, locked=locked):
            mark = paused.lab.listed(path).mark
            assert mark is not None
            assert (mark.pin is not None) is bool(paused.meanwhile), f"{paused.point}: {paused.outcome}"

    @CATALOGS
    @LOCKS
    def test_a_paused_create_leaves_one_whole_snapshot_or_none(
        self, lab: Lab, tmp_path: Path, catalogs: int, locked: bool
    ) -> None:
        path = lab.path()

        def prepare(lab: Lab) -> Callable[[Driver], Outcome]:
            request = lab.request(path)
            return lambda driver: next(iter(driver.create([request])))

        def meanwhile(lab: Lab, driver: Driver) -> object:
            """Clear away what looks left behind, as the apply of another catalog does, and take it anew."""
            _tried(lambda: driver.recover(frozenset()))
            left = [each for each in lab.snapshots() if each.completed_at is None]
            list(driver.expire([ExpireRequest(each) for each in left]))
            return next(iter(driver.create([lab.request(path)])))

        for paused in pauses(lab, tmp_path, prepare, meanwhile, catalogs=catalogs, locked=locked):
            found, point = paused.lab, f"{paused.point}: {paused.outcome} {paused.meanwhile}"
            whole = [each for each in found.snapshots() if each.completed_at is not None]
            assert len(whole) <= 1, point
            if None in (paused.outcome.error, paused.meanwhile.error):
                assert len(whole) == 1, f"{point}: it reports what is not there"
            _recover_all(found)
            left = [each for each in found.snapshots() if each.completed_at is None]
            assert [each.error for each in found.expire(*left)] == [None] * len(left), point
            (again,) = found.create(found.request(path))
            assert again.error is None, point
            snapshot = found.listed(path)
            found.spoil(path)
            scope = snapshot.scope
            if RestorePath(scope, scope, RestoreMode.IN_PLACE) in found.capabilities.restores:
                request = found.restoring(snapshot, path, RestoreMode.IN_PLACE, key="proof")
                assert found.restore(request).error is None, point
                assert found.harness.read(path) == found.old(path), point


def _pin(path: str, lab: Lab, driver: Driver) -> bool:
    """Pin the snapshot; return whether that was confirmed."""
    snapshot: Snapshot | None = lab.named(path)
    if snapshot is None or snapshot.mark is None:
        return False
    request = ChangeRequest(snapshot, snapshot.mark._replace(pin=Pin("anna", "audit")))
    return next(iter(driver.change([request]))).error is None


def _recover_all(lab: Lab) -> None:
    """Put everything right; what waits for a person is completed."""
    keys = frozenset(each.key for each in lab.inventory().restores if not each.done)
    lab.driver.recover(frozenset(), Mandate(complete=keys))
