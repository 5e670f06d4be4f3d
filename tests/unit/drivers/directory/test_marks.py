"""What stands in a store is input: odd marks, missing data, copies of other stores' snapshots."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from snapplan.drivers.directory import layout, linux, listing
from snapplan.drivers.directory.facts import from_text
from snapplan.drivers.directory.linux import Mount, mount_table
from snapplan.errors import NameTakenError, NotFoundError, RefusedError
from snapplan.models.snapshot import Condition

from .folders import Folders

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from snapplan.models.snapshot import Snapshot

DEEP = "[" * 100_000


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "mark.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def _into_mark(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["mark"].update(fields)


def _into_facts(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.update(fields)


ODD_VALUES = {
    "a huge size": _into_facts(size=10**30),
    "a negative size": _into_facts(size=-1),
    "a size that is true": _into_facts(size=True),
    "a fraction for a size": _into_facts(size=1.5),
    "an endless size": _into_facts(size=float("inf")),
    "no number": _into_facts(size=float("nan")),
    "a text for a flag": _into_facts(quiesced="maybe"),
    "a number for a flag": _into_facts(consistent=1),
    "no list": _into_facts(contains=5),
    "a list of numbers": _into_facts(contains=[1]),
    "an id that leads elsewhere": _into_facts(id="../../etc"),
    "an empty id": _into_facts(id=""),
    "a number for an id": _into_facts(id=7),
    "a scope that is none": _into_facts(scope="galaxy"),
    "a name of no Unicode": _into_facts(target_name="\ud800"),
    "an omission without a reason": _into_facts(left_out=[{"path": "x"}]),
    "omissions that are texts": _into_facts(left_out=["x"]),
    "an origin that is a list": _into_facts(origin=[]),
    "no object for a mark": _into_facts(mark=[]),
    "a huge minimum": _into_mark(minimum=10**30),
    "a negative minimum": _into_mark(minimum=-3),
    "a minimum that is true": _into_mark(minimum=True),
    "an object for a key": _into_mark(key={"a": 1}),
    "a number for a profile": _into_mark(profile=7, period="p"),
    "a list for a set": _into_mark(set=[1]),
    "neither slot nor key": _into_mark(key=None),
    "the year 1": _into_mark(expires_at="0001-01-01T00:00:00Z"),
    "the year 9999": _into_mark(expires_at="9999-12-31T23:59:59Z"),
    "a time that no offset can be taken from": _into_mark(taken_at="0001-01-01T00:00:00+14:00"),
    "a local time": _into_mark(taken_at="2026-01-01T00:00:00"),
    "a number for an instant": _into_mark(taken_at=1),
    "no instant": _into_mark(taken_at=None),
    "a pin that is a text": _into_mark(pin="me"),
    "a pin without an owner": _into_mark(pin={"reason": "x"}),
    "a project of no Unicode": _into_mark(project="\udcff"),
}
ODD_TEXTS = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "deep lists": DEEP.encode(),
    "a deep object": b'{"a":' * 50_000,
    "a name twice": b'{"format": "snapplan.snapshot/1", "format": "snapplan.snapshot/1"}',
    "no UTF-8": b'{"format": "\xff"}',
    "UTF-16": '{"format": "snapplan.snapshot/1"}'.encode("utf-16"),
    "a number of 5000 digits": b'{"format": ' + b"9" * 5_000 + b"}",
    "a format that is a list": b'{"format": []}',
}


def _check(folders: Folders, good: Snapshot, odd: Path) -> None:
    """See that the good snapshot is listed as it was, and the other one as damaged and nobody's."""
    listed = {one.name: one for one in folders.snapshots()}
    assert listed["good"] == good
    found = listed[odd.name]
    assert found.condition is Condition.DAMAGED, found
    assert found.mark is None
    assert found.damage.isprintable()
    assert folders.open().verify(found).differences
    assert isinstance(folders.expire(found).error, RefusedError)
    assert odd.exists()


@pytest.mark.parametrize("change", ODD_VALUES.values(), ids=ODD_VALUES.keys())
def test_a_mark_with_an_odd_value_is_damaged(folders: Folders, change: Callable[[dict[str, Any]], object]) -> None:
    good, odd = folders.take("volume/a", "good"), folders.folder_of(folders.take("volume/a", "odd"))
    _edit(odd, change)
    _check(folders, good, odd)


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
def test_a_mark_that_is_no_mark_is_damaged(folders: Folders, text: bytes) -> None:
    good, odd = folders.take("volume/a", "good"), folders.folder_of(folders.take("volume/a", "odd"))
    (odd / "mark.json").write_bytes(text)
    _check(folders, good, odd)


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "device", "huge", "missing"])
def test_a_mark_that_is_no_file_is_damaged_and_is_not_waited_for(folders: Folders, kind: str) -> None:
    good, odd = folders.take("volume/a", "good"), folders.folder_of(folders.take("volume/a", "odd"))
    mark = odd / "mark.json"
    kept = folders.base / "kept.json"
    mark.rename(kept)
    if kind == "pipe":
        os.mkfifo(mark)
    elif kind == "link":
        mark.symlink_to(kept)
    elif kind == "folder":
        mark.mkdir()
    elif kind == "device":
        if os.geteuid() != 0:
            pytest.skip("needs root to make a device")
        os.mknod(mark, 0o20644, os.makedev(1, 5))
    elif kind == "huge":
        with mark.open("wb") as file:
            file.truncate(1 << 40)
    _check(folders, good, odd)


def _remove_data(folder: Path) -> None:
    shutil.rmtree(folder / "data")


def _cut(folder: Path) -> None:
    path = folder / "manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-5])


def _link_data(folder: Path) -> None:
    shutil.rmtree(folder / "data")
    (folder / "data").symlink_to("/")


def _pipe(folder: Path) -> None:
    (folder / "manifest.jsonl").unlink()
    os.mkfifo(folder / "manifest.jsonl")


def _empty(folder: Path) -> None:
    for path in (folder / "data").iterdir():
        path.unlink()


DAMAGES = {
    "emptied data": _empty,
    "no data": _remove_data,
    "no manifest": lambda folder: (folder / "manifest.jsonl").unlink(),
    "a manifest that is cut off": _cut,
    "a link for its data": _link_data,
    "a pipe for its manifest": _pipe,
    "never completed": lambda folder: _edit(folder, _into_facts(completed_at=None)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("old", [False, True], ids=["now", "by an earlier version"])
def test_a_snapshot_without_its_data_is_damaged_and_keeps_its_mark(
    folders: Folders, damage: Callable[[Path], object], old: bool
) -> None:
    sound = folders.take("volume/a")
    folder = folders.folder_of(sound)
    if old and damage is _empty:
        pytest.skip("earlier versions recorded nothing that would tell")
    if old:
        _edit(folder, lambda document: [document.pop(field) for field in ("manifest_size", "manifest_sha256")])
    assert folders.snapshots() == [sound]
    damage(folder)
    [listed] = folders.snapshots()
    assert listed.damage
    assert listed.mark == sound.mark
    assert listed.native_id == sound.native_id
    if listed.completed_at is not None:
        assert listed.condition is Condition.DAMAGED
        assert folders.open().verify(listed).differences


def test_a_damaged_snapshot_blocks_no_name_and_is_kept(folders: Folders) -> None:
    lost = folders.take("volume/a")
    _remove_data(folders.folder_of(lost))
    again = folders.take("volume/a")
    listed = {one.native_id: one for one in folders.snapshots()}
    assert listed[again.native_id] == again
    kept = listed[lost.native_id]
    assert (kept.name, kept.condition) == (f"one.damaged-{lost.native_id[:8]}", Condition.DAMAGED)
    assert kept.mark == lost.mark
    third = folders.take("volume/a")
    assert third == again, "it is there, and is not taken again"
    assert folders.expire(kept).error is None
    assert folders.snapshots() == [again]


def test_one_whose_mark_cannot_be_read_blocks_no_name_either(folders: Folders) -> None:
    lost = folders.folder_of(folders.take("volume/a"))
    (lost / "mark.json").write_text("{")
    again = folders.take("volume/a")
    conditions = {one.native_id == again.native_id: one.condition for one in folders.snapshots()}
    assert conditions == {True: Condition.SOUND, False: Condition.DAMAGED}


def test_where_several_projects_share_a_store_it_might_be_another_s(folders: Folders) -> None:
    assert folders.create(folders.request("volume/b", project="theirs")).error is None
    lost = folders.folder_of(folders.take("volume/a"))
    (lost / "mark.json").write_text("{")
    assert isinstance(folders.create(folders.request("volume/a")).error, NameTakenError)


def test_the_longest_name_leaves_room(folders: Folders) -> None:
    name = "ü" * 127
    _remove_data(folders.folder_of(folders.take("volume/a", name)))
    folders.take("volume/a", name)
    assert len(folders.snapshots()) == 2


class TestCopies:
    """Snapshots that were copied from another store."""

    @pytest.fixture
    def other(self, folders: Folders, tmp_path: Path) -> Folders:
        base = tmp_path / "other"
        base.mkdir()
        other = Folders(base)
        other.write(volumes__a__file="theirs")
        other.take("volume/a", "theirs")
        folders.take("volume/a", "ours")
        shutil.copytree(
            other.store / "snapshots/volume/a/theirs", folders.store / "snapshots/volume/a/theirs", symlinks=True
        )
        return other

    def _theirs(self, folders: Folders) -> Snapshot:
        return next(one for one in folders.snapshots() if one.name == "theirs")

    def test_a_mark_carries_the_id_of_its_store(self, folders: Folders) -> None:
        mark = folders.take("volume/a").mark
        assert mark is not None
        assert mark.store == folders.open().inventory().identity != ""

    def test_a_copy_is_listed_with_the_id_of_the_other_store(self, folders: Folders, other: Folders) -> None:
        mark = self._theirs(folders).mark
        assert mark is not None
        assert mark.store == other.open().inventory().identity

    def test_a_copy_is_neither_deleted_nor_changed(self, folders: Folders, other: Folders) -> None:
        copy = self._theirs(folders)
        assert copy.mark is not None
        assert isinstance(folders.expire(copy).error, RefusedError)
        assert isinstance(folders.change(copy, copy.mark._replace(minimum=5)).error, RefusedError)
        assert folders.folder_of(copy).exists()

    def test_a_copy_does_not_stand_for_a_snapshot_that_is_to_be_taken(self, folders: Folders, other: Folders) -> None:
        assert isinstance(folders.create(folders.request("volume/a", "theirs")).error, NameTakenError)

    def test_a_moved_store_is_taken_over_as_a_whole(self, folders: Folders, other: Folders) -> None:
        old = other.open().inventory().identity
        driver = folders.open()
        assert driver.adopt_store("0" * 32) == 0
        assert driver.adopt_store(old) == 1
        assert driver.adopt_store(old) == 0
        copy = self._theirs(folders)
        assert copy.mark is not None
        assert copy.mark.store == driver.inventory().identity
        assert folders.expire(copy).error is None

    def test_the_next_change_writes_the_id_into_an_older_mark(self, folders: Folders) -> None:
        snapshot = folders.take("volume/a")
        _edit(folders.folder_of(snapshot), lambda document: document["mark"].pop("store"))
        [listed] = folders.snapshots()
        assert listed.mark is not None
        assert listed.mark.store is None
        assert folders.change(listed, listed.mark._replace(minimum=4)).error is None
        [changed] = folders.snapshots()
        assert changed.mark is not None
        assert (changed.mark.store, changed.mark.minimum) == (folders.open().inventory().identity, 4)


def test_a_copy_of_a_snapshot_inside_the_store_makes_nothing_unreadable(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    folder = folders.folder_of(snapshot)
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.copytree(folder, folder.with_name("edited"))
    _edit(folder.with_name("edited"), _into_facts(name="edited"))
    listed = folders.snapshots()
    assert len({one.native_id for one in listed}) == len(listed) == 3
    assert sum(one.mark is not None for one in listed) == 1


class TestWhichStore:
    """Which store may be written to, and whether one may be made."""

    def test_no_store_is_made_where_that_is_not_allowed(self, folders: Folders) -> None:
        driver = folders.open()
        driver._store = driver._store._replace(may_create=False)
        [outcome] = driver.create([folders.request("volume/a")])
        assert isinstance(outcome.error, RefusedError)
        assert "drivers init" in outcome.error.hint
        assert not folders.store.exists()

    def test_another_store_is_not_written_to(self, folders: Folders) -> None:
        folders.take("volume/a")
        driver = folders.open()
        driver._store = driver._store._replace(expected="0" * 32)
        [outcome] = driver.create([folders.request("volume/b")])
        assert isinstance(outcome.error, RefusedError)
        assert len(folders.snapshots()) == 1

    def test_a_snapshot_that_is_gone_with_its_disk_was_not_deleted(self, folders: Folders) -> None:
        snapshot = folders.take("volume/a")
        driver = folders.open()
        driver._store = driver._store._replace(expected=driver.inventory().identity)
        folders.store.rename(folders.base / "away")
        from snapplan.models.request import ExpireRequest

        [outcome] = driver.expire([ExpireRequest(snapshot)])
        assert isinstance(outcome.error, RefusedError)

    def test_a_store_id_in_the_policy_is_made_by_init_only(self, folders: Folders) -> None:
        folders.options = {"root": "lab", "store_id": "a" * 32}
        with pytest.raises(RefusedError):
            folders.open().inventory()
        assert folders.open().init_store() == "a" * 32
        folders.take("volume/a")
        folders.options = {"root": "lab", "store_id": "b" * 32}
        with pytest.raises(RefusedError):
            folders.open().inventory()


def test_a_target_that_moved_since_the_plan_is_not_captured(folders: Folders, tmp_path: Path) -> None:
    request = folders.request("volume/a")
    assert request.target.fingerprint is not None
    away = tmp_path / "away"
    (folders.root / "volumes").rename(away)
    (folders.root / "volumes").symlink_to(away)
    outcome = folders.create(request)
    assert isinstance(outcome.error, RefusedError)
    assert "changed since the plan" in str(outcome.error)
    assert folders.create(folders.request("volume/a")).error is None, "a new plan knows it"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("place", ["volumes/a", "volumes", "behind a link of ours"])
def test_a_link_of_another_user_is_not_followed(folders: Folders, tmp_path: Path, place: str) -> None:
    secret = tmp_path / "secret"
    (secret / "a").mkdir(parents=True)
    link = folders.root / place
    if place == "volumes/a":
        shutil.rmtree(link)
        link.symlink_to(secret / "a")
    elif place == "volumes":
        shutil.rmtree(link)
        link.symlink_to(secret)
    else:
        link = tmp_path / "theirs"
        link.symlink_to(secret / "a")
        shutil.rmtree(folders.root / "volumes/a")
        (folders.root / "volumes/a").symlink_to(link)
    assert folders.create(folders.request("volume/a", "ours")).error is None
    os.chown(link, 65534, 65534, follow_symlinks=False)
    outcome = folders.create(folders.request("volume/a", "theirs"))
    assert isinstance(outcome.error, RefusedError)
    assert str(link) in str(outcome.error)
    whole = folders.create(folders.request("cloud"))
    if place == "volumes":
        assert isinstance(whole.error, RefusedError)
    else:
        assert whole.snapshot is not None
        assert "named/volume/a" in whole.snapshot.gaps
        assert "volume/a" not in whole.snapshot.contains
        assert {"volume/b", "vm/web"} <= set(whole.snapshot.contains)


def test_a_mounted_target_is_listed_without_being_asked(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead server behind a mount never answers, and a user's FUSE mount forbids it even to root."""
    place = str(folders.root / "volumes/a")
    table = {**mount_table(), place: Mount(place, "fuse.sshfs", "host:")}
    for module in (linux, listing, layout):
        monkeypatch.setattr(module, "mount_table", lambda: table, raising=False)
        monkeypatch.setattr(module, "mount_points", lambda: frozenset(table), raising=False)

    def asked(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(path, (str, os.PathLike)):
                assert not str(path).startswith(place), f"{path} was asked"
            return original(path, *arguments, **options)

        return call

    driver = folders.open()
    for name in ("stat", "lstat", "open", "access"):
        monkeypatch.setattr(os, name, asked(getattr(os, name)))
    targets = {target.id: target for target in driver.inventory().targets}
    print_ = targets["volume/a"].fingerprint
    assert print_ is not None
    assert (print_.mounted, print_.filesystem, print_.inode) == (True, "fuse.sshfs", None)
    assert "mount point" in targets["volume/a"].in_place_blocker


def test_targets_tell_what_lies_inside_them(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    (tmp_path / "top" / "in" / "deep").mkdir(parents=True)
    folders.options = {"volumes": {"top": "top", "deep": "top/in/deep"}, "store": "store"}
    targets = {target.id: target for target in folders.open().inventory().targets}
    assert targets["volume/top"].inside == ("volume/deep",)
    assert targets["volume/deep"].inside == ()
    print_ = targets["volume/top"].fingerprint
    assert print_ is not None
    assert (print_.path, print_.kind, print_.mounted) == (str(tmp_path / "top"), "folder", False)


def test_a_mark_that_is_written_can_be_read(folders: Folders) -> None:
    folder = folders.folder_of(folders.take("volume/a"))
    facts = from_text((folder / "mark.json").read_bytes())
    assert facts.mark.taken_at.utcoffset() is not None
    assert isinstance(facts.completed_at, datetime)
    with pytest.raises(NotFoundError):
        folders.open().verify(folders.snapshots()[0]._replace(name="other"))
