"""A target whose content had vanished when it was captured: another disk, or none, in the place of the old one."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory import capture
from snapplan.drivers.directory.facts import Facts, Origin
from snapplan.drivers.directory.suspicion import suspicion
from snapplan.models.snapshot import Mark
from snapplan.models.target import Scope

from .folders import AT

if TYPE_CHECKING:
    from collections.abc import Callable

    from snapplan.models.request import Outcome
    from snapplan.models.snapshot import Snapshot

    from .folders import Folders

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
DISK = Origin("/data/a", 2, mounted=True, filesystem="ext4", uuid="one")


def facts(hour: int, entries: int, origin: Origin | None = DISK, *, files: int | None = None, why: str = "") -> Facts:
    mark = Mark("ours", "volume/a", "r", AT + timedelta(hours=hour), None, key=f"k{hour}", store="s")
    return Facts(
        id=f"id{hour}",
        name=f"n{hour}",
        scope=Scope.VOLUME,
        target_name="a",
        folder="a",
        mark=mark,
        completed_at=mark.taken_at,
        entries=entries,
        files=entries - 1 if files is None else files,
        origin=origin,
        suspicion=why,
    )


NO_MOUNT = DISK._replace(mounted=False, uuid="root")
OTHER = DISK._replace(uuid="two")
FULL, HALF, FEW, EMPTY = 101, 51, 50, 1


@pytest.mark.parametrize(
    ("entries", "origin", "is_suspicious"),
    [
        (FEW, NO_MOUNT, True),
        (HALF, NO_MOUNT, False),
        (FEW, OTHER, True),
        (FULL, OTHER, False),
        (FEW, DISK, False),
        (2, DISK, False),
        (EMPTY, DISK, True),
        (EMPTY, NO_MOUNT, True),
        (FEW, None, False),
        (EMPTY, None, True),
        (FEW, DISK._replace(inode=77), False),
        (FEW, DISK._replace(uuid=""), False),
    ],
    ids=[
        "not mounted, fewer than half",
        "not mounted, half",
        "another disk, fewer than half",
        "a copy to another disk",
        "fewer than half on the same disk",
        "nearly empty on the same disk",
        "empty on the same disk",
        "empty and not mounted",
        "fewer, and nobody knows the disk",
        "empty, and nobody knows the disk",
        "made anew",
        "an id that cannot be learned",
    ],
)
def test_the_rule(entries: int, origin: Origin | None, is_suspicious: bool) -> None:
    assert bool(suspicion(facts(9, entries, origin), [facts(8, FULL)])) is is_suspicious


def test_nothing_to_compare_with_is_not_suspicious() -> None:
    assert suspicion(facts(9, EMPTY), []) == ""
    assert suspicion(facts(9, EMPTY), [facts(8, FEW, why="it is empty")]) == ""


def test_suspicious_ones_are_no_measure() -> None:
    earlier = [facts(8, EMPTY, NO_MOUNT, why="not mounted"), facts(7, FULL)]
    assert suspicion(facts(9, FEW, NO_MOUNT), earlier)
    assert suspicion(facts(9, FULL), earlier) == ""


def test_a_queue_that_was_empty_before_and_came_back_is_not_suspicious() -> None:
    history = [facts(8, FULL), facts(7, EMPTY, why="it is empty"), facts(6, FULL)]
    assert suspicion(facts(9, EMPTY), history) == ""
    assert suspicion(facts(9, EMPTY), [facts(8, FULL), facts(7, EMPTY)]) != "", "it was empty at first, once"


def test_a_disk_that_was_away_before_makes_it_no_queue() -> None:
    away = facts(7, EMPTY, NO_MOUNT, why="not mounted")
    assert suspicion(facts(9, EMPTY, NO_MOUNT), [facts(8, FULL), away, facts(6, FULL)])


def _take(folders: Folders, hour: int) -> Outcome:
    request = folders.request("volume/a", f"s{hour}")
    mark = request.mark._replace(taken_at=AT + timedelta(hours=hour))
    return folders.create(request._replace(mark=mark))


def _snapshot(outcome: Outcome) -> Snapshot:
    assert outcome.error is None
    assert outcome.snapshot is not None
    return outcome.snapshot


@as_root
def test_a_target_that_is_not_mounted_is_suspicious_until_it_is_back(
    folders: Folders, mount: Callable[..., None]
) -> None:
    place = folders.root / "volumes/a"
    shutil.rmtree(place)
    mount(place, "-t", "tmpfs", "none")
    for number in range(6):
        (place / f"file{number}").write_text("precious")
    assert _snapshot(_take(folders, 1)).suspicion == ""
    kept = folders.base / "kept"
    kept.mkdir()
    os.system(f"mount --bind {place} {kept} && umount {place}")
    (place / "left").write_text("below the mount point")
    try:
        outcome = _take(folders, 2)
    finally:
        os.system(f"mount --bind {kept} {place} && umount {kept}")
    snapshot = _snapshot(outcome)
    assert "was a mount point and is none" in snapshot.suspicion
    assert snapshot.suspicion in outcome.notices
    assert [each.code for each in outcome.attention] == ["SP309"]
    listed = {one.name: one for one in folders.snapshots()}
    assert listed["s2"] == snapshot
    assert _snapshot(_take(folders, 3)).suspicion == ""


@pytest.mark.parametrize("how", ["option", "request"])
def test_a_target_may_be_empty_where_that_is_said(folders: Folders, how: str) -> None:
    _take(folders, 1)
    (folders.root / "volumes/a/file").unlink()
    if how == "option":
        folders.options = {"root": "lab", "targets": {"volume/a": {"may_be_empty": True}}}
        assert _snapshot(_take(folders, 2)).suspicion == ""
        return
    assert _snapshot(_take(folders, 2)).suspicion
    request = folders.request("volume/a", "s3")
    accepted = request._replace(
        mark=request.mark._replace(taken_at=AT + timedelta(hours=3)), options={"may_be_empty": True}
    )
    assert _snapshot(folders.create(accepted)).suspicion == ""
    assert _snapshot(_take(folders, 4)).suspicion == "", "what was accepted is the measure from then on"


def test_a_reboot_is_nothing_to_worry_about(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other device numbers, and even other inodes: neither is compared."""
    _take(folders, 1)
    original = capture.origin_of
    monkeypatch.setattr(capture, "origin_of", lambda path: original(path)._replace(inode=4711))
    assert _snapshot(_take(folders, 2)).suspicion == ""


@as_root
def test_a_copy_to_a_new_disk_is_nothing_to_worry_about(folders: Folders, mount: Callable[..., None]) -> None:
    _take(folders, 1)
    place = folders.root / "volumes/a"
    files = {path.name: path.read_text() for path in place.iterdir()}
    mount(place, "-t", "tmpfs", "none")
    for name, content in files.items():
        (place / name).write_text(content)
    assert _snapshot(_take(folders, 2)).suspicion == ""
