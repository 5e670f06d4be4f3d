"""The lock of a store: who waits for whom, who is named, and where there is none."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import stat
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.base import NoPermit
from snapplan.drivers.conformance.forks import Fork
from snapplan.drivers.directory import linux, locking
from snapplan.drivers.directory.locking import Lockable, Mode, locked_folders, locked_store
from snapplan.errors import FencedError, RefusedError, StoreLockedError
from snapplan.models.request import ChangeRequest, ExpireRequest, Outcome
from snapplan.models.snapshot import Pin

from .folders import Folders, restoring

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.drivers.directory.driver import DirectoryDriver

PATIENCE = 0.1
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")


def _impatient(folders: Folders) -> DirectoryDriver:
    return folders.open(permit=NoPermit(PATIENCE))


def _restore(folders: Folders) -> Outcome:
    [source] = folders.snapshots()
    return folders.open().restore(restoring(source, "volume/a"))


def _create(folders: Folders) -> Outcome:
    return folders.create(folders.request("volume/b", "theirs"))


def test_a_second_writer_waits_and_names_the_first(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    assert snapshot.mark is not None
    with Fork(partial(_restore, folders), pause_at="restore.built") as child:
        child.wait_until_paused()
        driver = _impatient(folders)
        [created] = driver.create([folders.request("volume/b")])
        [expired] = _impatient(folders).expire([ExpireRequest(snapshot)])
        [changed] = _impatient(folders).change([ChangeRequest(snapshot, snapshot.mark)])
        for outcome in (created, expired, changed):
            assert isinstance(outcome.error, StoreLockedError)
            assert f"process {child.pid}" in str(outcome.error)
            assert "stopped (T)" in str(outcome.error)
            assert f"kill -CONT {child.pid}" in outcome.error.hint
            assert outcome.error.exit_code == 6
        with pytest.raises(StoreLockedError):
            _impatient(folders).restore(restoring(snapshot, "volume/b", restore="other"))
        with pytest.raises(StoreLockedError):
            _impatient(folders).recover(frozenset())
        # Who only reads never waits.
        assert [each.id for each in folders.open(read_only=True).inventory().targets]
        child.resume()
        assert child.result().error is None
    assert folders.open().expire([ExpireRequest(snapshot)]).__next__().error is None


def test_captures_share_the_lock_and_keep_what_deletes_out(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    with Fork(partial(_create, folders), pause_at="create.frozen") as child:
        child.wait_until_paused()
        assert folders.take("vm/web").completed_at is not None
        [expired] = _impatient(folders).expire([ExpireRequest(snapshot)])
        assert isinstance(expired.error, StoreLockedError)
        assert str(child.pid) in expired.error.holder
        # There is nothing to put right, so a recovery waits for nobody.
        assert _impatient(folders).recover(frozenset({"run-1"})) == []
        child.resume()
        assert child.result().error is None
    assert len(folders.snapshots()) == 3


def test_who_takes_what_another_process_is_taking_waits_and_finds_it(folders: Folders) -> None:
    folders.take("volume/a")
    with Fork(partial(_create, folders), pause_at="create.frozen") as child:
        child.wait_until_paused()
        request = folders.request("volume/b", "theirs")
        [waited] = _impatient(folders).create([request])
        assert isinstance(waited.error, StoreLockedError)

        class Waking(NoPermit):
            """Lets the other one go on as soon as somebody waits for it."""

            def wait(self, seconds: float) -> bool:
                if child._paused:
                    child.resume()
                return super().wait(seconds)

        [found] = folders.open(permit=Waking()).create([request])
        assert found.existed
        made = child.result().snapshot
        assert made == found.snapshot
    assert sorted(each.name for each in folders.snapshots()) == ["one", "theirs"]


def test_the_lock_ends_with_its_holder(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    with Fork(partial(_restore, folders), pause_at="restore.built") as child:
        child.wait_until_paused()
        child.kill(signal.SIGKILL)
        assert child.exit_code() == -signal.SIGKILL
    [recovered] = _impatient(folders).recover(frozenset())
    assert "undid" in recovered.text
    assert _impatient(folders).restore(restoring(snapshot, "volume/a")).error is None


def test_the_lock_file_is_made_with_the_store_and_never_replaced(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    file = folders.store / "lock"
    before = file.stat().st_ino
    assert file.stat().st_mode & 0o777 == 0o600
    folders.expire(snapshot)
    folders.take("volume/a")
    assert file.stat().st_ino == before


def test_a_store_that_was_put_in_the_place_of_the_locked_one_is_locked_anew(folders: Folders) -> None:
    folders.take("volume/a")
    store = Lockable("lab", folders.store, local=False)

    class Replacing(NoPermit):
        """Puts another store there while somebody waits."""

        def wait(self, seconds: float) -> bool:
            if not (folders.root / "old").exists():
                folders.store.rename(folders.root / "old")
                shutil.copytree(folders.root / "old", folders.store)
            return super().wait(seconds)

    with (
        Fork(partial(_restore, folders), pause_at="restore.built") as child,
    ):
        child.wait_until_paused()
        with locked_store(store, Mode.EXCLUSIVE, Replacing()) as descriptor:
            assert os.fstat(descriptor).st_ino == folders.store.stat().st_ino
        child.kill()


def test_another_store_in_the_place_of_the_one_that_was_read_is_not_written_to(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    driver = folders.open()
    driver.inventory()
    folders.store.rename(folders.root / "old")
    theirs = folders.take("volume/a")
    [expired] = driver.expire([ExpireRequest(theirs)])
    assert isinstance(expired.error, RefusedError)
    assert "another one" in str(expired.error)
    assert folders.snapshots() == [theirs]
    assert snapshot.native_id != theirs.native_id


def test_threads_of_one_process_share_the_lock_and_modes_take_turns(folders: Folders) -> None:
    folders.take("volume/a")
    store = Lockable("lab", folders.store, local=False)
    inside, most, seen = [], [], threading.Lock()

    def use(mode: Mode) -> None:
        for _ in range(20):
            with locked_store(store, mode, NoPermit(5)):
                with seen:
                    inside.append(mode)
                    assert len(set(inside)) == 1, "no two modes at once"
                    most.append(len(inside))
                with seen:
                    inside.remove(mode)

    failures: list[BaseException] = []

    def guarded(mode: Mode) -> None:
        try:
            use(mode)
        except BaseException as error:
            failures.append(error)

    modes = [Mode.SHARED, Mode.SHARED, Mode.EXCLUSIVE, Mode.EXCLUSIVE]
    threads = [threading.Thread(target=guarded, args=(mode,)) for mode in modes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert locking._handles == {}


def test_a_restore_locks_the_folder_around_its_target(folders: Folders, tmp_path: Path) -> None:
    folders.take("volume/a")
    other = Lockable("other", tmp_path / "other-store", local=False)
    with Fork(partial(_restore, folders), pause_at="restore.built") as child:
        child.wait_until_paused()
        with (
            pytest.raises(StoreLockedError, match="volumes"),
            locked_folders(other, [folders.root / "volumes"], NoPermit(PATIENCE)),
        ):
            pass
        child.kill()


@pytest.mark.parametrize(
    ("kind", "options", "refused"),
    [
        ("nfs4", "rw,vers=4.2", False),
        ("nfs", "rw,nolock", True),
        ("nfs4", "rw,local_lock=flock", True),
        ("fuse.sshfs", "rw", True),
        ("9p", "rw", True),
        ("cifs", "rw", True),
        ("ext4", "rw", False),
    ],
)
def test_a_filesystem_whose_locks_stay_on_this_machine_is_refused(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, kind: str, options: str, refused: bool
) -> None:
    monkeypatch.setattr(linux, "filesystem_of", lambda path: (kind, frozenset(options.split(","))))
    outcome = folders.create(folders.request("volume/a"))
    assert (outcome.error is not None) is refused
    if refused:
        assert "SP446" in str(outcome.error)
        assert isinstance(outcome.error, RefusedError)
        assert "store_lock: local" in outcome.error.hint
    folders.options = {"root": "lab", "store_lock": "local"}
    assert folders.create(folders.request("volume/b")).error is None


def test_a_filesystem_that_locks_no_folders_is_no_obstacle(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.flock

    def as_nfs(descriptor: int, operation: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", as_nfs)
    snapshot = folders.take("volume/a")
    assert folders.open().restore(restoring(snapshot, "volume/a")).error is None


def test_the_filesystem_of_a_folder_is_found(tmp_path: Path) -> None:
    kind, options = linux.filesystem_of(tmp_path / "not there yet")
    assert kind
    assert options


def test_a_run_that_lost_its_lease_does_nothing_more(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    assert snapshot.mark is not None
    folders.write(volumes__a__file="now")
    before = folders.tree()

    class Fenced(NoPermit):
        def check(self) -> None:
            raise FencedError("another run has it")

    driver = folders.open(permit=Fenced())
    [expired] = driver.expire([ExpireRequest(snapshot)])
    [changed] = driver.change([ChangeRequest(snapshot, snapshot.mark._replace(pin=Pin("anna", "audit")))])
    [created] = driver.create([folders.request("vm/web")])
    assert [type(each.error) for each in (expired, changed, created)] == [FencedError] * 3
    with pytest.raises(FencedError):
        driver.restore(restoring(snapshot, "volume/a"))
    assert folders.tree() == before
    assert [each for each in folders.snapshots() if each.completed_at is not None] == [snapshot]
