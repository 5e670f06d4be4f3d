from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from snapplan.drivers.directory.names import folder_named, name_fault, shown_name
from snapplan.drivers.directory.options import DirectoryOptions
from snapplan.errors import BackendError, UnreachableError

from .folders import Folders

if TYPE_CHECKING:
    from collections.abc import Callable

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _keys(folders: Folders) -> list[str]:
    return [target.id for target in folders.open().inventory().targets]


def test_a_root_has_the_cloud_and_each_folder_below_its_three(folders: Folders) -> None:
    assert _keys(folders) == ["cloud", "tenant/acme", "vm/web", "volume/a", "volume/b"]


def test_an_empty_root_is_a_cloud_without_targets(tmp_path: Path) -> None:
    assert _keys(Folders(tmp_path)) == ["cloud"]


def test_listing_writes_nothing_and_reads_where_it_may_not_write(folders: Folders) -> None:
    inventory = folders.open(read_only=True).inventory()
    assert inventory.snapshots == []
    assert not folders.store.exists()


def test_what_is_no_folder_or_a_store_is_no_target(folders: Folders) -> None:
    folders.write(volumes__file="a file")
    (folders.root / "volumes/lost+found").mkdir()
    (folders.root / "volumes/dangling").symlink_to("nowhere")
    (folders.root / "volumes/.snapplan-restoring-1").mkdir()
    store = folders.root / "volumes/backups"
    store.mkdir()
    (store / "snapplan-store.json").write_text(json.dumps({"format": "snapplan.store/7"}))
    (store / "backends").mkdir()
    (store / "trash").mkdir()
    assert _keys(folders) == ["cloud", "tenant/acme", "vm/web", "volume/a", "volume/b"]
    [notice] = folders.open().inventory().notices
    assert str(store) in notice, "what is left out is said"


def test_a_user_s_own_file_of_the_marker_s_name_hides_nothing(folders: Folders) -> None:
    folders.write(**{"volumes__a__snapplan-store.json": '{"format": "my own"}'})
    assert "volume/a" in _keys(folders)


def test_neither_a_pipe_nor_a_link_of_the_marker_s_name_hides_or_holds_anything(folders: Folders) -> None:
    real = folders.base / "marker"
    real.write_text(json.dumps({"format": "snapplan.store/1"}))
    (folders.root / "volumes/a/snapplan-store.json").symlink_to(real)
    os.mkfifo(folders.root / "volumes/b/snapplan-store.json")
    found: list[str] = []
    listing = threading.Thread(target=lambda: found.extend(_keys(folders)), daemon=True)
    listing.start()
    listing.join(20)
    assert found == ["cloud", "tenant/acme", "vm/web", "volume/a", "volume/b"]


def test_named_paths_carry_their_tags_and_globs_add_tags(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "srv").mkdir()
    (tmp_path / "repository").mkdir()
    folders = Folders(
        tmp_path / "repository",
        store="../store",
        volumes={"etc": {"path": "../etc", "tags": ["system"]}, "srv": str(tmp_path / "srv")},
        tags={"volume/s*": ["web"], "volume/*": ["all"]},
    )
    tags = {target.id: target.tags for target in folders.open().inventory().targets}
    assert tags == {"cloud": frozenset(), "volume/etc": {"system", "all"}, "volume/srv": {"web", "all"}}


def test_a_named_path_that_is_gone_is_no_target_and_one_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    folders = Folders(tmp_path, store="store", volumes={"etc": "etc"})
    assert _keys(folders) == ["cloud"]
    (tmp_path / "etc").write_text("a file")
    with pytest.raises(UnreachableError, match="not a folder"):
        folders.open().inventory()


def test_one_name_for_two_folders_is_an_error_that_names_both(folders: Folders) -> None:
    (folders.base / "other").mkdir()
    folders.options = {"root": "lab", "volumes": {"a": "other"}}
    with pytest.raises(UnreachableError, match=r"volume/a is two folders.*lab/volumes/a.*other"):
        folders.open().inventory()


def test_a_target_inside_the_store_is_an_error(folders: Folders) -> None:
    (folders.store / "inside").mkdir(parents=True)
    folders.options = {"root": "lab", "volumes": {"inside": "lab/.snapplan/inside"}}
    with pytest.raises(UnreachableError, match="lies inside the store"):
        folders.open().inventory()


def test_a_missing_root_reads_as_unreachable_and_not_as_all_gone(tmp_path: Path) -> None:
    folders = Folders(tmp_path, root="elsewhere")
    with pytest.raises(UnreachableError, match="is not there") as caught:
        folders.open().inventory()
    assert caught.value.hint


def test_names_that_are_no_utf_8_are_shown_and_found_again(folders: Folders) -> None:
    Path(os.fsdecode(os.fsencode(folders.root / "volumes") + b"/caf\xe9")).mkdir()
    Path(os.fsdecode(os.fsencode(folders.root / "volumes") + b"/caf\xe9/file")).write_text("odd")
    assert "volume/caf%E9" in _keys(folders)
    snapshot = folders.take("volume/caf%E9")
    assert folders.open().verify(snapshot).differences == ()
    assert folders.snapshots() == [snapshot]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "x" * 256, "ö" * 128, "caf\udce9"])
def test_a_name_that_no_folder_can_have_is_refused(name: str) -> None:
    assert name_fault(name)


@pytest.mark.parametrize("name", ["a", "..a", "x" * 255, "ö" * 127, "a b\n*", "%E9", ".hidden"])
def test_any_other_name_is_good(name: str) -> None:
    assert name_fault(name) == ""


def test_a_name_is_the_folder_of_that_name_before_it_is_another_one_s_shown_name(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    (tmp_path / odd).mkdir()
    assert shown_name(odd) == "caf%E9"
    assert folder_named(tmp_path, "caf%E9").name == odd
    (tmp_path / "caf%E9").mkdir()
    assert folder_named(tmp_path, "caf%E9").name == "caf%E9"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "give a root"),
        ({"volumes": {"a": "x"}}, "store"),
        ({"root": "lab", "volumes": {"../a": "x"}}, "separator"),
        ({"root": "lab", "parallel": 17}, "16"),
        ({"root": "lab", "volums": {}}, "volums"),
        ({"root": "a\0b"}, "NUL"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DirectoryOptions.model_validate(options)


def test_the_schema_of_a_named_path_allows_the_short_form() -> None:
    schema = json.dumps(DirectoryOptions.model_json_schema())
    assert '"anyOf": [{"type": "string"}' in schema


def test_parallel_is_what_the_options_say(folders: Folders) -> None:
    folders.options = {"root": "lab", "parallel": 7}
    assert folders.open().capabilities.parallel == 7


def test_a_target_behind_a_symlink_is_its_real_folder(folders: Folders) -> None:
    (folders.base / "real").mkdir()
    (folders.base / "real/file").write_text("behind")
    (folders.root / "volumes/link").symlink_to(folders.base / "real")
    snapshot = folders.take("volume/link")
    assert (folders.folder_of(snapshot) / "data/file").read_text() == "behind"


@as_root
def test_what_cannot_be_exchanged_says_why(folders: Folders, mount: Callable[..., None]) -> None:
    mount(folders.root / "volumes/other", "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    mount(folders.root / "volumes/a/inside", "--bind", str(folders.root / "vms"))
    blockers = {target.id: target.in_place_blocker for target in folders.open().inventory().targets}
    assert "is a mount point" in blockers["volume/other"]
    assert "something is mounted inside it" in blockers["volume/a"]
    assert blockers["volume/b"] == ""
    assert "volume/" in blockers["cloud"]


@as_root
def test_a_target_on_another_filesystem_than_the_store_is_no_candidate(
    folders: Folders, mount: Callable[..., None]
) -> None:
    mount(folders.base / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    folders.options = {"root": "lab", "store": "small/store"}
    assert "another filesystem" in folders.target("volume/a").in_place_blocker


def test_an_unreadable_listing_is_no_listing(folders: Folders) -> None:
    (folders.root / "vms").rename(folders.root / "vms-was")
    (folders.root / "vms").write_text("a file where a folder was")
    with pytest.raises(BackendError):
        folders.open().inventory()
