"""What a capture meets when somebody works on the same folders meanwhile; the freeze command is that somebody."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from snapplan.errors import NotFoundError, RefusedError
from snapplan.models.policy import QuiesceCommands
from snapplan.models.target import Quiesce, RestoreMode

from .folders import Folders, as_nobody, restoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from snapplan.models.request import Outcome

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _take_while(folders: Folders, key: str, act: str) -> Outcome:
    """Take a snapshot of ``key``, and run the shell command ``act`` between its start and its copy."""
    commands = QuiesceCommands(freeze=("sh", "-c", act), thaw=("true",), timeout=timedelta(seconds=20))
    folders.quiesce = {key: commands}
    return folders.create(folders.request(key, quiesce=Quiesce.REQUIRE))


def _incoming(store: Path) -> list[Path]:
    return list((store / "incoming").iterdir())


def test_a_root_that_goes_meanwhile_is_no_smaller_system(folders: Folders) -> None:
    folders.options = {"root": "lab", "store": "store", "vms": {"named": "named"}}
    (folders.base / "named").mkdir()
    outcome = _take_while(folders, "cloud", f"mv {folders.root} {folders.base}/gone")
    assert isinstance(outcome.error, NotFoundError)
    (folders.base / "gone").rename(folders.root)
    assert folders.snapshots() == []
    assert _incoming(folders.base / "store") == []


def test_a_named_folder_that_goes_meanwhile_is_left_out_and_said(tmp_path: Path) -> None:
    folders = Folders(tmp_path, store="lab/.snapplan", volumes={"a": "a", "b": "b"})
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    outcome = _take_while(folders, "cloud", f"mv {tmp_path}/a {tmp_path}/gone")
    assert outcome.snapshot is not None
    assert outcome.snapshot.contains == ("volume/b",)
    assert outcome.snapshot.consistent is False
    assert any("left out" in notice for notice in outcome.notices)
    assert folders.open().verify(outcome.snapshot).differences == ()


def test_named_folders_that_all_go_meanwhile_are_no_system(tmp_path: Path) -> None:
    folders = Folders(tmp_path, store="lab/.snapplan", volumes={"a": "a"}, vms={"b": "b"})
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    outcome = _take_while(folders, "cloud", f"rm -r {tmp_path}/a {tmp_path}/b")
    assert isinstance(outcome.error, NotFoundError)
    assert folders.snapshots() == []


def test_a_target_that_goes_meanwhile_is_not_taken(folders: Folders) -> None:
    outcome = _take_while(folders, "volume/a", f"rm -r {folders.root}/volumes/a")
    assert isinstance(outcome.error, NotFoundError)
    assert folders.snapshots() == []
    assert _incoming(folders.store) == []


def test_a_target_swapped_for_a_link_meanwhile_is_not_followed(folders: Folders) -> None:
    place = folders.root / "volumes/a"
    outcome = _take_while(folders, "volume/a", f"mv {place} {place}-old && ln -s {folders.root}/vms/web {place}")
    assert outcome.error is not None
    assert folders.snapshots() == []


def test_a_name_that_the_copy_has_already_is_not_taken_for_the_snapshot_s(folders: Folders) -> None:
    # As on a filesystem that does not tell upper and lower case apart.
    outcome = _take_while(folders, "volume/a", f"for each in {folders.store}/incoming/*; do mkdir $each/data; done")
    assert type(outcome.error) is RefusedError
    assert "File exists" in str(outcome.error)
    assert "case" in outcome.error.hint
    assert folders.snapshots() == []


def test_the_same_snapshot_taken_meanwhile_by_somebody_else_is_there_already(folders: Folders) -> None:
    request = folders.request("volume/a")
    theirs = folders.take("volume/a", "model")
    place = folders.folder_of(theirs)
    document = json.loads((place / "mark.json").read_text())
    document |= {"name": "one", "mark": document["mark"] | {"key": "one"}}
    (place / "mark.json").write_text(json.dumps(document))
    commands = QuiesceCommands(
        freeze=("mv", str(place), str(place.with_name("one"))), thaw=("true",), timeout=timedelta(seconds=20)
    )
    folders.quiesce = {"volume/a": commands}
    outcome = folders.create(request._replace(quiesce=Quiesce.REQUIRE))
    assert outcome.error is None
    assert outcome.existed
    assert outcome.snapshot is not None
    assert outcome.snapshot.native_id == theirs.native_id
    assert _incoming(folders.store) == []


def test_targets_behind_a_linked_folder_are_in_the_cloud_with_their_data(folders: Folders) -> None:
    (folders.root / "vms").rename(folders.base / "elsewhere")
    (folders.root / "vms").symlink_to(folders.base / "elsewhere")
    snapshot = folders.take("cloud")
    assert "vm/web" in snapshot.contains
    assert (folders.folder_of(snapshot) / "data/named/vm/web/disk").read_text() == "three"
    assert folders.open().verify(snapshot).differences == ()
    (folders.base / "elsewhere/web/disk").write_text("spoilt")
    assert folders.open().restore(restoring(snapshot, "vm/web")).error is None
    folders.open().restore(restoring(snapshot, "vm/web", RestoreMode.CLONE, as_name="copy", restore="restore-2"))
    assert folders.tree(folders.base / "elsewhere") == {"web/disk": "three", "copy/disk": "three"}


@as_root
def test_a_full_store_leaves_nothing_half_begun(folders: Folders, mount: Callable[..., None]) -> None:
    mount(folders.base / "small", "-t", "tmpfs", "-o", "size=128k", "tmpfs")
    folders.options = {"root": "lab", "store": "small/store"}
    kept = folders.take("volume/b")
    request = folders.request("volume/a")
    filler = folders.base / "small/filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(bytes(1 << 20))
    outcome = folders.create(request)
    assert isinstance(outcome.error, RefusedError)
    assert "No space left" in str(outcome.error)
    assert _incoming(folders.base / "small/store") == []
    assert folders.snapshots() == [kept]


@as_root
def test_root_restores_what_a_user_captured_of_others_with_a_notice(open_folder: Path) -> None:
    base, shared = open_folder / "base", open_folder / "shared"
    (base / "lab").mkdir(parents=True)
    shared.mkdir()
    (shared / "file").write_text("root's")
    options = {"root": "lab", "volumes": {"shared": str(shared)}}

    def act() -> None:
        outcome = Folders(base, **options).create(Folders(base, **options).request("volume/shared"))
        assert any("owner" in notice for notice in outcome.notices)

    as_nobody(base, act)
    folders = Folders(base, **options)
    # Root does not use a user's store, until it is given to root: without the data, whose owners are what was captured.
    with pytest.raises(RefusedError, match="belongs to user"):
        folders.snapshots()
    for path in [folders.store, *folders.store.rglob("*")]:
        if "data" not in path.parts:
            os.chown(path, 0, 0)
    [snapshot] = folders.snapshots()
    outcome = folders.open().restore(restoring(snapshot, "volume/shared", RestoreMode.CLONE, as_name="copy"))
    assert any("2 have another owner than when they were captured" in notice for notice in outcome.notices)
    assert (base / "lab/volumes/copy/file").read_text() == "root's"


def test_that_data_is_not_shared_is_said_once_by_each_connection(folders: Folders) -> None:
    def said(outcomes: list[Outcome]) -> int:
        assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
        return sum("no reflink" in notice for outcome in outcomes for notice in outcome.notices)

    driver = folders.open()
    first = said(list(driver.create([folders.request(key) for key in ("volume/a", "volume/b")])))
    assert said(list(driver.create([folders.request("vm/web")]))) == 0
    again = said(list(folders.open().create([folders.request("vm/web", "two")])))
    assert (first, again) in ((1, 1), (0, 0))
