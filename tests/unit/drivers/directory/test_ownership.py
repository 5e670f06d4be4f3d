"""A store that somebody else can write, or planted, is neither read nor written, and nothing outside is touched."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from snapplan.errors import BackendError, RefusedError
from snapplan.models.request import ExpireRequest, Outcome

from .folders import NOBODY, Folders, as_nobody, restoring

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from snapplan.models.snapshot import Snapshot

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
FOLDERS = ("", "snapshots", "snapshots/volume", "snapshots/volume/a", "incoming", "trash", "restores", "restores/ours")
FOLDERS = (*FOLDERS, "frozen", "backends")


def _attempts(folders: Folders, snapshot: Snapshot) -> list[Callable[[], object]]:
    """Return all that can be asked of a store."""
    driver = folders.open()

    def outcome(outcomes: list[Outcome]) -> None:
        for each in outcomes:
            if each.error is not None:
                raise each.error

    request = folders.request("volume/b") if not folders.store.is_symlink() else None
    return [
        driver.inventory,
        lambda: outcome(list(driver.expire([ExpireRequest(snapshot)]))),
        lambda: driver.restore(restoring(snapshot, "volume/a")),
        lambda: driver.recover(frozenset()),
        *([lambda: outcome(list(driver.create([request])))] if request is not None else []),
    ]


def _prepared(folders: Folders) -> Snapshot:
    snapshot = folders.take("volume/a")
    folders.open().restore(restoring(snapshot, "volume/a", restore="earlier"))
    for name in FOLDERS:
        (folders.store / name).mkdir(mode=0o700, exist_ok=True)
    return snapshot


@pytest.mark.parametrize("name", [name for name in FOLDERS if name])
def test_a_link_in_the_place_of_a_folder_is_refused_and_not_followed(folders: Folders, name: str) -> None:
    snapshot = _prepared(folders)
    attempts = _attempts(folders, snapshot)
    outside = folders.base / "outside"
    shutil.copytree(folders.store / name, outside, symlinks=True)
    (outside / "precious").write_text("precious")
    shutil.rmtree(folders.store / name)
    (folders.store / name).symlink_to(outside)
    before = folders.tree(outside)
    for attempt in attempts:
        with pytest.raises(BackendError, match=r"symbolic link|something else|cannot be read|not there"):
            attempt()
    assert folders.tree(outside) == before


@as_root
@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_another_user_is_refused(folders: Folders, name: str) -> None:
    snapshot = _prepared(folders)
    attempts = _attempts(folders, snapshot)
    os.chown(folders.store / name, NOBODY, NOBODY)
    before = folders.tree(folders.store)
    for attempt in attempts:
        with pytest.raises(RefusedError, match="belongs to user"):
            attempt()
    assert folders.tree(folders.store) == before


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_others_may_write_is_put_right_and_said(folders: Folders, name: str) -> None:
    snapshot = _prepared(folders)
    (folders.store / name).chmod(0o777)
    notices = folders.open(read_only=True).inventory().notices
    assert any("others may write" in notice for notice in notices)
    assert (folders.store / name).stat().st_mode & 0o777 == 0o777, "who only reads changes nothing"
    [outcome] = folders.open().expire([ExpireRequest(snapshot)])
    assert outcome.error is None
    assert any("others could write" in notice for notice in outcome.notices)
    assert (folders.store / name).stat().st_mode & 0o777 == 0o700 if (folders.store / name).exists() else True
    assert folders.open().inventory().notices == ()


@as_root
def test_permissions_are_ignored_where_the_options_say_so(folders: Folders) -> None:
    snapshot = _prepared(folders)
    os.chown(folders.store, NOBODY, NOBODY)
    folders.store.chmod(0o777)
    folders.options = {"root": "lab", "store_permissions": "ignore"}
    assert folders.open().inventory().notices == ()
    assert folders.expire(snapshot).error is None
    assert folders.store.stat().st_mode & 0o777 == 0o777


@as_root
def test_root_leaves_a_user_s_store_usable(open_folder: Path) -> None:
    base = open_folder / "base"
    folders = Folders(base) if base.mkdir() is None else None
    assert folders is not None
    folders.write(volumes__a__file="one")
    as_nobody(base, lambda: folders.take("volume/a"))
    with pytest.raises(RefusedError, match="belongs to user"):
        folders.open().inventory()
    with pytest.raises(RefusedError):
        folders.open().recover(frozenset())
    owners = {path.lstat().st_uid for path in [folders.store, *folders.store.rglob("*")]}
    assert owners == {NOBODY}
    as_nobody(base, lambda: folders.take("volume/a", "two"))


@as_root
def test_nothing_is_written_into_an_empty_folder_that_somebody_else_made_for_it(folders: Folders) -> None:
    folders.store.mkdir()
    os.chown(folders.store, NOBODY, NOBODY)
    outcome = folders.create(folders.request("volume/a"))
    assert isinstance(outcome.error, RefusedError)
    assert list(folders.store.iterdir()) == []


@pytest.mark.parametrize("field", ["live", "folder", "aside", "unit aside", "project", "beside"])
def test_a_journal_that_names_what_is_no_place_of_ours_is_not_carried_out(folders: Folders, field: str) -> None:
    snapshot = folders.take("volume/a")
    folders.open().restore(restoring(snapshot, "volume/a"))
    [path] = folders.store.glob("restores/*/*.json")
    victim = folders.base / "cron.d"
    victim.mkdir()
    (victim / "job").write_text("root's own")
    aside = folders.store / "restores/ours/restore-1.0.aside"
    (aside / "new/0").mkdir(parents=True)
    (aside / "new/0/job").write_text("theirs")
    live = folders.root / "volumes/a"
    unit = {"kind": "exchange", "live": str(live), "aside": "new/0", "new": 1, "old": 2}
    unit |= {"new": (aside / "new/0").stat().st_ino, "old": live.stat().st_ino}
    folder = {"path": str(live), "mode": 0o777, "uid": 5, "gid": 5, "mtime_ns": 0}
    document = json.loads(path.read_text()) | {"state": "swapping", "aside": str(aside), "set_aside": None, "trees": []}
    if field == "live":
        unit |= {"live": str(victim), "old": victim.stat().st_ino}
    elif field == "folder":
        folder["path"] = str(victim)
    elif field == "aside":
        document["aside"] = str(victim)
    elif field == "unit aside":
        unit["aside"] = "new/../../../../../../cron.d"
    elif field == "project":
        document["project"] = "theirs"
    else:
        beside = folders.base / "elsewhere/.snapplan-restoring-x"
        beside.parent.mkdir()
        aside.rename(beside)
        document["aside"] = str(beside)
    document["plan"] = {"units": [unit], "folders": [folder], "around": []}
    path.write_text(json.dumps(document))
    before, content = victim.stat(), folders.tree()
    with pytest.raises(BackendError):
        folders.open().recover(frozenset())
    assert (victim / "job").read_text() == "root's own"
    after = victim.stat()
    assert (after.st_ino, after.st_mode, after.st_uid) == (before.st_ino, before.st_mode, before.st_uid)
    assert folders.tree() == content


@as_root
def test_a_journal_of_another_user_is_not_read(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    folders.open().restore(restoring(snapshot, "volume/a"))
    [path] = folders.store.glob("restores/*/*.json")
    os.chown(path, NOBODY, NOBODY)
    with pytest.raises(RefusedError, match="belongs to user"):
        folders.open().inventory()


def test_a_project_removes_nothing_of_one_whose_name_begins_as_its_own(folders: Folders) -> None:
    folders.take("volume/a")
    (folders.store / "incoming").mkdir(exist_ok=True)
    names = [f".{project}.{'a' * 32}" for project in ("ours.x", "ours", "theirs")]
    for name in names:
        (folders.store / "incoming" / name).mkdir()
    folders.open().recover(frozenset())
    assert sorted(path.name for path in (folders.store / "incoming").iterdir()) == sorted([names[0], names[2]])


def test_files_and_folders_are_private_whatever_the_umask(folders: Folders) -> None:
    umask = os.umask(0)
    try:
        snapshot = folders.take("volume/a")
        folders.take("cloud")
        folders.open().restore(restoring(snapshot, "volume/a"))
    finally:
        os.umask(umask)
    ours = [path for path in [folders.store, *folders.store.rglob("*")] if "data" not in path.parts]
    assert len(ours) > 15
    for path in ours:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


@as_root
def test_a_store_moved_away_while_it_is_written_gives_no_power_over_what_is_put_there(folders: Folders) -> None:
    """Whoever owns the folder around the store can put a link in its place, and wins nothing by it."""
    snapshot = folders.take("volume/a")
    outside = folders.base / "outside"
    shutil.copytree(folders.store, outside)
    before = folders.tree(outside)
    real = type(folders.open())._may_go

    def move_away(self: object, *arguments: object) -> None:
        real(self, *arguments)  # type: ignore[arg-type]
        folders.store.rename(folders.base / "moved")
        folders.store.symlink_to(outside)

    driver = folders.open()
    driver._may_go = move_away.__get__(driver)  # type: ignore[method-assign, attr-defined]
    list(driver.expire([ExpireRequest(snapshot)]))
    assert folders.tree(outside) == before
