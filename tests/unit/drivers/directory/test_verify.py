from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.directory.copy import copy_tree
from snapplan.drivers.directory.manifest import Manifest
from snapplan.drivers.directory.verify import verify_tree
from snapplan.models.request import Difference

if TYPE_CHECKING:
    from pathlib import Path


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
