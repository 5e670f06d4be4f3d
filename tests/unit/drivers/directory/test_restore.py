from __future__ import annotations

import json
import os
import shutil
import socket
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.conformance.forks import Fork
from snapplan.errors import (
    BackendError,
    NameTakenError,
    NotFoundError,
    NotSupportedError,
    OutcomeUnknownError,
    RefusedError,
)
from snapplan.models.request import Progress
from snapplan.models.target import RestoreMode

from .folders import COMPLETE, UNDO, Folders, as_nobody, restoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from snapplan.models.request import Mandate, RestoreRequest
    from snapplan.models.snapshot import Snapshot

    from .folders import Dying

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
CLONE = RestoreMode.CLONE


def _aside(folders: Folders) -> list[Path]:
    """Return what a restore left besides its journal, and what it left half done anywhere."""
    journals = list(folders.store.glob("restores/*/*.json"))
    return [path for path in folders.store.glob("restores/*/*") if path not in journals] + [
        *folders.root.rglob(".snapplan-restoring-*")
    ]


def _journal(folders: Folders) -> dict[str, object]:
    [path] = folders.store.glob("restores/*/*.json")
    document: dict[str, object] = json.loads(path.read_text())
    return document


def test_in_place_brings_back_the_old_content_with_all_that_belongs_to_it(folders: Folders) -> None:
    place = folders.root / "volumes/a"
    (place / "link").symlink_to("file")
    (place / "run").write_text("run")
    (place / "run").chmod(0o700)
    os.utime(place, ns=(0, 12_345))
    snapshot = folders.take("volume/a")
    (place / "file").write_text("spoilt")
    (place / "run").unlink()
    (place / "new").write_text("new")
    assert folders.open().restore(restoring(snapshot, "volume/a")).error is None
    assert folders.tree(place) == {"file": "one", "link": "one", "run": "run"}
    assert (place / "run").stat().st_mode & 0o777 == 0o700
    assert place.stat().st_mtime_ns == 12_345
    assert folders.open().verify(snapshot).differences == ()
    assert _aside(folders) == []


@pytest.mark.parametrize("key", ["tenant/acme", "vm/web", "volume/a"])
@pytest.mark.parametrize("source", ["own", "cloud"])
def test_a_deleted_target_is_made_again_where_it_was(folders: Folders, key: str, source: str) -> None:
    snapshot = folders.take(key if source == "own" else "cloud")
    before = folders.tree()
    scope, name = key.split("/")
    shutil.rmtree(folders.root / f"{scope}s")
    assert folders.tree() != before
    folders.open().restore(restoring(snapshot, key))
    place = f"{scope}s/{name}/"
    assert {path: text for path, text in folders.tree().items() if path.startswith(place)} == {
        path: text for path, text in before.items() if path.startswith(place)
    }


@pytest.mark.parametrize("source", ["own", "cloud"])
def test_a_clone_stands_beside_and_overwrites_nothing(folders: Folders, source: str) -> None:
    snapshot = folders.take("tenant/acme" if source == "own" else "cloud")
    folders.write(tenants__acme__volumes__x__file="changed")
    before = folders.tree()
    folders.open().restore(restoring(snapshot, "tenant/acme", CLONE, as_name="copy"))
    assert folders.tree() == {
        **before,
        "tenants/copy/volumes/x/file": "four",
        "tenants/copy/vms/db/disk": "five",
    }
    assert "tenant/copy" in [target.id for target in folders.open().inventory().targets]


def test_a_clone_s_name_must_be_free_and_good(folders: Folders) -> None:
    snapshot = folders.take("vm/web")
    driver = folders.open()
    before = folders.tree()
    with pytest.raises(NameTakenError):
        driver.restore(restoring(snapshot, "vm/web", CLONE, as_name="web"))
    for name in ("", "..", "a/b"):
        with pytest.raises(RefusedError):
            driver.restore(restoring(snapshot, "vm/web", CLONE, as_name=name))
    folders.options = {"root": "lab", "vms": {"named": "elsewhere"}}
    with pytest.raises(NameTakenError):
        folders.open().restore(restoring(snapshot, "vm/web", CLONE, as_name="named"))
    assert folders.tree() == before
    # Nothing was begun, so the key may be used.
    assert driver.restore(restoring(snapshot, "vm/web", CLONE, as_name="free")).existed is False


def test_named_paths_come_back_in_place_and_clones_need_a_root(tmp_path: Path) -> None:
    folders = Folders(tmp_path, store="lab/.snapplan", volumes={"etc": "far/away/etc"})
    (tmp_path / "far/away/etc").mkdir(parents=True)
    (tmp_path / "far/away/etc/file").write_text("old")
    snapshot = folders.take("volume/etc")
    with pytest.raises(RefusedError, match="root") as caught:
        folders.open().restore(restoring(snapshot, "volume/etc", CLONE, as_name="copy"))
    assert caught.value.hint
    shutil.rmtree(tmp_path / "far")
    folders.open().restore(restoring(snapshot, "volume/etc"))
    assert (tmp_path / "far/away/etc/file").read_text() == "old"
    folders.options = {"store": "lab/.snapplan", "volumes": {"other": "far"}}
    with pytest.raises(NotFoundError, match="named path"):
        folders.open().restore(restoring(snapshot, "volume/etc", restore="restore-2"))


def test_the_whole_system_comes_back_and_what_the_snapshot_does_not_know_stays(folders: Folders) -> None:
    folders.write(notes="a file of nobody's")
    before = folders.tree()
    snapshot = folders.take("cloud")
    shutil.rmtree(folders.root / "volumes/b")
    folders.write(volumes__a__file="spoilt", vms__web__more="more", volumes__later__file="later", notes="edited")
    outcome = folders.open().restore(restoring(snapshot, "cloud"))
    assert folders.tree() == {**before, "volumes/later/file": "later", "notes": "edited"}
    assert any("volume/later" in notice for notice in outcome.notices)
    with pytest.raises(NotSupportedError):
        folders.open().restore(restoring(snapshot, "cloud", CLONE, as_name="copy", restore="restore-2"))


def test_a_snapshot_that_does_not_hold_it_is_refused(folders: Folders) -> None:
    cloud, vm = folders.take("cloud"), folders.take("vm/web")
    folders.write(volumes__later__file="later")
    for snapshot, key in ((cloud, "volume/later"), (vm, "volume/a"), (vm, "vm/other")):
        with pytest.raises(NotFoundError):
            folders.open().restore(restoring(snapshot, key))
    folders.expire(vm)
    with pytest.raises(NotFoundError, match="not there any more"):
        folders.open().restore(restoring(vm, "vm/web"))
    folders.take("vm/web")
    with pytest.raises(NotFoundError, match="not the snapshot that was planned"):
        folders.open().restore(restoring(vm, "vm/web"))
    assert folders.open().inventory().restores == ()


@pytest.mark.parametrize("damage", ["content", "missing", "extra", "manifest"])
def test_a_damaged_snapshot_is_found_before_anything_is_touched(folders: Folders, damage: str) -> None:
    snapshot = folders.take("volume/a")
    path = folders.folder_of(snapshot)
    if damage == "content":
        (path / "data/file").write_text("longer than it was")
    elif damage == "missing":
        (path / "data/file").unlink()
    elif damage == "extra":
        (path / "data/more").write_text("")
    else:
        (path / "manifest.jsonl").write_text("")
    folders.write(volumes__a__file="now")
    before = folders.tree()
    with pytest.raises(RefusedError, match=r"manifest|damaged"):
        folders.open().restore(restoring(snapshot, "volume/a"))
    assert folders.tree() == before
    assert folders.open().inventory().restores == ()
    assert _aside(folders) == []


def test_a_key_is_carried_out_once(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    request = restoring(snapshot, "volume/a", content="digest")
    folders.open().restore(request)
    folders.write(volumes__a__file="later")
    assert folders.open().restore(request).existed
    assert (folders.root / "volumes/a/file").read_text() == "later"
    [restore] = folders.open().inventory().restores
    assert (restore.key, restore.run, restore.done) == ("restore-1", "run-1", True)
    for other in (request._replace(content="another"), request._replace(mode=CLONE, as_name="copy")):
        with pytest.raises(RefusedError, match="other content"):
            folders.open().restore(other)


def test_keys_of_any_text_and_of_two_projects_do_not_meet(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    for number, key in enumerate(("../../key", "key", "k" * 400, ".key", "schlüssel", "a b")):
        request = restoring(snapshot, "volume/a", CLONE, as_name=f"copy{number}", restore=key)
        assert folders.open().restore(request).existed is False
        assert folders.open().restore(request).existed is True
    request = restoring(snapshot, "volume/a", CLONE, as_name="theirs", restore="key")
    assert folders.open(project="theirs").restore(request).existed is False
    assert len(folders.open().inventory().restores) == 6
    assert len(folders.open(project="theirs").inventory().restores) == 1


def test_a_store_made_inside_the_target_since_the_snapshot_survives_its_restore(folders: Folders) -> None:
    snapshot = folders.take("tenant/acme")
    inner = Folders(folders.base, root="lab/tenants/acme")
    target = next(each for each in inner.open(backend="inner").inventory().targets if each.id == "vm/db")
    request = folders.request("vm/web")
    request = request._replace(target=target, mark=request.mark._replace(target_id="vm/db"))
    [made] = inner.open(backend="inner").create([request])
    assert made.error is None
    folders.write(tenants__acme__vms__db__disk="spoilt", tenants__acme__vms__late__disk="late")
    folders.open().restore(restoring(snapshot, "tenant/acme"))
    assert (folders.root / "tenants/acme/vms/db/disk").read_text() == "five"
    assert not (folders.root / "tenants/acme/vms/late").exists()
    assert inner.open(backend="inner").inventory().snapshots == [made.snapshot]
    assert inner.open(backend="inner").verify(made.snapshot).differences == ()  # type: ignore[arg-type]
    assert _aside(folders) == []


def _scene(base: Path, kind: str) -> tuple[Folders, RestoreRequest, dict[str, str], dict[str, str]]:
    """Return a world ready for a restore of several renames, and its content before and after."""
    folders = Folders(base)
    folders.write(
        volumes__a__file="one", vms__web__disk="two", tenants__acme__volumes__x__file="three", tenants__acme__top="four"
    )
    snapshot = folders.take("cloud" if kind == "cloud" else "tenant/acme")
    after = folders.tree()
    folders.write(volumes__a__file="1", vms__web__disk="2", tenants__acme__volumes__x__file="3", tenants__acme__new="n")
    (folders.root / "tenants/acme/top").unlink()
    before = folders.tree()
    if kind == "cloud":
        return folders, restoring(snapshot, "cloud"), before, after
    store = folders.root / "tenants/acme/volumes/.inner"
    store.mkdir()
    (store / "snapplan-store.json").write_text(json.dumps({"format": "snapplan.store/1"}))
    inner = {"tenants/acme/volumes/.inner/snapplan-store.json": (store / "snapplan-store.json").read_text()}
    kept = {path: text for path, text in before.items() if not path.startswith("tenants/")}
    tenant = {path: text for path, text in after.items() if path.startswith("tenants/")}
    return folders, restoring(snapshot, "tenant/acme"), {**before, **inner}, {**kept, **tenant, **inner}


def _set_aside(folders: Folders) -> list[Snapshot]:
    return [snapshot for snapshot in folders.snapshots() if snapshot.set_aside]


def _replaced(folders: Folders) -> set[str]:
    """Return all that is kept of what restores replaced, whatever the path."""
    return {
        text for snapshot in _set_aside(folders) for text in folders.tree(folders.folder_of(snapshot) / "data").values()
    }


@pytest.mark.parametrize("kind", ["cloud", "around a store"])
@pytest.mark.slow
def test_a_crash_at_any_point_is_recorded_undone_or_left_to_a_person(tmp_path: Path, dying: Dying, kind: str) -> None:
    (tmp_path / "first").mkdir()
    folders, request, before, after = _scene(tmp_path / "first", kind)
    points = dying.points(folders.settings(), "restore", request)
    assert folders.tree() == after
    assert len([point for point in points if point.startswith("restore.swap.")]) >= 6
    ends = set()
    waited = 0
    for number, point in enumerate(points):
        (tmp_path / str(number)).mkdir()
        folders, request, before, after = _scene(tmp_path / str(number), kind)
        lost = set(before.values()) - set(after.values())
        dying.die(folders.settings(), "restore", request, point)
        assert {snapshot.in_use for snapshot in folders.snapshots()} in ({""}, {"restore restore-1"})
        if folders.open().inventory().restores and not folders.open().inventory().restores[0].done:
            with pytest.raises(RefusedError, match="interrupted"):
                folders.open().restore(request)
            assert "needed by restore" in str(folders.expire(request.source).error)
            assert folders.open().recover(frozenset({"run-1"})) == []
        left = folders.tree()
        recovered = folders.open().recover(frozenset())
        if any(each.pending for each in recovered):
            # Half exchanged: nothing is done unless somebody says so.
            waited += 1
            mandate = COMPLETE if waited % 2 else UNDO
            assert folders.tree() == left, point
            [restore] = folders.open().inventory().restores
            assert restore.exchanged is Progress.SOME
            [kept] = _set_aside(folders)
            assert kept.in_use, "what was replaced is listed at once, and held"
            assert "needed by restore" in str(folders.expire(kept).error)
            recovered = folders.open().recover(frozenset(), mandate)
            assert folders.tree() == (after if mandate is COMPLETE else before), point
        assert folders.tree() in (before, after), point
        done = folders.tree() == after
        ends.add(done)
        assert {each.completed for each in recovered} <= {done}, point
        assert _aside(folders) == [], point
        assert folders.open().recover(frozenset()) == []
        assert _replaced(folders) >= (lost if done else set()), point
        assert folders.open().restore(request).existed is done, point
        assert folders.tree() == after, point
        assert _replaced(folders) >= lost, point
        assert {snapshot.in_use for snapshot in folders.snapshots()} == {""}
    assert ends == {True, False}
    assert waited > 1


def _recovered(folders: Folders, mandate: Mandate) -> None:
    folders.open().recover(frozenset(), mandate)


def test_a_recovery_that_crashes_itself_is_recovered(tmp_path: Path, dying: Dying) -> None:
    for mandate, point in ((COMPLETE, "restore.swap.after"), (UNDO, "restore.placing"), (UNDO, "restore.undoing.done")):
        for number in range(1, 20):
            base = tmp_path / f"{len(mandate.undo)}{point}{number}"
            base.mkdir()
            folders, request, before, after = _scene(base, "cloud")
            dying.die(folders.settings(), "restore", request, "restore.swap.after:1")
            with Fork(partial(_recovered, folders, mandate), die_at=f"{point}:{number}") as child:
                code = child.exit_code()
            folders.open().recover(frozenset(), mandate)
            assert folders.tree() == (after if mandate is COMPLETE else before)
            assert _aside(folders) == []
            if code == 0:
                break
        assert number > 1


def test_what_a_person_put_there_after_a_crash_is_kept(folders: Folders, dying: Dying) -> None:
    snapshot = folders.take("volume/a")
    dying.die(folders.settings(), "restore", restoring(snapshot, "volume/a"), "restore.swap.before")
    (folders.root / "volumes/a").rename(folders.root / "volumes/mine")
    folders.write(volumes__a__file="theirs")
    [recovered] = folders.open().recover(frozenset())
    assert not recovered.completed
    assert "nothing was changed" in recovered.text
    assert (folders.root / "volumes/a/file").read_text() == "theirs"
    assert _aside(folders) == []


def test_a_target_put_there_anew_after_the_renames_stays_and_what_was_replaced_is_kept(
    folders: Folders, dying: Dying
) -> None:
    snapshot = folders.take("volume/a")
    folders.write(volumes__a__file="old")
    dying.die(folders.settings(), "restore", restoring(snapshot, "volume/a"), "restore.swap.after")
    (folders.root / "volumes/a").rename(folders.root / "volumes/mine")
    folders.write(volumes__a__file="theirs")
    [recovered] = folders.open().recover(frozenset())
    assert recovered.completed
    assert (folders.root / "volumes/a/file").read_text() == "theirs"
    assert _replaced(folders) == {"old"}
    assert _aside(folders) == []


def test_what_is_nowhere_after_the_renames_is_left_and_said(folders: Folders, dying: Dying) -> None:
    snapshot = folders.take("volume/a")
    folders.write(volumes__a__file="old")
    dying.die(folders.settings(), "restore", restoring(snapshot, "volume/a"), "restore.swap.after")
    [aside] = _aside(folders)
    (aside / "new/0").rename(folders.root / "volumes/mine")
    folders.write(volumes__a__file="written since")
    [recovered] = folders.open().recover(frozenset())
    assert recovered.pending
    with pytest.raises(BackendError, match="neither completed nor undone") as caught:
        folders.open().recover(frozenset(), COMPLETE)
    assert "remove" in caught.value.hint
    assert (folders.root / "volumes/a/file").read_text() == "written since"


@pytest.mark.parametrize("mandate", [COMPLETE, UNDO])
@pytest.mark.parametrize("renames", [3, 4])
def test_a_file_saved_or_removed_in_a_half_restored_target_stops_nothing(
    folders: Folders, dying: Dying, mandate: Mandate, renames: int
) -> None:
    target = folders.root / "volumes/a"
    folders.write(volumes__a__file="one", volumes__a__other="two", volumes__a__third="three")
    snapshot = folders.take("volume/a")
    for path in target.iterdir():
        path.write_text(f"later {path.name}")
    # What no snapshot has splits the restore into one rename for each entry: file, new, other, third.
    (target / "inner").mkdir()
    (target / "inner/snapplan-store.json").write_text(json.dumps({"format": "snapplan.store/1"}))
    (target / "new").write_text("later new")
    dying.die(folders.settings(), "restore", restoring(snapshot, "volume/a"), f"restore.swap.after:{renames}")
    # As an editor saves: a new file takes the place of the one that was put there.
    (target / "draft").write_text("saved since")
    (target / "draft").rename(target / "file")
    (target / "new").write_text("made again")
    (target / "other").unlink()
    recovered = folders.open().recover(frozenset())
    if renames == 3:
        assert [each.pending for each in recovered] == [True]
        recovered = folders.open().recover(frozenset(), mandate)
    [each] = recovered
    found = {path.name: path.read_text() for path in target.iterdir() if path.is_file()}
    earlier = {name: f"later {name}" for name in ("file", "new", "other", "third")}
    if renames == 4 or mandate is COMPLETE:
        assert each.completed
        assert found == {"file": "saved since", "new": "made again", "third": "three"}
        assert _replaced(folders) == set(earlier.values())
    else:
        assert not each.completed
        assert found == earlier
        assert _replaced(folders) >= {"saved since", "made again"}
    assert _aside(folders) == []


def test_what_cannot_be_completed_is_undone_as_a_whole(folders: Folders, dying: Dying) -> None:
    snapshot = folders.take("cloud")
    shutil.rmtree(folders.root / "volumes/b")
    folders.write(volumes__a__file="spoilt", vms__web__disk="spoilt")
    before = folders.tree()
    dying.die(folders.settings(), "restore", restoring(snapshot, "cloud"), "restore.swap.after:2")
    assert folders.tree() != before
    # Somebody makes volume/b anew in the place that a restored one is to take, and writes to one that is restored.
    folders.write(volumes__b__mine="mine")
    written = [path for path, text in folders.tree().items() if before.get(path) == "spoilt" and text != "spoilt"]
    (folders.root / written[0]).write_text("written since")
    [recovered] = folders.open().recover(frozenset(), COMPLETE)
    assert not recovered.completed
    assert "could not be completed" in recovered.text
    assert folders.tree() == {**before, "volumes/b/mine": "mine"}
    assert "written since" in _replaced(folders)


@pytest.mark.parametrize("source", ["own", "cloud"])
def test_what_a_restore_replaces_is_its_safety_snapshot(folders: Folders, source: str) -> None:
    key = "volume/a" if source == "own" else "cloud"
    snapshot = folders.take(key)
    folders.write(volumes__a__file="spoilt", volumes__a__late="late")
    place = folders.root / "volumes/a"
    inode = place.stat().st_ino
    with open(place / "late", "a", encoding="utf-8") as writer:
        outcome = folders.open().restore(restoring(snapshot, key))
        assert any("manual.pre-restore.restore-1" in notice for notice in outcome.notices)
        # A program that has a file open goes on writing to what was set aside.
        writer.write(" and later")
    [kept] = _set_aside(folders)
    assert (kept.name, kept.target_id, kept.in_use) == ("manual.pre-restore.restore-1", key, "")
    assert kept.mark is not None
    assert kept.mark.expires_at is not None
    assert kept.completed_at is not None
    assert kept.mark.expires_at - kept.completed_at == timedelta(days=7)
    assert {"spoilt", "late and later"} <= _replaced(folders)
    moved = folders.folder_of(kept) / ("data" if source == "own" else "data/root/volumes/a")
    assert moved.stat().st_ino == inode, "it is moved, never copied"
    assert folders.open().verify(kept).differences == ()
    # It can be restored from, though it changed after it was recorded.
    outcome = folders.open().restore(restoring(kept, key, restore="back"))
    assert (place / "late").read_text() == "late and later"
    assert any("changed after" in notice for notice in outcome.notices)
    assert len(_set_aside(folders)) == 2
    for each in _set_aside(folders):
        assert folders.expire(each).error is None


def test_a_clone_and_a_target_that_is_gone_set_nothing_aside(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    folders.open().restore(restoring(snapshot, "volume/a", CLONE, as_name="copy", restore="clone"))
    shutil.rmtree(folders.root / "volumes/a")
    folders.open().restore(restoring(snapshot, "volume/a"))
    assert _set_aside(folders) == []


def test_a_restore_keeps_what_the_snapshot_left_out(folders: Folders) -> None:
    place = folders.root / "volumes/a"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place / "deep.sock"))
    (place / "sub").mkdir()
    (place / "sub/file").write_text("old")
    snapshot = folders.take("volume/a")
    folders.write(volumes__a__file="spoilt", volumes__a__sub__file="new")
    before = (place / "deep.sock").lstat().st_ino
    folders.open().restore(restoring(snapshot, "volume/a"))
    assert (place / "deep.sock").lstat().st_ino == before
    assert folders.tree(place) == {"file": "one", "sub/file": "old"}
    assert {"spoilt", "new"} <= _replaced(folders)
    listener.close()


def test_a_target_inside_another_stays_as_it_is(folders: Folders) -> None:
    folders.options = {"root": "lab", "volumes": {"inner": "lab/vms/web/inner"}}
    folders.write(vms__web__inner__file="then", vms__web__disk="then")
    snapshot = folders.take("vm/web")
    folders.write(vms__web__inner__file="now", vms__web__disk="now")
    folders.open().restore(restoring(snapshot, "vm/web"))
    assert (folders.root / "vms/web/disk").read_text() == "then"
    assert (folders.root / "vms/web/inner/file").read_text() == "now"
    assert _replaced(folders) == {"now"}


def test_what_has_to_stay_and_lies_in_the_way_stops_the_restore(folders: Folders) -> None:
    folders.options = {"root": "lab", "volumes": {"inner": "lab/vms/web/d/inner"}}
    folders.write(vms__web__d="a file then")
    snapshot = folders.take("vm/web")
    (folders.root / "vms/web/d").unlink()
    folders.write(vms__web__d__inner__file="now")
    before = folders.tree()
    with pytest.raises(RefusedError, match="no folder"):
        folders.open().restore(restoring(snapshot, "vm/web"))
    assert folders.tree() == before
    assert _aside(folders) == []
    assert _set_aside(folders) == []


def test_a_store_that_was_moved_knows_its_restores(folders: Folders, dying: Dying) -> None:
    snapshot = folders.take("volume/a")
    request = restoring(snapshot, "volume/a")
    folders.open().restore(request)
    dying.die(folders.settings(), "restore", request._replace(key="restore-2"), "restore.built")
    folders.root.rename(folders.base / "moved")
    folders.options = {"root": "moved"}
    assert [each.done for each in folders.open().inventory().restores] == [True, False]
    assert folders.open().restore(request).existed
    [recovered] = folders.open().recover(frozenset())
    assert "undid" in recovered.text
    assert list(folders.base.glob("moved/.snapplan/restores/*/*.aside")) == []


def test_a_journal_that_cannot_be_read_is_never_skipped(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    folders.open().restore(restoring(snapshot, "volume/a"))
    [journal] = folders.store.glob("restores/*/*.json")
    document = json.loads(journal.read_text())
    for content in ("", "{}", "[]", json.dumps({**document, "aside": "/home"})):
        journal.write_text(content)
        with pytest.raises(BackendError, match="cannot be read"):
            folders.open().inventory()
        with pytest.raises(BackendError):
            folders.open().recover(frozenset())
    journal.write_text(json.dumps({**document, "format": "snapplan.restore/3"}))
    with pytest.raises(NotSupportedError):
        folders.open().inventory()


@as_root
def test_a_clone_reaches_another_filesystem_than_the_store(folders: Folders, mount: Callable[..., None]) -> None:
    mount(folders.base / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    folders.options = {"root": "lab", "store": "small/store"}
    snapshot = folders.take("vm/web")
    with pytest.raises(RefusedError, match="another filesystem"):
        folders.open().restore(restoring(snapshot, "vm/web"))
    folders.open().restore(restoring(snapshot, "vm/web", CLONE, as_name="copy"))
    assert (folders.root / "vms/copy/disk").read_text() == "three"
    assert sorted(path.name for path in (folders.root / "vms").iterdir()) == ["copy", "web"]


@as_root
def test_a_crash_on_another_filesystem_leaves_no_target_and_nothing_to_capture(
    folders: Folders, mount: Callable[..., None], dying: Dying
) -> None:
    mount(folders.base / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    folders.options = {"root": "lab", "store": "small/store"}
    snapshot = folders.take("vm/web")
    request = restoring(snapshot, "vm/web", CLONE, as_name="copy")
    dying.die(folders.settings(), "restore", request, "restore.built")
    assert [each.id for each in folders.open().inventory().targets if each.scope == "vm"] == ["vm/web"]
    cloud = folders.take("cloud")
    assert not list((folders.base / f"small/store/snapshots/cloud/{cloud.name}").rglob(".snapplan-restoring-*"))
    folders.open().recover(frozenset())
    assert sorted(path.name for path in (folders.root / "vms").iterdir()) == ["web"]


@as_root
def test_a_full_disk_undoes_the_restore(folders: Folders, mount: Callable[..., None]) -> None:
    mount(folders.root, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    folders.write(volumes__a__small="small")
    (folders.root / "volumes/a/big").write_bytes(os.urandom(400 << 10))
    snapshot = folders.take("volume/a")
    folders.write(volumes__a__small="changed")
    with pytest.raises(RefusedError, match="No space left"):
        folders.open().restore(restoring(snapshot, "volume/a"))
    assert (folders.root / "volumes/a/small").read_text() == "changed"
    assert folders.open().inventory().restores == ()
    assert _aside(folders) == []


@as_root
def test_what_is_mounted_in_the_target_blocks_it(folders: Folders, mount: Callable[..., None]) -> None:
    snapshot = folders.take("volume/a")
    mount(folders.root / "volumes/a/inside", "--bind", str(folders.root / "vms"))
    with pytest.raises(RefusedError, match="mounted inside"):
        folders.open().restore(restoring(snapshot, "volume/a"))
    assert (folders.root / "vms/web/disk").read_text() == "three"


@as_root
def test_a_user_restores_their_own_folders(open_folder: Path) -> None:
    Folders(open_folder).write(volumes__a__file="one", volumes__a__locked__file="two")
    (open_folder / "lab/volumes/a/locked").chmod(0o555)

    def act() -> None:
        folders = Folders(open_folder)
        snapshot = folders.take("volume/a")
        folders.write(volumes__a__file="spoilt")
        folders.open().restore(restoring(snapshot, "volume/a"))
        assert folders.tree() == {"volumes/a/file": "one", "volumes/a/locked/file": "two"}
        assert _aside(folders) == []
        (folders.root / "volumes").chmod(0o555)
        with pytest.raises(RefusedError, match="may not write"):
            folders.open().restore(restoring(snapshot, "volume/a", restore="restore-2"))

    as_nobody(open_folder, act)


def test_two_targets_of_which_one_holds_the_other_are_not_exchanged_together(folders: Folders) -> None:
    folders.options = {"root": "lab", "volumes": {"inner": "lab/vms/web/inner"}}
    folders.write(vms__web__inner__file="inner")
    snapshot = folders.take("cloud")
    with pytest.raises(RefusedError, match="lies inside"):
        folders.open().restore(restoring(snapshot, "cloud"))


def test_the_journal_says_what_it_is_about(folders: Folders) -> None:
    snapshot = folders.take("volume/a")
    folders.open().restore(restoring(snapshot, "volume/a"))
    document = _journal(folders)
    assert document["state"] == "done"
    assert document["source_address"] == "lab/volume/a@one"
    assert document["target_id"] == "volume/a"


def test_the_outcome_of_a_restore_that_is_not_recorded_is_unknown_and_recovered(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = folders.take("volume/a")
    folders.write(volumes__a__file="spoilt")
    real = Path.replace

    def fail_at_the_end(self: Path, target: Path) -> Path:
        if self.name == "restore-1.json.new" and '"done"' in self.read_text():
            raise OSError(28, "No space left on device", str(self))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fail_at_the_end)
    with pytest.raises(OutcomeUnknownError, match="could not be recorded"):
        folders.open().restore(restoring(snapshot, "volume/a"))
    monkeypatch.undo()
    [recovered] = folders.open().recover(frozenset())
    assert recovered.completed
    assert (folders.root / "volumes/a/file").read_text() == "one"
