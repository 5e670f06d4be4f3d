from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory.removal import remove_tree
from snapplan.errors import BackendError, OutcomeUnknownError
from snapplan.models.target import RestoreMode

from .folders import COMPLETE, Folders, restoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from snapplan.models.request import RestoreRequest

    from .folders import Dying


def _state(folders: Folders) -> str:
    [path] = folders.store.glob("restores/*/*.json")
    return str(json.loads(path.read_text())["state"])


@pytest.mark.parametrize("point", ["restore.undone.written", "restore.undone.done", "restore.dropped"])
def test_a_recovery_that_dies_while_it_undoes_puts_nothing_half_removed_in_place(
    folders: Folders, dying: Dying, point: str
) -> None:
    folders.write(volumes__a__more="more")
    snapshot = folders.take("volume/a")
    after = folders.tree()
    folders.write(volumes__a__file="before")
    before = folders.tree()
    place = folders.root / "volumes/a"
    dying.die(folders.settings(), "restore", restoring(snapshot, "volume/a"), "restore.swap.before")
    # Somebody has other content there for a while, so that the restore cannot be completed then.
    place.rename(folders.base / "mine")
    place.mkdir()
    dying.die(folders.settings(), "recover", frozenset(), point)
    place.rmdir()
    (folders.base / "mine").rename(place)
    folders.open().recover(frozenset())
    assert folders.tree() in (before, after)
    if point != "restore.undone.written":
        assert _state(folders) == "undone"
    assert list(folders.store.glob("restores/*/*.aside")) == []


def test_a_restore_that_was_taken_back_but_not_recorded_is_unknown_and_stays_whole(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = folders.take("vm/web")
    request = restoring(snapshot, "vm/web", RestoreMode.CLONE, as_name="copy")
    replace = Path.replace

    def fail_and_take_the_name(self: Path, target: Path) -> Path:
        """Let somebody make the clone's folder at the last moment, and the disk be full of it."""
        if self.name == "restore-1.json.new" and '"undone"' in self.read_text():
            raise OSError(28, "No space left on device", str(self))
        if self.name == "restore-1.json.new" and '"swapping"' in self.read_text():
            folders.write(vms__copy__theirs="theirs")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_and_take_the_name)
    with pytest.raises(OutcomeUnknownError, match="could not be recorded"):
        folders.open().restore(request)
    monkeypatch.undo()
    remove_tree(folders.root / "vms/copy")
    [recovered] = folders.open().recover(frozenset())
    assert not recovered.completed
    assert not (folders.root / "vms/copy").exists()
    assert folders.open().restore(request).existed is False
    assert folders.tree(folders.root / "vms/copy") == {"disk": "three"}


def test_what_an_undone_attempt_left_is_removed_before_the_next(folders: Folders, dying: Dying) -> None:
    snapshot = folders.take("volume/a")
    request = restoring(snapshot, "volume/a")
    dying.die(folders.settings(), "restore", request, "restore.built")
    # As though it could not be removed when it was undone.
    [path] = folders.store.glob("restores/*/*.json")
    left = folders.root / "volumes/.snapplan-restoring-1"
    next(folders.store.glob("restores/ours/*.aside")).rename(left)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"state": "undone", "aside": str(left)}))
    folders.write(volumes__a__file="spoilt")
    assert folders.open().restore(request).error is None
    assert (folders.root / "volumes/a/file").read_text() == "one"
    assert not left.exists()
    assert list(folders.store.glob("restores/*/*.aside")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_a_disk_that_is_full_at_whatever_moment_leaves_the_old_content_or_the_new(
    tmp_path: Path, mount: Callable[..., None]
) -> None:
    ends = set()
    for pages in (0, 1, 2, 3, 5, 8, 13, 16, 17, 18, 19, 20, 21, 22, 30):
        base = tmp_path / str(pages)
        mount(base / "lab", "-t", "tmpfs", "-o", "size=512k", "tmpfs")
        folders = Folders(base)
        folders.write(volumes__a__file="one", volumes__a__deep__file="two", vms__web__disk="three")
        folders.write(volumes__a__big="x" * 60_000)
        snapshot = folders.take("cloud")
        after = folders.tree()
        folders.write(volumes__a__file="changed", volumes__a__new="new")
        before = folders.tree()
        status = os.statvfs(folders.root)
        filler = folders.root / "filler"
        filler.write_bytes(bytes(max(0, status.f_bavail * status.f_bsize - pages * 4096)))
        ends.add(_end_of(folders, restoring(snapshot, "cloud")))
        filler.unlink()
        found = folders.tree()
        assert found in (before, after), pages
        folders.open().recover(frozenset())
        assert folders.tree() in (found, after), pages
        folders.open().restore(restoring(snapshot, "cloud"))
        assert folders.tree() == after, pages
        assert list(folders.store.glob("restores/*/*.aside")) == [], pages
    assert {"done", "RefusedError"} <= ends


def _end_of(folders: Folders, request: RestoreRequest) -> str:
    try:
        folders.open().restore(request)
    except BackendError as error:
        return type(error).__name__
    return "done"


def _as_of_an_earlier_snapplan(folders: Folders) -> None:
    """Write the journal as a snapplan did that threw away what a restore had replaced."""
    [path] = folders.store.glob("restores/*/*.json")
    document = json.loads(path.read_text())
    aside = Path(document["aside"])
    earlier = aside.with_name("restore-1.aside")
    aside.rename(earlier)
    for number, unit in enumerate(document["plan"]["units"]):
        place = earlier / unit["aside"]
        if unit["kind"] == "remove":
            # That one put it beside the tree, under a number.
            spare = earlier / "old/0" / str(number)
            spare.parent.mkdir(parents=True, exist_ok=True)
            if place.exists():
                place.rename(spare)
            place = spare
        unit["aside"] = str(place)
    del document["token"], document["set_aside"], document["trees"], document["plan"]["around"]
    path.write_text(json.dumps(document | {"format": "snapplan.restore/1", "aside": str(earlier)}))


@pytest.mark.parametrize("point", ["restore.swap.before:1", "restore.swap.after:1", "restore.swap.after:2", "last"])
@pytest.mark.parametrize("key", ["vm/web", "cloud"])
def test_what_an_earlier_snapplan_replaced_becomes_a_safety_snapshot(
    folders: Folders, dying: Dying, point: str, key: str
) -> None:
    folders.options = {"root": "lab", "volumes": {"inner": "lab/vms/web/inner"}} if key == "vm/web" else {"root": "lab"}
    folders.write(vms__web__inner__file="inner", vms__web__one="1", vms__web__two="2")
    snapshot = folders.take(key)
    after = folders.tree()
    folders.write(vms__web__one="one now", vms__web__late="late now")
    before = folders.tree()
    point = "restore.exchanged.written" if point == "last" else point
    dying.die(folders.settings(), "restore", restoring(snapshot, key), point)
    _as_of_an_earlier_snapplan(folders)
    [recovered] = folders.open().recover(frozenset())
    if recovered.pending:
        [recovered] = folders.open().recover(frozenset(), COMPLETE)
    assert folders.tree() == (after if recovered.completed else before)
    assert recovered.completed is (point != "restore.swap.before:1")
    kept = [each for each in folders.snapshots() if each.set_aside]
    assert len(kept) == recovered.completed
    for each in kept:
        assert not each.in_use
        assert {"one now", "late now"} <= set(folders.tree(folders.folder_of(each) / "data").values())
        assert folders.open().restore(restoring(each, key, restore="back")).error is None
        assert folders.tree() == before
    assert list(folders.store.glob("restores/*/*.aside")) == []
