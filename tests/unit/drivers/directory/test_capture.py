from __future__ import annotations

import codecs
import errno
import itertools
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from snapplan import clock
from snapplan.drivers.directory import linux
from snapplan.drivers.directory.content import DataCopier
from snapplan.drivers.directory.failure import refusal
from snapplan.errors import BackendError, NameTakenError, NotFoundError, QuiesceError, RefusedError
from snapplan.models.policy import QuiesceCommands
from snapplan.models.target import Quiesce, RestoreMode

from .folders import Folders, as_nobody, restoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from .folders import Dying

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _commands(freeze: str, thaw: str = "true", seconds: float = 20) -> QuiesceCommands:
    return QuiesceCommands(freeze=("sh", "-c", freeze), thaw=("sh", "-c", thaw), timeout=timedelta(seconds=seconds))


def _incoming(folders: Folders) -> list[Path]:
    folder = folders.store / "incoming"
    return list(folder.iterdir()) if folder.exists() else []


def _data(folders: Folders, key: str = "volume/a", name: str = "one") -> Path:
    return folders.store / "snapshots" / key / name / "data"


@pytest.mark.parametrize("key", ["cloud", "tenant/acme", "vm/web", "volume/a"])
def test_each_scope_is_captured_whole(folders: Folders, key: str) -> None:
    snapshot = folders.take(key)
    assert snapshot.completed_at is not None
    assert snapshot.consistent is True
    assert snapshot.quiesced is False
    assert folders.open().verify(snapshot).differences == ()
    found = folders.tree(folders.folder_of(snapshot) / "data")
    place = {"cloud": "", "tenant/acme": "tenants/acme/", "vm/web": "vms/web/", "volume/a": "volumes/a/"}[key]
    expected = {path.removeprefix(place): content for path, content in folders.tree().items() if path.startswith(place)}
    prefix = "root/" if key == "cloud" else ""
    assert found == {prefix + path: content for path, content in expected.items()}
    assert snapshot.size == sum(len(content) for content in expected.values())


def test_a_cloud_snapshot_says_what_can_be_restored_out_of_it(folders: Folders) -> None:
    assert folders.take("cloud").contains == ("tenant/acme", "vm/web", "volume/a", "volume/b")
    assert folders.take("tenant/acme").contains == ()


def test_modes_times_links_and_names_are_in_the_copy(folders: Folders) -> None:
    place = folders.root / "volumes/a"
    (place / "run").write_text("#!/bin/sh\n")
    (place / "run").chmod(0o4755)
    os.link(place / "run", place / "run too")
    (place / "link").symlink_to("/nowhere")
    (place / "empty").mkdir(0o711)
    os.utime(place / "file", ns=(0, 1_234_567_891))
    os.utime(place, ns=(0, 987_654_321))
    folders.take("volume/a")
    copy = _data(folders)
    assert (copy / "run").stat().st_mode & 0o7777 == 0o4755
    assert (copy / "run").samefile(copy / "run too")
    assert (copy / "link").readlink() == Path("/nowhere")
    assert (copy / "empty").stat().st_mode & 0o777 == 0o711
    assert (copy / "file").stat().st_mtime_ns == 1_234_567_891
    assert copy.stat().st_mtime_ns == 987_654_321


def test_the_manifest_finds_what_changed_in_a_snapshot_afterwards(folders: Folders) -> None:
    snapshot = folders.take("cloud")
    file = folders.folder_of(snapshot) / "data/root/volumes/a/file"
    status = file.stat()
    file.write_text("0ne")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    [difference] = folders.open().verify(snapshot).differences
    assert (difference.path, difference.what) == ("root/volumes/a/file", "hash")


def test_the_same_snapshot_again_is_there_already(folders: Folders) -> None:
    first = folders.take("volume/a")
    again = folders.create(folders.request("volume/a"))
    assert again.existed
    assert again.snapshot == first
    assert folders.snapshots() == [first]


def test_a_name_that_another_snapshot_has_is_taken(folders: Folders) -> None:
    first = folders.take("volume/a")
    request = folders.request("volume/a")
    other = request._replace(mark=request.mark._replace(key="another"))
    assert isinstance(folders.create(other).error, NameTakenError)
    assert isinstance(folders.create(folders.request("volume/a", project="theirs")).error, NameTakenError)
    (folders.store / "snapshots/volume/b/one").mkdir(parents=True)
    assert isinstance(folders.create(folders.request("volume/b")).error, NameTakenError)
    assert [snapshot for snapshot in folders.snapshots() if snapshot.mark is not None] == [first]


@pytest.mark.parametrize("name", ["", "..", "a/b", "a@b", "x" * 256])
def test_a_name_that_cannot_be_is_refused(folders: Folders, name: str) -> None:
    assert isinstance(folders.create(folders.request("volume/a")._replace(name=name)).error, RefusedError)


def test_a_mark_of_another_target_or_project_is_refused(folders: Folders) -> None:
    request = folders.request("volume/a")
    for mark in (request.mark._replace(target_id="volume/b"), request.mark._replace(project="theirs")):
        [outcome] = folders.open().create([request._replace(mark=mark)])
        assert isinstance(outcome.error, RefusedError)
    assert not folders.store.exists()


def test_one_that_fails_does_not_stop_the_next(folders: Folders) -> None:
    requests = [folders.request("volume/a"), folders.request("volume/b")]
    shutil.rmtree(folders.root / "volumes/a")
    first, second = folders.open().create(requests)
    assert isinstance(first.error, NotFoundError)
    assert second.error is None


def test_a_half_made_one_is_listed_as_incomplete_with_its_mark_and_can_be_deleted(
    folders: Folders, dying: Dying
) -> None:
    request = folders.request("volume/a")
    dying.die(folders.settings(), "create", [request], "create.copied")
    [left] = folders.snapshots()
    assert left.completed_at is None
    assert left.mark == request.mark._replace(store=folders.open().inventory().identity)
    assert (left.name, left.target_id) == ("one", "volume/a")
    assert folders.open().recover(frozenset()) == []
    assert folders.snapshots() == [left]
    assert folders.expire(left).error is None
    assert folders.snapshots() == []
    assert _incoming(folders) == []


def test_no_point_of_a_capture_lists_half_a_snapshot_as_complete(folders: Folders, dying: Dying) -> None:
    points = dying.points(folders.settings(), "create", [folders.request("cloud", "first")])
    assert len(points) > 8
    for number, point in enumerate(points):
        name = f"n{number}"
        if point.startswith("store."):
            continue
        dying.die(folders.settings(), "create", [folders.request("cloud", name)], point)
        found = [snapshot for snapshot in folders.snapshots() if snapshot.name == name]
        if found and found[0].completed_at is not None:
            assert folders.open().verify(found[0]).differences == (), point
        folders.open().recover(frozenset())
        again = folders.take("cloud", name)
        assert folders.open().verify(again).differences == (), point
        assert [each.name for each in folders.snapshots()].count(name) == 1, point
    assert _incoming(folders) == []


def test_a_store_inside_a_target_is_not_captured(folders: Folders) -> None:
    inner = Folders(folders.base, root="lab/tenants/acme", store="lab/tenants/acme/volumes/x/backups")
    [target] = [each for each in inner.open(backend="inner").inventory().targets if each.id == "vm/db"]
    request = folders.request("vm/web")
    request = request._replace(target=target, mark=request.mark._replace(target_id="vm/db"))
    [outcome] = inner.open(backend="inner").create([request])
    assert outcome.error is None
    for key in ("cloud", "tenant/acme"):
        snapshot = folders.take(key)
        assert not [path for path in folders.folder_of(snapshot).rglob("*") if path.name == "snapplan-store.json"]
        assert not list(folders.folder_of(snapshot).rglob("backups"))
        assert folders.open().verify(snapshot).differences == ()


def test_named_and_linked_folders_are_part_of_the_cloud(folders: Folders) -> None:
    for name in ("named", "linked"):
        (folders.base / name).mkdir()
        (folders.base / name / "file").write_text(name)
    (folders.root / "volumes/linked").symlink_to(folders.base / "linked")
    folders.options = {"root": "lab", "vms": {"named": "named"}}
    snapshot = folders.take("cloud")
    assert {"vm/named", "volume/linked"} < set(snapshot.contains)
    assert folders.open().verify(snapshot).differences == ()
    shutil.rmtree(folders.base / "named")
    folders.open().restore(restoring(snapshot, "volume/linked", RestoreMode.CLONE, as_name="copy"))
    folders.open().restore(restoring(snapshot, "vm/named", restore="restore-2"))
    assert (folders.root / "volumes/copy/file").read_text() == "linked"
    assert (folders.base / "named/file").read_text() == "named"


def test_without_a_root_the_cloud_is_the_named_folders(tmp_path: Path) -> None:
    folders = Folders(tmp_path, store="lab/.snapplan", volumes={"etc": "etc"})
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/file").write_text("etc")
    snapshot = folders.take("cloud")
    assert snapshot.contains == ("volume/etc",)
    assert folders.open().verify(snapshot).differences == ()
    assert folders.tree(folders.folder_of(snapshot) / "data") == {"named/volume/etc/file": "etc"}


@as_root
@pytest.mark.parametrize("kind", ["bind", "tmpfs", "above"])
def test_a_mounted_target_is_in_the_cloud_with_what_is_mounted(
    folders: Folders, mount: Callable[..., None], kind: str
) -> None:
    (folders.base / "behind/deep").mkdir(parents=True)
    (folders.base / "behind/deep/file").write_text("behind")
    if kind == "bind":
        mount(folders.root / "volumes/m", "--bind", str(folders.base / "behind"))
    elif kind == "tmpfs":
        mount(folders.root / "volumes/m", "-t", "tmpfs", "-o", "size=1m", "tmpfs")
        folders.write(volumes__m__deep__file="behind")
    else:
        (folders.base / "behind").rename(folders.base / "m")
        (folders.base / "above").mkdir()
        (folders.base / "m").rename(folders.base / "above/m")
        mount(folders.root / "volumes", "--bind", str(folders.base / "above"))
    snapshot = folders.take("cloud")
    assert "volume/m" in snapshot.contains
    outcome = folders.open().restore(restoring(snapshot, "volume/m", RestoreMode.CLONE, as_name="copy"))
    assert outcome.error is None
    assert (folders.root / "volumes/copy/deep/file").read_text() == "behind"


def test_what_changes_while_it_is_copied_is_recorded_and_said(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folders.root / "volumes/a/log"
    file.write_bytes(b"log")
    inode, numbers, copy = file.stat().st_ino, itertools.count(1), DataCopier.copy

    def copied_while_it_is_written(
        self: DataCopier, src_fd: int, dst_fd: int, status: os.stat_result, *more: Any
    ) -> Any:
        result = copy(self, src_fd, dst_fd, status, *more)
        if status.st_ino == inode:
            os.utime(file, ns=(0, next(numbers)))
        return result

    monkeypatch.setattr(DataCopier, "copy", copied_while_it_is_written)
    outcome = folders.create(folders.request("volume/a"))
    assert outcome.error is None
    assert outcome.snapshot is not None
    assert outcome.snapshot.consistent is False
    assert any("1 changed while they were copied: 'log'" in notice for notice in outcome.notices)
    document = json.loads((folders.folder_of(outcome.snapshot) / "mark.json").read_text())
    assert document["changed"] == 1


def test_that_data_is_copied_and_not_shared_is_said(folders: Folders) -> None:
    outcome = folders.create(folders.request("volume/a"))
    with open(folders.base / "one", "w+") as one, open(folders.base / "two", "w+") as two:
        one.write("data")
        one.flush()
        shares = linux.reflink(one.fileno(), two.fileno())
    assert any("reflink" in notice for notice in outcome.notices) is not shares


@pytest.mark.parametrize("key", ["volume/a", "cloud"])
def test_a_frozen_target_is_quiesced_and_thawed(folders: Folders, key: str) -> None:
    log = folders.base / "log"
    folders.quiesce = {"volume/*": _commands(f"echo freeze $SNAPPLAN_TARGET >> {log}", f"echo thaw >> {log}")}
    assert folders.target(key).can_quiesce
    outcome = folders.create(folders.request(key, quiesce=Quiesce.REQUIRE))
    assert outcome.snapshot is not None
    assert outcome.snapshot.quiesced is True
    frozen = ["a", "b"] if key == "cloud" else ["a"]
    assert log.read_text().splitlines() == [
        *(f"freeze lab/volume/{name}" for name in frozen),
        *("thaw" for _ in frozen),
    ]
    assert list((folders.store / "frozen").iterdir()) == []


def test_never_runs_no_command_and_the_first_glob_counts(folders: Folders) -> None:
    folders.quiesce = {"volume/a": _commands("exit 0"), "volume/*": _commands("exit 1")}
    assert folders.create(folders.request("volume/a", quiesce=Quiesce.REQUIRE)).error is None
    assert isinstance(folders.create(folders.request("volume/b", quiesce=Quiesce.REQUIRE)).error, QuiesceError)
    outcome = folders.create(folders.request("volume/b", quiesce=Quiesce.NEVER))
    assert outcome.error is None
    assert not any("quiesced" in notice for notice in outcome.notices)


@pytest.mark.parametrize("commands", [None, _commands("echo no disk >&2; exit 3"), _commands("sleep 60", seconds=0.2)])
def test_what_cannot_be_frozen_is_refused_or_said(folders: Folders, commands: QuiesceCommands | None) -> None:
    folders.quiesce = {} if commands is None else {"volume/a": commands}
    refused = folders.create(folders.request("volume/a", quiesce=Quiesce.REQUIRE))
    assert isinstance(refused.error, QuiesceError)
    assert folders.snapshots() == []
    assert _incoming(folders) == []
    taken = folders.create(folders.request("volume/a", quiesce=Quiesce.PREFER))
    assert taken.snapshot is not None
    assert taken.snapshot.quiesced is False
    assert any(notice.startswith("not quiesced: ") for notice in taken.notices)


@pytest.mark.parametrize("wanted", [Quiesce.REQUIRE, Quiesce.PREFER])
def test_a_copy_that_takes_longer_than_the_freeze_is_not_quiesced(
    folders: Folders, wanted: Quiesce, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.quiesce = {"volume/a": _commands("true", seconds=20)}
    real = clock.monotonic

    def slow() -> float:
        """Let a thousand seconds pass while the copy begins."""
        return real() + (1_000 if list(folders.store.glob("incoming/*/data")) else 0)

    monkeypatch.setattr(clock, "monotonic", slow)
    outcome = folders.create(folders.request("volume/a", quiesce=wanted))
    if wanted is Quiesce.REQUIRE:
        assert isinstance(outcome.error, QuiesceError)
        assert folders.snapshots() == []
    else:
        assert outcome.snapshot is not None
        assert outcome.snapshot.quiesced is False
        assert "timeout of quiesce_commands" in " ".join(outcome.notices)


def test_a_target_that_does_not_thaw_is_said_and_tried_again(folders: Folders) -> None:
    flag = folders.base / "repaired"
    folders.quiesce = {"volume/a": _commands("true", f"test -e {flag}", seconds=5)}
    outcome = folders.create(folders.request("volume/a", quiesce=Quiesce.REQUIRE))
    assert outcome.snapshot is not None
    assert outcome.snapshot.quiesced is True
    assert [found.subject for found in outcome.attention] == ["lab/volume/a"]
    assert folders.open().inventory().attention == outcome.attention
    [said] = folders.open().recover(frozenset())
    assert said.attention == folders.open().inventory().attention[0]
    flag.touch()
    [said] = folders.open().recover(frozenset())
    assert said.text == "thawed lab/volume/a, which could not be thawed before"
    assert folders.open().inventory().attention == ()


def test_a_snapshot_that_failed_says_besides_what_may_still_be_frozen(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    folders.quiesce = {"volume/a": _commands("true", "false", seconds=5)}
    monkeypatch.setattr("snapplan.drivers.directory.capture.collect", full)
    outcome = folders.create(folders.request("volume/a", quiesce=Quiesce.REQUIRE))
    assert "No space left" in str(outcome.error)
    assert [found.subject for found in outcome.attention] == ["lab/volume/a"]


@as_root
def test_a_full_disk_is_an_error_and_leaves_nothing(folders: Folders, mount: Callable[..., None]) -> None:
    mount(folders.base / "small", "-t", "tmpfs", "-o", "size=256k", "tmpfs")
    folders.options = {"root": "lab", "store": "small/store"}
    (folders.root / "volumes/a/big").write_bytes(os.urandom(1 << 20))
    outcome = folders.create(folders.request("volume/a"))
    assert isinstance(outcome.error, RefusedError)
    assert "No space left" in str(outcome.error)
    assert "space" in outcome.error.hint
    assert folders.snapshots() == []
    assert list((folders.base / "small/store/incoming").iterdir()) == []
    assert folders.create(folders.request("vm/web")).error is None


@as_root
def test_a_file_that_may_not_be_read_is_named(open_folder: Path) -> None:
    folders = Folders(open_folder)
    folders.write(volumes__a__secret="x", volumes__a__other="y")
    (folders.root / "volumes/a/secret").chmod(0)

    # The child may read nothing of Python's own.
    codecs.lookup("ascii")

    def act() -> None:
        mine = Folders(Path())
        mine.options = {"root": "lab"}
        outcome = mine.create(mine.request("volume/a"))
        assert outcome.error is None
        assert outcome.snapshot is not None
        assert outcome.snapshot.gaps == "not captured: 'secret' (Permission denied)"
        assert outcome.snapshot.gaps in outcome.notices
        assert mine.snapshots() == [outcome.snapshot]
        assert mine.tree(mine.folder_of(outcome.snapshot) / "data") == {"other": "y"}

    as_nobody(open_folder, act)


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ENOENT])
def test_any_other_failure_of_the_system_says_what_and_where(code: int) -> None:
    error = refusal("lab", "take lab/volume/a@one", OSError(code, os.strerror(code), "/some/file"))
    assert type(error) is BackendError
    assert str(error) == f"cannot take lab/volume/a@one: {os.strerror(code)}: '/some/file'"
