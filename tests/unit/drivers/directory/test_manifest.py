from __future__ import annotations

import json
import os
import stat
import time
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory.copy import copy_tree
from snapplan.drivers.directory.manifest import (
    Difference,
    Entry,
    Manifest,
    ManifestError,
    read_manifest,
    verify_tree,
    write_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENTRIES = (
    Entry(".", "directory", 0, 1, 0o755, 0, 0),
    Entry("plain", "file", 12, 1_700_000_000_123_456_789, 0o644, 1000, 1000),
    Entry("odd\udcff\n\"\\'\x00é", "file", 1, -5, 0o4755, 0, 0, link=3, sha256="ab" * 32),
    Entry("link", "symlink", 0, 2, 0o777, 0, 0, target="/away\udc80"),
    Entry("pipe", "fifo", 0, 2, 0o600, 4294967294, 0),
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m", ENTRIES, hashes=True)
    assert read_manifest(tmp_path / "m") == Manifest(ENTRIES, hashes=True)


def test_each_line_is_json_that_explains_itself(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m", ENTRIES)
    header, *rows = [json.loads(line) for line in (tmp_path / "m").read_text().split("\n")[:-1]]
    assert header == {"format": "snapplan.manifest/1", "hashes": False, "entries": 5}
    assert rows[1] == {
        "path": "plain",
        "type": "file",
        "size": 12,
        "mtime_ns": 1_700_000_000_123_456_789,
        "mode": "0644",
        "uid": 1000,
        "gid": 1000,
    }
    assert rows[3]["target"] == "/away\udc80"


def test_a_manifest_is_never_overwritten(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m", ENTRIES)
    with pytest.raises(FileExistsError):
        write_manifest(tmp_path / "m", ())


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "\0" * len(text),
        lambda text: text[:-30],
        lambda text: text[: text.rindex('{"path"')],
        lambda text: text.replace('"size":12', '"size":"12"'),
        lambda text: text.replace('"mode":"0644",', ""),
        lambda text: text.replace("manifest/1", "manifest/2"),
        lambda text: "[]\n",
        lambda text: text.replace("plain", "pläin"),
    ],
)
def test_a_damaged_manifest_is_an_error(tmp_path: Path, damage: Callable[[str], str]) -> None:
    write_manifest(tmp_path / "m", ENTRIES)
    (tmp_path / "m").write_text(damage((tmp_path / "m").read_text()))
    with pytest.raises(ManifestError, match="manifest"):
        read_manifest(tmp_path / "m")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_bytes(b"content")
    (folder / "one").write_bytes(b"linked")
    os.link(folder / "one", folder / "two")
    (folder / "link").symlink_to("one")
    return folder


@pytest.fixture
def manifest(tree: Path, tmp_path: Path) -> Manifest:
    report = copy_tree(tree, tmp_path / "copy", hashes=True)
    return Manifest(report.entries, hashes=True)


def found(tree: Path, manifest: Manifest, *, hashes: bool | None = None, owners: bool = False) -> set[tuple[str, str]]:
    return {(d.path, d.what) for d in verify_tree(tree, manifest, hashes=hashes, owners=owners)}


def test_an_equal_tree_has_no_differences(tree: Path, manifest: Manifest) -> None:
    assert verify_tree(tree, manifest, owners=True) == []


def test_missing_and_extra(tree: Path, manifest: Manifest) -> None:
    times = tree.stat()
    (tree / "link").unlink()
    (tree / "new").mkdir()
    os.utime(tree, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert verify_tree(tree, manifest) == [Difference("link", "missing"), Difference("new", "extra")]


def test_each_property_is_compared(tree: Path, manifest: Manifest) -> None:
    file = tree / "sub" / "file"
    times = file.stat()
    file.write_bytes(b"CONTENT")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert found(tree, manifest) == {("sub/file", "hash")}
    assert found(tree, manifest, hashes=False) == set()
    file.write_bytes(b"longer content")
    file.chmod(0o600)
    os.utime(file, ns=(0, 1))
    assert found(tree, manifest, hashes=False) == {("sub/file", "size"), ("sub/file", "mtime"), ("sub/file", "mode")}


def test_a_broken_hard_link_and_a_moved_symlink(tree: Path, manifest: Manifest) -> None:
    times = tree.stat(), (tree / "one").stat(), (tree / "link").lstat()
    (tree / "two").unlink()
    (tree / "two").write_bytes(b"linked")
    (tree / "two").chmod(stat.S_IMODE(times[1].st_mode))
    (tree / "link").unlink()
    (tree / "link").symlink_to("two")
    os.utime(tree / "two", ns=(0, times[1].st_mtime_ns))
    os.utime(tree / "link", ns=(0, times[2].st_mtime_ns), follow_symlinks=False)
    os.utime(tree, ns=(0, times[0].st_mtime_ns))
    assert found(tree, manifest) == {("one", "link"), ("two", "link"), ("link", "target")}


def test_a_folder_that_became_a_symlink_is_not_followed(tree: Path, manifest: Manifest, tmp_path: Path) -> None:
    (tree / "sub").rename(tmp_path / "sub")
    (tree / "sub").symlink_to(tmp_path / "sub")
    assert {("sub", "type"), ("sub/file", "missing")} <= found(tree, manifest)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_owners_are_compared_where_asked(tree: Path, manifest: Manifest) -> None:
    os.chown(tree / "sub", 5, 6)
    assert found(tree, manifest) == set()
    assert found(tree, manifest, owners=True) == {("sub", "owner")}


def test_hashes_that_are_not_there_cannot_be_verified(tree: Path) -> None:
    with pytest.raises(ValueError, match="no hashes"):
        verify_tree(tree, Manifest((), hashes=False), hashes=True)


def test_a_thousand_entries_cost_a_few_milliseconds(tmp_path: Path) -> None:
    entries = [Entry(f"folder/file-{n}", "file", n, n, 0o644, 0, 0) for n in range(1000)]
    times = []
    for number in range(5):
        start = time.process_time()
        write_manifest(tmp_path / f"m{number}", entries)
        times.append(time.process_time() - start)
    assert min(times) < 0.02
