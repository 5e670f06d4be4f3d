from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from snapplan.drivers.directory.swap import (
    FolderMetadata,
    Kind,
    MovedAwayError,
    carry_out,
    is_done,
    nested_stores,
    plan_swap,
    progress,
    set_metadata,
    undo,
)
from snapplan.models.request import Progress

from .folders import as_nobody

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _make(top: Path, *files: str) -> Path:
    """Make files with the name of ``top`` as their content."""
    top.mkdir(parents=True, exist_ok=True)
    for name in files:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(top.name)
    return top


def _store(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "snapplan-store.json").write_text(json.dumps({"format": "snapplan.store/1"}))
    (folder / "kept").write_text("kept")
    return folder


def _content(top: Path) -> dict[str, str]:
    return {
        str(path.relative_to(top)): path.read_text()
        for path in top.rglob("*")
        if path.is_file() and path.name != "snapplan-store.json"
    }


def test_a_whole_folder_is_one_exchange(tmp_path: Path) -> None:
    new, live = _make(tmp_path / "new", "a", "b"), _make(tmp_path / "live", "a", "c")
    plan = plan_swap(new, live)
    assert [(unit.kind, unit.live) for unit in plan.units] == [(Kind.EXCHANGE, live)]
    carry_out(plan.units)
    assert _content(live) == {"a": "new", "b": "new"}
    assert _content(new) == {"a": "live", "c": "live"}


def test_what_is_gone_is_added(tmp_path: Path) -> None:
    new = _make(tmp_path / "new", "a")
    plan = plan_swap(new, tmp_path / "live")
    assert [unit.kind for unit in plan.units] == [Kind.ADD]
    carry_out(plan.units)
    assert _content(tmp_path / "live") == {"a": "new"}


def test_a_folder_with_a_store_is_exchanged_around_it(tmp_path: Path) -> None:
    new = _make(tmp_path / "new", "both", "only new", "deep/both", "deep/only new", "plain/file")
    live = _make(tmp_path / "live", "both", "only live", "deep/both", "deep/only live", "plain/other")
    store = _store(live / "deep/store")
    (new / "deep").chmod(0o750)
    os.utime(new / "deep", ns=(0, 12_345))
    os.utime(new, ns=(0, 54_321))
    plan = plan_swap(new, live)
    assert {(unit.kind, str(unit.live.relative_to(live))) for unit in plan.units} == {
        (Kind.EXCHANGE, "both"),
        (Kind.ADD, "only new"),
        (Kind.REMOVE, "only live"),
        (Kind.EXCHANGE, "deep/both"),
        (Kind.ADD, "deep/only new"),
        (Kind.REMOVE, "deep/only live"),
        (Kind.EXCHANGE, "plain"),
    }
    carry_out(plan.units)
    set_metadata(plan.folders)
    expected = {"both": "new", "only new": "new", "deep/both": "new", "deep/only new": "new", "plain/file": "new"}
    assert _content(live) == {**expected, "deep/store/kept": "kept"}
    assert (live / "deep").stat().st_mode & 0o777 == 0o750
    assert (live / "deep").stat().st_mtime_ns == 12_345
    assert live.stat().st_mtime_ns == 54_321
    assert list(nested_stores(live)) == [store]
    # All that was replaced or removed is in the tree that was set aside, where it was.
    replaced = ("both", "only live", "deep/both", "deep/only live", "plain/other")
    assert _content(new) == dict.fromkeys(replaced, "live")


def test_a_store_stays_where_the_new_content_has_none_of_its_folders(tmp_path: Path) -> None:
    new, live = _make(tmp_path / "new", "a"), _make(tmp_path / "live", "deep/file")
    _store(live / "deep/store")
    carry_out(plan_swap(new, live).units)
    assert _content(live) == {"a": "new", "deep/store/kept": "kept"}
    assert _content(new) == {"deep/file": "live"}


def test_a_tree_that_is_missing_is_never_an_empty_one(tmp_path: Path) -> None:
    live = _make(tmp_path / "live", "a")
    for make in (lambda: None, lambda: _store(live / "store")):
        make()
        before = _content(live)
        with pytest.raises(FileNotFoundError, match="gone"):
            plan_swap(tmp_path / "new", live)
        assert _content(live) == before


def test_each_rename_is_checked_right_before_it(tmp_path: Path) -> None:
    new, live = _make(tmp_path / "new", "a", "b"), _make(tmp_path / "live", "a", "b")
    _store(live / "store")
    plan = plan_swap(new, live)
    asked = []

    def refuse_the_second() -> None:
        asked.append(_content(live))
        if len(asked) == 2:
            raise PermissionError("no more")

    with pytest.raises(PermissionError):
        carry_out(plan.units, refuse_the_second)
    assert [list(each.values()).count("new") for each in asked] == [0, 1]
    assert progress(plan.units) is Progress.SOME


@as_root
def test_a_folder_replaced_by_a_link_before_the_exchange_is_not_followed(tmp_path: Path) -> None:
    new, live = _make(tmp_path / "new", "a"), _make(tmp_path / "volumes/live", "a")
    plan = plan_swap(new, live)
    (tmp_path / "volumes").rename(tmp_path / "away")
    _make(tmp_path / "important/live", "precious")
    (tmp_path / "volumes").symlink_to(tmp_path / "important")
    # Its inode is what it was: only the link gives it away.
    (tmp_path / "important/live").rename(tmp_path / "important/theirs")
    (tmp_path / "away/live").rename(tmp_path / "important/live")
    with pytest.raises(OSError, match=r"link|Not a directory"):
        carry_out(plan.units)
    assert _content(tmp_path / "important/live") == {"a": "live"}


def test_any_number_of_renames_done_is_completed_or_taken_back(tmp_path: Path) -> None:
    for number in range(6):
        for finish in (carry_out, undo):
            base = tmp_path / f"{number}{finish.__name__}"
            new = _make(base / "new", "a", "b", "c")
            live = _make(base / "live", "a", "d", "e")
            _store(live / "store")
            plan = plan_swap(new, live)
            before = _content(live)
            carry_out(plan.units[:number])
            finish(plan.units)
            after = {"a": "new", "b": "new", "c": "new", "store/kept": "kept"}
            assert _content(live) == (after if finish is carry_out else before)
            finish(plan.units)
            assert _content(live) == (after if finish is carry_out else before)


def test_what_somebody_else_put_there_is_neither(tmp_path: Path) -> None:
    new, live = _make(tmp_path / "new", "a"), _make(tmp_path / "live", "a")
    plan = plan_swap(new, live)
    live.rename(tmp_path / "away")
    _make(live, "theirs")
    for act in (lambda: is_done(plan.units[0]), lambda: carry_out(plan.units)):
        with pytest.raises(MovedAwayError, match="live"):
            act()
    undo(plan.units)
    assert _content(live) == {"theirs": "live"}


def test_a_link_to_a_store_and_a_link_as_target_are_not_followed(tmp_path: Path) -> None:
    _store(tmp_path / "store")
    top = _make(tmp_path / "top", "file")
    (top / "link").symlink_to(tmp_path / "store")
    assert list(nested_stores(top)) == []
    (tmp_path / "alias").symlink_to(tmp_path / "store")
    assert list(nested_stores(tmp_path / "alias")) == []


@as_root
def test_a_link_put_in_the_place_of_a_folder_gives_nothing_away(tmp_path: Path) -> None:
    victim = _make(tmp_path / "victim", "file")
    before = victim.stat()
    (tmp_path / "link").symlink_to(victim)
    for place in ("link", "victim/file"):
        with pytest.raises(OSError, match=r"directory|symbolic"):
            set_metadata([FolderMetadata(tmp_path / place, 0o777, 5, 5, 0)])
    after = victim.stat()
    assert (after.st_uid, after.st_mode, after.st_mtime_ns) == (before.st_uid, before.st_mode, before.st_mtime_ns)
    assert (victim / "file").stat().st_uid == os.geteuid()


@as_root
def test_a_user_s_folder_that_forbids_writing_is_put_in_place_with_its_mode(open_folder: Path) -> None:
    new = _make(open_folder / "one/new", "a")
    new.chmod(0o555)
    (open_folder / "two").mkdir()

    def act() -> None:
        plan = plan_swap(Path("one/new"), Path("two/live"))
        carry_out(plan.units)
        set_metadata(plan.folders)
        assert Path("two/live").stat().st_mode & 0o777 == 0o555
        assert _content(Path("two/live")) == {"a": "new"}

    as_nobody(open_folder, act)
