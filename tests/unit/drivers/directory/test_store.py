from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory.removal import remove_tree
from snapplan.drivers.directory.store import Store
from snapplan.errors import BackendError, NotFoundError, NotSupportedError, RefusedError
from snapplan.models.request import ExpireRequest
from snapplan.models.snapshot import Mark, Pin
from snapplan.models.target import Scope

from .folders import AT, as_nobody, restoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from .folders import Dying, Folders

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _mark_file(folders: Folders, key: str = "volume/a", name: str = "one") -> Path:
    return folders.store / "snapshots" / key / name / "mark.json"


def test_every_field_of_a_mark_comes_back(folders: Folders) -> None:
    request = folders.request("volume/a")
    full = Mark(
        "ours",
        "volume/a",
        "run-7",
        AT,
        AT + timedelta(days=2),
        "gold",
        "daily",
        AT,
        None,
        3,
        Pin("anna", "audit", AT),
        "s1",
    )
    outcome = folders.create(request._replace(mark=full))
    assert outcome.error is None
    [listed] = folders.snapshots()
    assert listed == outcome.snapshot
    assert listed.mark == full._replace(store=folders.open().inventory().identity)


def test_the_mark_file_can_be_read_by_people(folders: Folders) -> None:
    folders.take("volume/a")
    document = json.loads(_mark_file(folders).read_text())
    assert document["format"] == "snapplan.snapshot/1"
    assert document["mark"]["taken_at"] == "2026-11-22T02:00:00Z"
    assert (document["scope"], document["target_name"], document["name"]) == ("volume", "a", "one")


def test_a_change_replaces_the_mark_and_nothing_else(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    assert snapshot.mark is not None
    mark = snapshot.mark._replace(expires_at=None, pin=Pin("anna", "audit"))
    outcome = folders.change(snapshot, mark)
    assert outcome.snapshot == snapshot._replace(mark=mark)
    assert folders.snapshots() == [snapshot._replace(mark=mark)]
    assert folders.open().verify(snapshot).differences == ()


def test_what_has_no_readable_mark_is_foreign_and_never_touched(folders: Folders) -> None:
    ours = folders.take("volume/a")
    foreign = folders.store / "snapshots/volume/a/theirs"
    foreign.mkdir()
    damaged = folders.store / "snapshots/vm/web/damaged"
    damaged.mkdir(parents=True)
    (damaged / "mark.json").write_text('{"format": "snapplan.snapshot/1"}')
    listed = {snapshot.name: snapshot for snapshot in folders.snapshots()}
    assert set(listed) == {"one", "theirs", "damaged"}
    assert {name for name, snapshot in listed.items() if snapshot.mark is None} == {"theirs", "damaged"}
    for name, path in (("theirs", foreign), ("damaged", damaged)):
        assert isinstance(folders.expire(listed[name]).error, RefusedError)
        # Nor with a mark made up for it.
        assert folders.expire(listed[name]._replace(mark=ours.mark, completed_at=AT)).error is not None
        assert path.exists()


@pytest.mark.parametrize("field", ["target_name", "description", "mark.run", "mark.project", "mark.pin"])
def test_a_mark_with_text_that_is_no_unicode_is_foreign(folders: Folders, field: str) -> None:
    snapshot = folders.take("volume/a")
    document = json.loads(_mark_file(folders).read_text())
    holder = document["mark"] if "." in field else document
    bad = {"owner": "\udce9", "reason": "", "until": None} if field == "mark.pin" else "\udce9"
    holder[field.rpartition(".")[2]] = bad
    _mark_file(folders).write_text(json.dumps(document))
    [found] = folders.snapshots()
    assert found.mark is None
    assert found.address.encode()
    assert isinstance(folders.expire(snapshot).error, RefusedError)


def test_a_target_whose_folder_is_no_unicode_is_marked_like_any_other(folders: Folders) -> None:
    os.mkdir(os.fsencode(folders.root / "volumes") + b"/caf\xe9")
    snapshot = folders.take("volume/caf%E9")
    assert folders.snapshots() == [snapshot]
    assert folders.expire(snapshot).error is None


def test_a_snapshot_s_folder_that_was_copied_or_moved_elsewhere_is_another_thing(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    path = folders.folder_of(snapshot)
    shutil.copytree(path, path.with_name("copy"))
    shutil.copytree(path, folders.store / "snapshots/volume/b/one")
    marks = [(each.name, each.target_id) for each in folders.snapshots() if each.mark is not None]
    assert marks == [("one", "volume/a")]
    assert len(folders.snapshots()) == 3


def test_a_snapshot_of_another_project_is_listed_and_left_alone(folders: Folders) -> None:
    theirs = folders.create(folders.request("volume/a", project="theirs")).snapshot
    assert theirs is not None
    assert theirs.mark is not None
    assert folders.snapshots() == [theirs]
    assert isinstance(folders.expire(theirs).error, RefusedError)
    assert isinstance(folders.change(theirs, theirs.mark._replace(expires_at=None)).error, RefusedError)
    assert isinstance(folders.change(theirs, theirs.mark._replace(project="ours")).error, RefusedError)
    assert folders.snapshots() == [theirs]


@pytest.mark.parametrize(
    ("file", "format_"),
    [("snapshots/volume/a/one/mark.json", "snapplan.snapshot/2"), ("snapplan-store.json", "snapplan.store/2")],
)
def test_a_later_format_is_refused_with_what_to_do(folders: Folders, file: str, format_: str) -> None:
    folders.take("volume/a")
    (folders.store / file).write_text(json.dumps({"format": format_}))
    with pytest.raises(NotSupportedError, match=format_) as caught:
        folders.open().inventory()
    assert "later one" in caught.value.hint


def test_a_folder_with_other_things_is_not_made_a_store(folders: Folders) -> None:
    folders.store.mkdir()
    (folders.store / "file").write_text("mine")
    with pytest.raises(BackendError, match="something else"):
        folders.open().inventory()
    assert [child.name for child in folders.store.iterdir()] == ["file"]


def test_two_backends_of_one_project_cannot_share_a_store(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    other = folders.open(backend="other")
    with pytest.raises(RefusedError, match="that of backend 'lab'") as caught:
        other.inventory()
    assert "ours.json" in caught.value.hint
    assert folders.open(project="theirs", backend="other").inventory().snapshots[0].native_id == snapshot.native_id


def test_threads_that_make_the_store_at_once_make_one(folders: Folders) -> None:
    start = threading.Barrier(8)
    failures: list[Exception] = []

    def prepare() -> None:
        start.wait()
        try:
            Store("lab", "ours", folders.store).prepare()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=prepare) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(child.name for child in folders.store.iterdir()) == [
        "backends",
        "lock",
        "snapplan-store.json",
        "trash",
    ]


def test_an_expired_snapshot_is_gone_with_its_data(folders: Folders) -> None:
    snapshot, kept = folders.take("volume/a"), folders.take("volume/a", "two")
    assert folders.expire(snapshot).error is None
    assert folders.snapshots() == [kept]
    assert list((folders.store / "trash").iterdir()) == []
    assert folders.expire(snapshot).error is None


def _fill(path: Path) -> None:
    with path.open("wb", 0) as file:
        while True:
            file.write(bytes(1024))


@as_root
def test_a_full_disk_is_made_room_on(folders: Folders, mount: Callable[..., None]) -> None:
    image = folders.base / "image"
    with image.open("wb") as file:
        file.truncate(4 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-N", "200", image], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("cannot make a filesystem here")
    mount(folders.base / "small", "-o", "loop", str(image))
    folders.options = {"root": "lab", "store": "small/store"}
    snapshot = folders.take("volume/a")
    with pytest.raises(OSError, match="No space"):
        _fill(folders.base / "small/filler")
    assert folders.expire(snapshot).error is None
    assert folders.snapshots() == []


def test_another_snapshot_under_the_same_name_is_not_deleted(folders: Folders) -> None:
    old = folders.take("volume/a")
    folders.expire(old)
    new = folders.take("volume/a")
    assert old.native_id != new.native_id
    assert isinstance(folders.expire(old).error, RefusedError)
    assert folders.snapshots() == [new]
    assert isinstance(folders.change(old, new.mark).error, NotFoundError)  # type: ignore[arg-type]


def test_a_snapshot_that_was_pinned_after_the_plan_is_kept(folders: Folders) -> None:
    planned = folders.take("volume/a")
    assert planned.mark is not None
    folders.change(planned, planned.mark._replace(pin=Pin("anna", "audit")))
    assert "pinned meanwhile" in str(folders.expire(planned).error)
    assert len(folders.snapshots()) == 1


def test_a_connection_for_reading_refuses_to_write(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    driver = folders.open(read_only=True)
    [created] = driver.create([folders.request("volume/b")])
    assert isinstance(created.error, RefusedError)
    with pytest.raises(RefusedError):
        driver.restore(restoring(snapshot, "volume/a"))
    with pytest.raises(RefusedError):
        driver.recover(frozenset())


def test_what_a_dead_run_left_in_the_trash_is_removed_later(folders: Folders, dying: Dying) -> None:
    snapshot = folders.take("volume/a")
    dying.die(folders.settings(), "expire", [ExpireRequest(snapshot)], "expire.trashed")
    assert folders.snapshots() == []
    [left] = (folders.store / "trash").iterdir()
    [said] = folders.open().recover(frozenset())
    assert str(left) in said.text
    assert not left.exists()
    assert folders.open().recover(frozenset()) == []


@as_root
def test_trash_that_cannot_be_removed_is_said_and_stops_nothing(folders: Folders, mount: Callable[..., None]) -> None:
    folders.take("volume/a")
    stuck = folders.store / "trash/stuck"
    mount(stuck / "mounted", "--bind", str(folders.root / "volumes/a"))
    [said] = folders.open().recover(frozenset())
    assert "cannot be removed" in said.text
    assert (folders.root / "volumes/a/file").read_text() == "one"


def test_many_snapshots_are_listed_fast(folders: Folders) -> None:
    pattern = folders.take("volume/a")
    document = json.loads(_mark_file(folders).read_text())
    for number in range(2_000):
        folder = folders.store / f"snapshots/volume/t{number % 100}/s{number}"
        folder.mkdir(parents=True)
        document |= {
            "id": f"{number:032x}",
            "name": folder.name,
            "folder": folder.parent.name,
            "target_name": folder.parent.name,
        }
        (folder / "mark.json").write_text(json.dumps(document))
    driver = folders.open()
    started = time.process_time()
    snapshots = driver.inventory().snapshots
    seconds = time.process_time() - started
    assert len(snapshots) == 2_001
    assert pattern in snapshots
    # It takes about 0.15 s; one that reads each of them again for each other takes minutes.
    assert seconds < 3


def test_the_layout_can_be_guessed_from_the_names(folders: Folders) -> None:
    folders.take("vm/web", "gold.daily.20261122T0200Z")
    folders.take("cloud", "whole")
    assert (folders.store / "snapshots/vm/web/gold.daily.20261122T0200Z/data/disk").read_text() == "three"
    assert (folders.store / "snapshots/cloud/whole/data/root/vms/web/disk").read_text() == "three"
    assert folders.store.stat().st_mode & 0o077 == 0


def test_names_at_the_limit(folders: Folders) -> None:
    long = "n" * 255
    (folders.root / "volumes" / long).mkdir()
    snapshot = folders.take(f"volume/{long}", "ö" * 127)
    assert folders.snapshots() == [snapshot]
    assert folders.expire(snapshot).error is None
    assert folders.snapshots() == []


def test_removing_a_tree_that_resists(tmp_path: Path) -> None:
    top = tmp_path / "top"
    odd = Path(os.fsdecode(os.fsencode(top) + b"/odd\xff\n"))
    odd.mkdir(parents=True)
    (odd / "file").write_text("")
    (top / "link").symlink_to(tmp_path)
    os.mkfifo(top / "fifo")
    (top / "locked").mkdir()
    (top / "locked/file").write_text("")
    (top / "locked").chmod(0o500)
    remove_tree(top)
    assert list(tmp_path.iterdir()) == []
    remove_tree(top)


def test_removing_a_tree_deeper_than_any_path(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    descriptor = os.open(top, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("folder", dir_fd=descriptor)
        below = os.open("folder", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    remove_tree(top)
    assert not top.exists()


@as_root
def test_a_user_removes_their_own_folders_that_forbid_it(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "top/locked/inner").mkdir(parents=True)
    (mine / "top/locked/inner/file").write_text("")
    (mine / "top/locked/inner").chmod(0)
    (mine / "top/locked").chmod(0o500)
    as_nobody(mine, lambda: remove_tree(Path("top")))
    assert list(mine.iterdir()) == []


@as_root
def test_what_is_mounted_in_a_tree_survives_its_removal(tmp_path: Path, mount: Callable[..., None]) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("precious")
    (tmp_path / "top/first").mkdir(parents=True)
    mount(tmp_path / "top/mounted", "--bind", str(tmp_path / "precious"))
    with pytest.raises(OSError, match="mounted"):
        remove_tree(tmp_path / "top")
    assert (tmp_path / "precious/file").read_text() == "precious"
    assert (tmp_path / "top/first").exists()


def test_the_cloud_has_no_name_in_the_store(folders: Folders) -> None:
    store = Store("lab", "ours", folders.store)
    assert store.find(Scope.CLOUD, "", "one") == store.target_folder(Scope.CLOUD, "") / "one"


def test_a_store_has_an_identity_that_another_one_in_its_place_does_not_have(folders: Folders) -> None:
    assert folders.open().inventory().identity == ""
    folders.take("volume/a")
    first = folders.open().inventory().identity
    assert first
    assert folders.open().inventory().identity == first
    folders.store.rename(folders.store.with_name("elsewhere"))
    folders.take("volume/a")
    assert folders.open().inventory().identity not in ("", first)
